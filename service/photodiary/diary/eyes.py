"""Eyes, what was said about them, and when a person should be asked."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from photodiary.diary.photo import Stage


class Point(NamedTuple):
    """Pixels of the upright original: x right, y down, pixel centres at integers."""

    x: float
    y: float


class EyePair(NamedTuple):
    """Both eye centres (pupil, or the middle of the opening when closed); `left` is left in the picture."""

    left: Point
    right: Point

    @property
    def iod(self) -> float:
        """Inter-ocular distance in pixels."""
        return math.dist(self.left, self.right)

    @property
    def middle(self) -> Point:
        return Point((self.left.x + self.right.x) / 2, (self.left.y + self.right.y) / 2)

    @property
    def tilt(self) -> float:
        """Angle of the line from left to right eye against the horizontal, in radians, clockwise in the picture."""
        return math.atan2(self.right.y - self.left.y, self.right.x - self.left.x)

    def distance(self, other: EyePair) -> float:
        """The larger of the two eyes' distances, in pixels."""
        return max(math.dist(self.left, other.left), math.dist(self.right, other.right))


_NAMED = re.compile(r"^\d+_(\d+(?:\.\d+)?)_(\d+(?:\.\d+)?)_(\d+(?:\.\d+)?)_(\d+(?:\.\d+)?)\.jpe?g$", re.IGNORECASE)


def eyes_from_name(name: str) -> EyePair | None:
    """The original project's labels, `N_row_col_row_col.jpg`: row and column of the left eye, then of the right; None for other names."""
    match = _NAMED.match(name)
    if match is None:
        return None
    row_left, column_left, row_right, column_right = (float(group) for group in match.groups())
    return EyePair(Point(column_left, row_left), Point(column_right, row_right))


HUMAN = frozenset({"placed", "confirmed"})

REASONS: dict[str, str] = {
    "no_face": "no face found",
    "several_faces": "several faces, unsure which is yours",
    "covered": "the eyes may be covered",
    "cut_by_edge": "the face is cut by the edge of the photo",
    "not_this_person": "this seems to be somebody else",
    "unsure": "unsure where the eyes are",
    "label_differs": "your eyes lie far from where the model is sure they are",
    "excluded": "left out by you",
    "not_me": "somebody else, as you said",
    "faceless": "no face in it, as you said",
    "moved": "moved to another diary",
    "deleted": "deleted from the inbox",
    "forgotten": "being forgotten",
    "not_a_photo": "not a photo (its content is neither JPEG, PNG, WebP, AVIF nor HEIC)",
    "damaged": "damaged, could not be read",
    "truncated": "cut short, the rest never came",
    "empty": "empty file",
    "too_large": "larger than the limits allow",
    "crashed_reader": "reading it failed twice, perhaps damaged",
    "undated": "no date found in it; it waits for one",
}


@dataclass(frozen=True)
class Sighting:
    """One statement about a photo's eyes.  `expected_error` in % of IOD; eyes None where no face was found."""

    by: str  # "placed", "confirmed" or the name of a model
    eyes: EyePair | None
    expected_error: float | None = None
    reason: str | None = None
    faces: int = 1

    @property
    def human(self) -> bool:
        return self.by in HUMAN


def current(sightings: Iterable[Sighting], model: str) -> Sighting | None:
    """The one that counts: the newest human one, else the newest by `model`, else the newest.  Oldest comes first in `sightings`."""
    best: tuple[int, int] | None = None
    chosen = None
    for order, sighting in enumerate(sightings):
        rank = (2 if sighting.human else 1 if sighting.by == model else 0, order)
        if best is None or rank > best:
            best, chosen = rank, sighting
    return chosen


SURE, GROSSLY = 3.0, 0.25  # % of IOD: of held-out faces this sure none was over 20 % off; of the IOD


def differs_grossly(label: EyePair, model: Sighting) -> bool:
    """Whether a label lies so far from where a model that is sure sees the only face's eyes that one of both must be mistaken."""
    if model.eyes is None or model.expected_error is None or model.expected_error > SURE or model.faces != 1 or model.reason is not None:
        return False
    return label.distance(model.eyes) > GROSSLY * model.eyes.iod


@dataclass(frozen=True)
class DoubtConfig:
    """When a person is asked, and when a photo stays out of the film until then; both in % of IOD."""

    ask_above: float = 3.0
    leave_out_above: float = 10.0

    def __post_init__(self) -> None:
        if not 0 < self.ask_above <= self.leave_out_above:
            raise ValueError("ask_above must be over 0 and at most leave_out_above")


@dataclass(frozen=True)
class Triage:
    """What follows from a sighting: the next stage, whether a person is asked, and why."""

    stage: Stage
    doubtful: bool
    reason: str | None


def triage(sighting: Sighting, doubt: DoubtConfig) -> Triage:
    """No face: left out.  A human's eyes: into the film.  Somebody else: asked, and left out until then.  Else the expected error decides.

    What is left out here but has a frame already keeps it in the film while a person is asked.
    """
    if sighting.eyes is None:
        return Triage(Stage.EXCLUDED, doubtful=False, reason=sighting.reason or "no_face")
    if sighting.human:
        return Triage(Stage.LOCATED, doubtful=False, reason=None)
    error = math.inf if sighting.expected_error is None else sighting.expected_error
    unclear = sighting.reason == "several_faces"
    if error > doubt.leave_out_above or sighting.reason == "not_this_person":
        return Triage(Stage.DOUBTFUL, doubtful=True, reason=sighting.reason or "unsure")
    if error > doubt.ask_above or unclear:
        return Triage(Stage.LOCATED, doubtful=True, reason=sighting.reason or "unsure")
    return Triage(Stage.LOCATED, doubtful=False, reason=None)
