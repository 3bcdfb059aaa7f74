"""The source's own clock, by the `Date` of its answers, held against the clock of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from schemas.errors import ClockSkew

MAX_SKEW_SECONDS = 60
"""Beyond this nothing that is collected could be dated (completeness specification, section 10b)."""


def source_clock(headers: Mapping[str, str], vendor: str) -> datetime:
    """The `Date` of an answer (header names in lower case). An answer without one can't be dated and is refused."""
    text = headers.get("date")
    if text is None:
        raise ClockSkew(
            f"An answer has no Date header, so nothing collected now could be dated. Is it {vendor} that answers?"
        )
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except ValueError as error:
        raise ClockSkew(
            f"The Date header {text[:40]!r} is no date. Look at what stands between here and {vendor}."
        ) from error


def check_clock(at_source: datetime, sent: datetime, arrived: datetime, vendor: str) -> None:
    """Raise `ClockSkew` where the source's clock lies more than 60 s outside the time between request and answer."""
    skew = max((sent - at_source).total_seconds(), (at_source - arrived).total_seconds())
    if skew > MAX_SKEW_SECONDS:
        raise ClockSkew(
            f"The clock of this machine and that of {vendor} differ by {skew:.0f} s; more than {MAX_SKEW_SECONDS} s is "
            "refused, because nothing could be dated. Set the clock of this machine (NTP) and run again."
        )
