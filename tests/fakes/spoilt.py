"""Ways in which a source can fail, as rules for the sandbox's plan of faults: every kind there is, at least once."""

from __future__ import annotations

import contextlib
import functools
import typing
import zlib
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from sandbox.faults import CONDITIONS, Kind, Source
from tests.fakes.whole_company import WholeCompany

KINDS: tuple[str, ...] = typing.get_args(Kind)
EVER: dict[str, Any] = {"times": None}

VARIANTS: dict[str, list[dict[str, Any]]] = {
    "unauthorized": [EVER],
    "forbidden": [EVER],
    "not_found": [EVER],
    "rate_limited": [{"times": 2}, EVER],
    "secondary_limit": [{"times": 2}],
    "server_error": [{"times": 2}, EVER],
    "error": [EVER],
    "graphql_error": [{"code": "FORBIDDEN", **EVER}, {"code": "RATE_LIMITED", "times": 1}, {"code": "TIMEOUT", **EVER}],
    "truncated_page": [{}, {"after": 1}],
    "empty_page": [{}, EVER],
    "lying_last_page": [{}, {"after": 1}],
    "shifting_list": [{"after": 1}],
    "slow_body": [{"ms": 2}],
    "connection_reset": [{}],
    "truncated_body": [{}, EVER],
    "latency": [{"ms": 1, **EVER}],
    "fewer_repositories": [{"repositories": ["*"], **EVER}],
    "wrong_date": [{"seconds": 600, **EVER}],
}
"""What a rule of each kind says beside kind, source and operation."""

SILENT = frozenset({"truncated_page", "lying_last_page"})
"""Kinds that take rows away without any sign. Only a second figure of the source gives them away."""

_ALWAYS = frozenset(
    {"truncated_page", "empty_page", "lying_last_page", "shifting_list", "wrong_date", "fewer_repositories"}
)
_OF_GITHUB = frozenset({"graphql_error", "fewer_repositories"})


@dataclass(frozen=True)
class Spoilt:
    """One way to fail. `begin` makes a context within which the source does."""

    name: str
    begin: Callable[[], AbstractContextManager[None]]
    silent: bool = False
    clock: bool = False


def of_source(company: WholeCompany, source: Source, operations: Sequence[str], seed: str) -> list[Spoilt]:
    """Ways to fail for one pass. Which operation each meets, and in which variant, depends on `seed` alone.

    Every page kind, because each list is read by code of its own. What happens to a request or its connection is
    handled in one place of each connector for all that it reads, so a pass meets a quarter of those kinds, and the
    passes of a system meet them all between them, in each variant.
    """
    found: list[Spoilt] = []
    first = turn = zlib.crc32(seed.encode())
    for number, (kind, variants) in enumerate(VARIANTS.items()):
        if kind in _OF_GITHUB and source != "github":
            continue
        if kind not in _ALWAYS and (number + first) % 4:
            continue
        # Queries are named by one word, and REST operations of GitHub by method and path.
        meeting = [one for one in operations if " " not in one] if kind == "graphql_error" else operations
        if meeting:
            variant = variants[turn % len(variants)]
            turn += 1
            operation = "*" if kind in CONDITIONS else meeting[turn % len(meeting)]
            rule: dict[str, Any] = {"source": source, "kind": kind, "match": operation, **variant}
            said = ", ".join(f"{name}={value}" for name, value in variant.items())
            found.append(
                Spoilt(
                    f"{kind}({said}) of {operation}", functools.partial(plan, company, rule), kind in SILENT,
                    kind == "wrong_date",
                )
            )  # fmt: skip
    return found


@contextlib.contextmanager
def plan(company: WholeCompany, *rules: dict[str, Any]) -> Generator[None]:
    """The rules in force for the length of the block."""
    company.plan.replace([dict(rule) for rule in rules])
    try:
        yield
    finally:
        company.plan.replace([])
