"""Decisions about cells and population items: what does not apply, and what an exception really was."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.records.model import Field, Problem, RecordType, Values


def _interval(values: Values) -> Iterator[Problem]:
    if values["to"] < values["from"]:
        yield "to", "it lies before `from`. Swap or correct them"


NOT_APPLICABLE = RecordType(
    "not_applicable",
    "Somebody asks for a control to count as not applicable for a while",
    "not_applicable",
    (),
    (
        Field("control_id", "The control"),
        Field("evidence_id", "The evidence line; empty for every line of the control", required=False),
        Field("from", "First day on which it does not apply", "day"),
        Field("to", "Last such day", "day"),
        Field("reason", "Why; a sentence the auditor will read"),
        Field("requested_by", "Who asks for it", "person"),
        Field("requested_at", "When it was asked for", "instant"),
    ),
    ("requested_at",),
    "requested_by",
    (
        "A request changes nothing until somebody else approves it.",
        "Every one is listed in the report, with its reason.",
    ),
    check=_interval,
)

NOT_APPLICABLE_APPROVAL = RecordType(
    "not_applicable_approval",
    "Somebody else approves such a request",
    "not_applicable",
    (),
    (
        Field("request", "Digest of the request that is approved, as `evidence record list` shows it", "digest"),
        Field("approved_by", "Who approves it: of the approvers, and not who asked", "person"),
        Field("approved_at", "When it was approved", "instant"),
    ),
    ("approved_at",),
    "approved_by",
    (
        "The approver is another person than the requester, and one of the approvers of the programme.",
        "Approved after its interval it is shown as decided after the fact.",
    ),
)


def _reasoned(values: Values) -> Iterator[Problem]:
    if values["disposition"] == "compensated" and not values.get("compensation"):
        yield "compensation", "say which control made up for it, and how that was seen"


DISPOSITION = RecordType(
    "disposition",
    "What an exception that a test found really was",
    "disposition",
    (),
    (
        Field("control_id", "The control"),
        Field("window", "The window, such as 2026-04"),
        Field("item_id", "The population item, as the test names it"),
        Field("code", "The exception code; empty for every code of the item", required=False),
        Field("disposition", "What it was", choices=("confirmed", "false_positive", "compensated")),
        Field("reason", "Why; a sentence the auditor will read"),
        Field("compensation", "What made up for it, where something did", required=False),
        Field("decided_by", "Who decided; never somebody the item is about", "person"),
        Field("decided_at", "When it was decided", "instant"),
    ),
    ("decided_at",),
    "decided_by",
    (
        "The row of the test stays as it is; the decision stands beside it.",
        "Only a false positive is no longer counted as a deviation.",
        "Nobody decides about what they did themselves.",
    ),
    check=_reasoned,
)

TYPES = (NOT_APPLICABLE, NOT_APPLICABLE_APPROVAL, DISPOSITION)
