"""The cells of a register as JSON values, and the JSON schema of its rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from schemas.instants import format_instant, parse_instant
from schemas.registers import Column, Register


def read_value(column: Column, value: Any) -> Any:
    """The JSON value of one cell; ValueError says what is wrong and how to write it.

    CSV cells arrive as texts; YAML values as texts, numbers, dates or lists of texts.
    """
    if isinstance(value, str):
        value = value.strip()
    if value is None or value in ("", []):
        if column.required:
            raise ValueError(f"{column.name} is empty. {column.meaning}")
        return None
    if column.kind == "texts":
        return _texts(column, value)
    if column.kind == "rows":
        return _rows(column, value)
    if column.kind == "number":
        value = _number(column, value)
    elif column.kind == "flag":
        value = _flag(column, value)
    elif column.kind == "day":
        value = _day(column, value)
    elif not isinstance(value, str):
        raise ValueError(f"{column.name} must be a text. Put it in quotes")
    elif column.kind == "instant":
        value = _instant(column, value)
    elif column.kind == "email" and not re.fullmatch(r"[^@\s,;<>]+@[^@\s,;<>]+", value):
        raise ValueError(f"{column.name} is not an e-mail address. Write it like name@example.com")
    elif column.kind == "url":
        value = _url(column, value)
    if column.choices and str(value) not in column.choices:
        raise ValueError(f"{column.name} is not one of {', '.join(column.choices)}")
    return value


def _texts(column: Column, value: Any) -> list[str]:
    if isinstance(value, str):
        return value.split()
    if isinstance(value, list) and all(isinstance(item, str) and item.strip() for item in value):
        return value
    raise ValueError(f"{column.name} must be a list of texts")


def _rows(column: Column, value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise ValueError(f"{column.name} must be a list. Begin each entry with `- {column.columns[0].name}: …`")  # noqa: TRY004 - reported with its line
    out: list[dict[str, Any]] = []
    names = [one.name for one in column.columns]
    for number, entry in enumerate(value, start=1):
        if not isinstance(entry, dict):
            raise ValueError(f"entry {number} of {column.name} is not a mapping of keys")  # noqa: TRY004 - as above
        unknown = sorted(str(key) for key in entry if key not in names)
        if unknown:
            raise ValueError(
                f"entry {number} of {column.name} has the unknown key {unknown[0]}. Known: {', '.join(names)}"
            )
        try:
            out.append({one.name: read_value(one, entry.get(one.name)) for one in column.columns})
        except ValueError as error:
            raise ValueError(f"entry {number} of {column.name}: {error}") from error
    return out


def _flag(column: Column, value: Any) -> bool:
    """CSV knows no yes and no of its own; YAML does."""
    known = {"yes": True, "no": False, True: True, False: False}
    if isinstance(value, str | bool) and value in known:
        return known[value]
    raise ValueError(f"{column.name} must be yes or no; leave it empty where nobody knows")


def _url(column: Column, value: str) -> str:
    try:
        parts = urlsplit(value)
        loopback = parts.hostname in ("localhost", "127.0.0.1", "::1")
        usable = bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and loopback))
        usable = usable and parts.username is None and parts.password is None and not parts.fragment
        usable = usable and (parts.port is None or parts.port > 0) and value.isascii() and value.isprintable()
    except ValueError:
        usable = False
    if not usable or " " in value:
        raise ValueError(f"{column.name} is not an address of a page. Write it like https://example.com/terms")
    return value


def _number(column: Column, value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"{column.name} must be a whole number")


def _day(column: Column, value: Any) -> str:
    text = value.isoformat() if type(value) is date else value
    if isinstance(text, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError as error:
            raise ValueError(f"{column.name} is a day that does not exist ({text})") from error
    raise ValueError(f"{column.name} is not a day. Write it like 2026-04-01")


def _instant(column: Column, value: str) -> str:
    try:
        return format_instant(parse_instant(value))
    except ValueError as error:
        raise ValueError(f"{column.name} is not an instant. Write it like 2026-04-01T09:30:00Z") from error


_PATTERNS: Mapping[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "day": {"type": "string", "format": "date"},
    "instant": {"type": "string", "format": "date-time"},
    "email": {"type": "string", "format": "email"},
    "number": {"type": "integer"},
    "texts": {"type": "array", "items": {"type": "string"}},
    "url": {"type": "string", "format": "uri"},
    "flag": {"type": "boolean"},
    "rows": {"type": "array"},
}


def register_schema(register: Register) -> dict[str, Any]:
    """JSON schema (2020-12) of the rows of a register, as they stand in the ledger."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Register {register.name} ({register.file})",
        "description": register.meaning,
        "type": "array",
        "items": _object(register.columns),
    }


def _object(columns: tuple[Column, ...]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for column in columns:
        shape = dict(_PATTERNS[column.kind], description=column.meaning)
        if column.kind == "rows":
            shape["items"] = _object(column.columns)
        if column.choices:
            shape["enum"] = [int(choice) for choice in column.choices] if column.kind == "number" else [*column.choices]
        properties[column.name] = (
            shape if column.required else {"anyOf": [shape, {"type": "null"}], "description": column.meaning}
        )
    return {
        "type": "object",
        "properties": properties,
        "required": [column.name for column in columns if column.required],
        "additionalProperties": False,
    }
