"""The programme model: defaults are written out and explained, and every rule knows which way is looser."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from evidence.rule_changes import LOOSER, is_looser
from schemas.programme import UNSUPPORTED_CATEGORIES, Programme
from schemas.programme_rules import EvidenceRules, LineOverride
from schemas.programme_scope import AwsAccount, GitHubScope
from schemas.programme_values import keys_of, part_at

MINIMAL = {"organisation": "Acme", "observation_period": {"start": "2026-04-01", "end": "2026-09-30"}}


def test_recorded_form_has_every_default_and_reads_back() -> None:
    programme = Programme.model_validate(MINIMAL)
    recorded = programme.normalised()
    defaults = EvidenceRules().model_dump(mode="json", exclude_none=True)
    assert recorded["evidence_rules"] == defaults
    assert (recorded["timezone"], recorded["categories"], recorded["store"]) == (
        "UTC",
        ["security"],
        "./evidence-store",
    )
    assert Programme.from_recorded(recorded) == programme


def test_defaults_are_the_promises_of_the_documentation() -> None:
    rules = EvidenceRules()
    assert (rules.key_max_age_days, rules.key_unused_days, rules.leaver_business_days) == (90, 90, 1)
    assert rules.tickets_required
    assert rules.production_environments == ("production",)


@pytest.mark.parametrize("text", ["Fixes #12", "PROJ-7: add", "(#3)", "ABC1-99"])
def test_ticket_references_are_recognised(text: str) -> None:
    import re

    assert re.search(EvidenceRules().ticket_pattern, text)


@pytest.mark.parametrize("text", ["no ticket", "v1-2", "path/#12x", "utf-8"])
def test_what_is_no_ticket_reference(text: str) -> None:
    import re

    assert not re.search(EvidenceRules().ticket_pattern, text)


def test_every_parameter_is_explained() -> None:
    schema = Programme.model_json_schema(by_alias=True)
    rules = schema["$defs"]["EvidenceRules"]["properties"]
    assert [name for name, found in rules.items() if not found.get("description")] == []


def test_every_rule_knows_which_way_is_looser() -> None:
    """A new parameter must say so: one that did not would hold every change for loosening, which may be wrong."""
    rules = set(EvidenceRules.model_fields) | set(LineOverride.model_fields)
    assert rules - set(LOOSER) == {"ticket_pattern"}
    assert is_looser("ticket_pattern", "a", "b")


@pytest.mark.parametrize("spelled", ["Privacy", "privacy", "processing-integrity", "Processing  Integrity"])
def test_categories_that_are_not_supported_say_why(spelled: str) -> None:
    with pytest.raises(ValidationError, match="Scope it out, or extend the catalogue"):
        Programme.model_validate({**MINIMAL, "categories": ["security", spelled]})
    assert len(UNSUPPORTED_CATEGORIES) == 2


def test_paths_lead_to_the_parts_they_name() -> None:
    assert part_at(Programme, ("scope", "aws", "accounts", 0)) is AwsAccount
    assert part_at(Programme, ("controls", "CC6-UAR-01", "evidence", "pack")) is LineOverride
    assert part_at(Programme, ("scope", "github")) is GitHubScope
    assert part_at(Programme, ("organisation",)) is None
    assert part_at(Programme, ("nothing",)) is None
    assert {"from", "to", "email"} <= set(keys_of(part_at(Programme, ("people", "approvers", 0))))
