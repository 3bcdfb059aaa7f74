"""Ticket references in the words of a change (CC8-CHG-01 E8)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from schemas.programme_rules import EvidenceRules

_ENTITY = re.compile(r"&#x?[0-9a-fA-F]+;")
_STANDARDS = frozenset(
    {"AES", "CVE", "CWE", "ES", "GPT", "HTTP", "IEC", "IEEE", "ISO", "MD", "PEP", "RFC", "RSA", "SHA", "TLS", "UTF"}
)
"""Names that look like the key of a tracker (`UTF-8`, `SHA-256`, `CVE-2026`) and are none."""


class TicketRule:
    """What counts as a reference, and which changes need none; compiled once per window."""

    def __init__(self, rules: EvidenceRules) -> None:
        self.required = rules.tickets_required
        self._pattern = re.compile(rules.ticket_pattern)
        # A pattern of the company's own means what it says; the general one also matches names of standards.
        self._general = rules.ticket_pattern == type(rules).model_fields["ticket_pattern"].default
        self._exempt = frozenset(label.casefold() for label in rules.ticket_exempt_labels)

    def exempting_label(self, labels: Iterable[str]) -> str | None:
        """A label by which the policy asks for no ticket."""
        return next((label for label in labels if label.casefold() in self._exempt), None)

    def reference(self, pull: Mapping[str, Any]) -> str | None:
        """The first reference in linked issues, title, branch and body of a pull request; its own number is none."""
        issues = pull.get("closing_issues") or ()
        if issues:
            return str(issues[0])
        own = f"#{pull['number']}"
        # The parts of a branch name are looked at one by one: `feature/ABC-12` holds a key of its own.
        for text in (pull["title"], *(pull.get("head_ref") or "").split("/"), pull.get("body")):
            found = self._first(text or "", own)
            if found is not None:
                return found
        return None

    def _first(self, text: str, own: str) -> str | None:
        for match in self._pattern.finditer(_ENTITY.sub(" ", text)):
            reference = match.group(0).strip(" \t\r\n()[]{},.:;")
            standard = self._general and reference.partition("-")[0] in _STANDARDS
            if reference and reference != own and not standard:
                return reference
        return None
