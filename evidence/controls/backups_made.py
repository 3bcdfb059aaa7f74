"""A1-BKP-01: backups succeed, in the rhythm that is promised, out of reach of who could destroy them.

By the backup jobs and snapshots of databases of an account (`aws.backup_jobs`), store by store:

- RPO_MISSED      between two good recovery points, or since the last one, lies more than the promised time
                  (`recovery_point_hours`) and a quarter of it; or a backup that failed was not made good in 24 hours

By each snapshot of what there is to restore from (`aws.recovery_points`):

- UNPROTECTED     a database with nothing to restore it from
- VAULT_UNLOCKED  a vault that holds recovery points and is not locked, so that they can be deleted

A store in order makes one row; one that is not makes a row per gap, `<store>@<its beginning>`.

Decisions where the rule leaves room:

- Stores are the databases and clusters that RDS lists, and what AWS Backup protects. Of the latter nobody says whether
  it still exists once no backup of it is made: its gaps are `unknown`.
- A database inside a cluster is backed up with its cluster.
- A copy to another place is no recovery point of its own: it holds what was there before.
- A database that can be restored to any moment has a recovery point at the latest such moment that each snapshot shows,
  and at every moment between two snapshots that lie close together.
- What is owed begins with the store, and ends with the first snapshot that does not show it any more.
- A gap counts in the window in which it becomes too long, and again in each that it fills for too long; it is unknown
  where not all jobs of it are held.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from evidence.controls.detail import read_detail
from evidence.controls.held import has_closed, window_unknown
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.stretches import Seen, Stretches
from schemas.aws_operations import BACKUP_JOBS, RECOVERY_POINTS
from schemas.instants import format_instant, parse_instant
from schemas.outcome import Outcome, OutcomeValue

JOBS = "jobs"
POINTS = "points"
RPO_MISSED = "RPO_MISSED"
UNPROTECTED = "UNPROTECTED"
VAULT_UNLOCKED = "VAULT_UNLOCKED"
CODES = (RPO_MISSED, UNPROTECTED, VAULT_UNLOCKED)

SLACK = 1.25
"""How much longer than promised an interval may be."""
MADE_GOOD = timedelta(hours=24)
_CLOSE = timedelta(hours=49)
"""Snapshots so close together leave no doubt of the time between them."""
_MADE = frozenset({"backup_job", "database_event", "database_snapshot", "cluster_snapshot"})
_CREATED = ("InstanceCreateTime", "ClusterCreateTime")

Row = Mapping[str, Any]


@dataclass(slots=True)
class _Store:
    id: str
    names: frozenset[str]
    known_to_exist: bool
    since: datetime | None
    """When it was made, where that is told."""
    first_seen: datetime
    gone: datetime | None = None
    """The first snapshot that does not show it any more."""
    restorable: list[tuple[datetime, datetime | None]] = field(default_factory=list[tuple[datetime, datetime | None]])
    """Snapshot, and the latest moment to which it could be restored then."""
    digests: dict[str, None] = field(default_factory=dict[str, None])
    good: list[datetime] = field(default_factory=list[datetime])
    failed: list[datetime] = field(default_factory=list[datetime])


def backups_succeed(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """Rows for the stores of an account, its databases without backup and its vaults."""
    if not window.scope_item_id.startswith("aws:"):
        why = "backups of this system are not judged yet."
        return [window_unknown(window, JOBS, why)] if has_closed(window) else []
    stretches = Stretches(window, POINTS)
    stores: dict[str, _Store] = {}
    before = evidence.snapshot_before(RECOVERY_POINTS, window.scope_item_id, window.start - timedelta(microseconds=1))
    if before is not None:
        _note(stores, before[1], before[0], before[2])
    for seen_at, rows, digest in evidence.snapshots(RECOVERY_POINTS, window.scope_item_id, window.start, window.end):
        stretches.add(seen_at, digest, dict(_restorable(rows)))
        _note(stores, rows, seen_at, digest)
    outcomes = [*stretches.outcomes(), *_Rhythm(window, evidence, stores).outcomes()]
    if has_closed(window):
        if not stretches.snapshots:
            outcomes.append(window_unknown(window, POINTS, "no snapshot of recovery points is held."))
        if not evidence.covered(BACKUP_JOBS, window.scope_item_id, window.start, window.end):
            outcomes.append(window_unknown(window, JOBS, "not all backup jobs of the window are held."))
    return outcomes


def _restorable(rows: Sequence[Row]) -> Iterator[tuple[str, Seen]]:
    used = {(row["region"], row["vault"]) for row in rows if row["kind"] == "recovery_point"}
    clusters = {row["resource_id"].rpartition(":")[2] for row in rows if row["kind"] == "store" and _is_cluster(row)}
    for row in rows:
        if row["kind"] == "store" and _cluster_of(row) not in clusters:
            label = f"{row['resource_type'] or 'store'} {row['resource_id']}"
            if _switched_off(row) and not _kept(row, rows):
                yield (
                    row["point_id"],
                    Seen(label, "its backups are off and nothing is there to restore it from", (UNPROTECTED,)),
                )
            elif row["protected"] is None:
                yield row["point_id"], Seen(label, "not known whether it can be restored", unknown=True)
            elif row["protected"]:
                yield row["point_id"], Seen(label, "can be restored")
            else:
                yield row["point_id"], Seen(label, "nothing is there to restore it from", (UNPROTECTED,))
        elif row["kind"] == "vault" and (row["region"], row["vault"]) in used:
            label = f"vault {row['vault']} in {row['region']}"
            if row["vault_locked"] is None:
                yield row["point_id"], Seen(label, "not known whether it is locked", unknown=True)
            elif row["vault_locked"]:
                yield row["point_id"], Seen(label, "locked")
            else:
                yield row["point_id"], Seen(label, "holds recovery points and is not locked", (VAULT_UNLOCKED,))


def _switched_off(row: Row) -> bool:
    """Whether RDS keeps no backups of it; a moment to restore to can then be an old one."""
    return read_detail(row["raw"]).get("BackupRetentionPeriod") == 0


def _kept(row: Row, rows: Sequence[Row]) -> bool:
    """Whether some recovery point or snapshot of a store is there."""
    names = _names(row)
    points = (one for one in rows if one["kind"] in ("recovery_point", "database_snapshot", "cluster_snapshot"))
    return any(one["resource_id"] in names or f"{one['region']}:{one['resource_id']}" in names for one in points)


def _is_cluster(row: Row) -> bool:
    return ":cluster:" in row["resource_id"]


def _cluster_of(row: Row) -> str | None:
    """The cluster that an instance is part of; None for a cluster itself."""
    return None if _is_cluster(row) else read_detail(row["raw"]).get("DBClusterIdentifier")


def _note(stores: dict[str, _Store], rows: Sequence[Row], seen_at: datetime, digest: str) -> None:
    """What a snapshot says of which stores there are."""
    shown: set[str] = set()
    clusters = {row["resource_id"].rpartition(":")[2] for row in rows if row["kind"] == "store" and _is_cluster(row)}
    for row in sorted(rows, key=lambda row: row["kind"] != "store"):
        if row["kind"] not in ("store", "protected_resource") or row["resource_id"] in shown:
            continue
        if row["kind"] == "store" and _cluster_of(row) in clusters:
            shown.add(row["resource_id"])
            stores.pop(row["resource_id"], None)
            continue
        shown.add(row["resource_id"])
        store = stores.get(row["resource_id"])
        if store is None:
            store = stores[row["resource_id"]] = _Store(
                row["resource_id"], _names(row), row["kind"] == "store", _made_at(row), seen_at
            )
        store.gone = None
        store.restorable.append((seen_at, row["latest_restorable_at"]))
        store.digests[digest] = None
    for store in stores.values():
        if store.id not in shown and store.gone is None:
            store.gone = seen_at


def _names(row: Row) -> frozenset[str]:
    """How jobs name a store: by its ARN, or within a region by its last part."""
    return frozenset((row["resource_id"], f"{row['region']}:{row['resource_id'].rpartition(':')[2]}"))


def _made_at(row: Row) -> datetime | None:
    told = read_detail(row["raw"])
    text = next((told[name] for name in _CREATED if told.get(name)), None)
    try:
        return None if text is None else parse_instant(str(text))
    except ValueError:
        return None


class _Rhythm:
    """Whether each store had its recovery points in time."""

    def __init__(self, window: TestWindow, evidence: StoredEvidence, stores: Mapping[str, _Store]) -> None:
        self._window, self._evidence, self._stores = window, evidence, stores
        by_name = {name: store for store in stores.values() for name in store.names}
        self._until = min(window.end, window.as_of)
        longest = max([self._limit(store) for store in stores.values()], default=timedelta(0))
        # Later ones tell whether a failure at the end of the window was made good.
        end = min(window.end + MADE_GOOD, window.as_of)
        rows = evidence.rows(BACKUP_JOBS, window.scope_item_id, window.start - longest, end) if stores else ()
        for row, digest in rows:
            if row["kind"] not in _MADE:
                continue
            name = f"{row['region']}:{row['resource_id'].rpartition(':')[2]}"
            store = by_name.get(row["resource_id"]) or by_name.get(name)
            if store is None:
                continue
            store.digests[digest] = None
            if row["result"] == "succeeded":
                store.good.append(row["event_time"])
            elif row["result"] in ("failed", "expired"):
                store.failed.append(row["event_time"])

    def _limit(self, store: _Store) -> timedelta:
        rules = self._window.programme.evidence_rules
        own = rules.recovery_point_hours_of
        last = store.id.rpartition(":")[2]
        hours = next((own[name] for name in (store.id, last) if name in own), rules.recovery_point_hours)
        return timedelta(hours=float(hours) * SLACK)

    def outcomes(self) -> Iterator[Outcome]:
        for store in sorted(self._stores.values(), key=lambda store: store.id):
            found = [*self._gaps(store), *self._failures(store)]
            yield from found
            if not found and self._owed(store) is not None:
                limit = self._limit(store)
                words = f"{store.id}: never longer than {_hours(limit)} between good recovery points."
                yield self._row(store, store.id, self._window.start, "pass", words)

    def _owed(self, store: _Store) -> tuple[datetime, datetime] | None:
        """From when to when recovery points of it are owed in this window."""
        born = store.since if store.since is not None else store.first_seen
        # One that the first snapshot of the window shows, and of which nobody tells its age, was there before.
        if store.since is None and store.restorable[0][0] == min(one.first_seen for one in self._stores.values()):
            born = self._window.start
        start = max(self._window.start, born)
        end = self._until if store.gone is None else min(self._until, store.gone)
        return (start, end) if start < end else None

    def _gaps(self, store: _Store) -> Iterator[Outcome]:
        owed = self._owed(store)
        if owed is None:
            return
        start, end = owed
        limit = self._limit(store)
        points = sorted({*store.good, *(at for _seen, at in store.restorable if at is not None)})
        # What became too long before the window is told there, and here only what of it is too long by itself.
        begin = max((at for at in points if start - limit < at <= start), default=start)
        marks = [begin, *(at for at in points if start < at < end), end]
        for one, two in pairwise(marks):
            if two - one > limit and not self._continuous(store, one, two):
                yield self._gap(store, one, two, limit)

    def _gap(self, store: _Store, one: datetime, two: datetime, limit: timedelta) -> Outcome:
        words = f"{store.id}: no good recovery point from {format_instant(one)} to {format_instant(two)}"
        words += f" ({_hours(two - one)}, {_hours(limit)} allowed)"
        item = f"{store.id}@{format_instant(one)}"
        if not self._held(max(one, self._window.start), two):
            return self._row(store, item, one, "unknown", f"{words}. Not known: jobs of that time are not all held.")
        if not store.known_to_exist:
            return self._row(store, item, one, "unknown", f"{words}. Not known: whether it still exists.")
        return self._row(store, item, one, "exception", f"{words}.", codes=(RPO_MISSED,))

    def _failures(self, store: _Store) -> Iterator[Outcome]:
        """Backups that failed in the window and were not made good."""
        owed = self._owed(store)
        for at in sorted(set(store.failed)):
            due = at + MADE_GOOD
            if owed is None or not owed[0] <= at < owed[1] or any(at <= good <= due for good in store.good):
                continue
            if any(point is not None and at <= point <= due for _seen, point in store.restorable):
                continue
            item = f"{store.id}@{format_instant(at)}:failed"
            words = f"{store.id}: the backup of {format_instant(at)} failed"
            if self._window.as_of < due:
                yield self._row(store, item, at, "pending", f"{words}, and is not made good yet.", resolves_at=due)
            elif not self._held(at, due):
                yield self._row(store, item, at, "unknown", f"{words}. Not known: whether it was made good.")
            else:
                words = f"{words} and was not made good within 24 hours."
                yield self._row(store, item, at, "exception", words, codes=(RPO_MISSED,))

    def _continuous(self, store: _Store, one: datetime, two: datetime) -> bool:
        """Whether it could be restored to any moment between two instants."""
        at = one
        for (seen, latest), (next_seen, next_latest) in pairwise(store.restorable):
            if latest is None or next_latest is None or next_seen - seen > _CLOSE:
                continue
            if latest <= at < next_latest:
                at = next_latest
        return two - at <= self._limit(store)

    def _held(self, start: datetime, end: datetime) -> bool:
        return start >= end or self._evidence.covered(BACKUP_JOBS, self._window.scope_item_id, start, end)

    def _row(
        self, store: _Store, item: str, at: datetime, outcome: OutcomeValue, words: str, *,
        codes: tuple[str, ...] = (), resolves_at: datetime | None = None,
    ) -> Outcome:  # fmt: skip
        window = self._window
        return window.outcome(
            evidence_id=JOBS,
            item_id=item,
            event_time=at,
            outcome=outcome,
            codes=codes,
            explanation=words,
            evidence=tuple(store.digests),
            resolves_at=resolves_at,
        )


def _hours(time: timedelta) -> str:
    return f"{time.total_seconds() / 3600:.1f} hours"
