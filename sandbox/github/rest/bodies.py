"""REST bodies of accounts, organisations and repositories, in the shapes of GitHub's OpenAPI description."""

from __future__ import annotations

from typing import Any

from sandbox.github.access import WEB, Request
from sandbox.github.model import Account, App, Installation, Organisation, Repository, Team, TokenGrant
from sandbox.github.times import Epoch, iso, iso_or_none

REPOSITORY_LINKS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}


def account(who: Account, request: Request) -> dict[str, Any]:
    """`simple-user`."""
    login = who.rest_login
    url = f"{request.api}/users/{login}"
    return {
        "login": login,
        "id": who.id,
        "node_id": who.node_id,
        "avatar_url": f"{WEB}/avatars/{who.login}",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{WEB}/{'apps/' if who.kind == 'Bot' else ''}{who.login}",
        "followers_url": f"{url}/followers",
        "following_url": f"{url}/following{{/other_user}}",
        "gists_url": f"{url}/gists{{/gist_id}}",
        "starred_url": f"{url}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{url}/subscriptions",
        "organizations_url": f"{url}/orgs",
        "repos_url": f"{url}/repos",
        "events_url": f"{url}/events{{/privacy}}",
        "received_events_url": f"{url}/received_events",
        "type": who.kind,
        "user_view_type": "public",
        "site_admin": False,
    }


def account_or_none(who: Account | None, request: Request) -> dict[str, Any] | None:
    """`nullable-simple-user`: null for nobody and for those whose account has been deleted."""
    return account(who, request) if who is not None and who.exists(request.now) else None


def full_account(who: Account, request: Request) -> dict[str, Any]:
    """`public-user`."""
    return {
        **account(who, request),
        "name": who.name,
        "company": None,
        "blog": "",
        "location": None,
        "email": who.email if who.kind == "User" else None,
        "hireable": None,
        "bio": None,
        "twitter_username": None,
        "public_repos": 0,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": iso(who.created_at),
        "updated_at": iso(who.created_at),
    }


def app(which: App, request: Request) -> dict[str, Any]:
    """`integration`."""
    owner = which.owner or Account("Organization", 9919, "github", "GitHub", "noreply@github.com", 0)
    return {
        "id": which.id,
        "slug": which.slug,
        "node_id": which.node_id,
        "client_id": f"Iv1.{which.id:016x}",
        "owner": account(owner, request),
        "name": which.name,
        "description": which.description,
        "external_url": f"{WEB}/apps/{which.slug}",
        "html_url": f"{WEB}/apps/{which.slug}",
        "created_at": iso(which.created_at),
        "updated_at": iso(which.created_at),
        "permissions": which.permissions,
        "events": which.events,
    }


def installation(which: Installation, request: Request) -> dict[str, Any]:
    """`installation`."""
    permissions = which.permissions.at(request.now)
    return {
        "id": which.id,
        "account": account(which.organisation.account, request),
        "repository_selection": "all" if which.repositories is None else "selected",
        "access_tokens_url": f"{request.api}/app/installations/{which.id}/access_tokens",
        "repositories_url": f"{request.api}/installation/repositories",
        "html_url": f"{WEB}/organizations/{which.organisation.login}/settings/installations/{which.id}",
        "app_id": which.app.id,
        "app_slug": which.app.slug,
        "client_id": f"Iv1.{which.app.id:016x}",
        "target_id": which.organisation.account.id,
        "target_type": "Organization",
        "permissions": permissions,
        "events": which.app.events,
        "created_at": iso(which.created_at),
        "updated_at": iso(max(which.created_at, which.permissions.since(request.now))),
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": None,
        "suspended_at": None,
    }


def token_grant(which: TokenGrant, org: Organisation, request: Request) -> dict[str, Any]:
    """`organization-programmatic-access-grant`."""
    now = request.now
    return {
        "id": which.id,
        "owner": account(which.owner, request),
        "repository_selection": which.repository_selection,
        "repositories_url": f"{request.api}/orgs/{org.login}/personal-access-tokens/{which.id}/repositories",
        "permissions": which.permissions,
        "access_granted_at": iso(which.granted_at),
        "token_id": which.id,
        "token_name": which.name,
        "token_expired": which.expires_at is not None and which.expires_at <= now,
        "token_expires_at": iso_or_none(which.expires_at),
        "token_last_used_at": iso_or_none(which.usage.last(now)),
    }


def organisation(org: Organisation, request: Request) -> dict[str, Any]:
    """`organization-full`; members see a little more than strangers, owners all."""
    now = request.now
    who = org.account
    url = f"{request.api}/orgs/{org.login}"
    seen = [one for one in org.repositories if one.exists(now)]
    body: dict[str, Any] = {
        "login": org.login,
        "id": who.id,
        "node_id": who.node_id,
        "url": url,
        "repos_url": f"{url}/repos",
        "events_url": f"{url}/events",
        "hooks_url": f"{url}/hooks",
        "issues_url": f"{url}/issues",
        "members_url": f"{url}/members{{/member}}",
        "public_members_url": f"{url}/public_members{{/member}}",
        "avatar_url": f"{WEB}/avatars/{org.login}",
        "description": None,
        "name": who.name,
        "is_verified": False,
        "has_organization_projects": True,
        "has_repository_projects": True,
        "public_repos": sum(1 for one in seen if one.visibility == "public"),
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "html_url": f"{WEB}/{org.login}",
        "type": "Organization",
        "created_at": iso(who.created_at),
        "updated_at": iso(who.created_at),
        "archived_at": None,
    }
    if request.viewer.owns(org, now):
        body |= {
            "total_private_repos": sum(1 for one in seen if one.visibility != "public"),
            "owned_private_repos": sum(1 for one in seen if one.visibility != "public"),
            "private_gists": 0,
            "disk_usage": 0,
            "collaborators": 0,
            "billing_email": who.email,
            "plan": {
                "name": org.plan,
                "space": 976562499,
                "private_repos": 999999,
                "filled_seats": len(org.current_members(now)),
                "seats": len(org.current_members(now)),
            },
            "default_repository_permission": {"pull": "read", "push": "write"}.get(
                org.base_permission, org.base_permission
            ),
            "two_factor_requirement_enabled": org.two_factor_required.at(now),
            **org.settings.at(now),
        }
    return body


def team(which: Team, request: Request, *, permission: str = "pull") -> dict[str, Any]:
    """`team`."""
    url = f"{request.api}/organizations/{which.organisation.account.id}/team/{which.id}"
    return {
        "id": which.id,
        "node_id": which.node_id,
        "name": which.name,
        "slug": which.slug,
        "description": which.description,
        "privacy": "closed",
        "notification_setting": "notifications_enabled",
        "permission": permission,
        "url": url,
        "html_url": f"{WEB}/orgs/{which.organisation.login}/teams/{which.slug}",
        "members_url": f"{url}/members{{/member}}",
        "repositories_url": f"{url}/repos",
        "type": "organization",
        "organization_id": which.organisation.account.id,
        "parent": None,
    }


def minimal_repository(which: Repository, request: Request) -> dict[str, Any]:
    """`minimal-repository`, as lists give it, with the fields that `repository` adds."""
    found = request.rendered.get(which.id)
    if found is None:
        found = request.rendered[which.id] = _minimal_repository(which, request)
    return found


def _minimal_repository(which: Repository, request: Request) -> dict[str, Any]:
    now = request.now
    full_name = which.full_name(now)
    url = f"{request.api}/repos/{full_name}"
    html = f"{WEB}/{full_name}"
    pushed = which.pushed_at(now)
    changed = [which.created_at, pushed, *(at for at, _ in which.archived.changes() if at <= now)]
    body: dict[str, Any] = {
        "id": which.id,
        "node_id": which.node_id,
        "name": which.name.at(now),
        "full_name": full_name,
        "private": which.visibility != "public",
        "owner": account(which.organisation.account, request),
        "html_url": html,
        "description": which.description or None,
        "fork": which.fork,
        "url": url,
        "git_url": f"git:{html[6:]}.git",
        "ssh_url": f"git@{html[8:].replace('/', ':', 1)}.git",
        "clone_url": f"{html}.git",
        "svn_url": html,
        "mirror_url": None,
        "homepage": None,
        "language": "Python",
        "forks_count": 0,
        "stargazers_count": 0,
        "watchers_count": 0,
        "size": 1024,
        "default_branch": which.default_branch.at(now),
        "open_issues_count": open_items(which, now),
        "is_template": False,
        "topics": list(which.topics.at(now)),
        "has_issues": True,
        "has_projects": True,
        "has_wiki": False,
        "has_pages": False,
        "has_downloads": True,
        "has_discussions": False,
        "archived": which.archived.at(now),
        "disabled": False,
        "visibility": which.visibility,
        "pushed_at": iso(pushed),
        "created_at": iso(which.created_at),
        "updated_at": iso(max(changed)),
        "permissions": permissions(request.viewer.permission(which, now)),
        "allow_forking": False,
        "web_commit_signoff_required": False,
        "license": None,
        "forks": 0,
        "open_issues": open_items(which, now),
        "watchers": 0,
    }
    if request.viewer.administers(which, "read", now):
        held = which.security.at(now)
        body["security_and_analysis"] = {
            name: {"status": status} for name, status in held.items() if name != "vulnerability_alerts"
        }
    for name, path in REPOSITORY_LINKS.items():
        body[name] = url + path
    return body


def open_items(which: Repository, now: Epoch) -> int:
    """Open issues and pull requests together, as GitHub counts them."""
    issues = sum(1 for issue in which.issues.values() if issue.created_at <= now and issue.closed_since(now) is None)
    return issues + sum(1 for pull in which.pulls if pull.created_at <= now and pull.state(now) == "OPEN")


def full_repository(which: Repository, request: Request) -> dict[str, Any]:
    """`full-repository`."""
    return {
        **minimal_repository(which, request),
        "organization": account(which.organisation.account, request),
        "allow_rebase_merge": True,
        "allow_squash_merge": True,
        "allow_merge_commit": False,
        "allow_auto_merge": True,
        "allow_update_branch": True,
        "delete_branch_on_merge": True,
        "subscribers_count": 0,
        "network_count": 0,
    }


def permissions(highest: str | None) -> dict[str, bool]:
    """The permissions of the viewer as flags."""
    order = ("pull", "triage", "push", "maintain", "admin")
    rank = -1 if highest is None else order.index(highest)
    return {name: index <= rank for index, name in enumerate(order)}
