"""A record of CloudTrail as columns: typed where AWS gives every record the same shape, JSON text where it does not.

`requestParameters` and its like have another shape for every operation, and the same field can be a list in one and an
object in the next. They are never looked into here: their text is copied as it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from isal import isal_zlib

from connectors.aws.trail.duplicates import fingerprints
from connectors.store.arrow import compute as pc
from schemas.aws_trail import MANAGEMENT_EVENTS
from schemas.errors import SchemaDrift

BATCH_ROWS = 4096
_NONE = msgspec.Raw(b"null")
_SECOND = 1_000_000
_MANAGEMENT = (None, "Management")


class _Issuer(msgspec.Struct, gc=False, rename="camel"):
    type: str | None = None
    arn: str | None = None
    principal_id: str | None = None
    account_id: str | None = None
    user_name: str | None = None


class _Attributes(msgspec.Struct, gc=False, rename="camel"):
    creation_date: str | None = None
    mfa_authenticated: bool | None = None


class _SessionContext(msgspec.Struct, gc=False, rename="camel"):
    session_issuer: _Issuer | None = None
    attributes: _Attributes | None = None
    source_identity: str | None = None


class _OnBehalfOf(msgspec.Struct, gc=False, rename="camel"):
    user_id: str | None = None


class _Identity(msgspec.Struct, gc=False, rename="camel"):
    type: str | None = None
    arn: str | None = None
    principal_id: str | None = None
    account_id: str | None = None
    access_key_id: str | None = None
    user_name: str | None = None
    invoked_by: str | None = None
    on_behalf_of: _OnBehalfOf | None = None
    session_context: msgspec.Raw = _NONE


class _Resource(msgspec.Struct, gc=False, rename={"arn": "ARN", "account_id": "accountId", "prefix": "ARNPrefix"}):
    arn: str | None = None
    prefix: str | None = None
    account_id: str | None = None
    type: str | None = None


class Record(
    msgspec.Struct,
    gc=False,
    rename={
        "event_time": "eventTime", "event_id": "eventID", "event_source": "eventSource", "event_name": "eventName",
        "region": "awsRegion", "recipient_account_id": "recipientAccountId", "event_type": "eventType",
        "event_category": "eventCategory", "event_version": "eventVersion", "management_event": "managementEvent",
        "read_only": "readOnly", "api_version": "apiVersion", "request_id": "requestID",
        "shared_event_id": "sharedEventID", "error_code": "errorCode", "error_message": "errorMessage",
        "source_ip_address": "sourceIPAddress", "user_agent": "userAgent", "vpc_endpoint_id": "vpcEndpointId",
        "identity": "userIdentity", "console_session": "sessionCredentialFromConsole",
        "request_parameters": "requestParameters", "response_elements": "responseElements",
        "additional_event_data": "additionalEventData", "service_event_details": "serviceEventDetails",
    },
):  # fmt: skip
    """One event as AWS writes it (record contents up to version 1.11); what is not named here stays in `raw`."""

    event_time: str
    event_id: str
    event_source: str
    event_name: str
    region: str
    recipient_account_id: str | None = None
    event_type: str | None = None
    event_category: str | None = None
    event_version: str | None = None
    management_event: bool | None = None
    read_only: bool | None = None
    api_version: str | None = None
    request_id: str | None = None
    shared_event_id: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    source_ip_address: str | None = None
    user_agent: str | None = None
    vpc_endpoint_id: str | None = None
    console_session: bool | None = None
    identity: _Identity | None = None
    resources: list[_Resource] | None = None
    request_parameters: msgspec.Raw = _NONE
    response_elements: msgspec.Raw = _NONE
    additional_event_data: msgspec.Raw = _NONE
    service_event_details: msgspec.Raw = _NONE


class _File(msgspec.Struct, gc=False):
    records: list[msgspec.Raw] = msgspec.field(name="Records")


# Not strict: flags come as the texts "true" and "false" in places, the session's second factor everywhere.
_FILE = msgspec.json.Decoder(_File)
_RECORD = msgspec.json.Decoder(Record, strict=False)
_CONTEXT = msgspec.json.Decoder(_SessionContext | None, strict=False)

_TEXTS = (
    "event_id", "recipient_account_id", "region", "event_source", "event_name", "event_type", "event_category",
    "event_version", "api_version", "request_id", "shared_event_id", "error_code", "error_message",
    "source_ip_address", "user_agent", "vpc_endpoint_id",
)  # fmt: skip
_FLAGS = ("management_event", "read_only", "console_session")
_JSON = ("request_parameters", "response_elements", "additional_event_data", "service_event_details")
_OF_IDENTITY = ("type", "arn", "principal_id", "account_id", "access_key_id", "user_name")
_OF_ISSUER = ("type", "arn", "principal_id", "account_id", "user_name")
_NOBODY = _Identity()
_NO_CONTEXT = _SessionContext()
_NO_ISSUER = _Issuer()
_NO_ATTRIBUTES = _Attributes()


@dataclass(frozen=True, slots=True)
class Origin:
    """Where records come from and which of them are wanted."""

    scope_item_id: str
    account: str
    log_file: str | None
    start: int
    """Microseconds since 1970, as `end`: half-open bounds of the event times wanted."""
    end: int

    @classmethod
    def of(cls, scope_item_id: str, account: str, log_file: str | None, interval: tuple[datetime, datetime]) -> Origin:
        start, end = (_micros(moment) for moment in interval)
        return cls(scope_item_id, account, log_file, start, end)

    def of_file(self, log_file: str) -> Origin:
        """The same for one file."""
        return replace(self, log_file=log_file)


@dataclass(frozen=True, slots=True)
class Events:
    """Events of one file: a batch of the dataset, and by row what a second delivery is recognised by."""

    batch: pa.RecordBatch
    identity: npt.NDArray[np.uint64]
    content: npt.NDArray[np.uint64]


@dataclass(slots=True)
class Taken:
    """What was read of a file and not kept."""

    records: int = 0
    not_management: int = 0
    earlier: int = 0
    later: int = 0

    def add(self, other: Taken) -> None:
        self.records += other.records
        self.not_management += other.not_management
        self.earlier += other.earlier
        self.later += other.later


def records_of(text: bytes, where: str) -> list[msgspec.Raw]:
    """The records of a log file, each as its own text. SchemaDrift where it is no log file of CloudTrail."""
    try:
        return _FILE.decode(text).records
    except msgspec.DecodeError as error:
        raise SchemaDrift(f"{where} is no log file of CloudTrail: {_without_values(error)}.") from None


def events(records: Sequence[msgspec.Raw], origin: Origin, taken: Taken) -> Events:
    """Records as a batch of `aws.management_events`, those of other categories and other times left out.

    SchemaDrift where a record lacks what every record has, named by field and never by value.
    """
    try:
        decoded = list(map(_RECORD.decode, records))
    except msgspec.DecodeError as error:
        raise SchemaDrift(
            f"A record of {origin.log_file or 'the event history'} is not as CloudTrail writes them: "
            f"{_without_values(error)}. The connector must be looked at."
        ) from None
    times = _instants([record.event_time for record in decoded], origin)
    kept = _wanted(decoded, times, origin, taken)
    if len(kept) < len(decoded):
        records, decoded = [records[i] for i in kept], [decoded[i] for i in kept]
        times = times.take(pa.array(kept))
    return _columns(records, decoded, times, origin)


def _wanted(decoded: Sequence[Record], times: pa.Array, origin: Origin, taken: Taken) -> npt.NDArray[np.int64]:
    """Positions of the records that are management events of the time asked for."""
    taken.records += len(decoded)
    management = np.fromiter(
        (record.event_category in _MANAGEMENT and record.management_event is not False for record in decoded),
        np.bool_, len(decoded),
    )  # fmt: skip
    moments = times.cast(pa.int64()).to_numpy()
    earlier, later = moments < origin.start, moments >= origin.end
    taken.not_management += int((~management).sum())
    taken.earlier += int((management & earlier).sum())
    taken.later += int((management & later).sum())
    return np.flatnonzero(management & ~earlier & ~later)


def _columns(records: Sequence[msgspec.Raw], decoded: Sequence[Record], times: pa.Array, origin: Origin) -> Events:
    rows = len(decoded)
    schema = MANAGEMENT_EVENTS.arrow()
    given = _by_field(Record, decoded)
    identities: list[_Identity] = [one or _NOBODY for one in given["identity"]]
    identity = _by_field(_Identity, identities)
    contexts = [_context(text, origin) for text in identity["session_context"]]
    issuer = _by_field(_Issuer, [context.session_issuer or _NO_ISSUER for context in contexts])
    attributes = _by_field(_Attributes, [context.attributes or _NO_ATTRIBUTES for context in contexts])
    raw = list(map(bytes, records))
    values: dict[str, Sequence[Any]] = {name: given[name] for name in (*_TEXTS, *_FLAGS)}
    values |= {f"identity_{name}": identity[name] for name in _OF_IDENTITY}
    values |= {f"issuer_{name}": issuer[name] for name in _OF_ISSUER}
    values |= {
        "invoked_by": identity["invoked_by"],
        "on_behalf_of": [None if one is None else one.user_id for one in identity["on_behalf_of"]],
        "mfa_authenticated": attributes["mfa_authenticated"],
        "session_created_at": [None if text is None else _instant(text) for text in attributes["creation_date"]],
        "source_identity": [context.source_identity for context in contexts],
        "resources": [None if one is None else _resources(one) for one in given["resources"]],
    }
    columns = {name: pa.array(held, schema.field(name).type) for name, held in values.items()}
    columns |= {name: _json_text([_given(text) for text in given[name]]) for name in _JSON}
    columns |= {
        "scope_item_id": _same(origin.scope_item_id, rows),
        "event_time": times,
        "account_id": _same(origin.account, rows),
        "log_file": _same(origin.log_file, rows),
        "session_context": _json_text([_given(text) for text in identity["session_context"]]),
        "raw": _json_text(raw),
    }
    batch = pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)
    content = np.fromiter(map(isal_zlib.crc32, raw), np.uint64, rows)
    return Events(batch, fingerprints(batch), content)


def _by_field(kind: type[msgspec.Struct], structs: Sequence[msgspec.Struct]) -> dict[str, Sequence[Any]]:
    """The values of each field, over all structs."""
    names = kind.__struct_fields__
    if not structs:
        return dict.fromkeys(names, ())
    return dict(zip(names, zip(*map(msgspec.structs.astuple, structs), strict=True), strict=True))


def _context(text: msgspec.Raw, origin: Origin) -> _SessionContext:
    if text is _NONE:
        return _NO_CONTEXT
    try:
        return _CONTEXT.decode(text) or _NO_CONTEXT
    except msgspec.DecodeError as error:
        raise SchemaDrift(
            f"A session context of {origin.log_file or 'the event history'} is not as CloudTrail writes them: "
            f"{_without_values(error)}. The connector must be looked at."
        ) from None


def _given(text: msgspec.Raw) -> bytes | None:
    if text is _NONE:
        return None
    found = bytes(text)
    return None if found == b"null" else found


def _json_text(values: Sequence[bytes | None]) -> pa.Array:
    return pa.array(values, pa.binary()).cast(pa.string())


def _same(value: str | None, rows: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, pa.string()), rows)


def _resources(resources: Sequence[_Resource]) -> list[dict[str, str | None]]:
    return [{"arn": one.arn or one.prefix, "account_id": one.account_id, "type": one.type} for one in resources]


def _instants(texts: list[str], origin: Origin) -> pa.Array:
    kind = pa.timestamp("us", "UTC")
    array = pa.array(texts, pa.string())
    try:
        return pc.strptime(array, "%Y-%m-%dT%H:%M:%SZ", "us").cast(kind)
    except pa.ArrowInvalid:  # another form of ISO 8601; read one by one
        found = [_instant(text) for text in texts]
    if any(moment is None for moment in found):
        raise SchemaDrift(
            f"A record of {origin.log_file or 'the event history'} has an eventTime that is no instant with a zone. "
            "The connector must be looked at."
        )
    return pa.array(found, kind)


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if moment.tzinfo is None else moment.astimezone(UTC)


def _micros(moment: datetime) -> int:
    return int(moment.timestamp()) * _SECOND + moment.microsecond


def _without_values(error: Exception) -> str:
    """What msgspec says is wrong and where; of a wrong value it says its type and never the value itself."""
    text = str(error)
    return text[:200] if isinstance(error, msgspec.ValidationError) else "it is no JSON: " + text[:80]
