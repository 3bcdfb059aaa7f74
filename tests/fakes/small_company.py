"""A small company made by the tests themselves: one repository with a busy July, one AWS account with many users."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sandbox.serve import Sandbox, running
from tests.fakes.evidence_project import Project, reachable

NOW = "2026-08-02T06:00:00Z"
WINDOW = "2026-07"
REPOSITORY = "acme/api"
ACCOUNT = "111122223333"
CHANGES = 130
"""More than a page of GitHub's activity ledger and of its merged pull requests."""
DIRECT_EVERY = 10

_COLUMNS = (
    "sha", "parents", "on_first_parent", "author", "committer", "author_date", "commit_date", "pr_number", "pr_source",
    "web_flow", "author_is_bot", "reviewed_by", "co_authored_by", "gpgsig",
)  # fmt: skip
_FULL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def write_history(path: Path, changes: int = CHANGES, start: datetime | None = None) -> Path:
    """A branch on which changes land five hours apart from `start` (30 June 2026) on; one in ten is pushed directly.

    Every other pull request has an independent reviewer.
    """
    at = start or datetime(2026, 6, 30, 12, tzinfo=UTC)
    lines = [",".join(_COLUMNS)]
    rows: list[str] = []
    for number in range(1, changes + 1):
        when = (at + timedelta(hours=5 * number)).isoformat()
        direct = number % DIRECT_EVERY == 0
        row = {
            "sha": f"{number:040x}", "parents": f"{number - 1:040x}" if number > 1 else "", "on_first_parent": "1",
            "author": "alice", "committer": "alice" if direct else "web-flow", "author_date": when, "commit_date": when,
            "pr_number": "" if direct else str(number), "pr_source": "" if direct else "squash",
            "web_flow": "0" if direct else "1", "author_is_bot": "0",
            "reviewed_by": "bob" if number % 2 else "", "co_authored_by": "", "gpgsig": "0",
        }  # fmt: skip
        rows.append(",".join(row[name] for name in _COLUMNS))
    path.write_text("\n".join([*lines, *reversed(rows)]) + "\n", encoding="utf-8")
    return path


def write_account(path: Path, users: int = 150) -> Path:
    """The answer of get-account-authorization-details for an account in which every fiftieth user is almighty."""
    document: dict[str, Any] = {
        "UserDetailList": [
            {
                "Path": "/", "UserName": f"user-{number:03}", "UserId": f"AIDA{number:016}",
                "Arn": f"arn:aws:iam::{ACCOUNT}:user/user-{number:03}", "CreateDate": "2026-01-05T09:00:00+00:00",
                "UserPolicyList": [{"PolicyName": "all", "PolicyDocument": _FULL}] if number % 50 == 0 else [],
                "GroupList": [], "AttachedManagedPolicies": [], "Tags": [],
            }
            for number in range(users)
        ],
        "GroupDetailList": [], "RoleDetailList": [], "Policies": [],
    }  # fmt: skip
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


@contextlib.contextmanager
def small_company(folder: Path, *, now: str = NOW, changes: int = CHANGES) -> Iterator[tuple[Sandbox, Project]]:
    """The company's sources running, its programme in a folder, and the environment set; nothing collected yet.

    The period is July and August 2026: July is a closed month and August is open.
    """
    folder.mkdir(parents=True, exist_ok=True)
    history = write_history(folder / "api.csv", changes)
    account = write_account(folder / "account.json")
    site = folder / "site"
    with (
        running(
            changes=[f"{REPOSITORY}={history}"], iam=account, now=datetime.fromisoformat(now), directory=site
        ) as box,
        reachable(box, folder),
    ):
        project = Project(site, now)
        project.edit(
            lambda programme: programme.update(observation_period={"start": "2026-07-01", "end": "2026-08-31"})
        )
        assert box.github is not None
        box.github.application.limits.allow({"core": 1_000_000, "graphql": 1_000_000})
        yield box, project
