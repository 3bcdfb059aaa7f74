"""What a record must fit: the people, scope and windows of the programme that is recorded, and the clock."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from connectors.records.reading import Draft
from connectors.workspace import Workspace
from evidence.completeness.instants import instant
from evidence.completeness.model import Item, Requirement
from evidence.completeness.requirements import rules_of
from evidence.completeness.windows import PERIOD, Window, windows_of
from evidence.controls.catalogue import control as control_of
from evidence.controls.model import Control, EvidenceLine
from evidence.people import ListName, People
from evidence.scope import ScopedItem, ScopeRegister
from evidence.signed_record import same_key
from schemas.instants import format_instant, parse_instant
from schemas.records.model import PERFORMED_AT, Field, RecordType
from schemas.records.values import Path, Trouble, nearest


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record belongs: the line and item it is for, and its window (None where the line has none)."""

    control: Control
    line: EvidenceLine
    item: ScopedItem
    window: str | None


class Acceptance:
    """The programme as recorded, its people and scope, at one instant."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.history = workspace.require_recorded()
        self.now: datetime = workspace.now()
        self.people = People(self.history)

    @cached_property
    def scope(self) -> ScopeRegister:
        return self.workspace.scope(self.history)

    @cached_property
    def exceptions(self) -> Mapping[tuple[str, str, str], Mapping[str, Mapping[str, Any]]]:
        """Rows with codes of the latest tests, by control, window and scope item, and then by population item."""
        from connectors.outcomes import stored_outcomes

        found: dict[tuple[str, str, str], dict[str, Mapping[str, Any]]] = {}
        for row in stored_outcomes(self.workspace, self.now):
            if row["codes"]:
                key = (row["control_id"], row["window_id"], row["scope_item_id"])
                found.setdefault(key, {})[row["item_id"]] = row
        return found

    @cached_property
    def _addresses(self) -> frozenset[str]:
        return frozenset(self.people.addresses)

    @property
    def not_yet(self) -> str:
        """What to do about something that is yet to come."""
        return f"it is {format_instant(self.now)} now. Record what was done once it is done"

    # --- what a record says ------------------------------------------------------------------------------------------

    def performed_at(self, record_type: RecordType, draft: Draft) -> datetime:
        """When it was done: the latest of the times that the type counts by."""
        given = [draft.about.get(PERFORMED_AT) if name == PERFORMED_AT else draft.values.get(name)
                 for name in record_type.performed]  # fmt: skip
        return max(parse_instant(text) for text in given if text)

    def signer(self, record_type: RecordType, draft: Draft) -> str | None:
        """Who answers for it: `signed_by`, else the person of the type's own field."""
        said: str | None = draft.about.get("signed_by")
        return said or (None if record_type.signer is None else draft.values.get(record_type.signer))

    def check_values(self, fields: Collection[Field], values: Mapping[str, Any], where: Path = ()) -> Iterator[Trouble]:
        """People who are unknown, controls that are none, instants that have not come."""
        for field in fields:
            value, place = values.get(field.name), (*where, field.name)
            if value is None:
                continue
            if field.kind == "rows":
                for number, row in enumerate(value):
                    yield from self.check_values(field.fields, row, (*place, number))
            elif field.kind in ("person", "persons"):
                for address in [value] if isinstance(value, str) else value:
                    if address.lower() not in self._addresses:
                        yield place, self._unknown_person(field.name, address)
            elif field.kind == "person_id" and value not in self.people.person_ids:
                near = nearest(value, self.people.person_ids)
                yield place, (f"{field.name} {value!r} is not in the people register.{near} Add the person and run "
                              "`evidence programme record`")  # fmt: skip
            elif field.kind == "controls":
                yield from self._controls(value, place)
            elif field.kind == "instant" and parse_instant(value) > self.now:
                yield place, f"{field.name} {value} has not come yet: {self.not_yet}"

    def _unknown_person(self, name: str, address: str) -> str:
        return (
            f"{name} {address!r} is nobody of the people register or of people.reviewers and people.approvers."
            f"{nearest(address.lower(), self._addresses)} Add the person and run `evidence programme record`"
        )

    def _controls(self, ids: Collection[str], place: Path) -> Iterator[Trouble]:
        for control_id in ids:
            try:
                control_of(control_id)
            except KeyError as error:
                yield place, str(error.args[0])

    # --- where it belongs --------------------------------------------------------------------------------------------

    def place(
        self, control_id: str, evidence_id: str, item_id: str | None, window: str | None, performed: datetime | None,
        trouble: Callable[[str, str], None],
    ) -> Place | None:  # fmt: skip
        """The line, item and window of a record; what does not fit is told to `trouble`, by key."""
        control = control_of(control_id)
        line = control.line(evidence_id)
        if not self.history.control_spans(control.id, control.category):
            trouble("scope_item", f"{control.id} is not part of this programme: its category is not chosen, or it is "
                    "switched off. Change `categories` or `controls`, and run `evidence programme record`")  # fmt: skip
            return None
        item = self.item(control, item_id, trouble)
        if item is None:
            return None
        if line.kind == "document" or (line.mode == "periodic" and self._cadence(control, line) == "annual"):
            if window not in (None, PERIOD):
                trouble("window", f"{control.id} is judged over the whole period. Leave `window` out")
                return None
            return Place(control, line, item, PERIOD)
        if line.mode != "periodic":
            if window is not None:
                trouble("window", "an answer to an event belongs to the window of its event. Leave `window` out")
                return None
            return Place(control, line, item, None)
        return self._in_window(control, line, item, window, performed, trouble)

    def item(self, control: Control, item_id: str | None, trouble: Callable[[str, str], None]) -> ScopedItem | None:
        """The scope item of a control by its id; without one the only one there is."""
        items = {item.id: item for item in self.scope.items(control.scope_kind)}
        if item_id is None and len(items) == 1:
            return next(iter(items.values()))
        found = items.get(item_id or "")
        if found is not None:
            return found
        if not items:
            trouble("scope_item", f"nothing is in scope that {control.id} is about ({control.scope_kind}). Add it to "
                    "the programme or its registers and run `evidence programme record`")  # fmt: skip
        elif item_id is None:
            trouble("scope_item", f"say which scope item it is about.{nearest('', items)}")
        else:
            trouble("scope_item", f"{item_id!r} is not in scope of {control.id}.{nearest(item_id, items)}")
        return None

    def _cadence(self, control: Control, line: EvidenceLine) -> str:
        return str(rules_of(control, line, self.history)[-1].rules["cadence"])

    def windows(self, control: Control, line: EvidenceLine) -> dict[str, Window]:
        """The windows that are expected of a periodic line, by id."""
        rules = rules_of(control, line, self.history)[-1].rules
        requirement = Requirement(
            kind="human_record", cadence=rules["cadence"], late_limit_days=rules["late_limit_days"]
        )
        found = windows_of(self.history.chosen.period, requirement, Item())
        return {window.window_id: window for window in found if window.calendar.closes_in_period}

    def _in_window(
        self, control: Control, line: EvidenceLine, item: ScopedItem, window: str | None, performed: datetime | None,
        trouble: Callable[[str, str], None],
    ) -> Place | None:  # fmt: skip
        windows = self.windows(control, line)
        found = windows.get(window or "")
        if found is None:
            said = "say which window it is for" if window is None else (
                f"{window!r} is no window that {control.id} expects a record of: it counts windows that close inside "
                f"the observation period"
            )  # fmt: skip
            trouble("window", f"{said}.{nearest(window or '', windows)}")
            return None
        begins = instant(found.calendar.natural_start)
        if performed is not None and performed < begins:
            trouble("window", f"it was done on {format_instant(performed)}, before {window} began on "
                    f"{format_instant(begins)}. Correct `window`")  # fmt: skip
            return None
        return Place(control, line, item, found.window_id)

    # --- who may sign ------------------------------------------------------------------------------------------------

    def signer_trouble(self, signer: str | None, at: datetime, lists: tuple[ListName, ...]) -> str | None:
        """Why nobody, or this person, can't sign what was done at `at`."""
        names = " or ".join(f"people.{name}" for name in lists)
        if signer is None:
            return "say who signs: `signed_by: name@example.com`"
        if signer.lower() not in self._addresses:
            return self._unknown_person("signed_by", signer)
        if self.people.listed(signer, at, self.now, lists):
            return None
        if self.people.listed(signer, self.now, self.now, lists):
            return (f"{signer} stands on {names}, but not on the day of {format_instant(at)}: what was signed before "
                    "or after one's time on the list does not count")  # fmt: skip
        return (f"{signer} does not stand on {names} of the recorded programme, and so can't sign. Let somebody sign "
                "who does, or add the person and run `evidence programme record`")  # fmt: skip

    def key_trouble(self, signer: str, public_key: str, at: datetime) -> str | None:
        """Why a key is not that of the signer."""
        keys = self.people.keys_of(signer, at, self.now)
        if any(same_key(key, public_key) for key in keys):
            return None
        return (f"the key ed25519:{public_key} is none that the recorded programme has for {signer} on the day of "
                f"{format_instant(at)}. Write it as `key:` beside the address in people.reviewers or people.approvers "
                "and run `evidence programme record`, or sign with another key")  # fmt: skip
