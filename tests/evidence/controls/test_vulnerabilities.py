"""CC7-VUL-01: every finding closed or accepted within the limit of its severity, every component scanned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evidence.controls.vulnerabilities import CODES, found_and_fixed
from schemas.aws_detection import SCAN_COVERAGE, VULNERABILITY_FINDINGS
from schemas.aws_operations import PATCH_STATE
from schemas.dataset import Dataset
from schemas.gcp import FINDINGS
from schemas.github_security import ALERT_COVERAGE, VULNERABILITY_ALERTS
from schemas.outcome import Outcome
from tests.evidence.controls.access import AWS, DAY, FIRST, SECOND, THIRD
from tests.evidence.controls.changes import END, LATER, SCOPE, START, actor, window
from tests.evidence.controls.configuration import filled
from tests.fakes.memory_evidence import MemoryEvidence

GCP = "gcp:1"
NOON = START + timedelta(hours=12)
AUGUST = datetime(2026, 8, 10, tzinfo=UTC)
CLAIMED = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC))
Row = dict[str, Any]


def alert(number: int = 1, event: str = "created", **changed: Any) -> Row:
    """A critical alert of Dependabot, created on the third day of the window and open."""
    created_at = changed.get("created_at", START + 2 * DAY)
    row = {
        "alert_id": f"dependabot:R_1:{number}", "event_time": created_at, "event": event, "repo_id": "R_1",
        "repo_name": "acme/api", "number": number, "created_at": created_at, "state": "open", "kind": "dependabot",
        "severity": "critical", "rule_id": "GHSA-1", "component": "left-pad", "component_scope": "runtime",
    }  # fmt: skip
    return filled(VULNERABILITY_ALERTS, row | changed)


def fixed(days: float, **changed: Any) -> Row:
    closed_at = changed.get("created_at", START + 2 * DAY) + days * DAY
    return alert(state="fixed", closed_at=closed_at, fixed_at=closed_at, **changed)


def dismissed(days: float, reason: str = "tolerable_risk", comment: str | None = None, **changed: Any) -> Row:
    """Dismissed by alice so many days after it was created."""
    at = changed.get("created_at", START + 2 * DAY) + days * DAY
    given: Row = {"dismissed_by": actor("alice")}
    return alert(
        state="dismissed", closed_at=at, dismissed_at=at, dismissed_reason=reason, dismissed_comment=comment,
        **given | changed,
    )  # fmt: skip


COVERED = [
    filled(ALERT_COVERAGE, {"repo_id": "R_1", "repo_name": "acme/api", "feature": name, "state": state})
    for name, state in (("dependabot", "enabled"), ("code_scanning", "not_licensed"), ("secret_scanning", "enabled"))
]


def held(
    rows: Sequence[Row], dataset: Dataset = VULNERABILITY_ALERTS, scope: str = SCOPE,
    claimed: tuple[datetime, datetime] | None = CLAIMED,
) -> MemoryEvidence:  # fmt: skip
    evidence = MemoryEvidence()
    evidence.store(dataset, scope, rows)
    if claimed is not None:
        evidence.claim(dataset, scope, *claimed)
    if scope == SCOPE:
        evidence.snapshot(ALERT_COVERAGE, SCOPE, FIRST, COVERED)
    if scope == AWS:
        evidence.snapshot(SCAN_COVERAGE, AWS, FIRST, [])
        evidence.snapshot(PATCH_STATE, AWS, FIRST, [])
    return evidence


def judged(evidence: MemoryEvidence, **kept: Any) -> list[Outcome]:
    return found_and_fixed(window("CC7-VUL-01", **kept), evidence)


def one(*rows: Row, as_of: datetime = LATER, rules: Mapping[str, Any] | None = None, **kept: Any) -> Outcome:
    """The row of the one finding; the rest of the window is in order."""
    evidence = held(rows, **kept)
    found = judged(evidence, as_of=as_of, rules=rules, scope=kept.get("scope", SCOPE))
    assert {row.outcome for row in found if row.evidence_id == "coverage"} <= {"pass"}
    assert not [row for row in found if row.item_id.startswith("window:")]
    [finding] = [row for row in found if row.evidence_id == "findings"]
    assert set(finding.codes) <= set(CODES)
    return finding


@pytest.mark.parametrize(
    ("row", "outcome", "codes"),
    [
        (fixed(7), "pass", ()),
        (fixed(7.01), "exception", ("OVERDUE",)),
        (alert(), "exception", ("OVERDUE",)),
        (fixed(20, severity="high"), "pass", ()),
        (alert(severity="medium"), "pending", ()),
        (alert(severity="low"), "pass", ()),
        (dismissed(6, comment="no fix yet, accepted until 2026-09-30"), "pass", ()),
        (dismissed(6, comment="no fix yet, accepted until 2026-06-05"), "exception", ("OVERDUE",)),
        (dismissed(6), "unknown", ()),
        (dismissed(6, comment="until 2026-02-31"), "unknown", ()),
        (dismissed(6, reason="not_used"), "pass", ()),
        (dismissed(8, reason="inaccurate"), "exception", ("ACCEPTED_LATE",)),
        (dismissed(8, comment="until 2026-09-30"), "exception", ("ACCEPTED_LATE",)),
        (dismissed(8, comment="until 2026-06-01"), "exception", ("OVERDUE", "ACCEPTED_LATE")),
        (dismissed(8, severity="medium"), "pending", ()),
        (dismissed(3, comment="until 2026-09-30", dismissed_by=actor("robot[bot]", "bot")), "unknown", ()),
        (dismissed(3, comment="until 2026-09-30", dismissed_by=actor(None, "ghost")), "unknown", ()),
        (alert(state="auto_dismissed", closed_at=START + 3 * DAY), "unknown", ()),
        (alert(severity=None), "unknown", ()),
        (fixed(7, severity=None), "pass", ()),
        (fixed(8, severity=None), "unknown", ()),
        (fixed(8, component_scope="development"), "exception", ("OVERDUE",)),
    ],
)  # fmt: skip
def test_a_finding_by_its_dates(row: Row, outcome: str, codes: tuple[str, ...]) -> None:
    found = one(row)
    assert (found.outcome, found.codes) == (outcome, codes), found.explanation
    assert found.item_id == "finding:dependabot:R_1:1"
    assert found.event_time == START + 2 * DAY
    if outcome == "pending":
        assert found.resolves_at == START + 92 * DAY


def test_days_are_told() -> None:
    assert "31 days overdue" in one(alert(), as_of=START + 40 * DAY).explanation
    assert "2 days overdue" in one(fixed(8.5)).explanation
    assert "1 day after the limit of 7 days" in one(dismissed(8)).explanation


def test_limits_and_development_are_the_programme_s() -> None:
    assert one(fixed(8), rules={"vulnerability_critical_days": 8}).outcome == "pass"
    assert one(fixed(8, severity="medium"), rules={"vulnerability_medium_days": 7}).codes == ("OVERDUE",)
    exempt = {"vulnerability_development_exempt": True}
    assert one(alert(component_scope="development"), rules=exempt).outcome == "pass"
    assert one(alert(), rules=exempt).codes == ("OVERDUE",)
    machine = {"machine_accounts": ["alice"]}
    assert one(dismissed(3, comment="until 2026-09-30"), rules=machine).outcome == "unknown"


def test_an_open_finding_waits_until_its_limit_and_not_longer() -> None:
    limit = START + 9 * DAY
    assert one(alert(), as_of=limit).outcome == "pending"
    assert one(alert(), as_of=limit + DAY).codes == ("OVERDUE",)


@pytest.mark.parametrize(("first", "last"), [("critical", "low"), ("low", "critical"), ("high", "critical")])
def test_a_new_score_does_not_loosen_and_the_stricter_counts(first: str, last: str) -> None:
    evidence = held([])
    evidence.store(VULNERABILITY_ALERTS, SCOPE, [alert(severity=first)], learnt_at=START + 3 * DAY)
    rows = [fixed(8, severity=last), fixed(8, severity=last, event="closed", event_time=START + 10 * DAY)]
    evidence.store(VULNERABILITY_ALERTS, SCOPE, rows, learnt_at=START + 11 * DAY)
    [found] = [row for row in judged(evidence) if row.evidence_id == "findings"]
    assert found.codes == ("OVERDUE",)


def test_what_was_critical_at_first_sight_months_ago_is_remembered() -> None:
    evidence = held([])
    march = datetime(2026, 3, 20, tzinfo=UTC)
    evidence.store(VULNERABILITY_ALERTS, SCOPE, [alert(created_at=march)], learnt_at=march)
    row = alert(event="carried_over", event_time=NOON, created_at=march, severity="low")
    evidence.store(VULNERABILITY_ALERTS, SCOPE, [row], learnt_at=START + DAY)
    [found] = [row for row in judged(evidence) if row.evidence_id == "findings"]
    assert found.codes == ("OVERDUE",)
    assert len(found.evidence) == 2


def test_a_reopened_finding_is_open_since_it_was_created() -> None:
    evidence = held([])
    evidence.store(VULNERABILITY_ALERTS, SCOPE, [fixed(3)], learnt_at=START + 6 * DAY)
    evidence.store(VULNERABILITY_ALERTS, SCOPE, [alert()], learnt_at=START + 20 * DAY)
    [found] = [row for row in judged(evidence) if row.evidence_id == "findings"]
    assert found.codes == ("OVERDUE",)


def test_a_dismissal_that_was_taken_back_ended_then() -> None:
    def after(row: Row, *later: tuple[Row, datetime]) -> Outcome:
        evidence = held([])
        evidence.store(VULNERABILITY_ALERTS, SCOPE, [row], learnt_at=START + 9 * DAY)
        for other, learnt_at in later:
            evidence.store(VULNERABILITY_ALERTS, SCOPE, [other], learnt_at=learnt_at)
        [found] = [row for row in judged(evidence) if row.evidence_id == "findings"]
        return found

    reopened = (alert(), START + 20 * DAY)
    for row in (dismissed(6, comment="until 2026-09-30"), dismissed(6), dismissed(6, reason="inaccurate")):
        found = after(row, reopened)
        assert (found.outcome, found.codes) == ("exception", ("OVERDUE",))
        assert "after alice had accepted it until 2026-05-21T00:00:00Z" in found.explanation
        assert after(row, reopened, (fixed(25), START + 28 * DAY)).codes == ("OVERDUE",)
        assert after(row, reopened, (fixed(17), START + 28 * DAY)).outcome == "pass"
    assert after(alert(state="auto_dismissed", closed_at=START + 3 * DAY), reopened).codes == ("OVERDUE",)
    again = (dismissed(20, comment="until 2026-09-30"), START + 25 * DAY)
    assert after(dismissed(6, comment="until 2026-05-10"), reopened, again).codes == ("ACCEPTED_LATE",)


def test_an_acceptance_of_an_earlier_month_is_remembered() -> None:
    march = datetime(2026, 3, 20, tzinfo=UTC)
    evidence = held([])
    rows = [dismissed(3, comment="until 2026-05-20", created_at=march)]
    evidence.store(VULNERABILITY_ALERTS, SCOPE, rows, learnt_at=march + 4 * DAY)
    evidence.store(VULNERABILITY_ALERTS, SCOPE, [alert(created_at=march)], learnt_at=START + 21 * DAY)
    carried = fixed(50, created_at=march, event="carried_over", event_time=NOON)
    evidence.store(VULNERABILITY_ALERTS, SCOPE, [carried], learnt_at=START + 25 * DAY)
    [found] = [row for row in judged(evidence) if row.evidence_id == "findings"]
    assert (found.outcome, found.codes) == ("pass", ())
    assert "accepted by alice until 2026-05-21T00:00:00Z" in found.explanation


def test_the_population_are_findings_open_in_the_window() -> None:
    before, earlier = START - 10 * DAY, START - DAY
    evidence = held([
        alert(1, "closed", event_time=START, created_at=before, state="fixed", closed_at=START, severity="high"),
        alert(2, created_at=END - DAY, severity="high"),
        alert(3, created_at=END, severity="high"),
        alert(4, "carried_over", event_time=NOON, created_at=before, severity="high"),
        alert(5, "closed", event_time=earlier, created_at=before, state="fixed", closed_at=earlier),
        # Opened and closed between windows of other months: known by its row of June alone.
        alert(6, "closed", event_time=END + DAY, created_at=before, state="fixed", closed_at=END + DAY),
    ])  # fmt: skip
    found = {row.item_id.rpartition(":")[2] for row in judged(evidence) if row.evidence_id == "findings"}
    assert found == {"1", "2", "4", "6"}


def test_what_is_not_held_is_unknown() -> None:
    [findings, _] = judged(held([], claimed=None))
    assert (findings.outcome, findings.item_id[:7]) == ("unknown", "window:")
    # The limit falls behind what was collected: nobody knows whether it was closed in time.
    evidence = held([alert(severity="high")], claimed=(START, START + 31 * DAY))
    found = judged(evidence, as_of=AUGUST)
    assert {row.outcome for row in found if row.item_id.startswith("finding:")} == {"unknown"}
    # One that is seen open behind its limit is overdue, whatever else is not held.
    evidence.store(
        VULNERABILITY_ALERTS, SCOPE, [alert(event="carried_over", event_time=NOON + 61 * DAY, severity="high")]
    )
    found = judged(evidence, as_of=AUGUST)
    assert {row.outcome for row in found if row.item_id.startswith("finding:")} == {"exception"}
    assert judged(MemoryEvidence(), as_of=START + DAY) == []


def test_a_window_that_begins_late_is_whole_after_the_next_first_noon() -> None:
    clipped = {"start": START + 10 * DAY, "as_of": LATER}
    early = held([], claimed=(START + 10 * DAY, END))
    assert [row.outcome for row in judged(early, **clipped) if row.evidence_id == "findings"] == ["unknown"]
    late = held([], claimed=(START + 10 * DAY, END + DAY))
    assert [row for row in judged(late, **clipped) if row.evidence_id == "findings"] == []


def test_an_acceptance_on_record_counts_from_its_arrival() -> None:
    def accepted(recorded_at: datetime, signed_by: str | None = "cto@acme.example", **values: Any) -> Outcome:
        evidence = held([alert()])
        evidence.record(
            "CC7-VUL-01", "findings", SCOPE, "vulnerability_acceptance", START + 4 * DAY,
            {"finding_id": "dependabot:R_1:1", "expires": "2026-09-30"} | values,
            recorded_at=recorded_at, signed_by=signed_by,
        )  # fmt: skip
        [found] = [row for row in judged(evidence) if row.evidence_id == "findings"]
        return found

    found = accepted(START + 4 * DAY)
    assert found.outcome == "pass"
    assert "accepted by cto@acme.example until" in found.explanation
    assert len(found.evidence) == 2
    assert accepted(START + 4 * DAY, finding_id="finding:dependabot:R_1:1").outcome == "pass"
    assert accepted(START + 20 * DAY).codes == ("ACCEPTED_LATE",)
    assert accepted(START + 4 * DAY, expires=None).outcome == "unknown"
    assert accepted(START + 4 * DAY, signed_by=None).codes == ("OVERDUE",)
    assert accepted(START + 4 * DAY, finding_id="another").codes == ("OVERDUE",)


def test_hostile_texts_stay_texts() -> None:
    found = one(alert(component="<b>|\n" + "x" * 5000, repo_name="a|b\nc", rule_id="<script>"))
    assert found.codes == ("OVERDUE",)


# --- AWS and Google Cloud


def of_aws(*, event: str = "created", **changed: Any) -> Row:
    first_seen = changed.get("first_seen_at", START + 2 * DAY)
    row = {
        "finding_id": "arn:f1", "event_time": first_seen, "event": event, "account_id": "111122223333",
        "region": "eu-west-1", "source": "inspector", "rule_id": "CVE-1", "resource_id": "i-1",
        "severity": "critical", "first_seen_at": first_seen, "state": "active", "dismissed": False,
    }  # fmt: skip
    return filled(VULNERABILITY_FINDINGS, row | changed)


CLOSED: Row = {"state": "closed", "fixed_at": START + 8 * DAY}


@pytest.mark.parametrize(
    ("row", "outcome", "codes"),
    [
        (of_aws(**CLOSED), "pass", ()),
        (of_aws(), "exception", ("OVERDUE",)),
        (of_aws(severity="informational"), "pass", ()),
        (of_aws(severity="undefined"), "unknown", ()),
        (of_aws(state="suppressed", dismissed=True), "unknown", ()),
        (of_aws(state="suppressed", dismissed=True, severity="medium"), "pending", ()),
    ],
)
def test_a_finding_of_inspector(row: Row, outcome: str, codes: tuple[str, ...]) -> None:
    found = one(row, dataset=VULNERABILITY_FINDINGS, scope=AWS)
    assert (found.outcome, found.codes) == (outcome, codes)


def ecr(days: float, event: str = "created", at: datetime | None = None, **changed: Any) -> Row:
    seen = START + days * DAY
    return of_aws(event=event, source="ecr", first_seen_at=seen, event_time=at or seen, **changed)


def test_each_scan_of_ecr_begins_anew_and_the_first_counts() -> None:
    found = one(ecr(-40), ecr(-9), ecr(3), dataset=VULNERABILITY_FINDINGS, scope=AWS, as_of=START + 5 * DAY)
    assert (found.event_time, found.codes) == (START - 40 * DAY, ("OVERDUE",))


@pytest.mark.parametrize(
    ("severity", "seen", "outcome"),
    [
        ("critical", 2, "unknown"),  # went somewhere between the first scan and the first of June
        ("high", 2, "pass"),
        ("critical", 20, "exception"),  # still there after its limit
    ],
)
def test_what_ecr_no_longer_lists_went_in_between(severity: str, seen: float, outcome: str) -> None:
    rows = [ecr(2, severity=severity), ecr(seen, severity=severity)]
    found = one(*rows, dataset=VULNERABILITY_FINDINGS, scope=AWS)
    assert found.outcome == outcome, found.explanation
    listed = ecr(2, "carried_over", at=END + timedelta(hours=12), severity="high")
    found = one(*rows, listed, dataset=VULNERABILITY_FINDINGS, scope=AWS, as_of=START + 36 * DAY)
    assert found.outcome == "exception"


def test_a_first_noon_that_is_not_held_shows_nothing() -> None:
    kept: Row = {"dataset": VULNERABILITY_FINDINGS, "scope": AWS, "claimed": (START, END)}
    assert one(ecr(2, severity="high"), **kept).outcome == "unknown"


def of_gcp(**changed: Any) -> Row:
    first_seen = changed.get("first_seen_at", START + 2 * DAY)
    row = {
        "finding_id": "f1", "change": "opened", "event_time": first_seen, "finding_class": "VULNERABILITY",
        "category": "OS_VULNERABILITY", "component": "//compute/i", "severity": "CRITICAL", "first_seen_at": first_seen,
        "state": "ACTIVE", "last_changed_at": first_seen, "muted": False,
    }  # fmt: skip
    return filled(FINDINGS, row | changed)


MUTED: Row = {"muted": True, "muted_at": START + 4 * DAY}


@pytest.mark.parametrize(
    ("row", "outcome", "codes"),
    [
        (of_gcp(state="INACTIVE", closed_at=START + 8 * DAY), "pass", ()),
        (of_gcp(), "exception", ("OVERDUE",)),
        (of_gcp(finding_class="MISCONFIGURATION"), "exception", ("OVERDUE",)),
        (of_gcp(severity="LOW"), "pass", ()),
        (of_gcp(severity="SEVERITY_UNSPECIFIED"), "unknown", ()),
        (of_gcp(**MUTED, muted_by="alice@acme.example"), "unknown", ()),
        (of_gcp(muted=True, muted_at=START + 20 * DAY, muted_by="alice@acme.example"), "exception", ("ACCEPTED_LATE",)),
        (of_gcp(**MUTED, muted_by="x@p.iam.gserviceaccount.com"), "unknown", ()),
        (of_gcp(muted=True, muted_at=START + 20 * DAY, muted_by="organizations/1/muteConfigs/m"), "unknown", ()),
    ],
)  # fmt: skip
def test_a_finding_of_google(row: Row, outcome: str, codes: tuple[str, ...]) -> None:
    found = one(row, dataset=FINDINGS, scope=GCP)
    assert (found.outcome, found.codes) == (outcome, codes)


def test_an_observation_is_no_weakness() -> None:
    assert judged(held([of_gcp(finding_class="OBSERVATION")], FINDINGS, GCP), scope=GCP) == []


# --- what is scanned


def covering(snapshots: Mapping[datetime, Sequence[Row]], dataset: Dataset, scope: str) -> MemoryEvidence:
    evidence = MemoryEvidence()
    evidence.claim(VULNERABILITY_ALERTS if scope == SCOPE else VULNERABILITY_FINDINGS, scope, *CLAIMED)
    for observed_at, rows in snapshots.items():
        evidence.snapshot(dataset, scope, observed_at, rows)
    return evidence


def test_a_repository_without_alerts_is_not_scanned() -> None:
    off = [COVERED[0] | {"state": "disabled"}, *COVERED[1:]]
    [found] = judged(covering({FIRST: COVERED, SECOND: off, THIRD: COVERED}, ALERT_COVERAGE, SCOPE))
    assert (found.outcome, found.codes, found.event_time) == ("exception", ("COMPONENT_NOT_SCANNED",), SECOND)
    assert found.evidence_id == "coverage"
    for rows in ([], COVERED[1:]):
        [found] = judged(covering({FIRST: rows}, ALERT_COVERAGE, SCOPE))
        assert (found.outcome, found.evidence_id) == ("unknown", "coverage")
    [found] = judged(covering({}, ALERT_COVERAGE, SCOPE))
    assert (found.outcome, found.evidence_id) == ("unknown", "coverage")


def resource(kind: str = "AWS_EC2_INSTANCE", name: str = "i-1", **changed: Any) -> Row:
    row = {
        "coverage_id": f"{kind}|{name}|{changed.get('scan_type')}", "region": "eu-west-1", "scanner": "inspector",
        "resource_type": kind, "resource_id": name, "scanned": True, "status": "ACTIVE",
    }  # fmt: skip
    return filled(SCAN_COVERAGE, row | changed)


def machine(name: str = "i-1", **changed: Any) -> Row:
    row = {
        "instance_id": name, "region": "eu-west-1", "managed": True, "instance_state": "running",
        "launched_at": START - DAY,
    }  # fmt: skip
    return filled(PATCH_STATE, row | changed)


IMAGES: Row = {"kind": "AWS_ECR_REPOSITORY", "name": "arn:repo", "scanned": False, "scanner": "ecr"}


@pytest.mark.parametrize(
    ("resources", "machines", "codes"),
    [
        ([resource()], [machine()], []),
        ([], [machine()], ["COMPONENT_NOT_SCANNED"]),
        ([], [machine(launched_at=FIRST - timedelta(hours=3))], []),
        ([], [machine(instance_state="stopped")], []),
        ([resource(scanned=False, reason="UNMANAGED_EC2_INSTANCE")], [machine()], ["COMPONENT_NOT_SCANNED"]),
        ([resource(scanned=False, reason="EC2_INSTANCE_STOPPED")], [], []),
        ([resource(scanned=False, scan_type="CODE"), resource(scan_type="NETWORK")], [machine()], []),
        ([resource(**IMAGES, images=0, status="EMPTY")], [], []),
        ([resource(**IMAGES, images=3, reason="1 image(s) without a complete scan")], [], ["COMPONENT_NOT_SCANNED"]),
        ([resource("region", "lambda", scanned=True)], [], []),
    ],
)
def test_what_inspector_looks_at(resources: list[Row], machines: list[Row], codes: list[str]) -> None:
    evidence = covering({FIRST: resources}, SCAN_COVERAGE, AWS)
    evidence.snapshot(PATCH_STATE, AWS, FIRST, machines)
    found = judged(evidence, scope=AWS)
    assert [code for row in found for code in row.codes] == codes
    assert "unknown" not in {row.outcome for row in found}


def test_what_nobody_can_tell_of_an_account_is_unknown() -> None:
    off = resource("region", "lambda", scanned=False)
    evidence = covering({FIRST: [off]}, SCAN_COVERAGE, AWS)
    found = judged(evidence, scope=AWS)
    assert [row.outcome for row in found] == ["unknown", "unknown"]  # no inventory of machines, none of functions
    evidence = covering({FIRST: [resource()]}, SCAN_COVERAGE, AWS)
    evidence.snapshot(PATCH_STATE, AWS, FIRST - 36 * DAY, [machine()])
    assert [row.outcome for row in judged(evidence, scope=AWS)] == ["pass", "unknown"]  # an inventory of long ago
    waiting = resource(scanned=False, reason="PENDING_INITIAL_SCAN")
    evidence = covering({FIRST: [waiting]}, SCAN_COVERAGE, AWS)
    evidence.snapshot(PATCH_STATE, AWS, FIRST, [])
    assert [row.outcome for row in judged(evidence, scope=AWS)] == ["unknown"]
