"""What was granted and what was taken away, event by event, in one shape for every system.

One event of a source can give several things (a policy that names three members): each is an `AccessEvent` of its own.
Attempts that failed changed nothing and are left out. What an event does not say is None, never a guess.

Kinds: `granted` gives an account, a membership, a role or a policy; `taken` takes one of those away; `ended` ends the
whole account (suspended, removed from the organisation, deleted); `restored` gives an account back that was there
before, and is a grant as well.

Decisions where the sources leave room:

- AWS: IAM users, their groups and policies, assignments and memberships of Identity Center. Roles are what machines
  use, and their policies are not read here. A password (`DeleteLoginProfile`) or a key (`UpdateAccessKey` to Inactive,
  `DeleteAccessKey`) ends part of a user's access, and the user's access ends with the last of them.
- Google Cloud: every binding that a policy change added or removed, whatever the service, where the log says which. A
  change of which only the fact is told makes one event without subject.
- GitHub tells the same under other names in the audit log and in webhooks; both are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from evidence.controls.access_event import ACCOUNT, AccessEvent, Kind, SubjectKind
from evidence.controls.detail import read_detail
from evidence.controls.identity import Who
from schemas.aws_trail import MANAGEMENT_EVENTS
from schemas.dataset import Dataset
from schemas.gcp import ADMIN_ACTIVITY
from schemas.github_organisation import AUDIT_EVENTS
from schemas.google import ADMIN_ACTIVITIES

Row = Mapping[str, Any]

STREAMS: Mapping[str, Dataset] = {
    "github": AUDIT_EVENTS,
    "google": ADMIN_ACTIVITIES,
    "aws": MANAGEMENT_EVENTS,
    "gcp": ADMIN_ACTIVITY,
}
"""By system the stream that tells of grants and removals."""


def access_events(system: str, row: Row) -> Iterator[AccessEvent]:
    """What one row of the system's stream gave or took; nothing for rows that are about something else."""
    yield from _READERS[system](row)


# --- GitHub -----------------------------------------------------------------------------------------------------------

_GITHUB: Mapping[str, tuple[Kind, str, SubjectKind]] = {
    # Action in the audit log or webhook: kind, what it is about, what its subject is.
    "org.add_member": ("granted", "organisation", "person"),
    "organization.member_added": ("granted", "organisation", "person"),
    "org.update_member": ("granted", "organisation", "person"),
    "org.remove_member": ("ended", "organisation", "person"),
    "organization.member_removed": ("ended", "organisation", "person"),
    "org.add_outside_collaborator": ("granted", "organisation", "person"),
    "org.remove_outside_collaborator": ("ended", "organisation", "person"),
    "organization_role.assign": ("granted", "organisation", "person"),
    "organization_role.revoke": ("taken", "organisation", "person"),
    "team.add_member": ("granted", "team", "person"),
    "membership.added": ("granted", "team", "person"),
    "team.promote_maintainer": ("granted", "team", "person"),
    "team.remove_member": ("taken", "team", "person"),
    "membership.removed": ("taken", "team", "person"),
    "repo.add_member": ("granted", "repository", "person"),
    "member.added": ("granted", "repository", "person"),
    "repo.update_member": ("granted", "repository", "person"),
    "member.edited": ("granted", "repository", "person"),
    "repo.remove_member": ("taken", "repository", "person"),
    "member.removed": ("taken", "repository", "person"),
    "team.add_repository": ("granted", "repository", "group"),
    "team.added_to_repository": ("granted", "repository", "group"),
    "team.update_repository_permission": ("granted", "repository", "group"),
    "team.remove_repository": ("taken", "repository", "group"),
    "team.removed_from_repository": ("taken", "repository", "group"),
    "integration_installation.create": ("granted", "app", "machine"),
    "installation.created": ("granted", "app", "machine"),
    "integration_installation.destroy": ("taken", "app", "machine"),
    "installation.deleted": ("taken", "app", "machine"),
    "personal_access_token.access_granted": ("granted", "token", "person"),
    "personal_access_token.access_revoked": ("taken", "token", "person"),
    "org_credential_authorization.grant": ("granted", "token", "person"),
    "org_credential_authorization.revoke": ("taken", "token", "person"),
}
_CHANGES = ("org.update_member", "repo.update_member", "member.edited", "team.update_repository_permission")
"""These tell of a role that became another one: a grant where it was raised or nobody can tell, else a removal."""
_LADDERS = (
    ("read", "pull", "triage", "write", "push", "maintain", "admin"),
    ("member", "maintainer"),
    ("reinstate", "member", "billing_manager", "admin", "owner"),
)


def _github(row: Row) -> Iterator[AccessEvent]:
    found = _GITHUB.get(row["action"])
    if found is None:
        return
    kind, about, subject_kind = found
    role = (row["permission"] or "").casefold()
    if row["action"] in _CHANGES and _lowered(row["old_permission"], role):
        kind = "taken"
    if row["action"] == "team.promote_maintainer":
        role = "maintainer"
    if about == "organisation":
        role = {"admin": "owner", "read": "member", "": ACCOUNT}.get(role, role)
        resource = ""
    elif about == "team":
        role, resource = role or "member", f"team {row['team'] or ''}".strip()
    else:
        role, resource = role or about, row["repo_name"] or ""
    if about in ("app", "token"):
        number = row["token_id"] or row["installation_id"] or row["event_id"]
        resource = f"{resource or 'the organisation'} ({about} {number})"  # each is one of its own
    actor = row["actor"] or {}
    by = Who("github", actor.get("id"), actor.get("login"))
    subject = Who("github", login=row["subject_login"])
    if row["action"].startswith("org_credential_authorization.") and not row["subject_login"]:
        subject = by  # people let their own credential in
    if subject_kind == "group":
        subject = Who("github", login=row["team"])
    elif about == "app":
        subject = Who("github", login=row["application"] or (row["installation_id"] and str(row["installation_id"])))
    yield AccessEvent(
        row["event_id"], row["event_time"], kind, row["action"], subject, subject_kind, role, resource, by,
        role in ("owner", "admin"),
    )  # fmt: skip


def _lowered(before: str | None, after: str) -> bool:
    """Whether a role on GitHub became a lesser one; False where that can't be told."""
    old = (before or "").casefold()
    return any(old in ladder and after in ladder and ladder.index(after) < ladder.index(old) for ladder in _LADDERS)


# --- Google Workspace -------------------------------------------------------------------------------------------------

_GOOGLE: Mapping[str, Kind] = {
    "CREATE_USER": "granted",
    "UNSUSPEND_USER": "restored",
    "UNARCHIVE_USER": "restored",
    "UNDELETE_USER": "restored",
    "ASSIGN_ROLE": "granted",
    "GRANT_ADMIN_PRIVILEGE": "granted",
    "GRANT_DELEGATED_ADMIN_PRIVILEGES": "granted",
    "ADD_GROUP_MEMBER": "granted",
    "UPDATE_GROUP_MEMBER": "granted",
    "SUSPEND_USER": "ended",
    "ARCHIVE_USER": "ended",
    "DELETE_USER": "ended",
    "UNASSIGN_ROLE": "taken",
    "REVOKE_ADMIN_PRIVILEGE": "taken",
    "REMOVE_GROUP_MEMBER": "taken",
}


def _google(row: Row) -> Iterator[AccessEvent]:
    name = row["event_name"]
    if name not in _GOOGLE or row["application"] != "admin":
        return
    said = read_detail(row["parameters"])
    email, group = _text(said, "USER_EMAIL"), _text(said, "GROUP_EMAIL")
    role, resource, privileged = ACCOUNT, "", False
    if name in ("ASSIGN_ROLE", "UNASSIGN_ROLE"):
        role, privileged = _text(said, "ROLE_NAME") or row["object_name"] or "a role", True
    elif name.endswith("_ADMIN_PRIVILEGE") or name == "GRANT_DELEGATED_ADMIN_PRIVILEGES":
        role, privileged = "super admin" if name.endswith("_ADMIN_PRIVILEGE") else "delegated admin", True
    elif "GROUP_MEMBER" in name:
        new = _text(said, "NEW_VALUE") if name == "UPDATE_GROUP_MEMBER" else None
        role, resource = (new or "member").casefold(), group or "a group"
    actor = row["actor"] or {}
    yield AccessEvent(
        row["event_id"], row["event_time"], _GOOGLE[name], name, _google_account(email or row["subject"]), "person",
        role, resource, Who("google", actor.get("profile_id"), actor.get("email"), actor.get("email")), privileged,
    )  # fmt: skip


def _google_account(email: str | None) -> Who:
    return Who("google", login=email, email=email)


def _text(said: Mapping[str, Any], name: str) -> str | None:
    found = said.get(name)
    return found if isinstance(found, str) and found else None


# --- AWS --------------------------------------------------------------------------------------------------------------

_AWS: Mapping[tuple[str, str], Kind] = {
    ("iam", "CreateUser"): "granted",
    ("iam", "CreateLoginProfile"): "granted",
    ("iam", "AttachUserPolicy"): "granted",
    ("iam", "PutUserPolicy"): "granted",
    ("iam", "AddUserToGroup"): "granted",
    ("iam", "AttachGroupPolicy"): "granted",
    ("iam", "PutGroupPolicy"): "granted",
    ("iam", "DeleteUser"): "ended",
    ("iam", "DeleteLoginProfile"): "ended",
    ("iam", "UpdateAccessKey"): "ended",
    ("iam", "DeleteAccessKey"): "ended",
    ("iam", "DetachUserPolicy"): "taken",
    ("iam", "DeleteUserPolicy"): "taken",
    ("iam", "RemoveUserFromGroup"): "taken",
    ("iam", "DetachGroupPolicy"): "taken",
    ("iam", "DeleteGroupPolicy"): "taken",
    ("sso", "CreateAccountAssignment"): "granted",
    ("sso", "DeleteAccountAssignment"): "taken",
    ("identitystore", "CreateUser"): "granted",
    ("identitystore", "DeleteUser"): "ended",
    ("identitystore", "CreateGroupMembership"): "granted",
    ("identitystore", "DeleteGroupMembership"): "taken",
    ("sso-directory", "CreateUser"): "granted",
    ("sso-directory", "DeleteUser"): "ended",
    ("sso-directory", "DisableUser"): "ended",
    ("sso-directory", "EnableUser"): "restored",
    ("sso-directory", "AddMemberToGroup"): "granted",
    ("sso-directory", "RemoveMemberFromGroup"): "taken",
}
_ADMINISTRATIVE = ("administratoraccess", "iamfullaccess", "poweruseraccess")


def _aws(row: Row) -> Iterator[AccessEvent]:
    service = str(row["event_source"]).partition(".")[0]
    name = row["event_name"]
    kind = _AWS.get((service, name))
    if kind is None or row["error_code"] or row["error_message"]:
        return
    asked = read_detail(row["request_parameters"])
    part: str | None = None
    if name in ("UpdateAccessKey", "DeleteAccessKey"):
        if name == "UpdateAccessKey" and asked.get("status") != "Inactive":
            return
        part = f"key:{asked.get('accessKeyId')}"
    elif name == "DeleteLoginProfile":
        part = "password"
    subject, subject_kind = _aws_subject(service, name, asked, read_detail(row["response_elements"]), row)
    role = _text(asked, "policyArn") or _text(asked, "policyName") or _text(asked, "permissionSetArn")
    group = _text(asked, "groupName") or _text(asked, "groupId")
    if role is None:
        role = f"group {group}" if group else "password" if name == "CreateLoginProfile" else ACCOUNT
    yield AccessEvent(
        row["event_id"], row["event_time"], kind, f"{service}:{name}", subject, subject_kind, role,
        _text(asked, "targetId") or row["account_id"], aws_actor(row),
        role.rpartition("/")[2].casefold() in _ADMINISTRATIVE, part,
    )  # fmt: skip


def _aws_subject(service: str, name: str, asked: Row, answered: Row, row: Row) -> tuple[Who, SubjectKind]:
    account = row["account_id"]
    if service == "iam":
        if name.endswith("GroupPolicy"):
            return Who("aws", login=_text(asked, "groupName")), "group"
        # Without a name IAM means the caller's own user.
        user = _text(asked, "userName") or row["identity_user_name"]
        return (Who("aws", f"arn:aws:iam::{account}:user/{user}" if user else None, user)), "person"
    if _text(asked, "principalType") == "GROUP":
        return Who("aws", _text(asked, "principalId")), "group"
    made, member = _part(answered, "user"), _part(asked, "memberId")
    found = (
        _text(asked, "principalId") or _text(asked, "userId") or _text(member, "userId") or _text(asked, "memberId")
        or _text(answered, "userId") or _text(made, "userId")
    )  # fmt: skip
    return Who("aws", found, _text(asked, "userName")), "person" if found or asked.get("userName") else "unknown"


def _part(said: Row, name: str) -> Row:
    found = said.get(name)
    return found if isinstance(found, dict) else {}


def aws_actor(row: Row) -> Who:
    """Whoever signed a request to AWS: the user, or the name of the session of a role."""
    arn = row["identity_arn"] or ""
    name = row["identity_user_name"] or (arn.rpartition("/")[2] if ":assumed-role/" in arn else None)
    return Who("aws", arn or None, name, name if name and "@" in name else None)


# --- Google Cloud -----------------------------------------------------------------------------------------------------

_COMPLETE = "cloudresourcemanager.googleapis.com"
"""The service whose policy changes always say what they added and removed, so that saying nothing means no change."""
_GCP_ADMIN = ("roles/owner", "roles/editor", "roles/iam.securityAdmin", "roles/resourcemanager.organizationAdmin")


def _gcp(row: Row) -> Iterator[AccessEvent]:
    if row["status_code"]:
        return
    actor = Who("gcp", None, row["principal"], row["principal"])
    resource = row["resource_name"] or row["container"]
    deltas = [one for one in row["policy_deltas"] or () if one["action"] in ("ADD", "REMOVE")]
    sets = str(row["method"]).rpartition(".")[2].casefold() in ("setiampolicy", "setiampermissions")
    invited = str(row["method"]).endswith("InsertProjectOwnershipInvite")
    if invited or (sets and not row["policy_deltas"] and row["service"] != _COMPLETE):
        role = "roles/owner" if invited else "a policy"
        yield AccessEvent(
            row["event_id"], row["event_time"], "granted", row["method"], Who("gcp"), "unknown", role, resource, actor,
            invited,
        )  # fmt: skip
    for number, delta in enumerate(deltas):
        subject, subject_kind = gcp_member(delta["member"])
        role = delta["role"] or "a role"
        condition = f" if {delta['condition']}" if delta["condition"] else ""
        yield AccessEvent(
            f"{row['event_id']}#{number}", row["event_time"], "granted" if delta["action"] == "ADD" else "taken",
            row["method"], subject, subject_kind, f"{role}{condition}", resource, actor,
            role in _GCP_ADMIN or role.casefold().endswith("admin"),
        )  # fmt: skip


def gcp_member(member: str | None) -> tuple[Who, SubjectKind]:
    """A member of a binding, such as `user:ann@example.com`."""
    kind, _, name = (member or "").partition(":")
    if kind == "user":
        return Who("gcp", member, None, name), "person"
    if kind == "serviceAccount":
        return Who("gcp", member, name, name), "machine"
    return Who("gcp", member, name or member), "group" if kind in ("group", "domain") else "unknown"


_READERS: Mapping[str, Callable[[Row], Iterator[AccessEvent]]] = {
    "github": _github,
    "google": _google,
    "aws": _aws,
    "gcp": _gcp,
}
