"""The acceptance cases of human decisions, each on a store of its own, through the commands that people use.

What the engine makes of such inputs is tested elsewhere; here the inputs come from files that people write, at the
simulated instant at which the store hears of them.
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
from tests.fakes.evidence_project import Project, Ran
from tests.fakes.recording_company import (
    ORGANISATION,
    REPOSITORY,
    minutes,
    penetration_test,
    recording_company,
    write_records,
)

GIVEN = Path(__file__).parents[2].parent / "shared" / "spec" / "completeness_cases.yaml"

LINES = {
    "uar": ("CC1-GOV-01", "minutes", ORGANISATION),
    "yearly": ("CC4-PEN-01", "report", "product:app"),
    "stream": ("CC8-CHG-01", "merges", REPOSITORY),
}
"""The line that stands for each template: same rhythm, deadlines and limits."""

REFUSED = {
    "H19": "has not come yet",
    "C09": "nobody approves their own request",
}
"""Cases whose record the command does not take, with the reason it gives. What is not recorded proves nothing."""

FRESH_PACK = {"controls": {"CC1-GOV-01": {"evidence": {"minutes": {"pack_max_age_days": 30}}}}}
"""Minutes that need a population, as the decisions of an access review do."""


def _cases() -> Iterator[Any]:
    if not GIVEN.is_file():
        return
    document = yaml.safe_load(GIVEN.read_text())
    for case in document["cases"]:
        template = document["templates"][case["template"]]
        if template["requirement"]["kind"] == "human_record" or "not_applicable" in case:
            yield pytest.param({**template, **case}, id=case["id"])


CASES = list(_cases())


def test_the_cases_are_there() -> None:
    if not GIVEN.is_file():
        pytest.skip("../shared/spec/completeness_cases.yaml is absent: the acceptance cases were not recorded")
    assert len(CASES) >= 20
    assert set(REFUSED) <= {case.id for case in CASES}


def _instant(value: Any) -> str:
    return format_instant(value.replace(tzinfo=UTC)) if isinstance(value, datetime) else str(value)


@pytest.mark.parametrize("case", CASES)
def test_recorded_and_judged(case: Mapping[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVIDENCE_SIGNING_KEY_FILE", str(tmp_path / "key.pem"))
    control, evidence_id, item = LINES[case["template"]]
    steps = sorted(_steps(case), key=lambda step: step[0])
    as_of = _instant(case["as_of"])
    first = parse_instant(min([as_of, *(at for at, _, _ in steps)]))
    parts = {"observation_period": {key: str(case["period"][key]) for key in ("start", "end")}, **FRESH_PACK}
    company = recording_company(tmp_path / "company", format_instant(first - timedelta(days=1)), parts)
    refusals: list[str] = []
    for at, kind, said in steps:
        ran = _record(company.at(at), kind, said, (control, evidence_id, item))
        refusals += [] if ran.code == 0 else [ran.err]
    if case["id"] in REFUSED:
        assert len(refusals) == 1
        assert REFUSED[case["id"]] in refusals[0]
    else:
        assert refusals == []
    latest = max([as_of, *(at for at, _, _ in steps)])
    judged = company.at(latest).run("completeness", "--as-of", as_of, "--fail-on", "never")
    assert judged.code == 0, judged.err
    cells = {
        cell["window_id"]: cell
        for cell in judged.json["cells"]
        if (cell["control_id"], cell["evidence_id"], cell["scope_item_id"]) == (control, evidence_id, item)
    }
    for window, expected in case["expect"].items():
        wanted = {"state": expected} if isinstance(expected, str) else dict(expected)
        if case["id"] == "H19":
            wanted = {"state": "due"}  # nothing was recorded, and the grace of the quarter is not over
        found = cells[window]
        assert found["state"] == wanted["state"], (window, found)
        assert set(wanted.get("flags", ())) <= set(found["flags"]), window
        for key in ("gap", "until"):
            if key in wanted:
                assert found[key] == (None if wanted[key] is None else _instant(wanted[key])), (window, key)


def _steps(case: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """What is recorded when: instant, kind of step, what it says."""
    for said in case.get("records", ()):
        yield _instant(said["recorded_at"]), "record", said
    for said in case.get("packs", ()):
        yield _instant(said["recorded_at"]), "pack", said
    for said in case.get("exceptions", ()):
        yield _instant(said["recorded_at"]), "exceptions", said
    for said in case.get("not_applicable", ()):
        at = _instant(said.get("recorded_at") or said["approved_at"])
        yield at, "request", said
        if "approved_by" in said:
            yield at, "approval", said


def _record(company: Project, kind: str, said: Mapping[str, Any], line: tuple[str, str, str]) -> Ran:
    if kind in ("pack", "exceptions"):
        return _from_elsewhere(company, kind, said, line)
    if kind == "record":
        performed = _instant(said["performed_at"])
        yearly = line[0] == "CC4-PEN-01"
        record = penetration_test(performed) if yearly else minutes(performed, said["for_window"])
        record |= {key: said[key] for key in ("population_complete", "undecided") if key in said}
        if "population_at" in said:
            record["population_at"] = _instant(said["population_at"])
        if said.get("corroborated"):
            (company.folder / "trace.eml").write_text("Date: that day\n")
            record["corroboration"] = {
                "what": "mail header", "reference": "<1@acme.example>", "at": performed, "file": "trace.eml",
            }  # fmt: skip
            record["attachments"] = ["trace.eml"]
        name = "penetration_test" if yearly else "minutes"
        return company.run("record", name, str(write_records(company.folder, "record.yaml", record)))
    people = {"lead": "lead@acme.example", "cto": "cto@acme.example"}
    if kind == "request":
        to = said["to"] - timedelta(days=1)  # days in a file are inclusive
        values = {
            "control_id": line[0], "from": str(said["from"].date()), "to": str(to.date()), "reason": said["reason"],
            "requested_by": people[said.get("requested_by", "lead")], "requested_at": company.now,
        }  # fmt: skip
        record = {"scope_item": line[2], "values": values}
        return company.run("record", "not_applicable", str(write_records(company.folder, "request.yaml", record)))
    listed = company.run("record", "list", "--kind", "not_applicable").json["records"]
    values = {
        "request": listed[-1]["digest"], "approved_by": people[said["approved_by"]],
        "approved_at": _instant(said["approved_at"]),
    }  # fmt: skip
    path = write_records(company.folder, "approval.yaml", {"values": values})
    return company.run("record", "not_applicable_approval", str(path))


def _from_elsewhere(company: Project, kind: str, said: Mapping[str, Any], line: tuple[str, str, str]) -> Ran:
    """Packs and outcomes, which commands and flows of their own put into the ledger."""
    at = parse_instant(company.now or "")
    workspace = open_workspace(company.program, now=lambda: at)
    where = dict(zip(("control_id", "evidence_id", "scope_item_id"), line, strict=True))
    if kind == "pack":
        workspace.store.append("record", {"record_kind": "pack", **where, "window": said["window"]})
    else:
        summary = {**where, "window_id": said["window"], "population": 1, "exceptions": said["open"]}
        body = {"control_id": line[0], "as_of": company.now, "summary": [summary]}
        workspace.store.append("outcomes", body)
    return Ran(0, "", "")
