"""CC3-RISK-01: risks are assessed every year, and what was decided about them is carried out.

Each quarter has a row for the assessment and, by the snapshots of the risk register (`own.risks`), one for each risk:

- RISK_LAPSED        at some instant the latest assessment was more than twelve months and the grace days old
- NO_FRAUD           the assessment names no row of the register that is about fraud, or does not speak of changes
- NO_OWNER           a risk above the appetite has no owner who works here, no day for its treatment, or is accepted
                     without anybody who approved it
- TREATMENT_OVERDUE  the day of the treatment, or of the acceptance, is past and no assessment decided about it

Decisions where the rule leaves room:

- Owner and treatment are never empty in the register. An owner is somebody of the people register whose last day has
  not come; where that register is not recorded it is unknown.
- The appetite is that of the latest assessment before the snapshot. Where it names none every risk is above it.
- A risk whose treatment is done needs no day. One that is accepted needs approval and a last day in the assessment.
- A decision about what is overdue counts until the new day it names, for ever where it names none.
- Days are those of the zone of the programme. A risk is told as often as what is wrong with it changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from evidence.completeness.instants import ticks
from evidence.completeness.local_time import local_wall
from evidence.controls.currency import of_the_period, rule_of, standing
from evidence.controls.held import has_closed, window_unknown
from evidence.controls.identity import IdentityMap, Who
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.stretches import Seen, Stretches
from evidence.controls.verdict import Verdict
from evidence.record import StoredRecord
from schemas.instants import format_instant
from schemas.outcome import Outcome
from schemas.own import RISKS

LINE = "register"
ASSESSMENT = "assessment"
RISK_LAPSED = "RISK_LAPSED"
NO_FRAUD = "NO_FRAUD"
NO_OWNER = "NO_OWNER"
TREATMENT_OVERDUE = "TREATMENT_OVERDUE"
CODES = (RISK_LAPSED, NO_FRAUD, NO_OWNER, TREATMENT_OVERDUE)

Row = Mapping[str, Any]


def risks_are_assessed(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """Rows for the assessment and for the risks of a quarter."""
    return list(_Test(window, evidence).outcomes())


class _Test:
    def __init__(self, window: TestWindow, evidence: StoredEvidence) -> None:
        self._window = window
        self._evidence = evidence
        self._identities = IdentityMap.of(window.registers, window.programme.timezone)
        self._people = {str(row["person_id"]): row for row in window.registers.get("people", ())}
        records = evidence.records(window.control_id, ASSESSMENT, window.scope_item_id)
        self._assessments = of_the_period(window, records, "risk_assessment")
        self._snapshots = list(evidence.snapshots(RISKS, window.scope_item_id, window.start, window.end))
        before = evidence.snapshot_before(RISKS, window.scope_item_id, window.start)
        self._known = {
            str(row["risk_id"]) for _, rows, _ in ([before] if before else []) + self._snapshots for row in rows
        }

    def outcomes(self) -> Iterator[Outcome]:
        window = self._window
        stretches = Stretches(window, LINE)
        for at, rows, digest in self._snapshots:
            stretches.add(at, digest, {f"risk:{row['risk_id']}": self._risk(row, at) for row in rows})
        yield from stretches.outcomes()
        if not self._snapshots:
            if has_closed(window):
                yield window_unknown(window, LINE, "no snapshot of the risk register is held.", about="register")
        elif has_closed(window) and not any(rows for _, rows, _ in self._snapshots):
            yield window_unknown(window, LINE, "the risk register names no risk.", about="register")
        yield self._assessment()

    # --- the assessment -----------------------------------------------------------------------------------------------

    def _assessment(self) -> Outcome:
        window, verdict = self._window, Verdict()
        now = standing(window, rule_of(window, ASSESSMENT), (one.performed_at for one in self._assessments))
        latest = self._latest(min(window.end, window.as_of))
        if now.due is None:
            now.tell(verdict, RISK_LAPSED, "assessment")
        if latest is not None:
            verdict.used(latest.digest)
            self._fraud(verdict, latest)
            verdict.holds(f"assessed at {format_instant(latest.performed_at)}")
        elif now.due is None and now.first is not None:
            verdict.doubts(f"what the first assessment, of {format_instant(now.first)}, has to do with this window")
        subject = f"{window.scope_item[:120]}, assessment of risks"
        pending = now.due is not None
        return window.outcome(
            evidence_id=LINE,
            item_id=f"{ASSESSMENT}:{window.scope_item_id}",
            event_time=window.start,
            outcome="pending" if pending else verdict.outcome,
            codes=tuple(verdict.codes),
            explanation=f"{subject}: none is on record yet." if pending else verdict.explain(subject),
            evidence=verdict.evidence,
            resolves_at=now.due,
        )

    def _fraud(self, verdict: Verdict, assessment: StoredRecord) -> None:
        named = [str(one) for one in assessment.values.get("fraud_risks") or ()]
        if not named:
            verdict.fails(NO_FRAUD, "the assessment names no risk of fraud")
        elif not self._known:
            verdict.doubts("whether the register holds the risks of fraud that the assessment names")
        elif not self._known.intersection(named):
            verdict.fails(NO_FRAUD, f"the register holds none of {', '.join(named)[:160]}, named as risks of fraud")
        if not str(assessment.values.get("changes") or "").strip():
            verdict.fails(NO_FRAUD, "the assessment does not speak of changes")

    def _latest(self, at: datetime) -> StoredRecord | None:
        """The last assessment made before an instant."""
        return next((one for one in reversed(self._assessments) if one.performed_at < at), None)

    # --- risks --------------------------------------------------------------------------------------------------------

    def _risk(self, row: Row, at: datetime) -> Seen:
        label = f"risk {str(row['risk_id'])[:60]} ({str(row['title'])[:120]})"
        assessment = self._latest(at)
        appetite = 0 if assessment is None else assessment.values.get("appetite") or 0
        size = int(row["likelihood"]) * int(row["impact"])
        if size <= appetite:
            return Seen(label, f"{size}, within the appetite of {appetite}")
        codes: list[str] = []
        wrong: list[str] = []
        unsure: list[str] = []
        owner = self._owner(row, at)
        if owner is None:
            unsure.append("nobody can say who works here")
        elif owner:
            codes.append(NO_OWNER)
            wrong.append(owner)
        accepted = row["treatment"] == "accept"
        found = self._accepted(row, at) if accepted else self._treated(row, at)
        if found is not None:
            codes.append(found[0])
            wrong.append(found[1])
        words = "; ".join([*wrong, *unsure]) or f"{size}, {row['treatment']} by {str(row['owner'])[:120]}"
        return Seen(label, words, tuple(dict.fromkeys(codes)), unknown=bool(unsure))

    def _owner(self, row: Row, at: datetime) -> str | None:
        """What is wrong with the owner; empty where nothing is, None where that is not known."""
        if not self._people:
            return None
        people = self._identities.at(at)
        who = people.person(Who("own", email=str(row["owner"])))
        day = self._day(at)
        mine = [
            one for key, one in self._people.items() if not people.of_key(f"person:{key}").isdisjoint(who)
        ]  # fmt: skip
        if any(not one.get("last_day") or str(one["last_day"]) >= day for one in mine):
            return ""
        why = "does not work here any more" if mine else "is nobody of the people register"
        return f"its owner {str(row['owner'])[:120]} {why}"

    def _treated(self, row: Row, at: datetime) -> tuple[str, str] | None:
        if row["status"] == "done":
            return None
        if not row["due"]:
            return NO_OWNER, "its treatment has no day"
        if str(row["due"]) >= self._day(at):
            return None
        for assessment in self._assessments:
            for decision in assessment.values.get("overdue") or ():
                if decision["risk_id"] == row["risk_id"] and assessment.performed_at <= at:
                    due = decision.get("due")
                    if str(decision.get("decision") or "").strip() and (not due or str(due) >= self._day(at)):
                        return None
        return TREATMENT_OVERDUE, f"its treatment was due on {row['due']}, and nobody decided about it"

    def _accepted(self, row: Row, at: datetime) -> tuple[str, str] | None:
        approvals = [
            (str(one["expires"]), assessment)
            for assessment in self._assessments
            if assessment.performed_at <= at
            for one in assessment.values.get("accepted") or ()
            if one["risk_id"] == row["risk_id"] and one.get("approved_by") and one.get("expires")
        ]
        if not approvals:
            return NO_OWNER, "it is accepted, and no assessment names who approved that and until when"
        expires = max(day for day, _ in approvals)
        if expires >= self._day(at):
            return None
        return TREATMENT_OVERDUE, f"its acceptance ended on {expires}"

    def _day(self, at: datetime) -> str:
        return local_wall(ticks(at), self._window.programme.timezone).date().isoformat()
