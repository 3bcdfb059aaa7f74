"""What is wrong with a programme, in words: pydantic's findings turned into file, line, what is wrong and the fix."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from connectors.positioned_yaml import Path, PositionedDocument
from schemas.errors import ConfigurationError
from schemas.programme import Programme
from schemas.programme_values import keys_of, part_at


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing to correct. `line` counts from 1; 0 stands for the file as a whole."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


class InvalidProgramme(ConfigurationError):
    """The programme file or a register can't be used; `problems` lists everything that is wrong."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        count = len(problems)
        heading = f"{count} thing{'s' if count > 1 else ''} to correct before anything can run:"
        super().__init__("\n".join([heading, *(f"  {problem}" for problem in problems)]))


def explained(error: ValidationError, document: PositionedDocument, file: str) -> list[Problem]:
    """One problem per finding, at the line it is about."""
    details = error.errors(include_url=False, include_input=True)
    places = [tuple(detail["loc"]) for detail in details]
    problems: list[Problem] = []
    for detail in details:
        place = tuple(detail["loc"])
        inside = any(other[: len(place)] == place and len(other) > len(place) for other in places)
        if inside and detail["type"] == "too_short":
            continue  # pydantic counts only the good entries; what is wrong with the others is said already
        problems.append(_explained(detail, document, file))
    return problems


def _explained(detail: ErrorDetails, document: PositionedDocument, file: str) -> Problem:
    place = _place_in_file(tuple(detail["loc"]), document)
    kind, value, spoken = detail["type"], detail.get("input"), spoken_path(place)
    line = document.line(place)
    context: Mapping[str, Any] = detail.get("ctx") or {}
    name = str(place[-1]) if len(place) else ""
    if kind == "extra_forbidden":
        known = keys_of(part_at(Programme, place[:-1]))
        where = f" in {spoken_path(place[:-1])}" if len(place) > 1 else ""
        return Problem(file, document.line(place, key=True), f"unknown key {name!r}{where}.{nearest(name, known)}")
    if kind == "missing":
        where = spoken_path(place[:-1]) if len(place) > 1 else "the programme"
        message = f"{where} needs {name}. Add it: {name}: …"
        return Problem(file, document.line(place[:-1], key=True), message)
    if kind == "value_error":
        message = f"{spoken}: {detail['msg'].removeprefix('Value error, ')}"
    elif kind == "literal_error":
        expected = str(context.get("expected", "")).replace(" or ", ", ").replace("'", "").split(", ")
        message = f"{spoken} must be one of {', '.join(expected)}.{nearest(str(value), expected, say_known=False)}"
    elif kind == "string_pattern_mismatch":
        example = _EXAMPLES.get(_last_name(place), f"It must match {context.get('pattern')}")
        message = f"{spoken} is not written as it must be. {example}"
    elif kind in _WANTED:
        message = f"{spoken} must be {_WANTED[kind]}, and this is {_named(value)}.{_fix(kind, value)}"
    elif kind == "greater_than_equal":
        message = f"{spoken} must be at least {context.get('ge')}. Correct it"
    elif kind == "too_short":
        message = f"{spoken} is empty. Give at least one entry, or leave the key out"
    else:
        message = f"{spoken}: {detail['msg']}. Correct it"
    return Problem(file, line, message)


_WANTED = {
    "string_type": "a text", "int_type": "a whole number", "float_type": "a number", "float_parsing": "a number",
    "bool_type": "true or false", "tuple_type": "a list", "dict_type": "a mapping of keys",
    "model_type": "a mapping of keys", "model_attributes_type": "a mapping of keys", "date_type": "a date",
    "date_from_datetime_parsing": "a date that exists", "date_parsing": "a date that exists",
}  # fmt: skip

_EXAMPLES = {
    "organisation": "Give the organisation's login, such as acme",
    "regions": "Give region codes, such as eu-west-1",
    "cloudtrail": "Give the bucket and prefix, such as s3://acme-trail/AWSLogs/",
    "repositories": "Give names such as acme/api or api",
    "repository": "Give owner and name, such as acme/ops",
    "customer": "Give the customer id, such as C01abcd",
    "key": "Give the public key, as ed25519:<base64>",
}


def _named(value: object) -> str:
    if value is None:
        return "empty"
    for kind, name in (
        (bool, "true or false"), (int, "a number"), (float, "a number"), (str, "a text"), (date, "a date"),
        (list, "a list"), (dict, "a mapping of keys"),
    ):  # fmt: skip
        if isinstance(value, kind):
            return name
    return "something else"


def _fix(kind: str, value: object) -> str:
    if value is None:
        return " Write a value or leave the key out"
    if kind == "string_type" and isinstance(value, bool | int | float | date):
        return " Put it in quotes"
    if kind == "tuple_type":
        return " Write it as [a, b], or as lines that begin with -"
    if kind in ("int_type", "float_type", "float_parsing", "bool_type") and isinstance(value, str):
        return " Write it without quotes, in plain digits" if kind != "bool_type" else " Write true or false, no quotes"
    return " Correct it"


def _place_in_file(place: Path, document: PositionedDocument) -> Path:
    """The path in the file: a list of repositories is read as `{names: list}`, a reviewer as `{email: text}`."""
    out: list[str | int] = []
    for part in place:
        path = (*out, part)
        known = path in document.keys or path in document.values
        if part in ("names", "email") and not known and not isinstance(data_at(document.data, tuple(out)), dict):
            continue
        out.append(part)
    return tuple(out)


def data_at(data: Any, path: Path) -> Any:
    """What stands at a path of nested mappings and lists, or None."""
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def nearest(name: str, known: Collection[str], *, say_known: bool = True) -> str:
    """A sentence that offers the known name most like `name`, else the known names."""
    lowered = {str(item).lower(): str(item) for item in known}
    close = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.5)
    if close:
        return f" Did you mean {lowered[close[0]]!r}?"
    shown = sorted(known)
    if not say_known or not shown:
        return ""
    return f" Known are {', '.join(shown[:25])}{' …' if len(shown) > 25 else ''}"


def spoken_path(place: Path) -> str:
    """A path as people write it: `scope.aws.accounts[0].id`."""
    out = ""
    for part in place:
        out += f"[{part}]" if isinstance(part, int) else (f".{part}" if out else part)
    return out or "the file"


def _last_name(place: Path) -> str:
    return next((str(part) for part in reversed(place) if isinstance(part, str)), "")
