"""CC7-ALT-01: alerts are looked at and resolved in time.

The population are the alerts of a source created in the window, at or above the severity that the programme names
(`alert_severity`). Each is judged by the tickets that name it (`ticketing.alert_triage`):

- UNTRIAGED         no ticket names it
- LATE_ACK          nobody acted on such a ticket within the business days for its severity
- NO_VERDICT        no ticket of it says what it was: false alarm, event or incident
- INCIDENT_MISSING  it was an incident, and the register of incidents has none for it

Decisions where the rule leaves room:

- A ticket names an alert in its fields (`alert_id`, one or many), its text or a comment, by the id at the source, by
  the last part of that id where it is long enough to be unmistakable, or by the alert's address. One ticket may name
  many: one cause with many alerts is one ticket that lists them all.
- An alert is acknowledged by the first thing that a person did with its ticket after it was created there; a ticket
  opened by a person counts by its opening. A field `acknowledged_at` alone is text that can be written at any time: it
  is unknown then whether it was in time.
- The verdict is due when the acknowledgement is. A ticket that was opened again has none until it is closed again.
- The worst severity counts that the source ever gave. An alert without one (alarms, leaked secrets) counts as
  `alert_severity_unrated`.
- What the source put aside by itself (archived, muted) passes where the programme approves the rule
  (`alert_suppressions`: the type or category of the alert, or who muted it), and only then.
- A sample made on request, and an alert that a recorded drill of CC7-TEST-01 names, need no ticket here: CC7-TEST-01
  judges what became of them. A drill that was recorded only when the alert was due leaves it unknown.
- An alert that was closed and is open again needs somebody to look again, within the same time from then.
- Business days are those of the office of the person on call, else of the office `default`.
- An incident that names the alert or its ticket stands for one that the ticket names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from evidence.controls.alert_naming import told_in, words_of
from evidence.controls.alert_sources import SEVERITIES, SOURCES, Alert, alerts_of
from evidence.controls.approval import is_machine
from evidence.controls.business_days import BusinessDays, Calendar, Deadline
from evidence.controls.held import BEGINNING, has_closed, window_unknown
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.ticket_facts import Ticket, tickets_covered, tickets_of
from evidence.controls.verdict import Verdict
from schemas import tickets
from schemas.dataset import Dataset
from schemas.instants import format_instant
from schemas.outcome import Outcome

LINE = "alerts"
UNTRIAGED = "UNTRIAGED"
LATE_ACK = "LATE_ACK"
NO_VERDICT = "NO_VERDICT"
INCIDENT_MISSING = "INCIDENT_MISSING"
CODES = (UNTRIAGED, LATE_ACK, NO_VERDICT, INCIDENT_MISSING)

VERDICTS: Mapping[str, str] = {
    "false alarm": "false alarm", "false positive": "false alarm", "benign": "false alarm", "event": "event",
    "security event": "event", "true positive": "event", "incident": "incident", "security incident": "incident",
    "drill": "false alarm", "test": "false alarm",
}  # fmt: skip
"""What a verdict may read, and which of the three it is."""
_LONGEST = 160


def alerts_triaged(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """One row per alert of the source that must be looked at."""
    system = next((part for part in window.scope_item_id.split(":")[:2] if part in SOURCES), "")
    if not system:
        return [window_unknown(window, LINE, "its alerts are not collected.")] if has_closed(window) else []
    triage = _Triage(window, evidence)
    outcomes = [triage.outcome(alert) for alert in alerts_of(window, evidence, system) if triage.must_be_seen(alert)]
    dataset = SOURCES[system][0]
    held = evidence.covered(dataset, window.scope_item_id, window.start, window.end)
    if has_closed(window) and not held:
        outcomes.append(window_unknown(window, LINE, "not all alerts of the window are held."))
    return outcomes


@dataclass(frozen=True, slots=True)
class _Naming:
    """A ticket that names an alert, and since when."""

    ticket: Ticket
    at: datetime


class _Triage:
    def __init__(self, window: TestWindow, evidence: StoredEvidence) -> None:
        self._window, self._evidence = window, evidence
        self._rules = window.programme.evidence_rules
        self._machines = frozenset(login.casefold() for login in self._rules.machine_accounts)
        self._approved = frozenset(name.casefold() for name in self._rules.alert_suppressions)
        self._calendar = _calendar(window)
        self._namings: dict[str, list[_Naming]] = {}
        self._tickets = self._read(tickets.ALERT_TRIAGE)
        for ticket in self._tickets:
            for at, text in told_in(ticket):
                for word in words_of(text):
                    self._namings.setdefault(word, []).append(_Naming(ticket, at))
        self._incidents = self._read(tickets.INCIDENTS)
        self._said_in: dict[str, set[str]] = {}
        self._drills = {
            str(record.values.get("alert_id") or "").casefold(): record
            for record in evidence.records("CC7-TEST-01", "drill", window.scope_item_id)
            if record.recorded_at <= window.as_of
        }

    def _read(self, dataset: Dataset) -> list[Ticket]:
        # A ticket of a cause that goes on may be much older than the alert that is added to it.
        return tickets_of(self._window, self._evidence, dataset, BEGINNING, self._window.as_of)

    def must_be_seen(self, alert: Alert) -> bool:
        """Whether an alert is at or above the threshold."""
        return SEVERITIES.index(self._severity(alert)) >= SEVERITIES.index(self._rules.alert_severity)

    def _severity(self, alert: Alert) -> str:
        return alert.severity or self._rules.alert_severity_unrated

    def _due(self, alert: Alert, after: datetime) -> Deadline:
        severe = self._severity(alert) in ("high", "critical")
        days = self._rules.alert_high_business_days if severe else self._rules.alert_medium_business_days
        return self._calendar.deadline(after, days)

    def outcome(self, alert: Alert) -> Outcome:
        verdict = Verdict()
        verdict.used(*alert.digests)
        waits: list[tuple[datetime, str]] = []
        if not self._set_aside(alert, verdict):
            self._judge(alert, verdict, waits)
        pending = bool(waits) and verdict.outcome == "pass"
        subject = f"{self._severity(alert)} alert {_short(alert.latest.title)} of {format_instant(alert.at)}"
        open_words = "; ".join(words for _until, words in waits)
        explanation = f"{subject}: {open_words}." if pending else verdict.explain(subject)
        if waits and not pending:
            explanation = f"{explanation} Still open: {open_words}."
        return self._window.outcome(
            evidence_id=LINE,
            item_id=alert.id,
            event_time=alert.at,
            outcome="pending" if pending else verdict.outcome,
            codes=tuple(code for code in CODES if code in verdict.codes),
            explanation=explanation,
            evidence=verdict.evidence,
            resolves_at=max(until for until, _words in waits) if pending else None,
        )

    def _set_aside(self, alert: Alert, verdict: Verdict) -> bool:
        """Whether nobody need look at it."""
        drill = next((self._drills[name] for name in alert.names if name in self._drills), None)
        if drill is not None:
            verdict.used(drill.digest)
            if drill.performed_at < self._due(alert, alert.at).at:
                verdict.holds("set off by a drill that is recorded")
            else:
                told = f"there is a record only from {format_instant(drill.performed_at)}"
                verdict.doubts(f"whether it was set off by a drill, of which {told}")
            return True
        if alert.latest.sample:
            verdict.holds("a sample, as the source marks it")
            return True
        rule = next((name for name in alert.latest.suppressed_as if name.casefold() in self._approved), None)
        if rule is not None:
            verdict.holds(f"put aside by the approved rule {_short(rule)}")
        return rule is not None

    def _judge(self, alert: Alert, verdict: Verdict, waits: list[tuple[datetime, str]]) -> None:
        named = self._named(alert)
        due = self._due(alert, alert.at)
        if not named:
            self._untriaged(alert, due, verdict, waits)
            return
        verdict.used(*(naming.ticket.digest for naming in named))
        self._acknowledged(alert, alert.at, due, named, verdict, waits)
        if alert.reopened_at is not None and alert.latest.open:
            again = self._due(alert, alert.reopened_at)
            self._acknowledged(alert, alert.reopened_at, again, named, verdict, waits, "it was open again")
        self._concluded(alert, due, named, verdict, waits)

    def _named(self, alert: Alert) -> list[_Naming]:
        found: dict[str, _Naming] = {}
        for name in alert.names:
            for naming in self._namings.get(name, ()):
                held = found.get(naming.ticket.id)
                if held is None or naming.at < held.at:
                    found[naming.ticket.id] = naming
        return sorted(found.values(), key=lambda naming: (naming.at, naming.ticket.id))

    def _untriaged(
        self, alert: Alert, due: Deadline, verdict: Verdict, waits: list[tuple[datetime, str]]
    ) -> None:  # fmt: skip
        window = self._window
        if window.as_of < due.at:
            waits.append((due.at, f"no ticket names it yet (due by {due.words})"))
        elif window.programme.registers.alert_triage is None:
            verdict.doubts("whether a ticket names it: the programme does not say where alerts are looked into")
        elif not tickets_covered(window, self._evidence, tickets.ALERT_TRIAGE, alert.at, due.at):
            verdict.doubts("whether a ticket names it: not all tickets of that time are held")
        else:
            verdict.fails(UNTRIAGED, f"no ticket names it (due by {due.words})")

    def _acknowledged(
        self, alert: Alert, since: datetime, due: Deadline, named: list[_Naming], verdict: Verdict,
        waits: list[tuple[datetime, str]], why: str = "it was raised",
    ) -> None:  # fmt: skip
        acts = sorted(self._acts(named, since), key=lambda act: act[0])
        by_people = [act for act in acts if act[1]]
        seen = f"since {why} at {format_instant(since)}"
        if by_people and by_people[0][0] < due.at:
            at, who, ticket = by_people[0]
            verdict.holds(f"{who} acted on {ticket.name} at {format_instant(at)}")
            return
        if acts and acts[0][0] < due.at and not acts[0][1]:
            verdict.doubts(f"who acted on {acts[0][2].name} at {format_instant(acts[0][0])}: the account is gone")
        elif by_people:
            at, who, ticket = by_people[0]
            verdict.fails(
                LATE_ACK,
                f"{who} was the first to act on {ticket.name} {seen}, at {format_instant(at)}, after {due.words}",
            )
        elif self._window.as_of < due.at:
            waits.append((due.at, f"nobody has acted on {named[0].ticket.name} yet (due by {due.words})"))
        elif any(naming.ticket.known_until < due.at for naming in named):
            verdict.doubts(f"whether somebody acted in time on {named[0].ticket.name}, which was last read before")
        elif (said := self._said(named, since, due)) is not None:
            verdict.doubts(f"whether it was acknowledged {said}, as the ticket says and no event of it shows")
        else:
            verdict.fails(LATE_ACK, f"nobody acted on {named[0].ticket.name} {seen} (due by {due.words})")

    def _acts(self, named: Iterable[_Naming], since: datetime) -> Iterable[tuple[datetime, str, Ticket]]:
        """What was done with the tickets of an alert since an instant, but not by machines; by an empty name where the
        tracker no longer says who did it."""
        for naming in named:
            ticket = naming.ticket
            done = [(ticket.opened_at, ticket.row["author"]), *((one["at"], one["actor"]) for one in ticket.events())]
            for at, actor in done:
                who = ticket.who(actor)
                if at < max(since, naming.at) or is_machine((actor or {}).get("kind"), who, self._machines):
                    continue
                yield at, who.named if who.keys else "", ticket

    def _said(self, named: Iterable[_Naming], since: datetime, due: Deadline) -> str | None:
        """A time within the allowed that a ticket gives in words alone."""
        for naming in named:
            try:
                at = naming.ticket.instant(self._window.programme.timezone, "acknowledged_at")
            except ValueError:
                continue
            if at is not None and since <= at < due.at:
                return f"at {format_instant(at)}"
        return None

    def _concluded(
        self, alert: Alert, due: Deadline, named: list[_Naming], verdict: Verdict, waits: list[tuple[datetime, str]]
    ) -> None:
        read: list[tuple[str, Ticket]] = []
        strange: list[str] = []
        for naming in named:
            said = naming.ticket.field("verdict")
            if said is None or said.strip("-–?. ") == "":
                continue
            if self._open_again(naming.ticket):
                strange.append(f"{naming.ticket.name} was opened again after its verdict")
                continue
            kind = VERDICTS.get(re.sub(r"[\W_]+", " ", said).strip().casefold())
            if kind is None:
                verdict.doubts(f"what the verdict of {naming.ticket.name} means ({_short(said)})")
            read.append((kind or "", naming.ticket))
        if not read:
            self._no_verdict(due, named, strange, verdict, waits)
            return
        of_incident = [ticket for kind, ticket in read if kind == "incident"]
        if not of_incident:
            verdict.holds(f"verdict {next((kind for kind, _ticket in read if kind), 'not understood')}")
            return
        incident = next((found for ticket in of_incident if (found := self._incident(alert, ticket)) is not None), None)
        if incident is not None:
            verdict.used(incident.digest)
            verdict.holds(f"verdict incident, {incident.name}")
        elif self._window.as_of < due.at:
            waits.append((due.at, "the register of incidents has none for it yet"))
        elif self._window.programme.registers.incidents is None or not tickets_covered(
            self._window, self._evidence, tickets.INCIDENTS, self._window.start, due.at
        ):
            verdict.doubts("whether the register of incidents has one for it: not all incidents of that time are held")
        else:
            named_as = of_incident[0].field("incident", "incident_id")
            words = f"which names {_short(named_as)}" if named_as else "which names none"
            verdict.fails(INCIDENT_MISSING, f"an incident by {of_incident[0].name}, {words}, and the register has none")

    def _no_verdict(
        self, due: Deadline, named: list[_Naming], strange: list[str], verdict: Verdict,
        waits: list[tuple[datetime, str]],
    ) -> None:  # fmt: skip
        ticket = named[0].ticket
        if self._window.as_of < due.at:
            waits.append((due.at, f"{ticket.name} has no verdict yet"))
        elif any(naming.ticket.known_until < due.at for naming in named):
            verdict.doubts(f"whether {ticket.name} has a verdict by now: it was last read before {due.words}")
        else:
            verdict.fails(NO_VERDICT, strange[0] if strange else f"{ticket.name} has no verdict")

    @staticmethod
    def _open_again(ticket: Ticket) -> bool:
        return ticket.row["state"] == "open" and any(ticket.events("reopened"))

    def _incident(self, alert: Alert, ticket: Ticket) -> Ticket | None:
        """The incident that a ticket names, or that names the alert or the ticket."""
        wanted = {word for word in words_of(ticket.field("incident", "incident_id") or "") if word}
        own = {*alert.names, ticket.name.casefold(), str(ticket.row["url"] or "").casefold()} - {""}
        for incident in self._incidents:
            row = incident.row
            called = {incident.id.casefold(), incident.name.casefold(), str(row["url"] or "").casefold()} - {""}
            if row["number"] is not None and row["place_id"] == ticket.row["place_id"]:
                called |= {f"#{row['number']}", str(row["number"])}
            if wanted & called or incident.id == ticket.id:
                return incident
            if own & self._said_of(incident):
                return incident
        return None

    def _said_of(self, incident: Ticket) -> set[str]:
        """The words of an incident, split once."""
        if incident.id not in self._said_in:
            self._said_in[incident.id] = {word for _at, text in told_in(incident) for word in words_of(text)}
        return self._said_in[incident.id]


def _calendar(window: TestWindow) -> Calendar:
    on_call = window.programme.people.on_call
    row = next(
        (
            row
            for row in window.registers.get("people", ())
            if on_call and str(row.get("email") or "").casefold() == on_call.casefold()
        ),
        None,
    )
    days = BusinessDays.of(window.programme, dict(window.registers))
    return days.of_person(None if row is None else str(row["person_id"]))


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
