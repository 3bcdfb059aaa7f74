"""Opening a session: whose endpoint it is, whose credentials they are, and what becomes of them."""

from __future__ import annotations

import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.aws.session import BUNDLE_VARIABLES, AccountAccess, open_session
from connectors.endpoints import judge_endpoint, peer_certificate_sha256, shown_certificate
from schemas.errors import (
    ClockSkew,
    ConfigurationError,
    EndpointRefused,
    PermissionDenied,
    RetriableError,
)
from schemas.extraction import Session
from tests.fakes.aws_company import PROD, STAGING, START, SimulatedAws, account, company, user
from tests.fakes.scripted_aws import identity, scripted_aws

NOWHERE = "203.0.113.7"  # an address kept for documentation: nobody answers


def open_at(url: str | None, monkeypatch: pytest.MonkeyPatch, *, declared: tuple[str, ...] = ()) -> Session:
    """Open a session without a network: names stand for addresses of nobody."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
    if url is not None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    return open_session(
        [AccountAccess(PROD)], now=lambda: START, declared=declared, resolve=lambda _h, _p: [NOWHERE],
        pause=lambda _: None, attempts=1,
    )  # fmt: skip


@pytest.mark.parametrize(
    "url", ["https://iam.evil.example", "https://iam.amazonaws.com.evil.example", "http://iam.amazonaws.com"]
)
@pytest.mark.usefixtures("simulated_aws")
def test_an_endpoint_of_nobody_known_is_refused_before_anything_is_sent(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(EndpointRefused):
        open_at(url, monkeypatch)


def test_a_declared_endpoint_is_used_and_marked(simulated_aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway of the company's own: by its name it is nobody's, by the programme it is declared."""
    aws = simulated_aws.start(company(account()))
    real = socket.getaddrinfo

    def elsewhere(host: Any, *arguments: Any, **more: Any) -> Any:
        return real("127.0.0.1" if host == "gateway.acme.example" else host, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", elsewhere)
    url = aws.server.url.replace("127.0.0.1", "gateway.acme.example")
    with pytest.raises(EndpointRefused, match=r"gateway\.acme\.example"):
        open_at(url, monkeypatch)
    for name, value in aws.server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    session = open_session(
        [AccountAccess(PROD)], now=aws.clock.now, declared=[url], resolve=lambda _h, _p: [NOWHERE], pause=lambda _: None
    )
    assert session.declared
    assert not session.simulated
    assert session.endpoint == url
    assert session.tenant == PROD


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
@pytest.mark.usefixtures("simulated_aws")
def test_a_certificate_override_cannot_pass_for_the_vendor(
    variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = tmp_path / "own.pem"
    bundle.write_text("own authority")
    monkeypatch.setenv(variable, str(bundle))
    with pytest.raises(EndpointRefused, match=r"CA_BUNDLE|SSL_CERT_FILE"):
        open_at(None, monkeypatch)


@pytest.mark.usefixtures("simulated_aws")
def test_a_certificate_bundle_in_the_configuration_file_counts_as_much(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text(f"[default]\nregion = eu-west-1\nca_bundle = {tmp_path / 'own.pem'}\n")
    (tmp_path / "own.pem").write_text("own authority")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with pytest.raises(EndpointRefused, match="certificate authorities"):
        open_at(None, monkeypatch)


@pytest.mark.usefixtures("simulated_aws")
def test_a_proxy_cannot_pass_for_the_vendor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    with pytest.raises(EndpointRefused, match="HTTPS_PROXY"):
        open_at(None, monkeypatch)


def test_a_vendor_name_pointed_at_this_machine_is_a_simulation(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(company(account()))
    session = open_session(
        [AccountAccess(PROD)], now=aws.clock.now, resolve=lambda _h, _p: ["127.0.0.1"], pause=lambda _: None
    )
    assert session.simulated
    assert not session.declared
    assert session.certificate_sha256 is None


def test_one_service_simulated_and_another_not_is_refused(
    simulated_aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws = simulated_aws.start(company(account()))
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", aws.server.url)
    with pytest.raises(EndpointRefused, match="two worlds"):
        open_session([AccountAccess(PROD)], now=aws.clock.now, resolve=lambda _h, _p: [NOWHERE], pause=lambda _: None)
    assert aws.server.requests == 0


def test_loopback_is_never_asked_through_a_proxy(simulated_aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    aws = simulated_aws.start(company(account()))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert aws.session().tenant == PROD


def test_the_session_says_who_reads_and_by_which_roles(simulated_aws: SimulatedAws) -> None:
    session = simulated_aws.start(company(account())).session(PROD, STAGING)
    assert session.system == "aws"
    assert session.simulated
    assert session.tenant == PROD
    assert session.principal == f"arn:aws:sts::{PROD}:assumed-role/evidence-collector/sandbox"
    assert f"arn:aws:iam::{STAGING}:role/evidence-reader" in session.principal_rights


def test_no_credentials_is_a_matter_of_configuration(
    simulated_aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws = simulated_aws.start(company(account()))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    with pytest.raises(ConfigurationError, match="AWS credentials"):
        aws.session()


def test_a_profile_that_is_not_there(simulated_aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    aws = simulated_aws.start(company(account()))
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(ConfigurationError, match="AWS_PROFILE"):
        aws.session()


def test_unknown_and_expired_credentials_are_matters_of_configuration(
    simulated_aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws = simulated_aws.start(company(account()))
    aws.plan.replace([{"source": "aws", "kind": "unauthorized", "match": "sts:GetCallerIdentity"}])
    with pytest.raises(ConfigurationError, match="expired"):
        aws.session()
    monkeypatch.setenv("AWS_SESSION_TOKEN", "another")
    with pytest.raises(ConfigurationError, match="does not know the credentials"):
        aws.session()


def test_no_account_is_a_matter_of_configuration() -> None:
    with pytest.raises(ConfigurationError, match="names no account"):
        open_session([], now=lambda: START)


def test_an_account_of_no_programme_and_one_without_a_role(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(company(account(), account(STAGING)))
    with pytest.raises(ConfigurationError, match="not under scope"):
        aws.collect("aws.sign_in", item="aws:999999999999")
    session = open_session([AccountAccess(STAGING)], now=aws.clock.now, pause=lambda _: None)
    with pytest.raises(ConfigurationError, match="names no role"):
        aws.collect("aws.sign_in", item=f"aws:{STAGING}", session=session)
    wrong = [AccountAccess(STAGING, f"arn:aws:iam::{PROD}:role/evidence-reader")]
    session = open_session(wrong, now=aws.clock.now, pause=lambda _: None)
    with pytest.raises(ConfigurationError, match="belongs to another account"):
        aws.collect("aws.sign_in", item=f"aws:{STAGING}", session=session)


def test_own_credentials_read_their_own_account(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(company(account(users=[user("maria")])))
    session = open_session([AccountAccess(PROD)], now=aws.clock.now, pause=lambda _: None)
    claims, sink = aws.collect("aws.sign_in", session=session)
    assert len(sink.of("aws.sign_in")) == 2
    assert claims[0].parameters["principal"] == session.principal
    assert "sts:AssumeRole" not in aws.server.requests_by_operation


def test_a_role_that_cannot_be_assumed_is_denied(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(company(account(), account(STAGING, reader="999999999999")))
    for account_id in (STAGING, "888888888888"):
        with pytest.raises(PermissionDenied) as denied:
            aws.collect("aws.sign_in", item=f"aws:{account_id}", session=aws.session(account_id))
        assert denied.value.permission == f"sts:AssumeRole on arn:aws:iam::{account_id}:role/evidence-reader"


def test_the_role_is_taken_on_anew_when_its_session_ends(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(company(account(users=[user("maria")])))
    session = aws.session()
    for _ in range(2):
        aws.collect("aws.privileges", session=session)
    assert aws.server.requests_by_operation["sts:AssumeRole"] == 1
    aws.clock.set(START + timedelta(minutes=56))
    aws.collect("aws.privileges", session=session)
    assert aws.server.requests_by_operation["sts:AssumeRole"] == 2
    aws.clock.set(START + timedelta(days=30))
    aws.collect("aws.privileges", session=session)
    assert aws.server.requests_by_operation["sts:AssumeRole"] == 3


def test_requests_are_counted_with_their_repetitions(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(company(account(users=[user("maria")])))
    aws.plan.replace([{"source": "aws", "kind": "server_error", "times": 2, "match": "iam:GetAccountSummary"}])
    session = aws.session()
    aws.collect("aws.privileges", session=session)
    assert session.client.requests == aws.server.requests


def test_credentials_reach_neither_answers_nor_texts(simulated_aws: SimulatedAws) -> None:
    aws = simulated_aws.start(company(account(users=[user("maria")])))
    session = aws.session()
    _, sink = aws.collect("aws.sign_in", "aws.access_keys", session=session)
    caller = session.client.account(PROD)
    held = caller._credentials
    assert held is not None
    secrets = [held.secret_key, held.session_token, aws.server.environment["AWS_SECRET_ACCESS_KEY"]]
    everything = "".join([repr(sink.answers), repr(session), repr(caller), repr(held), repr(session.client)])
    assert not [secret for secret in secrets if secret in everything]


def test_the_clock_of_the_source_decides(simulated_aws: SimulatedAws) -> None:
    simulated_aws.start(company(account()))
    access = [AccountAccess(PROD)]
    for seconds in (-61.5, 61.5):
        with pytest.raises(ClockSkew, match=r"6[12] s"):
            open_session(access, now=lambda s=seconds: START + timedelta(seconds=s), pause=lambda _: None)
    assert open_session(access, now=lambda: START + timedelta(seconds=59), pause=lambda _: None).tenant == PROD


@pytest.mark.parametrize("date", ["", "yesterday"])
@pytest.mark.usefixtures("simulated_aws")
def test_an_answer_without_a_date_cannot_be_dated(date: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
    answers = {"sts:GetCallerIdentity": (200, identity(PROD), {"Date": date})}
    with scripted_aws(answers, START) as script:
        monkeypatch.setenv("AWS_ENDPOINT_URL", script.url)
        with pytest.raises(ClockSkew, match="Date"):
            open_session([AccountAccess(PROD)], now=lambda: START, pause=lambda _: None)


def test_nobody_presents_a_certificate_on_a_closed_port() -> None:
    with pytest.raises(RetriableError, match="No TLS connection"):
        peer_certificate_sha256("127.0.0.1", 9, timeout=1)


def test_the_certificate_of_the_vendor_is_noted() -> None:
    """Asked of the vendor's own endpoint and of a declared one, with that one's bundle; not of a simulation."""
    asked: list[tuple[str, int, str | None]] = []

    def certificate(host: str, port: int, *, cafile: str | None) -> str:
        asked.append((host, port, cafile))
        return "ab" * 32

    vendor = judge_endpoint("https://iam.amazonaws.com", vendor_suffixes=("amazonaws.com",), resolve=lambda _h, _p: [])
    assert shown_certificate(vendor, {"AWS_CA_BUNDLE": "x"}, certificate, BUNDLE_VARIABLES) == "ab" * 32
    gateway = judge_endpoint(
        "https://aws.acme.example:8443", declared=["https://aws.acme.example:8443"], resolve=lambda _h, _p: []
    )
    assert shown_certificate(gateway, {"AWS_CA_BUNDLE": "x"}, certificate, BUNDLE_VARIABLES) == "ab" * 32
    assert asked == [("iam.amazonaws.com", 443, None), ("aws.acme.example", 8443, "x")]
    assert shown_certificate(gateway, {"HTTPS_PROXY": "http://proxy"}, certificate, BUNDLE_VARIABLES) is None
