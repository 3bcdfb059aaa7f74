"""Long-lived credentials: deploy keys of every repository, fine-grained personal access tokens of the organisation.

GitHub shows the tokens to Apps only. Where the principal may not read them, the deploy keys are kept and the snapshot
says that it is not whole (`truncated`): then it proves nothing, and hides nothing either.
"""

from __future__ import annotations

from typing import Any

import orjson

from connectors.github.calls import Json, Rest, Stream
from connectors.github.client import GithubClient, client_of
from connectors.github.inventory import each_repository, owned_part, require_known
from connectors.github.paging import field, rest_list, rest_twice
from connectors.github.people import named_actor, rest_actor
from connectors.github.streams import Driver
from connectors.github.verdicts import NO_LOGIN
from schemas.errors import IncompletePopulation, NotLicensed, PermissionDenied
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.github import CREDENTIALS
from schemas.instants import optional_instant, parse_instant

KEYS = "/repos/{owner}/{repo}/keys"
TOKENS = "/orgs/{org}/personal-access-tokens"
COUNTED = "id nameWithOwner deployKeys(first: 1) { totalCount }"

QUERY_TEXT = "\n".join([owned_part("", 0, None, COUNTED).selection, f"GET {KEYS}", f"GET {TOKENS}"])


def credentials(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill github.credentials. Key material and token digests are never kept."""
    client = client_of(session)
    reader = _Reader(client, request)
    driver = Driver(client.transport, sink)
    driver.ask(reader.read())
    if reader.rows:
        sink.rows(CREDENTIALS, reader.rows)
    return [
        ItemClaim(
            CREDENTIALS.name,
            QUERY_TEXT,
            {"organisation": client.organisation},
            observed_at=driver.began_at,
            truncated=reader.unread is not None,
            proof_of_life=reader.repositories > 0,
            proof=f"the keys of {reader.repositories} repositories were counted" if reader.repositories else None,
            independent_count=reader.counted + reader.tokens,
            reconciliation="; ".join(reader.notes),
            pages=reader.pages,
            rows_returned=len(reader.rows),
        )
    ]


class _Reader:
    def __init__(self, client: GithubClient, request: Request) -> None:
        self._client = client
        self._request = request
        self._item = request.item.id
        self._seen: set[str] = set()
        self.rows: list[Json] = []
        self.notes: list[str] = []
        self.pages = 0
        self.repositories = 0
        self.counted = 0
        self.tokens = 0
        self.unread: str | None = None

    def read(self) -> Stream[None]:
        tally = yield from each_repository(self._client, "DeployKeys", COUNTED, 100, CREDENTIALS, self._keys)
        self.pages += tally.pages
        require_known(self._request, self._seen, self._client)
        self.repositories = tally.seen
        self.notes.append(f"{self.counted} deploy keys in {tally.seen} repositories as GitHub counts them")
        try:
            yield from self._personal()
        except (PermissionDenied, NotLicensed) as denied:
            if isinstance(denied, PermissionDenied) and denied.permission == NO_LOGIN:
                raise
            self.unread = str(denied)
            self.notes.append(f"personal access tokens were not read, so nothing is claimed: {denied}")

    def _keys(self, repositories: list[Json]) -> Stream[None]:
        self._seen.update(repository["id"] for repository in repositories)
        for repository in repositories:
            total = repository["deployKeys"]["totalCount"]
            self.counted += total
            if total:
                yield from self._keys_of(repository, total)

    def _keys_of(self, repository: Json, total: int) -> Stream[None]:
        found: dict[int, Json] = {}

        def take(fresh: list[Json]) -> bool:
            found.update((key["id"], key) for key in fresh)
            return False

        name = repository["nameWithOwner"]
        for _ in range(2):
            call = Rest(KEYS, f"/repos/{name}/keys", CREDENTIALS)
            tally = yield from rest_list(call, take, key=lambda key: str(field(key, "id", "deploy key")))
            self.pages += tally.pages
            if len(found) == total:
                self.rows += [self._key_row(key, repository) for key in found.values()]
                return
        raise IncompletePopulation(
            f"GitHub lists {len(found)} deploy keys of {name} and counts {total}, twice. Nothing is claimed; run it "
            "again later."
        )

    def _personal(self) -> Stream[None]:
        call = Rest(TOKENS, f"/orgs/{self._client.organisation}/personal-access-tokens", CREDENTIALS)
        grants, tally = yield from rest_twice(call, key=lambda grant: str(field(grant, "id", "token grant")))
        self.pages += tally.pages
        self.tokens = len(grants)
        self.rows += [self._token_row(grant) for grant in grants]
        self.notes.append(f"{len(grants)} fine-grained personal access tokens in two equal readings")

    def _key_row(self, key: Json, repository: Json) -> Json:
        return {
            "scope_item_id": self._item, "credential_id": f"deploy_key:{key['id']}", "kind": "deploy_key",
            "title": key.get("title"), "owner": named_actor(field(key, "added_by", "deploy key"), "person"),
            "resource_id": repository["id"], "resource_name": repository["nameWithOwner"],
            "read_only": key.get("read_only"), "created_at": optional_instant(key.get("created_at")),
            "last_used_at": optional_instant(key.get("last_used")), "expires_at": None, "raw": _without_secrets(key),
        }  # fmt: skip

    def _token_row(self, grant: Json) -> Json:
        return {
            "scope_item_id": self._item, "credential_id": f"personal_access_token:{field(grant, 'token_id', 'grant')}",
            "kind": "personal_access_token", "title": grant.get("token_name"),
            "owner": rest_actor(field(grant, "owner", "grant")),
            "resource_id": self._client.organisation_id, "resource_name": self._client.organisation,
            "read_only": _read_only(grant.get("permissions") or {}),
            "created_at": parse_instant(field(grant, "access_granted_at", "grant")),
            "last_used_at": optional_instant(grant.get("token_last_used_at")),
            "expires_at": optional_instant(grant.get("token_expires_at")), "raw": _without_secrets(grant),
        }  # fmt: skip


def _read_only(permissions: Json) -> bool:
    """Whether a token grants reading only: organisation, repository and other permissions, each `{name: access}`."""
    granted: list[Any] = [access for group in permissions.values() for access in group.values()]
    return all(access == "read" for access in granted)


def _without_secrets(record: Json) -> str:
    return orjson.dumps({key: value for key, value in record.items() if key not in CREDENTIALS.secret_fields}).decode()
