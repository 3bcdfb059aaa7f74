"""What people can get in with: accounts, keys, and machines that are theirs, as snapshots show them one after another.

A `Holding` is the same for every system. `Tracks` keeps of each the stretches in which it was shown the same way, so
that memory grows with holdings and their changes and not with snapshots.

Decisions where the sources leave room:

- An account of Google that is suspended or archived can't sign in, and neither can its tokens. An account of GitHub is
  in as long as it is listed; an invitation that is open is a way in. An IAM user is in while it has a password or an
  active key. A binding of Google Cloud is in as long as it stands.
- Keys on GitHub belong to whoever made them. Machines (an IAM user or role) belong to whoever their tag `owner` names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from evidence.controls.identity import Who
from evidence.controls.model import StoredEvidence, TestWindow
from schemas.aws_identity import PRINCIPALS as AWS_PRINCIPALS
from schemas.dataset import Dataset
from schemas.gcp import PRINCIPALS as GCP_PRINCIPALS
from schemas.github import CREDENTIALS
from schemas.github_organisation import ACCOUNTS as GITHUB_ACCOUNTS
from schemas.google import ACCOUNTS as GOOGLE_ACCOUNTS

Row = Mapping[str, Any]
Kind = Literal["account", "key", "machine"]
Reader = Callable[[Row, datetime], Iterator["Holding"]]
"""The holdings that a row of a snapshot of that instant shows."""

LISTS: Mapping[str, Dataset] = {
    "github": GITHUB_ACCOUNTS,
    "google": GOOGLE_ACCOUNTS,
    "aws": AWS_PRINCIPALS,
    "gcp": GCP_PRINCIPALS,
}
"""By system the snapshot that lists its accounts."""
KEYS: Mapping[str, Dataset] = {"github": CREDENTIALS}
"""By system the snapshot that lists keys, where the accounts do not tell."""


@dataclass(frozen=True, slots=True)
class Holding:
    """One account, key or machine as one snapshot shows it."""

    id: str
    kind: Kind
    named: str
    """For sentences."""
    who: Who
    """Whose it is: the account itself, or the owner of a key or machine."""
    active: bool | None
    """Whether somebody can get in with it; None where the source does not say."""
    privileged: bool = False
    of_a_person: bool = True
    """Whether it is an account of a human being, by what the source says."""
    listed_in_full: bool = True
    """Whether not being listed means that it is gone; False where a list shows it for other reasons too."""


@dataclass(slots=True)
class Stretch:
    """Snapshots in a row that show a holding alike; `shown` is None where they do not show it."""

    first: datetime
    last: datetime
    shown: Holding | None
    digest: str


@dataclass(slots=True)
class Tracks:
    """Holdings of one system over time."""

    instants: list[datetime] = field(default_factory=list[datetime])
    by_id: dict[str, list[Stretch]] = field(default_factory=dict[str, list[Stretch]])
    digests: list[str] = field(default_factory=list[str])

    def add(self, at: datetime, rows: Sequence[Row], digest: str, read: Reader) -> None:
        """One snapshot, later than those before."""
        self.instants.append(at)
        self.digests.append(digest)
        shown = {holding.id: holding for row in rows for holding in read(row, at)}
        for id_, stretches in self.by_id.items():
            if id_ not in shown:
                _extend(stretches, at, None, digest)
        for id_, holding in shown.items():
            _extend(self.by_id.setdefault(id_, []), at, holding, digest)

    def latest_at(self, at: datetime) -> tuple[datetime, str] | None:
        """Instant and digest of the latest snapshot at or before an instant."""
        found = [pair for pair in zip(self.instants, self.digests, strict=True) if pair[0] <= at]
        return found[-1] if found else None

    def shown_at(self, at: datetime) -> Iterator[Holding]:
        """What the latest snapshot at or before an instant shows."""
        latest = self.latest_at(at)
        if latest is None:
            return
        for stretches in self.by_id.values():
            for stretch in stretches:
                if stretch.shown is not None and stretch.first <= latest[0] <= stretch.last:
                    yield stretch.shown


def _extend(stretches: list[Stretch], at: datetime, shown: Holding | None, digest: str) -> None:
    if stretches and stretches[-1].shown == shown:
        stretches[-1].last = at
        stretches[-1].digest = digest
    else:
        stretches.append(Stretch(at, at, shown, digest))


def shown_last(stretches: Sequence[Stretch]) -> Holding:
    """A holding as the latest snapshot that shows it has it."""
    return next(one.shown for one in reversed(stretches) if one.shown is not None)


def tracks_of(window: TestWindow, evidence: StoredEvidence, item: str, dataset: Dataset) -> Tracks:
    """Snapshots of a dataset from the last one before the window on, to `as_of`."""
    tracks = Tracks()
    read = _READERS[dataset.name]
    before = evidence.snapshot_before(dataset, item, window.start)
    if before is not None:
        tracks.add(before[0], before[1], before[2], read)
    for at, rows, digest in evidence.snapshots(dataset, item, window.start, window.as_of):
        if before is None or at > before[0]:
            tracks.add(at, rows, digest, read)
    return tracks


def _github_account(row: Row, _at: datetime) -> Iterator[Holding]:
    if row["kind"] not in ("person", "invitation"):
        return
    invitation = row["kind"] == "invitation"
    who = Who("github", None if invitation else row["account_id"], row["login"] or None, row["email"])
    named = f"{'invitation of ' if invitation else ''}{who.named} on GitHub"
    yield Holding(
        f"github:{row['account_id']}", "account", named, who, not row["suspended"], row["privileged"], not invitation
    )


def _github_key(row: Row, at: datetime) -> Iterator[Holding]:
    owner = row["owner"] or {}
    if not owner.get("id") and not owner.get("login"):
        return
    who = Who("github", owner.get("id"), owner.get("login"))
    named = f"{str(row['kind']).replace('_', ' ')} {row['title'] or row['credential_id']} for {row['resource_name']}"
    active = row["expires_at"] is None or row["expires_at"] > at
    yield Holding(f"github:credential:{row['credential_id']}", "key", named, who, active, of_a_person=False)


def _google_account(row: Row, _at: datetime) -> Iterator[Holding]:
    if row["kind"] not in ("user", "external"):
        return
    out = [row["suspended"], row["archived"]]
    user = row["kind"] == "user"
    active = False if True in out else None if user and row["suspended"] is None else True
    who = Who("google", row["account_id"], row["email"], row["email"])
    named = f"{who.named} at Google{'' if user else ', in groups from outside'}"
    yield Holding(f"google:{row['account_id']}", "account", named, who, active, row["privileged"], user)


def _aws_principal(row: Row, _at: datetime) -> Iterator[Holding]:
    kind, id_ = row["principal_kind"], f"aws:{row['principal_id']}"
    name = row["principal_name"]
    if kind == "iam_user":
        who = Who("aws", row["arn"], name, row["email"])
        named = f"IAM user {name} in {row['account_id']}"
        # What has an owner and no password is a machine of theirs.
        machine = bool(row["owner"]) and row["password_enabled"] is False
        yield Holding(id_, "account", named, who, row["enabled"], row["privileged"], not machine)
    elif kind == "identity_center_user":
        who = Who("aws", row["principal_id"], name, row["email"])
        active = None if row["enabled"] is None else bool(row["enabled"])
        named = f"{name} in Identity Center"
        yield Holding(id_, "account", named, who, active, row["privileged"], listed_in_full=False)
    if kind in ("iam_user", "iam_role") and row["owner"]:
        owner = str(row["owner"]).strip()
        who = Who("aws", owner, owner, owner if "@" in owner else None)
        named = f"{kind.replace('iam_', 'IAM ')} {name} in {row['account_id']}, owned by {owner}"
        active = row["enabled"] if kind == "iam_user" else True
        yield Holding(f"{id_}:owner", "machine", named, who, active, of_a_person=False)


def _gcp_principal(row: Row, _at: datetime) -> Iterator[Holding]:
    if row["principal_kind"] != "user" or row["deleted"]:
        return
    who = Who("gcp", row["principal"], None, row["principal_id"])
    named = f"{row['principal_id']} on {row['home_project'] or 'Google Cloud'}"
    yield Holding(
        f"gcp:{row['principal']}", "account", named, who, bool(row["roles"]), row["privileged"], listed_in_full=True
    )


_READERS: Mapping[str, Reader] = {
    GITHUB_ACCOUNTS.name: _github_account,
    CREDENTIALS.name: _github_key,
    GOOGLE_ACCOUNTS.name: _google_account,
    AWS_PRINCIPALS.name: _aws_principal,
    GCP_PRINCIPALS.name: _gcp_principal,
}
