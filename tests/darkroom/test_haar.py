"""The Haar baseline: what it finds in a public portrait, and in nothing."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from PIL import Image

from photodiary.darkroom import haar
from photodiary.darkroom.darkroom import Darkroom
from photodiary.darkroom.limits import DarkroomConfig
from photodiary.diary.photo import digest_of

LEFT, RIGHT = (203.1, 100.4), (246.2, 102.4)  # pupils of skimage.data.astronaut(), measured by hand
NEAR = 0.08 * math.dist(LEFT, RIGHT)


@pytest.fixture(scope="module")
def portrait() -> Image.Image:
    from skimage import data

    return Image.fromarray(data.astronaut())


@pytest.mark.parametrize("scale", [1, 3])
def test_the_cascades_find_the_eyes(portrait: Image.Image, scale: int) -> None:
    """Left in the picture first, in pixels of the photo, whatever its size, within what a box's centre can tell."""
    photo = np.asarray(portrait.resize((512 * scale, 512 * scale), Image.Resampling.BICUBIC))
    found = haar.eyes(photo)
    assert found is not None
    for eye, truth in zip(found, (LEFT, RIGHT), strict=True):
        assert math.dist(((eye[0] + 0.5) / scale - 0.5, (eye[1] + 0.5) / scale - 0.5), truth) < NEAR


def test_the_cascades_find_nothing_in_nothing() -> None:
    """A flat picture, and one smaller than any face, have no eyes."""
    assert haar.eyes(np.full((300, 400, 3), 120, np.uint8)) is None
    assert haar.eyes(np.full((16, 16, 3), 120, np.uint8)) is None


def test_the_worker_answers_in_upright_pixels(portrait: Image.Image) -> None:
    """A photo stored on its side gives the eyes where they are in the upright one; a photo without a face gives None."""
    exif = Image.Exif()
    exif[0x0112] = 6
    stored, flat = io.BytesIO(), io.BytesIO()
    portrait.crop((0, 0, 512, 480)).transpose(Image.Transpose.ROTATE_90).save(stored, "JPEG", quality=95, exif=exif)
    Image.new("RGB", (320, 240), (90, 120, 200)).save(flat, "PNG")
    darkroom = Darkroom(DarkroomConfig(workers=1))
    try:
        eyes = darkroom.haar(digest_of(stored.getvalue()), stored.getvalue)
        assert eyes is not None
        assert math.dist(eyes.left, LEFT) < NEAR and math.dist(eyes.right, RIGHT) < NEAR
        assert darkroom.haar(digest_of(flat.getvalue()), flat.getvalue) is None
    finally:
        darkroom.close()
