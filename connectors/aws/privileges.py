"""Every way to administrative power in an account, from the whole of `GetAccountAuthorizationDetails`.

One row per way: principal, how it holds the policy (`attached`, `inline`, `group_attached`, `group_inline`), policy,
group. What counts as power is said in `connectors.aws.policies`. Root is always an administrator and holds no policy:
it has no row here but in `aws.sign_in`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson

from connectors.aws.authorization_details import QUERY, Details, account_details, holder_of, ways_of
from connectors.aws.policies import trusted_principals
from connectors.aws.session import AwsClient
from schemas.aws import PRIVILEGES
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.instants import optional_instant

SERVICE_LINKED = "/aws-service-role/"


def privileges(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Extractor of `aws.privileges` for an item `aws:<account>`.

    Raises what `connectors.aws.calls` raises, and `IncompletePopulation` where the account counts more than it tells,
    or where somebody holds a policy or group whose description is not in the answer.
    """
    client: AwsClient = session.client
    caller = client.account(request.item.id.removeprefix("aws:"))
    with account_details(caller, sink, PRIVILEGES) as account:
        sink.rows(PRIVILEGES, _rows(request.item.id, account))
    read = account.read()
    return [
        ItemClaim(
            PRIVILEGES.name,
            QUERY,
            {"account": caller.account, "principal": caller.principal, "read": read},
            observed_at=account.observed_at,
            pages=account.pages,
            rows_returned=sum(read.values()),
            independent_count=account.counted,
            reconciliation=account.words,
            drop_rules={"repeated on a later page": account.repeated} if account.repeated else {},
        )
    ]


def _rows(item: str, account: Details) -> Iterator[dict[str, Any]]:
    for entry in account.entries():
        kind = "user" if "UserId" in entry else "role"
        holder = holder_of(account, entry, kind)
        ways = list(ways_of(account, entry, kind))
        denied_by = sorted({held.name for _, _, held in ways if held.reading.denies})
        for way, group, held in ways:
            power = held.reading.power_of(holder)
            if power is None:
                continue
            trust = entry.get("AssumeRolePolicyDocument")
            yield {
                "scope_item_id": item,
                "assignment_id": "|".join((entry["Arn"], way, held.arn or held.name, group or "")),
                "account_id": account.id,
                "principal_arn": entry["Arn"],
                "principal_kind": kind,
                "principal_name": entry["UserName" if kind == "user" else "RoleName"],
                "principal_id": entry["UserId" if kind == "user" else "RoleId"],
                "principal_created_at": _instant(entry.get("CreateDate")),
                "way": way,
                "group_name": group,
                "policy_name": held.name,
                "policy_arn": held.arn,
                "level": power.level,
                "conditional": power.conditional,
                "permissions_boundary": (entry.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn"),
                "trusted_principals": [] if trust is None else trusted_principals(trust),
                "service_linked": kind == "role" and entry["Path"].startswith(SERVICE_LINKED),
                "last_used_at": _instant((entry.get("RoleLastUsed") or {}).get("LastUsedDate")),
                "raw": orjson.dumps({"principal": entry, "policies_with_deny": denied_by}).decode(),
            }


def _instant(text: str | None) -> datetime | None:
    moment = optional_instant(text)
    return None if moment is None else moment.astimezone(UTC)
