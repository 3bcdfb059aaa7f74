"""When access to a system ended, by events and by snapshots, and whether that was in time.

Snapshots say at which instants somebody could get in; events say when that ended or began again. Access ended for good
with the first sign of its end after the last sign of access. Where that sign is an event the instant is known; where it
is a snapshot access ended between two snapshots. If every event of that time is held, those that took away the parts
access consists of tell when: it lasts as long as its last part. A gap between two snapshots that holds the deadline
proves nothing: that is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from evidence.controls.access_event import AccessEvent
from evidence.controls.access_holdings import Holding, Stretch
from schemas.instants import format_instant

State = Literal["in", "out", "unsaid"]


@dataclass(frozen=True, slots=True)
class Sign:
    """What was known of a holding at an instant."""

    at: datetime
    state: State
    event: AccessEvent | None = None
    digest: str = ""


@dataclass(frozen=True, slots=True)
class End:
    """How far access reached. `lasted` is the last sign of access, `over` the first sign of its end after that."""

    lasted: datetime | None
    """None: never seen with access."""
    over: datetime | None
    exact: bool
    """Whether `over` is the instant of the end itself; else access ended after `lasted` and by `over`."""
    confirmed: bool
    """Whether a snapshot at or after `over` shows it without access."""
    unsaid: bool
    digests: tuple[str, ...]

    @property
    def words(self) -> str:
        """When it ended, for sentences."""
        if self.over is None:
            return "" if self.lasted is None else f"access was last seen at {format_instant(self.lasted)}"
        if self.exact:
            return f"access ended at {format_instant(self.over)}"
        if self.lasted is None:
            return f"no access was seen, first at {format_instant(self.over)}"
        return f"access ended after {format_instant(self.lasted)} and by {format_instant(self.over)}"


def signs_of(
    stretches: Sequence[Stretch],
    events: Iterable[tuple[AccessEvent, str]],
    instants: Sequence[datetime] = (),
    theirs: Callable[[Holding, datetime], bool] | None = None,
) -> list[Sign]:
    """Signs in order.

    `theirs` says whether a holding, as shown at an instant, is still the person's in question, which may change while
    it is shown alike: it is asked at each of `instants`, those of all snapshots.
    """
    signs: list[Sign] = []
    for stretch in stretches:
        asked = (at for at in instants if stretch.first < at < stretch.last)
        for at in dict.fromkeys((stretch.first, *asked, stretch.last)):
            state: State = "out"
            if stretch.shown is not None and (theirs is None or theirs(stretch.shown, at)):
                state = "unsaid" if stretch.shown.active is None else "in" if stretch.shown.active else "out"
            signs.append(Sign(at, state, digest=stretch.digest))
    for event, digest in events:
        if event.kind == "ended" and event.part is None:
            signs.append(Sign(event.at, "out", event, digest))
        elif event.opens:
            signs.append(Sign(event.at, "in", event, digest))
    return sorted(signs, key=lambda sign: (sign.at, sign.event is None))


def end_of(
    signs: Sequence[Sign], events: Iterable[tuple[AccessEvent, str]], covered: Callable[[datetime, datetime], bool]
) -> End:
    """When access ended for good, as far as the signs go. `covered`: whether every event of a time is held."""
    digests = tuple(dict.fromkeys(sign.digest for sign in signs if sign.digest))
    last = max((number for number, sign in enumerate(signs) if sign.state == "in"), default=-1)
    lasted = signs[last].at if last >= 0 else None
    after = signs[last + 1 :]
    gone = next((sign for sign in after if sign.state == "out"), None)
    unsaid = any(sign.state == "unsaid" for sign in after if gone is None or sign.at < gone.at)
    if gone is None:
        return End(lasted, None, False, False, unsaid, digests)
    confirmed = any(sign.state == "out" and sign.event is None for sign in after)
    if gone.event is not None:
        return End(lasted, gone.at, True, confirmed, unsaid, digests)
    if lasted is not None and covered(lasted, gone.at):
        parts = [event.at for event, _ in events if _takes_a_part(event) and lasted < event.at <= gone.at]
        if parts:
            return End(lasted, max(parts), True, True, unsaid, digests)
    return End(lasted, gone.at, False, True, unsaid, digests)


def _takes_a_part(event: AccessEvent) -> bool:
    """Whether an event takes away one of the things that access consists of, all of which a snapshot shows gone."""
    if event.kind == "ended":
        return event.part is not None
    return event.kind == "taken" and (event.subject.system == "gcp" or event.action in _COLLABORATOR)


_COLLABORATOR = ("repo.remove_member", "member.removed", "sso:DeleteAccountAssignment")
"""What somebody from outside has is the sum of single repositories or assignments."""
