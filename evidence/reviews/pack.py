"""The pack: the frozen list of all accounts of one system that a review decides about, one row per account.

It is made from one whole snapshot and opens only where the rows are as many as the source itself counts. Each row has a
digest over everything a reviewer is shown; a decision names the digest of the row it was made about.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from evidence.controls.identity import Who
from evidence.controls.validity import end_of
from evidence.ledger import canonical, digest
from evidence.reviews.accounts import Account, accounts_of, who_of
from evidence.reviews.persons import Persons
from schemas.instants import format_instant

FLAGS = ("leaver", "dormant", "no_owner", "privileged", "unmapped", "shared")
"""`leaver`: whose it is has left; `dormant`: not used for the programme's `dormant_days`; `no_owner`: a machine that
nobody answers for; `unmapped`: a person's account that no register gives to anybody; `shared`: given to several."""
COMPARED = ("kind", "persons", "roles", "teams", "privileged", "second_factor", "active", "owner")
"""What makes a row a changed one against the campaign before. Last use moves by itself and changes nothing."""

_LISTS = ("persons", "roles", "teams", "changes", "flags")

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PackRow:
    """One account as reviewers are shown it. Texts are as the source has them."""

    row_id: str
    account_id: str
    reference: str | None
    kind: str
    login: str | None
    email: str | None
    persons: tuple[str, ...]
    """Ids of the people register, by the identity map at the time of the snapshot."""
    roles: tuple[str, ...]
    teams: tuple[str, ...]
    privileged: bool
    second_factor: str
    active: bool | None
    last_use: str
    last_used_at: str | None
    created_at: str | None
    owner: str | None
    manager: str | None
    """E-mail address of the manager of whoever has it."""
    change: str
    """Against the last campaign: new, changed, same; `first` where there was none."""
    changes: tuple[str, ...]
    """Names of what changed."""
    flags: tuple[str, ...]
    _digest: str | None = field(default=None, init=False, compare=False, repr=False)

    def to_json(self) -> dict[str, Any]:
        """The row as it is stored and digested."""
        out = {name: getattr(self, name) for name in NAMES}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in out.items()}

    @classmethod
    def from_json(cls, data: Row) -> PackRow:
        """The row back from its stored form; other keys are passed over."""
        values: dict[str, Any] = {name: data[name] for name in NAMES}
        values |= {name: tuple(values[name] or ()) for name in _LISTS}
        return cls(**values)

    @property
    def digest(self) -> str:
        """Over everything that a reviewer is shown."""
        if self._digest is None:  # made once: a row is asked for it again and again, and never changes
            object.__setattr__(self, "_digest", digest(canonical(self.to_json())))
        return str(self._digest)

    @property
    def name(self) -> str:
        """For people to read."""
        return self.login or self.email or self.account_id

    @property
    def who(self) -> Who:
        """Whose it is, for the identity map."""
        return who_of(
            self.row_id.partition(":")[0], self.kind, self.reference or self.account_id, self.login, self.email
        )


NAMES = tuple(name for name in PackRow.__slots__ if not name.startswith("_"))
"""What is stored of a row, in order."""


class PackRefused(ValueError):
    """Why a list of accounts is no pack."""


def make_rows(
    system: str,
    snapshot: Sequence[Row],
    *,
    observed_at: datetime,
    counted: int | None,
    registers: Mapping[str, Sequence[Row]],
    zone: str,
    dormant_days: int,
    previous: Iterable[PackRow] | None,
    machines: Iterable[str] = (),
) -> list[PackRow]:
    """The rows of a pack. PackRefused where the snapshot is not shown to be whole.

    `counted` is what the source itself counts; `previous` are the rows of the campaign signed before, None where there
    was none. `machines` are logins of accounts that are nobody's although the source lists them as people's.
    """
    if counted is None:
        raise PackRefused("the source gave no count of its own to hold the list against")
    if counted != len(snapshot):
        raise PackRefused(f"the list has {len(snapshot)} rows and the source counts {counted}")
    accounts = accounts_of(system, snapshot)
    if len({account.id for account in accounts}) != len(accounts):
        raise PackRefused("two rows of the list have the same id")
    machines = frozenset(name.casefold() for name in machines)
    reader = _Reader(observed_at, registers, zone, timedelta(days=dormant_days), machines)
    before = None if previous is None else {row.row_id: row for row in previous}
    return [reader.row(account, before) for account in accounts]


def removed_rows(rows: Iterable[PackRow], previous: Iterable[PackRow] | None) -> list[PackRow]:
    """Rows of the campaign before that are there no longer."""
    now = {row.row_id for row in rows}
    return [row for row in previous or () if row.row_id not in now]


def rows_digest(rows: Iterable[PackRow]) -> str:
    """One digest for all rows in their order, whatever file they are kept in."""
    return digest(canonical([row.digest for row in rows]))


class _Reader:
    def __init__(
        self,
        observed_at: datetime,
        registers: Mapping[str, Sequence[Row]],
        zone: str,
        dormant: timedelta,
        machines: frozenset[str],
    ) -> None:
        self._at = observed_at
        self._zone = zone
        self._dormant = dormant
        self._machines = machines
        self._persons = Persons(registers, zone)

    def row(self, account: Account, before: Mapping[str, PackRow] | None) -> PackRow:
        persons = sorted(self._persons.of(account.who, self._at))
        kind = account.kind
        if kind == "service" and persons and account.system == "aws":
            kind = "person"
        elif kind in ("person", "external") and (account.login or account.email or "").casefold() in self._machines:
            kind = "service"
        made = PackRow(
            row_id=account.row_id,
            account_id=account.id,
            reference=account.reference,
            kind=kind,
            login=account.login,
            email=account.email,
            persons=tuple(persons),
            roles=account.roles,
            teams=account.teams,
            privileged=account.privileged,
            second_factor=account.second_factor,
            active=account.active,
            last_use=account.last_use,
            last_used_at=_text(account.last_used_at),
            created_at=_text(account.created_at),
            owner=account.owner,
            manager=account.manager or self._persons.first_manager(persons),
            change="first",
            changes=(),
            flags=tuple(self._flags(account, kind, persons)),
        )
        return made if before is None else _compared(made, before.get(made.row_id))

    def _flags(self, account: Account, kind: str, persons: Sequence[str]) -> list[str]:
        found: list[str] = []
        can_get_in = account.active is not False
        if can_get_in and persons and all(self._has_left(one) for one in persons):
            found.append("leaver")
        if can_get_in and kind in ("person", "external", "service") and self._is_dormant(account):
            found.append("dormant")
        if kind == "service" and not account.managed and not persons and not account.owner:
            found.append("no_owner")
        if account.privileged:
            found.append("privileged")
        if kind in ("person", "external", "invitation") and not persons:
            found.append("unmapped")
        if len({one for key in account.who.keys for one in self._persons.claimed(key, self._at)}) > 1:
            found.append("shared")
        return found

    def _has_left(self, person_id: str) -> bool:
        row = self._persons.rows.get(person_id)
        end = None if row is None else end_of(row.get("last_day"), self._zone)
        return end is not None and end <= self._at

    def _is_dormant(self, account: Account) -> bool:
        since = account.last_used_at if account.last_use == "known" else account.created_at
        if account.last_use == "unknown":
            return False
        return since is None or since < self._at - self._dormant


def _compared(row: PackRow, before: PackRow | None) -> PackRow:
    if before is None:
        return replace(row, change="new")
    changes = tuple(name for name in COMPARED if getattr(row, name) != getattr(before, name))
    return replace(row, change="changed" if changes else "same", changes=changes)


def _text(at: datetime | None) -> str | None:
    return None if at is None else format_instant(at)
