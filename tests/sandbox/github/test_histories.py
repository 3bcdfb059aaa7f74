"""Change histories as repositories: by the rules of the format, and with three real histories."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from sandbox.github.graph import first_parents
from sandbox.github.model import NO_COMMIT, Repository
from sandbox.github.times import parse
from sandbox.histories import mainline_runs, read_rows
from tests.fakes.github_sandbox import CHANGES, Asked, histories, history

COLUMNS = (
    "sha,parents,n_parents,on_first_parent,author,committer,author_date,commit_date,pr_number,pr_source,web_flow,"
    "author_is_bot,reviewed_by,co_authored_by,signed_off_by,gpgsig"
)
NEW = 2**40

needs_data = pytest.mark.skipif(not CHANGES.is_dir(), reason="../shared/data/changes is not there")


def sha(number: int) -> str:
    return f"{number:040x}"


def line(
    number: int,
    *,
    parents: str | None = None,
    mainline: int = 1,
    author: str = "ann",
    committer: str = "web-flow",
    authored: str = "2026-03-02T09:00:00+00:00",
    committed: str = "2026-03-02T10:00:00+00:00",
    pr: str = "",
    source: str = "none",
    bot: int = 0,
    reviewed: str = "",
    helped: str = "",
) -> str:
    above = sha(number - 1) if parents is None else parents
    return (
        f"{sha(number)},{above},{len(above.split())},{mainline},{author},{committer},{authored},{committed},{pr},"
        f"{source},{int(committer == 'web-flow')},{bot},{reviewed},{helped},,0"
    )


def served(folder: Path, *lines: str) -> tuple[Asked, Repository]:
    """A history of the given lines, newest first."""
    path = folder / "app.csv"
    path.write_text("\n".join([COLUMNS, *lines, ""]), encoding="utf-8")
    github = histories(path)
    return github, github.organisation.repositories[0]


class TestRules:
    def test_entries_are_committer_dates_raised_to_stay_a_second_apart(self, tmp_path: Path) -> None:
        github, repository = served(
            tmp_path,
            line(4, committed="2026-03-02T10:05:00+00:00"),
            line(3, committed="2026-03-01T10:00:00+00:00"),
            line(2, committed="2026-03-02T10:00:00+00:00"),
            line(1, committed="2026-03-02T12:00:00+02:00"),
        )
        rows = github.get("/repos/acme/app/activity?ref=refs/heads/main&direction=asc").json
        assert [row["timestamp"] for row in rows[1:]] == [
            "2026-03-02T10:00:00Z",
            "2026-03-02T10:00:01Z",
            "2026-03-02T10:00:02Z",
            "2026-03-02T10:05:00Z",
        ]
        dates = github.get(f"/repos/acme/app/commits/{sha(3)}").json["commit"]["committer"]["date"]
        assert dates == "2026-03-01T10:00:00Z"
        assert repository.updates[0].kind == "branch_creation"

    def test_a_squash_merge(self, tmp_path: Path) -> None:
        github, repository = served(
            tmp_path, line(1, pr="7", source="squash", author="ann", reviewed="bob|cem", helped="dee")
        )
        pull = github.get("/repos/acme/app/pulls/7").json
        assert (pull["user"]["login"], pull["merged_by"]["login"]) == ("ann", "bob")
        assert (pull["merged_at"], pull["merge_commit_sha"]) == ("2026-03-02T10:00:00Z", sha(1))
        reviews = github.get("/repos/acme/app/pulls/7/reviews").json
        assert [(one["user"]["login"], one["state"], one["submitted_at"]) for one in reviews] == [
            ("bob", "APPROVED", "2026-03-02T09:59:00Z"),
            ("cem", "APPROVED", "2026-03-02T09:59:00Z"),
        ]
        assert {one["commit_id"] for one in reviews} == {pull["head"]["sha"]} != {sha(1)}
        assert {one["author_association"] for one in reviews} == {"MEMBER"}
        (proposed,) = github.get("/repos/acme/app/pulls/7/commits").json
        assert "Co-authored-by: dee" in proposed["commit"]["message"]
        assert repository.pulls[0].merge_method == "SQUASH"

    def test_the_author_merges_where_nobody_reviewed(self, tmp_path: Path) -> None:
        github, _ = served(tmp_path, line(1, pr="7", source="squash", author="ann"))
        assert github.get("/repos/acme/app/pulls/7").json["merged_by"]["login"] == "ann"

    def test_the_committer_merges_where_it_is_a_person(self, tmp_path: Path) -> None:
        github, _ = served(tmp_path, line(1, pr="7", source="pr-url-trailer", committer="cem", reviewed="bob"))
        assert github.get("/repos/acme/app/pulls/7").json["merged_by"]["login"] == "cem"

    def test_a_rebase_merge_owns_all_of_its_commits(self, tmp_path: Path) -> None:
        github, repository = served(
            tmp_path,
            line(3, pr="7", source="pr-url-trailer", reviewed="cem", committed="2026-03-02T10:00:02+00:00"),
            line(2, pr="7", source="pr-url-trailer", reviewed="bob", committed="2026-03-02T10:00:01+00:00"),
            line(1),
        )
        rows = github.get("/repos/acme/app/activity?ref=refs/heads/main").json
        merge = rows[0]
        assert (merge["activity_type"], merge["before"], merge["after"]) == ("pr_merge", sha(1), sha(3))
        for oid in (sha(2), sha(3)):
            owners = github.get(f"/repos/acme/app/commits/{oid}/pulls").json
            assert [one["number"] for one in owners] == [7]
            assert owners[0]["merge_commit_sha"] == sha(3)
        assert {one["user"]["login"] for one in github.get("/repos/acme/app/pulls/7/reviews").json} == {"bob", "cem"}
        assert len(github.get("/repos/acme/app/pulls/7/commits").json) == 2
        assert repository.pulls[0].merge_method == "REBASE"

    def test_a_number_that_comes_back_is_another_pull_request(self, tmp_path: Path) -> None:
        github, _ = served(
            tmp_path,
            line(6, pr="7", source="squash"),
            line(5, pr="70", source="squash"),
            line(4, pr="7", source="squash"),
            line(3),
            line(2, pr="7", source="squash"),
            line(1, pr="7", source="squash"),
        )
        found = {one["number"]: one["merge_commit_sha"] for one in github.pages("/repos/acme/app/pulls?state=all")}
        # 70 is taken, so the first return becomes 700 and the second one 7000
        assert found == {7: sha(2), 70: sha(5), 700: sha(4), 7000: sha(6)}

    def test_a_push_without_a_number(self, tmp_path: Path) -> None:
        github, _ = served(tmp_path, line(2, committer="cem", author="ann", reviewed="bob"), line(1, author="ann"))
        newest, older, _ = github.get("/repos/acme/app/activity?ref=refs/heads/main").json
        assert (newest["activity_type"], newest["actor"]["login"]) == ("push", "cem")
        assert (older["activity_type"], older["actor"]["login"]) == ("push", "ann")
        assert github.get(f"/repos/acme/app/commits/{sha(2)}/pulls").json == []
        assert github.get("/repos/acme/app/pulls?state=all").json == []

    def test_rows_beside_the_first_parent_line_are_second_parents_and_nothing_else(self, tmp_path: Path) -> None:
        github, repository = served(
            tmp_path,
            line(5, parents=f"{sha(1)} {sha(4)}"),
            line(4, parents=sha(3), mainline=0, pr="9", source="pr-url-trailer"),
            line(3, parents=sha(1), mainline=0),
            line(1),
        )
        assert [one.oid for one in first_parents(repository, sha(5))] == [sha(5), sha(1), sha(0)]
        (newest, *_) = github.get("/repos/acme/app/commits").json
        assert [one["sha"] for one in newest["parents"]] == [sha(1), sha(4)]
        assert {one["sha"] for one in github.get("/repos/acme/app/commits").json} >= {sha(3), sha(4)}
        assert github.get("/repos/acme/app/pulls?state=all").json == []
        compared = github.get(f"/repos/acme/app/compare/{sha(1)}...{sha(5)}").json
        assert {one["sha"] for one in compared["commits"]} == {sha(3), sha(4), sha(5)}

    def test_bots_are_bots(self, tmp_path: Path) -> None:
        github, _ = served(tmp_path, line(1, author="updater", bot=1, pr="7", source="squash"))
        pull = github.get("/repos/acme/app/pulls/7").json
        assert (pull["user"]["login"], pull["user"]["type"]) == ("updater[bot]", "Bot")
        answer = github.graphql(
            'query { repository(owner: "acme", name: "app") { pullRequest(number: 7) { author { __typename login }'
            " mergeCommit { author { email user { login } } } } } }"
        )
        found = answer["data"]["repository"]["pullRequest"]
        assert found["author"] == {"__typename": "Bot", "login": "updater"}
        assert found["mergeCommit"]["author"]["user"] is None

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("sha,parents\n", "lacks the columns"),
            (f"{COLUMNS}\n{line(1, committed='yesterday')}\n", "app.csv, line 2"),
            (f"{COLUMNS}\n{line(1, committed='2026-03-02T10:00:00')}\n", "no time zone"),
            (f"{COLUMNS}\n{line(1, pr='seven')}\n", "line 2"),
            (f"{COLUMNS}\n{line(1, mainline=0)}\n", "no branch to show"),
        ],
    )
    def test_a_file_that_is_wrong_is_refused(self, tmp_path: Path, text: str, said: str) -> None:
        path = tmp_path / "app.csv"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=said):
            histories(path)


@pytest.fixture(scope="module", params=["warehouse", "prefect", "libuv"])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def rows(name: str) -> list[dict[str, str]]:
    """Mainline rows, oldest first, as the file has them."""
    with (CHANGES / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return [row for row in csv.DictReader(stream) if row["on_first_parent"] == "1"][::-1]


@pytest.fixture(scope="module")
def github(name: str) -> Asked:
    return history(name)


@pytest.fixture(scope="module")
def ledger(github: Asked, name: str) -> list[dict[str, str]]:
    return github.pages(f"/repos/acme/{name}/activity?ref=refs/heads/main&direction=asc&per_page=100")


@needs_data
class TestRealHistories:
    def test_the_branch_is_the_file(self, github: Asked, rows: list[dict[str, str]]) -> None:
        repository = github.organisation.repositories[0]
        tip = repository.branches["main"].tip(NEW)
        assert tip == rows[-1]["sha"]
        walked = [one.oid for one in first_parents(repository, tip)][::-1]
        assert walked[1:] == [row["sha"] for row in rows]

    def test_the_ledger_is_one_chain_of_increasing_times(
        self, ledger: list[dict[str, str]], rows: list[dict[str, str]]
    ) -> None:
        assert ledger[0]["before"] == NO_COMMIT
        assert all(one["after"] == two["before"] for one, two in pairwise(ledger))
        times = [datetime.fromisoformat(one["timestamp"]) for one in ledger]
        assert all(one < two for one, two in pairwise(times))
        assert ledger[-1]["after"] == rows[-1]["sha"]

    def test_every_row_enters_once_the_way_it_came(
        self, ledger: list[dict[str, str]], rows: list[dict[str, str]], name: str
    ) -> None:
        kinds = Counter(one["activity_type"] for one in ledger)
        direct = [row for row in rows if not row["pr_number"]]
        assert kinds["push"] == len(direct) == {"warehouse": 0, "prefect": 10, "libuv": 438}[name]
        pushed = {one["after"] for one in ledger if one["activity_type"] == "push"}
        assert pushed == {row["sha"] for row in direct}
        assert kinds["pr_merge"] == {"warehouse": 885, "prefect": 3217, "libuv": 1948}[name]

    def test_commits_belong_to_their_pull_requests(self, github: Asked, rows: list[dict[str, str]], name: str) -> None:
        repository = github.organisation.repositories[0]
        for row in rows:
            owner = repository.commits[row["sha"]].introduced_by
            if not row["pr_number"]:
                assert owner is None
                continue
            assert owner is not None
            assert str(owner.number).rstrip("0") == row["pr_number"].rstrip("0")
            assert {one.author.login for one in owner.reviews} >= set(filter(None, row["reviewed_by"].split("|")))
            assert owner.author.kind == ("Bot" if row["author_is_bot"] == "1" else "User")
        returned = {"libuv": {2430, 6890, 16390, 18430, 20080, 28860}}.get(name, set())
        listed = {int(row["pr_number"]) for row in rows if row["pr_number"]}
        assert {pull.number for pull in repository.pulls} - listed == returned

    def test_history_by_date_misses_what_its_committer_dated_otherwise(
        self, github: Asked, rows: list[dict[str, str]], name: str
    ) -> None:
        since, until = "2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z"
        start, end = parse(since), parse(until)
        entered = {
            row.sha
            for run in mainline_runs(read_rows(CHANGES / f"{name}.csv"))
            for row in run.rows
            if start <= row.entry < end
        }
        query = (
            "query($name: String!, $a: GitTimestamp, $b: GitTimestamp, $c: String) {"
            ' repository(owner: "acme", name: $name) { defaultBranchRef { target { ... on Commit {'
            " history(first: 100, after: $c, since: $a, until: $b) {"
            " totalCount pageInfo { hasNextPage endCursor } nodes { oid committedDate } } } } } } }"
        )
        found: list[dict[str, str]] = []
        cursor = None
        while True:
            page = github.graphql(query, name=name, a=since, b=until, c=cursor)["data"]["repository"][
                "defaultBranchRef"
            ]
            connection = page["target"]["history"]
            found += connection["nodes"]
            cursor = connection["pageInfo"]["endCursor"]
            if not connection["pageInfo"]["hasNextPage"]:
                break
        assert connection["totalCount"] == len(found) == len({one["oid"] for one in found})
        assert all(since <= one["committedDate"] <= until for one in found)
        dated = {row["sha"] for row in rows if start <= parse(row["commit_date"]) <= end}
        assert dated <= {one["oid"] for one in found}
        assert entered, "the interval has changes"

    def test_the_graph_holds_the_side_branches(self, github: Asked, name: str) -> None:
        repository = github.organisation.repositories[0]
        merges = [one for one in repository.commits.values() if len(one.parents) == 2]
        assert len(merges) == {"warehouse": 0, "prefect": 0, "libuv": 8}[name]
        for merge in merges:
            assert all(parent in repository.commits for parent in merge.parents)


@needs_data
def test_ten_thousand_changes_in_fifty_repositories(tmp_path: Path) -> None:
    """A history split over fifty files, served as fifty repositories, keeps every change."""
    with (CHANGES / "prefect.csv").open(encoding="utf-8") as stream:
        head, *body = stream.read().splitlines()
    paths = [tmp_path / f"part-{number:02d}.csv" for number in range(50)]
    for number, path in enumerate(paths):
        path.write_text("\n".join([head, *body[number * 60 : number * 60 + 200], ""]), encoding="utf-8")
    github = histories(*paths)
    merged = [one.introduced_by for repo in github.organisation.repositories for one in repo.commits.values()]
    assert sum(1 for owner in merged if owner is not None) > 9_900
    assert len(github.pages("/orgs/acme/repos?per_page=20")) == 50
