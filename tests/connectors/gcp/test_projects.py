"""The inventory of Google Cloud projects against the simulation: what is seen, counted, hidden and remembered."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.errors import IncompletePopulation, PermissionDenied
from schemas.gcp import PROJECTS
from tests.fakes.cloud_company import FOLDER, ORG, Cloud, project, small_world


def many(count: int) -> list[Any]:
    return [project(100 + index, f"tallybrook-{index:04d}") for index in range(count)]


def test_every_project_of_every_page_has_a_row_with_what_is_above_it(cloud: Cloud) -> None:
    cloud.become(small_world(*many(601), project(5000, "alone", None)))
    found = cloud.collect(PROJECTS, session=cloud.session(["tallybrook-0000", "5000"]))
    assert len(found.rows) == 602
    by_id = {row["project_id"]: row for row in found.rows}
    assert by_id["tallybrook-0600"]["ancestors"] == [FOLDER, ORG]
    assert by_id["tallybrook-0600"]["organisation"] == ORG
    assert by_id["alone"]["ancestors"] == []
    assert {row["project_id"] for row in found.rows if row["in_programme"]} == {"tallybrook-0000", "alone"}
    assert found.claim.independent_count == 602
    assert not found.claim.truncated
    # 3 pages twice, 3 pages of assets twice, one folder, tests of permissions and histories in hundreds, tokens.
    assert found.requests["requests"] < 50


def test_a_project_that_may_not_be_seen_has_a_row_that_says_so(cloud: Cloud) -> None:
    world = cloud.become(small_world(*many(3)))
    world.denied.add(("projects/101", "resourcemanager.projects.get"))
    found = cloud.collect(PROJECTS, session=cloud.session(["tallybrook-0001"]))
    row = next(row for row in found.rows if row["project_number"] == "101")
    assert (row["readable"], row["history_known"], row["in_programme"]) == (False, False, True)
    assert "counted and not to be seen: tallybrook-0001" in (found.claim.reconciliation or "")
    assert not found.claim.truncated


def test_a_project_of_the_programme_that_nobody_knows_leaves_the_inventory_truncated(cloud: Cloud) -> None:
    found = cloud.collect(PROJECTS, session=cloud.session(["tallybrook-prod", "gone-since"]))
    assert found.claim.truncated
    assert "gone-since" in (found.claim.reconciliation or "")


def test_assets_that_may_not_be_counted_are_no_small_organisation(cloud: Cloud) -> None:
    cloud.world.denied.add((ORG, "cloudasset.assets.searchAllResources"))
    with pytest.raises(PermissionDenied) as denied:
        cloud.collect(PROJECTS)
    assert denied.value.permission == "cloudasset.assets.searchAllResources"
    with pytest.raises(PermissionDenied):
        cloud.probe(PROJECTS)


def test_history_that_may_not_be_read_is_said_to_be_unknown(cloud: Cloud) -> None:
    past = {
        "window": {"startTime": "2026-06-10T00:00:00Z", "endTime": "2026-06-20T00:00:00Z"}, "deleted": False,
        "asset": {"name": "//cloudresourcemanager.googleapis.com/projects/100",
                  "resource": {"data": {"lifecycleState": "ACTIVE"}}},
    }  # fmt: skip
    cloud.world.projects[0].history.append(past)
    (row,) = cloud.collect(PROJECTS).rows
    assert row["history_known"]
    assert [one["state"] for one in row["history"]] == ["ACTIVE"]
    cloud.world.denied.add((ORG, "cloudasset.assets.exportResource"))
    found = cloud.collect(PROJECTS)
    assert not found.rows[0]["history_known"]
    assert "cloudasset.assets.exportResource" in (found.claim.proof or "")


@pytest.mark.parametrize("kind", ["truncated_page", "lying_last_page", "shifting_list"])
@pytest.mark.parametrize("after", [0, 1])
def test_pages_that_lose_something_are_noticed_and_read_again(cloud: Cloud, kind: str, after: int) -> None:
    cloud.become(small_world(*many(600)))
    cloud.spoil("cloudresourcemanager.projects.search", kind, items=3, after=after)
    assert len(cloud.collect(PROJECTS, session=cloud.session(["100"])).rows) == 600


def test_a_list_that_loses_something_every_other_time_is_no_list(cloud: Cloud) -> None:
    cloud.become(small_world(*many(40)))
    cloud.plan.replace([
        {"source": "google", "match": "cloudresourcemanager.projects.search", "kind": "truncated_page", "items": items,
         "after": 0}
        for items in (1, 2, 3, 4)
    ])  # fmt: skip
    with pytest.raises(IncompletePopulation):
        cloud.collect(PROJECTS)


def test_a_project_of_the_last_inventory_that_is_still_there_must_be_listed(cloud: Cloud) -> None:
    cloud.become(small_world(*many(2)))
    known = frozenset({"gcp:101", "gcp:999", "github:R1"})
    assert len(cloud.collect(PROJECTS, known=known, session=cloud.session(["100"])).rows) == 2
    cloud.plan.replace([
        {"source": "google", "match": match, "kind": "truncated_page", "items": 1, "times": None}
        for match in ("cloudresourcemanager.projects.search", "cloudasset.searchAllResources")
    ])  # fmt: skip
    with pytest.raises(IncompletePopulation, match="projects/101"):
        cloud.collect(PROJECTS, known=known, session=cloud.session(["100"]))
