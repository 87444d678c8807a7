"""What the holder of `daemon.lock` does about a person's decisions.  Every step may be repeated: the ledger says what is still to do."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import tzinfo

import structlog

from photodiary.archive.store import Archive
from photodiary.diary.photo import Digest
from photodiary.errors import FrameBroken
from photodiary.ledger import deciding, forgetting, reels
from photodiary.ledger.reels import ReelRow
from photodiary.ledger.store import Ledger
from photodiary.render.rendering import Rendering

log = structlog.get_logger()


def step(ledger: Ledger, archive: Archive, zone: tzinfo) -> bool:
    """Act on one decision, or remove the files of one photo that is to be forgotten.  Returns whether there was one.

    Called by whoever makes frames, so that none is in the making of the photo that goes.  Raises StorageTrouble.
    """
    if deciding.heed(ledger, zone, time.time()):
        return True
    digest = forgetting.to_erase(ledger)
    if digest is None:
        return False
    forgetting.take_out(ledger, digest)
    archive.erase(digest)
    forgetting.erased(ledger, digest, time.time())
    return True


def film_made(ledger: Ledger, archive: Archive, reel: ReelRow | None, digests: list[Digest], *, diary: str) -> None:
    """The film no longer shows these photos (reel None: nothing is left to show): older ones go, then their rows.  Raises StorageTrouble.

    digests: what `forgetting.to_wipe` answered before the film was planned.
    """
    if not digests:
        return
    archive.remove_films(() if reel is None else reels.newest_reels(ledger).keys())
    if reel is None:
        forgetting.no_film(ledger)
    forgetting.wipe(ledger, digests, time.time())
    log.info(f"{len(digests):,} photo{'s' if len(digests) != 1 else ''} forgotten for good", code="photo.forgotten", diary=diary)


def all_by_oneself(ledger: Ledger, archive: Archive, zone: tzinfo, rendering: Rendering, show: Callable[[int], None]) -> None:
    """Everything that is to be done about decisions when no daemon runs; the film is made only when a photo is to be forgotten.

    show: hears how many frames the film has so far.  Raises what rendering raises, StorageTrouble.
    """
    while step(ledger, archive, zone):
        pass
    digests = forgetting.to_wipe(ledger)
    while digests:
        try:
            reel = rendering.render(time.time(), forgetting=True, progress=show)
        except FrameBroken as error:
            if error.frame is None:
                raise
            reels.frame_lost(ledger, error.frame)  # the film goes on without it until it is made again
            continue
        film_made(ledger, archive, reel, digests, diary=rendering.diary)
        digests = forgetting.to_wipe(ledger)
