"""Log files as batches: hostile ones, and those that a process of its own reads."""

from __future__ import annotations

import gzip
import hashlib
import json
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.aws.trail.decoding import Decoders, decoded
from connectors.aws.trail.duplicates import Delivered
from connectors.aws.trail.records import Origin
from schemas.errors import RetriableError, SchemaDrift
from tests.fakes.aws_company import PROD
from tests.fakes.aws_trail import END, START, record

ORIGIN = Origin.of(f"aws:{PROD}", PROD, "s3://bucket/file.json.gz", (START, END))


def packed(records: Any) -> tuple[bytes, str]:
    text = json.dumps({"Records": records}).encode()
    return gzip.compress(text), hashlib.sha256(text).hexdigest()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"eventID": None}, "eventID"),
        ({"eventTime": "yesterday"}, "eventTime that is no instant"),
        ({"eventTime": 5}, "eventTime"),
        ({"userIdentity": "ana"}, "userIdentity"),
        ({"readOnly": "perhaps"}, "readOnly"),
    ],
)
def test_a_record_of_another_shape_is_told_without_its_values(change: dict[str, Any], said: str) -> None:
    data, sha256 = packed([record(1, START), record(2, START, **change)])
    with pytest.raises(SchemaDrift) as caught:
        decoded(data, ORIGIN, sha256)
    assert said in str(caught.value)
    assert not [value for value in ("yesterday", "ana", "perhaps") if f"'{value}'" in str(caught.value)]


@pytest.mark.parametrize("text", [b"[]", b"{}", b'{"Records": {}}', b"\x00", b'{"Records": ["a"]}'])
def test_a_file_that_is_none_of_cloudtrails(text: bytes) -> None:
    with pytest.raises(SchemaDrift):
        decoded(gzip.compress(text), ORIGIN, hashlib.sha256(text).hexdigest())


@pytest.mark.parametrize(
    "data",
    [b"", b"no gzip", gzip.compress(b"x" * 1000)[:-9], gzip.compress(b"{}") + b"more"],
    ids=["empty", "no gzip", "cut off", "more behind it"],  # what gzip writes holds the time
)
def test_a_file_that_can_not_be_unpacked_has_no_hash(data: bytes) -> None:
    assert decoded(data, ORIGIN, "") .sha256 is None  # fmt: skip


def test_flags_come_as_texts_too_and_times_with_fractions() -> None:
    one = record(1, START, eventTime="2026-04-01T01:00:00.250Z", readOnly="true")
    one["userIdentity"]["sessionContext"]["attributes"]["mfaAuthenticated"] = "false"
    data, sha256 = packed([one])
    [batch] = decoded(data, ORIGIN, sha256).batches
    [row] = batch.to_pylist()
    assert (row["read_only"], row["mfa_authenticated"]) == (True, False)
    assert row["event_time"] == START + timedelta(milliseconds=250)


def test_a_worker_gives_the_same_and_tells_of_drift() -> None:
    records = [record(n, START + timedelta(seconds=n)) for n in range(50)]
    data, sha256 = packed(records)
    broken, broken_sha256 = packed([{**records[0], "eventName": 5}])
    here = decoded(data, ORIGIN, sha256)
    with Decoders(1) as decoders:
        there = decoders.decode(data, ORIGIN, sha256)
        assert [batch.to_pylist() for batch in there.batches] == [batch.to_pylist() for batch in here.batches]
        assert there.taken == here.taken
        assert all(
            np.array_equal(one, other)
            for mine, theirs in zip(here.fingerprints, there.fingerprints, strict=True)
            for one, other in zip(mine, theirs, strict=True)
        )
        with pytest.raises(SchemaDrift, match="eventName"):
            decoders.decode(broken, ORIGIN, broken_sha256)
        assert decoders.decode(data, None, sha256).sha256 == sha256  # it goes on after a bad file
        [process] = decoders.started
        process.kill()
        with pytest.raises(RetriableError, match="ended before"):
            decoders.decode(data, ORIGIN, sha256)


_pairs = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2)), max_size=12)


@settings(deadline=None, max_examples=100)
@given(st.lists(_pairs, max_size=6))
def test_what_was_seen_is_new_once(files: list[list[tuple[int, int]]]) -> None:
    delivered, seen = Delivered(), set[tuple[int, int]]()
    for pairs in files:
        expected: list[int] = []
        for position, pair in enumerate(pairs):
            if pair not in seen:
                seen.add(pair)
                expected.append(position)
        identity = np.array([one for one, _ in pairs], np.uint64)
        content = np.array([other for _, other in pairs], np.uint64)
        assert delivered.new(identity, content).tolist() == expected
