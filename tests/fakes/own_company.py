"""A company's own records for tests: registers in a folder, pages and TLS hosts on loopback with faults on demand."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors.registers.session import RecordsClient
from schemas.extraction import Session

NOW = datetime(2026, 5, 2, 6, tzinfo=UTC)
Answer = Callable[[BaseHTTPRequestHandler], None]

PEOPLE = """person_id,name,email,kind,office,start,last_day,manager,leaving,notified_at,aliases
p1,Ada,ada@acme.example,employee,London,2024-01-08,,,,,ada.l@acme.example
p2,Bo,bo@acme.example,contractor,,2025-03-01,2026-04-17,p1,contract_end,2026-04-01T09:00:00Z,
"""
RISKS = """\
- {risk_id: r1, title: Fraud by staff, likelihood: 2, impact: 4, treatment: mitigate, owner: ada@acme.example,
   controls: [CC6-ADM-01], due: 2026-09-01, status: in_progress}
- {risk_id: r2, title: A vendor fails, likelihood: 1, impact: 5, treatment: accept, owner: ada@acme.example,
   status: done}
"""
VENDORS = """\
- {vendor_id: cloudco, name: CloudCo, service: hosting, kind: subservice, tier: critical, owner: ada@acme.example,
   data: [customer]}
- {vendor_id: mailer, name: Mailer, service: mail, kind: vendor, tier: low, owner: ada@acme.example, to: 2025-12-31}
- {vendor_id: mailer, name: Mailer, service: mail, kind: vendor, tier: low, owner: ada@acme.example, from: 2026-02-01}
"""
DEVICES = """device_id,person_id,platform,from,to,os_version,encrypted,screen_lock,malware_protection,last_seen_at
C02A,p1,macos,2024-01-08,,15.4,yes,yes,,2026-05-01T08:00:00Z
C02B,,linux,,,,no,,,
"""
TRAINING = """person_id,course_id,version,completed_at,score
p1,security,3,2026-08-03T10:00:00Z,92
p1,secure-development,,2025-11-20T10:00:00Z,
"""
DISPOSALS = """device_id,retired_at,outcome,wiped_at,method,disposed_at,done_by
d1,2026-08-10T09:00:00Z,disposed,2026-08-11T09:00:00Z,erased,2026-08-12T09:00:00Z,ada@acme.example
d9,2025-11-20T09:00:00Z,kept,,,,
"""
UPTIME = """service,started_at,ended_at,state
ledger,2026-07-20T00:00:00Z,2026-08-03T10:00:00Z,up
service:ledger,2026-08-03T10:00:00Z,2026-08-03T10:20:00Z,down
Ledger,2026-08-03T10:20:00Z,,up
web,2026-08-03T10:00:00Z,,up
"""
_WHOLE = {
    "people": PEOPLE,
    "risks": RISKS,
    "vendors": VENDORS,
    "devices": DEVICES,
    "training": TRAINING,
    "disposals": DISPOSALS,
    "uptime": UPTIME,
}


@dataclass
class OwnCompany:
    """The folder and the session over it."""

    folder: Path
    now: datetime = NOW
    slept: list[float] = field(default_factory=list[float])
    environ: Mapping[str, str] = field(default_factory=dict[str, str])

    def write(self, name: str, text: str) -> str:
        suffix = "yaml" if name in ("risks", "vendors") else "csv"
        path = self.folder / f"{name}.{suffix}"
        path.write_text(text, encoding="utf-8", newline="\n")
        at = self.now.timestamp() - 3600
        os.utime(path, (at, at))
        return path.name

    def whole(self) -> OwnCompany:
        for name, text in _WHOLE.items():
            self.write(name, text)
        return self

    def session(self, system: str = "own", **other: Any) -> Session:
        files = {path.stem: path.name for path in sorted(self.folder.iterdir()) if path.suffix in (".csv", ".yaml")}
        settings: dict[str, Any] = {"simulated": True, "pause": self.slept.append, "timeout": 2.0, **other}
        client = RecordsClient(self.folder, files, "Europe/London", lambda: self.now, self.environ, **settings)
        return Session(system, client, "file:program.yaml", True, False, "the collector itself", "reads files", "Acme")


# --- certificates -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Authority:
    """A certificate authority of this test run, and what it signed."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def make(cls, folder: Path) -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _signed("Test Authority", [], key, key, "Test Authority", ca=True)
        made = cls(folder, key, certificate)
        (folder / "authority.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return made

    @property
    def cafile(self) -> str:
        return str(self.folder / "authority.pem")

    def server(self, *names: str, days: int = 90) -> ssl.SSLContext:
        """A server's context with a certificate for these names, valid for so many days from 2026."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _signed(names[0], list(names), key, self.key, "Test Authority", days=days)
        path = self.folder / f"{names[0].replace('*', 'any')}-{days}.pem"
        path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


def _signed(
    name: str, names: list[str], key: Any, signer: Any, issuer: str, *, ca: bool = False, days: int = 90
) -> x509.Certificate:
    start = datetime.now(UTC) - timedelta(days=1)  # the library that verifies knows no other clock
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days) if days > 0 else start + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if names:
        entries = [_alternative(entry) for entry in names]
        builder = builder.add_extension(x509.SubjectAlternativeName(entries), critical=False)
    return builder.sign(signer, hashes.SHA256())


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


# --- servers ------------------------------------------------------------------------------------------------------


@dataclass
class Site:
    """A web site on loopback: what each path answers, how often it was asked."""

    server: ThreadingHTTPServer
    pages: dict[str, Answer]
    asked: list[str]
    scheme: str

    def url(self, path: str, host: str = "localhost") -> str:
        return f"{self.scheme}://{host}:{self.server.server_address[1]}{path}"

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])


@contextlib.contextmanager
def site(pages: Mapping[str, Answer] | None = None, context: ssl.SSLContext | None = None) -> Iterator[Site]:
    """Serve pages until the block ends; with a context over TLS."""
    table = dict(pages or {})
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 5

        def do_GET(self) -> None:
            asked.append(self.path)
            self.close_connection = True
            table.get(self.path, gone)(self)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def finish_request(self, request: Any, client_address: Any) -> None:
            if context is None:
                super().finish_request(request, client_address)
                return
            request.settimeout(5)
            with context.wrap_socket(request, server_side=True) as secured:
                super().finish_request(secured, client_address)

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Clients that hang up are what these tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield Site(server, table, asked, "http" if context is None else "https")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def text(body: bytes, status: int = 200, **headers: str) -> Answer:
    """An answer with a body, and headers such as `Location`."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


gone = text(b"no such page", 404)


def cut(handler: BaseHTTPRequestHandler) -> None:
    """Half a body."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"x" * 500)


def reset(handler: BaseHTTPRequestHandler) -> None:
    """No answer at all: the connection is reset."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def once(first: Answer, then: Answer) -> Answer:
    """One answer the first time, another ever after."""
    answers = [first]

    def answer(handler: BaseHTTPRequestHandler) -> None:
        (answers.pop() if answers else then)(handler)

    return answer


def pages_register(*urls: str, kind: str = "terms") -> str:
    rows = [f"{url},{kind},," for url in urls]
    return "\n".join(["url,kind,from,to", *rows]) + "\n"


def endpoints_register(*hosts: str, until: str = "") -> str:
    rows = [f"{host},web,,{until},customers,ada@acme.example" for host in hosts]
    return "\n".join(["resource_id,description,from,to,reason,approved_by", *rows]) + "\n"
