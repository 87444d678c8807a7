"""How eyes move from frame to frame is told by the pictures: as far as they moved, whatever the light, and not at all where nothing is alike."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from photodiary.darkroom import answers, warp
from photodiary.darkroom.darkroom import Darkroom
from photodiary.darkroom.limits import DarkroomConfig
from photodiary.darkroom.line import Nonsense
from photodiary.darkroom.motion import motion
from photodiary.diary.eyes import Point
from photodiary.diary.quality import Measured
from photodiary.errors import Unreadable

SIZE = 432, 540
LEFT, RIGHT = (133.2, 232.6), (298.4, 232.6)
IOD = 165.2
Light = NDArray[np.float64]


def scene(seed: int) -> Light:
    """Structure of all sizes as skin, lids and brows have it, (h, w), 0 to 1; larger than a frame."""
    rng = np.random.default_rng(seed)
    layers = [cv2.GaussianBlur(rng.normal(size=(640, 532)), (0, 0), size) * size for size in (3.0, 8.0, 20.0)]
    grey = np.sum(layers, axis=0)
    return np.asarray((grey - grey.min()) / (grey.max() - grey.min()))


def frame(light: Light, *, right: float = 0.0, down: float = 0.0, turn: float = 0.0, size: tuple[int, int] = SIZE) -> bytes:
    """The scene moved by so many % of IOD and turned by degrees about the middle between the eyes, as a JPEG."""
    middle = ((LEFT[0] + RIGHT[0]) / 2 + 50, LEFT[1] + 50)
    matrix = cv2.getRotationMatrix2D(middle, -turn, 1.0)
    matrix[:, 2] += (right * IOD / 100 - 50, down * IOD / 100 - 50)
    moved = cv2.warpAffine(light, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return warp.encode(np.repeat(np.clip(np.rint(255 * moved), 0, 255).astype(np.uint8)[..., None], 3, axis=2))


@pytest.mark.parametrize(("right", "down"), [(0.0, 0.0), (0.4, -0.3), (-1.5, 2.0), (4.0, 3.0)])
def test_the_movement_is_told_to_a_tenth_of_a_per_cent(right: float, down: float) -> None:
    """Of the distance between the eyes, in both directions, however the light changes from the one photo to the other."""
    light = scene(1)
    slope = np.linspace(0.25, 0.9, light.shape[1])
    for other in (light, 0.3 + 0.5 * light**1.4, light * slope):
        found = motion(frame(light), frame(other, right=right, down=down), LEFT, RIGHT)
        assert found.moved is not None and found.likeness > 0.8
        assert np.abs(np.array(found.moved) - (right, down)).max() < 0.1


def test_each_eye_counts_for_itself() -> None:
    """In a head that is turned by a degree, one eye goes up and the other one down, by 0.87 % of what lies between them."""
    found = motion(frame(scene(2)), frame(scene(2), turn=1.0), LEFT, RIGHT)
    assert found.moved is not None
    assert np.abs(np.array(found.moved) - [(0, -0.873), (0, 0.873)]).max() < 0.05
    assert found.jitter == pytest.approx(0.873, abs=0.05)


def test_frames_that_are_not_alike_are_not_measured() -> None:
    """Another picture, a flat one, one that has moved too far, and one of another size have no movement, and say that they are unlike."""
    first, flat = frame(scene(3)), warp.encode(np.full((SIZE[1], SIZE[0], 3), 128, np.uint8))
    for other in (frame(scene(4)), flat, frame(scene(3), right=30.0), frame(scene(3), size=(440, 540))):
        for before, after in ((first, other), (other, first)):
            found = motion(before, after, LEFT, RIGHT)
            assert found.moved is None and found.likeness < 0.8


def test_a_confined_worker_measures() -> None:
    """The same through the process that may open nothing; a damaged frame is an answer, and the next pair is measured."""
    darkroom = Darkroom(DarkroomConfig(workers=1))
    try:
        first, second = frame(scene(5)), frame(scene(5), right=0.7)
        with pytest.raises(Unreadable):
            darkroom.motion(first, second[: len(second) // 2], Point(*LEFT), Point(*RIGHT))
        assert darkroom.motion(first, second, Point(*LEFT), Point(*RIGHT)) == motion(first, second, LEFT, RIGHT)
    finally:
        darkroom.close()


@pytest.mark.parametrize(
    "reply",
    [
        {}, {"likeness": "1"}, {"likeness": 2.0, "moved": None}, {"likeness": 0.9, "moved": 3}, {"likeness": 0.9, "moved": [[0, 0]]},
        {"likeness": 0.9, "moved": [[0, 0], [0, 0, 0]]}, {"likeness": 0.9, "moved": [[0, 0], [0, "x"]]}, {"likeness": 0.9, "moved": [[0, 0], [0, 101]]},
    ],
)  # fmt: skip
def test_a_worker_is_believed_only_what_can_be_true(reply: dict[str, Any]) -> None:
    """Two eyes with a shift each, or none, and a correlation."""
    with pytest.raises(Nonsense):
        answers.motion(reply)
    assert answers.motion({"likeness": 0.9, "moved": [[0, 1], [2.5, -3]]}) == Measured(((0, 1), (2.5, -3)), 0.9)
    assert answers.motion({"likeness": -0.2, "moved": None}) == Measured(None, -0.2)
