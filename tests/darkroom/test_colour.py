"""Photos of all phones have the same colours, and a broken profile costs nothing."""

from __future__ import annotations

import io
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from tests.support import phones
from tests.support.phones import Pixels, encoded

from photodiary.darkroom.colour import to_srgb
from photodiary.darkroom.decode import decode

P3 = phones.profile()
ADOBE = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])


def cube() -> Pixels:
    """Colours from all over the cube, 240 x 180."""
    levels = np.linspace(0, 255, 6).astype(np.uint8)
    colours = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(12, 18, 3)
    return np.ascontiguousarray(colours.repeat(15, 0).repeat(13, 1))


def test_display_p3_becomes_srgb() -> None:
    """Every colour of Display P3 comes out as the definition says, to two levels, those outside sRGB at its edge."""
    pixels = cube()
    seen, meant = to_srgb(pixels, P3), phones.p3_to_srgb(pixels)
    assert np.abs(seen - meant).max() <= 2
    assert np.abs(pixels - meant).max() > 40
    assert pixels is not seen and (pixels == cube()).all(), "the picture that was given stays as it was"


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "avif"])
def test_the_profile_of_every_format_is_read(kind: str) -> None:
    """JPEG, PNG, WebP and AVIF with a profile have the colours that were meant."""
    pixels = np.full((64, 96, 3), (60, 180, 90), np.uint8)
    options = {"subsampling": 0} if kind == "jpeg" else {}
    seen = decode(encoded(kind, pixels, icc_profile=P3, **options), 100).pixels
    assert np.abs(seen[30, 40] - phones.p3_to_srgb(pixels)[30, 40]).max() <= 5
    plain = decode(encoded(kind, pixels, **options), 100).pixels
    assert np.abs(plain[30, 40].astype(int) - pixels[30, 40]).max() <= 5


@pytest.mark.parametrize("kind", ["heic", "avif"])
def test_display_p3_named_by_its_number_is_understood(kind: str) -> None:
    """A HEIC or AVIF that says P3 in two bytes (nclx) instead of a profile has the right colours too; other numbers change nothing."""
    pixels = np.full((64, 96, 3), (60, 180, 90), np.uint8)
    data = encoded(kind, pixels)
    at = data.index(b"colrnclx") + 8
    for number, meant in ((12, phones.p3_to_srgb(pixels)), (1, pixels), (2, pixels)):
        seen = decode(data[:at] + number.to_bytes(2, "big") + data[at + 2 :], 100).pixels
        assert np.abs(seen[30, 40] - meant[30, 40].astype(float)).max() <= 5, number


def test_a_profile_in_several_parts_is_read() -> None:
    """A profile too long for one segment of a JPEG is put together again."""
    long = phones.profile() + bytes(150_000)
    pixels = np.full((64, 64, 3), (60, 180, 90), np.uint8)
    seen = decode(encoded("jpeg", pixels, icc_profile=long[:4] + long[4:], subsampling=0), 100).pixels
    assert np.abs(seen[30, 40] - phones.p3_to_srgb(pixels)[30, 40]).max() <= 5


@pytest.mark.parametrize("name", ["Pillow's", "another name", "none"])
def test_srgb_is_recognised_and_left_alone(name: str) -> None:
    """A profile that says sRGB, under whatever name, changes not a level and makes no copy."""
    profiles = {
        "Pillow's": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), "another name": phones.profile(phones.SRGB, b"c2"), "none": b"",
    }  # fmt: skip
    pixels = cube()
    assert to_srgb(pixels, profiles[name]) is pixels


def test_other_spaces_are_converted_too() -> None:
    """Adobe RGB, as cameras write it, becomes more saturated in sRGB's numbers; white stays white and black black."""
    seen = to_srgb(cube(), phones.profile(ADOBE, b"wide"))
    assert np.abs(seen.astype(int) - cube()).max() > 40
    assert seen[0, 0].max() <= 1 and seen[-1, -1].min() >= 254


def test_grey_photos_stay_grey() -> None:
    """A grey photo with a profile for grey is converted, and a coloured one never loses its colours to such a profile."""
    grey = np.arange(256, dtype=np.uint8)[None, :, None].repeat(20, 0).repeat(3, 2)
    profile = phones.profile()
    body = b"curv\0\0\0\0" + (1).to_bytes(4, "big") + (0x01CD).to_bytes(2, "big") + bytes(2)  # gamma 1.8
    head = profile[:16] + b"GRAY" + profile[20:128]
    tags = (2).to_bytes(4, "big") + b"wtpt" + (156).to_bytes(4, "big") + (20).to_bytes(4, "big")
    tags += b"kTRC" + (176).to_bytes(4, "big") + (14).to_bytes(4, "big")
    white = profile[profile.index(b"XYZ \0\0\0\0") :][:20]
    made = head + tags + white + body
    made = len(made).to_bytes(4, "big") + made[4:]
    seen = to_srgb(grey, made)
    assert (seen[..., 0] == seen[..., 1]).all() and seen[0, 128, 0] > 132
    assert to_srgb(cube(), made) is not None and (to_srgb(cube(), made) == cube()).all()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_broken_profile_changes_nothing_or_little_but_never_refuses(data: st.DataObject) -> None:
    """Cut, flipped or invented profiles leave a photo that can be looked at."""
    whole = bytearray(P3)
    choice = data.draw(st.sampled_from(["cut", "flip", "junk"]))
    if choice == "cut":
        broken = bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    elif choice == "junk":
        broken = data.draw(st.binary(max_size=600))
    else:
        for _ in range(data.draw(st.integers(1, 8))):
            whole[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        broken = bytes(whole)
    pixels = cube()
    seen = to_srgb(pixels, broken)
    assert seen.shape == pixels.shape and seen.dtype == np.uint8
    assert seen[0, 0].max() <= 64 and seen[-1, -1].min() >= 192, "black and white stay"


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "avif", "heic"])
def test_a_photo_with_a_broken_profile_is_read(kind: str) -> None:
    """Nonsense where the profile should be costs no photo."""
    pixels = np.full((64, 96, 3), (60, 180, 90), np.uint8)
    for broken in (b"no profile at all" * 20, P3[:200], ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()):
        seen = decode(encoded(kind, pixels, **{"icc" if kind == "heic" else "icc_profile": broken}), 100).pixels
        assert np.abs(seen[30, 40].astype(int) - pixels[30, 40]).max() <= 5


def test_cmyk_is_handled_as_ever() -> None:
    """A CMYK JPEG whose profile is not one for RGB comes out as Pillow shows it."""
    image, seen = Image.fromarray(cube()).convert("CMYK"), []
    for profile in (None, P3):
        out = io.BytesIO()
        image.save(out, "JPEG", quality=95, icc_profile=profile)
        seen.append(decode(out.getvalue(), 100).pixels)
    assert np.array_equal(*seen)
    assert np.abs(seen[0].astype(int) - np.asarray(image.convert("RGB"))).mean() < 4


def test_a_conversion_needs_little_room() -> None:
    """Converting takes one picture's memory beside the picture, however large it is."""
    pixels = np.zeros((2000, 3000, 3), np.uint8)
    to_srgb(pixels[:10], P3)
    tracemalloc.start()
    to_srgb(pixels, P3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.3 * pixels.nbytes
