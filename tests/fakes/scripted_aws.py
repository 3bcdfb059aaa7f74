"""An HTTP server that answers AWS calls with whatever a test says: for answers that no well-behaved source gives."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sandbox.aws.wire import parse_call

Scripted = tuple[int, str, Mapping[str, str]]
"""Status, body, header fields (`Date: ""` leaves the date out)."""

IAM = "https://iam.amazonaws.com/doc/2010-05-08/"
STS = "https://sts.amazonaws.com/doc/2011-06-15/"


def xml(action: str, result: str, namespace: str = IAM) -> str:
    return (
        f'<{action}Response xmlns="{namespace}"><{action}Result>{result}</{action}Result>'
        f"<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{action}Response>"
    )


def identity(account: str) -> str:
    arn = f"arn:aws:sts::{account}:assumed-role/collector/here"
    return xml("GetCallerIdentity", f"<Arn>{arn}</Arn><UserId>AROA1:here</UserId><Account>{account}</Account>", STS)


class ScriptedAws:
    """`answers` by `service:Operation`; a list is used up one by one, its last entry stays."""

    def __init__(self, answers: Mapping[str, Any], now: datetime) -> None:
        self.answers = dict(answers)
        self.now = now
        self.asked: list[str] = []
        self.url = ""

    def answer(self, operation: str) -> Scripted:
        self.asked.append(operation)
        entry = self.answers[operation]
        if isinstance(entry, list):
            entry = entry.pop(0) if len(entry) > 1 else entry[0]
        if isinstance(entry, str):
            entry = (200, entry, {})
        return entry


@contextmanager
def scripted_aws(answers: Mapping[str, Any], now: datetime) -> Iterator[ScriptedAws]:
    script = ScriptedAws(answers, now)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            call = parse_call("POST", self.path, self.headers, body)
            status, text, extra = script.answer(call.operation)
            headers = {"Content-Type": "text/xml", "Date": format_datetime(script.now.astimezone(UTC), usegmt=True)}
            self.send_response_only(status)
            content = text.encode()
            for name, value in {**headers, **extra, "Content-Length": str(len(content))}.items():
                if value:
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
