"""What each tracker does for a dataset of tickets: read it, say whether it can be read, tell the time.

A tracker's client says which one it is; its library is loaded when it is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, cast

from schemas.dataset import Dataset
from schemas.extraction import ItemClaim, Request, Session, Sink

TrackerName = Literal["github", "jira", "pagerduty", "file"]


class TrackerClient(Protocol):
    """`Session.client` of a session with a tracker."""

    @property
    def tracker(self) -> TrackerName: ...


@dataclass(frozen=True, slots=True)
class Tracker:
    """The functions of one tracker."""

    read: Callable[[Dataset, Session, Request, Sink], list[ItemClaim]]
    """Fills a dataset with the tickets opened in [start, end), of which the session says where they are."""
    probe: Callable[[Dataset, Session], None]
    """Returns where they can be read, raises one of `schemas.errors` where not."""
    clock: Callable[[Session], datetime]
    """Its own time; that of this machine for a file."""


def tracker_of(session: Session) -> Tracker:
    """The tracker that a session is with."""
    return _TRACKERS[cast("TrackerClient", session.client).tracker]()


def _github() -> Tracker:
    from connectors.github.issues import issues
    from connectors.github.probes import source_clock, tickets_are_shown

    return Tracker(issues, tickets_are_shown, source_clock)


def _jira() -> Tracker:
    from connectors.jira.tickets import project_is_shown, source_clock, tickets

    return Tracker(tickets, project_is_shown, source_clock)


def _pagerduty() -> Tracker:
    from connectors.pagerduty.incidents import incidents, services_are_shown, source_clock

    return Tracker(incidents, services_are_shown, source_clock)


def _file() -> Tracker:
    from connectors.registers.incidents import file_is_in_order, incidents, this_clock

    return Tracker(incidents, file_is_in_order, this_clock)


_TRACKERS: dict[TrackerName, Callable[[], Tracker]] = {
    "github": _github,
    "jira": _jira,
    "pagerduty": _pagerduty,
    "file": _file,
}
