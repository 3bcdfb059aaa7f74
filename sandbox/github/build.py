"""Adding things that happen to a repository, in the way GitHub records them.

Each method leaves everything behind that the same act leaves at GitHub: a merge moves the base branch, writes the
activity row, closes the pull request, adds its timeline entries and deletes the head branch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from sandbox.github.model import (
    NO_COMMIT,
    Account,
    App,
    Branch,
    CheckRun,
    CheckSuite,
    Commit,
    Deployment,
    DeploymentStatus,
    Issue,
    Label,
    PullCommit,
    PullRequest,
    Repository,
    Review,
    Signature,
    StatusContext,
    TimelineEvent,
    Update,
)
from sandbox.github.times import Changing, Epoch
from sandbox.github.world import World

UpdateKind = Literal["push", "force_push", "branch_creation", "branch_deletion", "pr_merge", "merge_queue_merge"]


class RepositoryBuilder:
    """Writes the history of one repository; acts on one branch are added in the order of their time."""

    def __init__(self, world: World, repository: Repository) -> None:
        self.world = world
        self.repository = repository

    def _number(self, kind: str, key: str) -> int:
        return self.world.numbers.allot(kind, f"{self.repository.id}/{key}")

    def signature(self, account: Account, at: Epoch, offset: int = 0) -> Signature:
        """What git records for an account; `offset` in minutes east of UTC."""
        return Signature(account.name or account.login, account.email, at, offset, account)

    def web_flow(self, at: Epoch, offset: int = 0) -> Signature:
        """GitHub itself as committer, for commits made by its merge button."""
        account = self.world.account("web-flow", name="GitHub Web Flow", email="noreply@github.com")
        return Signature("GitHub", "noreply@github.com", at, offset, account)

    def commit(
        self,
        oid: str,
        parents: Sequence[str],
        message: str,
        author: Signature,
        committer: Signature,
        received_at: Epoch,
        *,
        co_authors: Iterable[Signature] = (),
        signed: bool = False,
    ) -> Commit:
        """A commit that the server has from `received_at` on. Co-authors become trailers of the message."""
        if oid in self.repository.commits:
            raise ValueError(f"{self.repository.slug}: commit {oid} is there already")
        others = tuple(co_authors)
        if others:
            trailers = "\n".join(f"Co-authored-by: {other.name} <{other.email}>" for other in others)
            message = f"{message}\n\n{trailers}"
        made = Commit(
            self.repository,
            oid,
            tuple(parents),
            message,
            author,
            committer,
            received_at,
            others,
            signed,
            web=committer.email == "noreply@github.com",
        )
        self.repository.commits[oid] = made
        return made

    def branch(self, name: str) -> Branch:
        """The branch of a name, made on first mention."""
        found = self.repository.branches.get(name)
        if found is None:
            found = self.repository.branches[name] = Branch(self.repository, name)
        return found

    def move(
        self,
        branch: str,
        kind: UpdateKind,
        after: str,
        at: Epoch,
        actor: Account | None,
        *,
        pull: PullRequest | None = None,
    ) -> Update:
        """Move a branch and write the row of the activity ledger."""
        target = self.branch(branch)
        before = target.updates[-1].after if target.updates else NO_COMMIT
        number = self._number("activity", f"{branch}/{len(target.updates)}")
        update = Update(number, self.repository, branch, at, kind, before, after, actor, pull)
        target.record(update)
        self.repository.updates.append(update)
        return update

    def tip(self, branch: str) -> str:
        """Where a branch stands after everything added so far."""
        return self.branch(branch).updates[-1].after

    def open_pull(
        self,
        number: int,
        title: str,
        author: Account,
        at: Epoch,
        commits: Sequence[Commit],
        *,
        head_ref: str,
        base: str = "main",
        body: str = "",
        draft: bool = False,
    ) -> PullRequest:
        """A pull request whose head branch the author has just pushed."""
        if number in self.repository.pull_by_number:
            raise ValueError(f"{self.repository.slug}: pull request {number} is there already")
        pull = PullRequest(
            self._number("pull", str(number)),
            self.repository,
            number,
            title,
            body,
            author,
            at,
            Changing(base),
            head_ref,
            Changing(draft),
        )
        self.repository.pulls.append(pull)
        self.repository.pull_by_number[number] = pull
        self.move(head_ref, "branch_creation", commits[-1].oid, at, author)
        self._attach(pull, commits, at)
        return pull

    def _attach(self, pull: PullRequest, commits: Sequence[Commit], at: Epoch) -> None:
        for commit in commits:
            pull.commits.append(PullCommit(pull, commit, at))
            commit.proposed_in.append(pull)

    def push_to_pull(self, pull: PullRequest, commits: Sequence[Commit], at: Epoch, actor: Account) -> None:
        """More commits on the head branch."""
        self.move(pull.head_ref, "push", commits[-1].oid, at, actor)
        self._attach(pull, commits, at)

    def force_push_pull(self, pull: PullRequest, commits: Sequence[Commit], at: Epoch, actor: Account) -> None:
        """Other commits instead of the present ones on the head branch."""
        before = pull.head(at)
        for part in pull.commits:
            if part.exists(at):
                part.until = at
        self.move(pull.head_ref, "force_push", commits[-1].oid, at, actor)
        self._attach(pull, commits, at)
        self.event(pull, "HeadRefForcePushedEvent", at, actor, before=before, after=commits[-1])

    def event(
        self, pull: PullRequest, typename: str, at: Epoch, actor: Account | None, **details: Any
    ) -> TimelineEvent:
        """One entry of the pull request's timeline."""
        number = self._number("event", f"{pull.number}/{typename}/{len(pull.events)}")
        made = TimelineEvent(typename, number, pull, at, actor, details)
        pull.events.append(made)
        return made

    def review(
        self,
        pull: PullRequest,
        author: Account,
        verdict: Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED"],
        at: Epoch,
        *,
        commit: Commit | None = None,
        body: str = "",
    ) -> Review:
        """A submitted review, by default of the head commit at that moment."""
        number = self._number("review", f"{pull.number}/{len(pull.reviews)}")
        made = Review(number, pull, author, verdict, at, commit or pull.head(at), body)
        pull.reviews.append(made)
        return made

    def dismiss(self, review: Review, at: Epoch, by: Account, message: str) -> None:
        """Take a review back."""
        review.dismissed_at, review.dismissed_by, review.dismissal = at, by, message
        self.event(review.pull, "ReviewDismissedEvent", at, by, review=review, message=message)

    def merge(
        self,
        pull: PullRequest,
        at: Epoch,
        by: Account,
        commits: Sequence[Commit],
        *,
        method: Literal["MERGE", "SQUASH", "REBASE"] = "SQUASH",
        kind: UpdateKind = "pr_merge",
    ) -> Update:
        """Merge: `commits` are the new first-parent commits of the base branch, oldest first."""
        base = pull.base.at(at)
        pull.merged_at, pull.merged_by, pull.merge_method = at, by, method
        pull.merge_commit = commits[-1]
        for commit in commits:
            commit.introduced_by = pull
        update = self.move(base, kind, commits[-1].oid, at, by, pull=pull)
        self.event(pull, "MergedEvent", at, by, commit=commits[-1], ref=base)
        self.event(pull, "ClosedEvent", at, by)
        self.event(pull, "HeadRefDeletedEvent", at, by)
        self.move(pull.head_ref, "branch_deletion", NO_COMMIT, at, by)
        return update

    def close(self, pull: PullRequest, at: Epoch, by: Account) -> None:
        """Close without a merge."""
        pull.open_state.change(at, False)
        self.event(pull, "ClosedEvent", at, by)

    def reopen(self, pull: PullRequest, at: Epoch, by: Account) -> None:
        """Open a closed pull request again."""
        pull.open_state.change(at, True)
        self.event(pull, "ReopenedEvent", at, by)

    def label(self, name: str, at: Epoch, *, color: str = "ededed", description: str = "") -> Label:
        """The label of a name, made on first mention."""
        found = self.repository.labels.get(name)
        if found is None:
            found = Label(self._number("label", name), self.repository, name, color, description, at)
            self.repository.labels[name] = found
        return found

    def add_label(self, pull: PullRequest, name: str, at: Epoch, by: Account) -> None:
        """Put a label on a pull request."""
        label = self.label(name, at)
        pull.labels.append((at, label))
        self.event(pull, "LabeledEvent", at, by, label=label)

    def issue(self, number: int, title: str, author: Account, at: Epoch, *, body: str = "") -> Issue:
        """A new issue."""
        made = Issue(self._number("issue", str(number)), self.repository, number, title, body, author, at)
        self.repository.issues[number] = made
        return made

    def checks(
        self,
        commit: Commit,
        app: App,
        branch: str | None,
        at: Epoch,
        runs: Sequence[tuple[str, Epoch, Epoch | None, str | None]],
    ) -> CheckSuite:
        """A check suite with its runs: (name, started, completed or None, conclusion or None)."""
        key = f"{commit.oid}/{app.slug}/{len(commit.suites)}"
        suite = CheckSuite(self._number("suite", key), commit, app, branch, at)
        for name, started, completed, conclusion in runs:
            number = self._number("run", f"{key}/{name}/{len(suite.runs)}")
            suite.runs.append(CheckRun(number, suite, name, started, completed, conclusion))
        commit.suites.append(suite)
        return suite

    def status(self, commit: Commit, context: str, state: str, at: Epoch, creator: Account) -> StatusContext:
        """A commit status, the older form of a check."""
        number = self._number("status", f"{commit.oid}/{context}/{len(commit.statuses)}")
        made = StatusContext(number, commit, context, state, at, creator)
        commit.statuses.append(made)
        return made

    def deploy(
        self,
        oid: str,
        environment: str,
        at: Epoch,
        creator: Account,
        states: Sequence[tuple[Epoch, str]],
        *,
        key: str,
        ref: str = "main",
        description: str = "",
    ) -> Deployment:
        """A deployment and its statuses: (instant, state). The commit need not be one the repository has."""
        number = self._number("deployment", key)
        made = Deployment(number, self.repository, oid, ref, environment, creator, at, description)
        for when, state in states:
            self.deployment_status(made, state, when, creator)
        self.repository.deployments.append(made)
        commit = self.repository.commits.get(oid)
        if commit is not None:
            commit.deployments.append(made)
        return made

    def deployment_status(self, deployment: Deployment, state: str, at: Epoch, creator: Account) -> DeploymentStatus:
        """A further status of a deployment."""
        number = self._number("deployment_status", f"{deployment.id}/{len(deployment.statuses)}")
        made = DeploymentStatus(number, deployment, state, at, creator)
        deployment.statuses.append(made)
        return made
