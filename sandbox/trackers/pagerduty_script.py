"""`pagerduty.yaml` of a company: services, and incidents with what happened to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, Field, TypeAdapter

from sandbox.company import SCHEMA_DIALECT, Strict, read_model

FILE = "pagerduty.yaml"


class PagerDutyEntry(Strict):
    """One entry of an incident's log after it was triggered."""

    at: AwareDatetime
    kind: Literal[
        "acknowledge", "unacknowledge", "assign", "escalate", "resolve", "annotate", "notify", "priority_change"
    ]
    by: str | None = Field(default=None, description="person_id of company.yaml; none: the service itself.")
    to: list[str] = Field(default_factory=list, description="assign, escalate: person_ids.")
    text: str = Field(default="", description="annotate: the note. priority_change: the new priority.")


class PagerDutyIncident(Strict):
    number: int = Field(ge=1)
    service: str = Field(description="Id of a service.")
    title: str
    created: AwareDatetime
    by: str | None = Field(default=None, description="person_id of who triggered it; none: the service itself.")
    urgency: Literal["high", "low"] = "high"
    priority: str | None = None
    log: list[PagerDutyEntry] = Field(default_factory=list)


class PagerDutyService(Strict):
    id: str = Field(pattern=r"^P[A-Z0-9]{3,20}$")
    name: str


class PagerDutyScript(Strict):
    """The whole of `pagerduty.yaml`."""

    services: list[PagerDutyService] = Field(min_length=1)
    users: list[str] = Field(default_factory=list, description="person_ids of those who have an account.")
    incidents: list[PagerDutyIncident] = Field(default_factory=list)


_SCRIPT: TypeAdapter[PagerDutyScript] = TypeAdapter(PagerDutyScript)


def load_pagerduty(folder: Path) -> PagerDutyScript:
    """Read `pagerduty.yaml`. Raises ConfigurationError naming what is wrong."""
    return read_model(folder / FILE, _SCRIPT)


def pagerduty_schema() -> dict[str, Any]:
    """JSON schema of `pagerduty.yaml`."""
    return {"$schema": SCHEMA_DIALECT, **_SCRIPT.json_schema(), "title": "A simulated PagerDuty (pagerduty.yaml)"}
