"""Which photo of a day is the best one, and why: a score from what was measured, told in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

EYE_WIDTH: Final = 24
EYE_HEIGHT: Final = 16
EYES: Final = 2 * EYE_WIDTH * EYE_HEIGHT
"""Bytes of the small grey pictures of both eyes."""


@dataclass(frozen=True)
class Marks:
    """What was measured of one frame (`darkroom/marks.py`), each from 0 to 1.

    sharp: how steep the edges of the face are, 0.3 where nothing is sharp; light: mean of the face; dark, bright: shares of it without any detail; open: how
    probable it is that the eyes are open; turned: how far the face is turned aside, 0.1 for one that looks into the camera and 0.6 for one that looks past it.
    """

    sharp: float
    light: float
    dark: float
    bright: float
    open: float
    turned: float


@dataclass(frozen=True)
class Looks:
    """All that is measured of a frame when it is made.  tone: as in `diary/tone.py`; eyes: EYES bytes, the left eye's picture before the right one's."""

    tone: tuple[float, ...]
    marks: Marks
    eyes: bytes


@dataclass(frozen=True)
class Score:
    """value: the higher, the rather a photo is picked; parts: what it is made of, by name."""

    value: float
    parts: dict[str, float]


WEIGHTS: Final = {"open": 3.0, "sharp": 2.0, "facing": 1.5, "light": 1.5, "found": 1.0}
"""Closed eyes weigh most: they outweigh a photo that is blurred or badly lit.  A blur of 1 % of the distance between the eyes costs 0.4 points."""

CLEARLY: Final = 0.2
"""A difference in one part that is worth a word."""

SHARPEST, SOFTEST = 0.55, 0.2  # of `Marks.sharp`, as real faces have it
DIM, GLARING = 0.35, 0.75  # of `Marks.light`: darker and brighter faces lose
LOST: Final = 0.25  # of a face without any detail: all is lost
TURNED: Final = 0.6  # of `Marks.turned`: a face that looks past the camera
WIDE_OF: Final = 10.0  # % of the distance between the eyes: an expected error that says nothing is sure

SLIGHT: Final = {"open": "eyes less open", "facing": "turned a little aside"}
"""Said of the photo that is not picked where it has more than half of what there is to have."""

BETTER: Final = {"open": "eyes open", "sharp": "sharper", "facing": "facing the camera", "light": "better lit", "found": "eyes more surely found"}
WORSE: Final = {"open": "eyes closed", "sharp": "less sharp", "facing": "turned aside", "light": "worse lit", "found": "eyes less surely found"}
ALIKE: Final = "a little better all in all"


def score(marks: Marks, expected_error: float | None) -> Score:
    """Of one photo, by itself, so that it never depends on which others there are.

    expected_error: of its eyes, in % of their distance; None for eyes that a person placed or confirmed, which are sure.
    """
    lit = 1 - (max(0.0, DIM - marks.light) / DIM + max(0.0, marks.light - GLARING) / (1 - GLARING)) - (marks.dark + marks.bright) / LOST
    shares = {
        "open": marks.open,
        "sharp": (marks.sharp - SOFTEST) / (SHARPEST - SOFTEST),
        "facing": 1 - marks.turned / TURNED,
        "light": lit,
        "found": 1 - (expected_error or 0.0) / WIDE_OF,
    }
    parts = {name: WEIGHTS[name] * min(1.0, max(0.0, share)) for name, share in shares.items()}
    return Score(round(sum(parts.values()), 4), parts)


def better(one: Score, other: Score) -> list[str]:
    """Why `one` is picked rather than `other`, what counts most first; at least one reason when its score is the higher one."""
    found = [BETTER[name] if name != "open" or _bad(other, name) else "eyes wider open" for name in _ahead(one, other)]
    return found or ([ALIKE] if one.value > other.value else [])


def worse(one: Score, other: Score) -> list[str]:
    """What speaks against `one` when `other` is picked, what counts most first."""
    return [WORSE[name] if _bad(one, name) else SLIGHT.get(name, WORSE[name]) for name in _ahead(other, one)]


def _bad(one: Score, name: str) -> bool:
    return one.parts[name] < WEIGHTS[name] / 2


def _ahead(one: Score, other: Score) -> list[str]:
    ahead = {name: part - other.parts[name] for name, part in one.parts.items()}
    return sorted((name for name, by in ahead.items() if by > CLEARLY), key=lambda name: -ahead[name])
