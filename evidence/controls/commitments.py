"""CC2-EXT-01: what is promised can be found and is changed only with an approval; messages to the security contact are
answered.

The population of a quarter are the pages of the register (`own.published_pages`), each in every snapshot, each change
of their text, and the messages to the security contact (`ticketing.security_inbox`). One test carries them all:

- PAGE_DOWN          a page did not answer with success in a snapshot
- CHANGE_UNAPPROVED  the text of a page was another one than in the snapshot before, and nobody had approved it by then
- NO_RESPONSE        nobody answered a message within the business days allowed (`security_response_business_days`)

Decisions where the rule leaves room:

- A text is its bytes (`body_sha256`): of two snapshots the digests are compared. Pages that change by themselves are
  not judged for it: status pages and those of the kind `other`. A page seen for the first time has no change.
- An approval is a record of the type `page_approval` for the page's address with the digest of the new text, made
  before the snapshot that first shows it; by the rule of records one that was written down late counts from then.
- An answer is a comment or the closing by somebody who is a person and not the author of the message. Labels and
  assignments tell the sender nothing. What is classified as spam (a label, or `Verdict: spam`) needs none.
- Business days are those of the office `default`.
- A quarter without a message is unknown: a test message each quarter proves that the contact works.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from evidence.controls.approval import is_machine
from evidence.controls.business_days import BusinessDays
from evidence.controls.held import has_closed, window_unknown
from evidence.controls.identity import IdentityMap
from evidence.controls.incident_facts import word
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.stretches import Seen, Stretches
from evidence.controls.ticket_facts import Ticket, tickets_covered, tickets_of
from evidence.controls.verdict import Verdict
from schemas.instants import format_instant
from schemas.outcome import Outcome
from schemas.own import PUBLISHED_PAGES
from schemas.tickets import SECURITY_INBOX

LINE = "published"
PAGE_DOWN = "PAGE_DOWN"
CHANGE_UNAPPROVED = "CHANGE_UNAPPROVED"
NO_RESPONSE = "NO_RESPONSE"
CODES = (PAGE_DOWN, CHANGE_UNAPPROVED, NO_RESPONSE)

CHANGING = frozenset({"status", "other"})
"""Kinds of pages whose text moves without anybody's decision."""
ANSWERS = ("commented", "closed")
_LONGEST = 160
Row = Mapping[str, Any]


def commitments_reach_customers(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """Rows for pages, for changes of their text and for messages."""
    return [*_pages(window, evidence), *_changes(window, evidence), *_messages(window, evidence)]


# --- pages ------------------------------------------------------------------------------------------------------------


def _pages(window: TestWindow, evidence: StoredEvidence) -> Iterator[Outcome]:
    stretches = Stretches(window, LINE)
    named = False
    for at, rows, digest in evidence.snapshots(PUBLISHED_PAGES, window.scope_item_id, window.start, window.end):
        named = named or bool(rows)
        stretches.add(at, digest, {f"page:{row['url']}": _page(row) for row in rows})
    yield from stretches.outcomes()
    if has_closed(window) and not stretches.snapshots:
        yield window_unknown(window, LINE, "no snapshot of published pages is held.", about="pages")
    elif has_closed(window) and not named:
        yield window_unknown(window, LINE, "the register names no page that customers could find.", about="pages")


def _page(row: Row) -> Seen:
    label = f"{row['kind']} page {_short(row['url'])}"
    status = row["status"]
    if row["failure"] is not None:
        return Seen(label, f"can't be read ({_short(row['failure'])})", (PAGE_DOWN,))
    if status is None:
        return Seen(label, "gave no answer that counts", unknown=True)
    if 200 <= status < 300:
        return Seen(label, "is there")
    return Seen(label, f"answers with {status}", (PAGE_DOWN,))


def _changes(window: TestWindow, evidence: StoredEvidence) -> Iterator[Outcome]:
    """A row for every change of a text between a snapshot and the one before it that showed the page."""
    shown: dict[str, tuple[str, str]] = {}
    before = evidence.snapshot_before(PUBLISHED_PAGES, window.scope_item_id, window.start)
    snapshots = evidence.snapshots(PUBLISHED_PAGES, window.scope_item_id, window.start, window.end)
    for at, rows, digest in [*([] if before is None else [before]), *snapshots]:
        for row in rows:
            if row["kind"] in CHANGING or row["body_sha256"] is None or not 200 <= (row["status"] or 0) < 300:
                continue
            text, held = str(row["body_sha256"]), shown.get(row["url"])
            if held is not None and held[0] != text:
                yield _changed(window, evidence, row, at, (held[1], digest))
            shown[row["url"]] = text, digest


def _changed(
    window: TestWindow, evidence: StoredEvidence, row: Row, at: datetime, digests: tuple[str, ...]
) -> Outcome:  # fmt: skip
    text = str(row["body_sha256"]).removeprefix("sha256:")
    approvals = [
        record for record in evidence.records(window.control_id, LINE, window.scope_item_id)
        if record.record_type == "page_approval" and record.recorded_at <= window.as_of
        and record.values.get("url") == row["url"]
        and str(record.values.get("sha256") or "").removeprefix("sha256:") == text
    ]  # fmt: skip
    first = min(approvals, key=lambda record: record.performed_at, default=None)
    subject = f"{row['kind']} page {_short(row['url'])} had another text at {format_instant(at)}"
    if first is None:
        codes, words = (CHANGE_UNAPPROVED,), "nobody approved it"
    elif first.performed_at > at:
        codes, words = (CHANGE_UNAPPROVED,), f"it was approved only at {format_instant(first.performed_at)}"
    else:
        by = first.values.get("approved_by") or first.signed_by
        codes, words = (), f"{by} had approved it at {format_instant(first.performed_at)}"
    used = digests if first is None else (*digests, first.digest)
    item = f"change:{row['url']}@{format_instant(at)}"
    return _outcome(window, item, at, codes, f"{subject}: {words}.", used)


# --- messages ---------------------------------------------------------------------------------------------------------


def _messages(window: TestWindow, evidence: StoredEvidence) -> Iterator[Outcome]:
    if window.programme.registers.security_inbox is None:
        if has_closed(window):
            why = "the programme does not say where messages to the security contact arrive."
            yield window_unknown(window, LINE, why, about="messages")
        return
    inbox = _Inbox(window)
    messages = tickets_of(window, evidence, SECURITY_INBOX, window.start, window.end)
    for ticket in messages:
        yield inbox.outcome(ticket)
    if not has_closed(window):
        return
    if not tickets_covered(window, evidence, SECURITY_INBOX, window.start, window.end):
        yield window_unknown(window, LINE, "not all messages to the security contact are held.", about="messages")
    elif not messages:
        why = "no message reached the security contact, not even the test message that shows that it works."
        yield window_unknown(window, LINE, why, about="messages")


class _Inbox:
    def __init__(self, window: TestWindow) -> None:
        rules = window.programme.evidence_rules
        self._window = window
        self._days = rules.security_response_business_days
        self._machines = frozenset(login.casefold() for login in rules.machine_accounts)
        self._calendar = BusinessDays.of(window.programme, window.registers).of_person(None)
        self._people = IdentityMap.of(window.registers, window.programme.timezone)

    def outcome(self, ticket: Ticket) -> Outcome:
        verdict, pending = Verdict(), None
        verdict.used(ticket.digest)
        due = self._calendar.deadline(ticket.opened_at, self._days)
        answer, doubt = self._answered(ticket)
        if _is_spam(ticket):
            verdict.holds("classified as spam")
        elif answer is not None and answer[0] < due.at:
            verdict.holds(f"answered by {answer[1]} at {format_instant(answer[0])}")
        elif doubt is not None and doubt < due.at:
            verdict.doubts(f"who answered it at {format_instant(doubt)}: the account, or that of the author, is gone")
        elif answer is not None:
            verdict.fails(NO_RESPONSE, f"answered only at {format_instant(answer[0])}, after {due.words}")
        elif self._window.as_of < due.at:
            pending = due.at
        elif ticket.known_until < due.at:
            read = format_instant(ticket.known_until)
            verdict.doubts(f"whether it was answered by {due.words}: it was last read at {read}")
        else:
            verdict.fails(NO_RESPONSE, f"nobody answered it by {due.words}")
        subject = f"Message {_short(ticket.name)} of {format_instant(ticket.opened_at)}"
        words = verdict.explain(subject) if pending is None else f"{subject}: not answered yet, due by {due.words}."
        codes, item = tuple(verdict.codes), f"message:{ticket.id}"
        judged = _outcome(self._window, item, ticket.opened_at, codes, words, verdict.evidence)
        return replace(judged, outcome=verdict.outcome if pending is None else "pending", resolves_at=pending)

    def _answered(self, ticket: Ticket) -> tuple[tuple[datetime, str] | None, datetime | None]:
        """The first answer of a person who is not the author, and the first act of whom that can't be said."""
        doubt: datetime | None = None
        for event in ticket.events(*ANSWERS):
            actor, who = event["actor"] or {}, ticket.who(event["actor"])
            if is_machine(actor.get("kind"), who, self._machines):
                continue
            people = self._people.at(event["at"])
            one, other = people.person(who), people.person(ticket.author)
            if one and other and one.isdisjoint(other):
                return (event["at"], who.named), doubt
            if not one or not other:
                doubt = doubt or event["at"]
        return None, doubt


def _is_spam(ticket: Ticket) -> bool:
    labels = {str(label).casefold() for label in ticket.row["labels"] or ()}
    said = (word(ticket, "verdict", "classification") or "").casefold().strip(" .")
    return "spam" in labels or said == "spam"


def _outcome(
    window: TestWindow, item: str, at: datetime, codes: tuple[str, ...], words: str, digests: tuple[str, ...]
) -> Outcome:
    return window.outcome(
        evidence_id=LINE, item_id=item, event_time=at, outcome="exception" if codes else "pass",
        codes=codes, explanation=words, evidence=digests,
    )  # fmt: skip


def _short(text: str) -> str:
    words = " ".join(str(text).split())
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"
