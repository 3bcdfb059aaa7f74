"""Every question asked of GitHub exists: queries against its GraphQL schema, paths against its OpenAPI description.

The two npm packages are test material only. They are looked for in `NPM_MODULES`, `node_modules` and `.venv/npm`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLSchema, build_schema, parse, validate

from connectors.github import (
    accounts,
    alert_lists,
    alerts,
    audit_events,
    bypasses,
    claims,
    code_owners,
    environments,
    graph,
    issues,
    organisation_settings,
    pulls,
    repository_security,
    rule_changes,
    rules,
    workflow_runs,
)
from connectors.github.administrators import COLLABORATORS, GRANTED, GRANTS, teams_part
from connectors.github.calls import Graph, Part
from connectors.github.checks import RUNS, SUITES
from connectors.github.credentials import COUNTED
from connectors.github.deployments import CONTEXTS, STATUSES, deployments_part
from connectors.github.extractors import EXTRACTORS
from connectors.github.inventory import SELECTION, TOPICS, owned_part
from connectors.github.members import members_part
from connectors.github.paging import Nested
from connectors.github.permissions import _BY_TEMPLATE, RIGHTS
from connectors.github.repository import locate_part
from connectors.github.rule_changes import MEMBERS
from connectors.github.snapshots import tips_batch
from connectors.registry import DATASETS
from schemas.github import COMMITS
from schemas.github_security import ALERT_COVERAGE, REPOSITORY_SECURITY
from schemas.tickets import REGISTER_OF as TICKETS
from tests.fakes.local_github import START, LocalGithub, busy, local_github
from tests.fakes.memory_sink import MemorySink

ROOT = Path(__file__).parents[3]
PLACES = [os.environ.get("NPM_MODULES", ""), str(ROOT / "node_modules"), str(ROOT / ".venv" / "npm" / "node_modules")]


def package(name: str, file: str) -> Path:
    for place in PLACES:
        path = Path(place) / "@octokit" / name / file
        if place and path.is_file():
            return path
    pytest.skip(
        f"@octokit/{name} is not installed (npm), so the questions were not compared with GitHub's own description"
    )


@lru_cache(maxsize=1)
def schema_of(path: Path) -> GraphQLSchema:
    return build_schema(path.read_text(encoding="utf-8"), assume_valid=True)


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return schema_of(package("graphql-schema", "schema.graphql"))


OF_ORGANISATION = {
    "repositories", "members", "administrators", "credentials", "alerts", "accounts", "organisation_settings",
    "audit_events",
}  # fmt: skip
NESTED: list[Nested] = [
    graph.PARENTS, graph.AUTHORS, graph.OWNERS, pulls.REVIEWS, pulls.COMMITS, pulls.LABELS, pulls.ISSUES,
    pulls.TIMELINE, SUITES, RUNS, STATUSES, CONTEXTS, TOPICS, COLLABORATORS, GRANTS, MEMBERS,
    accounts.TEAM_MEMBERS, issues.TIMELINE, issues.LABELS, issues.ASSIGNEES, rules.RULES_OF_REF,
    rules.RULESETS_OF, rules.ALLOWANCES,
]  # fmt: skip
PARTS: dict[str, tuple[Part, ...]] = {
    "locate": (locate_part("R", ["main", "release/1"]),),
    "history": (graph.history_part("R", "a" * 40, 10, None),),
    "details": (pulls.details_part(["P"], queued=False),),
    "queued": (pulls.details_part(["P"], queued=True),),
    "joint": (
        graph.history_part("R", "a" * 40, 10, None), pulls.merged_part("R", "main", 10, None),
        deployments_part("R", 10, None),
    ),
    "rules": (rules.batch(["main", "release"]).part(["R"]),),
    "account members": (members_part("O", 10, None, accounts.MEMBERSHIP),),
    "account teams": (accounts.teams_part("O", 10, None),),
    "tickets": (issues.issues_part("O", "R", 10, None),),
    "settings": (organisation_settings.part("O"),),
    "tips": (tips_batch(["main", "release"]).part(["R"]),),
    "owners of code": (code_owners.batch(["main", "release"]).part(["R"]),),
    "environments": (environments.COUNTED.part(["R"]),),
    "scanners": (alert_lists.scanners(ALERT_COVERAGE).part(["R"]),),
    "security": (alert_lists.scanners(REPOSITORY_SECURITY).part(["R"]),),
    "repositories": (owned_part("O", 10, None, SELECTION),),
    "collaborators": (owned_part("O", 10, None, GRANTED),),
    "keys": (owned_part("O", 10, None, COUNTED),),
    "members": (members_part("O", 10, None),),
    "teams": (teams_part("O", 10, None),),
    **{f"rest of {one.on}.{one.name}": (one.part("X", 10, None),) for one in NESTED},
}  # fmt: skip


@pytest.mark.parametrize("name", PARTS)
def test_a_query_is_valid_against_githubs_schema(schema: GraphQLSchema, name: str) -> None:
    call = Graph("Query", PARTS[name], COMMITS)
    problems = validate(schema, parse(call.text()))
    assert not problems, [problem.message for problem in problems]


def test_the_measure_itself_finds_a_wrong_query(schema: GraphQLSchema) -> None:
    assert validate(schema, parse("query Q { viewer { nonsense } }"))


def test_no_query_asks_for_what_github_will_remove(schema: GraphQLSchema) -> None:
    from graphql import TypeInfo, TypeInfoVisitor, Visitor, visit

    found: set[str] = set()
    types = TypeInfo(schema)

    class Deprecated(Visitor):
        def enter_field(self, node: Any, *_: Any) -> None:
            definition, parent = types.get_field_def(), types.get_parent_type()
            if definition is not None and definition.deprecation_reason and parent is not None:
                found.add(f"{parent.name}.{node.name.value}")

    for parts in PARTS.values():
        visit(parse(Graph("Query", parts, COMMITS).text()), TypeInfoVisitor(types, Deprecated()))
    assert found == set()


@pytest.fixture(scope="module")
def running() -> Iterator[LocalGithub]:
    with local_github(
        lambda world, organisation: busy(world, organisation, pulls=3, step=timedelta(hours=5))
    ) as github:
        github.organisation.plan = "enterprise"
        yield github


def test_every_query_that_is_really_sent_is_valid(schema: GraphQLSchema, running: LocalGithub) -> None:
    sent: set[str] = set()
    session, audited = running.session(), running.session(plan="enterprise_cloud")
    for name in EXTRACTORS:
        sink = MemorySink()
        short = name.removeprefix("github.")
        if short in OF_ORGANISATION:
            request = running.organisation_request(short, START, START + timedelta(days=20))
        else:
            request = running.request(running.organisation.repositories[0], short, START, START + timedelta(days=20))
        EXTRACTORS[name](audited if short == "audit_events" else session, request, sink)
        sent |= {str(one.parameters["query"]) for one in sink.answers if one.method == "POST"}
    assert len(sent) >= 10
    for text in sent:
        assert not validate(schema, parse(text)), text


@lru_cache(maxsize=1)
def paths() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for file in ("api.github.com.json", "ghec.json"):
        description = json.loads(package("openapi", f"generated/{file}").read_bytes())
        for path, operations in description["paths"].items():
            if "get" in operations:
                parameters = [
                    description["components"]["parameters"][one["$ref"].rpartition("/")[2]] if "$ref" in one else one
                    for one in operations["get"].get("parameters", [])
                ]
                found[path] = {one["name"]: one for one in parameters if one["in"] == "query"}
    return found


def test_every_endpoint_is_documented() -> None:
    known = paths()
    missing = [template for template in _BY_TEMPLATE if template not in known]
    assert missing == []


def test_every_question_in_provenance_names_documented_endpoints_and_parameters() -> None:
    known = paths()
    texts = [
        *claims.QUERY_TEXTS.values(),
        rules.QUERY_TEXT,
        rule_changes.AUDIT_TEXT,
        rule_changes.HISTORY_TEXT,
        bypasses.QUERY_TEXT,
        alerts.SECRETS_TEXT,
        alerts.VULNERABILITIES_TEXT,
        alerts.ALERTS_TEXT,
        repository_security.SECURITY_TEXT,
        repository_security.COVERAGE_TEXT,
        environments.QUERY_TEXT,
        workflow_runs.QUERY_TEXT,
        accounts.QUERY_TEXT,
        audit_events.LOG_TEXT,
        audit_events.ARCHIVE_TEXT,
        organisation_settings.QUERY_TEXT,
    ]
    seen = 0
    for line in "\n".join(texts).splitlines():
        if not line.startswith("GET "):
            continue
        template, _, query = line.removeprefix("GET ").partition(" ")[0].partition("?")
        assert template in known, line
        for pair in filter(None, query.split("&")):
            assert pair.partition("=")[0] in known[template], line
        seen += 1
    assert seen >= 12


def test_every_path_that_is_really_asked_is_documented_with_its_parameters(running: LocalGithub) -> None:
    known = paths()
    session, audited = running.session(), running.session(plan="enterprise_cloud")
    asked: set[tuple[str, tuple[str, ...]]] = set()
    for name in EXTRACTORS:
        short = name.removeprefix("github.")
        sink = MemorySink()
        if short in OF_ORGANISATION:
            request = running.organisation_request(short, START, START + timedelta(days=20))
        else:
            request = running.request(running.organisation.repositories[0], short, START, START + timedelta(days=20))
        EXTRACTORS[name](audited if short == "audit_events" else session, request, sink)
        for one in sink.answers:
            if one.method == "GET" and one.parameters:
                path = one.url.partition("?")[0].removeprefix(running.server.url)
                asked.add((path, tuple(sorted(one.parameters))))
    assert asked
    for path, parameters in asked:
        fitting = [template for template in known if _fits(template, path)]
        assert fitting, path
        assert any(set(parameters) <= set(known[template]) for template in fitting), (path, parameters)


def _fits(template: str, path: str) -> bool:
    wanted, given = template.split("/"), path.split("/")
    return len(wanted) == len(given) and all(
        one.startswith("{") or one == other for one, other in zip(wanted, given, strict=True)
    )


def test_there_is_an_extractor_and_a_list_of_rights_for_each_dataset() -> None:
    assert (
        {*EXTRACTORS, *TICKETS}
        == set(RIGHTS)
        == {name for name, dataset in DATASETS.items() if dataset.system in {"github", "ticketing"}}
    )
