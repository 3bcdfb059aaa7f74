"""How an account is run: backups and what they left, patches, deployments, configuration items."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from connectors.aws.calls import Caller
from connectors.aws.permissions import ACTIONS
from connectors.aws.probes import PROBES
from connectors.store.redaction import Redactor
from schemas.aws_operations import BACKUP_JOBS, CONFIG_HISTORY, DEPLOYMENTS, PATCH_STATE, RECOVERY_POINTS
from schemas.errors import IncompletePopulation, NotLicensed, PermissionDenied
from schemas.scope import ScopeItem
from tests.fakes.aws_company import PROD, START, Simulated, SimulatedAws, account, company
from tests.fakes.aws_operations import (
    DATABASE,
    SHA,
    cluster,
    cluster_snapshot,
    copy_job,
    database,
    deployment,
    deployment_group,
    event,
    execution,
    item,
    job,
    machine,
    pipeline,
    point,
    recorder,
    snapshot,
    vault,
)
from tests.fakes.aws_records import REGION, REGIONS, record

ITEM = f"aws:{PROD}"
HERE = f"aws:{PROD}:{REGION}"
DAY = timedelta(days=1)
WEEK = (START - 7 * DAY, START)
GROUP = "AWS::EC2::SecurityGroup"


def at(days_back: float) -> str:
    return (START - DAY * days_back).isoformat().replace("+00:00", "Z")


def started(simulated_aws: SimulatedAws, *records: dict[str, Any]) -> Simulated:
    return simulated_aws.start(company(account(regions=REGIONS), records=records))


def test_backups_by_aws_backup_and_by_rds(simulated_aws: SimulatedAws) -> None:
    aws = started(
        simulated_aws, vault(0), database(), cluster(), job(1, at(1)), job(2, at(2), "FAILED"),
        job(3, at(3), "EXPIRED"), job(4, at(4), "ABORTED"), job(5, at(20)),
        copy_job(1, at(1)), snapshot(1, at(1)), snapshot(2, at(40)),
        snapshot(3, None, "creating"), cluster_snapshot(at(2)), event(at(1), "Finished DB Instance backup"),
        event(at(1.01), "Backing up DB instance"), event(at(1), "DB instance restarted", "availability"),
        event(at(2), "Automated backup failed"),
    )  # fmt: skip
    [claim], sink = aws.collect(BACKUP_JOBS.name, item=ITEM, interval=WEEK)
    rows = {row["job_id"].removeprefix(f"{row['kind']}:{REGION}:"): row for row in sink.of(BACKUP_JOBS)}
    results = {name: row["result"] for name, row in rows.items() if row["kind"] in ("backup_job", "copy_job")}
    assert results == {
        "job-1": "succeeded", "job-2": "failed", "job-3": "expired", "job-4": "failed", "copy-1": "succeeded",
    }  # fmt: skip
    told = sorted((row["event_time"], row["result"]) for row in rows.values() if row["kind"] == "database_event")
    assert [result for _, result in told] == ["failed", "running", "succeeded"]
    kinds = [row["kind"] for row in rows.values()]
    assert (kinds.count("database_snapshot"), kinds.count("cluster_snapshot")) == (1, 1)
    assert rows["job-1"]["plan_id"] == "plan-1"
    assert claim.proof == "1 vaults, 2 databases, 4 snapshots"
    assert claim.complete_from is None
    assert claim.drop_rules["an event of a database that is about no backup"] == 1
    assert claim.drop_rules["a snapshot that is still being made, without a time"] == 1


def test_no_more_of_backups_is_claimed_than_rds_remembers(simulated_aws: SimulatedAws) -> None:
    aws = started(simulated_aws, vault(0), job(1, at(20)))
    [claim], sink = aws.collect(BACKUP_JOBS.name, item=ITEM, interval=(START - 25 * DAY, START))
    assert len(sink.of(BACKUP_JOBS)) == 1
    assert claim.complete_from == START - 14 * DAY


def test_where_nothing_makes_backups_no_jobs_are_no_fact(simulated_aws: SimulatedAws) -> None:
    aws = started(simulated_aws)
    with pytest.raises(NotLicensed, match="neither makes backups"):
        aws.collect(BACKUP_JOBS.name, item=ITEM, interval=WEEK)


@pytest.mark.parametrize("listed", ["snapshot", "cluster_snapshot", "db", "cluster"])
def test_databases_of_another_region_are_not_taken_for_those_asked_for(
    simulated_aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch, listed: str
) -> None:
    """Such as by an answer to the other region that comes once more."""
    made = {
        "snapshot": snapshot(1, at(1)), "cluster_snapshot": cluster_snapshot(at(1)), "db": database(),
        "cluster": cluster(),
    }  # fmt: skip
    aws = started(simulated_aws, vault(0), made[listed])
    ask = Caller.ask

    def of_one_region(self: Caller, operation: str, **parameters: Any) -> Any:
        if operation.startswith("rds:"):
            parameters["region"] = REGION
        return ask(self, operation, **parameters)

    monkeypatch.setattr(Caller, "ask", of_one_region)
    with pytest.raises(IncompletePopulation, match="answers about another place"):
        aws.collect(RECOVERY_POINTS.name, item=ITEM, session=aws.session())


def test_what_there_is_to_restore_from(simulated_aws: SimulatedAws) -> None:
    lock: dict[str, Any] = {"Locked": True, "MinRetentionDays": 30, "MaxRetentionDays": 365, "LockDate": at(-3)}
    copied = {"SourceBackupVaultArn": "arn:aws:backup:eu-central-1:1:backup-vault:far"}
    aws = started(
        simulated_aws, vault(3, **lock), point(1), point(2, **copied), point(3, IsEncrypted=False), database(),
        database("bare"), cluster(), cluster_snapshot(at(2)),
        database("reader", DBClusterIdentifier="ledger"), snapshot(1, at(1)),
        record("backup.protected", {"ResourceArn": DATABASE, "ResourceType": "RDS", "LastBackupTime": at(1)}),
    )  # fmt: skip
    [claim], sink = aws.collect(RECOVERY_POINTS.name, item=ITEM)
    rows = sink.of(RECOVERY_POINTS)
    points = [row for row in rows if row["kind"] == "recovery_point"]
    assert [(row["vault_locked"], row["minimum_retention_days"]) for row in points] == [(True, 30)] * 3
    assert sorted(str(row["copied_from_region"]) for row in points) == ["None", "None", "eu-central-1"]
    assert [row["encrypted"] for row in points].count(False) == 1
    stores = {row["resource_id"].rpartition(":")[2]: row["protected"] for row in rows if row["kind"] == "store"}
    assert stores == {"orders": True, "bare": False, "ledger": True, "reader": True}
    assert claim.reconciliation == "vaults count 3 recovery points and list 3"
    assert [row["lock_date"] for row in rows if row["kind"] == "vault"] == [START + 3 * DAY]


def test_fewer_recovery_points_than_a_vault_counts(simulated_aws: SimulatedAws) -> None:
    aws = started(simulated_aws, vault(3), point(1), point(2))
    with pytest.raises(IncompletePopulation, match="counts 3 recovery points and lists 2"):
        aws.collect(RECOVERY_POINTS.name, item=ITEM)


def test_a_vault_that_lets_nobody_look_is_named(simulated_aws: SimulatedAws) -> None:
    aws = started(simulated_aws, vault(1), point(1))
    session = aws.session()
    aws.plan.replace([
        {"source": "aws", "match": "backup:ListRecoveryPointsByBackupVault", "kind": "forbidden", "times": None}
    ])  # fmt: skip
    [claim], sink = aws.collect(RECOVERY_POINTS.name, item=ITEM, session=session)
    assert claim.truncated
    assert f"vault main in {REGION} (backup:ListRecoveryPointsByBackupVault)" in (claim.reconciliation or "")
    assert [row["kind"] for row in sink.of(RECOVERY_POINTS)] == ["vault"]


def test_machines_with_and_without_patches(simulated_aws: SimulatedAws) -> None:
    machines = [
        *machine(1), *machine(2, missing=3), *machine(3, missing=None), *machine(4, managed=False),
        *(one for number in range(10, 61) for one in machine(number)),
    ]  # fmt: skip
    aws = started(simulated_aws, *machines)
    [claim], sink = aws.collect(PATCH_STATE.name, item=HERE)
    rows = {int(row["instance_id"][2:]): row for row in sink.of(PATCH_STATE)}
    assert {number: (rows[number]["managed"], rows[number]["compliant"]) for number in (1, 2, 3, 4)} == {
        1: (True, True), 2: (True, False), 3: (True, None), 4: (False, None),
    }  # fmt: skip
    assert (len(rows), rows[2]["missing"], rows[60]["installed"]) == (55, 3, 90)
    assert claim.proof_of_life


def test_deployments_with_their_commit_and_who_set_them_off(simulated_aws: SimulatedAws) -> None:
    aws = started(
        simulated_aws, pipeline(), execution(1, at(1)), execution(2, at(2), "Failed"),
        execution(3, at(3), "Superseded"), execution(4, at(30)), deployment_group(),
        *(deployment(number, at(2)) for number in range(27)),
        deployment(30, at(1), "InProgress", group="gone"), deployment(31, at(20)),
    )  # fmt: skip
    [claim], sink = aws.collect(DEPLOYMENTS.name, item=ITEM, interval=WEEK)
    rows = sink.of(DEPLOYMENTS)
    piped = [row for row in rows if row["kind"] == "codepipeline"]
    assert sorted(row["result"] for row in piped) == ["expired", "failed", "succeeded"]
    assert {(tuple(row["shas"]), row["role_arn"], row["triggered_by"]) for row in piped} == {
        ((SHA,), f"arn:aws:iam::{PROD}:role/pipe", f"arn:aws:iam::{PROD}:user/maria"),
    }  # fmt: skip
    deployed = {row["deployment_id"][-2:]: row for row in rows if row["kind"] == "codedeploy"}
    assert len(deployed) == 28
    assert (deployed["01"]["shas"], deployed["01"]["role_arn"]) == ([SHA], f"arn:aws:iam::{PROD}:role/deploy")
    assert (deployed["30"]["role_arn"], deployed["30"]["result"]) == (None, "running")
    assert claim.proof == "1 pipelines, 1 applications"
    assert not any("GetPipeline" in str(answer.parameters.get("operation")) and b"stages" in answer.body
                   for answer in sink.answers)  # fmt: skip


def test_where_nothing_deploys(simulated_aws: SimulatedAws) -> None:
    """Without a pipeline and without an application there is nothing that could have deployed."""
    [claim], sink = started(simulated_aws).collect(DEPLOYMENTS.name, item=ITEM, interval=WEEK)
    assert sink.of(DEPLOYMENTS) == []
    assert claim.proof == "0 pipelines, 0 applications"


def test_configuration_items_of_the_interval_without_their_secrets(simulated_aws: SimulatedAws) -> None:
    function = "AWS::Lambda::Function"
    aws = started(
        simulated_aws, recorder(), item(GROUP, "sg-1", at(30)), item(GROUP, "sg-1", at(2), rules=1),
        item(GROUP, "sg-2", at(3)), item(GROUP, "sg-2", at(1), "ResourceDeleted"), item(GROUP, "sg-3", at(0)),
        item(function, "f", at(2), environment={"variables": {"KEY": "s3cret"}}, timeout=3),
        item(function, "old", at(20)), item(function, "old", at(15), "ResourceDeleted"),
    )  # fmt: skip
    [claim], sink = aws.collect(CONFIG_HISTORY.name, item=HERE, interval=WEEK)
    rows = sink.of(CONFIG_HISTORY)
    assert sorted((row["resource_id"], row["item_status"]) for row in rows) == [
        ("f", "OK"), ("sg-1", "OK"), ("sg-2", "OK"), ("sg-2", "ResourceDeleted"),
    ]  # fmt: skip
    assert rows[0]["changed_by"] == ["event-1"]
    redactor = Redactor(CONFIG_HISTORY.secret_fields)
    kept = [redactor.json_text(answer.body.decode())[0] for answer in sink.answers]
    assert any("timeout" in text for text in kept)
    assert all("s3cret" not in text for text in [*kept, *(row["raw"] for row in rows)])
    assert not claim.truncated


def test_a_recorder_that_stands_still_or_is_not_there(simulated_aws: SimulatedAws) -> None:
    aws = started(simulated_aws, recorder(False), item(GROUP, "sg-1", at(2)))
    [claim], sink = aws.collect(CONFIG_HISTORY.name, item=ITEM, interval=WEEK)
    assert claim.truncated
    words = claim.reconciliation or ""
    assert f"{REGION} (AWS Config does not record)" in words
    assert "us-east-1 (AWS Config is not set up)" in words
    assert len(sink.of(CONFIG_HISTORY)) == 1
    with pytest.raises(NotLicensed, match="not set up"):
        aws.collect(CONFIG_HISTORY.name, item=f"aws:{PROD}:us-east-1", interval=WEEK)


def test_fewer_resources_than_config_counts(simulated_aws: SimulatedAws) -> None:
    aws = started(simulated_aws, recorder(), item(GROUP, "sg-1", at(2)), item(GROUP, "sg-2", at(2)))
    session = aws.session()
    aws.plan.replace([{"source": "aws", "match": "config:ListDiscoveredResources", "kind": "truncated_page"}])
    with pytest.raises(IncompletePopulation, match="counts 2 resources"):
        aws.collect(CONFIG_HISTORY.name, item=HERE, interval=WEEK, session=session)


def test_a_service_that_a_region_does_not_have_is_said(
    simulated_aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws = started(simulated_aws, pipeline(), execution(1, at(1)))
    session = aws.session()
    caller = session.client.account(PROD)
    monkeypatch.setattr(caller, "offers", lambda service, region: (service, region) != ("codepipeline", "us-east-1"))
    [claim], sink = aws.collect(DEPLOYMENTS.name, item=ITEM, interval=WEEK, session=session)
    assert len(sink.of(DEPLOYMENTS)) == 1
    assert "codepipeline is not offered in us-east-1" in (claim.reconciliation or "")


def test_what_a_region_offers_is_asked_of_the_description_and_then_of_the_address(
    simulated_aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = started(simulated_aws).session().client.account(PROD)
    assert caller.offers("codepipeline", REGION)
    assert caller.offers("codepipeline", "ca-west-1")  # not in the description, and its address is there
    monkeypatch.setattr("connectors.aws.calls.resolve_addresses", lambda host, port: frozenset())
    assert caller.offers("codepipeline", REGION)
    assert not caller.offers("codepipeline", "ca-west-1")


def everything() -> list[dict[str, Any]]:
    return [
        vault(1), point(1), database(), cluster(), snapshot(1, at(1)), *machine(1), pipeline(), execution(1, at(1)),
        deployment_group(), deployment(1, at(1)), recorder(), item(GROUP, "sg-1", at(1)),
    ]  # fmt: skip


def test_the_rights_are_those_of_the_policy_each_is_needed_and_a_probe_asks_for_all(
    simulated_aws: SimulatedAws,
) -> None:
    aws = started(simulated_aws, *everything())
    session = aws.session()
    streams = (BACKUP_JOBS, DEPLOYMENTS, CONFIG_HISTORY)
    for dataset in (*streams, RECOVERY_POINTS, PATCH_STATE):
        interval: tuple[datetime, datetime] | None = WEEK if dataset in streams else None
        allowed = set(ACTIONS[dataset.name]) - {"ec2:DescribeRegions"}
        for probe in (False, True):
            before = dict(aws.server.requests_by_operation)
            if probe:
                PROBES[dataset.name](session, ScopeItem(HERE, HERE, "aws"))
            else:
                aws.collect(dataset.name, item=HERE, session=session, interval=interval)
            after = aws.server.requests_by_operation
            asked = {name for name, count in after.items() if count > before.get(name, 0)} - {"sts:AssumeRole"}
            assert asked == allowed, dataset.name
        for operation in sorted(allowed - {"backup:ListRecoveryPointsByBackupVault"}):
            aws.plan.replace([{"source": "aws", "match": operation, "kind": "forbidden", "times": None}])
            with pytest.raises(PermissionDenied) as denied:
                aws.collect(dataset.name, item=HERE, session=session, interval=interval)
            assert denied.value.permission == operation
            aws.plan.replace([])
