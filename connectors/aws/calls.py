"""Every call to AWS goes through here: judged, paced, dated, counted, and kept as received.

A `Caller` holds one set of credentials (one account). Threads may share one while an extractor asks side by side.
"""

from __future__ import annotations

import re
import threading
import urllib.request
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import boto3.session
import botocore.credentials
import orjson
import urllib3.exceptions
from botocore import exceptions as botocore_errors
from botocore import xform_name
from botocore.config import Config
from botocore.parsers import ResponseParserError

from connectors.aws.verdicts import THROTTLED, verdict
from connectors.endpoints import EndpointJudgement, resolve_addresses
from connectors.pacing import Pacer
from connectors.source_clock import check_clock, source_clock
from schemas.dataset import Dataset
from schemas.errors import ConfigurationError, EndpointRefused, IncompletePopulation, RetriableError, SchemaDrift
from schemas.extraction import Sink

CALLS_PER_SECOND: Mapping[str, float] = {
    "iam": 10, "organizations": 5, "sts": 20, "ec2": 10,
    "accessanalyzer": 5, "codedeploy": 5, "codepipeline": 5, "ssm": 5,
    "cloudwatch": 8, "config": 5, "ecr": 10, "events": 10, "guardduty": 5, "identitystore": 10,
    "inspector2": 5, "securityhub": 3, "sns": 10, "sso-admin": 10,
    "acm": 5, "backup": 5, "cloudfront": 5, "cloudtrail": 2, "dynamodb": 20, "efs": 5, "elb": 5, "elbv2": 5, "kms": 20,
    "lambda": 10, "logs": 5, "rds": 5, "s3": 30, "s3control": 5, "sqs": 20,
}  # fmt: skip
"""Steady pace per service, well below what AWS allows an account, so that others are not throttled by us."""

OTHER_CALLS_PER_SECOND = 5.0
"""Of services that are not named there."""

_PARSE_ATTEMPTS = 3
_PAGE_ATTEMPTS = 3
_EMPTY_PAGES = 100
"""AWS may answer an empty page in between; so many in a row are no list any more."""
_MARKER_OVER = frozenset({
    "ExpiredNextTokenException", "ExpiredPaginationToken", "InvalidNextToken", "InvalidNextTokenException",
    "InvalidPaginationTokenException", "BadRequestException", "InvalidParameterValueException", "ValidationException",
    "ValidationError",
})  # fmt: skip
"""What a later page answers with where its marker no longer counts: everything else it is asked with was good before.
"""
_RENEW_BEFORE = timedelta(minutes=5)
SIDE_BY_SIDE = 16
"""So many threads may ask through one caller at once; each has a connection of its own."""
_WEB_PAGE = re.compile(rb"\s*(?:<!doctype\s+html|<html)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """One good answer, or one error that the caller said it expects (then `error_code` is set)."""

    operation: str
    parsed: Mapping[str, Any] = field(repr=False)
    status: int
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    parameters: Mapping[str, Any]
    served_at: datetime
    error_code: str | None = None

    def keep(self, sink: Sink, dataset: Dataset) -> Answer:
        """Hand the answer, as received, to the sink."""
        sink.answer(
            dataset=dataset, method="POST", url=self.url, status=self.status, headers=self.headers, body=self.body,
            parameters={"operation": self.operation, **self.parameters},
        )  # fmt: skip
        return self


@dataclass(frozen=True, slots=True)
class Credentials:
    """A session of a reading role."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires: datetime


@dataclass(slots=True)
class Conduct:
    """What all callers of one session share."""

    boto: boto3.session.Session
    region: str
    now: Callable[[], datetime]
    judge: Callable[[str], EndpointJudgement]
    pacer: Pacer
    pause: Callable[[float], None]
    attempts: int = 10
    requests: int = 0
    """HTTP requests sent, repetitions included."""
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    """Held while a client is made or the count goes up."""


class Caller:
    """Calls with one account's credentials. `renew` makes new ones; None: boto3's own chain, which renews itself."""

    def __init__(
        self, conduct: Conduct, account: str, principal: str, renew: Callable[[], Credentials] | None = None
    ) -> None:
        self.account = account
        self.principal = principal
        self._conduct = conduct
        self._renew = renew
        self._credentials: Credentials | None = None
        self._clients: dict[tuple[str, str], Any] = {}
        self._received = _Received()

    def endpoint(self, service: str) -> str:
        """The judged address of a service. Raises `EndpointRefused`."""
        return self._client(service, self._conduct.region).meta.endpoint_url

    def offers(self, service: str, region: str) -> bool:
        """Whether a service is there in a region: by the vendor's description, which may be old, or by its address."""
        listed = self._conduct.boto.get_available_regions(service, self._partition)
        if not listed or region in listed:
            return True
        address = urlsplit(self._client(service, region).meta.endpoint_url)
        return bool(resolve_addresses(address.hostname or "", address.port or 443))

    @property
    def _partition(self) -> str:
        """`aws`, `aws-cn` or `aws-us-gov`."""
        return self.principal.split(":")[1] if self.principal.startswith("arn:") else "aws"

    def ask(
        self, operation: str, *, region: str | None = None, expect: Collection[str] = (), **parameters: Any
    ) -> Answer:
        """One call, for example `ask("iam:ListUsers", MaxItems=100)`.

        Throttling, 5xx and broken connections are repeated by botocore, cut-off answers here. Error codes in `expect`
        come back as an answer; every other error is raised as one of `schemas.errors`.
        """
        service, _, action = operation.partition(":")
        region = region or self._conduct.region
        for attempt in range(1, _PARSE_ATTEMPTS + 1):
            sent = self._conduct.now()
            try:
                code = self._call(service, action, region, parameters)
                break
            except ResponseParserError as error:
                if attempt == _PARSE_ATTEMPTS:
                    raise RetriableError(
                        f"AWS's answers to {operation} in account {self.account} were cut off or no AWS answers, "
                        f"{attempt} times. Try again later; if it stays, look for a proxy in between."
                    ) from error
                self._conduct.pause(0.5 * 2**attempt)
        else:
            raise AssertionError("the loop above returns or raises")
        assert self._received.answer is not None, "botocore reports every answer before it returns"
        http, parsed = self._received.answer
        headers = {str(name).lower(): str(value) for name, value in http.headers.items()}
        if code is not None and code not in expect:
            raise verdict(
                operation, http.status_code, code, headers,
                account=self.account, region=region, assumed=self._renew is not None,
            )  # fmt: skip
        served_at = source_clock(headers, "AWS")
        check_clock(served_at, sent, self._conduct.now(), "AWS")
        return Answer(
            operation=operation, parsed=parsed, status=http.status_code, url=http.url, headers=headers,
            body=http.content, parameters=parameters, served_at=served_at, error_code=code,
        )  # fmt: skip

    def pages(
        self, operation: str, *, asked: str, answered: str, more: str | None = None, **parameters: Any
    ) -> Iterator[Answer]:
        """Every page, to the end. `asked` and `answered` name the marker in request and answer.

        With `more` (`IsTruncated`) that flag decides, and must be there; without it the marker does. A page that
        promises more and says not where is asked for again, then the population is given up as incomplete.
        """
        marker: str | None = None
        seen: set[str] = set()
        empty = 0
        while True:
            asking = parameters if marker is None else _going_on(parameters, asked, marker)
            answer = self._page(operation, asking, answered, more)
            if answer.error_code in _MARKER_OVER and marker is not None:
                raise IncompletePopulation(
                    f"{operation} in account {self.account} no longer knows where its list goes on "
                    f"({answer.error_code}): reading it took too long. Nothing was kept; run again."
                )
            yield answer
            marker = answer.parsed.get(answered) or None
            if marker is None or (more is not None and not answer.parsed[more]):
                return
            empty = 0 if any(isinstance(value, list) and value for value in answer.parsed.values()) else empty + 1
            if marker in seen or empty > _EMPTY_PAGES:
                raise IncompletePopulation(
                    f"{operation} in account {self.account} goes round in circles, so its list never ends. Nothing "
                    "was kept; run again."
                )
            seen.add(marker)

    def _page(self, operation: str, parameters: Mapping[str, Any], answered: str, more: str | None) -> Answer:
        for attempt in range(1, _PAGE_ATTEMPTS + 1):
            answer = self.ask(operation, **parameters)
            if more is None or answer.error_code is not None:
                return answer
            if not isinstance(answer.parsed.get(more), bool):
                raise SchemaDrift(f"{operation} answers without {more}, so nobody can tell whether there is more.")
            if not answer.parsed[more] or answer.parsed.get(answered):
                return answer
            if attempt < _PAGE_ATTEMPTS:
                self._conduct.pause(0.5 * 2**attempt)
        raise IncompletePopulation(
            f"{operation} in account {self.account} says that there is more and not where it goes on. Nothing was "
            "kept; run again."
        )

    def _call(self, service: str, action: str, region: str, parameters: Mapping[str, Any]) -> str | None:
        """Send it. Returns None, or the error code that AWS answered; what was received is in `_received`."""
        self._received.answer = None
        client = self._client(service, region)
        method = getattr(client, xform_name(action))
        try:
            method(**parameters)
            self._read_body(action)
        except botocore_errors.ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            # Where S3's error breaks off, botocore takes the status for its code.
            if code.isdigit() and int(code) < 500:
                raise ResponseParserError(f"the error that {action} answers broke off") from error
            return code
        except (botocore_errors.SSLError, botocore_errors.InvalidProxiesConfigError) as error:
            raise EndpointRefused(
                f"The TLS connection for {service}:{action} failed: the certificate is not AWS's, or something stands "
                "in between. Look at proxies and certificate bundles before you collect anything."
            ) from error
        except (
            botocore_errors.NoCredentialsError, botocore_errors.PartialCredentialsError,
            botocore_errors.CredentialRetrievalError, botocore_errors.SSOError, botocore_errors.TokenRetrievalError,
            botocore_errors.LoginRefreshRequired,
        ) as error:  # fmt: skip
            raise ConfigurationError(
                "boto3 finds no usable AWS credentials. Set AWS_PROFILE, sign in (`aws sso login`), or run where a "
                "role is attached; `aws sts get-caller-identity` must work."
            ) from error
        except (botocore_errors.HTTPClientError, botocore_errors.IncompleteReadError) as error:
            raise RetriableError(
                f"No answer of AWS to {service}:{action} in account {self.account} ({type(error).__name__}). Check "
                "the network and try again."
            ) from error
        except urllib3.exceptions.HTTPError as error:  # botocore lets it through where a body breaks off
            raise RetriableError(
                f"The answer of AWS to {service}:{action} in account {self.account} broke off. Try again later."
            ) from error
        return None

    def _read_body(self, action: str) -> None:
        """Read a file that an answer hands over; of all other answers botocore has read the body already."""
        assert self._received.answer is not None, "botocore reports every answer before it returns"
        http = self._received.answer[0]
        try:
            received = len(http.content)
        except urllib3.exceptions.HTTPError as error:
            raise ResponseParserError(f"the answer to {action} broke off") from error
        promised = str(http.headers.get("content-length") or "")
        if promised.isdigit() and received < int(promised):  # botocore does not compare them
            raise ResponseParserError(f"the answer to {action} broke off")

    def _client(self, service: str, region: str) -> Any:
        with self._conduct.lock:
            if self._renew is not None and (
                self._credentials is None or self._conduct.now() >= self._credentials.expires - _RENEW_BEFORE
            ):
                self._credentials = self._renew()
                for made in self._clients.values():
                    _change_credentials(made, self._credentials)
            client = self._clients.get((service, region))
            if client is None:
                client = self._clients[service, region] = self._make(service, region)
            return client

    def _make(self, service: str, region: str) -> Any:
        held = self._credentials
        keys: dict[str, str] = {}
        if held is not None:
            keys = {
                "aws_access_key_id": held.access_key, "aws_secret_access_key": held.secret_key,
                "aws_session_token": held.session_token,
            }  # fmt: skip
        client = make_client(self._conduct, service, region, keys)
        conduct = self._conduct

        def before_send(request: Any, **_: Any) -> None:
            judgement = conduct.judge(request.url)  # the address that is really asked, whatever was configured
            # A simulation has no neighbours to be considerate of, until it says that it has.
            if not judgement.simulated or conduct.pacer.is_slowed(service):
                conduct.pacer.wait(service)
            with conduct.lock:
                conduct.requests += 1

        def after_each(response: Any, **_: Any) -> None:
            code = "" if response is None else str(response[1].get("Error", {}).get("Code", ""))
            if code in THROTTLED:
                conduct.pacer.throttled(service)

        def after_call(http_response: Any, parsed: Mapping[str, Any], **_: Any) -> None:
            self._received.answer = (http_response, parsed)

        if service == "s3control" and conduct.judge(client.meta.endpoint_url).simulated:
            client.meta.events.register("before-sign", _without_account)
        client.meta.events.register("before-send", before_send)
        client.meta.events.register("needs-retry", after_each)
        client.meta.events.register("before-parse", _demand_whole)
        client.meta.events.register("after-call", after_call)
        return client


def _going_on(parameters: Mapping[str, Any], asked: str, marker: str) -> dict[str, Any]:
    return {**parameters, asked: marker, "expect": _MARKER_OVER.union(parameters.get("expect", ()))}


class _Received(threading.local):
    """What a thread received last."""

    answer: tuple[Any, Mapping[str, Any]] | None = None


def _without_account(request: Any, **_: Any) -> None:
    """S3 Control puts the account before the host's name, which an address on loopback does not have."""
    parts = urlsplit(request.url)
    account, _, host = parts.netloc.partition(".")
    if account.isdigit() and len(account) == 12:
        request.url = urlunsplit(parts._replace(netloc=host))


def _change_credentials(client: Any, new: Credentials) -> None:
    """Let a client sign with renewed credentials. To make it anew would take longer than all its requests.

    They are exchanged as one, so that no other thread signs with a half of each.
    """
    client._request_signer._credentials = botocore.credentials.Credentials(
        new.access_key, new.secret_key, new.session_token
    )


def _demand_whole(response_dict: Mapping[str, Any], operation_model: Any, **_: Any) -> None:
    """Refuse a good answer that is empty, cut off or a web page, before botocore takes it for one without fields."""
    if response_dict["status_code"] >= 300:
        return
    body: Any = response_dict["body"]
    if not isinstance(body, bytes):  # a file that is handed over and has not been read yet
        return
    protocol = operation_model.service_model.resolved_protocol
    # Of a REST answer that is no JSON botocore makes one without fields, so a list that breaks off would be empty.
    if protocol == "json" or (protocol == "rest-json" and not _has_payload(operation_model)):
        try:
            whole = isinstance(orjson.loads(body), dict)
        except orjson.JSONDecodeError:
            whole = False
    elif protocol in ("query", "ec2"):
        # botocore itself finds where XML breaks off; it does not mind a document about something else.
        whole = f"<{operation_model.name}Response".encode() in body
    else:
        whole = bool(body) and _WEB_PAGE.match(body) is None
    if not whole:
        raise ResponseParserError(f"the answer to {operation_model.name} is none of AWS's")


def _has_payload(operation_model: Any) -> bool:
    """Whether the body is not the answer but something it hands over, such as a file."""
    shape = operation_model.output_shape
    return shape is not None and "payload" in shape.serialization


def make_client(conduct: Conduct, service: str, region: str, keys: Mapping[str, str]) -> Any:
    """A client whose endpoint has been judged; on loopback never through a proxy. Raises `EndpointRefused`."""
    config = Config(
        connect_timeout=10, read_timeout=60, retries={"mode": "standard", "total_max_attempts": conduct.attempts},
        user_agent_extra="soc2-evidence-pipeline", max_pool_connections=SIDE_BY_SIDE,
    )  # fmt: skip
    make: Any = conduct.boto.client
    client = make(service, region_name=region, config=config, **keys)
    if conduct.judge(client.meta.endpoint_url).simulated and urllib.request.getproxies():
        client = make(service, region_name=region, config=config.merge(Config(proxies={})), **keys)
    return client
