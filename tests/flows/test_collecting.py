"""Flows over a small company: what is tried again, what turns a run red, what on-call is told, catching up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore.endpoint
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.sorting import FlowRunSort

from evidence.completeness.severity import COVERED
from flows.catch_up import catch_up
from flows.change_management import change_management
from flows.family import CollectionFailedError
from flows.logical_access import logical_access
from sandbox.serve import Sandbox, running
from tests.fakes.evidence_project import Project, reachable
from tests.fakes.small_company import ACCOUNT, NOW, WINDOW, write_account, write_history
from tests.fakes.webhook_receiver import Receiver, receiving

pytestmark = pytest.mark.usefixtures("prefect_api")

AT = datetime.fromisoformat(NOW)
ACTIVITY_OF_WEB = {"operation": "GET /repos/{owner}/{repo}/activity", "path": "/repos/acme/web/*"}
ATTEMPTS = 4
"""How often a connector asks before it gives up."""


@dataclass(frozen=True)
class Company:
    sandbox: Sandbox
    project: Project
    receiver: Receiver

    def plan(self, *faults: dict[str, Any]) -> None:
        assert self.sandbox.plan is not None
        self.sandbox.plan.replace([{"times": None, **fault} for fault in faults])

    def attempts(self, dataset: str) -> dict[str, list[str]]:
        """What became of each attempt, in order, by the item's name."""
        found: dict[str, list[str]] = {}
        for claim in self.project.claims(dataset):
            found.setdefault(claim["scope_item"], []).append(claim["status"])
        return found

    def entries(self) -> int:
        return len(list((self.project.store / "ledger").iterdir()))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, Project, Receiver]]:
    """Two repositories and an account, and a programme that tells a webhook."""
    folder = tmp_path_factory.mktemp("company")
    files = [write_history(folder / f"{name}.csv", 40) for name in ("api", "web")]
    changes = [f"acme/{file.stem}={file}" for file in files]
    iam = write_account(folder / "account.json", users=3)
    with (
        receiving() as receiver,
        running(changes=changes, iam=iam, now=AT, directory=folder / "site") as sandbox,
        reachable(sandbox, folder),
        pytest.MonkeyPatch.context() as patch,
    ):
        # By the app: a personal token can't list the tokens of others, and that line would stay open for ever.
        patch.delenv("GITHUB_TOKEN", raising=False)
        for name, value in sandbox.github_app.items():
            patch.setenv(name, value)
        project = Project(folder / "site", NOW)

        def change(programme: Any) -> None:
            programme["observation_period"] = {"start": "2026-07-01", "end": "2026-08-31"}
            programme["alerts"] = [{"webhook": {"url": receiver.url}}]

        project.edit(change)
        yield sandbox, project, receiver


@pytest.fixture
def company(
    served: tuple[Sandbox, Project, Receiver], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Company]:
    """The company with a store of its own; nobody waits, neither in connectors nor between attempts of a task."""
    monkeypatch.setattr("connectors.workspace.time", SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setattr("tasks.collection._DELAYS", [0.0, 0.0, 0.0])
    sandbox, project, receiver = served
    receiver.texts.clear()
    made = Company(sandbox, project.copy(tmp_path / "site"), receiver)
    yield made
    made.plan()


def changes(company: Company, retries: int = 0) -> dict[str, Any]:
    return change_management(
        str(company.project.program), window=WINDOW, control="CC8-CHG-01", simulated_now=AT, retries=retries
    )  # type: ignore[return-value]


def last_run() -> Any:
    """The flow run that began last, as the server has it."""
    with get_client(sync_client=True) as client:
        [run] = client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=1)
    return run


# --- trying again ----------------------------------------------------------------------------------------------------


def test_what_failed_in_passing_is_tried_again_and_nothing_else(company: Company) -> None:
    company.plan({"source": "github", "kind": "server_error", "match": ACTIVITY_OF_WEB, "times": ATTEMPTS})
    document = changes(company, retries=1)
    assert company.attempts("github.commits") == {"acme/api": ["ok"], "acme/web": ["error", "ok"]}
    commits = {one["scope_item"]: one for one in document["entries"] if one["dataset"] == "github.commits"}
    assert {name: one["status"] for name, one in commits.items()} == {"acme/api": "ok", "acme/web": "ok"}
    assert commits["acme/web"]["ledger"] > commits["acme/api"]["ledger"], "the attempt that counts is the last one"
    assert last_run().state.is_completed()
    assert company.receiver.texts == []


def test_without_retries_the_failure_stands(company: Company) -> None:
    company.plan({"source": "github", "kind": "server_error", "match": ACTIVITY_OF_WEB, "times": ATTEMPTS})
    with pytest.raises(CollectionFailedError) as failed:
        changes(company)
    assert company.attempts("github.commits") == {"acme/api": ["ok"], "acme/web": ["error"]}
    api = {one["dataset"]: one["status"] for one in failed.value.document["entries"] if one["scope_item"] == "acme/api"}
    assert api["github.commits"] == api["github.pull_requests"] == "ok"
    assert last_run().state.is_failed()


def test_what_never_passes_is_given_up_after_the_retries(company: Company) -> None:
    company.plan({"source": "github", "kind": "server_error", "match": ACTIVITY_OF_WEB})
    with pytest.raises(CollectionFailedError, match=r"of \d+ collections failed\. acme/web: GET /repos/") as failed:
        changes(company, retries=2)
    assert failed.value.exit_code == 3
    assert company.attempts("github.commits") == {"acme/api": ["ok"], "acme/web": ["error"] * 3}
    assert len(company.receiver.texts) == 1, "three attempts, one message"


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "forbidden"},
        {"kind": "error", "code": "NobodyKnowsThisException"},
        {"kind": "wrong_date", "seconds": 900},
    ],
    ids=lambda fault: fault["kind"],
)
def test_what_does_not_pass_by_itself_is_not_tried_again(company: Company, fault: dict[str, Any]) -> None:
    company.plan({"source": "aws", "match": "iam:*", **fault})
    with pytest.raises(CollectionFailedError):
        logical_access(str(company.project.program), control="CC6-PRIV-01", simulated_now=AT, retries=3)  # type: ignore[call-overload]
    assert company.attempts("aws.privileges") == {ACCOUNT: ["error"]}
    assert company.attempts("github.administrators") == {"acme": ["ok"]}, "the other system is collected all the same"


# --- a red run and what on-call is told ------------------------------------------------------------------------------


def test_one_message_for_each_cause(company: Company) -> None:
    company.plan(
        {"source": "github", "kind": "forbidden", "match": "GET /orgs/{org}/members"},
        {"source": "aws", "kind": "forbidden", "match": "iam:*"},
    )
    with pytest.raises(CollectionFailedError):
        logical_access(str(company.project.program), control="CC6-MFA-01", simulated_now=AT, retries=0)  # type: ignore[call-overload]
    assert last_run().state.is_failed()
    rights = sorted(text.partition("1. grant ")[2].partition("\n")[0] for text in company.receiver.texts)
    assert rights == ["iam:GenerateCredentialReport", "organization permission members: read"]
    for text in company.receiver.texts:
        assert "First loss 2026-09-01" in text, "a state of August can be looked at in August only"


def test_the_message_says_what_is_lost_by_when_and_what_to_run(company: Company) -> None:
    company.plan({"source": "github", "kind": "forbidden", "match": "GET /repos/{owner}/{repo}/activity"})
    with pytest.raises(CollectionFailedError):
        changes(company)
    [text] = company.receiver.texts
    program = company.project.program
    assert text.startswith("[SIMULATED] [")
    assert "CC8-CHG-01  Every production code change was reviewed and tested before it was merged" in text
    assert "acme/api, acme/web" in text
    assert "PermissionDenied" in text
    assert "1. grant repository permission contents: read" in text
    assert "First loss 2026-09-29" in text, "checks of 1 July are remembered for 90 days"
    assert f"evidence collect --program {program} --control CC8-CHG-01 --window 2026-07 --scope github:R_" in text
    assert f"evidence collect --program {program} --missing" in text
    assert f"evidence completeness --program {program}" in text


def test_a_second_run_with_the_same_cause_has_the_same_message(company: Company) -> None:
    company.plan({"source": "github", "kind": "forbidden", "match": "GET /repos/{owner}/{repo}/activity"})
    for _ in range(2):
        with pytest.raises(CollectionFailedError):
            changes(company)
    first, second = company.receiver.texts
    assert first == second


def test_a_run_that_goes_well_tells_nobody(company: Company) -> None:
    changes(company)
    assert company.receiver.texts == []
    assert last_run().state.is_completed()


# --- catching up -----------------------------------------------------------------------------------------------------


def test_catching_up_collects_what_is_missing_and_nothing_twice(company: Company) -> None:
    program = str(company.project.program)
    change_management(program, window=WINDOW, scope=["acme/api"], simulated_now=AT, retries=0)  # type: ignore[call-overload]
    assert company.attempts("github.commits") == {"acme/api": ["ok"]}
    document: Any = catch_up(program, control="CC8-CHG-01", simulated_now=AT, retries=0)
    july = [
        one for one in document["entries"] if one["dataset"] == "github.commits" and one["claim"]["from"] < "2026-08"
    ]
    assert [one["scope_item"] for one in july] == ["acme/web"]
    assert {one["status"] for one in document["entries"]} <= {"ok", "truncated"}
    for line in ("commits", "merges"):
        for (window, name), cell in company.project.cells("CC8-CHG-01", line).items():
            assert cell["state"] in (COVERED if window == WINDOW else {"not_due"}), (line, window, name)
    held = company.entries()
    again: Any = catch_up(program, control="CC8-CHG-01", simulated_now=AT, retries=0)
    assert again == {"entries": []}
    assert company.entries() == held, "nothing was written"
    assert company.project.verify()["problems"] == []


def test_catching_up_goes_by_the_soonest_loss(company: Company) -> None:
    document: Any = catch_up(str(company.project.program), family="change_management", simulated_now=AT, retries=0)
    july = [one["dataset"] for one in document["entries"] if one["claim"]["from"] < "2026-08"]
    assert july[0] == "github.bypasses", "28 days"
    assert july.index("github.checks") < july.index("github.commits"), "90 days, and no limit"
    assert not [one for one in document["entries"] if one["dataset"].startswith("aws.")], "one family only"


def test_catching_up_narrowed_to_an_item_and_a_window(company: Company) -> None:
    document: Any = catch_up(
        str(company.project.program),
        control="CC8-CHG-01",
        window=WINDOW,
        scope=["acme/web"],
        simulated_now=AT,
        retries=0,
    )
    asked = [one for one in document["entries"] if one["dataset"] != "github.repositories"]
    assert {one["scope_item"] for one in asked} == {"acme/web"}
    assert {one["window_id"] for one in asked} == {WINDOW}
    assert {one["dataset"] for one in asked} == {
        "github.commits", "github.pull_requests", "github.checks", "github.bypasses",
    }  # fmt: skip


def test_a_gap_that_was_healed_keeps_its_trace(company: Company) -> None:
    company.plan({"source": "github", "kind": "connection_reset"})
    with pytest.raises(CollectionFailedError):
        changes(company)
    company.plan()
    catch_up(str(company.project.program), control="CC8-CHG-01", simulated_now=AT, retries=0)
    cell = company.project.cells("CC8-CHG-01", "commits")[WINDOW, "acme/api"]
    assert cell["state"] in COVERED
    errors = [claim for claim in company.project.claims("github.repositories") if claim["status"] == "error"]
    assert errors, "the failed attempt stays in the ledger"
