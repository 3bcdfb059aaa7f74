"""Which function fills which dataset."""

from __future__ import annotations

from connectors.google.accounts import accounts
from connectors.google.activities import admin_activities, drive_activities, sign_ins, token_activities
from connectors.google.administrators import administrators
from connectors.google.alerts import alerts, detectors
from connectors.google.approvals import document_approvals
from connectors.google.devices import devices
from connectors.google.domains import domains
from connectors.google.policies import policies
from connectors.google.reviews import held_reviews
from connectors.google.usage import usage_reports
from connectors.google.users import users
from schemas.extraction import Extractor
from schemas.google import (
    ACCOUNTS,
    ADMIN_ACTIVITIES,
    ADMINISTRATORS,
    ALERTS,
    DETECTORS,
    DEVICES,
    DOCUMENT_APPROVALS,
    DOMAINS,
    DRIVE_ACTIVITIES,
    HELD_REVIEWS,
    POLICIES,
    SIGN_INS,
    TOKEN_ACTIVITIES,
    USAGE_REPORTS,
    USERS,
)

EXTRACTORS: dict[str, Extractor] = {
    # Apart from every stream: with an interval it rebuilds a past day.
    USERS.name: users,
    DOMAINS.name: domains,
    ACCOUNTS.name: accounts,
    ADMINISTRATORS.name: administrators,
    ADMIN_ACTIVITIES.name: admin_activities,
    SIGN_INS.name: sign_ins,
    TOKEN_ACTIVITIES.name: token_activities,
    DRIVE_ACTIVITIES.name: drive_activities,
    USAGE_REPORTS.name: usage_reports,
    POLICIES.name: policies,
    DEVICES.name: devices,
    ALERTS.name: alerts,
    DETECTORS.name: detectors,
    DOCUMENT_APPROVALS.name: document_approvals,
    HELD_REVIEWS.name: held_reviews,
}
"""The extractor of each dataset of this system."""
