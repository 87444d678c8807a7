"""The step from a received photo to a sighting of its eyes."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import structlog

from photodiary.archive.store import Archive
from photodiary.darkroom.darkroom import Darkroom
from photodiary.diary.eyes import REASONS, DoubtConfig, Sighting, triage
from photodiary.diary.photo import Digest, Stage, shown_name
from photodiary.diary.tally import Tally
from photodiary.errors import Held, NoReader, PhotodiaryError, StorageTrouble, Unreadable, WorkerLost
from photodiary.eyenet.likeness import ENOUGH, MOST, Gallery
from photodiary.ledger import gallery, judging, photos, queue
from photodiary.ledger.sightings import Look
from photodiary.ledger.store import Ledger
from photodiary.locate.turned import as_told, back_from
from photodiary.locate.views import DarkroomView, Located, Locator, View

log = structlog.get_logger()


@dataclass
class Again:
    """How far a model is with what others judged.  Only a saving, and numbers for the log: a new start finds the same in the ledger.

    settled: the model as which all photos stand; after: the number of the photo up to which they do.
    """

    model: str = ""
    settled: str = ""
    after: int = 0
    looked: int = 0
    moved: int = 0
    asked: int = 0
    found: int = 0

    def count(self, done: judging.Settled) -> None:
        self.moved += done.again
        self.asked += done.asked
        self.found += done.found


@dataclass
class Locating:
    """Finds work for the locator in one diary.  `locator` may be replaced by whoever calls `step`, between two steps."""

    diary: str
    ledger: Ledger
    archive: Archive
    darkroom: Darkroom
    locator: Locator
    doubt: DoubtConfig
    spent: dict[Digest, float]  # seconds of work so far by photo, for the log line
    again: Again = field(default_factory=Again)
    took: Tally = field(default_factory=lambda: Tally(0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0))  # a photo, whoever asked for it

    def step(self, now: float) -> bool:
        """Predict the received photos whose turn it is, several at once while there are many, and move them on.  Returns whether there were any.

        One that arrives now takes only its like along: it does not wait for a backlog's looks.
        """
        claimed: list[photos.PhotoRow] = []
        while len(claimed) < self.locator.together and (
            (photo := queue.claim(self.ledger, Stage.RECEIVED, now, hurried=any(not (one.backlog or one.frame) for one in claimed))) is not None
        ):
            claimed.append(photo)
            if photo.tries:  # what broke a step before may break it again: it takes no further company along
                break
        if not claimed:
            return self._look_again() or self._judge_again(now)
        started = time.monotonic()
        answers = self._ask(claimed)
        each = (time.monotonic() - started) / len(claimed)
        for photo, answer in zip(claimed, answers, strict=True):
            if isinstance(answer, PhotodiaryError):
                self._failed(photo, answer)
            else:
                self._said(photo, answer, each, now)
        return True

    def _ask(self, claimed: list[photos.PhotoRow]) -> list[Located | PhotodiaryError]:
        galleries = [Gallery.of(gallery.near(self.ledger, self.locator.kin, photo, MOST)) for photo in claimed]
        started = time.monotonic()
        answers = self.locator.locate_all([self._view(photo) for photo in claimed], galleries)
        self.took.add((time.monotonic() - started) / len(claimed), len(claimed))
        return answers

    def _view(self, photo: photos.PhotoRow) -> View:
        original, width, height = photo.original, photo.width, photo.height
        assert original is not None and width is not None and height is not None
        return as_told(DarkroomView(self.darkroom, photo.sha256, lambda: self.archive.read(original), (width, height)), photo.facing)

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
        sighting, likeness = _told(photo, located)
        decision = triage(sighting, self.doubt)
        stage = photos.append_sighting(
            self.ledger, photo, sighting, decision.stage, doubtful=decision.doubtful, reason=decision.reason, now=now, likeness=likeness, kin=self.locator.kin
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
        kin = self.locator.kin
        if not gallery.waiting(self.ledger, kin) or gallery.trusted(self.ledger, kin) <= ENOUGH:
            return False
        return gallery.look_again(self.ledger, kin)

    # -- after another model has taken over ----------------------------------------------------------------------------

    def behind(self, now: float) -> bool:
        """Whether there is something to do now about photos that another model judged."""
        return self.again.settled != self.locator.name or judging.due(self.ledger, self.locator.name, now)

    def _judge_again(self, now: float) -> bool:
        """Look at photos that only other models judged; when all are through, have each stand as this one says.  Returns whether there was work."""
        model, again = self.locator.name, self.again
        if again.model != model:
            self.again = again = Again(model)
            waiting = judging.unjudged(self.ledger, model)
            if waiting:
                log.info(f"{_photos(waiting)} to be looked at again by the model {model}, while no new one waits", code="model.again", diary=self.diary)
        claimed = judging.claim(self.ledger, model, now, self.locator.together)
        for photo, answer in zip(claimed, self._ask(claimed) if claimed else (), strict=True):
            if isinstance(answer, PhotodiaryError):
                if not isinstance(answer, Held | Unreadable | WorkerLost | StorageTrouble):
                    raise answer
                log.warning(f"{photo.original} stays as it is, and is looked at again later: {answer}", code="photo.retry", diary=self.diary)
                continue
            judging.add(self.ledger, photo, *_told(photo, answer), self.locator.kin, now)
            again.looked += 1
            again.settled, again.after = "", 0
        if claimed:
            return True
        if again.settled == model:
            return False
        while (done := judging.settle(self.ledger, model, self.doubt, again.after)).last is not None:
            again.after = done.last
            again.count(done)
            if done.changed:
                return True
        if again.looked or again.moved:
            seen = f"{_photos(again.looked)} looked at again by" if again.looked else "photos stand as they did with"
            log.info(
                f"{seen} the model {model}: {again.moved:,} of the frames to be made again, {again.asked:,} to check, a face found at last in {again.found:,}",
                code="model.settled", diary=self.diary, looked=again.looked, moved=again.moved,
            )  # fmt: skip
        self.again = Again(model, settled=model)
        return False


def _photos(number: int) -> str:
    return f"{number:,} photo{'s' if number != 1 else ''}"


def _told(photo: photos.PhotoRow, located: Located) -> tuple[Sighting, Look | None]:
    """What was seen, in pixels of the upright original, and what the face looks like."""
    assert photo.width is not None and photo.height is not None
    likeness = None if located.embedding is None else (located.embedding, located.log_odds)
    return back_from(located.sighting, photo.facing, (photo.width, photo.height)), likeness
