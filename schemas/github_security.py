"""Datasets about security features of GitHub repositories and what they found.

`scope_item_id` is `github:<repository node id>`; that of github.alerts is `alerts:github:<organisation>`. Asked for
`github:<organisation node id>`, the alert datasets hold all repositories.

GitHub keeps an alert's dates and no list of its changes. The streams make a row of each date: `created`, `closed`, and
where push protection was passed over `push_protection_bypassed`. Because findings that were open already belong to a
month's population too, a row `carried_over` is made at noon UTC of the first day of each month in the interval for
every alert that was open then by its dates. An alert that was reopened counts as open ever since it was created.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.dataset import Dataset, framed

if TYPE_CHECKING:
    import pyarrow as pa

LITERALS = ("secret", "has_secret_value", "token")
"""Fields of a secret-scanning alert that hold the secret itself."""

SNIPPETS = ("text", "snippet", "html")
"""Fields of code-scanning alerts that can quote source code."""

EVENTS = ("created", "carried_over", "closed", "push_protection_bypassed")


def _types() -> tuple[pa.DataType, pa.DataType, pa.DataType, pa.DataType]:
    import pyarrow as pa

    return pa.string(), pa.timestamp("us", tz="UTC"), pa.bool_(), pa.int64()


def _person() -> pa.DataType:
    import pyarrow as pa

    return pa.struct([("id", pa.string()), ("login", pa.string()), ("kind", pa.string())])


def _repository_security() -> pa.Schema:
    text, _instant, flag, _number = _types()
    return framed(
        ("repo_id", text), ("repo_name", text), ("visibility", text), ("archived", flag),
        # enabled, disabled, or null where GitHub's answer does not name the feature (advanced security of a public
        # repository, for one)
        ("advanced_security", text, True), ("code_security", text, True), ("secret_scanning", text, True),
        ("push_protection", text, True), ("non_provider_patterns", text, True), ("validity_checks", text, True),
        ("dependabot_security_updates", text, True), ("vulnerability_alerts", text),
        ("actions_enabled", flag), ("allowed_actions", text, True),  # all, local_only, selected
        ("sha_pinning_required", flag, True),
        ("default_workflow_permissions", text, True),  # read or write; null where Actions is off
        ("workflows_can_approve", flag, True),
        ("actions_found_in", text),  # repository, or organisation where its setting leaves repositories no choice
    )  # fmt: skip


def _alert_history() -> tuple[tuple[str, pa.DataType] | tuple[str, pa.DataType, bool], ...]:
    """Columns that every history of alerts begins with."""
    text, instant, _flag, number = _types()
    return (
        ("alert_id", text),  # <kind>:<repository node id>:<number>
        ("event_time", instant), ("event", text),  # created, carried_over, closed, push_protection_bypassed
        ("repo_id", text), ("repo_name", text), ("number", number),
        ("created_at", instant), ("updated_at", instant, True),
        ("state", text),  # as GitHub has it at collection: open, fixed, dismissed, auto_dismissed, resolved
        ("closed_at", instant, True),
    )  # fmt: skip


def _secret_alerts() -> pa.Schema:
    text, instant, flag, _number = _types()
    return framed(
        *_alert_history(),
        ("secret_type", text), ("secret_type_name", text, True), ("validity", text, True),
        ("publicly_leaked", flag, True), ("resolution", text, True),  # revoked, false_positive, used_in_tests, wont_fix
        ("resolved_by", _person(), True), ("resolution_comment", text, True),
        ("push_protection_bypassed", flag, True), ("push_protection_bypassed_by", _person(), True),
        ("push_protection_bypassed_at", instant, True),
        ("bypass_reviewer", _person(), True), ("bypass_reviewed", text, True),
    )  # fmt: skip


def _vulnerability_alerts() -> pa.Schema:
    import pyarrow as pa

    text, instant, _flag, _number = _types()
    return framed(
        *_alert_history(),
        ("kind", text),  # dependabot or code_scanning
        ("severity", text, True),  # critical, high, medium, low; null where the source gives none
        ("rule_id", text),  # GHSA id, or the rule of the tool
        ("identifiers", pa.list_(text)),  # CVE and GHSA ids, CWE tags
        ("component", text, True), ("ecosystem", text, True), ("component_scope", text, True),  # runtime, development
        ("location", text, True),  # manifest, or path of the code
        ("vulnerable_range", text, True), ("first_patched", text, True), ("cvss_score", pa.float64(), True),
        ("tool", text, True), ("tool_version", text, True), ("ref", text, True),
        ("closed_how", text, True),  # fixed, dismissed, auto_dismissed
        ("fixed_at", instant, True), ("dismissed_at", instant, True), ("dismissed_by", _person(), True),
        ("dismissed_reason", text, True), ("dismissed_comment", text, True), ("assignees", pa.list_(text)),
    )  # fmt: skip


def _alert_coverage() -> pa.Schema:
    text, instant, flag, number = _types()
    return framed(
        ("repo_id", text), ("repo_name", text), ("archived", flag),
        ("feature", text),  # dependabot, code_scanning, secret_scanning
        ("state", text),  # enabled, disabled, not_licensed
        ("detail", text, True), ("open_alerts", number, True),
        ("tool", text, True), ("last_analysis_at", instant, True),  # code scanning: the latest analysis GitHub has
    )  # fmt: skip


def _alerts() -> pa.Schema:
    import pyarrow as pa

    text, instant, _flag, number = _types()
    return framed(
        ("alert_id", text), ("event_time", instant),  # created at
        ("kind", text),  # dependabot, code_scanning, secret_scanning
        ("severity", text, True),  # secrets have none at GitHub: null
        ("title", text), ("repo_id", text), ("repo_name", text), ("number", number), ("created_at", instant),
        ("updated_at", instant, True), ("status", text), ("closed_at", instant, True), ("closed_by", _person(), True),
        ("closed_reason", text, True), ("assignees", pa.list_(text)), ("url", text, True),
    )  # fmt: skip


REPOSITORY_SECURITY = Dataset(
    "github.repository_security",
    "github.settings_state",
    "snapshot",
    ("repo_id",),
    _repository_security,
    allowed=(("vulnerability_alerts", ("enabled", "disabled")), ("actions_found_in", ("repository", "organisation"))),
)
SECRET_ALERTS = Dataset(
    "github.secret_alerts",
    "github.alerts",
    "event_stream",
    ("alert_id", "event", "event_time"),
    _secret_alerts,
    secret_fields=LITERALS,
    allowed=(("event", EVENTS),),
    volatile=("updated_at",),
)
VULNERABILITY_ALERTS = Dataset(
    "github.vulnerability_alerts",
    "github.alerts",
    "event_stream",
    ("alert_id", "event", "event_time"),
    _vulnerability_alerts,
    secret_fields=SNIPPETS,
    allowed=(("event", EVENTS), ("kind", ("dependabot", "code_scanning"))),
    volatile=("updated_at",),
)
ALERT_COVERAGE = Dataset(
    "github.alert_coverage",
    "github.settings_state",
    "snapshot",
    ("repo_id", "feature"),
    _alert_coverage,
    allowed=(
        ("feature", ("dependabot", "code_scanning", "secret_scanning")),
        ("state", ("enabled", "disabled", "not_licensed")),
    ),
    volatile=("open_alerts", "last_analysis_at"),
)
ALERTS = Dataset(
    "github.alerts",
    "github.alerts",
    "event_stream",
    ("alert_id",),
    _alerts,
    secret_fields=(*LITERALS, *SNIPPETS),
    allowed=(("kind", ("dependabot", "code_scanning", "secret_scanning")),),
    volatile=("updated_at",),
)

DATASETS = (REPOSITORY_SECURITY, SECRET_ALERTS, VULNERABILITY_ALERTS, ALERT_COVERAGE, ALERTS)
