"""Security alerts and CODEOWNERS as GraphQL shows them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from sandbox.github.access import Request
from sandbox.github.model import Alert, Repository
from sandbox.github.nodeids import node_id as make_node_id
from sandbox.github.nodeids import object_id
from sandbox.github.paging import Listing
from sandbox.github.queries.fields import Fields, attribute, connection, constant, instant, node_id, web
from sandbox.github.times import Epoch

PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""Where GitHub looks for the file; the first one counts."""


@dataclass(slots=True, eq=False)
class Blob:
    """A text file of the default branch."""

    typename: ClassVar[str] = "Blob"
    repository: Repository
    path: str
    text: str

    @property
    def oid(self) -> str:
        return object_id("blob", self.text)

    @property
    def node_id(self) -> str:
        return make_node_id("B", self.repository.id, self.oid)


def file_at(repository: Repository, path: str, now: Epoch) -> Blob | None:
    """The file at a path of the default branch, if there is one."""
    held = repository.files.get(path)
    text = None if held is None else held.at(now)
    return None if text is None else Blob(repository, path, text)


def codeowners(repository: Repository, args: dict[str, Any], request: Request) -> dict[str, Any] | None:
    """Errors of the file that counts; null where there is none."""
    default = repository.default_branch.at(request.now)
    if (args.get("refName") or default).removeprefix("refs/heads/") != default:
        return None
    found = next((blob for place in PLACES if (blob := file_at(repository, place, request.now))), None)
    return None if found is None else {"errors": list(_errors(found, request))}


def _errors(found: Blob, request: Request) -> Any:
    """Owners that do not exist, as GitHub reports them."""
    organisation = found.repository.organisation
    teams = {f"@{organisation.login}/{team.slug}".lower() for team in organisation.teams if team.exists(request.now)}
    people = {f"@{one.account.login}".lower() for one in organisation.current_members(request.now)}
    for number, line in enumerate(found.text.splitlines(), 1):
        for owner in line.partition("#")[0].split()[1:]:
            if owner.lower() not in teams | people and not re.fullmatch(r"[^@\s]+@[^@\s]+", owner):
                yield {
                    "column": line.index(owner) + 1, "kind": "Unknown owner", "line": number,
                    "message": f"Unknown owner on line {number}: make sure {owner} exists and has write access",
                    "path": found.path, "source": line, "suggestion": None,
                }  # fmt: skip


def _alerts(repository: Repository, args: dict[str, Any], request: Request) -> Listing:
    now = request.now
    found = [one for one in repository.alerts if one.kind == "dependabot" and one.exists(now)]
    if args.get("states") is not None:
        found = [one for one in found if _state(one, {}, request) in args["states"]]
    return Listing(found)


def _state(alert: Alert, _args: dict[str, Any], request: Request) -> str:
    change = alert.now(request.now)
    return "OPEN" if change is None else change.state.upper()


def key(name: str) -> Any:
    return lambda source, _args, _request: source[name]


ALERTS = connection("vulnerabilityAlerts", _alerts)
ALERT: Fields = {
    "id": node_id,
    "number": attribute("number"),
    "state": _state,
    "createdAt": instant("created_at"),
    "repository": attribute("repository"),
}
CODEOWNERS: Fields = {"errors": key("errors")}
CODEOWNERS_ERROR: Fields = {
    name: key(name) for name in ("column", "kind", "line", "message", "path", "source", "suggestion")
}


def _blob_path(blob: Blob, _args: dict[str, Any], request: Request) -> str:
    return f"/{blob.repository.full_name(request.now)}/blob/{blob.oid}"


BLOB: Fields = {
    "id": node_id,
    "oid": attribute("oid"),
    "abbreviatedOid": lambda blob, _args, _request: blob.oid[:7],
    "byteSize": lambda blob, _args, _request: len(blob.text.encode()),
    "isBinary": constant(False),
    "isTruncated": constant(False),
    "text": attribute("text"),
    "commitResourcePath": _blob_path,
    "commitUrl": lambda blob, args, request: web(_blob_path(blob, args, request)),
    "repository": attribute("repository"),
}
IDENTITY_PROVIDER: Fields = {
    "id": lambda source, _args, _request: make_node_id("OIP", source.account.id),
    "issuer": lambda source, _args, request: source.settings.at(request.now)["saml_issuer"],
    "ssoUrl": lambda source, _args, request: source.settings.at(request.now).get("saml_url"),
}
