"""What was built and put into production in a project: Cloud Build, Cloud Deploy and Cloud Run."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from connectors.gcp.delivery_rows import build_row, revision_row, rollout_row
from connectors.gcp.pages import by, field_of
from connectors.gcp.reading import Reading, reading
from connectors.gcp.values import Record, needed, needed_instant
from schemas.errors import NotLicensed
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.gcp import DEPLOYMENTS
from schemas.instants import format_instant

BUILD, DEPLOY, RUN = "cloudbuild.googleapis.com", "clouddeploy.googleapis.com", "run.googleapis.com"
_RUN_ASSETS = ("run.googleapis.com/Service", "run.googleapis.com/Revision")


def deployments(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Extractor of `gcp.deployments`. Raises NotLicensed where none of the three services is on."""
    assert request.start is not None
    assert request.end is not None
    start, end = request.start, request.end
    found = reading(session, request, sink, DEPLOYMENTS, above=False)
    on = some_service(found)
    found.demand()
    rows: list[dict[str, Any]] = []
    if on[BUILD]:
        rows += _builds(found, start, end)
    if on[DEPLOY]:
        rows += _rollouts(found, start, end)
    if on[RUN]:
        rows += _revisions(found, start, end)
    else:
        found.none_of(RUN, *_RUN_ASSETS)
    sink.rows(DEPLOYMENTS, rows)
    silent = [name for name in (BUILD, DEPLOY) if not on[name]]
    if silent:
        found.notes.append(f"off, so nothing was done by it now: {', '.join(silent)}")
    read = ", ".join(name.partition(".")[0] for name, is_on in on.items() if is_on)
    return found.result(f"{len(rows)} by {read}", rows_returned=len(rows))


def some_service(found: Reading) -> dict[str, bool]:
    """Which of the three services are on. Raises NotLicensed where none is."""
    on = found.enabled(BUILD, DEPLOY, RUN)
    if not any(on.values()):
        raise NotLicensed(
            f"Cloud Build, Cloud Deploy and Cloud Run are all off in {found.project_id}, so nothing tells there what "
            "was deployed. Record by what it is."
        )
    return on


def _within(records: Iterable[Record], what: str, start: datetime, end: datetime) -> list[Record]:
    return [one for one in records if start <= needed_instant(one, "createTime", what) < end]


def _builds(found: Reading, start: datetime, end: datetime) -> Iterable[dict[str, Any]]:
    """Builds of every location. Google is asked for the interval and what it answers is held to it."""
    when = f'create_time>="{format_instant(start)}" AND create_time<"{format_instant(end)}"'
    builds = found.listed(
        "cloudbuild.projects.locations.builds.list", field_of("builds"), by("name"),
        parent=f"projects/{found.project_id}/locations/-", filter=when, pageSize=1000,
    )  # fmt: skip
    return (build_row(found.item.id, one) for one in _within(builds, "build", start, end))


def _rollouts(found: Reading, start: datetime, end: datetime) -> Iterable[dict[str, Any]]:
    """Down from the locations: pipelines, releases, rollouts. A release may be rolled out long after it was made."""
    locations = found.listed(
        "clouddeploy.projects.locations.list", field_of("locations"), by("locationId"),
        name=f"projects/{found.project_id}",
    )  # fmt: skip
    parents = [f"projects/{found.project_id}/locations/{one['locationId']}" for one in locations]
    method = "clouddeploy.projects.locations.deliveryPipelines"
    pipelines = _below(found, f"{method}.list", "deliveryPipelines", parents)
    releases = _below(found, f"{method}.releases.list", "releases", [str(one["name"]) for one in pipelines])
    names = [str(one["name"]) for one in releases]
    rollouts = found.listed_each(
        f"{method}.releases.rollouts.list", "rollouts", by("name"), [{"parent": one, "pageSize": 1000} for one in names]
    )
    for release, some in zip(releases, rollouts, strict=True):
        for rollout in _within(some, "rollout", start, end):
            yield rollout_row(found.item.id, release, rollout)


def _below(found: Reading, method: str, name: str, parents: Iterable[str]) -> list[Record]:
    asked = [{"parent": one, "pageSize": 1000} for one in parents]
    return [one for some in found.listed_each(method, name, by("name"), asked) for one in some]


def _revisions(found: Reading, start: datetime, end: datetime) -> Iterable[dict[str, Any]]:
    """Revisions of every service. Cloud Run has no list over all locations, so asset inventory says where to look."""
    assets = found.listed(
        "cloudasset.searchAllResources", field_of("results"), by("name"), scope=found.own.name,
        assetTypes=list(_RUN_ASSETS), pageSize=500,
    )  # fmt: skip
    locations = sorted({str(needed(one, "location", "asset")) for one in assets})
    parents = [f"projects/{found.project_id}/locations/{one}/services/-" for one in locations]
    revisions = _below(found, "run.projects.locations.services.revisions.list", "revisions", parents)
    counted = sum(1 for one in assets if one.get("assetType") == _RUN_ASSETS[1])
    if counted != len(revisions):
        # Asset inventory is minutes behind; both figures are said and neither is believed over the other.
        found.notes.append(f"{len(revisions)} revisions listed, {counted} in asset inventory")
    return (revision_row(found.item.id, one) for one in _within(revisions, "revision", start, end))
