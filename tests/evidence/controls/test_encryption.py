"""CC6-ENC-01: encryption at rest and in transit."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from evidence.controls.encryption import encrypted_everywhere, host, store_of_aws, transit_of_aws
from schemas import gcp, own
from schemas.aws_configuration import ENCRYPTION, TRANSIT
from schemas.outcome import Outcome
from tests.evidence.controls.access import FIRST, shown
from tests.evidence.controls.changes import END, window
from tests.evidence.controls.configuration import filled
from tests.fakes.memory_evidence import MemoryEvidence

REGION = "aws:111122223333:eu-west-1"
Row = dict[str, Any]


def store(kind: str = "volume", encrypted: bool | None = True) -> Row:
    row: Row = {"record_id": f"{kind}:x", "kind": kind, "resource_id": "x", "name": None, "algorithm": "aws:kms"}
    return filled(ENCRYPTION, row | {"encrypted": encrypted})


def listener(**changed: Any) -> Row:
    row: Row = {
        "record_id": "listener:x", "kind": "listener", "resource_id": "x", "name": None, "protocol": "HTTPS",
        "plain_text": False, "redirects_only": None, "tls_versions": ["TLSv1.2", "TLSv1.3"], "in_use": None,
        "status": None, "not_after": None,
    }  # fmt: skip
    return filled(TRANSIT, row | changed)


def certificate(**changed: Any) -> Row:
    row = listener(kind="certificate", protocol=None, in_use=True, status="ISSUED")
    return row | {"not_after": FIRST + timedelta(days=15)} | changed


def endpoint(**changed: Any) -> Row:
    row: Row = {
        "endpoint": "shop.acme.example:443", "handshake": True, "failure": None, "protocol": "TLSv1.3",
        "protocols_accepted": ["TLSv1.3"], "trusted": True, "hostname_matches": True,
        "not_after": FIRST + timedelta(days=90),
    }  # fmt: skip
    return filled(own.TLS_ENDPOINTS, row | changed)


def judged(scope: str, evidence: MemoryEvidence, **kept: Any) -> dict[str, Outcome]:
    tested = window("CC6-ENC-01", scope=scope, name="prod", **kept)
    return {one.item_id: one for one in encrypted_everywhere(tested, evidence)}


def test_both_lines_of_a_region_are_told() -> None:
    evidence = shown(ENCRYPTION, REGION, {FIRST: [store(), store("bucket", False)]})
    shown(TRANSIT, REGION, {FIRST: [listener()]}, evidence)
    outcomes = judged(REGION, evidence)
    assert {one.evidence_id for one in outcomes.values()} == {"at_rest", "in_transit"}
    assert [one.codes for one in outcomes.values() if one.outcome == "exception"] == [("UNENCRYPTED",)]


def test_a_store_of_which_nobody_can_tell_is_unknown() -> None:
    seen = store_of_aws(store(encrypted=None), FIRST)
    assert seen is not None
    assert seen.unknown


@pytest.mark.parametrize("kind", ["volume_default", "key"])
def test_settings_and_keys_are_no_stores(kind: str) -> None:
    assert store_of_aws(store(kind, False), FIRST) is None


@pytest.mark.parametrize(
    ("changed", "codes", "unknown"),
    [
        ({}, (), False),
        ({"tls_versions": ["TLSv1", "TLSv1.2"]}, ("WEAK_TLS",), False),
        ({"tls_versions": []}, (), True),
        ({"protocol": "HTTP", "plain_text": True, "redirects_only": False}, ("WEAK_TLS",), False),
        ({"protocol": "HTTP", "plain_text": True, "redirects_only": True, "tls_versions": []}, (), False),
        ({"protocol": "HTTP", "plain_text": True, "redirects_only": None}, (), True),
        ({"kind": "distribution", "plain_text": True, "redirects_only": True, "tls_versions": ["TLSv1.1"]},
         ("WEAK_TLS",), False),
    ],
)  # fmt: skip
def test_listeners(changed: Row, codes: tuple[str, ...], unknown: bool) -> None:
    seen = transit_of_aws(listener(**changed), FIRST)
    assert seen is not None
    assert (seen.codes, seen.unknown) == (codes, unknown)


def test_a_listener_that_passes_traffic_on_unread_ends_no_tls() -> None:
    assert transit_of_aws(listener(protocol="TCP", plain_text=None), FIRST) is None
    assert transit_of_aws(listener(kind="bucket", protocol=None, plain_text=True), FIRST) is None


@pytest.mark.parametrize(
    ("changed", "codes"),
    [
        ({}, ()),
        ({"not_after": FIRST + timedelta(days=14)}, ("CERT_EXPIRING",)),
        ({"not_after": FIRST - timedelta(days=1)}, ("CERT_EXPIRING",)),
        ({"status": "FAILED"}, ("CERT_EXPIRING",)),
        ({"status": "FAILED", "not_after": None}, ("CERT_EXPIRING",)),
    ],
)
def test_certificates(changed: Row, codes: tuple[str, ...]) -> None:
    seen = transit_of_aws(certificate(**changed), FIRST)
    assert seen is not None
    assert seen.codes == codes


def test_a_certificate_that_nothing_uses_is_no_interface() -> None:
    assert transit_of_aws(certificate(in_use=False, not_after=FIRST), FIRST) is None


def test_a_certificate_without_an_end_is_unknown() -> None:
    seen = transit_of_aws(certificate(not_after=None), FIRST)
    assert seen is not None
    assert seen.unknown


@pytest.mark.parametrize(
    ("changed", "codes"),
    [
        ({}, ()),
        ({"handshake": False, "failure": "refused"}, ("HOST_NOT_SCANNED",)),
        ({"protocols_accepted": ["TLSv1", "TLSv1.3"]}, ("WEAK_TLS",)),
        ({"not_after": FIRST + timedelta(days=13)}, ("CERT_EXPIRING",)),
        ({"trusted": False}, ("CERT_EXPIRING",)),
        ({"hostname_matches": False}, ("CERT_EXPIRING",)),
    ],
)
def test_hosts(changed: Row, codes: tuple[str, ...]) -> None:
    assert host(endpoint(**changed), FIRST).codes == codes


def test_hosts_and_projects_are_told_for_their_items() -> None:
    [outcome] = judged("org:acme", shown(own.TLS_ENDPOINTS, "org:acme", {FIRST: [endpoint()]})).values()
    assert (outcome.evidence_id, outcome.outcome) == ("in_transit", "pass")
    row = {"resource_id": "//x", "resource_kind": "bucket", "resource_name": "b", "encrypted": True,
           "key_management": "google"}  # fmt: skip
    key = {**row, "resource_id": "//k", "key_management": "itself"}
    [outcome] = judged(
        "gcp:1", shown(gcp.ENCRYPTION, "gcp:1", {FIRST: [filled(gcp.ENCRYPTION, one) for one in (row, key)]})
    ).values()
    assert (outcome.evidence_id, outcome.outcome) == ("at_rest", "pass")


def test_a_closed_window_without_snapshots_is_unknown_line_by_line() -> None:
    outcomes = judged(REGION, MemoryEvidence(), as_of=END)
    assert {(one.evidence_id, one.outcome) for one in outcomes.values()} == {
        ("at_rest", "unknown"), ("in_transit", "unknown")
    }  # fmt: skip
