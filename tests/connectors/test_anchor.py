"""Anchoring: what is sent, that it went, and that failing to send is never silent."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.anchor import Mail, Webhook, anchor_head
from connectors.store import Store
from connectors.store.verify import verify_store
from evidence.anchors import anchoring_of
from evidence.ledger import canonical, digest, verify_signature
from schemas.errors import ConfigurationError, RetriableError
from tests.fakes.stores import SettableClock, simulated_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    held = simulated_store(tmp_path / "store", SettableClock(datetime(2026, 5, 2, 6, tzinfo=UTC)))
    held.append("record", {"n": 1})
    return held


@dataclass
class Receiver:
    """A web server that answers with the statuses given, then 200."""

    statuses: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    held = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            held.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(held.statuses.pop(0) if held.statuses else 200)
            self.send_header("X-Request-Token", "secret")
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(b'{"receipt":"r-1","token":"abc"}')

        def do_GET(self) -> None:
            held.bodies.append(b"redirected")
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    held.url = f"http://127.0.0.1:{server.server_port}/hooks/T0-SECRET"
    yield held
    server.shutdown()
    server.server_close()
    thread.join()


def no_sleep(_: float) -> None:
    return


class TestWebhook:
    """By webhook."""

    def test_the_head_is_sent_signed_and_recorded(self, store: Store, receiver: Receiver) -> None:
        head = store.head()
        entry = anchor_head(store, Webhook(receiver.url), sleep=no_sleep)
        (body,) = receiver.bodies
        sent = orjson.loads(body)
        signature = sent.pop("signature")
        assert verify_signature(store.signer.public_key, signature, canonical(sent))
        assert (sent["head_seq"], sent["head_digest"], sent["entries"]) == (2, head.digest, 2)
        assert (sent["store_id"], sent["simulated"]) == (store.store_id, True)
        assert entry["kind"] == "anchor"
        recorded = entry["body"]
        assert (recorded["head_seq"], recorded["head_digest"], recorded["via"]) == (2, head.digest, "webhook")
        assert recorded["receipt"]["status"] == 200
        assert orjson.loads(recorded["receipt"]["body"]) == {"receipt": "r-1"}
        assert recorded["receipt"]["message_sha256"] == digest(body)
        assert b"SECRET" not in canonical(entry)
        assert b"secret" not in canonical(entry)
        report = verify_store(store.location, expect_head=sent["head_digest"])
        assert report.ok
        assert report.unanchored_days == 0

    def test_it_is_tried_again_a_bounded_number_of_times(self, store: Store, receiver: Receiver) -> None:
        receiver.statuses = [503, 429]
        waited: list[float] = []
        anchor_head(store, Webhook(receiver.url), sleep=waited.append)
        assert waited == [1.0, 4.0]
        assert len(receiver.bodies) == 3
        assert len(set(receiver.bodies)) == 1

    def test_failing_for_good_is_an_error_and_no_entry(self, store: Store, receiver: Receiver) -> None:
        receiver.statuses = [500] * 9
        with pytest.raises(RetriableError, match=r"could not be anchored at http://127\.0\.0\.1:\d+ in 3 attempts"):
            anchor_head(store, Webhook(receiver.url), attempts=3, sleep=no_sleep)
        assert len(receiver.bodies) == 3
        assert store.head().seq == 2

    def test_nobody_there(self, store: Store) -> None:
        with pytest.raises(RetriableError, match="could not be reached"):
            anchor_head(store, Webhook("http://127.0.0.1:1/x"), attempts=2, sleep=no_sleep)

    @pytest.mark.parametrize("status", [400, 401, 404, 301, 302, 307])
    def test_a_refusal_or_a_redirect_is_not_delivered(self, store: Store, receiver: Receiver, status: int) -> None:
        receiver.statuses = [status]
        with pytest.raises(ConfigurationError, match=f"status {status}"):
            anchor_head(store, Webhook(receiver.url), sleep=no_sleep)
        assert len(receiver.bodies) == 1
        assert store.head().seq == 2

    @pytest.mark.parametrize("url", ["http://hooks.example.com/x", "ftp://x", "file:///etc/passwd", "x"])
    def test_only_https_leaves_this_machine(self, store: Store, url: str) -> None:
        with pytest.raises(ConfigurationError, match="https"):
            anchor_head(store, Webhook(url), sleep=no_sleep)

    def test_the_address_is_not_shown(self) -> None:
        hook = Webhook("https://hooks.example.com/services/T0/SECRET")
        assert "SECRET" not in repr(hook)
        assert hook.shown == "https://hooks.example.com"


class _Smtp(socketserver.StreamRequestHandler):
    """As much of a mail server as one message needs; answers by the server's `codes`."""

    def handle(self) -> None:
        server: Any = self.server
        self.reply("220 ready")
        while line := self.rfile.readline().decode().strip():
            verb = line.partition(" ")[0].upper()
            if verb in ("EHLO", "HELO"):
                self.reply("250 test")
            elif verb in ("MAIL", "RCPT"):
                server.commands.append(line)
                self.reply(server.codes.get(verb, "250 ok"))
            elif verb == "DATA":
                self.reply("354 go on")
                data = b""
                while not data.endswith(b"\r\n.\r\n"):
                    data += self.rfile.readline()
                server.messages.append(data[:-3])
                self.reply(server.codes.get("DATA", "250 2.0.0 Ok: queued as 4XyZ"))
            elif verb == "QUIT":
                self.reply("221 bye")
                return
            else:
                self.reply("500 what")

    def reply(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


@pytest.fixture
def mail_server() -> Iterator[Any]:
    server: Any = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Smtp)
    server.codes, server.commands, server.messages = {}, [], []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def mail_to(server: Any) -> Mail:
    return Mail(
        to="auditor@example.com", sender="evidence@acme.example", host="127.0.0.1", port=server.server_address[1],
        encryption="none",
    )  # fmt: skip


class TestMail:
    """By mail, such as to the auditor."""

    def test_the_message_says_what_it_is_and_how_to_check(self, store: Store, mail_server: Any) -> None:
        head = store.head()
        entry = anchor_head(store, mail_to(mail_server), sleep=no_sleep)
        (data,) = mail_server.messages
        mail = message_from_bytes(data)
        assert mail["To"] == "auditor@example.com"
        text, attachment = mail.get_payload()
        assert f"evidence verify STORE --expect-head {head.digest}" in text.get_payload(decode=True).decode()
        sent = orjson.loads(attachment.get_payload(decode=True))
        signature = sent.pop("signature")
        assert verify_signature(store.signer.public_key, signature, canonical(sent))
        receipt = entry["body"]["receipt"]
        assert (receipt["code"], receipt["answer"]) == (250, "2.0.0 Ok: queued as 4XyZ")
        assert receipt["message_id"] == mail["Message-ID"]
        assert (entry["body"]["via"], entry["body"]["to"]) == ("mail", "auditor@example.com")

    @pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
    def test_each_refusal_is_seen(self, store: Store, mail_server: Any, stage: str) -> None:
        mail_server.codes = {stage: "451 later"}
        with pytest.raises(RetriableError, match=r"refused .* for now"):
            anchor_head(store, mail_to(mail_server), attempts=2, sleep=no_sleep)
        mail_server.codes = {stage: "550 never"}
        with pytest.raises(ConfigurationError, match=r"refused .* for good"):
            anchor_head(store, mail_to(mail_server), sleep=no_sleep)
        assert store.head().seq == 2

    def test_no_server(self, store: Store) -> None:
        mail = Mail(to="a@x.example", sender="b@x.example", host="127.0.0.1", port=1)
        with pytest.raises(RetriableError, match=r"Mail through 127\.0\.0\.1 failed"):
            anchor_head(store, mail, attempts=1, sleep=no_sleep)
        with pytest.raises(ConfigurationError, match="encryption 'ssl' is not known"):
            anchor_head(store, Mail("a", "b", "c", encryption="ssl"), sleep=no_sleep)

    def test_the_password_is_not_shown(self) -> None:
        assert "hunter2" not in repr(Mail("a", "b", "c", user="u", password="hunter2"))


def test_days_are_counted_from_the_last_anchored_entry() -> None:
    def entry(seq: int, kind: str, day: int, **body: Any) -> dict[str, Any]:
        return {"seq": seq, "kind": kind, "recorded_at": f"2026-05-{day:02d}T00:00:00.000000Z", "body": body}

    anchor = {"head_digest": "sha256:x", "sent_at": "t", "via": "mail", "to": "a"}
    entries = [entry(1, "store", 1), entry(2, "collection", 5)]
    assert anchoring_of([]).unanchored_days() == 0
    assert anchoring_of(entries).unanchored_days() == 4
    entries.append(entry(3, "anchor", 6, head_seq=1, **anchor))  # an older head than the last: entry 2 is still open
    assert anchoring_of(entries).unanchored_days() == 4
    entries.append(entry(4, "anchor", 7, head_seq=3, **anchor))
    assert anchoring_of(entries).unanchored_days() == 0
    entries.append(entry(5, "collection", 9))
    assert anchoring_of(entries).unanchored_days() == 3
