"""What the conformance suite has to know of each system: how its answers are altered on their way, how its pages become
small, how it says that a plan lacks a feature. One entry for a system; of a dataset it knows nothing.

The sources run in this process (`WholeCompany`), so an answer is altered where the simulated server hands it out.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import threading
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from sandbox.faults import FaultPlan, Source

Alter = Callable[[str, bytes], bytes]
"""Operation and body of a good answer to the body that is sent."""


@dataclass(frozen=True)
class Bench:
    """One system under test."""

    source: Source
    """Whose faults it meets (`sandbox.faults`)."""
    unlicensed: Mapping[str, Any]
    """The fault by which the source says that the plan lacks what is asked for."""
    server: Callable[[], tuple[Any, str]]
    """Class and method that hand out answers."""
    paging: Callable[[int], list[tuple[Any, str, Any]]]
    """Module, name and stand-in of what cuts pages."""
    keeps_sessions: bool = False
    """Whether one session may serve many readings: its client keeps nothing of what it read, and is slow to make."""

    @contextlib.contextmanager
    def small_pages(self, size: int) -> Generator[None]:
        """Every list comes `size` items at a time."""
        with contextlib.ExitStack() as stack:
            for owner, name, stand_in in self.paging(size):
                stack.enter_context(patch.object(owner, name, stand_in))
            yield

    @contextlib.contextmanager
    def altering(self, alter: Alter) -> Generator[None]:
        """Every good answer goes through `alter` before it is sent."""
        owner, name = self.server()
        answer = getattr(owner, name)
        asked = threading.local()
        take = FaultPlan.take

        def noting(plan: FaultPlan, source: Source, operation: str, path: str) -> Any:
            asked.operation = operation
            return take(plan, source, operation, path)

        def altered(*arguments: Any, **named: Any) -> Any:
            reply = answer(*arguments, **named)
            if reply.status != 200:
                return reply
            body = alter(asked.operation, reply.body)
            if body is reply.body:
                return reply
            if dataclasses.fields(reply) and type(reply).__dataclass_params__.frozen:
                return dataclasses.replace(reply, body=body)
            reply.body = body
            return reply

        with patch.object(FaultPlan, "take", noting), patch.object(owner, name, altered):
            yield


# --- AWS --------------------------------------------------------------------------------------------------------------


def _aws_server() -> tuple[Any, str]:
    from sandbox.aws import server

    return server._State, "answer"  # pyright: ignore[reportPrivateUsage] - a stand-in is put there


def _aws_paging(size: int) -> list[tuple[Any, str, Any]]:
    from sandbox.aws.paging import cut

    def small(operation: str, total: int, limit: int, marker: str | None, fault: Any) -> Any:
        return cut(operation, total, min(limit, size), marker, fault)

    return [(module, "cut", small) for module in _modules("sandbox.aws.", "cut", cut)]


# --- GitHub -----------------------------------------------------------------------------------------------------------


def _github_server() -> tuple[Any, str]:
    from sandbox.github.server import GitHubApplication

    return GitHubApplication, "reply"


def _github_paging(size: int) -> list[tuple[Any, str, Any]]:
    """REST lists by what the connector asks for, because it goes by that too; connections by what GitHub gives."""
    from sandbox.github.paging import page_of

    def small(listing: Any, args: dict[str, Any]) -> Any:
        return page_of(
            listing, {**args, **{name: min(args[name], size) for name in ("first", "last") if args.get(name)}}
        )

    asked = [(module, "_PER_PAGE", size) for module in _modules("connectors.github.", "_PER_PAGE", 100)]
    return [*asked, *((module, "page_of", small) for module in _modules("sandbox.github.", "page_of", page_of))]


# --- Google -----------------------------------------------------------------------------------------------------------


def _google_server() -> tuple[Any, str]:
    from sandbox.google.server import GoogleApplication

    return GoogleApplication, "_one"


def _google_paging(size: int) -> list[tuple[Any, str, Any]]:
    from sandbox.google.calls import paged

    def small(call: Any, items: Any, key: str, **more: Any) -> Any:
        asked = {**call.parameters, more.get("size", "maxResults"): size}
        return paged(dataclasses.replace(call, parameters=asked), items, key, **more)

    return [(module, "paged", small) for module in _modules("sandbox.google.", "paged", paged)]


# --- trackers of tickets ----------------------------------------------------------------------------------------------


def _tracker_server() -> tuple[Any, str]:
    from sandbox.trackers.serving import TrackerApplication

    return TrackerApplication, "reply"


def _tracker_paging(size: int) -> list[tuple[Any, str, Any]]:
    from sandbox.trackers.serving import page_of

    def small(items: Any, start: int, length: int, fault: Any) -> Any:
        return page_of(items, start, min(length, size), fault)

    return [(module, "page_of", small) for module in _modules("sandbox.trackers.", "page_of", page_of)]


def _modules(under: str, name: str, value: Any) -> list[Any]:
    """The loaded modules that hold a value by that name."""
    return [
        module for loaded, module in list(sys.modules.items())
        if loaded.startswith(under) and getattr(module, name, None) == value
    ]  # fmt: skip


_GOOGLE = Bench(
    source="google",
    unlicensed={"kind": "forbidden", "code": "notLicensed", "message": "The customer is not licensed for this."},
    server=_google_server,
    paging=_google_paging,
)
BENCHES: Mapping[str, Bench | None] = {
    "aws": Bench(
        source="aws",
        unlicensed={
            "kind": "error", "status": 403, "code": "SubscriptionRequiredException",
            "message": "The AWS Access Key Id needs a subscription for the service",
        },
        server=_aws_server,
        paging=_aws_paging,
        keeps_sessions=True,
    ),
    "github": (
        _GITHUB := Bench(
            source="github",
            unlicensed={
                "kind": "forbidden",
                "message": "Upgrade to GitHub Pro or make this repository public to enable this feature.",
            },
            server=_github_server,
            paging=_github_paging,
        )
    ),
    "ticketing": _GITHUB,
    "ticketing.access_requests": Bench(
        source="jira",
        unlicensed={"kind": "forbidden", "message": "The license of this Jira does not cover the account."},
        server=_tracker_server,
        paging=_tracker_paging,
    ),
    "ticketing.alert_triage": Bench(
        source="pagerduty",
        unlicensed={"kind": "error", "status": 402, "message": "The account lacks the ability to do this."},
        server=_tracker_server,
        paging=_tracker_paging,
    ),
    "google": _GOOGLE,
    "gcp": _GOOGLE,
    "hr": None,
    "own": None,
}  # fmt: skip
"""By system, or by dataset where the furnished company keeps tickets elsewhere than at GitHub. None: files and hosts of
the company's own, whose faults are in `own_faults`."""
