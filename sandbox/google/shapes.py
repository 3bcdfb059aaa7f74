"""Values held against the schemas of a discovery document; closed: a field that the document does not know is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast


def misfits(document: Mapping[str, Any], schema: Mapping[str, Any], value: Any, place: str = "") -> Iterator[str]:
    """What does not fit, each with its place; nothing where all is well."""
    if "$ref" in schema:
        yield from misfits(document, document["schemas"][schema["$ref"]], value, place or schema["$ref"])
        return
    kind = schema.get("type", "any")
    if kind == "any":
        return
    if kind == "object":
        yield from _object(document, schema, value, place)
    elif kind == "array":
        if not isinstance(value, list):
            yield f"{place} is no list"
            return
        for index, entry in enumerate(cast("list[Any]", value)):
            yield from misfits(document, schema["items"], entry, f"{place}[{index}]")
    elif not _fits(kind, schema, value):
        yield f"{place} is {value!r:.60}, not {kind} {schema.get('format', '')}".rstrip()


def _object(document: Mapping[str, Any], schema: Mapping[str, Any], value: Any, place: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{place} is no object"
        return
    known: Mapping[str, Any] = schema.get("properties", {})
    other: Mapping[str, Any] | None = schema.get("additionalProperties")
    for name, entry in cast("dict[str, Any]", value).items():
        wanted = known.get(name, other)
        if wanted is None:
            yield f"{place} has no field {name}"
        else:
            yield from misfits(document, wanted, entry, f"{place}.{name}")


def _fits(kind: str, schema: Mapping[str, Any], value: Any) -> bool:
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind != "string" or not isinstance(value, str):
        return False
    if schema.get("format") in ("int64", "uint64") and re.fullmatch(r"-?\d+", value) is None:
        return False
    return "enum" not in schema or value in schema["enum"]


def parameter(name: str, schema: Mapping[str, Any], text: str) -> Any:
    """A path or query parameter as its type. Raises ValueError that says what is wrong, as Google would."""
    kind = schema.get("type", "string")
    if "enum" in schema and text not in schema["enum"]:
        raise ValueError(f"Invalid value for {name}: {text}")
    if "pattern" in schema and re.fullmatch(schema["pattern"].strip("^$"), text) is None:
        raise ValueError(f"Invalid value for {name}: it does not match {schema['pattern']}")
    if kind == "integer":
        if re.fullmatch(r"-?\d+", text) is None:
            raise ValueError(f"Invalid integer value for {name}")
        number = int(text)
        low, high = schema.get("minimum"), schema.get("maximum")
        if (low is not None and number < int(low)) or (high is not None and number > int(high)):
            raise ValueError(f"Invalid value for {name}: must lie between {low} and {high}")
        return number
    if kind == "boolean":
        if text not in ("true", "false"):
            raise ValueError(f"Invalid boolean value for {name}")
        return text == "true"
    return text


def masked(value: Any, mask: str) -> Any:
    """A partial response: what `fields` leaves, such as `nextPageToken,users(id,name/fullName)`."""
    tree, rest = _mask(mask)
    if rest:
        raise ValueError(f"Invalid field selection {mask}")
    return _kept(value, tree)


def _mask(text: str) -> tuple[dict[str, Any], str]:
    tree: dict[str, Any] = {}
    while text and text[0] != ")":
        found = re.match(r"[\w*]+(/[\w*]+)*", text)
        if found is None:
            raise ValueError("Invalid field selection")
        node = tree
        for name in found[0].split("/"):
            node = node.setdefault(name, {})
        text = text[found.end() :]
        if text.startswith("("):
            inner, text = _mask(text[1:])
            if not text.startswith(")"):
                raise ValueError("Invalid field selection")
            node.update(inner)
            text = text[1:]
        text = text.removeprefix(",")
    return tree, text


def _kept(value: Any, tree: Mapping[str, Any]) -> Any:
    if not tree or "*" in tree:
        return value
    if isinstance(value, list):
        return [_kept(entry, tree) for entry in cast("list[Any]", value)]
    if isinstance(value, dict):
        held = cast("dict[str, Any]", value)
        return {name: _kept(held[name], inner) for name, inner in tree.items() if name in held}
    return value
