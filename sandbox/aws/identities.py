"""Who is asking: the credentials that the sandbox handed out, and role sessions made from them."""

from __future__ import annotations

import json
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sandbox.aws.company import Reader
from sandbox.aws.iam_backend import stable_id
from sandbox.aws.wire import Call, WireError
from sandbox.aws.world import World

_KEY_LETTERS = string.ascii_uppercase + "234567"


@dataclass(frozen=True, slots=True)
class Principal:
    """A role session."""

    account: str
    role: str
    session: str
    role_id: str
    expires: datetime | None = None

    @property
    def arn(self) -> str:
        return f"arn:aws:sts::{self.account}:assumed-role/{self.role}/{self.session}"

    @property
    def role_arn(self) -> str:
        return f"arn:aws:iam::{self.account}:role/{self.role}"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Temporary credentials, random in every run."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str = field(repr=False)


def _fresh() -> Credentials:
    access_key = "ASIA" + "".join(secrets.choice(_KEY_LETTERS) for _ in range(16))
    return Credentials(access_key, secrets.token_urlsafe(30), secrets.token_urlsafe(60))


class Identities:
    """Every access key that is known, and the sessions behind them."""

    def __init__(self, reader: Reader) -> None:
        role_id = stable_id("AROA", reader.account, reader.role)
        self._reader = Principal(reader.account, reader.role, "sandbox", role_id)
        self.handed_out = _fresh()
        self._known: dict[str, tuple[Credentials, Principal]] = {
            self.handed_out.access_key: (self.handed_out, self._reader)
        }

    def authenticate(self, call: Call, now: datetime) -> Principal:
        """The principal behind a request, or the error that AWS answers."""
        if call.access_key is None:
            raise WireError(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
        found = self._known.get(call.access_key)
        if found is None or found[0].session_token != call.session_token:
            code = "UnrecognizedClientException" if call.protocol == "json" else "InvalidClientTokenId"
            raise WireError(403, code, "The security token included in the request is invalid.")
        principal = found[1]
        if principal.expires is not None and now >= principal.expires:
            code = "ExpiredTokenException" if call.protocol == "json" else "ExpiredToken"
            raise WireError(403, code, "The security token included in the request is expired")
        return principal

    def assume(self, caller: Principal, parameters: Mapping[str, Any], world: World) -> tuple[Credentials, Principal]:
        """A session of the role asked for: it must exist and trust the caller."""
        arn = str(parameters.get("RoleArn", ""))
        session = str(parameters.get("RoleSessionName", ""))
        seconds = int(parameters.get("DurationSeconds", 3600))
        denied = WireError(
            403, "AccessDenied",
            f"User: {caller.arn} is not authorized to perform: sts:AssumeRole on resource: {arn}",
        )  # fmt: skip
        account_id, _, name = arn.removeprefix("arn:aws:iam::").partition(":role/")
        account = world.account(account_id)
        if account is None or not session:
            raise denied
        name = name.rpartition("/")[2]
        role = account.iam.role_named(name)
        if role is not None:
            document = json.loads(role.assume_role_policy_document)
            if not _trusts(document, caller, parameters.get("ExternalId")):
                raise denied
            role_id = role.id
        elif name == account.assumable_by_reader:
            role_id = stable_id("AROA", account_id, name)
        else:
            raise denied
        principal = Principal(account_id, name, session, role_id, world.now + timedelta(seconds=seconds))
        credentials = _fresh()
        self._known[credentials.access_key] = (credentials, principal)
        return credentials, principal


def _trusts(document: Mapping[str, Any], caller: Principal, external_id: str | None) -> bool:
    """Allow statements only, which is what the company file needs; conditions other than the external id refuse."""
    for statement in _listed(document.get("Statement")):
        if statement.get("Effect") != "Allow" or "sts:AssumeRole" not in _listed(statement.get("Action")):
            continue
        principal = statement.get("Principal")
        named = ["*"] if principal == "*" else _listed((principal or {}).get("AWS"))
        wanted = {"*", caller.account, f"arn:aws:iam::{caller.account}:root", caller.role_arn, caller.arn}
        condition = statement.get("Condition", {})
        expected = condition.get("StringEquals", {}).get("sts:ExternalId")
        if condition and (expected is None or expected != external_id):
            continue
        if wanted & set(named):
            return True
    return False


def _listed(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]
