"""Put trained weights into the package, with their doubt calibrated on people who were held out from training.

    python deploy/ship_model.py .train/base/eyenet.safetensors NAME ../shared/data/faces

Predicts the held-out faces as they are and in scenes made hard, fits the expected error, and writes base.safetensors and base.json
into service/photodiary/eyenet/.  Prints what belongs into the model card.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from photodiary.darkroom import disturb, warp
from photodiary.diary.canvas import Matrix
from photodiary.diary.eyes import EyePair, Point
from photodiary.eyenet import registry, weights
from photodiary.locate.config import LocateConfig
from photodiary.locate.locator import EyeLocator
from photodiary.retrain.dataset import Face, Studio, load_faces

SCENES = 400
SCENE_SIZE = 448


@dataclass(frozen=True)
class PixelView:
    """A picture in memory as the locator wants it."""

    pixels: NDArray[np.uint8]

    @property
    def size(self) -> tuple[int, int]:
        return self.pixels.shape[1], self.pixels.shape[0]

    def thumbnail(self, side: int) -> NDArray[np.uint8]:
        return warp.thumbnail(self.pixels, side)[0]

    def crop(self, matrix: Matrix, size: tuple[int, int]) -> NDArray[np.uint8]:
        return warp.warp(self.pixels, np.array(matrix), size)[0]


def examples(faces: list[Face]) -> Iterator[tuple[str, NDArray[np.uint8], list[EyePair]]]:
    """(set, picture, true eyes) of every held-out face as it is, and of scenes made from them."""
    for face in faces:
        yield face.source, disturb.decode_small(face.data), [_pair(face.eyes)]
    studio = Studio(faces, SCENE_SIZE, seed=977)
    for index in range(SCENES):
        sample = studio.sample(index)
        whole = [_pair(eyes.astype(np.float64)) for eyes in sample.faces if np.isfinite(eyes).all()]
        if whole and all(pair.iod > 0.05 * SCENE_SIZE for pair in whole):
            yield "hard scenes", np.ascontiguousarray(sample.pixels.transpose(1, 2, 0)), whole


def _pair(eyes: NDArray[np.float64]) -> EyePair:
    return EyePair(Point(*eyes[0].tolist()), Point(*eyes[1].tolist()))


def fit(rows: NDArray[np.float64]) -> tuple[float, float, float]:
    """floor, own, spread >= 0 that make floor + own * a + spread * b the mean of the error (exponential likelihood); rows of (error, a, b)."""
    error, own, spread = (torch.tensor(column) for column in rows.T)
    raw = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([raw], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        floor, a, b = torch.nn.functional.softplus(raw)
        expected = floor + a * own + b * spread
        loss = (expected.log() + error / expected).mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    floor, a, b = (round(float(v), 4) for v in torch.nn.functional.softplus(raw.detach()))
    return floor, a, b


def main() -> None:
    source, name, data = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    locator = EyeLocator(source, LocateConfig())
    held_out = [face for face in load_faces(data) if face.held_out]
    rows: list[tuple[float, float, float]] = []
    sets: dict[str, list[tuple[float, float, float]]] = {}
    for kind, picture, truths in examples(held_out):
        found = locator.look_for(PixelView(picture))
        if not found:
            sets.setdefault(kind, []).append((1000.0, 0.0, 0.0))
            continue
        eyes = found[0].candidate.eyes
        truth = min(truths, key=lambda t: t.distance(eyes) / t.iod)
        error = 100 * eyes.distance(truth) / truth.iod
        signed = [100 * (p[axis] - q[axis]) / truth.iod for axis in (0, 1) for p, q in zip(eyes, truth, strict=True)]
        sets.setdefault(kind, []).append((error, float(np.mean(signed[:2])), float(np.mean(signed[2:]))))
        rows.append((min(error, 100.0), found[0].own, found[0].spread))
    table = np.array(rows)
    doubt = fit(table)
    print("| people held out | photos | not found | median | p90 | over 5 % | bias x, y |\n|---|---|---|---|---|---|---|")
    for kind, judged in sorted(sets.items()):
        numbers = np.array(judged)
        seen = numbers[numbers[:, 0] < 1000]
        print(
            f"| {kind} | {len(numbers)} | {len(numbers) - len(seen)} | {np.median(numbers[:, 0]):.2f} | {np.percentile(numbers[:, 0], 90):.2f} "
            f"| {(numbers[:, 0] > 5).sum()} | {np.median(seen[:, 1]):+.2f}, {np.median(seen[:, 2]):+.2f} |"
        )
    expected = doubt[0] + doubt[1] * table[:, 1] + doubt[2] * table[:, 2]
    print("\n| expected error | photos | mean error | median error | over 5 % |\n|---|---|---|---|---|")
    for low, high in ((0, 1.5), (1.5, 2), (2, 3), (3, 5), (5, 10), (10, 1e9)):
        inside = table[(expected >= low) & (expected < high), 0]
        if len(inside):
            print(f"| {low} to {high:g} | {len(inside)} | {inside.mean():.2f} | {np.median(inside):.2f} | {(inside > 5).sum()} |")
    net, trained_as, _ = weights.load(source)
    net.config = dataclasses.replace(net.config, doubt=doubt)
    digest = weights.save(net, registry.SHIPPED, name=name, notes={"trained_as": trained_as})
    registry.CARD.write_text(json.dumps({"name": name, "sha256": digest}, indent=2) + "\n", encoding="utf-8")
    print(f"\n{registry.SHIPPED}: {name}, doubt {doubt}, {digest}")


if __name__ == "__main__":
    main()
