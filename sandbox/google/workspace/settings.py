"""Answers of Cloud Identity for a customer: policies and devices."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sandbox.google.calls import Call, Handler, paged
from sandbox.google.errors import GoogleError, NotModelled
from sandbox.google.workspace.directory import administrator, only
from sandbox.google.workspace.world import Customer


def settings_handlers(customer: Customer) -> Mapping[str, Handler]:
    """By method id."""

    def policies(call: Call) -> Mapping[str, Any]:
        administrator(customer, call)
        only(call, "filter", "pageSize", "pageToken")
        found = customer.at("policies", call.now)
        text = call.get("filter")
        if text is not None:
            match = re.fullmatch(r"setting\.type\.matches\('([a-z0-9_.*]+)'\)", text)
            if match is None:
                raise NotModelled(f"the filter {text}")
            found = [one for one in found if re.search(match[1], one["setting"]["type"])]
        return paged(call, found, "policies", size="pageSize", usual=50)

    def devices(call: Call) -> Mapping[str, Any]:
        administrator(customer, call)
        only(call, "customer", "view", "orderBy", "pageSize", "pageToken")
        if call.get("customer") not in (f"customers/{customer.id}", "customers/my_customer"):
            raise GoogleError(400, "Request contains an invalid argument.", "badRequest")
        order = call.get("orderBy", "create_time desc")
        if order not in ("create_time desc", "create_time asc"):
            raise NotModelled(f"orderBy={order}")
        found = sorted(
            customer.at("devices", call.now), key=lambda one: (one.get("createTime", ""), one["name"]),
            reverse=order.endswith("desc"),
        )  # fmt: skip
        return paged(call, found, "devices", size="pageSize", usual=20, most=100)

    def device_users(call: Call) -> Mapping[str, Any]:
        administrator(customer, call)
        only(call, "parent", "customer", "orderBy", "pageSize", "pageToken")
        if call.text("parent") != "devices/-":
            raise NotModelled("users of a single device")
        return paged(call, customer.at("deviceUsers", call.now), "deviceUsers", size="pageSize", usual=5, most=20)

    return {
        "cloudidentity.policies.list": policies,
        "cloudidentity.devices.list": devices,
        "cloudidentity.devices.deviceUsers.list": device_users,
    }
