"""Merged pull requests, judged by the rules that concern them as a whole (CC8-CHG-01 E2 to E5 and E8).

A row of `github.pull_requests` holds every review and commit; what is kept of it is the verdict, so that a month of
changes fits into memory whatever their size.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from evidence.controls.approval import (
    Approval,
    Contributors,
    Reviews,
    commit_author,
    contributors,
    is_machine,
    reviews_at_merge,
    who,
)
from evidence.controls.branch_rule import RulesInForce
from evidence.controls.held import Held
from evidence.controls.identity import IdentityMap, People, Who
from evidence.controls.model import StoredEvidence
from evidence.controls.required_checks import CheckRuns, state_of
from evidence.controls.tickets import TicketRule
from evidence.controls.verdict import Verdict
from schemas.github import CHECKS, PULL_REQUESTS

if TYPE_CHECKING:
    from schemas.programme_rules import EvidenceRules

NO_APPROVAL = "NO_APPROVAL"
STALE_APPROVAL = "STALE_APPROVAL"
CHANGES_OPEN = "CHANGES_OPEN"
CHECK_NOT_GREEN = "CHECK_NOT_GREEN"
NO_TICKET = "NO_TICKET"

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class MergedPull:
    """What is kept of a merged pull request."""

    id: str
    item_id: str
    number: int
    base_ref: str
    merged_at: datetime
    merge_sha: str | None
    subject: str
    contributors: Contributors
    reviews: Reviews
    rest: Verdict
    """E4, E5 and E8: the rules that are the same for every commit of the pull request."""
    digest: str

    def approved(
        self, more_authors: Iterable[tuple[Who, str | None]], people: People, machines: frozenset[str]
    ) -> Verdict:
        """E2 and E3 for a commit of it, whose own authors count as authors too."""
        verdict = Verdict()
        extra = contributors(more_authors, people, machines)
        counted: list[Approval] = []
        doubts: list[str] = []
        refused = list(self.reviews.rejected)
        for approval in self.reviews.approvals:
            if self.contributors.holds(approval.person) or extra.holds(approval.person):
                refused.append(f"{approval.named} approved, but is an author of it or the last to push to it")
                continue
            why = [*approval.doubts, *_hidden(approval, self.contributors, people), *_hidden(approval, extra, people)]
            if why:
                doubts += why
            else:
                counted.append(approval)
        if counted:
            _freshness(verdict, counted, bool(doubts))
        elif doubts:
            verdict.doubts("whether somebody other than its authors approved it: " + "; ".join(dict.fromkeys(doubts)))
        else:
            why_not = f" ({'; '.join(dict.fromkeys(refused))})" if refused else ""
            verdict.fails(NO_APPROVAL, f"nobody other than its authors approved it before the merge{why_not}")
        return verdict


def _hidden(approval: Approval, authors: Contributors, people: People) -> Iterator[str]:
    """Why the approver might be one of the authors all the same."""
    if authors.ghosts:
        yield "an author's account is deleted"
    if authors.strangers and not people.address_known(approval.person):
        yield (
            f"the registers say neither whose address {authors.strangers[0]} is nor what addresses {approval.named} "
            "has; add them to the register of identities or people"
        )


def _freshness(verdict: Verdict, counted: list[Approval], more_doubtful: bool) -> None:
    fresh = [approval for approval in counted if approval.fresh]
    names = ", ".join(dict.fromkeys(approval.named for approval in fresh or counted))
    if fresh:
        verdict.holds(f"approved by {names} on the merged content before the merge")
    elif any(approval.fresh is None for approval in counted):
        verdict.doubts(f"which content {names} approved")
    elif more_doubtful:
        verdict.doubts(
            f"whether the merged content was approved: {names} approved an earlier one, and another is in doubt"
        )
    else:
        verdict.fails(STALE_APPROVAL, f"{names} approved an earlier content, more was pushed afterwards")


class MergedPulls:
    """Merged pull requests by id and by merge commit, judged as they are read."""

    def __init__(
        self,
        evidence: StoredEvidence,
        scope_item_id: str,
        rules: EvidenceRules,
        identities: IdentityMap,
        in_force: RulesInForce,
        held: Held,
    ) -> None:
        self._evidence = evidence
        self._scope_item_id = scope_item_id
        self._rules = rules
        self._identities = identities
        self._in_force = in_force
        self._held = held
        self._tickets = TicketRule(rules)
        self._accepted = frozenset({"success", "neutral", *(("skipped",) if rules.allow_skipped_checks else ())})
        self.machines = frozenset(login.casefold() for login in rules.machine_accounts)
        self.runs = CheckRuns()
        self._by_id: dict[str, MergedPull] = {}
        self._by_merge: dict[tuple[str, str], MergedPull] = {}

    def load(self, start: datetime, end: datetime, wanted: frozenset[str] | None = None) -> None:
        """Read and judge pull requests merged in an interval; None takes all of them."""
        rows = self._evidence.rows(PULL_REQUESTS, self._scope_item_id, start, end)
        if wanted is None:
            if self._checks_judged and self._in_force.check_names:
                self.runs.load(
                    self._evidence, self._scope_item_id, start, end, names=self._in_force.check_names
                )  # fmt: skip
            chosen: Iterable[tuple[Mapping[str, Any], str]] = rows
        else:
            kept = [(row, digest) for row, digest in rows if row["pr_id"] in wanted]
            if kept and self._checks_judged:
                shas = frozenset(sha for row, _digest in kept for sha in (row["head_sha"], row["queue_sha"]) if sha)
                self.runs.load(self._evidence, self._scope_item_id, start, end, shas=shas)
            chosen = kept
        for row, digest in chosen:
            pull = self._judge(row, digest)
            self._by_id[pull.id] = pull
            if pull.merge_sha is not None:
                self._by_merge[pull.base_ref, pull.merge_sha] = pull

    def get(self, pr_id: str) -> MergedPull | None:
        return self._by_id.get(pr_id)

    def merged_as(self, branch: str, sha: str) -> MergedPull | None:
        """The pull request into a branch whose merge commit this is."""
        return self._by_merge.get((branch, sha))

    @property
    def _checks_judged(self) -> bool:
        return self._rules.required_checks != "none"

    def _judge(self, row: Mapping[str, Any], digest: str) -> MergedPull:
        merged_at: datetime = row["event_time"]
        people = self._identities.at(merged_at)
        reviews = reviews_at_merge(row, people, self.machines, lambda review: self._earlier_states(row, review))
        rest = Verdict()
        if reviews.changes_open:
            rest.fails(CHANGES_OPEN, f"changes were still asked for by {', '.join(reviews.changes_open)} at the merge")
        for doubt in reviews.doubts:
            rest.doubts(doubt)
        self._check(row, rest)
        self._ticket(row, rest)
        return MergedPull(
            id=row["pr_id"],
            item_id=row["item_id"],
            number=row["number"],
            base_ref=row["base_ref"],
            merged_at=merged_at,
            merge_sha=row["merge_sha"],
            subject=self._subject(row),
            contributors=contributors(_contributing(row), people, self.machines),
            reviews=reviews,
            rest=rest,
            digest=digest,
        )

    def _subject(self, row: Mapping[str, Any]) -> str:
        author = who(row["author"])
        kind = (row["author"] or {}).get("kind")
        subject = f"#{row['number']} by {author.named}"
        if is_machine(kind, author, self.machines):
            merger = who(row["merged_by"])
            subject += f" (a machine; {merger.named}, who merged it, answers for it)" if merger.keys else " (a machine)"
        return subject

    def _check(self, row: Mapping[str, Any], verdict: Verdict) -> None:
        """E5, by the rule snapshot in force at the merge."""
        if not self._checks_judged:
            verdict.holds("checks are not part of the control, by the programme")
            return
        merged_at: datetime = row["event_time"]
        snapshot = self._in_force.at(merged_at)
        rule = None if snapshot is None else snapshot.branches.get(row["base_ref"])
        if snapshot is None or rule is None:
            verdict.doubts(
                f"which checks were required: no snapshot of the rules of {row['base_ref']} is held for that time"
            )
            return
        verdict.used(snapshot.digest)
        if not rule.checks:
            verdict.holds("the rules in force required no checks")
            return
        runs = self.runs.of((row["head_sha"], row["queue_sha"]))
        states = [state_of(check, runs, merged_at, self._accepted) for check in rule.checks]
        verdict.used(*(state.digest for state in states if state.digest is not None))
        for state in states:
            if state.green:
                continue
            if state.doubtful:
                verdict.doubts(f"which app reported the check {state.check.name}")
            elif not self._held.at(CHECKS, merged_at):
                verdict.doubts(
                    f"whether the required check {state.check.name} was green: checks of that time are not all held"
                )
            else:
                verdict.fails(CHECK_NOT_GREEN, state.words)
        if all(state.green for state in states):
            verdict.holds(f"required checks green ({', '.join(state.check.name for state in states)})")

    def _ticket(self, row: Mapping[str, Any], verdict: Verdict) -> None:
        """E8."""
        if not self._tickets.required:
            return
        label = self._tickets.exempting_label(row["labels"] or ())
        if label is not None:
            verdict.holds(f"label {label} needs no ticket")
            return
        reference = self._tickets.reference(row)
        if reference is None:
            verdict.fails(NO_TICKET, "no ticket is referred to in title, body, branch or linked issues")
        else:
            verdict.holds(f"ticket {reference}")

    def _earlier_states(self, row: Mapping[str, Any], review_id: str) -> frozenset[str]:
        """States a review was stored with before it was dismissed."""
        at = row["event_time"]
        states: set[str] = set()
        for version, _digest, _learnt in self._evidence.versions(PULL_REQUESTS, self._scope_item_id, at, at + _INSTANT):
            if version["pr_id"] == row["pr_id"]:
                states |= {
                    review["state"]
                    for review in version["reviews"] or ()
                    if review["review_id"] == review_id and review["state"] in ("APPROVED", "CHANGES_REQUESTED")
                }
        return frozenset(states)


def _contributing(row: Mapping[str, Any]) -> Iterator[tuple[Who, str | None]]:
    """Author, authors and co-authors of every commit, and whoever pushed last."""
    author = row["author"]
    yield who(author), (author or {}).get("kind")
    for commit in row["commits"] or ():
        for writer in commit["authors"] or ():
            yield commit_author(writer), writer["kind"]
    pusher = row["last_pusher"]
    if pusher is not None and (pusher["id"] or pusher["login"]):
        yield who(pusher), pusher["kind"]
