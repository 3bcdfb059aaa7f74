"""The register of emergency changes, entry by entry, as CC8-CHG-03 demands it and CC8-CHG-01 relies on it.

An entry holds when it names a reason and an incident or alert, was authorised by somebody other than the change's
authors within `emergency_authorise_hours` of its entering the branch, and was reviewed by somebody other than its
authors within `emergency_review_business_days`.

- UNREGISTERED   no entry, or one that names no reason or no incident
- NO_AUTHORISER  nobody other than its authors authorised it in time
- REVIEW_LATE    nobody other than its authors reviewed it, after it was made and in time

Decisions where the rule leaves room:

- An entry is about the item of CC8-CHG-01 that it names; one that names a pull request (`github:pr:<repository>:<n>`)
  is about every commit of it.
- The latest record of an item is what the register says. A time in it is believed where the store heard of it within 72
  hours; else it counts from when the store first heard of it. What lies after its own recording has not happened yet.
- The authors are all whose content is in the change, and who pushed it where no pull request owns it.
- Somebody whom no register knows may be anybody: whether that is somebody other than the authors is not known.
- Business days are those of the office `default`: the review is owed by the team, and not by one person.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from evidence.controls.approval import Contributors
from evidence.controls.business_days import BusinessDays, Calendar
from evidence.controls.identity import IdentityMap, People, Who
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.verdict import Verdict
from evidence.record import BACKDATING, StoredRecord
from schemas.instants import format_instant, parse_instant

CONTROL_ID = "CC8-CHG-03"
LINE = "register"
RECORD_TYPE = "emergency_change"

UNREGISTERED = "UNREGISTERED"
NO_AUTHORISER = "NO_AUTHORISER"
REVIEW_LATE = "REVIEW_LATE"

_LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class Signed:
    """One of the two decisions of an entry."""

    by: str
    at: datetime
    """When it counts as done: as the entry says, or when the store heard of it where that was too late to believe."""
    late_words: str
    """Why that is not the time the entry names; empty where it is."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the register says of one item."""

    reason: str
    incident: str
    authorised: Signed | None
    reviewed: Signed | None
    digests: tuple[str, ...]


@dataclass(slots=True)
class Standing:
    """How an entry stands against the rule."""

    verdict: Verdict = field(default_factory=Verdict)
    awaited: list[tuple[datetime, str]] = field(default_factory=list[tuple[datetime, str]])
    """What may still come, and until when."""

    @property
    def holds(self) -> bool:
        """Whether the entry meets every demand: nothing wrong, nothing in doubt, nothing still to come."""
        return self.verdict.outcome == "pass" and not self.awaited


class EmergencyRegister:
    """The entries of one repository. `as_of` of the window bounds what has been heard."""

    def __init__(self, window: TestWindow, evidence: StoredEvidence, identities: IdentityMap) -> None:
        self._window = window
        self._identities = identities
        rules = window.programme.evidence_rules
        own = window.programme.controls.get(CONTROL_ID)
        days = None if own is None else own.deadline_business_days
        hours = None if own is None else own.deadline_hours
        self._authorise = timedelta(hours=float(rules.emergency_authorise_hours if hours is None else hours))
        self._review_days = rules.emergency_review_business_days if days is None else days
        self._entries = dict(_entries(evidence.records(CONTROL_ID, LINE, window.scope_item_id), window.as_of))
        self._calendar: Calendar | None = None

    def standing(self, names: tuple[str, ...], at: datetime, authors: Contributors) -> Standing:
        """Judge the entry of an item by the ids it may be named with, which entered its branch at an instant."""
        entry = next((self._entries[name] for name in names if name in self._entries), None)
        standing = Standing()
        review_by = self._business_days().deadline(at, self._review_days)
        if entry is None:
            self._registered(standing, review_by.at, "the register of emergencies has no entry for it")
            return standing
        standing.verdict.used(*entry.digests)
        for name, said in (("reason", entry.reason), ("incident or alert", entry.incident)):
            if not said:
                self._registered(standing, review_by.at, f"its entry in the register of emergencies names no {name}")
        people = self._identities.at(at)
        self._authorised(standing, entry, at + self._authorise, people, authors)
        self._reviewed(standing, entry, at, review_by.at, review_by.words, people, authors)
        return standing

    def _registered(self, standing: Standing, until: datetime, words: str) -> None:
        if self._window.as_of < until:
            standing.awaited.append((until, words))
        else:
            standing.verdict.fails(UNREGISTERED, words)

    def _authorised(
        self, standing: Standing, entry: Entry, until: datetime, people: People, authors: Contributors
    ) -> None:
        verdict, signed = standing.verdict, entry.authorised
        if signed is None:
            if self._window.as_of < until:
                standing.awaited.append((until, "nobody has authorised it yet"))
            else:
                verdict.fails(NO_AUTHORISER, "its entry does not say who authorised it and when")
            return
        named = _short(signed.by)
        if signed.at > until:
            words = f"{named} authorised it only at {format_instant(signed.at)}{signed.late_words}"
            verdict.fails(NO_AUTHORISER, f"{words}, after {format_instant(until)}")
        elif self._is_author(signed.by, people, authors):
            verdict.fails(NO_AUTHORISER, f"{named} authorised it and is an author of it")
        elif (doubt := self._doubt(signed.by, people, authors)) is not None:
            verdict.doubts(f"whether somebody other than its authors authorised it: {doubt}")
        else:
            verdict.holds(f"authorised by {named} at {format_instant(signed.at)}")

    def _reviewed(
        self, standing: Standing, entry: Entry, made: datetime, until: datetime, words: str, people: People,
        authors: Contributors,
    ) -> None:  # fmt: skip
        verdict, signed = standing.verdict, entry.reviewed
        if signed is None:
            if self._window.as_of < until:
                standing.awaited.append((until, f"nobody has reviewed it yet (due by {words})"))
            else:
                verdict.fails(REVIEW_LATE, f"its entry names no review (due by {words})")
            return
        named = _short(signed.by)
        if signed.at >= until:
            said = f"{named} reviewed it only at {format_instant(signed.at)}{signed.late_words}"
            verdict.fails(REVIEW_LATE, f"{said} (due by {words})")
        elif signed.at < made:
            verdict.fails(
                REVIEW_LATE, f"the review by {named} is dated before the change, so it reviewed something else"
            )
        elif self._is_author(signed.by, people, authors):
            verdict.fails(REVIEW_LATE, f"{named} reviewed it and is an author of it")
        elif (doubt := self._doubt(signed.by, people, authors)) is not None:
            verdict.doubts(f"whether somebody other than its authors reviewed it: {doubt}")
        else:
            verdict.holds(f"reviewed by {named} at {format_instant(signed.at)}")

    def _is_author(self, name: str, people: People, authors: Contributors) -> bool:
        return authors.holds(_person(name, people))

    def _doubt(self, name: str, people: People, authors: Contributors) -> str | None:
        """Why somebody might be an author all the same."""
        if not people.registered(_named(name)) and not people.registered_key(f"person:{name}"):
            return f"no register says who {_short(name)} is"
        if authors.ghosts:
            return "an author's account is deleted"
        unknown = (*authors.unregistered, *authors.strangers)
        if unknown:
            return f"no register says who its author {_short(unknown[0])} is"
        return None

    def _business_days(self) -> Calendar:
        if self._calendar is None:
            days = BusinessDays.of(self._window.programme, dict(self._window.registers))
            self._calendar = days.of_person(None)
        return self._calendar


def _named(name: str) -> Who:
    return Who("github", name, name, name if "@" in name else None)


def _person(name: str, people: People) -> frozenset[str]:
    """Somebody as a register names them: an e-mail address, a login, or an id of the people register."""
    return people.person(_named(name)) | people.of_key(f"person:{name}")


def _entries(records: Iterable[StoredRecord], as_of: datetime) -> Iterator[tuple[str, Entry]]:
    """The entries by the item they name, each as its latest record has it."""
    by_item: dict[str, list[StoredRecord]] = {}
    for record in records:
        item_id = _text(record.values, "item_id")
        if record.record_type == RECORD_TYPE and item_id and record.recorded_at <= as_of:
            by_item.setdefault(item_id, []).append(record)
    for item_id, told in by_item.items():
        told.sort(key=lambda record: (record.recorded_at, record.seq))
        values = told[-1].values
        yield (
            item_id,
            Entry(
                reason=_text(values, "reason"),
                incident=_text(values, "incident_id") or _text(values, "incident"),
                authorised=_signed(told, "authorised"),
                reviewed=_signed(told, "reviewed"),
                digests=tuple(dict.fromkeys(record.digest for record in told)),
            ),
        )


def _signed(told: list[StoredRecord], what: str) -> Signed | None:
    """A decision as the latest record has it; it was heard of with the first record that said the same."""
    by, at = _text(told[-1].values, f"{what}_by"), _instant(told[-1].values, f"{what}_at")
    if not by or at is None:
        return None
    heard = next(
        record
        for record in told
        if _text(record.values, f"{what}_by") == by and _instant(record.values, f"{what}_at") == at
    )
    if at > heard.recorded_at and at > told[-1].recorded_at:
        return None  # planned, when it was written down
    if heard.corroborated or heard.recorded_at - at <= BACKDATING:
        return Signed(by, at, "")
    words = f" (the register says {format_instant(at)}, and was told of it more than 72 hours later)"
    return Signed(by, heard.recorded_at, words)


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    return "" if value is None else str(value).strip()


def _instant(values: Mapping[str, Any], name: str) -> datetime | None:
    value = values.get(name)
    if isinstance(value, datetime):
        return value
    try:
        return parse_instant(str(value)) if value else None
    except ValueError:
        return None


def _short(name: str) -> str:
    """A name as a sentence can bear it."""
    name = " ".join(name.split())
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"
