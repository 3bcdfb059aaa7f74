"""Tickets kept as GitHub issues, found by label, each with its whole timeline. The system is `ticketing`.

Dates that a procedure asks for and GitHub has no field for (contained, customers informed, review) stand in the text of
the issue or its timeline: a line `Contained at: 2026-03-01T10:00:00Z` in the body becomes the field `contained_at`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.dataset import Dataset, framed

if TYPE_CHECKING:
    import pyarrow as pa


def _issues() -> pa.Schema:
    import pyarrow as pa

    text, instant, number = pa.string(), pa.timestamp("us", tz="UTC"), pa.int64()
    person = pa.struct([("id", text), ("login", text), ("kind", text)])
    event = pa.struct([
        ("kind", text),  # labeled, unlabeled, assigned, unassigned, commented, closed, reopened, renamed, …
        ("at", instant), ("actor", person), ("detail", text), ("text", text),
    ])  # fmt: skip  # text: that of a comment
    field = pa.struct([("name", text), ("value", text)])
    return framed(
        ("issue_id", text),
        ("event_time", instant),  # opened at
        ("ticket_id", text),  # owner/name#number
        ("repo_id", text), ("repo_name", text), ("number", number), ("url", text),
        ("title", text), ("body", text, True), ("state", text), ("state_reason", text, True),
        ("labels", pa.list_(text)),  # those it carries now; the timeline has those it carried once
        ("matched_labels", pa.list_(text)),  # of those asked for
        ("author", person, True), ("assignees", pa.list_(text)), ("opened_at", instant), ("updated_at", instant),
        ("closed_at", instant, True), ("closed_by", person, True),
        ("first_response_at", instant, True),  # the first comment, label or assignment by somebody else than the author
        ("fields", pa.list_(field)),  # `Name: value` lines of the body, names in snake case
        ("timeline", pa.list_(event)),
    )  # fmt: skip


ISSUES = Dataset(
    "ticketing.issues",
    "ticketing",
    "event_stream",
    ("issue_id",),
    _issues,
    volatile=("updated_at",),
    per="organisation",
)

DATASETS = (ISSUES,)
