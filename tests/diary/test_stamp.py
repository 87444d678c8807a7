"""Ages: as people say them, and never less on a later day."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photodiary.diary.stamp import Age, age

DAYS = st.dates(date(1900, 1, 1), date(2100, 12, 31))
LENGTH = {"year": 365.2425, "month": 30.436875, "week": 7, "day": 1}


@pytest.mark.parametrize(
    ("born", "day", "told"),
    [
        (date(2024, 5, 10), date(2024, 5, 9), ()),
        (date(2024, 5, 10), date(2024, 5, 10), ((0, "day"),)),
        (date(2024, 5, 10), date(2024, 5, 22), ((12, "day"),)),
        (date(2024, 5, 10), date(2024, 5, 24), ((2, "week"),)),
        (date(2024, 5, 10), date(2024, 6, 30), ((7, "week"),)),
        (date(2024, 5, 10), date(2024, 8, 9), ((13, "week"),)),
        (date(2024, 5, 10), date(2024, 8, 10), ((3, "month"),)),
        (date(2024, 5, 10), date(2025, 5, 9), ((11, "month"),)),
        (date(2024, 5, 10), date(2025, 5, 10), ((1, "year"),)),
        (date(2024, 5, 10), date(2025, 9, 30), ((1, "year"), (4, "month"))),
        (date(2024, 5, 10), date(2027, 5, 9), ((2, "year"), (11, "month"))),
        (date(2024, 5, 10), date(2028, 1, 1), ((3, "year"),)),
        (date(1986, 11, 19), date(2024, 11, 18), ((37, "year"),)),
        (date(2023, 10, 31), date(2024, 2, 29), ((4, "month"),)),  # the last day of a shorter month
        (date(2000, 2, 29), date(2023, 2, 28), ((23, "year"),)),
    ],
)
def test_an_age_is_said_as_people_say_it(born: date, day: date, told: Age) -> None:
    """Days, then weeks, then months, then years with months, then years, each from when people say so."""
    assert age(born, day) == told


@given(DAYS, DAYS)
def test_an_age_is_right_and_says_no_more_than_two_numbers(born: date, day: date) -> None:
    """What is said is not more than the days that have passed, and less by less than its smallest unit; before birth nothing is said."""
    told = age(born, day)
    assert bool(told) == (day >= born) and len(told) <= 2
    if told:
        passed, said = (day - born).days, sum(number * LENGTH[unit] for number, unit in told)
        assert -2 <= passed - said < LENGTH[told[-1][1]] * (12 if told[-1][1] == "year" and len(told) == 1 and told[0][0] < 3 else 1) + 2


@given(DAYS, st.integers(1, 99))
def test_a_birthday_is_the_day_on_which_a_year_is_added(born: date, years: int) -> None:
    """On the birthday there are so many years and no months, and the day before there are not."""
    birthday = date(born.year + years, born.month, 28) if (born.month, born.day) == (2, 29) else born.replace(year=born.year + years)
    assert age(born, birthday) == ((years, "year"),)
    before = age(born, birthday - timedelta(days=1))
    assert before[0] == ((years - 1, "year") if years > 1 else (11, "month"))
