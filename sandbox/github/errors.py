"""What the simulated GitHub refuses, as GraphQL and as REST."""

from __future__ import annotations


class Refused(Exception):
    """A GraphQL field that cannot be resolved; becomes an entry of `errors` with this type."""

    def __init__(self, message: str, *, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


class RestError(Exception):
    """A REST answer other than success."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        documentation: str = "https://docs.github.com/rest",
        headers: dict[str, str] | None = None,
        errors: list[dict[str, str]] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.documentation = documentation
        self.headers = headers or {}
        self.errors = errors


class NotModelled(RestError):
    """Something that GitHub may have and the sandbox has not: 501, so that nobody takes silence for an answer."""

    def __init__(self, what: str) -> None:
        super().__init__(501, f"The sandbox does not model {what}. See docs/sandbox.md for what it does.")
