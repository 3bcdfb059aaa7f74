"""`evidence review …` as people type it, from the list to the signature, and every way around it that is shut."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from cli.json_schemas import schema_of
from connectors.reviews.deciding import Desk, Wanted
from connectors.workspace import open_workspace
from schemas.errors import ConfigurationError
from schemas.instants import parse_instant
from tests.fakes.evidence_project import Project, Ran, evidence
from tests.fakes.reviewing_company import STAFF, SYSTEM, listed, reviewing_company, user

LEAD, CTO = "lead@acme.example", "cto@acme.example"


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("EVIDENCE_SIGNING_KEY_FILE", str(tmp_path / "key.pem"))
    made = reviewing_company(tmp_path / "company", "2026-01-02T00:00:00Z").at("2026-03-25T08:00:00Z")
    listed(made)
    return made.at("2026-03-26T08:00:00Z")


def fits(name: str, document: object) -> None:
    Draft202012Validator(schema_of(name)).validate(document)


def refused(company: Project, *arguments: str) -> str:
    ran = company.run("review", *arguments)
    assert ran.code != 0, ran.out
    return ran.err


def decide(company: Project, row: str, decision: str = "keep", by: str = LEAD, *more: str) -> Ran:
    return company.run("review", "decide", row, decision, "--by", by, *more)


def all_decided(company: Project) -> None:
    for row, by in (("cto@acme.example", LEAD), ("lead@acme.example", CTO)):
        ran = decide(company, row, "keep", by)
        if by == CTO:
            assert "not on people.reviewers" in ran.err
        else:
            assert ran.code == 0, ran.err
    company.fine("review", "delegate", CTO, "--row", "lead@acme.example", "--by", LEAD)
    assert decide(company, "lead@acme.example", "keep", CTO).code == 0
    assert decide(company, "dev@acme.example", "keep", LEAD, "--reason", "runs the domain").code == 0


def cell(company: Project, window: str = "2026-Q1") -> dict[str, object]:
    return company.cells("CC6-UAR-01", "decisions")[window, "acme.example"]


def test_from_the_list_to_the_signature(company: Project) -> None:
    [opened] = company.fine("review", "open")["reviews"]
    assert (opened["system"], opened["quarter"], opened["new"]) == (SYSTEM, "2026-Q1", True)
    assert opened["counts"]["undecided"] == 3
    assert company.fine("review", "open")["reviews"][0] == {**opened, "new": False}
    assert cell(company.at("2026-04-10T00:00:00Z"))["state"] == "human_decision_pending"
    fits("review-list", company.fine("review", "list"))
    fits("review-list", company.fine("review", "open"))
    fits("review-show", company.fine("review", "show"))
    shown = company.fine("review", "show", "--flagged")["shown"]
    assert [(row["email"], row["flags"], row["persons"]) for row in shown] == [
        ("dev@acme.example", ["privileged"], ["p3"])
    ]
    all_decided(company)
    fits("review-show", company.fine("review", "show"))
    signed = company.fine("review", "sign", "--by", LEAD)
    fits("review", signed)
    assert signed["signed"]["signed_by"] == LEAD
    assert signed["counts"] == {"rows": 3, "keep": 3, "revoke": 0, "change": 0, "escalate": 0, "undecided": 0}
    late = company.at("2026-04-02T00:00:00Z")
    assert (cell(late)["state"], cell(late, "2026-Q2")["state"]) == ("collected", "not_due")
    assert company.verify()["ok"]


def test_a_person_reads_it(company: Project) -> None:
    company.fine("review", "open")
    where = ["--program", str(company.program), "--simulated-now", str(company.now)]
    shown = evidence("review", "show", *where)
    assert "3 undecided" in shown.out
    assert "second factor on" in shown.out
    assert evidence("review", "list", *where).out.startswith("2026-Q1  acme.example  3 accounts")
    assert "say what to decide" in evidence("review", "decide", "--by", LEAD, *where).err
    assert "say who you are" in evidence("review", "decide", "x", "keep", *where).err
    assert "Usage" in evidence("review", "decide", "--help").out


# --- opening ---------------------------------------------------------------------------------------------------------


def test_what_does_not_open(company: Project) -> None:
    listed(company.at("2026-03-26T07:00:00Z"), STAFF, counted=4)
    assert "3 rows and the source counts 4" in refused(company, "open", "--system", SYSTEM)
    listed(company.at("2026-03-26T07:10:00Z"), STAFF, counted=None)
    assert "no count of its own" in refused(company, "open", "--system", SYSTEM)
    assert "has not begun" in refused(company, "open", "--system", SYSTEM, "--quarter", "2026-Q2")
    assert "no quarter of which" in refused(company, "open", "--system", SYSTEM, "--quarter", "2026-Q4")
    assert "no system in scope" in refused(company, "open", "--system", "google:C2")
    ran = company.run("review", "open")
    assert (ran.code, ran.json["reviews"]) == (1, [])
    assert "no count of its own" in ran.json["refused"][0]["problem"]


def test_a_list_is_whole_young_and_of_one_quarter(company: Project) -> None:
    listed(company.at("2026-03-26T07:00:00Z"), STAFF[:1], truncated=True)
    assert company.fine("review", "open", "--system", SYSTEM)["reviews"][0]["counts"]["rows"] == 3
    later = company.at("2026-04-02T00:00:00Z")
    assert "before the quarter began" in refused(later, "open", "--system", SYSTEM, "--quarter", "2026-Q2")
    listed(company.at("2026-04-03T00:00:00Z"))
    april = company.at("2026-04-04T00:00:00Z")
    april.fine("review", "open", "--again", "--quarter", "2026-Q1")
    assert "one list serves one quarter" in refused(april, "open", "--system", SYSTEM, "--quarter", "2026-Q2")
    june = company.at("2026-06-01T00:00:00Z")
    assert "must not be older than 30 days" in refused(june, "open", "--system", SYSTEM, "--quarter", "2026-Q2")


# --- ways around it --------------------------------------------------------------------------------------------------


def test_nobody_decides_about_their_own(company: Project) -> None:
    company.fine("review", "open")
    assert "own account" in decide(company, "lead@acme.example").err
    company.fine("review", "delegate", CTO, "--by", LEAD)
    assert "own account" in decide(company, "cto@acme.example", "keep", "c.tech@acme.example").err, "an alias"


def test_undecided_rows_are_not_signed_over(company: Project) -> None:
    company.fine("review", "open")
    assert "3 of 3 rows are undecided" in refused(company, "sign", "--by", LEAD)
    company.fine("review", "delegate", CTO, "--row", "lead@acme.example", "--by", LEAD)
    for row, by in (("cto@acme.example", LEAD), ("lead@acme.example", CTO)):
        assert decide(company, row, "keep", by).code == 0
    assert decide(company, "dev@acme.example", "escalate", LEAD, "--reason", "not mine").code == 0
    assert "1 of 3 rows are undecided" in refused(company, "sign", "--by", LEAD)


def test_who_signs_is_on_the_list_today(company: Project) -> None:
    company.fine("review", "open")
    all_decided(company)
    assert "does not stand on people.reviewers" in refused(company, "sign", "--by", "dev@acme.example")
    assert "does not stand on people.reviewers" in refused(company, "sign", "--by", "late@acme.example"), "from May on"
    assert "is nobody" in refused(company, "sign", "--by", "mallory@evil.example")


def test_what_is_signed_stays(company: Project) -> None:
    company.fine("review", "open")
    all_decided(company)
    company.fine("review", "sign", "--by", LEAD)
    assert "is signed" in decide(company, "cto@acme.example", "revoke", LEAD, "--reason", "no").err
    assert "already" in refused(company, "sign", "--by", LEAD)
    assert "stays as it is" in refused(company, "open", "--again", "--system", SYSTEM, "--quarter", "2026-Q1")
    assert "nothing left" in refused(company, "delegate", CTO, "--by", LEAD)


def test_two_people_at_once(company: Project) -> None:
    company.fine("review", "open")
    all_decided(company)
    at = parse_instant(company.now or "")
    desk = Desk(open_workspace(company.program, now=lambda: at))
    review = desk.find(None, None)
    company.fine("review", "sign", "--by", LEAD)
    with pytest.raises(ConfigurationError, match="signed meanwhile"):
        desk.decide(review, [Wanted("google:1cto", "revoke", "no")], LEAD, how="row")
    assert company.fine("review", "show")["counts"]["keep"] == 3


def test_a_row_that_changed_is_not_decided_by_what_was_seen_before(company: Project) -> None:
    company.fine("review", "open")
    [before] = [row for row in company.fine("review", "show")["shown"] if row["email"] == CTO]
    listed(company.at("2026-03-27T08:00:00Z"), [user("cto", privileged=True), *STAFF[1:]])
    later = company.at("2026-03-28T08:00:00Z")
    later.fine("review", "open", "--again")
    ran = decide(later, CTO, "keep", LEAD, "--reason", "known", "--row-digest", before["row_digest"])
    assert "another than the one that was shown" in ran.err


def test_an_old_list_is_not_signed(company: Project) -> None:
    company.fine("review", "open")
    all_decided(company)
    assert "more than 30 days" in refused(company.at("2026-04-25T08:00:01Z"), "sign", "--by", LEAD)


def test_an_edited_pack_is_noticed(company: Project) -> None:
    pack = company.fine("review", "open")["reviews"][0]["pack"].removeprefix("sha256:")
    [path] = company.store.glob(f"objects/*/{pack}.parquet")
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert "is not what was stored" in refused(company, "sign", "--by", LEAD)
    assert not company.verify()["ok"]


def test_a_pack_edited_after_the_signature_makes_it_worthless(company: Project) -> None:
    pack = company.fine("review", "open")["reviews"][0]["pack"].removeprefix("sha256:")
    all_decided(company)
    company.fine("review", "sign", "--by", LEAD)
    [path] = company.store.glob(f"objects/*/{pack}.parquet")
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    later = company.at("2026-04-02T00:00:00Z")
    found = cell(later)
    assert (found["state"], found["flags"]) == ("invalid", ["integrity_warning", "signature_unauthenticated"])
    told = later.run("test", "--control", "CC6-UAR-01", "--window", "2026-Q1", "--as-of", "2026-04-02T00:00:00Z")
    assert [one["outcome"] for one in told.json["outcomes"]] == ["unknown"]


def test_the_clock_is_not_set_back(company: Project) -> None:
    company.fine("review", "open")
    all_decided(company.at("2026-04-20T08:00:00Z"))
    ran = company.at("2026-03-30T08:00:00Z").run("review", "sign", "--by", LEAD)
    assert ran.code != 0
    assert "dated back" in ran.err


def test_signed_with_a_key_of_ones_own(company: Project, tmp_path: Path) -> None:
    company.fine("review", "open")
    all_decided(company)
    key = tmp_path / "lead.pem"
    evidence("record", "key", str(key))
    assert "none that the recorded programme has" in refused(company, "sign", "--by", LEAD, "--sign-with", str(key))
    assert "nobody's" in refused(company, "sign", "--sign-with", str(key))


# --- many at once ----------------------------------------------------------------------------------------------------


def exported(company: Project) -> list[dict[str, str]]:
    where = ["--program", str(company.program), "--simulated-now", str(company.now)]
    return list(csv.DictReader(io.StringIO(evidence("review", "show", "--csv", *where).out)))


def written(company: Project, rows: list[dict[str, str]]) -> str:
    path = company.folder / "decisions.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


def test_a_spreadsheet_goes_out_and_comes_back(company: Project) -> None:
    hostile = user("x", email="=cmd|'/C calc'!A0")
    listed(company.at("2026-03-26T07:00:00Z"), [*STAFF, hostile, *(user(f"n{n}") for n in range(30))])
    company.fine("review", "open")
    rows = exported(company)
    assert len(rows) == 34
    assert next(row for row in rows if row["row_id"] == "google:1x")["email"] == "'=cmd|'/C calc'!A0"
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]
    for row in rows:
        if row["email"] != LEAD:
            row |= {"decision": "keep", "reason": "'-known"}
    done = company.fine("review", "decide", "--from", written(company, rows), "--by", LEAD)
    fits("review", done)
    assert len(done["decided"]) == 33
    assert {one["reason"] for one in done["decided"]} == {"-known"}
    assert done["counts"]["undecided"] == 1
    assert company.fine("review", "decide", "--from", written(company, rows), "--by", LEAD)["decided"] == []
    assert company.fine("review", "show")["counts"]["keep"] == 33
    assert company.verify()["ok"]


def test_nothing_of_a_wrong_file_is_taken(company: Project) -> None:
    company.fine("review", "open")
    rows = exported(company)
    for row in rows:
        row["decision"] = "keep"
    rows.append({**rows[0]})
    rows.append({**rows[0], "row_id": "google:nobody"})
    rows.append({**rows[1], "row_id": "google:other", "decision": "", "reason": "no decision"})
    err = refused(company, "decide", "--from", written(company, rows), "--by", LEAD)
    assert "nothing was recorded" in err
    for line, words in ((3, "needs a reason"), (4, "own account"), (5, "was decided on line"), (6, "there is no row"),
                        (7, "has a reason and no decision")):  # fmt: skip
        assert any(f"decisions.csv:{line}" in told and words in told for told in err.splitlines()), (line, err)
    assert company.fine("review", "show")["counts"]["undecided"] == 3
    path = company.folder / "bad.csv"
    path.write_text("row_id,decision\nx,keep\n")
    assert "bad.csv:1" in refused(company, "decide", "--from", str(path), "--by", LEAD)


def test_asked_row_by_row(company: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    company.fine("review", "open")
    said = iter(["k", "", "x", "k", "", "k", "runs it", "k", ""])

    def typed(_prompt: str = "") -> str:
        for one in said:
            return one
        raise EOFError

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", typed)
    where = ["--program", str(company.program), "--simulated-now", str(company.now)]
    ran = evidence("review", "decide", "--by", LEAD, *where)
    assert ran.code == 0, ran.err
    assert "needs a reason" in ran.out, "the administrator's"
    assert "own account" in ran.out
    shown = company.fine("review", "show")["shown"]
    assert {row["email"]: bool(row["decision"]) for row in shown} == {
        "cto@acme.example": True, LEAD: False, "dev@acme.example": True,
    }  # fmt: skip


def test_a_secret_is_no_reason(company: Project) -> None:
    company.fine("review", "open")
    ran = decide(company, CTO, "revoke", LEAD, "--reason", "key AKIA" + "A2B3C4D5E6F7G2H3")
    assert "the reason holds an AWS access key id" in ran.err


def test_a_second_quarter_shows_what_changed(company: Project) -> None:
    company.fine("review", "open")
    all_decided(company)
    company.fine("review", "sign", "--by", LEAD)
    listed(company.at("2026-06-25T08:00:00Z"), [user("cto", privileged=True), STAFF[1], user("new")])
    june = company.at("2026-06-26T08:00:00Z")
    [opened] = june.fine("review", "open")["reviews"]
    assert (opened["quarter"], opened["removed"]) == ("2026-Q2", ["google:1dev"])
    shown = june.fine("review", "show", "--quarter", "2026-Q2")["shown"]
    assert {row["email"]: (row["change"], row["changes"]) for row in shown} == {
        "cto@acme.example": ("changed", ["privileged"]), "lead@acme.example": ("same", []),
        "new@acme.example": ("new", []),
    }  # fmt: skip


def test_what_was_revoked_is_followed_until_it_is_seen(company: Project) -> None:
    company.fine("review", "open")
    company.fine("review", "delegate", CTO, "--row", LEAD, "--by", LEAD)
    for row, decision, by, reason in (
        (CTO, "keep", LEAD, "known"),
        (LEAD, "keep", CTO, "known"),
        ("dev@acme.example", "revoke", LEAD, "has left the team"),
    ):
        assert decide(company, row, decision, by, "--reason", reason).code == 0
    company.fine("review", "sign", "--by", LEAD)

    def tested(at: str) -> dict[str, tuple[str, list[str]]]:
        ran = company.at(at).run("test", "--control", "CC6-UAR-01", "--window", "2026-Q1", "--as-of", at)
        assert ran.code == 0, ran.err
        return {one["item_id"]: (one["outcome"], one["codes"]) for one in ran.json["outcomes"]}

    early = tested("2026-04-05T00:00:00Z")
    assert early.pop("google:1dev") == ("pending", [])
    [pack] = [item for item in early if item.startswith("pack:")]
    assert set(early) == {"google:1cto", "google:1lead", pack}
    assert all(found == ("pass", []) for found in early.values())
    assert tested("2026-04-20T00:00:00Z")["google:1dev"] == ("unknown", [])
    listed(company.at("2026-04-21T00:00:00Z"))
    assert tested("2026-04-22T00:00:00Z")["google:1dev"] == ("exception", ["REVOKE_NOT_DONE"])
    listed(company.at("2026-04-23T00:00:00Z"), STAFF[:2])
    assert tested("2026-04-24T00:00:00Z")["google:1dev"] == ("exception", ["REVOKE_LATE"])
