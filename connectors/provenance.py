"""The provenance block of a manifest: what an auditor needs in order to judge information produced by the entity.

Facts that hold for the whole run are written once; what differs between items stands under `items`, by scope item id.
Section 8 of the completeness rules says which facts there must be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.store.run_writer import ItemSink
from schemas.collection import Failure, StoredObject
from schemas.dataset import Dataset
from schemas.extraction import ItemClaim, Session, query_hash
from schemas.instants import format_instant


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What the edge knows about a run: the programme in force and the build that runs."""

    zone: str
    """IANA name of the programme's time zone, by which rows are counted into months."""
    programme_digest: str
    """Digest of the recorded programme; written as `configuration_digest`."""
    code_commit: str
    """Commit of the collector's code, looked up once when the process starts."""
    lag_hours: Mapping[str, float] = field(default_factory=dict)
    """Settle lag by dataset name, from the evidence lines of the catalogue; 0 where none is given."""


@dataclass(slots=True)
class ItemRun:
    """How one scope item went."""

    sink: ItemSink
    started_at: datetime
    finished_at: datetime
    claims: Mapping[str, ItemClaim] = field(default_factory=dict)
    """By dataset; empty where it failed."""
    failure: Failure | None = None
    raw: StoredObject | None = None
    """The answers as received."""


def provenance(
    dataset: Dataset,
    runs: Sequence[ItemRun],
    *,
    session: Session | None,
    facts: RunFacts,
    collector: str,
    version: str,
    interval: tuple[datetime, datetime] | None,
    started_at: datetime,
    finished_at: datetime,
    restated: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """The block for one dataset of a run. `runs` are all its items, failed ones too."""
    import pyarrow as pa

    whole = [(run, run.claims[dataset.name]) for run in runs if run.failure is None]
    claims = [claim for _, claim in whole]
    texts = {query_hash(claim.query_text): claim.query_text for claim in claims}
    shared = _shared_parameters(claims)
    skews = [run.sink.clock_skew_seconds for run in runs if run.sink.clock_skew_seconds is not None]
    clocks = [run.sink.source_clock for run in runs if run.sink.source_clock is not None]
    stream = interval if dataset.kind == "event_stream" else None
    block: dict[str, Any] = {
        "collector_id": collector,
        "collector_version": version,
        "code_commit": facts.code_commit,
        "configuration_digest": facts.programme_digest,
        "source_system": None if session is None else session.system,
        "tenant_or_account": None if session is None else session.tenant,
        "principal_used": None if session is None else session.principal,
        "principal_rights": None if session is None else session.principal_rights,
        "endpoint": None if session is None else runs[0].sink.shown_url(session.endpoint),
        "endpoint_certificate_sha256": None if session is None else session.certificate_sha256,
        "endpoint_declared": None if session is None else session.declared,
        "endpoint_simulated": None if session is None else session.simulated,
        "query_or_graphql_text": next(iter(texts.values())) if len(texts) == 1 else (texts or None),
        "query_sha256": next(iter(texts)) if len(texts) == 1 else (sorted(texts) or None),
        "parameters": shared,
        "interval_from": None if stream is None else format_instant(stream[0]),
        "interval_to": None if stream is None else format_instant(stream[1]),
        "lag_applied": facts.lag_hours.get(dataset.name, 0),
        "started_at": format_instant(started_at),
        "finished_at": format_instant(finished_at),
        "source_clock": format_instant(max(clocks)) if clocks else None,
        "clock_skew_seconds": max(skews, key=abs) if skews else None,
        "pages": sum(claim.pages for claim in claims),
        "last_cursor_empty": all(claim.last_cursor_empty for claim in claims) if claims else None,
        "truncated": any(claim.truncated for claim in claims),
        "http_statuses": _sum(run.sink.http_statuses for run in runs),
        "rows_returned": _sum_known(claim.rows_returned for claim in claims),
        "rows_kept": sum(run.sink.row_count(dataset) for run, _ in whole),
        "drop_rules": _sum(claim.drop_rules for claim in claims),
        "independent_count": _sum_known(claim.independent_count for claim in claims),
        "reconciliation": claims[0].reconciliation if len(claims) == 1 else "item by item, in the claims",
        "unknown_fields": _sum(run.sink.unknown_fields(dataset) for run, _ in whole),
        "secrets_removed": sum(run.sink.removed + run.sink.removed_from(dataset) for run in runs),
        "schema_version": dataset.version,
        "pyarrow_version": pa.__version__,
    }
    if restated:
        block["restatement"] = dict(restated)
    items = {run.sink.item.id: _of_item(run, dataset, shared, single=len(runs) == 1) for run in runs}
    block["items"] = {item: about for item, about in items.items() if about}
    return block


def _of_item(run: ItemRun, dataset: Dataset, shared: Mapping[str, Any], *, single: bool) -> dict[str, Any]:
    """What is true of this item alone. Rows, times, counts and requests stand in its claim and are not repeated."""
    about: dict[str, Any] = {}
    if run.raw is not None and not single:
        about["raw"] = run.raw.digest
    claim = run.claims.get(dataset.name)
    if run.failure is not None or claim is None:
        return about
    own = {name: value for name, value in claim.parameters.items() if name not in shared}
    if own:
        about["parameters"] = own
    if single:
        return about
    about["pages"] = claim.pages
    if claim.rows_returned is not None:
        about["rows_returned"] = claim.rows_returned
    if claim.drop_rules:
        about["drop_rules"] = dict(claim.drop_rules)
    return about


def _shared_parameters(claims: Sequence[ItemClaim]) -> dict[str, Any]:
    if not claims:
        return {}
    first, *others = [claim.parameters for claim in claims]
    return {
        name: value for name, value in first.items() if all(name in other and other[name] == value for other in others)
    }


def _sum(counts: Any) -> dict[str, int]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return dict(total)


def _sum_known(numbers: Any) -> int | None:
    """The sum, or None as soon as one of them is not known: a sum of some would look like a sum of all."""
    known = list(numbers)
    return sum(known) if known and all(number is not None for number in known) else None
