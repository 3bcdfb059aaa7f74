"""Whether a dataset of GitHub can be read, by the cheapest questions that touch every right it needs.

A probe returns when everything answers and raises what the extractor would raise. It keeps nothing and proves nothing
about a population.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from connectors.github.alert_lists import CODE_SCANNING, DEPENDABOT, SECRET_SCANNING, TEMPLATES
from connectors.github.audit import TEMPLATE as AUDIT_LOG
from connectors.github.audit_events import HOOKS
from connectors.github.calls import Answer, Json, Rest
from connectors.github.client import client_of
from connectors.github.issues import kept_in
from connectors.github.members import OWNER
from connectors.github.organisation_settings import RIGHT as SETTINGS_RIGHT
from connectors.github.repository_security import ORG_ACTIONS, ORG_WORKFLOW
from connectors.github.workflow_runs import RUNS
from schemas.dataset import Dataset
from schemas.errors import NotLicensed, PermissionDenied
from schemas.extraction import Session
from schemas.github import (
    ADMINISTRATORS,
    BRANCH_RULES,
    BRANCH_TIPS,
    BYPASSES,
    CHECKS,
    COMMITS,
    CREDENTIALS,
    DEPLOYMENTS,
    MEMBERS,
    PULL_REQUESTS,
    REPOSITORIES,
    RULE_CHANGES,
)
from schemas.github_delivery import CODE_OWNERS, ENVIRONMENTS, WORKFLOW_RUNS
from schemas.github_organisation import ACCOUNTS, AUDIT_EVENTS, ORGANISATION_SETTINGS
from schemas.github_security import (
    ALERT_COVERAGE,
    ALERTS,
    REPOSITORY_SECURITY,
    SECRET_ALERTS,
    VULNERABILITY_ALERTS,
)
from schemas.scope import ScopeItem

Probe = Callable[[Session, ScopeItem], None]

REPOSITORY = "/repos/{owner}/{repo}"
ORGANISATION = "/orgs/{org}"
_EMPTY = frozenset({409})
"""GitHub's answer about commits of a repository that has none."""


def source_clock(session: Session) -> datetime:
    """What GitHub's clock says now."""
    client = client_of(session)
    answer = client.transport.send(Rest(ORGANISATION, f"/orgs/{client.organisation}", REPOSITORIES))
    client.transport.taken()
    return answer.served_at


def asks(dataset: Dataset, *templates: str, **parameters: str) -> Probe:
    """A probe that asks these REST lists for one item each, of the repository or the organisation."""

    def probe(session: Session, item: ScopeItem) -> None:
        for template in templates:
            ask(session, item, dataset, template, **parameters)

    return probe


def ask(session: Session, item: ScopeItem, dataset: Dataset, template: str, **parameters: str) -> Answer:
    """One question of a probe. A repository goes by its name, which programme and inventory know."""
    client = client_of(session)
    path = template.replace("{org}", client.organisation).replace("{owner}/{repo}", item.name)
    accepted = _EMPTY if template.startswith(f"{REPOSITORY}/commits") else frozenset[int]()
    try:
        return client.transport.send(Rest(template, path, dataset, {"per_page": "1", **parameters}, accepted))
    finally:
        client.transport.taken()  # a probe keeps nothing


def _checks(session: Session, item: ScopeItem) -> None:
    commits = ask(session, item, CHECKS, f"{REPOSITORY}/commits")
    if commits.status != 200 or not commits.data:
        return
    client = client_of(session)
    for kind in ("check-runs", "statuses"):
        template = f"{REPOSITORY}/commits/{{ref}}/{kind}"
        path = f"/repos/{item.name}/commits/{commits.data[0]['sha']}/{kind}"
        client.transport.send(Rest(template, path, CHECKS, {"per_page": "1"}))
    client.transport.taken()


def _members(session: Session, item: ScopeItem) -> None:
    client = client_of(session)
    for name in ("members", "outside_collaborators"):
        template = f"{ORGANISATION}/{name}"
        call = Rest(
            template, f"/orgs/{client.organisation}/{name}", MEMBERS, {"filter": "2fa_disabled", "per_page": "1"},
            frozenset({422}),
        )  # fmt: skip
        status = client.transport.send(call).status
        client.transport.taken()
        if status == 422:
            raise PermissionDenied(
                "GitHub tells only owners of the organisation who has no second factor (422).", permission=OWNER
            )


def _credentials(session: Session, item: ScopeItem) -> None:
    client = client_of(session)
    listed = ask(session, item, CREDENTIALS, f"{ORGANISATION}/repos")
    if listed.data:
        path = f"/repos/{listed.data[0]['full_name']}/keys"
        client.transport.send(Rest(f"{REPOSITORY}/keys", path, CREDENTIALS, {"per_page": "1"}))
    ask(session, item, CREDENTIALS, f"{ORGANISATION}/personal-access-tokens")


_HIDDEN = {"hide_secret": "true"}


def _settings(session: Session, item: ScopeItem, dataset: Dataset) -> None:
    """A repository's security settings, which GitHub leaves out for those who may not administer it."""
    seen = ask(session, item, dataset, f"{ORGANISATION}/repos", type="all").data
    if seen and seen[0].get("security_and_analysis") is None:
        raise PermissionDenied(
            "GitHub does not show the security settings of repositories to this principal. Grant repository "
            "permission administration: read.",
            permission="repository permission administration: read",
        )


def _accounts(session: Session, item: ScopeItem) -> None:
    _members(session, item)
    for name in ("repos", "teams", "installations", "invitations"):
        ask(session, item, ACCOUNTS, f"{ORGANISATION}/{name}")


def _audit_events(session: Session, item: ScopeItem) -> None:
    if client_of(session).plan == "enterprise_cloud":
        ask(session, item, AUDIT_EVENTS, AUDIT_LOG)
    else:
        ask(session, item, AUDIT_EVENTS, HOOKS)


def _organisation_settings(session: Session, item: ScopeItem) -> None:
    _single(session, ORGANISATION_SETTINGS, ORG_ACTIONS, ORG_WORKFLOW)
    if _single(session, ORGANISATION_SETTINGS, ORGANISATION).get("two_factor_requirement_enabled") is None:
        raise PermissionDenied(
            "GitHub does not show the settings of the organisation to this principal.", permission=SETTINGS_RIGHT
        )


def _single(session: Session, dataset: Dataset, *templates: str) -> Json:
    """The last of these records of the organisation, which are no lists."""
    client = client_of(session)
    found: Json = {}
    for template in templates:
        found = client.transport.send(Rest(template, template.replace("{org}", client.organisation), dataset)).data
    client.transport.taken()
    return found


def _repository_security(session: Session, item: ScopeItem) -> None:
    _settings(session, item, REPOSITORY_SECURITY)
    _single(session, REPOSITORY_SECURITY, ORG_ACTIONS, ORG_WORKFLOW)


def _secret_alerts(session: Session, item: ScopeItem) -> None:
    _settings(session, item, SECRET_ALERTS)
    ask(session, item, SECRET_ALERTS, SECRET_SCANNING, **_HIDDEN)


def _scanners(dataset: Dataset) -> Probe:
    """Every scanner, of which some but not all may be missing."""

    def probe(session: Session, item: ScopeItem) -> None:
        off: list[NotLicensed] = []
        for kind, template in TEMPLATES.items():
            try:
                hidden = _HIDDEN if kind == "secret_scanning" else {}
                ask(session, item, dataset, template, **hidden)
            except NotLicensed as error:
                off.append(error)
        if len(off) == len(TEMPLATES):
            raise off[0]

    return probe


def _alert_coverage(session: Session, item: ScopeItem) -> None:
    _settings(session, item, ALERT_COVERAGE)
    _scanners(ALERT_COVERAGE)(session, item)


def _vulnerability_alerts(session: Session, item: ScopeItem) -> None:
    ask(session, item, VULNERABILITY_ALERTS, DEPENDABOT)
    try:
        ask(session, item, VULNERABILITY_ALERTS, CODE_SCANNING)
    except NotLicensed:
        return  # then it has no findings, as the claim says


def tickets_are_shown(dataset: Dataset, session: Session) -> None:
    """The probe of a dataset of tickets. The organisation stands for its tickets, so the repository is that of the
    programme and not the item."""
    client = client_of(session)
    path = f"/repos/{kept_in(client, dataset).repository}/issues"
    client.transport.send(Rest(f"{REPOSITORY}/issues", path, dataset, {"per_page": "1"}))
    client.transport.taken()


SUITES = f"{REPOSITORY}/rulesets/rule-suites"
_ACTIVITY = f"{REPOSITORY}/activity"

PROBES: Mapping[str, Probe] = {
    COMMITS.name: asks(COMMITS, _ACTIVITY, f"{REPOSITORY}/pulls"),
    PULL_REQUESTS.name: asks(PULL_REQUESTS, _ACTIVITY, f"{REPOSITORY}/pulls", f"{REPOSITORY}/issues"),
    CHECKS.name: _checks,
    BYPASSES.name: asks(BYPASSES, _ACTIVITY, SUITES),
    BRANCH_TIPS.name: asks(BRANCH_TIPS, f"{REPOSITORY}/branches"),
    BRANCH_RULES.name: asks(BRANCH_RULES, f"{REPOSITORY}/branches", SUITES),
    RULE_CHANGES.name: asks(RULE_CHANGES, _ACTIVITY, SUITES, f"{ORGANISATION}/members"),
    DEPLOYMENTS.name: asks(DEPLOYMENTS, f"{REPOSITORY}/deployments", f"{REPOSITORY}/environments"),
    REPOSITORIES.name: asks(REPOSITORIES, f"{ORGANISATION}/repos"),
    MEMBERS.name: _members,
    ADMINISTRATORS.name: asks(
        ADMINISTRATORS, f"{ORGANISATION}/members", f"{ORGANISATION}/teams", f"{ORGANISATION}/installations"
    ),
    CREDENTIALS.name: _credentials,
    ACCOUNTS.name: _accounts,
    AUDIT_EVENTS.name: _audit_events,
    ORGANISATION_SETTINGS.name: _organisation_settings,
    CODE_OWNERS.name: asks(CODE_OWNERS, f"{REPOSITORY}/branches"),
    ENVIRONMENTS.name: asks(ENVIRONMENTS, f"{REPOSITORY}/environments"),
    WORKFLOW_RUNS.name: asks(WORKFLOW_RUNS, f"{REPOSITORY}/branches", RUNS),
    REPOSITORY_SECURITY.name: _repository_security,
    SECRET_ALERTS.name: _secret_alerts,
    VULNERABILITY_ALERTS.name: _vulnerability_alerts,
    ALERT_COVERAGE.name: _alert_coverage,
    ALERTS.name: _scanners(ALERTS),
}
"""By dataset name."""
