"""The registry of extractors."""

from __future__ import annotations

import subprocess
import sys

import pytest

from connectors.registry import DATASET_NAMES, DATASETS, extractor_for, extractors_of
from schemas import (
    aws,
    aws_configuration,
    aws_detection,
    aws_identity,
    aws_operations,
    aws_trail,
    gcp,
    github,
    github_delivery,
    github_organisation,
    github_security,
    google,
    own,
    tickets,
)
from schemas.errors import ConfigurationError

_GITHUB = (*github_delivery.DATASETS, *github_organisation.DATASETS, *github_security.DATASETS)


def test_every_dataset_of_the_schemas_stands_in_it() -> None:
    systems = (
        aws.DATASETS,
        aws_configuration.DATASETS,
        aws_identity.DATASETS,
        aws_detection.DATASETS,
        aws_operations.DATASETS,
        aws_trail.DATASETS,
        github.DATASETS,
        _GITHUB,
        google.DATASETS,
        gcp.DATASETS,
        own.DATASETS,
        tickets.DATASETS,
    )
    assert {dataset.name for datasets in systems for dataset in datasets} == DATASET_NAMES


@pytest.mark.parametrize("system", ["aws", "github", "google", "gcp", "hr", "own", "ticketing"])
def test_every_dataset_has_an_extractor_and_no_extractor_fills_nothing(system: str) -> None:
    assert set(extractors_of(system)) == {name for name in DATASETS if DATASETS[name].system == system}
    for name in extractors_of(system):
        assert callable(extractor_for(name))


def test_what_nothing_collects_is_said() -> None:
    with pytest.raises(ConfigurationError, match=r"aws\.sign_in"):
        extractor_for("aws.everything")
    with pytest.raises(ConfigurationError, match="github"):
        extractors_of("azure")


def test_reading_the_registry_loads_no_vendor_sdk() -> None:
    script = (
        "import sys, connectors.registry as r; assert r.DATASETS; "
        "print([m for m in ('boto3', 'botocore', 'github', 'pyarrow', 'requests') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
