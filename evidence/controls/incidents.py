"""CC7-INC-01: incidents are handled by the procedure, and the register of them is complete.

The population are the incidents opened in the window (`ticketing.incidents`). Each as severe as the programme names
(`incident_severity`, 2) or worse is judged:

- LATE_CLASS           it had no severity within the hours allowed (4) after it was opened
- NO_REVIEW            no review within the business days allowed (10) after it was resolved
- ACTION_OVERDUE       an action was not done by its day, or its day was moved and nobody decided that
- NOTICE_LATE          customers who must be told were told late, or not at all
- REGISTER_INCOMPLETE  something else was judged to be an incident, and the register has none for it
                       (`incident_register`); or who attests to the register counts other incidents than it has

Decisions where the rule leaves room:

- The worst severity counts that it was ever given, but for one that was corrected within the hours allowed. Without any
  severity it is judged as one that the procedure binds. When it was given is what the tracker's own history shows (a
  label, a field of the tracker); a severity in the text alone has no history, and then nobody knows.
- An incident is resolved at `resolved_at`, else when its ticket was closed. Dates stand in fields or comments of the
  ticket (`Review at: 2026-05-20`); a date in a comment written more than 72 hours later counts from the comment. That
  of a review or notice in a field is believed where something happened to the ticket, or it was first read so, within
  72 hours of it; else it is unknown. What had not come when the ticket was last read is a plan, and not done.
- Business days of the review are those of the office of who is assigned, else of who closed it, else `default`.
- Whether customers must be told, the ticket says (`Notice required: yes` or `no`); by when, too (`Notice due at`), else
  the programme does (`incident_notice_hours`). A ticket that does not say leaves it unknown.
- One closed as a duplicate passes: the other is judged. Where it names one that the register does not have, or that
  is a duplicate of this one, that is unknown. One that is still open is pending.
- What a ticket does not show by a deadline after it was last read is unknown, and no exception.
- A window without incidents is `not_operated` where that is shown (`no_incidents`), else unknown. It never passes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from evidence.controls.business_days import BusinessDays, Calendar
from evidence.controls.held import BEGINNING, has_closed, window_unknown
from evidence.controls.identity import IdentityMap, Who
from evidence.controls.incident_facts import Action, actions, first_set, is_duplicate, said_at, word, worst
from evidence.controls.incident_register import REGISTER_INCOMPLETE, attested_as_registered, register_is_complete
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.no_incidents import nothing_happened
from evidence.controls.ticket_facts import Ticket, severity_number, tickets_covered, tickets_of
from evidence.controls.validity import end_of
from evidence.controls.verdict import Verdict
from schemas import tickets
from schemas.instants import format_instant
from schemas.outcome import Outcome

LINE = "incidents"
LATE_CLASS = "LATE_CLASS"
NO_REVIEW = "NO_REVIEW"
ACTION_OVERDUE = "ACTION_OVERDUE"
NOTICE_LATE = "NOTICE_LATE"
CODES = (LATE_CLASS, NO_REVIEW, ACTION_OVERDUE, NOTICE_LATE, REGISTER_INCOMPLETE)

REVIEW = ("review_at", "reviewed_at", "review_held_at", "post_mortem_at", "postmortem_at")
INFORMED = ("customers_informed_at", "customers_told_at", "notified_at", "notice_at")
_NO = re.compile(r"(?:no|none|n/?a|not (?:required|needed|necessary|applicable))(?:\s*[^\w\s].*)?", re.DOTALL)
"""A no, with or without its reason: `no`, `none (internal only)`; `not decided yet` and `no idea` are none."""
_TICK = timedelta(microseconds=1)
_DAY = timedelta(days=1)
_NO_TRACE = "of which the ticket shows no other trace"
_LONGEST = 160
Waits = list[tuple[datetime | None, str]]
"""Deadlines that have not passed, None where there is none yet, and what is waited for."""


def incidents_handled(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """One row per incident opened in the window, one per thing that should be one and is none, and one where there is
    no incident or not all are held."""
    everything = tickets_of(window, evidence, tickets.INCIDENTS, BEGINNING, window.as_of)
    found = [ticket for ticket in everything if window.start <= ticket.opened_at < window.end]
    judge = _Judge(window, everything)
    outcomes = [judge.outcome(ticket) for ticket in found]
    outcomes += register_is_complete(window, evidence, everything)
    covered = tickets_covered(window, evidence, tickets.INCIDENTS, window.start, window.end)
    if not has_closed(window):
        return outcomes
    if not covered:
        return [*outcomes, window_unknown(window, LINE, "not all incidents of the window are held.")]
    outcomes += attested_as_registered(window, evidence, everything)
    if not found:
        outcomes.append(nothing_happened(window, evidence, everything))
    return outcomes


class _Judge:
    def __init__(self, window: TestWindow, everything: Sequence[Ticket]) -> None:
        self._window = window
        self._called = {name: ticket for ticket in everything for name in _names(ticket)}
        self._rules = window.programme.evidence_rules
        self._zone = window.programme.timezone
        self._people = IdentityMap.of(window.registers, self._zone)
        self._days = BusinessDays.of(window.programme, window.registers)
        self._rules_of_procedure: Mapping[str, Callable[[Ticket, Verdict, Waits], None]] = {
            "when it was classified": self._classified, "when it was resolved and reviewed": self._reviewed,
            "what was to be done": self._acted, "when customers were told": self._told,
        }  # fmt: skip

    def outcome(self, ticket: Ticket) -> Outcome:
        verdict, waits = Verdict(), Waits()
        verdict.used(ticket.digest)
        severity = worst(ticket, timedelta(hours=self._rules.incident_class_hours))
        if is_duplicate(ticket):
            self._merged(ticket, verdict)
        elif severity is not None and severity > self._rules.incident_severity:
            verdict.holds(f"of severity {severity}, which the procedure does not bind")
        else:
            for what, rule in self._rules_of_procedure.items():
                try:
                    rule(ticket, verdict, waits)
                except ValueError:
                    verdict.doubts(f"{what}: what the ticket says is no date")
        pending = bool(waits) and verdict.outcome == "pass"
        rated = "" if severity is None else f" of severity {severity}"
        subject = f"Incident {_short(ticket.name)}{rated}, {_short(ticket.row['title'])}"
        open_words = "; ".join(words for _until, words in waits)
        explanation = f"{subject}: {open_words}." if pending else verdict.explain(subject)
        if waits and not pending:
            explanation = f"{explanation} Still open: {open_words}."
        deadlines = [until for until, _words in waits if until is not None]
        return self._window.outcome(
            evidence_id=LINE,
            item_id=f"incident:{ticket.id}",
            event_time=ticket.opened_at,
            outcome="pending" if pending else verdict.outcome,
            codes=tuple(code for code in CODES if code in verdict.codes),
            explanation=explanation,
            evidence=verdict.evidence,
            resolves_at=max(deadlines) if pending and deadlines else None,
        )

    def _merged(self, ticket: Ticket, verdict: Verdict) -> None:
        """Judge one that was closed as a duplicate: the one it names must be there and be judged itself."""
        named, met, one = ticket.told("duplicate_of"), {ticket.id}, ticket
        while (other := one.told("duplicate_of")) is not None and is_duplicate(one):
            key = other.strip().casefold()
            found = self._called.get(f"{one.row['place_id']}{key}") or self._called.get(key)
            if found is None:
                verdict.doubts(f"what it is a duplicate of: the register has no {_short(other)}")
                return
            if found.id in met:
                verdict.doubts(f"what it is a duplicate of: it comes back to itself by {_short(other)}")
                return
            met.add(found.id)
            one = found
        verdict.holds(f"closed as a duplicate{f' of {_short(named)}' if named else ''}")

    # --- the rules ---------------------------------------------------------------------------------------------------

    def _classified(self, ticket: Ticket, verdict: Verdict, waits: Waits) -> None:
        hours = self._rules.incident_class_hours
        due = ticket.opened_at + timedelta(hours=hours)
        at = first_set(ticket, self._zone)
        if at is not None and at <= due:
            verdict.holds(f"given its severity at {format_instant(at)}")
        elif at is not None:
            verdict.fails(LATE_CLASS, f"given a severity only at {format_instant(at)}, {hours:g} hours were allowed")
        elif severity_number(ticket.field("severity")) is not None:
            verdict.doubts("when it was given its severity, which stands in its text alone")
        else:
            self._missing(ticket, due, verdict, waits, LATE_CLASS, f"it has no severity, due by {format_instant(due)}")

    def _reviewed(self, ticket: Ticket, verdict: Verdict, waits: Waits) -> None:
        resolved = self._resolved(ticket, verdict)
        if resolved is None:
            if ticket.row["state"] == "open":
                waits.append((None, "it is not resolved yet"))
            return
        due = self._calendar(ticket).deadline(resolved, self._rules.incident_review_business_days)
        at = self._past(ticket, said_at(ticket, self._zone, *REVIEW))
        if at is None:
            self._missing(ticket, due.at, verdict, waits, NO_REVIEW, f"no review of it is recorded, due by {due.words}")
        elif at < due.at and not self._borne_out(ticket, at, REVIEW):
            verdict.doubts(f"whether it was reviewed at {format_instant(at)}, {_NO_TRACE}")
        elif at < due.at:
            verdict.holds(f"reviewed by {format_instant(at)}")
        else:
            verdict.fails(NO_REVIEW, f"reviewed only at {format_instant(at)}, after {due.words}")

    def _resolved(self, ticket: Ticket, verdict: Verdict) -> datetime | None:
        return self._past(ticket, said_at(ticket, self._zone, "resolved_at")) or ticket.row["closed_at"]

    def _acted(self, ticket: Ticket, verdict: Verdict, waits: Waits) -> None:
        for action in actions(ticket):
            named = f"action {_short(action.name)}"
            if action.due is None:
                verdict.doubts(f"by when {named} was to be done")
                continue
            if action.moved and action.moved_by is None:
                verdict.fails(ACTION_OVERDUE, f"the day of {named} was moved, and nobody is named who decided that")
            self._done(ticket, action, named, verdict, waits)

    def _done(self, ticket: Ticket, action: Action, named: str, verdict: Verdict, waits: Waits) -> None:
        assert action.due is not None, "looked at before"
        due = end_of(action.due.isoformat(), self._zone)
        assert due is not None, "a day has an end"
        if action.done is None:
            self._missing(ticket, due, verdict, waits, ACTION_OVERDUE, f"{named} is not done, due {action.due}")
        elif action.done > action.due:
            verdict.fails(ACTION_OVERDUE, f"{named} was done on {action.done}, due {action.due}")
        else:
            verdict.holds(f"{named} was done on {action.done}")

    def _told(self, ticket: Ticket, verdict: Verdict, waits: Waits) -> None:
        needed = (word(ticket, "notice_required", "customers_to_be_informed") or "").casefold()
        due = said_at(ticket, self._zone, "notice_due_at", "notice_due")  # fmt: skip
        at = self._past(ticket, said_at(ticket, self._zone, *INFORMED))
        if _NO.fullmatch(needed) and due is None:
            verdict.holds("no notice was due")
            return
        if at is None and due is None and not needed.startswith("yes"):
            verdict.doubts("whether customers had to be told: the ticket does not say (Notice required: yes or no)")
            return
        due = due or ticket.opened_at + timedelta(hours=self._rules.incident_notice_hours)
        if at is None:
            words = f"customers were not told, due by {format_instant(due)}"
            self._missing(ticket, due + _TICK, verdict, waits, NOTICE_LATE, words)
        elif at <= due and not self._borne_out(ticket, at, INFORMED):
            verdict.doubts(f"whether customers were told at {format_instant(at)}, {_NO_TRACE}")
        elif at <= due:
            verdict.holds(f"customers were told at {format_instant(at)}")
        else:
            words = f"customers were told at {format_instant(at)}, due by {format_instant(due)}"
            verdict.fails(NOTICE_LATE, words)

    # --- what they share ---------------------------------------------------------------------------------------------

    @staticmethod
    def _past(ticket: Ticket, at: datetime | None) -> datetime | None:
        """A time that had come when the ticket was last read; a later one is a plan. A bare day counts as its end."""
        return None if at is None or at - _DAY >= ticket.known_until else at

    def _borne_out(self, ticket: Ticket, at: datetime, names: tuple[str, ...]) -> bool:
        """Whether a date is more than text. That of a comment was written with it."""
        return ticket.field(*names) is None or ticket.bears_out(at, *names)

    def _missing(
        self, ticket: Ticket, due: datetime, verdict: Verdict, waits: Waits, code: str,
        words: str,
    ) -> None:  # fmt: skip
        """Something that the ticket does not show, in time or not at all."""
        if self._window.as_of < due:
            waits.append((due, f"{words}, which is still to come"))
        elif ticket.known_until < due:
            verdict.doubts(f"{words}; the ticket was last read at {format_instant(ticket.known_until)}, before that")
        else:
            verdict.fails(code, words)

    def _calendar(self, ticket: Ticket) -> Calendar:
        tracker = ticket.row["tracker"]
        named = [Who(tracker, login=name, email=name if "@" in name else None) for name in ticket.row["assignees"]]
        people = self._people.at(ticket.opened_at)
        for who in (*named, ticket.who(ticket.row["closed_by"])):
            keys = [key for key in people.person(who) if key.startswith("person:")]
            if keys:
                return self._days.of_person(keys[0].removeprefix("person:"))
        return self._days.of_person(None)


def _names(ticket: Ticket) -> set[str]:
    """How another ticket may name one."""
    row = ticket.row
    names = {ticket.id, ticket.name, str(row["url"] or "")} - {""}
    numbers = set[str]() if row["number"] is None else {f"{row['place_id']}{sign}{row['number']}" for sign in ("", "#")}
    return {name.casefold() for name in names} | numbers


def _short(text: str | None) -> str:
    words = " ".join(str(text or "").split())
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"
