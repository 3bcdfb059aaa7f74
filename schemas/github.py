"""Datasets read from GitHub.

Ids are GraphQL node ids; times are the server's own, aware UTC. `scope_item_id` is `github:<repository node id>` for
repository datasets, `github:<organisation node id>` for organisation datasets and `org:<slug>` for the inventory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.dataset import Dataset, framed

if TYPE_CHECKING:
    import pyarrow as pa


def _person() -> pa.DataType:
    """A GitHub actor. `id` and `login` are null for a deleted user (ghost); kind: person, bot, ghost, unknown."""
    import pyarrow as pa

    return pa.struct([("id", pa.string()), ("login", pa.string()), ("kind", pa.string())])


def _author() -> pa.DataType:
    """An author or co-author of a commit; user id and login are null where GitHub knows no user for the address."""
    import pyarrow as pa

    return pa.struct([("user_id", pa.string()), ("login", pa.string()), ("email", pa.string()), ("kind", pa.string())])


def _types() -> tuple[pa.DataType, pa.DataType, pa.DataType, pa.DataType]:
    import pyarrow as pa

    return pa.string(), pa.timestamp("us", tz="UTC"), pa.bool_(), pa.int64()


def _commits() -> pa.Schema:
    import pyarrow as pa

    text, instant, flag, number = _types()
    return framed(
        ("item_id", text),  # github:commit:<repository id>:<sha>, or github:push:<repository id>:<before>..<after>
        ("event_time", instant),  # when the commit entered the branch, by the server (activity ledger)
        ("repo_id", text), ("repo_name", text), ("branch", text), ("sha", text),
        ("activity", text),  # how it entered: pr_merge, merge_queue_merge, push, force_push, branch_creation
        ("actor", _person(), True), ("before_sha", text), ("after_sha", text), ("parents", pa.list_(text)),
        ("authored_at", instant, True), ("committed_at", instant, True), ("authors", pa.list_(_author())),
        ("pr_id", text, True), ("pr_number", number, True),  # the merged pull request that owns the commit, if any
        ("pr_merge_sha", text, True), ("message_headline", text, True),
        ("rewritten", flag),  # True where the row came with a rewrite of the branch's history
        ("first_of_branch", flag),  # True for the commits a new branch or repository began with
    )  # fmt: skip


def _pull_requests() -> pa.Schema:
    import pyarrow as pa

    text, instant, flag, number = _types()
    review = pa.struct([
        ("review_id", text), ("author", _person()), ("association", text), ("state", text),
        ("submitted_at", instant), ("commit_sha", text), ("dismissed_at", instant),
    ])  # fmt: skip  # state is that at collection; a dismissed review keeps dismissed_at from the timeline
    commit = pa.struct([
        ("sha", text), ("parents", pa.list_(text)), ("authors", pa.list_(_author())), ("committed_at", instant),
        ("message_headline", text),
    ])  # fmt: skip
    event = pa.struct([("kind", text), ("at", instant), ("actor", _person()), ("detail", text)])
    return framed(
        ("item_id", text),  # github:pr:<repository node id>:<number>
        ("event_time", instant),  # merged at
        ("repo_id", text), ("repo_name", text), ("pr_id", text), ("number", number), ("title", text),
        ("body", text, True), ("author", _person(), True), ("merged_by", _person(), True), ("created_at", instant),
        ("updated_at", instant), ("base_ref", text), ("head_ref", text, True), ("head_sha", text),
        ("base_sha", text, True), ("merge_sha", text, True),
        ("merge_method", text),  # merge, squash, rebase, queue, unknown
        ("labels", pa.list_(text)), ("closing_issues", pa.list_(text)), ("reviews", pa.list_(review)),
        ("commits", pa.list_(commit)), ("timeline", pa.list_(event)),
        ("last_pusher", _person(), True), ("auto_merge", flag), ("queue_sha", text, True),
        ("changed_files", number, True),
    )  # fmt: skip


def _checks() -> pa.Schema:
    text, instant, _flag, number = _types()
    return framed(
        ("check_id", text),
        ("event_time", instant),  # when the change it belongs to entered the branch
        ("repo_id", text), ("repo_name", text), ("pr_number", number, True), ("sha", text),
        ("kind", text),  # check_run or status
        ("name", text), ("app_id", text, True), ("app_slug", text, True),
        ("status", text), ("conclusion", text, True), ("started_at", instant, True), ("completed_at", instant, True),
    )  # fmt: skip


def _bypasses() -> pa.Schema:
    import pyarrow as pa

    text, instant, _flag, _number = _types()
    rule = pa.struct([("rule_type", text), ("enforcement", text), ("result", text), ("ruleset_id", text)])
    return framed(
        ("suite_id", text), ("event_time", instant), ("repo_id", text), ("repo_name", text), ("ref", text),
        ("before_sha", text, True), ("after_sha", text, True), ("actor", _person(), True),
        ("result", text), ("evaluation", text, True), ("rules", pa.list_(rule)),
        ("found_in", text),  # rule_suite or audit_log
    )  # fmt: skip


def _branch_tips() -> pa.Schema:
    text, instant, flag, _number = _types()
    return framed(
        ("repo_id", text), ("repo_name", text), ("branch", text), ("is_default", flag), ("tip_sha", text),
        ("tip_committed_at", instant, True),
    )  # fmt: skip


def _branch_rules() -> pa.Schema:
    import pyarrow as pa

    text, _instant, flag, number = _types()
    check = pa.struct([("context", text), ("integration_id", text)])
    actor = pa.struct([("actor_type", text), ("actor_id", text), ("mode", text), ("ruleset_id", text)])
    ruleset = pa.struct([("id", text), ("name", text), ("enforcement", text), ("source", text), ("target", text)])
    return framed(
        ("repo_id", text), ("repo_name", text), ("branch", text),
        ("classic_protection", flag), ("rulesets", pa.list_(ruleset)),
        ("pull_request_required", flag), ("required_approvals", number), ("dismiss_stale_reviews", flag),
        ("require_last_push_approval", flag), ("require_code_owner_review", flag), ("required_checks", pa.list_(check)),
        ("merge_queue", flag), ("force_push_blocked", flag), ("deletion_blocked", flag),
        ("enforce_admins", flag, True),  # null where only rulesets protect the branch
        ("bypass_actors", pa.list_(actor)), ("bypass_known", flag),  # False where the principal may not read them
    )  # fmt: skip


def _rule_changes() -> pa.Schema:
    text, instant, _flag, _number = _types()
    return framed(
        ("change_id", text), ("event_time", instant), ("repo_id", text), ("repo_name", text), ("action", text),
        ("actor", _person(), True), ("ruleset_id", text, True), ("ruleset_name", text, True), ("detail", text, True),
        ("found_in", text),  # audit_log or ruleset_history
    )  # fmt: skip


def _deployments() -> pa.Schema:
    import pyarrow as pa

    text, instant, flag, _number = _types()
    status = pa.struct([("state", text), ("at", instant), ("creator", _person())])
    check = pa.struct([("name", text), ("conclusion", text), ("completed_at", instant)])
    return framed(
        ("deployment_id", text), ("event_time", instant), ("repo_id", text), ("repo_name", text),
        ("environment", text), ("production", flag), ("sha", text), ("ref", text, True), ("task", text, True),
        ("creator", _person(), True), ("statuses", pa.list_(status)), ("latest_state", text, True),
        ("checks", pa.list_(check)),  # check runs and statuses on the deployed sha
    )  # fmt: skip


def _repositories() -> pa.Schema:
    import pyarrow as pa

    text, instant, flag, number = _types()
    return framed(
        ("repo_id", text), ("database_id", number), ("repo_name", text), ("created_at", instant), ("archived", flag),
        ("fork", flag), ("visibility", text), ("topics", pa.list_(text)), ("default_branch", text, True),
        ("pushed_at", instant, True), ("organisation_id", text),
    )  # fmt: skip


def _members() -> pa.Schema:
    text, _instant, flag, _number = _types()
    return framed(
        ("user_id", text), ("login", text), ("membership", text),  # member or outside_collaborator
        ("role", text),  # owner, member, outside_collaborator
        ("two_factor", text),  # enabled, disabled, unknown
        ("organisation_requires_two_factor", flag, True),  # null where the principal may not read the setting
        ("kind", text),
    )  # fmt: skip


def _administrators() -> pa.Schema:
    text, instant, _flag, _number = _types()
    return framed(
        ("assignment_id", text), ("principal_kind", text),  # person, team, app
        ("principal_id", text), ("principal_name", text),
        ("privilege", text),  # organisation_owner, repository_admin, app_write
        ("resource_id", text), ("resource_name", text), ("granted_via", text, True), ("detail", text, True),
        ("since", instant, True),
    )  # fmt: skip


def _credentials() -> pa.Schema:
    text, instant, flag, _number = _types()
    return framed(
        ("credential_id", text), ("kind", text),  # deploy_key, personal_access_token
        ("title", text, True), ("owner", _person(), True), ("resource_id", text), ("resource_name", text),
        ("read_only", flag, True), ("created_at", instant, True), ("last_used_at", instant, True),
        ("expires_at", instant, True),
    )  # fmt: skip


# One push can move several production branches to the same commit at once, hence the branch in the key.
COMMITS = Dataset(
    "github.commits", "github.pull_requests", "event_stream", ("item_id", "event_time", "branch"), _commits
)
PULL_REQUESTS = Dataset(
    "github.pull_requests",
    "github.pull_requests",
    "event_stream",
    ("pr_id",),
    _pull_requests,
    volatile=("updated_at",),  # moves with every comment and with the deletion of the branch, long after the merge
)
CHECKS = Dataset("github.checks", "github.checks_and_statuses", "event_stream", ("check_id", "pr_number"), _checks)
BYPASSES = Dataset("github.bypasses", "github.rule_suites", "event_stream", ("suite_id",), _bypasses)
BRANCH_TIPS = Dataset("github.branch_tips", "github.settings_state", "snapshot", ("repo_id", "branch"), _branch_tips)
BRANCH_RULES = Dataset("github.branch_rules", "github.settings_state", "snapshot", ("repo_id", "branch"), _branch_rules)
RULE_CHANGES = Dataset("github.rule_changes", "github.org_audit_log", "event_stream", ("change_id",), _rule_changes)
DEPLOYMENTS = Dataset("github.deployments", "github.deployments", "event_stream", ("deployment_id",), _deployments)
REPOSITORIES = Dataset("github.repositories", "github.settings_state", "snapshot", ("repo_id",), _repositories)
MEMBERS = Dataset("github.members", "github.settings_state", "snapshot", ("user_id", "membership"), _members)
ADMINISTRATORS = Dataset(
    "github.administrators", "github.settings_state", "snapshot", ("assignment_id",), _administrators
)
CREDENTIALS = Dataset(
    "github.credentials",
    "github.settings_state",
    "snapshot",
    ("credential_id",),
    _credentials,
    secret_fields=("key", "token", "token_last_eight", "hashed_token"),
)

DATASETS = (
    COMMITS, PULL_REQUESTS, CHECKS, BYPASSES, BRANCH_TIPS, BRANCH_RULES, RULE_CHANGES, DEPLOYMENTS, REPOSITORIES,
    MEMBERS, ADMINISTRATORS, CREDENTIALS,
)  # fmt: skip
