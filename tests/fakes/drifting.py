"""Answers changed as sources change: fields that are new, gone or of another type, in JSON and in XML."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterable
from typing import Any

from tests.fakes.readings import Reading

UNFORESEEN = "Unforeseen"
MARK = "kept-as-it-came"


def is_xml(body: bytes) -> bool:
    return body.lstrip()[:1] == b"<"


def with_unforeseen(body: bytes) -> bytes:
    """A field that nobody knows in every record of every list."""
    return planted(body, (UNFORESEEN,), MARK)


def planted(body: bytes, names: Iterable[str], value: Any) -> bytes:
    """Fields of these names in every record of every list, and in the place of their text where they are."""
    names = tuple(names)
    if is_xml(body):
        extra = "".join(f"<{name}>{value}</{name}>" for name in names)
        text = body.decode()
        for name in names:
            text = re.sub(rf"<{name}>[^<]*</{name}>", "", text)
        return re.sub(r"(?<=>)</(member|item)>", rf"{extra}</\1>", text).encode()
    return _changed(body, lambda value_: _plant(value_, names, value, inside_list=False))


def _plant(value: Any, names: tuple[str, ...], text: Any, *, inside_list: bool) -> Any:
    if isinstance(value, list):
        return [_plant(entry, names, text, inside_list=True) for entry in value]
    if not isinstance(value, dict):
        return value
    out = {key: _plant(entry, names, text, inside_list=False) for key, entry in value.items()}
    for name in names:
        if isinstance(out.get(name), str) or (name not in out and inside_list):
            out[name] = text
    return out


def without(body: bytes, name: str) -> bytes:
    """No field of that name anywhere."""
    if is_xml(body):
        return re.sub(rf"<{name}>[^<]*</{name}>", "", body.decode()).encode()

    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: strip(entry) for key, entry in value.items() if key != name}
        return [strip(entry) for entry in value] if isinstance(value, list) else value

    return _changed(body, strip)


def retyped(body: bytes, name: str) -> bytes:
    """Every field of that name an object instead of what it was; in XML, where all is text, another text."""
    if is_xml(body):
        return re.sub(rf"<{name}>[^<]*</{name}>", f"<{name}>retyped</{name}>", body.decode()).encode()

    def change(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: ("retyped" if isinstance(entry, dict | list) else {"retyped": True})
                if key == name
                else change(entry)
                for key, entry in value.items()
            }
        return [change(entry) for entry in value] if isinstance(value, list) else value

    return _changed(body, change)


def _changed(body: bytes, change: Callable[[Any], Any]) -> bytes:
    try:
        document = json.loads(body)
    except ValueError:
        return body
    return json.dumps(change(document)).encode()


def fields_in_use(reading: Reading, bodies: Iterable[bytes], seed: str, most: int) -> list[str]:
    """Names of fields whose values stand in typed columns, chosen by `seed` alone where there are more than `most`."""
    shown = {str(value) for rows in reading.rows.values() for row in rows for value in _leaves(_typed(row))}
    found: set[str] = set()
    for body in bodies:
        if is_xml(body):
            text = body.decode()
            found |= {name for name, value in re.findall(r"<(\w+)>([^<]+)</\1>", text) if value in shown}
            continue
        try:
            found |= {name for name, value in _named(json.loads(body)) if str(value) in shown}
        except ValueError:
            continue
    found -= {"member", "item"}
    return sorted(found, key=lambda name: zlib.crc32(f"{seed} {name}".encode()))[:most]


def can_be_contradicted(bodies: Iterable[bytes], name: str) -> bool:
    """Whether another type of a field shows: what is text in XML may be any text, and a number may become a text id."""
    values = [value for body in bodies for value in _values(body, name)]
    return bool(values) and all(isinstance(value, str | bool) for value in values)


def _values(body: bytes, name: str) -> list[Any]:
    if is_xml(body):
        found = re.findall(rf"<{name}>([^<]*)</{name}>", body.decode())
        return [value if re.fullmatch(r"\d{4}-\d\d-\d\dT.*|true|false", value) else 0 for value in found]
    try:
        return [value for named, value in _named(json.loads(body)) if named == name]
    except ValueError:
        return []


def _typed(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("raw", "scope_item_id")}


def _leaves(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        for entry in value.values():
            yield from _leaves(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _leaves(entry)
    elif value is not None and not isinstance(value, bool):
        yield value


def _named(value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, entry in value.items():
            if isinstance(entry, dict | list):
                yield from _named(entry)
            elif entry is not None and not isinstance(entry, bool):
                yield name, entry
    elif isinstance(value, list):
        for entry in value:
            yield from _named(entry)
