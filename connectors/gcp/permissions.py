"""The least rights that reading each dataset of Google Cloud needs: OAuth scopes of tokens, and IAM permissions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connectors.gcp.values import texts
from connectors.google.documents import place_of
from schemas.errors import IncompletePopulation

if TYPE_CHECKING:
    from connectors.google.calls import Answer
    from connectors.google.session import Access
    from schemas.programme_scope import GcpScope

_EVERYTHING = "https://www.googleapis.com/auth/cloud-platform"
"""Most APIs of Google Cloud take no narrower scope; what may be read is decided by IAM permissions alone."""

_RESOURCE = "cloudresourcemanager"
_PROJECT = (f"{_RESOURCE}.projects.get", f"{_RESOURCE}.folders.get", "serviceusage.services.batchGet")
_ASSETS = "cloudasset.searchAllResources"
_ABOVE = (*_PROJECT[:2], _ASSETS)
_POLICIES = tuple(f"{_RESOURCE}.{kind}.getIamPolicy" for kind in ("projects", "folders", "organizations"))

_ROLES = ("iam.roles.get", "iam.projects.roles.get", "iam.organizations.roles.get")
_ACCOUNTS = "iam.projects.serviceAccounts.list"
_USES = "policyanalyzer.projects.locations.activityTypes.activities.query"

_PIPELINES = "clouddeploy.projects.locations.deliveryPipelines"
_LOG_CONFIG = tuple(
    f"logging.{kind}.{what}.list"
    for kind in ("projects", "folders", "organizations") for what in ("sinks", "locations.buckets")
)  # fmt: skip

METHODS: Mapping[str, tuple[str, ...]] = {
    "gcp.projects": (
        f"{_RESOURCE}.projects.search", f"{_RESOURCE}.folders.get", f"{_RESOURCE}.projects.getIamPolicy",
        "cloudasset.searchAllResources", "cloudasset.batchGetAssetsHistory",
    ),
    "gcp.administrators": (*_ABOVE, *_POLICIES, *_ROLES),
    "gcp.principals": (*_ABOVE, _PROJECT[2], *_POLICIES, *_ROLES, _ACCOUNTS, _USES),
    "gcp.service_account_keys": (*_PROJECT, _ACCOUNTS, "iam.projects.serviceAccounts.keys.list", _USES),
    "gcp.admin_activity": (*_ABOVE, "logging.entries.list"),
    "gcp.data_access": (*_ABOVE, *_POLICIES, *_LOG_CONFIG, "logging.entries.list"),
    "gcp.log_config": (*_ABOVE, *_POLICIES, *_LOG_CONFIG),
    "gcp.exposure": (
        *_PROJECT, *_POLICIES, "compute.firewalls.list", "compute.networks.list",
        "compute.networks.getEffectiveFirewalls", "compute.instances.aggregatedList",
        "compute.addresses.aggregatedList", "compute.forwardingRules.aggregatedList", "storage.buckets.list",
        "storage.buckets.getIamPolicy",
        "sql.instances.list", "cloudasset.searchAllIamPolicies", "cloudasset.searchAllResources",
    ),
    "gcp.encryption": (
        _PROJECT[0], _PROJECT[2], "compute.disks.aggregatedList", "compute.snapshots.list", "storage.buckets.list",
        "sql.instances.list", "bigquery.datasets.list", "bigquery.datasets.get", "cloudkms.projects.locations.list",
        "cloudkms.projects.locations.keyRings.list", "cloudkms.projects.locations.keyRings.cryptoKeys.list",
        "cloudasset.searchAllResources",
    ),
    "gcp.findings": (_PROJECT[0], _PROJECT[2], "securitycenter.projects.sources.findings.list"),
    "gcp.alerts": (_PROJECT[0], _PROJECT[2], "securitycenter.projects.sources.findings.list"),
    "gcp.deployments": (
        _PROJECT[0], _PROJECT[2], "cloudbuild.projects.locations.builds.list", "clouddeploy.projects.locations.list",
        f"{_PIPELINES}.list", f"{_PIPELINES}.releases.list", f"{_PIPELINES}.releases.rollouts.list",
        "run.projects.locations.services.revisions.list", "cloudasset.searchAllResources",
    ),
    "gcp.backups": (_PROJECT[0], _PROJECT[2], "sql.instances.list", "sql.backupRuns.list"),
}  # fmt: skip
"""Methods by dataset name."""

BESIDE: Mapping[str, tuple[str, ...]] = {
    # Without it entries.list leaves these entries out and says nothing.
    "gcp.data_access": ("logging.privateLogEntries.list",),
}
"""Permissions that a dataset needs and no method of it names."""

OPTIONAL: Mapping[str, frozenset[str]] = {
    "gcp.projects": frozenset({"cloudasset.batchGetAssetsHistory", f"{_RESOURCE}.projects.getIamPolicy"}),
    "gcp.administrators": frozenset({_ASSETS}),
    "gcp.principals": frozenset({_USES, _ASSETS}),
    "gcp.service_account_keys": frozenset({_USES}),
    "gcp.admin_activity": frozenset({_ASSETS}),
    "gcp.data_access": frozenset({_ASSETS}),
    "gcp.log_config": frozenset({_ASSETS}),
}
"""Methods without which a dataset is still whole: a column of it then says that nobody could tell, or they are asked of
projects without a parent alone, and a refusal is told there."""

PERMISSIONS: Mapping[str, tuple[str, ...]] = {
    f"{_RESOURCE}.projects.search": ("resourcemanager.projects.get",),
    f"{_RESOURCE}.projects.get": ("resourcemanager.projects.get",),
    f"{_RESOURCE}.folders.get": ("resourcemanager.folders.get",),
    f"{_RESOURCE}.projects.getIamPolicy": ("resourcemanager.projects.getIamPolicy",),
    f"{_RESOURCE}.folders.getIamPolicy": ("resourcemanager.folders.getIamPolicy",),
    f"{_RESOURCE}.organizations.getIamPolicy": ("resourcemanager.organizations.getIamPolicy",),
    "cloudasset.searchAllResources": ("cloudasset.assets.searchAllResources",),
    "cloudasset.batchGetAssetsHistory": ("cloudasset.assets.exportResource",),
    "serviceusage.services.batchGet": ("serviceusage.services.get",),
    "iam.roles.get": (),  # Google's own roles are open to everybody
    "iam.projects.roles.get": ("iam.roles.get",),
    "iam.organizations.roles.get": ("iam.roles.get",),
    _ACCOUNTS: ("iam.serviceAccounts.list",),
    "iam.projects.serviceAccounts.keys.list": ("iam.serviceAccountKeys.list",),
    _USES: (
        "policyanalyzer.serviceAccountLastAuthenticationActivities.query",
        "policyanalyzer.serviceAccountKeyLastAuthenticationActivities.query",
    ),
    "compute.firewalls.list": ("compute.firewalls.list",),
    "compute.networks.list": ("compute.networks.list",),
    "compute.networks.getEffectiveFirewalls": ("compute.networks.getEffectiveFirewalls",),
    "compute.instances.aggregatedList": ("compute.instances.list",),
    "compute.addresses.aggregatedList": ("compute.addresses.list",),
    "compute.forwardingRules.aggregatedList": ("compute.forwardingRules.list",),
    "compute.disks.aggregatedList": ("compute.disks.list",),
    "compute.snapshots.list": ("compute.snapshots.list",),
    "storage.buckets.list": ("storage.buckets.list",),
    "storage.buckets.getIamPolicy": ("storage.buckets.getIamPolicy",),
    "sql.instances.list": ("cloudsql.instances.list",),
    "sql.backupRuns.list": ("cloudsql.backupRuns.list",),
    "bigquery.datasets.list": ("bigquery.datasets.get",),  # lists those that the reader may get
    "bigquery.datasets.get": ("bigquery.datasets.get",),
    "cloudkms.projects.locations.list": ("cloudkms.locations.list",),
    "cloudkms.projects.locations.keyRings.list": ("cloudkms.keyRings.list",),
    "cloudkms.projects.locations.keyRings.cryptoKeys.list": ("cloudkms.cryptoKeys.list",),
    "cloudasset.searchAllIamPolicies": ("cloudasset.assets.searchAllIamPolicies",),
    "securitycenter.projects.sources.findings.list": ("securitycenter.findings.list",),
    "cloudbuild.projects.locations.builds.list": ("cloudbuild.builds.list",),
    "clouddeploy.projects.locations.list": ("clouddeploy.locations.list",),
    f"{_PIPELINES}.list": ("clouddeploy.deliveryPipelines.list",),
    f"{_PIPELINES}.releases.list": ("clouddeploy.releases.list",),
    f"{_PIPELINES}.releases.rollouts.list": ("clouddeploy.rollouts.list",),
    "run.projects.locations.services.revisions.list": ("run.revisions.list",),
    "logging.entries.list": ("logging.logEntries.list",),
    **{name: (f"logging.{name.split('.')[-2]}.list",) for name in _LOG_CONFIG},
}
"""IAM permissions by method."""

_LOGGING = "logging."
_CUSTOM_ROLES = "iam.roles.get"


def permissions_on(dataset: str, kind: str) -> list[str]:
    """What the reader needs on a `projects`, `folders` or `organizations` so that a dataset can be read."""
    methods = set(METHODS[dataset]) - OPTIONAL.get(dataset, frozenset())
    needed = {permission for method in methods for permission in PERMISSIONS[method]} | set(BESIDE.get(dataset, ()))
    others = {f"resourcemanager.{one}." for one in ("projects", "folders", "organizations") if one != kind}
    needed = {one for one in needed if not one.startswith(tuple(others))}
    if kind == "projects":
        return sorted(needed)
    above = (f"resourcemanager.{kind}.", _LOGGING)
    # Roles of an organisation's own are read there; folders have none.
    return sorted(one for one in needed if one.startswith(above) or (one == _CUSTOM_ROLES and kind == "organizations"))


def missing_permissions(ask: Callable[..., Answer], container: str, dataset: str) -> list[str]:
    """Which of the permissions the reader does not hold on a container, as far as Google tells. `ask`: as of a client.

    Google lets everybody test their own permissions. An answer that grants too much is possible by its documentation,
    so this names what is missing and proves nothing; what follows is asked and judged as always.
    """
    kind = container.partition("/")[0]
    wanted = permissions_on(dataset, kind)
    if not wanted:
        return []
    method = f"{_RESOURCE}.{kind}.testIamPermissions"
    # 400: one of them can't be tested on this kind of container.
    answer = ask(method, expect=(400,), resource=container, body={"permissions": wanted})
    if answer.refused is not None:
        return []
    held = texts(answer.parsed, "permissions")
    if not set(held) <= set(wanted):
        raise IncompletePopulation(
            f"Google was asked about permissions on {container} and answered about others. Nothing was kept; run again."
        )
    return [one for one in wanted if one not in held]


def least_permissions(datasets: Collection[str]) -> list[str]:
    """What a custom role must include so that exactly these datasets can be read."""
    methods = {method for name in datasets for method in METHODS[name]}
    beside = {permission for name in datasets for permission in BESIDE.get(name, ())}
    return sorted({permission for method in methods for permission in PERMISSIONS[method]} | beside)


def scope_of(method: str) -> str:
    """The narrowest OAuth scope by which Google's document says that a method can be asked."""
    offered = place_of(method).scopes
    reading = [one for one in offered if one.endswith(("read-only", "readonly", ".read"))]
    return min(reading or [_EVERYTHING], key=lambda one: (one != _EVERYTHING + ".read-only", one))


@dataclass(frozen=True, slots=True)
class CloudRights:
    """`connectors.google.calls.Rights` of Google Cloud."""

    def scope(self, method: str) -> str:
        return scope_of(method)

    def privilege(self, method: str) -> str:
        return ", ".join(PERMISSIONS.get(method, (method,)))


def cloud_access(scope: GcpScope) -> Access:
    """How the projects of the programme are read: by the service account itself."""
    from connectors.google.session import Access

    return Access(
        system="gcp",
        tenant=", ".join(scope.projects),
        rights=CloudRights(),
        rights_in_words="roles granted to the service account",
        first_api="cloudresourcemanager",
        api_url=scope.api_url,
    )
