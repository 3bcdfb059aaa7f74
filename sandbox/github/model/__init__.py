"""Everything that ever exists in a simulated GitHub, each thing with the instants at which it comes, changes and goes.

Nothing here moves: an answer is a view of this at one instant of the clock.
"""

from sandbox.github.model.actors import (
    Account,
    AccountKind,
    App,
    AuditEntry,
    Installation,
    Member,
    Organisation,
    Team,
    TokenGrant,
    Usage,
)
from sandbox.github.model.checks import (
    CheckRun,
    CheckSuite,
    Deployment,
    DeploymentStatus,
    Environment,
    StatusContext,
)
from sandbox.github.model.git import (
    NO_COMMIT,
    Branch,
    Commit,
    Signature,
    Update,
)
from sandbox.github.model.pulls import (
    Issue,
    IssueEvent,
    Label,
    PullCommit,
    PullRequest,
    Review,
    TimelineEvent,
)
from sandbox.github.model.repositories import (
    DeployKey,
    Permission,
    Protection,
    Repository,
    Ruleset,
    RulesetVersion,
    RuleSuite,
)
from sandbox.github.model.security import Alert, AlertChange, Delivery, Hook, Invitation, WorkflowRun
from sandbox.github.times import Span, during

__all__ = [
    "NO_COMMIT",
    "Account",
    "AccountKind",
    "Alert",
    "AlertChange",
    "App",
    "AuditEntry",
    "Branch",
    "CheckRun",
    "CheckSuite",
    "Commit",
    "Delivery",
    "DeployKey",
    "Deployment",
    "DeploymentStatus",
    "Environment",
    "Hook",
    "Installation",
    "Invitation",
    "Issue",
    "IssueEvent",
    "Label",
    "Member",
    "Organisation",
    "Permission",
    "Protection",
    "PullCommit",
    "PullRequest",
    "Repository",
    "Review",
    "RuleSuite",
    "Ruleset",
    "RulesetVersion",
    "Signature",
    "Span",
    "StatusContext",
    "Team",
    "TimelineEvent",
    "TokenGrant",
    "Update",
    "Usage",
    "WorkflowRun",
    "during",
]
