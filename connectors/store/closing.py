"""Closing a month: its entries once more as one file of lines, an entry with the digest of that file, and the seal.

The originals stay. What a crash leaves undone is finished by closing the month again.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from connectors.store.files import StoreFiles
from connectors.store.month_index import VERSION, frames_of, index_path
from connectors.store.reading import follow
from evidence import seal
from evidence.ledger import Chain, canonical, digest, header_of
from schemas.errors import StoreError

if TYPE_CHECKING:
    from connectors.store.store import Store

MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])\Z")
_SETTLED = timedelta(minutes=2)
"""After the month's end no collector's clock can be so late that it would still write into it."""


def closed_path(month: str) -> str:
    """`ledger/closed/2026-06.jsonl`."""
    return f"ledger/closed/{month}.jsonl"


def seal_path(month: str) -> str:
    """`seals/2026-06.dsse.json`."""
    return f"seals/{month}.dsse.json"


def close_month(store: Store, month: str) -> dict[str, Any]:
    """Close a calendar month (UTC) that is over, such as `2026-06`, and give back its `closed_month` entry.

    A month that is closed already is given its seal if that is missing, and nothing else happens. StoreError where the
    month is not over, an earlier one is still open, or nothing was recorded in it.
    """
    _, end = _bounds(month)
    if store.now() < end + _SETTLED:
        raise StoreError(f"{month} is not over; it can be closed from {end + _SETTLED:%Y-%m-%dT%H:%M:%SZ} on.")
    state = _State(store.files)
    for entry in state.closed:
        if entry["body"]["month"] == month:
            _seal(store, entry, state.closed)
            return entry
    first = state.closed[-1]["body"]["last_seq"] + 1 if state.closed else 1
    done = {entry["body"]["month"] for entry in state.closed}
    # An entry that came late into a month closed already goes into the next file; any other earlier month is open.
    still_open = sorted(
        name for name, last in state.last_of.items() if last >= first and name < month and name not in done
    )
    if still_open:
        raise StoreError(f"{still_open[0]} is still open. Months are closed in order: close it first.")
    last = max((last for name, last in state.last_of.items() if name <= month), default=0)
    if last < first:
        raise StoreError(f"Nothing was recorded in {month}: there is nothing to close.")
    if not store.files.exists(closed_path(month)):
        _write(store.files, month, first, last)
    # From here on the file counts, also where an earlier attempt wrote it and went no further.
    body = _body(store.files, month, first)
    entry = store.append("closed_month", body | {"index": write_index(store.files, month)})
    _seal(store, entry, [*state.closed, entry])
    return entry


def _bounds(month: str) -> tuple[datetime, datetime]:
    if not MONTH.match(month):
        raise StoreError(f"{month!r} is no month; write it like 2026-06.")
    year, number = int(month[:4]), int(month[5:])
    return datetime(year, number, 1, tzinfo=UTC), datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)


class _State:
    """What is closed, and which months the entries lie in: one pass over the headers."""

    def __init__(self, files: StoreFiles) -> None:
        self.closed: list[dict[str, Any]] = []
        self.last_of: dict[str, int] = {}
        """The last entry of each month; entries are monotonic in time, so the others of the month lie before it."""
        for data, header in follow(files, Chain(), header_of):
            self.last_of[header.recorded_at[:7]] = header.seq
            if header.kind == "closed_month":
                self.closed.append(orjson.loads(data))


def _write(files: StoreFiles, month: str, first: int, last: int) -> None:
    with tempfile.TemporaryDirectory(prefix="evidence-close-") as folder:
        path = Path(folder) / f"{month}.jsonl"
        with open(path, "wb") as stream:
            for data, header in follow(files, Chain(), header_of):
                if first <= header.seq <= last:
                    stream.write(data + b"\n")
        files.create_if_absent(closed_path(month), path)


def write_index(files: StoreFiles, month: str) -> dict[str, Any]:
    """Write the index of a month's lines; what the closing entry says of it."""
    path, whole = index_path(closed_path(month)), hashlib.sha256()
    with tempfile.TemporaryDirectory(prefix="evidence-close-") as folder:
        made = Path(folder) / f"{month}.index"
        with open(made, "wb") as stream:
            for frame in frames_of(files.lines(closed_path(month))):
                stream.write(frame)
                whole.update(frame)
        files.create_if_absent(path, made)
    wanted = "sha256:" + whole.hexdigest()
    if digest(files.read(path)) != wanted:  # one that an earlier attempt left there
        raise StoreError(
            f"{path} is not the index of {closed_path(month)}. It is named by no entry yet and may be moved away; then "
            "close the month again."
        )
    return {"path": path, "digest": wanted, "version": VERSION}


def _body(files: StoreFiles, month: str, first: int) -> dict[str, Any]:
    whole, count = hashlib.sha256(), 0
    for line in files.lines(closed_path(month)):
        seq = header_of(line).seq
        if seq != first + count:
            raise StoreError(
                f"{closed_path(month)} holds entry {seq} where {first + count} belongs. Run evidence verify; the file "
                "is named by no entry yet and may be moved away."
            )
        whole.update(line + b"\n")
        count += 1
    return {
        "month": month, "first_seq": first, "last_seq": first + count - 1, "path": closed_path(month),
        "digest": "sha256:" + whole.hexdigest(), "entries": count,
    }  # fmt: skip


def statement_of(
    files: StoreFiles, entry: dict[str, Any], previous_seal: str | None, *, store_id: str, simulated: bool
) -> dict[str, Any]:
    """The statement that the seal of a closed month must hold; recomputed from its lines, for sealing and verifying."""
    closed = entry["body"]
    kinds: Counter[str] = Counter()
    statuses: Counter[str] = Counter()
    last = b""

    def leaves() -> Iterator[bytes]:
        nonlocal last
        for line in files.lines(closed["path"]):
            last = line
            kind = header_of(line).kind
            kinds[kind] += 1
            if kind == "collection":
                statuses.update(claim["status"] for claim in orjson.loads(line)["body"]["claims"])
            yield seal.leaf_hash(line)

    root = seal.merkle_root(leaves())
    return seal.seal_statement(
        closed,
        store_id=store_id,
        simulated=simulated,
        closing_entry={
            "seq": entry["seq"], "digest": digest(canonical(entry)), "recorded_at": entry["recorded_at"],
        },
        last_entry_digest=digest(last),
        merkle=root,
        previous_seal=previous_seal,
        kinds=kinds,
        claims_by_status=statuses,
    )  # fmt: skip


def _seal(store: Store, entry: dict[str, Any], closed: list[dict[str, Any]]) -> None:
    month = entry["body"]["month"]
    if store.files.exists(seal_path(month)):
        return
    earlier = [one["body"]["month"] for one in closed if one["seq"] < entry["seq"]]
    previous = None
    if earlier:
        if not store.files.exists(seal_path(earlier[-1])):
            raise StoreError(
                f"{earlier[-1]} is closed but not sealed, and seals form a chain. Close {earlier[-1]} again."
            )
        previous = digest(store.files.read(seal_path(earlier[-1])))
    statement = statement_of(store.files, entry, previous, store_id=store.store_id, simulated=store.simulated)
    data = seal.envelope(statement, key_id=store.signer.key_id, sign=store.signer.sign)
    store.files.create_if_absent(seal_path(month), data)
