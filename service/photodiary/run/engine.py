"""Builds the rooms by hand and runs them: four loops over all diaries, with the ledger as the queue between them."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import structlog

from photodiary.align.aligning import Aligning
from photodiary.archive import segments
from photodiary.archive.reserve import FRAME, FRAMES, PHOTOS, Reserve
from photodiary.darkroom.darkroom import Darkroom
from photodiary.diary.photo import Digest, Stage
from photodiary.errors import DeviceLost, StorageTrouble, Transient
from photodiary.inbox.drop import Drop
from photodiary.inbox.importing import Importing
from photodiary.inbox.inbox import Inbox
from photodiary.inbox.intake import Intake
from photodiary.inbox.strays import Strays
from photodiary.ledger import photos, quarantine, reels, wishes
from photodiary.ledger.store import Ledger
from photodiary.locate.locating import Locating
from photodiary.locate.views import Locator
from photodiary.run import card, deciding
from photodiary.run.filming import Filming
from photodiary.run.films import rendering_of
from photodiary.run.following import Following
from photodiary.run.house import House
from photodiary.run.lock import DaemonLock
from photodiary.run.loop import LONGEST_SLEEP_S, Loop
from photodiary.run.opening import Opened, can_open, open_diary
from photodiary.run.quality import Assessing
from photodiary.settings import Settings

log = structlog.get_logger()

WISHES = ("import", "scan", "render", "refit", "decide", "forget", "retry")


class Engine:
    """All diaries with one resident locator and one darkroom.  Made while holding every diary's lock; `close` lets go."""

    def __init__(
        self, settings: Settings, locator: Callable[[Settings], Locator], *, hurry: bool = False, patient: bool = False, resident: Following | None = None
    ) -> None:  # fmt: skip
        """hurry: nobody will drop more photos, so the picture format need not wait for quiet.  patient: a diary whose disk refuses now is left
        out, its lock held, and stands in `waiting` with the reason.  locator: loads the model in force; resident: one that is loaded already.

        Takes the locks, opens the ledgers, sweeps up after a crash, then loads the model.
        Raises Busy, LedgerTrouble, StorageTrouble, BadModel.
        """
        self.settings = settings
        self.hurry = hurry
        self.stopping = threading.Event()
        self.on_news: Callable[[], None] = lambda: None
        self._scan_wanted = threading.Event()
        self.houses: list[House] = []
        self.waiting: dict[str, str] = {}
        self.darkroom = Darkroom(settings.darkroom)
        self._locks: list[DaemonLock] = []
        self._ledgers: list[Ledger] = []
        try:
            opened = [found for name in settings.diary if (found := self._open(name, patient)) is not None]
            self.settings, self._card_trouble = card.spared(settings, self._ledgers)
            self.following = resident or Following(self.settings, locator)
            self.houses = [self._build(parts) for parts in opened]
        except BaseException:
            self._let_go()
            raise
        self.loops = [
            Loop("intake", self._intake, self._intake_sleep, lambda: self._wake("locate")),
            Loop("locate", self._locate, lambda: self._due(Stage.RECEIVED), lambda: self._wake("align")),
            Loop("align", self._align, self._align_sleep, self._news),
            Loop("render", self._render, self._render_sleep, lambda: None),
        ]
        self.filming = Filming(settings.render, self.loops[-1].beat)
        self.assessing = Assessing()

    @property
    def locator(self) -> Locator:
        """The resident one; another may take over between two photos."""
        return self.following.locator

    def _open(self, name: str, patient: bool) -> Opened | None:
        try:
            return open_diary(self.settings, name, self._locks, self._ledgers)
        except StorageTrouble as error:
            if not patient:
                raise
            self.waiting[name] = str(error)
            return None

    def may_grow(self) -> bool:
        """Whether a diary that waits for its disk can be opened now, in a new life."""
        return any(can_open(self.settings, name) for name in self.waiting)

    def _build(self, parts: Opened) -> House:
        settings, name, ledger, archive, reserve = self.settings, parts.name, parts.ledger, parts.archive, parts.reserve
        spent: dict[Digest, float] = {}
        zone = settings.zone(name)
        intake = Intake(name, ledger, archive, self.darkroom, settings.darkroom, zone, spent, lambda size: _room(ledger, reserve, size))
        with suppress(StorageTrouble):  # a full disk is told by the loops
            wishes.note(ledger, **card.at_work(self.locator))
        return House(
            name, zone, parts.lock, ledger, archive, reserve,
            inbox=Inbox(settings.diary[name].inbox, settings.inbox, intake, excluding=settings.diary[name].on_delete == "exclude"),
            drop=Drop(archive, intake),
            importing=Importing(intake, settings.inbox.ignore),
            strays=Strays(intake),
            locating=Locating(name, ledger, archive, self.darkroom, self.locator, settings.doubt, spent),
            aligning=Aligning(name, ledger, archive, self.darkroom, settings.align_of(name), spent),
            rendering=rendering_of(settings, name, ledger, archive, should_stop=self.stopping.is_set, reserve=reserve),
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
            if house.inbox.scanned_at == float("-inf") or house.inbox.quiet_s(now, clock) <= 0 or not house.drop.quiet(now):
                return False
            if wishes.oldest_open(house.ledger, *WISHES) is not None or self._flowing(house, now):
                return False
            if (house.strays.waiting and house.inbox.all_known(now, clock)) or self.assessing.behind(house):
                return False
        return not self._scan_wanted.is_set()

    @staticmethod
    def _flowing(house: House, now: float) -> bool:
        """Photos that a step will move soon; one that failed and waits for its next try does not count."""
        return house.locating.behind(now) or any(photos.flowing(house.ledger, stage, now) for stage in (Stage.RECEIVED, Stage.LOCATED))

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
            house.drop.read_anew()
            wanted = True
        fresh = wish is not None and wish.progress is None
        if wanted or fresh or house.inbox.scan_due(clock):
            house.inbox.scan(time.time(), clock)
        if wish is not None and fresh:
            wishes.report(house.ledger, wish.id, {"done": 0})
        elif wish is not None and house.inbox.quiet_s(time.time(), clock) > 0:
            wishes.fulfil(house.ledger, wish.id, {}, time.time())
        try:
            worked = house.inbox.step(time.time(), time.monotonic()) or house.drop.step(time.time()) or house.importing.step(time.time())
        except StorageTrouble:
            house.strays.look_again()  # it may have come between a photo's copy and its row
            raise
        return worked or (house.inbox.all_known(time.time(), time.monotonic()) and house.strays.step(time.time()))

    def _intake_sleep(self) -> float:
        for house in self.houses:
            house.inbox.report(time.time())
        self._wake("align")  # the picture format waits for quiet
        return min((min(house.inbox.wait_s(time.time(), time.monotonic()), house.drop.wait_s(time.time())) for house in self.houses), default=LONGEST_SLEEP_S)

    def _locate(self) -> bool:
        if self.following.step():
            for house in self.houses:
                house.locating.locator = self.locator
                with suppress(StorageTrouble):
                    wishes.note(house.ledger, **card.at_work(self.locator))
        try:
            return self._each(lambda house: house.locating.step(time.time()) or self.assessing.look_again(house, self.locator))
        except DeviceLost:
            card.lost(self._ledgers)
            raise

    def _align(self) -> bool:
        return self._each(self._align_one)

    def _align_one(self, house: House) -> bool:
        now = time.time()
        if deciding.step(house.ledger, house.archive, house.zone):
            self._wake("locate")  # it may have looked before the photo was sent back to it
            return True
        wish = wishes.oldest_open(house.ledger, "refit")
        if wish is not None:
            wishes.fulfil(house.ledger, wish.id, {"words": house.aligning.refit(now)}, now)
            return True
        if photos.flowing(house.ledger, Stage.LOCATED, now):  # before one is claimed: the wait of who finds no room does not grow
            house.reserve.room_for(FRAME, FRAMES)
        return house.aligning.step(now, self._quiet_s(house, now))

    def _quiet_s(self, house: House, now: float) -> float:
        """For how long nothing has been on its way to the format's choice."""
        importing = wishes.oldest_open(house.ledger, "import") is not None
        quiet = house.inbox.quiet_s(now, time.monotonic())  # before the rows: a photo leaves the inbox's list only when it has one
        if importing or photos.flowing(house.ledger, Stage.RECEIVED, now):
            return 0.0
        full = PHOTOS[0] in house.reserve.troubles  # nothing more comes in until there is room: what is there gets its frames
        return math.inf if full or (self.hurry and quiet > 0) else quiet

    def _align_sleep(self) -> float:
        undecided = any(photos.waiting(house.ledger, Stage.LOCATED) for house in self.houses)
        return (0.2 if self.hurry else 1.0) if undecided else self._due(Stage.LOCATED)

    def _due(self, stage: Stage) -> float:
        due = [at for house in self.houses if (at := photos.next_due(house.ledger, stage)) is not None]
        return min(due) - time.time() if due else LONGEST_SLEEP_S

    def _render(self) -> bool:
        return self._each(self._render_one)

    def _render_one(self, house: House) -> bool:
        worked, lacking = self.filming.step(house)
        if lacking:
            self._wake("align")
        return worked or self.assessing.step(house)

    def _render_sleep(self) -> float:
        due = [at for house in self.houses if (at := self.filming.due(house)) is not None]
        return max(0.5, min(due) - time.time()) if due else LONGEST_SLEEP_S  # one that is overdue waits for frames that are made again

    def degraded(self, house: House) -> list[str]:
        """Named reasons why not everything works now for a diary."""
        disk = next(iter(house.reserve.troubles.values()), None)
        others = [loop.complaint for loop in self.loops if not (loop.complaint or "").startswith("the disk of ")]
        reasons = (house.inbox.problem, disk, self._card_trouble, self.following.trouble, self.locator.trouble, *others)
        return [reason for reason in reasons if reason is not None]


def _room(ledger: Ledger, reserve: Reserve, size: int) -> None:
    """Room for a photo and its frame, the frames that others wait for, and the next film, made beside the old one of segments.  Raises StorageTrouble."""
    unframed = photos.waiting(ledger, Stage.RECEIVED) + photos.waiting(ledger, Stage.LOCATED)
    sizes = [reel.bytes for reel in reels.newest_reels(ledger).values()]
    lacking = max(0, sum(sizes) - segments.size(reserve.root))  # they may have gone to make room
    film = int(1.25 * max(sizes)) + lacking if sizes else FRAME * photos.total(ledger)
    reserve.room_for(size + FRAME * (1 + unframed) + film, PHOTOS)
