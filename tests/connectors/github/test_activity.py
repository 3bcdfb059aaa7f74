"""The activity ledger: paging back, the chain of movements, rows that are missing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from connectors.github.activity import GAP, NOTHING, Ledger, read
from connectors.github.calls import Answer, Call, Rest
from connectors.github.repository import Repository, Tip
from connectors.github.streams import Driver
from schemas.errors import IncompletePopulation, SchemaDrift
from schemas.github import COMMITS
from schemas.instants import format_instant
from tests.fakes.local_github import END, START
from tests.fakes.memory_sink import MemorySink
from tests.fakes.scripted_github import SERVED_AT, ScriptedTransport, answer

HOUR = timedelta(hours=1)


def row(
    number: int, at: datetime, *, before: int | None = None, after: int | None = None, kind: str = "push", **other: Any
) -> dict[str, Any]:
    """Movement `number` from commit number-1 to commit number."""
    return {
        "id": number, "node_id": f"PSH_{number}", "ref": "refs/heads/main", "timestamp": format_instant(at),
        "before": sha(number - 1 if before is None else before), "after": sha(number if after is None else after),
        "activity_type": kind, "actor": {"login": "alice", "node_id": "U_1", "type": "User"}, **other,
    }  # fmt: skip


def sha(number: int) -> str:
    return f"{number:040x}"


def rows(count: int, *, first: datetime = START - 2 * HOUR) -> list[dict[str, Any]]:
    """Movements an hour apart, newest first; the oldest creates the branch."""
    made = [row(1, first, before=0, kind="branch_creation")]
    made += [row(number, first + (number - 1) * HOUR) for number in range(2, count + 1)]
    return made[::-1]


def repository(tip: str | None) -> Repository:
    tips: dict[str, Tip | None] = {"main": None if tip is None else Tip("main", tip, None, {})}
    return Repository("R_1", 1, "acme/api", "private", START, tip is None, tips["main"], tips, SERVED_AT)


def paged(pages: list[list[dict[str, Any]]]) -> Callable[[Call], Answer]:
    """Serves pages; the address of page n ends in n."""

    def reply(call: Call) -> Answer:
        assert isinstance(call, Rest)
        number = 0 if "ref" in call.parameters else int(call.path.rpartition("=")[2])
        more = number + 1 < len(pages)
        return answer(
            pages[number], link=f"https://api.github.com/repositories/1/activity?after={number + 1}" if more else None
        )

    return reply


def ledger_of(
    reply: Callable[[Call], Answer], tip: str | None, start: datetime = START, end: datetime = END
) -> tuple[Ledger, ScriptedTransport]:
    transport = ScriptedTransport(reply)
    ledger = Ledger(repository(tip), "main", start, end)
    Driver(transport, MemorySink()).run(read(ledger, COMMITS))
    return ledger, transport


def test_reads_back_to_the_first_row_before_the_interval_and_no_further() -> None:
    pages = [rows(30)[:10], rows(30)[10:20], rows(30)[20:]]
    ledger, transport = ledger_of(paged(pages), sha(30), start=START + 12 * HOUR, end=START + 15 * HOUR)
    assert [move.after for move in ledger.moves] == [sha(number) for number in (17, 16, 15)]
    assert ledger.older is not None
    assert ledger.older.after == sha(14)
    assert len(transport.asked) == 2
    assert ledger.reaches_back
    assert not ledger.lagging


def test_the_creation_of_the_branch_is_the_end_of_the_ledger() -> None:
    ledger, _ = ledger_of(paged([rows(3, first=START + HOUR)]), sha(3))
    assert ledger.begins
    assert ledger.reaches_back
    assert ledger.moves[-1].before == NOTHING


def test_a_ledger_that_forgot_its_beginning_does_not_reach_back() -> None:
    ledger, _ = ledger_of(paged([rows(9, first=START + HOUR)[:5]]), sha(9))
    assert not ledger.reaches_back
    assert not ledger.quiet
    assert ledger.known_from == START + 5 * HOUR


def test_a_tip_that_the_ledger_does_not_know_yet() -> None:
    ledger, transport = ledger_of(paged([rows(4)]), sha(99))
    assert ledger.lagging
    assert len(transport.asked) == 2, "a second look before saying so"


def test_a_tip_that_came_in_at_the_second_look() -> None:
    answers = iter([rows(4)[1:], rows(4)])
    ledger, _ = ledger_of(lambda _call: answer(next(answers)), sha(4))
    assert not ledger.lagging
    assert next(move.after for move in ledger.moves) == sha(4)


@pytest.mark.parametrize("missing", range(1, 7))
def test_a_row_lost_from_a_page_comes_with_the_second_reading(missing: int) -> None:
    whole = rows(8)
    pages = [whole[:4], whole[4:]]
    served: set[int] = set()

    def reply(call: Call) -> Answer:
        good = paged(pages)(call)
        page = next(index for index, rows_of_page in enumerate(pages) if rows_of_page is good.data)
        first_time = page not in served
        served.add(page)
        kept = [one for index, one in enumerate(good.data) if not (first_time and one is whole[missing])]
        return answer(kept, headers=good.headers)

    ledger, _ = ledger_of(reply, sha(8))
    assert [move.after for move in ledger.moves] == [sha(number) for number in range(8, 2, -1)]
    assert not any(move.kind == GAP for move in ledger.moves)


def test_a_row_lost_for_good_leaves_a_gap() -> None:
    whole = rows(8)
    kept = [one for one in whole if one["id"] != 5]
    ledger, _ = ledger_of(paged([kept]), sha(8))
    gaps = [move for move in ledger.moves if move.kind == GAP]
    assert [(move.before, move.after) for move in gaps] == [(sha(4), sha(5))]


def test_a_gap_at_the_edge_of_the_interval_counts() -> None:
    whole = rows(8)
    kept = [one for one in whole if one["id"] != 3]
    ledger, _ = ledger_of(paged([kept]), sha(8), start=START, end=START + 5 * HOUR)
    assert [move.kind for move in ledger.moves][-1] == GAP


def test_a_gap_outside_the_interval_does_not() -> None:
    whole = rows(8)
    kept = [one for one in whole if one["id"] != 8 and one["id"] != 7]
    ledger, _ = ledger_of(paged([[whole[0], *kept]]), sha(8), end=START + HOUR)
    assert GAP not in [move.kind for move in ledger.moves]


def test_an_empty_page_that_claims_more_is_an_error() -> None:
    link = "https://api.github.com/repositories/1/activity?after=1"
    with pytest.raises(IncompletePopulation, match="gives nothing more"):
        ledger_of(lambda call: answer(rows(4)[:1] if "ref" in call.parameters else [], link=link), sha(4))  # type: ignore[union-attr]


def test_the_same_page_for_ever_is_an_error() -> None:
    link = "https://api.github.com/repositories/1/activity?after=1"
    with pytest.raises(IncompletePopulation):
        ledger_of(lambda _call: answer(rows(9)[:5], link=link), sha(9))


def test_rows_of_another_branch_are_an_error() -> None:
    """What an answer looks like whose question lost its query on the way."""
    with pytest.raises(IncompletePopulation, match="refs/heads/other"):
        ledger_of(lambda _call: answer([row(1, START, ref="refs/heads/other")]), sha(1))


@pytest.mark.parametrize("name", ["before", "after", "timestamp", "activity_type", "ref"])
def test_a_row_without_a_field_it_must_have_is_schema_drift(name: str) -> None:
    broken = {key: value for key, value in row(1, START).items() if key != name}
    with pytest.raises(SchemaDrift, match=name):
        ledger_of(lambda _call: answer([broken]), sha(1))


def test_an_unknown_kind_of_movement_is_kept_and_judged_as_no_merge() -> None:
    ledger, _ = ledger_of(paged([[row(2, START + HOUR, kind="teleport"), *rows(1)]]), sha(2))
    assert ledger.moves[0].kind == "teleport"
    assert not ledger.moves[0].forward


def test_a_branch_that_is_gone_and_has_no_ledger() -> None:
    ledger, _ = ledger_of(lambda _call: answer([]), None)
    assert not ledger.lagging
    assert not ledger.reaches_back
    assert ledger.rows == 0
