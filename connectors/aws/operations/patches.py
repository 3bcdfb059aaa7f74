"""Which machines are patched: every instance of EC2, and what Systems Manager knows of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from connectors.aws.reading import Json, Reading, batches, field_of, moment, raw_of, reading_of
from schemas.aws_operations import PATCH_STATE
from schemas.extraction import ItemClaim, Request, Session, Sink

_QUERY = (
    "ec2:DescribeRegions\nec2:DescribeInstances\nssm:DescribeInstanceInformation\n"
    "ssm:DescribeInstancePatchStates InstanceIds"
)
_COUNTS = {
    "missing": "MissingCount", "failed": "FailedCount", "critical_missing": "CriticalNonCompliantCount",
    "security_missing": "SecurityNonCompliantCount", "other_missing": "OtherNonCompliantCount",
    "installed": "InstalledCount", "pending_reboot": "InstalledPendingRebootCount",
    "rejected": "InstalledRejectedCount",
}  # fmt: skip
_BATCH = 50

Row = dict[str, Any]


def patch_state(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Extractor of `aws.patch_state` for an item `aws:<account>` or `aws:<account>:<region>`.

    An instance that Systems Manager does not reach has a row too, and one that was never scanned is not compliant but
    unknown.
    """
    reading = reading_of(session, request, sink, PATCH_STATE)
    reading.in_each_region(lambda region: _put(reading, region))
    looked_at = len(reading.regions) - len(reading.refused)
    return [reading.claim(_QUERY, proof=f"{looked_at} region(s) looked at")]


def _put(reading: Reading, region: str) -> None:
    reading.put(_rows(reading, region))


def _rows(reading: Reading, region: str) -> Iterator[Row]:
    instances: dict[str, Json] = {}
    for entry in reading.entries(
        "ec2:DescribeInstances", "Reservations", key=lambda one: one.get("ReservationId"), region=region,
    ):  # fmt: skip
        for one in entry.parsed.get("Instances") or []:
            instances[str(field_of(one, "InstanceId", "An instance"))] = one
    managed = {
        str(field_of(entry.parsed, "InstanceId", "A managed instance")): entry.parsed
        for entry in reading.entries(
            "ssm:DescribeInstanceInformation", "InstanceInformationList", key=lambda one: one.get("InstanceId"),
            region=region, MaxResults=50,
        )
    }  # fmt: skip
    ids = sorted({*instances, *managed})
    for some in batches(ids, _BATCH):
        states = {
            str(entry.parsed.get("InstanceId")): entry.parsed
            for entry in reading.entries(
                "ssm:DescribeInstancePatchStates", "InstancePatchStates", key=lambda one: one.get("InstanceId"),
                region=region, InstanceIds=[one for one in some if one in managed],
            )
        } if any(one in managed for one in some) else {}  # fmt: skip
        for one in some:
            yield _row(reading, region, one, instances.get(one), managed.get(one), states.get(one))


def _row(
    reading: Reading, region: str, own_id: str, instance: Json | None, managed: Json | None, state: Json | None
) -> Row:
    known: Json = managed or {}
    counts = {name: None if state is None else state.get(field) for name, field in _COUNTS.items()}
    open_ = [counts[name] or 0 for name in ("missing", "failed", "critical_missing", "security_missing")]
    record = {
        "instance": {
            name: (instance or {}).get(name) for name in ("InstanceId", "ImageId", "State", "LaunchTime", "Tags")
        },
        "information": managed, "patch_state": state,
    }  # fmt: skip
    return {
        "scope_item_id": reading.item, "instance_id": own_id, "account_id": reading.account, "region": region,
        "managed": managed is not None, "ping_status": known.get("PingStatus"),
        "platform": known.get("PlatformName") or (instance or {}).get("PlatformDetails"),
        "platform_version": known.get("PlatformVersion"), "agent_version": known.get("AgentVersion"),
        "patch_group": (state or {}).get("PatchGroup"), "baseline_id": (state or {}).get("BaselineId"),
        "compliant": None if state is None else not any(open_), **counts, "operation": (state or {}).get("Operation"),
        "operation_ended_at": moment((state or {}).get("OperationEndTime")),
        "instance_state": ((instance or {}).get("State") or {}).get("Name"),
        "launched_at": moment((instance or {}).get("LaunchTime")), "raw": raw_of(PATCH_STATE, record),
    }  # fmt: skip
