"""From the matrix to what must be collected: requests for the connectors, soonest loss first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from evidence.completeness.instants import optional_instant, ticks
from evidence.completeness.matrix import Matrix, MatrixCell, Part
from evidence.completeness.model import Cell, Hole, Interval, Requirement
from evidence.completeness.planner import Work, plan
from evidence.completeness.recoverability import Memory
from evidence.completeness.severity import COVERED
from evidence.scope import ScopedItem


class _Key(NamedTuple):
    """What a piece of work is for; sorts and shows as text."""

    system: str
    dataset: str
    item_id: str
    control_id: str
    evidence_id: str


@dataclass(frozen=True, slots=True)
class CollectionRequest:
    """One dataset to read for some scope items and one interval.

    `interval` is None for a snapshot of now. `next_loss` is the first instant at which some of it can no longer be
    had, `alarm_at` the instant from which somebody should know; both None where the source keeps it. `cells` names
    (control, evidence line, window) that wait for it.
    """

    system: str
    dataset: str
    items: tuple[ScopedItem, ...]
    interval: Interval | None
    next_loss: datetime | None
    alarm_at: datetime | None
    cells: tuple[tuple[str, str, str], ...]


def missing_work(
    matrix: Matrix,
    as_of: datetime,
    *,
    control_id: str | None = None,
    window_id: str | None = None,
    scope_item_id: str | None = None,
    control_ids: Collection[str] | None = None,
    scope_items: Collection[str] | None = None,
) -> list[CollectionRequest]:
    """Everything still missing that can be had, soonest loss first, undated work last. `scope_items` are ids or names.

    For streams the recoverable rest of every hole, whatever the gap of its cell, and windows whose zero nothing
    confirms. For snapshots one of now wherever the
    running window has none yet, and what a source can replay. Unresolved items can't be asked for and make no work:
    the inventory, which can resolve them, is a line of its own.
    """
    wanted = [
        cell
        for cell in matrix.cells
        if control_id in (None, cell.control_id)
        and (control_ids is None or cell.control_id in control_ids)
        and (window_id is None or window_id in (cell.window_id, *cell.window_id.split("+")))
        and scope_item_id in (None, cell.scope_item_id)
        and (scope_items is None or cell.scope_item_id in scope_items or cell.scope_item in scope_items)
        and cell.row.item.resolved
    ]
    items = {cell.scope_item_id: cell.row.item for cell in wanted}
    items |= {group.holder.id: group.holder for cell in wanted for group in cell.row.groups if group.holder is not None}
    requirements: list[tuple[_Key, Requirement, Cell]] = []
    now: list[Work[_Key]] = []
    for cell in wanted:
        for part in _collected(cell):
            dataset, item_id = part.group.claims_key(cell.scope_item_id)
            if not items[item_id].resolved:
                continue
            key = _Key(part.group.dataset_system, dataset, item_id, *cell.row.key[:2])
            requirements.append((key, part.requirement, _unconfirmed_as_hole(part)))
            now += _snapshot_now(key, part, as_of)
    pieces = [*plan(requirements, as_of), *now]
    return _grouped(pieces, items, as_of)


def _collected(cell: MatrixCell) -> Iterator[Part]:
    """Parts whose proof is read from a source and not complete."""
    for part in cell.parts:
        if part.group.dataset is not None and part.cell.clipped is not None and part.cell.state not in COVERED:
            yield part


def _unconfirmed_as_hole(part: Part) -> Cell:
    """The cell, with an unconfirmed zero taken for a hole: read again, it may come with the proof it lacks."""
    cell = part.cell
    if cell.state != "empty_unconfirmed" or cell.clipped is None:
        return cell
    hole = Memory(part.requirement).hole(ticks(cell.clipped.start), ticks(cell.clipped.end))
    losses = optional_instant(hole.first_loss), optional_instant(hole.total_loss)
    return replace(cell, holes=(Hole(cell.clipped.start, cell.clipped.end, *losses),))


def _snapshot_now(key: _Key, part: Part, as_of: datetime) -> Iterator[Work[_Key]]:
    """A snapshot of the running window that has none yet: nothing is lost, but only while the window lasts."""
    clipped = part.cell.clipped
    if part.cell.kind != "snapshot" or clipped is None or not clipped.start <= as_of < clipped.end:
        return
    until = part.cell.until if part.cell.until is not None and part.cell.until > as_of else clipped.end
    yield Work(key, part.cell.window_id, Interval(as_of, until), until, None, 1)


class _Group(NamedTuple):
    system: str
    dataset: str
    interval: tuple[datetime, datetime] | None


def _grouped(pieces: Iterable[Work[_Key]], items: dict[str, ScopedItem], as_of: datetime) -> list[CollectionRequest]:
    by_target: dict[tuple[str, str, str], list[Work[_Key]]] = {}
    for work in pieces:
        by_target.setdefault(work.key[:3], []).append(work)
    groups: dict[_Group, list[Work[_Key]]] = {}
    for (system, dataset, _), works in by_target.items():
        for interval, served in _merged(works, as_of):
            groups.setdefault(_Group(system, dataset, interval), []).extend(served)
    requests = [
        CollectionRequest(
            system=group.system,
            dataset=group.dataset,
            items=tuple(items[item_id] for item_id in sorted({work.key.item_id for work in works})),
            interval=None if group.interval is None else Interval(*group.interval),
            next_loss=min((work.next_loss for work in works if work.next_loss is not None), default=None),
            alarm_at=min((work.alarm_at for work in works if work.alarm_at is not None), default=None),
            cells=tuple(sorted({(work.key.control_id, work.key.evidence_id, work.window_id) for work in works})),
        )
        for group, works in groups.items()
    ]
    return sorted(requests, key=_order)


def _merged(
    works: Iterable[Work[_Key]], as_of: datetime
) -> list[tuple[tuple[datetime, datetime] | None, list[Work[_Key]]]]:
    """Work on one dataset and item without asking twice: an interval inside another is served by it."""
    out: list[tuple[tuple[datetime, datetime] | None, list[Work[_Key]]]] = []
    live = [work for work in works if work.snapshots_needed and work.interval.start <= as_of <= work.interval.end]
    if live:
        out.append((None, live))
    spans = sorted(
        (work for work in works if work not in live),
        key=lambda work: (work.interval.start, -work.interval.end.timestamp()),
    )
    for work in spans:
        low, high = work.interval.start, work.interval.end
        for interval, served in out:
            if interval is not None and interval[0] <= low and high <= interval[1]:
                served.append(work)
                break
        else:
            out.append(((low, high), [work]))
    return out


def _order(request: CollectionRequest) -> tuple[bool, float, str, str, float]:
    loss = request.next_loss
    start = 0.0 if request.interval is None else request.interval.start.timestamp()
    return loss is None, 0.0 if loss is None else loss.timestamp(), request.system, request.dataset, start
