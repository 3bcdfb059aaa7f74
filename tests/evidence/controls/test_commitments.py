"""CC2-EXT-01: pages that are there, texts that change with an approval, messages that are answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evidence.controls.commitments import CODES, commitments_reach_customers
from evidence.controls.model import TestWindow
from schemas.outcome import Outcome
from schemas.own import PUBLISHED_PAGES
from schemas.programme import Programme
from schemas.tickets import SECURITY_INBOX
from tests.evidence.controls.changes import window
from tests.evidence.controls.tickets import closed, event, person, ticket
from tests.fakes.memory_evidence import MemoryEvidence

ORG = "org:acme"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
START, END, LATER = (datetime(2026, month, 1, tzinfo=UTC) for month in (4, 7, 9))
FIRST, SECOND, THIRD = START + DAY, START + 30 * DAY, START + 60 * DAY
SENT = datetime(2026, 5, 4, 9, tzinfo=UTC)  # a Monday
DUE = datetime(2026, 5, 12, tzinfo=UTC)
TERMS = "https://acme.example/terms"
OLD, NEW = "a" * 64, "b" * 64
Row = dict[str, Any]
INBOX = {"security_inbox": {"github_issues": {"repository": "acme/security", "label": "inbox"}}}


def page(url: str = TERMS, **changed: Any) -> Row:
    row: Row = {
        "url": url, "kind": "terms", "fetched_at": FIRST, "status": 200, "final_url": url, "redirects": [],
        "body_sha256": OLD, "body_bytes": 10, "failure": None, "simulated": True,
    }  # fmt: skip
    return row | changed


def message(number: int = 1, *timeline: Row, at: datetime = SENT, **more: Any) -> Row:
    """A message that a customer sent, answered a day later by bob."""
    answered = event("commented", at + DAY, "bob", text="Thank you.")
    return ticket(number, at, *(timeline or (answered,)), author=person("customer"), read_at=LATER) | more


def asked(as_of: datetime = LATER, registers: Mapping[str, Any] = INBOX, rules: Row | None = None) -> TestWindow:
    made = window("CC2-EXT-01", scope=ORG, name="Acme", start=START, end=END, as_of=as_of)
    said = made.programme.normalised() | {"registers": dict(registers), "evidence_rules": rules or {}}
    return replace(made, window_id="2026-Q2", programme=Programme.from_recorded(said))


def stored(
    snapshots: Mapping[datetime, Sequence[Row]] | None = None, messages: Sequence[Row] = (), *, covered: bool = True
) -> MemoryEvidence:
    evidence = MemoryEvidence()
    for at, rows in ({FIRST: [page()], SECOND: [page()]} if snapshots is None else snapshots).items():
        evidence.snapshot(PUBLISHED_PAGES, ORG, at, rows)
    evidence.store(SECURITY_INBOX, ORG, messages or [message()])
    if covered:
        evidence.claim(SECURITY_INBOX, ORG, START, END)
    return evidence


def judged(evidence: MemoryEvidence, made: TestWindow | None = None) -> dict[str, Outcome]:
    outcomes = commitments_reach_customers(made or asked(), evidence)
    assert len({one.item_id for one in outcomes}) == len(outcomes)
    assert all(set(one.codes) <= set(CODES) for one in outcomes)
    return {one.item_id: one for one in outcomes}


def test_a_quarter_in_order() -> None:
    found = judged(stored())
    assert {item: one.outcome for item, one in found.items()} == {f"page:{TERMS}": "pass", "message:I_1": "pass"}


@pytest.mark.parametrize(
    "row", [page(status=404), page(status=503), page(status=301), page(status=None, failure="certificate expired")]
)
def test_a_page_that_is_down(row: Row) -> None:
    found = judged(stored({FIRST: [page()], SECOND: [row], THIRD: [page()]}))
    down = next(one for item, one in found.items() if item.startswith(f"page:{TERMS}@"))
    assert (down.outcome, down.codes) == ("exception", ("PAGE_DOWN",))


def approved(evidence: MemoryEvidence, at: datetime, sha256: str = NEW, url: str = TERMS, **more: Any) -> str:
    values = {"url": url, "sha256": f"sha256:{sha256}", "what": "x", "approved_by": "ceo@acme.example"}
    return evidence.record("CC2-EXT-01", "published", ORG, "page_approval", at, values, **more)


CHANGED = {FIRST: [page()], SECOND: [page(body_sha256=NEW)]}
CHANGE = f"change:{TERMS}@2026-05-01T00:00:00Z"


def test_a_text_that_changed_without_approval() -> None:
    assert judged(stored(CHANGED))[CHANGE].codes == ("CHANGE_UNAPPROVED",)
    for at, more in ((SECOND + HOUR, {}), (FIRST, {"recorded_at": SECOND + 5 * DAY}), (FIRST, {"sha256": OLD}),
                     (FIRST, {"url": "https://acme.example/other"})):  # fmt: skip
        evidence = stored(CHANGED)
        approved(evidence, at, **more)
        assert judged(evidence)[CHANGE].codes == ("CHANGE_UNAPPROVED",), more


def test_a_text_that_changed_with_approval() -> None:
    evidence = stored(CHANGED)
    digest = approved(evidence, SECOND - HOUR)
    found = judged(evidence)[CHANGE]
    assert (found.outcome, digest in found.evidence) == ("pass", True)


def test_a_change_over_the_edge_of_the_quarter_belongs_to_the_one_that_shows_it() -> None:
    evidence = stored({START - DAY: [page()], FIRST: [page(body_sha256=NEW)]})
    assert [item for item in judged(evidence) if item.startswith("change:")] == [f"change:{TERMS}@2026-04-02T00:00:00Z"]


@pytest.mark.parametrize(
    "snapshots",
    [
        {FIRST: [page(kind="status")], SECOND: [page(kind="status", body_sha256=NEW)]},
        {FIRST: [page()], SECOND: [page(status=503, body_sha256=NEW)], THIRD: [page()]},
        {FIRST: [page()], SECOND: [page(body_sha256=None)], THIRD: [page()]},
        {SECOND: [page(body_sha256=NEW)]},
    ],
)
def test_what_is_no_change(snapshots: Mapping[datetime, Sequence[Row]]) -> None:
    assert not [item for item in judged(stored(snapshots)) if item.startswith("change:")]


BOT = {**person("helper"), "kind": "bot"}
GONE = dict.fromkeys(("id", "login", "kind", "email", "name"))


@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        (message(1, event("commented", DUE - HOUR, "bob", text="x")), "pass"),
        (closed(message(1, event("labeled", SENT, "bob", detail="x")), SENT + DAY), "pass"),
        (message(1, event("commented", DUE, "bob", text="x")), "exception"),
        (message(1, event("labeled", SENT + HOUR, "bob", detail="seen")), "exception"),
        (message(1, event("commented", SENT + HOUR, "customer", text="anybody?")), "exception"),
        (message(1, {**event("commented", SENT + HOUR, text="We got it"), "actor": BOT}), "exception"),
        (message(1, event("labeled", SENT + DAY, "bob", detail="spam"), labels=["Spam"]), "pass"),
        (message(1, event("labeled", SENT + DAY, "bob", detail="x"), fields=[{"name": "verdict", "value": "spam"}]),
         "pass"),
        (message(author=GONE), "unknown"),
        (message(1, {**event("commented", SENT + HOUR, text="x"), "actor": GONE}), "unknown"),
        (message(1, event("labeled", SENT, "bob", detail="x"), read_at=DUE - HOUR), "unknown"),
        (message(title="| <i>\n" * 999), "pass"),
    ],
)  # fmt: skip
def test_messages(row: Row, outcome: str) -> None:
    found = judged(stored(messages=[row]))["message:I_1"]
    assert (found.outcome, found.codes) == (outcome, ("NO_RESPONSE",) if outcome == "exception" else ())


def test_whether_two_accounts_are_one_person_the_registers_say() -> None:
    people = [{"person_id": "p1", "name": "B", "email": "b@acme.example", "kind": "employee", "start": "2020-01-01"}]
    identities = [{"person_id": "p1", "system": "github", "account_id": name} for name in ("customer", "bob")]
    made = replace(asked(), registers={"people": people, "identities": identities})
    assert judged(stored(), made)["message:I_1"].codes == ("NO_RESPONSE",)


def test_an_answer_that_is_still_to_come() -> None:
    waiting = message(1, event("labeled", SENT, "bob", detail="x"))
    found = judged(stored(messages=[waiting]), asked(as_of=DUE - HOUR))["message:I_1"]
    assert (found.outcome, found.resolves_at) == ("pending", DUE)
    assert judged(stored(messages=[waiting]), asked(as_of=DUE))["message:I_1"].outcome == "exception"
    assert judged(stored(), asked(rules={"security_response_business_days": 0}))["message:I_1"].codes


def test_what_is_not_held_is_unknown() -> None:
    def unknown(evidence: MemoryEvidence, made: TestWindow | None = None) -> list[str]:
        return [item.rpartition(":")[2] for item, one in judged(evidence, made).items() if item.startswith("window:")]

    assert unknown(stored()) == []
    assert unknown(stored({})) == ["pages"]
    assert unknown(stored({FIRST: []})) == ["pages"]
    assert unknown(stored(covered=False)) == ["messages"]
    assert unknown(stored(messages=[message(at=END)])) == ["messages"], "an unused contact is not known to work"
    assert unknown(stored(), asked(registers={})) == ["messages"]
    assert unknown(stored({}, covered=False), asked(as_of=END - DAY)) == []
