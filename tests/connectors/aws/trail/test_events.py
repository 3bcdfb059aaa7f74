"""Management events from delivered files: every one, once, with nothing of it lost but secrets."""

from __future__ import annotations

from datetime import timedelta

import orjson
import pytest

from connectors.aws.trail import events as events_module
from schemas.errors import ConfigurationError, IncompletePopulation, PermissionDenied
from tests.fakes.aws_company import PROD, STAGING, SimulatedAws, account, company, organisation, role
from tests.fakes.aws_trail import (
    BUCKET,
    END,
    NOW,
    REGIONS,
    START,
    STARTED,
    TRAIL,
    collect_events,
    every,
    record,
    session,
    start,
    with_trail,
)
from tests.fakes.memory_sink import MemorySink


def test_every_event_of_the_interval_once(simulated_aws: SimulatedAws) -> None:
    simulated = start(simulated_aws, with_trail(every(7, 60)))
    claim, rows = collect_events(simulated)
    of_ana = [row for row in rows if row["event_source"] == "ec2.amazonaws.com"]
    assert [row["event_time"] for row in of_ana] == [
        at for number in range(60) if START <= (at := STARTED + timedelta(minutes=7 * number)) < END
    ]
    assert [row["event_name"] for row in rows if row["region"] == "us-east-1"] == ["ConsoleLogin"] * 4
    assert not claim.truncated
    assert claim.complete_from is None
    assert claim.complete_until is None
    assert claim.proof_of_life
    assert claim.parameters["source"] == "aws.cloudtrail_s3"
    assert claim.rows_returned == len(rows) + sum(claim.drop_rules.values())
    assert claim.reconciliation is not None
    assert "30 are named by digests, 30 are as they were delivered" in claim.reconciliation


def test_a_record_as_columns(simulated_aws: SimulatedAws) -> None:
    more = {
        "errorCode": "AccessDenied", "resources": [{"ARN": "arn:aws:s3:::x", "accountId": PROD, "type": "AWS::S3"}],
        "requestParameters": {"a": [1, {"b": None}]}, "additionalEventData": {"SignatureVersion": "SigV4"},
        "tlsDetails": {"tlsVersion": "TLSv1.3"}, "somethingNew": {"of": ["next", "year"]},
    }  # fmt: skip
    told = record(1, START + timedelta(minutes=1), **more)
    simulated = start(simulated_aws, with_trail([told]))
    _, rows = collect_events(simulated)
    [row] = [one for one in rows if one["region"] == "eu-west-1"]
    assert orjson.loads(row["raw"]) == told
    assert (row["identity_type"], row["issuer_user_name"], row["mfa_authenticated"]) == (
        "AssumedRole",
        "engineer",
        True,
    )
    assert row["session_created_at"] == STARTED + timedelta(minutes=30)
    assert orjson.loads(row["request_parameters"]) == more["requestParameters"]
    assert orjson.loads(row["additional_event_data"]) == more["additionalEventData"]
    assert row["resources"] == [{"arn": "arn:aws:s3:::x", "account_id": PROD, "type": "AWS::S3"}]
    assert row["log_file"].startswith(f"s3://{BUCKET}/AWSLogs/{PROD}/CloudTrail/eu-west-1/2026/04/01/")
    assert row["error_code"] == "AccessDenied"
    assert row["read_only"] is False


def test_the_same_field_may_be_of_any_type(simulated_aws: SimulatedAws) -> None:
    shapes = [{"x": {"y": 1}}, {"x": [1, 2]}, {"x": "text"}, None, {"x": 1.5}]
    told = [record(n, START + timedelta(minutes=n), requestParameters=shape) for n, shape in enumerate(shapes)]
    _, rows = collect_events(start(simulated_aws, with_trail(told)))
    found = [row["request_parameters"] for row in rows if row["region"] == "eu-west-1"]
    assert [None if text is None else orjson.loads(text) for text in found] == shapes


def test_an_event_delivered_twice_is_one_row(simulated_aws: SimulatedAws) -> None:
    told = every(20, 12)
    simulated = start(simulated_aws, with_trail([*told, *told[4:7]]))
    claim, rows = collect_events(simulated)
    ids = [row["event_id"] for row in rows]
    assert len(ids) == len(set(ids))
    assert claim.drop_rules["delivered again"] == 3


def test_data_events_are_left_out_and_counted(simulated_aws: SimulatedAws) -> None:
    told = every(30, 8)
    told[3] |= {"eventCategory": "Data", "managementEvent": False}
    claim, rows = collect_events(start(simulated_aws, with_trail(told)))
    assert told[3]["eventID"] not in {row["event_id"] for row in rows}
    assert claim.drop_rules["no management event"] == 1


def test_secrets_in_parameters_are_in_no_row(simulated_aws: SimulatedAws) -> None:
    secrets = {"masterUserPassword": "pw-1", "nested": [{"clientSecret": "cs-1", "name": "kept"}], "userData": "IyEv"}
    told = [record(1, START, requestParameters=secrets, responseElements={"credentials": {"sessionToken": "hidden-1"}})]
    _, rows = collect_events(start(simulated_aws, with_trail(told)))
    [row] = [one for one in rows if one["region"] == "eu-west-1"]
    text = str(row)
    assert not [value for value in ("pw-1", "cs-1", "IyEv", "hidden-1") if value in text]
    assert orjson.loads(row["request_parameters"]) == {"nested": [{"name": "kept"}]}


def test_the_recent_end_is_claimed_as_far_as_digests_go(simulated_aws: SimulatedAws) -> None:
    simulated = start(simulated_aws, with_trail(every(7, 60)), now=END + timedelta(minutes=45))
    claim, rows = collect_events(simulated)
    # The last digest ends at 5:00, and what came in the hour after an event counts too.
    assert claim.truncated
    assert claim.complete_until == END - timedelta(hours=1)
    assert claim.reconciliation is not None
    assert "digests prove what was delivered up to 2026-04-01T05:00:00Z" in claim.reconciliation
    assert "digest_missing" not in claim.reconciliation
    assert rows


def test_files_are_noted_and_their_records_kept_in_rows_alone(simulated_aws: SimulatedAws) -> None:
    sink = MemorySink()
    collect_events(start(simulated_aws, with_trail(every(30, 8))), sink=sink)
    files = [answer for answer in sink.answers if answer.parameters.get("operation") == "s3:GetObject"]
    assert len(files) > 8
    assert all(answer.body == b"" for answer in files)
    assert all(answer.parameters["bytes"] > 0 for answer in files)


def test_in_workers_the_rows_are_the_same(simulated_aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    simulated = start(simulated_aws, with_trail([*every(7, 60), *every(7, 5)]))
    claim, rows = collect_events(simulated)
    monkeypatch.setattr(events_module, "MANY_FILES", 1)
    assert collect_events(simulated) == (claim, rows)


class TestOrganisation:
    """One trail for all accounts, in a bucket of one of them."""

    def content(self) -> dict[str, object]:
        events = [*every(30, 10), record(900, START, recipientAccountId=STAGING)]
        accounts = [account(regions=REGIONS), account(STAGING, regions=REGIONS)]
        trail = {"name": "all", "account": PROD, "bucket": BUCKET, "started": STARTED, "prefix": "logs/",
                 "organisation": True}  # fmt: skip
        return {
            **company(*accounts, organisation=organisation()), "trail": trail, "trail_events": events,
        }  # fmt: skip

    @pytest.mark.parametrize(
        "address", [f"{TRAIL}/logs", f"{TRAIL}/logs/AWSLogs/", f"{TRAIL}/logs/AWSLogs/o-acmeexample1/"]
    )
    def test_each_account_has_its_own(self, simulated_aws: SimulatedAws, address: str) -> None:
        simulated = start(simulated_aws, self.content())
        opened = session(simulated, PROD, STAGING, trail=address)
        claim, rows = collect_events(simulated, item=STAGING, opened=opened)
        assert [(row["account_id"], row["recipient_account_id"]) for row in rows] == [(STAGING, STAGING)]
        assert not claim.truncated
        _, rows = collect_events(simulated, opened=opened)
        assert {row["account_id"] for row in rows} == {PROD}

    def test_the_role_of_another_account_reads_where_ones_own_may_not(self, simulated_aws: SimulatedAws) -> None:
        simulated = start(simulated_aws, self.content())
        opened = session(simulated, PROD, STAGING, trail=f"{TRAIL}/logs")
        simulated.plan.replace([{"source": "aws", "match": "s3:ListObjectsV2", "kind": "forbidden", "times": 1}])
        claim, rows = collect_events(simulated, item=STAGING, opened=opened)
        assert len(rows) == 1
        assert not claim.truncated


def test_nothing_delivered_is_no_empty_population(simulated_aws: SimulatedAws) -> None:
    simulated = start(simulated_aws, with_trail([]))
    with pytest.raises(IncompletePopulation, match="Nothing is delivered for account"):
        collect_events(simulated, opened=session(simulated, trail=f"{TRAIL}/elsewhere"))
    with pytest.raises(IncompletePopulation, match="no digest file"):
        collect_events(simulated, STARTED - timedelta(days=9), STARTED - timedelta(days=8))


def test_a_bucket_that_is_not_there_or_closed(simulated_aws: SimulatedAws) -> None:
    simulated = start(simulated_aws, with_trail([]))
    with pytest.raises(ConfigurationError, match="no bucket no-such-bucket"):
        collect_events(simulated, opened=session(simulated, trail="s3://no-such-bucket"))
    simulated.plan.replace([{"source": "aws", "match": "s3:ListObjectsV2", "kind": "forbidden", "times": None}])
    with pytest.raises(PermissionDenied) as denied:
        collect_events(simulated)
    assert denied.value.permission == f"s3:ListBucket on {BUCKET}"


def test_an_account_without_events_is_proven_by_its_digests(simulated_aws: SimulatedAws) -> None:
    quiet = {**company(account(regions=REGIONS, roles=[role("other", f"arn:aws:iam::{PROD}:root")]))}
    quiet |= {"trail": {"name": "all", "account": PROD, "bucket": BUCKET, "started": STARTED}}
    claim, rows = collect_events(start(simulated_aws, quiet))
    assert rows == []
    assert claim.proof_of_life
    assert not claim.truncated
    assert NOW > END
