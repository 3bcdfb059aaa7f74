"""Reads the tables of a case document strictly: every key is known, every value has its type, or it is refused.

A document comes from YAML or JSON, so an instant may arrive as text, as a datetime, or as a date.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TypeVar, cast

from evidence.completeness.windows import is_window_id

T = TypeVar("T")


class CaseError(ValueError):
    """A case document is wrong. The text names the case and the key and says what would be right."""

    def __init__(self, case_id: str, key: str, problem: str) -> None:
        super().__init__(f"case {case_id}: {key}: {problem}")
        self.case_id = case_id
        self.key = key


class Table:
    """One mapping of a case document. Keys are taken out one by one; `close` refuses what is left."""

    def __init__(self, case_id: str, path: str, value: object) -> None:
        self.case_id = case_id
        self.path = path
        if value is None:
            value = {}
        if not isinstance(value, Mapping):
            raise CaseError(case_id, path or "(case)", f"must be a mapping, not {_named(value)}")
        self._values: dict[str, object] = {
            str(key): entry for key, entry in cast("Mapping[object, object]", value).items()
        }

    def __contains__(self, key: str) -> bool:
        return self._values.get(key) is not None

    def names(self) -> list[str]:
        """The keys not taken yet."""
        return list(self._values)

    def key(self, name: str) -> str:
        """The full path of a key, for messages."""
        return f"{self.path}.{name}" if self.path else name

    def error(self, name: str, problem: str) -> CaseError:
        return CaseError(self.case_id, self.key(name), problem)

    def close(self) -> None:
        """Refuse every key that was not taken."""
        for name in self._values:
            raise self.error(name, "unknown key; remove it or correct its spelling")

    def drop(self, *names: str) -> None:
        """Take keys that carry no meaning for the evaluation."""
        for name in names:
            self._values.pop(name, None)

    def raw(self, name: str) -> object:
        """The value as it is; None when absent."""
        return self._values.pop(name, None)

    def optional(self, name: str, read: Callable[[object], T], default: T) -> T:
        """`read` of the value, or `default` when the key is absent or null."""
        value = self._values.pop(name, None)
        return default if value is None else self._read(name, read, value)

    def required(self, name: str, read: Callable[[object], T]) -> T:
        """`read` of the value, which must be there."""
        value = self._values.pop(name, None)
        if value is None:
            raise self.error(name, "is missing")
        return self._read(name, read, value)

    def tables(self, name: str) -> Iterator[Table]:
        """The list of mappings under `name`; an absent key is an empty list."""
        for index, entry in enumerate(self.optional(name, sequence, ())):
            yield Table(self.case_id, f"{self.key(name)}[{index}]", entry)

    def _read(self, name: str, read: Callable[[object], T], value: object) -> T:
        try:
            return read(value)
        except CaseError:
            raise
        except ValueError as error:
            raise self.error(name, str(error)) from error


def text(value: object) -> str:
    if not isinstance(value, str):
        raise wrong("text", value)
    return value


def boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise wrong("true or false", value)
    return value


def number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        raise wrong("a number", value)
    return float(value)


def count(value: object) -> int:
    whole = integer(value)
    if whole < 0:
        raise ValueError(f"is {whole}; it can't be negative")
    return whole


def integer(value: object) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong("a whole number", value)
    return value


def sequence(value: object) -> Sequence[object]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise wrong("a list", value)
    return cast("Sequence[object]", value)


def texts(value: object) -> tuple[str, ...]:
    """One text or a list of them."""
    return (value,) if isinstance(value, str) else tuple(text(entry) for entry in sequence(value))


def window_id(value: object) -> str:
    name = text(value)
    if not is_window_id(name):
        raise ValueError(f"{name!r} is not a window id; write it like 2026-04, 2026-Q2 or period")
    return name


def instant(value: object) -> datetime:
    """An instant; without an offset, or as a bare date, it is UTC as the case format says of all instants."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{value!r} is not an instant; write it like 2026-04-01T00:00:00Z") from None
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    raise wrong("an instant like 2026-04-01T00:00:00Z", value)


def local_date(value: object) -> date:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{value!r} is not a date; write it like 2026-04-01") from None
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise wrong("a local date like 2026-04-01", value)


def one_of(allowed: Sequence[T]) -> Callable[[object], T]:
    """A reader that accepts exactly the `allowed` texts."""

    def read(value: object) -> T:
        for choice in allowed:
            if value == choice:
                return choice
        raise ValueError(f"{value!r} is not one of {', '.join(map(str, allowed))}")

    return read


def wrong(what: str, value: object) -> ValueError:
    return ValueError(f"must be {what}, not {_named(value)}")


def _named(value: object) -> str:
    return f"{value!r} ({type(value).__name__})"
