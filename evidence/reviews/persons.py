"""Which people of the register an account belongs to.

Unlike the identity map, which joins everybody who shares an account into one person, this tells them apart: a shared
account is both people's own, and makes neither of them the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from evidence.controls.identity import Who
from evidence.controls.validity import interval

Row = Mapping[str, Any]
_Claim = tuple[str, datetime | None, datetime | None]


class Persons:
    """The registers `people` and `identities`. Days in them are local to `zone`."""

    def __init__(self, registers: Mapping[str, Sequence[Row]], zone: str) -> None:
        self.rows: dict[str, Row] = {str(row["person_id"]): row for row in registers.get("people") or ()}
        self._claims: dict[str, list[_Claim]] = {}
        self._by_address: dict[str, set[str]] = {}
        for person_id, row in self.rows.items():
            for address in (row.get("email"), *(row.get("aliases") or ())):
                if address:
                    self._by_address.setdefault(str(address).casefold(), set()).add(person_id)
        for row in registers.get("identities") or ():
            start, end = interval(row, zone)
            account = str(row["account_id"])
            email = account if "@" in account else None
            for key in {f"{row['system']}:{account}", *Who(str(row["system"]), None, account, email).keys}:
                self._claims.setdefault(key, []).append((str(row["person_id"]), start, end))

    def of(self, who: Who, at: datetime) -> set[str]:
        """Ids of the people whose account it is at an instant; of an account that nobody claims then, of all who ever
        did."""
        found = {one for key in who.keys for one in self.claimed(key, at)}
        return found | (self.of_address(who.email) if who.email else set())

    def claimed(self, key: str, at: datetime) -> set[str]:
        """Ids by the register of identities alone, of one key of an account."""
        claims = self._claims.get(key, ())
        valid = {one for one, start, end in claims if (start is None or start <= at) and (end is None or at < end)}
        return valid or {one for one, _, _ in claims}

    def of_address(self, address: str) -> set[str]:
        """Ids of the people whose address it is."""
        return self._by_address.get(address.casefold(), set())

    def same(self, one: str, other: str) -> bool:
        """Whether two addresses are one person's."""
        return one.casefold() == other.casefold() or not self.of_address(one).isdisjoint(self.of_address(other))

    def first_manager(self, persons: Iterable[str]) -> str | None:
        """The address of the manager of the first of these who has one."""
        for person_id in persons:
            manager = self.rows.get(str(self.rows.get(person_id, {}).get("manager") or ""))
            if manager is not None:
                return str(manager["email"])
        return None
