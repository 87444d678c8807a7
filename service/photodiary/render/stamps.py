"""What is written into a film, in a person's language.  The owner of Babel, which is loaded only when something is to be written."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from photodiary.diary.reel_style import ReelStyle
from photodiary.diary.stamp import age

if TYPE_CHECKING:
    from babel.core import Locale

LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}")
LETTERS: Final = re.compile(r"'[^']*'|([A-Za-z])\1*")
"""A pattern's parts: words in quotes, and runs of one letter."""
DATE_LETTERS: Final = "GyYMLdEecwWDQq"
"""CLDR's letters that a day alone can tell: not those of the clock, which a photo may not know."""
LONGEST_FORMAT: Final = 60
LONGEST_RUN: Final = 6
YEAR: Final = 2024
FONTS: Final = "install one that has them (Debian: fonts-noto-cjk for Chinese, Japanese and Korean)"


def stamp_text(style: ReelStyle, wall: datetime, born: date | None) -> str:
    """What is written into the picture of a photo taken at `wall`: a line, two for date and age, or nothing.

    Raises ValueError for a language or a format that `problems` would have told of.
    """
    day = wall.date()
    lines = []
    if style.stamp in ("date", "date and age"):
        lines.append(_date(style, day))
    if style.stamp in ("age", "date and age") and born is not None:
        lines.append(_age(style, born, day))
    return "\n".join(line for line in lines if line)


def chapter_name(style: ReelStyle, wall: datetime) -> str:
    """The name of the chapter that a photo taken at `wall` belongs to; empty without chapters.  Raises ValueError as `stamp_text` does."""
    if not style.chapters:
        return ""
    from babel.dates import format_skeleton

    return _clean(format_skeleton("y" if style.chapters == "year" else "yMMMM", wall, locale=_locale(style.language)))


def is_language(code: str) -> bool:
    """Whether dates can be written in it: "en", "de", "pt_BR", also "pt-BR"."""
    from babel.core import Locale, UnknownLocaleError

    try:
        return bool(LANGUAGE.fullmatch(code)) and Locale.parse(_locale(code)) is not None
    except (UnknownLocaleError, ValueError):
        return False


def is_format(text: str) -> bool:
    """Whether dates can be written so: CLDR's letters for days, months and years, words between single quotes, up to 60 characters."""
    from babel.dates import format_date

    runs = [match.group() for match in LETTERS.finditer(text)]
    letters = [run for run in runs if not run.startswith("'")]
    if len(text) > LONGEST_FORMAT or not text.isprintable() or text.count("'") % 2 or not letters:
        return False
    if any(len(run) > LONGEST_RUN or run[0] not in DATE_LETTERS for run in letters):
        return False
    try:
        return bool(format_date(date(YEAR, 5, 9), text, locale="en").strip())
    except (ValueError, KeyError, AttributeError):  # a letter repeated more often than it has meanings
        return False


def problems(style: ReelStyle) -> Iterator[str]:
    """What is wrong with what a style has written into the film: sentences that begin with the setting.  Loads Babel, and Pillow where something is drawn."""
    if style.stamp or style.chapters:
        if not is_language(style.language):
            yield f'language must be one that dates can be written in, such as "en", "de" or "pt_BR", not "{style.language}"'
            return
        if style.stamp_format and not is_format(style.stamp_format):
            yield (
                'stamp_format must be made of CLDR\'s letters for days, months and years, such as "d. MMMM yyyy", with words between single quotes, '
                f'not "{style.stamp_format}"'
            )
            return
    if style.stamp or style.title:
        from photodiary.darkroom.lettering import missing

        if style.stamp and (lost := missing(_needed(style))):
            yield (
                f'stamp needs signs of the language "{style.language}" that no font here has ({lost[:12]}); {FONTS}, take another language, '
                'or write dates in figures: stamp_format = "y-MM-dd"'
            )
        if lost := missing(style.title):
            yield f"title has signs that no font here has ({lost[:12]}); {FONTS}, or write it without them"


def _needed(style: ReelStyle) -> str:
    """Every sign that stamps of this style can need."""
    written = []
    if style.stamp in ("date", "date and age"):
        written += [_date(style, date(YEAR, month, day)) for month in range(1, 13) for day in range(1, 8)]
    if style.stamp in ("age", "date and age"):
        born = date(YEAR, 1, 1)
        days = [born + timedelta(days=number) for number in (*range(15), *range(20, 90, 7), *range(100, 1200, 15))]
        written += [_age(style, born, day) for day in (*days, *(date(YEAR + years, 1, 1) for years in range(4, 30)))]
    return "".join(sorted(set("".join(written))))


def _date(style: ReelStyle, day: date) -> str:
    from babel.dates import format_date

    pattern, locale = style.stamp_format or "long", _locale(style.language)
    written = format_date(day, pattern, locale=locale)
    if f"M{day.month:02}" in written:  # where CLDR has no names of months that stand alone, because the others serve as well, Babel finds none
        pattern = LETTERS.sub(lambda run: run.group().replace("L", "M") if run.group(1) else run.group(), pattern)
        written = format_date(day, pattern, locale=locale)
    return _clean(written)


def _age(style: ReelStyle, born: date, day: date) -> str:
    from babel.core import Locale
    from babel.units import format_unit

    locale = Locale.parse(_locale(style.language))
    parts = []
    for number, unit in age(born, day):
        written = format_unit(number, f"duration-{unit}", length="long", locale=locale)
        if "duration-" in written:  # Babel does not follow CLDR from a long form that is missing to the short one, which then is as long (its issue 1217)
            written = format_unit(number, f"duration-{unit}", length="short", locale=locale)
        parts.append(written)
    return _clean(parts[0] if len(parts) == 1 else _joined(locale, parts)) if parts else ""


def _joined(locale: Locale, two: list[str]) -> str:
    """Two parts of a length of time in a row, "1 year, 4 months".  CLDR leaves out what another pattern says as well, where Babel's own function gives up."""
    for kind in ("unit", "unit-short", "standard"):
        patterns = locale.list_patterns.get(kind, {})
        pattern = patterns.get("2") or patterns.get("end")
        if pattern:
            return str(pattern.format(*two))
    return " ".join(two)


def _locale(code: str) -> str:
    return code.replace("-", "_")


def _clean(text: str) -> str:
    """Plain spaces, and no marks that are not seen."""
    kept = "".join(" " if unicodedata.category(sign) == "Zs" else sign for sign in text if unicodedata.category(sign) not in ("Cf", "Cc"))
    return " ".join(kept.split())
