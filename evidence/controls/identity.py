"""Who is who: accounts and addresses resolve to one person before any rule that says "somebody else".

An account of a system, a git author's address and a person of the register are keys; the registers `identities` and
`people` say which keys are one person, and union-find joins them. GitHub's private commit address
(`<number>+<login>@users.noreply.github.com`) stands for its login. A row of the register counts while it is valid; an
account that no row claims at that time counts as whoever's it ever was, so that an old alias hides nobody.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from evidence.controls.validity import interval

Rows = Iterable[Mapping[str, Any]]

_PRIVATE_ADDRESS = re.compile(r"(?:\d+\+)?(?P<login>[\w-]+(?:\[bot\])?)@users\.noreply\.[\w.-]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody as a source names them: any of a stable id, a login and an e-mail address."""

    system: str
    id: str | None = None
    login: str | None = None
    email: str | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys this naming stands for, strongest first; none for a deleted user."""
        keys: list[str] = []
        if self.id:
            keys.append(f"{self.system}:{self.id}")
        if self.login:
            keys.append(f"{self.system}:{self.login.casefold()}")
        if self.email:
            keys.append(f"email:{self.email.casefold()}")
            private = _PRIVATE_ADDRESS.fullmatch(self.email)
            if private is not None:
                keys.append(f"{self.system}:{private['login'].casefold()}")
        return tuple(keys)

    @property
    def has_account(self) -> bool:
        """Whether an account is named, directly or through GitHub's private address, and not an address alone."""
        return any(not key.startswith("email:") for key in self.keys)

    @property
    def named(self) -> str:
        """For sentences: login, else address, else id."""
        return self.login or self.email or self.id or "a deleted user"


Person = frozenset[str]
"""A person as the set of resolved keys; two are the same person iff they share one. Empty: nobody can say who."""


class People:
    """Keys joined to persons, as the registers have it at one instant."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}
        self._with_address: set[str] = set()
        self._known: dict[Who, Person] = {}

    def join(self, one: str, other: str) -> None:
        """Say that two keys are one person."""
        first, second = self._find(one), self._find(other)
        if first != second:
            self._parent[max(first, second)] = min(first, second)

    def person(self, who: Who) -> Person:
        """The person somebody is; empty for a deleted user."""
        found = self._known.get(who)
        if found is None:
            found = self._known[who] = frozenset(self._find(key) for key in who.keys)
        return found

    def of_key(self, key: str) -> Person:
        """The person a single key stands for."""
        return frozenset((self._find(key),))

    def address_known(self, person: Person) -> bool:
        """Whether a register names an e-mail address of this person, so that an unknown address is somebody else's."""
        if not self._with_address:
            self._with_address = {self._find(key) for key in self._parent if key.startswith("email:")} or {""}
        return not self._with_address.isdisjoint(person)

    def address_registered(self, email: str) -> bool:
        """Whether a register says whose address this is."""
        return f"email:{email.casefold()}" in self._parent

    def registered(self, who: Who) -> bool:
        """Whether a register says who somebody is."""
        return any(key in self._parent for key in who.keys)

    def registered_key(self, key: str) -> bool:
        """Whether a register holds a key, such as `person:<person_id>`."""
        return key in self._parent

    def _find(self, key: str) -> str:
        root = key
        while (parent := self._parent.get(root, root)) != root:
            root = parent
        while (parent := self._parent.get(key, key)) != root:
            self._parent[key] = root
            key = parent
        return root

    def note(self, key: str) -> None:
        """Register a key, so that it counts as known even while nothing is joined to it."""
        self._parent.setdefault(key, key)


class IdentityMap:
    """The registers `identities` and `people` over time. Days in them are local to `zone`."""

    def __init__(self, identities: Rows, people: Rows, zone: str) -> None:
        self._accounts: dict[tuple[str, ...], list[tuple[str, datetime | None, datetime | None]]] = {}
        self._people = list(people)
        bounds: set[datetime] = set()
        for row in identities:
            start, end = interval(row, zone)
            keys = _keys_of_account(str(row["system"]), str(row["account_id"]))
            self._accounts.setdefault(keys, []).append((f"person:{row['person_id']}", start, end))
            bounds.update(bound for bound in (start, end) if bound is not None)
        self._bounds = sorted(bounds)
        self._epochs: dict[int, People] = {}

    @classmethod
    def of(cls, registers: Mapping[str, list[Mapping[str, Any]]], zone: str) -> IdentityMap:
        """From the registers as a test of a control gets them; absent registers join nothing."""
        return cls(registers.get("identities", ()), registers.get("people", ()), zone)

    def at(self, instant: datetime) -> People:
        """Who is who at an instant."""
        epoch = bisect_right(self._bounds, instant)
        people = self._epochs.get(epoch)
        if people is None:
            people = self._epochs[epoch] = self._people_at(instant)
        return people

    def _people_at(self, instant: datetime) -> People:
        people = People()
        for row in self._people:
            for address in (row.get("email"), *(row.get("aliases") or ())):
                if address:
                    _enter(people, f"person:{row['person_id']}", f"email:{str(address).casefold()}")
        for keys, claims in self._accounts.items():
            valid = [
                person
                for person, start, end in claims
                if (start is None or start <= instant) and (end is None or instant < end)
            ]
            for person in valid or [person for person, _start, _end in claims]:
                for key in keys:
                    _enter(people, person, key)
        return people


def _enter(people: People, person: str, key: str) -> None:
    people.note(person)
    people.note(key)
    people.join(person, key)


def _keys_of_account(system: str, account: str) -> tuple[str, ...]:
    """A register may name an account by id, login, ARN or address; ids are case-sensitive, logins and addresses not."""
    keys = [f"{system}:{account}", f"{system}:{account.casefold()}"]
    if "@" in account:
        keys += Who(system, email=account).keys
    return tuple(dict.fromkeys(keys))
