"""A film's report says how steady and how even it is, what could not be measured, and where it is worst."""

from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photodiary.diary.quality import WORST, Flicker, Jitter, Measured, Quality, flicker, how_steady, luma, percentile, pixels, report, sentences

FRAMES = [f"frames/2024/{number}.jpg" for number in range(9)]
PAIRS = list(zip(FRAMES, FRAMES[1:], strict=False))
NO_TONES: list[None] = [None] * len(FRAMES)


def moved(by: float) -> Measured:
    """Both eyes by so much, in different directions."""
    return Measured(((by, 0.0), (0.0, -by)), 0.9)


def test_the_report_counts_what_was_measured() -> None:
    """Mean and percentile over measured pairs only; pairs without an answer, and pairs nobody asked about, are counted; the worst come first."""
    jitters = [0.5, 3.0, 0.2, 0.4, 1.0, 0.9]
    measured = {pair: moved(by) for pair, by in zip(PAIRS, jitters, strict=False)} | {PAIRS[6]: Measured(None, 0.3)}
    quality = report(FRAMES, measured, [0.05, 0.07, 0.06, 0.02, 0.05], NO_TONES, [()] * len(FRAMES))
    assert quality.jitter == Jitter(1.0, pytest.approx(2.5), 0.05, pairs=6, unmeasured=2)
    assert [(leap.photo, leap.jitter) for leap in quality.worst] == [(1, 3.0), (4, 1.0), (5, 0.9), (0, 0.5), (3, 0.4)]
    assert quality.unlike == (6,) and quality.flicker is None
    assert (
        Quality.of(quality.text()) == quality
        and Measured.of(Measured(None, 0.3).text()) == Measured(None, 0.3)
        and Measured.of(moved(2.0).text()) == moved(2.0)
    )


def test_what_is_not_known_is_not_said() -> None:
    """No pair, no jitter; of a handful of photos looked at twice, no floor; equal photos and a single one have their reports too."""
    assert report(FRAMES[:1], {}, [], [None], [()]) == Quality(None, None, ())
    assert report([], {}, [], [], []) == Quality(None, None, ())
    few = report(FRAMES[:3], {PAIRS[0]: moved(0.0), PAIRS[1]: moved(0.0)}, [0.1] * 4, [None] * 3, [()] * 3)
    assert few.jitter == Jitter(0.0, 0.0, None, pairs=2, unmeasured=0)
    assert sentences(Quality(None, None, ()), 400.0) == []


@given(st.lists(st.floats(0, 20), min_size=2, max_size=40))
def test_percentiles_are_the_usual_ones(values: list[float]) -> None:
    """As `statistics.quantiles` has them, ends included."""
    assert percentile(sorted(values), 0.95) == pytest.approx(statistics.quantiles(values, n=20, method="inclusive")[-1], abs=1e-9)


@given(st.floats(0.03, 0.97), st.floats(0.72, 1.4))
def test_light_follows_the_films_tone_curve(y: float, k: float) -> None:
    """y' = k y / sqrt(1 + (k^2 - 1) y^2), as diary/tone.py says."""
    tone = (math.log(y * y / (1 - y * y)), 0.0, 0.0)
    assert luma(tone) == pytest.approx(y)
    assert luma(tone, (k, 0.0, 0.0)) == pytest.approx(k * y / math.sqrt(1 + (k * k - 1) * y * y))


def test_flicker_is_told_before_and_after() -> None:
    """In levels of 255, over pairs whose light is known; a film that evens nothing out flickers as its frames do."""
    tones = [(math.log(y * y / (1 - y * y)), 0.0, 0.0) for y in (0.4, 0.5)]
    k = 0.5 / 0.4 * math.sqrt((1 - 0.4**2) / (1 - 0.5**2))  # carries 0.4 to 0.5
    assert flicker([*tones, None, tones[0]], [()] * 4) == Flicker(25.5, 25.5)
    assert flicker(tones, [(k, 0.0, 0.0), ()]) == Flicker(25.5, 0.0)
    assert flicker([None, tones[0], None], [()] * 3) is None


@pytest.mark.parametrize(
    ("mean", "words"), [(0.05, "as steady as from a tripod"), (0.65, "very steady"), (1.2, "steady"), (2.0, "a little restless"), (4.0, "restless")]
)
def test_people_read_words(mean: float, words: str) -> None:
    """How steady, in pixels too; where the program has a part in it, that is said, and what is not counted."""
    jitter = Jitter(mean, 2 * mean, 0.06, pairs=10, unmeasured=1)
    first, floor, unlike, light = sentences(Quality(jitter, Flicker(9.0, 3.0), ()), 413.0)
    assert how_steady(jitter) == words and first.lower().startswith(words) and pixels(mean, 413.0) in first
    assert ("has next to no part" in floor) == (mean > 0.24) and "0.06 %" in floor
    assert unlike.startswith("One change is not counted") and "9 of 255 levels" in light and "67 % less" in light
    assert sentences(Quality(jitter, Flicker(9.0, 9.0), ()), 413.0)[-1] == "The light on the face changes by 9 of 255 levels from photo to photo."
    assert (pixels(0.1, 413.0), pixels(0.25, 413.0), pixels(1.0, 413.0)) == ("less than a pixel", "1 pixel", "4 pixels")


def test_no_more_than_the_worst_few_are_named() -> None:
    """Five leaps and five unlike pairs at most, the least alike first."""
    frames = [str(number) for number in range(30)]
    pairs = list(zip(frames, frames[1:], strict=False))
    measured = {pair: Measured(None, 1 - place / 100) if place % 2 else moved(place) for place, pair in enumerate(pairs)}
    quality = report(frames, measured, [], [None] * 30, [()] * 30)
    assert [leap.photo for leap in quality.worst] == [28, 26, 24, 22, 20] and quality.unlike == (27, 25, 23, 21, 19) and len(quality.worst) == WORST


def test_a_film_that_moves_by_less_than_a_pixel_is_told_so_once() -> None:
    """The sentence reads as a person would say it, also where nothing can be seen."""
    said = sentences(Quality(Jitter(0.12, 0.24, None, 29, 0), None, ()), 197.0)[0]
    assert said.endswith("the eyes move by less than a pixel on average (0.12 % of the distance between them), 19 times in 20 by at most 1 pixel.")
