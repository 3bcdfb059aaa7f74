"""REST bodies of commits, pull requests, checks, deployments and the activity ledger."""

from __future__ import annotations

from typing import Any

from sandbox.github.access import WEB, Request, association
from sandbox.github.graph import Comparison
from sandbox.github.model import (
    Commit,
    Issue,
    Label,
    PullRequest,
    Review,
    Signature,
    Update,
)
from sandbox.github.nodeids import object_id
from sandbox.github.queries.pulls import updated_at
from sandbox.github.rest.bodies import account, account_or_none, minimal_repository
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
        closed = which.closed_since(now)
        labels = which.labels_at(now)
        changed = which.updated_at(now)
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
