"""Opening a campaign: one whole snapshot of all accounts of a system becomes the pack of a quarter.

Opening the same system and quarter again changes nothing. A pack that grew too old before anybody signed is opened anew
on purpose (`again`); what was decided about the old one stays with it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from connectors.records.accepting import Acceptance
from connectors.records.writing import append_record
from connectors.reviews.ledger import CONTROL, LINE, PACK, Review, Reviews
from connectors.reviews.packs import pack_bytes
from connectors.store.evidence import LedgerEvidence
from evidence.completeness.instants import instant
from evidence.completeness.requirements import rules_of
from evidence.completeness.windows import Window
from evidence.controls.catalogue import control as control_of
from evidence.controls.model import Control, EvidenceLine
from evidence.reviews.accounts import LISTS
from evidence.reviews.pack import PackRefused, PackRow, make_rows, removed_rows, rows_digest
from evidence.scope import ScopedItem
from evidence.signed_record import RECORD_FORMAT
from schemas.errors import ConfigurationError
from schemas.instants import format_instant
from schemas.programme_rules import EvidenceRules
from schemas.records.values import nearest


class Opening:
    """Opens campaigns of one programme."""

    def __init__(self, accept: Acceptance, reviews: Reviews) -> None:
        self._accept = accept
        self._reviews = reviews
        self._store = accept.workspace.store
        self.control: Control = control_of(CONTROL)
        self.line: EvidenceLine = self.control.line(LINE)
        self.windows: dict[str, Window] = accept.windows(self.control, self.line)

    def systems(self) -> list[ScopedItem]:
        """Every system in scope whose accounts can be listed."""
        return [item for item in self._accept.scope.items(self.control.scope_kind) if item.system in LISTS]

    def system(self, name: str) -> ScopedItem:
        """A system by its id or its name."""
        items = self.systems()
        found = next((item for item in items if name in (item.id, item.name)), None)
        if found is None:
            raise ConfigurationError(f"{name!r} is no system in scope.{nearest(name, [item.id for item in items])}")
        return found

    def window(self, name: str | None, system: str) -> str:
        """The quarter asked for; without one the earliest that can still be in time and is not signed."""
        now = self._accept.now
        begun = [one for one in self.windows.values() if instant(one.calendar.natural_start) <= now]
        if name is not None:
            if name not in self.windows:
                raise ConfigurationError(f"{name!r} is no quarter of which a review is expected."
                                         f"{nearest(name, self.windows)}")  # fmt: skip
            if self.windows[name] not in begun:
                raise ConfigurationError(f"{name} has not begun yet")
            return name
        for one in begun:
            held = self._reviews.of(system, one.window_id)
            if now <= one.calendar.deadline_at and (held is None or held.signed is None):
                return one.window_id
        if not begun:
            raise ConfigurationError("no quarter of the observation period has begun, so there is nothing to review")
        return begun[-1].window_id

    @cached_property
    def rules(self) -> EvidenceRules:
        """Policy parameters, as recorded last."""
        return EvidenceRules.model_validate(self._accept.history.versions[-1].programme.get("evidence_rules") or {})

    @property
    def max_age(self) -> timedelta:
        """How old a list may be when it is signed."""
        rules = rules_of(self.control, self.line, self._accept.history)[-1].rules
        return timedelta(days=rules["pack_max_age_days"])

    def open(self, item: ScopedItem, window: str, *, again: bool = False, assign: str = "reviewers") -> Review:
        """The campaign of a system and quarter, opened now where it was not. ConfigurationError says why it can't be.

        `assign`: `reviewers`, anybody on the list decides; `manager`, each row is the manager's of whoever has it.
        """
        held = self._reviews.of(item.id, window)
        if held is not None and (not again or held.signed is not None):
            if again:
                raise ConfigurationError(f"the review of {item.name} for {window} is signed, and stays as it is")
            return held
        self._store.check_writable()
        evidence = self._store.evidence(self._accept.now)
        rows, values, digest_of = self._pack(evidence, item, window)
        about = {
            "scope_item_id": item.id,
            "window": window,
            "observed_at": values["observed_at"],
            "snapshot": digest_of,
        }
        stored = self._store.put_document(pack_bytes(rows, about), ".parquet")
        values |= {
            "pack": stored.digest, "assign": assign, "opens_again": None if held is None else held.digest,
        }  # fmt: skip
        body: dict[str, Any] = {
            "format": RECORD_FORMAT, "store_id": self._store.store_id, "record_kind": "pack", "record_type": PACK,
            "control_id": CONTROL, "evidence_id": LINE, "scope_item_id": item.id, "for_window": window,
            "window": window, "performed_at": format_instant(self._accept.now), "signed_by": None,
            "corroborated": False, "values": values, "attachments": [],
        }  # fmt: skip
        append_record(self._store, body, [stored.to_json()])
        self._reviews.refresh()
        review = self._reviews.by_pack[item.id, window, stored.digest]
        review.opened_with(rows)
        return review

    def _pack(
        self, evidence: LedgerEvidence, item: ScopedItem, window: str
    ) -> tuple[list[PackRow], dict[str, Any], str]:
        dataset = LISTS[item.system]
        what = f"the review of {item.name} for {window} can't be opened"
        collect = f"Run `evidence collect --control {CONTROL} --scope {item.id}`"
        found = evidence.snapshot_before(dataset, item.id, self._accept.now)
        if found is None:
            damaged = "; ".join(evidence.damaged.values())
            why = damaged or "no whole list of its accounts is held"
            raise ConfigurationError(f"{what}: {why}. {collect}")
        observed_at, snapshot, digest = found
        self._check_age(what, collect, observed_at, window)
        for (system, other, _), review in self._reviews.by_pack.items():
            if system == item.id and other != window and review.observed_at == observed_at:
                raise ConfigurationError(f"{what}: the list of {format_instant(observed_at)} was the one of {other}, "
                                         f"and one list serves one quarter. {collect}")  # fmt: skip
        counted = self._counted(item, digest, observed_at)
        previous = self._reviews.signed_before(item.id, window)
        before = None if previous is None else list(previous.campaign.rows.values())
        history = self._accept.history
        try:
            rows = make_rows(
                item.system, snapshot, observed_at=observed_at, counted=counted,
                registers=history.versions[-1].registers, zone=history.timezone,
                dormant_days=self.rules.dormant_days, previous=before,
                machines=self.rules.machine_accounts,
            )  # fmt: skip
        except PackRefused as error:
            raise ConfigurationError(f"{what}: {error}. {collect}") from error
        values: dict[str, Any] = {
            "rows": len(rows), "independent_count": counted, "rows_digest": rows_digest(rows),
            "observed_at": format_instant(observed_at), "dataset": dataset.name, "snapshot": digest,
            "previous": None if previous is None else previous.digest,
            "removed": [row.row_id for row in removed_rows(rows, before)],
            "dormant_days": self.rules.dormant_days,
        }  # fmt: skip
        return rows, values, digest

    def _check_age(self, what: str, collect: str, observed_at: datetime, window: str) -> None:
        begins = instant(self.windows[window].calendar.natural_start)
        said = f"{what}: the last whole list of its accounts is of {format_instant(observed_at)}"
        if observed_at < begins:
            raise ConfigurationError(f"{said}, before the quarter began. {collect}")
        if self._accept.now - observed_at > self.max_age:
            raise ConfigurationError(f"{said}, and must not be older than {self.max_age.days} days. {collect}")

    def _counted(self, item: ScopedItem, digest: str, observed_at: datetime) -> int | None:
        """What the source itself counted in the run that the list is from."""
        claims = self._store.claims().of(LISTS[item.system].name, item.id, self._accept.now)
        for stored in claims:
            if stored.object is not None and stored.object.digest == digest and stored.claim.observed_at == observed_at:
                return stored.claim.independent_count
        return None
