"""What is written into a film: dates and ages in a person's language, and clear words about what can't be."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from photodiary.diary.reel_style import ReelStyle
from photodiary.render.stamps import chapter_name, is_format, is_language, problems, stamp_text

WALL, BORN = datetime(2025, 9, 4, 23, 59), date(2024, 5, 1)


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "September 4, 2025\n1 year, 4 months"),
        ("en_GB", "4 September 2025\n1 year, 4 months"),
        ("de", "4. September 2025\n1 Jahr, 4 Monate"),
        ("fr", "4 septembre 2025\n1 an et 4 mois"),
        ("es", "4 de septiembre de 2025\n1 año y 4 meses"),  # Babel's format_list fails for it
        ("pt_BR", "4 de setembro de 2025\n1 ano e 4 meses"),  # Babel's format_unit says "duration-year"
        ("pt-BR", "4 de setembro de 2025\n1 ano e 4 meses"),
        ("ru", "4 сентября 2025 г.\n1 год 4 месяца"),
        ("ja", "2025年9月4日\n1 年 4 か月"),
    ],
)
def test_dates_and_ages_are_in_the_language(language: str, told: str) -> None:
    """As people write them there; with plain spaces; the day is that of the wall clock."""
    assert stamp_text(ReelStyle(stamp="date and age", language=language), WALL, BORN) == told


def test_each_stamp_says_what_it_is_called() -> None:
    """Nothing, the date, the age, or both; before birth, and without a day of birth, no age."""
    said = {stamp: stamp_text(ReelStyle(stamp=stamp), WALL, BORN) for stamp in ("", "date", "age", "date and age")}
    assert said == {"": "", "date": "September 4, 2025", "age": "1 year, 4 months", "date and age": "September 4, 2025\n1 year, 4 months"}
    assert stamp_text(ReelStyle(stamp="age"), WALL, date(2025, 9, 5)) == stamp_text(ReelStyle(stamp="age"), WALL, None) == ""
    assert stamp_text(ReelStyle(stamp="date and age"), WALL, None) == "September 4, 2025"


@pytest.mark.parametrize(
    ("text", "language", "told"),
    [
        ("d. MMMM yyyy", "de", "4. September 2025"),
        ("y-MM-dd", "ja", "2025-09-04"),
        ("EEEE 'o''clock' d", "en", "Thursday o'clock 4"),
        ("LLLL y", "ru", "сентябрь 2025"),
        ("LLLL y", "de", "September 2025"),  # CLDR has no other names there, and Babel says "M09"
        ("%(x)s".replace("x", "d").replace("s", "'s'") + " {0}", "en", "%(4)s {0}"),
    ],
)
def test_a_format_is_followed(text: str, language: str, told: str) -> None:
    """CLDR's letters mean what they mean, everything else stands for itself."""
    assert is_format(text)
    assert stamp_text(ReelStyle(stamp="date", stamp_format=text, language=language), WALL, None) == told


@settings(max_examples=150)
@given(
    st.text(st.sampled_from("GyYMLdEecwWDQqHmszxUu'%{}()$ \\\n0.-é年"), max_size=12),
    st.sampled_from(["en", "de", "ru", "ar", "ja"]),
    st.dates(date(1990, 1, 1), date(2100, 1, 1)),
)
@example("HH:mm", "en", date(2024, 1, 1))
@example("'", "en", date(2024, 1, 1))
@example("d" * 61, "en", date(2024, 1, 1))
@example("y" * 7, "en", date(2024, 1, 1))
def test_a_format_is_refused_or_works_every_day(text: str, language: str, day: date) -> None:
    """No format that is accepted fails on any day in any language, or writes more than a line; those of the clock are not accepted."""
    if is_format(text):
        told = stamp_text(ReelStyle(stamp="date", stamp_format=text, language=language), datetime(day.year, day.month, day.day), None)
        assert told and told.isprintable() and len(told) < 400
    else:
        assert any("stamp_format" in said for said in problems(ReelStyle(stamp="date", stamp_format=text))) or text == ""


@pytest.mark.parametrize("code", ["", "xx", "english", "../etc/passwd", "de\n", "e", "en_US_POSIX_MORE_AND_MORE"])
def test_a_language_that_is_none_is_refused(code: str) -> None:
    """With a sentence that begins with the setting; never with an exception."""
    assert not is_language(code)
    assert [said.split()[0] for said in problems(ReelStyle(stamp="date", language=code))] == ["language"]


def test_letters_that_no_font_has_are_told_before_a_film_is_made() -> None:
    """A language, or a title, whose signs can't be drawn is refused with the signs and the ways out; figures always work."""
    (said,) = problems(ReelStyle(stamp="date", language="hi"))
    assert said.startswith("stamp needs signs") and 'stamp_format = "y-MM-dd"' in said
    assert list(problems(ReelStyle(stamp="date", language="hi", stamp_format="y-MM-dd"))) == []
    (said,) = problems(ReelStyle(title="Day \U00012000"))
    assert said.startswith("title has signs") and "\U00012000" in said
    for language in ("en", "de", "fr", "pt_BR", "ru", "el", "pl", "tr", "vi"):
        assert list(problems(ReelStyle(stamp="date and age", language=language, title="Été"))) == []


def test_chapters_are_named_by_year_or_month() -> None:
    """In the language, the month as it stands alone."""
    assert chapter_name(ReelStyle(), WALL) == ""
    assert chapter_name(ReelStyle(chapters="year", language="de"), WALL) == "2025"
    assert chapter_name(ReelStyle(chapters="month", language="de"), WALL) == "September 2025"
    assert chapter_name(ReelStyle(chapters="month", language="pl"), WALL) == "wrzesień 2025"
