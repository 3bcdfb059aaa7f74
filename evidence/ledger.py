"""The chain of evidence: what the bytes of a ledger entry are, and what makes a sequence of them whole.

An entry is one JSON document in canonical form: keys sorted, no blanks, UTF-8, no newline. Its digest is the SHA-256 of
these bytes, and the next entry holds it under `previous`. The signature (ed25519) is over the same bytes without the
`signature` member. As keys are sorted, everything that reading needs to follow the chain stands at the end of the
bytes, so that half a million entries can be followed without parsing their bodies.

Pure functions: bytes and instants in, results out. Reading files is the store's business.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

import orjson

from schemas.errors import VerificationFailed

FORMAT = "evidence-ledger/1"

BODY_FIELDS: Mapping[str, tuple[str, ...]] = {
    "store": ("store_id", "simulated", "public_key", "product_version"),
    "key": ("action", "key_id", "public_key", "reason"),
    "programme": ("programme_digest",),
    "collection": ("run_id", "flow", "extractor", "claims", "manifests", "simulated"),
    "outcomes": (),
    "record": (),
    "closed_month": ("month", "first_seq", "last_seq", "path", "digest", "entries"),
    "anchor": ("head_seq", "head_digest", "sent_at", "via", "to", "receipt"),
}
"""The kinds of entries, and what the body of each can't do without for the ledger itself to be read."""

_CANONICAL = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS

# Members after `body`, in canonical order. Matched at the end of the bytes only: what a body holds can't imitate it.
_TAIL_BEGINS = b',"format":"'
_TAIL = re.compile(
    r',"format":"([ !#-\[\]-~]*)","key_id":"([ !#-\[\]-~]*)","kind":"([a-z_]+)",'
    r'"previous":(?:null|"(sha256:[0-9a-f]{64})"),"recorded_at":"([ !#-\[\]-~]+)",'
    r'"seq":([1-9][0-9]*)(,"signature":"([A-Za-z0-9+/=]+)")\}\Z'
)


class Header(NamedTuple):
    """What following the chain needs of an entry; the body is not looked at."""

    format: str
    key_id: str
    kind: str
    previous: str | None
    recorded_at: str
    seq: int
    signature: str
    signed_length: int
    """Length of the bytes before the `signature` member; with a closing brace these are what was signed."""


class Link(Protocol):
    """What the chain is followed by."""

    @property
    def seq(self) -> int: ...
    @property
    def previous(self) -> str | None: ...
    @property
    def recorded_at(self) -> str: ...


def canonical(value: Any) -> bytes:
    """The canonical bytes of a JSON value: sorted keys, no blanks. ValueError for what JSON can't say for certain."""
    _refuse_non_finite(value)
    try:
        return orjson.dumps(value, option=_CANONICAL)
    except (TypeError, orjson.JSONEncodeError) as error:
        raise ValueError(f"not a JSON value: {error}") from error


def _refuse_non_finite(value: Any) -> None:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"not a JSON value: {value} is no number that JSON knows")
    elif isinstance(value, Mapping):
        for inner in value.values():
            _refuse_non_finite(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            _refuse_non_finite(inner)


def digest(data: bytes) -> str:
    """`sha256:<hex>` of bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def format_recorded_at(instant: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SS.ffffffZ`: always the same width, so that the texts sort as the instants do."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def key_id_of(public_key: str) -> str:
    """`ed25519:` and the first 16 hex digits of the SHA-256 of the raw public key (given as base64)."""
    return "ed25519:" + hashlib.sha256(_public_bytes(public_key)).hexdigest()[:16]


def _public_bytes(public_key: str) -> bytes:
    raw = _strict_base64(public_key)
    if raw is None or len(raw) != 32:
        raise ValueError("a public key is 32 bytes in base64")
    return raw


def _strict_base64(text: str) -> bytes | None:
    """The bytes of a base64 text, None unless it is the one text that encodes them (no stray bits, no blanks)."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if base64.b64encode(raw).decode() == text else None


def unsigned_entry(
    *, seq: int, previous: str | None, recorded_at: str, kind: str, key_id: str, body: Mapping[str, Any]
) -> bytes:
    """The bytes that are signed."""
    problem = body_problem(kind, body)
    if problem is not None:
        raise ValueError(problem)
    return canonical({
        "format": FORMAT, "seq": seq, "previous": previous, "recorded_at": recorded_at, "kind": kind, "key_id": key_id,
        "body": body,
    })  # fmt: skip


def body_problem(kind: str, body: Any) -> str | None:
    """What keeps a body from being that of an entry of this kind, None where nothing does."""
    if kind not in BODY_FIELDS:
        return f"unknown kind of ledger entry {kind!r}; known are {', '.join(BODY_FIELDS)}"
    missing = [name for name in BODY_FIELDS[kind] if not isinstance(body, Mapping) or name not in body]
    return f"the body of a {kind} entry needs {', '.join(missing)}" if missing else None


def with_signature(unsigned: bytes, signature: str) -> bytes:
    """The bytes of the entry: `signature` is the last key in canonical order, so it is put before the last brace."""
    return unsigned[:-1] + b',"signature":"' + signature.encode("ascii") + b'"}'


def header_of(data: bytes) -> Header:
    """The header of an entry. VerificationFailed where the bytes don't end as every entry does."""
    start = data.rfind(_TAIL_BEGINS)
    found = None if start < 0 else _TAIL.match(str(data[start:], "latin-1"))
    if found is None:
        raise VerificationFailed("not a ledger entry in canonical form")
    form, key_id, kind, previous, recorded_at, seq, _, signature = found.groups()
    return Header._make((form, key_id, kind, previous, recorded_at, int(seq), signature, start + found.start(7)))


def signed_bytes(data: bytes, header: Header) -> bytes:
    """What the signature of an entry is over."""
    return data[: header.signed_length] + b"}"


def is_canonical(data: bytes) -> bool:
    """Whether bytes are the canonical form of what they say (no blanks, no repeated or unsorted keys)."""
    try:
        return orjson.dumps(orjson.loads(data), option=_CANONICAL) == data
    except orjson.JSONDecodeError:
        return False


def verify_signature(public_key: str, signature: str, message: bytes) -> bool:
    """Whether an ed25519 signature (base64) by a public key (base64) holds for a message."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    raw = _strict_base64(signature)
    if raw is None:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(_public_bytes(public_key)).verify(raw, message)
    except (InvalidSignature, ValueError):
        return False
    return True


@dataclass(slots=True)
class EnrolledKey:
    """A collector's key: valid for entries after `enrolled_seq` and before or at `ended_seq`."""

    key_id: str
    public_key: str
    enrolled_seq: int
    ended_seq: int | None = None
    ended_by: str | None = None


class KeyRing:
    """Which keys may sign, as the ledger itself says: the first entry enrols one, `key` entries change the set.

    `enrol` adds a key. `rotate` adds a key and ends the one that signed the entry. `revoke` ends the named key. Each is
    signed by a key in force. A rule that would leave nobody able to sign is refused.
    """

    def __init__(self) -> None:
        self._keys: dict[str, EnrolledKey] = {}

    def public_keys(self) -> dict[str, str]:
        """Every key ever enrolled, by id."""
        return {key.key_id: key.public_key for key in self._keys.values()}

    def enrolled(self) -> list[EnrolledKey]:
        """Every key ever enrolled, with when and how it ended."""
        return list(self._keys.values())

    def is_in_force(self, key_id: str) -> bool:
        key = self._keys.get(key_id)
        return key is not None and key.ended_seq is None

    def apply(self, entry: Mapping[str, Any]) -> None:
        """Take in a `store` or `key` entry whose signature has been checked. VerificationFailed if it breaks a rule."""
        body, seq = entry["body"], entry["seq"]
        if entry["kind"] == "store":
            if seq != 1:
                raise VerificationFailed("a second birth of the store: the kind `store` is for entry 1 alone")
            self._enrol(body["public_key"], key_id_of(body["public_key"]), seq)
            if entry["key_id"] not in self._keys:
                raise VerificationFailed("the first entry is not signed by the key it enrols")
        elif entry["kind"] == "key":
            self.check_change(body, signer=entry["key_id"])
            action = body["action"]
            if action in ("enrol", "rotate"):
                self._enrol(body["public_key"], body["key_id"], seq)
            if action in ("rotate", "revoke"):
                ended = self._keys[entry["key_id"] if action == "rotate" else body["key_id"]]
                ended.ended_seq, ended.ended_by = seq, action

    def check_change(self, body: Mapping[str, Any], *, signer: str) -> None:
        """Whether a `key` body would be allowed now. VerificationFailed with the rule it breaks."""
        action, key_id = body.get("action"), str(body.get("key_id"))
        if not self.is_in_force(signer):
            raise VerificationFailed(f"key {signer} may not change the set of keys: it is not in force")
        if action in ("enrol", "rotate"):
            try:
                derived = key_id_of(str(body.get("public_key")))
            except ValueError as error:
                raise VerificationFailed(f"key {key_id} can't be enrolled: {error}") from error
            if derived != key_id:
                raise VerificationFailed(f"key id {key_id} is not that of the public key given, which is {derived}")
            if key_id in self._keys:
                raise VerificationFailed(f"key {key_id} was enrolled before; an ended key never comes back")
        elif action == "revoke":
            if not self.is_in_force(key_id):
                raise VerificationFailed(f"key {key_id} can't be revoked: it is not in force")
            if sum(key.ended_seq is None for key in self._keys.values()) == 1:
                raise VerificationFailed(f"key {key_id} is the last one in force; enrol another before revoking it")
        else:
            raise VerificationFailed(f"unknown key action {action!r}; known are enrol, rotate, revoke")

    def _enrol(self, public_key: str, key_id: str, seq: int) -> None:
        self._keys[key_id] = EnrolledKey(key_id, public_key, seq)

    def signature_problem(self, data: bytes, header: Header) -> str | None:
        """What is wrong with the signature of an entry, None if it holds. Call before `apply` for the same entry."""
        if header.seq == 1:
            try:
                body = orjson.loads(data)["body"]
                public_key = body["public_key"]
                if key_id_of(public_key) != header.key_id:
                    return f"the first entry is signed by {header.key_id}, not by the key it enrols"
            except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
                return "the first entry enrols no key"
        else:
            key = self._keys.get(header.key_id)
            if key is None:
                return f"signed by {header.key_id}, a key that no entry before it enrols"
            if key.ended_seq is not None:
                return f"signed by {header.key_id}, which entry {key.ended_seq} has ended ({key.ended_by})"
            public_key = key.public_key
        if not verify_signature(public_key, header.signature, signed_bytes(data, header)):
            return f"the signature does not hold for key {header.key_id}"
        return None


@dataclass(slots=True)
class Chain:
    """Where following the chain has got to: the last entry taken in. Begins empty, before entry 1."""

    seq: int = 0
    digest: str | None = None
    recorded_at: str = ""

    def take(self, data: bytes, header: Link) -> None:
        """Follow the chain by one entry. VerificationFailed naming what does not fit; then nothing is taken in."""
        # Written out for speed: half a million entries pass here. `problem` says the same in words.
        if header.seq != self.seq + 1 or header.previous != self.digest or header.recorded_at < self.recorded_at:
            raise VerificationFailed(self.problem(header) or "it does not follow the entry before it")
        self.seq, self.recorded_at = header.seq, header.recorded_at
        self.digest = "sha256:" + hashlib.sha256(data).hexdigest()

    def problem(self, header: Link) -> str | None:
        """What does not fit between the last entry and this one."""
        if header.seq != self.seq + 1:
            return f"its sequence number is {header.seq}, expected {self.seq + 1}"
        if header.previous != self.digest:
            return (
                f"it names {header.previous} as the entry before it, but entry {self.seq} has {self.digest}: "
                "one of the two was altered or replaced"
            )
        if header.recorded_at < self.recorded_at:
            return f"it was recorded at {header.recorded_at}, earlier than entry {self.seq} ({self.recorded_at})"
        return None

    def accept(self, data: bytes, header: Link) -> None:
        """Go on from this entry whether or not it fits; a verifier does so, to find every problem and not the first."""
        self.seq, self.digest, self.recorded_at = header.seq, digest(data), header.recorded_at


def entry_problems(data: bytes, header: Header) -> list[str]:
    """What is wrong with an entry by itself: form, kind, instant. Signature and chain are looked at apart."""
    problems: list[str] = []
    if not is_canonical(data):
        problems.append("its bytes are not the canonical form of what they say")
    if header.format != FORMAT:
        problems.append(f"unknown format {header.format!r}; this version reads {FORMAT}")
    try:
        body_wrong = body_problem(header.kind, orjson.loads(data).get("body"))
    except (orjson.JSONDecodeError, AttributeError):
        body_wrong = None  # said above: it is not canonical
    if body_wrong is not None:
        problems.append(body_wrong)
    try:
        instant = datetime.fromisoformat(header.recorded_at)
    except ValueError:
        problems.append(f"recorded_at {header.recorded_at!r} is no instant")
    else:
        if instant.tzinfo is None or format_recorded_at(instant) != header.recorded_at:
            problems.append(f"recorded_at {header.recorded_at!r} is not written as every entry writes it")
    return problems


def check_chain(entries: Iterable[bytes], *, expect_head: str | None = None) -> tuple[Chain, KeyRing]:
    """Check a whole ledger given as the bytes of its entries, from the first to the last.

    Form, chain, signatures and key rules; the first thing that is wrong raises VerificationFailed with the position it
    was found at. `expect_head` is the digest of an entry that must be among them.
    """
    chain, keys = Chain(), KeyRing()
    expected = expect_head is None
    for position, data in enumerate(entries, start=1):
        try:
            header = header_of(data)
            chain.take(data, header)
            _check_entry(data, header, keys)
        except VerificationFailed as error:
            raise VerificationFailed(f"entry {position}: {error}") from None
        expected = expected or chain.digest == expect_head
    if not expected:
        raise VerificationFailed(f"the chain does not contain {expect_head}: it was cut off or rewritten")
    return chain, keys


def _check_entry(data: bytes, header: Header, keys: KeyRing) -> None:
    problems = entry_problems(data, header)
    signature_problem = keys.signature_problem(data, header)
    if signature_problem is not None:
        problems.append(signature_problem)
    if problems:
        raise VerificationFailed("; ".join(problems))
    if header.kind in ("store", "key"):
        keys.apply(orjson.loads(data))


def closed_month_problems(body: Mapping[str, Any], lines: Iterable[bytes], digests: Mapping[int, str]) -> Iterator[str]:
    """Where a closed month differs from its entry or from the originals.

    `lines` are the lines of the closed file without their newline; `digests` the digests of the entries by sequence
    number, as the originals gave them.
    """
    whole = hashlib.sha256()
    expected = first = int(body["first_seq"])
    for line in lines:
        whole.update(line + b"\n")
        held = digests.get(expected)
        if held is None:
            yield f"line {expected - first + 1} stands for entry {expected}, which is missing"
        elif digest(line) != held:
            yield f"line {expected - first + 1} differs from entry {expected}"
        expected += 1
    if expected - 1 != body["last_seq"] or expected - first != body["entries"]:
        yield f"it ends with entry {expected - 1}, and the closing entry says {body['last_seq']}"
    if "sha256:" + whole.hexdigest() != body["digest"]:
        yield f"its digest is sha256:{whole.hexdigest()}, and the closing entry says {body['digest']}"
