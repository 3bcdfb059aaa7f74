"""Runs courses of questions side by side: a few requests in flight, everything else in one thread.

Streams (see `calls.Stream`) hold the logic and run in the calling thread alone, so they and the sink need no locks.
Only sending happens in threads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime

from connectors.github.calls import Answer, Call, Graph, Stream, TooHeavy
from connectors.github.transport import Transport
from schemas.errors import EvidenceError, PermissionDenied
from schemas.extraction import Sink


class Driver:
    """Drives streams to their ends. One per extractor call."""

    def __init__(self, transport: Transport, sink: Sink) -> None:
        self._transport = transport
        self._sink = sink
        self._ready: deque[tuple[Stream[None], Answer | Exception | None]] = deque()
        self._waiting: list[Stream[None]] = []
        self._asked: deque[tuple[Stream[None], Call]] = deque()
        self._flying: dict[Future[Answer], Stream[None]] = {}
        self.requests = 0
        self.began_at: datetime | None = None
        """The source's own clock at the first answer."""

    def add(self, stream: Stream[None]) -> None:
        """Take up another stream; may be called from within a running one."""
        self._ready.append((stream, None))

    def run(self, *streams: Stream[None]) -> None:
        """Run until all streams have ended. The first error ends all of them and is raised, after the answers that
        had arrived by then are handed to the sink."""
        for stream in streams:
            self.add(stream)
        with ThreadPoolExecutor(max_workers=self._transport.limits.threads, thread_name_prefix="github") as pool:
            try:
                while self._ready or self._asked or self._flying or self._waiting:
                    self._advance()
                    self._launch(pool)
                    self._collect()
            finally:
                for future in self._flying:
                    future.cancel()
                wait(self._flying)
                self._hand_over()
                for stream, _ in [*self._ready, *self._asked]:
                    stream.close()
                for stream in [*self._waiting, *self._flying.values()]:
                    stream.close()

    def ask(self, stream: Stream[None]) -> None:
        """Run one stream by itself, in this thread."""
        try:
            call = next(stream)
            while True:
                if call is None:
                    raise AssertionError("a stream by itself has nobody to wait for")
                self.requests += 1
                try:
                    answer = self._transport.send(call)
                except (EvidenceError, TooHeavy) as error:
                    call = stream.throw(error)
                else:
                    self.began_at = self.began_at or answer.served_at
                    call = stream.send(answer)
                self._hand_over()
        except StopIteration:
            return
        finally:
            self._hand_over()

    def _advance(self) -> None:
        while self._ready:
            stream, outcome = self._ready.popleft()
            try:
                if outcome is None:
                    call = next(stream)
                elif isinstance(outcome, Answer):
                    call = stream.send(outcome)
                else:
                    call = stream.throw(outcome)
            except StopIteration:
                # What waited for this stream can go on now.
                self._wake()
                continue
            if call is None:
                self._waiting.append(stream)
            else:
                self._asked.append((stream, call))

    def _launch(self, pool: ThreadPoolExecutor) -> None:
        while self._asked and len(self._flying) < self._transport.limits.threads:
            stream, call = self._asked.popleft()
            self.requests += 1
            self._flying[pool.submit(self._transport.send, call)] = stream

    def _collect(self) -> None:
        if not self._flying:
            if self._waiting and not self._ready and not self._asked:
                raise AssertionError("all streams wait for each other")
            return
        done, _ = wait(self._flying, return_when=FIRST_COMPLETED)
        self._hand_over()
        for future in done:
            stream = self._flying.pop(future)
            error = future.exception()
            if error is None:
                answer = future.result()
                self.began_at = self.began_at or answer.served_at
                self._ready.append((stream, answer))
            elif isinstance(error, EvidenceError | TooHeavy):
                self._ready.append((stream, error))
            else:
                raise error
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._ready.extend((stream, None) for stream in waiting)

    def _hand_over(self) -> None:
        for exchange in self._transport.taken():
            self._sink.answer(
                dataset=exchange.dataset,
                method=exchange.method,
                url=exchange.url,
                status=exchange.status,
                headers=exchange.headers,
                body=exchange.body,
                parameters=exchange.parameters,
            )


def together(*streams: Stream[None]) -> Stream[None]:
    """Run streams in step, their GraphQL calls joined into one request while GitHub can bear it.

    After the first joint query that is too much, or denied, they ask one by one, each with its own page size. A stream
    that waits (yields None) does not hold up the others.
    """
    calls: list[tuple[Stream[None], Call | None]] = []
    for stream in streams:
        _step(calls, stream, lambda s: next(s))
    joined = True
    while calls:
        asking = [(stream, call) for stream, call in calls if call is not None]
        resting = [(stream, call) for stream, call in calls if call is None]
        if not asking:
            yield None
            calls = []
            for stream, _ in resting:
                _step(calls, stream, lambda s: next(s))
            continue
        graphs = [(stream, call) for stream, call in asking if isinstance(call, Graph)]
        calls = []
        if joined and len(graphs) == len(asking) > 1:
            joint = Graph(
                name="".join(call.name for _, call in graphs),
                parts=tuple(part for _, call in graphs for part in call.parts),
                dataset=graphs[0][1].dataset,
                shrinks=True,
            )
            try:
                answer = yield joint
            except (TooHeavy, PermissionDenied):
                # Asked one by one it shows whose question is too much, or whom a right is missing.
                joined = False
                calls = [*asking, *resting]
                continue
            for stream, _ in asking:
                _step(calls, stream, lambda s, a=answer: s.send(a))
        else:
            for stream, call in asking:
                try:
                    answer = yield call
                except (EvidenceError, TooHeavy) as error:
                    _step(calls, stream, lambda s, e=error: s.throw(e))
                else:
                    _step(calls, stream, lambda s, a=answer: s.send(a))
        for stream, _ in resting:
            _step(calls, stream, lambda s: next(s))


def _step(
    calls: list[tuple[Stream[None], Call | None]], stream: Stream[None], go: Callable[[Stream[None]], Call | None]
) -> None:
    try:
        calls.append((stream, go(stream)))
    except StopIteration:
        return
