"""Which method of which API a request is for, and whether it is asked as the discovery document says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qsl, unquote

import orjson

from connectors.google.documents import document, host
from sandbox.google.errors import GoogleError
from sandbox.google.shapes import misfits, parameter

_STANDARD = frozenset({"alt", "fields", "prettyPrint", "quotaUser", "key", "userIp", "$.xgafv"})


@dataclass(frozen=True, slots=True)
class Method:
    """A method of a document, and the pattern of its path."""

    id: str
    api: str
    verb: str
    pattern: re.Pattern[str]
    literal: int
    """How much of the path is fixed: of several that match, the most fixed one is meant."""
    content: Mapping[str, Any]

    @property
    def host(self) -> str:
        return host(self.api)


class Routes:
    """The methods of some APIs. Only ids in `modelled` are answered; the others are known and refused with 501."""

    def __init__(self, apis: Iterable[str], modelled: Iterable[str]) -> None:
        self._methods: dict[str, list[Method]] = {}
        self._modelled = frozenset(modelled)
        ids: set[str] = set()
        for api in apis:
            for method in _methods(api):
                ids.add(method.id)
                self._methods.setdefault(method.verb, []).append(method)
        unknown = self._modelled - ids
        if unknown:
            raise ValueError(f"no discovery document has the methods {', '.join(sorted(unknown))}")
        for methods in self._methods.values():
            # Served on one address, two APIs may have the same path; the one that is modelled is meant.
            methods.sort(key=lambda one: (one.id not in self._modelled, -one.literal, one.id))

    def find(self, verb: str, path: str) -> tuple[Method, dict[str, str]]:
        """The method of a path and the parameters in it. Raises GoogleError 404 where there is none."""
        for method in self._methods.get(verb, ()):
            found = method.pattern.fullmatch(path)
            if found is not None:
                names: list[str] = method.content["sandboxNames"]
                return method, {name: unquote(found[index + 1]) for index, name in enumerate(names)}
        raise GoogleError(404, f"The requested URL {path[:200]} was not found on this server.", "notFound")


def _methods(api: str) -> Iterator[Method]:
    content = document(api)

    def below(resources: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        for resource in resources.values():
            yield from resource.get("methods", {}).values()
            yield from below(resource.get("resources", {}))

    for method in (*content.get("methods", {}).values(), *below(content.get("resources", {}))):
        path: str = content["servicePath"] + method["path"]
        names = [name.removeprefix("+") for name in re.findall(r"\{([^}]+)\}", path)]
        pattern = "".join(
            "(.+?)" if piece.startswith("{+") else "([^/]+)" if piece.startswith("{") else re.escape(piece)
            for piece in re.split(r"(\{[^}]+\})", path)
        )
        fixed = len(re.sub(r"\{[^}]+\}", "", path))
        # The pattern of a `{+name}` parameter tells one resource from another, so it decides with the path.
        for name in names:
            schema = method["parameters"].get(name, {})
            if "{+" + name + "}" in path and "pattern" in schema:
                pattern = pattern.replace("(.+?)", "(" + schema["pattern"].strip("^$") + ")", 1)
                fixed += len(re.sub(r"\[[^\]]+\]\+|\.\*", "", schema["pattern"]))
        yield Method(
            method["id"], api, method["httpMethod"], re.compile("/" + pattern), fixed,
            {**method, "sandboxNames": names},
        )  # fmt: skip


def checked(method: Method, path: Mapping[str, str], query: str, body: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters and body of a request, as the document demands them. Raises GoogleError 400."""
    known: Mapping[str, Any] = method.content.get("parameters", {})
    given: dict[str, Any] = {}
    for name, text in (*path.items(), *parse_qsl(query, keep_blank_values=True)):
        schema = known.get(name)
        if schema is None:
            if name not in _STANDARD:
                raise GoogleError(400, f'Invalid JSON payload received. Unknown name "{name}"', "badRequest")
            given[name] = text
            continue
        try:
            value = parameter(name, schema, text)
        except ValueError as error:
            raise GoogleError(400, str(error), "invalidParameter") from error
        if schema.get("repeated"):
            given.setdefault(name, []).append(value)
        elif name in given:
            raise GoogleError(400, f"{name} is given twice", "invalidParameter")
        else:
            given[name] = value
    for name, schema in known.items():
        if schema.get("required") and name not in given:
            raise GoogleError(400, f"Required parameter: {name}", "required")
    wanted = method.content.get("request")
    if wanted is None:
        if body:
            raise GoogleError(400, "This method takes no body", "badRequest")
        return given, {}
    try:
        content: Any = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError:
        raise GoogleError(400, "Parse Error", "parseError") from None
    wrong = next(misfits(document(method.api), wanted, content), None)
    if wrong is not None:
        raise GoogleError(400, f"Invalid JSON payload received. {wrong}", "badRequest")
    return given, cast("dict[str, Any]", content)
