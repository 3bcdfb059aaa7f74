"""One pass over an account and its regions: lists whole or not at all, everything kept and counted on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson

from connectors.aws.calls import Answer, Caller
from connectors.aws.session import AwsClient
from schemas.dataset import Dataset
from schemas.errors import EvidenceError, IncompletePopulation, NotLicensed, PermissionDenied, SchemaDrift
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.instants import format_instant

Json = Mapping[str, Any]


class Entry(NamedTuple):
    """One item of a list: as botocore reads it, and as AWS sent it (with fields that botocore does not know)."""

    parsed: Json
    raw: Any


@dataclass(slots=True)
class Reading:
    """What one extractor call has done so far. `dataset` is the one that answers are kept for."""

    caller: Caller
    sink: Sink
    dataset: Dataset
    item: str
    regions: tuple[str, ...] = ()
    start: datetime | None = None
    end: datetime | None = None
    pages: int = 0
    read: int = 0
    """Items of lists, each once."""
    observed_at: datetime | None = None
    answered_at: datetime | None = None
    dropped: Counter[str] = field(default_factory=Counter[str])
    refused: dict[str, str] = field(default_factory=dict[str, str])
    """Right that is missing, by region that could not be read."""
    denied: PermissionDenied | None = None
    """The first refusal of a region."""
    words: list[str] = field(default_factory=list[str])
    reaches: dict[str, datetime] = field(default_factory=dict[str, datetime])
    """From when on each part of the answer is whole, where its source forgets."""

    @property
    def account(self) -> str:
        return self.caller.account

    @property
    def interval(self) -> tuple[datetime, datetime]:
        """What was asked for, of an event stream."""
        if self.start is None or self.end is None:
            raise AssertionError("an event stream is asked with an interval")
        return self.start, self.end

    @property
    def partition(self) -> str:
        """`aws`, `aws-cn` or `aws-us-gov`."""
        return self.caller.principal.split(":")[1]

    @property
    def now(self) -> datetime:
        """The source's clock at the first answer."""
        assert self.observed_at is not None, "nothing was asked yet"
        return self.observed_at

    def ask(
        self, operation: str, *, region: str | None = None, expect: Collection[str] = (), **parameters: Any
    ) -> Answer:
        """One call whose answer is kept."""
        return self.keep(self.caller.ask(operation, region=region, expect=expect, **parameters))

    def entries(
        self,
        operation: str,
        name: str,
        *,
        key: Callable[[Any], object] | None,
        region: str | None = None,
        asked: str = "NextToken",
        answered: str = "NextToken",
        more: str | None = None,
        wire: str | None = None,
        **parameters: Any,
    ) -> Iterator[Entry]:
        """The items of the list `name`, each once, to the end of its pages. `wire` is its name in the body, if another.

        A list that moves while it is read shows an item again; `key` tells them apart (None: they are told apart by all
        they hold). An answer without the list is `SchemaDrift`: nothing is not empty. So is an item without its key,
        as all such items would be taken for one.
        """
        seen: set[object] = set()
        for page in self.caller.pages(
            operation, asked=asked, answered=answered, more=more, region=region, **parameters
        ):
            self.keep(page)
            self.pages += 1
            items = page.parsed.get(name)
            if not isinstance(items, list):
                raise SchemaDrift(f"{operation} answers without {name} in account {self.account}.")
            for parsed, raw in zip(items, _sent(page, wire or name, items), strict=True):
                mark = orjson.dumps(parsed, default=str) if key is None else key(parsed)
                if mark is None or (isinstance(mark, tuple) and set(mark) == {None}):
                    raise SchemaDrift(
                        f"{operation} lists something in account {self.account} without what tells it from others."
                    )
                if mark in seen:
                    self.dropped["repeated on a later page"] += 1
                    continue
                seen.add(mark)
                self.read += 1
                yield Entry(parsed, raw)

    def in_each_region(self, read: Callable[[str], None]) -> None:
        """Read region by region. One that may not be read is named, and takes nothing from the others.

        Raises `PermissionDenied` where that goes for all of them.
        """
        for region in self.regions:
            try:
                read(region)
            except PermissionDenied as denied:
                self.denied = self.denied or denied
                self.refused[region] = denied.permission or "a right that AWS does not name"
        if self.denied is not None and len(self.refused) == len(self.regions):
            raise self.denied

    def nothing_on(self, words: str) -> EvidenceError:
        """The error where nothing was found to be on: that it is off is known of regions alone that could be read."""
        return self.denied or NotLicensed(words)

    def offered(self, service: str, region: str) -> bool:
        """Whether AWS has a service in a region at all; where not, the claim says so."""
        there = self.caller.offers(service, region)
        if not there:
            self.words.append(f"{service} is not offered in {region}")
        return there

    def within(self, moment: datetime | None) -> bool:
        """Whether an event belongs to the interval asked."""
        start, end = self.interval
        return moment is not None and start <= moment < end

    def put(self, rows: Iterable[Mapping[str, Any]]) -> int:
        """Hand rows over as they come; how many there were."""
        count = 0

        def counted() -> Iterator[Mapping[str, Any]]:
            nonlocal count
            for row in rows:
                count += 1
                yield row

        self.sink.rows(self.dataset, counted())
        return count

    def remembers(self, source: str, kept: timedelta) -> datetime:
        """Note that a source forgets, and say from when on it still knows all."""
        reach = self.now - kept
        self.reaches[source] = reach
        return reach

    def claim(
        self,
        query: str,
        *,
        count: int | None = None,
        rows: int | None = None,
        proof: str | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> ItemClaim:
        """What the pass asserts about its dataset."""
        words = list(self.words)
        if self.refused:
            named = ", ".join(f"{region} ({right})" for region, right in sorted(self.refused.items()))
            words.append(f"not read: {named}")
        reach = max(self.reaches.values(), default=None)
        limited = reach is not None and self.start is not None and reach > self.start
        if limited:
            reached = ", ".join(f"{source} {format_instant(at)}" for source, at in sorted(self.reaches.items()))
            words.append(f"whole from: {reached}")
        return ItemClaim(
            self.dataset.name,
            query,
            {"account": self.account, "principal": self.caller.principal, "regions": list(self.regions)}
            | dict(parameters or {}),
            observed_at=self.observed_at if self.dataset.kind == "snapshot" else None,
            truncated=bool(self.refused),
            complete_from=reach if limited else None,
            proof_of_life=proof is not None,
            proof=proof,
            independent_count=count,
            reconciliation="; ".join(words) or None,
            pages=self.pages,
            drop_rules=dict(self.dropped),
            rows_returned=self.read if rows is None else rows,
        )

    def keep(self, answer: Answer) -> Answer:
        """Keep an answer that was asked for beside the pass, and date the pass by it."""
        answer.keep(self.sink, self.dataset)
        self.observed_at = self.observed_at or answer.served_at
        self.answered_at = answer.served_at
        return answer


def reading_of(session: Session, request: Request, sink: Sink, dataset: Dataset) -> Reading:
    """Begin a pass for `aws:<account>:<region>`, or for `aws:<account>` or `alerts:aws:<account>` and every region that
    is enabled there."""
    client: AwsClient = session.client
    parts = request.item.id.removeprefix("alerts:").split(":")
    reading = Reading(
        client.account(parts[1]), sink, dataset, request.item.id, start=request.start, end=request.end
    )  # fmt: skip
    reading.regions = (parts[2],) if len(parts) > 2 else enabled_regions(reading)
    return reading


def enabled_regions(reading: Reading) -> tuple[str, ...]:
    """The regions that are enabled in the account."""
    regions = reading.ask("ec2:DescribeRegions", AllRegions=False).parsed.get("Regions")
    if not isinstance(regions, list) or not regions:
        raise SchemaDrift(f"ec2:DescribeRegions answers without regions for account {reading.account}.")
    return tuple(sorted(str(region["RegionName"]) for region in regions))


def field_of(entry: Json, name: str, what: str) -> Any:
    """A field that must be there. Raises `SchemaDrift`."""
    value = entry.get(name)
    if value is None:
        raise SchemaDrift(f"{what} comes without {name}.")
    return value


def moment(value: Any) -> datetime | None:
    """A time of an answer, aware; botocore reads them as datetimes, some services send texts."""
    if value is None or isinstance(value, datetime):
        return None if value is None else value.astimezone(UTC)
    try:
        read = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise SchemaDrift(f"AWS sends {str(value)[:40]!r} where a time belongs.") from error
    if read.tzinfo is None:
        raise SchemaDrift("AWS sends a time without its zone.")
    return read.astimezone(UTC)


def raw_of(dataset: Dataset, record: Any) -> str:
    """The record as JSON, without what the dataset declares as secret."""
    secret = frozenset(name.casefold() for name in dataset.secret_fields)
    return orjson.dumps(_stripped(record, secret), default=_plain, option=orjson.OPT_UTC_Z).decode()


def batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Lists of at most `size` items."""
    held: list[Any] = []
    for item in items:
        held.append(item)
        if len(held) == size:
            yield held
            held = []
    if held:
        yield held


def demand_all(wanted: Sequence[str], got: Collection[str], what: str) -> None:
    """Raise `IncompletePopulation` where details were asked for by id and do not come for all, or come for others."""
    missing, others = set(wanted) - set(got), set(got) - set(wanted)
    if missing or others:
        raise IncompletePopulation(
            f"{len(missing)} of {len(wanted)} {what} were listed and not described, {len(others)} described that were "
            "not asked for. Nothing was kept; run again."
        )


def first_days(start: datetime, end: datetime) -> Iterator[datetime]:
    """Noon UTC of the first day of each month in [start, end)."""
    year, month = start.year, start.month
    while True:
        noon = datetime(year, month, 1, 12, tzinfo=UTC)
        if noon >= end:
            return
        if noon >= start:
            yield noon
        year, month = year + month // 12, month % 12 + 1


def _sent(page: Answer, name: str, parsed: list[Any]) -> list[Any]:
    if not page.body.lstrip().startswith(b"{"):
        return parsed
    items = orjson.loads(page.body).get(name)
    return items if isinstance(items, list) and len(items) == len(parsed) else parsed


def _stripped(value: Any, secret: frozenset[str]) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _stripped(inner, secret) for key, inner in value.items() if str(key).casefold() not in secret}
    if isinstance(value, (list, tuple)):
        return [_stripped(inner, secret) for inner in value]
    return value


def _plain(value: Any) -> Any:
    return str(value)
