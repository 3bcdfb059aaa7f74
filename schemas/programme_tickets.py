"""Where the programme says that tickets are kept: one place, in one tracker."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, GetJsonSchemaHandler, StrictStr, model_validator

from schemas.programme_values import Part, Text, Url, exactly_one, or_short


class GitHubIssues(Part):
    """Issues of one repository that carry a label."""

    repository: Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$")]
    label: Text


class JiraProject(Part):
    """Issues of one project of Jira: all, or those with a label or of a type."""

    url: Url
    """The site, `https://acme.atlassian.net` or that of a Data Center (which is declared under `endpoints`)."""
    project: Annotated[StrictStr, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]+$")]
    """Its key, such as OPS."""
    label: Text | None = None
    issue_type: Text | None = None


class PagerDutyIncidents(Part):
    """Incidents of services of PagerDuty, of the whole account where none is named."""

    services: tuple[Annotated[StrictStr, Field(pattern=r"^[A-Z0-9]{4,40}$")], ...] = ()
    """Their ids, which end the address of a service's page."""
    api_url: Url = "https://api.pagerduty.com"
    """`https://api.eu.pagerduty.com` for accounts of the European region."""


class Tickets(Part):
    """Where tickets of one kind are kept: exactly one of the keys."""

    github_issues: GitHubIssues | None = None
    jira: JiraProject | None = None
    pagerduty: PagerDutyIncidents | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        places = ", ".join(type(self).model_fields)
        exactly_one(self, f"tickets of one kind are kept in exactly one of {places}")
        return self


class Incidents(Tickets):
    """Where incidents are kept: in a tracker, or in a file; `registers/incidents.yaml` is short for
    `{file: registers/incidents.yaml}`."""

    file: Text | None = None

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return or_short(handler, core_schema, {"type": "string"})

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"file": value} if isinstance(value, str) else value
