"""What the simulated AWS answers. Everything it does not model is an error that names it, never an empty list.

IAM reads go to moto and are cut into pages here; the credential report, STS, Organizations and the list of regions
are answered here, because moto lacks their dates, pages or access rules. Writes are refused: the accounts follow the
company file and nothing else.
"""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from moto.core.request import Request
from moto.iam.models import iam_backends
from moto.iam.responses import IamResponse

from sandbox.aws.identities import Identities, Principal
from sandbox.aws.live import LiveAccount
from sandbox.aws.organisation import answer_organizations
from sandbox.aws.paging import XmlListing, cut, iam_paged_lists
from sandbox.aws.records import answer_shown
from sandbox.aws.shown import SHIMS
from sandbox.aws.trail_bucket import OPERATIONS as FILE_OPERATIONS
from sandbox.aws.trail_bucket import answer_trail
from sandbox.aws.wire import XML_SERVICES, Call, WireAnswer, WireError, new_request_id, xml_answer
from sandbox.aws.world import World
from sandbox.faults import Fault

REPORT_AGE = timedelta(hours=4)
"""For so long AWS answers the same credential report."""

_READING = ("Get", "List", "Simulate")
_MOTO = threading.Lock()
"""moto keeps its accounts in one place per process; two sandboxes in a process take turns."""


def not_modelled(call: Call) -> WireError:
    return WireError(
        400, "UnknownOperationException" if call.protocol in ("json", "rest") else "InvalidAction",
        f"The action {call.operation} is not modelled by this simulated AWS.",
    )  # fmt: skip


def access_denied(call: Call, principal: Principal, resource: str = "*") -> WireError:
    """In the words of AWS."""
    if call.protocol in ("json", "rest") and call.service not in XML_SERVICES:
        message = f"User: {principal.arn} is not authorized to perform: {call.operation} on resource: {resource}"
        return WireError(400, "AccessDeniedException", message)
    code = "UnauthorizedOperation" if call.protocol == "ec2" else "AccessDenied"
    return WireError(
        403, code,
        f"User: {principal.arn} is not authorized to perform: {call.operation} on resource: {resource} because no "
        f"identity-based policy allows the {call.operation} action",
    )  # fmt: skip


@dataclass
class _Report:
    """A credential report. It can be fetched once it was asked for a second time."""

    generated: datetime
    content: bytes
    ready: bool = False


@dataclass
class Operations:
    """The services of one sandbox. Calls come one at a time: the server holds its lock around `answer`."""

    world: World
    identities: Identities
    _reports: dict[str, _Report] = field(default_factory=dict)
    _listings: dict[tuple[Any, ...], XmlListing] = field(default_factory=dict)
    _listings_version: int = -1

    def answer(self, call: Call, principal: Principal, fault: Fault | None) -> WireAnswer:
        """The answer to an authenticated call; `fault` is one that concerns pages. Raises WireError."""
        account = self.world.account(principal.account)
        if account is None:
            raise WireError(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
        if call.service == "sts":
            return self._sts(call, principal)
        if call.operation in FILE_OPERATIONS:
            return answer_trail(call, self.world, fault)
        if call.operation in SHIMS:
            return answer_shown(call, self.world, account.plan.id, account.regions, fault)
        if call.service == "organizations":
            return answer_organizations(call, principal, self.world, fault)
        if call.service == "ec2" and call.action == "DescribeRegions":
            return _regions(call, account)
        if call.service == "iam":
            return self._iam(call, principal, account, fault)
        raise not_modelled(call)

    def _sts(self, call: Call, principal: Principal) -> WireAnswer:
        if call.action == "GetCallerIdentity":
            return xml_answer(
                call,
                f"<Arn>{principal.arn}</Arn><UserId>{principal.role_id}:{escape(principal.session)}</UserId>"
                f"<Account>{principal.account}</Account>",
            )
        if call.action == "AssumeRole":
            credentials, assumed = self.identities.assume(principal, call.parameters, self.world)
            assert assumed.expires is not None, "assumed sessions end"
            return xml_answer(
                call,
                f"<AssumedRoleUser><AssumedRoleId>{assumed.role_id}:{escape(assumed.session)}</AssumedRoleId>"
                f"<Arn>{assumed.arn}</Arn></AssumedRoleUser><Credentials>"
                f"<AccessKeyId>{credentials.access_key}</AccessKeyId>"
                f"<SecretAccessKey>{credentials.secret_key}</SecretAccessKey>"
                f"<SessionToken>{credentials.session_token}</SessionToken>"
                f"<Expiration>{_iso(assumed.expires)}</Expiration></Credentials>",
            )
        raise not_modelled(call)

    def _iam(self, call: Call, principal: Principal, account: LiveAccount, fault: Fault | None) -> WireAnswer:
        if call.action == "GenerateCredentialReport":
            return self._generate_report(call, account)
        if call.action == "GetCredentialReport":
            return self._fetch_report(call, account)
        method = re.sub(r"(?<!^)(?=[A-Z])", "_", call.action).lower()
        if not re.fullmatch(r"[A-Za-z]+", call.action) or not callable(getattr(IamResponse, method, None)):
            raise not_modelled(call)
        if not call.action.startswith(_READING):
            raise access_denied(call, principal, f"arn:aws:iam::{principal.account}:*")
        if call.action in iam_paged_lists():
            return self._listing(call, account, fault)
        status, body = _moto(account, call.action, call.parameters)
        return WireAnswer(status, "text/xml", body, new_request_id())

    def _listing(self, call: Call, account: LiveAccount, fault: Fault | None) -> WireAnswer:
        parameters = dict(call.parameters)
        marker, limit = parameters.pop("Marker", None), _limit(parameters.pop("MaxItems", None))
        if self._listings_version != self.world.version:
            self._listings.clear()
            self._listings_version = self.world.version
        key = (account.plan.id, call.action, *sorted(parameters.items()))
        listing = self._listings.get(key)
        if listing is None:
            # moto cuts some lists at 100 by itself and others never: ask for all and cut here.
            status, body = _moto(account, call.action, parameters | {"MaxItems": "1000000"})
            if status != 200:
                return WireAnswer(status, "text/xml", body, new_request_id())
            listing = self._listings[key] = XmlListing(call.action, body)
        page = cut(call.operation, len(listing), limit, marker, fault)
        return WireAnswer(200, "text/xml", listing.page(page), new_request_id())

    def _current_report(self, account: LiveAccount) -> _Report | None:
        report = self._reports.get(account.plan.id)
        if report is not None and report.generated > self.world.now:
            return None  # the clock went back to before this report
        return report

    def _generate_report(self, call: Call, account: LiveAccount) -> WireAnswer:
        now = self.world.now
        report = self._current_report(account)
        if report is None or now - report.generated >= REPORT_AGE:
            report = _Report(now, account.iam.get_credential_report().encode())
            self._reports[account.plan.id] = report
            words = "No report exists. Starting a new report generation task"
            return xml_answer(call, f"<State>STARTED</State><Description>{words}</Description>")
        report.ready = True
        return xml_answer(call, "<State>COMPLETE</State>")

    def _fetch_report(self, call: Call, account: LiveAccount) -> WireAnswer:
        report = self._current_report(account)
        if report is None:
            raise WireError(410, "ReportNotPresent", "No report is present. Generate one first.")
        if not report.ready:
            report.ready = True
            raise WireError(404, "ReportInProgress", "The report is still being generated.")
        if self.world.now - report.generated >= REPORT_AGE:
            raise WireError(410, "ReportExpired", "The most recent report has expired.")
        return xml_answer(
            call,
            f"<Content>{base64.b64encode(report.content).decode()}</Content><ReportFormat>text/csv</ReportFormat>"
            f"<GeneratedTime>{_iso(report.generated)}</GeneratedTime>",
        )


def _moto(account: LiveAccount, action: str, parameters: Mapping[str, Any]) -> tuple[int, bytes]:
    """Ask moto about one account."""
    body = urlencode({"Action": action, "Version": "2010-05-08", **parameters})
    headers = {"Content-Type": "application/x-www-form-urlencoded", "x-moto-account-id": account.plan.id}
    request = Request.from_primitives("POST", "https://iam.amazonaws.com/", headers, body.encode())
    dispatch: Callable[..., tuple[int | str, Any, str | bytes]] = IamResponse.dispatch
    with _MOTO:
        iam_backends[account.plan.id]["aws"] = account.iam
        status, _, answer = dispatch(request, request.url, request.headers)
    return int(status), answer.encode() if isinstance(answer, str) else answer


def _regions(call: Call, account: LiveAccount) -> WireAnswer:
    if call.region not in account.regions:
        raise WireError(401, "AuthFailure", "AWS was not able to validate the provided access credentials")
    everything = call.parameters.get("AllRegions") == "true"
    known = set(account.regions) | ({"me-south-1", "af-south-1", "eu-south-1"} if everything else set[str]())
    items: list[str] = []
    for region in sorted(known):
        status = "not-opted-in" if region not in account.regions else "opt-in-not-required"
        items.append(
            f"<item><regionName>{region}</regionName><regionEndpoint>ec2.{region}.amazonaws.com</regionEndpoint>"
            f"<optInStatus>{status}</optInStatus></item>"
        )
    return xml_answer(call, f"<regionInfo>{''.join(items)}</regionInfo>")


def _limit(text: str | None) -> int:
    if text is None:
        return 100
    if not text.isdigit() or not 1 <= int(text) <= 1000:
        raise WireError(400, "ValidationError", "MaxItems must be a number from 1 to 1000.")
    return int(text)


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
