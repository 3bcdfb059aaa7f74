"""How long it takes to make the whole matrix out of a ledger in memory, and how much memory it needs.

    python benchmarks/completeness_matrix.py [--large]

The default load is a year of 208 repositories, some 20,000 cells, from 5,000 collection entries: once with one claim
per entry, once with 17 (a batch of repositories each). `--large` adds 500,000 entries. Measured are the pass over the
entries, the assembly (engine included) and the JSON document, in seconds of processor time; all of it runs in one
thread. Each load has a process of its own, so that its memory is its own. Every run also checks the number of cells
and that the matrix says what the ledger does.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from time import process_time

import orjson

from evidence.completeness.assemble import assemble_facts
from evidence.completeness.ledger_facts import facts_of
from evidence.controls.catalogue import CATALOGUE
from evidence.inventory import REPOSITORIES, InventorySnapshot, inventory_of
from evidence.ledger_index import IndexedClaim, IndexedEntry
from evidence.programme_history import history_of

START = datetime(2026, 1, 1, tzinfo=UTC)
AS_OF = datetime(2027, 1, 20, tzinfo=UTC)
REPOS = 208
DAYS = 365
LOADS = {"5k": (5_000, 1), "5k-batches": (5_000, 17), "500k": (500_000, 1)}

CHANGE_DATASETS = tuple(
    dataset
    for control in CATALOGUE
    if control.scope_kind in ("github_repo", "repo_or_account")
    for line in control.evidence
    if (dataset := line.datasets.get("github")) is not None
)


def programme() -> dict[str, object]:
    """A recorded programme: one organisation, its repositories by topic, the year 2026."""
    return {
        "organisation": "Bench", "timezone": "Europe/London", "categories": ["security"],
        "observation_period": {"start": date(2026, 1, 1).isoformat(), "end": date(2026, 12, 31).isoformat()},
        "scope": {"github": {"organisation": "bench", "plan": "enterprise_cloud",
                             "repositories": {"topic": "production"}, "production_branches": ["main"]}},
        "registers": {}, "controls": {}, "evidence_rules": {}, "people": {},
    }  # fmt: skip


def entries(count: int, per_entry: int) -> Iterator[IndexedEntry]:
    """`count` collection entries, spread over the year, each with claims for `per_entry` repositories."""
    yield IndexedEntry(1, "store", START, (), {"simulated": True})
    body = {"programme_digest": "sha256:p", "catalogue_digest": "sha256:c", "programme": programme(), "registers": {}}
    yield IndexedEntry(2, "programme", START, (), body)
    targets = [(dataset, first) for dataset in CHANGE_DATASETS for first in range(0, REPOS, per_entry)]
    rounds = max(1, -(-count // len(targets)))
    step = timedelta(days=DAYS) / rounds
    for number in range(count):
        turn, target = divmod(number, len(targets))
        dataset, first = targets[target]
        begin, end = START + turn * step, START + (turn + 1) * step
        at = end + timedelta(hours=7)
        stream = dataset.kind == "event_stream"
        claims = tuple(
            IndexedClaim(
                dataset.name, f"github:R_{repo}", f"bench/r{repo}", "ok", at, begin if stream else None,
                end if stream else None, None if stream else at, None, 3, None, True, "q", (), False, None, None,
            )
            for repo in range(first, min(first + per_entry, REPOS))
        )  # fmt: skip
        yield IndexedEntry(number + 3, "collection", at, claims, None)


def inventory_snapshot() -> InventorySnapshot:
    rows = [
        {"repo_id": f"R_{n}", "repo_name": f"bench/r{n}", "created_at": "2020-01-01T00:00:00Z",
         "topics": ["production"], "organisation_id": "O_1"}
        for n in range(REPOS)
    ]  # fmt: skip
    return InventorySnapshot(REPOSITORIES, START, START, rows)


def measure(load: str) -> None:
    count, per_entry = LOADS[load]
    held = list(entries(count, per_entry))
    claims = sum(len(entry.claims) for entry in held)
    before = _resident()
    began = process_time()
    facts = facts_of(held, AS_OF)
    passed = process_time()
    history = history_of(held[:2], AS_OF)
    inventory = inventory_of([inventory_snapshot()], AS_OF)
    matrix = assemble_facts(facts, history, CATALOGUE, inventory)
    assembled = process_time()
    document = orjson.dumps(matrix.to_json())
    written = process_time()
    assert len(matrix.cells) >= 19_000, len(matrix.cells)
    assert any(cell.state == "collected" for cell in matrix.cells)
    assert any(cell.evidence for cell in matrix.cells)
    print(
        f"{load:11} {count:8,} entries {claims:8,} claims {len(matrix.cells):7,} cells   "
        f"pass {passed - began:6.2f} s   assemble {assembled - passed:6.2f} s   "
        f"json {written - assembled:5.2f} s ({len(document) / 1e6:.1f} MB)   "
        f"memory +{(_resident() - before) / 1e6:,.0f} MB"
    )


def _resident() -> float:
    """Largest memory the process had so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--large", action="store_true", help="half a million entries too")
    parser.add_argument("--load", choices=sorted(LOADS), help="one load, in this process")
    arguments = parser.parse_args()
    if arguments.load:
        measure(arguments.load)
        return
    for load in LOADS:
        if load != "500k" or arguments.large:
            subprocess.run([sys.executable, __file__, "--load", load], check=True)


if __name__ == "__main__":
    main()
