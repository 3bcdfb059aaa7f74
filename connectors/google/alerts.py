"""Alerts of the alert centre, and the rules that raise and deliver them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from connectors.google.calls import GoogleClient
from connectors.google.directory import org_units
from connectors.google.lists import Entry, Listing, Tally, entries_of, read_whole
from connectors.google.policies import POLICY, query_of, read_policies, setting_of
from connectors.google.values import kept, moment, optional_flag, optional_text, text, when
from schemas.errors import IncompletePopulation, SchemaDrift
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.google import ALERTS, DETECTORS
from schemas.instants import format_instant

ALERT = "an alert"
RULES = "setting.type.matches('rule.*')"
_KINDS = {"rule.system_defined_alerts": "system_defined_alert", "rule.dlp": "dlp"}


def alerts(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill google.alerts, by the time Google created them."""
    client: GoogleClient = session.client
    assert request.start is not None
    assert request.end is not None
    tally = Tally()
    rows = [0]

    def take(some: Sequence[Entry]) -> None:
        if some:
            rows[0] += len(some)
            sink.rows(ALERTS, [_row(session.tenant, request.item.id, alert) for alert in some])

    low, high = format_instant(request.start), format_instant(request.end)
    listing = Listing(
        "alertcenter.alerts.list", "alerts", "alertId", lambda entry: text(entry, "alertId", ALERT),
        {"filter": f'createTime >= "{low}" AND createTime < "{high}"'},
        first={"pageSize": 350, "orderBy": "createTime desc"}, second={"pageSize": 500, "orderBy": "createTime asc"},
    )  # fmt: skip
    tally.add(read_whole(client, listing, sink, ALERTS, take))
    proof = "alerts are seen" if rows[0] else None
    if proof is None:
        latest = client.ask("alertcenter.alerts.list", pageSize=1, orderBy="createTime desc").keep(sink, ALERTS)
        seen = entries_of(latest, "alerts")
        proof = None if not seen else f"the latest alert is of {format_instant(moment(seen[0], 'createTime', ALERT))}"
    return [
        ItemClaim(
            ALERTS.name,
            "alertcenter.alerts.list by createTime",
            {"customer": session.tenant},
            proof_of_life=proof is not None,
            proof=proof,
            independent_count=rows[0],
            reconciliation=f"{rows[0]} alerts in two readings, oldest first and latest first",
            pages=tally.pages,
            rows_returned=rows[0],
        )
    ]


def _row(customer: str, item: str, alert: Entry) -> dict[str, Any]:
    if alert.get("customerId", customer) not in (customer, customer.removeprefix("C")):
        raise IncompletePopulation("Google answered with alerts of another customer. Nothing is claimed; run again.")
    metadata: Any = alert.get("metadata") or {}
    data: Any = alert.get("data") or {}
    if not isinstance(metadata, dict) or not isinstance(data, dict):
        raise SchemaDrift("An alert of Google has data or metadata that are no objects.")
    about, told = cast("Mapping[str, Any]", metadata), cast("Mapping[str, Any]", data)
    return {
        "scope_item_id": item, "alert_id": text(alert, "alertId", ALERT),
        "event_time": moment(alert, "createTime", ALERT), "alert_type": text(alert, "type", ALERT),
        "alert_source": text(alert, "source", ALERT), "severity": optional_text(about, "severity", ALERT),
        "status": optional_text(about, "status", ALERT), "assignee": optional_text(about, "assignee", ALERT),
        "started_at": moment(alert, "startTime", ALERT), "ended_at": when(alert, "endTime", ALERT),
        "updated_at": moment(alert, "updateTime", ALERT), "deleted": bool(optional_flag(alert, "deleted", ALERT)),
        "rule_name": optional_text(told, "displayName", ALERT), "rule_id": optional_text(told, "name", ALERT),
        "raw": kept(alert, ALERTS.secret_fields),
    }  # fmt: skip


def detectors(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill google.detectors: alert rules with whom they reach.

    Google shows a rule of its own only once an administrator has changed it; one that is not listed works as Google
    made it.
    """
    client: GoogleClient = session.client
    tally = Tally()
    found = read_policies(client, session.tenant, sink, DETECTORS, tally, RULES)
    paths = org_units(client, session.tenant, sink, DETECTORS, tally)
    rows = [_rule(request.item.id, policy, paths) for policy in found]
    if rows:
        sink.rows(DETECTORS, rows)
    return [
        ItemClaim(
            DETECTORS.name,
            f"cloudidentity.policies.list {RULES}\ndirectory.orgunits.list",
            {"customer": session.tenant},
            observed_at=tally.observed_at or client.now(),
            proof_of_life=True,
            proof="rules are seen" if rows else "the organisational units are seen",
            independent_count=len(rows),
            reconciliation=f"{len(rows)} rules by their names and read whole; Google's own that nobody changed "
            "are not listed by Google",
            pages=tally.pages,
            rows_returned=len(rows),
        )
    ]


def _rule(item: str, policy: Entry, paths: Mapping[str, str]) -> dict[str, Any]:
    setting, value = setting_of(policy)
    unit = (optional_text(query_of(policy), "orgUnit", POLICY) or "").removeprefix("orgUnits/")
    action: Any = value.get("action") or {}
    centre: Any = action.get("alertCenterAction") or {} if isinstance(action, dict) else {}
    config: Any = centre.get("alertCenterConfig") or {}
    listed: list[Any] = centre.get("recipients") or []
    everybody = any(isinstance(one, dict) and one.get("allSuperAdmins") is True for one in listed)
    recipients = sorted({name for one in listed if (name := _recipient(one)) is not None})
    state = optional_text(value, "state", POLICY)
    return {
        "scope_item_id": item, "detector_id": text(policy, "name", POLICY), "kind": _KINDS.get(setting, setting),
        "name": optional_text(value, "displayName", POLICY), "enabled": None if state is None else state == "ACTIVE",
        "severity": optional_text(config, "severity", POLICY), "delivers": everybody or bool(recipients),
        "to_all_super_admins": everybody, "recipients": recipients, "org_unit": paths.get(unit) if unit else None,
        "created_at": when(value, "createTime", POLICY), "updated_at": when(value, "updateTime", POLICY),
        "raw": kept(policy, ()),
    }  # fmt: skip


def _recipient(one: Any) -> str | None:
    """Whom a recipient names, whatever Google calls the field (user, group, address); None for all super admins."""
    if isinstance(one, str):
        return one
    if not isinstance(one, dict):
        raise SchemaDrift("An alert rule of Google has a recipient that is neither a text nor an object.")
    named = {name: value for name, value in cast("dict[str, Any]", one).items() if name != "allSuperAdmins"}
    return next((str(value) for value in named.values() if value), None)
