"""The programme in effect: every recorded version folded so that editing a file can't erase a cell.

Rules (completeness specification, section 7, "The programme itself"): removing scope, moving the period or an
effective date, loosening a deadline, switching a control or category off takes effect from the moment it is recorded,
and what it removes stays listed. Adding scope applies from the item's own start. A window is judged by the version in
force at its end; loosening counts only for windows that start later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any

from evidence.completeness.coverage import Span, merge
from evidence.completeness.instants import ticks
from evidence.ledger import canonical
from evidence.ledger_index import IndexedEntry
from evidence.programme_folds import (
    READ_FROM_REGISTER,
    SYSTEMS,
    fold_categories,
    fold_control_timelines,
    fold_periods,
    fold_scope,
    list_catalogues,
    list_dropped_rows,
    list_loosened,
)
from evidence.programme_versions import EffectivePeriod, Removal, ScopeSpec, Version, slug
from evidence.rule_changes import RuleChange, fold_rules
from evidence.timeline import ALWAYS, ALWAYS_FROM, ALWAYS_TO, Timeline, within
from schemas.errors import ConfigurationError
from schemas.instants import format_instant
from schemas.tickets import REGISTER_OF as TICKETS


@dataclass(frozen=True)
class ProgrammeHistory:
    """Every version known at `as_of`, and the programme in effect that they make together."""

    versions: tuple[Version, ...]
    as_of: datetime
    periods: tuple[EffectivePeriod, ...]
    """Periods that followed one another, the present one last."""
    chosen: EffectivePeriod
    """The period that is looked at; the present one unless another was asked for."""
    removed: tuple[Removal, ...]
    scope: Mapping[ScopeSpec, Timeline]
    details: Mapping[ScopeSpec, Mapping[str, Any]]
    """What the latest version that names it says beside the name (role, display name)."""
    first_named: Mapping[ScopeSpec, int]
    """When the programme first named each, in ticks."""
    categories: Mapping[str, Timeline]
    _controls: Mapping[str, Timeline] = field(default_factory=dict[str, Timeline])

    @property
    def current(self) -> Version:
        """The latest version, whose digest every verdict names."""
        return self.versions[-1]

    @property
    def programme_digest(self) -> str:
        return self.current.programme_digest

    @property
    def timezone(self) -> str:
        """The zone in effect: that of the period, which no later version moves."""
        return self.chosen.timezone

    @property
    def organisation_slug(self) -> str:
        """Slug of the first recorded name: a new name of the company makes no new scope item."""
        return slug(self.versions[0].programme["organisation"])

    @property
    def previous_periods(self) -> tuple[EffectivePeriod, ...]:
        return tuple(period for period in self.periods if period != self.chosen)

    def choose_period(self, start: date) -> ProgrammeHistory:
        """The same history looking at the period that begins on `start`. ConfigurationError where there is none."""
        for period in self.periods:
            if period.start == start:
                return replace(self, chosen=period)
        known = ", ".join(period.start.isoformat() for period in self.periods)
        raise ConfigurationError(f"No observation period begins on {start}. Recorded ones begin on {known}.")

    # --- what is in effect -------------------------------------------------------------------------------------------

    def control_spans(self, control_id: str, category: str) -> tuple[Span, ...]:
        """When a control is in effect inside the period: its own dates, its category, the period's parts."""
        own = self._controls.get(control_id)
        spans = within(self.chosen.spans, () if category not in self.categories else self.categories[category].spans)
        return spans if own is None else within(spans, own.spans)

    def system_spans(self, system: str) -> tuple[Span, ...]:
        """When a system is part of the programme. The company's own records always are."""
        if system == "own":
            return ALWAYS
        if system == "ticketing":
            return tuple(merge(span for name in TICKETS.values() for span in self.register_spans(name)))
        timeline = self.scope.get(ScopeSpec(("system", system)))
        return () if timeline is None else timeline.spans

    def register_spans(self, name: str) -> tuple[Span, ...]:
        """When a register is part of the programme."""
        timeline = self.scope.get(ScopeSpec(("register", name)))
        return () if timeline is None else timeline.spans

    def systems_at(self, at: datetime) -> list[str]:
        """Systems that are part of the programme at an instant."""
        return [system for system in SYSTEMS if _holds(self.system_spans(system), at)]

    def registers_at(self, at: datetime) -> list[str]:
        """Registers that are part of the programme at an instant and that a dataset is read from."""
        return [name for name in READ_FROM_REGISTER.values() if _holds(self.register_spans(name), at)]

    def source_spans(self, source_id: str) -> tuple[Span, ...]:
        """When a source is switched on, as far as the programme tells: plan of GitHub, trail and recorder of AWS.

        Not folded: a source that a version adds was not there before, whatever the version says.
        """
        needs = _OPTIONAL_SOURCES.get(source_id)
        if needs is None:
            return ALWAYS
        spans: list[Span] = []
        for version, until in zip(self.versions, [*(v.recorded for v in self.versions[1:]), ALWAYS_TO], strict=True):
            if needs(version.programme.get("scope", {})):
                spans.append((version.recorded if version.number > 1 else ALWAYS_FROM, until))
        return tuple(merge(spans))

    # --- rules -------------------------------------------------------------------------------------------------------

    def line_rules(self, control_id: str, evidence_id: str, catalogue: Mapping[str, Any]) -> tuple[RuleChange, ...]:
        """The company's own deadlines for an evidence line, version by version, over the catalogue's.

        `catalogue` holds the keys cadence, due_days, grace_days, late_limit_days, max_gap_hours, pack_max_age_days and
        min_count. Versions that change nothing are left out, so that nearly always one remains.
        """
        if control_id not in self._overridden:
            return (RuleChange(ALWAYS_FROM, dict(catalogue)),)
        changes: list[RuleChange] = []
        for version in self.versions:
            override = version.programme.get("controls", {}).get(control_id, {})
            line = override.get("evidence", {}).get(evidence_id, {})
            rules = {key: line.get(key, override.get(key, value)) for key, value in catalogue.items()}
            if not changes or changes[-1].rules != rules:
                changes.append(RuleChange(version.recorded if changes else ALWAYS_FROM, rules))
        return tuple(changes)

    @cached_property
    def _overridden(self) -> frozenset[str]:
        return frozenset(id_ for version in self.versions for id_ in version.programme.get("controls", {}))

    def programme_for_window(self, start: datetime, end: datetime) -> dict[str, Any]:
        """The normalised programme by which items of the window `[start, end)` are tested.

        That of the latest version, with the policy parameters and deadlines of the controls as they were in force at
        the window's end; loosened ones only where the window started later.
        """
        low, high = ticks(start), ticks(end)
        programme = dict(self.current.programme)
        parameters = tuple(
            RuleChange(v.recorded if v.number > 1 else ALWAYS_FROM, dict(v.programme.get("evidence_rules", {})))
            for v in self.versions
        )
        programme["evidence_rules"] = fold_rules(parameters, low, high)
        # Which of two calendars has more holidays differs from week to week, so any change counts for later windows.
        offices = tuple(
            RuleChange(
                v.recorded if v.number > 1 else ALWAYS_FROM,
                {f"{_OFFICE}{name}": office for name, office in v.programme.get("offices", {}).items()},
            )
            for v in self.versions
        )
        programme["offices"] = {key.removeprefix(_OFFICE): v for key, v in fold_rules(offices, low, high).items()}
        programme["scope"] = self._allowed_by_hand(dict(programme.get("scope", {})), low, high)
        controls = {id_: dict(found) for id_, found in programme.get("controls", {}).items()}
        for control_id in self._overridden:
            deadlines = tuple(
                RuleChange(
                    v.recorded if v.number > 1 else ALWAYS_FROM,
                    {
                        key: v.programme.get("controls", {}).get(control_id, {}).get(key)
                        for key in ("deadline_business_days", "deadline_hours")
                    },
                )
                for v in self.versions
            )
            folded = fold_rules(deadlines, low, high)
            override = controls.setdefault(control_id, {"enabled": True, "evidence": {}})
            override |= {key: value for key, value in folded.items() if value is not None}
            for key in [key for key, value in folded.items() if value is None]:
                override.pop(key, None)
        programme["controls"] = controls
        return programme

    def _allowed_by_hand(self, scope: dict[str, Any], low: int, high: int) -> dict[str, Any]:
        """The scope with the calls allowed by hand as they were then."""
        for system in _BY_HAND:
            if scope.get(system) is None:
                continue
            allowed = tuple(
                RuleChange(
                    v.recorded if v.number > 1 else ALWAYS_FROM,
                    {_ALLOWED: (v.programme.get("scope", {}).get(system) or {}).get(_ALLOWED, [])},
                )
                for v in self.versions
            )
            scope[system] = {**scope[system], **fold_rules(allowed, low, high)}
        return scope

    def register_rows(self, name: str) -> list[dict[str, Any]]:
        """Rows of a register as the latest version has them, each with `recorded_at`: when it first stood there.

        A row that was written today and says it was approved in spring has today's `recorded_at`.
        """
        first: dict[bytes, datetime] = {}
        for version in self.versions:
            for row in version.registers.get(name, ()):
                first.setdefault(canonical(dict(row)), version.recorded_at)
        rows = self.current.registers.get(name, ())
        return [{**row, "recorded_at": format_instant(first[canonical(dict(row))])} for row in rows]

    # --- what is recorded --------------------------------------------------------------------------------------------

    def is_recorded(self, programme_digest: str) -> bool:
        """Whether the latest recorded version is this one."""
        return self.programme_digest == programme_digest

    def refusal(self, programme_digest: str, catalogue_digest: str | None = None) -> str | None:
        """Why commands must not run with this programme or catalogue, None where they may."""
        if not self.is_recorded(programme_digest):
            return (
                f"The programme file or a register was changed since it was recorded on "
                f"{format_instant(self.current.recorded_at)} (file {_short(programme_digest)}, recorded "
                f"{_short(self.programme_digest)}). Undo the change, or record it with `evidence programme record`."
            )
        if catalogue_digest is not None and catalogue_digest != self.current.catalogue_digest:
            return (
                f"The catalogue of this version of the product is another than the one recorded "
                f"({_short(catalogue_digest)}, recorded {_short(self.current.catalogue_digest)}). Record that the "
                "programme is judged by it from now on: `evidence programme record`."
            )
        return None


_OFFICE = "office:"
_BY_HAND, _ALLOWED = ("aws", "gcp"), "changes_by_hand_allowed"
"""Begins the key of an office among rules, so that no name of an office is taken for a rule's."""


def history_of(entries: Iterable[IndexedEntry], as_of: datetime) -> ProgrammeHistory:
    """Fold the `programme` entries of a ledger (others are passed over) recorded at or before `as_of`.

    ConfigurationError where none was recorded by then.
    """
    limit = ticks(as_of)
    versions: list[Version] = []
    for entry in entries:
        body, recorded_at = entry.body, entry.recorded_at
        if entry.kind != "programme" or body is None or ticks(recorded_at) > limit:
            continue
        registers = {name: found["rows"] for name, found in body["registers"].items()}
        versions.append(
            Version(len(versions) + 1, entry.seq, recorded_at, ticks(recorded_at), body["programme_digest"],
                    body["catalogue_digest"], body["programme"], registers)
        )  # fmt: skip
    if not versions:
        raise ConfigurationError(
            f"No programme had been recorded by {format_instant(as_of)}. Record it with `evidence programme record`, "
            "or ask for a later instant."
        )
    removed: list[Removal] = []
    periods = fold_periods(versions, removed)
    scope, details, first_named = fold_scope(versions, removed)
    categories = fold_categories(versions, removed)
    zone = periods[-1].timezone
    controls = fold_control_timelines(versions, zone, removed)
    list_loosened(versions, removed)
    list_dropped_rows(versions, removed)
    list_catalogues(versions, removed)
    return ProgrammeHistory(
        versions=tuple(versions),
        as_of=as_of,
        periods=periods,
        chosen=periods[-1],
        removed=tuple(sorted(removed, key=lambda one: (one.version, one.kind, one.what))),
        scope=scope,
        details=details,
        first_named=first_named,
        categories=categories,
        _controls=controls,
    )


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]


def _has_audit_log(scope: Mapping[str, Any]) -> bool:
    return (scope.get("github") or {}).get("plan") == "enterprise_cloud"


_OPTIONAL_SOURCES = {
    # Audit log and ruleset history can be read on Enterprise Cloud only; other plans have to do with rule suites,
    # daily snapshots and webhooks.
    "github.org_audit_log": _has_audit_log,
    "github.ruleset_history": _has_audit_log,
    "aws.cloudtrail_s3": lambda scope: bool((scope.get("aws") or {}).get("cloudtrail")),
    "aws.config_history": lambda scope: bool((scope.get("aws") or {}).get("config_history_days")),
}


def _holds(spans: Iterable[Span], at: datetime) -> bool:
    tick = ticks(at)
    return any(start <= tick < end for start, end in spans)
