"""The pack as it is made from a snapshot, and what may be decided about its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from evidence.reviews.campaign import Campaign, Decision, Delegation, refusal
from evidence.reviews.pack import PackRefused, PackRow, make_rows, removed_rows, rows_digest
from evidence.reviews.persons import Persons
from tests.evidence.controls.rights import (
    account_of,
    at,
    aws_principal,
    employee,
    gcp_principal,
    github_account,
    google_account,
)

NOW = at("06-25")
PEOPLE = [
    employee("p1", email="ann@acme.example", manager="p3", aliases=["a.smith@acme.example"]),
    employee("p2", email="bob@acme.example", last_day="2026-05-31", manager="p3"),
    employee("p3", email="eve@acme.example"),
]
IDENTITIES = [
    account_of("p1", "github", "ann"),
    account_of("p2", "github", "bob"),
    account_of("p3", "aws", "arn:aws:iam::111122223333:user/eve"),
    account_of("p1", "github", "two"),
    account_of("p3", "github", "two"),
]
REGISTERS = {"people": PEOPLE, "identities": IDENTITIES}


def rows_of(
    system: str,
    snapshot: Sequence[Mapping[str, Any]],
    *,
    counted: int | None = -1,
    previous: list[PackRow] | None = None,
    observed_at: datetime = NOW,
) -> dict[str, PackRow]:
    made = make_rows(
        system, snapshot, observed_at=observed_at, counted=len(snapshot) if counted == -1 else counted,
        registers=REGISTERS, zone="UTC", dormant_days=90, previous=previous,
    )  # fmt: skip
    return {row.name: row for row in made}


# --- the pack --------------------------------------------------------------------------------------------------------


def test_only_a_list_as_long_as_the_source_counts_is_a_pack() -> None:
    snapshot = [github_account("ann"), github_account("bob")]
    with pytest.raises(PackRefused, match="2 rows and the source counts 3"):
        rows_of("github", snapshot, counted=3)
    with pytest.raises(PackRefused, match="no count of its own"):
        rows_of("github", snapshot, counted=None)
    assert set(rows_of("github", snapshot)) == {"ann", "bob"}


@pytest.mark.parametrize(
    ("system", "row", "flags"),
    [
        ("github", github_account("ann"), ()),
        ("github", github_account("bob"), ("leaver",)),
        ("github", github_account("bob", suspended=True), ()),
        ("github", github_account("who"), ("unmapped",)),
        ("github", github_account("ann", privileged=True), ("privileged",)),
        ("github", github_account("two"), ("shared",)),
        ("github", github_account("app", kind="app", membership="app", two_factor="not_applicable"), ("no_owner",)),
        ("github", github_account("app", kind="app", membership="app", owner="vendor"), ()),
        ("google", google_account("p9", last_used_at=NOW), ("unmapped",)),
        ("google", google_account("ann", email="ann@acme.example", last_used_at=at("03-01")), ("dormant",)),
        ("google", google_account("ann", email="ann@acme.example", last_used_at=at("04-01")), ()),
        ("google", google_account("ann", email="ann@acme.example", created_at=at("06-01")), ()),
        ("google", google_account("ann", email="A.Smith@acme.example", created_at=at("01-01")), ("dormant",)),
        ("google", google_account("ann", email="ann@acme.example", archived=True), ()),
        ("aws", aws_principal("eve"), ()),
        ("aws", aws_principal("eve", password_enabled=False), ()),
        ("aws", aws_principal("ci", password_enabled=False), ("no_owner",)),
        ("aws", aws_principal("ci", principal_kind="iam_role", owner="ann@acme.example"), ()),
        ("aws", aws_principal("x", principal_kind="iam_role", service_linked=True), ()),
        ("aws", aws_principal("x", principal_kind="iam_group"), ()),
        ("gcp", gcp_principal("ann@acme.example"), ()),
        ("gcp", gcp_principal("sa@x.iam", principal_kind="service_account", last_use_known=True), ("dormant",
                                                                                                 "no_owner")),
    ],
)  # fmt: skip
def test_flags(system: str, row: Mapping[str, Any], flags: tuple[str, ...]) -> None:
    [made] = rows_of(system, [row]).values()
    assert made.flags == flags


def test_an_account_that_the_programme_calls_a_machine() -> None:
    [row] = make_rows(
        "github", [github_account("Robot")], observed_at=NOW, counted=1, registers=REGISTERS, zone="UTC",
        dormant_days=90, previous=None, machines=["robot"],
    )  # fmt: skip
    assert (row.kind, row.flags) == ("service", ("no_owner",))


def test_a_row_says_who_and_what() -> None:
    role = {"scope": "team", "resource_id": "T", "resource_name": "core", "role": "maintainer", "via": None}
    row = rows_of("github", [github_account("ann", roles=[role])])["ann"]
    assert (row.row_id, row.persons, row.manager) == ("github:U_ann", ("p1",), "eve@acme.example")
    assert (row.roles, row.teams, row.second_factor) == (("maintainer on core", "member"), ("core",), "on")
    assert (row.last_use, row.change) == ("unknown", "first")
    assert PackRow.from_json(row.to_json()) == row
    assert replace(row, privileged=True).digest != row.digest


def test_an_account_made_anew_under_the_old_name_is_another_row() -> None:
    before = rows_of("aws", [aws_principal("eve")])["eve"]
    after = rows_of("aws", [aws_principal("eve", principal_id="AIDAnew")], previous=[before])["eve"]
    assert after.row_id != before.row_id
    assert (after.change, after.persons) == ("new", ("p3",))


def test_changes_against_the_campaign_before() -> None:
    first = list(rows_of("github", [github_account("ann"), github_account("bob")]).values())
    later = [github_account("ann", privileged=True, last_used_at=NOW), github_account("two")]
    now = rows_of("github", later, previous=first)
    assert (now["ann"].change, now["ann"].changes) == ("changed", ("privileged",))
    assert now["two"].change == "new"
    assert [row.name for row in removed_rows(now.values(), first)] == ["bob"]
    assert rows_digest(first) != rows_digest(now.values())
    same = rows_of("github", [github_account("bob", last_used_at=NOW)], previous=first)["bob"]
    assert (same.change, same.changes) == ("same", ())


def test_hostile_texts_are_kept_as_they_are() -> None:
    name = "=cmd|' /C calc'!A0\n<script>" + "x" * 5000
    row = rows_of("github", [{**github_account("ann"), "login": name}])[name]
    assert PackRow.from_json(row.to_json()).login == name


# --- deciding --------------------------------------------------------------------------------------------------------


def campaign(*rows: Mapping[str, Any]) -> Campaign:
    return Campaign.of(rows_of("github", rows or [github_account("ann"), github_account("bob")]).values())


def said(of: Campaign, row: str, decision: str = "keep", by: str = "eve@acme.example", **changed: Any) -> Decision:
    made = Decision(row, of.digests[row], decision, None, by, "2026-06-26T00:00:00Z")
    return replace(made, **changed)


def tried(
    of: Campaign, row: str, decision: str = "keep", reason: str | None = None, by: str = "eve@acme.example",
    shown: str | None = None, *, listed: bool = True, same: bool = False,
) -> str | None:  # fmt: skip
    return refusal(
        of, of.rows[row], decision, reason, shown=shown or of.digests[row], by=by,
        persons=Persons(REGISTERS, "UTC"), at=NOW, listed=listed, same=same,
    )  # fmt: skip


def test_what_is_refused() -> None:
    of = campaign(github_account("ann"), github_account("bob"), github_account("who"))
    assert tried(of, "github:U_ann") is None
    assert "own account" in (tried(of, "github:U_ann", by="ann@acme.example") or "")
    assert "own account" in (tried(of, "github:U_ann", by="A.Smith@acme.example") or ""), "an alias is the same person"
    assert "own account" in (tried(campaign(github_account("two")), "github:U_two", by="eve@acme.example") or "")
    assert "needs a reason" in (tried(of, "github:U_bob") or ""), "a leaver's"
    assert tried(of, "github:U_bob", reason="data is handed over until July") is None
    assert "needs a reason" in (tried(of, "github:U_ann", "revoke", " ") or "")
    assert "another than the one that was shown" in (tried(of, "github:U_ann", shown="sha256:other") or "")
    assert "not on people.reviewers" in (tried(of, "github:U_ann", listed=False) or "")
    assert tried(of, "github:U_ann", listed=False, same=True) is None
    assert "no decision" in (tried(of, "github:U_ann", "approve") or "")
    assert "characters" in (tried(of, "github:U_ann", reason="x" * 2001) or "")


def test_a_later_decision_supersedes_and_the_earlier_stays() -> None:
    of = campaign()
    of.take([said(of, "github:U_ann"), said(of, "github:U_ann", "revoke", reason="left the team")])
    assert of.standing()["github:U_ann"].decision == "revoke"
    assert len(of.decisions) == 2
    assert of.counts() == {"rows": 2, "keep": 0, "revoke": 1, "change": 0, "escalate": 0, "undecided": 1}


def test_a_decision_about_another_row_stands_for_nothing() -> None:
    of = campaign()
    of.take([said(of, "github:U_ann", row_digest="sha256:of-the-old-pack")])
    assert len(of.undecided()) == 2


def test_an_escalated_row_is_open_until_somebody_else_decides() -> None:
    of = campaign()
    of.take([said(of, "github:U_ann", "escalate", reason="not my team")])
    assert [row.name for row in of.undecided()] == ["ann", "bob"]
    assert "escalated" in (tried(of, "github:U_ann") or "")
    assert tried(of, "github:U_ann", by="cto@acme.example") is None


def test_who_is_to_decide() -> None:
    of = Campaign.of(rows_of("github", [github_account("ann"), github_account("eve")]).values(), "manager")
    assert of.assigned(of.rows["github:U_ann"]) == "eve@acme.example"
    assert of.assigned(of.rows["github:U_eve"]) is None
    of.delegations.append(Delegation("x@acme.example", "eve@acme.example", "row", "github:U_ann", ""))
    assert of.assigned(of.rows["github:U_ann"]) == "x@acme.example"
    assert not Delegation("x", "y", "team", "core", "").covers(of.rows["github:U_ann"])


def test_the_signature_is_over_what_stands() -> None:
    of = campaign()
    empty = of.result_digest()
    of.take([said(of, "github:U_ann")])
    decided = of.result_digest()
    of.take([said(of, "github:U_ann", "revoke", reason="no")])
    assert len({empty, decided, of.result_digest()}) == 3
