"""The whole simulated GitHub and how things in it are looked up."""

from __future__ import annotations

from typing import Any

from sandbox.github.model import (
    Account,
    AccountKind,
    App,
    Organisation,
    Repository,
)
from sandbox.github.nodeids import Numbers
from sandbox.github.times import ALWAYS, Changing, Epoch


class World:
    """All organisations, accounts and apps that ever exist. Filled by builders, then `settle`d and never changed."""

    def __init__(self) -> None:
        self.numbers = Numbers()
        self.accounts: dict[str, Account] = {}
        self.apps: dict[str, App] = {}
        self.organisations: dict[str, Organisation] = {}
        self.nodes: dict[str, Any] = {}
        self.repository_by_id: dict[int, Repository] = {}
        self.account_by_id: dict[int, Account] = {}

    def account(
        self,
        login: str,
        *,
        kind: AccountKind = "User",
        name: str | None = None,
        email: str | None = None,
        created_at: Epoch = 0,
    ) -> Account:
        """The account of a login, made on first mention."""
        found = self.accounts.get(login.lower())
        if found is None:
            number = self.numbers.allot("account", login.lower())
            address = email or f"{number}+{login}@users.noreply.github.com"
            found = Account(kind, number, login, name, address, created_at)
            self.accounts[login.lower()] = found
        return found

    def app(self, slug: str, *, name: str | None = None, created_at: Epoch = 0) -> App:
        """The app of a slug with its bot, made on first mention."""
        found = self.apps.get(slug)
        if found is None:
            found = App(self.numbers.allot("app", slug), slug, name or slug, "", created_at)
            found.bot = self.account(slug, kind="Bot", name=f"{slug}[bot]", created_at=created_at)
            found.bot.app = found
            self.apps[slug] = found
        return found

    def organisation(
        self, login: str, *, plan: str = "team", created_at: Epoch = 0, name: str | None = None
    ) -> Organisation:
        """The organisation of a login, made on first mention."""
        found = self.organisations.get(login.lower())
        if found is None:
            account = self.account(login, kind="Organization", name=name, created_at=created_at)
            if plan not in {"free", "team", "enterprise"}:
                raise ValueError(f"plan {plan} is not one of free, team, enterprise")
            found = Organisation(account, plan, Changing(True))  # type: ignore[arg-type]
            self.organisations[login.lower()] = found
        return found

    def repository(
        self,
        organisation: Organisation,
        name: str,
        *,
        created_at: Epoch,
        visibility: str = "private",
        description: str = "",
    ) -> Repository:
        """A new repository. Raises ValueError when the name is taken."""
        if any(repository.name.at(ALWAYS).lower() == name.lower() for repository in organisation.repositories):
            raise ValueError(f"{organisation.login}/{name} is declared twice; give each repository once")
        number = self.numbers.allot("repository", f"{organisation.login}/{name}".lower())
        repository = Repository(
            number,
            organisation,
            Changing(name),
            description,
            visibility,  # type: ignore[arg-type]
            created_at,
            Changing(False),
            Changing[tuple[str, ...]](()),
            Changing("main"),
        )
        organisation.repositories.append(repository)
        return repository

    def find_repository(
        self, owner: str, name: str, now: Epoch, *, renames: bool = True
    ) -> tuple[Repository, bool] | None:
        """The repository of that name now, and whether it was found by a name it had before."""
        organisation = self.organisations.get(owner.lower())
        if organisation is None:
            return None
        wanted = name.lower()
        for repository in organisation.repositories:
            if repository.exists(now) and repository.name.at(now).lower() == wanted:
                return repository, False
        if renames:
            for repository in organisation.repositories:
                if not repository.exists(now):
                    continue
                names = [repository.name.at(ALWAYS), *(value for at, value in repository.name.changes() if at <= now)]
                if any(former.lower() == wanted for former in names):
                    return repository, True
        return None

    def settle(self) -> None:
        """Sort and index everything after the last addition."""
        nodes = self.nodes
        for account in self.accounts.values():
            self.account_by_id[account.id] = account
            nodes[account.node_id] = account
        for app in self.apps.values():
            nodes[app.node_id] = app
        for organisation in self.organisations.values():
            nodes[organisation.node_id] = organisation
            organisation.audit.sort(key=lambda entry: entry.at)
            for team in organisation.teams:
                nodes[team.node_id] = team
            for ruleset in organisation.rulesets:
                nodes[ruleset.node_id] = ruleset
            for repository in organisation.repositories:
                repository.settle()
                self.repository_by_id[repository.id] = repository
                _index(nodes, repository)


def _index(nodes: dict[str, Any], repository: Repository) -> None:
    nodes[repository.node_id] = repository
    for pull in repository.pulls:
        nodes[pull.node_id] = pull
        for group in (pull.reviews, pull.events, pull.commits):
            for entry in group:
                nodes[entry.node_id] = entry
    for commit in repository.commits.values():
        nodes[commit.node_id] = commit
        for suite in commit.suites:
            nodes[suite.node_id] = suite
            for run in suite.runs:
                nodes[run.node_id] = run
        for status in commit.statuses:
            nodes[status.node_id] = status
    for deployment in repository.deployments:
        nodes[deployment.node_id] = deployment
        for status in deployment.statuses:
            nodes[status.node_id] = status
    for issue in repository.issues.values():
        issue.events.sort(key=lambda event: event.at)
        for event in issue.events:
            nodes[event.node_id] = event
    for group in (
        repository.alerts,
        repository.branches.values(),
        repository.issues.values(),
        repository.labels.values(),
        repository.environments,
        repository.rulesets,
        repository.protections,
        repository.deploy_keys,
    ):
        for entry in group:
            nodes[entry.node_id] = entry
