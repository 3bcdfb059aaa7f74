"""What is missing, cut off or was tampered with: the claim stops there and says why, the rest is kept."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from evidence.controls.digest_chain import chain_whole
from sandbox.aws.trail import Stored, TrailDelivery
from schemas.aws_trail import TRAIL_CONTINUITY
from schemas.errors import NotLicensed, RetriableError
from schemas.extraction import Session
from tests.evidence.controls.changes import window
from tests.fakes.aws_company import PROD, Simulated, SimulatedAws
from tests.fakes.aws_trail import (
    END,
    NOW,
    START,
    STARTED,
    collect_continuity,
    collect_events,
    every,
    session,
    start,
    with_trail,
)
from tests.fakes.memory_evidence import MemoryEvidence

HOLE = START + timedelta(hours=2)
"""The hour from 3:00 to 4:00."""
_HOUR = timedelta(hours=1)


def of(simulated: Simulated, kind: str, at: datetime, region: str = "eu-west-1") -> Stored:
    """The digest of the hour that begins at `at`, or the first log file delivered in it."""
    delivered = simulated.server.delivered
    folder = f"{delivered.folder(PROD)}{kind}/{region}/"
    listed = delivered.listed(folder, NOW)
    if kind == "CloudTrail-Digest":
        return next(one for one in listed if f"{at + _HOUR:%Y%m%dT%H%M%SZ}" in one.key)
    return next(one for one in listed if at <= one.at < at + _HOUR)


def edited(stored: Stored, change: Callable[[dict[str, Any]], Any]) -> bytes:
    document = json.loads(gzip.decompress(stored.data))
    change(document)
    return gzip.compress(json.dumps(document).encode())


def _remove_file(simulated: Simulated, delivered: TrailDelivery) -> None:
    delivered.overwritten[of(simulated, "CloudTrail", HOLE).key] = None


def _edit_file(simulated: Simulated, delivered: TrailDelivery) -> None:
    file = of(simulated, "CloudTrail", HOLE)
    delivered.overwritten[file.key] = edited(file, lambda text: text["Records"].pop())


def _break_json_of_file(simulated: Simulated, delivered: TrailDelivery) -> None:
    delivered.overwritten[of(simulated, "CloudTrail", HOLE).key] = gzip.compress(b'{"Records": [{"eventID"')


def _cut_file(simulated: Simulated, delivered: TrailDelivery) -> None:
    file = of(simulated, "CloudTrail", HOLE)
    delivered.overwritten[file.key] = file.data[: len(file.data) // 2]


def _remove_digest(simulated: Simulated, delivered: TrailDelivery) -> None:
    delivered.overwritten[of(simulated, "CloudTrail-Digest", HOLE).key] = None


def _edit_digest(simulated: Simulated, delivered: TrailDelivery) -> None:
    digest = of(simulated, "CloudTrail-Digest", HOLE)
    delivered.overwritten[digest.key] = edited(digest, lambda text: text["logFiles"].pop())


def _rename_digest(simulated: Simulated, delivered: TrailDelivery) -> None:
    # A digest that AWS signed, of another hour, in place of this one.
    digest, other = of(simulated, "CloudTrail-Digest", HOLE), of(simulated, "CloudTrail-Digest", STARTED)
    delivered.overwritten[digest.key] = other.data


def _garbage_digest(simulated: Simulated, delivered: TrailDelivery) -> None:
    delivered.overwritten[of(simulated, "CloudTrail-Digest", HOLE).key] = gzip.compress(b'{"awsAccountId": 5}')


def _cut_digest(simulated: Simulated, delivered: TrailDelivery) -> None:
    digest = of(simulated, "CloudTrail-Digest", HOLE)
    delivered.overwritten[digest.key] = digest.data[:40]


DAMAGE = {
    "file removed": (_remove_file, "file_missing"),
    "file edited": (_edit_file, "file_altered"),
    "file is no JSON": (_break_json_of_file, "file_altered"),
    "file cut off": (_cut_file, "file_altered"),
    "digest removed": (_remove_digest, "digest_missing"),
    "digest edited": (_edit_digest, "digest_altered"),
    "digest of another hour": (_rename_digest, "digest_altered"),
    "digest is none": (_garbage_digest, "digest_altered"),
    "digest cut off": (_cut_digest, "digest_altered"),
}


@pytest.fixture
def simulated(simulated_aws: SimulatedAws) -> Simulated:
    return start(simulated_aws, with_trail(every(7, 60)))


@pytest.fixture
def opened(simulated: Simulated) -> Session:
    return session(simulated)


def broken(rows: list[dict[str, Any]], region: str = "eu-west-1") -> list[datetime]:
    """The hours for which CC7-LOG-01 says that the chain is broken, of those that were collected."""
    evidence = MemoryEvidence()
    evidence.snapshot(TRAIL_CONTINUITY, f"aws:{PROD}", NOW, rows)
    tested = window("CC7-LOG-01", start=STARTED, end=STARTED + 7 * _HOUR, as_of=NOW, scope=f"aws:{PROD}:{region}")
    found = chain_whole(replace(tested, holders={TRAIL_CONTINUITY.name: (f"aws:{PROD}",)}), evidence)
    assert {row.outcome for row in found} <= {"pass", "exception"}
    return [row.event_time for row in found if row.codes == ("CHAIN_BROKEN",)]


@pytest.mark.parametrize("damage", DAMAGE)
def test_the_claim_ends_before_the_hour_and_says_why(simulated: Simulated, opened: Session, damage: str) -> None:
    spoil, state = DAMAGE[damage]
    spoil(simulated, simulated.server.delivered)
    claim, rows = collect_events(simulated, opened=opened)
    assert claim.truncated
    assert claim.complete_from is None
    # What came in the hour after an event counts too, so the hour before the hole is not proven.
    assert claim.complete_until == HOLE - _HOUR
    assert claim.reconciliation is not None
    assert f"eu-west-1 2026-04-01T03:00:00Z to 2026-04-01T04:00:00Z: {state}" in claim.reconciliation
    assert max(row["event_time"] for row in rows) > HOLE + _HOUR  # what is there is kept
    # Asked again from there on, the claim begins after the hole.
    claim, _ = collect_events(simulated, HOLE - _HOUR, END, opened=opened)
    assert claim.complete_from == HOLE + _HOUR
    assert claim.complete_until is None
    claim, rows = collect_continuity(simulated, opened=opened)
    wrong = [row for row in rows if row["region"] == "eu-west-1" and row["starts_at"] == HOLE]
    assert [(row["state"], row["ends_at"]) for row in wrong] == [(state, HOLE + _HOUR)]
    assert {row["state"] for row in rows if row["starts_at"] > HOLE} == {"whole"}
    assert broken(rows) == [HOLE]
    assert broken(rows, "us-east-1") == []


def test_every_hour_is_told(simulated: Simulated, opened: Session) -> None:
    claim, rows = collect_continuity(simulated, opened=opened)
    hours = [row for row in rows if row["region"] == "us-east-1" and row["digest_object"] is not None]
    # Of 8:00 the digests up to 7:00 are there.
    assert [row["starts_at"] for row in hours] == [STARTED + _HOUR * number for number in range(7)]
    assert [row["state"] for row in hours] == ["chain_restarted", *["whole"] * 6]
    assert all(row["signature_valid"] for row in hours)
    assert [row["follows_previous"] for row in hours] == [False, *[True] * 6]
    assert all(row["log_files"] == row["log_files_whole"] for row in hours)
    # Before the trail there was nothing to prove anything by.
    assert [(row["state"], row["ends_at"]) for row in rows if row["digest_object"] is None] == [
        ("digest_missing", STARTED)
    ] * 2
    assert claim.observed_at == NOW
    assert not claim.truncated


def test_logging_that_was_stopped_is_a_hole_and_a_new_chain(simulated_aws: SimulatedAws) -> None:
    pause = {"start": HOLE, "end": HOLE + _HOUR}
    simulated = start(simulated_aws, with_trail(every(7, 60), pauses=[pause]))
    opened = session(simulated)
    claim, _ = collect_events(simulated, opened=opened)
    assert claim.complete_until == HOLE - _HOUR
    _, rows = collect_continuity(simulated, opened=opened)
    around = {row["starts_at"]: row["state"] for row in rows if row["region"] == "eu-west-1"}
    assert around[HOLE] == "digest_missing"
    assert around[HOLE + _HOUR] == "chain_restarted"
    assert around[HOLE + 2 * _HOUR] == "whole"
    assert broken(rows) == [HOLE, HOLE + _HOUR]


def test_a_digest_signed_by_somebody_else(simulated: Simulated, opened: Session) -> None:
    digest = of(simulated, "CloudTrail-Digest", HOLE)
    simulated.server.delivered.overwritten[digest.key] = edited(
        digest, lambda text: text.update(digestPublicKeyFingerprint="f" * 32)
    )
    claim, _ = collect_events(simulated, opened=opened)
    assert claim.reconciliation is not None
    assert "key_unknown, AWS publishes no key ffff" in claim.reconciliation


def test_a_file_that_no_digest_names_is_named_and_not_read(simulated: Simulated, opened: Session) -> None:
    file = of(simulated, "CloudTrail", HOLE)
    forged = file.key.replace(file.key[-24:-8], "0" * 16)
    simulated.server.delivered.overwritten[forged] = edited(file, lambda text: text["Records"][0].update(eventID="x"))
    claim, rows = collect_events(simulated, opened=opened)
    assert not claim.truncated
    assert "x" not in {row["event_id"] for row in rows}
    assert claim.reconciliation is not None
    assert f"1 that no digest names were not read: {forged}" in claim.reconciliation


def test_a_region_without_digests_leaves_nothing_proven(simulated_aws: SimulatedAws) -> None:
    simulated = start(simulated_aws, with_trail(every(7, 60)))
    delivered = simulated.server.delivered
    for one in delivered.listed(f"{delivered.folder(PROD)}CloudTrail-Digest/us-east-1/", NOW):
        delivered.overwritten[one.key] = None
    claim, rows = collect_events(simulated)
    assert claim.truncated
    assert claim.complete_until is None
    assert not claim.proof_of_life
    assert rows
    assert claim.reconciliation is not None
    assert "us-east-1 2026-04-01T01:00:00Z to 2026-04-01T05:00:00Z: digest_missing" in claim.reconciliation


def test_a_body_that_is_cut_on_the_way_is_fetched_again(simulated: Simulated, opened: Session) -> None:
    plain = collect_events(simulated, opened=opened)
    for fault in ({"times": 2}, {"times": 1, "code": "connection"}, {"times": 1, "bytes": 0}):
        simulated.plan.replace([{"source": "aws", "match": "s3:GetObject", "kind": "truncated_body", **fault}])
        assert collect_events(simulated, opened=opened) == plain
    lasting = {"source": "aws", "match": "s3:GetObject", "kind": "truncated_body", "code": "connection", "times": None}
    simulated.plan.replace([lasting])
    with pytest.raises(RetriableError):
        collect_events(simulated, opened=opened)


def test_continuity_needs_a_trail(simulated: Simulated) -> None:
    with pytest.raises(NotLicensed, match=r"scope\.aws\.cloudtrail names no trail"):
        collect_continuity(simulated, opened=session(simulated, trail=None))
