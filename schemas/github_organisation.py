"""Datasets about the GitHub organisation as a whole: who has an account, how it is set up, what was done in it.

`scope_item_id` is `github:<organisation node id>`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.dataset import Dataset, framed

if TYPE_CHECKING:
    import pyarrow as pa


def _accounts() -> pa.Schema:
    import pyarrow as pa

    text, instant, flag = pa.string(), pa.timestamp("us", tz="UTC"), pa.bool_()
    role = pa.struct([
        ("scope", text),  # organisation, team, repository
        ("resource_id", text), ("resource_name", text),
        ("role", text),  # owner, member, maintainer, outside_collaborator; repositories: read … admin; Apps: permission
        ("via", text),  # direct, or team:<slug>; null where there is one way only
    ])  # fmt: skip
    return framed(
        ("account_id", text),  # user node id, app_installation:<id>, invitation:<node id>
        ("kind", text),  # person, bot, app, invitation
        ("login", text), ("name", text, True), ("email", text, True),  # invitations: the address invited
        ("membership", text),  # member, outside_collaborator, app, invited
        ("organisation_role", text, True),  # owner, member, outside_collaborator; null for Apps
        ("roles", pa.list_(role)),
        ("privileged", flag),  # owner, administrator of a repository, or an App that may write
        ("two_factor", text),  # enabled, disabled, not_applicable (Apps, invitations)
        ("single_sign_on_identity", text, True), ("suspended", flag, True),
        ("owner", text, True),  # who answers for a machine account: an App's publisher, an invitation's sender
        ("created_at", instant, True),
        ("last_used_at", instant, True),  # GitHub does not tell for members; null is unknown, not never
    )  # fmt: skip


def _organisation_settings() -> pa.Schema:
    import pyarrow as pa

    text = pa.string()
    return framed(
        ("organisation_id", text), ("organisation", text),
        ("setting", text),  # dotted, such as members.two_factor_required or actions.default_workflow_permissions
        ("value", text, True),  # as JSON: true, "read", ["a", "b"]; null unless known
        ("state", text),  # known, unreadable, not_licensed
        ("reason", text, True),  # why it is not known
        ("found_in", text),  # the endpoint or field it was read from
    )  # fmt: skip


def _audit_events() -> pa.Schema:
    import pyarrow as pa

    text, instant, flag, number = pa.string(), pa.timestamp("us", tz="UTC"), pa.bool_(), pa.int64()
    person = pa.struct([("id", text), ("login", text), ("kind", text)])
    return framed(
        ("event_id", text),  # audit:<document id>, or webhook:<delivery GUID>
        ("event_time", instant),
        ("action", text),  # in the audit log's words (org.add_member); webhooks: <event>.<action>
        ("actor", person, True), ("actor_ip", text, True), ("actor_country", text, True),
        ("actor_is_bot", flag, True), ("user_agent", text, True),
        ("subject_login", text, True),  # the person or account it was done to
        ("repo_id", text, True), ("repo_name", text, True), ("team", text, True),
        ("permission", text, True), ("old_permission", text, True),
        ("operation", text, True),  # create, modify, access, remove, …
        ("access_by", text, True), ("token_id", number, True),  # kind and number of the credential; never the token
        ("application", text, True), ("installation_id", number, True),
        ("found_in", text),  # audit_log or webhook_archive
        ("delivered_at", instant, True), ("delivery_verified", flag, True),  # webhooks: receipt, and its signature
    )  # fmt: skip


ACCOUNTS = Dataset("github.accounts", "github.settings_state", "snapshot", ("account_id",), _accounts,
    allowed=(
        ("kind", ("person", "bot", "app", "invitation")),
        ("membership", ("member", "outside_collaborator", "app", "invited")),
        ("two_factor", ("enabled", "disabled", "not_applicable")),
    ),
    volatile=("last_used_at",),
)  # fmt: skip
ORGANISATION_SETTINGS = Dataset(
    "github.organisation_settings",
    "github.settings_state",
    "snapshot",
    ("setting",),
    _organisation_settings,
    allowed=(("state", ("known", "unreadable", "not_licensed")),),
)
AUDIT_EVENTS = Dataset(
    "github.audit_events",
    "github.org_audit_log",
    "event_stream",
    ("event_id",),
    _audit_events,
    secret_fields=("hashed_token", "token", "secret", "token_last_eight"),
    allowed=(("found_in", ("audit_log", "webhook_archive")),),
    per="identity_domain",
)

DATASETS = (ACCOUNTS, ORGANISATION_SETTINGS, AUDIT_EVENTS)
