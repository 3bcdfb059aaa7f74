"""Governance (CC1 to CC5): people, policies, the scope of the system, risks, and watching the controls themselves."""

from __future__ import annotations

from evidence.controls import governance_communication, governance_monitoring, governance_people

CONTROLS = (
    *governance_people.CONTROLS,
    *governance_communication.CONTROLS,
    *governance_monitoring.CONTROLS,
)
