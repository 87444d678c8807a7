"""What is wrong between settings: time zones, formats, folders inside one another, films."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from photodiary.align.config import AlignConfig
from photodiary.diary import filmset
from photodiary.settings.values import Settings

ON_DELETE = ("keep", "exclude")


def clashes(settings: Settings, *, lightly: bool) -> Iterator[str]:
    """Each as `table.key: what is wrong, what is allowed`.  lightly: without loading what stamps and titles are written with."""
    if not settings.diary:
        yield "diary: no diary is configured; write a table [diary.NAME] with inbox and archive"
    for where, zone in [("timezone", settings.timezone)] + [(f"diary.{n}.timezone", d.timezone) for n, d in settings.diary.items() if d.timezone]:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield f'{where}: there is no time zone "{zone}"; write one like "Europe/Berlin"'
    born = {name: diary.born for name, diary in settings.diary.items()}
    yield from (f"{where}: {said}" for where, said in filmset.problems(settings.film, settings.films, born, date.today()))
    if not lightly:
        yield from _unwritable(settings)
    folders: list[tuple[str, str]] = []
    for name, diary in settings.diary.items():
        if not name.replace("-", "").replace("_", "").isalnum():
            yield f"diary.{name}: a diary's name has letters, digits, - and _ only"
        if diary.on_delete not in ON_DELETE:
            yield f'diary.{name}.on_delete: must be "keep" or "exclude"'
        if diary.canvas:
            try:
                AlignConfig(diary.canvas)
            except ValueError as error:
                yield f"diary.{name}.canvas: {error}"
        for key, path in (("inbox", diary.inbox), ("archive", diary.archive)):
            if "\0" in str(path) or str(path).startswith("~"):
                yield f"diary.{name}.{key}: there can be no such folder; write an absolute path, or one relative to this file"
            else:
                folders.append((f"diary.{name}.{key}", os.path.realpath(path)))
    nested = list(_inside_one_another(folders))
    yield from nested
    yield from _misplaced(settings, folders)
    if "\0" in settings.state or settings.state.startswith("~"):
        yield "state: there can be no such folder; write an absolute path, or one relative to this file"
    elif not nested:
        yield from _inside_one_another([*folders, ("state", os.path.realpath(settings.state))])


def _misplaced(settings: Settings, folders: list[tuple[str, str]]) -> Iterator[str]:
    """Where the metrics' file cannot lie: in an inbox nothing is ever written, and an archive is nobody else's to read."""
    given = settings.metrics.textfile
    if "\0" in given or given.startswith("~"):
        yield "metrics.textfile: there can be no such file; write an absolute path, or one relative to this file"
    elif given:
        path = os.path.realpath(given)
        yield from (f"metrics.textfile: {path} lies in {folder} ({where}); choose another folder" for where, folder in folders if _within(path, folder))


def _within(path: str, folder: str) -> bool:
    return os.path.commonpath([path, folder]) == folder


def _unwritable(settings: Settings) -> Iterator[str]:
    """What is wrong with languages, formats and letters of what films write into the picture; what a further film has from the main one is told once."""
    told = set()
    for where, style in {"film": settings.film, **{f"films.{name}": film for name, film in settings.films.items()}}.items():
        if not (style.stamp or style.chapters or style.title):
            continue
        from photodiary.render import stamps  # here, because the words of languages take long to load

        for said in stamps.problems(style):
            key, _, rest = said.partition(" ")
            if said not in told:
                yield f"{where}.{key}: {rest}" if hasattr(style, key) else f"{where}: {said}"
            told.add(said)


def _inside_one_another(folders: list[tuple[str, str]]) -> Iterator[str]:
    for number, (where, folder) in enumerate(folders):
        for other_where, other in folders[number + 1 :]:
            if folder == other:
                yield f"{other_where}: is the same folder as {where} ({folder}); each needs a folder of its own"
            elif os.path.commonpath([folder, other]) in (folder, other):
                yield f"{other_where}: {other} and {folder} ({where}) lie inside one another; each needs a folder of its own"
