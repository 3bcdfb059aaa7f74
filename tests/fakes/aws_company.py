"""Small simulated AWS companies for tests, and a connection of the collector to them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest

from connectors.aws.extractors import EXTRACTORS
from connectors.aws.session import AccountAccess, open_session
from sandbox.aws.server import RunningServer, start
from sandbox.clock import SimulatedClock
from sandbox.faults import FaultPlan
from schemas.extraction import ItemClaim, Request, Session
from schemas.scope import ScopeItem
from tests.fakes.memory_sink import MemorySink

PROD = "111122223333"
STAGING = "444455556666"
START = datetime(2026, 4, 1, 6, 0, tzinfo=UTC)
LONG_AGO = "2024-01-10T09:00:00Z"
ADMIN_POLICY = "arn:aws:iam::aws:policy/AdministratorAccess"

AWS_VARIABLES = (
    "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_IAM", "AWS_ENDPOINT_URL_STS", "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "https_proxy",
    "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy",
)  # fmt: skip


def statement(action: Any, resource: Any = "*", effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def document(*statements: Mapping[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [dict(entry) for entry in statements]}


def user(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "created": LONG_AGO, **more}


def role(name: str, trusted: str, **more: Any) -> dict[str, Any]:
    trust = document({"Effect": "Allow", "Principal": {"AWS": trusted}, "Action": "sts:AssumeRole"})
    return {"name": name, "created": LONG_AGO, "trust": trust, **more}


def account(account_id: str = PROD, *, reader: str = PROD, **more: Any) -> dict[str, Any]:
    """An account that the reader may read."""
    roles = [role("evidence-reader", f"arn:aws:iam::{reader}:root"), *more.pop("roles", [])]
    return {
        "id": account_id, "name": f"account-{account_id}", "created": LONG_AGO,
        "email": f"aws+{account_id}@acme.example", "roles": roles, **more,
    }  # fmt: skip


def company(
    *accounts: Mapping[str, Any],
    events: Sequence[Mapping[str, Any]] = (),
    organisation: Mapping[str, Any] | None = None,
    records: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    content: dict[str, Any] = {"reader": {"account": PROD}, "accounts": list(accounts), "events": list(events)}
    if records:
        content["records"] = [dict(entry) for entry in records]
    if organisation is not None:
        content["organisation"] = dict(organisation)
    return content


def organisation(**more: Any) -> dict[str, Any]:
    return {"id": "o-acmeexample1", "root": "r-ab12", "management_account": PROD, **more}


@dataclass
class Simulated:
    """A running simulated AWS and the collector's way to it."""

    server: RunningServer
    clock: SimulatedClock
    plan: FaultPlan

    def session(self, *account_ids: str, attempts: int = 4, pause: Callable[[float], None] = lambda _: None) -> Session:
        wanted = account_ids or (PROD,)
        access = [AccountAccess(entry, f"arn:aws:iam::{entry}:role/evidence-reader") for entry in wanted]
        return open_session(access, now=self.clock.now, pause=pause, attempts=attempts)

    def collect(
        self,
        *datasets: str,
        item: str = f"aws:{PROD}",
        session: Session | None = None,
        known_items: Iterable[str] | None = None,
        interval: tuple[datetime, datetime] | None = None,
    ) -> tuple[list[ItemClaim], MemorySink]:
        """Run the extractor of the datasets for one item; the sink is new."""
        sink = MemorySink()
        known = None if known_items is None else frozenset(known_items)
        start, end = interval or (None, None)
        request = Request(frozenset(datasets), ScopeItem(item, item, "aws"), start, end, known_items=known)
        claims = EXTRACTORS[datasets[0]](session or self.session(), request, sink)
        assert [claim.dataset for claim in claims] == list(datasets)
        return claims, sink


class SimulatedAws:
    """Starts simulated companies for a test; set up as a fixture that closes them."""

    def __init__(self, folder: Path, environ: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._environ = environ
        self._running: list[RunningServer] = []
        for name in AWS_VARIABLES:
            environ.delenv(name, raising=False)
        environ.setenv("AWS_CONFIG_FILE", str(folder / "no-config"))
        environ.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "no-credentials"))
        environ.setenv("AWS_EC2_METADATA_DISABLED", "true")

    def start(
        self, content: Mapping[str, Any] | None = None, *, now: datetime = START, folder: Path | None = None,
        iam_file: Path | None = None,
    ) -> Simulated:  # fmt: skip
        clock = SimulatedClock(now, running=False)
        plan = FaultPlan()
        if content is not None:
            folder = self._folder / f"company-{len(self._running)}"
            folder.mkdir()
            # JSON is YAML, and made in no time.
            (folder / "aws.yaml").write_text(json.dumps(content, default=str), encoding="utf-8")
        server = start(folder, clock, plan, iam_file=iam_file)
        self._running.append(server)
        self._environ.setattr(boto3, "DEFAULT_SESSION", None)  # it would remember the credentials of the last one
        for name, value in server.environment.items():
            self._environ.setenv(name, value)
        return Simulated(server, clock, plan)

    def close(self) -> None:
        for server in self._running:
            server.close()
