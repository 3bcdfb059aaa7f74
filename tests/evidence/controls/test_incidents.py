"""CC7-INC-01: incidents by the procedure, the register complete, and what a month without any takes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evidence.controls.incident_facts import actions, severities
from evidence.controls.incidents import CODES, incidents_handled
from evidence.controls.model import TestWindow
from evidence.controls.ticket_facts import Ticket
from schemas import tickets
from schemas.aws_detection import ALERTS
from schemas.dataset import Dataset
from schemas.outcome import Outcome
from schemas.programme import Programme
from tests.evidence.controls.changes import window
from tests.evidence.controls.tickets import closed, event, ticket
from tests.fakes.memory_evidence import MemoryEvidence

ORG, SOURCE = "org:acme", "alerts:aws:111122223333"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START, END = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)  # the last month of a quarter
QUARTER = datetime(2026, 4, 1, tzinfo=UTC)
LATER = datetime(2026, 9, 1, tzinfo=UTC)
OPENED = datetime(2026, 6, 8, 9, tzinfo=UTC)  # a Monday
RESOLVED = OPENED + 8 * HOUR
REVIEW_DUE = datetime(2026, 6, 23, tzinfo=UTC)  # ten business days after Monday the 8th
Row = dict[str, Any]
PLACES = {name: {"github_issues": {"repository": "acme/ops", "label": name}} for name in tickets.REGISTER_OF.values()}
FINE = {"review_at": "2026-06-15T10:00:00Z", "notice_required": "no"}


def incident(number: int = 1, *timeline: Row, at: datetime = OPENED, fields: Mapping[str, str | None] | None = None,
             untraced: bool = False, **more: Any) -> Row:  # fmt: skip
    """An incident of severity 2, labelled within the hour, closed the same day, reviewed a week later."""
    said = {name: value for name, value in {**FINE, **(fields or {})}.items() if value is not None}
    rated = event("labeled", at + HOUR, detail="severity: 2")
    row = ticket(number, at, rated, *timeline, fields=said, labels=["severity: 2"], read_at=LATER)
    made = {**closed(row, at + 8 * HOUR), **more}
    return made if untraced else {**made, "timeline": [*made["timeline"], *_noted(said)]}


def _noted(said: Mapping[str, str]) -> list[Row]:
    """Comments of the time at which a review was held or customers were told."""
    days = [said[name][:10] for name in ("review_at", "customers_informed_at") if name in said]
    return [event("commented", datetime.fromisoformat(f"{day}T23:00:00Z"), text="noted") for day in days
            if re.fullmatch(r"2026-\d\d-\d\d", day)]  # fmt: skip


def asked(as_of: datetime = LATER, rules: Mapping[str, Any] | None = None, places: Mapping[str, Any] = PLACES,
           start: datetime = START, end: datetime = END) -> TestWindow:  # fmt: skip
    made = window("CC7-INC-01", scope=ORG, name="Acme", start=start, end=end, as_of=as_of)
    said = made.programme.normalised() | {"registers": dict(places), "evidence_rules": dict(rules or {})}
    return replace(made, programme=Programme.from_recorded(said), holders={"alert_source": (SOURCE,)})


def stored(
    incidents: Sequence[Row] = (), triage: Sequence[Row] = (), inbox: Sequence[Row] = (),
    without: Sequence[Dataset] = (),
) -> MemoryEvidence:  # fmt: skip
    evidence = MemoryEvidence()
    found = {tickets.INCIDENTS: incidents, tickets.ALERT_TRIAGE: triage, tickets.SECURITY_INBOX: inbox}
    for dataset, rows in found.items():
        evidence.store(dataset, ORG, rows)
        if dataset not in without:
            evidence.claim(dataset, ORG, QUARTER, LATER)
    return evidence


def judged(evidence: MemoryEvidence, made: TestWindow | None = None) -> dict[str, Outcome]:
    outcomes = incidents_handled(made or asked(), evidence)
    assert len({one.item_id for one in outcomes}) == len(outcomes)
    assert all(set(one.codes) <= set(CODES) for one in outcomes)
    return {one.item_id: one for one in outcomes}


def one(row: Row, made: TestWindow | None = None) -> Outcome:
    return judged(stored([row]), made)[f"incident:{row['issue_id']}"]


def test_an_incident_in_order() -> None:
    found = one(incident())
    assert (found.outcome, found.codes, found.event_time) == ("pass", (), OPENED)
    assert "severity 2" in found.explanation
    assert found.evidence


COMMENT = event("commented", OPENED + 9 * DAY, text="Customers informed at: 2026-06-08T20:00:00Z")


@pytest.mark.parametrize(
    ("row", "codes"),
    [
        (incident(timeline=[event("labeled", OPENED + 5 * HOUR, detail="severity: 2")]), ["LATE_CLASS"]),
        (incident(timeline=[], labels=[]), ["LATE_CLASS"]),
        (incident(fields={"review_at": None}), ["NO_REVIEW"]),
        # A field that is left empty merges it into nothing.
        (incident(fields={"review_at": None, "duplicate_of": "-"}), ["NO_REVIEW"]),
        (incident(fields={"review_at": None, "duplicate_of": "None."}), ["NO_REVIEW"]),
        (incident(fields={"review_at": "2026-06-23T00:00:00Z"}), ["NO_REVIEW"]),
        (incident(fields={"review_at": "2027-01-01"}), ["NO_REVIEW"]),
        (incident(body="Action: canary (bob, due 2026-07-10)"), ["ACTION_OVERDUE"]),
        (incident(body="Action: canary (bob, due 2026-07-10, done 2026-07-11)"), ["ACTION_OVERDUE"]),
        (incident(1, event("commented", OPENED + DAY, text="Action A1: canary (due 2026-07-10)"),
                  event("commented", OPENED + 2 * DAY, text="Action A1: due 2026-08-10, done 2026-08-01")),
         ["ACTION_OVERDUE"]),
        # Said to be done long after, and said to be done on a day to come.
        (incident(1, event("commented", OPENED + DAY, text="Action A1: canary (due 2026-07-10)"),
                  event("commented", OPENED + 80 * DAY, text="Action A1: done 2026-07-09")), ["ACTION_OVERDUE"]),
        (incident(1, event("commented", OPENED + DAY, text="Action A1: canary (due 2026-07-10, done 2026-07-09)")),
         ["ACTION_OVERDUE"]),
        (incident(fields={"resolved_at": "2027-06-01T00:00:00Z", "review_at": None}), ["NO_REVIEW"]),
        (incident(fields={"notice_required": "yes"}), ["NOTICE_LATE"]),
        (incident(fields={"notice_required": "yes", "customers_informed_at": "2026-06-11T09:00:01Z"}), ["NOTICE_LATE"]),
        (incident(fields={"notice_due_at": "2026-06-09T09:00:00Z", "customers_informed_at": "2026-06-09T09:00:01Z"}),
         ["NOTICE_LATE"]),
        (incident(fields={"review_at": None, "notice_required": "yes"}, timeline=[], labels=[]),
         ["LATE_CLASS", "NO_REVIEW", "NOTICE_LATE"]),
        # Rated down after the hours allowed, it is still bound by the procedure.
        (incident(1, event("labeled", OPENED + 6 * HOUR, detail="severity: 4"),
                  event("unlabeled", OPENED + 6 * HOUR, detail="severity: 2"),
                  labels=["severity: 4"], fields={"review_at": None}), ["NO_REVIEW"]),
        # A late comment can't give an early date.
        (incident(1, COMMENT, fields={"notice_required": "yes"}), ["NOTICE_LATE"]),
    ],
)  # fmt: skip
def test_what_the_procedure_misses(row: Row, codes: list[str]) -> None:
    found = one(row)
    assert (found.outcome, list(found.codes)) == ("exception", codes), found.explanation


@pytest.mark.parametrize(
    "row",
    [
        incident(timeline=[event("labeled", OPENED + 4 * HOUR, detail="sev-1")], labels=["sev-1"]),
        incident(timeline=[event("changed", OPENED + HOUR, field="priority", before=None, after="P2")], labels=[],
                 severity="P2"),
        incident(fields={"review_at": "2026-06-22T23:59:59Z"}),
        incident(1, event("commented", OPENED + 7 * DAY, text="Review at: 2026-06-15T09:00:00Z"),
                 fields={"review_at": None}),
        incident(fields={"resolved_at": "2026-06-10T09:00:00Z", "review_at": "2026-06-24"}),
        incident(body="Action: canary (bob, due 2026-07-10, done 2026-07-10)\n"
                      "Action: alarm (due 2026-07-01, done 2026-06-30)"),
        incident(1, event("commented", OPENED + DAY, text="Action A1: canary (due 2026-07-10)"),
                 event("commented", OPENED + 2 * DAY, text="Action A1: redated, due 2026-08-10, by lead@acme.example"),
                 event("commented", OPENED + 60 * DAY, text="Action A1: done 2026-08-05")),
        incident(fields={"notice_required": "yes", "customers_informed_at": "2026-06-11T09:00:00Z"}),
        # The procedure binds neither a mild one nor what was at once found to be mild.
        incident(labels=["severity: 3"], timeline=[event("labeled", OPENED + HOUR, detail="severity: 3")],
                 fields={"review_at": None, "notice_required": None}),
        incident(1, event("labeled", OPENED + 2 * HOUR, detail="severity: 4"),
                 event("unlabeled", OPENED + 2 * HOUR, detail="severity: 2"),
                 labels=["severity: 4"], fields={"review_at": None}),
        # Merged into another one.
        incident(state_reason="duplicate", fields={"review_at": None, "notice_required": None}, timeline=[], labels=[]),
    ],
)  # fmt: skip
def test_what_looks_like_it_and_is_fine(row: Row) -> None:
    found = one(row)
    assert (found.outcome, found.codes) == ("pass", ()), found.explanation


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (incident(fields={"review_at": None}, read_at=REVIEW_DUE - HOUR), "last read at"),
        (incident(fields={"review_at": "soon"}), "no date"),
        (incident(fields={"notice_required": None}), "does not say"),
        (incident(fields={"notice_required": "not decided yet"}), "does not say"),
        (incident(fields={"notice_required": "no idea"}), "does not say"),
        (incident(fields={"duplicate_of": "acme/ops#9", "review_at": None}), "the register has no acme/ops#9"),
        (incident(fields={"duplicate_of": "#1", "review_at": None}), "comes back to itself"),
        (incident(fields={"severity": "2"}, timeline=[], labels=[]), "text alone"),
        (incident(body="Action: think about it"), "by when"),
        # Dates that may have been written into it a year later.
        (incident(untraced=True), "whether it was reviewed at 2026-06-15T10:00:00Z, of which"),
        (incident(fields={"notice_required": "yes", "customers_informed_at": "2026-06-11T09:00:00Z",
                          "review_at": "2026-06-09"}, untraced=True), "whether customers were told at 2026-06-11"),
    ],
)  # fmt: skip
def test_what_is_not_held_is_unknown(row: Row, words: str) -> None:
    found = one(row)
    assert (found.outcome, found.codes) == ("unknown", ()), found.explanation
    assert words in found.explanation


@pytest.mark.parametrize("named", ["acme/ops#9", "#9", "9", "I_9", "https://github.com/acme/ops/issues/9"])
def test_a_duplicate_of_one_that_is_judged(named: str) -> None:
    merged = incident(fields={"duplicate_of": named, "review_at": None})
    assert [found.outcome for found in judged(stored([merged, incident(9)])).values()] == ["pass", "pass"]
    other = incident(9, fields={"duplicate_of": "#1", "review_at": None})
    assert [found.outcome for found in judged(stored([merged, other])).values()] == ["unknown", "unknown"]


def test_a_date_counts_when_it_was_first_read() -> None:
    row = incident(untraced=True)
    first = row | {"read_at": datetime(2026, 6, 16, tzinfo=UTC)}
    evidence = stored([row])
    evidence.store(tickets.INCIDENTS, ORG, [first], learnt_at=LATER)
    assert judged(evidence)["incident:I_1"].outcome == "pass"


@pytest.mark.parametrize("said", ["no", "No.", "none (internal only)", "no: nobody outside", "Not required", "n/a"])
def test_no_notice_was_due(said: str) -> None:
    assert one(incident(fields={"notice_required": said})).outcome == "pass"


def test_a_review_that_is_planned_has_not_been_held() -> None:
    read_at = datetime(2026, 6, 12, tzinfo=UTC)
    found = one(incident(read_at=read_at, timeline=[event("labeled", OPENED + HOUR, detail="severity: 2")],
                         untraced=True), asked(as_of=read_at))  # fmt: skip
    assert (found.outcome, found.resolves_at) == ("pending", REVIEW_DUE)


def test_deadlines_that_are_still_to_come() -> None:
    made = asked(as_of=REVIEW_DUE - HOUR)
    found = one(incident(fields={"review_at": None}, body="Action: canary (due 2026-07-10)"), made)
    assert (found.outcome, found.resolves_at) == ("pending", datetime(2026, 7, 11, tzinfo=UTC))
    assert one(incident(fields={"review_at": None}), asked(as_of=REVIEW_DUE)).codes == ("NO_REVIEW",)
    still = incident(fields={"review_at": None}, state="open", closed_at=None, closed_by=None)
    assert (one(still).outcome, one(still).resolves_at) == ("pending", None)
    fresh = incident(timeline=[], labels=[], fields={"review_at": None}, state="open", closed_at=None)
    assert one(fresh, asked(as_of=OPENED + HOUR)).outcome == "pending"


def test_the_rules_are_the_programmes() -> None:
    mild = incident(labels=["severity: 3"], timeline=[event("labeled", OPENED + HOUR, detail="severity: 3")],
                    fields={"review_at": None})  # fmt: skip
    assert one(mild, asked(rules={"incident_severity": 3})).codes == ("NO_REVIEW",)
    assert one(incident(), asked(rules={"incident_class_hours": 0.5})).codes == ("LATE_CLASS",)
    assert one(incident(), asked(rules={"incident_review_business_days": 1})).codes == ("NO_REVIEW",)


def test_odd_texts_break_nothing() -> None:
    odd = incident(title="| <b>x</b>\n" * 200, body="Action: \nAction A: |due 2026-99-99\n" + "x" * 5000,
                   fields={"review_at": "\u202e", "notice_required": "yes or no"})  # fmt: skip
    assert one(odd).outcome in ("unknown", "exception")
    gone = incident(author=None, closed_by={"id": None, "login": None, "kind": "ghost"}, assignees=["nobody"])
    assert one(gone).outcome == "pass"


def test_edges_of_the_window() -> None:
    rows = [incident(1, at=START), incident(2, at=END), incident(3, at=START - timedelta(microseconds=1))]
    assert {name for name in judged(stored(rows)) if name.startswith("incident:")} == {"incident:I_1"}


# --- the register ----------------------------------------------------------------------------------------------------


def alert_ticket(number: int = 50, verdict: str = "incident", **fields: str) -> Row:
    return ticket(number, OPENED, fields={"verdict": verdict, **fields})


def test_what_was_judged_to_be_an_incident_must_be_one() -> None:
    triage = [
        alert_ticket(), alert_ticket(51, incident="acme/ops#1"), alert_ticket(52, "event"),
        alert_ticket(53, "no incident"), alert_ticket(54, incident="acme/ops#99"),
    ]  # fmt: skip
    found = judged(stored([incident()], triage, [ticket(60, OPENED, fields={"verdict": "Incident"})]))
    shown = {name: row.outcome for name, row in found.items() if name.startswith("cross-check:")}
    assert shown == {"cross-check:I_50": "exception", "cross-check:I_51": "pass", "cross-check:I_54": "exception",
                     "cross-check:I_60": "exception"}  # fmt: skip
    assert found["cross-check:I_50"].codes == ("REGISTER_INCOMPLETE",)


def test_the_incident_may_name_what_it_came_from() -> None:
    named = incident(body="Seen in acme/ops#50.")
    assert judged(stored([named], [alert_ticket()]))["cross-check:I_50"].outcome == "pass"


def attest(evidence: MemoryEvidence, count: int = 0, *rows: Row, at: datetime = END + DAY, **more: Any) -> str:
    values = {"statement": "complete", "incidents": count, "sources_consulted": ["alerts"], "cross_checks": list(rows),
              "incident_owner": "ines@acme.example"} | more  # fmt: skip
    return evidence.record("CC7-INC-01", "attestation", ORG, "incident_attestation", at, values, kind="periodic",
                           for_window="2026-Q2")  # fmt: skip


def test_a_written_no_is_an_answer() -> None:
    for row, outcome in (
        ({"source": "alerts", "item": "acme/ops#50", "why_not": "a drill"}, "pass"),
        ({"source": "alerts", "item": "acme/ops#50", "incident": "acme/ops#1"}, "pass"),
        ({"source": "alerts", "item": "acme/ops#50", "incident": "acme/ops#98"}, "exception"),
        ({"source": "alerts", "item": "acme/ops#50"}, "exception"),
    ):
        evidence = stored([incident()], [alert_ticket()])
        attest(evidence, 1, row)
        assert judged(evidence)["cross-check:I_50"].outcome == outcome, row


def test_who_attests_counts_what_the_register_has() -> None:
    rows = [incident(1), incident(2, at=QUARTER + DAY), incident(3, state_reason="duplicate")]
    for count, outcome in ((2, "pass"), (1, "exception"), (3, "exception")):
        evidence = stored(rows)
        attest(evidence, count)
        assert judged(evidence)["attestation:2026-Q2"].outcome == outcome
    assert "attestation:2026-Q2" not in judged(stored(rows)), "one that is missing is the business of its own line"


@pytest.mark.parametrize("dataset", [tickets.ALERT_TRIAGE, tickets.SECURITY_INBOX])
def test_sources_of_the_cross_check_that_are_not_held(dataset: Dataset) -> None:
    found = judged(stored([incident()], without=[dataset]))
    assert [row.outcome for name, row in found.items() if name.startswith("window:")] == ["unknown"]
    places = {name: place for name, place in PLACES.items() if name != tickets.REGISTER_OF[dataset.name]}
    found = judged(stored([incident()]), asked(places=places))
    assert [row.outcome for name, row in found.items() if name.startswith("window:")] == ["unknown"]


def test_incidents_that_are_not_held() -> None:
    found = judged(stored([incident()], without=[tickets.INCIDENTS]))
    assert found[f"window:incidents:{ORG}:2026-06"].outcome == "unknown"
    assert found["incident:I_1"].outcome == "pass"


# --- nothing happened ------------------------------------------------------------------------------------------------


def nothing(*, without: str = "", late: bool = False) -> MemoryEvidence:
    evidence = stored()
    if without != "attestation":
        attest(evidence)
    if without != "alerts":
        evidence.claim(ALERTS, SOURCE, QUARTER, LATER)
    if without != "drill":
        drill = {"triggered_at": "2026-05-05T10:00:00Z", "alert_id": "a1", "alerted_at": "2026-05-05T10:20:00Z",
                 "ticket": "acme/ops#7", "acknowledged_at": "2026-05-05T11:00:00Z",
                 "acknowledged_by": "bob@acme.example", "told_beforehand": False}  # fmt: skip
        drill |= {"alerted_at": "2026-05-05T11:00:01Z"} if late else {}
        evidence.record("CC7-TEST-01", "drill", SOURCE, "detection_drill", datetime(2026, 5, 5, 10, tzinfo=UTC), drill)
    if without != "exercise":
        evidence.record("CC7-IRX-01", "exercise", ORG, "incident_exercise", datetime(2025, 9, 1, tzinfo=UTC), {})
    return evidence


ROW = f"window:incidents:{ORG}:2026-06"


def test_a_month_without_incidents_did_not_have_to_operate() -> None:
    found = judged(nothing())[ROW]
    assert (found.outcome, found.codes) == ("not_operated", ())
    assert "did not have to operate" in found.explanation
    assert len(found.evidence) == 3


@pytest.mark.parametrize("lacking", ["attestation", "alerts", "drill", "exercise"])
def test_each_of_the_four_proofs_is_needed(lacking: str) -> None:
    found = judged(nothing(without=lacking))[ROW]
    assert found.outcome == "unknown"
    assert "not shown" in found.explanation


def test_proofs_that_do_not_hold() -> None:
    assert judged(nothing(late=True))[ROW].outcome == "unknown"
    evidence = nothing(without="attestation")
    attest(evidence, 2)
    assert judged(evidence)[ROW].outcome == "unknown"
    assert judged(evidence)["attestation:2026-Q2"].codes == ("REGISTER_INCOMPLETE",)
    untriaged = nothing()
    row = {"alert_id": "arn:x", "event_time": OPENED, "account_id": "1", "region": "eu-west-1", "source": "guardduty",
           "product": "GuardDuty", "alert_type": "Recon", "title": "x", "severity": "high", "severity_score": 8.0,
           "created_at": OPENED, "updated_at": OPENED, "status": "open", "archived": False, "sample": False,
           "resources": []}  # fmt: skip
    untriaged.store(ALERTS, SOURCE, [row])
    assert judged(untriaged)[ROW].outcome == "unknown"
    assert judged(nothing(), replace(asked(), holders={}))[ROW].outcome == "unknown", "no source of alerts is known"


def test_proofs_that_may_still_come() -> None:
    for lacking, outcome in (("attestation", "pending"), ("drill", "pending"), ("exercise", "unknown")):
        found = judged(nothing(without=lacking), asked(as_of=END + 5 * DAY))[ROW]
        assert found.outcome == outcome, lacking
        assert found.resolves_at == (END + 14 * DAY if outcome == "pending" else None)
    assert judged(nothing(without="attestation"), asked(as_of=END + 15 * DAY))[ROW].outcome == "unknown"


def test_an_open_window_is_not_judged_as_empty() -> None:
    assert judged(nothing(), asked(as_of=END - DAY)) == {}


# --- what tickets say ------------------------------------------------------------------------------------------------


def test_severities_over_time() -> None:
    row = ticket(1, OPENED, event("labeled", OPENED + HOUR, detail="severity: 3"),
                 event("labeled", OPENED + 2 * HOUR, detail="severity: 1"),
                 event("unlabeled", OPENED + 3 * HOUR, detail="severity: 3"), labels=["severity: 1"])  # fmt: skip
    assert [number for _at, number in severities(Ticket(row, "x"))] == [None, 3, 1]
    changed = ticket(1, OPENED, event("changed", OPENED + HOUR, field="priority", before="Low", after="High"),
                     severity="High")  # fmt: skip
    assert [number for _at, number in severities(Ticket(changed, "x"))] == [4, 2]


def test_a_field_for_severity_outweighs_the_priority_that_everything_has() -> None:
    row = ticket(1, OPENED, event("changed", OPENED + HOUR, field="priority", before="Medium", after="High"),
                 event("changed", OPENED + 6 * HOUR, field="severity", before=None, after="SEV-1"),
                 severity="High", fields={"severity": "SEV-1"})  # fmt: skip
    assert [(at - OPENED, number) for at, number in severities(Ticket(row, "x"))] == [(0 * HOUR, None), (6 * HOUR, 1)]
    assert one(closed({**row, "read_at": LATER}, OPENED + 8 * HOUR)).codes[0] == "LATE_CLASS"


def test_actions_as_people_write_them() -> None:
    first = "Review held. Action: certificates get a canary (cfontana, due 2026-09-15)."
    row = ticket(1, OPENED, event("commented", OPENED, text=first),
                 event("commented", OPENED + 85 * DAY, text="**Action:** certificates get a canary, done 2026-09-01"),
                 body="- Action B: talk (due on 2026-07-01)\nno action: needed")  # fmt: skip
    found = {one.name: (str(one.due), str(one.done)) for one in actions(Ticket(row, "x"))}
    assert found == {"B": ("2026-07-01", "None"), "certificates get a canary": ("2026-09-15", "2026-09-01")}
