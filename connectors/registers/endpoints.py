"""The TLS side of every public host that the register of public endpoints names."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import orjson

from connectors.registers.certificates import is_for, read_certificate
from connectors.registers.files import holds_on, read_register
from connectors.registers.handshakes import NAMES, Shaken, shake
from connectors.registers.network import refuse_first
from connectors.registers.session import Notes, RecordsClient, client_of
from schemas.errors import SchemaDrift
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.own import TLS_ENDPOINTS

REGISTER = "public_endpoints"
NO_HOST = "names a resource and no host"
ENDED = "not valid on this day"
WILDCARD = "a wildcard names no host that could be asked; name the hosts"

_WORKERS = 8
_QUERY = "TLS handshake per host: the usual settings, then TLSv1, TLSv1.1, TLSv1.2 and TLSv1.3 each offered alone"
_LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_HOST = re.compile(rf"(?P<host>(?:\*\.)?{_LABEL}(?:\.{_LABEL})+|localhost)\.?(?::(?P<port>[0-9]{{1,5}}))?")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One host and port to ask, as a row of the register names it."""

    host: str
    port: int
    resource_id: str

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"


def endpoint_of(resource_id: str) -> Endpoint | None:
    """The host that a resource id names, with its port (443 without one); None for an ARN or a resource name."""
    found = _HOST.fullmatch(resource_id.strip())
    if found is None:
        return None
    port = int(found["port"] or 443)
    return Endpoint(found["host"].lower(), port, resource_id) if 0 < port < 65_536 else None


def tls_endpoints(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill own.tls_endpoints with one row for each host that the register holds valid today.

    Raises ConfigurationError (register wrong, a host that is not public) and RetriableError where a host can't be
    reached: an interface that nobody looked at must not look like one that is fine.
    """
    client = client_of(session)
    read = read_register(client, REGISTER, TLS_ENDPOINTS, sink)
    notes = Notes()
    endpoints: dict[str, Endpoint] = {}
    for row in read.rows:
        endpoint = endpoint_of(row["resource_id"])
        if endpoint is None:
            notes.drop(NO_HOST)
        elif not holds_on(row, read.observed_at, client.zone):
            notes.drop(ENDED)
        elif endpoint.name in endpoints:
            notes.drop("the same host and port once more")
        else:
            endpoints[endpoint.name] = endpoint
    for endpoint in endpoints.values():
        if not endpoint.host.startswith("*."):
            refuse_first(client, REGISTER, endpoint.host, endpoint.port)
    sink.rows(TLS_ENDPOINTS, _rows(client, request.item.id, list(endpoints.values()), sink))
    count = len(endpoints)
    proof = f"{read.file} names {count} hosts" if count else read.says_empty()
    if proof is None and not count:
        proof = f"the {len(read.rows)} rows of {read.file} name no host that is valid today"
    return [
        ItemClaim(
            TLS_ENDPOINTS.name,
            _QUERY,
            read.parameters(),
            observed_at=read.observed_at,
            proof_of_life=True,
            proof=proof,
            independent_count=count,
            reconciliation=f"{count} hosts of {len(read.rows)} rows in {read.file}, each asked",
            pages=1,
            rows_returned=len(read.rows),
            drop_rules=dict(notes.dropped),
        )
    ]


def _rows(client: RecordsClient, item: str, endpoints: list[Endpoint], sink: Sink) -> Iterator[dict[str, Any]]:
    def asked(endpoint: Endpoint) -> Shaken:
        if endpoint.host.startswith("*."):
            return Shaken(failure=WILDCARD, not_tried=list(NAMES.values()))
        return shake(client, endpoint.host, endpoint.port)

    with ThreadPoolExecutor(min(_WORKERS, len(endpoints)) or 1, thread_name_prefix="handshake") as pool:
        for endpoint, shaken in zip(endpoints, pool.map(asked, endpoints), strict=True):
            facts = _facts(endpoint, shaken)
            # Kept as it was seen: no HTTP is spoken, so there is no status.
            sink.answer(
                dataset=TLS_ENDPOINTS, method="TLS", url=f"tls://{endpoint.name}", status=0, headers={},
                body=orjson.dumps(_received(shaken)), parameters={"resource_id": endpoint.resource_id},
            )  # fmt: skip
            yield {
                "scope_item_id": item, "endpoint": endpoint.name, "host": endpoint.host, "port": endpoint.port,
                "resource_id": endpoint.resource_id, "asked_at": client.now(), "simulated": client.simulated,
                "raw": orjson.dumps(_received(shaken, chain=False)).decode(), **facts,
            }  # fmt: skip


def _facts(endpoint: Endpoint, shaken: Shaken) -> dict[str, Any]:
    held = shaken.held
    facts: dict[str, Any] = {
        "address": shaken.address, "handshake": held is not None, "failure": shaken.failure,
        "protocols_accepted": shaken.accepted, "protocols_not_tried": shaken.not_tried, "trusted": shaken.trusted,
        "protocol": None, "cipher": None, "cipher_bits": None, "hostname_matches": None, "subject": None,
        "issuer": None, "names": [], "serial_number": None, "certificate_sha256": None, "chain_sha256": [],
        "not_before": None, "not_after": None,
    }  # fmt: skip
    if held is None:
        return facts
    facts |= {"protocol": held.protocol, "cipher": held.cipher, "cipher_bits": held.cipher_bits}
    if not held.chain:
        return facts | {"failure": shaken.failure or "the host shows no certificate"}
    try:
        leaf = read_certificate(held.chain[0])
        chain = [read_certificate(der).sha256 for der in held.chain]
    except ValueError as error:
        raise SchemaDrift(
            f"{endpoint.name} shows a certificate that can't be read. The connector, or the host, must be looked at."
        ) from error
    matches = is_for(leaf, endpoint.host)
    failure = shaken.failure or (None if matches else "the certificate is not for this host")
    return facts | {
        "failure": failure, "hostname_matches": matches, "subject": leaf.subject, "issuer": leaf.issuer,
        "names": list(leaf.names), "serial_number": leaf.serial_number, "certificate_sha256": leaf.sha256,
        "chain_sha256": chain, "not_before": leaf.not_before, "not_after": leaf.not_after,
    }  # fmt: skip


def _received(shaken: Shaken, *, chain: bool = True) -> Mapping[str, Any]:
    held = shaken.held
    seen: dict[str, Any] = {
        "address": shaken.address, "failure": shaken.failure, "accepted": shaken.accepted,
        "not_tried": shaken.not_tried,
    }  # fmt: skip
    if held is not None:
        seen |= {"protocol": held.protocol, "cipher": held.cipher, "cipher_bits": held.cipher_bits}
        if chain:
            seen["chain_der"] = [base64.b64encode(der).decode() for der in held.chain]
    return seen
