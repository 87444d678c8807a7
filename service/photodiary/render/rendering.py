"""The step from published frames to the films of a diary, `films/latest.mp4` first."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from fractions import Fraction
from pathlib import Path

import structlog

from photodiary.archive import films, health, layout, segments
from photodiary.archive.reserve import FILM, Reserve
from photodiary.archive.store import Archive, trouble
from photodiary.diary.filmset import FilmWish, parts
from photodiary.diary.reel import ReelPlan
from photodiary.diary.reel_style import ReelStyle
from photodiary.errors import BrokenFilm, PhotodiaryError, RenderFailed, StorageTrouble
from photodiary.ledger import reels
from photodiary.ledger.store import Ledger
from photodiary.render.child import render_in_child, unheard
from photodiary.render.made import Made
from photodiary.render.planning import Given, plan_of
from photodiary.render.schedule import RenderConfig

log = structlog.get_logger()

MAIN = (FilmWish("latest", ReelStyle()),)


def never() -> bool:
    return False


@dataclass(frozen=True)
class Planned:
    """A film that should be there.  path: below the archive."""

    name: str
    path: str
    plan: ReelPlan


@dataclass(frozen=True)
class Rendering:
    """Makes the films of one diary.  films: the main one first.  born: whose age is stamped."""

    diary: str
    ledger: Ledger
    archive: Archive
    films: tuple[FilmWish, ...] = MAIN
    should_stop: Callable[[], bool] = field(default=never)
    zone: tzinfo = UTC
    keep_films: int = RenderConfig.keep_films
    reserve: Reserve | None = None
    born: date | None = None

    def plan(self) -> ReelPlan | None:
        """What the main film would show now; None while there is no frame."""
        planned = next(self._planned(self.films[:1]), None)
        return None if planned is None else planned.plan

    def plans(self) -> list[Planned]:
        """All films that there should be now, the main one first; none while there is no frame."""
        return list(self._planned(self.films))

    def stale(self) -> bool:
        """Whether another film should be there than is, although no new frame came: the style changed, or a photo left."""
        wanted = {film.path: film.plan.fingerprint for film in self.plans()}
        there = {path: reel.fingerprint for path, reel in reels.newest_reels(self.ledger).items() if path in wanted or path != layout.LATEST}
        return bool(wanted) and wanted != there

    def render(
        self, now: float, *, full: bool = False, only: str | None = None, forgetting: bool = False, progress: Callable[[int], None] = unheard
    ) -> reels.ReelRow | None:
        """Make the films and publish each by rename; an old one stays playable until then, and where it shows the same it stays.

        full: encode everything anew.  only: the name of one film.  forgetting: old films may show what must not be seen any more: a further one that
        cannot be made anew now goes, until it can.  Returns the newest main film, None without any frame.
        Raises RenderFailed, RenderStopped, BrokenFilm, FrameBroken, StorageTrouble.
        """
        planned, failed = self.plans(), list[PhotodiaryError]()
        for film in planned:
            if only in (None, film.name):
                try:
                    self._make(film, now, full, progress)
                except (RenderFailed, BrokenFilm, StorageTrouble) as error:  # one that cannot be made does not hold up the others
                    if forgetting and film.path != layout.LATEST:
                        self._gone(film.path)
                    else:
                        failed.append(error)
        self._tidy(planned)
        if failed:
            raise failed[0]
        return reels.newest_reel(self.ledger) if planned else None

    def _planned(self, wanted: tuple[FilmWish, ...]) -> Iterator[Planned]:
        row = reels.current_canvas(self.ledger)
        if row is None:
            return
        there, found = reels.newest_reels(self.ledger), dict[str, list[reels.FilmPhoto]]()
        for wish in wanted:
            pick = wish.style.pick
            if pick not in found:
                found[pick] = reels.film_photos(self.ledger, row.id, pick)
            photos = found[pick]
            for part in parts(wish.of, [photo.wall.date() for photo in photos]):
                path = f"{layout.FILMS}/{wish.file(part.name)}"
                before = there[path].pace if path in there else None
                given = Given(row.canvas, wish.style, None if before is None else Fraction(before).limit_denominator(100), self.born)
                yield Planned(wish.name, path, plan_of(photos[part.start : part.end], given))

    def _make(self, film: Planned, now: float, full: bool, progress: Callable[[int], None]) -> None:
        plan, newest, path = film.plan, reels.newest_reel(self.ledger, film.path), self.archive.root / film.path
        if newest is not None and newest.fingerprint == plan.fingerprint and not full and path.exists():
            reels.still_shows(self.ledger, film.path, now)
            return
        if self.reserve is not None:
            needed = {segment.fingerprint for segment in plan.segments}
            self.reserve.room_for(self._size(plan, newest), FILM, needed)
        started = time.monotonic()
        temporary = self.archive.temporary(".mp4")
        try:
            made = render_in_child(plan, self.archive.root, temporary, full=full, progress=progress, should_stop=self.should_stop)
            if film.path == layout.LATEST:
                self._keep(newest, now)
            self.archive.adopt(temporary, film.path)
        except OSError as error:
            raise trouble(path, error) from error
        finally:
            with suppress(OSError):  # the next start removes it
                temporary.unlink(missing_ok=True)
        pace = None if plan.pace is None else float(plan.pace)
        reel = reels.ReelRow(film.path, len(plan.frames), float(plan.seconds), plan.fingerprint, made.bytes, now, made.sha256, pace)
        self._note(reel, plan)
        self._tell(reel, path, made, time.monotonic() - started)

    def _note(self, reel: reels.ReelRow, plan: ReelPlan) -> None:
        even = len(set(plan.durations)) == 1 and len(set(plan.shown)) == 1
        starts = () if even else [round(begin / plan.timescale, 4) for begin in plan.begins]
        reels.publish_reel(self.ledger, reel, plan.frames, [segment.fingerprint for segment in plan.segments], starts)

    def _tidy(self, planned: list[Planned]) -> None:
        """Films that no longer should be there go, and the segments that none needs."""
        films.thin_out(self.archive.root, self.keep_films)
        paths = {film.path for film in planned}
        for path in reels.newest_reels(self.ledger).keys() - paths:
            if path != layout.LATEST:
                self._gone(path)
        if planned:
            needed = {segment.fingerprint for film in planned for segment in film.plan.segments}
            for path in reels.newest_reels(self.ledger):  # what a film is made of that could not be made anew, for when that look comes back
                needed.update(reels.segments_of_newest(self.ledger, path))
            segments.thin_out(self.archive.root, needed)
        else:
            segments.remove_all(self.archive.root)

    def _gone(self, path: str) -> None:
        try:
            self.archive.remove(path)
        except OSError as error:
            raise trouble(self.archive.root / path, error) from error
        reels.film_gone(self.ledger, path)

    def _tell(self, reel: reels.ReelRow, path: Path, made: Made, seconds: float) -> None:
        encoded = "" if made.encoded in (0, reel.frames) else f", {made.encoded:,} of them encoded anew"
        log.info(
            f"film of {reel.frames:,} photo{'s' if reel.frames != 1 else ''}{encoded}, {clock(reel.seconds)} long, "
            f"{reel.bytes / 1e6:.1f} MB, made in {seconds:.0f} s ({path})",
            code="film.published", diary=self.diary, frames=reel.frames, seconds=reel.seconds, bytes=reel.bytes, encoded=made.encoded,
        )  # fmt: skip

    def _size(self, plan: ReelPlan, newest: reels.ReelRow | None) -> int:
        """About how much room the new film and its segments take: the old one stays until the new one is whole."""
        known = segments.known(self.archive.root)
        share = sum(len(segment.cells) for segment in plan.segments if segment.fingerprint not in known) / len(plan.frames)
        if newest is not None:
            return int((1.25 + share) * len(plan.frames) * newest.bytes / newest.frames)
        size = 0
        for frame in plan.frames:
            with suppress(OSError):  # a frame that is missing is told by who reads it
                size += (self.archive.root / frame).stat().st_size
        return int((1 + share) * size / 2)  # a third of the frames was measured

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
