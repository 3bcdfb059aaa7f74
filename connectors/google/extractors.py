"""Which function fills which dataset."""

from __future__ import annotations

from connectors.google.accounts import accounts
from connectors.google.administrators import administrators
from connectors.google.domains import domains
from connectors.google.users import users
from schemas.extraction import Extractor
from schemas.google import ACCOUNTS, ADMINISTRATORS, DOMAINS, USERS

EXTRACTORS: dict[str, Extractor] = {
    USERS.name: users,
    DOMAINS.name: domains,
    ACCOUNTS.name: accounts,
    ADMINISTRATORS.name: administrators,
}
"""The extractor of each dataset of this system."""
