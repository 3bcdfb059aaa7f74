"""Records about single people: what they accepted and how they were screened (CC1)."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.records.model import Answers, Field, Problem, RecordType, Values

ACKNOWLEDGEMENT = RecordType(
    "acknowledgement",
    "A person accepted a version of the code of conduct or of a policy",
    "response",
    (Answers("CC1-COND-01", "acks"),),
    (
        Field("person_id", "Who accepted it, by the people register", "person_id"),
        Field("document_id", "Which document: the policy's id, as in policy approvals", example="code-of-conduct"),
        Field("document_version", "The version that was accepted, or the sha256 of its text: as in its approval"),
        Field("accepted_at", "When the person accepted it", "instant"),
        Field("channel", "How it was accepted, such as hr-system, e-mail, paper", example="hr-system"),
    ),
    ("accepted_at",),
    None,
    (
        "Everybody of the people register has one for the version in force, within 14 days of the first day.",
        "Everybody who has been here longer has one of the last 12 months.",
        "The version accepted is the one that was in force, not an older one.",
    ),
    ("The export of the system in which people accept, or the signed page.",),
)


def _waiver(values: Values) -> Iterator[Problem]:
    if values["outcome"] == "waived":
        for name in ("reason", "approved_by"):
            if not values.get(name):
                yield name, "a waiver needs a reason and who approved it"


SCREENING = RecordType(
    "screening",
    "A new person was screened before access",
    "response",
    (Answers("CC1-HR-01", "screening"),),
    (
        Field("person_id", "Who was screened, by the people register", "person_id"),
        Field("check_type", "Kind of check, such as identity, references, criminal record", example="references"),
        Field("completed_at", "When the result was there", "instant"),
        Field("outcome", "What came of it", choices=("clear", "adjudicated", "waived")),
        Field("decided_by", "Who looked at the result and decided", "person"),
        Field("reason", "Why it was waived, or how it was adjudicated", required=False),
        Field("approved_by", "Who approved the waiver", "person", required=False),
        Field("valid_until", "Last day on which it serves for a rehire", "day", required=False),
    ),
    ("completed_at",),
    "decided_by",
    (
        "The result was there before the person got access to production.",
        "A waiver has a reason (such as the law of the country) and somebody who approved it.",
        "The report of the screening itself stays out: it is nobody's business here. Do not attach it.",
    ),
    check=_waiver,
)

TYPES = (ACKNOWLEDGEMENT, SCREENING)
