"""Digest files of CloudTrail: what was delivered in an hour, signed, each naming the one before.

How a digest is signed and what it holds:
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-custom-validation.html. Pure functions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from connectors.aws.trail.layout import DigestName

HOUR = timedelta(hours=1)


class Stretch(NamedTuple):
    """A half-open stretch of time."""

    start: datetime
    end: datetime


class LogFile(msgspec.Struct, frozen=True, rename="camel"):
    """A log file as a digest names it; the hash is over what the file says once it is unpacked."""

    s3_bucket: str
    s3_object: str
    hash_value: str
    hash_algorithm: str

    @property
    def place(self) -> str:
        return f"{self.s3_bucket}/{self.s3_object}"


class Content(msgspec.Struct, frozen=True, rename="camel"):
    """What a digest file says."""

    aws_account_id: str
    digest_start_time: datetime
    digest_end_time: datetime
    digest_s3_bucket: str
    digest_s3_object: str
    digest_public_key_fingerprint: str
    digest_signature_algorithm: str
    newest_event_time: datetime | None
    oldest_event_time: datetime | None
    previous_digest_s3_bucket: str | None
    previous_digest_s3_object: str | None
    previous_digest_hash_value: str | None
    previous_digest_signature: str | None
    log_files: tuple[LogFile, ...]


_CONTENT = msgspec.json.Decoder(Content)


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest file as it lies in the bucket."""

    name: DigestName
    bucket: str
    key: str
    text: bytes
    """The file, unpacked."""
    content: Content
    signature: str | None
    """From the metadata of the object, in hex."""
    delivered_at: datetime | None = None

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text).hexdigest()

    @property
    def stretch(self) -> Stretch:
        """The time it speaks of; the hour before its name where it does not say the same of itself."""
        if self.names_itself():
            return Stretch(self.content.digest_start_time, self.content.digest_end_time)
        return Stretch(self.name.ends_at - HOUR, self.name.ends_at)

    def names_itself(self) -> bool:
        """Whether it says of itself what its place in the bucket says of it."""
        said = self.content
        return (
            (said.digest_s3_bucket, said.digest_s3_object) == (self.bucket, self.key)
            and said.aws_account_id == self.name.account
            and said.digest_end_time == self.name.ends_at
            and said.digest_start_time < said.digest_end_time
        )

    def signed_with(self, key: bytes) -> bool:
        """Whether its signature was made with the private half of a public key (DER, PKCS #1)."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric import padding, rsa
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import load_der_public_key

        said = self.content
        if self.signature is None or said.digest_signature_algorithm != "SHA256withRSA":
            return False
        try:
            public = load_der_public_key(key)
            signature = bytes.fromhex(self.signature)
        except ValueError:
            return False
        if not isinstance(public, rsa.RSAPublicKey):
            return False
        try:
            public.verify(signature, to_sign(said, self.sha256), padding.PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        return True


def to_sign(content: Content, sha256: str) -> bytes:
    """What AWS signs of a digest."""
    parts = (
        zulu(content.digest_end_time),
        f"{content.digest_s3_bucket}/{content.digest_s3_object}",
        sha256,
        content.previous_digest_signature or "null",
    )
    return "\n".join(parts).encode()


def zulu(moment: datetime) -> str:
    """An instant as CloudTrail writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read(text: bytes) -> Content | None:
    """What a digest file says; None where it is none."""
    try:
        return _CONTENT.decode(text)
    except msgspec.DecodeError:
        return None


@dataclass(slots=True)
class Link:
    """One digest, or the time for which there is none, in the order of a trail's chain."""

    region: str
    trail: str | None
    stretch: Stretch
    state: str
    detail: str | None = None
    digest: Digest | None = None
    signature_valid: bool | None = None
    follows: bool | None = None
    whole: int = 0
    missing: int = 0
    altered: int = 0

    @property
    def proven(self) -> bool:
        """Whether all that was delivered in this time is held: a restart takes nothing from its own hour."""
        return self.state in ("whole", "chain_restarted")

    def spoil(self, state: str, detail: str) -> None:
        """Note what is wrong; what was found first stays."""
        if self.proven:
            self.state, self.detail = state, detail


def chain(digests: Sequence[Digest], keys: Mapping[str, bytes]) -> list[Link]:
    """The digests of one trail and region in order, each judged, with a link for the time between two that don't touch.

    `keys` are the public keys by fingerprint. Of the first digest nobody can tell what it follows.
    """
    links: list[Link] = []
    before: Digest | None = None
    for digest in sorted(digests, key=lambda one: (one.name.ends_at, one.key)):
        stretch = digest.stretch
        if before is not None and before.stretch.end < stretch.start:
            links.append(
                Link(
                    digest.name.region, digest.name.trail, Stretch(before.stretch.end, stretch.start),
                    "digest_missing", f"no digest between {before.key} and {digest.key}",
                )
            )  # fmt: skip
        links.append(_judged(digest, before, keys))
        named = digest.content.previous_digest_s3_object
        if before is not None and links[-1].follows is False and named == before.key:
            of_before = next(link for link in reversed(links[:-1]) if link.digest is before)
            of_before.spoil("digest_altered", f"{digest.key} names another content of {before.key}")
        elif before is not None and named not in (None, before.key) and before.stretch.end >= stretch.start:
            links[-1].spoil("digest_altered", f"{digest.key} follows {named}, which is not there")
        before = digest
    return links


def _judged(digest: Digest, before: Digest | None, keys: Mapping[str, bytes]) -> Link:
    said = digest.content
    link = Link(digest.name.region, digest.name.trail, digest.stretch, "whole", digest=digest)
    if before is not None and said.previous_digest_s3_object is not None:
        link.follows = (
            said.previous_digest_s3_object == before.key
            and said.previous_digest_hash_value == before.sha256
            and said.previous_digest_signature == before.signature
        )
    elif said.previous_digest_s3_object is None:
        link.follows = False
    key = keys.get(said.digest_public_key_fingerprint)
    if not digest.names_itself():
        link.spoil("digest_altered", f"{digest.key} can't be read, or says that it is another")
    elif key is None:
        link.spoil(
            "key_unknown", f"AWS publishes no key {said.digest_public_key_fingerprint}, which {digest.key} names"
        )
    else:
        link.signature_valid = digest.signed_with(key)
        if not link.signature_valid:
            link.spoil("digest_altered", f"the signature of {digest.key} is not AWS's, or not of what it says")
    if said.previous_digest_s3_object is None:
        link.spoil("chain_restarted", f"{digest.key} names no digest before it")
    return link
