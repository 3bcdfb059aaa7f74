"""What every reading of Google Cloud has in common: the project and what is above it, lists read twice, services.

Google's lists carry no count, and a page that was cut short, or that says falsely that it is the last, looks like any
other. So each list is read until two readings in a row show the same ids.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.gcp.pages import by, field_of, whole
from connectors.gcp.permissions import missing_permissions
from connectors.gcp.values import Record, last, needed, number, parts, texts
from connectors.google.calls import Answer, GoogleClient
from connectors.google.verdicts import disabled_api
from schemas.dataset import Dataset
from schemas.errors import IncompletePopulation, NotLicensed, PermissionDenied, SchemaDrift
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.scope import ScopeItem

READINGS = 4
"""How often a list that keeps moving is read before it is given up."""

_KINDS = {"projects": "project", "folders": "folder", "organizations": "organisation"}
PROJECT_ASSET = "cloudresourcemanager.googleapis.com/Project"
"""What asset inventory calls a project."""
_FOLDERS = 12
"""Google allows ten levels of folders."""


@dataclass(frozen=True, slots=True)
class Container:
    """A project, folder or organisation; `name` is `projects/<number>`, `folders/<number>` or the like."""

    name: str
    inherited: bool

    @property
    def kind(self) -> str:
        return _KINDS[self.name.partition("/")[0]]

    @property
    def resource(self) -> str:
        """The full resource name."""
        return f"//cloudresourcemanager.googleapis.com/{self.name}"

    def method(self, verb: str) -> str:
        """The method of Resource Manager for this kind of container."""
        return f"cloudresourcemanager.{self.name.partition('/')[0]}.{verb}"


@dataclass(slots=True, kw_only=True)
class Asking:
    """What is asked for one dataset of one scope item: kept, counted, and named in the claim."""

    client: GoogleClient
    sink: Sink
    dataset: Dataset
    about: str
    """What is asked about, for people."""
    at: datetime | None = None
    """What Google's clock said at the first answer."""
    pages: int = 0
    asked: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])

    def ask(self, method: str, *, expect: Sequence[int] = (), **parameters: Any) -> Answer:
        """One call, kept as received."""
        with self.named():
            answer = self.client.ask(method, expect=expect, **parameters)
        return self._kept(answer)

    def listed(
        self,
        method: str,
        records: Callable[[Mapping[str, Any]], Iterable[Record]],
        identity: Callable[[Record], str],
        **parameters: Any,
    ) -> list[Record]:
        """Every record of a list, once two readings in a row show the same ids. Raises IncompletePopulation."""
        before: set[str] | None = None
        for _ in range(READINGS):
            found, total = self._once(method, records, identity, parameters)
            counted = total is None or total == len(found)
            if before is not None and before == found.keys() and counted:
                return list(found.values())
            before = set(found)
        raise IncompletePopulation(
            f"{method} was read {READINGS} times for {self.about} and showed another list each time, or fewer than it "
            "counts itself, so none can be taken for the whole. Nothing was kept; run again."
        )

    def _once(
        self,
        method: str,
        records: Callable[[Mapping[str, Any]], Iterable[Record]],
        identity: Callable[[Record], str],
        parameters: Mapping[str, Any],
    ) -> tuple[dict[str, Record], int | None]:
        """The records by their ids, and how many there are by Google's own count, where it has one."""
        found: dict[str, Record] = {}
        total: int | None = None
        for page in self.paged(method, **parameters):
            total = number(page.parsed, "totalSize") if "totalSize" in page.parsed else total
            for record in records(page.parsed):
                found[identity(record)] = record
        return found, total

    def paged(self, method: str, **parameters: Any) -> Iterator[Answer]:
        """Every page of one reading, kept as received."""
        with self.named():
            for page in self.client.pages(method, **parameters):
                self.pages += 1
                whole(page, self.about)
                yield self._kept(page)

    def batched(
        self, method: str, parameters: Sequence[Mapping[str, Any]], *, expect: Sequence[int] = ()
    ) -> list[Answer]:
        """The answers to many calls of one method, in the order asked, each kept as received."""
        if not parameters:
            return []
        with self.named():
            return [self._kept(answer) for answer in self.client.batch(method, parameters, expect=expect)]

    def listed_each(
        self,
        method: str,
        name: str,
        identity: Callable[[Record], str],
        parameters: Sequence[Mapping[str, Any]],
    ) -> list[list[Record]]:
        """The lists of one method for many parents, asked in batches, once two readings show the same ids."""
        before: list[set[str]] | None = None
        for _ in range(READINGS if parameters else 0):
            found = [dict[str, Record]() for _ in parameters]
            waiting = [(index, dict(one)) for index, one in enumerate(parameters)]
            while waiting:
                answers = self.batched(method, [one for _, one in waiting])
                more: list[tuple[int, dict[str, Any]]] = []
                for (index, one), answer in zip(waiting, answers, strict=True):
                    self.pages += 1
                    whole(answer, self.about)
                    fresh = {identity(record): record for record in parts(answer.parsed, name)}
                    token = answer.parsed.get("nextPageToken")
                    if token and (not fresh or fresh.keys() <= found[index].keys()):
                        raise IncompletePopulation(f"{method} goes round in circles for {self.about}. Run again.")
                    found[index] |= fresh
                    if token:
                        more.append((index, {**one, "pageToken": token}))
                waiting = more
            ids = [set(one) for one in found]
            if ids == before:
                return [list(one.values()) for one in found]
            before = ids
        if not parameters:
            return []
        raise IncompletePopulation(
            f"{method} showed other lists each of the {READINGS} times it was read for {self.about}, so none of them "
            "can be taken for the whole. Nothing was kept; run again."
        )

    def _kept(self, answer: Answer) -> Answer:
        if answer.method not in self.asked:
            self.asked.append(answer.method)
        self.at = self.at or answer.served_at
        return answer.keep(self.sink, self.dataset)

    @contextlib.contextmanager
    def named(self) -> Generator[None]:
        """Refusals say what they are about."""
        try:
            yield
        except PermissionDenied as error:
            raise PermissionDenied(f"{self.about}: {error}", permission=error.permission) from error

    def claim(self, parameters: Mapping[str, Any], proof: str, *, alive: bool = True, **more: Any) -> ItemClaim:
        """The claim of what was read whole."""
        snapshot = self.dataset.kind == "snapshot"
        return ItemClaim(
            dataset=self.dataset.name, query_text="\n".join(self.asked), parameters=parameters,
            observed_at=self.at if snapshot else None, proof_of_life=alive, proof="; ".join([proof, *self.notes]),
            pages=self.pages, **more,
        )  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Reading(Asking):
    """One project that is read for one dataset."""

    item: ScopeItem
    number: str
    project_id: str
    own: Container
    above: list[Container]
    """From the parent up; none for a project without organisation."""
    record: Record

    @property
    def containers(self) -> list[Container]:
        return [self.own, *self.above]

    @contextlib.contextmanager
    def named(self) -> Generator[None]:
        """Refusals say what they are about; a service that is off in this very project is not licensed there."""
        try:
            yield
        except PermissionDenied as error:
            api = disabled_api(error.permission, self.own.name)
            if api is not None:
                raise off(api, self.project_id) from error
            raise PermissionDenied(f"{self.about}: {error}", permission=error.permission) from error

    # --- before anything is read -------------------------------------------------------------------------------------

    def enabled(self, *names: str) -> dict[str, bool]:
        """Which services are switched on in the project. Raises IncompletePopulation for an answer about others."""
        asked = [f"{self.own.name}/services/{name}" for name in names]
        answer = self.ask("serviceusage.services.batchGet", parent=self.own.name, names=asked)
        services = parts(answer.parsed, "services")
        if [one.get("name") for one in services] != asked:
            raise IncompletePopulation(
                f"Google was asked which of {len(asked)} services are on in {self.project_id} and answered about "
                "others. Nothing was kept; run again."
            )
        states = [needed(one, "state", "service") for one in services]
        return {name: state == "ENABLED" for name, state in zip(names, states, strict=True)}

    def none_of(self, service: str, *kinds: str) -> None:
        """Show by asset inventory that a project in which a service is off has nothing of it. Raises NotLicensed.

        Switching a service off leaves what was made by it, where nobody can ask about it any more.
        """
        held = self.listed(
            "cloudasset.searchAllResources", field_of("results"), by("name"), scope=self.own.name,
            assetTypes=list(kinds), pageSize=500,
        )  # fmt: skip
        if held:
            raise NotLicensed(
                f"{service} is switched off in {self.project_id}, which still has {len(held)} resources of it that "
                "nobody can ask about now. Switch it on, or delete them."
            )
        self.notes.append(f"{service} is off and asset inventory knows nothing of it here")

    def demand(self) -> None:
        """Raise PermissionDenied, by name, for a permission that the dataset needs and the reader lacks.

        Several lists of Google leave out what may not be read instead of refusing, so this comes before them.
        """
        for container in self.containers:
            lacking = missing_permissions(self.ask, container.name, self.dataset.name)
            if lacking:
                raise PermissionDenied(
                    f"{self.project_id}: {self.client.who} lacks {', '.join(lacking)} on {container.name}. Grant a "
                    "role with it there, or on the organisation.",
                    permission=lacking[0],
                )

    def result(self, proof: str, **more: Any) -> list[ItemClaim]:
        """The claim of what was read whole."""
        parameters = {"project": self.project_id, "containers": [one.name for one in self.containers]}
        return [self.claim(parameters, proof, **more)]


def reading(session: Session, request: Request, sink: Sink, dataset: Dataset, *, above: bool = True) -> Reading:
    """Read the project of a scope item and, with `above`, the names of what it inherits from."""
    client: GoogleClient = session.client
    wanted = request.item.id.rpartition(":")[2]
    name = f"projects/{wanted}"
    answer = client.ask("cloudresourcemanager.projects.get", name=name).keep(sink, dataset)
    if answer.parsed.get("name") != name:
        raise IncompletePopulation(
            f"Google was asked for {name} and answered for another project. Nothing was kept; run again."
        )
    project = answer.parsed
    found = Reading(
        client=client, sink=sink, dataset=dataset, about=str(needed(project, "projectId", "project")),
        at=answer.served_at, asked=["cloudresourcemanager.projects.get"], item=request.item, number=wanted,
        project_id=str(project["projectId"]), own=Container(name, inherited=False), above=[], record=project,
    )  # fmt: skip
    if above:
        parent = str(project.get("parent") or "")
        if not parent:
            _alone(found)
        found.above += [
            Container(one, inherited=True) for one in ancestors(parent, lambda folder: _parent(found, folder))
        ]
    return found


def _alone(found: Reading) -> None:
    """Let asset inventory bear out that nothing is above a project. Raises IncompletePopulation.

    A project outside every organisation has no parent. An answer that lost it looks the same, and everything that the
    project inherits would be missing without a sign.
    """
    assets = found.listed(
        "cloudasset.searchAllResources", field_of("results"), by("project"), scope=found.own.name,
        assetTypes=[PROJECT_ASSET], pageSize=500,
    )  # fmt: skip
    if [one["project"] for one in assets] != [found.own.name]:
        raise IncompletePopulation(
            f"Google names nothing above {found.project_id}, and asset inventory does not know the project, so nothing "
            "bears that out. Nothing was kept; run again later."
        )
    known = assets[0]
    higher = [*texts(known, "folders"), known.get("organization"), last(known.get("parentFullResourceName"))]
    if any(higher):
        raise IncompletePopulation(
            f"Google names nothing above {found.project_id}, and asset inventory names a folder or organisation. What "
            "the project inherits would be missing. Nothing was kept; run again."
        )
    found.notes.append("nothing is above it, by Resource Manager and by asset inventory")


def _parent(found: Reading, folder: str) -> str:
    # Every folder has a parent; without it what the project inherits would quietly end here.
    return str(needed(found.ask("cloudresourcemanager.folders.get", name=folder).parsed, "parent", "folder"))


def ancestors(parent: str, parent_of: Callable[[str], str]) -> list[str]:
    """Names from a parent up to the organisation. `parent_of` reads the parent of a folder."""
    found: list[str] = []
    while parent:
        if parent in found or len(found) > _FOLDERS:
            raise IncompletePopulation(f"{parent} stands above itself in what Google answers. Nothing was kept.")
        found.append(parent)
        if parent.startswith("organizations/"):
            return found
        if not parent.startswith("folders/"):
            raise SchemaDrift(f"Google names a parent of an unknown kind ({parent.partition('/')[0]}).")
        parent = parent_of(parent)
    return found


def off(api: str, project: str) -> NotLicensed:
    """The error for a service that is switched off in the project that is asked about."""
    return NotLicensed(
        f"{api} is switched off in {project}, so nobody can ask it about this project. Switch it on to read it, or "
        "record why it does not apply."
    )
