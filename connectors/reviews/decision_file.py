"""Decisions as a table: written for a spreadsheet, read back with everything that is wrong, by line.

A cell that a spreadsheet would run as a formula is written with an apostrophe before it, and read without. Only the
columns `row_id`, `row_digest`, `decision` and `reason` are read; a line without a decision decides nothing.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from connectors.positioned_csv import BrokenRow, decoded, rows_of
from connectors.positioned_yaml import Finding
from connectors.programme_problems import Problem
from connectors.records.problems import InvalidRecords
from connectors.reviews.deciding import Desk, Wanted
from connectors.reviews.ledger import Review
from evidence.reviews.campaign import Campaign
from evidence.reviews.pack import PackRow
from schemas.errors import ConfigurationError
from schemas.records.values import nearest

COLUMNS = (
    "row_id", "name", "decision", "reason", "flags", "change", "changes", "kind", "persons", "email", "roles", "teams",
    "privileged", "second_factor", "active", "last_use", "last_used_at", "created_at", "owner", "manager",
    "assigned_to", "decided_by", "row_digest",
)  # fmt: skip
READ = ("row_id", "row_digest", "decision", "reason")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
MAX_BYTES = 32 * 2**20


def safe(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith((*_FORMULA, "'")) else text


def bare(text: str) -> str:
    """The cell as it was before `safe`."""
    return text[1:] if text.startswith("'") and text[1:].startswith((*_FORMULA, "'")) else text


def table(campaign: Campaign, rows: Iterable[PackRow]) -> str:
    """Rows as CSV, with what was decided about them."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    standing = campaign.standing()
    for row in rows:
        said = standing.get(row.row_id)
        more: dict[str, Any] = {
            "name": row.name, "row_digest": campaign.digests[row.row_id], "assigned_to": campaign.assigned(row),
            "decision": said and said.decision, "reason": said and said.reason, "decided_by": said and said.decided_by,
        }  # fmt: skip
        facts = {**row.to_json(), **more}
        writer.writerow([safe(_cell(facts[name])) for name in COLUMNS])
    return out.getvalue()


def _cell(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "; ".join(map(str, value))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return "" if value is None else {True: "yes", False: "no"}.get(value, str(value)) if isinstance(
        value, bool) else str(value)  # fmt: skip


def read_decisions(desk: Desk, review: Review, path: Path, by: str) -> list[Wanted]:
    """The decisions of a file that are not there already. InvalidRecords names all that is wrong by line; then nothing
    of the file may be taken."""
    problems: list[Problem] = []

    def say(line: int, message: str) -> None:
        problems.append(Problem(path.name, line, message))

    found: list[tuple[int, Wanted]] = []
    seen: dict[str, int] = {}
    standing = review.campaign.standing()
    for line, cells in _lines(path, say):
        wanted = _wanted(line, cells, say)
        if wanted is None:
            continue
        first = seen.setdefault(wanted.row_id, line)
        if first != line:
            say(line, f"{wanted.row_id} was decided on line {first} already. Remove one of them")
            continue
        held = standing.get(wanted.row_id)
        same = held is not None and (held.decision, held.reason or "") == (wanted.decision, wanted.reason or "")
        if not same or wanted.shown != review.campaign.digests.get(wanted.row_id):
            found.append((line, wanted))
    tried = desk.problems(review, [wanted for _, wanted in found], by)
    for (line, _), problem in zip(found, tried, strict=True):
        if problem is not None:
            say(line, problem)
    if problems:
        raise InvalidRecords(problems)
    return [wanted for _, wanted in found]


def _lines(path: Path, say: Any) -> list[tuple[int, Mapping[str, str]]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"the file {path} can't be read: {error.strerror}. Check the path") from error
    if len(content) > MAX_BYTES:
        raise ConfigurationError(f"the file {path} is larger than {MAX_BYTES // 2**20} MiB. Split it")
    text = decoded(content)
    if isinstance(text, Finding):
        say(text.line, text.message)
        return []
    found: list[tuple[int, Mapping[str, str]]] = []
    first = text.partition("\n")[0]
    # Spreadsheets of some countries write semicolons.
    delimiter = ";" if first.count(";") > first.count(",") else ","
    header: list[str] | None = None
    try:
        for line, cells in rows_of(text, delimiter=delimiter):
            if header is None:
                header = [cell.strip() for cell in cells]
                missing = [name for name in READ if name not in header]
                if missing:
                    near = nearest(missing[0], header)
                    say(line, f"the column {missing[0]!r} is missing.{near} Export the review with `evidence review "
                        "show --csv`, and fill in `decision` and `reason`")  # fmt: skip
                    return []
            elif len(cells) != len(header):
                say(line, f"this line has {len(cells)} cells and the header has {len(header)}. Quote a cell that "
                    "holds a comma")  # fmt: skip
            else:
                found.append((line, dict(zip(header, cells, strict=True))))
    except BrokenRow as error:
        say(error.begins, str(error))
    if not found and header is None:
        say(1, "the file is empty")
    return found


def _wanted(line: int, cells: Mapping[str, str], say: Any) -> Wanted | None:
    row_id, shown = bare(cells["row_id"]), cells["row_digest"].strip()
    decision, reason = cells["decision"].strip().lower(), bare(cells["reason"]).strip()
    if not decision:
        if reason:
            say(line, f"{row_id} has a reason and no decision. Write keep, revoke, change or escalate")
        return None
    if not shown:
        say(line, f"{row_id} has no row_digest, which says what you looked at. Export the review again")
    else:
        return Wanted(row_id, decision, reason or None, shown)
    return None
