"""What was done in the organisation, by its audit log or by the webhooks that a receiver kept."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cli.main import run
from connectors.github.client import client_of
from connectors.github.deliveries import AUDITED, Archive
from connectors.github.extractors import EXTRACTORS
from connectors.github.permissions import least_app_permissions
from connectors.github.probes import PROBES
from connectors.github.receiver import Receiver
from sandbox.github.model import AuditEntry, Delivery, Hook, Organisation
from sandbox.github.times import epoch
from sandbox.github.world import World
from schemas.errors import NotLicensed, PermissionDenied, SchemaDrift
from schemas.extraction import ItemClaim
from tests.fakes.local_github import NOW, LocalGithub, local_github
from tests.fakes.memory_sink import MemorySink

DAY = timedelta(days=1)
START, END = NOW - 2 * DAY, NOW
SECRET = b"a secret of the webhook"
EVENTS = 150
HOOK = "41"


def guid(number: int) -> str:
    return f"{number:08d}-0000-4000-8000-000000000000"


def build(world: World, organisation: Organisation) -> None:
    bob = world.account("bob", name="Bob")
    for number in range(EVENTS):
        at = epoch(START) + number * 600
        organisation.audit.append(
            AuditEntry(f"doc-{number:04}", at, "org.add_member", bob,
                       {"user": f"person-{number}", "hashed_token": "c2VjcmV0", "token_id": 7, "permission": "read"})
        )  # fmt: skip
    organisation.audit.append(AuditEntry("git-1", epoch(START) + 60, "git.clone", bob, {}, git=True))
    organisation.audit.append(AuditEntry("old-1", epoch(START - 9 * DAY), "org.add_member", bob, {"user": "old"}))
    hook = Hook(int(HOOK), "https://evidence.example", ["*"], epoch(START - 30 * DAY))
    for number in range(EVENTS):
        hook.deliveries.append(sent(number))
    hook.deliveries.append(Delivery(9_999, guid(9_999), epoch(START), "push", None, {}))
    organisation.hooks.append(hook)


def at_of(number: int) -> datetime:
    return START + timedelta(seconds=600 * number)


def sent(number: int) -> Delivery:
    payload = {
        "action": "member_added", "membership": {"user": {"login": f"person-{number}"}, "role": "member"},
        "sender": {"login": "bob", "id": 5}, "organization": {"login": "acme"}, "token": "ghp_secret",
    }  # fmt: skip
    return Delivery(number + 1, guid(number), epoch(at_of(number)), "organization", "member_added", payload)


@pytest.fixture(scope="module")
def running() -> Iterator[LocalGithub]:
    with local_github(build) as github:
        yield github


@pytest.fixture(autouse=True)
def as_built(running: LocalGithub) -> Iterator[None]:
    yield
    running.plan.replace([])
    running.organisation.plan = "team"


def read(
    running: LocalGithub, start: datetime = START, end: datetime = END, *, archive: Path | None = None, **session: Any
) -> tuple[list[dict[str, Any]], ItemClaim]:
    opened = running.session(**session)
    opened = replace(opened, client=replace(client_of(opened), archive=archive))
    sink = MemorySink()
    [claim] = EXTRACTORS["github.audit_events"](opened, running.organisation_request("audit_events", start, end), sink)
    rows = sink.of("github.audit_events")
    kept = json.dumps(rows, default=str) + "".join(answer.body.decode() for answer in sink.answers)
    assert "c2VjcmV0" not in kept
    assert "ghp_secret" not in kept
    return rows, claim


# --- audit log


def test_the_audit_log_week_by_week(running: LocalGithub) -> None:
    running.organisation.plan = "enterprise"
    rows, claim = read(running, plan="enterprise_cloud")
    assert len(rows) == EVENTS
    assert {row["found_in"] for row in rows} == {"audit_log"}
    assert (rows[0]["action"], rows[0]["subject_login"], rows[0]["token_id"]) == ("org.add_member", "person-0", 7)
    assert claim.complete_from is None
    rows, _ = read(running, START - 15 * DAY, END, plan="enterprise_cloud")
    assert len(rows) == EVENTS + 1


def test_what_the_log_has_forgotten_is_not_claimed(running: LocalGithub) -> None:
    running.organisation.plan = "enterprise"
    _, claim = read(running, NOW - 190 * DAY, NOW - 170 * DAY, plan="enterprise_cloud")
    assert claim.complete_from == NOW - 180 * DAY


def test_a_name_of_another_type_is_no_name(running: LocalGithub) -> None:
    running.organisation.plan = "enterprise"
    bob = running.world.account("bob", name="Bob")
    told = AuditEntry("doc-of-several", epoch(START) + 30, "integration_installation.create", bob, {})
    running.organisation.audit.append(told)
    try:
        told.fields["repo"] = ["acme/api", "acme/web"]
        rows, _ = read(running, plan="enterprise_cloud")
        assert [row["repo_name"] for row in rows if row["repo_name"]] == ["acme/api, acme/web"]
        for name, wrong in (("repo", {"name": "acme/api"}), ("user", {"login": "bob"}), ("actor_location", "DE")):
            told.fields.clear()
            told.fields[name] = wrong
            with pytest.raises(SchemaDrift):
                read(running, plan="enterprise_cloud")
    finally:
        running.organisation.audit.remove(told)


@pytest.mark.parametrize("kind", ["truncated_page", "lying_last_page", "server_error", "secondary_limit"])
def test_a_fault_costs_no_event(running: LocalGithub, kind: str) -> None:
    running.organisation.plan = "enterprise"
    for number in (2, 3, 4):
        running.plan.replace([{"source": "github", "kind": kind, "times": 1, "after": number, "items": 2}])
        assert len(read(running, plan="enterprise_cloud")[0]) == EVENTS


def test_the_least_right_is_enough_and_needed(running: LocalGithub, tmp_path: Path) -> None:
    running.organisation.plan = "enterprise"
    item = running.organisation_request("audit_events").item
    granted = least_app_permissions(["github.audit_events"])
    for permissions in (granted, {"metadata": "read"}):
        environ = running.app_environ(tmp_path, permissions)
        try:
            if permissions == granted:
                assert len(read(running, plan="enterprise_cloud", environ=environ)[0]) == EVENTS
                PROBES["github.audit_events"](running.session(plan="enterprise_cloud", environ=environ), item)
                continue
            with pytest.raises(PermissionDenied):
                read(running, plan="enterprise_cloud", environ=environ)
            with pytest.raises(PermissionDenied):
                PROBES["github.audit_events"](running.session(plan="enterprise_cloud", environ=environ), item)
        finally:
            running.organisation.installations.pop()


# --- webhooks


def signature(body: bytes, secret: bytes = SECRET) -> str:
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


def headers(number: int, body: bytes, event: str = "organization") -> dict[str, str]:
    return {
        "x-github-delivery": guid(number), "x-github-event": event, "x-github-hook-id": HOOK,
        "x-hub-signature-256": signature(body),
    }  # fmt: skip


def deliver(receiver: Receiver, one: Delivery) -> int:
    body = json.dumps(one.payload).encode()
    number = int(one.guid[:8])
    receiver.now = lambda: at_of(number)
    return receiver.take(headers(number, body, one.event), body)


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with Receiver(("127.0.0.1", 0), Archive(tmp_path / "received"), SECRET, lambda: NOW) as made:
        yield made


def test_a_delivery_is_kept_once_and_only_with_the_right_signature(receiver: Receiver, tmp_path: Path) -> None:
    thread = threading.Thread(target=receiver.serve_forever, args=(0.01,))
    thread.start()
    try:
        body = json.dumps(sent(1).payload).encode()

        def post(told: dict[str, str], body: bytes = body) -> int:
            connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=5)
            try:
                connection.request("POST", "/", body, told)
                return connection.getresponse().status
            finally:
                connection.close()

        good = headers(1, body)
        assert post(good, body + b" ") == 401
        assert post({**good, "x-hub-signature-256": ""}) == 401
        assert post({**good, "x-hub-signature-256": signature(body, b"another secret of it")}) == 401
        assert post({**good, "x-github-delivery": "../../../etc"}) == 400
        assert list(Archive(tmp_path / "received").between(NOW - DAY, NOW + DAY)) == []
        assert post({**good, "x-github-event": "secret_scanning_alert"}) == 202, "it could hold a secret"
        assert post(good) == 201
        assert post(good) == 200, "sent again"
    finally:
        receiver.shutdown()
        thread.join()
    [kept] = Archive(tmp_path / "received").between(NOW - DAY, NOW + DAY)
    assert (kept.body, kept.signature) == (body, signature(body))


def test_what_is_sent_again_in_the_next_month_is_not_kept_twice(receiver: Receiver, tmp_path: Path) -> None:
    body = b"{}"
    for at in (datetime(2026, 4, 30, 23, tzinfo=NOW.tzinfo), datetime(2026, 5, 2, tzinfo=NOW.tzinfo)):
        receiver.now = lambda at=at: at
        receiver.take(headers(1, body), body)
    assert len(list(Archive(tmp_path / "received").between(NOW - 30 * DAY, NOW + DAY))) == 1


def test_deliveries_are_events_and_the_difference_is_said(
    running: LocalGithub, receiver: Receiver, tmp_path: Path
) -> None:
    for number in range(EVENTS):
        deliver(receiver, sent(number))
    rows, claim = read(running, archive=tmp_path / "received")
    assert len(rows) == EVENTS
    first = rows[0]
    assert (first["action"], first["subject_login"], first["found_in"], first["delivery_verified"]) == (
        "organization.member_added", "person-0", "webhook_archive", True,
    )  # fmt: skip
    assert not claim.truncated
    assert "not from the audit log" in (claim.reconciliation or "")
    _, claim = read(running, START - 20 * DAY, END, archive=tmp_path / "received")
    assert claim.complete_from == NOW - 3 * DAY, "further back nobody can say what was sent"


def test_what_did_not_arrive_is_named_and_ends_the_claim(
    running: LocalGithub, receiver: Receiver, tmp_path: Path
) -> None:
    for number in range(EVENTS):
        if number not in {20, 30}:
            deliver(receiver, sent(number))
    rows, claim = read(running, archive=tmp_path / "received")
    assert len(rows) == EVENTS - 2
    assert claim.truncated
    assert claim.complete_until == at_of(20)
    assert guid(20) in (claim.reconciliation or "")
    # Sent again, a day late: it tells of when it was sent first.
    for number in (20, 30):
        body = json.dumps(sent(number).payload).encode()
        receiver.now = lambda: NOW
        assert receiver.take(headers(number, body), body) == 201
    rows, claim = read(running, archive=tmp_path / "received")
    assert (len(rows), claim.truncated) == (EVENTS, False)
    assert next(row["event_time"] for row in rows if row["event_id"] == f"webhook:{guid(20)}") == at_of(20)


def test_a_webhook_that_sends_less_proves_less(running: LocalGithub, receiver: Receiver, tmp_path: Path) -> None:
    hook = running.organisation.hooks[0]
    deliver(receiver, sent(1))
    hook.events = sorted(AUDITED - {"deploy_key"})
    try:
        _, claim = read(running, archive=tmp_path / "received")
        assert claim.truncated
        assert "does not send deploy_key" in (claim.reconciliation or "")
        hook.events = ["push"]
        with pytest.raises(NotLicensed, match="No active webhook"):
            read(running, archive=tmp_path / "received")
    finally:
        hook.events = ["*"]


def test_without_log_and_without_receiver_there_is_no_source(running: LocalGithub, tmp_path: Path) -> None:
    with pytest.raises(NotLicensed, match="evidence receive"):
        read(running, archive=tmp_path / "nothing")


@pytest.mark.parametrize("kind", ["forbidden", "not_found"])
def test_a_list_of_deliveries_that_is_refused_is_an_error(
    running: LocalGithub, receiver: Receiver, tmp_path: Path, kind: str
) -> None:
    deliver(receiver, sent(1))
    running.plan.replace([{"source": "github", "kind": kind, "times": None, "match": "GET *hooks*"}])
    with pytest.raises(PermissionDenied, match="organization_hooks"):
        read(running, archive=tmp_path / "received")


def test_the_receiver_does_not_start_without_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_WEBHOOK_SECRET", raising=False)
    assert run(["receive", "--port", "0"]) == 2
    assert "GITHUB_WEBHOOK_SECRET" in capsys.readouterr().err
    with pytest.raises(ValueError, match="too short"):
        Receiver(("127.0.0.1", 0), Archive(tmp_path), b"short", lambda: NOW)
