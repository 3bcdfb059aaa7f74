"""What each kind of answer means for the caller."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from connectors.github.calls import Call, Graph, Part, Rest, TooHeavy
from connectors.github.verdicts import NO_LOGIN, Later, read
from connectors.github.wire import Received
from connectors.source_clock import check_clock, source_clock
from schemas.errors import ClockSkew, NotLicensed, PermissionDenied, SchemaDrift, SourceGone
from schemas.github import BYPASSES, COMMITS

AT = datetime(2026, 5, 2, 6, tzinfo=UTC)
LEDGER = Rest("/repos/{owner}/{repo}/activity", "/repos/acme/api/activity", COMMITS)
QUERY = Graph("History", (Part("", "viewer { login }", {}),), COMMITS)
PAGE = Graph("History", (Part("", "viewer { login }", {}),), COMMITS, shrinks=True)


def received(status: int, body: Any, **headers: str) -> Received:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return Received(
        "https://api.github.com/x", status, {name.replace("_", "-"): text for name, text in headers.items()}, raw
    )


def verdict(call: Call, status: int, body: Any, **headers: str) -> Any:
    return read(call, received(status, body, **headers), AT)


def message(text: str) -> dict[str, str]:
    return {"message": text, "documentation_url": "https://docs.github.com"}


def test_good_answers_are_data() -> None:
    assert verdict(LEDGER, 200, [1]) == [1]
    assert verdict(QUERY, 200, {"data": {"viewer": None}}) == {"viewer": None}


def test_401_says_which_variables_to_look_at() -> None:
    with pytest.raises(PermissionDenied, match="GITHUB_TOKEN") as caught:
        verdict(LEDGER, 401, message("Bad credentials"))
    assert caught.value.permission == NO_LOGIN


def test_403_names_the_right_of_the_endpoint() -> None:
    with pytest.raises(PermissionDenied) as caught:
        verdict(
            LEDGER,
            403,
            message("Resource not accessible by integration"),
            x_accepted_github_permissions="contents=read",
        )
    assert caught.value.permission == "repository permission contents: read"
    assert "contents=read" in str(caught.value)
    suites = Rest("/repos/{owner}/{repo}/rulesets/rule-suites", "/x", BYPASSES)
    with pytest.raises(PermissionDenied, match="administration: write"):
        verdict(suites, 403, message("Must have admin rights to Repository."))


def test_403_of_single_sign_on_says_so() -> None:
    with pytest.raises(PermissionDenied, match="single sign-on"):
        verdict(
            LEDGER, 403, message("Resource protected by organization SAML enforcement."), x_github_sso="required; url=x"
        )


@pytest.mark.parametrize(
    "text",
    [
        "Upgrade to GitHub Pro or make this repository public to enable this feature.",
        "Upgrade to GitHub Team to use this",
    ],
)
def test_403_of_the_plan_is_not_licensed(text: str) -> None:
    with pytest.raises(NotLicensed, match="plan"):
        verdict(LEDGER, 403, message(text))


@pytest.mark.parametrize(
    ("status", "text", "headers", "seconds"),
    [
        (
            403,
            "API rate limit exceeded for user ID 1.",
            {"x_ratelimit_remaining": "0", "x_ratelimit_reset": str(int(AT.timestamp()) + 90)},
            91,
        ),
        (403, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.", {}, 60),
        (403, "You have exceeded a secondary rate limit.", {"retry_after": "7"}, 7),
        (429, "Too many requests", {"retry_after": "5"}, 5),
        (429, "Too many requests", {}, 60),
        (403, "You have triggered an abuse detection mechanism.", {}, 60),
    ],
)
def test_limits_say_how_long_to_wait(status: int, text: str, headers: dict[str, str], seconds: float) -> None:
    for call in (LEDGER, QUERY):
        with pytest.raises(Later) as caught:
            verdict(call, status, message(text), **headers)
        assert caught.value.seconds == seconds


def test_404_is_a_missing_right_unless_it_is_an_answer() -> None:
    with pytest.raises(PermissionDenied, match="404"):
        verdict(LEDGER, 404, message("Not Found"))
    asked = Rest(LEDGER.template, LEDGER.path, COMMITS, answers=frozenset({404}))
    assert verdict(asked, 404, message("Branch not protected"))["message"] == "Branch not protected"


@pytest.mark.parametrize("status", [410, 451])
def test_what_is_gone_is_gone(status: int) -> None:
    with pytest.raises(SourceGone):
        verdict(LEDGER, status, message("Gone"))


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_5xx_comes_again_later_or_asks_for_less(status: int) -> None:
    with pytest.raises(Later):
        verdict(LEDGER, status, b"<html>unicorn</html>")
    with pytest.raises(Later):
        verdict(QUERY, status, b"<html>unicorn</html>")
    with pytest.raises(Later if status == 500 else TooHeavy):
        verdict(PAGE, status, b"<html>unicorn</html>")


@pytest.mark.parametrize("status", [400, 406, 422])
def test_a_question_that_is_refused_is_schema_drift(status: int) -> None:
    with pytest.raises(SchemaDrift, match="Validation Failed"):
        verdict(LEDGER, status, message("Validation Failed"))


@pytest.mark.parametrize("body", [b"", b'{"data": {"a', b"[1,"])
def test_a_body_that_ends_early_is_asked_again(body: bytes) -> None:
    for call in (LEDGER, QUERY):
        with pytest.raises(Later):
            verdict(call, 200, body)


def errors(kind: str | None, text: str, *, data: Any = None, path: list[Any] | None = None) -> dict[str, Any]:
    entry: dict[str, Any] = {"message": text} | ({"type": kind} if kind else {}) | ({"path": path} if path else {})
    return {"data": data, "errors": [entry]}


def test_partial_data_beside_an_error_is_never_used() -> None:
    body = errors("FORBIDDEN", "Resource not accessible", data={"viewer": {"login": "x"}}, path=["viewer", 3, "email"])
    with pytest.raises(PermissionDenied, match=r"viewer\.3\.email"):
        verdict(QUERY, 200, body)


@pytest.mark.parametrize(
    ("kind", "text", "error"),
    [
        ("RATE_LIMITED", "API rate limit exceeded for user ID 1.", Later),
        (None, "You have exceeded a secondary rate limit.", Later),
        ("INSUFFICIENT_SCOPES", "Your token has not been granted the required scopes", PermissionDenied),
        (None, "Resource not accessible by personal access token", PermissionDenied),
        ("NOT_FOUND", "Could not resolve to a node with the global id of 'R_1'.", SourceGone),
        ("SERVICE_UNAVAILABLE", "later", Later),
        (None, "Field 'nonsense' doesn't exist on type 'Repository'", SchemaDrift),
        (None, "Something went wrong while executing your query. Please include `1` when reporting this issue.", Later),
    ],
)
def test_200_with_errors(kind: str | None, text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        verdict(QUERY, 200, errors(kind, text))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (None, "Something went wrong while executing your query. This may be the result of a timeout."),
        ("MAX_NODE_LIMIT_EXCEEDED", "This query requests up to 600,000 possible nodes"),
        ("RESOURCE_LIMITS_EXCEEDED", "Resource limits for this query exceeded."),
        (None, "We couldn't respond to your request in time."),
    ],
)
def test_a_page_that_is_too_much_asks_for_less(kind: str | None, text: str) -> None:
    with pytest.raises(TooHeavy):
        verdict(PAGE, 200, errors(kind, text))


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": []}])
def test_200_with_neither_data_nor_errors_is_asked_again(body: Any) -> None:
    with pytest.raises(Later):
        verdict(QUERY, 200, body)


def test_no_error_text_quotes_what_it_should_not() -> None:
    with pytest.raises(SchemaDrift) as caught:
        verdict(LEDGER, 400, message("x" * 5000))
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize("seconds", [-3600, -61, 61, 3600])
def test_a_clock_that_is_off_is_refused(seconds: int) -> None:
    with pytest.raises(ClockSkew, match="NTP"):
        check_clock(AT + timedelta(seconds=seconds), AT, AT, "GitHub")


@pytest.mark.parametrize("seconds", [-60, -1, 0, 1, 60])
def test_a_clock_that_is_near_is_not(seconds: int) -> None:
    check_clock(AT + timedelta(seconds=seconds), AT, AT, "GitHub")


def test_a_slow_answer_is_no_skew() -> None:
    check_clock(AT + timedelta(seconds=100), AT, AT + timedelta(seconds=110), "GitHub")


def test_an_answer_without_a_date_cannot_be_dated() -> None:
    with pytest.raises(ClockSkew):
        source_clock(received(200, []).headers, "GitHub")
    with pytest.raises(ClockSkew):
        source_clock(received(200, [], date="yesterday").headers, "GitHub")
    assert source_clock(received(200, [], date="Sat, 02 May 2026 06:00:00 GMT").headers, "GitHub") == AT


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (403, "Advanced Security must be enabled for this repository to use code scanning."),
        (403, "Code Security must be enabled for this repository to use code scanning."),
        (403, "Dependabot alerts are disabled for this repository."),
        (404, "Secret scanning is disabled on this repository."),
        (404, "Secret scanning is disabled on this organization."),
    ],
)
def test_a_feature_that_is_off_is_not_licensed_and_no_missing_right(status: int, text: str) -> None:
    with pytest.raises(NotLicensed, match="not switched on"):
        verdict(LEDGER, status, message(text))


@pytest.mark.parametrize("text", ["Not Found", "no analysis found", ""])
def test_404_in_other_words_is_a_missing_right(text: str) -> None:
    with pytest.raises(PermissionDenied):
        verdict(LEDGER, 404, message(text))
