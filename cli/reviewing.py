"""`evidence review`: access reviews from the opened list to the signature."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import cyclopts
from cyclopts import Parameter

from cli.options import DEFAULT_OPTIONS, Options
from cli.output import print_json, printable, say
from cli.review_words import ask, facts_of, line_of, row_of, summary_of
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from connectors.reviews.deciding import Desk
    from connectors.store.signer import Signer

review = cyclopts.App(
    name="review",
    help=(
        "Access reviews: who may get into what, decided account by account, every quarter.\n\n"
        "In this order: `open` makes the list of a system's accounts, which then stays as it is. `show` shows it; "
        "`decide` takes a decision about a row (keep, revoke, change, escalate), asks row by row on a terminal, or "
        "reads a spreadsheet that `show --csv` wrote. `sign` closes it, once nothing is undecided.\n\n"
        "Say who you are with --by (or EVIDENCE_REVIEWER); with --sign-with the record proves it. Nobody decides about "
        "their own account. Every decision but to keep an account without a flag needs a reason."
    ),
)

By = Annotated[str | None, Parameter(env_var="EVIDENCE_REVIEWER")]


def add_commands(app: cyclopts.App) -> None:
    """Add this module's commands."""
    app.command(review)


@review.command(name="open")
def open_review(
    *,
    system: str | None = None,
    quarter: str | None = None,
    again: Annotated[bool, Parameter(negative="")] = False,
    assign: Literal["reviewers", "manager"] = "reviewers",
    options: Options = DEFAULT_OPTIONS,
) -> int:
    """Open the review of a system, or of every system; one that is open already is left as it is.

    Parameters
    ----------
    system
        Id or name of one system in scope, such as github:O_kgDO1 or its name.
    quarter
        The quarter it is for, such as 2026-Q2; without it the one that is due.
    again
        Make a new list because the old one is too old to be signed. What was decided about the old one does not count.
    assign
        Who decides: anybody of people.reviewers, or for each account the manager of whoever has it.
    """
    desk = _desk(options)
    items = [desk.opening.system(system)] if system is not None else desk.opening.systems()
    if not items:
        raise ConfigurationError("no system is in scope whose accounts could be reviewed")
    opened: list[dict[str, Any]] = []
    refused: list[dict[str, str]] = []
    for item in items:
        try:
            window = desk.opening.window(quarter, item.id)
            held = desk.reviews.of(item.id, window)
            found = desk.opening.open(item, window, again=again, assign=assign)
        except ConfigurationError as error:
            if system is not None:
                raise
            refused.append({"system": item.id, "problem": str(error)})
            continue
        opened.append({**summary_of(desk, found), "new": held is None or held.digest != found.digest})
    if options.json:
        print_json({"reviews": opened, "refused": refused})
    else:
        for one in opened:
            print(printable(line_of(one) + ("" if one["new"] else " (open already)")))
        for one in refused:
            say(f"not opened: {one['problem']}")
    return 1 if refused else 0


@review.command(name="list")
def list_reviews(*, options: Options = DEFAULT_OPTIONS) -> None:
    """List the reviews there are, with what is still undecided."""
    desk = _desk(options, read_only=True)
    found = [summary_of(desk, one) for one in desk.reviews.latest()]
    if options.json:
        print_json({"reviews": found})
        return
    for one in found:
        print(printable(line_of(one)))
    if not found:
        say("no review was opened yet: evidence review open")


@review.command(name="show")
def show(
    *,
    system: str | None = None,
    quarter: str | None = None,
    flagged: Annotated[bool, Parameter(negative="")] = False,
    undecided: Annotated[bool, Parameter(negative="")] = False,
    csv: Annotated[bool, Parameter(negative="")] = False,
    options: Options = DEFAULT_OPTIONS,
) -> None:
    """Show the rows of a review, with what was decided.

    Parameters
    ----------
    system
        Id or name of the system, where several reviews are there.
    quarter
        The quarter.
    flagged
        Only rows with a flag.
    undecided
        Only rows that still need a decision.
    csv
        As a table for a spreadsheet; fill in `decision` and `reason` and give it to `decide --from`.
    """
    desk = _desk(options, read_only=True)
    found = desk.find(system, quarter)
    campaign = found.campaign
    rows = campaign.undecided() if undecided else list(campaign.rows.values())
    rows = [row for row in rows if row.flags or not flagged]
    if options.json:
        print_json({**summary_of(desk, found), "shown": [row_of(found, row) for row in rows]})
        return
    if csv:
        from connectors.reviews.decision_file import table

        print(table(campaign, rows), end="")
        return
    print(printable(line_of(summary_of(desk, found))))
    for row in rows:
        said = campaign.standing().get(row.row_id)
        print(printable(f"{row.row_id}  {facts_of(row)}"))
        if said is not None:
            print(printable(f"    {said.decision} by {said.decided_by}{f': {said.reason}' if said.reason else ''}"))


@review.command(name="decide")
def decide(
    row: str | None = None,
    decision: Literal["keep", "revoke", "change", "escalate"] | None = None,
    /,
    *,
    reason: str | None = None,
    file: Annotated[Path | None, Parameter(name="--from")] = None,
    row_digest: str | None = None,
    system: str | None = None,
    quarter: str | None = None,
    by: By = None,
    sign_with: Path | None = None,
    options: Options = DEFAULT_OPTIONS,
) -> None:
    """Decide about one row, about the rows of a file, or on a terminal about one row after the other.

    Parameters
    ----------
    row
        Id of the row, or a login or address that only one row has.
    decision
        keep, revoke, change (less than now), escalate (somebody else must decide).
    reason
        Why. Only to keep an account without a flag needs none.
    file
        CSV that `evidence review show --csv` wrote, with the columns decision and reason filled in. Nothing of it is
        taken where a line is wrong.
    row_digest
        The row as you saw it; the decision is refused where it is another by now.
    system
        Id or name of the system, where several reviews are there.
    quarter
        The quarter.
    by
        Your address.
    sign_with
        Your own key file (`evidence record key`).
    """
    from connectors.reviews.deciding import Wanted
    from connectors.reviews.decision_file import read_decisions

    desk, signer = _desk(options), _signer(sign_with)
    who = desk.acting(by, signer)
    found = desk.find(system, quarter)
    if file is not None:
        if row is not None:
            raise ConfigurationError("name a row or a file, not both")
        wanted = read_decisions(desk, found, file, who)
        how = "file"
    elif row is None:
        if not sys.stdin.isatty():
            raise ConfigurationError("say what to decide: evidence review decide ROW keep, or --from FILE.csv. "
                                     "On a terminal it asks row by row")  # fmt: skip
        return ask(desk, found, who, signer)
    else:
        if decision is None:
            raise ConfigurationError("say what you decide: keep, revoke, change or escalate")
        wanted, how = [Wanted(desk.row(found, row).row_id, decision, reason, row_digest)], "row"
        problem = desk.problems(found, wanted, who)[0]
        if problem is not None:
            raise ConfigurationError(problem)
    made = desk.decide(found, wanted, who, how=how, signer=signer) if wanted else []
    if options.json:
        print_json({**summary_of(desk, found), "decided": [one.to_json() for one in made]})
        return None
    left = len(found.campaign.undecided())
    say(f"{len(made)} decided; {left} still to decide" + ("" if left else ". Now sign it: evidence review sign"))
    return None


@review.command(name="delegate")
def delegate(
    to: str,
    /,
    *,
    team: str | None = None,
    manager: str | None = None,
    row: str | None = None,
    reason: str | None = None,
    system: str | None = None,
    quarter: str | None = None,
    by: By = None,
    sign_with: Path | None = None,
    options: Options = DEFAULT_OPTIONS,
) -> None:
    """Hand rows to somebody who knows them: a team's, those of a manager's people, one, or all of them.

    Parameters
    ----------
    to
        Address of whoever is to decide; need not be a reviewer, but only a reviewer signs.
    team
        Rows of the members of this team or group.
    manager
        Rows of the people of this manager, by address.
    row
        One row.
    reason
        Why it is handed on.
    system
        Id or name of the system, where several reviews are there.
    quarter
        The quarter.
    by
        Your address.
    sign_with
        Your own key file.
    """
    chosen = [(kind, of) for kind, of in (("team", team), ("manager", manager), ("row", row)) if of is not None]
    if len(chosen) > 1:
        raise ConfigurationError("name a team, a manager or a row, not several of them")
    desk, signer = _desk(options), _signer(sign_with)
    who = desk.acting(by, signer)
    found = desk.find(system, quarter)
    kind, of = chosen[0] if chosen else ("system", None)
    if kind == "row" and of is not None:
        of = desk.row(found, of).row_id
    count = desk.delegate(found, to, who, rows=kind, of=of, reason=reason, signer=signer)
    if options.json:
        print_json({**summary_of(desk, found), "delegated": {"to": to, "by": who, "rows": count}})
        return
    say(f"{count} row{'' if count == 1 else 's'} handed to {to}")


@review.command(name="sign")
def sign(
    *,
    system: str | None = None,
    quarter: str | None = None,
    statement: str | None = None,
    by: By = None,
    sign_with: Path | None = None,
    options: Options = DEFAULT_OPTIONS,
) -> None:
    """Sign a review in which every row is decided. After that it stays as it is.

    Parameters
    ----------
    system
        Id or name of the system, where several reviews are there.
    quarter
        The quarter.
    statement
        What you sign, in words of your own.
    by
        Your address; it must stand on people.reviewers.
    sign_with
        Your own key file. Without it the record says that nobody knows who signed.
    """
    from connectors.reviews.deciding import STATEMENT

    desk, signer = _desk(options), _signer(sign_with)
    who = desk.acting(by, signer)
    found = desk.find(system, quarter)
    desk.sign(found, who, statement=statement or STATEMENT, signer=signer)
    if options.json:
        print_json(summary_of(desk, found))
        return
    print(printable(line_of(summary_of(desk, found))))
    counts = found.campaign.counts()
    follow = counts["revoke"] + counts["change"]
    if follow:
        days = desk.opening.rules.review_removal_business_days
        say(f"{follow} account{'' if follow == 1 else 's'} to revoke or change: each must be seen done within {days} "
            "business days")  # fmt: skip
    if signer is None:
        say("note: not signed with a key, so the record says that it is not known who signed it (--sign-with)")


def _desk(options: Options, *, read_only: bool = False) -> Desk:
    from connectors.reviews.deciding import Desk
    from connectors.workspace import open_workspace

    return Desk(open_workspace(options.program, now=options.clock(), read_only=read_only))


def _signer(path: Path | None) -> Signer | None:
    from connectors.store.signer import Signer

    if path is None:
        return None
    if not path.is_file():
        raise ConfigurationError(f"there is no key file {path}. Make one: evidence record key {path}")
    return Signer.load(path)
