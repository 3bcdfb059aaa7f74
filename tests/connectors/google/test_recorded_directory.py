"""The recorded Directory of a real customer, put into the sandbox: it comes out whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sandbox.google.workspace.company import workspace_of
from sandbox.google.workspace.world import Customer
from schemas.google import ACCOUNTS, ADMINISTRATORS, DEVICES, DOMAINS, USERS
from tests.fakes.google_bench import GoogleBench, google_bench

RECORDED = Path(__file__).parents[3].parent / "shared" / "data" / "google-directory" / "exchanges-2021-12.jsonl"
THEN = datetime(2021, 12, 7, tzinfo=UTC)
LONG_AGO = datetime(2021, 1, 1, tzinfo=UTC)
COLLECTIONS = {"users": "users", "roles": "roles", "roleassignments": "roleAssignments", "domains": "domains"}

pytestmark = pytest.mark.skipif(not RECORDED.is_file(), reason=f"no recorded directory at {RECORDED}")


@pytest.fixture(scope="module")
def answers() -> dict[str, list[dict[str, Any]]]:
    """The lists of the recording, by collection."""
    found: dict[str, list[dict[str, Any]]] = {}
    for line in RECORDED.read_text(encoding="utf-8").splitlines():
        exchange = json.loads(line)
        name = exchange["url"].partition("?")[0].rpartition("/")[2]
        response = exchange["response"]
        found[name] = response.get("items") or response.get(name) or []
    return found


@pytest.fixture(scope="module")
def recorded(
    answers: dict[str, list[dict[str, Any]]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GoogleBench]:
    customer = Customer(answers["users"][0]["customerId"], answers["domains"][0]["domainName"])
    customer.everybody_is_administrator = True
    for name, collection in COLLECTIONS.items():
        for record in answers[name]:
            customer.put(collection, record, LONG_AGO)
    # The recording holds no list of units; every user of it is in the root.
    customer.put("orgunits", {"orgUnitId": "id:03root", "orgUnitPath": "/", "name": "root"}, LONG_AGO)
    with google_bench(tmp_path_factory.mktemp("recorded"), workspace_of(customer), THEN, "reader@example.com") as bench:
        yield bench


def test_users(recorded: GoogleBench, answers: dict[str, list[dict[str, Any]]]) -> None:
    claim, rows, _ = recorded.collected(USERS)
    assert claim.independent_count == len(rows) == len(answers["users"]) == 7
    by_id = {user["id"]: user for user in answers["users"]}
    for row in rows:
        user = by_id[row["user_id"]]
        flags = (row["enrolled_2sv"], row["enforced_2sv"], row["is_super_admin"], row["suspended"])
        assert flags == tuple(user[name] for name in ("isEnrolledIn2Sv", "isEnforcedIn2Sv", "isAdmin", "suspended"))
        assert row["created_at"] == datetime.fromisoformat(user["creationTime"])
        kept = json.loads(row["raw"])
        assert kept == {name: value for name, value in user.items() if name not in USERS.secret_fields}


def test_administrators(recorded: GoogleBench, answers: dict[str, list[dict[str, Any]]]) -> None:
    _, rows, _ = recorded.collected(ADMINISTRATORS)
    assert {row["assignment_id"] for row in rows} == {one["roleAssignmentId"] for one in answers["roleassignments"]}
    kinds = sorted((row["principal_kind"], row["privilege"]) for row in rows)
    # One assignment is to somebody whom the directory did not list: kept, and not made a user of.
    assert kinds == [("unknown", "super_admin"), ("user", "delegated_admin"), *[("user", "super_admin")] * 5]


def test_accounts(recorded: GoogleBench, answers: dict[str, list[dict[str, Any]]]) -> None:
    _, rows, _ = recorded.collected(ACCOUNTS)
    assert sorted(row["kind"] for row in rows) == ["unknown", *["user"] * 7]
    held = [role["assignment_id"] for row in rows for role in row["roles"]]
    assert sorted(held) == sorted(one["roleAssignmentId"] for one in answers["roleassignments"])


def test_domains(recorded: GoogleBench, answers: dict[str, list[dict[str, Any]]]) -> None:
    _, rows, _ = recorded.collected(DOMAINS, item="org:recorded")
    aliases = [alias["domainAliasName"] for domain in answers["domains"] for alias in domain.get("domainAliases", [])]
    assert {row["domain_name"] for row in rows} == {one["domainName"] for one in answers["domains"]} | set(aliases)


def test_no_devices(recorded: GoogleBench, answers: dict[str, list[dict[str, Any]]]) -> None:
    assert answers["mobile"] == []
    claim, rows, _ = recorded.collected(DEVICES)
    assert (rows, claim.proof_of_life) == ([], False)
