"""What the diary's person looks like, as the ledger remembers it: whom it trusts, who is near, and who is looked at once more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from photodiary.diary.eyes import EyePair, Point, Sighting
from photodiary.diary.photo import Stage
from photodiary.ledger import gallery, photos, queue
from photodiary.ledger.photos import PhotoRow
from photodiary.ledger.store import Ledger

MODEL = "net-1"
EYES = EyePair(Point(1000.0, 1500.0), Point(1600.0, 1500.0))
NOON = datetime(2024, 5, 15, 12)


def vector(number: int) -> bytes:
    return number.to_bytes(4, "little") * 4


@pytest.fixture
def judge(ledger: Ledger, take_in) -> Callable[..., PhotoRow]:
    """A photo that a model has judged: photo number `number` of the day `day`, with the look `vector(number)`."""

    def judge(
        number: int, day: float = 0.0, *, by: str = MODEL, stage: Stage = Stage.LOCATED, doubtful: bool = False,
        odds: float | None = None, dated: bool = True, photo: PhotoRow | None = None, eyes: EyePair | None = EYES,
    ) -> PhotoRow:  # fmt: skip
        row = take_in(number, wall=NOON + timedelta(days=day) if dated else None) if photo is None else again(ledger, photo)
        if row.stage is not Stage.RECEIVED:
            with ledger.write() as db:
                photos.move(db, row, Stage.RECEIVED)
            row = again(ledger, row)
        likeness = None if eyes is None else (vector(number), odds)
        reason = "unsure" if doubtful else None
        photos.append_sighting(ledger, row, Sighting(by, eyes, 1.0), stage, doubtful=doubtful, reason=reason, now=0.0, likeness=likeness)
        return again(ledger, row)

    return judge


def again(ledger: Ledger, photo: PhotoRow) -> PhotoRow:
    row = photos.find(ledger, photo.sha256)
    assert row is not None
    return row


def correct(ledger: Ledger, photo: PhotoRow, eyes: EyePair, by: str = "placed") -> None:
    """A person says where the eyes are."""
    with ledger.write() as db:
        photos.move(db, again(ledger, photo), Stage.RECEIVED)
    photos.append_sighting(ledger, again(ledger, photo), Sighting(by, eyes), Stage.LOCATED, doubtful=False, reason=None, now=1.0)


def near(ledger: Ledger, photo: PhotoRow, most: int = 40, model: str = MODEL) -> list[int]:
    """The numbers of the photos whose looks come back."""
    return [int.from_bytes(look[:4], "little") for look in gallery.near(ledger, model, photo, most)]


# -- whom it trusts ----------------------------------------------------------------------------------------------------------------


def test_sure_photos_are_trusted(ledger: Ledger, judge, take_in) -> None:
    """A photo with a date whose eyes the model is sure of is trusted, with a frame or before it has one."""
    first, second = judge(1), judge(2)
    with ledger.write() as db:
        photos.move(db, second, Stage.ALIGNED, frame="frames/2.jpg")
    assert gallery.trusted(ledger, MODEL) == 2
    assert near(ledger, take_in(9)) == [1, 2]
    assert near(ledger, first) == [2], "a photo is not compared with itself"


def test_doubtful_excluded_and_undated_photos_are_not_trusted(ledger: Ledger, judge, take_in) -> None:
    """Who may be somebody else, is left out, has no date, or is being looked at again, says nothing of what the person looks like."""
    judge(1, doubtful=True)
    judge(2, doubtful=True, stage=Stage.DOUBTFUL)
    judge(3, stage=Stage.EXCLUDED)
    judge(4, dated=False)
    judge(5, stage=Stage.EXCLUDED, eyes=None)
    sent = judge(6)
    with ledger.write() as db:
        photos.move(db, sent, Stage.RECEIVED)
    quarantined = judge(7)
    with ledger.write() as db:
        photos.move(db, quarantined, Stage.QUARANTINED)
    assert gallery.trusted(ledger, MODEL) == 0
    assert near(ledger, take_in(9)) == []


def test_another_models_looks_are_another_language(ledger: Ledger, judge, take_in) -> None:
    """Looks are compared within one model only, also when two of them have seen the same photo."""
    photo = judge(1, by="net-0")
    assert (gallery.trusted(ledger, "net-0"), gallery.trusted(ledger, MODEL)) == (1, 0)
    judge(1001, photo=photo)
    assert (gallery.trusted(ledger, "net-0"), gallery.trusted(ledger, MODEL)) == (1, 1)
    asking = take_in(9)
    assert near(ledger, asking) == [1001]
    assert near(ledger, asking, model="net-0") == [1]


def test_the_newest_look_counts(ledger: Ledger, judge, take_in) -> None:
    """A photo that was looked at twice is one trusted frame, with its newer look."""
    photo = judge(1)
    judge(1001, photo=photo, odds=3.0)
    assert gallery.trusted(ledger, MODEL) == 1
    assert near(ledger, take_in(9)) == [1001]


@pytest.mark.parametrize("by", ["placed", "confirmed"])
def test_a_persons_eyes_make_a_doubtful_photo_trusted(ledger: Ledger, judge, by: str) -> None:
    """When a person says that these are the eyes, the face that the model saw there is the diary's person."""
    photo = judge(1, doubtful=True)
    assert gallery.trusted(ledger, MODEL) == 0
    correct(ledger, photo, EyePair(Point(1008.0, 1497.0), Point(1593.0, 1506.0)), by)
    assert gallery.trusted(ledger, MODEL) == 1


@pytest.mark.parametrize(
    "eyes",
    [
        EyePair(Point(2000.0, 1500.0), Point(2600.0, 1500.0)),  # another face beside
        EyePair(Point(1000.0, 1700.0), Point(1600.0, 1700.0)),  # the nose
        EyePair(Point(1600.0, 1500.0), Point(1000.0, 1500.0)),  # upside down
        EyePair(Point(1200.0, 1500.0), Point(1400.0, 1500.0)),  # a small face within
    ],
)
def test_human_eyes_far_from_the_models_face_are_not_trusted(ledger: Ledger, judge, eyes: EyePair) -> None:
    """When a person places the eyes elsewhere, the face that the model saw was not the diary's person, and says nothing of them."""
    photo = judge(1)
    assert gallery.trusted(ledger, MODEL) == 1
    correct(ledger, photo, eyes)
    assert gallery.trusted(ledger, MODEL) == 0


def test_a_tilted_face_is_trusted_like_an_upright_one(ledger: Ledger, judge) -> None:
    """A correction by a hundredth of the eyes' distance keeps a photo trusted, however the head was held."""
    for number, (dx, dy) in enumerate([(600, 0), (0, 600), (424, 424), (424, -424), (-600, 0)]):
        eyes = EyePair(Point(1500.0, 1500.0), Point(1500.0 + dx, 1500.0 + dy))
        photo = judge(number, eyes=eyes)
        correct(ledger, photo, EyePair(Point(1506.0, 1500.0), Point(1500.0 + dx, 1506.0 + dy)))
        assert gallery.trusted(ledger, MODEL) == number + 1


# -- who is near -------------------------------------------------------------------------------------------------------------------


def test_near_is_by_time(ledger: Ledger, judge, take_in) -> None:
    """The nearest in time come first, before or after, to the minute and over the turn of a year, no more than asked for."""
    for number, day in enumerate([0, 10, 20, 230.01, 231, 400], start=1):
        judge(number, day)
    photo = take_in(9, wall=NOON + timedelta(days=230.5))
    assert near(ledger, photo) == [4, 5, 6, 3, 2, 1]
    assert near(ledger, photo, most=2) == [4, 5]
    judge(7, 230.4999)
    assert near(ledger, photo, most=1) == [7]


def test_an_undated_photo_is_near_the_newest(ledger: Ledger, judge, take_in) -> None:
    """What has no date is compared with what was taken last."""
    for number, day in enumerate([3, 1, 2], start=1):
        judge(number, day)
    assert near(ledger, take_in(9, wall=None)) == [1, 3, 2]


def test_photos_of_one_moment_have_a_fixed_order(ledger: Ledger, judge, take_in) -> None:
    """Which of several equally near ones are taken does not change from one question to the next."""
    for number in range(1, 6):
        judge(number, 1)
    photo = take_in(9)
    assert near(ledger, photo, most=3) == near(ledger, photo, most=3) == [1, 2, 3]


# -- who is looked at once more ----------------------------------------------------------------------------------------------------


def test_who_was_judged_without_a_gallery_waits(ledger: Ledger, judge) -> None:
    """What has no log odds yet waits, sure or doubtful; what has them, no face, another model's look or a person's word does not."""
    judge(1, odds=0.0)
    judge(2, by="net-0")
    judge(3, stage=Stage.EXCLUDED, eyes=None)
    judge(4, stage=Stage.EXCLUDED)
    correct(ledger, judge(5), EYES)
    assert not gallery.waiting(ledger, MODEL)
    assert not gallery.look_again(ledger, MODEL)
    for stage, number in ((Stage.LOCATED, 6), (Stage.DOUBTFUL, 7)):
        photo = judge(number, stage=stage, doubtful=stage is Stage.DOUBTFUL)
        assert gallery.waiting(ledger, MODEL)
        assert gallery.look_again(ledger, MODEL)
        assert again(ledger, photo).stage is Stage.RECEIVED
        assert not gallery.waiting(ledger, MODEL)


def test_one_photo_at_a_time_is_sent_round(ledger: Ledger, judge) -> None:
    """Each call sends back the oldest photo that waits, due at once and with a fresh count of tries, and says whether there was one."""
    judged = [judge(number, odds=None if number != 2 else 1.0) for number in range(1, 5)]
    sent = []
    while gallery.look_again(ledger, MODEL):
        received = [row for row, _ in photos.everything(ledger) if row.stage is Stage.RECEIVED and row.id not in sent]
        assert len(received) == 1
        sent.append(received[0].id)
        assert received[0].tries == 0
    assert sent == [judged[n].id for n in (0, 2, 3)]
    assert queue.claim(ledger, Stage.RECEIVED, 0.0) is not None, "due at once"


def test_a_photo_comes_to_rest(ledger: Ledger, judge) -> None:
    """Once it was judged against a gallery, or holds no face any more, a photo is never sent round again."""
    for number, odds in ((1, 2.0), (2, -7.0)):
        photo = judge(number)
        assert gallery.look_again(ledger, MODEL)
        judge(number, photo=photo, odds=odds)
        assert not gallery.look_again(ledger, MODEL)
    photo = judge(3)
    assert gallery.look_again(ledger, MODEL)
    judge(3, photo=photo, eyes=None, stage=Stage.EXCLUDED)
    assert not gallery.look_again(ledger, MODEL)
