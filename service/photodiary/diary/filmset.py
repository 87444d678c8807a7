"""Which films a diary has: the main one, those of `[films.NAME]`, and the parts that a film of each year comes in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from itertools import groupby
from typing import Final

from photodiary.diary.reel_style import ReelStyle

MAIN: Final = "latest"
"""The name of the film that `[film]` describes, and of its file."""

TAKEN: Final = (MAIN, "share")
NAME: Final = re.compile(r"[\w-]{1,40}")
LIKE_A_DAY_OR_YEAR: Final = re.compile(r"(?:.*[-_])?\d{4}|\d{4}-\d\d(?:-\d\d)?")
"""What ends like a year could be the film of one, and what is a day is the name of a film that was replaced since."""

NEWEST_DAYS: Final = re.compile(r"([1-9][0-9]{0,4}) days?")
DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class FilmConfig(ReelStyle):
    """A further film, `[films.NAME]`: how it looks, and what it shows.  Raises ValueError, with a sentence a line, for a value outside its limits.

    of: "all" photos of the diary, "30 days" for those of so many days up to the newest photo, or "year" for a film of each year.  diaries: names of those
    that have it; empty: every diary.
    """

    of: str = "all"
    diaries: tuple[str, ...] = ()

    def _limits(self) -> tuple[tuple[bool, str], ...]:
        return *super()._limits(), (is_extent(self.of), 'of must be "all", "year" or a number of days such as "30 days"')

    @property
    def style(self) -> ReelStyle:
        """How it looks, without what it shows."""
        return ReelStyle(**{field.name: getattr(self, field.name) for field in fields(ReelStyle)})


@dataclass(frozen=True)
class FilmWish:
    """A film that a diary should have.  name: as in the configuration, `MAIN` for the main one; of: as in `FilmConfig`."""

    name: str
    style: ReelStyle
    of: str = "all"

    def file(self, part: str = "") -> str:
        """The file's name, without its folder; part: as `parts` names it."""
        return f"{self.name}{part}.mp4"

    def part_of(self, file: str) -> str | None:
        """Which part of this film has a file of that name; None for no part of it."""
        part = file.removeprefix(self.name).removesuffix(".mp4")
        fitting = re.fullmatch(r"-\d{4}", part) is not None if self.of == "year" else part == ""
        return part if fitting and file == self.file(part) else None


@dataclass(frozen=True)
class Part:
    """What one file of a film shows: the photos from `start` up to, not including, `end`.  name: "" or "-2024", for the file's name."""

    name: str
    start: int
    end: int


def is_extent(text: str) -> bool:
    """Whether `parts` understands it."""
    return text in ("all", "year") or NEWEST_DAYS.fullmatch(text) is not None


def films_of(diary: str, main: ReelStyle, further: Mapping[str, FilmConfig]) -> list[FilmWish]:
    """The films of a diary, the main one first."""
    wished = [FilmWish(name, film.style, film.of) for name, film in further.items() if not film.diaries or diary in film.diaries]
    return [FilmWish(MAIN, main), *wished]


def parts(of: str, days: Sequence[date]) -> list[Part]:
    """The files that a film comes in, each of photos in a row, the oldest first; none without photos.  days: of the photos, in the film's order."""
    if not days:
        return []
    if of == "year":
        found, start = [], 0
        for year, group in groupby(day.year for day in days):
            end = start + sum(1 for _ in group)
            found.append(Part(f"-{year:04}", start, end))
            start = end
        return found
    newest = NEWEST_DAYS.fullmatch(of)
    if newest is None:
        return [Part("", 0, len(days))]
    reach = min(int(newest[1]) - 1, (days[-1] - date.min).days)
    first = days[-1] - timedelta(days=reach)
    return [Part("", next(place for place, day in enumerate(days) if day >= first), len(days))]


def problems(main: ReelStyle, further: Mapping[str, FilmConfig], born: Mapping[str, str], today: date) -> Iterator[tuple[str, str]]:
    """What is wrong between films and diaries: the setting it is about, and the end of a sentence.  born: by diary, "" where it is not known."""
    for diary, day in born.items():
        if day and not _is_past_day(day, today):
            yield f"diary.{diary}.born", 'must be a past day written as "1990-04-17"'
    lower = [name.lower() for name in further]
    for name, film in further.items():
        if NAME.fullmatch(name) is None:
            yield f"films.{name}", "a film's name has letters, digits, - and _ only, 40 at most"
        elif name.lower() in TAKEN or LIKE_A_DAY_OR_YEAR.fullmatch(name) is not None:
            yield f"films.{name}", f"a film cannot be called so: {', '.join(TAKEN)}, and names that are or end like a year or day, are names of other films"
        elif lower.count(name.lower()) > 1:
            yield f"films.{name}", "another film's name differs in small and capital letters only; not every disk keeps them apart"
        for diary in film.diaries:
            if diary not in born:
                yield f"films.{name}.diaries", f"there is no diary of the name {diary}; known are {', '.join(born)}"
    for diary, day in born.items():
        ageing = [film.name for film in films_of(diary, main, further) if "age" in film.style.stamp]
        if ageing and not day:
            where = " and ".join("[film]" if name == MAIN else f"[films.{name}]" for name in ageing)
            yield f"diary.{diary}.born", f'{where} write{"s" if len(ageing) == 1 else ""} the age into the picture; add the day of birth, such as "1990-04-17"'


def _is_past_day(text: str, today: date) -> bool:
    if DAY.fullmatch(text) is None:
        return False
    try:
        return date.fromisoformat(text) <= today
    except ValueError:
        return False
