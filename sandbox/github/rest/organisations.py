"""Endpoints about the viewer, apps and organisations."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_left, bisect_right
from typing import Any

from sandbox.github.access import permission_of
from sandbox.github.errors import NotModelled, RestError
from sandbox.github.model import Account, AuditEntry, Member, Repository, RuleSuite, during
from sandbox.github.rest import bodies, rulebodies
from sandbox.github.rest.calls import Answer, Call, not_found, unprocessable
from sandbox.github.times import Epoch, parse

DAY = 86_400
AUDIT_RETENTION = 180 * DAY
GIT_AUDIT_RETENTION = 7 * DAY
PERIODS = {"hour": 3600, "day": DAY, "week": 7 * DAY, "month": 30 * DAY}


def user(call: Call) -> Answer:
    """GET /user"""
    account = call.request.viewer.account
    if account is None:
        raise RestError(403, "Resource not accessible by integration")
    return Answer(bodies.full_account(account, call.request))


def some_user(call: Call) -> Answer:
    """GET /users/{username}"""
    login = call.variables["username"].removesuffix("[bot]")
    account = call.request.world.accounts.get(login.lower())
    if account is None or not account.exists(call.now):
        raise not_found()
    return Answer(bodies.full_account(account, call.request))


def organisation(call: Call) -> Answer:
    """GET /orgs/{org}"""
    return Answer(bodies.organisation(call.org, call.request))


def repositories(call: Call) -> Answer:
    """GET /orgs/{org}/repos"""
    now = call.now
    kind = call.choice("type", "all", ("all", "public", "private", "forks", "sources", "member", "internal"))
    found = [one for one in call.org.repositories if call.request.viewer.sees(one, now)]
    if kind in {"public", "private", "internal"}:
        found = [one for one in found if (one.visibility == "public") is (kind == "public")]
    elif kind in {"forks", "sources"}:
        found = [one for one in found if one.fork is (kind == "forks")]
    sort = call.choice("sort", "created", ("created", "updated", "pushed", "full_name"))
    direction = call.choice("direction", "asc" if sort == "full_name" else "desc", ("asc", "desc"))
    keys: dict[str, Any] = {
        "created": lambda one: one.created_at,
        "updated": lambda one: bodies.minimal_repository(one, call.request)["updated_at"],
        "pushed": lambda one: one.pushed_at(now),
        "full_name": lambda one: one.name.at(now).lower(),
    }
    found.sort(key=lambda one: (keys[sort](one), one.id), reverse=direction == "desc")
    return call.page(found, lambda one: bodies.minimal_repository(one, call.request))


def _two_factor_filter(call: Call, people: list[Account]) -> list[Account]:
    chosen = call.choice("filter", "all", ("all", "2fa_disabled", "2fa_insecure"))
    if chosen == "all":
        return people
    if chosen == "2fa_insecure":
        raise NotModelled("filter=2fa_insecure")
    if not call.request.viewer.owns(call.org, call.now):
        raise RestError(
            422,
            "Only owners can use this filter.",
            documentation="https://docs.github.com/rest/orgs/members#list-organization-members",
        )
    return [one for one in people if call.org.two_factor_off(one, call.now)]


def members(call: Call) -> Answer:
    """GET /orgs/{org}/members"""
    role = call.choice("role", "all", ("all", "admin", "member"))
    found: list[Member] = []
    if call.request.viewer.belongs(call.org, call.now):  # strangers see public members, of which there are none
        found = [one for one in call.org.current_members(call.now) if role in ("all", one.role.at(call.now))]
    people = _two_factor_filter(call, [one.account for one in found])
    return call.page(people, lambda one: bodies.account(one, call.request))


def outside_collaborators(call: Call) -> Answer:
    """GET /orgs/{org}/outside_collaborators"""
    if not call.request.viewer.belongs(call.org, call.now):
        raise not_found()
    people: dict[int, Account] = {}
    for repository in call.org.repositories:
        for span, account, _ in repository.collaborators:
            if during([span], call.now) and call.org.membership(account, call.now) is None:
                people[account.id] = account
    found = _two_factor_filter(call, list(people.values()))
    return call.page(found, lambda one: bodies.account(one, call.request))


def membership(call: Call) -> Answer:
    """GET /orgs/{org}/memberships/{username}"""
    if not call.request.viewer.belongs(call.org, call.now):
        raise RestError(403, "You must be a member of the organization to view its memberships.")
    account = call.request.world.accounts.get(call.variables["username"].lower())
    found = call.org.membership(account, call.now) if account else None
    if found is None:
        raise not_found()
    url = f"{call.request.api}/orgs/{call.org.login}"
    whole = bodies.organisation(call.org, call.request)
    names = ("login", "id", "node_id", "url", "repos_url", "events_url", "hooks_url", "issues_url", "members_url")
    return Answer(
        {
            "url": f"{url}/memberships/{found.account.login}",
            "state": "active",
            "role": found.role.at(call.now),
            "organization_url": url,
            "organization": {name: whole[name] for name in (*names, "public_members_url", "avatar_url", "description")},
            "user": bodies.account(found.account, call.request),
        }
    )


def installations(call: Call) -> Answer:
    """GET /orgs/{org}/installations"""
    call.demand_owner()
    found = [one for one in call.org.installations if one.exists(call.now)]
    return call.wrapped("installations", found, lambda one: bodies.installation(one, call.request))


def token_grants(call: Call) -> Answer:
    """GET /orgs/{org}/personal-access-tokens, which answers to apps only"""
    if call.request.viewer.installation is None:
        raise RestError(403, "Resource not accessible by personal access token")
    direction = call.choice("direction", "desc", ("asc", "desc"))
    found = sorted(
        (one for one in call.org.tokens if one.exists(call.now)),
        key=lambda one: one.granted_at,
        reverse=direction == "desc",
    )
    return call.page(found, lambda one: bodies.token_grant(one, call.org, call.request))


def rulesets(call: Call) -> Answer:
    """GET /orgs/{org}/rulesets"""
    call.demand_owner()
    found = [one for one in call.org.rulesets if one.exists(call.now)]
    return call.page(found, lambda one: rulebodies.ruleset(one, call.request, full=False))


def _ruleset(call: Call) -> Any:
    call.demand_owner()
    for found in call.org.rulesets:
        if str(found.id) == call.variables["ruleset_id"] and found.created_at <= call.now:
            return found
    raise not_found()


def ruleset(call: Call) -> Answer:
    """GET /orgs/{org}/rulesets/{ruleset_id}"""
    found = _ruleset(call)
    if not found.exists(call.now):
        raise not_found()
    return Answer(rulebodies.ruleset(found, call.request, full=True))


def ruleset_history(call: Call) -> Answer:
    """GET /orgs/{org}/rulesets/{ruleset_id}/history"""
    versions = [one for one in _ruleset(call).versions if one.at <= call.now][::-1]
    return call.page(versions, lambda one: rulebodies.ruleset_version(one, call.request))


def ruleset_version(call: Call) -> Answer:
    """GET /orgs/{org}/rulesets/{ruleset_id}/history/{version_id}"""
    for version in _ruleset(call).versions:
        if str(version.id) == call.variables["version_id"] and version.at <= call.now:
            return Answer(rulebodies.ruleset_version(version, call.request, full=True))
    raise not_found()


def chosen_suites(call: Call, suites: list[RuleSuite]) -> list[RuleSuite]:
    """Rule suites by the query, newest first; GitHub gives a day unless told otherwise and a month at most."""
    period = call.choice("time_period", "day", tuple(PERIODS))
    result = call.choice("rule_suite_result", "all", ("pass", "fail", "bypass", "all"))
    since = call.now - PERIODS[period]
    found = [one for one in suites if since < one.at <= call.now and result in ("all", one.result)]
    ref = call.query.get("ref")
    if ref is not None:
        name = ref.removeprefix("refs/heads/")
        found = [one for one in found if one.branch == name]
    actor = call.query.get("actor_name")
    if actor is not None:
        found = [one for one in found if one.actor.rest_login.lower() == actor.lower()]
    return found[::-1]


def rule_suites(call: Call) -> Answer:
    """GET /orgs/{org}/rulesets/rule-suites"""
    call.demand_owner()
    wanted = call.query.get("repository_name")
    chosen: list[Repository] = [
        one for one in call.org.repositories if wanted is None or one.name.at(call.now) == wanted
    ]
    suites = sorted((suite for one in chosen for suite in one.rule_suites), key=lambda suite: suite.at)
    return call.page(chosen_suites(call, suites), lambda one: rulebodies.rule_suite(one, call.request))


def teams(call: Call) -> Answer:
    """GET /orgs/{org}/teams"""
    if not call.request.viewer.belongs(call.org, call.now):
        raise not_found()
    found = [one for one in call.org.teams if one.exists(call.now)]
    return call.page(found, lambda one: bodies.team(one, call.request))


def team_members(call: Call) -> Answer:
    """GET /orgs/{org}/teams/{team_slug}/members"""
    if not call.request.viewer.belongs(call.org, call.now):
        raise not_found()
    role = call.choice("role", "all", ("all", "member", "maintainer"))
    for team in call.org.teams:
        if team.slug == call.variables["team_slug"] and team.exists(call.now):
            people = [
                account for span, account, held in team.members if during([span], call.now) and role in ("all", held)
            ]
            return call.page(people, lambda one: bodies.account(one, call.request))
    raise not_found()


_QUALIFIER = re.compile(r'(-?)(action|actor|repo|created|operation):("[^"]*"|\S+)')


def audit_log(call: Call) -> Answer:
    """GET /orgs/{org}/audit-log, of Enterprise Cloud only; events older than 180 days (git: 7) are gone."""
    if call.org.plan != "enterprise":
        raise not_found("https://docs.github.com/enterprise-cloud@latest/rest/orgs/orgs#get-the-audit-log")
    call.demand_owner()
    include = call.choice("include", "web", ("web", "git", "all"))
    order = call.choice("order", "desc", ("desc", "asc"))
    now = call.now
    found = [
        one
        for one in call.org.audit
        if one.at <= now
        and include in ("all", "git" if one.git else "web")
        and one.at > now - (GIT_AUDIT_RETENTION if one.git else AUDIT_RETENTION)
    ]
    found = _by_phrase(found, call.query.get("phrase", ""))
    sign = -1 if order == "desc" else 1
    found.sort(key=lambda one: (sign * one.at, one.id))
    shown, headers = cursor_page(call, found, [(sign * one.at, one.id) for one in found])
    return Answer([rulebodies.audit_entry(one, call.org) for one in shown], headers=headers)


def _by_phrase(entries: list[AuditEntry], phrase: str) -> list[AuditEntry]:
    rest = _QUALIFIER.sub("", phrase).strip()
    if rest:
        raise NotModelled(f"the audit log search {rest!r}; it knows action:, actor:, repo:, operation: and created:")
    for sign, name, text in _QUALIFIER.findall(phrase):
        value = text.strip('"')
        matching = {id(one) for one in entries if _fits(one, name, value)}
        entries = [one for one in entries if (id(one) in matching) is not bool(sign)]
    return entries


def _fits(entry: AuditEntry, name: str, value: str) -> bool:
    if name == "action":
        return entry.action == value or entry.action.startswith(f"{value}.")
    if name == "actor":
        return entry.actor is not None and entry.actor.rest_login == value
    if name == "repo":
        return entry.fields.get("repo") == value
    if name == "operation":
        return entry.fields.get("operation_type") == value
    return _created(entry.at, value)


def _created(at: Epoch, value: str) -> bool:
    if ".." in value:
        start, end = value.split("..", 1)
        return _bound(start) <= at < _bound(end, end=True)
    for sign, test in ((">=", at >= 0), ("<=", at >= 0), (">", at >= 0), ("<", at >= 0)):
        if value.startswith(sign) and test:
            text = value[len(sign) :]
            return {
                ">=": at >= _bound(text),
                "<=": at < _bound(text, end=True),
                ">": at >= _bound(text, end=True),
                "<": at < _bound(text),
            }[sign]
    return _bound(value) <= at < _bound(value, end=True)


def _bound(text: str, *, end: bool = False) -> Epoch:
    """Start or end of what a date or an instant names."""
    try:
        if len(text) == 10:
            return parse(f"{text}T00:00:00Z") + (DAY if end else 0)
        return parse(text) + (1 if end else 0)
    except ValueError:
        raise unprocessable(f"created: does not understand {text}", "phrase") from None


def cursor_page(call: Call, items: list[Any], keys: list[tuple[Any, ...]]) -> tuple[list[Any], dict[str, str]]:
    """One page by `after` and `before`, whose cursors are made of sort keys; page faults apply here."""
    size = call.per_page
    lower, upper = 0, len(items)
    after, before = call.query.get("after"), call.query.get("before")
    if after:
        lower = bisect_right(keys, _key(after))
    if before:
        upper = max(lower, bisect_left(keys, _key(before)))
        if not after:
            lower = max(lower, upper - size)
    stop = min(upper, lower + size)
    more = stop < len(items)
    fault = call.request.fault
    start = lower
    resume: int | None = stop - 1 if stop > start else None
    if fault is not None and fault.kind == "truncated_page":
        stop = max(start + 1, stop - fault.items)
        more, resume = True, stop - 1
    elif fault is not None and fault.kind == "empty_page":
        stop, more, resume = start, True, start - 1
    elif fault is not None and fault.kind == "lying_last_page":
        stop, more = max(start, stop - fault.items), False
    rels: list[tuple[str, dict[str, str | int]]] = []
    if more:
        cursor = _cursor(keys[resume]) if resume is not None and resume >= 0 else ""
        rels.append(("next", {"after": cursor, "before": ""}))
    if lower > 0 and stop > start:
        rels.append(("prev", {"before": _cursor(keys[start]), "after": ""}))
    return items[start:stop], call.link(rels)


def _cursor(key: tuple[Any, ...]) -> str:
    return urlsafe_b64encode("|".join(str(part) for part in key).encode()).decode()


def _key(cursor: str) -> tuple[Any, ...]:
    try:
        first, _, second = urlsafe_b64decode(cursor).decode().partition("|")
        return (int(first), int(second) if second.lstrip("-").isdigit() else second)
    except ValueError:
        raise unprocessable("The cursor is not one of this list", "after") from None


def effective_permission(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/collaborators/{username}/permission"""
    account = call.request.world.accounts.get(call.variables["username"].lower())
    if account is None or account.kind != "User":
        raise not_found()
    highest = permission_of(account, call.repo, call.now)
    names = {None: "none", "pull": "read", "triage": "read", "push": "write", "maintain": "write", "admin": "admin"}
    roles = {None: "none", "pull": "read", "push": "write"}
    body = {
        **bodies.account(account, call.request),
        "permissions": bodies.permissions(highest),
        "role_name": roles.get(highest, highest),
    }
    return Answer({"permission": names[highest], "role_name": body["role_name"], "user": body})
