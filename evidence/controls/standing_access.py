"""Grants of a window beside what their subjects had already: by the events before, and by the lists of accounts."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from evidence.controls.access_event import AccessEvent
from evidence.controls.access_events import STREAMS, access_events
from evidence.controls.identity import Who
from evidence.controls.model import StoredEvidence, TestWindow
from schemas.aws_identity import PRINCIPALS
from schemas.google import ACCOUNTS
from schemas.instants import format_instant

_LOOKED_BACK = timedelta(days=35)
"""How far before the window events are looked at."""
_GIVEN_BACK = timedelta(hours=24)


class StandingAccess:
    """The access events of one system from 35 days before the window to its end."""

    def __init__(self, window: TestWindow, evidence: StoredEvidence, system: str) -> None:
        self._window = window
        self._evidence = evidence
        self._system = system
        self._events: list[tuple[AccessEvent, str]] = []
        self._center = self._people_of_identity_center()
        self._renamed: list[datetime] = []
        stream = STREAMS[system]
        end = min(window.end, window.as_of)
        for item in window.asked_for(stream):
            for row, digest in evidence.rows(stream, item, window.start - _LOOKED_BACK, end):
                if system == "github" and row["action"] in ("team.rename", "team.edited"):
                    self._renamed.append(row["event_time"])
                self._events += [(self._named(event), digest) for event in access_events(system, row)]
        self._events.sort(key=lambda pair: pair[0].at)
        self._by_key: dict[str, list[AccessEvent]] = {}
        for event, _ in self._events:
            for key in event.subject.keys:
                self._by_key.setdefault(key, []).append(event)

    def _people_of_identity_center(self) -> dict[str, Who]:
        """Events of Identity Center name people by an id that only the list of accounts translates."""
        window, found = self._window, dict[str, Who]()
        for at in (window.start, min(window.end, window.as_of)) if self._system == "aws" else ():
            told = self._evidence.snapshot_before(PRINCIPALS, window.scope_item_id, at)
            for row in () if told is None else told[1]:
                if row["principal_kind"] == "identity_center_user":
                    found[row["principal_id"]] = Who("aws", row["principal_id"], row["principal_name"], row["email"])
        return found

    def _named(self, event: AccessEvent) -> AccessEvent:
        known = self._center.get(event.subject.id or "")
        return event if known is None else replace(event, subject=known)

    def grants(self) -> Iterator[tuple[AccessEvent, str]]:
        """What was granted in the window, in order."""
        for event, digest in self._events:
            if event.at >= self._window.start and event.kind in ("granted", "restored"):
                yield event, digest

    def had(self, event: AccessEvent) -> str | None:
        """Why a grant changed nothing, None where it did."""
        before = self._before(event)
        taken = [one for one in before if one.kind in ("taken", "ended")]
        last_taken = taken[-1] if taken else None
        same = [one for one in before if one.kind in ("granted", "restored") and _alike(one, event)]
        stands = bool(same) and (last_taken is None or last_taken.at <= same[-1].at)
        if event.action in _REWRITTEN or (stands and not self._latest_there(before, event)):
            return None
        if stands:
            return f"it repeats a grant of {format_instant(same[-1].at)} that stood"
        if last_taken is not None and event.at - last_taken.at <= _GIVEN_BACK and self._is_back(last_taken, event):
            return f"it gives back what was taken at {format_instant(last_taken.at)}"
        return self._listed(event, last_taken)

    def _before(self, event: AccessEvent) -> list[AccessEvent]:
        found: dict[str, AccessEvent] = {}
        for key in event.subject.keys:
            found |= {one.id: one for one in self._by_key[key] if one.at < event.at}
        return sorted(found.values(), key=lambda one: one.at)

    def _latest_there(self, before: list[AccessEvent], event: AccessEvent) -> bool:
        """Whether the latest event about the same place gave the same: roles on GitHub replace one another there."""
        there = [one for one in before if one.resource.casefold() == event.resource.casefold()]
        return self._system != "github" or not there or _alike(there[-1], event)

    def _is_back(self, taken: AccessEvent, event: AccessEvent) -> bool:
        if taken.kind == "ended":
            # A whole account that comes back brings what it had; a role given to it then is another matter.
            return event.opens and not event.privileged and taken.part is None and event.action not in _MADE
        if _alike(taken, event):
            return True
        renamed = any(abs(at - event.at) <= _GIVEN_BACK for at in self._renamed)
        return renamed and taken.resource.startswith("team ") and event.resource.startswith("team ") and (
            taken.role == event.role
        )  # fmt: skip

    def _listed(self, event: AccessEvent, last_taken: AccessEvent | None) -> str | None:
        """Whether the list of accounts from before shows that the subject had it."""
        place = bisect_left(self._lists, event.at, key=lambda told: told[0])
        if not place:
            return None
        told_at, held = self._lists[place - 1]
        if (last_taken is not None and last_taken.at > told_at) or event.at - told_at > _LOOKED_BACK:
            return None
        names = {f"{event.role} {event.resource}".casefold()}
        if self._system == "aws":
            names = {f"attached {event.role}".casefold(), event.role.casefold()}
        if any(not names.isdisjoint(held.get(key, ())) for key in event.subject.keys):
            return f"the list of {format_instant(told_at)} shows that they had it"
        return None

    @cached_property
    def _lists(self) -> list[tuple[datetime, dict[str, set[str]]]]:
        """Lists of accounts, from the latest before the window on: what each key has by them. Read once, and only where
        a grant needs them."""
        dataset = {"aws": PRINCIPALS, "google": ACCOUNTS}.get(self._system)
        if dataset is None:
            return []
        window, evidence = self._window, self._evidence
        before = evidence.snapshot_before(dataset, window.scope_item_id, window.start - timedelta(microseconds=1))
        end = min(window.end, window.as_of)
        told = [] if before is None else [(before[0], self._rights(before[1]))]
        for at, rows, _digest in evidence.snapshots(dataset, window.scope_item_id, window.start, end):
            told.append((at, self._rights(rows)))
        return told

    def _rights(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for row in rows:
            if self._system == "aws":
                who, held = Who("aws", row["arn"], row["principal_name"]), {one.casefold() for one in row["rights"]}
            else:
                who = Who("google", row["account_id"], row["email"], row["email"])
                held = {f"{one['role']} {one['email']}".casefold() for one in row["groups"] or () if not one["via"]}
            for key in who.keys if held else ():
                found.setdefault(key, set()).update(held)
        return found


_REWRITTEN = ("iam:PutUserPolicy", "iam:PutGroupPolicy")
"""What is written anew under the same name may say something else."""
_MADE = ("CREATE_USER", "iam:CreateUser", "identitystore:CreateUser", "sso-directory:CreateUser")
"""A new account, which is not the old one back."""


def _alike(one: AccessEvent, other: AccessEvent) -> bool:
    return (one.role.casefold(), one.resource.casefold()) == (other.role.casefold(), other.resource.casefold())
