"""The control matrix: the catalogue as a page that people read, generated, never written by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from evidence.controls.catalogue import CATALOGUE_ID, CATALOGUE_VERSION, FAMILIES, catalogue_digest
from evidence.controls.criteria import CRITERIA, EDITION
from evidence.controls.model import Control, EvidenceLine, Source
from evidence.controls.sources import SOURCES

_NOT_YET = "not collected yet"


def render() -> str:
    """`docs/control-matrix.md` as it must be, Markdown with a line feed at the end."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Control matrix"
    yield ""
    yield "Generated from the catalogue by `python -m evidence.controls.matrix`; edit the catalogue, not this page."
    yield ""
    yield f"Catalogue `{CATALOGUE_ID}` {CATALOGUE_VERSION}, {EDITION}, digest `{catalogue_digest()}`."
    yield ""
    yield from _criteria()
    for family, controls in FAMILIES.items():
        yield f"## {family.replace('_', ' ').capitalize()}"
        yield ""
        for declared in controls:
            yield from _control(declared)
    yield from _retention()


def _criteria() -> Iterator[str]:
    yield "## Criteria and controls"
    yield ""
    yield "Labels are our own; the official wording is copyrighted and stays in your own copy."
    yield ""
    covering: dict[str, list[str]] = {}
    for controls in FAMILIES.values():
        for declared in controls:
            for reference in declared.criteria:
                covering.setdefault(reference, []).append(declared.id)
    yield "| criterion | label | controls |"
    yield "|---|---|---|"
    for reference, label in CRITERIA.items():
        yield f"| {reference} | {label} | {', '.join(covering.get(reference, ())) or '–'} |"
    yield ""


def _control(declared: Control) -> Iterator[str]:
    yield f"### {declared.id} {declared.title}"
    yield ""
    yield declared.must_show
    yield ""
    yield f"- Criteria: {', '.join(declared.criteria)}"
    yield f"- Tier: {declared.tier}; nature: {', '.join(declared.nature).replace('_', ' ')}; sized as: " + (
        declared.frequency_class.replace("_", " ")
    )
    yield f"- Per: {declared.scope_kind.replace('_', ' ')}"
    yield f"- Population: {declared.population}"
    yield f"- Exceptions: {', '.join(f'`{code}`' for code in declared.exception_codes)}"
    if declared.test is None:
        yield "- Test: none from stored evidence"
    else:
        yield f"- Test: `{declared.test.__module__}.{declared.test.__qualname__}`, version {declared.test_version}"
    if declared.zero:
        yield f"- Nothing happened: {declared.zero}"
    if declared.recover_until:
        yield f"- Recoverable: {declared.recover_until}"
    yield from (f"- Not yet: {limit}" for limit in declared.limits)
    if declared.false_positives:
        yield f"- May look like an exception, for a person to decide: {'; '.join(declared.false_positives)}."
    yield ""
    yield "| evidence | kind | window | collected | due + grace | lag | gap: target, at most | sources | datasets |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for line in declared.evidence:
        yield f"| {' | '.join(_cells(line))} |"
    yield ""


def _cells(line: EvidenceLine) -> Iterator[str]:
    yield f"{line.id} (population)" if line.is_population else line.id
    kind = line.kind.replace("_", " ")
    yield f"{kind}, {line.mode}" if line.mode else kind
    yield line.window_cadence
    yield line.collect_every or "–"
    limit = (
        f", at most {line.late_limit_days} d late" if line.kind == "human_record" and line.mode == "periodic" else ""
    )
    yield f"{line.due_days} + {line.grace_days} d{limit}"
    yield _hours(line.lag_hours) if line.kind == "event_stream" else "–"
    if line.max_gap_hours is None:
        yield "–"
    else:
        target = "–" if line.target_gap_hours is None else _hours(line.target_gap_hours)
        yield f"{target}, {_hours(line.max_gap_hours)}"
    rebuilt = f"; rebuilt from {line.reconstructible_from.id}" if line.reconstructible_from else ""
    yield ", ".join(source.id for source in line.sources) + rebuilt
    yield ", ".join(_datasets(line))


def _datasets(line: EvidenceLine) -> Iterator[str]:
    for system in dict.fromkeys(source.system for source in line.sources):
        dataset = line.datasets.get(system)
        yield f"`{dataset.name}`" if dataset is not None else f"{system}: {_NOT_YET}"


def _hours(hours: float) -> str:
    """Days where they are whole, else hours."""
    return f"{hours / 24:g} d" if hours and hours % 24 == 0 else f"{hours:g} h"


def _retention() -> Iterator[str]:
    yield "## How long sources remember"
    yield ""
    yield "Until then a missed collection can be repaired. Schedules trust the plan, the shortest believable value."
    yield ""
    yield "| source | remembers | plan | note |"
    yield "|---|---|---|---|"
    for source in _sorted(SOURCES.values()):
        yield f"| {source.id} | {source.retention} | {_plan(source)} | {source.note or '–'} |"


def _sorted(sources: Iterable[Source]) -> list[Source]:
    return sorted(sources, key=lambda source: source.id)


def _plan(source: Source) -> str:
    if source.plan_days is None:
        return "no limit"
    return "nothing" if source.plan_days == 0 else f"{source.plan_days:g} d"


if __name__ == "__main__":
    print(render(), end="")  # noqa: T201 - the page goes to standard output
