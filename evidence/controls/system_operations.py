"""System operations (CC7): what is watched, and what is done about it."""

from __future__ import annotations

from evidence.controls import system_operations_monitoring, system_operations_response

CONTROLS = (
    *system_operations_monitoring.CONTROLS,
    *system_operations_response.CONTROLS,
)
