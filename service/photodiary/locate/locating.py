"""The step from a received photo to a sighting of its eyes."""

from __future__ import annotations

import time
from dataclasses import dataclass

import structlog

from photodiary.archive.store import Archive
from photodiary.darkroom.darkroom import Darkroom
from photodiary.diary.eyes import REASONS, DoubtConfig, triage
from photodiary.diary.photo import Digest, Stage, shown_name
from photodiary.errors import Held, StorageTrouble, Unreadable, WorkerLost
from photodiary.ledger import gallery, photos
from photodiary.ledger.store import Ledger
from photodiary.locate.likeness import ENOUGH, MOST, Gallery
from photodiary.locate.views import DarkroomView, Locator

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
        """Predict one received photo and move it on.  Returns whether there was one."""
        photo = photos.claim(self.ledger, Stage.RECEIVED, now)
        if photo is None:
            return self._look_again()
        original, width, height = photo.original, photo.width, photo.height
        assert original is not None and width is not None and height is not None
        started = time.monotonic()
        view = DarkroomView(self.darkroom, photo.sha256, lambda: self.archive.read(original), (width, height))
        try:
            located = self.locator.locate(view, Gallery.of(gallery.near(self.ledger, self.locator.name, photo, MOST)))
        except WorkerLost as error:
            if photos.count_death(self.ledger, photo) >= 2:
                photos.quarantine(self.ledger, photo, "crashed_reader")
                log.warning(f"{original} could not be read: {REASONS['crashed_reader']}", code="photo.quarantined", diary=self.diary)
            else:
                log.warning(f"{original} will be tried again: {error}", code="photo.retry", diary=self.diary)
            return True
        except (Unreadable, Held) as error:
            photos.quarantine(self.ledger, photo, error.code if isinstance(error, Unreadable) else "truncated")
            log.warning(f"{original} could not be read: {error}", code="photo.quarantined", diary=self.diary)
            return True
        except StorageTrouble as error:
            log.warning(f"{original} will be tried again: {error}", code="photo.retry", diary=self.diary)
            return True
        sighting = located.sighting
        decision = triage(sighting, self.doubt)
        likeness = None if located.embedding is None else (located.embedding, located.log_odds)
        photos.append_sighting(self.ledger, photo, sighting, decision.stage, doubtful=decision.doubtful, reason=decision.reason, now=now, likeness=likeness)
        if decision.stage is Stage.LOCATED:
            self.spent[photo.sha256] = self.spent.get(photo.sha256, 0.0) + time.monotonic() - started
        else:
            names = photos.names_of(self.ledger, photo)
            what = "left out until you check it" if decision.doubtful else "left out"
            log.info(
                f"{shown_name(names[0]) if names else original} {what}: {REASONS[decision.reason or 'unsure']}",
                code="photo.left_out", diary=self.diary, sha256=photo.sha256, reason=decision.reason,
            )  # fmt: skip
        return True

    def _look_again(self) -> bool:
        """Once there are enough trusted frames: look again at a photo that was judged without.  Returns whether there was one."""
        model = self.locator.name
        if not gallery.waiting(self.ledger, model) or gallery.trusted(self.ledger, model) <= ENOUGH:
            return False
        return gallery.look_again(self.ledger, model)
