"""A collecting process that is killed outright at a chosen step of its writing, as a power cut would.

Run it in a process made by a fork server that has this module loaded: importing Prefect anew would take seconds.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cli.main import run
from flows import change_management, governance, logical_access  # noqa: F401 - loaded before the fork

_WRITES = frozenset({"os.link", "os.remove", "os.mkdir", "os.rename", "os.rmdir", "os.chmod"})


def collect(arguments: list[str], environment: Mapping[str, str], folder: str, die_at: int, told: str) -> None:
    """Run a command line; die at the `die_at`-th change below `folder`, or write how many there were to `told`."""
    os.environ.update(environment)
    os.environ["PREFECT_LOGGING_LEVEL"] = "CRITICAL"
    count = 0

    def watch(event: str, details: tuple[Any, ...]) -> None:
        nonlocal count
        if not (event in _WRITES or (event == "open" and _writes(details))):
            return
        if not any(isinstance(one, str | bytes | os.PathLike) and _below(one, folder) for one in details[:2]):
            return
        count += 1
        if count == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - for the rest of this process
    code = run(arguments)
    Path(told).write_text(f"{count} {code}", encoding="ascii")


def _writes(details: tuple[Any, ...]) -> bool:
    flags = details[2] if len(details) > 2 and isinstance(details[2], int) else 0
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def _below(path: Any, folder: str) -> bool:
    return os.fsdecode(path).startswith(folder)
