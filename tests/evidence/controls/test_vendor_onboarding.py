"""CC9-VEN-02: vendors checked before use, and apps that belong to nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from evidence.controls.model import TestWindow
from evidence.controls.vendor_onboarding import CODES, vendors_checked_first
from schemas.github_organisation import AUDIT_EVENTS
from schemas.google import TOKEN_ACTIVITIES
from schemas.outcome import Outcome
from tests.evidence.controls.people_records import HOSTILE, HOUR, START, asked, by_item, day, record
from tests.evidence.controls.test_vendor_assessments import GITHUB, GOOGLE, MAIL, registered, token
from tests.fakes.memory_evidence import MemoryEvidence

JULY, AUGUST = day("2026-07-01", 0), day("2026-08-01", 0)
FIRST = {"from": "2026-07-10"}
Row = dict[str, Any]


def made(vendor: Row | None = None, *, leads: bool = True, domains: tuple[str, ...] = (GOOGLE, GITHUB),
         start: datetime = JULY, **more: Any) -> TestWindow:  # fmt: skip
    found = asked("CC9-VEN-02", MAIL, start=start, end=AUGUST, window_id="2026-07",
                  holders={"vendor": (MAIL,), "identity_domain": domains}, **more)  # fmt: skip
    registers = {**found.registers, "vendors": [registered(**FIRST) if vendor is None else vendor]}
    return replace(found, registers=registers, leading=(JULY, AUGUST) if leads else None)


def onboarding(**more: Any) -> Row:
    return {"vendor_id": "mail", "tier": "critical", "assessed_at": "2026-07-05T12:00:00Z",
            "approved_by": "carol@acme.example", "contract_signed_at": "2026-07-06T00:00:00Z", "data_terms": True,
            "first_use_at": None, "apps": ["c-1"], **more}  # fmt: skip


def installed(slug: str = "ci-bot", action: str = "integration_installation.create", at: datetime = JULY) -> Row:
    return {"event_id": f"audit:{slug}:{action}:{at:%d%H}", "event_time": at, "action": action, "application": slug,
            "actor": {"id": "U_1", "login": "dave", "kind": "person"}, "found_in": "audit_log"}  # fmt: skip


def stored(*told: Row | tuple[str, Row], tokens: tuple[Row, ...] = (), events: tuple[Row, ...] = (),
           held: bool = True) -> MemoryEvidence:  # fmt: skip
    evidence = MemoryEvidence()
    for values in told:
        at, row = values if isinstance(values, tuple) else ("2026-07-05", values)
        record(evidence, made(), "onboarding", "vendor_onboarding", day(at), row)
    evidence.store(TOKEN_ACTIVITIES, GOOGLE, tokens)
    evidence.store(AUDIT_EVENTS, GITHUB, events)
    for dataset, item in ((TOKEN_ACTIVITIES, GOOGLE), (AUDIT_EVENTS, GITHUB)):
        if held:
            evidence.claim(dataset, item, START, AUGUST)
    return evidence


def judged(evidence: MemoryEvidence, window: TestWindow | None = None) -> Mapping[str, Outcome]:
    return by_item(vendors_checked_first(window or made(), evidence), CODES)


def one(evidence: MemoryEvidence, window: TestWindow | None = None) -> Outcome:
    return judged(evidence, window)[f"first-use:{MAIL}"]


def test_in_order() -> None:
    found = one(stored(onboarding()))
    assert (found.outcome, found.codes, found.event_time) == ("pass", (), day("2026-07-10", 0)), found.explanation


@pytest.mark.parametrize(
    ("evidence", "codes"),
    [
        (stored(), ("USED_BEFORE_REVIEW", "NO_CONTRACT")),
        (stored(("2026-07-10", onboarding())), ("USED_BEFORE_REVIEW",)),
        (stored(onboarding(contract_signed_at=None)), ("NO_CONTRACT",)),
        (stored(onboarding(contract_signed_at="2026-07-10T00:00:01Z")), ("NO_CONTRACT",)),
        (stored(onboarding(data_terms=False)), ("NO_CONTRACT",)),
        (stored(onboarding(first_use_at="2026-07-05T11:00:00Z")), ("USED_BEFORE_REVIEW", "NO_CONTRACT")),
        # Its app was let in in spring, whatever the register says of its first day.
        (stored(onboarding(), tokens=(token(at=day("2026-05-01")),)), ("USED_BEFORE_REVIEW", "NO_CONTRACT")),
        (stored(onboarding(approved_by=HOSTILE, contract_signed_at="soon")), ("NO_CONTRACT",)),
    ],
)  # fmt: skip
def test_used_too_early(evidence: MemoryEvidence, codes: tuple[str, ...]) -> None:
    found = one(evidence)
    assert (found.outcome, found.codes) == ("exception", codes), found.explanation


def test_a_record_that_came_late_counts_from_its_arrival() -> None:
    evidence = stored()
    record(evidence, made(), "onboarding", "vendor_onboarding", day("2026-07-05"), onboarding(),
           recorded_at=day("2026-07-12"))  # fmt: skip
    assert one(evidence).codes == ("USED_BEFORE_REVIEW",)


def test_terms_that_nobody_wrote_of() -> None:
    assert one(stored(onboarding(data_terms=None))).outcome == "unknown"


def test_a_contract_that_is_recorded_with_a_second_record() -> None:
    later = ("2026-07-09", onboarding())
    assert one(stored(onboarding(contract_signed_at=None), later)).outcome == "pass"


def test_whom_it_concerns() -> None:
    assert one(stored(), made(registered(tier="low", **FIRST))).outcome == "pass"
    assert one(stored(), made(registered(tier="high", **FIRST))).outcome == "exception"
    for day_of in (None, "2026-06-30", "2026-08-01"):
        assert f"first-use:{MAIL}" not in judged(stored(), made(registered() | {"from": day_of}))
    assert [found.outcome for found in judged(stored(), made(registered("other"))).values()] == ["unknown"]


def test_new_apps_of_nobody() -> None:
    found = judged(stored(tokens=(token(), token(at=JULY + HOUR)), events=(installed(slug=HOSTILE),)), made(leads=True))
    apps = {item: one for item, one in found.items() if item.startswith("app:")}
    assert len(apps) == 2
    assert {one.codes for one in apps.values() if one.outcome == "exception"} == {("UNLISTED_APP",)}
    assert apps["app:google:c-1"].outcome == "unknown"  # it bears the vendor's name
    assert not any(item.startswith("app:") for item in judged(stored(tokens=(token(),)), made(leads=False)))


def app(evidence: MemoryEvidence, window: TestWindow | None = None) -> Outcome | None:
    found = judged(evidence, window)
    return next((one for item, one in found.items() if item.startswith("app:")), None)


@pytest.mark.parametrize(
    ("evidence", "outcome"),
    [
        (stored(tokens=(token(name="T"),)), "exception"),
        (stored(onboarding(), tokens=(token(name="T"),)), "pass"),
        (stored(tokens=(token(name="T"), token("revoke", at=JULY + HOUR, name="T"))), "pass"),
        (stored(tokens=(token(name="T"), token("revoke", at=JULY + 25 * HOUR, name="T"))), "exception"),
        # Removed by one of two, or let in again.
        (stored(tokens=(token(name="T"), token(name="T", at=JULY + 2 * HOUR),
                        token("revoke", at=JULY + HOUR, name="T"))), "exception"),
        (stored(events=(installed(), installed(action="integration_installation.destroy", at=JULY + HOUR))), "pass"),
        (stored(events=(installed(action="installation.created"),)), "exception"),
        (stored(tokens=(token(name="T", at=day("2026-06-01")), token(name="T"))), None),  # not new
        (stored(tokens=(token("revoke", name="T"),)), None),
    ],
)  # fmt: skip
def test_apps(evidence: MemoryEvidence, outcome: str | None) -> None:
    found = app(evidence)
    assert (None if found is None else found.outcome) == outcome, found


def test_apps_by_policy_and_of_vendors_that_are_not_listed() -> None:
    window = made(rules={"apps_without_vendor": ["c-1"]})
    assert (found := app(stored(tokens=(token(name="T"),)), window)) is not None
    assert found.outcome == "pass"
    found = app(stored(onboarding(), tokens=(token(name="T"),)), made(registered("other")))
    assert found is not None
    assert found.codes == ("UNLISTED_APP",)


def test_streams_that_are_not_held() -> None:
    found = [one for item, one in judged(stored(onboarding(), held=False)).items() if item.startswith("window:")]
    assert [one.outcome for one in found] == ["unknown", "unknown"]
    assert not any(item.startswith("window:") for item in judged(stored(held=False), made(as_of=day("2026-07-20"))))
    none = judged(stored(onboarding()), made(domains=()))
    assert any(item.startswith("window:") for item in none)


def test_a_zero_is_believed_where_the_streams_are_held() -> None:
    assert judged(stored(), made(registered())) == {}


def test_the_window_begins_with_the_vendor() -> None:
    window = made(start=day("2026-07-10", 0))
    assert one(stored(onboarding()), window).outcome == "pass"
    assert one(stored(onboarding()), window).event_time - window.start == timedelta(0)
