"""What faces the network, as rows of `gcp.exposure`. Pure functions.

`public` is what the setting itself says: open to every address, or to everybody. Whether another rule with a higher
priority takes it back is not weighed; an open rule that never applies is still to be explained.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

from connectors.gcp.iam_rows import PUBLIC, Bound
from connectors.gcp.values import Record, full_name, instant, last, needed, number, part, parts, raw, texts
from schemas.gcp import EXPOSURE

_EMPTY: dict[str, Any] = {
    "location": None, "network": None, "direction": None, "action": None, "priority": None, "disabled": None,
    "ports": [], "sources": [], "targets": [], "addresses": [], "members": [], "role": None, "condition": None,
    "public_access_prevention": None, "uniform_access": None, "created_at": None,
}  # fmt: skip
_EXTERNAL = frozenset({"EXTERNAL", "EXTERNAL_MANAGED"})


def _row(
    item: str, resource: str, kind: str, name: str, public: bool | None, why: str, record: Record, **more: Any
) -> dict[str, Any]:
    return {
        **_EMPTY, "scope_item_id": item, "exposure_id": resource, "resource_id": resource, "resource_kind": kind,
        "resource_name": name, "public": public, "why": why, "raw": raw(record, EXPOSURE), **more,
    }  # fmt: skip


def anywhere(ranges: Iterable[str]) -> bool:
    """Whether one of the address ranges holds every address. A range that is none is taken for open."""
    for text in ranges:
        try:
            if ipaddress.ip_network(text, strict=False).prefixlen == 0:
                return True
        except ValueError:
            return True
    return False


def _ports(rules: Iterable[Record], protocol: str) -> list[str]:
    found: list[str] = []
    for rule in rules:
        name = str(needed(rule, protocol, "firewall rule"))
        ports = texts(rule, "ports")
        found += [f"{name}:{port}" for port in ports] if ports else [name]
    return found


def firewall_row(item: str, rule: Record) -> dict[str, Any]:
    """A VPC firewall rule. Without sources of any kind it holds for every address (Compute Engine documentation)."""
    allowed, denied = parts(rule, "allowed"), parts(rule, "denied")
    direction = str(rule.get("direction") or "INGRESS")
    ranges = texts(rule, "sourceRanges") if direction == "INGRESS" else texts(rule, "destinationRanges")
    tags, accounts = texts(rule, "sourceTags"), texts(rule, "sourceServiceAccounts")
    if not ranges and not tags and not accounts:
        ranges = ["0.0.0.0/0"]
    disabled = bool(rule.get("disabled", False))
    public = direction == "INGRESS" and bool(allowed) and not disabled and anywhere(ranges)
    why = (
        "lets traffic in from every address" if public
        else "switched off" if disabled
        else "concerns outgoing traffic" if direction != "INGRESS"
        else "denies" if not allowed
        else "lets traffic in from named sources only"
    )  # fmt: skip
    return _row(
        item, full_name(str(needed(rule, "selfLink", "firewall rule"))), "firewall_rule",
        str(needed(rule, "name", "firewall rule")), public, why, rule, location="global",
        network=last(rule.get("network")), direction=direction, action="allow" if allowed else "deny",
        priority=number(rule, "priority"), disabled=disabled, ports=_ports(allowed or denied, "IPProtocol"),
        sources=[*ranges, *(f"tag:{tag}" for tag in tags), *(f"service_account:{one}" for one in accounts)],
        targets=[*(f"tag:{tag}" for tag in texts(rule, "targetTags")),
                 *(f"service_account:{one}" for one in texts(rule, "targetServiceAccounts"))],
        created_at=instant(rule, "creationTimestamp"),
    )  # fmt: skip


def policy_rule_row(item: str, network: str, policy: Record, rule: Record) -> dict[str, Any]:
    """A rule of a firewall policy, of the organisation, a folder or the network, as it takes effect on a network."""
    match = part(rule, "match")
    direction = str(rule.get("direction") or "INGRESS")
    ranges = texts(match, "srcIpRanges") if direction == "INGRESS" else texts(match, "destIpRanges")
    named = any(match.get(name) for name in ("srcSecureTags", "srcRegionCodes", "srcFqdns", "srcAddressGroups",
                                             "srcThreatIntelligences", "srcNetworks", "srcNetworkType"))  # fmt: skip
    disabled, action = bool(rule.get("disabled", False)), str(needed(rule, "action", "rule of a firewall policy"))
    # goto_next passes the question on, and what follows has rows of its own.
    allows = action not in ("deny", "goto_next")
    public = direction == "INGRESS" and allows and not disabled and (anywhere(ranges) or (not ranges and not named))
    name = str(policy.get("name") or policy.get("displayName") or policy.get("shortName") or "policy")
    resource = f"//compute.googleapis.com/firewallPolicies/{name}/rules/{rule.get('priority')}"
    return _row(
        item, resource, "firewall_rule", f"{name}:{rule.get('priority')}", public,
        "lets traffic in from every address" if public else f"{action}, as the policy says", rule,
        exposure_id=f"{resource}#{network}", network=network, direction=direction,
        action="allow" if allows else "deny", priority=number(rule, "priority"), disabled=disabled,
        ports=_ports(parts(match, "layer4Configs"), "ipProtocol"), sources=ranges,
        targets=texts(rule, "targetServiceAccounts"), location="global",
    )  # fmt: skip


def network_row(item: str, network: Record) -> dict[str, Any]:
    """A network; by itself it lets nobody in."""
    return _row(
        item, full_name(str(needed(network, "selfLink", "network"))), "network",
        str(needed(network, "name", "network")),
        False, "every network denies incoming traffic that no rule allows", network, location="global",
        network=str(network["name"]), created_at=instant(network, "creationTimestamp"),
    )  # fmt: skip


def instance_row(item: str, instance: Record) -> dict[str, Any]:
    """A virtual machine, with the addresses by which it can be reached from outside."""
    found: list[str] = []
    networks: list[str] = []
    for interface in parts(instance, "networkInterfaces"):
        networks.append(str(last(interface.get("network"))))
        configs = [*parts(interface, "accessConfigs"), *parts(interface, "ipv6AccessConfigs")]
        found += [str(one.get("natIP") or one.get("externalIpv6") or "not assigned now") for one in configs]
    return _row(
        item, full_name(str(needed(instance, "selfLink", "instance"))), "instance",
        str(needed(instance, "name", "instance")), bool(found),
        "has an external address" if found else "has no external address", instance,
        location=last(instance.get("zone")),
        network=", ".join(networks) or None, addresses=found,
        targets=[f"tag:{tag}" for tag in texts(part(instance, "tags"), "items")],
        created_at=instant(instance, "creationTimestamp"),
    )  # fmt: skip


def address_row(item: str, address: Record) -> dict[str, Any]:
    """A reserved address; public while something uses it."""
    external, used = address.get("addressType", "EXTERNAL") == "EXTERNAL", address.get("status") == "IN_USE"
    why = "internal" if not external else "external and in use" if used else "external and not in use"
    return _row(
        item, full_name(str(needed(address, "selfLink", "address"))), "address",
        str(needed(address, "name", "address")),
        external and used, why, address, location=last(address.get("region")) or "global",
        addresses=[str(address["address"])] if address.get("address") else [],
        targets=[str(last(one)) for one in texts(address, "users")], created_at=instant(address, "creationTimestamp"),
    )  # fmt: skip


def forwarding_rule_row(item: str, rule: Record) -> dict[str, Any]:
    """The front of a load balancer. Without a scheme it is external (Compute Engine documentation)."""
    scheme = str(rule.get("loadBalancingScheme") or "EXTERNAL")
    protocol = str(rule.get("IPProtocol") or "TCP").lower()
    ports = texts(rule, "ports") or ([str(rule["portRange"])] if rule.get("portRange") else [])
    return _row(
        item, full_name(str(needed(rule, "selfLink", "forwarding rule"))), "forwarding_rule",
        str(needed(rule, "name", "forwarding rule")), scheme in _EXTERNAL, f"load balancing scheme {scheme}", rule,
        location=last(rule.get("region")) or "global", network=last(rule.get("network")),
        ports=[f"{protocol}:{port}" for port in ports] or [protocol],
        addresses=[str(rule["IPAddress"])] if rule.get("IPAddress") else [],
        targets=[str(last(rule.get("target") or rule.get("backendService")))],
        created_at=instant(rule, "creationTimestamp"),
    )  # fmt: skip


def bucket_row(item: str, bucket: Record, policy: Record) -> dict[str, Any]:
    """A bucket with its own IAM policy and its lists of access."""
    configuration = part(bucket, "iamConfiguration")
    prevention = configuration.get("publicAccessPrevention")
    uniform = part(configuration, "uniformBucketLevelAccess").get("enabled")
    members = {text for binding in parts(policy, "bindings") for text in texts(binding, "members")} & PUBLIC
    if not uniform:
        lists = [*parts(bucket, "acl"), *parts(bucket, "defaultObjectAcl")]
        members |= {str(entry.get("entity")) for entry in lists} & PUBLIC
    public = bool(members) and prevention != "enforced"
    why = (
        "everybody holds a role on it" if public
        else "public access is prevented" if prevention == "enforced" else "nobody outside holds a role on it"
    )  # fmt: skip
    if not public and prevention != "enforced" and not uniform:
        why += "; single objects may have lists of access of their own, which are not read"
    return _row(
        item, f"//storage.googleapis.com/{needed(bucket, 'name', 'bucket')}", "bucket", str(bucket["name"]), public,
        why, {"bucket": bucket, "policy": policy}, location=bucket.get("location"), members=sorted(members),
        public_access_prevention=prevention, uniform_access=uniform, created_at=instant(bucket, "timeCreated"),
    )  # fmt: skip


def sql_name(instance: Record) -> str:
    """The full resource name of a Cloud SQL instance."""
    name = needed(instance, "name", "SQL instance")
    return f"//cloudsql.googleapis.com/projects/{instance.get('project')}/instances/{name}"


def sql_row(item: str, instance: Record) -> dict[str, Any]:
    """A Cloud SQL instance: its addresses, and from where it may be asked."""
    configuration = part(part(instance, "settings"), "ipConfiguration")
    networks = [str(one.get("value")) for one in parts(configuration, "authorizedNetworks")]
    open_address = bool(configuration.get("ipv4Enabled", False))
    public = open_address and anywhere(networks)
    why = (
        "every address is an authorised network" if public
        else f"has a public address, open to {len(networks)} authorised networks" if open_address
        else "has no public address"
    )  # fmt: skip
    return _row(
        item, sql_name(instance), "sql_instance", str(instance["name"]), public, why, instance,
        location=instance.get("region"), sources=networks,
        addresses=[str(one.get("ipAddress")) for one in parts(instance, "ipAddresses") if one.get("type") != "PRIVATE"],
        network=last(configuration.get("privateNetwork")), created_at=instant(instance, "createTime"),
    )  # fmt: skip


def public_binding_row(item: str, bound: Bound) -> dict[str, Any]:
    """A role that everybody holds."""
    return _row(
        item, bound.resource, "iam_binding", f"{bound.role} on {last(bound.resource)}", True,
        f"{bound.member.text} holds a role", {"resource": bound.resource, "binding": dict(bound.binding)},
        exposure_id=bound.id, members=[bound.member.text], role=bound.role, condition=bound.condition.get("expression"),
    )  # fmt: skip
