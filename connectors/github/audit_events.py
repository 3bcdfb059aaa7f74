"""What was done in the organisation: its audit log, or without one the deliveries of its webhooks.

The two are not the same. Webhooks tell of people, teams, roles, repositories, rules and keys. They do not tell of
sign-ins, of the use of tokens, from which address something was done, or of most settings of the organisation, and what
was not delivered and not sent again within three days is lost. Every claim over them says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, cast

import orjson

from connectors.github import audit
from connectors.github.alert_rows import stripped
from connectors.github.calls import Json, Rest, Stream
from connectors.github.client import GithubClient, client_of, interval_of
from connectors.github.deliveries import AUDITED, REDELIVERED_WITHIN, Archive, Delivery
from connectors.github.paging import field, rest_list, rest_twice
from connectors.github.people import rest_actor
from connectors.github.streams import Driver
from schemas.errors import IncompletePopulation, NotLicensed, SchemaDrift
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.github_organisation import AUDIT_EVENTS
from schemas.instants import format_instant, parse_instant

HOOKS = "/orgs/{org}/hooks"
DELIVERIES = "/orgs/{org}/hooks/{hook_id}/deliveries"
LOG_TEXT = f"GET {audit.TEMPLATE}?include=web&order=asc&phrase=created:{{days}}"
ARCHIVE_TEXT = f"deliveries of webhooks as they were received\nGET {HOOKS}\nGET {DELIVERIES}"
DIFFERENCE = (
    "from webhooks, not from the audit log: sign-ins, use of tokens, addresses and most settings of the organisation "
    "are not told by them"
)
_SLICE = timedelta(days=7)
_NEVER_KEPT = frozenset(AUDIT_EVENTS.secret_fields)


def audit_events(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill github.audit_events: from the audit log on Enterprise Cloud, elsewhere from what was received.

    Raises `NotLicensed` where there is neither.
    """
    client = client_of(session)
    start, end = interval_of(request)
    if client.plan == "enterprise_cloud":
        return [_from_log(client, request, sink, start, end)]
    if client.archive is None or not client.archive.is_dir():
        raise NotLicensed(
            "GitHub keeps an audit log that can be read on Enterprise Cloud only, and nothing was received from "
            "webhooks yet. Let `evidence receive` run and make a webhook of the organisation for it "
            "(docs/credentials.md), or record why the events are not needed."
        )
    return [_from_archive(client, Archive(client.archive), request, sink, start, end)]


# --- audit log


def _from_log(client: GithubClient, request: Request, sink: Sink, start: datetime, end: datetime) -> ItemClaim:
    driver = Driver(client.transport, sink)
    counts = {"rows": 0, "pages": 0}
    seen: set[str] = set()

    def read() -> Stream[None]:
        begin = start
        while begin < end:
            stop = min(begin + _SLICE, end)
            found, pages = yield from audit.events(client, "", begin, stop, AUDIT_EVENTS, include="web")
            fresh = [one for one in found if audit.document_id(one) not in seen]
            seen.update(audit.document_id(one) for one in fresh)
            if fresh:
                sink.rows(AUDIT_EVENTS, [_log_row(one, request.item.id) for one in fresh])
            counts["rows"] += len(fresh)
            counts["pages"] += pages
            begin = stop

    driver.ask(read())
    reaches = (driver.began_at or client.now()) - audit.REACH
    return ItemClaim(
        AUDIT_EVENTS.name,
        LOG_TEXT,
        {"organisation": client.organisation},
        complete_from=reaches if start < reaches else None,
        proof_of_life=counts["rows"] > 0,
        proof="events are seen" if counts["rows"] else None,
        reconciliation=f"{counts['rows']} events of the audit log in two equal readings of each week",
        pages=counts["pages"],
        rows_returned=counts["rows"],
    )


def _log_row(event: Json, item: str) -> Json:
    where: Any = event.get("actor_location") or {}
    if not isinstance(where, dict):
        raise SchemaDrift("An event of GitHub's audit log has an actor_location that is no object.")
    return {
        "scope_item_id": item, "event_id": f"audit:{audit.document_id(event)}", "event_time": audit.at(event),
        "action": field(event, "action", "event of the audit log"), "actor": audit.actor(event),
        "actor_ip": _text(event.get("actor_ip")), "actor_country": _text(where.get("country_code")),
        "actor_is_bot": event.get("actor_is_bot"), "user_agent": _text(event.get("user_agent")),
        "subject_login": _text(event.get("user") or event.get("invitee")), "repo_id": _text(event.get("repo_id")),
        "repo_name": _text(event.get("repo")), "team": _text(event.get("team")),
        "permission": _text(event.get("permission")),
        "old_permission": _text(event.get("old_permission")), "operation": _text(event.get("operation_type")),
        "access_by": _text(event.get("programmatic_access_type")), "token_id": _number(event.get("token_id")),
        "application": _text(event.get("oauth_application_name") or event.get("integration")),
        "installation_id": _number(event.get("installation_id")), "found_in": "audit_log", "delivered_at": None,
        "delivery_verified": None, "raw": orjson.dumps(stripped(event, _NEVER_KEPT)).decode(),
    }  # fmt: skip


def _text(value: Any) -> str | None:
    """A name or number as it is told; several (an entry about several repositories) with commas between them."""
    if isinstance(value, list):
        return ", ".join(_text(one) or "" for one in cast("list[Any]", value))
    if value is not None and (isinstance(value, bool) or not isinstance(value, str | int)):
        raise SchemaDrift(
            "An event of GitHub's audit log or of a webhook has an object where a name belongs. The connector must be "
            "looked at."
        )
    return None if value is None else str(value)


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) else None


# --- webhooks


def _from_archive(
    client: GithubClient, archive: Archive, request: Request, sink: Sink, start: datetime, end: datetime
) -> ItemClaim:
    driver = Driver(client.transport, sink)
    reader = _Deliveries(client)
    driver.ask(reader.read())
    told_from = (driver.began_at or client.now()) - REDELIVERED_WITHIN
    whole_from = max([start, told_from, *reader.created])
    # What was sent again came later than what it tells of.
    held = {one.guid: one for one in archive.between(start - timedelta(minutes=5), end + REDELIVERED_WITHIN)}
    rows: list[Json] = []
    for one in held.values():
        at = reader.first_sent.get(one.guid, one.received_at)
        if start <= at < end:
            rows.append(_delivered_row(one, at, request.item.id))
            _hand_over(sink, one)
    if rows:
        sink.rows(AUDIT_EVENTS, rows)
    lost = sorted(
        (at, guid) for guid, at in reader.first_sent.items() if guid not in held and whole_from <= at < end
    )  # fmt: skip
    unheard = sorted(AUDITED - reader.events) if "*" not in reader.events else []
    notes = [
        DIFFERENCE,
        f"{len(rows)} deliveries received; of {len(reader.first_sent)} that GitHub sent in the last three days by its "
        f"own list {len(lost)} did not arrive"
        + (f": {', '.join(f'{guid} of {format_instant(at)}' for at, guid in lost[:10])}; have them sent again within "
           "three days (webhook settings, recent deliveries)" if lost else ""),
    ]  # fmt: skip
    if unheard:
        notes.append(f"the webhook does not send {', '.join(unheard)}")
    return ItemClaim(
        AUDIT_EVENTS.name,
        ARCHIVE_TEXT,
        {"organisation": client.organisation, "hooks": sorted(reader.hooks)},
        truncated=bool(lost or unheard),
        complete_from=whole_from if whole_from > start else None,
        complete_until=lost[0][0] if lost and not unheard else None,
        proof_of_life=bool(rows or reader.first_sent),
        proof="deliveries are seen" if rows or reader.first_sent else None,
        independent_count=None,
        reconciliation="; ".join(notes),
        pages=reader.pages,
        rows_returned=len(rows),
    )


class _Deliveries:
    """What GitHub says it sent: deliveries of the organisation's webhooks in the last three days."""

    def __init__(self, client: GithubClient) -> None:
        self._client = client
        self.first_sent: dict[str, datetime] = {}
        """By GUID, of events that are kept: when it was sent first."""
        self.hooks: list[str] = []
        self.created: list[datetime] = []
        self.events: frozenset[str] = frozenset()
        self.pages = 0

    def read(self) -> Stream[None]:
        path = f"/orgs/{self._client.organisation}/hooks"
        hooks, tally = yield from rest_twice(Rest(HOOKS, path, AUDIT_EVENTS), key=lambda one: str(one["id"]))
        self.pages += tally.pages
        ours = [one for one in hooks if one["active"] and (AUDITED | {"*"}) & set(one["events"])]
        if not ours:
            raise NotLicensed(
                "No active webhook of the organisation sends events about people, rights and settings, so nothing "
                "could be received. Make one for `evidence receive` (docs/credentials.md)."
            )
        self.events = frozenset(event for one in ours for event in one["events"])
        self.created = [min(parse_instant(one["created_at"]) for one in ours)]
        for one in ours:
            self.hooks.append(str(one["id"]))
            yield from self._sent(f"{path}/{one['id']}/deliveries")

    def _sent(self, path: str) -> Stream[None]:
        earlier: dict[str, Json] | None = None
        for _ in range(3):
            found: dict[str, Json] = {}

            def take(fresh: list[Json], found: dict[str, Json] = found) -> bool:
                found.update((str(one["id"]), one) for one in fresh)
                return False

            tally = yield from rest_list(
                Rest(DELIVERIES, path, AUDIT_EVENTS), take, key=lambda one: str(field(one, "id", "delivery")),
                cursor=True,
            )  # fmt: skip
            self.pages += tally.pages
            # New ones are sent while the list is read, and the oldest fall off its end.
            if earlier is not None and _middle(earlier, found):
                self._note(found.values())
                return
            earlier = found
        raise IncompletePopulation(
            "GitHub's list of deliveries differs each time it is read. Nothing is claimed; run it again later."
        )

    def _note(self, attempts: Iterable[Json]) -> None:
        for one in attempts:
            if one["event"] in AUDITED:
                guid, at = str(one["guid"]).lower(), parse_instant(one["delivered_at"])
                self.first_sent[guid] = min(at, self.first_sent.get(guid, at))


def _middle(earlier: dict[str, Json], later: dict[str, Json]) -> bool:
    """Whether two readings hold the same between the oldest of the later and the newest of the earlier one."""
    if not earlier or not later:
        return not earlier and not later
    oldest = min(parse_instant(one["delivered_at"]) for one in later.values())
    newest = max(parse_instant(one["delivered_at"]) for one in earlier.values())
    return {key for key, one in earlier.items() if parse_instant(one["delivered_at"]) >= oldest} == {
        key for key, one in later.items() if parse_instant(one["delivered_at"]) <= newest
    }


def _hand_over(sink: Sink, one: Delivery) -> None:
    """The delivery as received goes into the evidence too."""
    sink.answer(
        dataset=AUDIT_EVENTS, method="POST", url=f"webhook:{one.hook_id}", status=201,
        headers={"x-github-event": one.event, "x-github-delivery": one.guid, "x-hub-signature-256": one.signature},
        body=one.body, parameters={"received_at": format_instant(one.received_at)},
    )  # fmt: skip


def _delivered_row(one: Delivery, at: datetime, item: str) -> Json:
    try:
        payload: Json = orjson.loads(one.body)
    except orjson.JSONDecodeError as error:
        raise SchemaDrift(
            f"The delivery {one.guid} is no JSON: let the webhook send application/json, not a form."
        ) from error
    repository: Json = payload.get("repository") or {}
    membership: Json = payload.get("membership") or {}
    changed: Json = payload.get("changes") or {}
    change: Json = changed.get("permission") or changed.get("role_name") or {}
    subject: Json = payload.get("member") or membership.get("user") or (payload.get("invitation") or {})
    return {
        "scope_item_id": item, "event_id": f"webhook:{one.guid}", "event_time": at,
        "action": ".".join(filter(None, (one.event, payload.get("action")))),
        "actor": None if payload.get("sender") is None else rest_actor(payload["sender"]), "actor_ip": None,
        "actor_country": None, "actor_is_bot": None, "user_agent": None, "subject_login": _text(subject.get("login")),
        "repo_id": _text(repository.get("node_id")), "repo_name": _text(repository.get("full_name")),
        "team": _text((payload.get("team") or {}).get("slug")),
        "permission": _text(change.get("to") or membership.get("role")), "old_permission": _text(change.get("from")),
        "operation": None, "access_by": None, "token_id": None, "application": None,
        "installation_id": _number((payload.get("installation") or {}).get("id")), "found_in": "webhook_archive",
        "delivered_at": one.received_at, "delivery_verified": True,
        "raw": orjson.dumps(stripped(payload, _NEVER_KEPT)).decode(),
    }  # fmt: skip
