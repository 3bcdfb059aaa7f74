"""C1-DSP-01: data go when they are due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evidence.controls.data_disposal import CODES, disposed_when_due
from schemas.aws_configuration import LIFECYCLE
from schemas.outcome import Outcome
from schemas.programme import Programme
from schemas.tickets import DELETIONS
from tests.evidence.controls.access import FIRST, SECOND, THIRD
from tests.evidence.controls.changes import END, START, window
from tests.evidence.controls.tickets import closed, event, ticket
from tests.fakes.memory_evidence import MemoryEvidence

ORG, REGION, ACCOUNT = "org:acme", "aws:111122223333:eu-west-1", "aws:111122223333"
DUE = datetime(2026, 5, 21, tzinfo=UTC) - timedelta(microseconds=1)
DONE = datetime(2026, 5, 18, 9, tzinfo=UTC)
DAY = timedelta(days=1)
PEOPLE: dict[str, list[Mapping[str, Any]]] = {
    "people": [
        {"person_id": f"p-{name}", "email": f"{name}@acme.example", "aliases": None}
        for name in ("alice", "bob", "carol")
    ],
    "identities": [
        {"person_id": f"p-{name}", "system": "github", "account_id": name, "from": None, "to": None}
        for name in ("alice", "bob", "carol")
    ],
}
Row = dict[str, Any]


def deletion(number: int = 1, **more: Any) -> Row:
    """A ticket: due on 20 May, done on the 18th by bob, who closed it, verified by carol."""
    fields = {
        "customer_id": "c-7", "contract_end": "2026-04-20", "deletion_due": "2026-05-20",
        "executed_at": "2026-05-18T09:00:00Z", "verified_by": "carol",
    } | more.pop("fields", {})  # fmt: skip
    kept = {name: value for name, value in fields.items() if value is not None}
    return closed(ticket(number, START - 10 * DAY, fields=kept, **more), DONE + timedelta(hours=1), "bob")


def stored(
    deletions: Sequence[Row] = (), snapshots: Mapping[datetime, Sequence[Row]] | None = None, *, held: bool = True
) -> MemoryEvidence:
    evidence = MemoryEvidence()
    evidence.store(DELETIONS, ORG, deletions)
    if held:
        evidence.claim(DELETIONS, ORG, START - 30 * DAY, END + 10 * DAY)
    for at, rows in ({FIRST: []} if snapshots is None else snapshots).items():
        evidence.snapshot(LIFECYCLE, REGION, at, rows)
    return evidence


def judged(evidence: MemoryEvidence, *, kept: bool = True, **more: Any) -> dict[str, Outcome]:
    more.setdefault("registers", PEOPLE)
    tested = window("C1-DSP-01", scope=ORG, name="acme", **more)
    where = {"deletions": {"github_issues": {"repository": "acme/ops", "label": "deletion"}}} if kept else {}
    programme = Programme.from_recorded({**tested.programme.normalised(), "registers": where})
    holders = {DELETIONS.name: (ORG,), LIFECYCLE.name: (REGION,)}
    found = disposed_when_due(replace(tested, programme=programme, holders=holders), evidence)
    return {one.item_id.partition("@20")[0]: one for one in found}


def one(row: Row, **more: Any) -> Outcome:
    (found,) = judged(stored([row]), **more).values()
    return found


def test_a_deletion_in_time() -> None:
    found = one(deletion())
    assert (found.item_id, found.outcome, found.event_time) == ("ticket:I_1", "pass", DUE)
    assert "verified by carol" in found.explanation


CASES: dict[str, tuple[Row, str, tuple[str, ...]]] = {
    "too late": (deletion(fields={"executed_at": "2026-05-21T00:00:00Z"}), "exception", ("DELETE_LATE",)),
    "never": (deletion(fields={"executed_at": None}), "exception", ("DELETE_LATE",)),
    "at no time that anybody can read": (deletion(fields={"executed_at": "soon"}), "exception", ("DELETE_LATE",)),
    "the last moment": (
        deletion(fields={"executed_at": "2026-05-20"})
        | {"timeline": [event("commented", DUE - DAY / 2, text="done")]}, "pass", (),
    ),
    "verified by nobody": (deletion(fields={"verified_by": None}), "exception", ("DELETE_UNVERIFIED",)),
    "verified by who did it": (deletion(fields={"verified_by": "@bob"}), "exception", ("DELETE_UNVERIFIED",)),
    "verified by who did it, by address": (
        deletion(fields={"verified_by": "bob@acme.example"}), "exception", ("DELETE_UNVERIFIED",),
    ),
    "done by another than who closed it": (
        deletion(fields={"verified_by": "bob", "executed_by": "alice"}), "pass", (),
    ),
    "verified by a query": (deletion(fields={"verified_by": None, "job_log": "sha256:1"}), "pass", ()),
    "verified by a stranger": (deletion(fields={"verified_by": "mallory"}), "unknown", ()),
    "a legal hold": (deletion(fields={"executed_at": None, "legal_hold": "case 12"}), "pass", ()),
    "a label of a legal hold": (deletion(fields={"executed_at": None}, labels=["Legal-Hold"]), "pass", ()),
    "no legal hold": (deletion(fields={"executed_at": None, "legal_hold": "No"}), "exception", ("DELETE_LATE",)),
    "a hold that is left empty": (deletion(fields={"executed_at": None, "legal_hold": "n/a"}), "exception",
                                  ("DELETE_LATE",)),
    "a log that is left empty": (
        deletion(fields={"verified_by": None, "job_log": "-"}), "exception", ("DELETE_UNVERIFIED",),
    ),
    "too late and verified by who did it": (
        deletion(fields={"executed_at": "2026-05-21T00:00:00Z", "verified_by": "bob"}), "exception",
        ("DELETE_LATE", "DELETE_UNVERIFIED"),
    ),
    "a time without trace": (
        deletion(fields={"executed_at": "2026-05-05T00:00:00Z"}) | {"timeline": []}, "unknown", (),
    ),
    "a trace of the time": (
        deletion(fields={"executed_at": "2026-05-05T00:00:00Z"})
        | {"timeline": [event("commented", START + 5 * DAY, text="done")]}, "pass", (),
    ),
    "read too early": (deletion(fields={"executed_at": None}, read_at=DUE - DAY), "unknown", ()),
}  # fmt: skip


@pytest.mark.parametrize(("row", "outcome", "codes"), CASES.values(), ids=CASES)
def test_deletions(row: Row, outcome: str, codes: tuple[str, ...]) -> None:
    found = one(row)
    assert (found.outcome, found.codes) == (outcome, codes), found.explanation


def test_it_counts_when_it_was_first_read() -> None:
    late = deletion() | {"timeline": [], "opened_at": START - 30 * DAY}
    evidence = stored([late])
    assert [found.outcome for found in judged(evidence).values()] == ["unknown"]
    evidence.store(DELETIONS, ORG, [late | {"read_at": DONE + DAY}], learnt_at=END)
    assert [found.outcome for found in judged(evidence).values()] == ["pass"]


def test_before_it_is_due() -> None:
    found = one(deletion(fields={"executed_at": None}), as_of=DUE - DAY)
    assert (found.outcome, found.resolves_at) == ("pending", DUE)


def test_only_what_falls_due_in_the_window() -> None:
    rows = [deletion(n, fields={"deletion_due": day}) for n, day in enumerate(("2026-04-30", "2026-06-01"))]
    assert judged(stored(rows)) == {}
    assert len(judged(stored([deletion(fields={"deletion_due": "2026-05-31"})]))) == 1


def test_what_is_not_held_is_not_known() -> None:
    assert [one.outcome for one in judged(stored(held=False)).values()] == ["unknown"]
    assert [one.outcome for one in judged(stored(), kept=False).values()] == ["unknown"]
    undated = ticket(1, START + DAY, fields={"deletion_due": "some day"})
    assert [one.outcome for one in judged(stored([undated])).values()] == ["unknown"]
    assert [one.outcome for one in judged(stored(snapshots={})).values()] == ["unknown"]
    assert judged(stored(held=False, snapshots={}), as_of=END - DAY) == {}
    assert judged(stored()) == {}


def bucket(name: str = "ledger", **changed: Any) -> Row:
    arn = f"arn:aws:s3:::{name}"
    row: Row = {
        "record_id": f"bucket:{arn}", "account_id": "111122223333", "region": "eu-west-1", "kind": "bucket",
        "resource_id": arn, "name": name, "unreadable": [], "enabled": True, "transitions": [], "replicated_to": [],
        "copies_to": [],
    }  # fmt: skip
    return row | changed


def with_map(rows: Mapping[datetime, Sequence[Row]], cls: str | None = "confidential") -> dict[str, Outcome]:
    evidence = stored(snapshots=rows)
    stores = (
        [] if cls is None else [{"store_id": "arn:aws:s3:::ledger", "class": cls}, {"store_id": "app", "class": cls}]
    )
    evidence.record("C1-CLS-01", "map", ACCOUNT, "data_map", START, {"stores": stores}, kind="periodic")
    return judged(evidence)


LOGS = bucket("app", kind="log_group", record_id="log_group:app", resource_id="arn:aws:logs:eu-west-1:1:log-group:app")
PLAN = bucket("nightly", kind="backup_plan_rule", record_id="backup_plan_rule:p", expiration_days=35)
RULES: dict[str, tuple[Row, str | None, str]] = {
    "a bucket that empties itself": (bucket(), "confidential", "pass"),
    "a confidential bucket without a rule": (bucket(enabled=False), "confidential", "exception"),
    "a restricted bucket without a rule": (bucket(enabled=False), "restricted", "exception"),
    "an internal bucket without a rule": (bucket(enabled=False), "internal", "pass"),
    "a bucket that the map does not list": (bucket("x", enabled=False), "confidential", "unknown"),
    "no map at all": (bucket(enabled=False), None, "unknown"),
    "a bucket that could not be read": (bucket(enabled=None), "confidential", "unknown"),
    "logs kept for ever": (LOGS | {"enabled": False}, "confidential", "exception"),
    "logs that expire": (LOGS, "confidential", "pass"),
    "backups that expire": (PLAN, None, "pass"),
    "backups kept for ever": (PLAN | {"expiration_days": None}, None, "exception"),
    "a plan that could not be read": (PLAN | {"expiration_days": None, "unreadable": ["x"]}, None, "unknown"),
}


@pytest.mark.parametrize(("row", "cls", "outcome"), RULES.values(), ids=RULES)
def test_what_expires_by_itself(row: Row, cls: str | None, outcome: str) -> None:
    (found,) = with_map({FIRST: [row]}, cls).values()
    assert found.outcome == outcome, found.explanation
    assert found.codes == (("RULE_MISSING",) if outcome == "exception" else ())


def test_other_kinds_have_no_rule_to_miss() -> None:
    rule = bucket(kind="bucket_rule", record_id="bucket_rule:x", enabled=False)
    assert with_map({FIRST: [rule, bucket("t", kind="table", record_id="table:t", enabled=False)]}) == {}


def test_a_rule_that_was_off_for_a_while_makes_a_row_of_that_time() -> None:
    found = with_map({FIRST: [bucket()], SECOND: [bucket(enabled=False)], THIRD: [bucket()]})
    assert found["bucket:arn:aws:s3:::ledger"].event_time == SECOND


def test_hostile_words_break_nothing() -> None:
    ugly = "v" * 4000 + "|\n<b>"
    found = one(deletion(fields={"customer_id": ugly, "verified_by": ugly}, labels=[ugly]))
    assert found.outcome == "unknown"
    assert len(found.explanation) < 2000


def test_codes() -> None:
    assert CODES == ("DELETE_LATE", "DELETE_UNVERIFIED", "RULE_MISSING")
