"""What the pace of a film promises: a length near a minute by itself, exact lengths when asked for, and no jumping between paces."""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photodiary.diary.pace import AUTO, CLEARLY, LONGEST, MOST, SHORTEST, Pace, auto, is_pace, pace_of

BEGIN = datetime(2014, 5, 15, 8, 30)
counts = st.integers(1, 40_000)


def daily(count: int) -> list[datetime]:
    return [BEGIN + timedelta(days=number) for number in range(count)]


def lasts(pace: Pace) -> Fraction:
    return Fraction(sum(pace.ticks), pace.timescale)


def off(count: int, rate: int) -> Fraction:
    return abs(Fraction(count, rate) - 60)


@given(counts)
def test_auto_is_as_near_a_minute_as_can_be(count: int) -> None:
    """Without a word about it, no other of the paces brings the film nearer a minute, and of two as near it takes the quicker."""
    rate = auto(count)
    assert all(off(count, rate) < off(count, other) or (off(count, rate) == off(count, other) and rate >= other) for other in AUTO)
    assert lasts(pace_of("auto", daily(min(count, 500)))) == Fraction(min(count, 500), auto(min(count, 500)))


@pytest.mark.parametrize(("photos", "rate"), [(1, 4), (240, 4), (365, 6), (730, 12), (1214, 20), (1825, 30), (3650, 30)])
def test_what_auto_chooses(photos: int, rate: int) -> None:
    """A new diary is shown slowly, ten years quickly."""
    assert auto(photos) == rate


@given(counts, st.sampled_from(AUTO), st.integers(-40, 40))
def test_a_few_photos_change_no_pace(count: int, before: int, more: int) -> None:
    """A pace that was left is not gone back to for a few photos more or less, and one that is kept is at most a little worse."""
    now = auto(count, Fraction(before))
    assert off(count, now) - off(count, auto(count)) <= CLEARLY
    if now != before:
        assert auto(max(1, count + more % 12), Fraction(now)) != before
        assert off(count, before) - off(count, now) > CLEARLY


@given(st.integers(1, 60), st.integers(1, 400))
def test_a_fixed_pace_is_exact(rate: int, count: int) -> None:
    """So many photos a second means that each is shown for exactly that part of one."""
    pace = pace_of(str(rate), daily(count))
    assert {Fraction(ticks, pace.timescale) for ticks in pace.ticks} == {Fraction(1, rate)} and len(pace.ticks) == count and pace.per_second == rate


@given(st.integers(1, 99_999), st.integers(1, 700))
def test_a_length_is_exact(seconds: int, count: int) -> None:
    """A film that is to last so long does, to the last tick, as long as the photos can be seen; every photo has the same time."""
    pace = pace_of(f"{seconds} s", daily(count))
    assert len(set(pace.ticks)) == 1 and len(pace.ticks) == count
    assert lasts(pace) == (seconds if count <= MOST * seconds else Fraction(count, MOST))
    assert pace.per_second == count / lasts(pace) and pace.per_second <= MOST


@given(st.lists(st.integers(0, 400 * 86_400), max_size=200))
def test_time_is_true_within_limits(gaps: list[int]) -> None:
    """A photo is shown in proportion to the time until the next, but neither too short to be seen nor so long that the film seems to stand."""
    walls = [BEGIN]
    for gap in gaps:
        walls.append(walls[-1] + timedelta(seconds=gap))
    pace = pace_of("time", walls)
    assert len(pace.ticks) == len(walls) and pace.per_second is None
    for gap, ticks in zip(gaps, pace.ticks, strict=False):
        true = Fraction(gap, 86_400 * 8)
        assert abs(Fraction(ticks, pace.timescale) - min(LONGEST, max(SHORTEST, true))) <= Fraction(1, pace.timescale)
    assert SHORTEST <= Fraction(pace.ticks[-1], pace.timescale) <= LONGEST


def test_a_gap_of_years_is_a_second() -> None:
    """Two daily photos last an eighth of a second each, one before a gap of three years one second, the last as long as is usual."""
    walls = [BEGIN, BEGIN + timedelta(days=1), BEGIN + timedelta(days=2), BEGIN + timedelta(days=1100)]
    pace = pace_of("time", walls)
    assert [Fraction(ticks, pace.timescale) for ticks in pace.ticks] == [Fraction(1, 8), Fraction(1, 8), 1, Fraction(1, 8)]
    assert pace_of("time", []).ticks == pace_of("60 s", []).ticks == ()


@pytest.mark.parametrize("text", ["auto", "time", "1", "12", "60", "60 s", "60s", "1 s", "99999 s"])
def test_what_is_a_pace(text: str) -> None:
    """These can be written, and each makes a pace for one photo and for many."""
    assert is_pace(text)
    assert all(ticks > 0 for count in (1, 100) for ticks in pace_of(text, daily(count)).ticks)


@pytest.mark.parametrize("text", ["", "0", "61", "012", "7.5", "-3", "100", "0 s", "100000 s", "60 m", "Auto", " 12", "12\n", "１２", "60  s"])
def test_what_is_no_pace(text: str) -> None:
    """These cannot."""
    assert not is_pace(text)
