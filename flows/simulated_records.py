"""What the people of a simulated company wrote down, recorded on its day by the command's own code.

A person of such a company whose key stands in the programme signs with it. The key is made from the address, so that no
private key lies anywhere; as everybody can make it, it proves nothing, and only a simulated store is signed with it.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from connectors.records.reading import read_record_file
from connectors.records.recording import record_file
from connectors.store.signer import Signer
from connectors.workspace import Workspace
from evidence.people import People
from evidence.signed_record import same_key
from schemas.errors import ConfigurationError
from schemas.records import RECORD_TYPES


class DatedRecord(NamedTuple):
    """A file of records and when the store hears of it."""

    at: datetime
    kind: str
    path: Path


def dated_records(folder: Path) -> list[DatedRecord]:
    """The files `records/<day>.<kind>.yaml` (or `.csv`) of a company, in order; each is recorded at 16:00 UTC."""
    found: list[DatedRecord] = []
    for path in sorted((folder / "records").glob("*.*.*")):
        day, kind, _ = path.name.split(".", 2)
        found.append(DatedRecord(datetime.fromisoformat(f"{day}T16:00:00+00:00"), kind, path))
    return found


def record_written(workspace: Workspace, written: DatedRecord) -> int:
    """Record a file and give the number of its records. All records of one file have one signer."""
    if not workspace.store.simulated:
        raise ConfigurationError("the people of a simulated company have no business in a real store")
    record_type = RECORD_TYPES[written.kind]
    signer: Signer | None = None
    for draft in read_record_file(record_type, written.path, {}).drafts[:1]:
        address = draft.about.get("signed_by") or draft.values.get(record_type.signer or "")
        if address:
            signer = signer_of(workspace, address)
    return len(record_file(workspace, record_type, written.path, signer=signer))


def simulated_signer(address: str) -> Signer:
    """The key of a person who does not exist."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    seed = hashlib.sha256(f"simulated person {address}".encode()).digest()
    return Signer(Ed25519PrivateKey.from_private_bytes(seed))


def signer_of(workspace: Workspace, address: str) -> Signer | None:
    """The signer, where the programme has the key of that person."""
    signer, now = simulated_signer(address), workspace.now()
    keys = People(workspace.history()).keys_of(address, now, now)
    return signer if any(same_key(key, signer.public_key) for key in keys) else None
