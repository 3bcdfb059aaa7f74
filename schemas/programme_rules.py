"""The rules of the programme file: policy parameters of the tests of controls, and deadlines of the company's own."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, StrictInt, StrictStr, field_validator, model_validator

from schemas.programme_values import Count, Day, Number, Part, Text

Cadence = Literal["monthly", "quarterly", "annual"]
Platform = Literal["macos", "windows", "linux", "chromeos", "ios", "android"]
AlertSeverity = Literal["low", "medium", "high", "critical"]


class EvidenceRules(Part):
    """Policy parameters of the tests of controls. The defaults are the usual promises of a SOC 2 description."""

    tickets_required: StrictBool = True
    """Every change refers to a ticket (CC8-CHG-01 E8). False: tickets are not part of the control."""
    ticket_pattern: StrictStr = r"(?:^|[^\w/])(?:#\d+|[A-Z][A-Z0-9]+-\d+)\b"
    """What a ticket reference looks like in a title, body or branch (Python regular expression)."""
    ticket_exempt_labels: tuple[Text, ...] = ("dependencies", "revert", "release")
    """Pull request labels of changes that need no ticket."""
    machine_accounts: tuple[Text, ...] = ()
    """Logins of accounts that are machines although GitHub lists them as users: they may author, never approve."""
    allow_skipped_checks: StrictBool = False
    """Whether a required check that concluded `skipped` counts as green (CC8-CHG-01 E5)."""
    required_checks: Literal["rules", "none"] = "rules"
    """Which checks a change needs (CC8-CHG-01 E5): those that the branch rules in force at the merge require; `none`:
    checks are not part of the control, and every report says so."""
    rule_bypasses: Literal["judged", "none"] = "judged"
    """Whether bypasses of branch rules are judged (CC8-CHG-01 E6); `none`: the branches have no rules to bypass."""
    break_glass: tuple[Text, ...] = ()
    """Identities that may stand on a bypass list (CC8-CHG-02); their use is judged by CC6-ROOT-01 and CC8-CHG-03."""
    emergency_authorise_hours: Number = 1
    """Hours after the merge within which an emergency must be authorised (CC8-CHG-03)."""
    emergency_review_business_days: Count = 2
    """Business days within which an emergency must be reviewed (CC8-CHG-03)."""
    emergency_share_percent: Number = 10
    """More emergencies than this share of a month's changes is a deviation of its own (CC8-CHG-03)."""
    production_environments: tuple[Text, ...] = ("production",)
    """Names of deployment environments that are production (CC8-CHG-04)."""
    pipeline_identities: tuple[Text, ...] = ()
    """Logins, app slugs or role ARNs that deploy (CC8-CHG-04)."""
    deployers: tuple[Text, ...] = ()
    """People who may deploy by hand (CC8-CHG-04)."""
    post_deployment_check: Text | None = None
    """A check that must have run on the deployed commit; none: the deployment's own success is enough."""
    max_administrators: Count = 4
    """Most administrators that one organisation or account may have (CC6-PRIV-01)."""
    mfa_grace_days: Count = 0
    """Days after creation in which a person's account may still lack a second factor (CC6-MFA-01)."""
    key_max_age_days: Count = 90
    """Oldest a long-lived credential may get (CC6-KEY-01)."""
    key_unused_days: Count = 90
    """Longest a long-lived credential may lie unused (CC6-KEY-01)."""
    birthright_access: tuple[Text, ...] = ()
    """What everybody gets on the first day without a request of their own (CC6-PROV-01): roles, groups or teams as the
    source names them (`account`, `staff@example.com`, `team engineering`), with the system where it matters
    (`google:account`)."""
    privileged_use_review_business_days: Count = 5
    """Business days within which a use of the highest powers must be reviewed (CC6-ROOT-01)."""
    leaver_business_days: Count = 1
    """Business days within which a leaver's access must have ended (CC6-DEPR-01)."""
    leaver_urgent_hours: Number = 24
    """Hours for involuntary leavers and administrators (CC6-DEPR-01)."""
    review_removal_business_days: Count = 10
    """Business days within which a revocation of an access review must be visible (CC6-UAR-01)."""
    dormant_days: Count = 90
    """Days without use after which an access review needs a reason to keep an account (CC6-UAR-01)."""
    scope_decision_days: Count = 14
    """Days after creation within which an item needs a scope decision (CC2-SYS-01)."""
    vulnerability_critical_days: Count = 7
    """Days within which a critical finding must be fixed or accepted (CC7-VUL-01)."""
    vulnerability_high_days: Count = 30
    """The same for findings of high severity."""
    vulnerability_medium_days: Count = 90
    """The same for findings of medium severity; lower ones have no limit."""
    vulnerability_development_exempt: StrictBool = False
    """Whether dependencies that development alone needs are left out (CC7-VUL-01)."""
    baseline_days: Count = 30
    """Days within which a failing check must be mended or accepted where its source gives no severity (CC7-CFG-01);
    where it gives one, the limits of vulnerabilities hold."""
    secret_days: Count = 3
    """Days within which a leaked secret must be resolved (CC6-SEC-01)."""

    recovery_point_hours: Number = 24
    """Hours between two recovery points of a store (A1-BKP-01); a quarter more is still in time."""
    recovery_point_hours_of: dict[Text, Number] = Field(default_factory=dict[str, float])
    """The same for single stores, by ARN or name (A1-BKP-01)."""
    device_os_minimum: dict[Platform, Text] = Field(default_factory=dict[Platform, str])
    """Least version of the operating system by platform, such as `macos: "14.5"` (CC6-DEV-01). Of a platform that is
    not named nobody can say whether a version is old."""
    alert_severity: AlertSeverity = "medium"
    """The mildest alerts that somebody must look at (CC7-ALT-01)."""
    alert_severity_unrated: AlertSeverity = "medium"
    """What an alert counts as whose source gives no severity, such as an alarm of CloudWatch (CC7-ALT-01)."""
    alert_high_business_days: Count = 1
    """Business days within which an alert of high or critical severity must be acknowledged (CC7-ALT-01)."""
    alert_medium_business_days: Count = 5
    """Business days within which a milder alert must be acknowledged (CC7-ALT-01)."""
    alert_suppressions: tuple[Text, ...] = ()
    """Approved rules by which a source puts alerts aside: type or category of the alert, or who muted it (CC7-ALT-01).
    """

    incident_severity: Count = 2
    """The mildest incidents that the procedure binds, 1 being the worst (CC7-INC-01)."""
    incident_class_hours: Number = 4
    """Hours after opening within which an incident must have a severity (CC7-INC-01)."""
    incident_review_business_days: Count = 10
    """Business days after its resolution within which an incident must be reviewed (CC7-INC-01)."""
    incident_notice_hours: Number = 72
    """Hours after opening within which customers who must be told are told, where the ticket names no other time
    (CC7-INC-01)."""
    security_response_business_days: Count = 5
    """Business days within which a message to the security contact must be answered (CC2-EXT-01)."""
    assurance_review_days: Count = 60
    """Days after its arrival within which the report of a subservice organisation must be read (CC9-SUB-01)."""
    assurance_tail_days: Count = 0
    """Last days of the observation period that neither report nor bridge letter must cover (CC9-SUB-01)."""
    apps_without_vendor: tuple[Text, ...] = ()
    """Client ids and slugs of authorised apps behind which is no vendor: the company's own, and free tools and trials
    that get no data, by its policy (CC9-VEN-01, CC9-VEN-02)."""
    uptime_percent: Number | None = None
    """Promised uptime of a month in percent, for every service (A1-CAP-01); absent: none is promised."""
    uptime_percent_of: dict[Text, Number] = Field(default_factory=dict[str, float])
    """The same for single services, by item id or name (A1-CAP-01)."""
    probe_hole_minutes: Number = 10
    """Longest time without a result of a probe (A1-CAP-01)."""
    exercise_roles: tuple[Text, ...] = ()
    """Roles of the incident plan that must take part in an exercise (CC7-IRX-01)."""
    drill_alert_hours: Number = 1
    """Hours after its trigger within which the alert of a drill must come (CC7-TEST-01)."""

    acknowledged_documents: tuple[Text, ...] = ("code-of-conduct",)
    """Policies that everybody accepts at joining and every year (CC1-COND-01), by their name under `scope.policies`."""
    acknowledgement_days: Count = 14
    """Days after the first day within which somebody must have accepted them (CC1-COND-01)."""
    screening_by_first_day: StrictBool = False
    """Whether a new person must be screened by the first day, and not only before access (CC1-HR-01)."""
    training_days: Count = 30
    """Days after the first day within which somebody must have finished the training (CC1-TRN-01)."""
    training_courses: tuple[Text, ...] = ()
    """Ids of the courses that count as security training (CC1-TRN-01); none: every course of the register does."""

    @field_validator("ticket_pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"this is not a regular expression ({error}). Correct it or leave the key out") from error
        return value


class LineOverride(Part):
    """The company's own deadlines for one control, or for one evidence line of it. Absent: those of the catalogue."""

    cadence: Cadence | None = None
    due_days: Count | None = None
    grace_days: Count | None = None
    late_limit_days: Count | None = None
    max_gap_hours: Number | None = None
    pack_max_age_days: Count | None = None
    min_count: Annotated[StrictInt, Field(ge=1)] | None = None


class ControlOverride(LineOverride):
    """What the company promises differently from the catalogue for one control."""

    enabled: StrictBool = True
    reason: Text | None = None
    effective_from: Day | None = None
    effective_to: Day | None = None
    """Last local day on which the control is in effect."""
    deadline_business_days: Count | None = None
    """The control's own deadline per event (leavers, reviews of emergencies), in business days."""
    deadline_hours: Number | None = None
    evidence: dict[StrictStr, LineOverride] = Field(default_factory=dict)
    """Overrides for single evidence lines, by their id."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.enabled and self.reason is None:
            raise ValueError("a control that is switched off needs a reason, which every report lists. Add reason: …")
        if self.effective_from and self.effective_to and self.effective_to < self.effective_from:
            raise ValueError("effective_to lies before effective_from. Swap or correct them")
        return self
