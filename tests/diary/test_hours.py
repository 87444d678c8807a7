from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photodiary.diary.hours import beginning_of, between, day_of, is_clock, next_time

BERLIN = ZoneInfo("Europe/Berlin")
NAMES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Chatham", "Pacific/Kiritimati")
ZONES = [ZoneInfo(name) for name in NAMES]
MOMENTS = st.datetimes(datetime(2023, 1, 1), datetime(2027, 1, 1)).map(lambda wall: wall.replace(tzinfo=BERLIN).timestamp())
CLOCKS = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))


def at(text: str, zone: ZoneInfo = BERLIN) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


@given(MOMENTS, CLOCKS, st.sampled_from(ZONES))
def test_the_next_time_is_always_within_a_day_and_an_hour(after: float, clock: str, zone: ZoneInfo) -> None:
    """Clock changes neither skip a day nor make it come twice."""
    assert 0 < next_time(clock, zone, after) - after <= 90_000


@pytest.mark.parametrize(("text", "is_one"), [("00:00", True), ("23:59", True), ("24:00", False), ("4:30", False), ("04:30 ", False), ("٠٤:30", False)])
def test_a_time_of_day_has_two_digits_twice(text: str, is_one: bool) -> None:
    """What is no time of day is told from what is one."""
    assert is_clock(text) is is_one


@pytest.mark.parametrize(
    ("start", "end", "now", "inside"),
    [
        ("22:00", "08:00", "2024-05-15T21:59:59", False),
        ("22:00", "08:00", "2024-05-15T22:00:00", True),
        ("22:00", "08:00", "2024-05-16T07:59:59", True),
        ("22:00", "08:00", "2024-05-16T08:00:00", False),
        ("12:00", "13:00", "2024-05-15T12:30:00", True),
        ("12:00", "13:00", "2024-05-15T13:00:00", False),
        ("00:00", "06:00", "2024-05-15T00:00:00", True),
        ("22:00", "00:00", "2024-05-15T23:59:59", True),
        ("22:00", "00:00", "2024-05-15T00:00:00", False),
        ("02:15", "02:45", "2024-10-27T02:30:00", True),  # comes twice that night; both are inside
    ],
)
def test_hours_between_two_times_may_go_over_midnight(start: str, end: str, now: str, inside: bool) -> None:
    """The first moment is inside, the last one is not."""
    assert between(start, end, BERLIN, at(now)) is inside
    if "10-27" in now:
        assert between(start, end, BERLIN, at(now) + 3600) is inside


@given(MOMENTS, CLOCKS, CLOCKS, st.sampled_from(ZONES))
def test_every_moment_is_between_two_times_or_between_them_the_other_way_round(now: float, one: str, other: str, zone: ZoneInfo) -> None:
    """Two times cut every day into two parts, also where the clock is changed."""
    if one != other:
        assert between(one, other, zone, now) is not between(other, one, zone, now)


@given(MOMENTS, st.sampled_from(ZONES))
def test_a_day_of_the_diary_begins_at_four(now: float, zone: ZoneInfo) -> None:
    """The moment a day begins is of that day, the moment before it is not, and now is in the day that began last."""
    day = day_of(now, zone)
    began = beginning_of(day, zone)
    assert began <= now < beginning_of(day + timedelta(days=1), zone)
    assert day_of(began, zone) == day and day_of(began - 1, zone) == day - timedelta(days=1)
    assert datetime.fromtimestamp(began, zone).strftime("%H:%M") == "04:00"


def test_before_four_it_is_still_the_day_before() -> None:
    """A selfie after a long evening belongs to that evening."""
    assert day_of(at("2024-05-16T03:59:59"), BERLIN) == date(2024, 5, 15)
    assert day_of(at("2024-05-16T04:00:00"), BERLIN) == date(2024, 5, 16)
