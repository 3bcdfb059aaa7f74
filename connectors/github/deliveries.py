"""What webhooks of the organisation delivered, as a receiver of this programme kept it: one file each, written once.

    received/github/2026-08/<delivery GUID>.json

The body is kept byte by byte beside its signature, so that whoever knows the secret can check it again.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import orjson

from connectors.store.files import LocalFiles
from schemas.errors import SchemaDrift
from schemas.instants import format_instant, parse_instant

FOLDER = "received/github"
"""Below the store."""
AUDITED = frozenset({
    "branch_protection_configuration", "branch_protection_rule", "deploy_key", "member", "membership", "meta",
    "org_block", "organization", "personal_access_token_request", "public", "repository", "repository_ruleset",
    "security_and_analysis", "team", "team_add",
})  # fmt: skip
"""Events about people, rights and settings. Others are answered and not kept; those about found secrets, which could
hold one, among them."""
_GUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
REDELIVERED_WITHIN = timedelta(days=3)
"""How long GitHub keeps a delivery, and so how late it can be sent again."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery whose signature was right."""

    guid: str
    event: str
    hook_id: str
    received_at: datetime
    signature: str
    body: bytes


def signed(secret: bytes, body: bytes, signature: str) -> bool:
    """Whether `X-Hub-Signature-256` is that of this body, told apart in constant time."""
    expected = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode())


def delivery_of(headers: Mapping[str, str], body: bytes, received_at: datetime) -> Delivery:
    """A delivery from its request; `headers` in lower case. `ValueError` where one is missing or no GUID."""
    guid = headers.get("x-github-delivery", "")
    event, hook_id = headers.get("x-github-event", ""), headers.get("x-github-hook-id", "")
    if not _GUID.fullmatch(guid) or not event or not hook_id.isdigit():
        raise ValueError("X-GitHub-Delivery, X-GitHub-Event or X-GitHub-Hook-ID is missing or wrong")
    return Delivery(guid.lower(), event, hook_id, received_at, headers.get("x-hub-signature-256", ""), body)


class Archive:
    """The folder of received deliveries. Any number of processes may write and read it."""

    def __init__(self, folder: Path) -> None:
        self._files = LocalFiles(folder)
        self._folder = folder

    def keep(self, delivery: Delivery) -> bool:
        """Write a delivery, durable on return. False where it is there already: GitHub sent it again."""
        month = f"{delivery.received_at:%Y-%m}"
        earlier = f"{delivery.received_at - REDELIVERED_WITHIN - timedelta(days=1):%Y-%m}"
        if earlier != month and self._files.exists(f"{earlier}/{delivery.guid}.json"):
            return False
        record = {
            "guid": delivery.guid, "event": delivery.event, "hook_id": delivery.hook_id,
            "received_at": format_instant(delivery.received_at), "signature": delivery.signature,
            "body": delivery.body.decode(),
        }  # fmt: skip
        return self._files.create_if_absent(f"{month}/{delivery.guid}.json", orjson.dumps(record))

    def between(self, start: datetime, end: datetime) -> Iterator[Delivery]:
        """Deliveries received in [start, end), in the order of receipt, month by month."""
        for month in self._months(start, end):
            found = [self._read(name) for name in sorted(os.listdir(self._folder / month)) if name.endswith(".json")
                     for name in (f"{month}/{name}",)]  # fmt: skip
            found = [one for one in found if start <= one.received_at < end]
            yield from sorted(found, key=lambda one: (one.received_at, one.guid))

    def _months(self, start: datetime, end: datetime) -> list[str]:
        if not self._folder.is_dir():
            return []
        months = [name for name in os.listdir(self._folder) if re.fullmatch(r"[0-9]{4}-[0-9]{2}", name)]
        return sorted(month for month in months if f"{start:%Y-%m}" <= month <= f"{end:%Y-%m}")

    def _read(self, path: str) -> Delivery:
        try:
            record = orjson.loads(self._files.read(path))
            return Delivery(
                record["guid"], record["event"], record["hook_id"], parse_instant(record["received_at"]),
                record["signature"], record["body"].encode(),
            )  # fmt: skip
        except (orjson.JSONDecodeError, KeyError, AttributeError, ValueError) as error:
            raise SchemaDrift(
                f"The received delivery {path} is not as the receiver wrote it. Restore it from a backup."
            ) from error
