"""The JSON schemas that `evidence schema NAME` publishes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import schemas
from schemas.errors import ConfigurationError

_FOLDER = Path(schemas.__file__).parent / "json"


def _files() -> dict[str, Path]:
    return {path.stem: path for path in sorted(_FOLDER.glob("*.json"))}


def _generated() -> dict[str, Callable[[], Mapping[str, Any]]]:
    """Schemas that are derived from the models themselves, so that they can't differ from what is accepted."""
    from connectors.programme_file import json_schema
    from sandbox.schemas import SCHEMAS
    from schemas.registers import REGISTERS

    written = {name: lambda name=name: json_schema(name) for name in ("program", *REGISTERS)}
    return {**written, **SCHEMAS, "fault-plan": SCHEMAS["sandbox-plan"]}


def schema_names() -> list[str]:
    """Every name `evidence schema` knows."""
    return sorted([*_files(), *_generated()])


def schema_of(name: str) -> Mapping[str, Any]:
    """The schema of that name. ConfigurationError with the known ones where there is none."""
    import orjson

    generated = _generated()
    if name in generated:
        return generated[name]()
    path = _files().get(name)
    if path is None:
        raise ConfigurationError(f"there is no schema {name!r}; there are {', '.join(schema_names())}")
    return orjson.loads(path.read_bytes())
