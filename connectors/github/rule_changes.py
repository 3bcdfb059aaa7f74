"""Changes of branch rules: from the audit log where the plan has it, else from the history of each ruleset."""

from __future__ import annotations

from datetime import datetime

import orjson

from connectors.github import audit, rules
from connectors.github.calls import Graph, Json, Part, Rest, Stream
from connectors.github.client import GithubClient, client_of, interval_of
from connectors.github.paging import Nested, complete, rest_list
from connectors.github.paging import field as required
from connectors.github.repository import Repository, locate, require_production_branch
from connectors.github.streams import Driver
from schemas.errors import NotLicensed
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.github import RULE_CHANGES
from schemas.instants import format_instant, optional_instant, parse_instant

HISTORY = "/repos/{owner}/{repo}/rulesets/{ruleset_id}/history"
VERSION = "/repos/{owner}/{repo}/rulesets/{ruleset_id}/history/{version_id}"
ORGANISATION_HISTORY = "/orgs/{org}/rulesets/{ruleset_id}/history"
ORGANISATION_VERSION = "/orgs/{org}/rulesets/{ruleset_id}/history/{version_id}"
CATEGORIES = ("repository_ruleset", "protected_branch")

AUDIT_TEXT = "\n".join(f"GET {audit.TEMPLATE}?phrase=action:{one}&include=all" for one in CATEGORIES)
HISTORY_TEXT = "\n".join(
    f"GET {one}" for one in (rules.RULESETS, HISTORY, VERSION, ORGANISATION_HISTORY, ORGANISATION_VERSION)
)

MEMBERS = Nested("Organization", "membersWithRole", "id databaseId login", 100, what="members")


def rule_changes(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Fill github.rule_changes for one repository and [start, end).

    Enterprise Cloud: the audit log, which knows every change, rulesets of the organisation included. Other plans: the
    history of each ruleset, which does not know of deleted rulesets nor of classic protection; where classic protection
    is what guards a production branch, `NotLicensed` is raised, naming the daily snapshots as the alternative.
    """
    start, end = interval_of(request)
    client = client_of(session)
    reader = _Reader(client, request, sink, start, end)
    Driver(client.transport, sink).ask(reader.read())
    if reader.rows:
        sink.rows(RULE_CHANGES, reader.rows)
    return [reader.claim()]


class _Reader:
    def __init__(self, client: GithubClient, request: Request, sink: Sink, start: datetime, end: datetime) -> None:
        self._client = client
        self._request = request
        self._sink = sink
        self._start = start
        self._end = end
        self._audited = client.plan == "enterprise_cloud"
        self._asked_at = client.now()
        self._seen = 0
        self._pages = 0
        self._rulesets = 0
        self._unchanged = 0
        self._people: dict[int, Json] | None = None
        self.rows: list[Json] = []

    def read(self) -> Stream[None]:
        repository = yield from locate(self._request, self._client.production_branches, RULE_CHANGES)
        require_production_branch(repository)
        if self._audited:
            yield from self._from_audit_log(repository)
        else:
            yield from self._from_history(repository)

    # --- audit log

    def _from_audit_log(self, repository: Repository) -> Stream[None]:
        for category in CATEGORIES:
            # Not narrowed to the repository, because changes of the organisation's own rulesets name none.
            events, pages = yield from audit.events(
                self._client, f"action:{category}", self._start, self._end, RULE_CHANGES
            )
            self._pages += pages
            self._seen += len(events)
            for event in events:
                name = event.get("repo") or event.get("repository")
                if name is None or name.lower() == repository.name.lower():
                    self.rows.append(self._audit_row(repository, event))

    def _audit_row(self, repository: Repository, event: Json) -> Json:
        number = event.get("ruleset_id")
        return {
            "scope_item_id": repository.scope_item_id, "change_id": f"audit:{audit.document_id(event)}",
            "event_time": audit.at(event), "repo_id": repository.id, "repo_name": repository.name,
            "action": required(event, "action", "audit log event"),
            "actor": audit.actor(event),
            "ruleset_id": None if number is None else str(number), "ruleset_name": event.get("ruleset_name"),
            "detail": orjson.dumps(_said(event)).decode(), "found_in": "audit_log", "raw": orjson.dumps(event).decode(),
        }  # fmt: skip

    # --- ruleset history

    def _from_history(self, repository: Repository) -> Stream[None]:
        question = rules.batch(self._client.production_branches)
        answer = yield Graph(question.name, (question.part([repository.id]),), RULE_CHANGES)
        reading = rules.Reading(self._client, repository, answer.data["batch"][0], self._sink)
        yield from reading.read()
        guarded = [one.branch for one in reading.found if one.classic is not None]
        if guarded:
            raise NotLicensed(
                f"{', '.join(guarded)} of {repository.name} is guarded by classic branch protection, and GitHub shows "
                "its "
                f"changes in the audit log only, which the plan {self._client.plan} has not. The daily snapshots of "
                "branch "
                "rules (github.branch_rules) show each change by the day; move the protection into a ruleset, or "
                "record "
                "why this line does not apply."
            )
        rulesets: list[Json] = []

        def take(fresh: list[Json]) -> bool:
            rulesets.extend(one for one in fresh if one.get("target", "branch") == "branch")
            return False

        listing = Rest(rules.RULESETS, repository.path("rulesets"), RULE_CHANGES, {"includes_parents": "true"})
        yield from rest_list(listing, take, key=lambda one: str(one["id"]))
        self._rulesets = len(rulesets)
        for ruleset in rulesets:
            yield from self._versions(repository, ruleset)

    def _versions(self, repository: Repository, ruleset: Json) -> Stream[None]:
        number = str(ruleset["id"])
        own = ruleset.get("source_type") != "Organization"
        changed_at = optional_instant(ruleset.get("updated_at"))
        if not own and changed_at is not None and changed_at < self._start:
            # Its history is shown only to those who may change it, and there is nothing of the interval in it.
            self._unchanged += 1
            return
        base = (
            repository.path("rulesets", number, "history")
            if own
            else f"/orgs/{self._client.organisation}/rulesets/{number}/history"
        )
        versions: list[Json] = []

        def take(fresh: list[Json]) -> bool:
            versions.extend(fresh)
            return False

        call = Rest(HISTORY if own else ORGANISATION_HISTORY, base, RULE_CHANGES, answers=frozenset({404}))
        stream = rest_list(call, take, key=lambda one: str(required(one, "version_id", "ruleset version")))
        asked = next(stream)
        while True:
            answer = yield asked
            if answer.status == 404:
                stream.close()
                raise NotLicensed(
                    f"GitHub shows no history of ruleset {ruleset['name']} in {repository.name}: the plan "
                    f"{self._client.plan} has none, or the principal may not read it (repository permission "
                    "administration: write). The daily snapshots of branch rules are the alternative."
                )
            try:
                asked = stream.send(answer)
            except StopIteration as stop:
                self._pages += stop.value.pages
                break
        self._seen += len(versions)
        versions.sort(key=lambda one: parse_instant(one["updated_at"]))
        for index, version in enumerate(versions):
            if self._start <= parse_instant(version["updated_at"]) < self._end:
                action = "repository_ruleset.create" if index == 0 else "repository_ruleset.update"
                one = str(version["version_id"])
                answer = yield Rest(
                    VERSION if own else ORGANISATION_VERSION, f"{base}/{one}", RULE_CHANGES
                )  # fmt: skip
                self._pages += 1
                self.rows.append((yield from self._version_row(repository, ruleset, answer.data, action)))

    def _version_row(self, repository: Repository, ruleset: Json, version: Json, action: str) -> Stream[Json]:
        who = version.get("actor") or {}
        actor = yield from self._person(who)
        return {
            "scope_item_id": repository.scope_item_id,
            "change_id": f"ruleset:{ruleset['id']}:{required(version, 'version_id', 'ruleset version')}",
            "event_time": parse_instant(version["updated_at"]), "repo_id": repository.id, "repo_name": repository.name,
            "action": action, "actor": actor, "ruleset_id": str(ruleset["id"]), "ruleset_name": ruleset["name"],
            "detail": orjson.dumps({"actor": who, "state": version.get("state")}).decode(),
            "found_in": "ruleset_history", "raw": orjson.dumps(version).decode(),
        }  # fmt: skip

    def _person(self, who: Json) -> Stream[Json]:
        """The history names people by number only; members of the organisation are looked up by it."""
        if self._people is None:
            part = Part(
                "$organisation: ID!",
                f"people: node(id: $organisation) {{ id ... on Organization {{ {MEMBERS.inline()} }} }}",
                {"organisation": self._client.organisation_id},
            )
            answer = yield Graph("People", (part,), RULE_CHANGES)
            members = yield from complete(answer.data["people"], MEMBERS, RULE_CHANGES, self._client.sizes)
            self._people = {member["databaseId"]: member for member in members}
        known = self._people.get(who.get("id", -1))
        kind = {"User": "person", "Bot": "bot"}.get(str(who.get("type")), "unknown")
        if known is None:
            return {"id": None, "login": None, "kind": kind}
        return {"id": known["id"], "login": known["login"], "kind": kind}

    def claim(self) -> ItemClaim:
        if self._audited:
            reaches = self._asked_at - audit.REACH
            complete_from = reaches if self._start < reaches else None
            words = (
                f"{len(self.rows)} of {self._seen} rule changes in the organisation's audit log concern the repository"
            )
            proof = "the audit log shows rule changes in the interval" if self._seen else None
            if complete_from is not None:
                words += (
                    f"; the audit log goes back {audit.REACH.days} days only, and nothing is claimed before "
                    f"{format_instant(complete_from)}"
                )
        else:
            complete_from = None
            words = (
                f"{len(self.rows)} of {self._seen} versions of {self._rulesets} rulesets fall into the interval; "
                "deleted rulesets do not show here, the daily snapshots show them"
            )
            if self._unchanged:
                words += f"; {self._unchanged} rulesets of the organisation were last changed before the interval"
            shown = self._seen + self._unchanged
            proof = f"{self._rulesets} rulesets show when they were changed" if shown else None
        return ItemClaim(
            RULE_CHANGES.name,
            AUDIT_TEXT if self._audited else HISTORY_TEXT,
            complete_from=complete_from,
            proof_of_life=proof is not None,
            proof=proof,
            reconciliation=words,
            pages=self._pages,
            rows_returned=self._seen,
            drop_rules={"another repository or outside the interval": self._seen - len(self.rows)},
        )


def _said(event: Json) -> Json:
    """What an audit event says beyond actor, time and place."""
    plain = {
        "@timestamp",
        "_document_id",
        "created_at",
        "actor",
        "actor_id",
        "org",
        "org_id",
        "repo",
        "repo_id",
        "action",
    }
    return {key: value for key, value in event.items() if key not in plain}
