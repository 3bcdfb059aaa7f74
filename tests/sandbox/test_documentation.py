"""docs/sandbox.md names every fault, every kind of event, every path of the control server and every schema."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from sandbox.clock import SimulatedClock
from sandbox.control import Control
from sandbox.faults import FaultPlan, Kind
from sandbox.github import script_events
from sandbox.schemas import SCHEMAS

TEXT = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")


def event_kinds() -> list[str]:
    union = get_args(script_events.Event)[0]
    return [get_args(one.model_fields["kind"].annotation)[0] for one in get_args(union)]


@pytest.mark.parametrize("name", [*get_args(Kind), *event_kinds(), *SCHEMAS])
def test_names(name: str) -> None:
    assert f"`{name}`" in TEXT


def test_paths() -> None:
    control = Control(SimulatedClock(), FaultPlan(), {}, lambda limits: None)
    for route in control.application().routes:
        path = getattr(route, "path", "")
        assert f"{path.replace('{name}', 'NAME')}`" in TEXT
