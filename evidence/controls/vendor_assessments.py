"""CC9-VEN-01: every vendor is listed, assessed at the rhythm of its tier, decided upon and followed.

The population of a quarter are the vendors active in it, one row each, and the apps that are authorised at Google and
installed at GitHub, whose vendors must stand in the register:

- ASSESSMENT_LAPSED  at some instant at which the tier asks for it no assessment was current: 12 months for the tier
                     `critical`, 24 for `high`, with the line's days of grace
- NO_DECISION        an assessment without a decision or an approver, or whose approver asked for the vendor
- ACTION_OVERDUE     what an assessment asked for was not done by its day
- VENDOR_UNLISTED    an app that belongs to no vendor, or to one that the register does not have at that time

Decisions where the rule leaves room:

- The tier at an instant is that of the latest snapshot of the register before it; before the first one, of the first.
  The tier `low` asks for no assessment.
- A vendor is asked for while it is in scope by the register, so one that left owes an assessment until its last day.
- Who asked for the vendor must be recorded: without it nobody can say that somebody else decided.
- Of apps those count that a snapshot of the quarter shows (GitHub) or somebody authorised in it (Google). Apps without
  a vendor are named by the programme (`apps_without_vendor`).
- Apps are of no vendor's item until somebody says so: their rows stand with the first vendor of the window.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from evidence.completeness.coverage import Span
from evidence.completeness.instants import ticks
from evidence.controls.currency import rule_of, standing
from evidence.controls.held import has_closed, window_unknown
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.recorded import Persons, follow_actions, judged, recorded, serving, short
from evidence.controls.validity import holds_at
from evidence.controls.vendor_apps import App, Vendors, apps_of_accounts, apps_of_events, systems_of
from evidence.controls.verdict import Verdict
from evidence.programme_versions import slug
from evidence.record import StoredRecord
from schemas import github_organisation, google, own
from schemas.instants import format_instant
from schemas.outcome import Outcome

LINE = "register"
ASSESSMENTS = "assessment"
ASSESSMENT_LAPSED = "ASSESSMENT_LAPSED"
VENDOR_UNLISTED = "VENDOR_UNLISTED"
NO_DECISION = "NO_DECISION"
ACTION_OVERDUE = "ACTION_OVERDUE"
CODES = (ASSESSMENT_LAPSED, VENDOR_UNLISTED, NO_DECISION, ACTION_OVERDUE)

MONTHS: Mapping[str, int] = {"critical": 12, "high": 24}
"""How long an assessment is current, by tier."""
Row = Mapping[str, Any]


def vendors_assessed(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """The row of one vendor; with the first one also those of apps."""
    return [*_vendor(window, evidence), *_apps(window, evidence)]


def _vendor(window: TestWindow, evidence: StoredEvidence) -> Iterator[Outcome]:
    verdict, waits = Verdict(), list[datetime]()
    records = recorded(window, evidence, ASSESSMENTS, "vendor_assessment")
    relevant = serving(window, records)
    verdict.used(*(record.digest for record in relevant))
    tiers = _tiers(window, evidence, verdict)
    if not tiers:
        if has_closed(window):
            yield window_unknown(window, LINE, "no snapshot of the vendor register is held.", about="vendor")
        return
    asked = False
    for tier, months in MONTHS.items():
        within = [span for span, of in tiers if of == tier]
        if within:
            asked = True
            rule = rule_of(window, ASSESSMENTS, months=months)
            stands = standing(window, rule, (record.performed_at for record in records), within)
            stands.tell(verdict, ASSESSMENT_LAPSED, f"assessment of a vendor of the tier {tier}")
            if stands.latest is not None and not stands.lapses:
                verdict.holds(f"of the tier {tier}, assessed at {format_instant(stands.latest)}")
            if stands.waits_until is not None:
                verdict.holds(f"of the tier {tier}" + ("" if stands.latest else ", not assessed yet"))
                waits.append(stands.waits_until)
    if any(tier is None for _, tier in tiers):
        verdict.doubts("its tier while the register did not show it")
    if not asked:
        verdict.holds("its tier asks for no assessment")
    persons = Persons(window)
    for record in relevant:
        _decided(record, persons, verdict)
    awaited = follow_actions(window, verdict, ACTION_OVERDUE, records, window_alone=True)
    waits += [awaited] if awaited is not None else []
    subject, item_id = f"Vendor {short(window.scope_item)}", f"vendor:{window.scope_item_id}"
    yield judged(window, LINE, item_id, window.start, subject, verdict, min(waits, default=None))


def _tiers(window: TestWindow, evidence: StoredEvidence, verdict: Verdict) -> list[tuple[Span, str | None]]:
    """The tier over the window, None where a snapshot does not show the vendor."""
    shown: list[tuple[datetime, str | None]] = []
    for item in window.asked_for(own.VENDORS):
        before = evidence.snapshot_before(own.VENDORS, item, window.start)
        later = evidence.snapshots(own.VENDORS, item, window.start, window.end)
        for at, rows, digest in [*([] if before is None else [before]), *later]:
            tier = _tier(window, rows, at)
            if not shown or shown[-1][1] != tier:
                verdict.used(digest)
            shown.append((at, tier))
    shown.sort(key=lambda one: one[0])
    starts = [window.start, *(max(at, window.start) for at, _ in shown[1:])]
    ends = [*starts[1:], window.end]
    spans = [(ticks(start), ticks(end)) for start, end in zip(starts, ends, strict=True)]
    return [(span, tier) for span, (_, tier) in zip(spans, shown, strict=False) if span[0] < span[1]]


def _tier(window: TestWindow, rows: Sequence[Row], at: datetime) -> str | None:
    mine = [row for row in rows if f"vendor:{slug(str(row['vendor_id']))}" == window.scope_item_id]
    for row in mine:
        validity = {"from": row["valid_from"], "to": row["valid_to"]}
        if holds_at(validity, at, window.programme.timezone):
            return str(row["tier"])
    return str(mine[-1]["tier"]) if mine else None


def _decided(record: StoredRecord, persons: Persons, verdict: Verdict) -> None:
    values, at = record.values, record.performed_at
    approver, asked = values.get("approver"), values.get("requested_by")
    told = f"the assessment of {format_instant(at)}"
    if not values.get("decision"):
        verdict.fails(NO_DECISION, f"{told} has no decision")
    elif not approver:
        verdict.fails(NO_DECISION, f"{told} names nobody who decided")
    elif not asked:
        verdict.doubts(
            f"whether {told} was decided by somebody who had not asked for the vendor: no requester is recorded"
        )
    elif (same := persons.same(str(approver), str(asked), at)) is True:
        verdict.fails(NO_DECISION, f"{told} was decided by {short(approver)}, who had asked for the vendor")
    elif same is None:
        verdict.doubts(
            f"whether {short(approver)}, who decided {told}, and {short(asked)}, who had asked, are two people"
        )
    else:
        verdict.holds(f"{short(approver)} decided: {short(values['decision'])}")


# --- apps -------------------------------------------------------------------------------------------------------------


def _apps(window: TestWindow, evidence: StoredEvidence) -> Iterator[Outcome]:
    if window.leading is None:
        return
    start, end = window.leading
    closed = has_closed(window) and window.as_of >= end
    vendors = Vendors(window, evidence)
    systems = systems_of(window)
    if not systems and closed:
        yield window_unknown(window, LINE, "no system that could tell of authorised apps is in scope.", about="apps")
    found: dict[str, App] = {}
    for system, item in systems:
        if system == "google":
            apps = apps_of_events(evidence, system, item, start, end).values()
            held = evidence.covered(google.TOKEN_ACTIVITIES, item, start, end)
        else:
            snapshots = list(evidence.snapshots(github_organisation.ACCOUNTS, item, start, end))
            apps = [app for at, rows, digest in snapshots for app in apps_of_accounts(at, rows, digest)]
            held = bool(snapshots)
        for app in apps:
            if app.let_in:
                found.setdefault(app.item_id, app)
        if closed and not held:
            yield window_unknown(window, LINE, f"not all apps of {item} are known.", about=f"apps {item}")
    for app in found.values():
        yield _app(window, app, vendors)


def _app(window: TestWindow, app: App, vendors: Vendors) -> Outcome:
    verdict, at = Verdict(), app.let_in[0][0]
    verdict.used(*app.digests)
    behind = vendors.of(app)
    if behind is not None:
        vendor, record = behind
        verdict.used(record.digest)
        if vendors.active(vendor, at):
            verdict.holds(f"of {vendor}, by the record of its onboarding")
        else:
            verdict.fails(VENDOR_UNLISTED, f"of {vendor}, which the register does not have at {format_instant(at)}")
    elif vendors.without_vendor(app):
        verdict.holds("the programme says that no vendor is behind it")
    elif (like := vendors.like(app)) is not None:
        verdict.doubts(f"whether it is of {like}, whose name it bears: no record of an onboarding lists it")
    else:
        verdict.fails(
            VENDOR_UNLISTED, f"seen at {format_instant(at)}, and no vendor of the register is known to be behind it"
        )
    return judged(window, LINE, app.item_id, at, app.words, verdict)
