"""Photos as a phone takes them each morning, made from one portrait, with the true eyes: the demo's input."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any

import cv2
import numpy as np
from PIL import ExifTags, Image

EYES = ((203.2, 100.6), (246.4, 102.7))  # centres of the irises in the portrait, read off a crop enlarged forty times
FIRST = datetime(2025, 4, 1)
SIZES = ((1200, 1600), (1200, 1600), (960, 1280), (1600, 1200), (1200, 1600), (1080, 1440), (1280, 960), (1080, 1920), (1200, 1200), (900, 1200))
ORIENTATIONS = (1, 6, 1, 1, 8, 1, 3)
STORED = {1: None, 3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}  # by EXIF orientation
ROOM = 320  # pixels that the scene goes on around the portrait

Scene = np.ndarray[Any, np.dtype[np.float32]]
Pixels = np.ndarray[Any, np.dtype[np.uint8]]
Eyes = list[tuple[float, float]]


@dataclass(frozen=True)
class Selfie:
    """One made-up photo: its file, and where the left and the right eye truly are in its upright pixels, centres at integers."""

    name: str
    data: bytes
    eyes: Eyes


def month(photos: int) -> list[Selfie]:
    """One photo a day, the same ones each time.  Raises FileNotFoundError when scikit-image came without its astronaut."""
    portrait = np.asarray(Image.open(io.BytesIO((files("skimage") / "data" / "astronaut.png").read_bytes())).convert("RGB"), np.float32)
    scene = widened(portrait)
    return [selfie(number, scene) for number in range(photos)]


def widened(portrait: Scene) -> Scene:
    """The portrait, crisp as from a phone, with a room around it: mirrored at the sides, the wall going on above her head."""
    crisp = portrait + 0.7 * (portrait - cv2.GaussianBlur(portrait, (0, 0), 1.0))
    scene = np.asarray(cv2.copyMakeBorder(crisp, ROOM, ROOM, ROOM, ROOM, cv2.BORDER_REFLECT_101), np.float32)
    wall = np.repeat(scene[ROOM : ROOM + 4].mean(axis=0, keepdims=True), ROOM, axis=0)  # a mirror would show a second head
    far = cv2.GaussianBlur(wall, (0, 0), sigmaX=14, sigmaY=0.1)
    nearness = np.exp(-np.arange(ROOM, 0, -1, dtype=np.float32) / 6)[:, None, None]
    mottled = cv2.GaussianBlur(np.random.default_rng(0).standard_normal(wall.shape[:2], np.float32), (0, 0), 11)
    scene[:ROOM] = far + (wall - far) * nearness + (150 * mottled)[..., None] * (1 - nearness)
    return scene


def selfie(number: int, scene: Scene) -> Selfie:
    """The photo of one morning: how the phone was held, in what light, and how it wrote the file."""
    dice = np.random.default_rng([1995, number])  # the year of her first flight
    width, height = SIZES[number % len(SIZES)]
    matrix, eyes = held(width, height, dice)
    picture = cv2.warpAffine(scene, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    image = Image.fromarray(lit(np.asarray(picture, np.float32), dice))
    taken = FIRST + timedelta(days=number, seconds=int(dice.integers(6 * 3600, 9 * 3600)))
    names = f"IMG_{taken:%Y%m%d_%H%M%S}.jpg", f"{taken:%Y%m%d_%H%M%S}.jpg", f"IMG_{2201 + number}.JPG"
    orientation = ORIENTATIONS[number % len(ORIENTATIONS)]
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    details = exif.get_ifd(ExifTags.IFD.Exif)
    details[ExifTags.Base.DateTimeOriginal] = f"{taken:%Y:%m:%d %H:%M:%S}"
    details[ExifTags.Base.OffsetTimeOriginal] = "+02:00"
    turn, file = STORED[orientation], io.BytesIO()
    (image if turn is None else image.transpose(turn)).save(file, "JPEG", quality=int(dice.integers(82, 95)), exif=exif)
    return Selfie((names[0], names[0], names[1], names[0], names[2])[number % 5], file.getvalue(), eyes)


def held(width: int, height: int, dice: np.random.Generator) -> tuple[np.ndarray[Any, np.dtype[np.float64]], Eyes]:
    """How near, how tilted and where in the picture: the (2, 3) matrix from scene to photo, and the eyes in the photo."""
    tilt = math.radians(dice.uniform(-25, 25))
    iod = min(math.sqrt(width * height) * dice.uniform(0.105, 0.165), 0.165 * min(width, height))
    turn = iod / math.dist(*EYES) * complex(math.cos(tilt), math.sin(tilt))  # portrait z becomes turn * z + shift
    beside = max(0.0, width / 2 - 2.9 * iod)
    middle = complex(width / 2 + dice.uniform(-1, 1) * beside, height * dice.uniform(0.38, 0.46))
    left, right = (complex(*eye) for eye in EYES)
    shift = middle - turn * (left + right) / 2
    start = shift - turn * complex(ROOM, ROOM)
    matrix = np.array([[turn.real, -turn.imag, start.real], [turn.imag, turn.real, start.imag]])
    return matrix, [(point.real, point.imag) for point in (turn * left + shift, turn * right + shift)]


def lit(picture: Scene, dice: np.random.Generator) -> Pixels:
    """The morning's light: how much, which colour, from which side; a hand that shakes a little, a sensor that is noisy in the dark.

    The factors are meant for linear light; on gamma-coded values their 2.2th root does the same.
    """
    height, width = picture.shape[:2]
    stops, warmth, green = float(np.clip(dice.normal(-0.1, 0.55), -1.2, 0.6)), dice.normal(0, 0.2), dice.normal(0, 0.05)
    colour = np.exp(np.array([warmth, green, -warmth]) + stops * math.log(2)) ** (1 / 2.2)
    side, strength = dice.uniform(0, 2 * math.pi), dice.uniform(0, 0.9)
    x, y = np.linspace(-0.5, 0.5, width)[None, :], np.linspace(-0.5, 0.5, height)[:, None]
    slope = (1 + strength * (x * math.cos(side) + y * math.sin(side))) ** (1 / 2.2)
    bright = cv2.GaussianBlur(picture, (0, 0), dice.uniform(0.3, 1.6)) * slope.astype(np.float32)[..., None] * colour.astype(np.float32)
    grain = cv2.GaussianBlur(dice.standard_normal((height, width), np.float32), (0, 0), 0.7)
    return np.clip(bright + (dice.uniform(3, 9) * 2 ** (-stops / 2) * grain)[..., None], 0, 255).astype(np.uint8)
