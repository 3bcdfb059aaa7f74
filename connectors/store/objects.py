"""Content-addressed files: the name is the digest, so the same bytes are stored once and others can't take the name."""

from __future__ import annotations

import hashlib
from pathlib import Path

from connectors.store.files import StoreFiles
from schemas.collection import StoredObject
from schemas.errors import StoreError, VerificationFailed

_BLOCK = 1 << 20


def put(
    files: StoreFiles,
    folder: str,
    suffix: str,
    content: bytes | Path,
    *,
    rows: int | None = None,
    rows_sha256: str | None = None,
) -> StoredObject:
    """Store bytes or a local file under `folder/ab/abcd…suffix`, durable on return; the same again changes nothing."""
    digest, size = _measure(content)
    path = f"{folder}/{digest[:2]}/{digest}{suffix}"
    created = files.create_if_absent(path, content)
    # What is on the medium is measured, not what was meant to be there.
    if _measure(files.local(path)) != (digest, size):
        raise StoreError(
            f"{files.location}: {path} holds other bytes than its name says"
            + ("; writing it went wrong. Check the disk." if created else ", and did so before this run.")
            + " Run evidence verify; restore the file from a copy of the store."
        )
    return StoredObject("sha256:" + digest, size, path, rows, rows_sha256)


def check(files: StoreFiles, stored: StoredObject) -> Path:
    """The object as a local file, after its length and digest were found right. VerificationFailed if they are not."""
    try:
        local = files.local(stored.path)
        digest, size = _measure(local)
    except FileNotFoundError:
        raise VerificationFailed(
            f"{stored.path}: the ledger names this object and it is missing. Restore it from a copy of the store."
        ) from None
    if size != stored.bytes or "sha256:" + digest != stored.digest:
        raise VerificationFailed(
            f"{stored.path}: its content is not what was stored ({size} bytes, sha256:{digest}). Nothing may be "
            "concluded from it; restore it from a copy of the store."
        )
    return local


def check_digest(files: StoreFiles, folder: str, digest: str, suffix: str) -> Path:
    """As `check`, for an object of which only the digest (`sha256:…`) is at hand."""
    name = digest.removeprefix("sha256:")
    path = f"{folder}/{name[:2]}/{name}{suffix}"
    try:
        local = files.local(path)
        found, _ = _measure(local)
    except FileNotFoundError:
        raise VerificationFailed(
            f"{path}: the ledger names this object and it is missing. Restore it from a copy of the store."
        ) from None
    if found != name:
        raise VerificationFailed(
            f"{path}: its content is not what was stored (sha256:{found}). Nothing may be concluded from it; restore "
            "it from a copy of the store."
        )
    return local


def _measure(content: bytes | Path) -> tuple[str, int]:
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest(), len(content)
    running, size = hashlib.sha256(), 0
    with open(content, "rb") as stream:
        while block := stream.read(_BLOCK):
            running.update(block)
            size += len(block)
    return running.hexdigest(), size
