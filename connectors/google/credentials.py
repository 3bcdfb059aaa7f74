"""The service account that asks, and its tokens: one for each scope, so that a missing scope is known by its name.

The assertion is signed here (RFC 7523) and not by google-auth's own credentials, because those hide the answer of the
token endpoint, repeat by themselves and read the clock of the machine only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

import orjson
from google.auth import crypt, jwt

from schemas.errors import ConfigurationError

VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFETIME = timedelta(hours=1)
"""The longest that Google allows an assertion."""

RENEW_BEFORE = timedelta(minutes=5)


@dataclass(frozen=True)
class ServiceAccount:
    """A key file of a service account; its `token_uri` is honoured."""

    email: str
    token_uri: str
    signer: Any
    project: str | None = None

    def assertion(self, scope: str, subject: str | None, now: datetime) -> bytes:
        """The signed request for a token, as the body of a form. `subject`: whom the account asks for."""
        issued = int(now.timestamp())
        payload: dict[str, Any] = {
            "iss": self.email, "aud": self.token_uri, "scope": scope, "iat": issued,
            "exp": issued + int(LIFETIME.total_seconds()),
        }  # fmt: skip
        if subject is not None:
            payload["sub"] = subject
        encode: Any = jwt.encode
        signed: bytes = encode(self.signer, payload)
        return urlencode({"grant_type": GRANT, "assertion": signed.decode()}).encode()


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token; never shown."""

    value: str
    expires: datetime

    def __repr__(self) -> str:
        return f"Token(expires={self.expires.isoformat()})"

    def fresh(self, now: datetime) -> bool:
        return now < self.expires - RENEW_BEFORE


def service_account(environ: Mapping[str, str]) -> ServiceAccount:
    """The account of `GOOGLE_APPLICATION_CREDENTIALS`. Raises ConfigurationError that says what is wrong with it."""
    name = environ.get(VARIABLE, "").strip()
    if not name:
        raise ConfigurationError(
            f"No Google credentials: set {VARIABLE} to the key file of the service account (for Workspace one with "
            "domain-wide delegation)."
        )
    try:
        written = Path(name).read_bytes()
        content: Any = orjson.loads(written)
    except (OSError, orjson.JSONDecodeError) as error:
        raise ConfigurationError(
            f"{VARIABLE} can't be read as JSON ({type(error).__name__}). Point it at the key file of a service account."
        ) from error
    found = cast("dict[str, Any]", content) if isinstance(content, dict) else dict[str, Any]()
    if found.get("type") != "service_account":
        raise ConfigurationError(
            f"{VARIABLE} is no key file of a service account (its type is {str(found.get('type'))[:40]!r}). Only a "
            "service account can be given scopes one by one; make one and download a key."
        )
    missing = [key for key in ("client_email", "private_key", "token_uri") if not isinstance(found.get(key), str)]
    if missing:
        raise ConfigurationError(f"The key file of {VARIABLE} lacks {', '.join(missing)}. Download it again.")
    try:
        signer = _signer(written)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"The private key in the file of {VARIABLE} can't be read. Make a new key.") from error
    return ServiceAccount(found["client_email"], found["token_uri"], signer, found.get("project_id"))


@lru_cache(maxsize=4)
def _signer(written: bytes) -> Any:
    """The private key of a key file, read once for all threads: checking it takes longer than signing with it."""
    make: Any = crypt.RSASigner.from_service_account_info
    return make(orjson.loads(written))
