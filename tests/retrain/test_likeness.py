"""Fitting what a face looks like: people that the fit never saw are told apart, and twice the same data give the same answer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from photodiary.eyenet.network import LIKENESS_GRID, Likeness, likeness_input
from photodiary.retrain.evaluate import auroc
from photodiary.retrain.likeness import Projection, fit

DIMENSIONS = 16
Features = NDArray[np.float32]


class People:
    """Features in which people differ along a few directions, under a louder change of light along others that is nobody's."""

    def __init__(self, seed: int, dimensions: int = 200) -> None:
        rng = np.random.default_rng(seed)
        axes = np.linalg.qr(rng.standard_normal((dimensions, dimensions)))[0]
        self.who, self.light = axes[:DIMENSIONS], axes[DIMENSIONS : DIMENSIONS + 12]
        self.rng = rng
        self.dimensions = dimensions

    def photos(self, people: int, each: int, start: int = 0) -> tuple[Features, NDArray[np.str_]]:
        """(N, D) features and their names; a person met again is the same person."""
        rows, names = [], []
        for number in range(start, start + people):
            self_of = np.random.default_rng((77, number)).standard_normal(DIMENSIONS) @ self.who
            light = 4 * self.rng.standard_normal((each, len(self.light))) @ self.light
            rows.append(5 + self_of + light + 0.1 * self.rng.standard_normal((each, self.dimensions)))
            names += [f"person-{number}"] * each
        return np.concatenate(rows).astype(np.float32), np.array(names)


def told_apart(looks: Features, names: NDArray[np.str_]) -> float:
    """AUROC of pairs: one person against two."""
    upper = np.triu_indices(len(looks), 1)
    value = auroc((looks @ looks.T)[upper].tolist(), (names[:, None] == names)[upper].tolist())
    assert value is not None
    return value


def unit(rows: Features) -> Features:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_people_that_were_never_seen_are_told_apart() -> None:
    """Photos of one person are closer than photos of two, also of people that the fit did not know and that the plain features mix up."""
    world = People(1)
    features, names = world.photos(60, 8)
    projection = fit(features, names, DIMENSIONS)
    strangers, whose = world.photos(20, 6, start=1000)
    assert told_apart(unit(strangers - features.mean(0)), whose) < 0.75
    assert told_apart(projection(strangers), whose) > 0.97


def test_a_look_has_length_one() -> None:
    """Looks are (N, d) of length 1, in single precision, also of features that are nothing at all."""
    world = People(2)
    features, names = world.photos(30, 6)
    projection = fit(features, names, DIMENSIONS)
    assert projection.mean.shape == (200,)
    assert projection.matrix.shape == (200, DIMENSIONS)
    looks = projection(features)
    assert (looks.shape, looks.dtype) == ((180, DIMENSIONS), np.float32)
    assert np.allclose(np.linalg.norm(looks, axis=1), 1, atol=1e-5)
    assert np.isfinite(projection(projection.mean[None])).all()


def test_the_fit_is_deterministic() -> None:
    """The same photos give the same projection, bit for bit, in one process; shuffled they give the same distances."""
    world = People(3)
    features, names = world.photos(40, 6)
    one, again = fit(features, names, DIMENSIONS), fit(features, names, DIMENSIONS)
    assert np.array_equal(one.matrix, again.matrix)
    assert np.array_equal(one.mean, again.mean)
    order = np.random.default_rng(0).permutation(len(features))
    shuffled = fit(features[order], names[order], DIMENSIONS)(features)
    looks = one(features)
    assert np.abs(shuffled @ shuffled.T - looks @ looks.T).max() < 0.02


def test_fewer_dimensions_keep_the_best() -> None:
    """The first directions of many are the ones that are found when only a few are asked for."""
    world = People(4)
    features, names = world.photos(60, 8)
    few, many = fit(features, names, 4), fit(features, names, DIMENSIONS)
    assert np.allclose(np.abs(few.matrix), np.abs(many.matrix[:, :4]), atol=1e-3 * float(np.abs(many.matrix).max()))


@pytest.mark.parametrize("each", [[2] * 40, [1] * 30 + [10] * 10, [40, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2]])
def test_people_with_few_photos_are_no_trouble(each: list[int]) -> None:
    """With two photos a person, many with only one, or one who has most of them, the fit is finite and tells people apart."""
    world = People(5)
    parts = [world.photos(1, count, start=number) for number, count in enumerate(each)]
    features, names = np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
    projection = fit(features, names, 8)
    assert np.isfinite(projection.matrix).all()
    strangers, whose = world.photos(20, 6, start=1000)
    assert told_apart(projection(strangers), whose) > told_apart(unit(strangers - features.mean(0)), whose)


def test_the_network_computes_what_was_fitted() -> None:
    """The part of the network that says what a face looks like gives the same looks as the projection that it was made from."""
    features = torch.rand(6, 10, 8, 8, generator=torch.Generator().manual_seed(1))
    rows = likeness_input(features)
    assert rows.shape == (6, 10 * LIKENESS_GRID**2)
    rng = np.random.default_rng(2)
    projection = Projection(rows.numpy().mean(0), rng.standard_normal((rows.shape[1], 5)).astype(np.float32))
    part = Likeness(10, 5)
    part.load_state_dict({"mean": torch.tensor(projection.mean), "projection": torch.tensor(projection.matrix)})
    assert np.allclose(part(features).numpy(), projection(rows.numpy()), atol=1e-5)
