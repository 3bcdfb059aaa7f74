"""Kinds of values in the programme file, each with a refusal that says how to write it right."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StrictInt,
    StrictStr,
)


def _day(value: Any) -> Any:
    """Dates only: a number or an instant would be read as something the author did not mean."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        return value
    raise ValueError("this is not a date. Write it like 2026-04-01")


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("this is empty. Write a value or leave the key out")
    return value


def _email(value: str) -> str:
    if not re.fullmatch(r"[^@\s,;<>]+@[^@\s,;<>]+", value):
        raise ValueError("this is not an e-mail address. Write it like name@example.com")
    return value


def _environment_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,127}", value):
        raise ValueError(
            "this must be the NAME of an environment variable, never the secret itself. "
            "Put the secret into a variable such as SLACK_WEBHOOK and write that name here"
        )
    return value


def _https(value: str) -> str:
    try:
        parts = urlsplit(value)
        loopback = parts.hostname in ("localhost", "127.0.0.1", "::1")
        usable = bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and loopback))
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("this is not a URL that can be trusted. Write it with https:// (http:// only on loopback)")
    return value


Day = Annotated[date, BeforeValidator(_day)]
Text = Annotated[StrictStr, AfterValidator(_text)]
Email = Annotated[StrictStr, AfterValidator(_email)]
EnvironmentName = Annotated[StrictStr, AfterValidator(_environment_name)]
Url = Annotated[StrictStr, AfterValidator(_https)]
Count = Annotated[StrictInt, Field(ge=0)]
Number = Annotated[float, BeforeValidator(lambda value: "" if isinstance(value, bool | str) else value), Field(ge=0)]


class Part(BaseModel):
    """Base of every part of the file: unknown keys are refused and nothing can be changed after loading."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        defer_build=True,  # the file is validated as a whole: parts need no validators of their own
        validate_by_name=True,
        validate_by_alias=True,
        use_attribute_docstrings=True,  # so that the JSON schema explains every key
    )


def exactly_one(part: Part, message: str) -> None:
    if sum(value is not None for value in part.__dict__.values()) != 1:
        raise ValueError(message)


def or_short(handler: GetJsonSchemaHandler, core_schema: Any, short: dict[str, Any]) -> dict[str, Any]:
    """The JSON schema of a part that may also be written in a short form."""
    schema = handler.resolve_ref_schema(handler(core_schema))
    whole = dict(schema)
    schema.clear()
    schema.update({"description": whole.pop("description", ""), "anyOf": [whole, short]})
    return schema


def keys_of(part: type[Part] | None) -> list[str]:
    """The keys that a part of the file may have, as they are written."""
    return [] if part is None else [found.alias or name for name, found in part.model_fields.items()]


def part_at(root: type[Part], place: tuple[str | int, ...]) -> type[Part] | None:
    """The part of the file that stands at a path, None where the path leads to a plain value."""
    part: type[Part] | None = root
    container = False  # inside a list or a mapping by id, whose next step names no field
    for step in place:
        if part is None:
            return None
        if container:
            container = False
            continue
        found = part.model_fields.get(str(step)) or next(
            (field for field in part.model_fields.values() if field.alias == step), None
        )
        if found is None:
            return None
        part, container = _part_of(found.annotation)
    return part


def _part_of(annotation: Any) -> tuple[type[Part] | None, bool]:
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return annotation, False
    container = get_origin(annotation) in (tuple, dict)
    for inner in get_args(annotation):
        part, nested = _part_of(inner)
        if part is not None:
            return part, container or nested
    return None, container
