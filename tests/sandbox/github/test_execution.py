"""Our compiled walk over selections and graphql-core's own executor give the same answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLError, GraphQLObjectType, GraphQLSchema, build_schema, execute_sync, parse, validate
from graphql.execution import ExecutionResult

from sandbox.github.access import Request, Viewer
from sandbox.github.errors import Refused
from sandbox.github.queries.endpoint import SCHEMA_FILE, Call
from sandbox.github.queries.root import RESOLVERS, resolvers_for
from sandbox.github.times import parse as instant
from tests.fakes.github_sandbox import Asked, demo

NOW = "2026-08-20T12:00:00Z"

PAGE = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount"
PULL = """
  fragment Who on Actor { __typename login url ... on User { id databaseId name } ... on Bot { id databaseId } }
  fragment Pull on PullRequest {
    id databaseId fullDatabaseId number title body state isDraft merged closed url createdAt updatedAt closedAt mergedAt
    author { ...Who } authorAssociation mergedBy { ...Who } mergeCommit { oid messageHeadline }
    baseRef { name } baseRefName baseRefOid headRef { name } headRefName headRefOid reviewDecision isInMergeQueue
    labels(first: 5) { nodes { name color } pageInfo { hasNextPage } }
    commits(first: 10) { totalCount nodes {
      commit { oid authors(first: 3) { nodes { name email date user { login } } } } } }
    reviews(first: 10) { totalCount edges { cursor node {
      state submittedAt authorAssociation author { ...Who } commit { oid } } } }
    latest: latestOpinionatedReviews(first: 5) { nodes { state } }
    timelineItems(first: 30) { totalCount filteredCount pageCount nodes { __typename
      ... on ReviewDismissedEvent { createdAt previousReviewState review { id } }
      ... on HeadRefForcePushedEvent { beforeCommit { oid } afterCommit { oid } }
      ... on MergedEvent { actor { login } mergeRefName mergedCommit: commit { oid } }
      ... on PullRequestReview { state } ... on PullRequestCommit { commit { oid } } } }
    closingIssuesReferences(first: 3) { nodes { number title state } }
    statusCheckRollup { state contexts(first: 20) { totalCount checkRunCount nodes { __typename
      ... on CheckRun { name status conclusion startedAt completedAt checkSuite { app { slug } conclusion } }
      ... on StatusContext { context state } } } }
    autoMergeRequest { enabledAt enabledBy { login } mergeMethod }
  }
"""

QUERIES = {
    "pull requests": PULL
    + """query($n: Int!, $c: String) { repository(owner: "tallybrook", name: "ledger-core") {
        pullRequests(first: $n, after: $c, orderBy: {field: UPDATED_AT, direction: DESC}, states: [MERGED, OPEN]) {
          totalCount pageInfo { hasNextPage endCursor } nodes { ...Pull } } } }""",
    "history": """query { repository(owner: "tallybrook", name: "payments-gateway") { defaultBranchRef { target {
        ... on Commit { history(first: 40, since: "2026-06-01T00:00:00Z", until: "2026-08-01T00:00:00Z") { totalCount
          nodes { oid message committedDate authoredDate parents(first: 3) { nodes { oid } } signature { isValid state }
            associatedPullRequests(first: 3) { totalCount nodes { number baseRefName mergedAt mergeCommit { oid } } }
            deployments(last: 2) { nodes {
              environment state latestStatus { state } statuses(first: 9) { nodes { state } } } }
            checkSuites(first: 4) { nodes { app { slug } status conclusion checkRuns(first: 9) { nodes { name } } } }
          } } } } } } }""",
    "settings": """query { organization(login: "tallybrook") { id login requiresTwoFactorAuthentication
        membersWithRole(first: 50) { totalCount edges { role hasTwoFactorEnabled node { login } } }
        teams(first: 9) { nodes { slug members(first: 20) { edges { role node { login } } }
          repositories(first: 9) { edges { permission node { name } } } } }
        rulesets(first: 5) { nodes { name enforcement target
          conditions { refName { include exclude } repositoryName { include } } } }
        repositories(first: 9, orderBy: {field: NAME, direction: ASC}) { nodes {
          name nameWithOwner isArchived createdAt pushedAt
          repositoryTopics(first: 9) { nodes { topic { name } } }
          rulesets(first: 9, includeParents: true) { nodes {
            id databaseId name enforcement source { __typename ... on Repository { name } }
            bypassActors(first: 9) { nodes {
              bypassMode actor { __typename ... on Team { slug } } organizationAdmin repositoryRoleName } }
            rules(first: 20) { nodes { type parameters { __typename
              ... on PullRequestParameters { requiredApprovingReviewCount dismissStaleReviewsOnPush }
              ... on RequiredStatusChecksParameters { requiredStatusChecks { context integrationId } } } } } } }
          branchProtectionRules(first: 9) { nodes {
            pattern isAdminEnforced requiredStatusCheckContexts matchingRefs(first: 3) { nodes { name } } } }
          environments(first: 9) { nodes { name protectionRules(first: 5) { nodes { type timeout } } } }
          deployKeys(first: 9) { nodes { title readOnly } }
          collaborators(first: 50) { edges { permission node { login } } }
        } } } }""",
    "directives and aliases": """query($yes: Boolean = true, $no: Boolean = false) {
        a: repository(owner: "tallybrook", name: "toolbox") { x: name name @skip(if: $yes) id @include(if: $no)
          ... on Repository @include(if: $yes) { description } ... @skip(if: $yes) { url } }
        b: repository(owner: "tallybrook", name: "ledger-web") { name }
        rateLimit { limit } }""",
    "merged selections": """query { repository(owner: "tallybrook", name: "ledger-core") { defaultBranchRef { name }
        defaultBranchRef { target { oid } } ... on Repository { defaultBranchRef { prefix } } } }""",
    "things that are not there": """query($ids: [ID!]!) {
        none: repository(owner: "tallybrook", name: "nothing") { id name }
        repository(owner: "tallybrook", name: "ledger-core") {
          name pullRequest(number: 9999) { id } gone: ref(qualifiedName: "x") { id } }
        nodes(ids: $ids) { id __typename ... on Repository { name } }
        node(id: "X") { id } user(login: "nobody") { id } }""",
    "paging": f"""query($c: String) {{ repository(owner: "tallybrook", name: "ledger-core") {{
        forward: refs(refPrefix: "refs/heads/", first: 2) {{ {PAGE} nodes {{ name }} }}
        last: deployments(last: 3) {{ {PAGE} nodes {{ id }} }}
        before: pullRequests(last: 2, before: $c) {{ {PAGE} edges {{ cursor node {{ number }} }} }}
        labels(first: 1) {{ {PAGE} }} }} }}""",
}


@pytest.fixture(scope="module")
def github() -> Asked:
    return demo(NOW)


@pytest.fixture(scope="module")
def reference() -> GraphQLSchema:
    """The schema with our resolvers attached, for graphql-core to execute."""
    schema = build_schema(SCHEMA_FILE.read_text(encoding="utf-8"))
    for name, fields in resolvers_for(schema).items():
        type_ = schema.type_map[name]
        assert isinstance(type_, GraphQLObjectType)
        for field, resolver in fields.items():
            type_.fields[field].resolve = _as_graphql_core_calls_it(resolver)
    for type_ in schema.type_map.values():
        if hasattr(type_, "resolve_type"):
            type_.resolve_type = lambda value, _info, _type: value.typename  # type: ignore[attr-defined]
    return schema


def _as_graphql_core_calls_it(resolver: Any) -> Any:
    def resolve(source: Any, info: Any, **args: Any) -> Any:
        try:
            value = resolver(source, args, info.context)
        except Refused as refusal:
            raise GraphQLError(str(refusal), extensions={"type": refusal.kind}) from refusal
        if isinstance(value, list):
            return [
                GraphQLError(str(one), extensions={"type": one.kind}) if isinstance(one, Refused) else one
                for one in value
            ]
        return value

    return resolve


def _request(github: Asked) -> Request:
    owner = next(one.account for one in github.organisation.members if one.account.login == "tlindqvist")
    spending = {"cost": 1, "limit": 5000, "nodeCount": 1, "remaining": 4999, "used": 1, "resetAt": NOW}
    return Request(github.world, instant(NOW), Viewer(account=owner), "http://127.0.0.1:1", spending=spending)


def _expected(schema: GraphQLSchema, query: str, variables: dict[str, Any], request: Request) -> ExecutionResult:
    document = parse(query)
    assert validate(schema, document) == []
    return execute_sync(schema, document, context_value=request, variable_values=variables)


def _errors(answer: dict[str, Any]) -> list[tuple[str, list[Any]]]:
    return sorted((one["type"], one["path"]) for one in answer.get("errors", []))


@pytest.mark.parametrize("name", QUERIES)
def test_equal_answers(github: Asked, reference: GraphQLSchema, name: str) -> None:
    repository = github.organisation.repositories[0]
    variables: dict[str, Any] = {}
    if "$n" in QUERIES[name]:
        variables = {"n": 60, "c": None}
    elif "$ids" in QUERIES[name]:
        variables = {"ids": [repository.node_id, "R_missing", repository.pulls[0].node_id]}
    elif "$c" in QUERIES[name]:
        first = github.graphql(
            'query { repository(owner: "tallybrook", name: "ledger-core") {'
            " pullRequests(first: 9) { pageInfo { endCursor } } } }"
        )
        variables = {"c": first["data"]["repository"]["pullRequests"]["pageInfo"]["endCursor"]}
    expected = _expected(reference, QUERIES[name], variables, _request(github))
    answer = github.application.graphql.answer(Call(QUERIES[name], None, variables), _request(github))
    if "rateLimit" in answer["data"]:
        answer["data"]["rateLimit"] = {"limit": 5000}
    assert answer["data"] == expected.data
    wanted = sorted(((one.extensions or {})["type"], one.path) for one in expected.errors or [])
    assert _errors(answer) == wanted
    assert bool(wanted) is (name == "things that are not there")


def test_a_field_that_must_not_be_null_takes_its_parent_along(github: Asked) -> None:
    """Null travels up to the nearest field that may be null, as the GraphQL specification says."""
    service = github.application.graphql
    original = service.resolvers["Commit"]["message"]
    service.resolvers["Commit"]["message"] = lambda _source, _args, _request: None
    try:
        query = (
            'query Broken { repository(owner: "tallybrook", name: "toolbox") { name defaultBranchRef { name target {'
            " oid ... on Commit { message } } } } }"
        )
        answer = service.answer(Call(query, None, {}), _request(github))
    finally:
        service.resolvers["Commit"]["message"] = original
    assert answer["data"] == {"repository": {"name": "toolbox", "defaultBranchRef": {"name": "main", "target": None}}}
    (error,) = answer["errors"]
    assert error["path"] == ["repository", "defaultBranchRef", "target", "message"]


def test_every_field_has_a_resolver_and_every_resolver_a_field() -> None:
    text = SCHEMA_FILE.read_text(encoding="utf-8")
    resolvers_for(build_schema(text))
    with pytest.raises(TypeError, match=r"Repository\.secret has no resolver"):
        resolvers_for(
            build_schema(
                text.replace("type Repository ", "type Repository ", 1).replace(
                    "  nameWithOwner: String!", "  nameWithOwner: String!\n  secret: String", 1
                )
            )
        )
    with pytest.raises(TypeError, match=r"Repository\.nameWithOwner is not in the schema"):
        resolvers_for(build_schema(text.replace("  nameWithOwner: String!\n", "", 1)))


def test_leaves_are_json_already(github: Asked) -> None:
    """The compiled walk does not serialise leaves, so every resolver has to give JSON values."""

    def leaves(value: Any) -> Iterator[Any]:
        if isinstance(value, dict):
            for inner in value.values():
                yield from leaves(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from leaves(inner)
        else:
            yield value

    for name in ("pull requests", "history", "settings"):
        variables = {"n": 100} if name == "pull requests" else {}
        answer = github.application.graphql.answer(Call(QUERIES[name], None, variables), _request(github))
        assert {type(leaf) for leaf in leaves(answer["data"])} <= {str, int, bool, type(None)}
    assert RESOLVERS
