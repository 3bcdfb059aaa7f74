"""Who is at the other end: vendor, declared, simulated, or refused."""

from __future__ import annotations

from pathlib import Path

import certifi
import pytest

from connectors.endpoints import judge_endpoint, refuse_overrides
from schemas.errors import EndpointRefused

SUFFIXES = ("amazonaws.com", "amazonaws.com.cn", "api.aws")


def public(_host: str, _port: int) -> list[str]:
    return ["52.94.1.1"]


def loopback(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


def judge(url: str, declared: tuple[str, ...] = ()):
    return judge_endpoint(url, vendor_suffixes=SUFFIXES, declared=declared, resolve=public)


@pytest.mark.parametrize(
    "url",
    ["https://iam.amazonaws.com", "https://ec2.eu-west-1.api.aws/", "https://sts.cn-north-1.amazonaws.com.cn:443"],
)
def test_vendor_hosts_over_https_are_the_vendor(url: str) -> None:
    judgement = judge(url)
    assert (judgement.vendor, judgement.declared, judgement.simulated) == (True, False, False)


@pytest.mark.parametrize(
    "url",
    [
        "https://evilamazonaws.com",
        "https://iam.amazonaws.com.evil.example",
        "https://amazonaws.com",
        "https://iam-amazonaws.com",
        "http://iam.amazonaws.com",
        "https://iam.amazonaws.com:8443",
        "https://user:word@iam.amazonaws.com",
        "https://10.1.2.3",
        "ftp://iam.amazonaws.com",
        "iam.amazonaws.com",
        "https://iam.amazonaws.com:99999",
    ],
)
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(EndpointRefused):
        judge(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:5000",
        "http://127.9.9.9",
        "http://localhost:5000",
        "https://iam.localhost",
        "http://[::1]:80",
        "http://[::ffff:127.0.0.1]",
        "http://0.0.0.0:5000",
    ],
)
def test_loopback_is_simulated_even_when_declared(url: str) -> None:
    assert judge(url, declared=(url,)).simulated


def test_vendor_name_that_resolves_to_this_machine_is_simulated() -> None:
    judgement = judge_endpoint("https://iam.amazonaws.com", vendor_suffixes=SUFFIXES, resolve=loopback)
    assert judgement.simulated
    assert not judgement.vendor


def test_exact_hosts_do_not_cover_their_subdomains() -> None:
    assert judge_endpoint("https://api.github.com/x", vendor_hosts=("api.github.com",), resolve=public).vendor
    with pytest.raises(EndpointRefused):
        judge_endpoint("https://x.api.github.com", vendor_hosts=("api.github.com",), resolve=public)


def test_declared_needs_the_same_origin_and_leading_path() -> None:
    declared = ("https://gateway.acme.example/aws",)
    assert judge("https://gateway.acme.example/aws/iam", declared).declared
    for other in (
        "https://gateway.acme.example/awsome", "http://gateway.acme.example/aws",
        "https://gateway.acme.example:444/aws", "https://gateway.acme.example.evil.example/aws",
    ):  # fmt: skip
        with pytest.raises(EndpointRefused):
            judge(other, declared)


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_certificate_override_is_refused_unless_declared(variable: str, tmp_path: Path) -> None:
    bundle = tmp_path / "corporate.pem"
    bundle.write_text("not the public authorities")
    with pytest.raises(EndpointRefused, match=variable):
        refuse_overrides({variable: str(bundle)})
    assert refuse_overrides({variable: str(bundle)}, declared=[f"file://{bundle}"])


def test_the_public_bundle_itself_changes_nothing() -> None:
    assert refuse_overrides({"SSL_CERT_FILE": certifi.where()}) is False


def test_proxy_is_refused_unless_declared_or_bypassed() -> None:
    environ = {"HTTPS_PROXY": "http://me:hunter2@proxy.acme.example:3128"}
    with pytest.raises(EndpointRefused, match="HTTPS_PROXY") as refused:
        refuse_overrides(environ, host="iam.amazonaws.com")
    assert "hunter2" not in str(refused.value)
    assert refuse_overrides(environ, host="iam.amazonaws.com", declared=["http://proxy.acme.example:3128"])
    assert refuse_overrides(environ | {"NO_PROXY": ".amazonaws.com"}, host="iam.amazonaws.com") is False
    assert refuse_overrides({}) is False
