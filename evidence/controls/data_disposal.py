"""C1-DSP-01: confidential data are disposed of when due.

By the tickets of deletions (`ticketing.deletions`) whose deletion falls due in the window (field `deletion_due`):

- DELETE_LATE        the data were not deleted by the day it was due
- DELETE_UNVERIFIED  nobody other than who deleted them, and no query, verified that they are gone

By each snapshot of what expires by itself (`aws.lifecycle`), for buckets, groups of logs and rules of backup plans:

- RULE_MISSING  nothing deletes what is in it, although the data map says that it is confidential

Decisions where the rule leaves room:

- The day it is due is its last moment in the zone of the programme.
- `executed_at` is text that can be written at any time. It counts where something happened to the ticket, or it was
  first read so, within 72 hours of it; else it is unknown whether that is true.
- Who deleted is the field `executed_by`, else whoever closed the ticket. Verified is by a person (`verified_by`) or by
  a query, whose log the ticket names (`job_log`, `query`).
- Under a legal hold (field or label of that name) nothing is due. A field that says no names none, and so does one
  that is left empty (`-`, `none`, `n/a`), of whatever name.
- What was deleted late is to be verified all the same.
- A store that the data map does not list may hold anything: whether it needs a rule is unknown. Backups hold what is in
  the stores, so each rule of a backup plan must let them expire.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from evidence.controls.external_shares import CONFIDENTIAL, CONTROL_ID, MAP_LINE, DataMap
from evidence.controls.held import BEGINNING, has_closed, window_unknown
from evidence.controls.identity import IdentityMap, Who
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.stretches import Seen, Stretches
from evidence.controls.ticket_facts import Ticket, tickets_covered, tickets_of
from evidence.controls.verdict import Verdict
from schemas.aws_configuration import LIFECYCLE
from schemas.instants import format_instant
from schemas.outcome import Outcome
from schemas.tickets import DELETIONS

DELETIONS_LINE = "deletions"
LIFECYCLE_LINE = "lifecycle"
DELETE_LATE = "DELETE_LATE"
DELETE_UNVERIFIED = "DELETE_UNVERIFIED"
RULE_MISSING = "RULE_MISSING"
CODES = (DELETE_LATE, DELETE_UNVERIFIED, RULE_MISSING)

_DUE = ("deletion_due", "due")
_LOGS = ("job_log", "job_log_digest", "query", "verified_by_query")
_EXPIRING = frozenset({"bucket", "log_group", "backup_plan_rule"})
_LONGEST = 120

Row = Mapping[str, Any]


def disposed_when_due(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """Rows for the deletions that fell due, and for stores that should empty themselves."""
    return [*_deletions(window, evidence), *_lifecycle(window, evidence)]


def _deletions(window: TestWindow, evidence: StoredEvidence) -> Iterator[Outcome]:
    if window.programme.registers.deletions is None:
        if has_closed(window):
            yield window_unknown(window, DELETIONS_LINE, "the programme does not say where deletions are kept.")
        return
    identities = IdentityMap.of(window.registers, window.programme.timezone)
    unread = 0
    for ticket in tickets_of(window, evidence, DELETIONS, BEGINNING, window.as_of):
        try:
            due = ticket.instant(window.programme.timezone, *_DUE)
        except ValueError:
            due = None
        if due is None:
            unread += window.start <= ticket.opened_at < window.end
        elif window.start <= due < window.end:
            yield _deletion(window, ticket, due, identities)
    if not has_closed(window):
        return
    if not tickets_covered(window, evidence, DELETIONS, window.start, window.end):
        yield window_unknown(window, DELETIONS_LINE, "not all tickets of deletions are held.")
    if unread:
        why = f"{unread} tickets of deletions do not say when the deletion is due."
        yield window_unknown(window, DELETIONS_LINE, why, about="no due day")


def _deletion(window: TestWindow, ticket: Ticket, due: datetime, identities: IdentityMap) -> Outcome:
    verdict = Verdict()
    verdict.used(ticket.digest)
    pending = None
    hold = ticket.told("legal_hold") or next((one for one in ticket.row["labels"] if _is_hold(one)), None)
    if hold is not None:
        verdict.holds(f"under a legal hold ({_short(hold)})")
    else:
        done, pending = _executed(window, ticket, due, verdict)
        if done:
            _verified(ticket, identities, verdict)
    customer = _short(ticket.field("customer_id", "customer") or ticket.row["title"])
    subject = f"Deletion of the data of {customer}, due by {format_instant(due)} ({ticket.name})"
    outcome = "pending" if pending is not None and verdict.outcome == "pass" else verdict.outcome
    return window.outcome(
        evidence_id=DELETIONS_LINE,
        item_id=f"ticket:{ticket.id}",
        event_time=due,
        outcome=outcome,
        codes=tuple(code for code in CODES if code in verdict.codes),
        explanation=f"{subject}: {pending}." if outcome == "pending" else verdict.explain(subject),
        evidence=verdict.evidence,
        resolves_at=due if outcome == "pending" else None,
    )


def _executed(window: TestWindow, ticket: Ticket, due: datetime, verdict: Verdict) -> tuple[bool, str | None]:
    """Judge when it was done; returns whether it was, and what is still awaited."""
    try:
        done = ticket.instant(window.programme.timezone, "executed_at")
    except ValueError:
        done = None
    if done is None or done > ticket.known_until:
        if window.as_of <= due:
            return False, "not done yet"
        if ticket.known_until <= due:
            verdict.doubts(f"whether it was done: the ticket was last read at {format_instant(ticket.known_until)}")
        else:
            verdict.fails(DELETE_LATE, "the ticket does not say that it was done")
        return False, None
    if done > due:
        verdict.fails(DELETE_LATE, f"done only at {format_instant(done)}")
    elif not ticket.bears_out(done, "executed_at"):
        verdict.doubts(f"whether it was done at {format_instant(done)}, of which the ticket shows no other trace")
    else:
        verdict.holds(f"done at {format_instant(done)}")
    return True, None


def _verified(ticket: Ticket, identities: IdentityMap, verdict: Verdict) -> None:
    log, by = ticket.told(*_LOGS), ticket.told("verified_by")
    if log is not None or (by is not None and "query" in by.casefold()):
        verdict.holds("verified by a query")
        return
    if by is None:
        verdict.fails(DELETE_UNVERIFIED, "the ticket does not say who or what verified it")
        return
    people = identities.at(ticket.known_until)
    named = ticket.told("executed_by")
    who = _named(ticket, named) if named else ticket.who(ticket.row["closed_by"])
    verifier = _named(ticket, by)
    if not who.keys:
        verdict.doubts(f"whether {_short(by)} is somebody other than who deleted them: nobody says who did")
    elif not people.person(who).isdisjoint(people.person(verifier)):
        verdict.fails(DELETE_UNVERIFIED, f"{_short(by)} verified what they deleted themselves")
    elif not people.registered(verifier) or not people.registered(who):
        stranger = by if not people.registered(verifier) else who.named
        verdict.doubts(f"whether {_short(by)} is somebody else: no register says who {_short(stranger)} is")
    else:
        verdict.holds(f"verified by {_short(by)}")


def _named(ticket: Ticket, name: str) -> Who:
    name = name.strip().lstrip("@")
    return Who(ticket.row["tracker"], name, name, name if "@" in name else None)


def _is_hold(label: str) -> bool:
    return label.casefold().replace("-", " ").replace("_", " ") == "legal hold"


def _lifecycle(window: TestWindow, evidence: StoredEvidence) -> Iterator[Outcome]:
    asked = window.asked_for(LIFECYCLE)
    missing: list[str] = []
    maps: dict[str, DataMap] = {}
    for item in asked:
        account = ":".join(item.split(":")[:2])
        if account not in maps:
            maps[account] = DataMap(evidence.records(CONTROL_ID, MAP_LINE, account), window)
        stretches = Stretches(window, LIFECYCLE_LINE)
        for seen_at, rows, digest in evidence.snapshots(LIFECYCLE, item, window.start, window.end):
            stretches.add(seen_at, digest, dict(_judged(rows, maps[account])))
        missing += [] if stretches.snapshots else [item]
        yield from stretches.outcomes()
    if has_closed(window) and (missing or not asked):
        where = f" of {', '.join(missing[:5])}" if missing and missing != [window.scope_item_id] else ""
        yield window_unknown(window, LIFECYCLE_LINE, f"no snapshot of what expires by itself is held{where}.")


def _judged(rows: Sequence[Row], data_map: DataMap) -> Iterator[tuple[str, Seen]]:
    for row in rows:
        if row["kind"] not in _EXPIRING:
            continue
        label = f"{row['kind'].replace('_', ' ')} {row['name'] or row['resource_id']}"
        yield row["record_id"], _expires(row, label, data_map)


def _expires(row: Row, label: str, data_map: DataMap) -> Seen:
    of_backups = row["kind"] == "backup_plan_rule"
    deletes = row["enabled"] if not of_backups else None if row["unreadable"] else row["expiration_days"] is not None
    if deletes:
        return Seen(label, "what is in it expires")
    known = data_map.class_of([str(row["resource_id"]), str(row["name"] or ""), str(row["record_id"])])
    if known is not None and known not in CONFIDENTIAL:
        return Seen(label, f"{known} by the data map")
    if deletes is None:
        return Seen(label, "not known whether what is in it expires", unknown=True)
    if of_backups:
        return Seen(label, "its backups never expire", (RULE_MISSING,))
    if known is None:
        return Seen(label, "nothing expires, and the data map does not say what is in it", unknown=True)
    return Seen(label, f"{known} by the data map, and nothing in it expires", (RULE_MISSING,))


def _short(text: str) -> str:
    text = " ".join(str(text).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
