"""Running tests of controls over stored evidence, and storing what they found: one row per population item."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.store.claims import stored_object
from connectors.store.objects import check, put
from evidence.completeness.coverage import intersect
from evidence.completeness.instants import instant, ticks
from evidence.completeness.model import Item, Requirement
from evidence.completeness.windows import windows_of
from evidence.controls.catalogue import catalogue_digest
from evidence.controls.model import Control
from evidence.controls.registers import registers_of
from evidence.controls.run import Span, holders_of, outcomes_body, run_control, summarise, windows_to_test
from evidence.controls.sources import SOURCES
from evidence.programme_history import ProgrammeHistory
from evidence.scope import ScopeRegister
from schemas.outcome import Outcome

if TYPE_CHECKING:
    import pyarrow as pa

    from connectors.store.evidence import LedgerEvidence
    from connectors.workspace import Workspace


@dataclass(frozen=True, slots=True)
class TestRun:
    """The outcomes of one control, and the ledger entry that names them (None when nothing was to be recorded)."""

    __test__ = False  # not a test case, whatever a test runner thinks of the name

    control_id: str
    outcomes: list[Outcome]
    entry: dict[str, Any] | None


def run_tests(
    workspace: Workspace,
    controls: Sequence[Control],
    *,
    as_of: datetime,
    windows: Sequence[str] | None = None,
    record: bool = True,
) -> Iterator[TestRun]:
    """Test controls over the windows of the period that have begun by `as_of` (or those named), whole populations.

    With `record` the rows of each control are stored as Parquet and named in an `outcomes` entry.
    """
    history = workspace.history(as_of)
    scope = workspace.scope(history)
    evidence = workspace.store.evidence(as_of, retention_days=_RETENTION)
    for control in controls:
        if control.test is None:
            continue
        outcomes, summary = _run(control, history, scope, evidence, as_of, windows)
        if not summary:
            continue
        entry = None
        if record:
            entry = workspace.store.append(
                "outcomes",
                outcomes_body(
                    control.id,
                    as_of=as_of,
                    rows=_store_rows(workspace, outcomes).to_json(),
                    summary=summary,
                    catalogue_digest=catalogue_digest(),
                    programme_digest=history.programme_digest,
                ),
            )
        yield TestRun(control.id, outcomes, entry)


def stored_outcomes(workspace: Workspace, as_of: datetime) -> Iterator[dict[str, Any]]:
    """The latest stored outcome rows of every control, window and scope item known at `as_of`, as plain JSON values."""
    import pyarrow.parquet as pq

    latest: dict[tuple[str, str, str], int] = {}
    objects: dict[int, Mapping[str, Any]] = {}
    for entry in workspace.store.entries(kinds={"outcomes"}, until=as_of):
        objects[entry["seq"]] = entry["body"]["object"]
        for summary in entry["body"]["summary"]:
            latest[entry["body"]["control_id"], summary["window_id"], summary["scope_item_id"]] = entry["seq"]
    for seq in sorted(set(latest.values())):
        path = check(workspace.store.files, stored_object(objects[seq]))
        with pq.ParquetFile(path) as file:
            rows = file.read().to_pylist()
        for row in rows:
            if latest.get((row["control_id"], row["window_id"], row["scope_item_id"])) == seq:
                yield {**row, "event_time": _text(row["event_time"]), "resolves_at": _text(row["resolves_at"])}


def _run(
    control: Control,
    history: ProgrammeHistory,
    scope: ScopeRegister,
    evidence: LedgerEvidence,
    as_of: datetime,
    wanted: Sequence[str] | None,
) -> tuple[list[Outcome], list[dict[str, Any]]]:
    from schemas.programme import Programme

    items = [item.as_scope_item() for item in scope.items(control.scope_kind)]
    registers = registers_of(history.versions)
    outcomes: list[Outcome] = []
    tested: list[Any] = []
    for window in _windows(control, history, as_of):
        if wanted is not None and window.window_id not in wanted:
            continue
        # A window is judged by the rules that were in force at its end.
        programme = Programme.from_recorded(history.programme_for_window(window.start, window.end))
        rules: dict[str, Any] = {
            "as_of": as_of, "programme": programme, "registers": registers,
            "holders": holders_of(control, scope),
        }  # fmt: skip
        tested += windows_to_test(control, [window], items, **rules)
        outcomes += run_control(control, [window], items, evidence, **rules)
    return outcomes, summarise(control, tested, outcomes)


def _windows(control: Control, history: ProgrammeHistory, as_of: datetime) -> Iterator[Span]:
    """Windows of the control's population line, clipped to the period and the control's time in effect."""
    line = next((line for line in control.evidence if line.is_population), control.evidence[0])
    requirement = Requirement(kind=line.kind, cadence=line.window_cadence)
    spans = history.control_spans(control.id, control.category)
    for window in windows_of(history.chosen.period, requirement, Item()):
        if window.clipped is None:
            continue
        for start, end in intersect(list(spans), [(ticks(window.clipped.start), ticks(window.clipped.end))]):
            if instant(start) < as_of:
                yield Span(window.window_id, instant(start), instant(end))


def _retention() -> dict[str, float]:
    """What the source of each stream remembers, by dataset; sources without a limit are left out."""
    from evidence.controls.catalogue import datasets

    found: dict[str, float] = {}
    for dataset in datasets():
        days = SOURCES[dataset.source].plan_days
        if dataset.kind == "event_stream" and days:
            found[dataset.name] = days
    return found


_RETENTION = _retention()


def outcome_schema() -> pa.Schema:
    """Columns of stored outcome rows."""
    import pyarrow as pa

    text, moment = pa.string(), pa.timestamp("us", tz="UTC")
    required = [
        ("control_id", text), ("evidence_id", text), ("window_id", text), ("scope_item_id", text), ("scope_item", text),
        ("item_id", text), ("event_time", moment), ("outcome", text), ("codes", pa.list_(text)), ("explanation", text),
        ("evidence", pa.list_(text)),
    ]  # fmt: skip
    return pa.schema(
        [*(pa.field(name, kind, nullable=False) for name, kind in required), pa.field("resolves_at", moment)]
    )


def _store_rows(workspace: Workspace, outcomes: Iterable[Outcome]) -> Any:
    import pyarrow as pa

    from connectors.store.parquet import write_parquet

    schema = outcome_schema()
    rows = [{name: getattr(outcome, name) for name in schema.names} for outcome in outcomes]
    rows.sort(key=lambda row: (row["scope_item_id"], row["window_id"], row["evidence_id"], row["item_id"]))
    with tempfile.TemporaryDirectory(prefix="evidence-outcomes-") as folder:
        path = Path(folder) / "outcomes.parquet"
        written = write_parquet(path, schema, [pa.Table.from_pylist(rows, schema=schema)])
        return put(
            workspace.store.files, "objects", ".parquet", path, rows=written.rows, rows_sha256=written.rows_sha256
        )


def _text(moment: datetime | None) -> str | None:
    from schemas.instants import format_instant

    return None if moment is None else format_instant(moment)
