"""Methods of the simulated Google Cloud that are no plain lists: projects, policies, roles, assets, last use."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from sandbox.google.calls import Call, Handler, paged
from sandbox.google.cloud.lists import list_handlers
from sandbox.google.cloud.logs import entries_list
from sandbox.google.cloud.world import CloudWorld, Holder, Project, Record, shown
from sandbox.google.errors import GoogleError, NotModelled
from schemas.instants import parse_instant

_MANAGER = "cloudresourcemanager"
_PROJECT_ASSET = "cloudresourcemanager.googleapis.com/Project"


def cloud_world_handlers(world: CloudWorld) -> dict[str, Handler]:
    """The handlers of a world, by method id."""
    own = {
        f"{_MANAGER}.projects.search": _search,
        f"{_MANAGER}.projects.get": _project,
        f"{_MANAGER}.folders.get": _folder,
        "cloudasset.searchAllResources": _resources,
        "cloudasset.searchAllIamPolicies": _policies,
        "cloudasset.batchGetAssetsHistory": _history,
        "serviceusage.services.batchGet": _services,
        "iam.roles.get": _role,
        "iam.projects.roles.get": _role,
        "iam.organizations.roles.get": _role,
        "iam.projects.serviceAccounts.keys.list": _keys,
        "policyanalyzer.projects.locations.activityTypes.activities.query": _activities,
        "storage.buckets.getIamPolicy": _bucket_policy,
        "compute.networks.getEffectiveFirewalls": _effective,
        "bigquery.datasets.get": _dataset,
        "logging.entries.list": entries_list,
    }
    for kind in ("projects", "folders", "organizations"):
        own[f"{_MANAGER}.{kind}.getIamPolicy"] = _policy
        own[f"{_MANAGER}.{kind}.testIamPermissions"] = _tested
    return {**list_handlers(world), **{method: partial(answer, world) for method, answer in own.items()}}


# --- Resource Manager -------------------------------------------------------------------------------------------------


def _seen(world: CloudWorld, call: Call) -> list[Record]:
    allowed = [
        one.record for one in world.projects
        if one.name not in world.hidden and (one.name, "resourcemanager.projects.get") not in world.denied
    ]  # fmt: skip
    return shown(allowed, call.now)


def _search(world: CloudWorld, call: Call) -> Mapping[str, Any]:
    if call.get("query"):
        raise NotModelled("a query of projects.search")
    return paged(call, _seen(world, call), "projects", size="pageSize", usual=500, most=500)


def _project(world: CloudWorld, call: Call) -> Mapping[str, Any]:
    project = world.project(call.text("name"))
    world.permit(project, "resourcemanager.projects.get")
    return project.record


def _folder(world: CloudWorld, call: Call) -> Mapping[str, Any]:
    holder = world.holder(call.text("name"))
    world.permit(holder, "resourcemanager.folders.get")
    return {"name": holder.name, "parent": holder.parent, "state": "ACTIVE"}


def _policy(world: CloudWorld, call: Call) -> Mapping[str, Any]:
    holder = world.holder(call.text("resource"))
    world.permit(holder, f"resourcemanager.{holder.name.partition('/')[0]}.getIamPolicy")
    if (call.body.get("options") or {}).get("requestedPolicyVersion") != 3:
        raise NotModelled("policies of an older version, which leave out conditions")
    return {"version": 3, "etag": "BwX=", **holder.policy_at(call.now)}


def _tested(world: CloudWorld, call: Call) -> Mapping[str, Any]:
    holder = world.holder(call.text("resource"))
    held = [one for one in call.body.get("permissions", []) if (holder.name, one) not in world.denied]
    return {"permissions": held} if held else {}


def _services(world: CloudWorld, call: Call) -> Mapping[str, Any]:
    project = world.project(call.text("parent"))
    world.permit(project, "serviceusage.services.get")
    names = [str(one) for one in call.parameters.get("names", [])]
    if not 1 <= len(names) <= 30:
        raise GoogleError(400, "names must hold between 1 and 30 services")
    return {"services": [
        {"name": name, "parent": project.name,
         "state": "ENABLED" if name.rpartition("/")[2] in project.services else "DISABLED"}
        for name in names
    ]}  # fmt: skip


# --- asset inventory --------------------------------------------------------------------------------------------------


def _within(world: CloudWorld, scope: Holder) -> list[Project]:
    def inside(one: Holder) -> bool:
        while one.name != scope.name:
            if one.parent is None:
                return False
            one = next(above for above in world.above if above.name == one.parent)
        return True

    return [one for one in world.projects if inside(one)]


def _resources(world: CloudWorld, call: Call) -> Mapping[str, Any]:
    scope = world.holder(call.text("scope"))
    world.permit(scope, "cloudasset.assets.searchAllResources")
    found: list[Record] = []
    for kind in call.parameters.get("assetTypes", []):
        for project in _within(world, scope):
            if kind == _PROJECT_ASSET:
                found.append(_as_asset(project))
            else:
                found += project.records.get(f"cloudasset.searchAllResources:{kind}", [])
    return paged(call, shown(found, call.now), "results", size="pageSize", usual=100, most=500)


def _as_asset(project: Project) -> Record:
    record = project.record
    above = {} if project.parent is None else {
        "parentFullResourceName": f"//cloudresourcemanager.googleapis.com/{project.parent}",
    }  # fmt: skip
    return {
        **above, "name": f"//cloudresourcemanager.googleapis.com/{project.record['name']}", "assetType": _PROJECT_ASSET,
        "project": project.name, "displayName": record.get("displayName", ""), "state": record["state"],
        "createTime": record["createTime"], "additionalAttributes": {"projectId": project.project_id},
    }  # fmt: skip


def _policies(world: CloudWorld, call: Call) -> Mapping[str, Any]:
    scope = world.holder(call.text("scope"))
    world.permit(scope, "cloudasset.assets.searchAllIamPolicies")
    if call.get("query") != "policy:(allUsers OR allAuthenticatedUsers)":
        raise NotModelled(f"the query {call.get('query')!r:.80}")
    found = [one for project in _within(world, scope) for one in project.records.get(call.method, [])]
    return paged(call, found, "results", size="pageSize", usual=100, most=500)


def _history(world: CloudWorld, call: Call) -> Mapping[str, Any]:
    holder = world.holder(call.text("parent"))
    world.permit(holder, "cloudasset.assets.exportResource")
    names = [str(one) for one in call.parameters.get("assetNames", [])]
    if not 1 <= len(names) <= 100 or call.parameters.get("contentType") != "RESOURCE":
        raise GoogleError(400, "between 1 and 100 asset names with a content type")
    start = parse_instant(str(call.parameters["readTimeWindow.startTime"]))
    if (call.now - start).total_seconds() > 35 * 86_400:
        raise GoogleError(400, "read_time_window must be within the last 35 days")
    found = [
        {"asset": {"name": name, "assetType": _PROJECT_ASSET}, **one}
        for name in names for project in world.projects
        if name == f"//cloudresourcemanager.googleapis.com/{project.name}" for one in project.history
    ]  # fmt: skip
    return {"assets": found} if found else {}


# --- IAM --------------------------------------------------------------------------------------------------------------


def _role(world: CloudWorld, call: Call) -> Mapping[str, Any]:
    name = call.text("name")
    if not name.startswith("roles/"):
        world.permit(world.holder(name), "iam.roles.get")
    if name not in world.roles:
        raise GoogleError(404, f"The role named {name} was not found.", "notFound")
    return {"name": name, "includedPermissions": world.roles[name]}


def _keys(world: CloudWorld, call: Call) -> Mapping[str, Any]:
    project = world.project(call.text("name"))
    world.permit(project, "iam.serviceAccountKeys.list")
    kinds = call.parameters.get("keyTypes", ["USER_MANAGED", "SYSTEM_MANAGED"])
    found = [
        one for one in shown(project.records.get(call.method, []), call.now)
        if str(one["name"]).startswith(call.text("name") + "/") and one["keyType"] in kinds
    ]  # fmt: skip
    return {"keys": found} if found else {}


def _activities(world: CloudWorld, call: Call) -> Mapping[str, Any]:
    project = world.project(call.text("parent"))
    world.on(project, "policyanalyzer.googleapis.com")
    kind = call.text("parent").rpartition("/")[2]
    permission = kind[0].lower() + kind[1:] + "Activities"
    world.permit(project, f"policyanalyzer.{permission}.query")
    found = [one for one in project.records.get(call.method, []) if one["activityType"] == kind]
    return paged(call, found, "activities", size="pageSize", usual=100, most=1000)


# --- the rest ---------------------------------------------------------------------------------------------------------


def _owner(world: CloudWorld, bucket: str) -> tuple[Project, Record]:
    for project in world.projects:
        for one in project.records.get("storage.buckets.list", []):
            if one["name"] == bucket:
                return project, one
    raise GoogleError(404, "The specified bucket does not exist.", "notFound")


def _bucket_policy(world: CloudWorld, call: Call) -> Mapping[str, Any]:
    project, _ = _owner(world, call.text("bucket"))
    world.permit(project, "storage.buckets.getIamPolicy")
    policies: list[dict[str, Any]] = project.records.get(call.method, [])
    if call.get("optionsRequestedPolicyVersion") != 3:
        raise NotModelled("policies of an older version, which leave out conditions")
    return next((one for one in policies if one["resourceId"].endswith("/" + call.text("bucket"))), {
        "kind": "storage#policy", "resourceId": f"projects/_/buckets/{call.text('bucket')}", "version": 3,
    })  # fmt: skip


def _effective(world: CloudWorld, call: Call) -> Mapping[str, Any]:
    project = world.project(call.text("project"))
    world.on(project, "compute.googleapis.com")
    world.permit(project, "compute.networks.getEffectiveFirewalls")
    # Kept with the network that it is about; the answer itself does not name it.
    for one in project.records.get(call.method, []):
        if one["network"] == call.text("network"):
            return one["answer"]
    return {}


def _dataset(world: CloudWorld, call: Call) -> Mapping[str, Any]:
    project = world.project(call.text("projectId"))
    world.permit(project, "bigquery.datasets.get")
    for one in project.records.get(call.method, []):
        if one["datasetReference"]["datasetId"] == call.text("datasetId"):
            return one
    raise GoogleError(404, f"Not found: Dataset {call.text('datasetId')}", "notFound")
