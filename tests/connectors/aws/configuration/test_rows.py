"""What is told of an account with something of every kind."""

from __future__ import annotations

import json
from typing import Any

import pytest

from schemas.aws_configuration import (
    ENCRYPTION,
    ENCRYPTION_KINDS,
    EXPOSURE,
    EXPOSURE_KINDS,
    LIFECYCLE,
    LIFECYCLE_KINDS,
    LOG_CONFIG,
    LOG_CONFIG_KINDS,
    TRANSIT,
    TRANSIT_KINDS,
)
from schemas.dataset import Dataset
from schemas.extraction import ItemClaim
from tests.connectors.aws.configuration.conftest import Account
from tests.fakes.aws_company import PROD
from tests.fakes.aws_configuration import BALANCER, LISTENER
from tests.fakes.aws_records import OTHER, REGION
from tests.fakes.memory_sink import MemorySink

Whole = dict[str, tuple[dict[str, ItemClaim], MemorySink]]


def rows(whole: Whole, dataset: Dataset, kind: str, region: str = REGION) -> dict[str, dict[str, Any]]:
    """Rows of a kind by the last part of the id."""
    found = [row for row in whole[region][1].of(dataset) if row["kind"] == kind]
    return {row["record_id"].removeprefix(f"{kind}:").rpartition("/")[2].rpartition(":")[2]: row for row in found}


def public(whole: Whole, kind: str) -> dict[str, Any]:
    return {name: row["public"] for name, row in rows(whole, EXPOSURE, kind).items()}


def test_every_kind_that_is_declared_is_read(whole: Whole) -> None:
    for dataset, kinds in (
        (EXPOSURE, EXPOSURE_KINDS), (ENCRYPTION, ENCRYPTION_KINDS), (TRANSIT, TRANSIT_KINDS),
        (LIFECYCLE, LIFECYCLE_KINDS), (LOG_CONFIG, LOG_CONFIG_KINDS),
    ):  # fmt: skip
        found = {row["kind"] for region in whole for row in whole[region][1].of(dataset)}
        assert found == set(kinds), dataset.name


def test_every_claim_is_whole_and_counts_its_rows(whole: Whole) -> None:
    for claims, sink in whole.values():
        for name, claim in claims.items():
            assert not claim.truncated, name
            assert claim.rows_returned == len(sink.of(name))
            assert claim.proof_of_life
            assert claim.observed_at is not None


def test_a_group_is_as_open_as_its_widest_rule(whole: Whole) -> None:
    assert public(whole, "security_group") == {
        "sg-web": True, "sg-office": False, "sg-world": True, "sg-halves": True, "sg-data": False, "sg-idle": False,
    }  # fmt: skip
    groups = rows(whole, EXPOSURE, "security_group")
    assert groups["sg-web"]["attached_to"] == ["eni-1"]
    assert (groups["sg-idle"]["default_group"], groups["sg-idle"]["attached_to"]) == (True, [])


def test_what_goes_out_opens_nothing(whole: Whole) -> None:
    ways = [row for row in whole[REGION][1].of(EXPOSURE) if row["kind"] == "security_group_rule"]
    assert {row["public"] for row in ways if row["direction"] == "egress"} == {False}
    assert {(row["source"], row["from_port"]) for row in ways if row["public"]} == {
        ("0.0.0.0/0", 443), ("::/0", 443), ("pl-world", 80), ("0.0.0.0/1", 22), ("128.0.0.0/1", 22),
    }  # fmt: skip


def test_an_address_is_there_once_whoever_tells_of_it(whole: Whole) -> None:
    found = rows(whole, EXPOSURE, "public_address")
    assert {name: row["state"] for name, row in found.items()} == {
        "203.0.113.7": "associated", "203.0.113.8": "unassociated"
    }  # fmt: skip
    assert found["203.0.113.7"]["attached_to"] == ["eni-1", "i-1"]


def test_block_policy_and_access_list_make_a_bucket_public_or_not(whole: Whole) -> None:
    found = rows(whole, EXPOSURE, "bucket")
    assert {name: (row["public"], row["reasons"]) for name, row in found.items()} == {
        "shop-data": (False, []), "shop-site": (True, ["policy"]), "shop-old": (True, ["acl"]),
        "shop-unplaced": (False, []),
    }  # fmt: skip
    assert found["shop-old"]["acl_grantees"] == ["all:READ", "own:FULL_CONTROL"]
    assert found["shop-old"]["block_public_acls"] is False  # no block is a block that blocks nothing
    assert public(whole, "access_point") == {"door": True, "hatch": False}


def test_a_bucket_stands_in_its_own_region_only_and_is_asked_where_the_list_does_not_say(whole: Whole) -> None:
    assert set(rows(whole, EXPOSURE, "bucket")) == {"shop-data", "shop-site", "shop-old", "shop-unplaced"}
    assert set(rows(whole, EXPOSURE, "bucket", OTHER)) == {"shop-logs"}


def test_distributions_stand_under_one_region_once(whole: Whole) -> None:
    assert rows(whole, TRANSIT, "distribution") == {}
    found = rows(whole, TRANSIT, "distribution", OTHER)
    assert {name: (row["tls_versions"], row["redirects_only"]) for name, row in found.items()} == {
        "E1": (["TLSv1.2", "TLSv1.3"], True), "E2": (["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"], False),
    }  # fmt: skip


def test_stores_that_let_everybody_in(whole: Whole) -> None:
    assert public(whole, "database") == {"orders": False, "legacy": True}
    assert public(whole, "database_cluster") == {"ledger": None}  # its instances say it
    assert public(whole, "database_snapshot") == {"auto": False, "given": True, "lent": False}
    assert rows(whole, EXPOSURE, "database_snapshot")["lent"]["shared_with"] == ["999988887777"]
    assert public(whole, "volume_snapshot") == {"snap-1": False, "snap-2": True}
    assert public(whole, "image") == {"ami-1": False, "ami-2": True}
    assert public(whole, "key") == {"rotated": False, "still": False, "signing": False, "aws": False, "open": True}
    assert public(whole, "queue") == {"orders": False, "open": True}
    assert public(whole, "topic") == {"news": False, "quiet": False}
    assert public(whole, "file_system") == {"fs-1": False, "fs-2": False}
    assert public(whole, "function") == {"pay": False, "hook": True}
    assert rows(whole, EXPOSURE, "function")["hook"]["reasons"] == ["function_url"]


def test_load_balancers_show_what_they_listen_to(whole: Whole) -> None:
    found = rows(whole, EXPOSURE, "listener")
    assert {(row["parent_id"], row["public"]) for row in found.values()} == {
        (BALANCER, True), (f"arn:aws:elasticloadbalancing:{REGION}:{PROD}:loadbalancer/old", False)
    }  # fmt: skip


def test_a_listener_redirects_only_where_all_of_its_rules_do(whole: Whole) -> None:
    found = {row["resource_id"].removeprefix(LISTENER): row for row in rows(whole, TRANSIT, "listener").values()}
    assert (found["redirect"]["plain_text"], found["redirect"]["redirects_only"]) == (True, True)
    assert (found["half"]["plain_text"], found["half"]["redirects_only"]) == (True, False)
    assert (found["tls"]["plain_text"], found["tls"]["redirects_only"]) == (False, None)
    assert found["tls"]["tls_versions"] == ["TLSv1.2", "TLSv1.3"]
    assert found["old"]["tls_versions"] == ["TLSv1", "TLSv1.1", "TLSv1.2"]
    [classic] = [row for row in found.values() if row["tls_policy"] == "tls-only"]
    assert classic["tls_versions"] == ["TLSv1.2"]


def test_certificates_of_every_kind_of_key_are_listed(whole: Whole) -> None:
    found = rows(whole, TRANSIT, "certificate")
    assert {row["key_algorithm"] for row in found.values()} == {"RSA_2048", "EC_prime256v1"}
    assert all(row["in_use"] and row["not_after"] is not None for row in found.values())


def test_buckets_take_plain_text_unless_their_policy_denies_it(whole: Whole) -> None:
    found = rows(whole, TRANSIT, "bucket")
    assert {name: row["plain_text"] for name, row in found.items()} == {
        "shop-data": False, "shop-site": True, "shop-old": True, "shop-unplaced": True,
    }  # fmt: skip


def test_what_is_encrypted_and_with_what(whole: Whole) -> None:
    for kind, expected in {
        "volume": {"vol-1": True, "vol-2": False}, "volume_snapshot": {"snap-1": True, "snap-2": False},
        "database": {"orders": True, "legacy": False}, "database_cluster": {"ledger": True},
        "database_snapshot": {"auto": True, "given": False, "lent": True}, "queue": {"orders": True, "open": True},
        "bucket": {"shop-data": True, "shop-site": True, "shop-old": False, "shop-unplaced": True},
        "table": {"carts": True, "plain": True}, "topic": {"news": True, "quiet": False},
        "file_system": {"fs-1": True, "fs-2": False}, "volume_default": {REGION: True},
    }.items():  # fmt: skip
        assert {name: row["encrypted"] for name, row in rows(whole, ENCRYPTION, kind).items()} == expected, kind
    keys = rows(whole, ENCRYPTION, "key")
    assert {name: row["rotation_enabled"] for name, row in keys.items()} == {
        "rotated": True, "still": False, "signing": None, "aws": None, "open": True,
    }  # fmt: skip
    assert keys["rotated"]["rotation_period_days"] == 365


def test_how_long_things_are_kept(whole: Whole) -> None:
    buckets = rows(whole, LIFECYCLE, "bucket")
    kept = buckets["shop-data"]
    assert (kept["enabled"], kept["rules"], kept["versioning"], kept["lock_mode"], kept["lock_days"]) == (
        True, 2, "Enabled", "COMPLIANCE", 365
    )  # fmt: skip
    assert kept["replicated_to"] == ["arn:aws:s3:::shop-copy"]
    assert (buckets["shop-old"]["enabled"], buckets["shop-old"]["versioning"]) == (False, "Never")
    ways = rows(whole, LIFECYCLE, "bucket_rule").values()
    assert {(row["enabled"], row["expiration_days"], tuple(row["transitions"])) for row in ways} == {
        (True, 400, ()), (False, 1, ("30:GLACIER",))
    }  # fmt: skip
    tables = rows(whole, LIFECYCLE, "table")
    assert (tables["carts"]["ttl_attribute"], tables["carts"]["recovery_enabled"]) == ("until", True)
    assert (tables["plain"]["enabled"], tables["plain"]["recovery_enabled"]) == (False, False)
    assert {name: row["retention_days"] for name, row in rows(whole, LIFECYCLE, "log_group").items()} == {
        "app": 400, "ever": None
    }  # fmt: skip
    [vault] = rows(whole, LIFECYCLE, "backup_vault").values()
    assert (vault["lock_mode"], vault["minimum_retention_days"]) == ("COMPLIANCE", 35)
    [rule] = rows(whole, LIFECYCLE, "backup_plan_rule").values()
    assert (rule["expiration_days"], rule["transitions"], rule["copies_to"]) == (35, ["7:COLD"], ["arn:far"])


def test_a_trail_is_told_in_every_region_it_covers_with_its_bucket(whole: Whole) -> None:
    for region in whole:
        [trail] = rows(whole, LOG_CONFIG, "trail", region).values()
        assert (trail["home_region"], trail["logging"], trail["management_events"]) == (OTHER, True, "All")
        assert (trail["bucket_readable"], trail["lock_mode"], trail["lock_days"]) == (True, "COMPLIANCE", 365)
        assert (trail["expiration_days"], trail["bucket_public"]) == (400, False)
        assert trail["insights"] == ["ApiCallRateInsight"]


def test_what_records_traffic_and_access(whole: Whole) -> None:
    networks = rows(whole, LOG_CONFIG, "network")
    assert {name: row["logging"] for name, row in networks.items()} == {"vpc-1": True, "vpc-2": False}
    balancers = rows(whole, LOG_CONFIG, "load_balancer")
    assert {row["name"]: row["logging"] for row in balancers.values()} == {"shop": True, "old": False}
    buckets = rows(whole, LOG_CONFIG, "bucket")
    assert {name: row["destination"] for name, row in buckets.items() if row["logging"]} == {
        "shop-data": "shop-logs/s3/"
    }  # fmt: skip


def test_no_secret_is_kept_anywhere(whole: Whole) -> None:
    """Variables of functions and headers that prove CloudFront to an origin; the store does the same to answers."""
    kept = json.dumps([row["raw"] for _, sink in whole.values() for name in ("aws.exposure", "aws.transit")
                       for row in sink.of(name)])  # fmt: skip
    assert "hush-hush" not in kept


@pytest.mark.parametrize("dataset", [EXPOSURE, ENCRYPTION, TRANSIT, LIFECYCLE, LOG_CONFIG])
def test_one_dataset_alone_is_told_the_same_as_with_the_others(
    whole: Whole, configured: Account, dataset: Dataset
) -> None:
    _, sink = configured.read(dataset.name)
    assert sink.of(dataset) == whole[REGION][1].of(dataset)


def test_what_two_datasets_share_is_asked_once(configured: Account) -> None:
    before = configured.asked()
    configured.read()
    after = configured.asked()
    once = ("rds:DescribeDBInstances", "elbv2:DescribeLoadBalancers", "s3:ListBuckets", "kms:ListKeys",
            "dynamodb:ListTables", "logs:DescribeLogGroups")  # fmt: skip
    assert {name: after[name] - before.get(name, 0) for name in once} == dict.fromkeys(once, 1)
    assert after["s3:GetBucketPolicy"] - before["s3:GetBucketPolicy"] == 4


def test_what_can_not_be_there_is_not_asked_for(configured: Account) -> None:
    before = configured.asked()
    configured.read()
    after = configured.asked()
    counts = {name: after[name] - before.get(name, 0) for name in after if name.startswith("s3:Get")}
    assert counts["s3:GetBucketAcl"] == 1  # of the one bucket whose owner is not enforced
    assert counts["s3:GetObjectLockConfiguration"] == 2  # of the one with versions, and of the trail's
    assert counts["s3:GetBucketPolicyStatus"] == 3  # of the two with a policy, and of the trail's
