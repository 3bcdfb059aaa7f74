"""CC8-CHG-04, `manual`: what people wrote by hand, and the tickets that explain it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from evidence.controls.human_principal import Principals
from evidence.controls.identity import IdentityMap
from evidence.controls.manual_writes import MANUAL_WRITE_UNEXPLAINED
from evidence.controls.production_deployments import deployed_from_approved_path
from schemas import tickets
from schemas.aws_trail import MANAGEMENT_EVENTS
from schemas.dataset import Dataset
from schemas.gcp import ADMIN_ACTIVITY
from schemas.outcome import Outcome
from schemas.programme import Programme
from tests.evidence.controls.changes import END, START, window
from tests.evidence.controls.tickets import closed, event, ticket
from tests.evidence.controls.writes import ACCOUNT, AWS, GCP, WROTE, as_collected, by_role, of_google, written
from tests.fakes.memory_evidence import MemoryEvidence

VERDICTS = Path(__file__).parents[4] / "shared" / "data" / "detection-verdicts" / "rules-aws_cloudtrail_rules.jsonl"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DUE = datetime(2026, 5, 14, tzinfo=UTC)
USER = f"arn:aws:iam::{ACCOUNT}:user/alice"
SESSION = f"{AWS}:session:{USER}@2026-05-12"
ORG = "org:acme"
REGISTERS: dict[str, Any] = {
    "people": [
        {"person_id": "p1", "email": "alice@acme.example", "aliases": None, "office": None},
        {"person_id": "p2", "email": "bob@acme.example", "aliases": None, "office": None},
    ],
    "identities": [
        {"person_id": "p1", "system": "aws", "account_id": USER, "from": None, "to": None},
        {"person_id": "p1", "system": "github", "account_id": "alice", "from": None, "to": None},
        {"person_id": "p2", "system": "github", "account_id": "bob", "from": None, "to": None},
    ],
}
SYSTEMS: dict[str, Any] = {
    "aws": {"accounts": [{"id": ACCOUNT}], "changes_by_hand_allowed": ["StartQuery", "ec2:CreateTags"]},
    "gcp": {"projects": ["acme"], "changes_by_hand_allowed": ["google.logging.v2.LoggingServiceV2.CreateView"]},
}
Row = dict[str, Any]


def stored(
    writes: Sequence[Row], changes: Sequence[Row] = (), incidents: Sequence[Row] = (), *, scope: str = AWS,
    covered: Sequence[Dataset] = (MANAGEMENT_EVENTS, ADMIN_ACTIVITY, tickets.CHANGES, tickets.INCIDENTS),
) -> MemoryEvidence:  # fmt: skip
    evidence = MemoryEvidence()
    evidence.store(MANAGEMENT_EVENTS if scope == AWS else ADMIN_ACTIVITY, scope, writes)
    evidence.store(tickets.CHANGES, ORG, changes)
    evidence.store(tickets.INCIDENTS, ORG, incidents)
    for dataset in covered:
        item = ORG if dataset.system == "ticketing" else scope
        evidence.claim(dataset, item, START - 40 * DAY, END + 40 * DAY)
    return evidence


def judged(
    evidence: MemoryEvidence, *, scope: str = AWS, kept: Sequence[str] = ("changes", "incidents"),
    registers: Mapping[str, Any] = REGISTERS, **more: Any,
) -> dict[str, Outcome]:  # fmt: skip
    tested = window("CC8-CHG-04", scope=scope, name="acme-prod", systems=SYSTEMS, registers=dict(registers), **more)
    where = {name: {"github_issues": {"repository": "acme/ops", "label": name}} for name in kept}
    programme = Programme.from_recorded({**tested.programme.normalised(), "registers": where})
    holders = {dataset.name: (ORG,) for dataset in (tickets.CHANGES, tickets.INCIDENTS)}
    outcomes = deployed_from_approved_path(replace(tested, programme=programme, holders=holders), evidence)
    return {one.item_id: one for one in outcomes}


def one(evidence: MemoryEvidence, **more: Any) -> Outcome:
    (found,) = judged(evidence, **more).values()
    return found


def test_a_write_that_nothing_explains() -> None:
    found = one(stored([written(), written("RunInstances", WROTE + HOUR)]))
    assert (found.item_id, found.outcome, found.codes) == (SESSION, "exception", (MANUAL_WRITE_UNEXPLAINED,))
    assert "ec2:AuthorizeSecurityGroupIngress, ec2:RunInstances" in found.explanation


JOINED: dict[str, tuple[Sequence[Row], Sequence[Row]]] = {
    "a change that she opened the day before": ([ticket(1, WROTE - 20 * HOUR)], []),
    "an incident that she opened the day after": ([], [ticket(1, WROTE + 20 * HOUR)]),
    "an older ticket that was given to her": (
        [ticket(1, START, event("assigned", WROTE - HOUR, "bob", detail="alice"))], [],
    ),
    "an older ticket that was given to her by her address": (
        [ticket(1, START, event("assigned", WROTE, "bob", detail="bob@acme.example, alice@acme.example"))], [],
    ),
    "an older ticket that she wrote in": ([ticket(1, START, event("commented", WROTE, "alice", text="done"))], []),
    "a ticket of another person that names the event": (
        [ticket(1, WROTE, author=None, body="see e-AuthorizeSecurityGroupIngress-12100000.")], [],
    ),
    "a ticket of another person that names the session": (
        [], [ticket(1, WROTE + HOUR, fields={"session": SESSION}, author=None)],
    ),
    "a comment that names the access key": (
        [ticket(1, START, event("commented", WROTE + DAY, "bob", text="key AKIA-ALICE-000001, ours"))], [],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "incidents"), JOINED.values(), ids=JOINED)
def test_what_explains_it(changes: Sequence[Row], incidents: Sequence[Row]) -> None:
    found = one(stored([written()], changes, incidents))
    assert found.outcome == "pass", found.explanation
    assert "acme/ops#1" in found.explanation


NOT_JOINED: dict[str, Sequence[Row]] = {
    "a ticket of somebody else": [ticket(1, WROTE, author=None)],
    "a ticket of hers of another week": [ticket(1, WROTE - 7 * DAY)],
    "one she opened after the business day": [ticket(1, DUE)],
    "one that names another session": [ticket(1, WROTE, author=None, body=SESSION.replace("12", "13"))],
    "one that names it too late": [ticket(1, START, event("commented", DUE, "bob", text=SESSION))],
    "one closed by her long before": [closed(ticket(1, START, author=None), START + DAY, "alice")],
}


@pytest.mark.parametrize("changes", NOT_JOINED.values(), ids=NOT_JOINED)
def test_what_does_not_explain_it(changes: Sequence[Row]) -> None:
    assert one(stored([written()], changes)).codes == (MANUAL_WRITE_UNEXPLAINED,)


def test_until_the_business_day_is_over_a_ticket_may_come() -> None:
    found = one(stored([written()]), as_of=DUE - timedelta(seconds=1))
    assert (found.outcome, found.resolves_at) == ("pending", DUE)
    friday = WROTE + 3 * DAY
    late = [ticket(1, datetime(2026, 5, 18, 23, tzinfo=UTC))]
    assert one(stored([written(at=friday)], late)).outcome == "pass"


def test_a_write_at_the_end_of_the_window_is_answered_after_it() -> None:
    at = END - timedelta(minutes=1)
    assert one(stored([written(at=at)], [ticket(1, END + HOUR)])).outcome == "pass"
    assert judged(stored([written(at=END), written(at=START - HOUR)])) == {}


@pytest.mark.parametrize(
    ("kept", "covered"),
    [
        ((), (MANAGEMENT_EVENTS, tickets.CHANGES, tickets.INCIDENTS)),
        (("changes",), (MANAGEMENT_EVENTS, tickets.INCIDENTS)),
        (("changes", "incidents"), (MANAGEMENT_EVENTS, tickets.CHANGES)),
    ],
)
def test_without_tickets_it_is_not_known(kept: Sequence[str], covered: Sequence[Dataset]) -> None:
    found = one(stored([written()], covered=covered), kept=kept)
    assert (found.outcome, found.codes) == ("unknown", ())


def test_without_a_place_for_changes_incidents_alone_are_looked_at_and_it_says_so() -> None:
    found = one(stored([written()]), kept=("incidents",))
    assert found.codes == (MANUAL_WRITE_UNEXPLAINED,)
    assert "where tickets of changes are kept the programme does not say" in found.explanation


def test_a_ticket_of_hers_that_was_read_too_early_may_say_it_by_now() -> None:
    early = ticket(1, START, read_at=WROTE)
    assert one(stored([written()], [early])).outcome == "unknown"
    assert one(stored([written()], [ticket(1, START)])).outcome == "exception"


def test_writes_that_are_not_held_leave_the_window_unknown() -> None:
    found = judged(stored([], covered=()))
    assert [one.outcome for one in found.values()] == ["unknown"]
    assert judged(stored([], covered=()), as_of=END - HOUR) == {}
    assert judged(stored([])) == {}


def test_somebody_whom_no_register_knows_is_never_dropped() -> None:
    nobody = written(identity_arn=f"arn:aws:iam::{ACCOUNT}:user/mallory", identity_user_name="mallory")
    found = one(stored([nobody], [ticket(1, WROTE)]))
    assert found.codes == (MANUAL_WRITE_UNEXPLAINED,)
    assert "no register says who that is" in found.explanation
    named = [ticket(1, WROTE, body=f"done in {found.item_id}")]
    assert one(stored([nobody], named)).outcome == "pass"


HARMLESS: dict[str, Row] = {
    "a call that only reads": written(read_only=True),
    "a call that failed": written(error_code="UnauthorizedOperation"),
    "an allowed call": written("StartQuery", event_source="logs.amazonaws.com"),
    "a call allowed for one service": written("CreateTags"),
    "signing in": written("ConsoleLogin", event_source="signin.amazonaws.com", event_type="AwsConsoleSignIn"),
    "signing in at Identity Center": written("Authenticate", event_source="sso.amazonaws.com"),
    "taking on a role": written("AssumeRole", event_source="sts.amazonaws.com"),
    "autoscaling": by_role("aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling", "AutoScaling"),
    "a service on behalf of somebody": written(invoked_by="cloudformation.amazonaws.com"),
    "a service on its own": written(identity_type="AWSService", identity_arn=None, invoked_by="rds.amazonaws.com"),
    "an event of a service": written(identity_type=None, identity_arn=None, event_type="AwsServiceEvent"),
    "the pipeline's role": by_role("deploy", "run-4711"),
    "the pipeline's user": written(identity_user_name="ci-user", identity_arn=f"arn:aws:iam::{ACCOUNT}:user/ci-user"),
    "a machine's role": by_role("worker", "job"),
    "an instance": by_role("web", "i-0abc", session_context=json.dumps({"ec2RoleDelivery": "2.0"})),
    "a workload": by_role("pod", "x", session_context=json.dumps(
        {"webIdFederationData": {"federatedProvider": "arn:aws:iam::1:oidc-provider/oidc.eks.eu.amazonaws.com"}})),
    "a function": by_role("fn", "f", raw=json.dumps({"userIdentity": {"inScopeOf": {"issuerType": "AWS::Lambda"}}})),
}  # fmt: skip
RULES = {"pipeline_identities": [f"arn:aws:iam::{ACCOUNT}:role/deploy", "CI-user"], "machine_accounts": ["worker"]}


@pytest.mark.parametrize("row", HARMLESS.values(), ids=HARMLESS)
def test_what_is_no_write_of_a_person(row: Row) -> None:
    assert judged(stored([row]), rules=RULES) == {}


def test_allowed_for_one_service_is_not_allowed_for_another() -> None:
    assert one(stored([written("CreateTags", event_source="rds.amazonaws.com")])).outcome == "exception"


PEOPLE: dict[str, Row] = {
    "the root user": written(identity_type="Root", identity_arn=f"arn:aws:iam::{ACCOUNT}:root"),
    "a session named after an address": by_role(),
    "a role of Identity Center": by_role("AWSReservedSSO_Admin_0123", "alice"),
    "the console": by_role("Operator", "x", console_session=True),
    "a second factor": by_role("Operator", "x", mfa_authenticated=True),
    "somebody behind an application": by_role("Operator", "x", on_behalf_of="u-1"),
    "a source identity": by_role("Operator", "x", source_identity="alice"),
    "the pipeline's role in a person's hands": by_role("deploy", "x", mfa_authenticated=True),
    "the pipeline's role at the console": by_role("deploy", "x", console_session=True),
    "a user of a federation": written(identity_type="SAMLUser", identity_arn=None, identity_principal_id="A:alice"),
}


@pytest.mark.parametrize("row", PEOPLE.values(), ids=PEOPLE)
def test_who_is_a_person(row: Row) -> None:
    assert one(stored([row]), rules=RULES).codes == (MANUAL_WRITE_UNEXPLAINED,)


def test_a_session_of_a_role_is_its_persons() -> None:
    rows = [by_role(), by_role(event_time=WROTE + DAY, event_id="e2")]  # one session over midnight
    found = one(stored(rows, [ticket(1, WROTE + DAY)]))
    assert found.outcome == "pass"
    assert found.item_id.endswith("assumed-role/Operator/alice@acme.example@2026-05-12T09:00:00Z")


def test_a_role_that_shows_neither_makes_one_row() -> None:
    rows = [by_role("batch", f"job-{n}", event_id=f"e{n}", event_time=WROTE + n * HOUR) for n in range(3)]
    found = one(stored(rows))
    assert (found.outcome, found.codes) == ("unknown", ())
    assert found.item_id == f"{AWS}:unclear:arn:aws:iam::{ACCOUNT}:role/batch"


def test_google_cloud() -> None:
    session = f"{GCP}:session:alice@acme.example@2026-05-12"
    nothing = stored([of_google()], scope=GCP)
    assert one(nothing, scope=GCP).item_id == session
    assert one(nothing, scope=GCP).codes == (MANUAL_WRITE_UNEXPLAINED,)
    assert one(stored([of_google()], [ticket(1, WROTE)], scope=GCP), scope=GCP).outcome == "pass"


WORKFORCE = {"principalSubject": "principal://iam.googleapis.com/locations/global/workforcePools/p/subject/alice"}
WORKLOAD = {"principalSubject": "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/s"}
BUILD = "build@acme.iam.gserviceaccount.com"


def told(about: Mapping[str, Any]) -> str:
    return json.dumps({"protoPayload": {"authenticationInfo": about}})


GOOGLE: dict[str, tuple[Row, str | None]] = {
    "a failed call": (of_google(status_code=7), None),
    "an event of Google's own": (of_google(log="system_event", principal=None, principal_kind="unknown"), None),
    "an allowed method": (of_google("google.logging.v2.LoggingServiceV2.CreateView"), None),
    "a service account": (of_google(principal=BUILD, principal_kind="service_account"), None),
    "a person as a service account": (
        of_google(principal=BUILD, principal_kind="service_account", delegation=["alice@acme.example"]), "exception",
    ),
    "a service account as another": (
        of_google(principal=BUILD, principal_kind="service_account", delegation=[BUILD]), None,
    ),
    "a workload": (of_google(principal=None, principal_kind="federated", raw=told(WORKLOAD)), None),
    "somebody of a workforce": (
        of_google(principal=None, principal_kind="federated", raw=told(WORKFORCE)), "exception",
    ),
    "nobody named": (of_google(principal=None, principal_kind="unknown"), "unknown"),
    "at the organisation above": (of_google(inherited=True, container="organizations/1"), "exception"),
}  # fmt: skip


@pytest.mark.parametrize(("row", "outcome"), GOOGLE.values(), ids=GOOGLE)
def test_who_writes_at_google_cloud(row: Row, outcome: str | None) -> None:
    found = judged(stored([row], scope=GCP), scope=GCP)
    assert [one.outcome for one in found.values()] == ([] if outcome is None else [outcome])


def test_hostile_words_break_nothing() -> None:
    ugly = "x" * 4000 + "|\n<b>"
    row = written(identity_user_name=ugly, event_name=ugly, raw="not json", session_context="[")
    changes = [ticket(1, WROTE, event("commented", WROTE, text=ugly), author=None, body=None, title=ugly)]
    assert one(stored([row], changes)).outcome == "exception"


RECORDED = {"AWS.CloudTrail.IAMEntityCreatedWithoutCloudFormation", "AWS.Modify.Cloud.Compute.Infrastructure",
            "AWS.EC2.ManualSecurityGroupChange"}  # fmt: skip
OF_ANOTHER_RULE = {
    # Terraform run by a person counts as the pipeline there, and as a person's write here.
    "Terraform Security Group Creation", "Terraform Security Group Authorize Egress",
    # Not the call that the rule is about, and a write all the same.
    "Non IAM Entity Creation Event",
}  # fmt: skip


@pytest.mark.skipif(
    not VERDICTS.is_file(), reason="the recorded verdicts (../shared/data/detection-verdicts) are not here"
)
def test_recorded_verdicts_on_changes_by_hand() -> None:
    """Where an independent rule says that somebody changed a thing by hand, so does this one; never a machine."""
    lines = [json.loads(line) for line in VERDICTS.read_text(encoding="utf-8").splitlines()]
    chosen = [line for line in lines if line["rule"] in RECORDED and line["test"] not in OF_ANOTHER_RULE]
    assert len(chosen) >= 10
    for line in chosen:
        event_time = {"eventTime": "2026-05-12T10:00:00Z", "eventID": "x", "recipientAccountId": ACCOUNT}
        whole = {"eventSource": "ec2.amazonaws.com", "eventName": "x", "awsRegion": "eu-west-1", **line["event"]}
        rows = [dict(row) | {"scope_item_id": AWS} for row in as_collected([_camel(whole) | event_time])]
        found = judged(stored(rows), registers={})
        assert bool(found) == line["expected_alert"], (line["test"], found)


def _camel(record: Mapping[str, Any]) -> dict[str, Any]:
    """Some of the recorded events have the names inside the identity in lower case."""
    proper = {name.casefold(): name for name in (
        "principalId", "accountId", "accessKeyId", "sessionContext", "sessionIssuer", "mfaAuthenticated",
        "creationDate", "userName", "invokedBy",
    )}  # fmt: skip

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {proper.get(str(key).casefold(), key): renamed(one) for key, one in value.items()}
        return value

    return {key: renamed(value) if key == "userIdentity" else value for key, value in record.items()}


def test_every_principal_of_the_verdicts_is_somebody() -> None:
    principals = Principals((), (), IdentityMap.of({}, "UTC"))
    assert principals.of_aws(written(identity_type="AWSAccount")).nature == "unclear"
    assert principals.of_aws(written(identity_type=None, identity_arn=None)).nature == "unclear"
