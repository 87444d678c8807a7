"""Builds the rooms by hand and runs them: four loops over all diaries, with the ledger as the queue between them."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

import structlog

from photodiary.align.aligning import Aligning
from photodiary.archive.store import Archive
from photodiary.darkroom.darkroom import Darkroom
from photodiary.diary.photo import Digest, Stage
from photodiary.errors import BrokenFilm, FrameBroken, RenderFailed, RenderStopped, StorageTrouble, Transient
from photodiary.inbox.importing import Importing
from photodiary.inbox.inbox import Inbox
from photodiary.inbox.intake import Intake
from photodiary.ledger import forgetting, photos, quarantine, reels, wishes
from photodiary.ledger.store import Ledger
from photodiary.locate.locating import Locating
from photodiary.locate.views import Locator
from photodiary.render.rendering import Rendering
from photodiary.render.schedule import due_at, next_time
from photodiary.run import deciding
from photodiary.run.house import House
from photodiary.run.lock import DaemonLock
from photodiary.run.loop import LONGEST_SLEEP_S, Loop
from photodiary.settings import Settings

log = structlog.get_logger()

WISHES = ("import", "scan", "render", "refit", "decide", "forget", "retry")
AFTER_TROUBLE_S = 60.0  # before a film that failed is tried again


class Engine:
    """All diaries with one resident locator and one darkroom.  Made while holding every diary's lock; `close` lets go."""

    def __init__(self, settings: Settings, locator: Callable[[], Locator], *, hurry: bool = False) -> None:
        """hurry: nobody will drop more photos, so the picture format need not wait for quiet.

        Takes the locks, opens the ledgers, sweeps up after a crash, then loads the model.
        Raises Busy, LedgerTrouble, StorageTrouble, BadModel.
        """
        self.settings = settings
        self.hurry = hurry
        self.stopping = threading.Event()
        self.on_news: Callable[[], None] = lambda: None
        self._scan_wanted = threading.Event()
        self._render_not_before: dict[str, float] = {}
        self.houses: list[House] = []
        self.darkroom = Darkroom(settings.darkroom)
        self._locks: list[DaemonLock] = []
        self._ledgers: list[Ledger] = []
        try:
            opened = [self._open(name) for name in settings.diary]
            self.locator = locator()
            self.houses = [self._build(*parts) for parts in opened]
        except BaseException:
            self._let_go()
            raise
        self.loops = [
            Loop("intake", self._intake, self._intake_sleep, lambda: self._wake("locate")),
            Loop("locate", self._locate, lambda: self._due(Stage.RECEIVED), lambda: self._wake("align")),
            Loop("align", self._align, self._align_sleep, self._news),
            Loop("render", self._render, self._render_sleep, lambda: None),
        ]

    def _open(self, name: str) -> tuple[str, DaemonLock, Archive, Ledger]:
        archive = Archive(self.settings.diary[name].archive)
        archive.prepare()
        lock = DaemonLock(archive.root)
        self._locks.append(lock)
        ledger = Ledger(archive.root)
        self._ledgers.append(ledger)
        removed = archive.sweep(reels.frame_paths(ledger))
        if removed:
            log.info(f"tidied up after an interrupted run: {len(removed)} unfinished files removed", code="janitor.swept", diary=name, removed=len(removed))
        photos.forgive_first_tries(ledger)
        return name, lock, archive, ledger

    def _build(self, name: str, lock: DaemonLock, archive: Archive, ledger: Ledger) -> House:
        settings = self.settings
        spent: dict[Digest, float] = {}
        zone = settings.zone(name)
        intake = Intake(name, ledger, archive, self.darkroom, settings.darkroom, zone, spent)
        wishes.note(ledger, model={"name": self.locator.name, "sha256": self.locator.sha256, "device": self.locator.device})
        return House(
            name, zone, lock, ledger, archive,
            inbox=Inbox(settings.diary[name].inbox, settings.inbox, intake),
            importing=Importing(intake, settings.inbox.ignore),
            locating=Locating(name, ledger, archive, self.darkroom, self.locator, settings.doubt, spent),
            aligning=Aligning(name, ledger, archive, self.darkroom, settings.align_of(name), spent),
            rendering=Rendering(name, ledger, archive, settings.film, self.stopping.is_set),
        )  # fmt: skip

    def start(self) -> None:
        for loop in self.loops:
            loop.start()

    def close(self, timeout: float = 25.0) -> None:
        """Finish what is being published, stop the threads, end the workers, let go of the locks."""
        self.stopping.set()
        for loop in self.loops:
            loop.stop()
        deadline = time.monotonic() + timeout
        stuck = [loop.name for loop in self.loops if not loop.join(max(0.1, deadline - time.monotonic()))]
        self.darkroom.close()
        if stuck:
            log.warning(f"still busy while stopping: {', '.join(stuck)}; nothing is lost, it goes on at the next start", code="daemon.stuck")
            return
        self._let_go()

    def _let_go(self) -> None:
        for ledger in self._ledgers:
            ledger.close()
        for lock in self._locks:
            lock.release()
        self._ledgers, self._locks = [], []

    def skip_inbox(self) -> None:
        """Take nothing from the inboxes: an import brings its own files."""
        for house in self.houses:
            house.inbox.skip(time.monotonic())

    def nudge(self, *, scan: bool = False) -> None:
        """Have every loop look for work now; with `scan`, the inboxes too."""
        if scan:
            self._scan_wanted.set()
        for loop in self.loops:
            loop.nudge()

    def _wake(self, name: str) -> None:
        next(loop for loop in self.loops if loop.name == name).nudge()

    def _news(self) -> None:
        self._wake("render")
        self.on_news()

    def quiet(self) -> bool:
        """Whether nothing is on its way any more: no file unsettled, no photo between inbox and frame, no open wish."""
        now, clock = time.time(), time.monotonic()
        for house in self.houses:
            if house.inbox.scanned_at == float("-inf") or house.inbox.quiet_s(now, clock) <= 0:
                return False
            if wishes.oldest_open(house.ledger, *WISHES) is not None or self._flowing(house, now):
                return False
        return not self._scan_wanted.is_set()

    @staticmethod
    def _flowing(house: House, now: float) -> bool:
        """Photos that a step will move soon; one that failed and waits for its next try does not count."""
        return any(photos.flowing(house.ledger, stage, now) for stage in (Stage.RECEIVED, Stage.LOCATED))

    # -- the four loops ------------------------------------------------------------------------------------------------

    def _each(self, work: Callable[[House], bool]) -> bool:
        """Every diary gets its turn, whatever happens to the others; trouble is raised when there was no work beside it."""
        worked, trouble = False, None
        for house in self.houses:
            try:
                worked |= work(house)
            except Transient as error:
                trouble = trouble or error
        if trouble is not None and not worked:
            raise trouble
        return worked

    def _intake(self) -> bool:
        wanted = self._scan_wanted.is_set()
        self._scan_wanted.clear()
        return self._each(lambda house: self._intake_one(house, wanted))

    @staticmethod
    def _intake_one(house: House, wanted: bool) -> bool:
        clock = time.monotonic()
        wish = wishes.oldest_open(house.ledger, "scan")
        anew = quarantine.release(house.ledger, time.time())
        if anew is not None:
            house.inbox.read_anew(anew)
            wanted = True
        fresh = wish is not None and wish.progress is None
        if wanted or fresh or house.inbox.scan_due(clock):
            house.inbox.scan(time.time(), clock)
        if wish is not None and fresh:
            wishes.report(house.ledger, wish.id, {"done": 0})
        elif wish is not None and house.inbox.quiet_s(time.time(), clock) > 0:
            wishes.fulfil(house.ledger, wish.id, {}, time.time())
        return house.inbox.step(time.time(), time.monotonic()) or house.importing.step(time.time())

    def _intake_sleep(self) -> float:
        for house in self.houses:
            house.inbox.report(time.time())
        self._wake("align")  # the picture format waits for quiet
        return min(house.inbox.wait_s(time.time(), time.monotonic()) for house in self.houses)

    def _locate(self) -> bool:
        return self._each(lambda house: house.locating.step(time.time()))

    def _align(self) -> bool:
        return self._each(self._align_one)

    def _align_one(self, house: House) -> bool:
        now = time.time()
        if deciding.step(house.ledger, house.archive, house.zone):
            return True
        wish = wishes.oldest_open(house.ledger, "refit")
        if wish is not None:
            wishes.fulfil(house.ledger, wish.id, {"words": house.aligning.refit(now)}, now)
            return True
        return house.aligning.step(now, self._quiet_s(house, now))

    def _quiet_s(self, house: House, now: float) -> float:
        """For how long nothing has been on its way to the format's choice."""
        importing = wishes.oldest_open(house.ledger, "import") is not None
        quiet = house.inbox.quiet_s(now, time.monotonic())  # before the rows: a photo leaves the inbox's list only when it has one
        if importing or photos.flowing(house.ledger, Stage.RECEIVED, now):
            return 0.0
        return math.inf if self.hurry and quiet > 0 else quiet

    def _align_sleep(self) -> float:
        undecided = any(photos.waiting(house.ledger, Stage.LOCATED) for house in self.houses)
        return (0.2 if self.hurry else 1.0) if undecided else self._due(Stage.LOCATED)

    def _due(self, stage: Stage) -> float:
        due = [at for house in self.houses if (at := photos.next_due(house.ledger, stage)) is not None]
        return min(due) - time.time() if due else LONGEST_SLEEP_S

    def film_due(self, house: House) -> float | None:
        """When the next film of a diary is due, in seconds since the epoch."""
        config, reel, news = self.settings.render, reels.newest_reel(house.ledger), reels.film_news(house.ledger)
        last = 0.0 if reel is None else reel.rendered_at
        due = due_at(config, news, has_film=reel is not None, zone=house.zone, last=last)
        if due is None and reel is not None and not news.remaking:
            plan = house.rendering.plan()
            if plan is not None and plan.fingerprint != reel.fingerprint:  # the style changed, or a photo left the film
                due = next_time(config.at, house.zone, last) if config.at else last + config.after_quiet_s
        return due if due is None else max(due, self._render_not_before.get(house.name, 0.0))

    def _render(self) -> bool:
        return self._each(self._render_one)

    def _render_one(self, house: House) -> bool:
        wish = wishes.oldest_open(house.ledger, "render")
        forgotten = forgetting.to_wipe(house.ledger)
        due = 0.0 if forgotten else self.film_due(house)
        if reels.film_news(house.ledger).remaking or (wish is None and (due is None or due > time.time())):
            return False
        watched = wish or (wishes.oldest_open(house.ledger, "forget") if forgotten else None)
        try:
            full = bool(wish and wish.details.get("full"))
            reel = house.rendering.render(time.time(), full=full, progress=self._progress(house, None if watched is None else watched.id))
            deciding.film_made(house.ledger, house.archive, reel, forgotten, diary=house.name)
        except RenderStopped:
            return False
        except FrameBroken as error:
            if error.frame is None:
                raise
            reels.frame_lost(house.ledger, error.frame)  # a wish stays open; the next round finds the frame made again
            log.warning(f"{error}; it is made again", code="frame.lost", diary=house.name, frame=error.frame)
            self._wake("align")
            return True
        except (RenderFailed, BrokenFilm, StorageTrouble) as error:
            self._render_not_before[house.name] = time.time() + AFTER_TROUBLE_S
            if wish is not None:
                wishes.fulfil(house.ledger, wish.id, {"frames": 0, "error": str(error)}, time.time())
            raise
        if wish is not None:
            wishes.fulfil(house.ledger, wish.id, {"frames": 0 if reel is None else reel.frames}, time.time())
        return True

    @staticmethod
    def _progress(house: House, wish: int | None) -> Callable[[int], None]:
        told = [0.0]

        def tell(done: int) -> None:
            if wish is not None and time.monotonic() - told[0] > 0.5:
                told[0] = time.monotonic()
                wishes.report(house.ledger, wish, {"done": done})

        return tell

    def _render_sleep(self) -> float:
        due = [at for house in self.houses if (at := self.film_due(house)) is not None]
        return min(due) - time.time() if due else LONGEST_SLEEP_S

    def degraded(self, house: House) -> list[str]:
        """Named reasons why not everything works now for a diary."""
        reasons = [] if house.inbox.problem is None else [house.inbox.problem]
        return reasons + [loop.trouble for loop in self.loops if loop.trouble is not None]
