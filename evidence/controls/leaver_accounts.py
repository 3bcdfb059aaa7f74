"""What leavers had in one system and when they lost it, and which accounts ended there at all (CC6-DEPR-01)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

from evidence.controls.access_end import End, Sign, end_of, signs_of
from evidence.controls.access_event import AccessEvent
from evidence.controls.access_events import STREAMS, access_events
from evidence.controls.access_holdings import KEYS, LISTS, Holding, Stretch, Tracks, shown_last, tracks_of
from evidence.controls.business_days import Deadline
from evidence.controls.identity import IdentityMap, People, Person
from evidence.controls.leaver_register import Leaver, LeaverRegister
from evidence.controls.model import StoredEvidence, TestWindow

STALE = timedelta(days=35)
"""Oldest list of accounts that tells who had one on a day: the longest gap the evidence line allows."""

_LOOKED_ON = timedelta(days=45)
"""How long after a window its events of removal are looked for."""


@dataclass(frozen=True, slots=True)
class Had:
    """A holding of one leaver and when it ended for them."""

    holding: Holding
    end: End
    goes_on: str | None = None
    """The entry of the register under which its holder goes on, without a gap."""
    privileged: bool = False
    """Whether it had administrative power on the last day or after."""


class SystemAccess:
    """The lists and events of one system, seen with the eyes of one register and identity map."""

    def __init__(self, window: TestWindow, evidence: StoredEvidence, register: LeaverRegister) -> None:
        self._window = window
        self._evidence = evidence
        self._register = register
        self.system = window.scope_item_id.partition(":")[0]
        self.identities = IdentityMap(window.registers.get("identities", ()), register.rows, window.programme.timezone)
        self._by_address = IdentityMap((), register.rows, window.programme.timezone).at(window.start)
        self.accounts = tracks_of(window, evidence, window.scope_item_id, LISTS[self.system])
        keys = KEYS.get(self.system)
        self._keys = Tracks() if keys is None else tracks_of(window, evidence, window.scope_item_id, keys)
        self._google = self._google_accounts()
        self._events = self._events_of_system()
        self._places: dict[str, list[int]] = {}
        for place, (event, _) in enumerate(self._events):
            for key in event.subject.keys:
                self._places.setdefault(key, []).append(place)
        self._machines = frozenset(name.casefold() for name in window.programme.evidence_rules.machine_accounts)
        self._entries: dict[int, tuple[People, dict[str, set[str]]]] = {}

    @property
    def maps(self) -> bool:
        """Whether anything says whose an account is."""
        return self._window.registers.get("identities") is not None or bool(self._register.people)

    def entries(self, holding: Holding, at: datetime) -> set[str]:
        """Ids of the register's entries that a holding belongs to at an instant."""
        people = self.identities.at(at)
        known = self._entries.get(id(people))
        if known is None:
            by_key: dict[str, set[str]] = {}
            for entry in self._register.people:
                for key in people.of_key(f"person:{entry}"):
                    by_key.setdefault(key, set()).add(entry)
            known = self._entries[id(people)] = (people, by_key)
        return {entry for key in people.person(holding.who) for entry in known[1].get(key, ())}

    def is_machine(self, holding: Holding) -> bool:
        """Whether the programme says that an account is nobody's."""
        return any(key.partition(":")[2].casefold() in self._machines for key in holding.who.keys)

    def covered(self, start: datetime, end: datetime) -> bool:
        """Whether every event of a time is held."""
        stream = STREAMS[self.system]
        items = self._window.asked_for(stream)
        return bool(items) and all(self._evidence.covered(stream, item, start, end) for item in items)

    def seen_throughout(self) -> bool:
        """Whether nothing that ended in the window can have been missed: by events, or by lists around it."""
        if self.covered(self._window.start, self._window.end):
            return True
        instants = self.accounts.instants
        return bool(instants) and instants[0] <= self._window.start and instants[-1] >= self._window.end

    def keys_seen_since(self, at: datetime) -> bool:
        """Whether a list of the keys of the system, where it keeps one of its own, is held from an instant on."""
        return self.system not in KEYS or (bool(self._keys.instants) and self._keys.instants[-1] >= at)

    # --- leavers ------------------------------------------------------------------------------------------------------

    def had(self, leaver: Leaver, allowed: Deadline) -> Iterator[Had]:
        """Everything that was theirs on the last day or later, and when it ended. `allowed`: the longer deadline."""
        person = self.identities.at(leaver.known_at).of_key(f"person:{leaver.person_id}")
        for tracks in (self.accounts, self._keys):
            for stretches in tracks.by_id.values():
                mine = [one.shown for one in stretches if one.shown is not None and self._is(person, one.shown, leaver)]
                if mine:
                    found = self._had(leaver, allowed, tracks, mine[-1], stretches)
                    told = tracks.latest_at(leaver.left_at)
                    since = leaver.left_at if told is None else told[0]
                    powers = [one for one in stretches if one.shown is not None and one.shown.privileged]
                    if found is not None:
                        yield replace(found, privileged=any(one.last >= since for one in powers))
        yield from self._unlisted(leaver)

    def _had(
        self, leaver: Leaver, allowed: Deadline, tracks: Tracks, holding: Holding, stretches: Sequence[Stretch]
    ) -> Had | None:
        until, instants = self._returns_at(leaver, allowed), tracks.instants
        kept = [
            replace(one, last=one.last if until is None else min(one.last, max(at for at in instants if at < until)))
            for one in stretches
            if until is None or one.first < until
        ]
        events = [pair for pair in self.events_of(holding) if until is None or pair[0].at < until]
        # An account that nobody has for a while counts as everybody's who ever had it; only somebody with the same
        # address is the leaver, and only somebody who has it alone took it over.
        selves = self._selves(leaver)

        def heir_at(one: Holding, at: datetime) -> str | None:
            entries = self.entries(one, at)
            mine = leaver.person_id in entries
            for entry in sorted(entries - {leaver.person_id}):
                if self._register.works_at(entry, at) and (not mine or entry in selves):
                    return entry
            return None

        def theirs(one: Holding, at: datetime) -> bool:
            entries = self.entries(one, at)
            return leaver.person_id in entries if at <= leaver.known_at else bool(entries) and heir_at(one, at) is None

        end = end_of(signs_of(kept, events, instants, theirs), events, self.covered)
        if end.over is not None and end.over < leaver.left_at - STALE:
            return None  # it was not theirs any more long before
        heir = heir_at(holding, allowed.at - timedelta(microseconds=1))
        if heir is None:
            end = self._through_google(holding, end)
        return Had(holding, end, heir)

    def _is(self, person: Person, holding: Holding, leaver: Leaver) -> bool:
        return not self.identities.at(leaver.known_at).person(holding.who).isdisjoint(person)

    @cached_property
    def _by_events_alone(self) -> list[list[tuple[AccessEvent, str]]]:
        """The events of each account that no list ever showed."""
        listed = {
            event.id for tracks in self.accounts.by_id.values() for event, _ in self.events_of(shown_last(tracks))
        }
        found: dict[tuple[str, ...], list[tuple[AccessEvent, str]]] = {}
        for event, digest in self._events:
            known = event.id in listed or event.part is not None or event.subject_kind != "person"
            if not known and (event.opens or event.kind == "ended"):
                found.setdefault(event.subject.keys, []).append((event, digest))
        return list(found.values())

    def _unlisted(self, leaver: Leaver) -> Iterator[Had]:
        """Accounts of theirs that no list ever showed, known from events alone."""
        for events in self._by_events_alone:
            subject = events[0][0].subject
            holding = Holding(events[0][0].id, "account", f"{subject.named[:120]}, by events alone", subject, None)
            if leaver.person_id not in self.entries(holding, leaver.known_at):
                continue
            signs = signs_of((), events)
            # What ended was there until then; a list that does not show it says that it is not there.
            if events[0][0].kind == "ended":
                signs.insert(0, Sign(events[0][0].at - timedelta(microseconds=1), "in"))
            lists = zip(self.accounts.instants, self.accounts.digests, strict=True)
            signs += [Sign(at, "out", digest=digest) for at, digest in lists if at >= signs[0].at]
            end = end_of(sorted(signs, key=lambda sign: (sign.at, sign.event is None)), events, self.covered)
            if end.over is None or end.over >= leaver.left_at - STALE:
                yield Had(holding, end)

    def _selves(self, leaver: Leaver) -> set[str]:
        """Entries of the register that share an address with the leaver's: the same human being."""
        mine = self._by_address.of_key(f"person:{leaver.person_id}")
        return {
            entry
            for entry in self._register.people
            if entry != leaver.person_id and not self._by_address.of_key(f"person:{entry}").isdisjoint(mine)
        }

    def _returns_at(self, leaver: Leaver, allowed: Deadline) -> datetime | None:
        """When a leaver comes back after the deadline: what they have from then on was given anew."""
        starts = [self._register.starts_at(entry) for entry in self._selves(leaver)]
        return min((at for at in starts if at >= allowed.at), default=None)

    def nobodys(self, at: datetime) -> list[str]:
        """Accounts of people in the latest list at an instant that no register gives to anybody."""
        return sorted(
            one.named
            for one in self.accounts.shown_at(at)
            if one.kind == "account" and one.of_a_person and one.active is not False
            and not self.is_machine(one) and not self.entries(one, at)
        )  # fmt: skip

    # --- the other direction ------------------------------------------------------------------------------------------

    def ended(self) -> Iterator[tuple[Holding, End]]:
        """Accounts of people that ended for good in the window, known from lists or from events alone."""
        window = self._window
        matched: set[str] = set()
        for stretches in self.accounts.by_id.values():
            holding = shown_last(stretches)
            events = self.events_of(holding)
            matched |= {event.id for event, _ in events}
            if holding.kind != "account" or not holding.of_a_person or self.is_machine(holding):
                continue
            end = end_of(signs_of(stretches, events), events, self.covered)
            vanished = stretches[-1].shown is None and not any(event.kind == "ended" for event, _ in events)
            if end.over is None or end.lasted is None or (vanished and not holding.listed_in_full):
                continue
            if window.start <= end.over < window.end:
                yield holding, end
        latest: dict[tuple[str, ...], tuple[AccessEvent, str]] = {}
        for event, digest in self._events:
            whole = event.part is None and event.subject_kind == "person" and event.id not in matched
            if whole and event.kind in ("ended", "restored"):
                latest[event.subject.keys] = (event, digest)
        for event, digest in latest.values():
            if event.kind == "ended" and window.start <= event.at < window.end:
                named = f"{event.subject.named[:120]} ({event.action})"
                holding = Holding(event.id, "account", named, event.subject, False)
                if not self.is_machine(holding):
                    yield holding, End(None, event.at, True, False, False, (digest,))

    # --- events -------------------------------------------------------------------------------------------------------

    def events_of(self, holding: Holding) -> list[tuple[AccessEvent, str]]:
        """Events about an account, in order."""
        if holding.kind != "account":
            return []
        places = {place for key in holding.who.keys for place in self._places.get(key, ())}
        return [self._events[place] for place in sorted(places)]

    def _events_of_system(self) -> list[tuple[AccessEvent, str]]:
        """Removals and accounts given, from the longest time before the window that matters on.

        What ended long after the window is told by lists of accounts, which is enough to say that it was late.
        """
        stream, window = STREAMS[self.system], self._window
        until = min(window.as_of, window.end + _LOOKED_ON)
        found: list[tuple[AccessEvent, str]] = []
        for item in window.asked_for(stream):
            for row, digest in self._evidence.rows(stream, item, window.start - STALE, until):
                found += [
                    (one, digest) for one in access_events(self.system, row) if one.opens or one.kind != "granted"
                ]
        return sorted(found, key=lambda pair: pair[0].at)

    # --- Google Cloud -------------------------------------------------------------------------------------------------

    def _google_accounts(self) -> Tracks:
        google = self._window.programme.scope.google
        if self.system != "gcp" or google is None:
            return Tracks()
        return tracks_of(self._window, self._evidence, f"google:{google.customer}", LISTS["google"])

    def _through_google(self, holding: Holding, end: End) -> End:
        """A binding opens nothing once the Google account it names can't sign in any more."""
        for stretches in self._google.by_id.values():
            if not set(shown_last(stretches).who.keys).isdisjoint(holding.who.keys):
                signs = signs_of(stretches, ())
                through = end_of(signs, (), lambda _start, _end: False)
                if through.over is not None and (end.over is None or through.over < end.over):
                    return through
        return end
