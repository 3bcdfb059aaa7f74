"""Company folders: what is read, and how mistakes are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from sandbox.company import DEMO, company_folder, load_company, load_truth
from sandbox.github.script import load_script
from sandbox.github.stage import build_github
from sandbox.github.world import World
from sandbox.schemas import SCHEMAS
from schemas.errors import ConfigurationError

PERSON = {"person_id": "p1", "name": "Ann", "email": "ann@acme.example", "start": "2020-01-01", "github": "ann"}
COMPANY = {"name": "Acme", "slug": "acme", "domain": "acme.example", "people": [PERSON]}
SCRIPT: dict[str, Any] = {
    "organisation": "acme",
    "created": "2020-01-01T09:00:00Z",
    "owners": ["ann"],
    "repositories": [{"name": "api", "created": "2020-01-02T09:00:00Z"}],
}


def write(folder: Path, company: Any = COMPANY, script: Any = SCRIPT) -> Path:
    for name, content in (("company.yaml", company), ("github.yaml", script)):
        with (folder / name).open("w", encoding="utf-8") as stream:
            YAML().dump(content, stream)
    return folder


def with_event(**event: Any) -> dict[str, Any]:
    return {**SCRIPT, "events": [{"at": "2026-04-02T10:00:00Z", "repository": "api", **event}]}


def test_the_smallest_company(tmp_path: Path) -> None:
    world = World()
    organisation = build_github(world, write(tmp_path))
    assert organisation is not None
    assert [one.account.login for one in organisation.members] == ["ann"]
    (repository,) = organisation.repositories
    assert len(repository.commits) == 1


def test_a_company_without_github(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "github.yaml").unlink()
    assert build_github(World(), tmp_path) is None


@pytest.mark.parametrize(
    ("company", "said"),
    [
        ({**COMPANY, "slug": "Acme!"}, "slug"),
        ({**COMPANY, "surprise": 1}, "surprise"),
        ({**COMPANY, "people": []}, "people"),
        (
            {**COMPANY, "people": [PERSON, {**PERSON, "email": "b@acme.example", "github": "b"}]},
            "person_id is given to two",
        ),
        (
            {**COMPANY, "people": [PERSON, {**PERSON, "person_id": "p2", "email": "b@acme.example"}]},
            "github is given to two",
        ),
        ({**COMPANY, "people": [{**PERSON, "last_day": "2019-01-01"}]}, "before starting"),
    ],
)
def test_mistakes_in_company_yaml(tmp_path: Path, company: Any, said: str) -> None:
    write(tmp_path, company)
    with pytest.raises(ConfigurationError, match=r"company\.yaml") as error:
        load_company(tmp_path)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ({**SCRIPT, "plan": "gold"}, "plan"),
        ({**SCRIPT, "owners": ["bob"], "reader": "bob"}, "bob is the GitHub login of nobody"),
        (with_event(kind="direct_push", by="bob"), "bob is the GitHub login of nobody"),
        (with_event(kind="direct_push", by="ann", repository="web"), "repositories that are not listed: web"),
        (with_event(kind="teleport"), "kind"),
        (with_event(kind="change", author="ann"), "nobody is left to approve"),
        ({**SCRIPT, "installations": [{"app": "bot", "installed": "2020-02-01T09:00:00Z", "permissions": {}}]}, "apps"),
        ({**SCRIPT, "created": "2020-01-01T09:00:00"}, "created"),
        (
            {**SCRIPT, "events": [{"at": "2026-04-02T10:00:00Z", "kind": "two_factor", "login": "ann", "on": True}]},
            "without having gone",
        ),
        (
            {
                **SCRIPT,
                "events": [
                    {
                        "at": "2026-04-02T10:00:00Z",
                        "kind": "ruleset_changed",
                        "ruleset": "x",
                        "by": "ann",
                        "delete": True,
                    }
                ],
            },
            "no ruleset 'x'",
        ),
        (
            {**SCRIPT, "teams": [{"slug": "a", "name": "A", "created": "2020-01-02T09:00:00Z", "members": ["bob"]}]},
            "bob",
        ),
    ],
)
def test_mistakes_in_github_yaml(tmp_path: Path, script: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=r"github\.yaml") as error:
        build_github(World(), write(tmp_path, script=script))
    assert said in str(error.value)


def test_a_file_that_is_no_yaml(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "company.yaml").write_text("{", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="no YAML"):
        load_company(tmp_path)


def test_a_folder_that_is_no_company(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no company\.yaml"):
        company_folder(tmp_path)
    assert company_folder("demo") == DEMO


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_schemas(name: str) -> None:
    schema = dict(SCHEMAS[name]())
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"]


@pytest.mark.parametrize(
    ("file", "name"),
    [("company.yaml", "sandbox-company"), ("github.yaml", "sandbox-github"), ("truth.yaml", "sandbox-truth")],
)
def test_the_demo_company_fits_the_schemas(file: str, name: str) -> None:
    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [plain(inner) for inner in value]
        return value.isoformat() if hasattr(value, "isoformat") else value

    with (DEMO / file).open(encoding="utf-8") as stream:
        content = plain(YAML(typ="safe").load(stream))
    assert [error.message for error in Draft202012Validator(dict(SCHEMAS[name]())).iter_errors(content)] == []


def test_the_demo_company_loads() -> None:
    assert load_company(DEMO).by_github("obrandt") is not None
    assert load_script(DEMO) is not None
    assert len(load_truth(DEMO).github) > 20
