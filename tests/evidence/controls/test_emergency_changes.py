"""CC8-CHG-03, and what an entry that holds makes of an item of CC8-CHG-01."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evidence.controls.change_review import reviewed_before_merge
from evidence.controls.emergency_changes import CODES, emergencies_recorded_and_reviewed
from evidence.controls.production_deployments import deployed_from_approved_path
from schemas.github import BYPASSES, COMMITS
from schemas.outcome import Outcome
from tests.evidence.controls.changes import (
    END,
    MERGED,
    REPO,
    SCOPE,
    Registers,
    Repository,
    actor,
    author,
    bypass,
    commit,
    deployment,
    direct,
    pull,
    window,
)
from tests.fakes.memory_evidence import MemoryEvidence

CONTROL = "CC8-CHG-03"
ITEM = f"github:commit:{REPO}:direct01"
HOUR = timedelta(hours=1)
DUE = datetime(2026, 5, 15, tzinfo=UTC)  # MERGED is a Tuesday
STAFF = ("carol", "dave", "erin", "alice", "bob")
REGISTERS: Registers = {
    "people": [
        {"person_id": f"p-{name}", "email": f"{name}@acme.example", "aliases": None, "office": None} for name in STAFF
    ],
    "identities": [
        {"person_id": f"p-{name}", "system": "github", "account_id": name, "from": None, "to": None} for name in STAFF
    ],
}
Row = dict[str, Any]


def entry(**changed: Any) -> Row:
    """An entry about carol's push: authorised by dave, reviewed by erin the day after."""
    values: Row = {
        "item_id": ITEM,
        "reason": "customers could not sign in",
        "authorised_by": "dave@acme.example",
        "authorised_at": "2026-05-12T10:30:00Z",
        "incident_id": "acme/ops#12",
        "reviewed_by": "erin@acme.example",
        "reviewed_at": "2026-05-13T09:00:00Z",
        "outcome": "kept",
    }
    return values | changed


OPEN: Row = {"reviewed_by": None, "reviewed_at": None, "outcome": None}


def quiet(count: int) -> Repository:
    """Carol's push among changes in order."""
    pulls = [pull(number=n, pr_id=f"PR_{n}", merge_sha=f"sha{n}") for n in range(100, 100 + count)]
    commits = [commit(sha=f"sha{n}", pr_number=n) for n in range(100, 100 + count)]
    return Repository(pulls=pulls, commits=[*commits, direct()])


def stored(
    entries: Sequence[Row] = (), repository: Repository | None = None, recorded: datetime | None = None
) -> MemoryEvidence:
    evidence = (repository or quiet(19)).stored()
    for values in entries:
        at = recorded or datetime(2026, 5, 13, 9, 30, tzinfo=UTC)
        evidence.record(CONTROL, "register", SCOPE, "emergency_change", at, values)
    return evidence


def judged(evidence: MemoryEvidence, **kept: Any) -> dict[str, Outcome]:
    kept.setdefault("registers", REGISTERS)
    return {one.item_id: one for one in emergencies_recorded_and_reviewed(window(CONTROL, **kept), evidence)}


def changes(evidence: MemoryEvidence, **kept: Any) -> dict[str, Outcome]:
    kept.setdefault("registers", REGISTERS)
    return {one.item_id: one for one in reviewed_before_merge(window(**kept), evidence)}


def both(evidence: MemoryEvidence, **kept: Any) -> tuple[Outcome, Outcome]:
    return judged(evidence, **kept)[ITEM], changes(evidence, **kept)[ITEM]


def test_an_entry_that_holds_makes_the_change_an_emergency() -> None:
    evidence = stored([entry()])
    registered, change = both(evidence)
    assert (registered.outcome, registered.codes) == ("pass", ())
    assert (change.outcome, change.codes) == ("emergency", ("DIRECT_PUSH",))
    assert "authorised by dave@acme.example at 2026-05-12T10:30:00Z" in change.explanation
    assert "entry:1" in change.evidence
    assert "entry:1" in registered.evidence
    assert {one.outcome for one in changes(evidence).values()} == {"pass", "emergency"}


WRONG: dict[str, tuple[Sequence[Row], tuple[str, ...]]] = {
    "no entry": ([], ("UNREGISTERED",)),
    "an entry about another change": ([entry(item_id=ITEM + "x")], ("UNREGISTERED",)),
    "no reason": ([entry(reason=" ")], ("UNREGISTERED",)),
    "no incident": ([entry(incident_id=None)], ("UNREGISTERED",)),
    "authorised by nobody": ([entry(authorised_by=None)], ("NO_AUTHORISER",)),
    "authorised at no time": ([entry(authorised_at="soon")], ("NO_AUTHORISER",)),
    "authorised by its author": ([entry(authorised_by="carol@acme.example")], ("NO_AUTHORISER",)),
    "authorised by its author under another name": ([entry(authorised_by="p-carol")], ("NO_AUTHORISER",)),
    "authorised too late": ([entry(authorised_at="2026-05-12T11:00:01Z")], ("NO_AUTHORISER",)),
    "reviewed by its author": ([entry(reviewed_by="CAROL@acme.example")], ("REVIEW_LATE",)),
    "never reviewed": ([entry(**OPEN)], ("REVIEW_LATE",)),
    "reviewed before it was made": ([entry(reviewed_at="2026-05-12T09:00:00Z")], ("REVIEW_LATE",)),
    "both": ([entry(authorised_by="carol", reviewed_by="carol")], ("NO_AUTHORISER", "REVIEW_LATE")),
    "taken back": ([entry(), entry(authorised_by="carol@acme.example")], ("NO_AUTHORISER",)),
}


@pytest.mark.parametrize(("entries", "codes"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_an_entry(entries: Sequence[Row], codes: tuple[str, ...]) -> None:
    registered, change = both(stored(entries))
    assert (registered.outcome, registered.codes) == ("exception", codes)
    assert (change.outcome, change.codes) == ("exception", ("DIRECT_PUSH",))


def test_a_review_after_its_time_is_late_and_one_at_the_end_of_the_second_day_is_not() -> None:
    recorded = datetime(2026, 5, 15, 1, tzinfo=UTC)
    for at, outcome in (("2026-05-14T23:59:59Z", "pass"), ("2026-05-15T00:00:00Z", "exception")):
        registered, change = both(stored([entry(reviewed_at=at)], recorded=recorded))
        assert registered.outcome == outcome, registered.explanation
        assert change.outcome == ("emergency" if outcome == "pass" else "exception")


def test_a_weekend_is_no_business_day() -> None:
    friday = datetime(2026, 5, 15, 16, tzinfo=UTC)
    repository = Repository(commits=[direct(event_time=friday)])
    values = entry(authorised_at="2026-05-15T16:10:00Z", reviewed_at="2026-05-19T20:00:00Z")
    evidence = stored([values | OPEN], repository, friday + HOUR)
    evidence.record(CONTROL, "register", SCOPE, "emergency_change", datetime(2026, 5, 19, 21, tzinfo=UTC), values)
    registered, _change = both(evidence)
    assert registered.outcome == "pass", registered.explanation


def test_what_is_written_down_days_later_counts_from_then() -> None:
    registered, change = both(stored([entry()], recorded=datetime(2026, 5, 18, tzinfo=UTC)))
    assert registered.codes == ("NO_AUTHORISER", "REVIEW_LATE")
    assert "more than 72 hours later" in registered.explanation
    assert change.outcome == "exception"


def test_the_review_may_be_recorded_later_than_the_authorisation() -> None:
    evidence = stored([entry(**OPEN)], recorded=MERGED + HOUR)
    evidence.record(CONTROL, "register", SCOPE, "emergency_change", DUE + 12 * HOUR, entry())
    registered, change = both(evidence)
    assert (registered.outcome, change.outcome) == ("pass", "emergency")


def test_a_review_that_is_planned_has_not_happened() -> None:
    registered, _change = both(stored([entry()], recorded=MERGED + HOUR))
    assert registered.codes == ("REVIEW_LATE",)


def test_until_the_review_is_due_its_entry_is_awaited_and_the_change_an_exception() -> None:
    registered, change = both(stored(), as_of=DUE - timedelta(seconds=1))
    assert (registered.outcome, registered.resolves_at, change.outcome) == ("pending", DUE, "exception")
    registered, change = both(stored([entry(**OPEN)], recorded=MERGED + HOUR), as_of=MERGED + 2 * HOUR)
    assert (registered.outcome, registered.resolves_at, change.outcome) == ("pending", DUE, "exception")
    assert both(stored(), as_of=DUE)[0].codes == ("UNREGISTERED",)
    late = [entry(authorised_by="carol@acme.example", **OPEN)]
    registered, _change = both(stored(late, recorded=MERGED + HOUR), as_of=MERGED + 2 * HOUR)
    assert registered.codes == ("NO_AUTHORISER",)
    assert "Still open" in registered.explanation


def test_what_is_recorded_after_the_moment_asked_about_is_not_known_then() -> None:
    assert both(stored([entry()]), as_of=MERGED + 2 * HOUR)[0].outcome == "pending"


@pytest.mark.parametrize(
    ("values", "registers"),
    [
        (entry(authorised_by="stranger@acme.example"), REGISTERS),
        (
            entry(),
            {**REGISTERS, "identities": [row for row in REGISTERS["identities"] if row["account_id"] != "carol"]},
        ),
        (entry(), {}),
    ],
    ids=["an authoriser nobody knows", "an author nobody knows", "no registers"],
)
def test_who_is_somebody_else_must_be_known(values: Row, registers: Any) -> None:
    if "identities" in registers:
        registers = {**registers, "people": [row for row in registers["people"] if row["person_id"] != "p-carol"]}
    registered, change = both(stored([values]), registers=registers)
    assert (registered.outcome, registered.codes) == ("unknown", ())
    assert change.outcome == "exception"


def test_a_machine_that_pushed_is_nobody_who_could_authorise() -> None:
    repository = Repository(commits=[direct(actor=actor("release", "bot"), authors=[author("release", kind="bot")])])
    registered, change = both(stored([entry(authorised_by="carol@acme.example")], repository))
    assert (registered.outcome, change.outcome) == ("pass", "emergency")


def test_who_pushed_a_merge_by_somebody_unknown_is_nobody_known() -> None:
    repository = Repository(commits=[direct(actor=None, authors=[], parents=["a", "b"])])
    assert both(stored([entry()], repository))[0].outcome == "unknown"


def test_an_entry_about_a_pull_request_is_about_each_of_its_commits() -> None:
    repository = Repository(
        pulls=[pull(reviews=[], merge_method="rebase")],
        commits=[commit(sha="c1"), commit(sha="c2", item_id=f"github:commit:{REPO}:c2")],
    )
    evidence = stored([entry(item_id=f"github:pr:{REPO}:7")], repository)
    assert {one.outcome for one in changes(evidence).values()} == {"emergency"}
    assert {one.outcome for item, one in judged(evidence).items() if "emergencies" not in item} == {"pass"}
    evidence = stored([entry(item_id=f"github:pr:{REPO}:7", authorised_by="alice@acme.example")], repository)
    assert {one.outcome for one in changes(evidence).values()} == {"exception"}


def test_a_bypass_of_its_own_is_registered_like_any_other() -> None:
    alone = f"github:bypass:{REPO}:RS_9"
    repository = Repository(bypasses=[bypass(suite_id="RS_9", after_sha="gone0001", before_sha="gone0000")])
    evidence = stored([entry(item_id=alone)], repository)
    assert judged(evidence)[alone].outcome == "pass"
    assert changes(evidence)[alone].outcome == "emergency"
    assert judged(stored([], repository))[alone].codes == ("UNREGISTERED",)


def test_a_change_that_only_lacks_a_ticket_is_none_of_this_control() -> None:
    repository = Repository(pulls=[pull(title="Faster")], commits=[commit()])
    assert judged(stored([], repository)) == {}


def test_a_month_without_emergencies_has_no_rows() -> None:
    assert judged(stored([], Repository(pulls=[pull()], commits=[commit()]))) == {}


def share(evidence: MemoryEvidence, **kept: Any) -> Outcome:
    return judged(evidence, **kept)[f"{SCOPE}:emergencies:2026-05"]


def test_too_many_in_a_month() -> None:
    assert share(stored([entry()], quiet(9))).outcome == "pass"  # one of ten is not more than 10%
    few = share(stored([entry()], quiet(8)))
    assert (few.outcome, few.codes) == ("exception", ("TOO_MANY",))
    assert share(stored([entry()], quiet(8)), rules={"emergency_share_percent": 20}).outcome == "pass"
    # The share does not take from an entry that holds.
    assert both(stored([entry()], quiet(8)))[1].outcome == "emergency"
    running = share(stored([entry()], quiet(8)), as_of=END - HOUR)
    assert (running.outcome, running.resolves_at) == ("pending", END)


def test_doubtful_changes_are_told_of_and_leave_the_share_open() -> None:
    repository = quiet(9)
    repository.bypasses = []
    repository.covered = [COMMITS]
    found = judged(stored([entry()], repository))
    [about] = [one for item, one in found.items() if item.startswith("window:")]
    assert about.outcome == "unknown"
    assert about.item_id.endswith("doubtful-changes")
    assert found[f"{SCOPE}:emergencies:2026-05"].outcome == "unknown"
    assert BYPASSES not in repository.covered


def test_changes_that_are_not_held_leave_everything_open() -> None:
    repository = quiet(8)
    repository.covered = []
    found = judged(stored([entry()], repository))
    assert found[f"{SCOPE}:emergencies:2026-05"].outcome == "unknown"
    assert any(item.startswith("window:register") for item in found)


def test_the_companys_own_deadlines_hold() -> None:
    values = entry(authorised_at="2026-05-12T13:00:00Z", reviewed_at="2026-05-15T08:00:00Z")
    evidence = stored([values], recorded=datetime(2026, 5, 15, 9, tzinfo=UTC))
    assert both(evidence)[0].codes == ("NO_AUTHORISER", "REVIEW_LATE")
    relaxed = {"emergency_authorise_hours": 4, "emergency_review_business_days": 3}
    assert both(evidence, rules=relaxed)[0].outcome == "pass"


def test_a_deployment_of_an_emergency_came_from_the_approved_path() -> None:
    repository = Repository(commits=[direct()], deployments=[deployment(sha="direct01")])
    for entries, outcome in (([entry()], "pass"), ([], "exception")):
        tested = window("CC8-CHG-04", registers=REGISTERS)
        [found] = deployed_from_approved_path(tested, stored(entries, repository))
        assert found.outcome == outcome


def test_hostile_words_break_nothing() -> None:
    ugly = "x" * 5000 + "|\n<b>@acme.example"
    registered, _change = both(stored([entry(authorised_by=ugly, reviewed_by=ugly, reason=ugly)]))
    assert registered.outcome == "unknown"
    assert "\n" not in registered.explanation
    assert len(registered.explanation) < 2000


def test_codes() -> None:
    assert CODES == ("UNREGISTERED", "NO_AUTHORISER", "REVIEW_LATE", "TOO_MANY")
