"""Tickets as tests of controls look at them: the latest version of each, what its fields say, who did what and when.

A ticket goes on changing after it was opened, and it is read again for that. What was read last counts, and only up to
the instant at which it was read (`known_until`): an answer that is not there may have been given since.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from evidence.controls.identity import Who
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.validity import end_of
from evidence.record import BACKDATING
from schemas.dataset import Dataset
from schemas.instants import parse_instant

_TICK = timedelta(microseconds=1)
_DAY = timedelta(days=1)
_SEVERITY = re.compile(r"(?i)^(?:severity|sev|priority|p|s)?\s*[-:/ ]?\s*([0-5])\b")
_NAMED = {"critical": 1, "highest": 1, "high": 2, "major": 2, "medium": 3, "moderate": 3, "low": 4, "minor": 4,
          "lowest": 5, "trivial": 5, "info": 5, "informational": 5}  # fmt: skip
_NOTHING = frozenset({"", "no", "none", "na", "nil", "false", "nobody", "tbd", "todo", "pending"})
"""What people write into a field of a form that they leave empty (`-`, `n/a`, `None.`), without all but its letters."""
_LABEL = re.compile(r"(?i)^(?:severity|sev|priority)\s*[-:/ ]*\s*(\S.*)$")


def severity_number(text: str | None) -> int | None:
    """A severity as people write it (`2`, `SEV-1`, `P3 - minor`, `high`) as a number, 1 the worst; None for no severity
    anybody could tell."""
    if text is None or not text.strip():
        return None
    found = _SEVERITY.match(text.strip())
    if found is not None:
        return int(found[1])
    return _NAMED.get(re.split(r"[^a-z]", text.strip().casefold(), maxsplit=1)[0])


def severity_of_label(label: str) -> int | None:
    """What a label such as `severity: 2` or `sev1` says; None for a label about something else."""
    found = _LABEL.match(label.strip())
    return None if found is None else severity_number(found[1])


@dataclass(frozen=True)
class Ticket:
    """One ticket as it was read last, and the object that holds it."""

    row: Mapping[str, Any]
    digest: str
    heard: Mapping[tuple[str, str], datetime] = field(default_factory=dict[tuple[str, str], datetime])
    """By name and value of a field: when it was first read so."""

    @property
    def id(self) -> str:
        return str(self.row["issue_id"])

    @property
    def name(self) -> str:
        """For sentences."""
        return str(self.row["ticket_id"])

    @property
    def opened_at(self) -> datetime:
        return self.row["opened_at"]

    @property
    def known_until(self) -> datetime:
        """What came later than this nobody has looked for."""
        return self.row["read_at"]

    @cached_property
    def fields(self) -> Mapping[str, str]:
        """Fields by name."""
        return {str(one["name"]): str(one["value"]) for one in self.row["fields"] or ()}

    def field(self, *names: str) -> str | None:
        """The first of these fields that says something."""
        return next((self.fields[name].strip() for name in names if self.fields.get(name, "").strip()), None)

    def told(self, *names: str) -> str | None:
        """The first of these fields that names something, and does not say that there is nothing to name."""
        found = (self.field(name) for name in names)
        return next((one for one in found if one and re.sub(r"[\W_]+", "", one).casefold() not in _NOTHING), None)

    def instant(self, zone: str, *names: str) -> datetime | None:
        """The instant in the first of these fields that says something; a bare day counts as its last moment in `zone`.

        ValueError where it is neither.
        """
        text = self.field(*names)
        return None if text is None else spoken_instant(text, zone)

    def bears_out(self, at: datetime, *names: str) -> bool:
        """Whether the time that the first of these fields gives may have been written down then: it was read so, or
        something happened to the ticket, within 72 hours of it. A text by itself can be written at any time."""
        name = next((name for name in names if self.field(name)), "")
        read = self.heard.get((name, self.fields.get(name, "")), self.known_until)
        moments = [self.opened_at, read, *(event["at"] for event in self.events())]
        # A bare day counts as its last moment, and what was done on it may stand there since the morning.
        return any(at - _DAY < moment <= at + BACKDATING for moment in moments)

    def who(self, person: Mapping[str, Any] | None) -> Who:
        """Somebody whom the ticket names, for the identity map; without a key where it names nobody."""
        if person is None:
            return Who(self.row["tracker"])
        return Who(self.row["tracker"], person["id"], person["login"], person["email"])

    @property
    def author(self) -> Who:
        return self.who(self.row["author"])

    def events(self, *kinds: str) -> Iterator[Mapping[str, Any]]:
        """What happened to it, in order; of these kinds, if any are named."""
        for event in self.row["timeline"] or ():
            if not kinds or event["kind"] in kinds:
                yield event

    @property
    def severity(self) -> int | None:
        """As it stands: the field of the text, the tracker's own, or a label; 1 is the worst."""
        said = severity_number(self.field("severity"))
        said = severity_number(self.row["severity"]) if said is None else said
        if said is not None:
            return said
        return next((found for label in self.row["labels"] if (found := severity_of_label(label)) is not None), None)

    def severity_set_at(self) -> datetime | None:
        """When it first had a severity. One that no event set was there from the beginning."""
        if self.severity is None:
            return None
        for event in self.events("labeled", "changed"):
            label = event["detail"] if event["kind"] == "labeled" else None
            if label is not None and severity_of_label(label) is not None:
                return event["at"]
            if event["kind"] == "changed" and event["field"] in ("severity", "priority", "urgency"):
                if severity_number(event["before"]) is not None:
                    return self.opened_at
                if severity_number(event["after"]) is not None:
                    return event["at"]
        return self.opened_at


def spoken_instant(text: str, zone: str) -> datetime:
    """An instant as people write it: `2026-03-01T10:00:00Z`, `2026-03-01 10:00 UTC`, a day (its last moment in `zone`).
    ValueError for anything else; a time without a zone is that of `zone`."""
    spoken = text.strip().rstrip(".")
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", spoken):
        after = end_of(spoken, zone)
        assert after is not None
        return after - _TICK
    spoken = re.sub(r"^(\d{4}-\d{2}-\d{2}) ", r"\1T", spoken)
    spoken = re.sub(r"\s*(?:UTC|GMT|Z)$", "Z", spoken)
    at = datetime.fromisoformat(spoken)
    return parse_instant((at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))).isoformat())


def tickets_of(
    window: TestWindow, evidence: StoredEvidence, dataset: Dataset, start: datetime, end: datetime
) -> list[Ticket]:
    """The tickets opened in [start, end), each as it was read last, in the order in which they were opened."""
    latest: dict[str, Ticket] = {}
    heard: dict[str, dict[tuple[str, str], datetime]] = {}
    for item in window.asked_for(dataset):
        for row, digest, _learnt in evidence.versions(dataset, item, start, end):
            held, read_at = latest.get(row["issue_id"]), row["read_at"]
            first = heard.setdefault(row["issue_id"], {})
            for one in row["fields"] or ():
                said = (str(one["name"]), str(one["value"]))
                first[said] = min(first.get(said, read_at), read_at)
            if held is None or held.known_until <= read_at:
                latest[row["issue_id"]] = Ticket(row, digest, first)
    return sorted(latest.values(), key=lambda one: (one.opened_at, one.id))


def tickets_covered(
    window: TestWindow, evidence: StoredEvidence, dataset: Dataset, start: datetime, end: datetime
) -> bool:
    """Whether every ticket opened in [start, end) is held; False where nobody is known to be asked for them."""
    asked = window.asked_for(dataset)
    return bool(asked) and all(evidence.covered(dataset, item, start, end) for item in asked)
