"""Whether a dataset of Google Cloud can be read, by the cheapest questions that touch every right it needs.

A probe returns when everything answers and raises what the extractor would raise. It keeps nothing and proves nothing
about a population.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from schemas.extraction import Session
from schemas.scope import ScopeItem

Probe = Callable[[Session, ScopeItem], None]

PROBES: Mapping[str, Probe] = {}
"""By dataset name."""
