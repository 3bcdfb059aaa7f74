"""Rows of configuration datasets for tests: what a test does not speak of is null, or empty where it may not be."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from schemas.dataset import Dataset
from tests.evidence.controls.changes import START


def filled(dataset: Dataset, columns: dict[str, Any]) -> dict[str, Any]:
    """A whole row of the dataset with these columns."""
    row: dict[str, Any] = {}
    for entry in dataset.arrow():
        if entry.name in ("scope_item_id", "raw"):
            continue
        if pa.types.is_list(entry.type):
            row[entry.name] = []
        elif entry.nullable:
            row[entry.name] = None
        else:
            row[entry.name] = _anything(entry.type)
    return row | columns


def _anything(kind: pa.DataType) -> Any:
    if pa.types.is_boolean(kind):
        return False
    if pa.types.is_integer(kind):
        return 1
    return START if pa.types.is_timestamp(kind) else "x"
