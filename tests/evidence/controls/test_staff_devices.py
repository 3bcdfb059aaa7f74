"""CC6-DEV-01: the devices of people who sign in are managed and protected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from evidence.controls.staff_devices import CODES, devices_protected
from schemas import google, own
from schemas.outcome import Outcome
from schemas.programme import Programme
from tests.evidence.controls.access import FIRST, SECOND, THIRD
from tests.evidence.controls.changes import END, START, window
from tests.fakes.memory_evidence import MemoryEvidence

STAFF, GOOGLE = "workforce", "google:C1"
DAY = timedelta(days=1)
Row = dict[str, Any]
PEOPLE: dict[str, list[Mapping[str, Any]]] = {
    "people": [
        {"person_id": f"p-{name}", "name": name.title(), "email": f"{name}@acme.example", "aliases": None}
        for name in ("alice", "bob")
    ]
}
LEAST = {"device_os_minimum": {"macos": "14.5", "linux": "22.04"}}
ALICES = "google:devices/d1"


def managed(name: str = "d1", user: str | None = "alice", **changed: Any) -> Row:
    """A row of `google.devices`: a notebook in order, heard of the day before the first snapshot."""
    users = [] if user is None else [{"email": f"{user}@acme.example", "management_state": "APPROVED"}]
    row: Row = {
        "device_id": f"devices/{name}", "read_from": "cloud_identity", "device_type": "MAC_OS", "model": "MacBook",
        "serial_number": f"SN-{name}", "os_version": "MacOS 14.6.1", "encryption": "ENCRYPTED", "encrypted": True,
        "screen_lock": True, "management_state": "APPROVED", "compromised": "UNCOMPROMISED",
        "last_sync_at": FIRST - DAY, "users": users,
    }  # fmt: skip
    return row | changed


def listed(name: str = "L1", person: str | None = "p-bob", **changed: Any) -> Row:
    """A row of `own.devices`: a notebook in order."""
    row: Row = {
        "entry_id": name, "device_id": name, "person_id": person, "platform": "linux", "os_version": "24.04",
        "encrypted": True, "screen_lock": True, "malware_protection": True, "last_seen_at": FIRST - DAY,
        "valid_from": "2026-01-01", "valid_to": None, "line": 2, "register_file": "devices.csv",
        "register_sha256": "0" * 64, "exported_at": FIRST,
    }  # fmt: skip
    return row | changed


def signed_in(user: str, at: datetime = FIRST - 2 * DAY, name: str = "login_success") -> Row:
    return {
        "event_id": f"login:{user}:{at:%d%H}:{name}", "event_time": at, "activity_id": "a", "application": "login",
        "unique_qualifier": "q", "event_index": 0, "event_name": name, "scopes": [], "parameters": "{}",
        "actor": {"email": f"{user}@acme.example", "profile_id": None, "caller_type": "USER", "key": None},
    }  # fmt: skip


def stored(
    devices: Mapping[datetime, Sequence[Row]] | None = None, register: Mapping[datetime, Sequence[Row]] | None = None,
    sign_ins: Sequence[Row] | None = None, *, covered: bool = True,
) -> MemoryEvidence:  # fmt: skip
    evidence = MemoryEvidence()
    for at, rows in ({FIRST: [managed()]} if devices is None else devices).items():
        evidence.snapshot(google.DEVICES, GOOGLE, at, rows)
    for at, rows in (register or {}).items():
        evidence.snapshot(own.DEVICES, STAFF, at, rows)
    evidence.store(google.SIGN_INS, GOOGLE, [signed_in("alice")] if sign_ins is None else sign_ins)
    if covered:
        evidence.claim(google.SIGN_INS, GOOGLE, START - 60 * DAY, END + 10 * DAY)
    return evidence


def judged(
    evidence: MemoryEvidence, *, least: Any = LEAST, asked: bool = True, register: bool = False,
    people: Mapping[str, list[Mapping[str, Any]]] = PEOPLE, **more: Any,
) -> dict[str, Outcome]:  # fmt: skip
    tested = window("CC6-DEV-01", scope=STAFF, name="workforce", registers=people, rules=least, **more)
    holders = {one.name: (GOOGLE,) if asked else () for one in (google.DEVICES, google.SIGN_INS)}
    if register:
        recorded = {**tested.programme.normalised(), "registers": {"devices": "devices.csv"}}
        tested = replace(tested, programme=Programme.from_recorded(recorded))
    return {
        one.item_id.partition("@20")[0]: one for one in devices_protected(replace(tested, holders=holders), evidence)
    }


def test_a_device_and_its_holder_in_order() -> None:
    found = judged(stored())
    assert {item: one.outcome for item, one in found.items()} == {ALICES: "pass", "person:p-alice": "pass"}


WRONG: dict[str, tuple[Row, tuple[str, ...]]] = {
    "not encrypted": ({"encrypted": False}, ("NOT_ENCRYPTED",)),
    "not approved": ({"management_state": "PENDING"}, ("DEVICE_UNMANAGED",)),
    "compromised": ({"compromised": "COMPROMISED"}, ("DEVICE_UNMANAGED",)),
    "no screen lock": ({"screen_lock": False}, ("DEVICE_UNMANAGED",)),
    "an old system": ({"os_version": "MacOS 14.4.9"}, ("OS_OLD",)),
    "silent": ({"last_sync_at": FIRST - 31 * DAY}, ("SYNC_STALE",)),
    "everything": (
        {"encrypted": False, "management_state": "X", "os_version": "9", "last_sync_at": FIRST - 99 * DAY}, CODES,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changed", "codes"), WRONG.values(), ids=WRONG)
def test_what_can_be_wrong(changed: Row, codes: tuple[str, ...]) -> None:
    found = judged(stored({FIRST: [managed(**changed)]}))
    assert (found[ALICES].outcome, found[ALICES].codes) == ("exception", codes)
    assert found["person:p-alice"].outcome == "pass"


UNKNOWN: dict[str, Row] = {
    "encryption": {"encrypted": None, "encryption": None},
    "management": {"management_state": None},
    "screen lock": {"screen_lock": None},
    "version": {"os_version": None},
    "last heard of": {"last_sync_at": None},
}


@pytest.mark.parametrize("changed", UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_not_told_is_not_known(changed: Row) -> None:
    assert judged(stored({FIRST: [managed(**changed)]}))[ALICES].outcome == "unknown"


def test_just_right() -> None:
    edge = managed(os_version="MacOS 14.5", last_sync_at=FIRST - 30 * DAY)
    assert judged(stored({FIRST: [edge]}))[ALICES].outcome == "pass"
    assert judged(stored({FIRST: [managed(os_version="14.5.0")]}))[ALICES].outcome == "pass"


def test_without_a_least_version_nobody_knows_what_is_old() -> None:
    assert judged(stored(), least={})[ALICES].outcome == "unknown"


def test_what_is_shut_out_is_no_part() -> None:
    for state in ("BLOCKED", "WIPED", "DEPROVISIONED"):
        found = judged(stored({FIRST: [managed(management_state=state, encrypted=False)]}))
        assert {item: one.codes for item, one in found.items()} == {"person:p-alice": ("DEVICE_UNMANAGED",)}


def test_devices_of_people_who_do_not_sign_in_are_no_part() -> None:
    assert judged(stored({FIRST: [managed(user="leaver", last_sync_at=None)]}, sign_ins=[])) == {}
    assert judged(stored(sign_ins=[signed_in("alice", FIRST - 31 * DAY)])) == {}
    assert judged(stored(sign_ins=[signed_in("alice", name="login_failure")])) == {}
    assert judged(stored({FIRST: [managed(user=None, encrypted=False)]}, sign_ins=[])) == {}
    assert ALICES in judged(stored(sign_ins=[signed_in("alice", FIRST - 30 * DAY)]))


def test_who_signed_in_without_a_device_is_never_dropped() -> None:
    found = judged(stored(sign_ins=[signed_in("alice"), signed_in("bob"), signed_in("mallory")]))
    assert {item: one.codes for item, one in found.items() if one.codes} == {
        "person:p-bob": ("DEVICE_UNMANAGED",), "google:account:mallory@acme.example": ("DEVICE_UNMANAGED",),
    }  # fmt: skip


def test_a_device_of_the_register_is_one_too() -> None:
    both = [signed_in("alice"), signed_in("bob")]
    found = judged(stored(register={FIRST: [listed()]}, sign_ins=both))
    assert {one.outcome for one in found.values()} == {"pass"}
    assert "own:device:L1" in found
    wrong: list[tuple[Row, str]] = [
        ({"encrypted": False}, "NOT_ENCRYPTED"), ({"malware_protection": False}, "DEVICE_UNMANAGED"),
        ({"os_version": "20.04"}, "OS_OLD"), ({"last_seen_at": START - 40 * DAY}, "SYNC_STALE"),
    ]  # fmt: skip
    for changed, code in wrong:
        found = judged(stored(register={FIRST: [listed(**changed)]}, sign_ins=both))
        assert found["own:device:L1"].codes == (code,)
    found = judged(stored(register={FIRST: [listed(malware_protection=None)]}, sign_ins=both))
    assert found["own:device:L1"].outcome == "unknown"


def test_a_device_taken_back_is_no_device() -> None:
    found = judged(stored(register={FIRST: [listed(valid_to="2026-05-01")]}, sign_ins=[signed_in("bob")]))
    assert {item: one.codes for item, one in found.items()} == {"person:p-bob": ("DEVICE_UNMANAGED",)}


def test_a_shared_device_is_judged_whoever_signs_in() -> None:
    found = judged(stored({}, {FIRST: [listed(person=None, encrypted=False)]}, []))
    assert found["own:device:L1"].codes == ("NOT_ENCRYPTED",)


def test_two_sources_say_of_one_device_what_each_knows() -> None:
    register = {FIRST: [listed("sn-d1", "p-alice", platform="macos", screen_lock=True)]}
    found = judged(stored({FIRST: [managed(screen_lock=None)]}, register))
    assert found[ALICES].outcome == "pass"
    assert not any(item.startswith("own:") for item in found)
    worse = {FIRST: [listed("SN-d1", "p-alice", encrypted=False)]}
    assert judged(stored(register=worse))[ALICES].codes == ("NOT_ENCRYPTED",)


def test_without_sign_ins_every_device_is_judged_and_nobody_without_one_is_known() -> None:
    found = judged(stored({FIRST: [managed(user="leaver", encrypted=False)]}, covered=False))
    assert found["google:devices/d1"].codes == ("NOT_ENCRYPTED",)
    assert [one.outcome for item, one in found.items() if item.startswith("window:")] == ["unknown"]
    assert len(found) == 2


def test_a_source_that_was_not_read_makes_nobody_bare() -> None:
    """The register was read and Google was not: who has no device by the register may have one at Google."""
    found = judged(stored({}, {FIRST: [listed()]}, [signed_in("alice"), signed_in("bob")]))
    assert {one.outcome for one in found.values()} == {"pass", "unknown"}
    assert not any(one.codes for one in found.values())
    found = judged(stored(sign_ins=[signed_in("bob")]), register=True)
    assert not any(one.codes for one in found.values())


def test_a_failure_of_a_while_makes_a_row_of_that_time() -> None:
    snapshots = {FIRST: [managed()], SECOND: [managed(encrypted=False)], THIRD: [managed()]}
    sign_ins = [signed_in("alice", THIRD - DAY), signed_in("alice")]
    outcomes = judged(stored(snapshots, sign_ins=sign_ins))
    assert outcomes[ALICES].codes == ("NOT_ENCRYPTED",)
    assert outcomes[ALICES].event_time == SECOND


def test_no_snapshot() -> None:
    assert [one.outcome for one in judged(stored({})).values()] == ["unknown"]
    assert judged(stored({}), as_of=END - DAY) == {}


def test_an_account_that_the_log_names_by_its_id_alone_is_not_dropped() -> None:
    actor = {"email": None, "profile_id": "77", "caller_type": "USER", "key": None}
    rows = [signed_in("alice"), signed_in("x") | {"actor": actor}]
    assert judged(stored(sign_ins=rows))["google:account:77"].codes == ("DEVICE_UNMANAGED",)


def test_a_source_that_was_read_long_ago_is_not_known() -> None:
    rows = [signed_in("alice"), signed_in("bob")]
    for days, outcomes in ((35, {"pass"}), (36, {"pass", "unknown"})):
        evidence = stored(register={FIRST - days * DAY: [listed(last_seen_at=FIRST)]}, sign_ins=rows)
        assert {one.outcome for one in judged(evidence, register=True).values()} == outcomes


def test_hostile_words_break_nothing() -> None:
    ugly = "z" * 3000 + "|\n<b>"
    found = judged(stored({FIRST: [managed(model=ugly, os_version=ugly, management_state=ugly)]}))
    assert found[ALICES].codes == ("DEVICE_UNMANAGED",)
