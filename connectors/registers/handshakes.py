"""TLS handshakes with one host: what it negotiates by itself, what it accepts when offered alone, what it shows.

A handshake that fails after the host has answered is a finding, with its reason. A host that does not answer, or falls
silent, is an error: then nothing is known.
"""

from __future__ import annotations

import ssl
import threading
import warnings
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from connectors.registers.network import ATTEMPTS, connect, trusting
from connectors.registers.session import RecordsClient
from schemas.errors import RetriableError

VERSIONS: tuple[ssl.TLSVersion, ...] = (
    ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3,
)  # fmt: skip
NAMES: dict[ssl.TLSVersion, str] = dict(zip(VERSIONS, ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"), strict=True))

_LOCAL = ("NO_PROTOCOLS_AVAILABLE", "NO_CIPHERS_AVAILABLE", "UNSUPPORTED_PROTOCOL_VERSION")
"""Reasons of OpenSSL that speak of this machine and not of the other."""
_context_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Handshake:
    """One handshake that came about."""

    address: str
    protocol: str
    cipher: str
    cipher_bits: int
    chain: tuple[bytes, ...]
    """DER, the host's own certificate first."""


@dataclass(slots=True)
class Shaken:
    """All that was tried with one host."""

    held: Handshake | None = None
    failure: str | None = None
    trusted: bool | None = None
    accepted: list[str] = field(default_factory=list)
    not_tried: list[str] = field(default_factory=list)
    address: str | None = None


class _Refused(Exception):
    """The host answered and there was no handshake."""


def shake(client: RecordsClient, host: str, port: int) -> Shaken:
    """Try the host with the usual settings, then with each version alone. Raises RetriableError, NotPublic."""
    out = Shaken()
    legacy: Handshake | None = None
    for version in VERSIONS:
        try:
            held = _handshake(client, host, port, _only(version))
        except _Refused as refused:
            if str(refused).startswith("here:"):
                out.not_tried.append(NAMES[version])
            continue
        out.accepted.append(NAMES[version])
        legacy = legacy or held
    try:
        out.held = _handshake(client, host, port, trusting(client, hostname=False))
        out.trusted = True
    except ssl.SSLCertVerificationError as error:
        out.trusted, out.failure = False, f"the certificate can't be trusted: {error.verify_message}"
        out.held = _seen(client, host, port)
    except _Refused as refused:
        # Too old for the usual settings, perhaps, and still something that everybody can be talked into.
        out.held, out.failure = legacy, str(refused)
        out.trusted = None if legacy is None else False
    out.address = None if out.held is None else out.held.address
    return out


def _seen(client: RecordsClient, host: str, port: int) -> Handshake | None:
    try:
        return _handshake(client, host, port, trusting(client, verify=False))
    except _Refused:
        return None


def _handshake(client: RecordsClient, host: str, port: int, context: ssl.SSLContext) -> Handshake:
    """One handshake. Raises `_Refused` with the reason, SSLCertVerificationError, RetriableError, NotPublic."""
    reason = ""
    for attempt in range(1, ATTEMPTS + 1):
        opened = connect(client, host, port)
        try:
            with opened.socket, context.wrap_socket(opened.socket, server_hostname=host) as secured:
                name, protocol, bits = secured.cipher() or ("none", "none", 0)
                return Handshake(opened.address, secured.version() or protocol, name, bits, _chain(secured))
        except ssl.SSLCertVerificationError:
            raise
        except TimeoutError as error:
            reason = "silent"
            if attempt == ATTEMPTS:
                raise RetriableError(
                    f"{host}:{port} takes connections and falls silent in the TLS handshake. Nothing is claimed; try "
                    "again later."
                ) from error
        except ssl.SSLError as error:
            if error.reason in _LOCAL:
                raise _Refused(f"here: {error.reason}") from error
            if error.reason and not isinstance(error, ssl.SSLEOFError):
                raise _Refused(f"no TLS handshake: {error.reason.replace('_', ' ').lower()}") from error
            reason = "the host hung up"
        except OSError as error:
            reason = f"the host hung up ({error.strerror or type(error).__name__})"
        if attempt < ATTEMPTS:
            client.pause(0.25 * attempt)
    raise _Refused(f"no TLS handshake: {reason}, {ATTEMPTS} times")


@lru_cache(maxsize=len(VERSIONS))
def _only(version: ssl.TLSVersion) -> ssl.SSLContext:
    """A context that offers one version and takes any certificate: only to learn what the host accepts."""
    with _context_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the old versions are what is looked for
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = version
        context.maximum_version = version
    return context


def _chain(secured: ssl.SSLSocket) -> tuple[bytes, ...]:
    """The certificates as the host sent them. Python before 3.13 shows them on an inner object only."""
    leaf = secured.getpeercert(binary_form=True)
    inner: Any = getattr(secured, "_sslobj", None)
    getter: Any = getattr(secured, "get_unverified_chain", None) or getattr(inner, "get_unverified_chain", None)
    sent: list[Any] = [] if getter is None else list(getter() or ())
    chain: list[bytes] = [entry if isinstance(entry, bytes) else entry.public_bytes(2) for entry in sent]  # 2: DER
    return tuple(chain) if chain else (() if leaf is None else (leaf,))
