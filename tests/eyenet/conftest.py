"""Network answers built by hand from known eyes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
import torch

from photodiary.diary.eyes import EyePair, Point
from photodiary.eyenet.network import EyeNet, EyeNetConfig, Maps


@dataclass(frozen=True)
class Oracle:
    """Says what a perfect network would say."""

    def maps(self, faces: Sequence[tuple[EyePair, float]], rows: int, columns: int, *, hidden: Sequence[tuple[int, int]] = ()) -> Maps:
        """A batch of one.  faces: eyes in pixels and the peak's probability; hidden: (face, eye) whose peak is not seen.

        Around each eye stands a bump of score; every cell's offset and partner belong to the nearest eye of its kind.
        """
        y, x = torch.meshgrid(torch.arange(rows, dtype=torch.float64), torch.arange(columns, dtype=torch.float64), indexing="ij")
        score = torch.full((1, 2, rows, columns), -9.0, dtype=torch.float64)
        offset = torch.zeros((1, 2, 2, rows, columns), dtype=torch.float64)
        partner = torch.zeros_like(offset)
        scale = torch.full_like(score, -2.0)
        for eye in (0, 1):
            nearest = torch.full((rows, columns), torch.inf, dtype=torch.float64)
            for number, (pair, peak) in enumerate(faces):
                if (number, eye) in hidden:
                    continue
                here, other = (((point.x - 3.5) / 8, (point.y - 3.5) / 8) for point in (pair[eye], pair[1 - eye]))
                square = (x - here[0]) ** 2 + (y - here[1]) ** 2
                mine = square < nearest
                nearest = torch.where(mine, square, nearest)
                probability = peak * torch.exp(-square / (2 * 0.8**2))
                logit = torch.logit(probability.clamp(1e-4, 1 - 1e-4))
                score[0, eye] = torch.maximum(score[0, eye], logit)
                for axis, grid in ((0, x), (1, y)):
                    offset[0, eye, axis] = torch.where(mine, here[axis] - grid, offset[0, eye, axis])
                    partner[0, eye, axis] = torch.where(mine, other[axis] - grid, partner[0, eye, axis])
        return Maps(score.float(), offset.float(), scale.float(), partner.float())

    def pair(self, x: float, y: float, iod: float, tilt: float = 0.0) -> EyePair:
        half = torch.tensor(tilt).cos().item() * iod / 2, torch.tensor(tilt).sin().item() * iod / 2
        return EyePair(Point(x - half[0], y - half[1]), Point(x + half[0], y + half[1]))


@pytest.fixture(scope="session")
def oracle() -> Oracle:
    return Oracle()


@pytest.fixture
def net() -> EyeNet:
    """A small network with reproducible weights, in the same family as the shipped one."""
    torch.manual_seed(3)
    torch.set_num_threads(1)
    return EyeNet(EyeNetConfig(backbone="regnety_002", width=16, doubt=(0.25, 1.5, 0.75, 0.5, 0.3, 0.1)))
