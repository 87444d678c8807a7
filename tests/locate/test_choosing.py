"""Whose eyes they are, how far off they may be, and what a person is asked."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photodiary.diary.eyes import REASONS, EyePair, Point
from photodiary.locate.choosing import COVERED, FAINT, TOO_CLOSE, UNSURE, at_edge, choose, evidence, expected_error, rank
from photodiary.locate.looking import Face

SIZE = (1000, 1200)
PLAIN = (0.0, 1.0, 0.0, 0.0, 0.0, 0.0)  # the network's own estimate, plus a tenth
STRANGER = -1.0


def pair(x: float, y: float, iod: float, degrees: float = 0.0) -> EyePair:
    dx, dy = (iod / 2 * f(math.radians(degrees)) for f in (math.cos, math.sin))
    return EyePair(Point(x - dx, y - dy), Point(x + dx, y + dy))


FACE = Face(pair(500, 500, 200), score=0.9, weaker=0.85, own=1.0, spread=0.4, strayed=0.5)
faces = st.builds(
    Face, st.builds(pair, st.floats(0, 1000), st.floats(0, 1200), st.floats(2, 600), st.floats(-180, 180)), score=st.floats(0.05, 1), weaker=st.floats(0, 1),
    own=st.floats(0, 80), spread=st.floats(0, 80), strayed=st.floats(0, 80),
)  # fmt: skip


# -- which face --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (FACE, replace(FACE, eyes=pair(500, 500, 120))),  # larger
        (FACE, replace(FACE, eyes=pair(150, 500, 200))),  # nearer to the middle
        (FACE, replace(FACE, eyes=pair(500, 1100, 200))),
        (FACE, replace(FACE, score=0.4)),  # clearer
        (FACE, replace(FACE, own=6.0)),  # surer
    ],
)
def test_the_large_central_clear_face_comes_first(better: Face, worse: Face) -> None:
    """Of two faces the larger, the more central, the clearer and the surer one is the one that the photo is about, in whatever order they come."""
    assert rank(better, SIZE, None) > rank(worse, SIZE, None)
    for order in ([better, worse], [worse, better]):
        assert choose(order, SIZE, PLAIN, None, STRANGER).face is better


def test_likeness_outweighs_size() -> None:
    """With a gallery the diary's person is chosen beside somebody twice as large; likeness alone never makes a speck the one meant."""
    large, mine = replace(FACE, eyes=pair(300, 500, 260)), replace(FACE, eyes=pair(700, 500, 130))
    assert choose([large, mine], SIZE, PLAIN, None, STRANGER).face is large
    chosen = choose([large, mine], SIZE, PLAIN, [-4.0, 3.0], STRANGER)
    assert (chosen.face, chosen.log_odds, chosen.reason) == (mine, 3.0, None)
    assert rank(FACE, SIZE, 3.0) == rank(FACE, SIZE, 99.0)
    assert rank(FACE, SIZE, -3.0) == rank(FACE, SIZE, -99.0)


@given(st.lists(faces, min_size=1, max_size=5), st.data())
def test_a_choice_is_complete(some: list[Face], data: st.DataObject) -> None:
    """Whatever faces there are: one of them is chosen, the error is finite and positive, the reason one that people can be told, at least one face counts."""
    odds = data.draw(st.none() | st.lists(st.floats(-50, 50), min_size=len(some), max_size=len(some)))
    chosen = choose(some, SIZE, (0.2, 0.5, 0.3, 0.2, 0.4, 0.1), odds, STRANGER)
    assert any(chosen.face is face for face in some)
    assert chosen.expected_error is not None and math.isfinite(chosen.expected_error) and chosen.expected_error > 0
    assert chosen.reason is None or chosen.reason in REASONS
    assert 1 <= chosen.faces <= len(some)
    assert (chosen.log_odds is None) == (odds is None)


def test_without_faces_there_is_none() -> None:
    """No face: no eyes, no error, the reason no_face."""
    chosen = choose([], SIZE, PLAIN, None, STRANGER)
    assert (chosen.face, chosen.expected_error, chosen.reason, chosen.faces, chosen.log_odds) == (None, None, "no_face", 0, None)


# -- what is asked -----------------------------------------------------------------------------------------------------------------


def test_a_sure_face_is_not_asked_about() -> None:
    """One clear face that the network is sure of needs no reason."""
    chosen = choose([FACE], SIZE, PLAIN, None, STRANGER)
    assert (chosen.face, chosen.reason, chosen.faces) == (FACE, None, 1)
    assert chosen.expected_error == pytest.approx(1.1)


def test_two_equal_faces_are_asked_about() -> None:
    """When two faces could as well be meant a person is asked, and told that there are several; a far smaller one is only counted."""
    left, right = replace(FACE, eyes=pair(300, 540, 200)), replace(FACE, eyes=pair(700, 540, 204))
    small = replace(FACE, eyes=pair(800, 300, 60))
    assert rank(right, SIZE, None) - rank(left, SIZE, None) < TOO_CLOSE
    chosen = choose([left, right], SIZE, PLAIN, None, STRANGER)
    assert (chosen.face, chosen.reason, chosen.faces) == (right, "several_faces", 2)
    chosen = choose([FACE, small], SIZE, PLAIN, None, STRANGER)
    assert (chosen.face, chosen.reason, chosen.faces) == (FACE, None, 2)


def test_likeness_settles_who_of_two_is_meant() -> None:
    """Two equal faces of which one is like the diary's person are no question any more."""
    left, right = replace(FACE, eyes=pair(300, 540, 200)), replace(FACE, eyes=pair(700, 540, 204))
    chosen = choose([left, right], SIZE, PLAIN, [4.0, -4.0], STRANGER)
    assert (chosen.face, chosen.reason, chosen.faces) == (left, None, 2)
    assert choose([left, right], SIZE, PLAIN, [4.0, 4.0], STRANGER).reason == "several_faces", "twins"


def test_what_is_faint_or_the_same_face_is_no_second_one() -> None:
    """A fold seen at less than half the score, and a second answer about the same eyes, are not counted as people."""
    fold = replace(FACE, eyes=pair(520, 900, 190), score=0.9 * FAINT - 0.01)
    again = replace(FACE, eyes=pair(540, 510, 210))
    chosen = choose([FACE, fold, again], SIZE, PLAIN, None, STRANGER)
    assert (chosen.faces, chosen.reason) == (1, None)


@pytest.mark.parametrize(("odds", "reason"), [(STRANGER - 0.01, "not_this_person"), (STRANGER, None), (5.0, None)])
def test_a_stranger_is_told(odds: float, reason: str | None) -> None:
    """A face whose odds lie below the limit seems to be somebody else, however sure its eyes are, and is said to be so with its eyes."""
    chosen = choose([FACE], SIZE, PLAIN, [odds], STRANGER)
    assert (chosen.face, chosen.reason, chosen.log_odds) == (FACE, reason, odds)


def test_somebody_else_is_the_first_thing_to_say() -> None:
    """When all faces are strangers', that is the reason, not that there are several or that the eyes are unsure."""
    left, right = (replace(FACE, eyes=pair(x, 540, 200), own=9.0) for x in (300, 700))
    assert choose([left, right], SIZE, PLAIN, [-6.0, -6.0], STRANGER).reason == "not_this_person"


@pytest.mark.parametrize(
    ("face", "reason"),
    [
        (replace(FACE, own=9.0), "unsure"),
        (replace(FACE, own=9.0, weaker=COVERED - 0.01), "covered"),
        (replace(FACE, own=9.0, eyes=pair(150, 500, 200)), "cut_by_edge"),
        (replace(FACE, own=9.0, eyes=pair(500, 60, 200)), "cut_by_edge"),
        (replace(FACE, own=9.0, eyes=pair(150, 500, 200), weaker=0.1), "cut_by_edge"),
        (replace(FACE, own=1.0, eyes=pair(150, 500, 200), weaker=0.1), None),
        (replace(FACE, own=UNSURE - 0.11), None),
        (replace(FACE, own=UNSURE - 0.09), "unsure"),
    ],
)
def test_a_doubt_is_given_its_likeliest_reason(face: Face, reason: str | None) -> None:
    """Above the limit a person reads why: the face is cut by the edge, an eye may be covered, or neither; below it there is nothing to say."""
    assert choose([face], SIZE, PLAIN, None, STRANGER).reason == reason


@given(faces, st.floats(0.1, 10))
def test_an_edge_is_an_edge_at_any_scale(face: Face, scale: float) -> None:
    """Whether a face is cut does not depend on how many pixels the photo has, nor on which way it is mirrored."""
    eyes = EyePair(*(Point(p.x * scale, p.y * scale) for p in face.eyes))
    margin = min(abs(v - e) for p in face.eyes for v, size in zip(p, SIZE, strict=True) for e in (0.5 * face.eyes.iod, size - 0.5 * face.eyes.iod))
    if margin > 1e-6 * face.eyes.iod + 1e-9:
        assert at_edge(eyes, (SIZE[0] * scale, SIZE[1] * scale)) == at_edge(face.eyes, SIZE)
        flipped = EyePair(*(Point(SIZE[0] - p.x, p.y) for p in reversed(face.eyes)))
        assert at_edge(flipped, SIZE) == at_edge(face.eyes, SIZE)


# -- how far off -------------------------------------------------------------------------------------------------------------------

weights = st.tuples(st.floats(-2, 2), *[st.floats(0, 2)] * 5)
WORSE = {"own": 1, "spread": 2, "strayed": 3, "weaker": 4, "score": 5}  # which part of the evidence each tells


def worse(face: Face, name: str, by: float) -> Face:
    value = getattr(face, name)
    return replace(face, **{name: value * (1 - by) if name in ("weaker", "score") else value + 10 * by})


@given(faces, weights, st.sampled_from(sorted(WORSE)), st.floats(0.01, 1))
def test_the_expected_error_grows_with_each_part_of_the_evidence(face: Face, doubt: tuple[float, ...], name: str, by: float) -> None:
    """With weights above zero, whatever speaks against a face never makes its expected error smaller; nor does it change the other parts."""
    bad = worse(face, name, by)
    assert expected_error(bad, doubt) >= expected_error(face, doubt) - 1e-12
    before, after = evidence(face), evidence(bad)
    assert after[WORSE[name]] >= before[WORSE[name]]
    assert [a == b for n, (a, b) in enumerate(zip(after, before, strict=True)) if n != WORSE[name]] == [True] * 5


@pytest.mark.parametrize("name", sorted(WORSE))
def test_each_part_of_the_evidence_is_heard(name: str) -> None:
    """Each weight reaches exactly its part: with only that weight, only what it tells moves the error."""
    doubt = tuple(float(n == WORSE[name]) for n in range(6))
    for other in WORSE:
        moved = expected_error(worse(FACE, other, 0.5), doubt) > expected_error(FACE, doubt) * 1.001
        assert moved == (other == name)


@given(faces, st.tuples(*[st.floats(-5, 5)] * 6))
def test_the_expected_error_is_a_number_whatever_the_weights(face: Face, doubt: tuple[float, ...]) -> None:
    """It lies between a twentieth and 150 % of the IOD, so that neither a speck of evidence nor a wild one makes it meaningless."""
    assert math.exp(-3.0) <= expected_error(face, doubt) <= math.exp(5.0)


def test_a_calibration_of_another_length_is_refused() -> None:
    """As many weights as there is evidence, or an error: never a silent half."""
    with pytest.raises(ValueError, match="zip"):
        expected_error(FACE, (0.0, 1.0, 0.0))
