"""One record of people as an entry of the ledger, in the shape that `evidence verify` holds it to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.store.signer import Signer
from connectors.store.store import Store
from evidence.signed_record import document_bytes


def append_record(
    store: Store,
    body: Mapping[str, Any],
    stored: Sequence[Mapping[str, Any]] = (),
    *,
    signer: Signer | None = None,
    file: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Store the document of a record and append its entry, signed by the person whose key `signer` holds.

    `stored` are the objects that go with it, `file` the one it was read from, all of them stored already. Gives the
    entry back.
    """
    data = document_bytes(body)
    entry: dict[str, Any] = {**body, "object": store.put_document(data, ".json").to_json(), "stored": list(stored)}
    if file is not None:
        entry["file"] = dict(file)
    entry["signed_how"] = "unauthenticated" if signer is None else "key"
    if signer is not None:
        entry["signature"] = {"public_key": signer.public_key, "signature": signer.sign(data)}
    return store.append("record", entry)
