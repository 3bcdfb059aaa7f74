"""Accounts of every system in one shape, from the rows of the snapshot that lists them.

Decisions where the sources leave room:

- GitHub does not tell when members were last there, Identity Center neither: that is `unknown`, never "not used".
- An IAM user without a password is a machine's unless the identity map gives it to somebody.
- Roles that AWS makes and keeps for itself, and service agents of Google Cloud, need no owner of the company's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from evidence.controls.identity import Who
from schemas.aws_identity import PRINCIPALS as AWS_PRINCIPALS
from schemas.dataset import Dataset
from schemas.gcp import PRINCIPALS as GCP_PRINCIPALS
from schemas.github_organisation import ACCOUNTS as GITHUB_ACCOUNTS
from schemas.google import ACCOUNTS as GOOGLE_ACCOUNTS

Row = Mapping[str, Any]
AccountKind = Literal["person", "external", "invitation", "service", "root", "group", "grant"]
LastUse = Literal["known", "never", "unknown"]
"""`never`: the source would know of a use and knows of none."""
SecondFactor = Literal["on", "off", "not_applicable", "unknown"]

LISTS: Mapping[str, Dataset] = {
    "github": GITHUB_ACCOUNTS,
    "google": GOOGLE_ACCOUNTS,
    "aws": AWS_PRINCIPALS,
    "gcp": GCP_PRINCIPALS,
}
"""By system the snapshot that lists all of its accounts."""


@dataclass(frozen=True, slots=True)
class Account:
    """One account, machine, group or assignment as the source shows it."""

    system: str
    id: str
    """The source's stable id."""
    kind: AccountKind
    login: str | None
    email: str | None
    roles: tuple[str, ...]
    teams: tuple[str, ...]
    privileged: bool
    second_factor: SecondFactor
    active: bool | None
    """Whether somebody can get in with it; None where the source does not say."""
    last_use: LastUse
    last_used_at: datetime | None
    created_at: datetime | None
    owner: str | None
    manager: str | None
    """E-mail address, where the source has it."""
    managed: bool = False
    """Made and kept by the provider itself."""
    reference: str | None = None
    """Another name by which registers know it: the ARN at AWS, which a successor of the same name would have too."""

    @property
    def row_id(self) -> str:
        """The same in every campaign."""
        return f"{self.system}:{self.id}"

    @property
    def who(self) -> Who:
        """Whose it is, for the identity map; a machine or group is nobody's by its name."""
        return who_of(self.system, self.kind, self.reference or self.id, self.login, self.email)

    @property
    def name(self) -> str:
        """For people to read."""
        return self.login or self.email or self.id


def who_of(system: str, kind: str, account_id: str, login: str | None, email: str | None) -> Who:
    """The naming by which the identity map knows an account; of a row of a pack as of a row of a source."""
    if kind == "invitation":
        return Who(system, None, login, email)
    if kind in ("group", "grant"):
        return Who(system, account_id)
    return Who(system, account_id, login, email)


def accounts_of(system: str, rows: Iterable[Row]) -> list[Account]:
    """Every row of a snapshot of `LISTS[system]` as an account, in order of their ids."""
    read = _READERS[system]
    return sorted((read(row) for row in rows), key=lambda account: account.id)


def _github(row: Row) -> Account:
    kind: AccountKind = {"person": "person", "invitation": "invitation"}.get(row["kind"], "service")  # pyright: ignore[reportAssignmentType]
    if kind == "person" and row["membership"] == "outside_collaborator":
        kind = "external"
    roles: set[str] = set()
    teams: set[str] = set()
    for role in row["roles"] or ():
        where = "" if role["scope"] == "organisation" else f" on {role['resource_name']}"
        roles.add(f"{role['role']}{where}")
        if role["scope"] == "team":
            teams.add(str(role["resource_name"]))
    if row["organisation_role"]:
        roles.add(str(row["organisation_role"]))
    factor: SecondFactor = {"enabled": "on", "disabled": "off"}.get(row["two_factor"], "not_applicable")  # pyright: ignore[reportAssignmentType]
    return Account(
        "github", row["account_id"], kind, row["login"] or None, row["email"], tuple(sorted(roles)),
        tuple(sorted(teams)), bool(row["privileged"]), factor, None if row["suspended"] is None else
        not row["suspended"], "unknown" if row["last_used_at"] is None else "known", row["last_used_at"],
        row["created_at"], row["owner"], None,
    )  # fmt: skip


def _google(row: Row) -> Account:
    user = row["kind"] == "user"
    roles = {str(role["role_name"] or role["role_id"]) for role in row["roles"] or ()}
    groups = {str(group["email"]) for group in row["groups"] or () if group["email"]}
    roles |= {f"{group['role'].lower()} of {group['email']}" for group in row["groups"] or ()
              if group["role"] and group["role"] != "MEMBER"}  # fmt: skip
    out = (row["suspended"], row["archived"])
    used: LastUse = "known" if row["last_used_at"] is not None else "never" if user else "unknown"
    factor: SecondFactor = "unknown" if row["enrolled_2sv"] is None else "on" if row["enrolled_2sv"] else "off"
    kind: AccountKind = "person" if user else "external" if row["kind"] == "external" else "service"
    active = False if True in out else None if user and row["suspended"] is None else True
    return Account(
        "google", row["account_id"], kind, None, row["email"], tuple(sorted(roles)), tuple(sorted(groups)),
        bool(row["privileged"]), factor, active, used, row["last_used_at"], row["created_at"], None, row["manager"],
    )  # fmt: skip


_AWS_KINDS: Mapping[str, AccountKind] = {
    "root": "root", "iam_user": "person", "iam_role": "service", "iam_group": "group",
    "identity_center_user": "person", "identity_center_group": "group", "identity_center_assignment": "grant",
}  # fmt: skip


def _aws(row: Row) -> Account:
    kind = _AWS_KINDS[row["principal_kind"]]
    if row["principal_kind"] == "iam_user" and row["password_enabled"] is False:
        kind = "service"
    used: LastUse = "known" if row["last_used_at"] is not None else "never" if row["last_used_source"] else "unknown"
    factor: SecondFactor = "not_applicable"
    if kind in ("person", "root"):
        factor = "unknown" if row["mfa_active"] is None else "on" if row["mfa_active"] else "off"
    arn = row["arn"] or row["principal_id"]
    roles = tuple(sorted({str(one) for one in (*(row["rights"] or ()), *(row["groups"] or ()))}))
    center = str(row["principal_kind"]).startswith("identity_center")
    return Account(
        "aws", row["principal_id"], kind, row["principal_name"], row["email"], roles, (),
        bool(row["privileged"]), factor, row["enabled"], used, row["last_used_at"], row["created_at"], row["owner"],
        None, bool(row["service_linked"]) or "/aws-reserved/" in str(row["path"] or arn),
        None if center else arn,
    )  # fmt: skip


def _gcp(row: Row) -> Account:
    kinds: dict[str, AccountKind] = {"user": "person", "service_account": "service", "group": "group"}
    kind: AccountKind = kinds.get(row["principal_kind"], "grant")
    known = bool(row["last_use_known"])
    used: LastUse = "known" if row["last_used_at"] is not None else "never" if known else "unknown"
    roles = tuple(sorted({f"{role['role']} on {role['resource']}" for role in row["roles"] or ()}))
    return Account(
        "gcp", row["principal"], kind, None, row["principal_id"], roles, (), bool(row["privileged"]),
        "unknown" if kind == "person" else "not_applicable", not (row["disabled"] or row["deleted"]), used,
        row["last_used_at"], None, None, None, bool(row["service_agent"]),
    )  # fmt: skip


_READERS: Mapping[str, Callable[[Row], Account]] = {"github": _github, "google": _google, "aws": _aws, "gcp": _gcp}
