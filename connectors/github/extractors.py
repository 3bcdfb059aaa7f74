"""Which function fills which dataset."""

from __future__ import annotations

from connectors.github.administrators import administrators
from connectors.github.changes import changes
from connectors.github.credentials import credentials
from connectors.github.inventory import repositories
from connectors.github.members import members
from connectors.github.rule_changes import rule_changes
from connectors.github.snapshots import branch_rules, branch_tips
from schemas.extraction import Extractor
from schemas.github import (
    ADMINISTRATORS,
    BRANCH_RULES,
    BRANCH_TIPS,
    BYPASSES,
    CHECKS,
    COMMITS,
    CREDENTIALS,
    DEPLOYMENTS,
    MEMBERS,
    PULL_REQUESTS,
    REPOSITORIES,
    RULE_CHANGES,
)

EXTRACTORS: dict[str, Extractor] = {
    # One pass serves all five; ask for them together.
    COMMITS.name: changes,
    PULL_REQUESTS.name: changes,
    CHECKS.name: changes,
    DEPLOYMENTS.name: changes,
    BYPASSES.name: changes,
    BRANCH_TIPS.name: branch_tips,
    BRANCH_RULES.name: branch_rules,
    RULE_CHANGES.name: rule_changes,
    REPOSITORIES.name: repositories,
    MEMBERS.name: members,
    ADMINISTRATORS.name: administrators,
    CREDENTIALS.name: credentials,
}
"""The extractor of each dataset of this system."""
