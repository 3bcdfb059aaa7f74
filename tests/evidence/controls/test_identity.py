"""Who is who: accounts, addresses and persons, and from when to when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from evidence.controls.identity import IdentityMap, Who

AT = datetime(2026, 5, 12, tzinfo=UTC)


def account(person: str, account_id: str, system: str = "github", **valid: str) -> dict[str, Any]:
    return {"person_id": person, "system": system, "account_id": account_id, "from": None, "to": None, **valid}


def same(identities: list[dict[str, Any]], one: Who, other: Who, at: datetime = AT, **kept: Any) -> bool:
    people = IdentityMap.of({"identities": identities, **kept}, "Europe/London").at(at)
    return not people.person(one).isdisjoint(people.person(other))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (Who("github", "U_1", "bob"), Who("github", "U_1", "renamed"), True),
        (Who("github", None, "Bob"), Who("github", None, "bob"), True),
        (Who("github", "U_1"), Who("github", "u_1"), False),  # ids are case-sensitive
        (Who("github", None, "bob"), Who("aws", None, "bob"), False),
        (Who("github", None, None, "Bob@acme.example"), Who("github", email="bob@ACME.example"), True),
        (Who("github", None, "bob"), Who("github", email="4711+bob@users.noreply.github.com"), True),
        (Who("github", None, "bob"), Who("github", email="bob@users.noreply.github.com"), True),
        (Who("github", None, "bob"), Who("github", email="bob@users.noreply.github.acme.example"), True),
        (Who("github", None, "bob"), Who("github", email="rob+bob@acme.example"), False),
        (Who("github"), Who("github"), False),  # two deleted users are nobody's equals
    ],
)
def test_without_a_register(one: Who, other: Who, expected: bool) -> None:
    assert same([], one, other) is expected


def test_accounts_of_one_person() -> None:
    rows = [account("p1", "bob"), account("p1", "U_77"), account("p1", "bob@acme.example", "google"),
            account("p1", "arn:aws:iam::111122223333:user/bob", "aws")]  # fmt: skip
    bob = Who("github", "U_1", "bob")
    for other in (
        Who("github", "U_77", "rob"),
        Who("github", email="bob@acme.example"),
        Who("aws", "arn:aws:iam::111122223333:user/bob"),
    ):
        assert same(rows, bob, other)
    assert not same(rows, bob, Who("github", "U_78", "rob"))


def test_addresses_of_the_people_register() -> None:
    people = [{"person_id": "p1", "email": "bob@acme.example", "aliases": ["b@home.example"]}]
    bob = Who("github", "U_1", "bob")
    assert same([account("p1", "bob")], bob, Who("github", email="B@home.example"), people=people)
    assert not same([account("p2", "bob")], bob, Who("github", email="B@home.example"), people=people)


@pytest.mark.parametrize("order", list(permutations(range(4))), ids=str)
def test_a_chain_of_aliases_in_any_order(order: tuple[int, ...]) -> None:
    chain = [account("p1", "a"), account("p1", "b"), account("p2", "b-2"), account("p2", "c")]
    people = [{"person_id": "p1", "email": "x@acme.example", "aliases": None},
              {"person_id": "p2", "email": "y@acme.example", "aliases": ["x@acme.example"]}]  # fmt: skip
    rows = [chain[place] for place in order]
    assert same(rows, Who("github", None, "a"), Who("github", None, "c"), people=people)
    assert not same(rows, Who("github", None, "a"), Who("github", None, "d"), people=people)


def test_validity_is_in_local_days_and_both_are_inclusive() -> None:
    rows = [account("p1", "bob"), account("p1", "shared", to="2026-05-11"),
            account("p2", "shared", **{"from": "2026-05-12"})]  # fmt: skip
    bob, shared = Who("github", None, "bob"), Who("github", None, "shared")
    midnight = datetime(2026, 5, 11, 23, tzinfo=UTC)  # of 12 May in London
    assert same(rows, bob, shared, midnight - timedelta(microseconds=1))
    assert not same(rows, bob, shared, midnight)


def test_an_account_that_nobody_claims_at_the_time_is_still_whoevers_it_was() -> None:
    rows = [account("p1", "bob"), account("p1", "old", to="2026-01-31")]
    assert same(rows, Who("github", None, "bob"), Who("github", None, "old"))


def test_what_is_known_of_addresses() -> None:
    people = IdentityMap.of(
        {"identities": [account("p1", "bob"), account("p2", "carol")],
         "people": [{"person_id": "p1", "email": "bob@acme.example", "aliases": None}]}, "UTC",
    ).at(AT)  # fmt: skip
    assert people.address_known(people.person(Who("github", "U_1", "bob")))
    assert not people.address_known(people.person(Who("github", "U_2", "carol")))
    assert people.address_registered("BOB@acme.example")
    assert not people.address_registered("carol@acme.example")


def test_names_for_sentences() -> None:
    assert Who("github", "U_1", "bob", "b@x.example").named == "bob"
    assert Who("github", email="b@x.example").named == "b@x.example"
    assert Who("github").named == "a deleted user"
    assert not Who("github", email="b@x.example").has_account
    assert Who("github", email="1+b@users.noreply.github.com").has_account
