"""Approvals and revisions of policy documents in Drive, found by the names in `scope.policies`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from connectors.google.calls import GoogleClient
from connectors.google.lists import Entry, Listing, Tally, read_whole
from connectors.google.values import kept, moment, optional_text, text, when
from schemas.errors import IncompletePopulation, SchemaDrift
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.google import DOCUMENT_APPROVALS

FILE = "a document of Drive"
FIELDS = "id,name,createdTime,modifiedTime,headRevisionId,sha256Checksum,mimeType,driveId"
APPROVALS_MASK = "nextPageToken,items"
"""Google answers this method without any approval unless its fields are named."""
QUERY = f"drive.files.list name = scope.policies ({FIELDS})\ndrive.approvals.list\ndrive.revisions.list"

Row = dict[str, Any]


def document_approvals(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill google.document_approvals: a row for each approval, and one for each document without any."""
    client: GoogleClient = session.client
    tally = Tally()
    rows: list[Row] = []
    missing: list[str] = []
    documents = 0
    for policy in client.policies:
        found: list[Entry] = []
        tally.add(read_whole(client, search(policy), sink, DOCUMENT_APPROVALS, found.extend))
        missing += [] if found else [policy]
        for document in found:
            documents += 1
            rows += _document(client, request.item.id, policy, document, sink, tally)
    if rows:
        sink.rows(DOCUMENT_APPROVALS, rows)
    if tally.observed_at is None:
        # Nothing to look for; that Drive answers is shown all the same.
        answer = client.ask("drive.files.list", **search("-").parameters, pageSize=1).keep(sink, DOCUMENT_APPROVALS)
        tally.observed_at = answer.served_at
    without = f"; none is named {', '.join(missing)}" if missing else ""
    return [
        ItemClaim(
            DOCUMENT_APPROVALS.name,
            QUERY,
            {"customer": session.tenant, "policies": list(client.policies)},
            observed_at=tally.observed_at,
            proof_of_life=bool(rows),
            proof="documents are seen" if rows else None,
            independent_count=len(rows),
            reconciliation=f"{documents} documents of {len(client.policies)} policies that {client.subject} may see"
            f"{without}; each list in two readings",
            pages=tally.pages,
            rows_returned=len(rows),
        )
    ]


def search(name: str) -> Listing:
    """How documents of a name are looked for, in all drives that the reader may see."""
    quoted = name.replace("\\", "\\\\").replace("'", "\\'")
    return Listing(
        "drive.files.list", "files", "id", lambda entry: text(entry, "id", FILE),
        {
            "q": f"name = '{quoted}' and trashed = false", "corpora": "allDrives", "includeItemsFromAllDrives": True,
            "supportsAllDrives": True,
        },
        first={"pageSize": 70}, second={"pageSize": 100}, mask=f"nextPageToken,incompleteSearch,files({FIELDS})",
        not_with="incompleteSearch",
    )  # fmt: skip


def _document(client: GoogleClient, item: str, policy: str, document: Entry, sink: Sink, tally: Tally) -> list[Row]:
    file_id = text(document, "id", FILE)
    if text(document, "name", FILE).casefold() != policy.casefold():
        raise IncompletePopulation("Google found a document of another name than the one looked for. Run it again.")
    revisions: list[Entry] = []
    listing = Listing(
        "drive.revisions.list", "revisions", "id", lambda entry: text(entry, "id", FILE), {"fileId": file_id},
        first={"pageSize": 150}, second={"pageSize": 200}, only_grows=True,
        mask="nextPageToken,revisions(id,modifiedTime,lastModifyingUser(emailAddress))",
    )  # fmt: skip
    tally.add(read_whole(client, listing, sink, DOCUMENT_APPROVALS, revisions.extend))
    revisions.sort(key=lambda one: moment(one, "modifiedTime", FILE))
    approvals: list[Entry] = []
    listing = Listing(
        "drive.approvals.list", "items", "approvalId", lambda entry: text(entry, "approvalId", FILE),
        {"fileId": file_id}, first={"pageSize": 70}, second={"pageSize": 100}, mask=APPROVALS_MASK,
    )  # fmt: skip
    tally.add(read_whole(client, listing, sink, DOCUMENT_APPROVALS, approvals.extend))
    times = {text(one, "id", FILE): moment(one, "modifiedTime", FILE) for one in revisions}
    shared: Row = {
        "scope_item_id": item, "file_id": file_id, "policy": policy, "title": text(document, "name", FILE),
        "latest_revision_id": text(revisions[-1], "id", FILE) if revisions else None,
        "content_hash": optional_text(document, "sha256Checksum", FILE),
        "revisions": [_revision(one) for one in revisions],
    }  # fmt: skip
    if not approvals:
        nothing = {"approval_id": "none", "status": "NONE", "reviewers": []}
        return [shared | nothing | {"raw": kept({"file": document}, DOCUMENT_APPROVALS.secret_fields)}]
    return [shared | _approval(file_id, document, approval, times) for approval in approvals]


def _revision(one: Entry) -> Row:
    author = _person(one.get("lastModifyingUser"))
    return {
        "revision_id": text(one, "id", FILE), "modified_at": moment(one, "modifiedTime", FILE), "author": author,
    }  # fmt: skip


def _person(found: Any) -> str | None:
    return None if not isinstance(found, dict) else optional_text(cast("Entry", found), "emailAddress", FILE)


def _approval(file_id: str, document: Entry, approval: Entry, times: Mapping[str, datetime]) -> Row:
    if text(approval, "targetFileId", FILE) != file_id:
        raise IncompletePopulation("Google answered with the approval of another document. Nothing is claimed.")
    responses: Any = approval.get("reviewerResponses", [])
    if not isinstance(responses, list):
        raise SchemaDrift("An approval of Drive has reviewerResponses that are no list.")
    approved = optional_text(approval, "approvedRevisionId", FILE)
    latest = max(times, key=lambda one: times[one], default=None)
    return {
        "approval_id": text(approval, "approvalId", FILE), "status": text(approval, "status", FILE),
        "initiator": _person(approval.get("initiator")),
        "reviewers": [_response(one) for one in cast("Sequence[Entry]", responses)],
        "created_at": when(approval, "createTime", FILE), "completed_at": when(approval, "completeTime", FILE),
        "approved_revision_id": approved, "approved_revision_at": None if approved is None else times.get(approved),
        "approved_is_latest": None if approved is None else approved == latest,
        "raw": kept({"file": document, "approval": approval}, DOCUMENT_APPROVALS.secret_fields),
    }  # fmt: skip


def _response(one: Entry) -> Row:
    return {"email": _person(one.get("reviewer")), "response": text(one, "response", FILE)}
