"""Rules that change while a period runs: a window is judged by what was in force at its end, except that what was
loosened counts only for windows that start later (completeness specification, section 7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_SEVERITIES = ("low", "medium", "high", "critical")
_CADENCES = ("monthly", "quarterly", "annual")
_INFINITE = float("inf")


@dataclass(frozen=True, slots=True)
class RuleChange:
    """Rules from the moment they were recorded, in ticks."""

    recorded: int
    rules: Mapping[str, Any]


def _more(before: Any, after: Any) -> bool:
    return (_INFINITE if after is None else after) > (_INFINITE if before is None else before)


def _less(before: Any, after: Any) -> bool:
    return after < before


def _longer_cadence(before: Any, after: Any) -> bool:
    return _CADENCES.index(after) > _CADENCES.index(before)


def _demand_dropped(before: Any, after: Any) -> bool:
    return bool(before) and not after


def _allowance_made(before: Any, after: Any) -> bool:
    return bool(after) and not before


def _list_grew(before: Any, after: Any) -> bool:
    return not set(after or ()) <= set(before or ())


def _list_shrank(before: Any, after: Any) -> bool:
    return not set(before or ()) <= set(after or ())


def _demand_changed(before: Any, after: Any) -> bool:
    return before is not None  # a demand that was not there before tightens


def _deadline_changed(before: Any, after: Any) -> bool:
    return before is None or after is None or after > before  # None is the catalogue's, which is not known here


def _any_change(before: Any, after: Any) -> bool:
    return before != after


LOOSER: Mapping[str, Callable[[Any, Any], bool]] = {
    **dict.fromkeys(
        (
            "due_days", "grace_days", "late_limit_days", "max_gap_hours", "pack_max_age_days",
            "emergency_authorise_hours", "emergency_review_business_days", "emergency_share_percent",
            "max_administrators", "mfa_grace_days",
            "key_max_age_days", "key_unused_days", "leaver_business_days", "leaver_urgent_hours",
            "privileged_use_review_business_days", "recovery_point_hours",
            "alert_high_business_days", "alert_medium_business_days",
            "incident_class_hours", "incident_review_business_days", "incident_notice_hours",
            "security_response_business_days", "review_removal_business_days", "dormant_days", "scope_decision_days",
            "vulnerability_critical_days", "vulnerability_high_days", "vulnerability_medium_days", "baseline_days",
            "secret_days", "acknowledgement_days", "training_days", "assurance_review_days", "assurance_tail_days",
            "drill_alert_hours", "probe_hole_minutes",
        ),
        _more,
    ),
    "deadline_business_days": _deadline_changed,
    "deadline_hours": _deadline_changed,
    "post_deployment_check": _demand_changed,
    "min_count": _less,
    "uptime_percent": lambda before, after: before is not None and (after is None or after < before),
    "uptime_percent_of": _any_change,
    "incident_severity": _less,
    "cadence": _longer_cadence,
    "tickets_required": _demand_dropped,
    "screening_by_first_day": _demand_dropped,
    "allow_skipped_checks": _allowance_made,
    "vulnerability_development_exempt": _allowance_made,
    "ticket_exempt_labels": _list_grew,
    "break_glass": _list_grew,
    "birthright_access": _list_grew,
    "pipeline_identities": _list_grew,
    "deployers": _list_grew,
    "alert_suppressions": _list_grew,
    "apps_without_vendor": _list_grew,
    "exercise_roles": _list_shrank,
    "device_os_minimum": _any_change,
    "recovery_point_hours_of": _any_change,
    "alert_severity": lambda before, after: _SEVERITIES.index(after) > _SEVERITIES.index(before),
    "alert_severity_unrated": lambda before, after: _SEVERITIES.index(after) < _SEVERITIES.index(before),
    "changes_by_hand_allowed": _list_grew,
    "machine_accounts": _list_shrank,
    "production_environments": _list_shrank,
    "acknowledged_documents": _list_shrank,
    "training_courses": _any_change,
    "required_checks": lambda before, after: after == "none" and before != "none",
    "rule_bypasses": lambda before, after: after == "none" and before != "none",
}  # fmt: skip
"""Whether a change from the first to the second value loosens the rule. What is not named here (a pattern, a name of a
check, a deadline of the company's own) is held to loosen whenever it changes: such a change counts for later windows
only, which is the side on which nobody gains anything from an edit."""

_NOT_RULES = ("enabled", "reason", "effective_from", "effective_to", "evidence")


def is_looser(key: str, before: Any, after: Any) -> bool:
    """Whether a change of one rule loosens it."""
    return before != after and LOOSER.get(key, _any_change)(before, after)


def loosened(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Keys of two versions of the same rules whose change loosens them. A key that comes or goes leaves or enters the
    default of the catalogue, which is not known here: it is listed, and judged where the default is known."""
    keys = sorted(key for key in {*before, *after} if key not in _NOT_RULES)
    out: list[str] = []
    for key in keys:
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        if key not in before or key not in after or is_looser(key, old, new):
            out.append(key)
    return out


def fold_rules(changes: Sequence[RuleChange], start: int, end: int) -> dict[str, Any]:
    """The rules for a window `[start, end)`, in ticks.

    The first version holds from the beginning. A later one tightens the window if it was recorded before the window's
    end, and loosens it only if it was recorded by its start.
    """
    folded = dict(changes[0].rules)
    for change in changes[1:]:
        if change.recorded >= end:
            break
        for key, value in change.rules.items():
            if change.recorded <= start or not is_looser(key, folded.get(key), value):
                folded[key] = value
        if change.recorded <= start:
            for key in [key for key in folded if key not in change.rules]:
                del folded[key]
    return folded
