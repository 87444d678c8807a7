"""A person's decisions: facts that are acted on once, and that nothing later overrides."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from photodiary.diary.canvas import Canvas, similarity
from photodiary.diary.eyes import EyePair, Point, Sighting
from photodiary.diary.photo import Digest, Stage
from photodiary.errors import IllegalMove
from photodiary.ledger import deciding, gallery, lives, photos, queue, reels, schema, store, verdicts, wishes
from photodiary.ledger.photos import NewPhoto, PhotoRow
from photodiary.ledger.store import FILE, Ledger
from photodiary.ledger.verdicts import EXCLUDED, REDATED, RESTORED

from .conftest import NOON, TakeIn

BERLIN = ZoneInfo("Europe/Berlin")
EYES = EyePair(Point(1000.0, 1500.0), Point(1600.0, 1500.0))
ELSEWHERE = EyePair(Point(400.0, 700.0), Point(1000.0, 700.0))
CANVAS = Canvas(1080, 1350, Point(400.0, 580.0), Point(680.0, 580.0))


def again(ledger: Ledger, photo: PhotoRow) -> PhotoRow:
    row = photos.find(ledger, photo.sha256)
    assert row is not None
    return row


def decide(ledger: Ledger, photo: PhotoRow, kind: str, value: datetime | None = None) -> PhotoRow:
    """Decide and act, as a verb without a daemon does."""
    number = deciding.decide(ledger, [photo], kind, value, 5.0)
    assert deciding.heed(ledger, BERLIN, 6.0)
    assert wishes.get(ledger, number).outcome == {"photos": 1}
    return again(ledger, photo)


def say(ledger: Ledger, photo: PhotoRow, eyes: EyePair | None, stage: Stage, *, reason: str | None = None, by: str = "net-1") -> PhotoRow:
    photos.append_sighting(ledger, photo, Sighting(by, eyes, 1.0, reason), stage, doubtful=stage is Stage.DOUBTFUL, reason=reason, now=0.0)
    return again(ledger, photo)


def framed(ledger: Ledger, photo: PhotoRow) -> PhotoRow:
    if reels.current_canvas(ledger) is None:
        reels.adopt_canvas(ledger, CANVAS, frozen=True, source="auto", words="", now=0.0)
    canvas = reels.current_canvas(ledger)
    assert canvas is not None
    reels.publish_frame(ledger, photo, f"frames/{photo.id}-{again(ledger, photo).sighting_id}.jpg", 1, similarity(EYES, CANVAS), canvas.id, lambda: 0.0)
    return again(ledger, photo)


def send_round(ledger: Ledger, photo: PhotoRow) -> PhotoRow:
    with ledger.write() as db:
        photos.move(db, photo, Stage.RECEIVED)
    return again(ledger, photo)


# -- in and out --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", [Stage.RECEIVED, Stage.UNDATED, Stage.LOCATED, Stage.DOUBTFUL, Stage.EXCLUDED])
def test_any_photo_can_be_left_out(ledger: Ledger, take_in: TakeIn, stage: Stage) -> None:
    """From wherever it stands a photo is out, for the reason that a person said so."""
    row = decide(ledger, take_in(1, stage, wall=None if stage is Stage.UNDATED else NOON), EXCLUDED)
    assert (row.stage, row.reason, row.in_film) == (Stage.EXCLUDED, "excluded", False)


def test_a_photo_left_out_comes_back_with_the_eyes_it_had(ledger: Ledger, take_in: TakeIn) -> None:
    """Excluded it is not in the film; restored it waits for its frame with the very sighting it had, though a person placed it."""
    seen = framed(ledger, say(ledger, take_in(1), EYES, Stage.LOCATED, by="placed"))
    out = decide(ledger, seen, EXCLUDED)
    assert not out.in_film and out.original == seen.original
    back = decide(ledger, out, RESTORED)
    assert (back.stage, back.reason, back.sighting_id, back.in_film) == (Stage.LOCATED, None, seen.sighting_id, True)


def test_restored_undated_and_unseen_photos_go_where_they_belong(ledger: Ledger, take_in: TakeIn) -> None:
    """Without a date it waits for one, without eyes they are looked for."""
    undated = decide(ledger, decide(ledger, take_in(1, Stage.UNDATED, wall=None), EXCLUDED), RESTORED)
    assert (undated.stage, undated.reason) == (Stage.UNDATED, "undated")
    unseen = decide(ledger, decide(ledger, take_in(2), EXCLUDED), RESTORED)
    assert (unseen.stage, unseen.reason) == (Stage.RECEIVED, None)


def test_restoring_answers_that_it_is_somebody_else_but_not_that_eyes_are_doubtful(ledger: Ledger, take_in: TakeIn) -> None:
    """A photo taken for somebody else is trusted once restored; one with doubtful eyes comes into the film, still to be checked."""
    stranger = decide(ledger, say(ledger, take_in(1), EYES, Stage.DOUBTFUL, reason="not_this_person"), RESTORED)
    assert (stranger.stage, stranger.doubtful, stranger.reason) == (Stage.LOCATED, False, None)
    unsure = decide(ledger, say(ledger, take_in(2), EYES, Stage.DOUBTFUL, reason="unsure"), RESTORED)
    assert (unsure.stage, unsure.doubtful, unsure.reason) == (Stage.LOCATED, True, "unsure")
    assert framed(ledger, unsure).in_film


def test_restoring_a_photo_that_is_in_changes_nothing(ledger: Ledger, take_in: TakeIn) -> None:
    """A photo in the film, or on its way there, is left alone."""
    shown = framed(ledger, say(ledger, take_in(1), EYES, Stage.LOCATED))
    assert decide(ledger, shown, RESTORED) == shown
    waits = take_in(2)
    assert decide(ledger, waits, RESTORED) == waits


# -- when it was taken -------------------------------------------------------------------------------------------------------------


def test_a_redated_photo_moves_in_the_film(ledger: Ledger, take_in: TakeIn) -> None:
    """Its place is by the new date at once, with the old frame until the one of the new name is there."""
    first = framed(ledger, say(ledger, take_in(1, wall=datetime(2024, 5, 1, 12)), EYES, Stage.LOCATED))
    second = framed(ledger, say(ledger, take_in(2, wall=datetime(2024, 5, 2, 12)), EYES, Stage.LOCATED))
    moved = decide(ledger, first, REDATED, datetime(2024, 5, 3, 8, 30))
    assert (moved.stage, moved.in_film, moved.frame, moved.sighting_id) == (Stage.LOCATED, True, first.frame, first.sighting_id)
    assert moved.taken is not None and (moved.taken.wall, moved.taken.offset, moved.taken.source) == (datetime(2024, 5, 3, 8, 30), None, "person")
    canvas = reels.current_canvas(ledger)
    assert canvas is not None
    assert [shown.frame for shown in reels.film_photos(ledger, canvas.id)] == [second.frame, first.frame]
    assert reels.film_news(ledger).remaking == 1, "no film is made between the date and the frame"
    with ledger.read() as db:
        assert db.execute("SELECT taken_utc FROM photos WHERE id = ?", (first.id,)).fetchone()[0] == datetime(2024, 5, 3, 8, 30, tzinfo=BERLIN).timestamp()


def test_an_undated_photo_goes_its_way_once_dated(ledger: Ledger, take_in: TakeIn) -> None:
    """With a date from a person an undated photo has its eyes found; one that was left out stays out, dated."""
    dated = decide(ledger, take_in(1, Stage.UNDATED, wall=None), REDATED, NOON)
    assert (dated.stage, dated.reason) == (Stage.RECEIVED, None)
    out = decide(ledger, decide(ledger, take_in(2, Stage.UNDATED, wall=None), EXCLUDED), REDATED, NOON)
    assert (out.stage, out.taken is not None) == (Stage.EXCLUDED, True)
    assert decide(ledger, out, RESTORED).stage is Stage.RECEIVED


# -- nothing overrides -------------------------------------------------------------------------------------------------------------


def test_a_prediction_in_the_making_does_not_bring_a_photo_back(ledger: Ledger, take_in: TakeIn) -> None:
    """Whoever was looking for the eyes of a photo while it was left out finds it moved, and leaves no sighting."""
    photo = take_in(1)
    decide(ledger, photo, EXCLUDED)
    with pytest.raises(IllegalMove):
        say(ledger, photo, EYES, Stage.LOCATED)
    row = again(ledger, photo)
    assert (row.stage, row.sighting) == (Stage.EXCLUDED, None)


def test_nothing_that_comes_by_itself_brings_an_excluded_photo_back(ledger: Ledger, take_in: TakeIn) -> None:
    """Coming in again, being judged once more, another picture format and a lost frame leave out what a person left out."""
    photo = take_in(1)
    photos.append_sighting(ledger, photo, Sighting("net-1", EYES, 1.0), Stage.LOCATED, doubtful=False, reason=None, now=0.0, likeness=(b"look" * 16, None))
    out = decide(ledger, framed(ledger, again(ledger, photo)), EXCLUDED)
    take_again = NewPhoto(photo.sha256, 1, "jpeg", 3, 4, None, None, "originals/x.jpg", Stage.RECEIVED)
    assert not photos.insert_or_name(ledger, take_again, b"copy.jpg", 9.0)
    assert not gallery.look_again(ledger, "net-1")
    assert reels.adopt_canvas(ledger, Canvas(720, 720, Point(200, 300), Point(500, 300)), frozen=True, source="auto", words="", now=1.0) == 0
    reels.frame_lost(ledger, str(out.frame))
    queue.forgive_first_tries(ledger)
    assert all(queue.claim(ledger, stage, 1e12) is None for stage in (Stage.RECEIVED, Stage.LOCATED))
    assert again(ledger, out) == out


@pytest.mark.parametrize(("eyes", "stage", "reason"), [(None, Stage.EXCLUDED, "no_face"), (ELSEWHERE, Stage.DOUBTFUL, "not_this_person"),
                                                       (ELSEWHERE, Stage.DOUBTFUL, "unsure")])  # fmt: skip
def test_no_later_prediction_takes_out_what_a_person_put_in(ledger: Ledger, take_in: TakeIn, eyes: EyePair | None, stage: Stage, reason: str) -> None:
    """A restored photo stays in the film when a model sees no face, somebody else, or is unsure: at most it is to be checked."""
    photo = say(ledger, take_in(1), EYES, Stage.DOUBTFUL, reason="not_this_person")
    photo = send_round(ledger, framed(ledger, decide(ledger, photo, RESTORED)))
    photos.append_sighting(ledger, photo, Sighting("net-2", eyes, 9.0, reason), stage, doubtful=stage is Stage.DOUBTFUL, reason=reason, now=1.0)
    row = again(ledger, photo)
    assert row.stage is Stage.LOCATED and row.in_film
    assert row.sighting is not None and row.sighting.eyes == (EYES if eyes is None else ELSEWHERE)
    assert row.doubtful is (reason != "not_this_person")
    assert lives.of(ledger, row).said == 2, "what the model said is kept all the same"


def test_a_decision_on_what_could_not_be_read_counts_when_it_can(ledger: Ledger, take_in: TakeIn) -> None:
    """A quarantined photo that was left out and dated by a person is both once it can be read."""
    bad = NewPhoto(Digest("ab" * 32), 5, None, None, None, None, None, None, Stage.QUARANTINED, "damaged")
    photos.insert_or_name(ledger, bad, b"bad.jpg", 0.0)
    row = photos.find(ledger, bad.sha256)
    assert row is not None
    assert decide(ledger, row, EXCLUDED).stage is Stage.QUARANTINED
    decide(ledger, row, REDATED, NOON)
    good = NewPhoto(bad.sha256, 5, "jpeg", 30, 40, None, None, "originals/u.jpg", Stage.UNDATED, "undated")
    assert photos.insert_or_name(ledger, good, b"bad.jpg", 1.0)
    row = again(ledger, row)
    assert (row.stage, row.reason, row.width, row.original) == (Stage.EXCLUDED, "excluded", 30, "originals/u.jpg")
    assert row.taken is not None and (row.taken.wall, row.taken.source) == (NOON, "person")
    assert decide(ledger, row, RESTORED).stage is Stage.RECEIVED


# -- facts and wishes --------------------------------------------------------------------------------------------------------------


def test_a_decision_and_its_wish_are_one(ledger: Ledger, take_in: TakeIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash between the verdict and the wish leaves neither; one while acting leaves the wish open and nothing half done."""
    first, second = take_in(1), take_in(2)

    def crash(*_: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as broken:
        broken.setattr(wishes, "make_within", crash)
        with pytest.raises(RuntimeError):
            deciding.decide(ledger, [first, second], EXCLUDED, None, 1.0)
    assert lives.of(ledger, first).decisions == []
    deciding.decide(ledger, [first, second], EXCLUDED, None, 1.0)
    with monkeypatch.context() as broken:
        broken.setattr(wishes, "fulfil_within", crash)
        with pytest.raises(RuntimeError):
            deciding.heed(ledger, BERLIN, 2.0)
    assert again(ledger, first).stage is Stage.RECEIVED
    assert deciding.heed(ledger, BERLIN, 3.0)
    assert [again(ledger, photo).stage for photo in (first, second)] == [Stage.EXCLUDED, Stage.EXCLUDED]
    assert not deciding.heed(ledger, BERLIN, 4.0)


def test_decisions_are_kept_and_the_newest_counts(ledger: Ledger, take_in: TakeIn) -> None:
    """Every decision stays in the diary in its order and cannot be changed; the last of each sort is in force."""
    photo = take_in(1)
    for kind, value in ((EXCLUDED, None), (REDATED, datetime(2024, 1, 1)), (RESTORED, None), (REDATED, datetime(2024, 1, 2))):
        decide(ledger, photo, kind, value)
    assert [decision.kind for decision in lives.of(ledger, photo).decisions] == [EXCLUDED, REDATED, RESTORED, REDATED]
    with ledger.read() as db:
        assert verdicts.in_force(db, photo.id) == verdicts.InForce(excluded=False, redated=datetime(2024, 1, 2))
    with pytest.raises(sqlite3.IntegrityError, match="append-only"), ledger.write() as db:
        db.execute("UPDATE verdicts SET kind = 'restored'")


# -- older diaries -----------------------------------------------------------------------------------------------------------------


def old_diary(folder: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The diary of version 1 as it was left, brought up to version `number` by the program of then."""
    db = sqlite3.connect(folder / FILE)
    db.executescript((Path(__file__).parent / "version-1.sql").read_text(encoding="utf-8"))
    db.close()
    if number > 1:
        with monkeypatch.context() as then:
            then.setattr(store, "MIGRATIONS", schema.MIGRATIONS[:number])
            Ledger(folder).close()
    return folder


@pytest.mark.parametrize("number", [1, 2])
def test_an_older_diary_learns_of_decisions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """A diary of version 1 or 2 is brought up and takes decisions; what a person had decided in it is still known."""
    ledger = Ledger(old_diary(tmp_path, number, monkeypatch))
    rows = [photo for photo, _ in photos.everything(ledger)]
    assert [decision.kind for photo in rows for decision in lives.of(ledger, photo).decisions] == [EXCLUDED]
    shown = next(photo for photo in rows if photo.stage is Stage.ALIGNED)
    assert decide(ledger, shown, EXCLUDED).stage is Stage.EXCLUDED
    with ledger.read() as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == len(schema.MIGRATIONS) >= 3
        assert db.execute("SELECT count(*) FROM forgotten").fetchone()[0] == 0
    ledger.close()
    assert (tmp_path / f"ledger-before-{number + 1}.sqlite3").exists()


@pytest.mark.parametrize("number", [1, 2])
def test_a_reader_tells_a_life_from_an_older_diary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """`photos why` reads a diary that no program since has opened for writing."""
    reader = Ledger(old_diary(tmp_path, number, monkeypatch), writable=False)
    for photo, names in photos.everything(reader):
        life = lives.of(reader, photo)
        assert (life.names, life.compared) == (names, False)
    reader.close()
