"""A real Prefect server on a real PostgreSQL, started once for the tests that concern deployment."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _postgres_bin() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def _until(condition: str, seconds: float, attempt: object) -> None:
    """Call `attempt` until it is true; a start-up is waited for, never slept through blindly."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if attempt():  # type: ignore[operator]
            return
        time.sleep(0.1)
    pytest.fail(f"{condition} did not happen within {seconds:.0f} s")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of an empty database `prefect` on a private PostgreSQL cluster."""
    binaries = _postgres_bin()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed (initdb not found): tests/run installs it where it may")
    # PostgreSQL refuses to run as root: use the account its package made, else the unprivileged one.
    account = next((a for a in pwd.getpwall() if a.pw_name == "postgres"), None) or pwd.getpwnam("nobody")
    as_user: dict[str, object] = (
        {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    )
    folder = Path(tempfile.mkdtemp(prefix="evidence-pg-"))
    if as_user:
        os.chown(folder, account.pw_uid, account.pw_gid)
    port = _free_port()
    common = {"cwd": folder, "env": {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(folder)}, **as_user}
    data = folder / "data"
    subprocess.run(
        [binaries / "initdb", "-D", data, "-A", "trust", "-U", "prefect", "--no-sync"],
        check=True, capture_output=True, **common,
    )  # fmt: skip
    server = subprocess.Popen(
        [
            binaries / "postgres", "-D", data, "-p", str(port), "-c", "listen_addresses=127.0.0.1",
            "-c", f"unix_socket_directories={folder}", "-c", "fsync=off",
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **common,
    )  # fmt: skip

    def made() -> bool:
        command = [binaries / "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "prefect", "prefect"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    _until("PostgreSQL starting", 60, made)
    yield f"postgresql+asyncpg://prefect@127.0.0.1:{port}/prefect"
    server.terminate()
    server.wait(30)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def prefect_server(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Environment for clients of a Prefect server: PREFECT_API_URL and a home of its own."""
    home = tmp_path_factory.mktemp("prefect-home")
    port = _free_port()
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")},
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": postgres,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # Schedules are looked at and never waited for: one whose hour came while the tests run would write with the
        # real clock into their simulated stores.
        "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    log = home / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)],
            env=environment, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def healthy() -> bool:
        if server.poll() is not None:
            pytest.fail(f"the Prefect server ended: {log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    _until("the Prefect server starting", 120, healthy)
    yield {**environment, "PREFECT_API_URL": f"http://127.0.0.1:{port}/api"}
    server.terminate()
    server.wait(30)
