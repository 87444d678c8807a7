"""Originals that no row names: between a photo's copy and its row the disk may refuse, or the process may die.

As a rule the inbox or the drop folder brings the photo again, and nothing is to be done here.  But a phone may have replaced or removed the file
meanwhile; then the copy in the archive is all there is of the photo, and it is taken in from there.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum, auto

import structlog

from photodiary.archive import health as shelf
from photodiary.archive import layout
from photodiary.errors import Held, WorkerLost
from photodiary.inbox.intake import Intake
from photodiary.ledger import forgetting, health, photos

log = structlog.get_logger()


class Became(Enum):
    """What came of a file in originals/."""

    TAKEN_IN = auto()
    REMOVED_TWIN = auto()  # the same bytes are where the photo's row says
    REMOVED_FORGOTTEN = auto()


@dataclass(frozen=True)
class Brought:
    became: Became
    original: str | None = None  # where the photo is, below the archive


def bring(intake: Intake, file: str, now: float) -> Brought | None:
    """See to it that a file of the archive (its path below it) is its photo's original, or goes.  None where neither is safe.

    Nothing is removed but what a person had forgotten and the second of two copies that were both read.
    Raises Held, WorkerLost, StorageTrouble, OSError.  now: seconds since the epoch.
    """
    ledger, archive = intake.ledger, intake.archive
    path = archive.root / file
    digest = shelf.digest_of_file(archive, file)
    known = photos.find(ledger, digest)
    if known is not None and known.original not in (None, file):
        if shelf.digest_of_file(archive, str(known.original)) != digest:
            return None
        archive.remove(file)
        return Brought(Became.REMOVED_TWIN, known.original)
    if forgetting.is_forgotten(ledger, digest):
        archive.remove(file)
        return Brought(Became.REMOVED_FORGOTTEN)
    taken = intake.take(os.fsencode(path), os.fsencode(path.name), now=now, live=False, trusting=False)
    photo = photos.find(ledger, taken.sha256)
    if photo is None or photo.original is None:
        return None
    if photo.original != file:  # its date was told by something else than the photo
        archive.remove(file)
    return Brought(Became.TAKEN_IN, photo.original)


class Strays:
    """Brings them in by itself, once after each start and after trouble.  Owned by the intake's thread.

    Only what this program has put there: named as it names originals, with the digits of its own bytes.  What a person lays into originals/, and what
    was damaged, is `doctor`'s to tell of, and makes no noise here.
    """

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._found: list[str] | None = None
        self.waiting = True  # there may be some

    def look_again(self) -> None:
        """Something was interrupted."""
        self._found, self.waiting = None, True

    def step(self, now: float) -> bool:
        """Bring in one; to be called when whatever lies in the inbox is known, since there a photo has its name and date.  Returns whether there was one.

        Raises StorageTrouble.  now: seconds since the epoch.
        """
        if not self.waiting:
            return False
        if self._found is None:
            named = health.originals(self._intake.ledger)
            self._found = [file for file in self._intake.archive.originals() if file not in named and layout.digits_of(file) is not None]
        if not self._found:
            self.waiting = False
            return False
        self._bring(self._found[-1], now)  # taken off only when something became of it: trouble with the disk tries it again
        self._found.pop()
        return True

    def _bring(self, file: str, now: float) -> None:
        ledger, diary = self._intake.ledger, self._intake.diary
        try:
            digest = shelf.digest_of_file(self._intake.archive, file)
            known = photos.find(ledger, digest)
            if not digest.startswith(layout.digits_of(file) or " ") or (known is not None and known.original in (None, file)):
                return  # damaged or not ours; set aside until a person has it tried again; in the diary by now
            brought = bring(self._intake, file, now)
        except (Held, WorkerLost, OSError) as error:
            log.warning(
                f"{file} is in the archive and not in the diary, and could not be taken in now: {error}; the next start tries again",
                code="stray.held", diary=diary,
            )  # fmt: skip
            return
        if brought is not None and brought.became is Became.TAKEN_IN:
            log.info(
                f"{file} was in the archive and not in the diary, after something was interrupted; it is in the diary now",
                code="stray.taken_in", diary=diary, sha256=digest,
            )  # fmt: skip
        elif brought is not None and brought.became is Became.REMOVED_TWIN:
            log.info(f"{file} was a second copy of {brought.original}, after something was interrupted; it is removed", code="stray.removed", diary=diary)
