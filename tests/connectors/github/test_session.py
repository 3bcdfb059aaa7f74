"""Opening a session: credentials, endpoint, who asks with what rights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.github.client import client_of
from connectors.github.session import open_session
from schemas.errors import (
    ClockSkew,
    ConfigurationError,
    EndpointRefused,
    PermissionDenied,
    RetriableError,
    SourceGone,
)
from tests.fakes.local_github import NOW, TOKEN, LocalGithub, Story, local_github

READER = {"metadata": "read", "contents": "read", "members": "read"}


@pytest.fixture(scope="module")
def running() -> Iterator[LocalGithub]:
    with local_github(lambda world, organisation: Story(world, organisation)) as github:
        yield github


def opened(running: LocalGithub, environ: dict[str, str], **scope: Any) -> Any:
    return running.session(environ=environ, **scope)


def test_a_token_is_a_person_with_scopes(running: LocalGithub) -> None:
    session = opened(running, {"GITHUB_TOKEN": TOKEN})
    assert session.system == "github"
    assert session.principal.startswith("user acme-owner (U_")
    assert "repo" in session.principal_rights
    assert session.tenant == f"acme ({running.organisation.node_id})"
    assert session.endpoint == running.server.url
    assert session.simulated
    assert not session.declared
    assert session.certificate_sha256 is None
    assert client_of(session).production_branches == ("main",)
    assert client_of(session).plan == "team"
    assert TOKEN not in repr(session)


def test_an_app_is_named_with_its_permissions(running: LocalGithub, tmp_path: Path) -> None:
    session = opened(running, running.app_environ(tmp_path, READER))
    assert session.principal.startswith("GitHub App reader-")
    assert session.principal_rights == "installation permissions contents: read, members: read, metadata: read"


def test_four_threads_share_one_installation_token(running: LocalGithub, tmp_path: Path) -> None:
    session = opened(running, running.app_environ(tmp_path, READER))
    running.plan.forget_requests()
    from connectors.github.snapshots import branch_tips  # the session under test asks with it
    from tests.fakes.memory_sink import MemorySink

    branch_tips(session, running.request(running.organisation.repositories[0], "branch_tips", None, None), MemorySink())
    counted = running.plan.requests()["github"]
    assert not [operation for operation in counted if "access_tokens" in operation], (
        "the token of the opening still holds"
    )


def test_a_token_is_renewed_before_it_runs_out(running: LocalGithub, tmp_path: Path) -> None:
    from datetime import timedelta

    session = opened(running, running.app_environ(tmp_path, READER))
    running.plan.forget_requests()
    try:
        running.clock.set(NOW + timedelta(minutes=58))
        from connectors.github.snapshots import branch_tips
        from tests.fakes.memory_sink import MemorySink

        request = running.request(running.organisation.repositories[0], "branch_tips", None, None)
        branch_tips(session, request, MemorySink())
        counted = running.plan.requests()["github"]
        assert sum(count for operation, count in counted.items() if "access_tokens" in operation) == 1
    finally:
        running.clock.set(NOW)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "No GitHub credentials"),
        ({"GITHUB_TOKEN": "  "}, "No GitHub credentials"),
        ({"GITHUB_TOKEN": "x", "GITHUB_APP_ID": "1"}, "not clear who asks"),
        ({"GITHUB_APP_ID": "1"}, "GITHUB_APP_INSTALLATION_ID, GITHUB_APP_PRIVATE_KEY_FILE"),
        ({"GITHUB_APP_ID": "1", "GITHUB_APP_INSTALLATION_ID": "x", "GITHUB_APP_PRIVATE_KEY_FILE": "k"}, "no number"),
        ({"GITHUB_APP_ID": "1", "GITHUB_APP_INSTALLATION_ID": "2", "GITHUB_APP_PRIVATE_KEY_FILE": "/nowhere"}, "PEM"),
    ],
)
def test_credentials_that_are_missing_or_contradict(running: LocalGithub, environ: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        opened(running, environ)


def test_a_file_that_is_no_key(running: LocalGithub, tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text("hello")
    environ = {"GITHUB_APP_ID": "1", "GITHUB_APP_INSTALLATION_ID": "2", "GITHUB_APP_PRIVATE_KEY_FILE": str(path)}
    with pytest.raises(ConfigurationError, match="no PEM private key"):
        opened(running, environ)


def test_a_wrong_token_is_refused_with_what_to_do(running: LocalGithub) -> None:
    with pytest.raises(PermissionDenied, match="401") as caught:
        opened(running, {"GITHUB_TOKEN": "ghp_" + "z" * 36})
    assert "zzz" not in str(caught.value)


def test_an_apps_wrong_key_and_unknown_installation(running: LocalGithub, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    first, second = running.app_environ(one, READER), running.app_environ(other, READER)
    crossed = {**first, "GITHUB_APP_PRIVATE_KEY_FILE": second["GITHUB_APP_PRIVATE_KEY_FILE"]}
    with pytest.raises(PermissionDenied, match="GITHUB_APP_PRIVATE_KEY_FILE"):
        opened(running, crossed)
    with pytest.raises(ConfigurationError, match="GITHUB_APP_INSTALLATION_ID"):
        opened(running, {**first, "GITHUB_APP_INSTALLATION_ID": "999"})


def test_an_organisation_out_of_sight(running: LocalGithub) -> None:
    with pytest.raises(SourceGone, match="organisation"):
        opened(running, {"GITHUB_TOKEN": TOKEN}, organisation="nobody-at-all")


def test_a_plan_that_is_none(running: LocalGithub) -> None:
    with pytest.raises(ConfigurationError, match="enterprise_cloud"):
        opened(running, {"GITHUB_TOKEN": TOKEN}, plan="platinum")


@pytest.mark.parametrize("seconds", [-90, 90])
def test_a_clock_that_is_off_ends_the_opening(running: LocalGithub, seconds: int) -> None:
    running.plan.replace([{"source": "github", "kind": "wrong_date", "seconds": seconds, "times": None}])
    try:
        with pytest.raises(ClockSkew):
            opened(running, {"GITHUB_TOKEN": TOKEN})
    finally:
        running.plan.replace([])


@pytest.mark.parametrize(
    "url",
    [
        "https://api.github.com.evil.example", "http://api.github.com", "https://github.example",
        "https://evilghe.com", "https://api.github.com:8443",
    ],
)  # fmt: skip
def test_an_endpoint_that_is_not_githubs_own(url: str) -> None:
    scope = {"organisation": "acme", "api_url": url}
    with pytest.raises(EndpointRefused):
        open_session(scope, {"GITHUB_TOKEN": TOKEN}, lambda: NOW)


def test_a_bundle_of_other_authorities_is_refused(tmp_path: Path) -> None:
    environ = {"GITHUB_TOKEN": TOKEN, "REQUESTS_CA_BUNDLE": str(tmp_path / "own.pem")}
    with pytest.raises(EndpointRefused, match="REQUESTS_CA_BUNDLE"):
        open_session(
            {"organisation": "acme", "api_url": "https://192.0.2.1"}, environ, lambda: NOW, ["https://192.0.2.1"]
        )


def test_a_source_that_is_down(running: LocalGithub) -> None:
    running.plan.replace([{"source": "github", "kind": "server_error", "status": 503, "times": None}])
    try:
        with pytest.raises(RetriableError):
            opened(running, {"GITHUB_TOKEN": TOKEN})
    finally:
        running.plan.replace([])
