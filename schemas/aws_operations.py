"""How an AWS account is run: configuration items, backups, patches, deployments.

`scope_item_id` is `aws:<account>:<region>` for configuration items and `aws:<account>` for the rest: then every enabled
region is read. Each extractor also takes the other form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.dataset import Dataset, framed

if TYPE_CHECKING:
    import pyarrow as pa

BACKUP_KINDS = ("backup_job", "copy_job", "database_event", "database_snapshot", "cluster_snapshot")

RESULTS = ("succeeded", "failed", "running", "expired", "unknown")


def _types() -> tuple[pa.DataType, pa.DataType, pa.DataType, pa.DataType, pa.DataType]:
    import pyarrow as pa

    return pa.string(), pa.timestamp("us", tz="UTC"), pa.bool_(), pa.int64(), pa.list_(pa.string())


def _config_history() -> pa.Schema:
    text, instant, _, _, texts = _types()
    return framed(
        ("item_id", text),  # type, resource, and the instant AWS Config captured it
        ("event_time", instant),  # captured at
        ("account_id", text), ("region", text), ("resource_type", text), ("resource_id", text), ("arn", text, True),
        ("resource_name", text, True), ("item_status", text), ("resource_created_at", instant, True),
        ("state_id", text, True), ("changed_by", texts),  # ids of CloudTrail events
        ("configuration_sha256", text, True),  # of the configuration as received, before secrets were taken out
    )  # fmt: skip


def _backup_jobs() -> pa.Schema:
    text, instant, flag, number, _ = _types()
    return framed(
        ("job_id", text), ("event_time", instant),  # began at
        ("account_id", text), ("region", text), ("kind", text), ("resource_type", text), ("resource_id", text),
        ("result", text),  # succeeded, failed, running, expired, unknown
        ("native_state", text), ("message", text, True), ("completed_at", instant, True),
        ("recovery_point_id", text, True), ("vault", text, True), ("plan_id", text, True),
        ("automatic", flag, True), ("encrypted", flag, True), ("bytes", number, True),
        ("destination", text, True),  # copies: the vault they went to
    )  # fmt: skip


def _recovery_points() -> pa.Schema:
    text, instant, flag, number, _ = _types()
    return framed(
        ("point_id", text), ("account_id", text), ("region", text),
        ("kind", text),  # recovery_point, database_snapshot, cluster_snapshot, protected_resource, vault, store
        ("resource_type", text, True), ("resource_id", text, True), ("vault", text, True),
        ("created_at", instant, True), ("completed_at", instant, True), ("state", text, True),
        ("encrypted", flag, True), ("key_id", text, True),
        ("vault_locked", flag, True), ("lock_date", instant, True),  # after it nobody can take the lock away
        ("minimum_retention_days", number, True), ("maximum_retention_days", number, True),
        ("copied_from_region", text, True), ("delete_at", instant, True), ("latest_restorable_at", instant, True),
        ("protected", flag, True),  # stores: some recovery point or snapshot of it is there
        ("bytes", number, True),
    )  # fmt: skip


def _patch_state() -> pa.Schema:
    text, instant, flag, number, _ = _types()
    return framed(
        ("instance_id", text), ("account_id", text), ("region", text), ("managed", flag),  # Systems Manager reaches it
        ("ping_status", text, True), ("platform", text, True), ("platform_version", text, True),
        ("agent_version", text, True), ("patch_group", text, True), ("baseline_id", text, True),
        ("compliant", flag, True),  # null: never scanned
        ("missing", number, True), ("failed", number, True), ("critical_missing", number, True),
        ("security_missing", number, True), ("other_missing", number, True), ("installed", number, True),
        ("pending_reboot", number, True), ("rejected", number, True), ("operation", text, True),
        ("operation_ended_at", instant, True), ("instance_state", text, True), ("launched_at", instant, True),
    )  # fmt: skip


def _deployments() -> pa.Schema:
    import pyarrow as pa

    text, instant, _, _, texts = _types()
    revisions = pa.list_(
        pa.struct([("source", text), ("revision", text), ("summary", text), ("url", text), ("kind", text)])
    )
    return framed(
        ("deployment_id", text), ("event_time", instant),  # began at
        ("account_id", text), ("region", text), ("kind", text),  # codepipeline, codedeploy
        ("application", text),  # pipeline, or application
        ("target", text, True),  # deployment group
        ("result", text), ("native_state", text), ("completed_at", instant, True),
        ("revisions", revisions), ("shas", texts),  # those revisions that look like a commit, in full
        ("trigger", text, True), ("triggered_by", text, True), ("role_arn", text, True), ("version", text, True),
        ("rolled_back_to", text, True), ("message", text, True),
    )  # fmt: skip


CONFIG_HISTORY = Dataset(
    "aws.config_history", "aws.config_history", "event_stream", ("item_id",), _config_history,
    # Configurations of functions, instances, task definitions and projects can hold credentials.
    secret_fields=("environment", "Environment", "environmentVariables", "userData", "UserData", "secrets",
                   "masterUserPassword", "authToken"),
)  # fmt: skip
BACKUP_JOBS = Dataset(
    "aws.backup_jobs", "aws.backup_jobs", "event_stream", ("job_id",), _backup_jobs,
    allowed=(("kind", BACKUP_KINDS), ("result", RESULTS)),
)  # fmt: skip
RECOVERY_POINTS = Dataset("aws.recovery_points", "aws.iam_state", "snapshot", ("point_id",), _recovery_points)
PATCH_STATE = Dataset("aws.patch_state", "aws.iam_state", "snapshot", ("instance_id", "region"), _patch_state)
DEPLOYMENTS = Dataset(
    "aws.deployments", "aws.deployment_history", "event_stream", ("deployment_id",), _deployments,
    allowed=(("kind", ("codepipeline", "codedeploy")), ("result", RESULTS)),
    secret_fields=("variables", "actionConfiguration"), per="cloud_account_region",
)  # fmt: skip

DATASETS = (CONFIG_HISTORY, BACKUP_JOBS, RECOVERY_POINTS, PATCH_STATE, DEPLOYMENTS)
