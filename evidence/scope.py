"""The scope register: which items each kind of control is about, since when and until when.

Rules (completeness specification, section 7): an item is in scope from its creation at the source, not from its
discovery; once seen with the topic it stays; a renamed repository is the same item; one that vanished from the source
stays expected until somebody decides. A decision that leaves something out counts from its recording at the earliest.
A name that no inventory knows yet makes an unresolved item, so that it can't be forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

from evidence.completeness.coverage import Span, merge, subtract
from evidence.completeness.instants import DAY, instant
from evidence.completeness.local_time import end_of_last, first_instant
from evidence.inventory import Account, Inventory, Project, Repository
from evidence.programme_history import ProgrammeHistory
from evidence.programme_versions import ScopeSpec, slug
from evidence.timeline import ALWAYS, ALWAYS_FROM, ALWAYS_TO, fold, fold_exclusions, outside, span_json
from evidence.timeline import within as shared
from schemas.instants import format_instant
from schemas.scope import ScopeItem, ScopeKind, System

SYSTEM_BOUND: frozenset[ScopeKind] = frozenset({
    "identity_domain", "in_scope_system", "alert_source", "cloud_account", "cloud_account_region", "repo_or_account",
    "data_store",
})  # fmt: skip
"""Kinds whose items belong to one system and need the sources of that system alone."""

_OF_ONE_SYSTEM = SYSTEM_BOUND | {"github_repo"}


@dataclass(frozen=True, slots=True)
class ScopedItem:
    """An item and when it is in scope."""

    id: str
    name: str
    system: System
    spans: tuple[Span, ...]
    born: int | None = None
    """Creation at the source in ticks, where that is what begins its scope."""
    resolved: bool = True
    note: str | None = None
    """What a reader should know: why it is unresolved, that it vanished from the source."""
    within: str | None = None
    """The item it is part of: the account of a region, the organisation of a repository, the domain of its alerts."""

    def as_scope_item(self) -> ScopeItem:
        """The item as an extractor takes it."""
        start, end = (self.spans[0][0], self.spans[-1][1]) if self.spans else (ALWAYS_FROM, ALWAYS_TO)
        return ScopeItem(
            self.id,
            self.name,
            self.system,
            None if start == ALWAYS_FROM else instant(start),
            None if end == ALWAYS_TO else instant(end),
            self.resolved,
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """A row of the scope register and the time it was first recorded; `counts_from` tells where that moved it."""

    item_id: str
    decision: str
    start: str | None
    end: str | None
    reason: str
    decided_by: str
    recorded_at: datetime
    in_force: bool
    """False where a later version no longer holds it."""

    def to_json(self) -> dict[str, Any]:
        return {
            "item_id": self.item_id, "decision": self.decision, "from": self.start, "to": self.end,
            "reason": self.reason, "decided_by": self.decided_by, "recorded_at": format_instant(self.recorded_at),
            "in_force": self.in_force,
        }  # fmt: skip


@dataclass(frozen=True)
class ScopeRegister:
    """Every item the programme in effect expects, by kind, and the decisions behind it."""

    by_kind: Mapping[ScopeKind, tuple[ScopedItem, ...]]
    decisions: tuple[Decision, ...]
    excluded: Mapping[str, tuple[Span, ...]]
    """Time left out by decision, by item id."""
    undecided: tuple[tuple[str, str], ...] = ()
    """Items (id, name) that an inventory shows and that are neither in scope nor decided upon."""

    def items(self, kind: ScopeKind) -> tuple[ScopedItem, ...]:
        """Items of a kind, sorted by id."""
        return self.by_kind.get(kind, ())

    def holders(self, kind: ScopeKind, system: str, item: ScopedItem) -> tuple[ScopedItem, ...]:
        """The items of a kind whose claims speak of `item`: itself, what it is part of, or all that is part of it.

        Of an item of another system (the organisation, the workforce, a policy) all items of the kind speak, and of
        every item that of which there is one. Empty where nothing of the kind is there.
        """
        found = [one for one in self.items(kind) if kind not in _OF_ONE_SYSTEM or one.system == system]
        if item.system != system or kind not in _OF_ONE_SYSTEM:
            return tuple(one for one in found if one.id == item.id) or tuple(found)
        return (
            tuple(one for one in found if one.id == item.id)
            or tuple(one for one in found if one.id == item.within)
            or tuple(one for one in found if one.within is not None and one.within in (item.id, item.within))
        )

    def item(self, item_id: str) -> ScopedItem | None:
        """The item of that id, whatever its kind."""
        return next((item for items in self.by_kind.values() for item in items if item.id == item_id), None)


def scope_of(history: ProgrammeHistory, inventory: Inventory) -> ScopeRegister:
    """Derive the scope register from the programme in effect and what inventories showed by its `as_of`."""
    return _Derivation(history, inventory).register()


@dataclass
class _Derivation:
    history: ProgrammeHistory
    inventory: Inventory

    @cached_property
    def _rows(self) -> list[dict[str, list[Mapping[str, Any]]]]:
        """Rows of the scope register by item id, version by version."""
        out: list[dict[str, list[Mapping[str, Any]]]] = []
        for version in self.history.versions:
            rows: dict[str, list[Mapping[str, Any]]] = {}
            for row in version.registers.get("scope", ()):
                rows.setdefault(row["item_id"], []).append(row)
            out.append(rows)
        return out

    @cached_property
    def _decided(self) -> tuple[str, ...]:
        return tuple(sorted({item_id for rows in self._rows for item_id in rows}))

    def register(self) -> ScopeRegister:
        history = self.history
        organisations = self._organisations()
        repositories = self._repositories()
        accounts = self._accounts()
        regions = self._regions(accounts)
        google = self._named("google", "google", "google:{}")
        projects = self._projects()
        company = ScopedItem(
            f"org:{history.organisation_slug}", history.current.programme["organisation"], "own", ALWAYS
        )
        domains = (*organisations, *accounts, *google, *projects)
        by_kind: dict[ScopeKind, Iterable[ScopedItem]] = {
            "organisation": (company,),
            "workforce": (ScopedItem("workforce", "workforce", "hr", ALWAYS),),
            "device": (ScopedItem("workforce", "workforce", "hr", ALWAYS),),
            "identity_domain": domains,
            "in_scope_system": domains,
            "github_repo": repositories,
            "repo_or_account": (*repositories, *accounts, *projects),
            "cloud_account": (*accounts, *projects),
            # Organisation and customer have no regions; they stand here for controls that name sources of theirs too.
            "cloud_account_region": (*regions, *projects, *google, *organisations),
            "alert_source": tuple(_alert_source(item) for item in domains),
            # Stores and contracts are rows of a population; what must be proven whole is where they are.
            "data_store": (*accounts, *projects, *google),
            "customer_contract": (company,),
            "product": self._named("product", "own", "product:{}"),
            "service": self._named("service", "own", "service:{}"),
            "policy": self._named("policy", "own", "policy:{}"),
            "vendor": self._vendors(None),
            "subservice_organisation": self._vendors("subservice"),
        }
        return ScopeRegister(
            by_kind={kind: tuple(sorted(items, key=lambda item: item.id)) for kind, items in by_kind.items()},
            decisions=self._decisions(),
            excluded={item_id: spans for item_id in self._decided if (spans := self._left_out(item_id, None))},
            undecided=self._undecided(repositories, accounts, regions, projects, google),
        )

    # --- systems -----------------------------------------------------------------------------------------------------

    def _organisations(self) -> tuple[ScopedItem, ...]:
        items: dict[str, ScopedItem] = {}
        for spec, spans in self._specs("github_org"):
            login = spec[1]
            name = str(self.history.details[spec]["name"])
            ids = self.inventory.organisation_ids(login)
            if not ids:
                note = "no inventory of its repositories has told its id yet; run evidence collect"
                self._add(items, f"github:unresolved:{login}", name, "github", spans, resolved=False, note=note)
            for organisation_id in ids:
                self._add(items, f"github:{organisation_id}", name, "github", spans)
        return tuple(items.values())

    def _repositories(self) -> tuple[ScopedItem, ...]:
        items: dict[str, ScopedItem] = {}
        chosen: list[tuple[Repository, tuple[Span, ...]]] = []
        selected: dict[str, int] = {}
        for spec, spans in self._specs("github_topic"):
            for repository in self.inventory.repositories.values():
                seen = repository.topics.get(spec[2])
                # Seen with the topic while the topic chose: from then on the item stays, whatever its topics become.
                if seen is not None and seen.observed < spans[-1][1]:
                    chosen.append((repository, spans))
                    selected[repository.id] = min(seen.recorded, selected.get(repository.id, seen.recorded))
        for spec, spans in self._specs("github_name"):
            first = self.history.first_named[spec]
            named = [one for one in self.inventory.repositories.values() if spec[1] in one.names]
            if not named:
                name = str(self.history.details[spec]["name"])
                note = "no inventory knows a repository of this name; correct the name or run evidence collect"
                self._add(items, f"github:unresolved:{spec[1]}", name, "github", spans, resolved=False, note=note)
            for repository in named:
                chosen.append((repository, spans))
                selected[repository.id] = min(first, selected.get(repository.id, first))
        for item_id, spans in self._included("github:"):
            bare = item_id.removeprefix("github:")
            if bare in self.inventory.repositories:
                chosen.append((self.inventory.repositories[bare], spans))
            elif bare not in self.inventory.organisations:
                note = "no inventory shows it; the scope register says that it is in scope"
                self._add(items, item_id, item_id, "github", spans, resolved=False, note=note)
        for repository, spans in chosen:
            note = None
            if repository.vanished and repository.deleted is None:
                note = "no longer in the inventory; expected until the scope register says otherwise"
            self._add(
                items, f"github:{repository.id}", repository.name, "github", spans, born=repository.created,
                died=repository.deleted, selected=selected.get(repository.id), note=note,
                within=repository.organisation_id and f"github:{repository.organisation_id}",
            )  # fmt: skip
        return tuple(items.values())

    def _accounts(self) -> tuple[ScopedItem, ...]:
        items: dict[str, ScopedItem] = {}
        named = [(spec[1], spans, self.history.first_named[spec]) for spec, spans in self._specs("aws_account")]
        named += [
            (item_id.removeprefix("aws:"), spans, None)
            for item_id, spans in self._included("aws:")
            if item_id.count(":") == 1
        ]
        for account_id, spans, selected in named:
            known = self.inventory.accounts.get(account_id) or Account(account_id)
            details = self.history.details.get(ScopeSpec(("aws_account", account_id)), {})
            name = str(details.get("name") or known.name or account_id)
            self._add(items, f"aws:{account_id}", name, "aws", spans, born=known.created, selected=selected)
        return tuple(items.values())

    def _regions(self, accounts: Sequence[ScopedItem]) -> tuple[ScopedItem, ...]:
        items: dict[str, ScopedItem] = {}
        for account in accounts:
            for spec, spans in self._specs("aws_region"):
                both = shared(account.spans, spans)
                if both:
                    name = f"{account.name} {spec[1]}"
                    self._add(items, f"{account.id}:{spec[1]}", name, "aws", both, born=account.born, within=account.id)
        return tuple(items.values())

    def _projects(self) -> tuple[ScopedItem, ...]:
        items: dict[str, ScopedItem] = {}
        chosen: list[tuple[Project, tuple[Span, ...], int | None]] = []
        for spec, spans in self._specs("gcp"):
            # The id of a deleted project can be given to another one: all that ever had it belong to the programme.
            known = [one for one in self.inventory.projects.values() if spec[1] in (one.project_id, one.number)]
            if not known:
                note = "no inventory knows a project of this id; correct the id or run evidence collect"
                self._add(items, f"gcp:unresolved:{spec[1]}", spec[1], "gcp", spans, resolved=False, note=note)
            chosen += [(project, spans, self.history.first_named[spec]) for project in known]
        for item_id, spans in self._included("gcp:"):
            project = self.inventory.projects.get(item_id.removeprefix("gcp:"))
            if project is None:
                note = "no inventory shows it; the scope register says that it is in scope"
                self._add(items, item_id, item_id, "gcp", spans, resolved=False, note=note)
            else:
                chosen.append((project, spans, project.first.recorded))
        for project, spans, selected in chosen:
            note = None
            if project.vanished:
                note = "no longer in the inventory; expected until the scope register says otherwise"
            self._add(
                items, f"gcp:{project.number}", project.project_id, "gcp", spans, born=project.created,
                selected=selected, note=note,
            )  # fmt: skip
        return tuple(items.values())

    def _named(self, kind: str, system: System, pattern: str, *, resolved: bool = True) -> tuple[ScopedItem, ...]:
        items: dict[str, ScopedItem] = {}
        for spec, spans in self._specs(kind):
            name = str(self.history.details[spec].get("name", spec[1]))
            self._add(items, pattern.format(spec[1]), name, system, spans, resolved=resolved)
        return tuple(items.values())

    def _vendors(self, kind: str | None) -> tuple[ScopedItem, ...]:
        zone = self.history.timezone
        names: dict[str, str] = {}
        versions: list[tuple[int, dict[str, list[Span]]]] = []
        for version in self.history.versions:
            said: dict[str, list[Span]] = {}
            for row in version.registers.get("vendors", ()):
                if kind is None or row["kind"] == kind:
                    said.setdefault(row["vendor_id"], []).append(_days(row["from"], row["to"], zone))
                    names[row["vendor_id"]] = row["name"]
            versions.append((version.recorded, said))
        items: dict[str, ScopedItem] = {}
        for vendor_id, name in names.items():
            spans = fold((recorded, said.get(vendor_id, ())) for recorded, said in versions).spans
            self._add(items, f"vendor:{slug(vendor_id)}", name, "own", spans)
        return tuple(items.values())

    # --- selection and decisions -------------------------------------------------------------------------------------

    def _specs(self, kind: str) -> list[tuple[ScopeSpec, tuple[Span, ...]]]:
        return [(spec, line.spans) for spec, line in self.history.scope.items() if spec.kind == kind and line.spans]

    def _add(
        self,
        items: dict[str, ScopedItem],
        item_id: str,
        name: str,
        system: System,
        spans: tuple[Span, ...],
        *,
        born: int | None = None,
        died: int | None = None,
        selected: int | None = None,
        resolved: bool = True,
        note: str | None = None,
        within: str | None = None,
    ) -> None:
        lifetime = [(ALWAYS_FROM if born is None else born, ALWAYS_TO if died is None else died)]
        in_scope = outside(shared(spans, lifetime), self._left_out(item_id, selected))
        held = items.get(item_id)
        if held is not None:
            in_scope = tuple(merge([*held.spans, *in_scope]))
        if in_scope:
            items[item_id] = ScopedItem(item_id, name, system, in_scope, born, resolved, note, within)

    def _left_out(self, item_id: str, selected: int | None) -> tuple[Span, ...]:
        """Time that decisions take out. `selected`: when the item was first chosen by the programme."""
        if item_id not in self._decided:
            return ()
        limit = None if selected is None else selected + _decision_days(self.history) * DAY
        versions: list[tuple[int, list[Span]]] = []
        leading: list[tuple[int, list[Span]]] = []
        for version, rows in zip(self.history.versions, self._rows, strict=True):
            mine = rows.get(item_id, ())
            inside = merge(self._span(row) for row in mine if row["decision"] == "in")
            out = [self._span(row) for row in mine if row["decision"] == "out"]
            lead: list[Span] = []
            if inside:
                out += subtract(ALWAYS, inside)
                lead = [(ALWAYS_FROM, inside[0][0])]
            versions.append((version.recorded, out))
            # A start date decided within the time allowed for a scope decision is the item's own start (section 7: an
            # approved decision with a reason moves the date); decided later it would erase what was missed.
            in_time = limit is not None and version.recorded <= limit
            leading.append((ALWAYS_FROM if in_time else version.recorded, lead))
        return tuple(merge([*fold_exclusions(versions), *fold_exclusions(leading)]))

    def _span(self, row: Mapping[str, Any]) -> Span:
        return _days(row["from"], row["to"], self.history.timezone)

    def _included(self, prefix: str) -> list[tuple[str, tuple[Span, ...]]]:
        """Items that a decision puts in scope, whether or not the programme names them."""
        out: list[tuple[str, tuple[Span, ...]]] = []
        for item_id in self._decided:
            if not item_id.startswith(prefix):
                continue
            timeline = fold(
                (version.recorded, ALWAYS if any(row["decision"] == "in" for row in rows.get(item_id, ())) else ())
                for version, rows in zip(self.history.versions, self._rows, strict=True)
            )
            if timeline.spans:
                out.append((item_id, timeline.spans))
        return out

    def _decisions(self) -> tuple[Decision, ...]:
        first: dict[tuple[Any, ...], tuple[Mapping[str, Any], datetime]] = {}
        for version in self.history.versions:
            for row in version.registers.get("scope", ()):
                first.setdefault(_key(row), (row, version.recorded_at))
        current = {_key(row) for row in self.history.current.registers.get("scope", ())}
        return tuple(
            Decision(row["item_id"], row["decision"], row["from"], row["to"], row["reason"], row["decided_by"],
                     recorded_at, key in current)
            for key, (row, recorded_at) in sorted(first.items(), key=lambda pair: repr(pair[0]))
        )  # fmt: skip

    def _undecided(self, *in_scope: Sequence[ScopedItem]) -> tuple[tuple[str, str], ...]:
        known = {item.id for items in in_scope for item in items}
        known |= set(self._rows[-1])
        inventory = self.inventory
        shown = [(f"github:{one.id}", one.name) for one in inventory.repositories.values()]
        shown += [(f"aws:{one.id}", one.name or one.id) for one in inventory.accounts.values()]
        shown += [(f"gcp:{one.number}", one.project_id) for one in inventory.projects.values()]
        # A customer of the programme is there with its domains; those of another one are nobody's decision yet.
        shown += [
            (f"google:{one.customer}:{one.name}", one.name)
            for one in inventory.domains.values()
            if f"google:{one.customer}" not in known
        ]
        return tuple(sorted(pair for pair in shown if pair[0] not in known))


def _alert_source(item: ScopedItem) -> ScopedItem:
    bare = item.id.partition(":")[2]
    return ScopedItem(
        f"alerts:{item.system}:{bare}", item.name, item.system, item.spans, item.born, item.resolved, item.note, item.id
    )


def _days(first: str | None, last: str | None, zone: str) -> Span:
    """Local days, both inclusive, as a span."""
    start = ALWAYS_FROM if first is None else first_instant(date.fromisoformat(first), zone)
    end = None if last is None else end_of_last(date.fromisoformat(last), zone)
    return start, ALWAYS_TO if end is None else end


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("item_id", "decision", "from", "to", "reason", "decided_by"))


def _decision_days(history: ProgrammeHistory) -> int:
    return int(history.current.programme.get("evidence_rules", {}).get("scope_decision_days", 14))


def excluded_json(register: ScopeRegister) -> list[dict[str, Any]]:
    """Time left out by decision, for the report."""
    return [
        {"scope_item_id": item_id, **span_json(span)} for item_id, spans in register.excluded.items() for span in spans
    ]
