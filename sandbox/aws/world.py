"""What exists in the accounts at the clock's instant.

The company file is unrolled to one list of dated changes. Moving the clock forward applies the changes in between;
moving it back starts the accounts anew and applies them up to there. Recurring use (a build system's key, a person's
sign-ins) is worked out for the instant asked.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from sandbox.aws import company as script
from sandbox.aws.changes import changes_of
from sandbox.aws.iam_backend import CompanyIamBackend
from sandbox.aws.iam_document import IamDocument
from sandbox.aws.live import LiveAccount
from sandbox.aws.trail import TrailDelivery
from sandbox.aws.trail_script import Recorded
from sandbox.clock import SimulatedClock
from schemas.errors import ConfigurationError

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class World:
    """The accounts of one sandbox. Not safe for threads: the server holds a lock around `sync` and what reads after."""

    def __init__(
        self,
        company: script.AwsCompany,
        clock: SimulatedClock,
        *,
        documents: dict[str, IamDocument] | None = None,
    ) -> None:
        self.company = company
        self._clock = clock
        self._documents = documents or {}
        # Stable: at one instant the order of the file holds, with accounts before what is in them.
        self._changes = sorted(changes_of(company), key=lambda change: change[0])
        self._instants = [change[0] for change in self._changes]
        self._records: dict[tuple[str, str, str], list[script.Record]] = {}
        for record in company.records:
            self._records.setdefault((record.account, record.region, record.kind), []).append(record)
        self.recorded = Recorded(company)
        self.delivery = None if company.trail is None else TrailDelivery(company, company.trail, self.recorded)
        self._applied = 0
        self._accounts: dict[str, LiveAccount] = {}
        self.version = 0
        """Grows whenever anything differs from before; answers may be kept for as long as it stays."""
        self.now = _LONG_AGO
        self._rehearse()

    def sync(self) -> None:
        """Bring the accounts to the clock's instant."""
        now = self._clock.now()
        target = bisect.bisect_right(self._instants, now)
        if target < self._applied or now < self.now:
            self._begin()
        for moment, account_id, change, _ in self._changes[self._applied : target]:
            change(self._live(account_id), moment)
            self.version += 1
        self._applied = target
        self.now = now
        for account in self._accounts.values():
            for recurring in account.recurring.values():
                self.version += recurring.note(now)

    def account(self, account_id: str) -> LiveAccount | None:
        """The account, or None where it does not exist (yet)."""
        account = self._accounts.get(account_id)
        return account if account is not None and account.plan.created <= self.now else None

    def accounts(self) -> list[LiveAccount]:
        """All accounts that exist, by id."""
        return [entry for _, entry in sorted(self._accounts.items()) if entry.plan.created <= self.now]

    def shown(self, account_id: str, region: str, kind: str) -> Iterator[Mapping[str, Any]]:
        """What a service shows of a kind at the clock's instant, in the order of the file."""
        for record in self._records.get((account_id, region, kind), ()):
            if record.at <= self.now and (record.until is None or self.now < record.until):
                shows = dict(record.shows)
                for change in record.changes:
                    if change.at <= self.now:
                        shows |= change.shows
                yield shows

    def _begin(self) -> None:
        self._accounts.clear()
        self._applied = 0
        self.version += 1

    def _live(self, account_id: str) -> LiveAccount:
        account = self._accounts.get(account_id)
        if account is None:
            plan = next(entry for entry in self.company.accounts if entry.id == account_id)
            document = self._documents.get(account_id)
            backend = CompanyIamBackend(account_id, plan.created) if document is None else document.load()
            account = LiveAccount(plan, backend, list(plan.regions))
            if document is not None:
                account.assumable_by_reader = "evidence-reader"
            self._accounts[account_id] = account
        return account

    def _rehearse(self) -> None:
        """Apply the whole script once, so that a mistake in it is found at the start and not in the middle."""
        for moment, account_id, change, words in self._changes:
            try:
                change(self._live(account_id), moment)
            except (KeyError, StopIteration, ValueError) as error:
                raise ConfigurationError(
                    f"aws.yaml, account {account_id}, {moment:%Y-%m-%dT%H:%M:%SZ}: {words} names something that does "
                    f"not exist then ({error})."
                ) from error
        self._begin()
