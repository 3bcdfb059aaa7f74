"""What GitHub's GraphQL refuses, what it costs, and how connections page."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.github_sandbox import Asked, demo

REPOSITORY = 'repository(owner: "tallybrook", name: "ledger-core")'
COST = "rateLimit { cost nodeCount limit used remaining resetAt }"


@pytest.fixture(scope="module")
def github() -> Asked:
    return demo("2026-09-15T12:00:00Z")


@pytest.fixture
def fresh() -> Asked:
    return demo("2026-09-15T12:00:00Z")


def kinds(answer: dict[str, Any]) -> list[str]:
    return [one.get("type", "") for one in answer["errors"]]


class TestCost:
    """docs.github.com/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api"""

    @pytest.mark.parametrize(
        ("selection", "cost", "nodes"),
        [
            ("viewer { login }", 1, 0),
            (f"{REPOSITORY} {{ pullRequests(first: 100) {{ totalCount }} }}", 1, 100),
            (
                f"{REPOSITORY} {{ pullRequests(first: 100) {{ nodes {{ reviews(first: 10) {{ totalCount }} }} }} }}",
                1,
                1100,
            ),
            (
                REPOSITORY
                + " { pullRequests(first: 50) { nodes { reviews(last: 20) { nodes { id } }"
                + " commits(last: 1) { nodes { commit { checkSuites(first: 10) { totalCount } } } } } } }",
                2,
                50 + 1000 + 50 + 500,
            ),
        ],
    )
    def test_of_connections(self, github: Asked, selection: str, cost: int, nodes: int) -> None:
        spent = github.graphql(f"query {{ {COST} {selection} }}")["data"]["rateLimit"]
        assert (spent["cost"], spent["nodeCount"]) == (cost, nodes)

    def test_the_documented_example(self, github: Asked) -> None:
        """Fifty repositories, twenty pull requests, ten comments or labels of each: 5,101 requests make 51 points."""
        query = (
            f'query {{ {COST} organization(login: "tallybrook") {{ repositories(first: 100) {{ nodes {{'
            " pullRequests(first: 50) { nodes { labels(first: 60) { totalCount } } } } } } }"
        )
        spent = github.graphql(query)["data"]["rateLimit"]
        assert spent["cost"] == 51
        assert spent["nodeCount"] == 100 + 100 * 50 + 100 * 50 * 60

    def test_nodes_by_id_multiply(self, github: Asked) -> None:
        ids = [pull.node_id for pull in github.organisation.repositories[0].pulls[:25]]
        selection = "nodes(ids: $ids) { ... on PullRequest { reviews(first: 20) { totalCount } } }"
        query = f"query($ids: [ID!]!) {{ {COST} {selection} }}"
        assert github.graphql(query, ids=ids)["data"]["rateLimit"]["nodeCount"] == 25 + 25 * 20

    def test_is_spent_and_runs_out(self, fresh: Asked) -> None:
        fresh.application.limits.allow({"graphql": 2})
        first = fresh.graphql(f"query {{ {COST} }}")["data"]["rateLimit"]
        assert (first["limit"], first["used"], first["remaining"]) == (2, 1, 1)
        fresh.graphql(f"query {{ {COST} }}")
        heard = fresh.post("/graphql", {"query": f"query {{ {COST} }}"})
        assert heard.status == 200
        assert kinds(heard.json) == ["RATE_LIMITED"]
        assert "data" not in heard.json
        assert heard.headers["X-RateLimit-Remaining"] == "0"
        fresh.clock.set(fresh.clock.now().replace(hour=13))
        assert fresh.graphql(f"query {{ {COST} }}")["data"]["rateLimit"]["used"] == 1


class TestLimits:
    def test_a_connection_needs_a_size(self, github: Asked) -> None:
        answer = github.graphql(f"query {{ {REPOSITORY} {{ pullRequests {{ totalCount }} }} }}")
        assert kinds(answer) == ["MISSING_PAGINATION_BOUNDARIES"]
        assert answer["data"] is None

    @pytest.mark.parametrize("size", ["first: 101", "last: 200"])
    def test_a_page_has_at_most_a_hundred(self, github: Asked, size: str) -> None:
        answer = github.graphql(f"query {{ {REPOSITORY} {{ pullRequests({size}) {{ totalCount }} }} }}")
        assert kinds(answer) == ["EXCESSIVE_PAGINATION"]

    def test_a_call_has_at_most_half_a_million_nodes(self, github: Asked) -> None:
        inner = "commits(first: 100) { nodes { commit { checkSuites(first: 100) { totalCount } } } }"
        answer = github.graphql(f"query {{ {REPOSITORY} {{ pullRequests(first: 100) {{ nodes {{ {inner} }} }} }} }}")
        assert kinds(answer) == ["MAX_NODE_LIMIT_EXCEEDED"]
        assert "1,010,100" in answer["errors"][0]["message"]

    def test_at_most_a_hundred_ids(self, github: Asked) -> None:
        answer = github.graphql("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=["X"] * 101)
        assert kinds(answer) == ["ARGUMENT_LIMIT"]


class TestStrictness:
    @pytest.mark.parametrize(
        ("selection", "said"),
        [
            (f"{REPOSITORY} {{ stargazerCount }}", "Cannot query field 'stargazerCount' on type 'Repository'"),
            (f"{REPOSITORY} {{ issues(first: 1, filterBy: {{}}) {{ totalCount }} }}", "Unknown argument 'filterBy'"),
            ('search(query: "x", type: ISSUE, first: 1) { issueCount }', "Cannot query field 'search'"),
            (f"{REPOSITORY} {{ ... on Tree {{ oid }} }}", "Unknown type 'Tree'"),
        ],
    )
    def test_what_is_not_modelled_is_an_error(self, github: Asked, selection: str, said: str) -> None:
        heard = github.post("/graphql", {"query": f"query {{ {selection} }}"})
        assert heard.status == 200
        assert said in heard.json["errors"][0]["message"]
        assert "docs/sandbox.md" in heard.json["errors"][0]["message"]
        assert "data" not in heard.json

    def test_mutations_are_none(self, github: Asked) -> None:
        answer = github.graphql("mutation { x }")
        assert "errors" in answer
        assert "data" not in answer

    def test_introspection_is_none(self, github: Asked) -> None:
        answer = github.graphql("query { __schema { types { name } } }")
        assert "data" not in answer or answer["data"] is None

    @pytest.mark.parametrize(
        "body", [{"variables": {}}, {"query": 7}, [], {"query": "query { viewer { login } }", "variables": []}]
    )
    def test_bodies_that_are_none(self, github: Asked, body: Any) -> None:
        assert github.post("/graphql", body).status == 400

    def test_wrong_variables(self, github: Asked) -> None:
        answer = github.graphql(
            "query($n: Int!) { " + REPOSITORY + " { pullRequests(first: $n) { totalCount } } }", n="x"
        )
        assert "Variable '$n' has invalid value" in answer["errors"][0]["message"]


class TestPartialAnswers:
    def test_not_found_beside_data(self, github: Asked) -> None:
        answer = github.graphql(f'query {{ {REPOSITORY} {{ name }} gone: repository(owner: "a", name: "b") {{ id }} }}')
        assert answer["data"] == {"repository": {"name": "ledger-core"}, "gone": None}
        (error,) = answer["errors"]
        assert (error["type"], error["path"]) == ("NOT_FOUND", ["gone"])
        assert error["message"] == "Could not resolve to a Repository with the name 'a/b'."

    def test_nodes_that_are_not_there(self, github: Asked) -> None:
        known = github.organisation.repositories[0].node_id
        answer = github.graphql("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=["R_none", known])
        assert answer["data"] == {"nodes": [None, {"id": known}]}
        assert [(one["type"], one["path"]) for one in answer["errors"]] == [("NOT_FOUND", ["nodes", 0])]

    def test_a_private_repository_is_not_there_for_strangers(self, github: Asked) -> None:
        repository = github.organisation.repositories[0]
        answer = github.graphql(f"query {{ {REPOSITORY} {{ name }} }}", who="outsider")
        assert kinds(answer) == ["NOT_FOUND"]
        ids = [repository.node_id, repository.pulls[0].node_id, repository.pulls[0].commits[0].commit.node_id]
        answer = github.graphql("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", who="outsider", ids=ids)
        assert answer["data"] == {"nodes": [None, None, None]}

    def test_members_do_not_see_second_factors_and_collaborators(self, github: Asked) -> None:
        query = (
            'query { organization(login: "tallybrook") { requiresTwoFactorAuthentication membersWithRole(first: 3) {'
            " edges { hasTwoFactorEnabled role } } } "
            f"{REPOSITORY} {{ collaborators(first: 1) {{ totalCount }} }} }}"
        )
        seen = github.graphql(query)["data"]
        assert seen["organization"]["requiresTwoFactorAuthentication"] is True
        assert {edge["hasTwoFactorEnabled"] for edge in seen["organization"]["membersWithRole"]["edges"]} == {True}
        answer = github.graphql(query, who="member")
        assert answer["data"]["organization"]["requiresTwoFactorAuthentication"] is None
        edges = answer["data"]["organization"]["membersWithRole"]["edges"]
        assert {edge["hasTwoFactorEnabled"] for edge in edges} == {None}
        assert answer["data"]["repository"]["collaborators"] is None
        assert kinds(answer) == ["FORBIDDEN"]

    @pytest.mark.parametrize("who", [None, "nonsense"])
    def test_without_credentials(self, github: Asked, who: str | None) -> None:
        assert github.post("/graphql", {"query": "query { viewer { login } }"}, who=who).status == 401


CONNECTIONS = {
    "pullRequests": "pullRequests(first: $n, after: $c) { PAGE nodes { id } }",
    "by update": "pullRequests(first: $n, after: $c, orderBy: {field: UPDATED_AT, direction: DESC}) {PAGE nodes {id}}",
    "deployments": "deployments(first: $n, after: $c, orderBy: {field: CREATED_AT, direction: DESC}) {PAGE nodes {id}}",
    "labels": "labels(first: $n, after: $c) { PAGE nodes { id } }",
    "issues": "issues(first: $n, after: $c, states: [CLOSED]) { PAGE nodes { id } }",
    "rulesets": "rulesets(first: $n, after: $c) { PAGE nodes { id } }",
    "refs": 'refs(refPrefix: "refs/heads/", first: $n, after: $c) { PAGE nodes { id } }',
    "collaborators": "collaborators(first: $n, after: $c) { PAGE nodes { id } }",
    "deployKeys": "deployKeys(first: $n, after: $c) { PAGE nodes { id } }",
    "repositoryTopics": "repositoryTopics(first: $n, after: $c) { PAGE nodes { id } }",
    "environments": "environments(first: $n, after: $c) { PAGE nodes { id } }",
}


def walk(github: Asked, selection: str, size: int) -> tuple[list[str], int]:
    """Ids page by page, and the total that every page agrees on."""
    page = "totalCount pageInfo { hasNextPage endCursor }"
    query = f"query($n: Int!, $c: String) {{ {REPOSITORY} {{ it: {selection.replace('PAGE', page)} }} }}"
    ids: list[str] = []
    cursor: str | None = None
    totals: set[int] = set()
    while True:
        connection = github.graphql(query, n=size, c=cursor)["data"]["repository"]["it"]
        ids += [node["id"] for node in connection["nodes"]]
        totals.add(connection["totalCount"])
        assert len(connection["nodes"]) <= size
        if not connection["pageInfo"]["hasNextPage"]:
            break
        cursor = connection["pageInfo"]["endCursor"]
    (total,) = totals
    return ids, total


class TestPaging:
    @pytest.mark.parametrize("name", CONNECTIONS)
    def test_every_item_once_whatever_the_page_size(self, github: Asked, name: str) -> None:
        everything, total = walk(github, CONNECTIONS[name], 100)
        assert len(everything) == len(set(everything)) == total > 0
        for size in (1, 7) if total < 40 else (7, 20):
            assert walk(github, CONNECTIONS[name], size)[0] == everything

    def test_backwards(self, github: Asked) -> None:
        forwards, _ = walk(github, CONNECTIONS["pullRequests"], 100)
        query = (
            f"query($c: String) {{ {REPOSITORY} {{ pullRequests(last: 30, before: $c) {{"
            " pageInfo { hasPreviousPage startCursor } nodes { id } } } }"
        )
        backwards: list[str] = []
        cursor: str | None = None
        while True:
            connection = github.graphql(query, c=cursor)["data"]["repository"]["pullRequests"]
            backwards = [node["id"] for node in connection["nodes"]] + backwards
            if not connection["pageInfo"]["hasPreviousPage"]:
                break
            cursor = connection["pageInfo"]["startCursor"]
        assert backwards == forwards

    def test_nested_connections_page_by_node_id(self, github: Asked) -> None:
        pull = max(github.organisation.repositories[0].pulls, key=lambda one: len(one.commits))
        query = (
            "query($id: ID!, $c: String) { node(id: $id) { ... on PullRequest {"
            " commits(first: 1, after: $c) { totalCount pageInfo { hasNextPage endCursor }"
            " nodes { commit { oid } } } } } }"
        )
        seen: list[str] = []
        cursor: str | None = None
        while True:
            connection = github.graphql(query, id=pull.node_id, c=cursor)["data"]["node"]["commits"]
            seen += [node["commit"]["oid"] for node in connection["nodes"]]
            cursor = connection["pageInfo"]["endCursor"]
            if not connection["pageInfo"]["hasNextPage"]:
                break
        assert len(seen) == connection["totalCount"] > 1

    def test_a_rollup_pages_by_its_own_id(self, github: Asked) -> None:
        pull = github.organisation.repositories[0].pulls[5]
        query = (
            "query($id: ID!) { node(id: $id) { ... on Commit { statusCheckRollup { id"
            " contexts(first: 1) { totalCount pageInfo { endCursor } } } } } }"
        )
        rollup = github.graphql(query, id=pull.commits[-1].commit.node_id)["data"]["node"]["statusCheckRollup"]
        rest = (
            "query($id: ID!, $c: String) { node(id: $id) { ... on StatusCheckRollup {"
            " contexts(first: 9, after: $c) { nodes { __typename } } } } }"
        )
        found = github.graphql(rest, id=rollup["id"], c=rollup["contexts"]["pageInfo"]["endCursor"])
        assert len(found["data"]["node"]["contexts"]["nodes"]) == rollup["contexts"]["totalCount"] - 1

    @pytest.mark.parametrize("cursor", ["nonsense", "Y3Vyc29yOnYyOlsx", ""])
    def test_a_cursor_that_is_none(self, github: Asked, cursor: str) -> None:
        query = f"query($c: String) {{ {REPOSITORY} {{ labels(first: 1, after: $c) {{ nodes {{ name }} }} }} }}"
        answer = github.graphql(query, c=cursor)
        if cursor:
            assert kinds(answer) == ["INVALID_CURSOR_ARGUMENTS"]
        else:
            assert "errors" not in answer

    def test_history_cursors_name_the_commit_they_start_from(self, github: Asked) -> None:
        query = (
            f"query($c: String) {{ {REPOSITORY} {{ defaultBranchRef {{ target {{ ... on Commit {{ oid"
            " history(first: 2, after: $c) { pageInfo { endCursor } nodes { oid } } } } } } }"
        )
        first = github.graphql(query, c=None)["data"]["repository"]["defaultBranchRef"]["target"]
        cursor = first["history"]["pageInfo"]["endCursor"]
        assert cursor == f"{first['oid']} 1"
        second = github.graphql(query, c=cursor)["data"]["repository"]["defaultBranchRef"]["target"]["history"]["nodes"]
        assert {one["oid"] for one in second}.isdisjoint({one["oid"] for one in first["history"]["nodes"]})
