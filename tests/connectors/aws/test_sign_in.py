"""Sign-in and access keys from the credential report."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from schemas.errors import IncompletePopulation
from tests.fakes.aws_company import PROD, STAGING, START, SimulatedAws, account, company, user

BOTH = ("aws.sign_in", "aws.access_keys")


def test_every_user_and_root_has_a_row_with_what_the_report_says(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(
        company(
            account(
                users=[
                    user("maria", password=True, mfa=True, signs_in_every_hours=24),
                    user("tom", password=True),
                    user(
                        "ci",
                        keys=[
                            {"label": "old", "created": "2025-11-12T00:00:00Z", "used_every_hours": 24},
                            {"label": "idle", "created": "2026-03-01T00:00:00Z", "active": False},
                        ],
                    ),
                ],
                root={"mfa": False, "keys": [{"label": "root", "created": "2024-02-01T00:00:00Z"}]},
            )
        )
    )
    claims, sink = aws.collect(*BOTH)
    people = {row["user_name"]: row for row in sink.of("aws.sign_in")}
    assert set(people) == {"<root_account>", "maria", "tom", "ci"}
    assert [people[name]["mfa_active"] for name in ("maria", "tom", "ci", "<root_account>")] == [
        True, False, False, False,
    ]  # fmt: skip
    assert [people[name]["password_enabled"] for name in ("maria", "tom", "ci")] == [True, True, False]
    root = people["<root_account>"]
    assert root["is_root"]
    assert root["password_enabled"] is None
    assert root["root_credentials_present"] is True
    assert people["maria"]["password_last_used_at"] == datetime(2026, 3, 31, 9, tzinfo=UTC)
    keys = {row["credential_id"]: row for row in sink.of("aws.access_keys")}
    assert set(keys) == {
        f"arn:aws:iam::{PROD}:user/ci#access_key_1",
        f"arn:aws:iam::{PROD}:user/ci#access_key_2",
        f"arn:aws:iam::{PROD}:root#access_key_1",
    }
    first, second = (keys[f"arn:aws:iam::{PROD}:user/ci#access_key_{place}"] for place in (1, 2))
    assert first["active"]
    assert first["last_rotated_at"] == datetime(2025, 11, 12, tzinfo=UTC)
    assert first["last_used_at"] == datetime(2026, 4, 1, tzinfo=UTC)
    assert first["last_used_service"] == "s3"
    assert not second["active"]
    assert second["last_used_at"] is None
    for claim in claims:
        assert claim.observed_at == START
        assert claim.rows_returned == 4
    assert claims[0].independent_count == 4
    assert "3 users and root" in (claims[0].reconciliation or "")


def test_account_without_users_still_has_root(simulated_aws: SimulatedAws) -> None:
    claims, sink = simulated_aws.start(company(account())).collect(*BOTH)
    assert [row["user_name"] for row in sink.of("aws.sign_in")] == ["<root_account>"]
    assert sink.of("aws.access_keys") == []
    assert claims[0].independent_count == 1


def test_root_without_credentials_is_told_from_root_with_them(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(company(account(root={"password": False, "mfa": False})))
    _, sink = aws.collect("aws.sign_in")
    assert sink.of("aws.sign_in")[0]["root_credentials_present"] is False


def test_only_what_is_asked_for_is_filled(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(company(account(users=[user("maria")])))
    _, sink = aws.collect("aws.access_keys")
    assert sink.of("aws.sign_in") == []
    assert {answer.dataset for answer in sink.answers} == {"aws.access_keys"}


def test_a_report_made_earlier_dates_the_state(simulated_aws: SimulatedAws) -> None:
    """AWS gives the same report for four hours: who came since is explained and not dated into the past."""
    aws = simulated_aws.start(
        company(
            account(users=[user("maria"), {**user("new"), "created": "2026-04-01T08:00:00Z"}, user("leaver")]),
            events=[{"kind": "user_deleted", "at": "2026-04-01T08:30:00Z", "account": PROD, "user": "leaver"}],
        )
    )
    aws.collect(*BOTH)
    aws.clock.set(START + timedelta(hours=2, minutes=15))
    claims, sink = aws.collect(*BOTH)
    assert claims[0].observed_at == START
    assert {row["user_name"] for row in sink.of("aws.sign_in")} == {"<root_account>", "maria", "leaver"}
    assert "1 created since, 0 deleted" in (claims[0].reconciliation or "")
    aws.clock.set(START + timedelta(hours=2, minutes=45))
    claims, sink = aws.collect(*BOTH)
    assert claims[0].observed_at == START
    assert {row["user_name"] for row in sink.of("aws.sign_in")} == {"<root_account>", "maria", "leaver"}
    aws.clock.set(START + timedelta(hours=4))
    claims, sink = aws.collect(*BOTH)
    assert claims[0].observed_at == START + timedelta(hours=4)
    assert {row["user_name"] for row in sink.of("aws.sign_in")} == {"<root_account>", "maria", "new"}


def test_users_created_since_the_report_are_named_as_such(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(company(account(users=[{**user("new"), "created": "2026-04-01T08:00:00Z"}])))
    aws.collect("aws.sign_in")
    aws.clock.set(START + timedelta(hours=3))
    claims, _ = aws.collect("aws.sign_in")
    assert "1 created since" in (claims[0].reconciliation or "")


def test_a_user_the_report_lost_is_an_error(simulated_aws: SimulatedAws) -> None:
    """A user older than the report and not in it: the list of users shows it, and nothing is claimed."""
    aws = simulated_aws.start(company(account(users=[user("maria"), user("tom")])))
    aws.plan.replace([{"source": "aws", "kind": "truncated_page", "match": "iam:ListUsers"}])
    aws.collect("aws.sign_in")  # counts agree, so the users are not listed
    assert "iam:ListUsers" not in aws.server.requests_by_operation
    aws.clock.set(START + timedelta(hours=1))
    live = aws.server._state.world.account(PROD)
    assert live is not None
    live.iam.add_user("hidden", "/", datetime(2024, 1, 1, tzinfo=UTC))
    aws.plan.replace([])
    with pytest.raises(IncompletePopulation, match="older than the credential report"):
        aws.collect("aws.sign_in")


def test_two_accounts_do_not_mix(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(
        company(
            account(PROD, users=[user("maria", password=True, mfa=True)]),
            account(STAGING, users=[user("maria", password=True)]),
        )
    )
    session = aws.session(PROD, STAGING)
    for account_id, mfa in ((PROD, True), (STAGING, False)):
        claims, sink = aws.collect(*BOTH, item=f"aws:{account_id}", session=session)
        row = next(row for row in sink.of("aws.sign_in") if row["user_name"] == "maria")
        assert row["arn"] == f"arn:aws:iam::{account_id}:user/maria"
        assert row["mfa_active"] is mfa
        assert {row["account_id"] for row in sink.of("aws.sign_in")} == {account_id}
        assert claims[0].parameters["principal"] == f"arn:aws:iam::{account_id}:role/evidence-reader"


def test_answers_are_kept_as_received(simulated_aws: SimulatedAws) -> None:
    _, sink = simulated_aws.start(company(account(users=[user("maria")]))).collect(*BOTH)
    kept = [answer.parameters["operation"] for answer in sink.answers]
    assert kept.count("iam:GetCredentialReport") >= 1
    assert {"iam:GenerateCredentialReport", "iam:GetAccountSummary", "iam:GetAccountPasswordPolicy"} <= set(kept)
    assert "sts:AssumeRole" not in kept
    report = next(answer for answer in sink.answers if answer.parameters["operation"] == "iam:GetCredentialReport")
    assert report.body.startswith(b"<GetCredentialReportResponse")
    assert report.headers["date"] == "Wed, 01 Apr 2026 06:00:00 GMT"
    policy = next(answer for answer in sink.answers if answer.status == 404)
    assert b"NoSuchEntity" in policy.body
