"""The shape of a record type: what somebody must say, once and for all, for it to be evidence of a control.

A record is what a person did or decided, written down as values of declared fields. The command that records, its
templates, its messages and what tests of controls find under `StoredRecord.values` all follow from one declaration.
Values are plain JSON as they stand in the ledger: texts, `YYYY-MM-DD` days, instants with `Z`, numbers, truth values,
lists of texts, lists of mappings; a field that was not filled in is None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

FieldKind = Literal[
    "text", "day", "instant", "person", "person_id", "address", "number", "decimal", "texts", "persons", "controls",
    "flag", "digest", "rows",
]  # fmt: skip
"""`person` and `persons` are e-mail addresses of the people register, aliases included; `person_id` is a key of it;
`address` an e-mail address of anybody. `digest` is `sha256:` with 64 hexadecimal digits. `controls` are ids of the
catalogue. `rows` is a list of mappings with fields of their own."""

RecordKind = Literal["periodic", "document", "response", "not_applicable", "disposition"]
"""How completeness judges the record; the last two are about cells and population items (specification, 4 and 7)."""

Values = Mapping[str, Any]
Problem = tuple[str, str]
"""Field, and what is wrong with what to do about it."""

PERFORMED_AT = "performed_at"
"""The key beside the values that says when it was done, for types that name no field of their own for it."""


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a record, or of a row inside one."""

    name: str
    meaning: str
    kind: FieldKind = "text"
    required: bool = True
    choices: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()
    """Of `rows`: the fields of each row."""
    current: str | None = None
    """Of a `digest`: what `current` stands for: a register (its recorded version), or `ledger` (its head, by which a
    report of completeness can be made again)."""
    example: str = ""
    """For the template, as it is written in YAML; made up from the kind where nothing is said."""

    def __post_init__(self) -> None:
        if (self.kind == "rows") != bool(self.fields):
            raise ValueError(f"field {self.name}: rows have fields, and nothing else has")


@dataclass(frozen=True, slots=True)
class Answers:
    """An evidence line that a record is for."""

    control_id: str
    evidence_id: str


@dataclass(frozen=True, slots=True)
class RecordType:
    """Declaration of one type of record."""

    name: str
    title: str
    kind: RecordKind
    answers: tuple[Answers, ...]
    """The lines it can be for, the usual one first; empty where a record names its own control."""
    fields: tuple[Field, ...]
    performed: tuple[str, ...]
    """The instant fields that say when it was done: the latest one given counts. `performed_at` is the common key."""
    signer: str | None
    """The field whose person answers for the record; None where `signed_by` stands alone."""
    auditor: tuple[str, ...]
    """What an auditor looks for, in sentences that the template shows."""
    attachments: tuple[str, ...] = ()
    """What should be attached."""
    item: str | None = None
    """The field that names the scope item (`policy_id` gives `policy:<policy_id>`); None: `scope_item` must say."""
    item_prefix: str = ""
    check: Callable[[Values], Iterable[Problem]] | None = None
    """What can't be, whatever the control says: a waiver without reason. Never what would be an exception."""

    def __post_init__(self) -> None:
        names = [field.name for field in self.fields]
        if len(set(names)) != len(names):
            raise ValueError(f"record type {self.name} declares a field twice")
        for name in self.performed:
            found = self.field(name)
            if name != PERFORMED_AT and (found is None or found.kind != "instant"):
                raise ValueError(f"record type {self.name}: {name} is no instant field")

    def field(self, name: str) -> Field | None:
        """The field of that name, or None."""
        return next((field for field in self.fields if field.name == name), None)

    @property
    def in_csv(self) -> bool:
        """Whether one line of a table holds all that a record needs."""
        return not any(field.kind == "rows" and field.required for field in self.fields)


def problems_of(record_type: RecordType, values: Values) -> Iterator[Problem]:
    """What the type's own check says against values that are of the right kinds."""
    if record_type.check is not None:
        yield from record_type.check(values)


def actions(meaning: str, *, required: bool = False) -> Field:
    """Things to be done, each with an owner and a due day."""
    return Field(
        "actions",
        meaning,
        "rows",
        required=required,
        fields=(
            Field("id", "An id of your own, by which later records speak of it"),
            Field("text", "What is to be done"),
            Field("owner", "Who does it", "person"),
            Field("due", "Last day for it", "day"),
            Field("done_at", "When it was done; empty while it is open", "instant", required=False),
            Field("redated_by", "Who decided on a later due day", "person", required=False),
        ),
    )
