"""Uses of the highest powers, as the streams of each system tell of them (CC6-ROOT-01).

Decisions where the sources leave room:

- AWS: what the root user did, sign-in included, and every time a break-glass role was taken. Not counted are what a
  service of AWS does in root's name, roles that AWS makes for its own services on the way, sign-ins that failed, and
  calls that only read: a session that reads began with a sign-in, which counts, and a key of root is found by
  CC6-KEY-01.
- Google Workspace: what super administrators did in the admin console or its API.
- GitHub: what owners did to the organisation, and overrides and bypasses by whomever. What an app or bot does to the
  organisation under its own name is no act of an owner.
- Google Cloud: IAM policies set at the organisation.
- Lists tell who held the power at their instants. Of somebody whom the next list shows and the last one before did not,
  nobody knows whether they held it already.
- A break-glass account (`break_glass` of the programme) counts with everything it changes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from evidence.controls.access_events import aws_actor
from evidence.controls.detail import read_detail
from evidence.controls.identity import Who
from evidence.controls.model import StoredEvidence, TestWindow
from schemas.dataset import Dataset
from schemas.github import ADMINISTRATORS as GITHUB_ADMINISTRATORS
from schemas.google import ADMINISTRATORS as GOOGLE_ADMINISTRATORS

Row = Mapping[str, Any]

_STALE = timedelta(days=35)
"""Oldest list of administrators that tells who was one."""
_SOON = timedelta(days=3)
"""How long after a window a list still tells of its end."""
_CONSOLE = "signin.amazonaws.com"
_READING = ("Get", "List", "Describe", "Head", "Lookup", "BatchGet")
_ROLE_TAKEN = ("AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity")


@dataclass(frozen=True, slots=True)
class Use:
    """One use of the highest powers."""

    id: str
    at: datetime
    actor: Who
    words: str
    """What was done, for sentences."""
    names: tuple[str, ...]
    """Ids under which a review may name it: its own, its activity's."""
    session: tuple[str, ...] | None = None
    """What all events of one session have in common; None where sessions can't be told apart."""
    break_glass: bool = False
    machine: bool = False
    """Whether it was done by no person."""
    doubt: str | None = None
    """Why it can't be said whether it was such a use."""


class Uses:
    """Recognises uses in the rows of one system."""

    def __init__(self, window: TestWindow, evidence: StoredEvidence) -> None:
        self._window = window
        self._evidence = evidence
        self._glass = frozenset(name.casefold() for name in window.programme.evidence_rules.break_glass)
        self._read = {"aws": self._aws, "google": self._google, "github": self._github, "gcp": self._gcp}

    def of(self, row: Row) -> Use | None:
        """The use that a row tells of; None where it is none."""
        return self._read[self._window.scope_item_id.partition(":")[0]](row)

    def _is_glass(self, *names: str | None) -> bool:
        return any(name and name.casefold() in self._glass for name in names)

    # --- AWS ----------------------------------------------------------------------------------------------------------

    def _aws(self, row: Row) -> Use | None:
        name, service = row["event_name"], str(row["event_source"]).partition(".")[0]
        # The console names itself where a person clicked.
        by_aws = row["invoked_by"] not in (None, _CONSOLE) or row["event_type"] == "AwsServiceEvent"
        if by_aws or row["identity_type"] == "AWSService":
            return None
        words = f"{service}:{name}"
        if service == "sts" and name in _ROLE_TAKEN:
            role = read_detail(row["request_parameters"]).get("roleArn")
            if not row["error_code"] and isinstance(role, str) and self._is_glass(role, role.rpartition("/")[2]):
                return self._aws_use(row, f"{words} of {role}", glass=True)
            if row["identity_type"] != "Root":
                return None
        glass = self._is_glass(row["identity_arn"], row["identity_user_name"])
        if (row["identity_type"] != "Root" and not glass) or _only_reads(row) or name == "CreateServiceLinkedRole":
            return None
        answered = read_detail(row["response_elements"])
        if service == "signin" and (row["error_code"] or row["error_message"] or answered.get(name) == "Failure"):
            return None
        refused = f" ({row['error_code']})" if row["error_code"] else ""
        return self._aws_use(row, f"{words}{refused}", glass=glass)

    def _aws_use(self, row: Row, words: str, *, glass: bool) -> Use:
        actor = aws_actor(row)
        if row["identity_type"] == "Root":
            actor = Who("aws", row["identity_arn"] or f"arn:aws:iam::{row['account_id']}:root", "root")
        key, began = row["identity_access_key_id"], row["session_created_at"]
        session = (str(row["identity_arn"]), str(key), str(began)) if key and began else None
        return Use(row["event_id"], row["event_time"], actor, words, (row["event_id"],), session, glass)

    # --- Google Workspace ---------------------------------------------------------------------------------------------

    def _google(self, row: Row) -> Use | None:
        actor = row["actor"] or {}
        email = actor.get("email")
        if row["application"] != "admin" or not (email or actor.get("profile_id")):
            return None  # what Google itself does has no actor
        who = Who("google", actor.get("profile_id"), email, email)
        on = f" on {row['subject'] or row['object_name']}" if row["subject"] or row["object_name"] else ""
        return self._by_holder(row, who, f"{row['event_name']}{on}", (row["event_id"], row["activity_id"]), email)

    # --- GitHub -------------------------------------------------------------------------------------------------------

    def _github(self, row: Row) -> Use | None:
        action, actor = str(row["action"]), row["actor"] or {}
        who = Who("github", actor.get("id"), actor.get("login"))
        machine = actor.get("kind") == "bot" or bool(row["actor_is_bot"])
        on = next((f" on {row[name]}" for name in ("subject_login", "repo_name", "team") if row[name]), "")
        names = (row["event_id"],)
        glass = self._is_glass(actor.get("login"))
        if action.endswith((".policy_override", ".bypass")) or (glass and not action.startswith("git.")):
            return Use(row["event_id"], row["event_time"], who, f"{action}{on}", names, None, glass, machine)
        if not action.startswith(("org.", "organization.")) or machine or not who.keys:
            return None
        return self._by_holder(row, who, f"{action}{on}", names, actor.get("login"))

    def _by_holder(self, row: Row, who: Who, words: str, names: tuple[str, ...], named: str | None) -> Use | None:
        """A use if its actor held the power then, by the latest list of administrators before."""
        use = Use(row["event_id"], row["event_time"], who, words, names, None, self._is_glass(named))
        holders = self._holders_at(row["event_time"])
        if use.break_glass or (holders is not None and not holders.isdisjoint(who.keys)):
            return use
        if holders is not None:
            if self._next_holders(row["event_time"]).isdisjoint(who.keys):
                return None
            doubt = "the actor became an administrator between two lists, before or after it"
            return Use(use.id, use.at, who, words, names, None, use.break_glass, doubt=doubt)
        doubt = "no list of administrators of that time is held, so not known whether the actor was one"
        return Use(use.id, use.at, who, words, names, None, use.break_glass, doubt=doubt)

    def _holders_at(self, at: datetime) -> frozenset[str] | None:
        place = bisect_right(self._lists, at, key=lambda told: told[0])
        if not place or at - self._lists[place - 1][0] > _STALE:
            return None
        return self._lists[place - 1][1]

    def _next_holders(self, at: datetime) -> frozenset[str]:
        """Who held the power by the first list after an instant."""
        later = self._lists[bisect_right(self._lists, at, key=lambda told: told[0]) :]
        return later[0][1] if later else frozenset()

    @cached_property
    def _lists(self) -> list[tuple[datetime, frozenset[str]]]:
        return list(self._held_lists())

    def _held_lists(self) -> Iterator[tuple[datetime, frozenset[str]]]:
        """Who held the power by each list of the window, the last one before it and those soon after it, in order."""
        window, system = self._window, self._window.scope_item_id.partition(":")[0]
        dataset, privilege = _HOLDERS[system]
        before = self._evidence.snapshot_before(dataset, window.scope_item_id, window.start)
        end = min(window.end + _SOON, max(window.end, window.as_of))
        told = list(self._evidence.snapshots(dataset, window.scope_item_id, window.start, end))
        if before is not None and (not told or before[0] < told[0][0]):
            told.insert(0, before)
        for at, rows, _digest in told:
            holders = [_holder(dataset, row) for row in rows if row["privilege"] == privilege]
            yield at, frozenset(key for holder in holders for key in holder.keys)

    # --- Google Cloud -------------------------------------------------------------------------------------------------

    def _gcp(self, row: Row) -> Use | None:
        method, resource = str(row["method"]), str(row["resource_name"] or row["container"])
        at_top = row["container"].startswith("organizations/") or resource.startswith("organizations/")
        sets = method.rpartition(".")[2].casefold() == "setiampolicy" and at_top
        glass = self._is_glass(row["principal"])
        if row["status_code"] or not (sets or glass):
            return None
        who = Who("gcp", None, row["principal"], row["principal"])
        machine = row["principal_kind"] == "service_account"
        words = f"{method} on {resource}"
        return Use(row["event_id"], row["event_time"], who, words, (row["event_id"],), None, glass, machine)


def _only_reads(row: Row) -> bool:
    return bool(row["read_only"]) or (row["read_only"] is None and str(row["event_name"]).startswith(_READING))


def _holder(dataset: Dataset, row: Row) -> Who:
    if dataset is GOOGLE_ADMINISTRATORS:
        return Who("google", row["principal_id"], row["principal_email"], row["principal_email"])
    return Who("github", row["principal_id"], row["principal_name"])


_HOLDERS: Mapping[str, tuple[Dataset, str]] = {
    "google": (GOOGLE_ADMINISTRATORS, "super_admin"),
    "github": (GITHUB_ADMINISTRATORS, "organisation_owner"),
}
