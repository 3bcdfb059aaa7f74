"""AWS on the wire: what a request asks, and answers and errors in the shape of the protocol it came in."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from urllib.parse import parse_qsl, urlsplit
from xml.sax.saxutils import escape

from sandbox.aws.models import IAM_NAMES, rest_operation

WireProtocol = Literal["query", "ec2", "json", "rest"]

XMLNS = {
    "iam": "https://iam.amazonaws.com/doc/2010-05-08/",
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
    "ec2": "http://ec2.amazonaws.com/doc/2016-11-15/",
}

_S3_CONTROL = "/v20180820/"
_BALANCERS = {"2015-12-01": "elbv2", "2012-06-01": "elb"}
"""Both generations of load balancers sign with one name; the version of their API tells them apart."""
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d{8}/([^/]*)/([^/]+)/aws4_request")


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `operation` is `service:Operation`, the service as IAM's actions name it.

    Of REST protocols the operation is found by method and path; where no service description has it, it stays
    `service:METHOD /path`.
    """

    service: str
    region: str
    action: str
    protocol: WireProtocol
    path: str
    parameters: Mapping[str, Any]
    access_key: str | None
    session_token: str | None
    method: str = "POST"
    body: bytes = b""

    @property
    def operation(self) -> str:
        return f"{self.service}:{self.action}"


@dataclass(frozen=True, slots=True)
class WireAnswer:
    """Status, content type, body and further header fields; the server adds `Date` and the request id."""

    status: int
    content_type: str
    body: bytes
    request_id: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


XML_SERVICES = ("s3", "s3control", "route53", "cloudfront")


class WireError(Exception):
    """An error that AWS would answer."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Headers(Protocol):
    """Header fields by name, whatever its case."""

    def get(self, name: str, /) -> str | None: ...


def parse_call(method: str, target: str, headers: Headers, body: bytes) -> Call:
    """Read a request: which service and action, with which parameters and credentials."""
    scope = _CREDENTIAL.search(headers.get("Authorization") or "")
    service = scope.group(3) if scope else "unknown"
    service = IAM_NAMES.get(service, service)
    if service == "s3" and target.startswith(_S3_CONTROL):
        service = "s3control"
    amz_target = headers.get("X-Amz-Target") or ""
    parameters: dict[str, Any]
    protocol: WireProtocol
    if amz_target:
        protocol, action = "json", amz_target.rpartition(".")[2]
        try:
            parameters = json.loads(body or b"{}")
        except ValueError:
            parameters = {}
    else:
        form = dict(parse_qsl(urlsplit(target).query, keep_blank_values=True))
        if (headers.get("Content-Type") or "").startswith("application/x-www-form-urlencoded"):
            form |= dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        action = form.pop("Action", "")
        version = form.pop("Version", None)
        if service == "elasticloadbalancing":
            service = _BALANCERS.get(str(version), service)
        parameters = form
        if action:
            protocol = "ec2" if service == "ec2" else "query"
        else:
            protocol = "rest"
            found = rest_operation(service, method, target)
            action = f"{method} {urlsplit(target).path}" if found is None else found[0]
    return Call(
        service=service, region=scope.group(2) if scope else "", action=action, protocol=protocol, path=target,
        parameters=parameters, access_key=scope.group(1) if scope else None,
        session_token=headers.get("X-Amz-Security-Token"), method=method, body=body,
    )  # fmt: skip


def new_request_id() -> str:
    """A request id as AWS writes them."""
    text = secrets.token_hex(16)
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def xml_answer(call: Call, result: str) -> WireAnswer:
    """A good answer: `result` is the XML inside the operation's result element."""
    request_id = new_request_id()
    if call.protocol == "ec2":
        body = (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<{call.action}Response xmlns="{XMLNS["ec2"]}">'
            f"<requestId>{request_id}</requestId>{result}</{call.action}Response>"
        )
    else:
        body = (
            f'<{call.action}Response xmlns="{XMLNS[call.service]}"><{call.action}Result>{result}'
            f"</{call.action}Result><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
            f"</{call.action}Response>"
        )
    return WireAnswer(200, "text/xml;charset=UTF-8", body.encode(), request_id)


def json_answer(result: Mapping[str, Any]) -> WireAnswer:
    """A good answer of a JSON service."""
    return WireAnswer(200, "application/x-amz-json-1.1", json.dumps(result).encode(), new_request_id())


def error_answer(call: Call, error: WireError) -> WireAnswer:
    """The error in the protocol of the call."""
    request_id = new_request_id()
    code, message = escape(error.code), escape(error.message)
    if call.protocol == "rest" and call.service in XML_SERVICES:
        body = f"<Error><Code>{code}</Code><Message>{message}</Message><RequestId>{request_id}</RequestId></Error>"
        return WireAnswer(error.status, "application/xml", body.encode(), request_id)
    if call.protocol in ("json", "rest"):
        body = json.dumps({"__type": error.code, "Message": error.message, "message": error.message})
        return WireAnswer(error.status, "application/x-amz-json-1.1", body.encode(), request_id)
    if call.protocol == "ec2":
        body = (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>{code}</Code>'
            f"<Message>{message}</Message></Error></Errors><RequestID>{request_id}</RequestID></Response>"
        )
    else:
        kind = "Sender" if error.status < 500 else "Receiver"
        namespace = XMLNS.get(call.service, XMLNS["iam"])
        body = (
            f'<ErrorResponse xmlns="{namespace}"><Error><Type>{kind}</Type><Code>{code}</Code>'
            f"<Message>{message}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
        )
    return WireAnswer(error.status, "text/xml", body.encode(), request_id)


def html_error(status: int) -> WireAnswer:
    """What a broken gateway in front of a service answers."""
    body = f"<html><head><title>{status}</title></head><body><h1>{status} Internal Server Error</h1></body></html>"
    return WireAnswer(status, "text/html", body.encode(), new_request_id())
