"""CSV read as plain rows, each with the line it begins on, so that an error can say where it is."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from connectors.positioned_yaml import Finding


class BrokenRow(ValueError):
    """A row that is not CSV. `begins` is its first line, `line` the last that was read of it; both from 1."""

    def __init__(self, error: csv.Error, begins: int, line: int) -> None:
        super().__init__(f"this is not CSV ({error}). Check the quotes")
        self.begins, self.line = begins, line


def decoded(content: bytes) -> str | Finding:
    """The text of a file, without the mark that spreadsheets put before it; or where it is not UTF-8."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return Finding(line, "the file is not UTF-8 here. Save it as UTF-8")


def rows_of(text: str, *, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """The rows that hold something, with the line each begins on. Raises BrokenRow at the first that is none."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
    begins = 1
    try:
        for cells in reader:
            line, begins = begins, reader.line_num + 1
            if any(cell.strip() for cell in cells):
                yield line, cells
    except csv.Error as error:
        raise BrokenRow(error, begins, max(reader.line_num, 1)) from None
