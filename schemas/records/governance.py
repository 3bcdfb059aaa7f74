"""Records of those who govern: meetings, policies, the scope, risks, and the looking at controls (CC1 to CC4)."""

from __future__ import annotations

from schemas.records.model import PERFORMED_AT, Answers, Field, RecordType

_SEVERITIES = ("critical", "high", "medium", "low", "informational")

MINUTES = RecordType(
    "minutes",
    "Minutes of the quarterly review by management",
    "periodic",
    (Answers("CC1-GOV-01", "minutes"),),
    (
        Field("held_at", "When the meeting began", "instant"),
        Field("attendees", "Who was there", "rows", fields=(
            Field("person", "The person's address", "person"),
            Field("role", "In which role, such as CTO, founder, adviser"),
            Field("oversight", "Whether the person watches over the controls and does not operate them", "flag"),
        )),
        Field("input_pack", "Digest of the report that the meeting had before it", "digest", required=False),
        Field("decisions", "What was decided; an empty list says that nothing was", "rows", required=False, fields=(
            Field("id", "An id of your own, by which later minutes speak of it"),
            Field("text", "The decision"),
            Field("owner", "Who carries it out", "person"),
            Field("due", "Last day for it", "day"),
        )),
        Field("followups", "What became of the decisions of earlier meetings", "rows", required=False, fields=(
            Field("id", "Id of the earlier decision"),
            Field("status", "Where it stands", choices=("done", "open", "dropped")),
            Field("note", "What was done, or why it is late or dropped", required=False),
            Field("due", "The new due day, where it was moved", "day", required=False),
        )),
        Field("approved_by", "Who approved the minutes", "person"),
        Field("approved_at", "When it was approved", "instant"),
    ),
    ("held_at",),
    "approved_by",
    (
        "One meeting for every calendar quarter, held in it or at most 14 days after.",
        "At least two people, one of them not an operator of the controls.",
        "The report read was made before the meeting, and its digest is here.",
        "Every open decision of the last meeting has a status; one past its due day has a note.",
    ),
    ("The minutes as approved (PDF or text).",),
)  # fmt: skip

POLICY_APPROVAL = RecordType(
    "policy_approval",
    "A version of a policy was approved",
    "document",
    (Answers("CC2-POL-01", "approvals"),),
    (
        Field("policy_id", "Id of the policy, as in the scope item policy:<policy_id>", example="access"),
        Field("version", "Version of the text", example="1.4"),
        Field("sha256", "Digest of the text that was approved", "digest"),
        Field("authors", "Who wrote this version", "persons"),
        Field("owner", "Who answers for the policy", "person", required=False),
        Field("approved_by", "Who approved it", "person"),
        Field("approved_at", "When it was approved", "instant"),
        Field("effective_from", "First day on which it is in force", "day"),
        Field("effective_to", "Last such day, where it was withdrawn", "day", required=False),
    ),
    ("approved_at",),
    "approved_by",
    (
        "At every moment of the period exactly one approved version was in force.",
        "The latest approval is at most 12 months old.",
        "Who approved it may, and did not write it alone.",
        "The text attached has the digest that was approved.",
    ),
    ("The text of the policy as approved.",),
    item="policy_id",
    item_prefix="policy:",
)

PAGE_APPROVAL = RecordType(
    "page_approval",
    "A text that customers rely on was approved before it was published",
    "response",
    (Answers("CC2-EXT-01", "published"),),
    (
        Field("url", "Address of the page, as in the register of published pages",
              example="https://example.com/terms"),
        Field("sha256", "Digest of the text as it is published, byte by byte", "digest"),
        Field("what", "What changes"),
        Field("authors", "Who wrote it", "persons", required=False),
        Field("approved_by", "Who approved it", "person"),
        Field("approved_at", "When", "instant"),
    ),
    ("approved_at",),
    "approved_by",
    (
        "It came before the text was published.",
        "Who approved it may, and did not write it alone.",
        "Terms that change for customers were announced as promised.",
    ),
    ("The text as approved.",),
)  # fmt: skip

SCOPE_REVIEW = RecordType(
    "scope_review",
    "The register of what is in scope was reviewed",
    "periodic",
    (Answers("CC2-SYS-01", "register_review"),),
    (
        Field(
            "register_digest", "Digest of the version of the scope register that was read", "digest", current="scope"
        ),
        Field("unclassified", "How many items had no decision", "number", example="0"),
        Field("reviewer", "Who reviewed it", "person"),
        Field("signed_at", "When it was signed", "instant"),
        Field("notes", "What was found", required=False),
    ),
    ("signed_at",),
    "reviewer",
    (
        "One for every calendar quarter, with the version of the register that was in force.",
        "No item was left without a decision.",
    ),
)

RISK_ASSESSMENT = RecordType(
    "risk_assessment",
    "The yearly assessment of risks",
    "periodic",
    (Answers("CC3-RISK-01", "assessment"),),
    (
        Field("register_digest", "Digest of the risk register that came out of it", "digest", current="risks"),
        Field("participants", "Who took part", "persons"),
        Field("fraud_risks", "Ids of the rows of the risk register that are about fraud", "texts", required=False),
        Field("changes", "What changed in business, technology and vendors, and what that does to risk",
              required=False),
        Field("appetite", "Largest likelihood x impact that needs no treatment", "number", required=False),
        Field("accepted", "Risks accepted without treatment", "rows", required=False, fields=(
            Field("risk_id", "Row of the risk register"),
            Field("approved_by", "Who accepted it", "person"),
            Field("expires", "Last day of the acceptance", "day"),
        )),
        Field("overdue", "Decisions on treatments past their due day", "rows", required=False, fields=(
            Field("risk_id", "Row of the risk register"),
            Field("decision", "What was decided"),
            Field("due", "New due day", "day", required=False),
        )),
        Field("approver", "Who approved the assessment", "person"),
    ),
    (PERFORMED_AT,),
    "approver",
    (
        "At every moment of the period the latest assessment was at most 12 months old.",
        "Fraud was thought of, and so were changes of the business and of its technology.",
        "Every risk above the appetite has an owner, a treatment and a day; what is overdue was decided upon.",
    ),
    ("The register as approved, or the notes of the workshop.",),
)  # fmt: skip

SIGN_OFF = RecordType(
    "sign_off",
    "Monthly sign-off of what the evidence says",
    "periodic",
    (Answers("CC4-MON-01", "signoff"),),
    (
        Field("result_digest", "Digest of the completeness report, or of the ledger it was made of", "digest",
              current="ledger"),
        Field("reviewer", "Who looked at it", "person"),
        Field("signed_at", "When it was signed", "instant"),
        Field("issues", "One for each gap and each open exception", "rows", required=False, fields=(
            Field("kind", "What it is about", choices=("gap", "exception")),
            Field("control_id", "The control"),
            Field("evidence_id", "The evidence line", required=False),
            Field("scope_item_id", "The scope item", required=False),
            Field("window", "The window, such as 2026-04", required=False),
            Field("item_id", "The population item of an exception", required=False),
            Field("issue", "Number or address of the issue"),
            Field("owner", "Who answers for it", "person"),
            Field("due", "Target day", "day", required=False),
            Field("closed_at", "When it was closed", "instant", required=False),
            Field("extended_by", "Who decided on a later target day", "person", required=False),
        )),
    ),
    ("signed_at",),
    "reviewer",
    (
        "One for every month, within ten days of its end.",
        "Every gap and every open exception has an issue with an owner.",
        "Issues were closed by their target day, or somebody decided on a later one.",
    ),
)  # fmt: skip

PENETRATION_TEST = RecordType(
    "penetration_test",
    "Penetration test by a party that does not build the product",
    "periodic",
    (Answers("CC4-PEN-01", "report"),),
    (
        Field("tester", "Who tested: company and name", example="Example Security Ltd, J. Doe"),
        Field("scope", "Ids of the products that were tested, as in product:<id>", "texts"),
        Field("tested_from", "First day of the test", "day"),
        Field("tested_to", "Last day of the test", "day"),
        Field("reported_at", "When the report arrived", "instant"),
        Field("report_sha256", "Digest of the report", "digest"),
        Field("findings", "What was found; an empty list says that nothing was", "rows", required=False, fields=(
            Field("id", "Id in the report"),
            Field("severity", "Severity in the report", choices=_SEVERITIES),
            Field("title", "What it is", required=False),
            Field("fixed_at", "When it was fixed", "instant", required=False),
            Field("retested_at", "When the tester saw that it is", "instant", required=False),
            Field("accepted_by", "Who accepted the risk", "person", required=False),
            Field("accepted_at", "When it was accepted", "instant", required=False),
            Field("expires", "Last day of the acceptance", "day", required=False),
        )),
    ),
    ("reported_at",),
    None,
    (
        "At every moment of the period the latest test was at most 12 months old.",
        "Its scope holds every product in scope; the tester did not build them.",
        "Critical and high findings were fixed and tested again in time, or accepted by somebody who may.",
        "Record it again with the days of repair when findings were fixed: the earlier record stays.",
    ),
    ("The report, or its summary; the letter of the tester about tests repeated.",),
)  # fmt: skip

TYPES = (MINUTES, POLICY_APPROVAL, PAGE_APPROVAL, SCOPE_REVIEW, RISK_ASSESSMENT, SIGN_OFF, PENETRATION_TEST)
