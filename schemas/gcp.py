"""Datasets read from Google Cloud.

`scope_item_id` is `gcp:<project number>`, `alerts:gcp:<project number>` for threats, `org:<slug>` for the inventory.
Project numbers never change and are never given out again; project ids stand beside them for people.

What a project inherits from its folders and its organisation belongs to the project: such rows are `inherited`, and the
same setting or event then stands under each of the projects, with the same id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.dataset import Dataset, framed

if TYPE_CHECKING:
    import pyarrow as pa


def _types() -> tuple[pa.DataType, pa.DataType, pa.DataType, pa.DataType]:
    import pyarrow as pa

    return pa.string(), pa.timestamp("us", tz="UTC"), pa.bool_(), pa.int64()


def _projects() -> pa.Schema:
    import pyarrow as pa

    text, instant, flag, _number = _types()
    past = pa.struct([("from", instant), ("to", instant), ("state", text), ("deleted", flag)])
    return framed(
        ("project_number", text), ("project_id", text), ("name", text, True),
        ("state", text),  # ACTIVE, DELETE_REQUESTED
        ("parent", text, True),  # organizations/<number> or folders/<number>; null for a project without organisation
        ("ancestors", pa.list_(text)),  # from the parent up
        ("organisation", text, True), ("created_at", instant), ("updated_at", instant, True),
        ("deleted_at", instant, True),
        ("in_programme", flag),
        ("readable", flag),  # the project's own IAM policy may be read; never a reason to leave the project out
        ("history", pa.list_(past)),  # by asset history, 35 days back
        ("history_known", flag),  # False where asset history may not be read: then `history` says nothing
    )  # fmt: skip


def _exposure() -> pa.Schema:
    import pyarrow as pa

    text, instant, flag, number = _types()
    return framed(
        ("exposure_id", text),  # resource, and the facet of it where a resource can be open in several ways
        ("resource_id", text),  # full resource name, //compute.googleapis.com/projects/...
        ("resource_kind", text), ("resource_name", text), ("location", text, True),
        ("public", flag, True),  # reachable by anybody as configured; null where that can't be told
        ("why", text),  # in words: which setting makes it so, or keeps it from being so
        ("network", text, True), ("direction", text, True), ("action", text, True), ("priority", number, True),
        ("disabled", flag, True),  # firewall rules
        ("ports", pa.list_(text)),  # tcp:22, udp:1000-2000, all
        ("sources", pa.list_(text)),  # address ranges; for tags and accounts tag:<name>, service_account:<email>
        ("targets", pa.list_(text)), ("addresses", pa.list_(text)), ("members", pa.list_(text)),
        ("role", text, True), ("condition", text, True),
        ("public_access_prevention", text, True), ("uniform_access", flag, True), ("created_at", instant, True),
    )  # fmt: skip


def _encryption() -> pa.Schema:
    text, instant, flag, number = _types()
    return framed(
        ("resource_id", text), ("resource_kind", text), ("resource_name", text), ("location", text, True),
        ("encrypted", flag),  # Google encrypts everything at rest; which key it is with is the question
        ("key_management", text),  # google, customer_managed, customer_supplied; of a key: itself
        ("kms_key", text, True),  # name of the key, without its version
        ("key_version", text, True), ("state", text, True), ("purpose", text, True), ("protection", text, True),
        ("rotation_days", number, True),  # keys: null means that it is never rotated by itself
        ("next_rotation_at", instant, True), ("primary_since", instant, True), ("created_at", instant, True),
    )  # fmt: skip


def _administrators() -> pa.Schema:
    text, _instant, flag, _number = _types()
    return framed(
        ("assignment_id", text),  # resource, role, condition and member joined
        ("principal", text),  # as IAM writes it: user:<email>, group:<email>, serviceAccount:<email> ...
        ("principal_kind", text), ("principal_id", text),
        ("principal_deleted", flag),  # the account is gone and the binding was kept
        ("privilege", text), ("role", text), ("resource", text), ("resource_kind", text), ("inherited", flag),
        ("conditional", flag), ("condition_title", text, True), ("condition_expression", text, True),
        ("service_agent", flag),  # one of Google's own accounts, made for a service
    )  # fmt: skip


def _principals() -> pa.Schema:
    import pyarrow as pa

    text, instant, flag, _number = _types()
    role = pa.struct([
        ("role", text), ("resource", text), ("inherited", flag), ("privilege", text), ("condition", text),
    ])  # fmt: skip
    return framed(
        ("principal", text), ("principal_kind", text), ("principal_id", text), ("unique_id", text, True),
        ("display_name", text, True), ("description", text, True), ("home_project", text, True),
        ("disabled", flag, True),  # service accounts of this project; null for all others
        ("deleted", flag), ("service_agent", flag), ("privileged", flag), ("roles", pa.list_(role)),
        ("last_used_at", instant, True),  # service accounts, by the day
        ("last_use_known", flag),  # False: nobody could tell; True and null above: not used within the observed time
        ("last_use_observed_from", instant, True), ("last_use_observed_to", instant, True),
    )  # fmt: skip


def _service_account_keys() -> pa.Schema:
    text, instant, flag, _number = _types()
    return framed(
        ("credential_id", text),  # projects/<id>/serviceAccounts/<email>/keys/<key>
        ("key_id", text), ("service_account", text), ("service_account_id", text), ("service_account_disabled", flag),
        ("description", text, True),  # of the account, where its owner is usually named
        ("key_type", text), ("origin", text, True), ("algorithm", text, True), ("created_at", instant),
        ("expires_at", instant, True),  # null: never
        ("disabled", flag), ("disable_reason", text, True), ("last_used_at", instant, True), ("last_use_known", flag),
        ("last_use_observed_from", instant, True), ("last_use_observed_to", instant, True),
    )  # fmt: skip


def _audit_log() -> pa.Schema:
    import pyarrow as pa

    text, instant, flag, number = _types()
    permission = pa.struct([("permission", text), ("granted", flag), ("resource", text)])
    delta = pa.struct([("action", text), ("role", text), ("member", text), ("condition", text)])
    return framed(
        ("event_id", text),  # log name, time and insert id, by which Google itself drops duplicates
        ("event_time", instant), ("received_at", instant, True),
        ("container", text),  # projects/<id>, folders/<number>, organizations/<number>
        ("inherited", flag),  # happened at a folder or the organisation above the project
        ("log", text),  # activity, system_event, data_access, policy
        ("insert_id", text), ("severity", text, True), ("service", text), ("method", text),
        ("resource_name", text, True), ("resource_type", text, True),
        ("principal", text, True),  # null where Google leaves it out
        ("principal_kind", text),
        ("delegation", pa.list_(text)),  # through which service accounts, the first caller first
        ("key_name", text, True),  # the service account key that signed
        ("caller_ip", text, True), ("user_agent", text, True), ("permissions", pa.list_(permission)),
        ("policy_deltas", pa.list_(delta)),  # SetIamPolicy: what was added and removed
        ("status_code", number),  # 0: done; else a code of google.rpc
        ("operation_id", text, True), ("operation_first", flag, True), ("operation_last", flag, True),
    )  # fmt: skip


def _log_config() -> pa.Schema:
    import pyarrow as pa

    text, instant, flag, number = _types()
    kind = pa.struct([("log_type", text), ("exempted", pa.list_(text))])
    return framed(
        ("config_id", text), ("kind", text), ("container", text), ("inherited", flag), ("name", text),
        ("disabled", flag, True), ("destination", text, True), ("filter", text, True),
        ("exclusions", pa.list_(text)), ("include_children", flag, True), ("writer", text, True),  # sinks
        ("service", text, True), ("log_types", pa.list_(kind)),  # audit configs
        ("retention_days", number, True), ("locked", flag, True), ("state", text, True),
        ("kms_key", text, True),  # log buckets
        ("created_at", instant, True), ("updated_at", instant, True),
    )  # fmt: skip


def _findings() -> pa.Schema:
    import pyarrow as pa

    text, instant, flag, number = _types()
    return framed(
        ("finding_id", text),
        # opened, closed, muted: one row each, at the time it happened; carried_over at noon UTC of the first day of a
        # month on which it was open
        ("change", text),
        ("event_time", instant), ("finding_class", text), ("category", text), ("source", text, True),
        ("component", text), ("component_name", text, True), ("component_type", text, True),
        ("severity", text), ("severity_score", number, True),  # CVSS times ten
        ("identifiers", pa.list_(text)),  # CVE ids
        ("first_seen_at", instant), ("state", text), ("last_changed_at", instant), ("closed_at", instant, True),
        ("muted", flag), ("muted_at", instant, True), ("muted_by", text, True), ("fixable", flag, True),
        ("description", text, True),
    )  # fmt: skip


def _alerts() -> pa.Schema:
    text, instant, flag, _number = _types()
    return framed(
        ("alert_id", text), ("event_time", instant), ("category", text), ("source", text, True), ("severity", text),
        ("resource", text), ("resource_name", text, True), ("updated_at", instant), ("status", text),
        ("muted", flag), ("muted_by", text, True), ("assignee", text, True), ("description", text, True),
    )  # fmt: skip


def _deployments() -> pa.Schema:
    import pyarrow as pa

    text, instant, flag, _number = _types()
    return framed(
        ("deployment_id", text), ("event_time", instant),  # created at
        ("kind", text), ("name", text), ("location", text), ("service", text, True), ("target", text, True),
        ("sha", text, True), ("repository", text, True), ("branch", text, True), ("tag", text, True),
        ("images", pa.list_(text)),  # with digest where Google tells
        ("state", text), ("succeeded", flag, True),  # null while it runs
        ("started_at", instant, True), ("finished_at", instant, True), ("trigger", text, True),
        ("creator", text, True), ("service_account", text, True), ("approval", text, True), ("rollback_of", text, True),
        ("build_id", text, True), ("release", text, True),
    )  # fmt: skip


def _backups() -> pa.Schema:
    text, instant, flag, _number = _types()
    return framed(
        ("backup_id", text), ("event_time", instant),  # when the run was put in the queue
        ("store_id", text), ("store_name", text), ("kind", text), ("status", text), ("succeeded", flag, True),
        ("started_at", instant, True), ("finished_at", instant, True), ("window_at", instant, True),
        ("location", text, True), ("kms_key", text, True), ("error_code", text, True), ("error_message", text, True),
        ("database_version", text, True),
    )  # fmt: skip


_PRINCIPAL_KINDS = (
    "user", "group", "service_account", "domain", "workforce", "workload", "project_role", "public", "other",
)  # fmt: skip
_PRIVILEGES = ("owner", "editor", "iam_administrator", "service_account_administrator")
# What a request or a resource may carry of credentials; values of variables go with them, since nobody can tell.
_LOGGED_SECRETS = (
    "privateKeyData", "rootPassword", "sharedSecret", "privateKey", "environmentVariables", "envVariables",
    "buildEnvironmentVariables", "env", "keyString", "secretData", "payloadData", "accessToken", "signedJwt",
    "signedBlob", "startupScript", "rawKey", "rsaEncryptedKey",
)  # fmt: skip
_BUILD_SECRETS = (
    "env", "secretEnv", "secrets", "availableSecrets", "substitutions", "args", "command", "script", "volumes",
)  # fmt: skip

PROJECTS = Dataset("gcp.projects", "gcp.asset_history", "snapshot", ("project_number",), _projects)
EXPOSURE = Dataset(
    "gcp.exposure", "gcp.asset_history", "snapshot", ("exposure_id",), _exposure,
    # Metadata of instances holds start-up scripts and keys; a user's and a server's certificates are no evidence here.
    secret_fields=("metadata", "rootPassword", "serverCaCert", "rawKey", "rsaEncryptedKey", "replicaConfiguration"),
    allowed=(
        ("resource_kind", ("firewall_rule", "network", "address", "instance", "forwarding_rule", "bucket",
                           "sql_instance", "iam_binding")),
        ("direction", ("INGRESS", "EGRESS")),
        ("action", ("allow", "deny")),
    ),
)  # fmt: skip
ENCRYPTION = Dataset(
    "gcp.encryption", "gcp.asset_history", "snapshot", ("resource_id",), _encryption,
    secret_fields=("rootPassword", "serverCaCert", "rawKey", "rsaEncryptedKey", "replicaConfiguration", "access"),
    allowed=(
        ("resource_kind", ("disk", "snapshot", "bucket", "sql_instance", "bigquery_dataset", "kms_key")),
        ("key_management", ("google", "customer_managed", "customer_supplied")),
    ),
)  # fmt: skip
ADMINISTRATORS = Dataset(
    "gcp.administrators", "gcp.asset_history", "snapshot", ("assignment_id",), _administrators,
    allowed=(
        ("principal_kind", _PRINCIPAL_KINDS), ("privilege", _PRIVILEGES),
        ("resource_kind", ("project", "folder", "organisation")),
    ),
)  # fmt: skip
PRINCIPALS = Dataset(
    "gcp.principals", "gcp.asset_history", "snapshot", ("principal",), _principals,
    allowed=(("principal_kind", _PRINCIPAL_KINDS),),
)  # fmt: skip
SERVICE_ACCOUNT_KEYS = Dataset(
    "gcp.service_account_keys", "gcp.asset_history", "snapshot", ("credential_id",), _service_account_keys,
    secret_fields=("privateKeyData", "publicKeyData"),
    allowed=(("key_type", ("USER_MANAGED",)),),
)  # fmt: skip
ADMIN_ACTIVITY = Dataset(
    "gcp.admin_activity", "gcp.audit_admin_activity", "event_stream", ("event_id",), _audit_log,
    secret_fields=_LOGGED_SECRETS, allowed=(("log", ("activity", "system_event")),),
)  # fmt: skip
DATA_ACCESS = Dataset(
    "gcp.data_access", "gcp.audit_data_access", "event_stream", ("event_id",), _audit_log,
    secret_fields=_LOGGED_SECRETS, allowed=(("log", ("data_access", "policy")),),
)  # fmt: skip
LOG_CONFIG = Dataset(
    "gcp.log_config", "gcp.asset_history", "snapshot", ("config_id",), _log_config,
    allowed=(("kind", ("sink", "audit_config", "log_bucket")),),
)  # fmt: skip
FINDINGS = Dataset(
    "gcp.findings", "gcp.scc_findings", "event_stream", ("finding_id", "change", "event_time"), _findings,
    version=2,  # 1 had no rows `carried_over`
    secret_fields=("sourceProperties",),  # free-form; may hold what the finding is about, such as a key
    allowed=(("change", ("opened", "carried_over", "closed", "muted")),),
    volatile=("state", "severity", "severity_score", "last_changed_at", "closed_at", "muted", "muted_at", "muted_by",
              "fixable", "description"),
)  # fmt: skip
ALERTS = Dataset(
    "gcp.alerts", "gcp.scc_findings", "event_stream", ("alert_id",), _alerts,
    secret_fields=("sourceProperties",),
    volatile=("updated_at", "status", "muted", "muted_by", "severity", "description"),
)  # fmt: skip
DEPLOYMENTS = Dataset(
    "gcp.deployments", "gcp.deployments", "event_stream", ("deployment_id",), _deployments,
    secret_fields=_BUILD_SECRETS, allowed=(("kind", ("build", "rollout", "revision")),),
    volatile=("state", "succeeded", "finished_at"),  # a revision's state moves for as long as it exists
)  # fmt: skip
BACKUPS = Dataset("gcp.backups", "gcp.backup_runs", "event_stream", ("backup_id",), _backups)

DATASETS = (
    PROJECTS, EXPOSURE, ENCRYPTION, ADMINISTRATORS, PRINCIPALS, SERVICE_ACCOUNT_KEYS, ADMIN_ACTIVITY, DATA_ACCESS,
    LOG_CONFIG, FINDINGS, ALERTS, DEPLOYMENTS, BACKUPS,
)  # fmt: skip
