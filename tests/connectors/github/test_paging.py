"""Lists to their end: sizes that adapt, pages that contradict themselves, totals that are not reached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connectors.github.calls import Answer, Call, Graph, Json, Part, Rest, Stream, TooHeavy
from connectors.github.paging import (
    FLOOR,
    Nested,
    PageSize,
    Sizes,
    Tally,
    complete,
    items_of,
    next_link,
    rest_list,
    rest_twice,
    walk,
)
from connectors.github.streams import Driver
from schemas.errors import IncompletePopulation, PermissionDenied, RetriableError, SchemaDrift
from schemas.github import COMMITS
from tests.fakes.memory_sink import MemorySink
from tests.fakes.scripted_github import ScriptedTransport, answer


def run(reply: Callable[[Call], Answer], make: Callable[[], Stream[Any]]) -> tuple[Any, ScriptedTransport]:
    transport = ScriptedTransport(reply)
    results: list[Any] = []

    def outer() -> Stream[None]:
        results.append((yield from make()))

    Driver(transport, MemorySink()).ask(outer())
    return results[0], transport


def node(number: int) -> Json:
    return {"id": f"N{number}"}


def ask(first: int, after: str | None) -> Graph:
    return Graph("Items", (Part("", "items", {"first": first, "after": after}),), COMMITS)


def connection(numbers: list[int], total: int, *, more: bool = False, cursor: str | None = None) -> Json:
    end = cursor or (f"c{numbers[-1]}" if numbers else None)
    return {
        "items": {
            "totalCount": total,
            "pageInfo": {"hasNextPage": more, "endCursor": end},
            "nodes": [node(one) for one in numbers],
        }
    }


def list_of(count: int, *, spoil: Callable[[int, Json], Json] = lambda _n, data: data) -> Callable[[Call], Answer]:
    """A server of `count` items; `spoil(n, data)` may change the n-th answer."""
    served = [0]

    def reply(call: Call) -> Answer:
        assert isinstance(call, Graph)
        variables = call.variables()
        start = 0 if variables["after"] is None else int(variables["after"][1:]) + 1
        numbers = list(range(start, min(start + variables["first"], count)))
        served[0] += 1
        return answer(spoil(served[0], connection(numbers, count, more=numbers[-1] < count - 1 if numbers else False)))

    return reply


def reading(
    found: list[Json], size: PageSize, *, enough: Callable[[list[Json]], bool] = lambda _f: False
) -> Stream[Tally]:
    def take(fresh: list[Json]) -> bool:
        found.extend(fresh)
        return enough(fresh)

    return walk("items", ask, lambda data: data["items"], size, take)


def test_a_connection_is_read_to_its_end() -> None:
    found: list[Json] = []
    tally, transport = run(list_of(23), lambda: reading(found, PageSize(10)))
    assert [one["id"] for one in found] == [f"N{number}" for number in range(23)]
    assert (tally.seen, tally.total, tally.exhausted, len(transport.asked)) == (23, 23, True, 3)


def test_reading_stops_where_enough_is_known() -> None:
    found: list[Json] = []
    tally, transport = run(list_of(230), lambda: reading(found, PageSize(10), enough=lambda _f: len(found) >= 20))
    assert len(transport.asked) == 2
    assert not tally.exhausted


def test_a_short_page_loses_nothing_where_the_cursor_goes_on() -> None:
    def short(number: int, data: Json) -> Json:
        return connection([0, 1, 2], 23, more=True) if number == 1 else data

    found: list[Json] = []
    run(list_of(23, spoil=short), lambda: reading(found, PageSize(10)))
    assert len(found) == 23


def test_a_total_that_is_not_reached_is_read_again() -> None:
    def lying(number: int, data: Json) -> Json:
        return connection([0, 1, 2], 23) if number == 1 else data

    found: list[Json] = []
    tally, _ = run(list_of(23, spoil=lying), lambda: reading(found, PageSize(10)))
    assert sorted(one["id"] for one in found) == sorted(f"N{number}" for number in range(23))
    assert tally.reread


def test_a_total_that_is_never_reached_is_an_error() -> None:
    with pytest.raises(IncompletePopulation, match="3 of 23"):
        run(lambda _call: answer(connection([0, 1, 2], 23)), lambda: reading([], PageSize(10)))


@pytest.mark.parametrize(
    "bad",
    [
        connection([], 23, more=True, cursor="c9"),
        connection([10, 11], 23, more=True, cursor="c9"),
        {"items": {"totalCount": 23, "pageInfo": {"hasNextPage": True, "endCursor": None}, "nodes": [node(1)]}},
    ],
    ids=["nothing more", "same cursor", "no cursor"],
)
def test_a_page_that_leads_nowhere_is_asked_again_and_then_an_error(bad: Json) -> None:
    found: list[Json] = []
    run(list_of(23, spoil=lambda number, data: bad if number == 2 else data), lambda: reading(found, PageSize(10)))
    assert len(found) == 23
    with pytest.raises(IncompletePopulation, match="gives nothing more"):
        run(list_of(23, spoil=lambda number, data: bad if number >= 2 else data), lambda: reading([], PageSize(10)))


def test_null_among_the_nodes_is_something_hidden() -> None:
    data = connection([1], 2)
    data["items"]["nodes"].append(None)
    with pytest.raises(PermissionDenied, match="hides"):
        run(lambda _call: answer(data), lambda: reading([], PageSize(10)))
    with pytest.raises(PermissionDenied):
        items_of(None, "labels")
    with pytest.raises(SchemaDrift):
        items_of({"pageInfo": {}}, "labels")


def test_halving_and_regrowth() -> None:
    size = PageSize(50)
    size.failed("items", "502")
    assert size.size == 25
    size.failed("items", "502")
    size.failed("items", "502")
    assert size.size == 6
    size.failed("items", "502")
    assert size.size == FLOOR
    for _ in range(3):
        size.worked()
    assert size.size == 10
    for _ in range(12):
        size.worked()
    assert size.size == 50


def test_three_failures_at_the_floor_give_up() -> None:
    size = PageSize(FLOOR)
    size.failed("items", "502")
    size.failed("items", "502")
    with pytest.raises(RetriableError, match="even 5 at a time"):
        size.failed("items", "502")


def test_a_success_at_the_floor_forgives_failures() -> None:
    size = PageSize(FLOOR)
    for _ in range(10):
        size.failed("items", "502")
        size.failed("items", "502")
        size.worked()
    assert size.size >= FLOOR


def test_one_burst_of_faults_does_not_multiply_the_requests() -> None:
    """Three faults in a row at 50 a page: without regrowth 1,000 items would cost 170 requests."""
    asked = [0]
    good = list_of(1000)

    def reply(call: Call) -> Answer:
        asked[0] += 1
        if asked[0] <= 3:
            raise TooHeavy("502")
        return good(call)

    found: list[Json] = []
    run(reply, lambda: reading(found, PageSize(50)))
    assert len(found) == 1000
    assert asked[0] <= 35


INNER = Nested("Commit", "parents", "oid", 2, key=lambda item: item["oid"])


def owner(numbers: list[int], total: int, *, more: bool) -> Json:
    page: Json = {"totalCount": total, "pageInfo": {"hasNextPage": more, "endCursor": "c1"}}
    page["nodes"] = [{"oid": str(one)} for one in numbers]
    return {"id": "C_1", "parents": page}


def nested(count: int, *, answers_for: str = "C_1") -> Callable[[Call], Answer]:
    def reply(call: Call) -> Answer:
        assert isinstance(call, Graph)
        variables = call.variables()
        assert variables["id"] == "C_1"
        start = 0 if variables["after"] is None else int(variables["after"])
        stop = min(start + 3, count)
        page = {
            "totalCount": count, "pageInfo": {"hasNextPage": stop < count, "endCursor": str(stop)},
            "nodes": [{"oid": str(one)} for one in range(start, stop)],
        }  # fmt: skip
        return answer({"rest": {"id": answers_for, "parents": page}})

    return reply


def test_a_nested_list_that_came_whole_asks_nothing() -> None:
    record = owner([0, 1], 2, more=False)
    found, transport = run(nested(2), lambda: complete(record, INNER, COMMITS, Sizes()))
    assert len(found) == 2
    assert transport.asked == []


@pytest.mark.parametrize(
    "record", [owner([0, 1], 8, more=True), owner([0], 8, more=False)], ids=["more pages", "a lie"]
)
def test_a_nested_list_is_finished_by_node_id(record: Json) -> None:
    found, _ = run(nested(8), lambda: complete(record, INNER, COMMITS, Sizes()))
    assert [one["oid"] for one in found] == [str(number) for number in range(8)]
    assert record["parents"]["nodes"] == found, "the record kept is whole too"


def test_a_nested_list_of_another_node_is_refused() -> None:
    with pytest.raises(IncompletePopulation, match="another Commit"):
        run(nested(8, answers_for="C_2"), lambda: complete(owner([0], 8, more=True), INNER, COMMITS, Sizes()))


# --- REST

CALL = Rest("/things", "/things", COMMITS)


def rest(
    pages: list[list[int]], *, total: int | None = None, spoil: dict[int, Answer] | None = None
) -> Callable[[Call], Answer]:
    served = [0]

    def reply(call: Call) -> Answer:
        assert isinstance(call, Rest)
        served[0] += 1
        if spoil and served[0] in spoil:
            return spoil[served[0]]
        page = int(call.parameters.get("page", 0)) or (int(call.path.rpartition("=")[2]) if "=" in call.path else 1)
        numbers = pages[page - 1] if page <= len(pages) else []
        link = f"https://api.github.com/things?page={page + 1}" if page < len(pages) else None
        items = [{"id": one} for one in numbers]
        return answer(items if total is None else {"total_count": total, "things": items}, link=link)

    return reply


def listing(found: list[Json], **options: Any) -> Stream[Tally]:
    def take(fresh: list[Json]) -> bool:
        found.extend(fresh)
        return False

    return rest_list(CALL, take, key=lambda item: str(item["id"]), **options)


def test_links_are_followed_to_the_end() -> None:
    found: list[Json] = []
    _, transport = run(rest([[1, 2], [3, 4], [5]]), lambda: listing(found))
    assert [one["id"] for one in found] == [1, 2, 3, 4, 5]
    assert isinstance(transport.asked[0], Rest)
    assert transport.asked[0].parameters["per_page"] == 100


def test_a_full_last_page_is_not_believed() -> None:
    """A page of exactly a hundred without a link to the next one: perhaps the link is what is missing."""
    pages = [list(range(100)), [100, 101]]
    cut = answer([{"id": one} for one in range(100)])
    found: list[Json] = []
    run(rest(pages, spoil={1: cut}), lambda: listing(found))
    assert len(found) == 102
    found.clear()
    _, transport = run(rest([list(range(100))]), lambda: listing(found))
    assert len(found) == 100
    assert len(transport.asked) == 2


def test_a_list_that_moved_is_read_again() -> None:
    moved = answer([{"id": 2}, {"id": 3}])
    found: list[Json] = []
    tally, _ = run(rest([[1, 2], [3, 4], [5]], spoil={2: moved}), lambda: listing(found))
    assert sorted(one["id"] for one in found) == [1, 2, 3, 4, 5]
    assert tally.reread


def test_a_list_that_keeps_moving_is_an_error() -> None:
    with pytest.raises(IncompletePopulation, match="moves"):
        run(rest([[1, 2], [2, 3]]), lambda: listing([]))


def test_a_count_beside_the_list_must_be_reached() -> None:
    found: list[Json] = []
    run(rest([[1, 2], [3]], total=3), lambda: listing(found, items_under="things"))
    assert len(found) == 3
    with pytest.raises(IncompletePopulation, match="3 items and counts 4"):
        run(rest([[1, 2], [3]], total=4), lambda: listing([], items_under="things"))


def test_an_empty_page_with_a_next_one_is_asked_again_and_then_an_error() -> None:
    empty = answer([], link="https://api.github.com/things?page=3")
    found: list[Json] = []
    run(rest([[1], [2], [3]], spoil={2: empty}), lambda: listing(found))
    assert [one["id"] for one in found] == [1, 2, 3]
    with pytest.raises(IncompletePopulation):
        run(rest([[1], [2], [3]], spoil={2: empty, 3: empty}), lambda: listing([]))


@pytest.mark.parametrize("data", [{"message": "hello"}, "text", [1, 2], None])
def test_what_is_no_list_is_schema_drift(data: Any) -> None:
    with pytest.raises(SchemaDrift):
        run(lambda _call: answer(data), lambda: listing([]))


def test_an_uncounted_list_needs_two_equal_readings() -> None:
    short = answer([{"id": 1}])
    (items, tally), transport = run(
        rest([[1, 2, 3]], spoil={1: short}), lambda: rest_twice(CALL, key=lambda item: str(item["id"]))
    )
    assert len(items) == 3
    assert tally.pages == len(transport.asked) == 3


def test_two_equal_readings_that_lack_something_seen_before_are_not_believed() -> None:
    short = answer([{"id": 1}])
    with pytest.raises(IncompletePopulation, match="do not agree"):
        run(rest([[1, 2, 3]], spoil={2: short, 3: short}), lambda: rest_twice(CALL, key=lambda item: str(item["id"])))


def test_next_links() -> None:
    link = ", ".join([
        '<https://a.example/a?page=1>; rel="prev"', '<https://a.example/a?page=3&x=%2C>; rel="next"',
        '<https://a.example/a?page=9>; rel="last"',
    ])  # fmt: skip
    assert next_link(answer([], headers={"link": link})) == "https://a.example/a?page=3&x=%2C"
    assert next_link(answer([], headers={"link": '<https://api.github.com/a?page=1>; rel="first"'})) is None
    assert next_link(answer([])) is None
