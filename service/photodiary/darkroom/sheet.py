"""Puts frames and lines of text together to one picture.

`python -m photodiary.darkroom.sheet` is a program of its own, asked with one line of JSON on its stdin.  It reads the frames and draws the text, gives up
the right to open anything, as a worker does, and only then looks into the frames.  It answers with a line of JSON, and a JPEG.

The request: {"width", "height", "paper": [r, g, b], "pictures": [{"file", "x", "y", "width", "height"}], "words": [{"text", "size", "most", "x", "y",
"align", "colour": [r, g, b]}]}, in pixels of the page; (x, y) is a picture's corner, and where a line stands.  The answer: {"bytes"}, or {"broken"} with the
file of a frame that is missing or damaged.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from photodiary.darkroom import lettering, warp, worker

Pixels = NDArray[np.uint8]

MEMORY_MB: Final = 2048
QUALITY: Final = 92
SMALLEST: Final = 8
"""Letters that no one could read are not made smaller."""


class Broken(Exception):
    """A frame that is missing or damaged."""


def words(line: dict[str, Any]) -> lettering.Lettering:
    """A line of text, drawn in letters of the size that is asked for, or smaller ones so that it is no wider than `most`."""
    size = min(line["size"], int(line["size"] * line["most"] / max(1.0, lettering.width(line["text"], line["size"]))))
    return lettering.draw([line["text"]], max(SMALLEST, size), line["align"])


def compose(request: dict[str, Any], frames: list[bytes], drawn: list[lettering.Lettering]) -> Pixels:
    """The page, (h, w, 3) RGB.  frames, drawn: of the request's pictures and words.  Raises Broken."""
    page = np.full((request["height"], request["width"], 3), request["paper"], np.uint8)
    for place, data in zip(request["pictures"], frames, strict=True):
        x, y, width, height = (place[key] for key in ("x", "y", "width", "height"))
        page[y : y + height, x : x + width] = cv2.resize(_decoded(place["file"], data, width), (width, height), interpolation=cv2.INTER_AREA)
    for line, text in zip(request["words"], drawn, strict=True):
        _write(page, text, line["x"], line["y"], line["colour"])
    return page


def _decoded(file: str, data: bytes, width: int) -> Pixels:
    """A frame's pixels, at half or a quarter of its size where that is wide enough."""
    try:
        if not data.endswith(b"\xff\xd9"):
            raise ValueError("cut short")
        return np.asarray(simplejpeg.decode_jpeg(data, "RGB", min_width=width), np.uint8)
    except ValueError as error:
        raise Broken(file) from error


def _write(page: Pixels, text: lettering.Lettering, x: int, y: int, colour: list[int]) -> None:
    """Write on the page, in place; what would lie outside it is left out."""
    height, width = text.letters.shape
    left, top = x - text.x, y - text.y
    x0, y0, x1, y1 = max(0, left), max(0, top), min(page.shape[1], left + width), min(page.shape[0], top + height)
    if x0 < x1 and y0 < y1:
        share = text.letters[y0 - top : y1 - top, x0 - left : x1 - left, None].astype(np.float32) / 255
        under = page[y0:y1, x0:x1].astype(np.float32)
        page[y0:y1, x0:x1] = np.rint(under + share * (np.array(colour, np.float32) - under)).astype(np.uint8)


def main() -> None:
    request = json.loads(sys.stdin.buffer.readline())
    try:
        frames = [_read(place["file"]) for place in request["pictures"]]
        drawn = [words(line) for line in request["words"]]
        out = os.dup(sys.stdout.fileno())
        worker.confine(MEMORY_MB)
        data = warp.encode(compose(request, frames, drawn), QUALITY)
    except Broken as broken:
        print(json.dumps({"broken": str(broken)}), flush=True)
        return
    with os.fdopen(out, "wb") as answer:
        answer.write(json.dumps({"bytes": len(data)}).encode() + b"\n" + data)


def _read(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise Broken(file) from error


if __name__ == "__main__":
    main()
