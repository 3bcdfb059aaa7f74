"""Datasets of the company's own records: its registers, what it publishes, the hosts it shows to the internet.

`scope_item_id` is that of the item asked for: `workforce`, `org:<slug>`, `vendor:<slug>` or another item of a control.
Days are texts (`2026-04-01`), as they stand in the register; both ends of a validity are inclusive, null means open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.dataset import Dataset, framed

if TYPE_CHECKING:
    import pyarrow as pa


def _types() -> tuple[pa.DataType, pa.DataType, pa.DataType, pa.DataType]:
    import pyarrow as pa

    return pa.string(), pa.timestamp("us", tz="UTC"), pa.bool_(), pa.int32()


def _register() -> tuple[tuple[str, pa.DataType] | tuple[str, pa.DataType, bool], ...]:
    """What every row of a register says of the file it stands in."""
    text, instant, _, number = _types()
    return (
        ("line", number),  # of the file, where the row begins
        ("register_file", text), ("register_sha256", text),  # of the file's bytes
        ("exported_at", instant),  # when the file was last written
    )  # fmt: skip


def _people() -> pa.Schema:
    import pyarrow as pa

    text, instant, _, _ = _types()
    return framed(
        ("person_id", text), ("name", text), ("email", text), ("kind", text), ("office", text, True), ("start", text),
        ("last_day", text, True), ("manager", text, True),  # person_id
        ("leaving", text, True), ("notified_at", instant, True), ("aliases", pa.list_(text)), *_register(),
    )  # fmt: skip


def _risks() -> pa.Schema:
    import pyarrow as pa

    text, _, _, number = _types()
    return framed(
        ("risk_id", text), ("title", text), ("likelihood", number), ("impact", number),  # each 1 to 5
        ("treatment", text), ("owner", text), ("controls", pa.list_(text)), ("due", text, True), ("status", text),
        *_register(),
    )  # fmt: skip


def _vendors() -> pa.Schema:
    import pyarrow as pa

    text, _, _, _ = _types()
    return framed(
        ("entry_id", text),  # vendor_id, and the first day where the vendor stands in the register more than once
        ("vendor_id", text), ("name", text), ("service", text), ("kind", text), ("tier", text), ("owner", text),
        ("data", pa.list_(text)), ("contract", text, True), ("valid_from", text, True), ("valid_to", text, True),
        *_register(),
    )  # fmt: skip


def _devices() -> pa.Schema:
    text, instant, flag, _ = _types()
    return framed(
        ("entry_id", text),  # device_id, and the first day where the device stands in the register more than once
        ("device_id", text), ("person_id", text, True), ("platform", text), ("os_version", text, True),
        ("encrypted", flag, True), ("screen_lock", flag, True), ("malware_protection", flag, True),  # null: not said
        ("last_seen_at", instant, True), ("valid_from", text, True), ("valid_to", text, True), *_register(),
    )  # fmt: skip


def _published_pages() -> pa.Schema:
    import pyarrow as pa

    text, instant, flag, number = _types()
    return framed(
        ("url", text), ("kind", text), ("fetched_at", instant), ("served_at", instant, True),  # the server's own Date
        ("status", number, True),  # null where no answer that counts was given; `failure` says why
        ("final_url", text), ("redirects", pa.list_(text)),  # each address that sent on, in order
        ("body_sha256", text, True), ("body_bytes", pa.int64(), True),  # null where the body was too large or broke off
        ("content_type", text, True), ("last_modified", text, True),
        ("tls_protocol", text, True), ("tls_cipher", text, True), ("certificate_sha256", text, True),
        ("certificate_not_after", instant, True), ("failure", text, True), ("simulated", flag),
    )  # fmt: skip


def _tls_endpoints() -> pa.Schema:
    import pyarrow as pa

    text, instant, flag, number = _types()
    return framed(
        ("endpoint", text),  # host:port
        ("host", text), ("port", number), ("resource_id", text),  # as the register names it
        ("asked_at", instant), ("address", text, True),  # that answered
        ("handshake", flag), ("failure", text, True),  # why there was none, or why the certificate can't be trusted
        ("protocol", text, True), ("cipher", text, True), ("cipher_bits", number, True),
        ("protocols_accepted", pa.list_(text)),  # of TLSv1, TLSv1.1, TLSv1.2, TLSv1.3, each offered alone
        ("protocols_not_tried", pa.list_(text)),  # those this machine can't offer, or whose trial broke off
        ("trusted", flag, True),  # by the public authorities; null without a handshake
        ("hostname_matches", flag, True), ("subject", text, True), ("issuer", text, True),
        ("names", pa.list_(text)),  # that the certificate is for
        ("serial_number", text, True), ("certificate_sha256", text, True), ("chain_sha256", pa.list_(text)),
        ("not_before", instant, True), ("not_after", instant, True), ("simulated", flag),
    )  # fmt: skip


def _training_completions() -> pa.Schema:
    text, instant, _, number = _types()
    return framed(
        ("person_id", text), ("course_id", text), ("version", text, True),
        ("event_time", instant),  # it was finished
        ("score", number, True),  # percent
        *_register(),
    )  # fmt: skip


def _uptime() -> pa.Schema:
    text, instant, _, _ = _types()
    return framed(
        ("service", text),
        ("event_time", instant),  # the stretch began, or the UTC day: stretches are cut at midnight
        ("ended_at", instant),  # first instant after it; of one that lasts, when the register was exported
        ("state", text), *_register(),
    )  # fmt: skip


def _disposals() -> pa.Schema:
    text, instant, _, _ = _types()
    return framed(
        ("device_id", text),
        ("event_time", instant),  # it went out of use, or was missed
        ("outcome", text), ("wiped_at", instant, True), ("method", text, True), ("disposed_at", instant, True),
        ("done_by", text, True), ("new_device_id", text, True), *_register(),
    )  # fmt: skip


PEOPLE = Dataset(
    "hr.people", "hr.register", "snapshot", ("person_id",), _people,
    allowed=(("kind", ("employee", "contractor", "adviser")),
             ("leaving", ("voluntary", "involuntary", "contract_end"))),
    volatile=("line", "register_sha256", "exported_at"),
    per="workforce",
)  # fmt: skip
RISKS = Dataset(
    "own.risks", "own.records", "snapshot", ("risk_id",), _risks,
    allowed=(("treatment", ("mitigate", "accept", "transfer", "avoid")), ("status", ("open", "in_progress", "done"))),
    volatile=("line", "register_sha256", "exported_at"),
)  # fmt: skip
VENDORS = Dataset(
    "own.vendors", "own.records", "snapshot", ("entry_id",), _vendors,
    allowed=(("kind", ("vendor", "subservice")), ("tier", ("critical", "high", "low"))),
    volatile=("line", "register_sha256", "exported_at"),
    per="organisation",
)  # fmt: skip
DEVICES = Dataset(
    "own.devices", "own.records", "snapshot", ("entry_id",), _devices,
    allowed=(("platform", ("macos", "windows", "linux", "chromeos", "ios", "android")),),
    volatile=("line", "register_sha256", "exported_at"),
)  # fmt: skip
PUBLISHED_PAGES = Dataset(
    "own.published_pages", "own.records", "snapshot", ("url",), _published_pages,
    allowed=(("kind", ("terms", "privacy", "security", "security_txt", "status", "service_levels", "other")),),
    volatile=("fetched_at", "served_at", "last_modified"),
)  # fmt: skip
TLS_ENDPOINTS = Dataset(
    "own.tls_endpoints", "own.records", "snapshot", ("endpoint",), _tls_endpoints, volatile=("asked_at", "address"),
    per="organisation",
)  # fmt: skip
TRAINING_COMPLETIONS = Dataset(
    "own.training_completions", "own.records", "event_stream", ("person_id", "course_id", "event_time"),
    _training_completions,
    volatile=("line", "register_sha256", "exported_at"),
    keeps_changing=True,  # people enter later what was finished earlier
)  # fmt: skip
DISPOSALS = Dataset(
    "own.disposals", "own.records", "event_stream", ("device_id", "event_time"), _disposals,
    allowed=(("outcome", ("disposed", "returned", "kept", "lost", "stolen", "re_enrolled")),),
    volatile=("line", "register_sha256", "exported_at"),
    keeps_changing=True,  # what was kept is wiped and disposed of later
)  # fmt: skip
UPTIME = Dataset(
    "own.uptime", "own.records", "event_stream", ("service", "event_time"), _uptime,
    allowed=(("state", ("up", "down", "maintenance")),),
    volatile=("line", "register_sha256", "exported_at"),
    keeps_changing=True,
)  # fmt: skip

DATASETS = (PEOPLE, RISKS, VENDORS, DEVICES, PUBLISHED_PAGES, TLS_ENDPOINTS, TRAINING_COMPLETIONS, DISPOSALS, UPTIME)
