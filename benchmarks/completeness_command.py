"""Time and memory of `evidence completeness --json` as a user runs it, interpreter start included.

    python benchmarks/completeness_command.py                            # 20,000 cells from 5,000 single entries
    python benchmarks/completeness_command.py --entries 500000 --closed  # the same cells, entries in closed months

The store is real: signed, chained, an inventory in Parquet, a recorded programme of 140 repositories over a year. Its
collection entries are written without waiting for the disk, which reading does not notice, and carry the provenance
block of a real one. With `--objects` each entry names a file of its own, which the command looks at.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import IO, Any

import orjson
from ledger_read import body as daily_body

from connectors.collect import collect
from connectors.provenance import RunFacts
from connectors.store import Signer
from connectors.store.clock import clock_of
from connectors.store.closing import closed_path, write_index
from connectors.store.store import Store
from connectors.workspace import open_workspace
from evidence import ledger
from evidence.controls.catalogue import CATALOGUE
from schemas.dataset import Dataset
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.github import REPOSITORIES
from schemas.instants import format_instant
from schemas.scope import ScopeItem

REPOS = 140
START = datetime(2026, 1, 1, tzinfo=UTC)
CLOSED_AT = datetime(2027, 1, 5, tzinfo=UTC)
AS_OF = "2027-01-20T00:00:00Z"
PROGRAM = """\
organisation: Bench
timezone: Europe/London
observation_period: {start: 2026-01-01, end: 2026-12-31}
scope:
  github:
    organisation: bench
    api_url: http://127.0.0.1:9
    repositories: {topic: production}
"""


def inventory(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Stands in for the organisation's list of repositories."""
    sink.rows(
        REPOSITORIES,
        [
            {
                "repo_id": f"R_{number}", "database_id": number, "repo_name": f"bench/r{number}", "created_at": START,
                "archived": False, "fork": False, "visibility": "private", "topics": ["production"],
                "default_branch": "main", "pushed_at": None, "organisation_id": "O_bench", "raw": "{}",
            }
            for number in range(REPOS)
        ],
    )  # fmt: skip
    return [ItemClaim(REPOSITORIES.name, "GET /orgs/{org}/repos", observed_at=START + timedelta(days=1))]


def begin(folder: Path, signer_file: Path) -> Store:
    """A store with its programme and inventory."""
    os.environ["EVIDENCE_SIGNING_KEY_FILE"] = str(signer_file)
    (folder / "program.yaml").write_text(PROGRAM, encoding="utf-8")
    workspace = open_workspace(folder / "program.yaml", now=clock_of(START + timedelta(days=1)), create=True)
    session = Session("github", None, "http://127.0.0.1:9", True, False, "bench", "all", "bench")
    collect(
        workspace.store, inventory, lambda: session, [ScopeItem("org:bench", "Bench", "own")], [REPOSITORIES], None,
        facts=RunFacts("Europe/London", workspace.loaded.digest, "benchmark"), flow="benchmark",
    )  # fmt: skip
    return workspace.store


def bodies(count: int, store: Store | None) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """Instant and body of each collection entry: every dataset and repository in turn, over the year."""
    datasets: list[Dataset] = [
        dataset
        for control in CATALOGUE
        if control.scope_kind in ("github_repo", "repo_or_account")
        for line in control.evidence
        if (dataset := line.datasets.get("github")) is not None
    ]
    targets = [(dataset, repo) for dataset in datasets for repo in range(REPOS)]
    rounds = max(1, -(-count // len(targets)))
    step = timedelta(days=365) / rounds
    for number in range(count):
        turn, target = divmod(number, len(targets))
        dataset, repo = targets[target]
        low, high = START + turn * step, START + (turn + 1) * step
        # In the order of time, as every ledger is: the targets of one round follow one another by a second.
        at = high + timedelta(hours=7, seconds=target)
        content = daily_body(number, 1)
        claim: dict[str, Any] = content["claims"][0]
        claim |= {
            "dataset": dataset.name, "scope_item_id": f"github:R_{repo}", "scope_item": f"bench/r{repo}",
            "started_at": format_instant(at), "finished_at": format_instant(at),
        }  # fmt: skip
        if dataset.kind == "event_stream":
            claim |= {"from": format_instant(low), "to": format_instant(high)}
        else:
            claim = {key: value for key, value in claim.items() if key not in ("from", "to")}
            claim["observed_at"] = format_instant(at)
            content["claims"][0] = claim
        manifest = content["manifests"][0]
        manifest["dataset"] = dataset.name
        manifest["object"] = None if store is None else _object(store, number)
        yield at, content


def _object(store: Store, number: int) -> dict[str, Any]:
    data = f"object {number}".encode()
    name = hashlib.sha256(data).hexdigest()
    path = Path(store.location) / "objects" / name[:2] / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return {"digest": f"sha256:{name}", "bytes": len(data), "path": f"objects/{name[:2]}/{name}.parquet", "rows": 3}


def fill(store: Store, signer: Signer, count: int, *, closed: bool, objects: bool) -> None:
    """Append `count` entries; with `closed` in the files of closed months, which the last entries close."""
    folder = Path(store.location) / "ledger"
    head = store.head()
    previous, seq = head.digest, head.seq
    (folder / "closed").mkdir(exist_ok=True)
    months: dict[str, IO[bytes]] = {}
    with contextlib.ExitStack() as files:

        def close_into(month: str, data: bytes) -> None:
            if month not in months:
                months[month] = files.enter_context((folder / "closed" / f"{month}.jsonl").open("wb"))
            months[month].write(data + b"\n")

        if closed:
            for path in sorted(folder.glob("*.json")):
                data = path.read_bytes()
                close_into(orjson.loads(data)["recorded_at"][:7], data)
        for number, (at, content) in enumerate(bodies(count, store if objects else None), start=1):
            last = not closed and number == count
            data = _entry(signer, seq := seq + 1, previous, at, "collection", content, signed=last)
            previous = ledger.digest(data)
            if closed:
                close_into(f"{at:%Y-%m}", data)
            else:
                (folder / f"{seq:08d}.json").write_bytes(data)
    for month in sorted(months):
        closing = _close(store, month)
        data = _entry(signer, seq := seq + 1, previous, CLOSED_AT, "closed_month", closing, signed=True)
        previous = ledger.digest(data)
        (folder / f"{seq:08d}.json").write_bytes(data)


def _entry(
    signer: Signer, seq: int, previous: str, at: datetime, kind: str, body: dict[str, Any], *, signed: bool
) -> bytes:
    unsigned = ledger.unsigned_entry(
        seq=seq, previous=previous, recorded_at=ledger.format_recorded_at(at), kind=kind, key_id=signer.key_id,
        body=body,
    )  # fmt: skip
    # Only the signature at the head is looked at on reading.
    signature = signer.sign(unsigned) if signed else base64.b64encode(bytes(64)).decode()
    return ledger.with_signature(unsigned, signature)


def _close(store: Store, month: str) -> dict[str, Any]:
    """The body of the closing entry of a month whose lines are written, with its index; nothing is followed."""
    path = Path(store.location, closed_path(month))
    with path.open("rb") as lines:
        seqs = [ledger.header_of(line.rstrip(b"\n")).seq for line in lines]
    return {
        "month": month, "first_seq": seqs[0], "last_seq": seqs[-1], "path": closed_path(month),
        "digest": ledger.digest(path.read_bytes()), "entries": len(seqs), "index": write_index(store.files, month),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=5000)
    parser.add_argument("--closed", action="store_true")
    parser.add_argument("--objects", action="store_true")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="evidence-bench-") as name:
        folder = Path(name)
        store = begin(folder, folder / "key.pem")
        signer = Signer.load(folder / "key.pem")
        fill(store, signer, options.entries, closed=options.closed, objects=options.objects)
        command = [
            str(Path(sys.executable).with_name("evidence")), "completeness", "--program", str(folder / "program.yaml"),
            "--simulated-now", AS_OF, "--fail-on", "never", "--json",
        ]  # fmt: skip
        seconds, cpu, peak, cells = [], [], 0.0, 0
        for _ in range(options.runs):
            began = perf_counter()
            process = subprocess.Popen(command, stdout=subprocess.PIPE)
            assert process.stdout is not None
            document = orjson.loads(process.stdout.read())
            _, status, usage = os.wait4(process.pid, 0)
            seconds.append(perf_counter() - began)
            cpu.append(usage.ru_utime + usage.ru_stime)
            assert status == 0, status
            peak, cells = max(peak, usage.ru_maxrss / 1024), len(document["cells"])
        covered = document["rollup"]["covered"]
        print(f"{options.entries:,} entries, {cells:,} cells, {covered:,} of them covered, {options.runs} runs")
        print(
            f"median {statistics.median(seconds):.2f} s (best {min(seconds):.2f}, worst {max(seconds):.2f}), "
            f"processor {statistics.median(cpu):.2f} s, peak {peak:.0f} MB"
        )


if __name__ == "__main__":
    main()
