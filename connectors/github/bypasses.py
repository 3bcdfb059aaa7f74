"""Pushes and merges that went past branch rules, and who did it: rule suites with the result `bypass`.

GitHub answers for at most a month back, so these are collected daily. On Enterprise Cloud the audit log adds the
overrides of classic branch protection.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import orjson

from connectors.github import audit
from connectors.github.calls import Json, Rest, Stream
from connectors.github.client import GithubClient
from connectors.github.paging import field, rest_twice
from connectors.github.people import named_actor
from connectors.github.repository import Repository
from schemas.errors import IncompletePopulation, SchemaDrift
from schemas.extraction import ItemClaim
from schemas.github import BYPASSES
from schemas.instants import format_instant, parse_instant

SUITES = "/repos/{owner}/{repo}/rulesets/rule-suites"
SUITE = "/repos/{owner}/{repo}/rulesets/rule-suites/{rule_suite_id}"
REACH = timedelta(days=28)
"""How far back the endpoint is trusted to answer: its longest period is a month, and the shortest month has 28 days."""
_PERIODS = (("hour", timedelta(hours=1)), ("day", timedelta(days=1)), ("week", timedelta(days=7)), ("month", REACH))
_MARGIN = timedelta(minutes=15)
OVERRIDE = "protected_branch.policy_override"

QUERY_TEXT = "\n".join([
    f"GET {SUITES}?ref=refs/heads/{{branch}}&rule_suite_result=bypass&time_period={{period}}",
    f"GET {SUITE}",
    f"GET {audit.TEMPLATE}?phrase=action:{OVERRIDE} (Enterprise Cloud)",
])  # fmt: skip


class Bypasses:
    """Reads the bypasses of one repository in [start, end), and says what was read."""

    def __init__(self, client: GithubClient, repository: Repository, start: datetime, end: datetime) -> None:
        self._client = client
        self._repository = repository
        self._asked_at = client.now()
        self._reaches = self._asked_at - REACH
        self._beyond = start < self._reaches
        self._start = max(start, self._reaches)
        self._end = end
        self.rows: list[Json] = []
        self._pages = 0
        self._returned = 0
        self._evaluated = False

    @property
    def _period(self) -> str:
        # The period counts back from the moment of the answer, which is later than the one of asking.
        age = self._asked_at - self._start + _MARGIN
        return next((name for name, span in _PERIODS if age <= span), "month")

    def read(self) -> Stream[None]:
        """Read the suites of each production branch, then each bypass in detail."""
        for branch in self._repository.tips:
            call = Rest(
                SUITES,
                self._repository.path("rulesets", "rule-suites"),
                BYPASSES,
                {"ref": f"refs/heads/{branch}", "time_period": self._period, "rule_suite_result": "bypass"},
            )
            suites, tally = yield from rest_twice(call, key=lambda suite: str(field(suite, "id", "rule suites")))
            self._pages += tally.pages
            self._returned += len(suites)
            for suite in suites:
                if self._start <= parse_instant(suite["pushed_at"]) < self._end:
                    yield from self._suite(suite)
            if not suites:
                yield from self._any(branch)
            else:
                self._evaluated = True
        if self._client.plan == "enterprise_cloud":
            yield from self._overrides()

    def _any(self, branch: str) -> Stream[None]:
        """Whether rules were evaluated at all: then an empty list of bypasses is an answer and not blindness."""
        answer = yield Rest(
            SUITES,
            self._repository.path("rulesets", "rule-suites"),
            BYPASSES,
            {"ref": f"refs/heads/{branch}", "time_period": self._period, "rule_suite_result": "all", "per_page": 1},
        )
        self._pages += 1
        self._evaluated = self._evaluated or bool(answer.data)

    def _suite(self, suite: Json) -> Stream[None]:
        number = str(suite["id"])
        answer = yield Rest(SUITE, self._repository.path("rulesets", "rule-suites", number), BYPASSES)
        detail = answer.data
        if str(field(detail, "id", "rule suite")) != number or detail.get("result") != "bypass":
            raise IncompletePopulation(
                f"GitHub's rule suite {number} of {self._repository.name} is another one, or another result, in detail "
                "than in the list. Nothing is claimed; run it again later."
            )
        self.rows.append(self._row(detail))

    def _row(self, suite: Json) -> Json:
        return {
            "scope_item_id": self._repository.scope_item_id, "suite_id": f"rule_suite:{suite['id']}",
            "event_time": parse_instant(suite["pushed_at"]), "repo_id": self._repository.id,
            "repo_name": self._repository.name, "ref": suite["ref"], "before_sha": suite.get("before_sha"),
            "after_sha": suite.get("after_sha"), "actor": named_actor(suite.get("actor_name"), "person"),
            "result": suite["result"], "evaluation": suite.get("evaluation_result"),
            "rules": [
                {
                    "rule_type": rule.get("rule_type"), "enforcement": rule.get("enforcement"),
                    "result": rule.get("result"), "ruleset_id": _ruleset(rule.get("rule_source") or {}),
                }
                for rule in suite.get("rule_evaluations") or []
            ],
            "found_in": "rule_suite", "raw": orjson.dumps(suite).decode(),
        }  # fmt: skip

    def _overrides(self) -> Stream[None]:
        refs = {f"refs/heads/{branch}" for branch in self._repository.tips}
        events, pages = yield from audit.events(
            self._client, f"action:{OVERRIDE} repo:{self._repository.name}", self._start, self._end, BYPASSES
        )
        self._pages += pages
        self._evaluated = self._evaluated or bool(events)
        for event in events:
            ref = event.get("branch") or event.get("ref") or event.get("name")
            if not isinstance(ref, str):
                raise SchemaDrift(
                    f"An {OVERRIDE} of GitHub's audit log names no branch. The connector must be looked at."
                )
            ref = ref if ref.startswith("refs/") else f"refs/heads/{ref}"
            if ref in refs:
                self._returned += 1
                self.rows.append({
                    "scope_item_id": self._repository.scope_item_id, "suite_id": f"audit:{audit.document_id(event)}",
                    "event_time": audit.at(event), "repo_id": self._repository.id, "repo_name": self._repository.name,
                    "ref": ref, "before_sha": event.get("before"), "after_sha": event.get("after"),
                    "actor": audit.actor(event), "result": "bypass", "evaluation": None,
                    "rules": [], "found_in": "audit_log", "raw": orjson.dumps(event).decode(),
                })  # fmt: skip

    def claim(self, *, no_movement: bool) -> ItemClaim:
        """What may be asserted. `no_movement`: the activity ledger shows that no production branch moved at all."""
        notes = [f"{len(self.rows)} bypasses in two equal readings"]
        proof = None
        if self._evaluated:
            proof = "the same endpoint shows evaluations of rules in the period"
        elif no_movement:
            proof = "no production branch moved, by the activity ledger"
        if self._beyond:
            notes.append(
                f"GitHub answers for {REACH.days} days back only, so nothing is claimed before "
                f"{format_instant(self._reaches)}"
            )
        return ItemClaim(
            BYPASSES.name,
            QUERY_TEXT,
            {"branches": sorted(self._repository.tips), "period": self._period},
            complete_from=self._reaches if self._beyond else None,
            proof_of_life=proof is not None,
            proof=proof,
            independent_count=len(self.rows),
            reconciliation="; ".join(notes),
            pages=self._pages,
            rows_returned=self._returned,
            drop_rules={"outside the interval": self._returned - len(self.rows)}
            if self._returned > len(self.rows)
            else {},
        )


def _ruleset(source: Json) -> str | None:
    number = source.get("id")
    return source.get("type") if number is None else str(number)
