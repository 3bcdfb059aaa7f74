"""The least rights that reading each dataset of Google Cloud needs: OAuth scopes of tokens, and IAM permissions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.google.session import Access
    from schemas.programme_scope import GcpScope

_AUTH = "https://www.googleapis.com/auth/"
SCOPE = _AUTH + "cloud-platform.read-only"
SCOPES: Mapping[str, str] = {}
"""Methods that Google does not answer with `SCOPE`."""

METHODS: Mapping[str, tuple[str, ...]] = {}
"""Methods by dataset name."""

PERMISSIONS: Mapping[str, tuple[str, ...]] = {}
"""IAM permissions by method."""


def least_permissions(datasets: Collection[str]) -> list[str]:
    """What a custom role must include so that exactly these datasets can be read."""
    methods = {method for name in datasets for method in METHODS[name]}
    return sorted({permission for method in methods for permission in PERMISSIONS[method]})


@dataclass(frozen=True, slots=True)
class CloudRights:
    """`connectors.google.calls.Rights` of Google Cloud."""

    def scope(self, method: str) -> str:
        return SCOPES.get(method, SCOPE)

    def privilege(self, method: str) -> str:
        return f"IAM permission {', '.join(PERMISSIONS.get(method, (method,)))}"


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
