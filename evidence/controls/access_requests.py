"""Requests for access as tickets hold them, and whether one of them speaks of a grant (CC6-PROV-01).

A ticket says in fields: `subject` (who is to get it), `system`, `role`, `approver`, `approved_at`. Fields are texts
that whoever edits the ticket can write, so an approval counts only as far as the ticket's history bears it out: the
approver opened the ticket or did something in it, and the first of that tells when the approval was there at the
latest. Between the time that the field names and that act it is not known whether it was; where they are more than 72
hours apart (the rule for decisions that are written down later) the act alone counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from evidence.controls.access_event import ACCOUNT, AccessEvent
from evidence.controls.identity import People, Person, Who
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.ticket_facts import Ticket, tickets_covered, tickets_of
from evidence.controls.validity import start_of
from evidence.record import BACKDATING
from schemas.tickets import ACCESS_REQUESTS

ASKED_WITHIN = timedelta(days=90)
"""How long before a grant a request may have been opened."""
PROVEN_FOR = timedelta(days=30)
"""For how long before a grant every request must be held, for it to be said that there was none."""

_SYSTEMS = {
    "google": ("google", "google workspace", "workspace", "gsuite"),
    "gcp": ("gcp", "google cloud", "google cloud platform"),
    "aws": ("aws", "amazon web services"),
    "github": ("github",),
}
_LADDERS = (
    ("read", "pull", "triage", "write", "push", "maintain", "admin"),
    ("member", "maintainer"),
    ("member", "owner"),
    ("user", "delegated admin", "super admin"),
    ("roles viewer", "roles editor", "roles owner"),
    ("viewer", "editor", "owner"),
    ("readonlyaccess", "poweruseraccess", "administratoraccess"),
)
"""Roles of a kind, the lesser first."""


@dataclass(frozen=True, slots=True)
class Approval:
    """What a ticket says of its approval, as far as it is borne out."""

    person: Person
    named: str
    earliest: datetime
    latest: datetime
    """It was given in between; the same instant where the ticket says the time."""
    doubt: str | None
    known: bool = True
    """Whether a register or an address tells who the approver is."""


class AccessRequests:
    """The requests of one window, for one system."""

    def __init__(self, window: TestWindow, evidence: StoredEvidence) -> None:
        self._window = window
        self._evidence = evidence
        self._system = window.scope_item_id.partition(":")[0]
        self._zone = window.programme.timezone
        self._tickets = [
            ticket
            for ticket in tickets_of(window, evidence, ACCESS_REQUESTS, window.start - ASKED_WITHIN, window.as_of)
            if self._is_for_system(ticket.field("system"))
        ]
        self._places: dict[int, dict[str, list[int]]] = {}
        self._names: dict[str, set[str]] = {}
        for row in window.registers.get("people", ()):
            self._names.setdefault(_plain(str(row["name"])), set()).add(str(row["person_id"]))

    def covered_before(self, at: datetime) -> bool:
        """Whether every request opened in the time before a grant is held."""
        return tickets_covered(self._window, self._evidence, ACCESS_REQUESTS, at - PROVEN_FOR, at)

    def of(self, event: AccessEvent, people: People) -> list[Ticket]:
        """Requests for the subject of a grant that were opened by then or may tell of it later, the latest first."""
        subject = people.person(event.subject)
        by_key = self._places_of(people)
        places = {place for key in subject for place in by_key.get(key, ())}
        found = (self._tickets[place] for place in sorted(places, reverse=True))
        return [ticket for ticket in found if ticket.opened_at > event.at - ASKED_WITHIN]

    def approval(self, ticket: Ticket, people: People) -> Approval | None:
        """Who approved it and when; None where it was not approved. ValueError where the time is none."""
        named, said = ticket.field("approver", "approved_by"), ticket.field("approved_at")
        if named is None or said is None:
            return None
        latest = ticket.instant(self._zone, "approved_at")
        assert latest is not None
        day = re.fullmatch(r"\d{4}-\d{2}-\d{2}", said.rstrip("."))
        earliest = (start_of(said.rstrip("."), self._zone) or latest) if day else latest
        person = people.person(self._who(named)) | people.of_key(f"person:{named}")
        known = "@" in named.strip()[1:] or people.registered(self._who(named)) or people.registered_key(
            f"person:{named}"
        )  # fmt: skip
        acts = [event["at"] for event in ticket.events() if not _of(ticket, event, people).isdisjoint(person)]
        if not people.person(ticket.author).isdisjoint(person):
            acts.append(ticket.opened_at)
        if not acts and ticket.row["tracker"] != "file":
            return Approval(
                person, named, earliest, latest, f"nothing in {ticket.name} was done by {named[:80]}", known
            )
        first = max(min(acts, default=ticket.opened_at), ticket.opened_at)
        if first - latest > BACKDATING:
            earliest = first
        elif day and any(earliest <= act <= latest for act in acts):
            latest = min(act for act in acts if earliest <= act <= latest)
        latest = max(latest, first)
        return Approval(person, named, earliest, latest, None, known)

    def _places_of(self, people: People) -> dict[str, list[int]]:
        """Where the requests for each key stand, by who is who at one time."""
        found = self._places.get(id(people))
        if found is None:
            found = self._places[id(people)] = {}
            for place, ticket in enumerate(self._tickets):
                for key in self._subject(ticket, people):
                    found.setdefault(key, []).append(place)
        return found

    def _subject(self, ticket: Ticket, people: People) -> Person:
        """Everybody whom the subject of a request may be."""
        named = ticket.field("subject")
        if named is None:
            return frozenset()
        mine = people.person(self._who(named)) | people.of_key(f"person:{named}")
        for person_id in self._names.get(_plain(named), ()):
            mine |= people.of_key(f"person:{person_id}")
        return mine

    def _who(self, named: str) -> Who:
        bare = named.strip().removeprefix("@")
        return Who(self._system, bare, bare, bare if "@" in bare else None)

    def _is_for_system(self, said: str | None) -> bool:
        window = self._window
        known = {*_SYSTEMS.get(self._system, (self._system,)), window.scope_item, window.scope_item_id}
        known |= {window.scope_item_id.partition(":")[2]}
        plain = {_plain(name) for name in known}
        others = {name for system, names in _SYSTEMS.items() if system != self._system for name in names}
        for part in re.split(r"[,;\n]", said or ""):
            text = _plain(part)
            first = text.partition(" ")[0]
            if text in plain or (text not in others and first in plain and not _begins(text, others)):
                return True
        return False


def _begins(text: str, names: set[str]) -> bool:
    """Whether a text begins with the name of another system (`google cloud …` is not Google Workspace)."""
    return any(" " in name and text.startswith(f"{name} ") for name in names)


def _of(ticket: Ticket, event: object, people: People) -> Person:
    assert isinstance(event, dict)
    return people.person(ticket.who(event["actor"]))


def covers(asked: str | None, event: AccessEvent) -> bool | None:
    """Whether what was asked for holds what was granted: the same or more of a kind. None where nobody can compare."""
    if event.role == ACCOUNT or (not event.resource and event.role == "member"):
        return True  # any request for the system asks for an account on it
    if not (asked or "").strip():
        return None
    found = [_covers(part, event) for part in re.split(r"[,;\n]", asked or "") if part.strip()]
    if True in found:
        return True
    return False if event.privileged or None not in found else None


def _covers(asked: str, event: AccessEvent) -> bool | None:
    text, role = _plain(asked), _plain(event.role)
    where = _plain(event.resource)
    bare = _plain(event.resource.rpartition("/")[2].removeprefix("team ").partition("@")[0])
    short = _plain(event.role.rpartition("/")[2])
    whole = {f"{role} {where}", f"{where} {role}", f"{role} on {where}", f"{role} of {where}"}
    if text in {role, short} | whole or (role.startswith("group ") and _has(text, role.removeprefix("group "))):
        return True
    places = [word for word in asked.split() if "/" in word and not word.startswith(("roles/", "arn:"))]
    if event.resource and places and not any(_plain(place) == where for place in places):
        return False
    if role == "member" and bare and _has(text, bare):
        return True
    answers: set[bool] = set()
    for ladder in _LADDERS:
        granted = next((number for number, one in enumerate(ladder) if one in (role, short)), None)
        held = [number for number, one in enumerate(ladder) if _has(text, one)]
        if granted is not None and held:
            answers.add(max(held) >= granted)
    return True if True in answers else False if answers else None


def _has(text: str, words: str) -> bool:
    return bool(words) and f" {words} " in f" {text} "


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^a-z0-9]+", " ", text.casefold()).split())


def best_first(tickets: Sequence[Ticket], at: datetime) -> list[Ticket]:
    """Requests in the order in which they are tried: those opened before the grant, the latest first."""
    return sorted(tickets, key=lambda one: (one.opened_at > at, -one.opened_at.timestamp()))
