"""What on-call reads when a collection failed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from evidence.alert import AffectedCell, FailedCollection, compose, stopped

NOW = datetime(2026, 6, 1, 6, tzinfo=UTC)


def cell(
    control: str = "CC8-CHG-01", *, until: datetime | None = None, lost: bool = False, item: str = "R_1"
) -> AffectedCell:
    return AffectedCell(control, f"title of {control}", "commits", "2026-05", f"github:{item}", "acme/api", until, lost)


def failure(*cells: AffectedCell, dataset: str = "github.commits", message: str = "403 Forbidden") -> FailedCollection:
    return FailedCollection(
        "github", dataset, "github:R_1", "acme/api", "PermissionDenied", message, "Contents: read", tuple(cells)
    )


def test_one_cause_is_one_alert_that_lists_its_controls() -> None:
    alerts = compose(
        [
            failure(cell("CC8-CHG-01", until=NOW + timedelta(days=20))),
            failure(cell("CC8-CHG-04", until=NOW + timedelta(days=9)), dataset="github.deployments", message="403"),
        ],
        NOW,
        program="program.yaml",
        simulated=False,
    )
    assert len(alerts) == 1
    (alert,) = alerts
    assert "CC8-CHG-01" in alert.body
    assert "CC8-CHG-04" in alert.body
    assert alert.severity == "error"
    assert "First loss 2026-06-10 06:00Z (in 9 days)" in alert.summary
    assert "grant Contents: read" in alert.body
    assert "--control CC8-CHG-04 --window 2026-05 --scope github:R_1" in alert.body


def test_what_the_source_is_forgetting_right_now_is_said_so() -> None:
    (alert,) = compose([failure(cell(until=NOW))], NOW, program="p.yaml", simulated=False)
    assert alert.severity == "critical"
    assert "Being lost now" in alert.summary
    assert "Until           Being lost now" in alert.body


def test_a_flow_that_stopped_is_told_with_the_first_loss_and_the_command_to_run() -> None:
    alert = stopped(
        "governance", "ConfigurationError", "GITHUB_TOKEN is not set", first_loss=NOW + timedelta(days=9), as_of=NOW,
        program="my program.yaml", simulated=True,
    )  # fmt: skip
    assert alert.summary.startswith("[SIMULATED] [error] Evidence flow stopped: governance, ConfigurationError.")
    assert "First loss 2026-06-10 06:00Z (in 9 days)" in alert.body
    assert "GITHUB_TOKEN is not set" in alert.body
    assert "evidence collect --program 'my program.yaml' --missing" in alert.body
    nothing_known = stopped(
        "governance", "StoreError", "the store is gone", first_loss=None, as_of=NOW, program="p", simulated=False
    )
    assert "No date is known" in nothing_known.summary
    assert nothing_known.dedup_key != alert.dedup_key


def test_different_remedies_are_different_alerts_and_the_soonest_loss_comes_first() -> None:
    late = FailedCollection("aws", "aws.sign_in", "aws:1", "prod", "RetriableError", "throttled", None, (cell(),))
    soon = failure(cell(until=NOW + timedelta(days=1)))
    alerts = compose([late, soon], NOW, program="p.yaml", simulated=False)
    assert [alert.severity for alert in alerts] == ["critical", "warning"]
    assert len({alert.dedup_key for alert in alerts}) == 2


def test_the_same_cause_keeps_its_key_from_run_to_run() -> None:
    first = compose([failure(cell(until=NOW + timedelta(days=20)))], NOW, program="p", simulated=False)
    later = compose(
        [failure(cell(until=NOW + timedelta(days=20)))], NOW + timedelta(days=2), program="p", simulated=False
    )
    assert first[0].dedup_key == later[0].dedup_key


def test_what_is_lost_already_is_named_and_no_command_promises_to_repair_it() -> None:
    (alert,) = compose([failure(cell(lost=True))], NOW, program="p.yaml", simulated=False)
    assert alert.severity == "critical"
    assert "Already lost" in alert.body
    assert "--window 2026-05" not in alert.body


def test_names_from_sources_cannot_end_the_command_line() -> None:
    hostile = cell(until=NOW + timedelta(days=2), item="R_1; rm -rf ~")
    (alert,) = compose([failure(hostile)], NOW, program="my program.yaml", simulated=True)
    assert "--scope 'github:R_1; rm -rf ~'" in alert.body
    assert "--program 'my program.yaml'" in alert.body
    assert alert.summary.startswith("[SIMULATED]")
