"""CC8-CHG-01: every change of a production branch was approved and checked before it was merged.

The population are the commits that entered a production branch (`github.commits`), never the pull requests: a list of
pull requests can't show a direct push. Each commit is judged by the merged pull request that owns it:

- DIRECT_PUSH (E1)     no merged pull request into this branch owns the commit
- NO_APPROVAL (E2)     no approval before the merge by a person with write access who is neither its author, nor an
                       author or co-author of any of its commits, nor the last to push to it
- STALE_APPROVAL (E3)  approved, but only on an earlier content than the merged one (merges of the base aside)
- CHANGES_OPEN (E4)    a reviewer's latest decision asked for changes
- CHECK_NOT_GREEN (E5) a check required at the merge was not green on the head or queue commit before the merge
- BYPASS (E6)          the change passed a rule by a bypass
- FORCE_PUSHED (E7)    it came with a rewrite of the branch's history
- NO_TICKET (E8)       no ticket is referred to, and no label exempts the change

Without an owning pull request only E1, E6 and E7 apply. Every commit of a rebase merge is an item of its own, judged by
the one pull request they share.

Decisions where the rule leaves room:

- A commit without parents that a new branch began with passes: no pull request can be older than the branch it goes
  into. Where the store already knew the branch before, it is a direct push like any other, and so is every other commit
  that comes with a new branch.
- A commit that entered the branch through a pull request into another branch is a direct push: that pull request's
  reviewers approved something else.
- The author of a true merge commit merged and wrote nothing, so they may be the reviewer; the authors of a squashed or
  rebased commit are its authors, co-authors included.
- An approval by a deleted user, or by somebody who might be an author under an address that no register knows, gives
  `unknown`: it can't be shown that somebody else approved.
- Where no snapshot of branch rules is held from before the merge it is unknown which checks were required. Rules that
  require no checks leave nothing to check here; that such rules are too weak is what CC8-CHG-02 reports.
- A branch on which nothing is enforced has nothing to bypass.
- A bypass that belongs to no known change makes a row of its own.
- A change whose entry in the register of emergencies holds (CC8-CHG-03, `emergency_register`) is an `emergency` and
  keeps its codes; while the entry's authorisation or review is still awaited the change is an exception.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from evidence.controls.approval import Contributors, commit_author, contributors, everybody, who
from evidence.controls.branch_rule import RulesInForce
from evidence.controls.bypasses import Bypass, Bypasses, words_of
from evidence.controls.emergency_register import EmergencyRegister, Standing
from evidence.controls.held import BEGINNING, Held, has_closed, window_unknown
from evidence.controls.identity import IdentityMap
from evidence.controls.merged_pull import MergedPull, MergedPulls
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.tips import TipWitness
from evidence.controls.verdict import Verdict
from schemas.github import BRANCH_TIPS, BYPASSES, COMMITS
from schemas.instants import format_instant
from schemas.outcome import Outcome

CONTROL_ID = "CC8-CHG-01"
LINE = "commits"

DIRECT_PUSH = "DIRECT_PUSH"
BYPASS = "BYPASS"
FORCE_PUSHED = "FORCE_PUSHED"
NO_TICKET = "NO_TICKET"
CODES = (
    DIRECT_PUSH, "NO_APPROVAL", "STALE_APPROVAL", "CHANGES_OPEN", "CHECK_NOT_GREEN", BYPASS, FORCE_PUSHED, NO_TICKET,
)  # fmt: skip

_MARGIN = timedelta(days=1)
"""How far the times of a commit, its pull request, its checks and a bypass may lie on different sides of an end."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class JudgedChange:
    """An item of the population, and how its entry in the register of emergencies stands where it has a code."""

    outcome: Outcome
    standing: Standing | None


def changes_of(window: TestWindow, evidence: StoredEvidence) -> tuple[list[JudgedChange], list[Outcome]]:
    """Every item of a window, and what is to be said of the window as a whole where not all of them are held."""
    tips = TipWitness(window, evidence)
    changes = list(_Changes(window, evidence).judged(tips))
    if not has_closed(window):
        return changes, []
    if not Held(window, evidence).whole(COMMITS):
        return changes, [window_unknown(window, LINE, "not all changes of the window are held.")]
    missing = list(tips.missing())
    if not missing:
        return changes, []
    words = "; ".join(sentence for sentence, _digest in missing)
    digests = tuple(dict.fromkeys(digest for _words, digest in missing))
    return changes, [window_unknown(window, LINE, f"{words}.", digests)]


def reviewed_before_merge(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """One row per commit that entered a production branch in the window; the rule is told at the top of this module."""
    changes, missing = changes_of(window, evidence)
    outcomes = [change.outcome for change in changes] + missing
    outcomes.sort(key=lambda outcome: (outcome.event_time, outcome.item_id))
    return outcomes


def changes_judged(
    window: TestWindow, evidence: StoredEvidence, shas: frozenset[str]
) -> dict[str, list[tuple[datetime, Outcome]]]:
    """The outcomes of certain commits, whenever they entered a production branch before the window's end.

    By commit: when it entered and what the test says of it, in order of time. Commits that never did are left out.
    """
    found: dict[str, list[tuple[datetime, Outcome]]] = {}
    for sha, outcome in _Changes(window, evidence).of(shas):
        found.setdefault(sha, []).append((outcome.event_time, outcome))
    for judged in found.values():
        judged.sort(key=lambda pair: pair[0])
    return found


class _Changes:
    """The changes of one repository, with what is needed to judge them."""

    def __init__(self, window: TestWindow, evidence: StoredEvidence) -> None:
        self._window = window
        self._evidence = evidence
        self._scope = window.scope_item_id
        rules = window.programme.evidence_rules
        self._identities = IdentityMap.of(window.registers, window.programme.timezone)
        self._held = Held(window, evidence)
        self._in_force = RulesInForce(evidence, self._scope, window.start - _MARGIN, window.end + _MARGIN)
        self._bypasses_judged = rules.rule_bypasses != "none"
        self._bypasses = Bypasses(self._identities)
        self._pulls = MergedPulls(evidence, self._scope, rules, self._identities, self._in_force, self._held)
        self._register = EmergencyRegister(window, evidence, self._identities)

    def judged(self, tips: TipWitness) -> Iterator[JudgedChange]:
        """Every commit of the window, then bypasses that go with none of them."""
        start, end = self._window.start, self._window.end
        self._pulls.load(start - _MARGIN, end + _MARGIN)
        if self._bypasses_judged:
            self._bypasses.load(self._evidence, self._scope, start - _MARGIN, end + _MARGIN)
        branches: set[str] = set(self._in_force.branches)
        github = self._window.programme.scope.github
        branches.update(github.production_branches if github is not None else ())
        once: set[str] = set()
        later: list[tuple[Row, str]] = []
        for row, digest in self._evidence.rows(COMMITS, self._scope, start, end):
            branches.add(row["branch"])
            tips.explain(row["branch"], row["sha"], row["after_sha"], row["before_sha"])
            if row["pr_id"] is not None and self._pulls.get(row["pr_id"]) is None:
                later.append((row, digest))
                continue
            yield self._outcome(row, digest, once)
        # Commits whose pull request was merged at another time altogether, such as those a rewrite brought in again.
        if later:
            self._load_elsewhere(frozenset(row["pr_id"] for row, _digest in later), start - _MARGIN, end + _MARGIN)
        for row, digest in later:
            yield self._outcome(row, digest, once)
        yield from self._bypasses_alone(frozenset(branches))

    def of(self, shas: frozenset[str]) -> Iterator[tuple[str, Outcome]]:
        """The given commits, whenever they entered before the window's end."""
        end = self._window.end
        found = [
            (row, digest)
            for row, digest in self._evidence.rows(COMMITS, self._scope, BEGINNING, end)
            if row["sha"] in shas and not _is_push(row)
        ]
        if not found:
            return
        first = min(row["event_time"] for row, _digest in found)
        owners = frozenset(row["pr_id"] for row, _digest in found if row["pr_id"] is not None)
        unowned = any(row["pr_id"] is None for row, _digest in found)
        self._pulls.load(first - _MARGIN, end + _MARGIN, None if unowned else owners)
        self._load_elsewhere(owners, first - _MARGIN, end + _MARGIN)
        if self._bypasses_judged:
            self._bypasses.load(self._evidence, self._scope, first - _MARGIN, end + _MARGIN)
        once: set[str] = set()
        for row, digest in found:
            yield row["sha"], self._outcome(row, digest, once).outcome

    def _load_elsewhere(self, pr_ids: frozenset[str], start: datetime, end: datetime) -> None:
        """Look for pull requests before and after an interval that has been read already."""
        for beginning, ending in ((BEGINNING, start), (end, self._window.as_of)):
            missing = frozenset(pr_id for pr_id in pr_ids if self._pulls.get(pr_id) is None)
            if missing and beginning < ending:
                self._pulls.load(beginning, ending, missing)

    def _outcome(self, row: Row, digest: str, once: set[str]) -> JudgedChange:
        pull = self._owner(row)
        verdict = Verdict()
        verdict.used(digest)
        subject = _subject(row, pull)
        if _is_push(row):  # a rewrite that brought no commit of its own
            verdict.holds("no commit came with it")
        elif row["pr_id"] is not None and pull is None:
            verdict.doubts(f"pull request #{row['pr_number']}, which owns the commit, is not held")
        elif pull is None or pull.base_ref != row["branch"]:
            self._without_pull(row, pull, verdict)
        else:
            verdict.used(pull.digest)
            people = self._identities.at(pull.merged_at)
            verdict.adopt(pull.approved(_writers(row), people, self._pulls.machines))
            verdict.adopt(pull.rest)
        self._bypass(row, pull, verdict)
        if row["rewritten"]:
            words = f"the history of {row['branch']} was rewritten from {(row['before_sha'] or 'nothing')[:12]}"
            verdict.fails(FORCE_PUSHED, words)
        item_id = row["item_id"]
        if item_id in once:  # the same commit on another branch, or again after a rewrite
            item_id = f"{item_id}@{row['branch']}@{format_instant(row['event_time'])}"
        once.add(item_id)
        owner = None if pull is None or pull.base_ref != row["branch"] else pull
        names = (item_id,) if owner is None else (item_id, owner.item_id)
        return self._row(names, row["event_time"], verdict, subject, self._authors(row, owner))

    def _authors(self, row: Row, pull: MergedPull | None) -> Contributors:
        """All whose content is in the change, and who pushed it where no pull request owns it."""
        named = [*_writers(row)]
        if pull is None and row["actor"] is not None and who(row["actor"]).keys:
            named.append((who(row["actor"]), row["actor"]["kind"]))
        if pull is None and not named:
            named.append((who(None), None))  # somebody, and nobody can say who
        own = contributors(named, self._identities.at(row["event_time"]), self._pulls.machines)
        return own if pull is None else everybody(pull.contributors, own)

    def _owner(self, row: Row) -> MergedPull | None:
        if row["pr_id"] is not None:
            return self._pulls.get(row["pr_id"])
        return self._pulls.merged_as(row["branch"], row["sha"])

    def _without_pull(self, row: Row, pull: MergedPull | None, verdict: Verdict) -> None:
        branch = row["branch"]
        if pull is not None:
            verdict.used(pull.digest)
            words = f"it entered {branch} without a pull request into it; #{pull.number} went into {pull.base_ref}"
            verdict.fails(DIRECT_PUSH, words)
        elif row["first_of_branch"] and not row["parents"] and not self._branch_known(branch, row["event_time"]):
            verdict.holds(f"the first commit of the new branch {branch}, before which there could be no pull request")
        elif row["first_of_branch"]:
            verdict.fails(DIRECT_PUSH, f"it came with the new branch {branch}, and no merged pull request owns it")
        else:
            actor = who(row["actor"]).named if row["actor"] is not None else "somebody unknown"
            verdict.fails(DIRECT_PUSH, f"{actor} pushed it to {branch}, no merged pull request into {branch} owns it")

    def _branch_known(self, branch: str, at: datetime) -> bool:
        """Whether the store knew a branch of this name before an instant."""
        tips = self._evidence.snapshot_before(BRANCH_TIPS, self._scope, at - timedelta(microseconds=1))
        if tips is not None and any(row["branch"] == branch for row in tips[1]):
            return True
        earlier = self._evidence.rows(COMMITS, self._scope, BEGINNING, at)
        return any(row["branch"] == branch for row, _digest in earlier)

    def _bypass(self, row: Row, pull: MergedPull | None, verdict: Verdict) -> None:
        """E6."""
        if not self._bypasses_judged:
            return
        found = self._bypasses.of(row, None if pull is None else pull.merge_sha)
        for bypass in found:
            verdict.used(bypass.digest)
            verdict.fails(BYPASS, words_of(bypass, found))
        if found or self._held.at(BYPASSES, row["event_time"]):
            return
        snapshot = self._in_force.at(row["event_time"])
        rule = None if snapshot is None else snapshot.branches.get(row["branch"])
        if snapshot is not None and rule is not None and not rule.protected:
            verdict.used(snapshot.digest)  # nothing enforced, nothing to bypass
            return
        verdict.doubts("whether a rule was bypassed: rule suites of that time are not held")

    def _bypasses_alone(self, branches: frozenset[str]) -> Iterator[JudgedChange]:
        """Bypasses in the window for which no commit of it was found, nor one just outside."""
        start, end = self._window.start, self._window.end
        if next(self._bypasses.unmatched(start, end, branches), None) is None:
            return
        for beginning, ending in ((start - _MARGIN, start), (end, end + _MARGIN)):
            for row, _digest in self._evidence.rows(COMMITS, self._scope, beginning, ending):
                self._bypasses.of(row, row["pr_merge_sha"])
        for bypass in list(self._bypasses.unmatched(start, end, branches)):
            yield self._bypass_row(bypass)

    def _bypass_row(self, bypass: Bypass) -> JudgedChange:
        verdict = Verdict()
        verdict.used(bypass.digest)
        verdict.fails(BYPASS, f"{words_of(bypass, (bypass,))}, and no stored change goes with it")
        item_id = f"github:bypass:{self._scope.removeprefix('github:')}:{bypass.suite_id}"
        authors = contributors([(bypass.actor, None)], self._identities.at(bypass.at), self._pulls.machines)
        return self._row((item_id,), bypass.at, verdict, f"Push to {bypass.branch}", authors)

    def _row(
        self, names: tuple[str, ...], at: datetime, verdict: Verdict, subject: str, authors: Contributors
    ) -> JudgedChange:
        window = self._window
        standing = self._register.standing(names, at, authors) if verdict.codes else None
        emergency = standing is not None and standing.holds
        explanation, digests = verdict.explain(subject), verdict.evidence
        if standing is not None and emergency:
            explanation += f" Recorded as an emergency: {'; '.join(standing.verdict.right)}."
            digests = tuple(dict.fromkeys((*digests, *standing.verdict.digests)))
        outcome = Outcome(
            control_id=CONTROL_ID,
            evidence_id=LINE,
            window_id=window.window_id,
            scope_item_id=window.scope_item_id,
            scope_item=window.scope_item,
            item_id=names[0],
            event_time=at,
            outcome="emergency" if emergency else verdict.outcome,
            codes=tuple(code for code in CODES if code in verdict.codes),
            explanation=explanation,
            evidence=digests,
        )
        return JudgedChange(outcome, standing)


def _is_push(row: Row) -> bool:
    return row["item_id"].startswith("github:push:")


def _writers(row: Row) -> Iterable[tuple[Any, str | None]]:
    """Authors of a squashed or rebased commit; the author of a true merge commit wrote nothing."""
    if len(row["parents"] or ()) > 1:
        return ()
    return ((commit_author(writer), writer["kind"]) for writer in row["authors"] or ())


def _subject(row: Row, pull: MergedPull | None) -> str:
    short = row["sha"][:12]
    if _is_push(row):
        return f"Rewrite of {row['branch']} to {short}"
    return f"{short}" if pull is None else f"{pull.subject}, {short}"
