"""Digests by which a verdict names the programme it was judged by, so that anybody can recompute them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evidence.ledger import canonical, digest


def register_digest(rows: Sequence[Mapping[str, Any]]) -> str:
    """`sha256:…` over the canonical JSON of a register's rows, in their order."""
    return digest(canonical([dict(row) for row in rows]))


def programme_digest(normalised: Mapping[str, Any], registers: Mapping[str, str]) -> str:
    """`sha256:…` over the normalised programme and the digests of its registers (name to digest)."""
    return digest(canonical({"programme": dict(normalised), "registers": dict(registers)}))
