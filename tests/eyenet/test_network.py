"""What the network is trained towards: the convention of cells, a loss that falls, is finite and matches the decoding."""

from __future__ import annotations

import math

import pytest
import torch

from photodiary.diary.eyes import EyePair, Point
from photodiary.eyenet.network import EyeNet, EyeNetConfig, Maps, cell_centres, folded, loss, pixels_to_cells
from photodiary.eyenet.peaks import candidates

ONE = torch.ones(1)


def faces_of(*pairs: EyePair | None) -> torch.Tensor:
    rows = [[[math.nan] * 2] * 2 if pair is None else [list(pair.left), list(pair.right)] for pair in pairs]
    return torch.tensor([rows])  # (1, F, 2, 2)


def test_the_middle_of_the_first_cell_is_cell_zero() -> None:
    """Pixel (3.5, 3.5) is the centre of cell (0, 0), and eight pixels on is the next cell."""
    assert pixels_to_cells(torch.tensor([3.5, 3.5])).tolist() == [0.0, 0.0]
    assert pixels_to_cells(torch.tensor([11.5, 19.5])).tolist() == [1.0, 2.0]
    grid = cell_centres(3, 4, torch.device("cpu"))
    assert grid.shape == (2, 3, 4)
    assert grid[:, 2, 1].tolist() == [1.0, 2.0], "x then y"


def test_the_loss_is_least_for_what_the_decoding_understands(oracle) -> None:
    """Perfect maps, as the decoding reads them, cost nearly nothing in score, offset and partner; shifted ones cost the shift."""
    pair = EyePair(Point(61.0, 50.3), Point(110.2, 70.7))
    perfect = oracle.maps([(pair, 0.9999)], 20, 24)
    _, parts = loss(perfect, faces_of(pair), ONE)
    assert parts["offset"] < 1e-5
    assert parts["partner"] < 1e-5
    assert parts["score"] < 0.02
    shifted = Maps(perfect.score, perfect.offset + 0.5, perfect.scale, perfect.partner)
    assert loss(shifted, faces_of(pair), ONE)[1]["offset"] == pytest.approx(1.0, rel=1e-3)  # half a cell in x and in y
    swapped = Maps(perfect.score.flip(1), perfect.offset.flip(1), perfect.scale, perfect.partner.flip(1))
    assert loss(swapped, faces_of(pair), ONE)[1]["score"] > 10 * parts["score"]


def test_two_faces_teach_each_cell_its_own(oracle) -> None:
    """With two people in the picture every cell near an eye is taught that eye, in whatever order they are listed."""
    one, other = oracle.pair(50, 60, 40), oracle.pair(130, 90, 30)
    perfect = oracle.maps([(one, 0.9999), (other, 0.9999)], 20, 24)
    for faces in (faces_of(one, other), faces_of(other, one), faces_of(one, None, other)):
        _, parts = loss(perfect, faces, ONE)
        assert parts["offset"] < 1e-5
        assert parts["partner"] < 1e-5


def test_a_photo_without_faces_only_lowers_scores(net: EyeNet) -> None:
    """All-NaN labels give a finite loss and finite gradients, and nothing is learned about places."""
    maps = net(torch.rand(2, 3, 64, 64) * 255)
    total, parts = loss(maps, torch.full((2, 2, 2, 2), math.nan), torch.ones(2))
    total.backward()
    assert math.isfinite(total.item())
    assert all(math.isfinite(part) for part in parts.values())
    assert parts["offset"] == parts["partner"] == parts["scale"] == 0
    assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)


def test_an_eye_outside_teaches_nothing_about_the_other(oracle) -> None:
    """Where only one eye is in the picture, its place counts and its partner's, which nobody knows, does not."""
    pair = oracle.pair(60, 60, 48)
    maps = oracle.maps([(pair, 0.9999)], 16, 16)
    half = faces_of(pair)
    half[0, 0, 1] = math.nan
    _, parts = loss(maps, half, ONE)
    assert parts["offset"] < 1e-5
    assert parts["partner"] < 1e-5


def test_weight_is_trust(oracle) -> None:
    """A label with no weight teaches nothing, and its photo's score costs nothing."""
    pair, wrong = oracle.pair(60, 60, 40), oracle.pair(90, 80, 40)
    maps = oracle.maps([(pair, 0.99)], 16, 16)
    both = Maps(*(part.expand(2, *part.shape[1:]) for part in (maps.score, maps.offset, maps.scale, maps.partner)))
    _, parts = loss(both, torch.cat([faces_of(pair), faces_of(wrong)]), torch.tensor([1.0, 0.0]))
    assert parts["offset"] < 1e-5
    assert loss(both, torch.cat([faces_of(pair), faces_of(wrong)]), torch.tensor([1.0, 1.0]))[1]["offset"] > 0.1


def test_one_batch_can_be_learned(net: EyeNet) -> None:
    """Overfitting four tiny pictures brings the loss down and the eyes to where the labels are."""
    generator = torch.Generator().manual_seed(5)
    pixels = torch.rand(4, 3, 64, 64, generator=generator) * 255
    faces = torch.tensor([[[[18.0 + 3 * n, 30.0], [42.0 + 3 * n, 33.0 - 2 * n]]] for n in range(4)])
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    course = []
    for _ in range(40):
        total, _ = loss(net(pixels), faces, torch.ones(4))
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        course.append(total.item())
    assert all(math.isfinite(value) for value in course)
    assert sum(course[-5:]) / 5 < 0.45 * sum(course[:3]) / 3
    with torch.inference_mode():
        maps = net(pixels)
    for number in range(4):
        best = candidates(maps, number, 0.05)[0]
        truth = EyePair(*(Point(*eye) for eye in faces[number, 0].tolist()))
        assert best.eyes.distance(truth) < 8


def test_scale_learns_without_moving_the_eyes(oracle) -> None:
    """The expected distance's part of the loss sends no gradient into the offsets: one scale for all eyes moves them as any other does."""
    pair = oracle.pair(60, 60, 40)
    perfect = oracle.maps([(pair, 0.99)], 16, 16)
    gradients = []
    for value in (-2.0, 0.0):
        offset = (perfect.offset + 0.3).requires_grad_()
        scale = torch.full_like(perfect.scale, value).requires_grad_()
        loss(Maps(perfect.score, offset, scale, perfect.partner), faces_of(pair), ONE)[0].backward()
        gradients.append(offset.grad)
        assert scale.grad.abs().sum() > 0
    assert torch.allclose(gradients[0], gradients[1], atol=1e-6)


def test_an_eye_that_can_be_placed_exactly_pulls_harder(oracle) -> None:
    """The offsets of an eye with a small expected distance weigh more than those of one that nobody could place."""
    pair = oracle.pair(60, 60, 40)
    perfect = oracle.maps([(pair, 0.99)], 16, 16)
    offset = (perfect.offset + 0.3).requires_grad_()
    scale = torch.zeros_like(perfect.scale)
    scale[:, 0] = -2.0  # the left eye is sharp
    loss(Maps(perfect.score, offset, scale, perfect.partner), faces_of(pair), ONE)[0].backward()
    left, right = (offset.grad[:, eye].abs().sum().item() for eye in (0, 1))
    assert left > 5 * right > 0


def test_the_network_answers_densely(net: EyeNet) -> None:
    """Any size that is a multiple of 32 gives one cell for every eight pixels, finite, with the scale within its limits."""
    net.eval()
    with torch.inference_mode():
        maps = net(torch.rand(2, 3, 96, 160) * 255)
    assert maps.score.shape == (2, 2, 12, 20)
    assert maps.offset.shape == maps.partner.shape == (2, 2, 2, 12, 20)
    assert maps.scale.shape == (2, 2, 12, 20)
    assert all(torch.isfinite(part).all() for part in (maps.score, maps.offset, maps.scale, maps.partner))
    assert maps.scale.min() >= -6 and maps.scale.max() <= 3


def test_a_backbone_without_the_right_strides_is_refused() -> None:
    """Only backbones with features at strides 8, 16 and 32 can be chosen."""
    with pytest.raises(ValueError, match="strides"):
        EyeNet(EyeNetConfig(backbone="vgg11"))


@pytest.mark.parametrize("likeness", [0, 8])
@pytest.mark.parametrize("backbone", ["regnety_002", "resnet18"])
def test_folding_changes_no_answer(backbone: str, likeness: int) -> None:
    """The folded network answers as the one it was made from, in eyes and in likeness, with the backbone's batch norms gone; the original stays."""
    torch.manual_seed(3)
    net = EyeNet(EyeNetConfig(backbone=backbone, width=16, likeness=likeness)).eval()
    for module in net.modules():  # statistics and scales as training leaves them, not the ones of the first day
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_(0, 0.3)
    if net.likeness is not None:
        net.likeness.projection.normal_()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    quick = folded(net)
    if backbone.startswith("regnety"):
        assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in quick.modules())
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    pixels = torch.rand(2, 3, 96, 64) * 255
    with torch.inference_mode():
        for one, other in zip(net.features(pixels), quick.features(pixels), strict=True):
            assert torch.allclose(one, other, rtol=1e-3, atol=1e-3 * float(one.abs().max()))
        maps, again = net(pixels), quick(pixels)
        for part in ("score", "offset", "scale", "partner"):
            assert torch.allclose(getattr(maps, part), getattr(again, part), rtol=1e-3, atol=2e-3), part
        if net.likeness is not None:
            assert torch.allclose(net.likeness(net.features(pixels)[1]), quick.likeness(quick.features(pixels)[1]), atol=1e-3)


def test_the_mean_vote_is_trained_too(oracle) -> None:
    """Votes that miss in opposite directions cost little as a mean; votes that all miss to one side cost their shift."""
    pair = EyePair(Point(59.5, 59.5), Point(99.5, 59.5))  # both eyes on cell centres
    perfect = oracle.maps([(pair, 0.9999)], 16, 16)
    checker = torch.where(torch.arange(16)[:, None] % 2 == torch.arange(16) % 2, 1.0, -1.0)
    around, aside = (Maps(perfect.score, perfect.offset + 0.4 * pattern, perfect.scale, perfect.partner) for pattern in (checker, torch.ones(16, 16)))
    mean_around, mean_aside = (loss(maps, faces_of(pair), ONE)[1]["mean"] for maps in (around, aside))
    assert loss(perfect, faces_of(pair), ONE)[1]["mean"] < 1e-5
    assert mean_aside == pytest.approx(0.8, rel=1e-3)  # in x and in y
    assert mean_around < 0.2 * mean_aside
