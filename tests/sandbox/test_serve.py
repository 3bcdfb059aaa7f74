"""A whole sandbox: the programme it writes, the control server, and PyGithub as a client."""

from __future__ import annotations

import csv
import io
import json
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import github
import pytest
import requests

from connectors.programme_file import load_programme
from sandbox.program import twelve_months
from sandbox.serve import Sandbox, main, parse_change, running, serve
from schemas.errors import ConfigurationError
from tests.fakes.github_sandbox import CHANGES

NOW = datetime(2026, 9, 15, 12, tzinfo=UTC)
HEADER = (
    "sha,parents,n_parents,on_first_parent,author,committer,author_date,commit_date,pr_number,pr_source,web_flow,"
    "author_is_bot,reviewed_by,co_authored_by,signed_off_by,gpgsig"
)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running("demo", now=NOW, directory=tmp_path_factory.mktemp("demo")) as sandbox:
        yield sandbox


@pytest.fixture
def history(tmp_path: Path) -> str:
    """A history of two years, one change a month."""
    lines = [HEADER]
    for number in range(24, 0, -1):
        year, month = 2024 + (number - 1) // 12, (number - 1) % 12 + 1
        moment = f"{year}-{month:02d}-15T10:00:00+00:00"
        lines.append(f"{number:040x},{number - 1:040x},1,1,ann,web-flow,{moment},{moment},{number},squash,1,0,bob,,,1")
    path = tmp_path / "app.csv"
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return f"acme/app={path}"


def client(sandbox: Sandbox) -> github.Github:
    return github.Github(
        auth=github.Auth.Token(sandbox.github_token["GITHUB_TOKEN"]),
        base_url=sandbox.endpoints["github"],
        per_page=100,
        seconds_between_requests=None,
        seconds_between_writes=None,
    )


class TestDemo:
    def test_its_programme_is_valid_and_points_at_the_sandbox(self, demo: Sandbox) -> None:
        loaded = load_programme(demo.program, {})
        scope = loaded.programme.scope.github
        assert scope is not None
        assert str(scope.api_url) == demo.endpoints["github"]
        assert scope.organisation == "tallybrook"

    def test_its_registers_name_people_and_accounts(self, demo: Sandbox) -> None:
        registers = demo.program.parent / "registers"
        people = list(csv.DictReader(io.StringIO((registers / "people.csv").read_text(encoding="utf-8"))))
        assert len(people) == 26
        identities = list(csv.DictReader(io.StringIO((registers / "identities.csv").read_text(encoding="utf-8"))))
        known = {row["account_id"] for row in identities if row["system"] == "github"}
        assert demo.world is not None
        organisation = demo.world.organisations["tallybrook"]
        logins = {member.account.login for member in organisation.members}
        assert logins - known == {"tallybrook-evidence"}

    def test_every_repository_beside_the_product_has_a_decision(self, demo: Sandbox) -> None:
        rows = csv.DictReader(io.StringIO((demo.program.parent / "registers/scope.csv").read_text(encoding="utf-8")))
        decided = {row["item_id"]: row["decision"] for row in rows}
        assert demo.world is not None
        for repository in demo.world.organisations["tallybrook"].repositories:
            if "production" not in repository.topics.at(2**40):
                assert decided[f"github:{repository.node_id}"] == "out"

    def test_pygithub_reads_it(self, demo: Sandbox) -> None:
        organisation = client(demo).get_organization("tallybrook")
        assert organisation.two_factor_requirement_enabled is True
        assert {one.name for one in organisation.get_repos()} >= {"ledger-core", "ledger-web"}
        repository = client(demo).get_repo("tallybrook/ledger-core")
        pulls = list(repository.get_pulls(state="closed", sort="updated", direction="desc"))
        assert len({one.id for one in pulls}) == len(pulls) > 60
        assert pulls[0].merged_by is not None, "completed by a request of its own"
        assert list(pulls[0].get_reviews())
        assert next(iter(repository.get_commits())).sha == repository.get_branch("main").commit.sha

    def test_pygithub_reads_it_as_an_app(self, demo: Sandbox) -> None:
        given = demo.github_app
        key = Path(given["GITHUB_APP_PRIVATE_KEY_FILE"]).read_text(encoding="utf-8")
        integration = github.GithubIntegration(
            auth=github.Auth.AppAuth(int(given["GITHUB_APP_ID"]), key), base_url=demo.endpoints["github"]
        )
        installed = integration.get_github_for_installation(int(given["GITHUB_APP_INSTALLATION_ID"]))
        assert installed.get_repo("tallybrook/ledger-core").full_name == "tallybrook/ledger-core"
        assert demo.environment.items() >= given.items()
        assert "GITHUB_TOKEN" not in demo.environment

    def test_google_wants_a_token(self, demo: Sandbox) -> None:
        heard = requests.get(f"{demo.endpoints['google']}/admin/directory/v1/users?customer=my_customer", timeout=10)
        assert heard.status_code == 401
        key = json.loads(Path(demo.environment["GOOGLE_APPLICATION_CREDENTIALS"]).read_bytes())
        assert key["token_uri"] == f"{demo.endpoints['google']}/token"


class TestControl:
    def put(self, sandbox: Sandbox, what: str, body: Any) -> requests.Response:
        return requests.put(f"{sandbox.faults}/{what}", json=body, timeout=10)

    def test_the_clock_moves_dates_and_what_exists(self, demo: Sandbox) -> None:
        authorised = {"Authorization": f"token {demo.github_token['GITHUB_TOKEN']}"}
        try:
            heard = self.put(demo, "clock", {"now": "2026-06-20T08:00:00Z"})
            assert heard.json() == {"now": "2026-06-20T08:00:00Z"}
            url = f"{demo.endpoints['github']}/orgs/tallybrook/repos"
            listed = requests.get(url, headers=authorised, timeout=10)
            assert listed.headers["Date"] == "Sat, 20 Jun 2026 08:00:00 GMT"
            assert "notifications" not in {one["name"] for one in listed.json()}
        finally:
            self.put(demo, "clock", {"now": NOW.isoformat()})
        assert requests.get(f"{demo.faults}/clock", timeout=10).json() == {"now": "2026-09-15T12:00:00Z"}

    @pytest.mark.parametrize(
        ("what", "body"),
        [
            ("clock", {"now": "yesterday"}),
            ("clock", {"now": "2026-06-20T08:00:00"}),
            ("clock", {"now": "2026-06-20T08:00:00Z", "pace": 2}),
            ("clock", []),
            ("plan", {"source": "github", "kind": "forbidden"}),
            ("plan", [{"source": "github", "kind": "meltdown"}]),
            ("latency", {"ms": "fast"}),
            ("latency", {"ms": -1}),
            ("limits", {"core": "many"}),
            ("limits", {"graphs": 1}),
        ],
    )
    def test_what_is_wrong_is_refused_with_a_reason(self, demo: Sandbox, what: str, body: Any) -> None:
        heard = self.put(demo, what, body)
        assert heard.status_code == 422
        assert heard.json()["error"]

    def test_plans_counts_latency_and_limits(self, demo: Sandbox) -> None:
        url = f"{demo.endpoints['github']}/orgs/tallybrook"
        requests.delete(f"{demo.faults}/requests", timeout=10)
        try:
            assert (
                self.put(demo, "plan", [{"source": "github", "kind": "server_error", "status": 503}]).status_code == 200
            )
            assert requests.get(url, timeout=10).status_code == 503
            assert requests.get(url, timeout=10).status_code == 200
            (described,) = requests.get(f"{demo.faults}/plan", timeout=10).json()
            assert described["spent"] == 1
            counted = requests.get(f"{demo.faults}/requests", timeout=10).json()
            assert counted["github"] == {"GET /orgs/{org}": 2}
            assert self.put(demo, "latency", {"ms": 1}).json() == {"ms": 1}
            assert self.put(demo, "limits", {"core": 7}).json() == {"core": 7}
            limits = requests.get(f"{demo.endpoints['github']}/rate_limit", timeout=10).json()
            assert limits["resources"]["core"]["limit"] == 7
        finally:
            for what, body in (("plan", []), ("latency", {"ms": 0}), ("limits", {})):
                self.put(demo, what, body)

    def test_tells_what_it_is(self, demo: Sandbox) -> None:
        assert requests.get(demo.faults, timeout=10).json()["endpoints"] == demo.endpoints
        names = requests.get(f"{demo.faults}/schemas", timeout=10).json()
        assert "sandbox-plan" in names
        assert requests.get(f"{demo.faults}/schemas/sandbox-plan", timeout=10).json()["title"] == "Fault plan"
        assert requests.get(f"{demo.faults}/schemas/other", timeout=10).status_code == 404


class TestHistories:
    def test_a_history_alone(self, history: str, tmp_path: Path) -> None:
        with running(changes=[history], now=NOW, directory=tmp_path / "out") as sandbox:
            loaded = load_programme(sandbox.program, {}).programme
            assert loaded.scope.github is not None
            assert loaded.scope.github.repositories.names == ("app",)
            assert str(loaded.scope.github.api_url) == sandbox.endpoints["github"]
            assert (loaded.observation_period.start, loaded.observation_period.end) == (
                date(2024, 12, 1),
                date(2025, 11, 30),
            )
            assert loaded.evidence_rules.tickets_required is False
            assert list(sandbox.environment) == ["GITHUB_TOKEN"]
            assert len(list(client(sandbox).get_repo("acme/app").get_pulls(state="closed"))) == 24

    def test_google_says_that_it_is_not_there(self, history: str, tmp_path: Path) -> None:
        with running(None, [history], None, NOW, directory=tmp_path / "out") as sandbox:
            heard = requests.get(f"{sandbox.endpoints['google']}/admin/directory/v1/users", timeout=10)
            assert heard.status_code == 501
            assert "no Google here" in heard.json()["error"]["message"]

    def test_beside_a_company(self, history: str, tmp_path: Path) -> None:
        own = history.replace("acme/app", "tallybrook/old-ledger")
        with running("demo", changes=[own, history], now=NOW, directory=tmp_path / "out") as sandbox:
            names = {one.full_name for one in client(sandbox).get_organization("tallybrook").get_repos()}
            assert {"tallybrook/old-ledger", "tallybrook/ledger-core"} <= names
            assert client(sandbox).get_repo("acme/app").full_name == "acme/app"

    @pytest.mark.parametrize("text", ["app.csv", "acme=app.csv", "acme/=app.csv", "acme/app=", "acme/app=missing.csv"])
    def test_what_is_no_history(self, text: str) -> None:
        with pytest.raises(ConfigurationError):
            parse_change(text)

    @pytest.mark.parametrize(
        ("first", "last", "period"),
        [
            (date(2020, 1, 1), date(2026, 8, 21), (date(2025, 8, 1), date(2026, 7, 31))),
            (date(2020, 1, 1), date(2026, 8, 31), (date(2025, 9, 1), date(2026, 8, 31))),
            (date(2020, 1, 1), date(2026, 1, 5), (date(2025, 1, 1), date(2025, 12, 31))),
            (date(2026, 3, 10), date(2026, 8, 21), (date(2026, 4, 1), date(2026, 7, 31))),
            (date(2026, 3, 1), date(2026, 8, 21), (date(2026, 3, 1), date(2026, 7, 31))),
            (date(2026, 8, 3), date(2026, 8, 21), (date(2026, 8, 3), date(2026, 8, 21))),
        ],
    )
    def test_the_last_twelve_full_months(self, first: date, last: date, period: tuple[date, date]) -> None:
        assert twelve_months(first, last) == period

    @pytest.mark.skipif(not CHANGES.is_dir(), reason="../shared/data/changes is not there")
    def test_a_real_history_is_whole(self, tmp_path: Path) -> None:
        with running(changes=[f"pypi/warehouse={CHANGES / 'warehouse.csv'}"], directory=tmp_path) as sandbox:
            repository = client(sandbox).get_repo("pypi/warehouse")
            assert repository.get_pulls(state="closed").totalCount == 885


class TestProcess:
    def test_in_a_process_of_its_own(self, history: str, tmp_path: Path) -> None:
        with running(changes=[history], now=NOW, directory=tmp_path / "out", own_process=True) as sandbox:
            assert (sandbox.clock, sandbox.plan, sandbox.world) == (None, None, None)
            heard = requests.get(f"{sandbox.endpoints['github']}/rate_limit", timeout=10)
            assert heard.headers["Date"] == "Tue, 15 Sep 2026 12:00:00 GMT"
            url = sandbox.faults
        with pytest.raises(requests.ConnectionError):
            requests.get(url, timeout=5)

    def test_what_is_wrong_is_told_before_anything_is_served(
        self, capfd: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        assert main(["--company", str(tmp_path)]) == 2
        assert "no company.yaml" in capfd.readouterr().err

    def test_serve_prints_one_line_and_runs_until_it_is_stopped(
        self, history: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Stopping(threading.Event):
            """Is set as soon as somebody waits for it."""

            def wait(self, timeout: float | None = None) -> bool:
                told = json.loads(printed.getvalue())
                assert set(told) >= {"program", "environment", "endpoints", "faults"}
                assert set(told["endpoints"]) == {"aws", "github", "google"}
                assert requests.get(told["faults"], timeout=10).status_code == 200
                seen.append(told["program"])
                return super().wait(0)

        printed, seen = io.StringIO(), list[str]()
        monkeypatch.setattr("sandbox.serve.new_event", Stopping)
        serve(None, [history], None, NOW, directory=tmp_path / "out", output=printed)
        assert printed.getvalue().count("\n") == 1
        assert seen == [str(tmp_path / "out" / "program.yaml")]

    def test_a_port_that_is_taken(self, demo: Sandbox, tmp_path: Path) -> None:
        port = int(demo.faults.rpartition(":")[2])
        with pytest.raises(OSError, match="cannot listen on port"), running("demo", port=port, directory=tmp_path):
            pass
