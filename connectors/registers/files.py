"""A register as a source: the file's bytes, their digest, when it was written, its rows or what is wrong with them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from connectors.register_files import LoadedRegister, load_register
from connectors.registers.session import RecordsClient
from connectors.source_clock import MAX_SKEW_SECONDS
from schemas.dataset import Dataset
from schemas.errors import ClockSkew, ConfigurationError
from schemas.extraction import Sink
from schemas.instants import format_instant
from schemas.registers import REGISTERS

_SHOWN_FINDINGS = 10


@dataclass(frozen=True, slots=True)
class RegisterRead:
    """One register as it was at `observed_at`."""

    loaded: LoadedRegister
    file: str
    sha256: str
    written_at: datetime
    observed_at: datetime

    @property
    def rows(self) -> list[dict[str, Any]]:
        return self.loaded.rows

    def parameters(self) -> dict[str, Any]:
        """What a claim says of the file: which one, its digest, when it was written, how many rows."""
        return {
            "register": self.loaded.register.name, "file": self.file, "sha256": self.sha256,
            "rows_digest": self.loaded.digest, "exported_at": format_instant(self.written_at),
            "row_count": len(self.rows),
        }  # fmt: skip

    def entries(self, item: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Each row of the register, with the columns that every dataset of a register has."""
        for row, line in zip(self.rows, self.loaded.lines, strict=True):
            yield row, {
                "scope_item_id": item, "line": line, "register_file": self.file, "register_sha256": self.sha256,
                "exported_at": self.written_at, "raw": orjson.dumps(row).decode(),
            }  # fmt: skip

    def says_empty(self) -> str | None:
        """What shows that the register is empty on purpose. A file with nothing in it at all shows nothing."""
        if self.rows:
            return None
        if self.loaded.register.format == "csv":
            return f"{self.file} has its header and no rows"
        text = self.loaded.content.decode("utf-8-sig")
        written = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        return f"{self.file} says [], an empty list" if written == ["[]"] else None


def read_register(client: RecordsClient, name: str, dataset: Dataset, sink: Sink | None) -> RegisterRead:
    """Read and check a register; its bytes go to the sink as received.

    Raises ConfigurationError, with file, line and fix, where the programme does not name it, it can't be read or
    something in it is wrong; ClockSkew where the file claims to have been written in the future.
    """
    file = client.files.get(name)
    if file is None:
        raise ConfigurationError(
            f"The programme names no {name} register, so {dataset.name} has nothing to read. Add registers.{name}."
        )
    path = client.folder / file
    written_at = _written_at(path)
    observed_at = client.now()
    loaded = load_register(REGISTERS[name], path, client.environ)
    if loaded.findings:
        raise _refused(file, loaded)
    assert written_at is not None, "a file that was read has a time"
    if written_at > observed_at + timedelta(seconds=MAX_SKEW_SECONDS):
        if not client.simulated:
            raise ClockSkew(
                f"{file} says it was written at {format_instant(written_at)}, which is still to come here. Set the "
                "clock of this machine (NTP), or write the file anew."
            )
        written_at = observed_at  # a simulated company's clock may stand in the past of the machine's files
    sha256 = hashlib.sha256(loaded.content).hexdigest()
    if sink is not None:
        sink.answer(
            dataset=dataset, method="READ", url=f"file:{file}", status=0, headers={}, body=loaded.content,
            parameters={"register": name, "sha256": sha256, "written_at": format_instant(written_at)},
        )  # fmt: skip
    return RegisterRead(loaded, file, sha256, written_at, observed_at)


def holds_on(row: Mapping[str, Any], at: datetime, zone: str) -> bool:
    """Whether a row with `from` and `to` is valid on the local day of an instant."""
    day = at.astimezone(ZoneInfo(zone)).date()
    first, last = row.get("from"), row.get("to")
    return (first is None or date.fromisoformat(first) <= day) and (last is None or day <= date.fromisoformat(last))


def _written_at(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return None


def _refused(file: str, loaded: LoadedRegister) -> ConfigurationError:
    shown = [
        f"{file}{f':{finding.line}' if finding.line else ''}: {finding.message}"
        for finding in loaded.findings[:_SHOWN_FINDINGS]
    ]
    more = len(loaded.findings) - len(shown)
    return ConfigurationError("\n".join([*shown, f"and {more} more"] if more > 0 else shown))
