"""How a film looks: what a person may write in `[film]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from photodiary.diary.pace import is_pace
from photodiary.errors import require

PRESETS: Final = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo")
"""x264's presets, quickest first."""

RATES: Final = (0, 24, 25, 30, 60)
"""Pictures a second that a film may be made for; 0: one picture a photo, whatever the pace."""

PICKS: Final = ("day", "week", "month", "all")
CODECS: Final = ("h264", "h265")
SHAPES: Final = ("", "1:1", "4:5", "4:3", "9:16", "16:9")
STAMPS: Final = ("", "date", "age", "date and age")
CHAPTERS: Final = ("", "year", "month")
PLACES: Final = ("bottom left", "bottom centre", "bottom right", "top left", "top centre", "top right")


@dataclass(frozen=True)
class ReelStyle:
    """How a film looks.  Raises ValueError, with one sentence, for a value outside its limits."""

    pace: str = "auto"
    """How fast photos pass, as `diary/pace.py` reads it: "auto", "12" (a second), "60 s" (the whole film), "time" (true to time)."""
    photos_per_second: int = 0
    """How older configurations wrote a fixed pace: 1 to 60; 0: as `pace` says.  See `speed`."""
    fps: int = 0
    """Pictures a second, one of `RATES`."""
    pick: str = "day"
    """The best photo of each day, week or month, or all of them: one of `PICKS`."""
    even_out: bool = True
    """Whether light and colours of the face are evened out from photo to photo."""
    crossfade: float = 0.0
    """How much of a photo's time the next one already shines through: 0 to 1."""
    hold_first: float = 0.0
    hold_last: float = 0.0
    """Seconds that the first and the last photo stay longer: 0 to 60."""
    shape: str = ""
    """Width to height, one of `SHAPES`; empty: as the picture format is."""
    size: int = 0
    """Pixels of the shorter side, even, 144 to 2160; 0: as the picture format is."""
    border: str = "blur"
    """What lies around a photo that does not fill the picture: "blur", "black" or a colour such as "#1b1b1b"."""
    stamp: str = ""
    """What is written into the picture, one of `STAMPS`."""
    stamp_position: str = "bottom left"
    stamp_size: float = 3.5
    """Height of a stamp's letters in percent of the picture's height: 1 to 20."""
    stamp_format: str = ""
    """How dates are written, in Babel's (CLDR's) letters such as "d. MMMM yyyy"; empty: as the language does."""
    language: str = "en"
    """Of dates and ages: "en", "de", "pt_BR", ..."""
    title: str = ""
    """Written over the first photos and into the file; up to 200 characters."""
    chapters: str = ""
    """Chapters that players list, one of `CHAPTERS`."""
    codec: str = "h264"
    """One of `CODECS`."""
    crf: int = 20
    """The encoder's constant rate factor, 0 to 40: lower is better and larger, 18 to 22 can hardly be told from the photos."""
    preset: str = "veryfast"
    """How much work the encoder puts in, one of `PRESETS`: a slower one makes a smaller film at the same crf."""

    def __post_init__(self) -> None:
        require(*self._limits())

    def _limits(self) -> tuple[tuple[bool, str], ...]:
        return (
            (is_pace(self.pace), 'pace must be "auto", "time", photos a second from 1 to 60 such as "12", or the length of the film such as "60 s"'),
            (_whole(self.photos_per_second, 0, 60), "photos_per_second must be a whole number from 1 to 60, or 0 for what pace says"),
            (self.fps in RATES, f"fps must be one of {', '.join(map(str, RATES))}"),
            (self.pick in PICKS, f"pick must be one of {', '.join(PICKS)}"),
            (0 <= self.crossfade <= 1, "crossfade must be at least 0 and at most 1"),
            (0 <= self.hold_first <= 60, "hold_first must be at least 0 and at most 60"),
            (0 <= self.hold_last <= 60, "hold_last must be at least 0 and at most 60"),
            (self.shape in SHAPES, f"shape must be empty or one of {', '.join(SHAPES[1:])}"),
            (self.size == 0 or (_whole(self.size, 144, 2160) and self.size % 2 == 0), "size must be an even number from 144 to 2160, or 0"),
            (self.border in ("blur", "black") or _is_colour(self.border), 'border must be "blur", "black" or a colour such as "#1b1b1b"'),
            (self.stamp in STAMPS, f"stamp must be empty or one of {', '.join(STAMPS[1:])}"),
            (self.stamp_position in PLACES, f"stamp_position must be one of {', '.join(PLACES)}"),
            (1 <= self.stamp_size <= 20, "stamp_size must be at least 1 and at most 20"),
            (len(self.title) <= 200 and self.title.isprintable(), "title must be one line of at most 200 characters"),
            (self.chapters in CHAPTERS, f"chapters must be empty or one of {', '.join(CHAPTERS[1:])}"),
            (self.codec in CODECS, f"codec must be one of {', '.join(CODECS)}"),
            (_whole(self.crf, 0, 40), "crf must be a whole number from 0 to 40"),
            (self.preset in PRESETS, f"preset must be one of {', '.join(PRESETS)}"),
        )

    @property
    def speed(self) -> str:
        """What counts of `pace` and its older name, as `diary/pace.py` reads it."""
        return str(self.photos_per_second) if self.photos_per_second else self.pace


def _is_colour(text: str) -> bool:
    return len(text) == 7 and text[0] == "#" and all(letter in "0123456789abcdefABCDEF" for letter in text[1:])


def _whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
