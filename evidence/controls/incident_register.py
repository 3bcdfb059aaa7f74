"""Whether the register of incidents holds all that there were (CC7-INC-01, REGISTER_INCOMPLETE).

Whatever somebody judged to be an incident must be in the register, or be answered in writing: tickets of alerts and
messages to the security contact with the verdict `incident`. Such a ticket names its incident (`Incident: OPS-12`), the
incident names the ticket, or a cross-check of the quarter's attestation names it with its incident or with why it was
none. And who attests to the register must count as many incidents as it has.

Posts on the status page and deployments that were rolled back are not held yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from evidence.completeness.windows import window_bounds, window_id_of
from evidence.controls.held import has_closed, window_unknown
from evidence.controls.incident_facts import is_duplicate, word
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.ticket_facts import Ticket, tickets_covered, tickets_of
from evidence.record import StoredRecord
from schemas import tickets
from schemas.dataset import Dataset
from schemas.instants import format_instant
from schemas.outcome import Outcome

LINE = "incidents"
REGISTER_INCOMPLETE = "REGISTER_INCOMPLETE"
SOURCES: tuple[tuple[Dataset, str], ...] = (
    (tickets.ALERT_TRIAGE, "tickets of alerts"),
    (tickets.SECURITY_INBOX, "messages to the security contact"),
)
"""Where something may be judged to be an incident."""
_SPLIT = re.compile(r"[\s,;|<>()\[\]\"'`]+")


def attestations(window: TestWindow, evidence: StoredEvidence) -> list[StoredRecord]:
    """The attestations of the window's quarter that were recorded by `as_of`, the latest last."""
    quarter = quarter_of(window)
    found = evidence.records(window.control_id, "attestation", window.scope_item_id)
    return [
        record for record in found
        if record.record_type == "incident_attestation" and record.for_window == quarter
        and record.recorded_at <= window.as_of
    ]  # fmt: skip


def quarter_of(window: TestWindow) -> str:
    """The quarter in which a window begins."""
    return window_id_of(window.start, "quarterly", window.programme.timezone)


def register_is_complete(window: TestWindow, evidence: StoredEvidence, incidents: Sequence[Ticket]) -> list[Outcome]:
    """A row for everything in the window that was judged to be an incident, and one for each source not held."""
    outcomes: list[Outcome] = []
    known = {name for ticket in incidents for name in _names(ticket)}
    naming = {word for ticket in incidents for word in _words(_texts(ticket))}
    answered = {
        str(row.get("item") or "").casefold(): (record, row)
        for record in attestations(window, evidence)
        for row in record.values.get("cross_checks") or ()
    }
    for dataset, words in SOURCES:
        if getattr(window.programme.registers, tickets.REGISTER_OF[dataset.name]) is None:
            if has_closed(window):
                why = f"the programme does not say where {words} are, so nothing of them can be held against it."
                outcomes.append(window_unknown(window, LINE, why, about=f"cross-check {words}"))
            continue
        outcomes += [
            _cross_checked(window, ticket, words, known, naming, answered)
            for ticket in tickets_of(window, evidence, dataset, window.start, window.end)
            if _is_incident(ticket)
        ]
        if has_closed(window) and not tickets_covered(window, evidence, dataset, window.start, window.end):
            why = f"not all {words} of the window are held."
            outcomes.append(window_unknown(window, LINE, why, about=f"cross-check {words}"))
    return outcomes


def _is_incident(ticket: Ticket) -> bool:
    """Whether its verdict is `incident`, in whatever more words; `no incident` is none."""
    said = (word(ticket, "verdict") or "").casefold().strip(" .!")
    return said in ("incident", "security incident") or said.startswith(("incident ", "incident,", "incident:"))


def _cross_checked(
    window: TestWindow, ticket: Ticket, words: str, known: set[str], naming: set[str],
    answered: dict[str, tuple[StoredRecord, dict[str, object]]],
) -> Outcome:  # fmt: skip
    said = word(ticket, "incident", "incident_id") or ""
    digests = [ticket.digest]
    found = next((one for one in _words([said]) if one in known), None)
    record, row = next((answered[name] for name in _names(ticket) if name in answered), (None, {}))
    subject = f"{ticket.name}, of the {words}, was judged to be an incident"
    ok = True
    if found is not None:
        explanation = f"{subject}: the register has it as {said}."
    elif any(name in naming for name in _names(ticket)):
        explanation = f"{subject}: an incident of the register names it."
    elif record is not None and str(row.get("incident") or "").casefold() in known:
        digests.append(record.digest)
        explanation = f"{subject}: the attestation says that it belongs to {row['incident']}."
    elif record is not None and row.get("why_not"):
        digests.append(record.digest)
        explanation = f"{subject}: the attestation says why it was none: {row['why_not']}"
    else:
        ok = False
        named = f"; {said[:80]}, which it names, is not in it" if said else ""
        explanation = f"{subject}: the register has no incident for it{named}, and nobody wrote why it was none."
    return window.outcome(
        evidence_id=LINE, item_id=f"cross-check:{ticket.id}", event_time=ticket.opened_at,
        outcome="pass" if ok else "exception", codes=() if ok else (REGISTER_INCOMPLETE,), explanation=explanation,
        evidence=tuple(digests),
    )  # fmt: skip


def attested_as_registered(window: TestWindow, evidence: StoredEvidence, incidents: Sequence[Ticket]) -> list[Outcome]:
    """In the last window of a quarter: whether its attestation counts the incidents that the register has."""
    records = attestations(window, evidence)
    if not records or window.end < window_bounds(quarter_of(window), window.programme.timezone).end:
        return []
    record = records[-1]
    held = of_the_quarter(window, evidence, incidents)
    if held is None:
        why = f"whether {quarter_of(window)} had the incidents attested to: not all of its tickets are held."
        return [window_unknown(window, LINE, why, (record.digest,), about="attestation")]
    said = record.values.get("incidents")
    ok = said == len(held)
    words = f"The attestation of {quarter_of(window)} of {format_instant(record.claimed_at)} counts {said} incidents"
    explanation = f"{words}, and the register has as many." if ok else f"{words}, and the register has {len(held)}."
    return [window.outcome(
        evidence_id=LINE, item_id=f"attestation:{quarter_of(window)}", event_time=record.performed_at,
        outcome="pass" if ok else "exception", codes=() if ok else (REGISTER_INCOMPLETE,), explanation=explanation,
        evidence=(record.digest, *dict.fromkeys(one.digest for one in held)),
    )]  # fmt: skip


def of_the_quarter(
    window: TestWindow, evidence: StoredEvidence, incidents: Sequence[Ticket]
) -> list[Ticket] | None:  # fmt: skip
    """The incidents of the window's quarter, duplicates left out; None where not all of them are held."""
    quarter = window_bounds(quarter_of(window), window.programme.timezone)
    if not tickets_covered(window, evidence, tickets.INCIDENTS, quarter.start, quarter.end):
        return None
    return [one for one in incidents if quarter.start <= one.opened_at < quarter.end and not is_duplicate(one)]


def _names(ticket: Ticket) -> Iterable[str]:
    """How people may name a ticket, in lower case."""
    number = ticket.row["number"]
    short = () if number is None else (f"#{number}",)
    return [str(one).casefold() for one in (ticket.row["ticket_id"], ticket.row["url"], ticket.id, *short) if one]


def _texts(ticket: Ticket) -> list[str]:
    comments = [str(event["text"] or "") for event in ticket.events("commented")]
    return [str(ticket.row["body"] or ""), *ticket.fields.values(), *comments]


def _words(texts: Iterable[str]) -> list[str]:
    return [part.strip(".:!?").casefold() for text in texts for part in _SPLIT.split(text) if part]
