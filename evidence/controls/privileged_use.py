"""CC6-ROOT-01: root, super-admin and owner powers are rarely used and watched.

Each use of a window (see `privileged_events` for what counts) has a row:

- USE_UNREVIEWED  nobody else reviewed it within `privileged_use_review_business_days`
- SELF_REVIEWED   only whoever did it reviewed it in that time
- NO_TICKET       it was break-glass, and no review in that time names a ticket

Reviews are records of the line `reviews`. A review counts from the time it names, or from its arrival where it came
more than 72 hours later; it says what the use was for, and it is of a time after the use.

Decisions where the rule leaves room:

- A review names an event, or the activity it is part of. At AWS it speaks of the whole session of the event up to then:
  a session is looked at once.
- Whoever did it is the person the registers know for the account. Where they know none, as for root, the review says
  who it was (`used_by`); without either it is unknown whether the reviewer was somebody else.
- A reviewer whom no register knows may be anybody: whether that is somebody else is unknown. A review that whoever did
  it signed is their own, whomever it names.
- What a machine did is reviewed by a person, who is always somebody else.
- A use counts as break-glass where the account or role stands under `break_glass` of the programme, or its review says
  so.
- Business days are those of the office of whoever did it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from evidence.controls.access_events import STREAMS
from evidence.controls.business_days import BusinessDays, Deadline
from evidence.controls.held import window_unknown
from evidence.controls.identity import IdentityMap, People, Person, Who
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.privileged_events import Use, Uses
from evidence.controls.verdict import Verdict
from evidence.record import StoredRecord
from schemas.instants import format_instant
from schemas.outcome import Outcome

LINE = "use"
REVIEWS = "reviews"
USE_UNREVIEWED = "USE_UNREVIEWED"
SELF_REVIEWED = "SELF_REVIEWED"
NO_TICKET = "NO_TICKET"
_LONGEST_SESSION = timedelta(hours=36)
"""Longest time for which AWS hands out credentials of a session."""
CODES = (USE_UNREVIEWED, SELF_REVIEWED, NO_TICKET)


def highest_powers_watched(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """Rows for the uses of the highest powers of one system in a window."""
    return list(_Test(window, evidence).outcomes())


class _Test:
    def __init__(self, window: TestWindow, evidence: StoredEvidence) -> None:
        self._window = window
        self._evidence = evidence
        self._system = window.scope_item_id.partition(":")[0]
        self._identities = IdentityMap.of(window.registers, window.programme.timezone)
        self._business_days = BusinessDays.of(window.programme, window.registers)
        self._reviews: dict[str, list[StoredRecord]] = {}
        for record in evidence.records(window.control_id, REVIEWS, window.scope_item_id):
            if str(record.values.get("explanation") or "").strip():
                named = str(record.values.get("event_id") or "").strip().removeprefix("use:")
                self._reviews.setdefault(named, []).append(record)
        self._person_ids: dict[tuple[int, Person], str | None] = {}

    def outcomes(self) -> Iterator[Outcome]:
        window, stream = self._window, STREAMS[self._system]
        items = window.asked_for(stream)
        end = min(window.end, window.as_of)
        if not items or not all(self._evidence.covered(stream, item, window.start, end) for item in items):
            why = f"{stream.name} is not held for the whole window, so uses may be missing."
            yield window_unknown(window, LINE, why)
        recognised = Uses(window, self._evidence)
        uses: list[tuple[Use, str]] = []
        for item in items:
            # A session may have begun, and been named by its first event, before the window.
            for row, digest in self._evidence.rows(stream, item, window.start - _LONGEST_SESSION, end):
                use = recognised.of(row)
                if use is not None and (use.session is not None or use.at >= window.start):
                    uses.append((use, digest))
        of_sessions: dict[tuple[str, ...], list[StoredRecord]] = {}
        for use, _ in uses:
            if use.session is not None:
                of_sessions.setdefault(use.session, []).extend(self._naming(use))
        for use, digest in sorted(uses, key=lambda pair: (pair[0].at, pair[0].id)):
            if use.at < window.start:
                continue
            naming = self._naming(use) if use.session is None else of_sessions[use.session]
            yield self._judge(use, digest, naming)

    def _naming(self, use: Use) -> list[StoredRecord]:
        """The reviews that name a use."""
        return [review for name in dict.fromkeys(use.names) for review in self._reviews.get(name, ())]

    def _judge(self, use: Use, digest: str, naming: list[StoredRecord]) -> Outcome:
        verdict = Verdict()
        verdict.used(digest)
        people = self._identities.at(use.at)
        deadline = self._deadline(use, people)
        reviews = sorted(
            (review for review in naming if review.performed_at >= use.at),
            key=lambda review: (review.recorded_at, review.seq),
        )
        in_time = [review for review in reviews if review.performed_at <= deadline.at]
        verdict.used(*(review.digest for review in in_time))
        pending = False
        if use.doubt is not None:
            verdict.doubts(use.doubt)
        else:
            pending = self._answered(verdict, use, in_time, reviews, people, deadline.at)
        glass = " (break-glass)" if use.break_glass else ""
        subject = (
            f"{use.words[:300]} by {use.actor.named[:120]}{glass} at {format_instant(use.at)}, to be reviewed by "
            f"{deadline.words}"
        )
        window = self._window
        return window.outcome(
            evidence_id=LINE,
            item_id=f"use:{use.id}",
            event_time=use.at,
            outcome="pending" if pending else verdict.outcome,
            codes=tuple(verdict.codes),
            explanation=f"{subject}." if pending else verdict.explain(subject),
            evidence=verdict.evidence,
            resolves_at=deadline.at if pending else None,
        )

    def _answered(
        self,
        verdict: Verdict,
        use: Use,
        in_time: list[StoredRecord],
        reviews: list[StoredRecord],
        people: People,
        deadline: datetime,
    ) -> bool:
        """Judge the reviews; True while the answer may still come."""
        others: list[StoredRecord] = []
        own: list[StoredRecord] = []
        doubtful: list[StoredRecord] = []
        for review in in_time:
            same = self._same(use, review, people)
            (doubtful if same is None else own if same else others).append(review)
        glass = use.break_glass or any(review.values.get("break_glass") for review in reviews)
        ticket = any(str(review.values.get("ticket") or "").strip() for review in in_time)
        open_still = self._window.as_of < deadline
        if (not others or (glass and not ticket)) and open_still:
            return True
        if others:
            verdict.holds(f"reviewed by {_reviewer(others[0])} at {format_instant(others[0].performed_at)}")
        elif doubtful:
            verdict.doubts(f"whether {_reviewer(doubtful[0])}, who reviewed it, is somebody other than who did it")
        elif own:
            verdict.fails(SELF_REVIEWED, f"reviewed by {_reviewer(own[0])} alone, who did it")
        else:
            late = f", and only at {format_instant(reviews[0].performed_at)}" if reviews else ""
            verdict.fails(USE_UNREVIEWED, f"nobody reviewed it by then{late}")
        if glass and not ticket:
            verdict.fails(NO_TICKET, "break-glass use without a ticket")
        return False

    def _same(self, use: Use, review: StoredRecord, people: People) -> bool | None:
        """Whether the reviewer did it; None where nobody can tell."""
        reviewer = _person(review.values.get("reviewer") or review.signed_by, people)
        if not reviewer:
            return None
        actor = people.person(use.actor)
        if not actor.isdisjoint(reviewer | _person(review.signed_by, people)):
            return True
        if use.machine:
            return False
        said = review.values.get("used_by")
        if not people.registered(use.actor) and not reviewer.isdisjoint(_person(said, people)):
            return True
        known = people.registered(use.actor) or _is_known(said, people)
        return False if known and _is_known(review.values.get("reviewer") or review.signed_by, people) else None

    def _deadline(self, use: Use, people: People) -> Deadline:
        own = self._window.programme.controls.get(self._window.control_id)
        days = self._window.programme.evidence_rules.privileged_use_review_business_days
        if own is not None and own.deadline_business_days is not None:
            days = own.deadline_business_days
        return self._business_days.of_person(self._person_id(people.person(use.actor), people)).deadline(use.at, days)

    def _person_id(self, person: Person, people: People) -> str | None:
        """The person's id in the register of people."""
        key = (id(people), person)
        if key not in self._person_ids:
            ids = (str(row["person_id"]) for row in self._window.registers.get("people", ()))
            found = (one for one in ids if not person.isdisjoint(people.of_key(f"person:{one}")))
            self._person_ids[key] = next(found, None)
        return self._person_ids[key]


def _reviewer(review: StoredRecord) -> str:
    return str(review.values.get("reviewer") or review.signed_by)[:120]


def _person(said: object, people: People) -> Person:
    text = str(said or "").strip()
    return people.person(Who("own", email=text)) | people.of_key(f"person:{text}") if text else frozenset()


def _is_known(said: object, people: People) -> bool:
    """Whether a register says who that is."""
    text = str(said or "").strip()
    return bool(text) and (people.registered(Who("own", email=text)) or people.registered_key(f"person:{text}"))
