"""Commands of the simulated company: serving its sources, and the demonstration end to end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import cyclopts
from cyclopts import Parameter

from cli.options import instant_argument

sandbox_app = cyclopts.App(
    name="sandbox", help="The simulated company: sources on loopback that speak the real protocols."
)


def add_commands(app: cyclopts.App) -> None:
    """Add this module's commands."""
    app.command(sandbox_app)
    app.command(demo)


@sandbox_app.command
def serve(
    *,
    company: str | None = None,
    changes: Annotated[tuple[str, ...], Parameter(help="ORG/REPO=FILE.csv; may be given several times.")] = (),
    iam: Path | None = None,
    now: str | None = None,
    directory: Annotated[Path | None, Parameter(name="--dir")] = None,
) -> None:
    """Serve the simulated sources until interrupted; prints one JSON line with everything needed to use them.

    Parameters
    ----------
    company
        `demo`, or a folder in the documented format. Left out: a minimal company around what else is given.
    iam
        The answer of `aws iam get-account-authorization-details` of an account, to be served as it is.
    now
        The clock stands at this instant until it is moved with PUT {faults}/clock.
    directory
        Where program.yaml and the registers are written; a temporary folder by default.
    """
    from sandbox.serve import serve as serve_sources

    instant = None if now is None else instant_argument(now, "--now")
    serve_sources(company, list(changes), iam, instant, directory=directory)


def demo(*, directory: Annotated[Path, Parameter(name="--dir")] = Path("demo")) -> int:
    """Six months of a simulated company, end to end: collected, tested, judged and published.

    Everything but the company is real: the wire protocols, the flows, the store and its signatures, the verdict.

    Parameters
    ----------
    directory
        Where the programme, the store and the page are left.
    """
    from cli.demonstration import demonstrate

    return demonstrate(directory)
