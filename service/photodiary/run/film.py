"""The film and the picture format when no daemon runs."""

from __future__ import annotations

import time
from pathlib import Path
from zoneinfo import ZoneInfo

from photodiary.archive.reserve import Reserve
from photodiary.archive.store import Archive
from photodiary.errors import FrameBroken, Transient
from photodiary.ledger import reels, wishes
from photodiary.ledger.store import Ledger
from photodiary.render.rendering import Rendering
from photodiary.run.house import be_private
from photodiary.run.lock import DaemonLock
from photodiary.run.once import Progress
from photodiary.settings import DiarySettings, Settings


def render(settings: Settings, diary: DiarySettings, *, full: bool) -> str:
    """Make the film in this process.  Returns what was made, in words.  Raises Busy and what rendering raises."""
    be_private()
    archive = Archive(diary.archive)
    archive.prepare()
    lock = DaemonLock(diary.archive)
    ledger = Ledger(diary.archive)
    progress = Progress()
    try:
        zone, reserve = ZoneInfo(diary.timezone or settings.timezone), Reserve(archive.root, settings.disk)
        rendering = Rendering("", ledger, archive, settings.film, zone=zone, keep_films=settings.render.keep_films, reserve=reserve)
        if reels.film_news(ledger).remaking:
            raise Transient("frames are still to be made again (another format, date or eyes); `photodiary scan --once` finishes that and makes the film")
        reel = rendering.render(time.time(), full=full, progress=lambda done: progress.show(f"film: {done:,} frames"))
        progress.done()
    except FrameBroken as error:
        if error.frame is not None:
            reels.frame_lost(ledger, error.frame)
        raise Transient(f"{error}; `photodiary scan --once` makes it again, and the film") from error
    finally:
        ledger.close()
        lock.release()
    return "no frames yet, so no film" if reel is None else f"film of {reel.frames:,} photos: {diary.archive / reel.path}"


def forecast(settings: Settings, diary: DiarySettings) -> str:
    """What the film would show."""
    ledger = Ledger(diary.archive, writable=False)
    try:
        plan = Rendering("", ledger, Archive(diary.archive), settings.film).plan()
    finally:
        ledger.close()
    return "no frames yet, so no film" if plan is None else f"{len(plan.frames):,} photos, {float(plan.seconds):.1f} s, {plan.width} x {plan.height}"


def wish_refit(archive: Path) -> None:
    """Ask for the picture format to be chosen again."""
    ledger = Ledger(archive)
    try:
        wishes.make(ledger, "refit", {}, time.time())
    finally:
        ledger.close()
