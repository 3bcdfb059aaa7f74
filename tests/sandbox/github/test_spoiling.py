"""Each kind of fault looks at the client as it does at GitHub, and hits what its rule names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from sandbox.github.credentials import Credentials
from sandbox.github.server import GitHubServer
from tests.fakes.github_sandbox import Asked, demo

CORE = "/repos/tallybrook/ledger-core"
PULLS = f"{CORE}/pulls?state=all&per_page=20"
QUERY = """query Walk($c: String) { rateLimit { cost } repository(owner: "tallybrook", name: "ledger-core") {
    pullRequests(first: 20, after: $c, orderBy: {field: UPDATED_AT, direction: DESC}) {
      totalCount pageInfo { hasNextPage endCursor } nodes {
        number reviews(first: 5) { totalCount nodes { state } } } } } }"""


@pytest.fixture
def github() -> Asked:
    return demo("2026-09-15T12:00:00Z")


def spoil(github: Asked, **rule: Any) -> None:
    github.plan.replace([{"source": "github", **rule}])


def connection(github: Asked, cursor: str | None = None) -> dict[str, Any]:
    return github.graphql(QUERY, c=cursor)["data"]["repository"]["pullRequests"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("rule", "status", "said", "headers"),
        [
            ({"kind": "unauthorized"}, 401, "Bad credentials", {}),
            ({"kind": "forbidden"}, 403, "Resource not accessible by personal access token", {}),
            ({"kind": "not_found"}, 404, "Not Found", {}),
            ({"kind": "rate_limited"}, 403, "API rate limit exceeded", {"X-RateLimit-Remaining": "0"}),
            ({"kind": "rate_limited", "status": 429, "retry_after": 30}, 429, "API rate limit", {"Retry-After": "30"}),
            ({"kind": "secondary_limit"}, 403, "exceeded a secondary rate limit", {}),
            (
                {"kind": "secondary_limit", "status": 429, "retry_after": 2},
                429,
                "secondary rate limit",
                {"Retry-After": "2"},
            ),
            ({"kind": "server_error"}, 502, "Server Error", {}),
            ({"kind": "server_error", "status": 503, "retry_after": 1}, 503, "Server Error", {"Retry-After": "1"}),
            ({"kind": "server_error", "status": 504}, 504, "Server Error", {}),
            ({"kind": "error", "status": 451, "message": "Repository access blocked"}, 451, "access blocked", {}),
        ],
    )
    def test_rest(self, github: Asked, rule: dict[str, Any], status: int, said: str, headers: dict[str, str]) -> None:
        spoil(github, **rule)
        heard = github.get(CORE)
        assert heard.status == status
        assert said in heard.json["message"]
        assert heard.json["documentation_url"].startswith("https://docs.github.com")
        assert headers.items() <= heard.headers.items()
        if "retry_after" not in rule:
            assert "Retry-After" not in heard.headers
        assert github.get(CORE).status == 200, "one request is hit unless the rule says more"

    def test_a_plain_403_says_nothing_of_limits(self, github: Asked) -> None:
        spoil(github, kind="forbidden")
        heard = github.get(CORE)
        assert "limit" not in heard.json["message"]
        assert heard.headers["X-RateLimit-Remaining"] != "0"

    def test_graphql_outages(self, github: Asked) -> None:
        spoil(github, kind="server_error", match="Walk")
        heard = github.post("/graphql", {"query": QUERY})
        assert heard.status == 502
        assert "Something went wrong while executing your query" in heard.json["message"]


class TestAnswersOf200:
    def test_rate_limited(self, github: Asked) -> None:
        spoil(github, kind="graphql_error", code="RATE_LIMITED")
        heard = github.post("/graphql", {"query": QUERY})
        assert heard.status == 200
        assert [one["type"] for one in heard.json["errors"]] == ["RATE_LIMITED"]
        assert "data" not in heard.json

    def test_time_out(self, github: Asked) -> None:
        spoil(github, kind="graphql_error", code="TIMEOUT")
        answer = github.graphql(QUERY)
        assert answer["data"] is None
        assert answer["errors"][0]["message"].startswith("Something went wrong while executing your query")

    def test_forbidden_with_partial_data(self, github: Asked) -> None:
        spoil(github, kind="graphql_error", code="FORBIDDEN", field="reviews")
        answer = github.graphql(QUERY)
        nodes = answer["data"]["repository"]["pullRequests"]["nodes"]
        assert [node["reviews"] for node in nodes] == [None] * 20
        assert {one["type"] for one in answer["errors"]} == {"FORBIDDEN"}
        assert answer["errors"][3]["path"] == ["repository", "pullRequests", "nodes", 3, "reviews"]

    def test_forbidden_without_a_field_takes_the_whole(self, github: Asked) -> None:
        spoil(github, kind="graphql_error", code="FORBIDDEN")
        answer = github.graphql(QUERY)
        assert answer["data"]["repository"] is None
        assert answer["data"]["rateLimit"] == {"cost": 1}


class TestGraphQLPages:
    def test_a_short_page_that_claims_more_can_be_carried_on_from(self, github: Asked) -> None:
        whole = [node["number"] for node in connection(github)["nodes"]]
        spoil(github, kind="truncated_page", items=5)
        short = connection(github)
        assert [node["number"] for node in short["nodes"]] == whole[:15]
        assert short["pageInfo"]["hasNextPage"] is True
        following = connection(github, short["pageInfo"]["endCursor"])
        assert [node["number"] for node in following["nodes"]][:5] == whole[15:]

    def test_an_empty_page_that_claims_more(self, github: Asked) -> None:
        cursor = connection(github)["pageInfo"]["endCursor"]
        spoil(github, kind="empty_page")
        empty = connection(github, cursor)
        assert (empty["nodes"], empty["pageInfo"]) == ([], {"hasNextPage": True, "endCursor": cursor})
        assert len(connection(github, cursor)["nodes"]) == 20

    def test_a_page_that_lies_about_being_the_last(self, github: Asked) -> None:
        spoil(github, kind="lying_last_page", items=3)
        lying = connection(github)
        assert len(lying["nodes"]) == 17
        assert lying["pageInfo"]["hasNextPage"] is False
        assert lying["totalCount"] > 17, "only the total tells"

    def test_a_nested_connection_by_name(self, github: Asked) -> None:
        spoil(github, kind="lying_last_page", field="reviews")
        page = connection(github)
        assert len(page["nodes"]) == 20
        assert {len(node["reviews"]["nodes"]) - node["reviews"]["totalCount"] for node in page["nodes"]} == {-1}

    def test_an_item_that_is_updated_between_two_pages_is_missed(self, github: Asked) -> None:
        first = connection(github)
        wanted = connection(github, first["pageInfo"]["endCursor"])["nodes"][0]["number"]
        spoil(github, kind="shifting_list", items=1)
        second = connection(github, first["pageInfo"]["endCursor"])
        assert wanted not in {node["number"] for node in (*first["nodes"], *second["nodes"])}
        assert connection(github)["nodes"][0]["number"] == wanted, "it has gone to the head of the list"
        github.plan.replace([])
        assert connection(github)["nodes"][0]["number"] != wanted, "a new plan forgets it"

    def test_a_list_by_position_repeats_what_was_shown(self, github: Asked) -> None:
        query = (
            'query($c: String) { repository(owner: "tallybrook", name: "ledger-core") {'
            " labels(first: 2, after: $c) { pageInfo { endCursor } nodes { name } } } }"
        )
        first = github.graphql(query)["data"]["repository"]["labels"]
        spoil(github, kind="shifting_list")
        second = github.graphql(query, c=first["pageInfo"]["endCursor"])["data"]["repository"]["labels"]
        assert second["nodes"][0] == first["nodes"][1]


class TestRestPages:
    def test_kinds(self, github: Asked) -> None:
        whole = github.get(PULLS)
        spoil(github, kind="truncated_page", items=4)
        short = github.get(PULLS)
        assert (short.json, short.next) == (whole.json[:16], whole.next)
        spoil(github, kind="empty_page")
        empty = github.get(PULLS)
        assert (empty.json, empty.next) == ([], whole.next)
        spoil(github, kind="lying_last_page", items=2)
        lying = github.get(PULLS)
        assert (lying.json, lying.next) == (whole.json[:18], None)

    def test_a_list_that_grows_between_two_pages(self, github: Asked) -> None:
        first = github.get(PULLS)
        assert first.next is not None
        spoil(github, kind="shifting_list", items=2)
        second = github.get(first.next)
        assert second.json[:2] == first.json[-2:]

    def test_the_ledger_pages_by_cursor(self, github: Asked) -> None:
        path = f"{CORE}/activity?ref=main&per_page=20"
        whole = github.get(path)
        spoil(github, kind="truncated_page", items=4)
        short = github.get(path)
        assert short.json == whole.json[:16]
        assert short.next is not None
        assert github.get(short.next).json[:4] == whole.json[16:]
        spoil(github, kind="empty_page")
        assert whole.next is not None
        empty = github.get(whole.next)
        assert empty.json == []
        assert empty.next is not None
        assert github.get(empty.next).json == github.get(whole.next).json


class TestConditions:
    def test_a_token_that_sees_less(self, github: Asked) -> None:
        spoil(github, kind="fewer_repositories", repositories=["tallybrook/ledger-*"], times=None)
        names = {one["name"] for one in github.get("/orgs/tallybrook/repos").json}
        assert names == {"payments-gateway", "notifications", "toolbox"}
        assert github.get(CORE).status == 404
        answer = github.graphql(QUERY)
        assert answer["errors"][0]["type"] == "NOT_FOUND"

    def test_a_wrong_clock(self, github: Asked) -> None:
        spoil(github, kind="wrong_date", seconds=-300, times=None)
        assert github.get(CORE).headers["Date"] == "Tue, 15 Sep 2026 11:55:00 GMT"

    def test_conditions_add_up_with_other_faults(self, github: Asked) -> None:
        github.plan.replace(
            [
                {"source": "github", "kind": "wrong_date", "seconds": 90, "times": None},
                {"source": "github", "kind": "server_error"},
            ]
        )
        heard = github.get(CORE)
        assert (heard.status, heard.headers["Date"]) == (502, "Tue, 15 Sep 2026 12:01:30 GMT")

    def test_only_what_the_rule_names(self, github: Asked) -> None:
        spoil(github, kind="forbidden", match="GET /repos/{owner}/{repo}/rulesets/rule-suites", times=None)
        assert github.get(f"{CORE}/rulesets/rule-suites").status == 403
        assert github.get(f"{CORE}/rulesets").status == 200
        number = github.organisation.repositories[0].id
        assert github.get(f"/repositories/{number}/rulesets/rule-suites").status == 403, "by number as well"


@contextmanager
def on_loopback(github: Asked) -> Iterator[str]:
    credentials = Credentials(github.world)
    credentials.add_token("owner", github.world.accounts["tlindqvist"])
    server = GitHubServer(github.world, credentials, github.clock, github.plan)
    try:
        yield server.url
    finally:
        server.close()


class TestOnTheWire:
    """What can only be seen through a socket."""

    def get(self, url: str) -> requests.Response:
        return requests.get(f"{url}{CORE}", headers={"Authorization": "token owner"}, timeout=10)

    def test_reset(self, github: Asked) -> None:
        with on_loopback(github) as url:
            spoil(github, kind="connection_reset")
            with pytest.raises(requests.ConnectionError):
                self.get(url)
            assert self.get(url).status_code == 200

    def test_a_body_that_ends_early(self, github: Asked) -> None:
        with on_loopback(github) as url:
            spoil(github, kind="truncated_body", bytes=100)
            with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
                self.get(url)
            assert self.get(url).json()["name"] == "ledger-core"

    def test_slow_and_late(self, github: Asked) -> None:
        with on_loopback(github) as url:
            for rule in ({"kind": "slow_body", "ms": 60}, {"kind": "latency", "ms": 60, "times": 1}):
                spoil(github, **rule)
                assert self.get(url).json()["name"] == "ledger-core"
                assert github.plan.describe()[0]["spent"] == 1
            github.plan.set_latency(60)
            assert self.get(url).elapsed.total_seconds() >= 0.06

    def test_what_arrives_is_what_was_answered(self, github: Asked) -> None:
        with on_loopback(github) as url:
            heard = self.get(url)
            assert heard.headers["Date"] == "Tue, 15 Sep 2026 12:00:00 GMT"
            assert heard.headers["Content-Length"] == str(len(heard.content))
            assert heard.headers["Server"] == "github.com"
            assert heard.json()["url"] == f"{url}{CORE}"
