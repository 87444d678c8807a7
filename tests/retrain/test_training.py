"""A training run: stops and goes on where it was, and ends with weights that load."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from photodiary.errors import BadModel
from photodiary.eyenet import weights
from photodiary.eyenet.network import EyeNet, EyeNetConfig
from photodiary.retrain.training import STATE, WEIGHTS, ConsiderateThreads, Trainer, TrainingConfig, learning_rate

TINY = TrainingConfig(backbone="regnety_002", samples=12, batch=2, size=64, large_size=64, warmup=4, loaders=0, seed=5)


@pytest.fixture(scope="module")
def faces(dots):
    return [dots.face(number) for number in (0, 1, 2)]


class Patience:
    """Keeps going for so many steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def __call__(self) -> bool:
        self.steps -= 1
        return self.steps > 0


def quiet(_: str) -> None:
    return


def test_a_run_ends_with_weights_that_load(faces, tmp_path: Path) -> None:
    """After all samples the exported weights load, carry a name, predict finite numbers, and nothing temporary is left."""
    trainer = Trainer(faces, tmp_path / "out", TINY)
    before = {key: value.clone() for key, value in trainer.net.state_dict().items()}
    assert trainer.run(quiet)
    assert trainer.seen == 12
    assert any(not torch.equal(before[key], value) for key, value in trainer.net.state_dict().items())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [WEIGHTS, STATE]
    net, name, _ = weights.load(tmp_path / "out" / WEIGHTS)
    assert name.startswith("regnety_002")
    with torch.inference_mode():
        assert torch.isfinite(net(torch.rand(1, 3, 64, 64) * 255).score).all()
    assert Trainer(faces, tmp_path / "out", TINY).run(quiet), "finished stays finished"


def test_a_stopped_run_goes_on_where_it_was(faces, tmp_path: Path) -> None:
    """Stopped twice and started anew, a run sees each sample once and ends as an uninterrupted one ends."""
    whole = Trainer(faces, tmp_path / "whole", TINY)
    assert whole.run(quiet)
    seen = []
    for patience in (2, 2, 99):
        trainer = Trainer(faces, tmp_path / "parts", TINY)
        seen.append(trainer.seen)
        finished = trainer.run(quiet, Patience(patience))
        seen.append(trainer.seen)
    assert finished
    assert seen == [0, 4, 4, 8, 8, 12]
    for key, value in whole.average.items():
        assert torch.allclose(trainer.average[key].float(), value.float(), atol=2e-2, rtol=2e-2), key
    steps = {int(state["step"]) for state in trainer.optimizer.state_dict()["state"].values()}
    assert steps == {6}


def test_the_last_stretch_is_at_the_large_size(faces, tmp_path: Path) -> None:
    """The first part of the samples is seen small, the rest large, also when the border is no whole batch."""
    sizes: list[int] = []

    class Watched(Trainer):
        def _step(self, pixels, faces, trust):  # type: ignore[no-untyped-def]
            sizes.append(pixels.shape[-1])
            return super()._step(pixels, faces, trust)

    trainer = Watched(faces, tmp_path, replace(TINY, samples=8, large_size=96, large_from=0.4))
    assert trainer.run(quiet)
    assert sizes == [64, 64, 96, 96]
    assert trainer.seen == 8


def test_another_backbone_is_not_mixed_in(faces, tmp_path: Path) -> None:
    """A folder that holds a training of another backbone, or weights of one, is refused by name."""
    Trainer(faces, tmp_path, replace(TINY, samples=2)).run(quiet)
    with pytest.raises(BadModel, match=r"regnety_002.*regnety_004"):
        Trainer(faces, tmp_path, replace(TINY, backbone="regnety_004"))
    with pytest.raises(BadModel, match=r"regnety_002.*regnety_004"):
        Trainer(faces, tmp_path / "other", replace(TINY, backbone="regnety_004"), init=tmp_path / WEIGHTS)


def test_a_torn_state_is_told(faces, tmp_path: Path) -> None:
    """A state file that is damaged, or no state at all, is a BadModel that names it, never a crash or executed code."""
    for content in (b"", b"nonsense", b"PK\x03\x04" + bytes(100)):
        (tmp_path / STATE).write_bytes(content)
        with pytest.raises(BadModel, match=STATE):
            Trainer(faces, tmp_path, TINY)


def test_training_starts_from_given_weights(faces, tmp_path: Path) -> None:
    """--init starts from local weights, and a resumed run prefers its own state."""
    torch.manual_seed(99)
    net = EyeNet(EyeNetConfig(backbone="regnety_002"))
    weights.save(net, tmp_path / "init.safetensors", name="start")
    trainer = Trainer(faces, tmp_path / "out", replace(TINY, samples=2), init=tmp_path / "init.safetensors")
    assert torch.equal(trainer.net.state_dict()["head.weight"], net.state_dict()["head.weight"].half().float())
    trainer.run(quiet)
    again = Trainer(faces, tmp_path / "out", TINY, init=tmp_path / "init.safetensors")
    assert again.seen == 2


@given(st.integers(1, 500), st.integers(1, 64), st.integers(0, 100), st.integers(0, 600))
def test_the_learning_rate_is_a_function_of_samples_seen(samples: int, batch: int, warmup: int, seen: int) -> None:
    """It is always above zero and at most the peak."""
    config = TrainingConfig(samples=samples, batch=batch, warmup=warmup)
    assert 0 < learning_rate(config, seen) <= config.learning_rate * (1 + 1e-9)


def test_the_learning_rate_rises_and_falls() -> None:
    """Linear up during the warm-up, level, half a cosine down to one per cent over the last part, and it stays there."""
    config = TrainingConfig(samples=1000, batch=10, warmup=100, settle=0.5, learning_rate=1.0)
    course = [learning_rate(config, seen) for seen in range(0, 1001, 10)]
    rising, level, falling = course[:11], course[10:51], course[50:]
    assert all(a < b for a, b in zip(rising, rising[1:], strict=False))
    assert all(math.isclose(b - a, course[1] - course[0], rel_tol=1e-6) for a, b in zip(course[:9], course[1:10], strict=True))
    assert set(level) == {1.0}
    assert all(a > b for a, b in zip(falling, falling[1:], strict=False))
    assert learning_rate(config, 750) == pytest.approx(0.505)
    assert learning_rate(config, 1000) == learning_rate(config, 5000) == pytest.approx(0.01)


def test_threads_are_shared_with_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """While somebody else computes, training keeps to one thread; alone it takes what it may."""
    before = torch.get_num_threads()
    readings = iter([(0.0, 0.0), (10.0, 10.0), (30.0, 20.0), (40.0, 30.0)])
    monkeypatch.setattr(ConsiderateThreads, "_read", staticmethod(lambda: next(readings)))
    threads = ConsiderateThreads(2)
    assert [threads.adjust(10, 0.35) for _ in range(3)] == [2, 1, 2]
    torch.set_num_threads(before)
