"""The Google Workspace of a company: its `google.yaml`, as handlers of the simulated Google."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sandbox.company import load_company, read_model
from sandbox.google.calls import Handler
from sandbox.google.workspace.build import Builder
from sandbox.google.workspace.directory import directory_handlers
from sandbox.google.workspace.office import office_handlers
from sandbox.google.workspace.reports import reports_handlers
from sandbox.google.workspace.script import SCRIPT
from sandbox.google.workspace.settings import settings_handlers
from sandbox.google.workspace.world import Customer

FILE = "google.yaml"


@dataclass(frozen=True, slots=True)
class Workspace:
    """What the server needs of a customer."""

    handlers: Mapping[str, Handler]
    may_ask_for: Callable[[str, datetime], bool]
    """Whether a person exists and may be asked for at an instant."""
    customer: Customer


def workspace_of(customer: Customer) -> Workspace:
    """A customer, however it was made, to be served."""
    handlers = {
        **directory_handlers(customer), **reports_handlers(customer), **settings_handlers(customer),
        **office_handlers(customer),
    }  # fmt: skip
    return Workspace(handlers, customer.may_ask_for, customer)


def load_workspace(folder: Path) -> Workspace:
    """Read a company's `google.yaml`. Raises ConfigurationError that says what is wrong with it."""
    return workspace_of(Builder(read_model(folder / FILE, SCRIPT), load_company(folder)).customer_to_come())
