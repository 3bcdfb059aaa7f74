"""CC7-IRX-01: the incident plan is exercised every year, by those who would act, and improved by it.

The population is the exercise, one row for the period:

- EXERCISE_LAPSED  at some instant the latest exercise was older than 12 months and the line's days of grace
- ROLE_ABSENT      exercises were held, but at some instant none was current in which every role of the plan took part
- ACTION_OVERDUE   what an exercise asked for was not done by its day

Decisions where the rule leaves room:

- The roles are those that the programme names (`exercise_roles`); while it names none nobody can say who had to take
  part, and the row is unknown. A role is compared by its words, whatever their case.
- One person may hold two roles in an exercise, not more, and where there are several never all of them.
- A real incident stands in for an exercise where a record says so (`real_incident`): the record is the decision.
- An exercise that was held with a restore test counts here where it is recorded here.
"""

from __future__ import annotations

from datetime import datetime

from evidence.controls.currency import Standing, rule_of, standing
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.recorded import Persons, follow_actions, judged, recorded, rows_of, serving, short
from evidence.controls.verdict import Verdict
from evidence.record import StoredRecord
from schemas.instants import format_instant
from schemas.outcome import Outcome

LINE = "exercise"
EXERCISE_LAPSED = "EXERCISE_LAPSED"
ROLE_ABSENT = "ROLE_ABSENT"
ACTION_OVERDUE = "ACTION_OVERDUE"
CODES = (EXERCISE_LAPSED, ROLE_ABSENT, ACTION_OVERDUE)

MOST_ROLES = 2
"""That one person may hold in an exercise."""


def plan_exercised(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """The row of the exercise."""
    verdict = Verdict()
    records = recorded(window, evidence, LINE, "incident_exercise")
    held = serving(window, records)
    verdict.used(*(record.digest for record in held))
    rule = rule_of(window, LINE)
    stands = standing(window, rule, (record.performed_at for record in records))
    stands.tell(verdict, EXERCISE_LAPSED, "exercise")
    if stands.latest is None:
        verdict.holds("no exercise is on record")
    elif not stands.lapses:
        real = short(held[-1].values.get("real_incident") or "") if held else ""
        instead = f", for which the incident {real} stands in" if real else ""
        verdict.holds(f"exercised at {format_instant(stands.latest)}{instead}")
    _roles(window, records, held, stands, verdict)
    awaited = follow_actions(window, verdict, ACTION_OVERDUE, records)
    waits = [at for at in (stands.waits_until, awaited) if at is not None]
    subject = "Exercise of the incident plan"
    return [judged(window, LINE, "exercise", window.start, subject, verdict, min(waits, default=None))]


def _roles(
    window: TestWindow, records: list[StoredRecord], held: list[StoredRecord], stands: Standing, verdict: Verdict
) -> None:
    wanted = window.programme.evidence_rules.exercise_roles
    if not held:
        return
    if not wanted:
        verdict.doubts("whether the roles of the plan took part: the programme does not name them (exercise_roles)")
        return
    persons = Persons(window)
    lacking = {record.seq: _lacking(record, wanted, persons) for record in records}
    complete: list[datetime] = [record.performed_at for record in records if not lacking[record.seq]]
    of_all = standing(window, rule_of(window, LINE), complete)
    more = any(lapse not in stands.lapses for lapse in of_all.lapses)
    earlier = of_all.first is not None and stands.first is None  # those before the first whole one were not
    if more or earlier or not complete:
        told = "; ".join(
            f"in that of {format_instant(record.performed_at)} {lacking[record.seq]}"
            for record in held
            if lacking[record.seq]
        )
        if told:
            verdict.fails(ROLE_ABSENT, told)
            return
    verdict.holds(f"{', '.join(short(role) for role in wanted)} took part")


def _lacking(record: StoredRecord, wanted: tuple[str, ...], persons: Persons) -> str:
    """What an exercise lacks, in words; empty where every role took part."""
    held: dict[str, set[frozenset[str]]] = {}
    for row in rows_of(record.values, "participants"):
        role, person = " ".join(str(row.get("role") or "").casefold().split()), str(row.get("person") or "")
        if role and person:
            held.setdefault(role, set()).add(persons.key(person, record.performed_at))
    roles = [" ".join(role.casefold().split()) for role in wanted]
    absent = [short(role) for role, key in zip(wanted, roles, strict=True) if key not in held]
    if absent:
        return f"nobody took part as {', '.join(absent)}"
    alone: dict[frozenset[str], int] = {}
    for key in set(roles):
        if len(held[key]) == 1:
            for person in held[key]:
                alone[person] = alone.get(person, 0) + 1
    most = max(alone.values(), default=0)
    if most > MOST_ROLES or (len(set(roles)) > 1 and most == len(set(roles))):
        return f"one person alone held {most} of {len(set(roles))} roles"
    return ""
