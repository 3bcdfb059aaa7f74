"""Options that every command shares, and what follows from them: which programme, which clock, how to answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from schemas.errors import ConfigurationError
from schemas.instants import parse_instant


@Parameter(name="*")
@dataclass(frozen=True)
class Options:
    """Options shared by all commands."""

    program: Annotated[Path, Parameter(env_var="EVIDENCE_PROGRAM")] = Path("program.yaml")
    """The programme file."""
    json: Annotated[bool, Parameter(negative="")] = False
    """Print one JSON document on standard output and nothing else there; messages go to standard error."""
    simulated_now: str | None = None
    """Set the clock to this instant; accepted only with a simulated store."""

    def now(self) -> datetime | None:
        """The instant of --simulated-now, None where the system's clock counts."""
        return None if self.simulated_now is None else instant_argument(self.simulated_now, "--simulated-now")

    def clock(self) -> Callable[[], datetime]:
        """The clock of this command: the system's, or the given instant standing still."""
        from connectors.store.clock import clock_of

        return clock_of(self.now())


DEFAULT_OPTIONS = Options()


def instant_argument(text: str, option: str) -> datetime:
    """An instant given on the command line; a plain date or a time without a zone is refused."""
    try:
        return parse_instant(text)
    except ValueError as error:
        raise ConfigurationError(f"{option} {text!r} is not an instant. Write it like 2026-10-02T00:00:00Z") from error
