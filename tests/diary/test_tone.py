"""Photos are evened out towards their neighbours: gently, the same in both directions, unmoved by one photo in other light, and only as far as REACH."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photodiary.diary import tone
from photodiary.diary.tone import REACH, Tone, grades

numbers = st.floats(-1, 1).map(lambda value: round(value, 4))
tones: st.SearchStrategy[Tone] = st.tuples(st.floats(-3, 3).map(lambda value: round(value, 4)), numbers, numbers)
films = st.lists(st.none() | tones, max_size=3 * REACH)


def k_of(grade: tuple[float, ...]) -> float:
    return grade[0] if grade else 1.0


@given(films)
def test_backwards_is_the_same(film: list[Tone | None]) -> None:
    """A film that runs backwards is graded alike."""
    assert grades(film[::-1]) == grades(film)[::-1]


@given(films)
def test_gently(film: list[Tone | None]) -> None:
    """No photo is changed more than the limits say, in steps that are few, and one without a tone not at all."""
    for seen, grade in zip(film, grades(film), strict=True):
        if seen is None or not grade:
            assert grade == ()
            continue
        assert tone.DARKEST <= grade[0] <= tone.BRIGHTEST
        assert math.hypot(*grade[1:]) <= tone.MOST_SHIFT + tone.SHIFT_STEP
        assert grade != (1.0, 0.0, 0.0)
        for value, step in zip(grade, (tone.GAIN_STEP, tone.SHIFT_STEP, tone.SHIFT_STEP), strict=True):
            assert value / step == pytest.approx(round(value / step), abs=1e-9)
            assert len(repr(value)) <= len("-0.036")


@given(st.lists(tones, min_size=1, max_size=3 * REACH), st.floats(-2, 2))
def test_only_differences_count(film: list[Tone], brighter: float) -> None:
    """When all photos are brighter by the same factor, nothing changes: only what differs between them is evened out."""
    moved: list[Tone | None] = [(light + brighter, blue, red) for light, blue, red in film]
    for one, other in zip(grades(film), grades(moved), strict=True):
        assert k_of(one) == pytest.approx(k_of(other), abs=tone.GAIN_STEP + 1e-9)  # where rounding tips over
        assert (one or (1, 0, 0))[1:] == (other or (1, 0, 0))[1:]


@given(st.lists(tones, min_size=2 * REACH + 1, max_size=4 * REACH), tones, st.data())
def test_reach(film: list[Tone], other: Tone, data: st.DataObject) -> None:
    """Another photo changes the grades of at most REACH photos on either side."""
    place = data.draw(st.integers(0, len(film) - 1))
    before, after = grades(film), grades([*film[:place], other, *film[place + 1 :]])
    assert all(one == two for far, (one, two) in enumerate(zip(before, after, strict=True)) if abs(far - place) > REACH)


def test_reach_is_used() -> None:
    """The photo farthest away that may count does."""
    film: list[Tone | None] = [None] * REACH + [(0.0, 0.0, 0.0)]
    assert grades(film) == [()] * (REACH + 1)
    assert grades([(0.2, 0.0, 0.0), *film[1:]])[-1] == (1.05, 0.0, 0.0)
    assert grades([(0.2, 0.0, 0.0), None, *film[1:]])[-1] == ()


@given(st.lists(st.floats(-0.05, 0.05), min_size=2 * REACH + 1, max_size=2 * REACH + 1), tones)
def test_one_photo_in_other_light_moves_nobody(calm: list[float], other: Tone) -> None:
    """A photo in disco light among calm ones: they are graded as if it were one of them."""
    film: list[Tone] = [(light, 0.1 * light, -0.1 * light) for light in calm]
    film[REACH] = other
    spread = max(calm) - min(calm)
    for place, grade in enumerate(grades(film)):
        if place != REACH:
            k, blue, red = grade or (1.0, 0.0, 0.0)
            assert abs(2 * math.log(k)) <= spread + 2 * tone.GAIN_STEP
            assert max(abs(blue), abs(red)) <= 0.1 * spread + tone.SHIFT_STEP


def test_taking_turns_does_not_pump() -> None:
    """Day and night in turn: all are pulled towards one light between them, which hardly moves."""
    film: list[Tone | None] = [(0.3 if place % 2 else -0.3, 0.0, 0.0) for place in range(60)]
    evened = [seen[0] + 2 * math.log(k_of(grade)) for seen, grade in zip(film, grades(film), strict=True) if seen]
    inner = evened[REACH:-REACH]
    assert max(inner) - min(inner) < 0.15 * 0.6


def test_a_night_stays_darker() -> None:
    """A very dark photo is pulled up by a stop, and no farther."""
    film: list[Tone | None] = [(0.0, 0.0, 0.0)] * 13
    film[6] = (-3.0, 0.0, 0.0)
    assert grades(film)[6] == (tone.BRIGHTEST, 0.0, 0.0)
    assert grades(film[:6] + film[7:]) == [()] * 12


@pytest.mark.parametrize("unusable", [(), (0.1,), (0.1, 0.2, 0.3, 0.4), (math.nan, 0.0, 0.0), (0.0, math.inf, 0.0)])
def test_what_another_version_measured_counts_as_none(unusable: Tone) -> None:
    """A tone that is not of three finite numbers neither is graded nor counts for others."""
    film: list[Tone | None] = [(0.1, 0.0, 0.0), unusable, (-0.1, 0.0, 0.0)]
    assert grades(film) == grades([film[0], None, film[2]])
