"""Connections to the company's own public hosts: who they lead to, judged before anything is sent.

A host is asked as the internet sees it. An address that is not public (a name resolved differently inside the
company, a redirect to this machine or its neighbours) is never connected to, except in a simulation, which asks
loopback and nothing else.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from dataclasses import dataclass

import certifi

from connectors.registers.session import RecordsClient
from schemas.errors import ConfigurationError, RetriableError

ATTEMPTS = 3


class NotPublic(Exception):
    """A host leads to an address that is not public, or, in a simulation, to one that is not this machine's."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection, and the address at its other end."""

    socket: socket.socket
    address: str


def public_addresses(client: RecordsClient, host: str, port: int) -> list[str]:
    """The addresses of a host that may be asked, in a stable order.

    Raises NotPublic where any is not public, RetriableError where the name stands for none.
    """
    found = sorted(client.resolve(host, port))
    if not found:
        raise RetriableError(
            f"The name {host} can't be resolved from here. Check the name and the network, and try again later."
        )
    if any(_on_this_machine(address) != client.simulated for address in found):
        if client.simulated:
            raise NotPublic(f"{host} is not part of the simulation, and a simulation asks no real host")
        raise NotPublic(f"{host} leads to this machine when it is asked from here")
    if not client.simulated and any(not ipaddress.ip_address(address).is_global for address in found):
        raise NotPublic(f"{host} leads to an address that is not public when it is asked from here")
    return found


def connect(client: RecordsClient, host: str, port: int) -> Opened:
    """A TCP connection with the first address that answers.

    Raises NotPublic, and RetriableError where nobody answers, after several attempts.
    """
    reason = "no address"
    for attempt in range(1, ATTEMPTS + 1):
        for address in public_addresses(client, host, port):
            try:
                return Opened(socket.create_connection((address, port), timeout=client.timeout), address)
            except OSError as error:
                reason = error.strerror or type(error).__name__
        if attempt < ATTEMPTS:
            client.pause(0.5 * 2**attempt)
    raise RetriableError(
        f"{host}:{port} can't be reached from here ({reason}, {ATTEMPTS} attempts). Nothing is claimed; look at the "
        "network between here and there, and try again later."
    )


def refuse_first(client: RecordsClient, register: str, host: str, port: int) -> None:
    """ConfigurationError for a host of a register that nobody outside could reach by the address seen here."""
    try:
        public_addresses(client, host, port)
    except NotPublic as refused:
        raise ConfigurationError(
            f"{client.files[register]}: {refused}, so what is seen here is not what the internet sees. Correct the "
            "entry, or run the collector where names resolve as they do outside."
        ) from refused


def trusting(client: RecordsClient, *, verify: bool = True, hostname: bool = True) -> ssl.SSLContext:
    """A TLS context over the public authorities (or the simulation's own)."""
    context = ssl.create_default_context(cafile=client.cafile or certifi.where())
    if not (verify and hostname):
        context.check_hostname = False
    if not verify:
        context.verify_mode = ssl.CERT_NONE
    return context


def _on_this_machine(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None) or address
    return mapped.is_loopback or mapped.is_unspecified
