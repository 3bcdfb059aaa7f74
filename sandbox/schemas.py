"""JSON schemas of everything that is written for the sandbox, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.company import company_schema, truth_schema
from sandbox.faults import plan_schema
from sandbox.github.script import script_schema


def _aws_schema() -> Mapping[str, Any]:
    from sandbox.aws.company import company_schema as aws_schema

    return aws_schema()


def _google_schema() -> Mapping[str, Any]:
    from sandbox.google.workspace.script import google_schema

    return google_schema()


def _cloud_schema() -> Mapping[str, Any]:
    from sandbox.google.cloud.script import cloud_schema

    return cloud_schema()


def _jira_schema() -> Mapping[str, Any]:
    from sandbox.trackers.jira_script import jira_schema

    return jira_schema()


def _pagerduty_schema() -> Mapping[str, Any]:
    from sandbox.trackers.pagerduty_script import pagerduty_schema

    return pagerduty_schema()


SCHEMAS: Mapping[str, Callable[[], Mapping[str, Any]]] = {
    "sandbox-company": company_schema,
    "sandbox-github": script_schema,
    "sandbox-aws": _aws_schema,
    "sandbox-google": _google_schema,
    "sandbox-gcp": _cloud_schema,
    "sandbox-jira": _jira_schema,
    "sandbox-pagerduty": _pagerduty_schema,
    "sandbox-truth": truth_schema,
    "sandbox-plan": plan_schema,
}
"""The files of a company, and the body of `PUT {faults}/plan`."""
