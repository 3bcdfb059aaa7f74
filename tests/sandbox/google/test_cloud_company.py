"""The demo company's Google Cloud: every dataset has something to say, and the planted facts are there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.gcp.permissions import METHODS, PERMISSIONS, least_permissions
from connectors.google.documents import place_of
from sandbox.company import read_model
from sandbox.google.cloud.company import FILE, cloud_world
from sandbox.google.cloud.script import SCRIPT
from schemas import gcp
from schemas.dataset import Dataset
from schemas.errors import ConfigurationError, NotLicensed
from tests.fakes.cloud_company import Cloud, Collected

DEMO = Path(__file__).resolve().parents[3] / "sandbox" / "companies" / "demo"
WAREHOUSE, SPARE = "417203958816", "552019384470"
START, END = datetime(2026, 7, 25, tzinfo=UTC), datetime(2026, 8, 25, tzinfo=UTC)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    cloud = Cloud(tmp_path_factory.mktemp("demo-cloud"))
    cloud.become(cloud_world(read_model(DEMO / FILE, SCRIPT)))
    cloud.clock.set(datetime(2026, 8, 26, 6, tzinfo=UTC))
    yield cloud
    cloud.close()


def read(cloud: Cloud, dataset: Dataset, number: str = WAREHOUSE) -> Collected:
    session = cloud.session(["tallybrook-warehouse"])
    if dataset.kind == "event_stream":
        return cloud.collect(dataset, number, start=START, end=END, session=session)
    return cloud.collect(dataset, number, session=session)


@pytest.mark.parametrize("dataset", gcp.DATASETS, ids=lambda dataset: dataset.name)
def test_every_dataset_has_rows(demo: Cloud, dataset: Dataset) -> None:
    found = read(demo, dataset)
    assert found.rows
    # What is asked is what the least rights are made from; anybody may test their own permissions.
    asked = {str(answer.parameters["method"]) for answer in found.sink.answers}
    assert {one for one in asked if not one.endswith("testIamPermissions")} <= set(METHODS[dataset.name])
    demo.probe(dataset, WAREHOUSE)


def test_grants_come_and_go_in_policy_and_log(demo: Cloud) -> None:
    log = [row for row in read(demo, gcp.ADMIN_ACTIVITY).rows if row["method"] == "SetIamPolicy"]
    deltas = [(delta["action"], delta["member"]) for row in log for delta in row["policy_deltas"]]
    assert deltas == [("ADD", "user:arjun@tallybrook.example"), ("REMOVE", "user:arjun@tallybrook.example")]
    assert "user:arjun@tallybrook.example" not in {row["principal"] for row in read(demo, gcp.ADMINISTRATORS).rows}
    demo.clock.set(datetime(2026, 8, 10, tzinfo=UTC))
    try:
        assert "user:arjun@tallybrook.example" in {row["principal"] for row in read(demo, gcp.ADMINISTRATORS).rows}
    finally:
        demo.clock.set(datetime(2026, 8, 26, 6, tzinfo=UTC))


def test_a_project_without_services_says_so(demo: Cloud) -> None:
    assert "no network and no machine" in (read(demo, gcp.EXPOSURE, SPARE).claim.proof or "")
    for dataset in (gcp.FINDINGS, gcp.BACKUPS, gcp.DEPLOYMENTS):
        with pytest.raises(NotLicensed, match="tallybrook-sandbox"):
            read(demo, dataset, SPARE)


def test_records_stand_under_methods_that_there_are() -> None:
    world = cloud_world(read_model(DEMO / FILE, SCRIPT))
    for holder in (*world.projects, *world.above):
        for method in holder.records:
            assert place_of(method.partition(":")[0])


def test_least_rights_name_only_what_reads(demo: Cloud) -> None:
    permissions = least_permissions([dataset.name for dataset in gcp.DATASETS])
    reading = (".list", ".get", ".getIamPolicy", ".query", ".getEffectiveFirewalls", ".exportResource")
    assert [one for one in permissions if not one.endswith(reading) and ".searchAll" not in one] == []
    assert all(place_of(method) for method in PERMISSIONS)


def test_a_file_that_is_wrong_is_refused_with_the_place(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("projects: [{id: a, number: x1, name: A, created: 2026-01-01T00:00:00Z}]\n")
    with pytest.raises(ConfigurationError, match="number"):
        read_model(tmp_path / FILE, SCRIPT)
