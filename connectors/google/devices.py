"""Devices of the customer's people: Cloud Identity's list with its users, and Chrome OS devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.google.calls import GoogleClient
from connectors.google.lists import Entry, Listing, Tally, read_whole
from connectors.google.values import kept, optional_text, text, when
from schemas.errors import IncompletePopulation
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.google import DEVICES

DEVICE = "a device"
QUERY = "\n".join([
    "cloudidentity.devices.list view=COMPANY_INVENTORY, USER_ASSIGNED_DEVICES",
    "cloudidentity.devices.deviceUsers.list", "directory.chromeosdevices.list",
])  # fmt: skip
VIEWS = ("COMPANY_INVENTORY", "USER_ASSIGNED_DEVICES")

_UNTOLD = frozenset({
    "ENCRYPTION_STATE_UNSPECIFIED", "COMPROMISED_STATE_UNSPECIFIED", "MANAGEMENT_STATE_UNSPECIFIED",
    "DEVICE_OWNERSHIP_UNSPECIFIED", "PASSWORD_STATE_UNSPECIFIED",
})  # fmt: skip
_ENCRYPTED = {"ENCRYPTED": True, "NOT_ENCRYPTED": False, "UNSUPPORTED_BY_DEVICE": False}

Row = dict[str, Any]


def devices(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill google.devices."""
    client: GoogleClient = session.client
    customer = session.tenant
    tally = Tally()
    found: dict[str, Entry] = {}
    for view in VIEWS:
        tally.add(read_whole(client, _listing(customer, view), sink, DEVICES, lambda some: found.update(_named(some))))
    users: dict[str, list[Entry]] = {}

    def take(some: Sequence[Entry]) -> None:
        for user in some:
            users.setdefault(text(user, "name", DEVICE).partition("/deviceUsers/")[0], []).append(user)

    tally.add(read_whole(client, _users_listing(customer), sink, DEVICES, take))
    stray = users.keys() - found.keys()
    if stray:
        raise IncompletePopulation(
            f"Google lists users of {len(stray)} device(s) that it does not list. Nothing is claimed; run it again."
        )
    chrome: list[Entry] = []
    tally.add(read_whole(client, _chrome_listing(customer), sink, DEVICES, chrome.extend))
    rows = [_row(request.item.id, device, users.get(name, [])) for name, device in found.items()]
    rows += [_chrome_row(request.item.id, device) for device in chrome]
    if rows:
        sink.rows(DEVICES, rows)
    return [
        ItemClaim(
            DEVICES.name,
            QUERY,
            {"customer": customer},
            observed_at=tally.observed_at or client.now(),
            proof_of_life=bool(rows),
            proof="devices are seen" if rows else None,
            independent_count=len(rows),
            reconciliation=f"{len(found)} devices and {len(chrome)} Chrome OS devices, each list in two readings; "
            f"{sum(len(one) for one in users.values())} users of devices, each of a device that is listed",
            pages=tally.pages,
            rows_returned=len(rows),
        )
    ]


def _named(some: Sequence[Entry]) -> dict[str, Entry]:
    return {text(one, "name", DEVICE): one for one in some}


def _listing(customer: str, view: str) -> Listing:
    return Listing(
        "cloudidentity.devices.list", "devices", "name", lambda entry: text(entry, "name", DEVICE),
        {"customer": f"customers/{customer}", "view": view},
        first={"pageSize": 70, "orderBy": "create_time desc"}, second={"pageSize": 100, "orderBy": "create_time asc"},
    )  # fmt: skip


def _users_listing(customer: str) -> Listing:
    return Listing(
        "cloudidentity.devices.deviceUsers.list", "deviceUsers", "name", lambda entry: text(entry, "name", DEVICE),
        {"customer": f"customers/{customer}", "parent": "devices/-"}, first={"pageSize": 15}, second={"pageSize": 20},
    )  # fmt: skip


def _chrome_listing(customer: str) -> Listing:
    return Listing(
        "directory.chromeosdevices.list", "chromeosdevices", "deviceId", lambda entry: text(entry, "deviceId", DEVICE),
        {"customerId": customer, "orderBy": "serialNumber"},
        first={"maxResults": 150, "sortOrder": "DESCENDING"},
        second={"maxResults": 200, "sortOrder": "ASCENDING", "projection": "FULL"},
    )  # fmt: skip


def _told(record: Mapping[str, Any], name: str) -> str | None:
    found = optional_text(record, name, DEVICE)
    return None if found in _UNTOLD else found


def _row(item: str, device: Entry, users: Sequence[Entry]) -> Row:
    encryption = _told(device, "encryptionState")
    states = [_told(user, "passwordState") for user in users]
    locked = None if not states or None in states else all(state == "PASSWORD_SET" for state in states)
    return {
        "scope_item_id": item, "device_id": text(device, "name", DEVICE), "read_from": "cloud_identity",
        "device_type": text(device, "deviceType", DEVICE), "owner_type": _told(device, "ownerType"),
        "model": optional_text(device, "model", DEVICE), "serial_number": optional_text(device, "serialNumber", DEVICE),
        "os_version": optional_text(device, "osVersion", DEVICE),
        "security_patch_at": when(device, "securityPatchTime", DEVICE), "encryption": encryption,
        "encrypted": None if encryption is None else _ENCRYPTED.get(encryption), "screen_lock": locked,
        "management_state": _told(device, "managementState"), "compromised": _told(device, "compromisedState"),
        "created_at": when(device, "createTime", DEVICE), "last_sync_at": when(device, "lastSyncTime", DEVICE),
        "users": [_user(user) for user in users],
        "raw": kept({"device": device, "deviceUsers": list(users)}, DEVICES.secret_fields),
    }  # fmt: skip


def _user(user: Entry) -> Row:
    return {
        "email": optional_text(user, "userEmail", DEVICE), "management_state": _told(user, "managementState"),
        "password_state": _told(user, "passwordState"), "compromised": _told(user, "compromisedState"),
        "first_sync_at": when(user, "firstSyncTime", DEVICE), "last_sync_at": when(user, "lastSyncTime", DEVICE),
    }  # fmt: skip


def _chrome_row(item: str, device: Entry) -> Row:
    # Chrome OS encrypts its users' data always and without a choice; Google tells nothing about a screen lock.
    assigned = optional_text(device, "annotatedUser", DEVICE)
    user = {
        "email": assigned, "management_state": None, "password_state": None, "compromised": None,
        "first_sync_at": None, "last_sync_at": None,
    }  # fmt: skip
    return {
        "scope_item_id": item, "device_id": f"chromeosdevices/{text(device, 'deviceId', DEVICE)}",
        "read_from": "chrome_os", "device_type": "CHROME_OS", "owner_type": None,
        "model": optional_text(device, "model", DEVICE), "serial_number": optional_text(device, "serialNumber", DEVICE),
        "os_version": optional_text(device, "osVersion", DEVICE), "encryption": "ENCRYPTED", "encrypted": True,
        "management_state": optional_text(device, "status", DEVICE),
        "created_at": when(device, "lastEnrollmentTime", DEVICE), "last_sync_at": when(device, "lastSync", DEVICE),
        "users": [] if assigned is None else [user], "raw": kept(device, DEVICES.secret_fields),
    }  # fmt: skip
