"""What was built and put into production, as rows of `gcp.deployments`. Pure functions."""

from __future__ import annotations

from typing import Any

from connectors.gcp.values import Record, instant, last, needed, needed_instant, part, parts, raw, texts
from schemas.gcp import DEPLOYMENTS

_BUILD_FAILED = frozenset({"FAILURE", "INTERNAL_ERROR", "TIMEOUT", "CANCELLED", "EXPIRED"})
_ROLLOUT_FAILED = frozenset({"FAILED", "APPROVAL_REJECTED", "CANCELLED", "HALTED"})
_EMPTY: dict[str, Any] = {
    "service": None, "target": None, "sha": None, "repository": None, "branch": None, "tag": None, "images": [],
    "started_at": None, "finished_at": None, "trigger": None, "creator": None, "service_account": None,
    "approval": None, "rollback_of": None, "build_id": None, "release": None,
}  # fmt: skip


def _succeeded(state: str, good: str, failed: frozenset[str]) -> bool | None:
    return True if state == good else False if state in failed else None


def build_row(item: str, build: Record) -> dict[str, Any]:
    """A build of Cloud Build. The commit is the one that was resolved, then the one a trigger wrote."""
    name = str(needed(build, "name", "build"))
    state = str(needed(build, "status", "build"))
    given = part(build, "substitutions")
    provenance, source = part(build, "sourceProvenance"), part(build, "source")
    resolved = part(provenance, "resolvedRepoSource") or part(source, "repoSource")
    git = part(source, "gitSource")
    images = [
        f"{one.get('name')}@{one['digest']}" if one.get("digest") else str(one.get("name"))
        for one in parts(part(build, "results"), "images")
    ]
    return {
        **_EMPTY, "scope_item_id": item, "deployment_id": name,
        "event_time": needed_instant(build, "createTime", "build"), "kind": "build",
        "name": str(needed(build, "id", "build")), "location": name.split("/")[3],
        "sha": resolved.get("commitSha") or given.get("COMMIT_SHA") or git.get("revision"),
        "repository": resolved.get("repoName") or given.get("REPO_FULL_NAME") or given.get("REPO_NAME")
        or git.get("url"),
        "branch": given.get("BRANCH_NAME") or resolved.get("branchName"),
        "tag": given.get("TAG_NAME") or resolved.get("tagName"), "images": images or texts(build, "images"),
        "state": state, "succeeded": _succeeded(state, "SUCCESS", _BUILD_FAILED),
        "started_at": instant(build, "startTime"), "finished_at": instant(build, "finishTime"),
        "trigger": build.get("buildTriggerId"), "service_account": last(build.get("serviceAccount")),
        "approval": part(build, "approval").get("state"), "build_id": str(build["id"]), "raw": raw(build, DEPLOYMENTS),
    }  # fmt: skip


def rollout_row(item: str, release: Record, rollout: Record) -> dict[str, Any]:
    """A rollout of Cloud Deploy: a release put on a target."""
    name = str(needed(rollout, "name", "rollout"))
    state = str(needed(rollout, "state", "rollout"))
    path = name.split("/")
    notes = {**part(release, "annotations"), **part(rollout, "annotations")}
    return {
        **_EMPTY, "scope_item_id": item, "deployment_id": name,
        "event_time": needed_instant(rollout, "createTime", "rollout"), "kind": "rollout", "name": path[-1],
        "location": path[3], "service": path[5], "target": str(needed(rollout, "targetId", "rollout")),
        "sha": notes.get("commit") or notes.get("commit-sha") or notes.get("git-sha"),
        "images": [str(one.get("tag") or one.get("image")) for one in parts(release, "buildArtifacts")], "state": state,
        "succeeded": _succeeded(state, "SUCCEEDED", _ROLLOUT_FAILED), "started_at": instant(rollout, "deployStartTime"),
        "finished_at": instant(rollout, "deployEndTime"), "approval": rollout.get("approvalState"),
        "rollback_of": last(rollout.get("rollbackOfRollout")), "release": str(last(release.get("name"))),
        "raw": raw({"rollout": rollout, "release": release}, DEPLOYMENTS),
    }  # fmt: skip


def revision_row(item: str, revision: Record) -> dict[str, Any]:
    """A revision of a Cloud Run service."""
    name = str(needed(revision, "name", "revision"))
    path = name.split("/")
    ready = next((one for one in parts(revision, "conditions") if one.get("type") == "Ready"), {})
    state = str(ready.get("state") or "CONDITION_UNKNOWN")
    labels = {**part(revision, "labels"), **part(revision, "annotations")}
    return {
        **_EMPTY, "scope_item_id": item, "deployment_id": name,
        "event_time": needed_instant(revision, "createTime", "revision"), "kind": "revision", "name": path[-1],
        "location": path[3], "service": path[5] if path[5] != "-" else last(revision.get("service")),
        "sha": labels.get("commit-sha") or labels.get("commit"),
        "images": [str(one.get("image")) for one in parts(revision, "containers")], "state": state,
        "succeeded": _succeeded(state, "CONDITION_SUCCEEDED", frozenset({"CONDITION_FAILED"})),
        "started_at": instant(revision, "createTime"), "finished_at": instant(ready, "lastTransitionTime"),
        "creator": revision.get("creator"), "service_account": revision.get("serviceAccount"),
        "build_id": labels.get("gcb-build-id"), "raw": raw(revision, DEPLOYMENTS),
    }  # fmt: skip
