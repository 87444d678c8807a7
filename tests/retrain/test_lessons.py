"""What a diary teaches: lessons are cut where the eyes are, and a labeller's habit is found apart from everything else."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photodiary.darkroom import disturb
from photodiary.darkroom.inmemory import PixelView
from photodiary.diary.eyes import EyePair, Point
from photodiary.retrain import lessons
from photodiary.retrain.lessons import IOD, SIDE, Lesson, differences, from_eye_frame, habit, in_eye_frame

SEEN = np.array([[SIDE / 2 - 0.5 - IOD / 2, 0.46 * SIDE], [SIDE / 2 - 0.5 + IOD / 2, 0.46 * SIDE]])


def dotted(eyes: EyePair, size: tuple[int, int] = (900, 1200)) -> np.ndarray:
    """A grey picture with a white dot for the left eye and a black one for the right."""
    yy, xx = np.mgrid[: size[1], : size[0]]
    out = np.full((size[1], size[0]), 128.0)
    for eye, light in zip(eyes, (127.0, -128.0), strict=True):
        out += light * np.exp(-((xx - eye.x) ** 2 + (yy - eye.y) ** 2) / (2 * (0.06 * eyes.iod) ** 2))
    return np.repeat(np.clip(out, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def place_of(grey: np.ndarray, light: bool) -> tuple[float, float]:
    weight = np.clip((grey if light else 255 - grey).astype(float) - 170, 0, None) ** 2
    yy, xx = np.mgrid[: grey.shape[0], : grey.shape[1]]
    return float((weight * xx).sum() / weight.sum()), float((weight * yy).sum() / weight.sum())


def made(offset: np.ndarray, placed: bool = True, seen: np.ndarray | None = SEEN) -> Lesson:
    return Lesson("me", "a", "2024-01-01", np.zeros((SIDE, SIDE, 3), np.uint8), seen, SEEN + offset * IOD, placed, None)


@pytest.mark.parametrize("angle", [0.0, 0.4, -2.0])
def test_a_lesson_stands_upright_with_its_label_in_place(angle: float) -> None:
    """However the head is tilted, the model's eyes lie on their points in the lesson and the label beside them by what it differs."""
    across = 70 * complex(math.cos(angle), math.sin(angle))
    middle = complex(450, 600)
    eyes = EyePair(*(Point(z.real, z.imag) for z in (middle - across, middle + across)))
    label = EyePair(Point(eyes.left.x + 5, eyes.left.y), eyes.right)
    one = lessons.lesson(PixelView(dotted(eyes)), eyes, label, placed=True, diary="me", name="a", day=None, embedding=None)
    assert one.seen == pytest.approx(SEEN) and one.label is not None
    assert place_of(one.picture[..., 0], True) == pytest.approx(tuple(SEEN[0]), abs=0.5)
    assert place_of(one.picture[..., 0], False) == pytest.approx(tuple(SEEN[1]), abs=0.5)
    assert np.hypot(*(one.label[0] - SEEN[0])) == pytest.approx(5 * IOD / eyes.iod, rel=1e-6) and one.label[1] == pytest.approx(SEEN[1])


@given(st.floats(-3, 3), st.floats(0.2, 5), st.floats(-0.1, 0.1), st.floats(-0.1, 0.1))
def test_offsets_go_into_the_eyes_frame_and_back(angle: float, scale: float, along: float, below: float) -> None:
    """An offset in the frame of the eyes does not know how the head is turned or how large it is."""
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]) * scale
    eyes = SEEN @ turn
    inside = np.array([[along, below], [below, along]])
    assert in_eye_frame(from_eye_frame(inside, eyes), eyes) == pytest.approx(inside, abs=1e-9)
    assert from_eye_frame(inside, eyes) == pytest.approx(from_eye_frame(inside, SEEN) @ turn, abs=1e-6 * scale)


def test_a_habit_is_found_and_shrunk() -> None:
    """Labels that all differ alike have that habit; eight of them prove half of it; slips and confirmations prove nothing."""
    offset = np.array([[0.02, 0.01], [-0.02, 0.01]])
    noise = np.random.default_rng(1).normal(0, 0.002, (16, 2, 2))
    some = [made(offset + one) for one in noise]
    assert habit(some, 0) == pytest.approx(offset, abs=0.002)
    assert habit(some[:8], 8) == pytest.approx(habit(some[:8], 0) / 2)
    slips = [*some, made(offset + 0.3), made(-offset, placed=False), made(offset + 0.2, seen=None)]
    assert habit(slips, 0) == pytest.approx(habit(some, 0), abs=1e-9)
    assert len(differences(slips)) == 17
    assert (habit([], 8) == 0).all()


def test_samples_keep_eyes_and_labels_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """However a sample was turned, mirrored, stretched and shrunk, its label, less the habit, lies where the eyes are in its picture."""
    monkeypatch.setattr(lessons, "exposed", lambda picture, rng: picture)
    disturb.single_thread()
    eyes = EyePair(Point(380.0, 600.0), Point(520.0, 600.0))
    shift = np.array([[0.03, 0.0], [0.03, 0.0]])
    label = EyePair(*(Point(eye.x + 0.03 * eyes.iod, eye.y) for eye in eyes))
    one = lessons.lesson(PixelView(dotted(eyes)), eyes, label, placed=True, diary="me", name="a", day=None, embedding=None)
    for seed in range(24):
        for sample in (lessons.labelled(one, shift, np.random.default_rng(seed)), lessons.unlabelled(one, np.random.default_rng(seed))):
            found = sorted(place_of(sample.pixels[0], light) for light in (True, False))
            assert np.abs(np.array(found) - sample.eyes).max() < 1.0, (seed, sample.weight)
            assert sample.pixels.shape == (3, lessons.CROP, lessons.CROP)


def test_confirmed_eyes_count_for_less_and_keep_whoever_proposed_them() -> None:
    """One tap on eyes that a model proposed has a quarter of the weight, and is read with or without the habit as it was proposed."""
    shift = np.array([[0.05, 0.0], [0.05, 0.0]])
    plain, knowing = made(np.zeros((2, 2)), placed=False), made(shift, placed=False)
    one, other = (lessons.labelled(lesson, shift, np.random.default_rng(5)) for lesson in (plain, knowing))
    assert one.weight == other.weight == lessons.CONFIRMED < lessons.PLACED
    assert one.eyes == pytest.approx(other.eyes, abs=1e-3)
