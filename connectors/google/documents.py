"""Google's discovery documents, bundled with its client: which API serves a method, at which address, by which path.

A method is named by its id in the document, such as `directory.users.list` or `logging.entries.list`. To add an API,
add its line to `APIS` and the scopes of its methods to `permissions.py` of its connector.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from schemas.errors import ConfigurationError

APIS: Mapping[str, str] = {
    "alertcenter": "alertcenter.v1beta1",
    "artifactregistry": "artifactregistry.v1",
    "bigquery": "bigquery.v2",
    "calendar": "calendar.v3",
    "cloudasset": "cloudasset.v1",
    "cloudbuild": "cloudbuild.v1",
    "clouddeploy": "clouddeploy.v1",
    "cloudidentity": "cloudidentity.v1",
    "cloudkms": "cloudkms.v1",
    "cloudresourcemanager": "cloudresourcemanager.v3",
    "compute": "compute.v1",
    "directory": "admin.directory_v1",
    "drive": "drive.v3",
    "iam": "iam.v1",
    "logging": "logging.v2",
    "monitoring": "monitoring.v3",
    "orgpolicy": "orgpolicy.v2",
    "policyanalyzer": "policyanalyzer.v1",
    "reports": "admin.reports_v1",
    "run": "run.v2",
    "securitycenter": "securitycenter.v1",
    "serviceusage": "serviceusage.v1",
    "sql": "sqladmin.v1",
    "storage": "storage.v1",
}
"""The document of each API, by the first part of its methods' ids."""


def api_of(method: str) -> str:
    """The API of a method id; KeyError for one that is not in `APIS`."""
    api = method.partition(".")[0]
    if api not in APIS:
        raise KeyError(f"{method}: no discovery document is named for {api!r}")
    return api


def documents_folder() -> Path:
    """Where the client keeps its documents. The client itself is not loaded."""
    found = importlib.util.find_spec("googleapiclient")
    if found is None or found.origin is None:
        raise ConfigurationError("google-api-python-client is not installed. Install the product anew.")
    return Path(found.origin).parent / "discovery_cache" / "documents"


@lru_cache(maxsize=64)
def document(api: str) -> Mapping[str, Any]:
    """The bundled document of an API, as Google published it. Not to be changed."""
    return orjson.loads((documents_folder() / f"{APIS[api]}.json").read_bytes())


def document_at(api: str, address: str | None) -> dict[str, Any]:
    """The document of an API, leading to `address` instead of Google's own host.

    The root is rewritten, and not the client's `api_endpoint` set: that would drop the service's own path and leave
    batches going to Google.
    """
    found = dict(document(api))
    if address is not None:
        root = address.rstrip("/") + "/"
        found["rootUrl"] = root
        found["baseUrl"] = root + found["servicePath"]
        found.pop("mtlsRootUrl", None)
    return found


def host(api: str) -> str:
    """The host that Google serves an API at, such as `admin.googleapis.com`."""
    return str(document(api)["rootUrl"]).removeprefix("https://").rstrip("/")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a method stands in its document, which its id does not always tell."""

    path: tuple[str, ...]
    """The resources that lead to it, and its own name: `("v1", "searchAllResources")`."""
    scopes: tuple[str, ...]
    """The OAuth scopes of which each alone opens it."""


def place_of(method: str) -> Place:
    """Where a method stands. KeyError for an id that no document has."""
    return _places(api_of(method))[method]


@lru_cache(maxsize=64)
def _places(api: str) -> Mapping[str, Place]:
    found: dict[str, Place] = {}
    waiting: list[tuple[tuple[str, ...], Mapping[str, Any]]] = [((), document(api))]
    while waiting:
        path, resource = waiting.pop()
        waiting += [((*path, name), inner) for name, inner in resource.get("resources", {}).items()]
        for name, one in resource.get("methods", {}).items():
            found[one["id"]] = Place((*path, name), tuple(one.get("scopes", ())))
    return found
