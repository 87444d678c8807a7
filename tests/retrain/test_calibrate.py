"""Calibration: known weights come back from what they made, and what is promised holds for what was never seen."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from photodiary.diary.eyes import EyePair, Point
from photodiary.eyenet.likeness import ENOUGH, Gallery
from photodiary.locate.choosing import evidence, expected_error
from photodiary.locate.looking import Face
from photodiary.retrain.calibrate import WORST, comparisons, fit_doubt, fit_odds
from photodiary.retrain.evaluate import auroc
from photodiary.retrain.likeness import fit

TRUTH = (-0.4, 0.5, 0.6, 0.3, 0.8, 0.2)
Numbers = NDArray[np.float64]


def faces(count: int, seed: int) -> list[Face]:
    """Faces whose evidence varies as in real photos: most are sure, some are not."""
    rng = np.random.default_rng(seed)
    eyes = EyePair(Point(0.0, 0.0), Point(100.0, 0.0))
    own, spread, strayed = (np.exp(rng.normal(mean, 0.7, count)) for mean in (0.0, -0.7, -0.5))
    weaker = rng.beta(6, 1.5, count)
    score = weaker + (1 - weaker) * rng.random(count)
    return [Face(eyes, *map(float, row)) for row in zip(score, weaker, own, spread, strayed, strict=True)]


def errors(some: list[Face], seed: int, doubt: tuple[float, ...] = TRUTH) -> Numbers:
    """Errors whose mean is what `doubt` says, as uneven as errors are."""
    return np.random.default_rng(seed).exponential([expected_error(face, doubt) for face in some])


def table(some: list[Face]) -> Numbers:
    return np.array([evidence(face) for face in some])


def close(fitted: Numbers, truth: tuple[float, ...]) -> bool:
    """Each weight is nearly right; the two of the eyes' scores, which mostly go together, in their sum."""
    off = fitted - truth
    return bool(np.abs(off[:4]).max() < 0.05 and np.abs(off[4:]).max() < 0.15 and abs(off[4:].sum()) < 0.08)


# -- the expected error ------------------------------------------------------------------------------------------------------------


def test_known_weights_come_back() -> None:
    """From many errors that known weights made, the same weights are fitted."""
    some = faces(30_000, 1)
    fitted = fit_doubt(table(some), errors(some, 2))
    assert fitted.shape == (6,)
    assert close(fitted, TRUTH)
    assert np.abs(table(some) @ (fitted - TRUTH)).max() < 0.15, "and for each photo what they say"


def test_a_fit_is_deterministic() -> None:
    """The same photos give the same weights."""
    some = faces(500, 3)
    assert np.array_equal(fit_doubt(table(some), errors(some, 4)), fit_doubt(table(some), errors(some, 4)))


def test_promises_hold_for_photos_that_were_never_seen() -> None:
    """Among photos kept aside, whose expected error lies in a range have a mean error in that range, from the surest to the least sure."""
    some, others = faces(1500, 5), faces(20_000, 6)
    doubt = tuple(fit_doubt(table(some), errors(some, 7)))
    expected, true = np.array([expected_error(face, doubt) for face in others]), errors(others, 8)
    for low, high in zip(*[np.quantile(expected, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0])[part] for part in (slice(None, -1), slice(1, None))], strict=True):
        inside = (expected >= low) & (expected < high)
        assert true[inside].mean() == pytest.approx(expected[inside].mean(), rel=0.15)
    best = auroc([expected_error(face, TRUTH) for face in others], (true > 5).tolist())
    ranked = auroc(expected.tolist(), (true > 5).tolist())
    assert best is not None and ranked is not None
    assert ranked > best - 0.02, "and they rank the photos as well as the truth does"


def test_evidence_that_says_nothing_gets_no_weight() -> None:
    """A part that has nothing to do with the errors is hardly heard."""
    some = faces(20_000, 9)
    fitted = fit_doubt(table(some), errors(some, 10, (0.2, 1.0, 0.0, 0.0, 0.0, 0.0)))
    assert close(fitted, (0.2, 1.0, 0.0, 0.0, 0.0, 0.0))


def test_one_wild_miss_does_not_outweigh_the_rest() -> None:
    """A face that was missed altogether counts as a bad error, not as a thousand good ones."""
    some = faces(400, 11)
    usual = errors(some, 12)
    wild, capped = usual.copy(), usual.copy()
    wild[7], capped[7] = 1000.0, WORST
    assert np.array_equal(fit_doubt(table(some), wild), fit_doubt(table(some), capped))
    fits = [tuple(fit_doubt(table(some), made)) for made in (usual, wild)]
    plain, moved = (np.mean([expected_error(face, doubt) for face in some]) for doubt in fits)
    assert moved < 1.3 * plain


def test_errors_of_nothing_and_few_photos_are_no_trouble() -> None:
    """With no errors at all, or a handful of photos, the weights are finite."""
    some = faces(5, 13)
    for made in (np.zeros(5), np.full(5, 1000.0), errors(some, 14)):
        assert np.isfinite(fit_doubt(table(some), made)).all()


# -- whose face it is --------------------------------------------------------------------------------------------------------------


def photos(people: int, each: int, seed: int, dimensions: int = 60) -> tuple[NDArray[np.float32], NDArray[np.str_]]:
    """Features of people who differ along a few directions, under changes that are nobody's."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(np.random.default_rng(0).standard_normal((dimensions, dimensions)))[0]
    rows = []
    for number in range(people):
        mine = np.random.default_rng((seed, number)).standard_normal(10) @ axes[:10]
        rows.append(mine + 2 * rng.standard_normal((each, 8)) @ axes[10:18] + 0.2 * rng.standard_normal((each, dimensions)))
    names = np.array([f"person-{seed}-{number}" for number in range(people) for _ in range(each)])
    return np.concatenate(rows).astype(np.float32), names


def test_comparisons_are_fair() -> None:
    """As many strangers as own photos, only people with enough photos, galleries of at least ten, and nobody compared with a picture in the gallery."""
    rng = np.random.default_rng(1)
    rich, poor = photos(4, 20, 1)[0][:, :10], photos(6, ENOUGH, 2)[0][:, :10]
    looks = np.concatenate([rich, poor])
    looks /= np.linalg.norm(looks, axis=1, keepdims=True)
    names = np.array([f"rich-{n // 20}" for n in range(80)] + [f"poor-{n // ENOUGH}" for n in range(6 * ENOUGH)])
    order = rng.permutation(len(looks))
    made = list(comparisons(looks[order], names[order], seed=0))
    own = [like for like, _, same in made if same]
    strangers = [like for like, _, same in made if not same]
    assert len(own) == len(strangers) == 4 * (20 - 20 * 2 // 3)
    assert max(own) < 1 - 1e-6
    assert made == list(comparisons(looks[order], names[order], seed=0)), "the same each time"
    assert made != list(comparisons(looks[order], names[order], seed=1))


def test_the_odds_are_honest_for_people_never_seen() -> None:
    """Fitted on some people, the odds say of others how often a face is the gallery's person: of those given 80 %, about 80 % are."""
    features, names = photos(60, 24, 3)
    odds, made = fit_odds(features, names, 10)
    assert odds.shape == (3,)
    assert odds[1] > 0, "the more alike, the likelier"
    own = np.array([same for _, _, same in made])
    assert 0.4 < own.mean() < 0.6
    log_odds = np.array([odds @ (1, like, mine) for like, mine, _ in made])
    assert auroc(log_odds.tolist(), own.tolist()) > 0.9  # type: ignore[operator]
    chance = 1 / (1 + np.exp(-log_odds))
    for low, high in ((0, 0.3), (0.3, 0.7), (0.7, 1.01)):
        inside = (chance >= low) & (chance < high)
        if inside.sum() > 60:
            assert own[inside].mean() == pytest.approx(chance[inside].mean(), abs=0.12)


def test_the_odds_separate_a_diarys_person_from_strangers() -> None:
    """With odds fitted on other people, a gallery lets its own person in and keeps strangers out."""
    features, names = photos(60, 24, 4)
    odds, _ = fit_odds(features, names, 10)
    projection = fit(features, names, 10)
    mine, others = photos(1, 40, 50)[0], photos(30, 1, 60)[0]
    gallery = Gallery(projection(mine[:20]))
    weights = tuple(float(v) for v in odds)
    own = np.array(gallery.log_odds(list(projection(mine[20:])), weights))
    strange = np.array(gallery.log_odds(list(projection(others)), weights))
    assert (own > 0).mean() > 0.9
    assert (strange < 0).mean() > 0.85
