"""Messages to people on call, through Apprise.

Where they go is written in the programme by the name of an environment variable, never as a secret in the file. A
message that could not be delivered raises: an alert path that fails in silence is worse than none.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from schemas.errors import ConfigurationError, RetriableError

PAGERDUTY_EVENTS = "https://events.pagerduty.com/v2/enqueue"
_SUMMARY_LIMIT, _KEY_LIMIT = 1024, 255  # of PagerDuty's Events API v2
_TIMEOUT = 20.0

SecretOf = Callable[[str], str]
"""Gives the secret that a name stands for, where a channel's secret is kept by an orchestrator. ConfigurationError
where there is none of that name."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One place to send to: a name for people, and the Apprise address, which may hold a secret and is never shown."""

    name: str
    address: str
    slack: bool = False
    """Takes one text in Slack's markup, in which `&`, `<` and `>` must be escaped: `<!channel>` would page all."""
    routing_key: str | None = field(default=None, repr=False)
    """PagerDuty's; the address is then that of its Events API v2, which keeps one incident for one `dedup_key`."""

    def __repr__(self) -> str:
        return f"Channel({self.name!r})"

    @property
    def usable(self) -> bool:
        """Whether the address is one that can be sent to."""
        if self.routing_key is not None:
            return bool(self.routing_key.strip())
        import apprise

        return apprise.Apprise().add(self.address)


def slack_compatible(url: str) -> str:
    """The Apprise address of an incoming webhook that takes `{"text": …}` (Slack, Mattermost, Rocket.Chat).

    Apprise's own Slack plug-in knows one host only, so that a self-hosted receiver could not be used; its JSON plug-in
    posts the same body anywhere once its keys are renamed.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ConfigurationError("the webhook address must begin with https:// (or http:// on this machine)")
    scheme = "jsons" if parts.scheme == "https" else "json"
    # `:key=` renames a key of the posted body, and drops it where no name follows.
    return (
        f"{scheme}://{parts.netloc}{quote(parts.path)}?:message=text&:title=&:version=&:type=&:attachments=&format=text"
    )


def _no_secrets(name: str) -> str:
    raise ConfigurationError(f"the secret block {name!r} can be read in a flow run only; name an environment variable")


def channels(
    alerts: Iterable[Mapping[str, Mapping[str, str]]], environ: Mapping[str, str], secret_of: SecretOf = _no_secrets
) -> list[Channel]:
    """The channels a programme's `alerts` name, with their addresses read from the environment or from `secret_of`.

    Kinds: `slack: {webhook_env: NAME}` or `{webhook_block: NAME}`, `pagerduty: {routing_key_env: NAME}` or
    `{routing_key_block: NAME}`, `webhook: {url: https://…}`, `mail: {url_env: NAME}` (an Apprise `mailto://` or
    `mailtos://` address), `apprise: {url_env: NAME}` (any other service Apprise knows).
    """
    found: list[Channel] = []
    for number, alert in enumerate(alerts, start=1):
        for kind, settings in alert.items():
            if kind == "slack":
                url = _secret(settings, "webhook", environ, secret_of, number)
                found.append(Channel(kind, slack_compatible(url), slack=True))
            elif kind == "pagerduty":
                key = _secret(settings, "routing_key", environ, secret_of, number)
                found.append(Channel(kind, PAGERDUTY_EVENTS, routing_key=key))
            elif kind == "webhook":
                found.append(Channel(kind, slack_compatible(settings["url"]), slack=True))
            elif kind in ("mail", "apprise"):
                found.append(Channel(kind, _from_environment(settings, "url_env", environ, number)))
            else:
                raise ConfigurationError(
                    f"alerts entry {number}: {kind!r} is not a kind of channel; use slack, pagerduty, webhook, mail or "
                    "apprise"
                )
    return found


def _secret(settings: Mapping[str, str], key: str, environ: Mapping[str, str], secret_of: SecretOf, number: int) -> str:
    block = settings.get(f"{key}_block")
    return secret_of(block) if block else _from_environment(settings, f"{key}_env", environ, number)


def _from_environment(settings: Mapping[str, str], key: str, environ: Mapping[str, str], number: int) -> str:
    name = settings.get(key)
    if not name:
        raise ConfigurationError(f"alerts entry {number} needs {key}: the NAME of an environment variable")
    value = environ.get(name, "")
    if not value:
        raise ConfigurationError(f"alerts entry {number}: the environment variable {name} is not set")
    return value


def send(
    found: Iterable[Channel], subject: str, body: str, *, severity: str = "error", dedup_key: str = ""
) -> list[str]:
    """Send one message to every channel; the names of those that took it.

    `severity` (critical, error, warning, info) and `dedup_key` (one incident for one cause) are for the services that
    know them. After all have been tried, raises RetriableError naming each channel that did not take it, or
    ConfigurationError where an address is not one.
    """
    delivered: list[str] = []
    failed: list[str] = []
    unusable: list[str] = []
    for channel in found:
        if not channel.usable:
            unusable.append(channel.name)
            continue
        if channel.routing_key is not None:
            took_it = _page(channel, subject, body, severity, dedup_key)
        else:
            took_it = _notify(channel, subject, body)
        (delivered if took_it else failed).append(channel.name)
    if unusable:
        raise ConfigurationError(
            f"these alert channels have an address that can't be used: {', '.join(unusable)}. Not delivered by: "
            f"{', '.join([*unusable, *failed])}"
        )
    if failed:
        raise RetriableError(f"the alert was not delivered by: {', '.join(failed)}. Check the address and try again")
    return delivered


def _notify(channel: Channel, subject: str, body: str) -> bool:
    import apprise

    notifier = apprise.Apprise()
    notifier.add(channel.address)
    title, text = ("", _slack_text(f"{subject}\n\n{body}")) if channel.slack else (subject, body)
    return bool(notifier.notify(title=title, body=text, body_format=apprise.NotifyFormat.TEXT))


def _page(channel: Channel, subject: str, body: str, severity: str, dedup_key: str) -> bool:
    """Trigger a PagerDuty event. Our own request, because Apprise sends no `dedup_key`: each run would page anew."""
    event = {
        "routing_key": channel.routing_key,
        "event_action": "trigger",
        "payload": {
            "summary": subject[:_SUMMARY_LIMIT],
            "source": "evidence",
            "severity": severity,
            "custom_details": {"text": body},
        },
    }
    if dedup_key:
        event["dedup_key"] = dedup_key[:_KEY_LIMIT]
    request = urllib.request.Request(  # noqa: S310 - the address is the constant above
        channel.address, json.dumps(event).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310 - as above
            return answer.status == 202
    except OSError:  # HTTPError too: the caller names the channel, and the request holds the key
        return False


def _slack_text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
