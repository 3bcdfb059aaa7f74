"""What scanners look at, component by component, for CC7-VUL-01.

Each snapshot of a window is judged:

- a repository of GitHub is scanned where Dependabot alerts are on; an archived one is a component as long as it is in
  scope. Code scanning and secret scanning are told and not demanded here: not every plan has them.
- every resource that Inspector lists, and every repository of ECR that holds images
- every instance of EC2 that the inventory of machines shows and that Inspector does not list
- an inventory of machines that is older than 35 days, the longest gap allowed, tells nothing of which there are
- functions of AWS Lambda: no inventory lists them, so where Inspector does not look at them that is `unknown`

What Google Cloud scans is not collected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from evidence.controls.held import has_closed, window_unknown
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.stretches import Seen, Stretches
from schemas.aws_detection import SCAN_COVERAGE
from schemas.aws_operations import PATCH_STATE
from schemas.github_security import ALERT_COVERAGE
from schemas.outcome import Outcome

LINE = "coverage"
COMPONENT_NOT_SCANNED = "COMPONENT_NOT_SCANNED"

SETTLING = timedelta(days=1)
"""A machine younger than this need not be known to Inspector yet."""
_STALE = timedelta(days=35)
_RUNNING = ("running", "pending")
_FUNCTIONS = "lambda"
_NOT_THERE = ("EC2_INSTANCE_STOPPED", "RESOURCE_TERMINATED")
_AWAITED = "PENDING_INITIAL_SCAN"

Row = Mapping[str, Any]


def components(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """Rows for the components of a repository or an account."""
    system = window.scope_item_id.partition(":")[0]
    if system == "gcp":
        return []
    dataset = ALERT_COVERAGE if system == "github" else SCAN_COVERAGE
    stretches = Stretches(window, LINE)
    without_machines: list[datetime] = []
    for observed_at, rows, digest in evidence.snapshots(dataset, window.scope_item_id, window.start, window.end):
        if system == "github":
            seen = dict(_repository(rows))
            stretches.add(observed_at, digest, seen or dict(_untold(window)))
            continue
        machines = evidence.snapshot_before(PATCH_STATE, window.scope_item_id, observed_at + SETTLING)
        if machines is None or observed_at - machines[0] > _STALE:
            machines = None
            without_machines.append(observed_at)
        stretches.add(observed_at, digest, dict(_account(rows, machines, observed_at, window.scope_item_id)))
    if not stretches.snapshots:
        why = "no snapshot of what is scanned is held."
        return [window_unknown(window, LINE, why)] if has_closed(window) else []
    outcomes = list(stretches.outcomes())
    if without_machines:
        why = "which machines there are is not held, so one that Inspector leaves out could not be seen."
        outcomes.append(window_unknown(window, LINE, why, about="machines"))
    return outcomes


def _repository(rows: Sequence[Row]) -> Iterator[tuple[str, Seen]]:
    others = ", ".join(
        f"{row['feature'].replace('_', ' ')} {row['state'].replace('_', ' ')}"
        for row in sorted(rows, key=lambda row: row["feature"])
        if row["feature"] != "dependabot"
    )
    for row in rows:
        if row["feature"] != "dependabot":
            continue
        label = f"Scanning of {row['repo_name']}"
        also = f" ({others})" if others else ""
        if row["state"] == "enabled":
            yield f"github:scanned:{row['repo_id']}", Seen(label, f"Dependabot alerts are on{also}")
            continue
        archived = ", archived and still in scope" if row["archived"] else ""
        words = f"Dependabot alerts are {row['state'].replace('_', ' ')}{archived}{also}"
        yield f"github:scanned:{row['repo_id']}", Seen(label, words, (COMPONENT_NOT_SCANNED,))


def _untold(window: TestWindow) -> Iterator[tuple[str, Seen]]:
    """A snapshot that says nothing of the alerts of its repository."""
    label = f"Scanning of {window.scope_item}"
    item = f"github:scanned:{window.scope_item_id.partition(':')[2]}"
    yield item, Seen(label, "the snapshot does not say whether Dependabot alerts are on", unknown=True)


def _account(
    rows: Sequence[Row], machines: tuple[datetime, Sequence[Row], str] | None, at: datetime, account: str
) -> Iterator[tuple[str, Seen]]:
    listed: dict[str, list[Row]] = {}
    blind: list[str] = []
    for row in rows:
        if row["resource_type"] != "region":
            listed.setdefault(row["resource_id"], []).append(row)
        elif row["resource_id"] == _FUNCTIONS and not row["scanned"]:
            blind.append(row["region"])
    for resource, found in listed.items():
        if not all(row["reason"] in _NOT_THERE for row in found):
            yield f"aws:scanned:{resource}", _resource(found)
    for row in machines[1] if machines is not None else ():
        if row["instance_id"] not in listed and _expected(row, at):
            label = f"Instance {row['instance_id']} in {row['region']}"
            yield f"aws:scanned:{row['instance_id']}", Seen(label, "no scanner lists it", (COMPONENT_NOT_SCANNED,))
    if blind:
        label = f"Functions of Lambda in {', '.join(sorted(blind))}"
        words = "Inspector does not look at them, and no inventory tells whether there are any"
        yield f"{account}:functions", Seen(label, words, unknown=True)


def _resource(rows: Sequence[Row]) -> Seen:
    """A resource stands once for each kind of scan of it; one that covers it is enough."""
    row = next((one for one in rows if one["scanned"]), rows[0])
    label = f"{row['resource_type']} {row['resource_id']}"
    if row["scanned"]:
        return Seen(label, f"scanned by {row['scanner']}")
    if row["images"] is not None:
        # How many there are moves from snapshot to snapshot, and is no new finding.
        if row["images"] == 0:
            return Seen(label, "holds no image that could be scanned")
        return Seen(label, "holds images without a complete scan", (COMPONENT_NOT_SCANNED,))
    if all(one["reason"] == _AWAITED for one in rows):
        return Seen(label, "its first scan is awaited", unknown=True)
    reasons = ", ".join(dict.fromkeys(str(one["reason"] or one["status"]) for one in rows))
    return Seen(label, f"not scanned: {reasons}", (COMPONENT_NOT_SCANNED,))


def _expected(row: Row, at: datetime) -> bool:
    """Whether a machine is there and Inspector had the time to find it."""
    state, launched_at = row["instance_state"], row["launched_at"]
    there = state is None or state in _RUNNING
    return there and (launched_at is None or launched_at + SETTLING <= at)
