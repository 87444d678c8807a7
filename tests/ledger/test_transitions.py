"""Transitions in the ledger: each pair of frames once, reports only of the film they are about, and nothing of a photo that is forgotten."""

from __future__ import annotations

from datetime import timedelta

import pytest

from photodiary.diary.canvas import Canvas, similarity
from photodiary.diary.eyes import EyePair, Point, Sighting
from photodiary.diary.photo import Digest, Stage
from photodiary.diary.quality import Jitter, Leap, Measured, Quality
from photodiary.diary.reel import MAIN_FILM
from photodiary.ledger import forgetting, photos, reels, transitions
from photodiary.ledger.reels import ReelRow
from photodiary.ledger.store import Ledger

from .conftest import NOON, TakeIn

CANVAS = Canvas(1080, 1350, Point(333.0, 580.0), Point(746.0, 580.0))
EYES = EyePair(Point(1200.0, 1500.0), Point(1800.0, 1500.0))
STILL = Measured(((0.1, 0.0), (0.0, -0.1)), 0.9)


@pytest.fixture
def film(ledger: Ledger, take_in: TakeIn) -> list[str]:
    """The frames of a film of three photos, eyes by two models and a person."""
    reels.adopt_canvas(ledger, CANVAS, frozen=True, source="auto", words="in words", now=0.0)
    made = []
    for number, by in enumerate(("net-1", "net-1", "placed")):
        photo = take_in(number, wall=NOON + timedelta(number))
        photos.append_sighting(ledger, photo, Sighting(by, EYES, 1.0), Stage.LOCATED, doubtful=False, reason=None, now=0.0)
        located = photos.find(ledger, photo.sha256)
        assert located is not None
        made.append(f"frames/2024/2024-05-1{number}_12-00-00_{photo.sha256[:16]}_00000000.jpg")
        reels.publish_frame(ledger, located, made[-1], 5000, similarity(EYES, CANVAS), 1, lambda: 0.0)
    publish(ledger, made)
    return made


def publish(ledger: Ledger, frames: list[str], fingerprint: str = "first") -> None:
    reels.publish_reel(ledger, ReelRow(MAIN_FILM, len(frames), 1.0, fingerprint, 1000, 1.0), frames)


def digest(ledger: Ledger, frame: str) -> Digest:
    (shown,) = transitions.shown_at(ledger, [reels.shown_by_newest(ledger).index(frame)]).values()
    return shown.sha256


def test_pairs_are_kept_until_no_film_shows_them(ledger: Ledger, film: list[str]) -> None:
    """What was measured comes back as it was; pairs that are no pairs any more go, photos looked at twice when their frame has left."""
    a, b, c = film
    unlike = Measured(None, 0.2)
    transitions.keep(ledger, {(a, b): STILL, (b, c): unlike, (a, a): STILL, (c, c): STILL})
    assert transitions.known(ledger) == {(a, b): STILL, (b, c): unlike, (a, a): STILL, (c, c): STILL}
    assert transitions.floors(ledger) == {a: STILL, c: STILL}
    assert transitions.prune(ledger, [(a, b)]) == 2
    assert set(transitions.known(ledger)) == {(a, b), (a, a)}
    assert transitions.prune(ledger, [(a, b)]) == 0


def test_a_report_is_of_the_film_that_was_measured(ledger: Ledger, film: list[str]) -> None:
    """One that comes after a newer film was published is dropped; the newest film's is what is read."""
    quality = Quality(Jitter(0.5, 1.0, None, 2, 0), None, (Leap(1, 1.0),), (0,))
    assert transitions.newest(ledger) is None
    transitions.publish(ledger, MAIN_FILM, "first", quality)
    assert transitions.newest(ledger) == quality
    publish(ledger, film[:2], "second")
    transitions.publish(ledger, MAIN_FILM, "first", quality)
    assert transitions.newest(ledger) is None and transitions.newest(ledger, "films/year.mp4") is None


def test_photos_to_look_at_twice_are_the_models_own(ledger: Ledger, film: list[str]) -> None:
    """Of the film, placed by this very model, always the same ones, and none a second time."""
    both = sorted(film[:2], key=lambda frame: digest(ledger, frame))
    assert [twice.frame for twice in transitions.sample(ledger, "net-1", 10)] == both
    assert transitions.sample(ledger, "net-2", 10) == []
    transitions.keep(ledger, {(both[0], both[0]): Measured(None, 0.0)})
    assert [twice.frame for twice in transitions.sample(ledger, "net-1", 10)] == both[1:] and transitions.sample(ledger, "net-1", 1) == []


def test_places_of_a_film_are_photos(ledger: Ledger, film: list[str]) -> None:
    """By the order that the film was made in; one that left the diary is left out, and a place beyond the end."""
    shown = transitions.shown_at(ledger, [0, 2, 7])
    assert set(shown) == {0, 2} and shown[2].frame == film[2] and shown[2].wall == NOON + timedelta(2)
    assert transitions.seen(ledger)[film[1]] == transitions.Seen(CANVAS, None)


def test_nothing_names_a_photo_that_is_forgotten(ledger: Ledger, film: list[str]) -> None:
    """Its pairs on both sides go with its row; the others stay."""
    a, b, c = film
    transitions.keep(ledger, {(a, b): STILL, (b, c): STILL, (b, b): STILL, (c, c): STILL})
    gone = digest(ledger, b)
    forgetting.wish(ledger, [gone], 5.0)
    publish(ledger, [a, c])
    forgetting.wipe(ledger, [gone], 6.0)
    assert f"_{gone[:16]}_".encode() not in ledger.path.read_bytes()
    assert set(transitions.known(ledger)) == {(c, c)}
    transitions.keep(ledger, {(b, b): STILL, (a, a): STILL})  # it was just being looked at a second time
    assert set(transitions.known(ledger)) == {(a, a), (c, c)}
