"""CC6-PHY-01: buildings are the providers' whose reports are read; own devices are wiped before they go.

The population of a month are the subservice organisations, the disposals of the register (`own.disposals`), and the
devices that an inventory showed and then no longer showed (`own.devices`, `google.devices`):

- REVIEW_LAPSED    at some instant the review of a provider's report was older than 12 months and the grace of the line
- WIPE_MISSING     a device left the company without having been wiped before
- DEVICE_VANISHED  a device is gone from its inventory, and no disposal and no report of a loss names it

Decisions where the rule leaves room:

- A review for CC9-SUB-01 counts here too: it is the same report that was read.
- What is kept, lost or stolen left nothing to be wiped; the register says which, and that is the loss report.
- A device of the register is gone when its line is, or when its last day has passed. A device of which a later snapshot
  of the same inventory tells again was never gone; one that is enrolled again under another id is recognised by its
  serial number, or by the register of disposals.
- A disposal is asked for until the line is due, 15 days after the window; until then a device that is gone is pending.
  Where the register of disposals is not held for the window the row is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from evidence.completeness.coverage import Span
from evidence.completeness.instants import ticks
from evidence.controls.currency import rule_of, standing
from evidence.controls.held import BEGINNING, has_closed, window_unknown
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.recorded import judged, recorded, short
from evidence.controls.validity import end_of, holds_at, start_of
from evidence.controls.verdict import Verdict
from evidence.programme_versions import slug
from schemas import google, own
from schemas.dataset import Dataset
from schemas.instants import format_instant
from schemas.outcome import Outcome

LINE = "disposals"
REVIEWS = "provider_reports"
REVIEW_LAPSED = "REVIEW_LAPSED"
WIPE_MISSING = "WIPE_MISSING"
DEVICE_VANISHED = "DEVICE_VANISHED"
CODES = (REVIEW_LAPSED, WIPE_MISSING, DEVICE_VANISHED)

DUE = timedelta(days=15)
"""Days after the window by which its disposals are entered: due and grace of the line."""
_STAYS = timedelta(days=92)
"""How long an inventory may still show a device that is out of use."""
_LEFT = ("disposed", "returned")
Row = Mapping[str, Any]


def devices_disposed_of(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """Rows of providers, of disposals and of devices that are gone."""
    disposals = _Disposals(window, evidence)
    return [*_providers(window, evidence), *disposals.outcomes(), *_gone(window, evidence, disposals)]


# --- providers --------------------------------------------------------------------------------------------------------


def _providers(window: TestWindow, evidence: StoredEvidence) -> Iterator[Outcome]:
    providers = window.in_scope("subservice_organisation")
    if not providers and has_closed(window):
        yield window_unknown(window, LINE, "the vendor register names nobody who hosts the system.", about="providers")
    own_reviews = recorded(window, evidence, REVIEWS, "provider_review")
    for provider in providers:
        within = _active(window, provider)
        if within == []:
            continue
        reviews = [
            *recorded(window, evidence, "review", "assurance_report", control_id="CC9-SUB-01", item=provider),
            *(one for one in own_reviews if f"vendor:{slug(str(one.values.get('provider')))}" == provider),
        ]
        verdict = Verdict()
        verdict.used(*(review.digest for review in reviews))
        stands = standing(window, rule_of(window, REVIEWS), (review.performed_at for review in reviews), within)
        stands.tell(verdict, REVIEW_LAPSED, "review of a report of the provider")
        if not stands.lapses:
            read = stands.latest and f"a report was read at {format_instant(stands.latest)}"
            verdict.holds(read or "no report was read yet")
        item_id = f"provider:{provider}"
        yield judged(window, LINE, item_id, window.start, f"Provider {provider}", verdict, stands.waits_until)


def _active(window: TestWindow, provider: str) -> list[Span] | None:
    """When the register has a provider in the window; None where it does not say."""
    zone = window.programme.timezone
    rows = [
        row for row in window.registers.get("vendors", ())
        if f"vendor:{slug(str(row['vendor_id']))}" == provider and row.get("kind", "subservice") == "subservice"
    ]  # fmt: skip
    if not rows:
        return None
    spans: list[Span] = []
    for row in rows:
        start = max(start_of(row.get("from"), zone) or window.start, window.start)
        end = min(end_of(row.get("to"), zone) or window.end, window.end)
        if start < end:
            spans.append((ticks(start), ticks(end)))
    return spans


# --- disposals --------------------------------------------------------------------------------------------------------


class _Disposals:
    """The register of disposals, each entry as it is known last."""

    def __init__(self, window: TestWindow, evidence: StoredEvidence) -> None:
        self._window = window
        latest: dict[tuple[str, datetime], tuple[datetime, Row, str]] = {}
        versions = evidence.versions(own.DISPOSALS, window.scope_item_id, BEGINNING, window.as_of)
        for row, digest, learnt in versions:
            key = (str(row["device_id"]), row["event_time"])
            if learnt <= window.as_of and (key not in latest or latest[key][0] <= learnt):
                latest[key] = learnt, row, digest
        self._rows = [(row, digest) for _, row, digest in latest.values()]
        self.held = evidence.covered(own.DISPOSALS, window.scope_item_id, window.start, window.end)

    def of(self, device: str, gone: datetime) -> tuple[Row, str] | None:
        """The latest disposal of a device, by its id or serial number; one long before it was gone is another one."""
        mine = [
            one for one in self._rows
            if str(one[0]["device_id"]).casefold() == device.casefold() and one[0]["event_time"] >= gone - _STAYS
        ]  # fmt: skip
        return max(mine, key=lambda one: one[0]["event_time"], default=None)

    def outcomes(self) -> Iterator[Outcome]:
        """The rows of the window's disposals."""
        window = self._window
        for row, digest in sorted(self._rows, key=lambda one: (one[0]["event_time"], one[0]["device_id"])):
            if window.start <= row["event_time"] < window.end:
                yield self._outcome(row, digest)
        if has_closed(window) and not self.held:
            yield window_unknown(window, LINE, "the register of disposals is not held for it.", about="disposals")

    def _outcome(self, row: Row, digest: str) -> Outcome:
        verdict = Verdict()
        verdict.used(digest)
        wiped, gone = row["wiped_at"], row["disposed_at"]
        if row["outcome"] not in _LEFT:
            verdict.holds(f"it is {row['outcome'].replace('_', ' ')}, so nothing left the company on purpose")
        elif wiped is None:
            verdict.fails(WIPE_MISSING, "it left the company, and nobody wrote that it was wiped")
        elif gone is None:
            verdict.doubts(
                f"whether it was wiped, at {format_instant(wiped)}, before it left: nobody wrote when it left"
            )
        elif wiped > gone:
            told = f"it left at {format_instant(gone)} and was wiped only at {format_instant(wiped)}"
            verdict.fails(WIPE_MISSING, told)
        elif not row["done_by"] or not row["method"]:
            verdict.doubts("who wiped it and how")
        else:
            words = f"{short(row['done_by'])} wiped it at {format_instant(wiped)} ({short(row['method'])})"
            verdict.holds(f"{words}, before it left at {format_instant(gone)}")
        at = row["event_time"]
        subject = f"Device {short(row['device_id'])}, out of use since {format_instant(at)}"
        item_id = f"disposal:{row['device_id']}@{format_instant(at)}"
        return judged(self._window, LINE, item_id, at, subject, verdict)


# --- devices that are gone --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Shown:
    id: str
    serial: str


def _gone(window: TestWindow, evidence: StoredEvidence, disposals: _Disposals) -> Iterator[Outcome]:
    sources = [(own.DEVICES, item) for item in window.in_scope("device")]
    sources += [(google.DEVICES, item) for item in window.in_scope("identity_domain") if item.startswith("google:")]
    looked_at = False
    for dataset, item in sources:
        snapshots = list(evidence.snapshots(dataset, item, window.start, window.end))
        before = evidence.snapshot_before(dataset, item, window.start)
        looked_at = looked_at or bool(snapshots)
        yield from _vanished(window, evidence, dataset, item, [*([before] if before else []), *snapshots], disposals)
    if has_closed(window) and not looked_at:
        yield window_unknown(window, LINE, "no snapshot of any inventory of devices is held.", about="devices")


def _vanished(
    window: TestWindow, evidence: StoredEvidence, dataset: Dataset, item: str,
    snapshots: list[tuple[datetime, list[Row], str]], disposals: _Disposals,
) -> Iterator[Outcome]:  # fmt: skip
    shown: dict[str, _Shown] = {}
    missed: dict[str, tuple[_Shown, datetime, tuple[str, ...]]] = {}
    earlier = ""
    for at, rows, digest in snapshots:
        now = {device.id: device for device in _devices(window, dataset, rows, at)}
        for device_id in [one for one in missed if one in now]:
            del missed[device_id]  # it came back
        for device_id, device in shown.items():
            if device_id not in now and at >= window.start:
                missed[device_id] = device, at, (earlier, digest)
        shown, earlier = now, digest
    if not missed:
        return
    latest = evidence.snapshot_before(dataset, item, window.as_of)
    still = [] if latest is None else list(_devices(window, dataset, latest[1], latest[0]))
    for device, at, digests in missed.values():
        yield _missing(window, dataset, device, at, digests, still, disposals)


def _missing(
    window: TestWindow, dataset: Dataset, device: _Shown, at: datetime, digests: tuple[str, ...], still: list[_Shown],
    disposals: _Disposals,
) -> Outcome:  # fmt: skip
    verdict, waits = Verdict(), None
    verdict.used(*digests)
    found = disposals.of(device.id, at) or (disposals.of(device.serial, at) if device.serial else None)
    again = next((one for one in still if device.serial and one.serial == device.serial), None)
    if any(one.id == device.id for one in still):
        verdict.holds("a later snapshot shows it again")
    elif again is not None:
        verdict.holds(f"enrolled again as {short(again.id)}, by its serial number")
    elif found is not None:
        verdict.used(found[1])
        verdict.holds(f"the register of disposals says {found[0]['outcome'].replace('_', ' ')}")
    elif window.as_of < window.end + DUE:
        verdict.holds("no disposal and no loss is entered yet")
        waits = window.end + DUE
    elif not disposals.held:
        verdict.doubts("what became of it: the register of disposals is not held for the window")
    else:
        verdict.fails(DEVICE_VANISHED, "no disposal and no report of a loss names it")
    system = "Google" if dataset is google.DEVICES else "the register"
    subject = f"Device {short(device.id)} of {system}, no longer shown at {format_instant(at)}"
    return judged(window, LINE, f"vanished:{device.id}@{format_instant(at)}", at, subject, verdict, waits)


def _devices(window: TestWindow, dataset: Dataset, rows: Iterable[Row], at: datetime) -> Iterator[_Shown]:
    for row in rows:
        if dataset is google.DEVICES:
            yield _Shown(str(row["device_id"]), str(row["serial_number"] or "").casefold())
        elif holds_at({"from": row["valid_from"], "to": row["valid_to"]}, at, window.programme.timezone):
            # A device that has not been handed out yet was never there.
            yield _Shown(str(row["device_id"]), "")
