"""Reviews of a pull request as they stood when it was merged (CC8-CHG-01 E2 to E4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from evidence.controls.detail import read_detail
from evidence.controls.identity import People, Person, Who

WRITERS = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})
"""Associations that go with write access."""
DECISIVE = frozenset({"APPROVED", "CHANGES_REQUESTED", "DISMISSED"})

EarlierStates = Callable[[str], "frozenset[str]"]
"""States that a review was ever stored with, by review id; asked only where the state at the merge is not clear."""


def who(actor: Mapping[str, Any] | None) -> Who:
    """An actor struct as somebody; a missing one or a deleted user has no keys."""
    if actor is None:
        return Who("github")
    return Who("github", actor["id"], actor["login"])


def commit_author(author: Mapping[str, Any]) -> Who:
    """An author or co-author of a commit: user id, else login, else e-mail address; all that there is."""
    return Who("github", author["user_id"], author["login"], author["email"])


def is_machine(kind: str | None, named: Who, machines: frozenset[str]) -> bool:
    """A bot by its kind or its name, or an account that the programme lists as a machine."""
    login = (named.login or "").casefold()
    return kind == "bot" or login.endswith("[bot]") or login in machines or (named.email or "").casefold() in machines


@dataclass(frozen=True, slots=True)
class Contributors:
    """Everybody whose content is in the change, and so can't approve it."""

    people: frozenset[str]
    """Union of their resolved keys."""
    strangers: tuple[str, ...]
    """Addresses that belong to no account and to nobody in the registers."""
    ghosts: int
    """Authors whose account is deleted: nobody can say who they were."""
    unregistered: tuple[str, ...] = ()
    """Accounts that belong to nobody in the registers."""

    def holds(self, person: Person) -> bool:
        return not self.people.isdisjoint(person)


def contributors(named: Iterable[tuple[Who, str | None]], people: People, machines: frozenset[str]) -> Contributors:
    """From (who, kind) pairs; machines are left out, as no person hides behind their name."""
    keys: set[str] = set()
    strangers: list[str] = []
    unregistered: list[str] = []
    ghosts = 0
    for somebody, kind in named:
        if is_machine(kind, somebody, machines):
            continue
        person = people.person(somebody)
        keys |= person
        if not person:
            ghosts += 1
        elif somebody.email and not somebody.has_account and not people.address_registered(somebody.email):
            strangers.append(somebody.email)
        elif not people.registered(somebody):
            unregistered.append(somebody.named)
    return Contributors(frozenset(keys), tuple(dict.fromkeys(strangers)), ghosts, tuple(dict.fromkeys(unregistered)))


def everybody(one: Contributors, other: Contributors) -> Contributors:
    """The contributors of both."""
    return Contributors(
        one.people | other.people,
        tuple(dict.fromkeys((*one.strangers, *other.strangers))),
        one.ghosts + other.ghosts,
        tuple(dict.fromkeys((*one.unregistered, *other.unregistered))),
    )


@dataclass(frozen=True, slots=True)
class Approval:
    """A review that was, or may have been, an approval by a person with write access when the change was merged."""

    person: Person
    named: str
    doubts: tuple[str, ...]
    """Why it can't be relied on; empty: it certainly was one."""
    fresh: bool | None
    """Whether it covers the merged content; None where the commit it was given for is not known."""


@dataclass(frozen=True, slots=True)
class Reviews:
    """What the reviews of a pull request amounted to at the merge."""

    approvals: tuple[Approval, ...]
    rejected: tuple[str, ...]
    """Sentences on approvals that do not count, for the explanation."""
    changes_open: tuple[str, ...]
    """Who asked for changes and was neither satisfied nor dismissed before the merge."""
    doubts: tuple[str, ...]
    """Why it can't be said whether changes were still asked for."""


def reviews_at_merge(
    pull: Mapping[str, Any], people: People, machines: frozenset[str], earlier: EarlierStates
) -> Reviews:
    """Judge the reviews of a row of `github.pull_requests` as of its merge (`event_time`)."""
    merged_at: datetime = pull["event_time"]
    approvals: list[Approval] = []
    rejected: list[str] = []
    latest: list[_Decision] = []
    head = pull["head_sha"]
    merges = _base_merges(pull)
    decisive = (review for review in pull["reviews"] or () if review["state"] in DECISIVE)
    for review in sorted(decisive, key=lambda review: review["submitted_at"] or merged_at):
        submitted_at = review["submitted_at"]
        if submitted_at is not None and submitted_at >= merged_at:
            if review["state"] == "APPROVED":
                rejected.append(f"{_named(review)} approved only after the merge")
            continue
        at_merge, doubt = _state_at(review, pull, merged_at, earlier)
        if submitted_at is None:
            doubt = doubt or f"it is not known when {_named(review)} reviewed"
        author = who(review["author"])
        latest.append(_Decision(people.person(author), _named(review), at_merge, doubt))
        if at_merge == "DISMISSED":
            rejected.append(f"a review by {_named(review)} was dismissed before the merge")
        if at_merge != "APPROVED" and doubt is None:
            continue
        refusal, doubts = _may_approve(review, author, machines)
        if refusal is not None:
            rejected.append(refusal)
            continue
        approvals.append(
            Approval(
                people.person(author),
                _named(review),
                tuple(reason for reason in (doubt, *doubts) if reason is not None),
                _fresh(review["commit_sha"], head, merges),
            )
        )
    changes_open, doubts = _open_requests(latest)
    return Reviews(tuple(approvals), tuple(rejected), changes_open, doubts)


def _named(review: Mapping[str, Any]) -> str:
    return who(review["author"]).named


def _may_approve(
    review: Mapping[str, Any], author: Who, machines: frozenset[str]
) -> tuple[str | None, tuple[str, ...]]:
    """Why the reviewer can't approve, else what is doubtful about it."""
    kind = (review["author"] or {}).get("kind")
    if is_machine(kind, author, machines):
        return f"{author.named} is a machine, which can't approve", ()
    association = review["association"]
    if association is not None and association.upper() not in WRITERS:
        return f"{author.named} approved without write access ({association.lower()})", ()
    doubts: list[str] = []
    if not author.keys:
        doubts.append("the approval is by a user deleted since, so it can't be shown that somebody else approved")
    elif kind != "person":
        doubts.append(f"it is not known whether the approver {author.named} is a person")
    if association is None:
        doubts.append(f"it is not known whether {author.named} had write access")
    return None, tuple(doubts)


def _state_at(
    review: Mapping[str, Any], pull: Mapping[str, Any], merged_at: datetime, earlier: EarlierStates
) -> tuple[str, str | None]:
    """State of a review at the merge, and what is doubtful about it.

    A dismissal after the merge takes nothing from what was true at the merge; one before it does.
    """
    state, dismissed_at = review["state"], review["dismissed_at"]
    if state != "DISMISSED":
        if dismissed_at is None or dismissed_at > merged_at:
            return state, None
        # At the very instant of the merge, neither an approval nor a withdrawn request for changes is believed.
        return (state if dismissed_at == merged_at and state == "CHANGES_REQUESTED" else "DISMISSED"), None
    if dismissed_at is not None and dismissed_at <= merged_at:
        return "DISMISSED", None
    before = _state_before_dismissal(review, pull) or earlier(review["review_id"])
    if len(before) == 1 and dismissed_at is not None:
        return next(iter(before)), None
    reason = (
        f"a review by {_named(review)} was dismissed, it is not known when"
        if dismissed_at is None
        else f"what the review by {_named(review)} said before it was dismissed is not known"
    )
    return "DISMISSED", reason


def _state_before_dismissal(review: Mapping[str, Any], pull: Mapping[str, Any]) -> frozenset[str]:
    """What the timeline says a dismissed review was."""
    states: set[str] = set()
    for event in pull["timeline"] or ():
        if event["kind"] != "review_dismissed" or event["at"] != review["dismissed_at"]:
            continue
        detail = read_detail(event["detail"])
        if detail.get("review_id") in (None, review["review_id"]):
            states.add(str(detail.get("previous_state")))
    return frozenset(states & {"APPROVED", "CHANGES_REQUESTED"})


def _base_merges(pull: Mapping[str, Any]) -> dict[str, str]:
    """Commits of the pull request that only merge its base branch, to the commit they were made on.

    Exactly one parent belongs to the pull request; the other, as it is not among the pull request's commits, was
    already on the base branch. (What somebody typed while resolving conflicts can't be seen here.)
    """
    commits: Sequence[Mapping[str, Any]] = pull["commits"] or ()
    own = {commit["sha"] for commit in commits}
    merges: dict[str, str] = {}
    for commit in commits:
        parents = commit["parents"] or ()
        if len(parents) == 2:
            inside = [parent for parent in parents if parent in own]
            if len(inside) == 1:
                merges[commit["sha"]] = inside[0]
    return merges


def _fresh(reviewed: str | None, head: str, merges: Mapping[str, str]) -> bool | None:
    if reviewed is None:
        return None
    at = head
    while at != reviewed:
        if at not in merges:
            return False
        at = merges[at]
    return True


@dataclass(frozen=True, slots=True)
class _Decision:
    person: Person
    named: str
    state: str
    doubt: str | None


def _open_requests(decisions: Sequence[_Decision]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Whose latest decision still asked for changes, given decisions in order of time."""
    still: list[str] = []
    doubts: list[str] = []
    for place, decision in enumerate(decisions):
        later = [other for other in decisions[place + 1 :] if not decision.person.isdisjoint(other.person)]
        if later:
            continue
        if decision.doubt is not None:
            doubts.append(decision.doubt)
        elif decision.state == "CHANGES_REQUESTED":
            # Two reviews by deleted users may be one person's: then the later one would be the latest.
            ghosts = not decision.person and any(not other.person for other in decisions[place + 1 :])
            if ghosts:
                doubts.append("changes were asked for by a deleted user, and it is not known who approved afterwards")
            else:
                still.append(decision.named)
    return tuple(dict.fromkeys(still)), tuple(dict.fromkeys(doubts))
