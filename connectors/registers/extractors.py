"""Which extractor fills which dataset of the company's own records, by system."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.registers.endpoints import tls_endpoints
from connectors.registers.lists import devices, disposals, people, risks, training_completions, uptime, vendors
from connectors.registers.pages import published_pages
from schemas.extraction import Extractor
from schemas.own import (
    DEVICES,
    DISPOSALS,
    PEOPLE,
    PUBLISHED_PAGES,
    RISKS,
    TLS_ENDPOINTS,
    TRAINING_COMPLETIONS,
    UPTIME,
    VENDORS,
)

HR: Mapping[str, Extractor] = {PEOPLE.name: people}
OWN: Mapping[str, Extractor] = {
    RISKS.name: risks,
    VENDORS.name: vendors,
    DEVICES.name: devices,
    PUBLISHED_PAGES.name: published_pages,
    TLS_ENDPOINTS.name: tls_endpoints,
    TRAINING_COMPLETIONS.name: training_completions,
    DISPOSALS.name: disposals,
    UPTIME.name: uptime,
}
