"""Whatever a later version of the programme says: no cell that was expected before can vanish."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from evidence.completeness.coverage import Span, merge, subtract
from evidence.completeness.instants import ticks
from evidence.completeness.matrix import Matrix, MatrixCell
from tests.fakes.ledger_entries import ACCESS, BACKUPS, CHANGES, INVENTORY, Ledger, programme, repository

CONTROLS = (INVENTORY, ACCESS, CHANGES, BACKUPS)
DAY0 = date(2026, 1, 1)

dates = st.integers(-30, 250).map(lambda days: DAY0 + timedelta(days=days))
overrides = st.fixed_dictionaries(
    {},
    optional={
        "enabled": st.booleans(),
        "effective_from": dates.map(date.isoformat),
        "grace_days": st.integers(0, 20),
        "due_days": st.integers(0, 20),
        "evidence": st.fixed_dictionaries(
            {}, optional={"merges": st.fixed_dictionaries({"cadence": st.sampled_from(["monthly", "quarterly"])})}
        ),
    },
).map(lambda found: {**found, "reason": "r"})


@st.composite
def versions(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A normalised programme with a scope register."""
    start = draw(st.sampled_from([DAY0, DAY0 + timedelta(days=14), DAY0 + timedelta(days=59)]))
    length = draw(st.sampled_from([89, 120, 180, 200]))
    github = {
        "organisation": "acme",
        "plan": draw(st.sampled_from(["team", "enterprise_cloud"])),
        "repositories": draw(st.sampled_from([["api"], ["web"], ["api", "web"], {"topic": "production"}])),
    }
    scope: dict[str, Any] = {}
    if draw(st.booleans()):
        scope["github"] = github
    if draw(st.booleans()):
        scope["aws"] = {"accounts": draw(st.sampled_from([[{"id": "1" * 12}], [{"id": "1" * 12}, {"id": "2" * 12}]]))}
    rows: list[dict[str, Any]] = []
    if draw(st.booleans()):
        what = draw(st.sampled_from(["in", "out"]))
        # A start date decided in time moves the start; that it does and when is tested by itself.
        first = draw(st.none() | dates.map(date.isoformat)) if what == "out" else None
        item = draw(st.sampled_from(["github:R_1", "github:R_2", "aws:" + "1" * 12]))
        rows = [{"item_id": item, "decision": what, "from": first, "to": None, "reason": "r", "decided_by": "a@b.c"}]
    written = programme(
        scope=scope,
        observation_period={"start": start.isoformat(), "end": (start + timedelta(days=length)).isoformat()},
        categories=draw(st.sampled_from([["security"], ["security", "availability"]])),
        timezone=draw(st.sampled_from(["UTC", "America/New_York"])),
        controls={CHANGES.id: draw(overrides)},
    )
    return written, rows


def _short(written: dict[str, Any]) -> dict[str, Any]:
    return {key: written[key] for key in ("timezone", "observation_period", "categories", "scope", "controls")}


histories = st.lists(st.tuples(st.integers(1, 90), versions()), min_size=2, max_size=4)


Row = tuple[str, str, str]


def expected_time(matrix: Matrix) -> dict[Row, list[Span]]:
    """Time in effect by control, evidence line and scope item, over all windows."""
    found: dict[Row, list[Span]] = {}
    for cell in matrix.cells:
        row = (cell.control_id, cell.evidence_id, cell.scope_item_id)
        found.setdefault(row, []).extend(stretches(cell))
    return {row: merge(spans) for row, spans in found.items()}


def stretches(cell: MatrixCell) -> list[Span]:
    """The stretches of a window in which something is expected of its cell."""
    clipped = [part.cell.clipped for part in cell.parts]
    return [(ticks(span.start), ticks(span.end)) for span in clipped if span is not None]


def names(matrix: Matrix) -> set[tuple[str, str, str, str]]:
    """Cells in effect by key; a merged window answers to each of its names."""
    return {
        (cell.control_id, cell.evidence_id, cell.scope_item_id, name)
        for cell in matrix.cells
        if cell.cell.clipped is not None
        for name in cell.window_id.split("+")
    }


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(histories)
def test_no_later_version_makes_an_expected_cell_vanish(
    found: list[tuple[int, tuple[dict[str, Any], list[dict[str, Any]]]]],
) -> None:
    ledger = Ledger()
    topics = ["production"]
    ledger.repositories("2025-12-01", repository("R_1", "acme/api", topics=topics), repository("R_2", "acme/web"))
    recorded: list[datetime] = []
    note("\n".join(f"+{days} days: {_short(written)} {rows}" for days, (written, rows) in found))
    now = datetime(2025, 12, 20, 12, 34, 56)  # noqa: DTZ001 - the builder makes it aware
    for days, (written, rows) in found:
        ledger.programme(now.isoformat(), written, scope=rows)
        recorded.append(now)
        now += timedelta(days=days)
    end = "2027-03-01"
    final = ledger.matrix(end, *CONTROLS)
    in_effect, known = expected_time(final), names(final)
    for later in recorded[1:]:
        before = ledger.matrix((later - timedelta(microseconds=1)).isoformat(), *CONTROLS)
        if before.history.chosen.end < final.history.chosen.start:
            continue  # an earlier period that was over; it is looked at by itself
        moment = ticks(before.as_of)
        for cell in before.cells:
            begun = [(start, min(end, moment)) for start, end in stretches(cell) if start < moment]
            if not begun:
                continue
            closed = ticks(cell.cell.natural.end) <= moment
            if cell.cell.kind == "human_record" and not closed:
                continue  # its decision was not due yet, so a shorter period may still end before it
            row = (cell.control_id, cell.evidence_id, cell.scope_item_id)
            lost = subtract(begun, in_effect.get(row, []))
            assert not lost, f"{row} {cell.window_id}: {lost} was expected on {later} and is gone"
            if closed:
                assert any((*row, name) in known for name in cell.window_id.split("+")), f"{row} {cell.window_id}"


@settings(max_examples=40, deadline=None)
@given(histories)
def test_what_is_removed_is_listed(
    found: list[tuple[int, tuple[dict[str, Any], list[dict[str, Any]]]]],
) -> None:
    """A version under which something is no longer expected names itself in the list of removals."""
    ledger = Ledger()
    now = datetime(2025, 12, 20)  # noqa: DTZ001
    for days, (written, _) in found:
        ledger.programme(now.isoformat(), written)
        now += timedelta(days=days)
    history = ledger.history("2027-03-01")
    listed = {(one.version, one.kind) for one in history.removed}
    for number, (before, after) in enumerate(zip(history.versions, history.versions[1:], strict=False), start=2):
        if set(before.programme["categories"]) - set(after.programme["categories"]):
            assert (number, "category") in listed
        gone = set(before.programme["scope"]) - set(after.programme["scope"]) - {"products", "services", "policies"}
        if gone:
            assert (number, "system") in listed
        old, new = before.programme["controls"][CHANGES.id], after.programme["controls"][CHANGES.id]
        if (
            old["enabled"]
            and not new["enabled"]
            and not history.versions[0].programme["controls"][CHANGES.id].get("effective_from")
        ):
            assert any(version <= number and kind == "control" for version, kind in listed)
