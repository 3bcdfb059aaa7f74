"""One pass over the configuration of one region: what is read once serves every dataset that was asked for.

Lists are whole or an error. What is asked about one resource is asked side by side with others; a refusal there takes
nothing but the columns that hang on it, and is named in the row and in the claim.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, TypeVar

from connectors.aws.calls import SIDE_BY_SIDE, Answer, Caller
from connectors.aws.configuration.operations import OPERATIONS
from connectors.aws.reading import Json, Reading, raw_of
from connectors.aws.verdicts import DENIED, iam_action
from schemas.dataset import Dataset
from schemas.errors import SchemaDrift
from schemas.extraction import ItemClaim

Row = dict[str, Any]
Item = TypeVar("Item")

_AHEAD = 4 * SIDE_BY_SIDE
"""So many resources may be asked about before the first of them has become a row."""
_TOGETHER = 500
"""So many rows are handed over at once."""
_NAMED = 20
"""So many resources that could not be read are named in a claim; their rows name all."""


@dataclass(slots=True)
class Detail:
    """What was asked about one resource, in a thread of its own."""

    caller: Caller
    region: str
    answers: list[Answer] = field(default_factory=list[Answer])
    found: dict[str, Json | None] = field(default_factory=dict[str, "Json | None"])
    refused: dict[str, str] = field(default_factory=dict[str, str])
    told: set[str] = field(default_factory=set[str])
    """Datasets with a row that says what was refused."""
    gone: bool = False

    def ask(
        self, operation: str, *, absent: Collection[str] = (), gone: Collection[str] = (), region: str | None = None,
        **parameters: Any,
    ) -> Json | None:  # fmt: skip
        """One call. Empty where AWS says that there is no such configuration (a fact), None where it refuses.

        `gone` are the codes that say that the resource itself is there no more.
        """
        answer = self.caller.ask(
            operation, region=region or self.region, expect=(*absent, *gone, *DENIED), **parameters
        )
        self.answers.append(answer)
        result: Json | None = _said(answer.parsed)
        if answer.error_code is not None:
            result = {}
            if answer.error_code in DENIED:
                self.refused[operation] = answer.error_code
                result = None
            elif answer.error_code in gone:
                self.gone = True
        self.found[operation] = result
        return result

    def pages(self, operation: str, name: str, marker: str, answered: str | None = None, **parameters: Any) -> Json:
        """All items of a list of the resource, under `name`."""
        items: list[Any] = []
        for page in self.caller.pages(
            operation, asked=marker, answered=answered or marker, region=self.region, **parameters
        ):
            self.answers.append(page)
            found = page.parsed.get(name)
            if not isinstance(found, list):
                raise SchemaDrift(f"{operation} answers without {name} in account {self.caller.account}.")
            items += found
        self.found[operation] = {name: items}
        return {name: items}

    def conclude(self, operation: str) -> None:
        """There can be no such configuration, by what is known already, so nobody is asked."""
        self.found[operation] = {}

    def of(self, operation: str) -> Json | None:
        """What was found: empty where there is nothing, None where it could not be read or was not asked."""
        return self.found.get(operation)

    def unreadable(self, dataset: Dataset, hangs_on: Collection[str] | None = None) -> list[str]:
        """Refused calls that columns of the dataset hang on; `hangs_on` where not all of them are about the row."""
        mine = OPERATIONS[dataset.name] if hangs_on is None else hangs_on
        return [f"{operation} {code}" for operation, code in sorted(self.refused.items()) if operation in mine]


@dataclass(slots=True)
class Region:
    """The pass. `first_only` reads one item of every list, which is what a probe wants."""

    reading: Reading
    wanted: tuple[Dataset, ...]
    name: str
    first_only: bool = False
    rows: Counter[str] = field(default_factory=Counter[str])
    refused: dict[str, dict[str, list[str]]] = field(default_factory=dict[str, dict[str, list[str]]])
    """By dataset and missing right the resources that it was missed for."""
    own_buckets: set[str] = field(default_factory=set[str])
    """Names of the account's buckets, of all regions, once they were listed."""
    _waiting: dict[Dataset, list[Row]] = field(default_factory=dict[Dataset, list[Row]])

    @property
    def account(self) -> str:
        return self.reading.account

    def wants(self, *datasets: Dataset) -> bool:
        return any(dataset in self.wanted for dataset in datasets)

    def arn(self, service: str, resource: str) -> str:
        return f"arn:{self.reading.partition}:{service}:{self.name}:{self.account}:{resource}"

    def ask(self, operation: str, *, expect: Collection[str] = (), **parameters: Any) -> Json:
        """One call about the region; with a code of `expect` the answer is empty."""
        answer = self.reading.ask(operation, region=self.name, expect=expect, **parameters)
        return _said(answer.parsed) if answer.error_code is None else {}

    def items(self, operation: str, name: str, key: str, marker: str = "NextToken", **more: Any) -> Iterator[Json]:
        """The items of a list, each once, told apart by `key` (a list of plain names: empty)."""
        answered = more.pop("answered", marker)

        def mark(one: Any) -> object:
            return one if isinstance(one, str) else one.get(key)

        for entry in self.reading.entries(
            operation, name, key=mark, region=self.name, asked=marker, answered=answered, **more
        ):
            if key and entry.parsed.get(key) is None:
                raise SchemaDrift(f"{operation} lists something without {key} in account {self.account}.")
            yield entry.parsed
            if self.first_only:
                return

    def each(
        self, items: Iterable[Item], ask: Callable[[Detail, Item], object], key: str = ""
    ) -> Iterator[tuple[Item, Detail]]:  # fmt: skip
        """Ask about every item, several at a time, and give them back in their order. Those that went away since they
        were listed are left out and counted.

        `key` tells items apart, as in `items`. What was refused about one is missing from the claim of every dataset
        that needs it, also where no row of the dataset is made of the item.
        """
        waiting: deque[tuple[Item, Detail, Future[object]]] = deque()

        def finished() -> Iterator[tuple[Item, Detail]]:
            item, detail, future = waiting.popleft()
            future.result()
            for answer in detail.answers:
                self.reading.keep(answer)
            if detail.gone:
                self.reading.dropped["gone since it was listed"] += 1
            else:
                yield item, detail
                resource = str(item.get(key)) if isinstance(item, Mapping) else str(item)
                for dataset in self.wanted:
                    if dataset.name not in detail.told:
                        self._miss(dataset, resource, detail.unreadable(dataset))

        pool = ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="aws")
        try:
            for item in items:
                detail = Detail(self.reading.caller, self.name)
                waiting.append((item, detail, pool.submit(ask, detail, item)))
                if len(waiting) >= _AHEAD:
                    yield from finished()
            while waiting:
                yield from finished()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def put(
        self, dataset: Dataset, kind: str, resource_id: str, record: Any, *, part: str = "",
        detail: Detail | None = None, hangs_on: Collection[str] | None = None, **columns: Any,
    ) -> None:  # fmt: skip
        """One row, where its dataset was asked for. Columns that are not given are null."""
        if dataset not in self.wanted:
            return
        unreadable: list[str] = []
        if detail is not None:
            detail.told.add(dataset.name)
            unreadable = detail.unreadable(dataset, hangs_on)
        unknown = set(columns) - set(_empty(dataset))
        assert not unknown, f"{dataset.name} has no {unknown}"
        self._miss(dataset, resource_id, unreadable)
        row = _empty(dataset) | {
            "scope_item_id": self.reading.item, "record_id": f"{kind}:{resource_id}{part and '#'}{part}",
            "account_id": self.account, "region": self.name, "kind": kind, "resource_id": resource_id,
            "unreadable": unreadable,
            "raw": raw_of(dataset, record), **columns,
        }  # fmt: skip
        self.rows[dataset.name] += 1
        waiting = self._waiting.setdefault(dataset, [])
        waiting.append(row)
        if len(waiting) >= _TOGETHER:
            self._hand_over(dataset)

    def _miss(self, dataset: Dataset, resource: str, unreadable: Iterable[str]) -> None:
        """Note for the claim what was refused about a resource."""
        for call in unreadable:
            right = iam_action(call.partition(" ")[0])
            named = self.refused.setdefault(dataset.name, {}).setdefault(right, [])
            if resource not in named:
                named.append(resource)

    def _hand_over(self, dataset: Dataset) -> None:
        rows = self._waiting.pop(dataset, [])
        if rows:
            self.reading.sink.rows(dataset, rows)

    def claim(self, dataset: Dataset) -> ItemClaim:
        """What the pass asserts about one of its datasets, whose last rows are handed over with it."""
        self._hand_over(dataset)
        refused = self.refused.get(dataset.name, {})
        words: list[str] = []
        for right, resources in sorted(refused.items()):
            named = ", ".join(sorted(resources)[:_NAMED])
            more = f" and {len(resources) - _NAMED} more" if len(resources) > _NAMED else ""
            words.append(f"not read for want of {right}: {named}{more}")
        claim = replace(self.reading, dataset=dataset, words=words).claim(
            "\n".join(OPERATIONS[dataset.name]), rows=self.rows[dataset.name],
            proof=f"{self.reading.pages} lists and pages of the region answered",
        )  # fmt: skip
        return replace(claim, truncated=claim.truncated or bool(refused))


@cache
def _empty(dataset: Dataset) -> Row:
    """A row without content: null, or no items."""
    return {entry.name: [] if str(entry.type).startswith("list") else None for entry in dataset.arrow()}


def _said(parsed: Json) -> Json:
    """The answer without what is said of the request: that differs every time."""
    return {name: value for name, value in parsed.items() if name != "ResponseMetadata"}


def texts(items: Iterable[Mapping[str, Any]] | None, name: str) -> list[str]:
    """One member of each item, where it is there."""
    return [str(item[name]) for item in items or () if item.get(name) is not None]
