"""Tokens and app keys: from an `Authorization` header to the viewer behind it."""

from __future__ import annotations

import hashlib
import time
from base64 import b64decode
from dataclasses import dataclass
from typing import Any

import jwt

from sandbox.github.access import Viewer
from sandbox.github.errors import RestError
from sandbox.github.model import Account, App, Installation
from sandbox.github.times import Epoch, iso
from sandbox.github.world import World

HOUR = 3600
LONGEST_JWT = 600
CLOCK_LEEWAY = 60


@dataclass(slots=True)
class InstallationToken:
    """A token that an app has been given for one installation."""

    installation: Installation
    issued_at: Epoch
    expires_at: Epoch


class Credentials:
    """What opens the simulated GitHub. App keys are public keys; the private ones are with whoever made them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tokens: dict[str, Account] = {}
        self._installation_tokens: dict[str, InstallationToken] = {}
        self._app_keys: dict[int, tuple[App, str]] = {}

    def add_token(self, token: str, account: Account) -> None:
        """A personal access token."""
        self._tokens[token] = account

    def add_app_key(self, app: App, public_key: str) -> None:
        """The public key (PEM) that an app's JSON web tokens are verified with."""
        self._app_keys[app.id] = (app, public_key)

    def viewer(self, header: str | None, now: Epoch) -> Viewer:
        """Who sends a request. Raises RestError 401 for credentials that are none."""
        if not header:
            return Viewer()
        scheme, _, secret = header.partition(" ")
        secret = secret.strip()
        if scheme.lower() == "basic":
            secret = _password(secret)
        elif scheme.lower() not in {"token", "bearer"}:
            raise bad_credentials()
        account = self._tokens.get(secret)
        if account is not None:
            if not account.exists(now):
                raise bad_credentials()
            return Viewer(account=account)
        issued = self._installation_tokens.get(secret)
        if issued is not None:
            if issued.issued_at <= now < issued.expires_at and issued.installation.exists(now):
                return Viewer(installation=issued.installation)
            raise bad_credentials()
        if secret.count(".") == 2:
            return Viewer(app_id=self.verify(secret, now).id)
        raise bad_credentials()

    def verify(self, token: str, now: Epoch) -> App:
        """The app that signed a JSON web token (RS256, at most ten minutes).

        Its times may follow the simulated clock or the machine's: clients such as PyGithub sign with the latter.
        """
        try:
            claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
        except jwt.InvalidTokenError:
            raise RestError(401, "A JSON web token could not be decoded") from None
        issuer = str(claims.get("iss", ""))
        found = next(
            (pair for number, pair in self._app_keys.items() if issuer in {str(number), f"Iv1.{number:016x}"}), None
        )
        if found is None:
            raise RestError(401, "Integration must generate a public key", documentation="https://docs.github.com/rest")
        try:
            claims = jwt.decode(
                token,
                found[1],
                algorithms=["RS256"],
                options={"verify_exp": False, "verify_iat": False, "require": ["iat", "exp", "iss"]},
            )
        except jwt.InvalidTokenError:
            raise RestError(401, "A JSON web token could not be decoded") from None
        issued, expires = int(claims["iat"]), int(claims["exp"])
        if expires - issued > LONGEST_JWT + CLOCK_LEEWAY:
            raise RestError(401, "'Expiration time' claim ('exp') is too far in the future")
        if not any(issued <= clock + CLOCK_LEEWAY and clock < expires for clock in (now, int(time.time()))):
            raise RestError(401, "'Expiration time' claim ('exp') must be a numeric value representing the future time")
        return found[0]

    def issue(self, app_id: int, installation_id: int, now: Epoch) -> dict[str, Any]:
        """A token for an installation of the app, good for one hour of the simulated clock."""
        for organisation in self._world.organisations.values():
            for installation in organisation.installations:
                if installation.id == installation_id and installation.app.id == app_id and installation.exists(now):
                    serial = f"{installation_id}/{now}/{len(self._installation_tokens)}"
                    token = "ghs_" + hashlib.sha256(serial.encode()).hexdigest()[:36]
                    self._installation_tokens[token] = InstallationToken(installation, now, now + HOUR)
                    return {
                        "token": token,
                        "expires_at": iso(now + HOUR),
                        "permissions": installation.permissions.at(now),
                        "repository_selection": "all" if installation.repositories is None else "selected",
                    }
        raise RestError(404, "Not Found")


def bad_credentials() -> RestError:
    """401 as GitHub words it."""
    return RestError(401, "Bad credentials")


def _password(encoded: str) -> str:
    try:
        return b64decode(encoded, validate=True).decode().partition(":")[2]
    except ValueError:
        raise bad_credentials() from None
