"""Whether the configuration of a region can be read: the same calls as for collecting, for the first page of every list
and the first resource of it. What an account has none of is not asked about, so its right shows only later."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from connectors.aws.configuration.extractor import probe
from schemas.aws_configuration import DATASETS
from schemas.dataset import Dataset
from schemas.extraction import Request, Session
from schemas.scope import ScopeItem


class _Nowhere:
    """A sink that keeps nothing."""

    def rows(self, dataset: Dataset, rows: Iterable[Mapping[str, Any]]) -> None:
        """Nothing."""

    def batches(self, dataset: Dataset, batches: Iterable[Any]) -> None:
        """Nothing."""

    def answer(self, **_: Any) -> None:
        """Nothing."""


def _probe(dataset: Dataset) -> Callable[[Session, ScopeItem], None]:
    def ask(session: Session, item: ScopeItem) -> None:
        probe(session, Request(frozenset([dataset.name]), item), _Nowhere())

    return ask


PROBES: Mapping[str, Callable[[Session, ScopeItem], None]] = {dataset.name: _probe(dataset) for dataset in DATASETS}
"""By dataset name."""
