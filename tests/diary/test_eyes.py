"""Which statement about the eyes counts, and when a person is asked."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photodiary.diary.eyes import REASONS, DoubtConfig, EyePair, Point, Sighting, Triage, current, triage
from photodiary.diary.photo import Stage

EYES = EyePair(Point(100.0, 200.0), Point(160.0, 280.0))
DOUBT = DoubtConfig(ask_above=5.0, leave_out_above=10.0)

coordinates = st.floats(-1e4, 1e4)
points = st.builds(Point, coordinates, coordinates)
pairs = st.builds(EyePair, points, points)
errors = st.none() | st.floats(0, 200)
sightings = st.builds(
    Sighting,
    by=st.sampled_from(["placed", "confirmed", "net-1", "net-2", "net-3"]),
    eyes=st.none() | st.just(EYES),
    expected_error=errors,
    reason=st.none() | st.sampled_from(sorted(REASONS)),
)


# -- geometry ----------------------------------------------------------------------------------------------------------------------


def test_distance_middle_and_tilt_of_an_example() -> None:
    """IOD, middle and tilt are what a ruler would say: 60 to the right and 80 down is 100 apart."""
    assert EYES.iod == 100.0
    assert EYES.middle == Point(130.0, 240.0)
    assert math.degrees(EYES.tilt) == pytest.approx(53.1301, abs=1e-4)  # clockwise in the picture: the right eye is lower


@given(pairs, pairs)
def test_the_distance_of_two_pairs_is_that_of_the_worse_eye(one: EyePair, other: EyePair) -> None:
    """It is the same both ways, zero for the same eyes only, and no eye lies further off."""
    assert one.distance(other) == other.distance(one)
    assert one.distance(one) == 0
    assert one.distance(other) == max(math.dist(one.left, other.left), math.dist(one.right, other.right))


# -- which one counts --------------------------------------------------------------------------------------------------------------


def test_nothing_said_is_nothing_known() -> None:
    """Without a statement there are no eyes."""
    assert current([], "net-1") is None


@given(st.lists(sightings, max_size=8), st.sampled_from(["net-1", "net-2", "net-9"]))
def test_the_newest_human_counts_then_the_model_then_the_newest(said: list[Sighting], model: str) -> None:
    """A person's newest statement counts whatever a model says later; else the model's in force; else the newest of any."""
    chosen = current(said, model)
    for group in ([s for s in said if s.by in ("placed", "confirmed")], [s for s in said if s.by == model], said):
        if group:
            assert chosen is group[-1]
            return
    assert chosen is None


def test_a_correction_survives_retraining() -> None:
    """However many models speak after a person did, the person is believed."""
    placed = Sighting("placed", EYES)
    assert current([Sighting("net-1", EYES, 9.0), placed, *(Sighting(f"net-{n}", EYES, 0.1) for n in range(2, 9))], "net-8") is placed


# -- asking ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("by", "eyes", "error", "reason", "wanted"),
    [
        ("net-1", None, None, None, Triage(Stage.EXCLUDED, False, "no_face")),
        ("net-1", None, None, "cut_by_edge", Triage(Stage.EXCLUDED, False, "cut_by_edge")),
        ("net-1", EYES, 0.0, None, Triage(Stage.LOCATED, False, None)),
        ("net-1", EYES, 5.0, None, Triage(Stage.LOCATED, False, None)),
        ("net-1", EYES, 5.01, None, Triage(Stage.LOCATED, True, "unsure")),
        ("net-1", EYES, 10.0, "covered", Triage(Stage.LOCATED, True, "covered")),
        ("net-1", EYES, 10.01, None, Triage(Stage.DOUBTFUL, True, "unsure")),
        ("net-1", EYES, 99.0, "covered", Triage(Stage.DOUBTFUL, True, "covered")),
        ("net-1", EYES, None, None, Triage(Stage.DOUBTFUL, True, "unsure")),
        ("net-1", EYES, 1.0, "several_faces", Triage(Stage.LOCATED, True, "several_faces")),
        ("net-1", EYES, 1.0, "not_this_person", Triage(Stage.DOUBTFUL, True, "not_this_person")),
        ("placed", EYES, None, "not_this_person", Triage(Stage.LOCATED, False, None)),
        ("net-1", EYES, 1.0, "covered", Triage(Stage.LOCATED, False, None)),
        ("placed", EYES, None, None, Triage(Stage.LOCATED, False, None)),
        ("confirmed", EYES, 99.0, "several_faces", Triage(Stage.LOCATED, False, None)),
    ],
)
def test_what_follows_from_a_sighting(by: str, eyes: EyePair | None, error: float | None, reason: str | None, wanted: Triage) -> None:
    """No face is left out; a person's eyes go into the film; over 5 % a person is asked, over 10 %, or when it seems to be somebody else, the photo waits."""
    assert triage(Sighting(by, eyes, error, reason), DOUBT) == wanted


def test_what_is_asked_above_by_itself() -> None:
    """Unless it is configured, a person is asked from an expected error of 3 % on, and the photo waits from 10 % on."""
    assert DoubtConfig() == DoubtConfig(ask_above=3.0, leave_out_above=10.0)
    assert [triage(Sighting("net-1", EYES, error), DoubtConfig()).doubtful for error in (3.0, 3.01)] == [False, True]


@given(sightings, st.floats(0.1, 50), st.floats(0, 50))
def test_every_doubt_has_a_reason(sighting: Sighting, ask: float, more: float) -> None:
    """Whoever is asked, or misses a photo, can be told why; what is sure of itself is in the film without a word."""
    answer = triage(sighting, DoubtConfig(ask, ask + more))
    shown_at_once = answer.stage is Stage.LOCATED and not answer.doubtful
    assert (answer.reason is None) == shown_at_once
    assert answer.reason is None or answer.reason in REASONS
    assert answer.doubtful or answer.stage is not Stage.DOUBTFUL
    assert (answer.stage is Stage.EXCLUDED) == (sighting.eyes is None)


@pytest.mark.parametrize(("ask", "leave_out"), [(0.0, 10.0), (-1.0, 10.0), (11.0, 10.0), (math.nan, 10.0), (5.0, math.nan)])
def test_doubt_without_sense_is_refused(ask: float, leave_out: float) -> None:
    """A person cannot be asked below zero, nor only about photos that are left out anyway."""
    with pytest.raises(ValueError, match="ask_above must be over 0 and at most leave_out_above"):
        DoubtConfig(ask, leave_out)
