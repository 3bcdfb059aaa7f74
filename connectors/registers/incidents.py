"""Incidents that are kept in a file under review, as tickets like those of any tracker."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from connectors.registers.files import RegisterRead, read_register
from connectors.registers.session import client_of
from connectors.tickets.rows import event, first_response
from schemas.dataset import Dataset
from schemas.errors import ConfigurationError
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.instants import optional_instant, parse_instant

REGISTER = "incidents"
_DATES = ("classified_at", "contained_at", "resolved_at", "notice_due_at", "customers_informed_at", "review_at")
Row = Mapping[str, Any]


def incidents(dataset: Dataset, session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill a dataset of tickets with the incidents of the register that were opened in [start, end).

    Raises ConfigurationError, with file, line and fix, where something in the file is wrong.
    """
    if request.start is None or request.end is None:
        raise ConfigurationError(f"{dataset.name} is collected for an interval; give its start and end.")
    read = read_register(client_of(session), REGISTER, dataset, sink)
    rows = [_row(read, row, request.item.id) for row in read.rows]
    wanted = [row for row in rows if request.start <= row["event_time"] < request.end]
    if wanted:
        sink.rows(dataset, wanted)
    empty = read.says_empty()
    proof = f"{read.file} was read to its end and is in order" if read.rows else empty
    return [
        ItemClaim(
            dataset.name,
            f"file registers.{REGISTER} {read.file}",
            read.parameters(),
            proof_of_life=proof is not None,
            proof=proof,
            reconciliation=f"{len(rows)} incidents in {read.file}, each in order; {len(wanted)} opened in the interval",
            pages=1,
            rows_returned=len(rows),
            drop_rules={"opened at another time": len(rows) - len(wanted)},
        )
    ]


def file_is_in_order(dataset: Dataset, session: Session) -> None:
    """The probe: the file as a whole."""
    read_register(client_of(session), REGISTER, dataset, None)


def this_clock(session: Session) -> datetime:
    """A file has no clock of its own."""
    return client_of(session).now()


def _row(read: RegisterRead, row: Row, item: str) -> dict[str, Any]:
    opened, author = parse_instant(row["opened_at"]), _person(row["opened_by"])
    timeline = _timeline(row)
    over = optional_instant(row["resolved_at"])
    duplicate = row["duplicate_of"]
    severity = None if row["severity"] is None else str(row["severity"])
    closed = over is not None or duplicate is not None
    return {
        "scope_item_id": item, "issue_id": f"file:{row['incident_id']}", "event_time": opened, "tracker": "file",
        "ticket_id": row["incident_id"], "place_id": read.file, "place": read.file, "number": None, "url": None,
        "title": row["title"], "body": _body(row), "state": "closed" if closed else "open",
        "status": "closed" if closed else "open", "state_reason": "duplicate" if duplicate is not None else None,
        "severity": severity, "labels": [], "matched_labels": [], "author": author,
        "assignees": [] if row["assignee"] is None else [row["assignee"]], "opened_at": opened,
        "updated_at": read.written_at, "closed_at": over, "closed_by": None,
        "first_response_at": first_response(timeline, author), "fields": list(_fields(row)), "timeline": timeline,
        "read_at": read.observed_at, "raw": orjson.dumps(dict(row)).decode(),
    }  # fmt: skip


def _timeline(row: Row) -> list[dict[str, Any]]:
    happened = [
        event("commented", parse_instant(one["at"]), _person(one["by"]), text=one["text"])
        for one in row["timeline"] or ()
    ]
    classified = optional_instant(row["classified_at"])
    if classified is not None and row["severity"] is not None:
        rated = str(row["severity"])
        happened.append(event("changed", classified, _person(None), field="severity", before=None, after=rated))
    return sorted(happened, key=lambda one: one["at"])


def _fields(row: Row) -> list[dict[str, str]]:
    said = {name: row[name] for name in (*_DATES, "detected_by", "duplicate_of") if row[name] is not None}
    if row["notice_required"] is not None:
        said["notice_required"] = "yes" if row["notice_required"] else "no"
    return [{"name": name, "value": str(value)} for name, value in said.items()]


def _body(row: Row) -> str | None:
    """The description and the actions, as tickets of trackers write them."""
    lines = [row["description"]] if row["description"] else []
    for one in row["actions"] or ():
        named = f"Action {one['id']}"
        text = " ".join(one["text"].split())
        if one["redated_from"] is not None:
            lines.append(f"{named}: {text} ({one['owner']}, due {one['redated_from']})")
            decided = "" if one["redated_by"] is None else f" by {one['redated_by']}"
            lines.append(f"{named}: redated{decided}, due {one['due']}")
        else:
            lines.append(f"{named}: {text} ({one['owner']}, due {one['due']})")
        if one["done"] is not None:
            lines.append(f"{named}: done {one['done']}")
    return "\n".join(lines) or None


def _person(email: str | None) -> dict[str, Any]:
    kind = "unknown" if email is None else "person"
    return {"id": None, "login": None, "kind": kind, "email": email, "name": None}
