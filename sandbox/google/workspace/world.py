"""A Google Workspace customer over time: Google's own records, each with the time in which it is so."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Record = Mapping[str, Any]


def stamp(at: datetime) -> str:
    """An instant as Google writes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


@dataclass(slots=True)
class Kept:
    """A record and when it is to be seen: from `since` on, and before `until`."""

    value: Record
    since: datetime
    until: datetime | None = None

    def seen(self, now: datetime) -> bool:
        return self.since <= now and (self.until is None or now < self.until)


@dataclass(slots=True)
class Customer:
    """One customer. Collections are named after what Google calls them; `parent` is the user, group or document that a
    record belongs to."""

    id: str
    domain: str
    collections: dict[tuple[str, str], list[Kept]] = field(default_factory=dict[tuple[str, str], list[Kept]])
    sign_ins: dict[str, list[datetime]] = field(default_factory=dict[str, list[datetime]])
    """By user id, in order."""
    everybody_is_administrator: bool = False
    """For customers made of recorded answers, whose reader is nobody in them."""
    fill: Callable[[], None] | None = None
    """Puts the records in when the first is asked for: nobody who asks Google nothing waits for them."""
    _users: dict[str, list[Kept]] = field(default_factory=dict[str, list[Kept]])
    """By id and by address."""
    _sorted: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    _filling: threading.Lock = field(default_factory=threading.Lock)

    def put(
        self, collection: str, value: Record, since: datetime, until: datetime | None = None, *, parent: str = ""
    ) -> None:
        """Add a record."""
        kept = Kept(value, since, until)
        self.collections.setdefault((collection, parent), []).append(kept)
        if collection == "users":
            for name in (str(value["id"]), str(value["primaryEmail"]).lower()):
                self._users.setdefault(name, []).append(kept)

    def _filled(self) -> None:
        with self._filling:
            if self.fill is not None:
                fill, self.fill = self.fill, None
                fill()

    def at(self, collection: str, now: datetime, parent: str = "") -> list[Record]:
        """What is to be seen of a collection."""
        self._filled()
        return [kept.value for kept in self.collections.get((collection, parent), ()) if kept.seen(now)]

    def user(self, key: str, now: datetime) -> Record | None:
        """A user by id or address."""
        self._filled()
        return next((kept.value for kept in self._users.get(key.lower(), ()) if kept.seen(now)), None)

    def users(self, now: datetime) -> list[Record]:
        """The users with what changes by itself: when they last signed in."""
        return [self.with_sign_in(user, now) for user in self.at("users", now)]

    def with_sign_in(self, user: Record, now: datetime) -> Record:
        times = self.sign_ins.get(str(user["id"]))
        if times is None:
            return user
        count = bisect_right(times, now)
        return {**user, "lastLoginTime": stamp(times[count - 1] if count else EPOCH)}

    def activities(self, application: str, now: datetime) -> Iterator[tuple[datetime, Record]]:
        """Activities that have arrived, newest first, each with its time."""
        self._filled()
        key = ("activities", application)
        held = self.collections.get(key, [])
        if key not in self._sorted:
            held.sort(key=lambda kept: str(kept.value["id"]["time"]), reverse=True)
            self._sorted.add(key)
        for kept in held:
            if kept.seen(now):
                yield datetime.fromisoformat(kept.value["id"]["time"]), kept.value

    def add_activity(
        self,
        application: str,
        at: datetime,
        actor: Mapping[str, Any],
        events: Sequence[tuple[str, str, Mapping[str, Any]]],
        *,
        arrives: timedelta = timedelta(minutes=3),
    ) -> None:
        """Add an activity: events are (type, name, parameters). It is to be seen some time after it happened."""
        key = ("activities", application)
        number = len(self.collections.get(key, ())) + 1
        self._sorted.discard(key)
        record = {
            "kind": "admin#reports#activity",
            "id": {
                "time": stamp(at), "uniqueQualifier": str(-7_000_000_000_000 - number),
                "applicationName": application, "customerId": self.id,
            },
            "actor": dict(actor), "ipAddress": "203.0.113.24", "ownerDomain": self.domain,
            "events": [
                {"type": kind, "name": name, "parameters": [_parameter(*one) for one in parameters.items()]}
                for kind, name, parameters in events
            ],
        }  # fmt: skip
        self.put("activities", record, at + arrives, parent=application)

    def is_administrator(self, email: str | None, now: datetime) -> bool:
        """Whether somebody may ask for the customer's data."""
        if self.everybody_is_administrator:
            return True
        user = None if email is None else self.user(email, now)
        return user is not None and user["isAdmin"] and not user["suspended"]

    def may_ask_for(self, email: str, now: datetime) -> bool:
        """Whether there is such a person."""
        if self.everybody_is_administrator:
            return True
        user = self.user(email, now)
        return user is not None and not user["suspended"]


def _parameter(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"name": name, "boolValue": value}
    if isinstance(value, int):
        return {"name": name, "intValue": str(value)}
    if isinstance(value, list):
        return {"name": name, "multiValue": value}
    return {"name": name, "value": str(value)}
