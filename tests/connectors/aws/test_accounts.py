"""The inventory of accounts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.errors import IncompletePopulation, PermissionDenied
from tests.fakes.aws_company import PROD, STAGING, START, SimulatedAws, account, company, organisation

ORG = "org:acme"
UNIT = "ou-ab12-workloads"


def members(count: int, **more: Any) -> list[dict[str, Any]]:
    """Accounts of the organisation that the programme knows nothing of."""
    return [account(f"9{number:011}", roles=[], **more) for number in range(count)]


def test_every_account_of_the_organisation_is_there(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(
        company(
            account(PROD, regions=["us-east-1", "eu-west-1"]),
            *members(45, unit=UNIT),
            organisation=organisation(units=[{"id": UNIT, "name": "Workloads", "parent": "r-ab12"}]),
        )
    )
    claims, sink = aws.collect("aws.accounts", item=ORG)
    rows = {row["account_id"]: row for row in sink.of("aws.accounts")}
    assert len(rows) == 46
    assert claims[0].pages == 3
    assert claims[0].independent_count == 46
    prod, other = rows[PROD], rows["900000000007"]
    assert prod["readable"]
    assert prod["management_account"]
    assert prod["regions_enabled"] == ["eu-west-1", "us-east-1"]
    assert prod["created_at"] == datetime(2024, 1, 10, 9, tzinfo=UTC)
    assert not other["readable"]
    assert other["management_account"] is False
    assert other["regions_enabled"] is None
    assert other["status"] == "ACTIVE"
    assert claims[0].observed_at == START


def test_addresses_of_root_users_are_not_kept(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(company(account(), organisation=organisation()))
    _, sink = aws.collect("aws.accounts", item=ORG)
    assert "acme.example" not in str(sink.of("aws.accounts"))
    listed = [answer for answer in sink.answers if answer.parameters["operation"] == "organizations:ListAccounts"]
    assert listed
    assert all(b"acme.example" not in answer.body for answer in listed)


def test_an_account_that_joins_later_is_seen_from_then_on(simulated_aws: SimulatedAws) -> None:
    late = account(STAGING) | {"created": "2026-05-01T00:00:00Z", "roles": []}
    aws = simulated_aws.start(company(account(), late, organisation=organisation()))
    assert len(aws.collect("aws.accounts", item=ORG)[1].of("aws.accounts")) == 1
    aws.clock.set(datetime(2026, 5, 1, 0, 0, 1, tzinfo=UTC))
    rows = aws.collect("aws.accounts", item=ORG)[1].of("aws.accounts")
    assert [row["account_id"] for row in rows] == [PROD, STAGING]
    assert rows[1]["created_at"] == datetime(2026, 5, 1, tzinfo=UTC)
    aws.clock.set(START)
    assert len(aws.collect("aws.accounts", item=ORG)[1].of("aws.accounts")) == 1


def test_closed_accounts_keep_their_row(simulated_aws: SimulatedAws) -> None:
    events = [{"kind": "account_state", "at": "2026-03-01T00:00:00Z", "account": STAGING, "state": "SUSPENDED"}]
    aws = simulated_aws.start(company(account(), account(STAGING), events=events, organisation=organisation()))
    rows = {row["account_id"]: row for row in aws.collect("aws.accounts", item=ORG)[1].of("aws.accounts")}
    assert rows[STAGING]["status"] == "SUSPENDED"


def test_without_an_organisation_the_accounts_stand_alone(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(company(account(PROD), account(STAGING)))
    claims, sink = aws.collect("aws.accounts", item=ORG, session=aws.session(PROD, STAGING))
    rows = sink.of("aws.accounts")
    assert [(row["account_id"], row["status"], row["readable"]) for row in rows] == [
        (PROD, "STANDALONE", True),
        (STAGING, "STANDALONE", True),
    ]
    assert "no organisation in use" in (claims[0].reconciliation or "")


def test_an_account_of_the_programme_outside_the_organisation_has_a_row(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(
        company(account(PROD), account(STAGING, in_organisation=False), organisation=organisation())
    )
    claims, sink = aws.collect("aws.accounts", item=ORG, session=aws.session(PROD, STAGING))
    rows = {row["account_id"]: row for row in sink.of("aws.accounts")}
    assert rows[STAGING]["status"] == "STANDALONE"
    assert rows[STAGING]["management_account"] is None
    assert STAGING in (claims[0].reconciliation or "")


def test_an_account_that_cannot_be_read_has_a_row(simulated_aws: SimulatedAws) -> None:
    """Neither listed nor readable: the programme names it, so it is there, and its state is not known."""
    aws = simulated_aws.start(company(account(PROD), organisation=organisation()))
    claims, sink = aws.collect("aws.accounts", item=ORG, session=aws.session(PROD, STAGING))
    rows = {row["account_id"]: row for row in sink.of("aws.accounts")}
    assert rows[STAGING]["status"] == "UNKNOWN"
    assert not rows[STAGING]["readable"]
    assert f"account {STAGING} of the programme can't be read" in (claims[0].reconciliation or "")


def test_an_organisation_that_nobody_may_list_is_denied_and_not_empty(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(
        company(account(PROD), account(STAGING), organisation=organisation(management_account=STAGING))
    )
    with pytest.raises(PermissionDenied, match=STAGING) as denied:
        aws.collect("aws.accounts", item=ORG)
    assert denied.value.permission == "organizations:ListAccounts"


def test_a_member_that_is_not_the_manager_is_not_asked_first(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(
        company(account(PROD), account(STAGING), organisation=organisation(management_account=STAGING))
    )
    _, sink = aws.collect("aws.accounts", item=ORG, session=aws.session(PROD, STAGING))
    assert [row["management_account"] for row in sink.of("aws.accounts")] == [False, True]


def test_no_readable_account_is_denied(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(company(account(PROD), organisation=organisation()))
    with pytest.raises(PermissionDenied):
        aws.collect("aws.accounts", item=ORG, session=aws.session(STAGING))


def test_an_account_gone_from_the_organisation_is_told_from_one_that_is_hidden(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(company(account(PROD), *members(2), organisation=organisation()))
    known = ["aws:900000000000", "aws:900000000001", "aws:900000000777", f"aws:{PROD}", f"aws:{PROD}:eu-west-1"]
    claims, _ = aws.collect("aws.accounts", item=ORG, known_items=known)
    assert "900000000777 of the last inventory has left" in (claims[0].reconciliation or "")
    hidden = [
        {"source": "aws", "kind": "truncated_page", "match": f"organizations:{operation}", "times": None}
        for operation in ("ListAccounts", "ListAccountsForParent")
    ]
    aws.plan.replace(hidden)
    with pytest.raises(IncompletePopulation, match="missing from its list"):
        aws.collect("aws.accounts", item=ORG, known_items=known)


def test_a_list_shorter_than_the_tree_is_refused(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(company(account(PROD), *members(30), organisation=organisation()))
    aws.plan.replace([{"source": "aws", "kind": "lying_last_page", "match": "organizations:ListAccounts"}])
    with pytest.raises(IncompletePopulation, match="11 account"):
        aws.collect("aws.accounts", item=ORG)


def test_a_tree_shorter_than_the_list_is_refused(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(company(account(PROD), *members(30), organisation=organisation()))
    aws.plan.replace([{"source": "aws", "kind": "lying_last_page", "match": "organizations:ListAccountsForParent"}])
    with pytest.raises(IncompletePopulation):
        aws.collect("aws.accounts", item=ORG)


def test_the_state_is_dated_by_the_source(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(company(account(), organisation=organisation()), now=START)
    aws.plan.replace([{"source": "aws", "kind": "wrong_date", "seconds": -20, "times": None}])
    claims, _ = aws.collect("aws.accounts", item=ORG)
    assert claims[0].observed_at == START - timedelta(seconds=20)
