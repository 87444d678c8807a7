"""The step from published frames to `films/latest.mp4`."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo

import structlog

from photodiary.archive import films, health, layout
from photodiary.archive.reserve import FILM, Reserve
from photodiary.archive.store import Archive, trouble
from photodiary.diary.reel import ReelPlan, ReelStyle
from photodiary.ledger import reels
from photodiary.ledger.store import Ledger
from photodiary.render.child import render_in_child
from photodiary.render.schedule import RenderConfig

log = structlog.get_logger()


def _never() -> bool:
    return False


def _unheard(done: int) -> None:
    pass


@dataclass(frozen=True)
class Rendering:
    """Makes the newest film of one diary."""

    diary: str
    ledger: Ledger
    archive: Archive
    style: ReelStyle
    should_stop: Callable[[], bool] = field(default=_never)
    zone: tzinfo = UTC
    keep_films: int = RenderConfig.keep_films
    reserve: Reserve | None = None

    def plan(self) -> ReelPlan | None:
        """What the film would show now; None while there is no frame."""
        row = reels.current_canvas(self.ledger)
        if row is None:
            return None
        frames = reels.film_frames(self.ledger, row.id)
        return ReelPlan(tuple(frames), row.canvas.width, row.canvas.height, self.style) if frames else None

    def render(self, now: float, *, full: bool = False, progress: Callable[[int], None] = _unheard) -> reels.ReelRow | None:
        """Make the film and publish it by rename; the old one stays playable until then, and where it shows the same it stays.

        Returns the newest film, None without any frame.  Raises RenderFailed, RenderStopped, BrokenFilm, FrameBroken, StorageTrouble.
        """
        plan = self.plan()
        if plan is None:
            return None
        newest = reels.newest_reel(self.ledger)
        film = self.archive.root / layout.LATEST
        if newest is not None and newest.fingerprint == plan.fingerprint and not full and film.exists():
            same = replace(newest, rendered_at=now)
            reels.publish_reel(self.ledger, same, plan.frames)
            films.thin_out(self.archive.root, self.keep_films)
            return same
        if self.reserve is not None:
            self.reserve.room_for(self._size(plan, newest), FILM)
        started = time.monotonic()
        temporary = self.archive.temporary(".mp4")
        try:
            render_in_child(plan, self.archive.root, temporary, progress=progress, should_stop=self.should_stop)
            size, digest = temporary.stat().st_size, health.digest_of_file(self.archive, str(temporary.relative_to(self.archive.root)))
            self._keep(newest, now)
            self.archive.adopt(temporary, layout.LATEST)
        except OSError as error:
            raise trouble(film, error) from error
        finally:
            with suppress(OSError):  # the next start removes it
                temporary.unlink(missing_ok=True)
        reel = reels.ReelRow(layout.LATEST, len(plan.frames), float(plan.seconds), plan.fingerprint, size, now, digest)
        reels.publish_reel(self.ledger, reel, plan.frames)
        films.thin_out(self.archive.root, self.keep_films)
        log.info(
            f"film of {reel.frames:,} photo{'s' if reel.frames != 1 else ''}, {clock(reel.seconds)} long, "
            f"{reel.bytes / 1e6:.1f} MB, made in {time.monotonic() - started:.0f} s ({film})",
            code="film.published", diary=self.diary, frames=reel.frames, seconds=reel.seconds, bytes=reel.bytes,
        )  # fmt: skip
        return reel

    def _size(self, plan: ReelPlan, newest: reels.ReelRow | None) -> int:
        """About how large the film will be: the old one stays until the new one is whole."""
        if newest is not None:
            return int(1.25 * len(plan.frames) * newest.bytes / newest.frames)
        size = 0
        for frame in plan.frames:
            with suppress(OSError):  # a frame that is missing is told by who reads it
                size += (self.archive.root / frame).stat().st_size
        return size // 2  # a third of the frames was measured

    def _keep(self, newest: reels.ReelRow | None, now: float) -> None:
        """The film that is about to be replaced stays under the name of its day when that is over."""
        film = self.archive.root / layout.LATEST
        if newest is None or self.keep_films == 0 or not film.exists():
            return
        # A film that showed the same later has a newer row than file; after a crash between the two the file is newer, and no film of the row's day.
        at = min(newest.rendered_at, film.stat().st_mtime)
        made, today = (datetime.fromtimestamp(moment, self.zone).date() for moment in (at, now))
        if made < today and newest.sha256 in (None, health.digest_of_file(self.archive, layout.LATEST)):
            films.keep(self.archive.root, made)


def clock(seconds: float) -> str:
    """4.2 s, from a minute on 03:00, from an hour on 1:03:00."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"
