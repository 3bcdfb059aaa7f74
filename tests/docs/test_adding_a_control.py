"""The worked example of a control: its module, taken from the document, is a control that works."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from deployments.plan import deployment_specs
from evidence.controls.catalogue import CATALOGUE, FAMILIES, validate
from evidence.controls.run import Span, run_control
from schemas.github_organisation import ORGANISATION_SETTINGS
from schemas.scope import ScopeItem
from tests.evidence.controls.access import FIRST, GITHUB, SECOND, THIRD, shown
from tests.evidence.controls.changes import window as any_window

DOCUMENT = Path(__file__).parents[2] / "docs" / "adding-a-control.md"
SETTING = "members.can_create_public_repositories"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    code = next(
        block
        for block in re.findall(
            r"^```python\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
        )
        if block.startswith('"""CC6-PUB-01')
    )
    module = ModuleType("public_repositories")
    sys.modules[module.__name__] = module
    exec(compile(code, str(DOCUMENT), "exec"), module.__dict__)  # noqa: S102 - our own document
    return module


def setting(value: str | None, state: str = "known", name: str = SETTING) -> dict[str, Any]:
    return {
        "organisation_id": "O_1", "organisation": "acme", "setting": name, "value": value, "state": state,
        "reason": None if state == "known" else "the token may not see it", "found_in": "GET /orgs/{org}",
    }  # fmt: skip


def outcomes(example: ModuleType, *values: str | None) -> list[tuple[str, tuple[str, ...]]]:
    snapshots = {
        at: [
            setting("true", name="members.can_create_repositories"),
            setting(value, "known" if value else "unreadable"),
        ]
        for at, value in zip((FIRST, SECOND, THIRD), values, strict=False)
    }
    tested = any_window()
    rows = run_control(
        example.PUBLIC_REPOSITORIES,
        [Span(tested.window_id, tested.start, tested.end)],
        [ScopeItem(GITHUB, "acme", "github")],
        shown(ORGANISATION_SETTINGS, GITHUB, snapshots),
        as_of=tested.as_of,
        programme=tested.programme,
        registers={},
    )
    return sorted((row.outcome, row.codes) for row in rows)


def test_the_example_judges_as_it_says(example: ModuleType) -> None:
    assert outcomes(example, "false", "false") == [("pass", ())]
    assert outcomes(example, "false", "true", "false") == [("exception", ("PUBLIC_ALLOWED",))]
    assert outcomes(example, "false", None) == [("unknown", ())]
    assert outcomes(example) == [("unknown", ())], "a closed month without a snapshot"


def test_it_fits_the_catalogue_and_needs_nothing_else(example: ModuleType) -> None:
    control = example.PUBLIC_REPOSITORIES
    assert control.id not in {one.id for one in CATALOGUE}
    validate([*CATALOGUE, control])
    assert control.family in FAMILIES
    before = {spec.name for spec in deployment_specs(CATALOGUE)}
    assert {spec.name for spec in deployment_specs([*CATALOGUE, control])} == before, "its family is scheduled already"
    with pytest.raises(ValueError, match="has a test and no evidence line"):
        validate([replace(control, evidence=(replace(control.evidence[0], is_population=False),))])
