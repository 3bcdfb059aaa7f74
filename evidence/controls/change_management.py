"""Change management: what reaches production was reviewed, under rules that enforce it, by a path that is known."""

from __future__ import annotations

from evidence.controls.branch_rules import CODES as BRANCH_RULES_CODES
from evidence.controls.branch_rules import branch_rules_enforced
from evidence.controls.change_review import CODES as CHANGE_REVIEW_CODES
from evidence.controls.change_review import reviewed_before_merge
from evidence.controls.emergency_changes import CODES as EMERGENCY_CODES
from evidence.controls.emergency_changes import emergencies_recorded_and_reviewed
from evidence.controls.model import Control, EvidenceLine
from evidence.controls.production_deployments import CODES as DEPLOYMENT_CODES
from evidence.controls.production_deployments import deployed_from_approved_path
from evidence.controls.sources import (
    AWS_CLOUDTRAIL_S3,
    GCP_AUDIT_ADMIN_ACTIVITY,
    GITHUB_CHECKS_AND_STATUSES,
    GITHUB_DEPLOYMENTS,
    GITHUB_ORG_AUDIT_LOG,
    GITHUB_PULL_REQUESTS,
    GITHUB_RULE_SUITES,
    GITHUB_RULESET_HISTORY,
    GITHUB_SETTINGS_STATE,
    OWN_RECORDS,
    TICKETING,
)
from schemas import aws_operations, aws_trail, gcp, github_delivery, tickets
from schemas.github import (
    BRANCH_RULES,
    BRANCH_TIPS,
    BYPASSES,
    CHECKS,
    COMMITS,
    DEPLOYMENTS,
    PULL_REQUESTS,
    RULE_CHANGES,
)

REVIEWED_CHANGES = Control(
    id="CC8-CHG-01",
    title="Every production code change was reviewed and tested before it was merged",
    family="change_management",
    criteria=("CC8.1", "CC5.2", "CC6.8"),
    tier="core",
    nature=("automated",),
    frequency_class="many_per_day",
    scope_kind="github_repo",
    must_show="No line reached a production branch without an independent approval of that very content and green "
    "required checks, save for recorded emergencies.",
    evidence=(
        EvidenceLine(
            id="merges",
            kind="event_stream",
            window_cadence="monthly",
            collect_every="daily",
            lag_hours=1,
            due_days=5,
            grace_days=5,
            sources=(GITHUB_PULL_REQUESTS,),
            datasets={"github": PULL_REQUESTS},
            description="Merged pull requests: author, merger, commits with their authors, reviews with state and "
            "commit, timeline, labels, linked issues.",
        ),
        EvidenceLine(
            id="checks",
            kind="event_stream",
            window_cadence="monthly",
            collect_every="daily",
            lag_hours=6,
            due_days=5,
            grace_days=5,
            sources=(GITHUB_CHECKS_AND_STATUSES,),
            datasets={"github": CHECKS},
            supporting={"github": (github_delivery.WORKFLOW_RUNS,)},
            description="Check runs and commit statuses of head and merge-queue commits: name, app, conclusion, times.",
        ),
        EvidenceLine(
            id="commits",
            kind="event_stream",
            window_cadence="monthly",
            collect_every="daily",
            lag_hours=1,
            due_days=5,
            grace_days=5,
            sources=(GITHUB_PULL_REQUESTS,),
            datasets={"github": COMMITS},
            is_population=True,
            description="First-parent commits of each production branch between its tips at both ends, how each "
            "entered, and the merged pull request that owns it.",
        ),
        EvidenceLine(
            id="bypasses",
            kind="event_stream",
            window_cadence="monthly",
            collect_every="daily",
            lag_hours=1,
            due_days=5,
            grace_days=5,
            sources=(GITHUB_RULE_SUITES, GITHUB_ORG_AUDIT_LOG),
            datasets={"github": BYPASSES},
            description="Rule suites that ended in a bypass, or overrides in the audit log: actor, commits, rules.",
        ),
        EvidenceLine(
            id="tips",
            kind="snapshot",
            window_cadence="monthly",
            collect_every="daily",
            target_gap_hours=49,
            max_gap_hours=35 * 24,
            grace_days=5,
            sources=(GITHUB_SETTINGS_STATE,),
            datasets={"github": BRANCH_TIPS},
            description="Default branch and tips of the production branches.",
        ),
    ),
    exception_codes=CHANGE_REVIEW_CODES,
    population="First-parent commits that entered a production branch in the window, each owned by exactly one merged "
    "pull request or pushed directly.",
    test=reviewed_before_merge,
    false_positives=(
        "dependency bots: a bot may author, approval by a person is still needed",
        "a merge-queue bot as the merger",
        "release bots that bump versions",
        "reverts made by the button: a pull request like any other",
        "back-merges between production branches",
        "repository templates and the first commit of a new repository",
        "approvals by users renamed or deleted since",
        "squashed commits whose co-author is the reviewer: a true finding, the reviewer became an author",
    ),
    zero="No merges: the branch tip is the same at both ends of the window, and nothing was pushed.",
    recover_until="Pull requests and commits until deleted; checks 90 days; rule suites 28 days; git events 7 days.",
    test_version=2,
)

ENFORCED_RULES = Control(
    id="CC8-CHG-02",
    title="Branch rules enforce review and checks",
    family="change_management",
    criteria=("CC8.1", "CC6.1"),
    tier="core",
    nature=("automated",),
    frequency_class="automated_config",
    scope_kind="github_repo",
    must_show="The technical rule behind CC8-CHG-01 was on for each production branch throughout the period, without "
    "standing bypass, and rule changes were approved.",
    evidence=(
        EvidenceLine(
            id="rules",
            kind="snapshot",
            window_cadence="monthly",
            collect_every="daily",
            target_gap_hours=49,
            max_gap_hours=35 * 24,
            grace_days=5,
            sources=(GITHUB_SETTINGS_STATE,),
            datasets={"github": BRANCH_RULES},
            supporting={"github": (github_delivery.CODE_OWNERS,)},
            is_population=True,
            description="Effective rules of each production branch, rulesets with enforcement and bypass actors, "
            "classic protection.",
        ),
        EvidenceLine(
            id="rule_changes",
            kind="event_stream",
            window_cadence="monthly",
            collect_every="daily",
            lag_hours=2,
            due_days=5,
            grace_days=5,
            sources=(GITHUB_ORG_AUDIT_LOG, GITHUB_RULESET_HISTORY),
            datasets={"github": RULE_CHANGES},
            is_population=True,
            description="Changes of rulesets and branch protection: who changed what, when.",
        ),
    ),
    exception_codes=BRANCH_RULES_CODES,
    population="Production branches, and changes of their rules.",
    test=branch_rules_enforced,
    false_positives=(
        "migration from classic protection to rulesets: either suffices",
        "a repository less than 24 hours old",
        "a renamed branch",
    ),
    recover_until="Snapshots can't be recovered; changes 180 days on Enterprise Cloud.",
    limits=(
        "Approvals of rule changes stand in tickets, which are not collected yet: no weakening counts as approved.",
    ),
)

EMERGENCIES = Control(
    id="CC8-CHG-03",
    title="Emergency changes are rare, recorded and reviewed afterwards",
    family="change_management",
    criteria=("CC8.1", "CC7.4"),
    tier="core",
    nature=("human_decision", "automated"),
    frequency_class="per_event",
    scope_kind="github_repo",
    must_show="Each bypass had a reason, an authoriser and an independent review within two business days.",
    evidence=(
        EvidenceLine(
            id="register",
            kind="human_record",
            mode="response",
            window_cadence="monthly",
            due_days=5,
            grace_days=5,
            sources=(OWN_RECORDS, TICKETING),
            is_population=True,
            description="Per bypassing change: reason, who authorised it when, incident, who reviewed it when, "
            "outcome.",
        ),
    ),
    exception_codes=EMERGENCY_CODES,
    population="All CC8-CHG-01 items with E1-E7, not only those labelled emergency.",
    test=emergencies_recorded_and_reviewed,
    false_positives=("rules reinstated late after the emergency: belongs to CC8-CHG-02",),
    zero="No bypass items in a covered CC8-CHG-01 window.",
    recover_until="Not recoverable.",
)

APPROVED_DEPLOYMENTS = Control(
    id="CC8-CHG-04",
    title="What runs in production came from the approved path",
    family="change_management",
    criteria=("CC8.1", "CC7.1"),
    tier="core",
    nature=("automated",),
    frequency_class="many_per_day",
    scope_kind="repo_or_account",
    must_show="Each deployment carries a commit of CC8-CHG-01, and infrastructure changes were made by the pipeline "
    "role, not by hand.",
    evidence=(
        EvidenceLine(
            id="deployments",
            kind="event_stream",
            window_cadence="monthly",
            collect_every="daily",
            lag_hours=2,
            due_days=5,
            grace_days=5,
            sources=(GITHUB_DEPLOYMENTS, AWS_CLOUDTRAIL_S3),
            datasets={"github": DEPLOYMENTS},
            supporting={
                "github": (github_delivery.ENVIRONMENTS,),
                "aws": (aws_operations.DEPLOYMENTS,),
                "gcp": (gcp.DEPLOYMENTS,),
            },
            is_population=True,
            description="Deployments with states, environment, creator and commit; deployment calls in CloudTrail.",
        ),
        EvidenceLine(
            id="manual",
            kind="event_stream",
            window_cadence="monthly",
            collect_every="daily",
            lag_hours=2,
            due_days=5,
            grace_days=5,
            sources=(AWS_CLOUDTRAIL_S3, GCP_AUDIT_ADMIN_ACTIVITY),
            datasets={"aws": aws_trail.MANAGEMENT_EVENTS, "gcp": gcp.ADMIN_ACTIVITY},
            supporting={"own": (tickets.CHANGES, tickets.INCIDENTS)},
            is_population=True,
            description="Write events by people in production accounts, less an approved list of harmless calls; "
            "tickets of changes and incidents.",
        ),
    ),
    exception_codes=DEPLOYMENT_CODES,
    population="Successful production deployments; write sessions of people in production.",
    test=deployed_from_approved_path,
    test_version=2,
    false_positives=(
        "rollbacks to an older approved commit",
        "deployments of the same commit again",
        "autoscaling and service-linked writes",
        "feature flags that are switched, which need a log of their own",
    ),
    zero="No deployments: service definitions unchanged between snapshots.",
    recover_until="CloudTrail in S3 by its own rule, else 90 days; deployments until deleted.",
    limits=(
        "Whether what a person did is what the ticket says is for a person to see.",
        "Deployments in AWS that leave no GitHub deployment are not seen.",
    ),
)

CONTROLS = (REVIEWED_CHANGES, ENFORCED_RULES, EMERGENCIES, APPROVED_DEPLOYMENTS)
