"""What tickets say and in which words, to find the alerts that they name (CC7-ALT-01)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from evidence.controls.ticket_facts import Ticket

_NAMING = ("alert_id", "alert_ids", "alert", "alerts")
_SPLIT = re.compile(r"[\s,;|<>()\[\]\"'`]+")


def told_in(ticket: Ticket) -> Iterable[tuple[datetime, str]]:
    """What a ticket says, and since when."""
    for one in ticket.row["fields"] or ():
        if one["name"] in _NAMING:
            yield ticket.opened_at, f"{one['value']}"
    yield ticket.opened_at, f"{ticket.row['title']} {ticket.row['body'] or ''}"
    for event in ticket.events("commented", "changed"):
        yield event["at"], f"{event['text'] or ''} {event['after'] or ''}"


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, and its parts between commas: an id can have spaces in it."""
    parts = [part.strip() for part in re.split(r"[,;\n]+", text.casefold())]
    return [*(word.strip(".:") for word in _SPLIT.split(text.casefold())), *parts]
