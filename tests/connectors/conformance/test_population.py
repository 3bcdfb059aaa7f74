"""Every extractor against companies in which nothing goes wrong: what it shows is whole, typed, dated and provable."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from connectors.registry import DATASETS
from schemas.errors import ConfigurationError, IncompletePopulation, NotLicensed, PermissionDenied
from tests.fakes.conformance import PASSES, Companies, bench_of, reached
from tests.fakes.whole_company import NOW


def test_every_dataset_shows_rows_that_fit_its_declaration(lead: str, known: Companies) -> None:
    reading = known.clean(lead)
    assert set(reading.claims) == set(PASSES[lead])
    for name in PASSES[lead]:
        dataset, rows = DATASETS[name], reading.rows[name]
        assert rows, f"the demo company shows nothing of {name}: extend tests/fakes/furnished_company.py"
        assert reading.tables[name].schema.equals(dataset.arrow()), f"{name}: other columns than declared"
        assert {row["scope_item_id"] for row in rows} == {known.item(lead).id}
        keys = [tuple(row[column] for column in dataset.key) for row in rows]
        assert None not in {part for key in keys for part in key}, f"{name}: a key that names nothing"
        assert len({str(key) for key in keys}) == len(keys), f"{name}: two rows of one key"
        claim = reading.claims[name]
        assert claim.query_text
        if dataset.kind == "snapshot":
            assert claim.observed_at is not None
            # A report that a source makes by the day is of the last day that is whole.
            assert -timedelta(minutes=2) < NOW - claim.observed_at < timedelta(days=4), (
                f"{name}: observed at another time"
            )
        instants = [value for row in rows for value in _instants(row)]
        assert all(value.tzinfo is not None and value.utcoffset() == timedelta(0) for value in instants), name


def _instants(value: Any) -> list[datetime]:
    if isinstance(value, datetime):
        return [value]
    if isinstance(value, dict):
        return [one for part in value.values() for one in _instants(part)]
    if isinstance(value, list):
        return [one for part in value for one in _instants(part)]
    return []


def test_every_column_of_time_is_declared_in_utc(lead: str) -> None:
    for name in PASSES[lead]:
        for column in DATASETS[name].arrow():
            if pa.types.is_timestamp(column.type):
                assert column.type.tz == "UTC", f"{name}.{column.name} has no time zone"
    assert UTC is not None


def test_small_pages_come_to_the_same(lead: str, known: Companies) -> None:
    bench = bench_of(lead)
    if bench is None:
        return  # a file has no pages
    large = known.clean(lead)
    with bench.small_pages(known.small(lead)):
        small = known.full.read(lead, known.item(lead))
    assert small.error is None, f"{lead} can't be read in small pages: {small.error!r}"
    for name in PASSES[lead]:
        assert small.typed(name) == large.typed(name), f"{name} comes to another population in small pages"
        assert small.claims[name].truncated == large.claims[name].truncated
        assert small.claims[name].independent_count == large.claims[name].independent_count


def test_an_empty_population_is_proven_or_not_claimed(lead: str, known: Companies) -> None:
    with reached(known.bare.whole):
        reading = known.bare.read(lead, known.bare_item(lead))
    if isinstance(reading.error, NotLicensed | IncompletePopulation):
        return  # nothing is switched on there, or nothing can't be, and that is said: nothing is claimed
    assert reading.error is None, f"{lead} can't be read of a company with next to nothing: {reading.error!r}"
    for name in PASSES[lead]:
        claim = reading.claims[name]
        if not reading.rows[name] and claim.proof_of_life:
            assert claim.proof, f"{name} claims an empty population and does not say what shows that the source lives"


def test_the_requests_stay_within_the_budget(lead: str, known: Companies) -> None:
    reading = known.clean(lead)
    rows = sum(len(found) for found in reading.rows.values())
    budget = BUDGET.get(lead, USUAL) + rows // 10
    assert reading.requests <= budget, f"{lead}: {reading.requests} requests for {rows} rows: {dict(reading.asked)}"


USUAL = 25
"""Requests for one item of the demo company, and one more for ten rows; opening the session not counted."""
BUDGET: dict[str, int] = {
    "aws.encryption": 140,  # thirty services of a region, and a bucket's settings one by one
    "aws.management_events": 60,  # the event history comes fifty at a time, in slices of time
    "gcp.exposure": 40,  # every service of Google Cloud that can be open, and the policies of what is above
    "google.accounts": 60,  # the tokens of each person, by a batch
    "google.drive_activities": 100,  # in slices of time, twice
}
"""Passes that need more, and why."""


def test_a_probe_says_what_reading_says(lead: str, known: Companies) -> None:
    """`evidence doctor` must not call readable what can't be read, nor the other way round."""
    for company, item in ((known.full, known.item(lead)), (known.bare, known.bare_item(lead))):
        with reached(company.whole):
            reading = company.read(lead, item)
            for name in PASSES[lead]:
                said = company.probe(name, item)
                refused = isinstance(reading.error, PermissionDenied | NotLicensed | ConfigurationError)
                assert (type(said) if said else None) == (type(reading.error) if refused else None), (
                    f"the probe of {name} says {said!r} of {item.id}, and reading it {reading.error!r}"
                )
