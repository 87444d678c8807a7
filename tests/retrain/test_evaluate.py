"""Every number of `evaluate`, by hand."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photodiary.diary.eyes import EyePair, Point
from photodiary.retrain.evaluate import Judged, auroc, scores

LABEL = EyePair(Point(100, 200), Point(200, 200))  # IOD 100: a pixel is a per cent


def judged(
    left: tuple[float, float] | None, right: tuple[float, float] = (0, 0), *, expected: float | None = 1.0, doubtful: bool = False, size=(400, 800)
) -> Judged:
    eyes = None
    if left is not None:
        eyes = EyePair(Point(100 + left[0], 200 + left[1]), Point(200 + right[0], 200 + right[1]))
    return Judged("x.jpg", LABEL, eyes, None if left is None else expected, doubtful, size)


def test_every_number_by_hand() -> None:
    """Five photos: one exact, one 3 off, one 6 off and doubtful, one 12 off and sure, one without a face."""
    five = [
        judged((0, 0), expected=0.5),
        judged((3, 0), (0, -2), expected=2.0),
        judged((0, 6), (4, 0), expected=7.0, doubtful=True),
        judged((-2, 0), (0, 12), expected=1.0, size=(1000, 500)),
        judged(None),
    ]
    assert [one.error for one in five] == [0, 3, 6, 12, 1000]
    seen = scores(five)
    assert {key: seen[key] for key in ("photos", "found", "over_5", "over_10", "doubtful", "doubtful_over_5", "sure_over_5")} == {
        "photos": 5, "found": 4, "over_5": 3, "over_10": 2, "doubtful": 2, "doubtful_over_5": 2, "sure_over_5": 1}  # fmt: skip
    assert (seen["median"], seen["max"]) == (6, 1000)
    assert seen["p90"] == pytest.approx(12 + 0.6 * 988)
    # bias: both eyes of the four found photos, in %: x 0 0 3 0 0 4 -2 0, y 0 0 0 -2 6 0 0 12
    assert seen["bias"] == [0, 0]
    # frame_mse: per coordinate the mean over four photos of the squared part of width or height, then the sum
    left_x, left_y = (3 / 400) ** 2 + (2 / 1000) ** 2, (6 / 800) ** 2
    right_x, right_y = (4 / 400) ** 2, (2 / 800) ** 2 + (12 / 500) ** 2
    assert seen["frame_mse"] == pytest.approx((left_x + left_y + right_x + right_y) / 4)
    # pairs (over 5, not over 5): 7.0 beats both, 1.0 beats 0.5 only, no face beats both: 5 of 6
    assert seen["auroc_5"] == pytest.approx(5 / 6, abs=5e-5)


def test_bias_is_a_median_with_its_sign() -> None:
    """Too far right and too high is +x and -y; one outlier does not matter."""
    photos = [judged((2, -3), (2, -3)), judged((2, -3), (2, -3)), judged((90, 90), (90, 90))]
    assert scores(photos)["bias"] == [2, -3]


def test_the_error_is_in_per_cent_of_the_labels_own_distance() -> None:
    """Two pixels on eyes forty pixels apart, wherever they lie, are five per cent; exactly five is not over five."""
    label = EyePair(Point(10, 10), Point(34, 42))
    one = Judged("x", label, EyePair(Point(10, 12), Point(34, 42)), 1.0, False, (100, 100))
    assert one.error == pytest.approx(5)
    assert scores([judged((5, 0))])["over_5"] == 0


def test_without_any_face_numbers_are_null() -> None:
    """Nobody found: 1000 % everywhere, null where there is nothing to measure."""
    seen = scores([judged(None), judged(None)])
    assert (seen["found"], seen["median"], seen["p90"], seen["max"], seen["over_10"], seen["doubtful"]) == (0, 1000, 1000, 1000, 2, 2)
    assert seen["frame_mse"] is None and seen["bias"] is None and seen["auroc_5"] is None


def test_without_any_error_there_is_no_auroc() -> None:
    """All good, or all bad: nothing to rank."""
    assert scores([judged((0, 0)), judged((1, 0))])["auroc_5"] is None
    assert scores([judged((50, 0)), judged((60, 0))])["auroc_5"] is None


def test_without_photos_there_is_nothing_to_score() -> None:
    """An empty set is an error, not a division by zero."""
    with pytest.raises(ValueError, match="no labelled photos"):
        scores([])


ranks = st.lists(st.tuples(st.sampled_from([0.5, 1.0, 2.0, 7.5, math.inf]), st.booleans()), max_size=30)


@given(ranks)
def test_auroc_counts_pairs(ranked: list[tuple[float, bool]]) -> None:
    """The share of pairs in which the wrong one ranks higher, ties counted half, as counting all pairs gives it."""
    yes, no = [s for s, p in ranked if p], [s for s, p in ranked if not p]
    seen = auroc([s for s, _ in ranked], [p for _, p in ranked])
    if not yes or not no:
        assert seen is None
    else:
        pairs = sum(1.0 if y > n else 0.5 if y == n else 0.0 for y in yes for n in no)
        assert seen == pytest.approx(pairs / (len(yes) * len(no)), abs=5.1e-5)


offset = st.floats(-1e4, 1e4)
photo = st.one_of(
    st.just(judged(None)),
    st.builds(judged, st.tuples(offset, offset), st.tuples(offset, offset), expected=st.none() | st.floats(0, 1e4), doubtful=st.booleans()),
)


@given(st.lists(photo, min_size=1, max_size=12))
def test_scores_are_always_json(photos: list[Judged]) -> None:
    """Whatever was predicted, the numbers are finite or null and the counts agree with each other."""
    seen = scores(photos)
    json.dumps(seen, allow_nan=False)
    assert seen["doubtful_over_5"] + seen["sure_over_5"] == seen["over_5"] >= seen["over_10"]
    assert seen["photos"] - seen["found"] <= seen["over_10"]
    assert seen["median"] <= seen["p90"] + 1e-3 <= seen["max"] + 2e-3
    assert seen["auroc_5"] is None or 0 <= seen["auroc_5"] <= 1
