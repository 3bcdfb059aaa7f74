"""Which operations show records of the company file, service by service."""

from __future__ import annotations

from sandbox.aws.records import SHIMS
from sandbox.aws.shown import (
    alarms,
    compliance,
    delivery,
    guardduty,
    identity_center,
    operations,
    securityhub,
    vulnerabilities,
)

MODULES = (alarms, compliance, delivery, guardduty, identity_center, operations, securityhub, vulnerabilities)

__all__ = ["MODULES", "SHIMS"]
