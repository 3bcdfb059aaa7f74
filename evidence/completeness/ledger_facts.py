"""What the ledger says that completeness needs, sorted by what it is about. One pass over the entries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from evidence.ledger_index import IndexedClaim, IndexedEntry, Indexer
from evidence.spread import Spread
from schemas.instants import parse_instant


class StoredClaim(msgspec.Struct, gc=False):
    """A claim and the entry it stands in."""

    seq: int
    recorded_at: datetime
    claim: IndexedClaim


class StoredBody(NamedTuple):
    """A record and the entry it stands in."""

    seq: int
    recorded_at: datetime
    body: Mapping[str, Any]


class TestedWindow(NamedTuple):
    """What the latest test said of one window."""

    __test__ = False  # not a test case, whatever a test runner thinks of the name

    seq: int
    recorded_at: datetime
    as_of: datetime
    summary: Mapping[str, Any]


LineKey = tuple[str, str, str]
"""Control id, evidence id, scope item id."""


@dataclass
class LedgerFacts:
    """Everything the ledger said by one instant. Lists are in ledger order."""

    as_of: datetime
    simulated: bool | None = None
    claims: dict[tuple[str, str], list[StoredClaim]] = field(default_factory=dict[tuple[str, str], list[StoredClaim]])
    records: dict[LineKey, list[StoredBody]] = field(default_factory=dict[LineKey, list[StoredBody]])
    packs: dict[LineKey, list[StoredBody]] = field(default_factory=dict[LineKey, list[StoredBody]])
    seals: dict[LineKey, list[StoredBody]] = field(default_factory=dict[LineKey, list[StoredBody]])
    notes: dict[str, list[StoredBody]] = field(default_factory=dict[str, list[StoredBody]])
    """Not-applicable notes by control; a note without evidence or item id is about all of them."""
    dispositions: dict[tuple[str, str, str], dict[tuple[str, str], str]] = field(
        default_factory=dict[tuple[str, str, str], dict[tuple[str, str], str]]
    )
    """By (control, scope item, window): (population item, code or "") to the latest disposition."""
    tested: dict[LineKey, dict[str, TestedWindow]] = field(default_factory=dict[LineKey, dict[str, TestedWindow]])
    """Latest outcome summary by line and window."""
    programme_bodies: list[tuple[int, datetime, Mapping[str, Any]]] = field(
        default_factory=list[tuple[int, datetime, Mapping[str, Any]]]
    )
    declared_endpoints: set[str] = field(default_factory=set[str])
    controls_named: set[str] = field(default_factory=set[str])
    """Every control that an outcome or record names, so that one dropped from the catalogue is noticed."""
    last_seq: int = 0
    _spread: dict[tuple[str, str], Spread[int]] = field(default_factory=dict[tuple[str, str], Spread[int]])

    def take(self, entry: IndexedEntry) -> None:
        """Take in one entry; those recorded after `as_of` are passed over."""
        if entry.recorded_at > self.as_of:
            return
        self.last_seq = entry.seq
        if entry.kind == "collection":
            seq, recorded_at = entry.seq, entry.recorded_at
            claims = self.claims
            for claim in entry.claims:
                key = (claim.dataset, claim.scope_item_id)
                held = claims.get(key)
                if held is None:
                    claims[key] = [StoredClaim(seq, recorded_at, claim)]
                else:
                    held.append(StoredClaim(seq, recorded_at, claim))
            if entry.declared_endpoints:
                self.declared_endpoints.update(entry.declared_endpoints)
            return
        body = entry.body
        if body is None:
            return
        if entry.kind == "outcomes":
            self._take_outcomes(entry, body)
        elif entry.kind == "record":
            self._take_record(entry, body)
        elif entry.kind == "store":
            self.simulated = bool(body["simulated"])
        elif entry.kind == "programme":
            self.programme_bodies.append((entry.seq, entry.recorded_at, body))

    def _take_outcomes(self, entry: IndexedEntry, body: Mapping[str, Any]) -> None:
        control_id = body["control_id"]
        self.controls_named.add(control_id)
        tested_at = parse_instant(body["as_of"])
        for summary in body["summary"]:
            key = (control_id, summary["evidence_id"], summary["scope_item_id"])
            windows = self.tested.setdefault(key, {})
            windows[summary["window_id"]] = TestedWindow(entry.seq, entry.recorded_at, tested_at, summary)

    def _take_record(self, entry: IndexedEntry, body: Mapping[str, Any]) -> None:
        control_id, kind = body.get("control_id"), body["record_kind"]
        if control_id is None:
            return  # about the store or the programme, and so about no cell
        self.controls_named.add(control_id)
        stored = StoredBody(entry.seq, entry.recorded_at, body)
        if kind == "not_applicable":
            self.notes.setdefault(control_id, []).append(stored)
            return
        key = (control_id, body.get("evidence_id") or "", body.get("scope_item_id") or "")
        if kind in ("periodic", "document"):
            self.records.setdefault(key, []).append(stored)
        elif kind == "pack":
            self.packs.setdefault(key, []).append(stored)
        elif kind == "seal":
            self.seals.setdefault(key, []).append(stored)
        elif kind == "disposition":
            window = body.get("window") or body.get("window_id") or ""
            held = self.dispositions.setdefault((control_id, key[2], window), {})
            held[(body["item_id"], body.get("code") or "")] = body["disposition"]

    def sharing(self, dataset: str, scope_item_id: str, start: datetime, end: datetime) -> list[int]:
        """Entries with a stream claim that is no error and shares time with `[start, end)`."""
        key = (dataset, scope_item_id)
        spread = self._spread.get(key)
        if spread is None:
            spread = self._spread[key] = Spread(_lasting(self.claims.get(key, ())))
        return spread.sharing(start, end)

    def exceptions_open(self, key: LineKey, tested: TestedWindow) -> int:
        """Exceptions of a tested window that nobody dismissed as false positive.

        Where the summary names its exceptions (`exception_items`: item to codes), each is looked up; where it only
        counts them, the dismissed items of the window are taken off.
        """
        summary = tested.summary
        count = int(summary["exceptions"])
        held = self.dispositions.get((key[0], key[2], summary["window_id"]))
        if not held or not count:
            return count
        dismissed = {item for item, disposition in held.items() if disposition == "false_positive"}
        named: Mapping[str, Sequence[str]] | None = summary.get("exception_items")
        if named is None:
            return max(0, count - len({item_id for item_id, _ in dismissed}))
        return sum(not _is_dismissed(item_id, codes, dismissed) for item_id, codes in named.items())


def _lasting(claims: Iterable[StoredClaim]) -> Iterator[tuple[datetime, datetime, int]]:
    for stored in claims:
        claim = stored.claim
        if claim.start is not None and claim.end is not None and claim.status != "error":
            yield claim.start, claim.end, stored.seq


def _is_dismissed(item_id: str, codes: Sequence[str], dismissed: set[tuple[str, str]]) -> bool:
    return (item_id, "") in dismissed or (bool(codes) and all((item_id, code) in dismissed for code in codes))


def facts_of(entries: Iterable[IndexedEntry], as_of: datetime) -> LedgerFacts:
    """One pass over the entries of a ledger."""
    facts = LedgerFacts(as_of)
    take = facts.take
    for entry in entries:
        take(entry)
    return facts


def entries_from_json(entries: Iterable[Mapping[str, Any]]) -> Iterator[IndexedEntry]:
    """Ledger entries as dictionaries (what `evidence verify` reads from a package) in the shape taken here."""
    indexer = Indexer()
    return (indexer.entry(entry) for entry in entries)
