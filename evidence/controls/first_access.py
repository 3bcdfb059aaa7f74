"""When somebody first got access to a system in scope, by the grants that CC6-PROV-01 judges."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from evidence.controls.access_event import AccessEvent
from evidence.controls.access_events import STREAMS, access_events
from evidence.controls.identity import IdentityMap
from evidence.controls.model import StoredEvidence, TestWindow


@dataclass(frozen=True, slots=True)
class Grant:
    """One grant and the object that tells it."""

    event: AccessEvent
    system: str
    digest: str

    @property
    def words(self) -> str:
        """For sentences."""
        return f"{self.event.words} in {self.system}"


class FirstAccess:
    """The grants to people in all systems in scope in `[start, end)`."""

    def __init__(self, window: TestWindow, evidence: StoredEvidence, start: datetime, end: datetime) -> None:
        self._evidence = evidence
        self._identities = IdentityMap.of(window.registers, window.programme.timezone)
        self._items = [
            item for item in window.in_scope("identity_domain") if item.partition(":")[0] in STREAMS
        ]  # fmt: skip
        self._grants: list[Grant] = []
        for item in self._items:
            system = item.partition(":")[0]
            for row, digest in evidence.rows(STREAMS[system], item, start, end) if start < end else ():
                self._grants += [
                    Grant(event, system, digest)
                    for event in access_events(system, row)
                    if event.kind in ("granted", "restored") and event.subject_kind in ("person", "unknown")
                ]
        self._grants.sort(key=lambda grant: (grant.event.at, grant.event.id))

    @property
    def watched(self) -> bool:
        """Whether there is any system whose grants could be looked at."""
        return bool(self._items)

    def uncovered(self, start: datetime, end: datetime) -> tuple[str, ...]:
        """The items whose grants are not all held for `[start, end)`."""
        if start >= end:
            return ()
        return tuple(
            item
            for item in self._items
            if not self._evidence.covered(STREAMS[item.partition(":")[0]], item, start, end)
        )

    def of(self, person_id: str, start: datetime, end: datetime) -> tuple[Grant | None, Grant | None]:
        """The first grant to a person in `[start, end)`, and the first that is nobody's by the registers."""
        first: Grant | None = None
        nobodys: Grant | None = None
        for grant in self._grants:
            if not start <= grant.event.at < end:
                continue
            people = self._identities.at(grant.event.at)
            if not people.person(grant.event.subject).isdisjoint(people.of_key(f"person:{person_id}")):
                first = first or grant
            elif not people.registered(grant.event.subject):
                nobodys = nobodys or grant
        return first, nobodys
