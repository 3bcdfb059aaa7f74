"""Datasets read from Google Workspace.

`scope_item_id` is `google:<customer>`, `alerts:google:<customer>` for alerts, `org:<slug>` for the inventory of
domains, and whatever item the line of a control is about for devices, documents and reviews.

Every activity of the Reports API has the same columns, whatever its application. Its rows are the events in it: Google
puts several events under one id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.dataset import Dataset, framed

if TYPE_CHECKING:
    import pyarrow as pa


def _types() -> tuple[pa.DataType, pa.DataType, pa.DataType, pa.DataType]:
    import pyarrow as pa

    return pa.string(), pa.timestamp("us", tz="UTC"), pa.bool_(), pa.int64()


def _users() -> pa.Schema:
    text, instant, flag, _number = _types()
    return framed(
        ("user_id", text), ("primary_email", text), ("name", text, True),
        ("read_from", text),  # directory: the state of now; usage_report: rebuilt from Google's report of a past day
        ("created_at", instant, True), ("last_login_at", instant, True),  # null: never, or not told
        ("suspended", flag), ("suspension_reason", text, True), ("archived", flag),
        ("is_super_admin", flag), ("is_delegated_admin", flag),
        ("enrolled_2sv", flag), ("enforced_2sv", flag),
        ("org_unit_path", text, True),  # null in a usage report, as everything below
        ("policy_unit", text, True),  # the unit or group whose policy holds for this user
        ("policy_enforced_from", instant, True),  # 2-step verification demanded from then on; null: not demanded
        ("policy_known", flag),  # False where the policies were not read
        ("policy_new_user_grace_days", text, True),  # a duration in days, as a decimal number
        ("policy_sign_in_factors", text, True),  # ALL, NO_TELEPHONY, PASSKEY_ONLY ...
    )  # fmt: skip


def _accounts() -> pa.Schema:
    import pyarrow as pa

    text, instant, flag, _number = _types()
    role = pa.struct([
        ("assignment_id", text), ("role_id", text), ("role_name", text), ("super_admin", flag), ("scope", text),
        ("org_unit_id", text), ("via_group", text),
    ])  # fmt: skip
    group = pa.struct([("group_id", text), ("email", text), ("role", text), ("via", text)])
    token = pa.struct([
        ("client_id", text), ("name", text), ("scopes", pa.list_(text)), ("native", flag), ("anonymous", flag),
    ])  # fmt: skip
    return framed(
        ("account_id", text),
        ("kind", text),  # user; external: in groups alone; unknown: only an assignee of a role
        ("email", text, True), ("name", text, True), ("created_at", instant, True), ("last_used_at", instant, True),
        ("suspended", flag, True), ("archived", flag, True), ("org_unit_path", text, True),
        ("privileged", flag), ("enrolled_2sv", flag, True), ("enforced_2sv", flag, True),
        ("roles", pa.list_(role)), ("groups", pa.list_(group)), ("tokens", pa.list_(token)),
        ("manager", text, True),  # e-mail address, where the directory has it
    )  # fmt: skip


def _administrators() -> pa.Schema:
    import pyarrow as pa

    text, instant, flag, _number = _types()
    return framed(
        ("assignment_id", text), ("principal_id", text),
        ("principal_kind", text),  # user, service_account, group (one without members), unknown
        ("principal_email", text, True), ("role_id", text), ("role_name", text),
        ("privilege", text),  # super_admin or delegated_admin
        ("system_role", flag), ("privileges", pa.list_(text)),  # <service id>:<name>
        ("scope", text),  # CUSTOMER or ORG_UNIT
        ("org_unit_id", text, True), ("via_group", text, True), ("condition", text, True),
        ("suspended", flag, True), ("created_at", instant, True), ("last_used_at", instant, True),
        ("enrolled_2sv", flag, True), ("enforced_2sv", flag, True),
    )  # fmt: skip


def _policies() -> pa.Schema:
    text, _instant, _flag, number = _types()
    import pyarrow as pa

    return framed(
        ("policy_name", text), ("setting", text),  # such as security.two_step_verification_enforcement
        ("policy_type", text),  # ADMIN: set by an administrator; SYSTEM: Google's default
        ("org_unit", text, True), ("org_unit_path", text, True), ("group", text, True), ("query", text, True),
        ("sort_order", pa.float64(), True),  # of several for one unit or group the highest holds
        ("value", text),  # JSON
        ("unread_units", number),  # policies of units that the directory does not list
    )  # fmt: skip


def _devices() -> pa.Schema:
    import pyarrow as pa

    text, instant, flag, _number = _types()
    user = pa.struct([
        ("email", text), ("management_state", text), ("password_state", text), ("compromised", text),
        ("first_sync_at", instant), ("last_sync_at", instant),
    ])  # fmt: skip
    return framed(
        ("device_id", text),
        ("read_from", text),  # cloud_identity, chrome_os
        ("device_type", text), ("owner_type", text, True), ("model", text, True), ("serial_number", text, True),
        ("os_version", text, True), ("security_patch_at", instant, True),
        ("encryption", text, True),  # ENCRYPTED, NOT_ENCRYPTED, UNSUPPORTED_BY_DEVICE ...; null where not told
        ("encrypted", flag, True),  # null where not known
        ("screen_lock", flag, True), ("management_state", text, True), ("compromised", text, True),
        ("created_at", instant, True), ("last_sync_at", instant, True), ("users", pa.list_(user)),
    )  # fmt: skip


def _domains() -> pa.Schema:
    text, instant, flag, _number = _types()
    return framed(
        ("domain_name", text), ("kind", text),  # domain, alias
        ("parent_domain", text, True), ("customer_id", text), ("is_primary", flag), ("verified", flag),
        ("created_at", instant, True),
    )  # fmt: skip


def _activities() -> pa.Schema:
    import pyarrow as pa

    text, instant, _flag, number = _types()
    actor = pa.struct([("email", text), ("profile_id", text), ("caller_type", text), ("key", text)])
    return framed(
        ("event_id", text),  # <application>:<time>:<unique qualifier>#<number of the event in the activity>
        ("event_time", instant), ("activity_id", text), ("application", text), ("unique_qualifier", text),
        ("event_index", number), ("event_type", text, True), ("event_name", text),
        ("actor", actor, True),  # null where Google names none
        ("ip_address", text, True), ("owner_domain", text, True),
        ("subject", text, True),  # the account or group that it was done to, where a parameter names one
        ("object_id", text, True), ("object_name", text, True),  # role, setting, OAuth client or document
        ("scopes", pa.list_(text)),  # token activities: the scopes asked for
        ("parameters", text),  # JSON object: name to value
    )  # fmt: skip


def _alerts() -> pa.Schema:
    text, instant, flag, _number = _types()
    return framed(
        ("alert_id", text), ("event_time", instant),  # when Google created the alert
        ("alert_type", text), ("alert_source", text), ("severity", text, True), ("status", text, True),
        ("assignee", text, True), ("started_at", instant), ("ended_at", instant, True), ("updated_at", instant),
        ("deleted", flag), ("rule_name", text, True), ("rule_id", text, True),
    )  # fmt: skip


def _detectors() -> pa.Schema:
    import pyarrow as pa

    text, instant, flag, _number = _types()
    return framed(
        ("detector_id", text), ("kind", text),  # system_defined_alert, dlp
        ("name", text, True), ("enabled", flag, True), ("severity", text, True),
        ("delivers", flag),  # alerts of this rule go to somebody
        ("to_all_super_admins", flag), ("recipients", pa.list_(text)), ("org_unit", text, True),
        ("created_at", instant, True), ("updated_at", instant, True),
    )  # fmt: skip


def _document_approvals() -> pa.Schema:
    import pyarrow as pa

    text, instant, flag, _number = _types()
    response = pa.struct([("email", text), ("response", text)])
    revision = pa.struct([("revision_id", text), ("modified_at", instant), ("author", text)])
    return framed(
        ("file_id", text), ("approval_id", text),  # "none" for a document without any approval
        ("policy", text), ("title", text), ("status", text),  # APPROVED, IN_PROGRESS, CANCELLED, DECLINED, NONE
        ("initiator", text, True), ("reviewers", pa.list_(response)), ("created_at", instant, True),
        ("completed_at", instant, True), ("approved_revision_id", text, True),
        ("approved_revision_at", instant, True),
        ("approved_is_latest", flag, True),  # null where nothing was approved
        ("latest_revision_id", text, True), ("content_hash", text, True),  # sha256 of the latest; null for own formats
        ("revisions", pa.list_(revision)),
    )  # fmt: skip


def _held_reviews() -> pa.Schema:
    import pyarrow as pa

    text, instant, _flag, _number = _types()
    guest = pa.struct([("email", text), ("response", text), ("organizer", pa.bool_()), ("optional", pa.bool_())])
    return framed(
        ("review_id", text),  # <calendar>/<event id>; each occurrence of a series has its own
        ("event_time", instant),  # it begins
        ("calendar_id", text), ("series_id", text, True), ("title", text, True), ("status", text),
        ("organizer", text, True), ("ends_at", instant, True), ("created_at", instant, True),
        ("updated_at", instant, True), ("attendees", pa.list_(guest)), ("conference_id", text, True),
    )  # fmt: skip


def _usage_reports() -> pa.Schema:
    text, instant, flag, _number = _types()
    return framed(
        ("report_date", text),  # YYYY-MM-DD, a day at UTC-8 as Google counts it
        ("user_id", text), ("primary_email", text), ("report_ends_at", instant),
        ("enrolled_2sv", flag, True), ("enforced_2sv", flag, True), ("is_super_admin", flag, True),
        ("is_delegated_admin", flag, True), ("suspended", flag, True), ("archived", flag, True),
        ("created_at", instant, True), ("last_login_at", instant, True),
    )  # fmt: skip


USERS = Dataset(
    "google.users", "google.directory_state", "snapshot", ("user_id",), _users,
    secret_fields=("recoveryEmail", "recoveryPhone", "password", "hashFunction", "sshPublicKeys", "posixAccounts",
                   "phones", "addresses", "locations", "thumbnailPhotoUrl", "thumbnailPhotoEtag", "ims", "gender"),
    allowed=(("read_from", ("directory", "usage_report")),),
)  # fmt: skip
ACCOUNTS = Dataset(
    "google.accounts", "google.directory_state", "snapshot", ("account_id",), _accounts,
    secret_fields=USERS.secret_fields, allowed=(("kind", ("user", "external", "service_account", "unknown")),),
)  # fmt: skip
ADMINISTRATORS = Dataset(
    "google.administrators", "google.directory_state", "snapshot", ("assignment_id", "principal_id"), _administrators,
    secret_fields=USERS.secret_fields,
    allowed=(("privilege", ("super_admin", "delegated_admin")),
             ("principal_kind", ("user", "service_account", "group", "unknown"))),
)  # fmt: skip
POLICIES = Dataset("google.policies", "google.policy_state", "snapshot", ("policy_name",), _policies)
DEVICES = Dataset(
    "google.devices", "google.policy_state", "snapshot", ("device_id",), _devices,
    secret_fields=("imei", "meid", "wifiMacAddresses", "macAddress", "ethernetMacAddress", "ethernetMacAddress0",
                   "networkOperator", "phoneNumber", "lastKnownNetwork", "recentUsers", "unlockPassword"),
    allowed=(("read_from", ("cloud_identity", "chrome_os")),),
    per="identity_domain",
)  # fmt: skip
DOMAINS = Dataset(
    "google.domains", "google.directory_state", "snapshot", ("domain_name",), _domains,
    allowed=(("kind", ("domain", "alias")),),
)  # fmt: skip
ADMIN_ACTIVITIES = Dataset(
    "google.admin_activities",
    "google.reports_activities",
    "event_stream",
    ("event_id",),
    _activities,
    per="identity_domain",
)
SIGN_INS = Dataset(
    "google.sign_ins", "google.reports_activities", "event_stream", ("event_id",), _activities, per="identity_domain"
)
TOKEN_ACTIVITIES = Dataset(
    "google.token_activities",
    "google.reports_activities",
    "event_stream",
    ("event_id",),
    _activities,
    per="identity_domain",
)
DRIVE_ACTIVITIES = Dataset(
    "google.drive_activities",
    "google.reports_activities",
    "event_stream",
    ("event_id",),
    _activities,
    per="identity_domain",
)
ALERTS = Dataset(
    "google.alerts", "google.alert_center", "event_stream", ("alert_id",), _alerts,
    secret_fields=("securityInvestigationToolLink", "etag"),
    volatile=("updated_at", "status", "assignee", "severity", "ended_at", "deleted"),
)  # fmt: skip
DETECTORS = Dataset("google.detectors", "google.policy_state", "snapshot", ("detector_id",), _detectors)
DOCUMENT_APPROVALS = Dataset(
    "google.document_approvals", "google.drive_documents", "snapshot", ("file_id", "approval_id"), _document_approvals,
    secret_fields=("photoLink", "webContentLink", "downloadUrl", "exportLinks", "thumbnailLink", "reviewerMessage"),
    allowed=(("status", ("APPROVED", "IN_PROGRESS", "CANCELLED", "DECLINED", "NONE")),),
    per="organisation",
)  # fmt: skip
HELD_REVIEWS = Dataset(
    "google.held_reviews", "google.calendar", "event_stream", ("review_id",), _held_reviews,
    secret_fields=("description", "conferenceData", "hangoutLink", "attachments", "htmlLink", "location"),
    volatile=("updated_at",),
    per="organisation",
)  # fmt: skip
USAGE_REPORTS = Dataset(
    "google.usage_reports", "google.reports_usage", "snapshot", ("report_date", "user_id"), _usage_reports
)

DATASETS = (
    USERS, ACCOUNTS, ADMINISTRATORS, POLICIES, DEVICES, DOMAINS, ADMIN_ACTIVITIES, SIGN_INS, TOKEN_ACTIVITIES,
    DRIVE_ACTIVITIES, ALERTS, DETECTORS, DOCUMENT_APPROVALS, HELD_REVIEWS, USAGE_REPORTS,
)  # fmt: skip
