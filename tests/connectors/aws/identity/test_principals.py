"""Everybody and everything that can act in an account."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.aws.identity.rows import is_outside
from connectors.aws.permissions import ACTIONS
from connectors.aws.probes import PROBES
from connectors.store.redaction import Redactor
from schemas.aws_identity import PRINCIPALS
from schemas.errors import IncompletePopulation, PermissionDenied, RetriableError
from schemas.scope import ScopeItem
from tests.fakes.aws_company import (
    LONG_AGO,
    PROD,
    STAGING,
    START,
    Simulated,
    SimulatedAws,
    account,
    company,
    document,
    organisation,
)
from tests.fakes.aws_identity import ADMIN_ROLE, identity_center, people, permission_roles
from tests.fakes.aws_records import OTHER, READ_SET, REGIONS, STORE

NAME = PRINCIPALS.name
ITEM = f"aws:{PROD}"


@pytest.fixture
def aws(simulated_aws: SimulatedAws) -> Simulated:
    staging = account(STAGING, reader=PROD, regions=REGIONS, roles=permission_roles())
    return simulated_aws.start(company(people(), staging, organisation=organisation(), records=identity_center()))


def by_name(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {f"{row['principal_kind']} {row['principal_name']}": row for row in rows}


def test_everybody_is_there_with_power_use_and_owner(aws: Simulated) -> None:
    [claim], sink = aws.collect(NAME, item=ITEM)
    rows = by_name(sink.of(PRINCIPALS))
    roles = {name.split()[1] for name in rows if name.startswith("iam_role")}
    assert roles == {"evidence-reader", "vendor", "server", ADMIN_ROLE, "AWSReservedSSO_ReadOnly_fedcba9876543210"}
    assert {name for name in rows if not name.startswith("iam_role")} == {
        "root root", "iam_user maria", "iam_user ci", "iam_group admins", "identity_center_user ada",
        "identity_center_user ben", "identity_center_user cyd", "identity_center_user dee",
        "identity_center_group Operators", "identity_center_group Nobody",
        "identity_center_assignment Operators: Administrator", "identity_center_assignment ben: ReadOnly",
    }  # fmt: skip
    privileged = {name for name, row in rows.items() if row["privileged"]}
    assert privileged == {
        "root root", "iam_user maria", "iam_group admins", f"iam_role {ADMIN_ROLE}", "identity_center_user ada",
        "identity_center_group Operators", "identity_center_assignment Operators: Administrator",
    }  # fmt: skip
    assert claim.independent_count == claim.rows_returned == len(rows)
    assert not claim.truncated
    assert claim.observed_at == START


def test_users_of_iam(aws: Simulated) -> None:
    _, sink = aws.collect(NAME, item=ITEM)
    rows = by_name(sink.of(PRINCIPALS))
    maria, ci = rows["iam_user maria"], rows["iam_user ci"]
    assert (maria["enabled"], maria["password_enabled"], maria["mfa_active"], maria["active_keys"]) == (
        True, True, True, 0,
    )  # fmt: skip
    assert (maria["owner"], maria["groups"], maria["rights"]) == (
        "maria@acme.example", ["admins"], ["group admins"],
    )  # fmt: skip
    assert maria["last_used_at"] == datetime(2026, 3, 28, 10, tzinfo=UTC)
    assert (maria["last_used_service"], maria["last_used_source"]) == ("kms", "service_last_accessed")
    assert (ci["enabled"], ci["password_enabled"], ci["active_keys"], ci["rights"]) == (
        True, False, 1, ["inline deploy"],
    )  # fmt: skip
    assert (ci["last_used_at"], ci["last_used_source"]) == (None, "service_last_accessed")
    assert rows["iam_group admins"]["members"] == ["maria"]


def test_roles_say_who_may_come_in(aws: Simulated) -> None:
    _, sink = aws.collect(NAME, item=ITEM)
    rows = by_name(sink.of(PRINCIPALS))
    assert {name: rows[f"iam_role {name}"]["external"] for name in ("vendor", "server", "evidence-reader")} == {
        "vendor": True, "server": False, "evidence-reader": False,
    }  # fmt: skip
    assert rows["iam_role vendor"]["trusted_principals"] == ["aws:arn:aws:iam::999900001111:root"]
    assert rows[f"iam_role {ADMIN_ROLE}"]["external"] is False
    assert rows["iam_role vendor"]["last_used_source"] == "role_last_used"


@pytest.mark.parametrize(
    ("trusted", "outside"),
    [("*", True), ("aws:*", True), (f"aws:{PROD}", False), (f"aws:arn:aws:iam::{PROD}:user/x", False),
     ("aws:999900001111", True), ("service:ec2.amazonaws.com", False),
     ("federated:token.actions.githubusercontent.com", True), ("canonicaluser:79a5", True),
     (f"federated:arn:aws:iam::{PROD}:saml-provider/AWSSSO_1_DO_NOT_DELETE", False),
     (f"federated:arn:aws:iam::{PROD}:saml-provider/okta", True)],
)  # fmt: skip
def test_who_is_outside(trusted: str, outside: bool) -> None:
    assert is_outside(trusted, PROD) is outside


def test_people_of_identity_center(aws: Simulated) -> None:
    _, sink = aws.collect(NAME, item=ITEM)
    rows = by_name(sink.of(PRINCIPALS))
    ada, cyd = rows["identity_center_user ada"], rows["identity_center_user cyd"]
    assert (ada["email"], ada["groups"], ada["rights"], ada["privilege"], ada["enabled"]) == (
        "ada@acme.example", ["g-ops"], ["permission_set Administrator"], "administrator", True,
    )  # fmt: skip
    assert (ada["mfa_active"], ada["last_used_at"], ada["last_used_source"]) == (None, None, None)
    assert (cyd["enabled"], cyd["rights"], cyd["groups"]) == (False, [], ["g-none"])
    given = rows["identity_center_assignment ben: ReadOnly"]
    assert (given["permission_set_arn"], given["assigned_to"], given["email"]) == (
        READ_SET, "u-ben", "ben@acme.example",
    )  # fmt: skip
    assert given["principal_id"] == f"{READ_SET}|USER|u-ben"
    assert given["last_used_source"] == "role_of_permission_set"
    assert ada["principal_id"] == f"{STORE}/u-ada"


def test_no_more_of_people_than_their_name_and_work_address_is_kept(aws: Simulated) -> None:
    _, sink = aws.collect(NAME, item=ITEM)
    redactor = Redactor(PRINCIPALS.secret_fields)
    assert all("s3cret" not in redactor.json_text(answer.body.decode())[0] for answer in sink.answers)
    assert all("s3cret" not in str(row) for row in sink.of(PRINCIPALS))


def test_another_account_has_whom_it_lets_in_read_where_the_instance_is(aws: Simulated) -> None:
    """Identity Center of one account lets people into another one, which may not read it."""
    [claim], sink = aws.collect(NAME, item=f"aws:{STAGING}", session=aws.session(PROD, STAGING))
    of_center = {name for name in by_name(sink.of(PRINCIPALS)) if name.startswith("identity_center")}
    assert of_center == {"identity_center_user dee", "identity_center_assignment dee: ReadOnly"}
    assert not claim.truncated


def test_an_instance_that_nobody_can_read_is_said(aws: Simulated) -> None:
    [claim], sink = aws.collect(NAME, item=f"aws:{STAGING}", session=aws.session(STAGING))
    assert claim.truncated
    assert f"Identity Center of account {PROD} (identitystore:ListUsers)" in (claim.reconciliation or "")
    assert by_name(sink.of(PRINCIPALS))["root root"]["account_id"] == STAGING


def test_what_a_permission_set_without_a_role_gives_is_not_guessed_low(simulated_aws: SimulatedAws) -> None:
    service = document({"Effect": "Allow", "Principal": {"Service": "sso.amazonaws.com"}, "Action": "sts:AssumeRole"})
    path = "/aws-service-role/sso.amazonaws.com/"
    own = {"name": "AWSServiceRoleForSSO", "created": LONG_AGO, "path": path, "trust": service}
    bare = account(regions=REGIONS, roles=[own])
    aws = simulated_aws.start(company(bare, records=identity_center()))
    [claim], sink = aws.collect(NAME, item=ITEM)
    rows = by_name(sink.of(PRINCIPALS))
    assert rows["identity_center_assignment ben: ReadOnly"]["privileged"]
    assert "the permission set ReadOnly has no role in the account" in (claim.reconciliation or "")


def test_a_person_who_is_let_in_and_not_listed(aws: Simulated) -> None:
    session = aws.session()
    aws.plan.replace([{"source": "aws", "match": "identitystore:ListUsers", "kind": "truncated_page", "items": 4}])
    with pytest.raises(IncompletePopulation, match=r"user\(s\) of Identity Center are let into"):
        aws.collect(NAME, item=ITEM, session=session)


def test_a_region_where_identity_center_may_not_be_looked_for_is_named(aws: Simulated) -> None:
    session = aws.session()
    aws.plan.replace([{"source": "aws", "match": "sso:ListInstances", "kind": "forbidden", "after": 1, "times": None}])
    [claim], sink = aws.collect(NAME, item=ITEM, session=session)
    assert claim.truncated
    assert f"{OTHER} (sso:ListInstances)" in (claim.reconciliation or "")
    assert "identity_center_user ada" in by_name(sink.of(PRINCIPALS))


def test_without_a_role_of_identity_center_nobody_comes_in_through_it(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(company(account(regions=REGIONS), records=identity_center()))
    [claim], sink = aws.collect(NAME, item=ITEM)
    assert set(by_name(sink.of(PRINCIPALS))) == {"root root", "iam_role evidence-reader"}
    assert "so nobody comes in through it" in (claim.reconciliation or "")
    assert "sso:ListInstances" not in aws.server.requests_by_operation


def test_a_job_that_never_ends(aws: Simulated, monkeypatch: pytest.MonkeyPatch) -> None:
    session = aws.session()
    waits: list[float] = []
    caller = session.client.account(PROD)
    ask = caller.ask

    def in_progress(operation: str, **parameters: Any) -> Any:
        answer = ask(operation, **parameters)
        if operation == "iam:GetServiceLastAccessedDetails":
            object.__setattr__(answer, "parsed", {**answer.parsed, "JobStatus": "IN_PROGRESS"})
        return answer

    monkeypatch.setattr(caller, "ask", in_progress)
    monkeypatch.setattr(type(session.client), "pause", property(lambda _: waits.append))
    with pytest.raises(RetriableError, match="IN_PROGRESS"):
        aws.collect(NAME, item=ITEM, session=session)
    assert 180 <= sum(waits) <= 190


def test_the_rights_are_those_of_the_policy_and_the_probe_asks_for_each(aws: Simulated) -> None:
    session = aws.session()
    for ask in (
        lambda: aws.collect(NAME, item=ITEM, session=session),
        lambda: PROBES[NAME](session, ScopeItem(ITEM, ITEM, "aws")),
    ):
        before = dict(aws.server.requests_by_operation)
        ask()
        after = aws.server.requests_by_operation
        asked = {name for name, count in after.items() if count > before.get(name, 0) and not name.startswith("sts:")}
        assert asked == set(ACTIONS[NAME])


def test_each_right_that_is_missing_is_named(aws: Simulated) -> None:
    session = aws.session()
    for operation in sorted(set(ACTIONS[NAME]) - {"sso:ListInstances"}):
        aws.plan.replace([{"source": "aws", "match": operation, "kind": "forbidden", "times": None}])
        with pytest.raises(PermissionDenied) as denied:
            aws.collect(NAME, item=ITEM, session=session)
        assert denied.value.permission == operation
