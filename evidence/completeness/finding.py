"""What a judge of one kind of evidence tells the engine about one window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from evidence.completeness.circumstances import Demand
from evidence.completeness.coverage import overlaps
from evidence.completeness.model import Run
from evidence.completeness.recoverability import NO_LOSS, HoleTicks, Loss


@dataclass(slots=True)
class Finding:
    """Proof of one window, in ticks.

    `satisfied` is step 3 of the decision procedure, `only_if_trusted` step 4. `proof_at` is the arrival at which the
    window was complete. `late` means the control itself ran late (human lines) or the proof came late (machine
    lines). `empty` is set for a covered stream window without rows.
    """

    satisfied: bool
    only_if_trusted: bool = False
    some_proof: bool = False
    holes: Sequence[HoleTicks] = ()
    loss: Loss = NO_LOSS
    proof_at: int | None = None
    late: bool = False
    empty: Literal["confirmed", "unconfirmed"] | None = None
    population: int | None = None
    missing: int = 0
    flags: set[str] = field(default_factory=set[str])


def latest_attempt_failed(runs: Sequence[Run], demand: Demand, now: int, since: int | None = None) -> bool:
    """Whether the latest run that asked for any of the required time ended in error (section 5, `failed`).

    Latest is what the store learnt last, then what started last; of equals the one that failed counts. `since` is the
    arrival of the latest success of another kind.
    """
    latest = (since if since is not None else -1, -1, False)
    for run in runs:
        at = run.ticks
        if at.recorded <= now and overlaps(demand.required, at.from_, at.to):
            latest = max(latest, (at.recorded, at.started, run.status == "error"))
    return latest[2]
