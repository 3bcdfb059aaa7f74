"""GuardDuty: detectors, members, findings.

`guardduty.detector` holds what GetDetector answers and an `Id`; `guardduty.member` a Member; `guardduty.finding` a
Finding. Findings are kept for 90 days after their last update. An ARCHIVED finding is listed like any other unless the
criteria say otherwise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from sandbox.aws.records import Shown, View, shim, without
from sandbox.aws.wire import WireError

_KEPT = timedelta(days=90)
_BAND = ((9.0, "9"), (7.0, "8"), (4.0, "5"), (0.0, "2"))


@shim("guardduty:ListDetectors", lists="DetectorIds")
def _list_detectors(view: View, asked: Mapping[str, Any]) -> list[str]:
    return [shown["Id"] for shown in view.of("guardduty.detector")]


@shim("guardduty:GetDetector", "DetectorId")
def _get_detector(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    return without(_detector(view, asked), "Id")


@shim("guardduty:ListMembers", "DetectorId", "OnlyAssociated", lists="Members")
def _list_members(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    _detector(view, asked)
    return list(view.of("guardduty.member"))


@shim("guardduty:ListFindings", "DetectorId", "FindingCriteria", lists="FindingIds")
def _list_findings(view: View, asked: Mapping[str, Any]) -> list[str]:
    return [shown["Id"] for shown in _findings(view, asked)]


@shim("guardduty:GetFindings", "DetectorId", "FindingIds")
def _get_findings(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    if not 1 <= len(asked["FindingIds"]) <= 50:
        raise WireError(400, "BadRequestException", "The request is rejected: 1 to 50 finding ids.")
    wanted = set(asked["FindingIds"])
    return {"Findings": [shown for shown in _findings(view, asked) if shown["Id"] in wanted]}


@shim("guardduty:GetFindingsStatistics", "DetectorId", "FindingStatisticTypes", "FindingCriteria")
def _statistics(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    if asked.get("FindingStatisticTypes") != ["COUNT_BY_SEVERITY"]:
        raise WireError(400, "BadRequestException", "The request is rejected: an unknown statistic.")
    counts = Counter(next(name for least, name in _BAND if shown["Severity"] >= least)
                     for shown in _findings(view, asked))  # fmt: skip
    return {"FindingStatistics": {"CountBySeverity": dict(counts)}}


def _detector(view: View, asked: Mapping[str, Any]) -> Shown:
    return view.one("guardduty.detector", "BadRequestException", Id=asked["DetectorId"])


def _findings(view: View, asked: Mapping[str, Any]) -> Iterator[Shown]:
    _detector(view, asked)
    criteria: Mapping[str, Any] = asked.get("FindingCriteria", {}).get("Criterion", {})
    for shown in view.of("guardduty.finding"):
        updated = datetime.fromisoformat(shown["UpdatedAt"])
        if view.now - updated < _KEPT and all(_fits(shown, name, wanted) for name, wanted in criteria.items()):
            yield shown


def _fits(shown: Shown, name: str, wanted: Mapping[str, Any]) -> bool:
    if name != "updatedAt" or set(wanted) - {"GreaterThanOrEqual", "LessThan"}:
        raise WireError(400, "BadRequestException", f"The criterion {name} is not modelled by this simulated AWS.")
    at = datetime.fromisoformat(shown["UpdatedAt"]).timestamp() * 1000
    return wanted.get("GreaterThanOrEqual", at) <= at < wanted.get("LessThan", at + 1)
