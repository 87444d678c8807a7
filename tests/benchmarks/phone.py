"""Photos as one phone takes them, one a day, 8 megapixels each, none like another: what the measurements of this folder are made with.

Made from real originals where there are some (`../shared/data/diary/originals`, or any folder of JPEGs), else from the demo's portrait.  Each is turned,
shifted and lit a little otherwise, has its own bytes, its own date and what a camera writes.  They are people's photos: they belong into a temporary folder.
"""

from __future__ import annotations

import io
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import simplejpeg
from PIL import ExifTags, Image

ROOT = Path(__file__).parents[2]
ORIGINALS = ROOT.parent / "shared/data/diary/originals"
SIZE = 3264, 2448
FIRST = datetime(2019, 1, 1, 8)
QUALITY = 96  # as phones write: about the size of the originals

Pixels = np.ndarray[Any, np.dtype[np.uint8]]


def photos(folder: Path, count: int, *, source: Path = ORIGINALS, first: int = 0) -> list[Path]:
    """Photos number `first` to `first + count`, the same ones each time; those that lie in the folder already are not made again."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {number: folder / name(number) for number in range(first, first + count)}
    missing = [number for number, path in wanted.items() if not path.exists()]
    if missing:
        cores = len(os.sched_getaffinity(0))
        with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
            list(pool.map(_make, missing, [str(source)] * len(missing), [str(folder)] * len(missing), chunksize=8))
    return list(wanted.values())


def name(number: int) -> str:
    return f"IMG_{taken(number):%Y%m%d_%H%M%S}.jpg"


def taken(number: int) -> datetime:
    """Wall clock: every day a bit later or earlier."""
    return FIRST + timedelta(days=number, seconds=number * 2711 % 7200)


def _make(number: int, source: str, folder: str) -> None:
    path = Path(folder) / name(number)
    beside = path.with_suffix(".part")
    beside.write_bytes(photo(number, source))
    beside.rename(path)


def photo(number: int, source: str) -> bytes:
    """The file of one photo."""
    cv2.setNumThreads(1)
    dice = np.random.default_rng([8, number])
    pictures = _pictures(source)
    picture = pictures[number % len(pictures)]
    height, width = picture.shape[:2]
    middle = width * dice.uniform(0.46, 0.54), height * dice.uniform(0.46, 0.54)
    matrix = cv2.getRotationMatrix2D(middle, dice.uniform(-5, 5), dice.uniform(0.98, 1.16))
    turned = cv2.warpAffine(picture, matrix, SIZE, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    curve = 255 * (np.arange(256) / 255) ** dice.uniform(0.8, 1.25)
    lit = cv2.LUT(turned, np.clip(curve, 0, 255).astype(np.uint8))
    return with_exif(simplejpeg.encode_jpeg(lit, quality=QUALITY, colorspace="RGB", colorsubsampling="420"), taken(number))


def with_exif(jpeg: bytes, when: datetime) -> bytes:
    """The file with a camera's block of notes: date, make, model and where it was taken."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model], exif[ExifTags.Base.Orientation] = "Fairphone", "FP4", 1
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = f"{when:%Y:%m:%d %H:%M:%S}"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[2] = (52.0, 31.0, 12.0)
    block = exif.tobytes()
    return jpeg[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + jpeg[2:]


@lru_cache(1)
def _pictures(source: str) -> list[Pixels]:
    files = sorted(path for path in Path(source).rglob("*") if path.suffix.lower() in (".jpg", ".jpeg")) if Path(source).is_dir() else []
    if files:
        found = [np.asarray(Image.open(io.BytesIO(path.read_bytes())).convert("RGB")) for path in files[:14]]
        return [picture if picture.shape[1::-1] == SIZE else cv2.resize(picture, SIZE, interpolation=cv2.INTER_CUBIC) for picture in found]
    sys.path.append(str(ROOT / "deploy"))
    import selfies  # type: ignore[import-not-found]

    portrait = np.asarray(Image.open(selfies.files("skimage") / "data" / "astronaut.png").convert("RGB"), np.float32)
    scene, made = selfies.widened(portrait), []
    for number in range(8):
        dice = np.random.default_rng([8, number])
        matrix, _ = selfies.held(*SIZE, dice)
        held = cv2.warpAffine(scene, matrix, SIZE, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        made.append(selfies.lit(np.asarray(held, np.float32), dice))
    return made


if __name__ == "__main__":  # python tests/benchmarks/phone.py FOLDER COUNT
    photos(Path(sys.argv[1]), int(sys.argv[2]))
