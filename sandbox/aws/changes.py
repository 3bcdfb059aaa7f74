"""What a line of the company file does to an account: creations by kind of thing, events by kind of event."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import cast

from moto.iam.models import AccessKey, AccountPasswordPolicy, Group, Role, User

from sandbox.aws import company as script
from sandbox.aws.iam_backend import mark_used, naive, set_boundary
from sandbox.aws.live import Change, LiveAccount, Recurring


def changes_of(company: script.AwsCompany) -> Iterator[tuple[datetime, str, Change, str]]:
    """Every change of the file: instant, account id, what it does, and words that name it in an error."""
    for account in company.accounts:
        yield account.created, account.id, partial(_open_account, account), "the account"
        for order in (account.policies, account.groups, account.roles, account.users):
            for entry in order:
                words = f"{type(entry).__name__.lower()} {entry.name}"
                yield entry.created, account.id, partial(_CREATE[type(entry)], entry), words
        for user in account.users:
            for key in user.keys:
                yield key.created, account.id, partial(_add_key, user.name, key), f"key {key.label} of {user.name}"
        for key in account.root.keys:
            yield key.created, account.id, partial(_add_key, "", key), f"root key {key.label}"
    for event in company.events:
        yield event.at, event.account, partial(_EVENTS[type(event)], event), event.kind


def _open_account(plan: script.Account, live: LiveAccount, at: datetime) -> None:
    root = live.iam.root
    root.created, root.password, root.mfa = naive(at), plan.root.password, plan.root.mfa
    root.last_used = None if plan.root.last_used is None else naive(plan.root.last_used)
    if plan.password_policy is not None:
        parts = plan.password_policy
        made = AccountPasswordPolicy(
            allow_change_password=bool(parts.get("AllowUsersToChangePassword", True)),
            hard_expiry=parts.get("HardExpiry", 0), max_password_age=parts.get("MaxPasswordAge", 0),
            minimum_password_length=parts.get("MinimumPasswordLength", 8),
            password_reuse_prevention=parts.get("PasswordReusePrevention", 0),
            require_lowercase_characters=bool(parts.get("RequireLowercaseCharacters", False)),
            require_numbers=bool(parts.get("RequireNumbers", False)),
            require_symbols=bool(parts.get("RequireSymbols", False)),
            require_uppercase_characters=bool(parts.get("RequireUppercaseCharacters", False)),
        )  # fmt: skip
        live.iam.account_password_policy = cast("AccountPasswordPolicy", made)


def _create_policy(plan: script.Policy, live: LiveAccount, at: datetime) -> None:
    live.iam.add_policy(plan.name, plan.path, at, plan.document)


def _create_group(plan: script.Group, live: LiveAccount, at: datetime) -> None:
    _grant(live, live.iam.add_group(plan.name, plan.path, at), plan)


def _create_role(plan: script.Role, live: LiveAccount, at: datetime) -> None:
    boundary = None if plan.boundary is None else live.policy(plan.boundary).arn
    role = live.iam.add_role(plan.name, plan.path, at, plan.trust, boundary)
    if plan.used_every_hours is not None:
        live.recurring["role", plan.name] = Recurring(at, plan.used_every_hours, partial(_note_role_use, role))
    _grant(live, role, plan)


def _note_role_use(role: Role, moment: datetime, region: str = "us-east-1") -> None:
    role.last_used = naive(moment)
    role.last_used_region = region  # type: ignore[assignment] - moto documents it as settable


def _create_user(plan: script.User, live: LiveAccount, at: datetime) -> None:
    user = live.iam.add_user(plan.name, plan.path, at)
    for name in plan.groups:
        live.iam.groups[name].users.append(user)
    if plan.boundary is not None:
        set_boundary(user, live.policy(plan.boundary).arn)
    if plan.tags:
        live.iam.tagger.tag_resource(user.arn, [{"Key": key, "Value": value} for key, value in plan.tags.items()])
    if plan.mfa:
        live.iam.add_mfa(user, at)
    if plan.password:
        _set_password(live, user, at)
    if plan.signs_in_every_hours is not None:
        live.recurring["sign-in", plan.name] = Recurring(at, plan.signs_in_every_hours, partial(_note_sign_in, user))
    _grant(live, user, plan)


def _grant(live: LiveAccount, holder: User | Group | Role, plan: script.User | script.Group | script.Role) -> None:
    for name in plan.attached:
        live.policy(name).attach_to(holder)
    for name, document in plan.inline.items():
        holder.put_policy(name, json.dumps(document))


def _set_password(live: LiveAccount, user: User, at: datetime) -> None:
    user.password = "set"  # noqa: S105 - moto asks only whether there is one
    live.iam.password_changed[user.name] = naive(at)


def _note_sign_in(user: User, moment: datetime) -> None:
    if user.password:
        user.password_last_used = naive(moment)  # type: ignore[assignment] - moto documents it as settable


def _add_key(owner: str, plan: script.AccessKey, live: LiveAccount, at: datetime) -> None:
    key = live.iam.new_key(owner or None, plan.label, at)
    key.status = "Active" if plan.active else "Inactive"
    _place_key(live, owner, plan.label, key)
    if plan.used_every_hours is not None:
        record = partial(_note_key_use, live, owner, plan.label, plan.service, plan.region)
        live.recurring["key", owner, plan.label] = Recurring(at, plan.used_every_hours, record)


def _place_key(live: LiveAccount, owner: str, label: str, key: AccessKey) -> None:
    keys = live.user(owner).access_keys if owner else live.iam.root.keys
    old = live.keys.get((owner, label))
    if old is None:
        if len(keys) >= 2:
            raise ValueError("a user has at most two keys")
        keys.append(key)
    else:
        keys[keys.index(old)] = key
    live.keys[owner, label] = key


def _note_key_use(live: LiveAccount, owner: str, label: str, service: str, region: str, moment: datetime) -> None:
    key = live.keys.get((owner, label))
    if key is not None and key.status == "Active":
        mark_used(key, moment, service, region)


def _drop_key(live: LiveAccount, owner: str, label: str) -> None:
    key = live.keys.pop((owner, label))
    (live.user(owner).access_keys if owner else live.iam.root.keys).remove(key)
    live.recurring.pop(("key", owner, label), None)


def _user_deleted(event: script.UserDeleted, live: LiveAccount, _: datetime) -> None:
    user = live.iam.users.pop(event.user)
    for group in live.iam.groups.values():
        if user in group.users:
            group.users.remove(user)
    for policy in list(user.managed_policies.values()):
        policy.detach_from(user)
    live.iam.remove_mfa(user)
    live.recurring.pop(("sign-in", event.user), None)
    for owner, label in [key for key in live.keys if key[0] == event.user]:
        live.keys.pop((owner, label))
        live.recurring.pop(("key", owner, label), None)


def _password_removed(event: script.PasswordRemoved, live: LiveAccount, _: datetime) -> None:
    live.user(event.user).password = None


def _left_group(event: script.LeftGroup, live: LiveAccount, _: datetime) -> None:
    live.iam.groups[event.group].users.remove(live.user(event.user))


def _key_created(event: script.KeyCreated, live: LiveAccount, at: datetime) -> None:
    _add_key(
        event.user, script.AccessKey(label=event.key, created=at, used_every_hours=event.used_every_hours), live, at
    )


def _key_rotated(event: script.KeyRotated, live: LiveAccount, at: datetime) -> None:
    if (event.user, event.key) not in live.keys:
        raise KeyError(event.key)
    _place_key(live, event.user, event.key, live.iam.new_key(event.user, event.key, at))


def _inline_removed(event: script.InlineRemoved, live: LiveAccount, _: datetime) -> None:
    del live.holder(event.principal).policies[event.policy]


def _policy_changed(event: script.PolicyChanged, live: LiveAccount, at: datetime) -> None:
    policy = live.policy(event.policy)
    live.iam.add_version(policy, event.document, f"v{policy.next_version_num}", at, default=True)
    policy.next_version_num += 1


def _role_deleted(event: script.RoleDeleted, live: LiveAccount, _: datetime) -> None:
    role = live.role(event.role)
    for policy in list(role.managed_policies.values()):
        policy.detach_from(role)
    live.recurring.pop(("role", event.role), None)
    del live.iam.roles[role.id]


def _role_used(event: script.RoleUsed, live: LiveAccount, at: datetime) -> None:
    _note_role_use(live.role(event.role), at, event.region)


def _mfa_added(event: script.MfaAdded, live: LiveAccount, at: datetime) -> None:
    live.iam.add_mfa(live.user(event.user), at)


def _mfa_removed(event: script.MfaRemoved, live: LiveAccount, _: datetime) -> None:
    live.iam.remove_mfa(live.user(event.user))


def _root_mfa(present: bool, _event: object, live: LiveAccount, _at: datetime) -> None:
    live.iam.root.mfa = present


def _root_signed_in(_event: object, live: LiveAccount, at: datetime) -> None:
    live.iam.root.last_used = naive(at)


def _account_state(event: script.AccountState, live: LiveAccount, _: datetime) -> None:
    live.state = event.state


def _regions_enabled(event: script.RegionsEnabled, live: LiveAccount, _: datetime) -> None:
    live.regions = list(event.regions)


_CREATE: dict[type, Callable[..., None]] = {
    script.Policy: _create_policy,
    script.Group: _create_group,
    script.Role: _create_role,
    script.User: _create_user,
}

_EVENTS: dict[type, Callable[..., None]] = {
    script.UserDeleted: _user_deleted,
    script.PasswordSet: lambda event, live, at: _set_password(live, live.user(event.user), at),
    script.PasswordRemoved: _password_removed,
    script.SignedIn: lambda event, live, at: _note_sign_in(live.user(event.user), at),
    script.MfaAdded: _mfa_added,
    script.MfaRemoved: _mfa_removed,
    script.JoinedGroup: lambda event, live, _: live.iam.groups[event.group].users.append(live.user(event.user)),
    script.LeftGroup: _left_group,
    script.KeyCreated: _key_created,
    script.KeyRotated: _key_rotated,
    script.KeyDeactivated: lambda event, live, _: setattr(live.keys[event.user, event.key], "status", "Inactive"),
    script.KeyDeleted: lambda event, live, _: _drop_key(live, event.user, event.key),
    script.KeyUsed: lambda event, live, at: mark_used(
        live.keys[event.user, event.key], at, event.service, event.region
    ),
    script.PolicyAttached: lambda event, live, _: live.policy(event.policy).attach_to(live.holder(event.principal)),
    script.PolicyDetached: lambda event, live, _: live.policy(event.policy).detach_from(live.holder(event.principal)),
    script.InlinePut: lambda event, live, _: live.holder(event.principal).put_policy(
        event.policy, json.dumps(event.document)
    ),
    script.InlineRemoved: _inline_removed,
    script.PolicyChanged: _policy_changed,
    script.RoleDeleted: _role_deleted,
    script.RoleUsed: _role_used,
    script.RootSignedIn: _root_signed_in,
    script.RootMfaAdded: partial(_root_mfa, True),
    script.RootMfaRemoved: partial(_root_mfa, False),
    script.RootKeyCreated: lambda event, live, at: _add_key(
        "", script.AccessKey(label=event.key, created=at), live, at
    ),
    script.RootKeyDeleted: lambda event, live, _: _drop_key(live, "", event.key),
    script.AccountState: _account_state,
    script.RegionsEnabled: _regions_enabled,
}
