"""Fits what turns the network's evidence into honest numbers: the expected error, and the odds that a face is the diary's person."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from photodiary.eyenet.likeness import ENOUGH, MOST, Gallery
from photodiary.retrain.likeness import fit

Numbers = NDArray[np.float64]

WORST = 60.0  # % of IOD that an error counts at most: one wild miss must not outweigh a hundred photos
PENALTY = 1e-3


def fit_doubt(evidence: Numbers, errors: Numbers) -> Numbers:
    """Weights (k,) with which exp(evidence (n, k) @ weights) is the mean of the errors (n,), in % of IOD: exponential likelihood."""
    x, e = torch.tensor(evidence), torch.tensor(np.minimum(errors, WORST))
    weights = torch.zeros(x.shape[1], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=300, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        log_mean = x @ weights
        loss = (log_mean + e * torch.exp(-log_mean)).mean() + PENALTY * weights[1:].square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return np.asarray(weights.detach().numpy())


def comparisons(embeddings: NDArray[np.float32], people: NDArray[np.str_], seed: int) -> Iterator[tuple[float, float, bool]]:
    """(likeness, the gallery's own, same person) of faces against galleries of people with enough photos; as many strangers as own photos."""
    dice = np.random.default_rng(seed)
    everybody, counts = np.unique(people, return_counts=True)
    for person in everybody[counts > ENOUGH + 1]:
        mine, others = np.flatnonzero(people == person), np.flatnonzero(people != person)
        dice.shuffle(mine)
        size = int(min(MOST, max(ENOUGH, len(mine) * 2 // 3)))
        gallery, own = Gallery(embeddings[mine[:size]]), mine[size : size + 20]
        alike = gallery.own()
        for number in own:
            yield gallery.likeness(embeddings[number]), alike, True
        for number in dice.choice(others, len(own), replace=False):
            yield gallery.likeness(embeddings[number]), alike, False


def fit_odds(features: NDArray[np.float32], people: NDArray[np.str_], dimensions: int, folds: int = 4) -> tuple[Numbers, list[tuple[float, float, bool]]]:
    """Weights of (1, likeness, the gallery's own) in the log odds, each comparison made with a projection that never saw its people."""
    group = np.unique(people, return_inverse=True)[1] % folds
    made: list[tuple[float, float, bool]] = []
    for fold in range(folds):
        projection = fit(features[group != fold], people[group != fold], dimensions)
        made += comparisons(projection(features[group == fold]), people[group == fold], seed=fold)
    table = np.array([(like, own) for like, own, _ in made])
    same = torch.tensor([float(yes) for _, _, yes in made], dtype=torch.float64)
    x = torch.tensor(np.column_stack([np.ones(len(table)), table]))
    weights = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=300, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(x @ weights, same) + PENALTY * weights.square().sum() * 0.1
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return np.asarray(weights.detach().numpy()), made
