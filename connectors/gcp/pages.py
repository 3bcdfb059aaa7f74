"""One page of a list of Google Cloud: its records, their identity, and whether it says itself that it lacks some."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from connectors.gcp.values import Record, last, needed, parts, texts
from connectors.google.calls import Answer
from schemas.errors import RetriableError


def whole(page: Answer, project: str) -> None:
    """Raise RetriableError for a page that says itself that some places did not answer, naming them."""
    missing = [*texts(page.parsed, "unreachable"), *texts(page.parsed, "unreachables")]
    for scope, part in _scopes(page.parsed):
        code = (part.get("warning") or {}).get("code")
        if code not in (None, "NO_RESULTS_ON_PAGE"):
            missing.append(scope)
    for warning in (*parts(page.parsed, "warnings"), page.parsed.get("warning") or {}):
        code = str(warning.get("code") or "")
        if code and code != "NO_RESULTS_ON_PAGE":
            missing.append(str(warning.get("region") or code))
    if missing:
        raise RetriableError(
            f"{page.method} left out {', '.join(sorted({str(last(one)) for one in missing}))} in {project}, so its "
            "list is not whole. Nothing is claimed; try again later."
        )


def _scopes(parsed: Mapping[str, Any]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    items = parsed.get("items")
    return items.items() if isinstance(items, Mapping) else ()


def field_of(name: str) -> Callable[[Mapping[str, Any]], list[Record]]:
    """The records that stand under one name of an answer."""
    return lambda parsed: parts(parsed, name)


def aggregated(name: str) -> Callable[[Mapping[str, Any]], list[Record]]:
    """The records of an aggregated list of Compute Engine, over all its regions and zones."""
    return lambda parsed: [record for _, part in _scopes(parsed) for record in parts(part, name)]


def by(name: str) -> Callable[[Record], str]:
    """The identity of a record: one field that must be there."""
    return lambda record: str(needed(record, name, "record"))
