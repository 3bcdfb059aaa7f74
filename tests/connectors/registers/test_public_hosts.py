"""Published pages and TLS endpoints, against servers on loopback that misbehave in every way that was thought of."""

from __future__ import annotations

import hashlib
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from connectors.registers import fetching
from connectors.registers.endpoints import endpoint_of
from connectors.registry import extractor_for
from schemas.errors import ConfigurationError, RetriableError
from schemas.extraction import ItemClaim, Request
from schemas.scope import ScopeItem
from tests.fakes.memory_sink import MemorySink
from tests.fakes.own_company import (
    Authority,
    OwnCompany,
    Site,
    cut,
    endpoints_register,
    once,
    pages_register,
    reset,
    site,
    text,
)

COMPANY = ScopeItem("org:acme", "Acme", "own")
PAGES, TLS = "own.published_pages", "own.tls_endpoints"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def web() -> Iterator[Site]:
    with site() as served:
        yield served


def collect(company: OwnCompany, dataset: str, **settings: Any) -> tuple[ItemClaim, list[dict[str, Any]], MemorySink]:
    sink = MemorySink()
    request = Request(frozenset({dataset}), COMPANY)
    (claim,) = extractor_for(dataset)(company.session(**settings), request, sink)
    return claim, sink.of(dataset), sink


def fetched(tmp_path: Path, *urls: str, **settings: Any) -> list[dict[str, Any]]:
    company = OwnCompany(tmp_path)
    company.write("published_pages", pages_register(*urls))
    return collect(company, PAGES, **settings)[1]


# --- pages --------------------------------------------------------------------------------------------------------


def test_a_page_is_kept_with_its_status_digest_and_way_there(tmp_path: Path, web: Site) -> None:
    web.pages |= {"/old": text(b"", 301, Location="/terms"), "/terms": text(b"We promise.", Content_Type="text/plain")}
    company = OwnCompany(tmp_path)
    company.write("published_pages", pages_register(web.url("/old"), web.url("/none")))
    claim, rows, sink = collect(company, PAGES)
    moved, none = rows
    assert (moved["status"], moved["body_bytes"], moved["failure"]) == (200, 11, None)
    assert moved["body_sha256"] == hashlib.sha256(b"We promise.").hexdigest()
    assert (moved["redirects"], moved["final_url"]) == ([web.url("/old")], web.url("/terms"))
    assert moved["served_at"] is not None
    assert none["status"] == 404
    assert claim.independent_count == 2
    assert [answer.body for answer in sink.answers[1:]] == [b"We promise.", b"no such page"]
    assert all("date" not in answer.headers for answer in sink.answers)


@pytest.mark.parametrize("fault", [cut, reset, text(b"later", 503)])
def test_a_moment_of_failure_costs_nothing(tmp_path: Path, web: Site, fault: Any) -> None:
    web.pages["/terms"] = once(fault, text(b"We promise."))
    (row,) = fetched(tmp_path, web.url("/terms"))
    assert (row["status"], row["body_bytes"]) == (200, 11)


def test_a_server_that_keeps_failing_is_a_finding_and_one_that_breaks_off_an_error(tmp_path: Path, web: Site) -> None:
    web.pages["/terms"] = text(b"later", 503)
    assert fetched(tmp_path, web.url("/terms"))[0]["status"] == 503
    for fault in (cut, reset):
        web.pages["/terms"] = fault
        with pytest.raises(RetriableError, match="3 times"):
            fetched(tmp_path, web.url("/terms"))


def test_hostile_bodies_are_bounded(tmp_path: Path, web: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "MAX_BODY", 1000)
    web.pages["/large"] = text(b"x" * 5000)
    (row,) = fetched(tmp_path, web.url("/large"))
    assert (row["status"], row["body_sha256"], row["body_bytes"]) == (None, None, None)
    assert row["failure"].startswith("the body is larger")


def test_a_body_that_trickles_for_ever_ends(tmp_path: Path, web: Site) -> None:
    stop = threading.Event()

    def trickle(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not stop.wait(0.01):
            handler.wfile.write(b"x")

    web.pages["/slow"] = trickle
    try:
        with pytest.raises(RetriableError, match="took too long"):
            fetched(tmp_path, web.url("/slow"), deadline=0.05)
    finally:
        stop.set()


@pytest.mark.parametrize(
    ("location", "failure"),
    [
        ("/loop", "in circles"),
        ("ftp://localhost/x", "without TLS"),
        ("file:///etc/passwd", "no address"),
        ("http://user:pw@localhost/x", "user or password"),
        ("http://192.0.2.7/x", "where customers can't follow"),
        ("http://[::1", "no address"),
    ],
)
def test_redirects_lead_nowhere_they_should_not(tmp_path: Path, web: Site, location: str, failure: str) -> None:
    web.pages["/loop"] = text(b"", 302, Location=location)
    (row,) = fetched(tmp_path, web.url("/loop"))
    assert row["status"] is None
    assert failure in row["failure"]


def test_pages_over_tls_say_what_they_were_read_through(tmp_path: Path, authority: Authority) -> None:
    with site({"/terms": text(b"We promise.")}, authority.server("localhost")) as served:
        (row,) = fetched(tmp_path, served.url("/terms"), cafile=authority.cafile)
        assert (row["status"], row["tls_protocol"]) == (200, "TLSv1.3")
        assert row["certificate_not_after"] is not None
        (row,) = fetched(tmp_path, served.url("/terms"))  # by the public authorities
        assert row["status"] is None
        assert row["failure"].startswith("the certificate can't be trusted")


def test_what_is_not_public_is_not_asked(tmp_path: Path, web: Site) -> None:
    for address in ("127.0.0.1", "10.0.0.7", "169.254.169.254", "::1"):
        with pytest.raises(ConfigurationError, match="not what the internet sees"):
            fetched(tmp_path, web.url("/terms"), simulated=False, resolve=lambda *_, found=address: [found])
    with pytest.raises(ConfigurationError, match="asks no real host"):
        fetched(tmp_path, "https://acme.example/terms", resolve=lambda *_: ["93.184.216.34"])
    with pytest.raises(RetriableError, match="can't be resolved"):
        fetched(tmp_path, "https://acme.example/terms", resolve=lambda *_: [])
    assert web.asked == []


def test_a_page_that_is_over_is_not_asked(tmp_path: Path, web: Site) -> None:
    company = OwnCompany(tmp_path)
    company.write("published_pages", f"url,kind,from,to\n{web.url('/terms')},terms,,2026-05-01\n")
    claim, rows, _ = collect(company, PAGES)
    assert rows == []
    assert claim.proof_of_life
    assert claim.drop_rules == {"not valid on this day": 1}
    assert web.asked == []


# --- TLS endpoints ------------------------------------------------------------------------------------------------


def shaken(tmp_path: Path, *hosts: str, **settings: Any) -> list[dict[str, Any]]:
    company = OwnCompany(tmp_path)
    company.write("public_endpoints", endpoints_register(*hosts))
    return collect(company, TLS, **settings)[1]


def test_a_host_is_told_with_protocol_chain_and_end(tmp_path: Path, authority: Authority) -> None:
    with site(context=authority.server("localhost", "127.0.0.1")) as served:
        (row,) = shaken(tmp_path, f"localhost:{served.port}", cafile=authority.cafile)
    assert (row["handshake"], row["trusted"], row["hostname_matches"], row["failure"]) == (True, True, True, None)
    assert row["protocol"] == "TLSv1.3"
    assert row["protocols_accepted"] == ["TLSv1.2", "TLSv1.3"]
    assert row["chain_sha256"][0] == row["certificate_sha256"]
    assert row["names"] == ["127.0.0.1", "localhost"]
    assert row["not_before"] < row["not_after"]


def test_what_is_wrong_with_a_certificate_is_a_row(tmp_path: Path, authority: Authority) -> None:
    with site(context=authority.server("other.example")) as served:
        (row,) = shaken(tmp_path, f"localhost:{served.port}", cafile=authority.cafile)
        assert (row["trusted"], row["hostname_matches"]) == (True, False)
        assert row["failure"] == "the certificate is not for this host"
        (row,) = shaken(tmp_path, f"localhost:{served.port}")
        assert (row["handshake"], row["trusted"]) == (True, False)
        assert row["subject"] == "CN=other.example"
    with site(context=authority.server("localhost", days=0)) as served:
        (row,) = shaken(tmp_path, f"localhost:{served.port}", cafile=authority.cafile)
        assert (row["trusted"], row["failure"]) == (False, "the certificate can't be trusted: certificate has expired")


def test_old_protocols_are_found(tmp_path: Path, authority: Authority) -> None:
    context = authority.server("localhost")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with site(context=context) as served:
        (row,) = shaken(tmp_path, f"localhost:{served.port}", cafile=authority.cafile)
    assert row["protocols_accepted"] == ["TLSv1", "TLSv1.1"]
    assert row["failure"].startswith("no TLS handshake")
    assert row["certificate_sha256"] is not None


def test_a_host_that_speaks_no_tls_is_a_row_and_one_that_is_not_there_an_error(tmp_path: Path, web: Site) -> None:
    (row,) = shaken(tmp_path, f"localhost:{web.port}")
    assert (row["handshake"], row["protocol"], row["protocols_accepted"]) == (False, None, [])
    assert row["failure"].startswith("no TLS handshake")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(RetriableError, match="can't be reached"):
            shaken(tmp_path, f"localhost:{web.port}", f"localhost:{closed.getsockname()[1]}")


def test_silence_is_an_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(RetriableError, match="silent"):
            shaken(tmp_path, f"localhost:{silent.getsockname()[1]}", timeout=0.05)
        assert time.monotonic() - began < 5


def test_resources_and_ended_rows_are_counted_and_not_asked(tmp_path: Path) -> None:
    company = OwnCompany(tmp_path)
    hosts = endpoints_register("arn:aws:s3:::acme-public", "*.acme.example", "//storage.googleapis.com/acme")
    company.write("public_endpoints", hosts + "old.acme.example,web,,2026-01-31,customers,ada@acme.example\n")
    claim, rows, _ = collect(company, TLS)
    assert claim.drop_rules == {"names a resource and no host": 2, "not valid on this day": 1}
    assert [(row["host"], row["handshake"]) for row in rows] == [("*.acme.example", False)]
    assert "wildcard" in rows[0]["failure"]


def test_names_of_hosts_are_told_from_other_names() -> None:
    assert endpoint_of("App.Acme.example") == endpoint_of("app.acme.example").__class__(
        "app.acme.example", 443, "App.Acme.example"
    )
    found = endpoint_of("acme.example:8443")
    assert found is not None
    assert found.port == 8443
    for other in ("acme", "arn:aws:elb:eu-west-1:1:x", "acme.example:99999", "a..b", "projects/p/services/s", ""):
        assert endpoint_of(other) is None, other
