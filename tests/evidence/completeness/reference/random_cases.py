"""Random, small and adversarial completeness cases for comparing two evaluators.

`random_case(seed)` returns one case in the case-file format after template merge; the same seed always gives the
same case. Instants stand on a grid of hours drawn from few anchors (window bounds, scope bounds, deadlines, losses),
so that boundaries coincide often; the 60-second clock tolerance is probed to the second. Every case is valid:
intervals are not empty, names exist. What it says may be as wrong as an operator's programme can be.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

Document = dict[str, Any]
Choice = TypeVar("Choice")

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
# Havana 2026 skips the midnight of 8 March and has that of 1 November twice; Asuncion 2017 has no 1 October 00:00.
ZONES = [
    ("UTC", 2026),
    ("Europe/London", 2026),
    ("America/New_York", 2026),
    ("Asia/Kolkata", 2026),
    ("America/Havana", 2026),
    ("America/Asuncion", 2017),
]
EVENTFUL_DAYS = {  # local days on which something happens to the clock
    "Europe/London": [(3, 29), (10, 25)],
    "America/New_York": [(3, 8), (11, 1)],
    "America/Havana": [(3, 8), (11, 1)],
    "America/Asuncion": [(3, 26), (10, 1)],
}
KINDS = [
    ("event_stream", "monthly", 10),
    ("event_stream", "quarterly", 4),
    ("snapshot", "monthly", 8),
    ("snapshot", "quarterly", 2),
    ("human_record", "monthly", 3),
    ("human_record", "quarterly", 5),
    ("human_record", "annual", 5),
]


def text_of(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def random_case(seed: int) -> Document:
    """One case; the kind, the zone, the objects and the moment of asking all follow from the seed."""
    return _Draft(seed).case()


class _Draft:
    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = random.Random(seed)  # noqa: S311 - repeatable cases, no secret
        self.kind, self.cadence, _ = self.rng.choices(KINDS, [weight for _, _, weight in KINDS])[0]
        self.zone, self.year = self.rng.choice(ZONES)
        self.requirement = self.requirement_of()
        self.first, self.end = self.period_days()
        self.start_at, self.end_at = self.midnight(self.first), self.midnight(self.end)
        self.windows = self.natural_windows()
        self.bounds = sorted({self.start_at, self.end_at, *(m for _, a, b in self.windows for m in (a, b))})
        hours = int((self.end_at - self.start_at) / HOUR)
        self.anchors = self.bounds + [
            self.start_at + self.rng.randrange(hours) * HOUR for _ in range(self.rng.randint(2, 6))
        ]
        self.moments: list[datetime] = []  # everything worth asking at

    # ------------------------------------------------------------------------------------------ dice

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def one_of(self, *choices: Choice) -> Choice:
        return self.rng.choice(choices)

    def hours(self, *choices: float) -> timedelta:
        return self.rng.choice(choices) * HOUR

    def anchor(self) -> datetime:
        return self.rng.choice(self.anchors) + self.hours(0, 0, 0, 0, 0, 0, 1, -1, 24, -24)

    def interval(self) -> tuple[datetime, datetime]:
        """Two different anchors, or one whole window."""
        if self.chance(0.4):
            _, start, end = self.rng.choice(self.windows)
            return start, end
        start, end = sorted((self.anchor(), self.anchor()))
        return (start, end) if start < end else (start, start + self.hours(1, 24, 240))

    # ------------------------------------------------------------------------------------------ calendar

    def midnight(self, day: date) -> datetime:
        """Good enough to aim at; the evaluators have to know the rule themselves."""
        return datetime.combine(day, time(), ZoneInfo(self.zone)).astimezone(UTC)

    def period_days(self) -> tuple[date, date]:
        """Whole months, ragged months, a stub at either end, or a few days across a month's end; end exclusive."""
        months = {"monthly": self.rng.randint(1, 4), "quarterly": self.rng.randint(2, 8), "annual": 6}[self.cadence]
        if self.cadence == "annual":
            months = self.one_of(3, 6, 12)
        if self.zone == "America/Asuncion":
            first = date(self.year, self.one_of(7, 8, 9, 10), 1)
        else:
            first = date(self.year, self.rng.randint(1, 12), 1)
        if self.chance(0.3) and self.zone in EVENTFUL_DAYS:
            first = date(self.year, *self.rng.choice(EVENTFUL_DAYS[self.zone]))
        end = _months_after(first, months)
        shape = self.rng.random()
        if shape < 0.25:
            first -= self.rng.randint(0, 9) * DAY
            end += self.rng.randint(0, 9) * DAY
        elif shape < 0.45:
            first += self.rng.randint(0, 27) * DAY
            end += self.rng.randint(0, 27) * DAY
        elif shape < 0.55 or self.requirement.get("max_gap_hours", 999) < 100:
            middle = _months_after(first, 1)
            first, end = middle - self.rng.randint(1, 9) * DAY, middle + self.rng.randint(0, 9) * DAY
        return first, max(end, first + self.rng.randint(1, 40) * DAY)

    def natural_windows(self) -> list[tuple[str, datetime, datetime]]:
        if self.cadence == "annual":
            return [("period", self.start_at, self.end_at)]
        months = 1 if self.cadence == "monthly" else 3
        found: list[tuple[str, datetime, datetime]] = []
        day = date(self.first.year, (self.first.month - 1) // months * months + 1, 1)
        while day < self.end:
            after = _months_after(day, months)
            name = f"{day:%Y-%m}" if months == 1 else f"{day.year}-Q{(day.month + 2) // 3}"
            found.append((name, self.midnight(day), self.midnight(after)))
            day = after
        return found

    def window_names(self) -> list[str]:
        names = [name for name, _, _ in self.windows]
        if self.kind == "snapshot" and len(names) > 1:
            names += ["+".join(names[:2]), "+".join(names[-2:]), "+".join(names)]
        return names

    # ------------------------------------------------------------------------------------------ requirement, scope

    def requirement_of(self) -> Document:
        requirement: Document = {"kind": self.kind, "cadence": self.cadence}
        if self.cadence == "annual":
            return {**requirement, "grace_days": self.one_of(0, 30, 30)}
        requirement |= {"due_days": self.one_of(0, 0, 1, 5), "grace_days": self.one_of(0, 2, 5, 14)}
        if self.kind == "event_stream":
            requirement["lag_hours"] = self.one_of(0, 1, 3, 3, 24)
            requirement["retention_days"] = self.one_of(7, 30, 30, 60, 90, 90, 180, None)
        elif self.kind == "snapshot":
            requirement["max_gap_hours"] = self.one_of(24, 49, 168, 240, 840, 840, 840, 1000)
            requirement["min_count"] = self.one_of(1, 1, 1, 1, 1, 2, 3)
            requirement["min_stub_days"] = self.one_of(7, 7, 7, 3)
            if self.chance(0.4):
                requirement |= {"reconstructible": True, "retention_days": self.one_of(7, 35, 35, 90, 450, None)}
        else:
            requirement["late_limit_days"] = self.one_of(60, 60, 30)
            if self.chance(0.7):
                requirement["pack_max_age_days"] = 30
            if self.chance(0.2):
                requirement["max_record_delay_hours"] = self.one_of(24, 168)
        return requirement

    def add_sources(self) -> None:
        """Several sources, some switched on or off within the period; they win over `retention_days`."""
        sources: list[Document] = []
        for _ in range(self.rng.randint(1, 3)):
            source: Document = {"retention_days": self.one_of(7, 30, 90, 90, 400, None)}
            start, end = self.interval()
            if self.chance(0.5):
                source["on_from"] = text_of(start)
            if self.chance(0.3):
                source["on_to"] = text_of(end)
            sources.append(source)
        self.requirement["sources"] = sources

    def bounded(self, start_key: str, end_key: str) -> Document:
        """Bounds of scope or effect: none, one or both, often just before the end of a window."""
        start, end = self.interval()
        if self.chance(0.4):
            start = self.rng.choice(self.windows)[2] - self.rng.randint(1, 8) * DAY
            end = max(end, start + self.rng.randint(1, 60) * DAY)
        both: Document = {start_key: text_of(start), end_key: text_of(end)}
        self.anchors += [start, end]
        return {key: value for key, value in both.items() if self.chance(0.5)}

    # ------------------------------------------------------------------------------------------ machine evidence

    def arrival(self, moment: datetime) -> datetime:
        """When the store learnt it: at once, later, much later, and now and then before it happened."""
        if self.chance(0.06):
            return moment - self.one_of(timedelta(seconds=60), timedelta(seconds=61), HOUR, 30 * DAY)
        return moment + self.hours(0, 0, 0, 1, 1, 3, 24, 24 * 9, 24 * 40)

    def runs(self) -> list[Document]:
        spans: list[tuple[datetime, datetime]] = []
        if self.chance(0.8):  # tiles over the period, with overlaps, holes of an hour, and whole tiles missing
            inner = [a for a in self.anchors if self.start_at < a < self.end_at]
            cuts = sorted(
                {self.start_at, self.end_at, *self.rng.sample(inner, min(len(inner), self.rng.randint(0, 5)))}
            )
            clean = self.chance(0.4)
            for start, end in pairwise(cuts):
                if clean or self.chance(0.85):
                    overlap = HOUR * 0 if clean else self.hours(0, 0, 0, 1, 24, -1)
                    spans.append((start - overlap, end + overlap))
        spans += [self.interval() for _ in range(self.one_of(0, 0, 1, 2))]
        lag = self.requirement["lag_hours"] * HOUR
        prompt = self.chance(0.5)
        hashes = self.one_of([None], [None], [None], ["a", "b"], ["a", "b", "c"], [None, "b"])
        rows = self.one_of("silent", "plenty", "none", "none", "by window", "mixed")
        alive, errors = self.one_of(0.0, 0.5, 0.9, 1.0), self.one_of(0.0, 0.0, 0.0, 0.1, 0.4, 1.0)
        return [self.run(*span, lag, prompt, hashes, rows, alive, errors) for span in spans if span[0] < span[1]]

    def run(
        self,
        start: datetime,
        end: datetime,
        lag: timedelta,
        prompt: bool,
        hashes: Sequence[str | None],
        rows: str,
        alive: float,
        errors: float,
    ) -> Document:
        delay = self.hours(0, 0, 1) if prompt else self.hours(0, 0, 1, -1, -4, 24, 240, 24 * 40, 24 * 100)
        started = end + lag + delay
        recorded = started + self.hours(0, 0, 1) if prompt else self.arrival(started)
        run: Document = {
            "from": text_of(start),
            "to": text_of(end),
            "started_at": text_of(started),
            "recorded_at": text_of(recorded),
        }
        self.moments += [start, end, started, recorded]
        how = self.one_of("silent", "plenty", "none", "by window") if rows == "mixed" else rows
        if how == "plenty":
            run["rows"] = self.one_of(1, 9)
        elif how == "none":
            run["rows"] = 0
        elif how == "by window":
            names = [name for name, a, b in self.windows if a < end and start < b and self.chance(0.9)]
            run["rows_by_window"] = {name: self.one_of(0, 0, 3) for name in names}
            if self.chance(0.5):
                run["rows"] = sum(run["rows_by_window"].values())
        if self.chance(alive):
            run["proof_of_life"] = True
        if self.chance(errors):
            run["status"] = self.one_of("error", "truncated")
        if self.chance(0.4 if "status" in run else 0.05):
            hours = max(1, int((end - start) / HOUR))
            run["complete_until"] = text_of(self.one_of(start + self.rng.randrange(hours) * HOUR, self.anchor(), end))
        if self.chance(0.08):
            run["integrity"] = "mismatch"
        query_hash = self.rng.choice(hashes)
        if query_hash is not None:
            run["query_hash"] = query_hash
            if self.chance(0.35):
                run["superset_of"] = self.one_of("a", "b")
        if self.chance(0.2):
            run["changes_population"] = True
        return run

    def snapshots(self) -> list[Document]:
        reach = self.requirement["max_gap_hours"] * HOUR
        moment = self.one_of(self.start_at, *self.anchors) + self.one_of(
            -40 * DAY, -reach, -HOUR, HOUR * 0, 6 * HOUR, reach - HOUR, reach, reach + HOUR
        )
        steady = self.chance(0.5)
        step = self.one_of(reach, reach / 2, reach / 2, reach - HOUR, reach + HOUR)
        moments: list[datetime] = []
        while moment < self.end_at + 5 * DAY and len(moments) < 14:
            moments.append(moment)
            if not steady:
                step = self.one_of(reach, reach - HOUR, reach + HOUR, reach / 2, DAY, 28 * DAY)
            moment += max(step - step % HOUR, HOUR)
        moments += [self.anchor() for _ in range(self.one_of(0, 0, 1, 2))]
        altered, prompt = self.one_of(0.0, 0.0, 0.0, 0.1, 0.5, 1.0), self.chance(0.6)
        missed = self.one_of(0.0, 0.1)
        found: list[Document] = []
        for observed in moments:
            if self.chance(missed):
                continue
            recorded = observed + self.hours(0, 0, 1) if prompt else self.arrival(observed)
            found.append({"observed_at": text_of(observed), "recorded_at": text_of(recorded)})
            if self.chance(altered):
                found[-1]["integrity"] = "mismatch"
            self.moments += [observed, observed + reach, recorded]
        return found

    # ------------------------------------------------------------------------------------------ human evidence

    def records(self) -> list[Document]:
        found: list[Document] = []
        careful = self.chance(0.4)
        for name, opens, closes in self.windows:
            for _ in range(self.one_of(0, 1, 1, 1, 2)):
                if self.cadence == "annual":
                    performed = self.annual_performance()
                else:
                    performed = self.periodic_performance(opens, closes)
                for_window = name if careful or self.chance(0.85) else self.rng.choice(self.windows)[0]
                found.append(self.record(for_window, performed, careful))
        if self.cadence == "annual" and self.chance(0.5):
            found.append(self.record("period", self.annual_performance(), careful))
        if found and self.chance(0.15):
            found.append(dict(self.rng.choice(found)))
        return found

    def annual_performance(self) -> datetime:
        """Around the instants at which an earlier performance lapses, and inside and after the period."""
        lapse = self.rng.choice(self.anchors) - (365 + self.requirement["grace_days"]) * DAY
        return self.one_of(
            lapse + self.hours(0, 0, -24, 24, 5, -5),
            lapse + self.hours(0, 0, -24, 24, 5, -5),
            lapse - 20 * DAY,
            self.start_at + self.hours(0, -1, 1, -24 * 100),
            self.anchor(),
            self.anchor(),
            self.end_at + self.hours(0, -1, 24),
        )

    def periodic_performance(self, opens: datetime, closes: datetime) -> datetime:
        deadline = closes + (self.requirement["due_days"] + self.requirement["grace_days"]) * DAY
        limit = closes + self.requirement["late_limit_days"] * DAY
        self.moments += [deadline, limit]
        return self.one_of(
            opens, closes - 4 * DAY, closes - 4 * DAY, closes, deadline, limit, self.anchor()
        ) + self.hours(0, 0, 0, 1, -1, 5)

    def record(self, for_window: str, performed: datetime, careful: bool) -> Document:
        limit = self.requirement.get("max_record_delay_hours", 72)
        delay = self.hours(0, 0, 1) if careful else self.hours(0, 0, 0, 1, -1, limit, limit + 1, 24 * 30, 24 * 66)
        recorded = performed + delay
        record: Document = {
            "for_window": for_window,
            "performed_at": text_of(performed),
            "recorded_at": text_of(recorded),
        }
        self.moments += [performed, recorded]
        if self.cadence != "annual" and (careful or self.chance(0.9)):
            age = (
                self.one_of(3, 3, 30) * DAY
                if careful
                else self.one_of(3 * DAY, 0 * DAY, 30 * DAY, 30 * DAY + HOUR, -HOUR)
            )
            record["population_at"] = text_of(performed - age)
        if careful:
            return record
        if self.chance(0.08):
            record["population_complete"] = False
        if self.chance(0.08):
            record["undecided"] = 2
        if self.chance(0.08):
            record["integrity"] = "mismatch"
        if self.chance(0.4):
            record["corroborated"] = True
        return record

    # ------------------------------------------------------------------------------------------ people's notes

    def notes(self) -> list[Document]:
        found: list[Document] = []
        for _ in range(self.one_of(1, 1, 2)):
            start, end = self.interval()
            approved = self.one_of(start - 10 * DAY, start, end, end + HOUR, end + 20 * DAY, self.anchor())
            note: Document = {
                "from": text_of(start),
                "to": text_of(end),
                "requested_by": "lead",
                "approved_by": "cto",
                "approved_at": text_of(approved),
                "reason": "no production traffic",
            }
            spoiled = self.one_of("", "", "", "", "approved_by", "requested_by", "reason", "self")
            if spoiled == "self":
                note["requested_by"] = "cto"
            elif spoiled:
                del note[spoiled]
            if self.chance(0.4):
                note["recorded_at"] = text_of(approved + self.hours(0, 1, 24, 24 * 30))
            self.anchors += [start, end]
            self.moments += [start, end, approved]
            found.append(note)
        return found

    def judgements(self, case: Document) -> None:
        """Exceptions, pending outcomes and seals, each for some window."""
        names = self.window_names()
        if self.chance(0.25):
            case["exceptions"] = [
                {"window": self.rng.choice(names), "open": self.one_of(0, 1, 2), "recorded_at": text_of(self.later())}
                for _ in range(self.one_of(1, 1, 2))
            ]
        if self.chance(0.2):
            case["outcomes_pending"] = [{"window": self.rng.choice(names), "resolves_at": text_of(self.later())}]
        if self.chance(0.3):
            case["seals"] = [{"window": self.rng.choice(names), "sealed_at": text_of(self.later())}]

    def later(self) -> datetime:
        moment = self.rng.choice(self.moments + self.bounds) + self.hours(0, 0, 0, 1, 24, 240)
        self.moments.append(moment)
        return moment

    # ------------------------------------------------------------------------------------------ the whole

    def case(self) -> Document:
        case: Document = {
            "id": f"R{self.seed}",
            "period": {"start": f"{self.first}", "end": f"{self.end - DAY}", "tz": self.zone},
            "requirement": self.requirement,
        }
        if self.chance(0.3):
            case["item"] = self.bounded("in_scope_from", "in_scope_to")
        if self.chance(0.2):
            self.requirement |= self.bounded("effective_from", "effective_to")
        if self.kind == "event_stream" and self.chance(0.3):
            self.add_sources()
        if self.chance(0.25):
            case["not_applicable"] = self.notes()
        if self.kind == "event_stream":
            case["runs"] = self.runs()
        elif self.kind == "snapshot":
            case["snapshots"] = self.snapshots() if self.chance(0.92) else []
        else:
            case["records"] = self.records()
            if self.cadence != "annual" and self.chance(0.5):
                names = [self.rng.choice(self.windows)[0] for _ in range(2)]
                case["packs"] = [{"window": name, "recorded_at": text_of(self.anchor())} for name in names]
        self.judgements(case)
        case["as_of"] = text_of(self.as_of())
        for key in ("runs", "snapshots", "records"):
            if key in case:
                self.rng.shuffle(case[key])
        return case

    def as_of(self) -> datetime:
        """A moment at which something begins, ends, arrives, falls due or is lost; often exactly that moment."""
        pool = self.bounds + self.moments
        days = [self.requirement.get(key) for key in ("retention_days", "late_limit_days", "grace_days")]
        pool += [self.rng.choice(self.anchors) + n * DAY for n in days if n is not None]
        wait = self.requirement.get("due_days", 0) + self.requirement.get("grace_days", 0)
        pool += [self.midnight(day) for day in (self.end + wait * DAY, self.end + (wait + 1) * DAY)]
        pool += [bound + wait * DAY for bound in self.bounds]
        earliest = self.one_of(self.start_at, self.rng.choice(self.bounds), self.bounds[-2], self.end_at)
        pool = [moment for moment in pool if moment >= earliest] or pool
        return self.rng.choice(pool) + self.hours(0, 0, 0, 0, 0, 1, -1, 3, 24)


def _months_after(day: date, months: int) -> date:
    """The first day of a month so many months later."""
    return date(day.year + (day.month - 1 + months) // 12, (day.month - 1 + months) % 12 + 1, 1)
