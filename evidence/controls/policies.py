"""CC2-POL-01: each policy has an approved version in force, approved within the year by somebody who may.

Each policy has one row for the period:

- POLICY_LAPSED         at some instant the latest approval was more than twelve months and the grace days old
- POLICY_UNAPPROVED     at some instant no approved version was in force; or somebody approved it who was no approver
                        then; or the text was changed after its approval
- POLICY_SELF_APPROVED  whoever approved it was its only author

Approvals are those that people recorded (type `policy_approval`) and, where they are collected, those of documents at
Google Drive (`google.document_approvals`).

Decisions where the rule leaves room:

- A version is in force from its first day, or from its approval where that is later, until the next one's first day.
  One that came into force before it was approved leaves the days between without an approved version.
- The time before the first approval on record is unknown where that one is of the period.
- Who may approve are the `approvers` of the programme. Without any that is unknown.
- Judged are the approvals of the window and the last one before it.
- A later text at Google Drive is a change without approval, even if it is a corrected typing error; a person disposes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from evidence.completeness.coverage import Span, merge, subtract
from evidence.completeness.instants import instant, ticks
from evidence.controls.currency import rule_of, standing
from evidence.controls.identity import IdentityMap, People, Who
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.policy_versions import approvals_of, in_force, versions_of
from evidence.controls.validity import end_of, start_of
from evidence.controls.verdict import Verdict
from evidence.programme_versions import slug
from schemas.google import DOCUMENT_APPROVALS
from schemas.instants import format_instant
from schemas.outcome import Outcome

LINE = "approvals"
POLICY_LAPSED = "POLICY_LAPSED"
POLICY_UNAPPROVED = "POLICY_UNAPPROVED"
POLICY_SELF_APPROVED = "POLICY_SELF_APPROVED"
CODES = (POLICY_LAPSED, POLICY_UNAPPROVED, POLICY_SELF_APPROVED)


@dataclass(frozen=True, slots=True)
class _Approval:
    at: datetime
    by: tuple[str, ...]
    """Addresses."""
    authors: tuple[str, ...]
    """Addresses; empty where nobody says who wrote it."""
    version: str
    digest: str

    @property
    def words(self) -> str:
        return f"version {self.version[:60]}, approved by {', '.join(self.by)[:160]} at {format_instant(self.at)}"


def policies_are_approved(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """The row of one policy."""
    return [_Test(window, evidence).outcome()]


class _Test:
    def __init__(self, window: TestWindow, evidence: StoredEvidence) -> None:
        self._window = window
        self._policy = window.scope_item_id.removeprefix("policy:")
        self._identities = IdentityMap.of(window.registers, window.programme.timezone)
        self._records = approvals_of(window, evidence, self._policy)
        self._latest: tuple[datetime, str, bool] | None = None
        self._shown: list[str] = []
        documents = list(self._documents(evidence))
        recorded = [
            _Approval(
                record.performed_at, (str(record.values["approved_by"]),), tuple(record.values["authors"] or ()),
                str(record.values["version"]), record.digest,
            )
            for record in self._records
        ]  # fmt: skip
        self._from_documents = documents
        self._approvals = sorted([*recorded, *documents], key=lambda one: one.at)

    def _documents(self, evidence: StoredEvidence) -> Iterator[_Approval]:
        window = self._window
        for item in window.asked_for(DOCUMENT_APPROVALS):
            told = evidence.snapshot_before(DOCUMENT_APPROVALS, item, window.as_of)
            if told is None:
                continue
            for row in told[1]:
                if slug(str(row["policy"])) != self._policy:
                    continue
                self._shown.append(told[2])
                at = row["completed_at"]
                if row["status"] != "APPROVED" or at is None:
                    continue
                said = [one["email"] for one in row["reviewers"] or () if one["response"] == "APPROVED"]
                wrote = [
                    one["author"] for one in row["revisions"] or ()
                    if one["author"] and (one["modified_at"] is None or one["modified_at"] <= at)
                ]  # fmt: skip
                version = str(row["approved_revision_id"] or row["approval_id"])
                if self._latest is None or at >= self._latest[0]:
                    self._latest = at, version, row["approved_is_latest"] is False
                yield _Approval(
                    at, tuple(dict.fromkeys(said)), tuple(dict.fromkeys(wrote)), version, told[2]
                )  # fmt: skip

    def outcome(self) -> Outcome:
        window, verdict = self._window, Verdict()
        verdict.used(*(one.digest for one in self._approvals), *self._shown)
        now = standing(window, rule_of(window, LINE), (one.at for one in self._approvals))
        if now.due is None:
            now.tell(verdict, POLICY_LAPSED, "approval")
            self._in_force(verdict, now.first)
        if self._latest is not None and self._latest[2]:
            verdict.fails(POLICY_UNAPPROVED, f"the text was changed after version {self._latest[1][:60]} was approved")
        for approval in self._serving():
            self._entitled(verdict, approval)
            self._by_somebody_else(verdict, approval)
            verdict.holds(approval.words)
        pending = now.due is not None
        subject = f"policy {window.scope_item[:120]}"
        return window.outcome(
            evidence_id=LINE,
            item_id=window.scope_item_id,
            event_time=window.start,
            outcome="pending" if pending else verdict.outcome,
            codes=tuple(verdict.codes),
            explanation=f"{subject}: no approval is on record yet." if pending else verdict.explain(subject),
            evidence=verdict.evidence,
            resolves_at=now.due,
        )

    def _serving(self) -> list[_Approval]:
        before = [one for one in self._approvals if one.at < self._window.start]
        during = [one for one in self._approvals if self._window.start <= one.at < self._window.end]
        return [*before[-1:], *during]

    def _in_force(self, verdict: Verdict, first: datetime | None) -> None:
        """The instants at which no approved version was in force."""
        window = self._window
        until = min(window.end, window.as_of)
        low = window.start if first is None else max(window.start, first)
        spans: list[Span] = [(ticks(one.at), ticks(max(until, one.at))) for one in self._from_documents]
        for version, start, end in in_force(versions_of(window, self._records)):
            begins = max(start, version.approved_at)
            ends = until if end is None else min(end, until)
            if begins < ends:
                spans.append((ticks(begins), ticks(ends)))
        gaps = subtract([(ticks(low), ticks(until))], merge(spans)) if low < until else []
        for begin, end in gaps:
            told = f"from {format_instant(instant(begin))} to {format_instant(instant(end))}"
            verdict.fails(POLICY_UNAPPROVED, f"no approved version was in force {told}")

    def _entitled(self, verdict: Verdict, approval: _Approval) -> None:
        approvers, zone = self._window.programme.people.approvers, self._window.programme.timezone
        if not approvers:
            verdict.doubts("who may approve: the programme lists no approvers")
            return
        people = self._identities.at(approval.at)
        persons = [people.person(Who("own", email=one)) for one in approval.by]
        for one in approvers:
            start, end = start_of(one.valid_from, zone), end_of(one.valid_to, zone)
            valid = (start is None or start <= approval.at) and (end is None or approval.at < end)
            mine = people.person(Who("own", email=one.email))
            if valid and any(not person.isdisjoint(mine) for person in persons):
                return
        verdict.fails(POLICY_UNAPPROVED, f"{approval.words}, none of whom was an approver of the programme then")

    def _by_somebody_else(self, verdict: Verdict, approval: _Approval) -> None:
        people = self._identities.at(approval.at)
        if not approval.authors or not approval.by:
            verdict.doubts(f"who wrote and who approved {approval.words}")
            return
        if not all(self._alone(people, one, approval.authors) for one in approval.by):
            strangers = [
                one for one in (*approval.by, *approval.authors) if not people.registered(Who("own", email=one))
            ]  # fmt: skip
            if strangers and self._window.registers.get("people"):
                verdict.doubts(f"whether {strangers[0][:120]}, whom the registers do not know, is somebody else")
            return
        verdict.fails(POLICY_SELF_APPROVED, f"{approval.words}, who wrote it alone")

    @staticmethod
    def _alone(people: People, approver: str, authors: tuple[str, ...]) -> bool:
        mine = people.person(Who("own", email=approver))
        return all(not people.person(Who("own", email=author)).isdisjoint(mine) for author in authors)
