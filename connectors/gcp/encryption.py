"""With which key a project's stores are encrypted, and whether its keys rotate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from connectors.gcp.exposure import COMPUTE, SQL, STORAGE, sql_instances
from connectors.gcp.pages import aggregated, by, field_of
from connectors.gcp.reading import Reading, reading
from connectors.gcp.store_rows import bucket_row, dataset_row, disk_row, key_row, sql_row
from connectors.gcp.values import needed, part
from schemas.errors import IncompletePopulation
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.gcp import ENCRYPTION

BIGQUERY, KMS = "bigquery.googleapis.com", "cloudkms.googleapis.com"


def encryption(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Extractor of `gcp.encryption`. A service that is off counts as in `gcp.exposure`."""
    found = reading(session, request, sink, ENCRYPTION, above=False)
    found.demand()
    on = found.enabled(COMPUTE, STORAGE, SQL, BIGQUERY, KMS)
    rows: list[dict[str, Any]] = []
    for service, read, kinds in (
        (COMPUTE, _disks, ()), (STORAGE, _buckets, ("storage.googleapis.com/Bucket",)),
        (SQL, _databases, ("sqladmin.googleapis.com/Instance",)),
        (BIGQUERY, _datasets, ("bigquery.googleapis.com/Dataset",)),
        (KMS, _keys, ("cloudkms.googleapis.com/CryptoKey",)),
    ):  # fmt: skip
        if on[service]:
            rows += read(found)
        elif kinds:
            found.none_of(service, *kinds)
        else:
            found.notes.append(f"{service} is off, so there are no disks")
    sink.rows(ENCRYPTION, rows)
    return found.result(f"{len(rows)} stores and keys looked at", rows_returned=len(rows))


def _disks(found: Reading) -> Iterable[dict[str, Any]]:
    common = {"project": found.project_id, "maxResults": 500}
    link = by("selfLink")
    for disk in found.listed("compute.disks.aggregatedList", aggregated("disks"), link, **common):
        yield disk_row(found.item.id, disk)
    for snapshot in found.listed("compute.snapshots.list", field_of("items"), link, **common):
        yield disk_row(found.item.id, snapshot, "snapshot")


def _buckets(found: Reading) -> Iterable[dict[str, Any]]:
    buckets = found.listed(
        "storage.buckets.list", field_of("items"), by("name"), project=found.project_id, maxResults=500
    )
    return (bucket_row(found.item.id, one) for one in buckets)


def _databases(found: Reading) -> Iterable[dict[str, Any]]:
    return (sql_row(found.item.id, one) for one in sql_instances(found))


def _datasets(found: Reading) -> Iterable[dict[str, Any]]:
    """Each dataset by itself: the list leaves its key out."""
    listed = found.listed(
        "bigquery.datasets.list", field_of("datasets"), by("id"), projectId=found.project_id, maxResults=500, all=True
    )
    ids = [str(needed(part(one, "datasetReference"), "datasetId", "BigQuery dataset")) for one in listed]
    answers = found.batched(
        "bigquery.datasets.get", [{"projectId": found.project_id, "datasetId": name} for name in ids]
    )
    for name, answer in zip(ids, answers, strict=True):
        if part(answer.parsed, "datasetReference").get("datasetId") != name:
            raise IncompletePopulation("Google answered with another dataset than it was asked for. Run again.")
        yield dataset_row(found.item.id, answer.parsed)


def _keys(found: Reading) -> Iterable[dict[str, Any]]:
    """Keys live in rings, and rings in locations; neither can be listed over all of them."""
    locations = found.listed(
        "cloudkms.projects.locations.list", field_of("locations"), by("locationId"), name=f"projects/{found.project_id}"
    )
    parents = [f"projects/{found.project_id}/locations/{one['locationId']}" for one in locations]
    rings = found.listed_each(
        "cloudkms.projects.locations.keyRings.list", "keyRings", by("name"),
        [{"parent": one, "pageSize": 1000} for one in parents],
    )  # fmt: skip
    names = [str(ring["name"]) for some in rings for ring in some]
    keys = found.listed_each(
        "cloudkms.projects.locations.keyRings.cryptoKeys.list", "cryptoKeys", by("name"),
        [{"parent": one, "pageSize": 1000} for one in names],
    )  # fmt: skip
    return (key_row(found.item.id, key) for some in keys for key in some)
