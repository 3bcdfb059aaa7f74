"""Sending: repetition, pacing, budgets, and the quiet conveniences of PyGithub that must stay off.

The server is real HTTP on loopback, answering from a script.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from github import Auth

from connectors.github.calls import Graph, Part, Rest, TooHeavy
from connectors.github.transport import GithubTransport, Limits
from connectors.github.wire import Wire
from schemas.errors import PermissionDenied, RetriableError
from schemas.github import COMMITS

AT = datetime(2026, 5, 2, 6, tzinfo=UTC)
DATE = "Sat, 02 May 2026 06:00:00 GMT"


@dataclass
class Reply:
    status: int = 200
    body: bytes = b"[]"
    headers: dict[str, str] = field(default_factory=dict[str, str])
    cut: bool = False
    """Announce more than is sent, and hang up."""


@dataclass
class Script:
    """A scripted server: `replies` by turn, the last one for ever; `heard` are the requests."""

    url: str = ""
    replies: list[Reply | Callable[[str], Reply]] = field(default_factory=list[Any])
    heard: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list[Any])
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self, path: str) -> Reply:
        with self.lock:
            reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return reply if isinstance(reply, Reply) else reply(path)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: ClassVar[Script]

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        script = self.script
        with script.lock:
            script.heard.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        reply = script.next(self.path)
        headers = {"Date": DATE, "Content-Type": "application/json; charset=utf-8", **reply.headers}
        length = len(reply.body) + (10 if reply.cut else 0)
        lines = [
            f"HTTP/1.1 {reply.status} X",
            *(f"{name}: {text}" for name, text in headers.items()),
            f"Content-Length: {length}",
        ]
        self.wfile.write("\r\n".join(lines).encode() + b"\r\n\r\n" + reply.body)
        if reply.cut:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def script() -> Iterator[Script]:
    made = Script()

    class Scripted(Handler):
        script = made

    server = ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Sending:
    transport: GithubTransport
    slept: list[float]


@pytest.fixture
def sending(script: Script) -> Iterator[Sending]:
    slept: list[float] = []
    auth = Auth.Token("ghp_" + "x" * 36)
    transport = GithubTransport(
        lambda: Wire(auth, script.url), now=lambda: AT, sleep=slept.append, monotonic=lambda: 0.0, limits=Limits()
    )
    yield Sending(transport, slept)
    transport.close()


GET = Rest("/things", "/things", COMMITS, {"ref": "refs/heads/a b", "page": 2})
POST = Graph("Q", (Part("$a: Int!", "viewer { login }", {"a": 1}),), COMMITS)


def good(data: Any = None) -> Reply:
    return Reply(body=json.dumps({"data": {"viewer": data}}).encode())


def test_a_get_carries_its_parameters_version_and_credentials(script: Script, sending: Sending) -> None:
    script.replies = [Reply(body=b'[{"a": "\xc3\xa9"}]')]
    assert sending.transport.send(GET).data == [{"a": "é"}]
    method, path, headers, _ = script.heard[0]
    assert (method, path) == ("GET", "/things?page=2&ref=refs%2Fheads%2Fa+b")
    assert headers["x-github-api-version"] == "2022-11-28"
    assert headers["authorization"].startswith("token ghp_")
    (exchange,) = sending.transport.taken()
    assert exchange.body == b'[{"a": "\xc3\xa9"}]', "the bytes as they came"
    assert exchange.url == f"{script.url}/things?page=2&ref=refs%2Fheads%2Fa+b"
    assert "authorization" not in exchange.headers


def test_a_link_is_followed_on_our_own_host_only(script: Script, sending: Sending) -> None:
    script.replies = [Reply()]
    sending.transport.send(Rest("/things", "https://evil.example/repositories/1/activity?after=abc%3D", COMMITS))
    assert script.heard[0][1] == "/repositories/1/activity?after=abc%3D"


def test_graphql_is_posted_to_its_own_address(script: Script, sending: Sending) -> None:
    script.replies = [good()]
    sending.transport.send(POST)
    method, path, _, body = script.heard[0]
    assert (method, path) == ("POST", "/graphql")
    assert json.loads(body) == {"query": POST.text(), "variables": {"a": 1}}


def test_the_addresses_of_an_enterprise_server() -> None:
    assert Wire(Auth.Token("x"), "https://ghe.example/api/v3").graphql_url == "https://ghe.example/api/graphql"
    assert Wire(Auth.Token("x"), "https://api.acme.ghe.com").graphql_url == "https://api.acme.ghe.com/graphql"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_never_followed(script: Script, sending: Sending, status: int) -> None:
    """PyGithub follows 301 and drops the query: a filtered list would come back unfiltered."""
    script.replies = [Reply(status, b"{}", {"Location": f"{script.url}/repositories/1/activity"}), Reply()]
    with pytest.raises(RetriableError, match="renamed"):
        sending.transport.send(GET)
    assert len(script.heard) == 1


def test_202_is_asked_again_a_bounded_number_of_times(script: Script, sending: Sending) -> None:
    script.replies = [Reply(202, b"")]
    with pytest.raises(RetriableError, match="202"):
        sending.transport.send(GET)
    assert len(script.heard) == 4


@pytest.mark.parametrize("call", [GET, POST], ids=["GET", "POST"])
def test_5xx_is_repeated_with_growing_waits_and_then_given_up(script: Script, sending: Sending, call: Any) -> None:
    """PyGithub would send eleven identical requests without a pause."""
    script.replies = [Reply(502, b"unicorn")]
    with pytest.raises(RetriableError, match="run it again later"):
        sending.transport.send(call)
    assert len(script.heard) == 4
    assert sending.slept == [1, 2, 4]
    assert [exchange.status for exchange in sending.transport.taken()] == [502] * 4


def test_5xx_that_passes_is_forgotten(script: Script, sending: Sending) -> None:
    script.replies = [Reply(500, b""), Reply(503, b""), Reply(body=b"[1]")]
    assert sending.transport.send(GET).data == [1]
    assert sending.transport.requests == 3


def test_a_body_cut_short_is_repeated(script: Script, sending: Sending) -> None:
    script.replies = [Reply(body=b"[1, 2", cut=True), Reply(body=b"[1"), Reply(body=b"\xff\xfe"), Reply(body=b"[1]")]
    assert sending.transport.send(GET).data == [1]
    assert len(script.heard) == 4


def test_a_403_is_not_repeated(script: Script, sending: Sending) -> None:
    script.replies = [Reply(403, b'{"message": "Resource not accessible by integration"}')]
    with pytest.raises(PermissionDenied):
        sending.transport.send(GET)
    assert len(script.heard) == 1
    assert sending.slept == []


def test_a_page_that_is_too_much_comes_back_at_once(script: Script, sending: Sending) -> None:
    script.replies = [Reply(504, b"")]
    with pytest.raises(TooHeavy):
        sending.transport.send(Graph(POST.name, POST.parts, COMMITS, shrinks=True))
    assert len(script.heard) == 1


def test_nobody_listening_is_retriable(sending: Sending, script: Script) -> None:
    silent = GithubTransport(
        lambda: Wire(Auth.Token("x"), "http://127.0.0.1:9"), now=lambda: AT, sleep=sending.slept.append,
        monotonic=lambda: 0.0, limits=Limits(attempts=2),
    )  # fmt: skip
    with pytest.raises(RetriableError, match="connection"):
        silent.send(GET)
    silent.close()


def limited(remaining: int, *, limit: int = 5000, seconds: int = 600) -> dict[str, str]:
    reset = int((AT + timedelta(seconds=seconds)).timestamp())
    return {"X-RateLimit-Limit": str(limit), "X-RateLimit-Remaining": str(remaining), "X-RateLimit-Reset": str(reset)}


def test_a_reserve_of_the_budget_is_left_alone(script: Script, sending: Sending) -> None:
    script.replies = [Reply(headers=limited(101)), Reply(headers=limited(100)), Reply()]
    sending.transport.send(GET)
    sending.transport.send(GET)
    with pytest.raises(RetriableError, match="100 of 5000") as caught:
        sending.transport.send(GET)
    assert caught.value.retry_after == 601
    assert len(script.heard) == 2


def test_a_budget_that_is_renewed_soon_is_waited_for(script: Script, sending: Sending) -> None:
    script.replies = [Reply(headers=limited(3, seconds=30)), Reply()]
    sending.transport.send(GET)
    sending.transport.send(GET)
    assert sending.slept == [31]


def test_the_budgets_of_rest_and_graphql_are_two(script: Script, sending: Sending) -> None:
    script.replies = [Reply(headers=limited(0)), good()]
    sending.transport.send(GET)
    sending.transport.send(POST)
    with pytest.raises(RetriableError, match="core"):
        sending.transport.send(GET)


def test_a_small_budget_keeps_a_small_reserve(script: Script, sending: Sending) -> None:
    script.replies = [Reply(headers=limited(50, limit=60)), Reply()]
    sending.transport.send(GET)
    sending.transport.send(GET)
    assert len(script.heard) == 2


def test_bursts_are_held_under_the_secondary_limit(script: Script) -> None:
    script.replies = [Reply()]
    clock = [1000.0]
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += seconds

    transport = GithubTransport(
        lambda: Wire(Auth.Token("x"), script.url), now=lambda: AT, sleep=sleep, monotonic=lambda: clock[0],
        limits=Limits(rest_per_minute=5),
    )  # fmt: skip
    for _ in range(12):
        transport.send(GET)
        clock[0] += 1
    transport.close()
    assert sum(slept) > 0
    assert clock[0] - 1000 >= 120, "twelve requests at five a minute take two minutes"


def test_each_thread_gets_the_answer_to_its_own_question(script: Script) -> None:
    """PyGithub shared by threads hands out another's answer once in a while; here no two share a client."""
    script.replies = [lambda path: Reply(body=json.dumps({"asked": path}).encode())]
    transport = GithubTransport(
        lambda: Wire(Auth.Token("x"), script.url), now=lambda: AT, sleep=lambda _s: None, monotonic=lambda: 0.0,
        limits=Limits(rest_per_minute=10_000),
    )  # fmt: skip
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(16) as pool:
            paths = [f"/things/{number}" for number in range(400)]
            answers = list(pool.map(lambda path: transport.send(Rest("/things", path, COMMITS)).data["asked"], paths))
    finally:
        sys.setswitchinterval(interval)
        transport.close()
    assert answers == paths
    assert transport.requests == 400


def test_clients_are_kept_and_connections_reused(script: Script) -> None:
    script.replies = [Reply()]
    made: list[Wire] = []

    def make() -> Wire:
        made.append(Wire(Auth.Token("x"), script.url))
        return made[-1]

    transport = GithubTransport(make, now=lambda: AT, sleep=lambda _s: None, monotonic=lambda: 0.0, limits=Limits())
    for _ in range(5):
        transport.send(GET)
    transport.close()
    assert len(made) == 1
