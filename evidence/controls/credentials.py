"""CC6-KEY-01: long-lived credentials are few, young, used and somebody's.

Each snapshot of a window is judged, credential by credential, as long as it is active:

- KEY_OLD       older than the policy's days (`key_max_age_days`)
- KEY_UNUSED    last used longer ago than the policy's days (`key_unused_days`); one never used counts from its creation
- ROOT_KEY      an access key of the root user of an AWS account
- KEY_NO_OWNER  a GitHub credential whose owner is not shown or is deleted

A credential that was right in every snapshot makes one row, one that was not makes a row per stretch of adjoining
snapshots (`<credential>@<first failing instant>`).

Decisions where the rule leaves room:

- An IAM access key belongs to its IAM user, so it has an owner; whether the user is somebody's is for access reviews.
- An approved exception (a record `credential_exception`) excuses age alone, from its approval to the end of its last
  day, where somebody other than the owner of the credential approved it. Where nobody can tell that the two are
  different people, whether an old credential is excused is `unknown`.
- A key of a Google Cloud service account belongs to the account. One that is disabled, or whose account is, is not
  active. Google tells of the last use within an observed time: a key that was not used in it counts from its beginning.
  Where nobody could tell, a key as old as a use must be young is `unknown`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from evidence.controls.approval import who
from evidence.controls.held import has_closed, window_unknown
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.recorded import Persons, recorded, short
from evidence.controls.stretches import Seen, Stretches
from evidence.controls.validity import end_of
from evidence.record import StoredRecord
from schemas.aws import ACCESS_KEYS
from schemas.gcp import SERVICE_ACCOUNT_KEYS
from schemas.github import CREDENTIALS
from schemas.outcome import Outcome

LINE = "keys"
EXCEPTION = "credential_exception"
KEY_OLD = "KEY_OLD"
KEY_UNUSED = "KEY_UNUSED"
ROOT_KEY = "ROOT_KEY"
KEY_NO_OWNER = "KEY_NO_OWNER"
CODES = (KEY_OLD, KEY_UNUSED, ROOT_KEY, KEY_NO_OWNER)

Row = Mapping[str, Any]


def credentials_young_and_used(window: TestWindow, evidence: StoredEvidence) -> list[Outcome]:
    """Rows for the credentials of a GitHub organisation, an AWS account or a Google Cloud project."""
    system = window.scope_item_id.partition(":")[0]
    judges = {"github": (CREDENTIALS, _github), "aws": (ACCESS_KEYS, _aws), "gcp": (SERVICE_ACCOUNT_KEYS, _gcp)}
    if system not in judges:
        raise ValueError(f"{window.scope_item_id}: credentials are not collected from there")
    dataset, judge = judges[system]
    rules = window.programme.evidence_rules
    policy = _Policy(timedelta(days=rules.key_max_age_days), timedelta(days=rules.key_unused_days))
    ageless = _Policy(timedelta.max, policy.unused)
    exceptions = _Exceptions(window, evidence)
    stretches = Stretches(window, LINE)
    for observed_at, rows, digest in evidence.snapshots(dataset, window.scope_item_id, window.start, window.end):
        seen = dict(judge(rows, observed_at, policy))
        old = [item_id for item_id, one in seen.items() if KEY_OLD in one.codes and item_id in exceptions]
        if old:
            otherwise = dict(judge(rows, observed_at, ageless))
            seen |= {
                item_id: exceptions.applied(item_id, seen[item_id], otherwise[item_id], observed_at) for item_id in old
            }
        stretches.add(observed_at, digest, seen)
    if not stretches.snapshots and has_closed(window):
        return [window_unknown(window, LINE, "no snapshot of credentials is held.")]
    return list(stretches.outcomes())


class _Exceptions:
    """Approved exceptions by credential."""

    def __init__(self, window: TestWindow, evidence: StoredEvidence) -> None:
        self._zone = window.programme.timezone
        self._persons = Persons(window)
        self._by_item: dict[str, list[StoredRecord]] = {}
        for record in recorded(window, evidence, LINE, EXCEPTION):
            self._by_item.setdefault(str(record.values.get("credential_id")), []).append(record)

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._by_item

    def applied(self, item_id: str, old: Seen, otherwise: Seen, at: datetime) -> Seen:
        """What is seen of an old credential: as it is, or as it were without regard to its age."""
        doubtful: Seen | None = None
        for record in self._by_item[item_id]:
            by, owner = record.values.get("approved_by") or record.signed_by, record.values.get("owner")
            try:
                ends = end_of(record.values.get("expires"), self._zone)
            except ValueError:
                ends = None
            if ends is None or not record.performed_at <= at < ends or not by or not owner:
                continue
            same = self._persons.same(str(by), str(owner), at)
            told = f"{short(by)} let it stay until {ends:%Y-%m-%d}"
            if same is False:
                words = f"older than the policy allows, and {told}"
                words += f"; {otherwise.words}" if otherwise.codes or otherwise.unknown else ""
                return replace(otherwise, words=words, evidence=(record.digest,))
            if same is None and old.codes == (KEY_OLD,):
                words = f"{old.words}; {told}, and whether that is somebody other than its owner is not known"
                doubtful = Seen(old.label, words, unknown=True, evidence=(record.digest,))
        return doubtful or old


class _Policy:
    """Most days of age and of lying unused."""

    def __init__(self, age: timedelta, unused: timedelta) -> None:
        self.age = age
        self.unused = unused

    def judge(
        self,
        label: str,
        created_at: datetime | None,
        used_at: datetime | None,
        at: datetime,
        *others: tuple[str, str],
        use_known: bool = True,
        unused_since: datetime | None = None,
    ) -> Seen:
        """A credential by its times; `others` are codes with words that apply whatever its age.

        `unused_since`: where use was observed for a time only and there was none, when that began.
        """
        found = list(others)
        if created_at is not None and at - created_at > self.age:
            found.append((KEY_OLD, f"made on {created_at:%Y-%m-%d}, older than {self.age.days} days"))
        latest = used_at or max((one for one in (created_at, unused_since) if one is not None), default=None)
        long_ago = latest is not None and at - latest > self.unused
        if latest is not None and long_ago and use_known:
            since = f"last used on {latest:%Y-%m-%d}" if used_at is not None else "never used"
            found.append((KEY_UNUSED, f"{since}, unused for more than {self.unused.days} days"))
        if found:
            return Seen(label, "; ".join(words for _code, words in found), tuple(code for code, _words in found))
        if created_at is None:
            return Seen(label, "not known how old it is", unknown=True)
        if long_ago and not use_known:
            return Seen(label, "not known when it was last used", unknown=True)
        return Seen(label, f"made on {created_at:%Y-%m-%d}, neither old nor unused")


def _github(rows: list[Row], at: datetime, policy: _Policy) -> Iterator[tuple[str, Seen]]:
    for row in rows:
        if row["expires_at"] is not None and row["expires_at"] <= at:
            continue
        owner = who(row["owner"])
        owned = bool(owner.keys) and (row["owner"] or {}).get("kind") != "ghost"
        kind = row["kind"].replace("_", " ")
        title = f" {row['title']!r}" if row["title"] else ""
        of = f", {owner.named}" if owned else ""
        label = f"{kind}{title} for {row['resource_name']}{of}"
        nobody = () if owned else ((KEY_NO_OWNER, "nobody is shown as its owner"),)
        seen = policy.judge(label, row["created_at"], row["last_used_at"], at, *nobody)
        yield f"github:credential:{row['credential_id']}", seen


def _aws(rows: list[Row], at: datetime, policy: _Policy) -> Iterator[tuple[str, Seen]]:
    for row in rows:
        if not row["active"]:
            continue
        slot = row["credential_id"].rpartition("#")[2].replace("_", " ")
        label = f"{slot} of {row['user_name']} in {row['account_id']}"
        root = ((ROOT_KEY, "the root user has an access key"),) if row["is_root"] else ()
        yield row["credential_id"], policy.judge(label, row["last_rotated_at"], row["last_used_at"], at, *root)


def _gcp(rows: list[Row], at: datetime, policy: _Policy) -> Iterator[tuple[str, Seen]]:
    for row in rows:
        expired = row["expires_at"] is not None and row["expires_at"] <= at
        if row["disabled"] or row["service_account_disabled"] or expired:
            continue
        label = f"key {row['key_id']} of {row['service_account']}"
        observed_from = row["last_use_observed_from"] if row["last_use_known"] else None
        yield row["credential_id"], policy.judge(
            label, row["created_at"], row["last_used_at"], at, use_known=row["last_use_known"],
            unused_since=observed_from,
        )  # fmt: skip
