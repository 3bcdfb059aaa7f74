"""Reading what somebody wrote in a record: by the kind of each field, with the place of everything that is wrong."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from schemas.records.model import Field, FieldKind
from schemas.register_values import read_value
from schemas.registers import Column, ValueKind

Path = tuple[str | int, ...]
Trouble = tuple[Path, str]
"""Where in the values, and what is wrong with what to do about it."""

FILE = "file:"
"""Before the name of an attachment: the digest is that of the attached file, worked out when it is recorded."""
CURRENT = "current"
"""For the digest of a register or of the ledger: that of what is recorded now."""

LONGEST_TEXT = 10_000
"""Characters. What is longer is a document, and is attached."""

_READ_AS: Mapping[FieldKind, ValueKind] = {
    "text": "text", "day": "day", "instant": "instant", "person": "email", "person_id": "text", "address": "email",
    "flag": "flag", "digest": "text",
}  # fmt: skip

_LISTS: frozenset[FieldKind] = frozenset({"texts", "persons", "controls"})
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def read_values(
    fields: Iterable[Field], given: Mapping[str, Any], where: Path, troubles: list[Trouble]
) -> dict[str, Any]:
    """Every field's value as plain JSON, None where nothing was given; what is wrong is added to `troubles`."""
    fields = tuple(fields)
    known = [field.name for field in fields]
    troubles += [((*where, key), f"unknown key {key!r}.{nearest(key, known)}") for key in given if key not in known]
    return {field.name: _read(field, given.get(field.name), (*where, field.name), troubles) for field in fields}


def _read(field: Field, value: Any, where: Path, troubles: list[Trouble]) -> Any:
    if isinstance(value, str):
        value = value.strip()
    if value is None or value == "" or (value == [] and field.kind != "rows"):
        if field.required:
            troubles.append((where, f"{field.name} is empty. {field.meaning}"))
        return None
    try:
        if field.kind == "rows":
            return _rows(field, value, where, troubles)
        return _one(field, value)
    except ValueError as error:
        troubles.append((where, str(error)))
        return None


def _rows(field: Field, value: Any, where: Path, troubles: list[Trouble]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    if not isinstance(value, list):
        troubles.append((where, f"{field.name} must be a list: begin each entry with `- {field.fields[0].name}: …`"))
        return rows
    if field.required and not value:
        troubles.append((where, f"{field.name} is empty. {field.meaning}"))
    for number, row in enumerate(value):
        if isinstance(row, dict):
            rows.append(read_values(field.fields, row, (*where, number), troubles))
        else:
            troubles.append(((*where, number), f"each entry of {field.name} has keys. Write it like `- key: value`"))
    return rows


def _one(field: Field, value: Any) -> Any:
    if field.kind in _LISTS:
        return [_plain(field, item) for item in _list(field, value)]
    if field.kind == "number":
        return _number(field, value, r"[0-9]{1,9}", int)
    if field.kind == "decimal":
        return _number(field, value, r"[0-9]{1,9}(\.[0-9]{1,9})?", float)
    if field.kind == "text" and isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"{field.name} must be a text, and this is a number. Put it in quotes")
    read = read_value(Column(field.name, field.meaning, _READ_AS[field.kind], choices=field.choices), value)
    if isinstance(read, str):
        _plain(field, read)
    if field.kind == "digest" and not _is_digest(field, str(read)):
        current = f", or {CURRENT} for what is recorded now" if field.current else ""
        raise ValueError(f"{field.name} is not a digest. Write sha256: and 64 hexadecimal digits, or {FILE}NAME for "
                         f"that of an attached file{current}")  # fmt: skip
    return read


def _is_digest(field: Field, text: str) -> bool:
    if text == CURRENT:
        return field.current is not None
    return text.startswith(FILE) or re.fullmatch(r"sha256:[0-9a-f]{64}", text) is not None


def _plain(field: Field, text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"{field.name} is longer than {LONGEST_TEXT} characters. Attach it as a file and say here "
                         "in a sentence what it is")  # fmt: skip
    if _CONTROL.search(text):
        raise ValueError(f"{field.name} holds a control character that nobody can see. Remove it")
    if field.kind == "persons" and not re.fullmatch(r"[^@\s,;<>]+@[^@\s,;<>]+", text):
        raise ValueError(f"{field.name} holds something that is not an e-mail address. Write it like name@example.com")
    return text


def _list(field: Field, value: Any) -> list[str]:
    if isinstance(value, str):
        # One text is one item, such as a sentence; only names that hold no blanks can be written one after the other.
        return [value] if field.kind == "texts" and "\n" not in value else value.split()
    if isinstance(value, list) and all(isinstance(item, str) and item.strip() for item in value):
        return [item.strip() for item in value]
    raise ValueError(f"{field.name} must be a list of texts. Write it as [a, b], or as lines that begin with -")


def _number(field: Field, value: Any, pattern: str, read: Callable[[str], int | float]) -> int | float:
    text = str(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else ""
    if not re.fullmatch(pattern, text):
        what = "a whole number" if field.kind == "number" else "a number"
        raise ValueError(f"{field.name} must be {what}, not negative. Write it in plain digits")
    return read(text)


def nearest(name: object, known: Collection[str]) -> str:
    """A sentence that offers the known name most like `name`, else the known names."""
    close = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    if close:
        return f" Did you mean {close[0]!r}?"
    shown = sorted(known)
    return f" Known: {', '.join(shown[:20])}{' …' if len(shown) > 20 else ''}" if shown else ""
