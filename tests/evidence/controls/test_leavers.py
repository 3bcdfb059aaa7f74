"""CC6-DEPR-01: each code planted, what looks like it and is none, and what can't be known.

Person p1 leaves on Friday 15 May: access must have ended by the end of Monday 18 May, urgently by the end of Saturday.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest

from evidence.controls.access_events import STREAMS
from evidence.controls.access_holdings import LISTS
from evidence.controls.leavers import CODES, leavers_lose_access
from evidence.controls.logical_access_rights import LEAVERS
from schemas.github import CREDENTIALS
from schemas.outcome import Outcome
from schemas.own import PEOPLE
from tests.evidence.controls.access import credential
from tests.evidence.controls.rights import (
    AWS,
    DAY,
    GCP,
    GITHUB,
    GOOGLE,
    LATER,
    Row,
    account_of,
    at,
    aws_event,
    aws_principal,
    employee,
    gcp_event,
    gcp_principal,
    github_account,
    github_event,
    google_account,
    google_event,
    leaver,
    window,
)
from tests.fakes.memory_evidence import MemoryEvidence

BOSS = employee("p9", name="Boss")
IDENTITIES = [
    account_of("p1", "github", "ann"), account_of("p1", "aws", "ann"), account_of("p9", "github", "boss"),
    account_of("p9", "aws", "boss"),
]  # fmt: skip
FIRST, LAST = at("04-28"), at("06-10")
WORKFORCE = "workforce"
Shown = Callable[[datetime], Sequence[Row]]


class Company:
    """A system looked at once a day at two in the morning, from 28 April to 10 June."""

    def __init__(self, scope: str, *, covered: bool = True) -> None:
        self.scope = scope
        self.system = scope.partition(":")[0]
        self.evidence = MemoryEvidence()
        if covered:
            self.evidence.claim(STREAMS[self.system], scope, at("04-01"), at("06-11"))

    def people(self, *rows: Row, first: datetime = FIRST, last: datetime = LAST) -> Company:
        for day in sorted({*(first + 7 * n * DAY for n in range(7) if first + 7 * n * DAY < last), last}):
            self.evidence.snapshot(PEOPLE, WORKFORCE, day.replace(hour=1), [*rows, BOSS])
        return self

    def accounts(self, shown: Shown, *, last: datetime = LAST, first: datetime = FIRST) -> Company:
        day = first.replace(hour=2)
        while day <= last.replace(hour=2):
            self.evidence.snapshot(LISTS[self.system], self.scope, day, list(shown(day)))
            day += DAY
        return self

    def events(self, *rows: Row) -> Company:
        self.evidence.store(STREAMS[self.system], self.scope, rows)
        return self

    def judged(self, as_of: datetime = LATER, *, keys: bool = True, **more: Any) -> dict[str, Outcome]:
        if keys and self.system == "github" and self.evidence.snapshot_before(CREDENTIALS, self.scope, LATER) is None:
            self.evidence.snapshot(CREDENTIALS, self.scope, LAST, [])
        registers: Mapping[str, Any] = {"identities": IDENTITIES} | dict(more.pop("registers", {}))
        holders = {PEOPLE.name: (WORKFORCE,)}
        tested = window("CC6-DEPR-01", self.scope, as_of=as_of, registers=registers, holders=holders, **more)
        found = leavers_lose_access(tested, self.evidence)
        assert all(set(one.codes) <= set(CODES) for one in found)
        assert len({one.item_id for one in found}) == len(found)
        return {one.item_id.partition("@")[0]: one for one in found}

    def leaver(self, as_of: datetime = LATER, **more: Any) -> Outcome:
        found = self.judged(as_of, **more)
        assert list(found) == ["leaver:p1"], found
        return found["leaver:p1"]


def until(gone: str, before: Sequence[Row], after: Sequence[Row] = ()) -> Shown:
    return lambda day: before if day < at(gone) else after


def on_github(gone: str = "05-16", **account: Any) -> Company:
    """Ann leaves; her account is listed until a day in the morning."""
    both = [github_account("ann", **account), github_account("boss")]
    return Company(GITHUB).people(leaver()).accounts(until(gone, both, both[1:]))


REMOVED_IN_TIME = github_event("org.remove_member", at("05-18T16:00"))


class TestGitHub:
    def test_removed_in_time(self) -> None:
        found = on_github("05-19").events(REMOVED_IN_TIME).leaver()
        assert found.outcome == "pass"
        assert "access ended at 2026-05-18T16:00:00Z" in found.explanation
        assert "Monday to Friday, no holidays" in found.explanation
        assert found.evidence

    def test_removed_late(self) -> None:
        found = on_github("05-20").events(github_event("org.remove_member", at("05-19T07:30"))).leaver()
        assert found.codes == ("LATE",)
        assert "7.5 hours late" in found.explanation

    def test_never_removed(self) -> None:
        found = on_github("07-01").leaver()
        assert found.codes == ("STILL_ACTIVE",)

    def test_the_last_instant_allowed_and_the_first_that_is_not(self) -> None:
        last = on_github("05-19").events(github_event("org.remove_member", at("05-19")))
        assert last.leaver().outcome == "pass"
        after = on_github("05-20").events(github_event("org.remove_member", at("05-19T00:00:01")))
        assert after.leaver().codes == ("LATE",)

    def test_between_two_lists_before_the_deadline(self) -> None:
        found = on_github("05-18").leaver()
        assert found.outcome == "pass"
        assert "after 2026-05-17T02:00:00Z and by 2026-05-18T02:00:00Z" in found.explanation

    def test_between_two_lists_around_the_deadline_is_unknown(self) -> None:
        found = on_github("05-19").leaver()
        assert found.outcome == "unknown"
        assert "the deadline lies in between" in found.explanation

    def test_between_two_lists_after_the_deadline(self) -> None:
        found = on_github("05-21").leaver()
        assert found.codes == ("LATE",)
        assert "at least 26.0 hours late" in found.explanation

    def test_pending_until_the_deadline(self) -> None:
        found = on_github("07-01").leaver(at("05-18T12:00"))
        assert (found.outcome, found.resolves_at) == ("pending", at("05-19"))

    def test_not_looked_at_since_the_deadline(self) -> None:
        both = [github_account("ann"), github_account("boss")]
        company = Company(GITHUB).people(leaver()).accounts(lambda _day: both, last=at("05-17"))
        assert company.leaver().outcome == "unknown"

    def test_removed_by_the_log_and_no_list_since(self) -> None:
        both = [github_account("ann"), github_account("boss")]
        company = Company(GITHUB).people(leaver()).accounts(lambda _day: both, last=at("05-17"))
        found = company.events(REMOVED_IN_TIME).leaver()
        assert found.outcome == "unknown"
        assert "no list of accounts" in found.explanation

    def test_given_back_after_the_removal(self) -> None:
        both = [github_account("ann"), github_account("boss")]
        company = (
            Company(GITHUB)
            .people(leaver())
            .accounts(lambda day: both if day < at("05-16") or day > at("05-25") else both[1:])
        )
        company.events(
            github_event("org.remove_member", at("05-15T18:00")), github_event("org.add_member", at("05-25T09:00"))
        )
        assert company.leaver().codes == ("STILL_ACTIVE",)

    def test_removed_before_the_last_day(self) -> None:
        assert (
            on_github("05-10").events(github_event("org.remove_member", at("05-09T10:00"))).leaver().outcome == "pass"
        )

    def test_an_invitation_that_is_open_is_a_way_in(self) -> None:
        invited = github_account("", account_id="invitation:I_1", kind="invitation", email="p1@acme.example")
        company = Company(GITHUB).people(leaver()).accounts(lambda _day: [invited, github_account("boss")])
        assert company.leaver().codes == ("STILL_ACTIVE",)

    def test_keys_of_the_leaver(self) -> None:
        company = on_github("05-16")
        for day in range(1, 40):
            made = credential(owner={"id": "U_ann", "login": "ann", "kind": "person"})
            company.evidence.snapshot(CREDENTIALS, GITHUB, at("05-01") + day * DAY, [made])
        found = company.leaver()
        assert found.codes == ("STILL_ACTIVE",)
        assert "deploy key ci for acme/api" in found.explanation

    def test_keys_that_nobody_looked_at(self) -> None:
        company = on_github("05-16")
        found = company.leaver(keys=False)
        assert (found.outcome, "no list of keys since then" in found.explanation) == ("unknown", True)
        company.evidence.snapshot(CREDENTIALS, GITHUB, at("05-15"), [])
        assert company.leaver().outcome == "unknown"
        company.evidence.snapshot(CREDENTIALS, GITHUB, at("05-17"), [])
        assert company.leaver().outcome == "pass"

    def test_keys_that_expired_or_are_somebody_elses(self) -> None:
        company = on_github("05-16")
        ann = {"id": "U_ann", "login": "ann", "kind": "person"}
        expired = credential("K_1", owner=ann, expires_at=at("05-17"))
        other = credential("K_2", owner={"id": "U_boss", "login": "boss", "kind": "person"})
        gone = credential("K_3", owner=ann)
        for day in range(1, 40):
            shown = [expired, other, *([gone] if day < 16 else [])]
            company.evidence.snapshot(CREDENTIALS, GITHUB, at("05-01") + day * DAY, shown)
        assert company.leaver().outcome == "pass"


class TestUrgency:
    @pytest.mark.parametrize(
        ("leaving", "account", "outcome"),
        [
            ("involuntary", {}, "exception"),
            ("voluntary", {"privileged": True}, "exception"),
            ("contract_end", {}, "pass"),
            (None, {}, "unknown"),
        ],
    )
    def test_after_a_day_and_before_the_next_business_day(
        self, leaving: str | None, account: Row, outcome: str
    ) -> None:
        both = [github_account("ann", **account), github_account("boss")]
        company = Company(GITHUB).people(leaver(leaving=leaving)).accounts(until("05-19", both, both[1:]))
        assert company.events(REMOVED_IN_TIME).leaver().outcome == outcome

    def test_rights_taken_first_and_the_account_later(self) -> None:
        """Who was an administrator on the last day is one, even if that right was the first to go."""
        states = [[github_account("ann", privileged=True)], [github_account("ann")], []]
        company = (
            Company(GITHUB)
            .people(leaver())
            .accounts(lambda day: states[0] if day < at("05-16") else states[1] if day < at("05-18") else [])
        )
        assert company.leaver().codes == ("LATE",)

    def test_how_they_left_does_not_matter_within_a_day(self) -> None:
        company = Company(GITHUB).people(leaver(leaving=None)).accounts(until("05-16", [github_account("ann")]))
        assert company.leaver().outcome == "pass"

    def test_the_programme_s_own_deadlines(self) -> None:
        company = on_github("05-20").events(github_event("org.remove_member", at("05-19T07:30")))
        own = {"controls": {"CC6-DEPR-01": {"deadline_business_days": 2}}}
        assert company.leaver(**own).outcome == "pass"
        assert company.leaver(evidence_rules={"leaver_business_days": 2}).outcome == "pass"
        urgent = Company(GITHUB).people(leaver(leaving="involuntary")).accounts(until("05-18", [github_account("ann")]))
        urgent.events(github_event("org.remove_member", at("05-17T10:00")))
        assert urgent.leaver().codes == ("LATE",)
        assert urgent.leaver(controls={"CC6-DEPR-01": {"deadline_hours": 36}}).outcome == "pass"
        assert urgent.leaver(evidence_rules={"leaver_urgent_hours": 36}).outcome == "pass"

    def test_a_public_holiday_of_the_office_moves_the_deadline(self) -> None:
        """22 May is the Friday before Whit Monday, the spring bank holiday in England."""
        both = [github_account("ann"), github_account("boss")]
        company = Company(GITHUB).people(leaver(last_day="2026-05-22")).accounts(until("05-27", both, both[1:]))
        company.events(github_event("org.remove_member", at("05-26T16:00")))
        assert company.leaver().codes == ("LATE",)
        offices = {"london": {"calendar": "GB-ENG", "timezone": "Europe/London"}}
        found = company.leaver(offices=offices)
        assert found.outcome == "pass"
        assert "without 2026-05-25 (Spring Bank Holiday)" in found.explanation
        assert company.leaver(offices={"berlin": {"calendar": "DE-BE"}}).codes == ("LATE",)

    def test_a_last_day_on_a_public_holiday(self) -> None:
        both = [github_account("ann"), github_account("boss")]
        company = Company(GITHUB).people(leaver(last_day="2026-05-25")).accounts(until("05-27", both, both[1:]))
        company.events(github_event("org.remove_member", at("05-26T16:00")))
        assert company.leaver(offices={"london": {"calendar": "GB-ENG"}}).outcome == "pass"


class TestRegister:
    def test_entered_after_the_fact_the_clock_still_starts_at_the_last_day(self) -> None:
        company = Company(GITHUB).accounts(until("05-28", [github_account("ann")]))
        company.people(employee(), last=at("05-26")).people(leaver(notified_at=at("05-27")), first=at("05-27"))
        company.events(github_event("org.remove_member", at("05-27T09:00")))
        found = company.leaver()
        assert found.codes == ("LATE",)
        assert "the company learnt at 2026-05-27" in found.explanation

    def test_somebody_who_stays_makes_no_row(self) -> None:
        assert Company(GITHUB).people(employee()).accounts(lambda _day: [github_account("ann")]).judged() == {}

    def test_the_first_and_last_days_of_the_window(self) -> None:
        for day, inside in (("2026-04-30", False), ("2026-05-01", True), ("2026-05-31", True), ("2026-06-01", False)):
            company = Company(GITHUB).people(leaver(last_day=day)).accounts(lambda _day: [github_account("ann")])
            assert ("leaver:p1" in company.judged()) is inside, day

    def test_taken_out_of_the_register_without_a_last_day(self) -> None:
        company = Company(GITHUB).people(employee(), last=at("05-11")).people(first=at("05-12"))
        found = company.accounts(until("05-12", [github_account("ann")])).judged()
        assert found["leaver:p1"].outcome == "unknown"
        assert "then no longer" in found["leaver:p1"].explanation

    def test_taken_out_of_the_register_after_leaving(self) -> None:
        company = Company(GITHUB).people(leaver(), last=at("05-17")).people(first=at("05-18"))
        assert company.accounts(lambda _day: [github_account("ann")]).leaver().codes == ("STILL_ACTIVE",)

    def test_a_last_day_taken_back_after_it_had_passed(self) -> None:
        for later in (employee(), leaver(last_day="2026-06-30")):
            company = Company(GITHUB).people(leaver(), last=at("05-20")).people(later, first=at("05-21"))
            found = company.accounts(lambda _day: [github_account("ann")], last=at("05-18")).judged()["leaver:p1"]
            assert found.outcome == "unknown"
            assert "after that day had passed" in found.explanation

    def test_days_outside_of_any_time(self) -> None:
        odd = [employee("p2", last_day="9999-12-31"), employee("p3", last_day="0001-01-01", start="0001-01-01")]
        company = Company(GITHUB).people(leaver(), *odd).accounts(until("05-16", [github_account("ann")]))
        assert company.leaver().outcome == "pass"

    def test_a_last_day_moved_before_it_came(self) -> None:
        company = Company(GITHUB).people(leaver(), last=at("05-10")).people(employee(), first=at("05-11"))
        assert company.accounts(lambda _day: [github_account("ann")]).judged() == {}

    def test_no_snapshot_of_the_register(self) -> None:
        company = Company(GITHUB).accounts(lambda _day: [github_account("ann")])
        assert [one.outcome for one in company.judged().values()] == ["unknown"]
        assert company.judged(at("05-20")) == {}, "an open window is nobody's failure"

    def test_the_register_was_not_seen_to_the_end_of_the_window(self) -> None:
        company = Company(GITHUB).people(employee(), last=at("05-20")).accounts(lambda _day: [github_account("ann")])
        [found] = company.judged().values()
        assert found.outcome == "unknown"
        assert "who left later is not known" in found.explanation


class TestWhoIsWho:
    def test_from_contractor_to_employee_with_the_same_account(self) -> None:
        goes_on = employee("p2", email="p1@acme.example", start="2026-05-18")
        company = Company(GITHUB).people(leaver(kind="contractor", leaving="contract_end"), goes_on)
        found = company.accounts(lambda _day: [github_account("ann")]).leaver()
        assert found.outcome == "pass"
        assert "goes on as p2" in found.explanation

    def test_from_contractor_to_employee_by_the_identity_map(self) -> None:
        identities = [
            account_of("p1", "github", "ann", to="2026-05-15"),
            account_of("p2", "github", "ann", **{"from": "2026-05-16"}),
        ]
        company = Company(GITHUB).people(leaver(), employee("p2", start="2026-05-16"))
        found = company.accounts(lambda _day: [github_account("ann")]).leaver(registers={"identities": identities})
        assert found.outcome == "pass"

    def test_employed_again_after_a_gap(self) -> None:
        back = employee("p2", email="p1@acme.example", start="2026-06-01")
        company = Company(GITHUB).people(leaver(), back).accounts(lambda _day: [github_account("ann")])
        assert company.leaver().codes == ("STILL_ACTIVE",)

    def test_gone_in_time_and_back_when_employed_again(self) -> None:
        back = employee("p2", email="p1@acme.example", start="2026-06-01")
        company = Company(GITHUB).people(leaver(), back)
        company.accounts(lambda day: [] if at("05-16") < day < at("06-01") else [github_account("ann")])
        company.events(
            github_event("org.remove_member", at("05-15T18:00")), github_event("org.add_member", at("06-01T09:00"))
        )
        assert company.leaver().outcome == "pass"

    def test_an_entry_that_ended_does_not_hide_whose_account_it_was(self) -> None:
        identities = [account_of("p1", "github", "ann", to="2026-05-15")]
        company = Company(GITHUB).people(leaver()).accounts(lambda _day: [github_account("ann")])
        assert company.leaver(registers={"identities": identities}).codes == ("STILL_ACTIVE",)

    def test_an_account_given_to_somebody_who_does_not_work_here(self) -> None:
        identities = [*IDENTITIES, account_of("p7", "github", "ann", **{"from": "2026-05-16"})]
        company = Company(GITHUB).people(leaver()).accounts(lambda _day: [github_account("ann")])
        found = company.leaver(registers={"identities": identities})
        assert found.outcome != "pass" or "goes on" not in found.explanation

    def test_had_no_account_here(self) -> None:
        company = Company(GITHUB).people(leaver()).accounts(lambda _day: [github_account("boss")])
        found = company.leaver()
        assert found.outcome == "pass"
        assert "they had no account here" in found.explanation

    def test_nobody_knows_what_is_theirs(self) -> None:
        company = Company(GITHUB).people(leaver("p5")).accounts(lambda _day: [github_account("mystery")])
        found = company.judged()["leaver:p5"]
        assert found.codes == ("UNMAPPED_PERSON",)
        assert "mystery" in found.explanation

    def test_an_account_of_nobody_while_the_map_knows_the_leaver(self) -> None:
        company = Company(GITHUB).people(leaver()).accounts(lambda _day: [github_account("mystery")])
        assert company.leaver().outcome == "unknown"

    def test_machines_and_bots_are_nobody_s_account(self) -> None:
        shown = [github_account("ci"), github_account("app", kind="app"), github_account("bot", kind="bot")]
        company = Company(GITHUB).people(leaver("p5")).accounts(lambda _day: shown)
        found = company.judged(evidence_rules={"machine_accounts": ["ci"]})["leaver:p5"]
        assert found.outcome == "pass"

    @pytest.mark.parametrize(("removed", "codes"), [("05-25", ("LATE",)), ("05-17", ()), (None, ())])
    def test_an_account_that_no_list_ever_showed(self, removed: str | None, codes: tuple[str, ...]) -> None:
        """It was made after one list and was gone before the next: only events tell of it."""
        company = Company(GITHUB).people(leaver())
        for day in ("05-11", "05-26"):
            company.evidence.snapshot(LISTS["github"], GITHUB, at(day), [github_account("boss")])
        company.events(github_event("org.add_member", at("05-12T09:00")))
        if removed is not None:
            company.events(github_event("org.remove_member", at(removed)))
        found = company.leaver()
        assert found.codes == codes
        assert found.outcome == ("exception" if codes else "pass" if removed else "unknown")

    def test_an_end_that_only_an_event_tells_of(self) -> None:
        company = Company(GITHUB).people(leaver()).accounts(lambda _day: [github_account("boss")])
        company.events(github_event("org.remove_member", at("05-25")))
        assert company.leaver().codes == ("LATE",)

    def test_no_list_of_accounts_of_that_time(self) -> None:
        company = Company(GITHUB).people(leaver())
        assert company.leaver().outcome == "unknown"
        company.accounts(lambda _day: [github_account("boss")], first=at("05-30"))
        assert company.leaver().outcome == "unknown", (
            "a list taken after the deadline does not tell who was in it before"
        )

    def test_a_list_that_is_too_old_to_tell(self) -> None:
        company = Company(GITHUB).people(leaver(last_day="2026-05-29"))
        company.accounts(lambda _day: [github_account("boss")], first=at("04-10"), last=at("04-20"))
        assert company.leaver().outcome == "unknown"

    def test_an_account_that_was_given_away_long_before(self) -> None:
        identities = [
            account_of("p1", "github", "ann", to="2026-03-01"),
            account_of("p9", "github", "ann", **{"from": "2026-03-02"}),
        ]
        company = Company(GITHUB).people(leaver()).accounts(lambda _day: [github_account("ann")])
        found = company.leaver(registers={"identities": identities})
        assert found.outcome == "pass"
        assert "they had no account here" in found.explanation

    def test_an_account_that_had_ended_long_before_the_last_day(self) -> None:
        company = Company(GOOGLE).people(leaver(last_day="2026-05-29"))
        company.accounts(lambda day: [google_account(suspended=day > at("04-11"))], first=at("04-10"))
        company.evidence.claim(STREAMS["google"], GOOGLE, at("03-01"), at("04-01"))
        found = company.leaver()
        assert found.outcome == "pass"
        assert "they had no account here" in found.explanation or "no access was seen" in found.explanation

    def test_handed_over_to_somebody_who_works_here_between_two_lists(self) -> None:
        """While an account is shown alike all the time, whose it is may change in the middle."""
        identities = [
            account_of("p1", "github", "ann", to="2026-05-15"),
            account_of("p9", "github", "ann", **{"from": "2026-05-16", "to": "2026-05-31"}),
        ]
        company = Company(GITHUB).people(leaver()).accounts(lambda _day: [github_account("ann")])
        found = company.leaver(registers={"identities": identities})
        assert found.outcome == "pass"
        assert "goes on as p9" in found.explanation

    def test_the_map_ends_with_the_day_of_the_programme_and_the_office_has_another(self) -> None:
        identities = [
            account_of("p1", "github", "ann", to="2026-05-15"),
            account_of("p7", "github", "ann", **{"from": "2026-05-16"}),
        ]
        company = Company(GITHUB).people(leaver()).accounts(lambda _day: [github_account("ann")])
        for zone in ("America/New_York", "Asia/Tokyo"):
            offices = {"london": {"calendar": "US", "timezone": zone}}
            found = company.leaver(registers={"identities": identities}, offices=offices)
            assert "they had no account here" not in found.explanation, "it was theirs on the last day"

    def test_handed_over_late(self) -> None:
        identities = [
            account_of("p1", "github", "ann", to="2026-05-15"),
            account_of("p9", "github", "ann", **{"from": "2026-05-25"}),
        ]
        company = Company(GITHUB).people(leaver()).accounts(lambda _day: [github_account("ann")])
        assert company.leaver(registers={"identities": identities}).codes == ("LATE",)


class TestOtherDirection:
    def gone(self, *people: Row, **more: Any) -> dict[str, Outcome]:
        both = [github_account("ann"), github_account("boss")]
        company = Company(GITHUB).people(*people).accounts(until("05-12", both, both[1:]))
        return company.events(github_event("org.remove_member", at("05-11T10:00"))).judged(**more)

    def test_of_somebody_who_works_here(self) -> None:
        [found] = self.gone(employee()).values()
        assert found.item_id == "removal:github:U_ann@2026-05-11T10:00:00Z"
        assert found.codes == ("NO_HR_ROW",)

    def test_of_somebody_who_leaves_later_or_left_before(self) -> None:
        for day in ("2026-06-30", "2026-04-20"):
            [found] = self.gone(leaver(last_day=day)).values()
            assert found.outcome == "pass", day

    def test_of_somebody_whose_last_day_never_comes(self) -> None:
        [found] = self.gone(employee(last_day="9999-12-31")).values()
        assert found.codes == ("NO_HR_ROW",)

    def test_of_nobody_the_registers_know(self) -> None:
        [found] = self.gone(registers={"identities": IDENTITIES[2:]}).values()
        assert found.codes == ("UNMAPPED_PERSON",)

    def test_without_any_event_by_the_lists_alone(self) -> None:
        both = [github_account("ann"), github_account("boss")]
        company = Company(GITHUB, covered=False).people(employee()).accounts(until("05-12", both, both[1:]))
        [found] = company.judged().values()
        assert found.codes == ("NO_HR_ROW",)

    def test_of_an_account_that_no_list_ever_showed(self) -> None:
        company = Company(GITHUB).people(employee()).accounts(lambda _day: [github_account("boss")])
        [found] = company.events(github_event("org.remove_member", at("05-11T10:00"), "ann")).judged().values()
        assert found.codes == ("NO_HR_ROW",)

    def test_that_was_taken_back(self) -> None:
        company = Company(GOOGLE).people(employee())
        out = at("05-12"), at("05-14")
        company.accounts(lambda day: [google_account(suspended=out[0] < day < out[1])])
        company.events(google_event("SUSPEND_USER", out[0]), google_event("UNSUSPEND_USER", out[1]))
        assert company.judged() == {}

    def test_of_a_machine(self) -> None:
        assert self.gone(employee(), evidence_rules={"machine_accounts": ["ann"]}) == {}

    def test_that_nothing_could_show(self) -> None:
        company = Company(GITHUB, covered=False).people(employee())
        [found] = company.accounts(lambda _day: [github_account("ann")], last=at("05-20")).judged().values()
        assert found.outcome == "unknown"


class TestGoogle:
    @pytest.mark.parametrize("state", [{"suspended": True}, {"archived": True}])
    def test_legal_hold_with_sign_in_disabled_is_no_access(self, state: Row) -> None:
        company = (
            Company(GOOGLE).people(leaver()).accounts(until("05-18", [google_account()], [google_account(**state)]))
        )
        assert company.leaver().outcome == "pass"

    def test_suspended_and_deleted_later(self) -> None:
        suspended = [google_account(suspended=True)]
        company = (
            Company(GOOGLE)
            .people(leaver())
            .accounts(lambda day: [google_account()] if day < at("05-18") else suspended if day < at("05-30") else [])
        )
        company.events(google_event("SUSPEND_USER", at("05-17T12:00")), google_event("DELETE_USER", at("05-29T12:00")))
        found = company.leaver()
        assert found.outcome == "pass"
        assert "2026-05-17T12:00:00Z" in found.explanation

    def test_given_back_to_move_the_mail(self) -> None:
        company = (
            Company(GOOGLE)
            .people(leaver())
            .accounts(until("05-16", [google_account()], [google_account(suspended=True)]))
        )
        company.events(
            google_event("SUSPEND_USER", at("05-15T12:00")), google_event("UNSUSPEND_USER", at("05-20T12:00")),
            google_event("SUSPEND_USER", at("05-20T13:00")),
        )  # fmt: skip
        assert company.leaver().codes == ("LATE",)

    def test_nobody_says_whether_it_is_suspended(self) -> None:
        company = (
            Company(GOOGLE)
            .people(leaver())
            .accounts(until("05-16", [google_account()], [google_account(suspended=None)]))
        )
        assert company.leaver().outcome == "unknown"


KEY = {"userName": "ann", "accessKeyId": "A"}


class TestAws:
    def test_password_and_keys_gone_in_time(self) -> None:
        off = aws_principal(enabled=False, password_enabled=False, active_keys=0)
        company = Company(AWS).people(leaver()).accounts(until("05-19", [aws_principal()], [off]))
        company.events(
            aws_event("DeleteLoginProfile", at("05-18T09:00"), {"userName": "ann"}),
            aws_event("UpdateAccessKey", at("05-18T09:30"), KEY | {"status": "Inactive"}),
        )  # fmt: skip
        found = company.leaver()
        assert found.outcome == "pass"
        assert "2026-05-18T09:30:00Z" in found.explanation

    def test_the_last_part_was_late(self) -> None:
        company = Company(AWS).people(leaver()).accounts(until("05-19", [aws_principal()], []))
        company.events(
            aws_event("DeleteLoginProfile", at("05-18T09:00"), {"userName": "ann"}),
            aws_event("DeleteAccessKey", at("05-19T01:00"), KEY),
        )  # fmt: skip
        assert company.leaver().codes == ("LATE",)

    def test_one_part_is_not_all(self) -> None:
        company = Company(AWS).people(leaver()).accounts(lambda _day: [aws_principal()])
        company.events(aws_event("DeleteLoginProfile", at("05-18T09:00"), {"userName": "ann"}))
        assert company.leaver().codes == ("STILL_ACTIVE",)

    def test_attempts_that_failed_end_nothing(self) -> None:
        company = Company(AWS).people(leaver()).accounts(lambda _day: [aws_principal()])
        company.events(aws_event("DeleteUser", at("05-16T09:00"), {"userName": "ann"}, error_code="DeleteConflict"))
        assert company.leaver().codes == ("STILL_ACTIVE",)

    def test_parts_taken_while_the_log_has_a_gap_are_not_all(self) -> None:
        company = Company(AWS, covered=False).people(leaver()).accounts(until("05-19", [aws_principal()], []))
        company.events(aws_event("DeleteLoginProfile", at("05-18T09:00"), {"userName": "ann"}))
        assert company.leaver().outcome == "unknown"

    def test_suspended_says_nothing_of_an_account_that_nobody_told_of(self) -> None:
        unsaid = aws_principal(enabled=None)
        company = (
            Company(AWS)
            .people(leaver())
            .accounts(lambda day: [aws_principal()] if day < at("05-16") else [unsaid] if day < at("05-18") else [])
        )
        assert company.leaver().outcome == "unknown"

    def test_people_of_identity_center_are_listed_where_they_have_an_assignment(self) -> None:
        """Not being listed in an account is no sign that anybody left."""
        person = aws_principal(
            "p1", principal_kind="identity_center_user", principal_id="u-1", arn=None, email="p1@acme.example"
        )
        company = Company(AWS).people(employee()).accounts(until("05-12", [person]))
        assert company.judged() == {}
        gone = aws_event("DeleteUser", at("05-11T10:00"), {"userId": "u-1"}, service="identitystore")
        [found] = company.events(gone).judged().values()
        assert found.codes == ("NO_HR_ROW",)

    def test_machines_the_leaver_owns(self) -> None:
        robot = aws_principal("robot", owner="p1@acme.example")
        company = Company(AWS).people(leaver()).accounts(until("05-16", [aws_principal(), robot], [robot]))
        found = company.leaver()
        assert found.codes == ("STILL_ACTIVE",)
        assert "owned by p1@acme.example" in found.explanation

    def test_machines_that_somebody_owns_are_not_taken_for_people(self) -> None:
        robot = aws_principal("robot", owner="p9@acme.example", password_enabled=False)
        company = Company(AWS).people(leaver("p5")).accounts(lambda _day: [robot])
        assert company.judged()["leaver:p5"].outcome == "pass"

    def test_machines_that_were_handed_over(self) -> None:
        mine, yours = (aws_principal("robot", owner=owner) for owner in ("p1@acme.example", "p9@acme.example"))
        company = Company(AWS).people(leaver()).accounts(until("05-16", [aws_principal(), mine], [yours]))
        assert company.leaver().outcome == "pass"


class TestGoogleCloud:
    def test_bindings_removed_in_time(self) -> None:
        company = Company(GCP).people(leaver()).accounts(until("05-19", [gcp_principal()]))
        company.events(gcp_event([("REMOVE", "roles/viewer", "user:p1@acme.example")], at("05-18T10:00")))
        found = company.leaver()
        assert found.outcome == "pass"
        assert "2026-05-18T10:00:00Z" in found.explanation

    def test_a_binding_of_an_account_that_is_suspended(self) -> None:
        company = Company(GCP).people(leaver()).accounts(lambda _day: [gcp_principal()])
        assert company.leaver().codes == ("STILL_ACTIVE",)
        for day, shown in (("05-14", google_account()), ("05-16", google_account(suspended=True))):
            company.evidence.snapshot(LISTS["google"], GOOGLE, at(day), [shown])
        assert company.leaver().outcome == "pass"

    def test_a_binding_left_for_a_deleted_account_opens_nothing(self) -> None:
        company = Company(GCP).people(leaver())
        company.accounts(until("05-18", [gcp_principal()], [gcp_principal(deleted=True)]))
        assert company.leaver().outcome == "pass"

    def test_people_who_lose_rights_and_stay_are_no_leavers(self) -> None:
        assert Company(GCP).people(employee()).accounts(until("05-12", [gcp_principal()])).judged() == {}


def test_hostile_names_break_nothing() -> None:
    name = "x|\n<b>" * 2_000
    company = Company(GITHUB).people(leaver(name=name)).accounts(lambda _day: [github_account("ann")])
    assert company.leaver().codes == ("STILL_ACTIVE",)
    assert len(company.leaver().explanation) < 2_000
    company = Company(GITHUB).people(leaver()).accounts(until("05-16", [github_account("ann")]))
    made = credential(title=name, owner={"id": "U_ann", "login": "ann", "kind": "person"})
    company.evidence.snapshot(CREDENTIALS, GITHUB, at("05-20"), [made])
    assert company.leaver().codes == ("STILL_ACTIVE",)
    assert len(company.leaver().explanation) < 2_000


def test_the_register_of_people_is_the_population_of_every_system() -> None:
    for system in ("github", "google", "aws", "gcp"):
        assert [line.id for line in LEAVERS.population_lines(system)] == ["leavers"]
    assert PEOPLE.per == "workforce", "the register is read once and speaks of every system"
    assert LEAVERS.population_lines("hr") == (LEAVERS.line("leavers"),)
