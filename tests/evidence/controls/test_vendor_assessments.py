"""CC9-VEN-01: vendors assessed by tier, decisions followed, apps of no vendor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from evidence.controls.catalogue import control
from evidence.controls.model import TestWindow
from evidence.controls.run import Span, windows_to_test
from evidence.controls.vendor_assessments import CODES, vendors_assessed
from schemas.github_organisation import ACCOUNTS
from schemas.google import TOKEN_ACTIVITIES
from schemas.outcome import Outcome
from schemas.own import VENDORS
from schemas.scope import ScopeItem
from tests.evidence.controls.people_records import END, HOSTILE, LATER, ORG, START, asked, by_item, day, record
from tests.fakes.memory_evidence import MemoryEvidence

MAIL = "vendor:mail"
GOOGLE, GITHUB = "google:example.com", "github:O_1"
QUARTER = (day("2026-07-01", 0), END)
Row = dict[str, Any]


def listed(vendor_id: str = "mail", tier: str = "critical", **more: Any) -> Row:
    """A row of the register as the snapshot has it."""
    return {
        "entry_id": vendor_id, "vendor_id": vendor_id, "name": vendor_id.title(), "service": "Mail", "kind": "vendor",
        "tier": tier, "owner": "bob@acme.example", "data": [], "contract": None, "valid_from": None, "valid_to": None,
        "line": 1, "register_file": "vendors.yaml", "register_sha256": "sha256:1", "exported_at": START, **more,
    }  # fmt: skip


def registered(vendor_id: str = "mail", **more: Any) -> Row:
    """The same as the ledger has it."""
    return {"vendor_id": vendor_id, "name": vendor_id.title(), "tier": "critical", "from": None, "to": None, **more}


def made(*, start: datetime = QUARTER[0], end: datetime = QUARTER[1], vendors: Sequence[Row] = (registered(),),
         leads: bool = False, domains: tuple[str, ...] = (GOOGLE, GITHUB), **more: Any) -> TestWindow:  # fmt: skip
    holders = {VENDORS.name: (ORG,), "vendor": (MAIL,), "identity_domain": domains}
    found = asked("CC9-VEN-01", MAIL, start=start, end=end, holders=holders, window_id="2026-Q3", **more)
    leading = (start, end) if leads else None
    return replace(found, registers={**found.registers, "vendors": list(vendors)}, leading=leading)


def assessment(**more: Any) -> Row:
    return {"vendor_id": "mail", "decision": "accept", "requested_by": "alice@acme.example",
            "assessor": "bob@acme.example", "approver": "carol@acme.example", "actions": [], **more}  # fmt: skip


def stored(*told: tuple[str, Row], tiers: Sequence[tuple[datetime, str | None]] = ((QUARTER[0], "critical"),)) -> Any:
    evidence = MemoryEvidence()
    for at, tier in tiers:
        evidence.snapshot(VENDORS, ORG, at, [] if tier is None else [listed(tier=tier), listed("other", "low")])
    for at, values in told:
        record(evidence, made(), "assessment", "vendor_assessment", day(at), values)
    return evidence


def one(evidence: MemoryEvidence, window: TestWindow | None = None) -> Outcome:
    return by_item(vendors_assessed(window or made(), evidence), CODES)[f"vendor:{MAIL}"]


def test_in_order() -> None:
    found = one(stored(("2025-12-01", assessment())))
    assert (found.outcome, found.codes) == ("pass", ()), found.explanation
    assert "Carol" in found.explanation.title()


@pytest.mark.parametrize(
    ("told", "tier", "outcome"),
    [
        (["2025-07-01"], "critical", "exception"),  # lapses on 31 July
        (["2025-09-02"], "critical", "pass"),
        (["2025-07-01", "2026-07-30"], "critical", "pass"),
        (["2025-07-01", "2026-08-01"], "critical", "exception"),
        (["2024-10-01"], "high", "pass"),
        (["2024-08-01"], "high", "exception"),
        ([], "critical", "exception"),
        ([], "low", "pass"),
        (["2026-08-01"], "critical", "unknown"),  # the first on record
        (["2026-11-01"], "critical", "exception"),  # after the period
    ],
)  # fmt: skip
def test_by_tier(told: list[str], tier: str, outcome: str) -> None:
    found = one(stored(*((at, assessment()) for at in told), tiers=[(QUARTER[0], tier)]))
    assert found.outcome == outcome, found.explanation
    assert ("ASSESSMENT_LAPSED" in found.codes) == (outcome == "exception")


def test_the_tier_at_every_instant() -> None:
    lapsed = ("2025-07-15", assessment())  # current until 14 August for the first tier
    raised = [(QUARTER[0], "high"), (day("2026-09-01"), "critical")]
    lowered = [(day("2026-06-01"), "critical"), (day("2026-08-01"), "high")]
    found = one(stored(lapsed, tiers=raised))
    assert found.codes == ("ASSESSMENT_LAPSED",)
    assert "from 2026-09-01T12:00:00Z" in found.explanation
    assert one(stored(lapsed, tiers=lowered)).outcome == "pass"


def test_a_vendor_that_left_is_asked_for_until_its_last_day() -> None:
    assert one(stored(("2025-07-01", assessment())), made(end=day("2026-07-31", 0))).outcome == "pass"
    assert one(stored(("2025-07-01", assessment())), made(end=day("2026-08-02", 0))).outcome == "exception"


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        (assessment(approver="alice@acme.example"), "exception"),
        (assessment(approver="alice.old@acme.example"), "exception"),
        (assessment(decision=None), "exception"),
        (assessment(approver=None), "exception"),
        (assessment(requested_by=None), "unknown"),
        (assessment(approver="stranger@acme.example"), "unknown"),
        (assessment(approver=HOSTILE), "unknown"),
        (assessment(approver="bob@acme.example"), "pass"),  # who assessed may decide
    ],
)  # fmt: skip
def test_decisions(values: Row, outcome: str) -> None:
    found = one(stored(("2026-01-10", values)))
    assert found.outcome == outcome, found.explanation
    assert found.codes == (("NO_DECISION",) if outcome == "exception" else ())


def action(**more: Any) -> Row:
    return {"id": "A1", "text": HOSTILE, "owner": "bob@acme.example", "due": "2026-08-15", "done_at": None, **more}


@pytest.mark.parametrize(
    ("rows", "codes"),
    [
        ([action()], ("ACTION_OVERDUE",)),
        ([action(due="2026-02-01", done_at="2026-01-10T11:00:00Z")], ()),
        ([action(due="2026-10-15")], ()),  # of the next quarter
        ([action(due="2026-05-01")], ("ACTION_OVERDUE",)),  # still open
    ],
)
def test_actions(rows: list[Row], codes: tuple[str, ...]) -> None:
    assert one(stored(("2026-01-10", assessment(actions=rows)))).codes == codes


def test_what_is_still_to_come() -> None:
    now = made(as_of=day("2026-07-20"))
    assert one(stored(), now).resolves_at == END
    assert one(stored(("2025-07-01", assessment())), now).resolves_at == day("2026-07-31", 0)
    early = one(stored(("2026-01-10", assessment(actions=[action()]))), now)
    assert (early.outcome, early.resolves_at) == ("pending", day("2026-08-16", 0))


def test_a_register_that_is_not_held() -> None:
    [found] = vendors_assessed(made(), stored(("2025-12-01", assessment()), tiers=[]))
    assert (found.outcome, found.item_id) == ("unknown", f"window:register:{MAIL}:2026-Q3:vendor")
    gone = stored(("2025-12-01", assessment()), tiers=[(QUARTER[0], "critical"), (day("2026-08-01"), None)])
    assert one(gone).outcome == "unknown"


# --- apps


def token(event: str = "authorize", client: str = "c-1", name: str = "Mail", at: datetime = QUARTER[0]) -> Row:
    return {
        "event_id": f"token:{client}:{at:%Y%m%d%H%M}:{event}", "event_time": at, "activity_id": "a",
        "application": "token", "unique_qualifier": "1", "event_index": 0, "event_type": "auth", "event_name": event,
        "actor": {"email": "dave@acme.example", "profile_id": "1", "caller_type": "USER", "key": None},
        "object_id": client, "object_name": name, "scopes": ["drive"], "parameters": "{}",
    }  # fmt: skip


def app(slug: str = "ci-bot", number: int = 7) -> Row:
    return {"account_id": f"app_installation:{number}", "kind": "app", "login": slug, "membership": "app", "roles": [],
            "privileged": True, "two_factor": "not_applicable"}  # fmt: skip


def with_apps(*tokens: Row, apps: Sequence[Row] = (), lists: Sequence[str] = (), held: bool = True) -> MemoryEvidence:
    evidence = stored(("2025-12-01", assessment()))
    evidence.store(TOKEN_ACTIVITIES, GOOGLE, tokens)
    if held:
        evidence.claim(TOKEN_ACTIVITIES, GOOGLE, START, END)
        evidence.snapshot(ACCOUNTS, GITHUB, day("2026-08-01"), apps)
    record(evidence, made(), "onboarding", "vendor_onboarding", day("2026-01-10"), {"apps": list(lists)},
           control="CC9-VEN-02")  # fmt: skip
    return evidence


def apps_of(evidence: MemoryEvidence, window: TestWindow | None = None) -> Mapping[str, Outcome]:
    found = by_item(vendors_assessed(window or made(leads=True), evidence), CODES)
    return {item: outcome for item, outcome in found.items() if not item.startswith("vendor:")}


def test_apps_without_a_vendor() -> None:
    found = apps_of(
        with_apps(token(name=HOSTILE), token(at=QUARTER[0] + timedelta(days=3), name=HOSTILE), apps=[app()])
    )
    assert {item: one.codes for item, one in found.items()} == {
        "app:google:c-1": ("VENDOR_UNLISTED",), "app:github:ci-bot": ("VENDOR_UNLISTED",),
    }  # fmt: skip


@pytest.mark.parametrize("lists", [["C-1"], ["Tool"]])
def test_apps_that_an_onboarding_lists(lists: list[str]) -> None:
    assert apps_of(with_apps(token(name="Tool"), lists=lists))["app:google:c-1"].outcome == "pass"


def test_a_name_proves_nothing() -> None:
    found = apps_of(with_apps(token(name="MAIL")))["app:google:c-1"]
    assert (found.outcome, found.codes) == ("unknown", ())
    exempt = made(leads=True, rules={"apps_without_vendor": ["Tool"]})
    assert apps_of(with_apps(token(name="Tool")), exempt)["app:google:c-1"].codes == ("VENDOR_UNLISTED",)


def test_apps_without_data_by_policy() -> None:
    window = made(leads=True, rules={"apps_without_vendor": ["c-1", "CI-bot"]})
    found = apps_of(with_apps(token(), apps=[app()]), window)
    assert {one.outcome for one in found.values()} == {"pass"}


def test_the_vendor_must_be_there_at_the_time() -> None:
    ended = made(leads=True, vendors=[registered(to="2026-06-30")])
    assert apps_of(with_apps(token(), lists=["c-1"]), ended)["app:google:c-1"].codes == ("VENDOR_UNLISTED",)


def test_apps_that_nobody_could_see() -> None:
    found = apps_of(with_apps(held=False))
    assert sorted(found) == [f"window:register:{MAIL}:2026-Q3:apps-{one}" for one in (GITHUB.casefold(), GOOGLE)]
    assert {one.outcome for one in found.values()} == {"unknown"}
    assert [one.outcome for one in apps_of(with_apps(), made(leads=True, domains=())).values()] == ["unknown"]
    assert apps_of(with_apps(held=False), made(leads=True, as_of=day("2026-08-01"))) == {}
    assert apps_of(with_apps(token()), made()) == {}  # another vendor's window has them


def test_the_rows_of_apps_stand_with_one_vendor_of_each_window() -> None:
    spans = [Span("2026-Q2", START, QUARTER[0]), Span("2026-Q3", *QUARTER)]
    items = [ScopeItem("vendor:a", "A", "own", in_scope_to=day("2026-05-01")), ScopeItem("vendor:b", "B", "own"),
             ScopeItem("vendor:c", "C", "own")]  # fmt: skip
    told = windows_to_test(
        control("CC9-VEN-01"), spans, items, as_of=LATER, programme=made().programme, registers={},
    )  # fmt: skip
    assert [(one.window_id, one.scope_item_id, one.leading) for one in told if one.leading] == [
        ("2026-Q2", "vendor:a", (START, QUARTER[0])), ("2026-Q3", "vendor:b", QUARTER),
    ]  # fmt: skip
