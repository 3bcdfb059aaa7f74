"""Which function fills which dataset of tickets. Each is read by itself, for each may be kept in another place."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.tickets.trackers import tracker_of
from schemas.dataset import Dataset
from schemas.extraction import Extractor, ItemClaim, Request, Session, Sink
from schemas.tickets import DATASETS


def _reading(dataset: Dataset) -> Extractor:
    def tickets(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
        return tracker_of(session).read(dataset, session, request, sink)

    tickets.__qualname__ = dataset.name.partition(".")[2]
    return tickets


EXTRACTORS: Mapping[str, Extractor] = {dataset.name: _reading(dataset) for dataset in DATASETS}
"""By dataset name."""
