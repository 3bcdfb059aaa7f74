"""Files of records as people write them: YAML with one record or a list of them, CSV with one in each row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connectors.positioned_csv import BrokenRow, decoded, rows_of
from connectors.positioned_yaml import MAX_BYTES, Finding, PositionedDocument, read_positioned_yaml
from connectors.written_secrets import looks_secret, texts_of
from schemas.errors import ConfigurationError
from schemas.records.model import PERFORMED_AT, Field, RecordType, problems_of
from schemas.records.values import Path as Place
from schemas.records.values import Trouble, nearest, read_values

CORROBORATION = (
    Field("what", "What confirms the time: signed commit, ticket, mail header"),
    Field("reference", "Where it is: id or address"),
    Field("at", "The time it shows", "instant"),
    Field("file", "Name of the attachment that holds it"),
)

POPULATION = (
    Field("population_at", "When the list that was decided on was taken", "instant", required=False),
    Field("population_complete", "Whether that list was whole", "flag", required=False),
    Field("undecided", "How many of its rows were left undecided", "number", required=False),
)


@dataclass(frozen=True, slots=True)
class Draft:
    """One record as written, read by the kinds of its fields."""

    about: Mapping[str, Any]
    """What every record may say beside its values: `scope_item`, `window`, `performed_at`, `signed_by`, …"""
    values: Mapping[str, Any]
    attachments: tuple[str, ...]
    line_of: Callable[[Place], int]
    line: int


@dataclass(slots=True)
class RecordFile:
    """What a file holds. With `findings` none of it may be used."""

    path: Path
    content: bytes
    drafts: list[Draft] = field(default_factory=list[Draft])
    findings: list[Finding] = field(default_factory=list[Finding])


def about_fields(record_type: RecordType) -> tuple[Field, ...]:
    """What a record of this type may say beside its values."""
    fields = [Field("scope_item", "Scope item the record is about, such as github:R_kgDO…", required=False)]
    if len(record_type.answers) > 1:
        fields.append(
            Field("control", "Control it is for", choices=tuple(one.control_id for one in record_type.answers))
        )
    if record_type.kind == "periodic":
        fields.append(Field("window", "The month (2026-04) or quarter (2026-Q2) it is for", required=False))
        fields += POPULATION
    if PERFORMED_AT in record_type.performed:
        fields.append(Field(PERFORMED_AT, "When it was done", "instant"))
    fields.append(Field("signed_by", "Who signs, where it is not " + (record_type.signer or "said elsewhere"), "person",
                        required=False))  # fmt: skip
    return tuple(fields)


def read_record_file(record_type: RecordType, path: Path, environ: Mapping[str, str]) -> RecordFile:
    """Read a file of records of one type. ConfigurationError where it can't be read at all."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"the file {path} can't be read: {error.strerror}. Check the path") from error
    file = RecordFile(path, content)
    if len(content) > MAX_BYTES:
        file.findings.append(Finding(0, f"the file is larger than {MAX_BYTES // 2**20} MiB. Split it"))
    elif path.suffix.lower() == ".csv":
        _read_csv(record_type, file)
    elif path.suffix.lower() in (".yaml", ".yml"):
        _read_yaml(record_type, file)
    else:
        file.findings.append(Finding(0, f"{path.suffix or 'no suffix'!r}: write records as .yaml, or as .csv for many. "
                                     f"`evidence record template {record_type.name}` shows how"))  # fmt: skip
    if not file.findings and not file.drafts:
        file.findings.append(Finding(1, "there is no record in the file"))
    file.findings += _secrets(file, environ)
    return file


def _secrets(file: RecordFile, environ: Mapping[str, str]) -> list[Finding]:
    found: list[Finding] = []
    for draft in file.drafts:
        for place, text in texts_of({**draft.values, **draft.about}):
            secret = looks_secret(text, environ=environ)
            if secret is not None:
                found.append(Finding(draft.line_of(place), f"this holds {secret}. Remove it, and revoke the secret"))
    return found


# --- YAML ------------------------------------------------------------------------------------------------------------


def _read_yaml(record_type: RecordType, file: RecordFile) -> None:
    document = read_positioned_yaml(file.content)
    file.findings += document.findings
    if document.findings:
        return
    data = document.data
    records: list[tuple[Place, Any]] = [((), data)] if isinstance(data, dict) else []
    if isinstance(data, list):
        records = [((number,), one) for number, one in enumerate(data)]
    elif not records:
        file.findings.append(Finding(1, "the file must be a record, or a list of records that each begin with `- `. "
                                     f"`evidence record template {record_type.name}` shows one"))  # fmt: skip
    for place, one in records:
        if isinstance(one, dict):
            _draft_of_yaml(record_type, file, document, place, one)
        else:
            file.findings.append(Finding(document.line(place), "a record has keys. Write it like `- values: …`"))


def _draft_of_yaml(
    record_type: RecordType, file: RecordFile, document: PositionedDocument, place: Place, given: dict[str, Any]
) -> None:
    about = about_fields(record_type)
    known = {*(one.name for one in about), "values", "attachments", "corroboration"}
    line = document.line(place)
    for key in given:
        if key not in known:
            inside = " It is one of the `values`" if record_type.field(str(key)) else nearest(key, known)
            at = document.line((*place, key), key=True)
            file.findings.append(Finding(at, f"unknown key {key!r}.{inside}"))
    values = given.get("values")
    if not isinstance(values, dict):
        file.findings.append(Finding(line, "the record has no `values`: the facts stand under that key"))
        return
    attachments: Any = given.get("attachments") or []
    if not isinstance(attachments, list) or not all(isinstance(one, str) for one in attachments):
        file.findings.append(
            Finding(document.line((*place, "attachments")), "attachments must be a list of file names")
        )
        attachments = []
    parts = {name: given.get(name) for name in known - {"values", "attachments"}}

    def line_of(where: Place) -> int:
        inside = where[:1] == ("corroboration",) or (where[:1] and where[0] in parts)
        full = (*place, *where) if inside else (*place, "values", *where)
        # An unknown or empty key is shown where it stands, a missing one where the values begin.
        return document.line(full, key=True) if full in document.keys else document.line(full)

    _draft(record_type, file, parts, values, tuple(attachments), line_of, line)


# --- CSV -------------------------------------------------------------------------------------------------------------


def _read_csv(record_type: RecordType, file: RecordFile) -> None:
    if not record_type.in_csv:
        file.findings.append(Finding(1, f"a {record_type.name} holds lists, for which CSV has no room. Write YAML: "
                                     f"evidence record template {record_type.name}"))  # fmt: skip
        return
    text = decoded(file.content)
    if isinstance(text, Finding):
        file.findings.append(text)
        return
    header: list[str] | None = None
    try:
        for line, cells in rows_of(text):
            if header is None:
                header = [cell.strip() for cell in cells]
                if not _header_fits(record_type, header, line, file.findings):
                    return
            elif len(cells) != len(header):
                file.findings.append(Finding(line, f"this row has {len(cells)} cells and the header has {len(header)}. "
                                             "Quote a cell that holds a comma"))  # fmt: skip
            else:
                _draft_of_row(record_type, file, dict(zip(header, cells, strict=True)), line)
    except BrokenRow as error:
        file.findings.append(Finding(error.line, str(error)))


def _columns(record_type: RecordType) -> dict[str, Field]:
    fields = [*about_fields(record_type), *(one for one in record_type.fields if one.kind != "rows")]
    return {one.name: one for one in fields}


def _header_fits(record_type: RecordType, header: list[str], line: int, findings: list[Finding]) -> bool:
    columns = _columns(record_type)
    before = len(findings)
    findings += [Finding(line, f"unknown column {name!r}.{nearest(name, columns)}")
                 for name in header if name not in columns]  # fmt: skip
    findings += [Finding(line, f"column {name!r} is there twice. Keep one")
                 for name in sorted({one for one in header if header.count(one) > 1})]  # fmt: skip
    findings += [Finding(line, f"column {name!r} is missing ({one.meaning}). Add it to the header")
                 for name, one in columns.items() if one.required and name not in header]  # fmt: skip
    return len(findings) == before


def _draft_of_row(record_type: RecordType, file: RecordFile, cells: Mapping[str, str], line: int) -> None:
    about = {one.name for one in about_fields(record_type)}
    values = {
        name: text.split() if text.strip() and _is_list(record_type, name) else text
        for name, text in cells.items()
        if name not in about
    }
    parts = {name: text for name, text in cells.items() if name in about}
    _draft(record_type, file, parts, values, (), lambda _: line, line)


def _is_list(record_type: RecordType, name: str) -> bool:
    found = record_type.field(name)
    return found is not None and found.kind in ("texts", "persons", "controls")


# --- both ------------------------------------------------------------------------------------------------------------


def _draft(
    record_type: RecordType,
    file: RecordFile,
    parts: Mapping[str, Any],
    values: Mapping[str, Any],
    attachments: tuple[str, ...],
    line_of: Callable[[Place], int],
    line: int,
) -> None:
    troubles: list[Trouble] = []
    corroboration = parts.get("corroboration")
    about = read_values(
        about_fields(record_type), {key: value for key, value in parts.items() if key != "corroboration"}, (), troubles
    )
    if corroboration is not None and not isinstance(corroboration, dict):
        troubles.append((("corroboration",), f"corroboration has keys: {', '.join(one.name for one in CORROBORATION)}"))
    elif corroboration is not None:
        about["corroboration"] = read_values(CORROBORATION, corroboration, ("corroboration",), troubles)
    read = read_values(record_type.fields, values, (), troubles)
    if not troubles:
        troubles += [((name,), f"{name}: {problem}") for name, problem in problems_of(record_type, read)]
    file.findings += [Finding(line_of(place), message) for place, message in troubles]
    if not troubles:
        file.drafts.append(Draft(about, read, attachments, line_of, line))
