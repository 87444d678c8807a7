"""What is measured of a face is its light and colour: not the background, its size or its turn, and it predicts what a grade does to it."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from photodiary.darkroom.tone import LUMA, tone

LEFT, RIGHT = (140.0, 200.0), (260.0, 200.0)
SKIN = (196.0, 150.0, 128.0)
Picture = NDArray[np.uint8]


def face(skin: tuple[float, float, float] = SKIN, background: float = 90, scale: int = 1) -> Picture:
    """A drawn face, eyes at LEFT and RIGHT (times scale), with shading, brows, mouth and grain."""
    dice = np.random.default_rng(1)
    picture = np.full((500, 400, 3), background, np.float64)
    cv2.ellipse(picture, (200, 245), (125, 170), 0, 0, 360, skin, -1)
    for x in (140, 260):
        cv2.ellipse(picture, (x, 200), (22, 10), 0, 0, 360, (230, 230, 230), -1)
        cv2.circle(picture, (x, 200), 9, (30, 20, 15), -1)
        cv2.ellipse(picture, (x, 170), (32, 7), 0, 0, 360, (40, 30, 25), -1)
    cv2.ellipse(picture, (200, 335), (38, 13), 0, 0, 360, (170, 90, 90), -1)
    picture *= np.linspace(1.1, 0.85, 400)[None, :, None]
    picture += dice.normal(0, 3, picture.shape)
    shown = np.clip(picture.round(), 0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(shown, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST), np.uint8)


def graded(picture: Picture, k: float) -> Picture:
    """The tone curve applied to a picture in which it keeps the colour, in floating point."""
    luma = picture @ LUMA / 255
    more = k / np.sqrt(1 + (k * k - 1) * luma**2)
    return np.clip((picture * more[..., None]).round(), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("k", [0.8, 0.9, 1.2, 1.4])
def test_a_gain_is_recovered(k: float) -> None:
    """A face k times as bright differs by 2 log k: little less, because it is not of one luma, and the colour of its skin stays."""
    before, after = tone(face(), LEFT, RIGHT), tone(graded(face(), k), LEFT, RIGHT)
    told = (after[0] - before[0]) / (2 * math.log(k))
    assert 0.8 < told < 1.02
    assert after[1:] == pytest.approx(before[1:], abs=0.005)


@pytest.mark.parametrize(("blue", "red"), [(0.03, -0.03), (-0.05, 0.04), (0.0, -0.08)])
def test_a_white_balance_is_recovered(blue: float, red: float) -> None:
    """Light of another colour but the same luma: its shift of Cb / y and Cr / y is found, and the light stays."""
    picture = face()
    luma = picture @ LUMA
    b, r = 1.8556 * blue * luma, 1.5748 * red * luma
    g = -(LUMA[0] * r + LUMA[2] * b) / LUMA[1]
    tinted = np.clip((picture + np.stack([r, g, b], -1)).round(), 0, 255).astype(np.uint8)
    before, after = tone(picture, LEFT, RIGHT), tone(tinted, LEFT, RIGHT)
    assert after[1] - before[1] == pytest.approx(blue, abs=0.002)
    assert after[2] - before[2] == pytest.approx(red, abs=0.002)
    assert after[0] == pytest.approx(before[0], abs=0.02)


def test_the_skin_is_told() -> None:
    """The colour is that of the skin that was drawn, not of mouth, eyes or background."""
    luma = np.array(SKIN) @ LUMA
    assert tone(face(), LEFT, RIGHT)[1:] == pytest.approx([(SKIN[2] - luma) / luma / 1.8556, (SKIN[0] - luma) / luma / 1.5748], abs=0.004)


def test_only_the_face_counts() -> None:
    """A white wall behind it changes nothing."""
    assert tone(face(background=250), LEFT, RIGHT) == pytest.approx(tone(face(background=0), LEFT, RIGHT), abs=0.001)


def test_size_and_turn_play_no_part() -> None:
    """Twice as large, or lying on its side: the same face has the same tone."""
    expected = tone(face(), LEFT, RIGHT)
    assert tone(face(scale=2), (280.5, 400.5), (520.5, 400.5)) == pytest.approx(expected, abs=0.003)
    turned = np.ascontiguousarray(np.rot90(face(), -1))  # clockwise: (x, y) comes to lie at (499 - y, x)
    assert tone(turned, (299.0, 140.0), (299.0, 260.0)) == pytest.approx(expected, abs=0.003)


@pytest.mark.parametrize("shade", [0, 4, 128, 255])
@pytest.mark.parametrize("eyes", [(LEFT, RIGHT), ((-50.0, 5.0), (30.0, 5.0)), ((900.0, 900.0), (999.0, 900.0)), ((20.0, 20.0), (20.0, 20.0))])
def test_always_finite(shade: int, eyes: tuple[tuple[float, float], tuple[float, float]]) -> None:
    """Black, white and a face partly or wholly outside the picture have a tone too, of moderate numbers."""
    told = tone(np.full((300, 200, 3), shade, np.uint8), *eyes)
    assert len(told) == 3
    assert all(math.isfinite(value) and abs(value) < 8 and value == round(value, 4) for value in told)
    assert told[1:] == [0.0, 0.0]
