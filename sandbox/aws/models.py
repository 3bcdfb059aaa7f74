"""The vendor's own descriptions of its services: which operation a REST request is, and what answers look like.

They come with botocore; moto's facade over them knows the way from the server's side.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast
from urllib.parse import unquote

from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader
from moto.core.model import ListShape, MapShape, StructureShape
from moto.core.utils import get_service_model

IAM_NAMES = {"monitoring": "cloudwatch"}
"""Services whose requests are signed with another name than IAM's actions have."""

_BOTOCORE_NAMES = {"sso": "sso-admin", "access-analyzer": "accessanalyzer", "elasticfilesystem": "efs"}

_TOKENS = ("NextToken", "nextToken", "Marker")
_LIMITS = ("MaxResults", "maxResults", "MaxRecords", "limit", "Limit")


@cache
def service_model(service: str) -> Any:
    """The description of a service named as in IAM's actions; None where there is none of that name."""
    try:
        return get_service_model(_BOTOCORE_NAMES.get(service, service))
    except UnknownServiceError:
        return None


def operation_model(service: str, action: str) -> Any:
    """The description of one operation; None where the service has no such one."""
    model = service_model(service)
    if model is None or action not in model.operation_names:
        return None
    return model.operation_model(action)


def rest_operation(service: str, method: str, target: str) -> tuple[str, Mapping[str, str]] | None:
    """The operation that a REST request is, and the parameters in its path. Where several operations share a path, it
    is the one that demands most of what stands in the query."""
    path, _, query = target.partition("?")
    asked = {part.partition("=")[0] for part in query.split("&")}
    for action, verb, pattern, demanded in _routes(service):
        found = pattern.fullmatch(path) if verb == method and demanded <= asked else None
        if found is not None:
            return action, {_plain(name): unquote(value) for name, value in found.groupdict().items()}
    return None


@cache
def _routes(service: str) -> tuple[tuple[str, str, re.Pattern[str], frozenset[str]], ...]:
    model = service_model(service)
    if model is None or not str(model.protocol).startswith("rest"):
        return ()
    routes: list[tuple[str, str, re.Pattern[str], frozenset[str]]] = []
    for action in model.operation_names:
        if model.operation_model(action).deprecated:  # its successor has the same path
            continue
        http: dict[str, str] = model.operation_model(action).http
        uri, _, query = http["requestUri"].partition("?")
        parts = re.split(r"\{([^}]+)\}", uri)
        text = re.escape(parts[0])
        for name, after in zip(parts[1::2], parts[2::2], strict=True):
            text += f"(?P<{_group(name)}>{'.+' if name.endswith('+') else '[^/]+'})" + re.escape(after)
        demanded = frozenset(part.partition("=")[0] for part in query.split("&") if part)
        routes.append((action, http["method"], re.compile(text + "/?" if not uri.endswith("/") else text), demanded))
    # `/detector/{id}` would also take `/detector/x` of a longer literal: those with fewer blanks come first.
    return tuple(sorted(routes, key=lambda route: (-len(route[3]), route[2].groups)))


def _group(name: str) -> str:
    return "p_" + name.rstrip("+").encode().hex()


def _plain(group: str) -> str:
    return bytes.fromhex(group.removeprefix("p_")).decode()


@cache
def paging_of(service: str, action: str) -> tuple[str, str, str | None] | None:
    """Names of the marker in request and answer, and of the limit, as the vendor's paginators or the shapes say."""
    name = _BOTOCORE_NAMES.get(service, service)
    try:
        pages: Mapping[str, Any] = Loader().load_service_model(name, "paginators-1")["pagination"]
    except Exception:  # noqa: BLE001 - botocore has one error for a service without paginators, and it is not exported
        pages = {}
    entry = pages.get(action)
    if entry is not None and isinstance(entry["input_token"], str):
        return entry["input_token"], entry["output_token"], entry.get("limit_key")
    model = operation_model(service, action)
    if model is None or model.input_shape is None or model.output_shape is None:
        return None
    taken, given = set(model.input_shape.members), set(model.output_shape.members)
    for token in _TOKENS:
        if token in taken and token in given:
            return token, token, next((limit for limit in _LIMITS if limit in taken), None)
    return None


def shaped(shape: Any, value: Any, where: str) -> Any:
    """`value` as the shape of the vendor's description wants it, times as datetimes.

    Raises ValueError for a member that the shape does not have, a required one that is missing, a value of another
    type or one that is not among those listed: what is served must be what AWS could serve.
    """
    if isinstance(shape, StructureShape):
        if not isinstance(value, Mapping):
            raise ValueError(f"{where} must be an object")  # noqa: TRY004 - one error for whatever does not fit
        given, members = cast("Mapping[str, Any]", value), cast("dict[str, Any]", shape.members)
        unknown, missing = set(given) - set(members), set(cast("list[str]", shape.required_members)) - set(given)
        if unknown or missing:
            raise ValueError(f"{where}: AWS has no {sorted(unknown)} there, and demands {sorted(missing)}")
        return {name: shaped(members[name], inner, f"{where}.{name}") for name, inner in given.items()}
    if isinstance(shape, ListShape):
        if not isinstance(value, list):
            raise ValueError(f"{where} must be a list")  # noqa: TRY004 - one error for whatever does not fit
        items = cast("list[Any]", value)
        return [shaped(shape.member, inner, f"{where}[{place}]") for place, inner in enumerate(items)]
    if isinstance(shape, MapShape):
        if not isinstance(value, Mapping):
            raise ValueError(f"{where} must be an object")  # noqa: TRY004 - one error for whatever does not fit
        pairs = cast("Mapping[str, Any]", value)
        return {str(name): shaped(shape.value, inner, f"{where}.{name}") for name, inner in pairs.items()}
    return _scalar(shape, value, where)


def _scalar(shape: Any, value: Any, where: str) -> Any:
    kind: str = shape.type_name
    if kind == "timestamp":
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        if not isinstance(moment, datetime) or moment.tzinfo is None:
            raise ValueError(f"{where} must be a time with its zone")
        return moment.astimezone(UTC)
    types: tuple[type, ...] = {
        "string": (str,), "character": (str,), "boolean": (bool,), "integer": (int,), "long": (int,),
        "double": (int, float), "float": (int, float), "blob": (bytes, str),
    }[kind]  # fmt: skip
    if not isinstance(value, types) or (isinstance(value, bool) and kind != "boolean"):
        raise ValueError(f"{where} must be of type {kind}")
    allowed: list[str] = getattr(shape, "enum", None) or []
    if kind == "string" and allowed and value not in allowed:
        raise ValueError(f"{where} is {value!r}; AWS knows {allowed}")
    return value
