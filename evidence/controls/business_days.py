"""Business days: Monday to Friday (or the days a country works) without the public holidays of an office's calendar.

A deadline of n business days ends with the n-th business day after the local day of the instant it is counted from:
what happened on a day is never late on that day, and a weekend or holiday moves only the end. The days come from the
`holidays` library. So that anybody can count again, the words of a deadline name the calendar, the library's version
and each holiday that was passed over; they stand in the explanation of the outcome, which is stored.

Where the programme names no calendar for somebody, business days are Monday to Friday, and the words say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any

from evidence.completeness.instants import instant
from evidence.completeness.local_time import midnight, zone
from schemas.calendars import DEFAULT_OFFICE, split_calendar

if TYPE_CHECKING:
    from schemas.programme import Programme

_DAY = timedelta(days=1)
_LISTED = 8
"""Most holidays that a deadline lists by name."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """`at` is the first instant after the time allowed: what happened before it is in time."""

    at: datetime
    words: str
    """`end of 2026-04-07 (Europe/London), 1 business day after 2026-04-02; calendar GB-ENG of holidays 0.109, without
    2026-04-03 (Good Friday), 2026-04-06 (Easter Monday)`."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """The business days of one office, in its zone."""

    code: str | None
    """`GB-ENG`; None: Monday to Friday."""
    zone: str
    note: str = ""
    """Why this calendar, where it is not simply that of the person's office."""

    def is_business_day(self, day: date) -> bool:
        """Whether a local day is one on which people work."""
        if self.code is None:
            return day.weekday() < 5
        return day not in _year(self.code, day.year).off

    def holiday(self, day: date) -> str | None:
        """Name of the public holiday on a day, None where there is none or no calendar is named."""
        return None if self.code is None else _year(self.code, day.year).holidays.get(day)

    def local_day(self, at: datetime) -> date:
        """The local calendar day of an instant."""
        return at.astimezone(zone(self.zone)).date()

    def deadline(self, after: datetime, days: int) -> Deadline:
        """End of the n-th business day after the local day of an instant; of that day itself where n is 0."""
        return self.deadline_after_day(self.local_day(after), days)

    def deadline_after_day(self, first: date, days: int) -> Deadline:
        """End of the n-th business day after a local day; of that day itself where n is 0."""
        day, left, passed = first, days, list[str]()
        while left > 0:
            day += _DAY
            if self.is_business_day(day):
                left -= 1
            elif (name := self.holiday(day)) is not None:
                passed.append(f"{day.isoformat()} ({name})")
        counted = f"{days} business day{'' if days == 1 else 's'} after {first.isoformat()}"
        words = f"end of {day.isoformat()} ({self.zone}), {counted}; {self.named}"
        if passed:
            more = f" and {len(passed) - _LISTED} more" if len(passed) > _LISTED else ""
            words += f", without {', '.join(passed[:_LISTED])}{more}"
        return Deadline(instant(midnight(day + _DAY, self.zone)), words)

    @property
    def named(self) -> str:
        """The calendar in words, with the version of the library its days come from."""
        note = f" ({self.note})" if self.note else ""
        if self.code is None:
            return f"Monday to Friday, no holidays{note}"
        return f"calendar {self.code} of holidays {_version()}{note}"


class BusinessDays:
    """Whose calendar counts for whom: that of the person's office, else that of the office `default`, else none."""

    def __init__(self, programme: Programme, people: Iterable[Mapping[str, Any]]) -> None:
        self._zone = programme.timezone
        self._offices = {_folded(name): office for name, office in programme.offices.items()}
        self._office_of = {str(row["person_id"]): str(row.get("office") or "") for row in people}

    @classmethod
    def of(cls, programme: Programme, registers: Mapping[str, list[Mapping[str, Any]]]) -> BusinessDays:
        """From what a test of a control gets."""
        return cls(programme, registers.get("people", ()))

    def of_person(self, person_id: str | None) -> Calendar:
        """The calendar of a person of the register; the default one for whoever is not in it."""
        return self.of_office(self._office_of.get(person_id or ""))

    def of_office(self, office: str | None) -> Calendar:
        """The calendar of an office by its name; the default one for an empty name."""
        found = self._offices.get(_folded(office or ""))
        if found is not None:
            return Calendar(found.calendar, found.timezone or self._zone)
        note = f"the programme names no office {office[:60]!r}" if office else ""
        default = self._offices.get(DEFAULT_OFFICE)
        if default is not None:
            return Calendar(default.calendar, default.timezone or self._zone, note)
        return Calendar(None, self._zone, note or "the programme names no calendar")


def _folded(name: str) -> str:
    return name.strip().casefold()


@dataclass(frozen=True, slots=True)
class _Year:
    off: frozenset[date]
    holidays: Mapping[date, str]


@cache
def _year(code: str, year: int) -> _Year:
    """The days of a year on which nobody works, and which of them are holidays.

    The library's own object fills itself year by year while it is asked, which two threads must not do to one object;
    so each year is read once from an object of its own. A year it knows nothing of has weekends alone.
    """
    import holidays  # slow to import, and needed only where a deadline is counted in business days

    country, subdivision = split_calendar(code)
    # The years around it: an observed holiday may fall on a day of the year before or after.
    known = holidays.country_holidays(country, subdiv=subdivision, years=[year - 1, year, year + 1])
    first = date(year, 1, 1)
    days = [day for number in range(366) if (day := first + number * _DAY).year == year]
    return _Year(
        off=frozenset(day for day in days if not known.is_working_day(day)),
        holidays={day: name for day, name in known.items() if day.year == year},
    )


@cache
def _version() -> str:
    return metadata.version("holidays")
