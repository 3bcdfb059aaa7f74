"""The bucket of the trail, as S3 answers: lists by prefix, and files. Every account of the company may read it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from email.utils import format_datetime
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

from sandbox.aws.paging import cut
from sandbox.aws.trail import Stored, TrailDelivery
from sandbox.aws.wire import Call, WireAnswer, WireError, new_request_id
from sandbox.aws.world import World
from sandbox.faults import Fault

OPERATIONS = ("s3:ListObjectsV2", "s3:GetObject")
"""Files are in no other bucket."""
_LISTING = frozenset({
    "list-type", "prefix", "delimiter", "max-keys", "continuation-token", "encoding-type",
})  # fmt: skip


def answer_trail(call: Call, world: World, fault: Fault | None) -> WireAnswer:
    """The answer to a list or a file. Raises WireError."""
    parts = urlsplit(call.path)
    if world.delivery is None or parts.path.split("/")[1] != world.delivery.trail.bucket:
        raise WireError(404, "NoSuchBucket", "The specified bucket does not exist")
    if call.action == "GetObject":
        return _file(world.delivery, unquote(parts.path.split("/", 2)[2]), world)
    asked = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    beyond = sorted(set(asked) - _LISTING)
    if beyond or asked.get("list-type") != "2":
        raise WireError(400, "InvalidArgument", f"{beyond} is not modelled by this simulated AWS.")
    return _list(world.delivery, asked, world, fault)


def _file(delivery: TrailDelivery, key: str, world: World) -> WireAnswer:
    stored = delivery.stored(key, world.now)
    if stored is None:
        raise WireError(404, "NoSuchKey", "The specified key does not exist.")
    headers = {f"x-amz-meta-{name}": value for name, value in stored.metadata.items()}
    headers |= {"ETag": _etag(stored), "Last-Modified": format_datetime(stored.at, usegmt=True)}
    return WireAnswer(200, "application/json", stored.data, new_request_id(), headers)


def _list(delivery: TrailDelivery, asked: dict[str, str], world: World, fault: Fault | None) -> WireAnswer:
    prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter", "")
    entries = _entries(delivery.listed(prefix, world.now), prefix, delimiter)
    limit = min(1000, int(asked.get("max-keys", "1000")))
    page = cut("s3:ListObjectsV2", len(entries), limit, asked.get("continuation-token"), fault)
    body: list[str] = []
    for entry in entries[page.start : page.stop]:
        if isinstance(entry, str):
            body.append(f"<CommonPrefixes><Prefix>{quote(entry)}</Prefix></CommonPrefixes>")
        else:
            body.append(
                f"<Contents><Key>{quote(entry.key)}</Key><LastModified>{entry.at:%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
                f"<ETag>{escape(_etag(entry))}</ETag><Size>{len(entry.data)}</Size>"
                "<StorageClass>STANDARD</StorageClass></Contents>"
            )
    following = f"<NextContinuationToken>{escape(page.marker)}</NextContinuationToken>" if page.marker else ""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>{delivery.trail.bucket}</Name><Prefix>{quote(prefix)}</Prefix><Delimiter>{quote(delimiter)}</Delimiter>"
        f"<EncodingType>url</EncodingType><MaxKeys>{limit}</MaxKeys><KeyCount>{len(body)}</KeyCount>"
        f"<IsTruncated>{'true' if page.more else 'false'}</IsTruncated>{following}{''.join(body)}</ListBucketResult>"
    )
    return WireAnswer(200, "application/xml", text.encode(), new_request_id())


def _entries(stored: Sequence[Stored], prefix: str, delimiter: str) -> list[Stored | str]:
    """Files, or with a delimiter the folders right below the prefix."""
    if not delimiter:
        return list(stored)
    folders: dict[str, Stored | str] = {}
    for one in stored:
        inner, found, _ = one.key[len(prefix) :].partition(delimiter)
        folders[prefix + inner + found] = prefix + inner + found if found else one
    return list(folders.values())


def _etag(stored: Stored) -> str:
    return f'"{hashlib.md5(stored.data, usedforsecurity=False).hexdigest()}"'
