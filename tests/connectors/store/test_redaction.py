"""Secrets are taken out on the way in, by name and by form, and nothing else is touched."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.store.redaction import Redactor, kept_headers

TOKENS = [
    "ghp_" + "a1B2" * 9,
    "ghs_" + "a1B2" * 9,
    "github_pat_11ABCDEFG0_" + "x" * 40,
    "xoxb-123456789012-abcdefghijkl",
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxMjM0NSJ9.c2lnbmF0dXJlLXBhcnQ",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
]


@pytest.mark.parametrize("token", TOKENS)
def test_tokens_are_known_by_their_form_wherever_they_stand(token: str) -> None:
    redactor = Redactor()
    assert redactor.text(f"use {token} please") == ("use [removed] please", 1)
    kept, removed = redactor.value({"a": [{"title": f"see {token}"}], "n": 1})
    assert (kept, removed) == ({"a": [{"title": "see [removed]"}], "n": 1}, 1)
    text, removed = redactor.json_text(orjson.dumps({"body": token}).decode())
    assert token.encode() not in text.encode()
    assert removed == 1


def test_declared_fields_go_at_any_depth_whatever_they_hold() -> None:
    redactor = Redactor(["Email", "key"])
    record = {"Email": "x@example.com", "a": [{"email": {"deep": 1}, "b": 2}], "key": None, "monkey": 3}
    assert redactor.value(record) == ({"a": [{"b": 2}], "monkey": 3}, 3)
    assert record["Email"] == "x@example.com"


@pytest.mark.parametrize(
    "name", ["Authorization", "SecretAccessKey", "session_token", "client-secret", "private_key", "password", "Cookie"]
)
def test_names_that_hold_a_credential_everywhere(name: str) -> None:
    assert Redactor().value({name: "abc"}) == ({}, 1)
    assert Redactor().json_text(orjson.dumps({"x": {name: "abc"}}).decode()) == ('{"x":{}}', 1)


def test_facts_about_secrets_are_evidence_and_stay() -> None:
    record = {"password_enabled": True, "password": True, "NextToken": "abc", "accessKeyId": "AKIAIOSFODNN7EXAMPLE"}
    assert Redactor().value(record) == (record, 0)


def test_a_document_without_secrets_stays_as_it_was_received() -> None:
    text = '{ "b": 1.50,\n  "a": "plain", "b": 2 }'
    assert Redactor(["Email"]).json_text(text) == (text, 0)


def test_a_name_written_with_escapes_is_found() -> None:
    text, removed = Redactor(["Email"]).json_text('{"\\u0045mail":"x@example.com","a":1}')
    assert (text, removed) == ('{"a":1}', 1)


def test_what_is_no_json_loses_declared_elements_and_tokens() -> None:
    xml = f"<r><Email>x@example.com</Email><Name>{TOKENS[0]}</Name></r>"
    assert Redactor(["Email"]).json_text(xml) == ("<r><Email>[removed]</Email><Name>[removed]</Name></r>", 2)
    csv = "user,mfa_active\nana,true\n"
    assert Redactor(["Email"]).json_text(csv) == (csv, 0)


@pytest.mark.parametrize(
    ("url", "stored"),
    [
        ("https://api.example.com/a?page=2&after=Y3Vy", "https://api.example.com/a?page=2&after=Y3Vy"),
        ("https://user:pw@example.com/a", "https://example.com/a"),
        (
            "https://b.s3.amazonaws.com/k?X-Amz-Date=1&X-Amz-Signature=abc&X-Amz-Security-Token=t",
            "https://b.s3.amazonaws.com/k?X-Amz-Date=1&X-Amz-Signature=[removed]&X-Amz-Security-Token=[removed]",
        ),
        ("https://x.example.com/dl?token=abc#frag", "https://x.example.com/dl?token=[removed]"),
    ],
)
def test_addresses_lose_what_gives_access(url: str, stored: str) -> None:
    assert Redactor().url(url) == stored


def test_signed_addresses_inside_answers_are_cut_too() -> None:
    text, removed = Redactor().json_text('{"download_url":"https://x.example.com/f?token=ABC&v=1"}')
    assert orjson.loads(text) == {"download_url": "https://x.example.com/f?token=[removed]&v=1"}
    assert removed == 1


def test_only_headers_that_are_evidence_are_kept() -> None:
    headers = {
        "Date": "Fri, 01 May 2026 06:00:00 GMT", "ETag": '"x"', "X-RateLimit-Remaining": "4999",
        "Link": '<https://api.example.com/a?page=2&token=abc>; rel="next"', "X-GitHub-Request-Id": "A:1",
        "x-amzn-RequestId": "r", "Retry-After": "5", "Content-Type": "application/json",
        "Authorization": "token x", "Set-Cookie": "a=b", "X-Amz-Security-Token": "t", "Server": "nginx",
    }  # fmt: skip
    kept = kept_headers(headers)
    assert sorted(kept) == [
        "content-type", "date", "etag", "link", "retry-after", "x-amzn-requestid", "x-github-request-id",
        "x-ratelimit-remaining",
    ]  # fmt: skip
    assert kept["link"] == '<https://api.example.com/a?page=2&token=[removed]>; rel="next"'


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["a", "Email", "x"]), inner),
        max_leaves=12,
    )
)
def test_text_and_value_agree(document: object) -> None:
    redactor = Redactor(["Email"])
    text = orjson.dumps(document).decode()
    as_text, removed = redactor.json_text(text)
    as_value, counted = redactor.value(document)
    assert (orjson.loads(as_text), removed) == (as_value, counted)
    assert b'"Email":' not in as_text.encode()
