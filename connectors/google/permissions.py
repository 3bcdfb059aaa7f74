"""The least rights that reading each dataset of Google Workspace needs.

A service account asks for a person (domain-wide delegation), so two things must be given: OAuth scopes to the service
account, and privileges to the person. Each method is asked with a token of one scope, the narrowest that Google's
discovery document accepts for it, so that a scope nobody delegated is known by its name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.google.session import Access
    from schemas.programme_scope import GoogleScope

_AUTH = "https://www.googleapis.com/auth/"

_RIGHTS: Mapping[str, tuple[str, str]] = {
    "alertcenter.alerts.list": ("apps.alerts", "Alert Center: View access"),
    "calendar.events.list": ("calendar.events.readonly", "the calendar shared with the delegate"),
    "cloudidentity.devices.deviceUsers.list": ("cloud-identity.devices.readonly", "Mobile Device Management"),
    "cloudidentity.devices.list": ("cloud-identity.devices.readonly", "Mobile Device Management"),
    "cloudidentity.policies.list": ("cloud-identity.policies.readonly", "super administrator"),
    "directory.chromeosdevices.list": ("admin.directory.device.chromeos.readonly", "Chrome Management: Read"),
    "directory.domainAliases.list": ("admin.directory.domain.readonly", "Domain Settings"),
    "directory.domains.list": ("admin.directory.domain.readonly", "Domain Settings"),
    "directory.groups.list": ("admin.directory.group.readonly", "Groups: Read"),
    "directory.members.list": ("admin.directory.group.member.readonly", "Groups: Read"),
    "directory.orgunits.list": ("admin.directory.orgunit.readonly", "Organizational Units: Read"),
    "directory.roleAssignments.list": ("admin.directory.rolemanagement.readonly", "super administrator"),
    "directory.roles.list": ("admin.directory.rolemanagement.readonly", "super administrator"),
    "directory.tokens.list": ("admin.directory.user.security", "User Security Management"),
    "directory.users.list": ("admin.directory.user.readonly", "Users: Read"),
    "drive.approvals.list": ("drive.metadata.readonly", "the document shared with the delegate"),
    "drive.files.list": ("drive.metadata.readonly", "the document shared with the delegate"),
    "drive.revisions.list": ("drive.metadata.readonly", "the document shared with the delegate"),
    "reports.activities.list": ("admin.reports.audit.readonly", "Reports"),
    "reports.userUsageReport.get": ("admin.reports.usage.readonly", "Reports"),
}
"""Scope and the delegate's administrator privilege, by method. No method needs a scope that could change anything,
except those of tokens and alerts, for which Google has none narrower."""

_GROUPS = ("directory.groups.list", "directory.members.list")
_ROLES = ("directory.roles.list", "directory.roleAssignments.list")

METHODS: Mapping[str, tuple[str, ...]] = {
    "google.users": (
        "directory.users.list",
        "directory.orgunits.list",
        "cloudidentity.policies.list",
        *_GROUPS,
        "reports.userUsageReport.get",
    ),
    "google.domains": ("directory.domains.list", "directory.domainAliases.list"),
    "google.accounts": ("directory.users.list", *_GROUPS, *_ROLES, "directory.tokens.list"),
    "google.administrators": ("directory.users.list", *_GROUPS, *_ROLES),
    "google.admin_activities": ("reports.activities.list",),
    "google.sign_ins": ("reports.activities.list",),
    "google.token_activities": ("reports.activities.list",),
    "google.drive_activities": ("reports.activities.list",),
    "google.usage_reports": ("reports.userUsageReport.get",),
    "google.policies": ("cloudidentity.policies.list", "directory.orgunits.list"),
    "google.devices": (
        "cloudidentity.devices.list",
        "cloudidentity.devices.deviceUsers.list",
        "directory.chromeosdevices.list",
    ),
    "google.alerts": ("alertcenter.alerts.list",),
    "google.detectors": ("cloudidentity.policies.list", "directory.orgunits.list"),
    "google.document_approvals": ("drive.files.list", "drive.revisions.list", "drive.approvals.list"),
    "google.held_reviews": ("calendar.events.list",),
}
"""Methods by dataset name."""


def scope_of(method: str) -> str:
    """The OAuth scope a method is asked with. Raises KeyError for a method that nobody asks."""
    return _AUTH + _RIGHTS[method][0]


def least_scopes(datasets: Collection[str]) -> list[str]:
    """What to delegate to the service account so that exactly these datasets can be read."""
    return sorted({scope_of(method) for name in datasets for method in METHODS[name]})


def least_privileges(datasets: Collection[str]) -> list[str]:
    """What the delegate's administrator role must hold, beside the scopes."""
    return sorted({_RIGHTS[method][1] for name in datasets for method in METHODS[name]})


@dataclass(frozen=True, slots=True)
class WorkspaceRights:
    """`connectors.google.calls.Rights` of Google Workspace."""

    def scope(self, method: str) -> str:
        return scope_of(method)

    def privilege(self, method: str) -> str:
        held = _RIGHTS[method][1]
        return held if held.startswith(("the ", "super ")) else f"administrator privilege {held}"


def workspace_access(scope: GoogleScope, *, policies: Sequence[str] = ()) -> Access:
    """How the customer of the programme is read. `policies` are the names under `scope.policies`."""
    from connectors.google.session import Access

    return Access(
        system="google",
        tenant=scope.customer,
        rights=WorkspaceRights(),
        rights_in_words="scopes delegated to the service account, one token for each",
        first_api="directory",
        delegate=scope.delegate,
        api_url=scope.api_url,
        policies=tuple(policies),
    )
