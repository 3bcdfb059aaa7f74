"""Calendars of public holidays, by the code that the programme file names them with.

The days come from the `holidays` library, which knows the public holidays of countries and of their subdivisions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

DEFAULT_OFFICE = "default"
"""Name of the office that holds for whoever has none."""


def supported_calendars() -> Mapping[str, Sequence[str]]:
    """Subdivision codes by country code, as the library knows them."""
    import holidays  # reading a programme without offices needs no calendar, and the library is slow to import

    return holidays.list_supported_countries(include_aliases=False)


def split_calendar(code: str) -> tuple[str, str | None]:
    """Country and subdivision of a code such as `GB-ENG` or `FR`; ValueError says how to write it right."""
    if not re.fullmatch(r"[A-Z]{2}(-[^\s-][^-]*)?", code):
        raise ValueError(
            f"{code!r} names no calendar. Write the country, or the country and its subdivision, as ISO 3166 has them: "
            "FR, GB-ENG, DE-BE"
        )
    country, _, subdivision = code.partition("-")
    known = supported_calendars()
    if country not in known:
        raise ValueError(
            f"no holidays are known for the country {country!r}. Correct the code, or leave the office out"
        )
    if subdivision and subdivision not in known[country]:
        there = ", ".join(known[country]) or "none"
        raise ValueError(f"no holidays are known for {subdivision!r} in {country}. Known are: {there}")
    return country, subdivision or None
