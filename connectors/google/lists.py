"""Lists of Google read whole.

Google's lists carry no total and no version. A page that lost an entry, a list that moved while it was paged, or a
page that falsely says it is the last can't be told from a whole list by looking at it. So every list is read twice,
ids only and then whole, with other page sizes and in the other order where the method has one, and both must show the
same ids.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from connectors.google.calls import Answer, GoogleClient
from schemas.dataset import Dataset
from schemas.errors import IncompletePopulation, SchemaDrift
from schemas.extraction import Sink

Entry = Mapping[str, Any]

_INNER = re.compile(r"\([^()]*\)")
"""What a mask names inside a field."""


@dataclass(frozen=True, slots=True)
class Listing:
    """How one list is asked for, twice. `entries` is the key of the list in an answer, `ids` the mask of what names an
    entry and is never all that an entry says, `key` that name."""

    method: str
    entries: str
    ids: str
    key: Callable[[Entry], str]
    parameters: Mapping[str, Any]
    first: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What is asked beside, in the reading of the ids."""
    second: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What is asked beside, in the reading of everything."""
    only_grows: bool = False
    """Entries arrive and never leave, as events do: then what the first reading showed must be in the second."""
    bucket: str | None = None
    mask: str | None = None
    """The fields of the second reading; None: all."""
    not_with: str | None = None
    """A flag by which the method itself says that its answer is not whole."""


@dataclass(slots=True)
class Tally:
    """What reading one list came to."""

    entries: int = 0
    pages: int = 0
    readings: int = 0
    observed_at: datetime | None = None
    """When the whole reading began, by Google's clock."""

    def add(self, other: Tally) -> None:
        """Count another list as well; the earliest instant stands for both."""
        self.entries += other.entries
        self.pages += other.pages
        self.readings += other.readings
        if other.observed_at is not None:
            self.observed_at = min(self.observed_at or other.observed_at, other.observed_at)


def read_whole(
    client: GoogleClient, listing: Listing, sink: Sink, dataset: Dataset, take: Callable[[Sequence[Entry]], None]
) -> Tally:
    """Hand every entry to `take`, page by page, and prove afterwards that none was missing.

    An entry that comes twice is handed over once. Raises IncompletePopulation where the readings contradict each other,
    or where the answer to the reading of ids comes once more in place of whole entries; what `take` got then is worth
    nothing.
    """
    tally = Tally()
    before = _ids(client, listing, sink, dataset, tally)
    seen: set[str] = set()
    named = set(_INNER.sub("", listing.ids).split(","))
    mask = {} if listing.mask is None else {"fields": listing.mask}
    pages = client.pages(listing.method, bucket=listing.bucket, **{**listing.parameters, **listing.second, **mask})
    tally.readings += 1
    for page in pages:
        tally.pages += 1
        page.keep(sink, dataset)
        if listing.not_with is not None and page.parsed.get(listing.not_with):
            raise IncompletePopulation(f"{listing.method} says itself that it did not look everywhere. Run it again.")
        if tally.observed_at is None:
            tally.observed_at = page.served_at
        fresh: list[Entry] = []
        for entry in entries_of(page, listing.entries):
            key = listing.key(entry)
            if entry.keys() <= named:
                raise IncompletePopulation(
                    f"{listing.method} was asked for whole entries and answered with their ids alone, as in the "
                    "reading before. Nothing is claimed; run again."
                )
            if key not in seen:
                seen.add(key)
                fresh.append(entry)
        take(fresh)
    tally.entries = len(seen)
    if listing.only_grows:
        if before - seen:
            raise _contradiction(listing.method, before, seen)
    elif before != seen and (after := _ids(client, listing, sink, dataset, tally)) != seen:
        raise _contradiction(listing.method, after, seen)
    return tally


def _ids(client: GoogleClient, listing: Listing, sink: Sink, dataset: Dataset, tally: Tally) -> set[str]:
    mask = f"nextPageToken,{listing.entries}({listing.ids})"
    found: set[str] = set()
    parameters = {**listing.parameters, **listing.first, "fields": mask}
    for page in client.pages(listing.method, bucket=listing.bucket, **parameters):
        tally.pages += 1
        page.keep(sink, dataset)
        found.update(listing.key(entry) for entry in entries_of(page, listing.entries))
    tally.readings += 1
    return found


def _contradiction(method: str, ids: set[str], whole: set[str]) -> IncompletePopulation:
    return IncompletePopulation(
        f"Two readings of {method} contradict each other: {len(ids)} entries by their ids, {len(whole)} read whole, "
        f"{len(ids ^ whole)} in one alone. A page was cut short, or the list moved. Nothing is claimed; run again."
    )


def entries_of(page: Answer, name: str) -> list[Entry]:
    """The list in an answer; Google leaves it out where it is empty. Raises SchemaDrift for anything but objects."""
    found = page.parsed.get(name, [])
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in cast("list[Any]", found)):
        raise SchemaDrift(f"{page.method} answers with a {name} that is no list of objects.")
    return cast("list[Entry]", found)
