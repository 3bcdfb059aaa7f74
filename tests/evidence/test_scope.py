"""The scope register: since when an item is in scope, what keeps it there, and what a decision can and can't do."""

from __future__ import annotations

from typing import Any

from evidence.completeness.instants import instant
from evidence.inventory import PROJECTS, InventorySnapshot, inventory_of
from evidence.scope import ScopedItem, ScopeRegister, scope_of
from evidence.timeline import ALWAYS_FROM, ALWAYS_TO
from schemas.scope import ScopeKind
from tests.fakes.ledger_entries import Ledger, at, programme, repository

TOPIC = {"scope": {"github": {"organisation": "acme", "repositories": {"topic": "production"}}}}
BOTH = {"scope": {"github": {"organisation": "acme", "repositories": ["api", "web"]}}}
API = {"scope": {"github": {"organisation": "acme", "repositories": ["api"]}}}


def scope(ledger: Ledger, as_of: str = "2026-07-01") -> ScopeRegister:
    return scope_of(ledger.history(as_of), inventory_of(ledger.inventory, at(as_of)))


def spans(register: ScopeRegister, kind: ScopeKind = "github_repo") -> dict[str, list[str]]:
    def text(tick: int) -> str:
        return "" if tick in (ALWAYS_FROM, ALWAYS_TO) else instant(tick).strftime("%Y-%m-%d")

    return {item.id: [f"{text(low)}..{text(high)}" for low, high in item.spans] for item in register.items(kind)}


def decision(item: str, what: str, start: str | None = None, end: str | None = None, **more: Any) -> dict[str, Any]:
    row = {
        "item_id": item,
        "decision": what,
        "from": start,
        "to": end,
        "reason": "sandbox",
        "decided_by": "cto@acme.com",
    }
    return {**row, **more}


class TestRepositories:
    def test_in_scope_from_creation_not_from_discovery(self) -> None:
        ledger = Ledger()
        ledger.programme("2026-01-01", programme(**TOPIC))
        ledger.repositories("2026-03-20", repository("R_1", "acme/api", "2026-02-20", ["production"]))
        assert spans(scope(ledger)) == {"github:R_1": ["2026-02-20.."]}

    def test_once_seen_with_the_topic_it_stays(self) -> None:
        ledger = Ledger()
        ledger.programme("2026-01-01", programme(**TOPIC))
        ledger.repositories("2026-01-10", repository("R_1", "acme/api", topics=["production"]))
        ledger.repositories("2026-02-10", repository("R_1", "acme/api"), repository("R_2", "acme/site"))
        assert list(spans(scope(ledger))) == ["github:R_1"]
        assert scope(ledger).undecided == (("github:R_2", "acme/site"),)

    def test_renamed_is_the_same_item_under_its_new_name(self) -> None:
        ledger = Ledger()
        ledger.programme("2026-01-01", programme(**API))
        ledger.repositories("2026-01-10", repository("R_1", "acme/api"))
        ledger.repositories("2026-02-10", repository("R_1", "acme/backend"))
        assert [(item.id, item.name) for item in scope(ledger).items("github_repo")] == [("github:R_1", "acme/backend")]

    def test_a_new_repository_under_an_old_name_does_not_push_the_first_out(self) -> None:
        ledger = Ledger()
        ledger.programme("2026-01-01", programme(**API))
        ledger.repositories("2026-01-10", repository("R_1", "acme/api"))
        ledger.repositories(
            "2026-02-10", repository("R_1", "acme/old-api"), repository("R_2", "acme/api", "2026-02-01")
        )
        assert spans(scope(ledger)) == {"github:R_1": ["2020-01-01.."], "github:R_2": ["2026-02-01.."]}

    def test_vanished_from_the_inventory_stays_expected_and_says_so(self) -> None:
        ledger = Ledger()
        ledger.programme("2026-01-01", programme(**BOTH))
        ledger.repositories("2026-01-10", repository("R_1", "acme/api"), repository("R_2", "acme/web"))
        ledger.repositories("2026-02-10", repository("R_1", "acme/api"))
        gone = scope(ledger).item("github:R_2")
        assert isinstance(gone, ScopedItem)
        assert gone.note is not None
        assert "no longer in the inventory" in gone.note
        assert spans(scope(ledger))["github:R_2"] == ["2020-01-01.."]

    def test_a_truncated_inventory_makes_nothing_vanish(self) -> None:
        ledger = Ledger()
        ledger.programme("2026-01-01", programme(**BOTH))
        ledger.repositories("2026-01-10", repository("R_1", "acme/api"), repository("R_2", "acme/web"))
        ledger.repositories("2026-02-10", repository("R_1", "acme/api"), complete=False)
        assert scope(ledger).item("github:R_2").note is None  # type: ignore[union-attr]

    def test_a_name_nobody_knows_makes_an_unresolved_item(self) -> None:
        ledger = Ledger()
        ledger.programme("2026-01-01", programme(**BOTH))
        ledger.repositories("2026-01-10", repository("R_1", "acme/api"))
        items = {item.id: item for item in scope(ledger).items("github_repo")}
        assert set(items) == {"github:R_1", "github:unresolved:acme/web"}
        assert not items["github:unresolved:acme/web"].resolved
        assert items["github:unresolved:acme/web"].as_scope_item().resolved is False

    def test_names_are_compared_without_case(self) -> None:
        ledger = Ledger()
        ledger.programme("2026-01-01", programme(**API))
        ledger.repositories("2026-01-10", repository("R_1", "Acme/API"))
        assert list(spans(scope(ledger))) == ["github:R_1"]

    def test_taken_out_of_the_list_stays_until_that_was_recorded(self) -> None:
        ledger = Ledger()
        ledger.programme("2026-01-01", programme(**BOTH))
        ledger.repositories("2026-01-10", repository("R_1", "acme/api"), repository("R_2", "acme/web"))
        ledger.programme("2026-03-05", programme(**API))
        assert spans(scope(ledger)) == {"github:R_1": ["2020-01-01.."], "github:R_2": ["2020-01-01..2026-03-05"]}

    def test_from_topic_to_list_keeps_what_the_topic_had_chosen(self) -> None:
        ledger = Ledger()
        ledger.programme("2026-01-01", programme(**TOPIC))
        ledger.repositories("2026-01-10", repository("R_2", "acme/web", topics=["production"]))
        ledger.programme("2026-03-05", programme(**API))
        ledger.repositories(
            "2026-04-01", repository("R_1", "acme/api"), repository("R_3", "acme/new", topics=["production"])
        )
        assert spans(scope(ledger)) == {"github:R_1": ["2020-01-01.."], "github:R_2": ["2020-01-01..2026-03-05"]}

    def test_only_what_the_store_knew_by_then(self) -> None:
        ledger = Ledger()
        ledger.programme("2026-01-01", programme(**TOPIC))
        ledger.repositories("2026-03-20", repository("R_1", "acme/api", topics=["production"]))
        assert spans(scope(ledger, "2026-03-19")) == {}
        assert list(spans(scope(ledger, "2026-03-20"))) == ["github:R_1"]


class TestDecisions:
    def ledger(self, *rows: dict[str, Any], recorded: str = "2026-03-05", **parts: Any) -> Ledger:
        ledger = Ledger()
        ledger.programme("2026-01-01", programme(**(parts or API)))
        ledger.repositories("2026-01-10", repository("R_1", "acme/api", "2025-06-01"), repository("R_2", "acme/lab"))
        ledger.programme(recorded, programme(**(parts or API)), scope=rows)
        return ledger

    def test_out_counts_from_its_recording_at_the_earliest(self) -> None:
        ledger = self.ledger(decision("github:R_1", "out", "2026-01-01"))
        assert spans(scope(ledger)) == {"github:R_1": ["2025-06-01..2026-03-05"]}
        (listed,) = scope(ledger).decisions
        assert (listed.reason, listed.recorded_at, listed.in_force) == ("sandbox", at("2026-03-05"), True)

    def test_out_for_a_time_to_come(self) -> None:
        ledger = self.ledger(decision("github:R_1", "out", "2026-04-01", "2026-04-30"))
        assert spans(scope(ledger)) == {"github:R_1": ["2025-06-01..2026-04-01", "2026-05-01.."]}

    def test_a_withdrawn_decision_brings_the_item_back_and_stays_listed(self) -> None:
        ledger = self.ledger(decision("github:R_1", "out", "2026-03-01"))
        ledger.programme("2026-04-10", programme(**API))
        assert spans(scope(ledger)) == {"github:R_1": ["2025-06-01.."]}
        assert [one.in_force for one in scope(ledger).decisions] == [False]

    def test_in_puts_an_item_in_scope_that_nothing_else_names(self) -> None:
        ledger = self.ledger(decision("github:R_2", "in", "2026-03-01"))
        assert list(spans(scope(ledger))) == ["github:R_1", "github:R_2"]

    def test_in_of_something_no_inventory_shows_is_unresolved(self) -> None:
        ledger = self.ledger(decision("github:R_9", "in"))
        assert not scope(ledger).item("github:R_9").resolved  # type: ignore[union-attr]

    def test_a_start_date_decided_in_time_moves_the_start(self) -> None:
        ledger = Ledger()
        ledger.programme("2026-01-01", programme(**TOPIC))
        ledger.repositories("2026-03-01", repository("R_1", "acme/api", "2026-01-05", ["production"]))
        ledger.programme("2026-03-10", programme(**TOPIC), scope=[decision("github:R_1", "in", "2026-03-01")])
        assert spans(scope(ledger)) == {"github:R_1": ["2026-03-01.."]}

    def test_a_start_date_decided_too_late_moves_nothing(self) -> None:
        ledger = Ledger()
        ledger.programme("2026-01-01", programme(**TOPIC))
        ledger.repositories("2026-02-01", repository("R_1", "acme/api", "2026-01-05", ["production"]))
        ledger.programme("2026-03-10", programme(**TOPIC), scope=[decision("github:R_1", "in", "2026-03-01")])
        assert spans(scope(ledger)) == {"github:R_1": ["2026-01-05.."]}

    def test_in_for_a_time_ends_where_it_says(self) -> None:
        ledger = self.ledger(decision("github:R_1", "in", None, "2026-04-30"))
        assert spans(scope(ledger)) == {"github:R_1": ["2025-06-01..2026-05-01"]}

    def test_two_stretches_of_being_in(self) -> None:
        ledger = self.ledger(
            decision("github:R_1", "in", None, "2026-03-31"), decision("github:R_1", "in", "2026-05-01")
        )
        assert spans(scope(ledger)) == {"github:R_1": ["2025-06-01..2026-04-01", "2026-05-01.."]}

    def test_days_are_local(self) -> None:
        new_york = {**API, "timezone": "America/New_York"}
        ledger = self.ledger(decision("github:R_1", "out", "2026-04-01"), **new_york)
        end = scope(ledger).item("github:R_1").spans[-1][1]  # type: ignore[union-attr]
        assert instant(end) == at("2026-04-01T04:00")


class TestSystems:
    def test_organisation_by_the_id_its_repositories_tell(self) -> None:
        ledger = Ledger()
        ledger.programme("2026-01-01")
        assert list(spans(scope(ledger), "identity_domain")) == ["aws:111122223333", "github:unresolved:acme"]
        ledger.repositories("2026-01-10", repository("R_1", "acme/api"))
        assert list(spans(scope(ledger), "identity_domain")) == ["aws:111122223333", "github:O_1"]

    def test_account_from_the_day_it_joined(self) -> None:
        ledger = Ledger()
        ledger.programme("2026-01-01")
        ledger.accounts(
            "2026-02-10",
            {"account_id": "111122223333", "name": "prod", "created_at": at("2026-02-01")},
            {"account_id": "999900001111", "name": "lab", "created_at": None},
        )
        assert spans(scope(ledger), "cloud_account") == {"aws:111122223333": ["2026-02-01.."]}
        assert ("aws:999900001111", "lab") in scope(ledger).undecided

    def test_regions_of_accounts(self) -> None:
        ledger = Ledger()
        aws = {"accounts": [{"id": "111122223333"}, {"id": "222233334444"}], "regions": ["eu-west-1", "us-east-1"]}
        ledger.programme("2026-01-01", programme(scope={"aws": aws}))
        assert len(spans(scope(ledger), "cloud_account_region")) == 4
        ledger.programme("2026-02-01", programme(scope={"aws": {**aws, "regions": ["eu-west-1"]}}))
        found = spans(scope(ledger), "cloud_account_region")
        assert found["aws:222233334444:us-east-1"] == ["..2026-02-01"]
        assert found["aws:222233334444:eu-west-1"] == [".."]

    def test_company_workforce_products_and_vendors(self) -> None:
        ledger = Ledger()
        named = programme(scope={"products": ["Acme Cloud"], "policies": ["Access Control"]})
        vendor = {"vendor_id": "aws", "name": "AWS", "kind": "subservice", "from": "2025-01-01", "to": None}
        ledger.programme("2026-01-01", named, vendors=[vendor])
        ledger.programme("2026-02-01", named, vendors=[])
        register = scope(ledger)
        assert list(spans(register, "organisation")) == ["org:acme-inc"]
        assert list(spans(register, "workforce")) == ["workforce"]
        assert list(spans(register, "product")) == ["product:acme-cloud"]
        assert list(spans(register, "policy")) == ["policy:access-control"]
        assert spans(register, "subservice_organisation") == {"vendor:aws": ["2025-01-01..2026-02-01"]}

    def test_alert_sources_are_named_after_what_they_watch(self) -> None:
        ledger = Ledger()
        ledger.programme("2026-01-01")
        ledger.repositories("2026-01-10", repository("R_1", "acme/api"))
        assert list(spans(scope(ledger), "alert_source")) == ["alerts:aws:111122223333", "alerts:github:O_1"]


PROJECT = {"scope": {"gcp": {"projects": ["acme-prod"]}}}


class TestProjects:
    def seen(self, ledger: Ledger, observed: str, *numbers: str, project_id: str = "acme-prod") -> None:
        rows = [
            {"project_number": number, "project_id": project_id, "name": None, "created_at": at("2026-02-10")}
            for number in numbers
        ]
        ledger.inventory.append(InventorySnapshot(PROJECTS, at(observed), at(observed), rows))

    def test_a_project_that_no_inventory_knows_is_expected_and_named(self) -> None:
        ledger = Ledger()
        ledger.programme("2026-01-01", programme(**PROJECT))
        for kind in ("identity_domain", "in_scope_system", "cloud_account_region", "repo_or_account", "data_store"):
            (item,) = scope(ledger).items(kind)
            assert (item.id, item.resolved) == ("gcp:unresolved:acme-prod", False)
            assert item.note is not None

    def test_it_is_its_number_from_its_creation_on(self) -> None:
        ledger = Ledger()
        ledger.programme("2026-01-01", programme(**PROJECT))
        self.seen(ledger, "2026-03-01", "42")
        assert spans(scope(ledger), "cloud_account") == {"gcp:42": ["2026-02-10.."]}
        assert [item.id for item in scope(ledger).items("alert_source")] == ["alerts:gcp:42"]

    def test_one_that_is_gone_or_taken_out_stays_expected_so_far(self) -> None:
        ledger = Ledger()
        ledger.programme("2026-01-01", programme(**PROJECT))
        self.seen(ledger, "2026-03-01", "42")
        self.seen(ledger, "2026-04-01", "43", project_id="other")
        register = scope(ledger)
        (item,) = register.items("cloud_account")
        assert "no longer in the inventory" in (item.note or "")
        assert ("gcp:43", "other") in register.undecided
        ledger.programme("2026-05-01", programme(scope={}))
        assert spans(scope(ledger), "cloud_account") == {"gcp:42": ["2026-02-10..2026-05-01"]}
