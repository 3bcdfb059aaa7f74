"""Actors and authors as GitHub names them, in the columns of the datasets."""

from __future__ import annotations

from typing import Any

from connectors.github.calls import Json

ACTOR = "__typename login ... on Node { id }"
"""Selection of anything of type `Actor`."""

GIT_ACTOR = "email user { id login }"
"""Selection of an author or co-author."""

_KINDS = {"User": "person", "EnterpriseUserAccount": "person", "Bot": "bot"}
_BOT_MAIL = "[bot]@users.noreply.github.com"


def actor(node: Json | None) -> Json:
    """`{id, login, kind}` of a GraphQL actor; null is a deleted user (ghost)."""
    if node is None:
        return {"id": None, "login": None, "kind": "ghost"}
    return {"id": node.get("id"), "login": node["login"], "kind": _KINDS.get(node["__typename"], "unknown")}


def rest_actor(user: Json | None) -> Json:
    """`{id, login, kind}` of a user in a REST answer."""
    if user is None:
        return {"id": None, "login": None, "kind": "ghost"}
    login = user["login"]
    if login == "ghost":
        return {"id": None, "login": None, "kind": "ghost"}
    return {"id": user.get("node_id"), "login": login, "kind": _KINDS.get(str(user.get("type")), "unknown")}


def named_actor(login: str | None, kind: str = "unknown") -> Json:
    """An actor of whom an answer gives only the login."""
    if login is None:
        return {"id": None, "login": None, "kind": "ghost"}
    return {"id": None, "login": login, "kind": "bot" if login.endswith("[bot]") else kind}


def author(node: Json) -> Json:
    """`{user_id, login, email, kind}` of a git author; user null where GitHub knows nobody with the address."""
    user: Any = node.get("user")
    email = node.get("email")
    is_bot = (email or "").lower().endswith(_BOT_MAIL)
    if user is None:
        return {"user_id": None, "login": None, "email": email, "kind": "bot" if is_bot else "unknown"}
    is_bot = is_bot or user["login"].endswith("[bot]") or user["id"].startswith("BOT_")
    return {"user_id": user["id"], "login": user["login"], "email": email, "kind": "bot" if is_bot else "person"}
