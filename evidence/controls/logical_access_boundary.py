"""The boundary: what the internet reaches, encryption, devices, secrets, physical protection."""

from __future__ import annotations

from evidence.controls import disposals, encryption, public_entry_points, repository_secrets, staff_devices
from evidence.controls.encryption import encrypted_everywhere
from evidence.controls.model import Control, EvidenceLine
from evidence.controls.public_entry_points import nothing_public_unapproved
from evidence.controls.sources import (
    AWS_CLOUDTRAIL_S3,
    AWS_CONFIG_HISTORY,
    GCP_ASSET_HISTORY,
    GCP_AUDIT_ADMIN_ACTIVITY,
    GITHUB_ALERTS,
    GITHUB_SETTINGS_STATE,
    GOOGLE_POLICY_STATE,
    OWN_RECORDS,
)
from evidence.controls.staff_devices import devices_protected
from schemas import aws_configuration, aws_trail, gcp, github_security, google, own

EXPOSURE = Control(
    id="CC6-NET-01",
    title="Nothing exposed to the internet by accident",
    family="logical_access",
    criteria=("CC6.6", "CC6.1"),
    tier="core",
    nature=("automated",),
    frequency_class="automated_config",
    scope_kind="cloud_account_region",
    must_show="Public entry points are those on an approved list; administration ports, databases and buckets are not "
    "public.",
    evidence=(
        EvidenceLine(
            id="exposure",
            kind="snapshot",
            window_cadence="monthly",
            collect_every="daily",
            grace_days=5,
            target_gap_hours=49,
            max_gap_hours=35 * 24,
            reconstructible_from=AWS_CONFIG_HISTORY,
            sources=(AWS_CONFIG_HISTORY, GCP_ASSET_HISTORY),
            datasets={"aws": aws_configuration.EXPOSURE, "gcp": gcp.EXPOSURE},
            is_population=True,
            description="What the internet can reach: security groups and network ACLs, load balancers, public "
            "addresses, public access of buckets and accounts, public databases, shared snapshots and images; "
            "firewall rules and public IAM members at Google Cloud.",
        ),
        EvidenceLine(
            id="changes",
            kind="event_stream",
            window_cadence="monthly",
            collect_every="daily",
            lag_hours=2,
            due_days=5,
            grace_days=5,
            sources=(AWS_CLOUDTRAIL_S3, GCP_AUDIT_ADMIN_ACTIVITY),
            datasets={"aws": aws_trail.MANAGEMENT_EVENTS, "gcp": gcp.ADMIN_ACTIVITY},
            description="Calls that open something: ingress rules, bucket policies, public access blocks deleted, "
            "databases made public, firewall rules.",
        ),
    ),
    exception_codes=public_entry_points.CODES,
    population="All network-facing resources in every enabled region of every in-scope account.",
    test=nothing_public_unapproved,
    false_positives=(
        "CDN origins and load balancers by design",
        "default VPC groups with no interfaces",
        "buckets that host public sites",
    ),
    recover_until="AWS Config while recorder on; GCP 35 days; otherwise no.",
)

ENCRYPTION = Control(
    id="CC6-ENC-01",
    title="Encryption at rest and in transit",
    family="logical_access",
    criteria=("CC6.1", "CC6.7"),
    tier="core",
    nature=("automated",),
    frequency_class="automated_config",
    scope_kind="cloud_account_region",
    must_show="Stores that hold customer data are encrypted with managed keys and every external interface speaks "
    "current TLS with a valid certificate.",
    evidence=(
        EvidenceLine(
            id="at_rest",
            kind="snapshot",
            window_cadence="monthly",
            collect_every="weekly",
            grace_days=5,
            target_gap_hours=16 * 24,
            max_gap_hours=35 * 24,
            reconstructible_from=AWS_CONFIG_HISTORY,
            sources=(AWS_CONFIG_HISTORY, GCP_ASSET_HISTORY),
            datasets={"aws": aws_configuration.ENCRYPTION, "gcp": gcp.ENCRYPTION},
            is_population=True,
            description="Encryption of databases, volumes with the default of the region, buckets, tables; keys with "
            "state and rotation; customer-managed keys at Google Cloud.",
        ),
        EvidenceLine(
            id="in_transit",
            kind="snapshot",
            window_cadence="monthly",
            collect_every="weekly",
            grace_days=5,
            target_gap_hours=16 * 24,
            max_gap_hours=35 * 24,
            sources=(OWN_RECORDS,),
            datasets={"own": own.TLS_ENDPOINTS},
            supporting={"aws": (aws_configuration.TRANSIT,)},
            is_population=True,
            description="TLS handshake of each public host: protocol, cipher, chain, expiry; listener policies and "
            "certificates of load balancers.",
        ),
    ),
    exception_codes=encryption.CODES,
    population="Data stores and public endpoints in the inventory.",
    test=encrypted_everywhere,
    false_positives=(
        "public static buckets",
        "port 80 that only redirects",
        "end-of-life endpoints in drain",
    ),
    recover_until="AWS Config; TLS no.",
)

DEVICES = Control(
    id="CC6-DEV-01",
    title="Staff devices are managed and protected",
    family="logical_access",
    criteria=("CC6.7", "CC6.8", "CC6.1"),
    tier="core",
    nature=("automated",),
    frequency_class="monthly",
    scope_kind="device",
    must_show="Each device that can reach production or customer data has disk encryption, screen lock, current OS "
    "and malware protection. Laptops are in scope as soon as they reach production.",
    evidence=(
        EvidenceLine(
            id="devices",
            kind="snapshot",
            window_cadence="monthly",
            collect_every="weekly",
            grace_days=5,
            target_gap_hours=16 * 24,
            max_gap_hours=35 * 24,
            sources=(GOOGLE_POLICY_STATE, OWN_RECORDS),
            datasets={"google": google.DEVICES, "own": own.DEVICES},
            supporting={"google": (google.SIGN_INS,)},
            is_population=True,
            description="Devices: owner, encryption, version of the operating system, lock, when last synchronised, "
            "agent against malware.",
        ),
    ),
    exception_codes=staff_devices.CODES,
    population="Devices that signed in to in-scope systems in the last 30 days (sign-in log), not only devices "
    "enrolled in MDM.",
    test=devices_protected,
    limits=(
        "Google's sign-in log names no devices: one that nobody enrolled is seen only where its user has no other.",
        "Google tells nothing of protection from malware; only the register of devices does.",
    ),
    false_positives=(
        "devices of leavers within wipe deadline",
        "shared test devices",
        "virtual desktops",
    ),
    recover_until="Not recoverable.",
)

SECRETS = Control(
    id="CC6-SEC-01",
    title="Secrets and malicious code kept out of repositories and builds",
    family="logical_access",
    criteria=("CC6.8", "CC6.1", "CC7.1"),
    tier="core",
    nature=("automated",),
    frequency_class="automated_config",
    scope_kind="github_repo",
    must_show="Secret scanning with push protection and dependency/malware alerts are on for every in-scope "
    "repository, and leaked secrets were revoked quickly.",
    evidence=(
        EvidenceLine(
            id="settings",
            kind="snapshot",
            window_cadence="monthly",
            collect_every="daily",
            grace_days=5,
            target_gap_hours=49,
            max_gap_hours=35 * 24,
            sources=(GITHUB_SETTINGS_STATE,),
            datasets={"github": github_security.REPOSITORY_SECURITY},
            is_population=True,
            description="Security features of each repository, permissions of Actions and the rights of its tokens.",
        ),
        EvidenceLine(
            id="alerts",
            kind="event_stream",
            window_cadence="monthly",
            collect_every="daily",
            lag_hours=2,
            due_days=5,
            grace_days=5,
            sources=(GITHUB_ALERTS,),
            datasets={"github": github_security.SECRET_ALERTS},
            is_population=True,
            description="Secret alerts: created, resolved, resolution, who bypassed push protection.",
        ),
    ),
    exception_codes=repository_secrets.CODES,
    population="In-scope repositories; secret alerts.",
    test=repository_secrets.secrets_kept_out,
    limits=(
        "A rotation is shown by GitHub's own check of the secret or by somebody's record, not by the service itself.",
        "What was switched off and on again between two snapshots is not seen.",
        "Another scanner in the place of a feature that is not licensed is named by a person.",
    ),
    false_positives=(
        "test fixtures",
        "features not licensed for private repositories (needs alternative scanner as evidence)",
        "token without repo-admin sight, so the settings block is absent: that is unknown, not off",
    ),
    recover_until="Alerts while repository exists; settings no (audit log shows toggles 180 days).",
)

PHYSICAL = Control(
    id="CC6-PHY-01",
    title="Physical security and media disposal, mostly inherited",
    family="logical_access",
    criteria=("CC6.4", "CC6.5"),
    tier="core",
    nature=("human_decision",),
    frequency_class="annual",
    scope_kind="organisation",
    must_show="Data-centre security rests on named providers whose reports were read; own devices and media were "
    "wiped before disposal.",
    evidence=(
        EvidenceLine(
            id="provider_reports",
            kind="human_record",
            mode="periodic",
            window_cadence="annual",
            grace_days=30,
            sources=(OWN_RECORDS,),
            description="Reviews of the reports of each hosting provider (CC9-SUB-01).",
        ),
        EvidenceLine(
            id="disposals",
            kind="event_stream",
            window_cadence="monthly",
            collect_every="monthly",
            lag_hours=24,
            due_days=10,
            grace_days=5,
            sources=(OWN_RECORDS,),
            datasets={"own": own.DISPOSALS},
            is_population=True,
            description="Devices retired: when, when wiped, how, by whom.",
        ),
    ),
    exception_codes=disposals.CODES,
    population="Hosting providers; devices retired in the window (from device snapshots that lose a device).",
    test=disposals.devices_disposed_of,
    limits=(
        "Which subservice organisations host the system is not told apart: each of them needs a current review.",
        "When something was wiped is believed as the register of disposals says it, whenever it was entered.",
        "Media that never were a device of an inventory are known from the register of disposals alone.",
    ),
    false_positives=("re-enrolment under a new id",),
    recover_until="Not recoverable.",
)

CONTROLS = (EXPOSURE, ENCRYPTION, DEVICES, SECRETS, PHYSICAL)
