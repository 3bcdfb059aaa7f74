"""The schedules, pinned, and the generated file, kept from drifting."""

from __future__ import annotations

import importlib

import pytest
from prefect import Flow
from prefect.server.schemas.schedules import CronSchedule

from deployments.plan import deployment_specs
from deployments.prefect_yaml import PATH, render
from evidence.controls.catalogue import CATALOGUE, FAMILIES

_CRON = {"daily": "15 3 * * *", "weekly": "30 4 * * 1", "monthly": "0 6 2 * *", "quarterly": "0 7 2 1,4,7,10 *"}


def _of(name: str, *rhythms: str) -> dict[str, tuple[str, str, dict[str, str]]]:
    module = name.replace("-", "_")
    return {f"{name}-{each}": (f"flows.{module}.{module}", _CRON[each], {"cadence": each}) for each in rhythms}


# An independent table: a schedule can't change without a change here.
SCHEDULES = {
    "change-management-daily": ("flows.change_management.change_management", "15 3 * * *", {"cadence": "daily"}),
    "change-management-monthly": ("flows.change_management.change_management", "0 6 2 * *", {"cadence": "monthly"}),
    "change-management-quarterly": (
        "flows.change_management.change_management",
        "0 7 2 1,4,7,10 *",
        {"cadence": "quarterly"},
    ),
    "governance-daily": ("flows.governance.governance", "15 3 * * *", {"cadence": "daily"}),
    "governance-monthly": ("flows.governance.governance", "0 6 2 * *", {"cadence": "monthly"}),
    "governance-quarterly": ("flows.governance.governance", "0 7 2 1,4,7,10 *", {"cadence": "quarterly"}),
    "logical-access-daily": ("flows.logical_access.logical_access", "15 3 * * *", {"cadence": "daily"}),
    "logical-access-weekly": ("flows.logical_access.logical_access", "30 4 * * 1", {"cadence": "weekly"}),
    "logical-access-monthly": ("flows.logical_access.logical_access", "0 6 2 * *", {"cadence": "monthly"}),
    "logical-access-quarterly": ("flows.logical_access.logical_access", "0 7 2 1,4,7,10 *", {"cadence": "quarterly"}),
    "governance-weekly": ("flows.governance.governance", "30 4 * * 1", {"cadence": "weekly"}),
    **_of("system-operations", "daily", "weekly", "monthly", "quarterly"),
    **_of("vendors", "weekly", "monthly", "quarterly"),
    **_of("availability", "daily", "monthly", "quarterly"),
    **_of("confidentiality", "daily", "weekly", "monthly", "quarterly"),
    "completeness": ("flows.completeness.completeness", "0 8 * * *", {}),
    "catch-up": ("flows.catch_up.catch_up", "0 9 * * *", {}),
}


def test_the_schedules_are_these() -> None:
    found = {spec.name: (spec.entrypoint, spec.cron, spec.parameters) for spec in deployment_specs(CATALOGUE)}
    assert found == SCHEDULES


def test_the_generated_file_has_not_drifted() -> None:
    assert PATH.read_text(encoding="utf-8") == render(deployment_specs(CATALOGUE)), (
        "run: python -m deployments.prefect_yaml"
    )


@pytest.mark.parametrize("spec", deployment_specs(CATALOGUE), ids=lambda spec: spec.name)
def test_every_entrypoint_is_a_flow_that_takes_the_parameters(spec: object) -> None:
    module, _, name = spec.entrypoint.rpartition(".")  # type: ignore[attr-defined]
    flow = getattr(importlib.import_module(module), name)
    assert isinstance(flow, Flow)
    assert {"program", *spec.parameters} <= set(flow.parameters.properties)  # type: ignore[attr-defined]


@pytest.mark.parametrize("spec", deployment_specs(CATALOGUE), ids=lambda spec: spec.name)
def test_every_schedule_is_valid_in_a_zone_with_summer_time(spec: object) -> None:
    assert CronSchedule(cron=spec.cron, timezone="America/New_York")  # type: ignore[attr-defined]


def test_every_family_of_the_catalogue_has_a_flow_of_its_own() -> None:
    for family in FAMILIES:
        module = importlib.import_module(f"flows.{family}")
        assert isinstance(getattr(module, family), Flow)
