"""Our RegNetY-006 is timm's: the same weights give the same answers, and timm is not loaded for them."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import timm
import torch
from tests.support.daemon import ROOT

from photodiary.eyenet import registry, regnety, weights
from photodiary.eyenet.network import EyeNet, folded


@pytest.fixture(scope="module")
def nets() -> tuple[EyeNet, EyeNet]:
    """The shipped network, and a copy of it whose backbone is timm's; on one thread, because several add up gradients in any order."""
    torch.set_num_threads(1)
    ours = weights.load(registry.SHIPPED)[0]
    theirs = copy.deepcopy(ours)
    theirs.backbone = timm.create_model(regnety.NAME, pretrained=False, features_only=True, out_indices=(2, 3, 4))
    theirs.backbone.load_state_dict(ours.backbone.state_dict(), strict=True)
    return ours, theirs


def test_it_has_timms_weights_under_timms_names(nets: tuple[EyeNet, EyeNet]) -> None:
    """Names, order and shapes are the same, and so are the channels that timm tells of."""
    ours, theirs = (net.backbone.state_dict() for net in nets)
    assert [(name, value.shape) for name, value in ours.items()] == [(name, value.shape) for name, value in theirs.items()]
    assert list(regnety.CHANNELS) == list(nets[1].backbone.feature_info.channels())  # type: ignore[union-attr,operator]


@pytest.mark.parametrize("size", [(128, 128), (256, 192)])
@pytest.mark.parametrize("half", [False, True], ids=["float32", "bfloat16"])
def test_answers_are_the_same_to_the_last_bit(nets: tuple[EyeNet, EyeNet], half: bool, size: tuple[int, int]) -> None:
    """As the service asks it: batch norms folded, channels last, in either precision."""
    pictures = torch.randint(0, 256, (3, 3, *size), generator=torch.Generator().manual_seed(1)).float()
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
        ours, theirs = (folded(net).features(pictures) for net in nets)
    assert len(ours) == len(theirs) == 3
    assert all(torch.equal(mine, other) for mine, other in zip(ours, theirs, strict=True))
    assert all(float(mine.float().std()) > 0 for mine in ours)


def test_it_learns_as_timms(nets: tuple[EyeNet, EyeNet]) -> None:
    """The same pictures give the same gradients."""
    pictures = torch.randint(0, 256, (2, 3, 64, 64), generator=torch.Generator().manual_seed(2)).float()
    gradients = []
    for net in map(copy.deepcopy, nets):
        net.train()
        torch.stack([part.square().mean() for part in net.features(pictures)]).sum().backward()
        gradients.append([part.grad for part in net.backbone.parameters()])
    assert all(mine is not None and other is not None and torch.equal(mine, other) for mine, other in zip(*gradients, strict=True))


def test_fresh_ones_begin_as_timms() -> None:
    """Before any training the weights are drawn as wide as timm draws them."""
    ours, theirs = regnety.RegNetY(), timm.create_model(regnety.NAME, pretrained=False, features_only=True, out_indices=(2, 3, 4))
    for (name, mine), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        if mine.numel() > 1000:
            assert float(mine.detach().std()) == pytest.approx(float(other.detach().std()), rel=0.15, abs=1e-6), name
        elif mine.dim() == 1:
            assert torch.equal(mine, other), name


def test_timm_is_not_loaded_for_it() -> None:
    """Who predicts spares its memory."""
    program = "import sys; from photodiary.eyenet import network as n; n.EyeNet(n.EyeNetConfig()); print('timm' in sys.modules, 'torchvision' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=True, env={"PYTHONPATH": str(ROOT / "service")})
    assert done.stdout.split() == ["False", "False"]
