"""The trust services criteria a control can be mapped to: reference numbers and short labels of our own.

2017 criteria with the points of focus of 2022. The official wording is copyrighted; users paste it from their own copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

EDITION = "TSC 2017 with 2022 points of focus"

CRITERIA: Mapping[str, str] = MappingProxyType(
    {
        "CC1.1": "ethics and integrity",
        "CC1.2": "oversight body",
        "CC1.3": "structure and authority",
        "CC1.4": "competent people",
        "CC1.5": "accountability",
        "CC2.1": "usable information",
        "CC2.2": "internal communication",
        "CC2.3": "external communication",
        "CC3.1": "clear objectives",
        "CC3.2": "risk identification",
        "CC3.3": "fraud risk",
        "CC3.4": "risk from change",
        "CC4.1": "monitoring of controls",
        "CC4.2": "deficiencies acted on",
        "CC5.1": "choosing controls",
        "CC5.2": "technology controls",
        "CC5.3": "policies and procedures",
        "CC6.1": "logical access protection",
        "CC6.2": "registering and removing users",
        "CC6.3": "role-based, least privilege",
        "CC6.4": "physical access",
        "CC6.5": "disposal of assets",
        "CC6.6": "boundary protection",
        "CC6.7": "data in motion and on devices",
        "CC6.8": "unwanted software",
        "CC7.1": "vulnerabilities and configuration drift",
        "CC7.2": "monitoring for anomalies",
        "CC7.3": "evaluating events",
        "CC7.4": "incident response",
        "CC7.5": "recovery from incidents",
        "CC8.1": "change management",
        "CC9.1": "disruption risk",
        "CC9.2": "vendor risk",
        "A1.1": "capacity",
        "A1.2": "backup and environment",
        "A1.3": "recovery tests",
        "C1.1": "confidential data kept",
        "C1.2": "confidential data disposed of",
    }
)
"""Reference to short label: 33 common criteria, three of availability, two of confidentiality."""


def criterion(reference: str) -> str:
    """The short label of a criterion. Raises KeyError for a reference that does not exist, naming those of its kind."""
    try:
        return CRITERIA[reference]
    except KeyError:
        group = reference.partition(".")[0]
        near = [known for known in CRITERIA if known.partition(".")[0] == group] or list(CRITERIA)
        raise KeyError(f"{reference!r} is no criterion; known are {', '.join(near)}") from None
