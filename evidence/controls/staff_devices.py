"""CC6-DEV-01: staff devices are managed and protected.

Each snapshot is judged, device by device, as Google's device management (`google.devices`) and the register of devices
(`own.devices`) have it; a device that both know, by its serial number, is one, and each says what the other does not:

- DEVICE_UNMANAGED  not approved by the device management, compromised, without a screen lock or protection from
                    malware; or a person who signed in and of whom no device is known, one row for the person
- NOT_ENCRYPTED     its disk is not encrypted
- OS_OLD            its operating system is older than the programme allows (`device_os_minimum`)
- SYNC_STALE        the device management last heard of it more than 30 days before

Decisions where the rule leaves room:

- The sign-in log of Google names people and no devices. So the population are the devices of people who signed in
  within 30 days before the snapshot, and shared devices of the register, which are nobody's; where the log is not held,
  all devices. A person who signed in and has no device at all is an item too, and so is an account of nobody known.
- A source that was last read more than 35 days before, the longest gap allowed, says nothing of a snapshot's day.
- Devices that are blocked, wiped or taken back can reach nothing and are left out; those of leavers are, as soon as
  their holder can not sign in.
- What neither source tells is `unknown`. Google tells nothing of protection from malware, and is not asked for it; the
  register is, where it lists the device.
- Without a least version for its platform it is unknown whether an operating system is old.
- A virtual desktop stands in the register like any device.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from evidence.controls.held import has_closed, window_unknown
from evidence.controls.identity import IdentityMap, People, Person, Who
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.stretches import Seen, Stretches
from evidence.controls.validity import end_of, start_of
from schemas import google, own
from schemas.outcome import Outcome

LINE = "devices"
DEVICE_UNMANAGED = "DEVICE_UNMANAGED"
NOT_ENCRYPTED = "NOT_ENCRYPTED"
OS_OLD = "OS_OLD"
SYNC_STALE = "SYNC_STALE"
CODES = (DEVICE_UNMANAGED, NOT_ENCRYPTED, OS_OLD, SYNC_STALE)

RECENT = timedelta(days=30)
"""How far back a sign-in makes a device part of the population, and how long it may be silent."""
_STALE = timedelta(days=35)
_MANAGED = frozenset({"APPROVED", "ACTIVE"})
_SHUT_OUT = frozenset({"BLOCKED", "WIPING", "WIPED", "DEPROVISIONED", "DISABLED"})
_PLATFORMS = {
    "MAC_OS": "macos", "WINDOWS": "windows", "LINUX": "linux", "CHROME_OS": "chromeos", "IOS": "ios",
    "ANDROID": "android", "GOOGLE_SYNC": "ios",
}  # fmt: skip
_SIGNED_IN = frozenset({"login_success"})
_VERSION = re.compile(r"\d+(?:\.\d+)*")

Row = Mapping[str, Any]
_Told = tuple[datetime, list[Row], str]


@dataclass(frozen=True, slots=True)
class _Device:
    id: str
    label: str
    holders: tuple[Who, ...]
    platform: str
    os_version: str | None
    encrypted: bool | None
    screen_lock: bool | None
    malware: bool | None
    malware_asked: bool
    managed: bool | None
    compromised: bool
    last_seen: datetime | None
    shut_out: bool = False


def devices_protected(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """Rows for the devices of the staff, and for people who signed in and have none."""
    stretches = Stretches(window, LINE)
    sign_ins = _SignIns(window, evidence)
    unseen = 0
    for snapshot in _snapshots(window, evidence):
        judged, known = _judged(window, sign_ins, snapshot)
        unseen += not known
        stretches.add(snapshot.at, snapshot.digest, judged)
    outcomes = list(stretches.outcomes())
    if has_closed(window):
        if not stretches.snapshots:
            outcomes.append(window_unknown(window, LINE, "no snapshot of devices is held."))
        elif unseen:
            why = (
                f"for {unseen} of {len(stretches.snapshots)} snapshots it is not held who signed in, or what the other "
            )
            outcomes.append(window_unknown(window, LINE, why + "source of devices said by then.", about="people"))
    return outcomes


@dataclass(frozen=True, slots=True)
class _Snapshot:
    at: datetime
    digest: str
    devices: list[_Device]
    whole: bool
    """Whether every source of the programme had been read by then."""


def _snapshots(window: TestWindow, evidence: StoredEvidence) -> Iterator[_Snapshot]:
    """Every snapshot of the window, of either source, with what the other said last before it."""
    identities = window.asked_for(google.DEVICES)
    at: dict[datetime, str] = {}
    for item in identities:
        at |= {seen: digest for seen, _rows, digest in evidence.snapshots(
            google.DEVICES, item, window.start, window.end)}  # fmt: skip
    own_at = evidence.snapshots(own.DEVICES, window.scope_item_id, window.start, window.end)
    at |= {seen: digest for seen, _rows, digest in own_at}
    for instant in sorted(at):
        found = [_fresh(evidence.snapshot_before(google.DEVICES, item, instant), instant) for item in identities]
        managed = [row for one in found if one is not None for row in one[1]]
        own_one = _fresh(evidence.snapshot_before(own.DEVICES, window.scope_item_id, instant), instant)
        rows = () if own_one is None else own_one[1]
        listed = [row for row in rows if _holds(row, instant, window.programme.timezone)]
        whole = None not in found and (own_one is not None or window.programme.registers.devices is None)
        yield _Snapshot(instant, at[instant], _merged(managed, listed), whole)


def _fresh(told: _Told | None, at: datetime) -> _Told | None:
    return None if told is None or at - told[0] > _STALE else told


def _holds(row: Row, at: datetime, zone: str) -> bool:
    start, end = start_of(row["valid_from"], zone), end_of(row["valid_to"], zone)
    return (start is None or start <= at) and (end is None or at < end)


def _merged(managed: Sequence[Row], listed: Sequence[Row]) -> list[_Device]:
    by_name = {str(row["device_id"]).casefold(): row for row in listed}
    devices: list[_Device] = []
    for row in managed:
        names = [str(row[name]).casefold() for name in ("serial_number", "device_id") if row[name]]
        both = next((by_name.pop(name) for name in names if name in by_name), None)
        devices.append(_of_google(row, both))
    return devices + [_of_register(row) for row in by_name.values()]


def _of_google(row: Row, listed: Row | None) -> _Device:
    more: Row = listed or {}
    users = [user for user in row["users"] or () if user["email"]]
    holders = [Who("google", None, None, user["email"]) for user in users]
    holders += _holder(more)
    state = (row["management_state"] or "").upper()
    named = ", ".join(user["email"] for user in users) or "nobody"
    compromised = [row["compromised"], *(user["compromised"] for user in row["users"] or ())]
    return _Device(
        id=f"google:{row['device_id']}",
        label=f"{row['model'] or row['device_type']} {row['serial_number'] or row['device_id']} of {named}",
        holders=tuple(holders),
        platform=_PLATFORMS.get(row["device_type"], str(row["device_type"]).casefold()),
        os_version=row["os_version"] or more.get("os_version"),
        encrypted=_either(row["encrypted"], more.get("encrypted")),
        screen_lock=_either(row["screen_lock"], more.get("screen_lock")),
        malware=more.get("malware_protection"),
        malware_asked=listed is not None,
        managed=None if not state else state in _MANAGED,
        compromised="COMPROMISED" in compromised,
        last_seen=row["last_sync_at"] or more.get("last_seen_at"),
        shut_out=state in _SHUT_OUT,
    )


def _of_register(row: Row) -> _Device:
    holder = row["person_id"] or "nobody in particular"
    return _Device(
        id=f"own:device:{row['device_id']}",
        label=f"{row['platform']} device {row['device_id']} of {holder}",
        holders=tuple(_holder(row)),
        platform=row["platform"],
        os_version=row["os_version"],
        encrypted=row["encrypted"],
        screen_lock=row["screen_lock"],
        malware=row["malware_protection"],
        malware_asked=True,
        managed=True if row["last_seen_at"] is not None else None,
        compromised=False,
        last_seen=row["last_seen_at"],
    )


def _holder(row: Row) -> list[Who]:
    return [Who("person", row["person_id"])] if row.get("person_id") else []


def _either(first: bool | None, second: bool | None) -> bool | None:
    """What two sources say together: what is wrong in either is wrong."""
    said = [one for one in (first, second) if one is not None]
    return all(said) if said else None


class _SignIns:
    """Who signed in when, as far as the log is held."""

    def __init__(self, window: TestWindow, evidence: StoredEvidence) -> None:
        self._evidence = evidence
        self._asked = window.asked_for(google.SIGN_INS)
        self._identities = IdentityMap.of(window.registers, window.programme.timezone)
        self._by_account: dict[Who, list[datetime]] = {}
        for item in self._asked:
            for row, _digest in evidence.rows(google.SIGN_INS, item, window.start - RECENT, window.end):
                actor = row["actor"] or {}
                email, profile = actor.get("email"), actor.get("profile_id")
                if row["event_name"] in _SIGNED_IN and (email or profile):
                    account = (
                        Who("google", email.casefold(), None, email.casefold()) if email else Who("google", profile)
                    )
                    self._by_account.setdefault(account, []).append(row["event_time"])
        for times in self._by_account.values():
            times.sort()

    def people(self, at: datetime) -> People:
        """Who is who at an instant."""
        return self._identities.at(at)

    def held(self, at: datetime) -> bool:
        """Whether all sign-ins of the 30 days before an instant are held."""
        return bool(self._asked) and all(
            self._evidence.covered(google.SIGN_INS, item, at - RECENT, at) for item in self._asked
        )

    def recent(self, at: datetime) -> dict[str, Person]:
        """The accounts that signed in within 30 days before an instant, and whose they are."""
        people = self.people(at)
        found: dict[str, Person] = {}
        for account, times in self._by_account.items():
            place = bisect_left(times, at - RECENT)
            if place < len(times) and times[place] <= at:
                found[account.named] = people.person(account)
        return found


def _judged(window: TestWindow, sign_ins: _SignIns, snapshot: _Snapshot) -> tuple[dict[str, Seen], bool]:
    """What a snapshot says of each item, and whether it is known who signed in and what devices there are."""
    at = snapshot.at
    people, held = sign_ins.people(at), sign_ins.held(at)
    recent = sign_ins.recent(at)
    active: Person = frozenset[str]().union(*recent.values())
    holding: set[str] = set()
    seen: dict[str, Seen] = {}
    minimum = {str(name): least for name, least in window.programme.evidence_rules.device_os_minimum.items()}
    for device in snapshot.devices:
        whose = _persons(device, people)
        if device.shut_out:
            continue
        holding |= whose
        if held and device.holders and whose.isdisjoint(active):
            continue
        if held and not device.holders and device.id.startswith("google:"):
            continue  # stands in the inventory and nobody's account is on it
        seen[device.id] = _device(device, at, minimum)
    if held and snapshot.whole:
        seen |= dict(_without(recent, frozenset(holding), people, window.registers.get("people", ())))
    return seen, held and snapshot.whole


def _persons(device: _Device, people: People) -> Person:
    found: Person = frozenset()
    for holder in device.holders:
        found |= people.of_key(f"person:{holder.id}") if holder.system == "person" else people.person(holder)
    return found


def _without(
    recent: Mapping[str, Person], holding: Person, people: People, staff: Sequence[Row]
) -> Iterator[tuple[str, Seen]]:
    """People who signed in, each once, with whether a device of theirs is known."""
    for account, person in sorted(recent.items()):
        row = next((row for row in staff if not person.isdisjoint(people.of_key(f"person:{row['person_id']}"))), None)
        if row is None:
            item, label = f"google:account:{account}", f"Account {account}, of nobody in the registers"
        else:
            item, label = f"person:{row['person_id']}", f"{row.get('name') or row['person_id']}, who signed in"
        if person.isdisjoint(holding):
            yield item, Seen(label, "no device is known", (DEVICE_UNMANAGED,))
        else:
            yield item, Seen(label, "has a device")


def _device(device: _Device, at: datetime, minimum: Mapping[str, str]) -> Seen:
    codes: list[str] = []
    wrong: list[str] = []
    unsure: list[str] = []

    def demand(met: bool | None, code: str, words: str, doubt: str) -> None:
        if met is None:
            unsure.append(doubt)
        elif not met:
            wrong.append(words)
            if code not in codes:
                codes.append(code)

    demand(device.managed, DEVICE_UNMANAGED, "not approved by the device management", "whether it is managed")
    demand(not device.compromised, DEVICE_UNMANAGED, "compromised", "")
    demand(device.screen_lock, DEVICE_UNMANAGED, "no screen lock", "whether it locks itself")
    if device.malware_asked:
        demand(device.malware, DEVICE_UNMANAGED, "not protected from malware", "whether it is protected from malware")
    demand(device.encrypted, NOT_ENCRYPTED, "disk not encrypted", "whether its disk is encrypted")
    least = minimum.get(device.platform)
    old = f"operating system older than {least}"
    demand(
        _recent_enough(device.os_version, least),
        OS_OLD,
        old,
        f"whether its operating system is old ({device.platform})",
    )
    fresh = None if device.last_seen is None else at - device.last_seen <= RECENT
    demand(fresh, SYNC_STALE, "silent for more than 30 days", "when it was last heard of")
    not_known = f"not known: {', '.join(unsure)}" if unsure else ""
    words = "; ".join([*wrong, not_known] if not_known else wrong) or "managed and protected"
    return Seen(device.label, words, tuple(code for code in CODES if code in codes), unknown=bool(unsure))


def _recent_enough(version: str | None, least: str | None) -> bool | None:
    """Whether a version is at least another, compared number by number; None where one of them is not known."""
    have, need = _VERSION.search(version or ""), _VERSION.search(least or "")
    if have is None or need is None:
        return None
    return _numbers(have[0]) >= _numbers(need[0])


def _numbers(version: str) -> tuple[int, ...]:
    numbers = [int(one) for one in version.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
