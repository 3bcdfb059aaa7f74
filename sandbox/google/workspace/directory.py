"""Answers of the Directory API for a customer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sandbox.google.calls import Call, Handler, paged
from sandbox.google.errors import GoogleError, NotModelled, denied
from sandbox.google.workspace.world import Customer, Record

_NO_SPOIL = frozenset({"alt", "fields", "prettyPrint", "quotaUser"})


def only(call: Call, *names: str) -> None:
    """Refuse a parameter that the sandbox would silently ignore."""
    other = sorted(call.parameters.keys() - _NO_SPOIL - set(names))
    if other:
        raise NotModelled(f"{', '.join(other)} of {call.method}")


def administrator(customer: Customer, call: Call) -> None:
    """Only an administrator of the customer is answered."""
    if not customer.is_administrator(call.subject, call.now):
        raise denied()


def of_customer(customer: Customer, given: str) -> None:
    """The customer asked for must be this one."""
    if given not in (customer.id, "my_customer"):
        raise GoogleError(400, "Bad Request", "badRequest")


def directory_handlers(customer: Customer) -> Mapping[str, Handler]:
    """By method id."""
    return {
        "directory.users.list": _asked(customer, _users),
        "directory.groups.list": _asked(customer, _groups),
        "directory.members.list": _asked(customer, _members),
        "directory.roles.list": _asked(customer, _roles),
        "directory.roleAssignments.list": _asked(customer, _role_assignments),
        "directory.tokens.list": _asked(customer, _tokens),
        "directory.domains.list": _asked(customer, _domains),
        "directory.domainAliases.list": _asked(customer, _domain_aliases),
        "directory.orgunits.list": _asked(customer, _org_units),
        "directory.chromeosdevices.list": _asked(customer, _chrome_os_devices),
    }


def _asked(customer: Customer, answer: Callable[[Customer, Call], Mapping[str, Any]]) -> Handler:
    def handler(call: Call) -> Mapping[str, Any]:
        administrator(customer, call)
        return answer(customer, call)

    return handler


def _users(customer: Customer, call: Call) -> Mapping[str, Any]:
    only(call, "customer", "maxResults", "pageToken", "orderBy", "sortOrder", "projection")
    of_customer(customer, str(call.get("customer", "")))
    if call.get("projection", "basic") == "custom":
        raise NotModelled("custom projections")
    users = _ordered(call, customer.users(call.now), {None: "id", "email": "primaryEmail"})
    return {"kind": "admin#directory#users", "etag": '"sandbox"', **paged(call, users, "users")}


def _ordered(call: Call, records: Sequence[Record], by: Mapping[str | None, str]) -> list[Record]:
    name = by.get(call.get("orderBy"))
    if name is None:
        raise NotModelled(f"orderBy={call.get('orderBy')}")
    return sorted(records, key=lambda one: one[name], reverse=call.get("sortOrder") == "DESCENDING")


def _groups(customer: Customer, call: Call) -> Mapping[str, Any]:
    only(call, "customer", "maxResults", "pageToken", "orderBy", "sortOrder")
    of_customer(customer, str(call.get("customer", "")))
    groups = [
        {**group, "directMembersCount": str(len(customer.at("members", call.now, str(group["id"]))))}
        for group in _ordered(call, customer.at("groups", call.now), {None: "id", "email": "email"})
    ]
    return {"kind": "admin#directory#groups", **paged(call, groups, "groups", usual=200, most=200)}


def _members(customer: Customer, call: Call) -> Mapping[str, Any]:
    only(call, "groupKey", "maxResults", "pageToken")
    key = call.text("groupKey")
    group = next(
        (kept.value for kept in customer.collections.get(("groups", ""), ())
         if key in (kept.value["id"], kept.value["email"]) and kept.seen(call.now)),
        None,
    )  # fmt: skip
    if group is None:
        raise GoogleError(404, f"Resource Not Found: groupKey {key}", "notFound")
    members = customer.at("members", call.now, str(group["id"]))
    return {"kind": "admin#directory#members", **paged(call, members, "members", usual=200, most=200)}


def _roles(customer: Customer, call: Call) -> Mapping[str, Any]:
    only(call, "customer", "maxResults", "pageToken")
    of_customer(customer, call.text("customer"))
    return {"kind": "admin#directory#roles", **paged(call, customer.at("roles", call.now), "items", most=100)}


def _role_assignments(customer: Customer, call: Call) -> Mapping[str, Any]:
    only(call, "customer", "maxResults", "pageToken")
    of_customer(customer, call.text("customer"))
    items = customer.at("roleAssignments", call.now)
    return {"kind": "admin#directory#roleAssignments", **paged(call, items, "items", most=200)}


def _tokens(customer: Customer, call: Call) -> Mapping[str, Any]:
    only(call, "userKey")
    key = call.text("userKey")
    user = customer.user(key, call.now)
    if user is None:
        raise GoogleError(404, "Resource Not Found: userKey", "notFound")
    return {"kind": "admin#directory#tokenList", "items": customer.at("tokens", call.now, str(user["id"]))}


def _domains(customer: Customer, call: Call) -> Mapping[str, Any]:
    only(call, "customer")
    of_customer(customer, call.text("customer"))
    return {"kind": "admin#directory#domains", "domains": customer.at("domains", call.now)}


def _domain_aliases(customer: Customer, call: Call) -> Mapping[str, Any]:
    only(call, "customer")
    of_customer(customer, call.text("customer"))
    aliases = [alias for one in customer.at("domains", call.now) for alias in one.get("domainAliases", ())]
    return {"kind": "admin#directory#domainAliases", **({"domainAliases": aliases} if aliases else {})}


def _org_units(customer: Customer, call: Call) -> Mapping[str, Any]:
    only(call, "customerId", "type")
    of_customer(customer, call.text("customerId"))
    if call.get("type") != "allIncludingParent":
        raise NotModelled("lists of organisational units without their parent")
    return {"kind": "admin#directory#orgUnits", "organizationUnits": customer.at("orgunits", call.now)}


def _chrome_os_devices(customer: Customer, call: Call) -> Mapping[str, Any]:
    only(call, "customerId", "maxResults", "pageToken", "orderBy", "sortOrder", "projection")
    of_customer(customer, call.text("customerId"))
    devices = _ordered(
        call, customer.at("chromeosdevices", call.now), {None: "deviceId", "serialNumber": "serialNumber"}
    )
    return {"kind": "admin#directory#chromeosdevices", **paged(call, devices, "chromeosdevices", most=200)}
