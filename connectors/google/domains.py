"""The inventory of a customer's domains and their aliases."""

from __future__ import annotations

from typing import Any

from connectors.google.calls import GoogleClient
from connectors.google.lists import Entry, entries_of
from connectors.google.values import flag, kept, milliseconds, text
from schemas.errors import IncompletePopulation
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.google import DOMAINS

DOMAIN = "a domain of the customer"
QUERY = "directory.domains.list\ndirectory.domainAliases.list"


def domains(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill google.domains. Aliases are listed twice by Google, beside their domains and by themselves."""
    client: GoogleClient = session.client
    answer = client.ask("directory.domains.list", customer=session.tenant).keep(sink, DOMAINS)
    beside = client.ask("directory.domainAliases.list", customer=session.tenant).keep(sink, DOMAINS)
    rows: list[dict[str, Any]] = []
    under: set[str] = set()
    for domain in entries_of(answer, "domains"):
        rows.append(_domain(session.tenant, request.item.id, domain))
        aliases: Any = domain.get("domainAliases", [])
        for alias in aliases:
            under.add(text(alias, "domainAliasName", DOMAIN))
            rows.append(_alias(session.tenant, request.item.id, alias))
    if under != {text(alias, "domainAliasName", DOMAIN) for alias in entries_of(beside, "domainAliases")}:
        raise IncompletePopulation(
            "Google lists other aliases beside the domains than by themselves. Nothing is claimed; run it again later."
        )
    if sum(row["is_primary"] for row in rows) != 1:
        raise IncompletePopulation(
            "Google lists no primary domain, or several, and every customer has one. Nothing is claimed; run again."
        )
    sink.rows(DOMAINS, rows)
    return [
        ItemClaim(
            DOMAINS.name,
            QUERY,
            {"customer": session.tenant},
            observed_at=answer.served_at,
            proof_of_life=True,
            proof="the primary domain is seen",
            independent_count=len(rows),
            reconciliation=f"{len(rows) - len(under)} domains; {len(under)} aliases, the same in both of its lists",
            pages=2,
            rows_returned=len(rows),
        )
    ]


def _domain(customer: str, item: str, record: Entry) -> dict[str, Any]:
    return {
        "scope_item_id": item, "domain_name": text(record, "domainName", DOMAIN), "kind": "domain",
        "customer_id": customer, "is_primary": flag(record, "isPrimary", DOMAIN),
        "verified": flag(record, "verified", DOMAIN), "created_at": milliseconds(record, "creationTime", DOMAIN),
        "raw": kept(record, ()),
    }  # fmt: skip


def _alias(customer: str, item: str, record: Entry) -> dict[str, Any]:
    return {
        "scope_item_id": item, "domain_name": text(record, "domainAliasName", DOMAIN), "kind": "alias",
        "parent_domain": text(record, "parentDomainName", DOMAIN), "customer_id": customer, "is_primary": False,
        "verified": flag(record, "verified", DOMAIN), "created_at": milliseconds(record, "creationTime", DOMAIN),
        "raw": kept(record, ()),
    }  # fmt: skip
