"""C1-CLS-01, the data map: it knows every store of data, and confidential data are in accounts of the system alone.

With the last window of a quarter, for stores of AWS and Google Cloud, come one row for every store of the inventory and
one for every store of the map that is not in it:

- UNMAPPED_STORE       a store of the inventory that the data map of the quarter does not list
- PROD_DATA_ELSEWHERE  a store that the map calls confidential or restricted lies in an account not of the system

Decisions where the rule leaves room:

- Stores are what holds data by itself: buckets, databases, tables, file systems and data sets. Volumes, snapshots,
  queues and topics belong to something else.
- The inventory is that of encryption at rest, as the last snapshot before the review of the map shows it: a store made
  after the review is asked for in the next map. Without a map it is that before the end of the quarter.
- The map of a quarter is the latest one that names it, or names none and was reviewed in it, by the grace of the line;
  without one every store is unmapped.
- Production are all accounts that the programme names. Of a store of the map that no inventory shows and whose id does
  not tell its account (a bucket) nobody can say where it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from evidence.completeness.windows import window_bounds, window_id_of
from evidence.controls.currency import told
from evidence.controls.external_shares import CONFIDENTIAL, LINE, MAP_LINE, shares_approved
from evidence.controls.held import window_unknown
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.recorded import judged, rows_of, short
from evidence.controls.verdict import Verdict
from evidence.record import StoredRecord
from schemas import aws_configuration, gcp
from schemas.dataset import Dataset
from schemas.instants import format_instant
from schemas.outcome import Outcome

UNMAPPED_STORE = "UNMAPPED_STORE"
PROD_DATA_ELSEWHERE = "PROD_DATA_ELSEWHERE"
GRACE = timedelta(days=14)
"""After the quarter, within which its map is still in time."""

_STORES: Mapping[str, tuple[Dataset, str, str, frozenset[str]]] = {
    "aws": (aws_configuration.ENCRYPTION, "kind", "name",
            frozenset({"bucket", "database", "database_cluster", "table", "file_system"})),
    "gcp": (gcp.ENCRYPTION, "resource_kind", "resource_name",
            frozenset({"bucket", "sql_instance", "bigquery_dataset"})),
}  # fmt: skip
Row = Mapping[str, Any]


def confidential_data_kept(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """Rows of what was shared outside, and with the last window of a quarter those of stores."""
    return [*shares_approved(window, evidence), *_stores(window, evidence)]


def _stores(window: TestWindow, evidence: StoredEvidence) -> Iterator[Outcome]:
    system = window.scope_item_id.partition(":")[0]
    zone = window.programme.timezone
    quarter_id = window_id_of(window.start, "quarterly", zone)
    quarter = window_bounds(quarter_id, zone)
    if system not in _STORES or window.end < quarter.end or window.as_of < quarter.end:
        return
    record = _map_of(window, evidence, quarter_id, quarter.start, quarter.end + GRACE)
    if record is None and window.as_of < quarter.end + GRACE:
        verdict = Verdict()
        verdict.holds("nobody has reviewed it yet")
        subject = f"Data map of {short(window.scope_item)} for {quarter_id}"
        yield judged(window, LINE, f"map:{quarter_id}", quarter.end, subject, verdict, quarter.end + GRACE)
        return
    until = quarter.end if record is None else min(quarter.end, record.performed_at)
    inventory, digests, missing = _inventory(window, evidence, system, until)
    for place in missing:
        yield window_unknown(window, LINE, f"no inventory of the stores of {place} is held.", about=f"stores {place}")
    mapped = {} if record is None else {str(row.get("store_id") or "").casefold(): row for row in _rows(record)}
    for store_id, (row, label) in sorted(inventory.items()):
        found = next((mapped[name] for name in _names(system, row) if name in mapped), None)
        yield _store(window, store_id, label, found, record, quarter_id, digests, until)
    if record is not None:
        seen = {name for row, _ in inventory.values() for name in _names(system, row)}
        for name, row in sorted(mapped.items()):
            if name not in seen and str(row.get("class")) in CONFIDENTIAL:
                yield _elsewhere(window, str(row.get("store_id")), row, record)


def _rows(record: StoredRecord) -> list[Row]:
    return rows_of(record.values, "stores")


def _map_of(
    window: TestWindow, evidence: StoredEvidence, quarter_id: str, start: datetime, until: datetime
) -> StoredRecord | None:
    zone = window.programme.timezone
    maps = [
        record
        for record in told(window, evidence.records(window.control_id, MAP_LINE, window.scope_item_id), "data_map")
        if (record.for_window or window_id_of(record.performed_at, "quarterly", zone)) == quarter_id
        and start <= record.performed_at < until
    ]
    return max(maps, key=lambda record: (record.performed_at, record.seq), default=None)


def _inventory(
    window: TestWindow, evidence: StoredEvidence, system: str, until: datetime
) -> tuple[dict[str, tuple[Row, str]], tuple[str, ...], list[str]]:
    """Stores by id, the snapshots they are from, and the places of which no snapshot of the time is held."""
    dataset, kind, name, kinds = _STORES[system]
    item = window.scope_item_id
    places = [one for one in window.in_scope("cloud_account_region") if one == item or one.startswith(f"{item}:")]
    found: dict[str, tuple[Row, str]] = {}
    digests: list[str] = []
    missing = [] if places else [item]
    for place in places:
        snapshot = evidence.snapshot_before(dataset, place, until)
        if snapshot is None:
            missing.append(place)
            continue
        digests.append(snapshot[2])
        for row in snapshot[1]:
            if row[kind] in kinds:
                label = f"{str(row[kind]).replace('_', ' ')} {row[name] or row['resource_id']}"
                found.setdefault(str(row["resource_id"]), (row, label))
    return found, tuple(digests), missing


def _names(system: str, row: Row) -> list[str]:
    """How the map may name a store, in lower case."""
    name = row["name"] if system == "aws" else row["resource_name"]
    bucket = f"arn:aws:s3:::{name}" if system == "aws" and row["kind"] == "bucket" and name else None
    return [str(one).casefold() for one in (row["resource_id"], bucket, name) if one]


def _store(
    window: TestWindow, store_id: str, label: str, found: Row | None, record: StoredRecord | None, quarter_id: str,
    digests: tuple[str, ...], at: datetime,
) -> Outcome:  # fmt: skip
    verdict = Verdict()
    verdict.used(*digests)
    if record is None:
        verdict.fails(UNMAPPED_STORE, f"there is no data map of {quarter_id}")
    else:
        verdict.used(record.digest)
        if found is None:
            verdict.fails(UNMAPPED_STORE, f"the data map of {format_instant(record.performed_at)} does not list it")
        elif not (found.get("class") and found.get("owner") and found.get("retention")):
            verdict.doubts("its class, owner and retention: the data map lists it without one of them")
        else:
            verdict.holds(f"{found['class']}, of {short(found['owner'])}, kept {short(found['retention'])}")
    return judged(window, LINE, f"store:{store_id}", at, f"{label[:1].upper()}{short(label[1:])}", verdict)


def _elsewhere(window: TestWindow, store_id: str, row: Row, record: StoredRecord) -> Outcome:
    verdict = Verdict()
    verdict.used(record.digest)
    scope = window.programme.scope
    accounts = {account.id for account in scope.aws.accounts} if scope.aws else set[str]()
    parts = store_id.split(":")
    account = parts[4] if len(parts) > 5 and parts[0].casefold() == "arn" else ""
    if account and account not in accounts:
        verdict.fails(
            PROD_DATA_ELSEWHERE, f"it is {row['class']} and lies in account {short(account)}, not of the system"
        )
    else:
        verdict.doubts("where it is: it is in no inventory of the account")
    item_id, subject = f"mapped:{store_id}", f"Store {short(store_id)} of the data map"
    return judged(window, LINE, item_id, record.performed_at, subject, verdict)
