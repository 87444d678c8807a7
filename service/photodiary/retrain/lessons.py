"""What a diary teaches: its photos' faces, upright and close, with the eyes that the base model sees and those that a person placed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from photodiary.darkroom import disturb
from photodiary.diary.canvas import Canvas, Matrix, apply, similarity
from photodiary.diary.eyes import EyePair, Point
from photodiary.retrain.studio import exposed

SIDE = 384  # pixels of a lesson's picture
IOD = 104.0  # between the eyes in it
CROP = 128  # pixels of a training sample
PLACED, CONFIRMED = 1.0, 0.25  # weight of a label that was placed, and of one tap on eyes that the model had proposed
_CANVAS = Canvas(SIDE, SIDE, Point(SIDE / 2 - 0.5 - IOD / 2, 0.46 * SIDE), Point(SIDE / 2 - 0.5 + IOD / 2, 0.46 * SIDE))

T = TypeVar("T")
Points = NDArray[np.float64]  # (2, 2): left and right eye, x and y


class View(Protocol):
    """A photo that can be looked at, as `locate.views` has it: upright size in pixels, RGB looks at the whole of it and at parts."""

    @property
    def size(self) -> tuple[int, int]: ...
    def thumbnail(self, side: int) -> NDArray[np.uint8]: ...
    def crops(self, matrices: Sequence[Matrix], size: tuple[int, int]) -> NDArray[np.uint8]: ...


@dataclass(frozen=True)
class Lesson:
    """One photo of a diary.

    picture: (SIDE, SIDE, 3) RGB, the face upright; seen: the base model's eyes in it, None where it did not see this face; label: a person's eyes in
    it, None without; placed: whether they were placed, not only confirmed; embedding: what the face looks like to the base model.
    """

    diary: str
    name: str
    day: str | None
    picture: NDArray[np.uint8]
    seen: Points | None
    label: Points | None
    placed: bool
    embedding: NDArray[np.float32] | None


def lesson(
    view: View, seen: EyePair | None, label: EyePair | None, *, placed: bool, diary: str, name: str, day: str | None, embedding: NDArray[np.float32] | None
) -> Lesson:  # fmt: skip
    """Cut a lesson from a photo.  seen, label: in pixels of the upright photo, not both None.  Raises what the view raises."""
    around = seen or label
    assert around is not None
    matrix = similarity(around, _CANVAS)
    picture = view.crops([matrix], (SIDE, SIDE))[0]

    def there(eyes: EyePair | None) -> Points | None:
        return None if eyes is None else np.array([apply(matrix, eye) for eye in eyes])

    return Lesson(diary, name, day, picture, there(seen), there(label), placed, embedding)


def in_eye_frame(offset: Points, eyes: Points) -> Points:
    """Offsets (2, 2) in pixels as parts of the distance between `eyes`, along their line and below it."""
    across = eyes[1] - eyes[0]
    return np.asarray(offset @ _turned(across) / float(across @ across), np.float64)


def from_eye_frame(offset: Points, eyes: Points) -> Points:
    """The way back of `in_eye_frame`."""
    return np.asarray(offset @ _turned(eyes[1] - eyes[0]).T, np.float64)


def _turned(across: NDArray[np.float64]) -> Points:
    return np.array([[across[0], -across[1]], [across[1], across[0]]])


@dataclass(frozen=True)
class Sample:
    """pixels (3, CROP, CROP) uint8; eyes (2, 2) in them; weight: of its label, 0 where only the base model's answer counts."""

    pixels: NDArray[np.uint8]
    eyes: NDArray[np.float32]
    weight: float


def labelled(one: Lesson, habit: Points, rng: np.random.Generator) -> Sample:
    """A lesson as one of the looks might see it, with its label less `habit` (parts of IOD, in the eyes' frame)."""
    assert one.label is not None
    truth = one.label - from_eye_frame(habit, one.label)
    if not one.placed and one.seen is not None:  # confirmed are eyes that a model proposed: one that knew the habit, or one that did not
        seen = one.seen
        truth = min(truth, one.label, key=lambda eyes: float(np.abs(eyes - seen).max()))
    return _sample(one, truth, PLACED if one.placed else CONFIRMED, rng, uneven=0.02, turn=4.0)


def unlabelled(one: Lesson, rng: np.random.Generator) -> Sample:
    """A lesson so changed that it could be somebody else in another light; nobody knows its eyes but the base model."""
    around = one.seen if one.seen is not None else one.label
    assert around is not None
    return _sample(one, around, 0.0, rng, uneven=0.12, turn=10.0)


def _sample(one: Lesson, eyes: Points, weight: float, rng: np.random.Generator, *, uneven: float, turn: float) -> Sample:
    picture = one.picture
    if rng.random() < 0.5:
        picture = np.ascontiguousarray(picture[:, ::-1])
        eyes = eyes[::-1] * [-1, 1] + [SIDE - 1, 0]
    iod = rng.uniform(50, 74) if weight else rng.uniform(38, 80)
    angle = math.radians(rng.normal(0, turn))
    middle = np.array([0.5, 0.46]) * CROP + rng.normal(0, 0.06, 2) * iod
    scale = iod / IOD
    linear = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    linear = (np.eye(2) + rng.normal(0, uneven, (2, 2)) * [[1, 0.5], [0.5, 1]]) @ linear
    matrix = np.hstack([linear, (middle - linear @ eyes.mean(0))[:, None]])
    pixels = exposed(disturb.place(picture, matrix, CROP), rng)
    return Sample(np.ascontiguousarray(pixels.transpose(2, 0, 1)), np.asarray(eyes @ linear.T + matrix[:, 2], np.float32), weight)


def differences(lessons: Sequence[Lesson]) -> Points:
    """Placed labels less what the base model sees of the same faces, (N, 2, 2), as parts of the IOD in the eyes' frame."""
    found = [in_eye_frame(one.label - one.seen, one.label) for one in lessons if one.placed and one.label is not None and one.seen is not None]
    return np.stack(found) if found else np.zeros((0, 2, 2))


def habit(lessons: Sequence[Lesson], shrinkage: float) -> Points:
    """How a person's placed labels differ from what the base model sees, all alike: their mean, shrunk as if `shrinkage` more labels had agreed with
    the model.  Parts of the IOD in the eyes' frame, (2, 2).  Labels more than three times as far from the median as is usual do not count."""
    offsets = differences(lessons)
    if not len(offsets):
        return np.zeros((2, 2))
    away = np.linalg.norm(offsets - np.median(offsets, axis=0), axis=2).max(1)  # (N,)
    kept = offsets[away <= 3 * max(float(np.median(away)), 1e-3)]
    return np.asarray(kept.sum(0) / (len(kept) + shrinkage), np.float64)


def spread(items: Sequence[T], most: int) -> list[T]:
    """At most so many, evenly spread over the order they are in."""
    return list(items) if len(items) <= most else [items[n * len(items) // most] for n in range(max(0, most))]
