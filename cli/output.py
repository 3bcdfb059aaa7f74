"""How answers reach the terminal: JSON alone on standard output when asked for, tables for people otherwise."""

from __future__ import annotations

import sys
from typing import Any


def print_json(document: Any) -> None:
    """One JSON document and a line feed on standard output."""
    import orjson

    sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE))
    sys.stdout.flush()


def say(text: str) -> None:
    """A message for the person at the terminal, on standard error, so that pipes stay clean."""
    print(printable(text), file=sys.stderr)


def printable(text: str) -> str:
    """Text from sources with control characters made visible: a repository's name must not drive the terminal."""
    return "".join(
        char if char.isprintable() or char in "\n\t" else char.encode("unicode_escape").decode() for char in text
    )
