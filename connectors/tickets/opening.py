"""Opening the tracker in which the programme says that tickets of one kind are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from schemas.dataset import Dataset
from schemas.extraction import Session
from schemas.programme_tickets import JiraProject, PagerDutyIncidents


def open_jira(
    kept: JiraProject,
    register: str,
    dataset: Dataset,
    environ: Mapping[str, str],
    *,
    now: Callable[[], datetime],
    pause: Callable[[float], None],
    declared: tuple[str, ...],
) -> Session:
    """A session with a Jira site. `register` is the key of `registers` that names it."""
    from connectors.jira.client import Project
    from connectors.jira.session import open_session

    project = Project(kept.project.upper(), register, kept.label, kept.issue_type)
    return open_session(kept.url, project, dataset, environ, now=now, pause=pause, declared=declared)


def open_pagerduty(
    kept: PagerDutyIncidents,
    register: str,
    dataset: Dataset,
    environ: Mapping[str, str],
    *,
    now: Callable[[], datetime],
    pause: Callable[[float], None],
    declared: tuple[str, ...],
) -> Session:
    """A session with PagerDuty. `register` is the key of `registers` that names it."""
    from connectors.pagerduty.client import Services
    from connectors.pagerduty.session import open_session

    services = Services(kept.services, register)
    return open_session(kept.api_url, services, dataset, environ, now=now, pause=pause, declared=declared)
