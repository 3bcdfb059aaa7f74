"""Which extractor fills which dataset, over all systems. Explicit: nothing is found by scanning.

A system's vendor SDK is loaded when one of its extractors is asked for, and not by reading this list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from connectors.drift import guarded
from schemas import (
    aws,
    aws_configuration,
    aws_detection,
    aws_identity,
    aws_operations,
    aws_trail,
    gcp,
    github,
    google,
    own,
)
from schemas.dataset import Dataset
from schemas.errors import ConfigurationError
from schemas.extraction import Extractor
from schemas.github_delivery import DATASETS as DELIVERY
from schemas.github_organisation import DATASETS as ORGANISATION
from schemas.github_security import DATASETS as SECURITY
from schemas.tickets import DATASETS as TICKETS

_GITHUB = (*DELIVERY, *ORGANISATION, *SECURITY)

DATASETS: Mapping[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        *aws.DATASETS,
        *aws_configuration.DATASETS,
        *aws_identity.DATASETS,
        *aws_detection.DATASETS,
        *aws_operations.DATASETS,
        *aws_trail.DATASETS,
        *github.DATASETS,
        *_GITHUB,
        *TICKETS,
        *own.DATASETS,
        *google.DATASETS,
        *gcp.DATASETS,
    )
}
"""Every dataset that has an extractor, by name."""

DATASET_NAMES = frozenset(DATASETS)


def _aws() -> Mapping[str, Extractor]:
    from connectors.aws.extractors import EXTRACTORS

    return EXTRACTORS


def _github() -> Mapping[str, Extractor]:
    from connectors.github.extractors import EXTRACTORS

    return EXTRACTORS


def _google() -> Mapping[str, Extractor]:
    from connectors.google.extractors import EXTRACTORS

    return EXTRACTORS


def _gcp() -> Mapping[str, Extractor]:
    from connectors.gcp.extractors import EXTRACTORS

    return EXTRACTORS


def _hr() -> Mapping[str, Extractor]:
    from connectors.registers.extractors import HR

    return HR


def _own() -> Mapping[str, Extractor]:
    from connectors.registers.extractors import OWN

    return OWN


def _ticketing() -> Mapping[str, Extractor]:
    from connectors.tickets.extractors import EXTRACTORS

    return EXTRACTORS


_SYSTEMS: Mapping[str, Callable[[], Mapping[str, Extractor]]] = {
    "aws": _aws,
    "github": _github,
    "ticketing": _ticketing,
    "google": _google,
    "gcp": _gcp,
    "hr": _hr,
    "own": _own,
}


def extractors_of(system: str) -> Mapping[str, Extractor]:
    """All extractors of one system, by dataset name. Raises ConfigurationError for a system without a connector."""
    try:
        load = _SYSTEMS[system]
    except KeyError:
        raise ConfigurationError(f"No connector for {system!r}; there are: {_listed(_SYSTEMS)}.") from None
    return load()


def extractor_for(dataset: str) -> Extractor:
    """The extractor of a dataset. Datasets with the same extractor can be filled in one pass.

    Raises ConfigurationError for a dataset that nothing collects.
    """
    if dataset not in DATASETS:
        raise ConfigurationError(f"Nothing collects the dataset {dataset!r}. There are: {_listed(DATASETS)}.")
    system = DATASETS[dataset].system
    return guarded(extractors_of(system)[dataset], system)


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(sorted(names))
