"""Courses of questions run side by side: order, errors, waiting, joint queries."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from connectors.github.calls import Answer, Call, Graph, Part, Rest, Stream, TooHeavy
from connectors.github.streams import Driver, together
from schemas.errors import PermissionDenied, RetriableError
from schemas.github import COMMITS, PULL_REQUESTS
from tests.fakes.memory_sink import MemorySink
from tests.fakes.scripted_github import ScriptedTransport, answer


def rest(name: str) -> Rest:
    return Rest(f"/{name}", f"/{name}", COMMITS)


def graph(name: str, number: int) -> Graph:
    return Graph(name, (Part(f"${name}: Int!", f"{name}: node", {name: number}),), PULL_REQUESTS, shrinks=True)


def test_each_stream_gets_the_answers_to_its_own_questions() -> None:
    seen: dict[str, list[str]] = {}
    threads: set[int] = set()

    def course(name: str) -> Stream[None]:
        for number in range(5):
            threads.add(threading.get_ident())
            got = yield rest(f"{name}{number}")
            seen.setdefault(name, []).append(got.data)

    transport = ScriptedTransport(lambda call: answer(call.label))
    sink = MemorySink()
    Driver(transport, sink).run(*(course(name) for name in "abcdefgh"))
    assert seen == {name: [f"GET /{name}{number}" for number in range(5)] for name in "abcdefgh"}
    assert threads == {threading.get_ident()}, "logic stays in one thread"
    assert len(sink.answers) == 40


def test_no_more_requests_are_under_way_than_allowed() -> None:
    under_way, most, lock = [0], [0], threading.Lock()
    gate = threading.Event()

    def reply(_call: Call) -> Answer:
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
            if under_way[0] == 4:
                gate.set()
        gate.wait(timeout=5)
        with lock:
            under_way[0] -= 1
        return answer(None)

    def course(name: str) -> Stream[None]:
        yield rest(name)

    Driver(ScriptedTransport(reply), MemorySink()).run(*(course(str(number)) for number in range(12)))
    assert most[0] == 4


def test_the_first_error_ends_all_and_answers_received_are_kept() -> None:
    def reply(call: Call) -> Answer:
        if call.label == "GET /bad":
            raise PermissionDenied("no")
        return answer(None)

    closed: list[str] = []

    def patient() -> Stream[None]:
        try:
            while True:
                yield rest("good")
        finally:
            closed.append("patient")

    def failing() -> Stream[None]:
        yield rest("good")
        yield rest("bad")

    sink = MemorySink()
    with pytest.raises(PermissionDenied):
        Driver(ScriptedTransport(reply), sink).run(patient(), failing())
    assert closed == ["patient"]
    assert sink.answers


def test_a_stream_may_deal_with_its_own_error() -> None:
    outcome: list[str] = []

    def reply(_call: Call) -> Answer:
        raise RetriableError("later")

    def course() -> Stream[None]:
        try:
            yield rest("x")
        except RetriableError as error:
            outcome.append(str(error))

    Driver(ScriptedTransport(reply), MemorySink()).run(course())
    assert outcome == ["later"]


def test_a_defect_is_not_swallowed() -> None:
    def reply(_call: Call) -> Answer:
        raise ZeroDivisionError

    def course() -> Stream[None]:
        yield rest("x")

    with pytest.raises(ZeroDivisionError):
        Driver(ScriptedTransport(reply), MemorySink()).run(course())


def test_a_waiting_stream_goes_on_when_another_has_moved() -> None:
    state = {"ready": False}
    log: list[str] = []

    def slow() -> Stream[None]:
        for number in range(3):
            yield rest(f"slow{number}")
        state["ready"] = True

    def waiting() -> Stream[None]:
        while not state["ready"]:
            yield None
        log.append("went on")
        yield rest("last")

    transport = ScriptedTransport(lambda _call: answer(None))
    Driver(transport, MemorySink()).run(waiting(), slow())
    assert log == ["went on"]
    assert transport.asked[-1].label == "GET /last"


def test_streams_that_wait_for_each_other_are_a_defect() -> None:
    def waiting() -> Stream[None]:
        while True:
            yield None

    with pytest.raises(AssertionError, match="wait"):
        Driver(ScriptedTransport(lambda _call: answer(None)), MemorySink()).run(waiting(), waiting())


def test_a_stream_can_start_others() -> None:
    transport = ScriptedTransport(lambda _call: answer(None))
    driver = Driver(transport, MemorySink())

    def child(name: str) -> Stream[None]:
        yield rest(name)

    def parent() -> Stream[None]:
        yield rest("parent")
        driver.add(child("one"))
        driver.add(child("two"))

    driver.run(parent())
    assert sorted(call.label for call in transport.asked) == ["GET /one", "GET /parent", "GET /two"]


def pages(name: str, count: int, got: list[Any]) -> Stream[None]:
    for number in range(count):
        answered = yield graph(name, number)
        got.append(answered.data[name])


def echo(call: Call) -> Answer:
    assert isinstance(call, Graph)
    return answer(dict(call.variables()))


def test_joined_streams_share_requests() -> None:
    first: list[Any] = []
    second: list[Any] = []
    transport = ScriptedTransport(echo)
    Driver(transport, MemorySink()).run(together(pages("a", 3, first), pages("b", 5, second)))
    assert (first, second) == ([0, 1, 2], [0, 1, 2, 3, 4])
    assert len(transport.asked) == 5
    joint = transport.asked[0]
    assert isinstance(joint, Graph)
    assert joint.text().startswith("query ab($a: Int!, $b: Int!) {")


def test_a_joint_query_that_is_too_much_is_taken_apart_for_good() -> None:
    def reply(call: Call) -> Answer:
        assert isinstance(call, Graph)
        if len(call.parts) > 1:
            raise TooHeavy("502")
        return echo(call)

    first: list[Any] = []
    second: list[Any] = []
    transport = ScriptedTransport(reply)
    Driver(transport, MemorySink()).run(together(pages("a", 3, first), pages("b", 3, second)))
    assert (first, second) == ([0, 1, 2], [0, 1, 2])
    assert sum(1 for call in transport.asked if isinstance(call, Graph) and len(call.parts) > 1) == 1


def test_a_rest_question_among_joined_streams_goes_by_itself() -> None:
    got: list[Any] = []

    def mixed() -> Stream[None]:
        got.append((yield rest("x")).data)
        got.append((yield graph("m", 7)).data["m"])

    def reply(call: Call) -> Answer:
        return echo(call) if isinstance(call, Graph) else answer("rest")

    other: list[Any] = []
    Driver(ScriptedTransport(reply), MemorySink()).run(together(mixed(), pages("a", 2, other)))
    assert got == ["rest", 7]
    assert other == [0, 1]


def test_errors_reach_the_joined_stream_that_asked() -> None:
    caught: list[str] = []

    def reply(call: Call) -> Answer:
        if call.label == "GET /x":
            raise PermissionDenied("no")
        return echo(call)

    def careful() -> Stream[None]:
        try:
            yield rest("x")
        except PermissionDenied:
            caught.append("denied")

    other: list[Any] = []
    Driver(ScriptedTransport(reply), MemorySink()).run(together(careful(), pages("a", 2, other)))
    assert caught == ["denied"]
    assert other == [0, 1]
