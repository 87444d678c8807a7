"""A poster and a contact sheet of a film.  They read frames and ledger only, and so work beside the service."""

from __future__ import annotations

import argparse
import os
import re
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path

from photodiary.archive.store import TEMPORARY, trouble
from photodiary.diary.canvas import Canvas
from photodiary.diary.reel_style import ReelStyle
from photodiary.errors import BadUsage
from photodiary.ledger import reels
from photodiary.ledger.reels import FilmPhoto
from photodiary.ledger.store import FILE, Ledger
from photodiary.render.stills import Page, Still, contact_sheet, drawn, filling, poster
from photodiary.run.house import be_private
from photodiary.run.sharing import NO_FILM, film_of, must_be_new, publish_new
from photodiary.run.verbs import named, one, said
from photodiary.settings import Settings

GRID = re.compile(r"([1-9][0-9]?)x([1-9][0-9]?)")
RECENT = 30
"""Of so many newest photos a poster shows the newest one that fills the picture."""


def make_poster(options: argparse.Namespace) -> int:
    def page(photos: Sequence[FilmPhoto], stills: Sequence[Still], canvas: Canvas, heading: str) -> Page:
        size = (canvas.width, canvas.height)
        if options.day is None:
            last = next((place for place in reversed(range(len(photos))) if place >= len(photos) - RECENT and filling(photos[place], size)), len(photos) - 1)
        else:
            last = _on(options.day, photos)
        return poster(stills[: last + 1], size, heading)

    return _make(options, "poster", page)


def make_sheet(options: argparse.Namespace) -> int:
    grid = GRID.fullmatch(options.grid)
    if grid is None:
        raise BadUsage(f'--grid {options.grid}: write columns and rows such as "6x8"')
    columns, rows = int(grid[1]), int(grid[2])

    def page(photos: Sequence[FilmPhoto], stills: Sequence[Still], canvas: Canvas, heading: str) -> Page:
        return contact_sheet(stills, (canvas.width, canvas.height), heading, columns, rows)

    return _make(options, "sheet", page)


def _make(options: argparse.Namespace, kind: str, page: Callable[[Sequence[FilmPhoto], Sequence[Still], Canvas, str], Page]) -> int:
    _, settings = said(options)
    name = named(settings, one(settings, options))
    out = Path(options.out or f"{name}-{kind}.jpg")
    if out.suffix.lower() not in (".jpg", ".jpeg"):
        raise BadUsage(f"{out}: the picture is a JPEG; name a file that ends in .jpg")
    must_be_new(out)
    be_private()
    data = _data(settings, name, options.film, kind, page)
    beside = out.with_name(f"{TEMPORARY}{secrets.token_hex(8)}.jpg")
    try:
        with beside.open("xb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        publish_new(beside, out)
    except OSError as error:
        raise trouble(out, error) from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
    print(out)
    return 0


def _data(settings: Settings, name: str, film: str | None, kind: str, page: Callable[[Sequence[FilmPhoto], Sequence[Still], Canvas, str], Page]) -> bytes:
    root = settings.diary[name].archive
    if not (root / FILE).exists():
        raise BadUsage(f"{root}: {NO_FILM}")
    ledger = Ledger(root, writable=False)
    try:
        reel, canvas = film_of(ledger, film), reels.current_canvas(ledger)
        shown = set(reels.shown_by_newest(ledger, reel.path))
        photos = [] if canvas is None else reels.film_photos(ledger, canvas.id, "all" if shown else None)
    finally:
        ledger.close()
    photos = [photo for photo in photos if photo.frame in shown] or photos
    if canvas is None or not photos:
        raise BadUsage(f"{root}: {NO_FILM}")
    style = next((wish.style for wish in settings.films_of(name) if wish.part_of(Path(reel.path).name) is not None), settings.film)
    dated = _dates(style)
    stills = [Still(photo.frame, photo.wall, dated(photo)) for photo in photos]
    return drawn(page(photos, stills, canvas.canvas, style.title or ("" if kind == "poster" else name)), root)


def _dates(style: ReelStyle) -> Callable[[FilmPhoto], str]:
    """How this film would write the day of a photo."""
    from photodiary.render.stamps import is_language, stamp_text

    plain = replace(style, stamp="date", language=style.language if is_language(style.language) else ReelStyle.language)
    return lambda photo: stamp_text(plain, photo.wall, None)


def _on(day: str, photos: Sequence[FilmPhoto]) -> int:
    """The place of the photo of a day.  Raises BadUsage."""
    try:
        wanted = date.fromisoformat(day)
    except ValueError as error:
        raise BadUsage(f'--day {day}: write a day such as "2024-05-15"') from error
    found = [place for place, photo in enumerate(photos) if photo.wall.date() == wanted]
    if not found:
        raise BadUsage(f"--day {day}: the film shows no photo of that day")
    return found[-1]
