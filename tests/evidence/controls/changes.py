"""A small repository for tests of change controls: a builder whose defaults are a change in perfect order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from evidence.controls.model import TestWindow
from schemas.github import (
    BRANCH_RULES,
    BRANCH_TIPS,
    BYPASSES,
    CHECKS,
    COMMITS,
    DEPLOYMENTS,
    PULL_REQUESTS,
    RULE_CHANGES,
)
from schemas.programme import Programme
from tests.fakes.memory_evidence import MemoryEvidence

Row = dict[str, Any]

REPO = "R_1"
SCOPE = f"github:{REPO}"
NAME = "acme/api"
START = datetime(2026, 5, 1, tzinfo=UTC)
END = datetime(2026, 6, 1, tzinfo=UTC)
LATER = datetime(2026, 6, 10, tzinfo=UTC)
MERGED = datetime(2026, 5, 12, 10, tzinfo=UTC)
HEAD = "head0001"
MERGE = "merge001"

Registers = Mapping[str, list[Mapping[str, Any]]]


def programme(rules: Mapping[str, Any] | None = None, systems: Mapping[str, Any] | None = None) -> Programme:
    """A programme over one organisation; `rules` are evidence rules, `systems` replace its scope."""
    return Programme.model_validate(
        {
            "organisation": "Acme",
            "timezone": "UTC",
            "observation_period": {"start": "2026-04-01", "end": "2026-09-30"},
            "scope": dict(systems or {"github": {"organisation": "acme"}}),
            "evidence_rules": dict(rules or {}),
        }
    )


def window(
    control_id: str = "CC8-CHG-01",
    *,
    rules: Mapping[str, Any] | None = None,
    registers: Registers | None = None,
    as_of: datetime = LATER,
    start: datetime = START,
    end: datetime = END,
    scope: str = SCOPE,
    name: str = NAME,
    systems: Mapping[str, Any] | None = None,
) -> TestWindow:
    return TestWindow(
        control_id, f"{start:%Y-%m}", start, end, scope, name, as_of, programme(rules, systems), registers or {}
    )


def actor(login: str | None, kind: str = "person") -> Row:
    return {"id": None if login is None else f"U_{login}", "login": login, "kind": kind}


def author(login: str | None, email: str | None = None, kind: str = "person") -> Row:
    known = None if login is None else f"U_{login}"
    return {
        "user_id": known,
        "login": login,
        "email": email or (f"{login}@acme.example" if login else None),
        "kind": kind,
    }


def review(
    login: str | None,
    state: str = "APPROVED",
    *,
    minutes: float = -30,
    sha: str | None = HEAD,
    association: str | None = "MEMBER",
    kind: str = "person",
    dismissed: float | None = None,
    at: datetime = MERGED,
    id: str | None = None,
) -> Row:
    """A review `minutes` after the merge (negative: before), dismissed so many minutes after it."""
    return {
        "review_id": id or f"PRR_{login}_{state}_{minutes}",
        "author": actor(login, kind),
        "association": association,
        "state": state,
        "submitted_at": at + timedelta(minutes=minutes),
        "commit_sha": sha,
        "dismissed_at": None if dismissed is None else at + timedelta(minutes=dismissed),
    }


def proposed(sha: str = HEAD, *parents: str, authors: Sequence[Row] | None = None) -> Row:
    """A commit of a pull request."""
    return {
        "sha": sha,
        "parents": list(parents or ("base0000",)),
        "authors": list(authors if authors is not None else [author("alice")]),
        "committed_at": MERGED - timedelta(hours=3),
        "message_headline": "Work",
    }


def pull(**changed: Any) -> Row:
    """A merged pull request by alice, approved by bob on its head."""
    number = changed.get("number", 7)
    merged_at = changed.get("event_time", MERGED)
    row: Row = {
        "item_id": f"github:pr:{REPO}:{number}",
        "event_time": merged_at,
        "repo_id": REPO,
        "repo_name": NAME,
        "pr_id": f"PR_{number}",
        "number": number,
        "title": "ABC-12 Faster start",
        "body": None,
        "author": actor("alice"),
        "merged_by": actor("alice"),
        "created_at": merged_at - timedelta(hours=4),
        "updated_at": merged_at,
        "base_ref": "main",
        "head_ref": "faster-start",
        "head_sha": HEAD,
        "base_sha": "base0000",
        "merge_sha": MERGE,
        "merge_method": "squash",
        "labels": [],
        "closing_issues": [],
        "reviews": [review("bob", at=merged_at)],
        "commits": [proposed()],
        "timeline": [],
        "last_pusher": actor("alice"),
        "auto_merge": False,
        "queue_sha": None,
        "changed_files": 1,
    }
    return row | changed


def commit(**changed: Any) -> Row:
    """The squashed commit by which pull request 7 entered main."""
    sha = changed.get("sha", MERGE)
    number = changed.get("pr_number", 7)
    row: Row = {
        "item_id": f"github:commit:{REPO}:{sha}",
        "event_time": MERGED,
        "repo_id": REPO,
        "repo_name": NAME,
        "branch": "main",
        "sha": sha,
        "activity": "pr_merge",
        "actor": actor("alice"),
        "before_sha": "base0000",
        "after_sha": sha,
        "parents": ["base0000"],
        "authored_at": MERGED,
        "committed_at": MERGED,
        "authors": [author("alice")],
        "pr_id": None if number is None else f"PR_{number}",
        "pr_number": number,
        "pr_merge_sha": None if number is None else sha,
        "message_headline": "Faster start (#7)",
        "rewritten": False,
        "first_of_branch": False,
    }
    return row | changed


def direct(**changed: Any) -> Row:
    """A commit pushed straight to main by carol."""
    return commit(
        **{"sha": "direct01", "pr_number": None, "activity": "push", "actor": actor("carol"),
           "authors": [author("carol")], **changed}
    )  # fmt: skip


def check(name: str = "build", conclusion: str | None = "success", **changed: Any) -> Row:
    row: Row = {
        "check_id": f"CR_{name}_{conclusion}_{changed.get('sha', HEAD)}",
        "event_time": MERGED,
        "repo_id": REPO,
        "repo_name": NAME,
        "pr_number": 7,
        "sha": HEAD,
        "kind": "check_run",
        "name": name,
        "app_id": "15368",
        "app_slug": "github-actions",
        "status": "completed",
        "conclusion": conclusion,
        "started_at": MERGED - timedelta(minutes=50),
        "completed_at": MERGED - timedelta(minutes=40),
    }
    return row | changed


def bypass(**changed: Any) -> Row:
    row: Row = {
        "suite_id": "RS_1",
        "event_time": MERGED,
        "repo_id": REPO,
        "repo_name": NAME,
        "ref": "refs/heads/main",
        "before_sha": "base0000",
        "after_sha": MERGE,
        "actor": actor("alice"),
        "result": "bypass",
        "evaluation": None,
        "rules": [{"rule_type": "pull_request", "enforcement": "active", "result": "fail", "ruleset_id": "1"}],
        "found_in": "rule_suite",
    }
    return row | changed


def rules(**changed: Any) -> Row:
    """Rules that demand everything, as a ruleset without bypass."""
    row: Row = {
        "repo_id": REPO,
        "repo_name": NAME,
        "branch": "main",
        "classic_protection": False,
        "rulesets": [{"id": "1", "name": "main", "enforcement": "active", "source": NAME, "target": "branch"}],
        "pull_request_required": True,
        "required_approvals": 1,
        "dismiss_stale_reviews": True,
        "require_last_push_approval": False,
        "require_code_owner_review": False,
        "required_checks": [{"context": "build", "integration_id": None}],
        "merge_queue": False,
        "force_push_blocked": True,
        "deletion_blocked": True,
        "enforce_admins": None,
        "bypass_actors": [],
        "bypass_known": True,
    }
    return row | changed


def rule_change(action: str = "repository_ruleset.update", **changed: Any) -> Row:
    row: Row = {
        "change_id": "C_1",
        "event_time": datetime(2026, 5, 10, 12, tzinfo=UTC),
        "repo_id": REPO,
        "repo_name": NAME,
        "action": action,
        "actor": actor("carol"),
        "ruleset_id": "1",
        "ruleset_name": "main",
        "detail": None,
        "found_in": "audit_log",
    }
    return row | changed


def tip(sha: str, branch: str = "main") -> Row:
    return {"repo_id": REPO, "repo_name": NAME, "branch": branch, "is_default": True, "tip_sha": sha}


def deployment(**changed: Any) -> Row:
    """The deployment of pull request 7's commit by the pipeline, an hour after its merge."""
    at = changed.get("event_time", MERGED + timedelta(hours=1))
    row: Row = {
        "deployment_id": "D_1",
        "event_time": at,
        "repo_id": REPO,
        "repo_name": NAME,
        "environment": "production",
        "production": True,
        "sha": MERGE,
        "ref": "main",
        "task": "deploy",
        "creator": actor("github-actions", "bot"),
        "statuses": [
            {"state": "in_progress", "at": at + timedelta(minutes=1), "creator": actor("github-actions", "bot")},
            {"state": "success", "at": at + timedelta(minutes=5), "creator": actor("github-actions", "bot")},
        ],
        "latest_state": "success",
        "checks": [],
    }
    return row | changed


@dataclass
class Repository:
    """What is stored of the repository. `covered` are the streams that claims hold from March to the end of June."""

    pulls: Sequence[Row] = ()
    commits: Sequence[Row] = ()
    checks: Sequence[Row] | None = None
    bypasses: Sequence[Row] = ()
    rule_changes: Sequence[Row] = ()
    deployments: Sequence[Row] = ()
    rules: Mapping[datetime, Sequence[Row]] | None = None
    """Snapshots of branch rules; None: one on the last of April that demands everything."""
    tips: Mapping[datetime, Sequence[Row]] = field(default_factory=dict)
    covered: Sequence[Any] = (COMMITS, PULL_REQUESTS, CHECKS, BYPASSES, RULE_CHANGES, DEPLOYMENTS)

    def stored(self) -> MemoryEvidence:
        evidence = MemoryEvidence()
        for dataset, rows in (
            (PULL_REQUESTS, self.pulls),
            (COMMITS, self.commits),
            (CHECKS, [check()] if self.checks is None else self.checks),
            (BYPASSES, self.bypasses),
            (RULE_CHANGES, self.rule_changes),
            (DEPLOYMENTS, self.deployments),
        ):
            evidence.store(dataset, SCOPE, rows, digest=f"sha256:{dataset.name}")
        for dataset in self.covered:
            evidence.claim(dataset, SCOPE, datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))
        shown = {datetime(2026, 4, 30, 6, tzinfo=UTC): [rules()]} if self.rules is None else self.rules
        for observed_at, rows in shown.items():
            evidence.snapshot(BRANCH_RULES, SCOPE, observed_at, rows)
        for observed_at, rows in self.tips.items():
            evidence.snapshot(BRANCH_TIPS, SCOPE, observed_at, rows)
        return evidence
