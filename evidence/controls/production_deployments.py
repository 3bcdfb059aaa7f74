"""CC8-CHG-04: what runs in production came from the approved path.

The population are the production deployments of a repository that went live (`github.deployments`). Deployments that
failed without ever having succeeded brought nothing into production and are left out.

- UNKNOWN_SHA     the deployed commit was not on a production branch when it was deployed, or its change did not pass
                  CC8-CHG-01 (it is judged by that very test)
- NOT_VERIFIED    the deployment never reported success, or the check that the programme names for after a deployment
                  did not run green on the deployed commit
- DEPLOY_BY_HAND  deployed by somebody who is neither the pipeline nor on the list of people who may

Decisions where the rule leaves room:

- A commit older than the evidence (a tip or a parent that stored changes build on) was on the branch, but whether its
  change was reviewed is `unknown`. So is a commit that is not found while not all changes since the start of the
  period are held.
- Where the programme names no pipeline identities, every machine counts as the pipeline.
- A deployment has a day to report how it ended and to be checked: `pending` until then, `unknown` if it was not looked
  at again after that. Of several stored versions the latest counts, since states are only ever added.
- The check counts when it ran on the deployed commit, also where an earlier deployment of that commit had it run.
- A check that ran red does not verify, whatever was done about it afterwards: GitHub shows a deployment that was
  rolled back and one that the next simply replaced alike. A person who knows of the rollback disposes of the exception.

Accounts of AWS and projects of Google Cloud are judged by what people wrote there by hand (`manual_writes`):

- MANUAL_WRITE_UNEXPLAINED  no ticket of a change and no incident joins to the session in which a person wrote
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from evidence.controls.approval import is_machine, who
from evidence.controls.change_review import changes_judged
from evidence.controls.held import BEGINNING, Held, has_closed, window_unknown
from evidence.controls.identity import IdentityMap, Who
from evidence.controls.manual_writes import MANUAL_WRITE_UNEXPLAINED, explained_by_hand
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.validity import start_of
from evidence.controls.verdict import Verdict
from schemas.github import BRANCH_TIPS, COMMITS, DEPLOYMENTS
from schemas.instants import format_instant
from schemas.outcome import Outcome

CONTROL_ID = "CC8-CHG-04"
LINE = "deployments"
UNKNOWN_SHA = "UNKNOWN_SHA"
NOT_VERIFIED = "NOT_VERIFIED"
DEPLOY_BY_HAND = "DEPLOY_BY_HAND"
CODES = (UNKNOWN_SHA, NOT_VERIFIED, DEPLOY_BY_HAND, MANUAL_WRITE_UNEXPLAINED)

SETTLES = timedelta(days=1)
"""Time a deployment has to report how it ended and to be checked."""
_FAILED = frozenset({"failure", "error"})
_LIVE = frozenset({"success", "active"})
"""States of a deployment that has gone live; `active` is how GitHub sums it up where no status is left."""
_GREEN = frozenset({"success", "neutral"})

Row = Mapping[str, Any]
Judged = Mapping[str, list[tuple[datetime, Outcome]]]


def deployed_from_approved_path(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """One row per production deployment that went live or may have, or per session in which a person wrote by hand."""
    if window.scope_item_id.partition(":")[0] in ("aws", "gcp"):
        return explained_by_hand(window, evidence)
    deployments = _Deployments(window, evidence)
    outcomes = deployments.outcomes()
    if has_closed(window) and not Held(window, evidence).whole(DEPLOYMENTS):
        outcomes.append(window_unknown(window, LINE, "not all deployments of the window are held."))
    return outcomes


class _Deployments:
    def __init__(self, window: TestWindow, evidence: StoredEvidence) -> None:
        self._window = window
        self._evidence = evidence
        rules = window.programme.evidence_rules
        self._rules = rules
        self._environments = frozenset(name.casefold() for name in rules.production_environments)
        self._machines = frozenset(login.casefold() for login in rules.machine_accounts)
        self._identities = IdentityMap.of(window.registers, window.programme.timezone)
        self._held = Held(window, evidence)

    def outcomes(self) -> list[Outcome]:
        latest: dict[str, tuple[Row, str, datetime]] = {}
        for row, digest, learnt in self._evidence.versions(
            DEPLOYMENTS, self._window.scope_item_id, self._window.start, self._window.end
        ):
            known = latest.get(row["deployment_id"])
            if self._in_production(row) and (known is None or known[2] <= learnt):
                latest[row["deployment_id"]] = (row, digest, learnt)
        live = [version for version in latest.values() if not _failed(version[0])]
        live.sort(key=lambda version: (version[0]["event_time"], version[0]["deployment_id"]))
        shas = frozenset(row["sha"] for row, _digest, _learnt in live)
        judged = changes_judged(self._change_window(), self._evidence, shas) if shas else {}
        older = self._older_than_evidence(shas - judged.keys())
        return [self._outcome(row, digest, learnt, judged, older) for row, digest, learnt in live]

    def _in_production(self, row: Row) -> bool:
        return row["production"] or row["environment"].casefold() in self._environments

    def _change_window(self) -> TestWindow:
        window = self._window
        return TestWindow(
            CONTROL_ID, window.window_id, window.start, window.end, window.scope_item_id, window.scope_item,
            window.as_of, window.programme, window.registers, window.holders,
        )  # fmt: skip

    def _older_than_evidence(self, shas: frozenset[str]) -> dict[str, datetime]:
        """Commits that a stored change builds on, or that a stored snapshot shows as a tip: when that was known."""
        if not shas:
            return {}
        known: dict[str, datetime] = {}

        def note(sha: str | None, at: datetime) -> None:
            if sha is not None and sha in shas:
                known[sha] = min(at, known.get(sha, at))

        scope, end = self._window.scope_item_id, self._window.end
        for row, _digest in self._evidence.rows(COMMITS, scope, BEGINNING, end):
            note(row["before_sha"], row["event_time"])
            for parent in (row["parents"] or ())[:1]:
                note(parent, row["event_time"])
        for observed_at, rows, _digest in self._evidence.snapshots(BRANCH_TIPS, scope, BEGINNING, end):
            for row in rows:
                note(row["tip_sha"], observed_at)
        return known

    def _outcome(
        self, row: Row, digest: str, learnt: datetime, judged: Judged, older: Mapping[str, datetime]
    ) -> Outcome:
        verdict = Verdict()
        verdict.used(digest)
        self._commit(row, judged, older, verdict)
        self._deployer(row, verdict)
        settled = row["event_time"] + SETTLES
        pending = self._verified(row, learnt, settled, verdict)
        window = self._window
        outcome = "pending" if pending and verdict.outcome == "pass" else verdict.outcome
        subject = f"Deployment of {row['sha'][:12]} to {row['environment']} at {format_instant(row['event_time'])}"
        explanation = verdict.explain(subject)
        if outcome == "pending":
            explanation = f"{subject}: {pending}."
        elif pending:
            explanation = f"{explanation} Still open: {pending}."
        return Outcome(
            control_id=CONTROL_ID,
            evidence_id=LINE,
            window_id=window.window_id,
            scope_item_id=window.scope_item_id,
            scope_item=window.scope_item,
            item_id=f"github:deployment:{row['deployment_id']}",
            event_time=row["event_time"],
            outcome=outcome,
            codes=tuple(code for code in CODES if code in verdict.codes),
            explanation=explanation,
            evidence=verdict.evidence,
            resolves_at=settled if outcome == "pending" else None,
        )

    def _commit(self, row: Row, judged: Judged, older: Mapping[str, datetime], verdict: Verdict) -> None:
        sha, at = row["sha"], row["event_time"]
        entries = judged.get(sha, [])
        entered = [outcome for when, outcome in entries if when <= at]
        if entered:
            self._change(entered[-1], verdict)
        elif entries:
            words = f"its commit entered a production branch only at {format_instant(entries[0][0])}"
            verdict.fails(UNKNOWN_SHA, words)
        elif sha in older:
            verdict.doubts("whether its change was reviewed: it was merged before the evidence begins")
        elif self._evidence.covered(COMMITS, self._window.scope_item_id, self._since(), at):
            verdict.fails(UNKNOWN_SHA, "its commit was not on a production branch")
        else:
            verdict.doubts("whether its commit was on a production branch: not all earlier changes are held")

    def _since(self) -> datetime:
        """Start of the observation period, or of the window where that lies before it."""
        start: date = self._window.programme.observation_period.start
        first = start_of(start, self._window.programme.timezone)
        return self._window.start if first is None else min(first, self._window.start)

    def _change(self, change: Outcome, verdict: Verdict) -> None:
        verdict.used(*change.evidence)
        if change.outcome == "pass":
            verdict.holds("its change was reviewed and checked before it was merged")
        elif change.outcome == "emergency":
            verdict.holds("its change was an emergency, recorded and reviewed")
        elif change.outcome == "exception":
            verdict.fails(UNKNOWN_SHA, f"its change did not pass CC8-CHG-01 ({', '.join(change.codes)})")
        else:
            verdict.doubts(f"whether its change was reviewed ({change.explanation})")

    def _deployer(self, row: Row, verdict: Verdict) -> None:
        creator = who(row["creator"])
        kind = (row["creator"] or {}).get("kind")
        if not creator.keys:
            verdict.doubts("who deployed it: the account is deleted or was not shown")
            return
        pipeline = self._rules.pipeline_identities
        if self._listed(creator, pipeline, row["event_time"]) or (
            not pipeline and is_machine(kind, creator, self._machines)
        ):
            verdict.holds(f"deployed by the pipeline ({creator.named})")
        elif self._listed(creator, self._rules.deployers, row["event_time"]):
            verdict.holds(f"deployed by {creator.named}, who may deploy")
        else:
            words = f"deployed by {creator.named}, who is neither the pipeline nor on the list of people who may deploy"
            verdict.fails(DEPLOY_BY_HAND, words)

    def _listed(self, somebody: Who, names: tuple[str, ...], at: datetime) -> bool:
        """Whether somebody is on a list of logins, app slugs, ids or addresses; bots with or without `[bot]`."""
        people = self._identities.at(at)
        person = people.person(somebody)
        login = (somebody.login or "").casefold().removesuffix("[bot]")
        for name in names:
            if login and name.casefold().removesuffix("[bot]") == login:
                return True
            named = people.person(Who("github", name, name, name if "@" in name else None))
            if not person.isdisjoint(named | people.of_key(f"person:{name}")):
                return True
        return False

    def _verified(self, row: Row, learnt: datetime, settled: datetime, verdict: Verdict) -> str | None:
        """Judge success and the check afterwards; returns what is still awaited, if anything is."""
        states = _states(row)
        if _LIVE.isdisjoint(states):
            return self._late(f"it has not reported success (latest state {_latest(row) or 'none'})",
                              learnt, settled, verdict)  # fmt: skip
        name = self._rules.post_deployment_check
        if name is None:
            verdict.holds("it reported success")
            return None
        runs = [check for check in row["checks"] or () if check["name"] == name]
        ended = [check for check in runs if check["completed_at"] is not None]
        if any((check["conclusion"] or "").casefold() in _GREEN for check in ended):
            verdict.holds(f"it reported success and {name} ran green on the commit")
        elif ended:
            conclusion = (ended[-1]["conclusion"] or "unknown").casefold()
            verdict.fails(NOT_VERIFIED, f"{name} did not run green on the commit ({conclusion})")
        else:
            return self._late(f"{name} has not run on the commit", learnt, settled, verdict)
        return None

    def _late(self, words: str, learnt: datetime, settled: datetime, verdict: Verdict) -> str | None:
        if self._window.as_of < settled:
            return words
        if learnt < settled:
            verdict.doubts(f"how it ended: when last looked at ({format_instant(learnt)}), {words}")
        else:
            verdict.fails(NOT_VERIFIED, words)
        return None


def _states(row: Row) -> list[str]:
    told = [(status["at"], (status["state"] or "").casefold()) for status in row["statuses"] or ()]
    states = [state for _at, state in sorted(told, key=lambda pair: (pair[0] is not None, pair[0] or BEGINNING))]
    latest = (row["latest_state"] or "").casefold()
    return states if not latest or (states and states[-1] == latest) else [*states, latest]


def _latest(row: Row) -> str | None:
    states = _states(row)
    return states[-1] if states else None


def _failed(row: Row) -> bool:
    states = _states(row)
    return bool(states) and states[-1] in _FAILED and _LIVE.isdisjoint(states)
