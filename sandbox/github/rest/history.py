"""Endpoints about commits, pull requests, checks, deployments and issues."""

from __future__ import annotations

from sandbox.github.errors import NotModelled, RestError
from sandbox.github.graph import ancestors, compare
from sandbox.github.model import CheckRun, Commit, Deployment, Issue, PullRequest
from sandbox.github.queries.checks import existing_branch, latest_statuses
from sandbox.github.queries.commits import associated_pulls
from sandbox.github.queries.pulls import updated_at
from sandbox.github.rest import changes, checkbodies
from sandbox.github.rest.calls import Answer, Call, not_found
from sandbox.github.times import Epoch

MOST_COMPARED = 250


def _commit(call: Call, name: str) -> Commit:
    """A commit by its id, a unique beginning of it, or a branch."""
    repo = call.repo
    branch = existing_branch(repo, name.removeprefix("refs/heads/").removeprefix("heads/"), call.now)
    found = repo.commits.get(branch.tip(call.now) or "" if branch is not None else name)
    if found is None and 7 <= len(name) < 40:
        found = next((one for oid, one in repo.commits.items() if oid.startswith(name)), None)
    if found is None or not found.exists(call.now):
        raise RestError(
            422, f"No commit found for SHA: {name}", documentation="https://docs.github.com/rest/commits/commits"
        )
    return found


def commits(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/commits; since and until go by the committer date, as at GitHub"""
    start = _commit(call, call.query.get("sha") or call.repo.default_branch.at(call.now))
    found = ancestors(call.repo, start.oid)
    since, until = call.moment("since"), call.moment("until")
    if since is not None:
        found = [one for one in found if one.committer.at >= since]
    if until is not None:
        found = [one for one in found if one.committer.at <= until]
    for side in ("author", "committer"):
        wanted = call.query.get(side)
        if wanted is not None:
            found = [one for one in found if _is(getattr(one, side), wanted)]
    return call.page(found, lambda one: changes.commit(one, call.request))


def _is(signature: object, wanted: str) -> bool:
    account = getattr(signature, "account", None)
    return getattr(signature, "email", None) == wanted or (account is not None and account.rest_login == wanted)


def commit(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/commits/{ref}"""
    return Answer(changes.single_commit(_commit(call, call.variables["ref"]), call.request))


def commit_pulls(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls"""
    found = associated_pulls(_commit(call, call.variables["commit_sha"]), call.now)
    return call.page(found, lambda one: changes.simple_pull(one, call.request))


def check_runs(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/commits/{ref}/check-runs"""
    made_for = _commit(call, call.variables["ref"])
    which = call.choice("filter", "latest", ("latest", "all"))
    runs: list[CheckRun] = []
    for suite in made_for.suites:
        if suite.created_at <= call.now and call.query.get("app_id") in (None, str(suite.app.id)):
            runs.extend(suite.visible_runs(call.now))
    if "check_name" in call.query:
        runs = [run for run in runs if run.name == call.query["check_name"]]
    if which == "latest":
        runs = list({(run.suite.app.id, run.name): run for run in runs}.values())
    if "status" in call.query:
        wanted = call.choice("status", "completed", ("queued", "in_progress", "completed"))
        runs = [run for run in runs if ("completed" if run.done(call.now) else "in_progress") == wanted]
    return call.wrapped("check_runs", runs, lambda run: checkbodies.check_run(run, call.request))


def check_suites(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/commits/{ref}/check-suites"""
    found = [one for one in _commit(call, call.variables["ref"]).suites if one.created_at <= call.now]
    if "app_id" in call.query:
        found = [one for one in found if str(one.app.id) == call.query["app_id"]]
    if "check_name" in call.query:
        found = [one for one in found if any(run.name == call.query["check_name"] for run in one.runs)]
    return call.wrapped("check_suites", found, lambda one: checkbodies.check_suite(one, call.request))


def combined_status(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/commits/{ref}/status"""
    made_for = _commit(call, call.variables["ref"])
    shown, headers = call.cut(latest_statuses(made_for, call.now))
    return Answer(checkbodies.combined_status(made_for, list(shown), call.request), headers=headers)


def statuses(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/commits/{ref}/statuses, newest first"""
    found = [one for one in _commit(call, call.variables["ref"]).statuses if one.created_at <= call.now][::-1]
    return call.page(found, lambda one: checkbodies.status(one, call.request))


def comparison(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/compare/{basehead}; 250 commits, or pages when asked for"""
    base_name, dots, head_name = call.variables["basehead"].partition("...")
    if not dots or not base_name or not head_name:
        raise not_found("https://docs.github.com/rest/commits/commits#compare-two-commits")
    base, head = _commit(call, base_name), _commit(call, head_name)
    found = compare(call.repo, base.oid, head.oid)
    if found is None:
        raise RestError(404, f"No common ancestor between {base_name} and {head_name}.")
    if "page" in call.query or "per_page" in call.query:
        shown, headers = call.cut(found.ahead)
    else:
        shown, headers = found.ahead[:MOST_COMPARED], {}
    return Answer(changes.comparison(found, base, head.oid, list(shown), call.request), headers=headers)


def pulls(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/pulls"""
    now = call.now
    state = call.choice("state", "open", ("open", "closed", "all"))
    sort = call.choice("sort", "created", ("created", "updated", "popularity", "long-running"))
    if sort in {"popularity", "long-running"}:
        raise NotModelled(f"sort={sort}")
    direction = call.choice("direction", "desc" if sort == "created" else "asc", ("asc", "desc"))
    found = [one for one in call.repo.pulls if one.created_at <= now]
    if state != "all":
        found = [one for one in found if (one.state(now) == "OPEN") is (state == "open")]
    if "base" in call.query:
        found = [one for one in found if one.base.at(now) == call.query["base"]]
    if "head" in call.query:
        head = call.query["head"].rpartition(":")[2]
        found = [one for one in found if one.head_ref == head]

    def moment(one: PullRequest) -> Epoch:
        return updated_at(one, call.request) if sort == "updated" else one.created_at

    found.sort(key=lambda one: (moment(one), one.number), reverse=direction == "desc")
    return call.page(found, lambda one: changes.simple_pull(one, call.request))


def _pull(call: Call) -> PullRequest:
    number = call.variables["pull_number"]
    found = call.repo.pull_by_number.get(int(number)) if number.isdigit() else None
    if found is None or found.created_at > call.now:
        raise not_found("https://docs.github.com/rest/pulls/pulls#get-a-pull-request")
    return found


def pull(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/pulls/{pull_number}"""
    return Answer(changes.pull(_pull(call), call.request))


def reviews(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews, oldest first"""
    found = [one for one in _pull(call).reviews if one.submitted_at <= call.now]
    return call.page(found, lambda one: changes.review(one, call.request))


def pull_commits(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/pulls/{pull_number}/commits"""
    found = [part.commit for part in _pull(call).commits_at(call.now)]
    return call.page(found[:MOST_COMPARED], lambda one: changes.commit(one, call.request))


def deployments(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/deployments, newest first"""
    found = [one for one in call.repo.deployments if one.created_at <= call.now]
    for name, attribute in (("sha", "commit_oid"), ("ref", "ref"), ("environment", "environment")):
        wanted = call.query.get(name, "none")
        if wanted != "none":
            found = [one for one in found if getattr(one, attribute) == wanted]
    if call.query.get("task", "none") not in ("none", "deploy"):
        found = []
    return call.page(found[::-1], lambda one: checkbodies.deployment(one, call.request))


def _deployment(call: Call) -> Deployment:
    for found in call.repo.deployments:
        if str(found.id) == call.variables["deployment_id"] and found.created_at <= call.now:
            return found
    raise not_found("https://docs.github.com/rest/deployments/deployments#get-a-deployment")


def deployment(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/deployments/{deployment_id}"""
    return Answer(checkbodies.deployment(_deployment(call), call.request))


def deployment_statuses(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/deployments/{deployment_id}/statuses, newest first"""
    found = [one for one in _deployment(call).statuses if one.at <= call.now][::-1]
    return call.page(found, lambda one: checkbodies.deployment_status(one, call.request))


def issues(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/issues, pull requests among them"""
    now = call.now
    state = call.choice("state", "open", ("open", "closed", "all"))
    sort = call.choice("sort", "created", ("created", "updated", "comments"))
    if sort == "comments":
        raise NotModelled("sort=comments")
    direction = call.choice("direction", "desc", ("asc", "desc"))
    rows: list[tuple[Issue | PullRequest, bool, Epoch]] = [
        (one, one.closed_since(now) is None, one.updated_at(now))
        for one in call.repo.issues.values()
        if one.created_at <= now
    ]
    rows.extend(
        (one, one.state(now) == "OPEN", updated_at(one, call.request))
        for one in call.repo.pulls
        if one.created_at <= now
    )
    if state != "all":
        rows = [row for row in rows if row[1] is (state == "open")]
    labels = [name for name in call.query.get("labels", "").split(",") if name]
    rows = [row for row in rows if set(labels) <= _label_names(row[0], now)]
    since = call.moment("since")
    if since is not None:
        rows = [row for row in rows if row[2] >= since]
    if "creator" in call.query:
        rows = [row for row in rows if row[0].author.rest_login.lower() == call.query["creator"].lower()]
    rows.sort(
        key=lambda row: (row[2] if sort == "updated" else row[0].created_at, row[0].number),
        reverse=direction == "desc",
    )
    return call.page([row[0] for row in rows], lambda one: changes.issue(one, call.request))


def _label_names(one: Issue | PullRequest, now: Epoch) -> set[str]:
    if isinstance(one, PullRequest):
        return {label.name for at, label in one.labels if at <= now}
    return {label.name for label in one.labels_at(now)}


def issue(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/issues/{issue_number}"""
    number = int(call.variables["issue_number"]) if call.variables["issue_number"].isdigit() else 0
    found: Issue | PullRequest | None = call.repo.issues.get(number) or call.repo.pull_by_number.get(number)
    if found is None or found.created_at > call.now:
        raise not_found("https://docs.github.com/rest/issues/issues#get-an-issue")
    return Answer(changes.issue(found, call.request))
