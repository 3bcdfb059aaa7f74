"""What faults look like at GitHub."""

from __future__ import annotations

from typing import Any

from sandbox.faults import Fault
from sandbox.github.access import Viewer
from sandbox.github.errors import RestError
from sandbox.github.limits import Budget

LIMIT_DOCUMENTATION = "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api"
SECONDARY_DOCUMENTATION = "https://docs.github.com/free-pro-team@latest/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"


class Outage(RestError):
    """A 5xx answer with a body of its own kind."""


def _timeout(request_id: str) -> str:
    return (
        "Something went wrong while executing your query. This may be the result of a timeout, or it could be a GitHub "
        f"bug. Please include `{request_id}` when reporting this issue."
    )


def limit_exceeded(
    status: int, viewer: Viewer, budget: Budget, message: str | None, retry_after: int | None
) -> RestError:
    """The primary rate limit."""
    if viewer.installation is not None:
        whom = f"installation ID {viewer.installation.id}"
    else:
        whom = f"user ID {viewer.account.id if viewer.account else 0}"
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Used": str(budget.limit)}
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    text = message or f"API rate limit exceeded for {whom}."
    return RestError(status, text, documentation=LIMIT_DOCUMENTATION, headers=headers)


def turn_away(fault: Fault | None) -> None:
    """Raise the RestError of credentials that have stopped working."""
    if fault is not None and fault.kind == "unauthorized":
        raise RestError(401, fault.message or "Bad credentials")


def refuse(fault: Fault, viewer: Viewer, budget: Budget, *, graphql: bool, request_id: str) -> None:
    """Raise the RestError of a fault that replaces the answer; return for all other kinds."""
    status = fault.http_status
    retry = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    if fault.kind == "forbidden":
        by = "integration" if viewer.installation is not None else "personal access token"
        raise RestError(status, fault.message or f"Resource not accessible by {by}", headers=retry)
    if fault.kind == "not_found":
        raise RestError(404, fault.message or "Not Found", headers=retry)
    if fault.kind == "rate_limited":
        raise limit_exceeded(status, viewer, budget, fault.message, fault.retry_after)
    if fault.kind == "secondary_limit":
        text = (
            "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. If you reach "
            f"out to GitHub Support for help, please include the request ID {request_id}."
        )
        raise RestError(status, fault.message or text, documentation=SECONDARY_DOCUMENTATION, headers=retry)
    if fault.kind == "server_error":
        text = _timeout(request_id) if graphql else "Server Error"
        raise Outage(status, fault.message or text, headers=retry)
    if fault.kind == "error":
        raise RestError(status, fault.message or fault.code or "Error", headers=retry)


def spoil_content(content: dict[str, Any], fault: Fault | None, viewer: Viewer, request_id: str) -> dict[str, Any]:
    """The body of a GraphQL answer under a fault that leaves the status at 200."""
    if fault is None or fault.kind != "graphql_error":
        return content
    if fault.code == "RATE_LIMITED":
        number = viewer.account.id if viewer.account else 0
        text = fault.message or f"API rate limit exceeded for user ID {number}."
        return {"errors": [{"type": "RATE_LIMITED", "code": "graphql_rate_limit", "message": text}]}
    if fault.code == "TIMEOUT":
        return {"data": None, "errors": [{"message": fault.message or _timeout(request_id)}]}
    by = "integration" if viewer.installation is not None else "personal access token"
    text = fault.message or f"Resource not accessible by {by}"
    data: dict[str, Any] = content.get("data") or {}
    field = fault.field or next((name for name in data if name != "rateLimit"), "")
    paths: list[list[Any]] = []
    _take_out(data, field, [], paths)
    errors = [{"type": "FORBIDDEN", "path": path, "message": text} for path in paths[:100]]
    return {"data": data, "errors": [*content.get("errors", []), *errors]}


def _take_out(value: Any, field: str, path: list[Any], found: list[list[Any]]) -> None:
    """Null every occurrence of a field and note where it was."""
    if isinstance(value, dict):
        for name in value:
            if name == field:
                value[name] = None
                found.append([*path, name])
            else:
                _take_out(value[name], field, [*path, name], found)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _take_out(item, field, [*path, index], found)
