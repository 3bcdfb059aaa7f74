"""Users, domains, accounts and administrators of a customer, and what spoils them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.errors import (
    ClockSkew,
    CollectionError,
    IncompletePopulation,
    NotLicensed,
    PermissionDenied,
    RetriableError,
    SchemaDrift,
)
from schemas.google import ACCOUNTS, ADMINISTRATORS, DOMAINS, USERS
from tests.fakes.google_bench import GoogleBench

AUTH = "https://www.googleapis.com/auth/"


def by_email(rows: list[dict[str, Any]], column: str = "primary_email") -> dict[str, dict[str, Any]]:
    return {row[column]: row for row in rows}


class TestUsers:
    def test_every_user_comes_with_flags_and_the_policy_that_holds(self, bench: GoogleBench) -> None:
        claim, rows, _ = bench.collected(USERS)
        users = by_email(rows)
        assert len(users) == 26
        assert claim.independent_count == 26
        assert "kofi@tallybrook.example" not in users  # starts in August
        maren = users["maren@tallybrook.example"]
        assert (maren["enrolled_2sv"], maren["enforced_2sv"], maren["policy_known"]) == (True, True, True)
        assert maren["policy_enforced_from"] == datetime(2021, 9, 6, 8, tzinfo=UTC)
        assert maren["policy_new_user_grace_days"] == "7"
        assert (users["viktor@tallybrook.example"]["suspended"], users["viktor@tallybrook.example"]["archived"]) == (
            True, False,
        )  # fmt: skip

    def test_a_unit_with_a_policy_of_its_own(self, bench: GoogleBench) -> None:
        bench.clock.set(datetime(2026, 6, 10, 6, tzinfo=UTC))
        users = by_email(bench.collected(USERS)[1])
        elin = users["elin@tallybrook.example"]
        assert (elin["policy_unit"], elin["policy_enforced_from"], elin["policy_known"]) == ("/Contractors", None, True)
        assert users["hanna@tallybrook.example"]["enrolled_2sv"] is False

    def test_no_secret_is_kept(self, bench: GoogleBench) -> None:
        for dataset in (USERS, ACCOUNTS, ADMINISTRATORS):
            _, rows, sink = bench.collected(dataset)
            texts = [row["raw"] for row in rows] + [answer.body.decode() for answer in sink.answers]
            assert not [text for text in texts if "recoveryEmail" in text or "+44000" in text]

    def test_policies_that_the_edition_does_not_show_are_not_known(self, bench: GoogleBench) -> None:
        bench.spoil({"match": "cloudidentity.policies.list", "kind": "forbidden", "code": "notLicensed", "times": None})
        claim, rows, _ = bench.collected(USERS)
        assert {row["policy_known"] for row in rows} == {False}
        assert "not part of the customer's edition" in (claim.reconciliation or "")

    def test_a_condition_that_is_not_understood_makes_the_policy_unknown(self, bench: GoogleBench) -> None:
        customer = bench.workspace.customer
        policy = {
            "name": "policies/by-licence", "customer": f"customers/{customer.id}", "type": "ADMIN",
            "policyQuery": {
                "orgUnit": customer.at("policies", bench.clock.now())[0]["policyQuery"]["orgUnit"], "sortOrder": 99.0,
                "query": "entity.licenses.exists(license, license in ['/product/101047/sku/1'])",
            },
            "setting": {"type": "settings/security.two_step_verification_enforcement", "value": {}},
        }  # fmt: skip
        customer.put("policies", policy, datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 1, 2, tzinfo=UTC))
        bench.clock.set(datetime(2027, 1, 1, 6, tzinfo=UTC))
        assert {row["policy_known"] for row in bench.collected(USERS)[1]} == {False}

    def test_a_policy_for_a_group_holds_for_those_in_it(self, bench: GoogleBench) -> None:
        customer = bench.workspace.customer
        engineering = next(one for one in customer.at("groups", bench.clock.now()) if one["name"] == "Engineering")
        day = datetime(2027, 2, 1, tzinfo=UTC)
        policy = {
            "name": "policies/by-group", "customer": f"customers/{customer.id}", "type": "ADMIN",
            "policyQuery": {
                "group": f"groups/{engineering['id']}", "sortOrder": 99.0,
                "query": f"entity.groups.exists(group, group.group_id == groupId('{engineering['id']}'))",
            },
            "setting": {
                "type": "settings/security.two_step_verification_enforcement_factor",
                "value": {"allowedSignInFactorSet": "PASSKEY_ONLY"},
            },
        }  # fmt: skip
        customer.put("policies", policy, day, day.replace(day=2))
        bench.clock.set(day.replace(hour=6))
        factors = {row["primary_email"]: row["policy_sign_in_factors"] for row in bench.collected(USERS)[1]}
        strict = {email for email, factor in factors.items() if factor == "PASSKEY_ONLY"}
        # By way of the group of the ledger, and directly.
        assert {"nadia@tallybrook.example", "yuki@tallybrook.example"} < strict
        assert factors["luca@tallybrook.example"] == "ALL"

    def test_rebuilt_from_the_report_of_a_past_day(self, bench: GoogleBench) -> None:
        claim, rows, _ = bench.collected(USERS, datetime(2026, 6, 8, tzinfo=UTC), datetime(2026, 6, 12, 12, tzinfo=UTC))
        assert claim.observed_at == datetime(2026, 6, 12, 8, tzinfo=UTC)  # the end of 11 June at UTC-8
        users = by_email(rows)
        assert {row["read_from"] for row in rows} == {"usage_report"}
        assert users["hanna@tallybrook.example"]["enrolled_2sv"] is False
        assert users["viktor@tallybrook.example"]["suspended"] is False
        assert {row["policy_known"] for row in rows} == {False}

    def test_a_day_without_a_report_yet_rebuilds_nothing(self, bench: GoogleBench) -> None:
        with pytest.raises(RetriableError):
            bench.collected(USERS, datetime(2026, 6, 30, 9, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))


class TestDomains:
    def test_domains_and_aliases(self, bench: GoogleBench) -> None:
        claim, rows, _ = bench.collected(DOMAINS, item="org:tallybrook")
        assert [(row["domain_name"], row["kind"], row["is_primary"]) for row in rows] == [
            ("tallybrook-status.example", "domain", False), ("tallybrook.example", "domain", True),
            ("tallybrook.test-google-a.example", "alias", False),
        ]  # fmt: skip
        assert claim.proof_of_life


class TestAccounts:
    def test_the_pack(self, bench: GoogleBench) -> None:
        claim, rows, _ = bench.collected(ACCOUNTS)
        accounts = by_email(rows, "email")
        assert (claim.independent_count, len(rows)) == (27, 27)
        outside = accounts["bank.liaison@northbank.example"]
        assert (outside["kind"], [one["email"] for one in outside["groups"]]) == (
            "external", ["engineering@tallybrook.example", "payments@tallybrook.example"],
        )  # fmt: skip
        nadia = accounts["nadia@tallybrook.example"]
        assert [(one["email"], one["via"]) for one in nadia["groups"]] == [
            ("engineering@tallybrook.example", "ledger@tallybrook.example"),
            ("everybody@tallybrook.example", None), ("ledger@tallybrook.example", None),
        ]  # fmt: skip
        grace = accounts["grace@tallybrook.example"]
        assert [(one["name"], one["scopes"]) for one in grace["tokens"]] == [
            ("Roadmap board", [AUTH + "drive.readonly"])
        ]
        rasmus = accounts["rasmus@tallybrook.example"]
        assert (rasmus["privileged"], rasmus["manager"]) == (True, "priya@tallybrook.example")
        assert [(one["role_name"], one["via_group"]) for one in rasmus["roles"]] == [
            ("Device desk", "device-desk@tallybrook.example")
        ]

    def test_tokens_of_another_user_are_refused(self, bench: GoogleBench) -> None:
        customer = bench.workspace.customer
        grace = next(one for one in customer.at("users", bench.clock.now()) if one["primaryEmail"].startswith("grace"))
        day = datetime(2027, 3, 1, tzinfo=UTC)
        customer.put(
            "tokens", {"clientId": "x", "userKey": "1", "scopes": []}, day, day.replace(day=2), parent=grace["id"]
        )
        bench.clock.set(day.replace(hour=6))
        with pytest.raises(IncompletePopulation, match="another user"):
            bench.collected(ACCOUNTS)

    def test_the_scope_of_tokens_is_named_where_it_is_missing(self, bench: GoogleBench) -> None:
        bench.server.identity.withheld.add(AUTH + "admin.directory.user.security")
        with pytest.raises(PermissionDenied) as denied:
            bench.collected(ACCOUNTS)
        assert denied.value.permission == AUTH + "admin.directory.user.security"

    def test_a_group_that_google_counts_otherwise_is_read_twice(self, bench: GoogleBench) -> None:
        # The first page of the first group loses a member; a second reading contradicts it.
        bench.spoil({"match": "directory.members.list", "kind": "truncated_page", "times": 1})
        with pytest.raises(IncompletePopulation, match="members of group"):
            bench.collected(ACCOUNTS)


class TestAdministrators:
    def test_assignments_of_people_and_by_groups(self, bench: GoogleBench) -> None:
        claim, rows, _ = bench.collected(ADMINISTRATORS)
        held = {(row["principal_email"], row["privilege"], row["via_group"]) for row in rows}
        assert held == {
            ("tomasz@tallybrook.example", "super_admin", None), ("ines@tallybrook.example", "super_admin", None),
            ("evidence@tallybrook.example", "super_admin", None),
            ("rasmus@tallybrook.example", "delegated_admin", "device-desk@tallybrook.example"),
            ("leila@tallybrook.example", "delegated_admin", "device-desk@tallybrook.example"),
        }  # fmt: skip
        assert "5 users are administrators by their own record" in (claim.reconciliation or "")

    def test_a_record_that_contradicts_the_assignments(self, bench: GoogleBench) -> None:
        customer = bench.workspace.customer
        day = datetime(2027, 4, 1, tzinfo=UTC)
        record = {**customer.users(day)[0], "id": "77", "primaryEmail": "ghost@tallybrook.example", "isAdmin": True}
        customer.put("users", record, day, day.replace(day=2))
        bench.clock.set(day.replace(hour=6))
        with pytest.raises(IncompletePopulation, match="By their own records"):
            bench.collected(ADMINISTRATORS)


@pytest.mark.parametrize("dataset", [USERS, ACCOUNTS, ADMINISTRATORS], ids=lambda dataset: dataset.name)
@pytest.mark.parametrize(
    ("kind", "more", "error"),
    [
        ("truncated_page", {"times": None}, IncompletePopulation),
        ("truncated_page", {"after": 1, "times": 1}, IncompletePopulation),
        ("lying_last_page", {"times": None}, IncompletePopulation),
        ("empty_page", {"times": None}, IncompletePopulation),
        ("wrong_date", {"seconds": 600, "times": None}, ClockSkew),
        ("forbidden", {"times": None}, PermissionDenied),
        ("forbidden", {"code": "notLicensed", "times": None}, NotLicensed),
        ("server_error", {"times": None}, RetriableError),
    ],
)  # fmt: skip
def test_a_list_of_users_that_is_not_whole_claims_nothing(
    bench: GoogleBench, dataset: Any, kind: str, more: dict[str, Any], error: type[CollectionError]
) -> None:
    bench.spoil({"match": "directory.users.list", "kind": kind, **more})
    with pytest.raises(error):
        bench.collected(dataset)


def test_a_page_cut_in_the_reading_of_ids_alone_costs_a_third_reading(bench: GoogleBench) -> None:
    bench.spoil({"match": "directory.users.list", "kind": "truncated_page", "times": 1})
    claim, rows, _ = bench.collected(USERS)
    assert len(rows) == 26
    assert "3 readings" in (claim.reconciliation or "")


def test_a_user_without_a_flag_is_no_user_without_a_factor(bench: GoogleBench) -> None:
    customer = bench.workspace.customer
    day = datetime(2027, 5, 1, tzinfo=UTC)
    record = {**customer.users(day)[0], "id": "78", "primaryEmail": "quiet@tallybrook.example"}
    record.pop("isEnforcedIn2Sv")
    customer.put("users", record, day, day.replace(day=2))
    bench.clock.set(day.replace(hour=6))
    with pytest.raises(SchemaDrift, match="isEnforcedIn2Sv"):
        bench.collected(USERS)
