"""Scores of predictions against labels, by the protocol of `evaluate`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photodiary.diary.eyes import EyePair, Point

NOT_FOUND = 1000.0  # % of IOD that a photo without a found face counts as


@dataclass(frozen=True)
class Judged:
    """A label beside its prediction.

    eyes: None where no face was found; expected_error in % of IOD; size: upright (w, h) in pixels; reason: a code of
    diary.eyes.REASONS; brightness: mean luma of the face, 0 to 255, where it was measured.
    """

    name: str
    label: EyePair
    eyes: EyePair | None
    expected_error: float | None
    doubtful: bool
    size: tuple[int, int]
    reason: str | None = None
    brightness: float | None = None

    @property
    def face_size(self) -> float:
        """The label's IOD in % of the photo's width."""
        return 100 * self.label.iod / self.size[0]

    @property
    def tilt(self) -> float:
        """Of the label's eyes against the horizontal, in degrees, clockwise in the picture."""
        return math.degrees(self.label.tilt)

    @property
    def error(self) -> float:
        """The larger of the two eyes' distances to the label, in % of the label's IOD."""
        return NOT_FOUND if self.eyes is None else 100 * self.eyes.distance(self.label) / self.label.iod


def scores(judged: Sequence[Judged]) -> dict[str, Any]:
    """All numbers of `evaluate --json` that do not depend on the clock.  Raises ValueError without photos."""
    if not judged:
        raise ValueError("there are no labelled photos to score")
    errors = np.array([one.error for one in judged])
    found = [one for one in judged if one.eyes is not None]
    over = errors > 5
    doubtful = np.array([one.doubtful or one.eyes is None for one in judged])
    expected = [math.inf if one.eyes is None or one.expected_error is None else one.expected_error for one in judged]
    median, p90 = np.percentile(errors, [50, 90])
    return {
        "photos": len(judged), "found": len(found), "median": _short(median), "p90": _short(p90), "max": _short(errors.max()),
        "over_5": int(over.sum()), "over_10": int((errors > 10).sum()), "frame_mse": _frame_mse(found), "bias": _bias(found),
        "doubtful": int(doubtful.sum()), "doubtful_over_5": int((doubtful & over).sum()), "sure_over_5": int((~doubtful & over).sum()),
        "auroc_5": auroc(expected, over.tolist()),
    }  # fmt: skip


def _short(value: float) -> float:
    return round(float(value), 4)


def _frame_mse(found: Sequence[Judged]) -> float | None:
    """The original project's loss: over the four coordinates, the sum of mean squared distances in parts of height or width."""
    if not found:
        return None
    parts = [
        [((eye[axis] - truth[axis]) / one.size[axis]) ** 2 for eye, truth in zip(one.eyes or one.label, one.label, strict=True) for axis in (0, 1)]
        for one in found
    ]
    return float(np.mean(parts, axis=0).sum())


def _bias(found: Sequence[Judged]) -> list[float] | None:
    """Median signed error of both eyes in % of IOD: x to the right, y down."""
    if not found:
        return None
    signed = [
        [100 * (eye[axis] - truth[axis]) / one.label.iod for axis in (0, 1)]
        for one in found
        for eye, truth in zip(one.eyes or one.label, one.label, strict=True)
    ]
    x, y = np.median(signed, axis=0)
    return [_short(x), _short(y)]


def without_bias(judged: Sequence[Judged]) -> list[Judged]:
    """The same predictions with their median signed error taken off: what is left of a locator whose idea of an eye's centre differs from the labels'."""
    bias = _bias([one for one in judged if one.eyes is not None])
    if bias is None:
        return list(judged)
    return [one if one.eyes is None else replace(one, eyes=_moved(one.eyes, bias, one.label.iod / 100)) for one in judged]


def _moved(eyes: EyePair, bias: Sequence[float], unit: float) -> EyePair:
    left, right = (Point(eye.x - bias[0] * unit, eye.y - bias[1] * unit) for eye in eyes)
    return EyePair(left, right)


def face_brightness(picture: NDArray[np.uint8], label: EyePair, size: tuple[int, int]) -> float | None:
    """Mean luma (BT.601, 0 to 255) of the face: 2.4 IOD wide around the eyes' middle, from 0.8 above to 1.6 below.

    picture: the whole photo of `size` (w, h), smaller, RGB (h, w, 3).  None when the face lies outside it.
    """
    height, width = picture.shape[:2]
    fx, fy = width / size[0], height / size[1]
    x, y, iod = label.middle.x, label.middle.y, label.iod
    left, right = max(0, math.floor((x - 1.2 * iod) * fx)), min(width, math.ceil((x + 1.2 * iod) * fx))
    top, bottom = max(0, math.floor((y - 0.8 * iod) * fy)), min(height, math.ceil((y + 1.6 * iod) * fy))
    if left >= right or top >= bottom:
        return None
    return float((picture[top:bottom, left:right].astype(np.float64) @ [0.299, 0.587, 0.114]).mean())


def auroc(scores_: Sequence[float], positive: Sequence[bool]) -> float | None:
    """Area under the ROC curve of `scores_` for `positive`, ties counted half (Mann and Whitney 1947); None with one class only."""
    yes = [s for s, p in zip(scores_, positive, strict=True) if p]
    no = [s for s, p in zip(scores_, positive, strict=True) if not p]
    if not yes or not no:
        return None
    ordered = np.sort(np.array(no))
    below = np.searchsorted(ordered, yes, side="left")
    equal = np.searchsorted(ordered, yes, side="right") - below
    return _short(float((below + equal / 2).sum()) / (len(yes) * len(no)))
