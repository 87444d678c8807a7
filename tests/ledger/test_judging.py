"""Photos that another model judged: which are looked at again, and how they stand afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from photodiary.diary.eyes import DoubtConfig, EyePair, Point, Sighting, current
from photodiary.diary.photo import Stage
from photodiary.errors import IllegalMove
from photodiary.ledger import deciding, facings, forgetting, gallery, judging, labels, photos, queue, verdicts
from photodiary.ledger.photos import PhotoRow
from photodiary.ledger.store import Ledger

OLD, NEW = "net-1", "net-2"
EYES = EyePair(Point(1000.0, 1500.0), Point(1600.0, 1500.0))  # 600 px apart: a tenth of a percent is 0.6 px
DOUBT, ZONE = DoubtConfig(), ZoneInfo("UTC")


def off(by: float) -> EyePair:
    """The eyes, moved to the right by so many percent of their distance."""
    return EyePair(*(Point(eye.x + 6 * by, eye.y) for eye in EYES))


def row(ledger: Ledger, photo: PhotoRow) -> PhotoRow:
    found = photos.find(ledger, photo.sha256)
    assert found is not None
    return found


def said(ledger: Ledger, photo: PhotoRow) -> list[Sighting]:
    """Everything that was said about a photo's eyes, the oldest first."""
    with ledger.read() as db:
        rows = db.execute("SELECT * FROM sightings WHERE photo_id = ? ORDER BY id", (photo.id,)).fetchall()
    return [Sighting(r["by"], None if r["left_x"] is None else EyePair(Point(r["left_x"], r["left_y"]), Point(r["right_x"], r["right_y"])),
                     r["expected_error"], r["reason"], r["faces"]) for r in rows]  # fmt: skip


@pytest.fixture
def shown(ledger: Ledger, take_in) -> Callable[..., PhotoRow]:
    """A photo that the older model judged, with a frame unless it saw no face or was too unsure."""

    def shown(number: int, sighting: Sighting | None = None) -> PhotoRow:
        sighting = sighting or Sighting(OLD, EYES, 1.0)
        photo = take_in(number)
        decision = judging.triage(sighting, DOUBT)
        stage = photos.append_sighting(ledger, photo, sighting, decision.stage, doubtful=decision.doubtful, reason=decision.reason, now=1.0)
        if stage is Stage.LOCATED:
            framed(ledger, row(ledger, photo))
        return row(ledger, photo)

    return shown


def framed(ledger: Ledger, photo: PhotoRow) -> None:
    with ledger.write() as db:
        photos.move(db, photo, Stage.DOUBTFUL if photo.doubtful else Stage.ALIGNED, frame=f"frames/{photo.id}-{photo.sighting_id}.jpg")


def again(ledger: Ledger, sighting: Sighting, model: str = NEW, now: float = 2.0) -> list[PhotoRow]:
    """Look at all that wait, and settle.  Returns who was looked at."""
    looked = []
    while claimed := judging.claim(ledger, model, now, 8):
        for photo in claimed:
            judging.add(ledger, photo, replace(sighting, by=model), None, "net-1", now)
        looked += claimed
    settled(ledger, model)
    return looked


def settled(ledger: Ledger, model: str = NEW) -> judging.Settled:
    last, changed = 0, judging.Settled(None)
    while (done := judging.settle(ledger, model, DOUBT, last)).last is not None:
        last, changed = done.last, done
    return changed


def test_only_what_another_model_judged_waits(ledger: Ledger, shown) -> None:
    """Photos in the film or in doubt, and those without a face, wait; what a person placed or left out, and what this model judged, does not."""
    waits = [shown(1), shown(2, Sighting(OLD, EYES, 5.0)), shown(3, Sighting(OLD, EYES, 40.0)), shown(4, Sighting(OLD, None, None, "no_face", 0))]
    shown(5, Sighting(NEW, EYES, 1.0))
    placed, left_out, other = shown(6), shown(7), shown(8)
    labels.place(ledger, [labels.Label(placed, off(2), "placed")], 1.5)
    deciding.decide(ledger, [left_out], verdicts.EXCLUDED, None, 1.5)
    deciding.decide(ledger, [other], verdicts.NO_FACE, None, 1.5)
    while deciding.heed(ledger, ZONE, 1.6):
        pass
    assert judging.unjudged(ledger, NEW) == 4
    assert [photo.id for photo in again(ledger, Sighting(NEW, EYES, 1.0))] == [photo.id for photo in waits]
    assert judging.unjudged(ledger, NEW) == 0 and not judging.due(ledger, NEW, 9e9)
    assert judging.unjudged(ledger, OLD) == 1


def test_looking_changes_nothing_until_all_are_looked_at(ledger: Ledger, shown) -> None:
    """A look only appends what was said; frames are moved together, by `settle`."""
    before = [shown(number) for number in range(3)]
    for photo in judging.claim(ledger, NEW, 2.0, 8):
        judging.add(ledger, photo, Sighting(NEW, off(5), 1.0), None, NEW, 2.0)
    assert [row(ledger, photo) for photo in before] == before
    assert settled(ledger).again == 3
    assert [row(ledger, photo).stage for photo in before] == [Stage.LOCATED] * 3


@pytest.mark.parametrize(("by", "stale"), [(0.0, False), (0.29, False), (0.31, True), (20.0, True)])
def test_a_frame_is_stale_beyond_a_small_limit(ledger: Ledger, shown, by: float, stale: bool) -> None:
    """Eyes that moved by more than 0.3 % of their distance get a new frame and are the new model's; else the frame stays, and who placed it."""
    photo = shown(1)
    again(ledger, Sighting(NEW, off(by), 0.8))
    now = row(ledger, photo)
    assert now.in_film and now.frame == photo.frame, "the old frame shows until the new one is there"
    assert now.sighting == (Sighting(NEW, off(by), 0.8) if stale else photo.sighting)
    assert now.stage is (Stage.LOCATED if stale else Stage.ALIGNED)
    if stale:
        assert now.sighting == current(said(ledger, photo), NEW)


def test_moving_little_by_little_does_not_add_up(ledger: Ledger, shown) -> None:
    """The distance counts from the eyes that the frame shows, not from what the model before said."""
    photo = shown(1)
    for number, by in enumerate((0.2, 0.28)):
        again(ledger, Sighting("", off(by), 1.0), model=f"net-{number + 2}")
    assert row(ledger, photo) == photo
    again(ledger, Sighting("", off(0.4), 1.0), model="net-4")
    assert row(ledger, photo).stage is Stage.LOCATED


@pytest.mark.parametrize(
    "sighting",
    [Sighting(NEW, None, None, "no_face", 0), Sighting(NEW, off(60), 0.9, "not_this_person"), Sighting(NEW, off(1), 30.0, "covered")],
)
def test_nothing_leaves_the_film(ledger: Ledger, shown, sighting: Sighting) -> None:
    """Where the new model sees no face, somebody else's, or is too unsure, the frame stays with what placed it, and a person is asked, once."""
    photo = shown(1)
    again(ledger, sighting)
    now = row(ledger, photo)
    assert (now.stage, now.doubtful, now.reason) == (Stage.DOUBTFUL, True, sighting.reason)
    assert now.in_film and (now.frame, now.sighting) == (photo.frame, photo.sighting)
    assert settled(ledger).changed == 0
    assert again(ledger, Sighting(NEW, EYES, 0.5), model="net-3") and row(ledger, photo).stage is Stage.LOCATED, "the next one may be sure again"
    assert not row(ledger, photo).doubtful


def test_what_a_person_is_asked_follows_the_model(ledger: Ledger, shown) -> None:
    """A frame whose eyes did not move, but about which the model is unsure now, or no more, stands with the newer statement and is made again."""
    sure, unsure = shown(1), shown(2, Sighting(OLD, EYES, 6.0))
    again(ledger, Sighting(NEW, off(0.1), 6.0))
    assert (row(ledger, sure).doubtful, row(ledger, sure).stage) == (True, Stage.LOCATED)
    assert row(ledger, unsure) == unsure
    framed(ledger, row(ledger, sure))
    again(ledger, Sighting(NEW, off(0.1), 1.0), model="net-3")
    assert [(row(ledger, photo).doubtful, row(ledger, photo).stage) for photo in (sure, unsure)] == [(False, Stage.LOCATED)] * 2


def test_a_photo_without_a_face_gets_a_new_chance(ledger: Ledger, shown) -> None:
    """What was left out for want of a face comes into the film when the new model sees one, waits for a person when it is unsure, else stays out."""
    found, unsure, none = (shown(number, Sighting(OLD, None, None, "no_face", 0)) for number in range(3))
    for photo, sighting in ((found, Sighting(NEW, EYES, 1.0)), (unsure, Sighting(NEW, EYES, 50.0)), (none, Sighting(NEW, None, None, "no_face", 0))):
        judging.add(ledger, photo, sighting, None, NEW, 2.0)
    assert settled(ledger).found == 2
    assert [(row(ledger, p).stage, row(ledger, p).reason) for p in (found, unsure, none)] == [
        (Stage.LOCATED, None), (Stage.DOUBTFUL, "unsure"), (Stage.EXCLUDED, "no_face")]  # fmt: skip


def test_a_persons_word_stands(ledger: Ledger, shown) -> None:
    """What a person placed or left out while photos are looked at stays so; what a person put back is not asked about a second time."""
    placed, left_out, restored = shown(1), shown(2), shown(3, Sighting(OLD, EYES, 1.0, "not_this_person"))
    deciding.decide(ledger, [restored], verdicts.RESTORED, None, 1.2)
    deciding.heed(ledger, ZONE, 1.3)
    framed(ledger, row(ledger, restored))
    for photo in judging.claim(ledger, NEW, 2.0, 8):
        judging.add(ledger, photo, Sighting(NEW, off(7), 1.0, "not_this_person" if photo.id == restored.id else None), None, NEW, 2.0)
    labels.place(ledger, [labels.Label(placed, off(3), "placed")], 2.5)
    deciding.decide(ledger, [left_out], verdicts.EXCLUDED, None, 2.5)
    settled(ledger)
    while deciding.heed(ledger, ZONE, 2.6):
        pass
    settled(ledger)
    assert row(ledger, placed).sighting == Sighting("placed", off(3))
    assert (row(ledger, left_out).stage, row(ledger, left_out).reason) == (Stage.EXCLUDED, "excluded")
    assert (row(ledger, restored).stage, row(ledger, restored).doubtful) == (Stage.ALIGNED, False)


def test_the_way_back_needs_no_second_look(ledger: Ledger, shown) -> None:
    """Rolled back, each photo stands again as the older model said when it was in force; nobody is looked at, nothing is appended."""
    moved, asked, kept = shown(1), shown(2), shown(3)
    for photo, sighting in ((moved, Sighting(NEW, off(4), 1.0)), (asked, Sighting(NEW, None, None, "no_face", 0)), (kept, Sighting(NEW, off(0.1), 1.0))):
        judging.add(ledger, photo, sighting, None, NEW, 2.0)
    settled(ledger)
    framed(ledger, row(ledger, moved))
    assert row(ledger, moved).sighting == Sighting(NEW, off(4), 1.0)
    assert judging.claim(ledger, OLD, 3.0, 8) == [] and judging.unjudged(ledger, OLD) == 0
    assert settled(ledger, OLD).again == 1
    assert row(ledger, moved).sighting == moved.sighting and row(ledger, moved).in_film
    assert row(ledger, kept) == kept
    assert row(ledger, asked).sighting == asked.sighting and row(ledger, asked).in_film
    assert len(said(ledger, moved)) == 2


def test_one_that_fails_waits_longer_each_time_and_alone(ledger: Ledger, shown) -> None:
    """A photo that breaks whoever looks at it is tried ever more rarely, by itself, and keeps nobody else from being looked at; it stays as it is."""
    bad, *good = [shown(number) for number in range(5)]
    assert [photo.id for photo in judging.claim(ledger, NEW, 0.0, 1)] == [bad.id], "and whoever claimed it dies"
    queue.forgive_first_tries(ledger)
    assert [photo.id for photo in judging.claim(ledger, NEW, 0.0, 8)] == [bad.id], "one that failed before comes alone"
    assert [photo.id for photo in judging.claim(ledger, NEW, 0.0, 8)] == [photo.id for photo in good]
    for photo in good:
        judging.add(ledger, photo, Sighting(NEW, EYES, 1.0), None, NEW, 0.0)
    assert not judging.due(ledger, NEW, 19.0) and judging.due(ledger, NEW, 20.0)
    assert [photo.id for photo in judging.claim(ledger, NEW, 20.0, 8)] == [bad.id] and not judging.due(ledger, NEW, 59.0)
    assert row(ledger, bad).in_film and row(ledger, bad).stage is Stage.ALIGNED


def test_a_forgotten_photo_is_not_written_about(ledger: Ledger, shown) -> None:
    """Who looked at a photo that is forgotten meanwhile finds that out, and nothing of it is written."""
    photo = shown(1)
    (claimed,) = judging.claim(ledger, NEW, 2.0, 8)
    forgetting.wish(ledger, [photo.sha256], 2.0)
    forgetting.take_out(ledger, photo.sha256)
    forgetting.erased(ledger, photo.sha256, 2.0)
    forgetting.wipe(ledger, [photo.sha256], 2.0)
    with pytest.raises(IllegalMove, match="forgotten"):
        judging.add(ledger, claimed, Sighting(NEW, EYES, 1.0), None, NEW, 2.0)


def test_what_was_seen_the_wrong_way_up_is_not_taken_up_again(ledger: Ledger, shown) -> None:
    """After a person turned a photo, what a model said before of it does not count for it any more: it is looked at again."""
    photo = shown(1)
    again(ledger, Sighting(NEW, off(4), 1.0))
    framed(ledger, row(ledger, photo))
    facings.say(ledger, [photo], False, 180, facings.BY, 3.0)
    assert judging.unjudged(ledger, OLD) == 1
    assert settled(ledger, OLD).changed == 0
    assert [photo.id for photo in again(ledger, Sighting(OLD, off(9), 1.0), model=OLD, now=4.0)] == [photo.id]
    assert row(ledger, photo).sighting == Sighting(OLD, off(9), 1.0)


def test_models_of_one_kin_share_the_gallery(ledger: Ledger, shown, take_in) -> None:
    """What a personal model and its base know of a face is compared with each other; a promotion loses nobody who is trusted."""
    photo = take_in(1)
    photos.append_sighting(ledger, photo, Sighting(OLD, EYES, 1.0), Stage.LOCATED, doubtful=False, reason=None, now=1.0, likeness=(b"look-one", None))
    framed(ledger, row(ledger, photo))
    (claimed,) = judging.claim(ledger, NEW, 2.0, 8)
    judging.add(ledger, claimed, Sighting(NEW, off(0.1), 1.0), (b"look-two", 3.0), OLD, 2.0)
    asking = take_in(2)
    assert gallery.trusted(ledger, OLD) == 1 and gallery.near(ledger, OLD, asking, 5) == [b"look-two"]
    assert not gallery.waiting(ledger, OLD), "it has been compared since, though its frame is the older model's"
