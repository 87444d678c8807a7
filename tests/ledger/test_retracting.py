"""What a person said can be taken back: the photo then stands as what still counts says, and nothing that was taken back teaches a model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from photodiary.diary.eyes import EyePair, Point, Sighting
from photodiary.diary.facing import Facing
from photodiary.diary.photo import Stage
from photodiary.errors import BadUsage
from photodiary.ledger import deciding, facings, forgetting, labels, photos, retracting, summary, takes, verdicts, wishes
from photodiary.ledger.labels import Label
from photodiary.ledger.photos import PhotoRow
from photodiary.ledger.store import Ledger
from photodiary.ledger.verdicts import EXCLUDED, NO_FACE, NOT_ME, RESTORED

from .conftest import NOON, TakeIn

EYES = EyePair(Point(1000.0, 1500.0), Point(1600.0, 1500.0))
ELSEWHERE = EyePair(Point(1010.0, 1490.0), Point(1620.0, 1490.0))


def again(ledger: Ledger, photo: PhotoRow) -> PhotoRow:
    row = photos.find(ledger, photo.sha256)
    assert row is not None
    return row


def act(ledger: Ledger) -> None:
    while deciding.heed(ledger, UTC, 90.0):
        pass


def seen(ledger: Ledger, photo: PhotoRow, eyes: EyePair | None = EYES, *, doubtful: bool = False, reason: str | None = None) -> PhotoRow:
    """What a model says about it."""
    stage = Stage.EXCLUDED if eyes is None else Stage.LOCATED
    photos.append_sighting(
        ledger, again(ledger, photo), Sighting("net-1", eyes, 1.0, reason, 0 if eyes is None else 1), stage, doubtful=doubtful, reason=reason, now=1.0
    )
    return again(ledger, photo)


def decide(ledger: Ledger, chosen: list[PhotoRow], kind: str, at: float) -> None:
    deciding.decide(ledger, chosen, kind, None, at)
    act(ledger)


def place(ledger: Ledger, photo: PhotoRow, eyes: EyePair, at: float, by: str = "placed") -> PhotoRow:
    labels.place(ledger, [Label(again(ledger, photo), eyes, by)], at)
    act(ledger)
    return again(ledger, photo)


def take_back(ledger: Ledger, at: float) -> list[str]:
    number, digests = retracting.take_back(ledger, at, 80.0)
    act(ledger)
    assert wishes.get(ledger, number).done_at == 90.0
    return list(digests)


@pytest.mark.parametrize(("kind", "reason"), [(NOT_ME, "not_me"), (NO_FACE, "faceless"), (EXCLUDED, "excluded")])
def test_somebody_else_and_nobody_are_left_out_and_come_back(ledger: Ledger, take_in: TakeIn, kind: str, reason: str) -> None:
    """Said to be somebody else, or without a face, a photo is out for that reason and not to check; restored it has the eyes it had."""
    photo = seen(ledger, take_in(1), doubtful=True, reason="not_this_person")
    decide(ledger, [photo], kind, 5.0)
    out = again(ledger, photo)
    assert (out.stage, out.reason, out.doubtful, out.in_film) == (Stage.EXCLUDED, reason, False, False)
    decide(ledger, [photo], RESTORED, 6.0)
    back = again(ledger, photo)
    assert (back.stage, back.doubtful, back.sighting_id) == (Stage.LOCATED, False, photo.sighting_id)


@pytest.mark.parametrize("kind", [NOT_ME, NO_FACE, EXCLUDED])
def test_what_was_left_out_by_mistake_is_asked_about_again(ledger: Ledger, take_in: TakeIn, kind: str) -> None:
    """A decision that is taken back sends the photo to be looked at once more, so that it is asked about as before; both stay in its history."""
    photo = seen(ledger, take_in(1), doubtful=True, reason="unsure")
    decide(ledger, [photo], kind, 5.0)
    assert take_back(ledger, 5.0) == [photo.sha256]
    assert again(ledger, photo).stage is Stage.RECEIVED
    asked = seen(ledger, photo, doubtful=True, reason="unsure")
    assert (asked.stage, asked.doubtful, asked.reason) == (Stage.LOCATED, True, "unsure")
    with ledger.read() as db:
        told = [(verdict.kind, verdict.standing) for verdict in verdicts.history(db, photo.id)]
        assert verdicts.in_force(db, photo.id).excluded is None
    assert told == [(kind, False), ("retracted", True)]


def test_taking_back_a_restoration_leaves_the_older_decision(ledger: Ledger, take_in: TakeIn) -> None:
    """Restored by mistake, a photo is out again for the reason that it was out before."""
    photo = seen(ledger, take_in(1))
    decide(ledger, [photo], NOT_ME, 5.0)
    decide(ledger, [photo], RESTORED, 6.0)
    take_back(ledger, 6.0)
    assert (again(ledger, photo).stage, again(ledger, photo).reason) == (Stage.EXCLUDED, "not_me")


def test_many_photos_are_taken_back_at_once(ledger: Ledger, take_in: TakeIn) -> None:
    """One act about many photos has one moment, and is taken back as one."""
    chosen = [seen(ledger, take_in(number), None, reason="no_face") for number in range(5)]
    decide(ledger, chosen[:4], EXCLUDED, 5.0)
    decide(ledger, chosen[4:], EXCLUDED, 5.5)
    assert take_back(ledger, 5.0) == [photo.sha256 for photo in chosen[:4]]
    assert [again(ledger, photo).stage for photo in chosen] == [Stage.RECEIVED] * 4 + [Stage.EXCLUDED]


def test_a_label_taken_back_no_longer_counts(ledger: Ledger, take_in: TakeIn) -> None:
    """Without the label the model is asked again; the label trains nothing, judges nothing, is not counted, and stays in the database."""
    photo = seen(ledger, take_in(1), doubtful=True, reason="unsure")
    placed = place(ledger, photo, ELSEWHERE, 5.0)
    assert placed.sighting is not None and placed.sighting.by == "placed"
    take_back(ledger, 5.0)
    waits = again(ledger, photo)
    assert (waits.stage, waits.sighting_id) == (Stage.RECEIVED, photo.sighting_id)
    asked = seen(ledger, photo, doubtful=True, reason="unsure")
    assert asked.sighting is not None and asked.sighting.by == "net-1" and asked.doubtful
    assert list(labels.in_force(ledger)) == [] and summary.labels(ledger) == {"placed": 0, "confirmed": 0}
    with ledger.read() as db:
        assert db.execute("SELECT count(*) FROM sightings WHERE by = 'placed'").fetchone()[0] == 1


def test_the_label_before_counts_again(ledger: Ledger, take_in: TakeIn) -> None:
    """Of two labels the newer is taken back: the older one is in force, at once and without a model."""
    photo = seen(ledger, take_in(1))
    first = place(ledger, photo, ELSEWHERE, 5.0)
    place(ledger, photo, EYES, 6.0, "confirmed")
    take_back(ledger, 6.0)
    row = again(ledger, photo)
    assert (row.stage, row.sighting_id) == (Stage.LOCATED, first.sighting_id)
    [(_, label)] = list(labels.in_force(ledger))
    assert (label.by, label.eyes) == ("placed", ELSEWHERE)


def test_taken_back_before_anybody_acted_on_it(ledger: Ledger, take_in: TakeIn) -> None:
    """Where the service was not running, a label and a decision that were taken back meanwhile change nothing."""
    photo, other = seen(ledger, take_in(1), doubtful=True, reason="unsure"), seen(ledger, take_in(2, wall=NOON + timedelta(days=1)))
    labels.place(ledger, [Label(photo, ELSEWHERE, "placed")], 5.0)
    deciding.decide(ledger, [other], EXCLUDED, None, 6.0)
    retracting.take_back(ledger, 5.0, 7.0)
    retracting.take_back(ledger, 6.0, 8.0)
    act(ledger)
    assert again(ledger, photo) == photo and again(ledger, other) == other


def test_a_label_of_a_photo_that_is_out_is_taken_back_without_bringing_it_in(ledger: Ledger, take_in: TakeIn) -> None:
    """A photo that a person left out stays out, with the eyes that count now for when it is restored."""
    photo = seen(ledger, take_in(1))
    place(ledger, photo, ELSEWHERE, 5.0)
    decide(ledger, [photo], EXCLUDED, 6.0)
    take_back(ledger, 5.0)
    row = again(ledger, photo)
    assert (row.stage, row.reason, row.sighting_id) == (Stage.EXCLUDED, "excluded", photo.sighting_id)


def test_an_undated_photo_waits_for_its_date_again(ledger: Ledger, take_in: TakeIn) -> None:
    """Left out and back again, it has no date still."""
    photo = take_in(1, Stage.UNDATED, wall=None)
    decide(ledger, [photo], EXCLUDED, 5.0)
    take_back(ledger, 5.0)
    assert (again(ledger, photo).stage, again(ledger, photo).reason) == (Stage.UNDATED, "undated")


def test_what_could_not_be_read_stays_so(ledger: Ledger, take_in: TakeIn) -> None:
    """Left out while it cannot be read, and not any more: tried again it goes its way like any other."""
    photo = take_in(1, Stage.QUARANTINED)
    decide(ledger, [photo], NOT_ME, 5.0)
    take_back(ledger, 5.0)
    assert again(ledger, photo).stage is Stage.QUARANTINED
    with ledger.read() as db:
        assert verdicts.in_force(db, photo.id).excluded is None


def test_the_wrong_way_round_is_taken_back(ledger: Ledger, take_in: TakeIn) -> None:
    """Which way round photos are said to be goes back to what was said before, except where something was said since."""
    first, second = (seen(ledger, take_in(number, wall=NOON + timedelta(days=number))) for number in (1, 2))
    facings.mirror(ledger, [first], True, facings.BY, 4.0)
    facings.turn(ledger, [again(ledger, first), again(ledger, second)], 90, facings.BY, 5.0)
    facings.turn(ledger, [again(ledger, second)], 180, facings.BY, 6.0)
    assert take_back(ledger, 5.0) == [first.sha256]
    assert (again(ledger, first).facing, again(ledger, second).facing) == (Facing(True), Facing(False, 180))


def test_placing_eyes_finds_the_person_after_all(ledger: Ledger, take_in: TakeIn) -> None:
    """Who places eyes on a photo that was called somebody else's, or faceless, has it in the film; taking that back undoes both."""
    photo = seen(ledger, take_in(1))
    decide(ledger, [photo], NOT_ME, 5.0)
    assert list(labels.in_force(ledger)) == []
    row = place(ledger, photo, ELSEWHERE, 6.0)
    assert row.stage is Stage.LOCATED and [label.by for _, label in labels.in_force(ledger)] == ["placed"]
    take_back(ledger, 6.0)
    assert (again(ledger, photo).stage, again(ledger, photo).reason) == (Stage.EXCLUDED, "not_me")


def test_what_is_left_out_for_other_reasons_stays_out_with_its_label(ledger: Ledger, take_in: TakeIn) -> None:
    """A photo that a person simply does not want in the film may be labelled: it trains, and stays out."""
    photo = seen(ledger, take_in(1))
    decide(ledger, [photo], EXCLUDED, 5.0)
    assert place(ledger, photo, ELSEWHERE, 6.0).stage is Stage.EXCLUDED
    assert len(list(labels.in_force(ledger))) == 1


def test_a_label_of_somebody_else_teaches_nothing(ledger: Ledger, take_in: TakeIn) -> None:
    """Once a photo is said to be of somebody else, or of nobody, its older label neither trains nor judges."""
    for number, kind in enumerate((NOT_ME, NO_FACE)):
        photo = seen(ledger, take_in(number, wall=NOON + timedelta(days=number)))
        place(ledger, photo, ELSEWHERE, 5.0 + number)
        decide(ledger, [photo], kind, 7.0 + number)
    assert list(labels.in_force(ledger)) == []


def test_a_picture_that_is_not_me_does_not_show_under_another_name(ledger: Ledger, take_in: TakeIn) -> None:
    """Of photos that differ in metadata only, the word about one counts for all, until it is taken back."""
    twins = [seen(ledger, take_in(number)) for number in (1, 2)]
    with ledger.write() as db:
        for twin in twins:
            takes.note(db, twin.id, "f" * 64, None)
            db.execute("UPDATE photos SET frame = ? WHERE id = ?", (f"frames/{twin.id}.jpg", twin.id))
    decide(ledger, twins[:1], NOT_ME, 5.0)
    assert not again(ledger, twins[1]).in_film and again(ledger, twins[1]).other_take
    take_back(ledger, 5.0)
    assert again(ledger, twins[1]).in_film


def test_nothing_to_take_back(ledger: Ledger, take_in: TakeIn) -> None:
    """What was never said, and what was taken back already, cannot be taken back; a model's word and a date cannot either."""
    photo = seen(ledger, take_in(1))
    decide(ledger, [photo], EXCLUDED, 5.0)
    deciding.decide(ledger, [photo], verdicts.REDATED, datetime(2024, 6, 1), 6.0)
    take_back(ledger, 5.0)
    for at in (5.0, 1.0, 6.0, 80.0, 77.0):
        with pytest.raises(BadUsage, match="nothing to take back"):
            retracting.take_back(ledger, at, 81.0)


def test_nothing_brings_back_a_photo_that_is_being_forgotten(ledger: Ledger, take_in: TakeIn) -> None:
    """A decision, a label or its taking back that comes after a photo was asked to be forgotten moves it nowhere."""
    photo = seen(ledger, take_in(1))
    decide(ledger, [photo], EXCLUDED, 5.0)
    forgetting.wish(ledger, [photo.sha256], 6.0)
    forgetting.take_out(ledger, photo.sha256)
    retracting.take_back(ledger, 5.0, 7.0)
    labels.place(ledger, [Label(photo, ELSEWHERE, "placed")], 8.0)
    deciding.decide(ledger, [photo], RESTORED, None, 9.0)
    facings.mirror(ledger, [photo], True, facings.BY, 10.0)
    act(ledger)
    row = again(ledger, photo)
    assert (row.stage, row.reason, row.frame) == (Stage.EXCLUDED, "forgotten", None)


def test_said_again_when_asked(ledger: Ledger, take_in: TakeIn) -> None:
    """Asked whether a label far from where the model is sure is right, the very same label once more settles it, and still counts as placed."""
    photo = seen(ledger, take_in(1))
    away = EyePair(Point(1600, 1500), Point(2200, 1500))
    assert place(ledger, photo, away, 5.0).reason == "label_differs"
    assert place(ledger, photo, away, 6.0).reason == "label_differs"
    labels.place(ledger, [Label(again(ledger, photo), away, "placed")], 7.0, asked=True)
    act(ledger)
    row = again(ledger, photo)
    assert (row.doubtful, row.reason) == (False, None)
    assert [label.by for _, label in labels.in_force(ledger)] == ["placed"]
    assert labels.place(ledger, [Label(row, away, "placed")], 8.0, asked=True)[1] == 0


def test_an_older_diary_can_be_read(tmp_path: Path) -> None:
    """A reader may meet a diary that no program since has opened for writing: it has no facings to take back."""
    made = Ledger(tmp_path)
    with made.write() as db:
        db.execute("DROP TABLE facings")
        db.execute("PRAGMA user_version = 4")
    made.close()
    reader = Ledger(tmp_path, writable=False)
    with reader.read() as db:
        assert facings.take_back_within(db, 1.0, 2.0) == []
    reader.close()
