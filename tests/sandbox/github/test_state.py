"""What exists is a function of the script and the clock alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.github.times import ALWAYS
from tests.fakes.github_sandbox import Asked, demo

CORE = "/repos/tallybrook/ledger-core"
PATHS = (
    f"{CORE}/activity?per_page=100",
    f"{CORE}/pulls?state=all&sort=updated&per_page=100",
    f"{CORE}/commits?per_page=100",
    f"{CORE}/deployments?per_page=100",
    f"{CORE}/rulesets",
    f"{CORE}/keys",
    "/orgs/tallybrook/repos?per_page=100",
    "/orgs/tallybrook/members?per_page=100",
    "/orgs/tallybrook/installations",
    "/orgs/tallybrook/audit-log?per_page=100",
)
QUERY = """query { repository(owner: "tallybrook", name: "ledger-core") { pullRequests(first: 100,
    orderBy: {field: UPDATED_AT, direction: DESC}) { totalCount nodes { number state updatedAt headRefOid
      reviews(first: 10) { nodes { state } } mergedBy { login }
      statusCheckRollup { state contexts(first: 9) { nodes { ... on CheckRun { status conclusion } } } } } } } }"""


def snapshot(github: Asked) -> list[Any]:
    return [github.get(path).json for path in PATHS] + [github.graphql(QUERY)]


def test_the_same_instant_gives_the_same_answers_however_it_was_reached() -> None:
    moments = [datetime(2026, 4, 1, tzinfo=UTC) + timedelta(days=days, hours=11) for days in (0, 60, 31, 120, 60, 0)]
    wandering = demo()
    seen: dict[datetime, list[Any]] = {}
    for moment in moments:
        wandering.clock.set(moment)
        found = snapshot(wandering)
        assert seen.setdefault(moment, found) == found
    for moment in set(moments):
        assert snapshot(demo(moment.isoformat())) == seen[moment]


def test_two_companies_from_one_script_are_equal() -> None:
    assert snapshot(demo()) == snapshot(demo())


def _instants(value: Any) -> list[str]:
    """Every instant in an answer that says when something happened; expiry lies ahead by nature."""
    found: list[str] = []
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, str) and key in {"timestamp", "created_at", "updated_at", "merged_at", "submitted_at"}:
                found.append(inner)
            else:
                found += _instants(inner)
    elif isinstance(value, list):
        for inner in value:
            found += _instants(inner)
    return found


@pytest.mark.parametrize("now", ["2026-04-20T10:30:00Z", "2026-06-10T14:05:00Z", "2026-07-01T10:05:00Z"])
def test_nothing_of_the_future_is_told(now: str) -> None:
    answers = [demo(now).get(path).json for path in PATHS]
    moments = _instants(answers)
    assert max(moments) <= now
    assert len(moments) > 150


def test_a_pull_request_goes_through_its_states() -> None:
    github = demo()
    pull = next(
        one for one in github.organisation.repositories[0].pulls if len(one.reviews) > 1 and len(one.commits) > 1
    )

    def at(moment: int) -> dict[str, Any]:
        github.clock.set(datetime.fromtimestamp(moment, UTC))
        return github.get(f"{CORE}/pulls/{pull.number}").json

    assert at(pull.created_at - 1)["message"] == "Not Found"
    opened = at(pull.created_at)
    assert (opened["state"], opened["merged"], opened["merge_commit_sha"]) == ("open", False, None)
    assert opened["head"]["sha"] == pull.commits[0].commit.oid
    pushed = at(pull.commits[1].at)
    assert pushed["head"]["sha"] == pull.commits[1].commit.oid
    assert pushed["updated_at"] > opened["updated_at"]
    assert at(pull.merged_at - 1)["state"] == "open"
    merged = at(pull.merged_at)
    assert (merged["state"], merged["merged"]) == ("closed", True)
    branches = {one["name"] for one in github.get(f"{CORE}/branches?per_page=100").json}
    assert pull.head_ref not in branches
    github.clock.set(datetime.fromtimestamp(pull.merged_at - 1, UTC))
    assert pull.head_ref in {one["name"] for one in github.get(f"{CORE}/branches?per_page=100").json}


def test_a_dismissed_review_was_an_approval_until_then() -> None:
    github = demo()
    review = next(
        one
        for repository in github.organisation.repositories
        for pull in repository.pulls
        for one in pull.reviews
        if one.dismissed_by is not None
    )
    path = f"/repos/{review.pull.repository.full_name(2**40)}/pulls/{review.pull.number}/reviews"
    states: list[str] = []
    for moment in (review.dismissed_at - 1, review.dismissed_at):
        github.clock.set(datetime.fromtimestamp(moment, UTC))
        name = review.pull.repository.full_name(moment)
        (shown,) = [
            one for one in github.get(path.replace(path.split("/pulls")[0][7:], name)).json if one["id"] == review.id
        ]
        states.append(shown["state"])
    assert states == ["APPROVED", "DISMISSED"]


def test_people_come_and_go() -> None:
    def logins(now: str) -> set[str]:
        return {one["login"] for one in demo(now).get("/orgs/tallybrook/members?per_page=100").json}

    assert "bsalgado" not in logins("2026-05-18T07:59:59Z")
    assert "bsalgado" in logins("2026-05-18T08:00:00Z")
    assert "vdragan" in logins("2026-06-26T17:59:59Z")
    assert "vdragan" not in logins("2026-06-26T18:00:00Z")


def test_a_repository_begins_and_another_is_archived() -> None:
    def listed(now: str) -> dict[str, bool]:
        return {one["name"]: one["archived"] for one in demo(now).get("/orgs/tallybrook/repos").json}

    assert "notifications" not in listed("2026-07-01T09:59:59Z")
    assert listed("2026-07-01T10:00:00Z")["notifications"] is False
    assert listed("2026-06-15T08:59:59Z")["toolbox"] is False
    assert listed("2026-06-15T09:00:00Z")["toolbox"] is True


def test_a_merge_queue() -> None:
    github = demo()
    repository = next(one for one in github.organisation.repositories if one.name.at(ALWAYS) == "notifications")
    pull = next(one for one in repository.pulls if one.queued)
    (entered, left), _ = pull.queued[0]
    query = (
        'query($n: Int!) { repository(owner: "tallybrook", name: "notifications") { mergeQueue { entries(first: 9) {'
        " totalCount nodes { position enqueuer { login } pullRequest { number } } } } pullRequest(number: $n) {"
        " isInMergeQueue isMergeQueueEnabled mergeQueueEntry { position state } mergedBy { __typename login }"
        " mergeCommit { statusCheckRollup { state } }"
        " timelineItems(first: 9, itemTypes: [ADDED_TO_MERGE_QUEUE_EVENT]) { nodes { ... on AddedToMergeQueueEvent {"
        " createdAt enqueuer { login } } } } } } }"
    )

    def at(moment: int) -> dict[str, Any]:
        github.clock.set(datetime.fromtimestamp(moment, UTC))
        return github.graphql(query, n=pull.number)["data"]["repository"]

    before, waiting, after = at(entered - 1), at(entered), at(left)
    assert [one["pullRequest"]["isInMergeQueue"] for one in (before, waiting, after)] == [False, True, False]
    assert waiting["mergeQueue"]["entries"]["nodes"][0]["pullRequest"] == {"number": pull.number}
    assert waiting["pullRequest"]["mergeQueueEntry"] == {"position": 1, "state": "AWAITING_CHECKS"}
    assert after["mergeQueue"]["entries"]["totalCount"] == 0
    assert after["pullRequest"]["mergedBy"] == {"__typename": "Bot", "login": "github-merge-queue"}
    assert after["pullRequest"]["mergeCommit"]["statusCheckRollup"] == {"state": "SUCCESS"}, "checked before it landed"
    assert (
        after["pullRequest"]["timelineItems"]["nodes"][0]["enqueuer"]["login"]
        == waiting["mergeQueue"]["entries"]["nodes"][0]["enqueuer"]["login"]
    )
    (row, *_) = github.get("/repos/tallybrook/notifications/activity?ref=main").json
    assert (row["activity_type"], row["actor"]["login"]) == ("merge_queue_merge", "github-merge-queue[bot]")


def test_a_change_of_base_and_pull_requests_that_are_never_merged() -> None:
    github = demo()
    core, payments = github.organisation.repositories[:2]
    turned = next(one for one in core.pulls if one.title.endswith("Back-port of the time zone table"))
    github.clock.set(datetime.fromtimestamp(turned.created_at, UTC))
    assert github.get(f"{CORE}/pulls/{turned.number}").json["base"]["ref"] == "release-2026.1"
    github.clock.set(datetime(2026, 9, 30, tzinfo=UTC))
    assert github.get(f"{CORE}/pulls/{turned.number}").json["base"]["ref"] == "main"
    closed = next(one for one in core.pulls if one.title == "Try another rounding mode")
    shown = github.get(f"{CORE}/pulls/{closed.number}").json
    assert (shown["state"], shown["merged"], shown["closed_at"]) == ("closed", False, "2026-05-15T16:00:00Z")
    again = next(one for one in payments.pulls if one.title == "Draft of instant payouts")
    states: list[str] = []
    for day in (13, 21, 35):
        github.clock.set(datetime(2026, 8, 1, tzinfo=UTC) + timedelta(days=day))
        states.append(github.get(f"/repos/tallybrook/payments-gateway/pulls/{again.number}").json["state"])
    github.clock.set(datetime(2026, 9, 30, tzinfo=UTC))
    states.append(github.get(f"/repos/tallybrook/payments-gateway/pulls/{again.number}").json["state"])
    assert states == ["open", "closed", "closed", "open"]
