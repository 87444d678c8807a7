"""Weights laid for the processor's kernels: the same network, sooner."""

from __future__ import annotations

import copy
import os
import subprocess
import sys

import pytest
import torch
from tests.support.daemon import ROOT
from torch import nn

from photodiary.eyenet import registry, weights
from photodiary.eyenet.network import EyeNet, EyeNetConfig, folded
from photodiary.eyenet.packed import MOST_ORDERS, Packed, can_pack, pack


@pytest.fixture(scope="module")
def net() -> EyeNet:
    torch.set_num_threads(1)
    return folded(weights.load(registry.SHIPPED)[0])


def pictures(*shape: int) -> torch.Tensor:
    """As photos have it: neighbours are alike."""
    small = torch.rand(shape[0], 3, shape[1] // 16, shape[2] // 16, generator=torch.Generator().manual_seed(4))
    return nn.functional.interpolate(255 * small, size=shape[1:], mode="bilinear")


AVX2 = torch.backends.cpu.get_cpu_capability().startswith("AVX")
BFLOAT16 = pytest.mark.skipif(not can_pack(torch.bfloat16), reason="this processor cannot pack bfloat16")


@pytest.mark.skipif(not AVX2, reason="a processor without AVX2 gains nothing")
def test_this_build_can() -> None:
    """The pinned PyTorch has both operators: without them the service would only be slower, and nobody would notice."""
    assert can_pack(torch.float32)


@pytest.mark.parametrize("capability", ["AVX2", "DEFAULT"])
def test_older_processors_find_eyes_too(capability: str) -> None:
    """Where bfloat16 cannot be packed, or nothing is gained, the network computes as ever: in the precision that was asked for, with the same eyes."""
    looked = (
        "import numpy, torch; from photodiary.eyenet import registry; from photodiary.eyenet.packed import can_pack; from photodiary.locate.config import"
        " LocateConfig; from photodiary.locate.locator import EyeLocator; print(can_pack(torch.float32), can_pack(torch.bfloat16));"
        "locator = EyeLocator(registry.SHIPPED, LocateConfig(device='cpu', threads=1, precision='half')); print(locator._precision);"
        "print(locator._ask([numpy.full((128, 128, 3), 90, numpy.uint8)], 0.9)[0])"
    )
    older = {**os.environ, "PYTHONPATH": str(ROOT / "service"), "ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": capability.lower()}
    done = subprocess.run([sys.executable, "-c", looked], env=older, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{capability == 'AVX2' and AVX2} False", "torch.bfloat16", "[[]]"]


@BFLOAT16
@pytest.mark.parametrize("size", [(128, 128), (192, 256)])
def test_answers_stay_within_the_rounding(net: EyeNet, size: tuple[int, int]) -> None:
    """In float32 all maps agree but for the order of sums; in bfloat16 they are no farther from float32 than those of PyTorch's own convolutions."""
    exact, half = copy.deepcopy(net), copy.deepcopy(net)
    pack(exact, torch.float32)
    pack(half, torch.bfloat16)
    with torch.inference_mode():
        asked = pictures(2, *size)
        truth, same, near = net(asked), exact(asked), half(asked)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            usual = net(asked)
    for part in ("score", "offset", "scale", "partner"):
        wanted, spread = getattr(truth, part), float(getattr(truth, part).std())
        assert spread > 0
        assert torch.allclose(getattr(same, part), wanted, rtol=1e-3, atol=1e-3 * spread), part
        away, others = ((getattr(maps, part) - wanted).abs().mean() for maps in (near, usual))
        assert 0 < away < 1.2 * others + 1e-6, part


def test_every_convolution_is_packed_and_no_relu_is_left_beside(net: EyeNet) -> None:
    """Of the shipped network nothing is left to lay anew; the network that it was made from stays as it is."""
    ready = copy.deepcopy(net)
    pack(ready, torch.bfloat16)
    kinds = [type(module) for module in ready.modules()]
    assert nn.Conv2d not in kinds and nn.ReLU not in kinds and kinds.count(Packed) == sum(type(module) is nn.Conv2d for module in net.modules()) > 80


@BFLOAT16
def test_answers_do_not_depend_on_who_is_asked_together(net: EyeNet) -> None:
    """In bfloat16 a picture alone gets the same bits as in company, which may also be what its weights were first laid for."""
    for first in (1, 5):
        ready = copy.deepcopy(net)
        pack(ready, torch.bfloat16)
        with torch.inference_mode():
            asked = pictures(5, 128, 128)
            ready(asked[:first])
            together, alone = ready(asked), ready(asked[3:4])
        assert torch.equal(together.score[3:4], alone.score) and torch.equal(together.offset[3:4], alone.offset)


@BFLOAT16
def test_few_sizes_are_remembered(net: EyeNet) -> None:
    """Photos of many shapes pass through; the weights are kept in the order of the last few."""
    ready = copy.deepcopy(net)
    pack(ready, torch.bfloat16)
    with torch.inference_mode():
        before = ready(pictures(1, 64, 64)).score
        for side in (96, 128, 160, 192):
            ready(pictures(1, side, 64))
        assert torch.equal(ready(pictures(1, 64, 64)).score, before)
    packed = [module for module in ready.modules() if isinstance(module, Packed)]
    assert max(len(module._orders) for module in packed) == MOST_ORDERS


@pytest.mark.parametrize("backbone", ["regnety_002", "resnet18"])
def test_other_backbones_can_be_packed_too(backbone: str) -> None:
    """timm's modules keep their own order of steps, batch norms that could not be folded included."""
    torch.manual_seed(5)
    other = folded(EyeNet(EyeNetConfig(backbone=backbone, width=16)).eval())
    ready = copy.deepcopy(other)
    pack(ready, torch.float32)
    assert any(isinstance(module, Packed) for module in ready.modules())
    with torch.inference_mode():
        asked = pictures(1, 96, 64)
        for one, two in zip(other.features(asked), ready.features(asked), strict=True):
            assert torch.allclose(one, two, rtol=1e-3, atol=1e-3 * float(one.abs().max()))
