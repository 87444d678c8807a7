"""The page of `evaluate --report`: whole for any set, safe for any name, and its marks where the eyes are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.pages import Reader

from photodiary.diary.canvas import apply
from photodiary.diary.eyes import EyePair, Point
from photodiary.retrain import charts, report
from photodiary.retrain.evaluate import Judged, face_brightness, scores, without_bias

LABEL = EyePair(Point(100, 200), Point(200, 200))  # IOD 100: a pixel is a per cent


def judged(off: float | None, *, expected: float | None = 1.0, name: str = "x.jpg", brightness: float | None = 90.0, **more) -> Judged:
    eyes = None if off is None else EyePair(Point(100 + off, 200), Point(200, 200))
    return Judged(name, LABEL, eyes, None if off is None else expected, more.pop("doubtful", False), (400, 800), brightness=brightness, **more)


def page(photos: list[Judged], title: str = "labels.csv") -> str:
    return report.page(title, photos, {**scores(photos), "seconds_per_photo": 0.1, "model": "base", "device": "cpu"})


def test_the_page_says_the_numbers_in_words() -> None:
    """Headline, the worst photo's name, error, expected error and reason stand in the text, the rivals' measured numbers too."""
    photos = [judged(n / 10) for n in range(1, 20)] + [judged(7, expected=6.5, name="night.jpg", reason="covered", doubtful=True), judged(None)]
    text = Reader(page(photos)).text
    assert "A face was found in 20 of 21 photos" in text
    assert "of the 2 that are more than 5 % off it asks about all" in text
    assert "7.00 % off, 6.50 % expectedThe eyes may be covered." in text
    assert "no face found" in text and "The 12 worst photos" in text
    assert "74 photos of one diary" in text and all(number in text for number in ("1.08", "0.63", "about 0.5", "dlib", "4.3"))
    assert "2 photos of 21 lie beyond 6 %" in text


def test_the_page_is_local() -> None:
    """No script and nothing from outside: the only links are the pictures that the page itself asks for."""
    photos = [judged(n / 10, name=f"{n}.jpg") for n in range(1, 20)]
    read = Reader(page(photos))
    assert sorted(read.links) == sorted(picture.path for picture in report.pictures(photos))
    assert len(read.links) == 3 * report.WORST
    assert "script" not in read.elements
    assert not re.search(r"https?:|url\(|@import", page(photos))


def test_names_cannot_break_out() -> None:
    """A file name or label path made of mark-up is shown as it is, everywhere, and never becomes an element."""
    evil = """<img src=x onerror=alert(1)>"'&lt;.jpg"""
    read = Reader(page([judged(1, name=evil)], title=f"{evil}/labels.csv"))
    assert "img" not in read.elements
    assert read.text.count(evil) >= 3


@pytest.mark.parametrize("photos", [[judged(0.0)], [judged(None)], [judged(None)] * 3, [judged(1, expected=None, brightness=None)], [judged(2.0)] * 40])
def test_any_set_makes_a_page(photos: list[Judged]) -> None:
    """One photo, no face at all, no expected error, forty photos alike: a whole page, without NaN or infinity."""
    text = page(photos)
    Reader(text)
    assert not re.search(r"\b(nan|inf)\b", text, re.IGNORECASE)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.none() | st.floats(0, 1e5), min_size=1, max_size=30), st.floats(0, 1e4))
def test_whatever_was_predicted_the_page_is_whole(errors: list[float | None], expected: float) -> None:
    """Errors of any size leave a page whose every chart has finite places."""
    text = page([judged(error, expected=expected, brightness=expected / 40) for error in errors])
    Reader(text)
    assert not re.search(r"[\"\s,](nan|-?inf)\b", text, re.IGNORECASE)


def test_pictures_show_face_and_eyes() -> None:
    """The face picture holds labels and predictions wherever they are; an eye's picture has the label in its middle; names say nothing of the photo."""
    one = judged(400, name="secret.jpg")
    face, left, right = report.pictures([one])
    for eye in (*one.label, *(one.eyes or ())):
        x, y = apply(face.matrix, eye)
        assert 0 < x < face.canvas.width and 0 < y < face.canvas.height
    for picture, eye in ((left, one.label.left), (right, one.label.right)):
        assert apply(picture.matrix, eye) == pytest.approx(((picture.canvas.width - 1) / 2,) * 2)
    assert [picture.path for picture in (face, left, right)] == ["pictures/01-face.jpg", "pictures/01-left.jpg", "pictures/01-right.jpg"]


def test_the_worst_come_first() -> None:
    """No face, then by error; twelve at most."""
    photos = [judged(n / 10) for n in range(20)] + [judged(None)]
    assert report.worst(photos) == [20, *range(19, 8, -1)]


def test_bins_hold_everything_once() -> None:
    """Groups are ordered, of about equal size, and hold each value once; few values make one group."""
    values = [(n * 37) % 50 / 7 for n in range(50)]
    groups = charts.bins(values, most=6, least=5)
    assert sorted(n for group in groups for n in group) == list(range(50))
    assert {len(group) for group in groups} <= {8, 9} and len(groups) == 6
    assert all(max(values[n] for n in a) <= min(values[n] for n in b) for a, b in zip(groups, groups[1:], strict=False))
    assert charts.bins([3.0]) == [[0]]


@given(st.floats(0.1, 1e3), st.floats(0.1, 1e3))
def test_axes_hold_what_they_must(one: float, other: float) -> None:
    """Linear and logarithmic axes reach around their values, with their ends on ticks."""
    low, high = min(one, other), max(one, other)
    for axis in (charts.linear(low, high, ""), charts.logarithmic(low, high, "")):
        assert axis.low <= low * 1.002 and axis.high >= high * 0.998 and axis.low < axis.high
        assert (axis.ticks[0], axis.ticks[-1]) == pytest.approx((axis.low, axis.high))
        assert axis.share(axis.low) == 0 and axis.share(axis.high) == 1 and 0 <= axis.share(one) <= 1


def test_a_big_set_stays_a_light_page() -> None:
    """Ten thousand photos make a page below a megabyte: curve and dots are thinned."""
    assert len(page([judged((n % 997) / 300) for n in range(10_000)])) < 1_000_000


def test_bias_is_taken_off() -> None:
    """Without its bias a locator that is always 3 % too far right is exact, and photos without a face stay so."""
    photos = [Judged("x", LABEL, EyePair(Point(103, 200), Point(203, 200)), 1.0, False, (400, 800)), judged(None)]
    better = without_bias(photos)
    assert [one.error for one in better] == pytest.approx([0, 1000])
    assert without_bias([judged(None)]) == [judged(None)]


def test_brightness_is_that_of_the_face() -> None:
    """The mean luma around the eyes, not of the picture; None where the face lies outside."""
    import numpy as np

    picture = np.zeros((80, 40, 3), np.uint8)  # the photo of 400 x 800 at a tenth
    picture[12:36, 3:27] = (255, 0, 0)
    assert face_brightness(picture, LABEL, (400, 800)) == pytest.approx(0.299 * 255)
    assert face_brightness(picture, EyePair(Point(900, 200), Point(950, 200)), (400, 800)) is None


def test_the_style_travels_with_the_package() -> None:
    """The page's style is package data, and follows the reader's light or dark preference."""
    assert "prefers-color-scheme: dark" in page([judged(1)])
    assert '"retrain/report.css"' in (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
