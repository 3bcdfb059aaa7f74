"""REST bodies of commits, pull requests, checks, deployments and the activity ledger."""

from __future__ import annotations

from typing import Any

from sandbox.github.access import WEB, Request, association
from sandbox.github.graph import Comparison
from sandbox.github.model import (
    CheckRun,
    CheckSuite,
    Commit,
    Deployment,
    DeploymentStatus,
    Issue,
    Label,
    PullRequest,
    Review,
    Signature,
    StatusContext,
    Update,
)
from sandbox.github.nodeids import object_id
from sandbox.github.queries.commits import combined_state, latest_statuses
from sandbox.github.queries.pulls import updated_at
from sandbox.github.rest.bodies import account, account_or_none, app, minimal_repository
from sandbox.github.times import iso, iso_or_none


def _signature(who: Signature) -> dict[str, str]:
    return {"name": who.name, "email": who.email, "date": iso(who.at)}


def verification(which: Commit) -> dict[str, Any]:
    """`verification`."""
    if not which.signed:
        return {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}
    return {
        "verified": True,
        "reason": "valid",
        "signature": "-----BEGIN PGP SIGNATURE-----\n\nsimulated\n-----END PGP SIGNATURE-----",
        "payload": f"commit {which.oid}",
        "verified_at": iso(which.received_at),
    }


def commit(which: Commit, request: Request) -> dict[str, Any]:
    """`commit`."""
    name = which.repository.full_name(request.now)
    url = f"{request.api}/repos/{name}/commits/{which.oid}"
    html = f"{WEB}/{name}/commit/{which.oid}"
    tree = object_id("tree", which.oid)
    return {
        "sha": which.oid,
        "node_id": which.node_id,
        "commit": {
            "author": _signature(which.author),
            "committer": _signature(which.committer),
            "message": which.message,
            "tree": {"sha": tree, "url": f"{request.api}/repos/{name}/git/trees/{tree}"},
            "url": f"{request.api}/repos/{name}/git/commits/{which.oid}",
            "comment_count": 0,
            "verification": verification(which),
        },
        "url": url,
        "html_url": html,
        "comments_url": f"{url}/comments",
        "author": account_or_none(which.author.account, request),
        "committer": account_or_none(which.committer.account, request),
        "parents": [
            {
                "sha": parent,
                "url": f"{request.api}/repos/{name}/commits/{parent}",
                "html_url": f"{WEB}/{name}/commit/{parent}",
            }
            for parent in which.parents
        ],
    }


def single_commit(which: Commit, request: Request) -> dict[str, Any]:
    """`commit` with the size of the change; the sandbox has no files, so it is empty."""
    return {**commit(which, request), "stats": {"total": 0, "additions": 0, "deletions": 0}, "files": []}


def comparison(found: Comparison, base: Commit, head: str, shown: list[Commit], request: Request) -> dict[str, Any]:
    """`commit-comparison`."""
    name = base.repository.full_name(request.now)
    html = f"{WEB}/{name}/compare/{base.oid}...{head}"
    return {
        "url": f"{request.api}/repos/{name}/compare/{base.oid}...{head}",
        "html_url": html,
        "permalink_url": html,
        "diff_url": f"{html}.diff",
        "patch_url": f"{html}.patch",
        "base_commit": commit(base, request),
        "merge_base_commit": commit(found.merge_base, request),
        "status": found.status,
        "ahead_by": len(found.ahead),
        "behind_by": found.behind_by,
        "total_commits": len(found.ahead),
        "commits": [commit(one, request) for one in shown],
        "files": [],
    }


def activity(which: Update, request: Request) -> dict[str, Any]:
    """`activity`."""
    return {
        "id": which.id,
        "node_id": which.node_id,
        "before": which.before,
        "after": which.after,
        "ref": f"refs/heads/{which.branch}",
        "timestamp": iso(which.at),
        "activity_type": which.kind,
        "actor": account_or_none(which.actor, request),
    }


def label(which: Label, request: Request) -> dict[str, Any]:
    """A label as issues and pull requests carry it."""
    return {
        "id": which.id,
        "node_id": which.node_id,
        "url": f"{request.api}/repos/{which.repository.full_name(request.now)}/labels/{which.name}",
        "name": which.name,
        "description": which.description,
        "color": which.color,
        "default": False,
    }


def simple_pull(which: PullRequest, request: Request) -> dict[str, Any]:
    """`pull-request-simple`."""
    now = request.now
    repository = which.repository
    name = repository.full_name(now)
    url = f"{request.api}/repos/{name}/pulls/{which.number}"
    issue = f"{request.api}/repos/{name}/issues/{which.number}"
    html = f"{WEB}/{name}/pull/{which.number}"
    head = which.head(now)
    statuses = f"{request.api}/repos/{name}/statuses/{head.oid}"
    merged = which.merged_at <= now
    where = minimal_repository(repository, request)
    owner = account(repository.organisation.account, request)
    auto = next((who for (start, end), who in which.auto_merge if start <= now < end), None)
    return {
        "url": url,
        "id": which.id,
        "node_id": which.node_id,
        "html_url": html,
        "diff_url": f"{html}.diff",
        "patch_url": f"{html}.patch",
        "issue_url": issue,
        "commits_url": f"{url}/commits",
        "review_comments_url": f"{url}/comments",
        "review_comment_url": f"{request.api}/repos/{name}/pulls/comments{{/number}}",
        "comments_url": f"{issue}/comments",
        "statuses_url": statuses,
        "number": which.number,
        "state": "open" if which.state(now) == "OPEN" else "closed",
        "locked": False,
        "title": which.title,
        "user": account_or_none(which.author, request),
        "body": which.body or None,
        "labels": [label(one, request) for at, one in which.labels if at <= now],
        "milestone": None,
        "active_lock_reason": None,
        "created_at": iso(which.created_at),
        "updated_at": iso(updated_at(which, request)),
        "closed_at": iso_or_none(which.closed_at(now)),
        "merged_at": iso(which.merged_at) if merged else None,
        "merge_commit_sha": which.merge_commit.oid if merged and which.merge_commit else None,
        "assignee": None,
        "assignees": [],
        "requested_reviewers": [],
        "requested_teams": [],
        "head": {
            "label": f"{repository.organisation.login}:{which.head_ref}",
            "ref": which.head_ref,
            "sha": head.oid,
            "user": owner,
            "repo": where,
        },
        "base": {
            "label": f"{repository.organisation.login}:{which.base.at(now)}",
            "ref": which.base.at(now),
            "sha": which.base_commit(now),
            "user": owner,
            "repo": where,
        },
        "_links": {
            "self": {"href": url},
            "html": {"href": html},
            "issue": {"href": issue},
            "comments": {"href": f"{issue}/comments"},
            "review_comments": {"href": f"{url}/comments"},
            "review_comment": {"href": f"{request.api}/repos/{name}/pulls/comments{{/number}}"},
            "commits": {"href": f"{url}/commits"},
            "statuses": {"href": statuses},
        },
        "author_association": association(which.author, repository, now),
        "auto_merge": None
        if auto is None
        else {
            "enabled_by": account(auto, request),
            "merge_method": which.merge_method.lower(),
            "commit_title": which.title,
            "commit_message": "",
        },
        "draft": which.draft.at(now),
    }


def pull(which: PullRequest, request: Request) -> dict[str, Any]:
    """`pull-request`."""
    now = request.now
    merged = which.merged_at <= now
    return {
        **simple_pull(which, request),
        "merged": merged,
        "mergeable": None if merged else True,
        "rebaseable": None if merged else True,
        "mergeable_state": "unknown" if merged else "clean",
        "merged_by": account_or_none(which.merged_by, request) if merged else None,
        "comments": 0,
        "review_comments": 0,
        "maintainer_can_modify": False,
        "commits": len(which.commits_at(now)),
        "additions": 0,
        "deletions": 0,
        "changed_files": 0,
    }


def review(which: Review, request: Request) -> dict[str, Any]:
    """`pull-request-review`."""
    name = which.pull.repository.full_name(request.now)
    html = f"{WEB}/{name}/pull/{which.pull.number}#pullrequestreview-{which.id}"
    pull_url = f"{request.api}/repos/{name}/pulls/{which.pull.number}"
    return {
        "id": which.id,
        "node_id": which.node_id,
        "user": account_or_none(which.author, request),
        "body": which.body,
        "state": which.state(request.now),
        "html_url": html,
        "pull_request_url": pull_url,
        "author_association": association(which.author, which.pull.repository, request.now),
        "_links": {"html": {"href": html}, "pull_request": {"href": pull_url}},
        "submitted_at": iso(which.submitted_at),
        "commit_id": which.commit.oid,
    }


def _pull_reference(which: PullRequest, request: Request) -> dict[str, Any]:
    repository = which.repository
    where = {
        "id": repository.id,
        "url": f"{request.api}/repos/{repository.full_name(request.now)}",
        "name": repository.name.at(request.now),
    }
    return {
        "id": which.id,
        "number": which.number,
        "url": f"{where['url']}/pulls/{which.number}",
        "head": {"ref": which.head_ref, "sha": which.head(request.now).oid, "repo": where},
        "base": {"ref": which.base.at(request.now), "sha": which.base_commit(request.now), "repo": where},
    }


def _open_pulls(which: Commit, request: Request) -> list[dict[str, Any]]:
    return [
        _pull_reference(one, request)
        for one in which.proposed_in
        if one.created_at <= request.now and one.state(request.now) == "OPEN"
    ]


def check_run(which: CheckRun, request: Request) -> dict[str, Any]:
    """`check-run`."""
    made_for = which.suite.commit
    name = made_for.repository.full_name(request.now)
    url = f"{request.api}/repos/{name}/check-runs/{which.id}"
    done = which.done(request.now)
    return {
        "id": which.id,
        "node_id": which.node_id,
        "name": which.name,
        "head_sha": made_for.oid,
        "external_id": "",
        "url": url,
        "html_url": f"{WEB}/{name}/runs/{which.id}",
        "details_url": f"{WEB}/{name}/runs/{which.id}",
        "status": "completed" if done else "in_progress",
        "conclusion": which.conclusion.lower() if done and which.conclusion else None,
        "started_at": iso(which.started_at),
        "completed_at": iso_or_none(which.completed_at) if done else None,
        "output": {
            "title": None,
            "summary": None,
            "text": None,
            "annotations_count": 0,
            "annotations_url": f"{url}/annotations",
        },
        "check_suite": {"id": which.suite.id},
        "app": app(which.suite.app, request),
        "pull_requests": _open_pulls(made_for, request),
    }


def check_suite(which: CheckSuite, request: Request) -> dict[str, Any]:
    """`check-suite`."""
    now = request.now
    made_for = which.commit
    name = made_for.repository.full_name(now)
    url = f"{request.api}/repos/{name}/check-suites/{which.id}"
    ended = which.completed_at(now)
    conclusion = which.conclusion(now)
    return {
        "id": which.id,
        "node_id": which.node_id,
        "head_branch": which.branch,
        "head_sha": made_for.oid,
        "status": "completed" if ended is not None else "in_progress" if which.runs else "queued",
        "conclusion": conclusion.lower() if conclusion else None,
        "url": url,
        "before": made_for.parents[0] if made_for.parents else None,
        "after": made_for.oid,
        "pull_requests": _open_pulls(made_for, request),
        "app": app(which.app, request),
        "repository": minimal_repository(made_for.repository, request),
        "created_at": iso(which.created_at),
        "updated_at": iso(ended or which.created_at),
        "head_commit": {
            "id": made_for.oid,
            "tree_id": object_id("tree", made_for.oid),
            "message": made_for.message,
            "timestamp": iso(made_for.author.at),
            "author": {"name": made_for.author.name, "email": made_for.author.email},
            "committer": {"name": made_for.committer.name, "email": made_for.committer.email},
        },
        "latest_check_runs_count": len(which.visible_runs(now)),
        "check_runs_url": f"{url}/check-runs",
    }


def _bare_status(which: StatusContext, request: Request) -> dict[str, Any]:
    name = which.commit.repository.full_name(request.now)
    return {
        "url": f"{request.api}/repos/{name}/statuses/{which.commit.oid}",
        "avatar_url": f"{WEB}/avatars/{which.creator.login}",
        "id": which.id,
        "node_id": which.node_id,
        "state": which.state.lower(),
        "description": which.description,
        "target_url": which.target_url,
        "context": which.context,
        "created_at": iso(which.created_at),
        "updated_at": iso(which.created_at),
    }


def status(which: StatusContext, request: Request) -> dict[str, Any]:
    """`status`."""
    return {**_bare_status(which, request), "creator": account_or_none(which.creator, request)}


def combined_status(which: Commit, shown: list[StatusContext], request: Request) -> dict[str, Any]:
    """`combined-commit-status`."""
    every = latest_statuses(which, request.now)
    name = which.repository.full_name(request.now)
    return {
        "state": combined_state(every).lower(),
        "statuses": [_bare_status(one, request) for one in shown],
        "sha": which.oid,
        "total_count": len(every),
        "repository": minimal_repository(which.repository, request),
        "commit_url": f"{request.api}/repos/{name}/commits/{which.oid}",
        "url": f"{request.api}/repos/{name}/commits/{which.oid}/status",
    }


def deployment(which: Deployment, request: Request) -> dict[str, Any]:
    """`deployment`."""
    name = which.repository.full_name(request.now)
    url = f"{request.api}/repos/{name}/deployments/{which.id}"
    return {
        "url": url,
        "id": which.id,
        "node_id": which.node_id,
        "sha": which.commit_oid,
        "ref": which.ref,
        "task": "deploy",
        "payload": {},
        "original_environment": which.environment,
        "environment": which.environment,
        "description": which.description or None,
        "creator": account_or_none(which.creator, request),
        "created_at": iso(which.created_at),
        "updated_at": iso(which.updated_at(request.now)),
        "statuses_url": f"{url}/statuses",
        "repository_url": f"{request.api}/repos/{name}",
        "transient_environment": False,
        "production_environment": which.environment == "production",
    }


def deployment_status(which: DeploymentStatus, request: Request) -> dict[str, Any]:
    """`deployment-status`."""
    name = which.deployment.repository.full_name(request.now)
    url = f"{request.api}/repos/{name}/deployments/{which.deployment.id}"
    return {
        "url": f"{url}/statuses/{which.id}",
        "id": which.id,
        "node_id": which.node_id,
        "state": which.state.lower(),
        "creator": account_or_none(which.creator, request),
        "description": which.description,
        "environment": which.deployment.environment,
        "target_url": "",
        "created_at": iso(which.at),
        "updated_at": iso(which.at),
        "deployment_url": url,
        "repository_url": f"{request.api}/repos/{name}",
        "environment_url": "",
        "log_url": "",
    }


def issue(which: Issue | PullRequest, request: Request) -> dict[str, Any]:
    """`issue`; a pull request is listed among the issues with a `pull_request` key."""
    now = request.now
    name = which.repository.full_name(now)
    url = f"{request.api}/repos/{name}/issues/{which.number}"
    is_pull = isinstance(which, PullRequest)
    html = f"{WEB}/{name}/{'pull' if is_pull else 'issues'}/{which.number}"
    if isinstance(which, PullRequest):
        closed = which.closed_at(now)
        labels = [one for at, one in which.labels if at <= now]
        changed = updated_at(which, request)
    else:
        closed = which.closed_at if which.closed_at <= now else None
        labels = which.labels
        changed = closed or which.created_at
    body: dict[str, Any] = {
        "id": which.id,
        "node_id": which.node_id,
        "url": url,
        "repository_url": f"{request.api}/repos/{name}",
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "html_url": html,
        "number": which.number,
        "state": "open" if closed is None else "closed",
        "state_reason": None if closed is None or is_pull else "completed",
        "title": which.title,
        "body": which.body or None,
        "user": account_or_none(which.author, request),
        "labels": [label(one, request) for one in labels],
        "assignee": None,
        "assignees": [],
        "milestone": None,
        "locked": False,
        "active_lock_reason": None,
        "comments": 0,
        "closed_at": iso_or_none(closed),
        "created_at": iso(which.created_at),
        "updated_at": iso(changed),
        "author_association": association(which.author, which.repository, now),
    }
    if is_pull:
        body["pull_request"] = {
            "url": f"{request.api}/repos/{name}/pulls/{which.number}",
            "html_url": html,
            "diff_url": f"{html}.diff",
            "patch_url": f"{html}.patch",
        }
    return body
