"""People, bots, organisations, teams, apps and the tokens they hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from sandbox.github.model.security import ACTIONS, SETTINGS
from sandbox.github.nodeids import node_id
from sandbox.github.times import NEVER, Changing, Epoch, Span, during

if TYPE_CHECKING:
    from sandbox.github.model.repositories import Repository, Ruleset
    from sandbox.github.model.security import Hook, Invitation

AccountKind = Literal["User", "Bot", "Organization"]


@dataclass(slots=True, eq=False)
class Account:
    """A person, a bot or an organisation as an actor."""

    kind: AccountKind
    id: int
    login: str
    name: str | None
    email: str
    created_at: Epoch
    deleted_at: Epoch = NEVER
    app: App | None = None
    node_id: str = ""

    def __post_init__(self) -> None:
        self.node_id = node_id({"User": "U", "Bot": "BOT", "Organization": "O"}[self.kind], self.id)

    @property
    def typename(self) -> str:
        return self.kind

    @property
    def rest_login(self) -> str:
        """REST writes `[bot]` after a bot's name, GraphQL does not."""
        return f"{self.login}[bot]" if self.kind == "Bot" else self.login

    def exists(self, now: Epoch) -> bool:
        return now < self.deleted_at


@dataclass(slots=True, eq=False)
class App:
    """A GitHub App and, through `installations` of the organisation, where it is installed."""

    typename: ClassVar[str] = "App"
    id: int
    slug: str
    name: str
    description: str
    created_at: Epoch
    owner: Account | None = None
    bot: Account | None = None
    permissions: dict[str, str] = field(default_factory=dict[str, str])
    events: list[str] = field(default_factory=list[str])
    node_id: str = ""

    def __post_init__(self) -> None:
        self.node_id = node_id("A", self.id)

    def exists(self, now: Epoch) -> bool:
        return now >= self.created_at


@dataclass(frozen=True, slots=True)
class Usage:
    """A credential in use: first at `start`, then every so many seconds; None: never."""

    start: Epoch
    every: int | None

    def last(self, now: Epoch) -> Epoch | None:
        """The last use up to now."""
        if self.every is None or now < self.start:
            return None
        return self.start + (now - self.start) // self.every * self.every


@dataclass(slots=True, eq=False)
class Installation:
    id: int
    app: App
    organisation: Organisation
    created_at: Epoch
    permissions: Changing[dict[str, str]]
    repositories: list[str] | None = None
    deleted_at: Epoch = NEVER

    def exists(self, now: Epoch) -> bool:
        return self.created_at <= now < self.deleted_at


@dataclass(slots=True, eq=False)
class TokenGrant:
    """A fine-grained personal access token that reaches the organisation."""

    id: int
    owner: Account
    name: str
    granted_at: Epoch
    permissions: dict[str, dict[str, str]]
    repository_selection: Literal["none", "all", "subset"] = "all"
    expires_at: Epoch | None = None
    usage: Usage = field(default_factory=lambda: Usage(NEVER, None))
    revoked_at: Epoch = NEVER

    def exists(self, now: Epoch) -> bool:
        return self.granted_at <= now < self.revoked_at


@dataclass(slots=True, eq=False)
class Member:
    account: Account
    role: Changing[Literal["member", "admin"]]
    start: Epoch
    end: Epoch = NEVER


@dataclass(slots=True, eq=False)
class Team:
    typename: ClassVar[str] = "Team"
    id: int
    organisation: Organisation
    slug: str
    name: str
    description: str
    created_at: Epoch
    members: list[tuple[Span, Account, str]] = field(default_factory=list[tuple[Span, "Account", str]])
    grants: list[tuple[Span, Repository, str]] = field(default_factory=list[tuple[Span, "Repository", str]])
    node_id: str = ""

    def __post_init__(self) -> None:
        self.node_id = node_id("T", self.id)

    def exists(self, now: Epoch) -> bool:
        return now >= self.created_at


@dataclass(slots=True, eq=False)
class AuditEntry:
    id: str
    at: Epoch
    action: str
    actor: Account | None
    fields: dict[str, Any]
    git: bool = False


@dataclass(slots=True, eq=False)
class Organisation:
    typename: ClassVar[str] = "Organization"
    account: Account
    plan: Literal["free", "team", "enterprise"]
    two_factor_required: Changing[bool]
    base_permission: Literal["none", "pull", "push", "admin"] = "pull"
    members: list[Member] = field(default_factory=list["Member"])
    without_two_factor: dict[int, list[Span]] = field(default_factory=dict[int, list[Span]])
    teams: list[Team] = field(default_factory=list["Team"])
    repositories: list[Repository] = field(default_factory=list["Repository"])
    installations: list[Installation] = field(default_factory=list["Installation"])
    tokens: list[TokenGrant] = field(default_factory=list["TokenGrant"])
    rulesets: list[Ruleset] = field(default_factory=list["Ruleset"])
    audit: list[AuditEntry] = field(default_factory=list["AuditEntry"])
    settings: Changing[dict[str, Any]] = field(default_factory=lambda: Changing(SETTINGS))
    actions: Changing[dict[str, Any]] = field(default_factory=lambda: Changing(ACTIONS))
    unlicensed: frozenset[str] = frozenset()
    """Alert kinds that the organisation's plan does not have."""
    hooks: list[Hook] = field(default_factory=list["Hook"])
    invitations: list[Invitation] = field(default_factory=list["Invitation"])
    reader: Account | None = None
    """Whose token the sandbox hands out, where the script says so."""
    read_by_app: bool = False
    """Whether the environment that the sandbox hands out names an app instead of a token."""

    @property
    def node_id(self) -> str:
        return self.account.node_id

    @property
    def login(self) -> str:
        return self.account.login

    def exists(self, now: Epoch) -> bool:
        return now >= self.account.created_at

    def membership(self, account: Account, now: Epoch) -> Member | None:
        for member in self.members:
            if member.account is account and member.start <= now < member.end:
                return member
        return None

    def current_members(self, now: Epoch) -> list[Member]:
        return [member for member in self.members if member.start <= now < member.end]

    def is_owner(self, account: Account, now: Epoch) -> bool:
        member = self.membership(account, now)
        return member is not None and member.role.at(now) == "admin"

    def two_factor_off(self, account: Account, now: Epoch) -> bool:
        return during(self.without_two_factor.get(account.id, []), now)
