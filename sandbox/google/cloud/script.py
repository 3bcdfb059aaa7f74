"""What a company's `gcp.yaml` may say."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime, Field, TypeAdapter

from sandbox.company import SCHEMA_DIALECT, Strict


class Grant(Strict):
    """A role that a member holds for a time. `by` gave and took it; the audit log tells of both."""

    member: str
    role: str
    at: AwareDatetime
    until: AwareDatetime | None = None
    by: str
    title: str | None = None
    expression: str | None = None


class Above(Strict):
    """An organisation or a folder: `organizations/<number>`, `folders/<number>`."""

    name: str
    parent: str | None = None
    grants: list[Grant] = Field(default_factory=list)
    policy: dict[str, Any] = Field(default_factory=dict)
    records: dict[str, list[dict[str, Any]]] = Field(default_factory=dict)


class Project(Strict):
    """A project. `services` are named without `.googleapis.com`; `records` by the method that lists them."""

    id: str
    number: str = Field(pattern="^[0-9]+$")
    name: str
    parent: str | None = None
    created: AwareDatetime
    services: list[str] = Field(default_factory=list)
    grants: list[Grant] = Field(default_factory=list)
    policy: dict[str, Any] = Field(default_factory=dict)
    records: dict[str, list[dict[str, Any]]] = Field(default_factory=dict)
    history: list[dict[str, Any]] = Field(default_factory=list)


class Happening(Strict):
    """An entry of an audit log, as far as it is not what grants say already."""

    at: AwareDatetime
    who: str
    service: str
    method: str
    resource: str
    container: str
    """`projects/<id>`, `folders/<number>` or `organizations/<number>`."""
    log: Literal["activity", "system_event", "data_access", "policy"] = "activity"
    permission: str | None = None
    payload: dict[str, Any] = Field(default_factory=dict)


class CloudScript(Strict):
    """The whole of `gcp.yaml`."""

    above: list[Above] = Field(default_factory=list)
    projects: list[Project]
    roles: dict[str, list[str]] = Field(default_factory=dict)
    """Permissions by role."""
    happenings: list[Happening] = Field(default_factory=list)


SCRIPT: TypeAdapter[CloudScript] = TypeAdapter(CloudScript)


def cloud_schema() -> dict[str, Any]:
    """JSON schema of `gcp.yaml`."""
    return {"$schema": SCHEMA_DIALECT, **SCRIPT.json_schema(), "title": "A company's Google Cloud (gcp.yaml)"}
