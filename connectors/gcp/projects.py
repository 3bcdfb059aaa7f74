"""The inventory of projects: every one the reader sees, every one that asset inventory counts, and their last weeks.

`projects.search` shows only what the reader may see and doesn't say what it leaves out. Asset inventory, asked for the
whole organisation, is the second witness: what it knows and the search does not show has a row that says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from connectors.gcp.pages import by, field_of
from connectors.gcp.reading import PROJECT_ASSET, Asking, ancestors
from connectors.gcp.values import Record, instant, last, needed, needed_instant, part, parts, raw
from connectors.google.calls import GoogleClient
from schemas.errors import IncompletePopulation, PermissionDenied
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.gcp import PROJECTS

HISTORY = timedelta(days=35)
_MARGIN = timedelta(hours=1)
_NAMES_AT_ONCE = 100
_POLICY = "resourcemanager.projects.getIamPolicy"


def projects(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Extractor of `gcp.projects` for the item `org:<slug>`.

    Raises what `connectors.google.calls` raises; `PermissionDenied` where an organisation's assets may not be counted;
    `IncompletePopulation` where a project of the last inventory is missing from the lists and still there.
    """
    client: GoogleClient = session.client
    asking = Asking(client=client, sink=sink, dataset=PROJECTS, about="the projects")
    seen = {
        str(one["name"]): one
        for one in asking.listed("cloudresourcemanager.projects.search", field_of("projects"), by("name"), pageSize=500)
    }
    parents: dict[str, str] = {}

    def parent_of(folder: str) -> str:
        if folder not in parents:
            answer = asking.ask("cloudresourcemanager.folders.get", name=folder)
            parents[folder] = str(needed(answer.parsed, "parent", "folder"))
        return parents[folder]

    above = {name: ancestors(str(one.get("parent") or ""), parent_of) for name, one in seen.items()}
    organisations = sorted({found[-1] for found in above.values() if found})
    counted = _counted(asking, organisations)
    unseen = {name: asset for name, asset in counted.items() if name not in seen}
    _confirm_missing(request, client, {*seen, *counted})
    readable = _readable(asking, [name for name, one in seen.items() if one.get("state") == "ACTIVE"])
    history = _histories(asking, {name: found[-1] if found else name for name, found in above.items()})
    named = [one for one in session.tenant.split(", ") if one]
    known = {number for number, _ in _both(seen, unseen)} | {project_id for _, project_id in _both(seen, unseen)}
    lost = [one for one in named if one not in known]
    rows = [
        *(_row(request.item.id, one, above[name], name in readable, history.get(name), named)
          for name, one in seen.items()),
        *(_unseen_row(request.item.id, name, asset, named) for name, asset in unseen.items()),
    ]  # fmt: skip
    sink.rows(PROJECTS, rows)
    words = [
        f"{len(seen)} projects seen, {len(counted)} counted by asset inventory in {len(organisations)} organisations"
    ]
    if unseen:
        words.append(f"counted and not to be seen: {', '.join(str(_id(one)) for one in unseen.values())}")
    if lost:
        words.append(f"of the programme and known to nobody: {', '.join(lost)}; deleted, or not to be seen")
    return [
        asking.claim(
            {"organisations": organisations}, f"{len(rows)} projects", rows_returned=len(rows),
            truncated=bool(lost), independent_count=None if not organisations else len(counted) + _outside(above),
            reconciliation="; ".join(words),
        )
    ]  # fmt: skip


def _outside(above: Mapping[str, Sequence[str]]) -> int:
    return sum(1 for found in above.values() if not found)


def _both(seen: Mapping[str, Record], unseen: Mapping[str, Record]) -> Iterator[tuple[str, str]]:
    for name, one in seen.items():
        yield str(last(name)), str(one.get("projectId"))
    for name, asset in unseen.items():
        yield str(last(name)), str(_id(asset))


def _id(asset: Record) -> str:
    return str(part(asset, "additionalAttributes").get("projectId") or last(str(asset.get("name"))))


def _counted(asking: Asking, organisations: Iterable[str]) -> dict[str, Record]:
    """What asset inventory knows of each organisation's projects, by `projects/<number>`."""
    found: dict[str, Record] = {}
    for organisation in organisations:
        for asset in asking.listed(
            "cloudasset.searchAllResources", field_of("results"), by("project"), scope=organisation,
            assetTypes=[PROJECT_ASSET], pageSize=500,
        ):  # fmt: skip
            found[str(asset["project"])] = asset
    return found


def _confirm_missing(request: Request, client: GoogleClient, known: set[str]) -> None:
    for item in sorted(request.known_items or ()):
        name = f"projects/{item.rpartition(':')[2]}"
        if not item.startswith("gcp:") or item.count(":") != 1 or name in known:
            continue
        answer = client.ask("cloudresourcemanager.projects.get", expect=(403, 404), name=name)
        if answer.refused is None:
            raise IncompletePopulation(
                f"{name} was in the last inventory, is still there, and no list shows it. Nothing was kept; run again."
            )


def _readable(asking: Asking, names: Sequence[str]) -> set[str]:
    """The projects whose IAM policy may be read."""
    body = {"permissions": [_POLICY]}
    answers = asking.batched(
        "cloudresourcemanager.projects.testIamPermissions", [{"resource": name, "body": body} for name in names]
    )
    return {
        name for name, answer in zip(names, answers, strict=True) if _POLICY in answer.parsed.get("permissions", [])
    }


def _histories(asking: Asking, parents: Mapping[str, str]) -> dict[str, list[Record]]:
    """What asset inventory remembers, by project; without those whose history may not be read."""
    found: dict[str, list[Record]] = {}
    if asking.at is None:
        return found
    start = asking.at - HISTORY + _MARGIN
    for parent in sorted(set(parents.values())):
        names = [name for name, one in parents.items() if one == parent]
        for begin in range(0, len(names), _NAMES_AT_ONCE):
            some = names[begin : begin + _NAMES_AT_ONCE]
            try:
                answer = asking.ask(
                    "cloudasset.batchGetAssetsHistory", parent=parent, contentType="RESOURCE",
                    assetNames=[f"//cloudresourcemanager.googleapis.com/{name}" for name in some],
                    readTimeWindow_startTime=start.strftime("%Y-%m-%dT%H:%M:%SZ"),
                )  # fmt: skip
            except PermissionDenied as denied:
                asking.notes.append(f"the history of {len(some)} projects may not be read ({denied.permission})")
                continue
            found |= {name: [] for name in some}
            for one in parts(answer.parsed, "assets"):
                name = str(needed(part(one, "asset"), "name", "asset")).removeprefix(
                    "//cloudresourcemanager.googleapis.com/"
                )
                if name not in found:
                    raise IncompletePopulation(f"Google tells the history of {name}, which it was not asked for.")
                found[name].append(one)
    return found


def _past(record: Record) -> dict[str, Any]:
    window, data = part(record, "window"), part(part(part(record, "asset"), "resource"), "data")
    return {
        "from": needed_instant(window, "startTime", "asset's time window"), "to": instant(window, "endTime"),
        "state": data.get("state") or data.get("lifecycleState"), "deleted": bool(record.get("deleted", False)),
    }  # fmt: skip


def _row(
    item: str, project: Record, above: Sequence[str], readable: bool, history: Sequence[Record] | None,
    named: Sequence[str],
) -> dict[str, Any]:  # fmt: skip
    number, project_id = str(last(project["name"])), str(needed(project, "projectId", "project"))
    return {
        "scope_item_id": item, "project_number": number, "project_id": project_id,
        "name": project.get("displayName"), "state": str(needed(project, "state", "project")),
        "parent": project.get("parent"), "ancestors": list(above), "organisation": above[-1] if above else None,
        "created_at": needed_instant(project, "createTime", "project"), "updated_at": instant(project, "updateTime"),
        "deleted_at": instant(project, "deleteTime"), "in_programme": bool({number, project_id} & set(named)),
        "readable": readable, "history": sorted((_past(one) for one in history or ()), key=lambda one: one["from"]),
        "history_known": history is not None, "raw": raw(project, PROJECTS),
    }  # fmt: skip


def _unseen_row(item: str, name: str, asset: Record, named: Sequence[str]) -> dict[str, Any]:
    """A project that asset inventory counts and that the reader may not see."""
    parent = str(asset.get("parentFullResourceName") or "").removeprefix("//cloudresourcemanager.googleapis.com/")
    folders = [str(one) for one in asset.get("folders", [])]
    organisation = asset.get("organization")
    number, project_id = str(last(name)), _id(asset)
    return {
        "scope_item_id": item, "project_number": number, "project_id": project_id, "name": asset.get("displayName"),
        "state": str(asset.get("state") or "UNKNOWN"), "parent": parent or None,
        "ancestors": [*folders, *([str(organisation)] if organisation else [])], "organisation": organisation,
        "created_at": needed_instant(asset, "createTime", "asset"), "updated_at": instant(asset, "updateTime"),
        "deleted_at": None, "in_programme": bool({number, project_id} & set(named)), "readable": False, "history": [],
        "history_known": False, "raw": raw(asset, PROJECTS),
    }  # fmt: skip
