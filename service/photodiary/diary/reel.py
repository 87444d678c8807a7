"""What a film shows: values only, so that two plans can be compared without touching a video.

A film is a chain of segments.  A segment is what a few photos in a row look like; it knows neither its place nor the pace, so it is encoded once and stays
while photos come and go elsewhere.  Where one begins is decided by the photos' own digests and a few neighbours.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import cached_property
from itertools import accumulate
from typing import Final

ENCODER_VERSION: Final = 2
"""Raised whenever the render room makes other pictures of the same plan, so that segments in the old manner count as stale."""

MAIN_FILM: Final = "films/latest.mp4"
"""Path of the film that every diary has, below its archive."""

NEIGHBOURS: Final = 5
"""A photo begins a segment when its digest is the smallest among so many on either side: a segment has 6 photos or more, 11 on average."""

CALM: Final = 30
QUICK: Final = 60
"""Pictures a second that the encoder's limits are made for, whatever the pace, so that another pace encodes nothing anew."""

SMALLEST_H265: Final = 96
"""Pixels of the shorter side: of smaller pictures x265 makes another film each time (seen at 64 x 80)."""

LONGEST_RUN: Final = 15
"""Pictures in a row that show one photo and refer to others, before one comes that others may refer to."""


@dataclass(frozen=True)
class Cell:
    """What a film shows of one photo.

    frame: its path below the archive; a frame never changes once it is published, so the path stands for its pixels.  grade: how light and colours
    are changed (diary/tone.py), empty for not at all.  stamp, title: written into the picture.  outline: where the photo lies on the canvas, (x, y)
    of its four corners in pixels, only where what lies around it is to be filled anew.  pictures: how many are encoded of it.
    """

    frame: str
    grade: tuple[float, ...] = ()
    stamp: str = ""
    title: str = ""
    outline: tuple[float, ...] = ()
    pictures: int = 1

    def told(self) -> list[object]:
        """Everything that decides how it looks."""
        return [self.frame, self.grade, self.stamp, self.title, self.outline, self.pictures]


@dataclass(frozen=True)
class Coding:
    """How pictures become a film, the same for all segments.  Raises ValueError, with one sentence, for sizes that no film can have.

    width, height: of the film; frame_width, frame_height: of every frame; pixels.  rate: CALM or QUICK.  steady: one picture every 1/fps s, some of
    which repeat a photo.  eyes: x, y of the left and the right one on the frames, where the film has another shape than they.
    crossfade, border, stamp_position, stamp_size: as in ReelStyle, at their defaults where they change nothing.
    """

    width: int
    height: int
    frame_width: int
    frame_height: int
    codec: str = "h264"
    crf: int = 20
    preset: str = "veryfast"
    rate: int = CALM
    steady: bool = False
    crossfade: float = 0.0
    border: str = "blur"
    stamp_position: str = ""
    stamp_size: float = 0.0
    eyes: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for side, pixels in (("width", self.width), ("height", self.height)):
            if pixels < 16 or pixels % 2:
                raise ValueError(f"{side} must be an even number of at least 16 pixels, not {pixels}.")
        if self.codec == "h265" and min(self.width, self.height) < SMALLEST_H265:
            raise ValueError(f"a film in H.265 must be at least {SMALLEST_H265} pixels wide and high; choose another size or h264.")

    def told(self) -> list[object]:
        return [getattr(self, field.name) for field in fields(self)]


@dataclass(frozen=True)
class Segment:
    """A few photos in a row.  after: what the last one fades into."""

    cells: tuple[Cell, ...]
    coding: Coding
    after: Cell | None = None

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of all that it shows: equal fingerprints, equal pictures."""
        shown = [ENCODER_VERSION, self.coding.told(), [cell.told() for cell in self.cells], self.after and self.after.told()]
        return hashlib.sha256(json.dumps(shown).encode("ascii")).hexdigest()

    @property
    def pictures(self) -> int:
        return sum(cell.pictures for cell in self.cells)


@dataclass(frozen=True)
class Chapter:
    """A name that players list.  photo: where it begins, the first photo is 0."""

    photo: int
    name: str


@dataclass(frozen=True)
class ReelPlan:
    """Everything one film shows.  Raises ValueError, with one sentence, when no film could be made of it.

    ticks: for how many units of 1/timescale s each photo is shown, or in a steady film each of its pictures; shown: how many of a photo's pictures are
    shown.  pace: photos a second, None for a film that has no even pace.
    """

    segments: tuple[Segment, ...]
    timescale: int
    ticks: tuple[int, ...]
    shown: tuple[int, ...]
    pace: Fraction | None = None
    title: str = ""
    chapters: tuple[Chapter, ...] = ()

    def __post_init__(self) -> None:
        if not self.segments:
            raise ValueError("A film needs at least one frame.")

    @property
    def coding(self) -> Coding:
        return self.segments[0].coding

    @cached_property
    def frames(self) -> tuple[str, ...]:
        """Of the photos, in the order they are shown."""
        return tuple(cell.frame for segment in self.segments for cell in segment.cells)

    @cached_property
    def durations(self) -> tuple[int, ...]:
        """Of every picture that is shown, in ticks."""
        return tuple(ticks for ticks, times in zip(self.ticks, self.shown, strict=True) for _ in range(times))

    @cached_property
    def begins(self) -> tuple[int, ...]:
        """When each photo is first seen, in ticks."""
        spans = (ticks * times for ticks, times in zip(self.ticks, self.shown, strict=True))
        return tuple(accumulate(spans, initial=0))[:-1]

    @property
    def seconds(self) -> Fraction:
        """The exact length of the film, the last photo's time on screen included."""
        return Fraction(sum(ticks * times for ticks, times in zip(self.ticks, self.shown, strict=True)), self.timescale)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of all that the film depends on: equal fingerprints, equal films."""
        told = [
            [segment.fingerprint for segment in self.segments], self.timescale, self.ticks, self.shown, self.title,
            [[chapter.photo, chapter.name] for chapter in self.chapters],
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(told).encode("ascii")).hexdigest()


def seams(digests: Sequence[str]) -> list[int]:
    """Where segments begin: the first photo, and each whose digest is smaller than those of `NEIGHBOURS` photos on either side."""
    found = [0]
    for place in range(1, len(digests)):
        mine, low = digests[place], max(0, place - NEIGHBOURS)
        if all(mine < other for other in digests[low:place]) and all(mine < other for other in digests[place + 1 : place + 1 + NEIGHBOURS]):
            found.append(place)
    return found


def chain(cells: Sequence[Cell], digests: Sequence[str], coding: Coding) -> tuple[Segment, ...]:
    """The segments of a film.  digests: of the photos, SHA-256 in hex."""
    starts = seams(digests)
    ends = [*starts[1:], len(cells)]
    fading = coding.crossfade > 0
    return tuple(Segment(tuple(cells[start:end]), coding, cells[end] if fading and end < len(cells) else None) for start, end in zip(starts, ends, strict=True))


def shares(spans: Sequence[Fraction]) -> tuple[tuple[int, int], ...]:
    """How many pictures are encoded and shown for photos that last so many pictures each.

    What is encoded is a photo's span rounded up, wherever it stands; what is shown takes up the fractions, so that each photo begins with the picture
    nearest to its time and none is gained or lost over the whole film.
    """
    ends = [math.floor(end + Fraction(1, 2)) for end in accumulate(spans)]
    answer, before = [], 0
    for span, end in zip(spans, ends, strict=True):
        coded = max(1, math.ceil(span))
        answer.append((coded, min(coded, max(1, end - before))))
        before += answer[-1][1]
    return tuple(answer)
