"""Entries of Cloud Audit Logs as rows. Pure functions; the format is google.cloud.audit.AuditLog."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from connectors.gcp.values import Record, instant, needed, needed_instant, number, part, parts, raw, texts
from schemas.dataset import Dataset
from schemas.errors import SchemaDrift
from schemas.instants import format_instant

PREFIX = "cloudaudit.googleapis.com/"


def log_of(entry: Record) -> tuple[str, str]:
    """Container and kind of the audit log, such as (`projects/tallybrook`, `activity`)."""
    name = unquote(str(needed(entry, "logName", "log entry")))
    container, _, log = name.partition("/logs/")
    if not log.startswith(PREFIX):
        raise SchemaDrift(
            "Google answers with an entry of a log that was not asked for. The connector must be looked at."
        )
    return container, log.removeprefix(PREFIX)


def event_id(entry: Record) -> str:
    """What Google itself takes for the same entry: log, time and insert id."""
    at = needed_instant(entry, "timestamp", "log entry")
    return f"{unquote(str(entry['logName']))}:{format_instant(at)}:{needed(entry, 'insertId', 'log entry')}"


def audit_row(item: str, entry: Record, dataset: Dataset) -> dict[str, Any]:
    """One row of `gcp.admin_activity` or `gcp.data_access`."""
    container, log = log_of(entry)
    payload = part(entry, "protoPayload")
    who = part(payload, "authenticationInfo")
    caller = part(payload, "requestMetadata")
    operation = part(entry, "operation")
    return {
        "scope_item_id": item, "event_id": event_id(entry),
        "event_time": needed_instant(entry, "timestamp", "log entry"),
        "received_at": instant(entry, "receiveTimestamp"),
        "container": container, "inherited": not container.startswith("projects/"), "log": log,
        "insert_id": str(entry["insertId"]), "severity": entry.get("severity"),
        "service": str(needed(payload, "serviceName", "audit log entry")),
        "method": str(needed(payload, "methodName", "audit log entry")), "resource_name": payload.get("resourceName"),
        "resource_type": part(entry, "resource").get("type"), "principal": who.get("principalEmail") or None,
        "principal_kind": principal_kind(who), "delegation": _delegation(who),
        "key_name": who.get("serviceAccountKeyName"),
        "caller_ip": caller.get("callerIp"), "user_agent": caller.get("callerSuppliedUserAgent"),
        "permissions": [
            {"permission": one.get("permission"), "granted": bool(one.get("granted", False)),
             "resource": one.get("resource")}
            for one in parts(payload, "authorizationInfo")
        ],
        "policy_deltas": policy_deltas(payload), "status_code": number(part(payload, "status"), "code") or 0,
        "operation_id": operation.get("id"), "operation_first": operation.get("first"),
        "operation_last": operation.get("last"), "raw": raw(entry, dataset),
    }  # fmt: skip


def principal_kind(who: Record) -> str:
    """person, service_account, federated (no account at Google), or unknown where Google says nothing."""
    email = str(who.get("principalEmail") or "")
    if email.endswith("gserviceaccount.com"):
        return "service_account"
    if "@" in email:
        return "person"
    return (
        "federated" if str(who.get("principalSubject") or "").startswith(("principal:", "principalSet:")) else "unknown"
    )


def _delegation(who: Record) -> list[str]:
    found: list[str] = []
    for one in parts(who, "serviceAccountDelegationInfo"):
        first = part(one, "firstPartyPrincipal").get("principalEmail")
        found.append(str(first or one.get("principalSubject") or "unknown"))
    return found


def policy_deltas(payload: Record) -> list[dict[str, Any]]:
    """What a SetIamPolicy added and removed, audit configuration included."""
    data = part(payload, "serviceData") or part(payload, "metadata")
    delta = part(data, "policyDelta")
    found = [
        {"action": str(one.get("action")), "role": one.get("role"), "member": one.get("member"),
         "condition": part(one, "condition").get("expression")}
        for one in parts(delta, "bindingDeltas")
    ]  # fmt: skip
    for one in parts(delta, "auditConfigDeltas"):
        exempted = one.get("exemptedMember")
        found.append({
            "action": f"{one.get('action')} audit", "role": f"{one.get('service')}:{one.get('logType')}",
            "member": exempted, "condition": None,
        })  # fmt: skip
    return found


def audit_config_rows(container: str, policy: Record) -> list[dict[str, Any]]:
    """What an IAM policy says about Data Access logs: one entry for each service."""
    return [
        {"service": str(needed(one, "service", "audit config")), "container": container,
         "log_types": [
             {"log_type": _log_type(kind), "exempted": texts(kind, "exemptedMembers")}
             for kind in parts(one, "auditLogConfigs")
         ], "record": one}
        for one in parts(policy, "auditConfigs")
    ]  # fmt: skip


def _log_type(kind: Record) -> str:
    found = needed(kind, "logType", "audit log config")
    if not isinstance(found, str):
        raise SchemaDrift("Google writes logType in a way that is no name. The connector must be looked at.")
    return found
