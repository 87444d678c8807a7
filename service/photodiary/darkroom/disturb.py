"""Picture mechanics for training: what light, lenses, hands and messengers do to a selfie, each told how much.

All pictures are (H, W, 3) uint8 or float32 in 0..255; nothing here draws random numbers except noise from a given generator.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Light = NDArray[np.float32]
Mask = NDArray[np.float32]


def single_thread() -> None:
    """A process that makes samples beside others computes in one thread."""
    cv2.setNumThreads(1)


def decode_small(data: bytes) -> Picture:
    """A small trusted training JPEG to RGB (H, W, 3).  Raises ValueError when it is no picture."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise ValueError("not a picture that can be decoded")
    return np.asarray(image, dtype=np.uint8)


def decode_cutout(data: bytes) -> Picture:
    """A trusted picture to RGB (H, W, 3), or RGBA (H, W, 4) when it has transparency.  Raises ValueError when it is no picture."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None or image.ndim != 3 or image.dtype != np.uint8:
        return decode_small(data)
    order = [2, 1, 0, 3][: image.shape[2]]
    return np.ascontiguousarray(image[..., order])


def place(image: Picture, matrix: NDArray[np.float64], size: int) -> Picture:
    """Warp by the 2x3 matrix (source to canvas, pixel centres at integers) onto a square canvas without aliasing."""
    scale = math.sqrt(abs(float(np.linalg.det(matrix[:, :2]))))
    step = max(1, int(1 / max(scale, 1e-3)))
    if step > 1:
        height, width = image.shape[:2]
        image = np.asarray(cv2.resize(image, (max(1, width // step), max(1, height // step)), interpolation=cv2.INTER_AREA), np.uint8)
        fx, fy = width / image.shape[1], height / image.shape[0]  # not quite `step` where it does not divide the size
        grow = np.array([[fx, 0, (fx - 1) / 2], [0, fy, (fy - 1) / 2], [0, 0, 1]])
        matrix = matrix @ grow
    out = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(out, np.uint8)


def rectangle_mask(shape: tuple[int, int], matrix: NDArray[np.float64], size: int, feather: int) -> Mask:
    """Where a source of `shape` (H, W) covers the canvas after `matrix`, softened by `feather` pixels; (size, size) in 0..1."""
    height, width = shape
    corners = np.array([[0, 0, 1], [width - 1, 0, 1], [width - 1, height - 1, 1], [0, height - 1, 1]], np.float64)
    mask = np.zeros((size, size), np.float32)
    cv2.fillConvexPoly(mask, np.round(corners @ matrix.T * 16).astype(np.int32), 1.0, shift=4)
    return _soften(mask, feather)


def ellipse_mask(size: int, centre: tuple[float, float], radii: tuple[float, float], angle: float, feather: int) -> Mask:
    """A filled ellipse, softened; angle in degrees, clockwise in the picture."""
    mask = np.zeros((size, size), np.float32)
    cv2.ellipse(
        mask,
        (round(centre[0] * 16), round(centre[1] * 16)),
        (max(1, round(radii[0] * 16)), max(1, round(radii[1] * 16))),
        angle, 0, 360, 1.0, -1, cv2.LINE_8, 4,
    )  # fmt: skip
    return _soften(mask, feather)


def _soften(mask: Mask, feather: int) -> Mask:
    if feather < 1:
        return mask
    border = cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=feather, borderType=cv2.BORDER_CONSTANT, borderValue=1.0)
    return np.asarray(cv2.blur(border, (2 * feather + 1, 2 * feather + 1)), np.float32)


def blend(below: Picture, above: Picture, mask: Mask) -> Picture:
    """`above` over `below` where mask is 1."""
    alpha = mask[..., None]
    return np.asarray(below * (1 - alpha) + above * alpha + 0.5, np.uint8)


def patch(image: Picture, box: tuple[int, int, int, int], size: int, turns: int, mirror: bool) -> Picture:
    """The box (x0, y0, x1, y1) of an image, stretched onto the canvas, turned by quarter turns, perhaps mirrored."""
    x0, y0, x1, y1 = box
    out = np.asarray(cv2.resize(image[y0:y1, x0:x1], (size, size), interpolation=cv2.INTER_LINEAR), np.uint8)
    out = np.rot90(out, turns)
    return np.ascontiguousarray(out[:, ::-1] if mirror else out)


def gradient(size: int, first: NDArray[np.float32], last: NDArray[np.float32], angle: float) -> Picture:
    """A smooth run between two RGB colours along `angle` (radians)."""
    ramp = _ramp(size, angle)[..., None]
    return np.asarray(first * (1 - ramp) + last * ramp, np.uint8)


def _ramp(size: int, angle: float) -> Light:
    axis = np.linspace(-0.5, 0.5, size, dtype=np.float32)
    run = axis[None, :] * math.cos(angle) + axis[:, None] * math.sin(angle)
    return np.asarray(np.clip(run + 0.5, 0, 1), np.float32)


def relight(picture: Light, *, gains: NDArray[np.float32], saturation: float, gamma: float, slope: float, angle: float) -> Light:
    """Colour cast, saturation, tone curve and light from one side (`slope` stops across the picture)."""
    grey = picture.mean(2, keepdims=True)
    out = (grey + (picture - grey) * saturation) * gains
    if slope:
        out = out * np.exp2((_ramp(out.shape[0], angle)[..., None] - 0.5) * slope)
    return np.asarray(255 * np.power(np.clip(out, 0, 255) / 255, gamma), np.float32)


def blur(picture: Light, sigma: float) -> Light:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)


def motion_blur(picture: Light, length: float, angle: float) -> Light:
    """Smear along `angle` (radians), symmetric, so that nothing moves on average."""
    size = 2 * max(1, math.ceil(length / 2)) + 1
    kernel = np.zeros((size, size), np.float32)
    middle = size // 2
    for t in np.linspace(-length / 2, length / 2, 4 * size):
        x, y = middle + t * math.cos(angle), middle + t * math.sin(angle)
        x0, y0 = math.floor(x), math.floor(y)
        for xi, yi, share in ((x0, y0, (1 - x + x0) * (1 - y + y0)), (x0 + 1, y0, (x - x0) * (1 - y + y0)),
                              (x0, y0 + 1, (1 - x + x0) * (y - y0)), (x0 + 1, y0 + 1, (x - x0) * (y - y0))):  # fmt: skip
            if 0 <= xi < size and 0 <= yi < size:
                kernel[yi, xi] += share
    return np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum()), np.float32)


def noise(picture: Light, sigma: float, coarse: bool, rng: np.random.Generator) -> Light:
    """Sensor noise; `coarse` smears it over neighbouring pixels as a phone's night mode does."""
    grain = rng.standard_normal(picture.shape, np.float32) * sigma
    if coarse:
        grain = np.asarray(cv2.GaussianBlur(grain, (0, 0), 1.0), np.float32) * 2
    return picture + grain


def shrink_and_grow(picture: Light, factor: float) -> Light:
    """Lose detail as a small copy does, without moving anything."""
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (max(8, round(width * factor)), max(8, round(height * factor))), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def recompress(picture: Picture, quality: int) -> Picture:
    """Through JPEG and back."""
    _, data = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, quality))
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)  # channel order does not matter to a round trip


def spectacles(picture: Picture, left: NDArray[np.float64], right: NDArray[np.float64], *, colour: tuple[int, int, int], width: float,
               radii: tuple[float, float], tint: float) -> Picture:  # fmt: skip
    """Draw a frame around both eyes; `tint` darkens the glass.  Points in pixels, widths and radii in IOD."""
    size = picture.shape[0]
    axis = right - left
    iod = float(np.hypot(*axis))
    angle = math.degrees(math.atan2(axis[1], axis[0]))
    down = np.array([-axis[1], axis[0]]) * 0.04
    out = picture.copy()
    line = max(1, round(width * iod))
    for eye in (left + down, right + down):
        if tint:
            mask = ellipse_mask(size, (float(eye[0]), float(eye[1])), (radii[0] * iod, radii[1] * iod), angle, 0)
            out = blend(out, np.full_like(out, colour), mask * tint)
        cv2.ellipse(out, (round(eye[0]), round(eye[1])), (round(radii[0] * iod), round(radii[1] * iod)), angle, 0, 360, colour, line, cv2.LINE_AA)
    inner = axis / iod * radii[0] * iod
    ends = [tuple(int(v) for v in np.round(p)) for p in (left + down + inner, right + down - inner)]
    cv2.line(out, ends[0], ends[1], colour, line, cv2.LINE_AA)
    return out
