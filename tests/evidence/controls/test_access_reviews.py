"""CC6-UAR-01 over reviews that are in order, and over each thing that can be wrong with one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evidence.controls.access_reviews import CODES, access_reviewed
from evidence.controls.model import TestWindow
from evidence.reviews.campaign import Campaign, Decision
from evidence.reviews.pack import PackRow, make_rows, rows_digest
from schemas.google import ACCOUNTS, ADMIN_ACTIVITIES
from schemas.instants import format_instant
from schemas.outcome import Outcome
from tests.evidence.controls.rights import GOOGLE, account_of, employee, google_account, google_event, window
from tests.fakes.memory_evidence import MemoryEvidence

CONTROL = "CC6-UAR-01"
DAY = timedelta(days=1)
JANUARY, APRIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
PACKED, SIGNED = datetime(2026, 3, 20, tzinfo=UTC), datetime(2026, 3, 27, 12, tzinfo=UTC)  # a Friday
DEADLINE = datetime(2026, 4, 11, tzinfo=UTC)  # ten business days later, Friday the 10th is over
LATER = datetime(2026, 6, 1, tzinfo=UTC)
PEOPLE = [
    employee("p1"),
    employee("p2", aliases=["second@acme.example"]),
    employee("p3"),
    employee("p4", last_day="2026-02-28"),
]
REGISTERS: dict[str, Any] = {"people": PEOPLE, "identities": []}
REVIEWER = "p1@acme.example"


def account(name: str, **changed: Any) -> dict[str, Any]:
    return google_account(name, last_used_at=PACKED - DAY, **changed)


EVERYBODY = [account("p1"), account("p2"), account("p3")]


@dataclass
class Case:
    """A review of the first quarter that is in order, to be spoilt."""

    rows: Sequence[Mapping[str, Any]] = field(default_factory=lambda: EVERYBODY)
    decisions: Mapping[str, tuple[str, str | None, str]] = field(default_factory=dict)
    """By name: decision, reason, who; what is not named is kept by somebody else."""
    signed_at: datetime | None = SIGNED
    recorded_at: datetime | None = None
    packed_at: datetime = PACKED
    values: dict[str, Any] = field(default_factory=dict)
    """Overrides of what the signature says."""
    undecided: tuple[str, ...] = ()
    pack_window: str = "2026-Q1"
    evidence: MemoryEvidence = field(default_factory=MemoryEvidence)

    def made(self) -> MemoryEvidence:
        evidence = self.evidence
        rows = make_rows(
            "google", self.rows, observed_at=self.packed_at, counted=len(self.rows), registers=REGISTERS, zone="UTC",
            dormant_days=90, previous=None,
        )  # fmt: skip
        evidence.tables["sha256:pack"] = [row.to_json() for row in rows]
        about: dict[str, Any] = {
            "pack": "sha256:pack", "rows": len(rows), "independent_count": len(rows), "rows_digest": rows_digest(rows),
            "observed_at": format_instant(self.packed_at), "assign": "reviewers",
        }  # fmt: skip
        self.record("access_pack", "pack", self.packed_at, about, for_window=self.pack_window)
        campaign = Campaign.of(rows)
        decided = (self.signed_at or SIGNED) - DAY
        made = [one for row in rows if (one := self._decision(row, decided)) is not None]
        campaign.take(made)
        said = {"pack": "sha256:pack", "decisions": [one.to_json() for one in made], "count": len(made)}
        self.record("access_decisions", "response", decided, said)
        if self.signed_at is not None:
            signed = {"pack": "sha256:pack", "result": campaign.result_digest(), **self.values}
            self.record("access_review", "periodic", self.signed_at, signed, recorded_at=self.recorded_at)
        return evidence

    def _decision(self, row: PackRow, at: datetime) -> Decision | None:
        name = row.account_id[1:]
        if name in self.undecided:
            return None
        other = "p2@acme.example" if name == "p1" else REVIEWER
        decision, reason, by = self.decisions.get(name, ("keep", None, other))
        return Decision(row.row_id, row.digest, decision, reason, by, format_instant(at))

    def record(self, kind: str, record: Any, at: datetime, values: Mapping[str, Any], **more: Any) -> None:
        more = {"for_window": "2026-Q1", "signed_by": REVIEWER, **more}
        self.evidence.record(CONTROL, "decisions", GOOGLE, kind, at, values, kind=record, **more)

    def told(self, as_of: datetime = LATER, **more: Any) -> dict[str, Outcome]:
        return {one.item_id: one for one in access_reviewed(quarter(as_of, **more), self.made())}

    def of(self, name: str, as_of: datetime = LATER, **more: Any) -> Outcome:
        return self.told(as_of, **more)[f"google:1{name}"]


def quarter(as_of: datetime = LATER, **more: Any) -> TestWindow:
    given: dict[str, Any] = {"start": JANUARY, "end": APRIL, "registers": REGISTERS, **more}
    return replace(window(CONTROL, GOOGLE, as_of=as_of, **given), window_id="2026-Q1")


def lists(case: Case, *shown: tuple[datetime, Sequence[Mapping[str, Any]]]) -> Case:
    for at, rows in shown:
        case.evidence.snapshot(ACCOUNTS, GOOGLE, at, rows)
    return case


def outcome(one: Outcome) -> tuple[str, tuple[str, ...]]:
    return one.outcome, one.codes


def test_a_review_in_order() -> None:
    told = Case().told()
    assert {item: one.outcome for item, one in told.items()} == {
        "pack:sha256:pack": "pass", "google:1p1": "pass", "google:1p2": "pass", "google:1p3": "pass",
    }  # fmt: skip
    assert "keep by p1@acme.example" in told["google:1p2"].explanation
    assert all(one.evidence for one in told.values())


def test_nothing_was_put_before_anybody() -> None:
    assert access_reviewed(quarter(APRIL - DAY), MemoryEvidence()) == []
    [row] = access_reviewed(quarter(APRIL), MemoryEvidence())
    assert (row.outcome, row.codes) == ("unknown", ())
    assert "no list of accounts" in row.explanation


def test_a_quarter_that_closes_after_the_period_is_not_expected() -> None:
    period: dict[str, Any] = {"observation_period": {"start": "2026-01-15", "end": "2026-03-20"}}
    clipped = quarter(LATER, end=datetime(2026, 3, 21, tzinfo=UTC), **period)
    assert access_reviewed(clipped, MemoryEvidence()) == []
    assert len(access_reviewed(clipped, Case().made())) == 4, "what was reviewed all the same is judged"


def test_not_signed_yet_and_never_signed() -> None:
    early = Case(signed_at=None, undecided=("p3",)).told(APRIL)
    assert {one.outcome for one in early.values()} == {"pending"}
    assert {one.resolves_at for one in early.values()} == {APRIL + 14 * DAY}
    late = Case(signed_at=None, undecided=("p3",)).told(APRIL + 14 * DAY)
    assert outcome(late["google:1p3"]) == ("exception", ("ROWS_UNDECIDED",))
    assert outcome(late["google:1p2"]) == ("unknown", ())
    assert "not signed" in late["google:1p2"].explanation
    assert late["pack:sha256:pack"].outcome == "unknown"


# --- the list --------------------------------------------------------------------------------------------------------


def test_a_list_too_old_or_younger_than_its_signature() -> None:
    def pack(case: Case) -> tuple[str, tuple[str, ...]]:
        return outcome(case.told()["pack:sha256:pack"])

    assert pack(Case(signed_at=PACKED + 30 * DAY)) == ("pass", ())
    assert pack(Case(signed_at=PACKED + 30 * DAY + timedelta(seconds=1))) == ("exception", ("PACK_STALE",))
    assert pack(Case(signed_at=PACKED - DAY, recorded_at=PACKED + DAY)) == ("exception", ("PACK_STALE",))
    # A signature dated back counts from its arrival.
    assert pack(Case(recorded_at=PACKED + 40 * DAY)) == ("exception", ("PACK_STALE",))


def test_an_altered_list_proves_nothing() -> None:
    for spoil in (
        lambda rows: rows.pop(),
        lambda rows: rows[0].update(privileged=True),
        lambda rows: rows[0].pop("flags"),
    ):
        case = Case()
        evidence = case.made()
        spoil(evidence.tables["sha256:pack"])
        [row] = access_reviewed(quarter(), evidence)
        assert row.outcome == "unknown"
    evidence = Case().made()
    del evidence.tables["sha256:pack"]
    assert [one.outcome for one in access_reviewed(quarter(), evidence)] == ["unknown"]


def test_one_list_serves_one_quarter() -> None:
    [row] = Case(pack_window="2025-Q4").told().values()
    assert (row.outcome, "the list of 2025-Q4" in row.explanation) == ("unknown", True)


def test_what_was_signed_is_what_was_decided() -> None:
    told = Case(values={"result": "sha256:other"}).told()
    assert {one.outcome for one in told.values()} == {"unknown"}
    assert "not what the decisions say" in told["google:1p2"].explanation
    case = Case()
    evidence = case.made()
    case.record("access_decisions", "response", SIGNED + DAY, {"pack": "sha256:pack", "decisions": None})
    assert {one.outcome for one in access_reviewed(quarter(), evidence)} == {"pass"}, "what came later counts not"
    case = Case()
    case.record("access_decisions", "response", PACKED + DAY, {"pack": "sha256:pack", "decisions": None, "table": "x"})
    assert {one.outcome for one in case.told().values()} == {"unknown"}


# --- decisions -------------------------------------------------------------------------------------------------------


def test_rows_that_nobody_decided() -> None:
    assert outcome(Case(undecided=("p2",)).of("p2")) == ("exception", ("ROWS_UNDECIDED",))
    escalated = Case(decisions={"p2": ("escalate", "not mine", REVIEWER)})
    assert outcome(escalated.of("p2")) == ("exception", ("ROWS_UNDECIDED",))


@pytest.mark.parametrize("by", ["p2@acme.example", "second@acme.example", "P2@Acme.example"])
def test_a_decision_about_ones_own(by: str) -> None:
    own = Case(decisions={"p2": ("keep", None, by)}).of("p2")
    assert outcome(own) == ("exception", ("SELF_REVIEW",))


def test_own_by_the_register_of_accounts() -> None:
    odd = Case(rows=[*EVERYBODY, account("x", email="ops@acme.example")])
    assert odd.of("x").outcome == "pass"
    registers: dict[str, Any] = {"people": PEOPLE, "identities": [account_of("p1", "google", "ops@acme.example")]}
    assert outcome(Case(rows=odd.rows).of("x", registers=registers)) == ("exception", ("SELF_REVIEW",))


def test_nobody_can_say_whose_it_is() -> None:
    row = account("x", email=None)
    assert Case(rows=[*EVERYBODY, row]).of("x").outcome == "unknown"
    assert Case(rows=EVERYBODY).of("p2", registers={}).outcome == "unknown"


def test_kept_against_a_flag() -> None:
    rows = [*EVERYBODY, account("p4"), google_account("p5", last_used_at=PACKED - 91 * DAY)]
    told = Case(rows=rows).told()
    assert outcome(told["google:1p4"]) == ("exception", ("KEPT_WITHOUT_REASON",))
    assert outcome(told["google:1p5"]) == ("exception", ("KEPT_WITHOUT_REASON",))
    kept = Case(rows=rows, decisions={"p4": ("keep", "hands over until May", REVIEWER)}).told()
    assert kept["google:1p4"].outcome == "pass"
    assert Case(rows=[account("p2", privileged=True)]).of("p2").outcome == "pass", "the rule names three flags"


# --- what became of it -----------------------------------------------------------------------------------------------

REVOKED: dict[str, tuple[str, str | None, str]] = {"p3": ("revoke", "left the project", REVIEWER)}
GONE = EVERYBODY[:2]


def test_revoked_in_time() -> None:
    case = lists(Case(decisions=REVOKED), (SIGNED + 5 * DAY, GONE), (SIGNED + 30 * DAY, GONE))
    assert case.of("p3").outcome == "pass"
    suspended = [*GONE, account("p3", suspended=True)]
    assert lists(Case(decisions=REVOKED), (SIGNED + 5 * DAY, suspended)).of("p3").outcome == "pass"


def test_a_list_from_before_the_signature_shows_nothing() -> None:
    case = lists(Case(decisions=REVOKED), (SIGNED - timedelta(hours=1), GONE), (SIGNED, GONE))
    assert outcome(case.of("p3", DEADLINE - timedelta(seconds=1))) == ("pending", ())
    again = lists(Case(decisions=REVOKED), (SIGNED - timedelta(hours=1), GONE))
    assert outcome(again.of("p3")) == ("unknown", ())


def test_not_yet_and_never() -> None:
    still = lists(Case(decisions=REVOKED), (SIGNED + 5 * DAY, EVERYBODY))
    pending = still.of("p3", DEADLINE - timedelta(seconds=1))
    assert (pending.outcome, pending.resolves_at) == ("pending", DEADLINE)
    again = lists(Case(decisions=REVOKED), (SIGNED + 5 * DAY, EVERYBODY))
    assert outcome(again.of("p3", DEADLINE)) == ("unknown", ()), "no list from after the deadline"
    never = lists(Case(decisions=REVOKED), (DEADLINE + DAY, EVERYBODY))
    told = never.of("p3")
    assert outcome(told) == ("exception", ("REVOKE_NOT_DONE",))
    assert "10 business days after 2026-03-27" in told.explanation


def test_revoked_late() -> None:
    case = lists(Case(decisions=REVOKED), (DEADLINE + DAY, EVERYBODY), (DEADLINE + 8 * DAY, GONE))
    assert outcome(case.of("p3")) == ("exception", ("REVOKE_LATE",))
    # Between two lists with the deadline in the gap nobody can say.
    gap = lists(Case(decisions=REVOKED), (DEADLINE - DAY, EVERYBODY), (DEADLINE + DAY, GONE))
    assert outcome(gap.of("p3")) == ("unknown", ())


@pytest.mark.parametrize(
    ("at", "expected"),
    [(DEADLINE - timedelta(seconds=1), ("pass", ())), (DEADLINE, ("exception", ("REVOKE_LATE",)))],
)
def test_an_event_tells_when(at: datetime, expected: object) -> None:
    case = lists(Case(decisions=REVOKED), (DEADLINE - 2 * DAY, EVERYBODY), (DEADLINE + DAY, GONE))
    case.evidence.store(ADMIN_ACTIVITIES, GOOGLE, [google_event("DELETE_USER", at, "p3")])
    assert outcome(case.of("p3")) == expected


def test_access_that_came_back_was_not_taken_away() -> None:
    case = lists(Case(decisions=REVOKED), (SIGNED + 5 * DAY, GONE), (DEADLINE + DAY, EVERYBODY))
    assert outcome(case.of("p3")) == ("exception", ("REVOKE_NOT_DONE",))


def test_changed() -> None:
    asked = {"p3": ("change", "no administrator any more", REVIEWER)}
    admin = [*GONE, account("p3", privileged=True)]
    done = lists(Case(rows=admin, decisions=asked), (SIGNED + 5 * DAY, EVERYBODY), (DEADLINE + DAY, EVERYBODY))
    assert done.of("p3").outcome == "pass"
    same = lists(Case(rows=admin, decisions=asked), (SIGNED + 5 * DAY, admin), (DEADLINE + DAY, admin))
    assert outcome(same.of("p3")) == ("exception", ("REVOKE_NOT_DONE",))


def test_revoked_by_oneself_and_not_done_are_two_findings() -> None:
    case = lists(Case(decisions={"p3": ("revoke", "x", "p3@acme.example")}), (DEADLINE + DAY, EVERYBODY))
    assert case.of("p3").codes == ("SELF_REVIEW", "REVOKE_NOT_DONE")


def test_accounts_that_came_later_belong_to_the_next_review() -> None:
    case = lists(Case(), (SIGNED + DAY, [*EVERYBODY, account("new")]))
    assert set(case.told()) == {"pack:sha256:pack", "google:1p1", "google:1p2", "google:1p3"}


def test_hostile_texts() -> None:
    name = "<b>|\n" * 500
    rows = [*EVERYBODY, account("x", email=name)]
    told = Case(rows=rows, decisions={"x": ("revoke", name, name)}).of("x")
    assert len(told.explanation) < 2000


def test_a_shorter_deadline_of_the_company() -> None:
    rules: dict[str, Any] = {"evidence_rules": {"review_removal_business_days": 1}}
    case = lists(Case(decisions=REVOKED), (SIGNED + 5 * DAY, EVERYBODY), (SIGNED + 9 * DAY, GONE))
    assert outcome(case.of("p3", **rules)) == ("exception", ("REVOKE_LATE",))


def test_every_code_is_planted() -> None:
    assert set(CODES) == {
        "PACK_STALE", "ROWS_UNDECIDED", "SELF_REVIEW", "REVOKE_LATE", "REVOKE_NOT_DONE", "KEPT_WITHOUT_REASON",
    }  # fmt: skip
