"""What the simulated Google refuses, in the words and both dialects of its APIs."""

from __future__ import annotations

from typing import Any

import orjson

_STATUS = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 501: "UNIMPLEMENTED", 503: "UNAVAILABLE",
}  # fmt: skip
_REASON = {
    400: "invalid", 401: "authError", 403: "forbidden", 404: "notFound", 429: "rateLimitExceeded",
    501: "notImplemented",
}  # fmt: skip
_INFO = {"accessNotConfigured": "SERVICE_DISABLED", "insufficientPermissions": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}


class GoogleError(Exception):
    """An answer other than success."""

    def __init__(
        self,
        status: int,
        message: str,
        reason: str | None = None,
        *,
        service: str = "",
        consumer: str = "",
        permission: str = "",
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.reason = reason or _REASON.get(status, "backendError")
        self.service = service
        self.consumer = consumer
        self.permission = permission
        self.retry_after = retry_after

    def body(self) -> bytes:
        """Google's error body."""
        error: dict[str, Any] = {
            "code": self.status, "message": self.message,
            "errors": [{"message": self.message, "domain": "global", "reason": self.reason}],
            "status": _STATUS.get(self.status, "UNKNOWN"),
        }  # fmt: skip
        if self.reason in _INFO:
            error["details"] = [{
                "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": _INFO[self.reason],
                "domain": "googleapis.com",
                "metadata": {"service": self.service} | ({"consumer": self.consumer} if self.consumer else {}),
            }]  # fmt: skip
        elif self.permission:
            error["details"] = [{
                "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "IAM_PERMISSION_DENIED",
                "domain": "iam.googleapis.com", "metadata": {"permission": self.permission},
            }]  # fmt: skip
        return orjson.dumps({"error": error})


class NotModelled(GoogleError):
    """Something that Google may have and the sandbox has not: 501, so that nobody takes silence for an answer."""

    def __init__(self, what: str) -> None:
        super().__init__(501, f"The sandbox does not model {what}. See docs/sandbox.md for what it does.")


def denied(why: str = "Not Authorized to access this resource/api") -> GoogleError:
    """A person without the privilege."""
    return GoogleError(403, why, "forbidden")
