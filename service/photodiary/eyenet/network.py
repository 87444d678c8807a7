"""EyeNet: a RegNetY backbone with a small top-down pyramid that votes for eye centres.

The network answers densely, so one set of weights serves the whole photo and a close crop alike.  At stride 8 every cell
says, for each eye of the pair: how likely the eye is here, where exactly, how far off that is expected to be, and where the
partner eye lies (which keeps the eyes of two people apart).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from photodiary.eyenet import regnety
from photodiary.eyenet.person import Person

STRIDE = 8
EYES = 2  # left in the picture, right in the picture
CHANNELS_PER_EYE = 6  # score, offset x, offset y, log scale, partner x, partner y
LIKENESS_GRID = 4  # cells a side
PARTNER_UNIT = 8.0  # the partner vector is predicted in units of eight cells

_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class EyeNetConfig:
    """What the network is made of; stored beside the weights so that they can be loaded without guessing.

    doubt: weights of the evidence of `locate.choosing.evidence` in the logarithm of the expected error in % of IOD.
    likeness: numbers that say what a face looks like, 0 when the weights have no such part.
    odds: weights of (1, likeness to the gallery, the gallery's likeness to itself) in the log odds that a face is the diary's person.
    """

    backbone: str = "regnety_006"
    width: int = 96
    doubt: tuple[float, ...] = (0.0, 1.0, 0.0, 0.0, 0.0, 0.0)
    likeness: int = 0
    odds: tuple[float, ...] = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Maps:
    """The network's answer for a batch, on the grid of cells (stride 8).

    score:   (B, 2, h, w) logits, one map an eye
    offset:  (B, 2, 2, h, w) from the cell's centre to the eye, x then y, in cells
    scale:   (B, 2, h, w) log of the expected distance to the truth, in cells
    partner: (B, 2, 2, h, w) from the cell's centre to the other eye of the same face, in cells
    """

    score: Tensor
    offset: Tensor
    scale: Tensor
    partner: Tensor


def _backbone(name: str) -> tuple[nn.Module, list[int]]:
    """A feature extractor with random weights, and its channels at strides 8, 16 and 32; any but RegNetY-006 is timm's.  Raises ValueError."""
    if name == regnety.NAME:
        return regnety.RegNetY(), list(regnety.CHANNELS)
    import timm  # here, because it takes more memory than all of the rest

    if name not in timm.list_models():  # timm would look for "hf-hub:..." on the network
        raise ValueError(f"backbone {name}: timm knows no such model")
    for indices in ((2, 3, 4), (1, 2, 3)):
        try:
            net = timm.create_model(name, pretrained=False, features_only=True, out_indices=indices)
        except (RuntimeError, AssertionError, IndexError, AttributeError, TypeError):  # as many as there are kinds of models in timm
            continue
        info: Any = net.feature_info
        if list(info.reduction()) == [STRIDE, 2 * STRIDE, 4 * STRIDE]:
            return net, list(info.channels())
    raise ValueError(f"backbone {name}: has no features at strides 8, 16 and 32")


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class Likeness(nn.Module):
    """What a face looks like, read off the backbone's map at stride 16 of an upright crop of 128 px: a linear map that was fitted so that
    photos of one person lie close together (`retrain/likeness.py`)."""

    mean: Tensor
    projection: Tensor

    def __init__(self, channels: int, dimensions: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels * LIKENESS_GRID**2))
        self.register_buffer("projection", torch.zeros(channels * LIKENESS_GRID**2, dimensions))

    def forward(self, features: Tensor) -> Tensor:
        """(B, dimensions), each of length 1, from the map (B, C, h, w)."""
        return F.normalize(F.normalize(likeness_input(features) - self.mean) @ self.projection)


def likeness_input(features: Tensor) -> Tensor:
    """The map at stride 16, averaged to a coarse grid and flattened: (B, C * grid * grid)."""
    return F.adaptive_avg_pool2d(features.float(), LIKENESS_GRID).flatten(1)


class EyeNet(nn.Module):
    """Photo in, `Maps` out.  Input: (B, 3, H, W), RGB in 0..255, H and W multiples of 32.  Raises ValueError for a backbone that cannot be used."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: EyeNetConfig) -> None:
        super().__init__()
        self.config = config
        self.people: tuple[Person, ...] = ()  # whom it has learnt to know; no part of what it computes
        self.backbone, channels = _backbone(config.backbone)
        self.lateral = nn.ModuleList([nn.Conv2d(c, config.width, 1) for c in channels])
        self.smooth = nn.ModuleList([_block(config.width, config.width) for _ in channels])
        self.tower = nn.Sequential(_block(config.width, config.width), _block(config.width, config.width))
        self.head = nn.Conv2d(config.width, EYES * CHANNELS_PER_EYE, 1)
        self.likeness = Likeness(channels[1], config.likeness) if config.likeness else None
        nn.init.normal_(self.head.weight, std=0.01)
        bias = torch.zeros(EYES, CHANNELS_PER_EYE)
        bias[:, 0] = -4.0  # nearly every cell holds no eye
        self.head.bias = nn.Parameter(bias.flatten())
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1) * 255, persistent=False)

    def forward(self, pixels: Tensor) -> Maps:
        return self.read(self.features(pixels))

    def features(self, pixels: Tensor) -> list[Tensor]:
        """The backbone's maps at strides 8, 16 and 32: (B, C, H/8, W/8), ..."""
        x = (pixels - self.mean) / self.std  # (B, 3, H, W)
        maps: list[Tensor] = self.backbone(x.contiguous(memory_format=torch.channels_last))
        return maps

    def read(self, features: list[Tensor]) -> Maps:
        """What the features say of eyes."""
        top = self.smooth[2](self.lateral[2](features[2]))  # (B, width, H/32, W/32)
        for level in (1, 0):
            up = F.interpolate(top, scale_factor=2.0, mode="nearest")
            top = self.smooth[level](self.lateral[level](features[level]) + up)
        out = self.head(self.tower(top)).float()  # (B, 12, H/8, W/8)
        batch, _, rows, columns = out.shape
        out = out.view(batch, EYES, CHANNELS_PER_EYE, rows, columns)
        return Maps(
            score=out[:, :, 0],
            offset=out[:, :, 1:3],
            scale=out[:, :, 3].clamp(-6.0, 3.0),
            partner=out[:, :, 4:6] * PARTNER_UNIT,
        )


def cell_centres(rows: int, columns: int, device: torch.device) -> Tensor:
    """Centre of every cell in cells, where pixel p lies at (p - 3.5) / 8: simply its column and row.  Shape (2, h, w), x then y."""
    y, x = torch.meshgrid(
        torch.arange(rows, device=device, dtype=torch.float32),
        torch.arange(columns, device=device, dtype=torch.float32),
        indexing="ij",
    )
    return torch.stack([x, y])


def pixels_to_cells(points: Tensor) -> Tensor:
    """Pixel coordinates (centres at integers) to cell coordinates (cell centres at integers)."""
    return (points - (STRIDE - 1) / 2) / STRIDE


def loss(maps: Maps, faces: Tensor, weight: Tensor) -> tuple[Tensor, dict[str, float]]:
    """Quality-focal loss on the scores, L1 on offset, mean vote and partner near the eyes, Laplace likelihood for the scale.

    faces: (B, F, 2, 2) eye centres in pixels of the input, NaN where a photo has fewer faces
    weight: (B,) trust in the label
    The scale learns from the offsets' error but sends no gradient into them, so honesty costs no accuracy.
    """
    rows, columns = maps.score.shape[-2:]
    grid = cell_centres(rows, columns, faces.device)  # (2, h, w)
    eyes = pixels_to_cells(faces)  # (B, F, 2, 2)
    delta = eyes[..., None, None] - grid  # (B, F, 2 eyes, 2 xy, h, w)
    near = torch.exp(-delta.square().sum(3) / (2 * 0.8**2)).nan_to_num(0.0)  # (B, F, 2, h, w)
    target, owner = near.max(1)  # (B, 2, h, w)
    probability = maps.score.sigmoid()
    focal = (target - probability).abs().square() * F.binary_cross_entropy_with_logits(maps.score, target, reduction="none")
    count = target.amax((-2, -1)).gt(0.3).sum().clamp(min=1)
    score_loss = (focal.sum((1, 2, 3)) * weight).sum() / count

    pick = owner[:, None, :, None].expand(-1, 1, -1, 2, -1, -1)
    offset_target = delta.gather(1, pick).squeeze(1).nan_to_num(0.0)  # (B, 2, 2, h, w)
    partner_delta = (eyes.flip(2)[..., None, None] - grid).gather(1, pick).squeeze(1)
    known = partner_delta.isfinite().all(2)  # (B, 2, h, w); nobody knows where an eye outside the picture is
    partner_delta = partner_delta.nan_to_num(0.0)
    vote = torch.where(target > 0.135, target, 0.0) * weight[:, None, None, None]  # within 1.6 cells
    total = vote.sum().clamp(min=1e-3)
    distance = (maps.offset - offset_target).abs()  # (B, 2, 2, h, w)
    # An eye whose place cannot be known (dark, blurred, tiny) must not drown the ones that can be placed exactly.
    exact = vote * torch.exp(-maps.scale.detach()).clamp(max=40.0)
    offset_loss = (distance.sum(2) * exact).sum() / exact.sum().clamp(min=1e-3)
    # The votes around a peak are averaged when the network is asked, so their mean has to be right, not only each of them.
    voters = torch.where(near > 0.4, probability.detach()[:, None].square(), 0.0)  # (B, F, 2, h, w): within 1.1 cells
    votes = voters.sum((-2, -1))  # (B, F, 2)
    mean_vote = ((grid + maps.offset)[:, None] * voters[:, :, :, None]).sum((-2, -1)) / votes.clamp(min=1e-6)[..., None]  # (B, F, 2, 2)
    certain = (torch.exp(-maps.scale.detach()).clamp(max=40.0)[:, None] * voters).sum((-2, -1)) / votes.clamp(min=1e-6)
    certain = certain * (votes > 1e-3) * weight[:, None, None]
    mean_loss = ((mean_vote - eyes.nan_to_num(0.0)).abs().sum(-1) * certain).sum() / certain.sum().clamp(min=1e-3)
    partner_loss = ((maps.partner - partner_delta).abs().sum(2) * vote * known).sum() / (vote * known).sum().clamp(min=1e-3) / PARTNER_UNIT
    residual = (maps.offset - offset_target).square().sum(2).add(1e-6).sqrt().detach()
    scale_loss = ((maps.scale + residual * torch.exp(-maps.scale)) * vote).sum() / total
    combined = score_loss + offset_loss + 2.0 * mean_loss + 0.3 * partner_loss + 0.1 * scale_loss
    parts = {"score": score_loss.item(), "offset": offset_loss.item(), "mean": mean_loss.item(), "partner": partner_loss.item(), "scale": scale_loss.item()}
    return combined, parts


def folded(net: EyeNet) -> EyeNet:
    """A copy for predicting only, its batch norms folded into the convolutions before them: the same answers, fewer steps."""
    net = copy.deepcopy(net).eval()
    for module in net.modules():
        if isinstance(getattr(module, "conv", None), nn.Conv2d) and isinstance(getattr(module, "bn", None), nn.BatchNorm2d):  # timm's pairs
            norm: Any = module.bn
            module.conv = fuse_conv_bn_eval(module.conv, norm)  # type: ignore[type-var]
            module.bn = nn.Sequential(norm.drop, norm.act) if hasattr(norm, "act") else nn.Identity()
        elif isinstance(module, nn.Sequential) and len(module) > 1 and isinstance(module[0], nn.Conv2d) and isinstance(module[1], nn.BatchNorm2d):
            module[0], module[1] = fuse_conv_bn_eval(module[0], module[1]), nn.Identity()
    return net.to(memory_format=torch.channels_last)
