"""The IAM credential report: a CSV with one line per user and one for root. Pure functions over its text."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from schemas.errors import IncompletePopulation, SchemaDrift

ROOT = "<root_account>"
_ABSENT = frozenset({"N/A", "no_information", "not_supported", ""})
_NEEDED = frozenset({
    "user", "arn", "user_creation_time", "password_enabled", "password_last_used", "password_last_changed",
    "mfa_active", "access_key_1_active", "access_key_1_last_rotated", "access_key_1_last_used_date",
    "access_key_1_last_used_region", "access_key_1_last_used_service", "access_key_2_active",
    "access_key_2_last_rotated", "access_key_2_last_used_date", "access_key_2_last_used_region",
    "access_key_2_last_used_service",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One user, or root, as the report has it."""

    cells: Mapping[str, str]

    @property
    def arn(self) -> str:
        return self.cells["arn"]

    @property
    def user_name(self) -> str:
        return self.cells["user"]

    @property
    def is_root(self) -> bool:
        return self.cells["user"] == ROOT

    def instant(self, column: str) -> datetime | None:
        """An instant; None where the report says that there is none, or that it does not know."""
        text = self.cells[column]
        if text in _ABSENT:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise SchemaDrift(
                f"The credential report has {text!r} in the column {column}, which is no time."
            ) from error
        if moment.tzinfo is None:
            raise SchemaDrift(f"The credential report has a time without zone in the column {column}.")
        return moment.astimezone(UTC)

    def flag(self, column: str) -> bool | None:
        """True, false, or None where the report does not support the column for this line (root)."""
        text = self.cells[column].lower()
        if text in ("true", "false"):
            return text == "true"
        if text == "not_supported":
            return None
        raise SchemaDrift(f"The credential report has {text!r} in the column {column}; expected true or false.")

    def text(self, column: str) -> str | None:
        value = self.cells[column]
        return None if value in _ABSENT else value

    def key_places(self) -> Iterator[int]:
        """The places (1, 2) that hold an access key, active or not. A place without one is inactive and undated."""
        for place in (1, 2):
            active = self.flag(f"access_key_{place}_active")
            if active or self.instant(f"access_key_{place}_last_rotated") is not None:
                yield place


def read_report(content: bytes, *, account: str) -> Sequence[Line]:
    """The lines of a report, root among them.

    Raises `SchemaDrift` where a column is missing and `IncompletePopulation` where the report is not whole: no root, a
    line that breaks off, a user twice, or an ARN of another account.
    """
    try:
        rows = csv.reader(content.decode("utf-8").splitlines(), strict=True)
        header = next(rows, [])
        lines = [row for row in rows if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise IncompletePopulation(
            "The credential report is not readable as CSV. Nothing was kept; run again."
        ) from error
    missing = _NEEDED - set(header)
    if missing:
        raise SchemaDrift(f"The credential report lacks the columns {', '.join(sorted(missing))}.")
    if any(len(row) != len(header) for row in lines):
        raise IncompletePopulation("A line of the credential report breaks off. Nothing was kept; run again.")
    report = [Line(dict(zip(header, row, strict=True))) for row in lines]
    if sum(line.is_root for line in report) != 1:
        raise IncompletePopulation(
            "The credential report has not exactly one line for root, so it is not AWS's whole one."
        )
    if len({line.arn for line in report}) != len(report):
        raise IncompletePopulation("The credential report names a user twice. Nothing was kept; run again.")
    if any(line.arn.split(":")[4:5] != [account] for line in report):
        raise IncompletePopulation(f"The credential report asked of account {account} is of another account.")
    return report
