"""CC7-VUL-01: vulnerabilities found and fixed in time, everywhere.

Each finding that was open at any instant of the window, also where it was closed in it:

- OVERDUE         it was not closed within the days that the programme gives its severity (critical 7, high 30, medium
                  90), nor accepted in time; or its acceptance ran out before it was closed
- ACCEPTED_LATE   a named person accepted it, after the limit

and each component in each snapshot of what scanners look at (`scan_coverage`):

- COMPONENT_NOT_SCANNED  no scanner looks at it

Decisions where the rule leaves room:

- The clock starts when the source first saw the finding. Each scan of ECR begins its dates anew, so there the first
  row ever held counts.
- The stricter of two severities counts: that of the first stored version and that of the last. Low and informational
  findings have no limit. Where the source gives no severity, what was closed within the strictest limit passes, and the
  rest is `unknown`.
- Closed is closed, also where the resource ended; a replacement has findings of its own.
- An acceptance holds until its expiry. A dismissal at GitHub tells one in its comment ("until 2026-09-30"); without one
  the finding is `unknown` after its limit. A dismissal that says that there is nothing to fix (false alarm, not used)
  needs none. One that was taken back ended, at the latest, when that was first seen. What a rule of the source put
  aside names nobody, and is `unknown` after its limit.
- ECR tells of no closing: a finding that is no longer listed went at some time since it last was. Where the limit lies
  in between too, it is `unknown`.
- A dependency of development alone is judged like any other unless the programme leaves it out
  (`vulnerability_development_exempt`).
- What sources with dates alone list as open they list at noon UTC of the first day of a month. A window in which an
  item came into scope later than that is whole once the noon after it is held.
- Security Command Center calls some findings observations, which report no weakness; all its other classes count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from evidence.controls.acceptance import Acceptance, recorded
from evidence.controls.findings import INSTANT, RANKS, Finding, dataset_of, findings_of, first_noon, opening_held
from evidence.controls.held import has_closed, window_unknown
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.remediation import Case, Ruling, limit_of, ruled
from evidence.controls.scan_coverage import COMPONENT_NOT_SCANNED, components
from schemas.dataset import Dataset
from schemas.instants import format_instant
from schemas.outcome import Outcome

LINE = "findings"
OVERDUE = "OVERDUE"
ACCEPTED_LATE = "ACCEPTED_LATE"
CODES = (OVERDUE, ACCEPTED_LATE, COMPONENT_NOT_SCANNED)


def found_and_fixed(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """Rows for the findings of a repository, an account or a project, and for what is scanned there."""
    dataset = dataset_of(window)
    accepted = recorded(window, evidence, LINE)
    outcomes = [
        _judged(window, evidence, dataset, one, accepted.get(one.id, ())) for one in findings_of(window, evidence)
    ]
    if has_closed(window):
        if not evidence.covered(dataset, window.scope_item_id, window.start, window.end):
            outcomes.append(window_unknown(window, LINE, "not all findings of the window are held."))
        elif not opening_held(window, evidence, dataset):
            why = "which findings were open when it began is not known until the first of the next month is held."
            outcomes.append(window_unknown(window, LINE, why))
    return [*outcomes, *components(window, evidence)]


def _judged(
    window: TestWindow, evidence: StoredEvidence, dataset: Dataset, finding: Finding, accepted: Sequence[Acceptance]
) -> Outcome:
    ruling = _ruling(window, evidence, dataset, finding, accepted)
    codes = ((OVERDUE,) if ruling.overdue else ()) + ((ACCEPTED_LATE,) if ruling.late else ())
    return window.outcome(
        evidence_id=LINE,
        item_id=f"finding:{finding.id}",
        event_time=finding.first_seen,
        outcome=ruling.outcome,
        codes=codes,
        explanation=f"{finding.label}, first seen at {format_instant(finding.first_seen)}: {ruling.words}.",
        evidence=tuple(dict.fromkeys((*finding.digests, *ruling.digests))),
        resolves_at=ruling.resolves_at,
    )


def _ruling(
    window: TestWindow, evidence: StoredEvidence, dataset: Dataset, finding: Finding, accepted: Sequence[Acceptance]
) -> Ruling:
    rules = window.programme.evidence_rules
    if finding.development and rules.vulnerability_development_exempt:
        return Ruling("pass", "needed for development alone, which the programme leaves out")
    decisions = (*accepted, *finding.decisions)

    def of(days: int) -> Ruling:
        closed_at = finding.closed_at
        gone_by = _gone_by(window, evidence, dataset, finding) if finding.vanishes else None
        if gone_by is not None:
            deadline = finding.first_seen + timedelta(days=days)
            shown = f"last listed as open at {format_instant(finding.shown_open_at)}, and no longer at"
            if gone_by <= deadline:
                return Ruling("pass", f"{shown} {format_instant(gone_by)}, within the limit")
            if finding.shown_open_at <= deadline:
                return Ruling("unknown", f"{shown} {format_instant(gone_by)}; the limit lies in between")
            closed_at = gone_by

        def open_until(instant: datetime) -> bool:
            if finding.shown_open_at > instant:
                return True
            start = min(max(finding.shown_open_at, window.start), instant)
            return evidence.covered(dataset, window.scope_item_id, start, instant + INSTANT)

        return ruled(Case(finding.first_seen, days, closed_at, decisions), window.as_of, open_until)

    return _by_severity(window, finding, of)


def _by_severity(window: TestWindow, finding: Finding, of: Callable[[int], Ruling]) -> Ruling:
    rules = window.programme.evidence_rules
    known = [one for one in finding.severities if one is not None]
    strictest = max(known, key=lambda one: RANKS[one], default=None)
    days = limit_of(strictest, rules)
    if None not in finding.severities:
        assert strictest is not None
        if days is None:
            return Ruling("pass", f"{strictest}, for which the programme sets no limit")
        return _worded(of(days), strictest)
    if days is not None:
        ruling = of(days)
        if ruling.outcome == "exception":
            return _worded(ruling, str(strictest))
    ruling = of(rules.vulnerability_critical_days)
    if ruling.outcome in ("pass", "pending"):
        return ruling
    return Ruling("unknown", "the source gives no severity, so no limit can be told", digests=ruling.digests)


def _worded(ruling: Ruling, severity: str) -> Ruling:
    return replace(ruling, words=f"{severity}, {ruling.words}")


def _gone_by(window: TestWindow, evidence: StoredEvidence, dataset: Dataset, finding: Finding) -> datetime | None:
    """The first noon at which what is open is listed, it is held, and the finding is not in it."""
    noon = first_noon(finding.shown_open_at + INSTANT)
    while noon <= window.as_of:
        if evidence.covered(dataset, window.scope_item_id, noon, noon + INSTANT):
            return noon
        noon = first_noon(noon + INSTANT)
    return None
