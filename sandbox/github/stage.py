"""Builds the GitHub of a company from its people and its script."""

from __future__ import annotations

from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any, Literal

from sandbox.company import Company, Person, load_company
from sandbox.github import script, script_events, security_events
from sandbox.github.enact import Cast, Enactment
from sandbox.github.history_events import HistoryEvents
from sandbox.github.model import (
    Account,
    App,
    AuditEntry,
    DeployKey,
    Environment,
    Installation,
    Member,
    Organisation,
    Protection,
    Repository,
    Ruleset,
    RulesetVersion,
    Team,
    TokenGrant,
    Usage,
)
from sandbox.github.nodeids import object_id
from sandbox.github.routine import expand
from sandbox.github.rulestates import protection_body, ruleset_body
from sandbox.github.setting_events import SettingEvents
from sandbox.github.times import NEVER, Changing, Epoch, epoch
from sandbox.github.world import World
from schemas.errors import ConfigurationError

DAY = 86_400
MINUTE = 60
FIRST_WORKING_HOUR, LAST_WORKING_HOUR = time(8), time(18)


def build_github(world: World, folder: Path) -> Organisation | None:
    """Add a company's organisation to the world; None for a company without GitHub. Raises ConfigurationError."""
    found = script.load_script(folder)
    if found is None:
        return None
    try:
        return Stage(world, load_company(folder), found).build()
    except (ValueError, LookupError) as error:
        raise ConfigurationError(f"github.yaml of the company: {error}") from error


class Stage:
    """One script on its way into a world. After `build`, `enactments` holds what happened, by repository."""

    def __init__(self, world: World, company: Company, found: script.GitHubScript) -> None:
        self.world = world
        self.company = company
        self.script = found
        self.born = epoch(found.created)
        self.organisation = world.organisation(
            found.organisation, plan=found.plan, created_at=self.born, name=found.name or company.name
        )
        self.enactments: dict[str, Enactment] = {}
        self.repositories: dict[str, Repository] = {}
        self.teams: dict[str, Team] = {}
        self.people = {person.github: person for person in company.people if person.github is not None}

    def build(self) -> Organisation:
        """Everything, in the order in which one thing needs another."""
        organisation = self.organisation
        organisation.two_factor_required = Changing(self.script.two_factor_required)
        organisation.base_permission = self.script.base_permission
        organisation.read_by_app = self.script.credentials == "app"
        self._members()
        if self.script.reader is not None:
            organisation.reader = self.account(self.script.reader)
        self._apps()
        for one in self.script.repositories:
            self._repository(one)
        for one in self.script.teams:
            self._team(one)
        for one in self.script.repositories:
            self._access(one, self.repositories[one.name])
        for one in self.script.rulesets:
            self._ruleset(one)
        for one in self.script.tokens:
            self._token(one)
        settings = SettingEvents(self)
        for event in sorted(self.script.events, key=lambda event: event.at):
            settings.apply(event)
        self._histories()
        security_events.apply(self, self.script.security)
        return organisation

    # people

    def account(self, login: str) -> Account:
        """The account of a person of the company. Raises ValueError for a login that is nobody's."""
        person = self.people.get(login)
        if person is None:
            raise ValueError(f"{login} is the GitHub login of nobody in company.yaml")
        return self.world.account(login, name=person.name, email=person.email, created_at=self._start(person) - DAY)

    def _start(self, person: Person) -> Epoch:
        return epoch(datetime.combine(person.start, FIRST_WORKING_HOUR, UTC))

    def _end(self, person: Person) -> Epoch:
        if person.last_day is None:
            return NEVER
        return epoch(datetime.combine(person.last_day, LAST_WORKING_HOUR, UTC))

    def employed(self, login: str, at: Epoch) -> bool:
        """Whether the person of a login works for the company at an instant."""
        person = self.people.get(login)
        if person is None:
            raise ValueError(f"{login} is the GitHub login of nobody in company.yaml")
        return self._start(person) <= at < self._end(person)

    def _members(self) -> None:
        joined = {event.login: event for event in self.script.events if isinstance(event, script_events.Joined)}
        left = {event.login: event for event in self.script.events if isinstance(event, script_events.Left)}
        for login, person in self.people.items():
            account = self.account(login)
            start = epoch(joined[login].at) if login in joined else max(self.born, self._start(person))
            end = epoch(left[login].at) if login in left else self._end(person)
            role: Literal["member", "admin"] = "admin" if login in self.script.owners else "member"
            self.organisation.members.append(Member(account, Changing(role), start, end))
            adder = self.owner_at(start, but=login)
            self.audit(start, "org.add_member", adder, user=login, user_id=account.id, permission=role)
            if end != NEVER:
                self.audit(end, "org.remove_member", self.owner_at(end, but=login), user=login, user_id=account.id)

    def owner_at(self, at: Epoch, *, but: str) -> Account:
        for login in self.script.owners:
            if login != but and self.employed(login, at) and not self.people[login].machine:
                return self.account(login)
        return self.account(self.script.owners[0])

    def audit(self, at: Epoch, action: str, actor: Account | None, *, git: bool = False, **fields: Any) -> None:
        """One entry of the organisation's audit log."""
        serial = str(len(self.organisation.audit))
        identifier = object_id("audit", self.organisation.login, action, str(at), serial)[:22]
        self.organisation.audit.append(AuditEntry(identifier, at, action, actor, fields, git))

    # apps, teams, repositories

    def _apps(self) -> None:
        for one in self.script.apps:
            app = self.world.app(one.slug, name=one.name, created_at=epoch(one.created))
            app.description = one.description
        for one in self.script.installations:
            app = self.world.apps[one.app]
            installed = epoch(one.installed)
            number = self.world.numbers.allot("installation", f"{self.organisation.login}/{one.app}")
            permissions: dict[str, str] = {**one.permissions, "metadata": "read"}
            app.permissions = permissions
            chosen = None
            if one.repositories is not None:
                chosen = [f"{self.organisation.login}/{name}" for name in one.repositories]
            self.organisation.installations.append(
                Installation(
                    number,
                    app,
                    self.organisation,
                    installed,
                    Changing(permissions),
                    chosen,
                    NEVER if one.removed is None else epoch(one.removed),
                )
            )
            actor = self.owner_at(installed, but="")
            self.audit(installed, "integration_installation.create", actor, name=app.name, integration=app.slug)

    def _team(self, one: script.Team) -> None:
        number = self.world.numbers.allot("team", f"{self.organisation.login}/{one.slug}")
        team = Team(number, self.organisation, one.slug, one.name, one.description, epoch(one.created))
        for role, logins in (("member", one.members), ("maintainer", one.maintainers)):
            for login in logins:
                person = self.people.get(login)
                if person is None:
                    raise ValueError(f"team {one.slug} names {login}, who is nobody in company.yaml")
                span = (max(team.created_at, self._start(person)), self._end(person))
                team.members.append((span, self.account(login), role))
        for name, permission in one.repositories.items():
            repository = self.repositories[name]
            span = (max(team.created_at, repository.created_at), NEVER)
            team.grants.append((span, repository, permission))
        self.organisation.teams.append(team)
        self.teams[one.slug] = team

    def _repository(self, one: script.Repository) -> None:
        created = epoch(one.created)
        repository = self.world.repository(
            self.organisation, one.name, created_at=created, visibility=one.visibility, description=one.description
        )
        repository.topics = Changing(tuple(one.topics))
        self.repositories[one.name] = repository
        founder = self.owner_at(created, but="")
        self.audit(
            created, "repo.create", founder, repo=repository.full_name(created), repo_id=repository.id,
            visibility=one.visibility,
        )  # fmt: skip

    def _access(self, one: script.Repository, repository: Repository) -> None:
        checks_app = self.checks_app()
        for key in one.deploy_keys:
            number = self.world.numbers.allot("deploy_key", f"{repository.id}/{key.title}/{key.created.isoformat()}")
            created = epoch(key.created)
            text = f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{object_id('key', repository.slug, key.title, str(number))}"
            every = None if key.used_every_days is None else round(key.used_every_days * DAY)
            ends = NEVER if key.removed is None else epoch(key.removed)
            by = self.account(key.by)
            repository.deploy_keys.append(
                DeployKey(
                    number, repository, key.title, text, key.read_only, created, by, Usage(created + 600, every), ends
                )
            )
            facts: dict[str, Any] = {
                "repo": repository.full_name(created),
                "repo_id": repository.id,
                "title": key.title,
            }
            self.audit(created, "public_key.create", by, read_only=key.read_only, **facts)
            if ends != NEVER:
                self.audit(ends, "public_key.delete", by, **facts)
        for environment in one.environments:
            number = self.world.numbers.allot("environment", f"{repository.id}/{environment.name}")
            reviewers = [
                self.teams[name.removeprefix("team:")] if name.startswith("team:") else self.account(name)
                for name in environment.reviewers
            ]
            repository.environments.append(
                Environment(
                    number,
                    repository,
                    environment.name,
                    epoch(environment.created),
                    reviewers,
                    environment.prevent_self_review,
                    environment.wait_minutes,
                    not environment.branches,
                    environment.branches,
                    environment.admins_bypass,
                )
            )
        for person in one.collaborators:
            account = self.account(person.login) if person.login in self.people else self.world.account(person.login)
            span = (epoch(person.start), NEVER if person.end is None else epoch(person.end))
            repository.collaborators.append((span, account, person.permission))
        for protection in one.protections:
            number = self.world.numbers.allot("protection", f"{repository.id}/{protection.pattern}")
            settings: Changing[dict[str, Any] | None] = Changing(None)
            created = epoch(protection.created)
            settings.change(
                created, protection_body(protection.rules, checks_app, enforce_admins=protection.enforce_admins)
            )
            by = self.account(protection.by)
            repository.protections.append(Protection(number, repository, protection.pattern, by, settings))
            self.audit(
                created, "protected_branch.create", by, repo=repository.full_name(created), repo_id=repository.id,
                name=protection.pattern,
            )  # fmt: skip

    def checks_app(self) -> App:
        slug = self.script.routine.checks_app if self.script.routine else "github-actions"
        return self.world.app(slug)

    def _ruleset(self, one: script.Ruleset) -> None:
        owner = self.organisation if one.repository is None else self.repositories[one.repository]
        number = self.world.numbers.allot("ruleset", f"{one.repository or self.organisation.login}/{one.name}")
        ruleset = Ruleset(number, owner)
        body = ruleset_body(one, self.checks_app(), self.teams, self.world.apps)
        self.version(ruleset, epoch(one.created), self.account(one.by), body)
        owner.rulesets.append(ruleset)

    def version(self, ruleset: Ruleset, at: Epoch, by: Account, state: dict[str, Any] | None) -> None:
        before = ruleset.versions[-1].state if ruleset.versions else None
        number = self.world.numbers.allot("ruleset_version", f"{ruleset.id}/{len(ruleset.versions)}")
        ruleset.versions.append(RulesetVersion(number, ruleset, at, by, state))
        known = state or before or {}
        owner = ruleset.owner
        fields: dict[str, Any] = {
            "ruleset_id": ruleset.id,
            "ruleset_name": known.get("name"),
            "ruleset_enforcement": known.get("enforcement"),
            "ruleset_source_type": "Organization" if isinstance(owner, Organisation) else "Repository",
        }
        if isinstance(owner, Repository):
            fields |= {"repo": owner.full_name(at), "repo_id": owner.id}
        if before is not None and state is not None:
            if before["enforcement"] != state["enforcement"]:
                fields["ruleset_old_enforcement"] = before["enforcement"]
            for name, lists in (("bypass_actors", "bypass_actors"), ("rules", "rules")):
                added = [entry for entry in state[lists] if entry not in before[lists]]
                gone = [entry for entry in before[lists] if entry not in state[lists]]
                if added:
                    fields[f"ruleset_{name}_added"] = added
                if gone:
                    fields[f"ruleset_{name}_deleted"] = gone
        action = "create" if before is None else "destroy" if state is None else "update"
        self.audit(at, f"repository_ruleset.{action}", by, **fields)

    def _token(self, one: script.TokenGrant) -> None:
        number = self.world.numbers.allot("grant", f"{self.organisation.login}/{one.owner}/{one.name}")
        granted = epoch(one.granted)
        every = None if one.used_every_days is None else round(one.used_every_days * DAY)
        permissions = {"organization": one.organization, "repository": {**one.repository, "metadata": "read"}}
        self.organisation.tokens.append(
            TokenGrant(
                number,
                self.account(one.owner),
                one.name,
                granted,
                permissions,
                expires_at=None if one.expires is None else epoch(one.expires),
                usage=Usage(granted + 600, every),
                revoked_at=NEVER if one.revoked is None else epoch(one.revoked),
            )
        )
        self.audit(granted, "personal_access_token.access_granted", self.account(one.owner), name=one.name)

    # what happens in repositories

    def _histories(self) -> None:
        routine = self.script.routine
        deploy_app = self.world.apps[routine.deploy_app] if routine else None
        check = routine.post_deployment_check if routine else None
        cast = Cast(self.account, self.checks_app(), deploy_app, check)
        for name, repository in self.repositories.items():
            self.enactments[name] = Enactment(self.world, repository, cast)
        if routine is not None:
            for change in expand(routine, self.employed):
                self.enactments[change.repository].changes.append(change)
        histories = HistoryEvents(self)
        for event in sorted(self.script.events, key=lambda event: event.at):
            if isinstance(
                event,
                script_events.Change
                | script_events.Proposal
                | script_events.DirectPush
                | script_events.ForcePush
                | script_events.Deployment,
            ):
                histories.apply(event, f"{event.kind}-{event.at:%Y%m%d%H%M}")
        for name, enactment in self.enactments.items():
            enactment.run(self.owner_at(self.repositories[name].created_at, but=""))
        for name, repository in self.repositories.items():
            for update in repository.updates:
                self.audit(
                    update.at, "git.push", update.actor, git=True, repo=repository.full_name(update.at),
                    repository=f"{self.organisation.login}/{name}", transport_protocol_name="http",
                )  # fmt: skip
