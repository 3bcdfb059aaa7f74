"""How an access review reads on a terminal and in JSON, and how its rows are asked about one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cli.output import printable, say

if TYPE_CHECKING:
    from connectors.reviews.deciding import Desk
    from connectors.reviews.ledger import Review
    from connectors.store.signer import Signer
    from evidence.reviews.pack import PackRow


def summary_of(desk: Desk, found: Review) -> dict[str, Any]:
    """What every command of `evidence review` says of a review."""
    signed = None if found.signed is None else found.signed.body
    return {
        "system": found.system, "name": desk.name_of(found), "quarter": found.window, "pack": found.digest,
        "observed_at": found.values["observed_at"], "counts": found.campaign.counts(),
        "flagged": sum(bool(row.flags) for row in found.campaign.rows.values()),
        "removed": list(found.values["removed"]), "opened": found.opened.seq,
        "signed": None if signed is None else {
            "signed_by": signed["signed_by"], "signed_at": signed["performed_at"], "signed_how": signed["signed_how"],
            "ledger": found.signed.seq if found.signed else None, "statement": signed["values"]["statement"],
        },
    }  # fmt: skip


def line_of(one: dict[str, Any]) -> str:
    """The same in one line for people."""
    counts = one["counts"]
    state = f"signed by {one['signed']['signed_by']} at {one['signed']['signed_at']}" if one["signed"] else (
        f"{counts['undecided']} undecided" if counts["undecided"] else "decided, to be signed"
    )  # fmt: skip
    return (f"{one['quarter']}  {one['name']}  {counts['rows']} accounts as of {one['observed_at']}, "
            f"{one['flagged']} flagged, {state}  {one['pack']}")  # fmt: skip


def row_of(found: Review, row: PackRow) -> dict[str, Any]:
    """A row with what was decided, as JSON."""
    said = found.campaign.standing().get(row.row_id)
    return {
        **row.to_json(), "row_digest": found.campaign.digests[row.row_id], "assigned_to": found.campaign.assigned(row),
        "decision": None if said is None else {
            "decision": said.decision, "reason": said.reason, "decided_by": said.decided_by,
            "decided_at": said.decided_at, "ledger": said.seq,
        },
    }  # fmt: skip


def facts_of(row: PackRow) -> str:
    """What a reviewer is shown of a row."""
    used = row.last_used_at or {"never": "never"}.get(row.last_use, "unknown")
    parts = [
        row.name, f"({', '.join(row.persons) or 'nobody known'})", row.kind, f"second factor {row.second_factor}",
        f"last used {used}", f"roles: {', '.join(row.roles[:6]) or 'none'}{' …' if len(row.roles) > 6 else ''}",
    ]  # fmt: skip
    if row.change in ("new", "changed"):
        parts.append(row.change + (f" ({', '.join(row.changes)})" if row.changes else ""))
    return "  ".join(parts) + (f"  [{', '.join(row.flags)}]" if row.flags else "")


def ask(desk: Desk, found: Review, who: str, signer: Signer | None) -> None:
    """Row by row: one letter decides, an empty line passes over, q ends. Each decision is recorded at once."""
    from connectors.reviews.deciding import Wanted

    letters = {"k": "keep", "r": "revoke", "c": "change", "e": "escalate"}

    def asked(prompt: str) -> str:
        try:
            return input(prompt).strip()
        except EOFError:  # the terminal was closed, or Ctrl-D
            return "q"

    for row in found.campaign.undecided():
        to = found.campaign.assigned(row)
        if to is not None and not desk.persons.same(to, who):
            continue
        print(printable(f"\n{row.row_id}\n  {facts_of(row)}"))
        while True:
            said = asked("[k]eep [r]evoke [c]hange [e]scalate, Enter: later, q: stop > ").lower()
            if said in ("", "q"):
                break
            if said[:1] not in letters:
                continue
            reason = asked("reason > ") or None
            wanted = Wanted(row.row_id, letters[said[:1]], reason, found.campaign.digests[row.row_id])
            problem = desk.problems(found, [wanted], who)[0]
            if problem is None:
                desk.decide(found, [wanted], who, how="asked", signer=signer)
                break
            print(printable(f"  {problem}"))
        if said == "q":
            break
    left = len(found.campaign.undecided())
    say(f"{left} still to decide" + ("" if left else ". Now sign it: evidence review sign"))
