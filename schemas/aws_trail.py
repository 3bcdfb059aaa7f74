"""What CloudTrail recorded, and whether its record is whole. `scope_item_id` is `aws:<account>`, or
`aws:<account>:<region>` for one region alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.dataset import Dataset, framed

if TYPE_CHECKING:
    import pyarrow as pa

CONTINUITY_STATES = (
    "whole",  # the digest is signed, follows the one before, and every file it names is there as it was delivered
    "file_missing", "file_altered",  # a log file that the digest names
    "digest_missing",  # no digest ends where one of the trail should
    "digest_altered",  # the digest is not what the signature, or the digest after it, says; or names another place
    "key_unknown",  # AWS publishes no public key under the fingerprint that the digest names
    "chain_restarted",  # a digest without predecessor: logging or its validation was off before it
)  # fmt: skip


def _management_events() -> pa.Schema:
    import pyarrow as pa

    text, instant, flag = pa.string(), pa.timestamp("us", tz="UTC"), pa.bool_()
    resource = pa.struct([("arn", text), ("account_id", text), ("type", text)])
    return framed(
        ("event_time", instant), ("event_id", text),
        ("account_id", text),  # under whose prefix it was delivered, or whose event history it is from
        ("recipient_account_id", text, True), ("region", text), ("event_source", text), ("event_name", text),
        ("event_type", text, True), ("event_category", text, True), ("event_version", text, True),
        ("management_event", flag, True), ("read_only", flag, True), ("api_version", text, True),
        ("request_id", text, True),
        ("shared_event_id", text, True),  # the same action as the trail of another account has it
        ("error_code", text, True), ("error_message", text, True),
        ("source_ip_address", text, True), ("user_agent", text, True), ("vpc_endpoint_id", text, True),
        ("identity_type", text, True), ("identity_arn", text, True), ("identity_principal_id", text, True),
        ("identity_account_id", text, True), ("identity_access_key_id", text, True),
        ("identity_user_name", text, True), ("invoked_by", text, True),
        ("issuer_type", text, True), ("issuer_arn", text, True), ("issuer_principal_id", text, True),
        ("issuer_account_id", text, True), ("issuer_user_name", text, True),
        ("mfa_authenticated", flag, True), ("session_created_at", instant, True), ("source_identity", text, True),
        ("on_behalf_of", text, True),  # id of the person of Identity Center that an application acts for
        ("console_session", flag, True),  # the credentials were made by signing in to the console
        ("resources", pa.list_(resource), True),
        # As AWS wrote them, as JSON text: their shape is another one for every operation.
        ("session_context", text, True), ("request_parameters", text, True), ("response_elements", text, True),
        ("additional_event_data", text, True), ("service_event_details", text, True),
        ("log_file", text, True),  # the delivered file, `s3://bucket/key`; null from the event history
    )  # fmt: skip


def _trail_continuity() -> pa.Schema:
    import pyarrow as pa

    text, instant, flag, number = pa.string(), pa.timestamp("us", tz="UTC"), pa.bool_(), pa.int64()
    return framed(
        ("account_id", text), ("region", text),
        ("trail", text, True),  # as digests name it; null where no digest is there to tell
        ("starts_at", instant), ("ends_at", instant),  # half-open: an hour by rule, longer where digests are missing
        ("state", text), ("detail", text, True),  # which file, and what is wrong with it
        ("digest_object", text, True), ("digest_sha256", text, True), ("digest_delivered_at", instant, True),
        ("public_key_fingerprint", text, True), ("signature_valid", flag, True), ("follows_previous", flag, True),
        ("log_files", number), ("log_files_whole", number), ("log_files_missing", number),
        ("log_files_altered", number),
        ("oldest_event_at", instant, True), ("newest_event_at", instant, True),
    )  # fmt: skip


SECRETS = (
    # Answers and requests of AWS hold these; AWS hides most of them itself and not all.
    "sessionToken", "secretAccessKey", "secretString", "secretBinary", "masterUserPassword", "password",
    "oldPassword", "newPassword", "passwordData", "privateKey", "keyMaterial", "tokenValue", "tokenCode",
    "authenticationCode1", "authenticationCode2", "authorizationCode", "clientSecret", "accessToken", "refreshToken",
    "idToken", "plaintext", "userData", "SAMLAssertion", "webIdentityToken", "signinToken", "authParameters",
    "authToken", "environment", "environmentVariables", "serviceSpecificCredential",
)  # fmt: skip

MANAGEMENT_EVENTS = Dataset(
    "aws.management_events", "aws.cloudtrail_s3", "event_stream", ("event_id", "recipient_account_id"),
    _management_events, secret_fields=SECRETS, volatile=("log_file",), per="cloud_account",
)  # fmt: skip

TRAIL_CONTINUITY = Dataset(
    "aws.trail_continuity", "aws.cloudtrail_s3", "snapshot", ("region", "trail", "starts_at"), _trail_continuity,
    allowed=(("state", CONTINUITY_STATES),), per="cloud_account",
)  # fmt: skip

DATASETS = (MANAGEMENT_EVENTS, TRAIL_CONTINUITY)
