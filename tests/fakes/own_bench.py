"""The company's own records for the conformance suite: registers, a web site and TLS hosts, and what befalls them."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from schemas.extraction import Session
from tests.fakes.own_company import (
    DEVICES,
    DISPOSALS,
    RISKS,
    TRAINING,
    UPTIME,
    VENDORS,
    Answer,
    Authority,
    Site,
    cut,
    endpoints_register,
    pages_register,
    reset,
    site,
    text,
)
from tests.fakes.spoilt import Spoilt
from tests.fakes.whole_company import NOW

FILES = {
    "people": "people.csv", "risks": "risks.yaml", "vendors": "vendors.yaml", "devices": "devices.csv",
    "training": "training.csv", "disposals": "disposals.csv", "uptime": "uptime.csv",
    "published_pages": "published_pages.csv", "public_endpoints": "public_endpoints.csv",
}  # fmt: skip
_REGISTER_OF = {
    "hr.people": "people", "own.risks": "risks", "own.vendors": "vendors", "own.devices": "devices",
    "own.training_completions": "training", "own.disposals": "disposals", "own.uptime": "uptime",
    "own.published_pages": "published_pages", "own.tls_endpoints": "public_endpoints",
}  # fmt: skip
_EMPTY = {
    "risks": "[]\n", "vendors": "[]\n",
    "devices": DEVICES.splitlines()[0] + "\n", "published_pages": pages_register(),
    "public_endpoints": endpoints_register(), "training": TRAINING.splitlines()[0] + "\n",
    "disposals": DISPOSALS.splitlines()[0] + "\n", "uptime": UPTIME.splitlines()[0] + "\n",
}  # fmt: skip


@dataclasses.dataclass
class OwnRecords:
    """The registers of a company's folder, its site and its host."""

    folder: Path
    web: Site
    hosts: Site
    authority: Authority

    def write(self, *, empty: bool = False) -> None:
        """Put the registers there, beside those of the company, and name them in the programme."""
        whole = {
            "risks": RISKS, "vendors": VENDORS, "devices": DEVICES,
            "training": TRAINING, "disposals": DISPOSALS, "uptime": UPTIME,
            "published_pages": pages_register(*(self.web.url(path) for path in self.web.pages)),
            "public_endpoints": endpoints_register(f"localhost:{self.hosts.port}", f"127.0.0.1:{self.hosts.port}"),
        }  # fmt: skip
        person, _, email, *_ = (
            (self.folder / "registers/people.csv").read_text(encoding="utf-8").split("\n")[1].split(",")
        )
        for name, content in (_EMPTY if empty else whole).items():
            self.put(
                name,
                content.replace("ada@acme.example", email)
                .replace(",p1,", f",{person},")
                .replace("\np1,", f"\n{person},")
                .encode(),
            )
        yaml = YAML()
        program = self.folder / "program.yaml"
        content = yaml.load(program)
        content.setdefault("registers", {}).update({name: f"registers/{file}" for name, file in FILES.items()})
        yaml.dump(content, program)

    def put(self, name: str, content: bytes) -> None:
        path = self.folder / "registers" / FILES[name]
        path.write_bytes(content)
        at = NOW.timestamp() - 3600
        os.utime(path, (at, at))

    def dress(self, session: Session) -> Session:
        """Trust the test's authority, and lose no time with a host that is silent on purpose."""
        client = dataclasses.replace(session.client, cafile=self.authority.cafile, timeout=2.0)
        return dataclasses.replace(session, client=client)

    def asked(self) -> Counter[str]:
        return Counter({"web": len(self.web.asked)})


@contextlib.contextmanager
def own_records(folder: Path) -> Generator[OwnRecords]:
    """A site and a TLS host on loopback for the registers of `folder`."""
    authority = Authority.make(folder)
    pages = {
        f"/{name}": text(f"The {name}.".encode(), Content_Type="text/plain") for name in ("terms", "privacy", "status")
    }
    with site(pages) as web, site(context=authority.server("localhost", "127.0.0.1")) as hosts:
        yield OwnRecords(folder, web, hosts, authority)


def faults_of(records: OwnRecords, dataset: str) -> list[Spoilt]:
    """What can be wrong with the register of a dataset, and with the hosts it names."""
    name = _REGISTER_OF[dataset]
    path = records.folder / "registers" / FILES[name]
    whole = path.read_bytes()

    @contextlib.contextmanager
    def content(changed: bytes | None) -> Generator[None]:
        if changed is None:
            path.unlink()
        else:
            records.put(name, changed)
        try:
            yield
        finally:
            records.put(name, whole)

    @contextlib.contextmanager
    def answering(answer: Answer) -> Generator[None]:
        held = dict(records.web.pages)
        records.web.pages.update(dict.fromkeys(held, answer))
        try:
            yield
        finally:
            records.web.pages.update(held)

    def spoilt(what: str, make: Callable[..., Any], argument: Any) -> Spoilt:
        return Spoilt(f"{what} ({name})", lambda: make(argument))

    found = [
        spoilt("no file", content, None), spoilt("an empty file", content, b""),
        spoilt("a file cut in its middle", content, whole[: len(whole) * 2 // 3]),
        spoilt("a file of zeros", content, bytes(64)), spoilt("a file that is no text", content, b"\xff\xfe" + whole),
        spoilt("a web page", content, b"<html><body>Please sign in</body></html>"),
    ]  # fmt: skip
    if dataset == "own.published_pages":
        found += [spoilt(what, answering, answer) for what, answer in {"a page cut": cut, "no answer": reset}.items()]
    return found
