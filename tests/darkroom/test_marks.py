"""What is measured of a frame tells what it should, on a drawn face whose every property is known; and a hostile worker is believed nothing else."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from functools import cache
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photodiary.darkroom import answers, warp
from photodiary.darkroom.darkroom import Darkroom
from photodiary.darkroom.limits import DarkroomConfig
from photodiary.darkroom.line import Nonsense
from photodiary.darkroom.marks import marks
from photodiary.diary.canvas import Canvas
from photodiary.diary.eyes import Point
from photodiary.diary.photo import digest_of
from photodiary.diary.picking import EYE_HEIGHT, EYE_WIDTH, EYES, Marks

IOD, LEFT, RIGHT = 180, (210.0, 300.0), (390.0, 300.0)
CANVAS = Canvas(600, 750, Point(*LEFT), Point(*RIGHT))


@cache
def face(*, open_: bool = True, aside: float = 0.0, light: float = 1.0) -> np.ndarray:
    """A drawn face (750, 600, 3).  aside: how far nose and mouth are turned, in IOD; light: of everything."""
    big = 2  # drawn larger and shrunk, for edges without steps
    out = np.full((750 * big, 600 * big, 3), (150, 160, 170), np.uint8)

    def ellipse(x: float, y: float, width: float, height: float, colour: tuple[int, int, int], start: float = 0, end: float = 360, line: int = -1) -> None:
        centre = round((300 + x * IOD) * big), round((300 + y * IOD) * big)
        cv2.ellipse(out, centre, (round(width * IOD * big), round(height * IOD * big)), 0, start, end, colour, line if line < 0 else line * big, cv2.LINE_AA)

    ellipse(0, 0.45, 1.05, 1.5, (205, 165, 140))
    for side in (-0.5, 0.5):
        ellipse(side, -0.38, 0.3, 0.07, (90, 60, 45))
        if open_:
            ellipse(side, 0, 0.24, 0.11, (240, 238, 235))
            ellipse(side, 0, 0.1, 0.1, (60, 40, 30))
            ellipse(side, 0, 0.24, 0.11, (70, 45, 35), 180, 360, 5)
        else:
            ellipse(side, -0.06, 0.24, 0.1, (220, 185, 162))
            ellipse(side, -0.04, 0.24, 0.07, (70, 45, 35), 5, 175, 9)  # the lashes, along the lower lid
    ellipse(aside, 0.65, 0.17, 0.1, (150, 105, 85))
    ellipse(aside * 0.8, 1.15, 0.42, 0.1, (160, 70, 75))
    small = cv2.resize(out, (600, 750), interpolation=cv2.INTER_AREA)
    return np.clip(small * light, 0, 255).astype(np.uint8)


def of(pixels: np.ndarray) -> Marks:
    return marks(pixels, LEFT, RIGHT)[0]


def test_closed_eyes_are_told_from_open_ones() -> None:
    """Whatever the light, and also where the eyes are a little off; one of each lies between."""
    shut, wide = face(open_=False), face()
    for light in (0.4, 1.0):
        assert of(face(light=light)).open > 0.9 and of(face(open_=False, light=light)).open < 0.1
    moved = (LEFT[0] + 3, LEFT[1] - 3), (RIGHT[0] + 3, RIGHT[1] - 3)
    assert marks(wide, *moved)[0].open > 0.9 and marks(shut, *moved)[0].open < 0.1
    wink = np.hstack([shut[:, :300], wide[:, 300:]])
    assert of(shut).open < of(wink).open < of(wide).open


def test_sharpness_falls_with_blur_and_not_with_size_or_noise() -> None:
    """The more blurred, the less sharp; a noisy photo does not pass for a sharp one; a frame of half the size is as sharp."""
    rng = np.random.default_rng(1)
    wide = face()
    blurred = [of(cv2.GaussianBlur(wide, (0, 0), sigma)).sharp for sigma in (1.0, 2.0, 4.0)]
    assert of(wide).sharp > blurred[0] > blurred[1] > blurred[2]
    shaken = cv2.filter2D(wide, -1, np.full((1, 15), 1 / 15, np.float32))
    assert of(shaken).sharp < of(wide).sharp - 0.03
    soft = cv2.GaussianBlur(wide, (0, 0), 3.0)
    noisy = np.clip(soft + rng.normal(0, 12, soft.shape), 0, 255).astype(np.uint8)
    assert of(noisy).sharp < of(soft).sharp + 0.03 < of(wide).sharp
    half = cv2.resize(wide, (300, 375), interpolation=cv2.INTER_AREA)
    assert abs(marks(half, (104.75, 149.75), (194.75, 149.75))[0].sharp - of(wide).sharp) < 0.1


def test_a_turned_face_and_bad_light_are_seen() -> None:
    """Nose and mouth beside the middle are turned aside, either way alike; clipped and dark faces are told by their shares."""
    turned = [of(face(aside=aside)).turned for aside in (0.0, 0.12, 0.24)]
    assert turned[0] < 0.15 and turned[0] < turned[1] < turned[2]
    assert abs(of(face(aside=-0.24)).turned - turned[2]) < 0.05
    assert of(face(light=0.2)).light < of(face()).light < of(face(light=1.3)).light
    assert of(face(light=2.5)).bright > 0.5 > of(face()).bright
    assert of(face(light=0.03)).dark > 0.9 > of(face()).dark


def test_the_small_pictures_show_the_eyes() -> None:
    """The left one first, each as large as it says, the iris in the middle."""
    pictures = np.frombuffer(marks(face(), LEFT, RIGHT)[1], np.uint8).reshape(2, EYE_HEIGHT, EYE_WIDTH)
    for picture in pictures:
        assert picture[7:9, 11:13].mean() < 80 < 180 < picture[8, 4:6].mean()
    half = np.frombuffer(marks(np.hstack([face()[:, :300], np.zeros((750, 300, 3), np.uint8)]), LEFT, RIGHT)[1], np.uint8)
    assert half[EYES // 2 :].max() == 0 < half[: EYES // 2].max()


@settings(max_examples=25, deadline=None)
@given(st.integers(16, 90), st.integers(16, 90), st.floats(-20, 110), st.floats(-20, 110), st.floats(1, 60), st.integers(0, 3))
def test_no_frame_is_too_odd(width: int, height: int, x: float, y: float, iod: float, kind: int) -> None:
    """Flat, black, noisy, tiny, eyes at the edge or beyond it: numbers from 0 to 1, and pictures of the right size."""
    rng = np.random.default_rng(width * height)
    pixels = [np.zeros((height, width, 3)), np.full((height, width, 3), 255), np.full((height, width, 3), 90), rng.uniform(0, 255, (height, width, 3))][kind]
    found, pictures = marks(pixels.astype(np.uint8), (x, y), (x + iod, y))
    assert all(0 <= value <= 1 for value in asdict(found).values()) and len(pictures) == EYES


def test_a_frame_is_measured_by_a_worker_when_it_is_made_and_alike_when_it_lies_there() -> None:
    """What comes with a frame is what its JPEG says later, but for what JPEG loses; and the frame is the same with and without."""
    darkroom = Darkroom(DarkroomConfig(workers=1))
    try:
        data = cv2.imencode(".png", cv2.cvtColor(face(), cv2.COLOR_RGB2BGR))[1].tobytes()
        matrix = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
        frame, made = darkroom.developed(digest_of(data), lambda: data, matrix, CANVAS)
        assert frame == darkroom.frame(digest_of(data), lambda: data, matrix, CANVAS) == warp.encode(face())
        later = darkroom.looks(frame, CANVAS)
        assert made.marks.open > 0.9 and len(made.tone) == len(later.tone) > 0
        assert max(abs(one - other) for one, other in zip(asdict(made.marks).values(), asdict(later.marks).values(), strict=True)) < 0.03
        assert max(abs(one - other) for one, other in zip(made.tone, later.tone, strict=True)) < 0.05
    finally:
        darkroom.close()


GOOD: dict[str, Any] = {"tone": [0.1, -0.2, 0.3], "marks": asdict(Marks(0.5, 0.5, 0.0, 0.0, 1.0, 0.1))}


@pytest.mark.parametrize(
    ("reply", "length"),
    [
        (GOOD, EYES - 1), (GOOD, EYES + 1), ({}, EYES), ({**GOOD, "tone": None}, EYES), ({**GOOD, "tone": ["1"]}, EYES), ({**GOOD, "tone": [1e9]}, EYES),
        ({**GOOD, "tone": [0.0] * 33}, EYES), ({**GOOD, "tone": [True]}, EYES), ({**GOOD, "marks": []}, EYES), ({**GOOD, "marks": {}}, EYES),
        ({**GOOD, "marks": {**GOOD["marks"], "open": 1.1}}, EYES), ({**GOOD, "marks": {**GOOD["marks"], "open": -0.1}}, EYES),
        ({**GOOD, "marks": {**GOOD["marks"], "open": None}}, EYES), ({**GOOD, "marks": {**GOOD["marks"], "evil": 0.5}}, EYES),
        ({**GOOD, "marks": {**GOOD["marks"], "open": float("nan")}}, EYES),
    ],
)  # fmt: skip
def test_looks_are_believed_only_when_they_can_be_true(reply: dict[str, Any], length: int) -> None:
    """Finite numbers within their ranges, as many as there are, and pictures of the right size."""
    assert answers.looks(json.loads(json.dumps(GOOD)), bytes(EYES)).marks == replace(Marks(0.5, 0.5, 0.0, 0.0, 1.0, 0.1))
    with pytest.raises(Nonsense):
        answers.looks(reply, bytes(length))
