"""The simulated Jira on loopback: the part of its REST API of version 2 by which issues are read.

Cloud shows pages by token and counts by itself; Data Center shows pages by place, with their total. Searches are those
that name a project and days, in the time zone of the account that asks; another one is an error that says so. An issue
or a project that is hidden from the reader is left out without a word, as Jira does.

Faults (`source: jira`) go by the operation, such as `GET /rest/api/2/search/jql`. Limits are 429.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.clock import SimulatedClock
from sandbox.company import Company
from sandbox.faults import FaultPlan
from sandbox.loopback import LoopbackServer
from sandbox.trackers.jira_script import JiraIssue, JiraScript
from sandbox.trackers.jira_world import STATUSES, JiraWorld
from sandbox.trackers.serving import Call, Page, Refused, Route, TrackerApplication, page_of

READER = "evidence-reader@sandbox.example"
_API = "/rest/api/2"
_SEARCHED = re.compile(
    r'project = "(?P<project>[^"]+)"(?: AND created >= "(?P<first>[\d-]+)" AND created < "(?P<last>[\d-]+)")?'
    r"(?P<order> ORDER BY created ASC(?:, key ASC)?)?"
)
_CLOUD_PAGE, _SERVER_PAGE = 100, 1000


class JiraServer:
    """A running simulated Jira; `url` has no slash at the end."""

    def __init__(self, script: JiraScript, company: Company, clock: SimulatedClock, faults: FaultPlan) -> None:
        self.world = JiraWorld(script, company)
        self.token = f"sandbox-{secrets.token_hex(12)}"
        self._cloud = script.deployment == "Cloud"
        error = lambda status, message: {"errorMessages": [message], "errors": {}}  # noqa: E731 - one line of shape
        self.application = TrackerApplication("jira", self._routes(), clock, faults, self._knows, error)
        self._server = LoopbackServer(self.application, name="sandbox-jira")
        self.url = self._server.url

    @property
    def environment(self) -> dict[str, str]:
        """Credentials of the reader."""
        if self._cloud:
            return {"JIRA_EMAIL": READER, "JIRA_API_TOKEN": self.token}
        return {"JIRA_PERSONAL_ACCESS_TOKEN": self.token}

    def close(self) -> None:
        self._server.close()

    def _knows(self, headers: Mapping[str, str]) -> bool:
        basic = base64.b64encode(f"{READER}:{self.token}".encode()).decode()
        wanted = f"Basic {basic}" if self._cloud else f"Bearer {self.token}"
        return headers.get("authorization") == wanted

    def _routes(self) -> list[Route]:
        paged = frozenset({"startAt", "maxResults"})
        asked = frozenset({"jql", "fields", "expand", "maxResults"})
        routes = [
            Route("GET", f"{_API}/serverInfo", self._info),
            Route("GET", f"{_API}/myself", self._myself),
            Route("GET", f"{_API}/field", self._fields),
            Route("GET", f"{_API}/status", lambda _: [self.world.status(name) for name in STATUSES]),
            Route("GET", f"{_API}/project/{{key}}", self._project),
            Route("GET", f"{_API}/issue/{{id}}/comment", self._comments, paged),
        ]
        if not self._cloud:
            return [*routes, Route("GET", f"{_API}/search", self._search_by_place, asked | {"startAt"})]
        return [
            *routes,
            Route("GET", f"{_API}/search/jql", self._search_by_token, asked | {"nextPageToken"}),
            Route("POST", f"{_API}/search/approximate-count", self._count, frozenset({"jql"})),
            Route("GET", f"{_API}/issue/{{id}}/changelog", self._changes, paged),
        ]

    # --- what is answered --------------------------------------------------------------------------------------------

    def _info(self, call: Call) -> Mapping[str, Any]:
        return {
            "baseUrl": f"https://{self.world.script.site}", "version": "1001.0.0" if self._cloud else "9.12.4",
            "deploymentType": self.world.script.deployment, "serverTitle": "Jira",
            "serverTime": call.now.isoformat(),
        }  # fmt: skip

    def _myself(self, _: Call) -> Mapping[str, Any]:
        named = {"accountId": "5freader", "accountType": "atlassian"} if self._cloud else {"name": "evidence-reader"}
        return {**named, "emailAddress": READER, "displayName": "Evidence reader", "active": True,
                "timeZone": self.world.script.time_zone}  # fmt: skip

    def _fields(self, _: Call) -> list[Any]:
        own = [{"id": name, "name": name.title(), "custom": False} for name in ("summary", "status", "labels")]
        return [*own, *({"id": id, "name": name, "custom": True} for name, id in self.world.field_ids.items())]

    def _project(self, call: Call) -> Mapping[str, Any]:
        found = self.world.projects.get(call.path["key"].upper())
        if found is None:
            raise Refused(404, f"No project could be found with key '{call.path['key']}'.")
        return found

    def _search_by_token(self, call: Call) -> Mapping[str, Any]:
        found = self._searched(call)
        page = page_of(found, _place(call.get("nextPageToken")), _length(call, _CLOUD_PAGE), call.fault)
        follows = page.start + (0 if call.fault and call.fault.kind == "empty_page" else len(page.items))
        answer: dict[str, Any] = {"issues": self._shown(call, page), "isLast": not page.more}
        if page.more:
            salt = "again" if call.fault and call.fault.kind == "empty_page" else "next"
            answer["nextPageToken"] = base64.urlsafe_b64encode(f"{follows}:{salt}".encode()).decode()
        return answer

    def _search_by_place(self, call: Call) -> Mapping[str, Any]:
        found = self._searched(call)
        page = page_of(found, call.number("startAt", 0), _length(call, _SERVER_PAGE), call.fault)
        total = page.total
        if call.fault is not None and call.fault.kind == "lying_last_page":
            total = page.start + len(page.items)
        return {"startAt": page.start, "maxResults": len(page.items), "total": total,
                "issues": self._shown(call, page)}  # fmt: skip

    def _count(self, call: Call) -> Mapping[str, Any]:
        return {"count": len(self._searched(call))}

    def _changes(self, call: Call) -> Mapping[str, Any]:
        return self._nested(call, "values", self.world.histories(self._issue(call), call.now))

    def _comments(self, call: Call) -> Mapping[str, Any]:
        return self._nested(call, "comments", self.world.comments(self._issue(call), call.now))

    def _nested(self, call: Call, key: str, items: list[Any]) -> Mapping[str, Any]:
        page = page_of(items, call.number("startAt", 0), _length(call, 100), call.fault)
        return {"startAt": page.start, "maxResults": _length(call, 100), "total": page.total, "isLast": not page.more,
                key: page.items}  # fmt: skip

    def _issue(self, call: Call) -> JiraIssue:
        found = self.world.by_id.get(call.path["id"])
        if found is None or found.created > call.now:
            raise Refused(404, "Issue does not exist or you do not have permission to see it.")
        return found

    def _shown(self, call: Call, page: Page) -> list[Any]:
        changelog = call.get("expand") == "changelog"
        shown = [self.world.shown(one, call.now, changelog=changelog) for one in page.items]
        if call.get("fields") == "summary":
            return [{**one, "fields": {"summary": one["fields"]["summary"]}} for one in shown]
        if call.get("fields") != "*all":
            raise Refused(501, "The sandbox models fields=*all and fields=summary")
        return shown

    def _searched(self, call: Call) -> list[JiraIssue]:
        text = str(call.body.get("jql") or call.get("jql") or "")
        asked = _SEARCHED.fullmatch(text)
        if asked is None or (call.body and asked["order"]):
            raise Refused(400, f"The sandbox does not model this search: {text}")
        if asked["project"] not in self.world.projects:
            raise Refused(400, f"The value '{asked['project']}' does not exist for the field 'project'.")
        found = self.world.issues(asked["project"], call.now)
        if asked["first"]:
            zone = ZoneInfo(self.world.script.time_zone)
            first, last = (_midnight(asked[name], zone) for name in ("first", "last"))
            found = [one for one in found if first <= one.created < last]
        return found


def _midnight(day: str, zone: ZoneInfo) -> datetime:
    return datetime.combine(date.fromisoformat(day), time(), zone)


def _length(call: Call, most: int) -> int:
    return max(1, min(call.number("maxResults", 50), most))


def _place(token: str | None) -> int:
    if not token:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token).decode().partition(":")[0])
    except ValueError:
        raise Refused(400, "The page token is not one of this search") from None
