"""Builds the rooms by hand and runs them: four loops over all diaries, with the ledger as the queue between them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

import structlog

from photodiary.align.aligning import Aligning
from photodiary.archive import segments
from photodiary.archive.reserve import FRAME, PHOTOS, Reserve
from photodiary.darkroom.darkroom import Darkroom
from photodiary.diary.photo import Digest, Stage
from photodiary.errors import DeviceLost, StorageTrouble
from photodiary.inbox.drop import Drop
from photodiary.inbox.importing import Importing
from photodiary.inbox.inbox import Inbox
from photodiary.inbox.intake import Intake
from photodiary.inbox.strays import Strays
from photodiary.ledger import photos, queue, reels, wishes
from photodiary.ledger.store import Ledger
from photodiary.locate.locating import Locating
from photodiary.locate.views import Locator
from photodiary.run import card, elsewhere
from photodiary.run.filming import Filming
from photodiary.run.films import rendering_of
from photodiary.run.following import Following
from photodiary.run.house import House
from photodiary.run.lock import DaemonLock
from photodiary.run.loop import Loop, beat
from photodiary.run.opening import Opened, can_open, open_diary
from photodiary.run.turns import Turns
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
        self.waiting: dict[str, str] = {}
        self.darkroom = Darkroom(settings.darkroom)
        self._locks: list[DaemonLock] = []
        self._ledgers: list[Ledger] = []
        try:
            opened = [found for name in settings.diary if (found := self._open(name, patient)) is not None]
            self.settings, self._card_trouble = card.spared(settings, self._ledgers)
            self.following = resident or Following(self.settings, locator)
            self.filming = Filming(settings.render, beat)
            self.turns = Turns(self.following, self.filming, self._wake, hurry)
            self.turns.houses = tuple(self._build(parts) for parts in opened)
        except BaseException:
            self._let_go()
            raise
        self.loops = [
            Loop("intake", self.turns.intake, self.turns.intake_sleep, lambda: self._wake("locate")),
            Loop("locate", self._locate, lambda: self.turns.due(Stage.RECEIVED), self._located),
            Loop("align", self.turns.align, self.turns.align_sleep, self._news),
            Loop("render", self.turns.render, self.turns.render_sleep, lambda: None),
        ]

    @property
    def houses(self) -> tuple[House, ...]:
        """Those that are served."""
        return self.turns.houses

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
            rendering=rendering_of(settings, name, ledger, archive, should_stop=self._should_stop, reserve=reserve),
        )  # fmt: skip

    def _should_stop(self) -> bool:
        return self.stopping.is_set() or self.filming.gives_way()

    def welcome(self, settings: Settings, name: str) -> House:
        """Serve one more diary, while the others go on undisturbed.  settings: those in force from now on, where nothing else is new.

        Raises Busy, LedgerTrouble, StorageTrouble: then everything is as before.
        """
        locks, ledgers, before = list[DaemonLock](), list[Ledger](), self.settings
        self.settings = settings.model_copy(update={"locate": before.locate})  # a card that broke down stays spared
        try:
            house = self._build(open_diary(self.settings, name, locks, ledgers))
        except BaseException:
            self.settings = before
            for ledger in ledgers:
                ledger.close()
            for lock in locks:
                lock.release()
            raise
        self._locks, self._ledgers = [*self._locks, *locks], [*self._ledgers, *ledgers]
        self.turns.houses = (*self.turns.houses, house)
        self.nudge()
        return house

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
            self.turns.scan_wanted.set()
        for loop in self.loops:
            loop.nudge()

    def _wake(self, name: str) -> None:
        next(loop for loop in self.loops if loop.name == name).nudge()

    def _located(self) -> None:
        self._wake("align")
        self._wake("intake")  # which goes no farther ahead than a few photos

    def _news(self) -> None:
        self._wake("render")

    def quiet(self) -> bool:
        """Whether nothing is on its way any more: no file unsettled, no photo between inbox and frame, no open wish."""
        now, clock = time.time(), time.monotonic()
        for house in self.houses:
            if house.inbox.scanned_at == float("-inf") or house.inbox.quiet_s(now, clock) <= 0 or not house.drop.quiet(now):
                return False
            if wishes.oldest_open(house.ledger, *WISHES) is not None or self._flowing(house, now):
                return False
            if elsewhere.waits(house, self.houses):
                return False
            if (house.strays.waiting and house.inbox.all_known(now, clock)) or self.turns.assessing.behind(house):
                return False
        return not self.turns.scan_wanted.is_set()

    @staticmethod
    def _flowing(house: House, now: float) -> bool:
        """Photos that a step will move soon; one that failed and waits for its next try does not count."""
        return house.locating.behind(now) or any(queue.flowing(house.ledger, stage, now) for stage in (Stage.RECEIVED, Stage.LOCATED))

    def _locate(self) -> bool:
        try:
            return self.turns.locate()
        except DeviceLost:
            card.lost(self._ledgers)
            raise

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
