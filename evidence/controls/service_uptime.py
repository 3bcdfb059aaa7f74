"""A1-CAP-01: uptime is measured without holes, kept as promised, and looked at every month.

Two rows for each service and month: its uptime by the stretches of its probes (`own.uptime`), and its review:

- SLA_MISSED      the month's uptime was below what is promised (`uptime_percent`, `uptime_percent_of`)
- PROBE_HOLE      for longer than allowed (`probe_hole_minutes`) no probe said anything
- REVIEW_MISSING  nobody reviewed the month by its due day and the days of grace

Decisions where the rule leaves room:

- Maintenance that was announced and that the contract leaves out stands in the register as such, and is part of neither
  side of the share. What is down while another row says up is down.
- Time without a result is counted on both sides: where the promise is kept only if it was up, the row is unknown.
- A missed promise is SLA_MISSED whether or not an incident was opened; the words say whether the review names one.
- While no probes are held, a review that gives less than the promise is SLA_MISSED all the same, and one that gives
  more proves nothing. A review that differs from the probes by more than a twentieth of a percent is unknown.
- A stretch that lasts is known until the register was exported. What was once down stays so: what is taken out of the
  register later is still stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from evidence.completeness.coverage import Span, length, merge, subtract
from evidence.completeness.instants import instant, ticks
from evidence.controls.currency import told
from evidence.controls.held import BEGINNING, has_closed, window_unknown
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.recorded import judged, rows_of, short
from evidence.controls.verdict import Verdict
from evidence.programme_versions import slug
from evidence.record import StoredRecord
from schemas.instants import format_instant
from schemas.outcome import Outcome
from schemas.own import UPTIME

METRICS = "metrics"
REVIEW = "review"
SLA_MISSED = "SLA_MISSED"
PROBE_HOLE = "PROBE_HOLE"
REVIEW_MISSING = "REVIEW_MISSING"
CODES = (SLA_MISSED, PROBE_HOLE, REVIEW_MISSING)

DUE_DAYS, GRACE_DAYS = 10, 5
"""Of the review in the catalogue."""
_APART = 0.05
_LISTED = 5


@dataclass(frozen=True, slots=True)
class _Probes:
    up: int
    down: int
    holes: list[Span]
    """Longer than allowed."""
    silent: int
    """Ticks without a result."""
    digests: tuple[str, ...]

    @property
    def least(self) -> float | None:
        """Percent, as if it had been down whenever nothing was said; None where all was maintenance."""
        whole = self.up + self.down + self.silent
        return None if whole == 0 else 100 * self.up / whole

    @property
    def most(self) -> float | None:
        whole = self.up + self.down + self.silent
        return None if whole == 0 else 100 * (self.up + self.silent) / whole


def uptime_watched(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """The rows of one service and month."""
    until = window.end + timedelta(days=_days(window, "due_days", DUE_DAYS) + _days(window, "grace_days", GRACE_DAYS))
    review = _review(window, evidence, until)
    probes = _probes(window, evidence)
    return [*_uptime(window, probes, review), _reviewed(window, probes, review, until)]


def _promise(window: TestWindow) -> float | None:
    rules = window.programme.evidence_rules
    for name, percent in rules.uptime_percent_of.items():
        if window.scope_item_id in (name, f"service:{slug(name)}"):
            return percent
    return rules.uptime_percent


def _uptime(window: TestWindow, probes: _Probes | None, review: StoredRecord | None) -> Iterator[Outcome]:
    promise = _promise(window)
    said = None if review is None else review.values.get("uptime")
    if probes is None and not (promise is not None and isinstance(said, int | float) and said < promise):
        if has_closed(window):
            yield window_unknown(window, METRICS, "no results of probes are held for it.")
        return
    verdict, subject = Verdict(), f"Service {short(window.scope_item)}, {window.window_id}"
    item_id = f"uptime:{window.scope_item_id}"
    if probes is None:
        assert review is not None
        verdict.used(review.digest)
        verdict.fails(SLA_MISSED, f"the review gives an uptime of {said} %, and {promise:g} % is promised")
        yield judged(window, METRICS, item_id, window.start, subject, verdict)
        return
    verdict.used(*probes.digests)
    if probes.holes:
        bounds = [(format_instant(instant(low)), format_instant(instant(high))) for low, high in probes.holes[:_LISTED]]
        shown = ", ".join(f"{low} to {high}" for low, high in bounds)
        more = f" and {len(probes.holes) - _LISTED} more" if len(probes.holes) > _LISTED else ""
        verdict.fails(PROBE_HOLE, f"no probe said anything from {shown}{more}")
    least, most = probes.least, probes.most
    if promise is None:
        verdict.doubts("what uptime is promised: the programme does not say (uptime_percent)")
    elif least is None or most is None:
        verdict.holds("all of it was announced maintenance")
    elif most < promise:
        breaches = rows_of(review.values, "breaches") if review is not None else []
        named = next((short(row["incident"]) for row in breaches if row.get("incident")), "")
        incident = f"the review names the incident {named}" if named else "no review names an incident for it"
        verdict.fails(SLA_MISSED, f"it was up {_percent(most)}, and {promise:g} % is promised; {incident}")
    elif least < promise:
        verdict.doubts(f"whether the promise of {promise:g} % was kept: between {_percent(least)} and {_percent(most)}")
    else:
        verdict.holds(f"up {_percent(least)}, and {promise:g} % is promised")
    waits = None if has_closed(window) else window.end
    yield judged(window, METRICS, item_id, window.start, subject, verdict, waits)


def _reviewed(
    window: TestWindow, probes: _Probes | None, review: StoredRecord | None, until: datetime
) -> Outcome:  # fmt: skip
    verdict, waits = Verdict(), None
    if review is None:
        if window.as_of < until:
            verdict.holds("nobody has reviewed it yet")
            waits = until
        else:
            verdict.fails(REVIEW_MISSING, f"nobody reviewed it before {format_instant(until)}")
    else:
        verdict.used(review.digest)
        by, said = short(review.values.get("reviewer") or review.signed_by), review.values.get("uptime")
        told_of = f"{by} reviewed it at {format_instant(review.performed_at)}"
        if not isinstance(said, int | float):
            verdict.doubts(f"what {by} saw: the review gives no uptime")
        elif probes is not None and has_closed(window) and not _agrees(probes, said):
            between = f"{_percent(probes.least or 0)} to {_percent(probes.most or 0)}"
            verdict.doubts(f"which uptime is right: the review gives {said:g} %, and the probes {between}")
        else:
            verdict.holds(f"{told_of}, with an uptime of {said:g} %")
    subject = f"Review of {short(window.scope_item)} for {window.window_id}"
    return judged(window, REVIEW, f"review:{window.scope_item_id}", window.end, subject, verdict, waits)


def _agrees(probes: _Probes, said: float) -> bool:
    """Whether a review gives the uptime of the probes; where all was maintenance they give none."""
    least, most = probes.least, probes.most
    return least is None or most is None or least - _APART <= said <= most + _APART


def _review(window: TestWindow, evidence: StoredEvidence, until: datetime) -> StoredRecord | None:
    """The first review of the month that was in time; a record names its month."""
    found = told(window, evidence.records(window.control_id, REVIEW, window.scope_item_id), "capacity_review")
    mine = [
        one for one in found if one.for_window == window.window_id and window.start <= one.performed_at < until
    ]  # fmt: skip
    return min(mine, key=lambda one: (one.performed_at, one.seq), default=None)


def _days(window: TestWindow, name: str, default: int) -> int:
    override = window.programme.controls.get(window.control_id)
    line = None if override is None else override.evidence.get(REVIEW)
    for own in (getattr(line, name, None), getattr(override, name, None)):
        if own is not None:
            return own
    return default


# --- probes -----------------------------------------------------------------------------------------------------------


def _probes(window: TestWindow, evidence: StoredEvidence) -> _Probes | None:
    """What the probes say of the elapsed part of the window; None where the stream is not held for it."""
    until = min(window.end, window.as_of)
    if not evidence.covered(UPTIME, window.scope_item_id, window.start, window.end) and has_closed(window):
        return None
    latest: dict[tuple[datetime, str], tuple[datetime, str, datetime, str]] = {}
    for row, digest, learnt in evidence.versions(UPTIME, window.scope_item_id, BEGINNING, until):
        key = (row["event_time"], str(row["service"]))
        held = latest.get(key)
        if learnt <= window.as_of and (held is None or held[0] <= learnt):
            latest[key] = learnt, str(row["state"]), row["ended_at"], digest
    found = [(start, *known[1:]) for (start, _), known in sorted(latest.items()) if known[2] > window.start]
    if not found and not has_closed(window):
        return None
    elapsed = [(ticks(window.start), ticks(until))]

    def spans(state: str) -> Iterable[Span]:
        return [(ticks(start), ticks(end)) for start, of, end, _ in found if of == state]

    excluded = merge(spans("maintenance"))
    down = subtract(merge(spans("down")), excluded)
    up = subtract(subtract(merge(spans("up")), excluded), down)
    silent = subtract(elapsed, [*excluded, *down, *up])
    allowed = round(window.programme.evidence_rules.probe_hole_minutes * 60_000_000)
    holes = [(low, high) for low, high in silent if high - low > allowed]
    outside = [(0, elapsed[0][0]), (elapsed[0][1], max([elapsed[0][1] + 1, *(high for _, high in [*up, *down])]))]
    return _Probes(
        length(subtract(up, outside)), length(subtract(down, outside)), holes, length(silent),
        tuple(dict.fromkeys(digest for *_, digest in found)),
    )  # fmt: skip


def _percent(share: float) -> str:
    return f"{share:.3f} %"
