"""The seam between collecting and storing: what an extractor is asked, and where it puts what it read.

An extractor is a plain function, one per source call pattern; it may fill several datasets in one pass:

    def changes(request: Request, sink: Sink) -> list[ItemClaim]

It yields the whole population of one scope item or raises one of `schemas.errors`. The caller turns a raised error
into an `error` claim and drops whatever that item had put into the sink. An extractor never returns less than
everything without saying so (`status="truncated"`, with `complete_until` where a prefix is whole).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from schemas.dataset import Dataset
from schemas.scope import ScopeItem

if TYPE_CHECKING:
    import pyarrow as pa


def query_hash(query_text: str) -> str:
    """The hash by which claims of the same query are told from those of another, for `superset_of` too."""
    return "sha256:" + hashlib.sha256(query_text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of an extractor for one scope item.

    `start` and `end` bound the event times wanted, half-open, and are None for snapshots. `datasets` are the names
    wanted of those that the extractor offers. `known_items` are the scope item ids that the latest inventory showed,
    against which a principal that suddenly sees less is recognised.
    """

    datasets: frozenset[str]
    item: ScopeItem
    start: datetime | None = None
    end: datetime | None = None
    known_items: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class ItemClaim:
    """What an extractor asserts about one dataset of the item it was asked for.

    The collecting step completes it to a `schemas.collection.Claim` (rows counted by the sink, times, requests).
    """

    dataset: str
    query_text: str
    """The full query or the list of endpoint templates; `query_hash` of it is the query hash."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    observed_at: datetime | None = None
    """Snapshots: the instant the state was true, by the source's own clock where it tells."""
    truncated: bool = False
    complete_from: datetime | None = None
    """For a source that answers for a limited time back: the answer is whole from here on, and claimed only from here.
    """
    complete_until: datetime | None = None
    proof_of_life: bool = False
    proof: str | None = None
    independent_count: int | None = None
    reconciliation: str | None = None
    pages: int = 0
    last_cursor_empty: bool = True
    drop_rules: Mapping[str, int] = field(default_factory=dict)
    """Rows read and not kept, by reason."""
    rows_returned: int | None = None
    superset_of: tuple[str, ...] = ()


class Sink(Protocol):
    """Where rows and answers go; implemented by the store, and in memory by tests."""

    def rows(self, dataset: Dataset, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add typed rows of the item at hand; checked against the dataset's schema, streamed to disk in batches."""
        ...

    def batches(self, dataset: Dataset, batches: Iterable[pa.RecordBatch]) -> None:
        """The same for rows that are Arrow batches of exactly the dataset's schema: for populations of millions.

        They are held to the same: required columns, allowed values, one scope item, secrets, unique keys.
        """
        ...

    def answer(
        self,
        *,
        dataset: Dataset,
        method: str,
        url: str,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep one answer as received, minus the dataset's declared secret fields.

        Call it for each answer, page by page. Request headers are never passed: they hold credentials.
        """
        ...


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Session:
    """An open, authenticated connection to one system, made once per run and thread by the connector.

    The facts go into the provenance block. `client` is the connector's own object (PyGithub transport, boto3 session).
    """

    system: str
    client: Any
    endpoint: str
    simulated: bool
    """True where the endpoint is on loopback: such evidence enters only a simulated store."""
    declared: bool
    """True where the endpoint is not the vendor's own but declared, with a reason, in the programme."""
    principal: str
    principal_rights: str
    tenant: str
    certificate_sha256: str | None = None
    """SHA-256 (hex) of the certificate the endpoint presented; None without TLS."""
    close: Callable[[], None] = _nothing
    """Lets go of its connections; the session is of no use afterwards. By default there are none to let go of."""


Extractor = Callable[[Session, Request, Sink], list[ItemClaim]]
