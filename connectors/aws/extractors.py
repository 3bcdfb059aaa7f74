"""Which extractor fills which dataset of AWS."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.aws.accounts import accounts
from connectors.aws.privileges import privileges
from connectors.aws.sign_in import sign_in_and_keys
from schemas.aws import ACCESS_KEYS, ACCOUNTS, PRIVILEGES, SIGN_IN
from schemas.extraction import Extractor

EXTRACTORS: Mapping[str, Extractor] = {
    ACCOUNTS.name: accounts,
    SIGN_IN.name: sign_in_and_keys,
    ACCESS_KEYS.name: sign_in_and_keys,
    PRIVILEGES.name: privileges,
}
"""By dataset name. An extractor that stands here twice fills both datasets in one pass when asked for both."""
