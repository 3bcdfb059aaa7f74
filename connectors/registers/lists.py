"""Registers as populations: people, risks, vendors, devices, trainings, disposals, uptime. Every row of the file,
those that have ended too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from connectors.registers.files import RegisterRead, read_register
from connectors.registers.session import client_of
from evidence.programme_versions import slug
from schemas.dataset import Dataset
from schemas.errors import SourceGone
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.instants import optional_instant, parse_instant
from schemas.own import DEVICES, DISPOSALS, PEOPLE, RISKS, TRAINING_COMPLETIONS, UPTIME, VENDORS

_DAY = timedelta(days=1)


def people(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill hr.people with everybody of the people register.

    A register without anybody is kept and never believed: a company with nobody in it collects no evidence.
    """
    read = read_register(client_of(session), "people", PEOPLE, sink)
    sink.rows(
        PEOPLE,
        (
            {**frame, **row, "notified_at": optional_instant(row["notified_at"]), "aliases": row["aliases"] or []}
            for row, frame in read.entries(request.item.id)
        ),
    )
    return [_claim(PEOPLE, read, len(read.rows), believed=bool(read.rows))]


def risks(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill own.risks with every entry of the risk register."""
    read = read_register(client_of(session), "risks", RISKS, sink)
    sink.rows(
        RISKS,
        ({**frame, **row, "controls": row["controls"] or []} for row, frame in read.entries(request.item.id)),
    )
    return [_claim(RISKS, read, len(read.rows))]


def vendors(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill own.vendors: the entries of one vendor for an item `vendor:<slug>`, else of all.

    Raises SourceGone where the register no longer lists the vendor asked for: one that left has a last day, and stays.
    """
    read = read_register(client_of(session), "vendors", VENDORS, sink)
    wanted = request.item.id if request.item.id.startswith("vendor:") else None
    names = _names(read, "vendor_id")
    rows = [
        {**frame, **_validity(row), "entry_id": name, "data": row["data"] or []}
        for (row, frame), name in zip(read.entries(request.item.id), names, strict=True)
        if wanted in (None, f"vendor:{slug(row['vendor_id'])}")
    ]
    if wanted is not None and not rows:
        raise SourceGone(
            f"{read.file} does not list {request.item.name} ({wanted}). Put it back; a vendor that is not used any "
            "more keeps its entry, with a last day under `to`."
        )
    sink.rows(VENDORS, rows)
    return [_claim(VENDORS, read, len(rows), others=len(read.rows) - len(rows))]


def devices(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill own.devices with every device of the register."""
    read = read_register(client_of(session), "devices", DEVICES, sink)
    names = _names(read, "device_id")
    sink.rows(
        DEVICES,
        (
            {**frame, **_validity(row), "entry_id": name, "last_seen_at": optional_instant(row["last_seen_at"])}
            for (row, frame), name in zip(read.entries(request.item.id), names, strict=True)
        ),
    )
    return [_claim(DEVICES, read, len(read.rows))]


def training_completions(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill own.training_completions with the trainings that were finished in the interval asked for."""
    return _events(session, request, sink, TRAINING_COMPLETIONS, "training", "completed_at")


def disposals(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill own.disposals with the devices that went out of use in the interval asked for."""
    return _events(session, request, sink, DISPOSALS, "disposals", "retired_at", ("wiped_at", "disposed_at"))


def uptime(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill own.uptime with what probes saw in the interval asked for: of one service for `service:<slug>`.

    A stretch may last for months, and an interval must be whole by itself: so each is cut at the midnights of UTC.
    """
    read = read_register(client_of(session), "uptime", UPTIME, sink)
    rows: list[dict[str, Any]] = []
    others = outside = 0
    for row, frame in read.entries(request.item.id):
        if request.item.id.startswith("service:") and request.item.id != _service(row):
            others += 1
            continue
        pieces = list(_days(parse_instant(row["started_at"]), optional_instant(row["ended_at"]), request, frame))
        outside += not pieces
        rows += [
            {**frame, "service": row["service"], "state": row["state"], "event_time": start, "ended_at": end}
            for start, end in pieces
        ]
    sink.rows(UPTIME, rows)
    return [_claim(UPTIME, read, len(rows), others=others, outside=outside)]


def _service(row: Mapping[str, Any]) -> str:
    return f"service:{slug(str(row['service']).removeprefix('service:'))}"


def _days(
    start: datetime, end: datetime | None, request: Request, frame: Mapping[str, Any]
) -> Iterator[tuple[datetime, datetime]]:
    """A stretch cut at midnights, the pieces that begin in the interval asked for; none outlasts the export."""
    until = frame["exported_at"] if end is None else min(end, frame["exported_at"])
    if request.end is not None:
        until = min(until, request.end + _DAY)
    at = start
    if request.start is not None and at < request.start:
        at = max(at, request.start.replace(hour=0, minute=0, second=0, microsecond=0))
    while at < until:
        following = at.replace(hour=0, minute=0, second=0, microsecond=0) + _DAY
        if (request.start is None or request.start <= at) and (request.end is None or at < request.end):
            yield at, min(following, until)
        at = following


def _events(
    session: Session, request: Request, sink: Sink, dataset: Dataset, register: str, time: str,
    instants: tuple[str, ...] = (),
) -> list[ItemClaim]:  # fmt: skip
    """The rows of a register whose `time` lies in the interval asked for; `instants` are its other times."""
    read = read_register(client_of(session), register, dataset, sink)
    rows: list[dict[str, Any]] = []
    for row, frame in read.entries(request.item.id):
        at = parse_instant(row[time])
        if (request.start is None or request.start <= at) and (request.end is None or at < request.end):
            kept = {name: value for name, value in row.items() if name != time}
            kept |= {name: optional_instant(row[name]) for name in instants}
            rows.append({**frame, **kept, "event_time": at})
    sink.rows(dataset, rows)
    return [_claim(dataset, read, len(rows), outside=len(read.rows) - len(rows))]


def _claim(
    dataset: Dataset, read: RegisterRead, rows: int, *, believed: bool = True, others: int = 0, outside: int = 0
) -> ItemClaim:
    empty = read.says_empty()
    proof = f"{read.file} was read to its end and is in order" if read.rows else empty
    words = f"{len(read.rows)} rows in {read.file}, each in order"
    return ItemClaim(
        dataset.name,
        f"file registers.{read.loaded.register.name}",
        read.parameters(),
        observed_at=read.observed_at,
        proof_of_life=believed and proof is not None,
        proof=proof if believed else None,
        reconciliation=f"{words}; {others} of them are about other items" if others else words,
        pages=1,
        rows_returned=len(read.rows),
        drop_rules={
            why: count
            for why, count in {"about another item": others, "outside the interval asked for": outside}.items()
            if count
        },
    )  # fmt: skip


def _names(read: RegisterRead, key: str) -> Iterable[str]:
    """What tells entries apart: the id, with the first day where the id stands there more than once."""
    counts = Counter(row[key] for row in read.rows)
    return [row[key] if counts[row[key]] == 1 else f"{row[key]}@{row['from'] or 'always'}" for row in read.rows]


def _validity(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with its validity under names that are no words of SQL."""
    kept = {name: value for name, value in row.items() if name not in ("from", "to")}
    return {**kept, "valid_from": row["from"], "valid_to": row["to"]}
