"""Which operations show records of the company file, service by service."""

from __future__ import annotations

from sandbox.aws.records import SHIMS
from sandbox.aws.shown import (
    alarms,
    buckets,
    compliance,
    configuration,
    delivery,
    guardduty,
    identity_center,
    operations,
    securityhub,
    trail,
    vulnerabilities,
)

MODULES = (
    alarms, buckets, compliance, configuration, delivery, guardduty, identity_center, operations, securityhub, trail,
    vulnerabilities,
)  # fmt: skip

__all__ = ["MODULES", "SHIMS"]
