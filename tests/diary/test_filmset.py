"""Which films a diary has, and which photos are in which file: every photo in its film once, and no name that another film could have."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photodiary.diary.filmset import FilmConfig, FilmWish, Part, films_of, parts, problems
from photodiary.diary.reel_style import ReelStyle

TODAY = date(2026, 11, 25)
days = st.lists(st.dates(date(1990, 1, 1), date(2040, 1, 1)), max_size=60).map(sorted)


@given(days)
def test_each_year_has_its_photos_and_no_others(found: list[date]) -> None:
    """The films of the years hold every photo once, in order, each named by its year."""
    years = parts("year", found)
    assert [part.start for part in years] == [0, *(part.end for part in years)][:-1] and (not found or years[-1].end == len(found))
    for part in years:
        assert {f"-{day.year}" for day in found[part.start : part.end]} == {part.name}
    assert len({part.name for part in years}) == len(years)


@given(days, st.integers(1, 99_999))
def test_the_newest_days_count_from_the_newest_photo(found: list[date], number: int) -> None:
    """A film of so many days ends with the newest photo, and begins with the first that is less than so many days older."""
    assert (not found and not parts(f"{number} days", found)) or [Part("", sum(1 for day in found if (found[-1] - day).days >= number), len(found))] == parts(
        f"{number} days", found
    )


def test_all_is_all() -> None:
    """A film of all photos has them; without photos there is no film of any kind."""
    assert parts("all", [TODAY] * 3) == [Part("", 0, 3)]
    assert parts("all", []) == parts("year", []) == parts("1 day", []) == []
    assert parts("1 day", [TODAY - timedelta(days=1), TODAY, TODAY]) == [Part("", 1, 3)]


def test_a_diary_has_the_main_film_and_those_meant_for_it() -> None:
    """The main film comes first; a further one is for every diary, or for those that it names."""
    main, month, year = ReelStyle(crf=18), FilmConfig(of="30 days", pace="6"), FilmConfig(of="year", diaries=("me",))
    assert films_of("me", main, {"month": month, "year": year}) == [
        FilmWish("latest", main), FilmWish("month", ReelStyle(pace="6"), "30 days"), FilmWish("year", ReelStyle(), "year"),
    ]  # fmt: skip
    assert [film.name for film in films_of("anna", main, {"month": month, "year": year})] == ["latest", "month"]


def test_files_are_named_by_film_and_year() -> None:
    """A film's file is told from any other's, also when it is read back from its name."""
    year, month = FilmWish("year", ReelStyle(), "year"), FilmWish("month", ReelStyle(), "30 days")
    assert (year.file("-2024"), month.file()) == ("year-2024.mp4", "month.mp4")
    assert (year.part_of("year-2024.mp4"), month.part_of("month.mp4")) == ("-2024", "")
    for film, file in ((year, "year.mp4"), (month, "month-2024.mp4"), (year, "year-2024"), (month, "month"), (year, "../year-2024.mp4"), (year, "year-24.mp4")):
        assert film.part_of(file) is None


@pytest.mark.parametrize("of", ["", "30", "days", "0 days", "-1 days", "30 Days", "month", "30 days ", "100000 days"])
def test_what_no_film_shows(of: str) -> None:
    """What a film shows is said in one of three ways."""
    with pytest.raises(ValueError, match=r'^of must be "all", "year" or a number of days such as "30 days"$'):
        FilmConfig(of=of)


def test_a_film_of_its_own_has_the_limits_of_the_main_one() -> None:
    """What is out of limits in [film] is so in [films.NAME] too, and everything wrong is told together."""
    with pytest.raises(ValueError, match=r"^pace must be .*\ncrf must be .*\nof must be ") as refused:
        FilmConfig(pace="fast", crf=99, of="week")
    assert len(str(refused.value).splitlines()) == 3


@pytest.mark.parametrize(
    "name", ["latest", "Latest", "share", "2024", "2024-05", "2024-05-15", "month-2024", "my_2024", "a/b", "..", "a.b", "", "x" * 41, "a b"]
)
def test_names_that_a_film_cannot_have(name: str) -> None:
    """A film may not be called so that its file could be another's, or lie elsewhere."""
    ((where, _),) = problems(ReelStyle(), {name: FilmConfig()}, {"me": ""}, TODAY)
    assert where == f"films.{name}"


@pytest.mark.parametrize("name", ["month", "Jahr", "für_oma", "4k", "a-b", "y2k", "2024s", "last-30", "x" * 40])
def test_names_that_a_film_can_have(name: str) -> None:
    """Ordinary names are fine."""
    assert not list(problems(ReelStyle(), {name: FilmConfig()}, {"me": ""}, TODAY))


def test_two_names_on_a_disk_that_takes_them_for_one() -> None:
    """Names that differ in capitals only would be one file on some disks."""
    assert [where for where, _ in problems(ReelStyle(), {"month": FilmConfig(), "Month": FilmConfig()}, {"me": ""}, TODAY)] == ["films.month", "films.Month"]


def test_ages_need_a_day_of_birth() -> None:
    """A film that writes ages is refused for each of its diaries without one, and only for these."""
    films = {"ages": FilmConfig(stamp="date and age", diaries=("anna", "me"))}
    told = list(problems(ReelStyle(), films, {"me": "", "anna": "2019-06-30", "else": ""}, TODAY))
    assert told == [("diary.me.born", '[films.ages] writes the age into the picture; add the day of birth, such as "1990-04-17"')]
    told = list(problems(ReelStyle(stamp="age"), films, {"me": ""}, TODAY))
    assert told[0] == ("films.ages.diaries", "there is no diary of the name anna; known are me")
    assert told[1][1].startswith("[film] and [films.ages] write the age")


@pytest.mark.parametrize("born", ["1990-4-17", "17.4.1990", "1990-02-30", "19900417", "2026-11-26", "soon"])
def test_a_day_of_birth_is_a_past_day(born: str) -> None:
    """What is no day, or is yet to come, is refused."""
    assert [where for where, _ in problems(ReelStyle(), {}, {"me": born}, TODAY)] == ["diary.me.born"]
    assert not list(problems(ReelStyle(stamp="age"), {}, {"me": "2026-11-25"}, TODAY))
