"""A customer of any size, made of nothing but numbers: for benchmarks, and for lists of many pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sandbox.google.workspace.world import Customer, stamp

BEGAN = datetime(2024, 1, 1, tzinfo=UTC)
READER = "user000000@crowd.example"


def crowd(
    users: int, groups: int = 0, *, members: int = 30, tokens: int = 2, sign_ins_on: datetime | None = None
) -> Customer:
    """So many users, each with some tokens; so many groups with so many members, every tenth in the one before it."""
    customer = Customer("C0crowd", "crowd.example")
    customer.put("orgunits", {"orgUnitId": "id:03root", "orgUnitPath": "/", "name": "crowd"}, BEGAN)
    customer.put(
        "domains", {"domainName": "crowd.example", "isPrimary": True, "verified": True, "creationTime": "1"}, BEGAN
    )
    role = {"roleId": "1", "roleName": "_SEED_ADMIN_ROLE", "isSystemRole": True, "isSuperAdminRole": True}
    customer.put("roles", role | {"rolePrivileges": []}, BEGAN)
    held = {"roleAssignmentId": "1", "roleId": "1", "assignedTo": _id(0), "assigneeType": "user"}
    customer.put("roleAssignments", held | {"scopeType": "CUSTOMER"}, BEGAN)
    for number in range(users):
        _user(customer, number, tokens)
    for number in range(groups):
        group_id = f"g{number}"
        customer.put("groups", {"id": group_id, "email": f"{group_id}@crowd.example", "name": group_id}, BEGAN)
        for offset in range(min(members, users)):
            who = (number * 37 + offset) % users
            member = {"id": _id(who), "email": _email(who), "role": "MEMBER", "type": "USER", "status": "ACTIVE"}
            customer.put("members", member, BEGAN, parent=group_id)
        if number % 10 == 9:
            nested = {"id": group_id, "email": f"{group_id}@crowd.example", "role": "MEMBER", "type": "GROUP"}
            customer.put("members", nested, BEGAN, parent=f"g{number - 1}")
    if sign_ins_on is not None:
        for number in range(users):
            actor = {"callerType": "USER", "email": _email(number), "profileId": _id(number)}
            at = sign_ins_on + timedelta(seconds=number * 8 % 86_400)
            customer.add_activity("login", at, actor, [("login", "login_success", {"login_type": "google_password"})])
    return customer


def _id(number: int) -> str:
    return str(10**20 + number)


def _email(number: int) -> str:
    return f"user{number:06}@crowd.example"


def _user(customer: Customer, number: int, tokens: int) -> None:
    record = {
        "kind": "admin#directory#user", "id": _id(number), "primaryEmail": _email(number), "customerId": customer.id,
        "name": {"givenName": "User", "familyName": str(number), "fullName": f"User {number}"},
        "isAdmin": number == 0, "isDelegatedAdmin": False, "creationTime": stamp(BEGAN),
        "lastLoginTime": stamp(BEGAN + timedelta(days=1)), "suspended": number % 97 == 96, "archived": False,
        "isEnrolledIn2Sv": True, "isEnforcedIn2Sv": number % 50 != 0, "orgUnitPath": "/", "agreedToTerms": True,
    }  # fmt: skip
    customer.put("users", record, BEGAN)
    for one in range(tokens):
        token = {
            "kind": "admin#directory#token", "clientId": f"app{one}", "displayText": f"App {one}",
            "scopes": ["https://www.googleapis.com/auth/calendar"], "userKey": _id(number),
        }  # fmt: skip
        customer.put("tokens", token, BEGAN, parent=_id(number))
