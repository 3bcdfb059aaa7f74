"""Sending the head of the ledger out of the operator's reach, by webhook or by mail, and recording that it went.

What is sent is small and signed: which store, which entry, its digest. Whoever receives it (the auditor's mailbox, a
service of another owner) can later say what the ledger must contain: `evidence verify --expect-head`. Sending that
fails is an error and never a line in a log.
"""

from __future__ import annotations

import contextlib
import smtplib
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any, Protocol
from urllib.parse import urlsplit

from connectors.store.redaction import Redactor, kept_headers
from connectors.store.store import Store
from evidence.ledger import canonical, digest, with_signature
from schemas.errors import ConfigurationError, RetriableError
from schemas.instants import format_instant

FORMAT = "evidence-anchor/1"
ATTEMPTS = 4
_TIMEOUT = 20.0


class AnchorTarget(Protocol):
    """Somewhere to send to. `shown` goes into the ledger, so it holds no secret."""

    @property
    def via(self) -> str: ...

    @property
    def shown(self) -> str: ...

    def send(self, message: bytes, summary: str) -> dict[str, Any]:
        """Deliver, and give back the receipt. RetriableError where trying again may help, else ConfigurationError."""
        ...


def anchor_head(
    store: Store, target: AnchorTarget, *, attempts: int = ATTEMPTS, sleep: Callable[[float], None] = time.sleep
) -> dict[str, Any]:
    """Send the head of the ledger to `target` and record it; gives back the `anchor` entry.

    Tries `attempts` times, waiting 1, 4, 16… seconds between. Raises RetriableError when the last one failed too: then
    nothing is recorded, and the days since the last anchor stay unanchored.
    """
    head = store.head()
    sent_at = format_instant(store.now())
    unsigned = canonical({
        "format": FORMAT, "store_id": store.store_id, "simulated": store.simulated, "head_seq": head.seq,
        "head_digest": head.digest, "recorded_at": format_instant(head.recorded_at), "entries": head.seq,
        "sent_at": sent_at, "key_id": store.signer.key_id, "public_key": store.signer.public_key,
    })  # fmt: skip
    message = with_signature(unsigned, store.signer.sign(unsigned))
    summary = f"Evidence ledger {store.store_id}: entry {head.seq} is {head.digest}"
    receipt = _sent(target, message, summary, attempts, sleep)
    return store.append(
        "anchor",
        {
            "head_seq": head.seq, "head_digest": head.digest, "sent_at": sent_at, "via": target.via,
            "to": target.shown, "receipt": {**receipt, "message_sha256": digest(message)},
        },
    )  # fmt: skip


def _sent(
    target: AnchorTarget, message: bytes, summary: str, attempts: int, sleep: Callable[[float], None]
) -> dict[str, Any]:
    for attempt in range(1, attempts + 1):
        try:
            return target.send(message, summary)
        except RetriableError as error:
            if attempt == attempts:
                raise RetriableError(
                    f"The head of the ledger could not be anchored at {target.shown} in {attempts} attempts: {error} "
                    "Until it is, the latest days could be rewritten without anybody noticing."
                ) from error
            sleep(4.0 ** (attempt - 1))
    raise ValueError("at least one attempt is needed")


@dataclass(frozen=True)
class Webhook:
    """POSTs the message as JSON. Its signature is in it, so the receiver needs no shared secret to check it."""

    url: str = field(repr=False)
    via: str = "webhook"

    @property
    def shown(self) -> str:
        """Scheme and host; the path of a webhook is often its secret."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")

    def send(self, message: bytes, summary: str) -> dict[str, Any]:
        parts = urlsplit(self.url)
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise ConfigurationError("The anchor's webhook must be an https:// address.")
        if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
            raise ConfigurationError(f"The anchor's webhook at {parts.hostname} must use https.")
        request = urllib.request.Request(  # noqa: S310 - the scheme was looked at above
            self.url, data=message, method="POST", headers={"Content-Type": "application/json"}
        )
        opener = urllib.request.build_opener(_NoRedirects)
        try:
            with opener.open(request, timeout=_TIMEOUT) as answer:
                body = answer.read(4000)
                return {
                    "status": answer.status,
                    "headers": kept_headers(dict(answer.headers.items())),
                    "body": Redactor().json_text(body.decode(errors="replace"))[0],
                }
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 429 or error.code >= 500:
                raise RetriableError(f"{self.shown} answered {error.code}.") from error
            raise ConfigurationError(
                f"{self.shown} refused the anchor with status {error.code}. Check the webhook's address."
            ) from error
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            reason = getattr(error, "reason", error)
            raise RetriableError(f"{self.shown} could not be reached ({type(reason).__name__}).") from error


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as an empty GET and look delivered."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


@dataclass(frozen=True)
class Mail:
    """Sends the message as an attachment, such as to the auditor's mailbox. The receipt is the mail server's answer."""

    to: str
    sender: str
    host: str
    port: int = 587
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    encryption: str = "starttls"
    """`starttls`, `tls`, or `none` for a relay on this machine."""
    via: str = "mail"

    @property
    def shown(self) -> str:
        return self.to

    def send(self, message: bytes, summary: str) -> dict[str, Any]:
        if self.encryption not in ("starttls", "tls", "none"):
            raise ConfigurationError(f"Mail encryption {self.encryption!r} is not known; use starttls, tls or none.")
        mail = self._composed(message, summary)
        try:
            server = self._connected()
            with contextlib.closing(server):
                if self.user is not None:
                    server.login(self.user, self.password or "")
                server.ehlo_or_helo_if_needed()
                self._expect(server.mail(self.sender), "the sender")
                self._expect(server.rcpt(self.to), "the recipient")
                code, answer = server.data(mail.as_bytes())
                self._expect((code, answer), "the message")
        except smtplib.SMTPAuthenticationError as error:
            raise ConfigurationError(
                f"{self.host} refused the user for the anchor's mail. Check the password."
            ) from error
        except (smtplib.SMTPException, OSError) as error:
            raise RetriableError(f"Mail through {self.host} failed ({type(error).__name__}).") from error
        text, _ = Redactor().text(answer.decode(errors="replace"))
        return {"code": code, "answer": text[:1000], "message_id": str(mail["Message-ID"]), "server": self.host}

    def _composed(self, message: bytes, summary: str) -> EmailMessage:
        from email.utils import make_msgid

        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self.sender, self.to, summary.partition(" is ")[0]
        mail["Message-ID"] = make_msgid(domain=self.sender.rpartition("@")[2] or None)
        mail.set_content(
            f"{summary}\n\nKeep this message. It proves what the ledger held when it was sent: a store that was "
            "changed or cut off afterwards no longer contains this entry.\n\n"
            f"Check a store against it: evidence verify STORE --expect-head {summary.rpartition(' ')[2]}\n"
        )
        mail.add_attachment(message, maintype="application", subtype="json", filename="ledger-head.json")
        return mail

    def _connected(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self.encryption == "tls":
            return smtplib.SMTP_SSL(self.host, self.port, timeout=_TIMEOUT, context=context)
        server = smtplib.SMTP(self.host, self.port, timeout=_TIMEOUT)
        if self.encryption == "starttls":
            server.starttls(context=context)
        return server

    def _expect(self, answer: tuple[int, bytes], what: str) -> None:
        code = answer[0]
        if code >= 500:
            raise ConfigurationError(f"{self.host} refused {what} of the anchor's mail for good (code {code}).")
        if code >= 400:
            raise RetriableError(f"{self.host} refused {what} of the anchor's mail for now (code {code}).")
