"""Templates of records: commented YAML that says what each value means and what an auditor looks for."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from connectors.records.reading import CORROBORATION, about_fields
from evidence.controls.catalogue import control as control_of
from schemas.records.model import Field, RecordType
from schemas.records.values import CURRENT, FILE

_EXAMPLES = {
    "text": "…", "day": "2026-04-30", "instant": "2026-04-30T14:00:00Z", "person": "name@example.com",
    "person_id": "p001", "address": "name@example.com", "number": "0", "decimal": "0.5", "flag": "yes",
    "digest": "sha256:" + "0" * 64, "texts": "[…]", "persons": "[name@example.com]", "controls": "[CC6-PHY-01]",
}  # fmt: skip


def template(record_type: RecordType) -> str:
    """A file to fill in. Values stand with examples; what may be left out is commented."""
    return "\n".join(_lines(record_type)) + "\n"


def _lines(record_type: RecordType) -> Iterator[str]:
    yield from _comment(f"{record_type.title}.")
    for answers in record_type.answers:
        control = control_of(answers.control_id)
        yield from _comment(f"Evidence of {control.id} ({control.title}), line {answers.evidence_id}.")
    yield "#"
    yield "# What an auditor looks for:"
    for sentence in record_type.auditor:
        yield from _comment(f"- {sentence}", hanging=2)
    if record_type.attachments:
        yield from _comment("- Attached: " + " ".join(record_type.attachments), hanging=2)
    yield "#"
    yield from _comment(
        f"Fill it in and run: evidence record {record_type.name} FILE. Several records are a list, each beginning with "
        "`- `. Lines that begin with # may be left out."
    )
    if record_type.in_csv:
        columns = [one.name for one in about_fields(record_type) if one.required]
        columns += [one.name for one in record_type.fields if one.required]
        yield from _comment("Or as CSV, one record in a row, with at least these columns: " + ",".join(columns))
    yield ""
    for field in about_fields(record_type):
        if field.name == "scope_item" and record_type.item is not None:
            continue
        # Which window and item it is for is nearly always to be said.
        shown = field.required or field.name == "window"
        example = "2026-Q2" if field.name == "window" else ""
        yield from _field(field, "", shown, example)
    if record_type.attachments:
        yield from _comment("Files beside this one that go with it")
        yield "# attachments: [file.pdf]"
    yield from _comment(
        "Recorded more than 72 hours after it was done, a record counts from when it is recorded, unless a trace of "
        "that day in a system with a clock of its own is attached:"
    )
    yield "# corroboration:"
    for field in CORROBORATION:
        yield f"#   {field.name}: {_EXAMPLES[field.kind]}  # {field.meaning}"
    yield ""
    yield "values:"
    for field in record_type.fields:
        yield from _field(field, "  ", field.required)


def _field(field: Field, indent: str, shown: bool, example: str = "") -> Iterator[str]:
    mark = "" if shown else "# "
    yield from _comment(_meaning(field), indent=indent)
    if field.kind != "rows":
        yield f"{indent}{mark}{field.name}: {example or _example(field)}"
        return
    yield f"{indent}{mark}{field.name}:"
    for number, inner in enumerate(field.fields):
        dash = "- " if number == 0 else "  "
        optional = "" if inner.required or not shown else "# "
        note = _meaning(inner) + ("" if inner.required else "; may be left out")
        yield f"{indent}{mark}  {dash}{optional}{inner.name}: {_example(inner)}  # {note}"


def _example(field: Field) -> str:
    if field.example:
        return f'"{field.example}"' if field.kind == "text" else field.example
    if field.choices:
        return field.choices[0]
    return _EXAMPLES[field.kind]


def _meaning(field: Field) -> str:
    text = field.meaning
    if field.choices:
        text += f" ({' | '.join(field.choices)})"
    if field.kind == "digest":
        text += f"; {FILE}NAME stands for that of an attached file"
    if field.current is not None:
        text += f", {CURRENT} for that of what is recorded now"
    return text


def _comment(text: str, *, indent: str = "", hanging: int = 0) -> list[str]:
    return textwrap.wrap(
        text, 110, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# {' ' * hanging}", break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
