"""The step from eyes to a published frame."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cached_property

import structlog

from photodiary.align.config import AlignConfig
from photodiary.align.framing import ENOUGH, PLENTY, choice_due, may_align
from photodiary.align.looking_again import LookingAgain
from photodiary.archive import layout
from photodiary.archive.store import Archive
from photodiary.darkroom.darkroom import Darkroom
from photodiary.diary.canvas import Canvas, fit
from photodiary.diary.eyes import REASONS
from photodiary.diary.facing import onto
from photodiary.diary.photo import Digest, Stage, shown_name
from photodiary.diary.tally import Tally
from photodiary.errors import Held, NoReader, Unreadable, WorkerLost
from photodiary.ledger import photos, queue, reels
from photodiary.ledger.store import Ledger

log = structlog.get_logger()


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
        """Choose the format if that is due, or make one frame, or where nothing waits measure a few older ones.

        quiet_s: for how long nothing has been arriving.
        """
        row = self._canvas(now, quiet_s)
        if row is None:
            return False
        photo = queue.claim(self.ledger, Stage.LOCATED, now)
        if photo is None:
            return quiet_s > 0 and self._again.step()
        started = time.monotonic()
        original, sighting = photo.original, photo.sighting
        assert original is not None and sighting is not None and sighting.eyes is not None
        try:
            matrix = onto(sighting.eyes, photo.facing, row.canvas)
            data, measured = self.darkroom.developed(photo.sha256, lambda: self.archive.read(original), matrix, row.canvas)
        except WorkerLost as error:
            if photos.count_death(self.ledger, photo) >= 2:
                photos.quarantine(self.ledger, photo, "crashed_reader")
                log.warning(f"{original} could not be read: {REASONS['crashed_reader']}", code="photo.quarantined", diary=self.diary)
            else:
                log.warning(f"{original} will be tried again: {error}", code="photo.retry", diary=self.diary)
            return True
        except NoReader as error:  # it could be read when it came: whoever took the library away may bring it back
            log.warning(f"{original} will be tried again: {error}", code="photo.retry", diary=self.diary)
            return True
        except (Unreadable, Held, ValueError) as error:
            photos.quarantine(self.ledger, photo, error.code if isinstance(error, Unreadable) else "damaged")
            log.warning(f"{original} could not be read: {error}", code="photo.quarantined", diary=self.diary)
            return True
        wall = None if photo.taken is None else photo.taken.wall
        frame = layout.frame(photo.sha256, wall, sighting.eyes, row.canvas, photo.facing)
        self.archive.publish(frame, data)
        reels.publish_frame(self.ledger, photo, frame, len(data), matrix, row.id, time.time, measured)
        if photo.frame is None and not photo.backlog:
            self.arrived.add(time.time() - photo.received_at)
        if photo.frame is not None and photo.frame != frame:
            self.archive.remove(photo.frame)
        spent = self.spent.pop(photo.sha256, 0.0) + time.monotonic() - started
        self._tell(photo, frame, spent)
        return True

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
