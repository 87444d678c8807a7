"""What each of the four loops does next, over all diaries: each gets its turn, and what arrives now goes before any backlog, also one of another diary."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from photodiary.align.framing import PLENTY
from photodiary.archive.reserve import FRAME, FRAMES, PHOTOS
from photodiary.diary.photo import Stage
from photodiary.errors import StorageTrouble, Transient
from photodiary.ledger import photos, quarantine, queue, wishes
from photodiary.run import card, deciding, elsewhere
from photodiary.run.counting import Counting
from photodiary.run.filming import Filming
from photodiary.run.following import Following
from photodiary.run.house import House
from photodiary.run.loop import LONGEST_SLEEP_S, beat
from photodiary.run.quality import Assessing

MANY = 100  # photos on their way, however small: more than readers remember who has them
BESIDE = 3  # one that is being taken in, and two that are being framed
PATIENT = 3  # tries of a photo, 70 seconds, that the choice of a format waits for: it shall not depend on when the service was killed
AHEAD_S = 1.0  # who has come through with one of them says so at once
REPORT_EVERY_S = 5.0  # while there is a backlog: not a note for each of its photos

Turn = tuple[Iterable[House], Callable[[House], bool]]


@dataclass
class Turns:
    """Steps and sleeps of the loops.  wake: nudges the loop of that name.  houses: replaced, never changed, for the loops look at it all the time.

    hurry: nobody will drop more photos, so the picture format need not wait for quiet.
    """

    following: Following
    filming: Filming
    wake: Callable[[str], None]
    hurry: bool
    houses: tuple[House, ...] = ()
    assessing: Assessing = field(default_factory=Assessing)
    counting: Counting = field(default_factory=Counting)
    scan_wanted: threading.Event = field(default_factory=threading.Event)
    _imports_first: set[str] = field(default_factory=set)  # the diaries whose backlog's next photo is an import's, when there is one
    _reported_at: float = float("-inf")

    def _each(self, *turns: Turn) -> bool:
        """One turn after the other, until one of them has found work.  In a turn every diary gets its own, whatever happens to the others.

        Trouble is raised when there was no work beside it.
        """
        troubled: dict[str, Transient] = {}
        for houses, work in turns:
            worked = False
            for house in houses:
                if house.name in troubled:
                    continue
                beat()
                try:
                    worked |= work(house)
                except Transient as error:
                    troubled[house.name] = error
            if worked:
                return True
        for trouble in troubled.values():
            raise trouble
        return False

    # -- intake ----------------------------------------------------------------------------------------------------------------

    def intake(self) -> bool:
        wanted = self.scan_wanted.is_set()
        self.scan_wanted.clear()
        houses = self.houses
        return self._each((houses, lambda house: self._look(house, wanted)), (houses, self._take_in), (houses, self._take_backlog))

    def _look(self, house: House, wanted: bool) -> bool:
        """At the whole inbox when that is due or wished for.  Never counts as work: what was found is taken in by the turns after it."""
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
            self.wake("intake")  # to see whether that was all, not only when it next has to look
        elif wish is not None and house.inbox.quiet_s(time.time(), clock) > 0:
            wishes.fulfil(house.ledger, wish.id, {}, time.time())
        return False

    def _take_in(self, house: House) -> bool:
        """What arrives now: in the inbox, through the page, from another diary."""
        return self._taking(
            house,
            lambda: house.inbox.step(time.time(), time.monotonic(), hurried=True),
            lambda: house.drop.step(time.time()),
            lambda: self._move(house),
        )

    def _move(self, house: House) -> bool:
        moved = elsewhere.step(house, self.houses, time.time(), all_there_are=not self.hurry)
        if moved:
            self.wake("align")  # which acts on what was decided
        return moved

    def _take_backlog(self, house: House) -> bool:
        """What lay in the inbox at the start, and what is imported, in turn: neither holds up the other for hours.

        No more of it than are looked at soon: whoever runs ahead has every photo decoded again, by a reader that remembers only the last few.
        """
        if self._ahead(house):
            return False
        works = [lambda: house.inbox.step(time.time(), time.monotonic()), lambda: house.importing.step(time.time())]
        worked = self._taking(house, *(reversed(works) if house.name in self._imports_first else works))
        if worked:
            self._imports_first ^= {house.name}
        return worked or (house.inbox.all_known(time.time(), time.monotonic()) and house.strays.step(time.time()))

    @staticmethod
    def _taking(house: House, *works: Callable[[], bool]) -> bool:
        try:
            return any(work() for work in works)
        except StorageTrouble:
            house.strays.look_again()  # it may have come between a photo's copy and its row
            raise

    def _ahead(self, house: House) -> bool:
        """Whether one photo more, as large as the others, would push one out of the readers' memory that is looked at or framed just now.

        Or whether framing lags behind: those that waited for the format are decoded once more anyway, but shall not become more.
        """
        number, size = queue.decoded(house.ledger, Stage.RECEIVED, time.time(), MANY)
        if number >= MANY or (number > 0 and size * (number + BESIDE) / number > house.locating.darkroom.room / len(self.houses)):
            return True
        return queue.decoded(house.ledger, Stage.LOCATED, time.time(), MANY)[0] > PLENTY and house.aligning.makes_frames()

    def intake_sleep(self) -> float:
        self.wake("align")  # the picture format waits for quiet
        clock, ahead = time.monotonic(), {house.name for house in self.houses if self._ahead(house)}
        if not ahead or clock - self._reported_at >= REPORT_EVERY_S:
            self._reported_at = clock
            for house in self.houses:
                house.inbox.report(time.time())
        waits = [min(house.inbox.wait_s(time.time(), clock), house.drop.wait_s(time.time())) for house in self.houses if house.name not in ahead]
        return min([*waits, AHEAD_S if ahead else LONGEST_SLEEP_S])

    # -- locate ----------------------------------------------------------------------------------------------------------------

    def locate(self) -> bool:
        if self.following.step():
            for house in self.houses:
                house.locating.locator = self.following.locator
                with suppress(StorageTrouble):
                    wishes.note(house.ledger, **card.at_work(self.following.locator))
        houses = self.houses
        return self._each((houses, self._locate_arriving), (houses, self._locate_one))

    @staticmethod
    def _locate_arriving(house: House) -> bool:
        return queue.arriving(house.ledger, Stage.RECEIVED, time.time()) and house.locating.step(time.time())

    def _locate_one(self, house: House) -> bool:
        return house.locating.step(time.time()) or self.assessing.look_again(house, self.following.locator)

    def due(self, stage: Stage) -> float:
        """Seconds until a photo of a stage may be tried."""
        due = [at for house in self.houses if (at := queue.next_due(house.ledger, stage)) is not None]
        return min(due) - time.time() if due else LONGEST_SLEEP_S

    # -- align -----------------------------------------------------------------------------------------------------------------

    def align(self) -> bool:
        houses = self.houses
        return self._each((houses, self._decide), (houses, self._align_arriving), (houses, self._align_one))

    def _decide(self, house: House) -> bool:
        """A person waits to see what becomes of it: before any frame."""
        if deciding.step(house.ledger, house.archive, house.zone):
            self.wake("locate")  # it may have looked before the photo was sent back to it
            return True
        wish = wishes.oldest_open(house.ledger, "refit")
        if wish is not None:
            wishes.fulfil(house.ledger, wish.id, {"words": house.aligning.refit(time.time())}, time.time())
            return True
        return False

    def _align_arriving(self, house: House) -> bool:
        return queue.arriving(house.ledger, Stage.LOCATED, time.time()) and self._align_one(house)

    def _align_one(self, house: House) -> bool:
        now = time.time()
        if queue.flowing(house.ledger, Stage.LOCATED, now):  # before one is claimed: the wait of who finds no room does not grow
            house.reserve.room_for(FRAME, FRAMES)
        return house.aligning.step(now, self._quiet_s(house, now))

    def _quiet_s(self, house: House, now: float) -> float:
        """For how long nothing has been on its way to the format's choice."""
        importing = wishes.oldest_open(house.ledger, "import") is not None
        quiet = house.inbox.quiet_s(now, time.monotonic())  # before the rows: a photo leaves the inbox's list only when it has one
        if importing or queue.flowing(house.ledger, Stage.RECEIVED, now, 1 if self.hurry else PATIENT):
            return 0.0
        full = PHOTOS[0] in house.reserve.troubles  # nothing more comes in until there is room: what is there gets its frames
        return math.inf if full or (self.hurry and quiet > 0) else quiet

    def align_sleep(self) -> float:
        undecided = any(photos.waiting(house.ledger, Stage.LOCATED) for house in self.houses)
        return (0.2 if self.hurry else 1.0) if undecided else self.due(Stage.LOCATED)

    # -- render ----------------------------------------------------------------------------------------------------------------

    def render(self) -> bool:
        """One film, of the diary whose turn was longest ago; without one to make, how good films are is measured, and what there is counted."""
        films = [((house,), self._film) for house in self.filming.in_turn(self.houses)]
        return self._each(*films, (self.houses, self.assessing.step), (self.houses, self.counting.step))

    def _film(self, house: House) -> bool:
        worked, lacking = self.filming.step(house, self.houses)
        if lacking:
            self.wake("align")
        return worked

    def render_sleep(self) -> float:
        due = [at for house in self.houses if (at := self.filming.due(house)) is not None]
        return max(0.5, min(due) - time.time()) if due else LONGEST_SLEEP_S  # one that is overdue waits for frames that are made again
