"""Folding the versions of a programme, part by part; each part lists what a version removed or loosened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

from evidence.completeness.coverage import Span, intersect, merge, subtract
from evidence.completeness.local_time import local_wall, midnight
from evidence.programme_versions import DAY, EffectivePeriod, Removal, ScopeSpec, Version, slug
from evidence.rule_changes import loosened
from evidence.timeline import ALWAYS, ALWAYS_FROM, ALWAYS_TO, Timeline, fold
from schemas.tickets import REGISTER_OF as TICKETS

MIN_STUB_DAYS = 7
"""A window cut shorter than this by the period's end is merged into its neighbour (section 3.3)."""

SYSTEMS = ("aws", "github", "google", "gcp", "hr", "own", "ticketing")
"""Systems that datasets are read from; the last three are the company's own registers, records and tickets."""

_SCOPE_SYSTEMS = ("aws", "github", "google", "gcp")

READ_FROM_REGISTER = {
    "hr.people": "people",
    "own.risks": "risks",
    "own.vendors": "vendors",
    "own.devices": "devices",
    "own.published_pages": "published_pages",
    "own.training_completions": "training",
    "own.disposals": "disposals",
    "own.uptime": "uptime",
    "own.tls_endpoints": "public_endpoints",
    **TICKETS,
}
"""The register of the programme that a dataset is read from, or that says where to look. Without it there is nothing to
collect, and what it would prove is listed as not configured."""


def fold_periods(versions: Sequence[Version], removed: list[Removal]) -> tuple[EffectivePeriod, ...]:
    """The periods that followed one another, each folded from the versions that moved it; the present one last."""
    periods: list[EffectivePeriod] = []
    for version in versions:
        said = version.programme["observation_period"]
        start, end = date.fromisoformat(said["start"]), date.fromisoformat(said["end"])
        zone = version.programme["timezone"]
        if not periods:
            periods.append(_whole(start, end, zone))
            continue
        held = periods[-1]
        begun = version.recorded > held.spans[0][0]
        over = version.recorded >= held.spans[-1][1]
        if zone != held.timezone and begun and not (over and midnight(start, zone) >= held.spans[-1][1]):
            words = f"time zone {held.timezone} was to become {zone}; the zone of a period that has begun stays"
            removed.append(_removal(version, "timezone", words, before=held.timezone, after=zone))
            zone = held.timezone
        new = _whole(start, end, zone)
        if new == held:
            continue
        if over and new.spans[0][0] >= held.spans[-1][1]:
            periods.append(new)  # the next period, after the one before was over
            continue
        if not begun:
            periods[-1] = new
            gone = fold([(0, held.spans), (ALWAYS_FROM, new.spans)]).removed
            stays = ""
        else:
            until = _begun_until(version.recorded, new, zone)
            kept = merge([*intersect(list(held.spans), [(ALWAYS_FROM, until)]), *new.spans])
            periods[-1] = EffectivePeriod(
                local_wall(kept[0][0], zone).date(), local_wall(kept[-1][1] - 1, zone).date(), zone, tuple(kept)
            )
            gone = fold([(0, held.spans), (until, new.spans)]).removed
            stays = "; what had begun stays" if subtract(kept, new.spans) else ""
        if gone or stays:
            words = f"observation period {held.start} to {held.end} became {new.start} to {new.end}{stays}"
            removed.append(_removal(version, "period", words, gone[0].spans if gone else (),
                           before=f"{held.start}/{held.end}", after=f"{new.start}/{new.end}"))  # fmt: skip
    return tuple(periods)


def _begun_until(recorded: int, new: EffectivePeriod, zone: str) -> int:
    """Until when a period stays as it was, where a version recorded at `recorded` makes another of it.

    Cut within the first days of a month it would end in a stub, which is judged together with the month before: then
    the snapshots of those days would stand for that month too, whose own may be missing. So the month keeps a week.
    """
    if new.spans[-1][1] >= recorded:
        return recorded
    first = local_wall(recorded - 1, zone).date().replace(day=1)
    return max(recorded, midnight(first + MIN_STUB_DAYS * DAY, zone))


def _whole(start: date, end: date, zone: str) -> EffectivePeriod:
    return EffectivePeriod(start, end, zone, ((midnight(start, zone), midnight(end + DAY, zone)),))


def _removal(
    version: Version, kind: str, what: str, spans: tuple[Span, ...] = (), *, before: Any = None, after: Any = None
) -> Removal:
    return Removal(kind, what, version.recorded_at, version.number, version.programme_digest, spans, before, after)


def fold_scope(
    versions: Sequence[Version], removed: list[Removal]
) -> tuple[dict[ScopeSpec, Timeline], dict[ScopeSpec, Mapping[str, Any]], dict[ScopeSpec, int]]:
    """When each thing the programme names is in scope, what the latest version says of it, and when it was first named
    (recorded, in ticks)."""
    named = [_specs(version) for version in versions]
    timelines: dict[ScopeSpec, Timeline] = {}
    details: dict[ScopeSpec, Mapping[str, Any]] = {}
    first: dict[ScopeSpec, int] = {}
    for spec in sorted({spec for specs in named for spec in specs}):
        timeline = fold(
            (version.recorded, ALWAYS if spec in specs else ()) for version, specs in zip(versions, named, strict=True)
        )
        timelines[spec] = timeline
        first[spec] = next(version.recorded for version, specs in zip(versions, named, strict=True) if spec in specs)
        details[spec] = next(specs[spec] for specs in reversed(named) if spec in specs)
        for gone in timeline.removed:
            version = next(version for version in versions if version.recorded == gone.recorded)
            kind = "system" if spec.kind == "system" else "scope"
            removed.append(_removal(version, kind, f"{_spoken(spec)} is no longer part of the programme", gone.spans))
    return timelines, details, first


def _specs(version: Version) -> dict[ScopeSpec, Mapping[str, Any]]:
    scope: Mapping[str, Any] = version.programme.get("scope", {})
    out: dict[ScopeSpec, Mapping[str, Any]] = {}
    for system in _SCOPE_SYSTEMS:
        if scope.get(system):
            out[ScopeSpec(("system", system))] = {}
    if "people" in version.programme.get("registers", {}):
        out[ScopeSpec(("system", "hr"))] = {}
    for name in version.programme.get("registers", {}):
        if name in READ_FROM_REGISTER.values():
            out[ScopeSpec(("register", name))] = {}
    aws = scope.get("aws") or {}
    for account in aws.get("accounts", ()):
        out[ScopeSpec(("aws_account", account["id"]))] = account
    for region in aws.get("regions", ()):
        out[ScopeSpec(("aws_region", region))] = {}
    github = scope.get("github") or {}
    if github:
        login = github["organisation"].lower()
        out[ScopeSpec(("github_org", login))] = {"name": github["organisation"]}
        repositories = github["repositories"]
        if "topic" in repositories:
            out[ScopeSpec(("github_topic", login, repositories["topic"]))] = {}
        for name in repositories.get("names", ()):
            full = name if "/" in name else f"{github['organisation']}/{name}"
            out[ScopeSpec(("github_name", full.lower()))] = {"name": full}
    if scope.get("google"):
        out[ScopeSpec(("google", scope["google"]["customer"]))] = {"name": scope["google"]["domain"]}
    for project in (scope.get("gcp") or {}).get("projects", ()):
        out[ScopeSpec(("gcp", project))] = {"name": project}
    for kind in ("product", "service", "policy"):
        for name in scope.get({"policy": "policies"}.get(kind, f"{kind}s"), ()):
            out[ScopeSpec((kind, slug(name)))] = {"name": name}
    return out


def _spoken(spec: ScopeSpec) -> str:
    words = {
        "system": "system", "aws_account": "AWS account", "aws_region": "AWS region",
        "github_org": "GitHub organisation", "github_topic": "GitHub repositories by topic",
        "register": "register", "github_name": "repository", "google": "Google customer", "gcp": "Google Cloud project",
    }  # fmt: skip
    return f"{words.get(spec.kind, spec.kind)} {' '.join(spec[1:])}"


def fold_categories(versions: Sequence[Version], removed: list[Removal]) -> dict[str, Timeline]:
    """When each category is examined."""
    out: dict[str, Timeline] = {}
    for name in sorted({name for version in versions for name in version.programme["categories"]}):
        timeline = fold((v.recorded, ALWAYS if name in v.programme["categories"] else ()) for v in versions)
        out[name] = timeline
        for gone in timeline.removed:
            version = next(v for v in versions if v.recorded == gone.recorded)
            removed.append(_removal(version, "category", f"category {name} is no longer examined", gone.spans))
    return out


def fold_control_timelines(versions: Sequence[Version], zone: str, removed: list[Removal]) -> dict[str, Timeline]:
    """When each control that some version overrides is in effect by its own dates; others always are."""
    out: dict[str, Timeline] = {}
    for control_id in sorted({id_ for version in versions for id_ in version.programme.get("controls", {})}):
        overrides = [version.programme.get("controls", {}).get(control_id, {}) for version in versions]
        timeline = fold((v.recorded, _in_effect(said, zone)) for v, said in zip(versions, overrides, strict=True))
        out[control_id] = timeline
        for gone in timeline.removed:
            at = next(index for index, version in enumerate(versions) if version.recorded == gone.recorded)
            reason = overrides[at].get("reason")
            what = "switched off" if not overrides[at].get("enabled", True) else "in effect for a shorter time"
            words = f"control {control_id} is {what}" + (f": {reason}" if reason else "")
            removed.append(_removal(versions[at], "control", words, gone.spans))
    return out


def _in_effect(override: Mapping[str, Any], zone: str) -> list[Span]:
    if not override.get("enabled", True):
        return []
    first, last = override.get("effective_from"), override.get("effective_to")
    start = ALWAYS_FROM if first is None else midnight(date.fromisoformat(first), zone)
    end = ALWAYS_TO if last is None else midnight(date.fromisoformat(last) + DAY, zone)
    return [(start, end)]


def list_loosened(versions: Sequence[Version], removed: list[Removal]) -> None:
    """List every rule that a version loosened."""
    for before, after in pairwise(versions):
        pairs = [("", before.programme.get("evidence_rules", {}), after.programme.get("evidence_rules", {}))]
        held, said = before.programme.get("controls", {}), after.programme.get("controls", {})
        for control_id in sorted({*held, *said}):
            old, new = held.get(control_id, {}), said.get(control_id, {})
            pairs.append((control_id, old, new))
            lines = {*old.get("evidence", {}), *new.get("evidence", {})}
            pairs += [
                (f"{control_id} {line}", old.get("evidence", {}).get(line, {}), new.get("evidence", {}).get(line, {}))
                for line in sorted(lines)
            ]
        for where, old, new in pairs:
            for key in loosened(old, new):
                if key not in old:
                    change = "is no longer the catalogue's but the company's own"
                elif key not in new:
                    change = "is the catalogue's again"
                else:
                    change = "was loosened"
                words = f"{f'{where}: ' if where else ''}{key} {change}; what is looser counts for later windows only"
                removed.append(_removal(after, "rule", words, before=old.get(key), after=new.get(key)))
        offices, later = before.programme.get("offices", {}), after.programme.get("offices", {})
        for name in sorted({*offices, *later}):
            old, new = offices.get(name), later.get(name)
            if old != new:
                words = f"office {name}: its calendar was changed, which counts for later windows only"
                removed.append(_removal(after, "rule", words, before=old, after=new))


def list_dropped_rows(versions: Sequence[Version], removed: list[Removal]) -> None:
    """Rows of populations that a version dropped: whoever is no longer listed can't be missed any more."""
    for before, after in pairwise(versions):
        for register, key in (("people", "person_id"), ("vendors", "vendor_id")):
            kept = {row[key] for row in after.registers.get(register, ())}
            for row in before.registers.get(register, ()):
                if row[key] not in kept:
                    words = f"{register} register: {row[key]} was taken out"
                    removed.append(_removal(after, "register_row", words, before=row[key]))


def list_catalogues(versions: Sequence[Version], removed: list[Removal]) -> None:
    """List every change of the catalogue."""
    for before, after in pairwise(versions):
        if before.catalogue_digest != after.catalogue_digest:
            removed.append(_removal(after, "catalogue", "the programme is judged by another version of the catalogue",
                           before=before.catalogue_digest, after=after.catalogue_digest))  # fmt: skip
