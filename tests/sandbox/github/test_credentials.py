"""Apps: JSON web tokens, installation tokens that expire by the clock, and permissions that are missing."""

from __future__ import annotations

import time
from datetime import timedelta
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.github.model import Installation
from sandbox.github.times import Changing, epoch
from tests.fakes.github_sandbox import Asked, demo

CORE = "/repos/tallybrook/ledger-core"
ALL = {
    "actions": "read", "administration": "write", "checks": "read", "contents": "read", "deployments": "read",
    "issues": "read", "members": "read", "metadata": "read", "organization_administration": "write",
    "organization_personal_access_tokens": "read", "pull_requests": "read", "statuses": "read",
}  # fmt: skip


@cache
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def other_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class App:
    """An app of the demo company with a key of its own."""

    def __init__(self, permissions: dict[str, str] | None = None) -> None:
        self.github: Asked = demo("2026-09-15T12:00:00Z")
        self.app = self.github.world.app("reader", name="Reader")
        granted = ALL if permissions is None else permissions
        self.installation = Installation(77, self.app, self.github.organisation, 0, Changing(granted))
        self.github.organisation.installations.append(self.installation)
        public = (
            key().public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
        self.github.application.credentials.add_app_key(self.app, public.decode())

    def signed(self, *, lifetime: int = 540, shift: int = 0, signer: Any = None, **claims: Any) -> str:
        issued = epoch(self.github.clock.now()) - 60 + shift
        body = {"iat": issued, "exp": issued + lifetime, "iss": str(self.app.id), **claims}
        return jwt.encode(body, signer or key(), algorithm="RS256")

    def token(self) -> str:
        heard = self.github.post("/app/installations/77/access_tokens", {}, who=self.signed())
        assert heard.status == 201, heard.content
        return heard.json["token"]


@pytest.fixture
def app() -> App:
    return App()


class TestJsonWebTokens:
    def test_open_the_apps_own_endpoints(self, app: App) -> None:
        assert app.github.get("/app", who=app.signed()).json["slug"] == "reader"
        assert [one["id"] for one in app.github.get("/app/installations", who=app.signed()).json] == [77]
        assert app.github.get("/app/installations/77", who=app.signed()).status == 200
        assert app.github.get("/app/installations/78", who=app.signed()).status == 404

    def test_open_nothing_else(self, app: App) -> None:
        assert app.github.get(CORE, who=app.signed()).status == 401
        assert app.github.post("/graphql", {"query": "query { viewer { login } }"}, who=app.signed()).status == 401
        assert app.github.get("/app").status == 401, "and a person's token does not open these"

    @pytest.mark.parametrize(
        "made",
        [
            lambda app: app.signed(signer=other_key()),
            lambda app: app.signed(iss="12345"),
            lambda app: app.signed(lifetime=3600),
            lambda app: app.signed(shift=-3600),
            lambda app: app.signed(shift=3600),
            lambda app: app.signed()[:-20] + "A" * 20,
            lambda app: jwt.encode({"iss": str(app.app.id), "iat": 0, "exp": 500}, "s" * 32, algorithm="HS256"),
            lambda app: "a.b.c",
        ],
        ids=[
            "other key",
            "unknown issuer",
            "too long",
            "expired",
            "not yet",
            "tampered",
            "other algorithm",
            "no token",
        ],
    )
    def test_are_verified(self, app: App, made: Any) -> None:
        assert app.github.get("/app", who=made(app)).status == 401

    def test_may_go_by_the_machines_clock(self, app: App) -> None:
        now = int(time.time())
        assert app.github.get("/app", who=app.signed(iat=now - 60, exp=now + 480)).status == 200


class TestInstallationTokens:
    def test_read_what_they_are_granted(self, app: App) -> None:
        token = app.token()
        assert app.github.get(CORE, who=token).status == 200
        assert app.github.get("/orgs/tallybrook", who=token).json["two_factor_requirement_enabled"] is True
        assert app.github.get("/orgs/tallybrook/members?filter=2fa_disabled", who=token).json == []
        assert app.github.get(f"{CORE}/keys", who=token).status == 200
        assert app.github.get("/installation/repositories", who=token).json["total_count"] == 5
        names = [one["token_name"] for one in app.github.get("/orgs/tallybrook/personal-access-tokens", who=token).json]
        assert names == ["release-notes-3"]
        assert app.github.get("/user", who=token).status == 403

    def test_live_for_an_hour_of_the_clock(self, app: App) -> None:
        heard = app.github.post("/app/installations/77/access_tokens", {}, who=app.signed())
        assert heard.json["expires_at"] == "2026-09-15T13:00:00Z"
        token = heard.json["token"]
        app.github.clock.set(app.github.clock.now() + timedelta(minutes=59, seconds=59))
        assert app.github.get(CORE, who=token).status == 200
        app.github.clock.set(app.github.clock.now() + timedelta(seconds=1))
        assert app.github.get(CORE, who=token).status == 401
        app.github.clock.set(app.github.clock.now() - timedelta(hours=2))
        assert app.github.get(CORE, who=token).status == 401, "nor before it was issued"

    def test_end_with_the_installation(self, app: App) -> None:
        token = app.token()
        app.installation.deleted_at = epoch(app.github.clock.now())
        assert app.github.get(CORE, who=token).status == 401

    def test_for_an_installation_of_another_app(self, app: App) -> None:
        other = app.github.organisation.installations[0].id
        assert app.github.post(f"/app/installations/{other}/access_tokens", {}, who=app.signed()).status == 404

    def test_have_limits_of_their_own(self, app: App) -> None:
        heard = app.github.get(CORE, who=app.token())
        assert heard.headers["X-RateLimit-Limit"] == "15000"  # Enterprise Cloud
        assert app.github.get(CORE).headers["X-RateLimit-Limit"] == "5000"


@pytest.mark.parametrize(
    ("missing", "path"),
    [
        ("administration", f"{CORE}/keys"),
        ("administration", f"{CORE}/rulesets/rule-suites"),
        ("contents", f"{CORE}/activity"),
        ("pull_requests", f"{CORE}/pulls"),
        ("checks", f"{CORE}/commits/main/check-runs"),
        ("deployments", f"{CORE}/deployments"),
        ("members", "/orgs/tallybrook/members"),
        ("organization_administration", "/orgs/tallybrook/installations"),
        ("organization_personal_access_tokens", "/orgs/tallybrook/personal-access-tokens"),
    ],
)
def test_a_missing_permission_is_named(missing: str, path: str) -> None:
    app = App({name: level for name, level in ALL.items() if name != missing})
    heard = app.github.get(path, who=app.token())
    assert (heard.status, heard.json["message"]) == (403, "Resource not accessible by integration")
    assert heard.headers["X-Accepted-GitHub-Permissions"].startswith(f"{missing}=")
    assert App().github.get(path).status == 200 or missing == "organization_personal_access_tokens"


@pytest.mark.parametrize(
    ("missing", "selection"),
    [
        ("pull_requests", "pullRequests(first: 1) { totalCount }"),
        ("contents", "defaultBranchRef { name }"),
        ("deployments", "deployments(first: 1) { totalCount }"),
        ("administration", "deployKeys(first: 1) { totalCount }"),
    ],
)
def test_a_missing_permission_in_graphql(missing: str, selection: str) -> None:
    query = f'query {{ repository(owner: "tallybrook", name: "ledger-core") {{ name it: {selection} }} }}'
    whole = App()
    assert "errors" not in whole.github.graphql(query, who=whole.token())
    app = App({name: level for name, level in ALL.items() if name != missing})
    answer = app.github.graphql(query, who=app.token())
    assert [(one["type"], one["path"]) for one in answer["errors"]] == [("FORBIDDEN", ["repository", "it"])]


def test_reading_administration_shows_keys_but_no_bypass_list() -> None:
    app = App({**ALL, "administration": "read"})
    token = app.token()
    assert app.github.get(f"{CORE}/keys", who=token).status == 200
    assert app.github.get(f"{CORE}/rulesets/rule-suites", who=token).status == 403
    number = app.github.get(f"{CORE}/rulesets", who=token).json[-1]["id"]
    assert "bypass_actors" not in app.github.get(f"{CORE}/rulesets/{number}", who=token).json


def test_a_chosen_set_of_repositories() -> None:
    app = App()
    app.installation.repositories = ["tallybrook/ledger-core"]
    token = app.token()
    assert app.github.get("/installation/repositories", who=token).json["total_count"] == 1
    assert app.github.get("/repos/tallybrook/toolbox", who=token).status == 404
