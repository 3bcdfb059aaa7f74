"""Records of services: part of `aws.yaml`, or by themselves in `aws.records.yaml` beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AwareDatetime, Field, TypeAdapter

from sandbox.company import Strict, read_model

AccountId = Annotated[str, Field(pattern=r"^\d{12}$")]


class RecordChange(Strict):
    """From here on the record shows these members as well, or other values of them."""

    at: AwareDatetime
    shows: dict[str, Any]


class Record(Strict):
    """Something that a service shows, in the words of its API: see `sandbox.aws.records`."""

    account: AccountId
    region: str
    kind: str = Field(description="For example `guardduty.finding`; the kinds stand in docs/sandbox.md.")
    at: AwareDatetime = Field(description="From when on the service shows it.")
    until: AwareDatetime | None = Field(default=None, description="From when on it does not any more.")
    shows: dict[str, Any]
    changes: list[RecordChange] = Field(default_factory=list[RecordChange])


class AwsRecords(Strict):
    """The whole of `aws.records.yaml`."""

    records: list[Record] = Field(default_factory=list[Record])


_RECORDS: TypeAdapter[AwsRecords] = TypeAdapter(AwsRecords)


def load_records(folder: Path) -> list[Record]:
    """Read `aws.records.yaml`; none where there is no such file. Raises ConfigurationError."""
    path = folder / "aws.records.yaml"
    return read_model(path, _RECORDS).records if path.is_file() else []
