"""CC6-PHY-01: reports of providers, disposals, devices that are gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from evidence.controls.disposals import CODES, DUE, devices_disposed_of
from evidence.controls.model import TestWindow
from schemas import google, own
from schemas.outcome import Outcome
from tests.evidence.controls.people_records import DAY, END, HOSTILE, ORG, asked, by_item, day, record
from tests.fakes.memory_evidence import MemoryEvidence

JULY, AUGUST = day("2026-07-01", 0), day("2026-08-01", 0)
CLOUD, GOOGLE, STAFF = "vendor:cloud", "google:example.com", "workforce"
HOLDERS = {"subservice_organisation": (CLOUD,), "device": (STAFF,), "identity_domain": (GOOGLE,)}
AT = day("2026-07-10")
Row = dict[str, Any]


def made(holders: Mapping[str, tuple[str, ...]] = HOLDERS, vendors: Sequence[Row] = (), **more: Any) -> TestWindow:
    found = asked("CC6-PHY-01", start=JULY, end=AUGUST, window_id="2026-07", holders=holders, **more)
    return replace(found, registers={**found.registers, "vendors": list(vendors)})


def file() -> Row:
    return {"line": 2, "register_file": "f.csv", "register_sha256": "sha256:1", "exported_at": JULY}


def disposal(device: str = "d1", at: datetime = AT, outcome: str = "disposed", **more: Any) -> Row:
    return {"device_id": device, "event_time": at, "outcome": outcome, "wiped_at": at + DAY, "method": "erased",
            "disposed_at": at + 2 * DAY, "done_by": "bob@acme.example", **file(), **more}  # fmt: skip


def device(name: str = "d1", first: str | None = None, last: str | None = None) -> Row:
    return {"entry_id": name, "device_id": name, "platform": "macos", "valid_from": first, "valid_to": last, **file()}


def managed(name: str = "g1", serial: str | None = "S1") -> Row:
    return {"device_id": name, "read_from": "cloud_identity", "device_type": "MAC_OS", "serial_number": serial,
            "users": []}  # fmt: skip


def stored(
    *disposals: Row, staff: Sequence[tuple[str, Sequence[Row]]] = (("2026-06-20", ()), ("2026-07-20", ())),
    by_google: Sequence[tuple[str, Sequence[Row]]] = (), reviewed: Sequence[str] = ("2026-01-10",), held: bool = True,
) -> MemoryEvidence:  # fmt: skip
    evidence = MemoryEvidence()
    evidence.store(own.DISPOSALS, ORG, disposals)
    if held:
        evidence.claim(own.DISPOSALS, ORG, JULY, AUGUST)
    for at, rows in staff:
        evidence.snapshot(own.DEVICES, STAFF, day(at), rows)
    for at, rows in by_google:
        evidence.snapshot(google.DEVICES, GOOGLE, day(at), rows)
    for at in reviewed:
        record(evidence, made(), "review", "assurance_report", day(at), {}, control="CC9-SUB-01", item=CLOUD)
    return evidence


def judged(evidence: MemoryEvidence, window: TestWindow | None = None) -> Mapping[str, Outcome]:
    return by_item(devices_disposed_of(window or made(), evidence), CODES)


def of(kind: str, evidence: MemoryEvidence, window: TestWindow | None = None) -> list[tuple[str, tuple[str, ...]]]:
    found = judged(evidence, window)
    return [(one.outcome, one.codes) for item, one in found.items() if item.startswith(kind)]


def test_in_order() -> None:
    found = judged(stored(disposal()))
    assert {item: one.outcome for item, one in found.items()} == {
        f"provider:{CLOUD}": "pass", "disposal:d1@2026-07-10T12:00:00Z": "pass",
    }  # fmt: skip


# --- providers


@pytest.mark.parametrize(
    ("reviewed", "outcome"),
    [
        (["2025-06-20"], "exception"),  # until 20 July
        (["2025-07-02"], "pass"),
        (["2025-06-20", "2026-07-19"], "pass"),
        ([], "exception"),
        (["2026-09-01"], "unknown"),
    ],
)
def test_reviews(reviewed: list[str], outcome: str) -> None:
    assert [one for one, _ in of("provider", stored(reviewed=reviewed))] == [outcome]


def test_reviews_of_its_own_and_providers_that_left() -> None:
    evidence = stored(reviewed=())
    record(evidence, made(), "provider_reports", "provider_review", day("2026-01-10"), {"provider": "Cloud"})
    assert of("provider", evidence) == [("pass", ())]
    gone = made(vendors=[{"vendor_id": "cloud", "kind": "subservice", "from": None, "to": "2026-06-30"}])
    assert of("provider", stored(reviewed=()), gone) == []
    part = made(vendors=[{"vendor_id": "cloud", "kind": "subservice", "from": None, "to": "2026-07-15"}])
    assert of("provider", stored(reviewed=["2025-06-20"]), part) == [("pass", ())]
    assert of("provider", stored(reviewed=()), made(as_of=day("2026-08-20"))) == [("pending", ())]
    nobody = made({**HOLDERS, "subservice_organisation": ()})
    assert of("window:disposals:org:acme:2026-07:providers", stored(), nobody) == [("unknown", ())]


# --- disposals


@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        (disposal(wiped_at=None), "exception"),
        (disposal(wiped_at=AT + 3 * DAY), "exception"),
        (disposal(outcome="returned", wiped_at=None), "exception"),
        (disposal(disposed_at=None), "unknown"),
        (disposal(done_by=None), "unknown"),
        (disposal(method=None), "unknown"),
        (disposal(wiped_at=AT + 2 * DAY), "pass"),
        (disposal(outcome="lost", wiped_at=None, disposed_at=None, method=None), "pass"),
        (disposal(outcome="kept", wiped_at=None, disposed_at=None, done_by=None), "pass"),
        (disposal(HOSTILE, method=HOSTILE), "pass"),
    ],
)
def test_wiped_before_it_left(row: Row, outcome: str) -> None:
    codes = ("WIPE_MISSING",) if outcome == "exception" else ()
    assert of("disposal:", stored(row)) == [(outcome, codes)]


def test_an_entry_is_read_as_it_is_known_last() -> None:
    evidence = stored(disposal(outcome="kept", wiped_at=None, disposed_at=None))
    evidence.store(own.DISPOSALS, ORG, [disposal(wiped_at=None)], learnt_at=day("2026-09-01"))
    assert of("disposal:", evidence) == [("exception", ("WIPE_MISSING",))]
    assert of("disposal:", evidence, made(as_of=day("2026-08-20"))) == [("pass", ())]


def test_only_the_disposals_of_the_window() -> None:
    assert of("disposal:", stored(disposal(at=day("2026-06-30")), disposal(at=AUGUST))) == []


# --- gone


def gone(*disposals: Row, window: TestWindow | None = None, held: bool = True, **shown: Any) -> Any:
    return of("vanished:", stored(*disposals, held=held, **shown), window)


LOST = [("2026-06-20", [device(), device("d2")]), ("2026-07-20", [device("d2")])]


def test_a_device_that_is_gone() -> None:
    assert gone(staff=LOST) == [("exception", ("DEVICE_VANISHED",))]
    assert list(judged(stored(staff=LOST)))[-1] == "vanished:d1@2026-07-20T12:00:00Z"
    ended = [("2026-06-20", [device()]), ("2026-07-20", [device(last="2026-07-15")])]
    assert gone(staff=ended) == [("exception", ("DEVICE_VANISHED",))]
    assert gone(by_google=[("2026-07-02", [managed()]), ("2026-07-20", [])]) == [("exception", ("DEVICE_VANISHED",))]


@pytest.mark.parametrize("outcome", ["disposed", "lost", "kept", "re_enrolled"])
def test_a_device_that_the_register_of_disposals_names(outcome: str) -> None:
    assert gone(disposal("D1", outcome=outcome), staff=LOST) == [("pass", ())]
    assert gone(disposal("d7", outcome=outcome), staff=LOST) == [("exception", ("DEVICE_VANISHED",))]
    assert gone(disposal(at=day("2026-01-10"), outcome=outcome), staff=LOST) == [("exception", ("DEVICE_VANISHED",))]
    by_serial = [("2026-07-02", [managed()]), ("2026-07-20", [])]
    assert gone(disposal("s1", outcome=outcome), by_google=by_serial) == [("pass", ())]


def test_a_device_that_was_never_gone() -> None:
    again = [("2026-07-02", [managed()]), ("2026-07-20", [managed("g2")])]
    assert gone(by_google=again) == [("pass", ())]
    other = [("2026-07-02", [managed()]), ("2026-07-20", [managed("g2", "S2")])]
    assert gone(by_google=other) == [("exception", ("DEVICE_VANISHED",))]
    nameless = [("2026-07-02", [managed(serial=None)]), ("2026-07-20", [managed("g2", None)])]
    assert gone(by_google=nameless) == [("exception", ("DEVICE_VANISHED",))]
    assert gone(staff=[*LOST, ("2026-07-25", [device(), device("d2")])]) == []
    assert gone(staff=[*LOST, ("2026-08-25", [device(), device("d2")])]) == [("pass", ())]
    assert gone(staff=[("2026-07-02", [device(first="2026-08-01")]), ("2026-07-20", [])]) == []
    earlier = [("2026-06-10", [device()]), ("2026-06-20", []), ("2026-07-20", [])]
    assert gone(staff=earlier) == []


def test_what_is_still_to_come_and_what_is_not_held() -> None:
    assert gone(staff=LOST, window=made(as_of=AUGUST + DUE - DAY)) == [("pending", ())]
    assert gone(staff=LOST, window=made(as_of=AUGUST + DUE)) == [("exception", ("DEVICE_VANISHED",))]
    assert gone(staff=LOST, held=False) == [("unknown", ())]
    assert of("window:", stored(held=False, staff=())) == [("unknown", ()), ("unknown", ())]
    assert of("window:", stored(held=False, staff=()), made(as_of=day("2026-07-20"))) == []
    assert END > AUGUST
