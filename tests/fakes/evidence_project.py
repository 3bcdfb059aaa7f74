"""A company's folder and its commands, run in this process: `project.run("collect", "--window", "2026-07")`."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from cli.main import run
from sandbox.serve import Sandbox


@dataclass(frozen=True)
class Ran:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


def evidence(*arguments: str) -> Ran:
    """Run one command line of `evidence` in this process."""
    out, err = io.BytesIO(), io.StringIO()
    with _standard_output(out), contextlib.redirect_stderr(err):
        code = run(list(arguments))
    return Ran(code, out.getvalue().decode(), err.getvalue())


@contextlib.contextmanager
def _standard_output(out: io.BytesIO) -> Iterator[None]:
    """JSON goes to the buffer below standard output, which a plain redirection would miss."""
    stream = io.TextIOWrapper(out, encoding="utf-8", write_through=True)
    held, sys.stdout = sys.stdout, stream
    try:
        yield
    finally:
        stream.flush()
        stream.detach()
        sys.stdout = held


Cells = dict[tuple[str, str], dict[str, Any]]
"""By window and scope item's name."""


def cells_of(verdict: dict[str, Any], control: str, line: str) -> Cells:
    """The cells of an evidence line in what `evidence completeness --json` printed."""
    return {
        (cell["window_id"], cell["scope_item"]): cell
        for cell in verdict["cells"]
        if (cell["control_id"], cell["evidence_id"]) == (control, line)
    }


@dataclass(frozen=True)
class Project:
    """A folder with `program.yaml` and, after the first collection, `evidence-store`."""

    folder: Path
    now: str | None = None
    """What `--simulated-now` says; None leaves the option out."""

    @property
    def program(self) -> Path:
        return self.folder / "program.yaml"

    @property
    def store(self) -> Path:
        return self.folder / "evidence-store"

    def at(self, now: str | None) -> Project:
        """The same folder at another instant."""
        return replace(self, now=now)

    def copy(self, folder: Path) -> Project:
        """A copy of everything, store included."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return replace(self, folder=folder)

    def run(self, *arguments: str) -> Ran:
        """Run a command on this programme, JSON asked for."""
        clock = [] if self.now is None else ["--simulated-now", self.now]
        return evidence(*arguments, "--program", str(self.program), *clock, "--json")

    def fine(self, *arguments: str) -> Any:
        """Run a command that must end with exit code 0; its JSON."""
        ran = self.run(*arguments)
        assert ran.code == 0, ran.err
        return ran.json

    def completeness(self, *arguments: str) -> dict[str, Any]:
        """The verdict, whatever it says."""
        ran = self.run("completeness", *arguments)
        assert ran.code in (0, 1), ran.err
        return ran.json

    def cells(self, control: str, line: str) -> Cells:
        """The cells of an evidence line, by window and scope item's name."""
        return cells_of(self.completeness(), control, line)

    def verify(self) -> dict[str, Any]:
        """What `evidence verify` says of the store."""
        ran = evidence("verify", str(self.store), "--json")
        assert ran.code == (0 if ran.json["ok"] else 1)
        return ran.json

    def claims(self, dataset: str) -> list[dict[str, Any]]:
        """Every claim of a dataset in the ledger, failed ones too, in order; each with the `ledger` entry it is in."""
        found: list[dict[str, Any]] = []
        for path in sorted((self.store / "ledger").glob("*.json")):
            entry = json.loads(path.read_bytes())
            if entry["kind"] == "collection":
                found += [
                    {**claim, "ledger": entry["seq"]}
                    for claim in entry["body"]["claims"]
                    if claim["dataset"] == dataset
                ]
        return found

    def rows(self, dataset: str, entry: int) -> list[dict[str, Any]]:
        """The stored rows of a dataset of one ledger entry."""
        import pyarrow.parquet as pq

        body = json.loads((self.store / "ledger" / f"{entry:08d}.json").read_bytes())["body"]
        [manifest] = [one for one in body["manifests"] if one["dataset"] == dataset]
        if manifest["object"] is None:
            return []
        with pq.ParquetFile(self.store / manifest["object"]["path"]) as file:
            return file.read().to_pylist()

    def edit(self, change: Any) -> None:
        """Let `change` alter the programme file as plain data."""
        yaml = YAML()
        content = yaml.load(self.program)
        change(content)
        yaml.dump(content, self.program)


@contextlib.contextmanager
def reachable(sandbox: Sandbox, folder: Path) -> Iterator[None]:
    """The environment by which a sandbox is reached, and a signing key in `folder`."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("GITHUB_TOKEN", "GITHUB_APP_ID", "GITHUB_APP_INSTALLATION_ID", "GITHUB_APP_PRIVATE_KEY_FILE"):
            patch.delenv(name, raising=False)
        for name, value in sandbox.environment.items():
            patch.setenv(name, value)
        patch.setenv("EVIDENCE_SIGNING_KEY_FILE", str(folder / "signing-key.pem"))
        yield
