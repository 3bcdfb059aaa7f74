"""Backup runs of a project's Cloud SQL instances.

Google lists a run for as long as its backup is kept, and a failed one for about as long. The answer is whole from the
oldest run that each instance still shows; before that nobody can tell.
"""

from __future__ import annotations

from datetime import datetime

from connectors.gcp.exposure import SQL, sql_instances
from connectors.gcp.pages import field_of
from connectors.gcp.reading import off, reading
from connectors.gcp.store_rows import backup_row, backup_time
from connectors.gcp.values import Record
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.gcp import BACKUPS


def backups(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Extractor of `gcp.backups`. Raises NotLicensed where Cloud SQL is off in the project."""
    assert request.start is not None
    assert request.end is not None
    found = reading(session, request, sink, BACKUPS, above=False)
    if not found.enabled(SQL)[SQL]:
        raise off(SQL, found.project_id)
    found.demand()
    instances = {str(one["name"]): one for one in sql_instances(found)}
    runs = found.listed(
        "sql.backupRuns.list", field_of("items"), _run, project=found.project_id, instance="-", maxResults=500
    )
    oldest: dict[str, datetime] = {}
    for run in runs:
        at, name = backup_time(run), str(run.get("instance"))
        oldest[name] = min(oldest.get(name, at), at)
    since = max(oldest.values(), default=None)
    inside = [run for run in runs if request.start <= backup_time(run) < request.end]
    gone = {"project": found.project_id}  # an instance that was deleted, of which Google still keeps backups
    rows = [
        backup_row(request.item.id, instances.get(name := str(run.get("instance"))) or {**gone, "name": name}, run)
        for run in inside
    ]
    sink.rows(BACKUPS, rows)
    without = sorted(name for name in instances if name not in oldest)
    if without:
        found.notes.append(f"no run at all: {', '.join(without)}")
    return found.result(
        f"{len(instances)} instances with {len(runs)} runs listed", rows_returned=len(inside),
        complete_from=since if since is not None and since > request.start else None,
    )  # fmt: skip


def _run(run: Record) -> str:
    return f"{run.get('instance')}/{run.get('id')}"
