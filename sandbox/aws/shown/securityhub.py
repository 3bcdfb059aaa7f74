"""Security Hub: `securityhub.hub` is what DescribeHub answers, `securityhub.standard` a StandardsSubscription,
`securityhub.finding` a finding in Amazon's format.

Active findings are kept for 90 days after their last update, archived ones for 30. Without a hub record the account is
not subscribed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sandbox.aws.records import Shown, View, shim
from sandbox.aws.wire import WireError

_KEPT = {"ACTIVE": timedelta(days=90), "ARCHIVED": timedelta(days=30)}


@shim("securityhub:DescribeHub")
def _describe_hub(view: View, asked: Mapping[str, Any]) -> Shown:
    return _hub(view)


@shim("securityhub:GetEnabledStandards", lists="StandardsSubscriptions", limit=100)
def _standards(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    _hub(view)
    return list(view.of("securityhub.standard"))


@shim("securityhub:GetFindings", "Filters", lists="Findings", limit=100)
def _findings(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    _hub(view)
    filters: Mapping[str, list[Mapping[str, Any]]] = asked.get("Filters", {})
    return [
        shown
        for shown in view.of("securityhub.finding")
        if view.now - datetime.fromisoformat(shown["UpdatedAt"]) < _KEPT[shown.get("RecordState", "ACTIVE")]
        and all(any(_fits(shown, name, one) for one in wanted) for name, wanted in filters.items())
    ]


def _hub(view: View) -> Shown:
    for shown in view.of("securityhub.hub"):
        return shown
    raise WireError(401, "InvalidAccessException", f"Account {view.account} is not subscribed to AWS Security Hub")


def _fits(shown: Shown, name: str, wanted: Mapping[str, Any]) -> bool:
    if name in ("CreatedAt", "UpdatedAt") and set(wanted) <= {"Start", "End"}:
        at = datetime.fromisoformat(shown[name])
        start, end = wanted.get("Start"), wanted.get("End")
        after = start is None or datetime.fromisoformat(start) <= at
        return after and (end is None or at <= datetime.fromisoformat(end))
    values = {
        "AwsAccountId": shown["AwsAccountId"], "Region": shown.get("Region"), "RecordState": shown.get("RecordState"),
        "ComplianceStatus": shown.get("Compliance", {}).get("Status"), "ProductName": shown.get("ProductName"),
    }  # fmt: skip
    if name not in values or wanted.get("Comparison") != "EQUALS":
        raise WireError(400, "InvalidInputException", f"The filter {name} is not modelled by this simulated AWS.")
    return values[name] == wanted["Value"]
