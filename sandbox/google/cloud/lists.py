"""Lists of the simulated Google Cloud: one description for each method, one handler for all of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sandbox.google.calls import Call, Handler, paged
from sandbox.google.cloud.world import CloudWorld, Record, shown
from sandbox.google.errors import NotModelled
from schemas.instants import parse_instant


@dataclass(frozen=True, slots=True)
class Listing:
    """How a method lists. `place` is the parameter that names the project, `most` Google's greatest page."""

    service: str
    permission: str
    key: str
    place: str = "parent"
    size: str = "pageSize"
    usual: int = 100
    most: int = 1000
    belongs: Callable[[Call, Record], bool] | None = None
    aggregated: str | None = None
    """The name under which each region's part has its list."""
    known: frozenset[str] = frozenset()
    """Further parameters that are modelled; any other is refused."""
    counted: bool = False
    """Whether the answer says how many there are."""


def below(call: Call, record: Record) -> bool:
    """Whether a record's name lies below the parent that was asked for, in which `-` stands for any."""
    parent = str(call.parameters.get("parent") or call.parameters["name"])
    tail = re.escape(parent.split("/", 2)[2]) if parent.count("/") > 1 else ""
    pattern = "projects/[^/]+" + ("/" + tail.replace(r"/\-", "/[^/]+") if tail else "") + "/[^/]+/[^/]+"
    return re.fullmatch(pattern, str(record["name"])) is not None


def of_instance(call: Call, record: Record) -> bool:
    """Whether a backup run is of the instance that was asked for."""
    return call.parameters["instance"] in ("-", record["instance"])


def of_interval(call: Call, record: Record) -> bool:
    """Whether a build is of the location and the interval that were asked for."""
    asked = _CREATED.fullmatch(str(call.parameters.get("filter") or ""))
    if asked is None:
        raise NotModelled(f"the filter {call.parameters.get('filter')!r:.80}")
    at = parse_instant(str(record["createTime"]))
    return below(call, record) and parse_instant(asked[1]) <= at < parse_instant(asked[2])


_CREATED = re.compile(r'create_time>="([^"]+)" AND create_time<"([^"]+)"')
_COMPUTE = partial(Listing, "compute.googleapis.com", place="project", size="maxResults", usual=500, most=500)
_SQL = partial(Listing, "sqladmin.googleapis.com", key="items", place="project", size="maxResults")
_LOGS = partial(Listing, "logging.googleapis.com", usual=50)

LISTS: Mapping[str, Listing] = {
    "iam.projects.serviceAccounts.list": Listing(
        "iam.googleapis.com", "iam.serviceAccounts.list", "accounts", place="name", usual=20, most=100
    ),
    "compute.firewalls.list": _COMPUTE("compute.firewalls.list", "items"),
    "compute.networks.list": _COMPUTE("compute.networks.list", "items"),
    "compute.snapshots.list": _COMPUTE("compute.snapshots.list", "items"),
    "compute.instances.aggregatedList": _COMPUTE("compute.instances.list", "items", aggregated="instances"),
    "compute.addresses.aggregatedList": _COMPUTE("compute.addresses.list", "items", aggregated="addresses"),
    "compute.forwardingRules.aggregatedList": _COMPUTE(
        "compute.forwardingRules.list", "items", aggregated="forwardingRules"
    ),
    "compute.disks.aggregatedList": _COMPUTE("compute.disks.list", "items", aggregated="disks"),
    "storage.buckets.list": Listing(
        "storage.googleapis.com", "storage.buckets.list", "items", place="project", size="maxResults", usual=1000,
        known=frozenset({"projection"}),
    ),
    "sql.instances.list": _SQL("cloudsql.instances.list"),
    "sql.backupRuns.list": _SQL("cloudsql.backupRuns.list", belongs=of_instance, known=frozenset({"instance"})),
    "bigquery.datasets.list": Listing(
        "bigquery.googleapis.com", "bigquery.datasets.get", "datasets", place="projectId", size="maxResults",
        known=frozenset({"all"}),
    ),
    "cloudkms.projects.locations.keyRings.list": Listing(
        "cloudkms.googleapis.com", "cloudkms.keyRings.list", "keyRings", belongs=below, counted=True
    ),
    "cloudkms.projects.locations.keyRings.cryptoKeys.list": Listing(
        "cloudkms.googleapis.com", "cloudkms.cryptoKeys.list", "cryptoKeys", belongs=below, counted=True
    ),
    "logging.projects.sinks.list": _LOGS("logging.sinks.list", "sinks"),
    "logging.folders.sinks.list": _LOGS("logging.sinks.list", "sinks"),
    "logging.organizations.sinks.list": _LOGS("logging.sinks.list", "sinks"),
    "logging.projects.locations.buckets.list": _LOGS("logging.buckets.list", "buckets"),
    "logging.folders.locations.buckets.list": _LOGS("logging.buckets.list", "buckets"),
    "logging.organizations.locations.buckets.list": _LOGS("logging.buckets.list", "buckets"),
    "securitycenter.projects.sources.findings.list": Listing(
        "securitycenter.googleapis.com", "securitycenter.findings.list", "listFindingsResults", usual=10, counted=True
    ),
    "cloudbuild.projects.locations.builds.list": Listing(
        "cloudbuild.googleapis.com", "cloudbuild.builds.list", "builds", belongs=of_interval,
        known=frozenset({"filter"}),
    ),
    "clouddeploy.projects.locations.deliveryPipelines.list": Listing(
        "clouddeploy.googleapis.com", "clouddeploy.deliveryPipelines.list", "deliveryPipelines", belongs=below
    ),
    "clouddeploy.projects.locations.deliveryPipelines.releases.list": Listing(
        "clouddeploy.googleapis.com", "clouddeploy.releases.list", "releases", belongs=below
    ),
    "clouddeploy.projects.locations.deliveryPipelines.releases.rollouts.list": Listing(
        "clouddeploy.googleapis.com", "clouddeploy.rollouts.list", "rollouts", belongs=below
    ),
    "run.projects.locations.services.list": Listing(
        "run.googleapis.com", "run.services.list", "services", belongs=below, known=frozenset({"showDeleted"})
    ),
    "run.projects.locations.services.revisions.list": Listing(
        "run.googleapis.com", "run.revisions.list", "revisions", belongs=below, known=frozenset({"showDeleted"})
    ),
}  # fmt: skip
"""By method id."""

LOCATIONS = ("cloudkms.projects.locations.list", "clouddeploy.projects.locations.list")

_PAGING = frozenset({"pageToken", "fields", "alt"})


def list_handlers(world: CloudWorld) -> dict[str, Handler]:
    """The handlers of all lists."""
    handlers: dict[str, Handler] = {method: partial(_answer, world, listing) for method, listing in LISTS.items()}
    return handlers | dict.fromkeys(LOCATIONS, partial(_locations, world))


def _locations(world: CloudWorld, call: Call) -> Mapping[str, Any]:
    """The locations of every service. They have the same path, which on one address can't be told apart."""
    holder = world.holder(call.text("name"))
    found = {one["locationId"]: one for method in LOCATIONS for one in holder.records.get(method, [])}
    return paged(call, list(found.values()), "locations", size="pageSize", usual=100, most=1000)


def _answer(world: CloudWorld, listing: Listing, call: Call) -> Mapping[str, Any]:
    extra = set(call.parameters) - _PAGING - listing.known - {listing.place, listing.size}
    if extra:
        raise NotModelled(f"{', '.join(sorted(extra))} of {call.method}")
    holder = world.holder(_named(call, listing.place))
    world.on(holder, listing.service)
    world.permit(holder, listing.permission)
    records = shown(holder.records.get(call.method, []), call.now)
    if listing.belongs is not None:
        records = [one for one in records if listing.belongs(call, one)]
    more: dict[str, Any] = {"totalSize": len(records)} if listing.counted else {}
    answer = paged(call, records, listing.key, size=listing.size, usual=listing.usual, most=listing.most, more=more)
    if listing.aggregated is not None:
        answer[listing.key] = _by_scope(answer.get(listing.key, []), listing.aggregated)
    return answer


def _named(call: Call, place: str) -> str:
    text = str(call.parameters[place])
    return text if "/" in text else f"projects/{text}"


def _by_scope(records: list[Record], name: str) -> dict[str, Any]:
    """Records by region or zone, and one scope that holds nothing, with the warning that Google gives for it."""
    empty = {"warning": {"code": "NO_RESULTS_ON_PAGE", "message": "There are no results for this scope on this page."}}
    found: dict[str, Any] = {"regions/africa-south1": empty}
    for one in records:
        place = str(one.get("zone") or one.get("region") or "global").rpartition("/projects/")[2].partition("/")[2]
        found.setdefault(place or "global", {name: []})[name].append(one)
    return found
