"""Who holds which role in a project, by its own policy and by what it inherits; service accounts and their keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from connectors.gcp.iam_rows import Bound, LastUse, administrator_rows, bindings, key_row, last_use, principal_rows
from connectors.gcp.pages import by, field_of
from connectors.gcp.reading import Container, Reading, reading
from connectors.gcp.values import Record, needed, parts
from schemas.dataset import Dataset
from schemas.errors import IncompletePopulation, NotLicensed, PermissionDenied
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.gcp import ADMINISTRATORS, PRINCIPALS, SERVICE_ACCOUNT_KEYS

_POLICY = {"options": {"requestedPolicyVersion": 3}}
"""Older versions leave conditions out."""

_IAM = "iam.googleapis.com"
_ANALYZER = "policyanalyzer.googleapis.com"
_LAST_USE = "policyanalyzer.projects.locations.activityTypes.activities.query"
ACCOUNTS_USED = "serviceAccountLastAuthentication"
KEYS_USED = "serviceAccountKeyLastAuthentication"
USES_UNKNOWN = "nobody can tell when accounts and keys were last used"


def administrators(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Extractor of `gcp.administrators`: bindings at the project and above that give administrative power."""
    found = _started(session, request, sink, ADMINISTRATORS)
    bound = policy_bindings(found)
    roles = role_definitions(found, bound)
    rows = list(administrator_rows(request.item.id, bound, roles))
    sink.rows(ADMINISTRATORS, rows)
    return found.result(f"{len(bound)} bindings of {len(roles)} roles read at {len(found.containers)} levels",
                        rows_returned=len(rows))  # fmt: skip


def principals(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Extractor of `gcp.principals`: whoever holds a role in the project, and each of its service accounts."""
    found = _started(session, request, sink, PRINCIPALS)
    bound = policy_bindings(found)
    roles = role_definitions(found, bound)
    accounts = {str(needed(one, "email", "service account")): one for one in service_accounts(found)}
    uses = last_uses(found, ACCOUNTS_USED)
    rows = list(principal_rows(request.item.id, bound, accounts, roles, uses))
    sink.rows(PRINCIPALS, rows)
    return found.result(f"{len(bound)} bindings and {len(accounts)} service accounts read", rows_returned=len(rows))


def service_account_keys(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Extractor of `gcp.service_account_keys`: the keys that somebody made and holds."""
    found = _started(session, request, sink, SERVICE_ACCOUNT_KEYS, above=False)
    accounts = service_accounts(found)
    answers = found.batched(
        "iam.projects.serviceAccounts.keys.list",
        [{"name": needed(one, "name", "service account"), "keyTypes": ["USER_MANAGED"]} for one in accounts],
    )
    uses = last_uses(found, KEYS_USED)
    rows = [
        key_row(request.item.id, account, key, uses)
        for account, answer in zip(accounts, answers, strict=True) for key in _keys(account, answer.parsed)
    ]  # fmt: skip
    sink.rows(SERVICE_ACCOUNT_KEYS, rows)
    return found.result(f"{len(accounts)} service accounts, each asked for its keys", rows_returned=len(rows))


def _started(session: Session, request: Request, sink: Sink, dataset: Dataset, *, above: bool = True) -> Reading:
    found = reading(session, request, sink, dataset, above=above)
    found.demand()
    return found


def _keys(account: Record, parsed: Mapping[str, object]) -> list[Record]:
    keys = parts(parsed, "keys")
    if any(not str(key.get("name")).startswith(f"{account['name']}/keys/") for key in keys):
        raise IncompletePopulation(
            "Google answered with keys of another service account than it was asked for. Nothing was kept; run again."
        )
    return keys


# --- what several datasets read ---------------------------------------------------------------------------------------


def policy_of(found: Reading, container: Container) -> Record:
    """The IAM policy of a project, folder or organisation."""
    return found.ask(container.method("getIamPolicy"), resource=container.name, body=_POLICY).parsed


def policy_bindings(found: Reading) -> list[Bound]:
    """Every binding of the project and of what is above it."""
    return [
        bound for one in found.containers
        for bound in bindings(one.resource, one.kind, one.inherited, policy_of(found, one))
    ]  # fmt: skip


def role_definitions(found: Reading, bound: Iterable[Bound]) -> dict[str, Record]:
    """Each role that is bound, with its permissions. A role that was deleted gives nothing and says so."""
    wanted: dict[str, list[str]] = {}
    for name in sorted({one.role for one in bound}):
        kind = name.partition("/")[0]
        wanted.setdefault("iam.roles.get" if kind == "roles" else f"iam.{kind}.roles.get", []).append(name)
    held: dict[str, Record] = {}
    for method, names in wanted.items():
        answers = found.batched(method, [{"name": name} for name in names], expect=(404,))
        for name, answer in zip(names, answers, strict=True):
            if answer.refused is not None:
                found.notes.append(f"{name} no longer exists, so it gives nothing")
                held[name] = {"name": name, "deleted": True}
            elif answer.parsed.get("name") != name:
                raise IncompletePopulation(f"Google was asked for the role {name} and answered for another one.")
            else:
                held[name] = answer.parsed
    return held


def service_accounts(found: Reading) -> list[Record]:
    """The project's service accounts. A project in which IAM was never switched on has none."""
    if not found.enabled(_IAM)[_IAM]:
        raise NotLicensed(
            f"{_IAM} is switched off in {found.project_id}, so its service accounts can't be listed. Switch it on."
        )
    return found.listed(
        "iam.projects.serviceAccounts.list", field_of("accounts"), by("email"), name=found.own.name, pageSize=100
    )


def last_uses(found: Reading, kind: str) -> dict[str, LastUse] | None:
    """When accounts or keys were last used, by the last part of their names; None where nobody can tell."""
    try:
        records = found.listed(
            _LAST_USE, field_of("activities"), by("fullResourceName"),
            parent=f"projects/{found.project_id}/locations/global/activityTypes/{kind}", pageSize=1000,
        )  # fmt: skip
    except NotLicensed:
        found.notes.append(f"{_ANALYZER} is off here: {USES_UNKNOWN}")
        return None
    except PermissionDenied as denied:
        if not (denied.permission or "").startswith(("policyanalyzer.", "enabled API")):
            raise
        found.notes.append(f"{denied.permission} is missing: {USES_UNKNOWN}")
        return None
    uses: dict[str, LastUse] = {}
    for record in records:
        name, use = last_use(record)
        uses[name.rpartition("/")[2]] = use
    return uses
