"""Audit logs of a project and of what is above it, by `entries.list`.

Entries come in the order of time, so a page that comes again is a step back in time. A page that loses entries, or that
says falsely that it is the last, looks like any other: therefore the same interval is read a second time from its end,
ids only, with pages of another size, and both readings must come to the same. Entries that Google received after the
first reading began belong to neither.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.gcp.access import policy_of
from connectors.gcp.audit_rows import PREFIX, audit_row, event_id, log_of
from connectors.gcp.log_config import DEFAULT_DAYS, log_buckets, sinks
from connectors.gcp.pages import field_of
from connectors.gcp.reading import Container, Reading, reading
from connectors.gcp.values import Record, needed_instant, number, parts
from schemas.dataset import Dataset
from schemas.errors import IncompletePopulation, NotLicensed
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.gcp import ADMIN_ACTIVITY, DATA_ACCESS
from schemas.instants import format_instant

ADMIN_LOGS = ("activity", "system_event")
DATA_LOGS = ("data_access", "policy")
REQUIRED = timedelta(days=400)
"""How long Google keeps admin activity; nobody can change it."""

_ENTRIES = "logging.entries.list"
_IDS = "entries(insertId,timestamp,logName),nextPageToken"
PAGE, SECOND_PAGE = 1000, 900
_ON_ITS_WAY = timedelta(seconds=30)
"""Received so shortly ago, an entry may be shown by one reading and not by the other."""


def admin_activity(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Extractor of `gcp.admin_activity`: what was changed, by people and by Google itself."""
    found = _started(session, request, sink, ADMIN_ACTIVITY)
    return _claimed(found, request, ADMIN_LOGS, _clock(found) - REQUIRED)


def data_access(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Extractor of `gcp.data_access`: who read and wrote data, as far as that is logged.

    Raises NotLicensed where nothing logs it, or where what is logged is not kept.
    """
    found = _started(session, request, sink, DATA_ACCESS)
    switched_on = sorted({
        str(one.get("service"))
        for container in found.containers for one in parts(policy_of(found, container), "auditConfigs")
    })  # fmt: skip
    found.notes.append(f"switched on for {', '.join(switched_on) or 'no service'}")
    kept = [_kept(found, container) for container in found.containers]
    claims = _claimed(found, request, DATA_LOGS, _clock(found) - min(kept))
    if not switched_on and not claims[0].rows_returned:
        raise NotLicensed(
            f"Data Access logs are switched on for no service in {found.project_id} or above it, so nobody can tell "
            "who read or wrote data. Switch them on in the audit configuration, or record why it does not matter."
        )
    return claims


def _started(session: Session, request: Request, sink: Sink, dataset: Dataset) -> Reading:
    found = reading(session, request, sink, dataset)
    found.demand()
    return found


def _clock(found: Reading) -> datetime:
    assert found.at is not None  # the project was read
    return found.at


def _kept(found: Reading, container: Container) -> timedelta:
    """How long a container keeps what it is not bound to keep. Raises NotLicensed where it keeps nothing."""
    for sink in sinks(found, container):
        if sink.get("name") == "_Default":
            if sink.get("disabled"):
                raise NotLicensed(
                    f"The sink _Default of {container.name} is switched off, so its Data Access logs are not kept "
                    "where they can be read. Switch it on, or record where they are kept instead."
                )
            left_out = [str(one.get("name")) for one in parts(sink, "exclusions") if not one.get("disabled")]
            if left_out or sink.get("filter"):
                found.notes.append(f"{container.name} keeps what passes {', '.join(left_out) or 'its filter'} alone")
    buckets = [one for one in log_buckets(found, container) if str(one.get("name")).endswith("/_Default")]
    days = [number(one, "retentionDays") or DEFAULT_DAYS for one in buckets]
    return timedelta(days=min(days, default=DEFAULT_DAYS))


@dataclass(slots=True)
class _Tally:
    """A set of ids in constant memory: how many there were, and the sum of their hashes."""

    count: int = 0
    sum: int = 0

    def add(self, entry: Record) -> None:
        self.count += 1
        digest = hashlib.blake2b(event_id(entry).encode(), digest_size=16).digest()
        self.sum = (self.sum + int.from_bytes(digest)) % 2**128


def _claimed(found: Reading, request: Request, logs: Sequence[str], remembered_from: datetime) -> list[ItemClaim]:
    """Read the interval twice and claim it."""
    assert request.start is not None
    assert request.end is not None
    names = {
        f"{_name(found, one)}/logs/{PREFIX.replace('/', '%2F')}{log}": (_name(found, one), log)
        for one in found.containers for log in logs
    }  # fmt: skip
    whose = "logName=(" + " OR ".join(f'"{name}"' for name in names) + ")"
    when = (
        f' AND timestamp>="{format_instant(request.start)}" AND timestamp<"{format_instant(request.end)}"'
        f' AND receiveTimestamp<="{format_instant(_clock(found) - _ON_ITS_WAY)}"'
    )
    body = {"resourceNames": [_name(found, one) for one in found.containers], "filter": whose + when}
    forth, back = _Tally(), _Tally()
    asked = set(names.values())
    found.sink.rows(found.dataset, (
        audit_row(request.item.id, entry, found.dataset)
        for entry in _forth(found, {**body, "orderBy": "timestamp asc", "pageSize": PAGE}, request, asked, forth)
    ))  # fmt: skip
    for entry in _entries(found, {**body, "orderBy": "timestamp desc", "pageSize": SECOND_PAGE}, fields=_IDS):
        back.add(entry)
    if (forth.count, forth.sum) != (back.count, back.sum):
        raise IncompletePopulation(
            f"{found.project_id}: {forth.count} entries read forwards and {back.count} backwards, and not the same. "
            "A page was cut short, or entries arrived meanwhile. Nothing was kept; run again."
        )
    older = None if forth.count else _older(found, body, whose, request.start)
    alive = bool(forth.count) or older is not None
    proof = (
        f"{forth.count} entries forwards and backwards" if forth.count
        else f"no entry in the interval, and an older one of {format_instant(older)} is shown" if older
        else "no entry in the interval and none before it"
    )  # fmt: skip
    return found.result(
        proof, alive=alive, rows_returned=forth.count, independent_count=back.count,
        complete_from=max(remembered_from, request.start) if remembered_from > request.start else None,
    )  # fmt: skip


def _name(found: Reading, container: Container) -> str:
    """How logs name a container: projects by their id."""
    return f"projects/{found.project_id}" if container is found.own else container.name


def _entries(found: Reading, body: dict[str, Any], **more: Any) -> Iterator[Record]:
    for page in found.paged(_ENTRIES, body=body, **more):
        yield from field_of("entries")(page.parsed)


def _forth(
    found: Reading, body: dict[str, Any], request: Request, asked: set[tuple[str, str]], tally: _Tally
) -> Iterator[Record]:
    """Entries in the order of time. Raises IncompletePopulation for one that was not asked for, or that comes again."""
    latest = datetime.min.replace(tzinfo=UTC)
    at_once: set[str] = set()
    for entry in _entries(found, body):
        at, name = needed_instant(entry, "timestamp", "log entry"), event_id(entry)
        assert request.start is not None
        assert request.end is not None
        if not request.start <= at < request.end or log_of(entry) not in asked:
            raise IncompletePopulation(
                f"{found.project_id}: Google answers with an entry of another log or time than was asked for. Nothing "
                "was kept; run again."
            )
        if at < latest or name in at_once:
            raise IncompletePopulation(
                f"{found.project_id}: the list of entries goes back in time, so a page came twice. Nothing was kept; "
                "run again."
            )
        if at > latest:
            latest, at_once = at, set()
        at_once.add(name)
        tally.add(entry)
        yield entry


def _older(found: Reading, body: dict[str, Any], whose: str, start: datetime) -> datetime | None:
    """When the last entry before an instant was written; that there is one shows that the log can be read."""
    before = f'{whose} AND timestamp<"{format_instant(start)}"'
    question = {**body, "filter": before, "orderBy": "timestamp desc", "pageSize": 1}
    entries = parts(found.ask(_ENTRIES, body=question, fields=_IDS).parsed, "entries")
    return needed_instant(entries[0], "timestamp", "log entry") if entries else None
