"""How much light and colours of the face flicker from photo to photo, before and after they are evened out, and both side by side in a picture.

    python deploy/evening.py ARCHIVE SHEET.png [--photos 16] [--from 0]

ARCHIVE is a diary's archive folder.  Its frames are read in the order of their names, which is that of their dates, and graded as the film grades them.  The
face is then judged in boxes and ellipses of several sizes, none of them the one that is measured, by the mean of the video picture.  The
sheet shows 8 photos a row, below each row the same photos as the film shows them, and between them numbers: the photo's, its mean luma and its grade.
"""

from __future__ import annotations

import argparse
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from photodiary.darkroom.tone import tone
from photodiary.diary.tone import grades
from photodiary.ledger.store import FILE
from photodiary.render.grading import grade

Point = tuple[float, float]
Where = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.bool_]]

REGIONS: dict[str, Where] = {  # in IOD from the middle between the eyes, u to the right, v down
    "whole box": lambda u, v: (np.abs(u) <= 1.0) & (v >= -0.6) & (v <= 1.4),
    "face box": lambda u, v: (np.abs(u) <= 0.8) & (v >= -0.6) & (v <= 1.4),
    "inner box": lambda u, v: (np.abs(u) <= 0.75) & (v >= -0.5) & (v <= 1.2),
    "eyes to mouth": lambda u, v: (np.abs(u) <= 0.5) & (v >= 0.0) & (v <= 1.0),
    "cheeks": lambda u, v: (np.abs(u) >= 0.25) & (np.abs(u) <= 0.75) & (v >= 0.3) & (v <= 0.85),
    "small ellipse": lambda u, v: (u / 0.85) ** 2 + ((v - 0.4) / 1.15) ** 2 <= 1,
    "large ellipse": lambda u, v: (u / 1.05) ** 2 + ((v - 0.45) / 1.4) ** 2 <= 1,
}
COLOURS = {"src_colorspace": Colorspace.ITU601, "dst_colorspace": Colorspace.ITU709, "src_color_range": ColorRange.JPEG, "dst_color_range": ColorRange.MPEG}


def canvas(archive: Path) -> tuple[Point, Point]:
    """Where the eyes lie in the newest picture format."""
    with sqlite3.connect(f"file:{archive / FILE}?mode=ro", uri=True) as ledger:
        row = ledger.execute("SELECT left_x, left_y, right_x, right_y FROM canvases ORDER BY id DESC LIMIT 1").fetchone()
    return (row[0], row[1]), (row[2], row[3])


def video(path: Path) -> av.VideoFrame:
    """The frame in the film's colours."""
    with av.open(str(path)) as picture:
        frame = next(picture.decode(video=0))
    assert isinstance(frame, av.VideoFrame)
    return frame.reformat(format="yuv420p", **COLOURS)


def planes(frame: av.VideoFrame) -> NDArray[np.float64]:
    """(3, h, w) of Y', Cb and Cr in levels of 255, at the size of the colour planes."""
    parts = [np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width].astype(float) for plane in frame.planes]
    height, width = parts[1].shape
    luma = (parts[0][: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean((1, 3)) - 16) * 255 / 219
    return np.stack([luma, (parts[1] - 128) * 255 / 224, (parts[2] - 128) * 255 / 224])


def rgb(frame: av.VideoFrame, width: int) -> Image.Image:
    """As a player shows it."""
    shown = frame.to_ndarray(format="rgb24", src_colorspace=Colorspace.ITU709, src_color_range=ColorRange.MPEG, dst_color_range=ColorRange.JPEG)
    return Image.fromarray(shown).resize((width, width * frame.height // frame.width), Image.Resampling.BOX)


def flicker(values: Sequence[float]) -> float:
    return float(np.abs(np.diff(values)).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--photos", type=int, default=16)
    parser.add_argument("--from", type=int, default=0, dest="first")
    wish = parser.parse_args()
    left, right = canvas(wish.archive)
    names = sorted((wish.archive / "frames").glob("[0-9]*/*.jpg"))
    told = grades([tuple(tone(np.asarray(Image.open(name).convert("RGB")), left, right)) for name in names])
    means: dict[str, list[NDArray[np.float64]]] = {name: [] for name in REGIONS}
    shown: list[tuple[Image.Image, Image.Image, str]] = []
    for number, (name, wanted) in enumerate(zip(names, told, strict=True)):
        frame = video(name)
        small, before = rgb(frame, 240), planes(frame)
        grade(frame, wanted)
        after = planes(frame)
        y, x = np.mgrid[: before.shape[1], : before.shape[2]]
        iod = right[0] - left[0]
        u, v = (2 * x + 0.5 - (left[0] + right[0]) / 2) / iod, (2 * y + 0.5 - left[1]) / iod
        for region, where in REGIONS.items():
            inside = where(u, v)
            means[region].append(np.array([before[:, inside].mean(1), after[:, inside].mean(1)]))
        lumas = means["small ellipse"][-1][:, 0]
        if wish.first <= number < wish.first + wish.photos:
            shown.append((small, rgb(frame, 240), f"{number}: {lumas[0]:.0f} > {lumas[1]:.0f}  {' '.join(map(str, wanted))}"))
    for region, pairs in means.items():
        old, new = ([flicker([pair[when][part] for pair in pairs]) for part in range(3)] for when in range(2))
        print(f"{region:14} Y' {old[0]:5.2f} -> {new[0]:5.2f} ({new[0] / old[0]:.2f})  Cb {old[1]:.2f} -> {new[1]:.2f}  Cr {old[2]:.2f} -> {new[2]:.2f}")
    draw(shown, wish.sheet)


def draw(shown: Sequence[tuple[Image.Image, Image.Image, str]], path: Path) -> None:
    width, height = shown[0][0].size
    sheet = Image.new("RGB", (8 * width, -(-len(shown) // 8) * (2 * height + 16)))
    for place, (before, after, words) in enumerate(shown):
        x, y = place % 8 * width, place // 8 * (2 * height + 16)
        sheet.paste(before, (x, y))
        ImageDraw.Draw(sheet).text((x + 2, y + height + 2), words, "white")
        sheet.paste(after, (x, y + height + 16))
    sheet.save(path)


if __name__ == "__main__":
    main()
