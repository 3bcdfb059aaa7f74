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
- The register of approved exceptions is not collected yet, so no old credential is excused by one.
- A key of a Google Cloud service account belongs to the account. One that is disabled, or whose account is, is not
  active. Google tells of the last use within an observed time: a key that was not used in it counts from its beginning.
  Where nobody could tell, a key as old as a use must be young is `unknown`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from evidence.controls.approval import who
from evidence.controls.held import has_closed, window_unknown
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.stretches import Seen, Stretches
from schemas.aws import ACCESS_KEYS
from schemas.gcp import SERVICE_ACCOUNT_KEYS
from schemas.github import CREDENTIALS
from schemas.outcome import Outcome

LINE = "keys"
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
    stretches = Stretches(window, LINE)
    for observed_at, rows, digest in evidence.snapshots(dataset, window.scope_item_id, window.start, window.end):
        stretches.add(observed_at, digest, dict(judge(rows, observed_at, policy)))
    if not stretches.snapshots and has_closed(window):
        return [window_unknown(window, LINE, "no snapshot of credentials is held.")]
    return list(stretches.outcomes())


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
