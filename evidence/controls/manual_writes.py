"""CC8-CHG-04, what people wrote in production by hand: each session joins to a ticket or an incident.

The population are the sessions in which a person changed something in an account of AWS (`aws.management_events`) or a
project of Google Cloud (`gcp.admin_activity`), at the console or by any other way. Calls that failed changed nothing;
signing in changes nothing; calls that the programme allows without a ticket (`changes_by_hand_allowed`) are left out.
Who is a person is told by `human_principal`.

- MANUAL_WRITE_UNEXPLAINED  no ticket of a change and no incident joins to the session

A ticket joins in one of two ways, each within one business day of the session (before or after):

- it names the session, one of its events or its access key, in its text, a field or a comment
- the person of the session opened it, was given it, or did something with it

Decisions where the rule leaves room:

- A session is what was done with the same credentials: of a role since they were handed out, of a user (or of anybody
  at Google Cloud, which tells of no sessions) on one local day.
- Business days are those of the person's office.
- A session of somebody whom no register knows can be explained by a ticket that names it, and by nothing else.
- Writes with a role that shows neither a person nor a machine make one row for each role: `unknown`. The programme
  lists such a role under `pipeline_identities` or `machine_accounts`, or its sessions are to be named after people.
- Tickets are those of `registers.changes` and `registers.incidents`; one of the two is enough to look.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from evidence.controls.business_days import BusinessDays, Calendar, Deadline
from evidence.controls.held import has_closed, window_unknown
from evidence.controls.human_principal import Principal, Principals
from evidence.controls.identity import IdentityMap, People, Person, Who
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.ticket_facts import Ticket, tickets_covered, tickets_of
from schemas import aws_trail, gcp, tickets
from schemas.dataset import Dataset
from schemas.instants import format_instant
from schemas.outcome import Outcome

LINE = "manual"
MANUAL_WRITE_UNEXPLAINED = "MANUAL_WRITE_UNEXPLAINED"

TICKETS: tuple[Dataset, ...] = (tickets.CHANGES, tickets.INCIDENTS)

_SIGNING_IN = frozenset({"signin.amazonaws.com", "sts.amazonaws.com", "sso-oauth.amazonaws.com"})
_PORTAL = frozenset({"Authenticate", "Federate", "UserAuthentication", "Logout", "CredentialChallenge"})
"""What Identity Center writes of its users' signing in (`sso.amazonaws.com`)."""
_TOKEN = re.compile(r"[A-Za-z0-9:/._+@=#-]{8,}")
_LOOK_BACK = timedelta(days=400)
"""How long before the window a ticket can have been opened that is still worked on."""
_NEAR = timedelta(days=5)
"""Time around a window for which tickets must be held; a business day lies well within it."""
_CALLS = 5

Row = Mapping[str, Any]


@dataclass(slots=True)
class _Session:
    principal: Principal
    item_id: str
    first: datetime
    last: datetime
    calls: Counter[str] = field(default_factory=Counter[str])
    digests: dict[str, None] = field(default_factory=dict[str, None])
    named_by: set[str] = field(default_factory=set[str])
    """Words of tickets that are ids of this session."""

    def add(self, at: datetime, call: str, digest: str) -> None:
        self.first, self.last = min(self.first, at), max(self.last, at)
        self.calls[call] += 1
        self.digests[digest] = None

    @property
    def did(self) -> str:
        """The calls in words."""
        listed = [f"{call} ({count})" if count > 1 else call for call, count in self.calls.most_common(_CALLS)]
        more = f" and {len(self.calls) - _CALLS} other calls" if len(self.calls) > _CALLS else ""
        return ", ".join(listed) + more


@dataclass(frozen=True, slots=True)
class _Act:
    """Something a ticket says, or somebody did with it."""

    at: datetime
    ticket: Ticket
    by: Who | None = None


def explained_by_hand(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """One row per session of a person in an account or a project, and one per role of which nobody can say."""
    system = window.scope_item_id.partition(":")[0]
    dataset = aws_trail.MANAGEMENT_EVENTS if system == "aws" else gcp.ADMIN_ACTIVITY
    asked = window.asked_for(dataset)
    sessions = _Sessions(window, evidence)
    outcomes = [sessions.outcome(one) for one in sessions.read(dataset, asked)]
    held = bool(asked) and all(evidence.covered(dataset, item, window.start, window.end) for item in asked)
    if has_closed(window) and not held:
        outcomes.append(window_unknown(window, LINE, "not all writes of the window are held."))
    return outcomes


class _Sessions:
    def __init__(self, window: TestWindow, evidence: StoredEvidence) -> None:
        self._window, self._evidence = window, evidence
        rules, scope = window.programme.evidence_rules, window.programme.scope
        self._identities = IdentityMap.of(window.registers, window.programme.timezone)
        self._principals = Principals(rules.machine_accounts, rules.pipeline_identities, self._identities)
        self._days = BusinessDays.of(window.programme, dict(window.registers))
        self._local = Calendar(None, window.programme.timezone)
        allowed = [*(scope.aws.changes_by_hand_allowed if scope.aws else ()),
                   *(scope.gcp.changes_by_hand_allowed if scope.gcp else ())]  # fmt: skip
        self._allowed = frozenset(name.casefold() for name in allowed)
        registers = window.programme.registers
        self._kept = tuple(one for one in TICKETS if getattr(registers, one.name.partition(".")[2], None) is not None)
        self._acts: list[_Act] = []
        self._words: dict[str, list[_Act]] = {}
        for one in self._kept:
            for ticket in tickets_of(window, evidence, one, window.start - _LOOK_BACK, window.as_of):
                self._note(ticket)
        self._acts_of: dict[str, list[_Act]] = {}
        self._open_of: dict[str, list[_Act]] = {}
        for act in sorted(self._acts, key=lambda act: act.at):
            for key in () if act.by is None else self._identities.at(act.at).person(act.by):
                self._acts_of.setdefault(key, []).append(act)
                if act.ticket.row["state"] == "open":
                    self._open_of.setdefault(key, []).append(act)
        for acts in self._open_of.values():
            acts.sort(key=lambda act: act.ticket.known_until)
        self._person_ids: dict[tuple[int, Person], str | None] = {}

    def _note(self, ticket: Ticket) -> None:
        opened = _Act(ticket.opened_at, ticket, ticket.author)
        self._acts.append(opened)
        said: list[tuple[_Act, str]] = [(opened, f"{ticket.row['title']} {ticket.row['body'] or ''}")]
        said += [(opened, value) for value in ticket.fields.values()]
        for event in ticket.events():
            act = _Act(event["at"], ticket, ticket.who(event["actor"]))
            self._acts.append(act)
            for whom in (event["detail"] or "").split(", ") if event["kind"] == "assigned" else ():
                given = Who(ticket.row["tracker"], whom, whom, whom if "@" in whom else None)
                self._acts.append(_Act(event["at"], ticket, given))
            said.append((act, f"{event['text'] or ''} {event['after'] or ''}"))
        for act, text in said:
            for word in _TOKEN.findall(text):
                self._words.setdefault(word.rstrip(".:,"), []).append(act)

    def read(self, dataset: Dataset, asked: tuple[str, ...]) -> Iterator[_Session]:
        """The sessions of the window, in order of their first write."""
        aws = dataset is aws_trail.MANAGEMENT_EVENTS
        found: dict[str, _Session] = {}
        for item in asked:
            for row, digest in self._evidence.rows(dataset, item, self._window.start, self._window.end):
                call = self._call_of_aws(row) if aws else self._call_of_gcp(row)
                if call is None:
                    continue
                principal = self._principals.of_aws(row) if aws else self._principals.of_gcp(row)
                if principal.nature == "machine":
                    continue
                item_id = self._item_id(row, principal, row["session_created_at"] if aws else None)
                session = found.get(item_id)
                if session is None:
                    at = row["event_time"]
                    session = found[item_id] = _Session(principal, item_id, at, at)
                session.add(row["event_time"], call, digest)
                named = (item_id, row["event_id"], row["identity_access_key_id"] if aws else row["insert_id"])
                session.named_by |= {one for one in named if one and one in self._words}
        yield from sorted(found.values(), key=lambda one: (one.first, one.item_id))

    def _item_id(self, row: Row, principal: Principal, began: datetime | None) -> str:
        scope = self._window.scope_item_id
        if principal.nature == "unclear":
            return f"{scope}:unclear:{principal.key}"
        when = self._local.local_day(row["event_time"]).isoformat() if began is None else format_instant(began)
        return f"{scope}:session:{principal.key}@{when}"

    def _call_of_aws(self, row: Row) -> str | None:
        """The call in words where it changed something and needs a ticket."""
        name, service = row["event_name"], row["event_source"].removesuffix(".amazonaws.com")
        if row["read_only"] is True or row["error_code"] or row["event_type"] == "AwsConsoleSignIn":
            return None
        if row["event_source"] in _SIGNING_IN or (service == "sso" and name in _PORTAL):
            return None
        return None if self._allowed & {name.casefold(), f"{service}:{name}".casefold()} else f"{service}:{name}"

    def _call_of_gcp(self, row: Row) -> str | None:
        name = row["method"]
        if row["status_code"] or row["log"] == "system_event":
            return None
        known_as = {name.casefold(), name.rpartition(".")[2].casefold(), f"{row['service']}:{name}".casefold()}
        return None if self._allowed & known_as else name

    def outcome(self, session: _Session) -> Outcome:
        principal = session.principal
        when = f"{format_instant(session.first)} to {format_instant(session.last)}"
        subject = f"{principal.named} wrote from {when}: {session.did}"
        if principal.nature == "unclear":
            return self._row(session, "unknown", f"{subject}. Not known: whether a person did.")
        people = self._identities.at(session.first)
        person: Person = frozenset[str]().union(*(people.person(who) for who in principal.whos))
        known = any(people.registered(who) for who in principal.whos)
        calendar = self._days.of_person(self._person_id(person, people))
        due = calendar.deadline(session.last, 1)
        joined = self._joined(session, person if known else frozenset(), due, calendar)
        if joined is not None:
            how = "names it" if joined.by is None else "is theirs"
            words = f"{subject}. Ticket {joined.ticket.name} {how} ({format_instant(joined.at)})."
            return self._row(session, "pass", words, digests=(joined.ticket.digest,))
        doubt = self._doubt(session, person, due)
        if self._window.as_of < due.at:
            words = f"{subject}. No ticket or incident joins to it yet (due by {due.words})."
            return self._row(session, "pending", words, resolves_at=due.at)
        if doubt is not None:
            return self._row(session, "unknown", f"{subject}. Not known: whether a ticket or incident joins: {doubt}.")
        who = "" if known else ", and no register says who that is"
        if tickets.CHANGES not in self._kept:
            who += " (where tickets of changes are kept the programme does not say)"
        words = f"{subject}. No ticket or incident joins to it within {due.words}{who}."
        return self._row(session, "exception", words, codes=(MANUAL_WRITE_UNEXPLAINED,))

    def _joined(self, session: _Session, person: Person, due: Deadline, calendar: Calendar) -> _Act | None:
        for word in sorted(session.named_by):
            for act in self._words[word]:
                if self._near(act.at, session, due, calendar):
                    return _Act(act.at, act.ticket)
        if not person:
            return None
        for key in sorted(person):
            acts = self._acts_of.get(key, [])
            last = bisect_left(acts, due.at, key=lambda act: act.at)
            # Who acts later is nearer, up to when it is due.
            first = bisect_left(acts, True, 0, last, key=lambda act: self._near(act.at, session, due, calendar))
            if first < last:
                return acts[first]
        return None

    @staticmethod
    def _near(at: datetime, session: _Session, due: Deadline, calendar: Calendar) -> bool:
        return at < due.at and (at >= session.first or calendar.deadline(at, 1).at > session.first)

    def _doubt(self, session: _Session, person: Person, due: Deadline) -> str | None:
        if not self._kept:
            return "the programme says neither where changes nor where incidents are kept"
        for one in self._kept:
            until = min(due.at, self._window.as_of)
            if not tickets_covered(self._window, self._evidence, one, session.first - _NEAR, until):
                return f"not all {one.name.partition('.')[2]} around that time are held"
        for key in sorted(person):
            acts = self._open_of.get(key, [])
            unread = acts[: bisect_left(acts, due.at, key=lambda act: act.ticket.known_until)]
            ticket = next((act.ticket for act in unread if act.ticket.opened_at < due.at), None)
            if ticket is not None:
                return f"{ticket.name}, which is theirs, was last read at {format_instant(ticket.known_until)}"
        return None

    def _person_id(self, person: Person, people: People) -> str | None:
        """The person's id in the register of people."""
        key = (id(people), person)
        if key not in self._person_ids:
            ids = (str(row["person_id"]) for row in self._window.registers.get("people", ()))
            found = (one for one in ids if not person.isdisjoint(people.of_key(f"person:{one}")))
            self._person_ids[key] = next(found, None)
        return self._person_ids[key]

    def _row(
        self, session: _Session, outcome: Any, explanation: str, *, codes: tuple[str, ...] = (),
        digests: tuple[str, ...] = (), resolves_at: datetime | None = None,
    ) -> Outcome:  # fmt: skip
        window = self._window
        return window.outcome(
            evidence_id=LINE,
            item_id=session.item_id,
            event_time=session.first,
            outcome=outcome,
            codes=codes,
            explanation=explanation,
            evidence=(*session.digests, *digests),
            resolves_at=resolves_at,
        )
