"""What a model has learnt of single people, and that it counts for nobody else."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from photodiary.diary.eyes import EyePair, Point
from photodiary.errors import BadModel
from photodiary.eyenet import weights
from photodiary.eyenet.network import EyeNet, EyeNetConfig
from photodiary.eyenet.person import FEWEST, Person, corrected, moved

EYES = EyePair(Point(100.0, 200.0), Point(180.0, 260.0))  # 100 px apart, tilted
OFFSET = ((0.01, 0.02), (-0.01, 0.02))
ODDS = (-6.0, 20.0, -8.0)


def looks(seed: int, count: int = 12, dimensions: int = 16) -> np.ndarray:
    dice = np.random.default_rng(seed)
    rows = dice.normal(0, 1, dimensions) + dice.normal(0, 0.2, (count, dimensions))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def test_a_persons_eyes_move_in_their_own_frame() -> None:
    """One per cent along the eyes' line and two below it, whichever way the head is tilted."""
    eyes = moved(EYES, OFFSET)
    assert eyes.left == pytest.approx((100 + 0.8 - 1.2, 200 + 0.6 + 1.6))
    assert eyes.right == pytest.approx((180 - 0.8 - 1.2, 260 - 0.6 + 1.6))


@given(st.floats(-math.pi, math.pi), st.floats(0.1, 10))
def test_the_offset_turns_and_grows_with_the_head(angle: float, scale: float) -> None:
    """Turning and enlarging a picture first or moving its eyes first comes to the same."""

    def turned(eyes: EyePair) -> EyePair:
        a = complex(math.cos(angle), math.sin(angle)) * scale
        return EyePair(*(Point((a * complex(*eye)).real, (a * complex(*eye)).imag) for eye in eyes))

    assert turned(moved(EYES, OFFSET)).distance(moved(turned(EYES), OFFSET)) < 1e-9 * max(1, scale) * 1000


def test_only_the_person_is_corrected() -> None:
    """The person's own face gets nearly all of the correction, a stranger's nearly none of it, and of two people each their own."""
    me, anna = Person(looks(1), OFFSET), Person(looks(2), ((-0.02, 0.0), (0.02, 0.0)))
    mine, hers, strange = (looks(seed, 13)[-1] for seed in (1, 2, 3))
    assert corrected(EYES, mine, [me, anna], ODDS).distance(moved(EYES, OFFSET)) < 0.1
    assert corrected(EYES, hers, [me, anna], ODDS).distance(moved(EYES, anna.offset)) < 0.1
    assert corrected(EYES, strange, [me, anna], ODDS).distance(EYES) < 0.01


def test_nobody_known_changes_nothing() -> None:
    """Without people, without a look at the face, or with too few looks to know anybody by, eyes stay to the last bit."""
    me = Person(looks(1), OFFSET)
    assert corrected(EYES, looks(1)[0], [], ODDS) == EYES
    assert corrected(EYES, None, [me], ODDS) == EYES
    assert corrected(EYES, looks(1)[0], [Person(looks(1)[: FEWEST - 1], OFFSET)], ODDS) == EYES


@pytest.fixture(scope="module")
def net() -> EyeNet:
    torch.manual_seed(1)
    return EyeNet(EyeNetConfig(likeness=16)).eval()


def test_people_travel_with_the_weights(net: EyeNet, tmp_path: Path) -> None:
    """A file keeps who was learnt; the rest of it is the same as without."""
    net.people = (Person(looks(1), OFFSET), Person(looks(2), ((0.0, 0.0), (0.0, 0.0))))
    weights.save(net, tmp_path / "m.safetensors", name="m")
    loaded, _, _ = weights.load(tmp_path / "m.safetensors")
    assert np.allclose([person.offset for person in loaded.people], [person.offset for person in net.people], atol=1e-6)
    assert all(np.abs(one.looks - other.looks).max() < 1e-3 for one, other in zip(loaded.people, net.people, strict=True))
    net.people = ()
    assert loaded.state_dict().keys() == net.state_dict().keys()


@pytest.mark.parametrize(
    "damage",
    [
        {"person.0.offset": torch.full((2, 2), 0.5)},
        {"person.0.offset": torch.zeros(3)},
        {"person.0.offset": torch.full((2, 2), float("nan"))},
        {"person.0.looks": torch.zeros(12, 5)},
        {"person.1.offset": torch.zeros(2, 2)},
    ],
    ids=["far", "shape", "no number", "other looks", "half a person"],
)
def test_a_damaged_person_is_no_model(net: EyeNet, tmp_path: Path, damage: dict[str, torch.Tensor]) -> None:
    """Whoever moves eyes by half a face, or is no person at all, is refused like any other damage."""
    net.people = (Person(looks(1), OFFSET),)
    path = tmp_path / "m.safetensors"
    weights.save(net, path, name="m")
    net.people = ()
    from safetensors import safe_open

    with safe_open(path, "pt") as handle:
        metadata = handle.metadata()
    save_file({**load_file(path), **damage}, path, metadata)
    with pytest.raises(BadModel, match="cannot be loaded"):
        weights.load(path)
