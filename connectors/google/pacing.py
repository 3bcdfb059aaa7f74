"""How fast each API of Google is asked: well below its quota, so that others of the same customer are not throttled.

Sources: the usage limits in Google's documentation of each API. A batch saves connections and no quota: each part
counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

CALLS_PER_MINUTE: Mapping[str, float] = {
    "alertcenter": 600,
    "calendar": 500,
    "cloudasset": 90,
    "cloudidentity": 500,
    "directory": 2_200,  # of 2,400 for each user of a project
    "drive": 2_000,
    "logging": 55,  # entries.list: 60 for a project
    "reports": 2_000,  # of 2,400
    "reports_filtered": 220,  # of 250, for requests with a filter
    "token": 600,
}
"""Requests a minute by API."""

USUAL_PER_MINUTE = 300.0
"""For an API that is not listed."""

_BURST_SECONDS = 2.0


class Pacer:
    """A bucket of requests for each API. `pause` and `monotonic` are given, so that tests need not wait."""

    def __init__(
        self,
        rates: Mapping[str, float] = CALLS_PER_MINUTE,
        *,
        pause: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rates, self._pause, self._monotonic = rates, pause, monotonic
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait(self, bucket: str, requests: int = 1) -> None:
        """Wait until so many requests may be sent, and take them. More than a burst at once makes the next one wait."""
        rate = self._rates.get(bucket, USUAL_PER_MINUTE) / 60
        burst = max(1.0, rate * _BURST_SECONDS)
        now = self._monotonic()
        held, since = self._buckets.get(bucket, (burst, now))
        held = min(burst, held + (now - since) * rate)
        needed = min(float(requests), burst)
        if held < needed:
            self._pause((needed - held) / rate)
            now = self._monotonic()
            held = needed
        self._buckets[bucket] = (held - requests, now)
