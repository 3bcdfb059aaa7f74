"""Which probe belongs to which dataset, over all systems, and what the source's clock says. Nothing is scanned.

A system's vendor SDK is loaded when one of its probes is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from schemas.extraction import Session
from schemas.scope import ScopeItem

Probe = Callable[[Session, ScopeItem], None]
"""Returns where the dataset can be read for the item, raises one of `schemas.errors` where not."""
SourceClock = Callable[[Session], datetime]


def _aws() -> tuple[Mapping[str, Probe], SourceClock | None]:
    from connectors.aws.probes import PROBES, source_clock

    return PROBES, source_clock


def _github() -> tuple[Mapping[str, Probe], SourceClock | None]:
    from connectors.github.probes import PROBES, source_clock

    return PROBES, source_clock


def _ticketing() -> tuple[Mapping[str, Probe], SourceClock | None]:
    from connectors.tickets.probes import PROBES, source_clock

    return PROBES, source_clock


def _google() -> tuple[Mapping[str, Probe], SourceClock | None]:
    from connectors.google.probes import PROBES, source_clock

    return PROBES, source_clock


def _gcp() -> tuple[Mapping[str, Probe], SourceClock | None]:
    from connectors.gcp.probes import PROBES

    return PROBES, None


def _registers() -> tuple[Mapping[str, Probe], SourceClock | None]:
    from connectors.registers.probes import PROBES

    return PROBES, None


_SYSTEMS: Mapping[str, Callable[[], tuple[Mapping[str, Probe], SourceClock | None]]] = {
    "aws": _aws,
    "github": _github,
    "ticketing": _ticketing,
    "google": _google,
    "gcp": _gcp,
    "hr": _registers,
    "own": _registers,
}


def probes_of(system: str) -> Mapping[str, Probe]:
    """The probes of a system by dataset name; none for a system without a connector."""
    return _SYSTEMS[system]()[0] if system in _SYSTEMS else {}


def clock_of(system: str) -> SourceClock | None:
    """How the clock of a system's source is read; None where it has none of its own."""
    return _SYSTEMS[system]()[1] if system in _SYSTEMS else None
