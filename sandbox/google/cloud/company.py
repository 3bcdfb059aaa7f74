"""The Google Cloud of a company: what its file says, as handlers of the simulated Google."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sandbox.company import read_model
from sandbox.google.calls import Handler
from sandbox.google.cloud.resources import cloud_world_handlers
from sandbox.google.cloud.script import SCRIPT, CloudScript, Grant, Happening
from sandbox.google.cloud.world import CloudWorld, Held, Holder, Project
from schemas.instants import format_instant

FILE = "gcp.yaml"
_ARRIVES = timedelta(seconds=3)
_IAM = "cloudresourcemanager.googleapis.com"


def cloud_handlers(folder: Path) -> Mapping[str, Handler]:
    """The handlers of a company's projects, by the method's id. Raises ConfigurationError for a file that is wrong."""
    return cloud_world_handlers(cloud_world(read_model(folder / FILE, SCRIPT)))


def cloud_world(script: CloudScript) -> CloudWorld:
    """What a file describes."""
    above = [
        Holder(one.name, one.parent, one.policy, one.records, [_held(grant) for grant in one.grants])
        for one in script.above
    ]
    projects: list[Project] = []
    for one in script.projects:
        record = {
            "name": f"projects/{one.number}", "projectId": one.id, "displayName": one.name, "state": "ACTIVE",
            "createTime": format_instant(one.created), "updateTime": format_instant(one.created),
        }  # fmt: skip
        if one.parent is not None:
            record["parent"] = one.parent
        projects.append(Project(
            f"projects/{one.number}", one.parent, one.policy, one.records, [_held(grant) for grant in one.grants],
            project_id=one.id, services={f"{name}.googleapis.com" for name in one.services}, record=record,
            history=one.history,
        ))  # fmt: skip
    entries = [_entry(number, one) for number, one in enumerate(script.happenings)]
    given = {one.name: one.grants for one in script.above}
    given |= {f"projects/{one.id}": one.grants for one in script.projects}
    for container, grants in given.items():
        happened = enumerate(_granting(container, grants))
        entries += [_entry(f"{container.replace('/', '-')}-{number}", one) for number, one in happened]
    return CloudWorld(projects, above, script.roles, entries)


def _held(grant: Grant) -> Held:
    binding: dict[str, Any] = {"role": grant.role, "members": [grant.member]}
    if grant.expression is not None:
        binding["condition"] = {"title": grant.title or "", "expression": grant.expression}
    return Held(binding, grant.at, grant.until)


def _granting(container: str, grants: list[Grant]) -> Iterator[Happening]:
    """What the audit log tells of grants: each given, and each taken back."""
    for grant in grants:
        for action, at in (("ADD", grant.at), ("REMOVE", grant.until)):
            if at is None:
                continue
            delta = {"action": action, "role": grant.role, "member": grant.member}
            yield Happening(
                at=at, who=grant.by, service=_IAM, method="SetIamPolicy", resource=container, container=container,
                permission=f"resourcemanager.{container.partition('/')[0]}.setIamPolicy",
                payload={"serviceData": {
                    "@type": "type.googleapis.com/google.iam.v1.logging.AuditData",
                    "policyDelta": {"bindingDeltas": [delta]},
                }},
            )  # fmt: skip


def _entry(number: int | str, happening: Happening) -> dict[str, Any]:
    log = f"cloudaudit.googleapis.com%2F{happening.log}"
    payload: dict[str, Any] = {
        "@type": "type.googleapis.com/google.cloud.audit.AuditLog", "serviceName": happening.service,
        "methodName": happening.method, "resourceName": happening.resource,
        "authenticationInfo": {"principalEmail": happening.who}, **happening.payload,
    }  # fmt: skip
    if happening.permission is not None:
        payload["authorizationInfo"] = [
            {"permission": happening.permission, "granted": True, "resource": happening.resource}
        ]
    return {
        "insertId": f"entry-{number}", "logName": f"{happening.container}/logs/{log}", "severity": "NOTICE",
        "timestamp": format_instant(happening.at), "receiveTimestamp": format_instant(_later(happening.at)),
        "resource": {"type": happening.container.partition("/")[0].rstrip("s"), "labels": {}},
        "protoPayload": payload,
    }  # fmt: skip


def _later(at: datetime) -> datetime:
    return at + _ARRIVES
