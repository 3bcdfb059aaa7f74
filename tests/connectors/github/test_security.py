"""Alerts of GitHub's scanners, security features, environments, owners of code and workflow runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.github.alert_rows import first_noons
from connectors.github.code_owners import rules_of
from connectors.github.extractors import EXTRACTORS
from connectors.github.permissions import least_app_permissions
from connectors.github.probes import PROBES
from sandbox.github import script_security as script
from sandbox.github.model import Alert, AlertChange, Environment, Organisation, WorkflowRun
from sandbox.github.security_events import facts
from sandbox.github.times import Changing, epoch
from sandbox.github.world import World
from schemas.errors import CollectionError, EvidenceError, IncompletePopulation, NotLicensed, PermissionDenied
from schemas.extraction import ItemClaim, Request
from schemas.scope import ScopeItem
from tests.fakes.benches import BENCHES
from tests.fakes.local_github import END, NOW, START, LocalGithub, Story, local_github
from tests.fakes.memory_sink import MemorySink

DAY = timedelta(days=1)
MANY = 330
RUNS = 1_150
FEW = 12
KINDS = ("dependabot", "code_scanning", "secret_scanning")
PER_REPOSITORY = [
    "repository_security", "alert_coverage", "secret_alerts", "vulnerability_alerts", "environments", "code_owners",
    "workflow_runs",
]  # fmt: skip


def alert(
    world: World, story: Story, kind: Any, number: int, at: datetime, *changes: tuple[datetime, str, dict[str, Any]]
) -> Alert:
    told = script.Alert(kind=kind, repository="api", found=at, what=f"thing-{number}", summary="Weak")
    key = f"{story.repository.id}/{kind}/{number}"
    made = Alert(
        kind, world.numbers.allot("alert", key), story.repository, number, epoch(at), facts(told, story.repository, key)
    )
    made.changes += [AlertChange(epoch(when), state, story.member("bob"), said) for when, state, said in changes]
    story.repository.alerts.append(made)
    return made


def build(world: World, organisation: Organisation, many: int = MANY, runs: int = RUNS) -> None:
    api = Story(world, organisation, "api")
    quiet = Story(world, organisation, "quiet")
    for index in range(many):
        kind = KINDS[index % 3]
        alert(world, api, kind, index, START - 40 * DAY + index * timedelta(hours=5))
    closed = START + 3 * DAY
    alert(world, api, "dependabot", 900, START - 100 * DAY, (closed, "fixed", {}))
    alert(world, api, "dependabot", 901, START - 50 * DAY,
          (closed, "dismissed", {"dismissed_reason": "not_used", "dismissed_comment": "x"}))  # fmt: skip
    alert(world, api, "secret_scanning", 902, START + DAY, (closed, "resolved", {"resolution": "revoked"}))
    passed = alert(world, api, "secret_scanning", 903, START + 2 * DAY)
    passed.facts |= {
        "push_protection_bypassed": True, "push_protection_bypassed_at": "2026-04-03T00:00:00Z",
        "bypasser": api.member("carol"),
    }  # fmt: skip
    alert(world, quiet, "code_scanning", 1, START)
    for story in (api, quiet):
        story.repository.analyses += [(epoch(START + week * 7 * DAY), "CodeQL", "2.19.0") for week in range(4)]
    api.repository.files[".github/CODEOWNERS"] = Changing[str | None]("# owners\n* @bob\n/docs/ @nobody-here\n")
    for number, name in ((7000, "production"), (8000, "staging")):
        made = Environment(number, api.repository, name, epoch(START - DAY), [api.member("bob")], wait_minutes=5)
        made.branch_patterns = ["main", "release/*"] if name == "production" else []
        api.repository.environments.append(made)
    bot = api.member("bob")
    for number in range(runs):
        at = epoch(START + 10 * DAY) + number // 2
        api.repository.workflow_runs.append(
            WorkflowRun(50_000 + number, api.repository, "ci", ".github/workflows/ci.yml", number, "push", "main",
                        api.tip, bot, at, at + 60, "success")
        )  # fmt: skip
    quiet.repository.actions.change(0, {"default_workflow_permissions": "write"})


@pytest.fixture(scope="module")
def running() -> Iterator[LocalGithub]:
    with local_github(build) as github:
        yield github


@pytest.fixture(scope="module")
def small() -> Iterator[LocalGithub]:
    with local_github(lambda world, organisation: build(world, organisation, FEW, FEW)) as github:
        yield github


@pytest.fixture(autouse=True)
def as_built(running: LocalGithub, small: LocalGithub) -> Iterator[None]:
    yield
    for github in (running, small):
        github.plan.replace([])
        github.organisation.unlicensed = frozenset()


def request(running: LocalGithub, dataset: str, repository: int | None = 0) -> Request:
    if repository is None:
        item = ScopeItem(f"alerts:github:{running.organisation.node_id}", "acme", "github")
        return Request(frozenset({f"github.{dataset}"}), item, START, END)
    return running.request(running.organisation.repositories[repository], dataset)


def read(
    running: LocalGithub, dataset: str, repository: int | None = 0, environ: dict[str, str] | None = None
) -> tuple[list[dict[str, Any]], ItemClaim]:
    sink = MemorySink()
    [claim] = EXTRACTORS[f"github.{dataset}"](
        running.session(environ=environ), request(running, dataset, repository), sink
    )
    kept = (
        b"".join(answer.body for answer in sink.answers)
        + json.dumps(sink.of(f"github.{dataset}"), default=str).encode()
    )
    assert b"simulated-secret" not in kept
    assert b"quotes source code" not in json.dumps(sink.of(f"github.{dataset}"), default=str).encode()
    return sink.of(f"github.{dataset}"), claim


def of_kind(running: LocalGithub, kind: str, repository: int = 0) -> list[Alert]:
    return [one for one in running.organisation.repositories[repository].alerts if one.kind == kind]


# --- alerts


def test_every_alert_created_in_the_interval_whatever_its_page(running: LocalGithub) -> None:
    rows, claim = read(running, "alerts", None)
    everywhere = [one for repository in running.organisation.repositories for one in repository.alerts]
    expected = [one for one in everywhere if epoch(START) <= one.created_at < min(epoch(END), epoch(NOW))]
    assert len(rows) == len(expected) > 100
    assert {row["kind"] for row in rows} == set(KINDS)
    assert claim.rows_returned == sum(1 for one in everywhere if one.exists(epoch(NOW)))
    assert claim.proof_of_life
    assert {row["status"] for row in rows} >= {"open", "resolved"}


def test_another_organisations_alerts_are_not_this_ones(running: LocalGithub) -> None:
    asked = request(running, "alerts", None)
    other = Request(asked.datasets, ScopeItem("alerts:github:O_other", "other", "github"), START, END)
    with pytest.raises(EvidenceError, match="not the organisation"):
        EXTRACTORS["github.alerts"](running.session(), other, MemorySink())


def test_a_month_holds_what_was_created_closed_or_already_open(running: LocalGithub) -> None:
    rows, claim = read(running, "vulnerability_alerts")
    by_alert: dict[int, set[str]] = {}
    for row in rows:
        by_alert.setdefault(row["number"], set()).add(row["event"])
    assert by_alert[900] == {"carried_over", "closed"}
    assert by_alert[901] == {"carried_over", "closed"}
    closed = next(row for row in rows if row["number"] == 901 and row["event"] == "closed")
    assert (closed["closed_how"], closed["dismissed_reason"], closed["dismissed_by"]["login"]) == (
        "dismissed", "not_used", "bob",
    )  # fmt: skip
    old = [one for one in of_kind(running, "dependabot") if one.created_at < epoch(START)]
    assert {one.number for one in old} <= by_alert.keys()
    assert "as many as GitHub counts" in (claim.reconciliation or "")
    assert all("carried_over" in by_alert[one.number] for one in old)


def test_secrets_are_told_without_the_secret(running: LocalGithub) -> None:
    rows, _ = read(running, "secret_alerts")
    events = {row["event"] for row in rows if row["number"] == 903}
    assert events == {"created", "push_protection_bypassed"}
    bypassed = next(row for row in rows if row["event"] == "push_protection_bypassed")
    assert bypassed["push_protection_bypassed_by"]["login"] == "carol"
    resolved = next(row for row in rows if row["event"] == "closed")
    assert (resolved["resolution"], resolved["state"]) == ("revoked", "resolved")


def test_one_reading_of_the_organisation_serves_all_repositories(running: LocalGithub) -> None:
    session = running.session()
    running.plan.forget_requests()
    for repository in (0, 1):
        EXTRACTORS["github.secret_alerts"](session, request(running, "secret_alerts", repository), MemorySink())
    first = sum(running.plan.requests()["github"].values())
    EXTRACTORS["github.secret_alerts"](session, request(running, "secret_alerts", 1), MemorySink())
    assert first == 5, "the repositories, and two pages of alerts from both ends"
    assert sum(running.plan.requests()["github"].values()) == 10, "asked for the same again, GitHub is asked again"


def test_no_alerts_where_a_scanner_looks_is_a_claim(running: LocalGithub) -> None:
    rows, claim = read(running, "secret_alerts", 1)
    assert (rows, claim.proof_of_life) == ([], True)
    assert claim.proof == "secret scanning is switched on"


def test_no_alerts_where_no_scanner_looks_is_no_claim(running: LocalGithub) -> None:
    repository = running.organisation.repositories[1]
    held = repository.security
    repository.security = Changing({**held.at(0), "secret_scanning": "disabled", "vulnerability_alerts": "disabled"})
    try:
        for dataset in ("secret_alerts", "vulnerability_alerts"):
            with pytest.raises(NotLicensed, match="not switched on"):
                read(running, dataset, 1)
        rows, _ = read(running, "alert_coverage", 1)
    finally:
        repository.security = held
    assert {row["feature"]: row["state"] for row in rows} == {
        "dependabot": "disabled", "secret_scanning": "disabled", "code_scanning": "enabled",
    }  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_scanner_the_plan_does_not_have_is_named(running: LocalGithub, kind: str) -> None:
    running.organisation.unlicensed = frozenset({kind})
    rows, claim = read(running, "alerts", None)
    assert kind not in {row["kind"] for row in rows}
    assert f"{kind} is not in use" in (claim.reconciliation or "")
    if kind == "secret_scanning":
        with pytest.raises(NotLicensed):
            read(running, "secret_alerts")
    if kind == "code_scanning":
        _, claim = read(running, "vulnerability_alerts")
        assert "code scanning is not in use" in (claim.reconciliation or "")
        rows, _ = read(running, "alert_coverage")
        assert next(row["state"] for row in rows if row["feature"] == "code_scanning") == "not_licensed"


def test_without_any_scanner_there_is_no_source(running: LocalGithub) -> None:
    running.organisation.unlicensed = frozenset(KINDS)
    with pytest.raises(NotLicensed):
        read(running, "alerts", None)


def test_months_begin_at_noon() -> None:
    found = list(first_noons(datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 4, 1, 12, tzinfo=UTC)))
    assert [one.isoformat() for one in found] == ["2026-02-01T12:00:00+00:00", "2026-03-01T12:00:00+00:00"]


# --- settings


def test_security_features_and_rights_of_actions(running: LocalGithub) -> None:
    [row], claim = read(running, "repository_security")
    assert (row["secret_scanning"], row["push_protection"], row["vulnerability_alerts"]) == ("enabled",) * 3
    assert (row["actions_enabled"], row["default_workflow_permissions"], row["actions_found_in"]) == (
        True, "read", "organisation",
    )  # fmt: skip
    assert claim.observed_at == NOW


def test_actions_are_read_of_the_repository_where_the_organisation_leaves_a_choice(running: LocalGithub) -> None:
    held = running.organisation.actions
    running.organisation.actions = Changing({**held.at(0), "default_workflow_permissions": "write"})
    try:
        [row], claim = read(running, "repository_security", 1)
    finally:
        running.organisation.actions = held
    assert (row["default_workflow_permissions"], row["actions_found_in"]) == ("write", "repository")
    assert "token rights read from the repository" in (claim.reconciliation or "")


def test_settings_that_are_not_shown_are_unknown_and_not_off(running: LocalGithub, tmp_path: Path) -> None:
    permissions = least_app_permissions(["github.repository_security"])
    del permissions["administration"]
    environ = running.app_environ(tmp_path, permissions)
    try:
        for dataset in ("repository_security", "secret_alerts", "alert_coverage"):
            with pytest.raises(PermissionDenied):
                read(running, dataset, environ=environ)
    finally:
        running.organisation.installations.pop()


def test_coverage_says_what_looks_and_when_last(running: LocalGithub) -> None:
    rows, _ = read(running, "alert_coverage")
    by_feature = {row["feature"]: row for row in rows}
    assert {row["state"] for row in rows} == {"enabled"}
    assert by_feature["code_scanning"]["last_analysis_at"] == START + 21 * DAY
    assert by_feature["code_scanning"]["tool"] == "CodeQL 2.19.0"
    secrets = [one for one in of_kind(running, "secret_scanning") if one.exists(epoch(NOW))]
    open_secrets = sum(1 for one in secrets if one.now(epoch(NOW)) is None)
    assert by_feature["secret_scanning"]["open_alerts"] == open_secrets


def test_an_archived_repository_is_not_analysed_any_more(running: LocalGithub) -> None:
    repository = running.organisation.repositories[1]
    held = repository.archived
    repository.archived = Changing(True)
    try:
        rows, _ = read(running, "alert_coverage", 1)
    finally:
        repository.archived = held
    [row] = [one for one in rows if one["feature"] == "code_scanning"]
    assert (row["state"], row["archived"]) == ("disabled", True)
    assert "archived" in (row["detail"] or "")


def test_environments_with_reviewers_and_branches(running: LocalGithub) -> None:
    rows, claim = read(running, "environments")
    by_name = {row["environment"]: row for row in rows}
    assert set(by_name) == {"production", "staging"}
    assert by_name["production"]["branch_patterns"] == ["main", "release/*"]
    assert (by_name["production"]["production"], by_name["staging"]["production"]) == (True, False)
    assert [one["name"] for one in by_name["production"]["reviewers"]] == ["bob"]
    assert claim.independent_count == 2
    rows, claim = read(running, "environments", 1)
    assert (rows, claim.independent_count, claim.proof_of_life) == ([], 0, True)


def test_environments_of_another_repository_are_not_taken(running: LocalGithub) -> None:
    name = running.organisation.repositories[0].full_name(epoch(NOW))

    def of_another(_: str, body: bytes) -> bytes:
        return body.replace(f"/repos/{name}/environments/".encode(), b"/repos/acme/another/environments/")

    bench = BENCHES["github"]
    assert bench is not None
    with bench.altering(of_another), pytest.raises(IncompletePopulation, match="another repository"):
        read(running, "environments")


def test_branch_policies_of_another_environment_are_not_taken(running: LocalGithub) -> None:
    _, staging = running.organisation.repositories[0].environments
    held, staging.branch_patterns = staging.branch_patterns, ["develop", "next"]
    first: list[bytes] = []

    def repeated(_: str, body: bytes) -> bytes:
        if b'"branch_policies"' not in body:
            return body
        first.append(body)
        return first[0]

    bench = BENCHES["github"]
    assert bench is not None
    try:
        rows, _ = read(running, "environments")
        assert [row["branch_patterns"] for row in rows] == [["main", "release/*"], ["develop", "next"]]
        with bench.altering(repeated), pytest.raises(IncompletePopulation, match="another environment"):
            read(running, "environments")
        assert len(first) == 2
    finally:
        staging.branch_patterns = held


def test_owners_of_code_with_the_errors_github_finds(running: LocalGithub) -> None:
    [row], _ = read(running, "code_owners")
    assert row["path"] == ".github/CODEOWNERS"
    assert [(one["line"], one["pattern"], one["owners"]) for one in row["rules"]] == [
        (2, "*", ["@bob"]), (3, "/docs/", ["@nobody-here"]),
    ]  # fmt: skip
    assert [(one["line"], one["kind"]) for one in row["errors"]] == [(3, "Unknown owner")]
    [row], _ = read(running, "code_owners", 1)
    assert (row["path"], row["rules"], row["text"]) == (None, [], None)


def test_code_owners_syntax() -> None:
    assert rules_of("a\\ b @x # why\n#@y\n*.js\n\n/z @o/t m@x.io") == [
        {"line": 1, "pattern": "a b", "owners": ["@x"]},
        {"line": 3, "pattern": "*.js", "owners": []},
        {"line": 5, "pattern": "/z", "owners": ["@o/t", "m@x.io"]},
    ]


def test_more_runs_than_github_shows_at_once_are_asked_for_in_pieces(running: LocalGithub) -> None:
    rows, claim = read(running, "workflow_runs")
    assert len(rows) == RUNS == claim.independent_count
    assert {row["run_id"] for row in rows} == {str(50_000 + number) for number in range(RUNS)}
    assert "pieces" in (claim.reconciliation or "")


# --- faults and rights


FAULTS: list[dict[str, Any]] = [
    {"kind": "server_error", "status": 502},
    {"kind": "connection_reset"},
    {"kind": "secondary_limit", "retry_after": 1},
    {"kind": "truncated_page"},
    {"kind": "empty_page"},
    {"kind": "lying_last_page"},
    {"kind": "shifting_list"},
    {"kind": "graphql_error", "code": "TIMEOUT"},
]


@pytest.mark.parametrize("dataset", [*PER_REPOSITORY, "alerts"])
def test_a_fault_at_any_request_costs_no_row(small: LocalGithub, dataset: str) -> None:
    repository = None if dataset == "alerts" else 0
    small.plan.forget_requests()
    whole = {row["raw"] for row in read(small, dataset, repository)[0]}
    requests = sum(small.plan.requests()["github"].values())
    for place, fault in enumerate(FAULTS):
        for number in range(2 + place % 3, requests, 4):  # the first two open the session
            small.plan.replace([{"source": "github", "times": 1, "after": number, "items": 2, **fault}])
            try:
                rows, claim = read(small, dataset, repository)
            except CollectionError:
                assert fault["kind"] in {"empty_page", "lying_last_page", "shifting_list"}, (fault, number)
            else:
                assert {row["raw"] for row in rows} == whole or claim.truncated, (fault, number)
            finally:
                small.plan.replace([])


@pytest.mark.parametrize("dataset", [*PER_REPOSITORY, "alerts"])
@pytest.mark.parametrize("kind", ["unauthorized", "forbidden", "not_found", "lying_last_page"])
def test_a_lasting_fault_is_an_error(small: LocalGithub, dataset: str, kind: str) -> None:
    repository = None if dataset == "alerts" else 0
    whole = {row["raw"] for row in read(small, dataset, repository)[0]}
    small.plan.replace([{"source": "github", "kind": kind, "times": None, "after": 2, "items": 2}])
    try:
        rows, claim = read(small, dataset, repository)
    except EvidenceError:
        return
    assert {row["raw"] for row in rows} == whole or claim.truncated, f"{kind} went unnoticed"


def test_lists_that_no_count_checks_are_read_twice(small: LocalGithub) -> None:
    small.plan.replace([
        {"source": "github", "kind": "lying_last_page", "items": 3, "times": 1, "match": "GET *secret-scanning/alerts*"}
    ])  # fmt: skip
    rows, _ = read(small, "secret_alerts")
    small.plan.replace([])
    assert {row["raw"] for row in rows} == {row["raw"] for row in read(small, "secret_alerts")[0]}


@pytest.mark.parametrize("dataset", [*PER_REPOSITORY, "alerts"])
def test_the_least_rights_are_enough_and_each_is_needed(small: LocalGithub, tmp_path: Path, dataset: str) -> None:
    repository = None if dataset == "alerts" else 0
    granted = least_app_permissions([f"github.{dataset}"])
    whole = {row["raw"] for row in read(small, dataset, repository)[0]}
    item = request(small, dataset, repository).item
    for missing in (None, *granted):
        if missing == "metadata":
            continue
        environ = small.app_environ(tmp_path, {name: level for name, level in granted.items() if name != missing})
        try:
            if missing is None:
                assert {row["raw"] for row in read(small, dataset, repository, environ)[0]} == whole
                PROBES[f"github.{dataset}"](small.session(environ=environ), item)
                continue
            with pytest.raises((PermissionDenied, IncompletePopulation)):
                read(small, dataset, repository, environ)
            with pytest.raises(PermissionDenied):
                PROBES[f"github.{dataset}"](small.session(environ=environ), item)
        finally:
            small.organisation.installations.pop()
