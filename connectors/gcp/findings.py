"""Findings of Security Command Center for a project: vulnerabilities and threats, all of them each time.

`eventTime` moves with every scan that sees a finding again, so nothing can be asked by time: every finding is listed,
and what happened within the interval is taken from it. Google says how many there are.
"""

from __future__ import annotations

from collections.abc import Callable

from connectors.gcp.finding_rows import THREAT, alert_row, finding_class, finding_rows
from connectors.gcp.pages import field_of
from connectors.gcp.reading import Reading, off, reading
from connectors.gcp.values import Record, needed, needed_instant, part
from schemas.dataset import Dataset
from schemas.errors import NotLicensed, SourceGone
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.gcp import ALERTS, FINDINGS

SERVICE = "securitycenter.googleapis.com"
METHOD = "securitycenter.projects.sources.findings.list"


def findings(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Extractor of `gcp.findings`: what was found, closed or muted in the interval; threats are alerts."""
    assert request.start is not None
    assert request.end is not None
    start, end = request.start, request.end
    found, records = _read(session, request, sink, FINDINGS, lambda name: name != THREAT)
    rows = [row for one in records for row in finding_rows(request.item.id, one, start, end)]
    sink.rows(FINDINGS, rows)
    untouched = len(records) - len({row["finding_id"] for row in rows})
    return found.result(
        f"{len(records)} findings of all times listed", rows_returned=len(rows),
        drop_rules={"nothing happened to it within the interval": untouched},
    )  # fmt: skip


def alerts(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Extractor of `gcp.alerts` for `alerts:gcp:<project number>`: threats found in the interval."""
    assert request.start is not None
    assert request.end is not None
    found, records = _read(session, request, sink, ALERTS, lambda name: name == THREAT)
    inside = [
        one for one in records
        if request.start <= needed_instant(part(one, "finding"), "createTime", "finding") < request.end
    ]  # fmt: skip
    sink.rows(ALERTS, [alert_row(request.item.id, one) for one in inside])
    return found.result(
        f"{len(records)} threats of all times listed", rows_returned=len(inside),
        drop_rules={"found before or after the interval": len(records) - len(inside)},
    )  # fmt: skip


def _read(
    session: Session, request: Request, sink: Sink, dataset: Dataset, wanted: Callable[[str], bool]
) -> tuple[Reading, list[Record]]:
    """All findings of a class. Raises NotLicensed where Security Command Center is off or not activated."""
    found = reading(session, request, sink, dataset, above=False)
    if not found.enabled(SERVICE)[SERVICE]:
        raise off(SERVICE, found.project_id)
    found.demand()
    try:
        listed = found.listed(
            METHOD, field_of("listFindingsResults"), _name, parent=f"{found.own.name}/sources/-", pageSize=1000
        )
    except SourceGone as error:
        raise not_activated(found) from error
    return found, [one for one in listed if wanted(finding_class(part(one, "finding")))]


def not_activated(found: Reading) -> NotLicensed:
    """What a project means that knows no sources: the service is on and nobody activated a tier, here or above."""
    return NotLicensed(
        f"Security Command Center is not activated for {found.project_id}. Activate a tier, or record what looks for "
        "threats and vulnerabilities instead."
    )


def _name(result: Record) -> str:
    return str(needed(part(result, "finding"), "name", "finding"))
