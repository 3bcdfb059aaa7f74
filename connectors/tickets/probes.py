"""Whether tickets can be read where the programme says that they are kept, and what the tracker's clock says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from connectors.tickets.trackers import tracker_of
from schemas.dataset import Dataset
from schemas.extraction import Session
from schemas.scope import ScopeItem
from schemas.tickets import DATASETS

Probe = Callable[[Session, ScopeItem], None]


def _probing(dataset: Dataset) -> Probe:
    def probe(session: Session, item: ScopeItem) -> None:
        tracker_of(session).probe(dataset, session)

    return probe


PROBES: Mapping[str, Probe] = {dataset.name: _probing(dataset) for dataset in DATASETS}
"""By dataset name."""


def source_clock(session: Session) -> datetime:
    """The tracker's own time."""
    return tracker_of(session).clock(session)
