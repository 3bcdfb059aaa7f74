"""Policies of Cloud Identity: settings by organisational unit and group, and what they come to for one user.

Google gives each policy of a setting a number of its own; of those that speak of a user the highest holds.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from connectors.google.calls import GoogleClient
from connectors.google.directory import org_units
from connectors.google.lists import Entry, Listing, Tally, read_whole
from connectors.google.values import kept, optional_text, text, when
from schemas.dataset import Dataset
from schemas.errors import IncompletePopulation, SchemaDrift
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.google import POLICIES

POLICY = "a policy of Cloud Identity"
TWO_STEP = "setting.type.matches('security.two_step_verification_.*')"
ENFORCEMENT = "security.two_step_verification_enforcement"
GRACE = "security.two_step_verification_grace_period"
FACTOR = "security.two_step_verification_enforcement_factor"

_UNIT = re.compile(r"entity\.org_units\.exists\(org_unit, ?org_unit\.org_unit_id == orgUnitId\('([^']+)'\)\)")
_GROUP = re.compile(r"entity\.groups\.exists\(group, ?group\.group_id == groupId\('([^']+)'\)\)")


def read_policies(
    client: GoogleClient, customer: str, sink: Sink, dataset: Dataset, tally: Tally, only: str | None = None
) -> list[Entry]:
    """All policies, or those of the settings that `only` (a filter of the API) names."""
    found: list[Entry] = []
    parameters = {} if only is None else {"filter": only}
    listing = Listing(
        "cloudidentity.policies.list", "policies", "name", lambda entry: text(entry, "name", POLICY), parameters,
        first={"pageSize": 70}, second={"pageSize": 100},
    )  # fmt: skip
    tally.add(read_whole(client, listing, sink, dataset, found.extend))
    for policy in found:
        if text(policy, "customer", POLICY) != f"customers/{customer}":
            raise IncompletePopulation("Google answered with policies of another customer. Nothing is claimed.")
    return found


def setting_of(policy: Entry) -> tuple[str, Mapping[str, Any]]:
    """Name (without `settings/`) and value of a policy's setting."""
    setting: Any = policy.get("setting")
    value: Any = setting.get("value", {}) if isinstance(setting, Mapping) else None
    if not isinstance(value, Mapping):
        raise SchemaDrift("A policy of Cloud Identity comes without its setting.")
    return text(setting, "type", POLICY).removeprefix("settings/"), value


def query_of(policy: Entry) -> Mapping[str, Any]:
    """Whom a policy speaks of."""
    found: Any = policy.get("policyQuery")
    if not isinstance(found, Mapping):
        raise SchemaDrift("A policy of Cloud Identity does not say for whom it is.")
    return found


def policies(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill google.policies: every setting that an administrator or Google made, of every unit and group."""
    client: GoogleClient = session.client
    tally = Tally()
    found = read_policies(client, session.tenant, sink, POLICIES, tally)
    paths = org_units(client, session.tenant, sink, POLICIES, tally)
    units = {_unit(policy) for policy in found} - {None}
    unread = len(units - paths.keys())
    if not found:
        raise IncompletePopulation(
            "Google lists no policy at all, and every customer has some of Google's own. Nothing is claimed; run again."
        )
    sink.rows(POLICIES, (_row(request.item.id, policy, paths, unread) for policy in found))
    return [
        ItemClaim(
            POLICIES.name,
            "cloudidentity.policies.list\ndirectory.orgunits.list",
            {"customer": session.tenant},
            observed_at=tally.observed_at,
            proof_of_life=True,
            proof="policies are seen",
            independent_count=len(found),
            reconciliation=f"{len(found)} policies by their names and read whole; {unread} units in them that the "
            "directory does not list",
            pages=tally.pages,
            rows_returned=len(found),
        )
    ]


def _unit(policy: Entry) -> str | None:
    found = optional_text(query_of(policy), "orgUnit", POLICY)
    return None if found is None else found.removeprefix("orgUnits/")


def _row(item: str, policy: Entry, paths: Mapping[str, str], unread: int) -> dict[str, Any]:
    setting, value = setting_of(policy)
    query = query_of(policy)
    unit = _unit(policy)
    return {
        "scope_item_id": item, "policy_name": text(policy, "name", POLICY), "setting": setting,
        "policy_type": text(policy, "type", POLICY), "org_unit": unit,
        "org_unit_path": None if unit is None else paths.get(unit), "group": optional_text(query, "group", POLICY),
        "query": optional_text(query, "query", POLICY), "sort_order": _order(query),
        "value": orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode(), "unread_units": unread,
        "raw": kept(policy, POLICIES.secret_fields),
    }  # fmt: skip


def _order(query: Mapping[str, Any]) -> float | None:
    found = query.get("sortOrder")
    if found is not None and (isinstance(found, bool) or not isinstance(found, int | float)):
        raise SchemaDrift("A policy of Cloud Identity has a sortOrder that is no number.")
    return None if found is None else float(found)


# --- what holds for one user --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Applied:
    order: float
    unit: str | None
    group: str | None
    readable: bool
    """False where the policy has a condition that this product does not understand."""
    shown: str
    value: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TwoStep:
    """What 2-step verification demands of one user."""

    unit: str | None
    enforced_from: datetime | None
    known: bool
    grace_days: str | None
    factors: str | None


@dataclass(slots=True)
class TwoStepPolicies:
    """The policies of 2-step verification, ready to be asked user by user."""

    paths: Mapping[str, str]
    by_setting: dict[str, list[_Applied]] = field(default_factory=dict[str, list[_Applied]])

    @classmethod
    def of(cls, found: Sequence[Entry], paths: Mapping[str, str]) -> TwoStepPolicies:
        """From policies and the paths of organisational units by id."""
        made = cls(paths)
        for policy in found:
            setting, value = setting_of(policy)
            made.by_setting.setdefault(setting, []).append(_applied(policy, value, paths))
        for applied in made.by_setting.values():
            applied.sort(key=lambda one: one.order, reverse=True)
        return made

    @property
    def groups(self) -> set[str]:
        """Ids of groups that a policy is for."""
        return {one.group for found in self.by_setting.values() for one in found if one.group is not None}

    def of_user(self, path: str, groups: Collection[str]) -> TwoStep:
        """What holds for a user of a unit and of groups (ids)."""
        enforced, sure = self._holding(ENFORCEMENT, path, groups)
        grace, sure_of_grace = self._holding(GRACE, path, groups)
        factor, sure_of_factor = self._holding(FACTOR, path, groups)
        return TwoStep(
            unit=None if enforced is None else enforced.shown,
            enforced_from=None if enforced is None else when(enforced.value, "enforcedFrom", POLICY),
            known=sure and sure_of_grace and sure_of_factor,
            grace_days=None if grace is None else _days(grace.value.get("enrollmentGracePeriod")),
            factors=None if factor is None else optional_text(factor.value, "allowedSignInFactorSet", POLICY),
        )

    def _holding(self, setting: str, path: str, groups: Collection[str]) -> tuple[_Applied | None, bool]:
        """The policy that holds, and whether that is sure."""
        for one in self.by_setting.get(setting, ()):
            unit = None if one.unit is None else self.paths.get(one.unit)
            if one.unit is not None and (unit is None or not _below(path, unit)):
                if unit is None:
                    return None, False  # a unit nobody can place might be this user's
                continue
            if one.group is not None and one.group not in groups:
                continue
            return (one, True) if one.readable else (None, False)
        return None, True


def _applied(policy: Entry, value: Mapping[str, Any], paths: Mapping[str, str]) -> _Applied:
    query = query_of(policy)
    unit = _unit(policy)
    group = optional_text(query, "group", POLICY)
    group = None if group is None else group.removeprefix("groups/")
    condition = optional_text(query, "query", POLICY) or ""
    rest = _GROUP.sub("", _UNIT.sub("", condition)).replace("&&", "").strip(" ()")
    order = _order(query)
    if order is None:
        raise SchemaDrift("A policy of 2-step verification comes without its sortOrder.")
    shown = group if group is not None else paths.get(unit or "", unit or "/")
    return _Applied(order, unit, group, not rest, shown, value)


def _below(path: str, unit: str) -> bool:
    return unit == "/" or path == unit or path.startswith(unit + "/")


def _days(duration: Any) -> str | None:
    """A duration of the API (`604800s`, `168h`) in days, as a decimal number."""
    if duration is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", str(duration))
    if match is None:
        raise SchemaDrift("A grace period of 2-step verification is no duration.")
    days = float(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]] / 86400
    return f"{days:g}"
