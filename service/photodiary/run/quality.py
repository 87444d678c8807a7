"""The step that measures how good the films are: pair by pair of their photos, a little at a time, while nothing else is to do."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Final

from photodiary.diary.photo import Stage
from photodiary.diary.quality import Measured, report
from photodiary.diary.tone import grades
from photodiary.errors import Held, StorageTrouble, Unreadable, WorkerLost
from photodiary.eyenet.likeness import MOST, Gallery
from photodiary.ledger import gallery, photos, queue, reels, transitions
from photodiary.ledger.transitions import Pair, Seen
from photodiary.locate.twice import look_again
from photodiary.locate.views import DarkroomView, Locator
from photodiary.run.house import House

BUDGET_S: Final = 0.3
"""Of measuring in one step: a film or photo that comes meanwhile waits no longer."""

TWICE: Final = 24
"""Photos of a diary that are looked at a second time."""


@dataclass
class Film:
    """One film and what is still to be measured for it."""

    path: str
    fingerprint: str
    frames: list[str]


@dataclass
class Work:
    """On the films of one diary as they are now.  key: what has to stay for it to be the same work."""

    key: tuple[object, ...]
    films: list[Film]
    seen: dict[str, Seen]
    todo: deque[Pair]
    told: bool = False


@dataclass
class Assessing:
    """Of all diaries.  Only remembers what the ledger says anyway, and pairs that could not be read in this process's life."""

    _work: dict[str, Work] = field(default_factory=dict)
    _broken: set[Pair] = field(default_factory=set)
    _looked: dict[str, tuple[object, ...]] = field(default_factory=dict)

    def step(self, house: House) -> bool:
        """Measure a few pairs, or write the report when all are measured; for whoever makes films.  Returns whether there was something to do.

        Does nothing while a photo is on its way.  Raises StorageTrouble, NoWorker.
        """
        if _busy(house):
            return False
        newest = reels.newest_reels(house.ledger)
        floors = len(transitions.floors(house.ledger)) if house.name in self._looked else 0  # not anew for each of them
        key = (*sorted((path, reel.fingerprint, reel.rendered_at) for path, reel in newest.items()), floors)
        work = self._work.get(house.name)
        if work is None or work.key != key:
            work = self._work[house.name] = self._begun(house, key, newest)
        if work.todo:
            self._measure(house, work)
            return True
        if not work.told:
            self._tell(house, work)
            self._work[house.name] = Work(key, [], {}, deque(), told=True)
            return True
        return False

    @staticmethod
    def behind(house: House) -> bool:
        """Whether a film is there without its report."""
        return transitions.lacking(house.ledger)

    def _begun(self, house: House, key: tuple[object, ...], newest: dict[str, reels.ReelRow]) -> Work:
        films = [Film(path, reel.fingerprint, reels.shown_by_newest(house.ledger, path)) for path, reel in newest.items()]
        films = [film for film in films if film.frames]
        seen, known = transitions.seen(house.ledger), transitions.known(house.ledger)
        wanted = dict.fromkeys(pair for film in films for pair in pairwise(film.frames))
        todo = deque(pair for pair in wanted if pair not in known and pair not in self._broken and _comparable(pair, seen))
        return Work(key, films, seen, todo)

    def _measure(self, house: House, work: Work) -> None:
        found: dict[Pair, Measured] = {}
        end, last = time.monotonic() + BUDGET_S, ("", b"")
        while work.todo:
            pair = work.todo.popleft()
            canvas = work.seen[pair[0]].canvas
            try:
                before = last[1] if last[0] == pair[0] else house.archive.read(pair[0])
                after = house.archive.read(pair[1])
                found[pair] = house.locating.darkroom.motion(before, after, canvas.left, canvas.right)
                last = pair[1], after
            except (StorageTrouble, Held, Unreadable, WorkerLost):  # whoever makes the film finds the frame missing or damaged, and has it made again
                self._broken.add(pair)
            if time.monotonic() >= end:
                break
        if found:
            transitions.keep(house.ledger, found)

    def _tell(self, house: House, work: Work) -> None:
        known = transitions.known(house.ledger)
        wanted = [pair for film in work.films for pair in pairwise(film.frames)]
        transitions.prune(house.ledger, wanted)
        floors = [jitter for before, after in known if before == after and (jitter := known[before, after].jitter) is not None]
        for film in work.films:
            tones = [None if (seen := work.seen.get(frame)) is None else seen.tone for frame in film.frames]
            graded = grades(tones) if _evened_out(house, film.path) else [()] * len(tones)
            transitions.publish(house.ledger, film.path, film.fingerprint, report(film.frames, known, floors, tones, graded))

    # -- the floor ---------------------------------------------------------------------------------------------------------

    def look_again(self, house: House, locator: Locator) -> bool:
        """Look at a photo of the film a second time, slightly cropped, for whoever owns the locator.  Returns whether there was one.

        Does nothing while a photo is on its way.  Raises StorageTrouble, NoWorker, DeviceLost.
        """
        reel = reels.newest_reel(house.ledger)
        key = (locator.name, None if reel is None else (reel.fingerprint, reel.rendered_at))
        if reel is None or self._looked.get(house.name) == key or _busy(house):
            return False
        for twice in transitions.sample(house.ledger, locator.name, TWICE):
            photo = photos.find(house.ledger, twice.sha256)
            if photo is None or photo.frame != twice.frame or (twice.frame, twice.frame) in self._broken:
                continue
            found = self._second(house, locator, photo)
            if found is None:
                self._broken.add((twice.frame, twice.frame))
                continue
            transitions.keep(house.ledger, {(twice.frame, twice.frame): found})
            return True
        self._looked[house.name] = key
        return False

    @staticmethod
    def _second(house: House, locator: Locator, photo: photos.PhotoRow) -> Measured | None:
        """None where the photo cannot be looked at now, or stands upright only by a person's word."""
        original, width, height, sighting = photo.original, photo.width, photo.height, photo.sighting
        if original is None or width is None or height is None or sighting is None or sighting.eyes is None or photo.facing.turned:
            return None
        view = DarkroomView(house.locating.darkroom, photo.sha256, lambda: house.archive.read(original), (width, height))
        try:
            return look_again(locator, view, Gallery.of(gallery.near(house.ledger, locator.kin, photo, MOST)), sighting.eyes)
        except (StorageTrouble, Held, Unreadable, WorkerLost):
            return None


def _busy(house: House) -> bool:
    now = time.time()
    return any(queue.flowing(house.ledger, stage, now) for stage in (Stage.RECEIVED, Stage.LOCATED))


def _comparable(pair: Pair, seen: dict[str, Seen]) -> bool:
    return pair[0] in seen and pair[1] in seen and seen[pair[0]].canvas == seen[pair[1]].canvas


def _evened_out(house: House, path: str) -> bool:
    name = PurePosixPath(path).name
    return next((wish.style.even_out for wish in house.rendering.films if wish.part_of(name) is not None), True)
