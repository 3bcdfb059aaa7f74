"""The access reviews of a simulated company, held on their day."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.workspace import open_workspace
from flows.simulated_reviews import dated_reviews, hold_review
from sandbox.company import DEMO
from schemas.errors import ConfigurationError
from schemas.instants import parse_instant
from tests.fakes.reviewing_company import STAFF, listed, reviewing_company

SAID = {
    "system": "acme.example", "quarter": "2026-Q1", "reviewer": "lead@acme.example", "second": "cto@acme.example",
    "reason": "looked at together", "revoke": ["dev@acme.example"],
}  # fmt: skip


def test_in_the_order_of_their_days() -> None:
    every = dated_reviews(DEMO)
    assert [one.at for one in every] == sorted(one.at for one in every)
    assert {one.said["quarter"] for one in every} == {"2026-Q2", "2026-Q3"}
    second = [one.at for one in every if one.said["quarter"] == "2026-Q2"]
    assert second[-1] > parse_instant("2026-07-15T00:00:00Z") > second[0], "one in time, one late"
    assert dated_reviews(DEMO.parent) == []


def test_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVIDENCE_SIGNING_KEY_FILE", str(tmp_path / "key.pem"))
    company = reviewing_company(tmp_path / "company", "2026-01-02T00:00:00Z").at("2026-03-25T08:00:00Z")
    listed(company, STAFF)
    workspace = open_workspace(company.program, now=lambda: parse_instant("2026-03-28T15:00:00Z"))
    assert hold_review(workspace, SAID) == 3
    [review] = company.at("2026-03-29T00:00:00Z").fine("review", "list")["reviews"]
    assert (review["counts"]["keep"], review["counts"]["revoke"]) == (2, 1)
    assert review["signed"]["signed_by"] == "lead@acme.example"
    with pytest.raises(ConfigurationError, match="is signed"):
        hold_review(workspace, SAID)
