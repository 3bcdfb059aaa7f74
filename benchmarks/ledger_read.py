"""How fast a ledger is read, and in how much memory: N signed entries, single or in closed months.

    .venv/bin/python benchmarks/ledger_read.py --entries 5000
    .venv/bin/python benchmarks/ledger_read.py --entries 500000 --closed

Entries are those of daily collections: claims with counts and proof for each scope item, one manifest with the whole
provenance block. They are written without waiting for the disk, which reading does not notice. Each figure is from a
process of its own and includes following the chain and checking the signature at the head.
"""

from __future__ import annotations

import argparse
import base64
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.store import Signer
from evidence import ledger

BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
QUERY = "GET /repos/{owner}/{repo}/activity; GET /repos/{owner}/{repo}/commits; POST /graphql pullRequests(first: 50)"

READER = """
import resource, sys, time
begun = time.perf_counter()
from connectors.store import open_store, system_clock
store = open_store(sys.argv[1], now=system_clock, product_version="benchmark", read_only=True)
how = sys.argv[2]
entries = claims = 0
if how == "entries":
    for entry in store.entries():
        entries += 1
elif how == "kinds":
    entries = sum(1 for _ in store.entries(kinds={"programme", "record"}))
else:
    kept = store.index()
    entries, claims = len(kept), sum(len(entry.claims) for entry in kept)
import json
print(json.dumps({"seconds": time.perf_counter() - begun, "cpu": time.process_time(), "entries": entries,
                  "claims": claims, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def body(number: int, claims: int) -> dict[str, Any]:
    """A collection of one day for `claims` scope items."""
    day = BEGIN + timedelta(days=number % 2000)
    start, end, now = (f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in (day, day + timedelta(days=1), day + timedelta(days=1.2)))
    digest = f"{number:064x}"
    query = "sha256:" + "ab" * 32
    return {
        "run_id": f"20260101T000000Z-{number:08x}",
        "flow": "change_management",
        "extractor": "github.changes.changes",
        "simulated": False,
        "claims": [
            {
                "dataset": "github.pull_requests", "scope_item_id": f"github:R_kgDOA{item:04d}",
                "scope_item": f"acme/service-{item}", "status": "ok", "started_at": now, "finished_at": now,
                "from": start, "to": end, "rows": 7, "rows_by_month": {day.strftime("%Y-%m"): 7}, "requests": 12,
                "query_hash": query, "proof_of_life": True, "proof": "branch tip moved", "independent_count": 7,
                "reconciliation": "7 merged pull requests, 7 by the count of first-parent commits",
            }
            for item in range(claims)
        ],
        "manifests": [
            {
                "dataset": "github.pull_requests",
                "object": {
                    "digest": f"sha256:{digest}", "bytes": 41234, "path": f"objects/{digest[:2]}/{digest}.parquet",
                    "rows": 7 * claims, "rows_sha256": f"sha256:{digest}",
                },
                "raw": [
                    {"digest": f"sha256:{digest}", "bytes": 9876, "path": f"raw/{digest[:2]}/{digest}.json.zst"}
                ],
                "provenance": {
                    "collector_id": "github.changes.changes", "collector_version": "1.0.0", "code_commit": "0" * 40,
                    "configuration_digest": query, "source_system": "github", "tenant_or_account": "acme",
                    "principal_used": "app:evidence-reader", "principal_rights": "contents:read, administration:read",
                    "endpoint": "https://api.github.com", "endpoint_certificate_sha256": "cd" * 32,
                    "endpoint_declared": False, "endpoint_simulated": False, "query_or_graphql_text": QUERY,
                    "query_sha256": query, "parameters": {"per_page": 100}, "interval_from": start, "interval_to": end,
                    "lag_applied": 3, "started_at": now, "finished_at": now, "source_clock": now,
                    "clock_skew_seconds": 0.412, "pages": 12, "last_cursor_empty": True, "truncated": False,
                    "http_statuses": {"200": 12}, "rows_returned": 7, "rows_kept": 7, "drop_rules": {},
                    "independent_count": 7, "reconciliation": "7 and 7", "unknown_fields": {}, "secrets_removed": 0,
                    "schema_version": 1, "pyarrow_version": "26.0.1", "items": {},
                },
            }
        ],
    }  # fmt: skip


def entries(count: int, claims: int, signer: Signer) -> Iterator[tuple[str, bytes]]:
    """Month and bytes of each entry of a whole, signed chain."""
    previous = None
    for seq in range(1, count + 1):
        at = BEGIN + timedelta(seconds=seq * 2000 * 86400 / count)
        kind = "store" if seq == 1 else "collection"
        content = body(seq, claims)
        if seq == 1:
            content = {
                "store_id": "b" * 32,
                "simulated": False,
                "public_key": signer.public_key,
                "product_version": "1",
            }
        unsigned = ledger.unsigned_entry(
            seq=seq, previous=previous, recorded_at=ledger.format_recorded_at(at), kind=kind, key_id=signer.key_id,
            body=content,
        )  # fmt: skip
        # Only the signature at the head is looked at on reading; the others cost half a minute to make.
        signature = signer.sign(unsigned) if seq in (1, count) else base64.b64encode(bytes(64)).decode()
        data = ledger.with_signature(unsigned, signature)
        previous = ledger.digest(data)
        yield f"{at:%Y-%m}", data


def write(folder: Path, count: int, claims: int, *, closed: bool) -> int:
    """Write the store; its size in bytes."""
    (folder / "ledger" / "closed").mkdir(parents=True)
    size, month_of_file, stream = 0, None, None
    for number, (month, data) in enumerate(entries(count, claims, Signer.generate()), start=1):
        size += len(data)
        if not closed or number == count:
            (folder / "ledger" / f"{number:08d}.json").write_bytes(data)
            continue
        if month != month_of_file:
            if stream is not None:
                stream.close()
            stream = open(folder / "ledger" / "closed" / f"{month}.jsonl", "wb")  # noqa: SIM115 - closed above
            month_of_file = month
        assert stream is not None
        stream.write(data + b"\n")
    if stream is not None:
        stream.close()
    return size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=5000)
    parser.add_argument("--claims", type=int, default=1, help="scope items of each entry")
    parser.add_argument("--closed", action="store_true", help="in closed months instead of single files")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="evidence-benchmark-") as folder:
        begun = time.perf_counter()
        size = write(Path(folder), options.entries, options.claims, closed=options.closed)
        print(
            f"{options.entries} entries of {options.claims} claim(s), {size / options.entries:.0f} bytes each, "
            f"{'in closed months' if options.closed else 'single files'}; "
            f"written in {time.perf_counter() - begun:.1f} s"
        )
        for how in ("entries", "kinds", "index"):
            results = [
                json.loads(
                    subprocess.run(
                        [sys.executable, "-c", READER, folder, how], check=True, capture_output=True, text=True
                    ).stdout
                )
                for _ in range(options.runs)
            ]
            seconds = statistics.median(result["seconds"] for result in results)
            cpu = statistics.median(result["cpu"] for result in results)
            print(
                f"{how:8} {seconds:7.3f} s ({cpu:.3f} s processor)  {options.entries / seconds:8.0f} entries/s  "
                f"peak {max(result['peak_mb'] for result in results):6.0f} MB"
            )


if __name__ == "__main__":
    main()
