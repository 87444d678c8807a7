"""Resampling without aliasing, and a frame with its border filled."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Matrix = NDArray[np.float64]  # (2, 3), source pixels to target pixels, pixel centres at integers
MARGIN = 4  # source pixels kept around what a warp needs, for the interpolation's reach
JPEG_QUALITY = 93
SOFT_BELOW, SOFTENING = 0.68, 0.6  # fitted to the mean over each target pixel, on 14 real photos at five scales
TILE = 128


def halved(pixels: Pixels) -> Pixels:
    """The mean of every 2 x 2 pixels; an odd last row or column counts twice.  Pixel p lies at 2 p + 0.5 of the source."""
    height, width = pixels.shape[:2]
    if height % 2 or width % 2:
        pixels = np.asarray(cv2.copyMakeBorder(pixels, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE), np.uint8)
    return np.asarray(cv2.resize(pixels, (pixels.shape[1] // 2, pixels.shape[0] // 2), interpolation=cv2.INTER_AREA), np.uint8)


def halvings(scale: float) -> int:
    """How often a source may be halved before it is shrunk to `scale` of its size: half of the needed pixels stay on top."""
    return max(0, math.floor(math.log2(0.5 / scale))) if scale > 0 else 0


def thumbnail_matrix(size: tuple[int, int], side: int) -> tuple[Matrix, tuple[int, int]]:
    """How a photo of `size` (w, h) is shown whole with at most `side` pixels on the longer side: (2, 3) matrix and (w, h)."""
    shrink = min(1.0, side / max(size))
    small = max(1, round(size[0] * shrink)), max(1, round(size[1] * shrink))
    fx, fy = small[0] / size[0], small[1] / size[1]
    return np.array([[fx, 0, 0.5 * fx - 0.5], [0, fy, 0.5 * fy - 0.5]]), small


def warp(pixels: Pixels, matrix: Matrix, size: tuple[int, int]) -> tuple[Pixels, bool]:
    """Map by a similarity onto (width, height); outside the source its edge is continued.

    When shrinking, the source is first averaged down to the target's scale (area), then turned and shifted by cubic
    interpolation at scale one: no aliasing, and sharper than a blur.  Returns the picture and whether the source covered all.
    """
    source, local, covered = _needed(pixels, matrix, size)
    scale = math.sqrt(abs(float(np.linalg.det(local[:, :2]))))
    if scale < 0.9:
        height, width = source.shape[:2]
        small = max(2, round(width * scale)), max(2, round(height * scale))
        source = np.asarray(cv2.resize(source, small, interpolation=cv2.INTER_AREA), np.uint8)
        fx, fy = small[0] / width, small[1] / height
        grow = np.array([[1 / fx, 0, 0.5 / fx - 0.5], [0, 1 / fy, 0.5 / fy - 0.5], [0, 0, 1]])
        local = local @ grow
    out = cv2.warpAffine(source, local, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out, np.uint8), covered


def _needed(pixels: Pixels, matrix: Matrix, size: tuple[int, int]) -> tuple[Pixels, Matrix, bool]:
    """The part of the source that the target shows, its matrix, and whether the source covers the whole target."""
    height, width = pixels.shape[:2]
    back = np.asarray(cv2.invertAffineTransform(matrix), np.float64)
    corners = np.array([[-0.5, -0.5, 1], [size[0] - 0.5, -0.5, 1], [size[0] - 0.5, size[1] - 0.5, 1], [-0.5, size[1] - 0.5, 1]])
    seen = corners @ back.T  # (4, 2) in source pixels
    low, high = seen.min(0), seen.max(0)
    covered = bool((low >= -0.5).all() and high[0] <= width - 0.5 and high[1] <= height - 0.5)
    reach = MARGIN / min(1.0, math.sqrt(abs(float(np.linalg.det(matrix[:, :2])))))
    x0, y0 = (min(max(0, math.floor(v - reach)), limit - 2) for v, limit in zip(low, (width, height), strict=True))
    x1, y1 = (max(min(limit, math.ceil(v + reach) + 1), start + 2) for v, limit, start in zip(high, (width, height), (x0, y0), strict=True))
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2] @ [x0, y0]
    return pixels[y0:y1, x0:x1], moved, covered


def resampled(pixels: Pixels, matrix: Matrix, size: tuple[int, int]) -> tuple[Pixels, bool]:
    """As `warp`, for millions of pixels at once: at a fifth of its cost, and nearer to the mean over each target pixel (tests/benchmarks/LOG.md).

    Halved while that leaves more pixels than the target shows, then softened as much as the rest of the shrinking asks for, and read off between its four
    nearest pixels, which is exact enough while they lie closer than the target's own.
    """
    source, local, covered = _needed(pixels, matrix, size)
    scale = math.sqrt(abs(float(np.linalg.det(local[:, :2]))))
    while scale < 0.45 and min(source.shape[:2]) >= 4:
        source, local, scale = halved(source), local @ np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1]]), 2 * scale
    if scale >= 0.9:
        return np.asarray(cv2.warpAffine(source, local, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.uint8), covered
    side = SOFTENING * (SOFT_BELOW - scale)
    if side > 0:
        kernel = np.array([side, 1 - 2 * side, side], np.float32)
        source = np.asarray(cv2.sepFilter2D(source, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE), np.uint8)
    return np.asarray(cv2.warpAffine(source, local, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8), covered


def frame(pixels: Pixels, matrix: Matrix, size: tuple[int, int]) -> Pixels:
    """The photo on the canvas; what it does not cover is filled with its own edge, continued and the more blurred the farther out, so that no seam shows."""
    out, covered = resampled(pixels, matrix, size)
    if covered:
        return out
    small = max(8, size[0] // 8), max(8, size[1] // 8)
    fx, fy = small[0] / size[0], small[1] / size[1]
    shrunk = cv2.resize(halved(halved(out)), small, interpolation=cv2.INTER_AREA)
    blurs = []
    for blur, reach in ((1 / 50, 1 / 30), (1 / 16, 1 / 6)):  # shares of the short side
        blurs.append((cv2.GaussianBlur(shrunk, (0, 0), max(0.5, blur * min(small)), borderType=cv2.BORDER_REPLICATE), reach * min(size)))
    back = np.asarray(cv2.invertAffineTransform(matrix), np.float64)
    scale, source = math.sqrt(abs(float(np.linalg.det(matrix[:, :2])))), pixels.shape[1::-1]
    columns, rows = ([(start, min(start + TILE, most)) for start in range(0, most, TILE)] for most in size)
    ends = (np.array([(start, end - 1) for start, end in spans]).ravel() for spans in (columns, rows))
    corners = _outside(back, source, *ends).reshape(len(rows), 2, len(columns), 2).max((1, 3))
    for row, column in zip(*np.nonzero(corners), strict=True):  # mostly little is to be filled
        (top, bottom), (left, right) = rows[row], columns[column]
        beyond = scale * _outside(back, source, np.arange(left, right), np.arange(top, bottom))
        grow = np.array([[fx, 0, (left + 0.5) * fx - 0.5], [0, fy, (top + 0.5) * fy - 0.5]])
        here = out[top:bottom, left:right]
        for picture, reach in blurs:
            size_here = right - left, bottom - top
            blurred = cv2.warpAffine(picture, grow, size_here, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)
            share = np.minimum(beyond / reach, 1)
            here[:] = cv2.blendLinear(blurred, here, share, 1 - share)
    return out


def _outside(back: Matrix, size: tuple[int, ...], columns: NDArray[Any], rows: NDArray[Any]) -> NDArray[np.float32]:
    """How far each target pixel (rows, columns) lies outside a source of `size` (w, h), in source pixels; back: target to source."""
    x, y = columns.astype(np.float32)[None, :], rows.astype(np.float32)[:, None]
    away = [
        np.maximum(np.maximum(-0.5 - at, at - (most - 0.5)), 0)
        for at, most in zip((np.float32(a) * x + np.float32(b) * y + np.float32(c) for a, b, c in back), size[:2], strict=True)
    ]
    return np.asarray(np.hypot(*away), np.float32)


def encode(pixels: Pixels, quality: int = JPEG_QUALITY) -> bytes:
    """JPEG 4:2:0 without any metadata."""
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=quality, colorspace="RGB", colorsubsampling="420"))
