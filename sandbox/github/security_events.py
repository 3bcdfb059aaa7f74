"""Puts what a script says about security onto the stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.github import script_security as script
from sandbox.github.build import RepositoryBuilder
from sandbox.github.model import Alert, AlertChange, Delivery, Hook, Invitation, IssueEvent, Repository, WorkflowRun
from sandbox.github.nodeids import object_id
from sandbox.github.times import NEVER, Changing, Epoch, epoch, iso

if TYPE_CHECKING:
    from sandbox.github.stage import Stage

DAY = 86_400
_REASONS = {"dependabot": "dismissed_reason", "code_scanning": "dismissed_reason", "secret_scanning": "resolution"}
_COMMENTS = {**dict.fromkeys(_REASONS, "dismissed_comment"), "secret_scanning": "resolution_comment"}
DELIVERED = {
    "org.add_member": ("organization", "member_added"),
    "org.remove_member": ("organization", "member_removed"),
    "org.update_member": ("organization", "member_role_changed"),
    "team.add_member": ("membership", "added"),
    "repo.create": ("repository", "created"),
    "repo.rename": ("repository", "renamed"),
    "repo.archived": ("repository", "archived"),
    "repo.destroy": ("repository", "deleted"),
    "public_key.create": ("deploy_key", "created"),
    "public_key.delete": ("deploy_key", "deleted"),
    "protected_branch.create": ("branch_protection_rule", "created"),
    "repository_ruleset.create": ("repository_ruleset", "created"),
    "repository_ruleset.update": ("repository_ruleset", "edited"),
    "repository_ruleset.destroy": ("repository_ruleset", "deleted"),
    "personal_access_token.access_granted": ("personal_access_token_request", "approved"),
}
"""Entries of the audit log that webhooks tell too, by event and action. The rest no webhook knows of."""


def apply(stage: Stage, found: script.Security) -> None:
    """Everything, after the histories of the repositories."""
    organisation = stage.organisation
    organisation.settings = Changing({**organisation.settings.at(0), **found.settings})
    organisation.actions = Changing({**organisation.actions.at(0), **found.actions})
    organisation.unlicensed = frozenset(found.unlicensed)
    _features(stage, found)
    numbers: dict[tuple[str, str], int] = {}
    for alert in sorted(found.alerts, key=lambda one: one.found):
        key = (alert.repository, alert.kind)
        numbers[key] = numbers.get(key, 0) + 1
        _alert(stage, alert, numbers[key])
    for ticket in found.tickets:
        _ticket(stage, ticket)
    for owners in found.code_owners:
        held: Changing[str | None] = stage.repositories[owners.repository].files.setdefault(
            owners.path, Changing[str | None](None)
        )
        held.change(epoch(owners.since), owners.text)
    for one in found.invitations:
        number = stage.world.numbers.allot("invitation", one.login or one.email or "")
        at, by = epoch(one.invited), stage.account(one.by)
        ends = NEVER if one.ends is None else epoch(one.ends)
        organisation.invitations.append(Invitation(number, one.login, one.email, "direct_member", by, at, ends))
        whom: dict[str, Any] = {"user": one.login} if one.login else {"email": one.email}
        stage.audit(at, "org.invite_member", by, **whom)
    for repository in stage.repositories.values():
        _runs(stage, repository)
        if found.analysed_every_days is not None:
            start = max(repository.created_at, stage.born)
            last = epoch(stage.script.routine.end) if stage.script.routine else start
            for at in range(max(start, last - 365 * DAY), last, found.analysed_every_days * DAY):
                repository.analyses.append((at, "CodeQL", "2.19.0"))
    for hook in found.webhooks:
        _hook(stage, hook)


def _features(stage: Stage, found: script.Security) -> None:
    for change in sorted(found.changes, key=lambda one: one.at):
        repository = stage.repositories[change.repository]
        at = epoch(change.at)
        repository.security.change(at, {**repository.security.at(at), **change.features})
        for name, state in change.features.items():
            verb = "enable" if state == "enabled" else "disable"
            stage.audit(
                at, f"repository_{name}.{verb}", stage.account(change.by), repo=repository.full_name(at),
                repo_id=repository.id,
            )  # fmt: skip


def facts(one: script.Alert, repository: Repository, key: str) -> dict[str, Any]:
    """What never changes of an alert, in the words of the REST API."""
    if one.kind == "secret_scanning":
        return {
            "secret_type": one.what, "secret_type_display_name": one.what.replace("_", " ").title(),
            "secret": f"simulated-secret-{object_id('secret', key)}", "validity": "unknown", "publicly_leaked": False,
            "multi_repo": False,
        }  # fmt: skip
    if one.kind == "code_scanning":
        return {
            "rule": {
                "id": one.what, "severity": "error", "security_severity_level": one.severity,
                "description": one.summary, "name": one.what, "tags": ["security"],
            },
            "tool": {"name": "CodeQL", "guid": None, "version": "2.19.0"},
            "most_recent_instance": {
                "ref": f"refs/heads/{repository.default_branch.at(0)}",
                "analysis_key": ".github/workflows/codeql.yml:analyze", "environment": "{}",
                "category": ".github/workflows/codeql.yml:analyze", "commit_sha": object_id("alert", key),
                "message": {"text": "This line quotes source code."},
                "location": {"path": one.where, "start_line": 7, "end_line": 7, "start_column": 1, "end_column": 9},
                "classifications": [],
            },
        }  # fmt: skip
    package = {"ecosystem": one.ecosystem, "name": one.what}
    vulnerability = {
        "package": package, "severity": one.severity, "vulnerable_version_range": "< 2.0.0",
        "first_patched_version": {"identifier": "2.0.0"},
    }  # fmt: skip
    identifiers = [{"type": "GHSA", "value": one.advisory}]
    if one.cve is not None:
        identifiers.append({"type": "CVE", "value": one.cve})
    return {
        "dependency": {
            "package": package, "manifest_path": one.where, "scope": "runtime", "relationship": "direct",
        },
        "security_advisory": {
            "ghsa_id": one.advisory, "cve_id": one.cve, "summary": one.summary, "description": one.summary,
            "vulnerabilities": [vulnerability], "severity": one.severity, "classification": "general",
            "cvss": {"vector_string": None, "score": 7.5}, "cwes": [{"cwe_id": "CWE-20", "name": "Input"}],
            "identifiers": identifiers, "references": [{"url": f"https://github.com/advisories/{one.advisory}"}],
            "published_at": iso(epoch(one.found) - DAY), "updated_at": iso(epoch(one.found)), "withdrawn_at": None,
        },
        "security_vulnerability": vulnerability,
        "assignees": [],
    }  # fmt: skip


def _alert(stage: Stage, one: script.Alert, number: int) -> None:
    repository = stage.repositories[one.repository]
    key = f"{repository.id}/{one.kind}/{number}"
    known = facts(one, repository, key)
    at = epoch(one.found)
    if one.bypassed_by is not None:
        known |= {
            "push_protection_bypassed": True, "push_protection_bypassed_at": iso(at),
            "bypasser": stage.account(one.bypassed_by),
        }  # fmt: skip
    made = Alert(one.kind, stage.world.numbers.allot("alert", key), repository, number, at, known)
    for end in one.ends:
        said = {_REASONS[one.kind]: end.reason, _COMMENTS[one.kind]: end.comment}
        by = None if end.by is None else stage.account(end.by)
        made.changes.append(AlertChange(epoch(end.at), end.state, by, said))
    repository.alerts.append(made)


def _ticket(stage: Stage, one: script.Ticket) -> None:
    repository = stage.repositories[one.repository]
    builder = RepositoryBuilder(stage.world, repository)
    opened = epoch(one.opened)
    author = stage.account(one.by)
    issue = builder.issue(one.number, one.title, author, opened, body=one.body)
    noted: list[tuple[Epoch, str, Any, dict[str, Any]]] = []
    noted += [(opened, "LabeledEvent", author, {"label": builder.label(name, opened)}) for name in one.labels]
    if one.assignee is not None:
        noted.append((opened + 600, "AssignedEvent", author, {"assignee": stage.account(one.assignee)}))
    noted += [
        (epoch(comment.at), "IssueComment", stage.account(comment.by), {"body": comment.text})
        for comment in one.comments
    ]
    for change in one.relabelled:
        at, by = epoch(change.at), stage.account(change.by)
        for kind, name in (("LabeledEvent", change.add), ("UnlabeledEvent", change.remove)):
            if name is not None:
                noted.append((at, kind, by, {"label": builder.label(name, at)}))
    if one.closed is not None:
        noted.append((epoch(one.closed), "ClosedEvent", stage.account(one.closed_by or one.by), {}))
    for index, (at, kind, who, details) in enumerate(sorted(noted, key=lambda entry: entry[0])):
        number = stage.world.numbers.allot("issue_event", f"{issue.id}/{index}")
        issue.events.append(IssueEvent(kind, number, issue, at, who, details))


def _runs(stage: Stage, repository: Repository) -> None:
    """A workflow run for every check suite of GitHub Actions."""
    checks_app = stage.checks_app()
    suites = [suite for commit in repository.commits.values() for suite in commit.suites if suite.app is checks_app]
    suites.sort(key=lambda suite: (suite.created_at, suite.id))
    for number, suite in enumerate(suites, 1):
        finished = [run.completed_at for run in suite.runs if run.completed_at is not None]
        if not finished or checks_app.bot is None:
            continue
        bad = next((run.conclusion for run in suite.runs if run.conclusion not in (None, "success")), None)
        run_id = stage.world.numbers.allot("workflow_run", f"{repository.id}/{suite.id}")
        actor = suite.commit.author.account or checks_app.bot
        repository.workflow_runs.append(
            WorkflowRun(
                run_id, repository, "ci", ".github/workflows/ci.yml", number, "push",
                suite.branch or "main", suite.commit.oid, actor, suite.created_at, max(finished), bad or "success",
            )
        )  # fmt: skip


def _hook(stage: Stage, one: script.Webhook) -> None:
    organisation = stage.organisation
    number = stage.world.numbers.allot("hook", one.url)
    made = Hook(number, one.url, one.events, epoch(one.created))
    outages = [(epoch(start), epoch(end)) for start, end in one.failing]
    for index, entry in enumerate(sorted(organisation.audit, key=lambda one: (one.at, one.id))):
        told = DELIVERED.get(entry.action)
        if told is None or entry.at < made.created_at or (told[0] not in one.events and "*" not in one.events):
            continue
        sender = None if entry.actor is None else {"login": entry.actor.rest_login, "id": entry.actor.id}
        payload: dict[str, Any] = {
            "action": told[1], "sender": sender, "organization": {"login": organisation.login}, **entry.fields,
        }  # fmt: skip
        guid = object_id("delivery", entry.id)
        guid = f"{guid[:8]}-{guid[8:12]}-{guid[12:16]}-{guid[16:20]}-{guid[20:32]}"
        lost = any(start <= entry.at < end for start, end in outages)
        made.deliveries.append(
            Delivery(10_000 + index, guid, entry.at + 2, told[0], told[1], payload, 503 if lost else 200)
        )
    organisation.hooks.append(made)
