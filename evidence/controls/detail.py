"""The `detail` of an event: what a source says beyond actor, time and place, kept as a JSON object."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def read_detail(text: str | None) -> Mapping[str, Any]:
    """The object; empty where there is none or where it is no JSON object, which says nothing."""
    if not text:
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
