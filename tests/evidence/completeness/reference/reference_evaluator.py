"""A second, deliberately simple answer to "is this window completely evidenced?".

It is written straight from the text of the specification "Observation-period completeness for SOC 2 Type II" and
shares no line with the product's engine, so that the two can be compared on random cases. Clarity before speed:
coverage is decided segment by segment between all boundary instants, and the time of proof by evaluating again
with every prefix of the objects in the order in which the store learnt them.

`evaluate_case(case)` takes one case of the case-file format after template merge (`merge_template`) and returns
window id -> {"state", "gap", "until", "next_loss", "flags", "holes": [{"from", "to", "first_loss", "total_loss"}]};
instants are `YYYY-MM-DDTHH:MM:SSZ` strings or None. `roll_up(cells)` returns the vector of section 10.

Numbers in brackets name sections of the specification. Lines marked "Reading:" are decisions where the text is
silent or can be read in two ways; the more demanding reading is taken.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

Document = dict[str, Any]
Cell = dict[str, Any]

BEGINNING = datetime.min.replace(tzinfo=UTC)
END = datetime.max.replace(tzinfo=UTC)
CLOCK_TOLERANCE = timedelta(seconds=60)

COVERED = {"collected", "collected_late", "performed_late", "empty_population_confirmed", "exception_noted"}
NOT_EXPECTED = {"not_in_effect", "not_applicable", "not_due"}
SEVERITY = [  # [5] worst first; partial counts twice, by its gap
    "missing_unrecoverable",
    "not_performed",
    "partial/unrecoverable",
    "invalid",
    "partial/recoverable",
    "missing_recoverable",
    "human_decision_overdue",
    "failed",
    "empty_unconfirmed",
    "due",
    "human_decision_pending",
    "exception_noted",
    "performed_late",
    "collected_late",
    "empty_population_confirmed",
    "collected",
    "not_due",
    "not_applicable",
    "not_in_effect",
]


class Interval(NamedTuple):
    """Half-open: the start belongs to it, the end does not."""

    start: datetime
    end: datetime


class Hole(NamedTuple):
    start: datetime
    end: datetime
    first_loss: datetime | None
    total_loss: datetime | None


class Window(NamedTuple):
    """A calendar slice in local days: natural bounds, and the same clipped to the period. End days are exclusive."""

    id: str
    natural_first: date
    natural_end: date
    first: date
    end: date


# ---------------------------------------------------------------------------------------------- reading a case


def merge_template(document: Document, case: Document) -> Document:
    """The case merged over its template: `requirement` key by key, every other key as a whole."""
    template = document["templates"][case["template"]] if "template" in case else {}
    requirement = {**template.get("requirement", {}), **case.get("requirement", {})}
    return {**template, **case, "requirement": requirement}


def instant(value: Any) -> datetime | None:
    """An aware UTC instant from a string or from what a YAML reader makes of one; None stays None."""
    if value is None:
        return None
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def required_instant(value: Any) -> datetime:
    moment = instant(value)
    if moment is None:
        raise ValueError("an instant is missing in the case")
    return moment


def day_of(value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else date.fromisoformat(str(value))


def text_of(moment: datetime | None) -> str | None:
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def known(case: Document, key: str, moment: datetime) -> list[Document]:
    """[2] The objects of one kind that the store had learnt by `moment`."""
    return [o for o in case.get(key) or [] if (instant(o.get("recorded_at")) or BEGINNING) <= moment]


def days(count: float) -> timedelta:
    return timedelta(days=count)


# ---------------------------------------------------------------------------------------------- local calendar


@cache
def local_midnight(day: date, zone: str) -> datetime:
    """[3.1] The first instant at which the local clock shows `day` 00:00 or later.

    Midnight that does not exist gives the first instant after the jump, midnight that occurs twice the earlier one.
    """
    tz = ZoneInfo(zone)
    wanted = datetime.combine(day, time())
    moment = datetime.combine(day, time(), UTC) - timedelta(hours=15)  # no zone is further than 14 h ahead
    while moment.astimezone(tz).replace(tzinfo=None) < wanted:
        moment += timedelta(minutes=1)
    return moment


def midnight(case: Document, day: date) -> datetime:
    return local_midnight(day, case["period"].get("tz") or "UTC")


def period_of(case: Document) -> Interval:
    first, last = day_of(case["period"]["start"]), day_of(case["period"]["end"])
    return Interval(midnight(case, first), midnight(case, last + days(1)))


def windows_of(case: Document) -> list[Window]:
    """[3, 10a] Every window that overlaps the period, short snapshot stubs merged into their neighbours."""
    first, end = day_of(case["period"]["start"]), day_of(case["period"]["end"]) + days(1)
    cadence = case["requirement"]["cadence"]
    if cadence == "annual":
        return [Window("period", first, end, first, end)]
    months = {"monthly": 1, "quarterly": 3}[cadence]
    found: list[Window] = []
    start = date(first.year, (first.month - 1) // months * months + 1, 1)
    while start < end:
        following = month_later(start, months)
        name = f"{start:%Y-%m}" if months == 1 else f"{start.year}-Q{(start.month + 2) // 3}"
        found.append(Window(name, start, following, max(start, first), min(following, end)))
        start = following
    if case["requirement"]["kind"] == "snapshot":
        shortest = days(case["requirement"].get("min_stub_days", 7))
        if len(found) > 1 and found[0].end - found[0].first < shortest:
            found[0:2] = [joined(found[0], found[1])]
        if len(found) > 1 and found[-1].end - found[-1].first < shortest:
            found[-2:] = [joined(found[-2], found[-1])]
    return found


def month_later(day: date, months: int) -> date:
    return date(day.year + (day.month - 1 + months) // 12, (day.month - 1 + months) % 12 + 1, 1)


def joined(left: Window, right: Window) -> Window:
    return Window(f"{left.id}+{right.id}", left.natural_first, right.natural_end, left.first, right.end)


def deadline_of(case: Document, window: Window) -> datetime:
    """[10a] due + grace: local days after the end of the period-clipped window, for human records of the natural."""
    requirement = case["requirement"]
    end = window.natural_end if requirement["kind"] == "human_record" else window.end
    return midnight(case, end + days(requirement.get("due_days", 0)) + days(requirement.get("grace_days", 0)))


# ---------------------------------------------------------------------------------------------- interval arithmetic


def outside(pieces: list[Interval], covers: list[Interval]) -> list[Interval]:
    """What of `pieces` lies in none of `covers`, decided for every segment between two neighbouring boundaries."""
    boundaries = sorted({b for interval in pieces + covers for b in interval})
    left: list[Interval] = []
    for piece in pieces:
        inner = [b for b in boundaries if piece.start <= b <= piece.end]
        for start, end in pairwise(inner):
            if any(cover.start <= start and end <= cover.end for cover in covers):
                continue
            if left and left[-1].end == start and start != piece.start:
                left[-1] = Interval(left[-1].start, end)
            else:
                left.append(Interval(start, end))
    return left


def within(pieces: list[Interval], limit: Interval) -> list[Interval]:
    cut = [Interval(max(p.start, limit.start), min(p.end, limit.end)) for p in pieces]
    return [p for p in cut if p.start < p.end]


def length(pieces: list[Interval]) -> timedelta:
    return sum((p.end - p.start for p in pieces), timedelta())


# ---------------------------------------------------------------------------------------------- clipping, scope, NA


def in_effect(case: Document) -> Interval:
    requirement, item = case["requirement"], case.get("item") or {}
    return Interval(
        max(instant(requirement.get("effective_from")) or BEGINNING, instant(item.get("in_scope_from")) or BEGINNING),
        min(instant(requirement.get("effective_to")) or END, instant(item.get("in_scope_to")) or END),
    )


def clipped(case: Document, window: Window) -> list[Interval]:
    """[3.2] The window cut to the period, the control's effective interval and the item's; empty or one piece.

    Reading: human windows are cut to the period too, for the questions "does it exist" and "is it not applicable".
    """
    bounds = Interval(midnight(case, window.first), midnight(case, window.end))
    return within([bounds], in_effect(case))


def counted_notes(case: Document, moment: datetime) -> list[Document]:
    """[5, 7, 10a] Not-applicable notes that count: reason, requester, another approver, recorded by `moment`.

    Reading: a note that names no requester can't show that the approver is someone else, and is no note.
    """
    return [
        note
        for note in case.get("not_applicable") or []
        if note.get("reason")
        and note.get("requested_by")
        and note.get("approved_by")
        and note["requested_by"] != note["approved_by"]
        and note_recorded_at(note) <= moment
    ]


def note_recorded_at(note: Document) -> datetime:
    return instant(note.get("recorded_at")) or required_instant(note.get("approved_at"))


def note_interval(note: Document) -> Interval:
    return Interval(required_instant(note["from"]), required_instant(note["to"]))


def remaining(case: Document, window: Window, moment: datetime) -> list[Interval]:
    """[5, step 2] The clipped window without what approved not-applicable notes take out of it.

    Reading: from here on the remainder is the window. It closes at the end of its last piece, and a quorum of
    snapshots must stand inside it.
    """
    return outside(clipped(case, window), [note_interval(note) for note in counted_notes(case, moment)])


# ---------------------------------------------------------------------------------------------- retention


def sources_of(case: Document) -> list[tuple[timedelta | None, Interval]]:
    """Memory (None: no limit) and switched-on interval of every source; `sources` wins over `retention_days`."""
    requirement = case["requirement"]
    listed = requirement.get("sources") or [{"retention_days": requirement.get("retention_days")}]
    return [
        (
            None if source.get("retention_days") is None else days(source["retention_days"]),
            Interval(instant(source.get("on_from")) or BEGINNING, instant(source.get("on_to")) or END),
        )
        for source in listed
    ]


def losses(case: Document, lost: Interval) -> tuple[datetime | None, datetime | None]:
    """[6] First and total loss of an interval: the latest date among the sources on during the whole of it."""
    memories = [m for m, on in sources_of(case) if on.start <= lost.start and lost.end <= on.end]
    if not memories:
        return lost.start, lost.start
    limited = [m for m in memories if m is not None]
    if len(limited) < len(memories):
        return None, None
    return lost.start + max(limited), lost.end + max(limited)


# ---------------------------------------------------------------------------------------------- event streams


class Claim(NamedTuple):
    covers: Interval
    run: Document


def claim_of(case: Document, run: Document, trust_bad_files: bool = False) -> Claim | None:
    """[4] What a run may assert, or None.

    Reading: "its own times" is `started_at`; the interval asked may lie ahead of the clock, the claim can't.
    Reading: the lower trim takes the longest memory of all listed sources, whether or not they were on then.
    """
    status = run.get("status") or "ok"
    if status == "error" or (status == "truncated" and run.get("complete_until") is None):
        return None
    if (run.get("integrity") or "ok") != "ok" and not trust_bad_files:
        return None
    started = required_instant(run["started_at"])
    if started > required_instant(run["recorded_at"]) + CLOCK_TOLERANCE:
        return None
    memories = [memory for memory, _ in sources_of(case)]
    start = required_instant(run["from"])
    if all(memory is not None for memory in memories):
        start = max(start, started - max(memory for memory in memories if memory is not None))
    end = min(required_instant(run["to"]), started - timedelta(hours=case["requirement"].get("lag_hours", 0)))
    end = min(end, instant(run.get("complete_until")) or END)
    return Claim(Interval(start, end), run) if start < end else None


def hash_of(run: Document) -> str:
    return run.get("query_hash") or ""


def answers(run: Document, query_hash: str) -> bool:
    """[4] The same query, or one this very run states to be a proven superset of it.

    Reading: not transitive, and not inherited by other runs with the superset's hash.
    """
    wider = run.get("superset_of") or []
    return hash_of(run) == query_hash or query_hash in ([wider] if isinstance(wider, str) else wider)


class StreamProof(NamedTuple):
    required: list[Interval]
    uncovered: list[Interval]
    some_proof: bool
    has_rows: bool
    alive: bool


def stream_proof(case: Document, window: Window, moment: datetime, trust_bad_files: bool = False) -> StreamProof:
    """Coverage by the query group with the least left uncovered, from what was known at `moment`.

    Reading: groups are named by the hashes of runs that claim something, in any window; the whole answer (holes,
    rows, proof of life) is that of the one reported group.
    """
    required = remaining(case, window, moment)
    claims = [c for c in (claim_of(case, r, trust_bad_files) for r in known(case, "runs", moment)) if c]
    reports: list[tuple[timedelta, str, StreamProof]] = []
    for query_hash in {hash_of(claim.run) for claim in claims}:
        group = [claim for claim in claims if answers(claim.run, query_hash)]
        touching = [claim for claim in group if within(required, claim.covers)]
        lively = [claim.covers for claim in touching if claim.run.get("proof_of_life")]
        proof = StreamProof(
            required,
            uncovered=outside(required, [claim.covers for claim in group]),
            some_proof=bool(touching),
            has_rows=any(rows_of(claim.run, window) > 0 for claim in touching),
            alive=not outside(required, lively) and always_on(case, required),
        )
        reports.append((length(proof.uncovered), query_hash, proof))
    if not reports:
        return StreamProof(required, required, some_proof=False, has_rows=False, alive=False)
    return min(reports, key=lambda report: report[:2])[2]


def rows_of(run: Document, window: Window) -> int:
    """[10a] Rows in this window; a run without `rows` counts as having some.

    Reading: a window that `rows_by_window` does not name had no rows; `rows` alone stands for every window touched.
    """
    if run.get("rows_by_window") is not None:
        return run["rows_by_window"].get(window.id, 0)
    return 1 if run.get("rows") is None else run["rows"]


def always_on(case: Document, required: list[Interval]) -> bool:
    """[4] "with the source switched on all along". Reading: one and the same source, for all of the window."""
    return any(all(on.start <= p.start and p.end <= on.end for p in required) for _, on in sources_of(case))


def stream_cell(case: Document, window: Window, as_of: datetime) -> Cell:
    proof = stream_proof(case, window, as_of)
    closes = proof.required[-1].end
    deadline = deadline_of(case, window)
    flags = common_flags(case, window, as_of)
    if not proof.uncovered:

        def covered(moment: datetime) -> bool:
            then = stream_proof(case, window, moment)
            return not then.uncovered

        def complete(moment: datetime) -> bool:
            # Reading: an unconfirmed zero is "not covered", so the cell was not yet complete while it was one.
            then = stream_proof(case, window, moment)
            return not then.uncovered and (then.has_rows or then.alive)

        proof_at = first_moment(case, "runs", as_of, complete) or first_moment(case, "runs", as_of, covered)
        late = proof_at is not None and proof_at > deadline
        return satisfied_cell(
            case,
            window,
            as_of,
            flags,
            "collected_late" if late else "collected",
            late,
            empty=None if proof.has_rows else proof.alive,
        )

    # [10a] in an open window only time up to as_of - lag can be a hole
    settled = as_of - timedelta(hours=case["requirement"].get("lag_hours", 0))
    counted = proof.uncovered if as_of >= closes else within(proof.uncovered, Interval(BEGINNING, settled))
    holes = [Hole(*hole, *losses(case, hole)) for hole in counted]
    dates = [hole.first_loss for hole in holes if hole.first_loss is not None]
    lost = any(moment <= as_of for moment in dates)
    verified_would_do = not stream_proof(case, window, as_of, trust_bad_files=True).uncovered
    if verified_would_do:
        state = "invalid"
    elif lost:
        # Reading: without any proof it is missing_unrecoverable as soon as a part is lost, though part can be saved.
        state = "partial" if proof.some_proof else "missing_unrecoverable"
    elif as_of < closes:
        state = "not_due"
    elif as_of <= deadline:
        state = "failed" if latest_attempt_failed(case, window, as_of) else "due"
    else:
        state = "partial" if proof.some_proof else "missing_recoverable"
    gap = "unrecoverable" if lost else "recoverable" if holes else "none"
    return make_cell(state, gap, min(dates, default=None), next_loss(holes, [], as_of), flags, holes)


def latest_attempt_failed(case: Document, window: Window, as_of: datetime) -> bool:
    """Reading: attempts are the known runs that asked for some of the remaining window; the latest is the last to
    arrive, then the last to start; where both are equal an error counts."""
    required = remaining(case, window, as_of)
    attempts = [
        (required_instant(run["recorded_at"]), required_instant(run["started_at"]), run.get("status") == "error")
        for run in known(case, "runs", as_of)
        if within(required, Interval(required_instant(run["from"]), required_instant(run["to"])))
    ]
    return bool(attempts) and max(attempts)[2]


# ---------------------------------------------------------------------------------------------- snapshots


class SnapshotProof(NamedTuple):
    required: list[Interval]
    uncovered: list[Interval]  # after the allowance: these can be holes
    allowance: Interval | None  # only while nothing has proven it
    unproven: bool  # some of the window lies in that unproven allowance
    inside: int
    quorum: int

    @property
    def satisfied(self) -> bool:
        return not self.uncovered and not self.unproven and self.inside >= self.quorum


def snapshot_proof(case: Document, window: Window, moment: datetime, trust_bad_files: bool = False) -> SnapshotProof:
    """[4, 10a] Coverage by snapshots.

    Reading: a snapshot observed more than 60 s after its arrival proves nothing, as for runs.
    Reading: any earlier good snapshot, however old, takes the allowance away.
    Reading: a first snapshot exactly `max_gap` after the start is not inside the half-open allowance.
    """
    required = remaining(case, window, moment)
    reach = timedelta(hours=case["requirement"]["max_gap_hours"])
    seen = sorted(
        required_instant(s["observed_at"])
        for s in known(case, "snapshots", moment)
        if ((s.get("integrity") or "ok") == "ok" or trust_bad_files)
        and required_instant(s["observed_at"]) <= required_instant(s["recorded_at"]) + CLOCK_TOLERANCE
    )
    covers = [Interval(t, t + reach) for t in seen]
    start = max(period_of(case).start, in_effect(case).start)
    allowance = Interval(start, start + reach)
    first_within = [t for t in seen if allowance.start <= t < allowance.end]
    if any(t < start for t in seen):
        allowance = None
    elif first_within:
        covers.append(Interval(start, first_within[0]))
        allowance = None
    uncovered = outside(required, covers)
    return SnapshotProof(
        required,
        outside(uncovered, [allowance]) if allowance else uncovered,
        allowance,
        unproven=bool(allowance and within(uncovered, allowance)),
        inside=sum(any(p.start <= t < p.end for p in required) for t in seen),
        quorum=0 if stub_without_quorum(case, window) else case["requirement"].get("min_count", 1),
    )


def stub_without_quorum(case: Document, window: Window) -> bool:
    """[3.3] A short stub caused by a late-created item.

    Reading: the late creation alone must make it short: fewer than `min_stub_days` local days from `in_scope_from`
    to the end of the period-clipped window. A late control, an early end or a not-applicable note does not.
    """
    created = instant((case.get("item") or {}).get("in_scope_from"))
    if created is None or created <= midnight(case, window.first):
        return False
    return created > midnight(case, window.end - days(case["requirement"].get("min_stub_days", 7)))


def snapshot_cell(case: Document, window: Window, as_of: datetime) -> Cell:
    proof = snapshot_proof(case, window, as_of)
    closes = proof.required[-1].end
    deadline = deadline_of(case, window)
    flags = common_flags(case, window, as_of)
    if stub_without_quorum(case, window):
        flags.add("stub_without_quorum")
    if proof.satisfied:
        proof_at = first_moment(case, "snapshots", as_of, lambda t: snapshot_proof(case, window, t).satisfied)
        late = proof_at is not None and proof_at > deadline
        return satisfied_cell(case, window, as_of, flags, "collected_late" if late else "collected", late)

    replayable = bool(case["requirement"].get("reconstructible"))
    counted = within(proof.uncovered, Interval(BEGINNING, as_of))
    holes = [Hole(*hole, *(losses(case, hole) if replayable else (hole.start, hole.start))) for hole in counted]
    # what is missed without being a hole: the quorum of a closed window, an allowance nobody proved
    missed: list[Interval] = []
    if as_of >= closes and proof.inside < proof.quorum:
        missed.append(Interval(proof.required[0].start, closes))
    if proof.unproven and proof.allowance and as_of >= proof.allowance.end:
        missed.append(proof.allowance)
    until: datetime | None = None
    last_dates: list[datetime] = []
    if replayable:
        last_dates = [end for end in (losses(case, interval)[1] for interval in missed) if end is not None]
        dates = [hole.first_loss for hole in holes if hole.first_loss is not None] + last_dates
        until = min(dates, default=None)
        lost = any(moment <= as_of for moment in dates)
    else:
        lost = bool(holes or missed)
    if snapshot_proof(case, window, as_of, trust_bad_files=True).satisfied:
        state = "invalid"
    elif lost:
        # Reading: coverage carried over from before the window is no proof of it; a snapshot inside is.
        state = "partial" if proof.inside else "missing_unrecoverable"
    elif as_of < closes:
        state = "not_due"
    elif as_of <= deadline:
        state = "due"
    else:
        state = "partial" if proof.inside else "missing_recoverable"
    gap = "unrecoverable" if lost else "recoverable" if holes or missed or as_of >= closes else "none"
    return make_cell(state, gap, until, next_loss(holes, last_dates, as_of), flags, holes)


# ---------------------------------------------------------------------------------------------- human records


class Performance(NamedTuple):
    performed_at: datetime  # the time that counts
    recorded_at: datetime
    defects: frozenset[str]  # what makes the record invalid
    timing: frozenset[str]  # backdated, recorded_late


def performances(case: Document, window: Window, as_of: datetime) -> list[Performance]:
    """[4, 10a] The known records for one window with the time that counts, earliest first."""
    found: list[Performance] = []
    limit = timedelta(hours=case["requirement"].get("max_record_delay_hours", 72))
    for record in known(case, "records", as_of):
        if record["for_window"] != window.id:
            continue
        signed, recorded = required_instant(record["performed_at"]), required_instant(record["recorded_at"])
        counts_as, timing = signed, frozenset[str]()
        if recorded - signed > limit:
            timing = frozenset({"recorded_late" if record.get("corroborated") else "backdated"})
            counts_as = signed if record.get("corroborated") else recorded
        defects = record_defects(case, record, signed, counts_as)
        found.append(Performance(counts_as, recorded, defects, timing))
    return sorted(found, key=lambda p: (p.performed_at, p.recorded_at, sorted(p.defects), sorted(p.timing)))


def record_defects(case: Document, record: Document, signed: datetime, counts_as: datetime) -> frozenset[str]:
    """Reading: the age of the population is measured to the time that counts (a disbelieved signature date does not
    rejuvenate the list), its being later than the signature against the date on the signature."""
    defects: set[str] = set()
    if (record.get("integrity") or "ok") != "ok":
        defects.add("integrity_warning")
    if record.get("undecided"):
        defects.add("signed_off_with_undecided_rows")
    if record.get("population_complete") is False:
        defects.add("population_incomplete")
    population_at, max_age = instant(record.get("population_at")), case["requirement"].get("pack_max_age_days")
    if max_age is not None and population_at is None:
        defects.add("population_missing")
    if population_at is not None:
        if population_at > signed:
            defects.add("population_after_signature")
        if max_age is not None and counts_as - population_at > days(max_age):
            defects.add("population_stale")
    if signed > required_instant(record["recorded_at"]):
        defects.add("performed_after_recorded")
    return frozenset(defects)


def periodic_cell(case: Document, window: Window, as_of: datetime) -> Cell:
    """[3.4, 4, 5] One record per natural window, performed inside [W0, late limit)."""
    opens, closes = midnight(case, window.natural_first), midnight(case, window.natural_end)
    late_limit = midnight(case, window.natural_end + days(case["requirement"].get("late_limit_days", 60)))
    deadline = deadline_of(case, window)
    flags = common_flags(case, window, as_of)
    every = performances(case, window, as_of)
    timely = [p for p in every if opens <= p.performed_at < late_limit]
    good = [p for p in timely if not p.defects]
    if good:
        serving = good[0]  # Reading: of several good records the one performed first, then the first recorded
        late = serving.performed_at > deadline
        flags |= serving.timing
        if serving.performed_at < period_of(case).start:
            flags.add("performed_before_period")
        if serving.performed_at >= period_of(case).end:
            flags.add("performed_after_period_end")  # [11.1]
        return satisfied_cell(case, window, as_of, flags, "performed_late" if late else "collected", late)
    for performance in timely or every:
        flags |= performance.timing | (performance.defects if performance in timely else frozenset())
    over = as_of >= late_limit
    pending = any(pack["window"] == window.id for pack in known(case, "packs", as_of))
    if timely:
        state, gap = "invalid", "unrecoverable" if over else "recoverable"
    elif over:
        state, gap = "not_performed", "unrecoverable"
    elif as_of < closes:
        state, gap = "human_decision_pending" if pending else "not_due", "none"
    elif as_of <= deadline:
        state, gap = "human_decision_pending" if pending else "due", "none"
    else:
        state, gap = "human_decision_overdue", "recoverable"
    until = None if gap == "none" else late_limit
    return make_cell(state, gap, until, late_limit if gap == "recoverable" else None, flags, [])


class Currency(NamedTuple):
    """[3.5, 10a] What a set of annual performances means for the (remaining) period at one `as_of`."""

    never: bool
    lapses: list[Interval]  # up to as_of
    lasting: bool  # one of them was not ended by a later performance
    lapses_ahead: bool  # current now, but not to the end
    flags: set[str]

    @property
    def satisfied(self) -> bool:
        return not self.never and not self.lasting and (bool(self.lapses) or not self.lapses_ahead)


def currency(case: Document, required: list[Interval], done: list[Performance], as_of: datetime) -> Currency:
    closes, period = required[-1].end, period_of(case)
    done = [p for p in done if p.performed_at < closes]
    if not done:
        return Currency(True, required if as_of >= closes else [], as_of >= closes, False, set())
    current = [Interval(p.performed_at, currency_end(case, p.performed_at)) for p in done]
    first = done[0].performed_at
    if first >= period.start:  # a first-ever performance inside the period: the days before it are accepted
        current.append(Interval(BEGINNING, first))
    uncovered = outside(required, current)
    lapses = within(uncovered, Interval(BEGINNING, as_of))
    lasting = any(not any(p.performed_at >= lapse.end for p in done) for lapse in lapses)
    flags: set[str] = {"first_performance_in_period"} if first >= period.start else set()
    for index, performance in enumerate(done):
        # relied on: at some instant of the window it is the latest performance, and current
        superseded = done[index + 1].performed_at if index + 1 < len(done) else END
        latest = Interval(performance.performed_at, min(superseded, currency_end(case, performance.performed_at)))
        if latest.start < latest.end and within(required, latest):
            flags |= performance.timing
            if performance.performed_at < period.start:
                flags.add("performed_before_period")
    return Currency(False, lapses, lasting, uncovered != lapses, flags)


def currency_end(case: Document, performed_at: datetime) -> datetime:
    """[10a] Local midnight of (performance date + 12 months + grace days). Reading: 29 February becomes the 28th."""
    day = performed_at.astimezone(ZoneInfo(case["period"].get("tz") or "UTC")).date()
    day = date(day.year + 1, day.month, 28 if (day.month, day.day) == (2, 29) else day.day)
    return midnight(case, day + days(case["requirement"].get("grace_days", 0)))


def annual_cell(case: Document, window: Window, as_of: datetime) -> Cell:
    """[3.5, 10a] Reading: for an item or control that ends earlier, and for a tail that is not applicable, "the end of
    the period" is the end of the remaining window. Packs play no part."""
    required = remaining(case, window, as_of)
    closes = required[-1].end
    every = performances(case, window, as_of)
    verdict = currency(case, required, [p for p in every if not p.defects], as_of)
    flags = common_flags(case, window, as_of) | verdict.flags
    holes = [Hole(lapse.start, lapse.end, closes, closes) for lapse in verdict.lapses]
    if verdict.satisfied:
        late = bool(verdict.lapses)
        return satisfied_cell(case, window, as_of, flags, "performed_late" if late else "collected", late, holes=holes)
    over = as_of >= closes
    if verdict.never:
        for performance in every:
            flags |= performance.timing
    if currency(case, required, every, as_of).satisfied:
        for performance in every:
            flags |= performance.defects | performance.timing
        state, gap = "invalid", "unrecoverable" if over else "recoverable"
    elif over:
        state, gap = "not_performed", "unrecoverable"
    elif verdict.lasting:
        state, gap = "human_decision_overdue", "recoverable"
    else:
        state, gap = "not_due", "none"
    until = None if gap == "none" else closes
    return make_cell(state, gap, until, closes if gap == "recoverable" else None, flags, holes)


# ---------------------------------------------------------------------------------------------- what all cells share


def first_moment(case: Document, key: str, as_of: datetime, complete: Callable[[datetime], bool]) -> datetime | None:
    """[5] The earliest `recorded_at` at which the cell was already complete, trying every prefix.

    Reading: not-applicable notes are objects of the prefix too; what became complete by a late note is late.
    """
    arrivals = {required_instant(o["recorded_at"]) for o in known(case, key, as_of)}
    arrivals |= {note_recorded_at(note) for note in counted_notes(case, as_of)}
    for moment in sorted(arrivals):
        if complete(moment):
            return moment
    return None


def satisfied_cell(
    case: Document,
    window: Window,
    as_of: datetime,
    flags: set[str],
    otherwise: str,
    late: bool,
    empty: bool | None = None,
    holes: list[Hole] | None = None,
) -> Cell:
    """[5, step 3] `empty`: None when there are rows, else whether the empty population is confirmed."""
    if late:
        flags.add("late")
    if open_exceptions(case, window, as_of) > 0:
        state = "exception_noted"
    elif empty is not None:
        state = "empty_population_confirmed" if empty else "empty_unconfirmed"
    else:
        state = otherwise
    return make_cell(state, "none", None, None, flags, holes or [])


def open_exceptions(case: Document, window: Window, as_of: datetime) -> int:
    """Reading: several entries for one window add up."""
    return sum(e.get("open", 0) for e in known(case, "exceptions", as_of) if e["window"] == window.id)


def common_flags(case: Document, window: Window, as_of: datetime) -> set[str]:
    flags: set[str] = set()
    for note in counted_notes(case, as_of):
        if within(clipped(case, window), note_interval(note)) and note_recorded_at(note) > note_interval(note).end:
            flags.add("na_retroactive")
    for pending in known(case, "outcomes_pending", as_of):
        if pending["window"] == window.id and as_of < required_instant(pending["resolves_at"]):
            flags.add("outcome_pending")
    if any(seal["window"] == window.id and differs_from(case, window, seal, as_of) for seal in case.get("seals") or []):
        flags.add("restated")
    if altered_file(case, window, as_of):
        flags.add("integrity_warning")
    return flags


def differs_from(case: Document, window: Window, seal: Document, as_of: datetime) -> bool:
    """[9] Population or outcome learnt after the seal.

    Reading: the population changes by runs whose claim reaches into the window, the outcome by open exceptions.
    """
    sealed = required_instant(seal["sealed_at"])
    if sealed > as_of:
        return False
    for run in known(case, "runs", as_of):
        claim = claim_of(case, run) if run.get("changes_population") else None
        learnt_later = required_instant(run["recorded_at"]) > sealed
        if claim and learnt_later and within(remaining(case, window, as_of), claim.covers):
            return True
    return any(
        e["window"] == window.id and e.get("open", 0) > 0 and (instant(e.get("recorded_at")) or BEGINNING) > sealed
        for e in known(case, "exceptions", as_of)
    )


def altered_file(case: Document, window: Window, as_of: datetime) -> bool:
    """Reading: the warning stands in every state, for a file that fails verification and would speak for the window."""
    required = remaining(case, window, as_of)

    def altered(o: Document) -> bool:
        return (o.get("integrity") or "ok") != "ok"

    for run in filter(altered, known(case, "runs", as_of)):
        claim = claim_of(case, run, trust_bad_files=True)
        if claim and within(required, claim.covers):
            return True
    for snapshot in filter(altered, known(case, "snapshots", as_of)):
        if any(p.start <= required_instant(snapshot["observed_at"]) < p.end for p in required):
            return True
    return any(record["for_window"] == window.id for record in filter(altered, known(case, "records", as_of)))


def next_loss(holes: list[Hole], others: list[datetime], as_of: datetime) -> datetime | None:
    """[6] Reading: the nearest of the first and total losses that are still ahead."""
    dates = [d for hole in holes for d in (hole.first_loss, hole.total_loss) if d is not None] + others
    return min((d for d in dates if d > as_of), default=None)


def make_cell(
    state: str,
    gap: str,
    until: datetime | None,
    following: datetime | None,
    flags: set[str],
    holes: list[Hole],
) -> Cell:
    return {
        "state": state,
        "gap": gap,
        "until": text_of(until),
        "next_loss": text_of(following),
        "flags": sorted(flags),
        "holes": [
            {
                "from": text_of(hole.start),
                "to": text_of(hole.end),
                "first_loss": text_of(hole.first_loss),
                "total_loss": text_of(hole.total_loss),
            }
            for hole in holes
        ],
    }


def evaluate_window(case: Document, window: Window, as_of: datetime) -> Cell:
    """[5] Steps 1 and 2; the rest by kind."""
    kind, cadence = case["requirement"]["kind"], case["requirement"]["cadence"]
    periodic = kind == "human_record" and cadence != "annual"
    if periodic and midnight(case, window.natural_end) > period_of(case).end:
        return make_cell("not_in_effect", "none", None, None, {"window_closes_outside_period"}, [])
    if not clipped(case, window):
        return make_cell("not_in_effect", "none", None, None, set(), [])
    if not remaining(case, window, as_of):
        flags = common_flags(case, window, as_of) & {"na_retroactive"}
        return make_cell("not_applicable", "none", None, None, flags, [])
    if kind == "event_stream":
        return stream_cell(case, window, as_of)
    if kind == "snapshot":
        return snapshot_cell(case, window, as_of)
    if kind == "human_record":
        return periodic_cell(case, window, as_of) if periodic else annual_cell(case, window, as_of)
    raise ValueError(f"no reference for requirements of kind {kind!r}")


def evaluate_case(case: Document) -> dict[str, Cell]:
    """Every window of the period, judged at the case's `as_of`."""
    as_of = required_instant(case["as_of"])
    return {window.id: evaluate_window(case, window, as_of) for window in windows_of(case)}


# ---------------------------------------------------------------------------------------------- roll-up


def roll_up(cells: list[Cell]) -> dict[str, Any]:
    """[10] The vector over cells {"state", "gap" (none when absent), "until", "n" (how many such cells, default 1)}."""
    single = [cell for cell in cells for _ in range(cell.get("n", 1))]
    expected = [c for c in single if c["state"] not in NOT_EXPECTED]
    uncovered = [c for c in expected if c["state"] not in COVERED]
    waiting = {"human_decision_pending", "human_decision_overdue"}
    recoverable = [c for c in uncovered if c.get("gap") == "recoverable" and c["state"] not in waiting | {"due"}]
    permanent = sum(c.get("gap") == "unrecoverable" for c in uncovered)
    deviations = sum(c["state"] in {"exception_noted", "performed_late", "not_performed"} for c in expected)
    covered = len(expected) - len(uncovered)
    if permanent:
        verdict = "permanent_gaps"
    elif any(c["state"] not in {"due", "human_decision_pending"} for c in uncovered):
        verdict = "open_gaps"
    elif any(c["state"] in {"due", "human_decision_pending", "not_due"} for c in single):
        verdict = "in_progress"
    elif not expected:
        verdict = "nothing_expected"
    else:
        verdict = "complete_with_deviations" if deviations else "complete"
    return {
        "verdict": verdict,
        "permanent_gaps": permanent,
        "recoverable_gaps": len(recoverable),
        "nearest_until": min((c["until"] for c in recoverable if c.get("until")), default=None),
        "awaiting_people": sum(c["state"] in waiting for c in uncovered),
        "unconfirmed_empty": sum(c["state"] == "empty_unconfirmed" for c in uncovered),
        "deviations": deviations,
        "covered": covered,
        "expected": len(expected),
        "percent": round(100 * covered / len(expected), 1) if expected else None,
        "not_applicable": sum(c["state"] == "not_applicable" for c in single),
        "not_due": sum(c["state"] == "not_due" for c in single),
        "worst": min(single, key=severity)["state"] if single else None,
    }


def severity(cell: Cell) -> int:
    name = cell["state"]
    if name == "partial":
        name = "partial/unrecoverable" if cell.get("gap") == "unrecoverable" else "partial/recoverable"
    return SEVERITY.index(name)
