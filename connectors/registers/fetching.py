"""Fetching one public page: where it leads, what it answers, how large it is. Nothing it sends is believed or run.

Bounds (a page of our own may have been taken over, or sit behind anything): so many redirects, so many bytes, so many
seconds; bodies are taken as sent and never unpacked.
"""

from __future__ import annotations

import hashlib
import http.client
import socket
import ssl
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import SplitResult, urljoin, urlsplit

from connectors.registers.certificates import Certificate, read_certificate
from connectors.registers.network import ATTEMPTS, NotPublic, connect, trusting
from connectors.registers.session import RecordsClient
from schemas.errors import RetriableError

MAX_BODY = 4 * 1024 * 1024
MAX_REDIRECTS = 5
_CHUNK = 64 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BUSY = frozenset({429, 500, 502, 503, 504})
_PORTS = {"https": 443, "http": 80}
_MAX_URL = 2048


@dataclass(slots=True)
class Answered:
    """One answer of one address."""

    url: str
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    """None where it is larger than `MAX_BODY`; then nothing of it is kept."""
    protocol: str | None = None
    cipher: str | None = None
    certificate: Certificate | None = None
    failure: str | None = None
    """Why no answer counts, where the host did answer."""

    @property
    def served_at(self) -> datetime | None:
        """The server's own `Date`, None where it sends none or no date."""
        try:
            at = parsedate_to_datetime(self.headers.get("date", ""))
        except ValueError:
            return None
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)

    @property
    def body_sha256(self) -> str | None:
        return None if self.body is None else hashlib.sha256(self.body).hexdigest()


@dataclass(slots=True)
class Page:
    """A page as it was found: the last answer, and the addresses that sent on to it."""

    last: Answered
    redirects: list[str] = field(default_factory=list)


class _BrokenOff(Exception):
    """The answer ended before it was whole."""


def fetch(client: RecordsClient, url: str) -> Page:
    """Fetch a page with its redirects. A server that fails for a moment is asked again.

    Raises RetriableError where a host can't be reached or its answer breaks off every time, NotPublic where the first
    address may not be asked.
    """
    redirects: list[str] = []
    deadline = time.monotonic() + client.deadline
    while True:
        try:
            answered = _asked(client, url, deadline)
        except NotPublic as refused:
            if not redirects:
                raise
            answered = Answered(url, failure=f"sends on to where customers can't follow: {refused}")
        where = answered.headers.get("location", "")
        if answered.status not in _REDIRECTS or not where:
            return Page(answered, redirects)
        redirects.append(url)
        following = _joined(url, where)
        refusal = _not_followed(client, urlsplit(url), following)
        if refusal is None and (len(redirects) > MAX_REDIRECTS or following in redirects):
            refusal = "sends on in circles, or too often"
        if refusal is not None:
            answered.failure = refusal
            return Page(answered, redirects)
        url = following


def _joined(url: str, where: str) -> str:
    """The address to go on to, empty where `Location` is none."""
    try:
        return urljoin(url, where)
    except ValueError:
        return ""


def _not_followed(client: RecordsClient, here: SplitResult, following: str) -> str | None:
    """Why a redirect is not followed, None where it is."""
    try:
        parts = urlsplit(following)
        well_formed = bool(parts.hostname) and (parts.port is None or parts.port > 0) and len(following) <= _MAX_URL
    except ValueError:
        return "sends on to what is no address"
    if not well_formed or not following.isascii() or not following.isprintable() or " " in following:
        return "sends on to what is no address"
    if parts.username is not None or parts.password is not None:
        return "sends on to an address with a user or password in it"
    if parts.scheme != "https" and not (client.simulated and parts.scheme == here.scheme == "http"):
        return f"sends on without TLS ({parts.scheme}:)"
    return None


def _asked(client: RecordsClient, url: str, deadline: float) -> Answered:
    answered = Answered(url)
    reason = ""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            answered = _once(client, url, deadline)
        except _BrokenOff as error:
            reason = str(error)
        else:
            if answered.status not in _BUSY or attempt == ATTEMPTS:
                return answered
            reason = ""
        if attempt < ATTEMPTS:
            client.pause(0.5 * 2**attempt)
    if not reason:
        return answered
    raise RetriableError(
        f"{urlsplit(url).hostname}: the answer {reason}, {ATTEMPTS} times. Nothing is claimed; try again later."
    )


def _once(client: RecordsClient, url: str, deadline: float) -> Answered:
    parts = urlsplit(url)
    host = parts.hostname or ""
    answered = Answered(url)
    opened = connect(client, host, parts.port or _PORTS[parts.scheme])
    held: socket.socket = opened.socket
    try:
        if parts.scheme == "https":
            try:
                held = trusting(client).wrap_socket(held, server_hostname=host)
            except ssl.SSLCertVerificationError as error:
                answered.failure = f"the certificate can't be trusted: {error.verify_message}"
                return answered
            except ssl.SSLEOFError as error:
                raise _BrokenOff("broke off in the TLS handshake") from error
            except ssl.SSLError as error:
                answered.failure = f"no TLS handshake: {(error.reason or 'refused').replace('_', ' ').lower()}"
                return answered
            _describe_tls(held, answered)
        _exchange(client, held, parts, host, answered, deadline)
    except TimeoutError as error:
        raise _BrokenOff("fell silent") from error
    except http.client.IncompleteRead as error:
        raise _BrokenOff("broke off") from error
    except (http.client.HTTPException, ValueError) as error:
        if isinstance(error, http.client.RemoteDisconnected):
            raise _BrokenOff("never came") from error
        answered.failure = "what it answers is no HTTP"
    except OSError as error:
        raise _BrokenOff("broke off") from error
    finally:
        held.close()
    return answered


def _describe_tls(held: socket.socket, answered: Answered) -> None:
    assert isinstance(held, ssl.SSLSocket)
    answered.protocol = held.version()
    cipher = held.cipher()
    answered.cipher = None if cipher is None else cipher[0]
    der = held.getpeercert(binary_form=True)
    answered.certificate = None if der is None else read_certificate(der)


def _exchange(
    client: RecordsClient, held: socket.socket, parts: SplitResult, host: str, answered: Answered, deadline: float
) -> None:
    """Send the one request and read its answer within the bounds."""
    connection = http.client.HTTPConnection(host, parts.port, timeout=client.timeout)
    connection.sock = held
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"User-Agent": "soc2-evidence-pipeline", "Accept": "*/*", "Accept-Encoding": "identity",
               "Connection": "close"}  # fmt: skip
    connection.request("GET", target, headers=headers)
    response = connection.getresponse()
    answered.headers = {name.lower(): value for name, value in response.getheaders()}
    answered.status = response.status
    if response.status in _REDIRECTS:
        return  # what stands beside the address to go on to is of no interest
    pieces: list[bytes] = []
    size = 0
    while piece := response.read1(_CHUNK):
        size += len(piece)
        pieces.append(piece)
        if size > MAX_BODY:
            answered.failure = f"the body is larger than {MAX_BODY // 2**20} MiB"
            return
        if time.monotonic() > deadline:
            raise _BrokenOff("took too long")
    # `read1` ends quietly where a connection breaks off.
    if response.length:
        raise _BrokenOff("broke off")
    answered.body = b"".join(pieces)
