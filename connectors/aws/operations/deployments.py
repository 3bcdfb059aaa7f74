"""What was deployed by CodePipeline and CodeDeploy, from which commit, and who set it off."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from connectors.aws.reading import Json, Reading, batches, demand_all, field_of, moment, raw_of, reading_of
from schemas.aws_operations import DEPLOYMENTS
from schemas.extraction import ItemClaim, Request, Session, Sink

EXECUTIONS_KEPT = timedelta(days=365)

_QUERY = (
    "ec2:DescribeRegions\ncodepipeline:ListPipelines\ncodepipeline:GetPipeline\n"
    "codepipeline:ListPipelineExecutions, until they began before the interval\ncodedeploy:ListApplications\n"
    "codedeploy:ListDeployments createTimeRange\ncodedeploy:BatchGetDeployments\n"
    "codedeploy:BatchGetDeploymentGroups"
)
_RESULTS = {
    "Succeeded": "succeeded", "Failed": "failed", "Cancelled": "failed", "Stopped": "failed", "Superseded": "expired",
    "InProgress": "running", "Stopping": "running", "Created": "running", "Queued": "running", "Baking": "running",
    "Ready": "running",
}  # fmt: skip
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_BATCH = 25

Row = dict[str, Any]


def deployments(session: Session, request: Request, sink: Sink) -> list[ItemClaim]:
    """Extractor of `aws.deployments` for an item `aws:<account>` or `aws:<account>:<region>`.

    Where no region has a pipeline or an application nothing was deployed by them, and that is what is claimed. Raises
    `IncompletePopulation` where deployments are listed and not described.
    """
    reading = reading_of(session, request, sink, DEPLOYMENTS)
    there = {"pipelines": 0, "applications": 0}

    def region(name: str) -> None:
        if reading.offered("codepipeline", name):
            pipelines = _names(reading, name, "codepipeline:ListPipelines", "pipelines", of="name")
            there["pipelines"] += len(pipelines)
            for pipeline in pipelines:
                reading.put(_executions(reading, name, pipeline))
        if reading.offered("codedeploy", name):
            applications = _names(reading, name, "codedeploy:ListApplications", "applications")
            there["applications"] += len(applications)
            if applications:
                reading.put(_deployed(reading, name))

    reading.in_each_region(region)
    reading.remembers("CodePipeline", EXECUTIONS_KEPT)
    shown = f"{there['pipelines']} pipelines, {there['applications']} applications"
    reading.words.insert(0, f"{shown}; executions of a pipeline go with it")
    return [reading.claim(_QUERY, proof=shown)]


def _names(reading: Reading, region: str, operation: str, name: str, of: str | None = None) -> list[str]:
    return [
        str(entry.parsed if of is None else entry.parsed[of])
        for entry in reading.entries(
            operation, name, key=lambda one: one if of is None else one.get(of), region=region, asked="nextToken",
            answered="nextToken",
        )
    ]  # fmt: skip


def _executions(reading: Reading, region: str, pipeline: str) -> Iterator[Row]:
    # Its answer is not kept: actions of a pipeline are configured with anything, tokens and variables among it.
    described = reading.caller.ask("codepipeline:GetPipeline", region=region, name=pipeline).parsed
    role = (described.get("pipeline") or {}).get("roleArn")
    start, _ = reading.interval
    for entry in reading.entries(
        "codepipeline:ListPipelineExecutions", "pipelineExecutionSummaries", region=region, asked="nextToken",
        answered="nextToken", key=lambda one: one.get("pipelineExecutionId"), pipelineName=pipeline, maxResults=100,
    ):  # fmt: skip
        one = entry.parsed
        at = moment(field_of(one, "startTime", "An execution of a pipeline"))
        assert at is not None, "field_of demands it"
        if at < start - timedelta(days=1):
            return  # they come newest first; a day of slack for those that began side by side
        if not reading.within(at):
            reading.dropped["begun outside the interval"] += 1
            continue
        native = str(field_of(one, "status", "An execution of a pipeline"))
        revisions = [
            _revision(rev.get("actionName"), rev.get("revisionId"), rev.get("revisionSummary"), rev.get("revisionUrl"))
            for rev in one.get("sourceRevisions") or []
        ]
        trigger: Json = one.get("trigger") or {}
        yield _row(
            reading, region, "codepipeline", str(field_of(one, "pipelineExecutionId", "An execution")), entry.raw,
            event_time=at, application=pipeline, native_state=native, result=_RESULTS.get(native, "unknown"),
            completed_at=None if native in ("InProgress", "Stopping") else moment(one.get("lastUpdateTime")),
            revisions=revisions, trigger=trigger.get("triggerType"), triggered_by=trigger.get("triggerDetail"),
            role_arn=role, message=one.get("statusSummary"),
            rolled_back_to=(one.get("rollbackMetadata") or {}).get("rollbackTargetPipelineExecutionId"),
        )  # fmt: skip


def _deployed(reading: Reading, region: str) -> Iterator[Row]:
    start, end = reading.interval
    ids = [
        str(entry.parsed)
        for entry in reading.entries(
            "codedeploy:ListDeployments", "deployments", key=str, region=region, asked="nextToken",
            answered="nextToken", createTimeRange={"start": start, "end": end},
        )
    ]  # fmt: skip
    roles: dict[tuple[str, str], str | None] = {}
    for some in batches(ids, _BATCH):
        answer = reading.ask("codedeploy:BatchGetDeployments", region=region, deploymentIds=some).parsed
        infos: list[Json] = list(answer.get("deploymentsInfo") or [])
        demand_all(some, [str(one.get("deploymentId")) for one in infos], "deployments of CodeDeploy")
        _look_up(reading, region, infos, roles)
        for one in infos:
            at = moment(field_of(one, "createTime", "A deployment"))
            if not reading.within(at):
                reading.dropped["begun outside the interval"] += 1
                continue
            yield _deployment(reading, region, one, roles)


def _look_up(reading: Reading, region: str, infos: list[Json], roles: dict[tuple[str, str], str | None]) -> None:
    """The roles of the groups that were deployed to; a group that is gone has none any more."""
    wanted: dict[str, set[str]] = {}
    for one in infos:
        application, group = str(one.get("applicationName")), one.get("deploymentGroupName")
        if group and (application, str(group)) not in roles:
            wanted.setdefault(application, set()).add(str(group))
    for application, groups in wanted.items():
        for some in batches(sorted(groups), 100):
            answer = reading.ask(
                "codedeploy:BatchGetDeploymentGroups", region=region, expect=("ApplicationDoesNotExistException",),
                applicationName=application, deploymentGroupNames=some,
            )  # fmt: skip
            roles.update({(application, name): None for name in some})
            for one in answer.parsed.get("deploymentGroupsInfo") or []:
                roles[application, str(one.get("deploymentGroupName"))] = one.get("serviceRoleArn")


def _deployment(reading: Reading, region: str, one: Json, roles: dict[tuple[str, str], str | None]) -> Row:
    native = str(field_of(one, "status", "A deployment"))
    application, group = str(field_of(one, "applicationName", "A deployment")), one.get("deploymentGroupName")
    located: Json = one.get("revision") or {}
    github, s3 = located.get("gitHubLocation") or {}, located.get("s3Location") or {}
    revision = _revision(
        located.get("revisionType"), github.get("commitId") or s3.get("version") or s3.get("eTag"), None,
        github.get("repository") or (f"s3://{s3.get('bucket')}/{s3.get('key')}" if s3 else None),
    )  # fmt: skip
    return _row(
        reading, region, "codedeploy", str(one["deploymentId"]), one, event_time=moment(one["createTime"]),
        application=application, target=group, native_state=native, result=_RESULTS.get(native, "unknown"),
        completed_at=moment(one.get("completeTime")), revisions=[revision] if located else [],
        trigger=one.get("creator"), triggered_by=one.get("externalId"),
        role_arn=None if group is None else roles.get((application, str(group))),
        rolled_back_to=(one.get("rollbackInfo") or {}).get("rollbackDeploymentId"),
        message=(one.get("errorInformation") or {}).get("message"),
    )  # fmt: skip


def _revision(source: Any, revision: Any, summary: Any, url: Any) -> Row:
    text = str(revision or "")
    kind = "commit" if _SHA.fullmatch(text) else "digest" if text.startswith("sha256:") else "other"
    return {"source": source, "revision": revision, "summary": summary, "url": url, "kind": kind}


def _row(reading: Reading, region: str, kind: str, own_id: str, record: Any, **more: Any) -> Row:
    empty = dict.fromkeys(
        ("target", "completed_at", "trigger", "triggered_by", "role_arn", "version", "rolled_back_to", "message")
    )
    revisions: list[Row] = more["revisions"]
    return {
        **empty, "scope_item_id": reading.item, "deployment_id": f"{kind}:{region}:{own_id}",
        "account_id": reading.account, "region": region, "kind": kind,
        "shas": sorted({str(one["revision"]) for one in revisions if one["kind"] == "commit"}),
        "raw": raw_of(DEPLOYMENTS, record), **more,
    }  # fmt: skip
