"""Errors named by what the caller does next.

Every error carries a sentence for the operator. No error text may hold a token, a signed URL or a row of personal data.
"""

from __future__ import annotations


class EvidenceError(Exception):
    """Base of every error this product raises on purpose. `str(error)` is fit to be shown to an operator."""

    exit_code = 2


class ConfigurationError(EvidenceError):
    """The programme, a register or the environment is wrong: nothing was tried. Fix it and run again."""


class CollectionError(EvidenceError):
    """A source could not be read whole. Nothing may be claimed for the scope item it concerns."""

    exit_code = 3


class RetriableError(CollectionError):
    """The source failed in a way that passes (throttled, 5xx, time-out, connection reset). Try again later.

    `retry_after` is the number of seconds the source asked for, if it said so.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PermissionDenied(CollectionError):
    """The principal may not read this. `permission` names the least right that is missing."""

    def __init__(self, message: str, *, permission: str | None = None) -> None:
        super().__init__(message)
        self.permission = permission


class NotLicensed(CollectionError):
    """The source exists only in a plan the organisation does not have. Configure the alternative or record why not."""


class SourceGone(CollectionError):
    """The thing asked for no longer exists at the source (deleted repository, closed account)."""


class SchemaDrift(CollectionError):
    """The answer lacks a field that is required or has one of another type. The connector must be looked at."""


class IncompletePopulation(CollectionError):
    """The source answered, but its own figures contradict each other: fewer rows than an independent count."""


class ClockSkew(CollectionError):
    """Local clock and the source's `Date` differ by more than 60 s; nothing collected now could be dated."""


class EndpointRefused(ConfigurationError):
    """The endpoint is not the vendor's own and is neither declared in the programme nor part of a simulated store."""


class StoreError(EvidenceError):
    """The evidence store refused: wrong kind of store, an object or entry exists with other content, a broken chain."""


class VerificationFailed(EvidenceError):
    """A digest, a signature or the chain does not hold."""

    exit_code = 1
