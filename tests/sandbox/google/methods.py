"""The methods of a discovery document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def methods_of(content: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Every method by its id."""
    found = {one["id"]: one for one in content.get("methods", {}).values()}
    for resource in content.get("resources", {}).values():
        found |= methods_of(resource)
    return found
