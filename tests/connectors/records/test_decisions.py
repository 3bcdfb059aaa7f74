"""Decisions about cells and items: not applicable, and what an exception was. Nobody decides in their own matter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connectors.outcomes import _store_rows
from connectors.records.recording import Recorded
from connectors.workspace import Workspace
from evidence.completeness.ledger_facts import facts_of
from evidence.controls.run import outcomes_body
from schemas.instants import parse_instant
from schemas.outcome import Outcome
from tests.fakes.evidence_project import Project
from tests.fakes.recording_company import REPOSITORY

NOW = parse_instant("2026-04-02T00:00:00Z")
MERGED = parse_instant("2026-02-10T09:00:00Z")


def request(**changes: Any) -> dict[str, Any]:
    values = {
        "control_id": "CC8-CHG-01", "from": "2026-01-01", "to": "2026-01-31", "reason": "no production traffic",
        "requested_by": "lead@acme.example", "requested_at": "2026-04-01T09:00:00Z",
    }  # fmt: skip
    return {"scope_item": REPOSITORY, "values": {**values, **changes}}


def approval(digest: str, **changes: Any) -> dict[str, Any]:
    values = {"request": digest, "approved_by": "cto@acme.example", "approved_at": "2026-04-01T10:00:00Z"}
    return {"values": {**values, **changes}}


class TestNotApplicable:
    """A request, and its approval by somebody else."""

    def test_a_request_takes_nothing_out(self, record: Callable[..., list[Recorded]]) -> None:
        [one] = record("not_applicable", request())
        assert (one.body["from"], one.body["to"]) == ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")
        assert (one.body["approved_by"], one.body["evidence_id"]) == (None, None)

    def test_the_approval_repeats_the_request(
        self, record: Callable[..., list[Recorded]], workspace: Workspace, company: Project
    ) -> None:
        [asked] = record("not_applicable", request(evidence_id="merges"))
        [approved] = record("not_applicable_approval", approval(asked.digest))
        kept = ("control_id", "evidence_id", "scope_item_id", "from", "to", "reason", "requested_by")
        assert {key: approved.body[key] for key in kept} == {key: asked.body[key] for key in kept}
        assert approved.body["approved_by"] == "cto@acme.example"
        assert len(facts_of(workspace.store.index(), NOW).notes["CC8-CHG-01"]) == 2
        assert company.verify()["ok"]

    def test_for_every_line_and_item(self, record: Callable[..., list[Recorded]]) -> None:
        [one] = record("not_applicable", {**request(), "scope_item": None})
        assert one.body["scope_item_id"] is None

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"approved_by": "lead@acme.example"}, "lead@acme.example asked for it"),
            ({"approved_by": "dev@acme.example"}, "dev@acme.example does not stand on people.approvers"),
            ({"approved_at": "2026-04-09T00:00:00Z"}, "has not come yet"),
            ({"request": "sha256:" + "1" * 64}, "there is no request sha256:1111"),
        ],
    )
    def test_who_may_not_approve(
        self, record: Callable[..., Any], refused: Callable[..., str], changes: dict[str, Any], said: str
    ) -> None:
        [asked] = record("not_applicable", request())
        assert said in refused("not_applicable_approval", approval(asked.digest, **changes))

    def test_an_alias_does_not_make_another_person(
        self, record: Callable[..., Any], refused: Callable[..., str]
    ) -> None:
        [asked] = record("not_applicable", request(requested_by="c.tech@acme.example"))
        said = refused("not_applicable_approval", approval(asked.digest))
        assert "cto@acme.example asked for it (c.tech@acme.example), and nobody approves their own request" in said

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"control_id": "CC8-CHG-99"}, "'CC8-CHG-99' is no control of the catalogue"),
            ({"evidence_id": "merge"}, "has no evidence line 'merge'. Did you mean 'merges'?"),
            ({"to": "2025-12-31"}, "to: it lies before `from`"),
            ({"reason": None}, "reason is empty. Why; a sentence the auditor will read"),
        ],
    )
    def test_what_can_not_be_asked_for(self, refused: Callable[..., str], changes: dict[str, Any], said: str) -> None:
        assert said in refused("not_applicable", request(**changes))

    def test_an_item_that_is_none(self, refused: Callable[..., str]) -> None:
        assert "is not in scope of CC8-CHG-01" in refused("not_applicable", {**request(), "scope_item": "org:acme-inc"})


@pytest.fixture
def tested(workspace: Workspace) -> Workspace:
    """An exception that the test of changes found: the lead merged what nobody had approved."""
    outcome = Outcome(
        "CC8-CHG-01", "merges", "2026-02", REPOSITORY, "acme/api", "R_1@abc", MERGED, "exception", ("E1", "E8"),
        "abc was merged by lead-hub on 2026-02-10 without approval.",
    )  # fmt: skip
    summary = [{"evidence_id": "merges", "scope_item_id": REPOSITORY, "window_id": "2026-02", "population": 1,
                "exceptions": 1, "exception_items": {"R_1@abc": ["E1", "E8"]}}]  # fmt: skip
    body = outcomes_body(
        "CC8-CHG-01", as_of=NOW, rows=_store_rows(workspace, [outcome]).to_json(), summary=summary,
        catalogue_digest="sha256:c", programme_digest="sha256:p",
    )  # fmt: skip
    workspace.store.append("outcomes", body)
    return workspace


def disposition(**changes: Any) -> dict[str, Any]:
    values = {
        "control_id": "CC8-CHG-01", "window": "2026-02", "item_id": "R_1@abc", "disposition": "false_positive",
        "reason": "a release commit of the machine", "decided_by": "cto@acme.example",
        "decided_at": "2026-04-01T12:00:00Z",
    }  # fmt: skip
    return {"scope_item": REPOSITORY, "values": {**values, **changes}}


class TestDispositions:
    """What an exception was. The row of the test stays."""

    def test_a_false_positive_is_no_longer_counted(
        self, tested: Workspace, record: Callable[..., Any], company: Project
    ) -> None:
        key = ("CC8-CHG-01", "merges", REPOSITORY)
        record("disposition", disposition(code="E8"))
        facts = facts_of(tested.store.index(), NOW)
        assert facts.exceptions_open(key, facts.tested[key]["2026-02"]) == 1, "one of its two codes stands"
        record("disposition", disposition())
        facts = facts_of(tested.store.index(), NOW)
        assert facts.exceptions_open(key, facts.tested[key]["2026-02"]) == 0
        record("disposition", disposition(disposition="confirmed", reason="it was one after all"))
        facts = facts_of(tested.store.index(), NOW)
        assert facts.exceptions_open(key, facts.tested[key]["2026-02"]) == 1, "the later decision counts"
        assert company.verify()["ok"]

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"decided_by": "lead@acme.example"}, "names lead@acme.example in this item (as 'lead-hub'), and nobody"),
            ({"decided_by": "dev@acme.example"}, "dev@acme.example does not stand on people.reviewers"),
            ({"item_id": "R_1@abd"}, "found no exception 'R_1@abd' in 2026-02"),
            ({"window": "2026-03"}, "found no exception 'R_1@abc' in 2026-03"),
            ({"code": "E2"}, "the test found E1, E8 here, not 'E2'"),
            ({"control_id": "CC8-CHG-99"}, "is no control of the catalogue"),
            ({"disposition": "compensated"}, "say which control made up for it"),
            ({"disposition": "ignored"}, "disposition is not one of confirmed, false_positive, compensated"),
        ],
    )
    def test_refused(self, tested: Workspace, refused: Callable[..., str], changes: dict[str, Any], said: str) -> None:
        assert said in refused("disposition", disposition(**changes))

    def test_where_nothing_was_tested(self, refused: Callable[..., str]) -> None:
        assert "found no exception" in refused("disposition", disposition())
