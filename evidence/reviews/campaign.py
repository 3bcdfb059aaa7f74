"""What people did with a pack: decisions in the order in which they came, who may make them, and what closes it.

A decision never replaces another: the latest stands, and all stay. One whose row digest is not that of the pack's row
was made about something else and stands for nothing. An escalated row is open until somebody else decides it.

Decisions where the rule leaves room:

- A row is somebody's own where the account is theirs. Who answers for a machine may decide about it: that is who knows.
- Of an account that no register knows and that shows an address, whoever the register has other addresses of is
  somebody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from evidence.ledger import canonical, digest
from evidence.reviews.pack import PackRow
from evidence.reviews.persons import Persons

DECISIONS = ("keep", "revoke", "change", "escalate")
MAX_REASON = 2000
Own = Literal["own", "other", "unknown"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody decided about one row."""

    row_id: str
    row_digest: str
    decision: str
    reason: str | None
    decided_by: str
    """E-mail address."""
    decided_at: str
    seq: int = 0
    """The ledger entry it stands in."""

    def to_json(self) -> dict[str, Any]:
        """As it is stored; who decided and when stand once for all of an entry, and here for whoever reads one."""
        return {
            "row_id": self.row_id, "row_digest": self.row_digest, "decision": self.decision, "reason": self.reason,
            "decided_by": self.decided_by, "decided_at": self.decided_at,
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: Mapping[str, Any], seq: int = 0) -> Decision:
        """Back from its stored form."""
        return cls(
            data["row_id"], data["row_digest"], data["decision"], data["reason"], data["decided_by"],
            data["decided_at"], seq,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Delegation:
    """Rows handed to somebody to decide."""

    to: str
    by: str
    rows: str
    """`system` (all of them), `team`, `manager` or `row`."""
    of: str | None
    """The team, the manager's address or the row."""
    at: str
    reason: str | None = None

    def covers(self, row: PackRow) -> bool:
        """Whether a row is among them."""
        if self.rows == "team":
            return self.of in row.teams
        if self.rows == "manager":
            return bool(self.of) and (row.manager or "").casefold() == str(self.of).casefold()
        return self.rows == "system" or row.row_id == self.of


@dataclass
class Campaign:
    """One pack with everything that was decided about it."""

    rows: Mapping[str, PackRow]
    decisions: list[Decision] = field(default_factory=list[Decision])
    delegations: list[Delegation] = field(default_factory=list[Delegation])
    digests: dict[str, str] = field(default_factory=dict[str, str])
    _standing: dict[str, Decision] = field(default_factory=dict[str, Decision])

    @classmethod
    def of(cls, rows: Iterable[PackRow], assign: str = "reviewers") -> Campaign:
        """A pack that nobody decided about yet. `assign` `manager`: each row is its manager's to decide."""
        campaign = cls({row.row_id: row for row in rows})
        campaign.digests = {row.row_id: row.digest for row in campaign.rows.values()}
        if assign == "manager":
            managers = sorted({row.manager for row in campaign.rows.values() if row.manager})
            campaign.delegations = [Delegation(one, "", "manager", one, "") for one in managers]
        return campaign

    def take(self, decisions: Iterable[Decision]) -> None:
        """Decisions, later than those before."""
        for one in decisions:
            self.decisions.append(one)
            if self.digests.get(one.row_id) == one.row_digest and one.decision in DECISIONS:
                self._standing[one.row_id] = one

    def standing(self) -> dict[str, Decision]:
        """The latest decision about each row, where it was made about the row as it is in the pack."""
        return self._standing

    def undecided(self) -> list[PackRow]:
        """Rows without a decision, and rows that were escalated and not decided since."""
        standing = self.standing()
        return [
            row
            for row_id, row in self.rows.items()
            if (found := standing.get(row_id)) is None or found.decision == "escalate"
        ]

    def counts(self) -> dict[str, int]:
        """How many rows there are, by decision; `undecided` holds the escalated ones too."""
        standing = self.standing()
        by = {name: sum(one.decision == name for one in standing.values()) for name in DECISIONS}
        return {"rows": len(self.rows), **by, "undecided": len(self.undecided())}

    def assigned(self, row: PackRow) -> str | None:
        """Who is to decide a row, where that is somebody in particular: by the last delegation that covers it."""
        return next((one.to for one in reversed(self.delegations) if one.covers(row)), None)

    def result_digest(self) -> str:
        """One digest over what stands for each row: what the signature is under, beside the pack."""
        standing = self.standing()
        return digest(canonical([standing[row_id].to_json() if row_id in standing else row_id for row_id in self.rows]))


def needs_reason(row: PackRow, decision: str) -> bool:
    """Every decision needs one but to keep a row without a flag."""
    return decision != "keep" or bool(row.flags)


def whose(row: PackRow, by: str, persons: Persons, at: datetime) -> Own:
    """Whether the row is the reviewer's own at an instant, as persons and not as addresses."""
    if row.kind in ("group", "grant"):
        return "other"
    subject, reviewer = persons.of(row.who, at), persons.of_address(by)
    if not subject.isdisjoint(reviewer) or (row.email or "").casefold() == by.casefold():
        return "own"
    if subject or row.kind in ("service", "root"):
        return "other" if reviewer or not subject else "unknown"
    return "other" if row.email and reviewer else "unknown"


def refusal(
    campaign: Campaign, row: PackRow, decision: str, reason: str | None, *, shown: str, by: str, persons: Persons,
    at: datetime, listed: bool, same: bool,
) -> str | None:  # fmt: skip
    """Why a decision can't be taken, with what to do; None where it can.

    `shown` is the digest of the row that was looked at, `listed` whether `by` stands on the list of reviewers, `same`
    whether the row is assigned to that very person.
    """
    if decision not in DECISIONS:
        return f"{decision!r} is no decision. Write one of {', '.join(DECISIONS)}"
    if shown != campaign.digests[row.row_id]:
        return (f"the row {row.row_id} is another than the one that was shown: it was opened anew since. Look at it "
                "again (`evidence review show`) and decide then")  # fmt: skip
    own = whose(row, by, persons, at)
    if own == "own":
        return f"{row.name} is {by}'s own account, and nobody decides about their own. Let somebody else decide"
    if not listed and not same:
        to = campaign.assigned(row)
        whom = f"It is for {to}" if to else "Let a reviewer decide"
        return (f"{by} is not on people.reviewers, and {row.name} was not handed to them. {whom}, or let it be handed "
                "on (`evidence review delegate`)")  # fmt: skip
    if not (reason or "").strip() and needs_reason(row, decision):
        why = f"keeping an account that is {', '.join(_words(row.flags))}" if decision == "keep" else f"to {decision}"
        return f"{row.name}: {why} needs a reason. Give one (--reason)"
    if reason is not None and len(reason) > MAX_REASON:
        return f"the reason has {len(reason)} characters, more than {MAX_REASON}. Say it in fewer, or attach a ticket"
    standing = campaign.standing().get(row.row_id) if decision != "escalate" else None
    if standing is not None and standing.decision == "escalate" and persons.same(standing.decided_by, by):
        return f"{by} escalated {row.name}, so somebody else has to decide it"
    return None


def _words(flags: Sequence[str]) -> list[str]:
    return [{"no_owner": "without owner", "leaver": "a leaver's"}.get(flag, flag) for flag in flags]
