"""Records about access: use of the highest privileges, credentials that may stay (CC6)."""

from __future__ import annotations

from schemas.records.model import Answers, Field, RecordType

PRIVILEGED_USE_REVIEW = RecordType(
    "privileged_use_review",
    "A use of the highest privileges was explained and seen by a second person",
    "response",
    (Answers("CC6-ROOT-01", "reviews"),),
    (
        Field("event_id", "Id of the event, as the test of CC6-ROOT-01 names it"),
        Field("explanation", "What it was for"),
        Field("break_glass", "Whether it was a use of emergency access", "flag", required=False),
        Field("ticket", "Number or address of the ticket", required=False),
        Field("used_by", "Who did it, where the account does not tell, as with root", "person", required=False),
        Field("reviewer", "Who looked at it; never who did it", "person"),
        Field("reviewed_at", "When it was reviewed", "instant"),
    ),
    ("reviewed_at",),
    "reviewer",
    (
        "Every use of root, of a super administrator and of break-glass access has one.",
        "It came within five business days, from somebody else.",
        "Break-glass use has a ticket.",
    ),
)

CREDENTIAL_EXCEPTION = RecordType(
    "credential_exception",
    "A long-lived credential may stay although it is old or unused",
    "response",
    (Answers("CC6-KEY-01", "keys"),),
    (
        Field("credential_id", "The credential, as the test of CC6-KEY-01 names it"),
        Field("reason", "Why it can't be rotated or removed yet"),
        Field("compensation", "What makes up for it", required=False),
        Field("owner", "Who answers for the credential", "person"),
        Field("approved_by", "Who approved it", "person"),
        Field("approved_at", "When it was approved", "instant"),
        Field("expires", "Last day of the exception", "day"),
    ),
    ("approved_at",),
    "approved_by",
    (
        "It was approved before the credential was too old, by somebody other than its owner.",
        "It ends on a day, and was not simply written anew each time.",
    ),
)

TYPES = (PRIVILEGED_USE_REVIEW, CREDENTIAL_EXCEPTION)
