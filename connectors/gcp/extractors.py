"""Which function fills which dataset."""

from __future__ import annotations

from schemas.extraction import Extractor

EXTRACTORS: dict[str, Extractor] = {}
"""The extractor of each dataset of this system."""
