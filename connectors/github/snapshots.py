"""Tips and effective rules of the production branches: what is so at an instant, and can't be asked about later."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from connectors.github import rules
from connectors.github.batches import Batch, ask_about
from connectors.github.calls import Json
from connectors.github.client import client_of
from connectors.github.repository import FACTS, Repository, Tip, refs, repository_of, require_production_branch
from connectors.github.streams import Driver
from schemas.errors import IncompletePopulation
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.github import BRANCH_RULES, BRANCH_TIPS
from schemas.instants import format_instant


def tips_batch(branches: Sequence[str]) -> Batch:
    """The question about tips."""
    selection, declares, variables = refs(branches)
    return Batch("BranchTips", BRANCH_TIPS, f"{FACTS} {selection}", declares, variables)


def branch_tips(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill github.branch_tips: the default branch and each production branch with the commit it points at."""
    client = client_of(session)
    batch = tips_batch(client.production_branches)
    told = ask_about(client, request, sink, batch)
    repository = repository_of(told.node, client.production_branches, told.seen_at)
    require_production_branch(repository)
    default = repository.default_branch
    tips: dict[str, Tip] = {tip.name: tip for tip in repository.tips.values() if tip is not None}
    if default is not None:
        if default.name in tips and tips[default.name].oid != default.oid:
            raise IncompletePopulation(
                f"GitHub gives two tips for {default.name} of {repository.name} in one answer. Run it again."
            )
        tips[default.name] = default
    rows = [
        _tip_row(repository, tip, is_default=default is not None and tip.name == default.name) for tip in tips.values()
    ]
    if rows:
        sink.rows(BRANCH_TIPS, rows)
    absent = sorted(name for name, tip in repository.tips.items() if tip is None)
    return [
        ItemClaim(
            BRANCH_TIPS.name,
            tips_batch(("{branch}",)).part(()).selection,
            {"repository": repository.name, "branches": sorted(repository.tips)},
            observed_at=repository.seen_at,
            proof_of_life=True,
            proof="the repository itself was read in the same answer",
            independent_count=len(tips),
            reconciliation=f"default branch and production branches by name; absent: {', '.join(absent) or 'none'}",
            pages=1,
            rows_returned=len(rows),
        )
    ]


def _tip_row(repository: Repository, tip: Tip, *, is_default: bool) -> Json:
    return {
        "scope_item_id": repository.scope_item_id, "repo_id": repository.id, "repo_name": repository.name,
        "branch": tip.name, "is_default": is_default, "tip_sha": tip.oid, "tip_committed_at": tip.committed_at,
        "raw": orjson.dumps(tip.raw).decode(),
    }  # fmt: skip


def branch_rules(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill github.branch_rules: what is enforced on each production branch, by rulesets and classic protection.

    Raises `PermissionDenied` where the principal may not read classic protection (404 without the words "Branch not
    protected"), and `NotLicensed` where the plan has neither.
    """
    client = client_of(session)
    told = ask_about(client, request, sink, rules.batch(client.production_branches))
    repository = repository_of(told.node, client.production_branches, told.seen_at)
    require_production_branch(repository)
    driver = Driver(client.transport, sink)
    reading = rules.Reading(client, repository, told.node, sink)
    driver.ask(reading.read())
    found = reading.found
    if found:
        sink.rows(BRANCH_RULES, [one.row(repository) for one in found])
    counts = "; ".join(
        f"{one.branch}: {one.effective} rules as GitHub counts them, the same as its rulesets have by REST"
        for one in found
    )
    return [
        ItemClaim(
            BRANCH_RULES.name,
            rules.QUERY_TEXT,
            {"repository": repository.name, "branches": sorted(one.branch for one in found)},
            observed_at=repository.seen_at,
            proof_of_life=True,
            proof="the repository itself was read at the same time",
            independent_count=len(found),
            reconciliation=counts
            or f"{repository.name} has no commits, so no branch, at {format_instant(repository.seen_at)}",
            rows_returned=len(found),
        )
    ]
