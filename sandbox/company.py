"""A simulated company: a folder in a documented format.

| file | holds |
|---|---|
| `company.yaml` | name, slug, time zone, people (the model of this module) |
| `github.yaml` | its GitHub: organisation, repositories, routine, dated events (`sandbox.github.script`) |
| `aws.yaml` | its AWS accounts (`sandbox.aws.company`) |
| `google.yaml` | its Google Workspace (`sandbox.google.workspace.script`) |
| `jira.yaml`, `pagerduty.yaml` | its trackers of tickets (`sandbox.trackers`) |
| `truth.yaml`, `aws.truth.yaml` | what the script breaks on purpose, and what has to come out of it |
| `program.yaml` | its programme file, in which the sandbox fills in its own addresses |
| `registers/` | its registers; `people.csv` and `identities.csv` come from `company.yaml` unless they are there |
| `records/` | what its people wrote down, `<day>.<kind>.yaml` or `.csv`, and what is attached to it |
| `reviews/` | its access reviews, `<day>.yaml`: system, quarter, who decides and who about that one, what is revoked |
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from schemas.errors import ConfigurationError

DEMO = Path(__file__).parent / "companies" / "demo"
SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"
Model = TypeVar("Model", bound=BaseModel)


class Strict(BaseModel):
    """Unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Person(Strict):
    """Somebody who works for the company, or a machine that has accounts of its own."""

    person_id: str
    name: str
    email: str
    kind: Literal["employee", "contractor", "adviser"] = "employee"
    role: str = Field(default="", description="What the person does; for readers.")
    office: str | None = None
    start: date
    last_day: date | None = Field(default=None, description="Last working day; none while the person works here.")
    leaving: Literal["voluntary", "involuntary", "contract_end"] | None = None
    manager: str | None = Field(default=None, description="person_id of the manager.")
    github: str | None = Field(default=None, description="GitHub login.")
    aws: str | None = Field(default=None, description="AWS principal: the ARN of an IAM user or role session name.")
    google: str | None = Field(default=None, description="E-mail address at Google Workspace.")
    machine: bool = Field(default=False, description="A machine account: no person, and in no register of people.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last_day is not None and self.last_day < self.start:
            raise ValueError(f"{self.person_id} leaves on {self.last_day}, before starting on {self.start}")
        return self


class Company(Strict):
    """The whole of `company.yaml`."""

    name: str
    slug: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    domain: str
    timezone: str = "UTC"
    people: list[Person] = Field(min_length=1)

    @model_validator(mode="after")
    def _no_one_twice(self) -> Self:
        for what in ("person_id", "email", "github", "aws"):
            values = [value for person in self.people if (value := getattr(person, what)) is not None]
            twice = sorted({value for value in values if values.count(value) > 1})
            if twice:
                raise ValueError(f"{what} is given to two people: {', '.join(twice)}")
        return self

    def by_github(self, login: str) -> Person | None:
        """The person of a GitHub login."""
        return next((person for person in self.people if person.github == login), None)


class Planted(Strict):
    """Something that the script breaks on purpose: the code that a test of a control has to give for it."""

    control: Annotated[str, Field(pattern=r"^[A-Z0-9]+-[A-Z0-9]+-\d+$")]
    code: str
    scope: str = Field(description="What it concerns, by the name people use: `owner/repository`, or the organisation.")
    item: str = Field(description="Commit, pull request, branch, login, key or deployment within that.")
    at: AwareDatetime = Field(description="When it happened, or began.")
    until: AwareDatetime | None = Field(default=None, description="When it ended; none for something that has no end.")
    note: str = Field(default="", description="What happened, in a sentence.")


class Truth(Strict):
    """The whole of `truth.yaml`."""

    github: list[Planted] = Field(default_factory=list)


_COMPANY: TypeAdapter[Company] = TypeAdapter(Company)
_TRUTH: TypeAdapter[Truth] = TypeAdapter(Truth)


def company_schema() -> dict[str, Any]:
    """JSON schema of `company.yaml`."""
    return {"$schema": SCHEMA_DIALECT, **_COMPANY.json_schema(), "title": "A simulated company (company.yaml)"}


def truth_schema() -> dict[str, Any]:
    """JSON schema of `truth.yaml`."""
    return {"$schema": SCHEMA_DIALECT, **_TRUTH.json_schema(), "title": "Planted violations (truth.yaml)"}


def company_folder(company: str | Path) -> Path:
    """The folder of a company: `demo`, or a path. Raises ConfigurationError for a folder that is none."""
    folder = DEMO if str(company) == "demo" else Path(company)
    if not (folder / "company.yaml").is_file():
        raise ConfigurationError(
            f"{folder} is no company: it has no company.yaml. docs/sandbox.md says what one holds."
        )
    return folder


def load_company(folder: Path) -> Company:
    """Read `company.yaml`. Raises ConfigurationError naming what is wrong."""
    return read_model(folder / "company.yaml", _COMPANY)


def load_truth(folder: Path) -> Truth:
    """Read `truth.yaml`; nothing planted where there is none."""
    path = folder / "truth.yaml"
    return read_model(path, _TRUTH) if path.is_file() else Truth()


def read_model(path: Path, adapter: TypeAdapter[Model]) -> Model:
    """Read a YAML file into its model. Raises ConfigurationError with the place of each mistake."""
    try:
        with path.open(encoding="utf-8") as stream:
            content = YAML(typ="safe").load(stream)
        return adapter.validate_python(content)
    except OSError as error:
        raise ConfigurationError(f"{path.name} of the company cannot be read: {error.strerror}") from error
    except YAMLError as error:
        raise ConfigurationError(f"{path.name} of the company is no YAML: {error}") from error
    except ValidationError as error:
        raise ConfigurationError(f"{path.name} of the company: {'; '.join(_places(error))}") from error


def _places(error: ValidationError) -> Iterator[str]:
    for found in error.errors(include_url=False):
        place = ".".join(str(part) for part in found["loc"])
        yield f"{place}: {found['msg']}" if place else found["msg"]
