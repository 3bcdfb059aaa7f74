"""What the nightly snapshot of a whole GitHub organisation costs, in requests, GraphQL points and seconds.

    python benchmarks/github_organisation.py [--repositories 500] [--workers 4] [--dense]

Every snapshot dataset of GitHub is read for every item it belongs to, by as many threads as a flow uses, which share
what one question tells of many repositories. What is counted is what the simulated GitHub charges, logging in
included, against the hourly limit of a token (5,000; an App in an organisation of this size may do 12,500). A fifth
of the repositories have environments, a tenth rulesets of their own and deploy keys, a tenth are archived; `--dense`
gives every repository all three, for each of which GitHub has no answer about many at once. github.alert_coverage,
which asks for the latest analysis of each repository, is part of the sum and collected weekly only. The plain way
beside it is the number of REST requests that one question for each fact and repository takes; it is computed, not
sent.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from connectors.github.extractors import EXTRACTORS
from connectors.github.session import open_session
from connectors.github.shared import Shared
from connectors.registry import DATASETS
from sandbox.github import script_security as script
from sandbox.github.model import (
    Alert,
    DeployKey,
    Environment,
    Member,
    Organisation,
    Ruleset,
    RulesetVersion,
    Team,
    Usage,
)
from sandbox.github.security_events import facts
from sandbox.github.times import NEVER, Changing, epoch
from sandbox.github.world import World
from schemas.dataset import Dataset
from schemas.extraction import Request, Session
from schemas.scope import ScopeItem
from tests.fakes.local_github import FAR, START, TOKEN, LocalGithub, Story, local_github

ORGANISATION = ("accounts", "administrators", "credentials", "members", "organisation_settings", "repositories")
LIMIT = 5_000
SHARE = 0.15
PLAIN_FACTS = 11
"""REST requests for the facts of one repository asked one by one: repository, branch, rules, rulesets, protection,
Actions permissions and token rights, environments, keys, code owners, analyses."""


class Sink:
    """Counts rows."""

    def __init__(self) -> None:
        self.rows_seen = 0

    def rows(self, dataset: Dataset, rows: Iterable[Mapping[str, Any]]) -> None:
        self.rows_seen += sum(1 for _ in rows)

    def batches(self, dataset: Dataset, batches: Iterable[Any]) -> None:
        raise AssertionError("no snapshot of GitHub makes batches")

    def answer(self, **_: Any) -> None:
        return


def ruleset(world: World, owner: Any, name: str, actor: Any) -> None:
    made = Ruleset(world.numbers.allot("ruleset", name), owner)
    state = {
        "name": name, "target": "branch", "enforcement": "active", "bypass_actors": [],
        "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}},
        "rules": [{"type": "deletion"}, {"type": "non_fast_forward"}],
    }  # fmt: skip
    if isinstance(owner, Organisation):
        state["conditions"]["repository_name"] = {"include": ["~ALL"], "exclude": []}
    made.versions.append(RulesetVersion(made.id * 10, made, epoch(FAR), actor, state))
    owner.rulesets.append(made)


def build(world: World, organisation: Organisation, count: int, *, dense: bool) -> None:
    owner = organisation.members[0].account
    people = [world.account(f"person-{number:03}", name=f"Person {number}") for number in range(200)]
    organisation.members += [Member(one, Changing("member"), 0) for one in people]
    stories = [Story(world, organisation, f"service-{number:03}") for number in range(count)]
    for number in range(25):
        team = Team(world.numbers.allot("team", str(number)), organisation, f"team-{number}", f"Team {number}", "", 0)
        team.members = [((0, NEVER), one, "member") for one in people[number * 8 : number * 8 + 8]]
        team.grants = [((0, NEVER), story.repository, "push") for story in stories[number::25]]
        organisation.teams.append(team)
    ruleset(world, organisation, "everywhere", owner)
    for number, story in enumerate(stories):
        repository = story.repository
        repository.archived = Changing(number % 10 == 9)
        repository.analyses.append((epoch(START), "CodeQL", "2.19.0"))
        repository.collaborators.append(((0, NEVER), people[number % 200], "push"))
        if dense or number % 5 == 0:
            repository.environments.append(Environment(9_000 + number, repository, "production", 0, [people[0]]))
        if dense or number % 10 == 0:
            ruleset(world, repository, f"own-{number}", owner)
            key = DeployKey(world.numbers.allot("key", str(number)), repository, "ci", "ssh-ed25519 A", True, 0, owner,
                            Usage(NEVER, None))  # fmt: skip
            repository.deploy_keys.append(key)
        for kind in ("dependabot", "code_scanning", "secret_scanning")[: number % 4]:
            told = script.Alert(kind=kind, repository=repository.slug, found=START, what="thing")
            key_of = f"{number}/{kind}"
            repository.alerts.append(
                Alert(kind, world.numbers.allot("alert", key_of), repository, 1, epoch(START) + number,
                      facts(told, repository, key_of))  # type: ignore[arg-type]
            )  # fmt: skip


def measure(github: LocalGithub, workers: int) -> tuple[int, int]:
    """Read every snapshot; prints a line for each and gives the requests and points that GitHub charged."""
    now = epoch(github.clock.now())
    limits = github.server.application.limits
    viewer = github.credentials.viewer(f"token {TOKEN}", now)
    shared, local = Shared(), threading.local()
    opened: list[Session] = []

    def session() -> Session:
        if not hasattr(local, "session"):
            local.session = open_session(
                github.scope, {"GITHUB_TOKEN": TOKEN}, github.clock.now, sleep=github.slept.append, shared=shared
            )
            opened.append(local.session)
        return local.session

    def spent() -> tuple[int, int]:
        return limits.budget(viewer, "core", now).used, limits.budget(viewer, "graphql", now).used

    repositories = [
        ScopeItem(f"github:{one.node_id}", one.full_name(now), "github") for one in github.organisation.repositories
    ]
    known = frozenset(item.id for item in repositories)
    whole = [ScopeItem(f"github:{github.organisation.node_id}", github.organisation.login, "github")]
    names = sorted(name for name, one in DATASETS.items() if one.system == "github" and one.kind == "snapshot")
    with ThreadPoolExecutor(workers) as pool:
        for name in names:
            if name == "github.credentials":
                continue  # its list of tokens answers Apps alone; its keys are counted below
            before, began, sink = spent(), time.perf_counter(), Sink()
            items = whole if name.removeprefix("github.") in ORGANISATION else repositories

            def one(item: ScopeItem, name: str = name, sink: Sink = sink) -> None:
                EXTRACTORS[name](session(), Request(frozenset({name}), item, None, None, known), sink)

            for _ in pool.map(one, items):
                pass
            requests, points = (after - start for after, start in zip(spent(), before, strict=True))
            seconds = time.perf_counter() - began
            print(f"{name:30} {len(items):4} items {sink.rows_seen:6} rows {requests:5} requests {points:5} points "
                  f"{seconds:6.1f} s", flush=True)  # fmt: skip
    keys = sum(1 for one in github.organisation.repositories if one.deploy_keys)
    pages = -(-len(repositories) // 100)
    print(f"{'github.credentials (computed)':30} {keys + pages + 1:32} requests")
    requests, points = spent()
    return requests + keys + pages + 1, points


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repositories", type=int, default=500)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--dense", action="store_true", help="every repository with environment, ruleset and key")
    arguments = parser.parse_args()
    count = arguments.repositories
    with local_github(lambda world, organisation: build(world, organisation, count, dense=arguments.dense)) as github:
        github.server.application.limits.allow({"core": 1_000_000, "graphql": 1_000_000})
        requests, points = measure(github, arguments.workers)
    print(f"{requests} REST requests, {requests / LIMIT:.1%} of an hour's {LIMIT}; {points} GraphQL points, "
          f"{points / LIMIT:.1%}; the plain way takes {PLAIN_FACTS * count} requests")  # fmt: skip
    if not arguments.dense:
        assert max(requests, points) <= SHARE * LIMIT, "more than 15 % of the hourly limit"


if __name__ == "__main__":
    main()
