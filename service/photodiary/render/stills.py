"""Single pictures made of a film's frames: a contact sheet, and a poster.  What stands where is decided here; a program of the darkroom's draws it."""

from __future__ import annotations

import json
import subprocess
import sys
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from photodiary.errors import FrameBroken, RenderFailed
from photodiary.ledger.reels import FilmPhoto

Colour = tuple[int, int, int]

PAPER: Final[Colour] = (250, 249, 246)
INK: Final[Colour] = (58, 56, 54)
NIGHT: Final[Colour] = (18, 18, 20)
CHALK: Final[Colour] = (226, 224, 220)

SHEET_WIDTH: Final = 2480
"""Pixels: A4 at 300 dots an inch."""
POSTER_STRIP: Final = 6
"""Earlier pictures below the newest one, at most."""
SECONDS: Final = 120.0
"""After so long the program that draws is taken to hang."""


@dataclass(frozen=True)
class Still:
    """A frame that may be shown.  frame: its path below the archive; caption: its day in words."""

    frame: str
    wall: datetime
    caption: str


@dataclass(frozen=True)
class Placed:
    """A frame on a page: its corner and size, pixels."""

    file: str
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Line:
    """A line of text on a page.  size: of its letters, smaller where it would be wider than `most`; (x, y): the anchor, on the line it stands on; pixels."""

    text: str
    size: int
    most: int
    x: int
    y: int
    colour: Colour
    align: str = "centre"


@dataclass(frozen=True)
class Page:
    width: int
    height: int
    paper: Colour
    pictures: tuple[Placed, ...]
    words: tuple[Line, ...]


def evenly(walls: Sequence[datetime], count: int) -> list[int]:
    """Which of the photos, in their order, stand for the whole time: up to `count`, the first and the last among them, evenly in time where there are any."""
    total = len(walls)
    if total <= count or count < 2:
        return list(range(total))[-count:]
    found: list[int] = []
    for number in range(count):
        at = walls[0] + (walls[-1] - walls[0]) * number / (count - 1)
        after = bisect_left(walls, at)
        nearest = min((place for place in (after - 1, after) if 0 <= place < total), key=lambda place: abs(walls[place] - at))
        found.append(min(max(nearest, found[-1] + 1 if found else 0), total - count + number))
    return [0, *found[1:-1], total - 1]  # at the ends several may be of one moment


def filling(photo: FilmPhoto, size: tuple[int, int]) -> bool:
    """Whether a photo reaches all edges of its frame, so that nothing in it is made up."""
    if photo.matrix is None or photo.width is None or photo.height is None:
        return False
    (a, b, c), (d, e, f) = photo.matrix
    scale = a * e - b * d
    for x in (0, size[0] - 1):
        for y in (0, size[1] - 1):
            u, v = (e * (x - c) - b * (y - f)) / scale, (a * (y - f) - d * (x - c)) / scale
            if not (-0.5 <= u <= photo.width - 0.5 and -0.5 <= v <= photo.height - 0.5):
                return False
    return True


def contact_sheet(stills: Sequence[Still], size: tuple[int, int], heading: str, columns: int, rows: int) -> Page:
    """Rows of small pictures with their days.  size: of the frames, pixels."""
    picked = [stills[place] for place in evenly([still.wall for still in stills], columns * rows)]
    columns = min(columns, len(picked))
    rows = -(-len(picked) // columns)
    edge, gap = SHEET_WIDTH // 20, SHEET_WIDTH // 100
    width = (SHEET_WIDTH - 2 * edge - (columns - 1) * gap) // columns
    height, letters = round(width * size[1] / size[0]), max(22, min(40, width // 11))
    below, top = round(2.1 * letters), edge + 190
    pictures, words = [], [
        Line(heading, 84, SHEET_WIDTH - 2 * edge, edge, edge + 62, INK, "left"), Line(_span(stills), 44, SHEET_WIDTH - 2 * edge, edge, edge + 134, INK, "left"),
    ]  # fmt: skip
    for number, still in enumerate(picked):
        x, y = edge + number % columns * (width + gap), top + number // columns * (height + below)
        pictures.append(Placed(still.frame, x, y, width, height))
        words.append(Line(still.caption, letters, width, x + width // 2, y + height + round(1.2 * letters), INK))
    return Page(SHEET_WIDTH, top + rows * (height + below) + edge - letters, PAPER, tuple(pictures), _some(words))


def poster(stills: Sequence[Still], size: tuple[int, int], heading: str) -> Page:
    """The newest picture in its full size, and below it those that led to it, with their years.  size: of the frames, pixels."""
    width, height = size
    unit = width / 1080
    edge, gap, letters = round(60 * unit), round(12 * unit), max(12, round(30 * unit))
    earlier = [stills[place] for place in evenly([still.wall for still in stills], POSTER_STRIP + 1)][:-1]
    pictures, words = [Placed(stills[-1].frame, edge, edge, width, height)], list[Line]()
    bottom = edge + height
    if earlier:
        small = (width - (POSTER_STRIP - 1) * gap) // POSTER_STRIP
        tall = round(small * height / width)
        left = edge + (width - len(earlier) * small - (len(earlier) - 1) * gap) // 2
        years = [str(still.wall.year) for still in earlier]
        for number, still in enumerate(earlier):
            x = left + number * (small + gap)
            pictures.append(Placed(still.frame, x, bottom + 2 * gap, small, tall))
            if number == 0 or years[number] != years[number - 1]:
                words.append(Line(years[number], letters, small, x + small // 2, bottom + 2 * gap + tall + round(1.4 * letters), CHALK))
        bottom += 2 * gap + tall + round(1.6 * letters)
    centre, most = edge + width // 2, width
    if heading:
        words.append(Line(heading, 2 * letters, most, centre, bottom + round(2.9 * letters), CHALK))
        bottom += round(2.7 * letters)
    words.append(Line(_span(stills), round(1.15 * letters), most, centre, bottom + round(2.2 * letters), CHALK))
    return Page(width + 2 * edge, bottom + round(2.4 * letters) + edge, NIGHT, tuple(pictures), _some(words))


def _span(stills: Sequence[Still]) -> str:
    """From when to when."""
    return " – ".join(dict.fromkeys((stills[0].caption, stills[-1].caption)))


def _some(words: Sequence[Line]) -> tuple[Line, ...]:
    return tuple(line for line in words if line.text)


def drawn(page: Page, root: Path) -> bytes:
    """The page as a JPEG, made by a process of its own; frames are looked for below `root`.  Raises FrameBroken and RenderFailed."""
    request = asdict(page)
    for picture in request["pictures"]:
        picture["file"] = str(root / picture["file"])
    command = [sys.executable, "-m", "photodiary.darkroom.sheet"]
    try:
        done = subprocess.run(
            command, input=json.dumps(request).encode() + b"\n", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise RenderFailed("The picture could not be made: the process that makes it hangs.") from error
    head, _, data = done.stdout.partition(b"\n")
    answer = json.loads(head) if head.startswith(b"{") else {}
    if "broken" in answer:
        raise FrameBroken(f"The frame {answer['broken']} is missing or damaged; it has to be made again.", str(Path(answer["broken"]).relative_to(root)))
    if not data or answer.get("bytes") != len(data):
        raise RenderFailed(f"The process that was making the picture died (exit code {done.returncode}).")
    return data
