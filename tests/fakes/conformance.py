"""The companies that every extractor is read against, and the readings that everything is compared with."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

from connectors.probing import probes_of
from connectors.registry import DATASETS, extractor_for
from connectors.sessions import source_of
from schemas.errors import EvidenceError
from schemas.extraction import Session
from schemas.scope import ScopeItem
from tests.fakes.benches import BENCHES, Bench
from tests.fakes.furnished_company import cloud, furnish
from tests.fakes.own_bench import OwnRecords, faults_of, own_records
from tests.fakes.readings import Reading, read
from tests.fakes.spoilt import Spoilt, of_source
from tests.fakes.whole_company import WholeCompany, reached, whole_company

BARE = Path(__file__).parent / "bare_company"
_ENOUGH = 6
"""Items among which one is looked for that shows something of every dataset of a pass."""


def passes() -> dict[str, tuple[str, ...]]:
    """The datasets that one extractor fills in one pass, by the first of them: over the whole registry."""
    found: dict[object, list[str]] = {}
    for name in sorted(DATASETS):
        found.setdefault((DATASETS[name].system, extractor_for(name)), []).append(name)
    return {names[0]: tuple(names) for names in found.values()}


PASSES = passes()


def bench_of(lead: str) -> Bench | None:
    """The bench of a pass's system; None for files and hosts of the company's own. KeyError: write the entry."""
    return BENCHES.get(lead, BENCHES[lead.partition(".")[0]])


@dataclass
class Company:
    """A running company with what its own records need."""

    whole: WholeCompany
    records: OwnRecords
    _sessions: dict[str, Session] = field(default_factory=dict[str, Session])

    def read(self, lead: str, item: ScopeItem) -> Reading:
        """One reading of a pass. Where a client keeps nothing of what it read, its session serves them all."""
        bench = bench_of(lead)
        system = lead.partition(".")[0]
        if bench is None or not bench.keeps_sessions:
            return read(self.whole, PASSES[lead], item)
        try:
            session = self._sessions.get(system) or self._sessions.setdefault(system, self.whole.session(system))
        except EvidenceError as error:
            return Reading(error)
        return read(self.whole, PASSES[lead], item, session)

    def probe(self, dataset: str, item: ScopeItem) -> EvidenceError | None:
        """What the probe of a dataset raises; None where it says that the item can be read."""
        session = self.whole.session(source_of(dataset))
        try:
            probes_of(dataset.partition(".")[0])[dataset](session, item)
        except EvidenceError as error:
            return error
        finally:
            session.close()
        return None


@dataclass
class Companies:
    """Everything (the demo company) and next to nothing."""

    full: Company
    bare: Company
    _clean: dict[tuple[str, str], Reading] = field(default_factory=dict[tuple[str, str], Reading])

    def bare_item(self, lead: str) -> ScopeItem:
        """What a pass is asked for in the bare company; a register without entries names no item but the company."""
        items = self.bare.whole.items
        found = items.get(lead) or (items["own.risks"] if lead.startswith("own.") else [])
        assert found, f"the bare company has nothing that {lead} is collected for: extend tests/fakes/bare_company"
        return found[0]

    def clean(self, lead: str, item: ScopeItem | None = None) -> Reading:
        """What the demo company shows of an item when nothing goes wrong."""
        item = item or self.item(lead)
        reading = self._reading(lead, item)
        assert reading.error is None, f"{lead} can't be read of {item.id}: {reading.error!r}"
        return reading

    def _reading(self, lead: str, item: ScopeItem) -> Reading:
        if (lead, item.id) not in self._clean:
            self._clean[lead, item.id] = self.full.read(lead, item)
        return self._clean[lead, item.id]

    def items(self, lead: str) -> list[ScopeItem]:
        """What a pass is asked for in the demo company."""
        items = self.full.whole.items.get(lead, [])
        assert items, (
            f"the demo company has nothing that {lead} is collected for: extend tests/fakes/furnished_company.py"
        )
        return items

    def item(self, lead: str) -> ScopeItem:
        """The first item that shows something of every dataset of the pass, else the one that shows most of them."""
        best: tuple[int, ScopeItem] | None = None
        for item in self.items(lead)[:_ENOUGH]:
            reading = self._reading(lead, item)
            if reading.error is not None:
                continue  # of another account or project, perhaps, it can be read
            shown = sum(1 for rows in reading.rows.values() if rows)
            if shown == len(PASSES[lead]):
                return item
            best = (shown, item) if best is None or shown > best[0] else best
        return self.items(lead)[0] if best is None else best[1]

    def other_item(self, lead: str) -> ScopeItem | None:
        """Another item that can be read too; None where there is one item, or one that shows anything."""
        chosen = self.item(lead)
        others = (one for one in self.items(lead)[:_ENOUGH] if one.id != chosen.id)
        return next((one for one in others if self._reading(lead, one).error is None), None)

    def small(self, lead: str) -> int:
        """Items on a page by which every larger list of a pass takes several, and none takes hundreds."""
        return max(2, max(len(rows) for rows in self.clean(lead).rows.values()) // 20)

    def some_operations(self, lead: str, most: int) -> list[str]:
        """Operations of a pass, all or so many of them; which, its name alone decides."""
        found = sorted(self.clean(lead).asked, key=lambda name: zlib.crc32(f"{lead} {name}".encode()))
        return found[:most]

    def spoilt(self, lead: str) -> list[Spoilt]:
        """Every way to fail that a pass may meet."""
        bench = bench_of(lead)
        if bench is None:
            return faults_of(self.full.records, lead)
        return of_source(self.full.whole, bench.source, sorted(self.clean(lead).asked), lead)


@contextlib.contextmanager
def companies(folder: Path) -> Generator[Companies]:
    """Both companies running, with the environment of neither set."""
    everything = furnish(folder / "company")
    with (
        cloud(),
        _running(everything, folder / "full", empty=False) as full,
        _running(BARE, folder / "bare", empty=True) as bare,
    ):
        yield Companies(full, bare)


@contextlib.contextmanager
def _running(company: Path, folder: Path, *, empty: bool) -> Generator[Company]:
    folder.mkdir()
    with own_records(folder) as records:
        prepare = lambda _: records.write(empty=empty)  # noqa: E731 - the folder is known
        with whole_company(company, folder, prepare) as whole:
            whole.dress.update(hr=records.dress, own=records.dress)
            whole.counters.append(records.asked)
            yield Company(whole, records)


__all__ = ["PASSES", "Companies", "Company", "bench_of", "companies", "reached"]
