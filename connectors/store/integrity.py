"""Which of the objects that claims rest on are no longer what was stored, quickly enough to ask before every verdict.

A file is read and digested once; after that only when its stamp (inode, size, times of change) is another one. The list
of what was found sound is a cache under `index/`, deletable at any time. It spares work and proves nothing: `evidence
verify` looks at every byte.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

import orjson

from connectors.store.objects import check_digest
from schemas.errors import VerificationFailed

if TYPE_CHECKING:
    from connectors.store.store import Store

_CACHE = "index/sound-objects.json"


def damaged_objects(store: Store) -> dict[str, str]:
    """Digest and problem of each Parquet object that a claim names and that is missing or altered; empty if none is."""
    files = store.files
    known, sound, damaged = _read(store), dict[str, str](), dict[str, str]()
    for digest in _named(store):
        name = digest.removeprefix("sha256:")
        path = f"objects/{name[:2]}/{name}.parquet"
        try:
            stamp = files.stamp(path)
            if known.get(digest) != stamp:
                check_digest(files, "objects", digest, ".parquet")
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


def _named(store: Store) -> Iterable[str]:
    """Digests of the objects that claims name, each once."""
    return dict.fromkeys(
        claim.object_digest for entry in store.index() for claim in entry.claims if claim.object_digest is not None
    )


def _read(store: Store) -> dict[str, str]:
    try:
        held = orjson.loads(store.files.read(_CACHE))
        return dict(held["sound"]) if held["store"] == store.store_id else {}
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return {}
