"""Starts the simulated trackers that a company has: Jira from its `jira.yaml`, PagerDuty from its `pagerduty.yaml`."""

from __future__ import annotations

from pathlib import Path

from sandbox.clock import SimulatedClock
from sandbox.company import load_company
from sandbox.faults import FaultPlan
from sandbox.trackers.jira import JiraServer
from sandbox.trackers.jira_script import FILE as JIRA_FILE
from sandbox.trackers.jira_script import load_jira
from sandbox.trackers.pagerduty import PagerDutyServer
from sandbox.trackers.pagerduty_script import FILE as PAGERDUTY_FILE
from sandbox.trackers.pagerduty_script import load_pagerduty


def start_trackers(folder: Path, clock: SimulatedClock, plan: FaultPlan) -> dict[str, JiraServer | PagerDutyServer]:
    """Running servers by source. Raises ConfigurationError for a company whose files are wrong."""
    started: dict[str, JiraServer | PagerDutyServer] = {}
    try:
        if (folder / JIRA_FILE).is_file():
            started["jira"] = JiraServer(load_jira(folder), load_company(folder), clock, plan)
        if (folder / PAGERDUTY_FILE).is_file():
            started["pagerduty"] = PagerDutyServer(load_pagerduty(folder), load_company(folder), clock, plan)
    except BaseException:
        for server in started.values():
            server.close()
        raise
    return started
