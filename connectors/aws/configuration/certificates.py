"""Certificates of ACM, and distributions of CloudFront, which have no region and stand under the first one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.aws.configuration.region import Detail, Region
from connectors.aws.reading import Json, field_of, moment
from schemas.aws_configuration import TRANSIT
from schemas.errors import IncompletePopulation, SchemaDrift

GLOBAL_REGION = "us-east-1"

_KEY_TYPES = [
    "RSA_1024", "RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1",
]  # fmt: skip
"""All there are. Without them ACM lists certificates of the first two and keeps quiet about the others."""

_VERSIONS = ("SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_DISTRIBUTIONS = "cloudfront:ListDistributions"


def certificates(region: Region) -> None:
    """Certificates in every state and of every kind of key."""

    def ask(detail: Detail, one: Json) -> None:
        gone = ("ResourceNotFoundException",)
        detail.ask("acm:DescribeCertificate", gone=gone, CertificateArn=str(one["CertificateArn"]))

    listed = region.items(
        "acm:ListCertificates", "CertificateSummaryList", "CertificateArn", MaxItems=1000,
        Includes={"keyTypes": _KEY_TYPES},
    )  # fmt: skip
    for one, detail in region.each(listed, ask, "CertificateArn"):
        described = (detail.of("acm:DescribeCertificate") or {}).get("Certificate") or {}
        region.put(
            TRANSIT, "certificate", str(one["CertificateArn"]), {**one, **described}, detail=detail,
            **certificate_columns({**one, **described}),
        )  # fmt: skip


def certificate_columns(one: Json) -> dict[str, Any]:
    """Columns of `aws.transit`."""
    names = [str(one["DomainName"])] if one.get("DomainName") else []
    names += [str(name) for name in one.get("SubjectAlternativeNames") or []]
    in_use = one.get("InUse")
    if in_use is None:
        in_use = bool(one.get("InUseBy"))
    logs = (one.get("Options") or {}).get("CertificateTransparencyLoggingPreference")
    return {
        "name": one.get("DomainName"), "hosts": list(dict.fromkeys(names)), "status": one.get("Status"),
        "created_at": moment(one.get("CreatedAt") or one.get("ImportedAt")), "not_before": moment(one.get("NotBefore")),
        "not_after": moment(one.get("NotAfter")), "in_use": in_use, "key_algorithm": one.get("KeyAlgorithm"),
        "signature_algorithm": one.get("SignatureAlgorithm"), "certificate_type": one.get("Type"),
        "renewal_eligible": None if one.get("RenewalEligibility") is None else one["RenewalEligibility"] == "ELIGIBLE",
        "renewal_status": (one.get("RenewalSummary") or {}).get("RenewalStatus"),
        "transparency_logging": None if logs is None else logs == "ENABLED",
    }  # fmt: skip


def distributions(region: Region) -> None:
    """Distributions, read in one region only so that each is there once."""
    if region.name != GLOBAL_REGION or region.reading.partition != "aws":
        return
    for one in _distributions(region):
        region.put(TRANSIT, "distribution", str(one["ARN"]), one, **distribution_columns(one))


def _distributions(region: Region) -> Iterator[Json]:
    """The list, whose marker stands inside of it; it is held to its own count of each page."""
    marker: dict[str, str] = {}
    seen: set[str] = set()
    while True:
        answer = region.ask(_DISTRIBUTIONS, MaxItems="100", **marker)
        region.reading.pages += 1
        page: Json = field_of(answer, "DistributionList", _DISTRIBUTIONS)
        items: list[Json] = page.get("Items") or []
        if page.get("Quantity") != len(items) or not isinstance(page.get("IsTruncated"), bool):
            raise IncompletePopulation(
                f"{_DISTRIBUTIONS} in account {region.account} counts {page.get('Quantity')} distributions on a page "
                f"and shows {len(items)}. Nothing was kept; run again."
            )
        for one in items:
            if str(one["ARN"]) in seen:
                region.reading.dropped["repeated on a later page"] += 1
                continue
            seen.add(str(one["ARN"]))
            region.reading.read += 1
            yield one
        if not page["IsTruncated"] or region.first_only:
            return
        following = page.get("NextMarker")
        if not following or following == marker.get("Marker"):
            raise SchemaDrift(f"{_DISTRIBUTIONS} says that there is more and not where it goes on.")
        marker = {"Marker": str(following)}


def distribution_columns(one: Json) -> dict[str, Any]:
    """Columns of `aws.transit`."""
    viewer: Mapping[str, Any] = one.get("ViewerCertificate") or {}
    behaviours = [one.get("DefaultCacheBehavior") or {}, *((one.get("CacheBehaviors") or {}).get("Items") or [])]
    policies = {str(entry.get("ViewerProtocolPolicy")) for entry in behaviours}
    # With the certificate of CloudFront itself the lowest version is TLSv1, whatever is said.
    lowest = "TLSv1" if viewer.get("CloudFrontDefaultCertificate") else str(viewer.get("MinimumProtocolVersion"))
    first = lowest.partition("_")[0]
    certificate = viewer.get("ACMCertificateArn") or viewer.get("IAMCertificateId")
    return {
        "name": one.get("Id"), "hosts": [str(one["DomainName"]), *((one.get("Aliases") or {}).get("Items") or [])],
        "public": bool(one.get("Enabled")), "protocol": "HTTPS", "tls_policy": lowest,
        "tls_versions": list(_VERSIONS[_VERSIONS.index(first) :]) if first in _VERSIONS else [],
        "plain_text": policies != {"https-only"}, "redirects_only": "allow-all" not in policies,
        "certificates": [str(certificate)] if certificate else [], "status": one.get("Status"),
        "in_use": bool(one.get("Enabled")),
    }  # fmt: skip
