"""The access reviews of a simulated company: opened, decided and signed on their day by the command's own code."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from connectors.reviews.deciding import Desk, Wanted
from connectors.reviews.ledger import Review
from connectors.workspace import Workspace
from flows.simulated_records import signer_of
from schemas.errors import ConfigurationError


class DatedReview(NamedTuple):
    """One review and the instant at which all of it happens."""

    at: datetime
    said: Mapping[str, Any]


def dated_reviews(folder: Path) -> list[DatedReview]:
    """The reviews in `reviews/<day>.yaml` of a company, in order; each is held at 15:00 UTC.

    A file is a list of `{system, quarter, reviewer, second, reason, revoke}`: `second` decides about the reviewer's own
    account, `reason` stands where one is needed, `revoke` names logins or row ids; everything else is kept.
    """
    return [
        DatedReview(datetime.fromisoformat(f"{path.stem}T15:00:00+00:00"), said)
        for path in sorted((folder / "reviews").glob("*.yaml"))
        for said in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]


def hold_review(workspace: Workspace, said: Mapping[str, Any]) -> int:
    """Open, decide and sign one review; the number of its rows. ConfigurationError where any of it is refused."""
    if not workspace.store.simulated:
        raise ConfigurationError("the people of a simulated company have no business in a real store")
    desk = Desk(workspace)
    item = desk.opening.system(said["system"])
    review = desk.opening.open(item, said["quarter"])
    revoked = {desk.row(review, name).row_id for name in said.get("revoke", ())}
    first, second = said["reviewer"], said["second"]
    left = _decided(desk, review, first, revoked, said["reason"])
    if left:
        desk.delegate(review, second, first, rows="system", of=None, reason="the reviewer's own", signer=None)
        left = _decided(desk, review, second, revoked, said["reason"], only=left)
    if left:
        raise ConfigurationError(
            f"the review of {item.name} for {review.window} has rows that nobody may decide: {left}"
        )
    desk.sign(review, first, signer=signer_of(workspace, first))
    return len(review.campaign.rows)


def _decided(
    desk: Desk, review: Review, by: str, revoked: set[str], reason: str, only: list[str] | None = None
) -> list[str]:
    """Decide whatever somebody may decide; the rows that they may not."""
    wanted = [
        Wanted(row_id, "revoke" if row_id in revoked else "keep", reason if row.flags or row_id in revoked else None)
        for row_id, row in review.campaign.rows.items()
        if only is None or row_id in only
    ]
    problems = desk.problems(review, wanted, by)
    mine = [one for one, problem in zip(wanted, problems, strict=True) if problem is None]
    if mine:
        desk.decide(review, mine, by, how="file", signer=signer_of(desk.workspace, by))
    return [one.row_id for one, problem in zip(wanted, problems, strict=True) if problem is not None]
