"""Node ids and numbers that stay the same for the same company, however the clock moves."""

from __future__ import annotations

import hashlib
import struct
from base64 import urlsafe_b64encode

_LOWEST = 1 << 28
_RANGE = (1 << 31) - _LOWEST


class Numbers:
    """Hands out database ids: 31-bit, as GraphQL's `Int` allows, derived from what the thing is called."""

    def __init__(self) -> None:
        self._taken: set[tuple[str, int]] = set()

    def allot(self, kind: str, key: str) -> int:
        """A number that is unique among things of one kind."""
        digest = hashlib.blake2b(f"{kind}\0{key}".encode(), digest_size=8).digest()
        number = _LOWEST + int.from_bytes(digest, "big") % _RANGE
        while (kind, number) in self._taken:
            number = _LOWEST + (number + 1 - _LOWEST) % _RANGE
        self._taken.add((kind, number))
        return number


def node_id(prefix: str, *parts: int | str) -> str:
    """GitHub's own form: a type prefix and the url-safe base64 of a msgpack array, for example `R_kgDO…`."""
    packed = bytes([0x90 + len(parts) + 1, 0])
    for part in parts:
        if isinstance(part, int):
            packed += b"\xce" + struct.pack(">I", part)
        else:
            text = part.encode()
            packed += b"\xda" + struct.pack(">H", len(text)) + text
    return f"{prefix}_{urlsafe_b64encode(packed).decode().rstrip('=')}"


def object_id(*parts: str) -> str:
    """Forty hexadecimal digits for an object that a script names but does not carry."""
    return hashlib.sha1("\0".join(parts).encode(), usedforsecurity=False).hexdigest()
