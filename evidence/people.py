"""Who is one and the same person, and who may sign: lists with intervals, aliases resolved (specification, 10b)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal, NamedTuple

from evidence.completeness.instants import ticks
from evidence.completeness.local_time import local_wall
from evidence.programme_history import ProgrammeHistory
from schemas.instants import parse_instant

ListName = Literal["reviewers", "approvers"]
BOTH_LISTS: tuple[ListName, ...] = ("reviewers", "approvers")


class _Version(NamedTuple):
    """What a recorded version of the programme says of people."""

    recorded_at: datetime
    programme: Mapping[str, Any]
    people: Sequence[Mapping[str, Any]]
    """Rows of the people register."""


class People:
    """People of the programme in effect."""

    def __init__(self, history: ProgrammeHistory) -> None:
        versions = (_Version(v.recorded_at, v.programme, v.registers.get("people", ())) for v in history.versions)
        self._take(versions, history.timezone)

    @classmethod
    def of_entries(cls, bodies: Iterable[tuple[str, Mapping[str, Any]]]) -> People:
        """The same from the bodies of `programme` entries with their `recorded_at`, for whoever folds no history.

        Days are those of the latest version's zone: a zone, once recorded, is not moved by later versions.
        """
        people = cls.__new__(cls)
        versions = [
            _Version(parse_instant(at), body["programme"], body["registers"].get("people", {}).get("rows", ()))
            for at, body in bodies
        ]
        people._take(versions, versions[0].programme.get("timezone", "UTC") if versions else "UTC")
        return people

    def _take(self, versions: Iterable[_Version], zone: str) -> None:
        self._versions = tuple(versions)
        self._zone = zone
        self._person: dict[str, str] = {}
        self.person_ids: set[str] = set()
        """Keys of the people register, of every version."""
        for version in self._versions:
            for row in version.people:
                self.person_ids.add(row["person_id"])
                for address in (row["email"], *(row.get("aliases") or ())):
                    self._person[address.lower()] = row["person_id"]

    @property
    def addresses(self) -> list[str]:
        """Every address that the registers or the lists of the programme know, in lower case, sorted."""
        listed: set[str] = set()
        for version in self._versions:
            people = version.programme.get("people", {})
            listed.update(str(one["email"]).lower() for name in BOTH_LISTS for one in people.get(name, ()))
            listed.update(str(address).lower() for address in people.get("owners", {}).values())
        return sorted(listed.union(self._person))

    def person(self, address: str) -> str:
        """The person behind an address: `person_id` where the people register knows it, else the address itself."""
        return self._person.get(address.lower(), address.lower())

    def is_reviewer(self, address: str, at: datetime, recorded_at: datetime) -> bool:
        """Whether the person stood on the list of reviewers on the local day of `at`."""
        return bool(self.listed(address, at, recorded_at, ("reviewers",)))

    def listed(
        self, address: str, at: datetime, recorded_at: datetime, lists: Sequence[ListName] = BOTH_LISTS
    ) -> list[Mapping[str, Any]]:
        """The entries by which a person stood on any of the lists on the local day of `at`; none: not listed.

        Asked is the version in force when the store received the signature: a list that is changed afterwards makes
        nobody a reviewer of the past.
        """
        day = local_wall(ticks(at), self._zone).date()
        person = self.person(address)
        known = [version for version in self._versions if version.recorded_at <= recorded_at]
        people: Mapping[str, Any] = known[-1].programme.get("people", {}) if known else {}
        return [
            entry
            for name in lists
            for entry in people.get(name, ())
            if self.person(entry["email"]) == person and _holds(entry, day)
        ]

    def keys_of(self, address: str, at: datetime, recorded_at: datetime) -> list[str]:
        """Public keys (`ed25519:…`) that a person could sign with at `at`, as the programme says."""
        return [entry["key"] for entry in self.listed(address, at, recorded_at) if entry.get("key")]


def _holds(entry: Mapping[str, Any], day: date) -> bool:
    first, last = entry.get("from"), entry.get("to")
    return (first is None or date.fromisoformat(first) <= day) and (last is None or day <= date.fromisoformat(last))
