"""Secrets that somebody wrote into a file that is meant to be read, reviewed and stored for years.

A finding names what the value looks like and never shows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_WEBHOOKS = (
    r"https://(hooks\.slack\.com/(services|workflows|triggers)/|([a-z]+\.)?discord(app)?\.com/api/webhooks/"
    r"|[a-z0-9.-]*webhook\.office\.com/|outlook\.office\.com/webhook|[a-z0-9.-]+\.logic\.azure\.com[:/]"
    r"|events\.(eu\.)?pagerduty\.com/integration/)"
)

_SHAPES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("a GitHub token", r"\b(gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})"),
        ("an AWS access key id", r"\b(AKIA|ASIA)[A-Z2-7]{16}\b"),
        ("a private key", r"-----BEGIN [A-Z ]*PRIVATE KEY"),
        ("a Slack token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bxapp-[A-Za-z0-9-]{10,}"),
        ("a webhook that is its own password", _WEBHOOKS),
        ("a Google API key", r"\bAIza[0-9A-Za-z_-]{35}\b"),
        ("a Google client secret", r"\bGOCSPX-[0-9A-Za-z_-]{20,}"),
        ("a signed token", r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\."),
        ("a PyPI or npm token", r"\b(pypi-[A-Za-z0-9_-]{30,}|npm_[A-Za-z0-9]{30,})"),
        ("a password inside a URL", r"[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@"),
        ("a secret in a URL's query", r"[?&](access_)?(token|key|api_?key|sig|signature|secret|password)=[^&\s]{8,}"),
    )
)  # fmt: skip

_SECRET_KEY = re.compile(
    r"(secret|token|password|passwd|passphrase|api_?key|private_?key|routing_?key|credential)", re.I
)
_SECRET_VARIABLE = re.compile(r"SECRET|TOKEN|PASSWORD|PASSPHRASE|(API|PRIVATE|ACCESS|ROUTING)_?KEY|WEBHOOK")
_NAMES_ONLY = ("_env", "_block", "_file")


def looks_secret(value: str, *, key: str = "", environ: Mapping[str, str] | None = None) -> str | None:
    """What secret a text looks like, in words, or None.

    `key` is the name it is written under. A text that equals the value of an environment variable with a secret's
    name is recognised whatever its shape.
    """
    for name, shape in _SHAPES:
        if shape.search(value):
            return name
    if _SECRET_KEY.search(key) and not key.lower().endswith(_NAMES_ONLY) and len(value) >= 8:
        return f"a secret, by the name of its key ({key})"
    for variable, secret in (environ or {}).items():
        if len(secret) >= 12 and secret in value and _SECRET_VARIABLE.search(variable) and not _is_path(secret):
            return f"the value of the environment variable {variable}"
    return None


def secret_lines(content: bytes, environ: Mapping[str, str] | None = None) -> Iterator[tuple[int, str]]:
    """Lines of a file that hold a secret anywhere, comments too: the file is stored as it is."""
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), start=1):
        secret = looks_secret(line, environ=environ)
        if secret is not None:
            yield number, secret


def texts_of(data: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text in nested lists and mappings, keys included, with its path."""
    if isinstance(data, str):
        yield path, data
    elif isinstance(data, dict):
        for key, value in data.items():
            yield (*path, key), str(key)
            yield from texts_of(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from texts_of(value, (*path, index))


def _is_path(value: str) -> bool:
    return value.startswith(("/", "./", "~"))
