"""CC6-UAR-01: somebody with knowledge decided about every account of every system, and what was decided was done.

The review of a quarter has a row for its list of accounts (`pack:<digest>`) and one for each account in it:

- PACK_STALE           the list was older than 30 days when it was signed, or younger than the signature
- ROWS_UNDECIDED       nobody decided about the account, or it was escalated and nobody decided since
- SELF_REVIEW          whoever decided decided about their own
- KEPT_WITHOUT_REASON  a leaver's account, a dormant one or one without owner was kept without a reason
- REVOKE_LATE          what was to be revoked or changed was, after `review_removal_business_days`
- REVOKE_NOT_DONE      it was not, as a later list shows

Everything is counted again from the list as it was put before the reviewers and from each decision; what the signature
says of itself is held against that. The clock of a revocation starts at the signature; a list from before it shows
nothing (see `access_follow_up`).

Decisions where the rule leaves room:

- Only what was decided before the signature counts. Where several decided about an account, the last one stands, and
  every decision was about the row as it stands in the list.
- A list that is not signed is pending until the grace of the quarter is over. After that its undecided rows are
  exceptions, and those that were decided unknown: nobody answers for them.
- Whose an account is follows the registers as known now: a decision about an account that turned out to be one's own is
  a finding.
- A quarter that closes after the observation period belongs to the next period: without a list nothing is said of it.
- Accounts that came after the list was made belong to the next review.
- Business days are those of the office of whoever has the account.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from evidence.completeness.windows import PERIOD, is_window_id, window_bounds
from evidence.controls.access_follow_up import REVOKE_LATE, REVOKE_NOT_DONE, FollowUp
from evidence.controls.held import has_closed, window_unknown
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.validity import end_of
from evidence.controls.verdict import Verdict
from evidence.record import StoredRecord
from evidence.reviews.campaign import Campaign, Decision, whose
from evidence.reviews.pack import PackRow, rows_digest
from evidence.reviews.persons import Persons
from schemas.instants import format_instant, parse_instant
from schemas.outcome import Outcome

LINE, DECISIONS = "pack", "decisions"
PACK_STALE = "PACK_STALE"
ROWS_UNDECIDED = "ROWS_UNDECIDED"
SELF_REVIEW = "SELF_REVIEW"
KEPT_WITHOUT_REASON = "KEPT_WITHOUT_REASON"
CODES = (PACK_STALE, ROWS_UNDECIDED, SELF_REVIEW, REVOKE_LATE, REVOKE_NOT_DONE, KEPT_WITHOUT_REASON)

_FRESH = timedelta(days=30)
_GRACE = timedelta(days=14)
_NEED_REASON = frozenset({"leaver", "dormant", "no_owner"})


def access_reviewed(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """Rows for the review of one system and quarter."""
    return list(_Test(window, evidence).outcomes())


class _Test:
    def __init__(self, window: TestWindow, evidence: StoredEvidence) -> None:
        self._window = window
        self._evidence = evidence
        self._persons = Persons(window.registers, window.programme.timezone)
        # The quarter itself, wherever the period or the system's time in scope cuts it.
        zone, whole = window.programme.timezone, window.window_id != PERIOD and is_window_id(window.window_id)
        self._ends = window_bounds(window.window_id, zone).end if whole else window.end
        self._deadline = self._ends + _GRACE
        held = evidence.records(window.control_id, DECISIONS, window.scope_item_id)
        names = window.window_id.split("+")
        self._all = held
        self._records = [record for record in held if record.for_window in names]
        self._digests: list[str] = []
        self._doubts: list[str] = []

    def outcomes(self) -> Iterator[Outcome]:
        window = self._window
        signed = next((one for one in self._records if one.kind == "periodic"), None)
        packs = [one for one in self._records if one.record_type == "access_pack"]
        pack = self._pack_of(signed, packs)
        if pack is None:
            if signed is not None:
                elsewhere = [one.for_window for one in self._all if one.record_type == "access_pack"
                             and one.values.get("pack") == signed.values.get("pack")]  # fmt: skip
                why = f"the list of {elsewhere[0]}" if elsewhere else "a list of accounts that is not held"
                yield window_unknown(window, LINE, f"what was signed names {why}.", (signed.digest,))
            elif has_closed(window) and not self._beyond():
                yield window_unknown(window, LINE, "no list of accounts was put before reviewers.")
            return
        rows = self._rows(pack)
        if rows is None:
            why = "the list that was put before the reviewers is missing or not what it was."
            yield window_unknown(window, LINE, why, (pack.digest,))
            return
        self._digests = [pack.digest, str(pack.values["pack"])]
        campaign = Campaign.of(rows, str(pack.values.get("assign") or "reviewers"))
        made_at = self._decided(campaign, pack, signed)
        yield self._list(pack, signed, campaign)
        follow = None
        if signed is not None:
            standing = campaign.standing()
            asked = {
                row_id: campaign.rows[row_id]
                for row_id, said in standing.items()
                if said.decision in ("revoke", "change")
            }
            observed_at = parse_instant(pack.values["observed_at"])
            follow = FollowUp(window, self._evidence, asked, observed_at, signed.performed_at)
        for row in rows:
            yield self._row(row, campaign, made_at, signed, follow)

    def _beyond(self) -> bool:
        """Whether the quarter closes after the observation period, so that no review of it is expected in this one."""
        end = end_of(self._window.programme.observation_period.end, self._window.programme.timezone)
        return end is not None and self._ends > end

    # --- what is held ------------------------------------------------------------------------------------------------

    def _pack_of(self, signed: StoredRecord | None, packs: list[StoredRecord]) -> StoredRecord | None:
        if signed is None:
            return packs[-1] if packs else None
        return next((one for one in packs if one.values.get("pack") == signed.values.get("pack")
                     and one.seq < signed.seq), None)  # fmt: skip

    def _rows(self, pack: StoredRecord) -> list[PackRow] | None:
        """The rows of the list; None where a file or a row is not what its digest says."""
        held = self._evidence.recorded_rows(str(pack.values["pack"]))
        if held is None:
            return None
        try:
            rows = [PackRow.from_json(row) for row in held]
        except KeyError:
            return None
        whole = len(rows) == pack.values["independent_count"] == pack.values["rows"]
        return rows if whole and rows_digest(rows) == pack.values["rows_digest"] else None

    def _decided(
        self, campaign: Campaign, pack: StoredRecord, signed: StoredRecord | None
    ) -> Mapping[int, tuple[datetime, str]]:
        """Take in what was decided; by record when it counts from and its digest."""
        made_at: dict[int, tuple[datetime, str]] = {}
        for record in self._records:
            if record.record_type != "access_decisions" or record.values.get("pack") != pack.values["pack"]:
                continue
            if signed is not None and record.seq > signed.seq:
                continue
            said = record.values.get("decisions")
            if said is None:
                said = self._evidence.recorded_rows(str(record.values.get("table")))
            if said is None:
                self._doubts.append("decisions that belong to it are missing or altered")
                continue
            made_at[record.seq] = (record.performed_at, record.digest)
            campaign.take(Decision.from_json(one, record.seq) for one in said)
        if signed is not None:
            self._digests.append(signed.digest)
            if signed.values.get("result") not in (None, campaign.result_digest()):
                self._doubts.append("what was signed is not what the decisions say")
        return made_at

    # --- rows --------------------------------------------------------------------------------------------------------

    def _list(self, pack: StoredRecord, signed: StoredRecord | None, campaign: Campaign) -> Outcome:
        verdict = Verdict()
        verdict.used(*self._digests)
        observed_at = parse_instant(pack.values["observed_at"])
        count = len(campaign.rows)
        subject = f"List of {count} accounts of {self._window.scope_item} as of {format_instant(observed_at)}"
        if signed is None:
            if self._window.as_of < self._deadline:
                return self._outcome(f"pack:{pack.values['pack']}", pack.performed_at, verdict, f"{subject}, to be "
                                     f"signed by {format_instant(self._deadline)}", self._deadline)  # fmt: skip
            verdict.doubts("nobody signed it")
        else:
            when = f"signed by {str(signed.signed_by)[:120]} at {format_instant(signed.performed_at)}"
            # A signature that came too late to be believed is held to both of its times.
            if observed_at > signed.claimed_at or signed.performed_at - observed_at > _FRESH:
                old = "after" if observed_at > signed.claimed_at else f"more than {_FRESH.days} days before"
                verdict.fails(PACK_STALE, f"it was taken {old} it was {when}")
            verdict.holds(when)
            for doubt in self._doubts:
                verdict.doubts(doubt)
        return self._outcome(f"pack:{pack.values['pack']}", pack.performed_at, verdict, subject)

    def _row(
        self, row: PackRow, campaign: Campaign, made_at: Mapping[int, tuple[datetime, str]],
        signed: StoredRecord | None, follow: FollowUp | None,
    ) -> Outcome:  # fmt: skip
        verdict = Verdict()
        verdict.used(*self._digests)
        said = campaign.standing().get(row.row_id)
        subject = row.name[:120] + (f" ({', '.join(row.flags)})" if row.flags else "")
        resolves_at: datetime | None = None
        at = self._window.start
        if said is not None:
            at, digest = made_at[said.seq]
            verdict.used(digest)
            subject += f", {said.decision} by {said.decided_by[:120]} at {format_instant(at)}"
        if said is None or said.decision == "escalate":
            if signed is None and self._window.as_of < self._deadline:
                resolves_at = self._deadline
            else:
                what = "nobody decided about it" if said is None else "it was escalated, and nobody decided since"
                verdict.fails(ROWS_UNDECIDED, what)
        else:
            self._judge(verdict, row, said, at)
            if signed is None:
                if self._window.as_of < self._deadline and not verdict.codes:
                    resolves_at = self._deadline
                else:
                    verdict.doubts("the review is not signed")
            elif follow is not None and said.decision in ("revoke", "change"):
                resolves_at = follow.judge(verdict, row, said.decision)
        for doubt in self._doubts:
            verdict.doubts(doubt)
        pending = resolves_at if not verdict.codes else None
        return self._outcome(row.row_id, at, verdict, subject, pending)

    def _judge(self, verdict: Verdict, row: PackRow, said: Decision, at: datetime) -> None:
        own = whose(row, said.decided_by, self._persons, at)
        if own == "own":
            verdict.fails(SELF_REVIEW, f"{said.decided_by[:120]} decided about their own account")
        elif own == "unknown" and said.decision == "keep":
            verdict.doubts(f"whether {said.decided_by[:120]} is somebody else than whose account it is")
        found = _NEED_REASON.intersection(row.flags)
        if said.decision == "keep" and found and not (said.reason or "").strip():
            verdict.fails(KEPT_WITHOUT_REASON, f"kept although {', '.join(sorted(found))}, without a reason")
        verdict.holds(f"decided{f': {said.reason[:200]}' if said.reason else ''}")

    def _outcome(
        self, item_id: str, at: datetime, verdict: Verdict, subject: str, resolves_at: datetime | None = None
    ) -> Outcome:
        window = self._window
        if resolves_at is not None:
            outcome, words = "pending", f"{subject}. Open until {format_instant(resolves_at)}."
        else:
            outcome, words = verdict.outcome, verdict.explain(subject)
        return Outcome(
            control_id=window.control_id, evidence_id=LINE, window_id=window.window_id,
            scope_item_id=window.scope_item_id, scope_item=window.scope_item, item_id=item_id, event_time=at,
            outcome=outcome, codes=() if outcome == "pending" else tuple(verdict.codes), explanation=words,
            evidence=verdict.evidence, resolves_at=resolves_at,
        )  # fmt: skip
