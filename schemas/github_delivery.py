"""Datasets about how code of a GitHub repository is delivered: environments, owners of the code, workflow runs.

`scope_item_id` is `github:<repository node id>`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.dataset import Dataset, framed

if TYPE_CHECKING:
    import pyarrow as pa


def _environments() -> pa.Schema:
    import pyarrow as pa

    text, instant, flag, number = pa.string(), pa.timestamp("us", tz="UTC"), pa.bool_(), pa.int64()
    reviewer = pa.struct([("kind", text), ("id", text), ("name", text)])  # kind: person or team
    return framed(
        ("repo_id", text), ("repo_name", text), ("environment_id", text), ("environment", text), ("production", flag),
        ("created_at", instant, True), ("updated_at", instant, True),
        ("reviewers_required", flag), ("reviewers", pa.list_(reviewer)), ("self_review_prevented", flag, True),
        ("wait_minutes", number, True), ("custom_rules", pa.list_(text)),
        ("admins_can_bypass", flag, True),
        ("branches", text),  # any, protected, selected
        ("branch_patterns", pa.list_(text)),  # where selected
    )  # fmt: skip


def _code_owners() -> pa.Schema:
    import pyarrow as pa

    text, number = pa.string(), pa.int64()
    rule = pa.struct([("line", number), ("pattern", text), ("owners", pa.list_(text))])
    error = pa.struct([("line", number), ("kind", text), ("message", text), ("path", text)])
    return framed(
        ("repo_id", text), ("repo_name", text),
        ("branch", text),
        ("path", text, True),  # null where the branch has no CODEOWNERS at any place GitHub looks
        ("sha", text, True),  # of the file
        ("rules", pa.list_(rule)), ("errors", pa.list_(error)), ("text", text, True),
    )  # fmt: skip


def _workflow_runs() -> pa.Schema:
    import pyarrow as pa

    text, instant, number = pa.string(), pa.timestamp("us", tz="UTC"), pa.int64()
    person = pa.struct([("id", text), ("login", text), ("kind", text)])
    return framed(
        ("run_id", text), ("event_time", instant),  # created at
        ("repo_id", text), ("repo_name", text), ("workflow_id", number), ("workflow", text, True),
        ("workflow_path", text), ("run_number", number), ("attempt", number), ("event", text),
        ("status", text, True), ("conclusion", text, True), ("branch", text, True), ("sha", text),
        ("actor", person, True), ("triggering_actor", person, True),
        ("pr_numbers", pa.list_(number)), ("started_at", instant, True), ("updated_at", instant),
    )  # fmt: skip


ENVIRONMENTS = Dataset(
    "github.environments", "github.settings_state", "snapshot", ("repo_id", "environment_id"), _environments
)
CODE_OWNERS = Dataset("github.code_owners", "github.settings_state", "snapshot", ("repo_id", "branch"), _code_owners)
WORKFLOW_RUNS = Dataset(
    "github.workflow_runs",
    "github.checks_and_statuses",
    "event_stream",
    ("run_id",),
    _workflow_runs,
    volatile=("updated_at",),
)

DATASETS = (ENVIRONMENTS, CODE_OWNERS, WORKFLOW_RUNS)
