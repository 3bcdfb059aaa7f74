"""Datasets read from AWS. `scope_item_id` is `aws:<account>`, or `org:<slug>` for the inventory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.dataset import Dataset, framed

if TYPE_CHECKING:
    import pyarrow as pa


def _types() -> tuple[pa.DataType, pa.DataType, pa.DataType]:
    import pyarrow as pa

    return pa.string(), pa.timestamp("us", tz="UTC"), pa.bool_()


def _accounts() -> pa.Schema:
    import pyarrow as pa

    text, instant, flag = _types()
    return framed(
        ("account_id", text), ("arn", text, True), ("name", text, True), ("status", text),
        ("created_at", instant, True),  # joined the organisation; null for a stand-alone account
        ("management_account", flag, True), ("regions_enabled", pa.list_(text), True),
        ("readable", flag),  # whether the programme can read into this account; never a reason to leave it out
    )  # fmt: skip


def _sign_in() -> pa.Schema:
    text, instant, flag = _types()
    return framed(
        ("arn", text), ("account_id", text), ("user_name", text), ("is_root", flag), ("user_created_at", instant, True),
        ("password_enabled", flag, True),  # null where AWS does not say (root in the credential report)
        ("password_last_used_at", instant, True), ("password_last_changed_at", instant, True),
        ("mfa_active", flag),
        ("root_credentials_present", flag, True),  # root only: password or access keys exist; null where not known
        ("report_generated_at", instant),
    )  # fmt: skip


def _access_keys() -> pa.Schema:
    text, instant, flag = _types()
    return framed(
        ("credential_id", text),  # <user arn>#access_key_1, #access_key_2; the report holds no key ids
        ("account_id", text), ("user_arn", text), ("user_name", text), ("is_root", flag), ("active", flag),
        ("last_rotated_at", instant, True), ("last_used_at", instant, True), ("last_used_service", text, True),
        ("last_used_region", text, True), ("report_generated_at", instant),
    )  # fmt: skip


def _privileges() -> pa.Schema:
    import pyarrow as pa

    text, instant, flag = _types()
    return framed(
        ("assignment_id", text),  # principal arn, way, policy and group joined: one row per way to power
        ("account_id", text), ("principal_arn", text), ("principal_kind", text),  # user, role
        ("principal_name", text), ("principal_id", text), ("principal_created_at", instant, True),
        ("way", text),  # attached, inline, group_attached, group_inline
        ("group_name", text, True), ("policy_name", text), ("policy_arn", text, True),
        ("level", text),  # administrator (every action on every resource), iam_administrator (can give itself that)
        ("conditional", flag),  # the statement has a condition, so power may depend on it
        ("permissions_boundary", text, True), ("trusted_principals", pa.list_(text)), ("service_linked", flag),
        ("last_used_at", instant, True),
    )  # fmt: skip


ACCOUNTS = Dataset("aws.accounts", "aws.iam_state", "snapshot", ("account_id",), _accounts, secret_fields=("Email",))
SIGN_IN = Dataset("aws.sign_in", "aws.iam_state", "snapshot", ("arn",), _sign_in)
ACCESS_KEYS = Dataset("aws.access_keys", "aws.iam_state", "snapshot", ("credential_id",), _access_keys)
PRIVILEGES = Dataset("aws.privileges", "aws.iam_state", "snapshot", ("assignment_id",), _privileges)

DATASETS = (ACCOUNTS, SIGN_IN, ACCESS_KEYS, PRIVILEGES)
