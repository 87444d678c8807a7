"""From the network's maps to pairs of eyes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photodiary.diary.eyes import EyePair, Point
from photodiary.eyenet.network import STRIDE, Maps

Grid = NDArray[np.float32]
MOST_PEAKS = 8  # per eye and photo


@dataclass(frozen=True)
class Candidate:
    """A pair of eyes in pixels of the network's input; score 0..1, that of the eye seen worse (0: only guessed from its partner);
    expected distance to the truth in input pixels."""

    eyes: EyePair
    score: float
    weaker: float
    expected: float


@dataclass(frozen=True)
class _Peak:
    at: Point  # cells
    partner: Point  # cells, where the other eye should be
    score: float
    expected: float  # cells


def candidates(maps: Maps, index: int, least_score: float) -> list[Candidate]:
    """All faces of photo `index` of a batch, best first.

    Left and right peaks are joined when each lies where the other expects it; an eye without its partner's peak is joined to
    the expected place at half its score.
    """
    score = 1 / (1 + np.exp(-maps.score[index].numpy()))  # (2, h, w)
    offset, partner, scale = maps.offset[index].numpy(), maps.partner[index].numpy(), maps.scale[index].numpy()
    lefts, rights = (_peaks(score[eye], offset[eye], partner[eye], scale[eye], least_score) for eye in (0, 1))
    found: list[Candidate] = []
    used: set[int] = set()
    for left in lefts:
        best, best_miss = None, 0.4
        for number, right in enumerate(rights):
            iod = max(math.dist(left.at, right.at), 1e-3)
            miss = max(math.dist(left.partner, right.at), math.dist(right.partner, left.at)) / iod
            if right.at.x > left.at.x - 0.5 * iod and miss < best_miss and number not in used:
                best, best_miss = number, miss
        if best is None:
            found.append(_candidate(left.at, left.partner, left.score / 2, 0.0, 2 * left.expected))
        else:
            used.add(best)
            right = rights[best]
            found.append(_candidate(left.at, right.at, math.sqrt(left.score * right.score), min(left.score, right.score), max(left.expected, right.expected)))
    for number, right in enumerate(rights):
        if number not in used:
            found.append(_candidate(right.partner, right.at, right.score / 2, 0.0, 2 * right.expected))
    kept: list[Candidate] = []
    for candidate in sorted(found, key=lambda c: -c.score):
        if candidate.eyes.iod > 1 and all(candidate.eyes.distance(k.eyes) > 0.5 * max(k.eyes.iod, candidate.eyes.iod) for k in kept):
            kept.append(candidate)
    return kept


def _candidate(left: Point, right: Point, score: float, weaker: float, expected: float) -> Candidate:
    def pixels(cell: Point) -> Point:
        return Point(cell.x * STRIDE + (STRIDE - 1) / 2, cell.y * STRIDE + (STRIDE - 1) / 2)

    return Candidate(EyePair(pixels(left), pixels(right)), score, weaker, expected * STRIDE)


def _peaks(score: Grid, offset: Grid, partner: Grid, scale: Grid, least_score: float) -> list[_Peak]:
    """Local maxima of one eye's map; each cell around a peak votes for the place, weighted by its score."""
    padded = np.pad(score, 1, constant_values=-1.0)
    rows, columns = score.shape
    around = np.max([padded[y : y + rows, x : x + columns] for y in range(3) for x in range(3)], axis=0)
    ys, xs = np.nonzero((score >= around) & (score >= least_score))
    order = np.argsort(-score[ys, xs], kind="stable")[:MOST_PEAKS]
    peaks = []
    for y, x in zip(ys[order], xs[order], strict=True):
        window = np.s_[max(0, y - 1) : min(rows, y + 2), max(0, x - 1) : min(columns, x + 2)]
        weight = score[window] ** 2
        weight = weight / weight.sum()
        grid_y, grid_x = np.mgrid[window].astype(np.float32)
        at = Point(float((weight * (grid_x + offset[0][window])).sum()), float((weight * (grid_y + offset[1][window])).sum()))
        other = Point(float((weight * (grid_x + partner[0][window])).sum()), float((weight * (grid_y + partner[1][window])).sum()))
        peaks.append(_Peak(at, other, float(score[y, x]), float((weight * np.exp(scale[window])).sum())))
    return peaks
