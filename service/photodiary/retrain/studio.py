"""Endless, reproducible training samples that look like selfies.

A sample is decided by (seed, index) alone, so a resumed training sees what an uninterrupted one would have seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import IterableDataset, get_worker_info

from photodiary.darkroom import disturb
from photodiary.retrain.dataset import Face

# How often a source is drawn: lfw is the bulk but grey and the least like a selfie, the sharp portraits are few.
SOURCE_WEIGHT = {"lfw": 0.35, "webfaces": 2.0, "ytf": 1.5, "prajna": 3.0, "sportcelebs": 6.0, "alae": 6.0, "canada": 20.0}
DEFAULT_WEIGHT = 2.0
SHARP_IOD = 45.0  # pixels between the eyes from which on a face is drawn at full weight for close crops
LARGEST_GROWTH = 2.2  # a face is not enlarged further than this: its label is only as sharp as its pixels


@dataclass(frozen=True)
class Sample:
    """pixels (3, S, S) uint8; faces (2, 2, 2) float32 eye centres in those pixels, NaN where absent; weight: trust in the label."""

    pixels: NDArray[np.uint8]
    faces: NDArray[np.float32]
    weight: float


class Studio:
    """Makes sample number `index`: a labelled face, placed, lit, disturbed and compressed as a phone might have seen it.

    close: crops as the second look sees them, else whole scenes as the first look does.
    scenery: pictures without a face, (H, W, 3) as grounds, (H, W, 4) as things to lie about.
    """

    def __init__(self, faces: list[Face], size: int, seed: int, *, close: bool, scenery: list[NDArray[np.uint8]] | None = None) -> None:
        self.faces = faces
        self.size = size
        self.seed = seed
        self.close = close
        self._grounds = [picture for picture in scenery or [] if picture.shape[2] == 3]
        self._things = [picture for picture in scenery or [] if picture.shape[2] == 4]
        iods = np.array([float(np.hypot(*(face.eyes[1] - face.eyes[0]))) for face in faces])
        weights = np.array([SOURCE_WEIGHT.get(face.source, DEFAULT_WEIGHT) for face in faces])
        if close:  # what is small teaches little about where exactly an eye is
            weights = weights * np.minimum(1.0, iods / SHARP_IOD) ** 2
        self._cumulative = np.cumsum(weights / weights.sum())

    def sample(self, index: int) -> Sample:
        rng = np.random.default_rng((self.seed, index))
        canvas = self._background(rng)
        labels = np.full((2, 2, 2), np.nan, np.float32)
        kind = rng.random()
        if kind < 0.12:
            if kind < 0.03:  # a face that lies on its side or its head is none: the photo has to be turned first
                canvas, _, _ = self._paste(canvas, rng, beside=None, lying=True)
            for _ in range(int(rng.integers(0, 3))):
                canvas = self._litter(canvas, None, rng)
            return Sample(exposed(canvas, rng).transpose(2, 0, 1), labels, 1.0)
        while rng.random() < 0.25:
            canvas = self._litter(canvas, None, rng)
        canvas, eyes, trust = self._paste(canvas, rng, beside=None)
        if rng.random() < (0.08 if self.close else 0.25):
            canvas, other, _ = self._paste(canvas, rng, beside=eyes)
            labels[1] = self._inside(other)
        canvas = self._dress(canvas, eyes, rng)
        if rng.random() < 0.15:
            canvas = self._litter(canvas, eyes, rng)
        labels[0] = self._inside(eyes)
        return Sample(exposed(canvas, rng).transpose(2, 0, 1), labels, trust)

    def _draw(self, rng: np.random.Generator) -> tuple[disturb.Picture, Face]:
        face = self.faces[min(int(np.searchsorted(self._cumulative, rng.random())), len(self.faces) - 1)]
        return disturb.decode_small(face.data), face

    def _litter(self, canvas: disturb.Picture, eyes: NDArray[np.float64] | None, rng: np.random.Generator) -> disturb.Picture:
        """A thing that is no face, somewhere; never over the eyes."""
        if not self._things:
            return canvas
        thing = self._things[int(rng.integers(len(self._things)))]
        height, width = thing.shape[:2]
        scale = self.size * math.exp(rng.uniform(math.log(0.15), math.log(1.5))) / max(height, width)
        turn, flip = rng.normal(0, 0.3), rng.choice([-1.0, 1.0])
        linear = scale * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]) @ np.diag([flip, 1.0])
        matrix = np.hstack([linear, (rng.uniform(0, self.size, 2) - linear @ [width / 2, height / 2])[:, None]])
        placed = disturb.place(thing, matrix, self.size)
        mask = np.asarray(placed[..., 3] / 255 * disturb.rectangle_mask((height, width), matrix, self.size, 0), np.float32)
        if eyes is not None:
            mask = self._spared(mask, eyes)
        return disturb.blend(canvas, placed[..., :3], mask)

    def _spared(self, mask: disturb.Mask, eyes: NDArray[np.float64]) -> disturb.Mask:
        """Without what covers an eye itself: it could not be labelled."""
        across = eyes[1] - eyes[0]
        iod = float(np.hypot(*across))
        for x, y in eyes:
            clear = disturb.ellipse_mask(self.size, (float(x), float(y)), (0.32 * iod, 0.25 * iod), math.degrees(math.atan2(across[1], across[0])), 1)
            mask = mask * (1 - clear)
        return mask

    def _inside(self, eyes: NDArray[np.float64]) -> NDArray[np.float32]:
        kept = eyes.astype(np.float32)
        kept[((eyes < -2) | (eyes > self.size + 1)).any(1)] = np.nan
        return kept

    def _background(self, rng: np.random.Generator) -> disturb.Picture:
        kind = rng.random()
        if kind < 0.15:
            colours = rng.uniform(0, 255, (2, 3)).astype(np.float32)
            return disturb.gradient(self.size, colours[0], colours[1], float(rng.uniform(0, 6.28)))
        out = self._texture(rng)
        if kind > 0.7:
            angle, feather = float(rng.uniform(0, 180)), int(rng.integers(0, 6))
            centre = tuple(float(v) for v in rng.uniform(0, self.size, 2))
            radii = tuple(float(v) for v in rng.uniform(0.2, 0.9, 2) * self.size)
            mask = disturb.ellipse_mask(self.size, (centre[0], centre[1]), (radii[0], radii[1]), angle, feather)
            out = disturb.blend(out, self._texture(rng), mask)
        return out

    def _texture(self, rng: np.random.Generator) -> disturb.Picture:
        """A piece of scenery, or of another photo beside or below its face."""
        if self._grounds and rng.random() < 0.4:
            ground = self._grounds[int(rng.integers(len(self._grounds)))]
            height, width = ground.shape[:2]
            side = int(min(height, width) * rng.uniform(0.3, 1))
            left, top = int(rng.integers(0, width - side + 1)), int(rng.integers(0, height - side + 1))
            return disturb.patch(ground, (left, top, left + side, top + side), self.size, 0, bool(rng.random() < 0.5))
        image, face = self._draw(rng)
        eyes = face.eyes
        height, width = image.shape[:2]
        iod = float(np.hypot(*(eyes[1] - eyes[0])))
        x, y = eyes.mean(0)
        regions = [(0, 0, int(x - 1.5 * iod), height), (int(x + 1.5 * iod), 0, width, height), (0, int(y + 2.1 * iod), width, height)]
        regions = [r for r in regions if r[2] - r[0] >= 12 and r[3] - r[1] >= 12]
        if not regions:
            return np.full((self.size, self.size, 3), rng.integers(0, 255, 3), np.uint8)
        x0, y0, x1, y1 = regions[int(rng.integers(len(regions)))]
        w, h = (int(rng.integers(12, limit + 1)) for limit in (x1 - x0, y1 - y0))
        left, top = int(rng.integers(x0, x1 - w + 1)), int(rng.integers(y0, y1 - h + 1))
        return disturb.patch(image, (left, top, left + w, top + h), self.size, int(rng.integers(4)), bool(rng.random() < 0.5))

    def _paste(self, canvas: disturb.Picture, rng: np.random.Generator, *, beside: NDArray[np.float64] | None,
               lying: bool = False) -> tuple[disturb.Picture, NDArray[np.float64], float]:  # fmt: skip
        """A face on the canvas, near `beside` (another one's eyes) if given: the picture, its eyes there, trust in its label."""
        image, face = self._draw(rng)
        eyes = face.eyes
        own = float(np.hypot(*(eyes[1] - eyes[0])))
        size = self.size
        if rng.random() < 0.5:
            image = np.ascontiguousarray(image[:, ::-1])
            eyes = eyes[::-1] * [-1, 1] + [image.shape[1] - 1, 0]
        tilt = math.atan2(*(eyes[1] - eyes[0])[::-1])
        if self.close and beside is None:
            iod = rng.uniform(0.33, 0.58) * size
            angle = math.radians(rng.normal(0, 4))
            middle = np.array([0.5, 0.46]) * size + rng.normal(0, 0.09, 2) * iod
        else:
            iod = math.exp(rng.uniform(math.log(0.025), math.log(0.36))) * size
            angle = math.radians(rng.normal(0, 12) if rng.random() < 0.7 else rng.uniform(-50, 50))
            reach = min(0.6 * iod, 0.49 * size)
            middle = rng.uniform(reach, size - reach, 2)
        if lying:
            angle = math.radians(rng.uniform(75, 285))
        iod = min(iod, LARGEST_GROWTH * own, 0.6 * size)
        if beside is not None:
            other = float(np.hypot(*(beside[1] - beside[0])))
            away = rng.uniform(0, 6.28)
            iod = min(iod, other * rng.uniform(0.35, 1.3))
            middle = beside.mean(0) + np.array([math.cos(away), 0.6 * math.sin(away)]) * (other * 1.7 + iod * 1.5)
        scale, turn = iod / own, angle - tilt
        linear = scale * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
        # A little unevenness (perspective, cheap lenses) that a similarity does not have.
        linear = np.diag(1 + rng.normal(0, 0.03, 2)) @ linear
        matrix = np.hstack([linear, (middle - linear @ eyes.mean(0))[:, None]])
        placed = disturb.place(image, matrix, size)
        landed = eyes @ linear.T + matrix[:, 2]
        if beside is None and rng.random() < 0.65:
            mask = disturb.rectangle_mask(image.shape[:2], matrix, size, int(rng.integers(0, 8)))
        else:
            centre = landed.mean(0) + linear @ np.array([0, 0.35 * own])
            radii = rng.uniform(1.25, 1.8) * iod, rng.uniform(1.7, 2.3) * iod
            mask = disturb.ellipse_mask(size, (float(centre[0]), float(centre[1])), radii, math.degrees(angle), int(rng.integers(1, 8)))
            mask = mask * disturb.rectangle_mask(image.shape[:2], matrix, size, 2)
        return disturb.blend(canvas, placed, mask), landed, face.trust

    def _dress(self, canvas: disturb.Picture, eyes: NDArray[np.float64], rng: np.random.Generator) -> disturb.Picture:
        """Glasses, hats, hands and other things near a face."""
        left, right = eyes
        iod = float(np.hypot(*(right - left)))
        if rng.random() < 0.08:
            colour = tuple(int(v) for v in (rng.uniform(0, 90, 3) if rng.random() < 0.8 else rng.uniform(0, 255, 3)))
            canvas = disturb.spectacles(
                canvas, left, right, colour=(colour[0], colour[1], colour[2]), width=float(rng.uniform(0.01, 0.07)),
                radii=(float(rng.uniform(0.3, 0.42)), float(rng.uniform(0.22, 0.36))), tint=float(rng.choice([0, 0, rng.uniform(0.1, 0.7)])),
            )  # fmt: skip
        if rng.random() < 0.25:
            across = (right - left) / iod
            down = np.array([-across[1], across[0]])
            if rng.random() < 0.4:  # hat or hair from above
                centre = eyes.mean(0) - down * iod * rng.uniform(1.5, 2.2)
                radii = rng.uniform(1.2, 1.9) * iod, rng.uniform(0.7, 1.3) * iod
            else:  # a hand, a phone, a mask
                away = rng.uniform(0, 6.28)
                centre = eyes.mean(0) + (across * math.cos(away) + down * math.sin(away)) * iod * rng.uniform(1.2, 2.0)
                radii = rng.uniform(0.3, 0.9) * iod, rng.uniform(0.3, 0.9) * iod
            mask = disturb.ellipse_mask(self.size, (float(centre[0]), float(centre[1])), radii, float(rng.uniform(0, 180)), int(rng.integers(0, 4)))
            mask = self._spared(mask, eyes)
            canvas = disturb.blend(canvas, self._background(rng), mask)
        return canvas


def exposed(canvas: disturb.Picture, rng: np.random.Generator) -> disturb.Picture:
    """The picture in some light, through some lens and messenger."""
    light: disturb.Light = canvas.astype(np.float32)
    gains = np.exp(rng.normal(0, 0.2) + rng.normal(0, 0.07, 3))
    if rng.random() < 0.12:  # coloured lamps
        gains = gains * rng.uniform(0.25, 1.3, 3)
    dark = rng.random() < 0.08
    if dark:
        gains = gains * rng.uniform(0.2, 0.6)
    light = disturb.relight(
        light, gains=gains.astype(np.float32), saturation=float(np.clip(rng.normal(1, 0.3), 0, 2)) if rng.random() < 0.85 else 0.0,
        gamma=float(np.exp(rng.normal(0, 0.25))), slope=float(rng.normal(0, 1.5)) if rng.random() < 0.4 else 0.0, angle=float(rng.uniform(0, 6.28)),
    )  # fmt: skip
    soft = rng.random()
    if soft < 0.12:
        light = disturb.blur(light, float(rng.uniform(0.4, 1.8)))
    elif soft < 0.2:
        light = disturb.motion_blur(light, float(rng.uniform(2, 7)), float(rng.uniform(0, 3.14)))
    elif soft < 0.3:
        light = disturb.shrink_and_grow(light, float(rng.uniform(0.3, 0.9)))
    if rng.random() < (0.9 if dark else 0.3):
        light = disturb.noise(light, float(rng.uniform(1, 14 if dark else 9)), bool(rng.random() < 0.5), rng)
    out: disturb.Picture = np.clip(light + 0.5, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        out = disturb.recompress(out, int(rng.integers(25, 95)))
    return out


class Batches(IterableDataset[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]):
    """Batch after batch from `first_batch` on, the studios in turn, shared fairly between loader processes; the order is the same however many."""

    def __init__(self, studios: Sequence[Studio], batch: int, first_batch: int, batches: int) -> None:
        self.studios, self.batch, self.first_batch, self.batches = studios, batch, first_batch, batches

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
        info = get_worker_info()
        start, step = (info.id, info.num_workers) if info else (0, 1)
        for number in range(self.first_batch + start, self.first_batch + self.batches, step):
            studio = self.studios[number % len(self.studios)]
            samples = [studio.sample(number * self.batch + i) for i in range(self.batch)]
            yield (
                torch.from_numpy(np.stack([s.pixels for s in samples])),  # (B, 3, S, S) uint8
                torch.from_numpy(np.stack([s.faces for s in samples])),  # (B, 2, 2, 2)
                torch.tensor([s.weight for s in samples]),  # (B,)
            )
