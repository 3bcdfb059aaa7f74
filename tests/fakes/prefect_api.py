"""A Prefect server for the tests that run flows in their own process: one for the whole session, on a new database."""

from __future__ import annotations

import logging
import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from cli.prefect_server import IDLE_SERVICES


@contextmanager
def prefect_api_for_tests() -> Generator[str]:
    """The address of a running Prefect API; flows of this process and of its children go there."""
    from prefect.settings import (
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        PREFECT_LOGGING_LEVEL,
        PREFECT_LOGGING_TO_API_ENABLED,
        PREFECT_SERVER_ANALYTICS_ENABLED,
    )

    quiet = {
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,  # a thread for each flow run that tests have no use for
        PREFECT_LOGGING_TO_API_ENABLED: False,
        PREFECT_LOGGING_LEVEL: "CRITICAL",
    }
    silent = {PREFECT_SERVER_ANALYTICS_ENABLED: False}  # the server must not call home
    with pytest.MonkeyPatch.context() as patch:
        for name, value in IDLE_SERVICES.items():
            patch.setenv(name, value)
        with _running(silent, quiet) as url:
            yield url


@contextmanager
def _running(silent: Any, quiet: Any) -> Generator[str]:
    from prefect.settings import PREFECT_API_URL, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    with (
        temporary_settings(silent),
        prefect_test_harness(server_startup_timeout=180),
        temporary_settings(quiet),
    ):
        for name in ("prefect", "prefect.flow_runs", "prefect.task_runs"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        url = str(PREFECT_API_URL.value())
        before = os.environ.get("PREFECT_API_URL")
        os.environ["PREFECT_API_URL"] = url
        try:
            yield url
        finally:
            if before is None:
                del os.environ["PREFECT_API_URL"]
            else:
                os.environ["PREFECT_API_URL"] = before
