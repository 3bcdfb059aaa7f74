"""Scopes, privileges and probes of Google Workspace."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connectors.google.documents import api_of, document
from connectors.google.permissions import METHODS, least_privileges, least_scopes, scope_of
from connectors.google.probes import PROBES, source_clock
from schemas.errors import NotLicensed, PermissionDenied
from schemas.google import DATASETS
from schemas.scope import ScopeItem
from tests.fakes.google_bench import GoogleBench
from tests.sandbox.google.methods import methods_of

ITEM = ScopeItem("google:C03tally1", "tallybrook.example", "google")


@pytest.mark.parametrize("method", sorted({method for methods in METHODS.values() for method in methods}))
def test_the_scope_is_one_that_the_method_takes_and_the_narrowest(method: str) -> None:
    accepted = methods_of(document(api_of(method)))[method]["scopes"]
    chosen = scope_of(method)
    assert chosen in accepted
    assert chosen.endswith((".readonly", "apps.alerts")) or not [one for one in accepted if one.endswith(".readonly")]


def test_the_scopes_in_the_documentation_are_those_the_code_needs() -> None:
    text = (Path(__file__).parents[3] / "docs" / "credentials.md").read_text(encoding="utf-8")
    section = text.partition("## Google Workspace")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([\w.-]+)` \| (.+) \|$", section, re.MULTILINE)
    named = {"https://www.googleapis.com/auth/" + scope for scope, _ in rows}
    assert named == set(least_scopes(METHODS))
    assert {one for _, names in rows for one in names.split(", ")} == set(least_privileges(METHODS))


def test_every_dataset_with_methods_is_declared() -> None:
    assert METHODS.keys() <= {dataset.name for dataset in DATASETS}
    assert METHODS.keys() == PROBES.keys()


@pytest.mark.parametrize("dataset", sorted(METHODS))
def test_a_probe_touches_every_method_and_names_the_scope_that_is_missing(bench: GoogleBench, dataset: str) -> None:
    policies = ("Information security policy",)
    PROBES[dataset](bench.session(policies=policies), ITEM)
    asked = set(bench.plan.requests()["google"]) - {"token"}
    assert asked == set(METHODS[dataset])
    for method in METHODS[dataset]:
        bench.server.identity.withheld.add(scope_of(method))
        with pytest.raises(PermissionDenied) as denied:
            PROBES[dataset](bench.session(policies=policies), ITEM)
        assert denied.value.permission == scope_of(method)
        bench.server.identity.withheld.clear()


def test_a_privilege_that_the_delegate_lacks_is_named(bench: GoogleBench) -> None:
    bench.delegate = "luca@tallybrook.example"
    try:
        with pytest.raises(PermissionDenied) as denied:
            PROBES["google.domains"](bench.session(), ITEM)
    finally:
        bench.delegate = "evidence@tallybrook.example"
    assert denied.value.permission == "administrator privilege Domain Settings"


def test_policies_that_are_not_licensed_stand_in_no_way_of_the_users(bench: GoogleBench) -> None:
    bench.spoil({"match": "cloudidentity.policies.list", "kind": "forbidden", "code": "notLicensed", "times": None})
    PROBES["google.users"](bench.session(), ITEM)
    bench.spoil({"match": "directory.roles.list", "kind": "forbidden", "code": "notLicensed", "times": None})
    with pytest.raises(NotLicensed):
        PROBES["google.administrators"](bench.session(), ITEM)


def test_the_clock(bench: GoogleBench) -> None:
    assert source_clock(bench.session()) == bench.clock.now()
