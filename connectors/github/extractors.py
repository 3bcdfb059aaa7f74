"""Which function fills which dataset."""

from __future__ import annotations

from connectors.github.changes import changes
from schemas.extraction import Extractor
from schemas.github import BYPASSES, CHECKS, COMMITS, DEPLOYMENTS, PULL_REQUESTS

EXTRACTORS: dict[str, Extractor] = {
    COMMITS.name: changes,
    PULL_REQUESTS.name: changes,
    CHECKS.name: changes,
    DEPLOYMENTS.name: changes,
    BYPASSES.name: changes,
}
