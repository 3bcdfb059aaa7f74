"""What the catalogue must say, written down from the specification of the controls and not from the catalogue."""

from __future__ import annotations

import re


def _table(text: str) -> list[list[str]]:
    """Rows; columns stand two spaces apart, and a row goes on where a line is indented."""
    return [re.split(r" {2,}", line) for line in text.strip().replace("\n    ", " ").splitlines()]


# control, scope kind, sized as, criteria
CONTROLS = _table("""
CC1-COND-01  workforce                per_event         CC1.1 CC1.5 CC2.2
CC1-GOV-01   organisation             quarterly         CC1.2 CC1.3 CC2.1 CC3.4 CC4.2 CC5.1
CC1-HR-01    workforce                per_event         CC1.4 CC6.2
CC1-TRN-01   workforce                per_event         CC1.4 CC2.2
CC2-POL-01   policy                   annual            CC2.2 CC5.3 CC1.3
CC2-SYS-01   organisation             quarterly         CC2.1 CC6.1 CC3.4
CC2-EXT-01   organisation             annual            CC2.3
CC3-RISK-01  organisation             annual            CC3.1 CC3.2 CC3.3 CC3.4 CC5.1 CC9.1
CC4-MON-01   organisation             monthly           CC4.1 CC4.2 CC2.1
CC4-PEN-01   product                  annual            CC4.1 CC7.1 CC3.2
CC6-MFA-01   identity_domain          automated_config  CC6.1 CC6.6
CC6-ROOT-01  identity_domain          per_event         CC6.1 CC6.3 CC7.2
CC6-PROV-01  identity_domain          per_event         CC6.2 CC6.3
CC6-DEPR-01  identity_domain          per_event         CC6.2 CC6.3
CC6-UAR-01   in_scope_system          quarterly         CC6.2 CC6.3 CC6.1
CC6-PRIV-01  identity_domain          monthly           CC6.3 CC6.1
CC6-KEY-01   identity_domain          automated_config  CC6.1 CC6.3
CC6-NET-01   cloud_account_region     automated_config  CC6.6 CC6.1
CC6-ENC-01   cloud_account_region     automated_config  CC6.1 CC6.7
CC6-DEV-01   device                   monthly           CC6.7 CC6.8 CC6.1
CC6-SEC-01   github_repo              automated_config  CC6.8 CC6.1 CC7.1
CC6-PHY-01   organisation             annual            CC6.4 CC6.5
CC7-VUL-01   repo_or_account          monthly           CC7.1 CC3.2
CC7-CFG-01   cloud_account_region     automated_config  CC7.1 CC5.2 CC6.1
CC7-LOG-01   cloud_account_region     automated_config  CC7.2 CC7.3 CC6.1
CC7-DET-01   cloud_account_region     automated_config  CC7.2 CC6.8
CC7-ALT-01   alert_source             per_event         CC7.2 CC7.3
CC7-TEST-01  alert_source             quarterly         CC7.2 CC7.3 CC4.1
CC7-INC-01   organisation             per_event         CC7.3 CC7.4 CC7.5 CC2.3
CC7-IRX-01   organisation             annual            CC7.4 CC7.5 CC9.1
CC8-CHG-01   github_repo              many_per_day      CC8.1 CC5.2 CC6.8
CC8-CHG-02   github_repo              automated_config  CC8.1 CC6.1
CC8-CHG-03   github_repo              per_event         CC8.1 CC7.4
CC8-CHG-04   repo_or_account          many_per_day      CC8.1 CC7.1
CC9-VEN-01   vendor                   annual            CC9.2 CC3.2
CC9-SUB-01   subservice_organisation  annual            CC9.2 CC6.4 CC2.3
CC9-VEN-02   vendor                   per_event         CC9.2
CC9-BCP-01   organisation             annual            CC9.1 CC7.5
A1-CAP-01    service                  monthly           A1.1
A1-BKP-01    data_store               daily             A1.2 CC7.5
A1-DRT-01    service                  annual            A1.3 A1.2
C1-CLS-01    data_store               quarterly         C1.1
C1-DSP-01    customer_contract        per_event         C1.2 CC6.5
""")

# control, exception codes
CODES = _table("""
CC1-COND-01  ACK_MISSING ACK_LATE ACK_OLD_VERSION
CC1-GOV-01   MEETING_MISSING MEETING_LATE NO_INPUT_PACK NO_OVERSIGHT FOLLOWUP_MISSING
CC1-HR-01    SCREEN_MISSING SCREEN_AFTER_ACCESS
CC1-TRN-01   TRAIN_MISSING TRAIN_LATE TRAIN_LAPSED
CC2-POL-01   POLICY_LAPSED POLICY_UNAPPROVED POLICY_SELF_APPROVED
CC2-SYS-01   SCOPE_UNDECIDED SCOPE_LATE ITEM_VANISHED
CC2-EXT-01   PAGE_DOWN CHANGE_UNAPPROVED NO_RESPONSE
CC3-RISK-01  RISK_LAPSED NO_FRAUD NO_OWNER TREATMENT_OVERDUE
CC4-MON-01   SIGNOFF_MISSING GAP_WITHOUT_ISSUE ISSUE_OVERDUE
CC4-PEN-01   PENTEST_LAPSED SCOPE_GAP FINDING_OVERDUE
CC6-MFA-01   MFA_NOT_ENFORCED MFA_OFF ROOT_NO_MFA
CC6-ROOT-01  USE_UNREVIEWED SELF_REVIEWED NO_TICKET
CC6-PROV-01  NO_REQUEST APPROVED_AFTER SELF_APPROVED WRONG_APPROVER MORE_THAN_ASKED
CC6-DEPR-01  LATE STILL_ACTIVE NO_HR_ROW UNMAPPED_PERSON
CC6-UAR-01   PACK_STALE ROWS_UNDECIDED SELF_REVIEW REVOKE_LATE REVOKE_NOT_DONE KEPT_WITHOUT_REASON
CC6-PRIV-01  ADMIN_NOT_APPROVED TOO_MANY GRANT_UNEXPLAINED
CC6-KEY-01   KEY_OLD KEY_UNUSED ROOT_KEY KEY_NO_OWNER
CC6-NET-01   EXPOSED REGION_NOT_SCANNED
CC6-ENC-01   UNENCRYPTED WEAK_TLS CERT_EXPIRING HOST_NOT_SCANNED
CC6-DEV-01   DEVICE_UNMANAGED NOT_ENCRYPTED OS_OLD SYNC_STALE
CC6-SEC-01   SCAN_OFF SECRET_OPEN ROTATION_UNPROVEN BYPASS_UNREVIEWED
CC6-PHY-01   REVIEW_LAPSED WIPE_MISSING DEVICE_VANISHED
CC7-VUL-01   OVERDUE ACCEPTED_LATE COMPONENT_NOT_SCANNED
CC7-CFG-01   DRIFT CHECK_ERROR REGION_MISSING
CC7-LOG-01   LOGGING_OFF CHAIN_BROKEN RETENTION_SHORT
CC7-DET-01   DETECTOR_OFF NO_TARGET TARGET_UNCONFIRMED
CC7-ALT-01   UNTRIAGED LATE_ACK NO_VERDICT INCIDENT_MISSING
CC7-TEST-01  NO_ALERT SLOW NO_TICKET DRILL_MISSING
CC7-INC-01   LATE_CLASS NO_REVIEW ACTION_OVERDUE NOTICE_LATE REGISTER_INCOMPLETE
CC7-IRX-01   EXERCISE_LAPSED ROLE_ABSENT ACTION_OVERDUE
CC8-CHG-01   DIRECT_PUSH NO_APPROVAL STALE_APPROVAL CHANGES_OPEN CHECK_NOT_GREEN BYPASS FORCE_PUSHED NO_TICKET
CC8-CHG-02   RULE_OFF BYPASS_ACTOR WEAKENED_UNAPPROVED
CC8-CHG-03   UNREGISTERED NO_AUTHORISER REVIEW_LATE TOO_MANY
CC8-CHG-04   UNKNOWN_SHA NOT_VERIFIED DEPLOY_BY_HAND MANUAL_WRITE_UNEXPLAINED
CC9-VEN-01   ASSESSMENT_LAPSED VENDOR_UNLISTED NO_DECISION ACTION_OVERDUE
CC9-SUB-01   COVERAGE_HOLE QUALIFIED_UNASSESSED DUTY_UNMAPPED REVIEW_LATE
CC9-VEN-02   USED_BEFORE_REVIEW NO_CONTRACT UNLISTED_APP
CC9-BCP-01   PLAN_LAPSED SERVICE_WITHOUT_TARGET ROLE_VACANT
A1-CAP-01    SLA_MISSED PROBE_HOLE REVIEW_MISSING
A1-BKP-01    RPO_MISSED UNPROTECTED VAULT_UNLOCKED
A1-DRT-01    RESTORE_LAPSED OBJECTIVE_MISSED NOT_VERIFIED
C1-CLS-01    UNMAPPED_STORE PROD_DATA_ELSEWHERE SHARE_UNAPPROVED
C1-DSP-01    DELETE_LATE DELETE_UNVERIFIED RULE_MISSING
""")

# control, line, kind (of a record its mode), window, collected, due d, grace d, lag h, target gap h, max gap h,
# late limit d, rebuilt from
LINES = _table("""
CC1-COND-01  acks              response  monthly    weekly     5   5   0   -    -     -   -
CC1-COND-01  workforce         snapshot  monthly    weekly     0   5   0   -    840   -   -
CC1-GOV-01   minutes           periodic  quarterly  -          0   14  0   -    -     60  -
CC1-GOV-01   input_pack        snapshot  quarterly  quarterly  0   14  0   -    2880  -   -
CC1-HR-01    screening         response  monthly    -          5   5   0   -    -     -   -
CC1-TRN-01   completions       stream    monthly    weekly     5   5   24  -    -     -   -
CC2-POL-01   approvals         document  annual     -          0   30  0   -    -     -   -
CC2-SYS-01   inventory         snapshot  monthly    daily      0   5   0   49   840   -   -
CC2-SYS-01   register_review   periodic  quarterly  -          0   14  0   -    -     60  -
CC2-EXT-01   published         snapshot  quarterly  monthly    0   5   0   -    2400  -   -
CC2-EXT-01   inbound           stream    monthly    weekly     5   5   24  -    -     -   -
CC3-RISK-01  assessment        periodic  annual     -          0   30  0   -    -     -   -
CC3-RISK-01  register          snapshot  quarterly  monthly    0   10  0   -    2400  -   -
CC4-MON-01   run               snapshot  monthly    daily      0   3   0   -    840   -   -
CC4-MON-01   signoff           periodic  monthly    -          10  5   0   -    -     45  -
CC4-PEN-01   report            periodic  annual     -          0   30  0   -    -     -   -
CC6-MFA-01   google_users      snapshot  monthly    daily      0   5   0   49   840   -   google.reports_usage
CC6-MFA-01   google_events     stream    monthly    daily      5   5   12  -    -     -   -
CC6-MFA-01   github_org        snapshot  monthly    daily      0   5   0   49   840   -   -
CC6-MFA-01   aws               snapshot  monthly    daily      0   5   0   49   840   -   -
CC6-ROOT-01  use               stream    monthly    daily      5   5   12  -    -     -   -
CC6-ROOT-01  reviews           response  monthly    -          5   5   0   -    -     -   -
CC6-PROV-01  grants            stream    monthly    daily      5   5   12  -    -     -   -
CC6-PROV-01  requests          stream    monthly    daily      5   5   4   -    -     -   -
CC6-DEPR-01  leavers           snapshot  monthly    daily      0   5   0   192  840   -   -
CC6-DEPR-01  removals          stream    monthly    daily      5   5   12  -    -     -   -
CC6-DEPR-01  after_state       snapshot  monthly    daily      0   5   0   49   840   -   -
CC6-UAR-01   pack              snapshot  quarterly  weekly     0   5   0   -    2400  -   -
CC6-UAR-01   decisions         periodic  quarterly  -          0   14  0   -    -     60  -
CC6-UAR-01   followup          snapshot  quarterly  weekly     14  14  0   -    2400  -   -
CC6-PRIV-01  admins            snapshot  monthly    daily      0   5   0   49   840   -   -
CC6-KEY-01   keys              snapshot  monthly    weekly     0   5   0   384  840   -   -
CC6-NET-01   exposure          snapshot  monthly    daily      0   5   0   49   840   -   aws.config_history
CC6-NET-01   changes           stream    monthly    daily      5   5   2   -    -     -   -
CC6-ENC-01   at_rest           snapshot  monthly    weekly     0   5   0   384  840   -   aws.config_history
CC6-ENC-01   in_transit        snapshot  monthly    weekly     0   5   0   384  840   -   -
CC6-DEV-01   devices           snapshot  monthly    weekly     0   5   0   384  840   -   -
CC6-SEC-01   settings          snapshot  monthly    daily      0   5   0   49   840   -   -
CC6-SEC-01   alerts            stream    monthly    daily      5   5   2   -    -     -   -
CC6-PHY-01   provider_reports  periodic  annual     -          0   30  0   -    -     -   -
CC6-PHY-01   disposals         stream    monthly    monthly    10  5   24  -    -     -   -
CC7-VUL-01   findings          stream    monthly    daily      5   5   12  -    -     -   -
CC7-VUL-01   coverage          snapshot  monthly    weekly     0   5   0   384  840   -   -
CC7-CFG-01   posture           snapshot  monthly    daily      0   5   0   49   840   -   -
CC7-LOG-01   config            snapshot  monthly    daily      0   5   0   49   840   -   -
CC7-LOG-01   toggles           stream    monthly    daily      5   5   2   -    -     -   -
CC7-LOG-01   continuity        snapshot  monthly    daily      0   5   0   49   840   -   aws.cloudtrail_s3
CC7-DET-01   detectors         snapshot  monthly    daily      0   5   0   49   840   -   -
CC7-ALT-01   alerts            stream    monthly    daily      5   5   6   -    -     -   -
CC7-ALT-01   triage            stream    monthly    daily      5   5   4   -    -     -   -
CC7-TEST-01  drill             periodic  quarterly  -          0   14  0   -    -     60  -
CC7-INC-01   incidents         stream    monthly    weekly     5   5   24  -    -     -   -
CC7-INC-01   attestation       periodic  quarterly  -          0   14  0   -    -     60  -
CC7-IRX-01   exercise          periodic  annual     -          0   30  0   -    -     -   -
CC8-CHG-01   merges            stream    monthly    daily      5   5   1   -    -     -   -
CC8-CHG-01   checks            stream    monthly    daily      5   5   6   -    -     -   -
CC8-CHG-01   commits           stream    monthly    daily      5   5   1   -    -     -   -
CC8-CHG-01   bypasses          stream    monthly    daily      5   5   1   -    -     -   -
CC8-CHG-01   tips              snapshot  monthly    daily      0   5   0   49   840   -   -
CC8-CHG-02   rules             snapshot  monthly    daily      0   5   0   49   840   -   -
CC8-CHG-02   rule_changes      stream    monthly    daily      5   5   2   -    -     -   -
CC8-CHG-03   register          response  monthly    -          5   5   0   -    -     -   -
CC8-CHG-04   deployments       stream    monthly    daily      5   5   2   -    -     -   -
CC8-CHG-04   manual            stream    monthly    daily      5   5   2   -    -     -   -
CC9-VEN-01   register          snapshot  quarterly  monthly    0   10  0   -    2400  -   -
CC9-VEN-01   assessment        periodic  annual     -          0   30  0   -    -     -   -
CC9-SUB-01   review            periodic  annual     -          0   30  0   -    -     -   -
CC9-VEN-02   onboarding        response  monthly    -          5   5   0   -    -     -   -
CC9-VEN-02   first_use         stream    monthly    weekly     5   5   12  -    -     -   -
CC9-BCP-01   plan              document  annual     -          0   30  0   -    -     -   -
A1-CAP-01    metrics           stream    monthly    daily      5   5   6   -    -     -   -
A1-CAP-01    review            periodic  monthly    -          10  5   0   -    -     45  -
A1-BKP-01    jobs              stream    monthly    daily      5   5   12  -    -     -   -
A1-BKP-01    points            snapshot  monthly    daily      0   5   0   49   840   -   -
A1-DRT-01    test              periodic  annual     -          0   30  0   -    -     -   -
C1-CLS-01    map               periodic  quarterly  -          0   14  0   -    -     60  -
C1-CLS-01    sharing           stream    monthly    daily      5   5   12  -    -     -   -
C1-DSP-01    deletions         stream    monthly    weekly     10  5   24  -    -     -   -
C1-DSP-01    lifecycle         snapshot  monthly    weekly     0   5   0   384  840   -   aws.config_history
""")

# control, line, sources in order of preference
SOURCES = _table("""
CC1-COND-01  acks  own.records
CC1-COND-01  workforce  hr.register
CC1-GOV-01  minutes  own.records
CC1-GOV-01  input_pack  own.records
CC1-HR-01  screening  hr.register own.records
CC1-TRN-01  completions  own.records
CC2-POL-01  approvals  github.pull_requests own.records
CC2-SYS-01  inventory  aws.iam_state github.settings_state gcp.asset_history google.directory_state
CC2-SYS-01  register_review  own.records
CC2-EXT-01  published  own.records
CC2-EXT-01  inbound  ticketing
CC3-RISK-01  assessment  own.records
CC3-RISK-01  register  own.records
CC4-MON-01  run  own.records
CC4-MON-01  signoff  own.records ticketing
CC4-PEN-01  report  own.records
CC6-MFA-01  google_users  google.directory_state google.policy_state
CC6-MFA-01  google_events  google.reports_activities
CC6-MFA-01  github_org  github.settings_state
CC6-MFA-01  aws  aws.iam_state
CC6-ROOT-01  use  aws.cloudtrail_s3 aws.cloudtrail_event_history google.reports_activities github.org_audit_log
    gcp.audit_admin_activity
CC6-ROOT-01  reviews  own.records
CC6-PROV-01  grants  google.reports_activities github.org_audit_log aws.cloudtrail_s3 gcp.audit_admin_activity
CC6-PROV-01  requests  ticketing
CC6-DEPR-01  leavers  hr.register
CC6-DEPR-01  removals  google.reports_activities github.org_audit_log aws.cloudtrail_s3 gcp.audit_admin_activity
CC6-DEPR-01  after_state  google.directory_state github.settings_state aws.iam_state
CC6-UAR-01  pack  google.directory_state github.settings_state aws.iam_state gcp.asset_history
CC6-UAR-01  decisions  own.records
CC6-UAR-01  followup  google.directory_state github.settings_state aws.iam_state
CC6-PRIV-01  admins  aws.iam_state github.settings_state google.directory_state gcp.asset_history
CC6-KEY-01  keys  aws.iam_state github.settings_state gcp.asset_history
CC6-NET-01  exposure  aws.config_history gcp.asset_history
CC6-NET-01  changes  aws.cloudtrail_s3 gcp.audit_admin_activity
CC6-ENC-01  at_rest  aws.config_history gcp.asset_history
CC6-ENC-01  in_transit  own.records
CC6-DEV-01  devices  google.policy_state own.records
CC6-SEC-01  settings  github.settings_state
CC6-SEC-01  alerts  github.alerts
CC6-PHY-01  provider_reports  own.records
CC6-PHY-01  disposals  own.records
CC7-VUL-01  findings  github.alerts aws.inspector_findings gcp.scc_findings
CC7-VUL-01  coverage  aws.iam_state github.settings_state
CC7-CFG-01  posture  aws.config_history aws.securityhub_findings github.settings_state google.policy_state
CC7-LOG-01  config  aws.iam_state gcp.asset_history
CC7-LOG-01  toggles  aws.cloudtrail_s3 gcp.audit_admin_activity
CC7-LOG-01  continuity  aws.cloudtrail_s3
CC7-DET-01  detectors  aws.iam_state google.policy_state
CC7-ALT-01  alerts  aws.guardduty_findings aws.securityhub_findings google.alert_center gcp.scc_findings
    github.alerts aws.cloudwatch_alarm_history
CC7-ALT-01  triage  ticketing
CC7-TEST-01  drill  own.records
CC7-INC-01  incidents  ticketing
CC7-INC-01  attestation  own.records
CC7-IRX-01  exercise  own.records
CC8-CHG-01  merges  github.pull_requests
CC8-CHG-01  checks  github.checks_and_statuses
CC8-CHG-01  commits  github.pull_requests
CC8-CHG-01  bypasses  github.rule_suites github.org_audit_log
CC8-CHG-01  tips  github.settings_state
CC8-CHG-02  rules  github.settings_state
CC8-CHG-02  rule_changes  github.org_audit_log github.ruleset_history
CC8-CHG-03  register  own.records ticketing
CC8-CHG-04  deployments  github.deployments aws.cloudtrail_s3
CC8-CHG-04  manual  aws.cloudtrail_s3 gcp.audit_admin_activity
CC9-VEN-01  register  own.records
CC9-VEN-01  assessment  own.records
CC9-SUB-01  review  own.records
CC9-VEN-02  onboarding  own.records
CC9-VEN-02  first_use  google.reports_activities github.org_audit_log
CC9-BCP-01  plan  own.records
A1-CAP-01  metrics  aws.cloudwatch_alarm_history own.records
A1-CAP-01  review  own.records
A1-BKP-01  jobs  aws.backup_jobs aws.rds_events
A1-BKP-01  points  aws.iam_state
A1-DRT-01  test  own.records
C1-CLS-01  map  own.records
C1-CLS-01  sharing  google.reports_activities aws.cloudtrail_s3 gcp.audit_data_access
C1-DSP-01  deletions  ticketing own.records
C1-DSP-01  lifecycle  aws.config_history
""")
