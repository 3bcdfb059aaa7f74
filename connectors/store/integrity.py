"""Which of the objects that claims and records rest on are no longer what was stored, quickly enough for every verdict.

A file is read and digested once; after that only when its stamp (inode, size, times of change) is another one. The list
of what was found sound is a cache under `index/`, deletable at any time. It spares work and proves nothing: `evidence
verify` looks at every byte.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import orjson

from connectors.store.objects import check_digest
from schemas.errors import VerificationFailed

if TYPE_CHECKING:
    from connectors.store.store import Store

_CACHE = "index/sound-objects.json"


def damaged_objects(store: Store) -> dict[str, str]:
    """Digest and problem of each object that a claim or record names and that is missing or altered; empty if none."""
    files = store.files
    known, sound, damaged = _read(store), dict[str, str](), dict[str, str]()
    for digest, suffix in _named(store).items():
        name = digest.removeprefix("sha256:")
        path = f"objects/{name[:2]}/{name}{suffix}"
        try:
            stamp = files.stamp(path)
            if known.get(digest) != stamp:
                check_digest(files, "objects", digest, suffix)
        except FileNotFoundError:
            damaged[digest] = f"{path}: the ledger names this object and it is missing."
        except VerificationFailed as error:
            damaged[digest] = str(error)
        else:
            sound[digest] = stamp
    if sound != known:
        with contextlib.suppress(OSError):  # a store that can't be written to is looked through again next time
            files.replace_cache(_CACHE, orjson.dumps({"store": store.store_id, "sound": sound}))
    return damaged


def _named(store: Store) -> dict[str, str]:
    """Objects that claims name and records come with, each once: digest and how its file name ends."""
    found: dict[str, str] = {}
    for entry in store.index():
        for claim in entry.claims:
            if claim.object_digest is not None:
                found[claim.object_digest] = ".parquet"
        if entry.kind == "record" and entry.body:
            for held in (entry.body.get("object") or {}, *(entry.body.get("stored") or ())):
                if held.get("path") and held.get("digest"):
                    digest = str(held["digest"])
                    found.setdefault(digest, str(held["path"]).rpartition(digest.removeprefix("sha256:"))[2])
    return found


def _read(store: Store) -> dict[str, str]:
    try:
        held = orjson.loads(store.files.read(_CACHE))
        return dict(held["sound"]) if held["store"] == store.store_id else {}
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return {}
