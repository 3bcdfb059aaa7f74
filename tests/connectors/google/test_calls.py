"""Asking Google, against the simulation on loopback: paging, batches, tokens by scope, repetitions, refusals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.google.calls import GoogleClient
from connectors.google.session import Access, open_session
from sandbox.clock import SimulatedClock
from sandbox.faults import FaultPlan
from sandbox.google.calls import Call, paged
from sandbox.google.identity import Identity
from sandbox.google.server import GoogleServer
from schemas.errors import (
    ClockSkew,
    ConfigurationError,
    EndpointRefused,
    IncompletePopulation,
    NotLicensed,
    PermissionDenied,
    RetriableError,
    SchemaDrift,
)

NOW = datetime(2026, 7, 1, tzinfo=UTC)
AUTH = "https://www.googleapis.com/auth/"
SCOPES = {
    "directory.users.list": AUTH + "admin.directory.user.readonly",
    "directory.tokens.list": AUTH + "admin.directory.user.security",
    "logging.entries.list": AUTH + "logging.read",
}
USERS = [{"id": str(number), "primaryEmail": f"u{number}@acme.example"} for number in range(1201)]


class _Rights:
    def scope(self, method: str) -> str:
        return SCOPES[method]

    def privilege(self, method: str) -> str:
        return f"privilege for {method}"


def _users(call: Call) -> dict[str, Any]:
    return paged(call, USERS, "users")


def _tokens(call: Call) -> dict[str, Any]:
    return {"items": [{"clientId": "app", "userKey": call.text("userKey")}]}


def _entries(call: Call) -> dict[str, Any]:
    return paged(call, [{"insertId": str(n)} for n in range(250)], "entries", size="pageSize", most=1000)


@dataclass
class _Google:
    server: GoogleServer
    plan: FaultPlan
    clock: SimulatedClock
    key: Path

    def spoil(self, match: str, kind: str, **more: Any) -> None:
        self.plan.replace([{"source": "google", "match": match, "kind": kind, **more}])

    def client(self, **more: Any) -> GoogleClient:
        access = Access(
            "google", "C01", _Rights(), "reads", "directory", delegate="auditor@acme.example", api_url=self.server.url
        )
        environ = {"GOOGLE_APPLICATION_CREDENTIALS": str(self.key)}
        return open_session(access, environ, now=self.clock.now, pause=lambda _: None, **more).client


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Google]:
    clock, plan = SimulatedClock(NOW, running=False), FaultPlan()
    identity = Identity("reader@acme.iam.gserviceaccount.com", "acme", lambda email, _: email.startswith("auditor"))
    handlers = {"directory.users.list": _users, "directory.tokens.list": _tokens, "logging.entries.list": _entries}
    server = GoogleServer([handlers], identity, clock, plan)
    key = tmp_path_factory.mktemp("google") / "key.json"
    key.write_bytes(orjson.dumps(server.key_file()))
    yield _Google(server, plan, clock, key)
    server.close()


@pytest.fixture
def google(served: _Google) -> _Google:
    served.plan.replace([])
    served.plan.forget_requests()
    served.clock.set(NOW)
    served.server.identity.withheld.clear()
    return served


def _listed(client: GoogleClient) -> list[str]:
    pages = client.pages("directory.users.list", customer="C01", maxResults=500)
    return [user["id"] for page in pages for user in page.parsed.get("users", [])]


def test_every_page_is_read_and_one_token_serves_them_all(google: _Google) -> None:
    client = google.client()
    assert _listed(client) == [user["id"] for user in USERS]
    assert google.plan.requests()["google"] == {"directory.users.list": 3, "token": 1}
    assert client.requests == 4


def test_pages_of_a_method_with_a_body_go_on_in_the_body(google: _Google) -> None:
    body = {"resourceNames": ["projects/acme"], "pageSize": 100}
    pages = list(google.client().pages("logging.entries.list", body=body))
    assert [len(page.parsed["entries"]) for page in pages] == [100, 100, 50]


def test_a_batch_gives_each_caller_its_own_answer_and_counts_each_part(google: _Google) -> None:
    client = google.client()
    asked = [{"userKey": user["primaryEmail"]} for user in USERS]
    answers = client.batch("directory.tokens.list", asked)
    assert [answer.parsed["items"][0]["userKey"] for answer in answers] == [one["userKey"] for one in asked]
    assert client.requests == 14
    assert client.counted == 1202


def test_parts_of_a_batch_that_hit_a_limit_are_asked_again(google: _Google) -> None:
    google.spoil("directory.tokens.list", "rate_limited", times=130)
    asked = [{"userKey": user["primaryEmail"]} for user in USERS[:250]]
    answers = google.client().batch("directory.tokens.list", asked)
    assert [answer.parsed["items"][0]["userKey"] for answer in answers] == [one["userKey"] for one in asked]


def test_a_part_of_a_batch_that_is_denied_is_raised(google: _Google) -> None:
    google.spoil("directory.tokens.list", "forbidden", after=3)
    with pytest.raises(PermissionDenied) as denied:
        google.client().batch("directory.tokens.list", [{"userKey": user["id"]} for user in USERS[:10]])
    assert denied.value.permission == "privilege for directory.tokens.list"


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("rate_limited", {"times": 3}), ("rate_limited", {"status": 429, "retry_after": 2}), ("server_error", {}),
        ("connection_reset", {"times": 2}), ("truncated_body", {}), ("unauthorized", {}),
    ],
)  # fmt: skip
def test_what_passes_is_repeated_and_nothing_is_lost(google: _Google, kind: str, more: dict[str, Any]) -> None:
    google.spoil("directory.users.list", kind, **more)
    assert len(_listed(google.client())) == len(USERS)


@pytest.mark.parametrize(
    ("kind", "more", "error", "permission"),
    [
        ("forbidden", {}, PermissionDenied, "privilege for directory.users.list"),
        ("forbidden", {"code": "accessNotConfigured"}, PermissionDenied, "enabled API admin.googleapis.com"),
        ("forbidden", {"code": "insufficientPermissions"}, PermissionDenied, SCOPES["directory.users.list"]),
        ("forbidden", {"code": "notLicensed"}, NotLicensed, None),
        ("unauthorized", {}, PermissionDenied, "valid credentials"),
        ("server_error", {}, RetriableError, None),
        ("wrong_date", {"seconds": 600}, ClockSkew, None),
        ("empty_page", {}, IncompletePopulation, None),
        ("error", {}, SchemaDrift, None),
    ],
)
def test_what_stays_is_named(
    google: _Google, kind: str, more: dict[str, Any], error: type[Exception], permission: str | None
) -> None:
    google.spoil("directory.users.list", kind, times=None, **more)
    with pytest.raises(error) as raised:
        _listed(google.client())
    assert getattr(raised.value, "permission", None) == permission


def test_a_scope_that_nobody_delegated_is_named_before_anything_is_asked_with_it(google: _Google) -> None:
    google.server.identity.withheld.add(SCOPES["directory.tokens.list"])
    client = google.client()
    assert len(_listed(client)) == len(USERS)
    with pytest.raises(PermissionDenied) as denied:
        client.ask("directory.tokens.list", userKey="1")
    assert denied.value.permission == SCOPES["directory.tokens.list"]
    assert "directory.tokens.list" not in google.plan.requests()["google"]


def test_a_token_that_ended_is_renewed(google: _Google) -> None:
    client = google.client()
    _listed(client)
    google.clock.set(datetime(2026, 7, 9, tzinfo=UTC))
    assert len(_listed(client)) == len(USERS)


def test_an_assertion_of_another_hour_is_a_matter_of_the_clock(google: _Google) -> None:
    # The server finds the assertion an hour old, as it does where the clock of this machine is behind.
    ahead = SimulatedClock(datetime(2026, 6, 30, 22, tzinfo=UTC), running=False)
    behind = _Google(google.server, google.plan, ahead, google.key)
    with pytest.raises(ClockSkew):
        _listed(behind.client())


def test_the_server_refuses_what_the_document_does_not_allow(google: _Google) -> None:
    with pytest.raises(SchemaDrift):
        google.client().ask("directory.users.list", customer="C01", maxResults=501)


def test_a_method_without_a_handler_is_no_empty_answer(google: _Google, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCOPES, "directory.groups.list", AUTH + "admin.directory.group.readonly")
    with pytest.raises(SchemaDrift):
        google.client().ask("directory.groups.list", customer="C01")


def test_a_key_file_that_leads_elsewhere_is_refused_before_anything_is_sent(google: _Google, tmp_path: Path) -> None:
    content = orjson.loads(google.key.read_bytes()) | {"token_uri": "https://oauth2.evil.example/token"}
    other = _Google(google.server, google.plan, google.clock, tmp_path / "key.json")
    other.key.write_bytes(orjson.dumps(content))
    with pytest.raises(EndpointRefused):
        other.client(resolve=lambda *_: ["203.0.113.7"])
    other.key.write_bytes(orjson.dumps(content | {"token_uri": "https://oauth2.googleapis.com/token"}))
    with pytest.raises(EndpointRefused, match="two worlds"):
        other.client(resolve=lambda *_: [])


def test_credentials_that_are_none_say_so(google: _Google, tmp_path: Path) -> None:
    other = _Google(google.server, google.plan, google.clock, tmp_path / "key.json")
    with pytest.raises(ConfigurationError, match="can't be read"):
        other.client()
    other.key.write_text('{"type": "authorized_user"}')
    with pytest.raises(ConfigurationError, match="no key file of a service account"):
        other.client()
