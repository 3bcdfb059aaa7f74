"""CC7-LOG-01, calls that touch the logging itself: each that succeeded in the window makes a row.

Of AWS: trails stopped, deleted or changed, what they keep, and what is allowed and kept in their buckets. Of Google
Cloud: sinks and log buckets changed or deleted, and policies of the buckets that sinks write to; what administrators do
is logged there whatever anybody sets.

- LOGGING_OFF      a trail was stopped or deleted, or keeps less than all management events, and no other trail kept
                   everything meanwhile: from the call to the one that ended it
- RETENTION_SHORT  a rule was set that deletes what is in the bucket of a trail before 365 days

Every other call must be explained: by the pipeline having made it, a ticket that names the event, or a record
`logging_explanation` by somebody else than the caller. What nothing explains is `unknown`, since only a person can say.

Decisions where the rule leaves room:

- A trail that was replaced by another one passes where the overlap is seen: the snapshots before the call and after its
  end both show another trail that keeps everything and was not touched.
- A call about a trail or bucket counts for every region whose snapshots show it, and for the region it was made in.
- Explaining why a trail was stopped does not make the record whole: it stays LOGGING_OFF.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from evidence.controls.detail import read_detail
from evidence.controls.held import has_closed, window_unknown
from evidence.controls.log_calls import (
    BUCKET_CALLS,
    GOOGLE_CALLS,
    KEPT_DAYS,
    RESUMING,
    TRAIL_CALLS,
    bucket_of,
    deletes_before,
    keeps_all,
    logs_everything,
    trail_of,
)
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.toggle_reasons import Reasons
from schemas import gcp
from schemas.aws_configuration import LOG_CONFIG
from schemas.aws_trail import MANAGEMENT_EVENTS
from schemas.instants import format_instant
from schemas.outcome import Outcome, OutcomeValue

LINE = "toggles"
LOGGING_OFF = "LOGGING_OFF"
RETENTION_SHORT = "RETENTION_SHORT"
_INSTANT = timedelta(microseconds=1)

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Call:
    row: Row
    digest: str
    trail: str | None
    bucket: str | None

    @property
    def at(self) -> datetime:
        return self.row["event_time"]

    @property
    def stops(self) -> bool:
        """Whether the trail keeps less than everything afterwards."""
        name = self.row["event_name"]
        if name == "PutEventSelectors":
            return keeps_all(read_detail(self.row["request_parameters"])) is False
        return name in ("StopLogging", "DeleteTrail")

    @property
    def resumes(self) -> bool:
        name = self.row["event_name"]
        if name == "PutEventSelectors":
            return keeps_all(read_detail(self.row["request_parameters"])) is True
        return name in ("StartLogging", "CreateTrail")


def aws_toggles(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """The rows of a region of AWS."""
    return list(_Aws(window, evidence).outcomes())


class _Aws:
    def __init__(self, window: TestWindow, evidence: StoredEvidence) -> None:
        self._window, self._evidence = window, evidence
        self._asked = window.asked_for(MANAGEMENT_EVENTS)
        self._reasons = Reasons(window, evidence, LINE)
        self._trails: set[str] = set()
        self._buckets: set[str] = set()
        before = evidence.snapshot_before(LOG_CONFIG, window.scope_item_id, window.start)
        shown = [] if before is None else [before]
        for _at, rows, _digest in (
            *shown, *evidence.snapshots(LOG_CONFIG, window.scope_item_id, window.start, window.end),
        ):  # fmt: skip
            for row in rows:
                if row["kind"] == "trail":
                    self._trails |= _names(row)
                    self._buckets |= {row["bucket"]} - {None}
        self._calls = self._read(window.start, window.end)
        if any(call.stops and self._resumed(call) is None for call in self._calls):
            self._calls += self._read(window.end, window.as_of + _INSTANT)

    def _read(self, start: datetime, end: datetime) -> list[_Call]:
        names = {*TRAIL_CALLS, *BUCKET_CALLS, *RESUMING}
        found: list[_Call] = []
        for item in self._asked:
            for row, digest in self._evidence.rows(MANAGEMENT_EVENTS, item, start, end, where={"event_name": names}):
                if row["error_code"]:
                    continue
                parameters = read_detail(row["request_parameters"])
                if row["event_source"] == "cloudtrail.amazonaws.com":
                    found.append(_Call(row, digest, trail_of(parameters), None))
                elif row["event_source"] == "s3.amazonaws.com":
                    found.append(_Call(row, digest, None, bucket_of(parameters)))
        return sorted(found, key=lambda call: (call.at, call.row["event_id"]))

    def _resumed(self, call: _Call) -> datetime | None:
        """When the trail that a call stopped kept everything again."""
        return next(
            (one.at for one in self._calls if one.resumes and one.trail == call.trail and one.at > call.at), None
        )

    def outcomes(self) -> Iterator[Outcome]:
        window = self._window
        seen: set[str] = set()
        for call in self._calls:
            item_id = f"toggle:{call.row['event_id']}"
            if call.at < window.end and item_id not in seen and self._concerns(call):
                seen.add(item_id)
                yield self._outcome(item_id, call)
        covered = bool(self._asked) and all(
            self._evidence.covered(MANAGEMENT_EVENTS, item, window.start, window.end) for item in self._asked
        )
        if has_closed(window) and not covered:
            yield window_unknown(window, LINE, "not all calls of the window are held.")

    def _concerns(self, call: _Call) -> bool:
        if call.bucket is not None:
            return call.row["event_name"] in BUCKET_CALLS and call.bucket in self._buckets
        if call.row["event_name"] not in TRAIL_CALLS:
            return False
        region = self._window.scope_item_id.rpartition(":")[2]
        return call.row["region"] == region or call.trail in self._trails

    def _outcome(self, item_id: str, call: _Call) -> Outcome:
        name = call.row["event_name"]
        subject = f"{self._reasons.caller_at_aws(call.row)} called {name} for {call.trail or call.bucket or 'a trail'}"
        digests = (call.digest,)
        if call.stops:
            outcome, words, code, more = self._off(call)
            return _row(self._window, item_id, call.at, outcome, f"{subject}: {words}", code, (*digests, *more))
        days = deletes_before(read_detail(call.row["request_parameters"])) if "Lifecycle" in name else None
        if days is not None and days < KEPT_DAYS:
            words = f"{subject}: what is kept there is deleted after {days} days"
            return _row(self._window, item_id, call.at, "exception", words, RETENTION_SHORT, digests)
        if name == "PutEventSelectors" and call.resumes:
            words = f"{subject}: it keeps all management events"
            return _row(self._window, item_id, call.at, "pass", words, None, digests)
        if name.startswith("PutBucketLifecycle") and days is None and _only_rules(call.row):
            words = f"{subject}: no rule of it deletes anything"
            return _row(self._window, item_id, call.at, "pass", words, None, digests)
        if days is not None:
            words = f"{subject}: what is kept there is deleted after {days} days, not before a year"
            return _row(self._window, item_id, call.at, "pass", words, None, digests)
        outcome, words, more = self._reasons.of_aws(call.row)
        return _row(self._window, item_id, call.at, outcome, f"{subject}, {words}", None, (*digests, *more))

    def _off(self, call: _Call) -> tuple[OutcomeValue, str, str | None, tuple[str, ...]]:
        until = self._resumed(call)
        spoken = f"from {format_instant(call.at)} " + ("on" if until is None else f"to {format_instant(until)}")
        item = self._window.scope_item_id
        before = self._evidence.snapshot_before(LOG_CONFIG, item, call.at)
        later = self._evidence.snapshots(LOG_CONFIG, item, until or call.at, self._window.as_of + _INSTANT)
        after = next(iter(later), None)
        digests = tuple(one[2] for one in (before, after) if one is not None)
        if before is None or after is None:
            missing = "before" if before is None else "after"
            return "unknown", f"off {spoken}, and no snapshot {missing} it shows whether another trail logged", None, ()
        touched = {
            one.trail for one in self._calls if one.stops and call.at <= one.at and (until is None or one.at < until)
        }
        others = _good(before[1]) & _good(after[1]) - touched
        if others:
            return "pass", f"off {spoken}, while {', '.join(sorted(others))} kept everything", None, digests
        return "exception", f"no trail kept everything {spoken}", LOGGING_OFF, digests


def _good(rows: Sequence[Row]) -> set[str]:
    return {str(row["name"]) for row in rows if row["kind"] == "trail" and logs_everything(row)}


def _names(row: Row) -> set[str]:
    return {str(row[column]).rpartition("/")[2] for column in ("name", "resource_id") if row[column]}


def _only_rules(row: Row) -> bool:
    """Whether the rules that were set could be read at all."""
    return isinstance(read_detail(row["request_parameters"]).get("LifecycleConfiguration"), Mapping)


def google_toggles(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """The rows of a project of Google Cloud."""
    reasons = Reasons(window, evidence, LINE)
    sinks = _written_to(window, evidence)
    outcomes: dict[str, Outcome] = {}
    where = {"service": ("logging.googleapis.com", "storage.googleapis.com")}
    for row, digest in evidence.rows(gcp.ADMIN_ACTIVITY, window.scope_item_id, window.start, window.end, where=where):
        verb = row["method"].rpartition(".")[2]
        resource = str(row["resource_name"] or "")
        if row["status_code"] or verb.casefold() not in GOOGLE_CALLS[row["service"]]:
            continue
        if row["service"] == "storage.googleapis.com" and resource.rpartition("/")[2] not in sinks:
            continue
        outcome, words, more = reasons.of_google(row)
        item_id = f"toggle:{row['event_id']}"
        subject = f"{row['principal'] or 'somebody'} called {verb} for {resource or 'the logging'}, {words}"
        outcomes[item_id] = _row(window, item_id, row["event_time"], outcome, subject, None, (digest, *more))
    found = list(outcomes.values())
    if has_closed(window) and not evidence.covered(gcp.ADMIN_ACTIVITY, window.scope_item_id, window.start, window.end):
        found.append(window_unknown(window, LINE, "not all calls of the window are held."))
    return found


def _written_to(window: TestWindow, evidence: StoredEvidence) -> set[str]:
    """Buckets of Cloud Storage that a sink writes to."""
    before = evidence.snapshot_before(gcp.LOG_CONFIG, window.scope_item_id, window.start)
    shown = [] if before is None else [before]
    names: set[str] = set()
    for _at, rows, _digest in (
        *shown, *evidence.snapshots(gcp.LOG_CONFIG, window.scope_item_id, window.start, window.end),
    ):  # fmt: skip
        for row in rows:
            service, _, bucket = str(row["destination"] or "").partition("/")
            if service == "storage.googleapis.com":
                names.add(bucket.rpartition("/")[2])
    return names


def _row(
    window: TestWindow, item_id: str, at: datetime, outcome: OutcomeValue, words: str, code: str | None,
    digests: tuple[str, ...],
) -> Outcome:  # fmt: skip
    return window.outcome(
        evidence_id=LINE,
        item_id=item_id,
        event_time=at,
        outcome=outcome,
        codes=() if code is None else (code,),
        explanation=f"{words} ({format_instant(at)}).",
        evidence=tuple(dict.fromkeys(digests)),
    )
