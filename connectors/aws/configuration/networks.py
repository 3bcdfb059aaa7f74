"""What lets traffic in: security groups, network ACLs, public addresses; and whether networks log their flows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from connectors.aws.configuration.region import Detail, Region, texts
from connectors.aws.configuration.resource_policies import reaches_everybody
from connectors.aws.reading import Json, moment
from schemas.aws_configuration import EXPOSURE, LOG_CONFIG

_PROTOCOLS = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6"}
_SOURCES = (
    ("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6"), ("PrefixListIds", "PrefixListId"),
    ("UserIdGroupPairs", "GroupId"),
)  # fmt: skip


def groups_and_addresses(region: Region) -> None:
    """Security groups with their rules, and public addresses. Of both the network interfaces tell what uses them."""
    users: dict[str, list[str]] = defaultdict(list)
    seen: set[str] = set()
    for one in region.items(
        "ec2:DescribeNetworkInterfaces", "NetworkInterfaces", "NetworkInterfaceId", MaxResults=1000
    ):
        for group in texts(one.get("Groups"), "GroupId"):
            users[group].append(str(one["NetworkInterfaceId"]))
        for address, association in _associated(one):
            if address not in seen:
                seen.add(address)
                region.put(
                    EXPOSURE, "public_address", address, one, public=True, reasons=["public_address"], address=address,
                    parent_id=one.get("SubnetId"), state="associated", name=association.get("PublicDnsName"),
                    attached_to=[str(one["NetworkInterfaceId"]), *texts([one.get("Attachment") or {}], "InstanceId")],
                )  # fmt: skip
    for one in region.ask("ec2:DescribeAddresses").get("Addresses") or []:
        address = str(one["PublicIp"])
        if address not in seen:
            used = one.get("AssociationId") is not None or bool(one.get("InstanceId"))
            region.put(
                EXPOSURE, "public_address", address, one, public=used, reasons=["public_address"] if used else [],
                address=address, state="associated" if used else "unassociated",
                attached_to=texts([one], "NetworkInterfaceId") + texts([one], "InstanceId"),
            )  # fmt: skip
    groups: list[Json] = []
    lists: set[str] = set()
    for one in region.items("ec2:DescribeSecurityGroups", "SecurityGroups", "GroupId", MaxResults=1000):
        groups.append(one)
        for permission in one.get("IpPermissions") or []:
            lists.update(texts(permission.get("PrefixListIds"), "PrefixListId"))
    open_lists = _prefix_lists(region, lists)
    for one in groups:
        _group(region, one, users, open_lists)


def _associated(interface: Json) -> Iterator[tuple[str, Json]]:
    own = [interface, *(interface.get("PrivateIpAddresses") or [])]
    for association in (entry.get("Association") or {} for entry in own):
        if association.get("PublicIp"):
            yield str(association["PublicIp"]), association


def _prefix_lists(region: Region, lists: set[str]) -> dict[str, bool | None]:
    """Of every list of address ranges, whether it opens to everybody; None where it could not be read."""

    def ask(detail: Detail, prefix_list: str) -> None:
        detail.ask("ec2:GetManagedPrefixListEntries", PrefixListId=prefix_list, MaxResults=100)
        found = detail.of("ec2:GetManagedPrefixListEntries")
        if found is not None and found.get("NextToken"):
            detail.pages(
                "ec2:GetManagedPrefixListEntries", "Entries", "NextToken", PrefixListId=prefix_list, MaxResults=100
            )

    opens: dict[str, bool | None] = {}
    for prefix_list, detail in region.each(sorted(lists), ask):
        found = detail.of("ec2:GetManagedPrefixListEntries")
        ranges = None if found is None else texts(found.get("Entries"), "Cidr")
        opens[prefix_list] = None if ranges is None else any(reaches_everybody(one) for one in ranges)
    return opens


def _group(region: Region, group: Json, users: dict[str, list[str]], open_lists: dict[str, bool | None]) -> None:
    group_id = str(group["GroupId"])
    found: list[bool | None] = []
    names: set[str] = set()
    for direction, member in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress")):
        for permission in group.get(member) or []:
            for source, public in group_sources(permission, open_lists):
                inward = public if direction == "ingress" else False
                found.append(inward)
                protocol = str(permission.get("IpProtocol"))
                protocol = _PROTOCOLS.get(protocol, protocol)
                first, last = permission.get("FromPort"), permission.get("ToPort")
                whole = first in (None, -1) or protocol == "-1"
                part = "|".join((direction, protocol, str(first), str(last), source))
                if part in names:
                    region.reading.dropped["a rule that stands twice in its group"] += 1
                    continue
                names.add(part)
                region.put(
                    EXPOSURE, "security_group_rule", group_id, permission, part=part, public=inward,
                    reasons=["source_anywhere"] if inward else [] if inward is False else ["prefix_list_unread"],
                    parent_id=group_id, direction=direction, protocol=protocol, from_port=None if whole else first,
                    to_port=None if whole else last, source=source, default_group=group.get("GroupName") == "default",
                    attached_to=users.get(group_id, []), name=group.get("GroupName"),
                )  # fmt: skip
    public = True if True in found else None if None in found else False
    region.put(
        EXPOSURE, "security_group", group_id, group, name=group.get("GroupName"), parent_id=group.get("VpcId"),
        public=public, reasons=["source_anywhere"] if public else [], attached_to=users.get(group_id, []),
        default_group=group.get("GroupName") == "default",
    )  # fmt: skip


def group_sources(permission: Json, open_lists: dict[str, bool | None]) -> Iterator[tuple[str, bool | None]]:
    """Where a permission opens to, and whether that is everybody."""
    for member, name in _SOURCES:
        for source in texts(permission.get(member), name):
            if member == "UserIdGroupPairs":
                yield source, False
            elif member == "PrefixListIds":
                yield source, open_lists.get(source)
            else:
                yield source, reaches_everybody(source)


def network_acls(region: Region) -> None:
    """Network ACLs and their entries. The usual one lets in everything: an entry alone makes nothing public."""
    for acl in region.items("ec2:DescribeNetworkAcls", "NetworkAcls", "NetworkAclId", MaxResults=1000):
        acl_id = str(acl["NetworkAclId"])
        region.put(
            EXPOSURE, "network_acl", acl_id, acl, parent_id=acl.get("VpcId"), default_group=acl.get("IsDefault"),
            attached_to=texts(acl.get("Associations"), "SubnetId"),
        )  # fmt: skip
        for entry in acl.get("Entries") or []:
            source = str(entry.get("CidrBlock") or entry.get("Ipv6CidrBlock"))
            direction = "egress" if entry.get("Egress") else "ingress"
            allows = entry.get("RuleAction") == "allow"
            public = direction == "ingress" and allows and reaches_everybody(source)
            ports = entry.get("PortRange") or {}
            protocol = str(entry.get("Protocol"))
            region.put(
                EXPOSURE, "network_acl_entry", acl_id, entry, part=f"{direction}|{entry.get('RuleNumber')}|{source}",
                parent_id=acl_id, direction=direction, action="allow" if allows else "deny", public=public,
                reasons=["source_anywhere"] if public else [], protocol=_PROTOCOLS.get(protocol, protocol),
                from_port=ports.get("From"), to_port=ports.get("To"), source=source,
                rule_number=entry.get("RuleNumber"),
            )  # fmt: skip


def flow_logs(region: Region) -> None:
    """Networks, and what records their traffic."""
    logged: dict[str, list[Json]] = defaultdict(list)
    for log in region.items("ec2:DescribeFlowLogs", "FlowLogs", "FlowLogId", MaxResults=1000):
        logged[str(log.get("ResourceId"))].append(log)
        region.put(
            LOG_CONFIG, "flow_log", str(log["FlowLogId"]), log, parent_id=log.get("ResourceId"),
            logging=log.get("FlowLogStatus") == "ACTIVE" and log.get("DeliverLogsStatus") != "FAILED",
            destination=log.get("LogDestination") or log.get("LogGroupName"), log_group=log.get("LogGroupName"),
            traffic=log.get("TrafficType"), status=log.get("FlowLogStatus"),
            delivery_error=log.get("DeliverLogsErrorMessage"), created_at=moment(log.get("CreationTime")),
        )  # fmt: skip
    for network in region.items("ec2:DescribeVpcs", "Vpcs", "VpcId", MaxResults=1000):
        logs = logged.get(str(network["VpcId"]), [])
        active = [log for log in logs if log.get("FlowLogStatus") == "ACTIVE"]
        region.put(
            LOG_CONFIG, "network", str(network["VpcId"]), network, logging=bool(active),
            traffic=",".join(sorted({str(log.get("TrafficType")) for log in active})) or None,
            default_network=network.get("IsDefault"), status=network.get("State"),
        )  # fmt: skip
