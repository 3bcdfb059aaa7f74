"""Writes the programme file and registers that go with a running sandbox."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from sandbox.company import Company
from schemas.registers import IDENTITIES, PEOPLE, Register


def _yaml() -> YAML:
    yaml = YAML()
    yaml.width = 110
    return yaml


def _write(path: Path, content: Any) -> None:
    buffer = io.StringIO()
    _yaml().dump(content, buffer)
    path.write_text(buffer.getvalue(), encoding="utf-8")


def write_company_programme(
    folder: Path,
    company: Company,
    directory: Path,
    github_url: str,
    account: str | None = None,
    *,
    google_url: str | None = None,
    trackers: Mapping[str, str] | None = None,
) -> Path:
    """Copy a company's programme, registers, records and reviews to `directory` and point it at the running sandbox.

    `account` is an AWS account that joins those of the company. `trackers` are the addresses of `jira` and `pagerduty`.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (folder / "program.yaml").open(encoding="utf-8") as stream:
        content = _yaml().load(stream)
    scope = content.setdefault("scope", {})
    if scope.get("github") is not None:
        scope["github"]["api_url"] = github_url
    for system in ("google", "gcp"):
        if scope.get(system) is not None and google_url is not None:
            scope[system]["api_url"] = google_url
    for kept in content.get("registers", {}).values():
        for tracker, key in (("jira", "url"), ("pagerduty", "api_url")):
            if isinstance(kept, dict) and tracker in kept and trackers and tracker in trackers:
                kept[tracker][key] = trackers[tracker]
    if account is not None:
        scope["aws"] = scope.get("aws") or {"accounts": []}
        scope["aws"]["accounts"].append(_account(account))
    for name in ("registers", "records", "reviews"):
        if (folder / name).is_dir():
            shutil.copytree(folder / name, directory / name, dirs_exist_ok=True)
    _write_people(directory, company)
    path = directory / "program.yaml"
    _write(path, content)
    return path


def write_history_programme(
    directory: Path,
    organisation: str,
    repositories: Iterable[str],
    last: date | None,
    first: date | None,
    github_url: str,
    *,
    account: str | None = None,
    today: date,
) -> Path:
    """A programme for change histories and an AWS account: the last twelve full months of the histories.

    `first` and `last` are the days of the first and last change. Shorter histories get the full months they have, or
    their own days when there is not even one; without histories it is six months from the first of this month.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if first is None or last is None:
        start = today.replace(day=1)
        end = _month_after(start, 6) - timedelta(days=1)
    else:
        start, end = twelve_months(first, last)
    scope: dict[str, Any] = {}
    names = sorted(repositories)
    if names:
        scope["github"] = {
            "organisation": organisation,
            "api_url": github_url,
            "repositories": names,
            "production_branches": ["main"],
            "plan": "team",
        }
    if account is not None:
        scope["aws"] = {"accounts": [_account(account)]}
    content = {
        "organisation": organisation,
        "timezone": "UTC",
        "observation_period": {"start": start, "end": end},
        "categories": ["security"],
        "store": "./evidence-store",
        "scope": scope,
        # A history of commits knows no tickets, checks or rules, so they are no part of the controls.
        "evidence_rules": {"tickets_required": False, "required_checks": "none", "rule_bypasses": "none"},
    }
    path = directory / "program.yaml"
    _write(path, content)
    return path


def _account(account: str) -> dict[str, Any]:
    """An account as the programme names it; the id in quotes, because as a number it would lose zeros."""
    return {"id": DoubleQuotedScalarString(account), "role": f"arn:aws:iam::{account}:role/evidence-reader"}


def _month_after(first: date, months: int) -> date:
    number = first.year * 12 + first.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def twelve_months(first: date, last: date) -> tuple[date, date]:
    """The last twelve full calendar months within two days, both inclusive."""
    end = (last + timedelta(days=1)).replace(day=1) - timedelta(days=1)
    start = date(end.year - 1, end.month, 1)
    start = date(start.year + start.month // 12, start.month % 12 + 1, 1)
    if start < first:
        start = first if first.day == 1 else (first.replace(day=1) + timedelta(days=32)).replace(day=1)
    return (start, end) if start <= end else (first, last)


def _write_people(directory: Path, company: Company) -> None:
    """The people and identities registers, unless the company brings its own."""
    registers = directory / "registers"
    registers.mkdir(exist_ok=True)
    people = [person for person in company.people if not person.machine]
    _write_register(
        registers.parent / PEOPLE.file,
        PEOPLE,
        [
            {
                "person_id": person.person_id,
                "name": person.name,
                "email": person.email,
                "kind": person.kind,
                "office": person.office,
                "start": person.start,
                "last_day": person.last_day,
                "manager": person.manager,
                "leaving": person.leaving,
            }
            for person in people
        ],
    )
    _write_register(
        registers.parent / IDENTITIES.file,
        IDENTITIES,
        [
            {"person_id": person.person_id, "system": system, "account_id": account, "from": person.start}
            for person in people
            for system, account in (("github", person.github), ("aws", person.aws), ("google", person.google))
            if account is not None
        ],
    )


def _write_register(path: Path, register: Register, rows: list[dict[str, Any]]) -> None:
    if path.exists():
        return
    names = [column.name for column in register.columns]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, names, restval="", lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({name: "" if value is None else value for name, value in row.items()})
