"""Registers read from files: CSV by the standard library, YAML with positions; every finding has its line."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connectors.positioned_csv import BrokenRow, decoded, rows_of
from connectors.positioned_yaml import MAX_BYTES, Finding, read_positioned_yaml
from connectors.written_secrets import looks_secret, secret_lines
from evidence.programme_digest import register_digest
from schemas.register_values import read_value
from schemas.registers import Register

_Entry = tuple[int, dict[str, Any], Mapping[str, int]]
"""The line a row begins on, its cells, and the lines of those that stand on lines of their own."""


@dataclass(frozen=True, slots=True)
class LoadedRegister:
    """One register as read: its rows as plain JSON values, and the bytes they came from."""

    register: Register
    path: Path
    content: bytes
    rows: list[dict[str, Any]]
    lines: list[int]
    """The line each row begins on."""
    findings: list[Finding] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """Digest of the rows: another line ending or column order is the same register."""
        return register_digest(self.rows)


def file_of(place: object) -> str | None:
    """The file that a key of `registers` names, in the short form or the long one; None for a tracker."""
    if isinstance(place, Mapping):
        place = place.get("file")
    return place if isinstance(place, str) else None


def load_register(register: Register, path: Path, environ: Mapping[str, str] | None = None) -> LoadedRegister:
    """Read a register. What is wrong stands under `findings` and the rows are then not to be used.

    A file that is not there is a finding too: an absent list is not an empty one.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else (error.strerror or "unreadable")
        finding = Finding(0, f"the {register.name} register can't be read: {reason}. Create it (`evidence init` writes "
                          "an empty one) or leave its key out of `registers`")  # fmt: skip
        return LoadedRegister(register, path, b"", [], [], [finding])
    if len(content) > MAX_BYTES:
        finding = Finding(0, f"the file is larger than {MAX_BYTES // 2**20} MiB. Is it the right one?")
        return LoadedRegister(register, path, content, [], [], [finding])
    findings: list[Finding] = []
    raw = _yaml_rows(register, content, findings) if register.format == "yaml" else _csv_rows(
        register, content, findings
    )  # fmt: skip
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    for line, cells, places in raw:
        row: dict[str, Any] = {}
        for column in register.columns:
            value = cells.get(column.name)
            at = places.get(column.name, line)
            if isinstance(value, str) and (secret := looks_secret(value, key=column.name, environ=environ)):
                findings.append(Finding(at, f"{column.name} holds {secret}. Remove it and revoke it"))
                continue
            try:
                row[column.name] = read_value(column, value)
            except ValueError as error:
                findings.append(Finding(at, str(error)))
        rows.append(row)
        lines.append(line)
    told = {finding.line for finding in findings}
    findings += [
        Finding(line, f"this line holds {secret}. Remove it, and revoke the secret: it was in a file")
        for line, secret in secret_lines(content, environ)
        if line not in told
    ]
    if not findings:
        findings += _collisions(register, rows, lines)
    return LoadedRegister(register, path, content, rows, lines, findings)


def cross_check(registers: Mapping[str, LoadedRegister]) -> list[tuple[Path, Finding]]:
    """What one register says of another: people who are not in the people register, and the like."""
    out: list[tuple[Path, Finding]] = []
    people = registers.get("people")
    known = {row["person_id"] for row in people.rows} if people else set[str]()
    for name, column in (("people", "manager"), ("identities", "person_id"), ("devices", "person_id")):
        register = registers.get(name)
        if register is None:
            continue
        if people is None:
            out.append((register.path, Finding(0, f"the {name} register names people. Add registers.people as well")))
            continue
        for row, line in zip(register.rows, register.lines, strict=True):
            person = row.get(column)
            if person is not None and person not in known:
                near = _nearest(person, known)
                out.append((register.path, Finding(line, f"{column} {person!r} is not in the people register.{near}")))
    return out


def _csv_rows(register: Register, content: bytes, findings: list[Finding]) -> list[_Entry]:
    text = decoded(content)
    if isinstance(text, Finding):
        findings.append(text)
        return []
    header: list[str] | None = None
    rows: list[_Entry] = []
    try:
        for line, cells in rows_of(text):
            if header is None:
                header = [cell.strip() for cell in cells]
                if not _header_fits(register, header, line, findings):
                    return []
            elif len(cells) != len(header):
                findings.append(
                    Finding(line, f"this row has {len(cells)} cells and the header has {len(header)}. "
                            "Quote a cell that holds a comma, and write one cell per column")
                )  # fmt: skip
            else:
                rows.append((line, dict(zip(header, cells, strict=True)), {}))
    except BrokenRow as error:
        findings.append(Finding(error.line, str(error)))
        return []
    if header is None:
        names = ",".join(column.name for column in register.columns if column.header)
        findings.append(Finding(1, f"the file is empty. Its first line must be: {names}"))
    return rows


def _header_fits(register: Register, header: list[str], line: int, findings: list[Finding]) -> bool:
    before = len(findings)
    known = [column.name for column in register.columns]
    for name in header:
        if register.column(name) is None:
            findings.append(Finding(line, f"unknown column {name!r}.{_nearest(name, known)}"))
        elif header.count(name) > 1:
            findings.append(Finding(line, f"column {name!r} is there twice. Keep one"))
            break
    findings.extend(
        Finding(line, f"column {column.name!r} is missing ({column.meaning}). Add it to the header")
        for column in register.columns
        if column.header and column.name not in header
    )
    return len(findings) == before


def _yaml_rows(register: Register, content: bytes, findings: list[Finding]) -> list[_Entry]:
    document = read_positioned_yaml(content)
    findings += document.findings
    if document.findings or document.data is None:
        return []
    if not isinstance(document.data, list):
        findings.append(Finding(1, f"the file must be a list: begin each entry with `- {register.key[0]}: …`"))
        return []
    known = [column.name for column in register.columns]
    rows: list[_Entry] = []
    for index, entry in enumerate(document.data):
        line = document.line((index,))
        if not isinstance(entry, dict):
            findings.append(Finding(line, "this entry is not a mapping of keys. Write it like `- key: value`"))
            continue
        for key in entry:
            if key not in known:
                at = document.line((index, key), key=True)
                findings.append(Finding(at, f"unknown key {key!r}.{_nearest(key, known)}"))
        rows.append((line, entry, {key: document.line((index, key), key=True) for key in entry}))
    return rows


def _collisions(register: Register, rows: list[dict[str, Any]], lines: list[int]) -> list[Finding]:
    """Rows whose bounds are the wrong way round, and rows that are valid at once under one key."""
    findings: list[Finding] = []
    bounds = register.interval or (("start", "last_day") if register.name == "people" else None)
    seen: dict[tuple[Any, ...], list[tuple[str, str, int]]] = {}
    for row, line in zip(rows, lines, strict=True):
        first, last = "", "9999-12-31"
        if bounds is not None:
            first, last = row[bounds[0]] or first, row[bounds[1]] or last
            if last < first:
                findings.append(Finding(line, f"{bounds[1]} {last} lies before {bounds[0]} {first}. Correct one"))
                continue
        if register.interval is None:
            first, last = "", "9999-12-31"
        key = tuple(row[name] for name in register.key)
        for other_first, other_last, other_line in seen.get(key, []):
            if first <= other_last and other_first <= last:
                named = ", ".join(register.key)
                findings.append(
                    Finding(line, f"the same {named} as on line {other_line}, at the same time. Remove one or end it "
                            "before the other begins" if register.interval else
                            f"the same {named} as on line {other_line}. Remove one")
                )  # fmt: skip
                break
        seen.setdefault(key, []).append((first, last, line))
    return findings


def _nearest(name: str, known: object) -> str:
    names = [str(item) for item in known]  # type: ignore[attr-defined]
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f" Did you mean {close[0]!r}?"
    return f" Known: {', '.join(sorted(names)[:20])}" if names else ""
