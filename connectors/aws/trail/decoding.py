"""Log files as batches of rows, in processes of their own where there are many.

A worker is `python -m connectors.aws.trail.decoding`, asked and answering over its pipes: it holds no connection and no
credentials, and the caller's main module is not loaded again in it.
"""

from __future__ import annotations

import gc
import hashlib
import subprocess
import sys
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, TypeVar

import msgspec
import numpy as np
import pyarrow as pa
from isal import igzip
from pyarrow import ipc

from connectors.aws.trail.duplicates import Bits
from connectors.aws.trail.records import BATCH_ROWS, Origin, Taken, events, records_of
from schemas.aws_trail import MANAGEMENT_EVENTS
from schemas.errors import RetriableError, SchemaDrift

WORKERS = 2
_LENGTH = 8
T = TypeVar("T")


class Decoded(msgspec.Struct):
    """What a log file holds."""

    sha256: str | None = None
    """Of the file unpacked; None where it is no whole gzip file, or there is no file."""
    missing: bool = False
    batches: list[pa.RecordBatch] = []
    fingerprints: list[tuple[Bits, Bits]] = []
    taken: Taken = msgspec.field(default_factory=Taken)


class _Asked(msgspec.Struct, array_like=True):
    data: bytes
    origin: Origin | None
    expected: str


class _Answered(msgspec.Struct, array_like=True):
    sha256: str | None
    drift: str | None = None
    rows: bytes = b""
    fingerprints: list[tuple[bytes, bytes]] = []
    taken: Taken = msgspec.field(default_factory=Taken)


def unpacked(data: bytes) -> bytes | None:
    """The text of a gzip file; None where it is none, or is cut off."""
    try:
        return igzip.decompress(data) if data else None  # of nothing igzip makes nothing
    except (EOFError, OSError, zlib.error, igzip.BadGzipFile):
        return None


def decoded(data: bytes, origin: Origin | None, expected: str) -> Decoded:
    """Read a log file whose hash is as expected; of any other, and without an origin, only the hash is told.

    SchemaDrift where it is the file that was delivered, and none as CloudTrail writes them.
    """
    text = unpacked(data)
    if text is None:
        return Decoded()
    found = Decoded(hashlib.sha256(text).hexdigest())
    if origin is None or found.sha256 != expected:
        return found
    records = records_of(text, origin.log_file or "an answer")
    for begin in range(0, len(records), BATCH_ROWS):
        made = events(records[begin : begin + BATCH_ROWS], origin, found.taken)
        found.batches.append(made.batch)
        found.fingerprints.append((made.identity, made.content))
    return found


class Decoders:
    """Reads files side by side. Use as a context manager; without `workers` all is done in this process."""

    def __init__(self, workers: int = 0) -> None:
        self._workers = workers
        self._local = threading.local()
        self.started: list[subprocess.Popen[bytes]] = []
        """Workers, one for each thread that asked; they end with the context."""
        self._lock = threading.Lock()

    def __enter__(self) -> Decoders:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.started:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.close()
            process.stdout.close()
            process.kill()
            process.wait()

    def decode(self, data: bytes, origin: Origin | None, expected: str) -> Decoded:
        """As `decoded`, in the worker of this thread where there are some."""
        if not self._workers:
            return decoded(data, origin, expected)
        process = self._worker()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            _send(process.stdin, msgspec.msgpack.encode(_Asked(data, origin, expected)))
            received = _receive(process.stdout)
        except OSError:
            received = None
        if received is None:
            raise RetriableError("A process that reads log files ended before it had read its file. Run again.")
        answer = msgspec.msgpack.decode(received, type=_Answered)
        if answer.drift is not None:
            raise SchemaDrift(answer.drift)
        return Decoded(
            answer.sha256,
            False,
            list(ipc.open_stream(answer.rows)) if answer.rows else [],
            [(np.frombuffer(one, np.uint64), np.frombuffer(two, np.uint64)) for one, two in answer.fingerprints],
            answer.taken,
        )

    def each(self, tasks: Iterable[T], work: Callable[[T], Decoded]) -> Iterator[tuple[T, Decoded]]:
        """The work of every task, in order; with workers a few are under way at once, each in a thread of its own."""
        if not self._workers:
            for task in tasks:
                yield task, work(task)
            return
        under_way: deque[tuple[T, Future[Decoded]]] = deque()
        with ThreadPoolExecutor(self._workers, thread_name_prefix="log files") as threads:
            try:
                for task in tasks:
                    under_way.append((task, threads.submit(work, task)))
                    if len(under_way) > self._workers:
                        first, future = under_way.popleft()
                        yield first, future.result()
                while under_way:
                    first, future = under_way.popleft()
                    yield first, future.result()
            finally:
                for _, future in under_way:
                    future.cancel()

    def _worker(self) -> subprocess.Popen[bytes]:
        process: subprocess.Popen[bytes] | None = getattr(self._local, "process", None)
        if process is None:
            process = self._local.process = subprocess.Popen(
                [sys.executable, "-m", "connectors.aws.trail.decoding"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            with self._lock:
                self.started.append(process)
        return process


def _send(stream: IO[bytes], message: bytes) -> None:
    stream.write(len(message).to_bytes(_LENGTH))
    stream.write(message)
    stream.flush()


def _receive(stream: IO[bytes]) -> bytes | None:
    """The next message; None where the other side has ended."""
    head = stream.read(_LENGTH)
    if len(head) < _LENGTH:
        return None
    length = int.from_bytes(head)
    message = stream.read(length)
    return message if len(message) == length else None


def _answer(asked: _Asked) -> _Answered:
    try:
        found = decoded(asked.data, asked.origin, asked.expected)
    except SchemaDrift as drift:
        return _Answered(None, str(drift))
    rows = b""
    if found.batches:
        written = pa.BufferOutputStream()
        with ipc.new_stream(written, MANAGEMENT_EVENTS.arrow()) as stream:
            for batch in found.batches:
                stream.write_batch(batch)
        rows = written.getvalue().to_pybytes()
    marks = [(one.tobytes(), two.tobytes()) for one, two in found.fingerprints]
    return _Answered(found.sha256, None, rows, marks, found.taken)


def _serve() -> None:
    gc.disable()  # records refer to nothing in circles, and to look for some takes a fifth of the time
    asked = msgspec.msgpack.Decoder(_Asked)
    while (message := _receive(sys.stdin.buffer)) is not None:
        _send(sys.stdout.buffer, msgspec.msgpack.encode(_answer(asked.decode(message))))


if __name__ == "__main__":
    _serve()
