"""The demo company's Workspace: coherent with its people, strict, and over time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sandbox.company import DEMO, load_company
from sandbox.google.calls import Call
from sandbox.google.errors import GoogleError, NotModelled
from sandbox.google.workspace.company import load_workspace
from sandbox.google.workspace.reports import report_end
from sandbox.google.workspace.world import Customer
from schemas.errors import ConfigurationError

WORKSPACE = load_workspace(DEMO)
CUSTOMER: Customer = WORKSPACE.customer
NOW = datetime(2026, 7, 1, 6, tzinfo=UTC)
READER = "evidence@tallybrook.example"


def ask(method: str, now: datetime = NOW, subject: str = READER, **parameters: Any) -> dict[str, Any]:
    return dict(WORKSPACE.handlers[method](Call(method, parameters, {}, now, subject)))


def test_everybody_of_the_company_has_an_account_while_they_work_there() -> None:
    for day in (datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 9, 30, tzinfo=UTC)):
        active = {user["primaryEmail"] for user in CUSTOMER.users(day) if not user["suspended"]}
        people = {
            person.google
            for person in load_company(DEMO).people
            if person.google
            and person.start < day.date()
            and (person.last_day is None or day.date() <= person.last_day)
        }
        assert active == people | {READER}


def test_a_user_is_what_it_was_at_the_instant() -> None:
    def yuki(day: int) -> tuple[bool, bool]:
        user = CUSTOMER.user("yuki@tallybrook.example", datetime(2026, 5, day, tzinfo=UTC))
        assert user is not None
        return user["isAdmin"], user["isEnforcedIn2Sv"]

    assert [yuki(day) for day in (18, 20, 27)] == [(False, True), (True, True), (False, True)]


def test_the_last_sign_in_moves_with_the_clock() -> None:
    def last(now: datetime) -> str:
        return next(one["lastLoginTime"] for one in CUSTOMER.users(now) if one["primaryEmail"].startswith("maren"))

    assert last(NOW) < last(NOW + timedelta(days=1)) < last(NOW + timedelta(days=2))


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("directory.users.list", {"customer": "C03tally1", "query": "isAdmin=true"}),
        ("directory.users.list", {"customer": "C03tally1", "showDeleted": "true"}),
        ("directory.members.list", {"groupKey": "engineering@tallybrook.example", "includeDerivedMembership": True}),
        ("reports.activities.list", {"userKey": "all", "applicationName": "login", "filters": "x==y"}),
        ("drive.files.list", {"q": "fullText contains 'x'"}),
        ("alertcenter.alerts.list", {"filter": 'type = "x"'}),
        ("cloudidentity.policies.list", {"filter": "customer == 'x'"}),
    ],
)
def test_what_is_not_modelled_is_no_answer(method: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(NotModelled):
        ask(method, **parameters)


def test_only_administrators_are_answered() -> None:
    for subject in ("luca@tallybrook.example", "nobody@tallybrook.example"):
        with pytest.raises(GoogleError) as refused:
            ask("directory.users.list", subject=subject, customer="C03tally1")
        assert refused.value.status == 403
    assert WORKSPACE.may_ask_for("luca@tallybrook.example", NOW)
    assert not WORKSPACE.may_ask_for("viktor@tallybrook.example", NOW)  # suspended


def test_another_customer_is_refused() -> None:
    with pytest.raises(GoogleError) as refused:
        ask("directory.users.list", customer="C99")
    assert refused.value.status == 400


def test_reports_come_late_and_are_forgotten() -> None:
    def status(date: str, now: datetime = NOW) -> int:
        try:
            ask("reports.userUsageReport.get", now, userKey="all", date=date)
        except GoogleError as refused:
            return refused.status
        return 200

    assert report_end(datetime(2026, 6, 27).date()) == datetime(2026, 6, 28, 8, tzinfo=UTC)  # noqa: DTZ001 - a day
    assert [status("2026-06-27"), status("2026-06-29"), status("2025-01-01")] == [200, 400, 400]


def test_approvals_want_their_fields_named() -> None:
    with pytest.raises(GoogleError, match="fields"):
        ask("drive.approvals.list", fileId="doc-acceptable-use")
    assert len(ask("drive.approvals.list", fileId="doc-acceptable-use", fields="items")["items"]) == 1


def test_a_file_that_is_wrong_says_where(tmp_path: Path) -> None:
    (tmp_path / "company.yaml").write_bytes((DEMO / "company.yaml").read_bytes())
    (tmp_path / "google.yaml").write_text("customer: C1\ncreated: soon\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"google\.yaml of the company: created"):
        load_workspace(tmp_path)
