"""C1-CLS-01, the sharing of data outside: each share of something confidential was approved.

The population are the events by which something of the system became visible outside: documents of Google Drive
(`google.drive_activities`), buckets, snapshots and images of AWS (`aws.management_events`), and roles given on data at
Google Cloud as far as its data access log tells (`gcp.data_access`).

- SHARE_UNAPPROVED  something confidential was shared outside, and no approved share of the data map is this one

Decisions where the rule leaves room:

- What is confidential is what the latest data map (`data_map`) says of a store or document. Of what it does not list, a
  store in an account of the system counts as confidential, since it is there; whether a document is, is unknown.
- An approved share names the document or store and with whom (an address, a domain, an account, `public`), and was
  approved by somebody other than who shared it. Where no register says who one of the two is, that is unknown.
- Outside is who belongs neither to the domain of the programme nor to one of its accounts. A policy that lets in
  everybody under a condition on the organisation, the network or the account lets in nobody outside; a condition that
  excludes those, that holds where nothing is said, or that names every address narrows nothing.
- Whom a call lets in whose parameters can't be read, or that names a canonical user, is unknown.
- Taking a right away, giving one inside, and calls that failed share nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evidence.controls.aws_shares import CALLS, PUBLIC, listed, text_of, unreadable
from evidence.controls.detail import read_detail
from evidence.controls.held import has_closed, window_unknown
from evidence.controls.identity import IdentityMap, Who
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.record import StoredRecord
from schemas import aws_trail, gcp, google
from schemas.dataset import Dataset
from schemas.instants import format_instant
from schemas.outcome import Outcome, OutcomeValue

LINE = "sharing"
MAP_LINE = "map"
CONTROL_ID = "C1-CLS-01"
SHARE_UNAPPROVED = "SHARE_UNAPPROVED"
CODES = ("UNMAPPED_STORE", "PROD_DATA_ELSEWHERE", SHARE_UNAPPROVED)

CONFIDENTIAL = frozenset({"confidential", "restricted"})
_ANYBODY = frozenset({"public", "anyone", "everybody", "*", "all"})
_VISIBLE = frozenset({"public_on_the_web", "people_with_link", "shared_externally"})
_ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")
_LONGEST = 160

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Share:
    """Something that became visible outside by one event."""

    event_id: str
    names: tuple[str, ...]
    """What the document or store is called, its id first."""
    whom: tuple[str, ...]
    """Whom it was shared with: addresses, domains, accounts, or `public`."""
    actor: Who
    words: str
    doubt: str | None = None
    """Why it can't be said with whom else it was shared."""


def shares_approved(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """One row per event by which something was shared outside."""
    system = window.scope_item_id.partition(":")[0]
    if system not in _READERS:
        why = "what is shared there is not collected."
        return [window_unknown(window, LINE, why)] if has_closed(window) else []
    dataset = _READERS[system]
    shares = _Shares(window, evidence)
    asked = window.asked_for(dataset)
    outcomes = [
        shares.outcome(share, row, digest)
        for item in asked
        for row, digest in evidence.rows(dataset, item, window.start, window.end)
        for share in shares.of(system, row)
    ]
    held = bool(asked) and all(evidence.covered(dataset, item, window.start, window.end) for item in asked)
    if has_closed(window) and not held:
        outcomes.append(window_unknown(window, LINE, "not all sharing of the window is held."))
    return outcomes


_READERS: Mapping[str, Dataset] = {
    "google": google.DRIVE_ACTIVITIES, "aws": aws_trail.MANAGEMENT_EVENTS, "gcp": gcp.DATA_ACCESS,
}  # fmt: skip


class DataMap:
    """What the latest data map of an item says."""

    def __init__(self, records: Sequence[StoredRecord], window: TestWindow) -> None:
        told = [one for one in records if one.record_type == "data_map" and one.recorded_at <= window.as_of]
        self.digest = told[-1].digest if told else None
        stores = (told[-1].values.get("stores") or ()) if told else ()
        self._classes = {str(one.get("store_id") or "").casefold(): str(one.get("class") or "") for one in stores}
        self.approved: dict[str, list[Mapping[str, Any]]] = {}
        """Approved shares by the document they name, in lower case."""
        for one in (one for record in told for one in record.values.get("approved_shares") or ()):
            self.approved.setdefault(str(one.get("document_id") or "").casefold(), []).append(one)

    def class_of(self, names: Sequence[str]) -> str | None:
        """The class of a store or document by any of its names; None where the map does not list it."""
        return next((self._classes[one.casefold()] for one in names if one.casefold() in self._classes), None)


class _Shares:
    def __init__(self, window: TestWindow, evidence: StoredEvidence) -> None:
        self._window = window
        self._map = DataMap(evidence.records(CONTROL_ID, MAP_LINE, window.scope_item_id), window)
        self._identities = IdentityMap.of(window.registers, window.programme.timezone)
        scope = window.programme.scope
        self._domain = "" if scope.google is None else scope.google.domain.casefold()
        self._accounts = frozenset(account.id for account in scope.aws.accounts) if scope.aws else frozenset[str]()

    def of(self, system: str, row: Row) -> Iterator[Share]:
        """What an event shared outside, if anything."""
        reader = {"google": self._of_drive, "aws": self._of_aws, "gcp": self._of_gcp}[system]
        share = reader(row)
        if share is not None and (share.whom or share.doubt):
            yield share

    # --- Google Drive ------------------------------------------------------------------------------------------------

    def _of_drive(self, row: Row) -> Share | None:
        told = {name: value for name, value in read_detail(row["parameters"]).items() if value is not None}
        if "none" in listed(told.get("new_value")) or text_of(told.get("membership_change_type")).startswith("remove"):
            return None
        whom = [one for name in ("target_user", "target", "new_owner") if "@" in (one := text_of(told.get(name)))]
        outside = [one for one in whom if not self._inside(one.rpartition("@")[2])]
        domain = text_of(told.get("target_domain"))
        if domain and domain != "all" and not self._inside(domain):
            outside.append(domain)
        visible = row["event_name"] in ("change_document_visibility", "change_document_access_scope", "publish_change")
        wider = text_of(told.get("visibility_change")) == "external"
        if not whom and (domain == "all" or wider or (visible and text_of(told.get("visibility")) in _VISIBLE)):
            already = text_of(told.get("old_visibility")) in _VISIBLE and not wider
            outside += [] if already else [PUBLIC]
        actor = row["actor"] or {}
        named = _short(str(row["object_name"] or row["object_id"] or "a document"))
        words = f"{actor.get('email') or 'somebody'} shared {named} with {_short(', '.join(outside))}"
        names = tuple(one for one in (row["object_id"], row["object_name"]) if one)
        who = Who("google", actor.get("profile_id"), None, actor.get("email"))
        return Share(f"google:activity:{row['event_id']}", names, tuple(outside), who, words)

    def _inside(self, domain: str) -> bool:
        domain = domain.casefold()
        return bool(self._domain) and (domain == self._domain or domain.endswith(f".{self._domain}"))

    # --- AWS ---------------------------------------------------------------------------------------------------------

    def _of_aws(self, row: Row) -> Share | None:
        if row["error_code"] or row["event_name"] not in CALLS:
            return None
        told = read_detail(row["request_parameters"])
        what, whom = CALLS[row["event_name"]](told)
        doubt = unreadable(row["event_name"], told)
        outside = tuple(dict.fromkeys(one for one in whom if one == PUBLIC or self._foreign(one)))
        names = (what, f"arn:aws:s3:::{what}") if row["event_source"].startswith("s3.") else (what,)
        arn = row["identity_arn"] or row["identity_principal_id"]
        session = (row["identity_user_name"] or (arn or "").rpartition("/")[2]) or None
        who = Who("aws", arn, session, session if session and "@" in session else None)
        with_whom = _short(", ".join(outside)) or "nobody that can be told"
        words = f"{session or 'somebody'} shared {_short(what or 'a store')} with {with_whom}"
        return Share(f"aws:event:{row['event_id']}", names, outside, who, f"{words} ({row['event_name']})", doubt)

    def _foreign(self, account: str) -> bool:
        """Whether an account, or an ARN, belongs to nobody of the programme."""
        found = _ACCOUNT.search(account)
        return found is not None and found[0] not in self._accounts

    # --- Google Cloud ------------------------------------------------------------------------------------------------

    def _of_gcp(self, row: Row) -> Share | None:
        if row["status_code"]:
            return None
        outside: list[str] = []
        for delta in row["policy_deltas"] or ():
            member = str(delta["member"] or "")
            if (delta["action"] or "").upper() != "ADD":
                continue
            if member in ("allUsers", "allAuthenticatedUsers"):
                outside.append(PUBLIC)
            elif "@" in member and not member.endswith("gserviceaccount.com"):
                address = member.rpartition(":")[2]
                outside += [] if self._inside(address.rpartition("@")[2]) else [address]
        what = str(row["resource_name"] or "")
        who = Who("gcp", row["principal"], None, row["principal"])
        words = f"{row['principal'] or 'somebody'} gave rights on {_short(what)} to {_short(', '.join(outside))}"
        return Share(f"gcp:event:{row['event_id']}", (what,), tuple(dict.fromkeys(outside)), who, words)

    # --- judging -----------------------------------------------------------------------------------------------------

    def outcome(self, share: Share, row: Row, digest: str) -> Outcome:
        """The row of a share."""
        outcome, codes, why = self._judged(share, row)
        window = self._window
        return window.outcome(
            evidence_id=LINE,
            item_id=share.event_id,
            event_time=row["event_time"],
            outcome=outcome,
            codes=codes,
            explanation=f"{share.words} at {format_instant(row['event_time'])}: {why}.",
            evidence=(digest,) if self._map.digest is None else (digest, self._map.digest),
        )

    def _judged(self, share: Share, row: Row) -> tuple[OutcomeValue, tuple[str, ...], str]:
        answers = {one: self._approved(share, one, row) for one in share.whom}
        left = [one for one, approved in answers.items() if approved is False]
        if all(answers.values()) and share.doubt is None:
            return "pass", (), "an approved share of the data map"
        known = self._map.class_of(share.names)
        if known is not None and known not in CONFIDENTIAL:
            return "pass", (), f"{known} by the data map"
        if known is None and share.event_id.startswith("google:"):
            return "unknown", (), "not known whether it is confidential, for the data map does not list it"
        if not left and share.doubt is not None:
            return "unknown", (), share.doubt
        if not left:
            return "unknown", (), "approved, and not known whether by somebody other than who shared it"
        what = f"{known} by the data map" if known else "part of the system, and the data map says nothing else"
        return "exception", (SHARE_UNAPPROVED,), f"{what}, and nobody approved it ({_short(', '.join(left))})"

    def _approved(self, share: Share, whom: str, row: Row) -> bool | None:
        """Whether somebody other than who shared it approved it; None where nobody can tell who one of them is."""
        found: bool | None = False
        people = self._identities.at(row["event_time"])
        actor = people.person(share.actor)
        domain = whom.casefold().rpartition("@")[2]
        names = dict.fromkeys(one.casefold() for one in share.names)
        for one in (one for name in names for one in self._map.approved.get(name, ())):
            by = str(one.get("approved_by") or "")
            with_whom = str(one.get("shared_with") or "").casefold().strip()
            fits = with_whom in (whom.casefold(), domain) or (whom == PUBLIC and with_whom in _ANYBODY)
            if not by or not fits:
                continue
            approver = Who("own", None, None, by)
            if not people.person(approver).isdisjoint(actor):
                continue
            if people.registered(approver) and people.registered(share.actor):
                return True
            found = None
        return found


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
