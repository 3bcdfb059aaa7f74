"""A Prefect server for the length of one command, where none is set up.

Prefect starts an ephemeral server by itself, but loads the whole server into the flow's own process to do so: 80 MB and
a second that have no business there. Here it is a process of its own, started while the command still reads its files.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from pathlib import Path
from typing import IO

from schemas.errors import ConfigurationError

_PATIENCE_SECONDS = 120
"""An idle machine needs 5 s, a busy one that makes the database for the first time up to 60."""

IDLE_SERVICES = {
    f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "false"
    for name in (
        "SCHEDULER", "LATE_RUNS", "FOREMAN", "PAUSE_EXPIRATIONS", "CANCELLATION_CLEANUP", "REPOSSESSOR", "TRIGGERS",
        "EVENT_PERSISTER", "EVENT_LOGGER", "TASK_RUN_RECORDER",
    )
}  # fmt: skip
"""What a server does for schedules, workers, automations and the history of events. One that ends with its command has
none of them, and they take a seventh of the time of a flow run."""


@contextlib.contextmanager
def local_server() -> Generator[Callable[[], None]]:
    """Flows run inside this block talk to the configured Prefect server, or to one that lives as long as the block.

    Enter it before Prefect is imported, and call what it gives before the first flow: that waits until the server
    answers. The server listens on loopback and keeps its database where Prefect does (`PREFECT_HOME`), so that runs of
    flows can be looked at later.
    """
    if os.environ.get("PREFECT_API_URL"):
        yield lambda: None
        return
    with tempfile.TemporaryFile() as log:
        port = _free_port()
        process = subprocess.Popen(  # noqa: S603 - this interpreter, fixed arguments
            # -P: a file of the folder the user stands in must not be imported in place of a module.
            [
                sys.executable, "-P", "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port),
                "--no-ui",
            ],
            env={**IDLE_SERVICES, **os.environ, "PREFECT_LOGGING_SERVER_LEVEL": "ERROR"},
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, preexec_fn=_end_with_parent,
        )  # fmt: skip
        os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
        os.environ.setdefault("PREFECT_LOGGING_TO_API_ENABLED", "false")  # the terminal has them; that server ends
        try:
            yield lambda: _wait_until_healthy(process, port, log)
        finally:
            del os.environ["PREFECT_API_URL"]
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)


def _end_with_parent() -> None:
    """If this command is killed outright, the server must not be left behind."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)
    os.setpgid(0, 0)  # Ctrl-C is for the command, which ends the server once its flows have stopped


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_healthy(process: subprocess.Popen[bytes], port: int, log: IO[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass  # not yet
        time.sleep(0.1)
    log.seek(0)
    last = log.read()[-600:].decode(errors="replace").strip()
    home = os.environ.get("PREFECT_HOME", str(Path("~/.prefect").expanduser()))
    raise ConfigurationError(
        f"Prefect's local server did not start. Free the disk or set PREFECT_HOME to another folder than {home}, or "
        f"point PREFECT_API_URL at a server of your own. The end of its log: {last or 'empty'}"
    )
