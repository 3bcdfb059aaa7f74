"""Tickets that are kept as incidents of PagerDuty, each with its whole log.

The list is asked for in stretches of at most five months (PagerDuty answers for six), with its total, and goes no
further than ten thousand: a stretch with more is halved. Whoever acted is looked up once, for the e-mail address.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import orjson

from connectors.pagerduty.client import PagerDutyClient, client_of
from connectors.pagerduty.rows import history_of, row_of
from connectors.tickets.asking import Json, Question
from schemas.dataset import Dataset
from schemas.errors import ConfigurationError, IncompletePopulation, SourceGone
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.instants import format_instant, parse_instant

PAGE = 100
REACH = 10_000
"""Where PagerDuty's lists end, whatever there is."""
_STRETCH = timedelta(days=150)
INCIDENTS, ENTRIES, USERS, SERVICE = "/incidents", "/incidents/{id}/log_entries", "/users", "/services/{id}"
STATUSES = ["triggered", "acknowledged", "resolved"]


def incidents(dataset: Dataset, session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill a dataset of tickets with the incidents of the session's services created in [start, end)."""
    if request.start is None or request.end is None:
        raise ConfigurationError(f"{dataset.name} is collected for an interval; give its start and end.")
    client = client_of(session)
    reader = _Reader(client, dataset, request, sink)
    reader.read(request.start, request.end)
    return [
        ItemClaim(
            dataset.name,
            f"{client.services.words}: GET {INCIDENTS} statuses[]={','.join(STATUSES)}, GET {ENTRIES}, each to its end",
            {"services": sorted(client.services.ids)},
            proof_of_life=True,
            proof=f"{client.services.words} of PagerDuty were read by {session.principal}",
            independent_count=reader.counted,
            reconciliation=f"{reader.counted} incidents, as many as PagerDuty's totals say, each with its whole log",
            pages=reader.pages,
            rows_returned=reader.counted,
        )
    ]


def services_are_shown(dataset: Dataset, session: Session) -> None:
    """The probe: the services, one incident, and people."""
    client = client_of(session)
    _check_services(client, dataset, None)
    for path in (INCIDENTS, USERS):
        client.asker.ask(Question(path, path, dataset, {"limit": 1}))


def source_clock(session: Session) -> datetime:
    """PagerDuty's own time."""
    from schemas.tickets import INCIDENTS as ANY

    return client_of(session).asker.clock(Question("/abilities", "/abilities", ANY))


def _check_services(client: PagerDutyClient, dataset: Dataset, sink: Sink | None) -> None:
    """A service that is not there has no incidents, which looks like a quiet one."""
    for name in client.services.ids:
        try:
            found, _ = client.asker.ask(Question(SERVICE, f"/services/{name}", dataset), sink)
        except SourceGone as error:
            raise SourceGone(
                f"PagerDuty shows no service {name}, where registers.{client.services.register} says that tickets are "
                "kept. Correct its id, or give the key access to it."
            ) from error
        if found["service"]["id"] != name:
            raise IncompletePopulation(f"Asked for the service {name} PagerDuty showed another one. Run it again.")


class _Reader:
    def __init__(self, client: PagerDutyClient, dataset: Dataset, request: Request, sink: Sink) -> None:
        self._client, self._dataset, self._sink = client, dataset, sink
        self._item = request.item.id
        self._users: dict[str, Json] | None = None
        self._ids: set[str] = set()
        self.counted = self.pages = 0

    def read(self, start: datetime, end: datetime) -> None:
        _check_services(self._client, self._dataset, self._sink)
        since = start
        while since < end:
            until = min(since + _STRETCH, end)
            self._stretch(since, until)
            since = until

    def _stretch(self, since: datetime, until: datetime) -> None:
        parameters: Json = {
            # PagerDuty counts whole seconds: one more is asked for on both sides and cut off here.
            "since": format_instant(since.replace(microsecond=0) - timedelta(seconds=1)),
            "until": format_instant(until.replace(microsecond=0) + timedelta(seconds=1)),
            "time_zone": "UTC", "statuses[]": STATUSES, "sort_by": "created_at:asc",
        }  # fmt: skip
        if self._client.services.ids:
            parameters["service_ids[]"] = sorted(self._client.services.ids)
        first = self._page(INCIDENTS, INCIDENTS, parameters, 0)
        if _figure(first, "total") > REACH:
            middle = since + (until - since) / 2
            if until - since <= timedelta(minutes=1):
                raise IncompletePopulation("PagerDuty has more than 10,000 incidents of one minute, and shows no more.")
            self._stretch(since, middle)
            self._stretch(middle, until)
            return
        for page in self._pages(INCIDENTS, INCIDENTS, "incidents", parameters, first):
            rows = [self._row(one) for one in page if self._is_new(one, since, until)]
            if rows:
                self._sink.rows(self._dataset, rows)

    def _is_new(self, incident: Json, since: datetime, until: datetime) -> bool:
        if not since <= parse_instant(incident["created_at"]) < until:
            return False
        wanted = self._client.services.ids
        if wanted and incident["service"]["id"] not in wanted:
            raise IncompletePopulation("PagerDuty showed an incident of a service that was not asked for.")
        if incident["id"] in self._ids:
            raise IncompletePopulation("PagerDuty showed an incident twice: its list moved. Run it again.")
        self._ids.add(incident["id"])
        self.counted += 1
        return True

    def _row(self, incident: Json) -> Json:
        read_at = self._client.asker.now()
        path = ENTRIES.replace("{id}", incident["id"])
        asked: Json = {"time_zone": "UTC", "is_overview": "false", "include[]": ["channels"]}
        entries = [one for page in self._pages(ENTRIES, path, "log_entries", asked) for one in page]
        if any(entry["incident"]["id"] != incident["id"] for entry in entries):
            raise IncompletePopulation(f"The log of {incident['id']} at PagerDuty has entries of another incident.")
        if not any(entry["type"].startswith("trigger_log_entry") for entry in entries):
            raise IncompletePopulation(
                f"The log of incident {incident['id']} at PagerDuty does not say how it began, so it is not whole."
            )
        people = self._people()
        row = row_of(incident, history_of(entries, people), people)
        raw = orjson.dumps({**incident, "log_entries": entries}).decode()
        return {**row, "scope_item_id": self._item, "read_at": read_at, "raw": raw}

    def _people(self) -> dict[str, Json]:
        if self._users is None:
            pages = self._pages(USERS, USERS, "users", {})
            self._users = {user["id"]: user for page in pages for user in page}
        return self._users

    # --- pages -------------------------------------------------------------------------------------------------------

    def _page(self, template: str, path: str, parameters: Json, offset: int) -> Json:
        asked = {**parameters, "limit": PAGE, "offset": offset, "total": "true"}
        found, _ = self._client.asker.ask(Question(template, path, self._dataset, asked), self._sink)
        self.pages += 1
        return found

    def _pages(
        self, template: str, path: str, key: str, parameters: Json, first: Json | None = None
    ) -> Iterator[list[Json]]:
        """Every page of a list, each item once, as many as its total says; the total must stay what it was."""
        found = first or self._page(template, path, parameters, 0)
        total, passed = _figure(found, "total"), 0
        seen: set[str] = set()
        while True:
            items = found[key]
            ids = {one["id"] for one in items}
            if _figure(found, "total") != total or _figure(found, "offset") != passed or ids & seen:
                raise IncompletePopulation(f"PagerDuty's {template} changed while it was read. Run it again.")
            seen |= ids
            passed += len(items)
            yield items
            if not found["more"]:
                break
            if not items:
                raise IncompletePopulation(f"PagerDuty's {template} says that there is more, and shows nothing.")
            found = self._page(template, path, parameters, passed)
        if len(seen) != total:
            raise IncompletePopulation(
                f"PagerDuty's {template} shows {len(seen)} and says that there are {total}. Run it again."
            )


def _figure(found: Json, name: str) -> int:
    value: Any = found[name]
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is no number")
    return value
