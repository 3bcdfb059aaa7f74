"""CC9-BCP-01: the continuity plan is approved every year, knows every service, and its roles are held.

The population is the plan, one row for the period:

- PLAN_LAPSED             at some instant the latest approval was older than 12 months and the line's days of grace
- SERVICE_WITHOUT_TARGET  a service in scope has no recovery time or no recovery point in the version in force
- ROLE_VACANT             at the end of a quarter a role of the version in force was held by somebody who does not work
                          here, or the version names no roles

Decisions where the rule leaves room:

- The version in force is the one approved last. A service of the programme needs its objectives in the version in force
  at the end of the window; one that left the programme in the period needs them in any version of the period.
- Whether cover for financial loss was considered has no code: without a word on it the row is unknown.
- Roles are looked at on the last instant of each quarter that has passed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from evidence.completeness.windows import window_bounds, window_id_of
from evidence.controls.currency import rule_of, standing
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.recorded import Persons, judged, recorded, rows_of, serving, short
from evidence.controls.verdict import Verdict
from evidence.programme_versions import slug
from evidence.record import StoredRecord
from schemas.instants import format_instant
from schemas.outcome import Outcome

LINE = "plan"
PLAN_LAPSED = "PLAN_LAPSED"
SERVICE_WITHOUT_TARGET = "SERVICE_WITHOUT_TARGET"
ROLE_VACANT = "ROLE_VACANT"
CODES = (PLAN_LAPSED, SERVICE_WITHOUT_TARGET, ROLE_VACANT)
_TICK = timedelta(microseconds=1)


def plan_current(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """The row of the plan."""
    verdict = Verdict()
    records = recorded(window, evidence, LINE, "continuity_plan")
    versions = serving(window, records)
    verdict.used(*(version.digest for version in versions))
    stands = standing(window, rule_of(window, LINE), (record.performed_at for record in records))
    stands.tell(verdict, PLAN_LAPSED, "approval of the plan")
    if stands.latest is None:
        verdict.holds("no approval is on record")
    elif not stands.lapses:
        verdict.holds(f"approved at {format_instant(stands.latest)}")
    if versions:
        _services(window, versions, verdict)
        _roles(window, versions, verdict)
        if not versions[-1].values.get("insurance"):
            verdict.doubts("whether cover for financial loss was considered: the approval does not say")
    return [judged(window, LINE, "plan", window.start, "Continuity plan", verdict, stands.waits_until)]


def objectives(version: StoredRecord) -> dict[str, tuple[float, float]]:
    """Hours until a service runs again, and of data that may be lost, by item id (`service:<slug>`)."""
    found: dict[str, tuple[float, float]] = {}
    for row in rows_of(version.values, "objectives"):
        rto, rpo = row.get("rto_hours"), row.get("rpo_hours")
        if isinstance(rto, int | float) and isinstance(rpo, int | float):
            found[service_id(str(row.get("service")))] = (float(rto), float(rpo))
    return found


def service_id(named: str) -> str:
    """The item id of a service that somebody wrote by its id or its name."""
    return f"service:{slug(named.strip().removeprefix('service:'))}"


def _services(window: TestWindow, versions: Sequence[StoredRecord], verdict: Verdict) -> None:
    now = {f"service:{slug(name)}" for name in window.programme.scope.services}
    ever = {*now, *window.in_scope("service")}
    if not ever:
        verdict.doubts("whether every service has recovery objectives: the programme names no service")
        return
    latest = objectives(versions[-1])
    any_version = {service for version in versions for service in objectives(version)}
    without = sorted(service for service in ever if service not in (latest if service in now else any_version))
    if without:
        words = f"version {short(versions[-1].values.get('version'))} has no recovery time and point for"
        verdict.fails(SERVICE_WITHOUT_TARGET, f"{words} {', '.join(short(service) for service in without)}")
    else:
        verdict.holds(f"recovery objectives for {len(ever)} service{'' if len(ever) == 1 else 's'}")


def _roles(window: TestWindow, versions: Sequence[StoredRecord], verdict: Verdict) -> None:
    persons = Persons(window)
    for at in _quarter_ends(window):
        in_force = [version for version in versions if version.performed_at <= at]
        if not in_force:
            continue  # before the first version there was no role to fill
        version, told = in_force[-1], f"{at:%Y-%m-%d}"
        rows = rows_of(version.values, "roles")
        if not rows:
            verdict.fails(ROLE_VACANT, f"version {short(version.values.get('version'))} names no roles")
        for row in rows:
            holder, role = str(row.get("person") or ""), short(row.get("role"))
            here = persons.works_here(holder, at) if holder else False
            if here is None:
                verdict.doubts(f"whether {short(holder)}, who holds the role {role}, worked here on {told}")
            elif not here:
                words = f"held by {short(holder)}, who does not work here" if holder else "held by nobody"
                verdict.fails(ROLE_VACANT, f"on {told} the role {role} was {words}")


def _quarter_ends(window: TestWindow) -> Iterator[datetime]:
    """The last instants of the quarters that end in the elapsed part of the window."""
    zone, until, at = window.programme.timezone, min(window.end, window.as_of), window.start
    while (end := window_bounds(window_id_of(at, "quarterly", zone), zone).end) <= until:
        yield end - _TICK
        at = end
