"""A steady pace of asking, so that a source's other users are not throttled because of us."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

_BURST_SECONDS = 2.0


class Pacer:
    """A bucket of requests for each name. `pause` and `monotonic` are given, so that tests need not wait."""

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

    def wait(self, bucket: str, requests: int = 1) -> None:
        """Wait until so many requests may be sent, and take them. More than a burst at once makes the next one wait."""
        rate = self._rates.get(bucket, self._usual)
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
