"""Receives webhooks of the organisation: checks each signature, writes the delivery, answers.

GitHub counts a delivery as failed after ten seconds or an answer other than 2xx, so the answer comes after the file is
durable and says nothing but that.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from connectors.github.deliveries import AUDITED, Archive, delivery_of, signed
from schemas.errors import StoreError

LARGEST = 25 * 1024 * 1024
"""Bytes; GitHub sends no more."""
LOG = logging.getLogger("evidence.receiver")


class Receiver(ThreadingHTTPServer):
    """An HTTP server for one secret and one archive. Put TLS in front of it: GitHub sends to https."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], archive: Archive, secret: bytes, now: Callable[[], datetime]) -> None:
        if len(secret) < 16:
            raise ValueError("the secret of the webhook is too short; make one of 16 characters at least")
        super().__init__(address, _Handler)
        self.archive, self.secret, self.now = archive, secret, now

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """The status for a request; `headers` in lower case. What is not signed rightly leaves no trace."""
        if not signed(self.secret, body, headers.get("x-hub-signature-256", "")):
            LOG.warning("a delivery with a wrong signature was refused")
            return 401
        try:
            delivery = delivery_of(headers, body, self.now())
            body.decode()
        except ValueError:
            return 400
        if delivery.event not in AUDITED:
            return 202
        try:
            fresh = self.archive.keep(delivery)
        except StoreError as error:
            LOG.warning("delivery %s could not be written: %s", delivery.guid, error)
            return 503  # GitHub lists it as failed, and it can be sent again
        return 201 if fresh else 200


class _Handler(BaseHTTPRequestHandler):
    server_version = "evidence"
    sys_version = ""
    timeout = 10

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LARGEST:
            self._answer(413 if length.isdigit() else 411)
            return
        body = self.rfile.read(int(length))
        receiver = self.server
        assert isinstance(receiver, Receiver)
        self._answer(receiver.take({name.lower(): value for name, value in self.headers.items()}, body))

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        LOG.debug(format, *args)
