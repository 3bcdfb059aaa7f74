"""Recorded versions of the programme, and what came of folding them: plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from evidence.completeness.coverage import Span
from evidence.completeness.local_time import midnight
from evidence.completeness.model import Period
from evidence.timeline import span_json
from schemas.instants import format_instant

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Version:
    """One recorded version of the programme."""

    number: int
    seq: int
    recorded_at: datetime
    recorded: int
    """`recorded_at` in ticks."""
    programme_digest: str
    catalogue_digest: str
    programme: Mapping[str, Any]
    registers: Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Removal:
    """Something a version took away or loosened; it stays listed for as long as the store exists."""

    kind: str
    """period, timezone, scope, system, category, control, rule, register_row or catalogue."""
    what: str
    """In words, for people."""
    recorded_at: datetime
    version: int
    programme_digest: str
    spans: tuple[Span, ...] = ()
    """The time removed, where it is a matter of time."""
    before: Any = None
    after: Any = None

    def to_json(self) -> dict[str, Any]:
        out: dict[str, Any] = {
            "kind": self.kind, "what": self.what, "recorded_at": format_instant(self.recorded_at),
            "version": self.version, "programme_digest": self.programme_digest,
        }  # fmt: skip
        if self.spans:
            out["removed"] = [span_json(span) for span in self.spans]
        if self.before is not None or self.after is not None:
            out |= {"before": self.before, "after": self.after}
        return out


@dataclass(frozen=True, slots=True)
class EffectivePeriod:
    """An observation period as it came out of its versions: local days, zone, and the time in effect inside it."""

    start: date
    end: date
    """Last local day, inclusive."""
    timezone: str
    spans: tuple[Span, ...]

    @property
    def period(self) -> Period:
        """The period as the engine takes it."""
        return Period(self.start, self.end, self.timezone)

    @property
    def has_gaps(self) -> bool:
        """Whether a moved period left time between its old and its new part in which nothing is expected."""
        return self.spans != ((midnight(self.start, self.timezone), midnight(self.end + DAY, self.timezone)),)


class ScopeSpec(tuple[str, ...]):
    """What the programme names: (kind, value), such as ("github_topic", "acme", "production")."""

    __slots__ = ()

    @property
    def kind(self) -> str:
        return self[0]


def slug(name: str) -> str:
    """`Acme, Inc.` becomes `acme-inc`: lower case letters and digits, joined by single hyphens."""
    return "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in name.lower()).split()) or "organisation"
