"""CODEOWNERS of the default branch and the production branches, with the errors that GitHub finds in it."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from connectors.github.batches import Batch, ask_about
from connectors.github.calls import Json
from connectors.github.client import client_of
from connectors.github.repository import FACTS, refs, repository_of
from schemas.errors import IncompletePopulation
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.github_delivery import CODE_OWNERS

PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""Where GitHub looks, in this order: the first file counts."""

_FILE = "... on Blob { id oid byteSize isBinary isTruncated text }"
_ERRORS = "errors { line column kind message path source }"


def batch(branches: Sequence[str]) -> Batch:
    """The question about the files, for many repositories at once."""
    selection, declares, variables = refs(branches)
    parts = [FACTS, selection, f"errorsDefault: codeowners {{ {_ERRORS} }}"]
    declared = [declares]
    for place, path in enumerate(PLACES):
        parts.append(f'fileDefault{place}: object(expression: "HEAD:{path}") {{ {_FILE} }}')
        for i, name in enumerate(branches):
            declared.append(f"$file{i}at{place}: String!")
            variables[f"file{i}at{place}"] = f"refs/heads/{name}:{path}"
            parts.append(f"file{i}at{place}: object(expression: $file{i}at{place}) {{ {_FILE} }}")
    for i, name in enumerate(branches):
        declared.append(f"$errors{i}: String!")
        variables[f"errors{i}"] = f"refs/heads/{name}"
        parts.append(f"errors{i}: codeowners(refName: $errors{i}) {{ {_ERRORS} }}")
    return Batch("CodeOwners", CODE_OWNERS, " ".join(parts), ", ".join(declared), variables, size=25)


def code_owners(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill github.code_owners: a row for each branch; `path` is null where it has no such file."""
    client = client_of(session)
    told = ask_about(client, request, sink, batch(client.production_branches))
    repository = repository_of(told.node, client.production_branches, told.seen_at)
    rows: list[Json] = []
    default = repository.default_branch
    if default is not None:
        rows.append(_row(request, told.node, default.name, "Default", repository.name))
    for i, (name, tip) in enumerate(repository.tips.items()):
        if tip is not None and (default is None or name != default.name):
            rows.append(_row(request, told.node, name, str(i), repository.name))
    if rows:
        sink.rows(CODE_OWNERS, rows)
    with_file = sum(1 for row in rows if row["path"] is not None)
    return [
        ItemClaim(
            CODE_OWNERS.name,
            batch(("{branch}",)).part(()).selection,
            {"repository": repository.name, "branches": sorted(repository.tips)},
            observed_at=told.seen_at,
            proof_of_life=True,
            proof="the repository itself was read in the same answer",
            independent_count=len(rows),
            reconciliation=f"{len(rows)} branches, {with_file} with a file at one of {', '.join(PLACES)}",
            pages=1,
            rows_returned=len(rows),
        )
    ]


def _row(request: Request, node: Json, branch: str, key: str, name: str) -> Json:
    separator = "" if key == "Default" else "at"
    found = next(
        (
            (path, blob)
            for place, path in enumerate(PLACES)
            if (blob := node[f"file{key}{separator}{place}"]) is not None and "oid" in blob
        ),
        None,
    )
    told = node[f"errors{key}"]
    errors: list[Json] = [] if told is None else told["errors"]
    if found is not None and (found[1]["isTruncated"] or found[1]["text"] is None):
        raise IncompletePopulation(
            f"GitHub shows only part of {found[0]} of {request.item.name} ({found[1]['byteSize']} bytes). Make the "
            "file smaller: GitHub itself ignores one that is larger than 3 MB."
        )
    text = None if found is None else found[1]["text"]
    return {
        "scope_item_id": request.item.id, "repo_id": node["id"], "repo_name": name, "branch": branch,
        "path": None if found is None else found[0], "sha": None if found is None else found[1]["oid"],
        "rules": rules_of(text or ""),
        "errors": [{key: one[key] for key in ("line", "kind", "message", "path")} for one in errors],
        "text": text, "raw": orjson.dumps({"file": found, "errors": errors}).decode(),
    }  # fmt: skip


def rules_of(text: str) -> list[Json]:
    """Patterns and owners, by GitHub's syntax: `#` begins a comment, `\\ ` is a space in a pattern, a line without
    owners takes ownership away."""
    rules: list[Json] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.replace("\\ ", "\0").split()
        kept: list[str] = []
        for word in words:
            if word.startswith("#"):
                break
            kept.append(word.replace("\0", " "))
        if kept:
            rules.append({"line": number, "pattern": kept[0], "owners": kept[1:]})
    return rules
