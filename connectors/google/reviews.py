"""Reviews that were held: meetings in the reader's own calendar whose title says that they are one.

Everything else in the calendar is private and is not kept; it is counted under `drop_rules`. Answers are asked with the
fields that a row needs, so that descriptions and links never reach this machine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from connectors.google.calls import GoogleClient
from connectors.google.lists import Entry, Listing, read_whole
from connectors.google.values import kept, optional_text, text, when
from schemas.errors import SchemaDrift
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.google import HELD_REVIEWS
from schemas.instants import format_instant, parse_instant

EVENT = "an event of the calendar"
CALENDAR = "primary"
TITLE = re.compile(r"review|board|oversight|committee|tabletop|post-?mortem|retrospective", re.IGNORECASE)
FIELDS = (
    "id,recurringEventId,summary,status,organizer(email),start,end,created,updated,"
    "attendees(email,responseStatus,organizer,optional),attendeesOmitted,eventType"
)
QUERY = f"calendar.events.list calendarId={CALENDAR} singleEvents=true ({FIELDS}) title like {TITLE.pattern}"


def held_reviews(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill google.held_reviews. Events can be changed and deleted afterwards; what is collected stays."""
    client: GoogleClient = session.client
    assert request.start is not None
    assert request.end is not None
    start, end = request.start, request.end
    rows = [0]
    other = [0]
    outside = [0]

    def take(some: Sequence[Entry]) -> None:
        taken: list[dict[str, Any]] = []
        for event in some:
            begins = _instant(event, "start")
            if begins is None or not start <= begins < end:
                outside[0] += 1
            elif not TITLE.search(optional_text(event, "summary", EVENT) or ""):
                other[0] += 1
            else:
                taken.append(_row(request.item.id, event, begins))
        if taken:
            rows[0] += len(taken)
            sink.rows(HELD_REVIEWS, taken)

    listing = Listing(
        "calendar.events.list", "items", "id", lambda entry: text(entry, "id", EVENT),
        {
            "calendarId": CALENDAR, "singleEvents": True, "showDeleted": True, "orderBy": "startTime",
            "timeMin": format_instant(start), "timeMax": format_instant(end),
        },
        first={"maxResults": 1000}, second={"maxResults": 700}, mask=f"nextPageToken,items({FIELDS})",
    )  # fmt: skip
    tally = read_whole(client, listing, sink, HELD_REVIEWS, take)
    return [
        ItemClaim(
            HELD_REVIEWS.name,
            QUERY,
            {"customer": session.tenant, "calendar": client.subject},
            proof_of_life=tally.entries > 0,
            proof="events are seen" if tally.entries else None,
            independent_count=rows[0],
            reconciliation=f"{tally.entries} events in two readings of the calendar of {client.subject}",
            pages=tally.pages,
            drop_rules={
                name: count
                for name, count in (("no review by its title", other[0]), ("outside the interval", outside[0]))
                if count
            },
            rows_returned=tally.entries,
        )
    ]


def _instant(event: Entry, name: str) -> datetime | None:
    """When an event begins or ends: an instant, or the start of a day (UTC) for one of whole days."""
    found: Any = event.get(name)
    if found is None:
        return None
    if not isinstance(found, dict):
        raise SchemaDrift(f"An event of the calendar has a {name} that is no object.")
    record = cast("Mapping[str, Any]", found)
    at = when(record, "dateTime", EVENT)
    day = optional_text(record, "date", EVENT)
    return at if at is not None or day is None else parse_instant(f"{day}T00:00:00Z").astimezone(UTC)


def _row(item: str, event: Entry, begins: datetime) -> dict[str, Any]:
    organizer: Any = event.get("organizer")
    guests = cast("Sequence[Entry]", event.get("attendees", []))
    return {
        "scope_item_id": item, "review_id": f"{CALENDAR}/{text(event, 'id', EVENT)}", "event_time": begins,
        "calendar_id": CALENDAR, "series_id": optional_text(event, "recurringEventId", EVENT),
        "title": optional_text(event, "summary", EVENT), "status": text(event, "status", EVENT),
        "organizer": optional_text(organizer, "email", EVENT) if isinstance(organizer, dict) else None,
        "ends_at": _instant(event, "end"), "created_at": when(event, "created", EVENT),
        "updated_at": when(event, "updated", EVENT), "attendees": [_guest(one) for one in guests],
        "raw": kept(event, HELD_REVIEWS.secret_fields),
    }  # fmt: skip


def _guest(one: Entry) -> dict[str, Any]:
    return {
        "email": optional_text(one, "email", EVENT), "response": optional_text(one, "responseStatus", EVENT),
        "organizer": one.get("organizer") is True, "optional": one.get("optional") is True,
    }  # fmt: skip
