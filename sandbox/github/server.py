"""The simulated GitHub as an ASGI application: REST and GraphQL, at api.github.com's paths and at those of a GitHub
Enterprise Server (`/api/v3`, `/api/graphql`)."""

from __future__ import annotations

import hashlib
import threading
from typing import Any
from urllib.parse import parse_qsl

import orjson

from sandbox.clock import SimulatedClock
from sandbox.faults import Fault, FaultPlan
from sandbox.github import spoiling
from sandbox.github.access import Request, Viewer
from sandbox.github.credentials import Credentials
from sandbox.github.errors import NotModelled, Refused, RestError
from sandbox.github.limits import Budget, RateLimits
from sandbox.github.model import Organisation, Repository
from sandbox.github.queries.endpoint import GraphQLService, read_call
from sandbox.github.rest import bodies
from sandbox.github.rest.calls import Answer, Call, not_found
from sandbox.github.rest.routes import find
from sandbox.github.times import Epoch, epoch, http_date
from sandbox.github.wire import Arrival, Receive, Reply, Send, arrive, leave
from sandbox.github.world import World
from sandbox.loopback import LoopbackServer

API_VERSION = "2022-11-28"


class GitHubApplication:
    """Answers requests from a world at the instant of the clock."""

    def __init__(self, world: World, credentials: Credentials, clock: SimulatedClock, faults: FaultPlan) -> None:
        self.world = world
        self.credentials = credentials
        self.clock = clock
        self.faults = faults
        self.limits = RateLimits()
        self.graphql = GraphQLService(self.limits)
        self._serial = 0
        self._lock = threading.Lock()
        self._touched: dict[str, Epoch] = {}
        self._touched_in = faults.generation

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        arrival = await arrive(scope, receive)
        if arrival is not None:
            await leave(self.reply(arrival), scope, send)

    def reply(self, arrival: Arrival) -> Reply:
        """Everything but the sending."""
        now = epoch(self.clock.now())
        call = None
        if arrival.is_graphql:
            try:
                call = read_call(arrival.body)
                operation = call.name
            except Refused:
                operation = "graphql"
        else:
            found = find(arrival.method, self._named_path(arrival.rest_path, now)[0])
            operation = found[0].operation if found else f"{arrival.method} {arrival.rest_path}"
        seen_path = f"{arrival.path}?{arrival.query}" if arrival.query else arrival.path
        fault = self.faults.take("github", operation, seen_path)
        conditions = self.faults.conditions("github", operation, seen_path)
        skew = sum(int(one.seconds) for one in conditions if one.kind == "wrong_date")
        headers = {
            "Date": http_date(now + skew),
            "Server": "github.com",
            "Content-Type": "application/json; charset=utf-8",
            "X-GitHub-Media-Type": "github.v3; format=json",
            "X-GitHub-Request-Id": self._request_id(),
            "X-GitHub-Api-Version-Selected": API_VERSION,
            "Access-Control-Allow-Origin": "*",
            "Strict-Transport-Security": "max-age=31536000; includeSubdomains; preload",
            "Vary": "Accept, Authorization, Cookie, X-GitHub-OTP",
            "Cache-Control": "private, max-age=60, s-maxage=60",
        }
        reply = self._answer(arrival, call, now, fault, conditions, headers)
        reply.delay_ms = sum(one.ms for one in conditions if one.kind == "latency")
        reply.fault = fault
        return reply

    def _answer(
        self,
        arrival: Arrival,
        call: Any,
        now: Epoch,
        fault: Fault | None,
        conditions: list[Fault],
        headers: dict[str, str],
    ) -> Reply:
        viewer = Viewer()
        resource = "graphql" if arrival.is_graphql else "core"
        try:
            spoiling.turn_away(fault)
            viewer = self.credentials.viewer(arrival.headers.get("authorization"), now)
            viewer.hidden = tuple(one for one in conditions if one.kind == "fewer_repositories")
            budget = self.limits.budget(viewer, resource, now, repositories=self._repositories_of(viewer, now))
            if fault is not None:
                spoiling.refuse(
                    fault, viewer, budget, graphql=arrival.is_graphql, request_id=headers["X-GitHub-Request-Id"]
                )
            request = self._request(arrival, viewer, now, fault)
            if arrival.is_graphql:
                answer = self._graphql(arrival, call, request, fault, headers)
            else:
                answer = self._rest(arrival, request, budget)
        except RestError as error:
            answer = _error_answer(error)
        headers.update(answer.headers)
        body = _encoded(answer.body)
        status = answer.status
        if arrival.method == "GET" and status == 200:
            headers["ETag"] = f'W/"{hashlib.sha256(body + viewer.key.encode()).hexdigest()}"'
            if arrival.headers.get("if-none-match") == headers["ETag"]:
                status, body = 304, b""
                headers.pop("Content-Type", None)
                if arrival.rest_path != "/rate_limit" and viewer.key != "anonymous":
                    self.limits.give_back(self.limits.budget(viewer, resource, now), 1)
        self._limit_headers(headers, viewer, resource, now)
        return Reply(status, body, headers)

    def _request(self, arrival: Arrival, viewer: Viewer, now: Epoch, fault: Fault | None) -> Request:
        if self._touched_in != self.faults.generation:
            self._touched, self._touched_in = {}, self.faults.generation
        api = f"http://{arrival.host}{arrival.prefix}"
        return Request(self.world, now, viewer, api, fault, self._touched)

    def _graphql(
        self, arrival: Arrival, call: Any, request: Request, fault: Fault | None, headers: dict[str, str]
    ) -> Answer:
        if arrival.method != "POST":
            raise RestError(404, "Not Found")
        if request.viewer.key == "anonymous" or request.viewer.app_id is not None:
            raise RestError(401, "This endpoint requires you to be authenticated.")
        if call is None:
            raise RestError(400, "Problems parsing JSON")
        content = self.graphql.answer(call, request)
        return Answer(spoiling.spoil_content(content, fault, request.viewer, headers["X-GitHub-Request-Id"]))

    def _rest(self, arrival: Arrival, request: Request, budget: Budget) -> Answer:
        path = arrival.rest_path
        special = self._special(arrival, request)
        if special is not None:
            return special
        if request.viewer.app_id is not None:
            raise RestError(401, "A JSON web token opens only the endpoints of an app; ask for an installation token.")
        if not self.limits.spend(budget, 1):
            raise spoiling.limit_exceeded(403, request.viewer, budget, None, None)
        named, repository, organisation, moved = self._resolve(path, request)
        found = find(arrival.method, named)
        if found is None:
            raise NotModelled(f"{arrival.method} {path}")
        route, variables = found
        query = dict(parse_qsl(arrival.query, keep_blank_values=True))
        for name in query:
            if name not in route.parameters:
                raise NotModelled(f"the query parameter {name} of {route.operation}")
        if repository is None and "{repo}" in route.template:
            raise not_found()
        if organisation is None and "{org}" in route.template:
            raise not_found()
        if moved and repository is not None:
            tail = path.split("/", 4)[4:]
            target = f"{request.api}/repositories/{repository.id}{'/' + tail[0] if tail else ''}"
            if arrival.query:
                target += f"?{arrival.query}"
            body = {"message": "Moved Permanently", "url": target, "documentation_url": "https://docs.github.com/rest"}
            return Answer(body, status=301, headers={"Location": target})
        call = Call(
            request,
            arrival.method,
            route.operation,
            _numbered(path, repository, organisation),
            variables,
            query,
            repository,
            organisation,
        )
        call.demand(*route.needs)
        return route.handler(call)

    def _special(self, arrival: Arrival, request: Request) -> Answer | None:
        """Endpoints outside the table: rate limits, which cost nothing, and those of apps."""
        path, viewer = arrival.rest_path, request.viewer
        if path == "/rate_limit":
            return self._rate_limit(request)
        if path == "/installation/repositories":
            if viewer.installation is None:
                raise RestError(
                    403,
                    "You must authenticate with an installation access token in order to list "
                    "repositories for an installation.",
                )
            return self._installation_repositories(arrival, request)
        if path != "/app" and not path.startswith("/app/"):
            return None
        if viewer.app_id is None:
            raise RestError(401, "A JSON web token could not be decoded")
        app = next(one for one in self.world.apps.values() if one.id == viewer.app_id)
        installed = [
            one
            for organisation in self.world.organisations.values()
            for one in organisation.installations
            if one.app is app and one.exists(request.now)
        ]
        if arrival.method == "GET" and path == "/app":
            return Answer(bodies.app(app, request))
        if arrival.method == "GET" and path == "/app/installations":
            return Answer([bodies.installation(one, request) for one in installed])
        parts = path.split("/")
        if len(parts) >= 4 and parts[2] == "installations" and parts[3].isdigit():
            if arrival.method == "POST" and parts[4:] == ["access_tokens"]:
                return Answer(self.credentials.issue(app.id, int(parts[3]), request.now), status=201)
            if arrival.method == "GET" and len(parts) == 4:
                for one in installed:
                    if one.id == int(parts[3]):
                        return Answer(bodies.installation(one, request))
                raise not_found()
        raise NotModelled(f"{arrival.method} {path}")

    def _installation_repositories(self, arrival: Arrival, request: Request) -> Answer:
        found = [one for one in self.world.repository_by_id.values() if request.viewer.sees(one, request.now)]
        query = dict(parse_qsl(arrival.query))
        call = Call(request, "GET", "GET /installation/repositories", "/installation/repositories", {}, query)
        answer = call.wrapped("repositories", found, lambda one: bodies.minimal_repository(one, request))
        answer.body["repository_selection"] = "all"
        return answer

    def _rate_limit(self, request: Request) -> Answer:
        resources: dict[str, dict[str, int]] = {}
        for name in ("core", "graphql", "search"):
            one = self.limits.budget(request.viewer, name, request.now)
            resources[name] = {"limit": one.limit, "used": one.used, "remaining": one.remaining, "reset": one.reset}
        return Answer({"resources": resources, "rate": resources["core"]})

    def _named_path(self, path: str, now: Epoch) -> tuple[str, Repository | None, Organisation | None]:
        """A path by number as the path by name that the routes know."""
        parts = path.split("/")
        if len(parts) > 2 and parts[2].isdigit():
            if parts[1] == "repositories":
                repository = self.world.repository_by_id.get(int(parts[2]))
                if repository is not None:
                    tail = parts[3:]
                    return "/".join(["", "repos", *repository.full_name(now).split("/"), *tail]), repository, None
            if parts[1] == "organizations":
                for organisation in self.world.organisations.values():
                    if organisation.account.id == int(parts[2]):
                        return "/".join(["", "orgs", organisation.login, *parts[3:]]), None, organisation
        return path, None, None

    def _resolve(self, path: str, request: Request) -> tuple[str, Repository | None, Organisation | None, bool]:
        """The named path, what it names as far as the viewer sees it, and whether it is a former name."""
        named, repository, organisation = self._named_path(path, request.now)
        moved = False
        parts = named.split("/")
        if repository is None and parts[1] == "repos" and len(parts) > 3:
            found = self.world.find_repository(parts[2], parts[3], request.now)
            if found is not None:
                repository, moved = found
        if organisation is None and parts[1] == "orgs" and len(parts) > 2:
            organisation = self.world.organisations.get(parts[2].lower())
            if organisation is not None and not organisation.exists(request.now):
                organisation = None
        if repository is not None and not request.viewer.sees(repository, request.now):
            repository, moved = None, False
        return named, repository, organisation, moved

    def _repositories_of(self, viewer: Viewer, now: Epoch) -> int:
        if viewer.installation is None:
            return 0
        return sum(1 for one in viewer.installation.organisation.repositories if one.exists(now))

    def _limit_headers(self, headers: dict[str, str], viewer: Viewer, resource: str, now: Epoch) -> None:
        budget = self.limits.budget(viewer, resource, now)
        shown = {
            "X-RateLimit-Limit": budget.limit,
            "X-RateLimit-Remaining": budget.remaining,
            "X-RateLimit-Used": budget.used,
            "X-RateLimit-Reset": budget.reset,
        }
        for name, value in shown.items():
            headers.setdefault(name, str(value))
        headers.setdefault("X-RateLimit-Resource", resource)
        if viewer.account is not None:
            headers.setdefault("X-OAuth-Scopes", "admin:org, read:audit_log, repo")

    def _request_id(self) -> str:
        with self._lock:
            self._serial += 1
            serial = self._serial
        digest = hashlib.blake2b(str(serial).encode(), digest_size=10).hexdigest().upper()
        return f"{serial & 0xFFFF:04X}:{digest[:6]}:{digest[6:13]}:{digest[13:20]}:{serial:08X}"


def _numbered(path: str, repository: Repository | None, organisation: Organisation | None) -> str:
    """The path as next links write it."""
    parts = path.split("/")
    if repository is not None and parts[1] == "repos":
        return "/".join(["", "repositories", str(repository.id), *parts[4:]])
    if organisation is not None and parts[1] == "orgs":
        return "/".join(["", "organizations", str(organisation.account.id), *parts[3:]])
    return path


def _encoded(body: Any) -> bytes:
    return body if isinstance(body, bytes) else orjson.dumps(body)


def _error_answer(error: RestError) -> Answer:
    body: dict[str, Any] = {"message": error.message}
    if error.errors is not None:
        body["errors"] = error.errors
    body["documentation_url"] = error.documentation
    body["status"] = str(error.status)
    return Answer(body, status=error.status, headers=error.headers)


class GitHubServer:
    """A running simulated GitHub."""

    def __init__(
        self, world: World, credentials: Credentials, clock: SimulatedClock, faults: FaultPlan, *, port: int = 0
    ) -> None:
        self.application = GitHubApplication(world, credentials, clock, faults)
        self._server = LoopbackServer(self.application, port=port, name="sandbox-github")

    @property
    def url(self) -> str:
        """The API root in the style of api.github.com."""
        return self._server.url

    def close(self) -> None:
        """Stop serving."""
        self._server.close()


__all__ = ["GitHubApplication", "GitHubServer"]
