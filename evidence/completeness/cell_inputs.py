"""What the engine is given for one row: stored claims and records turned into runs, snapshots, records and the rest.

Runs and snapshots of one dataset and item are made once and shared by every line that reads them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from evidence.completeness.ledger_facts import LedgerFacts, StoredBody, StoredClaim
from evidence.completeness.matrix import Row
from evidence.completeness.model import (
    VERIFIED,
    CellInputs,
    ExceptionCount,
    NotApplicable,
    OutcomePending,
    Pack,
    Record,
    Run,
    Seal,
    Snapshot,
)
from evidence.completeness.requirements import Group
from evidence.people import BOTH_LISTS, ListName, People
from evidence.programme_history import ProgrammeHistory
from evidence.signed_record import AUTHENTICATED
from schemas.instants import optional_instant, parse_instant

_MISMATCH = "mismatch"
_TICK = timedelta(microseconds=1)
_MAX_PENDING = 1000
_QUARTERS = {month: (month - 1) // 3 + 1 for month in range(1, 13)}

NO_INPUTS = CellInputs()


class InputsReader:
    """Makes the engine's inputs out of the facts of the ledger."""

    def __init__(self, facts: LedgerFacts, history: ProgrammeHistory, damaged: frozenset[str]) -> None:
        self._facts = facts
        self._damaged = damaged
        self._people = People(history)
        self._shared_rows: dict[tuple[tuple[str, int], ...], Mapping[str, int]] = {}
        self._streams: dict[tuple[str, str], tuple[Run, ...]] = {}
        self._snapshots: dict[tuple[str, str], tuple[tuple[Snapshot, ...], tuple[Run, ...]]] = {}
        self._restating: dict[tuple[str, str], list[StoredClaim]] = {}

    def common(self, row: Row) -> CellInputs:
        """What every source group of a row shares: records, notes, exceptions, outcomes still open, seals."""
        facts, key = self._facts, row.key
        records = facts.records.get(key)
        packs = facts.packs.get(key)
        seals = facts.seals.get(key)
        notes = row.notes() if row.control.id in facts.notes else None
        tested = facts.tested.get(key)
        if not (records or packs or seals or notes or tested):
            return NO_INPUTS
        exceptions: list[ExceptionCount] = []
        pending: list[OutcomePending] = []
        for window, found in (tested or {}).items():
            still_open = facts.exceptions_open(key, found)
            if still_open:
                exceptions.append(ExceptionCount(window, still_open, found.recorded_at))
            count, resolves_at = found.summary.get("pending", 0), found.summary.get("resolves_at")
            if count and resolves_at:
                one = OutcomePending(window, parse_instant(resolves_at), found.recorded_at)
                pending += [one] * min(count, _MAX_PENDING)
        return CellInputs(
            records=tuple(self._record(stored, row) for stored in records or ()),
            packs=tuple(_pack(stored) for stored in packs or ()),
            not_applicable=tuple(self._notes(notes or ())),
            exceptions=tuple(exceptions),
            outcomes_pending=tuple(pending),
            seals=tuple(_seal(stored) for stored in seals or ()),
        )

    def with_proof(self, row: Row, group: Group, common: CellInputs) -> CellInputs:
        """The inputs of one source group: the shared ones with its runs or snapshots."""
        if group.dataset is None:
            return common
        key = group.claims_key(row.item.id)
        if key not in self._facts.claims:
            return common
        if group.kind == "event_stream":
            runs, snapshots = self._runs(key), ()
        else:
            snapshots, runs = self._observed(key)
        if common is NO_INPUTS:
            return CellInputs(runs=runs, snapshots=snapshots)
        return replace(common, runs=runs, snapshots=snapshots)

    def restating(self, key: tuple[str, str]) -> list[StoredClaim]:
        """Claims of a dataset and item whose rows differed from what was held before."""
        found = self._restating.get(key)
        if found is None:
            claims = self._facts.claims.get(key, ())
            found = self._restating[key] = [stored for stored in claims if stored.claim.changes_population]
        return found

    # --- claims ------------------------------------------------------------------------------------------------------

    def _runs(self, key: tuple[str, str]) -> tuple[Run, ...]:
        found = self._streams.get(key)
        if found is None:
            found = self._streams[key] = tuple(self._make_runs(self._facts.claims[key]))
        return found

    def _make_runs(self, claims: list[StoredClaim]) -> Iterator[Run]:
        damaged = self._damaged
        for stored in claims:
            claim = stored.claim
            start, end, status = claim.start, claim.end, claim.status
            if start is None or end is None:
                if status != "error":
                    continue  # a stream claim without its interval asserts nothing
                start, end = claim.started_at, claim.started_at + _TICK
            failed = status == "error"
            rows = claim.rows
            months = claim.rows_by_month
            yield Run(
                start,
                end,
                claim.started_at,
                stored.recorded_at,
                "ok" if status == "ok" else "error" if failed else "truncated",
                None if failed else rows,
                self._by_window(months) if months and rows else None,
                claim.complete_until,
                claim.proof_of_life,
                _MISMATCH if damaged and claim.object_digest in damaged else VERIFIED,
                claim.query_hash or None,
                claim.superset_of,
                claim.changes_population,
            )

    def _by_window(self, months: Mapping[str, int]) -> Mapping[str, int]:
        key = tuple(months.items())  # few rows in one month: the same figures come again and again
        found = self._shared_rows.get(key)
        if found is None:
            found = self._shared_rows[key] = _by_window(months)
        return found

    def _observed(self, key: tuple[str, str]) -> tuple[tuple[Snapshot, ...], tuple[Run, ...]]:
        found = self._snapshots.get(key)
        if found is None:
            snapshots: list[Snapshot] = []
            failures: list[Run] = []
            for stored in self._facts.claims[key]:
                claim, recorded_at = stored.claim, stored.recorded_at
                if claim.status == "ok" and claim.observed_at is not None:
                    bad = bool(self._damaged) and claim.object_digest in self._damaged
                    snapshots.append(Snapshot(claim.observed_at, recorded_at, _MISMATCH if bad else VERIFIED))
                else:
                    # Nothing, or less than everything that was there before, was seen: an attempt that failed.
                    failures.append(
                        Run(claim.started_at, claim.started_at + _TICK, claim.started_at, recorded_at, "error")
                    )
            found = self._snapshots[key] = (tuple(snapshots), tuple(failures))
        return found

    # --- records -----------------------------------------------------------------------------------------------------

    def _record(self, stored: StoredBody, row: Row) -> Record:
        body = stored.body
        performed_at = parse_instant(body.get("performed_at") or body["approved_at"])
        return Record(
            performed_at=performed_at,
            recorded_at=stored.recorded_at,
            for_window=body.get("for_window"),
            population_at=optional_instant(body.get("population_at")),
            population_complete=body.get("population_complete", True),
            undecided=body.get("undecided", 0),
            corroborated=body.get("corroborated", False),
            integrity=_MISMATCH if self._is_damaged(body) else body.get("integrity", VERIFIED),
            signer_listed=body.get("signer_listed", True) and self._signer_listed(stored, performed_at, row),
            authenticated=body.get("signed_by") is None or body.get("signed_how") in AUTHENTICATED,
        )

    def _signer_listed(self, stored: StoredBody, performed_at: datetime, row: Row) -> bool:
        """Who decides on a list of accounts is a reviewer; everything else an approver may sign as well."""
        signer = stored.body.get("signed_by")
        if signer is None:
            return True
        lists: tuple[ListName, ...] = ("reviewers",) if row.line.pack_max_age_days else BOTH_LISTS
        return bool(self._people.listed(signer, performed_at, stored.recorded_at, lists))

    def _is_damaged(self, body: Mapping[str, Any]) -> bool:
        """Whether the document of a record, or a file that goes with it, is not what it was."""
        if not self._damaged:
            return False
        held = [body.get("object") or {}, *(body.get("stored") or ())]
        return any(one.get("digest") in self._damaged for one in held)

    def _notes(self, notes: tuple[()] | list[StoredBody]) -> Iterator[NotApplicable]:
        for stored in notes:
            body = stored.body
            requested_by, approved_by = body.get("requested_by"), body.get("approved_by")
            yield NotApplicable(
                parse_instant(body["from"]),
                parse_instant(body["to"]),
                # Aliases are one person: nobody approves their own request under a second address.
                None if requested_by is None else self._people.person(requested_by),
                None if approved_by is None else self._people.person(approved_by),
                optional_instant(body.get("approved_at")),
                stored.recorded_at,
                body.get("reason"),
            )


def _pack(stored: StoredBody) -> Pack:
    return Pack(stored.body["window"], stored.recorded_at)


def _seal(stored: StoredBody) -> Seal:
    sealed_at = stored.body.get("sealed_at")
    # A seal counts from its arrival at the earliest: nobody seals the past.
    at = stored.recorded_at if sealed_at is None else max(parse_instant(sealed_at), stored.recorded_at)
    return Seal(stored.body.get("window") or stored.body["window_id"], at)


def _by_window(months: Mapping[str, int]) -> Mapping[str, int]:
    """Rows by month as rows by window id: the months themselves, and their quarters and the period as sums."""
    by_window = dict(months)
    for month, rows in months.items():
        quarter = f"{month[:4]}-Q{_QUARTERS[int(month[5:7])]}"
        by_window[quarter] = by_window.get(quarter, 0) + rows
    by_window["period"] = sum(months.values())
    return by_window
