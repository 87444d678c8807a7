"""What the metrics are made of, asked of a running engine: little each time, and what is dear only when it may have changed."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from photodiary import __version__
from photodiary.archive import films, segments
from photodiary.archive.reserve import beginning, free_on, short_of
from photodiary.errors import LedgerTrouble, StorageTrouble
from photodiary.ledger import metering
from photodiary.ledger.store import Ledger
from photodiary.metrics.facts import DiaryFacts, Facts, Film, Model
from photodiary.run import card
from photodiary.run.engine import Engine
from photodiary.run.house import House

FRESH_S = 1.0  # who asks more often is told the same again
DEAR_SOONEST_S = 5.0
DEAR_LATEST_S = 900.0  # labels and films may change without any photo's stage
DEAR_TIMES = 1000.0  # so many times as long as it took until it is asked again: a thousandth of a core at most, however large the diary


class Gathering:
    """Facts about an engine.  Not thread-safe; it reads ledgers through connections of its own, so that no writer waits for it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._meters: dict[str, _Meter] = {}
        self._facts: Facts | None = None
        self._at = 0.0

    def facts(self) -> Facts:
        """Never raises: what cannot be read now is missing."""
        clock = time.monotonic()
        if self._facts is None or clock - self._at >= FRESH_S:
            engine, locator = self._engine, self._engine.locator
            diaries = [self._meter(house).facts(troubles(engine, house)) for house in engine.houses]  # there may be more of them than before
            diaries += [_waiting(engine, name) for name in list(engine.waiting)]
            self._facts = Facts(
                time.time(), __version__, Model(locator.name, locator.sha256 or "", locator.device), tuple(diaries),
                {loop.name: loop.pulse.still_s for loop in engine.loops}, engine.darkroom.starts,
            )  # fmt: skip
            self._at = clock
        return self._facts

    def _meter(self, house: House) -> _Meter:
        if house.name not in self._meters:
            self._meters[house.name] = _Meter(house)
        return self._meters[house.name]

    def close(self) -> None:
        for meter in self._meters.values():
            meter.close()


def troubles(engine: Engine, house: House) -> frozenset[str]:
    """What `Engine.degraded` says of a diary in words, as codes of the metrics, and whether its disk has room."""
    by_sentence = {house.inbox.problem: "inbox", engine.following.trouble: "model", engine.locator.trouble: "memory", card.TROUBLE: "card"}
    by_sentence |= {loop.complaint: "stalled" if loop.pulse.late else "trouble" for loop in engine.loops}
    root = house.archive.root
    found = {"disk" if said.startswith(beginning(root)) else by_sentence.get(said, "trouble") for said in engine.degraded(house)}
    return frozenset(found | ({"disk"} if short_of(root, engine.settings.disk) else set()))


def _waiting(engine: Engine, name: str) -> DiaryFacts:
    return DiaryFacts(name, free=free_on(Path(engine.settings.diary[name].archive)), troubles=frozenset({"waiting"}))


class _Meter:
    """One diary's numbers."""

    def __init__(self, house: House) -> None:
        self.house = house
        self._ledger: Ledger | None = None
        self._version: int | None = None
        self._quick: metering.Quick | None = None
        self._slow: metering.Slow | None = None
        self._of: object = None  # what the dear numbers were asked after
        self._disk: dict[str, int] | None = None
        self._slow_at = self._slow_took = 0.0

    def facts(self, codes: frozenset[str]) -> DiaryFacts:
        with suppress(StorageTrouble, LedgerTrouble):  # the loops tell it, and the codes
            self._look()
        quick, slow, film = self._quick, self._slow, None if self._quick is None else self._quick.film
        return DiaryFacts(
            self.house.name,
            stages=None if quick is None else quick.stages,
            pending_since=None if quick is None else quick.pending_since,
            arriving=None if quick is None else quick.arriving,
            last_scan=None if quick is None else quick.last_scan,
            film=None if film is None else Film(film.rendered_at, film.frames, film.seconds, film.bytes),
            to_check=None if slow is None else slow.to_check,
            labels=None if slow is None else slow.labels,
            disk=self._disk,
            free=free_on(self.house.archive.root),
            located=self.house.locating.took.so_far(),
            framed=self.house.aligning.arrived.so_far(),
            troubles=codes,
        )

    def _look(self) -> None:
        """Ask the ledger where somebody has written since.  Raises StorageTrouble, LedgerTrouble."""
        root = self.house.archive.root
        self._ledger = self._ledger or Ledger(root, writable=False)
        version = metering.version(self._ledger)
        if version != self._version:
            self._quick, self._version = metering.quick(self._ledger), version
        assert self._quick is not None
        since, of = time.monotonic() - self._slow_at, (self._quick.stages, self._quick.film)
        soonest = max(DEAR_SOONEST_S, DEAR_TIMES * self._slow_took)
        if self._slow is not None and since < (soonest if of != self._of else max(soonest, DEAR_LATEST_S)):
            return
        began = time.thread_time()
        self._slow, self._of = metering.slow(self._ledger), of
        self._disk = {
            "originals": self._slow.originals, "frames": self._slow.frames, "films": films.size(root), "segments": segments.size(root)
        }  # fmt: skip
        self._slow_took, self._slow_at = time.thread_time() - began, time.monotonic()

    def close(self) -> None:
        if self._ledger is not None:
            self._ledger.close()
