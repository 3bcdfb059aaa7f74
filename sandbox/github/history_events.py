"""Scripted events about what is merged, pushed and deployed, with what they leave out filled in as in the routine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.github import script_events as script
from sandbox.github.enact import PlannedPush, PlannedRelease
from sandbox.github.planned import (
    PlannedChange,
    PlannedCommit,
    PlannedDeployment,
    PlannedProposal,
    PlannedReview,
)
from sandbox.github.times import Epoch, epoch, iso

if TYPE_CHECKING:
    from sandbox.github.stage import Stage

DAY = 86_400
MINUTE = 60


class HistoryEvents:
    """Turns events into plans of the repositories they are about."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def apply(self, event: Any, key: str) -> None:
        """Plan one event; `key` names what it makes for ever."""
        enactment = self._stage.enactments[event.repository]
        at = epoch(event.at)
        if isinstance(event, script.Change):
            enactment.changes.append(self._scripted(event, key))
        elif isinstance(event, script.Proposal):
            enactment.proposals.append(
                PlannedProposal(
                    key,
                    event.repository,
                    event.author,
                    at,
                    event.title,
                    None if event.closed is None else epoch(event.closed),
                    None if event.reopened is None else epoch(event.reopened),
                )
            )
        elif isinstance(event, script.DirectPush):
            written = at - MINUTE - round(event.days_backdated * DAY)
            enactment.pushes.append(PlannedPush(key, at, event.by, event.message, 0, event.bypass, written))
        elif isinstance(event, script.ForcePush):
            enactment.pushes.append(PlannedPush(key, at, event.by, event.message, event.drop))
        elif isinstance(event, script.Deployment):
            planned = self._deployment(event.deploy, at)
            enactment.releases.append(PlannedRelease(f"release-{key}", event.commit, planned))

    def _deployment(self, deploy: script.Deploy, at: Epoch) -> PlannedDeployment:
        return PlannedDeployment(
            at,
            deploy.by,
            deploy.environment,
            tuple(state.upper() for state in deploy.states),
            None if deploy.post_check is None else deploy.post_check.upper(),
        )

    def _scripted(self, event: script.Change, key: str) -> PlannedChange:
        """A scripted change with what it leaves out filled in as in the routine."""
        at = epoch(event.at)
        of_repository = next(
            (one for one in (self._stage.script.routine.repositories if self._stage.script.routine else []) if
             one.repository == event.repository),
            None,
        )  # fmt: skip
        label = event.labels or ["enhancement"]
        ticket = (
            f"{of_repository.key if of_repository else 'OPS'}-{at // MINUTE % 9000 + 1000} " if event.ticket else ""
        )
        title = ticket + (event.title or "Adjust rounding of fees")
        commits = [
            PlannedCommit(
                at - one.minutes_before * MINUTE, one.by or event.author, one.message or title, tuple(one.co_authors)
            )
            for one in event.commits or [script.Commit(minutes_before=120)]
        ]
        if event.reviews is None:
            helpers = {login for commit in commits for login in (commit.by, *commit.co_authors)}
            team = of_repository.team if of_repository else list(self._stage.people)
            reviewer = next(
                (login for login in team if login not in helpers | {event.author} and self._stage.employed(login, at)),
                None,
            )
            if reviewer is None:
                raise ValueError(f"nobody is left to approve the change of {iso(at)}")
            reviews = [PlannedReview(at - 20 * MINUTE, reviewer)]
        else:
            reviews = [self._review(one, at) for one in event.reviews]
        return PlannedChange(
            key=key,
            repository=event.repository,
            author=event.author,
            opened=commits[0].at,
            merged_at=at,
            merged_by=event.merged_by or event.author,
            title=title,
            body="",
            method=event.method or (of_repository.method if of_repository else "squash"),
            commits=commits,
            reviews=reviews,
            checks=list(of_repository.checks) if of_repository else [],
            check_ends={name: None if end is None else end.upper() for name, end in event.checks.items()},
            labels=label,
            bypass=event.bypass,
            queued_at=None if event.queue_minutes is None else at - event.queue_minutes * MINUTE,
            first_base=event.first_base,
            retargeted_at=commits[0].at + MINUTE,
            deployments=[]
            if event.deploy is None
            else [self._deployment(event.deploy, at + event.deploy.minutes_after * MINUTE)],
        )

    def _review(self, one: script.Review, at: Epoch) -> PlannedReview:
        verdicts: dict[str, Any] = {
            "approved": "APPROVED",
            "changes_requested": "CHANGES_REQUESTED",
            "commented": "COMMENTED",
        }
        return PlannedReview(
            at - one.minutes_before * MINUTE,
            one.by,
            verdicts[one.verdict],
            one.of_commit,
            None if one.dismissed_minutes_before is None else at - one.dismissed_minutes_before * MINUTE,
            one.dismissed_by,
        )
