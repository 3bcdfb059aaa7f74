"""`jira.yaml` of a company: projects of its Jira, and issues with what happened to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, Field, TypeAdapter

from sandbox.company import SCHEMA_DIALECT, Strict, read_model

FILE = "jira.yaml"


class JiraComment(Strict):
    at: AwareDatetime
    by: str = Field(description="person_id of company.yaml.")
    text: str


class JiraChange(Strict):
    """One field that was set. `labels` holds all labels separated by spaces; empty takes a value away."""

    at: AwareDatetime
    by: str = Field(description="person_id of company.yaml.")
    field: str = Field(description="status, assignee (a person_id), labels, priority, summary, or a custom field.")
    to: str = ""


class JiraIssue(Strict):
    project: str = Field(description="Key of its project.")
    number: int = Field(ge=1)
    summary: str
    created: AwareDatetime
    reporter: str = Field(description="person_id of company.yaml.")
    type: str = "Task"
    description: str | None = None
    status: str = "To Do"
    priority: str | None = None
    assignee: str | None = None
    labels: list[str] = Field(default_factory=list)
    fields: dict[str, str] = Field(default_factory=dict, description="Custom fields by name, as they were at first.")
    comments: list[JiraComment] = Field(default_factory=list)
    changes: list[JiraChange] = Field(default_factory=list)
    hidden: bool = Field(default=False, description="Behind an issue security level that the reader is not in.")


class JiraProject(Strict):
    key: str = Field(pattern=r"^[A-Z][A-Z0-9_]+$")
    name: str
    hidden: bool = Field(default=False, description="The reader may not browse it.")


class JiraScript(Strict):
    """The whole of `jira.yaml`."""

    site: str = Field(description="Host under which people know it.")
    deployment: Literal["Cloud", "Server"] = "Cloud"
    time_zone: str = Field(default="UTC", description="Of the reading account, in which its searches count days.")
    custom_fields: list[str] = Field(default_factory=list, description="Names of custom fields.")
    projects: list[JiraProject] = Field(min_length=1)
    issues: list[JiraIssue] = Field(default_factory=list)


_SCRIPT: TypeAdapter[JiraScript] = TypeAdapter(JiraScript)


def load_jira(folder: Path) -> JiraScript:
    """Read `jira.yaml`. Raises ConfigurationError naming what is wrong."""
    return read_model(folder / FILE, _SCRIPT)


def jira_schema() -> dict[str, Any]:
    """JSON schema of `jira.yaml`."""
    return {"$schema": SCHEMA_DIALECT, **_SCRIPT.json_schema(), "title": "A simulated Jira (jira.yaml)"}
