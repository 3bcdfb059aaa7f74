"""Who can sign in and with what: the credential report, checked against the account's own count of users.

One pass fills `aws.sign_in` and `aws.access_keys`. AWS makes the report at most every four hours; the state is
therefore dated by the report's own `GeneratedTime`, never by the time of asking.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from connectors.aws.calls import Answer, Caller
from connectors.aws.credential_report import Line, read_report
from connectors.aws.session import AwsClient
from schemas.aws import ACCESS_KEYS, SIGN_IN
from schemas.dataset import Dataset
from schemas.errors import IncompletePopulation, RetriableError, SchemaDrift
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.instants import format_instant

REPORT_AGE = timedelta(hours=4)
"""How old AWS lets a report become before it makes a new one."""

_SLACK = timedelta(minutes=2)
_FIRST_WAIT_SECONDS = 0.05
_LONGEST_WAIT_SECONDS = 5.0
_PATIENCE_SECONDS = 180.0
_NOT_THERE = ("ReportNotPresent", "ReportExpired", "ReportInProgress")

_QUERY = {
    SIGN_IN.name: "iam:GenerateCredentialReport\niam:GetCredentialReport\niam:GetAccountSummary\n"
    "iam:GetAccountPasswordPolicy\niam:ListUsers (where the counts differ)",
    ACCESS_KEYS.name: "iam:GenerateCredentialReport\niam:GetCredentialReport\niam:GetAccountSummary\n"
    "iam:ListUsers (where the counts differ)",
}


def sign_in_and_keys(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Extractor of `aws.sign_in` and `aws.access_keys` for an item `aws:<account>`.

    Raises what `connectors.aws.calls` raises, `RetriableError` where no fresh report comes, and `IncompletePopulation`
    where report and account summary contradict each other in a way that changes since the report do not explain.
    """
    client: AwsClient = session.client
    account = request.item.id.removeprefix("aws:")
    caller = client.account(account)
    wanted = [dataset for dataset in (SIGN_IN, ACCESS_KEYS) if dataset.name in request.datasets]
    answers_for = wanted[0]
    fetched = fresh_report(client, caller, sink, answers_for)
    generated: datetime = fetched.parsed["GeneratedTime"].astimezone(UTC)
    lines = read_report(fetched.parsed["Content"], account=account)
    summary_answer = caller.ask("iam:GetAccountSummary").keep(sink, answers_for)
    summary = _summary(summary_answer)
    if SIGN_IN in wanted:
        # Context for whoever reviews: the rules for passwords. No policy of its own is an answer too.
        caller.ask("iam:GetAccountPasswordPolicy", expect=("NoSuchEntity",)).keep(sink, answers_for)
    words = _reconciled(caller, sink, answers_for, lines, generated, summary)
    claims: list[ItemClaim] = []
    for dataset in wanted:
        claim = ItemClaim(
            dataset.name,
            _QUERY[dataset.name],
            {"account": account, "principal": caller.principal, "generated": format_instant(generated)},
            observed_at=generated,
            pages=1,
            rows_returned=len(lines),
            reconciliation=words,
        )
        if dataset is SIGN_IN:
            sink.rows(SIGN_IN, _sign_in_rows(request.item.id, account, lines, generated, summary))
            words_of_root = _root_words(lines, summary)
            claim = replace(claim, independent_count=summary["Users"] + 1, reconciliation=words + words_of_root)
        else:
            sink.rows(ACCESS_KEYS, _key_rows(request.item.id, account, lines, generated))
        claims.append(claim)
    return claims


def fresh_report(client: AwsClient, caller: Caller, sink: Sink, dataset: Dataset) -> Answer:
    """Have a report made and fetch it. One that AWS should not give any more, by its date, is not taken."""
    waited, wait = 0.0, _FIRST_WAIT_SECONDS
    while True:
        state = caller.ask("iam:GenerateCredentialReport").keep(sink, dataset).parsed.get("State")
        if state == "COMPLETE":
            answer = caller.ask("iam:GetCredentialReport", expect=_NOT_THERE).keep(sink, dataset)
            if answer.error_code is None:
                break
        elif state not in ("STARTED", "INPROGRESS"):
            raise SchemaDrift(f"iam:GenerateCredentialReport answers the unknown state {state!r}.")
        if waited >= _PATIENCE_SECONDS:
            raise RetriableError(
                f"AWS did not finish the credential report of account {caller.account}. Try again later."
            )
        client.pause(wait)
        waited += wait
        wait = min(wait * 2, _LONGEST_WAIT_SECONDS)
    generated = answer.parsed.get("GeneratedTime")
    if not isinstance(generated, datetime) or not isinstance(answer.parsed.get("Content"), bytes):
        raise SchemaDrift("iam:GetCredentialReport answers without Content or GeneratedTime.")
    age = answer.served_at - generated.astimezone(UTC)
    if not -_SLACK <= age <= REPORT_AGE + _SLACK:
        raise RetriableError(
            f"The credential report of account {caller.account} was made at {format_instant(generated)}, which is not "
            "within the last four hours. It was not taken; try again later."
        )
    return answer


def _summary(answer: Answer) -> Mapping[str, int]:
    summary = answer.parsed.get("SummaryMap")
    if not isinstance(summary, Mapping) or not isinstance(summary.get("Users"), int):
        raise SchemaDrift("iam:GetAccountSummary answers without the number of users.")
    return summary


def _reconciled(
    caller: Caller, sink: Sink, dataset: Dataset, lines: Sequence[Line], generated: datetime, summary: Mapping[str, int]
) -> str:
    """Say how the report and the account's own count relate; look at the users one by one where they differ."""
    in_report = {line.user_name: line for line in lines if not line.is_root}
    if len(in_report) == summary["Users"]:
        return f"{len(in_report)} users and root in the report, {summary['Users']} users by GetAccountSummary"
    listed: dict[str, datetime] = {}
    for page in caller.pages("iam:ListUsers", asked="Marker", answered="Marker", more="IsTruncated"):
        page.keep(sink, dataset)
        for user in page.parsed.get("Users", []):
            listed[user["UserName"]] = user["CreateDate"].astimezone(UTC)
    created = {name for name, moment in listed.items() if name not in in_report and moment >= generated - _SLACK}
    deleted = set(in_report) - set(listed)
    lost = set(listed) - set(in_report) - created
    if lost:
        raise IncompletePopulation(
            f"{len(lost)} user(s) of account {caller.account} are older than the credential report and not in it. "
            "Nothing was kept; run again."
        )
    if len(listed) != summary["Users"]:
        raise IncompletePopulation(
            f"Account {caller.account} counts {summary['Users']} users and lists {len(listed)}. Nothing was kept; run "
            "again."
        )
    return (
        f"{len(in_report)} users and root in the report of {format_instant(generated)}, {summary['Users']} users by "
        f"GetAccountSummary later; {len(created)} created since, {len(deleted)} deleted or renamed since (ListUsers)"
    )


def _root_words(lines: Sequence[Line], summary: Mapping[str, int]) -> str:
    root = next(line for line in lines if line.is_root)
    by_summary = bool(summary.get("AccountMFAEnabled"))
    if "AccountMFAEnabled" in summary and root.flag("mfa_active") != by_summary:
        now = "on" if by_summary else "off"
        return f"; root's second factor is {now} by GetAccountSummary, which the report does not say"
    return ""


def _sign_in_rows(
    item: str, account: str, lines: Sequence[Line], generated: datetime, summary: Mapping[str, int]
) -> Iterator[dict[str, Any]]:
    for line in lines:
        mfa = line.flag("mfa_active")
        if mfa is None:
            raise SchemaDrift("The credential report does not say whether a user has a second factor.")
        yield {
            "scope_item_id": item,
            "arn": line.arn,
            "account_id": account,
            "user_name": line.user_name,
            "is_root": line.is_root,
            "user_created_at": line.instant("user_creation_time"),
            "password_enabled": line.flag("password_enabled"),
            "password_last_used_at": line.instant("password_last_used"),
            "password_last_changed_at": line.instant("password_last_changed"),
            "mfa_active": mfa,
            "root_credentials_present": _root_credentials(line, summary) if line.is_root else None,
            "report_generated_at": generated,
            "raw": _raw(line),
        }


def _root_credentials(line: Line, summary: Mapping[str, int]) -> bool | None:
    """Whether root has a password or keys. AWS tells about the password only since it can be taken away."""
    if summary.get("AccountAccessKeysPresent") or any(line.key_places()):
        return True
    password = summary.get("AccountPasswordPresent")
    return None if password is None else bool(password)


def _key_rows(item: str, account: str, lines: Sequence[Line], generated: datetime) -> Iterator[dict[str, Any]]:
    for line in lines:
        for place in line.key_places():
            key = f"access_key_{place}"
            yield {
                "scope_item_id": item,
                "credential_id": f"{line.arn}#{key}",
                "account_id": account,
                "user_arn": line.arn,
                "user_name": line.user_name,
                "is_root": line.is_root,
                "active": bool(line.flag(f"{key}_active")),
                "last_rotated_at": line.instant(f"{key}_last_rotated"),
                "last_used_at": line.instant(f"{key}_last_used_date"),
                "last_used_service": line.text(f"{key}_last_used_service"),
                "last_used_region": line.text(f"{key}_last_used_region"),
                "report_generated_at": generated,
                "raw": _raw(line),
            }


def _raw(line: Line) -> str:
    return orjson.dumps(dict(line.cells)).decode()
