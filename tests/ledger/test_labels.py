"""What people said about eyes is never lost, counts before any model, and is asked about when it looks like a slip."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from photodiary.diary.calendar import Taken
from photodiary.diary.eyes import EyePair, Point, Sighting, differs_grossly
from photodiary.diary.photo import Stage, digest_of
from photodiary.ledger import deciding, labels, photos, verdicts
from photodiary.ledger.labels import Label
from photodiary.ledger.photos import NewPhoto, PhotoRow
from photodiary.ledger.store import Ledger

EYES = EyePair(Point(100, 200), Point(180, 200))
AWAY = EyePair(Point(160, 200), Point(240, 200))
SURE = Sighting("net-1", EYES, 1.0)
WHEN = Taken(datetime(2024, 5, 15, 8, 30), None, "exif")


def new_photo(ledger: Ledger) -> PhotoRow:
    digest = digest_of(b"one")
    photos.insert_or_name(ledger, NewPhoto(digest, 7, "jpeg", 400, 300, WHEN, 0.0, "originals/one.jpg", Stage.RECEIVED), b"one.jpg", 0.0)
    return found(ledger)


def found(ledger: Ledger) -> PhotoRow:
    row = photos.find(ledger, digest_of(b"one"))
    assert row is not None
    return row


def model_says(ledger: Ledger, sighting: Sighting) -> None:
    stage = Stage.EXCLUDED if sighting.eyes is None else Stage.LOCATED
    photos.append_sighting(ledger, found(ledger), sighting, stage, doubtful=False, reason=sighting.reason, now=1.0)


def person_says(ledger: Ledger, eyes: EyePair, by: str = "placed") -> int:
    _, new = labels.place(ledger, [Label(found(ledger), eyes, by)], 2.0)
    while deciding.heed(ledger, UTC, 3.0):
        pass
    return new


def test_a_label_that_came_before_the_model_looked_counts(ledger: Ledger) -> None:
    """A photo labelled while it waits for the locator gets the person's eyes, whatever the model then says, also that there is no face."""
    new_photo(ledger)
    assert person_says(ledger, EYES) == 1
    assert found(ledger).stage is Stage.RECEIVED
    model_says(ledger, Sighting("net-1", None, None, "no_face", 0))
    row = found(ledger)
    assert (row.stage, row.doubtful, row.reason) == (Stage.LOCATED, False, None)
    assert row.sighting is not None and row.sighting.by == "placed" and row.sighting.eyes == EYES


def test_a_label_overrides_every_model_and_no_model_overrides_it(ledger: Ledger) -> None:
    """The newest human sighting stays the current one when models look again."""
    new_photo(ledger)
    model_says(ledger, SURE)
    near = EyePair(Point(101, 200), Point(181, 200))
    person_says(ledger, near)
    with ledger.write() as db:
        photos.move(db, found(ledger), Stage.RECEIVED)
    model_says(ledger, Sighting("net-2", EYES, 0.5))
    row = found(ledger)
    assert row.sighting is not None and row.sighting.eyes == near and row.stage is Stage.LOCATED


def test_a_label_brings_a_photo_without_a_face_into_the_film(ledger: Ledger) -> None:
    """Where the model saw no face, a person's eyes count; what a person left out stays out, with the label kept for when it is restored."""
    new_photo(ledger)
    model_says(ledger, Sighting("net-1", None, None, "no_face", 0))
    assert found(ledger).stage is Stage.EXCLUDED
    person_says(ledger, EYES)
    assert found(ledger).stage is Stage.LOCATED
    deciding.decide(ledger, [found(ledger)], verdicts.EXCLUDED, None, 4.0)
    person_says(ledger, AWAY)
    assert found(ledger).stage is Stage.EXCLUDED and found(ledger).reason == "excluded"
    deciding.decide(ledger, [found(ledger)], verdicts.RESTORED, None, 5.0)
    deciding.heed(ledger, UTC, 6.0)
    row = found(ledger)
    assert row.stage is Stage.LOCATED and row.sighting is not None and row.sighting.eyes == AWAY


def test_the_same_label_again_is_nothing_new(ledger: Ledger) -> None:
    """Saying the same twice appends nothing; confirming what was placed does, and so does another place."""
    new_photo(ledger)
    model_says(ledger, SURE)
    assert [person_says(ledger, EYES), person_says(ledger, EYES), person_says(ledger, EYES, "confirmed")] == [1, 0, 1]


def test_a_slip_is_questioned_until_said_again(ledger: Ledger) -> None:
    """A label grossly elsewhere than a sure model is in force but to be checked; said once more, or confirmed, it is not asked about again."""
    new_photo(ledger)
    model_says(ledger, SURE)
    person_says(ledger, AWAY)
    assert (found(ledger).doubtful, found(ledger).reason) == (True, "label_differs")
    person_says(ledger, EyePair(Point(160.5, 200), Point(240.5, 200)))
    assert (found(ledger).doubtful, found(ledger).reason) == (False, None)


@pytest.mark.parametrize(
    ("model", "gross"),
    [
        (SURE, True),
        (Sighting("net-1", EYES, 3.1), False),
        (Sighting("net-1", EYES, 1.0, faces=2), False),
        (Sighting("net-1", EYES, 1.0, "not_this_person"), False),
        (Sighting("net-1", None, None, "no_face", 0), False),
    ],
)
def test_only_a_model_that_is_sure_of_the_only_face_questions_a_label(model: Sighting, gross: bool) -> None:
    """Where the model is unsure, or there are more faces to choose from, a person's word is not doubted."""
    assert differs_grossly(AWAY, model) is gross
    assert not differs_grossly(EYES, model)


def test_labels_in_force_are_the_newest(ledger: Ledger) -> None:
    """One label a photo, the newest."""
    row = new_photo(ledger)
    model_says(ledger, SURE)
    person_says(ledger, AWAY)
    person_says(ledger, EYES, "confirmed")
    [(photo, label)] = list(labels.in_force(ledger))
    assert (photo.id, label.by, label.eyes) == (row.id, "confirmed", EYES)


def test_a_label_does_not_bring_in_what_has_no_date(ledger: Ledger) -> None:
    """Left out before it had a date, labelled, and put back: it waits for its date, and the label holds once it has one."""
    digest = digest_of(b"one")
    photos.insert_or_name(ledger, NewPhoto(digest, 7, "jpeg", 400, 300, None, None, "originals/one.jpg", Stage.UNDATED, "undated"), b"one.jpg", 0.0)
    deciding.decide(ledger, [found(ledger)], verdicts.EXCLUDED, None, 1.0)
    while deciding.heed(ledger, UTC, 1.5):
        pass
    assert found(ledger).stage is Stage.EXCLUDED
    deciding.decide(ledger, [found(ledger)], verdicts.RESTORED, None, 2.0)
    person_says(ledger, EYES)
    assert found(ledger).stage is Stage.UNDATED
