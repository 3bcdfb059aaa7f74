"""Scripted events about settings and people: rules, names, roles, second factors, permissions of apps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.github import script_events as script
from sandbox.github.model import Repository
from sandbox.github.rulestates import bypass_body, protection_body, rules_body
from sandbox.github.times import NEVER, Epoch, epoch, iso

if TYPE_CHECKING:
    from sandbox.github.stage import Stage


class SettingEvents:
    """Applies events to a stage, in the order of their time."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def apply(self, event: Any) -> None:
        """Make one event happen; events about what is merged, pushed or deployed are none of its business."""
        at = epoch(event.at)
        if isinstance(event, script.RulesetChanged):
            self._ruleset_event(event, at)
        elif isinstance(event, script.ProtectionChanged):
            self._protection_event(event, at)
        elif isinstance(event, script.Renamed):
            repository = self._stage.repositories[event.repository]
            old = repository.name.at(at)
            repository.name.change(at, event.to)
            self._repository_audit(repository, at, "repo.rename", event.by, old_name=old)
        elif isinstance(event, script.Archived):
            repository = self._stage.repositories[event.repository]
            repository.archived.change(at, True)
            self._repository_audit(repository, at, "repo.archived", event.by)
        elif isinstance(event, script.Deleted):
            repository = self._stage.repositories[event.repository]
            repository.deleted_at = at
            self._repository_audit(repository, at, "repo.destroy", event.by)
        elif isinstance(event, script.Topics):
            repository = self._stage.repositories[event.repository]
            repository.topics.change(at, tuple(event.topics))
            self._repository_audit(repository, at, "repo.add_topic", event.by)
        elif isinstance(event, script.TwoFactor):
            self._two_factor(event, at)
        elif isinstance(event, script.TwoFactorRequirement):
            self._stage.organisation.two_factor_required.change(at, event.on)
            state = "enable" if event.on else "disable"
            self._stage.audit(at, f"org.{state}_two_factor_requirement", self._stage.account(event.by))
        elif isinstance(event, script.RoleChanged):
            account = self._stage.account(event.login)
            member = self._stage.organisation.membership(account, at)
            if member is None:
                raise ValueError(f"{event.login} gets the role {event.role} without being a member then")
            old = member.role.at(at)
            member.role.change(at, event.role)
            self._stage.audit(
                at, "org.update_member", self._stage.account(event.by), user=event.login, user_id=account.id,
                permission=event.role, old_permission=old,
            )  # fmt: skip
        elif isinstance(event, script.AccountDeleted):
            self._stage.account(event.login).deleted_at = at
        elif isinstance(event, script.PermissionsChanged):
            for installation in self._stage.organisation.installations:
                if installation.app.slug == event.app:
                    installation.permissions.change(at, {**event.permissions, "metadata": "read"})
            self._stage.audit(
                at, "integration_installation.version_updated", self._stage.account(event.by), integration=event.app
            )

    def _repository_audit(self, repository: Repository, at: Epoch, action: str, by: str, **fields: Any) -> None:
        name = repository.full_name(at)
        self._stage.audit(at, action, self._stage.account(by), repo=name, repo_id=repository.id, **fields)

    def _two_factor(self, event: script.TwoFactor, at: Epoch) -> None:
        account = self._stage.account(event.login)
        spans = self._stage.organisation.without_two_factor.setdefault(account.id, [])
        if event.on:
            if not spans or spans[-1][1] != NEVER:
                raise ValueError(f"the second factor of {event.login} comes back at {iso(at)} without having gone")
            spans[-1] = (spans[-1][0], at)
        else:
            spans.append((at, NEVER))

    def _ruleset_event(self, event: script.RulesetChanged, at: Epoch) -> None:
        owner = self._stage.organisation if event.repository is None else self._stage.repositories[event.repository]
        for ruleset in owner.rulesets:
            state = ruleset.versions[-1].state
            if state is None or state["name"] != event.ruleset:
                continue
            by = self._stage.account(event.by)
            if event.delete:
                self._stage.version(ruleset, at, by, None)
                return
            changed = dict(state)
            if event.enforcement is not None:
                changed["enforcement"] = event.enforcement
            if event.bypass is not None:
                changed["bypass_actors"] = bypass_body(event.bypass, self._stage.teams, self._stage.world.apps)
            if event.rules is not None:
                changed["rules"] = rules_body(event.rules, self._stage.checks_app())
            self._stage.version(ruleset, at, by, changed)
            return
        raise ValueError(f"there is no ruleset {event.ruleset!r} to change at {iso(at)}")

    def _protection_event(self, event: script.ProtectionChanged, at: Epoch) -> None:
        repository = self._stage.repositories[event.repository]
        for protection in repository.protections:
            settings = protection.settings.at(at)
            if protection.pattern != event.pattern or settings is None:
                continue
            if event.delete:
                protection.settings.change(at, None)
                self._repository_audit(repository, at, "protected_branch.destroy", event.by, name=event.pattern)
                return
            changed = dict(settings)
            if event.rules is not None:
                enforce = bool(settings["enforce_admins"])
                changed = protection_body(event.rules, self._stage.checks_app(), enforce_admins=enforce)
            if event.enforce_admins is not None:
                changed["enforce_admins"] = event.enforce_admins
            protection.settings.change(at, changed)
            action = "protected_branch.update_admin_enforced" if event.rules is None else "protected_branch.update_name"
            self._repository_audit(repository, at, action, event.by, name=event.pattern)
            return
        raise ValueError(f"there is no protection of {event.pattern!r} to change at {iso(at)}")
