"""Who may ask the simulated Google: a service account, its key, and what domain-wide delegation lets it do."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import jwt
import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.google.errors import GoogleError

LIFETIME = timedelta(hours=1)
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class TokenError(Exception):
    """A refusal of the token endpoint (RFC 6749, section 5.2)."""

    def __init__(self, status: int, code: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.body = orjson.dumps({"error": code, "error_description": description})


@dataclass(frozen=True, slots=True)
class Granted:
    """What a token stands for."""

    scopes: frozenset[str]
    subject: str | None
    expires: datetime


@dataclass
class Identity:
    """The service account and the tokens given out. `may_ask_for(email)` says whether a person may be asked for."""

    email: str
    project: str
    may_ask_for: Callable[[str, datetime], bool]
    withheld: set[str] = field(default_factory=set[str])
    """Scopes that nobody added to the delegation; all others were."""
    _tokens: dict[str, Granted] = field(default_factory=dict[str, Granted])

    def __post_init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def key_file(self, token_uri: str) -> dict[str, Any]:
        """What Google hands out as the key of a service account. It opens nothing but this sandbox."""
        private = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account", "project_id": self.project, "private_key_id": "sandbox",
            "private_key": private.decode(), "client_email": self.email, "client_id": "100000000000000000001",
            "token_uri": token_uri,
        }  # fmt: skip

    def token(self, body: bytes, token_uri: str, now: datetime) -> dict[str, Any]:
        """Answer the token endpoint: the assertion's signature, times, audience, scopes and subject are verified."""
        form = {name: values[0] for name, values in parse_qs(body.decode("latin-1")).items()}
        if form.get("grant_type") != _GRANT or "assertion" not in form:
            raise TokenError(400, "unsupported_grant_type", "Invalid grant_type")
        try:
            claims: dict[str, Any] = jwt.decode(
                form["assertion"], self._key.public_key(), algorithms=["RS256"], audience=token_uri,
                options={"verify_exp": False, "verify_iat": False, "require": ["iss", "iat", "exp", "scope"]},
            )  # fmt: skip
        except jwt.InvalidTokenError:
            raise TokenError(400, "invalid_grant", "Invalid JWT Signature.") from None
        moment = now.timestamp()
        if not (claims["iat"] - 300 <= moment <= claims["exp"] and claims["exp"] - claims["iat"] <= 3600):
            raise TokenError(
                400, "invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable "
                "timeframe. Check your iat and exp values in the JWT claim.",
            )  # fmt: skip
        if claims["iss"] != self.email:
            raise TokenError(401, "invalid_client", "The OAuth client was not found.")
        scopes = frozenset(str(claims["scope"]).split())
        subject = claims.get("sub")
        if subject is not None and not self.may_ask_for(str(subject), now):
            raise TokenError(400, "invalid_grant", "Invalid email or User ID")
        if not scopes or (subject is not None and scopes & self.withheld):
            raise TokenError(
                401, "unauthorized_client", "Client is unauthorized to retrieve access tokens using this method, or "
                "client not authorized for any of the scopes requested.",
            )  # fmt: skip
        value = "ya29.sandbox-" + secrets.token_urlsafe(24)
        self._tokens[value] = Granted(scopes, None if subject is None else str(subject).lower(), now + LIFETIME)
        return {"access_token": value, "expires_in": int(LIFETIME.total_seconds()), "token_type": "Bearer"}

    def granted(self, header: str | None, now: datetime) -> Granted:
        """What the bearer token of a request stands for. Raises GoogleError 401."""
        held = self._tokens.get((header or "").removeprefix("Bearer "))
        # A clock that was set back must not make a token live longer than it did.
        if held is None or not held.expires - LIFETIME - timedelta(minutes=5) <= now < held.expires:
            raise GoogleError(401, "Request had invalid authentication credentials.", "authError")
        return held
