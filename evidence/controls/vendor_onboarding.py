"""CC9-VEN-02: no vendor is used before it was assessed and has signed.

The population of a month are the vendors whose first use lies in it, and the apps that were let in at Google or GitHub
for the first time:

- USED_BEFORE_REVIEW  a vendor of the tiers `critical` and `high` was used before it was assessed, or never was
- NO_CONTRACT         it was used before a contract with terms on security, confidentiality and data was signed
- UNLISTED_APP        an app was let in that belongs to no vendor

Decisions where the rule leaves room:

- First use is the earliest of the vendor's first day in the register, what the record of its onboarding says, and the
  first event that let one of its apps in. A vendor without a first day in the register was there before everything.
- A record of an onboarding counts for the time at which it was made (one that was written down late, from its arrival).
  The day of a contract is that of the paper, which another company signed too, and is taken as written.
- Vendors of the tier `low` need neither; trials and free tools without customers' data are named by the programme
  (`apps_without_vendor`), by client id or slug.
- An app that was removed everywhere on the local day on which it was let in is shown, and is no exception.
- An app is new where no stored event before the window let it in. What was authorised before the store began is thus
  new when somebody authorises it again, and then needs its vendor.
- Apps of no vendor stand with the first vendor of the window.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from evidence.completeness.local_time import zone
from evidence.completeness.windows import window_bounds
from evidence.controls.currency import period_of
from evidence.controls.held import BEGINNING, has_closed, window_unknown
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.recorded import instant_of, judged, recorded, short
from evidence.controls.validity import start_of
from evidence.controls.vendor_apps import STREAMS, App, Vendors, apps_of_events, systems_of
from evidence.controls.verdict import Verdict
from evidence.programme_versions import slug
from evidence.record import StoredRecord
from schemas.instants import format_instant
from schemas.outcome import Outcome

LINE = "onboarding"
USED_BEFORE_REVIEW = "USED_BEFORE_REVIEW"
NO_CONTRACT = "NO_CONTRACT"
UNLISTED_APP = "UNLISTED_APP"
CODES = (USED_BEFORE_REVIEW, NO_CONTRACT, UNLISTED_APP)

CHECKED = ("critical", "high")
"""Tiers that must be assessed and have signed before use."""


def vendors_checked_first(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """The row of one vendor, where its first use lies in the window; with the first vendor also those of apps."""
    return [*_vendor(window, evidence), *_apps(window, evidence)]


def _vendor(window: TestWindow, evidence: StoredEvidence) -> Iterator[Outcome]:
    rows = [
        row for row in window.registers.get("vendors", ())
        if f"vendor:{slug(str(row['vendor_id']))}" == window.scope_item_id
    ]  # fmt: skip
    if not rows:
        yield window_unknown(window, LINE, "the vendor register as recorded does not show it.", about="vendor")
        return
    days = [start_of(row.get("from"), window.programme.timezone) for row in rows]
    listed = None if None in days else min(day for day in days if day is not None)
    month = window_bounds(window.window_id, window.programme.timezone)
    if listed is None or not max(month.start, period_of(window)[0]) <= listed < month.end:
        return
    records = recorded(window, evidence, LINE, "vendor_onboarding")
    verdict = Verdict()
    verdict.used(*(record.digest for record in records))
    first, how = _first_use(window, evidence, records, listed, verdict)
    tier = str(min(rows, key=lambda row: str(row.get("from") or ""))["tier"])
    if tier in CHECKED:
        _assessed(records, first, verdict)
        _signed(records, first, verdict)
    else:
        verdict.holds(f"of the tier {tier}, which needs no check before use")
    subject = f"Vendor {short(window.scope_item)}, used since {format_instant(first)} ({how})"
    yield judged(window, LINE, f"first-use:{window.scope_item_id}", first, subject, verdict)


def _first_use(
    window: TestWindow, evidence: StoredEvidence, records: list[StoredRecord], listed: datetime, verdict: Verdict
) -> tuple[datetime, str]:
    uses = [(listed, "its first day in the register")]
    said = [at for record in records if (at := instant_of(record.values, "first_use_at")) is not None]
    uses += [(at, "as its onboarding says") for at in said]
    vendors = Vendors(window, evidence)
    for system, item in systems_of(window):
        for app in apps_of_events(evidence, system, item, BEGINNING, window.end).values():
            behind = vendors.of(app)
            if behind is not None and behind[0] == window.scope_item_id and app.let_in:
                uses.append((app.let_in[0][0], f"{app.words} was let in"))
                verdict.used(app.digests[0])
    return min(uses, key=lambda use: use[0])


def _assessed(records: list[StoredRecord], first: datetime, verdict: Verdict) -> None:
    if not records:
        verdict.fails(USED_BEFORE_REVIEW, "nobody has recorded that it was assessed")
        return
    at = records[0].performed_at
    by = short(records[0].values.get("approved_by") or records[0].signed_by)
    if at > first:
        verdict.fails(USED_BEFORE_REVIEW, f"it was assessed only at {format_instant(at)}")
    else:
        verdict.holds(f"assessed at {format_instant(at)}, approved by {by}")


def _signed(records: list[StoredRecord], first: datetime, verdict: Verdict) -> None:
    signed = [(at, record) for record in records if (at := instant_of(record.values, "contract_signed_at")) is not None]
    if not signed:
        verdict.fails(NO_CONTRACT, "no record says that a contract was signed")
        return
    at, _ = min(signed, key=lambda one: one[0])
    terms = [record.values.get("data_terms") for _, record in signed]
    if at > first:
        verdict.fails(NO_CONTRACT, f"the contract was signed only at {format_instant(at)}")
    elif terms[-1] is False:
        verdict.fails(NO_CONTRACT, "the contract has no terms on security, confidentiality and data")
    elif terms[-1] is None:
        verdict.doubts("whether the contract has terms on security, confidentiality and data")
    else:
        verdict.holds(f"the contract was signed at {format_instant(at)}")


# --- apps -------------------------------------------------------------------------------------------------------------


def _apps(window: TestWindow, evidence: StoredEvidence) -> Iterator[Outcome]:
    if window.leading is None:
        return
    start, end = window.leading
    closed = has_closed(window) and window.as_of >= end
    vendors, systems = Vendors(window, evidence), systems_of(window)
    if not systems and closed:
        yield window_unknown(window, LINE, "no system that could tell of new apps is in scope.", about="apps")
    for system, item in systems:
        earlier = apps_of_events(evidence, system, item, BEGINNING, start)
        for app in apps_of_events(evidence, system, item, start, end).values():
            before = earlier.get(app.key)
            if app.let_in and (before is None or not before.let_in):
                several = sum(other == system for other, _ in systems) > 1
                yield _app(window, app, vendors, item if several else None)
        if closed and not evidence.covered(STREAMS[system], item, start, end):
            yield window_unknown(window, LINE, f"not all apps let in at {item} are known.", about=f"apps {item}")


def _app(window: TestWindow, app: App, vendors: Vendors, of: str | None) -> Outcome:
    verdict, (at, by) = Verdict(), app.let_in[0]
    verdict.used(*app.digests)
    verdict.holds(f"let in by {short(by)} at {format_instant(at)}")
    behind = vendors.of(app)
    if behind is not None and not vendors.listed(behind[0]):
        verdict.fails(UNLISTED_APP, f"its onboarding is recorded for {behind[0]}, which the register does not have")
    elif behind is not None:
        verdict.used(behind[1].digest)
        verdict.holds(f"of {behind[0]}, by the record of its onboarding")
    elif vendors.without_vendor(app):
        verdict.holds("the programme says that no vendor is behind it")
    elif _same_day(window, app):
        verdict.holds("removed on the same day")
    elif (like := vendors.like(app)) is not None:
        verdict.doubts(f"whether it is of {like}, whose name it bears: no record of an onboarding lists it")
    else:
        verdict.fails(
            UNLISTED_APP, f"let in by {short(by)} at {format_instant(at)}, and no vendor is known to be behind it"
        )
    item_id = app.item_id if of is None else f"{app.item_id}@{of}"
    return judged(window, LINE, item_id, at, app.words, verdict)


def _same_day(window: TestWindow, app: App) -> bool:
    """Whether it was let in on one local day alone and removed as often and last of all on that day."""
    where = zone(window.programme.timezone)
    days = {at.astimezone(where).date() for at, _ in app.let_in}
    gone = [at for at in app.removed if at.astimezone(where).date() in days]
    return len(days) == 1 and len(gone) >= len(app.let_in) and max(gone) > max(at for at, _ in app.let_in)
