"""The step of `photos move`: a photo that is another diary's is taken in there, with what was said about it, and then left out here.

In this order: whoever is interrupted leaves it in both diaries, never in none, and goes on with the wish.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from photodiary.errors import Held, StorageTrouble, WorkerLost

if TYPE_CHECKING:
    from photodiary.inbox.intake import Intake
    from photodiary.ledger.photos import PhotoRow
    from photodiary.ledger.store import Ledger
    from photodiary.ledger.wishes import Wish
    from photodiary.run.house import House

log = structlog.get_logger()


def _next(house: House, houses: Sequence[House]) -> tuple[Wish | None, House | None]:
    """The oldest open wish of a diary, and where to it wants photos moved; None for a diary that is not among `houses`."""
    from photodiary.ledger import moved, wishes

    wish = wishes.oldest_open(house.ledger, moved.KIND)
    if wish is None:
        return None, None
    return wish, next((other for other in houses if other.name == wish.details["to"] and other is not house), None)


def waits(house: House, houses: Sequence[House]) -> bool:
    """Whether `step` would move a photo."""
    return _next(house, houses)[1] is not None


def step(house: House, houses: Sequence[House], now: float, *, all_there_are: bool) -> bool:
    """Move one photo of the oldest open wish of a diary that is served, for whoever owns the intake.  Returns whether there was one.

    all_there_are: no more diaries than `houses` will be served, so that a wish for another one is answered; else it waits.  Raises StorageTrouble.
    """
    from photodiary.ledger import wishes

    wish, target = _next(house, houses)
    if wish is None or (target is None and not all_there_are):
        return False
    if target is None:
        wishes.fulfil(house.ledger, wish.id, {"error": f"the running photodiary serves no diary {wish.details['to']} beside {house.name}"}, now)
        return True
    try:
        go_on(house.name, house.ledger, house.archive.root, target.inbox.intake, wish, now)
    except StorageTrouble:
        target.strays.look_again()  # it may have come between the photo's copy and its row there
        raise
    return True


def go_on(name: str, ledger: Ledger, archive: Path, there: Intake, wish: Wish, now: float) -> None:
    """Take the next photo of a wish into the other diary; after the last one leave all of them out here.  Raises StorageTrouble.

    archive: where this diary's originals lie; there: takes photos into the other one.
    """
    from photodiary.ledger import moved, photos, wishes

    wanted: list[Any] = wish.details["sha256"]
    progress: dict[str, Any] = wish.progress or {"done": 0, "total": len(wanted), "moved": [], "failed": []}
    if progress["done"] >= len(wanted):
        moved.done(ledger, wish, progress["moved"], progress["failed"], now)
        return
    sha256 = wanted[progress["done"]]
    photo = photos.find(ledger, sha256)
    why = "it was forgotten meanwhile" if photo is None else _taken_over(ledger, archive, there, photo, wish.made_at, now)
    if why is None:
        progress["moved"].append(sha256)
        log.info(f"{sha256[:12]} is moved to {there.diary}", code="photo.moved", diary=name, sha256=sha256, to=there.diary)
    else:
        progress["failed"].append({"sha256": sha256, "why": why})
        log.warning(f"{sha256[:12]} is not moved to {there.diary}: {why}", code="photo.not_moved", diary=name, sha256=sha256, to=there.diary)
    progress["done"] += 1
    wishes.report(ledger, wish.id, progress)


def _taken_over(ledger: Ledger, archive: Path, there: Intake, photo: PhotoRow, wished_at: float, now: float) -> str | None:
    """Have a photo in the other diary, with what was said about it.  Returns why not, None when it is there.  Raises StorageTrouble."""
    from photodiary.diary.photo import Stage
    from photodiary.inbox import files
    from photodiary.ledger import moved, photos

    why = moved.refusal(photo, there.diary, there.ledger)
    if why is not None or photo.original is None:
        return f"it {why}"
    what = moved.said_of(ledger, photo)
    known = photos.find(there.ledger, photo.sha256)
    if known is None or known.original is None:
        path = os.fsencode(archive / photo.original)
        found = files.digest(path)
        if found is None or found[0] != photo.sha256:
            return "its original is missing or damaged; `photodiary doctor` says more"
        try:
            taken = there.take(path, what.names[0], now=now, live=False, trusting=True, told=what.taken)
        except (Held, WorkerLost) as error:
            return f"it could not be read: {error}"
        if taken.outcome not in ("new", "undated", "known"):
            return f"{there.diary} did not take it: {taken.why or taken.outcome}"
    elif known.stage is Stage.QUARANTINED:  # left out here it would be in neither film
        return f"it is in {there.diary} and could not be read there; `photodiary quarantine retry --diary {there.diary}` tries again"
    new = known is None or known.original is None or known.received_at >= wished_at  # brought by this very wish, before an interruption
    moved.settle_in(there.ledger, photo.sha256, what, now, new=new)
    return None
