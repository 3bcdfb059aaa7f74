"""CC7-CFG-01: settings are measured against a baseline, and what fails is mended or accepted like a vulnerability.

Checks of AWS Config, Security Hub and Access Analyzer, in each snapshot of a region:

- DRIFT           a check of a resource failed for longer than the limit and nobody had accepted that: the days of its
                  severity (those of vulnerabilities), or `baseline_days` where the source gives none
- CHECK_ERROR     a check ended in an error or was not run; a check or a service that ran before no longer does
- REGION_MISSING  no rule of AWS Config and no standard of Security Hub runs in the region

A check of a resource that never failed makes one row, one that did a row for each time it failed
(`<check>@<first failure>`), and what was not run a row for each stretch of adjoining snapshots.

Decisions where the rule leaves room:

- A check fails since the source says, as long as an earlier snapshot does not show otherwise: AWS Config begins anew
  with every evaluation, and Security Hub counts from when it first looked. Earlier snapshots are gone through as far
  back as the limit. Where a check is mended between two snapshots and its limit lies there too, that is `unknown`.
- A check that is no longer listed for a resource counts as mended: the resource is gone. One that is not run at all any
  more is CHECK_ERROR, in the window in which it ended.
- A service that was never on is no part of the baseline as long as another one checks.
- A suppressed result names nobody and has no expiry: `unknown` after its limit. An acceptance on record counts.
- Checks of low severity have no limit.
- Settings of GitHub and Google are collected, and no baseline is written down for them: that is `unknown`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from evidence.controls.acceptance import Acceptance, recorded
from evidence.controls.failing import INSTANT, NOT_RUN, SERVICES, Failing, Failure, Shown
from evidence.controls.held import has_closed, window_unknown
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.remediation import Case, Ruling, ruled
from evidence.controls.stretches import Seen, Stretches
from schemas.aws_detection import POSTURE
from schemas.instants import format_instant
from schemas.outcome import Outcome

LINE = "posture"
DRIFT = "DRIFT"
CHECK_ERROR = "CHECK_ERROR"
REGION_MISSING = "REGION_MISSING"
CODES = (DRIFT, CHECK_ERROR, REGION_MISSING)

_BASELINES = ("config", "securityhub")
Row = Mapping[str, Any]


def measured_and_mended(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """Rows for the checks of a region of AWS. Of other systems nothing can be said, which is unknown and no pass."""
    item = window.scope_item_id
    if not item.startswith("aws:"):
        why = "settings are collected, and no baseline is written down that says how they should be."
        return [window_unknown(window, LINE, why)] if has_closed(window) else []
    accepted = recorded(window, evidence, LINE)
    stretches, failing, run = Stretches(window, LINE), Failing(window, evidence, accepted), _Run(item)
    before = evidence.snapshot_before(POSTURE, item, window.start - INSTANT)
    if before is not None:
        run.learn(before[1])
    for observed_at, rows, digest in evidence.snapshots(POSTURE, item, window.start, window.end):
        shown = Shown(rows)
        stretches.add(observed_at, digest, dict(run.seen(rows, shown)))
        failing.add(observed_at, digest, shown)
        run.learn(rows)
    if not stretches.snapshots:
        return [window_unknown(window, LINE, "no snapshot of its checks is held.")] if has_closed(window) else []
    failing.follow()
    failed = {failure.id for failure in failing.failures}
    outcomes = [_judged(window, failure, accepted.get(failure.id, ())) for failure in failing.failures]
    outcomes += [
        row
        for row in stretches.outcomes()
        if row.outcome != "pass" or row.item_id.removeprefix("check:") not in failed
    ]  # fmt: skip
    return outcomes


class _Run:
    """What ran before, so that what no longer runs is noticed."""

    def __init__(self, scope_item_id: str) -> None:
        self._item = scope_item_id
        self._tools: set[str] = set()
        self._checks: dict[str, str] = {}

    def learn(self, rows: Sequence[Row]) -> None:
        """What a snapshot shows as running."""
        for row in rows:
            if row["check_id"] in SERVICES:
                continue
            self._tools.add(row["tool"])
            if row["resource_id"] is None:
                self._checks[row["result_id"]] = _label(row)

    def seen(self, rows: Sequence[Row], shown: Shown) -> Iterator[tuple[str, Seen]]:
        """What a snapshot says of each check that does not fail."""
        for row in rows:
            if row["check_id"] in SERVICES:
                if row["status"] != "error" or row["tool"] in shown.running | self._tools:
                    yield f"check:{row['result_id']}", _status(row)
            elif shown.summed_up(row) and row["status"] == "fail":
                yield f"check:{row['result_id']}", Seen(_label(row), "run, with results for single resources")
            elif row["status"] != "fail":
                yield f"check:{row['result_id']}", _status(row)
        there = {row["result_id"] for row in rows}
        for result, label in self._checks.items():
            if result not in there:
                yield f"check:{result}", Seen(label, "no longer run", (CHECK_ERROR,))
        label = f"Baseline of {self._item.rpartition(':')[2]}"
        tools = sorted(shown.running.intersection(_BASELINES))
        if tools:
            yield f"{self._item}:baseline", Seen(label, f"checked by {' and '.join(tools)}")
        else:
            words = "no rule of AWS Config and no standard of Security Hub runs"
            yield f"{self._item}:baseline", Seen(label, words, (REGION_MISSING,))


def _status(row: Row) -> Seen:
    if row["status"] in NOT_RUN:
        ended = "ended in an error" if row["status"] == "error" else "was not run"
        return Seen(_label(row), f"{ended} ({row['native_status']})", (CHECK_ERROR,))
    return Seen(_label(row), "passed" if row["status"] == "pass" else "does not apply")


def _label(row: Row) -> str:
    on = f" of {row['resource_id']}" if row["resource_id"] else ""
    return f"{row['tool']} {row['check_id']}{on}"


def _judged(window: TestWindow, failure: Failure, accepted: Sequence[Acceptance]) -> Outcome:
    ruling = _ruling(window, failure, accepted)
    row, since = failure.row, format_instant(failure.since)
    severity = f"{row['severity']}, " if row["severity"] else ""
    return window.outcome(
        evidence_id=LINE,
        item_id=f"check:{failure.id}@{since}",
        event_time=failure.since,
        outcome=ruling.outcome,
        codes=(DRIFT,) if ruling.outcome == "exception" else (),
        explanation=f"{_label(row)} fails since {since}: {severity}{ruling.words}.",
        evidence=tuple(dict.fromkeys((*failure.digests, *ruling.digests))),
        resolves_at=ruling.resolves_at,
    )


def _ruling(window: TestWindow, failure: Failure, accepted: Sequence[Acceptance]) -> Ruling:
    days = failure.limit_days
    if days is None:
        return Ruling("pass", "for which the programme sets no limit")
    decisions = list(accepted)
    if failure.row["suppressed"]:
        decisions.append(Acceptance(None, None, None))
    case = Case(failure.since, days, failure.mended_by, tuple(decisions))
    # Behind the limit snapshots are no longer gone through, so nothing is said of later ones.
    known_at = failure.last_failing if failure.last_failing > failure.deadline else window.as_of
    ruling = ruled(case, known_at, lambda instant: failure.last_failing >= instant)
    between = failure.mended_by is not None and failure.last_failing <= failure.deadline
    if ruling.overdue and not ruling.late and between:
        assert failure.mended_by is not None
        words = f"mended between {format_instant(failure.last_failing)} and {format_instant(failure.mended_by)}"
        return Ruling("unknown", f"{words}; its limit lies in between")
    if ruling.overdue and failure.mended_by is None:
        return replace(ruling, words=f"{ruling.words}, as seen at {format_instant(known_at)}")
    return ruling
