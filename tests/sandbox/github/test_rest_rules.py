"""REST as api.github.com behaves: who sees what, paging, headers, errors; what is not modelled is refused clearly."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from tests.fakes.github_sandbox import Asked, demo

ORG = "/orgs/tallybrook"
CORE = "/repos/tallybrook/ledger-core"
WEB = "/repos/tallybrook/ledger-web"
PAY = "/repos/tallybrook/payments-gateway"


@pytest.fixture(scope="module")
def github() -> Asked:
    return demo("2026-09-15T12:00:00Z")


class TestWho:
    def test_nobody_without_a_token(self, github: Asked) -> None:
        assert github.get(ORG, who=None).status == 200
        assert github.get(CORE, who=None).status == 404

    def test_a_wrong_token(self, github: Asked) -> None:
        heard = github.get("/user", who="nonsense")
        assert (heard.status, heard.json["message"]) == (401, "Bad credentials")

    def test_strangers_see_no_private_repository(self, github: Asked) -> None:
        heard = github.get(CORE, who="outsider")
        assert (heard.status, heard.json["message"]) == (404, "Not Found")
        assert github.get(f"{ORG}/repos", who="outsider").json == []

    def test_only_owners_see_the_requirement_of_a_second_factor(self, github: Asked) -> None:
        assert github.get(ORG).json["two_factor_requirement_enabled"] is True
        assert "two_factor_requirement_enabled" not in github.get(ORG, who="member").json

    def test_only_owners_filter_by_second_factor(self, github: Asked) -> None:
        github.clock.set(github.clock.now().replace(month=6, day=10))
        try:
            found = github.get(f"{ORG}/members?filter=2fa_disabled").json
            assert [one["login"] for one in found] == ["hvirtanen"]
            assert github.get(f"{ORG}/members?filter=2fa_disabled", who="member").status == 422
        finally:
            github.clock.set(github.clock.now().replace(month=9, day=15))
        assert github.get(f"{ORG}/members?filter=2fa_disabled").json == []
        assert github.get(f"{ORG}/members?filter=2fa_insecure").status == 501

    def test_owners_by_role(self, github: Asked) -> None:
        found = {one["login"] for one in github.get(f"{ORG}/members?role=admin").json}
        assert found == {"tlindqvist", "icarvalho", "tallybrook-evidence"}

    @pytest.mark.parametrize(
        ("path", "member", "outsider"),
        [
            (f"{ORG}/installations", 403, 404),
            (f"{ORG}/rulesets", 403, 404),
            (f"{ORG}/audit-log", 403, 404),
            (f"{ORG}/teams", 200, 404),
            (f"{CORE}/keys", 404, 404),
            (f"{WEB}/branches/main/protection", 404, 404),
            (f"{CORE}/rulesets/rule-suites", 404, 404),
            (f"{CORE}/rulesets", 200, 404),
            (f"{CORE}/collaborators", 403, 404),
        ],
    )
    def test_rights(self, github: Asked, path: str, member: int, outsider: int) -> None:
        assert github.get(path).status == 200
        assert github.get(path, who="member").status == member
        assert github.get(path, who="outsider").status == outsider

    def test_bypass_actors_are_for_administrators(self, github: Asked) -> None:
        number = github.get(f"{CORE}/rulesets").json[-1]["id"]
        assert "bypass_actors" in github.get(f"{CORE}/rulesets/{number}").json
        assert "bypass_actors" not in github.get(f"{CORE}/rulesets/{number}", who="member").json

    def test_tokens_of_others_are_listed_to_apps_only(self, github: Asked) -> None:
        heard = github.get(f"{ORG}/personal-access-tokens")
        assert (heard.status, heard.json["message"]) == (403, "Resource not accessible by personal access token")


class TestNotModelled:
    @pytest.mark.parametrize(
        ("path", "said"),
        [
            (f"{CORE}/stargazers", "GET /repos/tallybrook/ledger-core/stargazers"),
            (f"{CORE}/pulls?sort=popularity", "sort=popularity"),
            (f"{CORE}/commits?path=README.md", "the query parameter path"),
            (f"{CORE}/pulls?something=1", "the query parameter something"),
            (f"{ORG}/audit-log?phrase=country:fi", "country:fi"),
        ],
    )
    def test_is_501_and_says_what(self, github: Asked, path: str, said: str) -> None:
        heard = github.get(path)
        assert heard.status == 501
        assert said in heard.json["message"]
        assert "docs/sandbox.md" in heard.json["message"]

    def test_writing_is_none(self, github: Asked) -> None:
        assert github.post(f"{CORE}/pulls", {}).status == 501


class TestPaging:
    def test_next_links_go_by_number_and_keep_the_query(self, github: Asked) -> None:
        heard = github.get(f"{CORE}/pulls?state=all&per_page=30")
        number = github.organisation.repositories[0].id
        links = dict(re.findall(r'<([^>]+)>; rel="(\w+)"', heard.headers["Link"]))
        assert set(links.values()) == {"next", "last"}
        assert all(f"/repositories/{number}/pulls?state=all&per_page=30&page=" in link for link in links)
        assert heard.next is not None
        second = github.get(heard.next)
        relations = {rel for _, rel in re.findall(r'<([^>]+)>; rel="(\w+)"', second.headers["Link"])}
        assert relations == {"prev", "next", "last", "first"}

    def test_organisations_go_by_number_too(self, github: Asked) -> None:
        heard = github.get(f"{ORG}/members?per_page=5")
        assert f"/organizations/{github.organisation.account.id}/members?" in heard.headers["Link"]
        assert len(github.pages(f"{ORG}/members?per_page=5")) == len(github.get(f"{ORG}/members?per_page=100").json)

    @pytest.mark.parametrize(
        "path",
        [
            f"{CORE}/pulls?state=all",
            f"{CORE}/commits",
            f"{CORE}/deployments",
            f"{CORE}/issues?state=all",
            f"{ORG}/members",
        ],
    )
    def test_every_item_once_whatever_the_page_size(self, github: Asked, path: str) -> None:
        sign = "&" if "?" in path else "?"
        whole = [one.get("node_id") or one["sha"] for one in github.pages(f"{path}{sign}per_page=100")]
        small = [one.get("node_id") or one["sha"] for one in github.pages(f"{path}{sign}per_page=7")]
        assert whole == small
        assert len(set(whole)) == len(whole)

    def test_no_link_where_one_page_is_all(self, github: Asked) -> None:
        assert "Link" not in github.get(f"{CORE}/topics").headers

    def test_a_page_too_far_is_empty(self, github: Asked) -> None:
        assert github.get(f"{CORE}/pulls?state=all&page=99").json == []

    def test_sizes_out_of_bounds(self, github: Asked) -> None:
        assert len(github.get(f"{CORE}/pulls?state=all&per_page=1000").json) <= 100
        assert len(github.get(f"{CORE}/pulls?state=all&per_page=x").json) == 30


class TestActivity:
    def test_one_contiguous_chain(self, github: Asked) -> None:
        rows = github.pages(f"{CORE}/activity?ref=refs/heads/main&direction=asc&per_page=9")
        assert all(one["after"] == two["before"] for one, two in pairwise(rows))
        assert rows == github.pages(f"{CORE}/activity?ref=main&per_page=100")[::-1]

    def test_branches_of_pull_requests_move_too(self, github: Asked) -> None:
        rows = github.pages(f"{CORE}/activity?per_page=100")
        kinds = Counter(one["activity_type"] for one in rows)
        assert set(kinds) == {"push", "force_push", "branch_creation", "branch_deletion", "pr_merge"}
        assert {one["ref"] for one in rows} > {"refs/heads/main"}

    def test_filters(self, github: Asked) -> None:
        everything = github.pages(f"{CORE}/activity?per_page=100")
        pushes = github.pages(f"{CORE}/activity?ref=refs/heads/main&activity_type=push&per_page=100")
        assert [one["timestamp"] for one in pushes] == ["2026-04-22T16:41:00Z"]
        by = github.pages(f"{CORE}/activity?actor=obrandt&per_page=100")
        assert by == [one for one in everything if one["actor"]["login"] == "obrandt"]
        week = github.pages(f"{CORE}/activity?time_period=week&per_page=100")
        assert week == [one for one in everything if one["timestamp"] > "2026-09-08T12:00:00Z"]
        assert github.get(f"{CORE}/activity?time_period=decade").status == 422

    def test_pages_backwards(self, github: Asked) -> None:
        first = github.get(f"{CORE}/activity?per_page=10")
        assert first.next is not None
        second = github.get(first.next)
        back = re.search(r'<http://[^/]+([^>]+)>; rel="prev"', second.headers["Link"])
        assert back is not None
        assert github.get(back[1]).json == first.json

    def test_a_rewrite_is_in_the_ledger(self, github: Asked) -> None:
        (row,) = github.get(f"{WEB}/activity?ref=main&activity_type=force_push").json
        compared = github.get(f"{WEB}/compare/{row['before']}...{row['after']}").json
        assert (compared["status"], compared["ahead_by"]) == ("diverged", 1)
        assert compared["behind_by"] >= 1


class TestCompare:
    def test_ahead_behind_identical(self, github: Asked) -> None:
        rows = github.pages(f"{CORE}/activity?ref=main&direction=asc&per_page=100")
        old, new = rows[3]["after"], rows[9]["after"]
        ahead = github.get(f"{CORE}/compare/{old}...{new}").json
        assert (ahead["status"], ahead["total_commits"], ahead["behind_by"]) == ("ahead", 6, 0)
        assert [one["sha"] for one in ahead["commits"]] == [row["after"] for row in rows[4:10]]
        assert github.get(f"{CORE}/compare/{new}...{old}").json["status"] == "behind"
        assert github.get(f"{CORE}/compare/{new}...{new}").json["status"] == "identical"

    def test_pages(self, github: Asked) -> None:
        rows = github.pages(f"{CORE}/activity?ref=main&direction=asc&per_page=100")
        heard = github.get(f"{CORE}/compare/{rows[0]['after']}...{rows[-1]['after']}?per_page=50")
        assert (len(heard.json["commits"]), heard.json["total_commits"]) == (50, len(rows) - 1)
        assert heard.next is not None

    def test_unknown_commits(self, github: Asked) -> None:
        assert github.get(f"{CORE}/compare/{'0' * 40}...main").status == 422
        assert github.get(f"{CORE}/compare/main").status == 404


class TestHeaders:
    def test_of_every_answer(self, github: Asked) -> None:
        heard = github.get(CORE)
        assert heard.headers["Date"] == "Tue, 15 Sep 2026 12:00:00 GMT"
        assert heard.headers["X-GitHub-Media-Type"] == "github.v3; format=json"
        assert re.fullmatch(r"[0-9A-F:]{20,}", heard.headers["X-GitHub-Request-Id"])
        assert heard.headers["X-RateLimit-Resource"] == "core"
        assert heard.headers["X-GitHub-Request-Id"] != github.get(CORE).headers["X-GitHub-Request-Id"]

    def test_rate_limits_count_down_and_start_anew_after_an_hour(self) -> None:
        fresh = demo("2026-09-15T12:00:00Z")
        first = fresh.get(CORE).headers
        assert (first["X-RateLimit-Limit"], first["X-RateLimit-Remaining"]) == ("5000", "4999")
        reset = int(first["X-RateLimit-Reset"])
        assert fresh.get(CORE).headers["X-RateLimit-Remaining"] == "4998"
        assert fresh.get("/rate_limit").json["resources"]["core"] == {
            "limit": 5000, "used": 2, "remaining": 4998, "reset": reset,
        }  # fmt: skip
        fresh.application.limits.allow({"core": 1})
        assert fresh.get(CORE).status == 200
        refused = fresh.get(CORE)
        assert (refused.status, refused.headers["X-RateLimit-Remaining"]) == (403, "0")
        assert refused.json["message"].startswith("API rate limit exceeded for user ID")
        fresh.clock.set(fresh.clock.now().replace(hour=13))
        assert fresh.get(CORE).status == 200

    def test_an_unchanged_answer_is_304_and_free(self) -> None:
        fresh = demo("2026-09-15T12:00:00Z")
        first = fresh.get(CORE)
        again = fresh.get(CORE, if_none_match=first.headers["ETag"])
        assert (again.status, again.content) == (304, b"")
        assert again.headers["X-RateLimit-Remaining"] == first.headers["X-RateLimit-Remaining"]
        other = fresh.get(CORE, who="member", if_none_match=first.headers["ETag"])
        assert other.status == 200, "the tag belongs to the one who asked"
        fresh.clock.set(fresh.clock.now().replace(month=10))
        assert fresh.get(CORE, if_none_match=first.headers["ETag"]).status == 200


class TestNames:
    def test_a_former_name_redirects_with_the_query(self, github: Asked) -> None:
        heard = github.get("/repos/tallybrook/web-app/pulls?state=all&per_page=5")
        assert heard.status == 301
        target = heard.headers["Location"].partition(":1/")[2]
        number = github.organisation.repositories[2].id
        assert target == f"repositories/{number}/pulls?state=all&per_page=5"
        assert github.get(f"/{target}").status == 200

    def test_the_name_of_the_time(self) -> None:
        before = demo("2026-07-15T08:29:59Z")
        assert before.get("/repos/tallybrook/web-app").json["name"] == "web-app"
        assert before.get(WEB).status == 404
        identity = before.get("/repos/tallybrook/web-app").json["node_id"]
        before.clock.set(before.clock.now().replace(minute=31))
        assert before.get(WEB).json["node_id"] == identity

    def test_both_styles_of_address(self, github: Asked) -> None:
        plain, server = github.get(CORE).json, github.get(f"/api/v3{CORE}").json
        assert plain["url"].endswith(f":1{CORE}")
        assert server["url"].endswith(f":1/api/v3{CORE}")
        assert server["node_id"] == plain["node_id"]
        query = {"query": "query { viewer { login } }"}
        assert github.post("/api/graphql", query).json == github.post("/graphql", query).json


class TestRules:
    def test_effective_rules_come_from_repository_and_organisation(self, github: Asked) -> None:
        rules = github.get(f"{CORE}/rules/branches/main").json
        sources = {(one["type"], one["ruleset_source_type"]) for one in rules}
        assert {("pull_request", "Repository"), ("non_fast_forward", "Organization")} <= sources
        assert github.get(f"{CORE}/rules/branches/feature/x").json == []

    def test_a_ruleset_in_evaluation_enforces_nothing(self) -> None:
        during = demo("2026-06-24T00:00:00Z")
        types = {one["type"] for one in during.get(f"{CORE}/rules/branches/main").json}
        assert types == {"deletion", "non_fast_forward"}
        listed = {one["name"]: one["enforcement"] for one in during.get(f"{CORE}/rulesets").json}
        assert listed == {"no rewriting": "active", "reviewed changes": "evaluate"}
        during.clock.set(during.clock.now().replace(day=25, hour=10))
        assert "pull_request" in {one["type"] for one in during.get(f"{CORE}/rules/branches/main").json}

    def test_the_history_of_a_ruleset(self, github: Asked) -> None:
        number = next(one["id"] for one in github.get(f"{CORE}/rulesets").json if one["source_type"] == "Repository")
        versions = github.get(f"{CORE}/rulesets/{number}/history").json
        assert [one["updated_at"] for one in versions] == [
            "2026-06-25T09:10:00Z", "2026-06-23T09:10:00Z", "2025-06-02T09:05:00Z",
        ]  # fmt: skip
        states = [github.get(f"{CORE}/rulesets/{number}/history/{one['version_id']}").json["state"] for one in versions]
        assert [one["enforcement"] for one in states] == ["active", "evaluate", "active"]

    def test_parents_may_be_left_out(self, github: Asked) -> None:
        kinds = {one["source_type"] for one in github.get(f"{CORE}/rulesets?includes_parents=false").json}
        assert kinds == {"Repository"}

    def test_rule_suites_go_back_a_month_at_most(self) -> None:
        fresh = demo("2026-08-20T00:00:00Z")
        path = f"{PAY}/rulesets/rule-suites?rule_suite_result=bypass&ref=refs/heads/main"
        assert fresh.get(path).json == []
        (bypass,) = fresh.get(f"{path}&time_period=month").json
        assert (bypass["actor_name"], bypass["pushed_at"]) == ("tlindqvist", "2026-08-05T17:22:00Z")
        detail = fresh.get(f"{PAY}/rulesets/rule-suites/{bypass['id']}").json
        failed = {one["rule_type"] for one in detail["rule_evaluations"] if one["result"] == "fail"}
        assert failed == {"pull_request"}
        fresh.clock.set(fresh.clock.now().replace(month=9, day=10))
        assert fresh.get(f"{path}&time_period=month").json == []
        assert fresh.get(f"{path}&time_period=year").status == 422

    def test_classic_protection(self, github: Asked) -> None:
        body = github.get(f"{WEB}/branches/main/protection").json
        assert body["enforce_admins"]["enabled"] is True
        assert body["required_status_checks"]["contexts"] == ["build", "test", "lint"]
        assert body["required_pull_request_reviews"]["required_approving_review_count"] == 1
        assert github.get(f"{CORE}/branches/main/protection").json["message"] == "Branch not protected"
        assert github.get(f"{CORE}/branches/nothing/protection").json["message"] == "Branch not found"


class TestAuditLog:
    def entries(self, github: Asked, query: str) -> list[dict[str, Any]]:
        return github.pages(f"{ORG}/audit-log?per_page=20{query}")

    def test_is_of_enterprise_only(self) -> None:
        team = demo("2026-09-15T12:00:00Z")
        team.organisation.plan = "team"
        assert team.get(f"{ORG}/audit-log").status == 404

    def test_remembers_180_days_and_git_events_seven(self, github: Asked) -> None:
        now = github.clock.now().timestamp() * 1000
        web = self.entries(github, "&include=web")
        git = self.entries(github, "&include=git")
        assert {one["action"] for one in git} == {"git.push"}
        assert "git.push" not in {one["action"] for one in web}
        assert all(one["@timestamp"] > now - 180 * 86_400_000 for one in web)
        assert all(one["@timestamp"] > now - 7 * 86_400_000 for one in git)
        assert len(self.entries(github, "&include=all")) == len(web) + len(git)

    def test_order_and_search(self, github: Asked) -> None:
        newest = self.entries(github, "")
        assert self.entries(github, "&order=asc") == newest[::-1]
        changes = self.entries(github, "&phrase=action:repository_ruleset.update")
        assert [one["ruleset_enforcement"] for one in changes] == ["active", "active", "active", "evaluate"]
        in_june = self.entries(github, "&phrase=action:repository_ruleset+created:2026-06-01..2026-06-30")
        assert len(in_june) == 2
        others = self.entries(github, "&phrase=-action:repository_ruleset")
        assert "repository_ruleset.update" not in {one["action"] for one in others}
        by = self.entries(github, "&phrase=actor:icarvalho+created:>=2026-07-20")
        assert {one["actor"] for one in by} == {"icarvalho"}


class TestChecks:
    def test_latest_and_all_runs(self, github: Asked) -> None:
        flaky = next(
            commit
            for commit in github.organisation.repositories[0].commits.values()
            if any(run.conclusion == "FAILURE" for suite in commit.suites for run in suite.runs)
            and len(commit.suites) > 1
        )
        everything = github.get(f"{CORE}/commits/{flaky.oid}/check-runs?filter=all").json
        latest = github.get(f"{CORE}/commits/{flaky.oid}/check-runs").json
        assert everything["total_count"] == latest["total_count"] + 1
        assert {one["conclusion"] for one in latest["check_runs"]} == {"success"}

    def test_a_run_that_is_still_going(self) -> None:
        fresh = demo()
        commit = fresh.organisation.repositories[0].pulls[3].commits[0].commit
        run = commit.suites[0].runs[0]
        fresh.clock.set(fresh.clock.now().fromtimestamp(run.started_at + 1, tz=fresh.clock.now().tzinfo))
        (shown, *_) = fresh.get(f"{CORE}/commits/{commit.oid}/check-runs").json["check_runs"]
        assert (shown["status"], shown["conclusion"], shown["completed_at"]) == ("in_progress", None, None)


def test_bots_have_their_suffix_in_rest_only(github: Asked) -> None:
    logins = {one["user"]["login"] for one in github.pages(f"{CORE}/pulls?state=all&per_page=100")}
    assert "dependabot[bot]" in logins
    answer = github.graphql(
        'query { repository(owner: "tallybrook", name: "ledger-core") {'
        " pullRequests(first: 100) { nodes { author { login } } } } }"
    )
    assert "dependabot" in {one["author"]["login"] for one in answer["data"]["repository"]["pullRequests"]["nodes"]}


def test_a_deleted_account_leaves_its_work_without_an_author() -> None:
    fresh = demo("2026-09-15T12:00:00Z")
    account = fresh.world.accounts["obrandt"]
    pull = next(one for one in fresh.organisation.repositories[0].pulls if one.author is account)
    account.deleted_at = 1_789_000_000
    assert fresh.get(f"{CORE}/pulls/{pull.number}").json["user"] is None
    answer = fresh.graphql(
        'query($n: Int!) { repository(owner: "tallybrook", name: "ledger-core") {'
        " pullRequest(number: $n) { author { login } } } }",
        n=pull.number,
    )
    assert answer["data"]["repository"]["pullRequest"]["author"] is None
