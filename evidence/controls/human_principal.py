"""Who wrote: a person, a machine, or somebody of whom the log does not tell which (CC8-CHG-04, `manual`).

A log names credentials. Users and the root user are people, unless the programme lists them as machines or as the
pipeline. A session of a role is a person's where it shows the signs of one: begun at the console or with a second
factor, handed out by Identity Center, named after an e-mail address or after somebody of the registers. It is a
machine's where AWS made it (service-linked roles, calls of a service on its own or on somebody's behalf, credentials
delivered to a machine or a workload) or where the programme lists its role. The pipeline's role in the hands of a
person, as its second factor or the console shows, is a person. Nothing is taken from the user agent, which anybody can
write. What shows neither is unclear, and stays so: it is counted and never dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from evidence.controls.detail import read_detail
from evidence.controls.identity import IdentityMap, Who

Row = Mapping[str, Any]
Nature = Literal["person", "machine", "unclear"]

_SERVICE_LINKED = "/aws-service-role/"
_IDENTITY_CENTER = "AWSReservedSSO_"
_WORKLOADS = ("token.actions.githubusercontent.com", "oidc.eks.", "gitlab", "circleci", "buildkite", "bitbucket")
"""Providers of identities that hand them to machines, by a part of their name."""
_PEOPLE = frozenset({"Root", "IAMUser", "IdentityCenterUser", "SAMLUser", "FederatedUser"})


@dataclass(frozen=True, slots=True)
class Principal:
    """Who made a call."""

    nature: Nature
    key: str
    """What calls of the same credentials have in common: ARN or address of the principal."""
    named: str
    whos: tuple[Who, ...] = ()
    """The person by everything that names them."""


class Principals:
    """Tells people from machines, by what the programme and the registers say of them."""

    def __init__(self, machines: Iterable[str], pipeline: Iterable[str], identities: IdentityMap) -> None:
        self._machines = frozenset(name.casefold() for name in machines)
        self._pipeline = frozenset(name.casefold() for name in pipeline)
        self._identities = identities

    def of_aws(self, row: Row) -> Principal:
        """The principal of a row of `aws.management_events`."""
        kind, arn = row["identity_type"], row["identity_arn"] or row["identity_principal_id"] or "nobody named"
        service = str(row["invoked_by"] or "").endswith(".amazonaws.com")
        if kind == "AWSService" or service or row["event_type"] == "AwsServiceEvent":
            return Principal("machine", arn, str(row["invoked_by"] or row["event_source"]))
        if kind == "AssumedRole":
            return self._role(row, arn)
        if kind not in _PEOPLE:
            return Principal("unclear", arn, f"{kind or 'a principal without type'} {arn}")
        name = row["identity_user_name"] or arn.rpartition("/")[2]
        named = "the root user" if kind == "Root" else name
        listed = self._listed(self._machines | self._pipeline, arn, name) and kind != "Root"
        return Principal("machine" if listed else "person", arn, named, self._whos(row, arn, name))

    def _role(self, row: Row, arn: str) -> Principal:
        role = row["issuer_arn"] or arn.replace(":sts:", ":iam:").replace(":assumed-role/", ":role/").rpartition("/")[0]
        name, session = role.rpartition("/")[2], arn.rpartition("/")[2]
        named = f"{session} as role {name}"
        whos = self._whos(row, arn, session)
        if _SERVICE_LINKED in role or name.startswith("AWSServiceRoleFor"):
            return Principal("machine", arn, named)
        by_hand = row["console_session"] is True or row["mfa_authenticated"] is True
        if by_hand or row["on_behalf_of"] or name.startswith(_IDENTITY_CENTER):
            return Principal("person", arn, named, whos)
        if self._listed(self._machines | self._pipeline, role, name) or _delivered_to_a_machine(row):
            return Principal("machine", arn, named)
        people = self._identities.at(row["event_time"])
        if "@" in session or row["source_identity"] or any(people.registered(who) for who in whos):
            return Principal("person", arn, named, whos)
        return Principal("unclear", role, f"role {name}")

    @staticmethod
    def _whos(row: Row, arn: str, name: str) -> tuple[Who, ...]:
        names = dict.fromkeys((name, row["source_identity"], row["on_behalf_of"]))
        found = [Who("aws", arn, one, one if "@" in one else None) for one in names if one]
        if row["issuer_arn"]:
            found.append(Who("aws", row["issuer_arn"]))
        return tuple(found)

    def of_gcp(self, row: Row) -> Principal:
        """The principal of a row of `gcp.admin_activity`."""
        email, kind = row["principal"], row["principal_kind"]
        callers = [one for one in row["delegation"] or () if "@" in one and not one.endswith("gserviceaccount.com")]
        if row["log"] == "system_event":
            return Principal("machine", email or "google", email or "Google")
        if kind == "service_account" and callers:
            named = f"{callers[0]} as {email}"
            return Principal("person", callers[0].casefold(), named, (Who("gcp", callers[0], None, callers[0]),))
        if kind == "service_account":
            return Principal("machine", str(email), str(email))
        if kind in ("person", "user") and email:
            listed = self._listed(self._machines | self._pipeline, email, email)
            whos = (Who("gcp", email, None, email),)
            return Principal("machine" if listed else "person", email.casefold(), email, whos)
        subject = _subject(row)
        if "/workforcePools/" in subject:
            last = subject.rpartition("/")[2]
            return Principal("person", subject, last, (Who("gcp", subject, last, last if "@" in last else None),))
        if "/workloadIdentityPools/" in subject:
            return Principal("machine", subject, subject)
        return Principal("unclear", subject or "nobody named", subject or "somebody whom Google does not name")

    @staticmethod
    def _listed(names: frozenset[str], *known_as: str) -> bool:
        return any(one.casefold() in names for one in known_as)


def _delivered_to_a_machine(row: Row) -> bool:
    """Whether AWS says that it gave the credentials to an instance, a function or a workload."""
    context = read_detail(row["session_context"])
    if "ec2RoleDelivery" in context:
        return True
    federated = context.get("webIdFederationData")
    provider = str(federated.get("federatedProvider") or "") if isinstance(federated, Mapping) else ""
    if any(one in provider for one in _WORKLOADS):
        return True
    identity = read_detail(row["raw"]).get("userIdentity")
    return isinstance(identity, Mapping) and bool(identity.get("inScopeOf"))


def _subject(row: Row) -> str:
    payload = read_detail(row["raw"]).get("protoPayload")
    about = payload.get("authenticationInfo") if isinstance(payload, Mapping) else None
    return str(about.get("principalSubject") or "") if isinstance(about, Mapping) else ""
