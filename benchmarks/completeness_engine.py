"""How many cells a second the completeness engine judges, in one process and without any input or output.

    python benchmarks/completeness_engine.py [CELLS]

Three loads, each over a period of six months: monthly runs, daily runs and daily snapshots per scope item.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from time import process_time

from evidence.completeness.engine import evaluate
from evidence.completeness.model import CellInputs, Item, Period, Requirement, Run, Snapshot
from evidence.completeness.rollup import roll_up

PERIOD = Period(date(2026, 1, 1), date(2026, 6, 30), "Europe/London")
AS_OF = datetime(2026, 7, 20, tzinfo=UTC)
START = datetime(2026, 1, 1, tzinfo=UTC)
WINDOWS = 6

STREAM = Requirement(kind="event_stream", due_days=5, grace_days=5, lag_hours=3, retention_days=90)
SNAPSHOT = Requirement(kind="snapshot", grace_days=5, max_gap_hours=840, target_gap_hours=49)


def runs(step: timedelta) -> tuple[Run, ...]:
    """Abutting runs over the period, with one day missing in March."""
    found: list[Run] = []
    at = START - timedelta(days=1)
    while at < datetime(2026, 7, 2, tzinfo=UTC):
        end = at + step
        if at.date() != date(2026, 3, 10):
            found.append(Run(at, end, end + timedelta(hours=4), end + timedelta(hours=4, minutes=5), rows=12))
        at = end
    return tuple(found)


def snapshots() -> tuple[Snapshot, ...]:
    return tuple(
        Snapshot(START + timedelta(days=day, hours=6), START + timedelta(days=day, hours=6, minutes=1))
        for day in range(181)
    )


def inputs_of(load: str) -> Callable[[int], tuple[Requirement, CellInputs]]:
    if load == "monthly runs":
        return lambda _: (STREAM, CellInputs(runs=runs(timedelta(days=30))))
    if load == "daily runs":
        return lambda _: (STREAM, CellInputs(runs=runs(timedelta(days=1))))
    return lambda _: (SNAPSHOT, CellInputs(snapshots=snapshots()))


def main() -> None:
    cells = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    items = -(-cells // WINDOWS)
    print(f"{'load':<16}{'cells':>8}{'seconds':>10}{'cells/s':>10}{'us/cell':>9}  verdict")
    for load in ("monthly runs", "daily runs", "daily snapshots"):
        make = inputs_of(load)
        # Objects are shared by every hundred items, as the runs of one ledger entry are by its scope items; each item
        # has its own in-scope interval, so nothing about it can be taken from a cache.
        shared = [make(number) for number in range(max(items // 100, 1))]
        scope = [Item(in_scope_from=START - timedelta(minutes=number)) for number in range(items)]
        started = process_time()
        found = [
            cell
            for number, item in enumerate(scope)
            for cell in evaluate(PERIOD, *_pair(shared[number % len(shared)], item), AS_OF)
        ]
        total = roll_up(found)
        seconds = process_time() - started
        rate = len(found) / seconds
        print(f"{load:<16}{len(found):>8}{seconds:>10.3f}{rate:>10.0f}{1e6 / rate:>9.1f}  {total.verdict}")


def _pair(shared: tuple[Requirement, CellInputs], item: Item) -> tuple[Requirement, Item, CellInputs]:
    requirement, inputs = shared
    return requirement, item, inputs


if __name__ == "__main__":
    main()
