"""The verbs with which a person looks at single photos and decides about them."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from photodiary.errors import BadUsage
from photodiary.run.verbs import one, said, settings_of

if TYPE_CHECKING:
    from photodiary.ledger.photos import PhotoRow
    from photodiary.ledger.store import Ledger
    from photodiary.settings import DiarySettings, Settings

LETTERS = 8
MOST_SHOWN = 40
OUT_OF_REACH = """Out of photodiary's reach, for you to see to where it matters:
  - the phone and the synced folder ({inbox}): the photo itself may lie there still; it is ignored from now on
  - copies of the film or of its frames elsewhere, and backups of {archive} (`photodiary backup` into the same folder takes it out)
  - the log (journalctl), which names files
  - models that were trained with it
  - what browsers have kept of the page, but for the one it was deleted with, where that speaks https or sits at this machine
  - what a disk keeps of deleted files until it writes over them"""


def photos_why(options: argparse.Namespace) -> int:
    from photodiary.run.why import why

    _, settings = settings_of(options)
    name, _ = diary_of(settings, options)
    print(why(settings, name, options.photo))
    return 0


def exclude(options: argparse.Namespace) -> int:
    from photodiary.ledger import verdicts

    return _decide(options, verdicts.EXCLUDED, None)


def restore(options: argparse.Namespace) -> int:
    from photodiary.ledger import verdicts

    return _decide(options, verdicts.RESTORED, None)


def redate(options: argparse.Namespace) -> int:
    from photodiary.diary.said import wall_clock
    from photodiary.ledger import verdicts

    return _decide(options, verdicts.REDATED, wall_clock(options.to, datetime.now()))


def pick(options: argparse.Namespace) -> int:
    from photodiary.ledger import choices

    act = choices.unpick if options.undo else choices.pick
    return decided(options, lambda ledger: meant(ledger, options.photos), lambda ledger, chosen: act(ledger, chosen, time.time()), where)


def diary_of(settings: Settings, options: argparse.Namespace) -> tuple[str, DiarySettings]:
    diary = one(settings, options)
    return next((name, value) for name, value in settings.diary.items() if value is diary)


def opened(diary: DiarySettings) -> Ledger:
    """For appending facts; a diary that is not there yet is not made.  Raises LedgerTrouble."""
    from photodiary.ledger.store import Ledger
    from photodiary.run.house import be_private

    be_private()
    Ledger(diary.archive, writable=False).close()
    return Ledger(diary.archive)


def meant(ledger: Ledger, texts: list[str]) -> list[PhotoRow]:
    """The photos that are meant, each once.  All of them must be clear before anything happens to one."""
    from photodiary.ledger import finding

    return list({photo.sha256: photo for photo in (finding.find(ledger, text) for text in texts)}.values())


def _by_oneself(settings: Settings, name: str, diary: DiarySettings, ledger: Ledger, show: Callable[[int], None]) -> None:
    """What the daemon would do about decisions."""
    from photodiary.archive.store import Archive
    from photodiary.ledger import picks, reels
    from photodiary.run import deciding
    from photodiary.run.films import rendering_of

    archive = Archive(diary.archive)
    archive.prepare()
    archive.sweep(reels.frame_paths(ledger))
    picks.adopt(ledger, settings.film.pick)
    rendering = rendering_of(settings, name, ledger, archive)
    deciding.all_by_oneself(ledger, archive, settings.zone(name), rendering, show)


def carried_out(settings: Settings, name: str, diary: DiarySettings, ledger: Ledger, number: int) -> bool:
    """Wait until a wish is fulfilled.  Returns whether this process did it."""
    from photodiary.run import beside
    from photodiary.run.once import Progress

    progress = Progress()

    def show(done: int) -> None:
        progress.show(f"film: {done:,} frames")

    try:
        return beside.carry_out(
            ledger, diary.archive, number, lambda: _by_oneself(settings, name, diary, ledger, show), lambda told: f"film: {told['done']:,} frames"
        )
    finally:
        progress.done()


def _decide(options: argparse.Namespace, kind: str, value: datetime | None) -> int:
    from photodiary.ledger import deciding

    return decided(
        options, lambda ledger: meant(ledger, options.photos), lambda ledger, chosen: deciding.decide(ledger, chosen, kind, value, time.time()), where
    )  # fmt: skip


def decided(
    options: argparse.Namespace,
    choose: Callable[[Ledger], list[PhotoRow]], append: Callable[[Ledger, list[PhotoRow]], int], tell: Callable[[Ledger, PhotoRow], str],
) -> int:  # fmt: skip
    """Have facts about photos appended with their wish, wait until it is fulfilled, and tell of each photo what became of it.

    choose: the photos; append: the facts, returns the wish's number; tell: a few words about a photo.
    """
    _, settings = said(options)
    from photodiary.ledger import photos
    from photodiary.run import once

    name, diary = diary_of(settings, options)
    ledger = opened(diary)
    try:
        chosen = choose(ledger)
        number = append(ledger, chosen)
        alone = carried_out(settings, name, diary, ledger, number)
        if not alone:
            once.wait_until_through(diary.archive)
        for before in chosen[:MOST_SHOWN]:
            photo = photos.find(ledger, before.sha256)
            if photo is not None:
                when = "undated" if photo.taken is None else f"{photo.taken.wall:%-d %B %Y %H:%M}"
                print(f"{photo.sha256[:12]}, {when}: {tell(ledger, photo)}")
        if len(chosen) > MOST_SHOWN:
            print(f"and {len(chosen) - MOST_SHOWN:,} more")
    finally:
        ledger.close()
    print("the service makes the next film so" if not alone else "the next film is made so: `photodiary scan --once` makes it now, the service when it starts")
    return 0


def where(ledger: Ledger, photo: PhotoRow) -> str:
    """Whether a photo is in the film, and if not, why."""
    from photodiary.run.why import shown, standing

    return "in the film" if photo.in_film else shown(photo, None, None, standing(ledger, photo))


def forget(options: argparse.Namespace) -> int:
    _, settings = said(options)
    from photodiary.eyenet import learnt
    from photodiary.ledger import forgetting, takes

    name, diary = diary_of(settings, options)
    ledger = opened(diary)
    try:
        chosen = meant(ledger, options.photos)
        if not options.yes:
            for photo in chosen:
                _ask(ledger, photo)
        digests = [photo.sha256 for photo in chosen]
        others = sorted({other[:12] for digest in digests for other in takes.of(ledger, digest).others if other not in digests})
        number = forgetting.wish(ledger, digests, time.time())
        carried_out(settings, name, diary, ledger, number)
        learnt.forget(settings.state, digests)
    finally:
        ledger.close()
    print(f"{len(chosen):,} photo{'s' if len(chosen) != 1 else ''} forgotten: nothing is left in the archive but the SHA-256")
    if others:
        print(f"{len(others):,} other take{'s' if len(others) != 1 else ''} of the same moment stay{'s' if len(others) == 1 else ''}: {', '.join(others)}")
    print(OUT_OF_REACH.format(inbox=diary.inbox, archive=diary.archive))
    return 0


def _ask(ledger: Ledger, photo: PhotoRow) -> None:
    """Raises BadUsage unless the person types the first letters of the photo's SHA-256."""
    from photodiary.diary.photo import shown_name
    from photodiary.ledger import photos

    names = ", ".join(shown_name(name) for name in photos.names_of(ledger, photo))
    when = "undated" if photo.taken is None else f"{photo.taken.wall:%-d %B %Y %H:%M}"
    print(f"{names} ({when}, {photo.sha256}) will be erased for good; this cannot be undone.", file=sys.stderr)
    print(f"Type the first eight letters of its SHA-256 ({photo.sha256[:LETTERS]}) to go on: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() != photo.sha256[:LETTERS]:
        raise BadUsage("that is something else; nothing was forgotten")


def quarantine_list(options: argparse.Namespace) -> int:
    from photodiary.diary.eyes import REASONS
    from photodiary.diary.photo import shown_name
    from photodiary.ledger import quarantine
    from photodiary.ledger.store import Ledger

    _, settings = settings_of(options)
    ledger = Ledger(one(settings, options).archive, writable=False)
    try:
        for photo, raw in quarantine.listing(ledger):
            names = [shown_name(name) for name in raw]
            reason = REASONS.get(photo.reason or "", photo.reason)
            entry: dict[str, Any] = {
                "sha256": photo.sha256, "names": names, "bytes": photo.bytes, "reason": photo.reason, "in_words": reason, "original": photo.original,
            }  # fmt: skip
            print(json.dumps(entry, allow_nan=False) if options.json else f"{photo.sha256[:12]}  {', '.join(names)}: {reason}")
    finally:
        ledger.close()
    return 0


def _lies_there(diary: DiarySettings, digest: str, names: list[bytes]) -> bool:
    """Whether the file of a photo that has no copy in the archive is where it came from: the inbox, or the drop folder."""
    from photodiary.archive import drop
    from photodiary.archive.store import Archive

    dropped = any(found.digits and digest.startswith(found.digits) for found in drop.lying(Archive(diary.archive)))
    return dropped or any(os.path.exists(os.path.join(os.fsencode(diary.inbox), name)) for name in names)


def quarantine_retry(options: argparse.Namespace) -> int:
    _, settings = said(options)
    from photodiary.diary.eyes import REASONS
    from photodiary.diary.photo import Stage, shown_name
    from photodiary.ledger import photos, quarantine
    from photodiary.run import lock, once

    name, diary = diary_of(settings, options)
    ledger = opened(diary)
    try:
        chosen = meant(ledger, options.photos) or [photo for photo, _ in quarantine.listing(ledger)]
        fine = [photo.sha256[:12] for photo in chosen if photo.stage is not Stage.QUARANTINED]
        if fine:
            raise BadUsage(f"{', '.join(fine)}: could be read; `photodiary quarantine list` lists what could not")
        digests = [photo.sha256 for photo in chosen]
        if not digests:
            print("everything could be read")
            return 0

        def beside(_: int) -> None:
            once.beside_daemon(diary.archive, quarantine.KIND, {"sha256": digests}, str)
            once.beside_daemon(diary.archive, "scan", {}, lambda progress: "looking at the inbox")
            once.wait_until_through(diary.archive)

        def alone() -> None:
            from photodiary.run.models import resident

            quarantine.wish(ledger, digests, time.time())
            only = settings.model_copy(update={"diary": {name: diary}})
            once.with_engine(only, lambda s: resident(s.locate, s.state), lambda engine: None, scan=True)

        lock.alone_or_beside(diary.archive, alone, beside)
        for digest in digests:
            photo = photos.find(ledger, digest)
            if photo is None:
                continue
            raw = photos.names_of(ledger, photo)
            if photo.stage is not Stage.QUARANTINED:
                became = where(ledger, photo)
            elif photo.original is None and not _lies_there(diary, digest, raw):
                became = "was not tried, its file is no longer in the inbox; `photodiary import` takes it in from elsewhere"
            else:
                became = f"still could not be read: {REASONS.get(photo.reason or '', photo.reason)}"
            print(f"{digest[:12]}  {', '.join(shown_name(name) for name in raw)}: {became}")
    finally:
        ledger.close()
    return 0
