"""Inventory, members, administrators and credentials of an organisation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.github.client import client_of
from connectors.github.extractors import EXTRACTORS
from connectors.github.paging import PageSize
from connectors.github.permissions import least_app_permissions
from connectors.github.probes import PROBES
from sandbox.github.model import App, DeployKey, Installation, Invitation, Member, Organisation, Team, TokenGrant, Usage
from sandbox.github.times import NEVER, Changing, epoch
from sandbox.github.world import World
from schemas.errors import CollectionError, EvidenceError, IncompletePopulation, PermissionDenied
from schemas.extraction import ItemClaim
from tests.fakes.local_github import NOW, START, LocalGithub, Story, local_github
from tests.fakes.memory_sink import MemorySink

REPOSITORIES = 14
PEOPLE = 45
BORN = epoch(START - timedelta(days=90))
DATASETS = ("repositories", "members", "administrators", "credentials", "accounts", "organisation_settings")
MEMBER_TOKEN = "ghp_" + "m" * 36


def company(world: World, organisation: Organisation) -> None:
    """Enough of everything for more than one page."""
    organisation.without_two_factor = {}
    stories = [Story(world, organisation, f"service-{number:03}") for number in range(REPOSITORIES)]
    owner = organisation.members[0].account
    for number in range(PEOPLE):
        account = world.account(f"person-{number:03}", name=f"Person {number}")
        organisation.members.append(Member(account, Changing("admin" if number < 2 else "member"), BORN))
        if number in {3, 4}:
            organisation.without_two_factor[account.id] = [(BORN, NEVER)]
    for number in range(5):
        outsider = world.account(f"outsider-{number}", name=f"Outsider {number}")
        repository = stories[number].repository
        repository.collaborators.append(((BORN, NEVER), outsider, "admin" if number == 0 else "pull"))
        if number == 1:
            organisation.without_two_factor[outsider.id] = [(BORN, NEVER)]
    busy = stories[7].repository
    for number in range(PEOPLE):
        person = world.account(f"person-{number:03}")
        busy.collaborators.append(((BORN, NEVER), person, "admin" if number % 20 == 0 else "push"))
    platform = Team(world.numbers.allot("team", "platform"), organisation, "platform", "Platform", "", BORN)
    platform.grants = [
        ((BORN, NEVER), story.repository, "admin" if number < 3 else "push") for number, story in enumerate(stories)
    ]
    platform.members = [
        ((BORN, NEVER), world.account(f"person-{number:03}"), "maintainer" if number == 7 else "member")
        for number in (5, 6, 7)
    ]
    organisation.teams.append(platform)
    for number, (login, email) in enumerate(((None, "new@example.com"), ("person-zzz", None))):
        organisation.invitations.append(
            Invitation(number + 1, login, email, "admin" if number else "direct_member", owner, BORN)
        )
    for slug, permissions in (
        ("deployer", {"contents": "write", "metadata": "read"}),
        ("reader", {"contents": "read"}),
    ):
        app: App = world.app(slug, created_at=BORN)
        app.owner = organisation.account
        number = world.numbers.allot("installation", slug)
        organisation.installations.append(Installation(number, app, organisation, BORN, Changing(permissions)))
    for number in range(103):
        # Some with all of a repository's keys on one page, one with more than a page of them.
        repository = stories[0 if number < 101 else number % REPOSITORIES].repository
        key = DeployKey(
            world.numbers.allot("key", str(number)), repository, f"key {number}", "ssh-ed25519 AAAAsecret",
            number % 2 == 0, BORN, owner, Usage(BORN, 3600 if number % 3 else None),
        )  # fmt: skip
        repository.deploy_keys.append(key)
    for number in range(3):
        organisation.tokens.append(
            TokenGrant(
                number + 1,
                owner,
                f"token {number}",
                BORN,
                {"organization": {}, "repository": {"contents": "write" if number else "read"}},
                expires_at=epoch(NOW) + 900,
            )
        )


@pytest.fixture(scope="module")
def running() -> Iterator[LocalGithub]:
    with local_github(company) as github:
        github.server.application.limits.allow({"core": 1_000_000, "graphql": 1_000_000})
        github.credentials.add_token(MEMBER_TOKEN, github.world.account("person-030"))
        yield github


def read(
    running: LocalGithub,
    dataset: str,
    *,
    known: frozenset[str] | None = None,
    environ: dict[str, str] | None = None,
    **scope: Any,
) -> tuple[list[dict[str, Any]], ItemClaim]:
    sink = MemorySink()
    session = running.session(environ=environ, **scope)
    for name in ("Repositories", "Collaborators", "DeployKeys", "members", "teams"):
        client_of(session).sizes._known[name] = PageSize(5)
    request = running.organisation_request(dataset, known=known)
    claims = EXTRACTORS[f"github.{dataset}"](session, request, sink)
    assert all("AAAAsecret" not in json.dumps(str(answer.body)) for answer in sink.answers)
    return sink.of(f"github.{dataset}"), claims[0]


def test_the_inventory_holds_every_repository(running: LocalGithub) -> None:
    rows, claim = read(running, "repositories")
    assert {row["repo_id"] for row in rows} == {one.node_id for one in running.organisation.repositories}
    assert len(rows) == claim.independent_count == REPOSITORIES
    assert claim.observed_at == NOW
    assert claim.proof_of_life
    assert {row["organisation_id"] for row in rows} == {running.organisation.node_id}


def test_a_token_that_sees_less_than_the_inventory_is_found_out(running: LocalGithub) -> None:
    rows, _ = read(running, "repositories")
    known = frozenset(f"github:{row['repo_id']}" for row in rows) | {
        "aws:111122223333",
        f"github:{running.organisation.node_id}",
    }
    assert len(read(running, "repositories", known=known)[0]) == REPOSITORIES
    hidden = [f"acme/service-{number:03}" for number in range(10, 13)]
    running.plan.replace([{"source": "github", "kind": "fewer_repositories", "repositories": hidden, "times": None}])
    try:
        with pytest.raises(IncompletePopulation, match="3 repositories") as caught:
            read(running, "repositories", known=known)
        assert running.organisation.repositories[10].node_id in str(caught.value)
    finally:
        running.plan.replace([])


def test_members_carry_the_state_of_their_second_factor(running: LocalGithub) -> None:
    rows, claim = read(running, "members")
    by_login = {row["login"]: row for row in rows}
    assert len(rows) == 1 + 1 + PEOPLE + 5, "the owner, the stories' author, the people, the outsiders"
    off = {login for login, row in by_login.items() if row["two_factor"] == "disabled"}
    assert off == {"person-003", "person-004", "outsider-1"}
    assert {row["two_factor"] for row in rows} == {"enabled", "disabled"}
    assert {login for login, row in by_login.items() if row["role"] == "owner"} == {
        "acme-owner",
        "person-000",
        "person-001",
    }
    assert {row["membership"] for row in rows} == {"member", "outside_collaborator"}
    assert {row["organisation_requires_two_factor"] for row in rows} == {True}
    assert claim.proof_of_life


def test_somebody_who_is_no_owner_may_not_know_the_second_factor(running: LocalGithub) -> None:
    with pytest.raises(PermissionDenied) as caught:
        read(running, "members", environ={"GITHUB_TOKEN": MEMBER_TOKEN})
    assert "owner" in (caught.value.permission or "")


def test_administrators_are_owners_people_teams_and_apps(running: LocalGithub) -> None:
    rows, claim = read(running, "administrators")
    found = {(row["privilege"], row["principal_kind"], row["principal_name"]) for row in rows}
    assert found == {
        ("organisation_owner", "person", "acme-owner"), ("organisation_owner", "person", "person-000"),
        ("organisation_owner", "person", "person-001"), ("repository_admin", "person", "outsider-0"),
        ("repository_admin", "person", "person-000"), ("repository_admin", "person", "person-020"),
        ("repository_admin", "person", "person-040"),
        # An owner who was added to a repository by name: what GitHub shows is the permission that counts.
        ("repository_admin", "person", "person-001"),
        ("repository_admin", "team", "platform"), ("app_write", "app", "deployer"),
    }  # fmt: skip
    assert sum(row["principal_kind"] == "team" for row in rows) == 3
    app = next(row for row in rows if row["privilege"] == "app_write")
    assert app["detail"] == "contents"
    assert "3 owners" in (claim.reconciliation or "")


def test_deploy_keys_and_tokens_without_their_secrets(running: LocalGithub, tmp_path: Path) -> None:
    environ = running.app_environ(tmp_path, least_app_permissions(["github.credentials"]))
    try:
        rows, claim = read(running, "credentials", environ=environ)
    finally:
        running.organisation.installations.pop()
    keys = [row for row in rows if row["kind"] == "deploy_key"]
    tokens = [row for row in rows if row["kind"] == "personal_access_token"]
    assert len(keys) == 103
    assert len(tokens) == 3
    assert not claim.truncated
    assert claim.independent_count == 106
    assert all("AAAAsecret" not in row["raw"] and '"key"' not in row["raw"] for row in rows)
    assert {row["read_only"] for row in keys} == {True, False}
    assert sorted(row["read_only"] for row in tokens) == [False, False, True]
    assert any(row["last_used_at"] is None for row in keys)
    assert any(row["last_used_at"] is not None for row in keys)


def test_unreadable_tokens_hide_no_deploy_key_and_claim_nothing(running: LocalGithub) -> None:
    fault = {"source": "github", "kind": "forbidden", "times": None, "match": "GET *personal-access-tokens*"}
    running.plan.replace([fault])
    try:
        rows, claim = read(running, "credentials")
    finally:
        running.plan.replace([])
    assert len(rows) == 103
    assert claim.truncated
    assert "organization_personal_access_tokens" in (claim.reconciliation or "")


def test_refused_credentials_are_no_missing_right(running: LocalGithub) -> None:
    fault = {"source": "github", "kind": "unauthorized", "times": None, "match": "GET *personal-access-tokens*"}
    running.plan.replace([fault])
    try:
        with pytest.raises(PermissionDenied, match="401"):
            read(running, "credentials")
    finally:
        running.plan.replace([])


def test_every_account_with_its_roles_and_how_it_came_by_them(running: LocalGithub) -> None:
    rows, claim = read(running, "accounts")
    by_login = {row["login"]: row for row in rows}
    assert len(rows) == 1 + 1 + PEOPLE + 5 + 2 + 2, "owner, the stories' author, people, outsiders, apps, invitations"
    assert {row["membership"] for row in rows} == {"member", "outside_collaborator", "app", "invited"}
    maintainer = by_login["person-007"]
    roles = {(role["scope"], role["resource_name"], role["role"], role["via"]) for role in maintainer["roles"]}
    assert ("organisation", "acme", "member", None) in roles
    assert ("team", "platform", "maintainer", "direct") in roles
    assert ("repository", "acme/service-000", "admin", "team:platform") in roles
    assert ("repository", "acme/service-007", "write", "direct") in roles
    assert sum(role["via"] == "team:platform" for role in maintainer["roles"]) == REPOSITORIES
    assert maintainer["privileged"], "an administrator by way of a team"
    privileged = {row["login"] for row in rows if row["privileged"]}
    assert privileged == {
        "acme-owner", "person-000", "person-001", "person-005", "person-006", "person-007", "person-020", "person-040",
        "outsider-0", "deployer", "person-zzz",
    }  # fmt: skip
    assert (by_login["new@example.com"]["kind"], by_login["new@example.com"]["owner"]) == ("invitation", "acme-owner")
    assert by_login["outsider-1"]["two_factor"] == by_login["person-003"]["two_factor"] == "disabled"
    assert {row["two_factor"] for row in rows if row["kind"] in {"app", "invitation"}} == {"not_applicable"}
    assert claim.proof_of_life
    with pytest.raises(PermissionDenied):
        read(running, "accounts", environ={"GITHUB_TOKEN": MEMBER_TOKEN})


def test_a_principal_that_sees_fewer_repositories_reads_no_accounts(running: LocalGithub) -> None:
    hidden = {"source": "github", "kind": "fewer_repositories", "repositories": ["acme/service-004"], "times": None}
    running.plan.replace([hidden])
    try:
        with pytest.raises(IncompletePopulation, match="outsider-4"):
            read(running, "accounts")
    finally:
        running.plan.replace([])


def test_a_principal_that_gives_people_fewer_roles_than_they_have_reads_no_accounts(running: LocalGithub) -> None:
    known = frozenset(f"github:{one.node_id}" for one in running.organisation.repositories)
    assert read(running, "accounts", known=known)[0]
    hidden = {"source": "github", "kind": "fewer_repositories", "repositories": ["acme/service-010"], "times": None}
    running.plan.replace([hidden])
    try:
        assert read(running, "accounts")[0], "nothing else in GitHub's lists gives it away"
        with pytest.raises(IncompletePopulation, match="1 repositories") as caught:
            read(running, "accounts", known=known)
        assert running.organisation.repositories[10].node_id in str(caught.value)
    finally:
        running.plan.replace([])


def test_settings_of_the_organisation_and_what_is_not_told(running: LocalGithub) -> None:
    rows, claim = read(running, "organisation_settings")
    by_name = {row["setting"]: row for row in rows}
    assert (by_name["members.two_factor_required"]["value"], by_name["members.two_factor_required"]["state"]) == (
        "true", "known",
    )  # fmt: skip
    assert by_name["members.default_repository_permission"]["value"] == '"read"'
    assert by_name["actions.default_workflow_permissions"]["value"] == '"read"'
    untold = by_name["members.can_create_internal_repositories"]
    assert (untold["state"], untold["value"]) == ("unreadable", None)
    assert untold["reason"]
    assert "members.can_create_internal_repositories" in (claim.reconciliation or "")
    with pytest.raises(PermissionDenied):
        read(running, "organisation_settings", environ={"GITHUB_TOKEN": MEMBER_TOKEN})


@pytest.mark.parametrize("dataset", ["accounts", "organisation_settings"])
def test_the_least_rights_are_enough_and_the_probe_knows_them(
    running: LocalGithub, tmp_path: Path, dataset: str
) -> None:
    granted = least_app_permissions([f"github.{dataset}"])
    whole = {row["account_id" if dataset == "accounts" else "setting"] for row in read(running, dataset)[0]}
    item = running.organisation_request(dataset).item
    for missing in (None, "organization_administration", "members"):
        if missing is not None and missing not in granted:
            continue
        environ = running.app_environ(tmp_path, {name: level for name, level in granted.items() if name != missing})
        try:
            if missing is None:
                rows, _ = read(running, dataset, environ=environ)
                assert whole <= {row["account_id" if dataset == "accounts" else "setting"] for row in rows}
                PROBES[f"github.{dataset}"](running.session(environ=environ), item)
                continue
            with pytest.raises((PermissionDenied, IncompletePopulation)):
                read(running, dataset, environ=environ)
            with pytest.raises(PermissionDenied):
                PROBES[f"github.{dataset}"](running.session(environ=environ), item)
        finally:
            running.organisation.installations.pop()


FAULTS: list[dict[str, Any]] = [
    {"kind": "server_error", "status": 502},
    {"kind": "connection_reset"},
    {"kind": "secondary_limit", "retry_after": 1},
    {"kind": "truncated_page"},
    {"kind": "empty_page"},
    {"kind": "lying_last_page"},
    {"kind": "shifting_list"},
    {"kind": "graphql_error", "code": "TIMEOUT"},
]


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_fault_at_any_request_costs_no_row(running: LocalGithub, dataset: str) -> None:
    whole = {row["raw"] for row in read(running, dataset)[0]}
    running.plan.forget_requests()
    read(running, dataset)
    requests = sum(running.plan.requests()["github"].values())
    for fault in FAULTS:
        for number in range(2, requests, max(3, requests // 6)):  # the first two open the session
            running.plan.replace([{"source": "github", "times": 1, "after": number, "items": 2, **fault}])
            try:
                rows, claim = read(running, dataset)
            except CollectionError:
                assert fault["kind"] in {"empty_page", "lying_last_page", "shifting_list"}, (fault, number)
            else:
                assert {row["raw"] for row in rows} == whole or claim.truncated, (fault, number)
            finally:
                running.plan.replace([])


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("kind", ["unauthorized", "forbidden", "not_found", "lying_last_page", "empty_page"])
def test_a_lasting_fault_is_an_error(running: LocalGithub, dataset: str, kind: str) -> None:
    whole = {row["raw"] for row in read(running, dataset)[0]}
    running.plan.replace([{"source": "github", "kind": kind, "times": None, "after": 2, "items": 2}])
    try:
        rows, claim = read(running, dataset)
    except EvidenceError:
        pass
    else:
        assert claim.truncated or {row["raw"] for row in rows} == whole, f"{kind} went unnoticed"
    finally:
        running.plan.replace([])
    assert {row["raw"] for row in read(running, dataset)[0]} == whole
