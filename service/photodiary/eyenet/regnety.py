"""RegNetY-006 as the eye network needs it: features at strides 8, 16 and 32.

Radosavovic et al., Designing Network Design Spaces, CVPR 2020.  The modules have the names and do the sums of timm's `regnety_006`, so that weights go from
one to the other and answers are the same to the last bit (`tests/eyenet/test_regnety.py`).  timm itself, which training takes other backbones from, loads
1,500 modules: 120 MB of memory and more than a second that a service at home need not spend.
"""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn import functional as F

NAME = "regnety_006"
STEM, WIDTHS, DEPTHS, GROUP, SQUEEZE = 32, (48, 112, 256, 608), (1, 3, 7, 4), 16, 0.25
CHANNELS = WIDTHS[1:]


class Normed(nn.Module):
    """A convolution, its batch norm, what is added to it, and a ReLU where `active`."""

    def __init__(self, inputs: int, outputs: int, side: int, stride: int = 1, groups: int = 1, *, active: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, side, stride, side // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs)
        self.active = active

    def forward(self, x: Tensor, plus: Tensor | None = None) -> Tensor:
        x = self.bn(self.conv(x))
        x = x if plus is None else x + plus
        return F.relu(x, inplace=True) if self.active else x


class Squeezed(nn.Module):
    """Each channel weighed by what all of them say of the whole picture."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(channels, inner, 1), nn.Conv2d(inner, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        weight: Tensor = self.fc2(F.relu(self.fc1(x.mean((2, 3), keepdim=True)), inplace=True)).sigmoid()
        return x * weight


class Block(nn.Module):
    """A bottleneck that is added to what came in."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = Normed(inputs, outputs, 1)
        self.conv2 = Normed(outputs, outputs, 3, stride, outputs // GROUP)
        self.se = Squeezed(outputs, round(inputs * SQUEEZE))
        self.conv3 = Normed(outputs, outputs, 1)
        self.downsample: nn.Module = Normed(inputs, outputs, 1, stride, active=False) if stride > 1 or inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv3(self.se(self.conv2(self.conv1(x))), self.downsample(x))
        return out


def _stage(inputs: int, outputs: int, depth: int) -> nn.Sequential:
    stage = nn.Sequential()
    for number in range(depth):
        stage.add_module(f"b{number + 1}", Block(outputs if number else inputs, outputs, 1 if number else 2))
    return stage


class RegNetY(nn.Module):
    """(B, 3, H, W) to the maps at strides 8, 16 and 32, with CHANNELS channels."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Normed(3, STEM, 3, 2)
        befores = (STEM, *WIDTHS)
        self.s1, self.s2, self.s3, self.s4 = (_stage(before, width, depth) for before, width, depth in zip(befores, WIDTHS, DEPTHS, strict=False))
        for module in self.modules():  # as timm begins
            if isinstance(module, nn.Conv2d):
                fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels // module.groups
                nn.init.normal_(module.weight, 0.0, math.sqrt(2.0 / fan_out))
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, Block):
                nn.init.zeros_(module.conv3.bn.weight)  # a block begins as nothing but its shortcut

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        x = self.s1(self.stem(x))
        for stage in (self.s2, self.s3, self.s4):
            x = stage(x)
            maps.append(x)
        return maps
