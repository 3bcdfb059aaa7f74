"""Decisions about cells and population items: what a record of one says beside its values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

from connectors.records.accepting import Acceptance
from connectors.records.reading import Draft
from evidence.completeness.instants import instant
from evidence.completeness.local_time import midnight
from evidence.controls.catalogue import control as control_of
from evidence.controls.model import Control
from evidence.programme_versions import DAY
from schemas.instants import format_instant
from schemas.records.values import nearest

Trouble = Callable[[str, str], None]


def request_body(accept: Acceptance, draft: Draft, trouble: Trouble) -> dict[str, Any] | None:
    """A request that something counts as not applicable. It takes nothing out until somebody else approves it."""
    values = draft.values
    control = _control(values["control_id"], trouble)
    if control is None:
        return None
    evidence_id: str | None = values["evidence_id"]
    lines = [line.id for line in control.evidence]
    if evidence_id is not None and evidence_id not in lines:
        trouble("evidence_id", f"{control.id} has no evidence line {evidence_id!r}.{nearest(evidence_id, lines)}")
        return None
    item_id: str | None = draft.about.get("scope_item")
    if item_id is not None and accept.item(control, item_id, trouble) is None:
        return None
    zone = accept.history.timezone
    first, last = date.fromisoformat(values["from"]), date.fromisoformat(values["to"])
    return {
        "control_id": control.id,
        "evidence_id": evidence_id,
        "scope_item_id": item_id,
        # Local days, both inclusive, as half-open instants.
        "from": format_instant(instant(midnight(first, zone))),
        "to": format_instant(instant(midnight(last + DAY, zone))),
        "reason": values["reason"],
        "requested_by": values["requested_by"],
        "approved_by": None,
        "approved_at": None,
    }


def approval_body(accept: Acceptance, draft: Draft, trouble: Trouble) -> dict[str, Any] | None:
    """The approval of a request by somebody else: the request's own words with who approved it."""
    values = draft.values
    request = next((body for body in _requests(accept) if body["object"]["digest"] == values["request"]), None)
    if request is None:
        trouble("request", f"there is no request {values['request']} in the ledger. "
                "`evidence record list --kind not_applicable` shows them")  # fmt: skip
        return None
    if accept.people.person(values["approved_by"]) == accept.people.person(request["requested_by"]):
        trouble("approved_by", f"{values['approved_by']} asked for it ({request['requested_by']}), and nobody approves "
                "their own request. Let another of people.approvers decide")  # fmt: skip
        return None
    kept = ("control_id", "evidence_id", "scope_item_id", "from", "to", "reason", "requested_by")
    return {
        **{key: request[key] for key in kept},
        "approved_by": values["approved_by"],
        "approved_at": values["approved_at"],
    }


def disposition_body(accept: Acceptance, draft: Draft, trouble: Trouble) -> dict[str, Any] | None:
    """What an exception was, by somebody it is not about. The row of the test stays."""
    values = draft.values
    control = _control(values["control_id"], trouble)
    if control is None:
        return None
    item = accept.item(control, draft.about.get("scope_item"), trouble)
    if item is None:
        return None
    row = _tested_row(accept, control, item.id, values, trouble)
    if row is None:
        return None
    code: str | None = values["code"]
    if code is not None and code not in row["codes"]:
        trouble("code", f"the test found {', '.join(row['codes'])} here, not {code!r}.{nearest(code, row['codes'])}")
        return None
    named = _names_of(accept, values["decided_by"], f"{row['item_id']}\n{row['explanation']}")
    if named is not None:
        trouble("decided_by", f"the test names {values['decided_by']} in this item (as {named!r}), and nobody decides "
                "about what they did themselves. Let somebody else decide")  # fmt: skip
        return None
    return {
        "control_id": control.id,
        "evidence_id": row["evidence_id"],
        "scope_item_id": item.id,
        "window": values["window"],
        "item_id": values["item_id"],
        "code": code,
        "disposition": values["disposition"],
        "reason": values["reason"],
        "decided_by": values["decided_by"],
    }


def _control(control_id: str, trouble: Trouble) -> Control | None:
    try:
        return control_of(control_id)
    except KeyError as error:
        trouble("control_id", str(error.args[0]))
        return None


def _requests(accept: Acceptance) -> Iterator[Mapping[str, Any]]:
    for entry in accept.workspace.store.index():
        body = entry.body
        if entry.kind == "record" and body and body.get("record_type") == "not_applicable" and body.get("object"):
            yield body


def _tested_row(
    accept: Acceptance, control: Control, item_id: str, values: Mapping[str, Any], trouble: Trouble
) -> Mapping[str, Any] | None:
    """The latest stored row of the test about the item, if it is one that needs a decision."""
    rows = accept.exceptions.get((control.id, values["window"], item_id), {})
    found = rows.get(values["item_id"])
    if found is None:
        window = values["window"]
        trouble("item_id", f"the latest test of {control.id} found no exception {values['item_id']!r} in {window}. "
                f"`evidence test --control {control.id} --window {window}` lists them."
                f"{nearest(values['item_id'], rows)}")  # fmt: skip
    return found


def _names_of(accept: Acceptance, address: str, text: str) -> str | None:
    """A name of the person that stands in a text: an address, or an account by the register of identities."""
    person = accept.people.person(address)
    names = {one for one in (address.lower(), *accept.people.addresses) if accept.people.person(one) == person}
    for version in accept.history.versions:
        for row in version.registers.get("identities", ()):
            if row["person_id"] == person:
                account = str(row["account_id"])
                # An ARN names a user by its last part, and tests say the user.
                names.update((account, account.rpartition("/")[2]))
        names.update(row["name"] for row in version.registers.get("people", ()) if row["person_id"] == person)
    for name in sorted(names):
        if name and re.search(rf"(?<![\w.@-]){re.escape(name)}(?![\w@-])", text, re.IGNORECASE):
            return name
    return None
