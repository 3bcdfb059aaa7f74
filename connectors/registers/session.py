"""What a session with the company's own records is: the programme's folder, read by the collector itself.

No credentials are involved. The registers are files under review beside the programme; pages and hosts are asked the
way anybody on the internet asks them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Literal, cast

from connectors.endpoints import resolve_addresses
from connectors.register_files import file_of
from schemas.errors import ConfigurationError
from schemas.extraction import Session


@dataclass(frozen=True, slots=True)
class RecordsClient:
    """`Session.client` of a session with `hr` or `own`, or with tickets that are kept in a file."""

    tracker: ClassVar[Literal["file"]] = "file"

    folder: Path
    """Where the programme file lies; registers are named relative to it."""
    files: Mapping[str, str]
    """File of each register by its name, as the programme writes it."""
    zone: str
    """IANA name of the programme's zone, by which days are days."""
    now: Callable[[], datetime]
    environ: Mapping[str, str]
    simulated: bool
    """Whether it is a simulated company's: then files may be newer than its clock, and only loopback is asked."""
    pause: Callable[[float], None] = time.sleep
    resolve: Callable[[str, int], Collection[str]] = resolve_addresses
    cafile: str | None = None
    """Certificate authorities to trust in a simulation; the public ones without it."""
    timeout: float = 10.0
    """Seconds without a byte after which a host counts as silent."""
    deadline: float = 60.0
    """Seconds after which one page is given up, however slowly it trickles."""


def open_session(
    system: Literal["hr", "own", "ticketing"],
    *,
    programme: Path,
    registers: Mapping[str, object],
    organisation: str,
    zone: str,
    now: Callable[[], datetime],
    environ: Mapping[str, str],
    simulated: bool,
    pause: Callable[[float], None] = time.sleep,
) -> Session:
    """A session with the registers that the programme names.

    `programme` is the programme file, `registers` its `registers` part as plain values. Raises ConfigurationError where
    `hr` is asked and no people register is named.
    """
    files = {name: file for name, place in registers.items() if (file := file_of(place)) is not None}
    if system == "hr" and "people" not in files:
        raise ConfigurationError(
            "The programme names no people register, so nobody can say who works here. Add registers.people."
        )
    shown = {"hr": files.get("people"), "ticketing": files.get("incidents")}.get(system) or programme.name
    return Session(
        system=system,
        client=RecordsClient(programme.parent, files, zone, now, environ, simulated, pause),
        endpoint=f"file:{shown}",
        simulated=simulated,
        declared=False,
        principal="the collector itself",
        principal_rights="reads the files the programme names; asks public hosts without credentials",
        tenant=organisation,
    )


def client_of(session: Session) -> RecordsClient:
    """The session's client."""
    return cast("RecordsClient", session.client)


@dataclass(slots=True)
class Notes:
    """What a claim says beside its figures."""

    words: list[str] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)

    def drop(self, reason: str) -> None:
        """Count a row that was read and is not kept."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1
