"""Load balancers of both generations: what they show to whom, how they encrypt, whether they log."""

from __future__ import annotations

from typing import Any

from connectors.aws.configuration.region import Detail, Region, texts
from connectors.aws.reading import Json, moment
from schemas.aws_configuration import EXPOSURE, LOG_CONFIG, TRANSIT

_GONE = ("LoadBalancerNotFound", "ListenerNotFound")
_TLS = ("HTTPS", "TLS", "SSL")
_ELB_LISTENERS = "elbv2:DescribeListeners"
_ELB_RULES = "elbv2:DescribeRules"
_ATTRIBUTES = "elbv2:DescribeLoadBalancerAttributes"


def load_balancers(region: Region) -> None:
    """Application, network and gateway load balancers with their listeners."""
    policies = _tls_policies(region) if region.wants(TRANSIT) else {}

    def ask(detail: Detail, one: Json) -> None:
        named: dict[str, Any] = {"LoadBalancerArn": str(one["LoadBalancerArn"]), "gone": _GONE}
        if region.wants(EXPOSURE, TRANSIT):
            found = detail.ask(_ELB_LISTENERS, PageSize=400, **named)
            if found and found.get("NextMarker"):
                named.pop("gone")
                detail.pages(_ELB_LISTENERS, "Listeners", "Marker", "NextMarker", PageSize=400, **named)
            for listener in (detail.of(_ELB_LISTENERS) or {}).get("Listeners") or []:
                if (
                    region.wants(TRANSIT)
                    and listener.get("Protocol") == "HTTP"
                    and _redirects(listener.get("DefaultActions"))
                ):
                    _ask_rules(detail, str(listener["ListenerArn"]))
        if region.wants(LOG_CONFIG) and not detail.gone:
            detail.ask(_ATTRIBUTES, gone=_GONE, LoadBalancerArn=str(one["LoadBalancerArn"]))

    listed = region.items(
        "elbv2:DescribeLoadBalancers", "LoadBalancers", "LoadBalancerArn", "Marker", answered="NextMarker", PageSize=400
    )
    for one, detail in region.each(listed, ask, "LoadBalancerArn"):
        arn, public = str(one["LoadBalancerArn"]), one.get("Scheme") == "internet-facing"
        state = (one.get("State") or {}).get("Code")
        head: dict[str, Any] = {"name": one.get("LoadBalancerName"), "created_at": moment(one.get("CreatedTime"))}
        region.put(
            EXPOSURE, "load_balancer", arn, one, detail=detail, **head, public=public, state=state,
            reasons=["internet_facing"] if public else [], address=one.get("DNSName"), parent_id=one.get("VpcId"),
            attached_to=[str(group) for group in one.get("SecurityGroups") or []],
        )  # fmt: skip
        for listener in (detail.of(_ELB_LISTENERS) or {}).get("Listeners") or []:
            _listener(region, one, listener, detail, policies)
        attributes = detail.of(_ATTRIBUTES)
        values = {str(entry["Key"]): entry.get("Value") for entry in (attributes or {}).get("Attributes") or []}
        writes = values.get("access_logs.s3.enabled")
        region.put(
            LOG_CONFIG, "load_balancer", arn, {**one, "Attributes": values}, detail=detail, **head,
            logging=None if writes is None else writes == "true",
            destination=values.get("access_logs.s3.bucket") or None, bucket=values.get("access_logs.s3.bucket") or None,
            status=state,
        )  # fmt: skip


def _ask_rules(detail: Detail, listener: str) -> None:
    """Rules of one listener, added to those of the others of its load balancer."""
    named: dict[str, Any] = {"ListenerArn": listener, "PageSize": 400}
    before = detail.of(_ELB_RULES) or {}
    found = detail.ask(_ELB_RULES, gone=_GONE, **named)
    if found and found.get("NextMarker"):
        found = detail.pages(_ELB_RULES, "Rules", "Marker", "NextMarker", **named)
    detail.found[_ELB_RULES] = {**before, listener: None if found is None else found.get("Rules") or []}


def _tls_policies(region: Region) -> dict[str, list[str]]:
    """Versions of TLS by policy, as the service lists them."""
    return {
        str(one["Name"]): sorted(str(name) for name in one.get("SslProtocols") or [])
        for one in region.items(
            "elbv2:DescribeSSLPolicies", "SslPolicies", "Name", "Marker", answered="NextMarker", PageSize=400
        )
    }


def _listener(
    region: Region, balancer: Json, listener: Json, detail: Detail, policies: dict[str, list[str]]
) -> None:  # fmt: skip
    arn, public = str(listener["ListenerArn"]), balancer.get("Scheme") == "internet-facing"
    protocol, port, policy = listener.get("Protocol"), listener.get("Port"), listener.get("SslPolicy")
    parent = str(balancer["LoadBalancerArn"])
    region.put(
        EXPOSURE, "listener", arn, listener, parent_id=parent, public=public, protocol=protocol, from_port=port,
        to_port=port, reasons=["internet_facing"] if public else [], address=balancer.get("DNSName"),
    )  # fmt: skip
    rules = (detail.of(_ELB_RULES) or {}).get(arn)
    redirects = _redirects(listener.get("DefaultActions"))
    if redirects and rules is None and protocol == "HTTP":
        redirects = None
    elif redirects:
        redirects = all(_redirects(rule.get("Actions")) for rule in rules or [])
    region.put(
        TRANSIT, "listener", arn, listener, detail=detail, parent_id=parent, hosts=texts([balancer], "DNSName"),
        public=public, protocol=protocol, port=port, tls_policy=policy,
        tls_versions=policies.get(str(policy), []), plain_text=_plain_text(protocol),
        redirects_only=redirects if protocol == "HTTP" else None,
        certificates=texts(listener.get("Certificates"), "CertificateArn"),
    )  # fmt: skip


def _plain_text(protocol: Any) -> bool | None:
    """What goes through unread (TCP, UDP, GENEVE) may be encrypted by whoever stands behind."""
    return True if protocol == "HTTP" else False if protocol in _TLS else None


def _redirects(actions: Any) -> bool | None:
    """Whether actions do nothing but send the caller to TLS."""
    found: list[Json] = list(actions or [])
    return bool(found) and all(
        one.get("Type") == "redirect" and (one.get("RedirectConfig") or {}).get("Protocol") == "HTTPS" for one in found
    )


def classic_load_balancers(region: Region) -> None:
    """Load balancers of the first generation, whose policies each one defines itself."""
    policies, attributes = "elb:DescribeLoadBalancerPolicies", "elb:DescribeLoadBalancerAttributes"

    def ask(detail: Detail, one: Json) -> None:
        named: dict[str, Any] = {"LoadBalancerName": str(one["LoadBalancerName"]), "gone": ("LoadBalancerNotFound",)}
        if region.wants(TRANSIT):
            detail.ask(policies, **named)
        if region.wants(LOG_CONFIG) and not detail.gone:
            detail.ask(attributes, **named)

    listed = region.items(
        "elb:DescribeLoadBalancers", "LoadBalancerDescriptions", "LoadBalancerName", "Marker", answered="NextMarker",
        PageSize=400,
    )  # fmt: skip
    for one, detail in region.each(listed, ask, "LoadBalancerName"):
        name, public = str(one["LoadBalancerName"]), one.get("Scheme") == "internet-facing"
        arn = region.arn("elasticloadbalancing", f"loadbalancer/{name}")
        head: dict[str, Any] = {"name": name, "created_at": moment(one.get("CreatedTime"))}
        seen: dict[str, Any] = {"public": public, "reasons": ["internet_facing"] if public else []}
        region.put(
            EXPOSURE, "load_balancer", arn, one, detail=detail, **head, **seen, address=one.get("DNSName"),
            parent_id=one.get("VPCId"), attached_to=[str(group) for group in one.get("SecurityGroups") or []],
        )  # fmt: skip
        versions = classic_versions(detail.of(policies))
        for entry in one.get("ListenerDescriptions") or []:
            listener: Json = entry["Listener"]
            protocol, port = listener.get("Protocol"), listener.get("LoadBalancerPort")
            part: dict[str, Any] = {"part": str(port), "parent_id": arn}
            region.put(
                EXPOSURE, "listener", arn, entry, **part, **seen, protocol=protocol, from_port=port, to_port=port,
                address=one.get("DNSName"),
            )  # fmt: skip
            chosen = [str(policy) for policy in entry.get("PolicyNames") or [] if str(policy) in versions]
            region.put(
                TRANSIT, "listener", arn, entry, detail=detail, **part, public=public, protocol=protocol, port=port,
                hosts=texts([one], "DNSName"), tls_policy=",".join(chosen) or None, plain_text=_plain_text(protocol),
                tls_versions=sorted({version for policy in chosen for version in versions[policy]}),
                certificates=texts([listener], "SSLCertificateId"),
            )  # fmt: skip
        found = detail.of(attributes)
        log = ((found or {}).get("LoadBalancerAttributes") or {}).get("AccessLog") or {}
        region.put(
            LOG_CONFIG, "load_balancer", arn, {**one, "AccessLog": log}, detail=detail, **head,
            logging=None if found is None else bool(log.get("Enabled")), bucket=log.get("S3BucketName"),
            destination=log.get("S3BucketName"),
        )  # fmt: skip


def classic_versions(found: Json | None) -> dict[str, list[str]]:
    """Versions of TLS by policy of a classic load balancer."""
    return {
        str(policy["PolicyName"]): sorted(
            str(entry["AttributeName"]).removeprefix("Protocol-")
            for entry in policy.get("PolicyAttributeDescriptions") or []
            if str(entry.get("AttributeName")).startswith("Protocol-") and entry.get("AttributeValue") == "true"
        )
        for policy in (found or {}).get("PolicyDescriptions") or []
        if policy.get("PolicyTypeName") == "SSLNegotiationPolicyType"
    }
