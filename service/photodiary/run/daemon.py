"""`photodiary run`: signals, schedules, watchers and watched threads around the engine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import structlog
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from photodiary import __version__, logs
from photodiary.archive import layout
from photodiary.diary.hours import next_time
from photodiary.errors import BadConfig, PhotodiaryError, StorageTrouble
from photodiary.inbox.inbox import Nudge
from photodiary.inbox.watcher import Watcher
from photodiary.ledger import summary, wishes
from photodiary.locate.views import Locator
from photodiary.run import card
from photodiary.run.engine import Engine
from photodiary.run.following import Following
from photodiary.run.house import House, be_private
from photodiary.run.learning import Learning
from photodiary.run.signals import Signals, journal
from photodiary.settings import Settings, load

log = structlog.get_logger()

CHECK_EVERY_S = 10.0
CHECK_WAITING_S = 3.0  # while a diary waits for its disk
SUMMARY_AT = "04:00"
SCHEDULER = "APScheduler"  # the name of its thread
JOBS = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}


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

    def run(self) -> int:
        be_private()
        try:
            return self._lives()
        finally:
            self._learning.stop()

    def _lives(self) -> int:
        while not self._asked.stop:
            try:
                status = self._live()
            except PhotodiaryError as error:
                if self._before is None:
                    raise
                log.error(f"the new configuration does not work ({error}); going on with the old one", code="config.refused")
                (self._settings, self._resident), self._before = self._before, None
                continue
            if status is not None:
                return status
        log.info("photodiary stopped before it began", code="daemon.stopped")
        return 0

    def _live(self) -> int | None:
        """One life with one configuration.  Returns the exit status, or None to live again with a new one."""
        self._learning.settings = self._settings
        patient = self._before is None  # a new configuration whose folders refuse is not taken over
        engine = Engine(self._settings, self._make_locator, patient=patient, resident=self._resident)
        self._resident = engine.following
        watchers = [Watcher(house.inbox.root, self._teller(engine, house)) for house in engine.houses]
        watchers += [Watcher(house.archive.root / layout.DROP, self._waker(engine)) for house in engine.houses]
        scheduler = self._schedule(engine)
        try:
            for watcher in watchers:
                watcher.check()
            engine.start()
            scheduler.start()
            self._before = None
            logs.configure(self._settings.logs, several=len(engine.houses) > 1, journal=journal())
            names = ", ".join(f"{house.name} ({house.inbox.root})" for house in engine.houses) or "nothing yet"
            for name, why in engine.waiting.items():
                if self._told.get(name) != why:
                    log.warning(f"{name} has to wait: {why}; trying again", code="diary.waiting", diary=name)
            self._told = dict(engine.waiting)
            log.info(f"photodiary {__version__} watches {names}; model {engine.locator.name} on {engine.locator.device}", code="daemon.started")
            return self._watch(engine, watchers)
        finally:
            if scheduler.running:
                scheduler.shutdown(wait=False)
            for watcher in watchers:
                watcher.stop()
            engine.close()
            log.info("photodiary stopped", code="daemon.stopped")

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

    def _watch(self, engine: Engine, watchers: list[Watcher]) -> int | None:
        rearmed, asked = time.monotonic(), self._asked
        self._tell(engine)
        while True:
            asked.wait(CHECK_WAITING_S if engine.waiting else CHECK_EVERY_S)
            if asked.stop:
                return 0
            if asked.reload:
                asked.reload = False
                if self._read_again():
                    return None
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
            if SCHEDULER not in {thread.name for thread in threading.enumerate()}:
                log.error("the schedule has stopped; leaving, so that a restart mends it", code="daemon.broken", loop="schedule")
                return 1
            self._tell(engine)
            self._learning.check(time.time())
            if time.monotonic() - rearmed >= self._settings.inbox.scan_every:
                rearmed = time.monotonic()
                for watcher in watchers:
                    watcher.check()

    @staticmethod
    def _tell(engine: Engine) -> None:
        """What `status` reads of the running daemon."""
        for house in engine.houses:
            reasons = engine.degraded(house)
            with suppress(StorageTrouble):  # a full disk is told by the loops; here it would end the daemon
                wishes.note(house.ledger, degraded=reasons, **card.at_work(engine.locator), **({"last_error": reasons[-1]} if reasons else {}))

    def _read_again(self) -> bool:
        """SIGHUP: a wrong configuration changes nothing."""
        try:
            settings = load(self._config)
        except BadConfig as error:
            for line in str(error).splitlines():
                log.error(f"the configuration is kept as it was: {line}", code="config.refused")
            return False
        self._before = self._settings, self._resident
        if (settings.locate, settings.state) != (self._settings.locate, self._settings.state):
            self._resident = None
        self._settings = settings
        log.info(f"configuration read again from {self._config}", code="config.reloaded")
        return True

    def _schedule(self, engine: Engine) -> BackgroundScheduler:
        """APScheduler only wakes steps: the scan each minute, the film when it is due, the summary once a day."""
        scheduler = BackgroundScheduler(timezone=UTC, executors={"default": ThreadPoolExecutor(1)}, job_defaults=JOBS)

        def trouble(event: JobExecutionEvent) -> None:
            log.warning(f"the schedule's {event.job_id} came late or failed: {event.exception or 'missed'}", code="schedule.trouble")

        scheduler.add_listener(trouble, EVENT_JOB_ERROR | EVENT_JOB_MISSED)
        intake, render = (next(loop for loop in engine.loops if loop.name == name) for name in ("intake", "render"))
        scheduler.add_job(intake.nudge, "interval", seconds=self._settings.inbox.scan_every, id="scan")

        def plan_films() -> None:
            for house in engine.houses:
                due = engine.filming.due(house)
                if due is not None:
                    at = datetime.fromtimestamp(max(due, time.time()) + 0.1, UTC)
                    scheduler.add_job(render.nudge, "date", run_date=at, id=f"film of {house.name}", replace_existing=True)

        engine.on_news = plan_films
        scheduler.add_job(plan_films, "interval", seconds=300, id="films", next_run_time=datetime.now(UTC))
        for house in engine.houses:
            self._plan_summary(scheduler, house)
        return scheduler

    def _plan_summary(self, scheduler: BackgroundScheduler, house: House) -> None:
        at = next_time(SUMMARY_AT, house.zone, time.time())

        def summarise() -> None:
            log.info(summary.last_day(house.ledger, at), code="daily.summary", diary=house.name)
            self._plan_summary(scheduler, house)

        scheduler.add_job(summarise, "date", run_date=datetime.fromtimestamp(at, UTC), id=f"summary of {house.name}", replace_existing=True)
