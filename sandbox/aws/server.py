"""The simulated AWS on loopback: one port for all services, in this process.

In this process, because a demonstration starts it and moves its clock a hundred times: a child process would cost a
second interpreter, and its state would have to be replayed over the network. moto is asked directly, without its own
web server.

Faults (`source: aws`, operation `service:Operation`) and what they look like here:

| kind | answer |
|---|---|
| `forbidden` | AccessDenied, in the words and with the code of the service |
| `unauthorized` | ExpiredToken; `code` for another, such as InvalidClientTokenId |
| `rate_limited`, `secondary_limit` | Throttling, RequestLimitExceeded (EC2), TooManyRequestsException (Organizations) |
| `server_error` | InternalFailure with status 500 or `status`; `code: html` a web page of a gateway |
| `error`, `not_found` | `code` and `status` as given |
| `truncated_page` | loses `items` without a sign; `field: Marker` loses only the marker, IsTruncated is true |
| `empty_page` | no items, IsTruncated true, a marker that goes on at the same place; `field: Marker` without it |
| `lying_last_page` | says that it is the last one; a page that really is loses `items` |
| `shifting_list` | begins `items` too early, as if something had been put in before: items come twice |
| `truncated_body` | half of the text (`bytes`: so much) in a whole message; `code: connection` breaks the connection |
| `slow_body`, `connection_reset`, `latency`, `wrong_date` | as they say |
"""

from __future__ import annotations

import socket
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol, cast

from sandbox.aws.company import Account, AwsCompany, Reader, load_company
from sandbox.aws.iam_document import IamDocument
from sandbox.aws.identities import Identities, Principal
from sandbox.aws.operations import Operations, access_denied
from sandbox.aws.paging import PAGE_FAULTS
from sandbox.aws.trail import TrailDelivery
from sandbox.aws.wire import Call, WireAnswer, WireError, error_answer, html_error, parse_call
from sandbox.aws.world import World
from sandbox.clock import SimulatedClock
from sandbox.faults import Fault, Source
from schemas.errors import ConfigurationError


class Faults(Protocol):
    """What the server asks before it answers; `sandbox.faults.FaultPlan` is one."""

    def take(self, source: Source, operation: str, path: str) -> Fault | None: ...

    def conditions(self, source: Source, operation: str, path: str) -> list[Fault]: ...


class RunningServer:
    """A simulated AWS that answers until `close`."""

    def __init__(self, state: _State, port: int) -> None:
        self._state = state
        self._server = _Server(("127.0.0.1", port), state)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="simulated AWS", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Base URL for every service, as for `AWS_ENDPOINT_URL`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def requests(self) -> int:
        """Requests received so far, of all services."""
        return sum(self._state.counted.values())

    @property
    def requests_by_operation(self) -> Mapping[str, int]:
        """The same by `service:Operation`."""
        return dict(self._state.counted)

    @property
    def environment(self) -> Mapping[str, str]:
        """What boto3 needs to come here with the credentials of the company's reader."""
        credentials = self._state.operations.identities.handed_out
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
            "AWS_SESSION_TOKEN": credentials.session_token,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @property
    def delivered(self) -> TrailDelivery:
        """What CloudTrail delivered, for a test to lay hands on."""
        delivery = self._state.world.delivery
        assert delivery is not None, "the company has a trail"
        return delivery

    @property
    def accounts(self) -> Sequence[Account]:
        """Accounts of the company, whether or not they exist at the clock's instant."""
        return self._state.world.company.accounts

    def close(self) -> None:
        """Stop answering and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def start(
    company_dir: Path | None,
    clock: SimulatedClock,
    faults: Faults,
    *,
    iam_file: Path | None = None,
    accounts: Sequence[str] | None = None,
    port: int = 0,
) -> RunningServer:
    """Serve the AWS side of a company on loopback.

    `company_dir` holds `aws.yaml`. `iam_file` is the answer of `get-account-authorization-details` of one account,
    which joins the company's accounts (or stands alone without a company); the reader may assume `evidence-reader`
    there. `accounts` limits the company to those ids. Raises ConfigurationError for a file that is not in order.
    """
    company = None if company_dir is None else load_company(company_dir)
    document = None if iam_file is None else IamDocument(iam_file)
    if company is not None and accounts is not None:
        kept = [account for account in company.accounts if account.id in accounts]
        events = [event for event in company.events if event.account in accounts]
        records = [record for record in company.records if record.account in accounts]
        reader = company.reader if company.reader.account in accounts else Reader(account=kept[0].id if kept else "")
        company = company.model_copy(update={"accounts": kept, "events": events, "records": records, "reader": reader})
    if document is not None:
        added = Account(
            id=document.account_id, name=f"account {document.account_id}", created=document.created,
            email=f"{document.account_id}@accounts.example", in_organisation=False,
        )  # fmt: skip
        if company is None:
            company = AwsCompany(reader=Reader(account=added.id), accounts=[added])
        elif any(account.id == added.id for account in company.accounts):
            raise ConfigurationError(f"the company has an account {added.id} already, and so has {document.account_id}")
        else:
            company = company.model_copy(update={"accounts": [*company.accounts, added]})
    if company is None or not company.accounts:
        raise ConfigurationError("There is no AWS to simulate: give a company with an aws.yaml, or an IAM document.")
    documents = {} if document is None else {document.account_id: document}
    world = World(company, clock, documents=documents)
    return RunningServer(_State(world, clock, faults), port)


class _State:
    def __init__(self, world: World, clock: SimulatedClock, faults: Faults) -> None:
        self.world = world
        self.clock = clock
        self.faults = faults
        self.operations = Operations(world, Identities(world.company.reader))
        self.counted: Counter[str] = Counter()
        self.lock = threading.Lock()

    def answer(self, call: Call, fault: Fault | None) -> WireAnswer:
        with self.lock:
            self.world.sync()
            try:
                principal = self.operations.identities.authenticate(call, self.world.now)
                if fault is not None and fault.kind not in PAGE_FAULTS:
                    _raise_fault(call, principal, fault)
                page_fault = fault if fault is not None and fault.kind in PAGE_FAULTS else None
                return self.operations.answer(call, principal, page_fault)
            except WireError as error:
                return error_answer(call, error)


def _raise_fault(call: Call, principal: Principal, fault: Fault) -> None:
    """Turn a fault that is an answer into that answer; others concern the connection and pass."""
    json = call.protocol == "json"
    if fault.kind == "forbidden":
        denied = access_denied(call, principal)
        raise WireError(fault.status or denied.status, fault.code or denied.code, fault.message or denied.message)
    if fault.kind == "unauthorized":
        code = fault.code or ("ExpiredTokenException" if json else "ExpiredToken")
        message = fault.message or "The security token included in the request is expired"
        raise WireError(fault.status or 403, code, message)
    if fault.kind in ("rate_limited", "secondary_limit"):
        usual = {
            "ec2": (503, "RequestLimitExceeded"), "organizations": (400, "TooManyRequestsException"),
            "s3": (503, "SlowDown"),
        }  # fmt: skip
        status, code = usual.get(call.service, (400, "Throttling"))
        raise WireError(fault.status or status, fault.code or code, fault.message or "Rate exceeded")
    if fault.kind == "not_found":
        raise WireError(404, fault.code or "NoSuchEntity", fault.message or "The entity cannot be found.")
    if fault.kind == "server_error":
        raise WireError(
            fault.status or 500, fault.code or "InternalFailure", fault.message or "An internal error occurred."
        )
    if fault.kind == "error":
        raise WireError(fault.status or 400, fault.code or "ValidationError", fault.message or "The request is wrong.")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], state: _State) -> None:
        self.state = state
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up (and resets on purpose) are no news; anything else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "Server"
    sys_version = ""
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: requests are counted, not printed."""

    def _serve(self) -> None:
        state = cast("_Server", self.server).state
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        call = parse_call(self.command, self.path, self.headers, body)
        state.counted[call.operation] += 1
        skew = 0.0
        for condition in state.faults.conditions("aws", call.operation, self.path):
            skew += condition.seconds if condition.kind == "wrong_date" else 0
            time.sleep(condition.ms / 1000 if condition.kind == "latency" else 0)
        fault = state.faults.take("aws", call.operation, self.path)
        if fault is not None and fault.kind == "connection_reset":
            self._reset()
            return
        if fault is not None and fault.kind == "server_error" and fault.code == "html":
            answer = html_error(fault.status or 500)
        else:
            answer = state.answer(call, fault)
        self._send(answer, fault, state.clock.now() + timedelta(seconds=skew))

    def _send(self, answer: WireAnswer, fault: Fault | None, date: datetime) -> None:
        body, length = answer.body, len(answer.body)
        if fault is not None and fault.kind == "truncated_body":
            body = body[: len(body) // 2 if fault.bytes is None else fault.bytes]
            # As a rule the message is whole and its text is cut; with code `connection` the connection breaks off.
            length = length if fault.code == "connection" else len(body)
        self.send_response_only(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(length))
        self.send_header("Date", format_datetime(date, usegmt=True))
        self.send_header("x-amzn-RequestId", answer.request_id)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if fault is not None and fault.retry_after is not None:
            self.send_header("Retry-After", str(fault.retry_after))
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault is not None and fault.kind == "slow_body":
            half = len(body) // 2
            self.wfile.write(body[:half])
            self.wfile.flush()
            time.sleep(fault.ms / 1000)
            body = body[half:]
        self.wfile.write(body)
        if length > len(body) and fault is not None and fault.kind == "truncated_body":
            self.close_connection = True

    def _reset(self) -> None:
        """Hang up without a word, the way a broken middle box does."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()
