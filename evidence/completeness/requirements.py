"""From the catalogue and the programme in effect to what the engine is asked: requirements by system group.

Rule (catalogue conventions, which_sources): the sources of a line are grouped by system. Where an item belongs to one
system it needs that system's group; otherwise every group whose system is in the programme is needed, each judged by
itself. A system that is not in the programme, and a group without a collector, make no cells and are listed. A source
that is in scope but not licensed keeps its cells: they stay missing until something is configured or approved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from evidence.completeness.coverage import Span
from evidence.completeness.instants import optional_instant
from evidence.completeness.model import Kind, Requirement, SourceMemory
from evidence.controls.model import Control, EvidenceLine, Source
from evidence.programme_folds import READ_FROM_REGISTER
from evidence.programme_history import ProgrammeHistory
from evidence.rule_changes import RuleChange
from evidence.scope import SYSTEM_BOUND, ScopedItem, ScopeRegister
from evidence.timeline import ALWAYS_FROM, ALWAYS_TO
from schemas.dataset import Dataset
from schemas.scope import ScopeKind

OWN_GROUPS = frozenset({"own", "hr"})
"""Records and registers of the company itself: they speak of items of every system."""

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Both bounds of a source that was never on: on during nothing."""


@dataclass(frozen=True, slots=True)
class NotConfigured:
    """A control, line or group that makes no cells, and why."""

    control_id: str
    evidence_id: str | None
    system: str | None
    reason: str

    def to_json(self) -> dict[str, Any]:
        return {
            "control_id": self.control_id, "evidence_id": self.evidence_id, "system": self.system,
            "reason": self.reason,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Group:
    """The sources of one system for one line, as the engine needs them."""

    system: str
    dataset: str | None
    """Name of the dataset its claims are of; None for human records, which are entries of the ledger themselves."""
    kind: Kind
    memories: tuple[SourceMemory, ...]
    reconstructible: bool
    spans: tuple[Span, ...]
    """When the system is part of the programme."""
    sources: tuple[str, ...]
    per: ScopeKind | None = None
    """The kind of item its dataset is collected for, where that is not the item of the control."""
    holder: ScopedItem | None = None
    """The item whose claims are judged, where it is not that of the cell."""

    def claims_key(self, item_id: str) -> tuple[str, str]:
        """Dataset and scope item of the claims that prove a cell of an item."""
        return self.dataset or "", item_id if self.holder is None else self.holder.id

    @property
    def dataset_system(self) -> str:
        """The system its dataset is read from; tickets are of the group of own records."""
        return (self.dataset or self.system).partition(".")[0]

    @property
    def switched_on(self) -> bool:
        """False where the programme says that none of the sources was ever there (a plan without an audit log)."""
        return not self.memories or any(memory.on_to != _NEVER for memory in self.memories)


def groups_of(
    control: Control, line: EvidenceLine, history: ProgrammeHistory
) -> tuple[tuple[Group, ...], tuple[NotConfigured, ...]]:
    """The groups of a line that make cells, in the order of its sources, and those that don't, with the reason."""
    by_system: dict[str, list[Source]] = {}
    for source in line.sources:
        by_system.setdefault(source.system, []).append(source)
    groups: list[Group] = []
    missing: list[NotConfigured] = []
    recorded_by_people = line.kind == "document" or (line.kind == "human_record" and line.mode == "periodic")
    for system, sources in by_system.items():
        dataset = line.datasets.get(system)
        register = None if dataset is None else READ_FROM_REGISTER.get(dataset.name)
        spans = history.system_spans(system) if register is None else history.register_spans(register)
        names = ", ".join(source.id for source in sources)
        if not spans:
            what = f"{system} is" if register is None else f"the register {register} is"
            what = "the people register is" if system == "hr" else what
            missing.append(NotConfigured(control.id, line.id, system, f"{what} not part of the programme ({names})"))
        elif recorded_by_people and system in OWN_GROUPS and not line.recordable:
            missing.append(NotConfigured(control.id, line.id, system, f"there is no way to record it yet ({names})"))
        elif dataset is None and line.mode == "response" and system in OWN_GROUPS and line.recordable:
            # Section 4: a missing answer is an exception of its event, which the test of the control finds.
            missing.append(NotConfigured(control.id, line.id, system, "answers are recorded and judged with the events "
                                         "they are for; they make no cells of their own"))  # fmt: skip
        elif dataset is None and not (recorded_by_people and system in OWN_GROUPS):
            missing.append(NotConfigured(control.id, line.id, system, f"there is no collector for {names} yet"))
        else:
            groups.append(_group(line, system, sources, dataset, spans, history))
    return tuple(groups), tuple(missing)


def groups_for_item(control: Control, line: EvidenceLine, groups: Sequence[Group], system: str) -> tuple[Group, ...]:
    """The groups that an item of a system needs.

    Records and registers of the company are needed for items of every system, unless the line has sources of the
    item's own system: then those alone decide.
    """
    if control.scope_kind not in SYSTEM_BOUND:
        return tuple(groups)
    if not speaks_of(control, system):
        return ()
    own = tuple(group for group in groups if group.system == system)
    if own or any(source.system == system for source in line.sources):
        return own
    return tuple(group for group in groups if group.system in OWN_GROUPS)


def speaks_of(control: Control, system: str) -> bool:
    """Whether a control is about items of a system: it names a source there, or no system at all.

    A kind of item may be found in more systems than a control has anything to say of.
    """
    named = {source.system for line in control.evidence for source in line.sources} - OWN_GROUPS
    return not named or system in named


def with_holders(groups: Sequence[Group], item: ScopedItem, scope: ScopeRegister) -> tuple[Group, ...]:
    """The groups with the items whose claims prove something of `item`, one group for each.

    Where no such item is known yet the group stays with the cell's own, of which there are no claims: it is missing.
    """
    out: list[Group] = []
    for group in groups:
        holders = () if group.per is None else scope.holders(group.per, group.dataset_system, item)
        others = [holder for holder in holders if holder.id != item.id]
        out += [replace(group, holder=holder) for holder in others] or [group]
    return tuple(out)


def _group(
    line: EvidenceLine,
    system: str,
    sources: Sequence[Source],
    dataset: Dataset | None,
    spans: tuple[Span, ...],
    history: ProgrammeHistory,
) -> Group:
    kind: Kind = line.kind
    if line.kind == "human_record" and line.mode == "response":
        # An answer that is missing or late is an exception of its event; the cell asks whether the register of
        # answers was read for the whole window, which is how streams are judged (section 4).
        kind = "event_stream"
    replay = line.reconstructible_from if kind == "snapshot" else None
    replayable = replay is not None and replay.system == system and bool(history.source_spans(replay.id))
    memories: tuple[SourceMemory, ...] = ()
    if kind == "event_stream":
        memories = _memories(sources, history)
    elif replay is not None and replayable:
        memories = _memories([replay], history)
    names = tuple(source.id for source in sources)
    if dataset is None:
        return Group(system, None, kind, memories, replayable, spans, names)
    return Group(system, dataset.name, kind, memories, replayable, spans, names, dataset.per)


def _memories(sources: Sequence[Source], history: ProgrammeHistory) -> tuple[SourceMemory, ...]:
    """How long the sources that the programme says are there remember.

    A source that is on for part of the time comes with its dates. Where none was ever on (a plan that does not have
    it) nothing can be repaired: what is missing is lost at once, although a run that did succeed still counts.
    """
    on = [
        SourceMemory(
            _days(source, history),
            optional_instant(None if start == ALWAYS_FROM else start),
            optional_instant(None if end == ALWAYS_TO else end),
        )
        for source in sources
        for start, end in history.source_spans(source.id)
    ]
    return tuple(on) or tuple(SourceMemory(_days(source, history), _NEVER, _NEVER) for source in sources)


def _days(source: Source, history: ProgrammeHistory) -> float | None:
    days = source.plan_days
    if source.id == "aws.config_history" and days is not None:
        own = (history.current.programme.get("scope", {}).get("aws") or {}).get("config_history_days")
        return min(days, own) if own else days
    return days


def catalogue_rules(line: EvidenceLine) -> dict[str, Any]:
    """The catalogue's values of what a programme may override."""
    return {
        "cadence": line.window_cadence, "due_days": line.due_days, "grace_days": line.grace_days,
        "late_limit_days": line.late_limit_days, "max_gap_hours": line.max_gap_hours,
        "pack_max_age_days": line.pack_max_age_days, "min_count": line.min_count,
    }  # fmt: skip


def rules_of(control: Control, line: EvidenceLine, history: ProgrammeHistory) -> tuple[RuleChange, ...]:
    """The rules of a line, version by version."""
    return history.line_rules(control.id, line.id, catalogue_rules(line))


def requirement_of(line: EvidenceLine, group: Group, rules: Mapping[str, Any], effective: Span | None) -> Requirement:
    """What the engine is asked for one group under one set of rules; `effective` in ticks, None for always."""
    start, end = effective or (ALWAYS_FROM, ALWAYS_TO)
    return Requirement(
        kind=group.kind,
        cadence=rules["cadence"],
        due_days=rules["due_days"],
        grace_days=rules["grace_days"],
        lag_hours=line.lag_hours,
        retention_days=0.0 if group.kind == "snapshot" else None,
        sources=group.memories,
        pack_max_age_days=rules["pack_max_age_days"],
        max_gap_hours=rules["max_gap_hours"],
        target_gap_hours=line.target_gap_hours,
        min_count=rules["min_count"],
        late_limit_days=rules["late_limit_days"],
        reconstructible=group.reconstructible,
        effective_from=optional_instant(None if start == ALWAYS_FROM else start),
        effective_to=optional_instant(None if end == ALWAYS_TO else end),
    )
