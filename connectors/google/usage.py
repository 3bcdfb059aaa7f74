"""What Google's usage reports say the users were on a past day: read by date, and as a stand-in for a missed snapshot.

A day ends at UTC-8 all year round, as the Reports API counts days. Its report is there some days later and is kept for
450 days. A report that Google itself calls partial is not taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, cast

from connectors.google.calls import Answer, GoogleClient
from connectors.google.lists import Entry, entries_of
from connectors.google.values import kept, text, when
from schemas.dataset import Dataset
from schemas.errors import IncompletePopulation, RetriableError, SchemaDrift
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.google import USAGE_REPORTS, USERS

PACIFIC = timezone(timedelta(hours=-8))
REPORT = "a usage report"
LOOK_BACK_DAYS = 8
"""How far back the latest report is looked for."""
MOST_DAYS = 35
"""Reports read in one pass: more would be a pass without an end in sight."""

_FLAGS = {
    "accounts:is_2sv_enrolled": "enrolled_2sv", "accounts:is_2sv_enforced": "enforced_2sv",
    "accounts:is_super_admin": "is_super_admin", "accounts:is_delegated_admin": "is_delegated_admin",
    "accounts:is_suspended": "suspended", "accounts:is_archived": "archived",
}  # fmt: skip
_TIMES = {"accounts:creation_time": "created_at", "accounts:last_login_time": "last_login_at"}
PARAMETERS = ",".join((*_FLAGS, *_TIMES))
QUERY = f"reports.userUsageReport.get userKey=all parameters={PARAMETERS}"


def day_ends(day: date) -> datetime:
    """When a reported day is over."""
    return (datetime(day.year, day.month, day.day, tzinfo=PACIFIC) + timedelta(days=1)).astimezone(UTC)


def last_day_within(end: datetime) -> date:
    """The last day that is over at an instant."""
    return end.astimezone(PACIFIC).date() - timedelta(days=1)


def read_day(
    client: GoogleClient, customer: str, day: date, sink: Sink, dataset: Dataset
) -> tuple[list[dict[str, Any]], int] | None:
    """The rows of one day and the pages they came on, or None where Google has no whole report of it (yet).

    Read twice by pages of different sizes, as everything without a total. Raises IncompletePopulation.
    """
    first = _reports(client, customer, day, 700, sink, dataset)
    if first is None:
        return None
    second = _reports(client, customer, day, 1000, sink, dataset)
    if second is None:
        return None
    found = {_user_id(report): report for report in second[0]}
    if len(found) != len(second[0]) or found.keys() != {_user_id(report) for report in first[0]}:
        raise IncompletePopulation(
            f"Two readings of the usage report of {day} contradict each other. Nothing is claimed; run again."
        )
    for report in found.values():
        if text(report, "date", REPORT) != day.isoformat() or _entity(report).get("customerId") != customer:
            raise IncompletePopulation("Google answered with a usage report of another day or customer. Run again.")
    return [_columns(report) for report in found.values()], first[1] + second[1]


def _reports(
    client: GoogleClient, customer: str, day: date, size: int, sink: Sink, dataset: Dataset
) -> tuple[list[Entry], int] | None:
    parameters: dict[str, Any] = {
        "userKey": "all", "date": day.isoformat(), "customerId": customer, "parameters": PARAMETERS, "maxResults": size,
    }  # fmt: skip
    reports: list[Entry] = []
    pages = 0
    first = client.ask("reports.userUsageReport.get", expect=(400,), **parameters)
    if first.refused is not None:
        return None if _not_there(first) else _refused(client, parameters)
    further = first.parsed.get("nextPageToken")
    answers = [first]
    if further:
        answers += client.pages("reports.userUsageReport.get", pageToken=further, **parameters)
    for page in answers:
        pages += 1
        page.keep(sink, dataset)
        if page.parsed.get("warnings"):
            return None
        reports += entries_of(page, "usageReports")
    return reports, pages


def _not_there(answer: Answer) -> bool:
    """Whether a refusal says that the day's report is not there yet, or not any more."""
    error: Any = answer.parsed.get("error")
    words = str(error.get("message", "")).lower() if isinstance(error, Mapping) else ""
    return "not yet available" in words or "no longer available" in words or "is not available" in words


def _refused(client: GoogleClient, parameters: Mapping[str, Any]) -> None:
    """The same question without leave to be refused, so that the refusal is raised by its name."""
    client.ask("reports.userUsageReport.get", **parameters)


def _entity(report: Entry) -> Mapping[str, Any]:
    found: Any = report.get("entity")
    if not isinstance(found, Mapping):
        raise SchemaDrift("A usage report comes without its entity.")
    return cast("Mapping[str, Any]", found)


def _user_id(report: Entry) -> str:
    return text(_entity(report), "profileId", REPORT)


def _columns(report: Entry) -> dict[str, Any]:
    entity = _entity(report)
    parameters = {text(one, "name", REPORT): one for one in cast("list[Entry]", report.get("parameters", []))}
    columns: dict[str, Any] = {
        "report_date": text(report, "date", REPORT), "user_id": _user_id(report),
        "primary_email": text(entity, "userEmail", REPORT),
    }  # fmt: skip
    for name, column in _FLAGS.items():
        value = parameters.get(name, {}).get("boolValue")
        if value is not None and not isinstance(value, bool):
            raise SchemaDrift(f"A usage report has a {name} that is no boolean.")
        columns[column] = value
    for name, column in _TIMES.items():
        columns[column] = when(parameters.get(name, {}), "datetimeValue", REPORT)
    columns["raw"] = kept(report, ())
    return columns


def usage_reports(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill google.usage_reports: of every day that ends in the interval, without one of the latest day there is."""
    client: GoogleClient = session.client
    now = client.now()
    if request.start is None or request.end is None:
        last = last_day_within(now)
        days = [last - timedelta(days=back) for back in range(LOOK_BACK_DAYS)]
    else:
        days = _days_of(request.start, min(request.end, now))
    pages = 0
    ends: datetime | None = None
    counts: list[str] = []
    rows = 0
    for day in days:
        found = read_day(client, session.tenant, day, sink, USAGE_REPORTS)
        if found is None:
            continue
        columns, read = found
        pages += read
        rows += len(columns)
        counts.append(f"{day}: {len(columns)}")
        ends = max(ends or day_ends(day), day_ends(day))
        sink.rows(USAGE_REPORTS, _rows(request.item.id, day, columns))
        if request.start is None:
            break
    if ends is None or not rows:
        raise RetriableError("Google has no whole usage report of any of the days asked for yet. Run again tomorrow.")
    return [
        ItemClaim(
            USAGE_REPORTS.name, QUERY, {"customer": session.tenant}, observed_at=ends, proof_of_life=True,
            proof="users are seen", independent_count=rows,
            reconciliation=f"users in two equal readings of each day's report ({', '.join(counts)})", pages=pages,
            rows_returned=rows,
        )
    ]  # fmt: skip


def _days_of(start: datetime, end: datetime) -> list[date]:
    """The days that end within an interval, latest first."""
    day = last_day_within(end)
    days: list[date] = []
    while day_ends(day) > start and len(days) < MOST_DAYS:
        days.append(day)
        day -= timedelta(days=1)
    return days


def _rows(item: str, day: date, columns: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{"scope_item_id": item, "report_ends_at": day_ends(day), **one} for one in columns]


def rebuilt_users(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """google.users of a past day, from the latest report within the interval asked for."""
    client: GoogleClient = session.client
    assert request.start is not None
    assert request.end is not None
    for day in _days_of(request.start, min(request.end, client.now())):
        found = read_day(client, session.tenant, day, sink, USERS)
        if found is None:
            continue
        columns, pages = found
        untold = sum(any(one[name] is None for name in _FLAGS.values()) for one in columns)
        if untold or not columns:
            raise IncompletePopulation(
                f"The usage report of {day} has {len(columns)} users and does not say of {untold} what they were "
                "(2-step verification, administrator, suspended, archived). Nothing is rebuilt from it."
            )
        sink.rows(USERS, [_rebuilt(request.item.id, one) for one in columns])
        return [
            ItemClaim(
                USERS.name, QUERY, {"customer": session.tenant, "report_date": day.isoformat()},
                observed_at=day_ends(day), proof_of_life=True, proof="users are seen",
                independent_count=len(columns),
                reconciliation=f"{len(columns)} users in two equal readings of the report of {day}; units and policies "
                "are not part of it", pages=pages, rows_returned=len(columns),
            )
        ]  # fmt: skip
    raise RetriableError("Google has no whole usage report of a day in the time asked for (yet). Run again tomorrow.")


def _rebuilt(item: str, one: Mapping[str, Any]) -> dict[str, Any]:
    shared = {name: one[name] for name in (*_FLAGS.values(), *_TIMES.values())}
    return {
        "scope_item_id": item, "user_id": one["user_id"], "primary_email": one["primary_email"],
        "read_from": "usage_report", **shared, "policy_known": False, "raw": one["raw"],
    }  # fmt: skip
