"""The seal of a closed month: a DSSE envelope over an in-toto Statement, with the Merkle root of the month's entries.

The formats are those of the wide world, so that other tools can check them: DSSE v1 (pre-authentication encoding,
ed25519), in-toto Statement v1, and Merkle trees as in RFC 6962, section 2.1. The root lets one entry be shown to an
auditor, with its inclusion proof, without the others.

Pure functions; the store reads and writes the files.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson

from evidence.ledger import canonical, verify_signature
from schemas.errors import VerificationFailed

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:soc2-evidence-pipeline:evidence-seal:v1"


def leaf_hash(entry: bytes) -> bytes:
    """RFC 6962: SHA-256 of 0x00 and the entry."""
    return hashlib.sha256(b"\x00" + entry).digest()


def _node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def merkle_root(leaves: Iterable[bytes]) -> str:
    """`sha256:<hex>` of the tree over leaf hashes, taken one by one; of no leaves, the SHA-256 of nothing."""
    stack: list[tuple[int, bytes]] = []  # complete subtrees, largest first: (height, hash)
    for leaf in leaves:
        height, node = 0, leaf
        while stack and stack[-1][0] == height:
            node = _node_hash(stack.pop()[1], node)
            height += 1
        stack.append((height, node))
    if not stack:
        return "sha256:" + hashlib.sha256(b"").hexdigest()
    root = stack.pop()[1]
    while stack:
        root = _node_hash(stack.pop()[1], root)
    return "sha256:" + root.hex()


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[str]:
    """The hashes (hex), from the leaf upwards, by which a leaf hash leads to the root. IndexError outside the tree."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"there is no leaf {index} among {len(leaves)}")
    if len(leaves) == 1:
        return []
    split = _split(len(leaves))
    if index < split:
        return [*inclusion_proof(leaves[:split], index), _subtree(leaves[split:]).hex()]
    return [*inclusion_proof(leaves[split:], index - split), _subtree(leaves[:split]).hex()]


def root_from_proof(leaf: bytes, index: int, size: int, proof: Sequence[str]) -> str:
    """The root to which a leaf hash leads. VerificationFailed where the proof can't be of a tree of that size."""
    hashes = list(proof)

    def climb(position: int, width: int) -> bytes:
        if width == 1:
            return leaf
        if not hashes:
            raise VerificationFailed("the inclusion proof is too short for a tree of that size")
        sibling = bytes.fromhex(hashes.pop())
        split = _split(width)
        if position < split:
            return _node_hash(climb(position, split), sibling)
        return _node_hash(sibling, climb(position - split, width - split))

    if not 0 <= index < size:
        raise VerificationFailed(f"there is no leaf {index} among {size}")
    root = climb(index, size)
    if hashes:
        raise VerificationFailed("the inclusion proof is too long for a tree of that size")
    return "sha256:" + root.hex()


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def _subtree(leaves: Sequence[bytes]) -> bytes:
    return bytes.fromhex(merkle_root(leaves).removeprefix("sha256:"))


def seal_statement(
    closed: Mapping[str, Any],
    *,
    store_id: str,
    simulated: bool,
    closing_entry: Mapping[str, Any],
    last_entry_digest: str,
    merkle: str,
    previous_seal: str | None,
    kinds: Mapping[str, int],
    claims_by_status: Mapping[str, int],
) -> dict[str, Any]:
    """The in-toto Statement over a closed month. `closed` is the body of its `closed_month` entry, `closing_entry`
    `{seq, digest, recorded_at}` of that entry, `previous_seal` the digest of the seal before it."""
    return {
        "_type": STATEMENT_TYPE,
        "subject": [
            {"name": closed["path"], "digest": {"sha256": closed["digest"].removeprefix("sha256:")}},
            {"name": f"ledger/{closed['last_seq']:08d}.json", "digest": {"sha256": _hex(last_entry_digest)}},
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "store_id": store_id, "simulated": simulated, "month": closed["month"],
            "first_seq": closed["first_seq"], "last_seq": closed["last_seq"], "entries": closed["entries"],
            "merkle_root": merkle, "closing_entry": dict(closing_entry), "previous_seal": previous_seal,
            "kinds": dict(kinds), "claims_by_status": dict(claims_by_status),
        },
    }  # fmt: skip


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """What DSSE v1 signs."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def envelope(statement: Mapping[str, Any], *, key_id: str, sign: Callable[[bytes], str]) -> bytes:
    """The DSSE envelope of a statement as canonical JSON; `sign` gives an ed25519 signature in base64."""
    payload = canonical(statement)
    return canonical({
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": key_id, "sig": sign(pre_authentication_encoding(PAYLOAD_TYPE, payload))}],
    })  # fmt: skip


def open_envelope(data: bytes, public_keys: Mapping[str, str]) -> dict[str, Any]:
    """The statement of an envelope, after a signature by one of `public_keys` (base64, by key id) was found to hold.

    Raises VerificationFailed with what is wrong.
    """
    try:
        document = orjson.loads(data)
        payload = base64.b64decode(document["payload"], validate=True)
        signatures = [(str(one["keyid"]), str(one["sig"])) for one in document["signatures"]]
        if document["payloadType"] != PAYLOAD_TYPE:
            raise VerificationFailed(f"the envelope holds {document['payloadType']!r}, expected {PAYLOAD_TYPE}")
    except (orjson.JSONDecodeError, binascii.Error, KeyError, TypeError, ValueError) as error:
        raise VerificationFailed("not a DSSE envelope") from error
    message = pre_authentication_encoding(PAYLOAD_TYPE, payload)
    known = [(key_id, signature) for key_id, signature in signatures if key_id in public_keys]
    if not known:
        raise VerificationFailed(
            f"signed by {', '.join(key_id for key_id, _ in signatures) or 'nobody'}, not known here"
        )
    if not any(verify_signature(public_keys[key_id], signature, message) for key_id, signature in known):
        raise VerificationFailed("the signature of the envelope does not hold")
    statement: dict[str, Any] = orjson.loads(payload)
    if statement.get("_type") != STATEMENT_TYPE or statement.get("predicateType") != PREDICATE_TYPE:
        raise VerificationFailed("the envelope holds no seal of a month")
    return statement
