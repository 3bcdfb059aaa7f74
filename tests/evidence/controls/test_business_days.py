"""Business days: by the calendar of the person's office, and told so that anybody can count again."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import holidays
import pytest
from pydantic import ValidationError

from evidence.controls.business_days import BusinessDays, Calendar
from schemas.programme import Programme

LONDON = Calendar("GB-ENG", "Europe/London")
PLAIN = Calendar(None, "UTC")
MINIMAL = {"organisation": "Acme", "observation_period": {"start": "2026-04-01", "end": "2026-09-30"}}
PEOPLE = [
    {"person_id": "p1", "office": "London"},
    {"person_id": "p2", "office": "berlin"},
    {"person_id": "p3", "office": None},
    {"person_id": "p4", "office": "lisbon"},
]


def programme(**offices: Any) -> Programme:
    return Programme.model_validate({**MINIMAL, "timezone": "Europe/London", "offices": offices})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "days", "ends"),
    [
        ("2026-04-01T10:00", 1, "2026-04-02T23:00"),  # Wednesday to the end of Thursday, British summer time
        ("2026-04-02T10:00", 1, "2026-04-07T23:00"),  # Maundy Thursday: Good Friday, weekend, Easter Monday
        ("2026-04-03T10:00", 1, "2026-04-07T23:00"),  # on Good Friday itself
        ("2026-04-04T10:00", 1, "2026-04-07T23:00"),  # on the Saturday
        ("2026-04-02T23:30", 1, "2026-04-07T23:00"),  # half past midnight of Friday in London
        ("2026-04-01T22:59", 1, "2026-04-02T23:00"),
        ("2026-04-01T23:00", 1, "2026-04-07T23:00"),  # midnight: Thursday has begun
        ("2026-04-02T10:00", 2, "2026-04-08T23:00"),
        ("2026-04-03T10:00", 0, "2026-04-03T23:00"),  # none: the day itself, holiday or not
        ("2026-12-24T10:00", 1, "2026-12-30T00:00"),  # 25th, weekend, 28th in lieu of the 26th
        ("2026-12-31T10:00", 1, "2027-01-05T00:00"),  # over the end of the year: 1 January, weekend
    ],
)
def test_deadlines_in_england(day: str, days: int, ends: str) -> None:
    assert LONDON.deadline(at(day), days).at == at(ends)


def test_without_a_calendar_a_holiday_is_a_business_day() -> None:
    found = PLAIN.deadline(at("2026-04-02T10:00"), 1)
    assert found.at == at("2026-04-04T00:00")
    assert "Monday to Friday, no holidays" in found.words
    assert PLAIN.deadline(at("2026-04-03T10:00"), 1).at == at("2026-04-07T00:00")


def test_a_deadline_names_everything_it_was_counted_with() -> None:
    assert LONDON.deadline(at("2026-04-02T10:00"), 1).words == (
        "end of 2026-04-07 (Europe/London), 1 business day after 2026-04-02; "
        f"calendar GB-ENG of holidays {holidays.__version__}, without 2026-04-03 (Good Friday), "
        "2026-04-06 (Easter Monday)"
    )


def test_subdivisions_differ() -> None:
    assert not Calendar("DE-BE", "Europe/Berlin").is_business_day(date(2027, 3, 8))  # International Women's Day
    assert Calendar("DE-BY", "Europe/Berlin").is_business_day(date(2027, 3, 8))
    assert not Calendar("GB-SCT", "Europe/London").is_business_day(date(2026, 11, 30))
    assert LONDON.is_business_day(date(2026, 11, 30))


def test_a_holiday_observed_in_the_year_before() -> None:
    assert not Calendar("US", "America/New_York").is_business_day(date(2027, 12, 31))
    assert not Calendar("GB-ENG", "Europe/London").is_business_day(date(2028, 1, 3))
    assert Calendar("GB-ENG", "Europe/London").is_business_day(date(2028, 1, 4))


def test_a_country_that_works_other_days() -> None:
    israel = Calendar("IL", "Asia/Jerusalem")
    assert israel.is_business_day(date(2026, 7, 5))
    assert not israel.is_business_day(date(2026, 7, 3))


def test_a_day_of_a_zone_with_a_time_of_its_own() -> None:
    samoa = Calendar(None, "Pacific/Apia")
    assert samoa.deadline(at("2026-04-01T23:00"), 1).at == at("2026-04-03T11:00")


def test_years_that_no_calendar_knows() -> None:
    assert LONDON.deadline_after_day(date(2999, 12, 24), 1).at == at("2999-12-26T00:00")


def test_whose_calendar_counts() -> None:
    days = BusinessDays(
        programme(london={"calendar": "GB-ENG"}, Berlin={"calendar": "DE-BE", "timezone": "Europe/Berlin"},
                  default={"calendar": "FR"}), PEOPLE,
    )  # fmt: skip
    assert days.of_person("p1") == Calendar("GB-ENG", "Europe/London")
    assert days.of_person("p2") == Calendar("DE-BE", "Europe/Berlin")
    assert days.of_person("p3") == days.of_person("nobody") == days.of_person(None) == Calendar("FR", "Europe/London")
    assert days.of_person("p4").code == "FR"
    assert days.of_person("p4").named.endswith("(the programme names no office 'lisbon')")


def test_where_no_calendar_is_named() -> None:
    days = BusinessDays(programme(), PEOPLE)
    assert days.of_person("p3").named == "Monday to Friday, no holidays (the programme names no calendar)"
    assert days.of_person("p1").named == "Monday to Friday, no holidays (the programme names no office 'London')"


@pytest.mark.parametrize(
    ("office", "says"),
    [
        ({"calendar": "England"}, "names no calendar"),
        ({"calendar": "gb"}, "names no calendar"),
        ({"calendar": "XX"}, "no holidays are known for the country 'XX'"),
        ({"calendar": "GB-LON"}, "Known are: ENG, NIR, SCT, WLS"),
        ({"calendar": "GB-ENG-1"}, "names no calendar"),
        ({"calendar": "GB", "timezone": "London"}, "not an IANA time zone"),
        ({}, "Field required"),
        ({"calendar": "GB", "city": "London"}, "Extra inputs"),
    ],
)
def test_offices_that_are_refused(office: dict[str, str], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        programme(london=office)


def test_an_office_written_twice_is_refused() -> None:
    with pytest.raises(ValidationError, match="written twice"):
        programme(london={"calendar": "GB"}, LONDON={"calendar": "FR"})


def test_every_calendar_of_the_library_can_be_named() -> None:
    for country in ("FR", "DE", "NZ", "IT", "AU", "BR", "CH"):
        for subdivision in holidays.list_supported_countries(include_aliases=False)[country]:
            assert Programme.model_validate({**MINIMAL, "offices": {"o": {"calendar": f"{country}-{subdivision}"}}})
