"""When a candidate has proved better."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photodiary.retrain import judging
from photodiary.retrain.judging import Judged


def judged(before: list[float], after: list[float], diary: str = "me") -> list[Judged]:
    return [Judged(diary, f"{diary}{n}", f"2024-01-{n + 1:02}", f"{diary} {n}", b, a) for n, (b, a) in enumerate(zip(before, after, strict=True))]


NOISE = np.random.default_rng(1).uniform(0.5, 1.5, 40)


def passed(gates: list[judging.Gate]) -> dict[str, bool]:
    return {gate.name: gate.passed for gate in gates}


@given(st.lists(st.sampled_from([f"day {n}" for n in range(12)]), min_size=2, max_size=60))
def test_folds_keep_a_day_together(days: list[str]) -> None:
    """Labels of one day are always in one fold, every fold has some, and the order of the labels plays no part."""
    found = judging.folds(days)
    assert all(len({fold for fold, other in zip(found, days, strict=True) if other == day}) == 1 for day in days)
    assert set(found.tolist()) == set(range(min(judging.FOLDS, len(set(days)))))
    mixed = np.random.default_rng(len(days)).permutation(len(days))
    again = judging.folds([days[n] for n in mixed])
    assert again.tolist() == [int(found[n]) for n in mixed]


def test_folds_are_about_equally_large() -> None:
    """Fifty days give five folds of ten."""
    assert set(Counter(judging.folds([f"d{n}" for n in range(50)]).tolist()).values()) == {10}


def test_better_everywhere_is_sure() -> None:
    """A fifth less error on each of forty labels is certain; a fifth more is certainly not better; the same is a coin's throw."""
    assert judging.better(judged(list(NOISE), list(0.8 * NOISE))) == 1.0
    assert judging.better(judged(list(NOISE), list(1.25 * NOISE))) == 0.0
    assert judging.better(judged(list(NOISE), list(NOISE))) == 0.5


def test_chance_is_not_taken_for_progress() -> None:
    """Of many candidates that are no better, about one in ten passes by chance, as the limit says: not one in three."""
    dice = np.random.default_rng(7)
    lucky = sum(
        judging.better(judged(list(NOISE), list(NOISE * np.exp(dice.normal(0, 0.3, len(NOISE)))))) >= judging.SURE for _ in range(60)
    )  # fmt: skip
    assert lucky <= 12


def test_one_day_with_many_labels_is_one_piece_of_evidence() -> None:
    """Ten labels of one day that improved do not outweigh nine days that got worse."""
    same = [Judged("me", f"s{n}", "2024-01-01", "me 2024-01-01", 1.0, 0.5) for n in range(10)]
    rest = judged([1.0] * 9, [1.3] * 9)
    assert judging.better([*same, *rest]) < judging.SURE


def test_one_miracle_is_not_enough() -> None:
    """A single photo that got right does not promote what is a little worse on all others."""
    assert judging.better(judged([50.0] + [1.0] * 20, [1.0] + [1.05] * 20)) < judging.SURE


def test_the_gates_of_a_good_candidate() -> None:
    """Better, nothing forgotten, nothing gone wild, no diary worse: all passed, each with words."""
    gates = judging.gates(judged(list(NOISE), list(0.8 * NOISE)), [0.05] * 50)
    assert all(gate.passed and gate.words for gate in gates)
    assert set(passed(gates)) == {"better", "nothing forgotten", "nothing gone wild", "diary me"}


def test_a_diary_that_gets_worse_says_no() -> None:
    """What helps one diary and harms another is refused, and the reason names the one that it harms."""
    both = judged(list(NOISE), list(0.6 * NOISE)) + judged(list(NOISE[:10]), list(1.3 * NOISE[:10]), "anna")
    gates = judging.gates(both, [0.05] * 50)
    assert passed(gates) == {"better": True, "nothing forgotten": True, "nothing gone wild": True, "diary me": True, "diary anna": False}
    assert "anna" in next(gate.words for gate in gates if not gate.passed)


def test_a_diary_with_few_labels_is_heard_too() -> None:
    """Three labels that got a quarter worse and more say no; three that got a little worse by chance do not."""
    mine = judged(list(NOISE), list(0.6 * NOISE))
    assert not passed(judging.gates(mine + judged([1.0] * 3, [1.4] * 3, "anna"), [0.05] * 50))["diary anna"]
    assert passed(judging.gates(mine + judged([1.0] * 3, [1.1] * 3, "anna"), [0.05] * 50))["diary anna"]


def test_who_forgets_others_is_refused() -> None:
    """A candidate whose answers about other faces moved is refused however good it is on the diary."""
    assert not passed(judging.gates(judged(list(NOISE), list(0.5 * NOISE)), [0.5] * 50))["nothing forgotten"]
    assert not passed(judging.gates(judged(list(NOISE), list(0.5 * NOISE)), [0.1] * 40 + [3.0] * 10))["nothing forgotten"]


def test_who_goes_wild_is_refused() -> None:
    """One photo that was right and is now far off is one too many."""
    assert not passed(judging.gates(judged(list(NOISE), [30.0, *list(0.5 * NOISE[1:])]), [0.1] * 50))["nothing gone wild"]


@pytest.mark.parametrize(
    ("labels", "fine", "word"),
    [
        (np.random.default_rng(2).normal(0, 0.5, (30, 2, 2)), True, "agree"),
        (np.random.default_rng(2).normal(0, 0.5, (30, 2, 2)) + [[0.5, -0.3], [-0.5, -0.3]], True, "agree"),
        (np.random.default_rng(2).normal(0, 0.5, (30, 2, 2)) + [[0, -9], [0, -9]], False, "beside"),
        (np.random.default_rng(2).normal(0, 6, (30, 2, 2)), False, "contradict"),
    ],
    ids=["of pupils", "with a habit", "of eyebrows", "at random"],
)
def test_labels_that_are_of_something_else_are_refused(labels: np.ndarray, fine: bool, word: str) -> None:
    """A labeller's habit is fine; labels that all lie elsewhere, or anywhere, teach nothing, and the reason says which."""
    (gate,) = judging.labels_agree({"me": labels})
    assert gate.passed == fine
    assert word in gate.words
    assert "me" in gate.words


def test_few_labels_are_not_blamed() -> None:
    """Below eight labels nobody can tell whether they agree."""
    assert judging.labels_agree({"me": np.full((7, 2, 2), 40.0)}) == []
