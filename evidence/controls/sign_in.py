"""CC6-MFA-01: no person could sign in with a password alone.

Each snapshot of a window is judged, account by account:

- MFA_NOT_ENFORCED  the GitHub organisation does not require a second factor (one row, for the organisation: enforcement
                    is one setting, and enrolment does not replace it)
- MFA_OFF           a person's account has none: a member or outside collaborator of the organisation, an IAM user with
                    a password
- ROOT_NO_MFA       the root user of an AWS account has none although it has credentials

An account that was right in every snapshot of the window makes one row, `<account>`; one that was not makes a row per
stretch of adjoining snapshots, `<account>@<first failing instant>`, whose explanation lists the snapshots.

Decisions where the rule leaves room:

- IAM users without a password can't sign in with one and are no part of the population while that is so.
- Bots have no sign-in. A person's account used by a machine has one, and is judged.
- What a source does not tell (`unknown`, an absent setting) is `unknown`, never on and never off.
- Where the programme allows days to enrol (`mfa_grace_days`), they count from the account's creation at AWS; at GitHub,
  which does not tell when somebody joined, from the last snapshot that did not show the account.
- At Google enforcement is told for each user, and each is judged by both: MFA_NOT_ENFORCED where 2-step verification is
  not demanded of the user, MFA_OFF where the user has none. Suspended and archived users can't sign in. What the
  policies say is shown and judges nothing: Google's own flag is what they come to. What was taken away between two
  snapshots is judged by Google's record of it, a row for each act (`google_second_factor`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from evidence.controls.google_second_factor import removals
from evidence.controls.held import has_closed, window_unknown
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.stretches import Seen, Stretches
from schemas.aws import SIGN_IN
from schemas.github import MEMBERS
from schemas.google import USERS
from schemas.outcome import Outcome

GOOGLE_LINE = "google_users"
GITHUB_LINE = "github_org"
AWS_LINE = "aws"
MFA_NOT_ENFORCED = "MFA_NOT_ENFORCED"
MFA_OFF = "MFA_OFF"
ROOT_NO_MFA = "ROOT_NO_MFA"
CODES = (MFA_NOT_ENFORCED, MFA_OFF, ROOT_NO_MFA)

Row = Mapping[str, Any]


def second_factor_everywhere(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """Rows for the accounts of a Google customer, a GitHub organisation or an AWS account, by the item's system."""
    system = window.scope_item_id.partition(":")[0]
    if system == "github":
        return _github(window, evidence)
    if system == "aws":
        return _aws(window, evidence)
    if system == "google":
        return _google(window, evidence)
    raise ValueError(f"{window.scope_item_id}: sign-in settings are collected from google, github and aws only")


def _github(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    stretches = Stretches(window, GITHUB_LINE)
    grace = timedelta(days=window.programme.evidence_rules.mfa_grace_days)
    joined = _Joined()
    before = evidence.snapshot_before(MEMBERS, window.scope_item_id, window.start - timedelta(microseconds=1))
    if before is not None:
        joined.add(before[0], {row["user_id"] for row in before[1]})
    for observed_at, rows, digest in evidence.snapshots(MEMBERS, window.scope_item_id, window.start, window.end):
        joined.add(observed_at, {row["user_id"] for row in rows})
        seen = {window.scope_item_id: _organisation(window, rows)}
        for row in rows:
            if row["kind"] == "bot":
                continue
            earliest = joined.not_before(row["user_id"])
            in_grace = earliest is not None and observed_at < earliest + grace
            seen[f"github:user:{row['user_id']}"] = _member(row, in_grace)
        stretches.add(observed_at, digest, seen)
    return _told(window, GITHUB_LINE, stretches)


class _Joined:
    """Which accounts came after the first snapshot known, and when they can have come at the earliest."""

    def __init__(self) -> None:
        self._previous: datetime | None = None
        self._known: set[str] = set()
        self._after: dict[str, datetime] = {}

    def add(self, observed_at: datetime, accounts: set[str]) -> None:
        if self._previous is not None:
            for account in accounts - self._known:
                self._after[account] = self._previous
        self._known |= accounts
        self._previous = observed_at

    def not_before(self, account: str) -> datetime | None:
        """None where the account was there from the first snapshot on."""
        return self._after.get(account)


def _organisation(window: TestWindow, rows: list[Row]) -> Seen:
    label = f"Two-factor requirement of {window.scope_item}"
    flags = {row["organisation_requires_two_factor"] for row in rows}
    if flags == {True}:
        return Seen(label, "switched on")
    if False in flags:
        return Seen(label, "switched off, so anybody may sign in with a password alone", (MFA_NOT_ENFORCED,))
    return Seen(label, "not known: the setting could not be read (it needs an owner's token)", unknown=True)


def _member(row: Row, in_grace: bool) -> Seen:
    label = f"{row['login']} ({row['role'].replace('_', ' ')})"
    if row["two_factor"] == "enabled":
        return Seen(label, "second factor on")
    if row["two_factor"] == "disabled":
        if in_grace:
            return Seen(label, "new, still within the days to enrol a second factor")
        return Seen(label, "no second factor", (MFA_OFF,))
    return Seen(label, "not known whether a second factor is on", unknown=True)


def _aws(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    stretches = Stretches(window, AWS_LINE)
    grace = timedelta(days=window.programme.evidence_rules.mfa_grace_days)
    for observed_at, rows, digest in evidence.snapshots(SIGN_IN, window.scope_item_id, window.start, window.end):
        stretches.add(observed_at, digest, dict(_accounts(rows, observed_at, grace)))
    return _told(window, AWS_LINE, stretches)


def _accounts(rows: list[Row], observed_at: datetime, grace: timedelta) -> Iterator[tuple[str, Seen]]:
    for row in rows:
        if row["is_root"]:
            yield row["arn"], _root(row)
        elif row["password_enabled"] is not False:
            created_at = row["user_created_at"]
            in_grace = created_at is not None and observed_at < created_at + grace
            yield row["arn"], _user(row, in_grace)


def _root(row: Row) -> Seen:
    label = f"Root user of {row['account_id']}"
    if row["mfa_active"]:
        return Seen(label, "second factor on")
    if row["root_credentials_present"] is False:
        return Seen(label, "has no credentials")
    if row["root_credentials_present"] is None:
        return Seen(label, "no second factor, and not known whether it has credentials", unknown=True)
    return Seen(label, "has credentials and no second factor", (ROOT_NO_MFA,))


def _user(row: Row, in_grace: bool) -> Seen:
    label = f"IAM user {row['user_name']}"
    if row["mfa_active"]:
        return Seen(label, "second factor on")
    if row["password_enabled"] is None:
        return Seen(label, "no second factor, and not known whether it has a password", unknown=True)
    if in_grace:
        return Seen(label, "new, still within the days to enrol a second factor")
    return Seen(label, "has a password and no second factor", (MFA_OFF,))


def _google(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    stretches = Stretches(window, GOOGLE_LINE)
    grace = timedelta(days=window.programme.evidence_rules.mfa_grace_days)
    for observed_at, rows, digest in evidence.snapshots(USERS, window.scope_item_id, window.start, window.end):
        seen = {
            f"google:user:{row['user_id']}": _google_user(row, observed_at, grace)
            for row in rows
            if not row["suspended"] and not row["archived"]
        }
        stretches.add(observed_at, digest, seen)
    return [*_told(window, GOOGLE_LINE, stretches), *removals(window, evidence, GOOGLE_LINE)]


def _google_user(row: Row, observed_at: datetime, grace: timedelta) -> Seen:
    label = f"Google user {row['primary_email']}"
    enforced, enrolled = row["enforced_2sv"], row["enrolled_2sv"]
    if enforced and enrolled:
        return Seen(label, "2-step verification demanded and on")
    if row["created_at"] is not None and observed_at < row["created_at"] + grace:
        return Seen(label, "new, still within the days to enrol a second factor")
    unit = f" (unit {row['org_unit_path']})" if row["org_unit_path"] else ""
    codes = (() if enforced else (MFA_NOT_ENFORCED,)) + (() if enrolled else (MFA_OFF,))
    words = "2-step verification is " + ("demanded" if enforced else "not demanded")
    return Seen(label, f"{words} and {'on' if enrolled else 'off'}{unit}", codes)


def _told(window: TestWindow, line: str, stretches: Stretches) -> list[Outcome]:
    if not stretches.snapshots and has_closed(window):
        return [window_unknown(window, line, "no snapshot of sign-in settings is held.")]
    return list(stretches.outcomes())
