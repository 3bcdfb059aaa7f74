"""Who touched the logging and whether that is explained, for CC7-LOG-01."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import Any

from evidence.controls.human_principal import Principal, Principals
from evidence.controls.identity import IdentityMap, Person, Who
from evidence.controls.model import StoredEvidence, TestWindow
from evidence.controls.ticket_facts import Ticket, tickets_of
from schemas import tickets
from schemas.outcome import OutcomeValue

RECORD_TYPE = "logging_explanation"
_LOOK_BACK = timedelta(days=90)
"""How long before the window a ticket can have been opened that a call in it belongs to."""
Row = Mapping[str, Any]
Reason = tuple[OutcomeValue, str, tuple[str, ...]]


class Reasons:
    """Explanations that stored evidence holds: the pipeline, tickets that name an event, records of people."""

    def __init__(self, window: TestWindow, evidence: StoredEvidence, evidence_id: str) -> None:
        self._window, self._evidence = window, evidence
        rules = window.programme.evidence_rules
        self._pipeline = frozenset(name.casefold() for name in rules.pipeline_identities)
        self._identities = IdentityMap.of(window.registers, window.programme.timezone)
        self._principals = Principals(rules.machine_accounts, rules.pipeline_identities, self._identities)
        self._records = evidence.records(window.control_id, evidence_id, window.scope_item_id)

    def caller_at_aws(self, row: Row) -> str:
        """Who made a call, for sentences."""
        return self._principals.of_aws(row).named

    def of_aws(self, row: Row) -> Reason:
        """Whether a call at AWS is explained, and in which words."""
        role = str(row["issuer_arn"] or "")
        caller = self._principals.of_aws(row)
        pipeline = caller.nature == "machine" and self._is_pipeline(
            role, role.rpartition("/")[2], row["identity_arn"], row["identity_user_name"]
        )
        return self._reason(row["event_id"], row, caller, pipeline=pipeline)

    def of_google(self, row: Row) -> Reason:
        """The same for a call at Google Cloud."""
        caller = self._principals.of_gcp(row)
        pipeline = caller.nature == "machine" and self._is_pipeline(row["principal"])
        return self._reason(row["insert_id"], row, caller, pipeline=pipeline)

    def _is_pipeline(self, *names: str | None) -> bool:
        return any(name.casefold() in self._pipeline for name in names if name)

    def _reason(self, event: str, row: Row, caller: Principal, *, pipeline: bool) -> Reason:
        if pipeline:
            return "pass", "which is the pipeline", ()
        people = self._identities.at(row["event_time"])
        person: Person = frozenset[str]().union(*(people.person(who) for who in caller.whos))
        known = any(people.registered(who) for who in caller.whos)
        known_as = (event, str(row["event_id"]))
        for record in self._records:
            about = str(record.values.get("event_id") or "").removeprefix("toggle:")
            if record.record_type != RECORD_TYPE or about not in known_as or not record.signed_by:
                continue
            # Of a caller whom no register knows nobody can say that somebody else explained the call.
            if known and people.person(Who("aws", email=record.signed_by)).isdisjoint(person):
                return "pass", f"which {record.signed_by} explained", (record.digest,)
        for ticket, said in self._tickets:
            if any(_names(said, one) for one in known_as):
                return "pass", f"which ticket {ticket.name} names", (ticket.digest,)
        return "unknown", "and nothing on record says why", ()

    @cached_property
    def _tickets(self) -> list[tuple[Ticket, str]]:
        """The tickets, with all that is said in them."""
        start = self._window.start - _LOOK_BACK
        return [
            (ticket, _words(ticket))
            for dataset in (tickets.CHANGES, tickets.INCIDENTS)
            for ticket in tickets_of(self._window, self._evidence, dataset, start, self._window.as_of)
        ]


def _names(said: str, event: str) -> bool:
    """Whether a text names an event, and does not just hold its id as part of another word."""
    return event in said and bool(event) and re.search(rf"(?<![\w-]){re.escape(event)}(?![\w-])", said) is not None


def _words(ticket: Ticket) -> str:
    said = [ticket.row["title"], ticket.row["body"], *ticket.fields.values()]
    return "\n".join(str(one) for one in (*said, *(event["text"] for event in ticket.events())) if one)
