"""C1-CLS-01, `map`: the stores of the inventory and those of the data map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from evidence.controls.data_map import GRACE, confidential_data_kept
from evidence.controls.external_shares import CODES
from evidence.controls.model import TestWindow
from schemas import gcp
from schemas.aws_configuration import ENCRYPTION
from schemas.aws_trail import MANAGEMENT_EVENTS
from schemas.outcome import Outcome
from tests.evidence.controls.configuration import filled
from tests.evidence.controls.people_records import DAY, HOSTILE, LATER, asked, by_item, day, record
from tests.fakes.memory_evidence import MemoryEvidence

ACCOUNT, REGION = "aws:111122223333", "aws:111122223333:eu-west-1"
JUNE, JULY = day("2026-06-01", 0), day("2026-07-01", 0)
SHOWN, REVIEWED = day("2026-06-10"), day("2026-06-20")
SYSTEMS = {"scope": {"aws": {"accounts": [{"id": "111122223333"}, {"id": "222222222222"}], "regions": ["eu-west-1"]}}}
Row = dict[str, Any]


def made(start: datetime = JUNE, end: datetime = JULY, as_of: datetime = LATER, scope: str = ACCOUNT) -> TestWindow:
    places = {"cloud_account_region": (REGION, "aws:222222222222:eu-west-1", "gcp:1")}
    return asked("C1-CLS-01", scope, start=start, end=end, as_of=as_of, window_id=f"{start:%Y-%m}", holders=places,
                 programme=SYSTEMS)  # fmt: skip


def store(name: str = "ledger", kind: str = "bucket") -> Row:
    arn = f"arn:aws:s3:::{name}" if kind == "bucket" else f"arn:aws:rds:eu-west-1:111122223333:db:{name}"
    return filled(ENCRYPTION, {"record_id": f"{kind}:{name}", "kind": kind, "resource_id": arn, "name": name})


def mapped(store_id: str = "ledger", cls: str = "confidential", **more: Any) -> Row:
    return {"store_id": store_id, "class": cls, "owner": "bob@acme.example", "retention": "a year", **more}


def stored(
    inventory: Sequence[Row], *maps: Sequence[Row], at: datetime = SHOWN, reviewed: datetime = REVIEWED,
    window: str | None = "2026-Q2",
) -> MemoryEvidence:  # fmt: skip
    evidence = MemoryEvidence()
    evidence.claim(MANAGEMENT_EVENTS, ACCOUNT, day("2026-04-01", 0), LATER)
    evidence.snapshot(ENCRYPTION, REGION, at, inventory)
    for number, stores in enumerate(maps):
        record(
            evidence, made(), "map", "data_map", reviewed + number * DAY, {"stores": list(stores)}, for_window=window
        )
    return evidence


def judged(evidence: MemoryEvidence, window: TestWindow | None = None) -> Mapping[str, Outcome]:
    return by_item(confidential_data_kept(window or made(), evidence), CODES)


BUCKET = "store:arn:aws:s3:::ledger"


@pytest.mark.parametrize("named", ["ledger", "LEDGER", "arn:aws:s3:::ledger"])
def test_a_store_that_is_mapped(named: str) -> None:
    found = judged(stored([store()], [mapped(named)]))
    assert {item: one.outcome for item, one in found.items()} == {BUCKET: "pass"}
    assert len(found[BUCKET].evidence) == 2


def test_stores_that_are_not_mapped() -> None:
    inventory = [store(), store(HOSTILE), store("main", "database"), store("v", "volume"), store("k", "key")]
    found = judged(stored(inventory, [mapped()]))
    assert sorted(one.codes for one in found.values()) == [(), ("UNMAPPED_STORE",), ("UNMAPPED_STORE",)]
    assert {one.codes for one in judged(stored(inventory)).values()} == {("UNMAPPED_STORE",)}  # no map at all


@pytest.mark.parametrize("missing", ["owner", "class", "retention"])
def test_a_store_that_is_mapped_in_part(missing: str) -> None:
    assert judged(stored([store()], [mapped() | {missing: None}]))[BUCKET].outcome == "unknown"


def test_the_map_of_the_quarter() -> None:
    assert judged(stored([store()], [], [mapped()]))[BUCKET].outcome == "pass"  # the latest
    assert judged(stored([store()], [mapped()], []))[BUCKET].codes == ("UNMAPPED_STORE",)
    for reviewed, window, outcome in (
        (JULY + GRACE - DAY, "2026-Q2", "pass"), (JULY + GRACE, "2026-Q2", "exception"),
        (JULY + DAY, None, "exception"), (REVIEWED, None, "pass"), (REVIEWED, "2026-Q1", "exception"),
    ):  # fmt: skip
        found = judged(stored([store()], [mapped()], reviewed=reviewed, window=window))
        assert found[BUCKET].outcome == outcome, (reviewed, window)


def test_a_store_made_after_the_review() -> None:
    evidence = stored([store()], [mapped()])
    evidence.snapshot(ENCRYPTION, REGION, REVIEWED + DAY, [store(), store("new")])
    assert list(judged(evidence)) == [BUCKET]


def test_confidential_data_elsewhere() -> None:
    foreign, known = (
        "arn:aws:dynamodb:eu-west-1:999999999999:table/t",
        "arn:aws:dynamodb:eu-west-1:222222222222:table/t",
    )
    found = judged(stored([], [mapped(foreign), mapped(known), mapped("somewhere"), mapped("open", "public")]))
    assert {item: (one.outcome, one.codes) for item, one in found.items()} == {
        f"mapped:{foreign}": ("exception", ("PROD_DATA_ELSEWHERE",)), f"mapped:{known}": ("unknown", ()),
        "mapped:somewhere": ("unknown", ()),
    }  # fmt: skip


def test_once_a_quarter_and_not_before_it_is_over() -> None:
    evidence = stored([store()], [mapped()])
    assert judged(evidence, made(day("2026-05-01", 0), JUNE)) == {}
    assert judged(evidence, made(as_of=day("2026-06-25"))) == {}
    waiting = judged(stored([store()]), made(as_of=JULY + GRACE - timedelta(seconds=1)))
    assert [(item, one.outcome, one.resolves_at) for item, one in waiting.items()] == [
        ("map:2026-Q2", "pending", JULY + GRACE)
    ]


def test_an_inventory_that_is_not_held() -> None:
    late = judged(stored([store()], [mapped()], at=REVIEWED + DAY))
    assert late[f"window:sharing:{ACCOUNT}:2026-06:stores-{REGION}"].outcome == "unknown"
    assert {one.outcome for one in late.values()} == {"unknown"}


def test_stores_at_google_cloud() -> None:
    evidence, window = MemoryEvidence(), made(scope="gcp:1")
    evidence.claim(gcp.DATA_ACCESS, "gcp:1", JUNE, JULY)
    rows = [{"resource_id": "//storage/b", "resource_kind": "bucket", "resource_name": "b", "encrypted": True,
             "key_management": "google"}]  # fmt: skip
    evidence.snapshot(gcp.ENCRYPTION, "gcp:1", day("2026-06-10"), [filled(gcp.ENCRYPTION, row) for row in rows])
    record(evidence, window, "map", "data_map", REVIEWED, {"stores": [mapped("b")]}, for_window="2026-Q2")
    assert {item: one.outcome for item, one in judged(evidence, window).items()} == {"store://storage/b": "pass"}
