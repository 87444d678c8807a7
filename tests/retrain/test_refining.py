"""Learning a diary changes what was taught and leaves the rest as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from photodiary.darkroom import disturb
from photodiary.eyenet import registry, weights
from photodiary.eyenet.network import EyeNet
from photodiary.retrain import lessons
from photodiary.retrain.lessons import IOD, SIDE, Lesson
from photodiary.retrain.refining import FROZEN, RefiningConfig, moved, refine

SEEN = np.array([[SIDE / 2 - 0.5 - IOD / 2, 0.46 * SIDE], [SIDE / 2 - 0.5 + IOD / 2, 0.46 * SIDE]])
TAUGHT = np.array([[0.0, 0.03], [0.0, 0.03]])  # of the IOD, downwards


@pytest.fixture(scope="module")
def base() -> EyeNet:
    torch.set_num_threads(1)
    disturb.single_thread()
    return weights.load(registry.SHIPPED)[0]


@pytest.fixture(scope="module")
def portraits() -> list[Lesson]:
    """Six crops of one portrait, whose labels all lie 3 % below what the model sees."""
    import sys

    from tests.support.daemon import ROOT

    sys.path.append(str(ROOT / "deploy"))
    from selfies import month  # type: ignore[import-not-found]
    from tests.support.portraits import upright

    from photodiary.darkroom.inmemory import PixelView
    from photodiary.diary.eyes import EyePair, Point

    made = []
    for one in month(6):
        eyes = EyePair(*(Point(*map(float, eye)) for eye in one.eyes))
        down = 0.03 * eyes.iod
        label = EyePair(*(Point(eye.x - down * np.sin(eyes.tilt), eye.y + down * np.cos(eyes.tilt)) for eye in eyes))
        made.append(lessons.lesson(PixelView(upright(one.data)), eyes, label, placed=True, diary="me", name=one.name, day=one.name, embedding=None))
    return made


CONFIG = RefiningConfig(samples=160)


@pytest.fixture(scope="module")
def learnt(base: EyeNet, portraits: list[Lesson]) -> tuple[EyeNet, list[tuple[int, float]]]:
    told: list[tuple[int, float]] = []
    return refine(base, portraits, {}, CONFIG, lambda seen, loss: told.append((seen, loss))), told


def downward(base: EyeNet, net: EyeNet, portraits: list[Lesson]) -> float:
    """By how much lower the network sees eyes than the base model, in % of IOD, on samples that it was not shown."""
    from photodiary.eyenet.network import pixels_to_cells
    from photodiary.retrain.refining import _around, _mean_vote

    samples = [lessons.labelled(one, np.zeros((2, 2)), np.random.default_rng((99, n))) for n, one in enumerate(portraits)]
    pixels = torch.from_numpy(np.stack([one.pixels for one in samples])).float()
    cells = pixels_to_cells(torch.from_numpy(np.stack([one.eyes for one in samples])))
    with torch.inference_mode():
        features = base.features(pixels)
        one, other = net.read(features), base.read(features)
        near = _around(cells, one.score.shape)
        away = (_mean_vote(one, near) - _mean_vote(other, near))[..., 1].mean(1) / (cells[:, 1] - cells[:, 0]).norm(dim=1)
    return 100 * float(away.mean())


@pytest.mark.slow
def test_it_goes_where_the_labels_are(base: EyeNet, learnt: tuple[EyeNet, list[tuple[int, float]]], portraits: list[Lesson]) -> None:
    """Taught that eyes lie 3 % lower, it sees them lower, and its progress was told with a falling loss to the last sample."""
    net, told = learnt
    assert downward(base, net, portraits) > 0.3
    assert told[-1][0] == CONFIG.samples and np.isfinite([loss for _, loss in told]).all()


@pytest.mark.slow
def test_what_is_not_to_change_does_not(base: EyeNet, learnt: tuple[EyeNet, list[tuple[int, float]]]) -> None:
    """The backbone and what says whose face it is stay bit by bit, so that faces stay comparable; the base model itself is not touched."""
    net, _ = learnt
    shipped = weights.load(registry.SHIPPED)[0].state_dict()
    for name, value in net.state_dict().items():
        if name.startswith(FROZEN) or "running_" in name:
            assert torch.equal(value, shipped[name]), name
        assert torch.equal(base.state_dict()[name], shipped[name]), name
    assert any(not torch.equal(value, shipped[name]) for name, value in net.state_dict().items())


@pytest.mark.slow
def test_a_habit_taken_out_leaves_nothing_to_learn(base: EyeNet, learnt: tuple[EyeNet, list[tuple[int, float]]], portraits: list[Lesson]) -> None:
    """When all that the labels say is a habit, the network learns next to none of it: others would have to bear it."""
    habit = lessons.habit(portraits, 0.0)
    without = refine(base, portraits, {"me": habit}, CONFIG)
    assert abs(downward(base, without, portraits)) < 0.4 * downward(base, learnt[0], portraits)


@pytest.mark.slow
def test_the_same_again_is_the_same(base: EyeNet, portraits: list[Lesson]) -> None:
    """With the same labels and one thread the same weights come out, to the last bit."""
    short = RefiningConfig(samples=32)
    one, other = (refine(base, portraits, {}, short).state_dict() for _ in range(2))
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_without_labels_it_stays(base: EyeNet, portraits: list[Lesson]) -> None:
    """Nothing to learn from: the base model comes back, its answers unmoved."""
    plain = [Lesson("me", "a", None, portraits[0].picture, SEEN, None, False, None)]
    net = refine(base, plain, {}, CONFIG)
    samples = [lessons.unlabelled(portraits[0], np.random.default_rng(n)) for n in range(3)]
    assert moved(base, net, samples) == [0.0] * 3
