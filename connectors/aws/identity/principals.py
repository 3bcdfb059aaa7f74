"""Everybody and everything that can act in an account: the list that people review, and that shows who is gone.

Root and IAM users come from the account's details and the credential report, roles and groups from the details alone,
people, groups and assignments from Identity Center. What power an assignment gives is read from the role that Identity
Center made for its permission set in the account.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.aws.authorization_details import QUERY as DETAILS_QUERY
from connectors.aws.authorization_details import Details, account_details, power_of, power_of_group
from connectors.aws.credential_report import Line, read_report
from connectors.aws.identity.identity_center import QUERY as CENTER_QUERY
from connectors.aws.identity.identity_center import directories
from connectors.aws.identity.last_use import LastUse, last_uses
from connectors.aws.identity.rows import center_rows, group_row, report_use, role_row, root_row, user_row
from connectors.aws.policies import Level
from connectors.aws.reading import Reading, reading_of
from connectors.aws.session import AwsClient
from connectors.aws.sign_in import fresh_report
from schemas.aws_identity import PRINCIPALS
from schemas.errors import IncompletePopulation
from schemas.extraction import ItemClaim, Request, Session, Sink
from schemas.instants import format_instant

_SLACK = timedelta(minutes=2)
_CENTER = "/sso.amazonaws.com/"
"""In the path of the roles that Identity Center makes in every account it is used in, its service-linked one too."""
_UNUSED = LastUse(None, None)
_QUERY = (
    f"{DETAILS_QUERY}\niam:GenerateCredentialReport\niam:GetCredentialReport\n"
    "iam:GenerateServiceLastAccessedDetails, groups and users of whom the report tells no use\n"
    "iam:GetServiceLastAccessedDetails\n"
    f"ec2:DescribeRegions\n{CENTER_QUERY}"
)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Report:
    """The credential report: lines by ARN, root's, and when it was made."""

    generated: datetime
    lines: Mapping[str, Line]
    root: Line


def principals(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Extractor of `aws.principals` for an item `aws:<account>`.

    Raises what `connectors.aws.calls` raises, `IncompletePopulation` where the account counts more than it tells or an
    older user is not in the credential report, and `RetriableError` where AWS does not finish a report or a job. The
    claim is truncated where an instance of Identity Center lets people in and can't be read.
    """
    client: AwsClient = session.client
    reading = reading_of(session, request, sink, PRINCIPALS)
    with account_details(reading.caller, sink, PRINCIPALS) as details:
        reading.observed_at = details.observed_at
        report = _report(reading, client, sink)
        entries = list(details.entries())
        users = [entry for entry in entries if "UserId" in entry]
        _demand_in_report(reading, users, report)
        silent = [
            one for one in [*users, *details.group_entries] if report_use(report.lines.get(one["Arn"]))[0] is None
        ]
        used = last_uses(reading, [one["Arn"] for one in silent], client.pause)
        reading.put(_iam_rows(reading, details, entries, report, used))
        roles = {str(one["RoleName"]): one for one in entries if "RoleId" in one}
        powers: dict[str, Level | None] = {
            name: power_of(details, one) for name, one in roles.items() if name.startswith("AWSReservedSSO_")
        }
        people = 0
        if any(_CENTER in str(one.get("Path")) for one in roles.values()):
            for directory in directories(reading, client):
                people += reading.put(center_rows(reading, directory, roles, powers))
        else:
            reading.words.append("Identity Center has no role in the account, so nobody comes in through it")
    read = details.read()
    reading.words.insert(0, details.words)
    reading.words.append(f"{people} rows of Identity Center, which counts nothing itself")
    reading.dropped.update({"repeated on a later page": details.repeated} if details.repeated else {})
    reading.pages += details.pages
    principals_read = read["UserDetailList"] + read["GroupDetailList"] + read["RoleDetailList"] + 1
    claim = reading.claim(
        _QUERY,
        count=sum(details.summary[name] for name in ("Users", "Groups", "Roles")) + 1 + people,
        rows=principals_read + people,
        proof="root is always there",
        parameters={"generated": format_instant(report.generated), "read": read},
    )
    return [claim]


def _report(reading: Reading, client: AwsClient, sink: Sink) -> Report:
    answer = fresh_report(client, reading.caller, sink, PRINCIPALS)
    lines = read_report(answer.parsed["Content"], account=reading.account)
    root = next(line for line in lines if line.is_root)
    return Report(answer.parsed["GeneratedTime"].astimezone(UTC), {line.arn: line for line in lines}, root)


def _demand_in_report(reading: Reading, users: list[Row], report: Report) -> None:
    """A user whom the report lacks must be younger than it."""
    late = [one for one in users if one["Arn"] not in report.lines]
    lost = [one for one in late if datetime.fromisoformat(one["CreateDate"]) < report.generated - _SLACK]
    if lost:
        raise IncompletePopulation(
            f"{len(lost)} user(s) of account {reading.account} are older than the credential report and not in it. "
            "Nothing was kept; run again."
        )
    gone = set(report.lines) - {one["Arn"] for one in users} - {report.root.arn}
    if late or gone:
        reading.words.append(
            f"since the credential report of {format_instant(report.generated)} {len(late)} user(s) came and "
            f"{len(gone)} went or were renamed"
        )


def _iam_rows(
    reading: Reading, details: Details, entries: list[Row], report: Report, used: Mapping[str, LastUse]
) -> Iterator[Row]:
    members: dict[str, list[str]] = {}
    yield root_row(reading, report.root, report.generated, details.summary)
    for entry in entries:
        if "UserId" in entry:
            for group in entry.get("GroupList") or []:
                members.setdefault(str(group), []).append(str(entry["UserName"]))
            line = report.lines.get(entry["Arn"])
            yield user_row(
                reading, entry, line, report.generated, power_of(details, entry), used.get(entry["Arn"], _UNUSED)
            )  # fmt: skip
        else:
            yield role_row(reading, entry, power_of(details, entry))
    for group in details.group_entries:
        name = str(group["GroupName"])
        yield group_row(
            reading, group, members.get(name, []), power_of_group(details, name), used[group["Arn"]]
        )  # fmt: skip
