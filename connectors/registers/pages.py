"""What the company publishes: each page of the register fetched, as anybody would see it today."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import orjson

from connectors.registers.endpoints import ENDED
from connectors.registers.fetching import MAX_REDIRECTS, Page, fetch
from connectors.registers.files import holds_on, read_register
from connectors.registers.network import refuse_first
from connectors.registers.session import Notes, RecordsClient, client_of
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.own import PUBLISHED_PAGES

REGISTER = "published_pages"
_QUERY = f"GET of each page, at most {MAX_REDIRECTS} redirects followed, without cookies or credentials"


def published_pages(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill own.published_pages with one row for each page that is to be there today, whatever it answers.

    Raises ConfigurationError (register wrong, a host that is not public) and RetriableError where a host can't be
    reached or an answer breaks off: whether a page is down for everybody can't be told from that.
    """
    client = client_of(session)
    read = read_register(client, REGISTER, PUBLISHED_PAGES, sink)
    notes = Notes()
    wanted: list[dict[str, Any]] = []
    for row in read.rows:
        if holds_on(row, read.observed_at, client.zone):
            wanted.append(row)
        else:
            notes.drop(ENDED)
    for row in wanted:
        parts = urlsplit(row["url"])
        refuse_first(client, REGISTER, parts.hostname or "", parts.port or 443)
    sink.rows(PUBLISHED_PAGES, _rows(client, request.item.id, wanted, sink))
    proof = f"{read.file} names {len(wanted)} pages" if wanted else read.says_empty()
    if proof is None:
        proof = f"none of the {len(read.rows)} rows of {read.file} is valid today"
    return [
        ItemClaim(
            PUBLISHED_PAGES.name,
            _QUERY,
            read.parameters(),
            observed_at=read.observed_at,
            proof_of_life=True,
            proof=proof,
            independent_count=len(wanted),
            reconciliation=f"{len(wanted)} pages of {len(read.rows)} rows in {read.file}, each asked",
            pages=1,
            rows_returned=len(read.rows),
            drop_rules=dict(notes.dropped),
        )
    ]


def _rows(client: RecordsClient, item: str, wanted: list[dict[str, Any]], sink: Sink) -> Iterator[dict[str, Any]]:
    for row in wanted:
        page = fetch(client, row["url"])
        last = page.last
        # The server's `Date` is kept in the row and not held against the clock here: what a cache in between sends on
        # is honestly older.
        kept = {name: value for name, value in last.headers.items() if name != "date"}
        sink.answer(
            dataset=PUBLISHED_PAGES, method="GET", url=last.url, status=last.status or 0, headers=kept,
            body=last.body or b"", parameters={"url": row["url"], "redirects": page.redirects},
        )  # fmt: skip
        yield _row(client, item, row, page)


def _row(client: RecordsClient, item: str, row: dict[str, Any], page: Page) -> dict[str, Any]:
    last = page.last
    counts = last.failure is None
    certificate = last.certificate
    return {
        "scope_item_id": item, "url": row["url"], "kind": row["kind"], "fetched_at": client.now(),
        "served_at": last.served_at, "status": last.status if counts else None, "final_url": last.url,
        "redirects": page.redirects, "body_sha256": last.body_sha256 if counts else None,
        "body_bytes": None if last.body is None else len(last.body),
        "content_type": last.headers.get("content-type"), "last_modified": last.headers.get("last-modified"),
        "tls_protocol": last.protocol, "tls_cipher": last.cipher,
        "certificate_sha256": None if certificate is None else certificate.sha256,
        "certificate_not_after": None if certificate is None else certificate.not_after,
        "failure": last.failure, "simulated": client.simulated,
        "raw": orjson.dumps({"status": last.status, "url": last.url, "redirects": page.redirects,
                             "etag": last.headers.get("etag"), "failure": last.failure}).decode(),
    }  # fmt: skip
