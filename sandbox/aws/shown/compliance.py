"""AWS Config and Access Analyzer.

`config.recorder` is a ConfigurationRecorder with `recording` and `lastStatus` of its status; `config.rule` a
ConfigRule with its `Compliance`; `config.result` an EvaluationResult; `config.item` a ConfigurationItem, whose resource
is discovered from then on; `analyzer` an AnalyzerSummary, `analyzer.finding` a FindingSummaryV2 with its `analyzerArn`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sandbox.aws.records import Shown, View, picked, shim, without
from sandbox.aws.wire import WireError


@shim("config:DescribeConfigurationRecorders")
def _recorders(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    return {"ConfigurationRecorders": [without(shown, "recording", "lastStatus") for shown in _recorder(view)]}


@shim("config:DescribeConfigurationRecorderStatus")
def _status(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "ConfigurationRecordersStatus": [picked(shown, "name", "recording", "lastStatus") for shown in _recorder(view)]
    }


@shim("config:DescribeConfigRules", lists="ConfigRules", limit=25)
def _rules(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    return [without(shown, "Compliance") for shown in view.of("config.rule")]


@shim("config:DescribeComplianceByConfigRule", lists="ComplianceByConfigRules", limit=25)
def _compliance(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    return [picked(shown, "ConfigRuleName", "Compliance") for shown in view.of("config.rule") if "Compliance" in shown]


@shim("config:GetComplianceDetailsByConfigRule", "ConfigRuleName", lists="EvaluationResults", limit=100)
def _details(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    view.one("config.rule", "NoSuchConfigRuleException", ConfigRuleName=asked["ConfigRuleName"])
    return [
        shown
        for shown in view.of("config.result")
        if shown["EvaluationResultIdentifier"]["EvaluationResultQualifier"]["ConfigRuleName"] == asked["ConfigRuleName"]
    ]


@shim("config:GetDiscoveredResourceCounts", lists="resourceCounts", limit=100)
def _counts(view: View, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    present = {
        (kind, one) for (kind, one), items in _resources(view).items()
        if items[-1]["configurationItemStatus"] in ("OK", "ResourceDiscovered")
    }  # fmt: skip
    counts = Counter(kind for kind, _ in present)
    return [{"resourceType": kind, "count": count} for kind, count in sorted(counts.items())]


@shim("config:ListDiscoveredResources", "resourceType", "includeDeletedResources", lists="resourceIdentifiers",
      limit=100)  # fmt: skip
def _discovered(view: View, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for (kind, one), items in _resources(view).items():
        last = items[-1]
        if kind != asked["resourceType"]:
            continue
        entry = {"resourceType": kind, "resourceId": one, **picked(last, "resourceName")}
        if last["configurationItemStatus"].startswith("ResourceDeleted"):
            if not asked.get("includeDeletedResources"):
                continue
            entry["resourceDeletionTime"] = last["configurationItemCaptureTime"]
        found.append(entry)
    return found


@shim(
    "config:GetResourceConfigHistory", "resourceType", "resourceId", "earlierTime", "laterTime", "chronologicalOrder",
    lists="configurationItems", limit=100,
)  # fmt: skip
def _history(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    items = _resources(view).get((asked["resourceType"], asked["resourceId"]))
    if items is None:
        raise WireError(400, "ResourceNotDiscoveredException", "Resource is not discovered.")
    earlier, later = (_aware(asked.get(name)) for name in ("earlierTime", "laterTime"))
    found = [
        shown
        for shown in items
        if (earlier is None or earlier <= _captured(shown)) and (later is None or _captured(shown) <= later)
    ]
    return found if asked.get("chronologicalOrder") == "Forward" else found[::-1]


def _recorder(view: View) -> list[Shown]:
    return list(view.of("config.recorder"))


def _captured(shown: Shown) -> datetime:
    return datetime.fromisoformat(shown["configurationItemCaptureTime"])


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def _resources(view: View) -> dict[tuple[str, str], list[Shown]]:
    found: dict[tuple[str, str], list[Shown]] = {}
    for shown in sorted(view.of("config.item"), key=_captured):
        found.setdefault((shown["resourceType"], shown["resourceId"]), []).append(shown)
    return found


@shim("access-analyzer:ListAnalyzers", lists="analyzers", limit=100)
def _analyzers(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    return list(view.of("analyzer"))


@shim("access-analyzer:ListFindingsV2", "analyzerArn", lists="findings", limit=100)
def _analyzer_findings(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    view.one("analyzer", arn=asked["analyzerArn"])
    return [
        without(shown, "analyzerArn")
        for shown in view.of("analyzer.finding")
        if shown["analyzerArn"] == asked["analyzerArn"]
    ]
