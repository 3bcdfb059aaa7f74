"""What an incident's ticket says of its severity over time, of its dates and of what is to be done (CC7-INC-01)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from evidence.controls.ticket_facts import Ticket, severity_number, severity_of_label, spoken_instant
from evidence.record import BACKDATING
from schemas.tickets import fields_in

_TRACKERS_FIELDS = ("severity", "priority", "urgency")
"""Fields of trackers that rate an incident; of those that an incident ever changed the first counts."""
_ACTION = re.compile(r"(?im)(?:^|[.;]\s+)[-*\s]*\**action(?:\s+(?P<id>[\w.-]{1,20}))?\**\s*:\**\s*(?P<text>[^\n]+)")
_DUE = re.compile(r"(?i)\bdue(?:\s+(?:on|by))?[\s:]+(\d{4}-\d{2}-\d{2})")
_DONE = re.compile(r"(?i)\bdone(?:\s+on)?[\s:]+(\d{4}-\d{2}-\d{2})")
_DECIDED = re.compile(r"(?i)\b(?:redated|moved|decided)\b.*?\bby\s+(\S+)")
_DUPLICATES = frozenset({"duplicate", "merge", "merged"})


@dataclass(slots=True)
class Action:
    """Something that is to be done, as it was said last."""

    name: str
    due: date | None = None
    done: date | None = None
    moved_by: str | None = None
    """Who decided on a later day; None where it was only moved."""
    moved: bool = False


def is_duplicate(ticket: Ticket) -> bool:
    """Whether the tracker or the ticket says that another one is about the same."""
    reason = str(ticket.row["state_reason"] or "").casefold()
    closed = ticket.row["state"] == "closed"
    return closed and (reason in _DUPLICATES or ticket.told("duplicate_of") is not None)


def severities(ticket: Ticket) -> list[tuple[datetime, int | None]]:
    """Severities in the order in which they were set, from the opening on: by labels, by the tracker's own field."""
    changed = {event["field"] for event in ticket.events("changed")}
    rating = next((name for name in _TRACKERS_FIELDS if name in changed), None)
    said = severity_number(ticket.field("severity") if rating == "severity" else ticket.row["severity"])
    labels: list[str] = list(ticket.row["labels"] or ())
    changes: list[tuple[datetime, str, str | None, str | None]] = []
    for event in reversed(list(ticket.events("labeled", "unlabeled", "changed"))):
        if event["kind"] == "changed":
            if event["field"] == rating:
                changes.append((event["at"], "field", event["before"], event["after"]))
                said = severity_number(event["before"])
        elif event["detail"] is not None:
            changes.append((event["at"], event["kind"], None, event["detail"]))
            if event["kind"] == "labeled":
                labels = [label for label in labels if label != event["detail"]]
            else:
                labels.append(event["detail"])
    found = [(ticket.opened_at, _of(said, labels))]
    for at, kind, _before, after in reversed(changes):
        if kind == "field":
            said = severity_number(after)
        elif kind == "labeled":
            labels.append(str(after))
        else:
            labels = [label for label in labels if label != after]
        now = _of(said, labels)
        if now != found[-1][1]:
            found.append((at, now))
    return found


def _of(said: int | None, labels: list[str]) -> int | None:
    numbers = [number for label in labels if (number := severity_of_label(label)) is not None]
    return said if said is not None else min(numbers, default=None)


def first_set(ticket: Ticket, zone: str) -> datetime | None:
    """When it was given a severity, as far as the tracker shows; None where no event does."""
    if ticket.row["tracker"] == "file":
        return ticket.instant(zone, "classified_at")
    return next((at for at, number in severities(ticket) if number is not None), None)


def worst(ticket: Ticket, settled: timedelta) -> int | None:
    """The worst severity it was given, but for what was corrected within the time allowed for giving one."""
    history = severities(ticket)
    until = ticket.opened_at + settled
    standing = [number for at, number in history if at <= until][-1:]
    later = [number for at, number in history if at > until]
    written = severity_number(ticket.field("severity"))
    return min((one for one in (*standing, *later, written) if one is not None), default=None)


def said_at(ticket: Ticket, zone: str, *names: str) -> datetime | None:
    """The instant that a field or a comment gives, in the first of these names that says something.

    A comment that gives a time more than 72 hours before it was written counts from when it was written. ValueError
    where it is no instant.
    """
    found = ticket.instant(zone, *names)
    if found is not None:
        return found
    for event in ticket.events("commented"):
        for name, value in fields_in(event["text"] or ""):
            if name in names:
                at = spoken_instant(value, zone)
                return at if event["at"] - at <= BACKDATING else event["at"]
    return None


def word(ticket: Ticket, *names: str) -> str | None:
    """What a field or a comment says, in the first of these names that says something."""
    found = ticket.field(*names)
    if found is not None:
        return found
    lines = (line for event in ticket.events("commented") for line in fields_in(event["text"] or ""))
    return next((value.strip() for name, value in lines if name in names), None)


def actions(ticket: Ticket) -> list[Action]:
    """Everything that is to be done by the ticket, each as it was said last: `Action A1: … (owner, due 2026-05-20)`,
    later `Action A1: done 2026-05-18` or `Action A1: redated to … (due 2026-06-01) by lead@example.com`."""
    known: dict[str, Action] = {}
    for number, (at, name, text) in enumerate(_mentions(ticket)):
        key = name or _gist(text)
        action = known.setdefault(key.casefold(), Action(name or _gist(text) or f"action {number + 1}"))
        due, done = _day(_DUE, text), _day(_DONE, text)
        if done is not None:
            done = _believed(done, at, ticket.known_until)
        if due is not None and action.due is not None and due > action.due:
            decided = _DECIDED.search(text)
            action.moved, action.moved_by = True, None if decided is None else decided[1].strip("().,;")
        action.due = due or action.due
        action.done = done or action.done
    return list(known.values())


def _believed(done: date, said_at: datetime | None, known_until: datetime) -> date | None:
    """The day that counts: one that a comment names more than 72 hours later counts from the comment, and one that had
    not come when it was said, or read, is a plan."""
    said = (said_at or known_until).date()
    if done > said + timedelta(days=1):
        return None
    return said if said_at is not None and said - done > BACKDATING else done


def _mentions(ticket: Ticket) -> Iterator[tuple[datetime | None, str, str]]:
    """What is to be done, in the body or a comment of a time."""
    texts: list[tuple[datetime | None, str]] = [(None, str(ticket.row["body"] or ""))]
    texts += [(event["at"], str(event["text"] or "")) for event in ticket.events("commented")]
    for at, text in texts:
        for match in _ACTION.finditer(text):
            yield at, match["id"] or "", match["text"].strip()


def _gist(text: str) -> str:
    """What tells an action without an id from others: its words before the brackets."""
    return re.split(r"[(,;]", text, maxsplit=1)[0].strip()[:80]


def _day(pattern: re.Pattern[str], text: str) -> date | None:
    found = pattern.search(text)
    try:
        return None if found is None else date.fromisoformat(found[1])
    except ValueError:
        return None
