"""A1-BKP-01: backups succeed in the rhythm that is promised."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from evidence.controls.backups_made import CODES, backups_succeed
from schemas.aws_operations import BACKUP_JOBS, RECOVERY_POINTS
from schemas.outcome import Outcome
from tests.evidence.controls.changes import END, START, window
from tests.fakes.memory_evidence import MemoryEvidence

VERDICTS = Path(__file__).parents[4] / "shared" / "data" / "detection-verdicts" / "policies-aws_rds_policies.jsonl"
SCOPE = "aws:111122223333"
DB = "arn:aws:rds:eu-west-1:111122223333:db:ledger"
CLUSTER = "arn:aws:rds:eu-west-1:111122223333:cluster:core"
TABLE = "arn:aws:dynamodb:eu-west-1:111122223333:table/events"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NIGHT = START + 3 * HOUR
Row = dict[str, Any]


def store(arn: str = DB, **changed: Any) -> Row:
    """A database that can be restored from snapshots and not to any moment."""
    row: Row = {
        "point_id": f"store:eu-west-1:{arn}", "account_id": "111122223333", "region": "eu-west-1", "kind": "store",
        "resource_type": "postgres", "resource_id": arn, "protected": True, "latest_restorable_at": None,
        "raw": json.dumps({"InstanceCreateTime": "2025-01-01T00:00:00Z"}),
    }  # fmt: skip
    return row | changed


def vault(name: str = "v", **changed: Any) -> Row:
    return store(name, point_id=f"vault:eu-west-1:{name}", kind="vault", vault=name, vault_locked=True, raw="{}",
                 resource_type=None, resource_id=None) | changed  # fmt: skip


def point(name: str = "v", **changed: Any) -> Row:
    return store(name, point_id=f"recovery_point:eu-west-1:{name}|p", kind="recovery_point", vault=name) | changed


def job(at: datetime, arn: str = DB, **changed: Any) -> Row:
    row: Row = {
        "job_id": f"backup_job:eu-west-1:{arn}@{at:%m%d%H%M}:{changed.get('result', '')}", "event_time": at,
        "account_id": "111122223333", "region": "eu-west-1", "kind": "backup_job", "resource_type": "RDS",
        "resource_id": arn, "result": "succeeded", "native_state": "COMPLETED",
    }  # fmt: skip
    return row | changed


def nightly(first: int = -1, last: int = 31, leave_out: Sequence[int] = (), arn: str = DB, **changed: Any) -> list[Row]:
    return [job(NIGHT + n * DAY, arn, **changed) for n in range(first, last + 1) if n not in leave_out]


def stored(
    jobs: Sequence[Row], snapshots: Mapping[datetime, Sequence[Row]] | None = None, *, since: datetime | None = None
) -> MemoryEvidence:
    evidence = MemoryEvidence()
    shown = {START + n * DAY + 6 * HOUR: [store()] for n in range(31)} if snapshots is None else snapshots
    for at, rows in shown.items():
        evidence.snapshot(RECOVERY_POINTS, SCOPE, at, rows)
    evidence.store(BACKUP_JOBS, SCOPE, jobs)
    evidence.claim(BACKUP_JOBS, SCOPE, since or START - 30 * DAY, END + 30 * DAY)
    return evidence


def judged(evidence: MemoryEvidence, **more: Any) -> dict[str, Outcome]:
    tested = window("A1-BKP-01", scope=SCOPE, name="acme-prod", **more)
    return {one.item_id: one for one in backups_succeed(tested, evidence)}


def rhythm(evidence: MemoryEvidence, **more: Any) -> list[tuple[str, str]]:
    found = judged(evidence, **more)
    return [(item.removeprefix(DB), one.outcome) for item, one in found.items() if one.evidence_id == "jobs"]


def daily(*rows: Row) -> dict[datetime, Sequence[Row]]:
    return {START + n * DAY + 6 * HOUR: list(rows) for n in range(31)}


def test_a_backup_every_night() -> None:
    found = judged(stored(nightly()))
    assert {item: one.outcome for item, one in found.items()} == {DB: "pass", f"store:eu-west-1:{DB}": "pass"}


def test_a_night_without() -> None:
    found = judged(stored(nightly(leave_out=[10])))
    gap = f"{DB}@2026-05-10T03:00:00Z"
    assert (found[gap].outcome, found[gap].codes) == ("exception", ("RPO_MISSED",))
    assert "48.0 hours, 30.0 hours allowed" in found[gap].explanation
    assert DB not in found


def test_two_gaps_are_two_rows_and_a_quarter_more_is_in_time() -> None:
    assert len(rhythm(stored(nightly(leave_out=[5, 20])))) == 2
    late = [*nightly(leave_out=[10]), job(NIGHT + 10 * DAY + 6 * HOUR)]
    assert rhythm(stored(late)) == [("", "pass")]
    later = [*nightly(leave_out=[10, 11]), job(NIGHT + 10 * DAY + 7 * HOUR), job(NIGHT + 11 * DAY + 7 * HOUR)]
    assert [outcome for _item, outcome in rhythm(stored(later))] == ["exception"]


def test_the_companys_own_promise() -> None:
    weekly = [job(NIGHT + n * DAY) for n in range(-7, 38, 7)]
    assert len(rhythm(stored(weekly))) == 5
    assert rhythm(stored(weekly), rules={"recovery_point_hours": 168}) == [("", "pass")]
    assert rhythm(stored(weekly), rules={"recovery_point_hours_of": {"ledger": 168}}) == [("", "pass")]
    assert len(rhythm(stored(weekly), rules={"recovery_point_hours_of": {"other": 168}})) == 5


def test_the_edges_of_the_window() -> None:
    assert rhythm(stored(nightly(first=0))) == [("", "pass")]  # what was too long in April is told there
    assert rhythm(stored(nightly(first=2))) == [(f"@{_z(START)}", "exception")]
    across = [job(START - 20 * HOUR), job(START + 20 * HOUR), *nightly(first=1)]
    assert rhythm(stored(across)) == [(f"@{_z(START - 20 * HOUR)}", "exception")]
    assert rhythm(stored([])) == [(f"@{_z(START)}", "exception")]
    assert rhythm(stored(nightly(last=28))) == [(f"@{_z(NIGHT + 28 * DAY)}", "exception")]
    assert rhythm(stored(nightly(last=10)), as_of=NIGHT + 11 * DAY) == [("", "pass")]
    assert rhythm(stored(nightly(last=10)), as_of=NIGHT + 12 * DAY) == [(f"@{_z(NIGHT + 10 * DAY)}", "exception")]


def _z(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def test_a_store_that_is_new_or_gone_owes_nothing_else() -> None:
    made = START + 10 * DAY
    new = store(raw=json.dumps({"InstanceCreateTime": _z(made)}))
    shown = {at: ([] if at < made else rows) for at, rows in daily(new).items()}
    assert rhythm(stored(nightly(first=11), shown)) == [("", "pass")]
    late = rhythm(stored(nightly(first=14), shown))
    assert late == [(f"@{_z(made)}", "exception")]
    gone = {at: (rows if at < made else []) for at, rows in daily(store()).items()}
    assert rhythm(stored(nightly(last=9), gone)) == [("", "pass")]


def test_what_is_no_good_recovery_point() -> None:
    for changed in ({"result": "running"}, {"kind": "copy_job"}, {"resource_id": DB + "2"}, {"region": "eu-west-2"}):
        other = {"resource_id": "ledger", **changed} if "region" in changed else changed
        jobs = [*nightly(leave_out=[10]), job(NIGHT + 10 * DAY, **other)]
        assert [outcome for _item, outcome in rhythm(stored(jobs))] == ["exception"], changed


def test_snapshots_of_databases_are_recovery_points() -> None:
    made = nightly(resource_id="ledger", kind="database_snapshot")
    assert rhythm(stored(made)) == [("", "pass")]
    assert rhythm(stored(nightly(kind="database_event"))) == [("", "pass")]


def test_a_failed_backup_is_made_good_within_a_day() -> None:
    failed = job(NIGHT + 10 * DAY - HOUR, result="failed")
    assert rhythm(stored([*nightly(), failed])) == [("", "pass")]
    rules = {"recovery_point_hours": 72}
    bad = stored([*nightly(leave_out=[10, 11]), job(NIGHT + 10 * DAY, result="failed")])
    assert rhythm(bad, rules=rules) == [(f"@{_z(NIGHT + 10 * DAY)}:failed", "exception")]
    before = judged(bad, rules=rules, as_of=NIGHT + 10 * DAY + HOUR)[f"{DB}@{_z(NIGHT + 10 * DAY)}:failed"]
    assert (before.outcome, before.resolves_at) == ("pending", NIGHT + 11 * DAY)
    last = [*nightly(leave_out=[30]), job(NIGHT + 30 * DAY, result="expired"), job(END + HOUR)]
    assert rhythm(stored(last), rules=rules) == [("", "pass")]


def test_a_database_that_can_be_restored_to_any_moment() -> None:
    shown = {at: [store(latest_restorable_at=at - timedelta(minutes=5))] for at in daily()}
    assert rhythm(stored([], shown)) == [("", "pass")]
    earlier = {START - HOUR: [store(latest_restorable_at=START - 5 * DAY)], **shown}
    assert rhythm(stored([], earlier)) == [("", "pass")]
    every_other = {at: rows for n, (at, rows) in enumerate(shown.items()) if n % 2 == 0}
    assert rhythm(stored([], every_other)) == [("", "pass")]
    stuck = {at: [store(latest_restorable_at=min(at, START + 10 * DAY))] for at in daily()}
    assert rhythm(stored([], stuck)) == [(f"@{_z(START + 10 * DAY)}", "exception")]


def test_an_instance_of_a_cluster_goes_with_its_cluster() -> None:
    inside = store(raw=json.dumps({"DBClusterIdentifier": "core"}), protected=False)
    cluster = store(CLUSTER, raw=json.dumps({"ClusterCreateTime": "2025-01-01T00:00:00Z"}))
    found = judged(stored(nightly(arn=CLUSTER), daily(cluster, inside)))
    assert {item: one.outcome for item, one in found.items()} == {CLUSTER: "pass", f"store:eu-west-1:{CLUSTER}": "pass"}


def test_of_what_aws_backup_protects_nobody_says_whether_it_still_exists() -> None:
    table = store(TABLE, point_id="protected_resource:x", kind="protected_resource", raw="{}")
    found = judged(stored(nightly(arn=TABLE, leave_out=[10]), daily(table)))
    assert [one.outcome for one in found.values()] == ["unknown"]
    assert judged(stored(nightly(arn=TABLE), daily(table)))[TABLE].outcome == "pass"


def test_jobs_that_are_not_held_make_no_gap() -> None:
    evidence = MemoryEvidence()
    for at, rows in daily(store()).items():
        evidence.snapshot(RECOVERY_POINTS, SCOPE, at, rows)
    evidence.store(BACKUP_JOBS, SCOPE, nightly(leave_out=[10]))
    evidence.claim(BACKUP_JOBS, SCOPE, START - 30 * DAY, START + 10 * DAY)
    found = judged(evidence)
    assert found[f"{DB}@2026-05-10T03:00:00Z"].outcome == "unknown"
    assert any(item.startswith("window:jobs") for item in found)


@pytest.mark.parametrize(
    ("rows", "item", "outcome", "codes"),
    [
        ([store(protected=False)], f"store:eu-west-1:{DB}", "exception", ("UNPROTECTED",)),
        ([store(protected=None)], f"store:eu-west-1:{DB}", "unknown", ()),
        ([vault(vault_locked=False), point()], "vault:eu-west-1:v", "exception", ("VAULT_UNLOCKED",)),
        ([vault(vault_locked=None), point()], "vault:eu-west-1:v", "unknown", ()),
        ([vault(), point()], "vault:eu-west-1:v", "pass", ()),
    ],
)
def test_what_there_is_to_restore_from(rows: list[Row], item: str, outcome: str, codes: tuple[str, ...]) -> None:
    found = {one.item_id.partition("@20")[0]: one for one in judged(stored(nightly(), daily(*rows))).values()}
    assert (found[item].outcome, found[item].codes) == (outcome, codes)


def test_backups_that_are_off_leave_what_was_made_by_hand() -> None:
    off = store(protected=True, raw=json.dumps({"BackupRetentionPeriod": 0}))
    kept = store("ledger", point_id="database_snapshot:x", kind="database_snapshot")
    for rows, outcome in (([off], "exception"), ([off, kept], "pass")):
        found = {one.item_id.partition("@20")[0]: one for one in judged(stored(nightly(), daily(*rows))).values()}
        assert found[f"store:eu-west-1:{DB}"].outcome == outcome


def test_a_vault_with_nothing_in_it_needs_no_lock() -> None:
    found = judged(stored([], daily(vault(vault_locked=False), point("other"))))
    assert not any(item.startswith("vault") for item in found)


def test_without_evidence_nothing_is_known() -> None:
    assert {one.outcome for one in judged(stored([], {})).values()} == {"unknown"}
    assert judged(stored([], {}), as_of=END - DAY) == {}
    tested = window("A1-BKP-01", scope="gcp:42", name="acme")
    assert [one.outcome for one in backups_succeed(tested, MemoryEvidence())] == ["unknown"]


@pytest.mark.skipif(
    not VERDICTS.is_file(), reason="the recorded verdicts (../shared/data/detection-verdicts) are not here"
)
def test_recorded_verdicts_on_databases_without_backup() -> None:
    """An independent policy says of a database whether it is backed up at all."""
    lines = [json.loads(line) for line in VERDICTS.read_text(encoding="utf-8").splitlines()]
    chosen = [line for line in lines if line["rule"] == "AWS.RDS.InstanceBackup"]
    assert len(chosen) == 2
    for line in chosen:
        event = line["event"]
        row = store(event["DBInstanceArn"], protected=event["LatestRestorableTime"] is not None, raw=json.dumps(event))
        found = judged(stored([], {NIGHT: [row]}, since=datetime(2020, 1, 1, tzinfo=UTC)))
        [one] = [one for one in found.values() if one.evidence_id == "points"]
        assert (one.outcome == "pass") == line["expected_alert"], line["test"]


def test_codes() -> None:
    assert CODES == ("RPO_MISSED", "UNPROTECTED", "VAULT_UNLOCKED")
