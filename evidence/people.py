"""Who is one and the same person, and who may sign: lists with intervals, aliases resolved (specification, 10b)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from evidence.completeness.instants import ticks
from evidence.completeness.local_time import local_wall
from evidence.programme_history import ProgrammeHistory


class People:
    """People of the programme in effect."""

    def __init__(self, history: ProgrammeHistory) -> None:
        self._zone = history.timezone
        self._history = history
        self._person: dict[str, str] = {}
        for version in history.versions:
            for row in version.registers.get("people", ()):
                for address in (row["email"], *(row.get("aliases") or ())):
                    self._person[address.lower()] = row["person_id"]

    def person(self, address: str) -> str:
        """The person behind an address: `person_id` where the people register knows it, else the address itself."""
        return self._person.get(address.lower(), address.lower())

    def is_reviewer(self, address: str, at: datetime, recorded_at: datetime) -> bool:
        """Whether the person stood on the list of reviewers on the local day of `at`.

        Asked is the version in force when the store received the signature: a list that is changed afterwards makes
        nobody a reviewer of the past.
        """
        day = local_wall(ticks(at), self._zone).date()
        person = self.person(address)
        known = [version for version in self._history.versions if version.recorded_at <= recorded_at]
        reviewers = known[-1].programme.get("people", {}).get("reviewers", ()) if known else ()
        return any(self.person(entry["email"]) == person and _holds(entry, day) for entry in reviewers)


def _holds(entry: Mapping[str, Any], day: date) -> bool:
    first, last = entry.get("from"), entry.get("to")
    return (first is None or date.fromisoformat(first) <= day) and (last is None or day <= date.fromisoformat(last))
