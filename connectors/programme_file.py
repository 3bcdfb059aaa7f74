"""Reading the programme file and its registers: all of what is wrong at once, each with file, line and the fix."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from connectors.positioned_yaml import PositionedDocument, read_positioned_yaml
from connectors.programme_problems import InvalidProgramme, Problem, data_at, explained, nearest, spoken_path
from connectors.register_files import LoadedRegister, cross_check, file_of, load_register
from connectors.written_secrets import looks_secret, secret_lines, texts_of
from evidence.programme_digest import programme_digest
from schemas.errors import ConfigurationError
from schemas.programme import Programme
from schemas.register_values import register_schema
from schemas.registers import REGISTERS

ControlLines = Mapping[str, Collection[str]]
"""Ids of the catalogue's controls, each with the ids of its evidence lines."""


@dataclass(frozen=True, slots=True)
class LoadedProgramme:
    """The programme as written now. What counts is the version recorded in the ledger; `digest` tells them apart."""

    path: Path
    content: bytes
    programme: Programme
    normalised: dict[str, Any]
    registers: dict[str, LoadedRegister]
    digest: str
    unset_environment: tuple[str, ...] = field(default=())
    """Environment variables that the file names and that are not set; what needs them will say so."""

    def register_rows(self) -> dict[str, list[dict[str, Any]]]:
        """Rows of each register by its name."""
        return {name: register.rows for name, register in self.registers.items()}


def programme_path(given: Path | None, environ: Mapping[str, str]) -> Path:
    """Which file: the one given, else `EVIDENCE_PROGRAM`, else `program.yaml` in the working directory."""
    return given or Path(environ.get("EVIDENCE_PROGRAM") or "program.yaml")


def load_programme(path: Path, environ: Mapping[str, str], *, controls: ControlLines | None = None) -> LoadedProgramme:
    """Read and check the programme file and every register it names.

    `controls` are the catalogue's ids, against which overrides and owners are checked; None leaves that out.
    Raises InvalidProgramme with all problems, ConfigurationError where the file can't be read at all.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ConfigurationError(
            f"There is no programme file at {path}. Run `evidence init` to write one, or name it with --program or "
            "EVIDENCE_PROGRAM."
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"The programme file {path} can't be read: {error.strerror}. Check the path."
        ) from None
    document = read_positioned_yaml(content)
    problems = [Problem(path.name, finding.line, finding.message) for finding in document.findings]
    programme: Programme | None = None
    registers: dict[str, LoadedRegister] = {}
    if isinstance(document.data, dict):
        problems += _written_secrets(document, path.name, environ)
        programme, found = _validated(document, path.name, controls)
        problems += found
        registers = _registers(document.data.get("registers"), path.parent, environ)
        for register in registers.values():
            problems += [Problem(_shown(register, path), f.line, f.message) for f in register.findings]
        if not any(register.findings for register in registers.values()):
            problems += [
                Problem(_beside(where, path), finding.line, finding.message)
                for where, finding in cross_check(registers)
            ]
    elif not document.findings:
        problems.append(Problem(path.name, 1, "the file must be a mapping of keys. Run `evidence init` for a template"))
    told = {(problem.file, problem.line) for problem in problems}
    problems += [
        Problem(path.name, line, f"this line holds {secret}. Remove it, and revoke the secret: it was in a file")
        for line, secret in secret_lines(content, environ)
        if (path.name, line) not in told
    ]
    if problems or programme is None:
        raise InvalidProgramme(sorted({_without_secret(problem, environ) for problem in problems}))
    normalised = programme.normalised()
    return LoadedProgramme(
        path=path,
        content=content,
        programme=programme,
        normalised=normalised,
        registers=registers,
        digest=programme_digest(normalised, {name: register.digest for name, register in registers.items()}),
        unset_environment=tuple(sorted({name for name in _named_variables(normalised) if not environ.get(name)})),
    )


def json_schema(name: str) -> dict[str, Any]:
    """JSON schema (2020-12) of `program` or of the register of that name. KeyError lists the known names."""
    if name in ("program", "programme"):
        schema = Programme.model_json_schema(by_alias=True, mode="validation")
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "program.yaml"}
    if name not in REGISTERS:
        raise KeyError(f"no schema {name!r}; known are program, {', '.join(REGISTERS)}")
    return register_schema(REGISTERS[name])


def _registers(named: object, folder: Path, environ: Mapping[str, str]) -> dict[str, LoadedRegister]:
    if not isinstance(named, dict):
        return {}
    files = {name: file_of(place) for name, place in named.items()}
    return {
        name: load_register(REGISTERS[name], folder / file, environ)
        for name, file in files.items()
        if name in REGISTERS and file is not None and file.strip()
    }


def _shown(register: LoadedRegister, programme: Path) -> str:
    return _beside(register.path, programme)


def _beside(path: Path, programme: Path) -> str:
    try:
        return path.relative_to(programme.parent).as_posix()
    except ValueError:
        return path.as_posix()


def _written_secrets(document: PositionedDocument, file: str, environ: Mapping[str, str]) -> list[Problem]:
    problems: list[Problem] = []
    for path, text in texts_of(document.data):
        key = next((str(part) for part in reversed(path) if isinstance(part, str)), "")
        secret = looks_secret(text, key=key if text != key else "", environ=environ)
        if secret is not None:
            problems.append(
                Problem(
                    file,
                    document.line(path),
                    f"{spoken_path(path[:-1] if text == key else path)} holds {secret}. Put it into an environment "
                    "variable, write the variable's name here, and revoke the secret: it was in a file",
                )
            )
    return problems


def _without_secret(problem: Problem, environ: Mapping[str, str]) -> Problem:
    secret = looks_secret(problem.message, environ=environ)
    return replace(problem, message=f"this is wrong, and not shown because it holds {secret}") if secret else problem


def _validated(
    document: PositionedDocument, file: str, controls: ControlLines | None
) -> tuple[Programme | None, list[Problem]]:
    problems: list[Problem] = []
    programme: Programme | None = None
    try:
        programme = Programme.model_validate(document.data)
    except ValidationError as error:
        problems += explained(error, document, file)
    if controls is not None:
        problems += _unknown_controls(document, file, controls)
    return programme, problems


def _unknown_controls(document: PositionedDocument, file: str, controls: ControlLines) -> list[Problem]:
    problems: list[Problem] = []
    places: list[tuple[str | int, ...]] = [("controls",), ("people", "owners")]
    for place in places:
        named = data_at(document.data, place)
        for control_id in named if isinstance(named, dict) else ():
            at = (*place, control_id)
            if control_id not in controls:
                message = f"there is no control {control_id!r} in the catalogue.{nearest(control_id, controls)}"
                problems.append(Problem(file, document.line(at, key=True), message))
                continue
            lines = data_at(document.data, (*at, "evidence"))
            for line_id in lines if place == ("controls",) and isinstance(lines, dict) else ():
                if line_id not in controls[control_id]:
                    message = f"{control_id} has no evidence line {line_id!r}.{nearest(line_id, controls[control_id])}"
                    problems.append(Problem(file, document.line((*at, "evidence", line_id), key=True), message))
    return problems


def _named_variables(data: object) -> list[str]:
    if isinstance(data, dict):
        names = [value for key, value in data.items() if str(key).endswith("_env") and isinstance(value, str)]
        return names + [name for value in data.values() for name in _named_variables(value)]
    if isinstance(data, list):
        return [name for value in data for name in _named_variables(value)]
    return []
