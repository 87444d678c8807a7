"""Draws letters as masks, with the shadow that keeps them readable on any picture.

The font is our own (Roboto Medium, Apache 2.0), so that a film looks the same on every machine: Latin, Cyrillic, Greek and Vietnamese, figures all
of one width.  What it lacks comes from a font of the system, if one of `FURTHER` is there; scripts whose letters join or stack can't be drawn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

OURS: Final = Path(__file__).with_name("letters") / "Roboto-Medium.ttf"
FURTHER: Final = tuple(
    Path(folder) / f"NotoSansCJK-{weight}.ttc"
    for folder in ("/usr/share/fonts/opentype/noto", "/usr/share/fonts/noto-cjk", "/usr/share/fonts/google-noto-cjk", "/usr/local/share/fonts")
    for weight in ("Medium", "Regular")
)
"""Where Debian and Ubuntu, Arch, Fedora and a person put Noto's Chinese, Japanese and Korean letters."""

PITCH: Final = 1.25
"""From one line of letters to the next, in their size."""
CAPITAL: Final = 0.711
"""Height of capitals and figures, in the letters' size."""
CRISP: Final = 64
"""Letters smaller than so many pixels are drawn as large at least and shrunk: small ones are else moved to whole pixels, and stand unevenly."""
NOWHERE: Final = "\uffff"  # no font has it, so it is drawn as what is drawn for a letter that is missing

Mask = NDArray[np.uint8]


@dataclass(frozen=True)
class Lettering:
    """letters, shadow: (h, w) masks, 255 where they cover the picture.  x, y: where in them the anchor lies, which is on the first line of letters."""

    letters: Mask
    shadow: Mask
    x: int
    y: int


def missing(text: str) -> str:
    """The signs of a text that no font here can draw, each once, in their order."""
    lost = ["".join(dict.fromkeys(sign for sign in text if not _has(path, sign))) for path in _fonts()]
    return min(lost, key=len)


def width(text: str, size: int) -> float:
    """How wide a line of text is, pixels."""
    times = _times(size)
    return float(_font(_chosen(text), times * size).getlength(text)) / times


def fitted(text: str, size: int, most: int, lines: int) -> tuple[tuple[str, ...], int]:
    """A text in at most so many lines, none wider than `most` pixels and all about as wide, and the size that its letters then have: `size` or less."""
    for shrunk in range(size, 7, -max(1, size // 24)):
        words = _words(text, most, shrunk)
        filled = _filled(words, most, shrunk)
        if len(filled) <= lines:
            low, high = most // len(filled), most
            while low < high:  # the narrowest column that needs no more lines
                middle = (low + high) // 2
                tried = _filled(words, middle, shrunk)
                low, high = (low, middle) if len(tried) <= len(filled) and all(width(line, shrunk) <= middle for line in tried) else (middle + 1, high)
            return tuple(_filled(words, high, shrunk)), shrunk
    return (text[: most // 8],), 8


def draw(lines: Sequence[str], size: int, align: str) -> Lettering:
    """The masks of some lines, `PITCH` apart, in letters of `size` pixels.  align: "left", "centre" or "right" of the anchor, to whole pixels."""
    reach, pitch, times = math.ceil(0.6 * size) + 2, round(PITCH * size), _times(size)
    font = _font(_chosen("".join(lines)), times * size)
    widths = [math.ceil(font.getlength(line) / times) for line in lines]
    share, first = {"left": 0.0, "centre": 0.5, "right": 1.0}[align], reach + size
    picture = Image.new("L", (times * (max(widths) + 2 * reach), times * ((len(lines) - 1) * pitch + 2 * reach + math.ceil(1.3 * size))))
    pen = ImageDraw.Draw(picture)
    for number, (line, wide) in enumerate(zip(lines, widths, strict=True)):
        left = reach + round(share * (max(widths) - wide))
        pen.text((times * left, times * (first + number * pitch)), line, 255, font, anchor="ls")
    picture = picture.reduce(times)
    return Lettering(np.asarray(picture, np.uint8), _shadow(picture, size), reach + round(share * max(widths)), first)


def _shadow(picture: Image.Image, size: int) -> Mask:
    """A thin dark rim, a little below the letters, in a wide soft one."""
    rim = picture.filter(ImageFilter.GaussianBlur(0.045 * size)).point(_curve(2, 0.7))
    less = max(1, size // 12)  # what is that soft can be drawn coarsely
    wide = picture.reduce(less).filter(ImageFilter.GaussianBlur(0.16 * size / less)).point(_curve(1.5, 0.5)).resize(picture.size, Image.Resampling.BILINEAR)
    return np.asarray(ImageChops.screen(ImageChops.offset(rim, 0, max(1, round(0.025 * size))), wide), np.uint8)


@cache
def _curve(slope: float, most: float) -> list[int]:
    return [round(255 * most * min(1, slope * value / 255)) for value in range(256)]


def _times(size: int) -> int:
    return max(1, math.ceil(CRISP / size))


def _words(text: str, most: int, size: int) -> list[str]:
    """The parts that may stand on lines of their own, with the space before each: words, and single signs of what is no line's width."""
    answer: list[str] = []
    for number, word in enumerate(text.split()):
        space = " " if number else ""
        if width(word, size) <= most:
            answer.append(space + word)
        else:
            answer += [space + word[:1], *word[1:]]
    return answer


def _filled(words: Sequence[str], most: int, size: int) -> list[str]:
    lines = [""]
    for word in words:
        if lines[-1] and width(lines[-1] + word, size) > most:
            lines.append(word.lstrip())
        else:
            lines[-1] = (lines[-1] + word) if lines[-1] else word.lstrip()
    return lines


def _chosen(text: str) -> Path:
    """The font that draws most of a text; a whole line is drawn in one."""
    return min(_fonts(), key=lambda path: sum(not _has(path, sign) for sign in text))


@cache
def _fonts() -> tuple[Path, ...]:
    return (OURS, *[path for path in FURTHER if path.is_file()][:1])


@cache
def _font(path: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)  # the other engine is not everywhere, and places letters otherwise


@cache
def _has(path: Path, sign: str) -> bool:
    font = _font(path, 32)
    return bytes(font.getmask(sign)) != bytes(font.getmask(NOWHERE))
