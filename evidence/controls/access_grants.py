"""CC6-PROV-01: access granted only after approval.

Each grant of a window (an account, a membership, a role, a policy) has a row:

- NO_REQUEST       no approved request names its subject and system
- APPROVED_AFTER   the request was approved after the grant
- SELF_APPROVED    by the person who got it
- WRONG_APPROVER   by somebody who was not on the programme's list of approvers at that time
- MORE_THAN_ASKED  what was granted is more than was asked for

Decisions where the rule leaves room:

- Of several requests the one that answers best counts.
- A request counts for grants within 90 days after it was opened. That there was none is said only where every request
  of the 30 days before the grant is held.
- When a request was approved is believed as far as the ticket's history bears it out (see `access_requests`).
- Two roles can be compared where they are of one kind (read, write, admin; member, owner; a policy's name). Where
  nobody can tell whether what was asked for holds what was granted, that is unknown; power of an administrator that was
  not asked for by name is more than was asked for.
- A grant of what the subject had already changes nothing: it repeats a grant that stands, or the list of accounts from
  before shows it, and nothing was taken in between. So is one that gives back within 24 hours what was taken, as when a
  team is renamed. A policy that is written anew under its name may say something else, and is judged.
- What everybody gets on the first day needs no request where the programme lists it (`birthright_access`), from two
  weeks before until a week after the first day.
- Accounts that Google makes for its own services get their bindings from Google.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from evidence.controls.access_event import AccessEvent
from evidence.controls.access_events import STREAMS
from evidence.controls.access_requests import AccessRequests, Approval, best_first, covers
from evidence.controls.held import window_unknown
from evidence.controls.identity import IdentityMap, People, Who
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.standing_access import StandingAccess
from evidence.controls.validity import end_of, start_of
from evidence.controls.verdict import Verdict
from schemas.instants import format_instant
from schemas.outcome import Outcome

if TYPE_CHECKING:
    from evidence.controls.ticket_facts import Ticket

LINE = "grants"
NO_REQUEST = "NO_REQUEST"
APPROVED_AFTER = "APPROVED_AFTER"
SELF_APPROVED = "SELF_APPROVED"
WRONG_APPROVER = "WRONG_APPROVER"
MORE_THAN_ASKED = "MORE_THAN_ASKED"
CODES = (NO_REQUEST, APPROVED_AFTER, SELF_APPROVED, WRONG_APPROVER, MORE_THAN_ASKED)

_EARLY, _SOON = timedelta(days=14), timedelta(days=7)
_GOOGLES_OWN = "service-agent-manager@system.gserviceaccount.com"
_SERVICE_AGENT = re.compile(r"service-\d+@gcp-sa-[a-z0-9-]+\.iam\.gserviceaccount\.com")


def access_granted_after_approval(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """Rows for the grants of a window in one system."""
    return list(Grants(window, evidence).outcomes())


class Grants:
    """The grants of one window in one system, each judged."""

    def __init__(self, window: TestWindow, evidence: StoredEvidence) -> None:
        self._window = window
        self._evidence = evidence
        self._system = window.scope_item_id.partition(":")[0]
        self._identities = IdentityMap.of(window.registers, window.programme.timezone)
        self._requests = AccessRequests(window, evidence)
        self._standing = StandingAccess(window, evidence, self._system)

    def outcomes(self) -> Iterator[Outcome]:
        window, stream = self._window, STREAMS[self._system]
        items = window.asked_for(stream)
        end = min(window.end, window.as_of)
        if not items or not all(self._evidence.covered(stream, item, window.start, end) for item in items):
            why = f"{stream.name} is not held for the whole window, so grants may be missing."
            yield window_unknown(window, LINE, why)
        for _event, outcome in self.judged():
            yield outcome

    def judged(self) -> Iterator[tuple[AccessEvent, Outcome]]:
        """Every grant that is held, with its row."""
        for event, digest in self._standing.grants():
            yield event, self._grant(event, digest)

    def _grant(self, event: AccessEvent, digest: str) -> Outcome:
        verdict = Verdict()
        verdict.used(digest)
        people = self._identities.at(event.at)
        if not event.subject.keys:
            verdict.doubts("the event does not say who got it")
        elif (why := self._needs_none(event, people)) is not None:
            verdict.holds(why)
        else:
            self._judge(verdict, event, people)
        window = self._window
        subject = f"{event.words}, by {event.actor.named[:120]} at {format_instant(event.at)}"
        return window.outcome(
            evidence_id=LINE,
            item_id=f"grant:{event.id}",
            event_time=event.at,
            outcome=verdict.outcome,
            codes=tuple(verdict.codes),
            explanation=verdict.explain(subject),
            evidence=verdict.evidence,
        )

    # --- grants that need no request ----------------------------------------------------------------------------------

    def _needs_none(self, event: AccessEvent, people: People) -> str | None:
        if _SERVICE_AGENT.fullmatch(event.subject.login or "") or event.actor.email == _GOOGLES_OWN:
            return "Google's own account for a service, which Google binds"
        return self._standing.had(event) or self._birthright(event, people)

    def _birthright(self, event: AccessEvent, people: People) -> str | None:
        listed = self._window.programme.evidence_rules.birthright_access
        names = {event.role.casefold(), f"{event.role} {event.resource}".casefold(), event.resource.casefold()}
        names = {name for name in names if name}
        if not any(one.casefold() in names | {f"{self._system}:{name}" for name in names} for one in listed):
            return None
        subject = people.person(event.subject)
        for row in self._window.registers.get("people", ()):
            if people.of_key(f"person:{row['person_id']}").isdisjoint(subject):
                continue
            first = start_of(row["start"], self._window.programme.timezone)
            if first is not None and first - _EARLY <= event.at < first + _SOON:
                return f"everybody gets it on the first day, which was {row['start']}"
        return None

    # --- grants that need one -----------------------------------------------------------------------------------------

    def _judge(self, verdict: Verdict, event: AccessEvent, people: People) -> None:
        tickets = best_first(self._requests.of(event, people), event.at)
        tried = [self._answer(event, ticket, people) for ticket in tickets]
        approved = [answer for answer in tried if answer is not None]
        if approved:
            verdict.adopt(min(approved, key=lambda answer: (len(answer.codes), len(answer.unsure))))
            return
        open_ones = f"; asked for in {tickets[0].name}, and never approved" if tickets else ""
        if self._requests.covered_before(event.at):
            known = event.subject_kind != "person" or people.registered(event.subject)
            whose = "" if known else ", and no register says whose account that is"
            verdict.fails(NO_REQUEST, f"no approved request names {event.subject.named[:120]}{open_ones}{whose}")
        else:
            verdict.doubts(f"no approved request is held, and not every request of that time is{open_ones}")

    def _answer(self, event: AccessEvent, ticket: Ticket, people: People) -> Verdict | None:
        """How one request answers a grant; None where it was not approved."""
        answer = Verdict()
        answer.used(ticket.digest)
        try:
            approval = self._requests.approval(ticket, people)
        except ValueError:
            answer.doubts(f"{ticket.name} says no time of its approval that can be read")
            return answer
        if approval is None:
            return None
        when = f"{ticket.name}, approved by {approval.named[:80]} at {format_instant(approval.latest)}"
        if approval.doubt is not None:
            answer.doubts(approval.doubt)
        if approval.earliest > event.at:
            answer.fails(APPROVED_AFTER, f"{when}, after the grant")
        elif approval.latest > event.at:
            answer.doubts(f"{when}: not known whether that was before the grant")
        if not approval.person.isdisjoint(people.person(event.subject)):
            answer.fails(SELF_APPROVED, f"{when}, who got it")
        self._entitled(answer, ticket, approval, people)
        asked = ticket.field("role")
        covered = covers(asked, event)
        if covered is False:
            answer.fails(MORE_THAN_ASKED, f"{ticket.name} asks for {(asked or 'no role')[:120]}")
        elif covered is None:
            answer.doubts(f"{ticket.name} asks for {(asked or 'no role')[:120]}, which can't be compared")
        answer.holds(f"asked for in {when}")
        return answer

    def _entitled(self, answer: Verdict, ticket: Ticket, approval: Approval, people: People) -> None:
        approvers, at = self._window.programme.people.approvers, approval.latest
        zone = self._window.programme.timezone
        if not approvers:
            answer.doubts("the programme lists no approvers")
            return
        for one in approvers:
            if people.person(Who(self._system, email=one.email)).isdisjoint(approval.person):
                continue
            start, end = start_of(one.valid_from, zone), end_of(one.valid_to, zone)
            if (start is None or start <= at) and (end is None or at < end):
                return
        if approval.known:
            answer.fails(
                WRONG_APPROVER, f"{ticket.name} was approved by {approval.named[:80]}, who was no approver then"
            )
        else:
            answer.doubts(f"the registers do not say who {approval.named[:80]} is")
