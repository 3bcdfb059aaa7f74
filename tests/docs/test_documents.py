"""What the documents say can be done: commands parse, links lead somewhere, permissions are those the code asks for."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import cyclopts
import pytest

from cli.main import app
from connectors.aws.permissions import ACTIONS, collector_policy, reader_policy, trail_policy, trust_policy
from connectors.github.permissions import RIGHTS

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    ROOT / "README.md",
    *(
        ROOT / "docs" / name
        for name in ("credentials.md", "operations.md", "architecture.md", "sandbox.md", "adding-a-control.md")
    ),
]


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _commands(text: str) -> Iterator[str]:
    """Every `evidence …` in fenced blocks and in code spans, without comments, and without what stands around it."""
    blocks = re.findall(r"^```\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    for line in "\n".join(blocks).replace("\\\n", " ").splitlines():
        for part in line.split("  #")[0].split(" && "):
            words = re.sub(r"^(\w+=\S* )+", "", part.strip())
            if words.startswith("evidence "):
                yield words
    yield from re.findall(r"`(evidence [^`|]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))


ALL_COMMANDS = sorted({(path.name, command) for path in DOCUMENTS for command in _commands(_read(path))})


def test_commands_are_found() -> None:
    assert len(ALL_COMMANDS) > 20


@pytest.mark.parametrize(("document", "command"), ALL_COMMANDS)
def test_every_command_is_one(document: str, command: str) -> None:
    words = [word for word in shlex.split(command)[1:] if word != "…"]
    try:
        app.parse_args(words, exit_on_error=False, print_error=False)
    except cyclopts.MissingArgumentError:
        pass  # named in passing, without its arguments
    except cyclopts.CycloptsError as error:
        pytest.fail(f"{document}: {command}: {error}")


def test_a_command_that_is_none_is_noticed() -> None:
    with pytest.raises(cyclopts.CycloptsError):
        app.parse_args(["verify", "--no-such-option"], exit_on_error=False, print_error=False)
    with pytest.raises(cyclopts.CycloptsError):
        app.parse_args(["no-such-command"], exit_on_error=False, print_error=False)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)]+)\)", _read(path))
    missing = [
        link for link in links if not link.startswith("https://") and not (path.parent / link.split("#")[0]).exists()
    ]
    assert not missing


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_and_folder_named_exists(path: Path) -> None:
    named = re.findall(
        r"`((?:schemas|evidence|connectors|dashboard|tasks|flows|deployments|cli|sandbox)/[\w/.]*)`", _read(path)
    )
    assert not [name for name in named if not (ROOT / name).exists()]


def test_the_policies_are_those_the_code_makes() -> None:
    written = [
        json.loads(block)
        for block in re.findall(
            r"^```json\n(.*?)^```", _read(ROOT / "docs" / "credentials.md"), re.DOTALL | re.MULTILINE
        )
    ]
    assert written == [
        collector_policy(["arn:aws:iam::111122223333:role/evidence-reader"]),
        reader_policy(list(ACTIONS)),
        trail_policy("s3://acme-trail/AWSLogs/"),
        trust_policy("arn:aws:iam::999988887777:role/evidence-collector"),
    ]


def test_the_permissions_of_the_app_are_those_the_code_needs() -> None:
    rows = re.findall(
        r"^\| (repository|organization) \| (\w+) \| (\w+) \|$", _read(ROOT / "docs" / "credentials.md"), re.M
    )
    needed: dict[tuple[str, str], str] = {}
    for right in (right for rights in RIGHTS.values() for right in rights):
        key = (right.level, right.name)
        needed[key] = "write" if "write" in (right.access, needed.get(key)) else "read"
    assert {(level, name): access for level, name, access in rows} == needed
