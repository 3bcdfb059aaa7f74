"""CC9-BCP-01 and A1-DRT-01: the continuity plan, and the restores that show its objectives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from evidence.controls import continuity_plan, restore_tests
from evidence.controls.model import TestWindow
from schemas.outcome import Outcome
from tests.evidence.controls.people_records import END, HOSTILE, ORG, PEOPLE, asked, by_item, day, record
from tests.fakes.memory_evidence import MemoryEvidence

API, WEB = "service:api", "service:web"
Row = dict[str, Any]
PROGRAMME = {"scope": {"services": ["API", "Web"]}}


def made(services: tuple[str, ...] = (API, WEB), programme: Any = PROGRAMME, **more: Any) -> TestWindow:
    return asked("CC9-BCP-01", holders={"service": services}, programme=programme, **more)


def target(service: str = API, rto: float | None = 4, rpo: float | None = 1) -> Row:
    return {"service": service, "rto_hours": rto, "rpo_hours": rpo}


def plan(**more: Any) -> Row:
    return {"version": "3", "objectives": [target(), target("Web")], "insurance": "Taken out",
            "roles": [{"role": "lead", "person": "alice@acme.example"}], **more}  # fmt: skip


def one(*told: tuple[str, Row], window: TestWindow | None = None) -> Outcome:
    evidence, window = MemoryEvidence(), window or made()
    for at, values in told:
        record(evidence, window, "plan", "continuity_plan", day(at), values)
    return by_item(continuity_plan.plan_current(window, evidence), continuity_plan.CODES)["plan"]


OLD = "2026-01-10"


def test_in_order() -> None:
    found = one((OLD, plan()))
    assert (found.outcome, found.codes) == ("pass", ()), found.explanation


@pytest.mark.parametrize(
    ("told", "codes"),
    [
        ([], ("PLAN_LAPSED",)),
        ([("2025-06-01", plan())], ("PLAN_LAPSED",)),
        ([(OLD, plan(objectives=[target()]))], ("SERVICE_WITHOUT_TARGET",)),
        ([(OLD, plan(objectives=[target(), target("web", rpo=None)]))], ("SERVICE_WITHOUT_TARGET",)),
        # The latest version counts for services that are still there.
        ([(OLD, plan()), ("2026-06-01", plan(objectives=[target()]))], ("SERVICE_WITHOUT_TARGET",)),
        ([(OLD, plan(roles=[{"role": "lead", "person": None}]))], ("ROLE_VACANT",)),
        ([(OLD, plan(roles=None))], ("ROLE_VACANT",)),
        ([("2025-06-01", plan(roles=[], objectives=[]))], continuity_plan.CODES),
        ([(OLD, plan(objectives=[target(HOSTILE)], roles=[{"role": HOSTILE, "person": None}]))],
         ("SERVICE_WITHOUT_TARGET", "ROLE_VACANT")),
    ],
)  # fmt: skip
def test_what_is_wrong(told: Sequence[tuple[str, Row]], codes: tuple[str, ...]) -> None:
    found = one(*told)
    assert (found.outcome, found.codes) == ("exception", codes), found.explanation


@pytest.mark.parametrize(
    ("last_day", "codes"),
    [("2026-06-29", ("ROLE_VACANT",)), ("2026-06-30", ("ROLE_VACANT",)), ("2026-09-30", ()),
     ("2026-09-29", ("ROLE_VACANT",))],
)  # fmt: skip
def test_roles_at_the_end_of_each_quarter(last_day: str, codes: tuple[str, ...]) -> None:
    people = [{**row, "last_day": last_day if row["person_id"] == "alice" else None} for row in PEOPLE]
    found = one((OLD, plan()), window=made(people=people))
    assert found.codes == codes, found.explanation


def test_a_role_that_was_given_to_somebody_else_in_time() -> None:
    people = [{**row, "last_day": "2026-06-15" if row["person_id"] == "alice" else None} for row in PEOPLE]
    later = plan(roles=[{"role": "lead", "person": "bob@acme.example"}])
    assert one((OLD, plan()), ("2026-06-20", later), window=made(people=people)).outcome == "pass"


def test_a_service_that_went_needs_its_target_until_then() -> None:
    gone = made(programme={"scope": {"services": ["API"]}})
    assert one((OLD, plan()), ("2026-06-01", plan(objectives=[target()])), window=gone).outcome == "pass"
    assert one((OLD, plan(objectives=[target()])), window=gone).codes == ("SERVICE_WITHOUT_TARGET",)


def test_what_nobody_can_say() -> None:
    assert one((OLD, plan(insurance=None))).outcome == "unknown"
    assert one((OLD, plan()), window=made((), {"scope": {"services": []}})).outcome == "unknown"
    stranger = plan(roles=[{"role": "lead", "person": "stranger@acme.example"}])
    assert one((OLD, stranger)).outcome == "unknown"
    assert one(("2026-06-01", plan())).outcome == "unknown"  # the first on record


def test_what_is_still_to_come() -> None:
    now = day("2026-06-10")
    assert one(window=made(as_of=now)).resolves_at == END
    assert one(("2025-08-01", plan()), window=made(as_of=now)).resolves_at == day("2026-08-31", 0)


# --- restores


def restoring(**more: Any) -> TestWindow:
    return asked("A1-DRT-01", API, holders={"organisation": (ORG,)}, **more)


def restore(at: str = OLD, hours: int = 3, **more: Any) -> Row:
    return {"service": "api", "recovery_point_id": "rp-1", "started_at": f"{at}T{12 - hours:02}:00:00Z",
            "usable_at": f"{at}T12:00:00Z", "checks": ["Row counts"], "rto_met": True, "rpo_met": True, "actions": [],
            "tester": "bob@acme.example", "approver": "carol@acme.example", **more}  # fmt: skip


ACTION = [{"id": "A1", "text": "Faster disks", "owner": "bob@acme.example", "due": "2027-01-01"}]


def restored(*told: tuple[str, Row], window: TestWindow | None = None, planned: bool = True) -> Outcome:
    evidence, window = MemoryEvidence(), window or restoring()
    if planned:
        record(evidence, window, "plan", "continuity_plan", day("2025-01-01"), plan(), control="CC9-BCP-01", item=ORG)
    for at, values in told:
        record(evidence, window, "test", "restore_test", day(at), values)
    return by_item(restore_tests.restores_tested(window, evidence), restore_tests.CODES)[f"restore:{API}"]


def test_a_restore_in_order() -> None:
    for planned in (True, False):
        found = restored((OLD, restore()), planned=planned)
        assert (found.outcome, found.codes) == ("pass", ()), found.explanation


@pytest.mark.parametrize(
    ("told", "codes"),
    [
        ([], ("RESTORE_LAPSED",)),
        ([("2025-06-01", restore("2025-06-01"))], ("RESTORE_LAPSED",)),
        ([(OLD, restore(rto_met=False))], ("OBJECTIVE_MISSED",)),
        ([(OLD, restore(rpo_met=False))], ("OBJECTIVE_MISSED",)),
        ([(OLD, restore(hours=5))], ("OBJECTIVE_MISSED",)),  # whatever the record says
        ([(OLD, restore(checks=[]))], ("NOT_VERIFIED",)),
        ([(OLD, restore(checks=[" "], rto_met=False))], ("OBJECTIVE_MISSED", "NOT_VERIFIED")),
        ([(OLD, restore()), ("2026-05-01", restore(usable_at=None))], ("OBJECTIVE_MISSED",)),
        # One that never ended in a usable service ends no lapse.
        ([("2025-06-01", restore("2025-06-01")), ("2026-06-01", restore(usable_at=None, actions=ACTION))],
         ("RESTORE_LAPSED",)),
    ],
)  # fmt: skip
def test_restores_that_fail(told: Sequence[tuple[str, Row]], codes: tuple[str, ...]) -> None:
    found = restored(*told)
    assert (found.outcome, found.codes) == ("exception", codes), found.explanation


@pytest.mark.parametrize(
    "values",
    [restore(rto_met=False, actions=ACTION), restore(hours=4), restore(hours=5, actions=ACTION),
     restore(lessons=HOSTILE, checks=[HOSTILE])],
)  # fmt: skip
def test_restores_that_are_in_order_too(values: Row) -> None:
    assert restored((OLD, values)).outcome == "pass"


def test_restores_nobody_can_judge() -> None:
    assert restored((OLD, restore(rto_met=None))).outcome == "unknown"
    assert restored(("2026-06-01", restore("2026-06-01"))).outcome == "unknown"
    assert restored(window=restoring(as_of=day("2026-06-10"))).resolves_at == END
