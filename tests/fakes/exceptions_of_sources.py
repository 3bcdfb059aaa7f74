"""What cannot be detected, because the source gives nothing to detect it by. Each entry says why."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.tickets import REGISTER_OF as TICKETS

_AWS = (
    "aws.detectors", "aws.encryption", "aws.exposure", "aws.lifecycle", "aws.log_config", "aws.posture",
    "aws.recovery_points", "aws.scan_coverage", "aws.transit", "aws.vulnerability_findings",
)  # fmt: skip
UNCOUNTED: Mapping[str, str] = {
    **dict.fromkeys(_AWS, "AWS gives no count of what these lists hold"),
    "aws.management_events": "the event history gives no count; of a trail the signed digests prove the whole",
}
"""Datasets whose source has no second figure beside its list: a list that breaks off without any sign is not seen."""

NAMELESS: Mapping[str, str] = {}
"""Operations whose answer does not say what it is about, so that another one's can't be told from it."""

OPTIONAL: Mapping[str, tuple[str, ...]] = {}
"""By pass: fields that the source leaves out where there is nothing to say, so that their absence is no drift."""

HELD: Mapping[str, str] = {
    "aws.management_events": "the event history comes newest first and is put in the order of time",
    "github.workflow_runs": "the runs of a slice of time are checked against GitHub's own count before they are rows",
    **dict.fromkeys(TICKETS, "an issue is a row when its timeline is read, and its timelines come together"),
    "github.bypasses": "what entered a branch and the pull requests it came from are matched before either is a row",
}
"""Streams whose rows wait until all of an item is read, and why."""

_UNFURNISHED = (
    "aws.alarm_history",
    "aws.backup_jobs",
    "aws.deployments",
    "aws.patch_state",
    "gcp.alerts",
    "gcp.backups",
    "gcp.deployments",
    "gcp.encryption",
    "gcp.exposure",
    "gcp.findings",
)
_OF_HISTORY = (
    "test_a_feature_outside_the_plan_is_said",
    "test_a_field_that_is_gone_or_of_another_type_is_noticed",
    "test_a_field_that_nobody_knows_is_kept_and_changes_nothing",
    "test_a_missing_permission_is_named",
    "test_a_probe_says_what_reading_says",
    "test_a_stream_is_handed_over_as_it_is_read",
    "test_an_answer_to_another_request_is_not_taken",
    "test_declared_secrets_are_in_no_row_and_no_answer",
    "test_every_dataset_shows_rows_that_fit_its_declaration",
    "test_faults_take_nothing_away_quietly",
    "test_small_pages_come_to_the_same",
    "test_the_requests_stay_within_the_budget",
)
_OF_TRAIL = (
    "test_a_feature_outside_the_plan_is_said",
    "test_a_field_that_is_gone_or_of_another_type_is_noticed",
    "test_a_field_that_nobody_knows_is_kept_and_changes_nothing",
    "test_a_missing_permission_is_named",
    "test_an_answer_to_another_request_is_not_taken",
    "test_every_dataset_shows_rows_that_fit_its_declaration",
    "test_faults_take_nothing_away_quietly",
    "test_small_pages_come_to_the_same",
    "test_the_requests_stay_within_the_budget",
)
OPEN: Mapping[tuple[str, str], str] = {
    **{
        ("test_every_dataset_shows_rows_that_fit_its_declaration", lead): "nothing of it is furnished yet"
        for lead in _UNFURNISHED
    },
    **{(test, "aws.config_history"): "no recorder of AWS Config is furnished yet" for test in _OF_HISTORY},
    **{(test, "aws.trail_continuity"): "no trail is furnished yet" for test in _OF_TRAIL},
    (
        "test_declared_secrets_are_in_no_row_and_no_answer",
        "aws.encryption",
    ): "a bucket policy is text inside the record, in which names are not looked for",
}
"""By test and pass: what falls short and is not put right yet. Whoever puts it right takes the line away."""
