"""Everybody and everything that can act in an AWS account. `scope_item_id` is `aws:<account>`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.dataset import Dataset, framed

if TYPE_CHECKING:
    import pyarrow as pa

PRINCIPAL_KINDS = (
    "root", "iam_user", "iam_role", "iam_group",
    # Of Identity Center. People and groups stand in the account that holds the instance, all of them, and in every
    # other account where an assignment lets them in. An assignment is one permission set of one person or group.
    "identity_center_user", "identity_center_group", "identity_center_assignment",
)  # fmt: skip

LAST_USE_SOURCES = ("credential_report", "role_last_used", "service_last_accessed", "role_of_permission_set")


def _principals() -> pa.Schema:
    import pyarrow as pa

    text, instant, flag, number = pa.string(), pa.timestamp("us", tz="UTC"), pa.bool_(), pa.int64()
    texts = pa.list_(text)
    return framed(
        ("principal_id", text),  # AWS's own id (AIDA…, AROA…, AGPA…), root's ARN, or an id of Identity Center
        ("account_id", text), ("principal_kind", text), ("principal_name", text), ("arn", text, True),
        ("path", text, True), ("created_at", instant, True),
        ("email", text, True),  # Identity Center: the primary work address
        ("owner", text, True),  # value of the tag `owner`, whatever its case
        ("enabled", flag, True),  # has a password or an active key (users), is not disabled; null: not said
        ("service_linked", flag),
        ("external", flag, True),  # roles: trusts another account, an identity provider outside AWS, or everybody
        ("trusted_principals", texts),
        ("rights", texts),  # `attached <arn>`, `inline <name>`, `group <name>`, `permission_set <name>`
        ("groups", texts), ("members", texts),  # groups: their members, by name in IAM and by id in Identity Center
        ("privileged", flag),  # administrator or able to become one, as aws.privileges has it
        ("privilege", text, True),  # administrator, iam_administrator
        ("permissions_boundary", text, True),
        ("password_enabled", flag, True), ("mfa_active", flag, True),  # null where AWS does not say: Identity Center
        ("active_keys", number, True),
        ("last_used_at", instant, True),  # null with a source: not used in the time the source knows
        ("last_used_source", text, True),  # null: nothing tells the last use
        ("last_used_service", text, True),
        ("permission_set_arn", text, True), ("assigned_to", text, True),  # assignments: id of the person or group
        ("report_generated_at", instant, True),
    )  # fmt: skip


PRINCIPALS = Dataset(
    "aws.principals", "aws.iam_state", "snapshot", ("principal_id",), _principals,
    allowed=(
        ("principal_kind", PRINCIPAL_KINDS), ("last_used_source", LAST_USE_SOURCES),
        ("privilege", ("administrator", "iam_administrator")),
    ),
    # What Identity Center knows of people beyond their name and address at work.
    secret_fields=("PhoneNumbers", "Addresses", "Birthdate", "Photos"),
)  # fmt: skip

DATASETS = (PRINCIPALS,)
