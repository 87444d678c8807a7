"""The step that makes a film when one is due or wished for, whose turn it is, and what becomes of trouble with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from photodiary.archive.reserve import FILM
from photodiary.diary.hours import next_time
from photodiary.errors import BrokenFilm, FrameBroken, RenderFailed, RenderStopped, StorageTrouble, Transient
from photodiary.ledger import forgetting, looks, reels, wishes
from photodiary.render.schedule import RenderConfig, due_at
from photodiary.run import deciding
from photodiary.run.house import House

log = structlog.get_logger()

AFTER_TROUBLE_S = (2.0, 10.0, 60.0)  # before a film that failed is tried again: once, twice, more often in a row
TELL_EVERY_S = 0.5
REST = 20.0  # times as long as an answer took that it is good enough
LONG_S = 0.1  # where it took longer than this
TURN_S = 60.0  # then a long film gives way to another diary's that waits, and goes on after it with the segments that it has
ASK_EVERY_S = 5.0  # whether one waits


@dataclass(frozen=True)
class Asked:
    """An answer, in which state of the ledger it was given, and until when (monotonic) it is good enough in any."""

    state: tuple[float, ...]
    stale: bool
    until: float


@dataclass
class Filming:
    """Films of all diaries.  beat: called whenever a film has come further."""

    config: RenderConfig
    beat: Callable[[], None]
    _failed: dict[str, int] = field(default_factory=dict)  # how often in a row, by diary
    _not_before: dict[str, float] = field(default_factory=dict)
    _asked: dict[str, Asked] = field(default_factory=dict)  # whether other films should be there, by diary
    _turns: dict[str, float] = field(default_factory=dict)  # when a diary's last one began, monotonic, by diary
    _others: Sequence[House] = ()  # who may be waiting while a film is made
    _ask_at: float = float("inf")
    _gave_way: bool = False

    def due(self, house: House) -> float | None:
        """When the next film of a diary is due, in seconds since the epoch."""
        config, reel, news = self.config, reels.newest_reel(house.ledger), self._news(house)
        last = 0.0 if reel is None else reel.rendered_at
        due = due_at(config, news, has_film=reel is not None, zone=house.zone, last=last)
        if due is None and reel is not None and not news.remaking:
            measuring = looks.waiting(house.ledger) > 0  # after an upgrade: each frame that is measured changes the light of those beside it
            wait = next_time(config.at, house.zone, last) if config.at else last + (config.at_latest_s if measuring else config.after_quiet_s)
            if (measuring and wait > time.time()) or self._stale(house):  # the style changed, or a photo left the film; every few frames that is asked anew
                due = wait
        return due if due is None else max(due, self._not_before.get(house.name, 0.0))

    @staticmethod
    def _news(house: House) -> reels.FilmNews:
        """In a large diary it takes long, and every photo makes other news: it may be as old as that it takes a twentieth of the time."""
        return reels.film_news(house.ledger, rest=REST)

    def _stale(self, house: House) -> bool:
        """Whether other films should be there, planned only when something has changed since that was last asked, and no more than a twentieth of the time."""
        known, began = self._asked.get(house.name), time.monotonic()
        if known is not None and began < known.until:
            return known.stale
        state = reels.film_state(house.ledger)
        if known is None or known.state != state:
            stale = house.rendering.stale()
            took = time.monotonic() - began
            known = self._asked[house.name] = Asked(state, stale, time.monotonic() + REST * took if took > LONG_S else 0.0)
        return known.stale

    def in_turn(self, houses: Sequence[House]) -> list[House]:
        """The diaries of which a film is to be made now; the one whose turn was longest ago comes first."""
        return sorted((house for house in houses if self._waits(house)), key=lambda house: self._turns.get(house.name, 0.0))

    def _waits(self, house: House) -> bool:
        """Trouble with asking is told where the film is made."""
        try:
            return self._is_time(house)
        except Transient:
            return True

    def _is_time(self, house: House) -> bool:
        if self._news(house).remaking:
            return False
        if wishes.oldest_open(house.ledger, "render") is not None or forgetting.to_wipe(house.ledger):
            return True
        due = self.due(house)
        return due is not None and due <= time.time()

    def gives_way(self) -> bool:
        """Asked all the while a film is made: whether it has had its turn, and another diary's waits."""
        if time.monotonic() < self._ask_at:
            return False
        self._ask_at = time.monotonic() + ASK_EVERY_S
        self._gave_way = any(self._waits(house) for house in self._others)
        return self._gave_way

    def step(self, house: House, houses: Sequence[House] = ()) -> tuple[bool, bool]:
        """Make a film if it is time.  Returns whether there was work, and whether a frame has to be made again for it.

        houses: all there are.  Raises RenderFailed, BrokenFilm, StorageTrouble.
        """
        if not self._is_time(house):
            return False, False
        wish = wishes.oldest_open(house.ledger, "render")
        forgotten = forgetting.to_wipe(house.ledger)
        whole = bool(forgotten) or bool(wish and wish.details.get("full"))  # what was encoded for these is not known again
        self._turns[house.name] = time.monotonic()
        self._others, self._gave_way = [other for other in houses if other is not house], False
        self._ask_at = float("inf") if whole else time.monotonic() + TURN_S
        watched = wish or (wishes.oldest_open(house.ledger, "forget") if forgotten else None)
        try:
            full = bool(wish and wish.details.get("full"))
            only = wish.details.get("only") if wish is not None and not forgotten else None
            progress = self._progress(house, None if watched is None else watched.id)
            house.ledger.ask_anew("film_news")  # a film is made of what there is now, and then that is no news any more
            reel = house.rendering.render(time.time(), full=full, only=only, forgetting=bool(forgotten), progress=progress)
            deciding.film_made(house.ledger, house.archive, reel, forgotten, diary=house.name)
            wishes.note(house.ledger, rendering=None)
            house.ledger.ask_anew("film_news")
            self._asked.pop(house.name, None)
        except RenderStopped:
            return self._gave_way, False
        except FrameBroken as error:
            if error.frame is None:
                raise
            reels.frame_lost(house.ledger, error.frame)  # a wish stays open; the next round finds the frame made again
            log.warning(f"{error}; it is made again", code="frame.lost", diary=house.name, frame=error.frame)
            return True, True
        except (RenderFailed, BrokenFilm, StorageTrouble) as error:
            cheap = FILM[0] in house.reserve.troubles  # it was not even begun: looking for room again costs nothing
            failed = self._failed[house.name] = 1 if cheap else self._failed.get(house.name, 0) + 1
            self._not_before[house.name] = time.time() + AFTER_TROUBLE_S[min(failed, len(AFTER_TROUBLE_S)) - 1]
            if wish is not None:
                wishes.fulfil(house.ledger, wish.id, {"frames": 0, "error": str(error)}, time.time())
            raise
        self._failed.pop(house.name, None)
        self._not_before.pop(house.name, None)
        if wish is not None:
            wishes.fulfil(house.ledger, wish.id, {"frames": 0 if reel is None else reel.frames}, time.time())
        return True, False

    def _progress(self, house: House, wish: int | None) -> Callable[[int], None]:
        told = [0.0]

        def tell(done: int) -> None:
            self.beat()
            if time.monotonic() - told[0] > TELL_EVERY_S:
                told[0] = time.monotonic()
                with suppress(StorageTrouble):  # on a full disk the film counts, not the word about it
                    wishes.note(house.ledger, rendering={"done": done, "at": time.time()})
                    if wish is not None:
                        wishes.report(house.ledger, wish, {"done": done})

        return tell
