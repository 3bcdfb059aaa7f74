"""What CloudTrail delivers: log files every quarter of an hour, and every hour a digest of them, signed and chained.

Files and digests are a function of the company file and the key pair, which is made anew with each server. A chain is
signed link by link from the trail's start on, so let a trail start shortly before what is looked at.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sandbox.aws import company as script
from sandbox.aws.trail_file import Trail
from sandbox.aws.trail_script import Record, Recorded, at_of

HOUR = timedelta(hours=1)
SLOT = timedelta(minutes=15)
FILE_AFTER = timedelta(minutes=5)
"""So long after a quarter of an hour its events are delivered: those of the last one are in the next hour's digest."""
DIGEST_AFTER = timedelta(minutes=20)


@dataclass(frozen=True)
class Stored:
    """A file in the bucket."""

    key: str
    data: bytes
    at: datetime
    metadata: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class _Digest:
    stored: Stored
    signature: str
    sha256: str


class TrailDelivery:
    """The trail of one company, as long as the server runs."""

    def __init__(self, company: script.AwsCompany, trail: Trail, recorded: Recorded) -> None:
        self.trail = trail
        self._recorded = recorded
        self._company = company
        self._chains: dict[tuple[str, str], list[_Digest]] = {}
        self._files: dict[tuple[str, str, datetime], Stored | None] = {}
        self.overwritten: dict[str, bytes | None] = {}
        """What somebody put in place of a file, by key; None: it was deleted."""

    @property
    def accounts(self) -> list[str]:
        """Accounts that it records."""
        if not self.trail.organisation:
            return [self.trail.account]
        return [account.id for account in self._company.accounts if account.in_organisation]

    def folder(self, account: str) -> str:
        """Where the files of an account lie."""
        organisation = self._company.organisation
        inner = f"{organisation.id}/" if self.trail.organisation and organisation is not None else ""
        return f"{self.trail.prefix}AWSLogs/{inner}{account}/"

    def listed(self, prefix: str, now: datetime) -> list[Stored]:
        """The files below a prefix, by key."""
        found: list[Stored] = []
        for account in self.accounts:
            for kind in ("CloudTrail", "CloudTrail-Digest"):
                for region in self._regions(account):
                    base = f"{self.folder(account)}{kind}/{region}/"
                    if base.startswith(prefix) or prefix.startswith(base):
                        found += self._below(account, region, kind, prefix, now)
        kept = [stored for stored in found if self.overwritten.get(stored.key, b"") is not None]
        known = {stored.key for stored in found}
        kept += [
            Stored(key, data, now - HOUR)
            for key, data in self.overwritten.items()
            if data is not None and key.startswith(prefix) and key not in known
        ]
        return sorted(kept, key=lambda stored: stored.key)

    def stored(self, key: str, now: datetime) -> Stored | None:
        """A file, as it lies there now."""
        if key in self.overwritten:
            data = self.overwritten[key]
            was = next((one for one in self.listed(key, now) if one.key == key), None) if data is not None else None
            return None if was is None or data is None else Stored(key, data, was.at, was.metadata)
        return next((one for one in self.listed(key, now) if one.key == key), None)

    @cached_property
    def _private(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @cached_property
    def public_key(self) -> bytes:
        """DER, PKCS #1, as ListPublicKeys shows it."""
        return self._private.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)

    @cached_property
    def fingerprint(self) -> str:
        return hashlib.md5(self.public_key, usedforsecurity=False).hexdigest()

    def _regions(self, account: str) -> list[str]:
        return next(sorted(one.regions) for one in self._company.accounts if one.id == account)

    def _paused(self, at: datetime) -> bool:
        return any(pause.start <= at < pause.end for pause in self.trail.pauses)

    def _below(self, account: str, region: str, kind: str, prefix: str, now: datetime) -> Iterator[Stored]:
        if kind == "CloudTrail-Digest":
            found = [digest.stored for digest in self._chain(account, region, now)]
        else:
            found = [stored for slot in self._slots(prefix, now) if (stored := self._file(account, region, slot))]
        for stored in found:
            if stored.key.startswith(prefix) and stored.at <= now:
                yield stored

    def _slots(self, prefix: str, now: datetime) -> Iterator[datetime]:
        """Quarters of an hour whose files may lie below a prefix that names a day or a file; all where it does not."""
        start, end = _floor(self.trail.started), now
        parts = prefix.split("/")
        place = parts.index("CloudTrail") if "CloudTrail" in parts else len(parts)
        if len(parts) > place + 4 and all(parts[place + 2 : place + 5]):
            day = datetime(*map(int, parts[place + 2 : place + 5]), tzinfo=UTC)  # type: ignore[misc]
            start, end = max(start, day - HOUR), min(end, day + timedelta(days=1))
        while start < end:
            yield start
            start += SLOT

    def _file(self, account: str, region: str, slot: datetime) -> Stored | None:
        key = (account, region, slot)
        if key not in self._files:
            records = [
                one
                for one in self._recorded.between(account, region, slot, slot + SLOT)
                if not self._paused(at_of(one))
            ]
            self._files[key] = self._written(account, region, slot, records) if records else None
        return self._files[key]

    def _written(self, account: str, region: str, slot: datetime, records: list[Record]) -> Stored:
        at = slot + SLOT + FILE_AFTER
        text = json.dumps({"Records": records}, separators=(",", ":"), ensure_ascii=False).encode()
        mark = hashlib.sha256(f"{account}{region}{slot}".encode()).hexdigest()[:16]
        key = (
            f"{self.folder(account)}CloudTrail/{region}/{at:%Y/%m/%d}/"
            f"{account}_CloudTrail_{region}_{at:%Y%m%dT%H%MZ}_{mark}.json.gz"
        )
        return Stored(key, gzip.compress(text, 6, mtime=0), at)

    def _chain(self, account: str, region: str, now: datetime) -> list[_Digest]:
        chain = self._chains.setdefault((account, region), [])
        at = _floor(self.trail.started) if not chain else chain[-1].stored.at - DIGEST_AFTER
        while at + HOUR + DIGEST_AFTER <= now:
            if not self._paused(at):
                before = chain[-1] if chain and chain[-1].stored.at == at + DIGEST_AFTER else None
                chain.append(self._digest(account, region, at, before))
            at += HOUR
        return [digest for digest in chain if digest.stored.at <= now]

    def _digest(self, account: str, region: str, start: datetime, before: _Digest | None) -> _Digest:
        end = start + HOUR
        key = (
            f"{self.folder(account)}CloudTrail-Digest/{region}/{end:%Y/%m/%d}/{account}_CloudTrail-Digest_{region}_"
            f"{self.trail.name}_{self.trail.region}_{end:%Y%m%dT%H%M%SZ}.json.gz"
        )
        files = [self._file(account, region, start + SLOT * number) for number in range(-1, 4)]
        named = [one for one in files if one is not None and start <= one.at < end]
        texts = [gzip.decompress(one.data) for one in named]
        times = sorted(record["eventTime"] for text in texts for record in json.loads(text)["Records"])
        content: dict[str, Any] = {
            "awsAccountId": account, "digestStartTime": _zulu(start), "digestEndTime": _zulu(end),
            "digestS3Bucket": self.trail.bucket, "digestS3Object": key,
            "digestPublicKeyFingerprint": self.fingerprint, "digestSignatureAlgorithm": "SHA256withRSA",
            "newestEventTime": times[-1] if times else None, "oldestEventTime": times[0] if times else None,
            "previousDigestS3Bucket": self.trail.bucket if before else None,
            "previousDigestS3Object": before.stored.key if before else None,
            "previousDigestHashValue": before.sha256 if before else None,
            "previousDigestHashAlgorithm": "SHA-256" if before else None,
            "previousDigestSignature": before.signature if before else None,
            "logFiles": [
                {
                    "s3Bucket": self.trail.bucket, "s3Object": one.key,
                    "hashValue": hashlib.sha256(text).hexdigest(), "hashAlgorithm": "SHA-256",
                    "newestEventTime": max(inner["eventTime"] for inner in json.loads(text)["Records"]),
                    "oldestEventTime": min(inner["eventTime"] for inner in json.loads(text)["Records"]),
                }
                for one, text in zip(named, texts, strict=True)
            ],
        }  # fmt: skip
        text = json.dumps(content, separators=(",", ":")).encode()
        sha256 = hashlib.sha256(text).hexdigest()
        before_signature = before.signature if before else "null"
        signed = f"{_zulu(end)}\n{self.trail.bucket}/{key}\n{sha256}\n{before_signature}".encode()
        signature = self._private.sign(signed, padding.PKCS1v15(), SHA256()).hex()
        metadata = {"signature": signature, "signature-algorithm": "SHA256withRSA"}
        stored = Stored(key, gzip.compress(text, 6, mtime=0), end + DIGEST_AFTER, metadata)
        return _Digest(stored, signature, sha256)


def _floor(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _zulu(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
