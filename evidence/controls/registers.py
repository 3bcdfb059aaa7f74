"""The registers as tests of controls get them: rows with the time in which the ledger held them.

A row of today's file says nothing of what the list was in spring. Registers of approvals are therefore given with all
rows they ever had, each with `recorded_at` (when the ledger first held it; left out for the first recorded version,
which says what was there before) and `recorded_until` (when a version no longer held it; left out while it stands).
What was written down more than 72 hours after the day it speaks of proves nothing of the time before it was written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from evidence.controls.validity import holds_at, start_of
from evidence.programme_versions import Version
from evidence.record import BACKDATING
from schemas.instants import format_instant, parse_instant

APPROVALS = ("administrators", "public_endpoints", "scope")
"""Registers whose rows approve or decide something, and so must have stood there at the time."""

Rows = list[Mapping[str, Any]]


def registers_of(versions: Sequence[Version]) -> dict[str, Rows]:
    """The registers out of the recorded versions of the programme, oldest first: approvals with their whole history,
    other registers (who is who, who works here) as the latest version knows them."""
    if not versions:
        return {}
    registers: dict[str, Rows] = {name: list(rows) for name, rows in versions[-1].registers.items()}
    for name in APPROVALS:
        if any(name in version.registers for version in versions):
            registers[name] = _history(versions, name)
    return registers


def _history(versions: Sequence[Version], name: str) -> Rows:
    rows: Rows = []
    standing: dict[str, dict[str, Any]] = {}
    for number, version in enumerate(versions):
        recorded_at = format_instant(version.recorded_at)
        now = {json.dumps(dict(row), sort_keys=True): row for row in version.registers.get(name, ())}
        for key in [key for key in standing if key not in now]:
            standing.pop(key)["recorded_until"] = recorded_at
        for key, row in now.items():
            if key not in standing:
                standing[key] = {**row} if number == 0 else {**row, "recorded_at": recorded_at}
                rows.append(standing[key])
    return rows


def stood_at(row: Mapping[str, Any], at: datetime, zone: str) -> bool:
    """Whether a row was valid at an instant by its own days, and on record for it."""
    recorded_at, until = row.get("recorded_at"), row.get("recorded_until")
    if recorded_at is not None and parse_instant(recorded_at) - BACKDATING > at:
        return False
    if until is not None and parse_instant(until) <= at:
        return False
    return holds_at(row, at, zone)


def decided_at(row: Mapping[str, Any], zone: str) -> datetime | None:
    """When a row counts as decided: on its first day where it was on record by then or soon after, else when it was
    recorded. None for a row that was always there."""
    day = start_of(row.get("from"), zone)
    if row.get("recorded_at") is None:
        return day
    recorded_at = parse_instant(row["recorded_at"])
    soon = day is not None and timedelta(0) <= recorded_at - day <= BACKDATING
    return day if soon else recorded_at
