"""A training run: stops and goes on where it was, and ends with weights that load."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save as save_tensors

from photodiary.errors import BadModel
from photodiary.eyenet import weights
from photodiary.eyenet.network import EyeNet, EyeNetConfig
from photodiary.retrain.training import STATE, WEIGHTS, Trainer, TrainingConfig, learning_rate

TINY = TrainingConfig(backbone="regnety_002", samples=12, batch=2, size=64, scene_size=96, scene_every=3, warmup=4, loaders=0, seed=5)


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


def test_crops_and_scenes_come_in_turn(faces, tmp_path: Path) -> None:
    """Every so many batches one is of scenes, at their own size, and a resumed run keeps the turn."""
    sizes: list[int] = []

    class Watched(Trainer):
        def _step(self, pixels, faces, trust):  # type: ignore[no-untyped-def]
            sizes.append(pixels.shape[-1])
            return super()._step(pixels, faces, trust)

    config = replace(TINY, samples=14)
    for patience in (4, 99):
        Watched(faces, tmp_path, config).run(quiet, Patience(patience))
    assert sizes == [64, 64, 96, 64, 64, 96, 64]


def statistics(net: torch.nn.Module) -> list[torch.Tensor]:
    """What batch norm has seen so far."""
    return [value.clone() for key, value in net.state_dict().items() if key.endswith(("running_mean", "running_var"))]


def same(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


class Norms(Trainer):
    """Remembers what batch norm had seen after each step."""

    def _step(self, pixels, faces, trust):  # type: ignore[no-untyped-def]
        parts = super()._step(pixels, faces, trust)
        self.course = [*getattr(self, "course", []), statistics(self.net)]
        return parts


def test_batch_norm_keeps_its_statistics_after_a_while(faces, tmp_path: Path) -> None:
    """From the given share of the samples on nothing more is seen by batch norm, also in a resumed run, while the weights go on learning."""
    config = replace(TINY, freeze_norm_from=0.5)
    trainer = Norms(faces, tmp_path, config)
    begin = statistics(trainer.net)
    trainer.run(quiet, Patience(4))
    first = trainer.course
    assert [same(*pair) for pair in zip([begin, *first], first, strict=False)] == [False, False, False, True]
    before = {key: value.clone() for key, value in trainer.net.named_parameters()}
    trainer = Norms(faces, tmp_path, config)
    trainer.run(quiet)
    assert all(same(first[-1], later) for later in trainer.course)
    assert any(not torch.equal(before[key], value) for key, value in trainer.net.named_parameters())
    assert any(not torch.equal(before[key], value) for key, value in trainer.net.named_parameters() if ".bn." in key), "its scales too"


def test_given_weights_keep_their_norm(faces, tmp_path: Path) -> None:
    """Weights of ours to start from have settled: their statistics stay as they are from the first step, in the net and in the weights that are written."""
    torch.manual_seed(98)
    net = EyeNet(EyeNetConfig(backbone="regnety_002"))
    net.train()
    with torch.no_grad():
        net(torch.rand(4, 3, 64, 64) * 255)
    weights.save(net, tmp_path / "init.safetensors", name="start")
    given = statistics(weights.load(tmp_path / "init.safetensors")[0])
    trainer = Norms(faces, tmp_path / "out", replace(TINY, samples=4, freeze_norm_from=1.0), init=tmp_path / "init.safetensors")
    assert trainer.run(quiet)
    assert len(trainer.course) == 2
    assert all(same(given, later) for later in trainer.course)
    written = statistics(weights.load(tmp_path / "out" / WEIGHTS)[0])
    assert all(torch.allclose(a, b, rtol=2e-3, atol=1e-4) for a, b in zip(given, written, strict=True))


def test_a_backbone_of_timms_still_has_its_norm_to_settle(faces, tmp_path: Path) -> None:
    """A backbone without our head is the start of a whole training: batch norm goes on seeing."""
    whole = timm.create_model("regnety_002", pretrained=False)
    (tmp_path / "timm.safetensors").write_bytes(save_tensors({key: value.contiguous() for key, value in whole.state_dict().items()}))
    trainer = Norms(faces, tmp_path / "out", replace(TINY, samples=4, freeze_norm_from=1.0), init=tmp_path / "timm.safetensors")
    given = statistics(trainer.net)
    assert torch.equal(trainer.net.state_dict()["backbone.stem.conv.weight"], whole.state_dict()["stem.conv.weight"])
    assert trainer.run(quiet)
    assert not same(given, trainer.course[0])


def test_scenery_is_trained_with(faces, tmp_path: Path) -> None:
    """A training with scenery sees other samples than one without, and ends with weights all the same."""
    seen: list[torch.Tensor] = []

    class Watched(Trainer):
        def _step(self, pixels, faces, trust):  # type: ignore[no-untyped-def]
            seen.append(pixels.clone())
            return super()._step(pixels, faces, trust)

    scenery = [np.full((90, 120, 3), (255, 0, 255), np.uint8), np.full((40, 40, 4), 255, np.uint8)]
    for name, pictures in (("with", scenery), ("without", None)):
        assert Watched(faces, tmp_path / name, replace(TINY, samples=6), scenery=pictures).run(quiet)
    assert any(not torch.equal(a, b) for a, b in zip(seen[:3], seen[3:], strict=True))


def test_another_backbone_is_not_mixed_in(faces, tmp_path: Path) -> None:
    """A folder that holds a training of another backbone, or weights of one, is refused by name."""
    Trainer(faces, tmp_path, replace(TINY, samples=2)).run(quiet)
    with pytest.raises(BadModel, match=r"regnety_002.*regnety_004"):
        Trainer(faces, tmp_path, replace(TINY, backbone="regnety_004"))
    with pytest.raises(BadModel, match=r"regnety_002.*regnety_004"):
        Trainer(faces, tmp_path / "other", replace(TINY, backbone="regnety_004"), init=tmp_path / WEIGHTS)
    with pytest.raises(BadModel, match="vgg11"):
        Trainer(faces, tmp_path / "other", replace(TINY, backbone="vgg11"))


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
