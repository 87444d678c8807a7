"""The step from published frames to `films/latest.mp4`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from photodiary.archive import layout
from photodiary.archive.store import Archive
from photodiary.diary.reel import ReelPlan, ReelStyle
from photodiary.ledger import reels
from photodiary.ledger.store import Ledger
from photodiary.render.child import render_in_child

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
            same = reels.ReelRow(newest.path, newest.frames, newest.seconds, newest.fingerprint, newest.bytes, now)
            reels.publish_reel(self.ledger, same)
            return same
        started = time.monotonic()
        temporary = self.archive.temporary(".mp4")
        try:
            render_in_child(plan, self.archive.root, temporary, progress=progress, should_stop=self.should_stop)
            size = temporary.stat().st_size
            self.archive.adopt(temporary, layout.LATEST)
        finally:
            temporary.unlink(missing_ok=True)
        reel = reels.ReelRow(layout.LATEST, len(plan.frames), float(plan.seconds), plan.fingerprint, size, now)
        reels.publish_reel(self.ledger, reel)
        log.info(
            f"film of {reel.frames:,} photo{'s' if reel.frames != 1 else ''}, {clock(reel.seconds)} long, "
            f"{reel.bytes / 1e6:.1f} MB, made in {time.monotonic() - started:.0f} s ({film})",
            code="film.published", diary=self.diary, frames=reel.frames, seconds=reel.seconds, bytes=reel.bytes,
        )  # fmt: skip
        return reel


def clock(seconds: float) -> str:
    """4.2 s, from a minute on 03:00, from an hour on 1:03:00."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"
