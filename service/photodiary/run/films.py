"""The films of a diary as the configuration wants them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from photodiary.archive.reserve import Reserve
from photodiary.archive.store import Archive
from photodiary.diary.filmset import FilmWish
from photodiary.errors import BadUsage
from photodiary.ledger.store import Ledger
from photodiary.render.rendering import Rendering, never
from photodiary.settings import Settings


def rendering_of(
    settings: Settings, name: str, ledger: Ledger, archive: Archive, *, should_stop: Callable[[], bool] = never, reserve: Reserve | None = None
) -> Rendering:
    """What makes the films of the diary of that name."""
    born = settings.diary[name].born
    return Rendering(
        name, ledger, archive, tuple(settings.films_of(name)), should_stop, settings.zone(name), settings.render.keep_films, reserve,
        date.fromisoformat(born) if born else None,
    )  # fmt: skip


def named_film(settings: Settings, name: str, film: str) -> FilmWish:
    """The film of that name which the diary `name` should have.  Raises BadUsage."""
    films = {wish.name: wish for wish in settings.films_of(name)}
    if film not in films:
        raise BadUsage(f"no film {film} is configured for {name}; there are {', '.join(films)}")
    return films[film]
