"""What must never be stored, taken out on the way in: declared secret fields, credentials, signatures in URLs.

Removal is by name (the dataset's `secret_fields`, and names that hold a credential anywhere) and by form (tokens that
their issuers made recognisable). Everything removed is counted; nothing else is touched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import orjson

if TYPE_CHECKING:
    import pyarrow as pa

REMOVED = "[removed]"

KEPT_HEADERS = frozenset({
    "content-type", "date", "etag", "link", "retry-after", "x-amzn-requestid", "x-amz-request-id",
    "x-github-request-id", "x-oauth-scopes", "x-accepted-oauth-scopes", "x-accepted-github-permissions",
})  # fmt: skip
"""Response headers that are evidence: when, by whom, how much more there is. Any other header is dropped."""
_KEPT_PREFIXES = ("x-ratelimit-",)

# Exact names, in lower case and without - and _, whose text value is a credential in every API read here.
_CREDENTIAL_FIELDS = frozenset({
    "authorization", "cookie", "setcookie", "secretaccesskey", "awssecretaccesskey", "sessiontoken", "accesstoken",
    "refreshtoken", "idtoken", "clientsecret", "privatekey", "password", "secret", "apikey", "webhooksecret",
    "token", "hashedtoken", "xamzsecuritytoken",
})  # fmt: skip

_TOKEN = re.compile(
    r"gh[pousr]_[A-Za-z0-9]{16,255}|github_pat_[A-Za-z0-9_]{16,255}|xox[abeoprs]-[A-Za-z0-9-]{10,250}"
    r"|ya29\.[A-Za-z0-9_-]{20,}|sk_live_[A-Za-z0-9]{16,}|npm_[A-Za-z0-9]{36}|glpat-[A-Za-z0-9_-]{20,}"
    r"|eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----"
    r"|(?i:(?<=bearer )[A-Za-z0-9._~+/-]{16,}=*)"
    r"|(?i:(?<=secret_access_key=)|(?<=secret_access_key = )|(?<=secretaccesskey>))[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])",
    re.DOTALL,
)

# Query parameters that sign a request or give access.
_SIGNED_QUERY = re.compile(
    r"(?i)([?&](?:x-amz-signature|x-amz-credential|x-amz-security-token|x-goog-signature|x-goog-credential|signature"
    r"|sig|token|access_token|id_token|client_secret|api_key|apikey|key|jwt|awsaccesskeyid)=)[^&#\s\"'<>\\]+"
)


# Every match of the patterns above holds one of these, in lower case. Looking for a few words first is what makes it
# affordable to look through every record: the patterns themselves are a hundred times slower.
_TOKEN_MARKS = (
    "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "xox", "ya29.", "sk_live_", "npm_", "glpat-", "eyj",
    "private key-----", "bearer ", "secret_access_key", "secretaccesskey",
)  # fmt: skip
_QUERY_MARKS = ("signature=", "credential=", "token=", "sig=", "secret=", "key=", "jwt=", "accesskeyid=")
_FIELD_MARKS = ('token"', 'secret"', 'key"', 'password"', 'authorization"', 'cookie"')


class Redactor:
    """Takes out what the given datasets declare as secret, and credentials of any kind. Safe to share."""

    def __init__(self, secret_fields: Iterable[str] = ()) -> None:
        declared = sorted(set(secret_fields))
        self._declared = frozenset(name.casefold() for name in declared)
        names = "|".join(re.escape(name) for name in declared)
        # Found in every document in which such a name stands as a key, unless it is written with escapes.
        self._marks = (*_FIELD_MARKS, *(f'{name.lower()}"' for name in declared))
        self._element = re.compile(f"(?is)<({names})>.*?</\\1>") if names else None
        every = ("\\u", *self._marks, *_TOKEN_MARKS, *_QUERY_MARKS)
        self._suspect = "(?i)" + "|".join(re.escape(mark) for mark in every)

    def value(self, value: Any) -> tuple[Any, int]:
        """A JSON value without secrets, and how many were taken out. The value given is not changed."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            out: dict[str, Any] = {}
            count = 0
            for key, inner in value.items():
                if self._is_secret(str(key), inner):
                    count += 1
                    continue
                out[key], found = self.value(inner)
                count += found
            return out, count
        if isinstance(value, (list, tuple)):
            kept: list[Any] = []
            count = 0
            for inner in value:
                clean, found = self.value(inner)
                kept.append(clean)
                count += found
            return kept, count
        return value, 0

    def _is_secret(self, name: str, value: Any) -> bool:
        if name.casefold() in self._declared:
            return True
        return isinstance(value, str) and bool(value) and _plain(name) in _CREDENTIAL_FIELDS

    def text(self, text: str) -> tuple[str, int]:
        """Any text without credentials that are known by their form."""
        lower = text.lower()
        tokens = signed = 0
        if _has(lower, _TOKEN_MARKS):
            text, tokens = _TOKEN.subn(REMOVED, text)
        if _has(lower, _QUERY_MARKS):
            text, signed = _SIGNED_QUERY.subn(_cut_signature, text)
        return text, tokens + signed

    def json_text(self, text: str) -> tuple[str, int]:
        """A JSON document without secrets: the very same text where nothing had to be taken out.

        A text that is no JSON (CSV, XML) loses the XML elements of declared names and recognisable credentials.
        """
        lower = text.lower()
        suspect = "\\u" in text or _has(lower, self._marks) or _has(lower, _TOKEN_MARKS) or _has(lower, _QUERY_MARKS)
        if not suspect and not (self._element is not None and lower.lstrip().startswith("<")):
            return text, 0
        try:
            document = orjson.loads(text)
        except orjson.JSONDecodeError:
            count = 0
            if self._element is not None:
                text, count = self._element.subn(rf"<\1>{REMOVED}</\1>", text)
            text, found = self.text(text)
            return text, count + found
        clean, count = self.value(document)
        return (text, 0) if count == 0 else (orjson.dumps(clean).decode(), count)

    def suspects(self, documents: pa.Array) -> pa.Array:
        """Which texts of a column `json_text` would look into: all others hold nothing to take out.

        Quick, so that a million records can be looked through.
        """
        from connectors.store.arrow import compute as pc

        looked = pc.match_substring_regex(documents, self._suspect)
        if self._element is not None:
            looked = pc.or_(looked, pc.starts_with(pc.utf8_ltrim_whitespace(documents), "<"))
        return looked

    def column(self, value: Any) -> tuple[Any, int]:
        """A typed column's value without secrets; a text that is a JSON document loses them by name as well."""
        if isinstance(value, str) and value[:1] in ("{", "["):
            return self.json_text(value)
        return self.value(value)

    def url(self, url: str) -> str:
        """An address without user, password, and values of query parameters that give access."""
        parts = urlsplit(url)
        netloc = parts.netloc.rpartition("@")[2]
        return self.text(urlunsplit((parts.scheme, netloc, parts.path, parts.query, "")))[0]


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The response headers that are stored, names in lower case."""
    kept: dict[str, str] = {}
    for name, value in headers.items():
        lower = name.lower()
        if lower in KEPT_HEADERS or lower.startswith(_KEPT_PREFIXES):
            kept[lower] = _SIGNED_QUERY.sub(_cut_signature, _TOKEN.sub(REMOVED, str(value)))
    return kept


def _has(lower: str, marks: tuple[str, ...]) -> bool:
    """Whether a text in lower case holds one of the marks."""
    return any(mark in lower for mark in marks)


def _plain(name: str) -> str:
    return name.casefold().replace("_", "").replace("-", "")


def _cut_signature(found: re.Match[str]) -> str:
    return found.group(1) + REMOVED
