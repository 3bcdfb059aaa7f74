"""CC2-SYS-01: what belongs to the system is decided, not discovered by accident.

The population is everything that an inventory snapshot of the window shows: repositories, AWS accounts and their
enabled regions, Google Cloud projects, Google domains:

- SCOPE_UNDECIDED  neither the programme nor the scope register says whether it is in or out, and the days allowed for
                   that (`scope_decision_days`) are over
- SCOPE_LATE       decided, but only after those days
- ITEM_VANISHED    shown earlier, no longer shown, and no decision closes it (a row of its own,
                   `<item>@<first snapshot without it>`)

Decisions where the rule leaves room:

- The clock starts with the item's creation at the source, or with the observation period for what is older: a register
  can't be late for what was there before it. An item whose creation the source does not tell counts from the first
  snapshot of the window that shows it.
- The programme is a signed decision: an account or repository it names, and a repository carrying the topic it chooses
  by, is decided. A later version that names an item late is seen in the history of the programme, not here.
- A row is decided on its `from` day where the ledger held it within 72 hours of that, else when the ledger first held
  it; the rows of the first recorded version count from their day. A row needs a reason and who decided.
- Forks, archived repositories, suspended accounts and projects about to be deleted need a decision like everything
  else; the explanation says what they are.
- A row whose item id holds `*` decides on all items it matches that nothing names by id: sandbox projects made by
  automation, regions that a policy denies in every account (`aws:*:ap-*`). A region that the programme names is in
  scope in every account of the programme. A region counts from the first snapshot that shows it enabled.
- That items in scope have cells from their creation on is for the completeness engine, which derives them from the
  same register.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from evidence.controls.held import has_closed, window_unknown
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.registers import decided_at
from evidence.controls.validity import start_of
from evidence.controls.verdict import Verdict
from schemas.aws import ACCOUNTS
from schemas.dataset import Dataset
from schemas.gcp import PROJECTS
from schemas.github import REPOSITORIES
from schemas.google import DOMAINS
from schemas.instants import format_instant
from schemas.outcome import Outcome

LINE = "inventory"
SCOPE_UNDECIDED = "SCOPE_UNDECIDED"
SCOPE_LATE = "SCOPE_LATE"
ITEM_VANISHED = "ITEM_VANISHED"
CODES = (SCOPE_UNDECIDED, SCOPE_LATE, ITEM_VANISHED)

Row = Mapping[str, Any]


def scope_is_decided(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """One row per discovered item, and one per item that vanished."""
    decisions = _Decisions(window)
    outcomes: list[Outcome] = []
    for name, dataset in _inventories(window):
        found = _discovered(window, evidence, dataset)
        if not found.snapshots:
            if has_closed(window):
                outcomes.append(window_unknown(window, LINE, f"no inventory of {name} is held.", about=name))
            continue
        for item in found.items.values():
            if item.shown_in_window:
                outcomes.append(_decided(window, item, decisions))
            if item.missing_since is not None:
                outcomes.append(_vanished(window, item, decisions))
    outcomes.sort(key=lambda outcome: outcome.item_id)
    return outcomes


def _inventories(window: TestWindow) -> Iterator[tuple[str, Dataset]]:
    scope = window.programme.scope
    if scope.github is not None:
        yield "repositories", REPOSITORIES
    if scope.aws is not None:
        yield "AWS accounts", ACCOUNTS
    if scope.gcp is not None:
        yield "Google Cloud projects", PROJECTS
    if scope.google is not None:
        yield "Google domains", DOMAINS


@dataclass(slots=True)
class _Item:
    """One thing that inventories show."""

    id: str
    name: str
    created_at: datetime | None
    first_seen: datetime
    first_digest: str
    last_digest: str
    kind: str
    row: Row
    shown_in_window: bool
    missing_since: datetime | None = None
    missing_digest: str | None = None


@dataclass(slots=True)
class _Found:
    snapshots: int = 0
    items: dict[str, _Item] = field(default_factory=dict[str, _Item])


def _discovered(window: TestWindow, evidence: StoredEvidence, dataset: Dataset) -> _Found:
    found = _Found()
    just_before = window.start - timedelta(microseconds=1)
    before = evidence.snapshot_before(dataset, window.scope_item_id, just_before)
    if before is not None:
        _add(found, dataset, *before, in_window=False)
    for observed_at, rows, digest in evidence.snapshots(dataset, window.scope_item_id, window.start, window.end):
        found.snapshots += 1
        _add(found, dataset, observed_at, rows, digest, in_window=True)
    return found


def _add(
    found: _Found, dataset: Dataset, observed_at: datetime, rows: list[Row], digest: str, *, in_window: bool
) -> None:
    shown: set[str] = set()
    read = [_read(dataset, row, observed_at, digest, in_window) for row in rows]
    # A region of an account that could not be read is not known to be gone.
    blind = [f"{item.id}:" for item in read if dataset is ACCOUNTS and item.row["regions_enabled"] is None]
    for item in (one for account in read for one in (account, *_regions(dataset, account))):
        known = found.items.get(item.id)
        if known is not None:
            item.created_at = item.created_at or known.created_at
            if known.shown_in_window:
                item.first_seen, item.first_digest = known.first_seen, known.first_digest
        found.items[item.id] = item
        shown.add(item.id)
    for item in found.items.values():
        unseen = any(item.id.startswith(prefix) for prefix in blind)
        if item.id not in shown and item.missing_since is None and not unseen:
            item.missing_since, item.missing_digest = observed_at, digest


def _read(dataset: Dataset, row: Row, observed_at: datetime, digest: str, in_window: bool) -> _Item:
    if dataset is REPOSITORIES:
        marks = [word for word, true in (("archived", row["archived"]), ("fork", row["fork"])) if true]
        item_id, name = f"github:{row['repo_id']}", row["repo_name"]
        kind = " ".join([*marks, "repository"])
    elif dataset is PROJECTS:
        item_id, name = f"gcp:{row['project_number']}", row["project_id"]
        ending = row["state"] != "ACTIVE"
        kind = f"Google Cloud project ({row['state'].lower()})" if ending else "Google Cloud project"
    elif dataset is DOMAINS:
        item_id, name = f"google:{row['customer_id']}:{row['domain_name']}", row["domain_name"]
        kind = "Google domain" if row["kind"] == "domain" else "Google domain alias"
    else:
        item_id, name = f"aws:{row['account_id']}", row["name"] or row["account_id"]
        suspended = (row["status"] or "").casefold() not in ("active", "")
        kind = f"AWS account ({row['status'].lower()})" if suspended else "AWS account"
    return _Item(item_id, name, row["created_at"], observed_at, digest, digest, kind, row, in_window)


def _regions(dataset: Dataset, account: _Item) -> Iterator[_Item]:
    """The enabled regions of an account, each an item of its own."""
    if dataset is ACCOUNTS:
        for region in account.row["regions_enabled"] or ():
            yield replace(
                account, id=f"{account.id}:{region}", name=f"{account.name} {region}", kind="enabled AWS region",
                created_at=None,
            )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Decision:
    """Who decided what, and when it counts as decided; None where it was always so."""

    words: str
    at: datetime | None


class _Decisions:
    """What the programme and the scope register say of items."""

    def __init__(self, window: TestWindow) -> None:
        self._zone = window.programme.timezone
        self._scope = window.programme.scope
        self._by_item: dict[str, list[Row]] = {}
        for row in window.registers.get("scope", ()):
            if row.get("reason") and row.get("decided_by"):
                self._by_item.setdefault(str(row["item_id"]), []).append(row)
        self._patterns = [item_id for item_id in self._by_item if "*" in item_id]
        start: date = window.programme.observation_period.start
        first = start_of(start, self._zone)
        assert first is not None
        self.period_start = first
        self.allowed = timedelta(days=window.programme.evidence_rules.scope_decision_days)

    def of(self, item: _Item) -> _Decision | None:
        """The first decision on an item, None where nobody decided."""
        if self._named(item):
            return _Decision("in scope by the programme", None)
        decided = [self._read(row) for row in self._rows(item)]
        return min(decided, key=lambda one: (one.at is not None, one.at or self.period_start), default=None)

    def closes(self, item: _Item) -> Row | None:
        """A decision that puts the item out of scope or ends it."""
        rows = self._rows(item)
        return next((row for row in rows if row["decision"] == "out" or row.get("to")), None)

    def _rows(self, item: _Item) -> list[Row]:
        """Rows that name the item, or else those whose pattern it matches."""
        named = self._by_item.get(item.id)
        if named is not None:
            return named
        return [row for name in self._patterns if _matches(item.id, name) for row in self._by_item[name]]

    def _read(self, row: Row) -> _Decision:
        words = f"{row['decision']}, decided by {row['decided_by']} ({row['reason']})"
        return _Decision(words, decided_at(row, self._zone))

    def _named(self, item: _Item) -> bool:
        system, _, bare = item.id.partition(":")
        if system == "aws":
            account_id, _, region = bare.partition(":")
            aws = self._scope.aws
            ours = aws is not None and any(account.id == account_id for account in aws.accounts)
            return ours and (not region or (aws is not None and region in aws.regions))
        if system == "gcp":
            gcp = self._scope.gcp
            return gcp is not None and bool({bare, str(item.row["project_id"])} & set(gcp.projects))
        if system == "google":
            google = self._scope.google
            return google is not None and item.row["domain_name"].casefold() == google.domain.casefold()
        if self._scope.github is None:
            return False
        chosen = self._scope.github.repositories
        if chosen.topic is not None:
            return chosen.topic in (item.row["topics"] or ())
        full = item.name.casefold()
        return any(name.casefold() in (full, full.rpartition("/")[2]) for name in chosen.names or ())


def _matches(item_id: str, pattern: str) -> bool:
    """Whether an id has a pattern's shape. `*` stands for a part of the id: it never reaches over a colon."""
    parts, shape = item_id.split(":"), pattern.split(":")
    return len(parts) == len(shape) and all(
        fnmatchcase(part, wanted.replace("[", "[[]").replace("?", "[?]"))
        for part, wanted in zip(parts, shape, strict=True)
    )


def _decided(window: TestWindow, item: _Item, decisions: _Decisions) -> Outcome:
    verdict = Verdict()
    verdict.used(item.first_digest, item.last_digest)
    born = item.created_at or item.first_seen
    deadline = max(born, decisions.period_start) + decisions.allowed
    decision = decisions.of(item)
    subject = f"{item.name} ({item.kind}, {_since(item)})"
    days = decisions.allowed.days
    pending = False
    if decision is None and window.as_of < deadline:
        pending = True
        verdict.holds(f"no scope decision yet; due by {format_instant(deadline)}")
    elif decision is None:
        verdict.fails(SCOPE_UNDECIDED, f"nobody decided within {days} days whether it is in scope")
    elif decision.at is not None and decision.at > deadline:
        late = f"{decision.words}, but only on {decision.at:%Y-%m-%d}, after {format_instant(deadline)}"
        verdict.fails(SCOPE_LATE, late)
    else:
        verdict.holds(decision.words)
    return window.outcome(
        evidence_id=LINE,
        item_id=item.id,
        event_time=born if window.start <= born < window.end else item.first_seen,
        outcome="pending" if pending else verdict.outcome,
        codes=tuple(verdict.codes),
        explanation=verdict.explain(subject),
        evidence=verdict.evidence,
        resolves_at=deadline if pending else None,
    )


def _since(item: _Item) -> str:
    if item.created_at is not None:
        return f"created {item.created_at:%Y-%m-%d}"
    return f"first seen {item.first_seen:%Y-%m-%d}, creation not told"


def _vanished(window: TestWindow, item: _Item, decisions: _Decisions) -> Outcome:
    assert item.missing_since is not None
    verdict = Verdict()
    verdict.used(item.last_digest, *(() if item.missing_digest is None else (item.missing_digest,)))
    closed = decisions.closes(item)
    if closed is None:
        verdict.fails(ITEM_VANISHED, "no longer in the inventory, and no decision closes it")
    else:
        verdict.holds(f"no longer in the inventory; closed by {closed['decided_by']} ({closed['reason']})")
    return window.outcome(
        evidence_id=LINE,
        item_id=f"{item.id}@{format_instant(item.missing_since)}",
        event_time=item.missing_since,
        outcome=verdict.outcome,
        codes=tuple(verdict.codes),
        explanation=verdict.explain(f"{item.name} ({item.kind})"),
        evidence=verdict.evidence,
    )
