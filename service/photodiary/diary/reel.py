"""What a film shows and how it looks: values only, so that two plans can be compared without touching a video.

A film is made again only when its plan's fingerprint differs from the fingerprint of the film that is there.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Final

from photodiary.errors import require

ENCODER_VERSION: Final = 1
"""Raised whenever `render/film.py` makes another film of the same plan, so that films in the old manner count as stale."""

PRESETS: Final = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo")
"""x264's presets, quickest first."""


@dataclass(frozen=True)
class ReelStyle:
    """How a film looks.  Raises ValueError, with one sentence, for a value outside its limits."""

    photos_per_second: int = 12
    """How many photos pass in a second of film: 1 to 60."""
    crf: int = 20
    """x264's constant rate factor, 0 to 40: lower is better and larger, 18 to 22 can hardly be told from the photos."""
    preset: str = "veryfast"
    """How much work x264 puts in, one of `PRESETS`: a slower one makes a smaller film at the same crf."""

    def __post_init__(self) -> None:
        require(
            (_whole(self.photos_per_second, 1, 60), "photos_per_second must be a whole number from 1 to 60"),
            (_whole(self.crf, 0, 40), "crf must be a whole number from 0 to 40"),
            (self.preset in PRESETS, f"preset must be one of {', '.join(PRESETS)}"),
        )


@dataclass(frozen=True)
class ReelPlan:
    """Everything one film shows.  Raises ValueError, with one sentence, when no film could be made of it.

    `frames`: paths relative to the archive, one for each position of the film, in the order they are shown.  A frame
    never changes once it is published, so its path stands for its content.
    `width`, `height`: of every frame and of the film, in pixels, even (a colour sample covers 2 x 2 pixels).
    """

    frames: tuple[str, ...]
    width: int
    height: int
    style: ReelStyle

    def __post_init__(self) -> None:
        if not self.frames:
            raise ValueError("A film needs at least one frame.")
        for side, pixels in (("width", self.width), ("height", self.height)):
            if pixels < 16 or pixels % 2:
                raise ValueError(f"{side} must be an even number of at least 16 pixels, not {pixels}.")

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of all that the film depends on: equal fingerprints, equal films."""
        shown = {
            "encoder": ENCODER_VERSION,
            "size": [self.width, self.height],
            "style": asdict(self.style),
            "frames": self.frames,
        }
        return hashlib.sha256(json.dumps(shown, sort_keys=True).encode("ascii")).hexdigest()

    @property
    def seconds(self) -> Fraction:
        """The exact length of the film in seconds, the last photo's time on screen included."""
        return Fraction(len(self.frames), self.style.photos_per_second)


def _whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
