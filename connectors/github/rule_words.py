"""Rules and classic protection as GraphQL tells them, in the words of the REST API, in which the columns are made."""

from __future__ import annotations

from connectors.github.calls import Json
from connectors.github.paging import field as required
from schemas.errors import PermissionDenied


def as_rule(node: Json) -> Json:
    """A rule in the words of the REST API, in which the columns are made."""
    rule: Json = {"type": node["type"].lower(), "ruleset_id": (node["repositoryRuleset"] or {}).get("databaseId")}
    held = node["parameters"]
    if rule["type"] == "pull_request":
        held = required(node, "parameters", "rule") or {}
        rule["parameters"] = {
            "required_approving_review_count": required(held, "requiredApprovingReviewCount", "rule"),
            "dismiss_stale_reviews_on_push": required(held, "dismissStaleReviewsOnPush", "rule"),
            "require_last_push_approval": required(held, "requireLastPushApproval", "rule"),
            "require_code_owner_review": required(held, "requireCodeOwnerReview", "rule"),
        }  # fmt: skip
    elif rule["type"] == "required_status_checks":
        checks = required(held, "requiredStatusChecks", "rule")
        rule["parameters"] = {
            "required_status_checks": [
                {"context": check["context"], "integration_id": check["integrationId"]} for check in checks
            ]
        }
    return rule


def as_protection(rule: Json, allowances: list[Json]) -> Json:
    """Classic protection in the words of the REST API."""
    checks = rule["requiredStatusChecks"] or []
    allowed: dict[str, list[Json]] = {"users": [], "teams": [], "apps": []}
    for one in allowances:
        actor = one["actor"]
        if actor is None:
            raise PermissionDenied("GitHub hides who may bypass a branch protection from this principal.")
        allowed[f"{actor['__typename'].lower()}s"].append(actor)
    reviews = None
    if rule["requiresApprovingReviews"]:
        reviews = {
            "required_approving_review_count": rule["requiredApprovingReviewCount"],
            "dismiss_stale_reviews": rule["dismissesStaleReviews"],
            "require_last_push_approval": rule["requireLastPushApproval"],
            "require_code_owner_reviews": rule["requiresCodeOwnerReviews"],
            "bypass_pull_request_allowances": allowed,
        }  # fmt: skip
    return {
        "enforce_admins": {"enabled": rule["isAdminEnforced"]},
        "required_pull_request_reviews": reviews,
        "required_status_checks": {
            "checks": [
                {"context": check["context"], "app_id": (check["app"] or {}).get("databaseId")} for check in checks
            ]
        },
        "allow_force_pushes": {"enabled": rule["allowsForcePushes"]},
        "allow_deletions": {"enabled": rule["allowsDeletions"]},
    }  # fmt: skip
