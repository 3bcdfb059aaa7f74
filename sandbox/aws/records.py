"""Services that show what the company file says, in the words of their API: detection, backups, deployments and more.

The file holds records (`company.Record`): what a service shows, where, and from when until when. Each operation is
declared in a module of `sandbox.aws.shown` as a small function from the records that are there at the clock's instant
to the answer; requests are read and answers written by the vendor's own service descriptions. What an operation does
not take, and what AWS could not answer, is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from moto.core.parse import PROTOCOL_PARSERS
from moto.core.serialize import SerializationContext, get_serializer_class
from werkzeug.datastructures import MultiDict

from sandbox.aws.models import operation_model, paging_of, rest_operation, shaped
from sandbox.aws.paging import cut
from sandbox.aws.wire import Call, WireAnswer, WireError, new_request_id
from sandbox.aws.world import World
from sandbox.faults import Fault

Shown = Mapping[str, Any]
Answering = Callable[["View", Mapping[str, Any]], Any]


@dataclass(frozen=True)
class View:
    """What one account shows in one region at the clock's instant."""

    world: World
    account: str
    region: str

    @property
    def now(self) -> datetime:
        return self.world.now

    def of(self, kind: str) -> Iterator[Shown]:
        """The records of a kind, in the order of the file."""
        return self.world.shown(self.account, self.region, kind)

    def one(self, kind: str, code: str = "ResourceNotFoundException", **named: Any) -> Shown:
        """The record whose members are as named. Raises the error of AWS where there is none."""
        for shown in self.of(kind):
            if all(shown.get(name) == value for name, value in named.items()):
                return shown
        raise WireError(400, code, "The request is rejected because the resource does not exist.")


@dataclass(frozen=True)
class Shim:
    """How an operation answers."""

    answer: Answering
    takes: frozenset[str]
    lists: str | None
    limit: int


SHIMS: dict[str, Shim] = {}


def shim(operation: str, *takes: str, lists: str | None = None, limit: int = 50) -> Callable[[Answering], Answering]:
    """Declare an operation and the parameters it takes.

    With `lists` the function gives all items, and pages of them are cut here, of `limit` items unless fewer are asked
    for; without it the function gives the whole answer.
    """

    def declare(answer: Answering) -> Answering:
        assert operation not in SHIMS, operation
        SHIMS[operation] = Shim(answer, frozenset(takes), lists, limit)
        return answer

    return declare


def listing(operation: str, kind: str, name: str, *takes: str, limit: int = 100, names: str | None = None) -> None:
    """Declare an operation that lists all records of a kind, or with `names` only that member of each."""

    def answer(view: View, asked: Mapping[str, Any]) -> list[Any]:
        return [shown if names is None else shown[names] for shown in view.of(kind)]

    shim(operation, *takes, lists=name, limit=limit)(answer)


def picked(shown: Shown, *names: str) -> dict[str, Any]:
    """Only these members, where they are there."""
    return {name: shown[name] for name in names if name in shown}


def without(shown: Shown, *names: str) -> dict[str, Any]:
    """All members but these."""
    return {name: value for name, value in shown.items() if name not in names}


def answer_shown(call: Call, world: World, account: str, regions: list[str], fault: Fault | None) -> WireAnswer:
    """The answer of an operation that is declared here. Raises WireError."""
    if call.region not in regions and call.service not in ("iam", "organizations", "cloudfront"):
        code = "UnrecognizedClientException" if call.protocol in ("json", "rest") else "InvalidClientTokenId"
        raise WireError(403, code, "The security token included in the request is invalid.")
    made = SHIMS[call.operation]
    model = operation_model(call.service, call.action)
    assert model is not None, f"{call.operation} is declared and unknown to botocore"
    asked = _asked(call, model)
    paging = paging_of(call.service, call.action) if made.lists is not None else None
    marker: str | None = None
    limit = made.limit
    if paging is not None:
        marker = asked.pop(paging[0], None)
        if paging[2] is not None and paging[2] in asked:
            limit = min(made.limit, int(asked.pop(paging[2])))
    beyond = sorted(set(asked) - made.takes)
    if beyond:
        raise WireError(400, "ValidationException", f"{call.operation} does not take {beyond} in this simulated AWS.")
    result: dict[str, Any]
    answered = made.answer(View(world, account, call.region), asked)
    if made.lists is None:
        result = dict(answered)
    else:
        items = list(answered)
        if paging is None:
            limit = len(items) + 1
        page = cut(call.operation, len(items), max(limit, 1), marker, fault)
        result = {made.lists: items[page.start : page.stop]}
        if paging is not None and page.marker is not None:
            result[paging[1]] = page.marker
        for flag in ("Truncated", "IsTruncated"):
            if flag in model.output_shape.members:
                result[flag] = page.more
    protocol = _protocol(call, model)
    try:
        fitting = {} if model.output_shape is None else shaped(model.output_shape, result, call.operation)
    except ValueError as error:
        raise WireError(500, "InternalFailure", f"The company file does not fit: {error}") from error
    request_id = new_request_id()
    serializer: Any = get_serializer_class(call.service, protocol)(model, SerializationContext(request_id))
    written = serializer.serialize(fitting)
    kind = "text/xml;charset=UTF-8" if protocol in ("query", "ec2") else "application/x-amz-json-1.1"
    if protocol.startswith("rest-"):
        kind = "application/json" if protocol == "rest-json" else "application/xml"
    return WireAnswer(int(written["status_code"]), kind, str(written["body"]).encode(), request_id)


def _query_names(shape: Any) -> Iterator[str]:
    """Names of parameters in a query: EC2 calls some of its lists otherwise than its descriptions do."""
    for name, member in getattr(shape, "members", {}).items():
        yield str(name)
        written = member.serialization.get("queryName") or member.serialization.get("name")
        if written:
            yield written[0].upper() + written[1:]


def _protocol(call: Call, model: Any) -> str:
    """A service can speak several; of REST there are two."""
    return str(model.service_model.protocol) if call.protocol == "rest" else call.protocol


def _asked(call: Call, model: Any) -> dict[str, Any]:
    """The parameters, under the names of the vendor's description."""
    protocol = _protocol(call, model)
    parts = urlsplit(call.path)
    values: list[tuple[str, str]] = parse_qsl(parts.query, keep_blank_values=True)
    if protocol in ("query", "ec2"):
        values = [*values, *parse_qsl(call.body.decode(), keep_blank_values=True)]
        known = {"Action", "Version", *_query_names(model.input_shape)}
        beyond = sorted({name.partition(".")[0] for name, _ in values} - known)
        if beyond:
            raise WireError(400, "ValidationError", f"{call.operation} has no parameter {beyond}.")
    found = rest_operation(call.service, call.method, call.path) if protocol.startswith("rest") else None
    request: dict[str, Any] = {
        "action": call.action, "body": call.body, "headers": {}, "method": call.method, "url_path": parts.path,
        "url_params": {} if found is None else dict(found[1]), "values": MultiDict(values),
    }  # fmt: skip
    parser: Any = PROTOCOL_PARSERS[protocol](model)
    parsed = cast("dict[str, Any]", parser.parse(request))
    return {name: value for name, value in parsed.items() if value is not None}
