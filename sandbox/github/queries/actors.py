"""Accounts, apps and git signatures."""

from __future__ import annotations

from typing import Any

from sandbox.github.access import Request
from sandbox.github.model import Account
from sandbox.github.queries.fields import Fields, attribute, constant, instant, node_id, web
from sandbox.github.times import iso_with_offset


def _path(account: Account) -> str:
    return f"/apps/{account.login}" if account.kind == "Bot" else f"/{account.login}"


def _avatar(source: Any, _args: dict[str, Any], _request: Request) -> str:
    return web(f"/avatars/{source.login}")


ACTOR: Fields = {
    "id": node_id,
    "databaseId": attribute("id"),
    "login": attribute("login"),
    "createdAt": instant("created_at"),
    "updatedAt": instant("created_at"),
    "url": lambda source, _args, _request: web(_path(source)),
    "resourcePath": lambda source, _args, _request: _path(source),
    "avatarUrl": _avatar,
}


def _find_repository(source: Account, args: dict[str, Any], request: Request) -> Any:
    found = request.world.find_repository(source.login, args["name"], request.now, renames=args["followRenames"])
    return found[0] if found and request.viewer.sees(found[0], request.now) else None


USER: Fields = {
    **ACTOR,
    "name": attribute("name"),
    "email": attribute("email"),
    "isSiteAdmin": constant(False),
    "repository": _find_repository,
}
BOT: Fields = ACTOR
APP: Fields = {
    "id": node_id,
    "databaseId": attribute("id"),
    "slug": attribute("slug"),
    "name": attribute("name"),
    "description": attribute("description"),
    "createdAt": instant("created_at"),
    "updatedAt": instant("created_at"),
    "url": lambda source, _args, _request: web(f"/apps/{source.slug}"),
    "clientId": lambda source, _args, _request: f"Iv1.{source.id:016x}",
}


def _signing_user(source: Any, _args: dict[str, Any], request: Request) -> Account | None:
    account = source.account
    if account is None or account.kind != "User" or request.now >= account.deleted_at:
        return None  # the field is of type User: a bot's commits have a name and an address but no user
    return account


GIT_ACTOR: Fields = {
    "name": attribute("name"),
    "email": attribute("email"),
    "date": lambda source, _args, _request: iso_with_offset(source.at, source.offset),
    "user": _signing_user,
}
