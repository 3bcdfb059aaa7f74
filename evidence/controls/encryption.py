"""CC6-ENC-01: stores are encrypted, and what is reached from outside speaks current TLS with a valid certificate.

Each snapshot of a window is judged, resource by resource:

- UNENCRYPTED       a store that is not encrypted at rest
- WEAK_TLS          a host or listener that accepts a version before TLS 1.2, or plain text other than to send to TLS
- CERT_EXPIRING     a certificate in use that is valid for 14 days or less, or not valid at all
- HOST_NOT_SCANNED  a host that was to be asked and gave no handshake

Decisions where the rule leaves room:

- The setting that new volumes are encrypted is none of a store; the volumes themselves are judged.
- Listeners that pass traffic on unread (TCP, UDP) end no TLS: the host behind them is judged by its handshake.
- A listener inside the network is judged like one outside: data in transit are not safe because nobody looks.
- Certificates that nothing uses are no interface.
- Which hosts there are is told by what is asked for; hosts that nobody lists are found by CC6-NET-01.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from evidence.controls.held import has_closed, window_unknown
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.stretches import Seen, Stretches
from schemas import gcp, own
from schemas.aws_configuration import ENCRYPTION, TRANSIT
from schemas.dataset import Dataset
from schemas.outcome import Outcome

AT_REST = "at_rest"
IN_TRANSIT = "in_transit"
UNENCRYPTED = "UNENCRYPTED"
WEAK_TLS = "WEAK_TLS"
CERT_EXPIRING = "CERT_EXPIRING"
HOST_NOT_SCANNED = "HOST_NOT_SCANNED"
CODES = (UNENCRYPTED, WEAK_TLS, CERT_EXPIRING, HOST_NOT_SCANNED)

LEFT = timedelta(days=14)
CURRENT = frozenset({"TLSv1.2", "TLSv1.3"})
_NO_STORE = frozenset({"volume_default", "key"})

Row = Mapping[str, Any]
Judge = Callable[[Row, datetime], Seen | None]


def encrypted_everywhere(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """Rows for the stores and listeners of a region of AWS, the stores of a project of Google Cloud, or the hosts that
    are asked for a handshake."""
    system = window.scope_item_id.partition(":")[0]
    if system == "aws":
        rest = _told(window, evidence, AT_REST, ENCRYPTION, "record_id", store_of_aws, "stores")
        return rest + _told(window, evidence, IN_TRANSIT, TRANSIT, "record_id", transit_of_aws, "listeners")
    if system == "gcp":
        return _told(window, evidence, AT_REST, gcp.ENCRYPTION, "resource_id", _store_of_gcp, "stores")
    return _told(window, evidence, IN_TRANSIT, own.TLS_ENDPOINTS, "endpoint", host, "hosts")


def _told(
    window: TestWindow, evidence: StoredEvidence, line: str, dataset: Dataset, key: str, judge: Judge, what: str
) -> list[Outcome]:
    stretches = Stretches(window, line)
    for observed_at, rows, digest in evidence.snapshots(dataset, window.scope_item_id, window.start, window.end):
        stretches.add(observed_at, digest, dict(_each(rows, key, observed_at, judge)))
    if not stretches.snapshots and has_closed(window):
        return [window_unknown(window, line, f"no snapshot of {what} is held.")]
    return list(stretches.outcomes())


def _each(rows: list[Row], key: str, at: datetime, judge: Judge) -> Iterator[tuple[str, Seen]]:
    for row in rows:
        seen = judge(row, at)
        if seen is not None:
            yield row[key], seen


def store_of_aws(row: Row, at: datetime) -> Seen | None:
    """The finding about one row of `aws.encryption`; None where it is no store."""
    if row["kind"] in _NO_STORE:
        return None
    label = f"{row['kind'].replace('_', ' ')} {row['name'] or row['resource_id']}"
    if row["encrypted"] is None:
        return Seen(label, "not known whether it is encrypted", unknown=True)
    if not row["encrypted"]:
        return Seen(label, "not encrypted", (UNENCRYPTED,))
    return Seen(label, f"encrypted ({row['algorithm']})")


def _store_of_gcp(row: Row, at: datetime) -> Seen | None:
    if row["key_management"] == "itself":
        return None
    label = f"{row['resource_kind']} {row['resource_name']}"
    if not row["encrypted"]:
        return Seen(label, "not encrypted", (UNENCRYPTED,))
    return Seen(label, f"encrypted ({row['key_management'].replace('_', ' ')} key)")


def transit_of_aws(row: Row, at: datetime) -> Seen | None:
    """The finding about one row of `aws.transit`; None where it is no interface that ends TLS."""
    if row["kind"] == "certificate":
        return certificate(row, at) if row["in_use"] else None
    if row["kind"] == "bucket" or row["protocol"] is None:
        return None
    label = f"{row['kind']} {row['name'] or row['resource_id']}"
    if row["kind"] == "listener" and row["plain_text"] is None:
        return None
    if row["plain_text"] and row["redirects_only"] is None:
        return Seen(label, "takes plain text, and not known whether only to send to TLS", unknown=True)
    if row["plain_text"] and not row["redirects_only"]:
        return Seen(label, "takes requests without TLS", (WEAK_TLS,))
    if row["protocol"] == "HTTP":
        return Seen(label, "takes plain text only to send to TLS")
    return _versions(label, row["tls_versions"], "its policy")


def certificate(row: Row, at: datetime) -> Seen:
    """Whether a certificate is valid for longer than 14 days."""
    label = f"certificate {row['name'] or row['resource_id']}"
    until = row["not_after"]
    if until is None and row["status"] in (None, "ISSUED"):
        return Seen(label, "not known until when it is valid", unknown=True)
    if until is None or row["status"] not in (None, "ISSUED"):
        return Seen(label, f"not valid: {str(row['status']).lower().replace('_', ' ')}", (CERT_EXPIRING,))
    return _until(label, until, at)


def host(row: Row, at: datetime) -> Seen:
    """The finding about one host that was asked for a handshake."""
    label = f"host {row['endpoint']}"
    if not row["handshake"]:
        return Seen(label, f"gave no handshake ({row['failure'] or 'no reason given'})", (HOST_NOT_SCANNED,))
    versions = _versions(label, row["protocols_accepted"] or [row["protocol"]], "it")
    if versions.codes:
        return versions
    if row["trusted"] is False or row["hostname_matches"] is False:
        return Seen(label, "its certificate is not valid for it", (CERT_EXPIRING,))
    dated = _until(label, row["not_after"], at) if row["not_after"] is not None else versions
    return dated if dated.codes else versions


def _until(label: str, until: datetime, at: datetime) -> Seen:
    if until - at <= LEFT:
        return Seen(label, f"valid until {until:%Y-%m-%d} only", (CERT_EXPIRING,))
    return Seen(label, f"valid until {until:%Y-%m-%d}")


def _versions(label: str, versions: list[str], who: str) -> Seen:
    if not versions:
        return Seen(label, f"not known which versions of TLS {who} allows", unknown=True)
    old = sorted(set(versions) - CURRENT)
    if old:
        return Seen(label, f"{who} allows {', '.join(old)}", (WEAK_TLS,))
    return Seen(label, f"{who} allows TLS 1.2 and later only")
