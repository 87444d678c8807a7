"""Measures frames that were made before frames were measured, a few at a time, while there is nothing else to do."""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog

from photodiary.archive.store import Archive
from photodiary.darkroom.darkroom import Darkroom
from photodiary.diary.picking import Looks
from photodiary.errors import Held, NoReader, StorageTrouble, Unreadable, WorkerLost
from photodiary.ledger import looks
from photodiary.ledger.looks import Unmeasured
from photodiary.ledger.store import Ledger

log = structlog.get_logger()

AT_ONCE = 8  # about a tenth of a second
TOGETHER = 64  # are written down at once: the film, which changes with what is known of its frames, does so less often


@dataclass
class LookingAgain:
    """Of one diary.  What cannot be read is left to whoever makes the film, or to `doctor`, and tried again by the next process."""

    diary: str
    ledger: Ledger
    archive: Archive
    darkroom: Darkroom
    _after: int = 0  # all photos up to this row's number were looked at
    _done: bool = False
    _found: list[tuple[Unmeasured, Looks]] = field(default_factory=list)  # not yet written down

    def step(self) -> bool:
        """Measure the next frames.  Returns whether there was any; every later frame is measured when it is made.  Raises StorageTrouble, NoWorker."""
        if self._done:
            return False
        frames = looks.lacking(self.ledger, AT_ONCE, self._after)
        for one in frames:
            found = self._measured(one)
            self._after = one.number
            if found is not None:
                self._found.append((one, found))
        self._done = not frames
        if self._found and (self._done or len(self._found) >= TOGETHER):
            looks.keep_all(self.ledger, self._found)
            log.info(f"{len(self._found):,} older frames measured: light, sharpness, open eyes", code="looks.measured", diary=self.diary)
            self._found = []
        return bool(frames)

    def _measured(self, one: Unmeasured) -> Looks | None:
        try:
            return self.darkroom.looks(self.archive.read(one.frame), one.canvas)
        except (StorageTrouble, Unreadable, Held, NoReader, WorkerLost):
            return None
