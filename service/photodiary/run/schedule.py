"""When what is due: APScheduler only wakes steps, and shows that its threads live."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

import structlog
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from photodiary.diary.hours import next_time
from photodiary.ledger import summary
from photodiary.run.engine import Engine
from photodiary.run.house import House
from photodiary.run.pulse import Pulse

log = structlog.get_logger()

SUMMARY_AT = "04:00"
PLAN_EVERY_S = 300.0  # films
SCHEDULER = "APScheduler"  # the name of its thread
JOBS = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}


class Schedule:
    """The scan each minute, the film when it is due, the summary once a day.  For one life of the engine; `pulse` is that of its threads."""

    def __init__(self, engine: Engine, scan_every_s: float, show_life_every_s: float) -> None:
        self.pulse = Pulse("the schedule")
        self._engine = engine
        self._scheduler = BackgroundScheduler(timezone=UTC, executors={"default": ThreadPoolExecutor(1)}, job_defaults=JOBS)
        self._life_every_s, self._lives = show_life_every_s, threading.Event()
        self._scheduler.add_listener(_trouble, EVENT_JOB_ERROR | EVENT_JOB_MISSED)
        intake, self._render = (next(loop for loop in engine.loops if loop.name == name) for name in ("intake", "render"))
        self._scheduler.add_job(self._show_life, "interval", seconds=show_life_every_s, id="life", next_run_time=datetime.now(UTC))
        self._scheduler.add_job(intake.nudge, "interval", seconds=scan_every_s, id="scan")
        self._scheduler.add_job(self._plan_films, "interval", seconds=PLAN_EVERY_S, id="films", next_run_time=datetime.now(UTC))
        for house in engine.houses:
            self.plan_summary(house)

    def start(self) -> None:
        self._scheduler.start()

    def begun(self, within_s: float) -> bool:
        """Whether its threads have run a job by then."""
        return self._lives.wait(within_s)

    @property
    def alive(self) -> bool:
        return SCHEDULER in {thread.name for thread in threading.enumerate()}

    def stop(self) -> None:
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def plan_summary(self, house: House) -> None:
        """Say each day how the last one was."""
        at = next_time(SUMMARY_AT, house.zone, time.time())

        def summarise() -> None:
            log.info(summary.last_day(house.ledger, at), code="daily.summary", diary=house.name)
            self.plan_summary(house)

        self._scheduler.add_job(summarise, "date", run_date=datetime.fromtimestamp(at, UTC), id=f"summary of {house.name}", replace_existing=True)

    def _show_life(self) -> None:
        self.pulse.beat(self._life_every_s)
        self._lives.set()

    def _plan_films(self) -> None:
        for house in self._engine.houses:
            due = self._engine.filming.due(house)
            if due is not None:
                at = datetime.fromtimestamp(max(due, time.time()) + 0.1, UTC)
                self._scheduler.add_job(self._render.nudge, "date", run_date=at, id=f"film of {house.name}", replace_existing=True)


def _trouble(event: JobExecutionEvent) -> None:
    log.warning(f"the schedule's {event.job_id} came late or failed: {event.exception or 'missed'}", code="schedule.trouble")
