"""Records of people as the ledger has them, for whoever wants to look one up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from connectors.workspace import Workspace
from evidence.record import BACKDATING
from evidence.signed_record import RECORD_FORMAT
from schemas.instants import format_instant, parse_instant


def recorded(workspace: Workspace, *, control: str | None = None, kind: str | None = None) -> Iterator[dict[str, Any]]:
    """Every record made by a person, oldest first; of one control or one type where these are given."""
    for entry in workspace.store.index():
        body = entry.body
        if entry.kind != "record" or not body or body.get("format") != RECORD_FORMAT:
            continue
        if control not in (None, body["control_id"]) or kind not in (None, body["record_type"]):
            continue
        performed = parse_instant(body["performed_at"])
        late = entry.recorded_at - performed > BACKDATING
        yield {
            "ledger": entry.seq,
            "digest": body["object"]["digest"],
            "kind": body["record_type"],
            "control_id": body["control_id"],
            "evidence_id": body["evidence_id"],
            "scope_item_id": body["scope_item_id"],
            "window": body["for_window"] or body.get("window"),
            "performed_at": body["performed_at"],
            "recorded_at": format_instant(entry.recorded_at),
            "counts_from": format_instant(entry.recorded_at if late and not body["corroborated"] else performed),
            "corroborated": body["corroborated"],
            "signed_by": body["signed_by"],
            "signed_how": body["signed_how"],
            "values": body["values"],
            "attachments": body["attachments"],
        }
