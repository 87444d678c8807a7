"""Labelled faces as endless, reproducible training samples that look like selfies.

A sample is decided by (seed, index) alone, so a resumed training sees what an uninterrupted one would have seen.
"""

from __future__ import annotations

import csv
import hashlib
import math
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import IterableDataset, get_worker_info

from photodiary.darkroom import disturb
from photodiary.diary.eyes import eyes_from_name
from photodiary.errors import BadLabels

# How often a source is drawn: lfw is the bulk but grey and the least like a selfie, the sharp portraits are few.
SOURCE_WEIGHT = {"lfw": 0.35, "webfaces": 2.0, "ytf": 1.5, "prajna": 3.0, "sportcelebs": 6.0, "alae": 6.0, "canada": 15.0}
DEFAULT_WEIGHT = 2.0
# Labels of these sources lie this many pixels too far right and down (a pixel convention lost on the way); measured by the teacher's
# answers on each photo and its mirror image, which a true label halves exactly.  LOG.md, 2026-11-24.
SOURCE_SHIFT = {"lfw": 0.08, "webfaces": 0.0, "ytf": 0.0, "prajna": 0.15, "sportcelebs": -0.20, "alae": 0.26, "canada": 0.12}
# ... and, upright, this part of the IOD too high: circles fitted to the irises of the sharp portraits (LOG.md, same day).
LABEL_DROP = 0.006
LARGEST_GROWTH = 2.2  # a face is not enlarged further than this: its label is only as sharp as its pixels
HELD_OUT_PERCENT = 5


@dataclass(frozen=True)
class Face:
    """One labelled training picture: encoded bytes, eyes ((left x, y), (right x, y)) in its pixels, who it shows."""

    data: bytes
    eyes: NDArray[np.float64]  # (2, 2)
    source: str
    person: str
    name: str

    @property
    def held_out(self) -> bool:
        """Whether this person is kept for judging: about five in a hundred, by a hash of the name, never by row."""
        return int.from_bytes(hashlib.sha256(self.person.encode()).digest()[:4], "big") % 100 < HELD_OUT_PERCENT


def load_faces(path: Path) -> list[Face]:
    """Read shards with labels.csv, any label CSV, or a folder of `N_row_col_row_col.jpg`.  Raises BadLabels."""
    if path.is_dir() and not (path / "labels.csv").exists():
        named = [(file, eyes) for file in sorted(path.iterdir()) if (eyes := eyes_from_name(file.name)) is not None]
        faces = [Face(file.read_bytes(), np.array(eyes), "named", file.name, file.name) for file, eyes in named]
    else:
        faces = list(_from_csv(path / "labels.csv" if path.is_dir() else path))
    if not faces:
        raise BadLabels(f"{path}: no labelled faces found; give shards with labels.csv, a label CSV or a folder of N_row_col_row_col.jpg")
    return faces


def _from_csv(table: Path) -> Iterator[Face]:
    shards: dict[str, dict[str, bytes]] = {}
    try:
        handle = table.open(newline="", encoding="utf-8-sig")
    except OSError as error:
        raise BadLabels(f"{table}: cannot be read: {error.strerror}") from error
    with handle:
        rows = enumerate(csv.DictReader(handle), start=2)
        while True:
            try:
                number, row = next(rows)
            except StopIteration:
                return
            except (UnicodeDecodeError, csv.Error) as error:
                raise BadLabels(f"{table}: is no table of labels: {error}") from error
            try:
                eyes = np.array([[float(row["left_x"]), float(row["left_y"])], [float(row["right_x"]), float(row["right_y"])]])
                if not np.isfinite(eyes).all() or np.hypot(*(eyes[1] - eyes[0])) < 1:
                    raise ValueError("the eyes lie on one point or nowhere")
                name = row["file"]
                if row.get("shard"):
                    shard = row["shard"]
                    if shard not in shards:
                        shards[shard] = _read_tar(table.parent / shard)
                    data = shards[shard][name]
                else:
                    data = (table.parent / name).read_bytes()
            except (KeyError, TypeError, ValueError, OSError, tarfile.TarError) as error:
                raise BadLabels(f"{table}: line {number}: {error!r}; expected file,left_x,left_y,right_x,right_y and a readable picture") from error
            source = row.get("source") or "given"
            yield Face(data, corrected(eyes, source), source, row.get("person") or name, name)


def corrected(eyes: NDArray[np.float64], source: str) -> NDArray[np.float64]:
    """Labels (2, 2) of a source whose constant error was measured, without it; others as they are."""
    if source not in SOURCE_SHIFT:
        return eyes
    across = eyes[1] - eyes[0]
    return np.asarray(eyes - SOURCE_SHIFT[source] + LABEL_DROP * np.array([-across[1], across[0]]), np.float64)


def _read_tar(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as shard:
        members = ((member.name, shard.extractfile(member)) for member in shard if member.isfile())
        return {name: handle.read() for name, handle in members if handle is not None}


@dataclass(frozen=True)
class Sample:
    """pixels (3, S, S) uint8; faces (2, 2, 2) float32 eye centres in those pixels, NaN where absent; weight: trust in the label."""

    pixels: NDArray[np.uint8]
    faces: NDArray[np.float32]
    weight: float


class Studio:
    """Makes sample number `index`: a labelled face, placed, lit, disturbed and compressed as a phone might have seen it."""

    def __init__(self, faces: list[Face], size: int, seed: int) -> None:
        self.faces = faces
        self.size = size
        self.seed = seed
        weights = np.array([SOURCE_WEIGHT.get(face.source, DEFAULT_WEIGHT) for face in faces])
        self._cumulative = np.cumsum(weights / weights.sum())

    def sample(self, index: int) -> Sample:
        rng = np.random.default_rng((self.seed, index))
        close = rng.random() < 0.68
        canvas = self._background(rng)
        labels = np.full((2, 2, 2), np.nan, np.float32)
        kind = rng.random()
        if kind < 0.08:
            if kind < 0.04:  # a face that lies on its side or its head is none: the photo has to be turned first
                canvas, _ = self._paste(canvas, rng, close=close, beside=None, lying=True)
            return Sample(self._expose(canvas, rng).transpose(2, 0, 1), labels, 1.0)
        canvas, eyes = self._paste(canvas, rng, close=close, beside=None)
        if rng.random() < (0.08 if close else 0.25):
            canvas, other = self._paste(canvas, rng, close=False, beside=eyes)
            labels[1] = self._inside(other)
        canvas = self._dress(canvas, eyes, rng)
        labels[0] = self._inside(eyes)
        return Sample(self._expose(canvas, rng).transpose(2, 0, 1), labels, 1.0)

    def _draw(self, rng: np.random.Generator) -> tuple[disturb.Picture, NDArray[np.float64]]:
        face = self.faces[min(int(np.searchsorted(self._cumulative, rng.random())), len(self.faces) - 1)]
        return disturb.decode_small(face.data), face.eyes

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
        """A piece of another photo that holds no face: beside it, or below it."""
        image, eyes = self._draw(rng)
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

    def _paste(self, canvas: disturb.Picture, rng: np.random.Generator, *, close: bool, beside: NDArray[np.float64] | None,
               lying: bool = False) -> tuple[disturb.Picture, NDArray[np.float64]]:  # fmt: skip
        image, eyes = self._draw(rng)
        own = float(np.hypot(*(eyes[1] - eyes[0])))
        size = self.size
        if rng.random() < 0.5:
            image = np.ascontiguousarray(image[:, ::-1])
            eyes = eyes[::-1] * [-1, 1] + [image.shape[1] - 1, 0]
        tilt = math.atan2(*(eyes[1] - eyes[0])[::-1])
        if close:
            iod = rng.uniform(0.27, 0.48) * size
            angle = math.radians(rng.normal(0, 5))
            middle = np.array([0.5, 0.46]) * size + rng.normal(0, 0.12, 2) * iod
        else:
            iod = math.exp(rng.uniform(math.log(0.04), math.log(0.36))) * size
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
        return disturb.blend(canvas, placed, mask), landed

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
            for eye in eyes:  # what covers the eye itself cannot be labelled
                clear = disturb.ellipse_mask(
                    self.size, (float(eye[0]), float(eye[1])), (0.32 * iod, 0.25 * iod), math.degrees(math.atan2(across[1], across[0])), 1
                )
                mask = mask * (1 - clear)
            canvas = disturb.blend(canvas, self._background(rng), mask)
        return canvas

    def _expose(self, canvas: disturb.Picture, rng: np.random.Generator) -> disturb.Picture:
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
    """Batch after batch from `first_batch` on, shared fairly between loader processes; order is the same however many there are."""

    def __init__(self, studio: Studio, batch: int, first_batch: int, batches: int) -> None:
        self.studio, self.batch, self.first_batch, self.batches = studio, batch, first_batch, batches

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
        info = get_worker_info()
        start, step = (info.id, info.num_workers) if info else (0, 1)
        for number in range(self.first_batch + start, self.first_batch + self.batches, step):
            samples = [self.studio.sample(number * self.batch + i) for i in range(self.batch)]
            yield (
                torch.from_numpy(np.stack([s.pixels for s in samples])),  # (B, 3, S, S) uint8
                torch.from_numpy(np.stack([s.faces for s in samples])),  # (B, 2, 2, 2)
                torch.tensor([s.weight for s in samples]),  # (B,)
            )
