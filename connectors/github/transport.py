"""The one place through which every request to GitHub goes.

Keeps the rate-limit budget, paces, repeats what may pass, checks the source's clock on every answer and hands on each
answer as it was received. Safe to share between threads: each request borrows a client that nobody else holds.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from connectors.github.calls import Answer, Call, Exchange, Graph, TooHeavy
from connectors.github.verdicts import Later, give_up, read
from connectors.github.wire import Broken, Received, Redirected, Wire
from connectors.source_clock import check_clock, source_clock
from schemas.errors import RetriableError


@dataclass(frozen=True, slots=True)
class Limits:
    """How patient and how modest the collector is."""

    attempts: int = 4
    """Requests made for one question before it is given up."""
    backoff_seconds: float = 1.0
    """Wait before the first repetition, doubled for each further one."""
    longest_wait_seconds: float = 120.0
    """A longer wait is handed to the scheduler (`RetriableError.retry_after`) instead of being slept through."""
    reserve: int = 100
    """Requests or points left untouched in each of GitHub's hourly budgets, for others who use the same principal."""
    rest_per_minute: int = 800
    """GitHub's secondary limit is 900 points a minute, a GET being one."""
    graphql_per_minute: int = 1600
    """GitHub's secondary limit is 2,000 a minute."""
    threads: int = 4


class Transport(Protocol):
    """The seam that tests fake: one question in, one good answer out, or an error."""

    limits: Limits

    def send(self, call: Call) -> Answer: ...

    def taken(self) -> list[Exchange]:
        """The answers received since the last call, in order of arrival."""
        ...


@dataclass(slots=True)
class _Budget:
    remaining: int
    limit: int
    reset: float


class GithubTransport:
    """Implements `Transport` over PyGithub. `clients` makes one client; each is used by one thread at a time."""

    def __init__(
        self,
        make_client: Callable[[], Wire],
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
        monotonic: Callable[[], float],
        limits: Limits,
    ) -> None:
        self.limits = limits
        self.requests = 0
        self._make_client = make_client
        self._now = now
        self._sleep = sleep
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._idle: list[Wire] = []
        self._exchanges: deque[Exchange] = deque()
        self._budgets: dict[str, _Budget] = {}
        self._sent: dict[str, deque[float]] = {"core": deque(), "graphql": deque()}

    def send(self, call: Call) -> Answer:
        """Ask until there is a good answer, at most `limits.attempts` times.

        Raises `TooHeavy` where the asker can ask for less, `RetriableError` after the last attempt or where GitHub asks
        for a longer wait than the limits allow, and the other errors of `schemas.errors` at once.
        """
        resource = "graphql" if isinstance(call, Graph) else "core"
        wait = self.limits.backoff_seconds
        for attempt in range(1, self.limits.attempts + 1):
            self._respect_budget(call, resource)
            self._pace(resource)
            try:
                return self._once(call, resource)
            except Later as later:
                why, asked = later.why, later.seconds
            except Broken as broken:
                if broken.timed_out and isinstance(call, Graph) and call.shrinks:
                    raise TooHeavy(str(broken)) from broken
                why, asked = str(broken), None
            except Redirected as redirected:
                raise RetriableError(
                    f"{call.label} was redirected ({redirected.status}): the repository or organisation was renamed "
                    "while it was being read. Run it again; names are looked up anew from the ids."
                ) from redirected
            if attempt == self.limits.attempts or (asked or 0) > self.limits.longest_wait_seconds:
                raise give_up(call, why, seconds=asked)
            self._sleep(max(wait, asked or 0))
            wait *= 2
        raise AssertionError("unreachable: the last attempt returns or raises")

    def taken(self) -> list[Exchange]:
        out: list[Exchange] = []
        while self._exchanges:
            out.append(self._exchanges.popleft())
        return out

    def close(self) -> None:
        """Close all connections; the transport may be used again afterwards and opens new ones."""
        with self._lock:
            idle, self._idle = self._idle, []
        for client in idle:
            client.close()

    def _once(self, call: Call, resource: str) -> Answer:
        client = self._borrow()
        sent = self._now()
        try:
            if isinstance(call, Graph):
                parameters = {"query": call.text(), "variables": call.variables()}
                received = client.post(client.graphql_url, parameters)
                method = "POST"
            else:
                parameters = dict(call.parameters)
                received = client.get(call.path, parameters)
                method = "GET"
        finally:
            self._give_back(client)
        arrived = self._now()
        self._exchanges.append(
            Exchange(call.dataset, method, received.url, received.status, received.headers, received.body, parameters)
        )
        at_source = source_clock(received.headers, "GitHub")
        check_clock(at_source, sent, arrived, "GitHub")
        self._note_budget(received, resource)
        data = read(call, received, at_source)
        return Answer(received.status, received.headers, data, received.url, at_source)

    def _borrow(self) -> Wire:
        with self._lock:
            self.requests += 1
            if self._idle:
                return self._idle.pop()
        return self._make_client()

    def _give_back(self, client: Wire) -> None:
        with self._lock:
            self._idle.append(client)

    def _note_budget(self, received: Received, resource: str) -> None:
        headers = received.headers
        if received.status != 200:
            return  # a refusal says itself how long to wait
        try:
            budget = _Budget(
                int(float(headers["x-ratelimit-remaining"])),
                int(float(headers["x-ratelimit-limit"])),
                float(headers["x-ratelimit-reset"]),
            )
        except (KeyError, ValueError):
            return  # Enterprise Server has limits only where its administrator switched them on
        with self._lock:
            known = self._budgets.get(resource)
            # Answers of parallel requests arrive in any order: within a period the lowest figure is the newest.
            if known is None or budget.reset > known.reset or budget.remaining < known.remaining:
                self._budgets[resource] = budget

    def _respect_budget(self, call: Call, resource: str) -> None:
        with self._lock:
            budget = self._budgets.get(resource)
            if budget is None or budget.remaining > min(self.limits.reserve, budget.limit // 10):
                return
            seconds = budget.reset - self._now().timestamp() + 1
            if seconds <= self.limits.longest_wait_seconds:
                del self._budgets[resource]
        if seconds > self.limits.longest_wait_seconds:
            raise RetriableError(
                f"{call.label} not asked: {budget.remaining} of {budget.limit} requests are left in GitHub's "
                f"{resource} "
                f"budget, which is renewed in {seconds:.0f} s. Run it again then.",
                retry_after=seconds,
            )
        if seconds > 0:
            self._sleep(seconds)

    def _pace(self, resource: str) -> None:
        allowed = self.limits.graphql_per_minute if resource == "graphql" else self.limits.rest_per_minute
        with self._lock:
            sent = self._sent[resource]
            instant = self._monotonic()
            while sent and sent[0] <= instant - 60:
                sent.popleft()
            wait = sent[0] + 60 - instant if len(sent) >= allowed else 0.0
            if wait:
                sent.popleft()
            sent.append(instant + wait)
        if wait:
            self._sleep(wait)
