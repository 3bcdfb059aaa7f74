"""What faces the network in a project, and what everybody may use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from connectors.gcp.access import policy_bindings
from connectors.gcp.iam_rows import PUBLIC, Bound, bindings
from connectors.gcp.network_rows import (
    address_row,
    bucket_row,
    firewall_row,
    forwarding_rule_row,
    instance_row,
    network_row,
    policy_rule_row,
    public_binding_row,
    sql_row,
)
from connectors.gcp.pages import aggregated, by, field_of
from connectors.gcp.reading import Reading, reading
from connectors.gcp.values import Record, needed, part, parts
from schemas.errors import IncompletePopulation
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.gcp import EXPOSURE

COMPUTE, STORAGE, SQL = "compute.googleapis.com", "storage.googleapis.com", "sqladmin.googleapis.com"
PUBLIC_QUERY = "policy:(allUsers OR allAuthenticatedUsers)"


def exposure(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Extractor of `gcp.exposure`.

    A project in which Compute Engine is off has no networks and no machines. Where another service is off, asset
    inventory must show that nothing of it is left; NotLicensed is raised where something is.
    """
    found = reading(session, request, sink, EXPOSURE)
    found.demand()
    on = found.enabled(COMPUTE, STORAGE, SQL)
    rows: list[dict[str, Any]] = []
    if on[COMPUTE]:
        rows += _networks(found)
    else:
        found.notes.append(f"{COMPUTE} is off, so there is no network and no machine")
    if on[STORAGE]:
        rows += _buckets(found)
    else:
        found.none_of(STORAGE, "storage.googleapis.com/Bucket")
    if on[SQL]:
        rows += [sql_row(request.item.id, one) for one in sql_instances(found)]
    else:
        found.none_of(SQL, "sqladmin.googleapis.com/Instance")
    rows += _public_bindings(found)
    sink.rows(EXPOSURE, rows)
    return found.result(f"{len(rows)} resources looked at", rows_returned=len(rows))


def _networks(found: Reading) -> Iterable[dict[str, Any]]:
    item, project = found.item.id, found.project_id
    link = by("selfLink")
    common = {"project": project, "maxResults": 500}
    rules = found.listed("compute.firewalls.list", field_of("items"), link, **common)
    networks = found.listed("compute.networks.list", field_of("items"), link, **common)
    yield from (firewall_row(item, one) for one in rules)
    yield from (network_row(item, one) for one in networks)
    known = {str(one["name"]) for one in rules}
    for network in networks:
        name = str(needed(network, "name", "network"))
        effective = found.ask("compute.networks.getEffectiveFirewalls", project=project, network=name).parsed
        missing = {str(one.get("name")) for one in parts(effective, "firewalls")} - known
        if missing:
            raise IncompletePopulation(
                f"{project}: {len(missing)} firewall rules take effect on the network {name} and are in no list. "
                "Nothing was kept; run again."
            )
        for policy in parts(effective, "firewallPolicys"):
            yield from (policy_rule_row(item, name, policy, rule) for rule in parts(policy, "rules"))
    for method, kind, row in (
        ("compute.instances.aggregatedList", "instances", instance_row),
        ("compute.addresses.aggregatedList", "addresses", address_row),
        ("compute.forwardingRules.aggregatedList", "forwardingRules", forwarding_rule_row),
    ):
        yield from (row(item, one) for one in found.listed(method, aggregated(kind), link, **common))


def _buckets(found: Reading) -> Iterable[dict[str, Any]]:
    buckets = found.listed(
        "storage.buckets.list", field_of("items"), by("name"), project=found.project_id, maxResults=500,
        projection="full",
    )  # fmt: skip
    policies = found.batched("storage.buckets.getIamPolicy", [
        {"bucket": str(one["name"]), "optionsRequestedPolicyVersion": 3} for one in buckets
    ])  # fmt: skip
    for bucket, answer in zip(buckets, policies, strict=True):
        about = str(answer.parsed.get("resourceId") or "")
        if about and not about.endswith(f"/{bucket['name']}"):
            raise IncompletePopulation(
                "Google answered with the policy of another bucket than it was asked for. Nothing was kept; run again."
            )
        yield bucket_row(found.item.id, bucket, answer.parsed)


def sql_instances(found: Reading) -> list[Record]:
    """The project's Cloud SQL instances."""
    return found.listed("sql.instances.list", field_of("items"), by("name"), project=found.project_id, maxResults=500)


def _public_bindings(found: Reading) -> Iterable[dict[str, Any]]:
    """Roles that everybody holds: on the project and above it by their policies, below it by asset inventory."""
    results = found.listed(
        "cloudasset.searchAllIamPolicies", field_of("results"), _binding_id, scope=found.own.name, query=PUBLIC_QUERY,
        pageSize=500,
    )  # fmt: skip
    held: dict[str, Bound] = {one.id: one for one in policy_bindings(found)}
    for result in results:
        # The project's own policy was read from Resource Manager.
        if not str(result.get("assetType")).startswith("cloudresourcemanager."):
            resource = str(needed(result, "resource", "policy of an asset"))
            held |= {one.id: one for one in bindings(resource, "resource", False, part(result, "policy"))}
    for one in held.values():
        if one.member.text in PUBLIC:
            yield public_binding_row(found.item.id, one)


def _binding_id(result: Record) -> str:
    """Google may show a resource several times, with some of its bindings each time."""
    policy = part(result, "policy")
    members = [f"{one.get('role')} {one.get('members')} {one.get('condition')}" for one in parts(policy, "bindings")]
    return f"{needed(result, 'resource', 'policy of an asset')} {sorted(members)}"
