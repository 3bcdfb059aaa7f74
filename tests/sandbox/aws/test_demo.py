"""The demo company's AWS: what its truth file says is what its accounts show, and when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema
from ruamel.yaml import YAML

from sandbox.aws.company import company_schema, load_company, load_truth, truth_schema
from sandbox.company import DEMO, Planted
from sandbox.company import load_company as load_people
from tests.fakes.aws_company import Simulated, SimulatedAws

PRODUCTION, STAGING, UNDECIDED = "210987654321", "310987654322", "410987654323"
PERIOD = (datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC))
APPROVED = {"tomasz", "ines", "yuki", "infrastructure-deploy", "OrganizationAccountAccessRole"}
DAY = timedelta(days=1)


def test_both_files_follow_their_schemas() -> None:
    for name, schema in (("aws.yaml", company_schema()), ("aws.truth.yaml", truth_schema())):
        content = YAML(typ="safe", pure=True).load(DEMO / name)
        jsonschema.validate(_plain(content), dict(schema))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return value.isoformat() if isinstance(value, datetime) else value


def test_the_users_are_people_of_the_company_or_its_pipeline() -> None:
    company = load_company(DEMO)
    assert company is not None
    people = {person.aws for person in load_people(DEMO).people if person.aws}
    users = {user.name for account in company.accounts for user in account.users}
    assert users - {"ci-deploy"} == people


def violations(aws: Simulated, at: datetime) -> set[tuple[str, str, str]]:
    """(code, scope, item) that the collected rows show at an instant, by rules as plain as the truth file's words."""
    aws.clock.set(at)
    session = aws.session(PRODUCTION, STAGING)
    found: set[tuple[str, str, str]] = set()
    for account in (PRODUCTION, STAGING):
        scope = f"aws:{account}"
        claims, sink = aws.collect("aws.sign_in", "aws.access_keys", item=scope, session=session)
        assert claims[0].observed_at == at
        for row in sink.of("aws.sign_in"):
            if row["is_root"] and row["root_credentials_present"] and not row["mfa_active"]:
                found.add(("ROOT_NO_MFA", scope, row["user_name"]))
            if not row["is_root"] and row["password_enabled"] and not row["mfa_active"]:
                found.add(("MFA_OFF", scope, row["user_name"]))
        for row in sink.of("aws.access_keys"):
            item = row["credential_id"].rpartition("/")[2]
            if row["active"] and at - row["last_rotated_at"] > 90 * DAY:
                found.add(("KEY_OLD", scope, item))
            if row["active"] and at - (row["last_used_at"] or row["last_rotated_at"]) > 90 * DAY:
                found.add(("KEY_UNUSED", scope, item))
            if row["active"] and row["is_root"]:
                found.add(("ROOT_KEY", scope, item))
        _, sink = aws.collect("aws.privileges", item=scope, session=session)
        holders = {row["principal_name"] for row in sink.of("aws.privileges") if not row["service_linked"]}
        assert len(holders) <= 4, "the programme allows four, and TOO_MANY is not planted"
        for name in holders - APPROVED:
            found |= {("ADMIN_NOT_APPROVED", scope, name), ("GRANT_UNEXPLAINED", scope, name)}
    _, sink = aws.collect("aws.accounts", item="org:tallybrook", session=session)
    for row in sink.of("aws.accounts"):
        if row["account_id"] not in (PRODUCTION, STAGING) and at - row["created_at"] > 14 * DAY:
            found.add(("SCOPE_UNDECIDED", "org:tallybrook", row["account_id"]))
    return found


def expected(planted: list[Planted], at: datetime) -> set[tuple[str, str, str]]:
    return {
        (entry.code, entry.scope, entry.item)
        for entry in planted
        if entry.at <= at and (entry.until is None or at < entry.until)
    }


def test_every_planted_violation_shows_for_its_time_and_nothing_else_does(simulated_aws: SimulatedAws) -> None:
    planted = load_truth(DEMO).aws
    assert planted
    aws = simulated_aws.start(folder=DEMO)
    edges = {moment for entry in planted for moment in (entry.at, entry.until) if moment is not None}
    moments = {PERIOD[0] + timedelta(hours=6), PERIOD[1] - DAY}
    # Four hours after, because AWS would give the report from before the edge once more.
    moments |= {edge + distance for edge in edges for distance in (timedelta(minutes=-1), timedelta(hours=4))}
    for at in sorted(moment for moment in moments if PERIOD[0] <= moment < PERIOD[1]):
        assert violations(aws, at) == expected(planted, at), at


def test_the_pipelines_key_gets_140_days_old() -> None:
    company = load_company(DEMO)
    assert company is not None
    [production] = [account for account in company.accounts if account.id == PRODUCTION]
    [key] = [key for user in production.users if user.name == "ci-deploy" for key in user.keys]
    [rotation] = [
        event for event in company.events
        if event.kind == "key_rotated" and event.account == PRODUCTION and event.at.month == 6
    ]  # fmt: skip
    assert (rotation.at - key.created).days == 140


def test_planted_codes_are_those_of_the_controls() -> None:
    from evidence.controls.catalogue import CATALOGUE

    codes = {control.id: set(control.exception_codes) for control in CATALOGUE}
    for entry in load_truth(DEMO).aws:
        assert entry.code in codes[entry.control]
