"""A real organisation at four quarter ends: people, teams, access and protections come out of the collector whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.github.extractors import EXTRACTORS
from sandbox.github.model import Account, Member, Organisation, Protection, Team
from sandbox.github.times import NEVER, Changing
from sandbox.github.world import World
from schemas.github import BRANCH_RULES, REPOSITORIES
from schemas.github_organisation import ACCOUNTS
from tests.fakes.local_github import LocalGithub, Story, local_github
from tests.fakes.memory_sink import MemorySink

FOLDER = Path(__file__).parents[4] / "shared" / "data" / "github-organisation"
DATES = ("2024-12-31", "2025-03-31", "2025-06-30", "2025-09-30")
ORG = "rust-lang"
BRANCHES = ["main", "master"]
GIVEN = {"write": "push", "maintain": "maintain", "triage": "triage", "admin": "admin", "read": "pull"}
BORN = datetime(2020, 1, 1, tzinfo=UTC)

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the real organisation (../shared/data) is not here")


class Told:
    """What the organisation's own records say on a date."""

    def __init__(self, date: str) -> None:
        document = json.loads((FOLDER / f"{date}.json").read_bytes())
        self.repositories: dict[str, Any] = {
            one["name"]: one for one in document["repos"].values() if one["org"] == ORG
        }
        self.teams: dict[str, set[str]] = {
            name: {
                (person if isinstance(person, str) else person["github"]).lower()
                for person in (*team["people"]["members"], *team["people"]["leads"])
            }
            for name, team in document["teams"].items()
        }
        # A team that a repository names and that has no file of its own is one without people.
        named = {team for repo in self.repositories.values() for team in repo["access"].get("teams", {})}
        self.teams |= {name: set() for name in named - self.teams.keys()}
        self.members = {
            person
            for name, team in document["teams"].items()
            if any(ORG in github["orgs"] for github in team.get("github", ()))
            or any(name in repo["access"].get("teams", {}) for repo in self.repositories.values())
            for person in self.teams[name]
        }

    def direct(self, repo: dict[str, Any]) -> dict[str, str]:
        """Who was given access by name, and bots that may write."""
        people = {login.lower(): role for login, role in repo["access"].get("individuals", {}).items()}
        return {**{f"bot-{bot}".lower(): "write" for bot in repo["bots"]}, **people}

    def protection(self, repo: dict[str, Any]) -> dict[str, Any] | None:
        found = [one for one in repo.get("branch-protections", ()) if one["pattern"] in BRANCHES]
        return found[0] if found else None


def settings(rule: dict[str, Any], app: int) -> dict[str, Any]:
    """A protection in the words of the REST API. A pull request and one approval are demanded unless it says not."""
    made: dict[str, Any] = {"enforce_admins": False}
    if rule.get("pr-required", True):
        made["required_pull_request_reviews"] = {
            "required_approving_review_count": rule.get("required-approvals", 1),
            "dismiss_stale_reviews": rule.get("dismiss-stale-review", False),
            "require_code_owner_reviews": False, "require_last_push_approval": False,
        }  # fmt: skip
    if rule.get("ci-checks"):
        checks = [{"context": name, "app_id": app} for name in rule["ci-checks"]]
        made["required_status_checks"] = {"strict": False, "checks": checks}
    return made


@pytest.fixture(scope="module", params=DATES)
def served(request: pytest.FixtureRequest) -> Iterator[tuple[Told, LocalGithub]]:
    told = Told(request.param)

    def build(world: World, organisation: Organisation) -> None:
        organisation.base_permission = "none"
        people: dict[str, Account] = {}

        def person(login: str) -> Account:
            return people.setdefault(login, world.account(login, name=login))

        organisation.members += [Member(person(one), Changing("member"), 0) for one in sorted(told.members)]
        teams: dict[str, Team] = {}
        for name, members in told.teams.items():
            if members <= told.members:
                made = Team(world.numbers.allot("team", name), organisation, name, name, "", 0)
                made.members = [((0, NEVER), person(one), "member") for one in sorted(members)]
                teams[name] = made
        organisation.teams += teams.values()
        ci = world.app("ci")
        for name, repo in told.repositories.items():
            rule = told.protection(repo)
            story = Story(world, organisation, name, born=BORN, branch="main" if rule is None else rule["pattern"])
            repository = story.repository
            repository.default_branch = Changing(story.branch)
            repository.archived = Changing(bool(repo["_archived"]))
            for login, role in told.direct(repo).items():
                repository.collaborators.append(((0, NEVER), person(login), GIVEN[role]))  # type: ignore[arg-type]
            for team, role in repo["access"].get("teams", {}).items():
                teams[team].grants.append(((0, NEVER), repository, GIVEN[role]))
            if rule is not None:
                number = world.numbers.allot("protection", name)
                held: Changing[dict[str, Any] | None] = Changing(settings(rule, ci.id))
                repository.protections.append(
                    Protection(number, repository, rule["pattern"], organisation.members[0].account, held)
                )

    with local_github(build) as github:
        github.organisation.account.login = "acme"
        yield told, github


def read(github: LocalGithub, dataset: str) -> list[dict[str, Any]]:
    sink = MemorySink()
    [claim] = EXTRACTORS[f"github.{dataset}"](github.session(), github.organisation_request(dataset), sink)
    assert not claim.truncated
    return sink.of(f"github.{dataset}")


def test_every_repository_is_there(served: tuple[Told, LocalGithub]) -> None:
    told, github = served
    found = {row["repo_name"].partition("/")[2]: row["archived"] for row in read(github, "repositories")}
    assert found == {name: bool(repo["_archived"]) for name, repo in told.repositories.items()}
    assert len(found) > 200, f"{REPOSITORIES.name} must hold enough to prove something"


def test_everybody_has_the_roles_that_the_records_give(served: tuple[Told, LocalGithub]) -> None:
    told, github = served
    rows = {row["login"].lower(): row for row in read(github, "accounts")}
    direct = {login for repo in told.repositories.values() for login in told.direct(repo)}
    assert set(rows) == told.members | direct | {"acme-owner", "alice"}, ACCOUNTS.name
    assert {login for login, row in rows.items() if row["membership"] == "outside_collaborator"} == (
        direct - told.members
    )
    expected: set[tuple[str, str, str, str]] = set()
    for name, repo in told.repositories.items():
        for login, role in told.direct(repo).items():
            expected.add((login, name, role, "direct"))
        for team, role in repo["access"].get("teams", {}).items():
            expected |= {(login, name, role, f"team:{team}") for login in told.teams[team]}
    found = {
        (login, role["resource_name"].partition("/")[2], role["role"], role["via"])
        for login, row in rows.items()
        for role in row["roles"]
        if role["scope"] == "repository"
    }
    assert {one for one in found if one[3] != "direct"} == {one for one in expected if one[3] != "direct"}
    # Where somebody has more by a team than by name, GitHub shows the permission that counts.
    assert {one[:2] for one in found if one[3] == "direct"} == {one[:2] for one in expected if one[3] == "direct"}
    assert len(found) > 500


def test_every_protection_is_there_and_nothing_else(served: tuple[Told, LocalGithub]) -> None:
    told, github = served
    session = github.session(production_branches=BRANCHES)
    known = frozenset(f"github:{one.node_id}" for one in github.organisation.repositories)
    github.plan.forget_requests()
    guarded = 0
    for repository in github.organisation.repositories:
        sink = MemorySink()
        EXTRACTORS[BRANCH_RULES.name](session, github.request(repository, "branch_rules", None, None, known), sink)
        [row] = sink.of(BRANCH_RULES.name)
        rule = told.protection(told.repositories[row["repo_name"].partition("/")[2]])
        assert row["classic_protection"] == (rule is not None)
        if rule is not None:
            guarded += 1
            demanded = rule.get("pr-required", True)
            assert row["pull_request_required"] == demanded
            assert (row["required_approvals"] or 0) == (rule.get("required-approvals", 1) if demanded else 0)
            assert {one["context"] for one in row["required_checks"]} == set(rule.get("ci-checks", ()))
    assert guarded >= 60
    # Fifty repositories in a question, and one more to see that the principal may read protection at all.
    asked = sum(github.plan.requests()["github"].values())
    assert asked <= -(-len(github.organisation.repositories) // 50) + 2
