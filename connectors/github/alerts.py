"""Findings of GitHub's scanners: secrets, vulnerable dependencies, weaknesses in code."""

from __future__ import annotations

from datetime import datetime

from connectors.github.alert_lists import (
    CODE_SCANNING,
    DEPENDABOT,
    KINDS,
    REPOSITORIES,
    SECRET_SCANNING,
    alerts_of,
    dependabot_of,
    feature,
    scanners,
    security_settings,
)
from connectors.github.alert_rows import Interval, alert_row, opened_at, secret_rows, vulnerability_rows
from connectors.github.batches import ask_about
from connectors.github.calls import Json
from connectors.github.client import client_of, interval_of
from connectors.github.repository import PREFIX, node_id
from schemas.errors import ConfigurationError, NotLicensed
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.github_security import ALERTS, SECRET_ALERTS, VULNERABILITY_ALERTS

_SORTED = "sort=created&direction=asc"
SECRETS_TEXT = f"GET {REPOSITORIES}\nGET {SECRET_SCANNING}?{_SORTED}&hide_secret=true"
VULNERABILITIES_TEXT = "\n".join([
    scanners(VULNERABILITY_ALERTS).part(()).selection, f"GET {DEPENDABOT}?{_SORTED}", f"GET {CODE_SCANNING}?{_SORTED}",
])  # fmt: skip
ALERTS_TEXT = "\n".join(
    f"GET {one}?{_SORTED}" for one in (DEPENDABOT, CODE_SCANNING, f"{SECRET_SCANNING}?hide_secret=true")
)


def secret_alerts(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill github.secret_alerts of one repository, or of all where the organisation is asked for.

    Raises `NotLicensed` where secret scanning is off: no alerts would be no news then.
    """
    client = client_of(session)
    interval = interval_of(request)
    wanted = node_id(request)
    whole = wanted == client.organisation_id
    if not whole:
        record = security_settings(client, request, sink, wanted, SECRET_ALERTS)
        if feature(record, "secret_scanning") != "enabled":
            raise NotLicensed(
                f"Secret scanning is not switched on in {request.item.name}, so that it has no alerts proves nothing. "
                "Switch it on, or record which other scanner covers the repository."
            )
    found = alerts_of(client, request, sink, "secret_scanning", None if whole else wanted, SECRET_ALERTS)
    rows = [row for alert in found for row in secret_rows(alert, request.item.id, interval)]
    if rows:
        sink.rows(SECRET_ALERTS, rows)
    return [
        ItemClaim(
            SECRET_ALERTS.name,
            SECRETS_TEXT,
            {"repository": request.item.name},
            proof_of_life=bool(found) or not whole,
            proof="alerts are seen" if found else None if whole else "secret scanning is switched on",
            reconciliation=(
                f"{len(found)} alerts of all times in two equal readings of the organisation's list, {len(rows)} dates "
                "of theirs in the interval; generic patterns are listed by GitHub only where asked for by name"
            ),
            rows_returned=len(found),
        )
    ]


def vulnerability_alerts(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill github.vulnerability_alerts of one repository, or of all where the organisation is asked for.

    Raises `NotLicensed` where Dependabot is off. Where code scanning is, the claim says so, and github.alert_coverage
    shows it: it has no findings that could be missing.
    """
    client = client_of(session)
    interval = interval_of(request)
    wanted = node_id(request)
    whole = wanted == client.organisation_id
    found: dict[str, list[Json]] = {}
    notes: list[str] = []
    if whole:
        found["dependabot"] = alerts_of(client, request, sink, "dependabot", None, VULNERABILITY_ALERTS)
        notes.append(f"{len(found['dependabot'])} Dependabot alerts of all times in two equal readings")
    else:
        told = ask_about(client, request, sink, scanners(VULNERABILITY_ALERTS))
        if not told.node["hasVulnerabilityAlertsEnabled"]:
            raise NotLicensed(
                f"Dependabot alerts are not switched on in {request.item.name}, so that it has none proves nothing. "
                "Switch them on, or record which other scanner covers the repository."
            )
        found["dependabot"] = dependabot_of(client, request, sink, told, VULNERABILITY_ALERTS)
        notes.append(f"{len(found['dependabot'])} Dependabot alerts of all times, as many as GitHub counts")
    try:
        found["code_scanning"] = alerts_of(
            client, request, sink, "code_scanning", None if whole else wanted, VULNERABILITY_ALERTS
        )
        notes.append(f"{len(found['code_scanning'])} code scanning alerts in two equal readings")
    except NotLicensed as off:
        notes.append(f"code scanning is not in use, so it has no findings ({off})")
    rows = [
        row
        for kind, alerts in found.items()
        for alert in alerts
        for row in vulnerability_rows(kind, alert, request.item.id, interval)
    ]
    if rows:
        sink.rows(VULNERABILITY_ALERTS, rows)
    seen = sum(len(alerts) for alerts in found.values())
    return [
        ItemClaim(
            VULNERABILITY_ALERTS.name,
            VULNERABILITIES_TEXT,
            {"repository": request.item.name},
            proof_of_life=bool(seen) or not whole,
            proof="alerts are seen" if seen else None if whole else "Dependabot alerts are switched on",
            reconciliation="; ".join([*notes, f"{len(rows)} dates of theirs in the interval"]),
            rows_returned=seen,
        )
    ]


def alerts(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill github.alerts: every alert of the organisation that was created in the interval.

    A scanner that the organisation does not have is named in the claim; `NotLicensed` where it has none of them.
    """
    client = client_of(session)
    interval = interval_of(request)
    if request.item.id not in {f"alerts:github:{client.organisation_id}", f"{PREFIX}{client.organisation_id}"}:
        raise ConfigurationError(f"{request.item.name} is not the organisation that this session reads.")
    rows: list[Json] = []
    notes: list[str] = []
    seen = 0
    missing: list[NotLicensed] = []
    for kind in KINDS:
        try:
            found = alerts_of(client, request, sink, kind, None, ALERTS)
        except NotLicensed as off:
            missing.append(off)
            notes.append(f"{kind} is not in use ({off})")
            continue
        seen += len(found)
        rows += [alert_row(kind, one, request.item.id) for one in found if _within(opened_at(one), interval)]
        notes.append(f"{kind}: {len(found)} of all times")
    if len(missing) == len(KINDS):
        raise missing[0]
    if rows:
        sink.rows(ALERTS, rows)
    return [
        ItemClaim(
            ALERTS.name,
            ALERTS_TEXT,
            {"organisation": client.organisation},
            proof_of_life=seen > 0,
            proof=f"{seen} alerts of all times are seen" if seen else None,
            reconciliation="; ".join(notes),
            rows_returned=seen,
            drop_rules={"created outside the interval": seen - len(rows)},
        )
    ]


def _within(at: datetime, interval: Interval) -> bool:
    return interval[0] <= at < interval[1]
