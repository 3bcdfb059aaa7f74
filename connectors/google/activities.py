"""Activities of the Reports API: what administrators did, who signed in, what was let in and what was shared.

Read in slices, each twice. Google promises neither an order of arrival nor that an activity is there at once: a claim
counts as settled 48 hours after its end (`connectors/sessions.py`), and what is younger is read again. It answers for
180 days; of what is older nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

import orjson

from connectors.google.calls import GoogleClient
from connectors.google.lists import Entry, Listing, Tally, entries_of, read_whole
from connectors.google.values import kept, moment, optional_text, text
from schemas.dataset import Dataset
from schemas.errors import IncompletePopulation, SchemaDrift
from schemas.extraction import Extractor, ItemClaim, Request, Session, Sink
from schemas.google import ADMIN_ACTIVITIES, DRIVE_ACTIVITIES, SIGN_INS, TOKEN_ACTIVITIES
from schemas.instants import format_instant

ACTIVITY = "an activity of the Reports API"
METHOD = "reports.activities.list"
REMEMBERED = timedelta(days=180)
SLICE = timedelta(days=7)
"""Of what is read in one go: its ids are held in memory, its records are not."""

SHARING = (
    "change_acl_editors", "change_document_access_scope", "change_document_visibility", "change_owner",
    "change_user_access", "publish_change", "shared_drive_membership_change", "shared_drive_settings_change",
)  # fmt: skip
"""The events of Drive by which something may become visible to others. Everything else in Drive is too much to keep and
no part of any control."""

_SUBJECTS = ("USER_EMAIL", "GROUP_EMAIL", "target_user", "affected_email_address", "email")
_OBJECTS = (
    ("ROLE_ID", "ROLE_NAME"), ("OAUTH2_APP_ID", "OAUTH2_APP_NAME"), ("client_id", "app_name"), ("doc_id", "doc_title"),
    ("APPLICATION_ID", "APPLICATION_NAME"), (None, "SETTING_NAME"), (None, "DOMAIN_NAME"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stream:
    """What fills one dataset: applications, the first of which every customer uses, and event names (none: all)."""

    dataset: Dataset
    applications: tuple[str, ...]
    events: tuple[str, ...] = ()

    @property
    def query(self) -> str:
        """For the hash of the query."""
        asked = [f"{METHOD} userKey=all applicationName={one}" for one in self.applications]
        return "\n".join([*asked, *(f"eventName={name}" for name in self.events)])


ADMIN = Stream(ADMIN_ACTIVITIES, ("admin", "user_accounts"))
SIGN_IN = Stream(SIGN_INS, ("login", "saml"))
TOKEN = Stream(TOKEN_ACTIVITIES, ("token",))
DRIVE = Stream(DRIVE_ACTIVITIES, ("drive",), SHARING)


@dataclass(slots=True)
class _Reading:
    client: GoogleClient
    customer: str
    stream: Stream
    item: str
    start: datetime
    end: datetime
    sink: Sink
    tally: Tally = field(default_factory=Tally)
    rows: int = 0
    returned: int = 0
    outside: int = 0
    others: int = 0
    counts: dict[str, int] = field(default_factory=dict[str, int])

    def all(self) -> None:
        for application in self.stream.applications:
            self.counts[application] = 0
            for low, high in slices(self.start, self.end):
                seen: set[str] = set()
                for name in self.stream.events or (None,):
                    self._slice(application, low, high, name, seen)

    def _slice(self, application: str, low: datetime, high: datetime, name: str | None, seen: set[str]) -> None:
        parameters: dict[str, Any] = {
            "userKey": "all", "applicationName": application, "customerId": self.customer,
            "startTime": format_instant(low), "endTime": format_instant(high),
        }  # fmt: skip
        if name is not None:
            parameters["eventName"] = name

        def take(activities: Sequence[Entry]) -> None:
            rows = [row for activity in activities for row in self._rows(application, activity, low, high, seen)]
            self.counts[application] += len(rows)
            self.rows += len(rows)
            if rows:
                self.sink.rows(self.stream.dataset, rows)

        listing = Listing(
            METHOD, "items", "id(time,uniqueQualifier,applicationName)", activity_id, parameters,
            first={"maxResults": 1000}, second={"maxResults": 800}, only_grows=True,
            bucket=None if name is None else "reports_filtered",
        )  # fmt: skip
        self.tally.add(read_whole(self.client, listing, self.sink, self.stream.dataset, take))

    def _rows(
        self, application: str, activity: Entry, low: datetime, high: datetime, seen: set[str]
    ) -> Iterator[dict[str, Any]]:
        identity = _identity(activity)
        if identity.get("applicationName") != application or identity.get("customerId", self.customer) != self.customer:
            raise IncompletePopulation(
                f"Google answered with activities of another application or customer than {application} of "
                f"{self.customer}. Nothing is claimed; run again."
            )
        known = activity_id(activity)
        if known in seen:
            return  # it holds events of several names
        seen.add(known)
        at = moment(identity, "time", ACTIVITY)
        for index, event in enumerate(_events(activity)):
            self.returned += 1
            if not low <= at < high:
                self.outside += 1  # Google's end is inclusive
            elif self.stream.events and event.get("name") not in self.stream.events:
                self.others += 1
            else:
                yield event_row(self.item, activity, index, event)


def slices(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """An interval in pieces of at most a week."""
    while start < end:
        stop = min(start + SLICE, end)
        yield start, stop
        start = stop


def _extractor(stream: Stream) -> Extractor:
    def extract(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
        return [_read(session, request, sink, stream)]

    extract.__name__ = extract.__qualname__ = stream.dataset.name.partition(".")[2]
    return extract


admin_activities = _extractor(ADMIN)
sign_ins = _extractor(SIGN_IN)
token_activities = _extractor(TOKEN)
drive_activities = _extractor(DRIVE)


def _read(session: Session, request: Request, sink: Sink, stream: Stream) -> ItemClaim:
    client: GoogleClient = session.client
    assert request.start is not None
    assert request.end is not None
    now = client.now()
    oldest = now - REMEMBERED
    start, end = max(request.start, oldest), min(request.end, now)
    reading = _Reading(client, session.tenant, stream, request.item.id, start, end, sink)
    reading.all()
    proof = _proof(client, reading)
    counted = ", ".join(f"{count} of {name}" for name, count in reading.counts.items())
    return ItemClaim(
        stream.dataset.name,
        stream.query,
        {"customer": session.tenant},
        complete_from=start if start > request.start else None,
        proof_of_life=proof is not None,
        proof=proof,
        independent_count=reading.rows,
        reconciliation=f"{reading.tally.entries} activities in two readings of each slice, by their ids and whole; "
        f"events: {counted}",
        pages=reading.tally.pages,
        drop_rules={
            name: count
            for name, count in (("outside the interval", reading.outside), ("another event", reading.others))
            if count
        },
        rows_returned=reading.returned,
    )


def _proof(client: GoogleClient, reading: _Reading) -> str | None:
    """That an empty answer is one: the application shows activities at another time, or the directory's clock does."""
    if reading.rows:
        return "activities are seen"
    for application in reading.stream.applications:
        answer = client.ask(
            METHOD, userKey="all", applicationName=application, customerId=reading.customer, maxResults=1,
        ).keep(reading.sink, reading.stream.dataset)  # fmt: skip
        latest = entries_of(answer, "items")
        if latest:
            at = moment(_identity(latest[0]), "time", ACTIVITY)
            return f"the latest activity of {application} is of {format_instant(at)}"
    return None


# --- rows -------------------------------------------------------------------------------------------------------------


def _identity(activity: Entry) -> Mapping[str, Any]:
    found: Any = activity.get("id")
    if not isinstance(found, dict):
        raise SchemaDrift("An activity of the Reports API comes without its id.")
    return cast("Mapping[str, Any]", found)


def activity_id(activity: Entry) -> str:
    """Application, time and unique qualifier, which together name an activity."""
    identity = _identity(activity)
    parts = (text(identity, name, ACTIVITY) for name in ("applicationName", "time", "uniqueQualifier"))
    return ":".join(parts)


def _events(activity: Entry) -> list[Entry]:
    found: Any = activity.get("events")
    if not isinstance(found, list) or not found or not all(isinstance(one, dict) for one in cast("list[Any]", found)):
        raise SchemaDrift("An activity of the Reports API comes without events.")
    return cast("list[Entry]", found)


def parameters_of(event: Entry) -> dict[str, Any]:
    """The parameters of an event by name; None for one that is given without a value."""
    return _named(event.get("parameters", []))


def _named(found: Any) -> dict[str, Any]:
    return {text(one, "name", ACTIVITY): _value(one) for one in _list_of(found, dict)}


def _value(one: Entry) -> Any:
    for name, read in _VALUES.items():
        if name in one:
            return read(one[name])
    return None


def _of(kind: type) -> Callable[[Any], Any]:
    return lambda found: _list_of([found], kind)[0]


def _list_of(found: Any, kind: type) -> list[Any]:
    whole = isinstance(found, list) and all(isinstance(one, kind) for one in cast("list[Any]", found))
    if not whole:
        raise SchemaDrift("An activity of the Reports API has a parameter of another type than its field says.")
    return cast("list[Any]", found)


def _number(found: Any) -> int:
    """A 64-bit number, which comes as text."""
    if isinstance(found, bool) or not isinstance(found, str | int) or not str(found).removeprefix("-").isdecimal():
        raise SchemaDrift("An activity of the Reports API has a parameter that is no number.")
    return int(found)


def _message(found: Any) -> Any:
    return _named(_of(dict)(found).get("parameter", []))


_VALUES: Mapping[str, Callable[[Any], Any]] = {
    "value": _of(str), "boolValue": _of(bool), "multiValue": lambda found: _list_of(found, str),
    "multiBoolValue": lambda found: _list_of(found, bool), "intValue": _number,
    "multiIntValue": lambda found: [_number(one) for one in _list_of(found, object)], "messageValue": _message,
    "multiMessageValue": lambda found: [_message(one) for one in _list_of(found, dict)],
}  # fmt: skip


def event_row(item: str, activity: Entry, index: int, event: Entry) -> dict[str, Any]:
    """One event of an activity as a row."""
    identity = _identity(activity)
    parameters = parameters_of(event)
    known = activity_id(activity)
    subject = next((parameters[name] for name in _SUBJECTS if isinstance(parameters.get(name), str)), None)
    object_id, object_name = _object(parameters)
    scopes = parameters.get("scope")
    actor: Any = activity.get("actor")
    return {
        "scope_item_id": item, "event_id": f"{known}#{index}", "event_time": moment(identity, "time", ACTIVITY),
        "activity_id": known, "application": text(identity, "applicationName", ACTIVITY),
        "unique_qualifier": text(identity, "uniqueQualifier", ACTIVITY), "event_index": index,
        "event_type": optional_text(event, "type", ACTIVITY), "event_name": text(event, "name", ACTIVITY),
        "actor": None if not isinstance(actor, dict) else _actor(cast("Entry", actor)),
        "ip_address": optional_text(activity, "ipAddress", ACTIVITY),
        "owner_domain": optional_text(activity, "ownerDomain", ACTIVITY), "subject": subject, "object_id": object_id,
        "object_name": object_name,
        "scopes": sorted(str(one) for one in cast("list[Any]", scopes)) if isinstance(scopes, list) else [],
        "parameters": orjson.dumps(parameters, option=orjson.OPT_SORT_KEYS).decode(),
        "raw": kept({**activity, "events": [event]}, ()),
    }  # fmt: skip


def _actor(actor: Entry) -> dict[str, str | None]:
    return {
        "email": optional_text(actor, "email", ACTIVITY), "profile_id": optional_text(actor, "profileId", ACTIVITY),
        "caller_type": optional_text(actor, "callerType", ACTIVITY), "key": optional_text(actor, "key", ACTIVITY),
    }  # fmt: skip


def _object(parameters: Mapping[str, Any]) -> tuple[str | None, str | None]:
    for id_name, name in _OBJECTS:
        found = (None if id_name is None else parameters.get(id_name), parameters.get(name))
        if any(isinstance(one, str) for one in found):
            return (
                found[0] if isinstance(found[0], str) else None,
                found[1] if isinstance(found[1], str) else None,
            )
    return None, None
