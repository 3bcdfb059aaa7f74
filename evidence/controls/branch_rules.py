"""CC8-CHG-02: the rules behind reviewed changes were on for every production branch, without a standing bypass.

Each snapshot of a window is judged branch by branch (evidence line `rules`):

- RULE_OFF       the branch does not require a pull request with at least one approval, stale approvals dismissed or the
                 last push approved, at least one check, and forbid force pushes and deletion
- BYPASS_ACTOR   somebody not declared as break-glass may bypass the rules at any time

and each change of the rules (evidence line `rule_changes`, and differences between snapshots that no event explains):

- WEAKENED_UNAPPROVED  the change took something away, and no approval of it is on record

Decisions where the rule leaves room:

- Classic protection or rulesets, either suffices: the columns of a snapshot are what both enforce together. A ruleset
  that only evaluates enforces nothing.
- Classic protection that spares administrators is a standing bypass; where active rulesets protect the branch as well
  it is `unknown`, as the snapshot does not say which of the two demands what.
- Approvals of rule changes are kept in tickets, which are not collected yet: no weakening counts as approved. A person
  who finds the ticket disposes of the exception.
- Whether an update weakened anything is told by the audit event where it says what was added and taken away, else by
  the snapshots before and after it. Several changes that do not say, between two snapshots of equal strength, may have
  been a weakening and its undoing: `unknown`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from evidence.controls.approval import who
from evidence.controls.branch_rule import MAX_GAP, BranchRule, BypassActor, RulesAt, rules_at
from evidence.controls.detail import read_detail
from evidence.controls.held import Held, has_closed, window_unknown
from evidence.controls.identity import IdentityMap, People, Who
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.stretches import Seen, Stretches
from evidence.controls.verdict import Verdict
from schemas.github import BRANCH_RULES, RULE_CHANGES
from schemas.instants import format_instant
from schemas.outcome import Outcome

RULES_LINE = "rules"
CHANGES_LINE = "rule_changes"
RULE_OFF = "RULE_OFF"
BYPASS_ACTOR = "BYPASS_ACTOR"
WEAKENED_UNAPPROVED = "WEAKENED_UNAPPROVED"
CODES = (RULE_OFF, BYPASS_ACTOR, WEAKENED_UNAPPROVED)

_INSTANT = timedelta(microseconds=1)


def branch_rules_enforced(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """Rows per production branch, per change of rules, and per weakening that no event explains."""
    glass = _BreakGlass(window)
    shown = [rules_at(*snapshot) for snapshot in _shown(window, evidence)]
    stretches = Stretches(window, RULES_LINE)
    for snapshot in shown:
        stretches.add(
            snapshot.observed_at,
            snapshot.digest,
            {
                _branch_id(window, branch): _seen(window, rule, glass, snapshot.observed_at)
                for branch, rule in snapshot.branches.items()
            },
        )
    outcomes = list(stretches.outcomes())
    if not outcomes and has_closed(window):
        why = "no snapshot shows a production branch." if shown else "no snapshot of branch rules is held."
        outcomes.append(window_unknown(window, RULES_LINE, why))
    outcomes += _weakenings(window, evidence, shown, glass)
    if has_closed(window) and not Held(window, evidence).whole(RULE_CHANGES):
        why = "changes of branch rules are not all held; only differences between snapshots can show one."
        outcomes.append(window_unknown(window, CHANGES_LINE, why))
    return outcomes


def _shown(window: TestWindow, evidence: StoredEvidence) -> Iterator[tuple[datetime, list[Mapping[str, Any]], str]]:
    yield from evidence.snapshots(BRANCH_RULES, window.scope_item_id, window.start, window.end)


def _branch_id(window: TestWindow, branch: str) -> str:
    return f"github:branch:{window.scope_item_id.removeprefix('github:')}:{branch}"


class _BreakGlass:
    """The identities that may stand on a bypass list."""

    def __init__(self, window: TestWindow) -> None:
        self._names = frozenset(name.casefold() for name in window.programme.evidence_rules.break_glass)
        self._identities = IdentityMap.of(window.registers, window.programme.timezone)

    def others(self, rule: BranchRule, at: datetime) -> tuple[BypassActor, ...]:
        """The bypass actors of a rule that are not declared as break-glass."""
        return self.undeclared(rule.bypass, at)

    def undeclared(self, actors: Iterable[BypassActor], at: datetime) -> tuple[BypassActor, ...]:
        """Those of some bypass actors that are not declared as break-glass."""
        people = self._identities.at(at)
        return tuple(actor for actor in actors if not self._declared(actor, people))

    def _declared(self, actor: BypassActor, people: People) -> bool:
        spellings = {actor.id.casefold(), f"{actor.kind}:{actor.id}".casefold(), actor.named.casefold()}
        if actor.kind.casefold() == "organizationadmin":  # its id says nothing
            spellings.add("organizationadmin")
        if spellings & self._names:
            return True
        person = people.person(Who("github", actor.id, actor.id))
        return any(
            not person.isdisjoint(people.person(Who("github", name, name, name if "@" in name else None)))
            for name in self._names
        )


def _seen(window: TestWindow, rule: BranchRule, glass: _BreakGlass, at: datetime) -> Seen:
    label = f"Rules of {rule.branch} in {window.scope_item}"
    off = list(_off(rule))
    others = glass.others(rule, at)
    bypass = [f"{actor.named} may bypass the rules ({actor.mode or 'always'})" for actor in others]
    if rule.enforce_admins is False and not rule.active_rulesets:
        bypass.append("administrators may bypass classic protection")
    codes = (*((RULE_OFF,) if off else ()), *((BYPASS_ACTOR,) if bypass else ()))
    if codes:
        return Seen(label, "; ".join(off + bypass), codes)
    if not rule.bypass_known:
        return Seen(label, "it is not known who may bypass the rules: the list could not be read", unknown=True)
    if rule.enforce_admins is False:
        words = "classic protection spares administrators, and it is not known whether the rulesets demand the same"
        return Seen(label, words, unknown=True)
    return Seen(label, "review, checks and protection from force pushes and deletion enforced, nobody may bypass them")


def _off(rule: BranchRule) -> Iterator[str]:
    """What the rules fail to demand."""
    if not rule.protected:
        idle = f" ({', '.join(rule.evaluated_rulesets)} not active)" if rule.evaluated_rulesets else ""
        yield f"nothing is enforced{idle}"
        return
    if not rule.pull_request or rule.approvals < 1:
        yield "no approving review is required"
    elif not rule.dismiss_stale and not rule.last_push_approval:
        yield "later pushes neither dismiss an approval nor need one"
    if not rule.checks:
        yield "no check is required"
    if not rule.force_push_blocked:
        yield "force pushes are allowed"
    if not rule.deletion_blocked:
        yield "the branch may be deleted"


def weakened(before: BranchRule, after: BranchRule, added_bypass: tuple[BypassActor, ...]) -> tuple[str, ...]:
    """What a branch lost from one snapshot to a later one, in words; empty where it lost nothing."""
    lost: list[str] = []
    if before.protected and not after.protected:
        return ("all rules are off",)
    if before.pull_request and not after.pull_request:
        lost.append("pull requests are no longer required")
    elif after.approvals < before.approvals:
        lost.append(f"required approvals fell from {before.approvals} to {after.approvals}")
    if (before.dismiss_stale or before.last_push_approval) and not (after.dismiss_stale or after.last_push_approval):
        lost.append("stale approvals count again")
    if before.code_owners and not after.code_owners:
        lost.append("code owners need no longer review")
    gone = sorted({check.name for check in before.checks} - {check.name for check in after.checks})
    if gone:
        lost.append(f"checks are no longer required ({', '.join(gone)})")
    if before.force_push_blocked and not after.force_push_blocked:
        lost.append("force pushes are allowed")
    if before.deletion_blocked and not after.deletion_blocked:
        lost.append("deletion is allowed")
    if before.enforce_admins and after.enforce_admins is False:
        lost.append("administrators are exempt")
    lost += [f"{actor.named} may bypass the rules" for actor in added_bypass]
    return tuple(lost)


@dataclass(slots=True)
class _Step:
    """The time between two snapshots, or before the first and after the last one known."""

    before: RulesAt | None
    after: RulesAt | None
    lost: dict[str, tuple[str, ...]]
    """What each branch lost in it."""
    events: list[_Event] = field(default_factory=list["_Event"])

    @property
    def suspects(self) -> int:
        """Number of events that may have taken away what was lost."""
        return sum(event.kind in ("removed", "changed", "weakened") for event in self.events)

    def holds(self, at: datetime) -> bool:
        return (self.before is None or self.before.observed_at < at) and (
            self.after is None or at <= self.after.observed_at
        )


def _weakenings(
    window: TestWindow, evidence: StoredEvidence, shown: list[RulesAt], glass: _BreakGlass
) -> Iterator[Outcome]:
    steps = _steps(window, evidence, shown, glass)
    for row, digest in evidence.rows(RULE_CHANGES, window.scope_item_id, window.start, window.end):
        for step in steps:
            if step.holds(row["event_time"]):
                step.events.append(_event(row, digest, glass))
                break
    for step in steps:
        for event in step.events:
            yield _event_row(window, step, event)
        discovered_here = step.after is not None and window.start <= step.after.observed_at < window.end
        if step.lost and discovered_here and not step.suspects:
            yield from _difference_rows(window, step, shown)


def _steps(window: TestWindow, evidence: StoredEvidence, shown: list[RulesAt], glass: _BreakGlass) -> list[_Step]:
    first = evidence.snapshot_before(BRANCH_RULES, window.scope_item_id, window.start - _INSTANT)
    known: list[RulesAt | None] = [None if first is None else rules_at(*first), *shown]
    following = next(
        iter(evidence.snapshots(BRANCH_RULES, window.scope_item_id, window.end, window.end + MAX_GAP)), None
    )
    known.append(None if following is None else rules_at(*following))
    return [_Step(before, after, _lost(before, after, glass)) for before, after in pairwise(known)]


def _lost(before: RulesAt | None, after: RulesAt | None, glass: _BreakGlass) -> dict[str, tuple[str, ...]]:
    if before is None or after is None:
        return {}
    lost: dict[str, tuple[str, ...]] = {}
    for branch, earlier in before.branches.items():
        later = after.branches.get(branch)
        if later is None:
            continue
        known = earlier.bypass_known and later.bypass_known
        added = tuple(
            actor for actor in glass.others(later, after.observed_at) if known and actor not in earlier.bypass
        )
        words = weakened(earlier, later, added)
        if words:
            lost[branch] = words
    return lost


@dataclass(frozen=True, slots=True)
class _Event:
    """A change of rules, and what it did as far as it says itself.

    Kinds: added, removed, weakened, strengthened; used (a bypass, no change at all); changed, where it does not say.
    """

    row: Mapping[str, Any]
    digest: str
    kind: str
    words: str = ""


def _event(row: Mapping[str, Any], digest: str, glass: _BreakGlass) -> _Event:
    word = row["action"].casefold().rpartition(".")[2]
    if "override" in word or "rejected" in word:
        return _Event(row, digest, "used")
    if word.startswith(("create", "add", "enable")):
        return _Event(row, digest, "added")
    if word.startswith(("destroy", "delete", "remove", "disable")):
        return _Event(row, digest, "removed")
    detail = read_detail(row["detail"])
    lost = list(_taken_away(detail, glass, row["event_time"]))
    if lost:
        return _Event(row, digest, "weakened", ", ".join(lost))
    # Rules are replaced by taking one away and adding another: then only the snapshots tell which is the stronger.
    replaced = detail.get("ruleset_rules_deleted") or detail.get("ruleset_conditions_deleted")
    gained = any(
        (
            detail.get("ruleset_old_enforcement") and detail.get("ruleset_enforcement") == "active",
            detail.get("ruleset_bypass_actors_deleted"),
            detail.get("ruleset_rules_added"),
        )
    )
    return _Event(row, digest, "strengthened" if gained and not replaced else "changed")


def _taken_away(detail: Mapping[str, Any], glass: _BreakGlass, at: datetime) -> Iterator[str]:
    """What an audit event says it took away, in words; silent where it does not say so for certain."""
    before, after = detail.get("ruleset_old_enforcement"), detail.get("ruleset_enforcement")
    if before == "active" and after not in (None, "active"):
        yield f"enforcement went from active to {after}"
    added = [
        BypassActor(str(actor.get("actor_type") or ""), str(actor.get("actor_id") or ""), str(actor.get("bypass_mode")))
        for actor in detail.get("ruleset_bypass_actors_added") or ()
        if isinstance(actor, dict)
    ]
    yield from (f"{actor.named} may bypass the rules" for actor in glass.undeclared(added, at))
    gone = detail.get("ruleset_rules_deleted")
    if gone and not detail.get("ruleset_rules_added"):
        types = sorted(str(rule.get("type")) for rule in gone if isinstance(rule, dict))
        yield f"rules taken away ({', '.join(types)})"


def _event_row(window: TestWindow, step: _Step, event: _Event) -> Outcome:
    row = event.row
    verdict = Verdict()
    verdict.used(event.digest, *(snapshot.digest for snapshot in (step.before, step.after) if snapshot is not None))
    losses = "; ".join(f"{branch}: {', '.join(words)}" for branch, words in sorted(step.lost.items()))
    both = step.before is not None and step.after is not None
    unapproved = "no approval of it is on record"
    if event.kind == "used":
        verdict.holds("a rule was bypassed, not changed; CC8-CHG-01 judges that")
    elif event.kind == "added":
        verdict.holds("a rule was added, which takes nothing away")
    elif event.kind == "strengthened":
        verdict.holds("it took nothing away")
    elif event.kind == "weakened":
        verdict.fails(WEAKENED_UNAPPROVED, f"{event.words}; {unapproved}")
    elif losses:
        one_of = "" if step.suspects == 1 else f"one of {step.suspects} changes after which "
        verdict.fails(WEAKENED_UNAPPROVED, f"{one_of}{losses}; {unapproved}")
    elif both and len(step.events) == 1:
        verdict.holds("the snapshots before and after show nothing taken away")
    elif event.kind == "removed" and not both:
        verdict.fails(WEAKENED_UNAPPROVED, f"a rule was removed; {unapproved}")
    elif both:
        verdict.doubts("whether it took something away until another change undid it; the snapshots are as strong")
    else:
        verdict.doubts("what it changed: a snapshot of the rules before or after it is not held")
    name = row["ruleset_name"] or "branch protection"
    subject = f"{row['action']} of {name} by {who(row['actor']).named}"
    item_id = f"github:rule_change:{window.scope_item_id.removeprefix('github:')}:{row['change_id']}"
    return _row(window, CHANGES_LINE, item_id, row["event_time"], verdict, subject)


def _difference_rows(window: TestWindow, step: _Step, shown: list[RulesAt]) -> Iterator[Outcome]:
    assert step.before is not None
    assert step.after is not None
    for branch, words in sorted(step.lost.items()):
        verdict = Verdict()
        verdict.used(step.before.digest, step.after.digest)
        at = step.after.observed_at
        undone = next(
            (
                snapshot.observed_at
                for snapshot in shown
                if snapshot.observed_at > at
                and branch in snapshot.branches
                and not weakened(step.before.branches[branch], snapshot.branches[branch], ())
            ),
            None,
        )
        ending = f"undone by {format_instant(undone)}" if undone is not None else "not undone in the window"
        verdict.fails(
            WEAKENED_UNAPPROVED,
            f"since the snapshot of {format_instant(step.before.observed_at)}: {', '.join(words)}; "
            f"no event tells who changed it, no approval of it is on record ({ending})",
        )
        item_id = f"{_branch_id(window, branch)}:weakened@{format_instant(at)}"
        yield _row(window, RULES_LINE, item_id, at, verdict, f"Rules of {branch} in {window.scope_item}")


def _row(window: TestWindow, line: str, item_id: str, at: datetime, verdict: Verdict, subject: str) -> Outcome:
    return window.outcome(
        evidence_id=line,
        item_id=item_id,
        event_time=at,
        outcome=verdict.outcome,
        codes=tuple(verdict.codes),
        explanation=verdict.explain(subject),
        evidence=verdict.evidence,
    )
