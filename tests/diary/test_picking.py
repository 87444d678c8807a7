"""Which photo is the better one, and why, in words that are true."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from photodiary.diary.picking import ALIKE, BETTER, SLIGHT, WEIGHTS, WORSE, Marks, better, score, worse

GOOD = Marks(sharp=0.5, light=0.55, dark=0.0, bright=0.0, open=1.0, turned=0.1)
SHARE = st.floats(0, 1)
MARKS = st.builds(Marks, SHARE, SHARE, SHARE, SHARE, SHARE, SHARE)
ERROR = st.none() | st.floats(0, 100)


@given(MARKS, ERROR)
def test_a_score_is_the_sum_of_its_parts_within_their_weights(marks: Marks, error: float | None) -> None:
    """Whatever was measured, no part is negative or weighs more than it may."""
    found = score(marks, error)
    assert found.parts.keys() == WEIGHTS.keys() == BETTER.keys() == WORSE.keys()
    assert all(0 <= part <= WEIGHTS[name] for name, part in found.parts.items())
    assert abs(found.value - sum(found.parts.values())) < 1e-4


@given(MARKS, ERROR, st.floats(0, 1))
def test_what_is_better_in_one_thing_is_never_worse_in_all(marks: Marks, error: float | None, more: float) -> None:
    """Sharper, more open, facing the camera more, less clipped, eyes surer: none of them lowers a score."""
    at = score(marks, error).value
    assert score(replace(marks, sharp=max(marks.sharp, more)), error).value >= at
    assert score(replace(marks, open=max(marks.open, more)), error).value >= at
    assert score(replace(marks, turned=min(marks.turned, more)), error).value >= at
    assert score(replace(marks, dark=min(marks.dark, more)), error).value >= at
    assert score(replace(marks, bright=min(marks.bright, more)), error).value >= at
    assert score(marks, None).value >= at, "eyes that a person placed are sure"


@given(MARKS, ERROR, MARKS, ERROR)
def test_reasons_are_the_same_seen_from_the_other_side(one: Marks, error: float | None, two: Marks, other_error: float | None) -> None:
    """Where one is called better, the other is called worse for the same things, and who scores higher never lacks a reason."""
    a, b = score(one, error), score(two, other_error)
    names = {words: name for told in (BETTER, WORSE, SLIGHT) for name, words in told.items()} | {"eyes wider open": "open"}
    assert [names[words] for words in better(a, b) if words != ALIKE] == [names[words] for words in worse(b, a)]
    if a.value > b.value:
        assert better(a, b)


def test_open_eyes_outweigh_a_soft_or_dim_photo() -> None:
    """A sharp, well lit photo with closed eyes is passed over for a soft one, or a dim one, with open eyes."""
    closed = score(replace(GOOD, open=0.02), 1.0)
    soft, dim, past = score(replace(GOOD, sharp=0.36), 1.0), score(replace(GOOD, light=0.15), 1.0), score(replace(GOOD, turned=0.5), 1.0)
    assert min(soft.value, dim.value, past.value) > closed.value
    assert better(soft, closed) == ["eyes open"] and worse(closed, soft) == ["eyes closed"]
    assert better(score(GOOD, 1.0), past) == ["facing the camera"] and worse(dim, score(GOOD, 1.0)) == ["worse lit"]
    assert better(score(GOOD, None), score(GOOD, 4.0)) == ["eyes more surely found"]
    assert worse(score(replace(GOOD, open=0.8, turned=0.25), 1.0), score(GOOD, 1.0)) == ["eyes less open", "turned a little aside"]
    assert better(score(GOOD, 1.0), score(replace(GOOD, open=0.8), 1.0)) == ["eyes wider open"]
    assert worse(score(replace(GOOD, sharp=0.36, turned=0.6), 1.0), score(GOOD, 1.0)) == ["turned aside", "less sharp"], "what counts most comes first"


def test_nearly_equal_photos_are_told_to_be_so() -> None:
    """No reason is made up where only the sum decides; of equal ones neither is the better."""
    one, other = score(GOOD, 1.0), score(replace(GOOD, sharp=0.495), 1.0)
    assert better(one, other) == [ALIKE] and worse(other, one) == []
    assert better(one, one) == []
