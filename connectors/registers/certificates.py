"""What a certificate says, from its DER bytes: for whom, by whom, until when."""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509


@dataclass(frozen=True, slots=True)
class Certificate:
    """The facts of one certificate that evidence needs."""

    sha256: str
    subject: str
    issuer: str
    serial_number: str
    """Hexadecimal."""
    names: tuple[str, ...]
    """Host names and addresses it is for."""
    not_before: datetime
    not_after: datetime


def read_certificate(der: bytes) -> Certificate:
    """Raises ValueError for bytes that are no certificate."""
    found = x509.load_der_x509_certificate(der)
    names: tuple[str, ...] = ()
    try:
        alternative = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = (
            *alternative.get_values_for_type(x509.DNSName),
            *(str(address) for address in alternative.get_values_for_type(x509.IPAddress)),
        )
    except x509.ExtensionNotFound:
        pass  # then it is for nobody: the common name counts no more (RFC 9110, section 4.3.4)
    return Certificate(
        sha256=hashlib.sha256(der).hexdigest(),
        subject=found.subject.rfc4514_string(),
        issuer=found.issuer.rfc4514_string(),
        serial_number=format(found.serial_number, "x"),
        names=tuple(sorted(names)),
        not_before=found.not_valid_before_utc,
        not_after=found.not_valid_after_utc,
    )


def is_for(certificate: Certificate, host: str) -> bool:
    """Whether a certificate names a host. A wildcard stands for exactly one label, the leftmost (RFC 6125)."""
    wanted = host.lower().rstrip(".")
    try:
        ipaddress.ip_address(wanted)
    except ValueError:
        pass
    else:
        return wanted in certificate.names
    _, _, parent = wanted.partition(".")
    return any(
        name.lower().rstrip(".") == wanted or ("." in parent and name.lower() == f"*.{parent}")
        for name in certificate.names
    )
