"""A thread that does steps while there are any, and sleeps until it is nudged."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from photodiary.errors import DeviceLost, IllegalMove, StorageTrouble, Transient
from photodiary.run.pulse import Pulse

log = structlog.get_logger()

LONGEST_SLEEP_S = 30.0
TROUBLE_SLEEP_S = 5.0
MOST_FAILURES = 20  # in a row, of a kind nobody foresaw: an invariant is broken


_mine = threading.local()


def beat() -> None:
    """Say that the loop whose thread calls this goes on, between two pieces of work; of any other thread, nothing."""
    loop: Loop | None = getattr(_mine, "loop", None)
    if loop is not None:
        loop.beat()


class Loop:
    """step: does one piece of work, returns whether there was one.  sleep: how long nothing can be due, in seconds.

    An error that is Transient is told once and tried again; whatever else happens is told with its traceback, and after
    MOST_FAILURES in a row, or at once without its graphics card, the loop gives up, which the daemon notices.
    """

    def __init__(self, name: str, step: Callable[[], bool], sleep: Callable[[], float], after_work: Callable[[], None]) -> None:
        self.name = name
        self._step = step
        self._sleep = sleep
        self._after_work = after_work
        self._nudged = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.idle = False
        self.trouble: str | None = None
        self.gave_up = False
        self.pulse = Pulse(f"the {name} loop")

    def start(self) -> None:
        self.beat()
        self._thread.start()

    def nudge(self) -> None:
        self.idle = False
        self._nudged.set()

    def stop(self) -> None:
        self._stopping.set()
        self._nudged.set()

    def join(self, timeout: float) -> bool:
        """Whether the thread has ended within `timeout` seconds, or never began."""
        if self._thread.ident is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def beat(self) -> None:
        """Say, in the middle of a long piece of work, that it goes on."""
        self.pulse.beat()

    @property
    def complaint(self) -> str | None:
        """What is wrong in words for `status`: trouble, or a thread that is stuck in one piece of work."""
        if self.pulse.late:
            return f"{self.pulse.called} has not moved for over {self.pulse.patience_s / 60:.0f} minutes; stop photodiary and start it again"
        return self.trouble

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        _mine.loop = self
        failures = 0
        while not self._stopping.is_set():
            wait = 0.0
            self.beat()
            try:
                self._nudged.clear()
                if self._step():
                    self._after_work()
                else:
                    wait = min(LONGEST_SLEEP_S, max(0.0, self._sleep()))
                    self.idle = not self._nudged.is_set()
                failures = 0
                self.trouble = None
            except IllegalMove:
                pass  # somebody else moved the photo meanwhile: nothing is lost, the next step sees it as it is
            except (Transient, StorageTrouble) as error:
                if self.trouble != str(error):
                    log.warning(f"{error}; trying again", code="loop.trouble", loop=self.name)
                self.trouble = str(error)
                wait = TROUBLE_SLEEP_S
            except DeviceLost as error:
                log.error(str(error), code="loop.device", loop=self.name)
                self.gave_up = True
                return
            except Exception:
                failures += 1
                log.exception(f"unexpected error in the {self.name} loop", code="loop.error", loop=self.name)
                if failures >= MOST_FAILURES:
                    self.gave_up = True
                    return
                wait = TROUBLE_SLEEP_S
            if wait > 0 and not self._stopping.is_set():
                self.pulse.beat(wait)
                self._nudged.wait(wait)
