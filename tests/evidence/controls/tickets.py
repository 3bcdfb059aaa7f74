"""Rows of the datasets of tickets for tests, with defaults that are in order."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

Row = dict[str, Any]
HOUR = timedelta(hours=1)


def person(login: str = "alice", email: str | None = None) -> Row:
    return {"id": f"U_{login}", "login": login, "kind": "person", "email": email, "name": login.title()}


def event(kind: str, at: datetime, by: str = "bob", **more: Any) -> Row:
    """Something that happened to a ticket: `labeled` (detail), `commented` (text), `changed` (field, before, after)."""
    nothing: Row = dict.fromkeys(("detail", "text", "field", "before", "after"))
    return {"kind": kind, "at": at, "actor": person(by), **nothing} | more


def ticket(number: int, opened: datetime, *timeline: Row, fields: Mapping[str, str] | None = None, **more: Any) -> Row:
    """A ticket of GitHub, open, read a year after it was opened."""
    row: Row = {
        "issue_id": f"I_{number}", "event_time": opened, "tracker": "github", "ticket_id": f"acme/ops#{number}",
        "place_id": "R_ops", "place": "acme/ops", "number": number,
        "url": f"https://github.com/acme/ops/issues/{number}", "title": f"Ticket {number}", "body": "", "state": "open",
        "status": "open", "state_reason": None, "severity": None, "labels": [], "matched_labels": [],
        "author": person("alice"), "assignees": [], "opened_at": opened, "updated_at": opened, "closed_at": None,
        "closed_by": None, "first_response_at": None,
        "fields": [{"name": name, "value": value} for name, value in (fields or {}).items()],
        "timeline": list(timeline), "read_at": opened + timedelta(days=365), "raw": "{}",
    }  # fmt: skip
    return row | more


def closed(row: Row, at: datetime, by: str = "bob") -> Row:
    """The ticket, closed."""
    done = {"state": "closed", "status": "closed", "state_reason": "completed", "closed_at": at}
    return row | done | {"closed_by": person(by), "timeline": [*row["timeline"], event("closed", at, by)]}
