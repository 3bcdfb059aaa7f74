"""Where alerts go: EventBridge and SNS. `events.rule` is a Rule with its `Targets`, `sns.subscription` a Subscription,
`sns.topic` a Topic. Every region has the bus `default`; `events.bus` adds others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.aws.records import Shown, View, shim, without


@shim("events:ListEventBuses", "NextToken", "Limit")
def _buses(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    arn = f"arn:aws:events:{view.region}:{view.account}:event-bus/default"
    return {"EventBuses": [{"Name": "default", "Arn": arn}, *view.of("events.bus")]}


@shim("events:ListRules", "EventBusName", lists="Rules", limit=100)
def _rules(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    return [without(shown, "Targets") for shown in _on(view, asked)]


@shim("events:ListTargetsByRule", "EventBusName", "Rule", lists="Targets", limit=100)
def _targets(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    for shown in _on(view, asked):
        if shown["Name"] == asked["Rule"]:
            return list(shown.get("Targets", []))
    view.one("events.rule", Name=asked["Rule"], EventBusName=asked.get("EventBusName"))
    raise AssertionError("the line above raises")


def _on(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    bus = asked.get("EventBusName", "default")
    return [shown for shown in view.of("events.rule") if shown.get("EventBusName", "default") == bus]


@shim("sns:ListTopics", lists="Topics", limit=100)
def _topics(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    return list(view.of("sns.topic"))


@shim("sns:ListSubscriptions", lists="Subscriptions", limit=100)
def _subscriptions(view: View, asked: Mapping[str, Any]) -> list[Shown]:
    return list(view.of("sns.subscription"))
