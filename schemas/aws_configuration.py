"""How the resources of an AWS account are set up, region by region. `scope_item_id` is `aws:<account>:<region>`.

Every dataset here holds several kinds of things in one table, told apart by `kind`. A column that says nothing about a
kind is null; a flag that could not be read is null too, and `unreadable` then names the call that was refused. A
bucket belongs to the region that the list of buckets names. CloudFront, which has no region, stands under `us-east-1`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.dataset import Dataset, framed

if TYPE_CHECKING:
    import pyarrow as pa

EXPOSURE_KINDS = (
    "security_group",  # one row per group, so that a group without rules is in the population as well
    "security_group_rule", "network_acl", "network_acl_entry", "load_balancer", "listener", "public_address",
    "account_public_access_block", "snapshot_public_access", "image_public_access", "bucket", "access_point",
    "database", "database_cluster", "database_snapshot", "volume_snapshot", "image", "function", "file_system", "key",
    "queue", "topic",
)  # fmt: skip

ENCRYPTION_KINDS = (
    "volume_default", "volume", "volume_snapshot", "database", "database_cluster", "database_snapshot", "bucket",
    "table", "key", "file_system", "queue", "topic",
)  # fmt: skip

TRANSIT_KINDS = ("listener", "certificate", "distribution", "bucket")

LIFECYCLE_KINDS = (
    "bucket", "bucket_rule", "table", "log_group", "database", "database_cluster", "backup_vault", "backup_plan_rule",
)  # fmt: skip

LOG_CONFIG_KINDS = (
    "trail", "log_group", "metric_filter", "network", "flow_log", "bucket", "load_balancer", "database",
)  # fmt: skip


def _types() -> tuple[pa.DataType, pa.DataType, pa.DataType, pa.DataType, pa.DataType]:
    import pyarrow as pa

    return pa.string(), pa.timestamp("us", tz="UTC"), pa.bool_(), pa.int64(), pa.list_(pa.string())


def _resource() -> tuple[tuple[str, pa.DataType] | tuple[str, pa.DataType, bool], ...]:
    """The columns that every row here begins with."""
    text, instant, _, _, texts = _types()
    return (
        ("record_id", text),  # kind and id of the resource, and of the part of it that the row is about
        ("account_id", text), ("region", text), ("kind", text),
        ("resource_id", text),  # the ARN where there is one, else AWS's own id
        ("name", text, True), ("created_at", instant, True),
        ("unreadable", texts),  # calls about this one resource that were refused, with the error code
    )  # fmt: skip


def _exposure() -> pa.Schema:
    text, _, flag, number, texts = _types()
    return framed(
        *_resource(),
        ("public", flag, True),  # anybody on the internet can reach it; null where that can't be told
        ("reasons", texts),  # what makes it so, in fixed words: source_anywhere, policy, acl, internet_facing ...
        ("parent_id", text, True),  # the group of a rule, the load balancer of a listener, the network of a group
        ("direction", text, True),  # ingress, egress
        ("action", text, True),  # allow, deny (network ACL entries)
        ("protocol", text, True),  # tcp, udp, icmp, -1 for all, HTTPS ...
        ("from_port", number, True), ("to_port", number, True),  # null: all ports
        ("source", text, True),  # CIDR, prefix list, group or account that the rule opens to
        ("rule_number", number, True), ("default_group", flag, True),
        ("attached_to", texts),  # network interfaces, subnets, instances that use it
        ("address", text, True),  # DNS name or IP under which it is reached
        ("shared_with", texts),  # accounts it is shared with; `all` is everybody
        ("block_public_acls", flag, True), ("ignore_public_acls", flag, True), ("block_public_policy", flag, True),
        ("restrict_public_buckets", flag, True),
        ("policy_public", flag, True),  # by AWS's own judgement of the bucket policy
        ("acl_public", flag, True), ("acl_grantees", texts), ("object_ownership", text, True),
        ("state", text, True),
    )  # fmt: skip


def _encryption() -> pa.Schema:
    text, instant, flag, number, _ = _types()
    return framed(
        *_resource(),
        ("encrypted", flag, True),  # volume_default: whether new volumes are
        ("algorithm", text, True),  # AES256, aws:kms, aws:kms:dsse, SSE-SQS; for keys their spec
        ("key_id", text, True), ("key_manager", text, True),  # AWS, CUSTOMER; null where the service's own key serves
        ("key_state", text, True), ("key_usage", text, True), ("key_origin", text, True),
        ("rotation_enabled", flag, True),  # null for keys that can't be rotated
        ("rotation_period_days", number, True), ("deletion_at", instant, True), ("multi_region", flag, True),
        ("bucket_key_enabled", flag, True), ("attached", flag, True), ("state", text, True), ("engine", text, True),
    )  # fmt: skip


def _transit() -> pa.Schema:
    text, instant, flag, number, texts = _types()
    return framed(
        *_resource(),
        ("parent_id", text, True), ("hosts", texts),  # names under which it is reached or that it certifies
        ("public", flag, True), ("protocol", text, True), ("port", number, True),
        ("tls_policy", text, True),
        ("tls_versions", texts),  # versions that the policy allows, as the service itself lists them
        ("plain_text", flag, True),  # takes requests without TLS
        ("redirects_only", flag, True),  # takes them only to send the caller to TLS
        ("certificates", texts),
        ("not_before", instant, True), ("not_after", instant, True), ("status", text, True),
        ("in_use", flag, True), ("key_algorithm", text, True), ("signature_algorithm", text, True),
        ("certificate_type", text, True), ("renewal_eligible", flag, True), ("renewal_status", text, True),
        ("transparency_logging", flag, True),
    )  # fmt: skip


def _lifecycle() -> pa.Schema:
    text, _, flag, number, texts = _types()
    return framed(
        *_resource(),
        ("parent_id", text, True), ("enabled", flag, True), ("filter", text, True),  # the rule's own filter, as JSON
        ("expiration_days", number, True),  # what this rule or setting deletes after; null: it deletes nothing
        ("expiration_date", text, True), ("noncurrent_expiration_days", number, True),
        ("abort_uploads_days", number, True), ("transitions", texts),  # <days>:<storage class>
        ("retention_days", number, True),  # log groups, automated backups; null on a log group: kept for ever
        ("minimum_retention_days", number, True), ("maximum_retention_days", number, True),
        ("locked", flag, True), ("lock_mode", text, True), ("lock_days", number, True),
        ("versioning", text, True), ("mfa_delete", flag, True), ("replicated_to", texts),
        ("ttl_attribute", text, True), ("recovery_enabled", flag, True), ("deletion_protection", flag, True),
        ("schedule", text, True), ("target", text, True), ("copies_to", texts), ("rules", number, True),
    )  # fmt: skip


def _log_config() -> pa.Schema:
    text, instant, flag, number, texts = _types()
    return framed(
        *_resource(),
        ("parent_id", text, True),
        ("logging", flag, True),  # trail: is logging; network: has a flow log; bucket, balancer: writes access logs
        ("destination", text, True), ("home_region", text, True), ("multi_region", flag, True),
        ("organisation_trail", flag, True), ("global_events", flag, True), ("validation", flag, True),
        ("management_events", text, True),  # All, ReadOnly, WriteOnly, None
        ("selectors", text, True),  # the trail's selectors as JSON
        ("data_events", texts), ("excluded_sources", texts), ("insights", texts),
        ("key_id", text, True), ("log_group", text, True), ("started_at", instant, True), ("stopped_at", instant, True),
        ("last_delivery_at", instant, True), ("last_digest_at", instant, True), ("last_log_group_at", instant, True),
        ("delivery_error", text, True),
        ("bucket", text, True), ("bucket_readable", flag, True),  # false: of another account or closed to the reader
        ("bucket_versioning", text, True), ("bucket_mfa_delete", flag, True), ("lock_mode", text, True),
        ("lock_days", number, True), ("expiration_days", number, True),
        ("bucket_public", flag, True), ("retention_days", number, True),  # log groups; null: for ever
        ("stored_bytes", number, True), ("class", text, True), ("traffic", text, True), ("status", text, True),
        ("pattern", text, True), ("metrics", texts), ("exports", texts), ("default_network", flag, True),
    )  # fmt: skip


_KEY = ("record_id",)

EXPOSURE = Dataset(
    "aws.exposure", "aws.config_history", "snapshot", _KEY, _exposure,
    allowed=(("kind", EXPOSURE_KINDS), ("direction", ("ingress", "egress")), ("action", ("allow", "deny"))),
    secret_fields=("UserData", "Environment"),
)  # fmt: skip
ENCRYPTION = Dataset(
    "aws.encryption", "aws.config_history", "snapshot", _KEY, _encryption, allowed=(("kind", ENCRYPTION_KINDS),),
    secret_fields=("MasterUserPassword",),
)  # fmt: skip
TRANSIT = Dataset(
    "aws.transit", "own.records", "snapshot", _KEY, _transit, allowed=(("kind", TRANSIT_KINDS),),
    # A default action can sign people in at an identity provider; custom origin headers prove CloudFront to an origin.
    secret_fields=("ClientSecret", "CustomHeaders"),
)  # fmt: skip
LIFECYCLE = Dataset(
    "aws.lifecycle",
    "aws.config_history",
    "snapshot",
    _KEY,
    _lifecycle,
    allowed=(("kind", LIFECYCLE_KINDS),),
    per="cloud_account_region",
)
LOG_CONFIG = Dataset(
    "aws.log_config", "aws.iam_state", "snapshot", _KEY, _log_config,
    allowed=(("kind", LOG_CONFIG_KINDS), ("management_events", ("All", "ReadOnly", "WriteOnly", "None"))),
    volatile=("last_delivery_at", "last_digest_at", "last_log_group_at", "stored_bytes"),
)  # fmt: skip

DATASETS = (EXPOSURE, ENCRYPTION, TRANSIT, LIFECYCLE, LOG_CONFIG)
