"""A record of a person as bytes that can be signed, and what is wrong with one that was (specification, 10b).

The document of a record is its body in the ledger without what the store adds to it. Its canonical bytes are stored as
an object of their own, their digest names the record, and a person's signature (ed25519) is over them. They name the
store, so that what was signed for a rehearsal can't be put into the real one.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal

from evidence.ledger import canonical, digest
from evidence.people import People
from schemas.instants import parse_instant

RECORD_FORMAT = "evidence-record/1"

SignedHow = Literal["key", "unauthenticated"]
AUTHENTICATED: frozenset[str] = frozenset({"key"})
"""Ways in which it is known that the signer signed. Otherwise the record is on the word of whoever recorded it."""

_ADDED = frozenset({"object", "stored", "signed_how", "signature", "file"})


def document_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """What the person said, without what the store says about it."""
    return {key: value for key, value in body.items() if key not in _ADDED}


def document_bytes(body: Mapping[str, Any]) -> bytes:
    """The bytes that are stored, digested and signed."""
    return canonical(document_of(body))


def public_key_text(public_key: str) -> str:
    """A key (base64) as it stands in the programme."""
    return f"ed25519:{public_key}"


def same_key(written: str, public_key: str) -> bool:
    """Whether the key of a programme, in either base64 alphabet and with or without padding, is that one (base64)."""
    bare = written.removeprefix("ed25519:").replace("-", "+").replace("_", "/").rstrip("=")
    return bare == public_key.rstrip("=")


def signature_holds(body: Mapping[str, Any], public_key: str, signature: str) -> bool:
    """Whether the owner of a key (base64) signed the document of a record."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
        key.verify(base64.b64decode(signature, validate=True), document_bytes(body))
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def record_problems(body: Mapping[str, Any], keys_of_signer: Collection[str]) -> Iterator[str]:
    """What does not hold of a `record` entry made by a person. `keys_of_signer`: those the programme had for them."""
    held = body.get("object") or {}
    if held.get("digest") != digest(document_bytes(body)):
        yield "the stored document of the record is another than the record itself"
    how, signature = body.get("signed_how"), body.get("signature")
    if how == "unauthenticated":
        if signature is not None:
            yield "the record is said to be unauthenticated and has a signature"
        return
    if how != "key" or not isinstance(signature, Mapping):
        yield f"the record says that it was signed by {how!r}, which is no way of signing, or its signature is missing"
        return
    public_key, signed = str(signature.get("public_key")), str(signature.get("signature"))
    if not signature_holds(body, public_key, signed):
        yield f"the signature of {body.get('signed_by')} does not hold: the record or the signature was altered"
    if not any(same_key(key, public_key) for key in keys_of_signer):
        yield (
            f"it is signed with {public_key_text(public_key)}, which the programme did not have for "
            f"{body.get('signed_by')} at that time"
        )


class SignedRecords:
    """Checks records entry by entry as a ledger is read, against the programme in force when each arrived."""

    def __init__(self) -> None:
        self._programmes: list[tuple[str, Mapping[str, Any]]] = []
        self._people: People | None = None

    def problems(self, kind: str, recorded_at: str, body: Mapping[str, Any]) -> Iterator[str]:
        """What does not hold of one entry, of any kind; entries come in their order."""
        if kind == "programme":
            self._programmes.append((recorded_at, body))
            self._people = None
        elif kind == "record" and body.get("format") == RECORD_FORMAT:
            yield from record_problems(body, self._keys_of_signer(body, recorded_at))

    def _keys_of_signer(self, body: Mapping[str, Any], recorded_at: str) -> list[str]:
        if body.get("signed_how") != "key":
            return []
        self._people = self._people or People.of_entries(self._programmes)
        return self._people.keys_of(body["signed_by"], parse_instant(body["performed_at"]), parse_instant(recorded_at))
