"""Logical access (CC6): how people sign in, what they may do, what the outside can reach."""

from __future__ import annotations

from evidence.controls.logical_access_boundary import DEVICES, ENCRYPTION, EXPOSURE, PHYSICAL, SECRETS
from evidence.controls.logical_access_rights import ACCESS_REVIEW, ADMINISTRATORS, APPROVED_ACCESS, LEAVERS
from evidence.controls.logical_access_sign_in import CREDENTIALS, HIGHEST_POWERS, SECOND_FACTOR

CONTROLS = (
    SECOND_FACTOR,
    HIGHEST_POWERS,
    APPROVED_ACCESS,
    LEAVERS,
    ACCESS_REVIEW,
    ADMINISTRATORS,
    CREDENTIALS,
    EXPOSURE,
    ENCRYPTION,
    DEVICES,
    SECRETS,
    PHYSICAL,
)
