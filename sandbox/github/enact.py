"""Makes planned changes and pushes of one repository happen, in the order in which they enter its default branch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.github.build import RepositoryBuilder
from sandbox.github.model import Account, AuditEntry, Commit, PullRequest, Repository, RuleSuite, Update
from sandbox.github.nodeids import object_id
from sandbox.github.planned import PlannedChange, PlannedCommit, PlannedProposal
from sandbox.github.releases import Cast, PlannedRelease, Releases
from sandbox.github.rules import effective_rules
from sandbox.github.times import Epoch
from sandbox.github.world import World

MINUTE = 60
CHECK_DELAY = 20


@dataclass(slots=True)
class PlannedPush:
    """A push straight to the default branch; with `drop` it replaces that many of the newest commits."""

    key: str
    at: Epoch
    by: str
    message: str
    drop: int = 0
    bypass: bool = False
    committed_at: Epoch | None = None


@dataclass(slots=True)
class Enactment:
    """Everything that happens in one repository. Fill `changes`, `pushes` and `releases`, then `run` once."""

    world: World
    repository: Repository
    cast: Cast
    changes: list[PlannedChange] = field(default_factory=list[PlannedChange])
    pushes: list[PlannedPush] = field(default_factory=list[PlannedPush])
    releases: list[PlannedRelease] = field(default_factory=list[PlannedRelease])
    proposals: list[PlannedProposal] = field(default_factory=list[PlannedProposal])
    pull_of: dict[str, PullRequest] = field(default_factory=dict[str, PullRequest])
    commit_of: dict[str, Commit] = field(default_factory=dict[str, Commit])
    _builder: RepositoryBuilder | None = None
    _releases: Releases | None = None

    @property
    def builder(self) -> RepositoryBuilder:
        if self._builder is None:
            self._builder = RepositoryBuilder(self.world, self.repository)
        return self._builder

    @property
    def releasing(self) -> Releases:
        if self._releases is None:
            self._releases = Releases(self.builder, self.cast, self.branch)
        return self._releases

    @property
    def branch(self) -> str:
        return self.repository.default_branch.at(self.repository.created_at)

    def run(self, founder: Account) -> None:
        """Create the repository with its first commit, then let everything happen."""
        born = self.repository.created_at
        root = self._oid("root")
        signature = self.builder.signature(founder, born)
        self.commit_of["root"] = self.builder.commit(root, (), "Initial commit", signature, signature, born)
        self.builder.move(self.branch, "branch_creation", root, born, founder)
        numbers = self._numbers()
        entries: list[tuple[Epoch, str, Any]] = [(change.merged_at, change.key, change) for change in self.changes]
        entries.extend((push.at, push.key, push) for push in self.pushes)
        entries.sort(key=lambda entry: entry[:2])
        for _, _, entry in entries:
            if isinstance(entry, PlannedChange):
                self._change(entry, numbers)
            else:
                self._push(entry)
        for proposal in self.proposals:
            self._propose(proposal, numbers[proposal.key])
        for release in self.releases:
            self.releasing.add(release)
        self.releasing.run()

    def _oid(self, *parts: str) -> str:
        return object_id(self.repository.slug, *parts)

    def _numbers(self) -> dict[str, int]:
        """Issues and pull requests share one sequence of numbers, in the order in which they are opened."""
        opened: list[tuple[Epoch, str]] = [(change.opened, change.key) for change in self.changes]
        opened.extend((proposal.opened, proposal.key) for proposal in self.proposals)
        opened.extend(
            (change.issue_opened, f"issue-{change.key}") for change in self.changes if change.issue_opened is not None
        )
        return {key: index + 1 for index, (_, key) in enumerate(sorted(opened))}

    def _account(self, change: PlannedChange, login: str) -> Account:
        if change.author_is_app and login == change.author:
            bot = self.world.app(login).bot
            if bot is not None:
                return bot
        return self.cast.person(login)

    def _change(self, change: PlannedChange, numbers: dict[str, int]) -> None:
        builder = self.builder
        number = numbers[change.key]
        author = self._account(change, change.author)
        first, *later = change.commits
        commit = self._head_commit(change, 0, first, self.branch_tip(change.opened))
        pull = builder.open_pull(
            number,
            change.title,
            author,
            change.opened,
            [commit],
            head_ref=self._head_ref(change),
            base=change.first_base or self.branch,
            body=change.body,
            draft=change.draft_until is not None,
        )
        self.pull_of[change.key] = pull
        if change.first_base is not None:
            pull.base.change(change.retargeted_at, self.branch)
            builder.event(
                pull,
                "BaseRefChangedEvent",
                change.retargeted_at,
                author,
                current=self.branch,
                previous=change.first_base,
            )
        made = [commit]
        for index, planned in enumerate(later, 1):
            parent = self.branch_tip(planned.at) if planned.replaces else made[-1].oid
            commit = self._head_commit(change, index, planned, parent)
            pusher = self._account(change, planned.by)
            if planned.replaces:
                builder.force_push_pull(pull, [commit], planned.at, pusher)
            else:
                builder.push_to_pull(pull, [commit], planned.at, pusher)
            made.append(commit)
        for one in made:
            self._check(change, one, final=one is made[-1])
        if change.draft_until is not None:
            pull.draft.change(change.draft_until, False)
            builder.event(pull, "ReadyForReviewEvent", change.draft_until, author)
        for label in change.labels:
            builder.add_label(pull, label, change.opened, author)
        self._reviews(change, pull, made)
        merger = self.cast.person(change.merged_by)
        if change.auto_merge_from is not None:
            pull.auto_merge.append(((change.auto_merge_from, change.merged_at), merger))
            builder.event(pull, "AutoMergeEnabledEvent", change.auto_merge_from, merger)
        if change.issue_opened is not None:
            opener = self.cast.person(change.reviews[-1].by if change.reviews else change.merged_by)
            issue = builder.issue(numbers[f"issue-{change.key}"], change.title, opener, change.issue_opened)
            issue.closed_at = change.merged_at
            pull.closing_issues.append(issue)
        self._merge(change, pull, merger)

    def _propose(self, proposal: PlannedProposal, number: int) -> None:
        builder = self.builder
        author = self.cast.person(proposal.author)
        signature = builder.signature(author, proposal.opened)
        oid = self._oid("head", proposal.key)
        parent = self.branch_tip(proposal.opened)
        commit = builder.commit(oid, (parent,), proposal.title, signature, signature, proposal.opened)
        pull = builder.open_pull(
            number, proposal.title, author, proposal.opened, [commit], head_ref=f"{proposal.author}/{proposal.key}"
        )
        if proposal.closed_at is not None:
            builder.close(pull, proposal.closed_at, author)
        if proposal.reopened_at is not None:
            builder.reopen(pull, proposal.reopened_at, author)

    def branch_tip(self, at: Epoch) -> str:
        """Where the default branch stood at an instant that has been enacted already."""
        tip = self.builder.branch(self.branch).tip(at)
        if tip is None:
            raise LookupError(f"{self.repository.slug}: the default branch does not exist at {at}")
        return tip

    def _head_ref(self, change: PlannedChange) -> str:
        words = "".join(c if c.isalnum() else "-" for c in change.title.lower()).strip("-")
        return f"{change.author}/{words[:40].strip('-')}-{change.key.rpartition('-')[2]}"

    def _head_commit(self, change: PlannedChange, index: int, planned: PlannedCommit, parent: str) -> Commit:
        builder = self.builder
        signature = builder.signature(self._account(change, planned.by), planned.at)
        others = [builder.signature(self.cast.person(login), planned.at) for login in planned.co_authors]
        return builder.commit(
            self._oid("head", change.key, str(index)),
            (parent,),
            planned.message,
            signature,
            signature,
            planned.at,
            co_authors=others,
        )

    def _check(self, change: PlannedChange, commit: Commit, *, final: bool) -> None:
        """Checks of a pushed commit; the scripted conclusions and the flaky run are those of the last one."""
        at = commit.received_at + CHECK_DELAY
        runs: list[tuple[str, Epoch, Epoch | None, str | None]] = []
        for index, name in enumerate(change.checks):
            end = change.check_ends.get(name, "SUCCESS") if final else "SUCCESS"
            if end is not None:
                runs.append((name, at + 5, at + (2 + index) * MINUTE, end))
        if final and change.flaky and runs:
            name, started, completed, _ = runs[-1]
            self.builder.checks(
                commit, self.cast.checks_app, self._head_ref(change), at, [(name, started, completed, "FAILURE")]
            )
            runs[-1] = (name, (completed or started) + MINUTE, (completed or started) + 3 * MINUTE, "SUCCESS")
        if runs:
            self.builder.checks(commit, self.cast.checks_app, self._head_ref(change), at, runs)

    def _reviews(self, change: PlannedChange, pull: PullRequest, made: list[Commit]) -> None:
        for planned in change.reviews:
            commit = None if planned.of is None else made[planned.of]
            review = self.builder.review(pull, self.cast.person(planned.by), planned.verdict, planned.at, commit=commit)
            if planned.dismissed_at is not None:
                by = self._account(change, planned.dismissed_by or planned.by)
                self.builder.dismiss(review, planned.dismissed_at, by, "")

    def _merge(self, change: PlannedChange, pull: PullRequest, merger: Account) -> None:
        builder, at = self.builder, change.merged_at
        tip = builder.tip(self.branch)
        head = pull.commits_at(at)
        committer = builder.web_flow(at)
        title = f"{change.title} (#{pull.number})"
        commits: list[Commit] = []
        if change.method == "rebase":
            for index, part in enumerate(head):
                parent = commits[-1].oid if commits else tip
                oid = self._oid("rebased", change.key, str(index))
                source = part.commit
                commits.append(
                    builder.commit(
                        oid, (parent,), source.headline, source.author, committer, at, co_authors=source.co_authors
                    )
                )
        elif change.method == "merge":
            signature = builder.signature(merger, at)
            message = f"Merge pull request #{pull.number} from {pull.head_ref}\n\n{change.title}"
            parents = (tip, head[-1].commit.oid)
            oid = self._oid("merged", change.key)
            commits.append(builder.commit(oid, parents, message, signature, committer, at, signed=True))
        else:
            author = builder.signature(pull.author, at)
            others = {
                signature.email: builder.signature(signature.account, at)
                for part in head
                for signature in (part.commit.author, *part.commit.co_authors)
                if signature.account is not None and signature.account is not pull.author
            }
            oid = self._oid("squashed", change.key)
            commits.append(
                builder.commit(oid, (tip,), title, author, committer, at, co_authors=others.values(), signed=True)
            )
        methods: dict[str, Any] = {"squash": "SQUASH", "rebase": "REBASE", "merge": "MERGE"}
        kind, by = "pr_merge", merger
        if change.queued_at is not None:
            kind, by = "merge_queue_merge", self._queue(change, pull, merger, commits)
        update = builder.merge(pull, at, by, commits, method=methods[change.method], kind=kind)
        self.commit_of[change.key] = commits[-1]
        self._suite(update, bypass=change.bypass)
        if change.queued_at is None:
            self._after(commits[-1], at, change.checks)
        for planned in change.deployments:
            self.releasing.follow(planned, commits[-1].oid, change.key)

    def _queue(self, change: PlannedChange, pull: PullRequest, merger: Account, commits: list[Commit]) -> Account:
        """The merge queue makes the commit that will land, has it checked, and merges; returns who merges."""
        entered = change.queued_at or change.merged_at
        pull.queued.append(((entered, change.merged_at), merger))
        self.builder.event(pull, "AddedToMergeQueueEvent", entered, merger)
        for commit in commits:
            commit.received_at = entered
        self._after(commits[-1], entered, change.checks, branch=f"gh-readonly-queue/{self.branch}/pr-{pull.number}")
        queue = self.world.app("github-merge-queue", name="GitHub Merge Queue").bot
        return queue or merger

    def _after(self, commit: Commit, at: Epoch, checks: list[str], *, branch: str | None = None) -> None:
        """Checks run on the default branch, too, or before that in the merge queue."""
        start = at + CHECK_DELAY
        runs: list[tuple[str, Epoch, Epoch | None, str | None]] = [
            (name, start + 5, start + (2 + index) * MINUTE, "SUCCESS") for index, name in enumerate(checks)
        ]
        if runs:
            self.builder.checks(commit, self.cast.checks_app, branch or self.branch, start, runs)

    def _push(self, push: PlannedPush) -> None:
        builder = self.builder
        who = self.cast.person(push.by)
        written = push.committed_at if push.committed_at is not None else push.at - MINUTE
        signature = builder.signature(who, written)
        parent = builder.tip(self.branch)
        for _ in range(push.drop):
            parent = self.repository.commits[parent].parents[0]
        commit = builder.commit(self._oid("pushed", push.key), (parent,), push.message, signature, signature, push.at)
        update = builder.move(self.branch, "force_push" if push.drop else "push", commit.oid, push.at, who)
        self.commit_of[push.key] = commit
        self._suite(update, bypass=push.bypass)

    def _suite(self, update: Update, *, bypass: bool) -> None:
        """The evaluation of the rules for a movement of the branch, where there are rules."""
        rules = effective_rules(self.repository, update.branch, update.at, evaluated=True)
        if update.actor is None or not (rules or bypass):
            return
        evaluations: list[dict[str, Any]] = []
        for rule, source in rules:
            version = source.at(update.at)
            state = version.state if version and version.state else {"name": "", "enforcement": "active"}
            failed = bypass and rule["type"] == "pull_request"
            evaluations.append(
                {
                    "rule_source": {"type": "ruleset", "id": source.id, "name": state["name"]},
                    "enforcement": state["enforcement"],
                    "result": "fail" if failed else "pass",
                    "rule_type": rule["type"],
                    "details": None,
                }
            )
        number = self.world.numbers.allot("suite", f"{self.repository.id}/{update.branch}/{update.after}")
        self.repository.rule_suites.append(
            RuleSuite(
                number,
                self.repository,
                update.actor,
                update.before,
                update.after,
                update.branch,
                update.at,
                "bypass" if bypass else "pass",
                evaluations,
            )
        )
        if bypass:
            self.repository.organisation.audit.append(
                AuditEntry(
                    object_id("audit", self.repository.slug, update.after, "override"),
                    update.at,
                    "protected_branch.policy_override",
                    update.actor,
                    {
                        "repo": self.repository.full_name(update.at),
                        "repo_id": self.repository.id,
                        "branch": f"refs/heads/{update.branch}",
                        "before": update.before,
                        "after": update.after,
                        "operation_type": "modify",
                    },
                )
            )
