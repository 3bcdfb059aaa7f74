"""Delivery of alerts: a real HTTP receiver and a real SMTP conversation on loopback."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from connectors.notify import channels, send
from schemas.errors import ConfigurationError, RetriableError


class Receiver(ThreadingHTTPServer):
    answer = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/services/T000/B000/x"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append(json.loads(body))
        self.send_response(self.server.answer)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test output clean."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


class _Smtp(socketserver.StreamRequestHandler):
    received: ClassVar[list[bytes]] = []

    def handle(self) -> None:
        self.wfile.write(b"220 test\r\n")
        in_data = False
        for line in self.rfile:
            if in_data:
                self.received.append(line)
                if line == b".\r\n":
                    in_data = False
                    self.wfile.write(b"250 ok\r\n")
                continue
            verb = line[:4].upper()
            if verb == b"DATA":
                in_data = True
                self.wfile.write(b"354 go on\r\n")
            elif verb == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"250 ok\r\n")


def test_a_slack_webhook_gets_one_escaped_text(receiver: Receiver) -> None:
    found = channels([{"slack": {"webhook_env": "HOOK"}}], {"HOOK": receiver.url})
    assert send(found, "Evidence not collected", "repository <!channel> & friends") == ["slack"]
    assert receiver.bodies == [{"text": "Evidence not collected\n\nrepository &lt;!channel&gt; &amp; friends"}]


def test_mail_is_sent_by_smtp() -> None:
    _Smtp.received.clear()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Smtp) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"mailto://127.0.0.1:{server.server_address[1]}/?from=evidence@example.com&to=oncall@example.com&mode=insecure"
        assert send(channels([{"mail": {"url_env": "MAIL"}}], {"MAIL": address}), "Subject line", "what to run") == [
            "mail"
        ]
        server.shutdown()
    text = b"".join(_Smtp.received)
    assert b"Subject line" in text
    assert b"what to run" in text or b"d2hhdCB0byBydW4" in text  # plain, or its base64


def test_every_channel_is_tried_and_the_failing_ones_are_named(receiver: Receiver) -> None:
    bad, good = Receiver(), receiver
    bad.server_close()  # nobody listens there any more
    found = channels([{"webhook": {"url": bad.url}}, {"slack": {"webhook_env": "HOOK"}}], {"HOOK": good.url})
    with pytest.raises(RetriableError, match="not delivered by: webhook") as caught:
        send(found, "s", "b")
    assert len(good.bodies) == 1
    assert "services/T000" not in str(caught.value), "the address is a secret"


def test_a_refused_message_is_a_failure(receiver: Receiver) -> None:
    receiver.answer = 500
    with pytest.raises(RetriableError):
        send(channels([{"slack": {"webhook_env": "HOOK"}}], {"HOOK": receiver.url}), "s", "b")


def test_pagerduty_keeps_one_incident_for_one_cause(receiver: Receiver) -> None:
    receiver.answer = 202
    [channel] = channels([{"pagerduty": {"routing_key_env": "KEY"}}], {"KEY": "R0UT1NG"})
    assert channel.address == "https://events.pagerduty.com/v2/enqueue"
    assert "R0UT1NG" not in repr(channel)
    there = replace(channel, address=receiver.url)
    assert send([there], "s" * 2000, "what to run", severity="critical", dedup_key="evidence/github/x") == ["pagerduty"]
    [event] = receiver.bodies
    assert (event["routing_key"], event["event_action"]) == ("R0UT1NG", "trigger")
    assert event["dedup_key"] == "evidence/github/x"
    assert event["payload"] == {
        "summary": "s" * 1024, "source": "evidence", "severity": "critical", "custom_details": {"text": "what to run"},
    }  # fmt: skip
    receiver.answer = 400
    with pytest.raises(RetriableError, match="not delivered by: pagerduty"):
        send([there], "s", "b")


def test_an_address_that_is_none_is_named_and_the_other_channels_get_the_message(receiver: Receiver) -> None:
    found = channels(
        [{"apprise": {"url_env": "WRONG"}}, {"webhook": {"url": receiver.url}}], {"WRONG": "nonsense://SECRET"}
    )
    with pytest.raises(ConfigurationError, match="can't be used: apprise") as caught:
        send(found, "s", "b")
    assert "SECRET" not in str(caught.value)
    assert len(receiver.bodies) == 1


def test_a_secret_block_is_asked_for_by_its_name() -> None:
    asked: list[str] = []

    def secret_of(name: str) -> str:
        asked.append(name)
        return "https://hooks.example.com/services/SECRET"

    alerts = [{"slack": {"webhook_block": "on-call"}}, {"pagerduty": {"routing_key_block": "pager"}}]
    assert [channel.name for channel in channels(alerts, {}, secret_of)] == ["slack", "pagerduty"]
    assert asked == ["on-call", "pager"]
    with pytest.raises(ConfigurationError, match="on-call"):
        channels(alerts, {})


def test_a_missing_variable_and_an_unknown_kind_are_configuration_errors() -> None:
    with pytest.raises(ConfigurationError, match="HOOK is not set"):
        channels([{"slack": {"webhook_env": "HOOK"}}], {})
    with pytest.raises(ConfigurationError, match="pigeon"):
        channels([{"pigeon": {"loft": "x"}}], {})
    found = channels([{"slack": {"webhook_env": "HOOK"}}], {"HOOK": "https://hooks.example.com/services/SECRET"})
    assert "SECRET" not in repr(found)
