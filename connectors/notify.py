"""Messages to people on call, through Apprise.

Where they go is written in the programme by the name of an environment variable, never as a secret in the file. A
message that could not be delivered raises: an alert path that fails in silence is worse than none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from schemas.errors import ConfigurationError, RetriableError


@dataclass(frozen=True, slots=True)
class Channel:
    """One place to send to: a name for people, and the Apprise address, which may hold a secret and is never shown."""

    name: str
    address: str
    slack: bool = False
    """Takes one text in Slack's markup, in which `&`, `<` and `>` must be escaped: `<!channel>` would page all."""

    def __repr__(self) -> str:
        return f"Channel({self.name!r})"


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


def channels(alerts: Iterable[Mapping[str, Mapping[str, str]]], environ: Mapping[str, str]) -> list[Channel]:
    """The channels a programme's `alerts` name, with their addresses read from the environment.

    Kinds: `slack: {webhook_env: NAME}`, `webhook: {url: https://…}`, `mail: {url_env: NAME}` (an Apprise `mailto://`
    or `mailtos://` address), `apprise: {url_env: NAME}` (any other service Apprise knows).
    """
    found: list[Channel] = []
    for number, alert in enumerate(alerts, start=1):
        for kind, settings in alert.items():
            if kind == "slack":
                url = _from_environment(settings, "webhook_env", environ, number)
                found.append(Channel(kind, slack_compatible(url), slack=True))
            elif kind == "webhook":
                found.append(Channel(kind, slack_compatible(settings["url"]), slack=True))
            elif kind in ("mail", "apprise"):
                found.append(Channel(kind, _from_environment(settings, "url_env", environ, number)))
            else:
                raise ConfigurationError(
                    f"alerts entry {number}: {kind!r} is not a kind of channel; use slack, webhook, mail or apprise"
                )
    return found


def _from_environment(settings: Mapping[str, str], key: str, environ: Mapping[str, str], number: int) -> str:
    name = settings.get(key)
    if not name:
        raise ConfigurationError(f"alerts entry {number} needs {key}: the NAME of an environment variable")
    value = environ.get(name, "")
    if not value:
        raise ConfigurationError(f"alerts entry {number}: the environment variable {name} is not set")
    return value


def send(found: Iterable[Channel], subject: str, body: str) -> list[str]:
    """Send one message to every channel; the names of those that took it.

    Raises RetriableError naming each channel that did not, after all have been tried.
    """
    import apprise

    delivered: list[str] = []
    failed: list[str] = []
    for channel in found:
        notifier = apprise.Apprise()
        if not notifier.add(channel.address):
            raise ConfigurationError(f"the address of the {channel.name} channel is not one that Apprise understands")
        title, text = ("", _slack_text(f"{subject}\n\n{body}")) if channel.slack else (subject, body)
        took_it = notifier.notify(title=title, body=text, body_format=apprise.NotifyFormat.TEXT)
        (delivered if took_it else failed).append(channel.name)
    if failed:
        raise RetriableError(f"the alert was not delivered by: {', '.join(failed)}. Check the address and try again")
    return delivered


def _slack_text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
