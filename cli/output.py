"""How answers reach the terminal: JSON alone on standard output when asked for, tables for people otherwise."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any


def print_json(document: Any) -> None:
    """One JSON document and a line feed on standard output."""
    import orjson

    sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE))
    sys.stdout.flush()


def say(text: str) -> None:
    """A message for the person at the terminal, on standard error, so that pipes stay clean."""
    print(printable(text), file=sys.stderr)


def command_name() -> str:
    """How to call this command again: its name where the shell finds it, else the path by which it was called."""
    called = Path(sys.argv[0])
    found = shutil.which("evidence")
    if called.name != "evidence" or (found is not None and Path(found).resolve() == called.resolve()):
        return "evidence"
    return os.path.relpath(called)


def printable(text: str) -> str:
    """Text from sources with control characters made visible: a repository's name must not drive the terminal."""
    return "".join(
        char if char.isprintable() or char in "\n\t" else char.encode("unicode_escape").decode() for char in text
    )
