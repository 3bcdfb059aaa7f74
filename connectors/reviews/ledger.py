"""Campaigns as the ledger has them: the packs that were opened, and everything people said about them since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from connectors.reviews.packs import read_pack
from connectors.store.claims import stored_object
from connectors.store.objects import check
from connectors.store.store import Store
from evidence.ledger_index import IndexedEntry
from evidence.reviews.campaign import Campaign, Decision, Delegation
from evidence.reviews.pack import PackRow
from schemas.instants import parse_instant

CONTROL, LINE = "CC6-UAR-01", "decisions"
PACK, DECIDED, DELEGATED, SIGNED = "access_pack", "access_decisions", "access_delegation", "access_review"
"""Types of record."""


@dataclass
class Review:
    """One campaign: a pack with its entries, in the order in which they came. The rows are read on first need."""

    store: Store
    opened: IndexedEntry
    entries: list[IndexedEntry] = field(default_factory=list[IndexedEntry])
    signed: IndexedEntry | None = None
    late: list[IndexedEntry] = field(default_factory=list[IndexedEntry])
    """What came after the signature, and counts for nothing."""
    _campaign: Campaign | None = None
    _taken: int = 0

    @property
    def body(self) -> Mapping[str, Any]:
        """The record of the pack."""
        assert self.opened.body is not None
        return self.opened.body

    @property
    def values(self) -> Mapping[str, Any]:
        return self.body["values"]

    @property
    def system(self) -> str:
        """The scope item."""
        return self.body["scope_item_id"]

    @property
    def window(self) -> str:
        return self.body["window"]

    @property
    def digest(self) -> str:
        """Of the pack: of the Parquet file as it is stored."""
        return self.values["pack"]

    @property
    def observed_at(self) -> datetime:
        """When the accounts were as the pack shows them."""
        return parse_instant(self.values["observed_at"])

    @property
    def campaign(self) -> Campaign:
        """The rows with what was decided so far. VerificationFailed where a file is not what was stored."""
        if self._campaign is None:
            rows = read_pack(self.store, stored_object(self.body["stored"][0]))
            self._campaign = Campaign.of(rows, self.values["assign"])
        for entry in self.entries[self._taken :]:
            self._take(self._campaign, entry)
        self._taken = len(self.entries)
        return self._campaign

    def opened_with(self, rows: Sequence[PackRow]) -> None:
        """Take the rows as they were just stored, instead of reading them back."""
        self._campaign = self._campaign or Campaign.of(rows, self.values["assign"])

    def _take(self, campaign: Campaign, entry: IndexedEntry) -> None:
        assert entry.body is not None
        values = entry.body["values"]
        if entry.body["record_type"] == DELEGATED:
            given = {name: values[name] for name in ("to", "by", "rows", "of", "at", "reason")}
            campaign.delegations.append(Delegation(**given))
            return
        said = values["decisions"]
        if said is None:  # many of them: in a file of their own
            path = check(self.store.files, stored_object(entry.body["stored"][0]))
            said = [orjson.loads(line) for line in path.read_bytes().splitlines()]
        campaign.take(Decision.from_json(one, entry.seq) for one in said)


class Reviews:
    """Every campaign of a store. `refresh` takes in what came since."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._at = 0
        self.by_pack: dict[tuple[str, str, str], Review] = {}
        """By system, window and digest of the pack, in the order in which they were opened."""
        self.refresh()

    def refresh(self) -> None:
        """Take in the entries that were not there before."""
        index = self._store.index()
        for entry in index[self._at :]:
            body = entry.body
            if entry.kind == "record" and body and body.get("control_id") == CONTROL and body.get("object"):
                self._take(entry, body)
        self._at = len(index)

    def _take(self, entry: IndexedEntry, body: Mapping[str, Any]) -> None:
        kind, values = body["record_type"], body["values"]
        key = (body["scope_item_id"], body["for_window"], values.get("pack") or "")
        if kind == PACK:
            self.by_pack.setdefault(key, Review(self._store, entry))
            return
        review = self.by_pack.get(key)
        if review is None:
            return
        if review.signed is not None:
            review.late.append(entry)
        elif kind == SIGNED:
            review.signed = entry
        elif kind in (DECIDED, DELEGATED):
            review.entries.append(entry)

    def of(self, system: str, window: str) -> Review | None:
        """The campaign of a system and quarter: the one that was signed, else the pack opened last."""
        found = [one for (item, id_, _), one in self.by_pack.items() if (item, id_) == (system, window)]
        signed = [one for one in found if one.signed is not None]
        return (signed or found or [None])[-1]

    def latest(self) -> list[Review]:
        """One campaign for each system and quarter, in order of quarter and system."""
        keys = sorted({(window, system) for system, window, _ in self.by_pack})
        return [found for window, system in keys if (found := self.of(system, window)) is not None]

    def signed_before(self, system: str, window: str) -> Review | None:
        """The last signed campaign of a system before a quarter."""
        found = [one for one in self.latest() if one.system == system and one.signed and one.window < window]
        return found[-1] if found else None
