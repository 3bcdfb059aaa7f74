"""How fast each API of Google is asked: well below its quota, so that others of the same customer are not throttled.

Sources: the usage limits in Google's documentation of each API. A batch saves connections and no quota: each part
counts.
"""

from __future__ import annotations

from collections.abc import Mapping

_PER_MINUTE: Mapping[str, float] = {
    "alertcenter": 600,
    "calendar": 500,
    "cloudkms": 280,  # of 300 for each project
    "compute": 1_200,  # of 1,500
    "iam": 1_200,
    "policyanalyzer": 400,
    "securitycenter": 280,
    "sql": 160,  # of 180 for each user
    "cloudasset": 90,
    "cloudidentity": 500,
    "directory": 2_200,  # of 2,400 for each user of a project
    "drive": 2_000,
    "logging": 55,  # entries.list: 60 for a project
    "reports": 2_000,  # of 2,400
    "reports_filtered": 220,  # of 250, for requests with a filter
    "token": 600,
}

CALLS_PER_SECOND: Mapping[str, float] = {api: calls / 60 for api, calls in _PER_MINUTE.items()}
"""By API."""

USUAL_PER_SECOND = 5.0
"""For an API that is not listed."""
