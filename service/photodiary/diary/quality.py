"""How good a film is to look at, in figures: how steady the eyes are from photo to photo, how even the light is, and where it is worst."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from photodiary.diary.tone import Grade, Tone

Shift = tuple[float, float]
"""(right, down), in % of the distance between the eyes (IOD)."""

WORST: Final = 5
ENOUGH_FLOORS: Final = 5
"""Fewer photos that were looked at twice say nothing about a film's floor."""

STEADY: Final = ((0.35, "as steady as from a tripod"), (0.8, "very steady"), (1.5, "steady"), (2.5, "a little restless"))
"""Up to which mean movement, in % of IOD, a film is called what; beyond, it is restless.  2.5 % are ten pixels of a film 1080 wide."""


PART: Final = 0.25
"""A floor below this share of the movement has next to no part in it: squares add up, so without it the movement would be 3 % less."""


@dataclass(frozen=True)
class Measured:
    """How both eyes (left, right) move from one frame to the next.  moved: None where the pictures are too unlike to tell; likeness: of the eye that is
    less alike, -1 to 1."""

    moved: tuple[Shift, Shift] | None
    likeness: float

    @property
    def jitter(self) -> float | None:
        """Mean of how far both eyes move, in % of IOD."""
        return None if self.moved is None else (math.hypot(*self.moved[0]) + math.hypot(*self.moved[1])) / 2

    def text(self) -> str:
        return json.dumps({"moved": self.moved, "likeness": self.likeness})

    @classmethod
    def of(cls, text: str) -> Measured:
        """What `text` made."""
        told = json.loads(text)
        moved = told["moved"]
        return cls(None if moved is None else ((moved[0][0], moved[0][1]), (moved[1][0], moved[1][1])), told["likeness"])


@dataclass(frozen=True)
class Jitter:
    """Of a film, in % of IOD: mean and 95th percentile over the `pairs` of photos in a row that could be measured.  unmeasured: pairs that could not.

    floor: how far eyes move when the same photo is looked at twice, slightly cropped; None while that is not known.
    """

    mean: float
    p95: float
    floor: float | None
    pairs: int
    unmeasured: int


@dataclass(frozen=True)
class Flicker:
    """Mean change of the face's luma from one photo to the next, in levels of 255: of the frames, and of the film, which evens them out."""

    frames: float
    film: float


@dataclass(frozen=True)
class Leap:
    """One of the transitions in which the eyes move most.  photo: place of the one before it in the film, the first is 0; jitter: % of IOD."""

    photo: int
    jitter: float


@dataclass(frozen=True)
class Quality:
    """The report on one film.  jitter: None where no pair could be measured, or there is only one photo; flicker: None where no two in a row are known.

    unlike: of the pairs that could not be measured those least alike, each by the place of the photo before it: it may be another face.
    """

    jitter: Jitter | None
    flicker: Flicker | None
    worst: tuple[Leap, ...]
    unlike: tuple[int, ...] = ()

    def text(self) -> str:
        return json.dumps({
            "jitter": None if self.jitter is None else vars(self.jitter), "flicker": None if self.flicker is None else vars(self.flicker),
            "worst": [vars(leap) for leap in self.worst], "unlike": self.unlike,
        })  # fmt: skip

    @classmethod
    def of(cls, text: str) -> Quality:
        """What `text` made."""
        told: dict[str, Any] = json.loads(text)
        jitter, flicker = told["jitter"], told["flicker"]
        return cls(
            None if jitter is None else Jitter(**jitter), None if flicker is None else Flicker(**flicker),
            tuple(Leap(**leap) for leap in told["worst"]), tuple(told["unlike"]),
        )  # fmt: skip


def report(
    frames: Sequence[str], measured: Mapping[tuple[str, str], Measured], floors: Sequence[float], tones: Sequence[Tone | None], grades: Sequence[Grade]
) -> Quality:
    """Of a film of these frames in this order; a pair that is not in `measured` counts as one that could not be measured.

    floors: how far eyes moved in each photo that was looked at twice, % of IOD.  tones, grades: of each frame, as in diary/tone.py.
    """
    found = [measured.get(pair) for pair in pairwise(frames)]
    jitters = [None if pair is None else pair.jitter for pair in found]
    known = sorted((jitter, place) for place, jitter in enumerate(jitters) if jitter is not None)
    jitter = None
    if known:
        values = [value for value, _ in known]
        floor = round(math.fsum(floors) / len(floors), 3) if len(floors) >= ENOUGH_FLOORS else None
        jitter = Jitter(round(math.fsum(values) / len(values), 3), round(percentile(values, 0.95), 3), floor, len(values), len(jitters) - len(values))
    worst = tuple(Leap(place, round(value, 2)) for value, place in sorted(known, key=lambda entry: (-entry[0], entry[1]))[:WORST])
    unlike = sorted((pair.likeness, place) for place, pair in enumerate(found) if pair is not None and pair.moved is None)
    return Quality(jitter, flicker(tones, grades), worst, tuple(place for _, place in unlike[:WORST]))


def percentile(ordered: Sequence[float], share: float) -> float:
    """Linear between the two values next to it; of values in order, at least one."""
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def flicker(tones: Sequence[Tone | None], grades: Sequence[Grade]) -> Flicker | None:
    """Over the pairs of photos in a row whose light is known."""
    lumas = [None if tone is None else (luma(tone), luma(tone, grade)) for tone, grade in zip(tones, grades, strict=True)]
    steps = [(abs(b[0] - a[0]), abs(b[1] - a[1])) for a, b in pairwise(lumas) if a is not None and b is not None]
    if not steps:
        return None
    frames, film = (255 * math.fsum(step[which] for step in steps) / len(steps) for which in (0, 1))
    return Flicker(round(frames, 2), round(film, 2))


def luma(tone: Tone, grade: Grade = ()) -> float:
    """Of the face, 0 to 1, as a film with this grade shows it: its tone curve shifts log(y^2 / (1 - y^2)) by twice the log of k."""
    light = tone[0] + (2 * math.log(grade[0]) if grade else 0.0)
    return math.sqrt(1 / (1 + math.exp(-light)))


# -- in words -----------------------------------------------------------------------------------------------------------------


def how_steady(jitter: Jitter) -> str:
    return next((words for most, words in STEADY if jitter.mean <= most), "restless")


def pixels(per_cent: float, iod: float) -> str:
    """A movement where the eyes are `iod` pixels apart."""
    moved = round(per_cent * iod / 100)
    return "less than a pixel" if moved < 1 else f"{moved} pixel{'s' if moved != 1 else ''}"


def sentences(quality: Quality, iod: float) -> list[str]:
    """The report for people, without its worst places.  iod: pixels between the eyes in the film."""
    said, jitter, flicker = [], quality.jitter, quality.flicker
    if jitter is not None:
        words, most = how_steady(jitter), max(1, math.ceil(jitter.p95 * iod / 100))
        said.append(
            f"{words[0].upper()}{words[1:]}: from one photo to the next the eyes move by {pixels(jitter.mean, iod)} on average"
            f" ({jitter.mean:.2g} % of the distance between them), 19 times in 20 by at most {most} pixel{'s' if most != 1 else ''}."
        )
        if jitter.floor is not None:
            part = "next to no" if jitter.floor < PART * jitter.mean else "a"
            said.append(f"Finding the eyes has {part} part in it: looked at twice, slightly cropped, they are seen {jitter.floor:.1g} % apart.")
        if jitter.unmeasured:
            which = "One change is" if jitter.unmeasured == 1 else f"{jitter.unmeasured:,} changes are"
            said.append(f"{which} not counted: the two photos are too unlike around the eyes to be compared.")
    if flicker is not None:
        levels = f"{flicker.frames:.0f} of 255 levels"
        if flicker.film < 0.95 * flicker.frames:
            less = 100 - 100 * flicker.film / flicker.frames
            said.append(f"The light on the face changes by {levels} from photo to photo, and by {flicker.film:.0f} in the film, {less:.0f} % less.")
        else:
            said.append(f"The light on the face changes by {levels} from photo to photo.")
    return said
