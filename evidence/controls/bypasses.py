"""Bypasses of branch rules, and which change went through one (CC8-CHG-01 E6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from evidence.controls.approval import who
from evidence.controls.identity import IdentityMap, Who
from evidence.controls.model import StoredEvidence
from schemas.github import BYPASSES

NEAR = timedelta(seconds=60)
"""How far an audit event without commits may lie from the change by the same actor that it belongs to."""


@dataclass(frozen=True, slots=True)
class Bypass:
    """A push or merge that a rule would have stopped."""

    suite_id: str
    at: datetime
    branch: str
    before: str | None
    after: str | None
    actor: Who
    rules: tuple[str, ...]
    digest: str


class Bypasses:
    """The bypasses of an interval, by the commits they let in."""

    def __init__(self, identities: IdentityMap) -> None:
        self._identities = identities
        self._all: dict[str, Bypass] = {}
        self._after: dict[tuple[str, str], list[Bypass]] = {}
        self._without_commits: list[Bypass] = []
        self._matched: set[str] = set()

    def load(self, evidence: StoredEvidence, scope_item_id: str, start: datetime, end: datetime) -> None:
        """Read `github.bypasses` of an interval; suites that passed or failed are none."""
        for row, digest in evidence.rows(BYPASSES, scope_item_id, start, end):
            if row["suite_id"] in self._all or not _is_bypass(row):
                continue
            bypass = Bypass(
                row["suite_id"], row["event_time"], row["ref"].removeprefix("refs/heads/"), row["before_sha"],
                row["after_sha"], who(row["actor"]),
                tuple(dict.fromkeys(rule["rule_type"] for rule in row["rules"] or () if _broken(rule))), digest,
            )  # fmt: skip
            self._all[bypass.suite_id] = bypass
            if bypass.after is None:
                self._without_commits.append(bypass)
            else:
                self._after.setdefault((bypass.branch, bypass.after), []).append(bypass)

    def of(self, commit: Mapping[str, Any], merge_sha: str | None) -> tuple[Bypass, ...]:
        """The bypasses by which a row of `github.commits` entered: same tip afterwards, else same actor and minute."""
        branch = commit["branch"]
        found: dict[str, Bypass] = {}
        for sha in (commit["after_sha"], commit["sha"], merge_sha):
            for bypass in self._after.get((branch, sha or ""), ()):
                found[bypass.suite_id] = bypass
        for bypass in self._without_commits:
            if bypass.branch == branch and self._goes_with(bypass, commit):
                found[bypass.suite_id] = bypass
        self._matched.update(found)
        return tuple(found.values())

    def unmatched(self, start: datetime, end: datetime, branches: frozenset[str]) -> Iterator[Bypass]:
        """Bypasses on the given branches in [start, end) that no commit asked for so far has gone with."""
        for bypass in self._all.values():
            if start <= bypass.at < end and bypass.branch in branches and bypass.suite_id not in self._matched:
                yield bypass

    def _goes_with(self, bypass: Bypass, commit: Mapping[str, Any]) -> bool:
        if bypass.before is not None and bypass.before == commit["before_sha"]:
            return True
        people = self._identities.at(bypass.at)
        actor = people.person(who(commit["actor"]))
        return abs(commit["event_time"] - bypass.at) <= NEAR and not actor.isdisjoint(people.person(bypass.actor))


def words_of(bypass: Bypass, found: Iterable[Bypass]) -> str:
    """A sentence on a bypass; what a rule suite and the audit log both tell of one actor is told once."""
    same = [other for other in found if other.actor.named == bypass.actor.named]
    rules = sorted({rule for other in same for rule in other.rules})
    return f"branch rules were bypassed by {bypass.actor.named}" + (f" ({', '.join(rules)})" if rules else "")


def _is_bypass(row: Mapping[str, Any]) -> bool:
    return row["found_in"] == "audit_log" or (row["result"] or "").casefold() == "bypass"


def _broken(rule: Mapping[str, Any]) -> bool:
    return (rule["result"] or "").casefold() != "pass" and bool(rule["rule_type"])
