"""A whole observation period of a simulated company in one flow run: the same collection steps, day after day.

One run steps through all days, because a flow run of its own for each would cost more than the collecting. The sources'
clock is moved through the sandbox's control address, and only a simulated store accepts a clock that is set.
"""

from __future__ import annotations

import json
import logging
import urllib.request
from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from prefect import flow

from connectors.workspace import Workspace, open_workspace
from evidence.collection_plan import RunCadence, closed_window
from evidence.controls.model import Family
from flows.family import collect_family
from flows.simulated_records import DatedRecord, dated_records, record_written
from flows.simulated_reviews import DatedReview, dated_reviews, hold_review
from schemas.errors import ConfigurationError
from schemas.instants import format_instant

PROGRESS = logging.getLogger("evidence.progress")
"""One line for each month, for whoever waits; Prefect's own log has a thousand."""

FAMILIES: tuple[Family, ...] = ("governance", "logical_access", "change_management")


@flow(name="simulated-period", persist_result=False)
def simulated_period(
    program: str, control_url: str, start: datetime, end: datetime, every_days: int, story: list[dict[str, Any]]
) -> dict[str, int]:
    """Collect everything from `start` to `end` every `every_days` days at 03:15 UTC, and close each month on the 2nd.

    `story` is a list of `{"at": instant, "plan": fault rules}`: from each instant on that plan is in force at the
    sources. What the company's people wrote down is recorded on its day (`dated_records`). Gives the number of
    collections, of failed ones, and of records.
    """
    instant = start

    def now() -> datetime:
        return instant

    workspace: Workspace | None = None
    counts = {"collections": 0, "failed": 0, "records": 0}
    folder = Path(program).parent
    happened = sorted([*dated_records(folder), *dated_reviews(folder)], key=lambda one: one.at)
    written: deque[DatedRecord | DatedReview] = deque(happened)
    plans = sorted(story, key=lambda chapter: chapter["at"])
    for planned, runs in _schedule(start, end, every_days):
        while workspace is not None and written and written[0].at < planned:
            instant = written[0].at
            counts["records"] += _told(workspace, written.popleft())
        instant = planned
        while plans and datetime.fromisoformat(plans[0]["at"]) <= instant:
            _put(control_url, "plan", plans.pop(0)["plan"])
        _put(control_url, "clock", {"now": format_instant(instant)})
        workspace = workspace or open_workspace(Path(program), now=now, create=True)
        for cadence in runs:
            for family in FAMILIES:
                window = closed_window(instant, cadence, "UTC") if cadence == "monthly" else None
                collected = collect_family(workspace, family, cadence=cadence, window=window)
                counts["collections"] += len(collected.claims)
                counts["failed"] += len(collected.failures)
        if "monthly" in runs:
            PROGRESS.info(
                "%s: %d collections so far, %d failed; %d records of people", f"{instant:%Y-%m-%d}", *counts.values()
            )
    while workspace is not None and written and written[0].at < end:
        instant = written[0].at
        counts["records"] += _told(workspace, written.popleft())
    return counts


def _told(workspace: Workspace, one: DatedRecord | DatedReview) -> int:
    """What people recorded or reviewed, in records."""
    if isinstance(one, DatedRecord):
        return record_written(workspace, one)
    hold_review(workspace, one.said)
    return 1


def _schedule(start: datetime, end: datetime, every_days: int) -> Iterator[tuple[datetime, list[RunCadence | None]]]:
    """Instants in order, each with what runs then: None for all lines at once, `monthly` to close a month."""
    day = start.astimezone(ZoneInfo("UTC")).replace(hour=3, minute=15, second=0, microsecond=0)
    number = 0
    while day < end:
        runs: list[RunCadence | None] = []
        if number % every_days == 0:
            runs.append(None)
        if day.day == 2 and number:
            runs.append("monthly")
        if runs:
            yield day, runs
        day += timedelta(days=1)
        number += 1


def _put(control_url: str, what: str, body: Any) -> None:
    request = urllib.request.Request(  # noqa: S310 - the address is checked here
        f"{control_url}/{what}", json.dumps(body).encode(), {"Content-Type": "application/json"}, method="PUT"
    )
    if not control_url.startswith("http://127.0.0.1:"):
        raise ConfigurationError("the control address of a sandbox is on this machine")
    with urllib.request.urlopen(request, timeout=30):  # noqa: S310 - on this machine, as checked
        pass
