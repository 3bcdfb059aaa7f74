"""Which deployments exist, computed from the catalogue: each family on the rhythms that its evidence lines ask for.

Pure. Times are local to the programme's zone and lie after the settle lag of every source, inside the days in which
evidence is due: monthly and quarterly runs on the 2nd, so that a source that lags by up to a day has told everything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from evidence.controls.model import Control, EvidenceLine, Family

Cadence = Literal["daily", "weekly", "monthly", "quarterly"]

WORK_POOL = "evidence"
TAG = "evidence"

CRON: dict[Cadence, str] = {
    "daily": "15 3 * * *",
    "weekly": "30 4 * * 1",
    "monthly": "0 6 2 * *",
    "quarterly": "0 7 2 1,4,7,10 *",
}
COMPLETENESS_CRON = "0 8 * * *"
CATCH_UP_CRON = "0 9 * * *"


@dataclass(frozen=True, slots=True)
class DeploymentSpec:
    """One deployment: which flow, when, with what parameters."""

    name: str
    entrypoint: str
    """Dotted path of the flow function; never a file path, which Prefect would load under another module name."""
    cron: str
    slug: str
    description: str
    tags: tuple[str, ...]
    parameters: dict[str, Any] = field(default_factory=dict[str, Any])


def deployment_specs(catalogue: Iterable[Control]) -> tuple[DeploymentSpec, ...]:
    """All deployments, in a stable order."""
    families: dict[Family, list[EvidenceLine]] = {}
    for control in catalogue:
        families.setdefault(control.family, []).extend(line for line in control.evidence if any(line.collected()))
    specs = [
        _family_spec(family, cadence) for family, lines in sorted(families.items()) for cadence in _cadences(lines)
    ]
    specs.append(
        DeploymentSpec(
            "completeness",
            "flows.completeness.completeness",
            COMPLETENESS_CRON,
            "daily",
            "Tests of controls, the completeness matrix, the page, the anchor of the ledger's head.",
            (TAG, "completeness"),
        )
    )
    specs.append(
        DeploymentSpec(
            "catch-up",
            "flows.catch_up.catch_up",
            CATCH_UP_CRON,
            "daily",
            "Collects what is missing and still recoverable, soonest loss first. Prefect itself never backfills.",
            (TAG, "catch-up"),
        )
    )
    return tuple(specs)


def _cadences(lines: Iterable[EvidenceLine]) -> list[Cadence]:
    """The rhythms of a family: as often as a source must be looked at, and each close of a month and of a quarter."""
    every = {line.collect_every for line in lines}
    frequent: list[Cadence] = [cadence for cadence in ("daily", "weekly") if cadence in every]
    return [*frequent, "monthly", "quarterly"] if every else []


_PURPOSE: dict[Cadence, str] = {
    "daily": "what is new since the last run, and today's snapshots",
    "weekly": "the weekly snapshots",
    "monthly": "the whole of the month that has closed, once more, and its tests",
    "quarterly": "the whole of the quarter that has closed, as far as the sources remember, to find restatements",
}


def _family_spec(family: Family, cadence: Cadence) -> DeploymentSpec:
    title = family.replace("_", " ").capitalize()
    return DeploymentSpec(
        name=f"{family.replace('_', '-')}-{cadence}",
        entrypoint=f"flows.{family}.{family}",
        cron=CRON[cadence],
        slug=cadence,
        description=f"{title}: {_PURPOSE[cadence]}.",
        tags=(TAG, f"family:{family}", f"cadence:{cadence}"),
        parameters={"cadence": cadence},
    )
