"""The step that collects: one entry per run, a claim for every item and dataset, and nothing claimed after an error."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.collect import CollectionResult, ItemProgress
from connectors.store import Signer, Store, create_store, open_store, system_clock
from schemas.collection import Claim, Manifest
from schemas.errors import (
    ClockSkew,
    ConfigurationError,
    EndpointRefused,
    IncompletePopulation,
    NotLicensed,
    PermissionDenied,
    RetriableError,
    SchemaDrift,
    SourceGone,
    StoreError,
)
from schemas.extraction import ItemClaim, Request, Session, Sink, query_hash
from tests.fakes.stores import (
    EVENTS,
    ITEM_A,
    ITEM_B,
    START,
    STATES,
    FakeSource,
    SettableClock,
    event,
    simulated_store,
    state,
)

END = START + timedelta(days=30)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(datetime(2026, 5, 2, 6, tzinfo=UTC))


@pytest.fixture
def store(tmp_path: Path, clock: SettableClock) -> Store:
    return simulated_store(tmp_path / "store", clock)


@pytest.fixture
def source(clock: SettableClock) -> FakeSource:
    held = FakeSource(clock)
    held.events[ITEM_A.id] = [event(f"e{n}", START + timedelta(days=n)) for n in range(3)]
    held.events[ITEM_B.id] = [event("b0", START)]
    held.states[ITEM_A.id] = [state("mfa"), state("sso", False)]
    return held


def answers(store: Store, manifest: dict[str, Any]) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    for raw in manifest["raw"]:
        with pa.input_stream(str(Path(store.location, raw["path"])), compression="zstd") as stream:
            lines += [orjson.loads(line) for line in stream.read().splitlines()]
    return lines


def files(store: Store) -> set[str]:
    root = Path(store.location)
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


class TestEntry:
    """What is written when all goes well."""

    def test_a_claim_says_what_was_read(self, store: Store, source: FakeSource, clock: SettableClock) -> None:
        result = source.collect(store, items=(ITEM_A, ITEM_B))
        first, second = result.claims
        assert first == Claim(
            dataset="fake.events", scope_item_id="fake:a", scope_item="Item A", status="ok", started_at=clock.instant,
            finished_at=clock.instant, start=START, end=END, rows=3, rows_by_month={"2026-04": 3}, proof_of_life=True,
            proof="canary", query_hash=query_hash("GET /fake.events"), requests=1,
        )  # fmt: skip
        assert (second.scope_item_id, second.rows) == ("fake:b", 1)
        assert result.failures == ()
        body = result.entry["body"]
        assert [Claim.from_json(claim) for claim in body["claims"]] == [first, second]
        assert (body["flow"], body["extractor"], body["simulated"]) == ("family", "fake.read", True)
        assert re.fullmatch(r"20260502T060000Z-[0-9a-f]{8}", body["run_id"])
        assert list(store.entries(kinds={"collection"})) == [result.entry]

    def test_the_object_holds_the_rows_of_all_items(self, store: Store, source: FakeSource) -> None:
        (manifest,) = source.collect(store, items=(ITEM_B, ITEM_A)).entry["body"]["manifests"]
        table = pq.read_table(Path(store.location, manifest["object"]["path"]))
        assert table.select(["scope_item_id", "event_id"]).to_pylist() == [
            {"scope_item_id": "fake:a", "event_id": "e0"}, {"scope_item_id": "fake:a", "event_id": "e1"},
            {"scope_item_id": "fake:a", "event_id": "e2"}, {"scope_item_id": "fake:b", "event_id": "b0"},
        ]  # fmt: skip
        assert manifest["object"]["rows"] == 4

    def test_one_pass_can_fill_several_datasets(self, store: Store, source: FakeSource, clock: SettableClock) -> None:
        result = source.collect(store, datasets=(EVENTS, STATES))
        by_dataset = {claim.dataset: claim for claim in result.claims}
        assert by_dataset["fake.events"].observed_at is None
        assert by_dataset["fake.states"].observed_at == clock.instant
        assert by_dataset["fake.states"].start is None
        assert by_dataset["fake.states"].rows == 2
        assert by_dataset["fake.states"].rows_by_month == {}
        assert [manifest["dataset"] for manifest in result.entry["body"]["manifests"]] == ["fake.events", "fake.states"]

    def test_the_provenance_block_is_whole(self, store: Store, source: FakeSource) -> None:
        (manifest,) = source.collect(store, items=(ITEM_A, ITEM_B), lag_hours=3).entry["body"]["manifests"]
        named = re.search(r"`provenance` holds the whole block: (.+?)\.\n", Manifest.__doc__ or "", re.DOTALL)
        assert named is not None
        block = manifest["provenance"]
        assert set(re.findall(r"[a-z_0-9]+", named[1])) <= set(block)
        expected = {
            "collector_id": "fake.read", "collector_version": "1.0.0-test", "code_commit": "c0ffee",
            "configuration_digest": "sha256:" + "0" * 64, "source_system": "fake", "tenant_or_account": "tenant-1",
            "principal_used": "app:reader", "principal_rights": "read only", "endpoint": "http://127.0.0.1:9/api",
            "endpoint_certificate_sha256": None, "endpoint_declared": False, "endpoint_simulated": True,
            "query_or_graphql_text": "GET /fake.events", "query_sha256": query_hash("GET /fake.events"),
            "parameters": {"per_page": 100}, "interval_from": "2026-04-01T00:00:00Z",
            "interval_to": "2026-05-01T00:00:00Z", "lag_applied": 3, "source_clock": "2026-05-02T06:00:00Z",
            "clock_skew_seconds": 0.0, "pages": 2, "last_cursor_empty": True, "truncated": False,
            "http_statuses": {"200": 2}, "rows_returned": 4, "rows_kept": 4, "drop_rules": {},
            "independent_count": None, "unknown_fields": {}, "schema_version": 1, "pyarrow_version": pa.__version__,
        }  # fmt: skip
        assert {name: block[name] for name in expected} == expected
        raw = [one["digest"] for one in manifest["raw"]]
        assert block["items"] == {
            "fake:a": {"parameters": {"item": "fake:a"}, "pages": 1, "rows_returned": 3, "raw": raw[0]},
            "fake:b": {"parameters": {"item": "fake:b"}, "pages": 1, "rows_returned": 1, "raw": raw[1]},
        }

    def test_a_sum_is_only_given_where_every_part_is_known(self, store: Store, source: FakeSource) -> None:
        source.claim = {"independent_count": 3, "drop_rules": {"draft": 1}}
        block = source.collect(store, items=(ITEM_A, ITEM_B)).entry["body"]["manifests"][0]["provenance"]
        assert (block["independent_count"], block["drop_rules"]) == (6, {"draft": 2})
        source.claim = {"rows_returned": None}
        block = source.collect(store).entry["body"]["manifests"][0]["provenance"]
        assert block["rows_returned"] is None

    def test_answers_are_kept_without_what_must_not_be_kept(self, store: Store, source: FakeSource) -> None:
        source.events[ITEM_A.id] = [event("e0", START, raw={"Email": "x@example.com", "id": 7})]
        (manifest,) = source.collect(store).entry["body"]["manifests"]
        (answer,) = answers(store, manifest)
        assert answer["url"] == "http://127.0.0.1:9/api/fake.events?page=1"
        assert answer["headers"] == {"date": "Sat, 02 May 2026 06:00:00 GMT", "etag": '"x"'}
        assert answer["body"] == '[{"id":7}]'
        assert answer["removed"] == 1
        assert (answer["method"], answer["status"], answer["parameters"]) == ("GET", 200, {"page": 1})
        assert manifest["provenance"]["secrets_removed"] == 2
        table = pq.read_table(Path(store.location, manifest["object"]["path"]))
        assert table["raw"].to_pylist() == ['{"id":7}']

    def test_an_answer_that_is_no_text_is_kept_whole(self, store: Store, source: FakeSource) -> None:
        def binary(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
            sink.answer(dataset=EVENTS, method="GET", url="https://x/f", status=200, headers={}, body=b"\xff\x00\x01")
            return [ItemClaim("fake.events", "GET f")]

        (manifest,) = source.collect(store, extractor=binary).entry["body"]["manifests"]
        (answer,) = answers(store, manifest)
        assert answer["body_base64"] == "/wAB"

    def test_zero_rows_are_an_answer_and_have_a_file(self, store: Store, source: FakeSource) -> None:
        source.events.clear()
        result = source.collect(store)
        assert result.claims[0].rows == 0
        assert result.claims[0].status == "ok"
        assert result.entry["body"]["manifests"][0]["object"]["rows"] == 0

    def test_truncated_answers_say_so_and_keep_their_rows(self, store: Store, source: FakeSource) -> None:
        until = START + timedelta(days=2)
        source.claim = {"truncated": True, "complete_until": until, "last_cursor_empty": False}
        result = source.collect(store)
        assert result.claims[0].status == "truncated"
        assert result.claims[0].complete_until == until
        assert result.claims[0].rows == 3
        assert result.entry["body"]["manifests"][0]["provenance"]["last_cursor_empty"] is False

    def test_what_the_source_has_forgotten_is_not_claimed(self, store: Store, source: FakeSource) -> None:
        remembered = START + timedelta(days=2)
        for complete_from, expected in (
            (START - timedelta(days=1), (START, None, "ok")),
            (remembered, (remembered, END, "truncated")),  # whole from there to the end, and less than was asked for
        ):
            source.claim = {"complete_from": complete_from}
            (claim,) = source.collect(store).claims
            assert (claim.start, claim.complete_until, claim.status) == expected
            assert claim.end == END

    def test_an_answer_that_begins_after_the_interval_claims_nothing_of_it(
        self, store: Store, source: FakeSource, clock: SettableClock
    ) -> None:
        source.claim = {"complete_from": END, "truncated": True, "complete_until": END - timedelta(days=1)}
        (claim,) = source.collect(store).claims
        assert (claim.start, claim.end, claim.status, claim.complete_until) == (START, END, "truncated", None)
        source.claim = {"complete_from": END}
        assert source.collect(store).claims[0].status == "truncated"
        assert not store.evidence(clock.instant).covered(EVENTS, ITEM_A.id, START, START + timedelta(seconds=1))

    def test_nothing_is_left_in_the_spool_folder(
        self, store: Store, source: FakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        spool = tmp_path / "spool"
        spool.mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(spool))
        source.collect(store, items=(ITEM_A, ITEM_B))
        source.errors[ITEM_A.id] = ValueError("x")
        with pytest.raises(ValueError, match="x"):
            source.collect(store)
        assert list(spool.iterdir()) == []


class TestFailures:
    """One item that fails does not touch the others, and is never an empty answer."""

    @pytest.mark.parametrize(
        "error",
        [
            RetriableError("throttled", retry_after=3),
            PermissionDenied("not allowed", permission="contents:read"),
            NotLicensed("needs a larger plan"),
            SourceGone("repository was deleted"),
            SchemaDrift("field missing"),
            IncompletePopulation("3 of 4"),
        ],
    )
    def test_an_item_that_fails_has_an_error_claim_and_no_rows(
        self, store: Store, source: FakeSource, error: Exception
    ) -> None:
        source.errors[ITEM_A.id] = error
        result = source.collect(store, items=(ITEM_A, ITEM_B))
        failed, good = result.claims
        assert failed.status == "error"
        assert failed.rows == 0
        assert failed.failure is not None
        assert (failed.failure.kind, failed.failure.message) == (type(error).__name__, str(error))
        assert failed.failure.permission == getattr(error, "permission", None)
        assert (failed.start, failed.end, failed.requests) == (START, END, 1)
        assert (good.status, good.rows) == ("ok", 1)
        assert result.failures == (failed,)
        (manifest,) = result.entry["body"]["manifests"]
        table = pq.read_table(Path(store.location, manifest["object"]["path"]))
        assert table["scope_item_id"].to_pylist() == ["fake:b"]
        assert len(answers(store, manifest)) == 2  # what the failing item answered is kept

    def test_when_every_item_fails_there_is_an_entry_and_no_object(self, store: Store, source: FakeSource) -> None:
        source.errors[ITEM_A.id] = RetriableError("down")
        result = source.collect(store)
        assert [claim.status for claim in result.claims] == ["error"]
        assert result.entry["body"]["manifests"][0]["object"] is None
        assert not any(name.startswith("objects/") for name in files(store))

    def test_a_row_that_does_not_fit_fails_its_item(self, store: Store, source: FakeSource) -> None:
        source.events[ITEM_A.id].append(event("e9", START, colour="blue"))
        failed, good = source.collect(store, items=(ITEM_A, ITEM_B)).claims
        assert failed.failure is not None
        assert failed.failure.kind == "SchemaDrift"
        assert good.status == "ok"

    def test_two_rows_of_one_key_fail_the_item(self, store: Store, source: FakeSource) -> None:
        source.events[ITEM_A.id].append(event("e0", START + timedelta(hours=1)))
        (failed,) = source.collect(store).claims
        assert failed.failure is not None
        assert "4 rows with 3 different keys" in failed.failure.message

    def test_a_statement_must_be_made_about_each_dataset(self, store: Store, source: FakeSource) -> None:
        one, other = ItemClaim("fake.events", "q"), ItemClaim("fake.other", "q")
        for said in ([], [other], [one, other], [one, one]):
            (failed,) = source.collect(store, extractor=lambda *_, said=said: said).claims
            assert failed.failure is not None
            assert failed.failure.kind == "IncompletePopulation"
            assert "without one statement for each dataset" in failed.failure.message

    def test_a_snapshot_without_an_instant_proves_nothing(self, store: Store, source: FakeSource) -> None:
        source.claim = {"observed_at": None}
        (failed,) = source.collect(store, datasets=(STATES,)).claims
        assert failed.failure is not None
        assert "at which instant" in failed.failure.message

    def test_no_session_means_an_error_for_each_item_and_one_attempt(self, store: Store, source: FakeSource) -> None:
        attempts = 0

        def session() -> Session:
            nonlocal attempts
            attempts += 1
            raise PermissionDenied("the app is not installed", permission="app installation")

        source.session = session  # type: ignore[method-assign]
        result = source.collect(store, items=(ITEM_A, ITEM_B))
        assert [claim.status for claim in result.claims] == ["error", "error"]
        assert attempts == 1
        assert result.entry["body"]["manifests"][0]["provenance"]["endpoint"] is None

    def test_credentials_in_an_error_text_are_not_stored(self, store: Store, source: FakeSource) -> None:
        source.errors[ITEM_A.id] = RetriableError("GET https://x/y?token=abc with ghp_" + "a" * 36 + " failed")
        (failed,) = source.collect(store).claims
        assert failed.failure is not None
        assert failed.failure.message == "GET https://x/y?token=[removed] with [removed] failed"


class TestStoppedRuns:
    """What makes the whole run worthless stops it, and is recorded all the same."""

    @pytest.mark.parametrize(
        "error", [ConfigurationError("no such role"), EndpointRefused("not the vendor"), ClockSkew("off by 70 s")]
    )
    def test_nothing_is_kept_and_the_entry_says_why(
        self, store: Store, source: FakeSource, error: ConfigurationError
    ) -> None:
        source.errors[ITEM_B.id] = error
        with pytest.raises(type(error), match=str(error)):
            source.collect(store, items=(ITEM_A, ITEM_B))
        (entry,) = store.entries(kinds={"collection"})
        claims = [Claim.from_json(claim) for claim in entry["body"]["claims"]]
        assert [(claim.scope_item_id, claim.status) for claim in claims] == [("fake:a", "error"), ("fake:b", "error")]
        assert {claim.failure and claim.failure.kind for claim in claims} == {type(error).__name__}
        assert entry["body"]["manifests"] == []
        assert files(store) == {"ledger/00000001.json", "ledger/00000002.json"}

    @pytest.mark.parametrize("seconds", [61, -61])
    def test_a_source_whose_clock_differs_by_more_than_a_minute(
        self, store: Store, source: FakeSource, seconds: int
    ) -> None:
        source.skew_seconds = seconds
        with pytest.raises(ClockSkew, match="differ by 61 s"):
            source.collect(store)
        source.skew_seconds = seconds - 1 if seconds > 0 else seconds + 1
        block = source.collect(store).entry["body"]["manifests"][0]["provenance"]
        assert block["clock_skew_seconds"] == source.skew_seconds

    def test_an_unforeseen_error_is_recorded_without_its_text_and_goes_on(
        self, store: Store, source: FakeSource
    ) -> None:
        source.errors[ITEM_A.id] = KeyError("personal data")
        with pytest.raises(KeyError):
            source.collect(store, items=(ITEM_A, ITEM_B))
        (entry,) = store.entries(kinds={"collection"})
        assert {claim["error"]["kind"] for claim in entry["body"]["claims"]} == {"KeyError"}
        assert b"personal data" not in orjson.dumps(entry)

    def test_the_caller_is_told_what_was_recorded(self, store: Store, source: FakeSource) -> None:
        told: list[CollectionResult] = []
        source.errors[ITEM_A.id] = ConfigurationError("no such role")
        with pytest.raises(ConfigurationError):
            source.collect(store, stopped=told.append)
        assert [result.entry for result in told] == list(store.entries(kinds={"collection"}))
        assert [claim.status for claim in told[0].failures] == ["error"]
        source.errors.clear()
        source.collect(store, stopped=told.append)
        assert len(told) == 1

    def test_an_interrupted_run_is_recorded(self, store: Store, source: FakeSource) -> None:
        source.errors[ITEM_A.id] = KeyboardInterrupt()
        with pytest.raises(KeyboardInterrupt):
            source.collect(store)
        (entry,) = store.entries(kinds={"collection"})
        assert entry["body"]["claims"][0]["error"]["kind"] == "KeyboardInterrupt"

    def test_a_real_store_takes_nothing_from_a_simulation(self, tmp_path: Path) -> None:
        store = create_store(
            tmp_path / "real", simulated=False, now=system_clock, signer=Signer.generate(), product_version="1"
        )
        source = FakeSource(system_clock)
        with pytest.raises(StoreError, match=r"is a simulation, and .* is a real evidence store"):
            source.collect(store)
        (entry,) = store.entries(kinds={"collection"})
        assert entry["body"]["simulated"] is False
        assert entry["body"]["claims"][0]["error"]["kind"] == "StoreError"
        assert not any(name.startswith(("objects/", "raw/")) for name in files(store))

    def test_a_simulated_store_stays_simulated_whatever_is_collected(self, store: Store, source: FakeSource) -> None:
        source.simulated = False
        entry = source.collect(store).entry
        assert entry["body"]["simulated"] is True
        reopened = open_store(store.location, now=store.now, product_version="1", read_only=True)
        assert reopened.simulated is True

    def test_where_even_the_failure_cannot_be_recorded_the_error_says_so(
        self, store: Store, source: FakeSource
    ) -> None:
        second = Signer.generate()
        store.enrol_key(second.public_key, reason="second machine")
        other = open_store(store.location, now=store.now, signer=second, product_version="1")

        def revoked_meanwhile(*_: Any) -> list[ItemClaim]:
            store.revoke_key(second.key_id, reason="machine lost")
            raise ValueError("first")

        with pytest.raises(ValueError, match="first") as caught:
            source.collect(other, extractor=revoked_meanwhile)
        assert any("could not be recorded" in note for note in caught.value.__notes__)

    def test_a_collector_that_must_not_write_asks_nothing(
        self, store: Store, source: FakeSource, clock: SettableClock
    ) -> None:
        stranger = open_store(store.location, now=clock, signer=Signer.generate(), product_version="1")
        reading = open_store(store.location, now=clock, product_version="1", read_only=True)
        for closed, message in ((stranger, "not enrolled"), (reading, "for reading only")):
            with pytest.raises(StoreError, match=message):
                source.collect(closed)
        clock.forward(minutes=-2)
        with pytest.raises(StoreError, match="Set the clock"):
            source.collect(store)
        assert source.sessions == 0


class TestWorkers:
    """Several threads, each with a session of its own; the entry is the same."""

    ITEMS = tuple(replace(ITEM_A, id=f"fake:{n:02d}", name=f"Item {n}") for n in range(12))

    def test_threads_do_not_share_sessions_and_the_object_is_the_same(
        self, tmp_path: Path, clock: SettableClock
    ) -> None:
        objects = []
        for workers in (1, 4):
            source = FakeSource(clock)
            source.events = {item.id: [event(f"e{item.id}", START)] for item in self.ITEMS}
            store = simulated_store(tmp_path / str(workers), clock)
            result = source.collect(store, items=self.ITEMS, workers=workers)
            assert [claim.scope_item_id for claim in result.claims] == [item.id for item in self.ITEMS]
            assert 1 <= source.sessions <= workers
            objects.append(result.entry["body"]["manifests"][0]["object"])
        assert objects[0] == objects[1]

    def test_progress_is_told_item_by_item(self, store: Store, clock: SettableClock) -> None:
        source = FakeSource(clock, errors={"fake:03": RetriableError("down")})
        source.events = {item.id: [event("e", START)] for item in self.ITEMS}
        seen: list[ItemProgress] = []
        source.collect(store, items=self.ITEMS, workers=3, progress=seen.append)
        assert [one.done for one in seen] == list(range(1, 13))
        assert {one.total for one in seen} == {12}
        assert [one.item.id for one in seen if one.failure] == ["fake:03"]
        assert sum(one.rows for one in seen) == 11

    def test_a_stopped_run_stops_the_other_threads_too(self, store: Store, clock: SettableClock) -> None:
        source = FakeSource(clock, errors={"fake:00": ConfigurationError("wrong")})
        with pytest.raises(ConfigurationError, match="wrong"):
            source.collect(store, items=self.ITEMS, workers=4)
        (entry,) = store.entries(kinds={"collection"})
        assert {claim["error"]["kind"] for claim in entry["body"]["claims"]} == {"ConfigurationError"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"items": ()}, "nothing to collect"),
        ({"datasets": ()}, "nothing to collect"),
        ({"items": (ITEM_A, ITEM_A)}, "named twice"),
        ({"start": END, "end": START}, "is empty"),
    ],
)
def test_wrong_use_is_refused_before_anything_is_asked(
    store: Store, source: FakeSource, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        source.collect(store, **options)
    assert source.sessions == 0
    assert store.head().seq == 1
