"""The step from eyes to a published frame."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property

import structlog

from photodiary.align.config import AlignConfig
from photodiary.align.framing import ENOUGH, PLENTY, choice_due, may_align
from photodiary.align.looking_again import LookingAgain
from photodiary.archive import layout
from photodiary.archive.store import Archive
from photodiary.darkroom.darkroom import Darkroom
from photodiary.diary.canvas import Canvas, Matrix, fit
from photodiary.diary.eyes import REASONS
from photodiary.diary.facing import onto
from photodiary.diary.photo import Digest, Stage, shown_name
from photodiary.diary.picking import Looks
from photodiary.diary.tally import Tally
from photodiary.errors import Held, IllegalMove, NoReader, PhotodiaryError, Unreadable, WorkerLost
from photodiary.ledger import photos, queue, reels
from photodiary.ledger.store import Ledger

log = structlog.get_logger()


@dataclass(frozen=True)
class Developed:
    """A frame's bytes, what it looks like, the matrix from its photo, and how long that took."""

    data: bytes
    looks: Looks
    matrix: Matrix
    seconds: float


@dataclass(frozen=True)
class Aligning:
    """Chooses the format of one diary and makes the frames that are missing or stale."""

    diary: str
    ledger: Ledger
    archive: Archive
    darkroom: Darkroom
    config: AlignConfig
    spent: dict[Digest, float]  # seconds of work so far by photo, for the log line
    arrived: Tally = field(default_factory=lambda: Tally(0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0))  # to the first frame, without a backlog's

    @cached_property
    def _again(self) -> LookingAgain:
        return LookingAgain(self.diary, self.ledger, self.archive, self.darkroom)

    def step(self, now: float, quiet_s: float) -> bool:
        """Choose the format if that is due, or make a few frames, or where nothing waits measure a few older ones.

        quiet_s: for how long nothing has been arriving.
        """
        row = self._canvas(now, quiet_s)
        if row is None:
            return False
        claimed = self._claimed(now)
        if not claimed:
            return quiet_s > 0 and self._again.step()
        with ThreadPoolExecutor(len(claimed), "framing") as hands:
            made = list(hands.map(lambda photo: self._developed(photo, row.canvas), claimed))
        troubles: list[Exception] = []
        for photo, result in zip(claimed, made, strict=True):
            try:
                self._took(photo, row, result)
            except IllegalMove:  # somebody else moved the photo meanwhile: nothing is lost, the next step sees it as it is
                continue
            except Exception as error:  # noqa: BLE001 - told below, once the frames that were made are published
                troubles.append(error)
        for trouble in troubles:
            if len(troubles) == len(claimed) or not isinstance(trouble, PhotodiaryError):
                raise trouble
            log.warning(f"a frame will be tried again: {trouble}", code="photo.retry", diary=self.diary)
        return True

    def _claimed(self, now: float) -> list[photos.PhotoRow]:
        """As many as readers can work on at once; one that arrives now takes only its like along, and does not wait for a backlog's."""
        claimed: list[photos.PhotoRow] = []
        while len(claimed) < self.darkroom.hands and (
            (photo := queue.claim(self.ledger, Stage.LOCATED, now, hurried=any(not (one.backlog or one.frame) for one in claimed), fresh=True)) is not None
        ):
            claimed.append(photo)
            if photo.tries:  # what broke a step before may break it again: it takes no further company along
                break
        return claimed

    def _developed(self, photo: photos.PhotoRow, canvas: Canvas) -> Developed | Exception:
        started = time.monotonic()
        original, sighting = photo.original, photo.sighting
        assert original is not None and sighting is not None and sighting.eyes is not None
        try:
            matrix = onto(sighting.eyes, photo.facing, canvas)
            data, looks = self.darkroom.developed(photo.sha256, lambda: self.archive.read(original), matrix, canvas)
        except Exception as error:  # noqa: BLE001 - whoever claimed the photo acts on it
            return error
        return Developed(data, looks, matrix, time.monotonic() - started)

    def _took(self, photo: photos.PhotoRow, row: reels.CanvasRow, made: Developed | Exception) -> None:
        """Publish a frame, or act on what stood against it.  Raises what is no fault of the photo's."""
        original, sighting, started = photo.original, photo.sighting, time.monotonic()
        assert original is not None and sighting is not None and sighting.eyes is not None
        if isinstance(made, WorkerLost):
            if photos.count_death(self.ledger, photo) >= 2:
                photos.quarantine(self.ledger, photo, "crashed_reader")
                log.warning(f"{original} could not be read: {REASONS['crashed_reader']}", code="photo.quarantined", diary=self.diary)
            else:
                log.warning(f"{original} will be tried again: {made}", code="photo.retry", diary=self.diary)
        elif isinstance(made, NoReader):  # it could be read when it came: whoever took the library away may bring it back
            log.warning(f"{original} will be tried again: {made}", code="photo.retry", diary=self.diary)
        elif isinstance(made, Unreadable | Held | ValueError):
            photos.quarantine(self.ledger, photo, made.code if isinstance(made, Unreadable) else "damaged")
            log.warning(f"{original} could not be read: {made}", code="photo.quarantined", diary=self.diary)
        elif isinstance(made, Exception):
            raise made
        else:
            wall = None if photo.taken is None else photo.taken.wall
            frame = layout.frame(photo.sha256, wall, sighting.eyes, row.canvas, photo.facing)
            self.archive.publish(frame, made.data)
            reels.publish_frame(self.ledger, photo, frame, len(made.data), made.matrix, row.id, time.time, made.looks)
            if photo.frame is None and not photo.backlog:
                self.arrived.add(time.time() - photo.received_at)
            if photo.frame is not None and photo.frame != frame:
                self.archive.remove(photo.frame)
            self._tell(photo, frame, self.spent.pop(photo.sha256, 0.0) + made.seconds + time.monotonic() - started)

    def _tell(self, photo: photos.PhotoRow, frame: str, spent: float) -> None:
        assert photo.sighting is not None
        names = photos.names_of(self.ledger, photo)
        when = f"{photo.taken.wall:%-d %B %Y %H:%M}" if photo.taken is not None else "undated"
        position = reels.film_position(self.ledger, photo)
        error = photo.sighting.expected_error
        sure = "eyes placed by you" if error is None else f"eyes within {error:.1f} %"
        check = f", to check: {REASONS[photo.reason or 'unsure']}" if photo.doubtful else ""
        name = f" ({shown_name(names[0])})" if names else ""
        where = "kept aside, another photo of the moment or day shows" if position is None else f"in the film as frame {position:,}"
        log.info(
            f"{when} {where}, {sure}, {1000 * spent:.0f} ms{name}{check}",
            code="photo.framed", diary=self.diary, sha256=photo.sha256, frame=frame, expected_error=error, seconds=round(spent, 3),
        )  # fmt: skip

    def makes_frames(self) -> bool:
        """Whether there is a format that frames are made for: what has eyes gets its frame now, and does not wait for a choice."""
        row = reels.current_canvas(self.ledger)
        return row is not None and (
            self.config.fixed() is not None or may_align(0 if row.frozen else len(reels.framings(self.ledger, PLENTY)), True, row.frozen)
        )

    def _canvas(self, now: float, quiet_s: float) -> reels.CanvasRow | None:
        """The format to make frames for; None while it has to be waited for."""
        row = reels.current_canvas(self.ledger)
        fixed = self.config.fixed()
        if fixed is not None:
            if row is None or row.canvas != fixed:
                words = f"{fixed.width} x {fixed.height} as written in the configuration"
                self._adopt(fixed, frozen=True, words=words, now=now)
                row = reels.current_canvas(self.ledger)
            return row
        if row is not None and row.frozen:
            return row
        framings = reels.framings(self.ledger, PLENTY)
        if choice_due(len(framings), quiet_s, row is not None, False):
            chosen = fit(framings)
            self._adopt(chosen.canvas, frozen=len(framings) >= ENOUGH, words=chosen.in_words(), now=now)
            row = reels.current_canvas(self.ledger)
        return row if row is not None and may_align(len(framings), True, row.frozen) else None

    def refit(self, now: float) -> str:
        """The user's wish: choose the format again from all photos.  Returns it in words."""
        if self.config.fixed() is not None:
            return f"the picture format is written in the configuration ({self.config.canvas}); change it there"
        framings = reels.framings(self.ledger, PLENTY)
        if not framings:
            return "there are no photos yet to choose a picture format from"
        chosen = fit(framings)
        self._adopt(chosen.canvas, frozen=len(framings) >= ENOUGH, words=chosen.in_words(), now=now)
        return chosen.in_words()

    def _adopt(self, canvas: Canvas, *, frozen: bool, words: str, now: float) -> None:
        again = reels.adopt_canvas(self.ledger, canvas, frozen=frozen, source=self.config.canvas, words=words, now=now)
        kept = "stays from now on" if frozen else f"is chosen again once there are {ENOUGH} photos"
        frames = f"; {again:,} frames are made again" if again else ""
        log.info(f"picture format: {words}; it {kept}{frames}", code="canvas.chosen", diary=self.diary, frozen=frozen)
