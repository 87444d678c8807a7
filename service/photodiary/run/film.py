"""The film and the picture format when no daemon runs, and what making the film would cost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from photodiary.archive import segments
from photodiary.archive.reserve import Reserve
from photodiary.archive.store import Archive
from photodiary.diary.filmset import FilmWish
from photodiary.errors import FrameBroken, Transient
from photodiary.ledger import picks, reels, wishes
from photodiary.ledger.store import Ledger
from photodiary.render.forecast import to_encode
from photodiary.render.rendering import Planned, clock
from photodiary.run.films import rendering_of
from photodiary.run.house import be_private
from photodiary.run.lock import DaemonLock
from photodiary.run.once import Progress
from photodiary.settings import Settings


def render(settings: Settings, name: str, *, full: bool, only: FilmWish | None = None) -> str:
    """Make the films of a diary in this process, or only one of them.  Returns what was made, in words.  Raises Busy and what rendering raises."""
    be_private()
    archive = Archive(settings.diary[name].archive)
    archive.prepare()
    lock = DaemonLock(archive.root)
    ledger = Ledger(archive.root)
    progress = Progress()
    try:
        picks.adopt(ledger, settings.film.pick)
        rendering = rendering_of(settings, name, ledger, archive, reserve=Reserve(archive.root, settings.disk))
        if reels.film_news(ledger).remaking:
            raise Transient("frames are still to be made again (another format, date or eyes); `photodiary scan --once` finishes that and makes the film")
        rendering.render(time.time(), full=full, only=None if only is None else only.name, progress=lambda done: progress.show(f"film: {done:,} photos"))
        progress.done()
        return made(ledger, archive.root, only)
    except FrameBroken as error:
        if error.frame is not None:
            reels.frame_lost(ledger, error.frame)
        raise Transient(f"{error}; `photodiary scan --once` makes it again, and the film") from error
    finally:
        ledger.close()
        lock.release()


def made(ledger: Ledger, root: Path, only: FilmWish | None = None) -> str:
    """The films that are there, in words; only: the files of that one."""
    there = reels.newest_reels(ledger).values()
    mine = [reel for reel in there if only is None or only.part_of(PurePosixPath(reel.path).name) is not None]
    if there and not mine and only is not None:
        raise Transient(f"the running photodiary does not know of a film {only.name} yet: have it read the configuration again (SIGHUP, or `systemctl reload`)")
    return "\n".join(f"film of {reel.frames:,} photos: {root / reel.path}" for reel in mine) or "no frames yet, so no film"


def made_elsewhere(root: Path, only: FilmWish | None = None) -> str:
    """What `made` says after the service has made them.  Raises Transient for a film that it does not know of."""
    ledger = Ledger(root, writable=False)
    try:
        return made(ledger, root, only)
    finally:
        ledger.close()


def forecast(settings: Settings, name: str, only: FilmWish | None = None) -> str:
    """What the films would show, what would be encoded for it, and why."""
    root = settings.diary[name].archive
    ledger = Ledger(root, writable=False)
    try:
        planned = [film for film in rendering_of(settings, name, ledger, Archive(root)).plans() if only is None or film.name == only.name]
        known = segments.known(root)
        return "\n".join(line for film in planned for line in _forecast(ledger, film, known)) or "no frames yet, so no film"
    finally:
        ledger.close()


def _forecast(ledger: Ledger, film: Planned, known: set[str]) -> Iterator[str]:
    plan, there = film.plan, reels.newest_reel(ledger, film.path)
    pace = "" if plan.pace is None else f" at {float(plan.pace):.3g} a second"
    shown = f"{len(plan.durations):,} pictures, " if len(plan.durations) != len(plan.frames) else ""
    yield f"{film.path}: {len(plan.frames):,} photos{pace}, {shown}{clock(float(plan.seconds))}, {plan.coding.width} x {plan.coding.height}"
    if there is not None and there.fingerprint == plan.fingerprint:
        yield "  is there already; nothing would be encoded"
        return
    needed = to_encode(plan, known, set(reels.shown_by_newest(ledger, film.path)), set(reels.segments_of_newest(ledger, film.path)))
    photos, count = sum(entry.photos for entry in needed), sum(entry.segments for entry in needed)
    yield f"  {photos:,} of {len(plan.frames):,} photos would be encoded, in {count:,} of {len(plan.segments):,} segments; the rest is copied"
    for entry in needed:
        days = " to ".join(dict.fromkeys((_day(entry.first), _day(entry.last))))
        yield f"    {entry.photos:,} photos, {days}, because {entry.why}"


def _day(frame: str) -> str:
    return PurePosixPath(frame).name[:10]


def wish_refit(archive: Path) -> None:
    """Ask for the picture format to be chosen again."""
    ledger = Ledger(archive)
    try:
        wishes.make(ledger, "refit", {}, time.time())
    finally:
        ledger.close()
