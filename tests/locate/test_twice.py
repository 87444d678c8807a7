"""A photo looked at twice, slightly cropped, tells how precisely eyes are found."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.support.dots import DotLocator, eyes_of, picture

from photodiary.darkroom.inmemory import PixelView
from photodiary.diary.canvas import similarity
from photodiary.diary.eyes import EyePair, Point, Sighting
from photodiary.diary.quality import Measured
from photodiary.eyenet.framing import FramingConfig, look_canvas
from photodiary.locate.twice import CroppedView, look_again

CORNER = (16, 6)  # of a photo of 400 x 300


def test_the_second_look_is_at_a_smaller_photo() -> None:
    """Size, whole picture and crops are those of the photo without its edges."""
    pixels = picture(None, (800, 600))
    view, cut = CroppedView(PixelView(pixels)), PixelView(np.ascontiguousarray(pixels[12:582, 32:792]))
    assert view.corner == (32, 12) and view.size == cut.size == (760, 570)
    assert np.abs(view.thumbnail(256).astype(int) - cut.thumbnail(256)).mean() < 0.3
    framing = FramingConfig()
    matrices = [similarity(EyePair(Point(300.0, 290.4), Point(400.2, 280.4)), look_canvas(framing, framing.approach))]
    seen, wanted = (v.crops(matrices, (128, 128))[0].astype(int) for v in (view, cut))
    assert np.abs(seen - wanted).mean() < 0.3


@pytest.mark.parametrize("number", [0, 3, 4])
def test_what_the_eyes_moved_is_told_along_their_line(number: int) -> None:
    """In % of their distance, as it looks in the frame: eyes said to be 1.5 % too far along their line, and 0.5 % above it, have moved back and down."""
    eyes = eyes_of(number)
    a = complex(*eyes.right) - complex(*eyes.left)
    said = EyePair(*(Point((moved := complex(*eye) + (0.015 - 0.005j) * a).real, moved.imag) for eye in eyes))
    found = look_again(DotLocator(), PixelView(picture(eyes, seed=number)), None, said)
    assert found.moved is not None and found.jitter == pytest.approx(math.hypot(1.5, 0.5), abs=0.15)
    assert np.abs(np.array(found.moved) - (-1.5, 0.5)).max() < 0.15


def test_another_face_or_none_is_no_movement(told) -> None:
    """Where the second look sees nobody, or somebody else, nothing is said to have moved; what is seen is put back to where it is in the whole photo."""
    eyes, view = eyes_of(1), PixelView(picture(eyes_of(1)))
    here = EyePair(*(Point(eye.x - CORNER[0], eye.y - CORNER[1]) for eye in eyes))
    other = EyePair(*(Point(eye.x + 0.3 * eyes.iod, eye.y) for eye in here))
    locator = told([Sighting("told-1", None, None, "no_face"), Sighting("told-1", other, 1.0), Sighting("told-1", here, 1.0)])
    answers = [look_again(locator, view, None, eyes) for _ in range(3)]
    assert answers == [Measured(None, 0.0), Measured(None, 0.0), Measured(((0.0, 0.0), (0.0, 0.0)), 1.0)]
    assert locator.seen == [(380, 285)] * 3
