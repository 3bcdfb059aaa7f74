"""`evidence record`: what people did and decided, from files they write into the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import cyclopts
from cyclopts import Parameter

from cli.options import DEFAULT_OPTIONS, Options
from cli.output import print_json, printable, say
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from schemas.records.model import RecordType

record = cyclopts.App(
    name="record",
    help=(
        "Records of people: minutes, reviews, approvals, exercises and the like.\n\n"
        "`evidence record kinds` lists what there is, `evidence record template KIND` writes a file to fill in, "
        "`evidence record KIND FILE` records it."
    ),
)


def add_commands(app: cyclopts.App) -> None:
    """Add this module's commands."""
    app.command(record)


@record.default
def record_file(
    kind: str,
    file: Path,
    /,
    *,
    attach: Annotated[tuple[Path, ...], Parameter(negative="")] = (),
    sign_with: Path | None = None,
    options: Options = DEFAULT_OPTIONS,
) -> None:
    """Record everything in a file, or nothing where any of it is wrong.

    Recording the same file again changes nothing. A record counts from when it was done if it arrives within 72 hours
    or a trace of that day is attached, otherwise from when it is recorded.

    Parameters
    ----------
    kind
        Kind of record, such as minutes; `evidence record kinds` lists them.
    file
        YAML with one record or a list of them; CSV with one in each row.
    attach
        A file that goes with each of the records; may be given more than once.
    sign_with
        Your own key file (`evidence record key`). Without it the record says that nobody knows who signed.
    """
    from connectors.records.recording import record_file as record_all
    from connectors.store.signer import Signer
    from connectors.workspace import open_workspace

    record_type = _type(kind)
    if sign_with is not None and not sign_with.is_file():
        raise ConfigurationError(f"there is no key file {sign_with}. Make one: evidence record key {sign_with}")
    signer = None if sign_with is None else Signer.load(sign_with)
    workspace = open_workspace(options.program, now=options.clock())
    found = record_all(workspace, record_type, file, attach=attach, signer=signer)
    if options.json:
        print_json({
            "records": [
                {
                    "ledger": one.entry, "digest": one.digest, "new": one.new, "kind": kind,
                    "control_id": one.body["control_id"], "evidence_id": one.body["evidence_id"],
                    "scope_item_id": one.body["scope_item_id"],
                    "window": one.body["for_window"] or one.body.get("window"),
                    "signed_by": one.body["signed_by"], "signed_how": one.body["signed_how"],
                }
                for one in found
            ]
        })  # fmt: skip
        return
    new = [one for one in found if one.new]
    say(f"{len(new)} of {len(found)} recorded" + ("" if len(new) == len(found) else "; the others were there already"))
    for one in found[:20]:
        what = " ".join(filter(None, (one.body["control_id"], one.body["scope_item_id"], one.body["for_window"])))
        print(printable(f"{one.entry:6}  {one.digest}  {kind}  {what}"))
    if signer is None and any(one.body["signed_by"] for one in new):
        say("note: not signed with a key, so the record says that it is not known who signed it (--sign-with)")


@record.command(name="kinds")
def kinds(*, options: Options = DEFAULT_OPTIONS) -> None:
    """List the kinds of records, with the controls they are evidence of."""
    from schemas.records import RECORD_TYPES

    if options.json:
        print_json({
            "kinds": [
                {
                    "kind": one.name, "title": one.title, "completeness": one.kind, "csv": one.in_csv,
                    "answers": [
                        {"control_id": line.control_id, "evidence_id": line.evidence_id} for line in one.answers
                    ],
                    "auditor": list(one.auditor), "attachments": list(one.attachments),
                    "fields": [_field_json(field) for field in one.fields],
                }
                for one in RECORD_TYPES.values()
            ]
        })  # fmt: skip
        return
    for one in RECORD_TYPES.values():
        controls = ", ".join(line.control_id for line in one.answers) or "any control"
        print(f"{one.name:26} {controls:24} {one.title}")


@record.command(name="template")
def template(kind: str, /) -> None:
    """Print a file to fill in, with what each value means and what an auditor looks for.

    Parameters
    ----------
    kind
        Kind of record; `evidence record kinds` lists them.
    """
    from connectors.records.templates import template as text_of

    print(text_of(_type(kind)), end="")


@record.command(name="list")
def list_records(*, control: str | None = None, kind: str | None = None, options: Options = DEFAULT_OPTIONS) -> None:
    """List what was recorded, oldest first.

    Parameters
    ----------
    control
        Only records of this control.
    kind
        Only records of this kind.
    """
    from connectors.records.listing import recorded
    from connectors.workspace import open_workspace

    if kind is not None:
        _type(kind)
    workspace = open_workspace(options.program, now=options.clock(), read_only=True)
    found = list(recorded(workspace, control=control, kind=kind))
    if options.json:
        print_json({"records": found})
        return
    for one in found:
        what = " ".join(filter(None, (one["control_id"], one["scope_item_id"], one["window"])))
        when = one["performed_at"] if one["counts_from"] == one["performed_at"] else (
            f"{one['performed_at']} as claimed, counts from {one['counts_from']}"
        )  # fmt: skip
        by = f"{one['signed_by'] or 'nobody'} ({'by key' if one['signed_how'] == 'key' else 'not authenticated'})"
        print(printable(f"{one['ledger']:6}  {one['kind']}  {what}"))
        print(printable(f"        {when}; signed by {by}; {one['digest']}"))


@record.command(name="key")
def key(file: Path, /) -> None:
    """Make a key to sign records with, and print what the programme must say of it.

    The file stays with you and nobody else can read it; its public half goes into the programme beside your address.

    Parameters
    ----------
    file
        Where to keep the key; one that is there is only shown.
    """
    from connectors.store.signer import Signer
    from evidence.signed_record import public_key_text

    signer = Signer.load(file)
    print(f'key: "{public_key_text(signer.public_key)}"')
    say("Write this line beside your address in people.reviewers or people.approvers (`- {email: …, key: …}`), and let "
        "`evidence programme record` be run.")  # fmt: skip


def _type(kind: str) -> RecordType:
    from schemas.records import RECORD_TYPES
    from schemas.records.values import nearest

    try:
        return RECORD_TYPES[kind]
    except KeyError:
        raise ConfigurationError(f"there is no kind of record {kind!r}.{nearest(kind, RECORD_TYPES)}") from None


def _field_json(field: Any) -> dict[str, Any]:
    return {
        "name": field.name, "meaning": field.meaning, "kind": field.kind, "required": field.required,
        "choices": list(field.choices), "fields": [_field_json(inner) for inner in field.fields],
    }  # fmt: skip
