"""Every REST answer of the sandbox fits GitHub's own OpenAPI description, and no modelled parameter is made up.

The description comes from the npm package @octokit/openapi, looked for in `node_modules` at the root of the repository
or in the folder that NPM_MODULES names; `api.github.com.json` and `ghec.json` are read, the latter for the audit log.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from sandbox.github.model.security import ACTIONS
from sandbox.github.rest.routes import ROUTES, Route
from sandbox.github.times import Changing
from tests.fakes.github_sandbox import Asked, demo

ROOT = Path(__file__).parents[3]
MODULES = Path(os.environ.get("NPM_MODULES", ROOT / "node_modules"))
GENERATED = MODULES / "@octokit" / "openapi" / "generated"

pytestmark = pytest.mark.skipif(
    not (GENERATED / "ghec.json").is_file(),
    reason="GitHub's OpenAPI is not there: npm install --no-save --no-package-lock @octokit/openapi@23.0.2",
)

REPO = "/repos/tallybrook/ledger-core"
WEB = "/repos/tallybrook/ledger-web"
PAY = "/repos/tallybrook/payments-gateway"
ORG = "/orgs/tallybrook"


def plain(node: Any) -> Any:
    """OpenAPI 3.0 as JSON schema: `nullable` becomes a type or an alternative."""
    if isinstance(node, list):
        return [plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: plain(value) for key, value in node.items() if key not in {"nullable", "example", "examples"}}
    if node.get("nullable") is True:
        if isinstance(made.get("type"), str):
            made["type"] = [made["type"], "null"]
            if "enum" in made and None not in made["enum"]:
                made["enum"] = [*made["enum"], None]
        else:
            made = {"anyOf": [made, {"type": "null"}]}
    return made


class Description:
    """One OpenAPI document."""

    def __init__(self, file: str) -> None:
        document = orjson.loads((GENERATED / file).read_bytes())
        self.paths = document["paths"]
        self.components = document["components"]
        schemas = {"components": {"schemas": plain(document["components"]["schemas"])}}
        self.registry = Registry().with_resource("urn:github", Resource(schemas, DRAFT202012))

    def operation(self, template: str, method: str = "get") -> dict[str, Any] | None:
        return self.paths.get(template, {}).get(method)

    def errors(self, template: str, body: Any, *, method: str = "get", status: int = 200) -> list[str]:
        """What is wrong with an answer."""
        operation = self.operation(template, method)
        assert operation is not None, f"{method} {template} is not in the description"
        answer = operation["responses"][str(status)]
        if "$ref" in answer:
            answer = self.components["responses"][answer["$ref"].rpartition("/")[2]]
        schema = _absolute(plain(answer["content"]["application/json"]["schema"]))
        validator = Draft202012Validator(schema, registry=self.registry)
        return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(body)]

    def parameters(self, template: str) -> set[str]:
        operation = self.operation(template)
        assert operation is not None
        found: set[str] = set()
        for parameter in operation.get("parameters", []):
            if "$ref" in parameter:
                parameter = self.components["parameters"][parameter["$ref"].rpartition("/")[2]]
            if parameter["in"] == "query":
                found.add(parameter["name"])
        return found


def _absolute(node: Any) -> Any:
    """References as seen from outside of the document."""
    if isinstance(node, list):
        return [_absolute(item) for item in node]
    if isinstance(node, dict):
        return {
            key: f"urn:github{value}" if key == "$ref" and value.startswith("#") else _absolute(value)
            for key, value in node.items()
        }
    return node


@pytest.fixture(scope="module")
def description() -> Description:
    return Description("api.github.com.json")


@pytest.fixture(scope="module")
def github() -> Asked:
    return demo()


@pytest.fixture(scope="module")
def named(github: Asked) -> dict[str, str]:
    """Things that paths name."""
    repository = github.organisation.repositories[0]
    last = repository.pulls[-1]
    assert last.merge_commit is not None
    return {
        "pull": str(last.number),
        "merge": last.merge_commit.oid,
        "head": last.commits[-1].commit.oid,
        "before": last.merge_commit.parents[0],
        "deployment": str(repository.deployments[-1].id),
        "ruleset": str(repository.rulesets[0].id),
        "version": str(repository.rulesets[0].versions[1].id),
        "suite": str(repository.rule_suites[-1].id),
        "issue": str(next(iter(repository.issues))),
        "hook": str(github.organisation.hooks[0].id),
        "org_ruleset": str(github.organisation.rulesets[0].id),
        "org_version": str(github.organisation.rulesets[0].versions[0].id),
    }


CASES: list[tuple[str, str]] = [
    ("/user", "/user"),
    ("/users/{username}", "/users/obrandt"),
    ("/rate_limit", "/rate_limit"),
    ("/orgs/{org}", ORG),
    ("/orgs/{org}/repos", f"{ORG}/repos?per_page=100"),
    ("/orgs/{org}/members", f"{ORG}/members?per_page=100"),
    ("/orgs/{org}/members", f"{ORG}/members?filter=2fa_disabled&role=admin"),
    ("/orgs/{org}/outside_collaborators", f"{ORG}/outside_collaborators"),
    ("/orgs/{org}/memberships/{username}", f"{ORG}/memberships/obrandt"),
    ("/orgs/{org}/installations", f"{ORG}/installations"),
    ("/orgs/{org}/rulesets", f"{ORG}/rulesets"),
    ("/orgs/{org}/rulesets/rule-suites", f"{ORG}/rulesets/rule-suites?time_period=month"),
    ("/orgs/{org}/rulesets/{ruleset_id}", ORG + "/rulesets/{org_ruleset}"),
    ("/orgs/{org}/rulesets/{ruleset_id}/history", ORG + "/rulesets/{org_ruleset}/history"),
    ("/orgs/{org}/rulesets/{ruleset_id}/history/{version_id}", ORG + "/rulesets/{org_ruleset}/history/{org_version}"),
    ("/orgs/{org}/teams", f"{ORG}/teams"),
    ("/orgs/{org}/teams/{team_slug}/members", f"{ORG}/teams/web/members"),
    ("/orgs/{org}/invitations", f"{ORG}/invitations"),
    ("/orgs/{org}/hooks", f"{ORG}/hooks"),
    ("/orgs/{org}/hooks/{hook_id}/deliveries", ORG + "/hooks/{hook}/deliveries"),
    ("/orgs/{org}/dependabot/alerts", f"{ORG}/dependabot/alerts?sort=created&direction=asc&per_page=100"),
    ("/orgs/{org}/code-scanning/alerts", f"{ORG}/code-scanning/alerts?per_page=100"),
    ("/orgs/{org}/secret-scanning/alerts", f"{ORG}/secret-scanning/alerts?hide_secret=true"),
    ("/orgs/{org}/secret-scanning/alerts", f"{ORG}/secret-scanning/alerts?state=resolved"),
    ("/orgs/{org}/actions/permissions", f"{ORG}/actions/permissions"),
    ("/orgs/{org}/actions/permissions/workflow", f"{ORG}/actions/permissions/workflow"),
    ("/repos/{owner}/{repo}/actions/permissions", f"{REPO}/actions/permissions"),
    ("/repos/{owner}/{repo}/actions/permissions/workflow", f"{REPO}/actions/permissions/workflow"),
    ("/repos/{owner}/{repo}/actions/runs", f"{REPO}/actions/runs?per_page=5"),
    ("/repos/{owner}/{repo}/code-scanning/analyses", f"{REPO}/code-scanning/analyses?per_page=1"),
    (
        "/repos/{owner}/{repo}/environments/{environment_name}/deployment-branch-policies",
        "/repos/tallybrook/notifications/environments/production/deployment-branch-policies",
    ),
    ("/repos/{owner}/{repo}", REPO),
    ("/repos/{owner}/{repo}/activity", f"{REPO}/activity?ref=refs/heads/main&per_page=100"),
    ("/repos/{owner}/{repo}/activity", f"{WEB}/activity?activity_type=force_push&time_period=year"),
    ("/repos/{owner}/{repo}/branches", f"{REPO}/branches?per_page=100"),
    ("/repos/{owner}/{repo}/branches/{branch}", f"{REPO}/branches/main"),
    ("/repos/{owner}/{repo}/branches/{branch}", f"{WEB}/branches/main"),
    ("/repos/{owner}/{repo}/branches/{branch}/protection", f"{WEB}/branches/main/protection"),
    ("/repos/{owner}/{repo}/rules/branches/{branch}", f"{REPO}/rules/branches/main"),
    ("/repos/{owner}/{repo}/rulesets", f"{REPO}/rulesets?includes_parents=true"),
    ("/repos/{owner}/{repo}/rulesets/{ruleset_id}", REPO + "/rulesets/{ruleset}"),
    ("/repos/{owner}/{repo}/rulesets/{ruleset_id}/history", REPO + "/rulesets/{ruleset}/history"),
    (
        "/repos/{owner}/{repo}/rulesets/{ruleset_id}/history/{version_id}",
        REPO + "/rulesets/{ruleset}/history/{version}",
    ),
    ("/repos/{owner}/{repo}/rulesets/rule-suites", f"{REPO}/rulesets/rule-suites?time_period=month"),
    ("/repos/{owner}/{repo}/rulesets/rule-suites/{rule_suite_id}", REPO + "/rulesets/rule-suites/{suite}"),
    ("/repos/{owner}/{repo}/keys", f"{REPO}/keys"),
    ("/repos/{owner}/{repo}/collaborators", f"{REPO}/collaborators?affiliation=all&permission=push"),
    ("/repos/{owner}/{repo}/collaborators/{username}/permission", f"{REPO}/collaborators/obrandt/permission"),
    ("/repos/{owner}/{repo}/teams", f"{REPO}/teams"),
    ("/repos/{owner}/{repo}/topics", f"{REPO}/topics"),
    ("/repos/{owner}/{repo}/environments", f"{REPO}/environments"),
    ("/repos/{owner}/{repo}/commits", f"{REPO}/commits?per_page=100"),
    ("/repos/{owner}/{repo}/commits/{ref}", REPO + "/commits/{merge}"),
    ("/repos/{owner}/{repo}/commits/{commit_sha}/pulls", REPO + "/commits/{merge}/pulls"),
    ("/repos/{owner}/{repo}/commits/{ref}/check-runs", REPO + "/commits/{merge}/check-runs?filter=all"),
    ("/repos/{owner}/{repo}/commits/{ref}/check-suites", REPO + "/commits/{head}/check-suites"),
    ("/repos/{owner}/{repo}/commits/{ref}/status", REPO + "/commits/{head}/status"),
    ("/repos/{owner}/{repo}/commits/{ref}/statuses", REPO + "/commits/{head}/statuses"),
    ("/repos/{owner}/{repo}/compare/{basehead}", REPO + "/compare/{before}...{merge}"),
    ("/repos/{owner}/{repo}/pulls", f"{REPO}/pulls?state=all&sort=updated&direction=desc&per_page=100"),
    ("/repos/{owner}/{repo}/pulls/{pull_number}", REPO + "/pulls/{pull}"),
    ("/repos/{owner}/{repo}/pulls/{pull_number}/reviews", REPO + "/pulls/{pull}/reviews"),
    ("/repos/{owner}/{repo}/pulls/{pull_number}/commits", REPO + "/pulls/{pull}/commits"),
    ("/repos/{owner}/{repo}/deployments", f"{PAY}/deployments?environment=production&per_page=100"),
    ("/repos/{owner}/{repo}/deployments/{deployment_id}", REPO + "/deployments/{deployment}"),
    ("/repos/{owner}/{repo}/deployments/{deployment_id}/statuses", REPO + "/deployments/{deployment}/statuses"),
    ("/repos/{owner}/{repo}/issues", f"{REPO}/issues?state=all&per_page=100"),
    ("/repos/{owner}/{repo}/issues/{issue_number}", REPO + "/issues/{issue}"),
]
# Empty lists prove nothing about the shape of their items, so every list that is not here has to have some.
MAY_BE_EMPTY = {
    f"{ORG}/members?filter=2fa_disabled&role=admin",
    f"{ORG}/outside_collaborators",
    ORG + "/hooks/{hook}/deliveries",
    REPO + "/commits/{head}/statuses",
}


@pytest.mark.parametrize(("template", "path"), CASES, ids=[path for _, path in CASES])
def test_answers_fit(description: Description, github: Asked, named: dict[str, str], template: str, path: str) -> None:
    heard = github.get(path.format(**named))
    assert heard.status == 200, heard.content
    assert description.errors(template, heard.json) == []
    if isinstance(heard.json, list) and path not in MAY_BE_EMPTY:
        assert heard.json, "an empty list shows no item"


def test_the_audit_log_fits_the_enterprise_description(github: Asked) -> None:
    heard = github.get(f"{ORG}/audit-log?include=all&per_page=100")
    assert heard.status == 200
    assert {entry["action"] for entry in heard.json} > {"git.push", "repository_ruleset.update", "org.add_member"}
    assert Description("ghec.json").errors("/orgs/{org}/audit-log", heard.json) == []


def test_webhook_deliveries_fit(description: Description) -> None:
    github = demo("2026-08-04T12:00:00Z")
    hook = f"{ORG}/hooks/{github.organisation.hooks[0].id}/deliveries"
    heard = github.get(hook)
    assert heard.json
    assert description.errors("/orgs/{org}/hooks/{hook_id}/deliveries", heard.json) == []
    one = github.get(f"{hook}/{heard.json[0]['id']}").json
    assert description.errors("/orgs/{org}/hooks/{hook_id}/deliveries/{delivery_id}", one) == []


def test_actions_repositories_fit(description: Description) -> None:
    github = demo()
    github.organisation.actions = Changing({**ACTIONS, "enabled_repositories": "selected"})
    github.organisation.repositories[0].actions.change(0, {"enabled": True})
    heard = github.get(f"{ORG}/actions/permissions/repositories")
    assert heard.json["total_count"] == 1
    assert description.errors("/orgs/{org}/actions/permissions/repositories", heard.json) == []


def test_a_wrong_answer_is_found_out(description: Description, github: Asked) -> None:
    body = github.get(REPO).json
    del body["node_id"]
    body["archived"] = "no"
    found = description.errors("/repos/{owner}/{repo}", body)
    assert len(found) == 2


def test_every_route_is_tried_here(description: Description) -> None:
    tried = {template for template, _ in CASES}
    elsewhere = {
        "/orgs/{org}/audit-log", "/orgs/{org}/personal-access-tokens", "/orgs/{org}/actions/permissions/repositories",
        "/orgs/{org}/hooks/{hook_id}/deliveries/{delivery_id}",
        "/orgs/{org}/hooks/{hook_id}/deliveries/{delivery_id}/attempts",
    }  # fmt: skip
    assert {route.template for route in ROUTES} - tried - elsewhere == set()


@pytest.mark.parametrize(
    "route",
    [one for one in ROUTES if "audit-log" not in one.template and one.method == "GET"],
    ids=lambda one: one.template,
)
def test_no_parameter_is_made_up(description: Description, route: Route) -> None:
    assert route.parameters - description.parameters(route.template) == set()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/repos/tallybrook/nothing", 404),
        (f"{REPO}/branches/main/protection", 404),
        (f"{ORG}/members?filter=everyone", 422),
    ],
)
def test_errors_have_githubs_shape(description: Description, github: Asked, path: str, status: int) -> None:
    heard = github.get(path)
    assert heard.status == status
    schema = {"$ref": "urn:github#/components/schemas/basic-error"}
    validator = Draft202012Validator(schema, registry=description.registry)
    assert [error.message for error in validator.iter_errors({**heard.json, "errors": None})] == []
    assert heard.json["documentation_url"].startswith("https://docs.github.com/")
