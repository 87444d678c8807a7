"""`photodiary run`: signals, a schedule, watchers and watched threads around the engine."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import structlog

from photodiary import __version__, logs
from photodiary.archive import layout
from photodiary.darkroom.limits import DarkroomConfig
from photodiary.errors import BadConfig, DeviceLost, PhotodiaryError, StorageTrouble
from photodiary.inbox.inbox import Nudge
from photodiary.inbox.watcher import Watcher
from photodiary.ledger import wishes
from photodiary.locate import trial
from photodiary.locate.views import Locator
from photodiary.run import card, headline, memory, pulse, reloading, walls
from photodiary.run.engine import Engine
from photodiary.run.following import Following
from photodiary.run.house import House, be_private
from photodiary.run.learning import Learning
from photodiary.run.observing import Observing
from photodiary.run.pulse import Pulse
from photodiary.run.schedule import Schedule
from photodiary.run.signals import Signals, journal
from photodiary.run.supervisor import Feeding, Supervisor
from photodiary.settings import Settings, load

log = structlog.get_logger()

CHECK_EVERY_S = 10.0
CHECK_WAITING_S = 3.0  # while a diary waits for its disk
SHOWS_LIFE_S = 30.0  # how often the schedule's threads do
ASK_EVERY_S = 60.0  # the watchers, whether they hear
BEGINS_WITHIN_S = 60.0  # the schedule
UNSEEN_S = 600.0  # before another start looks whether a folder is there


class Daemon:
    """Runs until a signal ends it.  `run` returns the exit status.  asked: listens already, so that no signal comes too early."""

    def __init__(self, config: Path, settings: Settings, locator: Callable[[Settings], Locator], asked: Signals) -> None:
        self._config = config
        self._settings = settings
        self._make_locator = locator
        self._resident: Following | None = None
        self._before: tuple[Settings, Following | None] | None = None  # what worked, until a new configuration has been seen to work
        self._asked = asked
        self._told: dict[str, str] = {}  # why diaries wait, by name
        self._learning = Learning(config, settings)
        self._supervisor = Supervisor()
        self._feeding = Feeding(self._supervisor)
        self._main, self._glances = Pulse("the main thread"), headline.Glances()
        self._answered: Locator | None = None  # which locator has shown that it predicts
        self._refused: str | None = None  # why the configuration that was read last is not in force

    def run(self) -> int:
        be_private()
        memory.be_modest()
        try:
            return self._lives()
        finally:
            self._leave()
            self._learning.stop()

    def _leave(self) -> None:
        self._feeding.stop()
        self._supervisor.stopping()

    def _lives(self) -> int:
        while not self._asked.stop:
            try:
                status = self._live()
            except PhotodiaryError as error:
                if self._before is None:
                    raise
                self._refused = f"the new configuration does not work ({error}); going on with the old one"
                log.error(self._refused, code="config.refused")
                (self._settings, self._resident), self._before = self._before, None
                continue
            if status is not None:
                return status
        log.info("photodiary stopped before it began", code="daemon.stopped")
        return 0

    def _live(self) -> int | None:
        """One life with one configuration.  Returns the exit status, or None to live again with a new one."""
        self._learning.settings = self._settings
        patience = self._feeding.patience_s(pulse.USUAL_S, self._settings.darkroom.seconds, DarkroomConfig.seconds)
        self._main.beat()
        self._feeding.watch([self._main], patience)
        self._supervisor.status("loading the model" if self._resident is None else "opening the diaries")
        patient = self._before is None  # a new configuration whose folders refuse is not taken over
        self._glances = headline.Glances()  # numbers of connections that are closed now mean nothing
        engine = Engine(self._settings, self._make_locator, patient=patient, resident=self._resident)
        self._resident = engine.following
        watchers = [watcher for house in engine.houses for watcher in self._watchers_of(engine, house)]
        schedule = Schedule(engine, self._settings.inbox.scan_every, min(SHOWS_LIFE_S, patience / 5))
        observing = Observing(self._settings, engine)

        def grown(house: House) -> None:
            """One more diary is served."""
            watchers.extend(more := self._watchers_of(engine, house))
            for watcher in more:
                watcher.check()
            self._feeding.watch([self._main, schedule.pulse, *(loop.pulse for loop in engine.loops), *watchers], patience)
            schedule.plan_summary(house)
            logs.configure(self._settings.logs, several=True, journal=journal())

        try:
            self._prove(engine)
            for watcher in watchers:
                watcher.check()
            engine.start()
            schedule.start()
            self._before = None
            logs.configure(self._settings.logs, several=len(engine.houses) > 1, journal=journal())
            names = ", ".join(f"{house.name} ({house.inbox.root})" for house in engine.houses) or "nothing yet"
            for name, why in engine.waiting.items():
                if self._told.get(name) != why:
                    log.warning(f"{name} has to wait: {why}; trying again", code="diary.waiting", diary=name)
            self._told = dict(engine.waiting)
            log.info(f"photodiary {__version__} watches {names}; model {engine.locator.name} on {engine.locator.device}", code="daemon.started")
            if not schedule.begun(BEGINS_WITHIN_S):
                log.error("the schedule does not begin; leaving, so that a restart mends it", code="daemon.broken", loop="schedule")
                return 1
            self._feeding.watch([self._main, schedule.pulse, *(loop.pulse for loop in engine.loops), *watchers], patience)
            status = self._watch(engine, schedule, watchers, observing, min(ASK_EVERY_S, patience / 5), grown)
            if status is not None:
                self._leave()
            return status
        finally:
            self._main.beat()
            self._feeding.watch([self._main], patience)
            schedule.stop()
            for watcher in watchers:
                watcher.stop()
            observing.close()
            engine.close()
            log.info("photodiary stopped", code="daemon.stopped")

    def _prove(self, engine: Engine) -> None:
        """One real prediction: before it nothing is said to be ready.  Raises DeviceLost, which the next start remembers, and what else comes of it."""
        if self._answered is not engine.locator:
            try:
                trial.answers(engine.locator)
            except DeviceLost:
                card.lost([house.ledger for house in engine.houses])
                raise
            self._answered = engine.locator

    def _watchers_of(self, engine: Engine, house: House) -> list[Watcher]:
        return [Watcher(house.inbox.root, self._teller(engine, house)), Watcher(house.archive.root / layout.DROP, self._waker(engine))]

    @staticmethod
    def _teller(engine: Engine, house: House) -> Callable[[Nudge], None]:
        intake = next(loop for loop in engine.loops if loop.name == "intake")

        def tell(nudge: Nudge) -> None:
            house.inbox.notice(nudge)
            intake.nudge()

        return tell

    @staticmethod
    def _waker(engine: Engine) -> Callable[[Nudge], None]:
        """For the drop folder: the intake looks by itself at what lies there."""
        intake = next(loop for loop in engine.loops if loop.name == "intake")
        return lambda nudge: intake.nudge()

    def _watch(
        self, engine: Engine, schedule: Schedule, watchers: list[Watcher], observing: Observing, ask_every_s: float, grown: Callable[[House], None]
    ) -> int | None:  # fmt: skip
        """Look after everything until a signal comes, or trouble that only a restart mends.  Returns the exit status, None to live again."""
        began = rearmed = time.monotonic()
        busy = True
        heard, asked = float("-inf"), self._asked
        turn = min(CHECK_WAITING_S if engine.waiting else CHECK_EVERY_S, ask_every_s)
        self._tell(engine)
        reloading.answer(engine.houses, self._refused)
        self._refused = None
        self._supervisor.ready()
        self._feeding.start()
        while True:
            observing.tick(time.monotonic())
            self._main.beat(turn)
            asked.wait(turn)
            if asked.stop:
                return 0
            if reloading.wished(engine.houses):
                asked.reload = True
            if asked.reload:
                asked.reload = False
                self._supervisor.reloading()
                if self._read_again(engine, grown):
                    return None
                self._supervisor.ready()
            if engine.may_grow():
                log.info("the disk has room again", code="disk.recovered")
                return None
            if asked.nudged:
                asked.nudged = False
                engine.nudge(scan=True)
            for loop in engine.loops:
                if loop.gave_up or not loop.alive:
                    log.error(f"the {loop.name} loop has stopped; leaving, so that a restart mends it", code="daemon.broken", loop=loop.name)
                    return 1
            if not schedule.alive:
                log.error("the schedule has stopped; leaving, so that a restart mends it", code="daemon.broken", loop="schedule")
                return 1
            self._tell(engine)
            busy, was_busy = any(not loop.idle for loop in engine.loops), busy
            if busy or was_busy:
                memory.give_back()
            self._learning.check(time.time())
            if time.monotonic() - rearmed >= self._settings.inbox.scan_every:
                rearmed = time.monotonic()
                for watcher in watchers:
                    watcher.check()
                unseen = self._unseen(watchers, time.monotonic() - began) if self._supervisor.listens else None
                if unseen is not None:
                    log.warning(f"{unseen}; leaving, so that a restart shows it", code="daemon.blind")
                    return 1
            if time.monotonic() - heard >= ask_every_s:
                heard = time.monotonic()
                for watcher in watchers:
                    watcher.ask()

    @staticmethod
    def _unseen(watchers: list[Watcher], lived_s: float) -> str | None:
        """Which folder others may see and we cannot, in the sandbox that was built at the start."""
        for watcher in watchers:
            if watcher.removed:
                return f"the folder {watcher.root} was removed, and what came in its place is not shown to us"
            if lived_s > UNSEEN_S and walls.hidden(watcher.root):
                return f"the folder {watcher.root} was not there at the start, and is not shown to us since"
        return None

    def _tell(self, engine: Engine) -> None:
        """What `status` reads of the running daemon, and the supervisor's line."""
        troubles, seen = [f"{name} has to wait: {why}" for name, why in engine.waiting.items()], []
        for house in engine.houses:
            reasons = engine.degraded(house)
            troubles += reasons
            with suppress(StorageTrouble):
                if self._supervisor.listens:
                    seen.append((self._glances.of(house.name, house.ledger), house.zone))
            with suppress(StorageTrouble):  # a full disk is told by the loops; here it would end the daemon
                wishes.note(house.ledger, degraded=reasons, **card.at_work(engine.locator), **({"last_error": reasons[-1]} if reasons else {}))
        self._supervisor.status(headline.line(seen, troubles, datetime.now(UTC)))

    def _read_again(self, engine: Engine, grown: Callable[[House], None]) -> bool:
        """SIGHUP: a wrong configuration changes nothing; where only diaries are new, the others go on undisturbed.  Returns whether to live again."""
        try:
            settings = load(self._config)
        except BadConfig as error:
            reloading.answer(engine.houses, str(error))
            for line in str(error).splitlines():
                log.error(f"the configuration is kept as it was: {line}", code="config.refused")
            return False
        new = [] if engine.waiting else reloading.added(self._settings, settings)
        if new:
            self._settings, refused = reloading.welcome(engine, self._settings, settings, new, grown)
            self._learning.settings = self._settings
            reloading.answer(engine.houses, refused)
            return False
        self._before = self._settings, self._resident
        if (settings.locate, settings.state) != (self._settings.locate, self._settings.state):
            self._resident = None
        self._settings = settings
        log.info(f"configuration read again from {self._config}", code="config.reloaded")
        return True
