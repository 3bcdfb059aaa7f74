"""What a source changed without saying: found where the code that reads its answers stumbles.

Connectors check what they know may be missing. For everything else this is the net: a field that is gone or of another
type ends the item it was about, by name, and not the run over all the others.
"""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from schemas.errors import SchemaDrift
from schemas.extraction import Extractor

_STUMBLES = (KeyError, IndexError, AttributeError, TypeError, ValueError)
_HERE = f"{Path(__file__).parent}/"

P = ParamSpec("P")
R = TypeVar("R")


def noticing_drift(function: Callable[P, R], source: str) -> Callable[P, R]:
    """The function, which raises SchemaDrift where it stumbles over an answer of `source`."""

    @functools.wraps(function)
    def noticing(*arguments: P.args, **named: P.kwargs) -> R:
        try:
            return function(*arguments, **named)
        except _STUMBLES as error:
            raise _drift(source, error) from error

    return noticing


@functools.cache
def guarded(extractor: Extractor, source: str) -> Extractor:
    """The same for an extractor; one and the same each time, so that passes can be told apart by it."""
    return noticing_drift(extractor, source)


def _drift(source: str, error: Exception) -> SchemaDrift:
    # The text of the error may hold anything of the answer; the name of a missing field is none of its content.
    missing = f", without {error.args[0]!r}" if isinstance(error, KeyError) and _is_name(error.args[:1]) else ""
    return SchemaDrift(
        f"An answer of {source} is not what this version expects ({type(error).__name__}{missing}, {_place(error)}). "
        "Nothing of it was kept; the connector must be looked at."
    )


def _is_name(arguments: tuple[object, ...]) -> bool:
    return bool(arguments) and isinstance(arguments[0], str) and arguments[0].isidentifier()


def _place(error: Exception) -> str:
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename.startswith(_HERE) and frame.filename != __file__
    ]
    if not frames:
        return "outside the connectors"
    return f"connectors/{frames[-1].filename.removeprefix(_HERE)} line {frames[-1].lineno}"
