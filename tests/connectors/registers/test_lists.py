"""Registers as populations: every row with the file it came from, or what is wrong with the file."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.registry import DATASETS, extractor_for
from schemas.errors import ClockSkew, ConfigurationError, SourceGone
from schemas.extraction import ItemClaim, Request
from schemas.scope import ScopeItem
from tests.fakes.memory_sink import MemorySink
from tests.fakes.own_company import DEVICES, PEOPLE, OwnCompany

COMPANY = ScopeItem("org:acme", "Acme", "own")


def collect(company: OwnCompany, dataset: str, item: ScopeItem = COMPANY) -> tuple[ItemClaim, MemorySink]:
    sink = MemorySink()
    session = company.session(DATASETS[dataset].system)
    (claim,) = extractor_for(dataset)(session, Request(frozenset({dataset}), item), sink)
    return claim, sink


def test_people_come_with_the_file_they_stand_in(tmp_path: Path) -> None:
    company = OwnCompany(tmp_path).whole()
    os.utime(tmp_path / "people.csv", (1_777_000_000, 1_777_000_000))
    claim, sink = collect(company, "hr.people")
    ada, bo = sink.of("hr.people")
    assert ada["aliases"] == ["ada.l@acme.example"]
    assert bo["last_day"] == "2026-04-17"
    assert bo["notified_at"] == datetime(2026, 4, 1, 9, tzinfo=UTC)
    assert (bo["line"], bo["register_file"]) == (3, "people.csv")
    assert bo["register_sha256"] == hashlib.sha256(PEOPLE.encode()).hexdigest() == claim.parameters["sha256"]
    assert bo["exported_at"] == datetime.fromtimestamp(1_777_000_000, UTC)
    assert claim.parameters["row_count"] == 2
    assert claim.parameters["exported_at"] == "2026-04-24T03:06:40Z"
    assert claim.proof_of_life
    assert claim.observed_at == company.now
    assert sink.answers[0].body == PEOPLE.encode()


def test_risks_vendors_and_devices_come_whole(tmp_path: Path) -> None:
    company = OwnCompany(tmp_path).whole()
    _, sink = collect(company, "own.risks")
    assert [(row["risk_id"], row["due"], row["controls"]) for row in sink.of("own.risks")] == [
        ("r1", "2026-09-01", ["CC6-ADM-01"]), ("r2", None, []),
    ]  # fmt: skip
    _, sink = collect(company, "own.vendors")
    assert [(row["entry_id"], row["valid_from"], row["valid_to"]) for row in sink.of("own.vendors")] == [
        ("cloudco", None, None), ("mailer@always", None, "2025-12-31"), ("mailer@2026-02-01", "2026-02-01", None),
    ]  # fmt: skip
    _, sink = collect(company, "own.devices")
    one, two = sink.of("own.devices")
    assert (one["encrypted"], one["malware_protection"]) == (True, None)
    assert (two["person_id"], two["encrypted"], two["last_seen_at"]) == (None, False, None)


def test_one_vendor_is_asked_for_alone(tmp_path: Path) -> None:
    company = OwnCompany(tmp_path).whole()
    claim, sink = collect(company, "own.vendors", ScopeItem("vendor:cloudco", "CloudCo", "own"))
    assert [row["vendor_id"] for row in sink.of("own.vendors")] == ["cloudco"]
    assert (claim.rows_returned, claim.drop_rules) == (3, {"about another item": 2})
    with pytest.raises(SourceGone, match="keeps its entry"):
        collect(company, "own.vendors", ScopeItem("vendor:gone", "Gone", "own"))


@pytest.mark.parametrize(
    ("dataset", "name", "text", "proof"),
    [
        ("own.devices", "devices", DEVICES.splitlines()[0] + "\n", "devices.csv has its header and no rows"),
        ("own.risks", "risks", "# nothing yet\n[]\n", "risks.yaml says [], an empty list"),
        ("own.risks", "risks", "# a file that lost its entries\n", None),
        ("own.vendors", "vendors", "", None),
        ("hr.people", "people", PEOPLE.splitlines()[0] + "\n", None),
    ],
)
def test_an_empty_register_is_believed_where_it_says_so(
    tmp_path: Path, dataset: str, name: str, text: str, proof: str | None
) -> None:
    company = OwnCompany(tmp_path).whole()
    company.write(name, text)
    claim, sink = collect(company, dataset)
    assert sink.of(dataset) == []
    assert (claim.proof_of_life, claim.proof) == (proof is not None, proof)


@pytest.mark.parametrize(
    ("dataset", "name", "text", "message"),
    [
        ("hr.people", "people", PEOPLE.replace("contractor", "helper"), r"people\.csv:3: kind is not one of employee"),
        ("own.devices", "devices", DEVICES.replace(",no,", ",maybe,"), r"devices\.csv:3: encrypted must be yes or no"),
        ("own.risks", "risks", "- {risk_id: r1}\n", r"risks\.yaml:1: title is empty"),
        ("own.vendors", "vendors", "vendor_id: x\n", "must be a list"),
    ],
)
def test_what_is_wrong_is_said_with_file_line_and_fix(
    tmp_path: Path, dataset: str, name: str, text: str, message: str
) -> None:
    company = OwnCompany(tmp_path).whole()
    company.write(name, text)
    with pytest.raises(ConfigurationError, match=message):
        collect(company, dataset)


def test_a_register_that_is_not_named_or_not_there_is_no_empty_one(tmp_path: Path) -> None:
    company = OwnCompany(tmp_path).whole()
    (tmp_path / "risks.yaml").unlink()
    with pytest.raises(ConfigurationError, match=r"Add registers\.risks"):
        collect(company, "own.risks")
    session = company.session()
    (tmp_path / "devices.csv").unlink()
    with pytest.raises(ConfigurationError, match="there is no such file"):
        extractor_for("own.devices")(session, Request(frozenset({"own.devices"}), COMPANY), MemorySink())


def test_a_file_from_the_future_dates_nothing(tmp_path: Path) -> None:
    company = OwnCompany(tmp_path).whole()
    at = company.now.timestamp() + 61
    os.utime(tmp_path / "people.csv", (at, at))
    session = company.session("hr", simulated=False)
    with pytest.raises(ClockSkew, match="still to come"):
        extractor_for("hr.people")(session, Request(frozenset({"hr.people"}), COMPANY), MemorySink())


def test_trainings_of_an_interval(tmp_path: Path) -> None:
    company = OwnCompany(tmp_path).whole()
    name = "own.training_completions"
    start, end = datetime(2026, 8, 1, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC)
    sink = MemorySink()
    request = Request(frozenset({name}), ScopeItem("workforce", "workforce", "hr"), start, end)
    (claim,) = extractor_for(name)(company.session(), request, sink)
    [row] = sink.of(name)
    assert (row["person_id"], row["course_id"], row["score"]) == ("p1", "security", 92)
    assert row["event_time"] == datetime(2026, 8, 3, 10, tzinfo=UTC)
    assert claim.drop_rules == {"outside the interval asked for": 1}
    assert claim.proof_of_life
    company.write("training", "person_id,course_id,version,completed_at,score\n")
    (claim,) = extractor_for(name)(company.session(), request, sink := MemorySink())
    assert (sink.of(name), claim.proof) == ([], "training.csv has its header and no rows")


def test_disposals_of_an_interval(tmp_path: Path) -> None:
    company = OwnCompany(tmp_path).whole()
    name = "own.disposals"
    start, end = datetime(2026, 8, 1, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC)
    request = Request(frozenset({name}), ScopeItem("org:acme", "Acme", "own"), start, end)
    (claim,) = extractor_for(name)(company.session(), request, sink := MemorySink())
    [row] = sink.of(name)
    assert (row["device_id"], row["outcome"], row["new_device_id"]) == ("d1", "disposed", None)
    assert row["event_time"] == datetime(2026, 8, 10, 9, tzinfo=UTC)
    assert (row["wiped_at"], row["disposed_at"]) == (
        datetime(2026, 8, 11, 9, tzinfo=UTC), datetime(2026, 8, 12, 9, tzinfo=UTC),
    )  # fmt: skip
    assert claim.drop_rules == {"outside the interval asked for": 1}
    company.write("disposals", "device_id,retired_at,outcome,wiped_at,method,disposed_at,done_by\n")
    (claim,) = extractor_for(name)(company.session(), request, sink := MemorySink())
    assert (sink.of(name), claim.proof) == ([], "disposals.csv has its header and no rows")


def test_uptime_of_one_service(tmp_path: Path) -> None:
    """Stretches are cut at midnight, so that each interval asked for holds all that was seen in it."""
    company = OwnCompany(tmp_path, now=datetime(2026, 8, 26, tzinfo=UTC)).whole()
    name, third = "own.uptime", datetime(2026, 8, 3, tzinfo=UTC)

    def seen(start: datetime, end: datetime) -> list[tuple[datetime, datetime, str]]:
        request = Request(frozenset({name}), ScopeItem("service:ledger", "Ledger", "own"), start, end)
        (claim,) = extractor_for(name)(company.session(), request, sink := MemorySink())
        assert claim.drop_rules["about another item"] == 1
        return [(row["event_time"], row["ended_at"], row["state"]) for row in sink.of(name)]

    down, up = third.replace(hour=10), third.replace(hour=10, minute=20)
    day = timedelta(days=1)
    assert seen(third - day, third + day) == [
        (third - day, third, "up"), (third, down, "up"), (down, up, "down"), (up, third + day, "up"),
    ]  # fmt: skip
    assert seen(third.replace(hour=5), third + day)[0] == (down, up, "down")
    assert seen(third - 40 * day, third - 20 * day) == []
