"""What a run came to: which attempt counts, and that no success hides another interval's failure."""

from __future__ import annotations

from datetime import UTC, datetime

from connectors.collect import CollectionResult
from schemas.collection import Claim, ClaimStatus, Failure
from tasks.collection import Collected

APRIL, MAY, JUNE = (datetime(2026, month, 1, tzinfo=UTC) for month in (4, 5, 6))


def result(
    seq: int, status: ClaimStatus, start: datetime | None, end: datetime | None, until: datetime | None = None
) -> CollectionResult:
    failure = Failure("RetriableError", "again") if status == "error" else None
    claim = Claim(
        "github.commits", "github:R_1", "acme/api", status, JUNE, JUNE, start=start, end=end, complete_until=until,
        failure=failure,
    )  # fmt: skip
    return CollectionResult({"seq": seq}, (claim,))


def test_the_last_attempt_over_an_interval_counts() -> None:
    collected = Collected()
    collected.take(result(3, "error", APRIL, MAY), (APRIL, MAY))
    collected.take(result(4, "ok", APRIL, MAY), (APRIL, MAY))
    assert [(claim.status, seq) for claim, seq in collected.claims.values()] == [("ok", 4)]
    assert collected.failures == []


def test_a_claim_that_begins_later_is_still_of_the_interval_that_was_asked() -> None:
    collected = Collected()
    collected.take(result(3, "error", APRIL, JUNE), (APRIL, JUNE))
    collected.take(result(4, "truncated", MAY, JUNE, JUNE), (APRIL, JUNE))
    assert [seq for _, seq in collected.claims.values()] == [4]


def test_a_later_interval_hides_no_failure_of_an_earlier_one() -> None:
    collected = Collected()
    collected.take(result(3, "error", APRIL, MAY), (APRIL, MAY))
    collected.take(result(4, "ok", MAY, JUNE), (MAY, JUNE))
    assert [claim.start for claim in collected.failures] == [APRIL]


def test_a_snapshot_taken_again_counts() -> None:
    collected = Collected()
    collected.take(result(3, "error", None, None), None)
    collected.take(result(4, "ok", None, None), None)
    assert collected.failures == []


def test_answers_that_prove_nothing_are_told_from_those_with_a_whole_beginning() -> None:
    collected = Collected()
    collected.take(result(3, "truncated", APRIL, MAY), (APRIL, MAY))
    collected.take(result(4, "truncated", MAY, JUNE, JUNE), (MAY, JUNE))
    assert [claim.start for claim in collected.unproven] == [APRIL]
