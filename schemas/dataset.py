"""A dataset: one named table with a schema, a key and the fields that must never be kept.

A dataset is declared once, in the module of its source (`schemas/github.py`, `schemas/aws.py`). Arrow is loaded only
when the schema is asked for, so that reading the catalogue stays quick.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from schemas.scope import ScopeKind

if TYPE_CHECKING:
    import pyarrow as pa

DatasetKind = Literal["event_stream", "snapshot", "human_record", "document"]


def framed(*columns: tuple[str, pa.DataType] | tuple[str, pa.DataType, bool]) -> pa.Schema:
    """The Arrow schema of a dataset: the given columns inside the frame that every dataset has.

    Columns are (name, type) for required ones and (name, type, True) for nullable ones.
    """
    import pyarrow as pa

    fields = [pa.field("scope_item_id", pa.string(), nullable=False)]
    fields += [pa.field(column[0], column[1], nullable=len(column) == 3) for column in columns]
    fields.append(pa.field("raw", pa.string(), nullable=False))
    return pa.schema(fields)


@dataclass(frozen=True)
class Dataset:
    """Declaration of one table.

    Every schema begins with `scope_item_id` (string, not null) and holds `raw` (string, not null): the source record as
    JSON with the declared secrets removed, of which the typed columns are a projection. Event streams hold
    `event_time` (timestamp[us, UTC], not null), by which windows are cut.
    """

    name: str
    """`<system>.<noun>`, stable for ever."""
    source: str
    """Id of the primary source in the retention table, such as `github.pull_requests`."""
    kind: DatasetKind
    key: tuple[str, ...]
    """Columns that together name a row; rows are unique by it and sorted by it, after `scope_item_id`."""
    arrow: Callable[[], pa.Schema]
    """Makes the Arrow schema; a function, so that declaring a dataset does not import Arrow."""
    version: int = 1
    """Raised whenever the schema or the meaning of a column changes."""
    secret_fields: tuple[str, ...] = ()
    """Names of fields, at any depth of the source record, that are removed before anything is stored."""
    allowed: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Columns with a closed list of values; anything else is SchemaDrift."""
    volatile: tuple[str, ...] = ()
    """Columns that move without the row becoming another one, such as when it was last touched. A later collection that
    differs in them alone restates nothing."""
    keeps_changing: bool = False
    """Whether rows of a stream go on changing after their event, as tickets do until they are closed. Frequent runs
    read them again for as far back as they look at all; older ones are read again by who asks for their window."""
    per: ScopeKind | None = None
    """What it is collected for, where that is not the item of the control: the tickets of the whole organisation answer
    for each system, the trail of an account for each of its regions. Items of this kind are asked for, once, and their
    claims count for every item they hold or stand in."""

    def __post_init__(self) -> None:
        if "." not in self.name:
            raise ValueError(f"dataset {self.name!r}: write the name as <system>.<noun>")
        if not self.key:
            raise ValueError(f"dataset {self.name!r} needs a key, or rows can't be told apart")

    @property
    def system(self) -> str:
        return self.name.partition(".")[0]
