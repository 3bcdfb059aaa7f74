"""How much of the ledger could still be rewritten without anybody outside noticing.

A chain alone can't show that its tail was cut off and grown anew by whoever holds the signing key. What was sent out of
the operator's reach can: everything up to the last head that was anchored. Pure functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

_DAY = timedelta(days=1)


@dataclass(slots=True)
class Anchoring:
    """Taken in entry by entry, in ledger order."""

    anchors: list[dict[str, Any]] = field(default_factory=list)
    """`{"seq", "head_seq", "head_digest", "sent_at", "via", "to"}` of every anchor."""
    _anchored_seq: int = 0
    _anchored_at: str | None = None
    _recorded: dict[int, str] = field(default_factory=dict)
    """When the entries after the last anchored one were recorded."""
    _latest: tuple[int, str] | None = None
    """The latest entry that is no anchor: anchors only tell of others."""
    _first_at: str | None = None

    def take(self, seq: int, kind: str, recorded_at: str, body: Mapping[str, Any] | None = None) -> None:
        """One entry; `body` is needed for anchors alone."""
        if self._first_at is None:
            self._first_at = recorded_at
        self._recorded[seq] = recorded_at
        if kind != "anchor":
            self._latest = (seq, recorded_at)
            return
        assert body is not None
        self.anchors.append({
            "seq": seq, "head_seq": body["head_seq"], "head_digest": body["head_digest"], "sent_at": body["sent_at"],
            "via": body["via"], "to": body["to"],
        })  # fmt: skip
        if body["head_seq"] > self._anchored_seq:
            self._anchored_seq = body["head_seq"]
            self._anchored_at = self._recorded.get(self._anchored_seq, recorded_at)
            self._recorded = {one: at for one, at in self._recorded.items() if one > self._anchored_seq}

    def unanchored_days(self) -> int:
        """Days, begun ones counted whole, between the last anchored entry (or the first one) and the latest entry.

        0 where nothing has been recorded since the last anchor, except anchors.
        """
        if self._latest is None or self._latest[0] <= self._anchored_seq:
            return 0
        since = self._anchored_at or self._first_at
        assert since is not None
        span = datetime.fromisoformat(self._latest[1]) - datetime.fromisoformat(since)
        return max(1, -(-span // _DAY))


def anchoring_of(entries: Iterable[Mapping[str, Any]]) -> Anchoring:
    """The anchoring of a whole ledger, from its entries in order."""
    anchoring = Anchoring()
    for entry in entries:
        anchoring.take(entry["seq"], entry["kind"], entry["recorded_at"], entry["body"])
    return anchoring
