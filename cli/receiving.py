"""The command that receives webhooks."""

from __future__ import annotations

import os
from pathlib import Path

import cyclopts

from cli.options import DEFAULT_OPTIONS, Options
from cli.output import say
from schemas.errors import ConfigurationError

SECRET_VARIABLE = "GITHUB_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable


def add_commands(app: cyclopts.App) -> None:
    """Add this module's commands."""
    app.command(receive)


def receive(
    *,
    host: str = "127.0.0.1",
    port: int = 8787,
    secret_file: Path | None = None,
    options: Options = DEFAULT_OPTIONS,
) -> None:
    """Receive webhooks of the GitHub organisation into the store, until interrupted.

    Only deliveries signed with the webhook's secret are kept, each once. The secret comes from GITHUB_WEBHOOK_SECRET or
    a file. Put something that ends TLS in front of it.

    Parameters
    ----------
    host
        The address to listen at.
    port
        The port; 0 takes any.
    secret_file
        A file that holds the secret, instead of the variable.
    """
    from connectors.github.deliveries import FOLDER, Archive
    from connectors.github.receiver import Receiver
    from connectors.workspace import load, store_location

    secret = _secret(secret_file)
    location = store_location(load(options.program))
    if "://" in location:
        raise ConfigurationError(f"{location}: webhooks are received into a store on this machine only.")
    try:
        receiver = Receiver((host, port), Archive(Path(location) / FOLDER), secret, options.clock())
    except ValueError as error:
        raise ConfigurationError(f"{error}.") from error
    except OSError as error:
        raise ConfigurationError(f"{host}:{port} can't be listened at ({error.strerror}).") from error
    say(f"receiving at http://{host}:{receiver.port}, into {location}")
    with receiver:
        receiver.serve_forever()


def _secret(file: Path | None) -> bytes:
    if file is None:
        text = os.environ.get(SECRET_VARIABLE, "")
    else:
        try:
            text = file.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(f"{file} can't be read ({error.strerror}).") from error
    if not text.strip():
        raise ConfigurationError(f"No secret of the webhook: set {SECRET_VARIABLE}, or name a file by --secret-file.")
    return text.strip().encode()
