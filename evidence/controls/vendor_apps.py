"""Apps that somebody let in at Google or GitHub, and the vendors behind them (CC9-VEN-01, CC9-VEN-02).

An app belongs to a vendor where the record of its onboarding lists it (`apps`) by its client id, its slug or its name.
Anybody may call an app by the name of a well-known company: a name that is like that of a vendor, and that nobody wrote
down as the vendor's, proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.recorded import recorded, short
from evidence.controls.validity import holds_at
from evidence.programme_versions import slug
from evidence.record import StoredRecord
from schemas import github_organisation, google
from schemas.dataset import Dataset

INSTALLED = frozenset({"integration_installation.create", "installation.created"})
REMOVED = frozenset({"integration_installation.destroy", "installation.deleted"})
STREAMS: Mapping[str, Dataset] = {
    "google": google.TOKEN_ACTIVITIES, "github": github_organisation.AUDIT_EVENTS,
}  # fmt: skip
_GOOGLE_EVENTS = ("authorize", "revoke")


@dataclass(slots=True)
class App:
    """One app on one system, as events or snapshots tell of it."""

    system: str
    key: str
    """Client id, slug or installation."""
    names: set[str] = field(default_factory=set[str])
    let_in: list[tuple[datetime, str]] = field(default_factory=list[tuple[datetime, str]])
    """When, and by whom."""
    removed: list[datetime] = field(default_factory=list[datetime])
    digests: list[str] = field(default_factory=list[str])

    @property
    def item_id(self) -> str:
        return f"app:{self.system}:{self.key}"

    @property
    def words(self) -> str:
        named = ", ".join(sorted(self.names - {self.key}))
        system = {"google": "Google", "github": "GitHub"}[self.system]
        return f"App {short(self.key)} at {system}" + (f" ({short(named)})" if named else "")


def systems_of(window: TestWindow) -> list[tuple[str, str]]:
    """Systems that tell of apps, each with an item in scope."""
    return [
        (system, item)
        for item in window.in_scope("identity_domain")
        for system in [item.partition(":")[0]]
        if system in STREAMS and ":unresolved:" not in item
    ]


def apps_of_events(
    evidence: StoredEvidence, system: str, item: str, start: datetime, end: datetime
) -> dict[str, App]:  # fmt: skip
    """Apps that the events of an interval tell of, by key."""
    apps: dict[str, App] = {}
    column, wanted = ("event_name", _GOOGLE_EVENTS) if system == "google" else ("action", (*INSTALLED, *REMOVED))
    rows = evidence.rows(STREAMS[system], item, start, end, where={column: wanted})
    for row, digest in sorted(rows, key=lambda one: one[0]["event_time"]):
        name = row["object_name"] if system == "google" else row["application"]
        number = row["object_id"] if system == "google" else row["application"] or row["installation_id"]
        key = str(number or name or row["event_id"])
        app = apps.setdefault(key, App(system, key))
        app.names.update(str(one) for one in (key, name) if one)
        app.digests.append(digest)
        if row[column] == "authorize" or row[column] in INSTALLED:
            actor: Mapping[str, Any] = row["actor"] or {}
            app.let_in.append((row["event_time"], str(actor.get("email") or actor.get("login") or "somebody unnamed")))
        else:
            app.removed.append(row["event_time"])
    return apps


def apps_of_accounts(at: datetime, rows: Iterable[Mapping[str, Any]], digest: str) -> Iterator[App]:
    """Apps that a snapshot of GitHub's accounts shows as installed."""
    for row in rows:
        if row["kind"] == "app":
            names = {str(one) for one in (row["login"], row["name"], row["account_id"]) if one}
            yield App("github", str(row["login"] or row["account_id"]), names, [(at, "")], digests=[digest])


class Vendors:
    """Who stands behind an app."""

    def __init__(self, window: TestWindow, evidence: StoredEvidence) -> None:
        self._zone = window.programme.timezone
        self._without = {name.casefold() for name in window.programme.evidence_rules.apps_without_vendor}
        self._apps: dict[str, tuple[str, StoredRecord]] = {}
        self._rows: dict[str, list[Mapping[str, Any]]] = {}
        for row in window.registers.get("vendors", ()):
            self._rows.setdefault(f"vendor:{slug(str(row['vendor_id']))}", []).append(row)
        for vendor in sorted({*window.in_scope("vendor"), *self._rows, window.scope_item_id}):
            for record in recorded(
                window, evidence, "onboarding", "vendor_onboarding", control_id="CC9-VEN-02", item=vendor
            ):
                for name in record.values.get("apps") or ():
                    self._apps.setdefault(str(name).casefold(), (vendor, record))

    def without_vendor(self, app: App) -> bool:
        """Whether the programme says that no vendor is behind it: by client id or slug, never by a name alone."""
        return app.key.casefold() in self._without

    def of(self, app: App) -> tuple[str, StoredRecord] | None:
        """The vendor of an app and the record that says so."""
        for name in (app.key, *sorted(app.names)):
            if name.casefold() in self._apps:
                return self._apps[name.casefold()]
        return None

    def like(self, app: App) -> str | None:
        """A vendor whose name the app bears, which nobody wrote down."""
        names = {slug(name) for name in app.names}
        for vendor, rows in self._rows.items():
            if any(slug(str(row.get(name) or "?")) in names for row in rows for name in ("name", "vendor_id")):
                return vendor
        return None

    def listed(self, vendor: str) -> bool:
        """Whether the register has the vendor at all."""
        return vendor in self._rows

    def active(self, vendor: str, at: datetime) -> bool:
        """Whether the register has the vendor at an instant."""
        return any(holds_at(row, at, self._zone) for row in self._rows.get(vendor, ()))
