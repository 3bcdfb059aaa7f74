"""Who is at the other end: the vendor itself, something the programme declares, or a simulation on loopback.

Rule (completeness specification, section 10b): evidence counts only when it comes from the vendor's own hosts over
verified TLS. Any other endpoint needs a declaration in the programme, which is signed with it and shown on every page.
A loopback endpoint makes the evidence simulated, for ever.
"""

from __future__ import annotations

import hashlib
import ipaddress
import socket
import ssl
import urllib.request
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from schemas.errors import EndpointRefused, RetriableError

CA_VARIABLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables by which a process can be made to trust certificates that the public authorities did not issue."""

PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")

_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class EndpointJudgement:
    """What an endpoint is. Exactly one of the three flags is true; anything else was refused."""

    url: str
    simulated: bool
    """On loopback: such evidence enters only a simulated store."""
    declared: bool
    """Not the vendor's own host, but declared in the programme."""
    vendor: bool
    """The vendor's own host, https on its usual port."""


def resolve_addresses(host: str, port: int) -> frozenset[str]:
    """The addresses a name stands for on this machine; empty where it can't be resolved (connecting will say so)."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return frozenset()
    return frozenset(str(entry[4][0]) for entry in found)


def judge_endpoint(
    url: str,
    *,
    vendor_hosts: Collection[str] = (),
    vendor_suffixes: Collection[str] = (),
    declared: Iterable[str] = (),
    resolve: Callable[[str, int], Collection[str]] = resolve_addresses,
) -> EndpointJudgement:
    """Say what `url` is, or raise `EndpointRefused`.

    `vendor_hosts` are exact names (`api.github.com`), `vendor_suffixes` match on a dot boundary (`amazonaws.com` covers
    `iam.amazonaws.com` and neither `evilamazonaws.com` nor `amazonaws.com.evil.example`). `declared` are the URLs under
    `endpoints.declared` of the programme: scheme, host and port must be equal, and a path given there must lead the
    path asked. Loopback is looked at first, through name resolution too, so that neither a vendor's name pointed at
    this machine nor a declaration can pass a simulation off as real.
    """
    parts = urlsplit(url)
    host = _host(parts, url)
    port = _port(parts) or _DEFAULT_PORTS[parts.scheme]
    if _is_loopback_name(host) or any(_is_loopback_address(address) for address in resolve(host, port)):
        return EndpointJudgement(url=url, simulated=True, declared=False, vendor=False)
    if any(_declares(entry, parts, host, port) for entry in declared):
        return EndpointJudgement(url=url, simulated=False, declared=True, vendor=False)
    named_like_vendor = host in vendor_hosts or any(host.endswith("." + suffix) for suffix in vendor_suffixes)
    if named_like_vendor and parts.scheme == "https" and port == 443:
        return EndpointJudgement(url=url, simulated=False, declared=False, vendor=True)
    shown = f"{parts.scheme}://{host}:{port}"
    if named_like_vendor:
        raise EndpointRefused(
            f"{shown} is the vendor's host name, but not over https on port 443, so nobody can tell who answers. "
            "Use the vendor's https endpoint, or declare this one under endpoints.declared with a reason."
        )
    raise EndpointRefused(
        f"{shown} is not the vendor's own endpoint. Remove the override, or declare it under endpoints.declared in the "
        "programme with a reason (it will be shown on every page and report)."
    )


def refuse_overrides(environ: Mapping[str, str], *, host: str | None = None, declared: Iterable[str] = ()) -> bool:
    """Refuse settings that would let somebody else answer in the vendor's name.

    To be asked for every endpoint that `judge_endpoint` calls the vendor's. Looks at certificate bundles (other than
    an exact copy of the public one that ships with the product) and at proxies (unless `NO_PROXY` exempts `host`). A
    proxy is allowed where its URL is declared, a bundle where `file://<path>` is declared. Returns whether a declared
    override is in force: then the answers come through something declared and are not the vendor's own any more.
    Raises `EndpointRefused` naming the variable.
    """
    allowed = tuple(declared)
    in_force = False
    for variable in CA_VARIABLES:
        value = environ.get(variable, "")
        if not value or _is_public_bundle(value):
            continue
        if Path(value).absolute().as_uri() not in allowed and f"file://{value}" not in allowed:
            raise EndpointRefused(
                f"{variable} replaces the certificate authorities that tell the vendor from others. Unset it, or, if a "
                f"gateway of yours is meant to stand in between, declare file://{value} under endpoints.declared with "
                "a reason."
            )
        in_force = True
    for variable in PROXY_VARIABLES:
        value = environ.get(variable, "")
        if not value or (host is not None and _bypasses_proxy(environ, host)):
            continue
        proxy = urlsplit(value if "://" in value else f"http://{value}")
        if not proxy.hostname or not any(_same_origin(entry, proxy) for entry in allowed):
            # The value itself may hold a password and is not shown.
            raise EndpointRefused(
                f"{variable} sends requests through a proxy. Add the vendor's hosts to NO_PROXY, or declare the "
                "proxy's URL (without user and password) under endpoints.declared with a reason."
            )
        in_force = True
    return in_force


def peer_certificate_sha256(host: str, port: int = 443, *, cafile: str | None = None, timeout: float = 10.0) -> str:
    """SHA-256, in hex, of the certificate (DER) that `host` presents.

    It is verified against the public authorities, or against `cafile` for a declared gateway with its own bundle.
    Raises `EndpointRefused` where the certificate does not verify and `RetriableError` where nobody answers.
    """
    import certifi  # here, because most runs read stored evidence and never open a connection

    context = ssl.create_default_context(cafile=cafile or certifi.where())
    try:
        with (
            socket.create_connection((host, port), timeout=timeout) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            certificate = secured.getpeercert(binary_form=True)
    except ssl.SSLCertVerificationError as error:
        raise EndpointRefused(
            f"The certificate of {host} does not verify ({error.verify_message}): somebody else may be answering. "
            "Look at the network between here and the vendor before you collect anything."
        ) from error
    except OSError as error:
        raise RetriableError(f"No TLS connection to {host}:{port}: {error}. Try again later.") from error
    if certificate is None:  # only with verification off, which the default context never has
        raise EndpointRefused(f"{host} presented no certificate.")
    return hashlib.sha256(certificate).hexdigest()


class EndpointJudge:
    """Judges every address that a session asks, once each, and holds the session to one kind of world."""

    def __init__(
        self,
        vendor: str,
        vendor_suffixes: Collection[str],
        *,
        declared: tuple[str, ...],
        environ: Mapping[str, str],
        resolve: Callable[[str, int], Collection[str]],
        look_at: str,
    ) -> None:
        """`look_at` is the sentence that says where a mixture of two worlds may come from."""
        self._vendor, self._suffixes, self._look_at = vendor, vendor_suffixes, look_at
        self._declared, self._environ, self._resolve = declared, environ, resolve
        self._known: dict[str, EndpointJudgement] = {}
        self.declared_in_use = False

    def __call__(self, url: str) -> EndpointJudgement:
        """What stands at `url`. Raises `EndpointRefused`."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        judgement = self._known.get(origin)
        if judgement is None:
            judgement = self._known[origin] = self._judged(origin, parts.hostname)
        return judgement

    def _judged(self, origin: str, host: str | None) -> EndpointJudgement:
        judgement = judge_endpoint(
            origin, vendor_suffixes=self._suffixes, declared=self._declared, resolve=self._resolve
        )
        if judgement.vendor and refuse_overrides(self._environ, host=host, declared=self._declared):
            judgement = replace(judgement, vendor=False, declared=True)
        if any(known.simulated != judgement.simulated for known in self._known.values()):
            raise EndpointRefused(
                f"{origin} and another {self._vendor} endpoint in use are of two worlds: one is simulated on this "
                f"machine and one is not. {self._look_at}"
            )
        self.declared_in_use = self.declared_in_use or judgement.declared
        return judgement


def shown_certificate(
    judged: EndpointJudgement,
    environ: Mapping[str, str],
    certificate: Callable[..., str],
    bundle_variables: Iterable[str] = CA_VARIABLES,
) -> str | None:
    """The certificate that an endpoint shows. None without TLS, and behind a proxy, where there is no way to it.

    The first of `bundle_variables` that is set names the authorities of a declared gateway; the vendor's own hosts are
    judged by the public ones.
    """
    parts = urlsplit(judged.url)
    if parts.scheme != "https" or parts.hostname is None or judged.simulated:
        return None
    if any(environ.get(name) for name in PROXY_VARIABLES):
        return None
    bundle = next((environ[name] for name in bundle_variables if environ.get(name)), None)
    return certificate(parts.hostname, parts.port or 443, cafile=bundle if judged.declared else None)


def _host(parts: SplitResult, url: str) -> str:
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise EndpointRefused(f"{url.partition('?')[0]!r} is no http(s) URL. Write it like https://api.example.com.")
    if parts.username is not None or parts.password is not None:
        raise EndpointRefused("An endpoint URL must not hold a user or password; take them out.")
    return parts.hostname.lower().rstrip(".")


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError as error:
        raise EndpointRefused(f"{parts.hostname} is given with a port that is no number from 0 to 65535.") from error


def _is_loopback_name(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost") or _is_loopback_address(host)


def _is_loopback_address(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    # The unspecified address reaches this machine as well.
    return address.is_loopback or address.is_unspecified or (mapped is not None and mapped.is_loopback)


def _declares(entry: str, asked: SplitResult, host: str, port: int) -> bool:
    parts = urlsplit(entry)
    if parts.scheme != asked.scheme or (parts.hostname or "").lower().rstrip(".") != host:
        return False
    if (parts.port or _DEFAULT_PORTS.get(parts.scheme)) != port:
        return False
    prefix = parts.path.rstrip("/")
    return not prefix or asked.path == prefix or asked.path.startswith(prefix + "/")


def _same_origin(entry: str, other: SplitResult) -> bool:
    parts = urlsplit(entry)
    return (parts.scheme, parts.hostname, parts.port) == (other.scheme, other.hostname, other.port)


def _bypasses_proxy(environ: Mapping[str, str], host: str) -> bool:
    exempt = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    return bool(urllib.request.proxy_bypass_environment(host, {"no": exempt}))  # type: ignore[attr-defined]


def _is_public_bundle(path: str) -> bool:
    """Whether a bundle is byte for byte the public one: setting it then changes nothing."""
    import certifi

    try:
        return Path(path).read_bytes() == Path(certifi.where()).read_bytes()
    except OSError:
        return False
