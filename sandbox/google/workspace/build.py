"""Makes a customer of the simulated Google from a company and its `google.yaml`."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sandbox.company import Company, Person
from sandbox.google.workspace.build_office import build_office
from sandbox.google.workspace.script import Administrator, GoogleScript, Group
from sandbox.google.workspace.world import Customer, stamp

SUPER_ROLE = "_SEED_ADMIN_ROLE"
_NEVER = "1970-01-01T00:00:00.000Z"


def number(*parts: str) -> str:
    """A number of 21 digits, the same for the same names, as Google's ids are."""
    digest = hashlib.sha256("/".join(parts).encode()).digest()
    return str(10**20 + int.from_bytes(digest[:8], "big"))


class Builder:
    """One customer in the making. People are found by person_id, groups by address."""

    def __init__(self, script: GoogleScript, company: Company) -> None:
        self.script = script
        self.customer = Customer(script.customer, company.domain)
        self.people = {person.person_id: person for person in company.people if person.google is not None}
        self.reader_id = number("user", script.reader)
        self._roles: dict[str, str] = {}
        self._admin: dict[str, list[tuple[datetime, datetime | None, bool]]] = {}

    def customer_to_come(self) -> Customer:
        """The customer, whose records are made when the first is asked for."""
        self.customer.fill = self._build
        return self.customer

    def _build(self) -> None:
        self._domains()
        self._units()
        self._role_list()
        for one in self.script.administrators:
            self._administrator(one)
        for person in self.people.values():
            self._person(person)
        self._reader()
        for group in self.script.groups:
            self._group(group)
        for app in self.script.apps:
            self._app(app)
        self._sign_ins()
        self._happenings()
        build_office(self.script, self.customer, self.email)

    def email(self, who: str) -> str:
        """The address of a person_id; addresses are their own."""
        if "@" in who:
            return who
        address = self.people[who].google
        assert address is not None
        return address

    def user_id(self, who: str) -> str:
        return number("user", self.email(who))

    def actor(self, who: str) -> dict[str, str]:
        """Whom an activity names."""
        return {"callerType": "USER", "email": self.email(who), "profileId": self.user_id(who)}

    # --- what hardly changes -----------------------------------------------------------------------------------------

    def _domains(self) -> None:
        for domain in self.script.domains:
            made = str(int(domain.created.timestamp() * 1000))
            aliases = [
                {"kind": "admin#directory#domainAlias", "domainAliasName": alias, "parentDomainName": domain.name,
                 "verified": True, "creationTime": made}
                for alias in domain.aliases
            ]  # fmt: skip
            record = {
                "kind": "admin#directory#domain", "domainName": domain.name, "isPrimary": domain.primary,
                "verified": domain.verified, "creationTime": made, **({"domainAliases": aliases} if aliases else {}),
            }  # fmt: skip
            self.customer.put("domains", record, domain.created)

    def unit_id(self, path: str) -> str:
        return "03ph8a2z" + hashlib.sha256(path.encode()).hexdigest()[:7]

    def _units(self) -> None:
        for path in ("/", *self.script.units):
            parent = path.rpartition("/")[0] or "/"
            record = {
                "kind": "admin#directory#orgUnit", "name": path.rpartition("/")[2] or "Tallybrook",
                "orgUnitPath": path, "orgUnitId": f"id:{self.unit_id(path)}",
            }  # fmt: skip
            if path != "/":
                record |= {"parentOrgUnitPath": parent, "parentOrgUnitId": f"id:{self.unit_id(parent)}"}
            self.customer.put("orgunits", record, self.script.created)
        for order, rule in enumerate(self.script.two_step, start=1):
            values: Mapping[str, Mapping[str, Any]] = {
                "enforcement": {"enforcedFrom": stamp(rule.at)} if rule.enforced else {},
                "grace_period": {"enrollmentGracePeriod": f"{rule.grace_days * 86400}s"},
                "enforcement_factor": {"allowedSignInFactorSet": rule.factors},
                "enrollment": {"allowEnrollment": True},
            }
            for name, value in values.items():
                setting = f"security.two_step_verification_{name}"
                policy = {
                    "name": f"policies/{number(setting, rule.unit, stamp(rule.at))}",
                    "customer": f"customers/{self.script.customer}", "type": "ADMIN",
                    "policyQuery": {
                        "orgUnit": f"orgUnits/{self.unit_id(rule.unit)}", "sortOrder": float(order),
                        "query": "entity.org_units.exists(org_unit, org_unit.org_unit_id == "
                        f"orgUnitId('{self.unit_id(rule.unit)}'))",
                    },
                    "setting": {"type": f"settings/{setting}", "value": value},
                }  # fmt: skip
                self.customer.put("policies", policy, rule.at, rule.until)

    def _role_list(self) -> None:
        made = [(SUPER_ROLE, ["SUPER_ADMIN"], True, self.script.created)]
        made += [("_HELP_DESK_ADMIN_ROLE", ["USERS_RESET_PASSWORD", "USERS_RETRIEVE"], False, self.script.created)]
        made += [(role.name, role.privileges, False, role.created) for role in self.script.roles]
        for name, privileges, is_super, created in made:
            self._roles[name] = number("role", name)
            record: dict[str, Any] = {
                "kind": "admin#directory#role", "roleId": self._roles[name], "roleName": name,
                "rolePrivileges": [{"privilegeName": one, "serviceId": "00haapch16h1ysv"} for one in privileges],
            }  # fmt: skip
            if name.startswith("_"):
                record["isSystemRole"] = True
            if is_super:
                record["isSuperAdminRole"] = True
            self.customer.put("roles", record, created)

    # --- people ------------------------------------------------------------------------------------------------------

    def _administrator(self, given: Administrator) -> None:
        is_super = given.role == "super"
        role = SUPER_ROLE if is_super else given.role
        group = next((one for one in self.script.groups if one.email == given.who), None)
        assigned = number("group", given.who) if group is not None else self.user_id(given.who)
        record = {
            "kind": "admin#directory#roleAssignment",
            "roleAssignmentId": number("assignment", given.who, role, stamp(given.at)), "roleId": self._roles[role],
            "assignedTo": assigned, "assigneeType": "user" if group is None else "group", "scopeType": "CUSTOMER",
        }  # fmt: skip
        self.customer.put("roleAssignments", record, given.at, given.until)
        spans = [(given.at, given.until, is_super)]
        if group is None:
            self._admin.setdefault(assigned, []).extend(spans)
        else:
            for member in group.members:
                if member.who in self.people:
                    self._admin.setdefault(self.user_id(member.who), []).extend(spans)
        if given.by is not None:
            named = {"ROLE_ID": self._roles[role], "ROLE_NAME": role, "USER_EMAIL": self.email(given.who)}
            for at, name in ((given.at, "ASSIGN_ROLE"), (given.until, "UNASSIGN_ROLE")):
                if at is not None:
                    self.customer.add_activity(
                        "admin", at, self.actor(given.by), [("DELEGATED_ADMIN_SETTINGS", name, named)]
                    )

    def _person(self, person: Person) -> None:
        account = next((one for one in self.script.accounts if one.who == person.person_id), None)
        created = max(_day(person.start, 8), self.script.created)
        ended = None if person.last_day is None else _day(person.last_day, 17)
        enrolled = created + timedelta(hours=1)
        gaps: list[tuple[datetime, datetime]] = []
        if account is not None:
            ended, enrolled, gaps = account.suspended or ended, account.enrolled or enrolled, account.without_factor
        unit = "/" if account is None else account.unit
        self._user(self.email(person.person_id), person.name, unit, created, ended, enrolled, gaps, person.manager)
        first = next(one.who for one in self.script.administrators)
        about = {"USER_EMAIL": self.email(person.person_id)}
        if created > self.script.created:
            self.customer.add_activity("admin", created, self.actor(first), [("USER_SETTINGS", "CREATE_USER", about)])
        if ended is not None:
            self.customer.add_activity("admin", ended, self.actor(first), [("USER_SETTINGS", "SUSPEND_USER", about)])
        own = self.actor(person.person_id)
        for at, name in [(enrolled, "2sv_enroll"), *((low, "2sv_disable") for low, _ in gaps)]:
            self.customer.add_activity("user_accounts", at, own, [("2sv_change", name, {})])
        for _, at in gaps:
            self.customer.add_activity("user_accounts", at, own, [("2sv_change", "2sv_enroll", {})])

    def _reader(self) -> None:
        if any(self.email(person) == self.script.reader for person in self.people):
            return
        made = self.script.created
        self._user(self.script.reader, "Evidence reader", "/", made, None, made, [], None)

    def _user(
        self,
        email: str,
        name: str,
        unit: str,
        created: datetime,
        suspended: datetime | None,
        enrolled: datetime,
        gaps: list[tuple[datetime, datetime]],
        manager: str | None,
    ) -> None:
        """Versions of a user: one for each stretch between two changes."""
        user_id = number("user", email)
        roles = self._admin.get(user_id, [])
        demanded = [(rule.at, rule.until) for rule in self.script.two_step if rule.enforced and _below(unit, rule.unit)]
        bounds = {created, enrolled, *(at for gap in gaps for at in gap)}
        bounds |= {at for span in (*roles, *demanded) for at in span[:2] if at is not None and at > created}
        if suspended is not None:
            bounds.add(suspended)
        edges = sorted(at for at in bounds if at >= created)
        given, _, family = name.partition(" ")
        for low, high in zip(edges, [*edges[1:], None], strict=True):
            held = [is_super for start, end, is_super in roles if start <= low and (end is None or low < end)]
            off = suspended is not None and low >= suspended
            record: dict[str, Any] = {
                "kind": "admin#directory#user", "id": user_id, "primaryEmail": email, "customerId": self.customer.id,
                "name": {"givenName": given, "familyName": family, "fullName": name},
                "isAdmin": True in held, "isDelegatedAdmin": bool(held) and True not in held,
                "creationTime": stamp(created), "lastLoginTime": _NEVER, "suspended": off, "archived": False,
                "isEnrolledIn2Sv": low >= enrolled and not any(start <= low < end for start, end in gaps),
                "isEnforcedIn2Sv": any(start <= low and (end is None or low < end) for start, end in demanded),
                "orgUnitPath": unit, "agreedToTerms": True, "ipWhitelisted": False, "isMailboxSetup": True,
                "changePasswordAtNextLogin": False, "includeInGlobalAddressList": True,
                "recoveryEmail": f"{email.partition('@')[0]}@home.example", "recoveryPhone": "+440000000000",
            }  # fmt: skip
            if off:
                record["suspensionReason"] = "ADMIN"
            if manager is not None and manager in self.people:
                record["relations"] = [{"type": "manager", "value": self.email(manager)}]
            self.customer.put("users", record, low, high)

    # --- groups, apps, sign-ins --------------------------------------------------------------------------------------

    def _group(self, group: Group) -> None:
        group_id = number("group", group.email)
        record = {
            "kind": "admin#directory#group", "id": group_id, "email": group.email, "name": group.name,
            "adminCreated": True,
        }  # fmt: skip
        self.customer.put("groups", record, group.created)
        addresses = {one.email for one in self.script.groups}
        for member in group.members:
            found: dict[str, Any] = {"kind": "admin#directory#member", "role": member.role, "status": "ACTIVE"}
            if member.who == "everybody":
                found |= {"type": "CUSTOMER", "id": self.customer.id}
            else:
                email = self.email(member.who)
                kind = "GROUP" if email in addresses else "USER"
                identity = number("group" if kind == "GROUP" else "user", email)
                found |= {"type": kind, "id": identity, "email": email}
            start = member.at or group.created
            if member.who in self.people:
                start = max(start, _day(self.people[member.who].start, 8))
            self.customer.put("members", found, start, member.until, parent=group_id)

    def _app(self, app: Any) -> None:
        user_id = self.user_id(app.who)
        record = {
            "kind": "admin#directory#token", "clientId": app.client_id, "displayText": app.name, "scopes": app.scopes,
            "userKey": user_id, "anonymous": False, "nativeApp": False,
        }  # fmt: skip
        self.customer.put("tokens", record, app.at, app.until, parent=user_id)
        about = {"client_id": app.client_id, "app_name": app.name, "client_type": "WEB", "scope": app.scopes}
        for at, name in ((app.at, "authorize"), (app.until, "revoke")):
            if at is not None:
                self.customer.add_activity("token", at, self.actor(app.who), [("auth", name, about)])

    def _sign_ins(self) -> None:
        routine = self.script.sign_ins
        if routine is None:
            return
        for who, person in self.people.items():
            chosen = random.Random(who)  # noqa: S311 - a script, no secret
            user_id = self.user_id(who)
            times: list[datetime] = []
            at = max(routine.start, _day(person.start, 9))
            last = routine.end if person.last_day is None else min(routine.end, _day(person.last_day, 17))
            while at < last:
                if at.weekday() < 5:
                    moment = at.replace(hour=7, minute=0, second=0) + timedelta(minutes=chosen.randrange(180))
                    times.append(moment)
                    about = {"login_type": "google_password", "login_challenge_method": ["password", "security_key"],
                             "is_suspicious": False}  # fmt: skip
                    self.customer.add_activity("login", moment, self.actor(who), [("login", "login_success", about)])
                at += timedelta(days=1)
            self.customer.sign_ins[user_id] = times

    def _happenings(self) -> None:
        for one in self.script.happenings:
            events = [(one.type, one.name, one.parameters)]
            self.customer.add_activity(one.application, one.at, self.actor(one.by), events)


def _day(day: Any, hour: int) -> datetime:
    return datetime.fromisoformat(f"{day.isoformat()}T{hour:02d}:00:00+00:00")


def _below(path: str, unit: str) -> bool:
    return unit == "/" or path == unit or path.startswith(unit + "/")
