"""Google's own record of second factors taken away, for what happens between two snapshots of CC6-MFA-01.

- MFA_OFF           a person switched 2-step verification off, or an administrator did so for somebody
- MFA_NOT_ENFORCED  an administrator ended the demand for it, or the leave to use it, for a unit or for all

A switch that was set from off to off, or to on, takes nothing away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from evidence.controls.model import StoredEvidence, TestWindow
from schemas.google import ADMIN_ACTIVITIES
from schemas.instants import format_instant
from schemas.outcome import Outcome

OFF = "MFA_OFF"
NOT_ENFORCED = "MFA_NOT_ENFORCED"

_BY_PERSON = frozenset({"2sv_disable"})
_FOR_SOMEBODY = frozenset({"UNENROLL_USER_FROM_STRONG_AUTH", "TURN_OFF_2_STEP_VERIFICATION"})
_DEMAND = frozenset({"ENFORCE_STRONG_AUTHENTICATION", "ALLOW_STRONG_AUTHENTICATION"})
_ENDED = frozenset({"false", "off", "disabled", "0"})

Row = Mapping[str, Any]


def taken_away(row: Row) -> tuple[str, str] | None:
    """Code and words for an activity that takes a second factor away, None for any other."""
    name = row["event_name"]
    actor = (row["actor"] or {}).get("email") or "somebody whom Google does not name"
    if row["application"] == "user_accounts" and name in _BY_PERSON:
        return OFF, f"{actor} switched 2-step verification off"
    if row["application"] != "admin":
        return None
    if name in _FOR_SOMEBODY:
        return OFF, f"{actor} switched 2-step verification off for {row['subject'] or 'somebody'}"
    if name in _DEMAND:
        parameters = orjson.loads(row["parameters"])
        if str(parameters.get("NEW_VALUE", "")).casefold() in _ENDED:
            where = parameters.get("ORG_UNIT_NAME") or parameters.get("DOMAIN_NAME") or "the customer"
            what = "demanded" if name.startswith("ENFORCE") else "allowed"
            return NOT_ENFORCED, f"{actor} ended that 2-step verification is {what} for {where}"
    return None


def removals(window: TestWindow, evidence: StoredEvidence, line: str) -> Iterator[Outcome]:
    """A row for each such activity of the window."""
    for row, digest in evidence.rows(ADMIN_ACTIVITIES, window.scope_item_id, window.start, window.end):
        found = taken_away(row)
        if found is None:
            continue
        code, words = found
        yield window.outcome(
            evidence_id=line,
            item_id=f"google:activity:{row['event_id']}",
            event_time=row["event_time"],
            outcome="exception",
            codes=(code,),
            explanation=f"{words} at {format_instant(row['event_time'])}.",
            evidence=(digest,),
        )
