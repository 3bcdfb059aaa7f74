"""From a file of records to entries of the ledger: all of it is checked before any of it is recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.positioned_yaml import Finding
from connectors.programme_problems import Problem
from connectors.records.accepting import Acceptance
from connectors.records.attachments import Attachment, read_attachment
from connectors.records.decisions import approval_body, disposition_body, request_body
from connectors.records.problems import InvalidRecords
from connectors.records.reading import POPULATION, Draft, RecordFile, read_record_file
from connectors.records.writing import append_record
from connectors.store.signer import Signer
from connectors.workspace import Workspace
from evidence.ledger import canonical, digest
from evidence.people import BOTH_LISTS
from evidence.record import BACKDATING
from evidence.signed_record import RECORD_FORMAT, document_bytes
from schemas.instants import format_instant, parse_instant
from schemas.records.model import Field, RecordType
from schemas.records.values import CURRENT, FILE


@dataclass(frozen=True, slots=True)
class Recorded:
    """One record of a file: its digest, and the entry it stands in now."""

    digest: str
    entry: int
    """Number of the ledger entry."""
    new: bool
    """False where the same record was there already."""
    body: Mapping[str, Any]


def record_file(
    workspace: Workspace,
    record_type: RecordType,
    path: Path,
    *,
    attach: Sequence[Path] = (),
    signer: Signer | None = None,
) -> list[Recorded]:
    """Record everything in a file. InvalidRecords names all that is wrong, and then nothing was recorded.

    `attach` are files that go with each of its records. With `signer` each is signed by the person it names, whose key
    that must be. What is in the ledger already, word for word, is left as it is.
    """
    workspace.store.check_writable()
    file = read_record_file(record_type, path, workspace.environ)
    prepared = _Preparation(workspace, record_type, file, attach, signer)
    records = prepared.records()
    if file.findings:
        raise InvalidRecords([Problem(path.name, finding.line, finding.message) for finding in file.findings])
    return _write(workspace, file, records, signer)


@dataclass(frozen=True, slots=True)
class _Prepared:
    body: dict[str, Any]
    attachments: tuple[Attachment, ...]


class _Preparation:
    """Checks the records of a file against the programme and makes the bodies of their entries."""

    def __init__(
        self, workspace: Workspace, record_type: RecordType, file: RecordFile, attach: Sequence[Path],
        signer: Signer | None,
    ) -> None:  # fmt: skip
        self.workspace = workspace
        self.record_type = record_type
        self.file = file
        self.signer = signer
        self.accept = Acceptance(workspace)
        self._read: dict[str, Attachment | None] = {}
        self._common = [found for path in attach if (found := self._attachment(str(path), 0, anywhere=True))]

    def records(self) -> list[_Prepared]:
        found: list[_Prepared] = []
        seen: dict[bytes, int] = {}
        for draft in self.file.drafts:
            before = len(self.file.findings)
            prepared = self._prepare(draft)
            if prepared is None or len(self.file.findings) > before:
                continue
            first = seen.setdefault(canonical(prepared.body), draft.line)
            if first != draft.line:
                self._say(draft.line, f"the same record as on line {first}. Remove one")
            found.append(prepared)
        return found

    def _say(self, line: int, message: str) -> None:
        self.file.findings.append(Finding(line, message))

    def _prepare(self, draft: Draft) -> _Prepared | None:
        record_type, accept = self.record_type, self.accept
        attachments = [*self._common]
        for name in draft.attachments:
            found = self._attachment(name, draft.line_of(("attachments",)), anywhere=False)
            attachments += [found] if found is not None and found not in attachments else []
        performed = accept.performed_at(record_type, draft)
        values = self._with_digests(record_type.fields, draft.values, attachments, performed, draft)
        before = len(self.file.findings)
        for place, message in accept.check_values(record_type.fields, values):
            self._say(draft.line_of(place), message)
        if len(self.file.findings) > before:
            return None

        def trouble(key: str, message: str) -> None:
            self._say(draft.line_of((key,)), message)

        if performed > accept.now:
            trouble(record_type.performed[0], f"{format_instant(performed)} has not come yet: {accept.not_yet}")
        corroboration = self._corroboration(draft, performed, attachments)
        signer = accept.signer(record_type, draft)
        body: dict[str, Any] = {
            "format": RECORD_FORMAT,
            "store_id": self.workspace.store.store_id,
            "record_kind": record_type.kind,
            "record_type": record_type.name,
            "control_id": None,
            "evidence_id": None,
            "scope_item_id": None,
            "for_window": None,
            "performed_at": format_instant(performed),
            "signed_by": signer,
            "corroborated": corroboration is not None,
            "values": values,
            "attachments": [
                {"name": one.name, "digest": one.digest, "bytes": one.bytes, "media_type": one.media_type}
                for one in attachments
            ],
        }
        if corroboration is not None:
            body["corroboration"] = corroboration
        body |= {one.name: draft.about[one.name] for one in POPULATION if draft.about.get(one.name) is not None}
        place = self._placed(draft, body, trouble)
        if place is None:
            return None
        body |= place
        problem = self._signature_trouble(body, signer, draft)
        if problem is not None:
            trouble("signed_by" if draft.about.get("signed_by") else record_type.signer or "signed_by", problem)
        return _Prepared(body, tuple(attachments))

    def _placed(self, draft: Draft, body: Mapping[str, Any], trouble: Any) -> dict[str, Any] | None:
        """Control, line, item and window, and what decisions about cells and items say beside."""
        record_type, accept = self.record_type, self.accept
        if record_type.name == "not_applicable":
            return request_body(accept, draft, trouble)
        if record_type.name == "not_applicable_approval":
            return approval_body(accept, draft, trouble)
        if record_type.name == "disposition":
            return disposition_body(accept, draft, trouble)
        control_id = draft.about.get("control") or record_type.answers[0].control_id
        answers = next(one for one in record_type.answers if one.control_id == control_id)
        place = accept.place(
            answers.control_id, answers.evidence_id, self._item(draft, trouble), draft.about.get("window"),
            parse_instant(str(body["performed_at"])), trouble,
        )  # fmt: skip
        if place is None:
            return None
        return {
            "control_id": place.control.id, "evidence_id": place.line.id, "scope_item_id": place.item.id,
            "for_window": place.window,
        }  # fmt: skip

    def _item(self, draft: Draft, trouble: Any) -> str | None:
        """The scope item: as the record says, or by the field of its type that names it."""
        record_type, said = self.record_type, draft.about.get("scope_item")
        if record_type.item is None:
            return said
        named = f"{record_type.item_prefix}{draft.values[record_type.item].removeprefix(record_type.item_prefix)}"
        if said not in (None, named):
            trouble("scope_item", f"{said!r} is another item than {record_type.item} names ({named}). Leave one out")
        return named

    def _signature_trouble(self, body: Mapping[str, Any], signer: str | None, draft: Draft) -> str | None:
        at = parse_instant(str(body["performed_at"]))
        if self.record_type.kind == "response" and signer is None:
            if self.signer is not None:
                return "say whose signature it is: `signed_by: name@example.com`"
            return None
        if self.record_type.kind in ("periodic", "document", "disposition"):
            problem = self.accept.signer_trouble(signer, at, BOTH_LISTS)
        elif self.record_type.name == "not_applicable_approval":
            problem = self.accept.signer_trouble(signer, at, ("approvers",))
        else:
            problem = None
        if problem is None and self.signer is not None and signer is not None:
            problem = self.accept.key_trouble(signer, self.signer.public_key, at)
        return problem

    # --- digests and attachments -------------------------------------------------------------------------------------

    def _attachment(self, name: str, line: int, *, anywhere: bool) -> Attachment | None:
        if name not in self._read:
            try:
                self._read[name] = read_attachment(name, self.file.path.parent, anywhere=anywhere)
            except ValueError as error:
                self._say(line, str(error))
                self._read[name] = None
        return self._read[name]

    def _with_digests(
        self, fields: Sequence[Field], values: Mapping[str, Any], attachments: Sequence[Attachment],
        performed: datetime, draft: Draft, where: tuple[str | int, ...] = (),
    ) -> dict[str, Any]:  # fmt: skip
        """The values with `file:NAME` and `current` replaced by the digests they stand for."""
        out = dict(values)
        for field in fields:
            value = values.get(field.name)
            place = (*where, field.name)
            if field.kind == "rows" and value:
                out[field.name] = [
                    self._with_digests(field.fields, row, attachments, performed, draft, (*place, number))
                    for number, row in enumerate(value)
                ]
            elif field.kind == "digest" and isinstance(value, str):
                try:
                    out[field.name] = self._digest(field, value, attachments, performed)
                except ValueError as error:
                    self._say(draft.line_of(place), str(error))
        return out

    def _digest(self, field: Field, value: str, attachments: Sequence[Attachment], performed: datetime) -> str:
        if value.startswith(FILE):
            name = value.removeprefix(FILE).strip()
            for one in attachments:
                if one.name == Path(name).name:
                    return one.digest
            raise ValueError(f"{field.name}: {name!r} is not attached. Add it to `attachments`, or use --attach")
        return self._current(field, performed) if value == CURRENT else value

    def _current(self, field: Field, performed: datetime) -> str:
        """What was current when it was done, so that the same file is the same record whenever it is recorded."""
        before = performed - timedelta(microseconds=1)
        if field.current == "ledger":
            found = self.workspace.store.head_at(before)
        else:
            bodies = [one.body for one in self.workspace.store.index()
                      if one.kind == "programme" and one.body and one.recorded_at <= before]  # fmt: skip
            held = bodies[-1]["registers"].get(field.current) if bodies else None
            found = None if held is None else held["digest"]
        if found is None:
            raise ValueError(f"{field.name}: no {field.current} was recorded before {format_instant(performed)}. Write "
                             "the digest of what was meant")  # fmt: skip
        return str(found)

    def _corroboration(
        self, draft: Draft, performed: Any, attachments: Sequence[Attachment]
    ) -> Mapping[str, Any] | None:
        """The trace that confirms when it was done. It must be of that time, and it must be here."""
        said: Mapping[str, Any] | None = draft.about.get("corroboration")
        if said is None:
            return None
        held = next((one for one in attachments if one.name == Path(said["file"]).name), None)
        if held is None:
            self._say(draft.line_of(("corroboration", "file")), f"{said['file']!r} is not attached. What confirms a "
                      "time must be kept with the record: add it to `attachments`")  # fmt: skip
        if parse_instant(said["at"]) > self.accept.now:
            self._say(
                draft.line_of(("corroboration", "at")), f"at {said['at']} has not come yet: {self.accept.not_yet}"
            )
        elif abs(parse_instant(said["at"]) - performed) > BACKDATING:
            self._say(draft.line_of(("corroboration", "at")), f"a trace of {said['at']} does not confirm what was done "
                      f"on {format_instant(performed)}: more than {_hours(BACKDATING)} hours lie between. Name a trace "
                      "of that day, or leave `corroboration` out")  # fmt: skip
        return None if held is None else {**said, "digest": held.digest}


def _hours(span: timedelta) -> int:
    return int(span / timedelta(hours=1))


def _write(
    workspace: Workspace, file: RecordFile, records: Sequence[_Prepared], signer: Signer | None
) -> list[Recorded]:
    store = workspace.store
    known = _known(workspace)
    stored: dict[str, dict[str, Any]] = {}
    source: dict[str, Any] | None = None
    recorded: list[Recorded] = []
    for prepared in records:
        data = document_bytes(prepared.body)
        name = digest(data)
        there = known.get(name, {})
        # A record that nobody was known to have signed can still be signed: that is another entry.
        same = there.get("key") or (there.get("unauthenticated") if signer is None else None)
        if same is not None:
            recorded.append(Recorded(name, same[0], False, same[1]))
            continue
        for one in prepared.attachments:
            if one.digest not in stored:
                stored[one.digest] = store.put_document(one.content, one.suffix).to_json()
        if source is None:
            source = {"name": file.path.name, **store.put_document(file.content, file.path.suffix.lower()).to_json()}
        entry = append_record(
            store, prepared.body, [stored[one.digest] for one in prepared.attachments], signer=signer, file=source
        )
        body, how = entry["body"], entry["body"]["signed_how"]
        known.setdefault(name, {})[how] = entry["seq"], body
        recorded.append(Recorded(name, entry["seq"], True, body))
    return recorded


def _known(workspace: Workspace) -> dict[str, dict[str, tuple[int, Mapping[str, Any]]]]:
    """Records that are there, by digest and way of signing."""
    known: dict[str, dict[str, tuple[int, Mapping[str, Any]]]] = {}
    for entry in workspace.store.index():
        body = entry.body
        if entry.kind == "record" and body and body.get("format") == RECORD_FORMAT:
            known.setdefault(body["object"]["digest"], {})[body["signed_how"]] = entry.seq, body
    return known
