"""CC6-SEC-01: secrets stay out of repositories, and what got in was made worthless.

Each snapshot of a repository's settings is judged:

- SCAN_OFF            secret scanning, push protection or alerts of vulnerable and malicious dependencies are off

and each secret alert that was open at any instant of the window:

- SECRET_OPEN         not resolved within the policy's days (`secret_days`, 3), or closed in a way that leaves the
                      secret as it is (anything else than revoked, used in tests, false positive)
- ROTATION_UNPROVEN   closed as revoked, and nothing shows that the secret no longer works: GitHub's own check, or a
                      record `secret_rotation` from after the leak
- BYPASS_UNREVIEWED   somebody passed over push protection, and nobody else looked at it: no reviewer of the bypass, no
                      resolution of the alert by another person, no record `bypass_review`

Decisions where the rule leaves room:

- A feature that GitHub does not name is `unknown`, not off: it may not be licensed, or not shown to this principal.
- A feature that is off because it is not licensed is off; a person names the scanner that looks instead.
- Whether a secret still works is what the last stored version says (`inactive`). Where GitHub tells nothing at all that
  is `unknown`; where it says that it can't tell, or that the secret works, the rotation is unproven.
- A bypass may be looked at for as long as a secret may be open. When that was done is not told, so one that was looked
  at later counts.
- Whoever resolves an alert of somebody else's bypass has looked at it.
- Who somebody is comes from the registers: an account of the same person is no second pair of eyes. Somebody whom no
  register knows may be anybody, so whether they are somebody else is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from evidence.controls.approval import is_machine, who
from evidence.controls.findings import INSTANT, opening_held
from evidence.controls.held import has_closed, window_unknown
from evidence.controls.identity import IdentityMap, Who
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.stretches import Seen, Stretches
from evidence.controls.verdict import Verdict
from evidence.record import StoredRecord
from schemas.github_security import REPOSITORY_SECURITY, SECRET_ALERTS
from schemas.instants import format_instant
from schemas.outcome import Outcome

SETTINGS_LINE = "settings"
ALERTS_LINE = "alerts"
SCAN_OFF = "SCAN_OFF"
LEFT_OPEN = "SECRET_OPEN"
ROTATION_UNPROVEN = "ROTATION_UNPROVEN"
BYPASS_UNREVIEWED = "BYPASS_UNREVIEWED"
CODES = (SCAN_OFF, LEFT_OPEN, ROTATION_UNPROVEN, BYPASS_UNREVIEWED)

_FEATURES = {
    "secret_scanning": "secret scanning",
    "push_protection": "push protection",
    "vulnerability_alerts": "Dependabot alerts",
}
_SETTLED = ("revoked", "used_in_tests", "false_positive")
_OPEN_EVENTS = ("created", "carried_over")

Row = Mapping[str, Any]


def secrets_kept_out(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """Rows for the settings of a repository and for its secret alerts."""
    return [*_settings(window, evidence), *_Alerts(window, evidence).outcomes()]


def _settings(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    stretches = Stretches(window, SETTINGS_LINE)
    for observed_at, rows, digest in evidence.snapshots(
        REPOSITORY_SECURITY, window.scope_item_id, window.start, window.end
    ):
        seen = {f"github:scanning:{row['repo_id']}": scanning(row) for row in rows}
        stretches.add(observed_at, digest, seen or {f"github:scanning:{window.scope_item_id}": _nothing_told(window)})
    if not stretches.snapshots and has_closed(window):
        return [window_unknown(window, SETTINGS_LINE, "no snapshot of its security settings is held.")]
    return list(stretches.outcomes())


def _nothing_told(window: TestWindow) -> Seen:
    return Seen(f"Scanning of {window.scope_item}", "the snapshot does not show its settings", unknown=True)


def scanning(row: Row) -> Seen:
    """Whether a repository is scanned, by its settings."""
    label = f"Scanning of {row['repo_name']}"
    off = [words for name, words in _FEATURES.items() if row[name] == "disabled"]
    untold = [words for name, words in _FEATURES.items() if row[name] not in ("enabled", "disabled")]
    if off:
        return Seen(label, f"switched off: {', '.join(off)}", (SCAN_OFF,))
    if untold:
        return Seen(label, f"not told by GitHub: {', '.join(untold)}", unknown=True)
    return Seen(label, "secret scanning, push protection and Dependabot alerts are on")


@dataclass(slots=True)
class _Alert:
    row: Row
    """As last stored."""
    shown_open_at: datetime
    worthless: bool = False
    """Some version says that the secret no longer works."""
    bypassed_in_window: bool = False
    digests: dict[str, None] = field(default_factory=dict[str, None])


class _Alerts:
    def __init__(self, window: TestWindow, evidence: StoredEvidence) -> None:
        self._window, self._evidence = window, evidence
        rules = window.programme.evidence_rules
        self._limit = timedelta(days=rules.secret_days)
        self._machines = frozenset(login.casefold() for login in rules.machine_accounts)
        self._identities = IdentityMap.of(window.registers, window.programme.timezone)
        self._records: dict[tuple[str, str], list[StoredRecord]] = {}
        for record in evidence.records(window.control_id, ALERTS_LINE, window.scope_item_id):
            about = str(record.values.get("alert_id") or "").removeprefix("secret:")
            if record.signed_by:
                self._records.setdefault((record.record_type, about), []).append(record)

    def outcomes(self) -> Iterator[Outcome]:
        window = self._window
        for alert_id, alert in sorted(self._read().items()):
            closed_at = alert.row["closed_at"]
            in_window = alert.row["created_at"] < window.end and (closed_at is None or closed_at >= window.start)
            if in_window or alert.bypassed_in_window:
                yield self._outcome(alert_id, alert)
        if not has_closed(window):
            return
        if not self._evidence.covered(SECRET_ALERTS, window.scope_item_id, window.start, window.end):
            yield window_unknown(window, ALERTS_LINE, "not all secret alerts of the window are held.")
        elif not opening_held(window, self._evidence, SECRET_ALERTS):
            why = "which alerts were open when it began is not known until the first of the next month is held."
            yield window_unknown(window, ALERTS_LINE, why)

    def _read(self) -> dict[str, _Alert]:
        window = self._window
        held: dict[str, _Alert] = {}
        until = window.as_of + INSTANT
        for row, digest, _learnt in self._evidence.versions(SECRET_ALERTS, window.scope_item_id, window.start, until):
            alert = held.setdefault(str(row["alert_id"]), _Alert(row, row["created_at"]))
            alert.row = row
            alert.digests[digest] = None
            alert.worthless |= row["validity"] == "inactive"
            if row["event"] in _OPEN_EVENTS:
                alert.shown_open_at = max(alert.shown_open_at, row["event_time"])
            elif row["event"] == "push_protection_bypassed":
                alert.bypassed_in_window |= row["event_time"] < window.end
        return held

    def _outcome(self, alert_id: str, alert: _Alert) -> Outcome:
        row, verdict = alert.row, Verdict()
        verdict.used(*alert.digests)
        waits = [until for until in (self._resolved(alert, verdict), self._reviewed(alert_id, alert, verdict)) if until]
        if row["state"] != "open" and row["resolution"] == "revoked":
            self._rotated(alert_id, alert, verdict)
        pending = bool(waits) and not verdict.codes and not verdict.unsure
        subject = f"Secret alert {row['number']} of {row['repo_name']} ({row['secret_type']})"
        if pending:
            subject = f"{subject}, not settled yet"
        return self._window.outcome(
            evidence_id=ALERTS_LINE,
            item_id=f"secret:{alert_id}",
            event_time=row["created_at"],
            outcome="pending" if pending else verdict.outcome,
            codes=tuple(code for code in CODES if code in verdict.codes),
            explanation=verdict.explain(subject),
            evidence=verdict.evidence,
            resolves_at=max(waits) if pending else None,
        )

    def _resolved(self, alert: _Alert, verdict: Verdict) -> datetime | None:
        """Judge when and how it was resolved; until when that may still come."""
        row, window = alert.row, self._window
        created_at, closed_at = row["created_at"], row["closed_at"]
        deadline = created_at + self._limit
        within = f"within {self._limit.days} days of {format_instant(created_at)}"
        if row["state"] == "open":
            if window.as_of <= deadline:
                verdict.holds(f"to be resolved {within}")
                return deadline
            start = min(max(alert.shown_open_at, window.start), deadline)
            known = alert.shown_open_at > deadline or self._evidence.covered(
                SECRET_ALERTS, window.scope_item_id, start, deadline + INSTANT
            )
            if known:
                verdict.fails(LEFT_OPEN, f"not resolved {within}")
            else:
                verdict.doubts(f"whether it was resolved {within}")
            return None
        if row["resolution"] not in _SETTLED:
            how = str(row["resolution"] or "nobody says what").replace("_", " ")
            verdict.fails(LEFT_OPEN, f"closed as {how}, which leaves the secret as it is")
        elif closed_at is None:
            verdict.doubts("when it was resolved")
        elif closed_at > deadline:
            verdict.fails(LEFT_OPEN, f"resolved at {format_instant(closed_at)}, not {within}")
        else:
            verdict.holds(f"closed as {row['resolution'].replace('_', ' ')} at {format_instant(closed_at)}")
        return None

    def _rotated(self, alert_id: str, alert: _Alert, verdict: Verdict) -> None:
        leaked_at = alert.row["created_at"]
        record = next((one for one in self._recorded("secret_rotation", alert_id) if one.claimed_at >= leaked_at), None)
        validity = alert.row["validity"]
        if record is not None:
            verdict.used(record.digest)
            verdict.holds(f"{record.signed_by} recorded that it was rotated")
        elif alert.worthless and validity != "active":
            verdict.holds("GitHub found that it no longer works")
        elif validity is None:
            verdict.doubts("whether it still works, which GitHub does not tell")
        else:
            found = "it still works" if validity == "active" else "GitHub can't tell whether it still works"
            verdict.fails(ROTATION_UNPROVEN, f"closed as revoked, and {found}")

    def _reviewed(self, alert_id: str, alert: _Alert, verdict: Verdict) -> datetime | None:
        """Judge whether a bypass of push protection was looked at; until when that may still come."""
        row = alert.row
        if row["push_protection_bypassed"] is None:
            verdict.doubts("whether push protection was passed over")
        if not row["push_protection_bypassed"]:
            return None
        at, by = row["push_protection_bypassed_at"] or row["created_at"], who(row["push_protection_bypassed_by"])
        named = f"{by.named} passed over push protection at {format_instant(at)}"
        if not by.keys:
            verdict.doubts(
                f"who passed over push protection at {format_instant(at)}, so not whether somebody else looked"
            )
            return None
        doubtful: list[str] = []
        for column, words in (("bypass_reviewer", "reviewed that"), ("resolved_by", "resolved the alert")):
            other = who(row[column])
            machine = is_machine((row[column] or {}).get("kind"), other, self._machines)
            if not other.keys or machine or (different := self._somebody_else(other, by, at)) is False:
                continue
            if different:
                verdict.holds(f"{named} and {other.named} {words}")
                return None
            doubtful.append(f"whether {other.named}, who {words}, is somebody else than {by.named}")
        for record in self._recorded("bypass_review", alert_id):
            different = self._somebody_else(Who("github", email=record.signed_by), by, at)
            if different is not False:
                verdict.used(record.digest)
            if different:
                verdict.holds(f"{named} and {record.signed_by} looked at it")
                return None
            if different is None:
                doubtful.append(f"whether {record.signed_by}, who looked at it, is somebody else than {by.named}")
        if self._window.as_of <= at + self._limit:
            verdict.holds(f"{named}, to be looked at by somebody else")
            return at + self._limit
        if doubtful:
            verdict.doubts(doubtful[0])
        else:
            verdict.fails(BYPASS_UNREVIEWED, f"{named} and nobody else looked at it")
        return None

    def _somebody_else(self, one: Who, other: Who, at: datetime) -> bool | None:
        """Whether two are different people; None where no register says who one of them is."""
        people = self._identities.at(at)
        if not people.person(one).isdisjoint(people.person(other)):
            return False
        return True if people.registered(one) and people.registered(other) else None

    def _recorded(self, record_type: str, alert_id: str) -> Sequence[StoredRecord]:
        return self._records.get((record_type, alert_id), ())
