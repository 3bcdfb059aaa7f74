"""Deciding, handing on and signing: each an entry of the ledger, or a message that says why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from connectors.records.accepting import Acceptance
from connectors.records.writing import append_record
from connectors.reviews.ledger import CONTROL, DECIDED, DELEGATED, LINE, SIGNED, Review, Reviews
from connectors.reviews.opening import Opening
from connectors.store.signer import Signer
from connectors.workspace import Workspace
from connectors.written_secrets import looks_secret
from evidence.reviews.campaign import Decision, Delegation, refusal
from evidence.reviews.pack import PackRow
from evidence.reviews.persons import Persons
from evidence.signed_record import RECORD_FORMAT, same_key
from schemas.errors import ConfigurationError
from schemas.instants import format_instant
from schemas.records.values import nearest

_INLINE = 20
"""Decisions that stand in the entry itself; more of them go into a file beside it."""
STATEMENT = (
    "I have looked at every account and role in this list, knowing whose it is and what it is for. What stands beside "
    "each row is my decision or that of the person named there."
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A decision as somebody asks for it. `shown`: digest of the row they looked at, None for the row as it is."""

    row_id: str
    decision: str
    reason: str | None
    shown: str | None = None


class Desk:
    """Where people work on the campaigns of one programme."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.accept = Acceptance(workspace)
        self.reviews = Reviews(workspace.store)

    @cached_property
    def opening(self) -> Opening:
        """Opens campaigns."""
        return Opening(self.accept, self.reviews)

    @cached_property
    def persons(self) -> Persons:
        """Who is who, as recorded last."""
        history = self.accept.history
        return Persons(history.versions[-1].registers, history.timezone)

    def find(self, system: str | None, window: str | None) -> Review:
        """The one campaign that is meant: by id or name of its system and its quarter, where there are several."""
        found = [
            one
            for one in self.reviews.latest()
            if (system is None or system in (one.system, self.name_of(one))) and window in (None, one.window)
        ]
        if system is None and window is None and len(found) > 1:
            found = [one for one in found if one.signed is None]
        if len(found) == 1:
            return found[0]
        if not found:
            raise ConfigurationError("there is no such review. `evidence review open` opens one, `evidence review "
                                     "list` shows those there are")  # fmt: skip
        names = ", ".join(f"--system {one.system} --quarter {one.window}" for one in found[:10])
        raise ConfigurationError(f"{len(found)} reviews are there. Say which: {names}")

    def name_of(self, review: Review) -> str:
        """A system's name, for people."""
        item = self.accept.scope.item(review.system)
        return review.system if item is None else item.name

    def row(self, review: Review, name: str) -> PackRow:
        """A row by its id, or by a login or address that only one row has."""
        rows = review.campaign.rows
        if name in rows:
            return rows[name]
        wanted = name.casefold()
        found = [row for row in rows.values() if wanted in
                 ((row.login or "").casefold(), (row.email or "").casefold(), row.account_id.casefold())]  # fmt: skip
        if len(found) == 1:
            return found[0]
        if found:
            raise ConfigurationError(f"{name!r} stands for {len(found)} rows: "
                                     f"{', '.join(row.row_id for row in found[:5])}. Write the id of one")  # fmt: skip
        raise ConfigurationError(f"there is no row {name!r} in this review.{nearest(name, list(rows)[:5000])}")

    # --- who ---------------------------------------------------------------------------------------------------------

    def acting(self, by: str | None, signer: Signer | None) -> str:
        """Who acts: as said, else whose key it is. ConfigurationError where that can't be."""
        now = self.accept.now
        if by is None and signer is not None:
            owners = [
                one
                for one in self.accept.people.addresses
                if any(same_key(key, signer.public_key) for key in self.accept.people.keys_of(one, now, now))
            ]
            if not owners:
                raise ConfigurationError(f"the key ed25519:{signer.public_key} is nobody's of people.reviewers. Write "
                                         "it beside your address and run `evidence programme record`")  # fmt: skip
            return owners[0]
        if by is None:
            raise ConfigurationError("say who you are: --by name@example.com (or EVIDENCE_REVIEWER), or sign with your "
                                     "own key: --sign-with KEY")  # fmt: skip
        if by.lower() not in self.accept.people.addresses:
            raise ConfigurationError(f"{by!r} is nobody of the people register or of people.reviewers."
                                     f"{nearest(by.lower(), self.accept.people.addresses)}")  # fmt: skip
        problem = None if signer is None else self.accept.key_trouble(by, signer.public_key, now)
        if problem is not None:
            raise ConfigurationError(problem)
        return by

    # --- deciding ----------------------------------------------------------------------------------------------------

    def problems(self, review: Review, wanted: Sequence[Wanted], by: str) -> list[str | None]:
        """Of each decision why it can't be taken, None where it can."""
        campaign, now = review.campaign, self.accept.now
        listed = self.accept.people.is_reviewer(by, now, now)
        out: list[str | None] = []
        for one in wanted:
            row = campaign.rows.get(one.row_id)
            if review.signed is not None:
                out.append(f"the review of {self.name_of(review)} for {review.window} is signed. What came up since "
                           "belongs into the next one")  # fmt: skip
            elif one.reason and (secret := looks_secret(one.reason, environ=self.workspace.environ)) is not None:
                out.append(f"the reason holds {secret}. Remove it, and revoke the secret")
            elif row is None:
                out.append(f"there is no row {one.row_id!r} in this review.{nearest(one.row_id, campaign.rows)}")
            else:
                to = None if listed else campaign.assigned(row)
                out.append(refusal(
                    campaign, row, one.decision, one.reason, shown=one.shown or campaign.digests[row.row_id], by=by,
                    persons=self.persons, at=now, listed=listed, same=to is not None and self.persons.same(to, by),
                ))  # fmt: skip
        return out

    def decide(
        self, review: Review, wanted: Sequence[Wanted], by: str, *, how: str, signer: Signer | None = None
    ) -> list[Decision]:
        """Record decisions that `problems` has nothing against, all in one entry."""
        self.reviews.refresh()
        if review.signed is not None:  # by somebody else, while this one was looking
            raise ConfigurationError(f"the review for {review.window} was signed meanwhile; nothing was recorded")
        now = format_instant(self.accept.now)
        digests = review.campaign.digests
        made = [
            Decision(one.row_id, digests[one.row_id], one.decision, (one.reason or "").strip() or None, by, now)
            for one in wanted
        ]
        values: dict[str, Any] = {"pack": review.digest, "how": how, "count": len(made), "decisions": None}
        stored: list[dict[str, Any]] = []
        said = [one.to_json() for one in made]
        if len(made) <= _INLINE:
            values["decisions"] = said
        else:
            lines = b"".join(orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in said)
            held = self.workspace.store.put_document(lines, ".jsonl")
            stored.append(held.to_json())
            values["table"] = held.digest
        self._append(review, "response", DECIDED, values, by, signer, stored)
        return made

    def delegate(
        self, review: Review, to: str, by: str, *, rows: str, of: str | None, reason: str | None, signer: Signer | None
    ) -> int:
        """Hand rows to somebody to decide; how many there are."""
        now = self.accept.now
        if review.signed is not None:
            raise ConfigurationError(f"the review for {review.window} is signed, so there is nothing left to decide")
        if to.lower() not in self.accept.people.addresses:
            raise ConfigurationError(f"{to!r} is nobody of the people register."
                                     f"{nearest(to.lower(), self.accept.people.addresses)}")  # fmt: skip
        made = Delegation(to, by, rows, of, format_instant(now), reason)
        mine = [row for row in review.campaign.rows.values() if made.covers(row)]
        if not mine:
            raise ConfigurationError(f"no row is of the {rows} {of!r}. `evidence review show` lists them")
        listed = self.accept.people.is_reviewer(by, now, now)
        if not listed and not all(
            (held := review.campaign.assigned(row)) is not None and self.persons.same(held, by) for row in mine
        ):
            raise ConfigurationError(f"{by} is not on people.reviewers and was not handed these rows, so can't hand "
                                     "them on")  # fmt: skip
        values = {"pack": review.digest, "to": to, "by": by, "rows": rows, "of": of, "at": made.at, "reason": reason}
        self._append(review, "response", DELEGATED, values, by, signer, [])
        return len(mine)

    # --- signing -----------------------------------------------------------------------------------------------------

    def signing_problem(self, review: Review, by: str) -> str | None:
        """Why a review can't be signed by somebody now, with what to do."""
        now = self.accept.now
        if review.signed is not None:
            assert review.signed.body is not None
            return f"the review for {review.window} was signed by {review.signed.body['signed_by']} already"
        problem = self.accept.signer_trouble(by, now, ("reviewers",))
        if problem is not None:
            return problem
        undecided = review.campaign.undecided()
        if undecided:
            names = ", ".join(row.row_id for row in undecided[:5])
            more = ", …" if len(undecided) > 5 else ""
            return (f"{len(undecided)} of {len(review.campaign.rows)} rows are undecided ({names}{more}). "
                    "`evidence review show --undecided` lists them")  # fmt: skip
        if review.observed_at > now:
            return f"the pack is of {format_instant(review.observed_at)}, which has not come yet"
        if now - review.observed_at > self.opening.max_age:
            return (f"the pack is of {format_instant(review.observed_at)}, more than {self.opening.max_age.days} days "
                    "ago. Open it anew from a list of now: `evidence review open --again`")  # fmt: skip
        return None

    def sign(self, review: Review, by: str, *, statement: str = STATEMENT, signer: Signer | None = None) -> Review:
        """Sign a review that `signing_problem` has nothing against: the record that completeness reads."""
        self.reviews.refresh()  # what came while the signer was reading counts
        problem = self.signing_problem(review, by)
        if problem is not None:
            raise ConfigurationError(problem)
        campaign = review.campaign
        values = {
            "pack": review.digest, "rows_digest": review.values["rows_digest"], "counts": campaign.counts(),
            "result": campaign.result_digest(), "up_to": max((one.seq for one in campaign.decisions), default=0),
            "statement": statement,
        }  # fmt: skip
        population = {
            "population_at": review.values["observed_at"], "population_complete": True, "undecided": 0,
        }  # fmt: skip
        # What was signed is named with it, so that a file that is altered later makes the signature worthless.
        held = [one for entry in (review.opened, *review.entries) if entry.body for one in entry.body["stored"]]
        self._append(review, "periodic", SIGNED, values, by, signer, held, **population)
        return review

    def _append(
        self, review: Review, kind: str, record_type: str, values: dict[str, Any], by: str, signer: Signer | None,
        stored: list[dict[str, Any]], **more: Any,
    ) -> None:  # fmt: skip
        body: dict[str, Any] = {
            "format": RECORD_FORMAT, "store_id": self.workspace.store.store_id, "record_kind": kind,
            "record_type": record_type, "control_id": CONTROL, "evidence_id": LINE, "scope_item_id": review.system,
            "for_window": review.window, "performed_at": format_instant(self.accept.now), "signed_by": by,
            "corroborated": False, "values": values, "attachments": [], **more,
        }  # fmt: skip
        append_record(self.workspace.store, body, stored, signer=signer)
        self.reviews.refresh()
