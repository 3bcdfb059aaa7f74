"""Confidentiality (C1): sharing and disposal. Nothing to do where the programme does not name the category."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect import flow

from evidence.collection_plan import RunCadence
from flows.family import run_family


@flow(name="confidentiality", persist_result=False)
def confidentiality(
    program: str = "program.yaml",
    cadence: RunCadence | None = None,
    window: str | None = None,
    control: str | None = None,
    scope: list[str] | None = None,
    simulated_now: datetime | None = None,
    retries: int = 3,
) -> dict[str, Any]:
    """Collect, test and report this family.

    Without `window` a monthly or quarterly run means the window that had closed at its scheduled time; every other
    run collects what is new. `control` and `scope` (scope item ids) narrow it down. `retries` is how often items that
    failed for a passing reason are tried again.
    """
    return run_family(
        "confidentiality", program=program, cadence=cadence, window=window, control=control, scope=scope,
        simulated_now=simulated_now, retries=retries,
    )  # fmt: skip
