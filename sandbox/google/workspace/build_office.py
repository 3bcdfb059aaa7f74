"""Rules, alerts, devices, documents and meetings of a company's `google.yaml`, as Google's records."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sandbox.google.workspace.script import Alert, Device, Document, GoogleScript, Meeting, Rule
from sandbox.google.workspace.world import Customer, stamp

Email = Callable[[str], str]


def build_office(script: GoogleScript, customer: Customer, email: Email) -> None:
    """Put all of them into a customer."""
    for order, rule in enumerate(script.rules):
        _rule(customer, rule, order)
    for alert in script.alerts:
        _alert(customer, alert)
    for device in script.devices:
        _device(customer, device, email)
    for document in script.documents:
        _document(customer, document, email)
    for meeting in script.meetings:
        _meeting(customer, meeting, email)


def _rule(customer: Customer, rule: Rule, order: int) -> None:
    recipients: list[dict[str, Any]] = [{"allSuperAdmins": True}] if rule.all_super_admins else []
    recipients += [{"userEmail": address} for address in rule.recipients]
    value = {
        "displayName": rule.name, "description": rule.name, "state": "ACTIVE" if rule.active else "INACTIVE",
        "createTime": stamp(rule.at), "updateTime": stamp(rule.at),
        "action": {"alertCenterAction": {
            "recipients": recipients, "alertCenterConfig": {"severity": rule.severity, "status": "ENABLED"},
        }},
    }  # fmt: skip
    policy = {
        "name": f"policies/rule{order}", "customer": f"customers/{customer.id}", "type": "ADMIN",
        "policyQuery": {"sortOrder": float(order + 1)},
        "setting": {"type": "settings/rule.system_defined_alerts", "value": value},
    }  # fmt: skip
    customer.put("policies", policy, rule.at)


def _alert(customer: Customer, alert: Alert) -> None:
    record: dict[str, Any] = {
        "alertId": alert.id, "customerId": customer.id, "type": alert.type, "source": alert.source,
        "createTime": stamp(alert.at), "startTime": stamp(alert.at), "updateTime": stamp(alert.at), "deleted": False,
        "metadata": {
            "customerId": customer.id, "alertId": alert.id, "status": alert.status, "severity": alert.severity,
            "updateTime": stamp(alert.at), **({"assignee": alert.assignee} if alert.assignee else {}),
        },
        "securityInvestigationToolLink": "https://admin.google.com/ac/sc/investigation?q=1",
    }  # fmt: skip
    if alert.ended is not None:
        record["endTime"] = stamp(alert.ended)
    if alert.rule is not None:
        record["data"] = {
            "@type": "type.googleapis.com/google.apps.alertcenter.type.ActivityRule",
            "name": f"rules/{alert.rule}", "displayName": alert.rule,
        }  # fmt: skip
    customer.put("alerts", record, alert.at + timedelta(minutes=2))


def _device(customer: Customer, device: Device, email: Email) -> None:
    if device.type == "CHROME_OS":
        record: dict[str, Any] = {
            "kind": "admin#directory#chromeosdevice", "deviceId": device.id, "serialNumber": device.id.upper(),
            "status": "ACTIVE", "model": device.model, "osVersion": device.os, "annotatedUser": email(device.who),
            "lastEnrollmentTime": stamp(device.at), "macAddress": "000000000000",
            "recentUsers": [{"type": "USER_TYPE_MANAGED", "email": email(device.who)}],
        }  # fmt: skip
        customer.put("chromeosdevices", record, device.at, device.until)
        return
    state = {True: "ENCRYPTED", False: "NOT_ENCRYPTED", None: "ENCRYPTION_STATE_UNSPECIFIED"}[device.encrypted]
    record = {
        "name": f"devices/{device.id}", "deviceId": device.id, "deviceType": device.type, "model": device.model,
        "osVersion": device.os, "ownerType": "COMPANY", "serialNumber": device.id.upper(), "encryptionState": state,
        "createTime": stamp(device.at), "lastSyncTime": stamp(device.at), "managementState": "APPROVED",
        "compromisedState": "UNCOMPROMISED", "imei": "490154203237518",
    }  # fmt: skip
    customer.put("devices", record, device.at, device.until)
    user = {
        "name": f"devices/{device.id}/deviceUsers/u{device.id}", "userEmail": email(device.who),
        "managementState": "APPROVED", "passwordState": "PASSWORD_SET" if device.password else "PASSWORD_NOT_SET",
        "compromisedState": "NOT_COMPROMISED", "firstSyncTime": stamp(device.at), "lastSyncTime": stamp(device.at),
    }  # fmt: skip
    customer.put("deviceUsers", user, device.at, device.until)


def _document(customer: Customer, document: Document, email: Email) -> None:
    owner = _drive_user(email(document.owner))
    for index, at in enumerate(document.revisions):
        until = document.revisions[index + 1] if index + 1 < len(document.revisions) else None
        record = {
            "kind": "drive#file", "id": document.id, "name": document.title, "trashed": False,
            "mimeType": "application/vnd.google-apps.document", "createdTime": stamp(document.revisions[0]),
            "modifiedTime": stamp(at), "version": str(index + 1), "driveId": "0APolicies",
        }  # fmt: skip
        customer.put("files", record, at, until)
        revision = {
            "kind": "drive#revision",
            "id": str(index + 1),
            "modifiedTime": stamp(at),
            "lastModifyingUser": owner,
        }
        customer.put("revisions", revision, at, parent=document.id)
    for index, approval in enumerate(document.approvals):
        approved = [at for at in document.revisions if at <= (approval.completed or approval.at)]
        base = {
            "kind": "drive#approval", "approvalId": f"{document.id}-{index + 1}", "targetFileId": document.id,
            "initiator": _drive_user(email(approval.by)), "createTime": stamp(approval.at),
            "modifyTime": stamp(approval.completed or approval.at),
        }  # fmt: skip
        answers = [_answer(email(who), "NO_RESPONSE") for who in approval.reviewers]
        customer.put(
            "approvals", {**base, "status": "IN_PROGRESS", "reviewerResponses": answers}, approval.at,
            approval.completed, parent=document.id,
        )  # fmt: skip
        if approval.completed is None:
            continue
        verdict = "APPROVED" if approval.status == "APPROVED" else "DECLINED"
        done: dict[str, Any] = {
            **base, "status": approval.status, "completeTime": stamp(approval.completed),
            "reviewerResponses": [_answer(email(who), verdict) for who in approval.reviewers],
        }  # fmt: skip
        if approval.status == "APPROVED":
            done["approvedRevisionId"] = str(len(approved))
        customer.put("approvals", done, approval.completed, parent=document.id)


def _answer(address: str, response: str) -> dict[str, Any]:
    return {"kind": "drive#reviewerResponse", "reviewer": _drive_user(address), "response": response}


def _drive_user(address: str) -> dict[str, Any]:
    return {"kind": "drive#user", "displayName": address.partition("@")[0], "emailAddress": address}


def _meeting(customer: Customer, meeting: Meeting, email: Email) -> None:
    organizer = email(meeting.organizer)
    guests = [
        {"email": email(who), "responseStatus": "declined" if who in meeting.declined else "accepted",
         **({"organizer": True} if email(who) == organizer else {})}
        for who in meeting.guests
    ]  # fmt: skip
    made = meeting.at - timedelta(days=14)
    record = {
        "kind": "calendar#event", "id": meeting.id, "status": "cancelled" if meeting.cancelled else "confirmed",
        "summary": meeting.title, "description": "Agenda", "created": stamp(made), "updated": stamp(made),
        "organizer": {"email": organizer}, "attendees": guests, "start": {"dateTime": stamp(meeting.at)},
        "end": {"dateTime": stamp(meeting.at + timedelta(minutes=meeting.minutes))}, "iCalUID": f"{meeting.id}@google",
        "conferenceData": {"conferenceId": f"meet-{meeting.id}"},
    }  # fmt: skip
    customer.put("events", record, made)
