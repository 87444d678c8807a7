"""Colours as the film shows them: whatever a photo's profile says (Display P3 of an iPhone, Adobe RGB of a camera), sRGB comes out."""

from __future__ import annotations

import io
import struct
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

Pixels = NDArray[np.uint8]
STRIP = 128  # rows converted at once: Pillow's copy of them stays small
SAME = 2  # levels: a profile that moves no colour further is sRGB under one of its many names
LARGEST = 4_000_000  # bytes of a profile that is looked at

Transform = ImageCms.ImageCmsTransform
_STEPS = np.linspace(0, 255, 6).astype(np.uint8)
_PROBE = np.stack(np.meshgrid(_STEPS, _STEPS, _STEPS, indexing="ij"), axis=-1).reshape(6, 36, 3)  # from black to white


def _profile(primaries: tuple[tuple[float, float, float], ...]) -> bytes:
    """An ICC profile (v2.4 with the parametric curve of v4) of D50-adapted XYZ primaries and sRGB's curve."""

    def fixed(*values: float) -> bytes:
        return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    curve = b"para\0\0\0\0\0\3\0\0" + fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    tags = [(b"wtpt", b"XYZ \0\0\0\0" + fixed(0.9642, 1, 0.8249))]
    for letter, primary in zip((b"r", b"g", b"b"), primaries, strict=True):
        tags += [(letter + b"XYZ", b"XYZ \0\0\0\0" + fixed(*primary)), (letter + b"TRC", curve)]
    table, body = struct.pack(">I", len(tags)), b""
    for kind, content in tags:
        table += kind + struct.pack(">II", 132 + 12 * len(tags) + len(body), len(content))
        body += content
    head = bytes(4) + b"\2\x40\0\0mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28) + fixed(0.9642, 1, 0.8249)
    return struct.pack(">I", 128 + len(table) + len(body)) + head + bytes(124 - len(head)) + table + body


# For photos that name Display P3 by its number (nclx) and bring no profile
DISPLAY_P3 = _profile(((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)))


def to_srgb(pixels: Pixels, profile: bytes) -> Pixels:
    """RGB (h, w, 3) in the colours of the ICC `profile` as sRGB, by relative colorimetry; the same array when there is nothing to change.

    A profile that is broken, or not one for RGB or grey, changes nothing: wrong colours are better than no photo.
    """
    transform = _transform(profile) if 0 < len(profile) <= LARGEST else None
    if transform is None or (transform.input_mode == "L" and not np.array_equal(pixels[..., 0], pixels[..., 1])):
        return pixels
    out = np.empty_like(pixels)
    for top in range(0, len(pixels), STRIP):
        out[top : top + STRIP] = _converted(pixels[top : top + STRIP], transform)
    return out


def _converted(pixels: Pixels, transform: Transform) -> Pixels:
    if transform.input_mode == "L":
        pixels = np.ascontiguousarray(pixels[..., 0])
    image = ImageCms.applyTransform(Image.fromarray(pixels), transform)
    return np.asarray(image, np.uint8)


@lru_cache(maxsize=4)
def _transform(profile: bytes) -> Transform | None:
    """None for sRGB, and for what cannot be used."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = {"RGB": "RGB", "GRAY": "L"}.get(source.profile.xcolor_space.strip())
        if mode is None:
            return None
        transform = ImageCms.buildTransform(
            source, ImageCms.createProfile("sRGB"), mode, "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC, flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )  # fmt: skip
        probe = _PROBE if mode == "RGB" else np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, 2)
        seen = _converted(probe, transform)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, AttributeError):
        return None
    if seen[0, 0].max() > 64 or seen[-1, -1].min() < 192:  # black is not black, or white not white: nonsense
        return None
    return None if np.abs(seen.astype(int) - probe).max() <= SAME else transform
