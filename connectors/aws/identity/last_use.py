"""When a user or group last used any service, by AWS's own jobs that look it up: 400 days back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from connectors.aws.reading import Reading, field_of, moment
from schemas.errors import RetriableError, SchemaDrift

_FIRST_WAIT_SECONDS = 0.2
_LONGEST_WAIT_SECONDS = 5.0
_PATIENCE_SECONDS = 180.0
_AT_ONCE = 100
"""Jobs that are begun before the first of them is asked for."""


class LastUse(NamedTuple):
    """The latest use of a service; both None where nothing was used in the time AWS knows of."""

    at: datetime | None
    service: str | None


def last_uses(reading: Reading, arns: Iterable[str], pause: Callable[[float], None]) -> dict[str, LastUse]:
    """The last use of each principal, by ARN. Raises `RetriableError` where a job does not end or fails."""
    wanted = list(arns)
    found: dict[str, LastUse] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        jobs: dict[str, str] = {}
        for arn in wanted[start : start + _AT_ONCE]:
            answer = reading.ask("iam:GenerateServiceLastAccessedDetails", Arn=arn).parsed
            jobs[arn] = str(field_of(answer, "JobId", "iam:GenerateServiceLastAccessedDetails"))
        for arn, job in jobs.items():
            found[arn] = _ended(reading, job, pause)
    return found


def _ended(reading: Reading, job: str, pause: Callable[[float], None]) -> LastUse:
    waited, wait = 0.0, _FIRST_WAIT_SECONDS
    marker: dict[str, str] = {}
    latest = LastUse(None, None)
    while True:
        answer = reading.ask("iam:GetServiceLastAccessedDetails", JobId=job, **marker).parsed
        state = answer.get("JobStatus")
        if state == "COMPLETED":
            latest = _latest(latest, answer)
            if not answer.get("IsTruncated"):
                return latest
            if not answer.get("Marker") or answer["Marker"] == marker.get("Marker"):
                raise SchemaDrift("iam:GetServiceLastAccessedDetails has more and does not say where it goes on.")
            marker = {"Marker": str(answer["Marker"])}
        elif state == "IN_PROGRESS" and waited < _PATIENCE_SECONDS:
            pause(wait)
            waited, wait = waited + wait, min(wait * 2, _LONGEST_WAIT_SECONDS)
        elif state in ("IN_PROGRESS", "FAILED"):
            raise RetriableError(
                f"AWS could not look up the last use of a principal of account {reading.account} ({state}). Try again "
                "later."
            )
        else:
            raise SchemaDrift(f"iam:GetServiceLastAccessedDetails answers the unknown state {state!r}.")


def _latest(known: LastUse, answer: Mapping[str, Any]) -> LastUse:
    services = answer.get("ServicesLastAccessed")
    if not isinstance(services, list):
        raise SchemaDrift("iam:GetServiceLastAccessedDetails answers without services.")
    for one in services:
        at = moment(one.get("LastAuthenticated"))
        if at is not None and (known.at is None or at > known.at):
            known = LastUse(at, str(one.get("ServiceNamespace")))
    return known
