"""Tickets: what people wrote down, answered and closed, each with its whole history. The system is `ticketing`.

A ticket is a ticket whatever the tracker that keeps it (GitHub issues, Jira, PagerDuty, a file), so all five datasets
have the same columns. There is one dataset for each thing that tickets are the evidence of, because each is found in a
place of its own (`registers.incidents`, `registers.access_requests`, …) and is covered or missing by itself.

Dates that a procedure asks for and the tracker has no field for (contained, customers informed, review) stand in the
text of the ticket: a line `Contained at: 2026-03-01T10:00:00Z` of the body becomes the field `contained_at`. Fields of
the tracker's own (custom fields of Jira) come under the same names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from schemas.dataset import Dataset, framed

if TYPE_CHECKING:
    import pyarrow as pa


def _tickets() -> pa.Schema:
    import pyarrow as pa

    text, instant, number = pa.string(), pa.timestamp("us", tz="UTC"), pa.int64()
    person = pa.struct([
        ("id", text), ("login", text), ("kind", text),  # as the tracker names them; all null: it no longer says
        ("email", text), ("name", text),
    ])  # fmt: skip
    event = pa.struct([
        # labeled, unlabeled, assigned, unassigned, commented, closed, reopened, renamed, acknowledged, escalated,
        # changed (a field) or another word of the tracker's
        ("kind", text),
        ("at", instant), ("actor", person),
        ("detail", text),  # the label, who was assigned, both titles
        ("text", text),  # that of a comment
        ("field", text), ("before", text), ("after", text),  # of a changed field, its name in snake case
    ])  # fmt: skip
    field = pa.struct([("name", text), ("value", text)])
    return framed(
        ("issue_id", text),  # never given to another ticket
        ("event_time", instant),  # opened at
        ("tracker", text), ("ticket_id", text),  # as people name it: owner/name#12, OPS-12
        ("place_id", text), ("place", text),  # repository, project, service or file
        ("number", number, True), ("url", text, True),
        ("title", text), ("body", text, True),
        ("state", text), ("status", text),  # open or closed, and the tracker's own word for where it stands
        ("state_reason", text, True),  # why it was closed: completed, not_planned, Won't Do
        ("severity", text, True),  # where the tracker has a field for it
        ("labels", pa.list_(text)),  # those it carries now; the timeline has those it carried once
        ("matched_labels", pa.list_(text)),  # of those asked for
        ("author", person, True), ("assignees", pa.list_(text)), ("opened_at", instant), ("updated_at", instant),
        ("closed_at", instant, True), ("closed_by", person, True),
        ("first_response_at", instant, True),  # the first comment, label or assignment by somebody else than the author
        ("fields", pa.list_(field)),  # `Name: value` lines of the body and fields of the tracker, names in snake case
        ("timeline", pa.list_(event)),  # in the order of time
        ("read_at", instant),  # until when the ticket is known: what came later is not in the row
    )  # fmt: skip


def _kept_for(what: str) -> Dataset:
    return Dataset(
        f"ticketing.{what}",
        "ticketing",
        "event_stream",
        ("issue_id",),
        _tickets,
        allowed=(("tracker", ("github", "jira", "pagerduty", "file")), ("state", ("open", "closed"))),
        volatile=("updated_at", "read_at"),
        keeps_changing=True,
        per="organisation",
    )


INCIDENTS = _kept_for("incidents")
"""The incident register (CC7-INC-01)."""
ACCESS_REQUESTS = _kept_for("access_requests")
"""Requests for access and their approvals (CC6-PROV-01)."""
ALERT_TRIAGE = _kept_for("alert_triage")
"""What was made of alerts (CC7-ALT-01)."""
SECURITY_INBOX = _kept_for("security_inbox")
"""Messages to the security contact (CC2-EXT-01)."""
DELETIONS = _kept_for("deletions")
"""Deletions of customers' data (C1-DSP-01)."""
CHANGES = _kept_for("changes")
"""What was to be changed in production by hand (CC8-CHG-04)."""

_FIELD = re.compile(r"^\s*(?:[-*]\s+)?\**([A-Za-z][A-Za-z0-9 /-]{1,40}?)\**\s*:\**\s+(\S.*?)\s*$")


def field_name(words: str) -> str:
    """A name in snake case: `Contained at` is `contained_at`."""
    return re.sub(r"[^a-z0-9]+", "_", words.strip().lower()).strip("_")


def fields_in(text: str) -> list[tuple[str, str]]:
    """`Name: value` lines of a text, in order, names in snake case."""
    found = (_FIELD.match(line) for line in text.splitlines())
    return [(field_name(match[1]), match[2]) for match in found if match]


DATASETS = (INCIDENTS, ACCESS_REQUESTS, ALERT_TRIAGE, SECURITY_INBOX, DELETIONS, CHANGES)

REGISTER_OF: Mapping[str, str] = {dataset.name: dataset.name.partition(".")[2] for dataset in DATASETS}
"""Dataset to the key of `registers` in the programme that says where its tickets are."""
