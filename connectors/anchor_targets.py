"""Where the programme says that the ledger's head is sent."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs, unquote, urlsplit

from connectors.anchor import AnchorTarget, Mail, Webhook
from schemas.errors import ConfigurationError
from schemas.programme import AnchorMail, Programme


def anchor_targets(programme: Programme, environ: Mapping[str, str]) -> list[AnchorTarget]:
    """The targets under `anchors`, with mail servers read from the environment."""
    targets: list[AnchorTarget] = []
    for anchor in programme.anchors:
        if anchor.webhook is not None:
            targets.append(Webhook(anchor.webhook.url))
        if anchor.mail is not None:
            targets.append(_mail(anchor.mail, environ))
    return targets


_ENCRYPTION = {"smtp": "starttls", "smtps": "tls", "smtp+plain": "none"}


def _mail(mail: AnchorMail, environ: Mapping[str, str]) -> Mail:
    """From `smtp://user:password@host:587?from=evidence@example.com`; smtps: TLS from the start, smtp+plain: none."""
    address = environ.get(mail.url_env, "")
    parts = urlsplit(address)
    sender = parse_qs(parts.query).get("from", [""])[0]
    if parts.scheme not in _ENCRYPTION or not parts.hostname or not sender:
        raise ConfigurationError(
            f"The environment variable {mail.url_env} must hold the mail server for anchors, such as "
            "smtp://user:password@mail.example.com:587?from=evidence@example.com (smtps:// for TLS from the start)."
        )
    return Mail(
        to=mail.to,
        sender=sender,
        host=parts.hostname,
        port=parts.port or (465 if parts.scheme == "smtps" else 587),
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        encryption=_ENCRYPTION[parts.scheme],
    )
