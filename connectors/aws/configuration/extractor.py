"""How the resources of an account are set up, region by region: five datasets, one pass over what they share."""

from __future__ import annotations

from collections.abc import Callable

from connectors.aws.configuration import backups, balancers, buckets, certificates, databases, logs, networks, stores
from connectors.aws.configuration import volumes as machines
from connectors.aws.configuration.region import Region
from connectors.aws.reading import reading_of
from schemas.aws_configuration import DATASETS, ENCRYPTION, EXPOSURE, LIFECYCLE, LOG_CONFIG, TRANSIT
from schemas.dataset import Dataset
from schemas.errors import PermissionDenied
from schemas.extraction import ItemClaim, Request, Session, Sink

Source = Callable[[Region], None]

SOURCES: tuple[tuple[Source, tuple[Dataset, ...]], ...] = (
    (networks.groups_and_addresses, (EXPOSURE,)),
    (networks.network_acls, (EXPOSURE,)),
    (networks.flow_logs, (LOG_CONFIG,)),
    (balancers.load_balancers, (EXPOSURE, TRANSIT, LOG_CONFIG)),
    (balancers.classic_load_balancers, (EXPOSURE, TRANSIT, LOG_CONFIG)),
    (buckets.buckets, (EXPOSURE, ENCRYPTION, TRANSIT, LIFECYCLE, LOG_CONFIG)),
    (buckets.access_points, (EXPOSURE,)),
    (databases.databases, (EXPOSURE, ENCRYPTION, LIFECYCLE, LOG_CONFIG)),
    (databases.clusters, (EXPOSURE, ENCRYPTION, LIFECYCLE)),
    (databases.snapshots, (EXPOSURE, ENCRYPTION)),
    (machines.volumes, (ENCRYPTION,)),
    (machines.volume_snapshots, (EXPOSURE, ENCRYPTION)),
    (machines.images, (EXPOSURE,)),
    (stores.keys, (EXPOSURE, ENCRYPTION)),
    (stores.tables, (ENCRYPTION, LIFECYCLE)),
    (stores.file_systems, (EXPOSURE, ENCRYPTION)),
    (stores.queues, (EXPOSURE, ENCRYPTION)),
    (stores.topics, (EXPOSURE, ENCRYPTION)),
    (stores.functions, (EXPOSURE,)),
    (certificates.certificates, (TRANSIT,)),
    (certificates.distributions, (TRANSIT,)),
    (logs.trails, (LOG_CONFIG,)),
    (logs.log_groups, (LIFECYCLE, LOG_CONFIG)),
    (backups.vaults, (LIFECYCLE,)),
    (backups.plans, (LIFECYCLE,)),
)
"""What is read, and which datasets it fills. A source is read where one of them was asked for."""


def configuration(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Extractor of `aws.exposure`, `aws.encryption`, `aws.transit`, `aws.lifecycle` and `aws.log_config` for an item
    `aws:<account>:<region>`.

    Raises what `connectors.aws.calls` raises: a list that may not be read is `PermissionDenied` with the right that is
    missing and the region. A single resource that may not be read has a row that says so, and the claim is truncated.
    """
    region = _region(session, request, sink)
    for read, datasets in SOURCES:
        if region.wants(*datasets):
            read(region)
    return [region.claim(dataset) for dataset in region.wanted]


def probe(session: Session, request: Request, sink: Sink) -> None:
    """The same calls for the first page of every list and the first item of it, so that every right is touched that
    the account's resources give occasion for. Raises what the extractor raises, and `PermissionDenied` for a refusal
    about a single resource."""
    region = _region(session, request, sink)
    region.first_only = True
    for read, datasets in SOURCES:
        if region.wants(*datasets):
            read(region)
    for missing in region.refused.values():
        right, resources = min(missing.items())
        raise PermissionDenied(
            f"AWS denies {right} for {resources[0]} in account {region.account}, region {region.name}. Allow it to the "
            "role that is read with, and look at the policy of the resource.",
            permission=right,
        )


def _region(session: Session, request: Request, sink: Sink) -> Region:
    wanted = tuple(dataset for dataset in DATASETS if dataset.name in request.datasets)
    reading = reading_of(session, request, sink, wanted[0])
    return Region(reading, wanted, reading.regions[0])
