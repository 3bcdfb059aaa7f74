"""What on-call hears of a run that came to nothing, and what a run says when on-call could not be told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from prefect import flow

from connectors.github.session import APP_VARIABLES
from connectors.notify import channels
from evidence.alert import Alert
from flows.change_management import change_management
from flows.completeness import completeness
from flows.family import CollectionFailedError
from schemas.errors import ConfigurationError, RetriableError, StoreError
from tasks.alerting import send_alerts

NOW = datetime(2026, 7, 10, 6, tzinfo=UTC)

# Nothing listens on port 1 of this machine, so every request fails at once.
PROGRAMME = """\
organisation: Acme, Inc.
timezone: UTC
observation_period: {start: 2026-07-01, end: 2026-09-30}
scope:
  github: {organisation: acme, api_url: "http://127.0.0.1:1", repositories: [api], production_branches: [main]}
alerts: [{slack: {webhook_env: ON_CALL_WEBHOOK}}]
"""

pytestmark = pytest.mark.usefixtures("prefect_api")


class Receiver(ThreadingHTTPServer):
    """A Slack-compatible incoming webhook on loopback."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.texts: list[str] = []
        self.answer = 200


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.texts.append(body["text"])
        self.send_response(self.server.answer)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test output clean."""


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("ON_CALL_WEBHOOK", f"http://127.0.0.1:{server.server_port}/hook")
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EVIDENCE_SIGNING_KEY_FILE", str(tmp_path / "signing-key.pem"))
    for name in ("GITHUB_TOKEN", *APP_VARIABLES):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "program.yaml"
    path.write_text(PROGRAMME, encoding="utf-8")
    return path


def _run(program: Path, window: str | None = None) -> None:
    change_management(str(program), window=window, simulated_now=NOW, retries=0)


def test_missing_credentials_are_told_although_nothing_was_tried(program: Path, receiver: Receiver) -> None:
    with pytest.raises(CollectionFailedError, match="No GitHub credentials"):
        _run(program)
    [text] = receiver.texts
    assert "No GitHub credentials: set GITHUB_TOKEN" in text
    assert "CC8-CHG-01" in text, "the repository is not known yet, and is what stays without proof"
    assert f"--program {program} --missing" in text


def test_a_programme_that_was_changed_and_not_recorded_is_told(program: Path, receiver: Receiver) -> None:
    with pytest.raises(CollectionFailedError):
        _run(program)
    receiver.texts.clear()
    program.write_text(PROGRAMME.replace("Acme, Inc.", "Acme Corporation"), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="programme record"):
        _run(program)
    [text] = receiver.texts
    assert "Evidence flow stopped: change_management, ConfigurationError" in text
    assert "evidence programme record" in text


def test_a_window_outside_the_period_is_refused_and_pages_nobody(program: Path, receiver: Receiver) -> None:
    with pytest.raises(ConfigurationError, match="2026-06 lies outside the observation period 2026-07-01 to"):
        _run(program, "2026-06")
    with pytest.raises(ConfigurationError, match="2026-08 has not begun"):
        _run(program, "2026-08")
    assert receiver.texts == []


def test_a_run_that_could_not_tell_on_call_says_so_beside_its_own_failure(program: Path, receiver: Receiver) -> None:
    receiver.answer = 500
    with pytest.raises(CollectionFailedError, match=r"No GitHub credentials.*On-call was not told.*slack"):
        _run(program)


def test_a_channel_whose_secret_is_gone_turns_the_daily_run_red(
    program: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CollectionFailedError):
        _run(program)
    assert "verdict" in completeness(str(program), simulated_now=NOW)  # type: ignore[operator]
    monkeypatch.delenv("ON_CALL_WEBHOOK")
    with pytest.raises(ConfigurationError, match="ON_CALL_WEBHOOK is not set"):
        completeness(str(program), simulated_now=NOW, retries=0)


def test_completeness_begins_no_store_and_tells_that_there_is_none(program: Path, receiver: Receiver) -> None:
    with pytest.raises(StoreError, match="There is no evidence store"):
        completeness(str(program), simulated_now=NOW, retries=0)
    assert not (program.parent / "evidence-store").exists()
    [text] = receiver.texts
    assert "Evidence flow stopped: completeness, StoreError" in text


def test_a_channel_that_took_the_message_gets_it_once_however_long_another_is_down(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    down = Receiver()
    down.server_close()
    monkeypatch.setattr("tasks.alerting._DELAYS", [0.0, 0.0, 0.0])
    found = channels(
        [{"slack": {"webhook_env": "UP"}}, {"slack": {"webhook_env": "DOWN"}}],
        {"UP": f"http://127.0.0.1:{receiver.server_port}/x", "DOWN": f"http://127.0.0.1:{down.server_port}/x"},
    )
    alert = Alert("key", "error", "one message", "what to run")

    @flow
    def sending() -> None:
        send_alerts(found, [alert], 2)

    with pytest.raises(RetriableError, match="not delivered by: slack"):
        sending()
    assert receiver.texts == ["one message\n\nwhat to run"]
