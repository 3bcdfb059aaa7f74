"""A steady pace of asking, so that a source's other users are not throttled because of us."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

_BURST_SECONDS = 2.0
_SLOWEST = 1.0
"""Requests a second that are left of the pace, however often a source throttles."""
_RECOVERS = 0.02
"""Of its usual pace a bucket gains so much back with every request that is sent."""


class Pacer:
    """A bucket of requests for each name. `pause` and `monotonic` are given, so that tests need not wait.

    Threads may share it: they wait in turn.
    """

    def __init__(
        self,
        rates: Mapping[str, float],
        usual: float,
        *,
        pause: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`rates` are requests a second by bucket, `usual` that of a bucket not named there."""
        self._rates, self._usual, self._pause, self._monotonic = rates, usual, pause, monotonic
        self._buckets: dict[str, tuple[float, float]] = {}
        self._slowed: dict[str, float] = {}
        self._lock = threading.Lock()

    def wait(self, bucket: str, requests: int = 1) -> None:
        """Wait until so many requests may be sent, and take them. More than a burst at once makes the next one wait."""
        with self._lock:
            self._wait(bucket, requests)

    def throttled(self, bucket: str) -> None:
        """The source said that it is too much: half the pace from here on, which comes back little by little."""
        with self._lock:
            rate = self._slowed.get(bucket, self._rates.get(bucket, self._usual))
            self._slowed[bucket] = max(_SLOWEST, rate / 2)
            self._buckets[bucket] = (0.0, self._monotonic())

    def is_slowed(self, bucket: str) -> bool:
        """Whether a bucket goes slower than usual because its source throttled."""
        return bucket in self._slowed

    def _wait(self, bucket: str, requests: int) -> None:
        rate = self._rates.get(bucket, self._usual)
        if bucket in self._slowed:
            usual, rate = rate, self._slowed[bucket]
            self._slowed[bucket] = rate + usual * _RECOVERS
            if self._slowed[bucket] >= usual:
                del self._slowed[bucket]
        burst = max(1.0, rate * _BURST_SECONDS)
        now = self._monotonic()
        held, since = self._buckets.get(bucket, (burst, now))
        held = min(burst, held + (now - since) * rate)
        needed = min(float(requests), burst)
        if held < needed:
            self._pause((needed - held) / rate)
            slept = self._monotonic()
            held = max(needed, min(burst, held + (slept - now) * rate))
            now = slept
        self._buckets[bucket] = (held - requests, now)
