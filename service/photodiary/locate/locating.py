"""The step from a received photo to a sighting of its eyes."""

from __future__ import annotations

import time
from dataclasses import dataclass

import structlog

from photodiary.archive.store import Archive
from photodiary.darkroom.darkroom import Darkroom
from photodiary.diary.eyes import REASONS, DoubtConfig, triage
from photodiary.diary.photo import Digest, Stage, shown_name
from photodiary.errors import Held, NoReader, PhotodiaryError, StorageTrouble, Unreadable, WorkerLost
from photodiary.eyenet.likeness import ENOUGH, MOST, Gallery
from photodiary.ledger import gallery, photos
from photodiary.ledger.store import Ledger
from photodiary.locate.views import DarkroomView, Located, Locator

log = structlog.get_logger()


@dataclass(frozen=True)
class Locating:
    """Finds work for the locator in one diary."""

    diary: str
    ledger: Ledger
    archive: Archive
    darkroom: Darkroom
    locator: Locator
    doubt: DoubtConfig
    spent: dict[Digest, float]  # seconds of work so far by photo, for the log line

    def step(self, now: float) -> bool:
        """Predict the received photos whose turn it is, several at once while there is a backlog, and move them on.  Returns whether there were any."""
        claimed: list[photos.PhotoRow] = []
        while len(claimed) < self.locator.together and (photo := photos.claim(self.ledger, Stage.RECEIVED, now)) is not None:
            claimed.append(photo)
            if photo.tries:  # what broke a step before may break it again: it takes no further company along
                break
        if not claimed:
            return self._look_again()
        started = time.monotonic()
        galleries = [Gallery.of(gallery.near(self.ledger, self.locator.name, photo, MOST)) for photo in claimed]
        answers = self.locator.locate_all([self._view(photo) for photo in claimed], galleries)
        each = (time.monotonic() - started) / len(claimed)
        for photo, answer in zip(claimed, answers, strict=True):
            if isinstance(answer, PhotodiaryError):
                self._failed(photo, answer)
            else:
                self._said(photo, answer, each, now)
        return True

    def _view(self, photo: photos.PhotoRow) -> DarkroomView:
        original, width, height = photo.original, photo.width, photo.height
        assert original is not None and width is not None and height is not None
        return DarkroomView(self.darkroom, photo.sha256, lambda: self.archive.read(original), (width, height))

    def _failed(self, photo: photos.PhotoRow, error: PhotodiaryError) -> None:
        """A photo that could not be looked at: try again, or set it aside.  Raises what is no trouble of this photo."""
        if isinstance(error, WorkerLost):
            if photos.count_death(self.ledger, photo) >= 2:
                photos.quarantine(self.ledger, photo, "crashed_reader")
                log.warning(f"{photo.original} could not be read: {REASONS['crashed_reader']}", code="photo.quarantined", diary=self.diary)
            else:
                log.warning(f"{photo.original} will be tried again: {error}", code="photo.retry", diary=self.diary)
        elif isinstance(error, StorageTrouble | NoReader):
            log.warning(f"{photo.original} will be tried again: {error}", code="photo.retry", diary=self.diary)
        elif isinstance(error, Unreadable | Held):
            photos.quarantine(self.ledger, photo, error.code if isinstance(error, Unreadable) else "truncated")
            log.warning(f"{photo.original} could not be read: {error}", code="photo.quarantined", diary=self.diary)
        else:
            raise error

    def _said(self, photo: photos.PhotoRow, located: Located, seconds: float, now: float) -> None:
        """Append the sighting and move the photo on."""
        sighting = located.sighting
        decision = triage(sighting, self.doubt)
        likeness = None if located.embedding is None else (located.embedding, located.log_odds)
        stage = photos.append_sighting(
            self.ledger, photo, sighting, decision.stage, doubtful=decision.doubtful, reason=decision.reason, now=now, likeness=likeness
        )
        if stage is Stage.LOCATED:
            self.spent[photo.sha256] = self.spent.get(photo.sha256, 0.0) + seconds
            return
        names = photos.names_of(self.ledger, photo)
        what = "left out" if not decision.doubtful else "left out until you check it" if photo.frame is None else "to check, its frame stays in the film"
        log.info(
            f"{shown_name(names[0]) if names else photo.original} {what}: {REASONS[decision.reason or 'unsure']}",
            code="photo.left_out", diary=self.diary, sha256=photo.sha256, reason=decision.reason,
        )  # fmt: skip

    def _look_again(self) -> bool:
        """Once there are enough trusted frames: look again at a photo that was judged without.  Returns whether there was one."""
        model = self.locator.name
        if not gallery.waiting(self.ledger, model) or gallery.trusted(self.ledger, model) <= ENOUGH:
            return False
        return gallery.look_again(self.ledger, model)
