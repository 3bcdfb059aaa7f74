"""Load a real account: the answer of `GetAccountAuthorizationDetails`, whole, into the simulated IAM.

The document is a picture of one moment, so its users, groups, roles and policies are there at whatever time the clock
shows. It holds no passwords, devices or keys; users have none, and root has a password and a second factor. ARNs name
the account that most of the document belongs to (published documents have other accounts' numbers in some places).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from moto.iam.models import AWSManagedPolicy, Group, Role, User

from sandbox.aws.iam_backend import CompanyIamBackend, naive, set_boundary
from schemas.errors import ConfigurationError
from schemas.instants import parse_instant

_LISTS = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
_ACCOUNT = re.compile(r"^arn:aws[a-z-]*:iam::(\d{12}):")


class IamDocument:
    """A checked document; `account_id` is what its ARNs say."""

    def __init__(self, path: Path) -> None:
        try:
            content: Any = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"{path.name} could not be read as JSON: {error}") from error
        self._data: dict[str, Any] = content if isinstance(content, dict) else {}
        missing = [name for name in _LISTS if not isinstance(self._data.get(name), list)]
        if missing:
            raise ConfigurationError(
                f"{path.name} lacks {', '.join(missing)}: give it the whole answer of "
                "`aws iam get-account-authorization-details`."
            )
        found = Counter(
            match.group(1)
            for name in _LISTS
            for entry in self._data[name]
            if (match := _ACCOUNT.match(str(entry.get("Arn"))))
        )
        if not found:
            raise ConfigurationError(f"{path.name} holds no ARN, so nobody knows which account it is of.")
        self.account_id: str = found.most_common(1)[0][0]
        dates = [_instant(entry["CreateDate"]) for name in _LISTS[:3] for entry in self._data[name]]
        self.created: datetime = min(dates)

    def load(self) -> CompanyIamBackend:
        """The document as a backend of moto."""
        backend = CompanyIamBackend(self.account_id, self.created)
        for entry in self._data["Policies"]:
            _policy(backend, entry)
        for entry in self._data["GroupDetailList"]:
            group = backend.add_group(entry["GroupName"], entry["Path"], _instant(entry["CreateDate"]))
            group.id = entry["GroupId"]
            _grants(backend, group, entry, "GroupPolicyList")
        for entry in self._data["UserDetailList"]:
            user = backend.add_user(entry["UserName"], entry["Path"], _instant(entry["CreateDate"]))
            user.id = entry["UserId"]
            for name in entry.get("GroupList", []):
                backend.groups[name].users.append(user)
            if boundary := entry.get("PermissionsBoundary"):
                set_boundary(user, boundary["PermissionsBoundaryArn"])
            _tags(backend, user.arn, entry)
            _grants(backend, user, entry, "UserPolicyList")
        for entry in self._data["RoleDetailList"]:
            _role(backend, entry)
        return backend


def _policy(backend: CompanyIamBackend, entry: Mapping[str, Any]) -> None:
    versions = {version["VersionId"]: version for version in entry["PolicyVersionList"]}
    default = versions.pop(entry["DefaultVersionId"])
    created = _instant(entry["CreateDate"])
    if ":iam::aws:policy/" in entry["Arn"]:
        # The account's own answer wins over the copy that moto ships.
        made = AWSManagedPolicy(
            entry["PolicyName"], backend.account_id, "aws", entry["DefaultVersionId"], None,
            json.dumps(default["Document"]), entry["Path"], naive(created), naive(_instant(entry["UpdateDate"])),
        )  # fmt: skip
        policy = cast("AWSManagedPolicy", made)
        backend.managed_policies[policy.arn] = policy
        backend.aws_policies_in_use.add(policy.arn)
    else:
        policy = backend.add_policy(
            entry["PolicyName"], entry["Path"], created, default["Document"], entry["DefaultVersionId"]
        )
        policy.update_date = naive(_instant(entry["UpdateDate"]))
    policy.id = entry["PolicyId"]
    policy.versions[0].create_date = naive(_instant(default["CreateDate"]))
    for identity, version in versions.items():
        backend.add_version(policy, version["Document"], identity, _instant(version["CreateDate"]), default=False)


def _role(backend: CompanyIamBackend, entry: Mapping[str, Any]) -> None:
    boundary = entry.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    role = backend.add_role(
        entry["RoleName"], entry["Path"], _instant(entry["CreateDate"]), entry["AssumeRolePolicyDocument"], boundary
    )
    del backend.roles[role.id]
    role.id = entry["RoleId"]
    backend.roles[role.id] = role
    role.tags = entry.get("Tags", [])
    used = entry.get("RoleLastUsed") or {}
    if used.get("LastUsedDate"):
        role.last_used = naive(_instant(used["LastUsedDate"]))
        role.last_used_region = used.get("Region")
    for profile in entry.get("InstanceProfileList", []):
        backend.add_instance_profile(
            profile["InstanceProfileName"], profile["Path"], profile["InstanceProfileId"],
            _instant(profile["CreateDate"]), role,
        )  # fmt: skip
    _grants(backend, role, entry, "RolePolicyList")


def _grants(backend: CompanyIamBackend, holder: User | Group | Role, entry: Mapping[str, Any], inline: str) -> None:
    for policy in entry.get(inline, []):
        holder.put_policy(policy["PolicyName"], json.dumps(policy["PolicyDocument"]))
    for attached in entry.get("AttachedManagedPolicies", []):
        # Own policies are looked up under the account's number, AWS's under none.
        arn = _ACCOUNT.sub(
            lambda found: found.group(0).replace(found.group(1), backend.account_id), attached["PolicyArn"]
        )
        policy = backend.managed_policies.get(arn)
        if policy is None:
            raise ConfigurationError(
                f"{entry['Arn']} has the policy {attached['PolicyArn']} attached, which is neither in the document nor "
                "known as AWS-managed. Take the document without a --filter."
            )
        policy.attach_to(holder)


def _tags(backend: CompanyIamBackend, arn: str, entry: Mapping[str, Any]) -> None:
    if entry.get("Tags"):
        backend.tagger.tag_resource(arn, entry["Tags"])


def _instant(text: str) -> datetime:
    return parse_instant(text)
