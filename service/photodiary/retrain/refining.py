"""Teaches the base network a diary's photos without letting it forget anybody else's.

Nothing that the base model was trained with is on a user's machine.  So the backbone stays as it is, what stands above it is pulled towards the base
weights (L2-SP, Xuhong et al. 2018), answers like the base model on heavily changed copies of the diary's photos (distillation, Li and Hoiem 2016), and what
counts in the end is the average of the weights over the last part of the way (SWA, Izmailov et al. 2018).
"""

from __future__ import annotations

import copy
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from queue import Queue

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from photodiary.eyenet.network import STRIDE, EyeNet, Maps, cell_centres, pixels_to_cells
from photodiary.retrain import lessons as lessons_
from photodiary.retrain.lessons import Lesson, Points, Sample

FROZEN = ("backbone", "likeness")
SETTLED = 150  # steps that a full learning rate needs to find its way back to what the base model says; with fewer it is lower


@dataclass(frozen=True)
class RefiningConfig:
    """samples: labelled ones; others: copies that only the base model knows, for each labelled one.  pull: weight of the distance to the base
    weights; averaged: share of the way, at its end, whose weights are averaged; distil: weight of answering like the base model."""

    samples: int = 2400
    batch: int = 16
    others: int = 1
    learning_rate: float = 2e-3
    pull: float = 0.002
    distil: float = 0.5
    averaged: float = 0.5
    seed: int = 1


def refine(
    base: EyeNet, lessons: Sequence[Lesson], habit: dict[str, Points], config: RefiningConfig, told: Callable[[int, float], None] = lambda seen, loss: None,
    others: Sequence[Lesson] = (), breathe: Callable[[], None] = lambda: None,
) -> EyeNet:  # fmt: skip
    """A network that has learnt from `lessons`, those with labels; `others` (and all lessons) are what it must answer as before.

    habit: by diary, what its labels differ by as a whole, which is not learnt here (see `lessons.habit`).  told: hears how many labelled samples were seen
    and the mean loss on them since it was last told.  breathe: called after each step.  Deterministic for a given number of threads.
    """
    with_labels = [one for one in lessons if one.label is not None]
    net = copy.deepcopy(base).eval()
    if not with_labels:
        return net
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(not name.startswith(FROZEN))
    learning = [(name, p) for name, p in net.named_parameters() if p.requires_grad]
    start = [p.detach().clone() for _, p in learning]
    average = [torch.zeros_like(p) for _, p in learning]
    optimizer = torch.optim.Adam([p for _, p in learning], lr=config.learning_rate)
    steps = math.ceil(config.samples / config.batch)
    summed, count, kept = 0.0, 0, 0
    peak = config.learning_rate * min(1.0, steps / SETTLED)
    for step, (pixels, eyes, weight) in enumerate(_batches(with_labels, [*lessons, *others], habit, config, steps)):
        for group in optimizer.param_groups:
            group["lr"] = peak * min(1.0, (step + 1) / (0.1 * steps)) * (0.5 + 0.5 * math.cos(math.pi * step / steps) * 0.9)
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            features = net.features(pixels.float())
            before = base.read(features)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            maps = net.read(features)
        taught = _label_loss(maps, eyes, weight)
        pulled = torch.stack([(p - p0).square().sum() for (_, p), p0 in zip(learning, start, strict=True)]).sum()
        total = taught + config.distil * _as_before(maps, before, weight) + config.pull * pulled
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_([p for _, p in learning], 2.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        summed, count = summed + taught.item(), count + 1
        if step >= (1 - config.averaged) * steps:
            kept += 1
            with torch.no_grad():
                for mean, (_, p) in zip(average, learning, strict=True):
                    mean.lerp_(p, 1 / kept)
        if count == 20 or step == steps - 1:
            told(min(config.samples, (step + 1) * config.batch), summed / count)
            summed, count = 0.0, 0
        breathe()
    with torch.no_grad():
        for mean, (_, p) in zip(average, learning, strict=True):
            p.copy_(mean)
    for p in net.parameters():
        p.requires_grad_(True)
    return net


def moved(base: EyeNet, net: EyeNet, samples: Sequence[Sample]) -> list[float]:
    """How far apart two networks see the eyes of the same samples, the larger of both eyes, in % of the distance between them."""
    pixels = torch.from_numpy(np.stack([one.pixels for one in samples])).float()
    cells = pixels_to_cells(torch.from_numpy(np.stack([one.eyes for one in samples])))
    with torch.inference_mode():
        features = net.features(pixels)
        one, other = net.read(features), base.read(features)
        near = _around(cells, other.score.shape)
        away = (_mean_vote(one, near) - _mean_vote(other, near)).norm(dim=2).amax(1) / (cells[:, 1] - cells[:, 0]).norm(dim=1)
    return [100 * float(value) for value in away]


def _batches(
    labelled: Sequence[Lesson], every: Sequence[Lesson], habit: dict[str, Points], config: RefiningConfig, steps: int
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """pixels (B, 3, S, S) uint8, eyes (B, 2, 2), weight (B,): labelled samples first, then `others` times as many; made one batch ahead."""
    ready: Queue[list[Sample] | None] = Queue(2)

    def make() -> None:
        try:
            put()
        finally:
            ready.put(None)  # also when it failed: who waits for samples must not wait for ever

    def put() -> None:
        for step in range(steps):
            rng = np.random.default_rng((config.seed, step))
            order = rng.permutation(len(labelled)) if len(labelled) >= config.batch else rng.integers(0, len(labelled), config.batch)
            samples = [lessons_.labelled(labelled[n], habit.get(labelled[n].diary, np.zeros((2, 2))), rng) for n in order[: config.batch]]
            samples += [lessons_.unlabelled(every[int(rng.integers(len(every)))], rng) for _ in range(config.batch * config.others)]
            ready.put(samples)

    threading.Thread(target=make, name="samples", daemon=True).start()
    for _ in range(steps):
        samples = ready.get()
        if samples is None:
            raise RuntimeError("the samples to learn from could not be made")
        yield (
            torch.from_numpy(np.stack([s.pixels for s in samples])),
            torch.from_numpy(np.stack([s.eyes for s in samples])),
            torch.tensor([s.weight for s in samples], dtype=torch.float32),
        )


def _votes(maps: Maps) -> tuple[Tensor, Tensor]:
    """Where each cell places its eye, in cells (B, 2, 2, h, w), and how much it counts there (B, 2, h, w), as `peaks` weighs it."""
    rows, columns = maps.score.shape[-2:]
    grid = cell_centres(rows, columns, maps.score.device)
    return grid + maps.offset, maps.score.sigmoid().square()


def _mean_vote(maps: Maps, near: Tensor) -> Tensor:
    """The answer that `peaks` would read, (B, 2 eyes, 2 xy) in cells.  near: (B, 2, h, w), the cells around the peak."""
    places, counts = _votes(maps)
    weight = counts.detach() * near
    return (places * weight[:, :, None]).sum((-2, -1)) / weight.sum((-2, -1)).clamp(min=1e-6)[..., None]


def _around(eyes: Tensor, shape: torch.Size) -> Tensor:
    """The three by three cells around each eye: (B, 2, h, w) of 0 and 1.  eyes: (B, 2, 2) in cells."""
    grid = cell_centres(shape[-2], shape[-1], eyes.device)
    return ((eyes[..., None, None] - grid).abs().amax(2) <= 1.5).float()


def _label_loss(maps: Maps, eyes: Tensor, weight: Tensor) -> Tensor:
    """Mean distance of the votes' mean from the labels, in pixels of the crop, not far from squared where it is small."""
    cells = pixels_to_cells(eyes)
    away = (_mean_vote(maps, _around(cells, maps.score.shape)) - cells) * STRIDE  # (B, 2, 2)
    loss = F.smooth_l1_loss(away, torch.zeros_like(away), beta=1.0, reduction="none").sum((1, 2))
    return (loss * weight).sum() / weight.sum().clamp(min=1e-6)


def _as_before(maps: Maps, before: Maps, weight: Tensor) -> Tensor:
    """How far the answers have moved from the base model's: scores everywhere; places, distances and partners where there is an eye.

    Of labelled samples the places may move, the rest may not.
    """
    there = before.score.sigmoid()  # (B, 2, h, w)
    scores = F.binary_cross_entropy_with_logits(maps.score, there, reduction="none") - F.binary_cross_entropy_with_logits(before.score, there, reduction="none")
    seen = torch.where(there > 0.1, there, 0.0)
    total = seen.sum().clamp(min=1e-3)
    free = (weight == 0).float()[:, None, None, None]
    offsets = ((maps.offset - before.offset).abs().sum(2) * seen * free).sum() / (seen * free).sum().clamp(min=1e-3) * STRIDE
    scales = ((maps.scale - before.scale).abs() * seen).sum() / total
    partners = ((maps.partner - before.partner).abs().sum(2) * seen).sum() / total
    return scores.sum((1, 2, 3)).mean() + offsets + 0.2 * scales + 0.2 * partners
