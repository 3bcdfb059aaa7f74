"""Records of availability and confidentiality (A1, C1)."""

from __future__ import annotations

from schemas.records.model import Answers, Field, RecordType, actions

CAPACITY_REVIEW = RecordType(
    "capacity_review",
    "Monthly review of availability and capacity",
    "periodic",
    (Answers("A1-CAP-01", "review"),),
    (
        Field("uptime", "Uptime of the month in percent", "decimal", example="99.95"),
        Field("breaches", "Times at which a target was missed", "rows", required=False, fields=(
            Field("what", "What was missed"),
            Field("from", "Since when", "instant"),
            Field("to", "Until when", "instant", required=False),
            Field("incident", "The incident", required=False),
        )),
        Field("decisions", "What was decided", "texts", required=False),
        Field("reviewer", "Who reviewed it", "person"),
        Field("reviewed_at", "When it was reviewed", "instant"),
    ),
    ("reviewed_at",),
    "reviewer",
    (
        "One for every month and service with a commitment.",
        "A missed target led to an incident and to what customers were promised for it.",
    ),
    ("The uptime report.",),
)  # fmt: skip

RESTORE_TEST = RecordType(
    "restore_test",
    "A backup was restored to see that it can be",
    "periodic",
    (Answers("A1-DRT-01", "test"),),
    (
        Field("service", "Service, as in service:<id>"),
        Field("recovery_point_id", "Recovery point that was restored"),
        Field("started_at", "When the restore began", "instant"),
        Field("usable_at", "When the service could be used; empty where it never could", "instant", required=False),
        Field("checks", "How it was seen that the data are whole", "texts", required=False),
        Field("rto_met", "Whether the recovery time was met", "flag"),
        Field("rpo_met", "Whether the recovery point was met", "flag"),
        Field("lessons", "What was learnt", required=False),
        actions("What follows from it"),
        Field("tester", "Who restored", "person"),
        Field("approver", "Who approved the result", "person"),
    ),
    ("started_at", "usable_at"),
    "approver",
    (
        "At every moment of the period the latest test was at most 12 months old.",
        "Somebody looked whether the data are whole, not only whether the job ended.",
        "An objective that was missed has an action.",
    ),
    ("The log of the restore.",),
    item="service",
    item_prefix="service:",
)

DATA_MAP = RecordType(
    "data_map",
    "Where confidential data are, reviewed",
    "periodic",
    (Answers("C1-CLS-01", "map"),),
    (
        Field("stores", "Every store of data", "rows", fields=(
            Field("store_id", "ARN, full resource name or other stable id"),
            Field("class", "Class of its data", choices=("public", "internal", "confidential", "restricted")),
            Field("owner", "Who answers for it", "person"),
            Field("retention", "How long data are kept"),
        )),
        Field("approved_shares", "Documents shared outside on purpose", "rows", required=False, fields=(
            Field("document_id", "Its id"),
            Field("shared_with", "With whom"),
            Field("approved_by", "Who approved it", "person"),
            Field("approved_at", "When it was approved", "instant", required=False),
        )),
        Field("reviewer", "Who reviewed the map", "person"),
        Field("reviewed_at", "When it was reviewed", "instant"),
    ),
    ("reviewed_at",),
    "reviewer",
    (
        "One for every quarter.",
        "The stores of the inventory and those of the map are the same.",
        "Confidential data are in production accounts alone.",
    ),
)  # fmt: skip

TYPES = (CAPACITY_REVIEW, RESTORE_TEST, DATA_MAP)
