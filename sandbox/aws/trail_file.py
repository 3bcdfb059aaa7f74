"""The trail of a company: part of `aws.yaml`; events beside those that follow from it stand in `aws.trail.jsonl`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, Field

from sandbox.aws.record_file import AccountId
from sandbox.company import Strict
from schemas.errors import ConfigurationError


class Pause(Strict):
    """Logging was stopped: nothing is delivered, and the chain of digests begins anew after it."""

    start: AwareDatetime
    end: AwareDatetime


class Trail(Strict):
    """A trail over all regions with validation, and the bucket that it is delivered to."""

    name: str
    account: AccountId = Field(description="Whose trail it is.")
    region: str = Field(default="us-east-1", description="Its home region.")
    bucket: str
    prefix: str = ""
    organisation: bool = Field(default=False, description="Delivered for every account of the organisation.")
    started: AwareDatetime
    pauses: list[Pause] = Field(default_factory=list[Pause])


def load_trail_events(folder: Path) -> list[dict[str, Any]]:
    """Read `aws.trail.jsonl`: one record of CloudTrail a line; none where there is no such file."""
    path = folder / "aws.trail.jsonl"
    if not path.is_file():
        return []
    records: list[dict[str, Any]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            record: Any = json.loads(line)
        except ValueError as error:
            raise ConfigurationError(f"{path.name}, line {number}: no JSON") from error
        wanted = ("eventID", "eventTime", "awsRegion", "recipientAccountId")
        if not isinstance(record, dict) or not all(record.get(name) for name in wanted):
            raise ConfigurationError(f"{path.name}, line {number}: a record of CloudTrail has {', '.join(wanted)}")
        records.append(record)
    return records
