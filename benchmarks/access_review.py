"""How long a review of 5,000 accounts takes to open, to be decided row by row and from a file, and to be read again.

    python benchmarks/access_review.py [--accounts 5000]

In seconds of wall clock, in one process, on a simulated store in a temporary folder: opening the list (limit 2 s), one
decision (the median of 50; limit 0.05 s), a file of decisions about every row (limit 3 s), signing, and the test of the
control over it. Every run also checks that the counts are right. Ends with 1 where a limit is not kept.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import yaml

LIMITS = {"open": 2.0, "decide": 0.05, "file": 3.0}
NOW = datetime(2026, 3, 26, 8, tzinfo=UTC)
LEAD, CTO = "lead@bench.example", "cto@bench.example"


def company(folder: Path, accounts: int) -> Path:
    """A programme with a Google directory, and as many people."""
    (folder / "registers").mkdir()
    people = ["person_id,name,email,kind,office,start,last_day,manager"]
    people += [f"p{n},Person {n},u{n}@bench.example,employee,,2020-01-01,," for n in range(accounts)]
    people += [f"x1,Lead,{LEAD},employee,,2020-01-01,,", f"x2,Chief,{CTO},employee,,2020-01-01,,"]
    (folder / "registers" / "people.csv").write_text("\n".join(people) + "\n")
    google = {"customer": "C1", "domain": "bench.example", "delegate": CTO, "api_url": "http://127.0.0.1:9"}
    programme: dict[str, Any] = {
        "organisation": "Bench", "timezone": "UTC", "store": "./store", "scope": {"google": google},
        "observation_period": {"start": "2026-01-01", "end": "2026-06-30"},
        "registers": {"people": "registers/people.csv"}, "people": {"reviewers": [LEAD]},
    }  # fmt: skip
    path = folder / "program.yaml"
    path.write_text(yaml.safe_dump(programme))
    return path


def list_accounts(store: Any, accounts: int) -> None:
    """The snapshot that the review is made from: ten roles and groups each, every tenth account with power."""
    from connectors.collect import collect
    from connectors.provenance import RunFacts
    from schemas.extraction import ItemClaim, Request, Session, Sink
    from schemas.google import ACCOUNTS
    from schemas.scope import ScopeItem

    groups = [{"group_id": f"g{n}", "email": f"g{n}@bench.example", "role": "MEMBER", "via": None} for n in range(10)]
    rows = [
        {
            "account_id": f"1{n:06}", "kind": "user", "email": f"u{n}@bench.example", "name": f"Person {n}",
            "created_at": NOW - timedelta(days=400), "last_used_at": NOW - timedelta(days=n % 120),
            "suspended": False, "archived": False, "org_unit_path": "/", "privileged": n % 10 == 0,
            "enrolled_2sv": True, "enforced_2sv": True, "roles": [], "groups": groups, "tokens": [], "manager": None,
            "raw": {"id": f"1{n:06}"},
        }
        for n in range(accounts)
    ]  # fmt: skip

    def extractor(_session: Session, _request: Request, sink: Sink) -> list[ItemClaim]:
        sink.rows(ACCOUNTS, rows)
        return [ItemClaim(ACCOUNTS.name, "list", observed_at=NOW, proof_of_life=True, independent_count=len(rows))]

    facts = RunFacts(zone="UTC", programme_digest="sha256:" + "0" * 64, code_commit="bench")
    session = Session("google", object(), "http://127.0.0.1:9", True, False, "reader", "read only", "C1")
    item = ScopeItem("google:C1", "C1", "google")
    collect(store, extractor, lambda: session, (item,), (ACCOUNTS,), None, facts=facts, flow="bench", name="bench")


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that something takes, and what it gives."""
    began = perf_counter()
    done = work()
    return perf_counter() - began, done


def measure(folder: Path, accounts: int) -> dict[str, float]:
    """Seconds by step."""
    from connectors.reviews.deciding import Desk, Wanted
    from connectors.reviews.decision_file import read_decisions, table
    from connectors.workspace import open_workspace
    from evidence.controls.access_reviews import access_reviewed
    from evidence.controls.model import TestWindow

    path = company(folder, accounts)
    workspace = open_workspace(path, now=lambda: NOW, create=True)
    workspace.record_programme()
    list_accounts(workspace.store, accounts)

    def opened() -> Any:
        desk = Desk(open_workspace(path, now=lambda: NOW))
        return desk, desk.opening.open(desk.opening.system("google:C1"), "2026-Q1")

    seconds: dict[str, float] = {}
    seconds["open"], (desk, review) = timed(opened)
    assert len(review.campaign.rows) == accounts

    def one(row_id: str) -> None:
        wanted = [Wanted(row_id, "keep", "known", None)]
        assert desk.problems(review, wanted, LEAD) == [None]
        desk.decide(review, wanted, LEAD, how="row")

    seconds["decide"] = statistics.median(timed(lambda row_id=row_id: one(row_id))[0] for row_id in
                                          list(review.campaign.rows)[:50])  # fmt: skip
    lines = table(review.campaign, review.campaign.rows.values()).splitlines()
    columns = lines[0].split(",")
    decision, reason = columns.index("decision"), columns.index("reason")
    filled = [lines[0]]
    for line in lines[1:]:
        cells = line.split(",")
        cells[decision], cells[reason] = ("revoke", "gone") if len(filled) % 20 == 0 else ("keep", "known to me")
        filled.append(",".join(cells))
    file = folder / "decisions.csv"
    file.write_text("\n".join(filled) + "\n")

    def imported() -> int:
        desk = Desk(open_workspace(path, now=lambda: NOW))
        review = desk.find(None, None)
        return len(desk.decide(review, read_decisions(desk, review, file, LEAD), LEAD, how="file"))

    seconds["file"], count = timed(imported)
    assert count == accounts
    desk = Desk(open_workspace(path, now=lambda: NOW))
    review = desk.find(None, None)
    seconds["sign"], _ = timed(lambda: desk.sign(review, LEAD))
    history = desk.accept.history
    window = TestWindow(
        "CC6-UAR-01", "2026-Q1", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC), "google:C1",
        "bench", NOW, desk.workspace.loaded.programme,
        {name: list(rows) for name, rows in history.versions[-1].registers.items()},
    )  # fmt: skip
    evidence = desk.workspace.store.evidence(NOW + timedelta(seconds=1))
    seconds["test"], outcomes = timed(lambda: access_reviewed(window, evidence))
    assert len(outcomes) == accounts + 1, len(outcomes)
    return seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=5000)
    accounts: int = parser.parse_args().accounts
    with tempfile.TemporaryDirectory() as folder:
        os.environ["EVIDENCE_SIGNING_KEY_FILE"] = f"{folder}/key.pem"
        home = Path(folder) / "company"
        home.mkdir()
        seconds = measure(home, accounts)
    bad = 0
    for step, took in seconds.items():
        limit = LIMITS.get(step)
        late = limit is not None and took > limit
        bad += late
        print(
            f"{step:8} {took:8.3f} s"
            + ("" if limit is None else f"  (limit {limit:g} s{', NOT KEPT' if late else ''})")
        )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
